import io
import struct
import time
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.ttLib import TTFont
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.errors import BadFont, HostileFile
from gaiji.glyph.build import build_bdf, build_fontx2, build_raw, build_truetype
from gaiji.glyph.forms import Bitmap, Contour, Glyph, Outline, canonical
from gaiji.glyph.sources import parse_source, read_source
from gaiji.settings import Settings

SETTINGS = Settings(child_cpu_s=2)


def box(x1: int, y1: int, x2: int, y2: int) -> Contour:
    return (((x1, y2),), ((x2, y2),), ((x2, y1),), ((x1, y1),))


def square(side: int) -> Outline:
    return Outline(1000, 1000, (box(0, 0, side, side),))


def dots(side: int, seed: int) -> Bitmap:
    size = (side + 7) // 8 * side
    return Bitmap.padded(side, side, bytes((seed * 37 + i * i) % 256 for i in range(size)))


GLYPHS: dict[int, tuple[str, Glyph]] = {
    0xE000: ("first", square(500)),
    0xF8FF: ("last", square(600)),
    0xF0000: ("plane15", square(700)),
    0x10FFFD: ("plane16", square(800)),
    0x4E00: ("one", square(400)),
}
FONT = build_truetype(GLYPHS, family="試験外字")
PATTERNS = {code: dots(24, code) for code in (0xF040, 0xF041, 0xF07E, 0xF080)}
BDF = build_bdf(PATTERNS)
FONTX2 = build_fontx2(PATTERNS)
WITHOUT = build_truetype({0x4E00: ("one", square(400))}, family="Plain")


def test_a_font_gives_its_private_use_glyphs_and_no_others() -> None:
    source = parse_source(FONT, "EUDC.TTE")
    assert (source.format, source.em_units, source.family) == ("truetype", 1000, "試験外字")
    assert [(g.key, g.unit, g.name) for g in source.glyphs] == [
        (code, "code-point", GLYPHS[code][0]) for code in (0xE000, 0xF8FF, 0xF0000, 0x10FFFD)
    ]
    for glyph in source.glyphs:
        assert canonical(glyph.glyph) == canonical(GLYPHS[glyph.key][1])
    assert [g.subject for g in source.glyphs][:3] == ["U+E000", "U+F8FF", "U+F0000"]


def test_reading_in_the_child_gives_the_same_as_reading_here() -> None:
    for data, name in ((FONT, "a.tte"), (BDF, "a.bdf"), (FONTX2, "a.fnt")):
        assert read_source(data, name, settings=SETTINGS) == parse_source(data, name)


def test_a_blank_glyph_is_kept_and_found() -> None:
    glyphs: dict[int, tuple[str, Glyph]] = {
        0xE000: ("a", Outline(1000, 1000, ())),
        0xE001: ("b", square(9)),
    }
    source = parse_source(build_truetype(glyphs, family="Blank"), "b.tte")
    assert [g.key for g in source.glyphs] == [0xE000, 0xE001]
    (finding,) = source.findings
    assert (finding.code, finding.level, finding.subject) == ("blank-glyph", "warning", "U+E000")
    assert finding.where
    assert finding.where.file == "b.tte"


def cff_font() -> bytes:
    pen = T2CharStringPen(1000, {})
    pen.moveTo((500, 800))
    pen.curveTo((900, 800), (900, 0), (500, 0))
    pen.curveTo((100, 0), (100, 800), (500, 800))
    pen.closePath()
    empty = T2CharStringPen(1000, {}).getCharString()
    builder = FontBuilder(1000, isTTF=False)
    builder.setupGlyphOrder([".notdef", "a"])
    builder.setupCharacterMap({0xE000: "a"})
    builder.setupCFF("Test", {}, {".notdef": empty, "a": pen.getCharString()}, {})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "a": (1000, 0)})
    builder.setupHorizontalHeader()
    builder.setupPost()
    out = io.BytesIO()
    builder.font.save(out)
    return out.getvalue()


def test_cubic_outlines_of_opentype_fonts_stay_cubic() -> None:
    (glyph,) = parse_source(cff_font(), "a.otf").glyphs
    assert canonical(glyph.glyph).decode().splitlines()[3:] == [
        "contour 500 0",
        "C 100 0 100 800 500 800",
        "C 900 800 900 0 500 0",
        "end",
    ]


def composite_font(depth: int, fan: int) -> bytes:
    """Glyph n is `fan` times glyph n - 1; the last is the one at U+E000."""
    from fontTools.ttLib.tables._g_l_y_f import Glyph as TableGlyph
    from fontTools.ttLib.tables._g_l_y_f import GlyphComponent

    font = TTFont(io.BytesIO(build_truetype({0xE000: ("base", square(100))}, family="C")))
    font["glyf"].glyphs["base"].expand(font["glyf"])
    order = font.getGlyphOrder()
    before = "base"
    for level in range(depth):
        glyph = TableGlyph()
        glyph.numberOfContours = -1
        glyph.components = []
        for copy in range(fan):
            part = GlyphComponent()
            part.glyphName, part.x, part.y, part.flags = before, copy * 200, 0, 0x2
            glyph.components.append(part)
        glyph.xMin = glyph.yMin = glyph.xMax = glyph.yMax = 0
        before = f"level{level}"
        order = [*order, before]
        font.setGlyphOrder(order)
        font["glyf"].glyphs[before] = glyph
        font["hmtx"].metrics[before] = (1000, 0)
    font["glyf"].glyphOrder = order
    for table in font["cmap"].tables:
        table.cmap = {0xE000: before}
    font.recalcBBoxes = False
    font["maxp"].recalc = lambda font: None
    font["maxp"].numGlyphs = len(order)
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def test_composite_glyphs_are_flattened() -> None:
    (glyph,) = parse_source(composite_font(1, 2), "a.tte").glyphs
    parts = Outline(1000, 1000, (box(0, 0, 100, 100), box(200, 0, 300, 100)))
    assert canonical(glyph.glyph) == canonical(parts)


def test_a_composite_bomb_ends_soon_with_a_clear_refusal() -> None:
    began = time.monotonic()
    with pytest.raises((BadFont, HostileFile)):
        read_source(composite_font(30, 10), "bomb.ttf", settings=SETTINGS)
    assert time.monotonic() - began < 6


# --- bitmaps


@pytest.mark.parametrize("hexadecimal", [False, True])
def test_bdf_glyphs_come_back_with_the_number_as_written(hexadecimal: bool) -> None:
    source = parse_source(build_bdf(PATTERNS, hexadecimal=hexadecimal), "g.bdf")
    assert (source.format, source.cell) == ("bdf", (24, 24))
    assert {(g.key, g.unit): g.glyph for g in source.glyphs} == {
        (code, "number"): bitmap for code, bitmap in PATTERNS.items()
    }


def test_bdf_glyphs_are_placed_by_their_offsets() -> None:
    text = b"""STARTFONT 2.1\r
FONT \x8e\x8e\x8c\xb1\r
FONTBOUNDINGBOX 10 4 -1 -1\r
CHARS 2\r
STARTCHAR a\r
ENCODING 1\r
BBX 2 2 0 0\r
BITMAP\r
80\r
C0\r
ENDCHAR\r
STARTCHAR b\r
ENCODING 0xF041\r
BBX 2 1 7 -1\r
BITMAP\r
C0\r
ENDCHAR\r
ENDFONT\r
\x1a"""
    source = parse_source(text, "a.bdf")
    assert source.family == "試験"
    rows = [list(g.glyph.lines()) for g in source.glyphs if isinstance(g.glyph, Bitmap)]
    assert rows[0] == [b"\0\0", b"\x40\0", b"\x60\0", b"\0\0"]
    assert rows[1] == [b"\0\0", b"\0\0", b"\0\0", b"\0\xc0"]


def test_host_bdf_without_boxes_and_ends_is_read() -> None:
    text = b"STARTFONT 2.1\nSIZE 8 2\nCHARS 2\nSTARTCHAR x\nENCODING -1\nBITMAP\nFF\n00\n"
    text += b"STARTCHAR y\nENCODING 0x80A1\nBITMAP\n01\n80\nENDFONT\n"
    source = parse_source(text, "h.bdf")
    assert [(g.key, g.glyph) for g in source.glyphs] == [(0x80A1, Bitmap(8, 2, b"\x01\x80"))]
    assert [(f.code, f.subject) for f in source.findings] == [("no-code", "x")]


def test_fontx2_glyphs_come_back_by_shift_jis_code() -> None:
    source = parse_source(FONTX2, "g.fnt")
    assert (source.format, source.cell, source.family) == ("fontx2", (24, 24), "GAIJI")
    assert {g.key: g.glyph for g in source.glyphs} == PATTERNS
    assert {g.unit for g in source.glyphs} == {"code"}


@pytest.mark.parametrize("side", [24, 32, 48, 64])
def test_raw_patterns_come_back_by_position(side: int) -> None:
    bitmaps = [dots(side, seed) for seed in range(5)]
    source = parse_source(build_raw(bitmaps), "g.raw", side)
    assert [(g.key, g.unit, g.glyph) for g in source.glyphs] == [
        (i, "index", bitmap) for i, bitmap in enumerate(bitmaps)
    ]


def test_the_size_of_raw_patterns_is_inferred_only_when_one_fits() -> None:
    assert parse_source(bytes(72 * 5), "g.raw").cell == (24, 24)
    with pytest.raises(BadFont, match="24 / 48 dots"):
        parse_source(bytes(288), "g.raw")


# --- refusals


def woff2() -> bytes:
    font = TTFont(io.BytesIO(FONT))
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def without_tables(*tags: str) -> bytes:
    font = TTFont(io.BytesIO(FONT))
    for tag in tags:
        del font[tag]
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


def with_short_loca() -> bytes:
    data = bytearray(FONT)
    at = data.index(b"loca") + 12
    data[at : at + 4] = struct.pack(">I", 4)
    return bytes(data)


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "EUDC.TTE", "is empty"),
    "cut in the directory": (FONT[:40], "EUDC.TTE", "cut off"),
    "cut in the head": (FONT[:9], "EUDC.TTE", "cut off"),
    "cut in a table": (FONT[:-200], "EUDC.TTE", "cut off"),
    "no outlines": (without_tables("glyf", "loca"), "EUDC.TTE", "no outlines"),
    "no cmap": (without_tables("cmap"), "EUDC.TTE", "table cmap"),
    "short loca": (with_short_loca(), "EUDC.TTE", "table loca"),
    "text": ("これは文章です".encode("cp932"), "a.txt", "no glyph file"),
    "zip": (b"PK\x03\x04" + bytes(140), "a.ttf", "no glyph file"),
    "woff": (b"wOFF" + bytes(40), "a.woff", "unpack it to TTF"),
    "woff2": (woff2(), "a.ttf", "unpack it to TTF"),
    "collection": (b"ttcf" + bytes(40), "a.ttc", "extract the one face"),
    "euf": (bytes(512), "EUDC.EUF", "hand in EUDC.TTE"),
    "no private use": (WITHOUT, "a.ttf", "no glyph at a private-use"),
    "all blank": (
        build_truetype({0xE000: ("a", Outline(1000, 1000, ()))}, family="B"),
        "a.ttf",
        "is blank",
    ),
    "bdf cut off": (BDF[: len(BDF) // 2], "g.bdf", "cut off|hexadecimal"),
    "bdf without end": (BDF.replace(b"ENDFONT", b""), "g.bdf", "no ENDFONT"),
    "bdf count": (BDF.replace(b"CHARS 4", b"CHARS 5"), "g.bdf", "CHARS says 5"),
    "bdf no count": (BDF.replace(b"CHARS 4\n", b""), "g.bdf", "CHARS says None"),
    "bdf huge": (
        BDF.replace(b"FONTBOUNDINGBOX 24 24", b"FONTBOUNDINGBOX 99999 24"),
        "g.bdf",
        "99999 by 24",
    ),
    "bdf zero": (BDF.replace(b"BOX 24 24", b"BOX 0 24"), "g.bdf", "cell of 0"),
    "bdf no box": (BDF.replace(b"FONTBOUNDINGBOX", b"COMMENT"), "g.bdf", "missing; add"),
    "bdf number": (BDF.replace(b"ENCODING 61504", b"ENCODING F040"), "g.bdf", "wrong number"),
    "bdf beyond": (BDF.replace(b"ENCODING 61504", b"ENCODING 99999999"), "g.bdf", "wrong number"),
    "bdf twice": (BDF.replace(b"ENCODING 61505", b"ENCODING 61504"), "g.bdf", "comes twice"),
    "bdf outside": (BDF.replace(b"BBX 24 24 0 0", b"BBX 24 24 3 0"), "g.bdf", "outside the cell"),
    "bdf no bitmap": (BDF.replace(b"BITMAP", b"COMMENT", 1), "g.bdf", "no BITMAP"),
    "bdf rows": (BDF.replace(b"BITMAP\n", b"BITMAP\nXYZXYZ\n"), "g.bdf", "hexadecimal"),
    "fontx2 signature": (b"FONTX1" + FONTX2[6:], "g.fnt", "no glyph file"),
    "fontx2 cut": (FONTX2[:-1], "g.fnt", "has 317 bytes"),
    "fontx2 head": (FONTX2[:12], "g.fnt", "cut off"),
    "fontx2 ranges": (FONTX2[:20], "g.fnt", "cut off"),
    "fontx2 longer": (FONTX2 + b"\0", "g.fnt", "its ranges ask for"),
    "fontx2 half-width": (FONTX2[:16] + b"\0" + FONTX2[17:], "g.fnt", "not full-width"),
    "fontx2 no cell": (FONTX2[:14] + b"\0" + FONTX2[15:], "g.fnt", "no cell size"),
    "fontx2 order": (FONTX2[:18] + b"\xff\xff" + FONTX2[20:], "g.fnt", "out of order"),
    "raw size": (bytes(73), "g.raw", "do not divide"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(case: str) -> None:
    data, name, said = REFUSED[case]
    with pytest.raises(BadFont, match=said) as caught:
        read_source(data, name, settings=SETTINGS)
    error = caught.value
    assert error.where
    assert error.where.file == name
    assert error.text.ja.endswith("。")
    assert error.text.en.endswith(".")


@pytest.mark.parametrize(("size", "side", "said"), [(73, 24, "do not divide"), (72, 16, "16 dots")])
def test_raw_patterns_of_another_size_are_refused(size: int, side: int, said: str) -> None:
    with pytest.raises(BadFont, match=said):
        parse_source(bytes(size), "any", side)


def test_a_place_is_the_line_of_a_bdf_file() -> None:
    with pytest.raises(BadFont) as caught:
        parse_source(BDF.replace(b"ENCODING 61504", b"ENCODING F040"), "g.bdf")
    assert caught.value.where
    assert caught.value.where.record == 7


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([FONT, BDF, FONTX2, cff_font()]),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=4)), max_size=5),
    st.none() | st.integers(0, 4000),
)
def test_damaged_files_are_read_or_refused_and_nothing_else(
    data: bytes, changes: list[Any], end: int | None
) -> None:
    damaged = bytearray(data)
    for at, new in changes:
        at %= len(damaged)
        damaged[at : at + len(new)] = new
    try:
        source = parse_source(bytes(damaged[:end]), "damaged")
    except BadFont:
        return
    for glyph in source.glyphs:
        canonical(glyph.glyph)
