"""Why a candidate is or is not the one (同定の説明): where its strokes differ, as pictures and as places.

Both glyphs are laid over each other by the boxes of their ink. What the image distortion model (gaiji.glyph.distortion)
cannot bend away is shaded, in both directions, so that a stroke too many shows like one too few; the worst places are
ringed and told in tenths of the box. Colours are those of overlays: vermilion is only in the glyph, blue only in the
candidate, dark in both. The same glyphs give the same bytes.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from gaiji.errors import NoPicture, Text
from gaiji.glyph.distortion import COARSE, pack, planes, residues, unpack
from gaiji.glyph.draw import BASELINE, COMMON, FRAME, ONLY_A, ONLY_B, check_size, mask, path_data
from gaiji.glyph.features import Floats
from gaiji.glyph.forms import Bitmap, Glyph, digest
from gaiji.glyph.likeness import SPOT
from gaiji.glyph.shapes import INK, Box, Shape, shape
from gaiji.glyph.truetype import runs

PLACES = 3
"""Told at most."""
UNEXPLAINED = 0.7
"""Mean residue of a square of SPOT x SPOT pixels from which it is told, and of a pixel from which it is shaded. Of
the same characters in another mincho a fifth has a place above it."""
APART = 7
"""Pixels between two places."""
MORE_INK = 0.15
ROOM = 1 / 12
"""Of the frame, free on each side of the longer side of the box."""
SHADE, RING = "#f0c000", "#9c1c6b"

Has = Literal["glyph", "candidate", "both"]


class Place(NamedTuple):
    """A place that no bending explains (説明できない違い).

    across, down: its centre in tenths of the box, from the left and from the top. strength: mean residue, 2 where
    nothing agrees. more: which of the two has more ink there.
    """

    across: int
    down: int
    strength: float
    more: Has
    text: Text


@dataclass(frozen=True)
class Difference:
    """Where a glyph and a candidate differ (字形の違い), ready to be drawn.

    residue: COARSE x COARSE, rows from the top. places: worst first, none where bending explains all.
    """

    glyph: Glyph
    candidate: Glyph
    boxes: tuple[Box, Box]
    residue: Floats
    places: tuple[Place, ...]

    @property
    def text(self) -> Text:
        """What the picture says, in one sentence."""
        if not self.places:
            return Text(
                "太さ・曲がり・わずかな位置の差のほかに違いは見つかりません。画の長短は図で確かめてください。",
                "Nothing differs but weight, bending and small shifts; see the picture for lengths of strokes.",
            )
        return Text(
            "違いのある所: " + "、".join(place.text.ja for place in self.places) + "。",
            "They differ: " + ", ".join(place.text.en for place in self.places) + ".",
        )


def difference(glyph: Glyph, candidate: Glyph) -> Difference:
    """Return where two glyphs differ (字形の違い). Raises NoPicture where one has no ink."""
    a, b = _inked(glyph), _inked(candidate)
    packed = pack(np.array([a.picture, b.picture]))
    drawn, grey = planes(packed), unpack(packed)
    there = residues(drawn[0], drawn[1:])[0]
    back = residues(drawn[1], drawn[:1])[0]
    residue = np.maximum(there, back)
    return Difference(glyph, candidate, (a.box, b.box), residue, tuple(_places(residue, grey)))


def _inked(glyph: Glyph) -> Shape:
    found = shape(glyph)
    if found is None:
        raise NoPicture(
            "空白の字形は比べられません。字形の入った外字を選んでください。",
            "A blank glyph cannot be compared; choose one that has ink.",
        )
    return found


def _places(residue: Floats, grey: Floats) -> list[Place]:
    """Return the worst places, each APART from the others."""
    means = np.stack([_means(one) for one in (residue, grey[0], grey[1])])
    left, found = means[0].copy(), []
    for _ in range(PLACES):
        down, across = np.unravel_index(int(left.argmax()), left.shape)
        strength = float(left[down, across])
        if strength < UNEXPLAINED:
            break
        found.append(_place(int(across), int(down), strength, means[1:, down, across]))
        left[
            max(0, down - APART) : down + APART + 1, max(0, across - APART) : across + APART + 1
        ] = 0
    return found


def _means(grid: Floats) -> Floats:
    """Return the means of all squares of SPOT x SPOT pixels."""
    windows = np.lib.stride_tricks.sliding_window_view(grid, (SPOT, SPOT))
    means: Floats = windows.mean(axis=(2, 3), dtype=np.float32)
    return means


ROWS = (Text("上", "upper"), Text("中央", "middle"), Text("下", "lower"))
COLUMNS = (Text("左", "left"), Text("中央", "centre"), Text("右", "right"))
HAS: dict[Has, Text] = {
    "glyph": Text("この字形にだけ画がある", "ink in this glyph alone"),
    "candidate": Text("候補にだけ画がある", "ink in the candidate alone"),
    "both": Text("画の形が違う", "strokes of another form"),
}


def _place(across: int, down: int, strength: float, ink: Floats) -> Place:
    x, y = (at + SPOT / 2 for at in (across, down))
    row, column = ROWS[int(3 * y / COARSE)], COLUMNS[int(3 * x / COARSE)]
    apart = float(ink[0] - ink[1])
    more: Has = "both" if abs(apart) < MORE_INK else "glyph" if apart > 0 else "candidate"
    where = Text(
        f"{column.ja}{row.ja}".replace("中央", "") or "中央",
        "centre" if (row.en, column.en) == ("middle", "centre") else f"{row.en} {column.en}",
    )
    text = Text(f"{where.ja}（{HAS[more].ja}）", f"{where.en} ({HAS[more].en})")
    return Place(round(10 * x / COARSE), round(10 * y / COARSE), round(strength, 3), more, text)


# --- where things stand in the frame


def _frame(box: Box, side: float) -> tuple[float, float, float, float]:
    """Return left, top, width, height of the ink in a square frame: the box's own proportions, in its middle."""
    longest = side * (1 - 2 * ROOM)
    unit = longest / max(box.width, box.height)
    width, height = (max(longest / 16, part * unit) for part in (box.width, box.height))
    return (side - width) / 2, (side - height) / 2, width, height


# --- pixels


def png(found: Difference, size_px: int) -> bytes:
    """Return the difference map (差分図) as PNG, size_px square. Raises InvalidRequest for a size not offered."""
    frame = _frame(found.boxes[1], check_size(size_px))
    left, top, width, height = (round(value) for value in frame)
    image = Image.new("RGB", (size_px, size_px), "#ffffff")
    a, b = (_ink(glyph, width, height) for glyph in (found.glyph, found.candidate))
    shade = Image.fromarray((found.residue >= UNEXPLAINED).astype(np.uint8) * 150)
    image.paste(SHADE, (left, top), shade.resize((width, height), Image.Resampling.NEAREST))
    both = ImageChops.darker(a, b)
    image.paste(ONLY_A, (left, top), ImageChops.subtract(a, both))
    image.paste(ONLY_B, (left, top), ImageChops.subtract(b, both))
    image.paste(COMMON, (left, top), both)
    pen = ImageDraw.Draw(image)
    for x, y, radius in _rings(found, frame):
        box = [round(value) for value in (x - radius, y - radius, x + radius, y + radius)]
        pen.ellipse(box, outline=RING, width=max(1, size_px // 100))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=3)
    return out.getvalue()


def _ink(glyph: Glyph, width: int, height: int) -> Image.Image:
    drawn = mask(glyph, 1024)
    box = drawn.point(lambda grey: 255 * (grey >= INK)).getbbox()
    if box is None:  # all of it lies outside the picture's frame
        raise NoPicture(
            "字形が仮想ボディの外にあるため描けません。字形を作り直してください。",
            "The ink lies outside the em box and cannot be drawn; make the glyph again.",
        )
    return drawn.resize((max(1, width), max(1, height)), Image.Resampling.BOX, box=box)


def _rings(
    found: Difference, frame: tuple[float, float, float, float]
) -> list[tuple[float, float, float]]:
    left, top, width, height = frame
    radius = max(width, height) * (SPOT + 2) / 2 / COARSE
    return [
        (left + place.across * width / 10, top + place.down * height / 10, radius)
        for place in found.places
    ]


# --- paths


def svg(found: Difference, *, size_px: int | None = None, title: str = "") -> str:
    """Return the difference map (差分図) as an SVG document in the glyphs' own exact curves.

    title: what a screen reader says, else where they differ. Raises InvalidRequest for a size not offered.
    """
    size = "" if size_px is None else f' width="{check_size(size_px)}" height="{size_px}"'
    frame = _frame(found.boxes[1], FRAME)
    a = _path(found.glyph, found.boxes[0], frame)
    b = _path(found.candidate, found.boxes[1], frame)
    name = f"both-{digest(found.glyph)[:12]}-{digest(found.candidate)[:12]}"
    rings = "".join(
        f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{_short(radius)}" fill="none" stroke="{RING}" '
        'stroke-width="9"/>'
        for x, y, radius in _rings(found, frame)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {FRAME} {FRAME}"{size} role="img">'
        f"<title>{escape(title or str(found.text))}</title>{_shade(found, frame)}"
        f'<clipPath id="{name}"><path {a}/></clipPath><path fill="{ONLY_A}" {a}/><path fill="{ONLY_B}" {b}/>'
        f'<g clip-path="url(#{name})"><path fill="{COMMON}" {b}/></g>{rings}</svg>'
    )


def _shade(found: Difference, frame: tuple[float, float, float, float]) -> str:
    left, top, width, height = frame
    data = ""
    for y, row in enumerate(found.residue >= UNEXPLAINED):
        turns = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0))
        for x, end in turns.reshape(-1, 2):
            data += f"M{x} {y}H{end}V{y + 1}H{x}Z"
    if not data:
        return ""
    place = _matrix(width / COARSE, height / COARSE, left, top)
    return f'<path fill="{SHADE}" fill-opacity=".6" transform="{place}" d="{data}"/>'


def _path(glyph: Glyph, box: Box, frame: tuple[float, float, float, float]) -> str:
    """Return transform and path that bring the glyph's box onto the frame."""
    left, top, width, height = frame
    if isinstance(glyph, Bitmap):
        em = max(glyph.width, glyph.height)
        across, down = width / (box.width * em), height / (box.height * em)
        first_row = glyph.height - (box.bottom + BASELINE + box.height) * em
        place = _matrix(across, down, left - box.left * em * across, top - first_row * down)
        data = "".join(f"M{x} {y}H{end}V{y + 1}H{x}Z" for x, end, y in runs(glyph))
        return f'transform="{place}" d="{data}"'
    across, up = width / (box.width * glyph.em_units), height / (box.height * glyph.em_units)
    right = left - box.left * glyph.em_units * across
    low = top + height + box.bottom * glyph.em_units * up
    return f'transform="{_matrix(across, -up, right, low)}" d="{path_data(glyph)}"'


def _matrix(across: float, down: float, left: float, top: float) -> str:
    return f"matrix({_short(across)} 0 0 {_short(down)} {_short(left)} {_short(top)})"


def _short(value: float) -> str:
    return f"{value:.5f}".rstrip("0").rstrip(".")


__all__ = ["Difference", "Place", "difference", "png", "svg"]
