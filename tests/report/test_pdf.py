"""The PDF writer, held against PDFium, which did not write it."""

from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
import uharfbuzz as hb
from PIL import Image, ImageChops

from gaiji.errors import BadFont
from gaiji.glyph.draw import mask
from gaiji.glyph.forms import Bitmap, Glyph, Outline
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import find_font
from gaiji.report.pdf import A4, Page, PdfFont, Run, pdf
from gaiji.settings import Settings

TEXT = "外字 U+E000 渡邉"
SIDE = 96
SQUARE = (800.0, 800.0)


def outlines(text: str) -> list[Outline]:
    path = find_font(Settings(), "hanamin-a")
    if path is None:
        pytest.skip("Hanazono is not installed")
    font = hb.Font(hb.Face(hb.Blob.from_file_path(path)))
    return [read_outline(font, font.get_nominal_glyph(ord(char)) or 0) for char in text]


def dots() -> Bitmap:
    rows = b"".join((0xFFFFFF >> row % 24).to_bytes(3) for row in range(24))
    return Bitmap(24, 24, rows)


def set_in(font: PdfFont, text: str, page: Page, x: float, y: float, size: float) -> None:
    drawn = zip(text, outlines(text), strict=True)
    numbers = [font.add(char, outline, char) for char, outline in drawn]
    page.text(x, y, size, [Run(0, tuple(numbers))])


def ink_of(data: bytes, x: float, y: float, size: float) -> Image.Image:
    """The ink of a square on the first page, 96 pixels wide; x, y: its lower left corner."""
    scale = SIDE / size
    bitmap = pdfium.PdfDocument(data)[0].render(scale=scale, grayscale=True, may_draw_forms=False)
    whole = ImageChops.invert(bitmap.to_pil().convert("L"))
    left, top = round(x * scale), round((SQUARE[1] - y - size) * scale)
    return whole.crop((left, top, left + SIDE, top + SIDE))


def difference(one: Image.Image, two: Image.Image) -> float:
    total = sum(ImageChops.lighter(one, two).tobytes())
    return sum(ImageChops.difference(one, two).tobytes()) / max(1, total)


def test_text_is_set_and_read_back_with_its_title() -> None:
    font, page = PdfFont("Sheet"), Page()
    set_in(font, TEXT, page, 72, 700, 12)
    page.line((72, 690), (300, 690))
    data = pdf([page, Page()], [font, PdfFont("Empty")], title="対照表", digest="ab" * 32)
    document = pdfium.PdfDocument(data)
    assert len(document) == 2
    assert document.get_metadata_value("Title") == "対照表"
    assert document.get_metadata_value("Subject") == "ab" * 32
    assert document[0].get_textpage().get_text_bounded() == TEXT
    assert document[0].get_size() == pytest.approx(A4, abs=0.01)


def test_a_glyph_says_what_text_it_is_beyond_the_bmp_too() -> None:
    (glyph,) = outlines("邉")
    font, page = PdfFont("Sheet"), Page()
    texts = ["邉\U000e010f", "𠮷", "\ue000", "\U000f0001"]
    numbers = [font.add("same", glyph, text) for text in texts]
    assert numbers == [1, 2, 3, 4]
    assert font.add("same", glyph, "𠮷") == 2
    for at, number in enumerate(numbers):
        page.text(72, 700 - 40 * at, 20, [Run(0, (number,))])
    document = pdfium.PdfDocument(pdf([page], [font], title="", digest=""))
    told = document[0].get_textpage().get_text_range()
    assert "".join(told.split()) == "".join(texts)


@pytest.mark.parametrize("kind", ["outline", "dots", "mixed"])
def test_the_ink_on_the_page_is_the_previews(kind: str) -> None:
    (outline,) = outlines("邉")
    both: dict[str, list[Glyph]] = {"outline": [outline], "dots": [dots()]}
    glyphs = both.get(kind) or [outline, dots()]
    font, page = PdfFont("Sheet"), Page(SQUARE)
    for at, glyph in enumerate(glyphs):
        page.text(72 + 48 * at, 696 + 24 * 0.12, 24, [Run(0, (font.add(str(at), glyph, "邉"),))])
    data = pdf([page], [font], title="", digest="")
    for at, glyph in enumerate(glyphs):
        drawn = ink_of(data, 72 + 48 * at, 696, 24)
        assert sum(drawn.tobytes()) > 0
        assert difference(drawn, mask(glyph, SIDE, margin=0)) < 0.02


def test_the_same_pages_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for _ in range(2):
        font, page = PdfFont("Sheet"), Page()
        set_in(font, TEXT, page, 72, 700, 12)
        made.append(pdf([page], [font], title="対照表", digest="ab" * 32))
    assert made[0] == made[1]
    other = pdf([Page()], [], title="対照表", digest="ab" * 32)
    assert other != made[0]
    (tmp_path / "empty.pdf").write_bytes(other)
    assert len(pdfium.PdfDocument(tmp_path / "empty.pdf")) == 1


def test_an_outline_far_beyond_its_box_is_refused() -> None:
    corners = ((40_000, 0), (40_000, 9), (0, 9), (0, 0))
    wide = Outline(1000, 1000, (tuple((corner,) for corner in corners),))
    font, page = PdfFont("Sheet"), Page()
    page.text(72, 700, 12, [Run(0, (font.add("wide", wide, "x"),))])
    with pytest.raises(BadFont):
        pdf([page], [font], title="", digest="")
