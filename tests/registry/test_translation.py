"""Single codes: all matches, both directions, nothing guessed."""

from datetime import date

import pytest
from sqlalchemy.orm import Session

from gaiji.errors import BadName, CodeOutsideArea, UnknownRelease, UnmappedCode
from gaiji.registry.translation import translate
from tests.council import KUSATSU, RITTO, Council

JUKI, ZEI = "252069/juki", "252085/zei"


@pytest.fixture
def cities(council: Council) -> Council:
    for code, name, address in ((KUSATSU, "草津市", JUKI), (RITTO, "栗東市", ZEI)):
        council.add(code, name)
        council.code_set(address)
        council.take_in(address, "外字コード\nF040\nF041\nF042\n")
    council.decide(f"{JUKI}/F040", "MJ026190")
    council.decide(f"{JUKI}/F041", "MJ022335")
    council.decide(f"{ZEI}/F041", "MJ026190")
    council.decide(f"{ZEI}/F042", "MJ026190", "design-difference")
    council.publish()
    return council


def matches(session: Session, from_: str, to: str, code: str) -> list[tuple[str | None, str]]:
    (found,) = translate(session, from_, to, [code]).results
    return [(match.code, match.relationship) for match in found.matches]


@pytest.mark.parametrize(
    ("from_", "to", "code", "expected"),
    [
        (JUKI, "juki", "F040", "J+9089"),
        (JUKI, "unicode", "F040", "U+9089"),
        (JUKI, "mj", "F040", "MJ026190"),
        (JUKI, "x0213", "F040", "1-78-21"),
        (JUKI, "unicode", "F041", "U+845B U+E0102"),
        ("juki", JUKI, "J+9089", "F040"),
        ("unicode", JUKI, "邉", "F040"),
        ("unicode", JUKI, "U+9089 U+E010F", "F040"),
        ("mj", JUKI, "MJ026190", "F040"),
        ("x0213", "juki", "1-78-21", "J+9089"),
        ("juki", "mj", "J+6569", "MJ037321"),
        ("juki", "mj", "J+670A", "MJ003774"),
        ("juki", "mj", "J+6730", "MJ013582"),
        (JUKI, "mj", "8A8B", "MJ022335"),
        (JUKI, "juki", "8140", "J+3000"),
        (JUKI, "x0213", "8260", "1-03-33"),
        ("unicode", JUKI, "Ａ", "8260"),
        ("juki", "unicode", "J+3042", "U+3042"),
        ("unicode", "unicode-svs", "神", "U+795E"),
        ("unicode", "unicode-svs", "\ufa19", "U+795E U+FE00"),
    ],
)
def test_a_code_is_translated(
    session: Session, cities: Council, from_: str, to: str, code: str, expected: str
) -> None:
    assert expected in [match for match, _ in matches(session, from_, to, code)]


def test_all_matches_are_given_the_strongest_first(session: Session, cities: Council) -> None:
    assert matches(session, JUKI, ZEI, "F040") == [
        ("F041", "equivalent"),
        ("E7B3", "equivalent"),  # 邉 in the standard area
        ("F042", "design-difference"),
    ]


def test_results_come_in_the_order_asked_and_unmapped_codes_say_so(
    session: Session, cities: Council
) -> None:
    found = translate(session, JUKI, "juki", ["F042", "F040", "F042"])
    assert [(one.code, one.unmapped) for one in found.results] == [
        ("F042", True),
        ("F040", False),
        ("F042", True),
    ]
    with pytest.raises(UnmappedCode, match="F042"):
        translate(session, JUKI, "juki", ["F040", "F042"], on_unmapped="error")


def test_a_day_picks_the_meaning_in_force(session: Session, cities: Council) -> None:
    cities.take_in(JUKI, "外字コード,使用開始日\nF040,2020-04-01\n")
    cities.decide(f"{JUKI}/F040", "MJ030196")
    cities.publish()
    now = translate(session, JUKI, "mj", ["F040"]).results[0]
    then = translate(session, JUKI, "mj", ["F040"], as_of=date(2010, 1, 1)).results[0]
    first = translate(session, JUKI, "mj", ["F040"], release=1).results[0]
    assert [m.code for m in now.matches] == ["MJ030196"]
    assert [m.code for m in then.matches] == ["MJ026190"]
    assert [m.code for m in first.matches] == ["MJ026190"]


def test_a_sequence_of_another_collection_is_unmapped_never_stripped(
    session: Session, cities: Council
) -> None:
    assert matches(session, "unicode", "mj", "葛\U000e0100") == []


@pytest.mark.parametrize(
    ("from_", "code", "error"),
    [
        ("juki", "9089", BadName),
        ("mj", "MJ1", BadName),
        ("unicode", "あいう", BadName),
        ("x0213", "3-1-1", BadName),
        (JUKI, "F0", CodeOutsideArea),
        (JUKI, "ZZ", BadName),
        ("utf", "F040", BadName),
    ],
)
def test_a_code_that_cannot_be_read_is_refused(
    session: Session, cities: Council, from_: str, code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        translate(session, from_, "mj", [code])


def test_a_release_without_the_code_set_is_named(session: Session, cities: Council) -> None:
    cities.code_set("252069/zei")
    with pytest.raises(UnknownRelease):
        translate(session, "252069/zei", "mj", ["F040"])
