"""What commands say when they are typed wrong, interrupted, or cannot write: one sentence in either language."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gaiji.charset.convert import convert_file
from gaiji.charset.records.layoutfile import shipped
from gaiji.cli import run
from gaiji.cli.places import OPERATOR_KEY, registry_files
from gaiji.cli.saying import counted
from gaiji.cli.shared import settings_for
from gaiji.registry.db import database_file

ENDS = ["--from", "252069/juki", "--to", "unicode"]
CODE = b"\xf0\x40"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one city, one decided code, one release and its mapping file."""
    home = tmp_path_factory.mktemp("home")
    (home / "list.csv").write_text("外字コード,MJ\nF040,MJ026190\n")
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", "252069/juki", "--charset", "cp932", "--system", "住民記録"],
        ["codeset", "import", "252069/juki", "--table", str(home / "list.csv")],
        ["decide", "252069/juki", "--code", "F040", "--character", "MJ026190"],
        ["release", "publish"],
        ["release", "export", "1", str(home / "files")],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


@pytest.fixture
def here(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with inputs, where commands run; their registry is the one above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAIJI_HOME", str(home))
    Path("in.txt").write_bytes(b"a" + CODE + b"\n")
    Path("folder").mkdir()
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], command: list[str], language: str = "en_US") -> str:
    """Type a command in a language and return what it said on standard error."""
    capsys.readouterr()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", f"{language}.UTF-8")
        run(command)
    return capsys.readouterr().err


# --- wrong usage

WRONG = [
    (
        ["convert"],
        "引数 IN(入力、- は標準入力) がありません。",
        "Argument IN (input, - stdin) is missing; see gaiji",
    ),
    (["convert", "in.txt", "o", "--from", "252069/juki"], "オプション --to(", "Option --to ("),
    (
        ["convert", "in.txt", "o", *ENDS, "--as-of", "x"],
        "--as-of に x は使えません。2026-03-31 のように、",
        "--as-of cannot be x; write a day",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--as-of", "2026-02-30"],
        "--as-of に 2026-02-30 は使えません。",
        "--as-of cannot be 2026-02-30;",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--as-of"],
        "オプション --as-of に値がありません。",
        "Option --as-of has no value;",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--max-loss", "x"],
        "--max-loss に x は使えません。0 以上の整数を",
        "a whole number of at least 0.",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--max-loss", "-1"],
        "--max-loss に -1 は使えません。",
        "--max-loss cannot be -1;",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--dry-run=1"],
        "オプション --dry-run は値を取りません。",
        "Option --dry-run takes no value;",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "--recipt", "x"],
        "オプション --recipt はありません。似ているのは --receipt",
        "no option --recipt (near it: --receipt",
    ),
    (
        ["convert", "in.txt", "o", *ENDS, "more"],
        "余分な引数 more があります。",
        "There is more than the command takes: more;",
    ),
    (
        ["serve", "--port", "x"],
        "0 から 65535 までの整数を書いてください。",
        "write a whole number from 0 to 65535.",
    ),
    (["serve", "--port", "70000"], "--port に 70000 は使えません。", "--port cannot be 70000;"),
    (
        ["fitgap", "252069", "--against", "x"],
        "--against に x は使えません。MJ・GJ・table のどれか",
        "--against cannot be x; take one of MJ, GJ, table.",
    ),
    (
        ["fitgap", "252069", "--release", "x"],
        "--release に x は使えません。整数を",
        "--release cannot be x; write a whole number.",
    ),
    (
        ["decide", "252069/juki", "--valid-from", "x"],
        "--valid-from に x は使えません。",
        "--valid-from cannot be x;",
    ),
    (
        ["release", "diff", "1", "1", "--limit", "-1"],
        "--limit に -1 は使えません。0 以上",
        "--limit cannot be -1;",
    ),
    (
        ["journal", "show", "--after", "-1"],
        "--after に -1 は使えません。0 以上",
        "--after cannot be -1;",
    ),
    (
        ["usage", "count", "in.txt", "--codeset", "252069/juki", "--as-of", "x"],
        "--as-of に x は",
        "--as-of cannot be x;",
    ),
    (
        ["nonsense"],
        "コマンド nonsense はありません。gaiji --help",
        "There is no command nonsense; see gaiji --help.",
    ),
    (
        ["jobs", "nonsense"],
        "コマンド nonsense はありません。gaiji jobs --help",
        "see gaiji jobs --help.",
    ),
    (
        ["member", "list", "--home"],
        "オプション --home に値がありません。",
        "see gaiji member list --help.",
    ),
]


@pytest.mark.parametrize(("command", "ja", "en"), WRONG, ids=lambda part: str(part[-2:]))
def test_wrong_usage_is_told_in_the_language_of_the_machine(
    here: Path, capsys: pytest.CaptureFixture[str], command: list[str], ja: str, en: str
) -> None:
    for language, says in (("ja_JP", ja), ("en_US", en)):
        said = told(capsys, command, language)
        assert said.startswith("gaiji: ")
        assert said.count("\n") == 1
        assert says in said
        assert not re.search(r"Value error|Input should|None|%Y|Invalid|not a valid", said)
    assert run(command) == 2
    assert sorted(os.listdir(here)) == ["folder", "in.txt"]


def test_wrong_usage_is_a_problem_document_where_json_was_asked(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = json.loads(told(capsys, ["jobs", "list", "--limit", "x", "--format", "json"]))
    assert (problem["type"], problem["status"]) == ("/problems/bad-input", 422)
    assert problem["detail"] == "--limit cannot be x; write a whole number from 1 to 1000."


def test_a_group_without_a_command_says_which_there_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, ["jobs"])
    assert said.startswith("Usage: gaiji jobs ")
    assert run(["jobs"]) == 2


def test_a_mapping_file_of_other_options_says_which(
    home: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mapping = str(home / "files" / "252069-juki.unicode.r1.gmap")
    command = ["convert", "in.txt", "o", *ENDS, "--mapping", mapping]
    said = told(capsys, [*command, "--as-of", "2026-03-31"])
    assert "made without --as-of; convert with the same" in said
    assert "--as-of の指定なしで" in told(capsys, [*command, "--as-of", "2026-03-31"], "ja_JP")
    assert "made with --ivs auto;" in told(capsys, [*command, "--ivs", "always"])
    assert "made with --mj-format ' ';" in told(capsys, [*command, "--mj-format", "x"])


@pytest.mark.parametrize(
    ("text", "ja", "en"),
    [
        (b"name = \n", "1 行目の 8 文字目", "line 1 goes wrong at character 8;"),
        (
            b'name = "x"\nnote = "\x82\xa0"\n',
            "2 行目が UTF-8 ではありません",
            "line 2 is no UTF-8;",
        ),
        (b'name = """x', "途中で終わっています", "it ends in the middle"),
    ],
)
def test_a_layout_that_is_no_toml_says_where(
    here: Path, capsys: pytest.CaptureFixture[str], text: bytes, ja: str, en: str
) -> None:
    Path("layout.toml").write_bytes(text)
    for language, says in (("ja_JP", ja), ("en_US", en)):
        said = told(capsys, ["layout", "check", "layout.toml"], language)
        assert says in said
        assert "layout.toml" in said
        assert "codec" not in said


def test_one_thing_and_several_are_counted_apart(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (counted(1, "loss", "losses"), counted(0, "byte")) == ("1 loss", "0 bytes")
    assert counted(1234, "loss", "losses") == "1,234 losses"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LC_ALL", "en_US.UTF-8")
        assert run(["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--receipt", "r"]) == 0
        assert "1 record, 4 → " in (said := capsys.readouterr().out)
        assert re.search(r"\b(1 loss|0 losses)\n", said)
        assert run(["restore", "o", "back", "--receipt", "r"]) == 0
        assert "4 bytes restored." in capsys.readouterr().out


# --- files


def test_a_receipt_that_cannot_be_used_is_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--receipt", "r"])
    data = Path("r").read_bytes()
    for name, damaged in (
        ("none", b"x"),
        ("cut", data[:-1]),
        ("newer", data[:7] + b"\x09" + data[8:]),
    ):
        Path(name).write_bytes(damaged)
        assert f"(file {name})" in told(capsys, ["restore", "o", "back", "--receipt", name])
    assert not Path("back").exists()


def test_a_release_is_not_exported_where_a_file_stands(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in ("in.txt", "in.txt/below/it"):
        assert run(["release", "export", "1", place]) == 2
        assert "where the folder is to be" in (
            said := told(capsys, ["release", "export", "1", place])
        )
        assert "(file in.txt)" in said
    assert Path("in.txt").read_bytes() == b"a" + CODE + b"\n"


# --- one file for two purposes


@pytest.fixture
def all_files(home: Path, here: Path) -> Path:
    """A mapping file, a layout, a converted file with its receipt, and items of a layout, in the working folder."""
    shutil.copy(home / "files" / "252069-juki.unicode.r1.gmap", "m.gmap")
    Path("l.toml").write_text('kind = "csv"\n[[field]]\nname = "氏名"\nmode = "text"\n')
    assert run(["convert", "in.txt", "done.txt", *ENDS, "--receipt", "r", "--max-loss", "1"]) == 0
    Path("items.csv").write_text("項目名\n氏名\n")
    Path("link.gmap").symlink_to("m.gmap")
    return here


def contents(*folders: Path) -> dict[Path, bytes]:
    """Every file but those that SQLite keeps beside the database while somebody reads it."""
    found = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in found if not path.name.endswith(("-wal", "-shm"))}


KEY = "the operator's key"
BY_FILE = [*ENDS, "--mapping", "m.gmap"]
IN_LAYOUT = ["--layout", "l.toml"]
TWICE = [
    (["convert", "in.txt", "m.gmap", *BY_FILE], "m.gmap"),
    (["convert", "in.txt", "link.gmap", *BY_FILE], "link.gmap"),
    (["convert", "in.txt", "l.toml", *BY_FILE, *IN_LAYOUT], "l.toml"),
    (["convert", "in.txt", "o", *BY_FILE, "--receipt", "m.gmap"], "m.gmap"),
    (["convert", "in.txt", "o", *BY_FILE, "--report", "m.gmap", "--dry-run"], "m.gmap"),
    (["convert", "in.txt", "o", *ENDS, *IN_LAYOUT, "--spill", "l.toml"], "l.toml"),
    (["convert", "in.txt", "HOME/gaiji.db", *ENDS], "HOME/gaiji.db"),
    (["convert", "in.txt", "HOME/gaiji.db-wal", *BY_FILE], "HOME/gaiji.db-wal"),
    (["convert", "in.txt", "o", *BY_FILE, "--report", "HOME/gaiji.db-shm"], "HOME/gaiji.db-shm"),
    (["convert", "in.txt", "o", *ENDS, "--report", "HOME/gaiji.db"], "HOME/gaiji.db"),
    (["restore", "done.txt", "m.gmap", "--receipt", "r", "--mapping", "m.gmap"], "m.gmap"),
    (["restore", "done.txt", "r", "--receipt", "r"], "r"),
    (["restore", "done.txt", "done.txt", "--receipt", "r"], "done.txt"),
    (["restore", "done.txt", "l.toml", "--receipt", "r", *IN_LAYOUT], "l.toml"),
    (["restore", "done.txt", "HOME/gaiji.db", "--receipt", "r"], "HOME/gaiji.db"),
    (["fitgap", "252069", "--out", "HOME/gaiji.db"], "HOME/gaiji.db"),
    (["layout", "import", "items.csv", "items.csv"], "items.csv"),
    (["layout", "import", "items.csv", "HOME/gaiji.db"], "HOME/gaiji.db"),
]


@pytest.mark.parametrize(("command", "name"), TWICE)
def test_what_a_command_reads_is_never_overwritten(
    home: Path, all_files: Path, capsys: pytest.CaptureFixture[str], command: list[str], name: str
) -> None:
    command = [word.replace("HOME", str(home)) for word in command]
    name = name.replace("HOME", str(home))
    before = contents(home, all_files)
    assert run(command) == 2
    english, japanese = told(capsys, command), told(capsys, command, "ja_JP")
    assert "One file is named for two purposes" in english
    assert f"choose another name. (file {name})" in english
    assert "一つのファイルが二つの用途に指定されています" in japanese
    assert name in japanese
    assert contents(home, all_files) == before


def test_the_other_name_of_a_file_is_told(
    all_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, ["convert", "in.txt", "link.gmap", *BY_FILE])
    assert "for two purposes (it is also m.gmap); choose" in said


def test_a_database_named_by_its_address_is_never_overwritten(
    home: Path, all_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(home / "gaiji.db", "other.db")
    monkeypatch.delenv("GAIJI_HOME")
    before = contents(all_files)
    for address in ("sqlite:///other.db", f"sqlite+pysqlite:///{all_files}/other.db?timeout=5"):
        monkeypatch.setenv("GAIJI_DATABASE", address)
        assert registry_files(None)[0].endswith("other.db")
        for name in ("other.db", "other.db-wal", "other.db-journal"):
            assert run(["convert", "in.txt", name, *BY_FILE]) == 2
    assert contents(all_files) == before
    monkeypatch.setenv("GAIJI_DATABASE", "postgresql://clerk@host/gaiji")
    assert registry_files(None) == (os.path.join(".home", OPERATOR_KEY),)
    assert run(["convert", "in.txt", "gaiji.db", *BY_FILE, "--max-loss", "1"]) == 0


def test_the_registry_files_are_those_of_the_settings(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GAIJI_HOME", raising=False)
    for address in (
        None,
        "",
        "sqlite:///a/b.db",
        "sqlite:////a/b.db",
        "sqlite://",
        "postgresql:///b",
    ):
        if address is not None:
            monkeypatch.setenv("GAIJI_DATABASE", address)
        for given in (None, home):
            file = database_file(settings_for(given))
            ours = [os.path.abspath(one) for one in registry_files(given)]
            assert ours[:-1][:1] == ([] if file is None else [os.path.abspath(file)])
            assert ours[-1] == os.path.abspath(settings_for(given).home / OPERATOR_KEY)


@pytest.mark.parametrize(
    "words",
    [
        ["convert", "in.txt", KEY, *BY_FILE],
        ["convert", "in.txt", "out.txt", *BY_FILE, "--report", KEY],
        ["collisions", "--format", "csv", "--out", KEY],
        ["list", "codes", "--format", "csv", "--out", KEY],
        ["font", "build", KEY, "--codeset", "252069/juki"],
    ],
)
def test_no_output_takes_the_place_of_the_operators_key(
    home: Path, all_files: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    kept = home / OPERATOR_KEY
    kept.write_text("gaiji_key")
    assert run([str(kept) if word == KEY else word for word in words]) == 2
    assert kept.read_text() == "gaiji_key"
    assert "for two purposes" in capsys.readouterr().err
    kept.unlink()


@pytest.mark.parametrize("number", ["9" * 19, "9" * 30])
def test_a_number_that_no_database_holds_is_one_sentence(
    home: Path, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["journal", "show", "--after", number, "--home", str(home)]) == 2
    assert "A number on the command line is too large" in capsys.readouterr().err


def test_a_name_of_a_shipped_layout_can_be_an_output(
    all_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = shipped()[0]
    assert "two purposes" not in told(
        capsys, ["convert", "in.txt", name, *BY_FILE, "--layout", name]
    )


def test_standard_output_is_named_for_one_purpose(
    all_files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "in.txt", "-", *BY_FILE, *IN_LAYOUT, "--spill", "-"]
    assert run(command) == 2
    assert "Standard output is named for two purposes; choose another name" in told(capsys, command)
    assert "標準出力が二つの用途に指定されています" in told(capsys, command, "ja_JP")


def test_a_release_is_not_exported_where_the_database_has_its_files(
    home: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("gaiji.db", "gaiji.db-wal", "gaiji.db-wal/below"):
        command = ["release", "export", "1", str(home / name)]
        assert run(command) == 2
        assert "The registry's database uses the name of this folder" in told(capsys, command)
        assert not (home / name).is_dir()
    command = ["release", "export", "1", str(home)]
    assert run(command) == 2
    assert "This is the registry's own folder" in told(capsys, command)


# --- files without an end


@pytest.mark.parametrize(
    "command",
    [
        ["charset", "import", "FILE", "--format", "csv", "--charset", "jef"],
        ["codeset", "import", "252069/juki", "--table", "FILE"],
        ["codeset", "import", "252069/juki", "--font", "FILE"],
        ["reference", "import", "FILE", "--namespace", "MJ"],
        ["layout", "import", "FILE", "out.toml"],
    ],
)
def test_a_file_that_is_too_large_is_refused_before_it_is_read_to_its_end(
    here: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.setattr("gaiji.cli.shared.LARGEST_BYTES", 1 << 20)
    command = [word.replace("FILE", "/dev/zero") for word in command]
    assert run(command) == 2
    assert "The file is larger than 1 MiB and cannot be read" in told(capsys, command)
    assert "1 MiB より大きい" in told(capsys, command, "ja_JP")


def test_a_mapping_file_that_has_no_end_is_none(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "in.txt", "o", *ENDS, "--mapping", "/dev/zero"]
    assert run(command) == 2
    assert "This is no mapping file" in told(capsys, command)


def test_fitgap_into_a_folder_that_is_missing_is_wrong_usage(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fitgap", "252069", "--out", "nowhere/fitgap.html"]) == 2
    assert "nowhere/fitgap.html" in capsys.readouterr().err


# --- reports


@pytest.mark.parametrize("place", ["folder", "missing/report"])
def test_nothing_is_converted_where_the_report_has_no_place(
    here: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    assert run(["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--report", place]) == 2
    assert f"{place})" in capsys.readouterr().err
    assert sorted(os.listdir(here)) == ["folder", "in.txt"]


def test_a_report_that_cannot_be_written_says_what_was(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--receipt", "r"]
    said = told(capsys, [*command, "--report", "/dev/full"])
    assert "The conversion is done and o, r written, but the report is not" in said
    assert "/dev/full" in said
    assert "nothing was written" not in said
    assert Path("o").read_bytes()
    assert run(["restore", "o", "back", "--receipt", "r"]) == 0
    assert run([*command, "--report", "/dev/full"]) == 4


def test_a_refusal_for_losses_leaves_its_report_and_no_output(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["convert", "in.txt", "o", "--from", "252069/juki", "--to", "x0213"]
    Path("in.txt").write_bytes(CODE * 3)
    assert run([*command, "--on-unmapped", "geta", "--report", "report"]) == 1
    assert json.loads(Path("report").read_bytes())["losses"] == 3
    assert not Path("o").exists()


# --- full disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system without any room, where the machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    (folder / "filler").write_bytes(bytes(65536))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_told_with_the_file_that_had_no_room(
    here: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, plenty = str(small_disk / "o"), ["--max-loss", "1"]
    for more in (
        [out, *ENDS, *plenty],
        ["o", *ENDS, *plenty, "--receipt", out],
        ["o", *ENDS, *plenty, "--report", str(small_disk / "o"), "--dry-run"],
    ):
        said = told(capsys, ["convert", "in.txt", *more])
        assert f"nothing was written; make room and run it again. (file {out})" in said
        assert os.listdir(small_disk) == ["filler"]
        assert not Path("o").exists()
    assert f"(file {out})" in told(capsys, ["fitgap", "252069", "--out", out])


def test_standard_output_that_is_full_is_told_as_such(here: Path) -> None:
    def type(*command: str) -> subprocess.CompletedProcess[str]:
        with open("/dev/full", "w") as full:
            return subprocess.run(
                [sys.executable, "-m", "gaiji", *command],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "LC_ALL": "en_US.UTF-8"},
                check=False,
            )

    for command in (
        ["convert", "in.txt", "-", *ENDS, "--max-loss", "1"],
        ["convert", "in.txt", "o", *ENDS, "--max-loss", "1"],
        ["member", "list"],
        ["release", "list"],
    ):
        done = type(*command)
        assert done.returncode == 4
        assert done.stderr == (
            "gaiji: Standard output could not be written to its end (no space is left); check where it goes "
            "and run it again.\n"
        )
    assert Path("o").exists()


# --- interrupted


@pytest.mark.parametrize("more", [[], ["--report", "out/report"], ["--workers", "2"]])
def test_ctrl_c_says_that_nothing_was_written(home: Path, here: Path, more: list[str]) -> None:
    Path("big.txt").write_bytes(b"\x88\x9f" * 50_000_000)
    Path("out").mkdir()
    mapping = str(home / "files" / "252069-juki.unicode.r1.gmap")
    command = ["convert", "big.txt", "out/o", *ENDS, "--mapping", mapping, *more]
    process = subprocess.Popen(
        [sys.executable, "-m", "gaiji", *command],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "LC_ALL": "en_US.UTF-8", "GAIJI_KERNEL": "python"},
    )
    while not os.listdir("out"):
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.2)
    os.killpg(process.pid, signal.SIGINT)
    assert process.communicate(timeout=20)[1] == "gaiji: Interrupted; nothing was written.\n"
    assert process.returncode == 130
    assert os.listdir("out") == []


def test_ctrl_c_after_the_output_took_its_name_says_so(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(*arguments: object, **named: object) -> None:
        convert_file(*arguments, **named)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr("gaiji.cli.batch.convert_file", late)
    assert run(["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--report", "r"]) == 130
    assert capsys.readouterr().err == "gaiji: Interrupted, but o had been written.\n"
    assert Path("o").exists()
    assert not Path("r").exists()


def test_ctrl_c_of_a_restoration_leaves_nothing(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["convert", "in.txt", "o", *ENDS, "--max-loss", "1", "--receipt", "r"])

    def stop(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("gaiji.cli.batch.restore_file", stop)
    for command in (
        ["restore", "o", "back", "--receipt", "r"],
        ["restore", "o", "back", "--receipt=r"],
    ):
        assert run(command) == 130
    assert "nothing was written" in told(capsys, ["restore", "o", "back", "--receipt", "r"])
    assert told(capsys, ["member", "list"]) == ""


def test_ctrl_c_of_any_other_command_is_told(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gaiji.registry.members.all_members", stop)
    assert run(["member", "list"]) == 130
    assert capsys.readouterr().err == "gaiji: Interrupted.\n"
    assert told(capsys, ["member", "list"], "ja_JP") == "gaiji: 中断しました。\n"


def test_a_file_that_cannot_be_read_is_not_said_to_be_unwritable(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, ["lint", "/proc/self/mem"])
    assert said.startswith("gaiji: The file cannot be read (")
    assert run(["lint", "/proc/self/mem"]) == 2
