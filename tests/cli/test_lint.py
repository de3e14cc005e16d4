"""gaiji lint, as typed."""

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from gaiji.cli import run
from gaiji.wire.lint import LintReport

NAMES = "1,神谷\n2,\ufa19谷\n3,葛\U000e0100\n"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one release in which F040 is decided and F041 is not."""
    home = tmp_path_factory.mktemp("prepared")
    table = home / "list.csv"
    table.write_text("外字コード,MJ\nF040,MJ026190\nF041,\n", "utf-8")
    juki = "252069/juki"
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", juki, "--charset", "cp932", "--system", "住民記録"],
        ["codeset", "import", juki, "--table", str(table)],
        ["decide", juki, "--code", "F040", "--character", "MJ026190"],
        ["release", "publish"],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(prepared, tmp_path / "home")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def typed(capsys: pytest.CaptureFixture[str], *command: str, status: int) -> str:
    capsys.readouterr()
    assert run(["lint", *command]) == status
    said = capsys.readouterr()
    return said.out + said.err


def reported(capsys: pytest.CaptureFixture[str], *command: str, status: int) -> LintReport:
    return LintReport.model_validate_json(
        typed(capsys, *command, "--format", "json", status=status)
    )


def test_it_needs_no_registry_and_says_where_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GAIJI_HOME", str(tmp_path / "none"))
    Path("names.txt").write_text(NAMES, "utf-8")
    said = typed(capsys, "names.txt", status=1)
    assert said.startswith("names.txt: utf-8; records 3, bytes 28, characters 14\n")
    assert "gap nfc-svs × 1\n" in said
    assert "× 1 (first: record 2 byte 11)" in said
    assert "U+795E U+FE00" in said
    assert "U+845B U+E0102 MJ022335" in said
    assert not (tmp_path / "none").exists()


def test_without_a_loss_the_status_is_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plain.txt"
    file.write_text("1,山田\n", "utf-8")
    assert "Nothing would be lost or changed." in typed(capsys, str(file), status=0)
    file.write_text("1,ﾔﾏﾀﾞ\n", "utf-8")
    assert "warning nfkc × 4" in typed(capsys, str(file), status=0)
    assert "gap outside-x0208 × 1" in _of(capsys, file, "髙", "--to", "x0208")
    assert "warning unified × 1" in _of(capsys, file, "髙", "--to", "x0213", status=0)


def _of(
    capsys: pytest.CaptureFixture[str], file: Path, text: str, *options: str, status: int = 1
) -> str:
    file.write_text(text, "utf-8")
    return typed(capsys, str(file), *options, status=status)


def test_json_is_the_shape_of_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "names.txt"
    file.write_text(NAMES * 200, "utf-8")
    report = reported(capsys, str(file), "--to", "x0213", "--to", "juki", status=1)
    assert (report.charset, report.release, report.targets) == ("utf-8", None, ["x0213", "juki"])
    (svs,) = (one for one in report.findings if one.code == "nfc-svs")
    assert (svs.count, len(svs.places), svs.subject) == (200, 100, "U+FA19")
    assert svs.where
    assert svs.where.model_dump() == {
        **{"file": str(file), "record": 2, "field": None, "byte_offset": 11},
    }


def test_a_code_set_brings_its_charset_and_what_it_decided(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("late.txt").write_bytes(b"1,\xf0\x40\xf0\x41\n")
    options = ("late.txt", "--codeset", "252069/juki", "--home", str(home))
    report = reported(capsys, *options, status=1)
    undecided = [one.subject for one in report.findings if one.code == "undecided-code"]
    assert (report.charset, report.release, undecided) == ("cp932", 1, ["F041"])
    with_release = reported(
        capsys, *("late.txt", "--charset", "cp932", "--release", "1", "--home", str(home)), status=1
    )
    gaps = [one.subject for one in with_release.findings if one.level == "gap"]
    assert (with_release.release, gaps) == (1, ["F040", "F041"])


def test_standard_input_is_read_as_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xee\xe0\xf0\x40\n")))
    said = typed(capsys, "-", "--charset", "cp932", status=1)
    assert "EEE0 (髙) is written back to cp932 as FBFC" in said


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["none.txt"], "No such file"),
        (["-", "--charset", "sjis"], "no charset 'sjis'"),
        (["-", "--to", "everything"], "no target everything"),
        (["-", "--charset", "cp932", "--codeset", "252069/juki"], "cannot be used together"),
        (["-", "--release", "9"], "no release 9"),
        (["-", "--codeset", "252069/none"], "252069/none"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_status_2(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    options: list[str], told: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("GAIJI_HOME", str(home))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    said = typed(capsys, *options, status=2)
    assert told in said
    assert said.count("\n") == 1


def test_a_big_file_is_read_in_pieces(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "big.txt"
    line = "12345678,山田太郎,髙橋邉\U000e010f\n".encode()
    file.write_bytes(line * 20_000)  # more than one chunk
    report = reported(capsys, str(file), status=0)
    assert (report.records, report.bytes) == (20_000, 20_000 * len(line))
    (one,) = report.findings
    assert (one.code, one.count) == ("selector-redundant", 20_000)
    assert [place.record for place in one.places] == list(range(1, 101))


def test_the_report_of_a_terminal_ends_each_check_with_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "".join(map(chr, range(0xE000, 0xE00A)))
    assert "    5 more\n" in _of(capsys, tmp_path / "x", text)
    assert json.loads(typed(capsys, str(tmp_path / "x"), "--format", "json", status=1))["totals"][
        0
    ] == {"code": "user-code", "level": "gap", "count": 10, "subjects": 10, "left_out": 0}
