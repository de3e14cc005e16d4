"""The report of a conversion (変換報告) as JSON."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Place(BaseModel):
    """Where an occurrence stands: record from 1, byte offset from 0; field when a layout names it."""

    record: int
    field: str | None = None
    byte_offset: int


class Unmapped(BaseModel):
    """A code without a shared character (未対応): how often, and its first 100 places."""

    code: str = Field(description="bytes in hex, as the source has them")
    text: str | None = Field(None, description="what the code is, where it is a standard character")
    count: int
    places: list[Place]


class Reduced(BaseModel):
    """A character written as another one (縮退・包摂・代替), with its ground."""

    code: str
    character: str | None
    kind: str = Field(description="unified, substitute or reduced")
    to: str | None = Field(description="the text written, where the target is text")
    ground: str | None
    count: int
    places: list[Place]


class Recoded(BaseModel):
    """Any other code that does not come back as it was, whose shape depends on the JIS edition, or a mark.

    A mark (U+FEFF that opened the file) is no character and no loss; only a receipt keeps it.
    """

    code: str
    kind: str
    lossy: bool
    count: int
    places: list[Place]


class ConversionReport(BaseModel):
    """What a conversion read, wrote, gave up and could not map. Counts are occurrences."""

    model_config = ConfigDict(populate_by_name=True)

    source: str = Field(alias="from")
    target: str = Field(alias="to")
    release: int
    digest: str = Field(description="sha256 of the mapping used")
    target_release: int | None = Field(None, description="of the other code set, city to city")
    target_digest: str | None = None
    cutover: tuple[str, int, str] | None = Field(
        None, description="server, number and digest of the cutover plan that was used"
    )
    engine: str
    options: dict[str, Any]
    written: bool = Field(description="false after a dry run or a refusal")
    records: int
    input_bytes: int
    output_bytes: int
    characters: dict[str, int] = Field(description="occurrences by kind")
    losses: int = Field(description="occurrences that cannot be read back from the output alone")
    unmapped: list[Unmapped]
    reductions: list[Reduced]
    recoded: list[Recoded]
    input_sha256: str | None = None
    output_sha256: str | None = None
    findings: list[dict[str, Any]] | None = Field(
        None, description="what was taken because nobody told which release a city runs"
    )
    fields: list[dict[str, Any]] | None = Field(
        None, description="what happened to values, by field, where a layout was used"
    )
