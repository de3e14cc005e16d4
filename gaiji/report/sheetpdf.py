"""The correspondence sheet on paper (対照表のPDF): two columns of rows a page, every glyph embedded.

Words and codes are set in the donor font, and in the reference font where it alone has a character; outlines in a
document carry no further duty under either licence.
"""

from __future__ import annotations

import uharfbuzz as hb

from gaiji.errors import NoPicture, Text, language
from gaiji.glyph.donors import donor
from gaiji.glyph.forms import Bitmap, Glyph
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import find_font
from gaiji.report.pdf import A4, Page, PdfFont, Run, pdf
from gaiji.report.sheet import HEADERS, Sheet, SheetRow, SheetSet, glyph_texts, row_cells
from gaiji.settings import Settings

MARGIN, GAP = 36.0, 11.0
TITLE, WORDS, SMALL, GLYPH = 13.0, 6.5, 5.2, 21.0
ROW, TOP, DOWN = 23.5, 764.0, 30
"""Height of a row, where the first one ends, and how many stand below each other."""
BLOCK = (A4[0] - 2 * MARGIN - GAP) / 2
PLACES = (0.0, 36.0, 66.0, 94.0, 122.0, 150.0, 184.0, 212.0)
"""Where the columns of HEADERS begin."""
GLYPH_PLACES = (PLACES[2], PLACES[4])
LIFT = 0.12
"""The baseline above the lower edge of the em box."""
MISSING = "〓"


class _Setter:
    """Sets words and glyphs (組版): fonts fill as they are used."""

    def __init__(self, settings: Settings) -> None:
        self._sources = list(donor(settings).fonts)
        if path := find_font(settings, "ipamj"):
            self._sources.append(hb.Font(hb.Face(hb.Blob.from_file_path(path))))
        if not self._sources:
            raise NoPicture(
                "対照表の文字を描くフォントがありません。gaiji fonts fetch を実行してください。",
                "There is no font to set the sheet in; run gaiji fonts fetch.",
            )
        self.fonts = [PdfFont("GaijiSheetText"), PdfFont("GaijiSheet1")]
        self._numbers: dict[str, int] = {}

    def word(self, char: str) -> int:
        """Return the number of a character in the font of words; 〓 is drawn for what no font has."""
        if char not in self._numbers:
            outline = self._outline(char) or self._outline(MISSING)
            assert outline is not None
            self._numbers[char] = self.fonts[0].add(char, outline, char)
        return self._numbers[char]

    def _outline(self, char: str) -> Glyph | None:
        for font in self._sources:
            if index := font.get_nominal_glyph(ord(char)):
                return read_outline(font, index)
        return None

    def words(self, page: Page, x: float, y: float, size: float, text: str, room: float) -> None:
        """Set a text on one line, cut where the room ends."""
        numbers: list[int] = []
        left = 1000 * room / size
        for char in text:
            number = self.word(char)
            left -= self.fonts[0].width(number)
            if left < 0:
                break
            numbers.append(number)
        if numbers:
            page.text(x, y, size, [Run(0, tuple(numbers))])

    def glyph(
        self, page: Page, x: float, y: float, size: float, key: str, glyph: Glyph, text: str
    ) -> None:
        """Set a glyph into its em box, whose lower left corner is given, centred as in previews."""
        if self.fonts[-1].is_full:
            self.fonts.append(PdfFont(f"GaijiSheet{len(self.fonts)}"))
        number = self.fonts[-1].add(key, glyph, text)
        right, up = _centred(glyph)
        run = Run(len(self.fonts) - 1, (number,))
        page.text(x + right * size, y + (LIFT + up) * size, size, [run])


def _centred(glyph: Glyph) -> tuple[float, float]:
    """Return how far a glyph is moved to stand in the middle of its em box, in em."""
    if isinstance(glyph, Bitmap):
        longest = max(glyph.width, glyph.height)
        return (1 - glyph.width / longest) / 2, (1 - glyph.height / longest) / 2
    if glyph.advance <= 0:
        return 0.0, 0.0
    return max(0, glyph.em_units - glyph.advance) / 2 / glyph.em_units, 0.0


def as_pdf(sheet: Sheet, settings: Settings) -> bytes:
    """Return the sheet as PDF (対照表のPDF), in the current language; the same sheet gives the same bytes.

    Raises NoPicture where neither the donor font nor the reference font is installed.
    """
    pages, fonts = laid_out(sheet, settings)
    title, _ = sheet.heading()
    return pdf(pages, fonts, title=title, digest=sheet.digest, language=language.get())


def laid_out(sheet: Sheet, settings: Settings) -> tuple[list[Page], list[PdfFont]]:
    """Return the pages of the sheet and the fonts they use (割付け); a code set begins on a page of its own."""
    setter = _Setter(settings)
    parts = [
        (one, one.rows[first : first + 2 * DOWN])
        for one in sheet.sets
        for first in range(0, max(1, len(one.rows)), 2 * DOWN)
    ]
    pages = []
    for number, (one, rows) in enumerate(parts, start=1):
        page = Page()
        _head(setter, page, sheet, one)
        for at, row in enumerate(rows):
            column, down = divmod(at, DOWN)
            x = MARGIN + column * (BLOCK + GAP)
            _row(setter, page, sheet, row, x, TOP - (down + 1) * ROW)
        foot = f"{number} / {len(parts)}"
        setter.words(page, A4[0] - MARGIN - 60, MARGIN - 10, WORDS, foot, 60)
        pages.append(page)
    return pages, setter.fonts


def _head(setter: _Setter, page: Page, sheet: Sheet, one: SheetSet) -> None:
    title, _ = sheet.heading()
    room, top = A4[0] - 2 * MARGIN, A4[1] - MARGIN
    under = Text(f"版の識別値 {sheet.digest}", f"Digest of the release {sheet.digest}")
    count = Text(f"{len(one.rows):,}字", f"{len(one.rows):,} codes")
    setter.words(page, MARGIN, top - 10, TITLE, f"{one.address} {one.label}", room)
    setter.words(page, MARGIN, top - 22, WORDS, f"{title}  {one.charset}  {count}", room)
    setter.words(page, MARGIN, MARGIN - 10, WORDS, str(under), room - 70)
    for x in (MARGIN, MARGIN + BLOCK + GAP):
        for place, header in zip(PLACES, HEADERS, strict=True):
            setter.words(page, x + place, TOP + 4, SMALL, str(header), 44)
        page.line((x, TOP), (x + BLOCK, TOP), 0.8)


def _row(setter: _Setter, page: Page, sheet: Sheet, row: SheetRow, x: float, y: float) -> None:
    code, image, point, character, juki, relation = row_cells(row)
    cells = (code, image, None, point, None, character, juki, relation)
    for at, (place, cell) in enumerate(zip(PLACES, cells, strict=True)):
        if cell:
            end = PLACES[at + 1] if at + 1 < len(PLACES) else BLOCK
            setter.words(page, x + place, y + 9, WORDS, cell, end - place)
    both = zip(GLYPH_PLACES, (row.glyph, row.council), glyph_texts(row), strict=True)
    for place, digest, text in both:
        if digest is not None:
            glyph = sheet.glyphs[digest]
            setter.glyph(page, x + place, y + (ROW - GLYPH) / 2, GLYPH, digest, glyph, text)
    page.line((x, y), (x + BLOCK, y))
