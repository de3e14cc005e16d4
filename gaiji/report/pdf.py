"""A small PDF writer (PDFの作成): text and rules on pages, in fonts that are embedded with the glyphs used alone.

PDF 1.7 as in ISO 32000-1. A font is a TrueType font of this program's own making as CIDFontType2 under Identity-H,
section 9.7: a code in the page is a glyph's number in the font, ToUnicode says what text it is. Dates are fixed and the
file's identifier is a sha256, so that the same pages give the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from gaiji.errors import BadFont
from gaiji.glyph.build import font_em
from gaiji.glyph.forms import Bitmap, Glyph
from gaiji.glyph.sfnt import build_truetype

A4 = (595.28, 841.89)
"""Width and height of a page in points, 1/72 inch."""
FIRST_POINT, MOST_GLYPHS = 0xF0000, 60_000
DATE = "D:20240101000000Z"
ASCENT, DESCENT = 880, -120


class Run(NamedTuple):
    """Glyphs of one font in a row (字形の並び): the font's place in the list, and glyph numbers in it."""

    font: int
    glyphs: tuple[int, ...]


class Placed(NamedTuple):
    """What stands at one place of a page: baseline from the lower left corner, in points."""

    x_pt: float
    y_pt: float
    size_pt: float
    runs: tuple[Run, ...]


class Page:
    """One page: text and rules, y upwards from the lower edge, in points (頁)."""

    def __init__(self, size_pt: tuple[float, float] = A4) -> None:
        self.size_pt = size_pt
        self.texts: list[Placed] = []
        self.lines: list[tuple[float, float, float, float, float]] = []

    def text(self, x_pt: float, y_pt: float, size_pt: float, runs: Sequence[Run]) -> None:
        """Set runs of glyphs one after the other from a place on the baseline."""
        self.texts.append(Placed(x_pt, y_pt, size_pt, tuple(runs)))

    def line(
        self, from_pt: tuple[float, float], to_pt: tuple[float, float], width_pt: float = 0.3
    ) -> None:
        """Draw a grey rule from one place to another."""
        self.lines.append((*from_pt, *to_pt, width_pt))

    def content(self) -> bytes:
        """Return the page's content stream."""
        parts = ["0.6 G"] if self.lines else []
        parts += [
            f"{_number(width)} w {_number(x1)} {_number(y1)} m {_number(x2)} {_number(y2)} l S"
            for x1, y1, x2, y2, width in self.lines
        ]
        for one in self.texts:
            shown = " ".join(
                f"/F{run.font} {_number(one.size_pt)} Tf "
                f"<{''.join(f'{glyph:04X}' for glyph in run.glyphs)}> Tj"
                for run in one.runs
                if run.glyphs
            )
            if shown:
                parts.append(f"BT 1 0 0 1 {_number(one.x_pt)} {_number(one.y_pt)} Tm {shown} ET")
        return "\n".join(parts).encode()


class PdfFont:
    """A font in the making (埋込みフォント): glyphs are added one by one and get their number at once.

    The same glyph with the same text is one glyph; with another text it is another.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.glyphs: list[Glyph] = []
        self.texts: list[str] = []
        self._known: dict[tuple[str, str], int] = {}

    @property
    def is_full(self) -> bool:
        """Whether no further glyph finds a place."""
        return len(self.glyphs) >= MOST_GLYPHS

    def add(self, key: str, glyph: Glyph, text: str) -> int:
        """Return the number of a glyph, added where it is new. key: tells glyphs apart; text: what it is to readers."""
        number = self._known.get((key, text))
        if number is None:
            self.glyphs.append(glyph)
            self.texts.append(text)
            number = self._known[key, text] = len(self.glyphs)
        return number

    def width(self, number: int) -> float:
        """Return a glyph's advance in 1/1000 em."""
        glyph = self.glyphs[number - 1]
        if isinstance(glyph, Bitmap):
            return 1000 * glyph.width / max(glyph.width, glyph.height)
        return 1000 * glyph.advance / glyph.em_units

    def file(self) -> bytes:
        """Return the TrueType font, glyphs in the order in which they were added.

        Raises BadFont for an outline that reaches too far beyond its em box.
        """
        glyphs = {FIRST_POINT + at: (f"g{at + 1}", glyph) for at, glyph in enumerate(self.glyphs)}
        em_units = font_em(self.glyphs)
        try:
            return build_truetype(glyphs, family=self.name, em_units=em_units)
        except ValueError as error:
            raise BadFont(
                f"輪郭が文字枠から大きくはみ出した字形があり、PDFに埋め込めません({error})。字形を直してください。",
                f"A glyph reaches too far beyond its em box to be embedded ({error}); mend it.",
            ) from error


def pdf(
    pages: Sequence[Page],
    fonts: Sequence[PdfFont],
    *,
    title: str,
    digest: str,
    language: str = "ja",
) -> bytes:
    """Return a PDF file of pages (PDFファイル). digest: what it was made from, told in its properties.

    Every font holds the glyphs that the pages use; a font without glyphs is left out.
    """
    file = _File()
    catalog, tree, information = file.reserve(), file.reserve(), file.reserve()
    named = {place: _font(file, font) for place, font in enumerate(fonts) if font.glyphs}
    listed = " ".join(f"/F{place} {number} 0 R" for place, number in named.items())
    resources = file.add(f"<< /Font << {listed} >> >>")
    kids = []
    for page in pages:
        content = file.stream(page.content())
        width, height = map(_number, page.size_pt)
        kids.append(
            file.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {width} {height}] "
                f"/Resources {resources} 0 R /Contents {content} 0 R >>"
            )
        )
    shown = " ".join(f"{kid} 0 R" for kid in kids)
    file.put(tree, f"<< /Type /Pages /Count {len(kids)} /Kids [{shown}] >>")
    file.put(
        catalog,
        f"<< /Type /Catalog /Pages {tree} 0 R /Lang ({language}) "
        "/ViewerPreferences << /DisplayDocTitle true >> >>",
    )
    file.put(
        information,
        f"<< /Title {_text(title)} /Subject {_text(digest)} /Producer (gaiji) "
        f"/CreationDate ({DATE}) /ModDate ({DATE}) >>",
    )
    return file.written(catalog, information)


def _font(file: _File, font: PdfFont) -> int:
    data = font.file()
    tag = "".join(chr(65 + byte % 26) for byte in sha256(data).digest()[:6])
    name = f"{tag}+{font.name}"
    program = file.stream(data, f"/Length1 {len(data)} ")
    descriptor = file.add(
        f"<< /Type /FontDescriptor /FontName /{name} /Flags 4 /FontBBox [-1000 -1000 2000 2000] "
        f"/ItalicAngle 0 /Ascent {ASCENT} /Descent {DESCENT} /CapHeight 700 /StemV 80 "
        f"/FontFile2 {program} 0 R >>"
    )
    widths = _widths(font)
    cid = file.add(
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /{name} /CIDToGIDMap /Identity /DW 1000 "
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/FontDescriptor {descriptor} 0 R{f' /W [{widths}]' if widths else ''} >>"
    )
    unicode = file.stream(_to_unicode(font.texts))
    return file.add(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
        f"/DescendantFonts [{cid} 0 R] /ToUnicode {unicode} 0 R >>"
    )


def _widths(font: PdfFont) -> str:
    """Return the advances that are not an em, run by run."""
    parts: list[str] = []
    at = 1
    while at <= len(font.glyphs):
        width, first = font.width(at), at
        while at <= len(font.glyphs) and font.width(at) == width:
            at += 1
        if width != 1000:
            parts.append(f"{first} {at - 1} {_number(width)}")
    return " ".join(parts)


def _to_unicode(texts: Iterable[str]) -> bytes:
    """Return the CMap from glyph numbers to text, section 9.10.3."""
    rows = [
        f"<{at:04X}> <{text.encode('utf-16-be').hex().upper()}>"
        for at, text in enumerate(texts, start=1)
        if text
    ]
    lines = [
        "/CIDInit /ProcSet findresource begin",
        "12 dict begin",
        "begincmap",
        "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
        "/CMapName /Adobe-Identity-UCS def",
        "/CMapType 2 def",
        "1 begincodespacerange",
        "<0000> <FFFF>",
        "endcodespacerange",
    ]
    for first in range(0, len(rows), 100):
        part = rows[first : first + 100]
        lines += [f"{len(part)} beginbfchar", *part, "endbfchar"]
    lines += ["endcmap", "CMapName currentdict /CMap defineresource pop", "end", "end", ""]
    return "\n".join(lines).encode()


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _text(value: str) -> str:
    return f"<FEFF{value.encode('utf-16-be').hex().upper()}>"


class _File:
    """Numbered objects, and the table that says where each stands."""

    def __init__(self) -> None:
        self._objects: list[bytes | None] = []

    def reserve(self) -> int:
        """Return the number of an object that is put in later."""
        self._objects.append(None)
        return len(self._objects)

    def put(self, number: int, body: str) -> None:
        """Put in an object whose number was reserved."""
        self._objects[number - 1] = body.encode()

    def add(self, body: str) -> int:
        """Return the number of a new object."""
        number = self.reserve()
        self.put(number, body)
        return number

    def stream(self, data: bytes, more: str = "") -> int:
        """Return the number of a new stream, compressed."""
        packed = zlib.compress(data, 9)
        head = f"<< /Filter /FlateDecode {more}/Length {len(packed)} >>".encode()
        self._objects.append(head + b"\nstream\n" + packed + b"\nendstream")
        return len(self._objects)

    def written(self, catalog: int, information: int) -> bytes:
        """Return the file."""
        out = bytearray(b"%PDF-1.7\n%\xe5\xa4\x96\xe5\xad\x97\n")
        places = []
        for number, body in enumerate(self._objects, start=1):
            assert body is not None
            places.append(len(out))
            out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
        name = sha256(bytes(out)).hexdigest()[:32].upper()
        table = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        out += b"".join(b"%010d 00000 n \n" % place for place in places)
        out += (
            f"trailer\n<< /Size {len(places) + 1} /Root {catalog} 0 R /Info {information} 0 R "
            f"/ID [<{name}> <{name}>] >>\nstartxref\n{table}\n%%EOF\n"
        ).encode()
        return bytes(out)
