"""Releases are immutable, their digests semantic, and one city's change touches no other."""

import json
from datetime import date

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from gaiji.charset.conversion import Conversion
from gaiji.errors import Refused, UnknownRelease
from gaiji.registry import allocation, characters, db, journal, members, releases
from gaiji.registry.tables import Release
from tests.council import KOKA, KUSATSU, ME, RITTO, Council

JUKI, ZEI = "252069/juki", "252085/zei"


@pytest.fixture
def cities(council: Council) -> Council:
    for code, name, address in ((KUSATSU, "草津市", JUKI), (RITTO, "栗東市", ZEI)):
        council.add(code, name)
        council.code_set(address)
        council.take_in(address, "外字コード\nF040\nF041\nF042\n", drawn=["F040", "F041"])
    council.decide(f"{JUKI}/F040", "MJ026190")
    council.decide(f"{ZEI}/F040", "MJ030196")
    return council


def test_publishing_twice_without_change_publishes_nothing(
    session: Session, cities: Council
) -> None:
    assert cities.publish() == 1
    assert releases.publish(session, ME) is None
    assert releases.latest_number(session) == 1


def test_a_release_needs_a_reference_set(empty_engine: Engine) -> None:
    with db.reading(empty_engine) as session, pytest.raises(Refused, match="reference load"):
        releases.publish(session, ME)


def test_the_manifest_pins_everything_a_digest_depends_on(
    session: Session, cities: Council
) -> None:
    cities.publish()
    manifest = releases.find_release(session, 1).manifest
    assert manifest["editions"]["MJ"]["edition"] == "006.02"
    assert set(manifest["code_sets"]) == {JUKI, ZEI}
    assert manifest["code_sets"][JUKI]["mapped"] == 1
    assert {"engine", "prefix", "allocations", "previous", "number"} <= set(manifest)
    assert "published_at" not in json.dumps(manifest)


def test_one_citys_change_leaves_every_other_digest(session: Session, cities: Council) -> None:
    cities.publish()
    cities.decide(f"{JUKI}/F041", "MJ026191")
    cities.publish()
    assert releases.unchanged(session, 1, 2) == [ZEI]
    changes = releases.diff(session, 1, 2)
    assert list(changes) == [JUKI]
    (row,) = changes[JUKI]
    assert (row["code"], row["before"]["character"], row["after"]["character"]) == (
        "F041",
        None,
        "MJ026191",
    )


def test_a_candidate_takes_no_part_until_it_joins(session: Session, cities: Council) -> None:
    cities.publish()
    cities.add(KOKA, "甲賀市", candidate=True)
    cities.code_set("252093/juki")
    cities.take_in("252093/juki", "外字コード\nF040\n", drawn=["F040"])
    cities.decide("252093/juki/F040", "MJ026190")
    assert releases.publish(session, ME) is None
    members.change_member(session, ME, KOKA, candidate=False)
    assert cities.publish() == 2
    assert releases.unchanged(session, 1, 2) == [JUKI, ZEI]
    with pytest.raises(UnknownRelease, match="later"):
        releases.mapping(session, "252093/juki", releases.find_release(session, 1))


def test_old_releases_answer_as_they_did(session: Session, cities: Council) -> None:
    cities.publish()
    cities.take_in(JUKI, "外字コード,使用開始日\nF040,2020-04-01\n")
    cities.decide(f"{JUKI}/F040", "MJ030196")
    cities.decide(f"{JUKI}/F042", "new")
    cities.publish()
    for release in releases.all_releases(session):
        assert releases.recompute(session, release) == release.digest
    old = releases.mapping(session, JUKI, releases.find_release(session, 1))
    new = releases.mapping(session, JUKI, releases.find_release(session, 2))
    assert [(row.character, row.valid_to) for row in old.rows] == [("MJ026190", None)]
    assert [(row.code, row.character, row.valid_to) for row in new.rows] == [
        (b"\xf0\x40", "MJ026190", date(2020, 3, 31)),
        (b"\xf0\x40", "MJ030196", None),
        (b"\xf0\x42", "OM000001", None),
    ]
    assert [row.character for row in new.at(date(2019, 1, 1)).meanings(b"\xf0\x40")] == ["MJ026190"]
    assert old.repertoire.get("OM000001") is None
    council = new.repertoire.get("OM000001")
    assert council is not None
    assert council.allocation == 0xF0000


def test_an_unpublished_import_changes_no_published_answer(
    session: Session, cities: Council
) -> None:
    cities.publish()
    code_set = members.find_code_set(session, JUKI)
    before = characters.show_local_code(session, code_set, "F040", 1, work=False)
    cities.take_in(JUKI, "外字コード,使用開始日\nF040,2030-01-01\n")
    assert characters.show_local_code(session, code_set, "F040", 1, work=False) == before
    assert characters.local_glyph(session, code_set, "F040", 1) == before.glyph


def test_a_slot_used_again_ends_the_old_meaning_at_the_next_release(
    session: Session, cities: Council
) -> None:
    cities.publish()
    cities.take_in(JUKI, "外字コード,使用開始日\nF040,2020-04-01\n")
    assert cities.publish() == 2
    old, new = (
        releases.mapping(session, JUKI, releases.find_release(session, number)) for number in (1, 2)
    )
    assert [row.character for row in old.meanings(b"\xf0\x40")] == ["MJ026190"]
    assert new.meanings(b"\xf0\x40") == ()
    assert [row.character for row in new.at(date(2020, 3, 31)).meanings(b"\xf0\x40")] == [
        "MJ026190"
    ]


def test_only_characters_without_ucs_and_ivs_are_given_a_code_point(
    session: Session, cities: Council
) -> None:
    cities.decide(f"{JUKI}/F041", "MJ022335")  # 葛, an IVS only
    cities.decide(f"{ZEI}/F041", "new")
    cities.publish()
    assert list(allocation.points(session, "unicode")) == ["OM000001"]


def test_what_jis_x_0208_lacks_is_given_a_code_point_of_the_bmp_in_every_release(
    session: Session, cities: Council
) -> None:
    cities.decide(f"{JUKI}/F041", "MJ022335")  # 葛, an IVS only
    cities.decide(f"{ZEI}/F041", "new")
    cities.publish()
    first = allocation.points(session, "pua")
    own = {
        releases.repertoire(session, releases.find_release(session, 1)).forms[one].ucs
        for one in first
    }
    assert {"髙", "﨑"} <= own  # the extensions of CP932 have theirs in every council
    assert not own & {"葛", "邉"}
    assert len(first) == 362
    assert [first["MJ022335"], first["OM000001"]] == [0xE000 + 360, 0xE000 + 361]
    cities.decide(f"{JUKI}/F042", "MJ026191")
    cities.publish()
    second = allocation.points(session, "pua")
    assert {one: second[one] for one in first} == first
    assert second["MJ026191"] == max(first.values()) + 1
    for number in (1, 2):
        release = releases.find_release(session, number)
        assert releases.recompute(session, release) == release.digest


def test_a_digest_depends_on_the_glyph_too(session: Session, cities: Council) -> None:
    cities.publish()
    cities.take_in(JUKI, drawn=["F042"])
    cities.publish()
    assert releases.unchanged(session, 1, 2) == [ZEI]


def test_a_mapping_converts(session: Session, cities: Council) -> None:
    cities.publish()
    mapping = releases.mapping(session, JUKI, releases.find_release(session, "latest"))
    written = Conversion(mapping, "juki").resolver.resolve(b"\xf0\x40")
    assert (written.out, written.character) == (b"\x90\x89", "MJ026190")


@pytest.mark.parametrize("number", [0, 9, "x", "-1", "latest"])
def test_an_unknown_release_is_named(session: Session, number: int | str) -> None:
    with pytest.raises(UnknownRelease, match=str(number)):
        releases.find_release(session, number)


def test_every_publication_is_one_act(session: Session, cities: Council) -> None:
    cities.publish()
    last = journal.entries(session)[-1]
    assert (last.action, last.subject) == ("release.publish", "1")
    release = releases.find_release(session, 1)
    assert json.loads(last.body)["after"]["digest"] == release.digest
    assert session.scalar(select(func.count()).select_from(Release)) == 1
