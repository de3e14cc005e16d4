"""gaiji bundle print, as typed."""

import json
from pathlib import Path

import pytest

from gaiji.cli import run
from gaiji.glyph.reference import find_font
from gaiji.settings import Settings
from gaiji.wire.bundles import PrintBundleShape
from tests.council import bdf

pytestmark = pytest.mark.skipif(
    not find_font(Settings(), "hanamin-a"), reason="Hanazono is not installed"
)
JUKI = "252069/juki"
LAYOUT = """name = "notices"
kind = "fixed"

[record]
length = 4
separator = "none"

[[field]]
name = "氏名"
kind = "text"
length = 4
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("print")
    (home / "list.csv").write_text("外字コード,MJ\nF040,MJ026192\nF041,\n", "utf-8")
    (home / "font.bdf").write_bytes(bdf(["F040", "F041"]))
    handed_in = ["--table", str(home / "list.csv"), "--font", str(home / "font.bdf")]
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", JUKI, "--charset", "cp932", "--system", "住民記録"],
        ["codeset", "import", JUKI, *handed_in],
        ["decide", JUKI, "--code", "F040", "--character", "MJ026192"],
        ["release", "publish"],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


def typed(
    capsys: pytest.CaptureFixture[str], home: Path, *command: str, status: int
) -> tuple[str, str]:
    capsys.readouterr()
    assert run(["bundle", "print", *command, "--home", str(home)]) == status
    return capsys.readouterr()


def test_what_lacks_the_right_is_named_and_may_be_left_out(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "print"
    said, aside = typed(capsys, home, "--members", "252069", str(folder), status=1)
    assert said == ""
    assert "gaiji rights set 252069/juki --scope member" in aside
    assert not folder.exists()
    options = ["--members", "all", "--without-refused", "--format", "json"]
    said, _ = typed(capsys, home, *options, str(folder), status=0)
    told = PrintBundleShape.model_validate(json.loads(said))
    assert (told.audience, told.rows) == ("member", 2)
    assert [finding.code for finding in told.findings].count("rights-missing") == 2
    assert json.loads((folder / "MANIFEST.json").read_text("utf-8")) == json.loads(said)


def test_a_jobs_file_is_counted_with_its_layout(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, layout = tmp_path / "names.dat", tmp_path / "layout.toml"
    file.write_bytes(b"\xf0\x40\xf0\x40\x8e\x52\xf0\x41")
    layout.write_text(LAYOUT, "utf-8")
    folder = tmp_path / "print"
    options = ["--members", "252069", "--without-refused", "--release", "1"]
    jobs = ["--job", f"tax={JUKI}={file}", "--layout", f"tax={layout}"]
    fonts = ["--fonts", "woff2"]
    said, _ = typed(capsys, home, *options, *jobs, *fonts, str(folder), status=0)
    assert {path.suffix for path in (folder / "fonts").iterdir()} == {".woff2", ".json"}
    assert "tax (252069/juki): 2 records, codes 2, uses 3, without a glyph 1" in said
    listed = (folder / "jobs/tax.csv").read_text("utf-8-sig")
    assert "F040,2,U+E000,MJ026192" in listed


@pytest.mark.parametrize(
    "options",
    [
        ["--members", ","],
        ["--members", "252069", "--job", "tax"],
        ["--members", "252069", "--job", "tax=252069/juki"],
        ["--members", "252069", "--layout", "tax"],
        ["--members", "252069", "--layout", "tax=cp932.toml"],
        ["--members", "252069", "--release", "9"],
        ["--members", "252069", "--fonts", "otf"],
        ["--members", "252085"],
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_no_folder(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    said, aside = typed(capsys, home, *options, str(tmp_path / "print"), status=2)
    assert said == ""
    assert aside.startswith("gaiji: ")
    assert not (tmp_path / "print").exists()


def test_members_that_are_not_named_are_asked_for_without_saying_that_they_may_be_left_out(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, aside = typed(capsys, home, "--members", "", str(tmp_path / "print"), status=2)
    assert "all for every member of the release" in aside
    assert "leave" not in aside
