"""Scans and crops of one glyph (字形の画像): PNG, JPEG, BMP and TIFF made into clean dots.

Pictures come from outside: `read_scan` reads them in a limited child process, `parse_scan` is what runs there.
The classes of Pillow's formats are called themselves: its `Image.open` would look for formats on the disk.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImagePalette  # noqa: F401 (palettes would be imported late)
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile

from gaiji.errors import BadPicture, Text, Where
from gaiji.glyph.forms import Bitmap
from gaiji.glyph.ink import (
    LONGEST_PX,
    Mask,
    box,
    flattened,
    frame,
    is_white_on_black,
    slant,
    stroke_px,
    told_apart,
    turned,
    without_specks,
)
from gaiji.sandbox import run_limited
from gaiji.settings import MEBIBYTE, Settings
from gaiji.wire.findings import Finding

LARGEST_BYTES = 16 * MEBIBYTE
LARGEST_PX = 4096
LEAST_INK_PX, COARSE_PX = 12, 32
"""The longer side of the ink, in the picture's own pixels: below the first refused, below the second told."""

FORMATS: dict[bytes, Callable[[io.BytesIO], ImageFile]] = {
    b"\x89PNG\r\n\x1a\n": PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
    b"BM": BmpImageFile,
    b"II*\0": TiffImageFile,
    b"MM\0*": TiffImageFile,
}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF tag 0x0112."""


@dataclass(frozen=True)
class Scan:
    """A picture that was read (読み取った画像): its ink as dots, at most 512 a side, and findings.

    The whole picture is kept, so that the margin tells size and place; what lay outside a removed frame
    is paper. Findings of level `fit` tell what was mended: `inverted`, `deskewed` (subject: degrees
    clockwise), `despeckled` (subject: how many). Those of level `warning` tell what a person should look
    at: `frame-removed`, `cut-off`, `several-characters`, `tiny`, `low-resolution`.
    """

    glyph: Bitmap
    findings: tuple[Finding, ...]


def read_scan(data: bytes, file_name: str, *, settings: Settings) -> Scan:
    """Return the glyph on a picture that came from outside (画像の読込み), read in a limited child process.

    Raises BadPicture with the reason, HostileFile when reading it went beyond the limits.
    """
    return run_limited(parse_scan, data, file_name, settings=settings, file_name=file_name)


def parse_scan(data: bytes, file_name: str) -> Scan:
    """Return the glyph on a picture (画像の解釈), in this process; for trusted files and the child process.

    Raises BadPicture, its `where` naming the file: no picture of a known format, damaged, larger than
    4096 pixels a side or 16 MiB, several frames, blank, no ink apart from paper, ink everywhere, or ink
    of less than 12 pixels.
    """
    where = Where(file=file_name)
    try:
        ink, findings = _cleaned(_decoded(data))
    except BadPicture as error:
        error.where = where
        raise
    rows = np.packbits(ink, axis=1).tobytes()
    glyph = Bitmap(ink.shape[1], ink.shape[0], rows)
    return Scan(glyph, tuple(replace(finding, where=where) for finding in findings))


# --- from bytes to grey


def _decoded(data: bytes) -> Image.Image:
    """Return the picture in 8-bit grey, upright, on paper."""
    if len(data) > LARGEST_BYTES:
        raise BadPicture(
            f"画像ファイルが大きすぎます（{len(data) / MEBIBYTE:.0f} MiB、上限 16 MiB）。"
            "文字の部分だけを切り出してください。",
            f"The picture file is too large ({len(data) / MEBIBYTE:.0f} MiB of at most 16); "
            "crop it to the character.",
        )
    opener = next((FORMATS[magic] for magic in FORMATS if data.startswith(magic)), None)
    if not opener:
        raise BadPicture(
            "画像ファイルではありません。PNG、JPEG、BMP、TIFF のいずれかを渡してください。",
            "This is no picture file; hand in PNG, JPEG, BMP or TIFF.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the picture counts, not what its metadata gets wrong
        try:
            with opener(io.BytesIO(data)) as image:
                _check_header(image)
                return _grey(image)
        except (BadPicture, MemoryError):
            raise
        except Exception as error:  # whatever a decoder trips over
            raise BadPicture(
                "画像ファイルが壊れているか、途中で切れています。元の画像を保存し直してください。",
                "The picture file is damaged or cut off; save the original picture again.",
            ) from error


def _check_header(image: ImageFile) -> None:
    """Refuse what should not be decoded at all."""
    width, height = image.size
    if max(width, height) > LARGEST_PX:
        raise BadPicture(
            f"画像が大きすぎます（{width}×{height} ピクセル、上限 {LARGEST_PX}×{LARGEST_PX}）。"
            "文字の部分だけを切り出してください。",
            f"The picture is too large ({width} x {height} pixels of at most {LARGEST_PX} a side); "
            "crop it to the character.",
        )
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise BadPicture(
            f"{frames}枚の画像が入ったファイルです。1文字を1枚の画像にしてください。",
            f"The file holds {frames} pictures; hand in one picture of one character.",
        )


def _grey(image: Image.Image) -> Image.Image:
    turn = TURNS.get(image.getexif().get(0x0112, 1))
    alpha = None
    if image.mode.startswith("I"):  # 16 bits a pixel, for which Pillow would cut off at 255
        values = np.asarray(image).astype(np.float32) / 257
        image = Image.fromarray(values.clip(0, 255).astype(np.uint8))
    elif "transparency" in image.info or image.mode.endswith(("A", "a")):
        image = image.convert("RGBA")
        alpha = image.getchannel("A")
    elif image.mode not in ("1", "L", "P", "RGB"):
        image = image.convert("RGB")
    grey = image.convert("L")
    if alpha:
        seen = np.asarray(grey)[np.asarray(alpha) >= 128]
        paper = 0 if seen.size and seen.min() > 200 else 255  # light ink was drawn for dark paper
        grey, layer = Image.new("L", image.size, paper), grey
        grey.paste(layer, mask=alpha)
    return grey.transpose(turn) if turn else grey


# --- from grey to dots


def _cleaned(picture: Image.Image) -> tuple[Mask, list[Finding]]:
    reduced = max(1.0, max(picture.size) / LONGEST_PX)
    picture.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
    grey = np.asarray(picture, dtype=np.float32)
    findings = []
    if is_white_on_black(grey):
        grey = 255 - grey
        findings.append(_inverted())
    flat = flattened(grey)
    ink, dark = told_apart(flat)
    angle = slant(dark)
    inside = frame(dark, angle)
    if inside is not None:
        ink = ink & inside
        findings.append(_frame_removed())
    ink, specks = without_specks(ink)
    findings += _cut_off(ink)
    if angle:
        findings.append(_deskewed(angle))
        paper = np.where(inside, flat, 255) if inside is not None else flat
        ink, specks = without_specks(told_apart(turned(paper, angle))[0])
    if specks:
        findings.append(_despeckled(specks))
    return ink, [*findings, *_doubts(ink, reduced)]


# --- doubts


EDGES = (Text("上", "top"), Text("下", "bottom"), Text("左", "left"), Text("右", "right"))


def _cut_off(ink: Mask) -> Iterator[Finding]:
    """Tell the edges that ink runs over (切れ): some and not all, or one crossed by four strokes.

    A character cropped to its own box touches its edges too.
    """
    lines = (ink[0], ink[-1], ink[:, 0], ink[:, -1])
    stroke = stroke_px(ink)
    runs = [int(np.diff(line.astype(np.int8), prepend=0).clip(0).sum()) for line in lines]
    top, bottom, left, right = box(ink)
    room = (top, ink.shape[0] - bottom, left, ink.shape[1] - right)
    cropped_close = sum(gap <= 2 + 0.01 * max(ink.shape) for gap in room) >= 3
    least = math.inf if cropped_close else max(2, 0.8 * stroke)
    names = [
        name
        for name, line, crossed in zip(EDGES, lines, runs, strict=True)
        if line.sum() >= least or crossed >= 4
    ]
    if names:
        ja, en = "・".join(n.ja for n in names), " and ".join(n.en for n in names)
        text = Text(
            f"字が画像の{ja}端で切れているようです。字の全体が入るように切り出してください。",
            f"The ink runs over the edge of the picture ({en}); crop it so that the whole character is in.",
        )
        yield Finding("cut-off", "warning", text)


def _doubts(ink: Mask, reduced: float) -> Iterator[Finding]:
    """Tell what may be wrong with the character itself; reduced: the picture's pixels a dot."""
    top, bottom, left, right = box(ink)
    height_px, width_px = (bottom - top) * reduced, (right - left) * reduced
    longer_px = max(height_px, width_px)
    size = f"{round(width_px)}×{round(height_px)}"
    if longer_px < LEAST_INK_PX:
        raise BadPicture(
            f"字が小さすぎます（{size} ピクセル、下限 {LEAST_INK_PX}）。高い解像度でスキャンし直してください。",
            f"The character is too small ({size} pixels of at least {LEAST_INK_PX}); scan it at a "
            "higher resolution.",
        )
    if longer_px < COARSE_PX:
        text = Text(
            f"字が {size} ピクセルしかありません。できれば高い解像度でスキャンし直してください。",
            f"The character has only {size} pixels; scan it at a higher resolution if you can.",
        )
        yield Finding("low-resolution", "warning", text)
    if max(bottom - top, right - left) < 0.2 * max(ink.shape):
        text = Text(
            "画像に対して字がとても小さいため、記号や汚れかもしれません。切り出す範囲を確かめてください。",
            "The ink is very small for the picture and may be a sign or a stain; check what was cropped.",
        )
        yield Finding("tiny", "warning", text)
    if blocks := _blocks(ink[top:bottom, left:right]):
        text = Text(
            f"{blocks}文字以上が並んでいるようです。1文字だけを切り出してください。",
            f"There seem to be {blocks} characters or more; crop the picture to one.",
        )
        yield Finding("several-characters", "warning", text)


def _blocks(ink: Mask) -> int:
    """Return how many characters stand in a row or a column, 0 for what may well be one.

    The box is long, and clear gaps part blocks that are as broad as characters and have several
    strokes across: 三, 川, 小, 八 and 灬 do not.
    """
    if ink.shape[0] > ink.shape[1]:
        ink = ink.T
    height, width = ink.shape
    if width < 1.6 * height:
        return 0
    used = ink.any(axis=0)
    turns = np.flatnonzero(np.diff(used.astype(np.int8), prepend=0, append=0))
    blocks = [(int(turns[0]), int(turns[1]))]
    for start, end in turns[2:].reshape(-1, 2):
        if start - blocks[-1][1] < 0.04 * height:
            blocks[-1] = (blocks[-1][0], int(end))
        else:
            blocks.append((int(start), int(end)))
    characters = 0
    for start, end in blocks:
        block = ink[:, start:end]
        rows = np.flatnonzero(block.any(axis=1))
        strokes = np.diff(block.astype(np.int8), axis=0, prepend=0).clip(0).sum() / (end - start)
        broad = end - start >= 0.5 * height and rows[-1] - rows[0] >= 0.6 * height
        characters += bool(broad and strokes >= 1.4)
    return characters if characters >= 2 else 0


# --- sentences


def _inverted() -> Finding:
    text = Text("黒地に白い字のため、白黒を反転しました。", "White on black was turned over.")
    return Finding("inverted", "fit", text)


def _deskewed(angle: float) -> Finding:
    side = Text("右下がり", "clockwise") if angle > 0 else Text("右上がり", "anticlockwise")
    text = Text(
        f"画像の傾き（{side.ja} {abs(angle):.1f}度）を直しました。",
        f"The picture was turned {abs(angle):.1f} degrees {side.en}, and set straight.",
    )
    return Finding("deskewed", "fit", text, f"{angle:.1f}")


def _despeckled(specks: int) -> Finding:
    text = Text(
        f"ごみ{specks}個を取り除きました。",
        f"{specks} {'speck' if specks == 1 else 'specks'} removed.",
    )
    return Finding("despeckled", "fit", text, str(specks))


def _frame_removed() -> Finding:
    text = Text(
        "字の周りの罫線枠を取り除きました。枠が字の一部でないか確かめてください。",
        "The frame round the character was removed; check that it was no part of it.",
    )
    return Finding("frame-removed", "warning", text)
