"""The collision wall: where the gaiji of several cities meet and differ (外字の衝突).

Three kinds:

- `same-slot`: one slot, two meanings or more. A slot is the private-use code point that stands for a code, because on
  one machine the images meet; or, by code, its charset and bytes. A decided code means its character. An undecided one
  and a substitute mean their glyph, unless a decided code of the slot has that very glyph. Without a glyph an undecided
  code says nothing, and a substitute means that which its character stands in for, never the character.
- `same-character`: one character in two slots or more. Substitutes are shown there and never counted as the
  character itself.
- `same-glyph`: two codes or more without a character and with one glyph, bit by bit. Likeness is for identification.

Pure: rows come in, collisions and a matrix of slots and code sets come out. How rows are held and grouped stands in
`gaiji.report.rows`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Literal, NamedTuple, get_args

from gaiji.errors import BadInput
from gaiji.registry.listing import Used
from gaiji.report.rows import UNKNOWN, By, Groups, Rows

Kind = Literal["same-slot", "same-character", "same-glyph"]
Order = Literal["slot", "uses"]

KINDS: tuple[Kind, ...] = get_args(Kind)
COLUMNS_OF_A_PAGE = 16
"""Code sets beside each other on a screen."""
ROWS = 100
"""Rows of one collision that are told with it, each meaning at least once; all of them by `rows`."""
PAIRED_MEMBERS = 64
"""Members between which pairs are counted: the pairs of a nation would be a million and a half."""


class Filters(NamedTuple):
    """Which collisions to tell (絞込み): everything given must hold.

    used: stands in counted files; touching: a member that takes part; slot, character, glyph: what the collision is of,
    or what one of its codes has, a substitute's character too.
    """

    used: bool = False
    touching: str | None = None
    slot: str | None = None
    character: str | None = None
    glyph: str | None = None


ALL = Filters()


@dataclass(frozen=True)
class Collision:
    """One collision (衝突): what meets in a slot, or where a character or a glyph stands more than once.

    place: its place among those of its kind, which a following page starts from. rows: the first `ROWS` of `codes`,
    every meaning at least once. meanings: different ones in the slot; slots, for the other kinds. codes, code_sets,
    members, uses and uncounted are of what collides; substitutes: codes that are shown with a character and are not it.
    uses: occurrences in counted files, None where nothing was counted; uncounted: code sets that counted nothing.
    """

    kind: Kind
    place: int
    slot: str | None
    character: str | None
    glyph: str | None
    rows: tuple[Used, ...]
    codes: int
    code_sets: int
    members: int
    meanings: int
    uses: int | None
    uncounted: int
    substitutes: int = 0


@dataclass(frozen=True)
class SlotRow:
    """One line of the matrix (一つのコード位置): the cell of every column, None where a code set has no code there.

    uses: of all its codes, None where nothing was counted; uncounted: its code sets that counted nothing.
    """

    place: int
    slot: str
    meanings: int
    uses: int | None
    uncounted: int
    cells: tuple[Used | None, ...]

    @property
    def collides(self) -> bool:
        """Whether the slot means two things or more."""
        return self.meanings > 1


@dataclass(frozen=True)
class Count:
    """How many collisions of a kind (件数), the codes in them, and their uses (None: nothing was counted)."""

    collisions: int
    codes: int
    uses: int | None


class Wall:
    """The collisions of many code sets (衝突の壁); made by `wall`."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._groups: dict[Kind, Groups] = {
            "same-slot": rows.by_slot(),
            "same-character": rows.by_character(),
            "same-glyph": rows.by_glyph(),
        }

    # --- what it holds

    @property
    def by(self) -> By:
        """What a slot is."""
        return self._rows.by

    @property
    def code_sets(self) -> list[str]:
        """The code sets in it, in the order their rows came."""
        return self._rows.names

    @property
    def members(self) -> list[str]:
        """The members in it."""
        return list(dict.fromkeys(self._rows.members))

    @property
    def codes(self) -> int:
        """The number of local codes."""
        return len(self._rows)

    @cached_property
    def uncounted(self) -> list[str]:
        """The code sets of which nothing was counted."""
        counted = {
            number
            for number, uses in zip(self._rows.code_set, self._rows.uses, strict=True)
            if uses != UNKNOWN
        }
        return [name for number, name in enumerate(self._rows.names) if number not in counted]

    @cached_property
    def counts(self) -> dict[Kind, Count]:
        """How many collisions there are, by kind."""
        return {kind: self._count(groups) for kind, groups in self._groups.items()}

    def _count(self, groups: Groups) -> Count:
        uses = [groups.uses[group] for group in groups.found]
        counted = [one for one in uses if one != UNKNOWN]
        codes = sum(groups.codes[group] for group in groups.found)
        return Count(len(groups.found), codes, sum(counted) if counted else None)

    # --- collisions

    def collisions(
        self,
        kind: Kind,
        filters: Filters = ALL,
        *,
        after: int = -1,
        limit: int | None = 100,
        order: Order = "slot",
    ) -> Iterator[Collision]:
        """Yield collisions of a kind that follow a place, at most `limit` (None: all).

        order: by slot, character or glyph; or the most used first. A place counts in that order. Raises as `check`.
        """
        groups = self._groups[kind]
        listed = groups.found if order == "slot" else groups.by_uses
        wanted = self._wanted(kind, groups, filters)
        for place in range(after + 1, len(listed)):
            if limit == 0:
                return
            if wanted(listed[place]):
                yield self._collision(kind, groups, listed[place], place)
                limit = limit if limit is None else limit - 1

    def check(self, filters: Filters) -> None:
        """Make sure that something could pass the filters (絞込みの確認); a wall without codes asks for nothing.

        Raises BadInput for a slot that cannot be one, and for a member that is not in the wall.
        """
        if filters.slot is not None:
            self._rows.slot_key(filters.slot)
        if filters.touching is not None and self.members and filters.touching not in self.members:
            some = [*self.members[:20], *(["…"] if len(self.members) > 20 else [])]
            raise BadInput(
                f"構成市 {filters.touching} の外字は対象に入っていません。対象は {'・'.join(some)} です。"
                "構成市・版を広げるか、関わる市を直してください。",
                f"Member {filters.touching} takes no part: the code sets chosen are of {', '.join(some)}. Widen the "
                "choice of members or name one of these.",
            )

    def count(self, kind: Kind, filters: Filters) -> int:
        """Return how many collisions of a kind pass the filters."""
        groups = self._groups[kind]
        return sum(map(self._wanted(kind, groups, filters), groups.found))

    def rows(self, kind: Kind, collision: Collision) -> Iterator[Used]:
        """Yield every row of a collision."""
        groups = self._groups[kind]
        name = collision.slot or collision.character or collision.glyph or ""
        group = bisect_left(groups.key, self._key(kind, name))
        return map(self._rows.used, groups.rows(group))

    def _key(self, kind: Kind, name: str) -> int:
        """Return what rows of a collision share, by its name; UNKNOWN where no row has it."""
        if kind == "same-slot":
            return self._rows.slot_key(name)
        if kind == "same-character":
            return self._rows.character_rank.get(name, UNKNOWN)
        return self._rows.glyph_rank.get(_digest(name), UNKNOWN)

    def _wanted(self, kind: Kind, groups: Groups, filters: Filters) -> Callable[[int], bool]:
        named = {
            "same-slot": filters.slot,
            "same-character": filters.character,
            "same-glyph": filters.glyph,
        }
        self.check(filters)
        name, columns = named[kind], self._rows
        key = None if name is None else self._key(kind, name)
        asked: list[Callable[[int], bool]] = []  # of a row: each must hold of one row or another
        if (member := filters.touching) is not None:
            asked.append(lambda row: columns.member(row) == member)
        if filters.slot is not None:
            slot = columns.slot_key(filters.slot)
            asked.append(lambda row: columns.slot[row] == slot)
        if filters.character is not None:
            character = columns.character_of(filters.character)
            asked.append(lambda row: columns.character[row] == character)
        if filters.glyph is not None:
            digest = _digest(filters.glyph)
            asked.append(lambda row: columns.digest(row) == digest)

        def passes(group: int) -> bool:
            if key is not None and groups.key[group] != key:
                return False
            if filters.used and groups.uses[group] <= 0:
                return False
            rows = groups.rows(group) if asked else ()
            return all(any(map(holds, rows)) for holds in asked)

        return passes

    def _collision(self, kind: Kind, groups: Groups, group: int, place: int) -> Collision:
        rows, columns = groups.rows(group), self._rows
        own = columns.exact(rows) if kind == "same-character" else rows
        sets = {columns.code_set[row] for row in own}
        uses, key = groups.uses[group], groups.key[group]
        return Collision(
            kind=kind,
            place=place,
            slot=self._rows.slot_name(key) if kind == "same-slot" else None,
            character=columns.characters[key] if kind == "same-character" else None,
            glyph=columns.glyphs[key].hex() if kind == "same-glyph" else None,
            rows=tuple(columns.used(row) for row in self._some(kind, rows)),
            codes=len(own),
            code_sets=len(sets),
            members=len({columns.members[number] for number in sets}),
            meanings=groups.meanings[group],
            uses=None if uses == UNKNOWN else uses,
            uncounted=self._uncounted(own),
            substitutes=len(rows) - len(own),
        )

    def _uncounted(self, rows: array[int]) -> int:
        """Return how many code sets of some rows counted nothing."""
        number, uses = self._rows.code_set, self._rows.uses
        counted = {number[row] for row in rows if uses[row] != UNKNOWN}
        return len({number[row] for row in rows} - counted)

    def _some(self, kind: Kind, rows: array[int]) -> Iterable[int]:
        """Return the rows that are told: all, or as many as `ROWS`, one of every meaning first."""
        if len(rows) <= ROWS:
            return rows
        seen: set[int] = set()
        first = []
        for place, row in enumerate(rows):
            meaning = self._rows.meanings[row] if kind == "same-slot" else self._rows.slot[row]
            if meaning not in seen:
                seen.add(meaning)
                first.append(place)
        chosen = set(first[:ROWS])
        for place in range(len(rows)):
            if len(chosen) >= ROWS:
                break
            chosen.add(place)
        return [rows[place] for place in sorted(chosen)]

    # --- pairs of members

    def pairs(self, kind: Kind) -> dict[tuple[str, str], int] | None:
        """Return in how many collisions of a kind two members differ from each other (市の組ごとの件数).

        A member with itself: between its own code sets. None for more than `PAIRED_MEMBERS` members.
        """
        if len(self.members) > PAIRED_MEMBERS:
            return None
        count: Counter[tuple[str, str]] = Counter()
        groups = self._groups[kind]
        for group in groups.found:
            what: dict[str, set[frozenset[int]]] = {}
            for row, said in self._said(kind, groups.rows(group)):
                if said:
                    what.setdefault(self._rows.member(row), set()).add(said)
            for a, b in combinations_with_replacement(sorted(what), 2):
                if any(one.isdisjoint(other) for one in what[a] for other in what[b]):
                    count[a, b] += 1
        return dict(sorted(count.items()))

    def _said(self, kind: Kind, rows: array[int]) -> Iterable[tuple[int, frozenset[int]]]:
        """Return rows of a collision with what they say; rows that share nothing collide with each other."""
        if kind == "same-slot":
            return zip(rows, self._rows.said(rows), strict=True)
        if kind == "same-character":
            return ((row, frozenset((self._rows.slot[row],))) for row in self._rows.exact(rows))
        return ((row, frozenset((row,))) for row in rows)

    # --- the matrix

    def slots(
        self,
        columns: Sequence[str] | None = None,
        *,
        colliding: bool = True,
        filters: Filters = ALL,
        order: Order = "slot",
        after: int = -1,
        limit: int | None = 50,
    ) -> Iterator[SlotRow]:
        """Yield lines of the matrix of slots and code sets that follow a place, at most `limit` (None: all).

        columns: the code sets to show (None: all), whose codes alone make a line; colliding: only slots that mean two
        things or more in the whole wall; filters: as for the collisions of slots. A place counts in the order asked
        for. Raises as `check`.
        """
        groups = self._groups["same-slot"]
        wanted = self._wanted("same-slot", groups, filters)
        listed: Sequence[int] = range(len(groups.key))
        if colliding:
            listed = groups.found if order == "slot" else groups.by_uses
        elif order == "uses":
            listed = sorted(listed, key=lambda group: -groups.uses[group])
        shown = {
            self._rows.code_sets[name]: place
            for place, name in enumerate(columns or self._rows.names)
        }
        for at in range(after + 1, len(listed)):
            if limit == 0:
                return
            group = listed[at]
            if not wanted(group):
                continue
            cells: list[Used | None] = [None] * len(shown)
            rows = groups.rows(group)
            for row in rows:
                column = shown.get(self._rows.code_set[row])
                if column is not None:
                    cells[column] = self._rows.used(row)
            if any(cells):
                uses = groups.uses[group]
                yield SlotRow(
                    at,
                    self._rows.slot_name(groups.key[group]),
                    groups.meanings[group],
                    None if uses == UNKNOWN else uses,
                    self._uncounted(rows),
                    tuple(cells),
                )
                limit = limit if limit is None else limit - 1


def _digest(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def wall(rows: Iterable[Used], *, by: By = "image") -> Wall:
    """Return the collisions of rows (衝突の壁), each a local code with its meaning on one day.

    by: what a slot is: `image`, the private-use code point that stands for a code, or `code`, its charset and bytes.
    """
    return Wall(Rows(rows, by))
