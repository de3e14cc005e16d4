"""Outlines as TrueType points (輪郭からTrueTypeの点へ): quadratic exact, cubic approximated."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from fontTools.cu2qu import curve_to_quadratic

from gaiji.glyph.forms import Bitmap, Contour, Glyph, Number, Outline, Point, number

CUBIC_ERROR = 1 / 4000
"""Largest distance between a cubic curve and what replaces it, in em: with rounding, within 1/1000."""


class TrueTypePoint(NamedTuple):
    """A point of a TrueType contour in whole units; `on` the curve or a control point."""

    x: int
    y: int
    on: bool


def points(outline: Outline, scale: float = 1) -> list[list[TrueTypePoint]]:
    """Return the contours of an outline as TrueType points (制御点), multiplied by scale and rounded.

    An on-curve point exactly half way between two control points is left to be implied, as TrueType
    fonts write it: with scale 1, quadratic outlines of whole numbers and their halves stay exact.
    Contours that round to fewer than three points are left out.
    """
    tolerance = outline.em_units * CUBIC_ERROR
    scale = int(scale) if scale == int(scale) else scale  # whole numbers stay whole, and are fast
    drawn = (_contour(_quadratic(contour, tolerance), scale) for contour in outline.contours)
    return [contour for contour in drawn if len(contour) > 2]


def _quadratic(contour: Contour, tolerance: float) -> Contour:
    """Replace cubic segments by quadratic ones within the tolerance, in font units."""
    if not any(len(segment) == 3 for segment in contour):
        return contour
    out: list[tuple[Point, ...]] = []
    for index, segment in enumerate(contour):
        if len(segment) < 3:
            out.append(segment)
            continue
        curve = [(float(x), float(y)) for x, y in (contour[index - 1][-1], *segment)]
        spline = curve_to_quadratic(curve, tolerance)
        controls = [(number(x), number(y)) for x, y in spline[1:-1]]
        out += ((here, _middle(here, after)) for here, after in pairwise(controls))
        out.append((controls[-1], segment[-1]))
    return tuple(out)


def _middle(a: Point, b: Point) -> Point:
    return _half(a[0] + b[0]), _half(a[1] + b[1])


def _half(value: Number) -> Number:
    if isinstance(value, int) and not value & 1:
        return value >> 1
    half = Fraction(value) / 2
    return half.numerator if half.denominator == 1 else half


def _contour(contour: Contour, scale: float) -> list[TrueTypePoint]:
    found: list[TrueTypePoint] = []
    for index, segment in enumerate(contour):
        after = contour[(index + 1) % len(contour)]
        if len(segment) == 2:
            found.append(_rounded(segment[0], False, scale))
            if len(after) == 2 and _halfway(segment, after):
                continue
        found.append(_rounded(segment[-1], True, scale))
    return found


def _halfway(segment: tuple[Point, ...], after: tuple[Point, ...]) -> bool:
    (ax, ay), (x, y), (bx, by) = segment[0], segment[1], after[0]
    return ax + bx == 2 * x and ay + by == 2 * y


def _rounded(point: Point, on: bool, scale: float) -> TrueTypePoint:
    return TrueTypePoint(round(point[0] * scale), round(point[1] * scale), on)


def from_points(contours: list[list[TrueTypePoint]], em_units: int, advance: int) -> Outline:
    """Return the outline that TrueType points stand for (制御点から輪郭へ), implied points written out."""
    return Outline(em_units, advance, tuple(map(_drawn, contours)))


def _drawn(contour: list[TrueTypePoint]) -> Contour:
    whole: list[tuple[Point, bool]] = []
    for index, here in enumerate(contour):
        before = contour[index - 1]
        if not (before.on or here.on):
            whole.append((_middle(before[:2], here[:2]), True))
        whole.append((here[:2], here.on))
    first = next(index for index, (_, on) in enumerate(whole) if on)
    whole = whole[first + 1 :] + whole[: first + 1]
    segments: list[tuple[Point, ...]] = []
    control: tuple[Point, ...] = ()
    for point, on in whole:
        if on:
            segments.append((*control, point))
        control = () if on else (point,)
    return tuple(segments)


def as_outline(glyph: Glyph, em_units: int) -> Outline:
    """Return a glyph as an outline: a bitmap becomes its dots as rectangles, one per run (ドットの輪郭化).

    The cell fills the ideographic em box, its lower edge 12/100 em below the baseline. Dots are alike where em_units
    is a multiple of the longer side, else rounded to the nearest unit.
    """
    if isinstance(glyph, Outline):
        return glyph
    longest = max(glyph.width, glyph.height)
    unit = [(2 * dots * em_units + longest) // (2 * longest) for dots in range(longest + 1)]
    bottom, height = -round(em_units * 0.12), glyph.height
    contours = tuple(
        _rectangle(
            unit[left],
            bottom + unit[height - y - 1],
            unit[right] - unit[left],
            unit[height - y] - unit[height - y - 1],
        )
        for left, right, y in runs(glyph)
    )
    return Outline(em_units, unit[glyph.width], contours)


def runs(bitmap: Bitmap) -> list[tuple[int, int, int]]:
    """Return the runs of set dots (連続する点) as (left, right beyond, row from the top)."""
    found = []
    for y, row in enumerate(bitmap.lines()):
        dots = f"{int.from_bytes(row, 'big'):0{8 * len(row)}b}"
        right = 0
        while (left := dots.find("1", right)) >= 0:
            right = dots.find("0", left)
            right = len(dots) if right < 0 else right
            found.append((left, right, y))
    return found


def _rectangle(x: int, y: int, width: int, height: int) -> Contour:
    """A clockwise rectangle, as TrueType fills."""
    corners = [(x, y + height), (x + width, y + height), (x + width, y), (x, y)]
    return tuple((corner,) for corner in corners)
