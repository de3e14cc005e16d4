"""Glyphs as squares of one size, to be compared by shape (字形の正規化).

A shape is the ink of a glyph, cut to its own box and stretched to SIDE x SIDE grey values; beside it stands
where that box lay in the em square, because cutting makes 口 and 囗 alike. Outlines are filled by the nonzero
rule straight into the square, with HarfBuzz's rasteriser; dots are cut and resampled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
import uharfbuzz as hb
from numpy.typing import NDArray
from PIL import Image

from gaiji.glyph.draw import BASELINE, DRAWING_EM, one_glyph_font
from gaiji.glyph.forms import Bitmap, Glyph, Outline
from gaiji.glyph.truetype import points

SIDE = 64
INK = 64
"""Grey value from which a pixel counts as ink when the box is looked for."""

Picture: TypeAlias = NDArray[np.uint8]
"""SIDE x SIDE grey values, 255 full ink, rows from the top."""


class Box(NamedTuple):
    """Where the ink lies (字面の位置): left, bottom, width, height in em, y upwards from the baseline."""

    left: float
    bottom: float
    width: float
    height: float


class Shape(NamedTuple):
    """The ink of one glyph in a square, and where it was (正規化した字形)."""

    picture: Picture
    box: Box


def shape(glyph: Glyph) -> Shape | None:
    """Return a glyph's shape (字形の正規化), None where there is no ink."""
    return _of_bitmap(glyph) if isinstance(glyph, Bitmap) else _of_outline(glyph)


def font_shapes(face: hb.Face, indices: Iterable[int]) -> Iterator[Shape | None]:
    """Yield the shapes of glyphs of a font by their index (書体の字形の正規化); None where one has no ink.

    For trusted fonts: HarfBuzz reads the outlines in this process.
    """
    font, rasteriser = hb.Font(face), hb.RasterDraw()
    for index in indices:
        yield _fitted(rasteriser, font, index, face.upem)


def _of_outline(outline: Outline) -> Shape | None:
    values = (abs(float(v)) for c in outline.contours for s in c for p in s for v in p)
    scale = min(DRAWING_EM / outline.em_units, 16000 / max([1, *values]))
    contours = points(outline, scale)
    if not contours:
        return None
    font = hb.Font(hb.Face(one_glyph_font(contours)))
    return _fitted(hb.RasterDraw(), font, 0, outline.em_units * scale)


def _fitted(rasteriser: hb.RasterDraw, font: hb.Font, index: int, em: float) -> Shape | None:
    """Fill the glyph's box; once more where control points outside the ink made the box too large."""
    extents = font.get_glyph_extents(index)
    if extents is None or not extents.width or not extents.height:
        return None
    left, top = float(extents.x_bearing), float(extents.y_bearing)
    width, height = float(extents.width), float(-extents.height)
    for _ in range(2):
        picture = _filled(rasteriser, font, index, (left, top - height, width, height))
        ink = _ink(picture)
        if ink is None:
            return None
        x0, y0, x1, y1 = ink
        if (x0, y0, x1, y1) == (0, 0, SIDE, SIDE):
            break
        left, width = left + x0 * width / SIDE, (x1 - x0) * width / SIDE
        top, height = top - y0 * height / SIDE, (y1 - y0) * height / SIDE
    return Shape(picture, Box(left / em, (top - height) / em, width / em, height / em))


def _filled(
    rasteriser: hb.RasterDraw, font: hb.Font, index: int, box: tuple[float, float, float, float]
) -> Picture:
    left, bottom, width, height = box
    across, up = SIDE / width, SIDE / height
    rasteriser.transform = (across, 0, 0, up, -left * across, -bottom * up)
    rasteriser.extents = hb.RasterExtents(0, 0, SIDE, SIDE, SIDE)
    rasteriser.draw_glyph(font, index)
    drawn = rasteriser.render()
    rows = np.frombuffer(drawn.buffer, np.uint8).reshape(SIDE, drawn.extents.stride)
    return rows[::-1, :SIDE].copy()


def _ink(picture: NDArray[np.uint8]) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of the ink in pixels, None where there is none."""
    rows, columns = (np.flatnonzero((picture >= INK).any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _of_bitmap(bitmap: Bitmap) -> Shape | None:
    cell = Image.frombytes("1", (bitmap.width, bitmap.height), bitmap.rows).convert("L")
    ink = cell.getbbox()
    if ink is None:
        return None
    left, top, right, bottom = ink
    shrinks = max(right - left, bottom - top) > SIDE
    method = Image.Resampling.BOX if shrinks else Image.Resampling.BILINEAR
    picture = np.asarray(cell.crop(ink).resize((SIDE, SIDE), method))
    em = max(bitmap.width, bitmap.height)
    low = (bitmap.height - bottom) / em - BASELINE
    return Shape(picture, Box(left / em, low, (right - left) / em, (bottom - top) / em))
