"""JSON shapes of what the service takes, and of its answers beside the nouns (要求と応答の形)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, StringConstraints, Tag

from gaiji.wire.nouns import ChangeShape, ReleaseShape

Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", max_length=200)]
NonEmptyLine = Annotated[
    str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*$", min_length=1, max_length=200)
]


class MemberRequest(BaseModel, extra="forbid"):
    """A member (構成市) to register or change."""

    name: Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")] = (
        Field(max_length=50, examples=["草津市"])
    )
    candidate: bool = Field(False, description="measured, not yet joined")
    successor: str | None = Field(None, description="the member it was merged into, if any")


class CodeSetRequest(BaseModel, extra="forbid"):
    """A code set (外字セット) to register; later only `system` and `group` change."""

    system: NonEmptyLine = Field(examples=["住民記録"])
    group: Literal["住民記録系", "税系", "社会保障系", "その他"]
    charset: NonEmptyLine = Field(examples=["cp932"])
    jis: Literal[78, 83, 90, 2004] | None = None
    punctuation: Literal["microsoft", "jis"] | None = None
    ebcdic: Literal["kana", "latin"] | None = None
    areas: list[dict[str, Any]] | None = Field(
        None, description="user-defined areas and their images; the charset's own where null"
    )
    table: NonEmptyLine | None = Field(
        None, description="name of an imported table of the charset; the built-in one where null"
    )


class CodeDecision(BaseModel, extra="forbid"):
    """A person's decision about one code (決定)."""

    code: NonEmptyLine = Field(examples=["F040"])
    character: NonEmptyLine = Field(
        description="a shared character, or `new`", examples=["MJ026190"]
    )
    relationship: Literal["equivalent", "design-difference", "substitute", "not-related"] = (
        "equivalent"
    )
    ground: Line | None = Field(None, description="needed for `substitute` and for `new`")
    valid_from: date | None = Field(
        None, description="first day of the meaning, where the slot was used again"
    )


class PolicyDecision(BaseModel, extra="forbid"):
    """A policy (決定方針) to decide every code it covers."""

    policy: NonEmptyLine = Field(examples=["exact-mj-name"])


def _decision_kind(body: Any) -> str:
    by_policy = "policy" in body if isinstance(body, dict) else isinstance(body, PolicyDecision)
    return "PolicyDecision" if by_policy else "CodeDecision"


Decision = Annotated[
    Annotated[CodeDecision, Tag("CodeDecision")] | Annotated[PolicyDecision, Tag("PolicyDecision")],
    Discriminator(_decision_kind),
]
"""What is decided (決定): by a policy where `policy` is given, else about one code."""


class DecidedShape(BaseModel):
    """What was decided: how many codes, and how many were left alone, by reason."""

    codeset: str
    count: int
    character: str | None = Field(None, description="of a decision about one code")
    left: dict[str, int] = Field(default_factory=dict)


class PublishedShape(BaseModel):
    """Whether anything was published (公布), and the release that is the latest now."""

    published: bool
    release: ReleaseShape


class DiffShape(BaseModel):
    """What changed between two releases (差分)."""

    items: list[ChangeShape]
    next: str | None = None
    release: int
    before: int
    unchanged: list[str] = Field(description="code sets that mean exactly the same in both")


class HeadShape(BaseModel):
    """The end of the journal (履歴の末尾)."""

    serial: int
    at: str | None
    release: int | None


class EditionShape(BaseModel):
    """One edition of reference data, with where it came from (基準データの版)."""

    dataset: str
    edition: str
    digest: str
    current: bool
    source: dict[str, Any]


class FontShape(BaseModel):
    """A reference font and whether it is there (基準フォント)."""

    name: str
    title: str
    edition: str
    licence: str
    state: str


class AboutShape(BaseModel):
    """What this service is, and what it stands on (このサービスについて)."""

    name: str
    version: str
    prefix: str | None = Field(description="prefix of the council's own characters")
    release: int | None
    serial: int
    editions: list[EditionShape]
    fonts: list[FontShape]


class ReadyShape(BaseModel):
    """Whether the service can answer (稼働状態)."""

    status: str
    schema_revision: str | None = None


class ProblemTypeShape(BaseModel):
    """A kind of problem (誤りの種類)."""

    type: str = Field(examples=["/problems/unknown-member"])
    title: str
    status: int
    exit_status: int = Field(description="of the command line")
    description: str
