"""In which order cities move to a shared CS server, so that nobody already moved is changed (移行の順序).

What is decided for a code later changes what its city sends. So before a city moves its own undecided codes are
decided, and before the first of several cities moves what they share: one glyph without a character yet, in two
cities or more, gets one answer for all; where one of them moved already, the answer reaches that one too, and the
question says so. Greedy: the city with the fewest shared questions first, then with the fewest undecided codes of its
own, counted by their uses and 住民記録系 before the rest; the member's code breaks ties.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from datetime import date

from gaiji.charset.cutover import Plan, PlanRow
from gaiji.registry.members import GROUPS, split_address

FIRST_GROUP = GROUPS[0]


@dataclass(frozen=True)
class Question:
    """One glyph that nobody gave a character, in the code sets of several members (共有の未決外字).

    moved: those of the members that moved already, to whom an answer gives a code that they did not send before.
    """

    glyph: str
    members: tuple[str, ...]
    codes: tuple[str, ...]
    moved: tuple[str, ...] = ()


@dataclass(frozen=True)
class MoveStep:
    """One member's place in the order (移行の一段).

    moved: the day it moved, None while it has not. undecided: its codes without a character; uses: how often they
    stand in counted files, None where nothing was counted; shared: what has to be decided before this step, because
    it reaches into members that come later. open: characters whose way back nobody has settled.
    """

    member: str
    moved: date | None
    undecided: int
    uses: int | None
    shared: tuple[Question, ...]
    open: int


def moving_order(
    plan: Plan, moved: ReadOnly[str, date], groups: ReadOnly[str, str] | None = None
) -> list[MoveStep]:
    """Return the members of a plan in the order they move: those that did, by day, then the others.

    moved: the day of those that moved. groups: business-system group by code set, so that 住民記録系 weighs first.
    """
    blockers: defaultdict[str, list[PlanRow]] = defaultdict(list)
    for row in plan.rows:
        if row.kind == "undecided" and row.reason != "not-in-force":
            blockers[split_address(row.code_set)[0]].append(row)
    left = [one for one in plan.members if one not in moved]
    questions = [one for one in shared_questions(plan, moved) if set(one.members) & set(left)]
    asked = defaultdict[str, int](int)
    for doubt in plan.open:
        asked[split_address(doubt.code_set)[0]] += 1

    def weight(member: str) -> tuple[int, int, int, str]:
        own = blockers[member]
        first = [row for row in own if (groups or {}).get(row.code_set) == FIRST_GROUP]
        shared = sum(member in one.members for one in questions)
        return shared, _weight(first), _weight(own), member

    def step(member: str, shared: tuple[Question, ...]) -> MoveStep:
        uses = [row.uses for row in blockers[member] if row.uses is not None]
        return MoveStep(
            member,
            moved.get(member),
            len(blockers[member]),
            sum(uses) if uses else None,
            shared,
            asked[member],
        )

    gone = sorted((one for one in plan.members if one in moved), key=lambda one: (moved[one], one))
    steps = [step(member, ()) for member in gone]
    while left:
        member = min(left, key=weight)
        now = tuple(one for one in questions if member in one.members)
        steps.append(step(member, now))
        questions = [one for one in questions if one not in now]  # decided before this member moves
        left.remove(member)
    return steps


def shared_questions(plan: Plan, moved: Collection[str] = ()) -> list[Question]:
    """Return the glyphs without a character that stand in two members or more, by sha256; moved: who moved."""
    found: defaultdict[str, list[PlanRow]] = defaultdict(list)
    for row in plan.rows:
        if row.kind == "undecided" and row.glyph is not None and row.reason != "not-in-force":
            found[row.glyph].append(row)
    return [
        Question(
            glyph,
            members,
            tuple(row.subject for row in rows),
            tuple(member for member in members if member in moved),
        )
        for glyph, rows in sorted(found.items())
        if len(members := tuple(sorted({split_address(row.code_set)[0] for row in rows}))) > 1
    ]


def _weight(rows: list[PlanRow]) -> int:
    """Return how heavy undecided codes are: by their uses, at least one each."""
    return sum(max(row.uses or 0, 1) for row in rows)
