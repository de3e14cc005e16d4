"""Whether files of a release are whole (対応表ファイルの検証), with nothing but the files: no registry, no network."""

from __future__ import annotations

from hashlib import file_digest
from pathlib import Path

from pydantic import ValidationError

from gaiji.charset.exporting import described
from gaiji.charset.files import reading
from gaiji.charset.mapfile import open_mapping
from gaiji.errors import BadMappingFile, Refused, Where
from gaiji.wire.mapfiles import ReleaseFileShape, ReleaseFilesShape

MOST_BYTES = 64 << 20


def verify_list(path: Path) -> ReleaseFilesShape:
    """Check every file that a `MANIFEST.json` names, beside it, and return the list.

    Raises Refused for the first file that is missing or another one, with how many are; BadMappingFile for a list that
    cannot be read.
    """
    listed = read_list(path)
    wrong = [item for item in listed.items if not _is_that(path.parent / item.name, item, listed)]
    if wrong:
        raise Refused(
            f"{len(listed.items)} 個のうち {len(wrong)} 個のファイルが、ないか一覧の内容と違います"
            f"(最初: {wrong[0].name})。もう一度取得してください。",
            f"{len(wrong)} of {len(listed.items)} files are missing or not what the list says (first: "
            f"{wrong[0].name}); fetch them again.",
            where=Where(str(path)),
            files=[item.name for item in wrong],
        )
    return listed


def read_list(path: Path) -> ReleaseFilesShape:
    """Return a `MANIFEST.json`. Raises BadMappingFile when it is none, names files elsewhere, or one twice."""
    with reading(path) as file:
        data = file.read(MOST_BYTES)
    try:
        listed = ReleaseFilesShape.model_validate_json(data)
    except (ValidationError, ValueError):
        listed = None
    names = [item.name for item in listed.items] if listed else []
    if (
        listed is None
        or len(set(names)) < len(names)
        or any(Path(name).name != name for name in names)
    ):
        raise BadMappingFile(
            "版のファイルの一覧(MANIFEST.json)として読めません。もう一度取得してください。",
            "This is no list of a release's files (MANIFEST.json); fetch it again.",
            where=Where(str(path)),
        )
    return listed


def _is_that(path: Path, item: ReleaseFileShape, listed: ReleaseFilesShape) -> bool:
    """Whether a file has the listed bytes and, where it is a mapping file, says itself that it is that mapping."""
    if not path.is_file() or path.stat().st_size != item.bytes:
        return False
    with path.open("rb") as file:
        if file_digest(file, "sha256").hexdigest() != item.sha256:
            return False
    if item.format != "gmap":
        return True
    told = described(open_mapping(path))
    wanted = (item.codeset, item.to, listed.release, item.digest, item.options)
    return (told["from"], told["to"], told["release"], told["digest"], told["options"]) == wanted
