from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaiji.errors import BadFont
from gaiji.glyph.forms import (
    Bitmap,
    Contour,
    Glyph,
    Outline,
    Segment,
    canonical,
    digest,
    is_empty,
    measures,
    normal,
    parse_canonical,
)

numbers = st.integers(-3000, 3000) | st.integers(-6001, 6001).map(lambda n: Fraction(n, 2))
points = st.tuples(numbers, numbers)
segments = st.integers(1, 3).flatmap(lambda n: st.tuples(*[points] * n))
contours = st.lists(segments, max_size=6).map(tuple)
outlines = st.builds(
    Outline,
    em_units=st.sampled_from([256, 1000, 1024, 2048]),
    advance=st.integers(0, 4096),
    contours=st.lists(contours, max_size=4).map(tuple),
)


@st.composite
def bitmaps(draw: st.DrawFn) -> Bitmap:
    width, height = draw(st.integers(1, 65)), draw(st.integers(1, 65))
    size = (width + 7) // 8 * height
    return Bitmap.padded(width, height, draw(st.binary(min_size=size, max_size=size)))


def turned(contour: Contour, steps: int) -> Contour:
    at = steps % len(contour) if contour else 0
    return contour[at:] + contour[:at]


@given(outlines)
def test_an_outline_comes_back_from_its_canonical_form(outline: Outline) -> None:
    data = canonical(outline)
    back = parse_canonical(data)
    assert back == normal(outline)
    assert canonical(back) == data


@given(bitmaps())
def test_a_bitmap_comes_back_from_its_canonical_form(bitmap: Bitmap) -> None:
    assert parse_canonical(canonical(bitmap)) == bitmap


@given(outlines, st.randoms(use_true_random=False), st.integers(0, 9))
def test_start_points_and_contour_order_do_not_change_the_bytes(
    outline: Outline, random: Random, steps: int
) -> None:
    shuffled = [turned(contour, steps) for contour in outline.contours]
    random.shuffle(shuffled)
    other = Outline(outline.em_units, outline.advance, tuple(shuffled))
    assert canonical(other) == canonical(outline)
    assert digest(other) == digest(outline)


def test_the_canonical_form_of_an_outline_is_this_text() -> None:
    square: tuple[Segment, ...] = (
        ((10, 10),),
        ((10, 10),),
        ((20, 0), (Fraction(51, 2), 10)),
        ((10, 20), (0, 20), (0, 0)),
    )
    assert canonical(Outline(1000, 900, (square, ()))).decode() == (
        "gaiji-glyph 1 outline\nem 1000\nadvance 900\ncontour 0 0\nL 10 10\nQ 20 0 51/2 10\n"
        "C 10 20 0 20 0 0\nend\n"
    )


def test_the_canonical_form_of_a_bitmap_is_this_text() -> None:
    assert canonical(Bitmap(9, 2, b"\xff\x80\x00\x00")) == (
        b"gaiji-glyph 1 bitmap\nwidth 9\nheight 2\nff80\n0000\nend\n"
    )


def test_direction_is_part_of_the_shape() -> None:
    there: Contour = (((0, 0),), ((10, 0),), ((0, 10),))
    back: Contour = (((0, 0),), ((0, 10),), ((10, 0),))
    assert digest(Outline(1000, 1000, (there,))) != digest(Outline(1000, 1000, (back,)))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"gaiji-glyph 2 outline\nem 1\nadvance 0\nend\n",
        b"gaiji-glyph 1 outline\nem 0\nadvance 0\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\nend\n\n",
        b"gaiji-glyph 1 outline\nem 01\nadvance 0\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\nL 1 1\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\ncontour 1 1\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\ncontour 5 5\nL 0 0\nL 5 5\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\ncontour 0 0\nL 4/2 0\nL 0 0\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\ncontour 0 0\nL 1/0 0\nL 0 0\nend\n",
        b"gaiji-glyph 1 outline\nem 1\nadvance 0\ncontour 0 0\nQ 1 0\nL 0 0\nend\n",
        b"gaiji-glyph 1 bitmap\nwidth 4\nheight 1\n0f\nend\n",
        b"gaiji-glyph 1 bitmap\nwidth 8\nheight 1\n0F\nend\n",
        b"gaiji-glyph 1 bitmap\nwidth 8\nheight 2\n0f\nend\n",
        b"\xff\xfe",
    ],
)
def test_other_text_is_refused(data: bytes) -> None:
    with pytest.raises(BadFont):
        parse_canonical(data)


def test_empty_glyphs_are_known() -> None:
    dot: Contour = (((5, 5),),)
    assert is_empty(Outline(1000, 500, ()))
    assert is_empty(Outline(1000, 500, (dot,)))
    assert not is_empty(Outline(1000, 500, ((((0, 0),), ((5, 5),), ((0, 5),)),)))
    assert is_empty(Bitmap(8, 1, b"\0"))
    assert not is_empty(Bitmap(8, 1, b"\1"))


def test_a_bitmap_with_wrong_size_or_padding_cannot_be_made() -> None:
    with pytest.raises(ValueError, match="bytes for each"):
        Bitmap(8, 2, b"\0")
    with pytest.raises(ValueError, match="padding"):
        Bitmap(4, 1, b"\x0f")
    assert Bitmap.padded(4, 1, b"\xff") == Bitmap(4, 1, b"\xf0")


@given(st.one_of(outlines, bitmaps()))
def test_the_measures_of_a_form_stand_in_its_head(glyph: Glyph) -> None:
    em = glyph.em_units if isinstance(glyph, Outline) else glyph.height
    advance = glyph.advance if isinstance(glyph, Outline) else glyph.width
    kind = "outline" if isinstance(glyph, Outline) else "bitmap"
    assert measures(canonical(glyph)) == (kind, em, advance)
    with pytest.raises(BadFont):
        measures(b"something else")
