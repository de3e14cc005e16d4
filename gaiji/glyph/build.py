"""Gaiji fonts (外字フォントの作成): TrueType, WOFF2 and dots, with where each glyph came from written beside them.

The same glyphs and facts give the same bytes: times are fixed, nothing depends on the machine but the compression of
WOFF2. Every TrueType font is read back by HarfBuzz, which did not write it, before anybody gets to see it.
"""

from __future__ import annotations

import io
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import uharfbuzz as hb
from fontTools.fontBuilder import FontBuilder
from fontTools.ttLib import TTFont, newTable
from fontTools.ttLib.tables.ttProgram import Program

from gaiji.errors import BadFont, Text
from gaiji.glyph.dots import RAW_DOTS, build_bdf, build_fontx2, build_raw
from gaiji.glyph.draw import dot_pattern
from gaiji.glyph.forms import Bitmap, Glyph, Outline, normal
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.sfnt import ASCENT, DESCENT, assembled, build_truetype
from gaiji.glyph.truetype import as_outline, from_points, points
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Numbers, Outlines, Scope

__all__ = [
    "FontFacts",
    "FontGlyph",
    "Licence",
    "Provenance",
    "as_woff2",
    "build_bdf",
    "build_dots",
    "build_font",
    "build_fontx2",
    "build_raw",
    "build_truetype",
    "font_em",
    "glyph_name",
    "provenance_file",
]

EUDC = range(0xE000, 0xF900)
"""The code points that Windows looks up in a gaiji font (EUDCCodeRange, Unicode=E000-F8FF)."""
LARGEST_EM, USUAL_EM = 16_384, 2048
PREVIEW_AND_PRINT = 4
UNHINTED = """
    PUSHW[ ] 511  SCANCTRL[ ]  PUSHB[ ] 4  SCANTYPE[ ]
    PUSHB[ ] 1 1  INSTCTRL[ ]
"""
"""Draw every stroke where it is: no dot is dropped at small sizes, no grid moves it.

FreeType leaves what has such a program alone; outlines without one it hints by itself.
"""
JAPANESE, ENGLISH = 0x411, 0x409
LISTED = 20
LONGEST_NAME = 54
"""Characters of a glyph's name before its digest: 63 in all."""


class Licence(NamedTuple):
    """Under what a font may be handed on (ライセンス): identifier, sentence, address, and the way to the original."""

    name: str
    text: Text
    url: str = ""
    way_back: Text = Text("", "")


class Provenance(NamedTuple):
    """Where one glyph came from (字形の出所), by what right it may be handed on, and what it stands for.

    source: `city` (codeset: whose; granted_by: the code set by whose word it is there), `hanazono` or `ipamj`.
    rights: the supplier's words; scope: how far they reach.
    code: the local code in hex in a code set's own font, else empty. character: empty where undecided.
    """

    source: Literal["city", "hanazono", "ipamj"]
    supplier: str
    rights: str
    scope: Scope
    licence: str | None = None
    codeset: str = ""
    code: str = ""
    character: str = ""
    granted_by: str = ""


class FontGlyph(NamedTuple):
    """One glyph of a font to be (フォントの字形). sha256: its digest; name: as `glyph_name` makes it."""

    code_point: int
    name: str
    glyph: Glyph
    sha256: str
    provenance: Provenance


class FontFacts(NamedTuple):
    """What a font says of itself (フォントの記載事項).

    family and full: names no other font has, full with what part it is (family where None). subject:
    `codeset:252069/juki`, `release` or `server:cs1`; digest: the release's; audience: who may have the font; findings:
    what is not in it, and why.
    """

    family: Text
    subject: str
    release: int
    digest: str
    licence: Licence
    audience: Scope = "member"
    outlines: Outlines = "own"
    code_page: int = 932
    findings: tuple[Finding, ...] = ()
    full: Text | None = None


def glyph_name(stands_for: str, digest: str) -> str:
    """Return a glyph's name in a font, `MJ026190.1a2b3c4d` or `L252069_juki_F040.1a2b3c4d` (字形名)."""
    named = f"L{stands_for}" if stands_for[:1].isdigit() else stands_for
    shown = re.sub("[^A-Za-z0-9_]", "_", named)
    if len(shown) > LONGEST_NAME:
        shown = f"{shown[: LONGEST_NAME - 9]}_{sha256(stands_for.encode()).hexdigest()[:8]}"
    return f"{shown}.{digest[:8]}"


def font_em(glyphs: Iterable[Glyph]) -> int:
    """Return the em in which every glyph is exact (共通の em): their least common multiple, or 2048 beyond 16,384.

    A dot pattern asks for a whole number of units a dot.
    """
    sizes = {g.em_units if isinstance(g, Outline) else max(g.width, g.height) for g in glyphs}
    em = math.lcm(*sizes)
    if em > LARGEST_EM:
        return USUAL_EM
    return em if em >= 1000 else em * math.ceil(1000 / em)


def as_built(glyph: Glyph, em_units: int) -> Outline:
    """Return the outline a font of this em holds of a glyph (収録される輪郭): scaled, rounded, without cubic curves."""
    outline = as_outline(glyph, em_units)
    scale = em_units / outline.em_units
    advance = round(outline.advance * em_units / outline.em_units)
    return from_points(points(outline, scale), em_units, advance)


def content_digest(glyphs: Sequence[FontGlyph], em_units: int) -> str:
    """Return the sha256 over what a font shows (内容の識別値): code points, names, glyph digests and em."""
    rows = [[g.code_point, g.name, g.sha256] for g in sorted(glyphs, key=lambda g: g.code_point)]
    return sha256(_canonical([em_units, rows])).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def provenance_file(glyphs: Sequence[FontGlyph], facts: FontFacts) -> bytes:
    """Return the JSON file that goes with a font (来歴ファイル), a `FontProvenanceShape`; the font holds its sha256."""
    rows = [
        {
            "code_point": f"U+{one.code_point:04X}",
            "name": one.name,
            "sha256": one.sha256,
            **{key: value or None for key, value in one.provenance._asdict().items()},
            "supplier": one.provenance.supplier,
            "rights": one.provenance.rights,
        }
        for one in sorted(glyphs, key=lambda g: g.code_point)
    ]
    told = {
        "subject": facts.subject,
        "family": facts.family._asdict(),
        "release": facts.release,
        "digest": facts.digest,
        "content": content_digest(glyphs, font_em(one.glyph for one in glyphs)),
        "audience": facts.audience,
        "outlines": facts.outlines,
        "licence": facts.licence.name,
        "licence_text": facts.licence.text._asdict(),
        "licence_url": facts.licence.url,
        "way_back": facts.licence.way_back._asdict(),
        "findings": [finding.stored() for finding in facts.findings],
        "glyphs": rows,
    }
    return (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()


def build_font(
    glyphs: Sequence[FontGlyph], facts: FontFacts, form: Literal["tte", "woff2"]
) -> bytes:
    """Return a font of gaiji (外字フォント): TrueType for Windows to link, or WOFF2 for browsers.

    Outlines are exact where `font_em` is a multiple of their em, else within 1/1000 em. Raises BadFont, with the list,
    for no glyph at all, two glyphs at one code point, `tte` with code points outside U+E000-F8FF, and outlines beyond
    the 16 bits a coordinate has.
    """
    _check(glyphs, form)
    ordered = sorted(glyphs, key=lambda one: one.code_point)
    em_units = font_em(one.glyph for one in ordered)
    named = {one.code_point: (one.name, one.glyph) for one in ordered}
    try:
        builder = assembled(named, em_units)
    except ValueError as error:
        wide = [one for one in ordered if _is_wide(one.glyph, em_units)]
        raise BadFont(
            f"輪郭が文字枠から大きくはみ出しているため、フォントにできません: {_listed(wide)}。字形を直してください。",
            f"Outlines reach too far beyond the em box for a font: {_listed(wide)}; mend these glyphs.",
        ) from error
    _dress(builder, ordered, facts, em_units)
    out = io.BytesIO()
    builder.font.save(out, reorderTables=True)
    data = out.getvalue()
    _read_back(data, ordered, em_units)
    return as_woff2(data) if form == "woff2" else data


def _check(glyphs: Sequence[FontGlyph], form: str) -> None:
    if not glyphs:
        raise BadFont(
            "フォントに入れる字形がありません。字形の受入れと利用条件を確かめてください。",
            "There is no glyph to put into a font; check which glyphs were taken in, and their rights.",
        )
    counts = Counter(one.code_point for one in glyphs)
    if twice := [one for one in glyphs if counts[one.code_point] > 1]:
        raise BadFont(
            f"一つの文字番号に字形が二つあります: {_listed(twice)}。外字領域の割当てを確かめてください。",
            f"Two glyphs stand at one code point: {_listed(twice)}; check the images of the areas.",
        )
    outside = [one for one in glyphs if one.code_point not in EUDC]
    if form == "tte" and outside:
        raise BadFont(
            f"{len(outside)} 字の文字番号が U+E000～F8FF の外にあり、Windows の外字フォントには入りません: "
            f"{_listed(outside)}。WOFF2 (--format woff2) なら作れます。",
            f"{len(outside)} code points lie outside U+E000-F8FF and cannot be in a Windows gaiji font: "
            f"{_listed(outside)}; WOFF2 (--format woff2) takes them.",
            code_points=[f"U+{one.code_point:04X}" for one in outside],
        )


def _listed(glyphs: Sequence[FontGlyph]) -> str:
    more = f" (+{len(glyphs) - LISTED})" if len(glyphs) > LISTED else ""
    return " ".join(f"U+{one.code_point:04X}" for one in glyphs[:LISTED]) + more


def _is_wide(glyph: Glyph, em_units: int) -> bool:
    outline = as_outline(glyph, em_units)
    scale = em_units / outline.em_units
    return any(
        abs(float(value)) * scale > 32767
        for contour in outline.contours
        for segment in contour
        for point in segment
        for value in point
    )


def _dress(
    builder: FontBuilder, glyphs: Sequence[FontGlyph], facts: FontFacts, em_units: int
) -> None:
    """Give a font what Windows, printers and browsers ask for beyond outlines: names, licence, vertical metrics."""
    font, code_points = builder.font, [one.code_point for one in glyphs]
    ascent, descent = round(em_units * ASCENT), -round(em_units * DESCENT)
    is_free = facts.audience == "public"
    builder.setupOS2(
        version=4,
        sTypoAscender=ascent,
        sTypoDescender=descent,
        usWinAscent=ascent,
        usWinDescent=-descent,
        fsType=0 if is_free else PREVIEW_AND_PRINT,
        fsSelection=1 << 6,
        achVendID="GAIJ",
        ulCodePageRange1=1 << 17,
        ulUnicodeRange2=(1 << 60 - 32 if min(code_points) in EUDC else 0)
        | (1 << 57 - 32 if max(code_points) > 0xFFFF else 0),
        usFirstCharIndex=min(min(code_points), 0xFFFF),
        usLastCharIndex=min(max(code_points), 0xFFFF),
    )
    glyf = font["glyf"]
    font["prep"] = prep = newTable("prep")
    prep.program = Program()
    prep.program.fromAssembly(UNHINTED)
    font["maxp"].maxStackElements = 2
    font["gasp"] = gasp = newTable("gasp")
    gasp.version, gasp.gaspRange = 1, {0xFFFF: 0x000F}
    builder.setupVerticalHeader(ascent=em_units // 2, descent=-(em_units - em_units // 2))
    metrics = {}
    for name in font.getGlyphOrder():
        top = getattr(glyf[name], "yMax", None)
        metrics[name] = em_units, 0 if top is None else ascent - top
    builder.setupVerticalMetrics(metrics)
    _name(font, glyphs, facts, em_units)
    builder.setupPost(underlinePosition=descent // 2, underlineThickness=max(1, em_units // 20))


def _name(font: TTFont, glyphs: Sequence[FontGlyph], facts: FontFacts, em_units: int) -> None:
    full = facts.full or facts.family
    said = "-".join(["Gaiji", *re.findall("[A-Za-z0-9]+", full.en)[1:]])
    content = content_digest(glyphs, em_units)
    proof = sha256(provenance_file(glyphs, facts)).hexdigest()
    suppliers = sorted({one.provenance.supplier for one in glyphs} - {""})
    made = Text(
        f"外字の共有台帳の版 {facts.release} ({facts.digest}) から作成。字形ごとの出所は来歴ファイル "
        f"(sha256 {proof}) にあります。",
        f"Made from release {facts.release} ({facts.digest}) of a shared gaiji registry. The origin of every "
        f"glyph is in the provenance file (sha256 {proof}).",
    )
    licence = facts.licence
    values: dict[int, Text] = {
        0: Text(*["; ".join(suppliers)] * 2),
        1: facts.family,
        2: Text("Regular", "Regular"),
        3: Text(*[f"gaiji:{facts.subject}:r{facts.release}:{content}"] * 2),
        4: full,
        5: Text(*[f"Version {facts.release}.000; release {facts.release} {facts.digest}"] * 2),
        6: Text(*[said] * 2),
        10: made,
        13: Text(
            *[f"{a} {b}".strip() for a, b in zip(licence.text, licence.way_back, strict=True)]
        ),
        14: Text(*[licence.url] * 2),
    }
    font["name"] = table = newTable("name")
    table.names = []
    for number, text in values.items():
        for language, value in ((ENGLISH, text.en), (JAPANESE, text.ja)):
            if value:
                table.setName(value, number, 3, 1, language)
    font["head"].fontRevision = float(min(facts.release, 32_767))


def _read_back(data: bytes, glyphs: Sequence[FontGlyph], em_units: int) -> None:
    """Hold a built font against what it was made of, by HarfBuzz. Raises BadFont."""
    font = hb.Font(hb.Face(hb.Blob(data)))
    wrong = []
    for one in glyphs:
        index = font.get_nominal_glyph(one.code_point) or 0
        found, meant = read_outline(font, index), as_built(one.glyph, em_units)
        if font.get_glyph_name(index) != one.name or normal(found) != normal(meant):
            wrong.append(one)
    if wrong:
        raise BadFont(
            f"作成したフォントの字形が台帳と一致しません: {_listed(wrong)}。このままお知らせください。",
            f"The font that was made does not hold the registry's glyphs: {_listed(wrong)}; please report this.",
        )


def as_woff2(data: bytes) -> bytes:
    """Return a TrueType font of `build_font`, and no other, as WOFF2 (ブラウザー用の圧縮): the bytes it makes."""
    font = TTFont(io.BytesIO(data), recalcTimestamp=False, recalcBBoxes=False)
    font.flavor = "woff2"
    out = io.BytesIO()
    font.save(out)
    return out.getvalue()


# --- dots


def dot_glyphs(glyphs: Iterable[FontGlyph], side: int) -> tuple[dict[int, Bitmap], list[FontGlyph]]:
    """Return the dot patterns of glyphs by code point, and the glyphs that have none at this size (ドットの字形)."""
    drawn: dict[int, Bitmap] = {}
    without: list[FontGlyph] = []
    for one in glyphs:
        pattern = dot_pattern(one.glyph, side)
        if pattern is None:
            without.append(one)
        else:
            drawn[one.code_point] = pattern
    return drawn, without


def build_dots(
    glyphs: Sequence[FontGlyph], facts: FontFacts, side: int, *, numbers: Numbers = "code"
) -> bytes:
    """Return a BDF font (ドットフォント) of 24, 32, 48 or 64 dots a side, for hosts and printers.

    numbers: what ENCODING holds, the city's local codes or code points. A dot pattern of another size is enlarged by a
    whole factor or left out, as `dot_glyphs` tells. Raises BadFont where nothing is left, for glyphs without a local
    code that are to be numbered by it, and for another number of dots.
    """
    _check(glyphs, "bdf")
    if side not in RAW_DOTS:
        offered = "、".join(map(str, RAW_DOTS))
        raise BadFont(
            f"1辺{side}点のフォントは作りません。{offered}点のいずれかを指定してください。",
            f"A font of {side} dots a side is not offered; say 24, 32, 48 or 64.",
        )
    without_code = [one for one in glyphs if not one.provenance.code]
    if numbers == "code" and without_code:
        raise BadFont(
            f"外字コードのない字形があります: {_listed(without_code)}。--numbers point で文字番号にしてください。",
            f"There are glyphs without a local code: {_listed(without_code)}; use --numbers point.",
        )
    patterns, _ = dot_glyphs(glyphs, side)
    if not patterns:
        raise BadFont(
            f"1辺{side}点にできる字形がありません。受け入れた字形と同じ点数か、その整数倍を指定してください。",
            f"No glyph can have {side} dots a side; ask for the size that was taken in, or a multiple of it.",
        )
    kept = {one.code_point: one for one in glyphs if one.code_point in patterns}
    keyed = {
        int(one.provenance.code, 16) if numbers == "code" else point: point
        for point, one in kept.items()
    }
    return build_bdf(
        {key: patterns[point] for key, point in keyed.items()},
        family=re.sub("[^A-Za-z0-9]+", "-", (facts.full or facts.family).en),
        hexadecimal=numbers == "code",
        names={key: kept[point].name for key, point in keyed.items()},
        properties={
            "COPYRIGHT": facts.licence.text.en,
            **({"LICENCE_URL": facts.licence.url} if facts.licence.url else {}),
            **({"WAY_BACK": facts.licence.way_back.en} if facts.licence.way_back.en else {}),
            "GAIJI_RELEASE": str(facts.release),
            "GAIJI_DIGEST": facts.digest,
            "GAIJI_SUBJECT": facts.subject,
        },
    )
