"""JSON shapes of one name on its way from one code set to another (氏名の変換の過程)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gaiji.wire.findings import FindingShape

LONGEST = 200
"""Characters of one name; a name of record is shorter."""

ReleaseChoice = Annotated[str, StringConstraints(pattern=r"^(adopted|latest|[1-9][0-9]{0,8})$")]
EndName = Annotated[str, StringConstraints(max_length=60)]
Policy = Literal["error", "geta", "escape"]


class NameRequest(BaseModel):
    """One name (氏名) to trace from one code set to another; it travels in bodies only."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    from_: EndName = Field(alias="from", examples=["252069/juki"])
    to: EndName = Field(examples=["252085/juki"])
    name: str = Field(
        max_length=10 * LONGEST,
        description="as typed: text, &252069-juki-F040; for a local code, a shared character's name such as "
        "MJ026190, U+9089 U+E010F, or the private-use character a terminal of the source pasted",
        examples=["渡&252069-juki-F040;花子"],
    )
    release: ReleaseChoice = Field(
        "adopted",
        description="adopted: what each side runs on the day, the latest where that was not told; or a number",
    )
    to_release: ReleaseChoice | None = Field(None, description="the target's, where it differs")
    as_of: date | None = Field(None, description="the day the name was written; default: today")
    on_unmapped: Policy = Field("error", description="what is written where the target has no code")


class NameStepShape(BaseModel):
    """One character of a name (一文字の過程): typed, at the source, shared, at the target, and back."""

    typed: str | None = Field(
        description="what was typed, with a private-use character as its escape"
    )
    code: str | None = Field(description="code at the source, in hex; null: it has none")
    character: str | None = Field(description="the shared character it means")
    relationship: str | None = Field(
        description="how the source's local code means it; null: a standard code"
    )
    ground: str | None
    glyph: str | None = Field(description="sha256 of the source city's glyph")
    target: str | None = Field(description="code at the target, in hex; null: it has none")
    kind: str = Field(description="how it was converted, as in the report of a conversion")
    target_character: str | None = Field(description="what the target's code means there")
    target_relationship: str | None
    target_ground: str | None
    target_glyph: str | None
    written: str | None = Field(description="what a policy wrote where the target has no code")
    back: str | None = Field(description="what the target's code is, converted back, in hex")
    lossy: bool = Field(description="it does not come back as it was")
    findings: list[FindingShape]


class NameEndShape(BaseModel):
    """One end: which table was used (対応表の素性)."""

    id: str
    release: int | None = Field(description="null for a target that is no code set")
    digest: str | None


class NameShape(BaseModel):
    """How one name went from one code set to another (氏名の変換の過程), every step and loss shown."""

    model_config = ConfigDict(populate_by_name=True)

    from_: NameEndShape = Field(alias="from")
    to: NameEndShape
    as_of: date | None
    whole: bool = Field(description="every character has a code at both ends and comes back")
    losses: int
    source: str | None = Field(description="the name's bytes at the source, in hex")
    target: str | None = Field(description="the bytes a conversion writes, in hex; null: it stops")
    steps: list[NameStepShape]
    findings: list[FindingShape] = Field(description="of the releases: what nobody told")
