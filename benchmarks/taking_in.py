"""Taking in one city: 1,500 glyphs with list and CS-server table; the limit is reading the font and no more."""

from __future__ import annotations

import io
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uharfbuzz as hb
from fontTools.pens.recordingPen import RecordingPen
from fontTools.ttLib import TTFont
from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, seconds_text
from benchmarks.world import ACTOR, World, opened
from gaiji.charset.tables import read_cs_table, read_list
from gaiji.demo import sheets
from gaiji.demo.characters import Pool, fill
from gaiji.demo.council import CodeSetPlan
from gaiji.demo.drawing import Originals, designed
from gaiji.demo.generate import SEED
from gaiji.glyph.build import build_truetype
from gaiji.glyph.donors import Donor
from gaiji.glyph.forms import parse_canonical
from gaiji.glyph.reference import reference_font
from gaiji.glyph.sources import parse_source, read_source
from gaiji.registry import db, decisions, intake, members

ADDRESS, GLYPHS = "252069/juki", 1_500
TAKE_IN, DRY = "import: font, list, CS table", "the same with --dry-run"
SANDBOX, HERE = "font in the limited child process", "font in this process"
BARE, FONTTOOLS = "bare uharfbuzz", "fontTools"
TABLES, DECIDE = "both tables alone", "decide by policy exact-mj-name"


def city(world: World) -> intake.Files:
    """Return what a city with 1,500 gaiji hands in, made as the demo makes it."""
    plan = CodeSetPlan(
        ADDRESS, "住民記録", "住民記録系", "cp932", GLYPHS, columns="mj", told=0.95, cs_table=True
    )
    originals = Originals(Donor(world.fonts), reference_font(world.settings))
    pool = Pool(SEED, originals)
    slots = [slot for slot in fill(plan, pool, SEED) if slot.shape.recipe is None]
    random.Random(SEED).shuffle(slots)
    slots = sorted(slots, key=lambda slot: slot.code)
    images = {plan.charset.image_of(slot.code) or 0: slot for slot in slots if slot.drawn}
    font = build_truetype(
        {
            image: (f"uni{image:04X}", designed(originals.any(slot.shape.like), plan.design))
            for image, slot in images.items()
        },
        family="Benchmark EUDC",
        em_units=1024,
    )
    return intake.Files(
        font=("EUDC.TTE", font),
        table=("list.csv", sheets.city_list(plan, slots, SEED)),
        cs_table=("cs.csv", sheets.cs_table(plan, slots, pool.rows, SEED)),
    )


def measure(world: World) -> Section:
    files = city(world)
    assert files.font is not None
    assert files.table is not None
    assert files.cs_table is not None
    font, (list_name, list_data), (cs_name, cs_data) = files.font[1], files.table, files.cs_table
    plan = CodeSetPlan(ADDRESS, "", "", "cp932", GLYPHS, columns="mj")
    settings = world.settings

    registered, taken_in = world.copy(world.loaded), world.new_file()
    with opened(registered) as engine, db.writing(engine) as session:
        members.add_member(session, ACTOR, "252069", "草津市")
        members.add_code_set(
            session, ACTOR, ADDRESS, charset_name="cp932", system="住民記録", group="住民記録系"
        )
    shutil.copyfile(registered, taken_in)
    with opened(taken_in) as engine, db.writing(engine) as session:
        intake.take_in(session, ACTOR, ADDRESS, files, settings)
        decisions.switch_policy(session, ACTOR, "exact-mj-name", True)

    @contextmanager
    def at(file: Path) -> Iterator[Session]:
        parse_canonical.cache_clear()  # a city's glyphs are new to the process
        with world.copied(file) as engine, db.writing(engine) as session:
            yield session

    def take_in(session: Session) -> None:
        intake.take_in(session, ACTOR, ADDRESS, files, settings)
        session.commit()

    def decide(session: Session) -> None:
        decisions.decide_by_policy(session, ACTOR, ADDRESS, "exact-mj-name")
        session.commit()

    def tables(_: None) -> None:
        read_list(list_data, list_name, plan.charset)
        read_cs_table(cs_data, cs_name, plan.charset)

    race = Race()
    race.add(TAKE_IN, take_in, lambda: at(registered))
    race.add(
        DRY,
        lambda session: intake.take_in(session, ACTOR, ADDRESS, files, settings, dry_run=True),
        lambda: at(registered),
    )
    race.add(TABLES, tables)
    race.add(SANDBOX, lambda _: read_source(font, "EUDC.TTE", settings=settings))
    race.add(HERE, lambda _: parse_source(font, "EUDC.TTE"))
    race.add(BARE, lambda _: _harfbuzz(font))
    race.add(FONTTOOLS, lambda _: _fonttools(font))
    race.add(DECIDE, decide, lambda: at(taken_in))
    taken = race.run()
    glyphs = _harfbuzz(font)
    peers = {TAKE_IN: BARE, SANDBOX: BARE, HERE: BARE, FONTTOOLS: BARE}
    figures = tuple(
        Figure(name, runs, glyphs, "codes" if name == DECIDE else "glyphs", peers.get(name))
        for name, runs in taken.items()
    )
    each = sum(figure.median for figure in figures if figure.name in (TAKE_IN, DECIDE))
    return Section(
        figures,
        (
            f"{glyphs:,} glyphs, {len(font) / 1e3:.0f} kB. An import reads the font in a limited child process, "
            "gives every glyph its canonical form and sha256, looks up the evidence of every row and keeps "
            "everything in one transaction.",
            f"One code set of this size, taken in and decided: {seconds_text(each)}. Eight cities with two each: "
            f"{seconds_text(16 * each)}. All 1,741 municipalities with one each (extrapolated, one after "
            f"another on one core): {seconds_text(1741 * each)}.",
        ),
        f"外字 {glyphs:,} 字のフォント・一覧・CS表の受入れと方針による決定は {seconds_text(each)}"
        f"(8市×2セットで {seconds_text(16 * each)}、1,741団体は外挿で {seconds_text(1741 * each)})。",
    )


def _harfbuzz(data: bytes) -> int:
    """Draw every glyph of a font's cmap into nothing but a list; return how many."""
    font = hb.Font(hb.Face(data))
    functions = hb.DrawFuncs()
    points: list[tuple[float, ...]] = []
    functions.set_move_to_func(lambda x, y, _: points.append((x, y)))
    functions.set_line_to_func(lambda x, y, _: points.append((x, y)))
    functions.set_quadratic_to_func(lambda a, b, x, y, _: points.append((a, b, x, y)))
    functions.set_cubic_to_func(lambda a, b, c, d, x, y, _: points.append((a, b, c, d, x, y)))
    functions.set_close_path_func(lambda _: None)
    code_points = font.face.unicodes
    for code_point in code_points:
        font.draw_glyph(font.get_nominal_glyph(code_point) or 0, functions, None)
    return len(code_points)


def _fonttools(data: bytes) -> None:
    font = TTFont(io.BytesIO(data))
    glyphs = font.getGlyphSet()
    for name in font.getBestCmap().values():
        glyphs[name].draw(RecordingPen())
