"""Files that appear whole or not at all (一括置換): written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, BinaryIO

from gaiji.errors import BadInput, DiskFull, NotFound, StorageFailed, Text, Where

if TYPE_CHECKING:
    from pathlib import Path

STANDARD = "-"
COPIED_BYTES = 1 << 20  # at once


@contextlib.contextmanager
def reading(path: Path | str) -> Iterator[BinaryIO]:
    """Open a file, or standard input for `-`. Raises NotFound or BadInput with its name."""
    if str(path) == STANDARD:
        with contextlib.suppress(
            OSError, ValueError
        ):  # one that does not block would seem to end early
            os.set_blocking(sys.stdin.buffer.fileno(), True)
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
        raise unreadable(error, path) from None
    with opened:
        yield opened


def check_apart(
    source: Path | str, *outputs: Path | str | None, read: Iterable[Path | str | None] = ()
) -> None:
    """Check the files of one command before anything is read (入出力の確認).

    read: what else the command reads, such as a mapping file, a layout, the database; names without a file too.
    Raises BadInput when an output is one file with another or with what is read, so that nothing overwrites what is
    still needed, and when it lies in a folder that does not exist. Devices such as /dev/null may come twice.
    """
    inputs = [str(one) for one in (*read, source) if one is not None]
    seen = {_place(one): one for one in inputs if one != STANDARD}
    for output in outputs:
        if output is None:
            continue
        place, parent = _place(output), os.path.dirname(os.path.abspath(output)) or "."
        if place in seen:
            raise _named_twice(str(output), seen[place])
        if str(output) != STANDARD and not os.path.isdir(parent):
            raise BadInput(
                "保存先のフォルダがありません。作ってからやり直してください。",
                "The folder of the output does not exist; make it and try again.",
                where=Where(str(output)),
            )
        if str(output) == STANDARD or not _is_device(output):
            seen[place] = str(output)


def _named_twice(name: str, before: str) -> BadInput:
    if name == STANDARD:
        return BadInput(
            "標準出力が二つの用途に指定されています。一方をファイル名にしてください。",
            "Standard output is named for two purposes; choose another name for one of them.",
        )
    also = Text("", "") if name == before else Text(f"({before} と同じ)", f" (it is also {before})")
    return BadInput(
        f"一つのファイルが二つの用途に指定されています{also.ja}。別の名前にしてください。",
        f"One file is named for two purposes{also.en}; choose another name.",
        where=Where(name),
    )


def _place(path: Path | str) -> str:
    """Return what tells one file from another, whatever its names."""
    try:
        found = os.stat(path)
        return f"{found.st_dev}:{found.st_ino}"
    except OSError:
        return os.path.realpath(path)


def _is_device(path: Path | str) -> bool:
    return os.path.exists(path) and not os.path.isfile(path)


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[BinaryIO]:
    """Give a temporary file that takes the final name when the block ends well.

    `-` is standard output; it and devices such as /dev/null get the bytes at the end. Raises DiskFull,
    StorageFailed, or BadInput for a folder. After any error nothing has changed under the final name.
    """
    with replacing_all(path) as (file,):
        yield file


@contextlib.contextmanager
def replacing_all(*paths: Path | str) -> Iterator[tuple[BinaryIO, ...]]:
    """Give temporary files that take their final names together (一括置換) when the block ends well.

    All are complete on the disk before the first is renamed, and when one cannot take its place, those
    before it get back what stood there. What is copied, `-` and devices, comes last. Raises as `replacing`.
    """
    with contextlib.ExitStack() as stack:
        places: list[_Place] = []
        at: Path | str = paths[0]
        try:
            for at in paths:
                places.append(_Place(at))
            for place in places:
                at = place.path
                place.open()
                stack.callback(place.close)
            yield tuple(place.spool for place in places)
            for place in places:
                at = place.path
                place.finish()
            places.sort(key=lambda place: place.is_copied)
            for place in places:
                at = place.path
                if len(places) > 1:
                    place.remember()
                stack.push(place.undo_on_error)
                place.take()
        except OSError as error:
            raise storage_error(error, at) from error


def _mode(path: str) -> int | None:
    """Return the mode of what stands under a name, None for nothing. Raises OSError where nothing ever can."""
    try:
        return os.stat(path).st_mode
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise
        return None


class _Place:
    """One final name, the temporary file for it, and what stood there before."""

    def __init__(self, path: Path | str) -> None:
        self.path = path
        self.final = os.path.realpath(path)
        mode = _mode(self.final)
        self.is_copied = str(path) == STANDARD or not (mode is None or stat.S_ISREG(mode))
        self.spool: BinaryIO
        self._names: list[str] = []  # temporary files to remove in the end
        self._before: str | None = None
        self._stood = None if mode is None else stat.S_IMODE(mode)
        self._is_remembered = self._is_taken = False
        if mode is not None and stat.S_ISDIR(mode):
            raise BadInput(
                "保存先がフォルダです。ファイル名を指定してください。",
                "The output is a folder; name a file.",
                where=Where(str(path)),
            )

    def _temporary(self) -> BinaryIO:
        """Open a new file that nobody else can read: beside the final one, or where temporary files are."""
        if self.is_copied:
            from tempfile import gettempdir

            folder = gettempdir()
        else:
            folder = os.path.dirname(self.final)
        name = os.path.join(folder, f".gaiji-{os.urandom(8).hex()}")
        made = open(name, "x+b", opener=_private)  # noqa: SIM115
        self._names.append(name)
        return made

    def open(self) -> None:
        """Open what is written to: the null device itself, which keeps nothing, or a temporary file."""
        self.is_null = self.is_copied and self.final == os.devnull
        self.spool = open(os.devnull, "wb") if self.is_null else self._temporary()  # noqa: SIM115

    def finish(self) -> None:
        """Bring everything to the disk."""
        self.spool.flush()
        if not self.is_copied:
            os.fsync(self.spool.fileno())
            usual = _usual_mode(f"{self._names[0]}-mode") if self._stood is None else self._stood
            os.chmod(self._names[0], usual)

    def remember(self) -> None:
        """Keep a second name, or else a copy, of what stands under the final name."""
        if self.is_copied:
            return
        self._is_remembered = True
        if not os.path.exists(self.final):
            return
        self._temporary().close()
        name = self._names[-1]
        os.unlink(name)
        try:
            os.link(self.final, name)
        except OSError:  # a file system without links
            import shutil

            shutil.copy2(self.final, name)
        self._before = name

    def take(self) -> None:
        """Put the temporary file, or its bytes, under the final name."""
        if self.is_null:
            return
        if self.is_copied:
            self.spool.seek(0)
            _copy(self.spool, self.path)
            return
        os.replace(self._names[0], self.final)
        self._is_taken = True

    def undo_on_error(self, kind: object, *_error: object) -> None:
        if kind is None or not self._is_remembered or not self._is_taken:
            return
        with contextlib.suppress(OSError):
            if self._before is None:
                os.unlink(self.final)
            else:
                os.replace(self._before, self.final)

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk refuses what is still buffered
            self.spool.close()
        for name in self._names:
            with contextlib.suppress(OSError):
                os.unlink(name)


def _copy(spool: BinaryIO, path: Path | str) -> None:
    with contextlib.ExitStack() as stack:
        is_standard = str(path) == STANDARD
        out = sys.stdout.buffer if is_standard else stack.enter_context(open(path, "wb"))
        while part := spool.read(COPIED_BYTES):
            out.write(part)
        out.flush()


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def _usual_mode(name: str) -> int:
    """Return the mode that a new file gets here, by making an empty one: asking for the umask would change it."""
    made = os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        return stat.S_IMODE(os.fstat(made).st_mode)
    finally:
        os.close(made)
        os.unlink(name)


REASONS = {
    errno.EACCES: Text("権限がありません", "no permission"),
    errno.EPERM: Text("許されていません", "not permitted"),
    errno.ENOENT: Text("フォルダがありません", "no such folder"),
    errno.ENOTDIR: Text("途中の名前がフォルダではありません", "a name on the way is no folder"),
    errno.EISDIR: Text("フォルダです", "it is a folder"),
    errno.EROFS: Text("読出し専用です", "it is read-only"),
    errno.ENOSPC: Text("空きがありません", "no space is left"),
    errno.EDQUOT: Text("割当てを使い切りました", "the quota is used up"),
    errno.EIO: Text("装置の読み書きに失敗しました", "the device failed"),
    errno.ENAMETOOLONG: Text("名前が長すぎます", "the name is too long"),
    errno.ELOOP: Text("リンクが循環しています", "its links go in circles"),
}


def reason(error: OSError) -> Text:
    """Return why the operating system refused (理由), in its own words where it is a rare one."""
    said = error.strerror or type(error).__name__
    return REASONS.get(error.errno or 0, Text(said, said))


def unreadable(error: OSError, path: Path | str) -> BadInput:
    """Return the deliberate error for one from the operating system while opening or reading."""
    return BadInput(
        f"ファイルを読めません ({reason(error).ja})。種類と権限を確かめてください。",
        f"The file cannot be read ({reason(error).en}); check its kind and permissions.",
        where=Where(str(path)),
    )


def storage_error(error: OSError, path: Path | str | None) -> StorageFailed:
    """Return the deliberate error for one from the operating system while writing.

    path: the file that was written, `-` for standard output, None where it is not known.
    """
    is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if str(path) == STANDARD:
        kind = DiskFull if is_full else StorageFailed
        return kind(
            f"標準出力に最後まで書けませんでした ({reason(error).ja})。書き先を確かめて再実行してください。",
            f"Standard output could not be written to its end ({reason(error).en}); check where it goes and run "
            "it again.",
        )
    where = None if path is None else Where(str(path))
    if is_full:
        return DiskFull(
            "ディスクに空きがないため、何も書き込みませんでした。空きを作って再実行してください。",
            "The disk is full and nothing was written; make room and run it again.",
            where=where,
        )
    return StorageFailed(
        f"書き込めません ({reason(error).ja})。保存先と権限を確かめてください。",
        f"Cannot write ({reason(error).en}); check the folder and its permissions.",
        where=where,
    )
