"""What an edition says, written to the tables and read back from them (版の内容).

Rows go in by the thousand: executemany on SQLite, COPY on PostgreSQL, in the caller's transaction.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, cast

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji import data
from gaiji.registry import tables
from gaiji.registry.tables import Base, Edition, Json, ReferenceCharacter

KANA = "kana"
MOJI_JOHO, SVS = "Moji_Joho", "SVS"

_COLUMNS = tuple(column.name for column in ReferenceCharacter.__table__.columns)[2:-1]
_MORE = tuple(name for name in data.MjRow._fields if name not in (*_COLUMNS, "name"))
_GROUND_ORDER = {table: place for place, table in enumerate(data.GROUNDS)}
Row = TypeVar("Row", bound=tuple[Any, ...])
_TO_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}


def bulk(session: Session, table: type[Base], rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert many rows, each a tuple of all columns of the table in their order; JSON as text."""
    session.flush()
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    columns = [quote(column.name) for column in table.__table__.columns]
    into = f"{quote(table.__tablename__)} ({', '.join(columns)})"
    if connection.dialect.name == "postgresql":
        driver = cast(Any, connection.connection.driver_connection)
        with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    elif found := list(rows):
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {into} VALUES ({marks})", found)


def hiragana(reading: str) -> str:
    """Return a reading (読み) as it is looked up: full width, hiragana, without okurigana marks."""
    text = unicodedata.normalize("NFKC", reading).translate(_TO_HIRAGANA)
    return re.sub(r"[\s.()\-‐]", "", text)


@dataclass(frozen=True)
class Content:
    """What one list says (一覧の内容); sequences: those of a character beyond the first."""

    characters: Sequence[data.MjRow]
    readings: Sequence[data.ReadingRow] = ()
    radicals: Sequence[data.RadicalRow] = ()
    sequences: Sequence[data.SequenceRow] = ()
    more: dict[str, Json] = field(default_factory=dict)

    def rows(self) -> dict[str, Any]:
        """Return the rows in one order, whatever order the file had; order within a character stays."""
        return {
            "characters": sorted(self.characters, key=lambda row: row.name),
            "readings": sorted(self.readings, key=lambda row: row.name),
            "radicals": sorted(self.radicals, key=lambda row: row.name),
            "sequences": sorted(self.sequences),
        }


# --- writing


def _write_mj(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    first = {row.name: row.ivs for row in read["mj"]}
    further = [
        row
        for row in read["ivd"]
        if row.collection == MOJI_JOHO and row.code in first and first[row.code] != row.sequence
    ]
    write_list(session, edition, Content(read["mj"], read["readings"], read["radicals"], further))


def _write_kana(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    rows: list[data.KanaRow] = read["kana"]
    characters = [
        data.MjRow(row.name, row.char, row.char, koseki=row.koseki, remarks=row.remarks)
        for row in rows
    ]
    more = {
        row.name: {
            "unicode_name": row.unicode_name,
            "origin": row.origin,
            "academic_number": row.academic_number,
        }
        for row in rows
    }
    readings = [data.ReadingRow(row.name, sound) for row in rows for sound in row.sounds]
    write_list(session, edition, Content(characters, readings, more=more))


def write_list(session: Session, edition: Edition, content: Content) -> None:
    """Write a list into the tables; characters that are new become shared characters (共通文字)."""
    namespaces = {row.name[:2] for row in content.characters}
    query = select(tables.Character.id).where(tables.Character.namespace.in_(namespaces))
    known = set(session.scalars(query))
    serial, at = edition.serial, edition.id
    rows = sorted(content.characters, key=lambda row: row.name)
    bulk(
        session,
        tables.Character,
        [(r.name, r.name[:2], serial, None) for r in rows if r.name not in known],
    )
    bulk(session, tables.ReferenceCharacter, (_described(at, r, content.more) for r in rows))
    bulk(
        session,
        tables.Reading,
        ((at, n, place, r.reading, hiragana(r.reading)) for n, place, r in _each(content.readings)),
    )
    bulk(
        session,
        tables.Radical,
        ((at, n, place, r.radical, r.strokes) for n, place, r in _each(content.radicals)),
    )
    bulk(
        session,
        tables.Sequence,
        ((at, r.sequence, r.collection, r.code) for r in content.sequences),
    )


def _described(edition_id: int, row: data.MjRow, more: dict[str, Json]) -> tuple[Any, ...]:
    rest = {name: getattr(row, name) for name in _MORE} | more.get(row.name, {})
    said = {name: value for name, value in rest.items() if value is not None}
    columns = (getattr(row, name) for name in _COLUMNS)
    return (edition_id, row.name, *columns, json.dumps(said, ensure_ascii=False))


def _each(rows: Iterable[Any]) -> Iterable[tuple[str, int, Any]]:
    """Give each row its character and its place among the rows of that character."""
    places = defaultdict[str, int](int)
    for row in rows:
        yield row[0], places[row[0]], row
        places[row[0]] += 1


def _write_shrink(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    rows = sorted(read["shrink"], key=_best_first)
    bulk(
        session,
        tables.Reduction,
        (
            (edition.id, name, place, r.ucs, r.x0213, r.table, r.ground, r.rank, r.hops)
            for name, place, r in _each(rows)
        ),
    )


def _best_first(row: data.ShrinkRow) -> tuple[str, int, int, int]:
    return row.name, row.rank or 1000, _GROUND_ORDER[row.table], row.hops or 0


def _write_ivd(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    rows = ((edition.id, row.sequence, row.collection, row.code) for row in read["ivd"])
    bulk(session, tables.Sequence, rows)


def _write_svs(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    rows = ((edition.id, row.sequence, SVS, row.compatibility) for row in read["svs"])
    bulk(session, tables.Sequence, rows)


def _write_ids(session: Session, edition: Edition, read: dict[str, list[Any]]) -> None:
    rows = ((edition.id, n, place, r.regions, r.ids) for n, place, r in _each(read["ids"]))
    bulk(session, tables.Description, rows)


Writer = Callable[[Session, Edition, dict[str, list[Any]]], None]
WRITERS: Final[dict[str, Writer]] = {
    "MJ": _write_mj,
    KANA: _write_kana,
    "shrink": _write_shrink,
    "ivd": _write_ivd,
    "svs": _write_svs,
    "ids": _write_ids,
}


# --- reading back


def read_list(session: Session, edition: Edition) -> Content:
    """Return what the tables hold of a list, in the rows it was read from."""
    return Content(
        list(_characters(session, edition.id)),
        _rows(session, edition, data.ReadingRow, tables.Reading, ("character", "reading")),
        _rows(
            session,
            edition,
            data.RadicalRow,
            tables.Radical,
            ("character", "radical", "inner_strokes"),
        ),
        _rows(
            session,
            edition,
            data.SequenceRow,
            tables.Sequence,
            ("collection", "sequence", "meaning"),
        ),
    )


def _characters(session: Session, edition_id: int) -> Iterator[data.MjRow]:
    names = ("character", *_COLUMNS, "more")
    query = select(*(getattr(ReferenceCharacter, name) for name in names))
    for name, *values, more in session.execute(
        query.where(ReferenceCharacter.edition_id == edition_id)
    ):
        known = dict(zip(_COLUMNS, values, strict=True))
        yield data.MjRow(name, **known, **{key: more.get(key) for key in _MORE})


def _rows(
    session: Session, edition: Edition, row: type[Row], table: Any, columns: tuple[str, ...]
) -> list[Row]:
    query = select(*(getattr(table, name) for name in columns)).where(
        table.edition_id == edition.id
    )
    if hasattr(table, "position"):
        query = query.order_by(table.character, table.position)
    return [row(*found) for found in session.execute(query)]
