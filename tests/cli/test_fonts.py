"""Rights, fonts and checks from the command line."""

import json
from pathlib import Path

import pytest
from fontTools.ttLib import woff2

from gaiji.cli import run
from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Glyph, Outline, digest
from gaiji.glyph.reference import font_status, licence_text
from gaiji.glyph.sources import parse_source
from gaiji.glyph.winreg import LinkFile, read_link_file
from gaiji.settings import Settings

JUKI = "252069/juki"


def square(side: int) -> Outline:
    corners = ((side, 0), (side, side), (0, side), (0, 0))
    return Outline(1000, 1000, (tuple((corner,) for corner in corners),))


GLYPHS: dict[int, Glyph] = {0xE000 + at: square(300 + 90 * at) for at in range(6)}


def font(glyphs: dict[int, Glyph]) -> bytes:
    return build_truetype({p: (f"g{p:04X}", g) for p, g in glyphs.items()}, family="EUDC")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry of one city whose font came in, and a release."""
    home = tmp_path_factory.mktemp("fonts")
    (home / "EUDC.TTE").write_bytes(font(GLYPHS))
    (home / "list.csv").write_text("外字コード,MJ\nF040,MJ026190\n", "utf-8")
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", JUKI, "--charset", "cp932", "--system", "住民記録"],
        [
            *("codeset", "import", JUKI, "--font", str(home / "EUDC.TTE")),
            *("--table", str(home / "list.csv"), "--supplier", "草津市"),
        ],
        ["decide", JUKI, "--code", "F040", "--character", "MJ026190"],
        ["release", "publish"],
    ):
        assert run([*command, "--home", str(home)]) == 0
    return home


@pytest.fixture(autouse=True)
def in_japanese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    for name in ("gaiji.db", "EUDC.TTE"):
        (tmp_path / name).write_bytes((made / name).read_bytes())
    return tmp_path


def gaiji(home: Path, *words: str) -> int:
    return run([*words, "--home", str(home)])


def allow(home: Path, *more: str, scope: str = "member") -> None:
    ground = "承諾書 2026-11-01"
    assert gaiji(home, "rights", "set", JUKI, "--scope", scope, "--ground", ground, *more) == 0


def test_a_font_is_built_with_its_link_file_and_provenance(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(home)
    out = home / "juki.tte"
    capsys.readouterr()
    assert gaiji(home, "font", "build", "--codeset", JUKI, str(out)) == 0
    assert "6 字" in capsys.readouterr().out
    assert [g.key for g in parse_source(out.read_bytes(), "juki.tte").glyphs] == sorted(GLYPHS)
    assert read_link_file((home / "juki.reg").read_bytes()) == LinkFile(
        932, "C:\\Windows\\Fonts\\juki.tte", {}
    )
    told = json.loads((home / "juki.tte.provenance.json").read_bytes())
    assert told["subject"] == f"codeset:{JUKI}"
    assert {row["scope"] for row in told["glyphs"]} == {"member"}


@pytest.mark.parametrize("form", ["bdf", "woff2"])
def test_other_forms_have_no_link_file(home: Path, form: str) -> None:
    allow(home)
    out = home / f"juki.{form}"
    assert gaiji(home, "font", "build", "--codeset", JUKI, "--format", form, str(out)) == 0
    assert out.stat().st_size > 100
    assert not (home / "juki.reg").exists()
    assert (home / f"juki.{form}.provenance.json").exists()


def test_a_fonts_form_is_what_its_name_says_and_never_another(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(home)
    out = home / "juki.woff2"
    assert gaiji(home, "font", "build", "--codeset", JUKI, str(out)) == 0
    packed = out.read_bytes()
    assert packed.startswith(b"wOF2")
    capsys.readouterr()
    words = ["font", "build", "--codeset", JUKI, "--format", "tte", str(out)]
    assert gaiji(home, *words) == 2
    assert "juki.woff2 は woff2 の名前で、--format tte と合いません" in capsys.readouterr().err
    assert out.read_bytes() == packed
    assert not (home / "juki.reg").exists()
    assert gaiji(home, "font", "build", "--codeset", JUKI, str(home / "juki.ttf")) == 0
    assert (home / "juki.reg").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["OUT", "--dots", "24"], "--dots は bdf のための指定で、tte では使われません"),
        (["OUT", "--numbers", "point"], "--numbers は bdf"),
        (["OUT", "--format", "woff2", "--typeface", "ＭＳ 明朝"], "--typeface は tte"),
        (["OUT", "--format", "bdf", "--installed-as", "C:\\a.tte"], "--installed-as は tte"),
        (["OUT", "--format", "bdf", "--code-page", "936"], "--code-page は tte"),
        (["-", "--typeface", "ＭＳ 明朝"], "リンクファイルの指定です"),
    ],
)
def test_an_option_of_another_form_is_refused_and_not_passed_over(
    home: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    placed = [str(home / word) if word == "OUT" else word for word in words]
    capsys.readouterr()
    assert gaiji(home, "font", "build", "--codeset", JUKI, *placed) == 2
    assert told in capsys.readouterr().err


def test_a_server_without_a_plan_is_told_how_to_get_one(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gaiji(home, "site", "add", "server:cs2") == 0
    capsys.readouterr()
    assert gaiji(home, "font", "build", "--server", "cs2", str(home / "cs2.tte")) == 2
    assert "gaiji cutover plan --server cs2 --members all" in capsys.readouterr().err


def test_a_font_without_the_right_is_refused_with_what_to_do(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert gaiji(home, "font", "build", "--codeset", JUKI, str(home / "juki.tte")) == 1
    told = capsys.readouterr().err
    assert f"gaiji rights set {JUKI} --scope member" in told
    assert f"{JUKI}/F045" in told
    assert not (home / "juki.tte").exists()
    allow(home, "--code", "F041", "--code", "F042")
    out = home / "some.tte"
    assert gaiji(home, "font", "build", "--codeset", JUKI, str(out), "--without-refused") == 0
    assert [g.key for g in parse_source(out.read_bytes(), "a.tte").glyphs] == [0xE001, 0xE002]


def test_rights_are_told_for_one_glyph_by_its_sha256(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(home, "--glyph", digest(GLYPHS[0xE003]), scope="council")
    capsys.readouterr()
    assert gaiji(home, "rights", "show", JUKI, "--format", "json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(i["scope"], i["glyphs"]) for i in items] == [("council", 1), ("unknown", 5)]
    words = ["rights", "set", JUKI, "--scope", "council", "--ground", "x", "--glyph", "ab" * 32]
    assert gaiji(home, *words) == 1


def test_rights_are_shown_by_supplier(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    allow(home, "--code", "F041", "--licence", "CC0-1.0", scope="public")
    capsys.readouterr()
    assert gaiji(home, "rights", "show", JUKI, "--format", "json") == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert [(i["scope"], i["licence"], i["glyphs"]) for i in items] == [
        ("public", "CC0-1.0", 1),
        ("unknown", None, 5),
    ]
    assert gaiji(home, "rights", "show", JUKI) == 0
    assert "CC0-1.0" in capsys.readouterr().out
    allow(home, "--code", "F041", scope="council")
    capsys.readouterr()
    assert gaiji(home, "rights", "show", JUKI) == 0
    assert "CC0-1.0" in capsys.readouterr().out
    allow(home, "--code", "F041", "--licence", "", scope="council")
    capsys.readouterr()
    assert gaiji(home, "rights", "show", JUKI) == 0
    assert "CC0-1.0" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["build", "OUT"],
        ["build", "OUT", "--codeset", JUKI, "--server", "cs1"],
        ["build", "OUT", "--codeset", JUKI, "--format", "ttf"],
        ["build", "OUT", "--codeset", JUKI, "--format", "bdf", "--dots", "40"],
        ["build", "OUT", "--codeset", JUKI, "--code-page", "65001"],
        ["build", "OUT", "--codeset", JUKI, "--installed-as", "EUDC.TTE"],
        ["build", "IPA-gaiji.tte", "--release", "1", "--outlines", "ipamj"],
        ["build", "OUT", "--release", "1", "--as-of", "2026-01-01"],
        ["build", "OUT", "--server", "cs9"],
        ["build", "OUT", "--codeset", "252069/none"],
        ["build", "OUT", "--codeset", JUKI, "--release", "9"],
        ["check", "OUT"],
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(home: Path, words: list[str]) -> None:
    (home / "OUT").write_bytes(b"as it was")
    placed = [
        str(home / word) if word == "OUT" or word.endswith(".tte") else word for word in words
    ]
    assert gaiji(home, "font", *placed) == 2
    assert (home / "OUT").read_bytes() == b"as it was"


def test_a_terminal_in_step_passes_and_one_that_drifted_is_told_and_mended(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert gaiji(home, "font", "check", str(home / "EUDC.TTE"), "--codeset", JUKI) == 0
    drifted = GLYPHS | {0xE001: GLYPHS[0xE002], 0xE003: square(777), 0xE010: square(50)}
    del drifted[0xE000]
    terminal = home / "TERMINAL.TTE"
    terminal.write_bytes(font(drifted))
    allow(home)
    mended = home / "mended"
    capsys.readouterr()
    words = ["font", "check", str(terminal), "--codeset", JUKI, "--mend", str(mended)]
    assert gaiji(home, *words) == 1
    told = capsys.readouterr().out
    for text in ("U+E000 (F040)", "U+E001 (F041) に U+E002 (F042)", "U+E003 (F043)", "U+E010"):
        assert text in told
    assert sorted(path.name for path in mended.iterdir()) == [
        "252069-juki.r1.differences.csv",
        "252069-juki.r1.differences.html",
        "252069-juki.r1.reg",
        "252069-juki.r1.tte",
        "252069-juki.r1.tte.provenance.json",
    ]
    assert "外字領域の外" not in told
    again = ["font", "check", str(mended / "252069-juki.r1.tte"), "--codeset", JUKI]
    assert gaiji(home, *again) == 0
    assert gaiji(home, *words) == 1  # what an earlier check wrote is replaced
    before = {path: path.read_bytes() for path in mended.iterdir()}
    assert gaiji(home, *again, "--mend", str(mended)) == 2  # never the font that is read
    (mended / "note.txt").write_bytes(b"somebody's own")
    capsys.readouterr()
    assert gaiji(home, *words) == 2
    assert "別のファイルがあります" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before
    link = ["font", "check", str(terminal), "--codeset", JUKI, "--typeface", "ＭＳ 明朝"]
    assert gaiji(home, *link) == 2


def test_a_check_is_written_as_json_csv_and_html(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = home / "TERMINAL.TTE"
    terminal.write_bytes(font(GLYPHS | {0xE001: square(10)}))
    words = ["font", "check", str(terminal), "--codeset", JUKI]
    capsys.readouterr()
    assert gaiji(home, *words, "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["expected"], told["same"], told["counts"]["redrawn"]) == (6, 5, 1)
    (item,) = told["items"]
    assert (item["code_point"], item["code"], item["kind"]) == ("U+E001", "F041", "redrawn")
    assert gaiji(home, *words, "--format", "html", "--out", str(home / "check.html")) == 1
    page = (home / "check.html").read_text("utf-8")
    assert page.count("<svg") == 3
    assert "<script" not in page
    assert gaiji(home, *words, "--format", "csv", "--out", str(home / "check.csv")) == 1
    assert "字形違い" in (home / "check.csv").read_text("utf-8-sig")


def test_a_glyph_no_code_can_stand_for_is_told_as_such(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal = home / "TERMINAL.TTE"
    terminal.write_bytes(font(GLYPHS | {0xE758: square(10)}))  # CP932 ends at U+E757
    assert gaiji(home, "font", "check", str(terminal), "--codeset", JUKI, "--format", "json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["counts"]["extra"] == 1
    assert [one["code"] for one in told["findings"]] == ["outside-area"]


def test_no_terminal_is_mended_without_the_right(home: Path) -> None:
    terminal = home / "TERMINAL.TTE"
    terminal.write_bytes(font(GLYPHS | {0xE001: square(10)}))
    words = ["font", "check", str(terminal), "--codeset", JUKI, "--mend", str(home / "mended")]
    assert gaiji(home, *words) == 1
    assert not (home / "mended").exists()


def test_a_font_for_browsers_is_refused_with_what_to_hand_in_instead(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    allow(home)
    packed = home / "juki.woff2"
    words = ["--codeset", JUKI, "--format", "woff2", str(packed)]
    assert gaiji(home, "font", "build", *words) == 0
    capsys.readouterr()
    assert gaiji(home, "font", "check", str(packed), "--codeset", JUKI) == 2
    assert "fonttools ttLib.woff2 decompress" in capsys.readouterr().err
    assert woff2.main(["decompress", str(packed)]) is None
    assert gaiji(home, "font", "check", str(home / "juki.ttf"), "--codeset", JUKI) == 0


def test_a_hostile_font_is_read_in_the_sandbox(home: Path) -> None:
    bad = home / "bad.tte"
    bad.write_bytes(b"\0\1\0\0" + bytes(60))
    assert gaiji(home, "font", "check", str(bad), "--codeset", JUKI) == 2


@pytest.mark.fonts
@pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(Settings())),
    reason="reference fonts are not installed: gaiji fonts fetch",
)
def test_a_font_of_ipas_outlines_comes_with_its_licence_and_the_way_back(home: Path) -> None:
    allow(home, scope="public")
    out = home / "shared.tte"
    assert gaiji(home, "font", "build", "--codeset", JUKI, "--outlines", "ipamj", str(out)) == 0
    assert gaiji(home, "font", "build", "--codeset", JUKI, "--outlines", "ipamj", "-") == 2
    note = (home / "shared.tte.licence.txt").read_text("utf-8")
    if licence_text(Settings(), "ipamj"):
        assert "IPA Font License Agreement v1.0 <Japanese/English>" in note
        assert "Article 3" in note
    assert "IPAフォントライセンスv1.0" in note
    assert "https://moji.or.jp/ipafont/license/" in note
    assert "元のフォントに戻すには" in note
    told = json.loads((home / "shared.tte.provenance.json").read_bytes())
    assert [row["source"] for row in told["glyphs"]] == ["ipamj"] + 5 * ["city"]
    assert told["way_back"]["en"].startswith("To go back")
