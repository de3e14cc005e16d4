"""TrueType tables of outlines and dot patterns (TrueTypeの組立て): what every font made here has in common.

The same glyphs and names give the same bytes: times are fixed, nothing depends on the machine.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib.tables._g_l_y_f import Glyph as TableGlyph
from fontTools.ttLib.tables._g_l_y_f import GlyphCoordinates
from fontTools.ttLib.tables.ttProgram import Program

from gaiji.glyph.forms import Glyph, Outline
from gaiji.glyph.truetype import TrueTypePoint, as_outline, points

EPOCH = 3_786_912_000
"""2024-01-01 in seconds since 1904: the time every font carries."""
ASCENT, DESCENT = 0.88, 0.12


def build_truetype(
    glyphs: Mapping[int, tuple[str, Glyph]],
    *,
    family: str,
    em_units: int = 1000,
    copyright: str = "",
    licence: str = "",
    licence_url: str = "",
    version: str = "1.000",
) -> bytes:
    """Return a plain TrueType font with a glyph (name, outline or bitmap) at each code point (簡易なフォント).

    Quadratic outlines in em_units stay exact; cubic ones are within 1/1000 em; a bitmap becomes its dots.
    Raises ValueError when two glyphs have one name or an outline leaves the format's 16 bits.
    """
    builder = assembled(glyphs, em_units)
    builder.font["head"].fontRevision = float(version)
    ascent, descent = round(em_units * ASCENT), -round(em_units * DESCENT)
    builder.setupOS2(
        sTypoAscender=ascent, sTypoDescender=descent, usWinAscent=ascent, usWinDescent=-descent
    )
    builder.setupNameTable(_names(family, copyright, licence, licence_url, version))
    builder.setupPost()
    out = io.BytesIO()
    builder.font.save(out)
    return out.getvalue()


def assembled(glyphs: Mapping[int, tuple[str, Glyph]], em_units: int) -> FontBuilder:
    """Return a font with outlines, widths and code points, and nothing else yet."""
    names = [name for name, _ in glyphs.values()]
    if len({".notdef", *names}) != len(names) + 1:
        raise ValueError("glyph names must differ from each other and from .notdef")
    ordered = sorted(glyphs.items())
    outlines = {name: as_outline(glyph, em_units) for _, (name, glyph) in ordered}
    outlines = {".notdef": Outline(em_units, em_units, ()), **outlines}
    table = {name: _table_glyph(outline, em_units) for name, outline in outlines.items()}
    metrics = {
        name: (
            round(outline.advance * em_units / outline.em_units),
            getattr(table[name], "xMin", 0),
        )
        for name, outline in outlines.items()
    }
    builder = FontBuilder(em_units, isTTF=True)
    builder.updateHead(created=EPOCH, modified=EPOCH)
    builder.font.recalcTimestamp = False
    builder.setupGlyphOrder(list(outlines))
    builder.setupCharacterMap({code_point: name for code_point, (name, _) in ordered})
    builder.setupGlyf(table)
    builder.setupHorizontalMetrics(metrics)
    builder.setupHorizontalHeader(
        ascent=round(em_units * ASCENT), descent=-round(em_units * DESCENT)
    )
    return builder


def _names(
    family: str, copyright: str, licence: str, licence_url: str, version: str
) -> dict[str, str]:
    given = {
        "copyright": copyright,
        "familyName": family,
        "styleName": "Regular",
        "uniqueFontIdentifier": f"{family} {version}",
        "fullName": family,
        "version": f"Version {version}",
        "psName": "".join(c for c in family if c.isascii() and c.isalnum()) or "Gaiji",
        "licenseDescription": licence,
        "licenseInfoURL": licence_url,
    }
    return {name: value for name, value in given.items() if value}


def _table_glyph(outline: Outline, em_units: int) -> TableGlyph:
    contours = points(outline, em_units / outline.em_units)
    flat: list[TrueTypePoint] = [point for contour in contours for point in contour]
    if any(not -32768 <= value <= 32767 for point in flat for value in point[:2]):
        raise ValueError("an outline leaves the 16 bits a TrueType coordinate has")
    glyph = TableGlyph()
    glyph.numberOfContours = len(contours)
    if contours:
        ends, end = [], -1
        for contour in contours:
            ends.append(end := end + len(contour))
        glyph.coordinates = GlyphCoordinates([point[:2] for point in flat])
        glyph.flags = bytearray(point.on for point in flat)
        glyph.endPtsOfContours = ends
        glyph.program = Program()
        glyph.program.fromBytecode(b"")
        glyph.recalcBounds(None)
    return glyph
