"""Members that moved stay what they were: by another day, by an addition, and over several plans."""

from collections.abc import Callable
from datetime import date

import pytest

from gaiji.charset.cutover import Plan
from gaiji.charset.resolve import Options, day_in_japan
from gaiji.errors import Refused, UnsupportedConversion
from gaiji.registry import adoption, conversions, cutover, members
from gaiji.registry.db import today
from gaiji.report.cutover import make_plan
from tests.council import KUSATSU, ME, RITTO, Council
from tests.report.test_cutover import JUKI, MOVED, ZEI, fill, planned, row, rule

LATER, NEW_YEAR = date(2027, 5, 1), date(2027, 1, 1)
REUSED = "外字コード,使用開始日,使用終了日\nF047,,2026-12-31\nF047,2027-01-01,\n"
SENT, TEXT, LOCAL = b"\x34\x03", "㐃".encode("utf-16-be"), b"\xe0\x00"


@pytest.fixture
def moved(council: Council) -> Council:
    """Kusatsu moved to cs1 by plan 1."""
    fill(council)
    planned(council)
    cutover.move(council.session, ME, "cs1", KUSATSU, MOVED)
    return council


@pytest.fixture
def unicode(council: Council) -> Council:
    """Kusatsu with a code set in UTF-16, E000 undecided, moved to cs1 by plan 1."""
    council.add(KUSATSU, "草津市")
    members.add_code_set(
        council.session, ME, JUKI, charset_name="utf-16be", system="住民記録", group="住民記録系"
    )
    council.take_in(JUKI, "外字コード\nE000\nE001\n")
    council.decide(f"{JUKI}/E001", "new")
    council.publish()
    adoption.add_site(council.session, ME, "server:cs1", options={"area": "E000-E00F"})
    planned(council, KUSATSU)
    cutover.move(council.session, ME, "cs1", KUSATSU, MOVED)
    return council


def converted(council: Council, from_: str, to: str, token: bytes) -> bytes | None:
    """Convert one code by the newest plan, no day told."""
    options = Options(on_unmapped="escape")
    pinned = conversions.pin(council.session, from_, to, None, options, "cs1")
    made = conversions.conversion(council.session, from_, to, pinned, options)
    return made.resolver.resolve(token).out


def on(council: Council, day: date, *, accept: str | None = None) -> Plan:
    both = (KUSATSU, RITTO)
    return make_plan(council.session, ME, "cs1", both, release="latest", as_of=day, accept=accept)


# --- another day


def test_a_slot_used_again_since_the_plan_stops_a_conversion_that_tells_no_day(
    moved: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved.take_in(JUKI, REUSED)
    moved.decide(f"{JUKI}/F047", "MJ000002")
    moved.publish()
    planned(moved)

    def now(day: date) -> Callable[[], date]:
        return lambda: day

    monkeypatch.setattr(conversions, "today", now(date(2026, 12, 31)))
    assert converted(moved, JUKI, "juki", b"\xf0\x47") == b"\x34\x04"
    monkeypatch.setattr(conversions, "today", now(LATER))
    for ends in ((JUKI, "juki", b"\xf0\x47"), ("juki", JUKI, b"\x34\x04")):
        with pytest.raises(UnsupportedConversion, match="F047 means MJ000003 on 2026-11-23"):
            converted(moved, *ends)
    assert converted(moved, ZEI, "juki", b"\xf0\x40") == b"\x34\x04"  # nothing changed there
    told = Options(as_of=LATER)
    pinned = conversions.pin(moved.session, JUKI, "juki", None, told, "cs1")
    asked = conversions.conversion(moved.session, JUKI, "juki", pinned, told)
    assert asked.resolver.resolve(b"\xf0\x47").out == SENT
    on(moved, LATER, accept="市の使用開始日による")
    assert converted(moved, JUKI, "juki", b"\xf0\x47") == SENT


def test_the_day_of_a_mapping_file_is_that_of_the_registry() -> None:
    before = today()
    assert before.isoformat() <= day_in_japan() <= today().isoformat()


def test_a_slot_used_again_is_refused_with_its_day_and_how_to_accept_it_alone(
    moved: Council,
) -> None:
    moved.take_in(JUKI, REUSED)
    moved.decide(f"{JUKI}/F047", "MJ000002")
    moved.publish()
    held = planned(moved)
    with pytest.raises(Refused) as caught:
        on(moved, LATER)
    said = caught.value.text.en
    assert f"{JUKI}/F047: MJ000003 → MJ000002 ({NEW_YEAR})" in said
    assert "with --accept-changes: the plan records it for these rows alone" in said
    moved.decide(f"{JUKI}/F048", "MJ000001")
    moved.publish()
    with pytest.raises(Refused) as caught:
        on(moved, LATER)
    assert f"{JUKI}/F048" in caught.value.extra["rows"]
    alone = f"--release {held.release} --as-of {LATER} --accept-changes"
    assert alone in caught.value.text.en
    assert alone in caught.value.text.ja
    accepted = make_plan(
        moved.session,
        ME,
        "cs1",
        (KUSATSU, RITTO),
        release=held.release,
        as_of=LATER,
        accept="市の日付",
    )
    assert accepted.manifest["accepted"]["rows"] == [f"{JUKI}/F047"]


# --- additions


def test_an_added_code_that_takes_what_text_came_back_as_is_a_change(unicode: Council) -> None:
    assert converted(unicode, "juki", JUKI, SENT) == TEXT
    unicode.decide(f"{JUKI}/E000", "MJ000002")
    unicode.publish()
    with pytest.raises(Refused) as caught:
        planned(unicode, KUSATSU)
    assert caught.value.extra["rows"] == [f"{JUKI}/E000"]
    assert converted(unicode, "juki", JUKI, SENT) == TEXT
    accepted = planned(unicode, KUSATSU, accept="市の同意")
    (doubt,) = accepted.open
    assert (doubt.kind, doubt.codes, doubt.standard) == ("text-and-local", (LOCAL,), TEXT)
    assert row(accepted, f"{JUKI}/E000").back == "ask"


@pytest.mark.parametrize(
    ("code", "back", "came"), [("E000", "rule", LOCAL), (None, "one-way", TEXT)]
)
def test_text_beside_a_local_code_comes_back_as_somebody_decided(
    unicode: Council, code: str | None, back: str, came: bytes
) -> None:
    unicode.decide(f"{JUKI}/E000", "MJ000002")
    unicode.publish()
    planned(unicode, KUSATSU, accept="市の同意")
    rule(unicode, "MJ000002", code)
    decided = planned(unicode, KUSATSU, accept="市の同意")
    assert not decided.open
    assert row(decided, f"{JUKI}/E000").back == back
    assert converted(unicode, "juki", JUKI, SENT) == came
    for token in (TEXT, LOCAL):
        assert converted(unicode, JUKI, "juki", token) == SENT


def test_an_added_substitute_takes_nothing_from_what_comes_back(moved: Council) -> None:
    moved.decide(f"{JUKI}/F046", "MJ000003", "substitute")
    moved.publish()
    plan = planned(moved)
    assert "accepted" not in plan.manifest
    assert row(plan, f"{JUKI}/F046").back == "one-way"


# --- over several plans


def test_what_was_undecided_in_between_is_held_against_what_was_said_last(moved: Council) -> None:
    moved.decide(f"{JUKI}/F047", "MJ000003", "not-related")
    moved.publish()
    undecided = planned(moved, accept="市の同意")
    assert row(undecided, f"{JUKI}/F047").character is None
    assert planned(moved) == undecided
    moved.decide(f"{JUKI}/F047", "MJ000002")
    moved.publish()
    with pytest.raises(Refused) as caught:
        planned(moved)
    assert caught.value.extra["rows"] == [f"{JUKI}/F047"]
    moved.decide(f"{JUKI}/F047", "MJ000003")
    moved.publish()
    assert "accepted" not in planned(moved).manifest  # what it was


def test_a_gap_of_days_makes_a_code_no_new_one(moved: Council) -> None:
    moved.take_in(JUKI, REUSED.replace("2026-12-31", "2026-11-30"))
    moved.decide(f"{JUKI}/F047", "MJ000002")
    moved.publish()
    planned(moved)
    gap = on(moved, date(2026, 12, 15), accept="市の同意")
    assert row(gap, f"{JUKI}/F047").reason == "not-in-force"
    with pytest.raises(Refused, match=f"MJ000003 → MJ000002 \\({NEW_YEAR}\\)"):
        on(moved, LATER)
