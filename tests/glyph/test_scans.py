"""Pictures from outside: what is read, what is mended, what is doubted and what is refused."""

import contextlib
import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

from gaiji.errors import BadPicture, HostileFile, Where
from gaiji.glyph.forms import Bitmap
from gaiji.glyph.reference import find_font
from gaiji.glyph.scans import Scan, parse_scan, read_scan
from gaiji.settings import Settings

SETTINGS = Settings()
FONT = find_font(SETTINGS, "ipamj")
drawn = pytest.mark.skipif(not FONT, reason="reference fonts are not installed: gaiji fonts fetch")
Dots = npt.NDArray[np.bool_]


@cache
def font(size_px: int) -> ImageFont.FreeTypeFont:
    assert FONT
    return ImageFont.truetype(FONT, size_px)


def kanji(text: str, side: int = 300, em: int | None = None) -> Image.Image:
    image = Image.new("L", (side, side), 255)
    place, size_px = (side / 2, side / 2), em or side * 4 // 5
    ImageDraw.Draw(image).text(place, text, font=font(size_px), fill=0, anchor="mm")
    return image


def close(image: Image.Image, margin: int = 0) -> Image.Image:
    return ImageOps.expand(image.crop(ImageOps.invert(image).getbbox()), margin, 255)


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def scanned(image: Image.Image, form: str = "PNG", **options: object) -> Scan:
    return parse_scan(saved(image, form, **options), "a.png")


def codes(scan: Scan) -> set[str]:
    return {finding.code for finding in scan.findings}


def dots(glyph: Bitmap) -> Dots:
    rows = np.frombuffer(glyph.rows, np.uint8).reshape(glyph.height, -1)
    return np.unpackbits(rows, axis=1)[:, : glyph.width].astype(bool)


def alike(scan: Scan, image: Image.Image) -> float:
    """Ink common to both over ink of either."""
    ink = dots(scan.glyph)
    wanted = np.asarray(image.resize(ink.shape[::-1])) < 128
    return float((ink & wanted).sum() / (ink | wanted).sum())


def noisy(image: Image.Image, sigma: float) -> Image.Image:
    values = np.asarray(image) + np.random.default_rng(1).normal(0, sigma, image.size[::-1])
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def shaded(image: Image.Image) -> Image.Image:
    light = np.linspace(1, 0.4, image.width) * np.linspace(1, 0.85, image.height)[:, None]
    return Image.fromarray((np.asarray(image) * light).astype(np.uint8))


def faint(image: Image.Image) -> Image.Image:
    return noisy(image.point([170 + grey * 70 // 255 for grey in range(256)]), 4)


def lined(image: Image.Image, *places: int, width: int = 3) -> Image.Image:
    """Lines of a form from edge to edge, as many from the left as from the top."""
    image = image.copy()
    pen = ImageDraw.Draw(image)
    for at in places:
        pen.line((0, at, image.width, at), fill=0, width=width)
        pen.line((at, 0, at, image.height), fill=0, width=width)
    return image


def turned(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=255)


# --- what is read


def test_a_dot_pattern_in_a_picture_comes_back_dot_by_dot() -> None:
    wanted = np.zeros((24, 24), bool)
    wanted[3:21, 4] = wanted[3, 4:20] = wanted[20, 4:20] = wanted[11, 6:18] = wanted[15, 12] = True
    for image in (Image.fromarray(wanted).convert("1"), Image.fromarray(~wanted).convert("1")):
        for form in ("PNG", "BMP", "TIFF"):
            assert (dots(scanned(image, form).glyph) == wanted).all()


@drawn
@pytest.mark.parametrize(
    ("spoil", "form"),
    [
        (lambda image: image, "PNG"),
        (lambda image: noisy(image, 25), "JPEG"),
        (shaded, "JPEG"),
        (lambda image: shaded(noisy(image, 6)), "TIFF"),
        (faint, "JPEG"),
        (lambda image: image.filter(ImageFilter.GaussianBlur(0.8)), "BMP"),
    ],
    ids=["clean", "noise", "shade", "noise-and-shade", "faint", "blur"],
)
def test_bad_scans_give_the_ink_of_the_clean_one(
    spoil: Callable[[Image.Image], Image.Image], form: str
) -> None:
    options = {"quality": 40} if form == "JPEG" else {}
    for text in "渡鬱一川":
        scan = scanned(spoil(kanji(text)), form, **options)
        assert alike(scan, kanji(text)) > 0.93, text
        assert not codes(scan), text


@drawn
def test_every_way_to_store_grey_gives_the_same_ink() -> None:
    image = kanji("国", 200)
    deep = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    clear = Image.new("RGBA", image.size, (0, 0, 0, 0))
    clear.paste((10, 10, 10, 255), mask=ImageOps.invert(image))
    light = Image.new("LA", image.size, (0, 0))
    light.paste((255, 255), mask=ImageOps.invert(image))
    palette = image.convert("RGB").quantize(8)
    wanted = alike(scanned(image), image)
    assert deep.mode == "I;16"
    for other, form, options in (
        (image.convert("RGB"), "PNG", {}),
        (palette, "PNG", {}),
        (palette, "PNG", {"transparency": palette.getpixel((0, 0))}),
        (deep, "PNG", {}),
        (deep, "TIFF", {}),
        (clear, "PNG", {}),
        (light, "PNG", {}),
        (image.convert("CMYK"), "JPEG", {"quality": 90}),
        (image.convert("1"), "TIFF", {"compression": "group4"}),
    ):
        found = alike(scanned(other, form, **options), image)
        assert found == pytest.approx(wanted, abs=0.03), (other.mode, form)


@drawn
def test_a_photographed_page_is_turned_upright_as_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = kanji("下").transpose(Image.Transpose.ROTATE_90)
    assert alike(scanned(lying, "JPEG", exif=exif), kanji("下")) > 0.95


@drawn
def test_a_large_picture_is_reduced_whole() -> None:
    large = kanji("下", 1500).crop((0, 200, 1500, 1300))
    glyph = scanned(large).glyph
    assert (glyph.width, glyph.height) == (512, 375)


# --- what is mended


@drawn
def test_white_on_black_is_turned_over_and_told() -> None:
    for text in "渡鬱一":
        for spoil in (ImageOps.invert, lambda image: shaded(ImageOps.invert(image))):
            scan = scanned(spoil(kanji(text)), "JPEG")
            assert codes(scan) == {"inverted"}
            assert alike(scan, kanji(text)) > 0.9
    assert codes(scanned(close(kanji("竪")))) == set()


@drawn
def test_specks_go_and_the_dots_of_characters_stay() -> None:
    places = np.random.default_rng(2).integers(0, 297, (60, 2))
    for text in "玉馬氷灬":
        dusty = kanji(text)
        for x, y in places:
            dusty.paste(0, (x, y, x + 2, y + 3))
        scan = scanned(dusty)
        (finding,) = scan.findings
        assert finding.code == "despeckled"
        assert 20 < int(finding.subject or 0) <= 60
        assert alike(scan, kanji(text)) > 0.93


@drawn
@pytest.mark.parametrize("degrees", [-6, 2.5, 7])
def test_a_slant_is_measured_and_set_straight(degrees: float) -> None:
    for text in "渡国轟":
        scan = scanned(noisy(turned(kanji(text), degrees), 8), "JPEG")
        (finding,) = scan.findings
        assert float(finding.subject or 0) == pytest.approx(-degrees, abs=0.5)
        again = Image.fromarray(~dots(scan.glyph))
        assert codes(scanned(again)) == set()


@drawn
def test_what_slants_by_its_own_nature_is_left_alone() -> None:
    rising = Image.new("L", (300, 300), 255)
    pen = ImageDraw.Draw(rising)
    for y in (80, 150, 220):  # handwriting: horizontals rise, verticals stand
        pen.line((40, y + 10, 260, y - 10), fill=0, width=8)
    for x in (90, 210):
        pen.line((x, 50, x, 260), fill=0, width=10)
    assert codes(scanned(rising)) == set()
    for text in "彡乂人一口弋灬":
        assert codes(scanned(kanji(text))) == set(), text


@drawn
def test_the_frame_of_a_form_is_removed_with_what_lies_outside_it() -> None:
    for text in "国三渡":
        plain = kanji(text, 500, 190)
        cell = lined(plain, 130, 370)
        cell.paste(0, (395, 300, 420, 320))
        for degrees in (0, -3, 5):
            where = (110, 110, 390, 390)
            scan = scanned(turned(cell, degrees).crop(where), "JPEG")
            assert codes(scan) == {"frame-removed"} | ({"deskewed"} if degrees else set()), text
            if not degrees:
                assert alike(scan, plain.crop(where)) > 0.95
    assert "frame-removed" in codes(scanned(lined(kanji("渡"), 1, 298, width=2)))


@drawn
def test_no_stroke_of_a_closely_cropped_character_passes_for_a_frame() -> None:
    for text in "国囗匚凵冂王二亘且同区門円巨":
        for margin in (0, 1, 3):
            assert "frame-removed" not in codes(scanned(close(kanji(text), margin))), text


# --- what is doubted


@drawn
def test_two_characters_are_doubted_and_characters_with_gaps_are_not() -> None:
    for text in ("東京", "明日", "渡邉様"):
        row = Image.new("L", (150 * len(text) + 40, 200), 255)
        ImageDraw.Draw(row).text((20, 20), text, font=font(150), fill=0)
        column = Image.new("L", (200, 160 * len(text) + 40), 255)
        for nth, character in enumerate(text):
            pen = ImageDraw.Draw(column)
            pen.text((20, 20 + 160 * nth), character, font=font(150), fill=0)
        assert codes(scanned(row)) == codes(scanned(column)) == {"several-characters"}
    for text in "川二三八小巛彡心灬林昌品竹以門非":
        for image in (kanji(text), close(kanji(text), 2)):
            assert "several-characters" not in codes(scanned(image)), text


@drawn
def test_half_a_character_is_cut_off_and_a_close_crop_is_not() -> None:
    for text in "渡林国轟":
        whole = kanji(text)
        for half, edge in (((0, 0, 150, 300), "right"), ((0, 0, 300, 150), "bottom")):
            findings = {f.code: f.text.en for f in scanned(whole.crop(half)).findings}
            assert f"({edge})" in findings["cut-off"], text
        for margin in (0, 1, 4):
            assert codes(scanned(close(whole, margin))) == set(), text


@drawn
def test_small_ink_is_doubted() -> None:
    assert codes(scanned(kanji("国", 40, 24))) == {"low-resolution"}
    assert codes(scanned(kanji("国", 400, 50))) == {"tiny"}


# --- what is refused


def chunk(name: bytes, data: bytes) -> bytes:
    checked = name + data
    return struct.pack(">I", len(data)) + checked + struct.pack(">I", zlib.crc32(checked))


def bare_png(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body + chunk(b"IEND", b"")


def frames(form: str) -> bytes:
    images = [Image.new("L", (40, 40), grey) for grey in (0, 255)]
    return saved(images[0], form, save_all=True, append_images=images[1:])


def cloudy() -> Image.Image:
    picture = np.zeros((300, 300))
    random = np.random.default_rng(3)
    for side in (4, 8, 16, 32):
        coarse = Image.fromarray(random.random((side, side)).astype(np.float32))
        picture += np.asarray(coarse.resize((300, 300), Image.Resampling.BICUBIC)) * 200 / side
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def portrait() -> Image.Image:
    y, x = np.mgrid[:300, :300]
    face = ((x - 150) / 80) ** 2 + ((y - 130) / 100) ** 2
    grey = np.where(face < 1, 210 - 90 * face - 60 * (x - 150) / 150, 250)
    body = ((x - 150) / 130) ** 2 + ((y - 330) / 110) ** 2
    grey = np.where(body < 1, 90 + 60 * (x - 100) / 200, grey)
    return noisy(Image.fromarray(grey.clip(0, 255).astype(np.uint8)), 6)


SOUND = bare_png(40, 40)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no picture file"),
        (b"GIF89a" + bytes(40), "no picture file"),
        (b"%PDF-1.7", "no picture file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(17 << 20), "too large (17 MiB"),
        (bare_png(2**31 - 1, 2**31 - 1), "too large (2147483647 x 2147483647"),
        (bare_png(4097, 10), "too large (4097 x 10"),
        (SOUND[:-30], "damaged"),
        (SOUND.replace(zlib.compress(bytes(1000)), bytes(11)), "damaged"),
        (SOUND[:20] + b"\xff" + SOUND[21:], "damaged"),
        (b"\xff\xd8\xff" + bytes(40), "damaged"),
        (b"II*\0" + b"\xff" * 40, "damaged"),
        (b"BM" + b"\xff" * 60, "damaged"),
        (frames("PNG"), "holds 2 pictures"),
        (frames("TIFF"), "holds 2 pictures"),
        (saved(Image.new("L", (300, 300), 255)), "blank"),
        (saved(noisy(Image.new("L", (300, 300), 235), 10), "JPEG"), "blank"),
        (saved(Image.new("RGBA", (30, 30))), "blank"),
        (saved(Image.new("L", (1, 1))), "blank"),
        (saved(Image.new("L", (300, 300), 0)), "is black"),
        (saved(noisy(Image.new("L", (300, 300), 128), 90)), "like a photo"),
        (saved(cloudy()), "like a photo"),
        (saved(portrait(), "JPEG"), "like a photo"),
    ],
)
def test_what_is_no_scan_of_a_character_is_refused_in_one_sentence(data: bytes, said: str) -> None:
    with pytest.raises(BadPicture) as refused:
        parse_scan(data, "a.png")
    assert said in refused.value.text.en
    assert refused.value.text.ja.endswith("ください。")
    assert refused.value.where == Where(file="a.png")


@drawn
def test_ink_of_less_than_twelve_pixels_is_refused() -> None:
    with pytest.raises(BadPicture, match="too small"):
        scanned(kanji("国", 40, 10))


@drawn
@pytest.mark.parametrize("seed", range(3))
def test_damaged_pictures_are_read_or_refused_and_nothing_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    image = kanji("国", 64)
    for form in ("PNG", "JPEG", "BMP", "TIFF"):
        data = saved(image, form)
        for _ in range(25):
            spoilt = bytearray(data)
            for at in random.integers(0, min(len(data), 400), 3):
                spoilt[at] = random.integers(256)
            with contextlib.suppress(BadPicture):
                assert parse_scan(bytes(spoilt), "a.png").glyph.rows


# --- in the limited child process


@drawn
def test_the_child_process_reads_every_format_and_mode() -> None:
    image = kanji("国", 120)
    exif = Image.Exif()
    exif[0x0112] = 3
    deep = Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    for data in (
        saved(turned(image, 4)),
        saved(image.convert("RGB").quantize(8), transparency=0),
        saved(image.convert("RGBA")),
        saved(deep),
        saved(image.convert("CMYK"), "JPEG", exif=exif),
        saved(image, "JPEG", progressive=True),
        saved(image, "BMP"),
        saved(image.convert("1"), "TIFF", compression="group4"),
        saved(image, "TIFF", compression="tiff_lzw"),
        saved(lined(image, 4, 115)),
    ):
        assert read_scan(data, "a.png", settings=SETTINGS) == parse_scan(data, "a.png")


def test_the_child_process_hands_refusals_on() -> None:
    with pytest.raises(BadPicture, match="too large") as refused:
        read_scan(bare_png(2**31 - 1, 2**31 - 1), "b.png", settings=SETTINGS)
    assert refused.value.where == Where(file="b.png")


def test_the_largest_picture_is_read_within_the_limits() -> None:
    image = Image.new("RGBA", (4096, 4096), "white")
    ImageDraw.Draw(image).rectangle((1000, 1900, 3000, 2100), fill="black")
    glyph = read_scan(saved(image, compress_level=1), "a.png", settings=SETTINGS).glyph
    assert dots(glyph).sum() == pytest.approx(250 * 25, rel=0.05)
    tight = Settings(child_memory_bytes=160 << 20)
    with pytest.raises(HostileFile):
        read_scan(saved(image, compress_level=1), "a.png", settings=tight)
