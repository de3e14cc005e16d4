"""What becomes of every local code on a shared CS server, there and back: a plan's rows, computed (移行計画の算出).

Pure: everything is read from mappings and from what the registry gathered. What is sent and what comes back is found
by converting both ways with the engine that will convert, and never derived a second time. Where several codes are
sent as one unit, nothing is chosen for the way back until somebody gave a rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from datetime import date
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from gaiji.charset.conversion import Pair, ServedSide
from gaiji.charset.cutover import (
    Ambiguity,
    AmbiguityKind,
    Back,
    Json,
    Plan,
    PlanRow,
    Proposed,
    Reason,
    Rule,
)
from gaiji.charset.mapping import Forms, Reduction, Relationship, Repertoire
from gaiji.charset.targets import CodeSetSide, JukiSide
from gaiji.registry.cutover import Rules, manifest_digest, rows_digest
from gaiji.registry.cutover_rows import PlannedSet, Ways, may_choose, ways
from gaiji.registry.gaps import Standing
from gaiji.registry.journal import canonical

FORMAT = 1


class ServerFacts(NamedTuple):
    """What a plan is made for: the server and its area, the members, the release and the day."""

    server: str
    area: range
    members: tuple[str, ...]
    release: int
    release_digest: str
    as_of: date


def plan(
    sets: Sequence[PlannedSet], points: ReadOnly[str, int], rules: Rules, server: ServerFacts
) -> Plan:
    """Return the plan for code sets, numbered 0 (移行計画の算出). Pure: reads no database.

    points: the server's allocation, the residual characters of these sets included. rules: those in force; one that
    answers nothing any more is left out.
    """
    rows: list[PlanRow] = []
    asked: list[Ambiguity] = []
    used: list[Rule] = []
    parts: dict[str, Json] = {}
    for one in sorted(sets, key=lambda one: one.address):
        reader = _Reader(one, points, rules)
        own = list(reader.rows())
        rows += own
        asked += reader.found.values()
        used += reader.rules
        parts[one.address] = {"digest": one.digest, "rows": rows_digest(own)}
    manifest = {
        "format": FORMAT,
        "server": server.server,
        "area": f"{server.area.start:04X}-{server.area.stop - 1:04X}",
        "as_of": server.as_of.isoformat(),
        "release": server.release,
        "release_digest": server.release_digest,
        "code_sets": parts,
        "rules": _counted(rule.as_json() | {"actor": None} for rule in used),
        "allocations": _counted([point, character] for character, point in points.items()),
    }
    return Plan(
        server=server.server,
        number=0,
        release=server.release,
        release_digest=server.release_digest,
        as_of=server.as_of,
        members=server.members,
        rows=tuple(rows),
        points=MappingProxyType(dict(points)),
        rules=tuple(used),
        ambiguities=tuple(asked),
        outside=tuple(found for one in sets for found in one.outside),
        manifest=manifest,
        digest=manifest_digest(manifest),
    )


def accepting(made: Plan, accepted: Json | None) -> Plan:
    """Return a plan with the changes to members that moved which somebody accepted; None: as it is."""
    if accepted is None:
        return made
    manifest = made.manifest | {"accepted": accepted}
    return replace(made, manifest=manifest, digest=manifest_digest(manifest))


def _counted(rows: Iterable[object]) -> Json:
    lines = sorted(canonical(row) for row in rows)
    return {"digest": manifest_digest({"rows": lines}), "count": len(lines)}


def ambiguities(one: PlannedSet, points: ReadOnly[str, int], rules: Rules) -> list[Ambiguity]:
    """Return every character of a code set whose way back is not settled by itself, with the rule it has."""
    return list(_Reader(one, points, rules).found.values())


class _Reader:
    """Reads one code set: its ambiguities first, then row by row what is sent and what comes back."""

    def __init__(self, one: PlannedSet, points: ReadOnly[str, int], rules: Rules) -> None:
        self.one, self.repertoire = one, one.mapping.repertoire
        server = JukiSide(self.repertoire, points)
        bare = CodeSetSide(one.mapping)
        there = Pair(bare, server)
        self.found: dict[str, Ambiguity] = {}
        self.rules: list[Rule] = []
        for character in sorted({row.character for row in one.mapping.rows}):
            rule = rules.get((one.address, character))
            self._look(there, ways(bare, character), character, rule)
        self.side = ServedSide(one.mapping, {rule.character: rule.code for rule in self.rules})
        self.way = Pair(self.side, server)

    def _look(self, there: Pair, found: Ways, character: str, rule: Rule | None) -> None:
        """Note whether a character is ambiguous, and its rule as far as it still answers something."""
        codes = found.exact or found.substitutes
        if not codes or (sent := there.step(codes[0]).out) is None:
            return
        standard = found.standard or found.text
        if standard is not None and there.step(standard).out != sent:
            standard = None
        kind: AmbiguityKind | None = None
        if len(found.exact) > 1:
            kind = "two-codes"
        elif found.exact:
            beside: AmbiguityKind = "standard-and-local" if found.standard else "text-and-local"
            kind = beside if standard is not None else None
        elif standard is None and len(codes) > 1:
            kind = "only-substitutes"
        answers = kind is not None or may_choose(found)
        if rule is not None and not (answers and (rule.code in codes or (kind and not rule.code))):
            rule = None
        if rule is not None:
            self.rules.append(rule)
        if kind is not None:
            unit = int.from_bytes(sent)
            self.found[character] = Ambiguity(
                kind, self.one.address, character, unit, codes, standard, rule
            )

    def rows(self) -> Iterator[PlanRow]:
        """Yield a row for every local code, by code."""
        late = [
            PlanRow(self.one.address, code, None, "undecided", "not-in-release")
            for code in self.one.late
        ]
        known = [
            self._row(list(group)) for _, group in groupby(self.one.standings, lambda one: one.code)
        ]
        for row in sorted((*known, *late), key=lambda row: row.code):
            today, uses = self.one.today.get(row.code), self.one.uses.get(row.code)
            yield row._replace(today=today, uses=uses)

    def _row(self, meanings: Sequence[Standing]) -> PlanRow:
        day = self.one.mapping.as_of or date.max
        held = [
            one
            for one in meanings
            if (one.first_day or date.min) <= day <= (one.last_day or date.max)
        ]
        shown = (held or list(meanings))[-1]
        row = PlanRow(shown.code_set, shown.code, shown.first_day, "undecided", glyph=shown.glyph)
        found = {one.character for one in self.one.mapping.meanings(shown.code)}
        if not held:
            return row._replace(reason="not-in-force")
        if len(found) != 1:
            return row._replace(reason="contradiction" if found else _why(shown))
        return self._sent(row, shown, found.pop())

    def _sent(self, row: PlanRow, shown: Standing, character: str) -> PlanRow:
        forms = self.repertoire.get(character)
        sent = self.way.step(row.code).out
        how, decided_at = self.one.told.get((row.code, shown.first_day), (None, None))
        juki = forms.juki if forms else None
        return row._replace(
            kind="residual" if juki is None else "mapped",
            character=character,
            relationship=_relationship(self.one, row.code),
            how=how,
            actor=shown.actor,
            ground=shown.ground,
            decided_at=decided_at,
            juki=juki,
            point=int.from_bytes(sent) if sent is not None and juki is None else None,
            back=self._back(row.code, character, sent),
            reduction=proposed_reduction(forms, self.repertoire)
            if forms and juki is None
            else None,
        )

    def _back(self, code: bytes, character: str, sent: bytes | None) -> Back:
        """Return whether a code comes back, by converting what was sent."""
        doubt = self.found.get(character)
        if doubt is not None and doubt.is_open and code in doubt.codes:
            return "ask"
        returned = self.way.back.step(sent).out if sent is not None else None
        if returned != self.side.script.standing(code):
            return "one-way"
        return "rule" if self.side.chosen.get(character) == code else "exact"


def _relationship(one: PlannedSet, code: bytes) -> Relationship:
    return one.mapping.meanings(code)[0].relationship


def _why(shown: Standing) -> Reason:
    """Return why nothing is decided for a code."""
    stands = [one for one in shown.proposals if not one.refused]
    if not shown.proposals:
        return "no-source"
    if not stands:
        return "refused"
    return "contradiction" if any(one.disagrees for one in stands) else "not-decided"


def proposed_reduction(forms: Forms, repertoire: Repertoire) -> Proposed | None:
    """Return the best reduction of a character to one that has a J+ code (縮退の提案); a tie is told, not broken."""
    inside: list[tuple[float, Reduction, Forms]] = []
    for one in forms.reductions:
        target = repertoire.own(one.target)
        if target is not None and target.juki is not None:
            inside.append((float("inf") if one.rank is None else one.rank, one, target))
    if not inside:
        return None
    best = min(rank for rank, _, _ in inside)
    chosen = {target.id: (one, target) for rank, one, target in reversed(inside) if rank == best}
    one, target = chosen[min(chosen)]
    if len(chosen) > 1:
        return Proposed(None, None, one.ground, one.rank, tuple(sorted(chosen)))
    return Proposed(target.id, target.juki, one.ground, one.rank)


def residuals(one: PlannedSet) -> set[str]:
    """Return the characters of a code set, on the plan's day, that have no J+ code (残存外字)."""
    found = (one.mapping.meanings(code) for code in {row.code for row in one.mapping.rows})
    held = {rows[0].character for rows in found if len({row.character for row in rows}) == 1}
    known = one.mapping.repertoire
    return {id for id in held if (forms := known.get(id)) is None or forms.juki is None}
