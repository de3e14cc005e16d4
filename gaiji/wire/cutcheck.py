"""JSON shapes of what a cutover check found (移行確認): a report per city to sign, with what it holds for."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gaiji.wire.findings import WhereShape

CheckClass = Literal["lost", "undecided", "ambiguous", "one-way", "changed", "residual"]


class ClassShape(BaseModel):
    """How much of an extract belongs to one class (影響の区分)."""

    codes: int = Field(description="different codes")
    occurrences: int
    records: int = Field(description="records in which one of them stands")


class CheckedCodeShape(BaseModel):
    """A code of an extract that does not simply go over and come back (影響を受けるコード)."""

    code: str = Field(examples=["F040"])
    kind: Literal["mapped", "residual", "undecided", "unregistered", "standard"]
    classes: list[CheckClass]
    character: str | None = None
    relationship: str | None = None
    sent: str | None = Field(None, description="J+ code or the server's point", examples=["J+9089"])
    today: str | None = Field(None, description="J+ code of the city's own CS table")
    back: str | None = Field(None, description="exact, rule, one-way or ask")
    occurrences: int
    records: int
    places: list[WhereShape] = Field(description="the first 100; no value of a record is kept")


class CheckedSetShape(BaseModel):
    """The dry run of one extract (抽出データの試行). Sizes in bytes; classes overlap, `any` does not."""

    codeset: str = Field(examples=["252069/juki"])
    digest: str = Field(description="of the code set in the release")
    rows: str = Field(description="digest of its rows in the plan")
    extract_sha256: str
    extract_bytes: int
    layout: str | None = Field(None, description="sha256 of the record layout")
    engine: str
    records: int
    characters: dict[str, int]
    losses: int = Field(description="occurrences that do not come back")
    ambiguous: int = Field(description="occurrences whose way back nobody has decided")
    affected: int = Field(description="records in which any code of the list stands")
    classes: dict[CheckClass, ClassShape]
    codes: list[CheckedCodeShape]


class CutCheckShape(BaseModel):
    """The report of one city to sign (移行確認報告); report_digest is over all the rest, as canonical JSON."""

    format: int = 1
    server: str
    plan: int
    plan_digest: str
    release: int
    release_digest: str
    as_of: str
    member: str
    name: str
    max_loss: int
    max_ambiguous: int
    losses: int
    ambiguous: int
    passed: bool = Field(description="within the budgets, and no code set of the plan unchecked")
    missing: list[str] = Field(description="code sets of the plan that had no extract")
    without: list[str] = Field(description="those left out by name, so that they hold nothing up")
    codesets: list[CheckedSetShape]
    report_digest: str = ""
