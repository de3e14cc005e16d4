"""Loading the reference set; the limit is a bare executemany or COPY of the very rows it wrote."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Engine

from benchmarks.harness import Figure, Race, Section, seconds_text
from benchmarks.world import ACTOR, World, opened, postgresql, remove, set_up
from gaiji.registry import db, reference
from gaiji.registry.tables import Base

SQLITE, POSTGRESQL = "reference load, SQLite", "reference load, PostgreSQL"
BARE_SQLITE, BARE_COPY = "bare executemany, SQLite", "bare COPY, PostgreSQL"
Rows = dict[str, list[tuple[Any, ...]]]


def measure(world: World) -> Section:
    rows = _rows(world.loaded)
    total = sum(map(len, rows.values()))
    race = Race(warm=False)
    with postgresql(world.folder) as new_database:

        @contextmanager
        def empty_sqlite() -> Iterator[Engine]:
            file = world.new_file()
            with opened(file) as engine:
                set_up(engine)
                yield engine
            remove(file)

        @contextmanager
        def empty_postgresql() -> Iterator[Engine]:
            engine = db.connect(new_database())
            set_up(engine)
            yield engine
            engine.dispose()

        race.add(SQLITE, _load, empty_sqlite)
        race.add(BARE_SQLITE, lambda engine: _executemany(engine, rows), empty_sqlite)
        race.add(POSTGRESQL, _load, empty_postgresql)
        race.add(BARE_COPY, lambda engine: _copy(engine, rows), empty_postgresql)
        taken = race.run()
    figures = tuple(
        Figure(name, taken[name], total, "rows", peer)
        for name, peer in (
            (SQLITE, BARE_SQLITE),
            (BARE_SQLITE, None),
            (POSTGRESQL, BARE_COPY),
            (BARE_COPY, None),
        )
    )
    shipped = sum(
        file.stat().st_size for file in Path(reference.__file__).parents[2].glob("data/mj/*.xz")
    )
    load = seconds_text(figures[0].median)
    return Section(
        figures,
        (
            f"{total:,} rows of six datasets, of which 59,161 characters; {shipped / 1e6:.2f} MB as shipped. The "
            "load includes unpacking, checking the digests and writing the journal; the bare limit gets the "
            "rows ready-made, the same indexes, one transaction and the same durability.",
            f"Once per registry, whatever the number of members: {load} for 1 city and for 1,741 alike.",
        ),
        f"基準文字集合({total:,} 行)の読込みは SQLite で {load}、PostgreSQL で "
        f"{seconds_text(figures[2].median)}。台帳につき一度だけで、構成市の数によらない。",
    )


def _load(engine: Engine) -> None:
    with db.writing(engine) as session:
        reference.load(session, ACTOR)


def _rows(file: Path) -> Rows:
    """Return the rows of every table the load writes but the journal, parents first."""
    connection = sqlite3.connect(file)
    found = {
        table.name: connection.execute(f'SELECT * FROM "{table.name}"').fetchall()
        for table in Base.metadata.sorted_tables
        if table.name not in SET_UP
    }
    connection.close()
    return {name: rows for name, rows in found.items() if rows}


SET_UP = ("registry", "journal")
"""Tables that setting a registry up fills already."""


def _executemany(engine: Engine, rows: Rows) -> None:
    with db.writing(engine) as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        for name, some in rows.items():
            marks = ", ".join("?" * len(some[0]))
            raw.executemany(f'INSERT INTO "{name}" VALUES ({marks})', some)


def _copy(engine: Engine, rows: Rows) -> None:
    with db.writing(engine) as session:
        raw = session.connection().connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        with raw.cursor() as cursor:
            for name, some in rows.items():
                with cursor.copy(f'COPY "{name}" FROM STDIN') as copy:
                    for row in some:
                        copy.write_row(row)
