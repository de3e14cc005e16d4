"""The difference map: where two glyphs differ, in pictures that are the same every time."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from gaiji.errors import NoPicture
from gaiji.glyph import explain
from gaiji.glyph.draw import dots
from gaiji.glyph.forms import Outline
from gaiji.glyph.reference import find_font, reference_font
from gaiji.settings import Settings

SETTINGS = Settings()
pytestmark = pytest.mark.skipif(
    not find_font(SETTINGS, "ipamj"), reason="reference fonts are not installed: gaiji fonts fetch"
)


def glyph(name: str) -> Outline:
    return reference_font(SETTINGS).glyph(name)


def test_the_same_glyph_differs_nowhere() -> None:
    found = explain.difference(glyph("MJ026190"), glyph("MJ026190"))
    assert found.places == ()
    assert float(found.residue.max()) < 1e-3


def test_another_radical_is_told_on_its_side() -> None:
    found = explain.difference(glyph("MJ018811"), glyph("MJ030211"))  # 神 with ネ and with 示
    assert found.places
    assert all(place.across <= 6 for place in found.places)
    assert "left" in found.places[1].text.en + found.places[0].text.en
    assert "左" in found.text.ja
    assert [place.strength for place in found.places] == sorted(
        (place.strength for place in found.places), reverse=True
    )


def test_a_stroke_too_many_is_told_from_one_too_few() -> None:
    tree, book = glyph("MJ013576"), glyph("MJ013579")  # 木 and 本
    more = explain.difference(book, tree).places
    less = explain.difference(tree, book).places
    assert [place.more for place in more] == ["glyph"]
    assert [place.more for place in less] == ["candidate"]
    assert (more[0].across, more[0].down) == (less[0].across, less[0].down)
    assert more[0].down >= 6


def test_pictures_have_the_same_bytes_every_time() -> None:
    pictures = [
        (explain.png(found, 128), explain.svg(found, size_px=128))
        for found in (
            explain.difference(glyph("MJ018811"), dots(glyph("MJ030211"), 48)) for _ in range(2)
        )
    ]
    assert pictures[0] == pictures[1]
    png, svg = pictures[0]
    image = Image.open(io.BytesIO(png))
    assert image.size == (128, 128)
    colours = {colour for _, colour in image.getcolors(1 << 16) or []}
    assert {(213, 94, 0), (0, 114, 178), (26, 26, 28)} <= colours
    assert ElementTree.fromstring(svg).tag.endswith("svg")


def test_a_bitmap_lies_where_its_outline_does() -> None:
    outline = glyph("MJ026190")
    found = explain.difference(dots(outline, 64), outline)
    assert found.places == ()


def test_a_blank_glyph_cannot_be_explained() -> None:
    with pytest.raises(NoPicture, match="blank"):
        explain.difference(Outline(1000, 1000, ()), glyph("MJ026190"))
