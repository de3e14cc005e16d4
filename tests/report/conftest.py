"""A small council: three members and a candidate, a handful of reference characters, no fonts."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gaiji.errors import language
from gaiji.registry import db, journal, schema
from gaiji.registry.tables import Character, Edition, ReferenceCharacter
from gaiji.settings import Settings
from tests.council import ME, Council

CHARACTERS = {
    "MJ026190": ("邉", "J+9089", 17),
    "MJ030196": ("﨑", "J+FA11", 11),
    "MJ000001": ("㐂", "J+3402", 6),
    "MJ000002": ("㐃", "J+3403", 5),
    "MJ000003": ("㐄", "J+3404", 3),
}


def seed_reference(session: Session) -> None:
    """Put the few reference characters into the tables, as one edition of MJ."""
    edition = Edition(dataset="MJ", edition="006.02", digest="0" * 64, source={}, serial=1)
    session.add(edition)
    for id in (*CHARACTERS, "GJ000001"):
        session.add(Character(id=id, namespace=id[:2], serial=1))
    session.flush()
    for id, (text, juki, strokes) in CHARACTERS.items():
        session.add(
            ReferenceCharacter(
                edition_id=edition.id,
                character=id,
                ucs=text,
                own_ucs=text,
                juki=juki,
                strokes=strokes,
                more={},
            )
        )
    session.flush()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = db.connect(Settings(home=tmp_path))
    schema.upgrade(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def council(engine: Engine, tmp_path: Path) -> Iterator[Council]:
    with Session(engine.execution_options(writes=True)) as session:
        journal.create(session, ME, "OM")
        seed_reference(session)
        yield Council(session, Settings(home=tmp_path))


@pytest.fixture(autouse=True)
def in_japanese(in_english: None) -> Iterator[None]:
    """Reports are looked at as the cities see them."""
    token = language.set("ja")
    yield
    language.reset(token)
