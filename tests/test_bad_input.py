"""Bad input at the command line: one sentence with place and remedy, the documented status, nothing changed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaiji.cli import run, shared
from gaiji.errors import GaijiError
from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Outline

SQUARE = Outline(1000, 1000, ((((800, 100),), ((800, 700),), ((100, 700),), ((100, 100),)),))
FONT = build_truetype({0xE000: ("a", SQUARE)}, family="Test")
LATIN = build_truetype({0x41: ("A", SQUARE)}, family="Test")
OUTSIDE = build_truetype({0xF8F0: ("a", SQUARE)}, family="Test")
CONVERT = ["convert", "--from", "252069/juki", "--to", "unicode"]
IMPORT = ["codeset", "import", "252069/juki"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one city and one release."""
    home = tmp_path_factory.mktemp("prepared")
    table = home / "ok.csv"
    table.write_text("外字コード,MJ\nF040,MJ026190\n")
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", "252069/juki", "--charset", "cp932", "--system", "住民記録"],
        [*IMPORT, "--table", str(table)],
        ["decide", "252069/juki", "--code", "F040", "--character", "MJ026190"],
        ["release", "publish"],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "home")
    return tmp_path / "home"


def serial(home: Path) -> int:
    with sqlite3.connect(f"file:{home / 'gaiji.db'}?mode=ro", uri=True) as connection:
        return int(connection.execute("SELECT serial FROM registry").fetchone()[0])


FILES: dict[str, bytes] = {
    "empty.tte": b"",
    "text.tte": b"This is no font at all, however long the text may be.",
    "truncated.tte": FONT[: len(FONT) // 2],
    "latin.tte": LATIN,
    "outside.tte": OUTSIDE,
    "font.woff2": b"wOF2" + bytes(80),
    "font.ttc": b"ttcf" + bytes(80),
    "EUDC.EUF": b"WINEUF" + bytes(200),
    "cut.bdf": b"STARTFONT 2.1\nSIZE 24 75 75\nFONTBOUNDINGBOX 24 24 0 0\nCHARS 9\n",
    "utf16.csv": "外字コード\nF041\n".encode("utf-16"),
    "mojibake.csv": "外字コード,読み\nF041,".encode() + b"\x80\xff\xfe\n",
    "columns.csv": "読み,画数\nへん,17\n".encode(),
    "twice.csv": "外字コード\nF041\nF041\n".encode(),
    "area.csv": "外字コード\n8140\n".encode(),
    "in.txt": b"\x88\x9f\n",
    "cut.txt": b"abc\n\x88\x9f\xf0",
    "gj.csv": "MJ文字図形名,対応するUCS\nGJ000001,U+9089\n".encode(),
}


@pytest.mark.parametrize(
    ("command", "status", "error", "says"),
    [
        ([*IMPORT, "--font", "empty.tte"], 2, "bad-font", "empty.tte"),
        ([*IMPORT, "--font", "text.tte"], 2, "bad-font", "text.tte"),
        ([*IMPORT, "--font", "truncated.tte"], 2, "bad-font", "truncated.tte"),
        ([*IMPORT, "--font", "latin.tte"], 2, "bad-font", "private-use"),
        ([*IMPORT, "--font", "outside.tte"], 2, "code-outside-area", "outside.tte"),
        ([*IMPORT, "--font", "font.woff2"], 2, "bad-font", "WOFF2"),
        ([*IMPORT, "--font", "font.ttc"], 2, "bad-font", "collection"),
        ([*IMPORT, "--font", "EUDC.EUF"], 2, "bad-font", "EUDC.TTE"),
        ([*IMPORT, "--font", "cut.bdf"], 2, "bad-font", "cut.bdf"),
        ([*IMPORT, "--table", "utf16.csv"], 2, "bad-table", "UTF-16"),
        ([*IMPORT, "--table", "mojibake.csv"], 2, "bad-table", "mojibake.csv"),
        ([*IMPORT, "--table", "columns.csv"], 2, "bad-table", "読み"),
        ([*IMPORT, "--table", "twice.csv"], 2, "bad-table", "F041"),
        ([*IMPORT, "--table", "area.csv"], 2, "code-outside-area", "8140"),
        ([*IMPORT, "--table", "missing.csv"], 2, "bad-input", "missing.csv"),
        (IMPORT, 2, "bad-input", "--font"),
        (["member", "add", "252060", "--name", "x"], 2, "bad-member-code", "9"),
        (["member", "show", "252085"], 2, "unknown-member", "252085"),
        (["codeset", "show", "252069/zei"], 2, "unknown-code-set", "252069/zei"),
        (["release", "show", "9"], 2, "unknown-release", "9"),
        (["release", "diff", "1", "9"], 2, "unknown-release", "9"),
        (["fitgap", "252085"], 2, "unknown-member", "252085"),
        (["codeset", "add", "252069/x", "--charset", "sjis", "--system", "x"], 2, "unknown-charset", "sjis"),
        (["decide", "252069/juki", "--code", "F041", "--character", "MJ026190"], 2, "unknown-code", "F041"),
        (["decide", "252069/juki", "--code", "F040", "--character", "MJ999999"], 2, "unknown-character", "MJ999999"),
        (["decide", "252069/juki", "--policy", "exact-mj-name"], 1, "refused", "policy enable"),
        (["convert", "in.txt", "out", "--from", "252069/juki", "--to", "jef"], 2, "unsupported-conversion", "jef"),
        (["convert", "cut.txt", "out", "--from", "252069/juki", "--to", "unicode"], 2, "malformed-input", "byte 6"),
        (["convert", "no.txt", "out", "--from", "252069/juki", "--to", "unicode"], 2, "not-found", "no.txt"),
        (["convert", "in.txt", "/dev/full", "--from", "252069/juki", "--to", "unicode"], 4, "disk-full", "full"),
        (["reference", "import", "gj.csv", "--namespace", "MJ"], 2, "bad-reference", "GJ000001"),
        (["reference", "import", "gj.csv", "--namespace", "XX"], 2, "bad-reference", "XX"),
        ([*CONVERT, "in.txt", "in.txt"], 2, "bad-input", "two purposes"),
        ([*CONVERT, "in.txt", "out", "--report", "in.txt"], 2, "bad-input", "two purposes"),
        ([*CONVERT, "in.txt", "no/out"], 2, "bad-input", "folder"),
        (["codeset", "show", "252069/juki", "--after", "ZZ"], 2, "bad-name", "ZZ"),
        (["codeset", "import", "252069/juki", "--table", "empty.tte"], 2, "bad-table", "empty"),
        (["member", "add", "252085", "--name", "栗東\n市"], 2, "bad-name", "line breaks"),
        (["member", "join", "252069", "--by", " "], 2, "bad-name", "actor"),
        (["token", "create", "", "--role", "auditor"], 2, "bad-name", "principal"),
        (["db", "downgrade", "nope"], 2, "bad-name", "nope"),
        (["restore", "in.txt", "back", "--receipt", "in.txt"], 2, "bad-receipt", "receipt"),
    ],
    ids=lambda value: "-".join(value[-2:]).replace("/", " ") if isinstance(value, list) else None,
)  # fmt: skip
def test_it_is_told_in_one_sentence_and_nothing_changes(
    home: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    status: int,
    error: str,
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, data in FILES.items():
        Path(name).write_bytes(data)
    raised: list[str] = []

    def complain(problem: GaijiError, format: str) -> int:
        raised.append(problem.code())
        return shared.complain(problem, format)

    monkeypatch.setattr("gaiji.cli.complain", complain)
    before, there = serial(home), sorted(os.listdir(tmp_path))
    assert run([*command, "--home", str(home)]) == status
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("gaiji: ")
    assert says in said.err.splitlines()[0]
    assert "Traceback" not in said.err
    assert serial(home) == before
    assert sorted(os.listdir(tmp_path)) == there
    assert raised == [error]


def test_an_error_is_a_problem_document_where_json_was_asked(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["release", "show", "9", "--format", "json", "--home", str(home)]) == 2
    problem = json.loads(capsys.readouterr().err)
    assert (problem["type"], problem["status"]) == ("/problems/unknown-release", 404)


def test_messages_follow_the_language_of_the_machine(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    run(["release", "show", "9", "--home", str(home)])
    assert "版 9 はありません" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command", [["convert"], ["nonsense"], ["member", "add"], ["serve", "--port", "x"]]
)
def test_wrong_usage_ends_with_status_two(
    capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert run(command) == 2
    assert capsys.readouterr().err.startswith("gaiji: ")


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GAIJI_DATABASE", "foo://x", "GAIJI_DATABASE"),
        ("GAIJI_DATABASE", "mysql://a@b/c", "GAIJI_DATABASE"),
        ("GAIJI_DATABASE_TIMEOUT_S", "abc", "GAIJI_DATABASE_TIMEOUT_S"),
        ("GAIJI_MAX_BODY_BYTES", "-1", "GAIJI_MAX_BODY_BYTES"),
        ("GAIJI_OPEN_WORK", "maybe", "GAIJI_OPEN_WORK"),
    ],
)
def test_a_bad_setting_is_named(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str,
    says: str,
) -> None:
    monkeypatch.setenv(name, value)
    assert run(["member", "list", "--home", str(home)]) == 2
    assert says in capsys.readouterr().err


def test_a_home_that_is_a_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("x")
    assert run(["db", "upgrade", "--home", str(tmp_path / "file")]) == 4
    assert "cannot be made" in capsys.readouterr().err


def test_a_stopped_conversion_leaves_nothing_behind(home: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(b"\x88\x9f" * 20_000_000)
    (tmp_path / "out").mkdir()
    command = [
        "convert",
        str(big),
        str(tmp_path / "out" / "o"),
        "--from",
        "252069/juki",
        "--to",
        "unicode",
    ]
    process = subprocess.Popen([sys.executable, "-m", "gaiji", *command, "--home", str(home)])
    while not any((tmp_path / "out").iterdir()):
        assert process.poll() is None
        time.sleep(0.02)
    process.terminate()
    assert process.wait(10) == 143
    assert list((tmp_path / "out").iterdir()) == []


def test_a_missing_registry_says_how_to_make_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["member", "list", "--home", str(tmp_path)]) == 2
    assert "gaiji db upgrade" in capsys.readouterr().err


# --- storage


def test_a_locked_database_is_waited_for_and_then_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GAIJI_DATABASE_TIMEOUT_S", "0.2")
    before = serial(home)
    holder = sqlite3.connect(home / "gaiji.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    status = run(["member", "add", "252085", "--name", "栗東市", "--home", str(home)])
    holder.execute("ROLLBACK")
    holder.close()
    assert status == 4
    assert "Another process" in capsys.readouterr().err
    assert serial(home) == before


def test_a_database_that_is_no_database_is_told(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "gaiji.db").write_bytes(b"this is not a database" * 100)
    assert run(["member", "list", "--home", str(home)]) == 4
    assert "damaged" in capsys.readouterr().err


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB, where the machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_changes_nothing(
    home: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(home, small_disk / "home")
    free = os.statvfs(small_disk)
    (small_disk / "filler").write_bytes(bytes(free.f_bavail * free.f_frsize))
    before = serial(home)
    status = run(
        ["member", "add", "252085", "--name", "栗東市", "--home", str(small_disk / "home")]
    )
    assert status == 4
    assert "full" in capsys.readouterr().err
    (small_disk / "filler").unlink()
    assert serial(small_disk / "home") == before
    assert run(["member", "list", "--home", str(small_disk / "home")]) == 0


def test_a_read_only_disk_is_told(
    home: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(home, small_disk / "home")
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    status = run(
        ["member", "add", "252085", "--name", "栗東市", "--home", str(small_disk / "home")]
    )
    assert status == 4
    assert "can be written" in capsys.readouterr().err


def test_a_read_only_database_is_read_and_not_written(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = serial(home)
    monkeypatch.setenv("GAIJI_DATABASE", f"sqlite:///file:{home}/gaiji.db?mode=ro&uri=true")
    assert run(["member", "list"]) == 0
    assert run(["member", "add", "252085", "--name", "栗東市"]) == 4
    assert "read-only" in capsys.readouterr().err
    assert serial(home) == before
