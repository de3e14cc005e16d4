"""Proof: the move of all eight cities to a shared CS server, code by code, there and back, in any order of joining."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
from random import Random

from sqlalchemy.orm import Session

from benchmarks.world import ACTOR, World
from gaiji import data
from gaiji.charset.conversion import Conversion
from gaiji.charset.cutover import Plan
from gaiji.charset.mapping import REVERSIBLE
from gaiji.registry import adoption, db, members, releases
from gaiji.report.cutover import make_plan

DAY = date(2026, 11, 1)
ORDERS = 5


def prove(world: World) -> Iterator[str]:
    """Yield a line per claim; raise AssertionError where one does not hold. Nothing is committed."""
    engine = db.connect(world.settings)
    with Session(engine.execution_options(writes=True)) as session:
        adoption.add_site(session, ACTOR, "server:proof")
        named = sorted(one.code for one in members.all_members(session) if not one.candidate)
        plan = _planned(session, named)
        yield from _counts(plan)
        yield _agrees(plan)
        yield from _round_trips(session, plan)
        session.rollback()
        yield _orders(session, named)
        session.rollback()
    engine.dispose()


def _planned(session: Session, named: list[str]) -> Plan:
    return make_plan(session, ACTOR, "proof", named, release="latest", as_of=DAY)


def _counts(plan: Plan) -> Iterator[str]:
    whole: Counter[str] = Counter()
    for address in plan.code_sets:
        counts = Counter(row.kind for row in plan.rows_of(address))
        assert sum(counts.values()) == len(plan.rows_of(address)), address
        whole += counts
    yield (
        f"{len(plan.members)} members, {len(plan.code_sets)} code sets, {len(plan.rows):,} local codes: "
        + ", ".join(f"{whole[kind]:,} {kind}" for kind in ("mapped", "residual", "undecided"))
        + f"; {len(plan.points)} code points for residual characters"
    )
    kinds = Counter(one.kind for one in plan.ambiguities)
    yield "ambiguities listed: " + ", ".join(f"{kinds[kind]} {kind}" for kind in sorted(kinds))


def _agrees(plan: Plan) -> str:
    known = {row.name: row.juki for row in data.read(data.MjRow)}
    rows = [row for row in plan.rows if row.character in known]
    for row in rows:
        listed = known[row.character or ""]
        assert row.juki == (int(listed[2:], 16) if listed else None), row.subject
    return (
        f"{len(rows):,} rows name a character of the reference set, and each has the J+ code, or none, that stands "
        f"there; {len(plan.outside)} J+ codes of the cities' own tables lie outside it and are listed"
    )


def _round_trips(session: Session, plan: Plan) -> Iterator[str]:
    doubtful = {(one.code_set, code): one.kind for one in plan.ambiguities for code in one.codes}
    release = releases.find_release(session, plan.release)
    exact = told = 0
    for address in plan.code_sets:
        mapping = releases.mapping(session, address, release, as_of=plan.as_of)
        way = Conversion(mapping, "juki", cutover=plan.cutover()).way
        for row in plan.rows_of(address):
            step = way.step(row.code)
            if row.sent is None:
                assert step.out is None, row.subject
                continue
            assert step.out == row.sent.to_bytes(2), row.subject
            back = way.back.step(step.out).out
            returns = back == way.source.script.standing(row.code)
            asked = row.back == "ask" and doubtful[address, row.code] == "text-and-local"
            expected = row.back in ("exact", "rule") or asked  # the local code, until a rule says
            assert returns == expected, row.subject
            told += 1
            if row.relationship in REVERSIBLE and (address, row.code) not in doubtful:
                assert returns, row.subject
                exact += 1
    yield (
        f"{told:,} codes converted to the server and back as their rows say; all {exact:,} decided as the same "
        "character and not listed as ambiguous come back exactly"
    )


def _orders(session: Session, named: list[str]) -> str:
    """Let the cities join one after the other in any order: what one has never changes by a later one."""
    chance = Random(20261123)
    for _ in range(ORDERS):
        adoption.add_site(session, ACTOR, "server:proof")
        order = chance.sample(named, len(named))
        digests: dict[str, object] = {}
        points: dict[str, int] = {}
        for count in range(1, len(order) + 1):
            plan = _planned(session, sorted(order[:count]))
            for address, part in plan.manifest["code_sets"].items():
                assert digests.setdefault(address, part["rows"]) == part["rows"], address
            assert points.items() <= plan.points.items(), order[:count]
            points = dict(plan.points)
        session.rollback()
    return (
        f"{ORDERS} orders of joining, a plan for each city that joins: no digest of rows and no code point of the "
        "cities before it changed"
    )
