"""Replaying journal and blobs into an empty database gives the same releases: for any history."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from gaiji.charset.usage import Counted, FileCount
from gaiji.errors import GaijiError, JournalBroken
from gaiji.registry import db, journal, members, releases, replay, schema, usage
from gaiji.registry.tables import Allocation, Entry, MappingRow
from gaiji.settings import Settings
from tests.council import KOKA, KUSATSU, ME, Council
from tests.report.conftest import CHARACTERS, seed_reference

SETS = ("252069/juki", "252093/juki")
CODES = ("F040", "F041", "F042")
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("import"), st.sampled_from(SETS), st.sampled_from(CODES), st.booleans()),
        st.tuples(
            st.just("decide"),
            st.sampled_from(SETS),
            st.sampled_from(CODES),
            st.sampled_from([*CHARACTERS, "new"]),
            st.sampled_from(["equivalent", "substitute", "not-related"]),
        ),
        st.tuples(st.just("reuse"), st.sampled_from(SETS), st.sampled_from(CODES)),
        st.tuples(st.just("count"), st.sampled_from(SETS), st.sampled_from(CODES)),
        st.tuples(st.just("join")),
        st.tuples(st.just("publish")),
    ),
    max_size=14,
)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Engine, Engine]]:
    engines = []
    for name in ("one", "two"):
        engine = db.connect(Settings(database=f"sqlite:///{tmp_path / name}.db"))
        schema.upgrade(engine)
        engines.append(engine)
    yield engines[0], engines[1]
    for engine in engines:
        engine.dispose()


def perform(council: Council, act: tuple[object, ...]) -> None:
    """Do one act; what the registry refuses is simply not done."""
    kind, *rest = map(str, act)
    try:
        if kind == "import":
            council.take_in(
                rest[0], f"外字コード\n{rest[1]}\n", drawn=rest[1:2] if rest[2] == "True" else ()
            )
        elif kind == "reuse":
            council.take_in(rest[0], f"外字コード,使用開始日\n{rest[1]},2020-04-01\n")
        elif kind == "decide":
            council.decide(f"{rest[0]}/{rest[1]}", rest[2], rest[3])
        elif kind == "count":
            uses = Counted(Counter({bytes.fromhex(rest[1]): 7}), 1)
            counts = [FileCount("x", "a" * 64, 3, uses)]
            usage.record_counts(council.session, ME, rest[0], counts, replace=True)
        elif kind == "join":
            members.change_member(council.session, ME, KOKA, candidate=False)
        else:
            releases.publish(council.session, ME)
    except GaijiError:
        pass


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=ACTS)
def test_any_history_replays_to_the_same_digests(
    two: tuple[Engine, Engine], tmp_path: Path, acts: list[tuple[object, ...]]
) -> None:
    options = [engine.execution_options(writes=True) for engine in two]
    with Session(options[0]) as source, Session(options[1]) as target:
        journal.create(source, ME, "OM")
        seed_reference(source)
        seed_reference(target)
        council = Council(source, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.add(KOKA, "甲賀市", candidate=True)
        for address in SETS:
            council.code_set(address)
        for act in acts:
            perform(council, act)
        done = replay.replay(source, target)
        assert done.releases == {one.number: one.digest for one in releases.all_releases(source)}
        assert dump(source) == dump(target)


def dump(session: Session) -> dict[str, list[tuple[object, ...]]]:
    """Every governed table by its public columns, without row ids."""
    queries = {
        "mappings": "SELECT l.code, m.valid_from, p.character, p.relationship, p.since, p.until "
        "FROM mappings p JOIN meanings m ON m.id = p.meaning_id JOIN local_codes l ON l.id = m.local_code_id",
        "glyphs": "SELECT l.code, g.glyph, g.since, g.until, g.serial FROM glyph_uses g "
        "JOIN meanings m ON m.id = g.meaning_id JOIN local_codes l ON l.id = m.local_code_id",
        "spans": "SELECT l.code, m.valid_from, s.valid_to, s.since, s.until, s.serial FROM spans s "
        "JOIN meanings m ON m.id = s.meaning_id JOIN local_codes l ON l.id = m.local_code_id",
        "codes": "SELECT l.code, l.serial, m.listed FROM local_codes l "
        "JOIN meanings m ON m.local_code_id = l.id",
        "proposals": "SELECT character, how, relationship, serial FROM proposals",
        "decisions": "SELECT serial, character, relationship, actor, at FROM decisions",
        "allocations": "SELECT scope, character, code_point, serial FROM allocations",
        "uses": "SELECT f.sha256, f.size, f.at, f.serial, u.code, u.count FROM usage_files f "
        "JOIN code_uses u ON u.usage_file_id = f.id",
        "sources": "SELECT g.glyph, g.blob, c.member, c.name, g.supplier, g.rights, g.scope, g.licence "
        "FROM glyph_sources g JOIN code_sets c ON c.id = g.code_set_id",
        "journal": "SELECT serial, body FROM journal",
        "members": "SELECT code, name, candidate, changed FROM members",
        "registry": "SELECT prefix, serial, next_own FROM registry",
    }
    return {
        name: sorted((tuple(row) for row in session.execute(text(query))), key=repr)
        for name, query in queries.items()
    }


@pytest.fixture
def published(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    council.take_in("252069/juki", "外字コード\nF040\n", drawn=["F040"])
    council.decide("252069/juki/F040", "MJ026190")
    council.publish()
    return council


def test_an_edit_behind_the_applications_back_is_found(
    session: Session, published: Council
) -> None:
    assert replay.verify(session) == {1: releases.find_release(session, 1).digest}
    session.execute(update(MappingRow).values(character="MJ030196"))
    with pytest.raises(JournalBroken, match="Release 1"):
        replay.verify(session)


def test_a_moved_code_point_is_found(session: Session, published: Council) -> None:
    published.decide("252069/juki/F040", "new")
    published.publish()
    moved = update(Allocation).where(Allocation.scope == "unicode")
    session.execute(moved.values(code_point=0xF0007))
    with pytest.raises(JournalBroken, match="Release 2"):
        replay.verify(session)


def test_a_missing_entry_is_found(session: Session, published: Council) -> None:
    session.execute(text("DELETE FROM journal WHERE serial = 3"))
    with pytest.raises(JournalBroken, match="entries"):
        replay.verify(session)


def test_an_unknown_action_is_named(session: Session, published: Council) -> None:
    session.execute(update(Entry).where(Entry.serial == 3).values(action="member.vanish"))
    with pytest.raises(JournalBroken, match="member\\.vanish"):
        replay.verify(session)
