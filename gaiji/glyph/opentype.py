"""Outlines out of TrueType and OpenType fonts, by HarfBuzz (フォントの輪郭).

HarfBuzz checks every offset it follows and bounds recursion; fontTools does neither, so nothing here uses
it. Composite glyphs are flattened, implied points become explicit, hinting is not applied.
"""

from __future__ import annotations

import uharfbuzz as hb

from gaiji.glyph.forms import Contour, Outline, Point, Segment, number


class _Path:
    """Collects what HarfBuzz draws as closed contours."""

    def __init__(self) -> None:
        self.contours: list[Contour] = []
        self.segments: list[Segment] = []
        self.start: Point = (0, 0)

    def close(self) -> None:
        if self.segments:
            if self.segments[-1][-1] != self.start:
                self.segments.append((self.start,))
            self.contours.append(tuple(self.segments))
        self.segments = []


def _move(x: float, y: float, path: _Path) -> None:
    path.close()
    path.start = (number(x), number(y))


def _line(x: float, y: float, path: _Path) -> None:
    path.segments.append(((number(x), number(y)),))


def _quadratic(ax: float, ay: float, x: float, y: float, path: _Path) -> None:
    path.segments.append(((number(ax), number(ay)), (number(x), number(y))))


def _cubic(ax: float, ay: float, bx: float, by: float, x: float, y: float, path: _Path) -> None:
    points = ((number(ax), number(ay)), (number(bx), number(by)), (number(x), number(y)))
    path.segments.append(points)


def _close(path: _Path) -> None:
    path.close()


_FUNCTIONS = hb.DrawFuncs()
_FUNCTIONS.set_move_to_func(_move)
_FUNCTIONS.set_line_to_func(_line)
_FUNCTIONS.set_quadratic_to_func(_quadratic)
_FUNCTIONS.set_cubic_to_func(_cubic)
_FUNCTIONS.set_close_path_func(_close)


def read_outline(font: hb.Font, glyph_index: int) -> Outline:
    """Return the outline (輪郭) of one glyph in font units, exact, contours as the font orders them.

    An index that the font does not have, or whose data are damaged, gives an outline without contours.
    """
    path = _Path()
    font.draw_glyph(glyph_index, _FUNCTIONS, path)
    path.close()
    advance = font.get_glyph_h_advance(glyph_index)
    return Outline(font.face.upem, advance, tuple(path.contours))
