"""Migrations go up, down and up again, and agree with the models, on both databases."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from gaiji.errors import SchemaMismatch
from gaiji.glyph.build import build_bdf
from gaiji.glyph.forms import Bitmap
from gaiji.registry import db, intake, journal, members, schema
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council


def test_migrations_go_up_down_and_up(any_engine: Engine) -> None:
    schema.upgrade(any_engine)
    schema.check(any_engine)
    assert schema.differences(any_engine) == []
    schema.downgrade(any_engine, "base")
    assert inspect(any_engine).get_table_names() == ["alembic_version"]
    with pytest.raises(SchemaMismatch, match="db upgrade"):
        schema.check(any_engine)
    schema.upgrade(any_engine)
    assert schema.differences(any_engine) == []


def test_what_is_registered_stays_when_revision_two_comes_and_goes(
    any_engine: Engine, tmp_path: Path
) -> None:
    schema.upgrade(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
        council = Council(session, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.code_set("252069/juki")
        council.take_in("252069/juki", "外字コード\nF040\n")
    schema.downgrade(any_engine, "0001")
    schema.upgrade(any_engine)
    assert schema.differences(any_engine) == []
    with db.reading(any_engine) as session:
        (code_set,) = members.code_sets(session)
        assert members.code_set_shape(session, code_set).codes == 1


def test_every_code_set_gets_the_terms_that_its_own_imports_told(
    any_engine: Engine, tmp_path: Path
) -> None:
    """As a replay of the journal gives them; going back keeps one row for a glyph and file."""
    schema.upgrade(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
        council = Council(session, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.add(RITTO, "栗東市")
        font = build_bdf({0xF040: Bitmap(24, 24, b"\x0f" * 72)})
        for address, supplier in (("252069/juki", "甲社"), ("252085/zei", "乙社")):
            council.code_set(address)
            for rights in ("契約", "unknown"):
                files = intake.Files(("g.bdf", font), supplier=supplier, rights=rights)
                intake.take_in(session, ME, address, files, council.settings)
    query = text(
        "SELECT c.member, s.supplier, s.rights, s.scope, s.licence FROM glyph_sources s "
        "JOIN code_sets c ON c.id = s.code_set_id ORDER BY c.member"
    )
    with any_engine.connect() as connection:
        before = connection.execute(query).all()
    assert [tuple(row) for row in before] == [
        (KUSATSU, "甲社", "契約", "unknown", None),
        (RITTO, "乙社", "契約", "unknown", None),
    ]
    schema.downgrade(any_engine, "0003")
    with any_engine.connect() as connection:
        (kept,) = connection.execute(text("SELECT supplier, rights FROM glyph_sources")).all()
    assert tuple(kept) == ("甲社", "契約")
    schema.upgrade(any_engine)
    assert schema.differences(any_engine) == []
    with any_engine.connect() as connection:
        assert connection.execute(query).all() == before


def test_sqlite_keeps_what_is_acknowledged(tmp_path: object) -> None:
    engine = db.connect(Settings(database=f"sqlite:///{tmp_path}/a.db"))
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
