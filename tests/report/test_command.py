import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from gaiji.cli import fitgap
from gaiji.errors import UnknownMember
from tests.council import KUSATSU, Council

app = typer.Typer()
app.callback()(lambda: None)
fitgap.register(app)


@pytest.fixture
def home(council: Council, tmp_path: Path) -> Path:
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    rows = "".join(f"F0{40 + n},,{n + 1}\n" for n in range(0, 50))
    council.take_in("252069/juki", f"外字コード,MJ文字図形名,画数\n{rows}", drawn=("F040",))
    council.session.commit()
    return tmp_path


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["fitgap", *map(str, arguments)])


def test_the_terminal_shows_the_table_and_forty_gaps(home: Path) -> None:
    result = run(KUSATSU, "--home", home)
    assert result.exit_code == 0
    assert "システム区分" in result.stdout
    assert result.stdout.count("252069/juki/F0") == 40
    assert "ほか 10 字" in result.stdout
    assert "252069/juki/F0" not in run(KUSATSU, "--no-gaps", "--home", home).stdout


def test_json_has_the_shape_of_the_service(home: Path) -> None:
    shape = json.loads(run(KUSATSU, "--format", "json", "--home", home).stdout)
    assert shape["rows"][-1] == {
        "number": None,
        "group": "合計",
        "code_sets": 1,
        "codes": 50,
        "fit": 0,
        "gap": 50,
        "substitute": 0,
        "undecided": 0,
        "unmapped": 50,
        "outside": 0,
        "rate": 0.0,
    }
    assert len(shape["gaps"]) == 50
    assert shape["gaps"][0]["remedy"]["code"] == "identify-by-shape"
    assert (
        json.loads(run(KUSATSU, "--format", "json", "--no-gaps", "--home", home).stdout)["gaps"]
        == []
    )


@pytest.mark.parametrize(("format", "start"), [("html", b"<!doctype"), ("csv", b"\xef\xbb\xbf")])
def test_a_file_is_written_whole(home: Path, tmp_path: Path, format: str, start: bytes) -> None:
    out = tmp_path / "report"
    assert run(KUSATSU, "--format", format, "--out", out, "--home", home).stdout == ""
    assert out.read_bytes().startswith(start)
    assert b"F089" in out.read_bytes()


def test_an_unknown_member_writes_nothing(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    result = run("252077", "--out", out, "--home", home)
    assert isinstance(result.exception, UnknownMember)
    assert not out.exists()


def test_another_measure_or_format_is_wrong_usage(home: Path) -> None:
    assert run(KUSATSU, "--against", "XX", "--home", home).exit_code == 2
    assert run(KUSATSU, "--format", "pdf", "--home", home).exit_code == 2
