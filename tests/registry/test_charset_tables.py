"""Imported charset tables: kept once, by content, and pinned by what stands on them."""

from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gaiji.charset.codetable import CodeTable, read_csv
from gaiji.charset.coding import coding
from gaiji.errors import AlreadyRegistered, BadName, NotFound
from gaiji.registry import charset_tables, db, journal, members, releases, replay, schema
from gaiji.registry.charset_tables import import_table
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, Council
from tests.registry.conftest import make_registry
from tests.report.conftest import seed_reference

KANKEN = "252069/kanken"
ROWS = "41A1,U+4E02\n41A2,\u4e28\n"


def table(rows: str = ROWS, base: str = "jef", **provenance: str) -> CodeTable:
    return read_csv(rows.encode(), "jef.csv", base, provenance)


def add(session: Session, address: str = KANKEN, *, name: str | None, charset: str = "jef") -> None:
    members.add_code_set(
        session, ME, address, charset_name=charset, system="健康", group="その他", table=name
    )


def test_a_table_is_kept_with_where_it_came_from(session: Session) -> None:
    done, new = import_table(session, ME, table(source="富士通", licence="社内"), name="jef-own")
    assert new
    assert (done.name, done.charset, done.codes, done.imported_by) == ("jef-own", "jef", 2, ME.name)
    assert done.provenance["source"] == "富士通"
    assert len(done.provenance["sha256"]) == 64
    kept = charset_tables.load(session, done.digest)
    assert (kept.name, dict(kept.reading)) == ("jef-own", {b"\x41\xa1": "丂", b"\x41\xa2": "丨"})


def test_the_same_content_twice_is_one_table(session: Session) -> None:
    first, _ = import_table(session, ME, table(), name="jef-own")
    head = journal.head(session).serial
    rows = ROWS.replace("U+4E02", "丂") + "\n"
    again, new = import_table(session, ME, table(rows, source="別の写し"), name="jef-copy")
    assert (again, new, journal.head(session).serial) == (first, False, head)


def test_a_name_stands_for_one_content(session: Session) -> None:
    import_table(session, ME, table(), name="jef-own")
    with pytest.raises(AlreadyRegistered, match="--name"):
        import_table(session, ME, table("41A1,U+4E03\n"), name="jef-own")
    other, _ = import_table(session, ME, table("41A1,U+4E03\n"))
    assert other.name == f"jef-{other.digest[:8]}"


@pytest.mark.parametrize("name", ["JEF", "jef", "jef own", "9", "x" * 61, "jef/own"])
def test_a_bad_name_is_refused(session: Session, name: str) -> None:
    with pytest.raises(BadName, match="charset table"):
        import_table(session, ME, table("41A1,U+4E05\n"), name=name)


def test_a_dry_run_keeps_nothing(session: Session) -> None:
    head = journal.head(session).serial
    done, new = import_table(session, ME, table(), name="jef-own", dry_run=True)
    assert (done.codes, new, journal.head(session).serial) == (2, True, head)
    with pytest.raises(NotFound, match="jef-own"):
        charset_tables.show(session, "jef-own")


def test_a_code_set_reads_its_standard_area_by_the_table(
    session: Session, council: Council
) -> None:
    council.add(KUSATSU, "草津市")
    done, _ = import_table(session, ME, table(), name="jef-own")
    add(session, name="jef-own")
    add(session, "252069/plain", name=None)
    one, plain = (
        members.charset_of(session, members.find_code_set(session, address))
        for address in (KANKEN, "252069/plain")
    )
    assert coding(one).modes[1].reading[b"\x41\xa1"] == "丂"
    assert b"\x41\xa1" not in coding(plain).modes[1].reading
    assert one.digest != plain.digest
    shape = members.code_set_shape(session, members.find_code_set(session, KANKEN))
    assert (shape.table, shape.charset_digest) == ("jef-own", one.digest)
    assert charset_tables.show(session, "jef-own").codesets == [KANKEN]
    assert charset_tables.show(session, "jef").codesets == ["252069/plain"]
    assert done.codesets == []


def test_a_table_of_another_charset_is_refused(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    import_table(session, ME, table(), name="jef-own")
    with pytest.raises(BadName, match="keis83"):
        add(session, name="jef-own", charset="keis83")
    with pytest.raises(NotFound, match="charset list"):
        add(session, name="jef-other")


def test_a_release_pins_the_table_and_its_mapping_has_it(
    session: Session, council: Council
) -> None:
    council.add(KUSATSU, "草津市")
    done, _ = import_table(session, ME, table(), name="jef-own")
    add(session, name="jef-own")
    council.take_in(KANKEN, "外字コード\n80A1\n")
    council.decide(f"{KANKEN}/80A1", "MJ026190")
    council.publish()
    release = releases.find_release(session, 1)
    assert release.manifest["code_sets"][KANKEN]["charset_table"] == done.digest
    found = releases.mapping(session, KANKEN, release).charset
    assert found.table is not None
    assert found.table.digest == done.digest
    assert replay.verify(session) == {1: release.digest}


def test_tables_replay_on_both_databases(any_engine: Engine, tmp_path: Path) -> None:
    schema.upgrade(any_engine)
    source_engine = make_registry(f"sqlite:///{tmp_path / 'source.db'}")
    with (
        Session(source_engine.execution_options(writes=True)) as source,
        Session(any_engine.execution_options(writes=True)) as target,
    ):
        seed_reference(source)
        seed_reference(target)
        council = Council(source, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        import_table(source, ME, table(source="富士通"), name="jef-own")
        add(source, name="jef-own")
        council.take_in(KANKEN, "外字コード\n80A1\n")
        council.decide(f"{KANKEN}/80A1", "MJ026190")
        council.publish()
        done = replay.replay(source, target)
        assert done.releases == {1: releases.find_release(source, 1).digest}
        assert charset_tables.all_shapes(source) == charset_tables.all_shapes(target)
        code_set = members.find_code_set(target, KANKEN)
        blob = charset_tables.show(target, "jef-own").blob
        assert blob is not None
        assert db.get_blob(target, blob)[1] == charset_tables.PACKED
        assert members.charset_of(target, code_set).table == table()
    source_engine.dispose()
