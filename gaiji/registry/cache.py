"""The cache folder (保存領域): files made from releases, each made once, by one maker at a time in a process.

A file is named by everything it depends on, so none is ever another one's. A mapping file has its checksum inside, any
other its sha256 beside it: what is damaged is made anew. The folder may be deleted at any time; beyond
`cache_max_bytes` what was used least recently goes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock

from gaiji.charset.files import replacing_all, storage_error
from gaiji.errors import Busy
from gaiji.settings import Settings

CHECK = ".sha256"
MAKING_TIMEOUT_S = 120.0
KEPT_S = 3600  # a file used within the hour may be on its way out
_MAKING = Lock()


def cached(
    settings: Settings,
    path: Path,
    make: Callable[[Path], object],
    is_whole: Callable[[Path], bool] | None = None,
) -> Path:
    """Return a file of the cache, made where it is missing or damaged.

    is_whole: how damage is told, by the sha256 beside it where None. Raises Busy, DiskFull, StorageFailed and what
    `make` raises.
    """
    whole = is_whole or (lambda one: digest_of(one) is not None)
    if whole(path):
        with suppress(OSError):
            os.utime(path)  # used now
        return path
    with in_turn():
        if not whole(path):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, path.parent) from error
            make(path)
            _shrink(settings, path)
    return path


def keep(path: Path, data: bytes) -> None:
    """Write a file with its sha256 beside it: both or none. Raises DiskFull, StorageFailed."""
    with replacing_all(_check(path), path) as (check, file):
        check.write(sha256(data).hexdigest().encode())
        file.write(data)


def digest_of(path: Path) -> str | None:
    """Return the sha256 of a file that is as `keep` wrote it, else None."""
    try:
        known = sha256(path.read_bytes()).hexdigest()
        return known if _check(path).read_bytes() == known.encode() else None
    except OSError:
        return None


def _check(path: Path) -> Path:
    """Return where the sha256 of a file stands."""
    return path.with_name(path.name + CHECK)


@contextmanager
def in_turn() -> Iterator[None]:
    """Let one file be made at a time in this process: it takes a core for seconds. Raises Busy."""
    if not _MAKING.acquire(timeout=MAKING_TIMEOUT_S):
        raise Busy(
            "版のファイルの作成が混み合っています。しばらくしてからやり直してください。",
            "Too many files of releases are being made; try again later.",
        )
    try:
        yield
    finally:
        _MAKING.release()


def _shrink(settings: Settings, made: Path) -> None:
    """Delete what was used least recently until the cache is within its limit; what was just made stays."""
    found = []
    for path in settings.cache_folder.iterdir():
        if path.suffix == CHECK:  # goes with its file
            continue
        with suppress(FileNotFoundError):  # another process shrinks too
            state = path.stat()
            found.append((path == made, state.st_mtime_ns, state.st_size, path))
    used = sum(size for _, _, size, _ in found)
    recent = time.time_ns() - KEPT_S * 1_000_000_000
    for is_made, used_ns, size, path in sorted(found):
        if used <= settings.cache_max_bytes or is_made or used_ns > recent:
            return
        with suppress(OSError):  # Windows keeps what somebody maps
            path.unlink()
            used -= size
            _check(path).unlink(missing_ok=True)
