"""Glyphs of the council's gaiji (見本の字形): a donor font's outlines, redrawn as vendors and clerks do.

The donor is HanaMin, another design than the reference font. A vendor's design moves and scales every
character alike; a drawn variant (作字) is put together from real outlines in a way that the reference set
has no character of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from gaiji.demo.council import DESIGNS
from gaiji.glyph.forms import Contour, Outline

Way = Literal["beside", "above", "dotted"]
DOT = (830, 600, 110, 120)
"""Place and size of an added dot: the upper right corner, in 1/1024 em."""


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
