"""What people wait for: FIT&GAP of a city, and searching characters by reading, parts and text."""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, seconds_text
from benchmarks.world import World
from gaiji.registry import reference
from gaiji.registry.reference import CharacterQuery, parts
from gaiji.report import tables
from gaiji.report.fitgap import measure as fitgap

MEMBER = "252093"
FITGAP, TEXT = "FIT&GAP of one city against MJ", "the same against the shared table, as text"
FIRST_PARTS = "search by parts 辶自, index built anew"
SEARCHES = {
    "search by reading わたなべ": CharacterQuery(reading="ワタナベ"),
    "search by parts 辶自": CharacterQuery(parts="辶自"),
    "search by string 渡邉": CharacterQuery(q="渡邉"),
    "search by strokes and radical": CharacterQuery(strokes="17-19", radical="162"),
    "search by Juki code": CharacterQuery(juki="J+9089"),
    "characters one member uses": CharacterQuery(member=MEMBER),
}
TIMES = 2


def _search(session: Session, query: CharacterQuery, _: None) -> None:
    for _turn in range(TIMES):
        reference.search(session, query)


def measure(world: World) -> Section:
    race = Race()
    with world.session() as session:
        codes = fitgap(session, MEMBER).total.codes
        race.add(FITGAP, lambda _: fitgap(session, MEMBER))
        race.add(TEXT, lambda _: tables.as_text(fitgap(session, MEMBER, against="table")))

        def rebuilt(_: None) -> None:
            parts._INDEX.clear()
            reference.search(session, SEARCHES["search by parts 辶自"])

        race.add(FIRST_PARTS, rebuilt)
        for name, query in SEARCHES.items():
            race.add(name, partial(_search, session, query))
        taken = race.run()
    figures = tuple(
        Figure(name, tuple(one / (TIMES if name in SEARCHES else 1) for one in runs))
        for name, runs in taken.items()
    )
    known = {figure.name: figure for figure in figures}
    slowest = max((known[name] for name in SEARCHES), key=lambda figure: figure.median)
    once = known[FITGAP].median
    return Section(
        figures,
        (
            f"FIT&GAP of {codes:,} codes in two code sets, everything read from the database; searches give a page "
            "of 100 characters with all their numbers. The index of parts is built once per process.",
            f"FIT&GAP of all eight cities: {seconds_text(8 * once)}; of 47 cities (extrapolated): "
            f"{seconds_text(47 * once)}; of 1,741 (extrapolated): {seconds_text(1741 * once)}. Searches ask "
            "the reference set, which is the same for every council.",
        ),
        f"1市の FIT&GAP({codes:,} 字)は {seconds_text(once)}。検索は最も遅いもの({slowest.name.split(' by ')[-1]})で "
        f"{seconds_text(slowest.median)}。",
    )
