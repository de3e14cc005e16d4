"""A registry on a real database: the reference data is loaded once, every test gets a copy of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, StaticPool, create_engine
from sqlalchemy.orm import Session

from gaiji.registry import db, journal, reference, tables
from gaiji.registry.journal import Actor
from gaiji.settings import Settings
from tests.council import Council

ACTOR = Actor("test", "operator")


def make_registry(url: str) -> Engine:
    """Create an empty registry at a database address, SQLite or PostgreSQL."""
    engine = db.connect(Settings(database=url))
    tables.Base.metadata.create_all(engine)
    with db.writing(engine) as session:
        journal.create(session, ACTOR, "OM")
    return engine


@pytest.fixture(scope="session")
def loaded_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file with the whole reference data; nothing is ever committed to it."""
    file = tmp_path_factory.mktemp("registry") / "loaded.db"
    engine = make_registry(f"sqlite:///{file}")
    with db.writing(engine) as session:
        reference.load(session, ACTOR)
    engine.dispose()
    assert not file.with_name("loaded.db-wal").exists()
    return file


@pytest.fixture
def empty_engine(tmp_path: Path) -> Iterator[Engine]:
    """A registry in which nothing is loaded."""
    engine = make_registry(f"sqlite:///{tmp_path / 'empty.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def engine(loaded_file: Path, tmp_path: Path) -> Iterator[Engine]:
    """A registry with the reference data, for tests that commit."""
    shutil.copyfile(loaded_file, tmp_path / "gaiji.db")
    engine = db.connect(Settings(database=f"sqlite:///{tmp_path / 'gaiji.db'}"))
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_engine(loaded_file: Path) -> Iterator[Engine]:
    engine = db.connect(Settings(database=f"sqlite:///{loaded_file}"))
    yield engine
    engine.dispose()


@pytest.fixture
def session(shared_engine: Engine) -> Iterator[Session]:
    """A session with the reference data that may write; all is rolled back, so never commit in it."""
    with Session(shared_engine.execution_options(writes=True)) as session:
        yield session


@pytest.fixture
def council(session: Session, tmp_path: Path) -> Council:
    """Short ways to fill the registry of `session`."""
    return Council(session, Settings(home=tmp_path))


@pytest.fixture(scope="session")
def memory() -> Iterator[Engine]:
    """An empty database in memory, for properties of single functions."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    tables.Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def actor() -> Actor:
    return ACTOR
