"""Municipality codes, members and code sets."""

import pytest
from sqlalchemy.orm import Session

from gaiji.errors import (
    AlreadyRegistered,
    BadMemberCode,
    BadName,
    Conflict,
    UnknownCodeSet,
    UnknownMember,
)
from gaiji.registry import members
from tests.council import KOKA, KUSATSU, ME, Council

# 総務省の一覧にある実在のコード
REAL = [
    "011002",
    "131016",
    "131041",
    "231002",
    "252018",
    "252026",
    "252034",
    "252042",
    "252051",
    "252069",
    "252077",
    "252085",
    "252093",
    "252107",
    "252115",
    "252123",
    "252131",
    "252140",
    "261009",
    "271004",
    "281000",
    "401307",
    "473821",
    "472018",
]


@pytest.mark.parametrize("code", REAL)
def test_a_real_municipality_code_has_the_right_check_digit(code: str) -> None:
    assert members.check_member_code(code) == code


@pytest.mark.parametrize("code", REAL)
def test_every_other_check_digit_is_refused(code: str) -> None:
    for digit in set("0123456789") - {code[5]}:
        with pytest.raises(BadMemberCode, match=code[5]):
            members.check_member_code(code[:5] + digit)


@pytest.mark.parametrize("code", ["25206", "2520690", "25206x", "２５２０６９", "", "25 206"])
def test_what_is_not_six_digits_is_no_municipality_code(code: str) -> None:
    with pytest.raises(BadMemberCode):
        members.check_member_code(code)


def test_a_member_is_registered_once(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    with pytest.raises(AlreadyRegistered):
        council.add(KUSATSU, "草津市")
    assert [member.name for member in members.all_members(session)] == ["草津市"]


def test_a_candidate_joins_and_stays(session: Session, council: Council) -> None:
    council.add(KOKA, "甲賀市", candidate=True)
    assert not members.change_member(session, ME, KOKA, candidate=False).candidate
    with pytest.raises(Conflict):
        members.change_member(session, ME, KOKA, candidate=True)


def test_a_merged_member_names_its_successor(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    council.add(KOKA, "甲賀市")
    assert members.change_member(session, ME, KOKA, successor=KUSATSU).successor == KUSATSU
    with pytest.raises(UnknownMember):
        members.change_member(session, ME, KOKA, successor="252018")


def test_a_code_set_keeps_its_own_options_and_areas(session: Session, council: Council) -> None:
    council.add(KUSATSU, "草津市")
    members.add_code_set(
        session,
        ME,
        "252069/jef",
        charset_name="jef",
        system="福祉",
        group="社会保障系",
        options={"jis": 83},
        areas=[{"first": "80A1", "last": "80FE", "trails": [[0xA1, 0xFE]], "image": "U+E92E"}],
    )
    found = members.charset_of(session, members.find_code_set(session, "252069/jef"))
    assert (found.jis, found.user_count, found.image_of(b"\x80\xa1")) == (83, 94, 0xE92E)


@pytest.mark.parametrize(
    "address", ["252069", "252069/", "252069/Juki", "252069/a b", "252069/juki/x"]
)
def test_a_bad_address_is_refused(session: Session, address: str) -> None:
    with pytest.raises(BadName):
        members.find_code_set(session, address)


def test_an_unknown_code_set_is_told_from_an_unknown_member(
    session: Session, council: Council
) -> None:
    with pytest.raises(UnknownMember):
        members.find_code_set(session, "252069/juki")
    council.add(KUSATSU, "草津市")
    with pytest.raises(UnknownCodeSet):
        members.find_code_set(session, "252069/juki")
    with pytest.raises(BadName, match="住民記録系"):
        council.code_set("252069/juki", group="人事系")
