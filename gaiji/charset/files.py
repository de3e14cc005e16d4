"""Files that appear whole or not at all (一括置換): written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from gaiji.errors import BadInput, DiskFull, NotFound, StorageFailed, Where

STANDARD = "-"


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-`. Raises NotFound or BadInput with its name."""
    if str(path) == STANDARD:
        yield sys.stdin.buffer
        return
    where = Where(str(path))
    try:
        opened = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError:
        raise NotFound(
            "ファイルがありません。名前を確かめてください。",
            "No such file; check its name.",
            where=where,
        ) from None
    except OSError as error:
        raise BadInput(
            f"ファイルを開けません ({error.strerror})。種類と権限を確かめてください。",
            f"The file cannot be opened ({error.strerror}); check its kind and permissions.",
            where=where,
        ) from None
    with opened:
        yield opened


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[BinaryIO]:
    """Give a temporary file that takes the final name when the block ends well.

    `-` is standard output; it and devices such as /dev/null get the bytes at the end. Raises DiskFull,
    StorageFailed, or BadInput for a folder. After any error nothing has changed under the final name.
    """
    final = Path(os.path.realpath(path))
    copied = str(path) == STANDARD or (final.exists() and not final.is_file())
    if copied and final.is_dir():
        raise BadInput(
            "保存先がフォルダです。ファイル名を指定してください。",
            "The output is a folder; name a file.",
            where=Where(str(path)),
        )
    name: str | None = None
    try:
        folder = None if copied else final.parent
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".gaiji-", delete=False) as spool:
            name = spool.name
            yield cast(BinaryIO, spool)
            spool.flush()
            if copied:
                spool.seek(0)
                _copy(cast(BinaryIO, spool), path)
                return
            os.fsync(spool.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, final)
        name = None
    except OSError as error:
        raise storage_error(error, path) from error
    finally:
        if name is not None:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _copy(spool: BinaryIO, path: Path | str) -> None:
    if str(path) == STANDARD:
        shutil.copyfileobj(spool, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    with open(path, "wb") as device:
        shutil.copyfileobj(spool, device)


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def storage_error(error: OSError, path: Path | str) -> StorageFailed:
    """Return the deliberate error for one from the operating system while writing."""
    where = Where(str(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            "ディスクに空きがないため、何も書き込みませんでした。空きを作って再実行してください。",
            "The disk is full and nothing was written; make room and run it again.",
            where=where,
        )
    return StorageFailed(
        f"書き込めません ({error.strerror})。保存先と権限を確かめてください。",
        f"Cannot write ({error.strerror}); check the folder and its permissions.",
        where=where,
    )
