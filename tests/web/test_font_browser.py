"""Built fonts in a real browser: the ink of every glyph is the preview's."""

import base64
import io
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Browser, sync_playwright

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
from gaiji.glyph.draw import dots, mask
from gaiji.glyph.drift import ink_difference
from gaiji.glyph.forms import Glyph, Outline, digest
from gaiji.glyph.reference import font_status
from gaiji.glyph.truetype import as_outline
from gaiji.settings import Settings

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--disable-lcd-text", "--font-render-hinting=none"),
]
SIZE_PX, ACROSS, MANY = 96, 20, 200
RAISED_PX = (
    "0.48"  # a line of text has its baseline on a whole pixel, 84; that of a preview is at 84.48
)
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
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


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


def pictures(
    browser: Browser, glyphs: list[FontGlyph], form: Literal["tte", "woff2"], scale: int
) -> list[Image.Image]:
    """Every glyph as Chromium draws it at 96 pixels, from so many pixels of the device for each."""
    data = base64.b64encode(build_font(glyphs, FACTS, form)).decode()
    cells = "".join(
        f"<i style='left:{SIZE_PX * (at % ACROSS)}px;top:{SIZE_PX * (at // ACROSS)}px'>"
        f"&#{one.code_point};</i>"
        for at, one in enumerate(glyphs)
    )
    size = {"width": SIZE_PX * ACROSS, "height": SIZE_PX * (len(glyphs) // ACROSS + 1)}
    page = browser.new_page(viewport=size, device_scale_factor=scale)  # type: ignore[arg-type]
    page.set_content(
        f"<style>@font-face{{font-family:gaiji;src:url(data:font/{form};base64,{data})}}"
        f"body{{margin:0}}i{{position:absolute;font:normal {SIZE_PX}px/{SIZE_PX}px gaiji;"
        f"width:{SIZE_PX}px;height:{SIZE_PX}px}}</style>{cells}"
    )
    assert page.evaluate("document.fonts.ready.then(all => [...all].map(one => one.status))") == [
        "loaded"
    ]
    shot = page.screenshot()
    page.close()
    shown = ImageChops.invert(Image.open(io.BytesIO(shot)).convert("L")).reduce(scale)
    return [
        shown.crop((left, top, left + SIZE_PX, top + SIZE_PX))
        for at in range(len(glyphs))
        for left, top in ((SIZE_PX * (at % ACROSS), SIZE_PX * (at // ACROSS)),)
    ]


@pytest.mark.parametrize("form", ["tte", "woff2"])
def test_chromium_draws_every_glyph_as_the_preview_does(
    browser: Browser, glyphs: list[FontGlyph], form: Literal["tte", "woff2"]
) -> None:
    """Four device pixels a pixel: a screen's own antialiasing alone leaves up to 4 % of a thin stroke."""
    for one, drawn in zip(glyphs, pictures(browser, glyphs, form, 4), strict=True):
        assert ink_difference(drawn, preview(one.glyph)) < 0.02, one.name


def test_chromium_puts_as_much_ink_on_an_ordinary_screen(
    browser: Browser, glyphs: list[FontGlyph]
) -> None:
    for one, drawn in zip(glyphs, pictures(browser, glyphs, "woff2", 1), strict=True):
        amount, meant = (ImageStat.Stat(im).sum[0] for im in (drawn, preview(one.glyph)))
        assert abs(amount - meant) < 0.02 * max(amount, meant), one.name


def preview(glyph: Glyph) -> Image.Image:
    """The preview without its margin, raised to where a line of text has its baseline, from the left on."""
    outline = as_outline(glyph, 48 * 64)
    up = Fraction(RAISED_PX) * outline.em_units / SIZE_PX
    contours = tuple(
        tuple(tuple((x, y + up) for x, y in segment) for segment in contour)
        for contour in outline.contours
    )
    return mask(Outline(outline.em_units, outline.em_units, contours), SIZE_PX, margin=0)
