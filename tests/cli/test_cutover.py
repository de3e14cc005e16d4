"""gaiji cutover plan, rule, move, show, as typed."""

import csv
import io
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gaiji.cli import run
from gaiji.errors import StorageFailed
from gaiji.registry import adoption, db, journal, schema
from gaiji.report import cutover_tables
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council
from tests.report.conftest import seed_reference

JUKI = "252069/juki"
TODAY = db.today()
DAY = f"{TODAY + timedelta(days=90)}"
PLAN = ("cutover", "plan", "--server", "cs1", "--as-of", "2026-11-23", "--members")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two members in a release and a server."""
    settings = Settings(home=tmp_path / "home")
    settings.home.mkdir()
    engine = db.connect(settings)
    schema.upgrade(engine)
    with db.writing(engine) as session:
        journal.create(session, ME, "OM")
        seed_reference(session)
        council = Council(session, settings)
        for member, name in ((KUSATSU, "草津市"), (RITTO, "栗東市")):
            council.add(member, name)
            council.code_set(f"{member}/juki")
        cs_table = "外字コード,住基コード\nF042,J+3402\nF043,J+AC05\n"
        council.take_in(JUKI, "外字コード\nF040\nF041\nF042\nF043\nF044\n", cs_table)
        council.take_in("252085/juki", "外字コード\nF040\n")
        for code, id in (("F040", "MJ026190"), ("F041", "MJ000003"), ("F042", "MJ000003")):
            council.decide(f"{JUKI}/{code}", id)
        council.decide(f"{JUKI}/F044", "new")
        council.decide("252085/juki/F040", "GJ000001")
        council.publish()
        adoption.add_site(session, ME, "server:cs1")
    engine.dispose()
    monkeypatch.setenv("GAIJI_HOME", str(settings.home))
    monkeypatch.setenv("GAIJI_ACTOR", "clerk")
    monkeypatch.chdir(tmp_path)
    return settings.home


def typed(capsys: pytest.CaptureFixture[str], *command: str, status: int = 0) -> str:
    """Type a command and return what it printed."""
    capsys.readouterr()
    assert run(list(command)) == status
    said = capsys.readouterr()
    return said.err if status else said.out


def told(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    return json.loads(typed(capsys, *command, "--format", "json"))


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"))))


def test_a_plan_is_made_shown_and_written_as_tables(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = typed(capsys, *PLAN, f"{KUSATSU},{RITTO}", "cs1")
    assert "Cutover plan cs1/1: release 1, as of 2026-11-23, area E000-F8FF" in said
    assert "Code points given: 2 (6,398 left)" in said
    assert "Tables written to cs1." in said
    assert sorted(path.name for path in Path("cs1").iterdir()) == [
        "allocation.csv",
        "ambiguities.csv",
        "outside.csv",
        "plan.json",
        "rows.csv",
    ]
    plan = json.loads(Path("cs1/plan.json").read_text())
    assert plan == told(capsys, "cutover", "show", "cs1")
    assert (plan["made_by"], plan["counts"]["codes"], plan["counts"]["ask"]) == ("clerk", 6, 3)
    rows = {row["code"]: row for row in table(Path("cs1/rows.csv")) if row["code set"] == JUKI}
    assert (rows["F041"]["juki"], rows["F041"]["comes back"]) == ("J+3404", "to be decided")
    assert (rows["F041"]["kind"], rows["F041"]["back"]) == (
        "mapped",
        "ask",
    )  # as the options have it
    asked = {row["state"]: row["kind"] for row in table(Path("cs1/ambiguities.csv"))}
    assert asked == {"open": "standard-and-local"}
    assert (rows["F042"]["juki today"], rows["F042"]["changes"]) == ("J+3402", "○")
    assert rows["F044"]["server point"] == "U+E001"
    assert [row["juki"] for row in table(Path("cs1/outside.csv"))] == ["J+AC05"]
    assert [row["local codes"] for row in table(Path("cs1/allocation.csv"))] == [
        "252085/juki/F040",
        "252069/juki/F044",
    ]


def test_all_stands_for_every_member_and_a_dry_run_writes_nothing(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = told(capsys, *PLAN, "all", "--dry-run")
    assert (shown["number"], shown["members"]) == (0, [KUSATSU, RITTO])
    assert "There is no cutover plan cs1" in typed(capsys, "cutover", "show", "cs1", status=2)
    made = told(capsys, *PLAN, f"{RITTO},{KUSATSU}")
    assert (made["digest"], made["number"]) == (shown["digest"], 1)


def test_rules_are_decided_one_by_one_or_by_kind(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, *PLAN, "all")
    doubts = told(capsys, "cutover", "show", "cs1", "--ambiguities")["items"]
    assert [(one["kind"], one["codes"]) for one in doubts] == [
        ("two-codes", ["F041", "F042"]),
        ("standard-and-local", ["F040"]),
    ]
    one = ("cutover", "rule", "cs1", JUKI)
    ground = ("--ground", "窓口の決定")
    assert "MJ000003 → F042" in typed(capsys, *one, "MJ000003", "--code", "F042", *ground)
    assert "1 rule" in typed(capsys, *one, "--kind", "standard-and-local", "--local", *ground)
    plan = told(capsys, *PLAN, "all")
    assert (plan["number"], plan["rules"], sum(plan["open"].values())) == (2, 2, 0)
    doubts = told(capsys, "cutover", "show", "cs1", "--ambiguities")["items"]
    assert [(one["returns"], one["actor"]) for one in doubts] == [
        ("F042", "clerk"),
        ("F040", "clerk"),
    ]
    said = typed(capsys, *one, "--kind", "two-codes", "--one-way", *ground)
    assert said == "Nothing of that kind is open; no rule was decided.\n"
    typed(capsys, *one, "MJ000003", "--one-way", *ground)
    assert told(capsys, *PLAN, "all")["counts"]["rule"] == 1


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("MJ000003", "--code", "F043", "--ground", "x"), 1, "cannot come back for MJ000003"),
        (("MJ000001", "--code", "F040", "--ground", "x"), 1, "cannot come back"),
        (("OM000001", "--code", "F044", "--ground", "x"), 1, "it needs no rule"),
        (("MJ000003", "--code", "F041"), 2, "Give the ground"),
        (("MJ000003", "--ground", "x"), 2, "one of --code, --one-way and --local"),
        (("--code", "F041", "--ground", "x"), 2, "Name a character or --kind"),
        (("MJ000003", "--local", "--ground", "x"), 2, "with one local code"),
        (("--kind", "all", "--one-way", "--ground", "x"), 2, "--kind cannot be all"),
        (("MJ999999", "--code", "F041", "--ground", "x"), 2, "no shared character MJ999999"),
    ],
)
def test_a_rule_that_makes_no_sense_is_one_sentence(
    home: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    typed(capsys, *PLAN, "all")
    error = typed(capsys, "cutover", "rule", "cs1", JUKI, *arguments, status=status)
    assert said in error
    assert error.count("\n") == 1


def test_a_move_is_recorded_and_says_what_is_still_open(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, *PLAN, "all")
    said = typed(capsys, "cutover", "move", "cs1", KUSATSU, "--day", DAY)
    assert f"moves on {DAY} by cutover plan cs1/1" in said
    assert "2 open ways back" in said
    order = told(capsys, "cutover", "show", "cs1")["order"]
    assert [(one["member"], one["moved"]) for one in order] == [
        (KUSATSU, DAY),
        (RITTO, None),
    ]
    moving = ("cutover", "move", "cs1", KUSATSU, "--day")
    assert "more than 2 years ahead" in typed(capsys, *moving, "9999-12-31", status=1)
    assert told(capsys, *moving, f"{TODAY}")["day"] == f"{TODAY}"  # the day had not come: corrected
    assert "that stays recorded" in typed(capsys, *moving, DAY, status=2)


def test_a_rule_for_a_member_that_moved_says_what_it_needs(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = ("cutover", "rule", "cs1", JUKI, "MJ000003", "--ground", "x")
    typed(capsys, *PLAN, "all")
    assert "moved city" not in typed(capsys, *rule, "--code", "F041")
    typed(capsys, *PLAN, "all")
    typed(capsys, "cutover", "move", "cs1", KUSATSU, "--day", DAY)
    said = typed(capsys, *rule, "--code", "F042")
    assert "moved-member: This changes what moved city 252069 gets back (1)" in said
    more = ("cutover", "rule", "cs1", JUKI, "MJ026190", "--local", "--ground", "x")
    assert [one["subject"] for one in told(capsys, *more)["findings"]] == [KUSATSU]
    said = typed(capsys, *PLAN, "all", status=1)
    assert "252069/juki/F041" in said
    assert "252069/juki MJ000003 --code F041: give gaiji cutover rule cs1 this answer" in said
    assert "for what was open in the plan: 252069/juki MJ026190" in said
    accepted = told(capsys, *PLAN, "all", "--accept-changes", "判定委員会")
    assert accepted["number"] == 3


def test_members_that_a_narrower_plan_leaves_out_are_named(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "Left out" not in typed(capsys, *PLAN, "all")
    assert f"Left out against plan 1: {RITTO}" in typed(capsys, *PLAN, KUSATSU)
    assert told(capsys, "cutover", "show", "cs1")["members_left_out"] == [RITTO]
    said = typed(capsys, *PLAN, f"all,{KUSATSU}", status=2)
    assert "all stands alone in --members" in said


def test_a_server_may_be_named_with_its_kind(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = told(capsys, "cutover", "plan", "--server", "server:cs1", "--members", "all")
    assert made["server"] == "cs1"
    assert told(capsys, "cutover", "show", "server:cs1") == made


def test_rows_are_chosen_and_written(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed(capsys, *PLAN, "all")
    show = ("cutover", "show", "cs1")
    assert "252069/juki/F043" in typed(capsys, *show, "--kind", "undecided")
    items = told(capsys, *show, "--changes")["items"]
    assert [one["code"] for one in items] == ["F042", "F043"]
    typed(capsys, *show, "--back", "ask", "--format", "csv", "--out", "ask.csv")
    assert [row["code"] for row in table(Path("ask.csv"))] == ["F040", "F041", "F042"]
    assert "--format csv or json" in typed(capsys, *show, "--out", "x", status=2)
    assert "not part of cutover plan" in typed(capsys, *show, "--codeset", "x", status=2)
    assert "--kind cannot be" in typed(capsys, *show, "--kind", "x", status=2)
    home.joinpath("note").write_text("")
    said = typed(capsys, *PLAN, "all", str(home / "note"), status=2)
    assert "There is a file where the folder is to be" in said


def test_tables_take_the_place_of_tables_of_the_same_server_and_of_nothing_else(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, "site", "add", "server:cs2", "--area", "E000-E0FF")
    other = ("cutover", "plan", "--server", "cs2", "--members", "all")
    assert "holds other files" in typed(capsys, *PLAN, "all", str(home), status=2)
    assert "There is no cutover plan" in typed(capsys, "cutover", "show", "cs1", status=2)
    assert told(capsys, *PLAN, KUSATSU, "tables")["number"] == 1
    assert "holds other files" in typed(capsys, *other, "tables", status=2)
    assert told(capsys, *PLAN, "all", "tables")["number"] == 2
    assert json.loads(Path("tables/plan.json").read_text())["number"] == 2
    Path("tables/note").write_text("x")
    assert "holds other files" in typed(capsys, *PLAN, "all", "tables", status=2)


def test_a_plan_that_is_not_there_names_those_that_are(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show = ("cutover", "show", "cs1")
    said = typed(capsys, *show, status=2)
    assert "make one with gaiji cutover plan --server cs1 --members all" in said
    assert "gaiji cutover show" not in said
    typed(capsys, *PLAN, "all")
    assert "the numbers are 1 to 1" in typed(capsys, *show, "--plan", "9", status=2)


@pytest.mark.parametrize(
    "given", [("--rows",), ("--kind", "mapped"), ("--back", "ask"), ("--changes",)]
)
def test_rows_and_ambiguities_are_shown_one_at_a_time(
    home: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...]
) -> None:
    show = ("cutover", "show", "cs1", "--ambiguities")
    said = typed(capsys, *show, *given, status=2)
    assert "--ambiguities does not go with --rows, --kind, --back or --changes" in said


def test_tables_are_written_once_the_plan_is_kept(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise StorageFailed("記憶域に空きがありません。", "The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(db.Session, "commit", full)
        assert "The disk is full" in typed(capsys, *PLAN, "all", "cs1", status=4)
    assert not Path("cs1").exists()
    typed(capsys, *PLAN, "all", "/proc/none", status=4)
    assert "There is no cutover plan" in typed(capsys, "cutover", "show", "cs1", status=2)
    with monkeypatch.context() as patched:
        patched.setattr(cutover_tables, "files", lambda made, shape: {"no/folder": b""})
        said = typed(capsys, *PLAN, "all", "cs1", status=4)
    assert "Cutover plan cs1/1 was kept and its tables were not written" in said
    assert "gaiji cutover show cs1 --plan 1" in said
    assert not Path("cs1").exists()
    assert told(capsys, *PLAN, "all", "cs1")["number"] == 1
    assert Path("cs1/plan.json").exists()


def test_a_server_that_is_full_is_widened(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed(capsys, "site", "add", "server:cs2", "--area", "E000-E000")
    plan = ("cutover", "plan", "--server", "cs2", "--as-of", "2026-11-23", "--members", "all")
    assert "gaiji site widen server:cs2" in typed(capsys, *plan, status=1)
    widen = ("site", "widen", "server:cs2", "--area")
    assert "only be widened upwards" in typed(capsys, *widen, "E001-E0FF", status=2)
    assert "is E000-E0FF" in typed(capsys, *widen, "e000-e0ff")
    assert told(capsys, *widen, "E000-E0FF")["options"] == {"area": "E000-E0FF"}
    assert told(capsys, *plan)["area"] == "E000-E0FF"


def test_a_shared_glyph_that_reaches_a_member_that_moved_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(home=home)
    engine = db.connect(settings)
    with db.writing(engine) as session:
        council = Council(session, settings)
        for address in (JUKI, "252085/juki"):
            council.take_in(address, "外字コード\nF0A0\n", drawn=("F0A0",))
        council.publish()
    engine.dispose()
    typed(capsys, *PLAN, "all")
    assert "reaches members that moved" not in typed(capsys, "cutover", "show", "cs1")
    typed(capsys, "cutover", "move", "cs1", KUSATSU, "--day", DAY)
    shown = typed(capsys, "cutover", "show", "cs1")
    assert "Shared glyphs whose answer reaches members that moved: 1 (252069)" in shown
    (question,) = told(capsys, "cutover", "show", "cs1")["order"][1]["shared"]
    assert question["moved"] == [KUSATSU]
