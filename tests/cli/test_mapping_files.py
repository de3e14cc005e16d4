"""Converting with a mapping file alone: no database, and nothing loaded that only a database needs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from gaiji.charset.mapping import Mapping
from gaiji.cli import run
from tests.charset.council import code, juki

DATA = "1,山田,".encode("cp932") + code("F040") + "\n2,吉田,".encode("cp932") + code("F044") + b"\n"
HEAVY = ("sqlalchemy", "pydantic", "fastapi", "fontTools", "PIL", "httpx", "rich")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_mapping(tmp_path / "juki.gmap", Conversion(juki(), "unicode"))
    (tmp_path / "in.csv").write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAIJI_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    return tmp_path


def convert(*more: str, to: str = "unicode") -> int:
    ends = ["--from", "252069/juki", "--to", to, "--mapping", "juki.gmap"]
    return run(["convert", "in.csv", "out.txt", *ends, *more])


def test_a_file_is_converted_and_restored_without_a_registry(folder: Path) -> None:
    assert convert("--receipt", "receipt", "--max-loss", "9") == 0
    text = (folder / "out.txt").read_bytes().decode()
    assert text == "1,山田,邉\n2,吉田,邉\U000e011b\n"
    restore = ["restore", "out.txt", "back", "--receipt", "receipt", "--mapping", "juki.gmap"]
    assert run(restore) == 0
    assert (folder / "back").read_bytes() == DATA
    assert not (folder / "nowhere").exists()


def test_a_mapping_file_for_other_ends_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(to="juki") == 2
    assert "converts between 252069/juki and unicode" in capsys.readouterr().err
    assert convert("--ivs", "always") == 2
    assert "made with --ivs auto;" in capsys.readouterr().err
    assert convert("--release", "99") == 2
    assert "is of release 3, not 99" in capsys.readouterr().err
    assert convert("--spill", "side") == 2
    assert "--spill goes with --layout" in capsys.readouterr().err
    assert not (folder / "out.txt").exists()


def test_a_receipt_of_another_mapping_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert("--receipt", "receipt", "--max-loss", "9") == 0
    mapping = juki()
    other = Mapping(
        3, "9b" * 32, mapping.code_set, mapping.charset, mapping.rows, mapping.repertoire
    )
    write_mapping(folder / "juki.gmap", Conversion(other, "unicode"))
    restore = ["restore", "out.txt", "back", "--receipt", "receipt", "--mapping", "juki.gmap"]
    assert run(restore) == 2
    assert "is not the one the receipt recorded" in capsys.readouterr().err
    assert not (folder / "back").exists()


def test_nothing_heavy_is_loaded_for_it(folder: Path) -> None:
    script = (
        "import sys; from gaiji.cli import run\n"
        "status = run(sys.argv[1:])\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], status)"
    )
    ends = ["--from", "252069/juki", "--to", "unicode", "--mapping", "juki.gmap"]
    arguments = ["convert", "in.csv", "out.txt", *ends, "--max-loss", "9"]
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"
