"""A city's glyph sources (字形の提供ファイル): fonts, exchange bitmaps and raw dot patterns.

| format | recognised by | keys | unit |
|---|---|---|---|
| `truetype` EUDC.TTE, TTF, OTF | sfnt signature | private-use code points, other code points left out | `code-point` |
| `bdf` | STARTFONT | the number after ENCODING, as the file has it | `number` |
| `fontx2` | FONTX2 | Shift_JIS codes | `code` |
| `raw` dot patterns | size given by the caller, or a suffix of RAW_SUFFIXES | position from 0 | `index` |

A `number` is a local code or a code point: only the code set's charset can tell, so the caller decides.
Nothing is dropped in silence: a blank glyph stays in the list and is a finding `blank-glyph` beside it.
Files come from outside: `read_source` reads them in a limited child process, `parse_source` is what runs
there.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal

import uharfbuzz as hb

from gaiji.errors import BadFont, Text, Where
from gaiji.glyph import dots as dot_patterns
from gaiji.glyph.forms import Glyph, is_empty
from gaiji.glyph.opentype import read_outline
from gaiji.sandbox import run_limited
from gaiji.settings import Settings
from gaiji.wire.findings import Finding

Format = Literal["truetype", "bdf", "fontx2", "raw"]
Unit = Literal["code-point", "number", "code", "index"]

SFNT = (b"\0\1\0\0", b"true", b"OTTO")
PRIVATE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))
RAW_SUFFIXES = (".raw", ".dot", ".bin", ".dat", ".ptn")
LARGEST_OUTLINE = 20_000
"""Segments of one glyph; the reference font's richest has below 1,000."""


@dataclass(frozen=True)
class SourceGlyph:
    """One glyph of a source (提供された字形): key in the file's unit, name as the file has it or made of it."""

    key: int
    unit: Unit
    glyph: Glyph
    name: str

    @property
    def subject(self) -> str:
        """The key as people write it: U+E000, F040, 0x5D0E or #12."""
        form = {"code-point": "U+{:04X}", "code": "{:04X}", "number": "0x{:04X}", "index": "#{}"}
        return form[self.unit].format(self.key)


@dataclass(frozen=True)
class GlyphSource:
    """What a file gave (字形の提供内容): glyphs by ascending key, their size, and findings.

    em_units: of a font, else None; cell: width and height in dots of bitmaps, else None.
    """

    format: Format
    glyphs: tuple[SourceGlyph, ...]
    em_units: int | None = None
    cell: tuple[int, int] | None = None
    family: str = ""
    findings: tuple[Finding, ...] = field(default=())


def read_source(
    data: bytes, file_name: str, *, settings: Settings, dots: int | None = None
) -> GlyphSource:
    """Return the glyphs of a file that came from outside (字形の読込み), read in a limited child process.

    dots: side of raw dot patterns (24, 32, 48 or 64) where the file does not tell.
    Raises BadFont with the reason, HostileFile when reading it went beyond the limits.
    """
    return run_limited(parse_source, data, file_name, dots, settings=settings, file_name=file_name)


def parse_source(data: bytes, file_name: str, dots: int | None = None) -> GlyphSource:
    """Return the glyphs of a file (字形の解釈), in this process; for trusted files and the child process.

    Raises BadFont, its `where` naming the file and the byte or the line (as record).
    """
    try:
        source = _parse(data, file_name.lower(), dots)
    except BadFont as error:
        error.where = (error.where or Where())._replace(file=file_name)
        raise
    findings = (*source.findings, *_blanks(source.glyphs))
    placed = (replace(f, where=(f.where or Where())._replace(file=file_name)) for f in findings)
    return replace(source, findings=tuple(placed))


def _blanks(glyphs: Iterable[SourceGlyph]) -> Iterator[Finding]:
    for glyph in glyphs:
        if is_empty(glyph.glyph):
            text = Text(
                f"{glyph.subject} の字形は空白です。使われていない外字か確かめてください。",
                f"The glyph of {glyph.subject} is blank; check whether this gaiji is in use.",
            )
            yield Finding("blank-glyph", "warning", text, glyph.subject)


def _parse(data: bytes, name: str, dots: int | None) -> GlyphSource:
    if not data:
        raise BadFont(
            "空のファイルです。字形の入ったファイルを指定してください。",
            "The file is empty; give one that holds glyphs.",
        )
    _refuse_other_kinds(data, name)
    if data.startswith(SFNT):
        return _truetype(data)
    if data.startswith(b"STARTFONT"):
        return _patterns("bdf", "number", dot_patterns.read_bdf(data))
    if data.startswith(b"FONTX2"):
        return _patterns("fontx2", "code", dot_patterns.read_fontx2(data))
    if dots is not None or name.endswith(RAW_SUFFIXES):
        return _patterns("raw", "index", dot_patterns.read_raw(data, dots))
    raise BadFont(
        "字形ファイルではありません。TrueType（EUDC.TTE など）、BDF、FONTX2 のいずれかを渡すか、"
        "ドットパターンなら1辺の点数を指定してください。",
        "This is no glyph file; hand in TrueType (EUDC.TTE …), BDF or FONTX2, or say how many dots "
        "a side raw dot patterns have.",
    )


def _refuse_other_kinds(data: bytes, name: str) -> None:
    """Name what is recognised and not taken, with the way out."""
    if data.startswith((b"wOFF", b"wOF2")):
        raise BadFont(
            "WOFF/WOFF2形式のフォントは読みません。TTF形式に展開して渡してください(WOFF2なら fonttools ttLib.woff2 "
            "decompress ファイル名)。",
            "This is a WOFF or WOFF2 font; unpack it to TTF first (WOFF2: fonttools ttLib.woff2 decompress FILE).",
        )
    if data.startswith(b"ttcf"):
        raise BadFont(
            "フォントコレクション（TTC）は読みません。外字の入った1書体をTTFに取り出して渡してください。",
            "This is a font collection (TTC); extract the one face that holds the gaiji as TTF.",
        )
    if name.endswith(".euf") and not data.startswith(SFNT):
        raise BadFont(
            "EUDC.EUF は形式が公開されていないため読みません。同じフォルダの EUDC.TTE を渡してください。",
            "The layout of EUDC.EUF is not documented; hand in EUDC.TTE from the same folder.",
        )


def _patterns(form: Format, unit: Unit, patterns: dot_patterns.Patterns) -> GlyphSource:
    glyphs = tuple(
        SourceGlyph(key, unit, bitmap, name)
        for key, (bitmap, name) in sorted(patterns.glyphs.items())
    )
    return GlyphSource(
        form, glyphs, cell=patterns.cell, family=patterns.family, findings=patterns.findings
    )


# --- TrueType and OpenType


def _truetype(data: bytes) -> GlyphSource:
    _check_tables(data)
    face = hb.Face(hb.Blob(data))
    font = hb.Font(face)
    private = sorted(c for c in face.unicodes if any(c in area for area in PRIVATE))
    if not private:
        raise BadFont(
            "私用領域（U+E000～F8FF、第15・16面）に字形のないフォントです。外字フォントを渡してください。",
            "The font has no glyph at a private-use code point (U+E000-F8FF, planes 15 and 16); "
            "hand in the font that holds the gaiji.",
        )
    glyphs = tuple(_code_point(font, code_point) for code_point in private)
    if all(is_empty(glyph.glyph) for glyph in glyphs):
        raise BadFont(
            "私用領域の字形がすべて空白です。フォントが壊れていないか、元のファイルを確かめてください。",
            "Every glyph at a private-use code point is blank; check whether the font is damaged.",
        )
    return GlyphSource("truetype", glyphs, em_units=face.upem, family=_family(face))


def _family(face: hb.Face) -> str:
    return face.get_name(hb.OTNameIdPredefined.FONT_FAMILY) or ""


def _code_point(font: hb.Font, code_point: int) -> SourceGlyph:
    index = font.get_nominal_glyph(code_point) or 0
    outline = read_outline(font, index)
    if sum(map(len, outline.contours)) > LARGEST_OUTLINE:
        raise BadFont(
            f"U+{code_point:04X} の輪郭の点が{LARGEST_OUTLINE}を超えています。"
            "外字フォントを作り直してください。",
            f"The outline of U+{code_point:04X} has more than {LARGEST_OUTLINE} segments; "
            "make the gaiji font again.",
        )
    try:
        name = font.get_glyph_name(index)
    except UnicodeDecodeError:  # a damaged post table: the glyph itself can be read
        name = None
    return SourceGlyph(code_point, "code-point", outline, name or f"uni{code_point:04X}")


def _check_tables(data: bytes) -> None:
    """Refuse a font that lacks bytes or tables; HarfBuzz would read it as one without glyphs."""
    tables: dict[bytes, memoryview] = {}
    if len(data) < 12:
        raise _truncated(len(data))
    count = int.from_bytes(data[4:6], "big")
    if len(data) < 12 + 16 * count:
        raise _truncated(len(data))
    for tag, offset, length in struct.iter_unpack(">4s4xII", data[12 : 12 + 16 * count]):
        if offset + length > len(data):
            raise _truncated(len(data))
        tables[tag] = memoryview(data)[offset : offset + length]
    if missing := {b"head", b"maxp", b"cmap", b"hhea", b"hmtx"} - tables.keys():
        raise _damaged(b" ".join(sorted(missing)).decode())
    if b"glyf" in tables and b"loca" in tables:
        _check_places(tables)
    elif b"CFF " not in tables and b"CFF2" not in tables:
        raise BadFont(
            "輪郭のないフォント（ビットマップのみ、または壊れたフォント）です。輪郭のある外字フォントを渡してください。",
            "The font has no outlines (glyf or CFF); hand in a gaiji font with outlines.",
        )


def _check_places(tables: dict[bytes, memoryview]) -> None:
    """Check that loca has a place for every glyph, and that glyf reaches as far."""
    head, maxp, loca = tables[b"head"], tables[b"maxp"], tables[b"loca"]
    if len(head) < 54:
        raise _damaged("head")
    if len(maxp) < 6:
        raise _damaged("maxp")
    size = 4 if head[51] else 2
    last = size * int.from_bytes(maxp[4:6], "big")
    if len(loca) < last + size:
        raise _damaged("loca")
    end = int.from_bytes(loca[last : last + size], "big") * (1 if size == 4 else 2)
    if end > len(tables[b"glyf"]):
        raise _damaged("glyf")


def _truncated(size: int) -> BadFont:
    return BadFont(
        "フォントが途中で切れています。元のファイルを複写し直してください。",
        "The font is cut off; copy the original file again.",
        where=Where(byte_offset=size),
    )


def _damaged(tables: str) -> BadFont:
    return BadFont(
        f"フォントが壊れています（表 {tables} がないか不足）。元のファイルを複写し直してください。",
        f"The font is damaged (table {tables} missing or short); copy the original file again.",
    )
