"""Rows of many code sets: which codes, which meaning, which uses."""

from datetime import date

import pytest

from gaiji.charset.usage import count_file
from gaiji.errors import UnknownCodeSet, UnknownMember, UnknownRelease
from gaiji.registry import decisions, members
from gaiji.registry.listing import Used, chosen_sets, used_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.releases import find_release
from gaiji.registry.usage import record_counts
from tests.council import KOKA, KUSATSU, ME, RITTO, Council

JUKI, ZEI = f"{KUSATSU}/juki", f"{RITTO}/zei"
NABE, SAKI = "MJ026190", "MJ030196"
REUSED = f"code,mj,valid_from,valid_to\nF040,{NABE},,2019-03-31\nF040,{SAKI},2019-04-01,\nF041,,,\n"


@pytest.fixture
def filled(council: Council) -> Council:
    for member, candidate in ((KUSATSU, False), (RITTO, False), (KOKA, True)):
        council.add(member, member, candidate=candidate)
    council.code_set(JUKI)
    council.code_set(f"{KOKA}/juki")
    moved = {"first": "80A1", "last": "81FE", "trails": [[0xA1, 0xFE]], "image": "U+E92E"}
    members.add_code_set(
        council.session,
        ME,
        ZEI,
        charset_name="jef",
        system="固定資産税",
        group="税系",
        areas=[moved],
    )
    council.take_in(JUKI, REUSED)
    council.take_in(ZEI, f"code,mj\n80A1,{NABE}\n")
    council.take_in(f"{KOKA}/juki", f"code,mj\nF040,{NABE}\n")
    council.decide(f"{ZEI}/80A1", NABE, "substitute")
    council.publish()
    return council


def rows(council: Council, release: int | None = None, day: date | None = None) -> list[Used]:
    edition = find_release(council.session, release) if release else None
    return list(used_rows(council.session, chosen_sets(council.session, edition), release, day))


def test_every_code_is_there_once_with_the_image_its_code_set_declares(filled: Council) -> None:
    found = {one.subject: one for one in rows(filled)}
    assert list(found) == [f"{JUKI}/F040", f"{JUKI}/F041", f"{ZEI}/80A1", f"{KOKA}/juki/F040"]
    moved = found[f"{ZEI}/80A1"]
    assert (moved.image, moved.charset, moved.member) == (0xE92E, "jef", RITTO)
    assert (moved.character, moved.relationship) == (NABE, "substitute")


def test_a_reused_slot_means_what_it_meant_that_day(filled: Council) -> None:
    for first, character in ((date.min, NABE), (date(2019, 4, 1), SAKI)):
        decisions.decide(
            filled.session,
            ME,
            JUKI,
            "F040",
            character,
            "equivalent",
            ground="目視",
            valid_from=first,
        )
    filled.publish()

    def meaning(release: int, day: date | None) -> list[str | None]:
        found = rows(filled, release, day)
        return [one.character for one in found if one.subject == f"{JUKI}/F040"]

    assert meaning(2, date(2019, 3, 31)) == [NABE]
    assert meaning(2, date(2019, 4, 1)) == meaning(2, None) == [SAKI]
    assert meaning(1, None) == [None]


def test_uses_are_none_until_something_was_counted_and_for_whom_they_may_be_told(
    filled: Council,
) -> None:
    assert {one.uses for one in rows(filled)} == {None}
    path = filled.settings.home / "residents.txt"
    path.write_bytes(b"\xf0\x41\xf0\x41\n")
    charset = charset_of(filled.session, find_code_set(filled.session, JUKI))
    record_counts(filled.session, ME, JUKI, [count_file(str(path), charset, None)])
    assert {one.subject: one.uses for one in rows(filled) if one.code_set == JUKI} == {
        f"{JUKI}/F040": 0,
        f"{JUKI}/F041": 2,
    }
    assert {one.uses for one in rows(filled) if one.code_set == ZEI} == {None}
    sets = chosen_sets(filled.session, None)
    hidden = used_rows(filled.session, sets, None, counted=[RITTO])
    assert {one.uses for one in hidden} == {None}


def test_code_sets_are_chosen_by_name_member_system_and_release(filled: Council) -> None:
    session = filled.session

    def chosen(release: int | None = None, **asked: object) -> list[str]:
        edition = find_release(session, release) if release else None
        return [one.address for one in chosen_sets(session, edition, **asked)]  # type: ignore[arg-type]

    assert chosen() == [JUKI, ZEI, f"{KOKA}/juki"]
    assert chosen(1) == [JUKI, ZEI]
    assert chosen(members=[RITTO], code_sets=[JUKI]) == []
    assert chosen(members=[KUSATSU, RITTO], code_sets=[JUKI]) == [JUKI]
    assert chosen(group="税系") == chosen(system="固定資産税") == [ZEI]
    assert chosen(members=[KUSATSU], group="税系") == []
    with pytest.raises(UnknownRelease):
        chosen(1, members=[KOKA])
    with pytest.raises(UnknownMember):
        chosen(members=["252107"])
    with pytest.raises(UnknownCodeSet):
        chosen(code_sets=[f"{KUSATSU}/none"])
