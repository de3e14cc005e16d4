"""A conversion by a release (版による変換): its two sides, put together from a mapping and the reference set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from gaiji.charset.account import Facts
from gaiji.charset.mapping import Mapping, Repertoire
from gaiji.charset.receipt import other_mapping
from gaiji.charset.resolve import EVENTS, Options, Resolver, check_policies
from gaiji.charset.targets import (
    CodeSetSide,
    Echoes,
    Item,
    JukiSide,
    MjSide,
    Side,
    UnicodeSide,
    X0213Side,
)
from gaiji.charset.ways import MALFORMED, Kind, Step
from gaiji.errors import UnsupportedConversion

TARGETS = ("unicode", "unicode-svs", "juki", "x0213", "mj")


class Pair:
    """The way from one side to the other (経路), read and written by a release's characters."""

    def __init__(self, source: Side, target: Side, back: Pair | None = None) -> None:
        self.source, self.target = source, target
        self._back = back

    @property
    def back(self) -> Pair:
        """The other direction."""
        if self._back is None:
            self._back = Pair(self.target, self.source, self)
        return self._back

    def step(self, token: bytes) -> Step:
        """Return what a token of the source becomes at the target."""
        item = self.source.read(token)
        if item.problem == "malformed":
            return MALFORMED
        written = None if item.problem else self.target.write(item, self._echoes(token))
        if written is None:
            kept = self.target.keep(item)
            return Step(None, None, item.character, item.text, problem="unmapped", kept=kept)
        character = item.character or self._shown(item, written.kind)
        return Step(written.out, written.kind, character, ground=written.ground)

    def returns(self, token: bytes) -> bool:
        """Whether a token is known to come back: by a release that is found out by trying."""
        return False

    def _echoes(self, token: bytes) -> Echoes:
        standing = self.source.script.standing(token)

        def echoes(code: bytes) -> bool:
            item = self.target.read(self.target.script.bare(code))
            written = None if item.problem else self.source.write(item)
            return written is not None and written.out == standing

        return echoes

    def _shown(self, item: Item, kind: Kind) -> str | None:
        """Return the character that a standard code shows, where a report names it."""
        if kind not in EVENTS or not item.text:
            return None
        forms = self.source.repertoire.shape(item.text, item.jis or 2004)
        return forms and forms.id


@dataclass(frozen=True)
class Conversion:
    """One way to convert (変換): from a code set or target to a code set or target, with its options.

    source, target: a Mapping for a code set, or one of `TARGETS`. At least one is a Mapping, whose
    characters are used; UnsupportedConversion otherwise, and for `keep` between two code sets, where a
    kept code would show another city's glyph.
    """

    source: Mapping | str
    target: Mapping | str
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not isinstance(self.source, Mapping) and not isinstance(self.target, Mapping):
            raise UnsupportedConversion(
                "変換元か変換先の少なくとも一方は外字セット (252069/juki) にしてください。",
                "At least one of source and target must be a code set such as 252069/juki.",
            )
        check_policies(self.name(self.source), self.name(self.target), self.options)
        for end in (self.source, self.target):
            if isinstance(end, str) and end not in TARGETS:
                raise UnsupportedConversion(
                    f"変換先「{end}」はありません。{', '.join(TARGETS)} か外字セットを選んでください。",
                    f"There is no target {end!r}; choose {', '.join(TARGETS)} or a code set.",
                )

    @cached_property
    def mapping(self) -> Mapping:
        """The mapping whose release and characters this conversion uses: the source's if it has one."""
        return self.source if isinstance(self.source, Mapping) else self.target  # type: ignore[return-value]

    def name(self, end: Mapping | str) -> str:
        """Return how an end is called: `252069/juki` or `unicode`."""
        return end.code_set if isinstance(end, Mapping) else end

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """Source and target, ready to read and write."""
        day = self.options.as_of
        repertoire = self.mapping.repertoire
        one, two = (
            CodeSetSide(end.at(day) if day else end)
            if isinstance(end, Mapping)
            else self._side(end, repertoire)
            for end in (self.source, self.target)
        )
        return one, two

    @cached_property
    def way(self) -> Pair:
        """What every token becomes, worked out from the release."""
        return Pair(*self.sides)

    def _side(self, name: str, repertoire: Repertoire) -> Side:
        match name:
            case "juki":
                return JukiSide(repertoire)
            case "x0213":
                return X0213Side(repertoire)
            case "mj":
                return MjSide(repertoire, self.options.mj_format)
            case _:
                return UnicodeSide(repertoire, ivs=self.options.ivs, svs=name == "unicode-svs")

    @cached_property
    def resolver(self) -> Resolver:
        """What resolves the tokens of this conversion."""
        return Resolver(self.way, self.options)

    @property
    def facts(self) -> Facts:
        """What report and receipt say of this conversion's mappings."""
        mapping, other = self.mapping, self.target
        both = isinstance(self.source, Mapping) and isinstance(other, Mapping)
        return Facts(
            source=self.name(self.source),
            target=self.name(other),
            release=mapping.release,
            digest=mapping.digest,
            target_release=other.release if both and isinstance(other, Mapping) else None,
            target_digest=other.digest if both and isinstance(other, Mapping) else None,
        )


Resolve = Callable[[str, int], Mapping]
"""Returns the mapping of a code set in a release: what a receipt asks for."""


def by_release(resolve: Resolve) -> Callable[[dict[str, Any]], Conversion]:
    """Return how a receipt's conversion is prepared from mappings; BadReceipt when a digest is another one now."""

    def prepare(header: dict[str, Any]) -> Conversion:
        mappings: dict[str, Mapping] = {}
        for code_set, (release, digest) in header["mappings"].items():
            mapping = mappings[code_set] = resolve(code_set, release)
            if mapping.digest != digest:
                raise other_mapping(code_set, release)
        source, target = (mappings.get(header[end], header[end]) for end in ("from", "to"))
        return Conversion(source, target, Options.from_dict(header["options"]))

    return prepare
