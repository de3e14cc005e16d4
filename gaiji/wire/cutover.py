"""JSON shapes of a plan for a shared CS server (移行計画): its sums, rows, ambiguities and the order of moving."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

RowKind = Literal["mapped", "residual", "undecided"]
Back = Literal["exact", "rule", "one-way", "ask"]
Reason = Literal[
    "no-source", "not-decided", "refused", "contradiction", "not-in-force", "not-in-release"
]
AmbiguityKind = Literal["two-codes", "standard-and-local", "text-and-local", "only-substitutes"]


class CutoverCountsShape(BaseModel):
    """How many local codes become what; mapped, residual and undecided add up to `codes`."""

    codes: int = Field(description="registered local codes; without a key those of the release")
    mapped: int = Field(description="with a Juki code")
    residual: int = Field(description="without one, at a code point of the server (残存外字)")
    undecided: int = Field(description="without a character")
    exact: int = Field(description="come back by themselves")
    rule: int = Field(description="come back because a rule chose them")
    one_way: int = Field(description="do not come back, as is known")
    ask: int = Field(description="nobody has said yet whether they come back")
    changes: int | None = Field(
        description="sent as something else than the city's own table says today; null without a key"
    )


class CutoverSetShape(BaseModel):
    """One code set of a plan."""

    codeset: str = Field(examples=["252069/juki"])
    digest: str = Field(description="of what the release says of the code set")
    rows: str = Field(
        description="digest of the plan's rows, equal in every plan that says the same"
    )
    counts: CutoverCountsShape


class SharedQuestionShape(BaseModel):
    """One glyph without a character, in several members: it gets one answer before the first of them moves."""

    glyph: str = Field(description="sha256")
    members: list[str]
    codes: list[str] = Field(examples=[["252069/juki/F046", "252085/zei/F046"]])
    moved: list[str] = Field(
        default_factory=list, description="those of its members that moved: the answer reaches them"
    )


class MoveStepShape(BaseModel):
    """One member's place in the order of moving (移行の順序)."""

    member: str
    moved: date | None = Field(
        description="the day it moved, or is to move; null where none is recorded"
    )
    undecided: int = Field(description="its codes without a character")
    uses: int | None = Field(description="how often those stand in counted files (のべ)")
    open: int = Field(description="characters whose way back nobody has settled")
    shared: list[SharedQuestionShape] = Field(description="to be decided before this step")


class SameAsShape(BaseModel):
    """What stayed as an earlier plan had it."""

    number: int
    digest: str
    codesets: list[str] = Field(description="code sets with the same rows and points")


class PlanShape(BaseModel):
    """A plan to bring cities onto one shared CS server (移行計画)."""

    server: str = Field(examples=["cs1"])
    number: int = Field(description="0 in a dry run")
    release: int
    release_digest: str
    as_of: date = Field(description="the day whose meanings hold")
    members: list[str]
    digest: str = Field(description="sha256 of its canonical manifest")
    made_at: str | None = None
    made_by: str | None = None
    area: str = Field(examples=["E000-F8FF"])
    points: int = Field(description="code points given by the server, to all its plans")
    free: int = Field(description="code points left behind the last one")
    counts: CutoverCountsShape
    codesets: list[CutoverSetShape]
    left_out: list[str] = Field(
        description="code sets of its members that are not in it: not in the release, or not asked for"
    )
    members_left_out: list[str] = Field(
        description="members of the plan before that are not in this one"
    )
    ambiguities: dict[AmbiguityKind, int]
    open: dict[AmbiguityKind, int] = Field(description="of those, without a rule")
    rules: int
    outside: int | None = Field(
        description="Juki codes of the cities' own tables that the reference set does not have; null without a key"
    )
    order: list[MoveStepShape]
    unchanged: SameAsShape | None = Field(description="held against the plan before")
    plans: list[int] = Field(description="numbers of the server's plans")


class ProposedReductionShape(BaseModel):
    """What the shrink map offers instead of a residual character: shown, never applied."""

    character: str | None = Field(description="null for a tie")
    juki: str | None
    ground: str
    rank: int | None
    tied: list[str] = Field(default_factory=list)


class PlanRowShape(BaseModel):
    """What becomes of one local code (移行計画の行)."""

    codeset: str
    code: str = Field(examples=["F040"])
    valid_from: date | None
    kind: RowKind
    reason: Reason | None = Field(description="why it is undecided")
    character: str | None
    relationship: str | None
    how: str | None
    actor: str | None
    ground: str | None
    decided_at: str | None
    juki: str | None = Field(examples=["J+9089"])
    point: str | None = Field(examples=["U+E000"])
    back: Back | None
    glyph: str | None
    reduction: ProposedReductionShape | None
    today: str | None = Field(
        description="what the city's own CS table says; null without a key too"
    )
    changes: bool | None
    uses: int | None = Field(description="occurrences in counted files (のべ)")


class AmbiguityShape(BaseModel):
    """A character whose way back needs a rule (戻りのあいまいさ)."""

    kind: AmbiguityKind
    codeset: str
    character: str
    sent: str = Field(description="the unit that several codes share", examples=["J+9089"])
    codes: list[str] = Field(examples=[["F040", "F041"]])
    standard: str | None = Field(description="the standard code that shows the same")
    open: bool = Field(description="nobody has decided yet")
    returns: str | None = Field(description="the code that a rule chose")
    ground: str | None
    actor: str | None


class MovedShape(BaseModel):
    """A member that moved, or has a day on which it will (移行済み)."""

    server: str
    member: str
    plan: int
    day: date


class CutoverShape(BaseModel):
    """A shared CS server and how far the move is (CSサーバーの移行状況)."""

    server: str
    area: str
    plans: list[int]
    release: int | None = Field(description="of the newest plan")
    digest: str | None = Field(description="of the newest plan")
    members: list[str] = Field(description="of the newest plan")
    moved: list[MovedShape]
