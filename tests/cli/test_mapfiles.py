"""gaiji release export and verify, as typed."""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from gaiji.cli import run
from tests.web.council import built_council

__all__ = ["built_council"]
JUKI = "252069/juki"
GMAP = "252069-juki.unicode.r2.gmap"


@pytest.fixture(scope="module")
def exported(
    built_council: tuple[Path, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A registry with two releases that were exported once, so that their files need no second making."""
    home = tmp_path_factory.mktemp("exported") / "home"
    shutil.copytree(built_council[0], home)
    for release in ("1", "latest"):
        command = ["release", "export", release, str(home.parent / release), "--home", str(home)]
        assert run(command) == 0
    return home


@pytest.fixture
def home(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A registry with two releases, named by GAIJI_HOME, and an empty folder to work in."""
    shutil.copytree(exported, tmp_path / "home")
    monkeypatch.setenv("GAIJI_HOME", str(tmp_path / "home"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def typed(capsys: pytest.CaptureFixture[str], *command: str, status: int = 0) -> str:
    """Type a command and return what it printed."""
    capsys.readouterr()
    assert run(["release", *command]) == status
    said = capsys.readouterr()
    return said.err if status else said.out


def test_a_release_is_exported_and_verified_with_and_without_a_registry(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said = typed(capsys, "export", "latest", "out")
    assert "Release 2: 3 files written to out." in said
    assert sorted(path.name for path in Path("out").iterdir()) == [
        GMAP,
        "252069-zei.unicode.r2.gmap",
        "252085-juki.unicode.r2.gmap",
        "MANIFEST.json",
    ]
    said = typed(capsys, "verify", f"out/{GMAP}")
    assert "252069/juki ⇄ unicode, release 2" in said
    assert "The same as the registry's release." in said
    assert "3 files of release 2 checked" in typed(capsys, "verify", "out/MANIFEST.json")
    monkeypatch.delenv("GAIJI_HOME")  # a batch machine on a closed network
    said = typed(capsys, "verify", f"out/{GMAP}")
    assert "No registry here to compare with." in said
    told = json.loads(typed(capsys, "verify", f"out/{GMAP}", "--format", "json"))
    assert (told["from"], told["to"], told["release"]) == (JUKI, "unicode", 2)
    assert told["compared"] is False
    whole = hashlib.sha256(Path("out", GMAP).read_bytes()).hexdigest()
    listed = json.loads(Path("out/MANIFEST.json").read_text())["items"]
    assert told["sha256"] == whole == next(one["sha256"] for one in listed if one["name"] == GMAP)
    assert told["file_digest"] != whole
    assert f"  file_digest {told['file_digest']}\n  sha256 {whole}\n" in said
    assert "no registry" in typed(capsys, "verify", f"out/{GMAP}", "--home", "none", status=2)


def test_what_is_exported_can_be_chosen(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("export", "2", "out", "--codeset", JUKI)
    typed(capsys, *chosen, "--to", "juki", "--to", "252085/juki", "--ivs", "always")
    options = ("--mj-format", "/", "--as-of", "2020-03-31")
    typed(capsys, *chosen, "--to", "mj", *options)
    for form in ("ucm", "csv", "json"):
        typed(capsys, *chosen, "--format", form)
    names = {path.name for path in Path("out").iterdir()}
    assert names == {
        "252069-juki.juki.ivs-always.r2.gmap",
        "252069-juki.252085-juki.ivs-always.r2.gmap",
        "252069-juki.mj.mj-8a5edab2.as-of-2020-03-31.r2.gmap",
        *(f"252069-juki.unicode.r2.{form}" for form in ("ucm", "csv", "json")),
        "MANIFEST.json",
    }
    said = typed(capsys, "verify", "out/252069-juki.mj.mj-8a5edab2.as-of-2020-03-31.r2.gmap")
    assert "as of 2020-03-31" in said
    assert "1 file of release 2 checked" in typed(
        capsys, "verify", "out/MANIFEST.json"
    )  # of the last export


def spoil(data: bytes, how: str) -> bytes:
    middle = len(data) // 2
    return {
        "cut": data[:middle],
        "changed": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "empty": b"",
        "another": b"PK\x03\x04" + data,
    }[how]


@pytest.mark.parametrize("how", ["cut", "changed", "empty", "another"])
def test_a_damaged_file_is_told_in_one_sentence(
    home: Path, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    typed(capsys, "export", "2", "out", "--codeset", JUKI)
    path = Path("out", GMAP)
    path.write_bytes(spoil(path.read_bytes(), how))
    said = typed(capsys, "verify", str(path), status=2)
    assert len(said.splitlines()) == 1
    assert str(path) in said
    said = typed(capsys, "verify", "out/MANIFEST.json", status=1)
    assert f"1 of 1 files are missing or not what the list says (first: {GMAP})" in said
    manifest = Path("out", "MANIFEST.json")
    manifest.write_bytes(spoil(manifest.read_bytes(), how))
    if how != "changed":
        assert "MANIFEST.json" in typed(capsys, "verify", str(manifest), status=2)


def test_a_list_that_names_files_elsewhere_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    typed(capsys, "export", "2", "out", "--codeset", JUKI)
    manifest = Path("out", "MANIFEST.json")
    for name in ("../../home/gaiji.db", "/etc/hostname"):
        told = json.loads(manifest.read_text())
        told["items"][0]["name"] = name
        manifest.write_text(json.dumps(told))
        assert "no list of a release's files" in typed(capsys, "verify", str(manifest), status=2)


def test_a_file_of_another_registry_is_told(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed(capsys, "export", "1", "out")
    other = ["--home", "other"]
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", JUKI, "--charset", "cp932", "--system", "住民記録"],
        ["release", "publish"],
    ):
        assert run([*command, *other]) == 0
    said = typed(capsys, "verify", "out/252069-juki.unicode.r1.gmap", *other, status=1)
    assert "Release 1 of this registry says something else of 252069/juki" in said
    assert "252069/zei" in typed(capsys, "verify", "out/MANIFEST.json", *other, status=1)
    typed(capsys, "export", "2", "out")
    assert "no release 2" in typed(capsys, "verify", "out/MANIFEST.json", *other, status=2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["9", "out"], "no release 9"),
        (["2", "out", "--codeset", "252069/none"], "252069/none"),
        (["2", "out", "--to", "unicoed"], "no target 'unicoed'"),
        (["2", "out", "--format", "xml"], "gmap, ucm, csv, json"),
        (["2", "out", "--ivs", "never"], "auto, always"),
        (["2", "out", "--format", "ucm", "--codeset", "252085/juki"], "is Unicode"),
        (["2", "out", "--format", "ucm", "--to", "juki"], "choose the target unicode"),
        (["2", "out", "--to", "mj", "--mj-format", "MJ"], "ASCII marks"),
    ],
)
def test_bad_wishes_are_told_and_nothing_is_written(
    home: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    said = typed(capsys, "export", *options, status=2)
    assert says in said
    assert len(said.splitlines()) == 1
    assert not Path("out").exists()


def test_an_exported_file_converts_without_a_registry(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed(capsys, "export", "2", "out", "--codeset", JUKI)
    monkeypatch.delenv("GAIJI_HOME")
    Path("in.csv").write_bytes(b"1,\xf0\x40\xf0\x43\n")
    ends: list[Any] = ["--from", JUKI, "--to", "unicode", "--mapping", f"out/{GMAP}"]
    assert run(["convert", "in.csv", "out.csv", *ends, "--max-loss", "9"]) == 0
    assert Path("out.csv").read_text("utf-8").startswith("1,邉")
