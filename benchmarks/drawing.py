"""Pictures a second: PNG and SVG of reference and local glyphs; the peers are bare Pillow and fontTools."""

from __future__ import annotations

import io

from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.ttLib import TTFont
from PIL import Image, ImageFont
from sqlalchemy import select

from benchmarks.harness import Figure, Race, Section, number_text, seconds_text
from benchmarks.world import World
from gaiji.data import MjRow, read
from gaiji.glyph.draw import png, svg
from gaiji.glyph.forms import Glyph, parse_canonical
from gaiji.glyph.reference import reference_font
from gaiji.registry.characters import glyph_form
from gaiji.registry.tables import GlyphUse

SIZE_PX, INNER_PX, MANY = 96, 84, 500
PNG, SVG = f"PNG {SIZE_PX} px, reference glyphs", "SVG, reference glyphs"
LOCAL_PNG, LOCAL_SVG = f"PNG {SIZE_PX} px, a city's glyphs", "SVG, a city's glyphs"
MASK, PILLOW = "bare Pillow mask by text", "bare Pillow mask and PNG by text"
PEN = "fontTools SVG path by name"


def measure(world: World) -> Section:
    font = reference_font(world.settings)
    rows = [row for row in read(MjRow) if row.own_ucs][:: 52_607 // MANY][:MANY]
    local = _local(world)
    bare = ImageFont.truetype(font.path, INNER_PX, layout_engine=ImageFont.Layout.BASIC)
    glyphs = TTFont(font.path, lazy=True).getGlyphSet()
    chars = [row.own_ucs or "" for row in rows]
    names = [row.name for row in rows]
    race = Race()
    race.add(PNG, lambda _: [png(font.glyph(name), SIZE_PX) for name in names])
    race.add(LOCAL_PNG, lambda _: [png(_fresh(form), SIZE_PX) for form in local])
    race.add(PILLOW, lambda _: [_pillow(bare, char) for char in chars])
    race.add(MASK, lambda _: [bare.getmask(char) for char in chars])
    race.add(SVG, lambda _: [svg(font.glyph(name)) for name in names])
    race.add(LOCAL_SVG, lambda _: [svg(_fresh(form)) for form in local])
    race.add(PEN, lambda _: [_pen(glyphs, name.lower()) for name in names])
    taken = race.run()
    peers = {PNG: PILLOW, LOCAL_PNG: PILLOW, SVG: PEN, LOCAL_SVG: PEN}
    work = {name: len(local) if "city" in name else len(rows) for name in taken}
    figures = tuple(
        Figure(name, runs, work[name], "glyphs", peers.get(name)) for name, runs in taken.items()
    )
    known = {figure.name: figure for figure in figures}
    every = 59_161 / known[PNG].rate
    page = 100 / known[LOCAL_PNG].rate
    return Section(
        figures,
        (
            f"{MANY:,} glyphs a run, drawn anew each time: no cache takes part. The bare mask is FreeType's, of the "
            "same characters by text, without margin, place and PNG; gaiji draws by name, so that all 59,161 "
            "can be drawn.",
            f"A page of 100 of a city's glyphs as PNG: {seconds_text(page)}; eight cities' 9,000-odd: "
            f"{seconds_text(9_000 / known[LOCAL_PNG].rate)}; the whole reference set: {seconds_text(every)}. "
            f"1,741 municipalities with 842 each (extrapolated, one core): "
            f"{seconds_text(1741 * 842 / known[LOCAL_PNG].rate)}, once: pictures are kept by digest.",
        ),
        f"見本は PNG {number_text(known[PNG].rate)} 字/秒(素の Pillow の "
        f"{known[PNG].rate / known[PILLOW].rate:.2g} 倍)、SVG {number_text(known[SVG].rate)} 字/秒。",
    )


def _local(world: World) -> list[bytes]:
    """Return the canonical forms of a city's glyphs, as the registry keeps them."""
    with world.session() as session:
        digests = session.scalars(select(GlyphUse.glyph).distinct().order_by(GlyphUse.glyph))
        return [glyph_form(session, digest) for digest in list(digests)[::3][:MANY]]


def _fresh(form: bytes) -> Glyph:
    """Return a glyph read from its canonical form, not from the cache of those read before."""
    return parse_canonical.__wrapped__(form)


def _pillow(font: ImageFont.FreeTypeFont, char: str) -> bytes:
    mask = font.getmask(char)
    out = io.BytesIO()
    Image.frombytes("L", mask.size, bytes(mask)).save(out, "PNG", compress_level=6)
    return out.getvalue()


def _pen(glyphs: object, name: str) -> str:
    pen = SVGPathPen(glyphs)
    glyphs[name].draw(pen)  # type: ignore[index]
    return str(pen.getCommands())
