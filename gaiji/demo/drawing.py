"""Glyphs of the council's gaiji (見本の字形): a donor font's outlines, redrawn as vendors and clerks do.

The donor is HanaMin, another design than the reference font, which only tells where HanaMin draws another character of
the same base. A vendor's design moves and scales every
character alike; a drawn variant (作字) is put together from real outlines in a way that the reference set
has no character of.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import cached_property
from typing import Literal

from gaiji import data
from gaiji.data import MjRow
from gaiji.demo.council import DESIGNS
from gaiji.glyph.build import build_truetype
from gaiji.glyph.donors import Donor
from gaiji.glyph.forms import Contour, Glyph, Outline
from gaiji.glyph.reference import ReferenceFont
from gaiji.glyph.sources import parse_source

Way = Literal["beside", "above", "dotted"]
DOT = (830, 600, 110, 120)
"""Place and size of an added dot: the upper right corner, in 1/1024 em."""


class Originals:
    """What the cities' glyphs are drawn from (見本の元の輪郭): each character's own outline and no other's."""

    def __init__(self, donor: Donor, reference: ReferenceFont) -> None:
        self.donor, self.reference = donor, reference
        self._own: dict[str, Outline | None] = {}

    @cached_property
    def rows(self) -> dict[str, MjRow]:
        """The reference set by name."""
        return {row.name: row for row in data.read(MjRow)}

    @cached_property
    def _same_base(self) -> dict[str | None, list[MjRow]]:
        found = defaultdict[str | None, list[MjRow]](list)
        for row in self.rows.values():
            found[row.ucs].append(row)
        return found

    def own(self, row: MjRow) -> Outline | None:
        """Return a character's outline (その文字の輪郭), None where the donor has none that is its own for certain."""
        if row.name not in self._own:
            others = self._same_base[row.ucs]
            self._own[row.name] = self.donor.own(row, others, self._drawn)
        return self._own[row.name]

    def any(self, row: MjRow) -> Outline:
        """Return an outline of a character's base (作字の部品), be it another form's: good to make variants of."""
        return self.own(row) or self.donor.outline(row)

    def _drawn(self, name: str) -> Outline | None:
        return self.reference.glyph(name) if name in self.reference.names() else None


def designed(outline: Outline, design: str) -> Outline:
    """Return an outline as one vendor draws it: scaled and moved, in whole units."""
    wide, high, right, up = DESIGNS[design]
    if (wide, high, right, up) == (1, 1, 0, 0):
        return outline
    return _moved(outline, lambda x, y: (round(x * wide + right), round(y * high + up)))


def _moved(outline: Outline, move: Callable[[float, float], tuple[int, int]]) -> Outline:
    contours = tuple(
        tuple(tuple(move(float(x), float(y)) for x, y in segment) for segment in contour)
        for contour in outline.contours
    )
    return Outline(outline.em_units, outline.advance, contours)


def drawn_variant(way: Way, first: Outline, second: Outline) -> Outline:
    """Return a variant that somebody drew (作字): two characters beside or above each other, or one with a dot."""
    em = first.em_units
    if way == "dotted":
        x, y, wide, high = DOT
        dot: Contour = (
            ((x + 40, y + high),),
            ((x + wide, y + 60),),
            ((x + 80, y),),
            ((x, y + 80),),
        )
        return Outline(em, first.advance, (*first.contours, dot))
    if way == "beside":
        left = _moved(first, lambda x, y: (round(x * 0.46), round(y)))
        right = _moved(second, lambda x, y: (round(x * 0.54 + em * 0.45), round(y)))
        return Outline(em, em, (*left.contours, *right.contours))
    upper = _moved(first, lambda x, y: (round(x), round(y * 0.48 + em * 0.42)))
    lower = _moved(second, lambda x, y: (round(x), round(y * 0.5 - em * 0.04)))
    return Outline(em, em, (*upper.contours, *lower.contours))


def drifted(font: bytes) -> bytes:
    """Return a city's font as it may be on one terminal (差異のある端末のフォント): four codes are not what they were.

    The first is missing, the second and third are swapped, the fourth is drawn anew, and one stands at U+F8FE that the
    city never made.
    """
    source = parse_source(font, "EUDC.TTE")
    drawn = [(one.key, one.glyph) for one in source.glyphs if isinstance(one.glyph, Outline)]
    found: dict[int, Glyph] = dict(drawn[1:])
    second, third, fourth = (key for key, _ in drawn[1:4])
    found[second], found[third] = found[third], found[second]
    found[0xF8FE] = found[fourth]
    found[fourth] = drawn_variant("dotted", drawn[3][1], drawn[3][1])
    named = {point: (f"uni{point:04X}", glyph) for point, glyph in found.items()}
    return build_truetype(named, family="EUDC", em_units=source.em_units or 1024)
