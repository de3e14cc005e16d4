"""Migrations go up, down and up again, and agree with the models, on both databases."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from gaiji.errors import SchemaMismatch
from gaiji.registry import db, journal, members, schema
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, Council


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


def test_sqlite_keeps_what_is_acknowledged(tmp_path: object) -> None:
    engine = db.connect(Settings(database=f"sqlite:///{tmp_path}/a.db"))
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
