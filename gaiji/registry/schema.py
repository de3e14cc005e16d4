"""The schema and its migrations, through Alembic (データベースの形式)."""

from __future__ import annotations

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from gaiji.errors import BadName, SchemaMismatch
from gaiji.registry.db import connect, translated
from gaiji.registry.tables import Base
from gaiji.settings import Settings, shipped


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    config.attributes["connection"] = connection
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the database to a revision, the newest where none is named."""
    with translated(), engine.execution_options(writes=True).begin() as connection:
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the database back to a revision; "base" removes every table. Raises BadName for another name."""
    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()]
    if revision not in ("base", *known):
        raise BadName(
            f"形式 {revision} はありません。base か {'・'.join(known)} にしてください。",
            f"There is no revision {revision}; take base or {', '.join(known)}.",
        )
    with translated(), engine.execution_options(writes=True).begin() as connection:
        command.downgrade(_config(connection), revision)


def revisions(engine: Engine) -> tuple[str | None, str | None]:
    """Return the database's revision and the program's."""
    with translated(), engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current, ScriptDirectory.from_config(_config()).get_current_head()


def check(engine: Engine) -> None:
    """Raise SchemaMismatch unless the database has this program's schema."""
    current, newest = revisions(engine)
    if current != newest:
        raise SchemaMismatch(
            f"データベースの形式は {current or '未初期化'}、このプログラムは {newest} です。"
            "gaiji db upgrade を実行してください。",
            f"The database has schema {current or 'none'}, this program needs {newest}; "
            "run gaiji db upgrade.",
        )


def differences(engine: Engine) -> list[object]:
    """Return where tables and models disagree; empty when they agree."""
    with translated(), engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))


def is_registry(settings: Settings) -> bool:
    """Tell whether the settings' database holds a registry already."""
    engine = connect(settings)
    try:
        return revisions(engine)[0] is not None
    finally:
        engine.dispose()
