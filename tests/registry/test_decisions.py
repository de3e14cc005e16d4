"""Decisions: a named actor decides, a policy is one too, and nothing is mapped before a release."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import BadName, Refused, Undecidable, UnknownCharacter, UnknownCode, UnknownPolicy
from gaiji.registry import characters, decisions, members, releases
from gaiji.registry.journal import Actor
from gaiji.registry.tables import Decision, MappingRow
from tests.council import KUSATSU, ME, Council, bdf

JUKI = "252069/juki"
LIST = "外字コード,MJ\nF040,MJ026190\nF041,MJ030196\nF042,\n"


@pytest.fixture
def city(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    council.take_in(JUKI, LIST, drawn=["F040", "F041", "F042"])
    return council


def shown(city: Council, code: str, release: int | None) -> tuple[str | None, str | None]:
    code_set = members.find_code_set(city.session, JUKI)
    found = characters.show_local_code(city.session, code_set, code, release)
    return found.character, found.relationship


def test_a_decision_waits_for_the_release(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    first = city.publish()
    city.decide(f"{JUKI}/F040", "MJ026191", "design-difference")
    assert shown(city, "F040", first) == ("MJ026190", "equivalent")
    assert shown(city, "F040", None) == ("MJ026191", "design-difference")
    second = city.publish()
    assert shown(city, "F040", first) == ("MJ026190", "equivalent")
    assert shown(city, "F040", second) == ("MJ026191", "design-difference")


def test_a_decision_that_was_never_published_leaves_no_trace_in_releases(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026191")
    city.decide(f"{JUKI}/F040", "MJ026190")
    number = city.publish()
    assert shown(city, "F040", number) == ("MJ026190", "equivalent")
    rows = city.session.scalars(select(MappingRow)).all()
    assert sorted((row.character, row.since) for row in rows) == [
        ("MJ026190", 1),
        ("MJ026191", None),
    ]


def test_returning_to_what_is_published_drops_the_pending_change(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    city.publish()
    city.decide(f"{JUKI}/F040", "MJ026191")
    city.decide(f"{JUKI}/F040", "MJ026190")
    assert shown(city, "F040", None) == ("MJ026190", "equivalent")

    assert releases.publish(city.session, ME) is None


def test_a_decided_no_ends_the_mapping_at_the_next_release(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    first = city.publish()
    city.decide(f"{JUKI}/F040", "MJ026190", "not-related")
    assert shown(city, "F040", first) == ("MJ026190", "equivalent")
    assert shown(city, "F040", None) == (None, None)
    second = city.publish()
    assert shown(city, "F040", second) == (None, None)


def test_the_same_decision_twice_is_refused(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    with pytest.raises(Undecidable, match="already"):
        city.decide(f"{JUKI}/F040", "MJ026190")


def test_a_substitute_needs_its_ground(city: Council) -> None:
    with pytest.raises(Undecidable, match="ground"):
        city.decide(f"{JUKI}/F040", "MJ026190", "substitute", ground="")


def test_a_refused_replacement_does_not_bring_the_old_character_back(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    city.publish()
    city.decide(f"{JUKI}/F040", "MJ026191")
    city.decide(f"{JUKI}/F040", "MJ026191", "not-related")
    assert shown(city, "F040", None) == (None, None)
    city.publish()
    assert shown(city, "F040", 2) == (None, None)
    assert shown(city, "F040", 1) == ("MJ026190", "equivalent")


def test_a_ground_can_be_given_later(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190", "substitute", ground="通達")
    city.publish()
    with pytest.raises(Undecidable, match="already"):
        city.decide(f"{JUKI}/F040", "MJ026190", "substitute", ground="通達 ")
    city.decide(f"{JUKI}/F040", "MJ026190", "substitute", ground="告示582号")
    assert city.publish() == 2
    assert shown(city, "F040", 2) == ("MJ026190", "substitute")


def test_a_code_is_given_one_character_of_the_councils_own(city: Council) -> None:
    city.decide(f"{JUKI}/F042", "new")
    with pytest.raises(Undecidable, match="OM000001 already"):
        city.decide(f"{JUKI}/F042", "new")
    with pytest.raises(Undecidable, match="ground"):
        city.decide(f"{JUKI}/F041", "new", ground=" ")


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_nobody_acts_without_a_name(name: str) -> None:
    with pytest.raises(BadName, match="actor"):
        Actor(name, "operator")


@pytest.mark.parametrize("relationship", ["unknown", "same", ""])
def test_only_the_known_relationships_can_be_decided(city: Council, relationship: str) -> None:
    with pytest.raises(BadName):
        city.decide(f"{JUKI}/F040", "MJ026190", relationship)


def test_unknown_codes_and_characters_are_told_apart(city: Council) -> None:
    with pytest.raises(UnknownCode):
        city.decide(f"{JUKI}/F9FC", "MJ026190")
    with pytest.raises(UnknownCharacter):
        city.decide(f"{JUKI}/F040", "MJ999999")


def test_the_councils_own_characters_are_numbered_and_get_a_code_point(
    session: Session, city: Council
) -> None:
    assert city.decide(f"{JUKI}/F042", "new") == "OM000001"
    assert city.decide(f"{JUKI}/F041", "new") == "OM000002"
    city.publish()
    assert characters.show_character(session, "OM000001").ucs == "U+F0000"
    assert characters.show_character(session, "OM000002").text == "\U000f0001"
    city.decide(f"{JUKI}/F042", "OM000001", "not-related")
    city.decide(f"{JUKI}/F040", "new")
    city.publish()
    assert characters.show_character(session, "OM000003").ucs == "U+F0002"


def test_a_policy_decides_only_what_it_covers_and_only_when_switched_on(city: Council) -> None:
    with pytest.raises(Refused, match="switched off"):
        decisions.decide_by_policy(city.session, ME, JUKI, "exact-mj-name")
    decisions.switch_policy(city.session, ME, "exact-mj-name", True)
    done = decisions.decide_by_policy(city.session, ME, JUKI, "exact-mj-name")
    assert (done.count, done.left) == (2, {"no-such-evidence": 1})
    actors = set(city.session.scalars(select(Decision.actor)))
    assert actors == {"policy:exact-mj-name"}
    again = decisions.decide_by_policy(city.session, ME, JUKI, "exact-mj-name")
    assert (again.count, again.left["decided-already"]) == (0, 2)


def test_a_policy_leaves_disagreeing_sources_and_refused_characters_alone(city: Council) -> None:
    city.take_in(JUKI, cs_table="外字コード,住基コード\nF040,J+FA11\n")
    city.take_in(
        JUKI,
        "外字コード,MJ\nF043,MJ026190\n",
        cs_table="外字コード,住基コード\nF043,J+FA11\n",
    )
    city.decide(f"{JUKI}/F041", "MJ030196", "not-related")
    decisions.switch_policy(city.session, ME, "exact-mj-name", True)
    done = decisions.decide_by_policy(city.session, ME, JUKI, "exact-mj-name")
    assert done.left["sources-disagree"] == 2
    assert done.left["refused"] == 1
    assert done.count == 0


def test_a_cs_table_is_a_substitute_never_an_equivalent(city: Council) -> None:
    city.take_in(JUKI, cs_table="外字コード,住基コード\nF042,J+6569\n")
    decisions.switch_policy(city.session, ME, "juki-as-transmitted", True)
    decisions.decide_by_policy(city.session, ME, JUKI, "juki-as-transmitted")
    assert shown(city, "F042", None) == ("MJ037321", "substitute")


def test_an_unknown_policy_is_named(city: Council) -> None:
    with pytest.raises(UnknownPolicy, match="guess"):
        decisions.decide_by_policy(city.session, ME, JUKI, "guess")


def test_the_public_history_holds_only_what_a_release_holds(city: Council) -> None:
    city.decide(f"{JUKI}/F040", "MJ026190")
    city.publish()
    city.decide(f"{JUKI}/F041", "MJ026190", "substitute", ground="未公布")
    shown_to = {
        work: [act.subject for act in characters.history(city.session, "MJ026190", work=work)]
        for work in (True, False)
    }
    assert shown_to[True] == [f"{JUKI}/F040", f"{JUKI}/F041"]
    assert shown_to[False] == [f"{JUKI}/F040"]


def test_a_character_of_the_councils_own_keeps_the_glyph_it_was_made_for(city: Council) -> None:
    own = city.decide(f"{JUKI}/F042", "new")
    made_for = characters.find_character(city.session, own).glyph
    code_set = members.find_code_set(city.session, JUKI)
    assert made_for == characters.local_glyph(city.session, code_set, "F042", None)
    city.decide(f"{JUKI}/F040", own, "substitute")
    city.publish()
    city.take_in_font(JUKI, "again.bdf", bdf(["F041"]))
    assert characters.find_character(city.session, own).glyph == made_for
