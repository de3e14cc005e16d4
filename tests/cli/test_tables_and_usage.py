"""gaiji charset and gaiji usage, as typed."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gaiji.cli import run

JUKI = "252069/juki"
JEF = Path(__file__).parents[3] / "shared" / "data" / "fujitsu_jef_mapping.json"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one city, two registered codes and nothing decided."""
    home = tmp_path_factory.mktemp("prepared")
    table = home / "ok.csv"
    table.write_text("外字コード\nF040\nF041\n")
    for command in (
        ["db", "upgrade"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", JUKI, "--charset", "cp932", "--system", "住民記録"],
        ["codeset", "import", JUKI, "--table", str(table)],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, named by GAIJI_HOME, and an empty folder to work in."""
    shutil.copytree(prepared, tmp_path / "home")
    monkeypatch.setenv("GAIJI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GAIJI_ACTOR", "clerk")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def extract(home: Path) -> Path:
    path = Path("渡邉の世帯.csv")
    path.write_bytes(b"1,\xf0\x40\xf0\x40\n2,\xf0\xfc\n")
    return path


def typed(capsys: pytest.CaptureFixture[str], *command: str, status: int = 0) -> str:
    """Type a command and return what it printed."""
    capsys.readouterr()
    assert run(list(command)) == status
    said = capsys.readouterr()
    return said.err if status else said.out


def told(capsys: pytest.CaptureFixture[str], *command: str) -> Any:
    return json.loads(typed(capsys, *command, "--format", "json"))


def test_an_extract_is_counted_shown_and_counted_once(
    extract: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = ("usage", "count", str(extract), "--codeset", JUKI, "--as-of", "2026-03-31")
    said = typed(capsys, *count, "--dry-run")
    assert "Dry run" in said
    assert told(capsys, "usage", "list", "--codeset", JUKI)["items"] == []
    said = typed(capsys, *count)
    assert "F040 × 2" in said
    assert "registered codes not seen in these files: 1 (F041)" in said
    assert "never-registered: Code F0FC" in said
    assert "dead" not in said
    assert "counted before with the same result: 1" in typed(capsys, *count)
    (file,) = told(capsys, "usage", "list", "--codeset", JUKI)["items"]
    assert (file["records"], file["uses"], file["counted_by"]) == (2, 3, "clerk")
    assert file["as_of"] == "2026-03-31"
    assert file["sha256"][:12] in typed(capsys, "usage", "list", "--codeset", JUKI)
    shown = typed(capsys, "usage", "show", "--codeset", JUKI)
    assert [line.split()[:2] for line in shown.splitlines()[2:]] == [
        ["F040", "2"],
        ["F041", "0"],
        ["F0FC", "1"],
    ]
    unseen = told(capsys, "usage", "show", "--codeset", JUKI, "--unseen")
    assert [one["code"] for one in unseen["codes"]] == ["F041"]
    codes = told(capsys, "codeset", "show", JUKI)["items"]
    assert [(one["code"], one["uses"]) for one in codes] == [("F040", 2), ("F041", 0)]


def test_another_day_for_the_same_file_must_replace(
    extract: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    count = ("usage", "count", str(extract), "--codeset", JUKI)
    typed(capsys, *count)
    again = (*count, "--as-of", "2026-03-31")
    assert "--replace" in typed(capsys, *again, status=2)
    typed(capsys, *again, "--replace")
    (file,) = told(capsys, "usage", "list", "--codeset", JUKI)["items"]
    assert file["as_of"] == "2026-03-31"


def test_a_layout_says_which_fields_are_counted(
    extract: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("second.toml").write_text(
        'kind = "csv"\n[table]\nothers = "binary"\n[[field]]\nname = "id"\ncolumn = 1\n'
    )
    count = ("usage", "count", str(extract), "--codeset", JUKI, "--layout")
    assert "codes seen: 0" in typed(capsys, *count, "second.toml")
    (file,) = told(capsys, "usage", "list", "--codeset", JUKI)["items"]
    assert len(file["layout"]) == 64
    assert "none.toml" in typed(capsys, *count, "none.toml", status=2)


def test_codes_without_a_character_are_told_apart(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("extract").write_bytes(b"1,\xf0\x40\n2,\x88\x40\n")
    count = ("usage", "count", "extract", "--codeset", JUKI)
    assert "unassigned-codes: Codes to which no table of cp932" in typed(capsys, *count)
    (one,) = told(capsys, *count)["unassigned"]
    place = {"file": "extract", "record": 2, "field": None, "byte_offset": 7}
    assert (one["code"], one["uses"], one["places"]) == ("8840", 1, [place])
    (kept,) = told(capsys, "usage", "show", "--codeset", JUKI)["unassigned"]
    assert (kept["code"], kept["uses"], kept["places"]) == ("8840", 1, [])


def test_no_name_of_a_file_is_written_anywhere(
    extract: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, "usage", "count", str(extract), "--codeset", JUKI)
    with sqlite3.connect(home / "gaiji.db") as connection:
        dumped = "\n".join(connection.iterdump())
    assert "usage.count" in dumped
    assert "渡邉" not in dumped


def test_malformed_bytes_are_refused_or_counted_apart(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("utf8.csv").write_text("1,a\n2,渡邉\n", "utf-8")
    count = ("usage", "count", "utf8.csv", "--codeset", JUKI)
    said = typed(capsys, *count, status=2)
    assert "file utf8.csv record 2 byte 11" in said
    assert told(capsys, "usage", "list", "--codeset", JUKI)["items"] == []
    assert "malformed-bytes" in typed(capsys, *count, "--malformed", "count")
    typed(capsys, *count, "--malformed", "skip", status=2)
    Path("one.csv").write_bytes(b"1,a\n2,\xff\n")
    said = typed(capsys, "usage", "count", "one.csv", "--codeset", JUKI, status=2)
    assert "Bytes that belong to no character: 1;" in said


def test_standard_input_is_counted_once(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = typed(capsys, "usage", "count", "-", "-", "--codeset", JUKI, status=2)
    assert "Standard input (-) is named twice;" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["usage", "count", "none.csv", "--codeset", JUKI], "none.csv"),
        (["usage", "count", "ok.csv", "--codeset", "252069/zei"], "252069/zei"),
        (["usage", "show", "--codeset", "252069/zei"], "252069/zei"),
        (["charset", "import", "none.csv", "--format", "csv", "--charset", "jef"], "none.csv"),
        (["charset", "import", "ok.csv", "--format", "xml", "--charset", "jef"], "ucm"),
        (["charset", "import", "twice.csv", "--format", "csv", "--charset", "jef"], "record 2"),
        (["charset", "import", "ok.csv", "--format", "csv", "--charset", "utf-8"], "Unicode"),
        (["charset", "import", "ok.csv", "--format", "csv", "--charset", "ebcdic"], "ebcdic"),
        (["charset", "import", "ok.csv", "--format", "ucm", "--charset", "jef"], "CHARMAP"),
        (["charset", "show", "jef-own"], "charset list"),
    ],
)  # fmt: skip
def test_bad_input_is_told_in_one_sentence_and_nothing_changes(
    home: Path, capsys: pytest.CaptureFixture[str], command: list[str], says: str
) -> None:
    Path("ok.csv").write_text("41A1,U+4E02\n")
    Path("twice.csv").write_text("41A1,U+4E02\n41A1,U+4E03\n")
    said = typed(capsys, *command, status=2)
    assert says in said
    assert len(said.splitlines()) == 1
    with sqlite3.connect(home / "gaiji.db") as connection:
        acts = "SELECT count(*) FROM journal WHERE action IN ('usage.count', 'charset.import')"
        assert connection.execute(acts).fetchone() == (0,)


def test_a_table_is_imported_once_and_a_code_set_stands_on_it(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.csv").write_text("41A1,U+4E02\n41A2,丨\n", "utf-8")
    take_in = ("charset", "import", "own.csv", "--format", "csv", "--charset", "jef")
    about = ("--name", "jef-own", "--source", "富士通", "--licence", "社内", "--edition", "2019")
    assert "Dry run" in typed(capsys, *take_in, *about, "--dry-run")
    assert "jef-own (jef, 2 codes)" in typed(capsys, *take_in, *about)
    assert "already, as jef-own" in typed(capsys, *take_in)
    kanken = "252069/kanken"
    typed(capsys, "codeset", "add", kanken, "--charset", "jef", "--system", "健康管理",
          "--charset-table", "jef-own")  # fmt: skip
    shown = told(capsys, "charset", "show", "jef-own")
    assert shown["codesets"] == [kanken]
    assert (shown["provenance"]["source"], shown["provenance"]["edition"]) == ("富士通", "2019")
    assert "imported on" in typed(capsys, "charset", "show", "jef-own")
    listed = told(capsys, "charset", "list")["items"]
    assert shown in listed
    assert "jef-own" in typed(capsys, "charset", "list")
    assert "jef (jef-own)" in typed(capsys, "codeset", "list")


@pytest.mark.skipif(not JEF.exists(), reason="the JEF table is not here")
def test_the_jef_table_of_another_project_is_taken_in(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, "charset", "import", str(JEF), "--format", "jef4j-json", "--charset", "jef")
    (table,) = (
        one for one in told(capsys, "charset", "list")["items"] if one["kind"] == "imported"
    )
    assert table["codes"] > 10_000
    assert table["provenance"]["format"] == "jef4j-json"
