"""What a conversion did, as its report tells it (変換報告): plain data; `wire.conversion` is its schema."""

from __future__ import annotations

from typing import Any, NamedTuple

MAX_PLACES = 100


class Place(NamedTuple):
    """Where an occurrence stands (位置): record from 1, field where a layout names it, byte offset from 0."""

    record: int
    field: str | None
    byte_offset: int


class _Told:
    """One entry of a report: its code, how often it occurred, and where first."""

    def __init__(self, code: str, count: int, places: list[Place]) -> None:
        self.code, self.count, self.places = code, count, places

    def _as_dict(self, **more: Any) -> dict[str, Any]:
        places = [place._asdict() for place in self.places]
        return {"code": self.code, **more, "count": self.count, "places": places}


class Unmapped(_Told):
    """A code without a shared character (未対応); text: what it is, where it is a standard character."""

    def __init__(self, code: str, text: str | None, count: int, places: list[Place]) -> None:
        super().__init__(code, count, places)
        self.text = text

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._as_dict(text=self.text)


class Reduced(_Told):
    """A character written as another one (縮退・包摂・代替); to: the text written, where the target is text."""

    def __init__(
        self,
        code: str,
        character: str | None,
        kind: str,
        to: str | None,
        ground: str | None,
        count: int,
        places: list[Place],
    ) -> None:
        super().__init__(code, count, places)
        self.character, self.kind, self.to, self.ground = character, kind, to, ground

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._as_dict(
            character=self.character, kind=self.kind, to=self.to, ground=self.ground
        )


class Recoded(_Told):
    """Any other code that does not come back as it was, shows another shape, or is a mark or shift code."""

    def __init__(self, code: str, kind: str, lossy: bool, count: int, places: list[Place]) -> None:
        super().__init__(code, count, places)
        self.kind, self.lossy = kind, lossy

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return self._as_dict(kind=self.kind, lossy=self.lossy)


class Facts(NamedTuple):
    """Which mappings a conversion used (対応表の素性): ends, release and digest; the other code set's, city to city.

    cutover: server, number and digest of the plan whose code points were used. kept: the first and the last day,
    as text, between which every code means what it means on the day of that conversion; None for no end.
    """

    source: str
    target: str
    release: int
    digest: str
    target_release: int | None = None
    target_digest: str | None = None
    cutover: tuple[str, int, str] | None = None
    kept: tuple[str | None, str | None] | None = None

    def reversed(self) -> Facts:
        """Return the facts of the conversion back."""
        if self.target_release is None:
            return self._replace(source=self.target, target=self.source)
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


class Account:
    """Everything a conversion read, wrote, gave up and could not map; counts are occurrences.

    written: whether the output took its place. extra: what files with a layout add.
    """

    def __init__(
        self,
        facts: Facts,
        engine: str,
        options: dict[str, Any],
        records: int,
        input_bytes: int,
        output_bytes: int,
        characters: dict[str, int],
        losses: int,
        unmapped: list[Unmapped],
        reductions: list[Reduced],
        recoded: list[Recoded],
        input_sha256: str | None = None,
        output_sha256: str | None = None,
    ) -> None:
        self.facts, self.engine, self.options = facts, engine, options
        self.records, self.input_bytes, self.output_bytes = records, input_bytes, output_bytes
        self.characters, self.losses = characters, losses
        self.unmapped, self.reductions, self.recoded = unmapped, reductions, recoded
        self.written = False
        self.input_sha256, self.output_sha256 = input_sha256, output_sha256
        self.extra: dict[str, Any] = {}

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON has it: from, to, places by name."""
        facts = self.facts._asdict()
        del facts["kept"]  # what the day among the options says
        return {
            "from": facts.pop("source"),
            "to": facts.pop("target"),
            **facts,
            **self.extra,
            "engine": self.engine,
            "options": self.options,
            "records": self.records,
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "characters": self.characters,
            "losses": self.losses,
            "unmapped": [one.as_dict() for one in self.unmapped],
            "reductions": [one.as_dict() for one in self.reductions],
            "recoded": [one.as_dict() for one in self.recoded],
            "written": self.written,
            "input_sha256": self.input_sha256,
            "output_sha256": self.output_sha256,
        }
