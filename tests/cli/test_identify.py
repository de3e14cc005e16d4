"""gaiji identify: files of every kind against a small index, what is said, and what is refused."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gaiji.cli import run
from gaiji.data import MjRow, read
from gaiji.glyph import reference_index
from gaiji.glyph.dots import build_bdf, build_raw
from gaiji.glyph.draw import dots, png
from gaiji.glyph.forms import Bitmap
from gaiji.glyph.reference import find_font, reference_font
from gaiji.settings import Settings

SETTINGS = Settings()
pytestmark = pytest.mark.skipif(
    not find_font(SETTINGS, "ipamj"), reason="reference fonts are not installed: gaiji fonts fetch"
)
NAMES = [row.name for row in islice(read(MjRow), 9000, 9240, 2)]
FIRST = 0xE000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with an index of some hundred glyphs."""
    folder = tmp_path_factory.mktemp("home")
    every = reference_index.entries(reference_font(SETTINGS))
    wanted = {*NAMES, "MJ026190", "MJ026191", "U+3231", "U+0041"}
    some = [one for one in every if one[0] in wanted]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_index, "entries", lambda font: some)
        assert run(["reference", "index", "--home", str(folder)]) == 0
    return folder


def drawn(name: str, side: int = 48) -> Bitmap:
    return dots(reference_index.drawn(SETTINGS, name), side)


def turned(bitmap: Bitmap, quarters: int) -> Bitmap:
    return packed(np.rot90(inked(bitmap), quarters))


def inked(bitmap: Bitmap) -> Any:
    rows = np.frombuffer(bitmap.rows, np.uint8).reshape(bitmap.height, -1)
    return np.unpackbits(rows, axis=1)[:, : bitmap.width]


def packed(ink: Any) -> Bitmap:
    return Bitmap(ink.shape[1], ink.shape[0], np.packbits(ink, axis=1).tobytes())


@pytest.fixture(scope="module")
def bdf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city's bitmaps: forty characters, ㈱, a blank, one turned, one white on black."""
    listed = [drawn(name) for name in NAMES[:40]]
    white = packed(1 - inked(drawn(NAMES[50])))
    odd = [drawn("U+3231"), Bitmap(48, 48, bytes(288)), turned(drawn(NAMES[41]), 1), white]
    glyphs = {FIRST + place: glyph for place, glyph in enumerate([*listed, *odd])}
    file = tmp_path_factory.mktemp("files") / "gaiji.bdf"
    file.write_bytes(build_bdf(glyphs))
    return file


def said(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    capsys.readouterr()
    assert run(["identify", *map(str, words), "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    capsys.readouterr()
    status = run(["identify", *map(str, words)])
    return status, capsys.readouterr().err


def test_every_glyph_of_a_file_has_its_character_first(
    home: Path, bdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, bdf, "--all", "--home", home)
    items = found["items"]
    assert [item["candidates"][0]["id"] for item in items[:40]] == NAMES[:40]
    assert {item["group"] for item in items[:40]} <= {"certain", "look"}
    assert [item["code"] for item in items[:2]] == ["0xE000", "0xE001"]
    assert sum(found["groups"].values()) == len(items) == 44
    assert found["index"]
    assert found["font"] == reference_index.font_sha256()
    assert len(items[0]["candidates"]) == 10


def test_a_sign_is_told_as_a_standard_character(
    home: Path, bdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign = said(capsys, bdf, "--code", "e028", "--home", home)["items"][0]
    assert sign["candidates"][0]["id"] == "U+3231"
    assert sign["standard"] == "㈱"


def test_doubtful_glyphs_are_never_told_to_be_a_character(
    home: Path, bdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    blank, turned, white = said(capsys, bdf, "--all", "--home", home)["items"][41:]
    for item, code in ((blank, "blank-glyph"), (turned, "rotated"), (white, "inverted")):
        assert item["verdict"] == "absent"
        assert code in [finding["code"] for finding in item["findings"]]
        assert {one["verdict"] for one in item["candidates"]} <= {"different"}
        assert all(one["probability"] <= 0.5 for one in item["candidates"])
    assert (blank["group"], turned["group"], white["group"]) == ("blank", "look", "look")
    assert NAMES[41] in str(turned["findings"])


def test_a_scan_is_one_glyph(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "scan.png"
    file.write_bytes(png(reference_index.drawn(SETTINGS, NAMES[7]), 256))
    items = said(capsys, file, "--limit", "2", "--home", home)["items"]
    assert [len(item["candidates"]) for item in items] == [2]
    assert items[0]["candidates"][0]["id"] == NAMES[7]


def test_raw_dots_need_their_size(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "dots.bin"
    file.write_bytes(build_raw([drawn(NAMES[3], 24), drawn(NAMES[4], 24)]))
    items = said(capsys, file, "--dots", "24", "--code", "#1", "--home", home)["items"]
    assert [(item["code"], item["candidates"][0]["id"]) for item in items] == [("#1", NAMES[4])]


def test_candidates_are_those_of_the_sets_asked_for(
    home: Path, bdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sign = said(capsys, bdf, "--code", "E028", "--among", "MJ", "--home", home)["items"][0]
    assert all(one["id"].startswith("MJ") for one in sign["candidates"])
    status, error = refused(capsys, bdf, "--all", "--among", "JIS", "--home", home)
    assert status == 2
    assert "MJ, GJ, standard, OM" in error


def test_text_tells_the_groups_and_a_page_shows_the_pictures(
    home: Path, bdf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["identify", str(bdf), "--all", "--home", str(home)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("0xE000  ")
    assert lines[-1].startswith("44 glyphs: ")
    assert any("It may be the standard character ㈱" in line for line in lines)
    command = ["identify", str(bdf), "--code", "E000", "--format", "html", "--home", str(home)]
    assert run(command) == 0
    page = capsys.readouterr().out
    assert page.count("<svg") >= 6
    assert "src=" not in page
    assert "Nothing differs but weight" in page


def test_what_cannot_be_asked_is_one_sentence(
    home: Path, bdf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, told in (
        ((bdf,), "has 44 glyphs; name one, like --code 0xE000"),
        ((bdf, "--code", "F8FF"), "has no glyph F8FF"),
        ((bdf, "--code", "E000", "--all"), "do not go together"),
    ):
        status, error = refused(capsys, *words, "--home", home)
        assert status == 2
        assert told in error
        assert len(error.splitlines()) == 1
    status, error = refused(capsys, bdf, "--all", "--home", tmp_path)
    assert status == 2
    assert "gaiji reference index" in error


def test_an_index_that_is_there_is_not_built_again(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_index, "build", None)
    capsys.readouterr()
    assert run(["reference", "index", "--home", str(home)]) == 0
    assert f"{len(NAMES) + 4} glyphs" in capsys.readouterr().out
