"""JSON shapes of what the registry keeps: members, code sets, local codes, characters, releases."""

from __future__ import annotations

from datetime import date
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape

Item = TypeVar("Item")


class Page(BaseModel, Generic[Item]):
    """A part of a list (一覧); `next` is the cursor of the following part, null at the end."""

    items: list[Item]
    next: str | None = None
    release: int | None = Field(None, description="the release the list is bound to")


class MemberShape(BaseModel):
    """A member (構成市)."""

    code: str = Field(description="municipality code with its check digit", examples=["252069"])
    name: str
    candidate: bool = Field(description="measured, not yet joined")
    successor: str | None = None
    codesets: list[str] = Field(default_factory=list, description="addresses of its code sets")


class CodeSetShape(BaseModel):
    """A code set (外字セット)."""

    id: str = Field(examples=["252069/juki"])
    member: str
    name: str
    system: str
    group: str
    charset: str
    options: dict[str, Any] = Field(description="jis, punctuation, ebcdic")
    areas: list[dict[str, Any]] = Field(description="user-defined areas and their images")
    charset_digest: str
    table: str | None = Field(
        None, description="imported table of the charset it stands on, if any"
    )
    codes: int


class EvidenceShape(BaseModel):
    """On what ground a mapping stands (根拠)."""

    how: str
    score: float | None = None
    actor: str
    ground: str | None = None
    decided_at: str
    shape: dict[str, Any] | None = Field(
        None,
        description="of a confirmation by shape: score, margin, probability, editions, digests",
    )


class ProposalShape(BaseModel):
    """What a source proposes for a code, not decided (提案)."""

    character: str
    relationship: str
    how: str
    value: str


class LocalCodeShape(BaseModel):
    """A local code (外字コード) and what it means in a release; character null: not decided."""

    code: str = Field(examples=["F040"])
    character: str | None
    relationship: str | None
    evidence: EvidenceShape | None
    glyph: str | None = Field(description="sha256 of the city's glyph")
    valid_from: date | None
    valid_to: date | None
    since: int | None
    until: int | None
    uses: int | None = Field(
        None,
        description="occurrences in the city's files that were counted, for who sees the work; "
        "0: not seen in these files; null: none was counted",
    )
    listed: dict[str, Any] = Field(default_factory=dict, description="what the city's list says")
    proposals: list[ProposalShape] = Field(default_factory=list)
    pending: str | None = Field(None, description="character decided and not yet published")
    text: str | None = Field(None, description="the character as text, where it has one")
    release: int | None = Field(None, description="the release one code was asked for in")


class CharacterShape(BaseModel):
    """A shared character (共通文字); null where it has no such number."""

    id: str = Field(examples=["MJ026190"])
    kind: str = Field(description="reference or council")
    text: str | None = Field(description="what to paste")
    ucs: str | None = Field(examples=["U+9089"])
    ivs: str | None = Field(examples=["U+9089 U+E010F"])
    svs: str | None
    juki: str | None = Field(examples=["J+9089"])
    koseki: str | None
    touki: str | None
    x0213: str | None = Field(examples=["1-78-21"])
    strokes: int | None
    radicals: list[int]
    readings: list[str]
    retired: str | None = None
    edition: str | None = None


class UseShape(BaseModel):
    """A city's code for a shared character (使用状況)."""

    codeset: str
    code: str
    relationship: str
    glyph: str | None
    since: int | None
    until: int | None


class VariantShape(BaseModel):
    """A character related to another: same base, or a reduction with its ground (異体字・縮退)."""

    id: str | None
    text: str | None
    relation: str
    ground: str | None = None
    rank: int | None = None


class HistoryShape(BaseModel):
    """One act about a character or code (履歴)."""

    serial: int
    at: str
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]


class ReleaseShape(BaseModel):
    """A release (版)."""

    number: int
    digest: str
    published_at: str
    published_by: str
    manifest: dict[str, Any]


class ChangeShape(BaseModel):
    """One code that means something else in the later release (差分)."""

    codeset: str
    code: str
    valid_from: date | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ImportShape(BaseModel):
    """What an import found and did (受入れの結果)."""

    codeset: str
    dry_run: bool
    serial: int | None
    counts: dict[str, Any]
    findings: list[FindingShape]
    rows: list[dict[str, Any]] | None = Field(None, description="in a dry run: every row")


class MatchShape(BaseModel):
    """One match of a translation."""

    id: str | None
    code: str | None
    relationship: str
    how: str


class TranslatedShape(BaseModel):
    """All matches of one code, in the order asked."""

    code: str
    unmapped: bool
    matches: list[MatchShape]


class TranslationShape(BaseModel):
    """The answer to a translation (変換照会)."""

    release: int
    results: list[TranslatedShape]


class TranslationRequest(BaseModel, extra="forbid"):
    """Codes to translate, at most 10,000."""

    from_: str = Field(alias="from", examples=["252069/juki"])
    to: str = Field(examples=["juki"])
    release: str | int = "latest"
    as_of: date | None = None
    codes: list[str] = Field(max_length=10_000)
    on_unmapped: Literal["report", "error"] = "report"


class JournalEntryShape(BaseModel):
    """One entry of the journal (履歴)."""

    serial: int
    at: str
    actor: str
    role: str
    action: str
    subject: str
    before: dict[str, Any] | None
    after: dict[str, Any]
