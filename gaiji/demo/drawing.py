"""Glyphs of the council's gaiji (見本の字形): a donor font's outlines, redrawn as vendors and clerks do.

The donor is HanaMin, another design than the reference font. A vendor's design moves and scales every
character alike; a drawn variant (作字) is put together from real outlines in a way that the reference set
has no character of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import uharfbuzz as hb

from gaiji.data import MjRow
from gaiji.demo.council import DESIGNS
from gaiji.errors import NoPicture, Where
from gaiji.glyph.draw import mask
from gaiji.glyph.forms import Bitmap, Contour, Outline
from gaiji.glyph.opentype import read_outline

Way = Literal["beside", "above", "dotted"]
DOT = (830, 600, 110, 120)
"""Place and size of an added dot: the upper right corner, in 1/1024 em."""

INK = 128
"""From this grey value on a dot is set."""


class Donor:
    """Fonts searched by code point, then by variation sequence (字形の提供元). Raises NoPicture."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.fonts: list[hb.Font] = []
        for path in paths:
            try:
                self.fonts.append(hb.Font(hb.Face(hb.Blob.from_file_path(path))))
            except (OSError, hb.HarfBuzzError) as error:
                raise NoPicture(
                    "見本を作るフォントを開けません。gaiji fonts fetch を実行してください。",
                    "A font the demo is made from cannot be opened; run gaiji fonts fetch.",
                    where=Where(file=str(path)),
                ) from error
        self._kept: dict[str, Outline] = {}

    def has(self, row: MjRow) -> bool:
        """Whether a character of the reference set can be drawn."""
        return self._find(row) is not None

    def outline(self, row: MjRow) -> Outline:
        """Return the outline of a character of the reference set. Raises KeyError."""
        if row.name not in self._kept:
            found = self._find(row)
            if found is None:
                raise KeyError(row.name)
            self._kept[row.name] = read_outline(*found)
        return self._kept[row.name]

    def _find(self, row: MjRow) -> tuple[hb.Font, int] | None:
        for char in filter(None, (row.own_ucs, row.ivs)):
            for font in self.fonts:
                if index := _index(font, *map(ord, char)):
                    return font, index
        return None


def _index(font: hb.Font, point: int, selector: int | None = None) -> int | None:
    found = font.get_variation_glyph(point, selector) if selector else font.get_nominal_glyph(point)
    return int(found) if found else None


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


def dots(outline: Outline, side: int) -> Bitmap:
    """Return an outline as a square dot pattern of so many dots a side."""
    image = mask(outline, side, margin=0).point(lambda grey: 255 * (grey >= INK))
    return Bitmap.padded(side, side, image.convert("1").tobytes())


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
