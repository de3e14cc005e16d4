"""The rows of a collision wall (衝突の壁の行): held column by column, ranked, and sorted into groups by number.

A row takes 60 bytes here and several hundred as objects; grouping sorts one integer a row, so that a nation's codes
need neither a dictionary of slots nor one of glyphs, but for those without a character.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

from gaiji.charset.ways import is_private
from gaiji.errors import BadInput
from gaiji.registry.listing import Used

By = Literal["image", "code"]
Judge = Callable[["array[int]"], tuple[int, int, int]]
"""Tells of a run of rows how many different things it holds, its codes that count, and their uses."""

DIGEST = 32
NOTHING = bytes(DIGEST)
UNKNOWN = -1
SHIFT = 24
"""Bits of a row number, and of a meaning, in the integers that are sorted."""
CODE_BITS = 40


@dataclass
class Groups:
    """Row numbers sorted so that what shares a key stands together; `found` are the groups that collide.

    codes: rows of each group that count, which substitutes do not where a character is looked for.
    """

    key: list[int]
    start: array[int]
    row: array[int]
    meanings: array[int]
    codes: array[int]
    uses: array[int]
    found: array[int]

    @cached_property
    def by_uses(self) -> array[int]:
        """The groups that collide, the most used first."""
        return array("I", sorted(self.found, key=lambda group: (-self.uses[group], group)))

    def rows(self, group: int) -> array[int]:
        """Return the row numbers of a group."""
        return self.row[self.start[group] : self.start[group + 1]]


class Rows:
    """Rows by number, column by column (衝突の壁の行); strings are numbers in the order they were first seen.

    by: what a slot is. character and uses are UNKNOWN where there is none.
    """

    def __init__(self, rows: Iterable[Used], by: By) -> None:
        self.by = by
        self.code_sets: dict[str, int] = {}
        self.charsets: list[str] = []  # of each code set
        self._characters: dict[str, int] = {}
        self._relationships: dict[str | None, int] = {}
        self.code_set = array("I")
        self._code = array("Q")
        self._image = array("I")
        self.character = array("i")
        self._relationship = array("B")
        self._glyph = bytearray()
        self.uses = array("q")
        self._fill(rows)
        self.names = [*self.code_sets]
        self.members = [name.partition("/")[0] for name in self.names]
        self._character_names = [*self._characters]
        self._relationship_names = [*self._relationships]
        self._substitute = self._relationships.get("substitute", UNKNOWN)
        self._ranked_charsets = sorted(set(self.charsets))
        self.slot = self._image if by == "image" else self._slots_by_code()

    def __len__(self) -> int:
        return len(self._code)

    def _fill(self, rows: Iterable[Used]) -> None:
        sets, characters, relationships = self.code_sets, self._characters, self._relationships
        for address, code, image, character, relationship, glyph, uses, charset in rows:
            number = sets.setdefault(address, len(sets))
            if number == len(self.charsets):
                self.charsets.append(charset)
            self.code_set.append(number)
            self._code.append(int.from_bytes(b"\x01" + code))  # the 1 keeps leading zeros
            self._image.append(image)
            self.character.append(
                UNKNOWN if character is None else characters.setdefault(character, len(characters))
            )
            self._relationship.append(relationships.setdefault(relationship, len(relationships)))
            self._glyph += NOTHING if glyph is None else bytes.fromhex(glyph)
            self.uses.append(UNKNOWN if uses is None else uses)

    # --- one row

    def member(self, row: int) -> str:
        """Return the member whose code a row is."""
        return self.members[self.code_set[row]]

    def digest(self, row: int) -> bytes:
        """Return the sha256 of a row's glyph, NOTHING where there is none."""
        return bytes(self._glyph[row * DIGEST : (row + 1) * DIGEST])

    def character_of(self, name: str) -> int:
        """Return the number of a character in `character`; UNKNOWN less one for one that no row has."""
        return self._characters.get(name, UNKNOWN - 1)

    def is_substitute(self, row: int) -> bool:
        """Whether a row's character stands in for another."""
        return self._relationship[row] == self._substitute

    def used(self, row: int) -> Used:
        """Return a row as it came."""
        number, character = self.code_set[row], self.character[row]
        digest, uses = self.digest(row), self.uses[row]
        return Used(
            self.names[number],
            _bytes(self._code[row]),
            self._image[row],
            None if character == UNKNOWN else self._character_names[character],
            self._relationship_names[self._relationship[row]],
            None if digest == NOTHING else digest.hex(),
            None if uses == UNKNOWN else uses,
            self.charsets[number],
        )

    def sum(self, rows: Iterable[int]) -> int:
        """Return the uses of some rows, UNKNOWN where nothing was counted."""
        counts = [*map(self.uses.__getitem__, rows)]
        if UNKNOWN in counts:
            counts = [one for one in counts if one != UNKNOWN]
        return sum(counts) if counts else UNKNOWN

    # --- characters, glyphs, meanings

    @cached_property
    def characters(self) -> list[str]:
        """The characters, by id; a character's rank is its place here."""
        return sorted(self._characters)

    @cached_property
    def character_rank(self) -> dict[str, int]:
        """The rank of each character."""
        return {id: rank for rank, id in enumerate(self.characters)}

    @cached_property
    def _rank(self) -> array[int]:
        return array("I", [self.character_rank[id] for id in self._characters])

    @cached_property
    def glyph_rank(self) -> dict[bytes, int]:
        """The rank of each glyph that stands for itself: of a row without a character, and of a substitute."""
        found = {
            self.digest(row)
            for row, character in enumerate(self.character)
            if character == UNKNOWN or self.is_substitute(row)
        }
        return {digest: rank for rank, digest in enumerate(sorted(found - {NOTHING}))}

    @cached_property
    def glyphs(self) -> list[bytes]:
        """Those glyphs; a glyph's rank is its place here."""
        return list(self.glyph_rank)

    @cached_property
    def meanings(self) -> array[int]:
        """What each row says: a character's rank from 1, a glyph's rank behind them, 0 for nothing.

        A substitute's character is not what its glyph shows: it says its glyph. Without one it says what its character
        stands in for, which is never the character itself and ranks behind the glyphs.
        """
        rank, glyphs, digest = self._rank, self.glyph_rank, self.digest
        behind = len(rank) + 1
        last = behind + len(glyphs)

        def said(row: int, character: int) -> int:
            if character != UNKNOWN and not self.is_substitute(row):
                return rank[character] + 1
            if (glyph := glyphs.get(digest(row))) is not None:
                return behind + glyph
            return 0 if character == UNKNOWN else last + rank[character]

        return array("I", (said(row, one) for row, one in enumerate(self.character)))

    # --- slots

    def _slots_by_code(self) -> array[int]:
        charset = [self._ranked_charsets.index(name) for name in self.charsets]
        pairs = zip(self.code_set, self._code, strict=True)
        return array("Q", (charset[number] << CODE_BITS | code for number, code in pairs))

    def slot_name(self, key: int) -> str:
        """Return a slot's name by its key, e.g. U+E000 or cp932/F040."""
        if self.by == "image":
            return f"U+{key:04X}"
        code = _bytes(key & (1 << CODE_BITS) - 1).hex().upper()
        return f"{self._ranked_charsets[key >> CODE_BITS]}/{code}"

    def slot_key(self, name: str) -> int:
        """Return the key of a slot by its name in any case, UNKNOWN for one that is not here.

        Raises BadInput for what no code of these rows can stand at.
        """
        if self.by == "image":
            point = re.fullmatch("U\\+([0-9A-F]{4,6})", name.upper())
            image = int(point[1], 16) if point else 0
            if image > 0x10FFFF or not is_private(chr(image)):
                raise BadInput(
                    f"コード位置「{name[:40]}」は私用領域の符号位置ではありません。U+E000 のように書いてください。"
                    "バイト列で指すには、位置を文字コード体系とバイト列で数えてください (--slots code)。",
                    f"Slot {name[:40]!r} is no private-use code point; write it like U+E000, or count slots by charset "
                    "and bytes (--slots code).",
                )
            return image
        found = re.fullmatch("([^/]+)/((?:[0-9A-F]{2}){1,4})", name.upper())
        if found is None:
            raise BadInput(
                f"コード位置「{name[:40]}」は文字コード体系とバイト列ではありません。"
                "cp932/F041 のように書いてください。",
                f"Slot {name[:40]!r} is no charset and bytes; write it like cp932/F041.",
            )
        if not self._ranked_charsets:
            return UNKNOWN
        ranks = [one.upper() for one in self._ranked_charsets]
        if found[1] not in ranks:
            known = self._ranked_charsets
            raise BadInput(
                f"文字コード体系 {found[1].lower()[:40]} の外字セットは対象にありません。"
                f"{'・'.join(known)} のどれかにしてください。",
                f"No chosen code set is of charset {found[1].lower()[:40]}; take one of {', '.join(known)}.",
            )
        return ranks.index(found[1]) << CODE_BITS | _number(bytes.fromhex(found[2]))

    # --- groups

    def by_slot(self) -> Groups:
        """Return the rows by slot; a slot collides that means two things or more."""
        pairs = zip(self.slot, self.meanings, strict=True)
        words = [
            (key << SHIFT | meaning) << SHIFT | row for row, (key, meaning) in enumerate(pairs)
        ]
        return _grouped(words, self._different)

    def said(self, rows: array[int]) -> list[frozenset[int]]:
        """Return what each row of one slot says there, nothing for some; two rows differ that share nothing.

        A glyph that decided rows of the slot have as well says what they say.
        """
        said, decided = [*map(self.meanings.__getitem__, rows)], len(self._rank)
        known: dict[bytes, set[int]] = {}
        if max(said) > decided > 0:
            for row, meaning in zip(rows, said, strict=True):
                if 0 < meaning <= decided and (digest := self.digest(row)) != NOTHING:
                    known.setdefault(digest, set()).add(meaning)
        return [
            frozenset(known.get(self.digest(row), (meaning,)))
            if meaning > decided
            else frozenset((meaning,) if meaning else ())
            for row, meaning in zip(rows, said, strict=True)
        ]

    def _different(self, rows: array[int]) -> tuple[int, int, int]:
        plain = {*map(self.meanings.__getitem__, rows)} - {0}
        decided = len(self._rank)
        if plain and min(plain) <= decided < max(plain):
            plain = {*frozenset[int]().union(*self.said(rows))}
        return len(plain), len(rows), self.sum(rows)

    def by_character(self) -> Groups:
        """Return the rows by character; one collides that stands itself in two slots or more."""
        rank, pairs = self._rank, zip(self.character, self.slot, strict=True)
        words = [
            (rank[character] << 2 * SHIFT | key) << SHIFT | row
            for row, (character, key) in enumerate(pairs)
            if character != UNKNOWN
        ]
        return _grouped(words, self._exact, 3 * SHIFT)

    def exact(self, rows: array[int]) -> array[int]:
        """Return those rows whose character stands for itself."""
        relationship, substitute = self._relationship, self._substitute
        return array("I", (row for row in rows if relationship[row] != substitute))

    def _exact(self, rows: array[int]) -> tuple[int, int, int]:
        exact = self.exact(rows)
        return len({*map(self.slot.__getitem__, exact)}), len(exact), self.sum(exact)

    def by_glyph(self) -> Groups:
        """Return the rows without a character by glyph; one collides that two codes or more have."""
        rank = self.glyph_rank
        words = [
            rank[digest] << 2 * SHIFT | row
            for row, character in enumerate(self.character)
            if character == UNKNOWN and (digest := self.digest(row)) != NOTHING
        ]
        return _grouped(words, lambda rows: (len(rows), len(rows), self.sum(rows)))


def _number(code: bytes) -> int:
    """Return a code as a number whose first digit keeps leading zeros."""
    return int.from_bytes(b"\x01" + code)


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8)[1:]


def _grouped(words: list[int], judge: Judge, above: int = 2 * SHIFT) -> Groups:
    """Sort words of key, more key and row number, and judge each run of one key."""
    words.sort()
    mask = (1 << SHIFT) - 1
    order = array("I", (word & mask for word in words))
    key: list[int] = []
    start = array("I")
    last = None
    for place, word in enumerate(words):
        if (one := word >> above) != last:
            key.append(last := one)
            start.append(place)
    del words
    start.append(len(order))
    groups = Groups(key, start, order, array("I"), array("I"), array("q"), array("I"))
    for group, (first, end) in enumerate(pairwise(start)):
        meanings, codes, uses = judge(order[first:end])
        groups.meanings.append(meanings)
        groups.codes.append(codes)
        groups.uses.append(uses)
        if meanings > 1:
            groups.found.append(group)
    return groups
