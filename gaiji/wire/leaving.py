"""JSON shape of a member's own data (構成市のデータ一式): `MANIFEST.json` of an export."""

from __future__ import annotations

from pydantic import BaseModel, Field


class LeavingFileShape(BaseModel):
    """One file of the export."""

    name: str = Field(examples=["juki/codes.csv"])
    bytes: int
    sha256: str


class LeavingShape(BaseModel):
    """Everything of one member, for leaving, merging or the next procurement (構成市のデータ一式)."""

    format: int = 1
    member: str
    name: str
    codesets: list[str]
    serial: int = Field(description="last act of the registry that is in it")
    release: int | None = Field(
        description="release of the mapping files; null: the member is in none"
    )
    release_digest: str | None
    files: list[LeavingFileShape]

    def canonical(self) -> bytes:
        """Return it as `MANIFEST.json` holds it."""
        return (self.model_dump_json(indent=2) + "\n").encode()
