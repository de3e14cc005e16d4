"""Gaiji fonts as engines that did not build them draw them, and the registry's previews beside them.

A glyph stands in a cell of 112 pixels, its em box of 96 in the middle. A line of text has its baseline on a whole
pixel, 84 below the top of the em box, where that of a preview is at 84.48: previews are drawn as much higher. What is
narrower than the em begins at the left, as in a line of text.
"""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFont
from playwright.sync_api import Browser, sync_playwright

from gaiji.glyph.build import FontGlyph
from gaiji.glyph.draw import mask, path_data
from gaiji.glyph.forms import Glyph, Outline
from gaiji.glyph.truetype import as_outline

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    "--disable-lcd-text",
]
SIZE_PX, ROOM_PX, ACROSS, AT_ONCE = 96, 8, 20, 400
CELL_PX = SIZE_PX + 2 * ROOM_PX
BASELINE_PX = 84
RAISED_PX = Fraction(88 * SIZE_PX, 100) - BASELINE_PX
SHOWN_EM = 48 * 64
"""Dots of 24, 32 and 48 a side are whole numbers of it."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Give a browser without the screen's own colours for text."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def typed(
    browser: Browser, font: bytes, glyphs: Sequence[FontGlyph], scale: int
) -> list[Image.Image]:
    """The ink of every glyph as Chromium's text, from so many pixels of the device for each across and down.

    `geometricPrecision` keeps the system's hinting away, which moves strokes on ordinary screens of Linux.
    """
    kind = "woff2" if font[:4] == b"wOF2" else "ttf"
    style = (
        f"@font-face{{font-family:gaiji;src:url(data:font/{kind};base64,{base64.b64encode(font).decode()})}}"
        f"i{{position:absolute;font:normal {SIZE_PX}px/{SIZE_PX}px gaiji;text-rendering:geometricPrecision}}"
    )
    cells = [f"&#{one.code_point};" for one in glyphs]

    def placed(part: Sequence[str]) -> str:
        return "".join(
            f"<i style='left:{x + ROOM_PX}px;top:{y + ROOM_PX}px'>{cell}</i>"
            for cell, (x, y) in zip(part, _places(len(part)), strict=True)
        )

    return _pictures(browser, style, [placed(part) for part in _parts(cells)], len(cells), scale)


def previewed(browser: Browser, glyphs: Sequence[FontGlyph]) -> list[Image.Image]:
    """The ink of every glyph's SVG preview, as the same Chromium fills it, one pixel of the device for each.

    The preview's path is placed straight onto the baseline: edges often lie exactly between two of Chromium's samples,
    and an error of a millionth of a pixel on the way through frame and margin would count as a quarter.
    """
    shown = [_shown(one.glyph) for one in glyphs]

    def placed(part: Sequence[Outline]) -> str:
        cells = []
        for one, (x, y) in zip(part, _places(len(part)), strict=True):
            unit = SIZE_PX / one.em_units
            place = f"{unit!r} 0 0 {-unit!r} {x + ROOM_PX} {y + ROOM_PX + BASELINE_PX}"
            cells.append(f'<path transform="matrix({place})" d="{path_data(one)}"/>')
        width, height = _page_size(len(part))
        return f'<svg width="{width}" height="{height}">{"".join(cells)}</svg>'

    pages = [placed(shown[at : at + AT_ONCE]) for at in range(0, len(shown), AT_ONCE)]
    return _pictures(browser, "svg{display:block}", pages, len(shown), 1)


def preview(glyph: Glyph) -> Image.Image:
    """The ink of a glyph's preview as its PNG has it."""
    outline = _shown(glyph)
    up = RAISED_PX * outline.em_units / SIZE_PX
    contours = tuple(
        tuple(tuple((x, y + up) for x, y in segment) for segment in contour)
        for contour in outline.contours
    )
    return mask(
        Outline(outline.em_units, outline.em_units, contours), CELL_PX, margin=ROOM_PX / CELL_PX
    )


def printed(font: bytes, glyphs: Sequence[FontGlyph]) -> Iterator[Image.Image]:
    """Yield the ink of every glyph as FreeType draws it."""
    loaded = ImageFont.truetype(io.BytesIO(font), SIZE_PX, layout_engine=ImageFont.Layout.BASIC)
    for one in glyphs:
        picture = Image.new("L", (CELL_PX, CELL_PX))
        place = (ROOM_PX, ROOM_PX + BASELINE_PX)
        ImageDraw.Draw(picture).text(place, chr(one.code_point), 255, loaded, anchor="ls")
        yield picture


def _shown(glyph: Glyph) -> Outline:
    outline = as_outline(glyph, SHOWN_EM)
    return Outline(outline.em_units, outline.em_units, outline.contours)


def _parts(cells: Sequence[str]) -> list[Sequence[str]]:
    return [cells[at : at + AT_ONCE] for at in range(0, len(cells), AT_ONCE)]


def _places(many: int) -> list[tuple[int, int]]:
    return [(CELL_PX * (at % ACROSS), CELL_PX * (at // ACROSS)) for at in range(many)]


def _page_size(many: int) -> tuple[int, int]:
    return CELL_PX * ACROSS, CELL_PX * -(-many // ACROSS)


def _pictures(
    browser: Browser, style: str, pages: Sequence[str], many: int, scale: int
) -> list[Image.Image]:
    found: list[Image.Image] = []
    for body in pages:
        here = min(AT_ONCE, many - len(found))
        width, height = _page_size(here)
        page = browser.new_page(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        page.set_content(f"<style>body{{margin:0}}{style}</style>{body}")
        loaded = page.evaluate("document.fonts.ready.then(all => [...all].map(one => one.status))")
        assert set(loaded) <= {"loaded"}, loaded
        shot = page.screenshot()
        page.close()
        ink = ImageChops.invert(Image.open(io.BytesIO(shot)).convert("L")).reduce(scale)
        found += [ink.crop((x, y, x + CELL_PX, y + CELL_PX)) for x, y in _places(here)]
    return found
