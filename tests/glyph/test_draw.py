import io
import xml.etree.ElementTree as ET

import pytest
from PIL import Image, ImageChops, ImageStat

from gaiji.errors import InvalidRequest
from gaiji.glyph.draw import mask, pair_png, pair_svg, png, svg
from gaiji.glyph.forms import Bitmap, Contour, Glyph, Outline


def box(x1: int, y1: int, x2: int, y2: int) -> Contour:
    return (((x1, y2),), ((x2, y2),), ((x2, y1),), ((x1, y1),))


def turned(contour: Contour) -> Contour:
    return tuple(reversed(contour))


EM = Outline(1000, 1000, (box(0, -120, 1000, 880),))
LEFT = Outline(1000, 1000, (box(0, -120, 500, 880),))
RIGHT = Outline(2000, 2000, (box(1000, -240, 2000, 1760),))
CUBIC = Outline(
    1000, 1000, ((((900, 0), (900, 800), (500, 800)), ((100, 800), (100, 0), (500, 0))),)
)
DOTS = Bitmap(24, 24, bytes([0xFF, 0xFF, 0xFF] * 12 + [0] * 36))


def ink(glyph: Glyph, size_px: int = 160, **options: float) -> float:
    return sum(mask(glyph, size_px, **options).tobytes()) / 255 / size_px**2


def test_the_em_box_fills_the_frame_but_its_margin() -> None:
    assert mask(EM, 160).getbbox() == (10, 10, 150, 150)
    assert ink(EM) == pytest.approx((140 / 160) ** 2)
    assert ink(EM, margin=0) == pytest.approx(1)


def test_outlines_are_filled_by_the_nonzero_rule() -> None:
    inner = box(250, 130, 750, 630)
    overlap = Outline(1000, 1000, (EM.contours[0], inner))
    hole = Outline(1000, 1000, (EM.contours[0], turned(inner)))
    assert ink(overlap) == pytest.approx(ink(EM))
    assert ink(hole) == pytest.approx(ink(EM) * 3 / 4, rel=1e-3)


def test_narrow_outlines_are_centred() -> None:
    half = Outline(1000, 500, (box(0, -120, 500, 880),))
    assert mask(half, 160).getbbox() == (45, 10, 115, 150)


def test_cubic_outlines_are_drawn() -> None:
    assert 0.2 < ink(CUBIC) < 0.6


def test_an_empty_outline_is_an_empty_picture() -> None:
    assert ink(Outline(1000, 1000, ())) == 0


def test_points_far_outside_do_not_disturb() -> None:
    wild = Outline(1000, 1000, (box(-40000, -120, 500, 880), box(0, 0, 10**9, 10)))
    assert mask(wild, 64).size == (64, 64)


def test_dots_are_enlarged_by_a_whole_factor() -> None:
    image = mask(DOTS, 160)  # 140 pixels of room, 24 dots: 5 pixels a dot
    assert image.getbbox() == (20, 20, 140, 80)
    assert set(image.tobytes()) == {0, 255}
    assert ink(DOTS, 16) > 0.2


def test_png_is_black_on_white_and_the_same_every_time() -> None:
    data = png(LEFT, 64)
    assert data == png(LEFT, 64)
    image = Image.open(io.BytesIO(data))
    assert (image.size, image.mode, image.getpixel((10, 32)), image.getpixel((50, 32))) == (
        (64, 64), "L", 0, 255,
    )  # fmt: skip
    dark = Image.open(io.BytesIO(png(LEFT, 64, dark=True)))
    assert dark.getpixel((10, 32)) == (255, 255, 255)
    assert dark.getpixel((50, 32)) == (0x1A, 0x1A, 0x1C)


def test_guides_lie_under_the_ink() -> None:
    plain, guided = (
        Image.open(io.BytesIO(png(LEFT, 64, guides=g))).convert("RGB") for g in (False, True)
    )
    assert guided.getpixel((16, 32)) == (0, 0, 0)
    assert png(Outline(1000, 1000, ()), 64, guides=True) != png(Outline(1000, 1000, ()), 64)
    assert ImageChops.difference(plain, guided).getbbox()


def test_an_overlay_shows_each_side_and_what_is_common() -> None:
    middle = Outline(1000, 1000, (box(250, -120, 750, 880),))
    image = Image.open(io.BytesIO(pair_png(LEFT, middle, "overlay", 160)))
    colours = [image.getpixel((x, 80)) for x in (20, 60, 100, 140)]
    assert colours == [(0xD5, 0x5E, 0), (0x1A, 0x1A, 0x1C), (0, 0x72, 0xB2), (255, 255, 255)]
    both = Image.open(io.BytesIO(pair_png(LEFT, middle, "side-by-side", 160, guides=True)))
    assert both.size == (320, 160)


@pytest.mark.parametrize("size_px", [-1, 0, 15, 1025, 10**9])
def test_other_sizes_are_refused(size_px: int) -> None:
    for draw in (png, lambda g, s: svg(g, size_px=s), lambda g, s: pair_png(g, g, "overlay", s)):
        with pytest.raises(InvalidRequest):
            draw(EM, size_px)


@pytest.mark.parametrize("glyph", [EM, CUBIC, DOTS])
def test_svg_is_a_document_without_scripts_or_styles(glyph: Glyph) -> None:
    for text in (
        svg(glyph, guides=True, size_px=96, title='<b> & "x"'),
        pair_svg(glyph, LEFT, "overlay", guides=True, title="a<b"),
        pair_svg(glyph, LEFT, "side-by-side"),
    ):
        root = ET.fromstring(text)
        assert root.get("role") == "img"
        assert root.get("viewBox") in ("0 0 1000 1000", "0 0 2000 1000")
        assert "script" not in text
        assert "style" not in text
    assert ET.fromstring(svg(glyph, size_px=96)).get("width") == "96"


def test_svg_paths_are_the_exact_outline() -> None:
    text = svg(RIGHT)
    assert 'transform="translate(62.5 832.5) scale(0.4375 -0.4375)"' in text
    assert 'd="M1000 -240L1000 1760L2000 1760L2000 -240L1000 -240Z"' in text


def test_two_sizes_show_the_same_picture() -> None:
    large = mask(CUBIC, 512).resize((64, 64), Image.Resampling.BOX)
    difference = ImageChops.difference(large, mask(CUBIC, 64))
    assert ImageStat.Stat(difference).mean[0] < 1
