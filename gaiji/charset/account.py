"""What a conversion did, as its report tells it (変換報告): plain data; `wire.conversion` is its schema."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

MAX_PLACES = 100


class Place(NamedTuple):
    """Where an occurrence stands (位置): record from 1, field where a layout names it, byte offset from 0."""

    record: int
    field: str | None
    byte_offset: int


@dataclass
class Unmapped:
    """A code without a shared character (未対応); text: what it is, where it is a standard character."""

    code: str
    text: str | None
    count: int
    places: list[Place]


@dataclass
class Reduced:
    """A character written as another one (縮退・包摂・代替); to: the text written, where the target is text."""

    code: str
    character: str | None
    kind: str
    to: str | None
    ground: str | None
    count: int
    places: list[Place]


@dataclass
class Recoded:
    """Any other code that does not come back as it was, shows another shape, or is a mark or shift code."""

    code: str
    kind: str
    lossy: bool
    count: int
    places: list[Place]


@dataclass(frozen=True)
class Facts:
    """Which mappings a conversion used (対応表の素性): ends, release and digest; the other code set's, city to city."""

    source: str
    target: str
    release: int
    digest: str
    target_release: int | None = None
    target_digest: str | None = None

    def reversed(self) -> Facts:
        """Return the facts of the conversion back."""
        if self.target_release is None:
            return replace(self, source=self.target, target=self.source)
        return Facts(
            self.target,
            self.source,
            self.target_release,
            self.target_digest or "",
            self.release,
            self.digest,
        )

    def mappings(self) -> dict[str, list[Any]]:
        """Return release and digest of every code set, as a receipt keeps them."""
        ends = [end for end in (self.source, self.target) if "/" in end]
        known: list[list[Any]] = [
            [self.release, self.digest],
            [self.target_release, self.target_digest],
        ]
        return dict(zip(ends, known, strict=False))


@dataclass
class Account:
    """Everything a conversion read, wrote, gave up and could not map; counts are occurrences."""

    facts: Facts
    engine: str
    options: dict[str, Any]
    records: int
    input_bytes: int
    output_bytes: int
    characters: dict[str, int]
    losses: int
    unmapped: list[Unmapped]
    reductions: list[Reduced]
    recoded: list[Recoded]
    written: bool = False
    input_sha256: str | None = None
    output_sha256: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it: from, to, places by name."""
        shown = asdict(self)
        facts = shown.pop("facts")
        for name in ("unmapped", "reductions", "recoded"):
            for one in shown[name]:
                one["places"] = [place._asdict() for place in one["places"]]
        ends = {"from": facts.pop("source"), "to": facts.pop("target")}
        return {**ends, **facts, **shown.pop("extra"), **shown}
