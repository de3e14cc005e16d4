"""Publishing: the demo's eight cities, what it costs as members grow, and replaying the whole journal."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, line_through, seconds_text, timed
from benchmarks.world import ACTOR, World, opened, remove
from gaiji.charset.charsets import charset
from gaiji.data import MjRow, read
from gaiji.glyph.build import build_fontx2
from gaiji.glyph.donors import Donor
from gaiji.glyph.draw import dots
from gaiji.registry import (
    characters,
    db,
    decisions,
    intake,
    journal,
    members,
    releases,
    replay,
    schema,
    tables,
)

EIGHT, NOTHING, HASH = (
    "publish, 8 cities, 16 code sets",
    "publish again, nothing new",
    "bare sha256",
)
ONE_CODE, REPLAY = "publish again, one code decided", "replay of the demo's journal"
SIZES, LAST = (1, 8, 47), 1_741
CODES = 842
"""Gaiji of a municipality: the average of the national survey of 2011-12."""
GROWTH = "{:,} members x {:,} codes, first release"
CHANGED = "{:,} members, one code changed"


def measure(world: World) -> Section:
    race = Race()
    race.add(EIGHT, _publish, lambda: world.copied(world.unpublished))
    published = world.copy(world.unpublished)
    with opened(published) as engine:
        _publish(engine)
    race.add(NOTHING, _publish, lambda: world.copied(published))
    race.add(ONE_CODE, _publish, lambda: _changed(world, published, "252069/juki"))
    rows = _rows_as_text(published)
    race.add(HASH, lambda _: sha256(rows).hexdigest())
    taken = race.run()
    peers = {EIGHT: HASH, ONE_CODE: EIGHT, NOTHING: EIGHT}
    figures = [Figure(name, taken[name], peer=peers.get(name)) for name in taken]
    figures.append(_replay(world))
    grown = _growth(world)
    figures += [figure for pair in grown.values() for figure in pair]
    first, again = (
        line_through([(size, pair[place].median) for size, pair in grown.items()])
        for place in (0, 1)
    )
    whole, change = (start + slope * LAST for start, slope in (first, again))
    largest = max(grown)
    return Section(
        tuple(figures),
        (
            f"{len(rows) / 1e6:.2f} MB of semantic rows are hashed; everything else is reading the tables and "
            "writing the intervals. A release keeps what an unchanged code set had, so that later releases "
            "cost what changed.",
            f"Growth, every member with {CODES} codes and glyphs in one code set: "
            + ", ".join(f"{size:,}: {seconds_text(pair[0].median)}" for size, pair in grown.items())
            + ".",
            f"**Extrapolated**, from a line through the sizes measured (largest {largest}): {LAST:,} "
            f"municipalities would publish their first release ({LAST * CODES:,} codes) in {seconds_text(whole)}, "
            f"and one with a single change in {seconds_text(change)}.",
            "The replay starts from an empty database: every blob, every entry, every release digest compared.",
        ),
        f"8市16セットの公布は {seconds_text(figures[0].median)}、履歴全体の再生は "
        f"{seconds_text(figures[4].median)}。{largest} 団体の初回公布は "
        f"{seconds_text(grown[largest][0].median)}、1,741団体は外挿で {seconds_text(whole)}。",
    )


def _publish(engine: Engine) -> None:
    with db.writing(engine) as session:
        releases.publish(session, ACTOR)


@contextmanager
def _changed(world: World, published: Path, address: str) -> Iterator[Engine]:
    """Give a copy in which the meaning of one code was decided anew."""
    with world.copied(published) as engine:
        with db.writing(engine) as session:
            row = next(iter(releases.mapping(session, address, _latest(session)).rows))
            decisions.decide(
                session, ACTOR, address, row.code.hex().upper(), _other(row.character), "equivalent"
            )
        yield engine


def _latest(session: Session) -> tables.Release:
    return releases.find_release(session, "latest")


def _other(character: str) -> str:
    return "MJ026190" if character != "MJ026190" else "MJ030196"


def _rows_as_text(published: Path) -> bytes:
    """Return the semantic rows of a release as the bytes that are hashed."""
    with opened(published) as engine, db.reading(engine) as session:
        sets = _latest(session).manifest["code_sets"]
        return "".join(
            journal.canonical(meant.row()) + "\n"
            for address in sets
            for meant in characters.meanings(session, members.find_code_set(session, address), 1)
        ).encode()


def _replay(world: World) -> Figure:
    @contextmanager
    def empty() -> Iterator[Engine]:
        file = world.new_file()
        with opened(file) as engine:
            schema.upgrade(engine)
            yield engine
        remove(file)

    def again(engine: Engine) -> None:
        with world.session() as source, db.writing(engine) as target:
            replay.replay(source, target)

    race = Race(warm=False)
    race.add(REPLAY, again, empty)
    with world.session() as session:
        entries = releases.find_release(session, "latest").serial
    return Figure(REPLAY, race.run()[REPLAY], entries, "entries")


# --- growth


def _growth(world: World) -> dict[int, tuple[Figure, Figure]]:
    """Return, by number of members, the cost of a first release and of one with one change."""
    file = world.copy(world.loaded)
    rng = random.Random(CODES)
    rows = [row for row in read(MjRow) if row.juki]
    codes = list(charset("cp932").user_codes())[:CODES]
    font = _font(world, rng.sample(rows, CODES), codes)
    world.say(f"making {SIZES[-1]} synthetic members")
    found: dict[int, tuple[Figure, Figure]] = {}
    made = 0
    for size in SIZES:
        with opened(file) as engine:
            for number in range(made, size):
                names = [row.name for row in rng.sample(rows, CODES)]
                _add_member(engine, world, number, names, codes, font)
        made = size
        found[size] = _publish_grown(world, file, size)
    remove(file)
    return found


def _publish_grown(world: World, file: Path, size: int) -> tuple[Figure, Figure]:
    first, again = [], []
    for _ in range(5):
        copy = world.copy(file)
        with opened(copy) as engine:
            first.append(timed(_publish, engine))
        with _changed(world, copy, _address(size - 1)) as engine:
            again.append(timed(_publish, engine))
        remove(copy)
    return (
        Figure(GROWTH.format(size, CODES), tuple(first), size * CODES, "codes"),
        Figure(CHANGED.format(size), tuple(again)),
    )


def _address(number: int) -> str:
    """Return the code set of a synthetic member: a five-digit number with its check digit."""
    digits = f"{10_000 + number * 37:05}"
    total = sum(weight * int(digit) for weight, digit in zip((6, 5, 4, 3, 2), digits, strict=True))
    return f"{digits}{(11 - total % 11) % 10}/juki"


def _add_member(
    engine: Engine, world: World, number: int, names: list[str], codes: list[bytes], font: bytes
) -> None:
    address = _address(number)
    lines = [f"{code.hex().upper()},{name}" for code, name in zip(codes, names, strict=True)]
    listed = "\r\n".join(["外字コード,MJ文字図形名", *lines, ""]).encode("cp932")
    with db.writing(engine) as session:
        if number == 0:
            decisions.switch_policy(session, ACTOR, "exact-mj-name", True)
        members.add_member(session, ACTOR, address.partition("/")[0], f"構成市{number}")
        members.add_code_set(
            session, ACTOR, address, charset_name="cp932", system="住民記録", group="住民記録系"
        )
        files = intake.Files(font=("GAIJI.FNT", font), table=("list.csv", listed))
        intake.take_in(session, ACTOR, address, files, world.settings)
        decisions.decide_by_policy(session, ACTOR, address, "exact-mj-name")


def _font(world: World, rows: list[MjRow], codes: list[bytes]) -> bytes:
    donor = Donor(world.fonts)
    drawable = [row for row in rows if donor.has(row)]
    patterns = {
        int.from_bytes(code): dots(donor.outline(drawable[place % len(drawable)]), 24)
        for place, code in enumerate(codes)
    }
    return build_fontx2(patterns, family="SYNTH")
