import io
from fractions import Fraction

import pytest
from fontTools.ttLib import TTFont
from PIL import ImageChops, ImageStat

from gaiji.glyph.build import build_truetype
from gaiji.glyph.draw import mask
from gaiji.glyph.forms import Bitmap, Contour, Glyph, Outline, canonical
from gaiji.glyph.sources import parse_source
from gaiji.glyph.truetype import as_outline, points

ROUND: Contour = (
    ((0, 500), (0, 1000)),
    ((500, 1000), (Fraction(1501, 2), 750)),
    ((1001, 500), (0, 0)),
)
QUADRATIC = Outline(1024, 1000, (ROUND,))


def test_quadratic_outlines_stay_exact_with_their_implied_points() -> None:
    data = build_truetype({0xE000: ("a", QUADRATIC)}, family="T", em_units=1024)
    (glyph,) = parse_source(data, "t.ttf").glyphs
    assert canonical(glyph.glyph) == canonical(QUADRATIC)
    assert sum(map(len, points(QUADRATIC))) == 5


def test_the_same_glyphs_give_the_same_bytes() -> None:
    glyphs: dict[int, tuple[str, Glyph]] = {
        0xE001: ("b", QUADRATIC),
        0xE000: ("a", Bitmap(8, 8, b"\x81" * 8)),
    }
    first = build_truetype(glyphs, family="外字", copyright="c", licence="l")
    again = build_truetype(
        dict(reversed(glyphs.items())), family="外字", copyright="c", licence="l"
    )
    assert first == again
    font = TTFont(io.BytesIO(first))
    assert font.getGlyphOrder() == [".notdef", "a", "b"]
    assert font["name"].getDebugName(1) == "外字"
    assert font["name"].getDebugName(13) == "l"


def test_cubic_curves_are_within_a_thousandth_of_an_em() -> None:
    k = Fraction("0.5523") * 400
    circle: Contour = (
        ((900, 400 + k), (500 + k, 800), (500, 800)),
        ((500 - k, 800), (100, 400 + k), (100, 400)),
        ((100, 400 - k), (500 - k, 0), (500, 0)),
        ((500 + k, 0), (900, 400 - k), (900, 400)),
    )
    data = build_truetype({0xE000: ("o", Outline(1000, 1000, (circle,)))}, family="T")
    (glyph,) = parse_source(data, "t.ttf").glyphs
    assert isinstance(glyph.glyph, Outline)
    (contour,) = glyph.glyph.contours
    assert {len(segment) for segment in contour} == {2}
    for index, (control, end) in enumerate(contour):
        start = contour[index - 1][-1]
        for t in (0.0, 0.25, 0.5, 0.75):
            x, y = (
                (1 - t) ** 2 * float(a) + 2 * t * (1 - t) * float(b) + t * t * float(c)
                for a, b, c in zip(start, control, end, strict=True)
            )
            radius = ((x - 500) ** 2 + (y - 400) ** 2) ** 0.5
            assert abs(radius - 400) < 1 + 0.12  # the cubic itself leaves the circle by 0.11


def test_a_bitmap_becomes_its_dots() -> None:
    bitmap = Bitmap(24, 24, bytes((i * i) % 251 for i in range(72)))
    outline = as_outline(bitmap, 2400)
    assert outline.advance == 2400
    drawn = mask(outline, 240, margin=0)
    dots = mask(bitmap, 240, margin=0)
    assert ImageStat.Stat(ImageChops.difference(drawn, dots)).mean[0] < 1


def test_names_must_differ_and_outlines_fit() -> None:
    with pytest.raises(ValueError, match="differ"):
        build_truetype({0xE000: ("a", QUADRATIC), 0xE001: ("a", QUADRATIC)}, family="T")
    wide = Outline(1000, 1000, ((((0, 0),), ((40000, 0),), ((0, 9),)),))
    with pytest.raises(ValueError, match="16 bits"):
        build_truetype({0xE000: ("a", wide)}, family="T")
