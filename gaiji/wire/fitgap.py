"""JSON shapes of FIT&GAP (適合・不適合の表)."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape

Against = Literal["MJ", "GJ", "table"]
GapKind = Literal["substitute", "undecided", "unmapped", "outside"]


class FitGapRowShape(BaseModel):
    """One line of the table: a business-system group, or the total."""

    number: int | None = Field(description="項番; null for the total")
    group: str = Field(examples=["住民記録系", "合計"])
    code_sets: int
    codes: int
    fit: int
    gap: int
    substitute: int = Field(description="decided as substitute")
    undecided: int = Field(description="proposed, waiting for a decision")
    unmapped: int = Field(description="no source says what it is")
    outside: int = Field(description="decided, but not in what is measured against")
    rate: float | None = Field(
        description="percent, cut to 0.1 and never rounded up; null without codes", examples=[99.6]
    )


class FitGapCodeSetShape(BaseModel):
    """What the imports of one code set found and still holds, counted by finding."""

    codeset: str
    system: str
    group: str
    codes: int
    fit: int
    findings: dict[str, int]


class GapProposalShape(BaseModel):
    """A proposal for a code that is a gap."""

    character: str
    how: str
    relationship: str
    value: str
    refused: bool = Field(description="a person decided that it is not this character")


class RemedyShape(BaseModel):
    """What would close a gap."""

    code: str = Field(examples=["decide-proposal"])
    text: str


class GapShape(BaseModel):
    """One gap (不適合)."""

    codeset: str
    code: str = Field(examples=["F040"])
    kind: GapKind
    glyph: str | None = Field(description="sha256 of the city's glyph")
    character: str | None
    relationship: str | None
    ground: str | None
    valid_from: date | None
    valid_to: date | None
    listed: dict[str, Any] = Field(description="what the city's list says")
    proposals: list[GapProposalShape]
    findings: list[FindingShape]
    remedy: RemedyShape


class NeighbourShape(BaseModel):
    """Another member's code set before and after."""

    codeset: str
    digest: str = Field(description="as the latest release recorded it")
    after: str = Field(
        description="as it would be with everything decided for this member published"
    )
    unchanged: bool
    waiting: int = Field(description="its own decisions and glyphs not yet published")


class ProofShape(BaseModel):
    """Whether anything changes for the other members; release null: nothing published yet."""

    release: int | None
    unchanged: bool
    codesets: list[NeighbourShape]


class FitGapShape(BaseModel):
    """FIT&GAP of a member or candidate."""

    member: str
    name: str
    candidate: bool
    against: Against
    release: int | None = Field(description="null: the state of work, decided counts as decided")
    table_release: int | None = Field(
        None, description="the release of the shared table measured against"
    )
    rows: list[FitGapRowShape]
    codesets: list[FitGapCodeSetShape]
    gaps: list[GapShape]
    others_unchanged: ProofShape
