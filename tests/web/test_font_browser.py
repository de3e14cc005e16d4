"""Built fonts in a real browser: the ink of every glyph is the preview's."""

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser

from gaiji.data import MjRow, read
from gaiji.errors import Text
from gaiji.glyph.build import (
    FontFacts,
    FontGlyph,
    Licence,
    Provenance,
    build_font,
    glyph_name,
)
from gaiji.glyph.donors import donor
from gaiji.glyph.draw import dots
from gaiji.glyph.drift import ink_difference
from gaiji.glyph.forms import Glyph, digest
from gaiji.glyph.reference import font_status
from gaiji.settings import Settings
from tests.fontshow import CHROMIUM, chromium, preview, previewed, printed, typed

MANY, SAME_INK = 200, 0.02
FACTS = FontFacts(
    Text("外字 共通 r1", "Gaiji Council r1"), "release", 1, "00" * 32, Licence("x", Text("", ""))
)
pytestmark = [
    pytest.mark.browser,
    pytest.mark.fonts,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="chromium is not installed"),
    pytest.mark.skipif(
        any(status.state != "ready" for status in font_status(Settings())),
        reason="reference fonts are not installed: gaiji fonts fetch",
    ),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def glyphs() -> list[FontGlyph]:
    """The donor's outlines of characters from the whole set, and dot patterns of cities' sizes."""
    rows = [row for row in read(MjRow) if row.own_ucs or row.ivs]
    source = donor(Settings())
    drawable = [row for row in rows[:: len(rows) // MANY] if source.has(row)]
    made: list[FontGlyph] = []
    for at, row in enumerate(drawable):
        glyph: Glyph = source.outline(row)
        if at % 10 == 9:
            glyph = dots(glyph, 48 if at % 20 == 9 else 24)
        sha = digest(glyph)
        proof = Provenance("hanazono", "", "", "public", character=row.name)
        made.append(FontGlyph(0xE000 + at, glyph_name(row.name, sha), glyph, sha, proof))
    assert len(made) > 0.9 * MANY
    return made


@pytest.mark.parametrize("form", ["tte", "woff2"])
def test_chromium_draws_text_as_it_draws_the_previews(
    browser: Browser, glyphs: list[FontGlyph], form: Literal["tte", "woff2"]
) -> None:
    """An ordinary screen, a pixel a pixel: both are filled by the same sampling."""
    drawn = typed(browser, build_font(glyphs, FACTS, form), glyphs, 1)
    for one, text, shown in zip(glyphs, drawn, previewed(browser, glyphs), strict=True):
        assert ink_difference(text, shown) < SAME_INK, one.name


def test_chromium_draws_every_glyph_as_the_preview_is(
    browser: Browser, glyphs: list[FontGlyph]
) -> None:
    """Four by four device pixels a pixel, as the preview is the very area: an ordinary screen takes samples of it."""
    drawn = typed(browser, build_font(glyphs, FACTS, "woff2"), glyphs, 4)
    for one, text in zip(glyphs, drawn, strict=True):
        assert ink_difference(text, preview(one.glyph)) < SAME_INK, one.name


def test_freetype_draws_every_glyph_as_the_preview_is(glyphs: list[FontGlyph]) -> None:
    """At the same 96 pixels: the font tells it to move no stroke."""
    drawn = printed(build_font(glyphs, FACTS, "tte"), glyphs)
    for one, text in zip(glyphs, drawn, strict=True):
        assert ink_difference(text, preview(one.glyph)) < 0.005, one.name
