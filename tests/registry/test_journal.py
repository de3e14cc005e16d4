"""Acts, serials, blobs and keys."""

import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from gaiji.errors import (
    AlreadyRegistered,
    Forbidden,
    JournalBroken,
    StorageFailed,
    Unauthorized,
    UnknownBlob,
)
from gaiji.registry import db, journal, members, principals, tables
from gaiji.registry.tables import ApiKey, Entry, Registry
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council


def test_every_act_is_an_entry_with_the_next_serial(session: Session, council: Council) -> None:
    before = session.get_one(Registry, 1).serial
    council.add(KUSATSU, "草津市")
    members.change_member(session, ME, KUSATSU, name="くさつ市")
    added, changed = journal.entries(session, after=before)
    assert [added.serial, changed.serial] == [before + 1, before + 2]
    body = json.loads(changed.body)
    assert (body["actor"], body["role"], body["before"]["name"]) == (ME.name, ME.role, "草津市")
    assert body["after"]["name"] == "くさつ市"
    assert changed.body == journal.canonical(body)


def test_a_change_that_changes_nothing_is_no_act(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    serial = session.get_one(Registry, 1).serial
    members.change_member(session, ME, KUSATSU, name="草津市")
    assert session.get_one(Registry, 1).serial == serial


def test_an_entry_that_does_not_follow_is_refused(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    last = session.scalars(select(Entry).order_by(Entry.serial.desc())).first()
    assert last is not None
    with pytest.raises(JournalBroken):
        journal.record(session, last.body)


def test_concurrent_writers_take_turns_and_serials_are_dense(any_engine: Engine) -> None:
    tables.Base.metadata.create_all(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
    codes = ["252018", "252026", "252034", "252042", "252069", "252077", "252085", "252093"] * 2
    refused: list[str] = []

    def register(code: str) -> None:
        try:
            with db.writing(any_engine) as session:
                members.add_member(session, ME, code, code)
        except AlreadyRegistered:
            refused.append(code)

    threads = [threading.Thread(target=register, args=(code,)) for code in codes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading(any_engine) as session:
        found = journal.entries(session)
        assert [entry.serial for entry in found] == list(range(1, len(set(codes)) + 2))
        assert sorted(entry.subject for entry in found[1:]) == sorted(refused) == sorted(set(codes))


def test_a_failed_transaction_leaves_no_entry(empty_engine: Engine) -> None:
    def add_and_fail() -> None:
        with db.writing(empty_engine) as session:
            members.add_member(session, ME, KUSATSU, "草津市")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail()
    with db.reading(empty_engine) as session:
        assert [entry.action for entry in journal.entries(session)] == ["registry.create"]
        assert members.all_members(session) == []


def test_a_database_becomes_a_registry_once(session: Session) -> None:
    with pytest.raises(AlreadyRegistered):
        journal.create(session, ME, "OM")


def test_a_database_without_registry_says_what_to_do(tmp_path: object) -> None:
    engine = db.connect(Settings(database=f"sqlite:///{tmp_path}/new.db"))
    tables.Base.metadata.create_all(engine)
    with pytest.raises(StorageFailed, match="db upgrade"), db.writing(engine) as session:
        members.add_member(session, ME, KUSATSU, "草津市")
    engine.dispose()


@given(st.binary(max_size=2000))
def test_a_blob_comes_back_as_it_was(memory: Engine, data: bytes) -> None:
    with Session(memory) as session:
        digest = db.put_blob(session, data, "application/octet-stream")
        assert db.put_blob(session, data, "application/octet-stream") == digest
        session.expire_all()
        assert db.get_blob(session, digest) == (data, "application/octet-stream")


def test_an_unknown_blob_is_named(session: Session) -> None:
    with pytest.raises(UnknownBlob, match="0000"):
        db.get_blob(session, "0" * 64)


def test_rows_survive_every_separator_of_unicode(session: Session) -> None:
    rows = [{"text": "a\u2028b\u2029c\x85d\x1ce"}, {"text": "改\n行"}]
    assert list(journal.get_rows(session, journal.put_rows(session, rows))) == rows


# --- keys


def test_a_key_names_its_holder_and_is_kept_nowhere(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    key = principals.create_key(session, ME, "batch", "integrator", [KUSATSU])
    caller = principals.authenticate(session, key)
    assert (caller.actor.name, caller.members) == ("batch", frozenset({KUSATSU}))
    kept = [row.sha256 for row in session.scalars(select(ApiKey))]
    bodies = "".join(entry.body for entry in journal.entries(session))
    assert key not in kept
    assert key not in bodies


def test_a_role_may_do_its_deeds_for_its_members_only(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    caller = principals.authenticate(
        session, principals.create_key(session, ME, "batch", "integrator", [KUSATSU])
    )
    assert caller.check("import", KUSATSU).name == "batch"
    for deed, member in (("import", RITTO), ("import", None), ("decide", KUSATSU), ("", KUSATSU)):
        with pytest.raises(Forbidden):
            caller.check(deed, member)


def test_expired_revoked_and_forged_keys_are_refused(session: Session) -> None:
    expired = principals.create_key(session, ME, "a", "auditor", expires_at="2020-01-01T00:00:00Z")
    revoked = principals.create_key(session, ME, "b", "auditor")
    principals.revoke_key(session, ME, revoked.split("_")[1])
    for key in (expired, revoked, revoked + "x", "", "gaiji_0_0"):
        with pytest.raises(Unauthorized):
            principals.authenticate(session, key)
