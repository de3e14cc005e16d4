"""JSON shapes of usage counts (使用頻度): of files, of codes."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape, WhereShape


class CountedFileShape(BaseModel):
    """A file whose codes were counted; neither its name nor any place in it is kept."""

    sha256: str
    size: int
    layout: str | None = Field(None, description="sha256 of the record layout it was read by")
    as_of: date | None = Field(None, description="day the file was written, where it was told")
    records: int
    malformed: int = Field(description="bytes that belong to no character")
    codes: int = Field(description="different codes of the user-defined areas")
    uses: int = Field(description="their occurrences")
    unassigned: int = Field(0, description="occurrences of codes without a character")
    counted_at: str | None = None
    counted_by: str | None = None
    known: bool = Field(
        False, description="counted before with the same result: nothing was written"
    )


class CodeUseShape(BaseModel):
    """How often one code stands in the counted files; 0: not seen in these files, which is not disuse."""

    code: str = Field(examples=["F040"])
    uses: int
    files: int = Field(description="files it was seen in")
    last_seen: date | None = Field(None, description="day of the newest dated file it was seen in")
    registered: bool


class UnassignedShape(BaseModel):
    """A code outside the user-defined areas to which no table of the code set gives a character (未割当)."""

    code: str = Field(examples=["41A1"])
    uses: int
    files: int = Field(description="files it was seen in")
    last_seen: date | None = Field(None, description="day of the newest dated file it was seen in")
    places: list[WhereShape] = Field(
        default_factory=list,
        description="the first 100, told when the files are counted and never kept",
    )


class UsageShape(BaseModel):
    """What was counted for a code set (使用頻度): files, codes, and what does not fit together."""

    codeset: str
    dry_run: bool = False
    files: list[CountedFileShape]
    codes: list[CodeUseShape]
    unassigned: list[UnassignedShape] = Field(
        default_factory=list, description="codes that are neither a character nor user-defined"
    )
    findings: list[FindingShape]
