"""A plan for a shared CS server: classes, ways back, points, rules, moves; what is asked and never chosen."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from gaiji.charset.conversion import Conversion, Pair
from gaiji.charset.cutover import Plan, PlanRow, Rule
from gaiji.charset.mapping import Forms, Reduction, Repertoire
from gaiji.errors import (
    AreaFull,
    BadInput,
    BadName,
    Conflict,
    JournalBroken,
    Refused,
    Undecidable,
    UnknownPlan,
    UnknownRelease,
    UnknownSite,
)
from gaiji.registry import adoption, allocation, cutover, journal, members, releases, replay, schema
from gaiji.registry.db import today
from gaiji.registry.tables import Entry
from gaiji.report.cutover import make_again, make_plan, room
from gaiji.report.cutover_tables import plan_shape
from gaiji.report.moving import moving_order
from gaiji.report.planning import proposed_reduction
from gaiji.settings import Settings
from tests.council import KOKA, KUSATSU, ME, RITTO, Council
from tests.report.conftest import seed_reference

DAY = date(2026, 11, 23)
MOVED = today()  # the day on which these tests publish
JUKI, ZEI = "252069/juki", "252085/zei"
DECIDED = {
    "F040": ("MJ026190", "equivalent"),
    "F041": ("MJ026190", "design-difference"),
    "F042": ("MJ000001", "substitute"),
    "F043": ("MJ000001", "substitute"),
    "F044": ("MJ030196", "equivalent"),
    "F045": ("new", "equivalent"),
    "F047": ("MJ000003", "equivalent"),
    "F048": ("MJ000002", "substitute"),
    "F049": ("MJ000003", "substitute"),
}
CS_TABLE = (
    "外字コード,住基ネット統一文字コード\nF040,J+9089\nF047,J+3402\nF046,J+AC05\nF048,J+E000\n"
)


@pytest.fixture
def joined(council: Council) -> Council:
    """Kusatsu with every kind of way back, Ritto with two codes, in release 1; a server of 16 code points."""
    return fill(council)


def fill(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    codes = [*DECIDED, "F046"]
    council.take_in(JUKI, "外字コード\n" + "\n".join(codes) + "\n", CS_TABLE, drawn=codes)
    for code, (character, relationship) in DECIDED.items():
        council.decide(f"{JUKI}/{code}", character, relationship)
    council.add(RITTO, "栗東市")
    council.code_set(ZEI, "住民税", "税系")
    council.take_in(ZEI, "外字コード\nF040\nF041\nF046\n", drawn=("F046",))
    council.decide(f"{ZEI}/F040", "MJ000003")
    council.decide(f"{ZEI}/F041", "GJ000001")
    council.publish()
    adoption.add_site(council.session, ME, "server:cs1", options={"area": "E000-E00F"})
    return council


def planned(
    council: Council, *names: str, release: int | str = "latest", accept: str | None = None
) -> Plan:
    chosen = names or (KUSATSU, RITTO)
    return make_plan(council.session, ME, "cs1", chosen, release=release, as_of=DAY, accept=accept)


def row(plan: Plan, subject: str) -> PlanRow:
    (found,) = (one for one in plan.rows if one.subject == subject)
    return found


def backs(plan: Plan, address: str = JUKI) -> dict[str, str | None]:
    return {one.code.hex().upper(): one.back for one in plan.rows_of(address)}


def conversion(council: Council, plan: Plan, address: str) -> Pair:
    release = releases.find_release(council.session, plan.release)
    mapping = releases.mapping(council.session, address, release, as_of=plan.as_of)
    return Conversion(mapping, "juki", cutover=plan.cutover()).way


# --- what becomes of every code


def test_the_three_classes_add_up_to_the_registered_codes(joined: Council) -> None:
    plan = planned(joined)
    assert plan.counts(JUKI) == {"mapped": 8, "residual": 1, "undecided": 1}
    assert plan.counts(ZEI) == {"mapped": 1, "residual": 1, "undecided": 1}
    assert plan.counts() == {"mapped": 9, "residual": 2, "undecided": 2}


def test_a_mapped_code_has_a_juki_code_and_a_residual_one_a_point_of_the_server(
    joined: Council,
) -> None:
    plan = planned(joined)
    assert (row(plan, f"{JUKI}/F040").juki, row(plan, f"{JUKI}/F040").point) == (0x9089, None)
    assert plan.points == {"GJ000001": 0xE000, "OM000001": 0xE001}
    residual = row(plan, f"{JUKI}/F045")
    assert (residual.juki, residual.point, residual.back) == (None, 0xE001, "exact")
    assert (residual.actor, residual.ground, residual.how) == (ME.name, "目視", "person")
    assert residual.glyph is not None


def test_every_ambiguity_is_asked_and_nothing_is_chosen_without_a_rule(joined: Council) -> None:
    plan = planned(joined)
    assert backs(plan) == {
        "F040": "ask",
        "F041": "ask",
        "F042": "ask",
        "F043": "ask",
        "F044": "ask",
        "F045": "exact",
        "F046": None,
        "F047": "exact",
        "F048": "one-way",
        "F049": "one-way",
    }
    kinds = {one.kind: one for one in plan.ambiguities}
    assert {kind: [code.hex() for code in one.codes] for kind, one in kinds.items()} == {
        "two-codes": ["f040", "f041"],
        "only-substitutes": ["f042", "f043"],
        "standard-and-local": ["f044"],
    }
    assert kinds["standard-and-local"].standard == b"\xfa\xb1"
    assert kinds["two-codes"].sent == 0x9089
    assert len(plan.open) == 3
    assert not any(plan.cutover().back.values())


def test_the_row_says_what_conversion_does_both_ways(joined: Council) -> None:
    plan = planned(joined)
    for address in (JUKI, ZEI):
        way = conversion(joined, plan, address)
        for one in plan.rows_of(address):
            sent = way.step(one.code).out
            assert sent == (one.sent.to_bytes(2) if one.sent is not None else None)
            if sent is not None:
                returns = way.back.step(sent).out == one.code
                assert returns == (one.back in ("exact", "rule")), one


def test_undecided_codes_say_why(joined: Council) -> None:
    joined.take_in(JUKI, "外字コード,MJ文字図形名,使用開始日,使用終了日\nF050,MJ000001,,\n")
    joined.take_in(JUKI, "外字コード,使用開始日,使用終了日\nF051,2020-04-01,2021-03-31\n")
    joined.take_in(
        JUKI,
        "外字コード,MJ文字図形名\nF052,MJ000002\nF053,MJ000003\n",
        "外字コード,住基コード\nF053,J+3402\n",
    )
    joined.decide(f"{JUKI}/F052", "MJ000002", "not-related")
    joined.publish()
    joined.take_in(JUKI, "外字コード\nF054\n")
    plan = planned(joined)
    reasons = {one.code.hex().upper(): one.reason for one in plan.rows_of(JUKI) if one.reason}
    assert reasons == {
        "F046": "no-source",
        "F050": "not-decided",
        "F051": "not-in-force",
        "F052": "refused",
        "F053": "contradiction",
        "F054": "not-in-release",
    }
    assert plan.counts(JUKI).total() == 15
    assert all(one.character is None and one.sent is None for one in plan.rows if one.reason)


def test_a_reused_slot_is_planned_by_its_meaning_on_the_day(joined: Council) -> None:
    joined.take_in(JUKI, "外字コード,使用開始日\nF047,2027-04-01\n")
    joined.decide(f"{JUKI}/F047", "MJ000002")
    joined.publish()
    now = planned(joined)
    later = make_plan(
        joined.session, ME, "cs1", [KUSATSU], release="latest", as_of=date(2027, 4, 1)
    )
    assert row(now, f"{JUKI}/F047").character == "MJ000003"
    found = row(later, f"{JUKI}/F047")
    assert (found.character, found.valid_from) == ("MJ000002", date(2027, 4, 1))


def test_where_today_sends_something_else_the_row_says_so(joined: Council) -> None:
    plan = planned(joined)
    assert (row(plan, f"{JUKI}/F047").today, row(plan, f"{JUKI}/F047").juki) == (0x3402, 0x3404)
    changes = [one.subject for one in plan.rows if one.changes]
    assert changes == [f"{JUKI}/F046", f"{JUKI}/F047"]
    assert row(plan, f"{JUKI}/F041").today is None


def test_juki_codes_outside_the_reference_set_are_listed_as_such(joined: Council) -> None:
    plan = planned(joined)
    found = [(one.kind, one.subject, one.juki, one.record) for one in plan.outside]
    assert found == [
        ("outside-juki", JUKI, "J+E000", 5),
        ("outside-reference", f"{JUKI}/F046", "J+AC05", 4),
    ]
    finding = plan.outside[1].finding()
    assert (finding.code, finding.level, finding.subject) == (
        "outside-reference",
        "warning",
        f"{JUKI}/F046",
    )
    assert "J+AC05" in finding.text.en


def test_a_reduction_is_proposed_by_rank_and_a_tie_is_told() -> None:
    repertoire = Repertoire(
        [
            Forms("MJ1", ucs="邉", juki=0x9089),
            Forms("MJ2", ucs="邊", juki=0x908A),
            Forms("MJ3", ucs="辺"),
        ]
    )
    one = Reduction("邊", None, "告示", 2)
    other = Reduction("邉", None, "通知", 1)
    outside = Reduction("辺", None, "類推", 1)
    unranked = Reduction("邊", None, "辞書", None)
    best = proposed_reduction(Forms("X", reductions=(outside, one, other, unranked)), repertoire)
    assert best is not None
    assert (best.character, best.juki, best.rank, best.ground) == ("MJ1", 0x9089, 1, "通知")
    tie = proposed_reduction(
        Forms("X", reductions=(one, Reduction("邉", None, "通知", 2))), repertoire
    )
    assert tie is not None
    assert (tie.character, tie.juki, tie.tied) == (None, None, ("MJ1", "MJ2"))
    assert proposed_reduction(Forms("X", reductions=(outside,)), repertoire) is None


# --- rules


def rule(council: Council, character: str, code: str | None, address: str = JUKI) -> Rule:
    chosen = bytes.fromhex(code) if code else None
    return cutover.add_rule(council.session, ME, "cs1", address, character, chosen, "窓口の決定")


def test_a_rule_makes_the_way_back_exact_and_conversion_follows_it(joined: Council) -> None:
    planned(joined)
    rule(joined, "MJ026190", "F041")
    rule(joined, "MJ000001", "F043")
    rule(joined, "MJ030196", "F044")
    plan = planned(joined)
    assert plan.number == 2
    assert not plan.open
    found = backs(plan)
    assert [found[code] for code in ("F040", "F041", "F042", "F043", "F044")] == [
        "one-way",
        "rule",
        "one-way",
        "rule",
        "rule",
    ]
    way = conversion(joined, plan, JUKI)
    for code in (b"\xf0\x41", b"\xf0\x43", b"\xf0\x44"):
        sent = way.step(code).out
        assert sent is not None
        assert way.back.step(sent).out == code
    assert plan.cutover().back[JUKI] == {
        "MJ026190": b"\xf0\x41",
        "MJ000001": b"\xf0\x43",
        "MJ030196": b"\xf0\x44",
    }


def test_accepting_one_way_settles_an_ambiguity_and_chooses_nothing(joined: Council) -> None:
    planned(joined)
    rule(joined, "MJ030196", None)
    plan = planned(joined)
    assert row(plan, f"{JUKI}/F044").back == "one-way"
    assert "MJ030196" not in {one.character for one in plan.open}
    way = conversion(joined, plan, JUKI)
    sent = way.step(b"\xf0\x44").out
    assert sent is not None
    assert way.back.step(sent).out == b"\xfa\xb1"


def test_a_lone_substitute_may_be_chosen_to_come_back(joined: Council) -> None:
    planned(joined)
    rule(joined, "MJ000002", "F048")
    plan = planned(joined)
    assert row(plan, f"{JUKI}/F048").back == "rule"


@pytest.mark.parametrize(
    ("character", "code"),
    [
        ("MJ026190", "F047"),  # another character's code
        ("MJ000003", "F047"),  # comes back by itself
        ("MJ000003", "F049"),  # a substitute beside an exact code
        ("MJ000003", None),  # nothing to accept
        ("MJ000002", None),  # a lone substitute has nothing to accept
        ("GJ000001", None),  # not in this code set
    ],
)
def test_a_rule_that_answers_nothing_is_refused(
    joined: Council, character: str, code: str | None
) -> None:
    planned(joined)
    with pytest.raises(Undecidable):
        rule(joined, character, code)
    assert not cutover.rules_of(joined.session, "cs1")


def test_a_refused_rule_names_codes_only_where_one_could_be_chosen(joined: Council) -> None:
    planned(joined)
    with pytest.raises(Undecidable, match="to choose from: F040, F041"):
        rule(joined, "MJ026190", "F047")
    with pytest.raises(Undecidable, match="to choose from: F048"):
        rule(joined, "MJ000002", "F047")
    with pytest.raises(Undecidable, match="nothing is ambiguous") as caught:
        rule(joined, "MJ000003", "F040")
    assert "choose from" not in caught.value.text.en


def test_rules_need_a_plan_that_asks_them(joined: Council) -> None:
    with pytest.raises(UnknownPlan):
        rule(joined, "MJ026190", "F040")
    planned(joined, RITTO)
    with pytest.raises(Undecidable, match="not part of cutover plan"):
        rule(joined, "MJ026190", "F040")


def test_a_new_rule_takes_the_place_of_an_earlier_one_and_the_same_again_is_no_act(
    joined: Council,
) -> None:
    planned(joined)
    rule(joined, "MJ026190", "F041")
    serial = journal.head(joined.session).serial
    rule(joined, "MJ026190", "F041")
    assert journal.head(joined.session).serial == serial
    rule(joined, "MJ026190", "F040")
    assert planned(joined).cutover().back == {JUKI: {"MJ026190": b"\xf0\x40"}}


def test_a_rule_that_answers_nothing_any_more_is_left_out(joined: Council) -> None:
    planned(joined)
    rule(joined, "MJ026190", "F041")
    joined.decide(f"{JUKI}/F041", "MJ000002", "equivalent")
    joined.publish()
    plan = planned(joined)
    assert not plan.rules
    (asked,) = (one for one in plan.ambiguities if one.character == "MJ026190")
    assert (asked.kind, asked.codes) == ("standard-and-local", (b"\xf0\x40",))


# --- points, digests, plans one after the other


def test_the_same_plan_again_is_not_kept_twice(joined: Council) -> None:
    first = planned(joined)
    serial = journal.head(joined.session).serial
    assert planned(joined) == first
    assert journal.head(joined.session).serial == serial
    assert [one.number for one in cutover.all_plans(joined.session, "cs1")] == [1]


def test_what_no_digest_covers_makes_another_plan_when_it_changed(joined: Council) -> None:
    first = planned(joined)
    joined.take_in(ZEI, "外字コード\nF0A0\n", "外字コード,住基コード\nF040,J+4E00\nF041,J+AC05\n")
    again = planned(joined)
    assert (again.number, again.digest) == (2, first.digest)
    assert again.counts(ZEI).total() == first.counts(ZEI).total() + 1 == 4
    assert row(again, f"{ZEI}/F040").today == 0x4E00
    assert {one.code_set for one in again.outside} == {JUKI, ZEI}
    assert cutover.find_plan(joined.session, "cs1") == again
    assert planned(joined).number == 2


def test_a_dry_run_shows_the_points_and_gives_none(joined: Council) -> None:
    serial = journal.head(joined.session).serial
    shown = make_plan(
        joined.session, ME, "cs1", [KUSATSU, RITTO], release=1, as_of=DAY, dry_run=True
    )
    assert journal.head(joined.session).serial == serial
    assert not allocation.points(joined.session, "server:cs1")
    assert shown.number == 0
    kept = planned(joined)
    assert (kept.points, kept.digest, kept.rows) == (shown.points, shown.digest, shown.rows)


def test_a_kept_plan_is_read_back_whole_and_made_again_with_the_same_digest(
    joined: Council,
) -> None:
    planned(joined)
    rule(joined, "MJ026190", "F041")
    plan = planned(joined)
    assert cutover.find_plan(joined.session, "cs1") == plan
    assert cutover.find_plan(joined.session, "cs1", 1).number == 1
    joined.take_in(JUKI, "外字コード\nF060\n")
    assert make_again(joined.session, plan).digest == plan.digest
    adoption.widen_area(joined.session, ME, "server:cs1", "E000-E0FF")
    assert make_again(joined.session, plan).digest == plan.digest
    with pytest.raises(UnknownPlan):
        cutover.find_plan(joined.session, "cs1", 3)


def test_a_later_member_changes_no_point_and_no_rows_of_the_others(joined: Council) -> None:
    first = planned(joined)
    joined.add(KOKA, "甲賀市", candidate=True)
    joined.code_set("252093/juki")
    joined.take_in("252093/juki", "外字コード\nF040\nF041\n")
    joined.decide("252093/juki/F040", "new")
    joined.decide("252093/juki/F041", "GJ000001")
    with pytest.raises(UnknownRelease):
        planned(joined, KUSATSU, RITTO, KOKA)
    members.change_member(joined.session, ME, KOKA, candidate=False)
    joined.publish()
    second = planned(joined, KUSATSU, RITTO, KOKA)
    assert first.points.items() < second.points.items()
    assert second.points["OM000002"] == 0xE002
    for address in first.code_sets:
        assert (
            first.manifest["code_sets"][address]["rows"]
            == (second.manifest["code_sets"][address]["rows"])
        )
    assert first.digest != second.digest


def test_a_plan_of_another_release_has_equal_rows_where_nothing_changed(joined: Council) -> None:
    first = planned(joined)
    joined.decide(f"{ZEI}/F046", "MJ000002")
    joined.publish()
    second = planned(joined)
    parts = [one.manifest["code_sets"] for one in (first, second)]
    assert parts[0][JUKI]["rows"] == parts[1][JUKI]["rows"]
    assert parts[0][ZEI]["rows"] != parts[1][ZEI]["rows"]


def test_an_area_too_small_says_how_many_are_missing_and_what_would_free_space(
    joined: Council,
) -> None:
    adoption.add_site(joined.session, ME, "server:cs2", options={"area": "E000-E000"})
    serial = journal.head(joined.session).serial
    with pytest.raises(AreaFull) as caught:
        make_plan(joined.session, ME, "cs2", [KUSATSU, RITTO], release=1, as_of=DAY)
    assert caught.value.extra == {
        "missing": 1,
        "room": {"unused": 0, "reducible": 0, "unified": 0, "wider": 6399},
    }
    assert "1 code points short" in caught.value.text.en
    assert "gaiji site widen server:cs2" in caught.value.text.en
    assert journal.head(joined.session).serial == serial


def test_a_widened_area_makes_room_and_moves_no_point(joined: Council) -> None:
    adoption.add_site(joined.session, ME, "server:cs2", options={"area": "E010-E010"})

    def made(*names: str) -> Plan:
        return make_plan(joined.session, ME, "cs2", names, release=1, as_of=DAY)

    first = made(KUSATSU)
    with pytest.raises(AreaFull) as caught:
        made(KUSATSU, RITTO)
    assert caught.value.extra["room"]["wider"] == 0xF8FF - 0xE010  # only what lies above
    adoption.widen_area(joined.session, ME, "server:cs2", "E010-E01F")
    second = made(KUSATSU, RITTO)
    assert second.points == {**first.points, "GJ000001": 0xE011}
    assert (second.area, first.area) == (range(0xE010, 0xE020), range(0xE010, 0xE011))


def test_only_a_server_is_told_to_widen_its_area(joined: Council) -> None:
    for scope, told in (("server:cs1", True), (allocation.PUA, False)):
        with pytest.raises(AreaFull) as caught:
            allocation.extend(joined.session, ME, scope, ["MJ999999"], range(0xE000, 0xE000))
        assert caught.value.extra["missing"] == 1
        assert ("gaiji site widen server:cs1" in caught.value.text.en) is told
        assert ("gaiji site widen server:cs1" in caught.value.text.ja) is told
        assert ("widen" in caught.value.text.en) is told


def test_a_character_whose_codes_ended_needs_no_point_any_more(joined: Council) -> None:
    joined.take_in(JUKI, "外字コード,使用終了日\nF045,2026-10-31\n")
    joined.publish()
    adoption.add_site(joined.session, ME, "server:cs2", options={"area": "E000-E000"})
    plan = make_plan(joined.session, ME, "cs2", [KUSATSU, RITTO], release="latest", as_of=DAY)
    assert plan.points == {"GJ000001": 0xE000}
    assert row(plan, f"{JUKI}/F045").reason == "not-in-force"


def test_what_would_free_space_counts_only_characters_without_a_point(joined: Council) -> None:
    plan = planned(joined)
    assert room(plan, ["OM000001"], {"OM000001", "OM000009"}) == (0, 0, 1, 6384)
    assert room(plan, [], set()).wider == 0xF8FF - 0xE00F
    unused = [one._replace(uses=0) for one in plan.rows]
    counted = Plan(**(vars(plan) | {"rows": tuple(unused)}))
    assert room(counted, ["OM000001", "GJ000001"], set()).unused == 2
    assert room(counted, ["OM000001"], set()).unused == 1


def test_names_that_are_not_there_are_refused(joined: Council) -> None:
    with pytest.raises(UnknownSite):
        make_plan(joined.session, ME, "cs9", [KUSATSU], release=1, as_of=DAY)
    joined.add("252042", "大津市")
    with pytest.raises(UnknownRelease, match="Not part of release 1: 252042; plan by a release"):
        make_plan(joined.session, ME, "cs1", [KUSATSU, "252042"], release=1, as_of=DAY)
    with pytest.raises(BadInput, match="no members"):
        make_plan(joined.session, ME, "cs1", [], release=1, as_of=DAY)
    with pytest.raises(BadInput, match=ZEI):
        make_plan(joined.session, ME, "cs1", [KUSATSU], release=1, as_of=DAY, code_sets=[JUKI, ZEI])
    named = [KUSATSU, RITTO]
    with pytest.raises(BadInput, match=f"No code set of {RITTO}"):
        make_plan(joined.session, ME, "cs1", named, release=1, as_of=DAY, code_sets=[JUKI])
    assert cutover.newest_plan(joined.session, "cs1") is None


# --- moving


def test_a_member_that_moved_is_held_and_its_changed_rows_are_named(joined: Council) -> None:
    first = planned(joined)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    assert cutover.moves(joined.session, "cs1") == {KUSATSU: (first.number, MOVED)}
    joined.decide(f"{JUKI}/F047", "MJ000002")
    joined.publish()
    with pytest.raises(Refused, match="252069/juki/F047") as caught:
        planned(joined)
    assert caught.value.extra["rows"] == [f"{JUKI}/F047"]
    with pytest.raises(BadName):
        planned(joined, accept=" ")
    accepted = planned(joined, accept="判定委員会 2026-11-23")
    assert accepted.manifest["accepted"] == {
        "members": [KUSATSU],
        "rows": [f"{JUKI}/F047"],
        "ground": "判定委員会 2026-11-23",
    }
    assert make_again(joined.session, accepted).digest == accepted.digest
    assert planned(joined) == accepted  # planning again does not take it back
    joined.decide(f"{ZEI}/F046", "MJ000001")
    joined.publish()
    assert planned(joined).number == 3  # what was accepted is what holds from then on


def test_what_the_server_said_nothing_of_is_added_to_a_member_that_moved(joined: Council) -> None:
    planned(joined)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    joined.take_in(JUKI, "外字コード\nF0A0\n")
    joined.publish()
    assert row(planned(joined), f"{JUKI}/F0A0").reason == "no-source"
    joined.decide(f"{JUKI}/F0A0", "new")
    joined.decide(f"{JUKI}/F046", "GJ000001")
    joined.publish()
    plan = planned(joined)
    assert "accepted" not in plan.manifest
    assert [row(plan, f"{JUKI}/{code}").sent for code in ("F0A0", "F046")] == [0xE002, 0xE000]
    assert plan.points["OM000001"] == 0xE001


def test_an_added_code_that_changes_the_way_back_of_another_is_refused(joined: Council) -> None:
    planned(joined)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    joined.decide(f"{JUKI}/F046", "MJ000003")
    joined.publish()
    with pytest.raises(Refused) as caught:
        planned(joined)
    came_back = [f"{JUKI}/F046", f"{JUKI}/F047"]  # F047 did by itself until now
    assert caught.value.extra["rows"] == came_back


def test_what_was_accepted_for_some_rows_covers_no_others(joined: Council) -> None:
    planned(joined)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    rule(joined, "MJ030196", "F044")
    first = planned(joined, accept="市の同意")
    assert first.manifest["accepted"]["rows"] == [f"{JUKI}/F044"]
    joined.decide(f"{JUKI}/F047", "MJ000002")
    joined.publish()
    with pytest.raises(Refused, match=f"{JUKI}/F047"):
        planned(joined)


def test_a_plan_cannot_leave_out_who_moved(joined: Council) -> None:
    planned(joined)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    with pytest.raises(Refused, match=JUKI):
        planned(joined, RITTO)


def test_a_move_is_by_a_plan_that_has_the_member_and_still_holds(joined: Council) -> None:
    with pytest.raises(UnknownPlan):
        cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED)
    planned(joined, KUSATSU)
    with pytest.raises(Refused, match="not part of"):
        cutover.move(joined.session, ME, "cs1", RITTO, MOVED)
    rule(joined, "MJ026190", "F041")
    planned(joined)
    with pytest.raises(Refused, match="differ"):
        cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED, 1)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED, 2)
    cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED, 2)
    with pytest.raises(Conflict):
        cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED + timedelta(days=1), 2)


def test_nobody_moves_before_the_release_of_the_plan_was_published(joined: Council) -> None:
    planned(joined)
    with pytest.raises(Refused, match=f"before {MOVED}, when release 1"):
        cutover.move(joined.session, ME, "cs1", KUSATSU, MOVED - timedelta(days=1))
    assert not cutover.moves(joined.session, "cs1")


def test_a_day_that_has_not_come_is_corrected_and_stays_in_the_journal(joined: Council) -> None:
    planned(joined)
    day, far = MOVED + timedelta(days=30), MOVED + timedelta(days=365 * 2 + 2)
    with pytest.raises(Refused, match="more than 2 years ahead"):
        cutover.move(joined.session, ME, "cs1", KUSATSU, far)
    for one in (day, day + timedelta(days=1)):
        cutover.move(joined.session, ME, "cs1", KUSATSU, one)
        assert cutover.moves(joined.session, "cs1") == {KUSATSU: (1, one)}
    with pytest.raises(Refused, match=JUKI):
        planned(joined, RITTO)  # what is recorded for a day to come is held already
    query = select(Entry).where(Entry.action == cutover.MOVE).order_by(Entry.serial)
    told = [json.loads(entry.body) for entry in joined.session.scalars(query)]
    assert [entry["after"]["day"] for entry in told] == [f"{day}", f"{one}"]
    assert [entry["before"] for entry in told] == [None, {"plan": 1, "day": f"{day}"}]
    for asked, code_sets in ((day, []), (one, [JUKI])):
        shown = adoption.standing(joined.session, asked)
        assert [it.codesets for it in shown if it.kind == "server"] == [code_sets]


def test_nobody_moves_by_a_plan_without_a_code_set_of_theirs(joined: Council) -> None:
    plan = planned(joined, KUSATSU)
    assert plan.code_sets == (JUKI,)
    cutover.record_plan(joined.session, ME, replace(plan, members=(KUSATSU, RITTO)))
    with pytest.raises(Refused, match=f"no code set of member {RITTO}"):
        cutover.move(joined.session, ME, "cs1", RITTO, MOVED)


def test_the_order_puts_shared_questions_before_the_first_who_moves(joined: Council) -> None:
    plan = planned(joined)
    first, second = moving_order(plan, {}, {JUKI: "住民記録系", ZEI: "税系"})
    assert (first.member, second.member) == (RITTO, KUSATSU)
    (question,) = first.shared
    assert question.codes == (f"{JUKI}/F046", f"{ZEI}/F046")
    assert second.shared == ()
    assert (first.undecided, second.undecided, second.open) == (1, 1, 3)
    gone, left = moving_order(plan, {KUSATSU: DAY})
    assert (gone.member, gone.moved, gone.shared) == (KUSATSU, DAY, ())
    assert question.moved == ()
    (reaching,) = left.shared
    assert reaching == replace(question, moved=(KUSATSU,))


def test_each_shared_question_comes_before_the_first_of_its_members(joined: Council) -> None:
    plan = planned(joined)
    subjects = {
        "252042/a": "gh",
        "252069/a": "g",
        "252077/a": "hk",
        "252085/a": "k",
        "252093/a": "",
    }
    rows = [
        PlanRow(address, bytes([0xF0, 0x40 + at]), None, "undecided", "no-source", glyph=glyph)
        for address, glyphs in subjects.items()
        for at, glyph in enumerate(glyphs)
    ]
    names = tuple(address.split("/")[0] for address in subjects)
    made = Plan(**(vars(plan) | {"rows": tuple(rows), "members": names, "ambiguities": ()}))
    steps = moving_order(made, {})
    order = [one.member for one in steps]
    assert order == ["252093", "252069", "252085", "252042", "252077"]
    asked = [question.glyph for one in steps for question in one.shared]
    assert sorted(asked) == ["g", "h", "k"]
    for one in steps:
        for question in one.shared:
            assert one.member == min(question.members, key=order.index)


def test_a_plan_that_is_not_what_was_made_is_found(joined: Council) -> None:
    planned(joined)
    replay.verify(joined.session)
    kept = cutover.plan_record(joined.session, "cs1")
    parts = {**kept.manifest["code_sets"], JUKI: kept.manifest["code_sets"][ZEI]}
    kept.manifest = {**kept.manifest, "code_sets": parts}
    joined.session.flush()
    with pytest.raises(JournalBroken, match="cs1/1"):
        replay.verify(joined.session)


def test_a_code_set_that_the_release_does_not_have_is_named(joined: Council) -> None:
    joined.code_set("252069/fukushi", "福祉", "社会保障系")
    plan = planned(joined)
    record = cutover.plan_record(joined.session, "cs1")
    shape = plan_shape(joined.session, plan, record=record)
    assert shape.left_out == ["252069/fukushi"]
    assert shape.unchanged is None


# --- properties


def test_plans_rules_and_moves_replay_to_the_same_rows_on_every_database(
    engine: Engine, any_engine: Engine, tmp_path: Path
) -> None:
    schema.upgrade(any_engine)
    options = [one.execution_options(writes=True) for one in (engine, any_engine)]
    with Session(options[0]) as source, Session(options[1]) as target:
        journal.create(source, ME, "OM")
        seed_reference(source)
        seed_reference(target)
        council = fill(Council(source, Settings(home=tmp_path)))
        planned(council)
        rule(council, "MJ026190", "F041")
        rule(council, "MJ026190", "F040")
        rule(council, "MJ030196", None)
        planned(council)
        adoption.widen_area(source, ME, "server:cs1", "E000-E0FF")
        planned(council)
        for day in (MOVED + timedelta(days=1), MOVED):
            cutover.move(source, ME, "cs1", KUSATSU, day)
        replay.replay(source, target)
        assert cutover.find_plan(target, "cs1") == cutover.find_plan(source, "cs1")
        assert cutover.find_plan(target, "cs1", 1) == cutover.find_plan(source, "cs1", 1)
        assert cutover.rules_of(target, "cs1") == cutover.rules_of(source, "cs1")
        assert cutover.moves(target, "cs1") == cutover.moves(source, "cs1")
        assert make_again(target, cutover.find_plan(target, "cs1")).digest == (
            cutover.find_plan(source, "cs1").digest
        )
        cutover.verify(target)


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(joining=st.permutations(["252042", KUSATSU, "252077", RITTO]), data_=st.data())
def test_any_order_of_joining_leaves_every_earlier_digest_and_point(
    council: Council, joining: Sequence[str], data_: st.DataObject
) -> None:
    with council.session.begin_nested() as undo:
        adoption.add_site(council.session, ME, "server:cs1")
        for member in joining:
            council.add(member, "市")
            address = f"{member}/juki"
            council.code_set(address)
            council.take_in(address, "外字コード\nF040\nF041\nF042\n")
            council.decide(f"{address}/F040", "MJ000003")
            council.decide(f"{address}/F041", data_.draw(st.sampled_from(["new", "GJ000001"])))
        council.publish()
        size = data_.draw(st.integers(1, 3))
        before: Plan | None = None
        for end in (*range(size, len(joining), size), len(joining)):
            plan = planned(council, *joining[:end])
            if before is not None:
                assert before.points.items() <= plan.points.items()
                for address, part in before.manifest["code_sets"].items():
                    assert plan.manifest["code_sets"][address] == part
            assert Plan.from_lines(plan.lines()) == plan
            before = plan
        undo.rollback()
