"""A conversion by a release (版による変換): its two sides, put together from a mapping and the reference set."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from typing_extensions import override

from gaiji.charset.account import Facts
from gaiji.charset.cutover import Cutover
from gaiji.charset.days import days_kept, open_since
from gaiji.charset.mapping import Mapping, Repertoire
from gaiji.charset.receipt import check_plan, other_mapping
from gaiji.charset.resolve import EVENTS, Options, Resolver, check_policies
from gaiji.charset.targets import (
    CodeSetSide,
    Echoes,
    Item,
    JukiSide,
    MjSide,
    PuaSide,
    Side,
    UnicodeSide,
    X0213Side,
)
from gaiji.charset.ways import MALFORMED, Kind, Step
from gaiji.errors import AreaFull, UnsupportedConversion

TARGETS = ("unicode", "unicode-svs", "pua", "juki", "x0213", "mj")


class ServedSide(CodeSetSide):
    """A code set on a shared CS server (共用CSサーバーの外字セット): rules say what comes back for some characters.

    rules: character to local code; None: no local code comes back, so the standard code does, or the text.
    """

    def __init__(self, mapping: Mapping, rules: ReadOnly[str, bytes | None]) -> None:
        super().__init__(mapping, {one: code for one, code in rules.items() if code is not None})
        self.one_way = {one for one, code in rules.items() if code is None}

    @override
    def local_codes(self, character: str) -> list[bytes]:
        return [] if character in self.one_way else super().local_codes(character)


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
    kept code would show another city's glyph. cutover: the plan of a shared CS server, where one end is `juki`;
    it serves its own release and code sets, by the meanings of its own day where the options name none: whether those
    are today's is for `days.check_day`.
    """

    source: Mapping | str
    target: Mapping | str
    options: Options = field(default_factory=Options)
    cutover: Cutover | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.source, Mapping) and not isinstance(self.target, Mapping):
            raise UnsupportedConversion(
                "変換元か変換先の少なくとも一方は外字セット (252069/juki) にしてください。",
                "At least one of source and target must be a code set such as 252069/juki.",
            )
        ends = self.name(self.source), self.name(self.target)
        check_policies(*ends, self.options, is_shared=self.cutover is not None)
        if self.cutover is not None and "juki" not in ends:
            raise UnsupportedConversion(
                "CSサーバーの移行計画は juki との変換にだけ使えます。--to juki にするか、計画の指定を外してください。",
                "The plan of a CS server serves conversions with juki alone; convert to juki, or leave the plan out.",
            )
        if self.cutover is not None:
            self._take_plan(self.cutover)
        for end in (self.source, self.target):
            if isinstance(end, str) and end not in TARGETS:
                raise UnsupportedConversion(
                    f"変換先「{end}」はありません。{', '.join(TARGETS)} か外字セットを選んでください。",
                    f"There is no target {end!r}; choose {', '.join(TARGETS)} or a code set.",
                )
        if "pua" in ends:
            self._check_pua()

    def _take_plan(self, plan: Cutover) -> None:
        """Raise UnsupportedConversion for another release or code set than the plan's; take its day."""
        name = f"{plan.server}/{plan.number}"
        if plan.release != self.mapping.release:
            raise UnsupportedConversion(
                f"移行計画 {name} は版 {plan.release} のもので、版 {self.mapping.release} では使えません。"
                "その版で計画し直してください。",
                f"Cutover plan {name} is of release {plan.release} and cannot serve release {self.mapping.release}; "
                "plan again with that one.",
            )
        if self.mapping.code_set not in plan.code_sets:
            raise UnsupportedConversion(
                f"外字セット {self.mapping.code_set} は移行計画 {name} に入っていません。計画に加えてください。",
                f"Code set {self.mapping.code_set} is not part of cutover plan {name}; plan with it.",
            )
        if self.options.as_of is None:
            object.__setattr__(self, "options", self.options._replace(as_of=plan.as_of))

    def _check_pua(self) -> None:
        """Raise AreaFull where a code set means characters that have no place in the council's area of the BMP."""
        repertoire, mapping = self.mapping.repertoire, self.mapping
        found = {row.character for row in mapping.rows if mapping.codes_of(row.character)}
        side = PuaSide(repertoire, self.options.keep)
        without = [one for one in found if side.write(Item(character=one)) is None]
        if not without:
            return
        if not any(one.pua for one in repertoire.forms.values()):
            raise UnsupportedConversion(
                f"版 {mapping.release} には BMP の割当て (pua) がありません。公布し直すか新しい版を指定してください。",
                f"Release {mapping.release} has no code points of the BMP (pua); publish again, or name a later one.",
            )
        other = PuaSide(repertoire, "0213")
        spared = sum(other.write(Item(character=one)) is not None for one in without)
        raise AreaFull(
            f"{mapping.code_set} の {len(without):,} 字は協議会の外字領域(6,400字)に場所がありません。--keep 0213 なら "
            f"{spared:,} 字は場所が要りません。ほかの変換先も検討してください。",
            f"{len(without):,} characters of {mapping.code_set} have no place in the council's area of 6,400; "
            f"--keep 0213 would spare {spared:,} of them, or take another target.",
            missing=len(without),
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
        chosen = self.cutover.back if self.cutover else {}
        one, two = (
            ServedSide(end.at(day) if day else end, chosen.get(end.code_set, {}))
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
                return JukiSide(repertoire, self.cutover.points if self.cutover else None)
            case "pua":
                return PuaSide(repertoire, self.options.keep)
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
            cutover=self.cutover[:3] if self.cutover else None,
            kept=self._kept(),
        )

    def _kept(self) -> tuple[str | None, str | None] | None:
        """Return the days between which the meanings are those of the day, where no day has to be told."""
        if self.cutover is not None:
            first, last = days_kept(self.mapping, self.options.as_of or date.max)
            return first.isoformat() if first else None, last.isoformat() if last else None
        if self.options.as_of is not None:
            return None
        ends = [end for end in (self.source, self.target) if isinstance(end, Mapping)]
        begun = max(filter(None, map(open_since, ends)), default=None)
        return (begun.isoformat(), None) if begun else None


Resolve = Callable[[str, int], Mapping]
"""Returns the mapping of a code set in a release: what a receipt asks for."""


FindPlan = Callable[[str, int], Cutover]
"""Returns a server's plan by number."""


def by_release(
    resolve: Resolve, find_plan: FindPlan | None = None
) -> Callable[[dict[str, Any]], Conversion]:
    """Return how a receipt's conversion is prepared from mappings, and from a plan where one was used.

    BadReceipt when a digest is another one now.
    """

    def prepare(header: dict[str, Any]) -> Conversion:
        mappings: dict[str, Mapping] = {}
        for code_set, (release, digest) in header["mappings"].items():
            mapping = mappings[code_set] = resolve(code_set, release)
            if mapping.digest != digest:
                raise other_mapping(code_set, release)
        source, target = (mappings.get(header[end], header[end]) for end in ("from", "to"))
        told = header.get("cutover")
        cutover = find_plan(told[0], told[1]) if told and find_plan else None
        conversion = Conversion(source, target, Options.from_dict(header["options"]), cutover)
        check_plan(header, conversion.facts.cutover)
        return conversion

    return prepare
