"""Pictures of glyphs (字形の見本): PNG and SVG, alone, side by side and laid over each other.

Every picture is a square frame of 1000 units whose inner square is the em box (仮想ボディ), a sixteenth
of the frame away from its edges; the baseline lies 12/100 em above the lower edge of the box, as in
Japanese fonts. Outlines narrower than the em are centred. Outlines are filled by the nonzero rule, with
HarfBuzz's rasteriser for pixels; dots of bitmaps are enlarged by a whole factor where they fit.
The same glyph and options give the same bytes.
"""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

import uharfbuzz as hb
from PIL import Image, ImageChops, ImageDraw

from gaiji.errors import InvalidRequest
from gaiji.glyph.forms import Bitmap, Glyph, Outline, Point, digest
from gaiji.glyph.truetype import TrueTypePoint, points, runs

Mode = Literal["side-by-side", "overlay"]

FRAME = 1000
MARGIN = 1 / 16
BASELINE = 0.12
SMALLEST_PX, LARGEST_PX = 16, 1024
DRAWING_EM = 8192
"""Coordinates are rounded to 1/8192 em for pixels: far below what 1024 pixels can show."""


class Ink(NamedTuple):
    """Colours of a picture (配色)."""

    ink: str
    paper: str
    guide: str


LIGHT = Ink("#000000", "#ffffff", "#9db7d9")
DARK = Ink("#ffffff", "#1a1a1c", "#4a6288")
ONLY_A, ONLY_B, COMMON = "#d55e00", "#0072b2", "#1a1a1c"
"""Overlay: vermilion and blue stay apart for colour-blind eyes."""


def check_size(size_px: int) -> int:
    """Return the size; raises InvalidRequest outside 16 to 1024 pixels (見本の大きさ)."""
    if SMALLEST_PX <= size_px <= LARGEST_PX:
        return size_px
    raise InvalidRequest(
        f"見本の大きさ {size_px} は指定できません。{SMALLEST_PX}～{LARGEST_PX}"
        "ピクセルで指定してください。",
        f"A picture cannot have {size_px} pixels; ask for {SMALLEST_PX} to {LARGEST_PX}.",
        parameter="size_px",
    )


# --- pixels


def mask(glyph: Glyph, size_px: int, *, margin: float = MARGIN) -> Image.Image:
    """Return the ink of a glyph (字形の濃淡) as an 8-bit image, 255 where it is full.

    margin: the part of the frame left free on each side of the em box, 0 for none.
    Raises InvalidRequest for a size that is not offered.
    """
    check_size(size_px)
    if isinstance(glyph, Bitmap):
        return _dots(glyph, size_px, margin)
    return _filled(glyph, size_px, margin)


def _dots(bitmap: Bitmap, size_px: int, margin: float) -> Image.Image:
    cell = Image.frombytes("1", (bitmap.width, bitmap.height), bitmap.rows).convert("L")
    room, longest = round(size_px * (1 - 2 * margin)), max(cell.size)
    if room >= longest:
        factor = room // longest
        cell = cell.resize((cell.width * factor, cell.height * factor), Image.Resampling.NEAREST)
    else:
        shrunk = (max(1, side * room // longest) for side in cell.size)
        cell = cell.resize((next(shrunk), next(shrunk)), Image.Resampling.BOX)
    image = Image.new("L", (size_px, size_px))
    image.paste(cell, ((size_px - cell.width) // 2, (size_px - cell.height) // 2))
    return image


def _filled(outline: Outline, size_px: int, margin: float) -> Image.Image:
    values = (abs(float(v)) for c in outline.contours for s in c for p in s for v in p)
    scale = min(DRAWING_EM / outline.em_units, 16000 / max([1, *values]))
    contours = points(outline, scale)
    if not contours:
        return Image.new("L", (size_px, size_px))
    box = size_px * (1 - 2 * margin)
    unit = box / (outline.em_units * scale)
    left = size_px * margin + _indent(outline) * box / outline.em_units
    rasteriser = hb.RasterDraw()
    rasteriser.transform = (unit, 0, 0, unit, left, size_px * margin + BASELINE * box)
    rasteriser.extents = hb.RasterExtents(0, 0, size_px, size_px, size_px)
    rasteriser.draw_glyph(hb.Font(hb.Face(one_glyph_font(contours))), 0)
    picture = rasteriser.render()
    stride, rows = picture.extents.stride, picture.buffer
    return Image.frombytes("L", (size_px, size_px), rows, "raw", "L", stride, -1)


def _indent(outline: Outline) -> float:
    """Room on the left of a glyph narrower than the em, in font units."""
    return max(0, outline.em_units - outline.advance) / 2 if outline.advance > 0 else 0


INK = 128
"""From this grey value on a dot is set."""


def dots(glyph: Glyph, side: int) -> Bitmap:
    """Return a glyph as a square dot pattern of so many dots a side, cut at half ink (ドットパターン)."""
    image = mask(glyph, side, margin=0).point(lambda grey: 255 * (grey >= INK))
    return Bitmap.padded(side, side, image.convert("1").tobytes())


def dot_pattern(glyph: Glyph, side: int) -> Bitmap | None:
    """Return a glyph as a square dot pattern of so many dots a side (ドットパターン化).

    A pattern of another size is enlarged by a whole factor; None where that does not go.
    """
    if isinstance(glyph, Outline):
        return dots(glyph, side)
    if glyph.width != glyph.height or side % glyph.width:
        return None
    return glyph if side == glyph.width else dots(glyph, side)


def bmp(glyph: Glyph, side: int) -> bytes:
    """Return the dots of a glyph as a BMP of one bit a dot, black on white (字形のBMP), side dots square.

    What a pattern's own size does not divide is drawn and cut at half ink, as outlines are.
    Raises InvalidRequest for a size that is not offered.
    """
    check_size(side)
    pattern = dot_pattern(glyph, side) or dots(glyph, side)
    image = Image.frombytes("1", (side, side), pattern.rows)
    out = io.BytesIO()
    ImageChops.invert(image).save(out, "BMP")
    return out.getvalue()


def one_glyph_font(contours: list[list[TrueTypePoint]]) -> bytes:
    """Return a TrueType font with nothing but glyph 0, as far as a rasteriser looks."""
    flat = [point for contour in contours for point in contour]
    xs, ys = [p.x for p in flat], [p.y for p in flat]
    ends, end = [], -1
    for contour in contours:
        ends.append(end := end + len(contour))
    glyf = struct.pack(
        f">hhhhh{len(ends)}HH{len(flat)}B{len(flat)}h{len(flat)}h",
        *(len(ends), min(xs), min(ys), max(xs), max(ys), *ends, 0),
        *(p.on for p in flat),
        *(b - a for a, b in zip([0, *xs], xs, strict=False)),
        *(b - a for a, b in zip([0, *ys], ys, strict=False)),
    )
    glyf += bytes(-len(glyf) % 4)
    head = struct.pack(
        ">IIIIHH16x4hHHhhh", 65536, 0, 0, 0x5F0F3CF5, 0, DRAWING_EM, *[0] * 6, 2, 1, 0
    )
    tables = {
        b"glyf": glyf,
        b"head": head,
        b"hhea": struct.pack(">I30xH", 65536, 1),
        b"hmtx": struct.pack(">Hh", DRAWING_EM, min(xs)),
        b"loca": struct.pack(">II", 0, len(glyf)),
        b"maxp": struct.pack(">IH26x", 65536, 1),
    }
    directory = struct.pack(">IHHHH", 65536, len(tables), 0, 0, 0)
    body, at = b"", len(directory) + 16 * len(tables)
    for tag, table in tables.items():
        directory += struct.pack(">4sIII", tag, 0, at + len(body), len(table))
        body += table + bytes(-len(table) % 4)
    return directory + body


def png(glyph: Glyph, size_px: int, *, guides: bool = False, dark: bool = False) -> bytes:
    """Return the picture of a glyph (字形の見本) as PNG, size_px square.

    guides: em box, centre lines and baseline under the ink; dark: light ink on dark paper.
    Raises InvalidRequest for a size that is not offered.
    """
    ink = mask(glyph, size_px)
    if not guides:
        return _png(ImageChops.invert(ink) if not dark else _coloured(ink, DARK, guides=False))
    return _png(_coloured(ink, DARK if dark else LIGHT, guides=True))


def pair_png(a: Glyph, b: Glyph, mode: Mode, size_px: int, *, guides: bool = False) -> bytes:
    """Return two glyphs in one PNG (字形の比較): side by side, or laid over each other.

    Side by side is 2 size_px wide. Overlay: vermilion is only in a, blue only in b, dark in both.
    Raises InvalidRequest for a size that is not offered.
    """
    left, right = mask(a, size_px), mask(b, size_px)
    if mode == "overlay":
        image = _paper(size_px, LIGHT, guides)
        both = ImageChops.darker(left, right)
        image.paste(ONLY_A, mask=ImageChops.subtract(left, both))
        image.paste(ONLY_B, mask=ImageChops.subtract(right, both))
        image.paste(COMMON, mask=both)
        return _png(image)
    image = Image.new("RGB", (2 * size_px, size_px))
    image.paste(_coloured(left, LIGHT, guides), (0, 0))
    image.paste(_coloured(right, LIGHT, guides), (size_px, 0))
    return _png(image)


def _coloured(ink: Image.Image, colours: Ink, guides: bool) -> Image.Image:
    image = _paper(ink.width, colours, guides)
    image.paste(colours.ink, mask=ink)
    return image


def _paper(size_px: int, colours: Ink, guides: bool) -> Image.Image:
    image = Image.new("RGB", (size_px, size_px), colours.paper)
    if guides:
        pen = ImageDraw.Draw(image)
        for x1, y1, x2, y2 in _guide_lines():
            line = [round(v * (size_px - 1) / FRAME) for v in (x1, y1, x2, y2)]
            pen.line(line, fill=colours.guide)
    return image


def _guide_lines() -> list[tuple[float, float, float, float]]:
    """Em box, centre lines and baseline in the frame of 1000 units, y downwards."""
    low, high = FRAME * MARGIN, FRAME * (1 - MARGIN)
    across = (low, FRAME / 2, high - (high - low) * BASELINE, high)
    return [(low, y, high, y) for y in across] + [(x, low, x, high) for x in (low, 500, high)]


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


# --- paths


def svg(glyph: Glyph, *, guides: bool = False, size_px: int | None = None, title: str = "") -> str:
    """Return the picture of a glyph (字形の見本) as an SVG document in its own exact curves.

    The ink is `currentColor`. size_px: width and height, else the picture fills its place.
    title: what a screen reader says. Raises InvalidRequest for a size that is not offered.
    """
    body = (_guides() if guides else "") + _path(glyph, "currentColor")
    return _document(body, 1, size_px, title)


def pair_svg(
    a: Glyph,
    b: Glyph,
    mode: Mode,
    *,
    guides: bool = False,
    size_px: int | None = None,
    title: str = "",
) -> str:
    """Return two glyphs in one SVG (字形の比較), colours as in `pair_png`."""
    lines = _guides() if guides else ""
    if mode == "side-by-side":
        right = f'<g transform="translate({FRAME} 0)">{lines}{_path(b, "currentColor")}</g>'
        return _document(lines + _path(a, "currentColor") + right, 2, size_px, title)
    name = f"common-{digest(a)[:12]}-{digest(b)[:12]}"
    body = (
        f'{lines}<clipPath id="{name}">{_path(a, COMMON)}</clipPath>{_path(a, ONLY_A)}'
        f'{_path(b, ONLY_B)}<g clip-path="url(#{name})">{_path(b, COMMON)}</g>'
    )
    return _document(body, 1, size_px, title)


def _document(body: str, frames: int, size_px: int | None, title: str) -> str:
    size = ""
    if size_px is not None:
        check_size(size_px)
        size = f' width="{frames * size_px}" height="{size_px}"'
    name = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {frames * FRAME} {FRAME}"'
        f'{size} role="img">{name}{body}</svg>'
    )


def _guides() -> str:
    data = "".join(
        f"M{_short(a)} {_short(b)}L{_short(c)} {_short(d)}" for a, b, c, d in _guide_lines()
    )
    return f'<path d="{data}" fill="none" stroke="{LIGHT.guide}" stroke-width="4"/>'


def _path(glyph: Glyph, colour: str) -> str:
    box, low = FRAME * (1 - 2 * MARGIN), FRAME * MARGIN
    if isinstance(glyph, Bitmap):
        unit = box / max(glyph.width, glyph.height)
        left, top = (FRAME - glyph.width * unit) / 2, (FRAME - glyph.height * unit) / 2
        place = f"translate({_short(left)} {_short(top)}) scale({_short(unit)})"
        data = "".join(f"M{x} {y}H{end}V{y + 1}H{x}Z" for x, end, y in runs(glyph))
        return (
            f'<path fill="{colour}" shape-rendering="crispEdges" transform="{place}" d="{data}"/>'
        )
    unit = box / glyph.em_units
    left, base = low + _indent(glyph) * unit, FRAME - low - BASELINE * box
    place = f"translate({_short(left)} {_short(base)}) scale({_short(unit)} {_short(-unit)})"
    return f'<path fill="{colour}" transform="{place}" d="{path_data(glyph)}"/>'


def path_data(outline: Outline) -> str:
    """Return an outline as SVG path data (パスデータ) in font units, y upwards."""
    parts = []
    for contour in outline.contours:
        if not contour:
            continue
        parts.append("M" + _pair(contour[-1][-1]))
        for segment in contour:
            parts.append(" LQC"[len(segment)] + " ".join(map(_pair, segment)))
        parts.append("Z")
    return "".join(parts)


def _pair(point: Point) -> str:
    return f"{_short(point[0])} {_short(point[1])}"


def _short(value: float | Fraction) -> str:
    """A number as short as it is exact to a millionth."""
    return str(value) if isinstance(value, int) else f"{float(value):.6f}".rstrip("0").rstrip(".")
