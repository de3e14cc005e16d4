"""gaiji collisions, gaiji list, gaiji member export: what they print and write."""

import csv
import io
import json
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gaiji.cli import run
from gaiji.registry import db, journal, schema
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council
from tests.report.conftest import seed_reference

NABE, SAKI = "MJ026190", "MJ030196"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cities: one slot with two characters, one character in two slots, one glyph without any."""
    home = tmp_path_factory.mktemp("home")
    engine = db.connect(Settings(home=home))
    schema.upgrade(engine)
    with Session(engine.execution_options(writes=True)) as session:
        journal.create(session, ME, "OM")
        seed_reference(session)
        council = Council(session, Settings(home=home))
        for member, name in ((KUSATSU, "草津市"), (RITTO, "栗東市")):
            council.add(member, name)
            council.code_set(f"{member}/juki")
            council.take_in(f"{member}/juki", "code\nF040\nF041\nF042\n", drawn=["F042"])
        council.decide(f"{KUSATSU}/juki/F040", NABE)
        council.decide(f"{RITTO}/juki/F040", SAKI)
        council.decide(f"{RITTO}/juki/F041", NABE)
        council.publish()
        session.commit()
    engine.dispose()
    return home


def said(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert run([str(one) for one in arguments]) == 0
    return capfd.readouterr().out


@pytest.fixture(autouse=True)
def in_japanese_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")


def test_the_terminal_shows_counts_and_each_collision(
    home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = said(capfd, "collisions", "--home", home)
    assert "外字の衝突 2市 2外字セット 6字" in text
    assert "出現数を数えていない外字セット: 2" in text
    assert "人数ではありません" in text
    assert "使用回数" not in text
    assert "U+E000" in text
    assert f"{NABE} {KUSATSU}/juki/F040" in text
    assert "未集計" in text
    one = said(capfd, "collisions", "--home", home, "--kind", "same-glyph")
    assert "U+E000" not in one


def test_a_limit_is_of_what_the_terminal_shows(
    home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    narrow = ("collisions", "--home", home, "--codesets", f"{KUSATSU}/juki,{RITTO}/juki")
    assert "members: 2, code sets: 2, codes: 6" in said(capfd, *narrow, "--limit", "1")


def test_json_and_csv_hold_every_collision(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    body = json.loads(said(capfd, "collisions", "--home", home, "--format", "json"))
    assert [one["collisions"] for one in body["counts"]] == [1, 1, 1]
    assert [(one["kind"], len(one["rows"])) for one in body["items"]] == [
        ("same-slot", 2),
        ("same-character", 2),
        ("same-glyph", 2),
    ]
    out = tmp_path / "wall.csv"
    arguments = ("--release", "1", "--order", "uses", "--format", "csv", "--out", out)
    assert said(capfd, "collisions", "--home", home, *arguments) == ""
    rows = list(csv.reader(io.StringIO(out.read_text("utf-8-sig"))))
    assert [row[0] for row in rows[1:]] == [
        kind for kind in ("same-slot", "same-character", "same-glyph") for _ in range(2)
    ]


def test_one_file_draws_the_matrix(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "wall.html"
    words = ("collisions", "--home", home, "--format", "html", "--out", out)
    assert run([str(one) for one in words]) == 0
    text = out.read_text("utf-8")
    assert "<svg" not in text.split('class="matrix"')[0]
    assert "U+E000" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org", "")


@pytest.mark.parametrize(
    ("filters", "said_so"),
    [
        (("--slot", "U+E001"), "コード位置 U+E001"),
        (("--used",), "数えたファイルに現れる"),
    ],
)
def test_one_file_draws_what_the_filters_leave(
    home: Path, tmp_path: Path, filters: tuple[str, ...], said_so: str
) -> None:
    out = tmp_path / "wall.html"
    words = ("collisions", "--home", home, "--format", "html", "--out", out, *filters)
    assert run([str(one) for one in words]) == 0
    text = out.read_text("utf-8")
    assert "U+E000" not in text
    assert f"絞込み: {said_so}" in text
    assert "別の字がぶつかる位置 0 のうち 0。" in text


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("collisions", "--members", "252068"), 2),
        (("collisions", "--members", "252107"), 2),
        (("collisions", "--slot", "F041", "--format", "csv"), 2),
        (("collisions", "--slots", "code", "--slot", "U+E000"), 2),
        (("collisions", "--members", RITTO, "--touching", KUSATSU, "--format", "json"), 2),
        (("collisions", "--limit", "1", "--format", "csv"), 2),
        (("collisions", "--touching", "252107"), 2),
        (("collisions", "--touching", "999999"), 2),
        (("collisions", "--character", "MJ999999"), 2),
        (("collisions", "--format", "html", "--kind", "same-glyph"), 2),
        (("collisions", "--release", "9"), 2),
        (("collisions", "--slots", "name"), 2),
        (("list", "names"), 2),
        (("list", "codes", "--format", "html"), 2),
        (("list", "codes", "--codesets", f"{KUSATSU}/none"), 2),
        (("member", "export", "252107", "left"), 2),
    ],
)
def test_wrong_usage_is_one_sentence(
    home: Path, words: tuple[str, ...], status: int, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--home", str(home)]) == status
    told = capfd.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1


def test_a_list_is_printed_or_written_in_each_form(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert f"{KUSATSU}/juki" in said(capfd, "list", "codes", "--home", home)
    undecided = ("--status", "undecided", "--members", RITTO, "--format", "json")
    body = json.loads(said(capfd, "list", "codes", *undecided, "--home", home))
    assert [row["code"] for row in body["items"]] == ["F042"]
    out = tmp_path / "list.csv"
    said(capfd, "list", "characters", "--format", "excel", "--out", out, "--home", home)
    assert out.read_bytes().startswith(b"\xef\xbb\xbf")
    said(capfd, "list", "decisions", "--format", "csv", "--out", out, "--home", home)
    assert out.read_bytes().startswith(b"serial,at,actor,")


def test_a_member_leaves_with_all_that_is_its_own(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    text = said(capfd, "member", "export", KUSATSU, tmp_path / "left", "--home", home)
    assert "MANIFEST.json" in text
    assert json.loads((tmp_path / "left/MANIFEST.json").read_text())["member"] == KUSATSU


@pytest.mark.parametrize("command", [["collisions"], ["list", "codes"]])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--members", ""], "--members names nothing"),
        (["--codesets", ","], "--codesets names nothing"),
        (["--group", "nope"], "--group cannot be nope"),
    ],
)
def test_an_empty_or_unknown_choice_is_no_wish_for_everything(
    home: Path,
    command: list[str],
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    assert run([*command, *words, "--home", str(home)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("codes", "--day", "2026-05-01"),
            "一覧 codes に day は使えません。使えるのは members・codesets・system・group・status・usage・release です",
        ),
        (("adoptions", "--release", "1"), "一覧 adoptions に release は使えません"),
        (("decisions", "--usage", "used"), "一覧 decisions に usage は使えません"),
    ],
)
def test_a_list_refuses_what_it_does_not_take(
    home: Path, words: tuple[str, ...], told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["list", *words, "--home", str(home)]) == 2
    assert told in capfd.readouterr().err


@pytest.mark.parametrize("table", ["codes", "adoptions"])
def test_a_list_of_code_sets_and_members_is_of_those_for_which_both_hold(
    home: Path, table: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def sites(*words: str) -> set[str]:
        text = said(capfd, "list", table, *words, "--format", "json", "--home", home)
        return {row.get("codeset") or row["site"] for row in json.loads(text)["items"]}

    own = ("--codesets", f"{KUSATSU}/juki")
    assert sites(*own, "--members", RITTO) == set()
    assert sites(*own, "--members", f"{KUSATSU},{RITTO}") == sites(*own) != set()
    assert not any(RITTO in one for one in sites(*own))


def test_collisions_of_no_code_set_at_all_are_refused(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    neither = ["--codesets", f"{KUSATSU}/juki", "--members", RITTO]
    assert run(["collisions", *neither, "--home", str(home)]) == 2
    assert "No code set is chosen" in capsys.readouterr().err
