"""Identification by shape as JSON: candidates, what the city's list says to them, confirmations (文字同定)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from gaiji.wire.findings import FindingShape
from gaiji.wire.service import Line, NonEmptyLine

Verdict = Literal["same", "design-difference", "different", "absent"]
Group = Literal["certain", "look", "none", "not-measured", "blank", "no-glyph"]
Digest = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class StandardShape(BaseModel):
    """Where a character has a place of its own without any gaiji (標準の文字)."""

    jis: str | None = Field(description="x0208 or x0213, where it has a code there")
    point: str | None = Field(description="its point in JIS X 0213", examples=["1-78-21"])
    code: str | None = Field(
        description="its code in the standard area of the code set", examples=["E7B3"]
    )


class CandidateShape(BaseModel):
    """One character that a glyph may be (同定候補)."""

    id: str = Field(examples=["MJ026190"])
    ucs: str | None = Field(examples=["U+9089"])
    score: float = Field(
        description="likeness, what candidates are ranked by; 1 is the same picture"
    )
    probability: float = Field(description="that this is the right one")
    verdict: Verdict
    family: str = Field(
        description="base character whose forms belong together", examples=["U+9089"]
    )
    text: str | None = None
    ivs: str | None = None
    strokes: int | None = None
    readings: list[str] = Field(default_factory=list)
    standard: StandardShape | None = Field(
        None, description="null: it can be written as gaiji only, as far as this is known"
    )


class IdentificationShape(BaseModel):
    """What one glyph may be (文字同定), best candidate first."""

    code: str = Field(examples=["U+E000"])
    verdict: Verdict | None = Field(description="null while it is not measured")
    probability: float | None = Field(description="that the verdict is right")
    group: Group
    margin: float | None = Field(
        description="score of the first candidate less that of the best of another family"
    )
    candidates: list[CandidateShape]
    siblings: list[str] = Field(
        default_factory=list, description="forms of the same character that compete with the first"
    )


class IdentifiedShape(BaseModel):
    """The glyphs of a file that nobody keeps, identified (ファイルの文字同定)."""

    items: list[IdentificationShape]
    edition: str
    findings: list[FindingShape]


class ReviewCandidateShape(CandidateShape):
    """A candidate with what the city's own list says to it, which never changes its probability."""

    agrees: dict[str, bool] = Field(
        default_factory=dict,
        description="by kind of evidence in the city's list: strokes, readings, radical, mj-name …; "
        "true agrees, false contradicts, absent where either says nothing",
    )
    refused: bool = Field(False, description="a person decided that it is not this character")


class SisterShape(BaseModel):
    """A code of another code set with the very same glyph (同じ字形の他市の外字)."""

    codeset: str
    code: str
    character: str | None
    relationship: str | None


class StandingShape(BaseModel):
    """What was said of a code already (決定の状況); character null: no reference character fits."""

    character: str | None
    relationship: str | None
    how: str
    actor: str
    at: str
    pending: bool


class ReviewShape(IdentificationShape):
    """A local code to be identified (同定を待つ外字)."""

    glyph: str | None = Field(description="sha256 of the city's glyph; send it back to confirm")
    uses: int | None = Field(description="in the counted files; null: nothing was counted")
    valid_from: str | None
    candidates: list[ReviewCandidateShape]  # type: ignore[assignment]
    said: dict[str, Any] = Field(description="what the city's own list says")
    agrees: bool | None = Field(
        description="of the first candidate: true where all that the list says agrees, false where "
        "anything contradicts, null where it says nothing"
    )
    gaiji: StandardShape | None = Field(
        description="where the first candidate can be written without gaiji, if it is this one"
    )
    duplicates: list[str] = Field(description="other codes of the code set with the same glyph")
    sisters: list[SisterShape]
    standing: StandingShape | None = None


class ReviewPage(BaseModel):
    """The codes of a code set to be identified (同定一覧), the most used first."""

    items: list[ReviewShape]
    next: str | None = None
    release: None = Field(None, description="work is bound to no release")
    codeset: str
    edition: str = Field(description="of features and index; send it back to confirm")
    counts: dict[str, int] = Field(description="codes that wait, by group")
    decided: int = Field(description="codes that do not wait any more")


class ConfirmationItem(BaseModel, extra="forbid"):
    """One code that a person has looked at; character null: no reference character fits."""

    code: NonEmptyLine = Field(examples=["F040"])
    glyph: Digest = Field(description="the glyph that was looked at")
    character: NonEmptyLine | None = Field(examples=["MJ026190"])
    relationship: Literal["equivalent", "design-difference", "substitute", "not-related"] = (
        "equivalent"
    )
    ground: Line | None = Field(None, description="needed for `substitute`")


class ConfirmationRequest(BaseModel, extra="forbid"):
    """Codes that a person confirms at once (一括確認)."""

    edition: NonEmptyLine = Field(description="of the list that was looked at")
    items: list[ConfirmationItem] = Field(min_length=1, max_length=1000)


class ConfirmedShape(BaseModel):
    """How many codes were decided, and for how many no character was found (確認の結果)."""

    codeset: str
    count: int
    none: int


class WithdrawnShape(BaseModel):
    """What was taken back (取消し); character null: that no reference character fits."""

    codeset: str
    code: str
    serial: int = Field(description="of the act that was taken back")
    character: str | None
    relationship: str | None
