import hashlib
import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import uharfbuzz as hb
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from gaiji import data
from gaiji.errors import BadFont, NoPicture, Refused
from gaiji.glyph import reference
from gaiji.glyph.build import build_truetype
from gaiji.glyph.draw import mask, png
from gaiji.glyph.forms import Outline, canonical, is_empty, parse_canonical
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import (
    FontSource,
    ReferenceFont,
    fetch_fonts,
    find_font,
    font_sources,
    font_status,
    reference_font,
)
from gaiji.settings import Settings

SETTINGS = Settings()
installed = pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(SETTINGS)),
    reason="reference fonts are not installed: gaiji fonts fetch",
)


@pytest.mark.fonts
@installed
def test_the_reference_font_has_exactly_the_59161_names_of_the_reference_set() -> None:
    path = find_font(SETTINGS, "ipamj")
    assert path
    names = ReferenceFont.open(path).names()
    listed = {row.name for row in data.read(data.MjRow)} | {
        row.name for row in data.read(data.KanaRow)
    }
    assert len(names) == 59_161
    assert names == listed


@pytest.mark.fonts
@installed
def test_the_34_glyphs_without_a_code_are_drawn_by_name() -> None:
    font = reference_font(SETTINGS)
    face = hb.Face(hb.Blob.from_file_path(font.path))
    plain = hb.Font(face)
    coded = {plain.get_nominal_glyph(c) for c in face.unicodes}
    for selector in face.variation_selectors:
        for code in face.variation_unicodes(selector):
            coded.add(plain.get_variation_glyph(code, selector))
    by_name = sorted(
        name for name in font.names() if plain.get_glyph_from_name(name.lower()) not in coded
    )
    assert len(by_name) == 34
    assert all(mask(font.glyph(name), 64).getbbox() for name in by_name)


@pytest.mark.fonts
@installed
def test_two_forms_of_the_same_character_differ() -> None:
    font = reference_font(SETTINGS)
    a, b = mask(font.glyph("MJ026190"), 96), mask(font.glyph("MJ026193"), 96)
    assert a.getbbox()
    assert b.getbbox()
    assert ImageStat.Stat(ImageChops.difference(a, b)).mean[0] > 5
    assert png(font.glyph("MJ026190"), 96) == png(font.glyph("MJ026190"), 96)


@pytest.mark.fonts
@installed
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("MJ026190", "\u9089\U000e010f"),
        ("MJ030196", "\ufa11"),
        ("MJ037321", "\U00022f7e"),
        ("MJ013582", "\u67a9\U000e0104"),
    ],
)
def test_drawing_equals_an_independent_drawing_of_the_text(name: str, text: str) -> None:
    font = reference_font(SETTINGS)
    pillow = ImageFont.truetype(str(font.path), 1000, layout_engine=ImageFont.Layout.RAQM)
    expected = Image.new("L", (1000, 1000))
    ImageDraw.Draw(expected).text((0, 880), text, fill=255, font=pillow, anchor="ls")
    drawn = mask(font.glyph(name), 1000, margin=0)
    assert expected.getbbox()
    assert ImageStat.Stat(ImageChops.difference(drawn, expected)).mean[0] < 0.5


@pytest.mark.fonts
@installed
@pytest.mark.parametrize("name", ["ipamj", "hanamin-a", "hanamin-b"])
def test_every_hundredth_glyph_of_the_fonts_has_a_canonical_form(name: str) -> None:
    path = find_font(SETTINGS, name)
    assert path
    face = hb.Face(hb.Blob.from_file_path(path))
    font = hb.Font(face)
    for index in range(0, face.glyph_count, 100):
        data = canonical(read_outline(font, index))
        assert canonical(parse_canonical(data)) == data


@pytest.mark.fonts
@installed
def test_threads_may_draw_with_one_reference_font() -> None:
    font = ReferenceFont.open(reference_font(SETTINGS).path)
    names = [f"MJ{n:06}" for n in range(1, 200)]
    names = [name for name in names if name in font.names()]
    with ThreadPoolExecutor(8) as pool:
        drawn = list(pool.map(font.glyph, names))
    assert drawn == [font.glyph(name) for name in names]


def named_font(folder: Path) -> Path:
    square = Outline(1000, 1000, ((((0, 9),), ((9, 9),), ((9, 0),), ((0, 0),)),))
    path = folder / "named.ttf"
    glyphs = {0xE000: ("mj000007", square), 0xE001: ("gj000123", square), 0xE002: ("x", square)}
    path.write_bytes(build_truetype(glyphs, family="Named"))
    return path


def test_only_names_of_reference_characters_count(tmp_path: Path) -> None:
    font = ReferenceFont.open(named_font(tmp_path))
    assert font.names() == {"MJ000007", "GJ000123"}
    assert not is_empty(font.glyph("GJ000123"))
    with pytest.raises(NoPicture, match="no glyph for MJ999999"):
        font.glyph("MJ999999")


def test_what_is_no_reference_font_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoPicture, match="cannot be opened"):
        ReferenceFont.open(tmp_path / "none.ttf")
    (tmp_path / "text.ttf").write_text("text")
    with pytest.raises(BadFont):
        ReferenceFont.open(tmp_path / "text.ttf")


# --- finding and fetching


def test_sources_name_the_licence_and_digest_of_every_font() -> None:
    assert [source.name for source in font_sources()] == ["ipamj", "hanamin-a", "hanamin-b"]
    for source in font_sources():
        assert len(bytes.fromhex(source.sha256)) == 32
        assert source.licence
        assert not source.file.startswith("/")
    with pytest.raises(KeyError):
        find_font(SETTINGS, "arial")


@pytest.fixture
def small_font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FontSource:
    """A font of a package that is not installed, the only one there is."""
    data = named_font(tmp_path).read_bytes()
    source = replace(
        font_sources()[0],
        package="fonts-gaiji-test",
        version="1.0",
        file="usr/share/fonts/gaiji-test/named.ttf",
        sha256=hashlib.sha256(data).hexdigest(),
    )
    monkeypatch.setattr(reference, "font_sources", lambda: (source,))
    monkeypatch.delenv("GAIJI_FONTS", raising=False)
    return source


def test_the_configured_folder_is_searched_first(tmp_path: Path, small_font: FontSource) -> None:
    settings = Settings(fonts=tmp_path / "fonts")
    assert [(s.state, s.path) for s in font_status(settings)] == [("missing", None)]
    with pytest.raises(NoPicture, match="gaiji fonts fetch"):
        reference_font(settings)
    (tmp_path / "fonts").mkdir()
    path = tmp_path / "fonts" / "named.ttf"
    path.write_bytes(b"another")
    assert [(s.state, s.path) for s in font_status(settings)] == [("other-edition", path)]
    shutil.copy(tmp_path / "named.ttf", path)
    os.utime(path, ns=(1, 1))
    assert find_font(settings, "ipamj") == path
    assert [s.state for s in fetch_fonts(settings)] == ["ready"]


def package(folder: Path, font: Path, source: FontSource) -> Path:
    root = folder / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        f"Package: {source.package}\nVersion: {source.version}\nArchitecture: all\n"
        "Maintainer: test <test@example.org>\nDescription: test\n"
    )
    (root / source.file).parent.mkdir(parents=True)
    shutil.copy(font, root / source.file)
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", root, folder / "test.deb"],
        check=True,
        capture_output=True,
    )
    return folder / "test.deb"


def fake_apt(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str, user: int = 1000) -> None:
    (folder / "bin").mkdir()
    script = folder / "bin" / "apt-get"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/said\n{body}\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)
    monkeypatch.setattr(os, "geteuid", lambda: user)


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_without_root_a_package_is_downloaded_and_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_font: FontSource
) -> None:
    archive = package(tmp_path, tmp_path / "named.ttf", small_font)
    fake_apt(tmp_path, monkeypatch, f'[ "$1" = download ] && cp {archive} .')
    settings, steps = Settings(home=tmp_path / "home"), list[str]()
    (status,) = fetch_fonts(settings, steps.append)
    assert (status.state, status.path) == ("ready", tmp_path / "home" / "fonts" / "named.ttf")
    assert steps == ["apt-get download fonts-gaiji-test"]
    assert (tmp_path / "said").read_text() == "download fonts-gaiji-test=1.0\n"
    assert [p.name for p in (tmp_path / "home" / "fonts").iterdir()] == ["named.ttf"]


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_a_package_with_another_edition_is_refused_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_font: FontSource
) -> None:
    other = tmp_path / "other.ttf"
    other.write_bytes(b"another edition")
    archive = package(tmp_path, other, small_font)
    fake_apt(tmp_path, monkeypatch, f"cp {archive} .")
    with pytest.raises(Refused, match="is not to be had"):
        fetch_fonts(Settings(home=tmp_path / "home"))
    assert list((tmp_path / "home" / "fonts").iterdir()) == []


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_a_failing_download_says_what_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_font: FontSource
) -> None:
    fake_apt(tmp_path, monkeypatch, "echo 'E: no such package' >&2; exit 100")
    with pytest.raises(Refused, match="E: no such package"):
        fetch_fonts(Settings(home=tmp_path / "home"))


@pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="needs dpkg-deb")
def test_root_installs_with_a_fresh_list_and_unpacks_where_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_font: FontSource
) -> None:
    archive = package(tmp_path, tmp_path / "named.ttf", small_font)
    body = f'[ "$1" = install ] && exit 100; [ "$1" = download ] && cp {archive} .'
    fake_apt(tmp_path, monkeypatch, body, user=0)
    steps: list[str] = []
    assert [s.state for s in fetch_fonts(Settings(home=tmp_path / "home"), steps.append)] == [
        "ready"
    ]
    name = small_font.package
    assert steps == [
        f"apt-get install {name}",
        "apt-get update",
        f"apt-get install {name}",
        f"apt-get download {name}",
    ]
