"""What lint found (点検報告) as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints
from typing_extensions import override

from gaiji.errors import Text
from gaiji.wire.conversion import Place
from gaiji.wire.findings import Finding, FindingShape, Level

NONE = Text("", "")
TargetName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,20}$")]
Targets = Annotated[list[TargetName], Field(max_length=20)]
ReleaseName = Annotated[str, StringConstraints(pattern=r"^(latest|[1-9][0-9]{0,8})$")]


@dataclass(frozen=True)
class LintFinding(Finding):
    """A finding about one subject: how often it stands in the input, its first places, the way out (所見).

    `where` is the first place. places: at most 100, fewer where the report grew large.
    """

    count: int = 1
    places: tuple[tuple[int, int], ...] = ()
    way_out: Text = NONE

    @override
    def shape(self) -> LintFindingShape:
        """Return the JSON shape, its texts in the current language."""
        return LintFindingShape(
            **super().shape().model_dump(),
            count=self.count,
            places=[Place(record=record, byte_offset=at) for record, at in self.places],
            way_out=str(self.way_out),
        )


class LintFindingShape(FindingShape):
    """A finding of lint: `where` is its first place."""

    count: int = Field(description="how often it stands in the input")
    places: list[Place] = Field(description="the first 100 places, fewer in a large report")
    way_out: str


class LintTotal(BaseModel):
    """One check's total: occurrences, different subjects, and those the report leaves out."""

    code: str
    level: Level
    count: int
    subjects: int = Field(description="different subjects among the findings shown")
    left_out: int = Field(description="occurrences of subjects beyond those shown")


class LintReport(BaseModel):
    """What would be lost or changed in a file or text: totals by check, then findings, the gravest first."""

    charset: str
    release: int | None = Field(
        None, description="whose repertoire it was; null: the reference set that ships"
    )
    targets: list[str]
    records: int
    bytes: int
    characters: int = Field(description="codes, or characters with the marks that follow them")
    totals: list[LintTotal]
    findings: list[LintFindingShape]


class LintRequest(BaseModel, extra="forbid"):
    """Text to lint (点検), and what it is held against."""

    text: str = Field(examples=["渡邉󠄏 花子"])
    to: Targets = Field([], description="targets: x0208, x0213, juki, or a charset by name")
    release: ReleaseName = Field(
        "latest", description="whose characters; latest before the first: the set that ships"
    )
