"""Where each city stands: records, what follows from them, whom a change touches, and replays."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import (
    AlreadyRegistered,
    BadName,
    NotFound,
    Refused,
    UnknownCodeSet,
    UnknownMember,
    UnknownRelease,
    UnknownSite,
)
from gaiji.registry import adoption, db, journal, replay, schema
from gaiji.registry.tables import Adoption, CutoverMove, CutoverPlan
from gaiji.settings import Settings
from tests.council import KOKA, KUSATSU, ME, RITTO, Council
from tests.report.conftest import CHARACTERS, seed_reference

JUKI, ZEI, OTHER = "252069/juki", "252069/zei", "252085/juki"
NEXT = db.today().year + 1
MAY, JUNE, JULY = date(NEXT, 5, 1), date(NEXT, 6, 1), date(NEXT, 7, 1)
FONT = "a" * 64


@pytest.fixture
def two_releases(council: Council) -> Council:
    """Two members, three code sets, two releases: the second changes 252069/juki alone."""
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    for address in (JUKI, ZEI, OTHER):
        council.code_set(address)
        council.take_in(address, "外字コード\nF040\nF041\n")
        council.decide(f"{address}/F040", "MJ026190")
    council.publish()
    council.decide(f"{JUKI}/F041", "MJ030196")
    council.publish()
    return council


def runs(session: Session, day: date, member: str | None = None) -> dict[str, int | None]:
    return {one.site: one.release for one in adoption.standing(session, day, member)}


def test_a_system_follows_its_own_record_and_else_that_of_its_member(
    session: Session, two_releases: Council
) -> None:
    assert adoption.release_of(session, JUKI, JULY) is None
    adoption.adopt(session, ME, KUSATSU, 1, MAY)
    adoption.adopt(session, ME, JUKI, 2, JULY)

    def number(address: str, day: date) -> int | None:
        found = adoption.release_of(session, address, day)
        return found.number if found else None

    assert number(JUKI, date(NEXT, 4, 30)) is None
    assert [number(JUKI, MAY), number(JUKI, date(NEXT, 6, 30)), number(JUKI, JULY)] == [1, 1, 2]
    assert number(ZEI, JULY) == 1
    assert number(OTHER, JULY) is None
    assert runs(session, JULY) == {
        "member:252069": 1,
        "system:252069/juki": 2,
        "system:252069/zei": 1,
        "member:252085": None,
        "system:252085/juki": None,
    }
    zei = next(one for one in adoption.standing(session, JUNE) if one.name == ZEI)
    assert (zei.told_by, zei.behind, zei.from_) == ("member:252069", True, MAY)
    juki = next(one for one in adoption.standing(session, JUNE) if one.name == JUKI)
    assert juki.next is not None
    assert (juki.next.release, juki.next.from_) == (2, JULY)


def test_a_record_for_the_same_day_takes_the_place_of_the_one_before(
    session: Session, two_releases: Council
) -> None:
    adoption.adopt(session, ME, JUKI, 1, MAY, font=FONT, ground="月次更新")
    head = journal.head(session).serial
    adoption.adopt(session, ME, JUKI, 1, MAY, font=FONT, ground="月次更新")
    assert journal.head(session).serial == head
    again = adoption.adopt(session, ME, JUKI, 2, MAY)
    assert (again.release, again.font, again.replaced) == (2, None, None)
    assert runs(session, MAY)["system:252069/juki"] == 2
    entry = journal.entries(session, after=head)[0]
    assert '"before":{"font":"' + FONT in entry.body


def test_a_record_that_is_withdrawn_counts_no_more_and_stays_in_the_history(
    session: Session, two_releases: Council
) -> None:
    adoption.adopt(session, ME, KUSATSU, 1, MAY)
    adoption.adopt(session, ME, JUKI, 2, JUNE, ground="月次更新")
    assert runs(session, JULY)["system:252069/juki"] == 2
    adoption.withdraw(session, ME, JUKI, JUNE, ground="日付の誤り")
    assert runs(session, JULY)["system:252069/juki"] == 1
    assert adoption.standing_of(session, JUKI, MAY).next is None
    found = adoption.release_of(session, JUKI, JULY)
    assert found is not None
    assert found.number == 1
    entry = journal.entries(session, after=journal.head(session).serial - 1)[0]
    assert '"action":"adoption.withdraw"' in entry.body
    assert '"ground":"月次更新"' in entry.body
    assert '"ground":"日付の誤り"' in entry.body
    kept = session.scalars(select(Adoption).where(Adoption.from_day == JUNE)).one()
    assert (kept.release, kept.replaced) == (2, entry.serial)
    with pytest.raises(NotFound, match="Nothing is recorded of system:252069/juki"):
        adoption.withdraw(session, ME, JUKI, JUNE, ground="日付の誤り")
    assert adoption.adopt(session, ME, JUKI, 1, JUNE).serial == journal.head(session).serial


def test_a_release_runs_from_its_publication_and_no_far_off_day(
    session: Session, two_releases: Council
) -> None:
    today = db.today()
    adoption.adopt(session, ME, JUKI, 1, today)
    for day, told in (
        (today - timedelta(1), "when release 1 was published"),
        (date.min, "when release 1 was published"),
        (date(today.year + 11, 1, 1), "more than 10 years ahead"),
        (date.max, "more than 10 years ahead"),
    ):
        with pytest.raises(Refused, match=told):
            adoption.adopt(session, ME, JUKI, 1, day)


@pytest.mark.parametrize(
    ("site", "error"),
    [
        ("cs1", BadName),
        ("server:CS1", BadName),
        ("terminals:窓口", BadName),
        ("print:", BadName),
        ("house:x", BadName),
        ("terminals:252042/窓口", UnknownMember),
        ("system:252069/kaigo", UnknownCodeSet),
        ("server:cs1", AlreadyRegistered),
    ],
)
def test_a_site_needs_a_name_of_its_kind(
    session: Session, two_releases: Council, site: str, error: type[Exception]
) -> None:
    adoption.add_site(session, ME, "server:cs1")
    with pytest.raises(error) as refused:
        adoption.add_site(session, ME, site)
    assert (error is AlreadyRegistered) == ("gaiji site widen server:cs1" in str(refused.value))


def test_the_area_of_a_server_lies_in_the_private_use_area(
    session: Session, two_releases: Council
) -> None:
    whole = adoption.add_site(session, ME, "server:cs1")
    part = adoption.add_site(session, ME, "server:cs2", options={"area": "e100-e1ff"})
    assert adoption.server_area(whole) == range(0xE000, 0xF900)
    assert adoption.server_area(part) == range(0xE100, 0xE200)
    for area in ("E000-F900", "DFFF-E000", "F000-E000", "E000", "U+E000-U+F8FF"):
        with pytest.raises(BadName, match="within E000-F8FF"):
            adoption.add_site(session, ME, "server:cs3", options={"area": area})


def test_the_area_of_a_server_is_only_widened_upwards(
    session: Session, two_releases: Council
) -> None:
    adoption.add_site(session, ME, "server:cs1", options={"area": "E100-E1FF"})
    adoption.add_site(session, ME, "print:納税")
    for area in ("E000-E1FF", "E100-E1FE", "E180-E2FF", "E100-F900"):
        with pytest.raises(BadName, match="F8FF"):
            adoption.widen_area(session, ME, "server:cs1", area)
    for other in ("print:納税", KUSATSU):
        with pytest.raises(BadName, match="Only a CS server is widened"):
            adoption.widen_area(session, ME, other, "E000-F8FF")
    with pytest.raises(UnknownSite):
        adoption.widen_area(session, ME, "server:cs2", "E000-F8FF")
    head = journal.head(session).serial
    adoption.widen_area(session, ME, "server:cs1", "e100-e1ff")
    assert journal.head(session).serial == head
    adoption.widen_area(session, ME, "server:cs1", "e100-e2ff")
    assert adoption.server_area(adoption.find_site(session, "server:cs1")) == range(0xE100, 0xE300)
    assert journal.head(session).serial == head + 1
    with pytest.raises(BadName, match="Only a CS server"):
        adoption.add_site(session, ME, "print:通知", options={"area": "E000-F8FF"})


def test_terminals_show_their_members_code_sets_only(
    session: Session, two_releases: Council
) -> None:
    adoption.add_site(session, ME, "terminals:252069/窓口", code_sets=[JUKI])
    (row,) = [one for one in adoption.standing(session, MAY) if one.kind == "terminals"]
    assert (row.member, row.codesets, row.release) == (KUSATSU, [JUKI], None)
    with pytest.raises(BadName, match="not one of member 252069"):
        adoption.add_site(session, ME, "terminals:252069/税", code_sets=[OTHER])
    with pytest.raises(BadName, match="Only terminals"):
        adoption.add_site(session, ME, "server:cs1", code_sets=[JUKI])


def test_what_is_not_registered_cannot_be_adopted(session: Session, two_releases: Council) -> None:
    with pytest.raises(UnknownSite, match="gaiji site add"):
        adoption.adopt(session, ME, "server:cs9", 1, MAY)
    with pytest.raises(UnknownRelease):
        adoption.adopt(session, ME, JUKI, 3, MAY)
    with pytest.raises(BadName, match="64 hex"):
        adoption.adopt(session, ME, JUKI, 1, MAY, font="EUDC.TTE")
    two_releases.code_set("252085/zei")
    with pytest.raises(UnknownRelease, match="252085/zei is not part of release 2"):
        adoption.adopt(session, ME, "252085/zei", 2, MAY)
    adoption.adopt(session, ME, RITTO, 2, MAY)  # which has another set of theirs


def test_a_release_without_a_members_code_sets_cannot_be_what_it_runs(
    session: Session, two_releases: Council
) -> None:
    two_releases.add(KOKA, "甲賀市")
    adoption.adopt(session, ME, KOKA, 2, MAY)  # no code set yet: nothing speaks against it
    two_releases.code_set("252093/juki")
    adoption.add_site(session, ME, "terminals:252093/窓口")
    before = runs(session, JULY)
    for site in (KOKA, "terminals:252093/窓口"):
        with pytest.raises(UnknownRelease, match="Release 2 has no code set of member 252093"):
            adoption.adopt(session, ME, site, 2, JUNE)
    assert runs(session, JULY) == before
    two_releases.take_in("252093/juki", "外字コード\nF040\n")
    two_releases.decide("252093/juki/F040", "MJ026190")
    number = two_releases.publish()
    for site in (KOKA, "terminals:252093/窓口"):
        assert adoption.adopt(session, ME, site, number, JUNE).release == number


def test_blanks_around_a_name_make_no_other_site(session: Session, two_releases: Council) -> None:
    made = adoption.add_site(session, ME, "print: 納税 ")
    assert made.address == "print:納税"
    shown = adoption.add_site(session, ME, " terminals: 252069 / 窓口", code_sets=[JUKI])
    assert shown.address == "terminals:252069/窓口"
    for site in ("print:納税", "print: 納税", "print:納税\u3000", "terminals:252069/ 窓口"):
        with pytest.raises(AlreadyRegistered):
            adoption.add_site(session, ME, site)
    adoption.adopt(session, ME, "print: 納税", 1, MAY)
    adoption.adopt(session, ME, " 252069/juki ", 1, MAY)
    found = {one.site: one.release for one in adoption.standing(session, MAY)}
    assert (found["print:納税"], found["system:252069/juki"]) == (1, 1)
    with pytest.raises(BadName):
        adoption.add_site(session, ME, "print: ")


def test_a_name_that_looks_like_another_sites_is_refused_with_that_name(
    session: Session, two_releases: Council
) -> None:
    """Kana are composed; half and full width, and a compatibility kanji, are told apart by no clerk."""
    made = adoption.add_site(session, ME, "print:か\u3099いじ")
    assert made.address == "print:がいじ"
    adoption.adopt(session, ME, "print:か\u3099いじ", 1, MAY)
    assert runs(session, MAY)["print:がいじ"] == 1
    with pytest.raises(AlreadyRegistered, match="is registered already"):
        adoption.add_site(session, ME, "print:がいじ")
    kept = adoption.add_site(session, ME, "terminals:252069/ﾂｳﾁ\ufa19")
    assert kept.address == "terminals:252069/ﾂｳﾁ\ufa19"
    for name in ("ツウチ\ufa19", "ツウチ\u795e", "ﾂｳﾁ\u795e"):
        with pytest.raises(AlreadyRegistered, match=f"looks the same as {kept.address}, "):
            adoption.add_site(session, ME, f"terminals:252069/{name}")
    adoption.add_site(session, ME, "print:ツウチ\ufa19")  # another kind is told apart by its kind


def test_until_a_system_has_its_own_record_the_next_change_is_also_its_members(
    session: Session, two_releases: Council
) -> None:
    adoption.adopt(session, ME, KUSATSU, 2, MAY)
    adoption.adopt(session, ME, KUSATSU, 1, JUNE)
    adoption.adopt(session, ME, KUSATSU, 2, JULY + timedelta(1))
    adoption.adopt(session, ME, JUKI, 2, JULY)

    def following(day: date, site: str = JUKI) -> tuple[int, date] | None:
        coming = adoption.standing_of(session, site, day).next
        return (coming.release, coming.from_) if coming else None

    assert following(MAY) == (1, JUNE)
    assert following(JUNE) == (2, JULY)
    assert following(JULY) is None
    assert following(JULY, KUSATSU) == (2, JULY + timedelta(1))
    adoption.adopt(session, ME, JUKI, 1, JUNE)
    adoption.adopt(session, ME, KUSATSU, 2, JUNE)
    assert following(MAY) == (1, JUNE)  # of one day, its own


def test_both_ends_of_a_conversion_take_the_releases_they_run(
    session: Session, two_releases: Council
) -> None:
    adoption.adopt(session, ME, KUSATSU, 1, MAY)
    ends = adoption.conversion_ends(session, JUKI, OTHER, JULY)
    assert (ends.source.number, ends.target.number) == (1, 2)
    assert [(one.code, one.subject) for one in ends.findings] == [("release-not-told", OTHER)]
    adoption.adopt(session, ME, OTHER, 2, JUNE)
    ends = adoption.conversion_ends(session, OTHER, JUKI, JULY)
    assert (ends.source.number, ends.target.number, ends.findings) == (2, 1, ())
    ends = adoption.conversion_ends(session, "unicode", JUKI, JULY)
    assert (ends.source.number, ends.target.number, ends.findings) == (1, 1, ())


def test_a_change_touches_those_who_hold_what_changes(
    session: Session, two_releases: Council
) -> None:
    adoption.add_site(session, ME, "terminals:252069/窓口", code_sets=[JUKI])
    adoption.add_site(session, ME, "terminals:252069/税", code_sets=[ZEI])
    adoption.add_site(session, ME, "print:納税通知2027")
    adoption.adopt(session, ME, KUSATSU, 1, MAY)
    adoption.adopt(session, ME, "terminals:252069/窓口", 1, MAY, font=FONT)
    found = {one.site: one for one in adoption.touched(session, 1, 2, JULY)}
    assert set(found) == {"system:252069/juki", "terminals:252069/窓口", "print:納税通知2027"}
    shown = found["terminals:252069/窓口"]
    assert (shown.release, shown.font) == (1, FONT)
    assert [(one.codeset, one.codes) for one in shown.codesets] == [(JUKI, 1)]
    assert found["print:納税通知2027"].release is None
    adoption.adopt(session, ME, JUKI, 2, JUNE)
    later = [one.site for one in adoption.touched(session, 1, 2, JULY)]
    assert "system:252069/juki" not in later
    back = [one.site for one in adoption.touched(session, 2, 1, JULY)]
    assert back == ["system:252069/juki", "print:納税通知2027"]


def test_a_server_is_shown_to_the_members_that_moved_to_it(
    session: Session, two_releases: Council
) -> None:
    server = adoption.add_site(session, ME, "server:cs1")
    plan = CutoverPlan(
        site_id=server.id,
        number=3,
        release=1,
        members=[KUSATSU, RITTO],
        code_sets=[JUKI, ZEI, OTHER],
        as_of=MAY,
        manifest={},
        digest=FONT,
        rows=db.put_blob(session, b"", journal.ROWS),
        at="",
        actor="",
        serial=0,
    )
    session.add(plan)
    session.flush()
    moved = {"site_id": server.id, "plan_id": plan.id, "day": MAY}
    session.add(CutoverMove(member=KUSATSU, actor="", at="", serial=0, **moved))
    adoption.adopt(session, ME, "server:cs1", 1, MAY)
    assert runs(session, MAY, KUSATSU)["server:cs1"] == 1
    assert "server:cs1" not in runs(session, MAY, RITTO)
    (found,) = [one for one in adoption.touched(session, 1, 2, JULY) if one.kind == "server"]
    assert (found.site, found.plan) == ("server:cs1", "cs1/3")
    assert [one.codeset for one in found.codesets] == [JUKI]


def test_records_of_sites_come_out_of_a_replay_as_they_were(tmp_path: Path) -> None:
    engines = []
    for name in ("one", "two"):
        engine = db.connect(Settings(database=f"sqlite:///{tmp_path / name}.db"))
        schema.upgrade(engine)
        engines.append(engine)
    with db.writing(engines[0]) as source, db.writing(engines[1]) as target:
        journal.create(source, ME, "OM")
        for one in (source, target):
            seed_reference(one)
        council = Council(source, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.code_set(JUKI)
        council.take_in(JUKI, "外字コード\nF040\n")
        council.decide(f"{JUKI}/F040", next(iter(CHARACTERS)))
        council.publish()
        adoption.add_site(source, ME, "server:cs1", options={"area": "E000-EFFF"})
        adoption.add_site(source, ME, "terminals:252069/窓口", code_sets=[JUKI])
        adoption.adopt(source, ME, "terminals:252069/窓口", 1, MAY, font=FONT)
        adoption.adopt(source, ME, JUKI, 1, MAY, ground="運用開始")
        adoption.adopt(source, ME, JUKI, 1, MAY, ground="訂正")
        adoption.adopt(source, ME, JUKI, 1, JUNE)
        adoption.withdraw(source, ME, JUKI, JUNE, ground="日付の誤り")
        replay.replay(source, target)
        assert adoption.site_shapes(target) == adoption.site_shapes(source)
        assert adoption.standing(target, JULY) == adoption.standing(source, JULY)
    for engine in engines:
        engine.dispose()
