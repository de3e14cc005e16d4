"""JSON shapes of the files of a release (版のファイル): over REST, and `MANIFEST.json` beside exported files."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

Format = Literal["gmap", "ucm", "csv", "json", "hulft", "fujitsu"]


class ReleaseFileShape(BaseModel):
    """One file of a release (版のファイル): what it maps, how large it is, its sha256."""

    name: str = Field(examples=["252069-juki.unicode.r3.gmap"])
    format: Format
    codeset: str = Field(examples=["252069/juki"])
    charset: str = Field(examples=["cp932"])
    to: str = Field(description="target, or another code set", examples=["unicode"])
    digest: str = Field(description="of what the release says of the code set")
    options: dict[str, Any] = Field(description="what is fixed in it: ivs, mj_format, as_of")
    bytes: int | None = Field(description="null until the file is asked for and made")
    sha256: str | None


class ReleaseFilesShape(BaseModel):
    """The files of a release (版のファイルの一覧), by name; the same bytes for the same release."""

    items: list[ReleaseFileShape]
    next: str | None = None
    release: int
    digest: str = Field(description="of the release")
    engine: str = Field(description="engine revision the files were made by")
    tables: int = Field(description="revision of the built-in charset tables")

    def canonical(self) -> bytes:
        """Return the list as `MANIFEST.json` holds it."""
        return (self.model_dump_json(indent=2) + "\n").encode()
