"""Migrations go up, down and up again, and agree with the models, on both databases."""

import pytest
from sqlalchemy import Engine, inspect

from gaiji.errors import SchemaMismatch
from gaiji.registry import db, schema
from gaiji.settings import Settings


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


def test_sqlite_keeps_what_is_acknowledged(tmp_path: object) -> None:
    engine = db.connect(Settings(database=f"sqlite:///{tmp_path}/a.db"))
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    engine.dispose()
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
