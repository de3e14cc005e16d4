"""Which releases and which plan a conversion uses: what both cities run, or what was named, as numbers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
from gaiji.errors import (
    BadName,
    Refused,
    UnknownPlan,
    UnknownRelease,
    UnknownSite,
    UnsupportedConversion,
)
from gaiji.registry import adoption, db, decisions, mapfiles, releases
from gaiji.registry.conversions import Pinned, conversion, pin
from tests.council import ME
from tests.cutting import JUKI, MAPPED, OTHER, RESIDUAL, Cutting, opened

OPTIONS = Options(on_unmapped="escape", max_loss=100)
SMALL, LARGE = 10, 1 << 30


@pytest.fixture
def cutting(tmp_path: Path) -> Iterator[Cutting]:
    """The council of a cutover with a second release, in which one code of the target city means something else."""
    with opened(tmp_path) as made:
        made.council.decide(f"{OTHER}/F141", MAPPED)
        made.council.publish()
        yield made


@pytest.fixture
def session(cutting: Cutting) -> Session:
    return cutting.council.session


def test_a_moving_name_becomes_a_number(session: Session, cutting: Cutting) -> None:
    assert pin(session, JUKI, "unicode", None, OPTIONS) == Pinned(2)
    assert pin(session, JUKI, "unicode", "latest", OPTIONS) == Pinned(2)
    assert pin(session, "unicode", JUKI, 1, OPTIONS) == Pinned(1)
    assert pin(session, JUKI, OTHER, "latest", OPTIONS) == Pinned(2, 2)
    with pytest.raises(UnknownRelease):
        pin(session, JUKI, "unicode", 9, OPTIONS)


def test_from_city_to_city_both_sides_keep_the_release_they_run(
    session: Session, cutting: Cutting
) -> None:
    adoption.adopt(session, ME, JUKI, 2, db.today())
    adoption.adopt(session, ME, OTHER, 1, db.today())
    pinned = pin(session, JUKI, OTHER, None, OPTIONS._replace(as_of=db.today() + timedelta(30)))
    assert pinned == Pinned(2, 1)
    asked = conversion(session, JUKI, OTHER, pinned, OPTIONS)
    assert (asked.facts.release, asked.facts.target_release) == (2, 1)
    mapped = b"\xf0\x43"
    assert (
        asked.resolver.resolve(mapped).kind == "unmapped"
    )  # OTHER/F141 means it in release 2 alone
    latest = conversion(session, JUKI, OTHER, pin(session, JUKI, OTHER, "latest", OPTIONS), OPTIONS)
    assert latest.resolver.resolve(mapped).out == b"\xf1\x41"
    for one, other in ((asked, pinned), (latest, Pinned(2, 2))):
        small = mapfiles.prepared(session, cutting.council.settings, one, SMALL)
        large = mapfiles.prepared(session, cutting.council.settings, one, LARGE)
        assert small is one
        assert large.facts == one.facts
        assert large.facts.target_release == other.to_release
        assert large.resolver.resolve(mapped) == one.resolver.resolve(mapped)


def test_what_nobody_told_is_the_latest_and_is_said(session: Session, cutting: Cutting) -> None:
    adoption.adopt(session, ME, JUKI, 1, db.today())
    pinned = pin(session, JUKI, OTHER, "adopted", OPTIONS)
    assert pinned[:2] == (1, 2)
    assert [(one.code, one.subject) for one in pinned.findings] == [("release-not-told", OTHER)]
    assert pin(session, "unicode", JUKI, "adopted", OPTIONS)[:2] == (1, None)


def test_a_plan_brings_its_own_release_and_its_points(session: Session, cutting: Cutting) -> None:
    plan = cutting.plan()
    assert pin(session, JUKI, "juki", None, OPTIONS, "cs1") == Pinned(2, None, "cs1/1")
    pinned = pin(session, JUKI, "juki", "2", OPTIONS, "cs1/1")
    asked = conversion(session, JUKI, "juki", pinned, OPTIONS)
    assert asked.facts.cutover == ("cs1", 1, plan.digest)
    residual = b"\xf0\x42"
    for size in (SMALL, LARGE):
        ready = mapfiles.prepared(session, cutting.council.settings, asked, size)
        assert ready.facts.cutover == asked.facts.cutover
        assert ready.resolver.resolve(residual).out == plan.points[RESIDUAL].to_bytes(2)


def test_a_plan_of_another_release_or_none_at_all_is_refused(
    session: Session, cutting: Cutting
) -> None:
    with pytest.raises(UnknownPlan):
        pin(session, JUKI, "juki", None, OPTIONS, "cs1")
    cutting.plan()
    with pytest.raises(Refused, match="is of release 2 and cannot serve release 1"):
        pin(session, JUKI, "juki", "1", OPTIONS, "cs1")
    with pytest.raises(UnknownPlan):
        pin(session, JUKI, "juki", None, OPTIONS, "cs1/7")
    with pytest.raises(UnknownSite):
        pin(session, JUKI, "juki", None, OPTIONS, "cs9")
    for wrong in ("cs1/", "cs1/x", "cs1/²"):
        with pytest.raises(BadName, match="write it like cs1"):
            pin(session, JUKI, "juki", None, OPTIONS, wrong)


def test_files_of_two_releases_or_of_a_plan_have_names_of_their_own(
    session: Session, cutting: Cutting
) -> None:
    cutting.plan()
    release = releases.find_release(session, 2)
    specs = [
        mapfiles.FileSpec(JUKI, OTHER),
        mapfiles.FileSpec(JUKI, OTHER, to_release=1),
        mapfiles.FileSpec(JUKI, "juki"),
        mapfiles.FileSpec(JUKI, "juki", plan="cs1/1"),
        mapfiles.FileSpec(JUKI, "pua", options=Options(keep="0213")),
    ]
    assert [spec.name(release) for spec in specs] == [
        "252069-juki.252085-juki.r2.gmap",
        "252069-juki.252085-juki.r2.to-r1.gmap",
        "252069-juki.juki.r2.gmap",
        "252069-juki.juki.cs1-1.r2.gmap",
        "252069-juki.pua.keep-0213.r2.gmap",
    ]
    paths = [
        mapfiles.release_file(session, cutting.council.settings, release, spec) for spec in specs
    ]
    assert len(set(paths)) == len(specs)


def test_without_a_day_a_slot_that_will_be_used_again_stops_a_conversion_and_no_mapping_file(
    session: Session, cutting: Cutting
) -> None:
    turn = db.today() + timedelta(30)
    ended, begins = turn - timedelta(1), turn.isoformat()
    sheet = f"外字コード,有効開始日,有効終了日\nF0E0,2001-04-01,{ended}\nF0E0,{begins},\n"
    cutting.council.take_in(JUKI, sheet)
    for character, day in ((MAPPED, date(2001, 4, 1)), (RESIDUAL, turn)):
        told = (ME, JUKI, "F0E0", character, "equivalent")
        decisions.decide(session, *told, ground="原本", valid_from=day)
    release = releases.find_release(session, cutting.council.publish())
    pinned = pin(session, JUKI, "unicode", None, OPTIONS)
    with pytest.raises(UnsupportedConversion, match=f"F0E0 becomes {RESIDUAL} on {begins}"):
        conversion(session, JUKI, "unicode", pinned, OPTIONS)
    asked = conversion(session, JUKI, "unicode", pinned, OPTIONS._replace(as_of=ended))
    assert asked.resolver.resolve(b"\xf0\xe0").character == MAPPED
    path = mapfiles.mapping_file(session, cutting.council.settings, JUKI, "unicode", release)
    assert open_mapping(path).facts.kept == (begins, None)


def test_a_slot_that_nobody_decided_yet_is_used_again_all_the_same(
    session: Session, cutting: Cutting
) -> None:
    turn = db.today() + timedelta(30)
    sheet = f"外字コード,有効開始日,有効終了日\nF0E0,,{turn - timedelta(1)}\nF0E0,{turn},\n"
    cutting.council.take_in(JUKI, sheet + f"F0E1,{turn},\n")
    for code in ("F0E0", "F0E1"):
        decisions.decide(session, ME, JUKI, code, MAPPED, "equivalent", ground="原本")
    cutting.council.publish()
    pinned = pin(session, JUKI, "unicode", None, OPTIONS)
    with pytest.raises(UnsupportedConversion, match=r"F0E0 becomes .*\(codes like it: 1\)"):
        conversion(session, JUKI, "unicode", pinned, OPTIONS)
