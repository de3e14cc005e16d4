"""A folder of files that appears whole or not at all (フォルダの一括置換)."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gaiji.charset.files import storage_error
from gaiji.errors import BadInput, Where


@contextmanager
def replacing_folder(folder: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """Give an empty folder that takes the final name when the block ends well; hundreds of files need no handles.

    is_ours: whether what stands there may be replaced; an empty folder always may. A link to a folder stays one.
    Raises BadInput as `check_free`, DiskFull, StorageFailed; after any error what stood there stands.
    """
    check_free(folder, is_ours)
    place = _place(folder)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".gaiji-", dir=place.parent))
    except OSError as error:
        raise storage_error(error, folder) from error
    try:
        mode = _mode(made)
        yield made
        made.chmod(mode)
        _sync(made)
        _take(made, place)
    except OSError as error:
        raise storage_error(error, folder) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def check_free(folder: Path, is_ours: Callable[[Path], bool]) -> None:
    """Raise BadInput unless a folder is new, empty, or one that may be replaced, and can be put in its place at all.

    The folder somebody works in cannot, and where a file system is mounted no other folder can stand.
    """
    try:
        place = _place(folder)
        in_use = place in (here := _here(), *here.parents) or place.is_mount()
        is_file = folder.exists() and not folder.is_dir()
        free = is_file or not folder.exists() or not any(folder.iterdir()) or is_ours(folder)
    except OSError as error:
        raise storage_error(error, folder) from error
    if is_file:
        raise BadInput(
            "書き出すフォルダの場所にファイルがあります。別の名前にしてください。",
            "There is a file where the folder is to be; name another folder.",
            where=Where(str(folder)),
        )
    if in_use:
        raise BadInput(
            "作業中のフォルダと、ディスクが割り当てられたフォルダは、丸ごと置き換えられません。その中の新しいフォルダの"
            "名前を指定してください。",
            "The folder you work in, and one where a disk is mounted, cannot be replaced as a whole; name a new folder "
            "inside it.",
            where=Where(str(folder)),
        )
    if not free:
        raise BadInput(
            "保存先には別のファイルがあります。空のフォルダか、新しい名前を指定してください。",
            "The folder holds other files; name an empty one, or a new name.",
            where=Where(str(folder)),
        )


def _place(folder: Path) -> Path:
    return Path(os.path.realpath(folder))


def _here() -> Path:
    try:
        return _place(Path.cwd())
    except FileNotFoundError:  # somebody removed it: then it is in nobody's way
        return Path()


def _mode(folder: Path) -> int:
    """Return the mode a new folder gets here, by making one: asking for the umask would change it."""
    probe = folder / ".mode"
    probe.mkdir()
    mode = probe.stat().st_mode & 0o777
    probe.rmdir()
    return mode


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _take(made: Path, folder: Path) -> None:
    """Put the folder under its final name; what stood there comes back where that fails."""
    if not folder.exists():
        made.rename(folder)
        return
    before = Path(tempfile.mkdtemp(prefix=".gaiji-", dir=folder.parent))
    before.rmdir()
    folder.rename(before)
    try:
        made.rename(folder)
    except OSError:
        before.rename(folder)
        raise
    shutil.rmtree(before, ignore_errors=True)
