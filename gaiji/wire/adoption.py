"""JSON shapes of where each city stands (適用状況): sites, what they run, whom a change would touch."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, Field

from gaiji.wire.service import Line, NonEmptyLine

SiteKind = Literal["member", "system", "server", "terminals", "print"]


class SiteShape(BaseModel):
    """A place that runs a release (適用先)."""

    site: str = Field(description="its public name", examples=["server:cs1"])
    kind: SiteKind
    name: str = Field(examples=["cs1"])
    member: str | None = Field(None, description="whose it is, null where it belongs to several")
    codesets: list[str] = Field(
        default_factory=list, description="what it shows; empty: all of its member, or all"
    )
    options: dict[str, Any] = Field(default_factory=dict, examples=[{"area": "E000-F8FF"}])


class SiteRequest(BaseModel, extra="forbid"):
    """A CS server, a terminal group or a print job to register (適用先の登録)."""

    site: NonEmptyLine = Field(examples=["server:cs1"])
    codesets: list[NonEmptyLine] = Field(default_factory=list)
    area: NonEmptyLine | None = Field(
        None, description="of a server: its private-use area", examples=["E000-F8FF"]
    )


class AdoptionRequest(BaseModel, extra="forbid"):
    """From which day a site runs which release (適用の記録)."""

    site: NonEmptyLine = Field(examples=["252069/juki"])
    release: int = Field(ge=1)
    from_: date = Field(alias="from", examples=["2027-01-04"])
    font: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="sha256 of the font handed to its terminals"
    )
    ground: Line | None = None


class WithdrawalRequest(BaseModel, extra="forbid"):
    """Which record of a site is taken back (適用の取消), and why."""

    site: NonEmptyLine = Field(examples=["252069/juki"])
    from_: date = Field(alias="from", description="its first day", examples=["2027-01-04"])
    ground: NonEmptyLine = Field(examples=["日付の誤り"])


class NextShape(BaseModel):
    """What a site will run next (予定)."""

    release: int
    from_: date = Field(serialization_alias="from")


class AdoptionShape(BaseModel):
    """What a site runs on a day (適用状況); release null: nobody told."""

    site: str = Field(examples=["system:252069/juki"])
    kind: SiteKind
    name: str
    member: str | None
    codesets: list[str] = Field(default_factory=list, description="what it shows, where told")
    release: int | None
    from_: date | None = Field(None, serialization_alias="from")
    told_by: str | None = Field(
        None, description="site whose record this is: a system without one follows its member"
    )
    behind: bool = Field(False, description="a later release is published")
    font: str | None = Field(None, description="sha256 of the font handed to its terminals")
    ground: str | None = None
    by: str | None = Field(None, description="who recorded it")
    at: str | None = None
    next: NextShape | None = None


class TouchedSetShape(BaseModel):
    """A code set of a site that a change reaches, and how many of its codes change."""

    codeset: str
    codes: int


class TouchedShape(BaseModel):
    """A site that a change would touch (影響を受ける適用先)."""

    site: str
    kind: SiteKind
    member: str | None
    release: int | None = Field(description="what it runs, null where nobody told")
    codesets: list[TouchedSetShape]
    font: str | None = None
    plan: str | None = Field(None, description="of a server: the plan it runs by")
