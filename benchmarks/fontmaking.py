"""Gaiji fonts a second: TrueType, WOFF2 and dots from outlines; the peer is fontTools' own subset of IPAmj."""

from __future__ import annotations

import io

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

from benchmarks.harness import Figure, Race, Section, number_text, seconds_text
from benchmarks.world import World
from gaiji.data import MjRow, read
from gaiji.errors import Text
from gaiji.glyph.build import (
    FontFacts,
    FontGlyph,
    Licence,
    Provenance,
    build_dots,
    build_font,
    glyph_name,
)
from gaiji.glyph.forms import digest
from gaiji.glyph.reference import ReferenceFont, reference_font

MANY, DOTS = 1000, 48
TTE, WOFF2, BDF = "TrueType (.tte)", "WOFF2", f"BDF, {DOTS} dots"
SUBSET, PACKED = "fontTools subset of IPAmj", "fontTools subset of IPAmj, WOFF2"
PEERS = {TTE: SUBSET, WOFF2: PACKED, BDF: SUBSET}
NEEDS_DEMO = False
FACTS = FontFacts(
    Text("外字 計測 r1", "Gaiji Benchmark r1"),
    "release",
    1,
    "00" * 32,
    Licence("IPA", Text("計測用", "for measuring")),
    audience="public",
    outlines="ipamj",
)


def measure(world: World) -> Section:
    font = reference_font(world.settings)
    glyphs = _glyphs(font)
    names = [one.provenance.character.lower() for one in glyphs]
    race = Race()
    race.add(TTE, lambda _: build_font(glyphs, FACTS, "tte"))
    race.add(SUBSET, lambda _: _subset(font, names))
    race.add(WOFF2, lambda _: build_font(glyphs, FACTS, "woff2"))
    race.add(PACKED, lambda _: _subset(font, names, "woff2"))
    race.add(BDF, lambda _: build_dots(glyphs, FACTS, DOTS, numbers="point"))
    taken = race.run()
    figures = tuple(
        Figure(name, runs, MANY, "glyphs", PEERS.get(name)) for name, runs in taken.items()
    )
    known = {figure.name: figure for figure in figures}
    ratio = known[TTE].median / known[SUBSET].median
    sizes = {
        name: len(build_font(glyphs, FACTS, form))
        for name, form in ((TTE, "tte"), (WOFF2, "woff2"))
    }  # type: ignore[arg-type]
    return Section(
        figures,
        (
            f"{MANY:,} outlines of IPAmj as the registry keeps them, with names, provenance and licence; each is read "
            "back by HarfBuzz and compared outline by outline. fontTools takes the same glyphs out of "
            "the font file and compares nothing.",
            f"A font of {MANY:,} glyphs has {number_text(sizes[TTE] / 1000)} kB as TrueType and "
            f"{number_text(sizes[WOFF2] / 1000)} kB as WOFF2. All 6,400 code points a Windows gaiji font can have: "
            f"{seconds_text(6.4 * known[TTE].median)} (extrapolated).",
        ),
        f"外字フォントは {MANY:,} 字あたり TrueType {seconds_text(known[TTE].median)}"
        f"(fontTools の部分抽出の {ratio:.2g} 倍の時間)、WOFF2 {seconds_text(known[WOFF2].median)}、"
        f"BDF {seconds_text(known[BDF].median)}。",
    )


def _glyphs(font: ReferenceFont) -> list[FontGlyph]:
    rows = [row.name for row in read(MjRow) if row.own_ucs][:: 52_607 // MANY][:MANY]
    proof = Provenance("ipamj", "IPA", "", "public", "IPA")
    made = []
    for at, name in enumerate(rows):
        glyph = font.glyph(name)
        sha = digest(glyph)
        named = glyph_name(name, sha)
        made.append(FontGlyph(0xE000 + at, named, glyph, sha, proof._replace(character=name)))
    return made


def _subset(font: ReferenceFont, names: list[str], flavor: str | None = None) -> bytes:
    options = Options()
    options.notdef_outline = options.glyph_names = True
    options.layout_features, options.flavor = [], flavor
    subsetter = Subsetter(options)
    subsetter.populate(glyphs=names)
    opened = TTFont(font.path, lazy=True)
    subsetter.subset(opened)
    opened.flavor = flavor
    out = io.BytesIO()
    opened.save(out)
    return out.getvalue()
