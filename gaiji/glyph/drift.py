"""Where a terminal's font differs from what it should show (差異): missing, extra, swapped, redrawn, blank.

A glyph is the same when its canonical form is the registry's, that of the font built of it, or the registry's rounded
to the em of the font in hand, however coarse. With another way of rounding it is still the same while, at 96 pixels,
less than 2 % of its ink differs and no pixel by a quarter: rounding moves edges by an eighth of one at the most, while
a dot that was added (大, 太) may be less than 2 % of the ink. What differs is held against the other glyphs to tell one
that stands at the wrong place from one that was drawn anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from PIL import Image, ImageChops, ImageStat

from gaiji.errors import BadFont
from gaiji.glyph.build import FontGlyph, as_built
from gaiji.glyph.draw import dot_pattern, dots, mask
from gaiji.glyph.forms import Glyph, Outline, digest, is_empty
from gaiji.glyph.sources import GlyphSource
from gaiji.wire.fonts import DriftKind

INK_PX, SAME_INK, SAME_PIXEL = 96, 0.02, 64
COMPARED_WITH_ALL = 64
"""Up to so many differing glyphs each is compared with every other, beyond that with those that differ."""


class Drift(NamedTuple):
    """One difference (差異). found_at: the code point whose glyph stands there, for `swapped`.

    difference: the part of the ink of both that only one has, where there are two glyphs to compare.
    """

    kind: DriftKind
    code_point: int
    expected: FontGlyph | None = None
    found: Glyph | None = None
    found_at: int | None = None
    difference: float | None = None


def drift(expected: Mapping[int, FontGlyph], found: GlyphSource, em_units: int) -> list[Drift]:
    """Return how a font differs from the glyphs it should hold (フォントの差異), by code point.

    em_units: that of the font built of the expected glyphs. Dot fonts are compared as dots, and their numbers taken as
    local codes or code points, whichever more of them are. Raises BadFont for patterns without codes.
    """
    placed = places(expected, found)
    one = _Comparison(expected, found, em_units)
    differing: list[int] = []
    result: list[Drift] = []
    for point in sorted(expected.keys() | placed.keys()):
        wanted, there = expected.get(point), placed.get(point)
        if wanted is None:
            if there is not None and not is_empty(there):
                result.append(Drift("extra", point, None, there))
        elif there is None:
            result.append(Drift("missing", point, wanted))
        elif is_empty(there) and not is_empty(wanted.glyph):
            result.append(Drift("blank", point, wanted, there))
        elif not one.is_same(point, there):
            differing.append(point)
    others = sorted(expected) if len(differing) <= COMPARED_WITH_ALL else differing
    for point in differing:
        there, apart = placed[point], one.difference(point, placed[point])
        elsewhere = one.place_of(there, point, others)
        kind: DriftKind = "redrawn" if elsewhere is None else "swapped"
        result.append(Drift(kind, point, expected[point], there, elsewhere, apart))
    return sorted(result, key=lambda item: item.code_point)


def places(expected: Mapping[int, FontGlyph], found: GlyphSource) -> dict[int, Glyph]:
    """Return a font's glyphs by code point; numbers of dot fonts may be local codes (コードの対応)."""
    units = {one.unit for one in found.glyphs}
    if "index" in units:
        raise BadFont(
            "ドットパターンの並びだけではコードが分からず、点検できません。BDFかTrueTypeで書き出してください。",
            "Patterns one after the other carry no codes and cannot be checked; export them as BDF or TrueType.",
        )
    by_code = {
        int(one.provenance.code, 16): point
        for point, one in expected.items()
        if one.provenance.code
    }
    coded = sum(one.key in by_code for one in found.glyphs)
    if units == {"code"} or (
        units == {"number"} and coded > sum(k.key in expected for k in found.glyphs)
    ):
        return {by_code.get(one.key, one.key): one.glyph for one in found.glyphs}
    return {one.key: one.glyph for one in found.glyphs}


class _Comparison:
    """Expected glyphs in the form that the font in hand can hold, drawn once each."""

    def __init__(
        self, expected: Mapping[int, FontGlyph], found: GlyphSource, em_units: int
    ) -> None:
        self.expected, self.em_units = expected, em_units
        self.other_em = found.em_units if found.em_units != em_units else None
        self.side = found.cell[0] if found.cell and found.cell[0] == found.cell[1] else None
        self._masks: dict[int, Image.Image] = {}
        self._built: dict[int, Glyph] = {}
        self._places: dict[str, list[int]] | None = None

    def built(self, point: int) -> Glyph:
        if point not in self._built:
            glyph = self.expected[point].glyph
            self._built[point] = (
                dot_pattern(glyph, self.side) or dots(glyph, self.side)
                if self.side
                else as_built(glyph, self.em_units)
            )
        return self._built[point]

    def is_same(self, point: int, there: Glyph) -> bool:
        if there == self.expected[point].glyph or digest(there) in self._names(point):
            return True
        if self._exact_places(there):  # however alike: it is the glyph of another code
            return False
        return _looks_same(self._ink_of(point), _ink(there))

    def _names(self, point: int) -> set[str]:
        """Return the digests of the forms in which a glyph may stand in the font in hand, to the point."""
        known = self.expected[point]
        names = {known.sha256, digest(self.built(point))}
        if self.other_em:
            names.add(digest(as_built(known.glyph, self.other_em)))
        return names

    def difference(self, point: int, there: Glyph) -> float:
        return ink_difference(self._ink_of(point), _ink(there))

    def _ink_of(self, point: int) -> Image.Image:
        if point not in self._masks:
            self._masks[point] = _ink(self.built(point))
        return self._masks[point]

    def _exact_places(self, there: Glyph) -> list[int]:
        """Return the code points whose expected glyph this is, to the point."""
        if self._places is None:
            self._places = {}
            for at in self.expected:
                for name in self._names(at):
                    self._places.setdefault(name, []).append(at)
        return self._places.get(digest(there), [])

    def place_of(self, there: Glyph, point: int, others: list[int]) -> int | None:
        """Return another code point whose expected glyph this is, None where there is none."""
        exact = [at for at in self._exact_places(there) if at != point]
        if exact:
            return min(exact)
        ink = _ink(there)
        amount = _amount(ink)
        for at in others:
            if at == point:
                continue
            other = _amount(self._ink_of(at))
            is_near = abs(amount - other) <= 2 * SAME_INK * max(amount, other)
            if is_near and _looks_same(ink, self._ink_of(at)):
                return at
        return None


def _ink(glyph: Glyph) -> Image.Image:
    """Return a glyph's ink, its width as it is: what is narrower than the em begins at the left."""
    if isinstance(glyph, Outline):
        glyph = Outline(glyph.em_units, glyph.em_units, glyph.contours)
    return mask(glyph, INK_PX, margin=0)


def _amount(image: Image.Image) -> float:
    return float(ImageStat.Stat(image).sum[0])


def _looks_same(a: Image.Image, b: Image.Image) -> bool:
    """Whether two pictures differ by no more than another rounding of the same outline does."""
    darkest = ImageChops.difference(a, b).getextrema()[1]
    return darkest < SAME_PIXEL and ink_difference(a, b) < SAME_INK  # type: ignore[operator]


def ink_difference(a: Image.Image, b: Image.Image) -> float:
    """Return the part of the ink of two pictures that only one of them has (濃淡の差), 0 to 1."""
    whole = _amount(ImageChops.lighter(a, b))
    return _amount(ImageChops.difference(a, b)) / whole if whole else 0.0
