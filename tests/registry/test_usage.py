"""What is kept of usage counts, and what it may say."""

import json
from collections import Counter
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from gaiji.charset.account import Place
from gaiji.charset.usage import Counted, FileCount, Unassigned
from gaiji.errors import Conflict, UnknownCodeSet
from gaiji.registry import characters, db, journal, members, replay, schema, usage
from gaiji.registry.tables import Blob, CodeUse, Entry, UsageFile
from gaiji.settings import Settings
from gaiji.wire.usage import CodeUseShape
from tests.council import KUSATSU, ME, Council
from tests.registry.conftest import make_registry
from tests.report.conftest import seed_reference

JUKI = "252069/juki"
RESIDENT = "渡邉なつみ.csv"


def counted(
    name: str = RESIDENT, *, malformed: int = 0, layout: str | None = None, **codes: int
) -> FileCount:
    """The counts of a file: F040=3 and so on."""
    uses = Counter({bytes.fromhex(code): count for code, count in codes.items()})
    digest = sha256(name.encode()).hexdigest()
    return FileCount(name, digest, 9_000_000_000, Counted(uses, 120, malformed), layout)


@pytest.fixture
def registered(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    council.take_in(JUKI, "外字コード\nF040\nF041\nF042\n")
    return council


def test_counts_add_up_over_files_and_zero_is_not_seen(
    session: Session, registered: Council
) -> None:
    usage.record_counts(session, ME, JUKI, [counted("a", F040=3)], as_of=date(2026, 3, 31))
    usage.record_counts(session, ME, JUKI, [counted("b", F040=2, F041=1)])
    told = {one.code: (one.uses, one.files, one.last_seen) for one in told_codes(session)}
    assert told == {
        "F040": (5, 2, date(2026, 3, 31)),
        "F041": (1, 1, None),
        "F042": (0, 0, None),
    }


def told_codes(session: Session) -> list[CodeUseShape]:
    return usage.show_usage(session, JUKI).codes


def test_a_local_code_shows_its_uses_to_who_sees_the_work(
    session: Session, registered: Council
) -> None:
    code_set = members.find_code_set(session, JUKI)
    assert characters.show_local_code(session, code_set, "F040", None).uses is None
    usage.record_counts(session, ME, JUKI, [counted(F040=3)])
    page = characters.list_local_codes(session, code_set, None)
    assert [(one.code, one.uses) for one in page.items] == [("F040", 3), ("F041", 0), ("F042", 0)]
    assert characters.show_local_code(session, code_set, "F040", None, work=False).uses is None


def test_a_code_that_was_never_registered_is_a_finding(
    session: Session, registered: Council
) -> None:
    done = usage.record_counts(session, ME, JUKI, [counted(F040=1, F0FC=1234)])
    (finding,) = done.findings
    assert (finding.code, finding.level, finding.subject) == (
        "never-registered",
        "gap",
        f"{JUKI}/F0FC",
    )
    assert "1,234" in finding.text
    assert [one.code for one in done.codes if not one.registered] == ["F0FC"]
    assert usage.show_usage(session, JUKI).findings == done.findings


def test_the_same_file_twice_writes_nothing(session: Session, registered: Council) -> None:
    first = usage.record_counts(session, ME, JUKI, [counted(F040=3), counted(F040=3)])
    assert [one.known for one in first.files] == [False]
    head = journal.head(session).serial
    again = usage.record_counts(session, ME, JUKI, [counted(F040=3)])
    assert [one.known for one in again.files] == [True]
    assert journal.head(session).serial == head
    assert again.codes == first.codes


def test_another_result_for_the_same_file_is_refused_unless_it_replaces(
    session: Session, registered: Council
) -> None:
    usage.record_counts(session, ME, JUKI, [counted(F040=3, F041=9)])
    other = counted(F040=2, layout="a" * 64)
    with pytest.raises(Conflict, match="--replace"):
        usage.record_counts(session, ME, JUKI, [other])
    with pytest.raises(Conflict):
        usage.record_counts(session, ME, JUKI, [counted(F040=3, F041=9)], as_of=date(2026, 1, 1))
    usage.record_counts(session, ME, JUKI, [other], replace=True)
    assert {one.code: one.uses for one in told_codes(session)} == {"F040": 2, "F041": 0, "F042": 0}
    (file,) = usage.counted_files(session, members.find_code_set(session, JUKI))
    assert (file.layout, file.codes, file.uses) == ("a" * 64, 1, 2)


def test_a_dry_run_shows_all_and_writes_nothing(session: Session, registered: Council) -> None:
    head = journal.head(session).serial
    done = usage.record_counts(session, ME, JUKI, [counted(F040=3)], dry_run=True)
    assert done.dry_run
    assert (done.codes[0].code, done.codes[0].uses) == ("F040", 3)
    assert journal.head(session).serial == head
    assert told_codes(session) == []


def test_a_file_without_gaiji_says_that_none_was_seen(
    session: Session, registered: Council
) -> None:
    usage.record_counts(session, ME, JUKI, [counted()])
    assert {one.uses for one in told_codes(session)} == {0}
    assert [
        one.uses for one in usage.counted_files(session, members.find_code_set(session, JUKI))
    ] == [0]


def test_malformed_bytes_are_told_with_their_place_and_kept_as_a_number(
    session: Session, registered: Council
) -> None:
    one = counted(malformed=2, F040=1)
    one.counted.first_malformed = Place(7, None, 99)
    done = usage.record_counts(session, ME, JUKI, [one])
    (finding,) = done.findings
    assert finding.where is not None
    assert (finding.code, finding.where.file, finding.where.record) == (
        "malformed-bytes",
        RESIDENT,
        7,
    )
    (file,) = usage.counted_files(session, members.find_code_set(session, JUKI))
    assert file.malformed == 2


def test_codes_without_a_character_are_kept_apart_and_told_with_their_places(
    session: Session, registered: Council
) -> None:
    done = usage.record_counts(session, ME, JUKI, [with_unassigned("a"), with_unassigned("b")])
    assert [one.code for one in done.codes] == ["F040", "F041", "F042"]
    (one,) = done.unassigned
    assert (one.code, one.uses, one.files) == ("8840", 10, 2)
    assert [(p.file, p.record, p.field, p.byte_offset) for p in one.places] == [
        ("a", 7, "name", 99),
        ("b", 7, "name", 99),
    ]
    assert [(file.codes, file.uses, file.unassigned) for file in done.files] == [(1, 3, 5)] * 2
    (finding,) = done.findings
    assert (finding.code, finding.level, finding.subject) == ("unassigned-codes", "gap", JUKI)
    assert "8840 × 10" in finding.text
    assert finding.where is not None
    assert (finding.where.file, finding.where.record) == ("a", 7)
    shown = usage.show_usage(session, JUKI)
    assert [(one.code, one.uses, one.places) for one in shown.unassigned] == [("8840", 10, [])]
    assert [finding.where for finding in shown.findings] == [None]
    assert [(file.codes, file.uses, file.unassigned) for file in shown.files] == [(1, 3, 5)] * 2
    assert usage.record_counts(session, ME, JUKI, [with_unassigned("a")]).files[0].known


def with_unassigned(name: str) -> FileCount:
    one = counted(name, F040=3)
    one.counted.unassigned[b"\x88\x40"] = Unassigned(5, [Place(7, "name", 99)])
    return one


def test_what_an_earlier_program_did_not_count_is_added_without_a_word(
    session: Session, registered: Council
) -> None:
    usage.record_counts(session, ME, JUKI, [counted("a", F040=3)])
    done = usage.record_counts(session, ME, JUKI, [with_unassigned("a")])
    assert [file.known for file in done.files] == [False]
    assert [one.uses for one in usage.show_usage(session, JUKI).unassigned] == [5]
    with pytest.raises(Conflict):
        usage.record_counts(session, ME, JUKI, [counted("a", F040=3)])


def test_nothing_that_is_kept_holds_a_file_name_or_a_place(
    session: Session, registered: Council
) -> None:
    one = counted(malformed=1, F040=3)
    one.counted.first_malformed = Place(4711, None, 99_887_766)
    one.counted.unassigned[b"\x88\x40"] = Unassigned(1, [Place(4711, None, 99_887_766)])
    usage.record_counts(session, ME, JUKI, [one])
    usage.record_counts(session, ME, JUKI, [counted(F040=2)], replace=True)
    bodies = session.scalars(select(Entry.body).where(Entry.action == usage.COUNT)).all()
    blobs = [db.get_blob(session, digest)[0].decode("utf-8", "replace") for digest in session.scalars(
        select(Blob.sha256).where(Blob.media_type == journal.ROWS))]  # fmt: skip
    assert len(bodies) == 2
    for text in (*bodies, *blobs):
        assert "渡" not in text
        assert "4711" not in text
        assert "99887766" not in text
    assert set(json.loads(bodies[0])["after"]) == {
        *("sha256", "size", "layout", "as_of", "records", "malformed", "counts"),
    }


def test_an_unknown_code_set_is_refused(session: Session, registered: Council) -> None:
    with pytest.raises(UnknownCodeSet):
        usage.record_counts(session, ME, "252069/zei", [counted(F040=3)])


def test_counts_replay_to_the_same_rows_on_both_databases(
    any_engine: Engine, tmp_path: Path
) -> None:
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
        council.code_set(JUKI)
        council.take_in(JUKI, "外字コード\nF040\n")
        usage.record_counts(source, ME, JUKI, [counted("a", F040=3, F041=9)])
        usage.record_counts(source, ME, JUKI, [counted("b", F040=5_000_000_000)])
        usage.record_counts(source, ME, JUKI, [with_unassigned("c")])
        usage.record_counts(
            source, ME, JUKI, [counted("a", F040=2)], as_of=date(2026, 3, 31), replace=True
        )
        replay.replay(source, target)
        assert rows(source) == rows(target)
        assert usage.show_usage(source, JUKI) == usage.show_usage(target, JUKI)
        assert usage.uses_of(target, 1, [b"\xf0\x40"]) == {b"\xf0\x40": 5_000_000_005}
    source_engine.dispose()


def rows(session: Session) -> list[tuple[object, ...]]:
    query = select(
        UsageFile.sha256,
        UsageFile.as_of,
        UsageFile.at,
        UsageFile.serial,
        CodeUse.code,
        CodeUse.count,
    ).join(CodeUse, CodeUse.usage_file_id == UsageFile.id)
    return sorted(tuple(row) for row in session.execute(query.order_by(UsageFile.serial)))
