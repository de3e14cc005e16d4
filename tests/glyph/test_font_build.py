"""Built fonts, read by engines that did not build them: HarfBuzz, FreeType, OpenType Sanitizer."""

import io
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256

import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from gaiji.errors import BadFont, Text
from gaiji.glyph.build import (
    FontFacts,
    FontGlyph,
    Licence,
    Provenance,
    as_built,
    build_dots,
    build_font,
    dot_glyphs,
    font_em,
    glyph_name,
    provenance_file,
)
from gaiji.glyph.draw import bmp, dot_pattern, mask
from gaiji.glyph.forms import Bitmap, Contour, Glyph, Outline, canonical, digest
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.sources import parse_source
from gaiji.glyph.truetype import as_outline

BOWL: Contour = (((500, 0), (900, 100)), ((900, 700),), ((100, 700),), ((100, 100), (300, 100)))
ROUND: Contour = (
    ((0, 500), (0, 1000)),
    ((500, 1000), (Fraction(1501, 2), 750)),
    ((1001, 500), (0, 0)),
)
DOTS = Bitmap(48, 48, bytes((7 * i * i) % 256 for i in range(288)))
CITY = Provenance("city", "草津市", "市の内部利用", "member", codeset="252069/juki")
FACTS = FontFacts(
    Text("外字 252069 juki r3", "Gaiji 252069 juki r3"),
    "codeset:252069/juki",
    3,
    "ab" * 32,
    Licence("LicenseRef-Gaiji-member", Text("市の端末だけで使えます。", "For the city alone.")),
)


def one(point: int, glyph: Glyph, code: str = "") -> FontGlyph:
    sha = digest(glyph)
    named = glyph_name(f"252069/juki/{code}" if code else "MJ026190", sha)
    return FontGlyph(point, named, glyph, sha, CITY._replace(code=code))


def some(*glyphs: Glyph) -> list[FontGlyph]:
    return [one(0xE000 + at, glyph, f"{0xF040 + at:04X}") for at, glyph in enumerate(glyphs)]


MIXED = some(
    Outline(1024, 1024, (BOWL,)),
    Outline(2048, 2000, (ROUND,)),
    DOTS,
    Outline(1024, 512, (BOWL, ROUND)),
)


def test_every_outline_is_the_registrys_in_harfbuzz() -> None:
    em_units = font_em(g.glyph for g in MIXED)
    assert em_units == 6144  # of 1024, 2048 and 48 dots
    font = hb.Font(hb.Face(hb.Blob(build_font(MIXED, FACTS, "tte"))))
    for glyph in MIXED:
        index = font.get_nominal_glyph(glyph.code_point)
        assert font.get_glyph_name(index) == glyph.name
        found = read_outline(font, index)
        assert canonical(found) == canonical(as_built(glyph.glyph, em_units))
        if isinstance(glyph.glyph, Outline):  # as the registry has it, only larger
            grown = em_units // glyph.glyph.em_units
            larger = tuple(
                tuple(tuple((x * grown, y * grown) for x, y in segment) for segment in contour)
                for contour in glyph.glyph.contours
            )
            exact = Outline(em_units, glyph.glyph.advance * grown, larger)
            assert canonical(found) == canonical(exact)


def test_freetype_draws_what_the_preview_shows() -> None:
    size, loaded = 1000, build_font(MIXED, FACTS, "tte")  # so large that hinting moves little
    font = ImageFont.truetype(io.BytesIO(loaded), size, layout_engine=ImageFont.Layout.BASIC)
    for glyph in MIXED:
        picture = Image.new("L", (size, size))
        ImageDraw.Draw(picture).text((0, 880), chr(glyph.code_point), 255, font, anchor="ls")
        shown = as_outline(glyph.glyph, 6144)
        shown = replace(shown, advance=shown.em_units)  # previews centre what is narrower
        assert differs(picture, mask(shown, size, margin=0)) < 0.02, glyph.name


def differs(a: Image.Image, b: Image.Image) -> float:
    """The part of the ink of either that is not in the other."""
    apart = ImageStat.Stat(ImageChops.difference(a, b)).sum[0]
    return float(apart / ImageStat.Stat(ImageChops.lighter(a, b)).sum[0])


@pytest.mark.parametrize("form", ["tte", "woff2"])
def test_the_sanitizer_of_browsers_takes_it(form: str) -> None:
    ots = pytest.importorskip("ots")
    data = build_font(MIXED, FACTS, form)  # type: ignore[arg-type]
    done = subprocess.run(
        [str(ots.OTS_SANITIZE), "/dev/stdin"], input=data, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_woff2_holds_the_very_outlines() -> None:
    plain = TTFont(io.BytesIO(build_font(MIXED, FACTS, "tte")))
    packed = TTFont(io.BytesIO(build_font(MIXED, FACTS, "woff2")))
    assert packed.flavor == "woff2"
    packed.flavor = None
    out = io.BytesIO()
    packed.save(out)
    font = hb.Font(hb.Face(hb.Blob(out.getvalue())))
    assert packed.getGlyphOrder() == plain.getGlyphOrder()
    for glyph in MIXED:
        found = read_outline(font, font.get_nominal_glyph(glyph.code_point))
        assert canonical(found) == canonical(as_built(glyph.glyph, font.face.upem))


def test_the_bytes_depend_on_nothing_but_glyphs_and_facts() -> None:
    script = (
        "import sys; sys.path.insert(0, '.');"
        "from hashlib import sha256; from tests.glyph.test_font_build import *;"
        "print([sha256(data).hexdigest() for data in every_form()])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed, "TZ": zone, "LANG": lang},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed, zone, lang in (("1", "UTC", "C"), ("77", "Asia/Tokyo", "en_US.UTF-8"))
    }
    assert said == {f"{[sha256(data).hexdigest() for data in every_form()]}\n"}
    shuffled = random.Random(7).sample(MIXED, len(MIXED))
    assert build_font(shuffled, FACTS, "tte") == build_font(MIXED, FACTS, "tte")


def every_form() -> list[bytes]:
    return [
        build_font(MIXED, FACTS, "tte"),
        build_font(MIXED, FACTS, "woff2"),
        build_dots(MIXED, FACTS, 48),
        provenance_file(MIXED, FACTS),
    ]


def test_the_name_table_tells_release_digest_licence_and_provenance() -> None:
    font = TTFont(io.BytesIO(build_font(MIXED, FACTS, "tte")))
    name, os2 = font["name"], font["OS/2"]
    said = {number: name.getName(number, 3, 1, 0x409).toUnicode() for number in (1, 3, 5, 10, 13)}
    assert said[1] == "Gaiji 252069 juki r3"
    assert name.getName(1, 3, 1, 0x411).toUnicode() == "外字 252069 juki r3"
    assert said[3].startswith("gaiji:codeset:252069/juki:r3:")
    assert said[5] == f"Version 3.000; release 3 {'ab' * 32}"
    assert sha256(provenance_file(MIXED, FACTS)).hexdigest() in said[10]
    assert said[13] == "For the city alone."
    assert os2.fsType == 4
    assert os2.achVendID == "GAIJ"
    assert os2.ulCodePageRange1 == 1 << 17
    assert os2.ulUnicodeRange2 == 1 << 28
    free = TTFont(io.BytesIO(build_font(MIXED, FACTS._replace(audience="public"), "tte")))
    assert free["OS/2"].fsType == 0


def test_equal_content_has_an_equal_identifier_whatever_the_release() -> None:
    def identifier(facts: FontFacts, glyphs: list[FontGlyph]) -> str:
        font = TTFont(io.BytesIO(build_font(glyphs, facts, "tte")))
        return str(font["name"].getDebugName(3)).rpartition(":")[2]

    later = FACTS._replace(release=4, digest="cd" * 32)
    assert identifier(FACTS, MIXED) == identifier(later, MIXED)
    assert identifier(FACTS, MIXED) != identifier(FACTS, MIXED[:-1])


def test_the_provenance_file_names_every_glyph_and_its_right() -> None:
    told = json.loads(provenance_file(MIXED, FACTS))
    assert [row["code_point"] for row in told["glyphs"]] == ["U+E000", "U+E001", "U+E002", "U+E003"]
    assert {row["scope"] for row in told["glyphs"]} == {"member"}
    assert told["glyphs"][0]["code"] == "F040"
    assert told["glyphs"][0]["sha256"] == MIXED[0].sha256


def test_two_codes_with_one_glyph_stay_two_glyphs() -> None:
    glyphs = some(MIXED[0].glyph, MIXED[0].glyph)
    font = TTFont(io.BytesIO(build_font(glyphs, FACTS, "tte")))
    short = MIXED[0].sha256[:8]
    assert font.getGlyphOrder() == [
        ".notdef",
        f"L252069_juki_F040.{short}",
        f"L252069_juki_F041.{short}",
    ]


def test_code_points_windows_never_looks_up_are_refused_with_the_list() -> None:
    far = [*MIXED, one(0xF0000, MIXED[0].glyph, "F3B08080")]
    with pytest.raises(BadFont) as caught:
        build_font(far, FACTS, "tte")
    assert caught.value.extra["code_points"] == ["U+F0000"]
    assert "WOFF2" in caught.value.text.en
    font = TTFont(io.BytesIO(build_font(far, FACTS, "woff2")))
    assert font.getBestCmap()[0xF0000].startswith("L252069_juki_F3B08080")
    assert len(build_font(far[-1:], FACTS, "woff2")) > 100


def test_what_cannot_be_a_font_is_refused_with_a_reason() -> None:
    with pytest.raises(BadFont, match="no glyph"):
        build_font([], FACTS, "tte")
    with pytest.raises(BadFont, match=r"U\+E000"):
        build_font([MIXED[0], MIXED[0]], FACTS, "tte")
    wide = Outline(1000, 1000, ((((0, 0),), ((40000, 0),), ((0, 9),)),))
    with pytest.raises(BadFont, match=r"U\+E001"):
        build_font(some(Outline(1000, 1000, (BOWL,)), wide), FACTS, "tte")


def test_an_em_beyond_the_format_is_rounded_within_a_thousandth() -> None:
    glyphs = some(Outline(1000, 1000, (BOWL,)), Outline(1023, 1023, (BOWL,)), DOTS)
    assert font_em(g.glyph for g in glyphs) == 2048
    source = parse_source(build_font(glyphs, FACTS, "tte"), "a.tte")
    for built, glyph in zip(source.glyphs[:2], glyphs[:2], strict=True):
        assert isinstance(built.glyph, Outline)
        assert isinstance(glyph.glyph, Outline)
        em_units = glyph.glyph.em_units
        for segment, original in zip(built.glyph.contours[0], glyph.glyph.contours[0], strict=True):
            for at, meant in zip(segment, original, strict=True):
                for value, exact in zip(at, meant, strict=True):
                    assert abs(float(value) / 2048 - float(exact) / em_units) <= 0.001
    assert differs(mask(source.glyphs[2].glyph, 96, margin=0), mask(DOTS, 96, margin=0)) < 0.05


@pytest.mark.parametrize("side", [24, 32, 48, 64])
def test_dots_read_back_as_they_were(side: int) -> None:
    pattern = Bitmap(side, side, bytes((3 * i) % 256 for i in range(side * side // 8)))
    glyphs = some(pattern, Outline(1024, 1024, (BOWL,)))
    data = build_dots(glyphs, FACTS, side)
    source = parse_source(data, "a.bdf")
    assert source.cell == (side, side)
    assert [g.key for g in source.glyphs] == [0xF040, 0xF041]
    assert source.glyphs[0].glyph == pattern
    assert source.glyphs[1].glyph == dot_pattern(glyphs[1].glyph, side)
    assert source.glyphs[0].name == glyphs[0].name
    assert b"GAIJI_DIGEST" in data
    numbered = parse_source(build_dots(glyphs, FACTS, side, numbers="point"), "a.bdf")
    assert [g.key for g in numbered.glyphs] == [0xE000, 0xE001]


def test_dots_of_another_size_are_enlarged_by_a_whole_factor_or_left_out() -> None:
    small = Bitmap(24, 24, bytes((5 * i) % 256 for i in range(72)))
    glyphs = some(small, DOTS)
    patterns, without = dot_glyphs(glyphs, 48)
    assert without == []
    doubled = mask(patterns[0xE000], 48, margin=0)
    assert (
        doubled.resize((24, 24), Image.Resampling.NEAREST).tobytes()
        == mask(small, 24, margin=0).tobytes()
    )
    assert [g.code_point for g in dot_glyphs(glyphs, 32)[1]] == [0xE000, 0xE001]
    with pytest.raises(BadFont, match="32 dots"):
        build_dots(glyphs, FACTS, 32)
    with pytest.raises(BadFont, match="40 dots"):
        build_dots(glyphs, FACTS, 40)
    with pytest.raises(BadFont, match="local code"):
        build_dots([one(0xE000, DOTS)], FACTS, 48)


def test_properties_of_a_dot_font_may_have_any_name() -> None:
    data = build_dots(MIXED, FACTS, 48).replace(
        b"ENDPROPERTIES", b'FONT "x"\nSIZE 1\nCHARS 99\nENDPROPERTIES'
    )
    assert len(parse_source(data, "a.bdf").glyphs) == len(MIXED)


@pytest.mark.parametrize("glyph", [DOTS, Outline(1024, 1024, (BOWL,))])
def test_a_bmp_has_one_bit_a_dot_black_on_white(glyph: Glyph) -> None:
    picture = Image.open(io.BytesIO(bmp(glyph, 48)))
    assert (picture.format, picture.mode, picture.size) == ("BMP", "1", (48, 48))
    ink = ImageChops.invert(picture.convert("L"))
    pattern = dot_pattern(glyph, 48)
    assert pattern is not None
    assert ink.tobytes() == mask(pattern, 48, margin=0).tobytes()
