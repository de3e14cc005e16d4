"""A copy of a font in which something was planted, held against what it should show."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.errors import BadFont
from gaiji.glyph.build import (
    FontGlyph,
    Provenance,
    build_bdf,
    build_raw,
    build_truetype,
    font_em,
    glyph_name,
)
from gaiji.glyph.draw import dots
from gaiji.glyph.drift import Drift, drift
from gaiji.glyph.forms import Glyph, Outline, digest
from gaiji.glyph.sources import parse_source


def cross(at: int) -> Outline:
    """A glyph like no other one: a bar that moves, and one that grows."""
    bar, tall = 40 * (at % 20), 60 + 45 * (at // 20)
    return Outline(
        1024,
        1024,
        (
            (((bar + 60, 0),), ((bar, 0),), ((bar, 820),), ((bar + 60, 820),)),
            (((900, 400 + tall),), ((900, 400),), ((100, 400),), ((100, 400 + tall),)),
        ),
    )


def known(at: int) -> FontGlyph:
    glyph, code = cross(at), f"{0xF040 + at:04X}"
    sha = digest(glyph)
    proof = Provenance("city", "草津市", "", "member", codeset="252069/juki", code=code)
    return FontGlyph(0xE000 + at, glyph_name(f"252069/juki/{code}", sha), glyph, sha, proof)


EXPECTED = {0xE000 + at: known(at) for at in range(30)}
EM = font_em(one.glyph for one in EXPECTED.values())


def font(changes: dict[int, Glyph | None], em_units: int = EM) -> list[Drift]:
    """Check a copy of the font in which some code points hold another glyph, or none."""
    glyphs: dict[int, Glyph] = {point: one.glyph for point, one in EXPECTED.items()}
    for point, glyph in changes.items():
        if glyph is None:
            del glyphs[point]
        else:
            glyphs[point] = glyph
    named = {point: (f"g{point:04X}", glyph) for point, glyph in glyphs.items()}
    data = build_truetype(named, family="Terminal", em_units=em_units)
    return drift(EXPECTED, parse_source(data, "EUDC.TTE"), EM)


def test_a_font_in_step_has_no_difference() -> None:
    assert font({}) == []


def test_another_rounding_of_the_same_outlines_is_no_difference() -> None:
    assert font({}, em_units=1000) == []
    assert font({}, em_units=2000) == []


@pytest.mark.parametrize("em_units", [97, 256, 512, 900])
def test_a_coarser_em_is_no_difference_and_hides_none(em_units: int) -> None:
    assert font({}, em_units=em_units) == []
    redrawn = Outline(1024, 1024, cross(5).contours[:1])
    found = font({0xE002: cross(3), 0xE003: cross(2), 0xE005: redrawn}, em_units=em_units)
    assert [(one.code_point, one.kind, one.found_at) for one in found] == [
        (0xE002, "swapped", 0xE003),
        (0xE003, "swapped", 0xE002),
        (0xE005, "redrawn", None),
    ]


def test_each_kind_that_was_planted_is_found_and_nothing_else() -> None:
    redrawn = Outline(1024, 1024, cross(5).contours[:1])
    found = font(
        {
            0xE001: None,
            0xE100: cross(40),
            0xE002: cross(3),
            0xE003: cross(2),
            0xE005: redrawn,
            0xE006: Outline(1024, 1024, ()),
        }
    )
    assert [(one.code_point, one.kind, one.found_at) for one in found] == [
        (0xE001, "missing", None),
        (0xE002, "swapped", 0xE003),
        (0xE003, "swapped", 0xE002),
        (0xE005, "redrawn", None),
        (0xE006, "blank", None),
        (0xE100, "extra", None),
    ]
    assert all(one.difference is None or one.difference > 0.02 for one in found)


def test_one_small_dot_more_is_another_character() -> None:
    drawn = cross(7)
    assert isinstance(drawn, Outline)
    dot = (((640, 640),), ((600, 640),), ((600, 680),), ((640, 680),))
    (found,) = font({0xE007: Outline(1024, 1024, (*drawn.contours, dot))})
    assert (found.kind, found.code_point) == ("redrawn", 0xE007)
    assert found.difference is not None
    assert found.difference < 0.02  # so little of the ink, and not overlooked


def test_glyphs_that_look_almost_the_same_are_swapped_all_the_same() -> None:
    plain = cross(3)
    assert isinstance(plain, Outline)
    (first, *rest) = plain.contours[0]
    near = Outline(1024, 1024, ((((first[0][0] + 1, first[0][1]),), *rest), plain.contours[1]))
    expected = {0xE000: known(3), 0xE001: known(4)}
    expected[0xE001] = expected[0xE001]._replace(glyph=near, sha256=digest(near))
    data = build_truetype({0xE000: ("a", near), 0xE001: ("b", plain)}, family="T", em_units=1024)
    found = drift(expected, parse_source(data, "EUDC.TTE"), 1024)
    assert [(one.kind, one.code_point, one.found_at) for one in found] == [
        ("swapped", 0xE000, 0xE001),
        ("swapped", 0xE001, 0xE000),
    ]


def test_a_glyph_copied_from_another_place_is_named_with_that_place() -> None:
    (one,) = font({0xE004: cross(9)})
    assert (one.kind, one.found_at) == ("swapped", 0xE009)
    (one,) = font({0xE004: cross(9)}, em_units=1000)  # found by its ink
    assert (one.kind, one.found_at) == ("swapped", 0xE009)


def test_a_blank_glyph_nobody_asked_for_is_no_difference() -> None:
    assert font({0xE200: Outline(1024, 1024, ())}) == []


@settings(deadline=None, max_examples=25)
@given(st.dictionaries(st.sampled_from(sorted(EXPECTED)), st.integers(100, 140), max_size=5))
def test_exactly_what_was_redrawn_is_found(changes: dict[int, int]) -> None:
    found = font({point: cross(at) for point, at in changes.items()})
    assert {one.code_point for one in found} == set(changes)
    assert {one.kind for one in found} <= {"redrawn"}


@pytest.mark.parametrize("by_code", [True, False])
def test_dots_are_compared_as_dots_by_code_or_by_code_point(by_code: bool) -> None:
    patterns = {
        int(one.provenance.code, 16) if by_code else point: dots(one.glyph, 24)
        for point, one in EXPECTED.items()
    }
    assert drift(EXPECTED, parse_source(build_bdf(patterns), "a.bdf"), EM) == []
    first, second, *_ = sorted(patterns)
    patterns[first] = patterns[second]
    (one,) = drift(EXPECTED, parse_source(build_bdf(patterns), "a.bdf"), EM)
    assert (one.kind, one.code_point, one.found_at) == ("swapped", 0xE000, 0xE001)


def test_patterns_without_codes_cannot_be_checked() -> None:
    raw = build_raw([dots(cross(1), 24)])
    with pytest.raises(BadFont, match="no codes"):
        drift(EXPECTED, parse_source(raw, "a.raw", 24), EM)
