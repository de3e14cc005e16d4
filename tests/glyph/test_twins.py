"""Twins: the same character in two cities' gaiji, drawn by two hands."""

from __future__ import annotations

import pytest

from gaiji.glyph.draw import dots
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.reference import find_font, reference_font
from gaiji.glyph.shapes import shape
from gaiji.glyph.twins import twins
from gaiji.settings import Settings

pytestmark = pytest.mark.skipif(
    find_font(Settings(), "ipamj") is None, reason="the reference font is not installed"
)


def city(names: list[str], side: int | None = None) -> Gallery:
    font = reference_font(Settings())
    glyphs = ((name, font.glyph(name)) for name in names)
    return Gallery.of((name, shape(dots(g, side) if side else g)) for name, g in glyphs)


def test_what_two_cities_share_is_found_and_nothing_else() -> None:
    names = sorted(reference_font(Settings()).names())[30000:30060]
    found = list(twins({"a": city(names[:40]), "b": city(names[20:], 48)}))
    assert {twin.one[1] for twin in found} == set(names[20:40])
    assert all(twin.one == ("a", twin.other[1]) and twin.other[0] == "b" for twin in found)
    assert [twin.score for twin in found] == sorted((twin.score for twin in found), reverse=True)


def test_an_empty_city_has_no_twins() -> None:
    assert list(twins({"a": city([]), "b": city(["MJ026190"])})) == []
    assert list(twins({"a": city(["MJ026190"])})) == []
