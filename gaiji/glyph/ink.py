"""Ink told from paper on a scan (字と地の分離): arrays of grey made into dots; pure, no file is opened.

| step | how |
|---|---|
| turn over | white on black: what stands out from the mean around it is light, and light is not the most |
| shading | divided by the paper's own brightness, as Gatos, Pratikakis and Perantonis do (2006) |
| ink | one threshold for what is left, by Otsu (1979), where ink and paper stand apart |
| specks | connected components far smaller than the square of a stroke's width are dropped |
| slant | horizontal and vertical strokes must agree on it: projection profiles, Postl (1986) |
| frame | straight thin lines of a form's cell that run from edge to edge of the picture |

Otsu: A threshold selection method from gray-level histograms, IEEE Trans. SMC 9(1). Gatos et al.: Adaptive
degraded document image binarization, Pattern Recognition 39(3). Postl: Detection of linear oblique structures
and skew scan in digitized documents, ICPR 1986.
"""

from __future__ import annotations

import math
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.ma  # now: medians would import it where no file can be opened
import numpy.typing as npt
from PIL import Image, ImageFilter

from gaiji.errors import BadPicture

Mask: TypeAlias = npt.NDArray[np.bool_]
"""Ink by row and column, True where it is."""
Grey: TypeAlias = npt.NDArray[np.float32]
"""0 black to 255 white by row and column."""

LONGEST_PX = 512
"""The longer side of what is worked on and given back; larger pictures are reduced to it first."""
MOST_INK = 0.7
"""Part of the picture."""
LEAST_APART, MUCH_APART, MOST_SMOOTH = 0.72, 130, 0.12
"""Below the first, Otsu's share of variance between ink and paper, they must be so many grey levels apart;
no picture may have more smooth grey than the last, as a part. Measured: photos 0.70 and less, about 80
levels, 0.10 and more smooth; scans that are faint, noisy or blurred 0.72 and more or 130 levels apart."""
LARGEST_SLANT, LEAST_SLANT = 8.0, 0.75
"""Degrees."""


def is_white_on_black(grey: Grey) -> bool:
    """Tell whether ink is light: the lesser part is, and what stands out from the mean near it is."""
    near = Image.fromarray(grey.astype(np.uint8)).filter(ImageFilter.BoxBlur(max(grey.shape) / 4))
    apart = grey - np.asarray(near)
    skew = (apart**3).mean() / max(1.0, (apart**2).mean() ** 1.5)
    return bool(skew > 0.15 and (grey > _otsu(grey)).mean() < 0.6)


def flattened(grey: Grey) -> Grey:
    """Return the picture with its paper at 255 everywhere: each place divided by the paper near it.

    Paper is the bright end of cells, the brightest among five by five of them so that a thick stroke
    does not pass for it; it is never taken as darker than 40 % of the brightest paper.
    """
    side = max(grey.shape)
    cell = max(8, math.ceil(side / 16))
    rows, columns = (math.ceil(n / cell) for n in grey.shape)
    room = [(0, rows * cell - grey.shape[0]), (0, columns * cell - grey.shape[1])]
    cells = np.pad(grey, room, mode="edge").reshape(rows, cell, columns, cell)[:, ::2, :, ::2]
    bright = np.percentile(cells, 85, axis=(1, 3)).astype(np.float32)
    bright = np.maximum(bright, 0.4 * bright.max()).clip(1, 255)
    paper = Image.fromarray(bright.astype(np.uint8))
    for each in (ImageFilter.MaxFilter(5), ImageFilter.MinFilter(5), ImageFilter.GaussianBlur(1)):
        paper = paper.filter(each)
    whole = paper.resize((columns * cell, rows * cell), Image.Resampling.BICUBIC)
    ground = np.asarray(whole, dtype=np.float32)[: grey.shape[0], : grey.shape[1]]
    flat: Grey = np.minimum(255, grey * 255 / np.maximum(1, ground)).astype(np.float32)
    return flat


def _otsu(grey: Grey) -> int:
    """Return the grey level that parts two classes best, the lower class including it: Otsu (1979)."""
    counts = np.bincount(grey.astype(np.uint8).ravel(), minlength=256).astype(np.float64)
    below, sums = counts.cumsum(), (counts * np.arange(256)).cumsum()
    above = below[-1] - below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (sums * below[-1] - sums[-1] * below) ** 2 / (below * above)
    between = np.nan_to_num(between, posinf=0)
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return int(best[[0, -1]].mean())  # the middle of a gap


def told_apart(flat: Grey) -> tuple[Mask, Mask]:
    """Return the ink of a flattened picture, and whatever is darker than paper.

    Raises BadPicture where there is no ink, no paper, or no telling them apart.
    """
    if max(flat.shape) >= 200:
        soft = Image.fromarray(flat.astype(np.uint8)).filter(ImageFilter.GaussianBlur(0.8))
        flat = np.asarray(soft, dtype=np.float32)
    steps = np.abs(np.diff(flat, axis=1))
    noise = float(np.median(steps)) if max(flat.shape) >= 64 and steps.size else 0
    dark = flat < 255 - max(40, 6 * noise)
    if dark.sum() < 4:
        raise blank()
    rows, columns = np.flatnonzero(dark.any(1)), np.flatnonzero(dark.any(0))
    room = max(4, len(rows) // 4, len(columns) // 4)
    near = flat[
        max(0, rows[0] - room) : rows[-1] + 1 + room,
        max(0, columns[0] - room) : columns[-1] + 1 + room,
    ]
    ink: Mask = flat <= _otsu(np.append(near, 255))
    inks, papers = flat[ink], flat[~ink]
    if not papers.size or ink.mean() > MOST_INK:
        raise BadPicture(
            f"画像の{ink.mean():.0%}が黒く、字と地の区別がつきません。1文字の周りに余白を付けて"
            "切り出してください。",
            f"{ink.mean():.0%} of the picture is black, so ink cannot be told from paper; "
            "crop it with some paper round the character.",
        )
    ink_grey, paper_grey = float(inks.mean()), float(papers.mean())
    share = float((near <= (ink_grey + paper_grey) / 2).mean())
    apart = share * (1 - share) * (paper_grey - ink_grey) ** 2 / max(1.0, float(near.var()))
    doubtful = apart < LEAST_APART and paper_grey - ink_grey < MUCH_APART
    if doubtful or _smooth(flat, ink_grey, paper_grey) > MOST_SMOOTH:
        raise BadPicture(
            "写真のように濃淡が続く画像で、字と地の区別がつきません。文字を白黒でスキャンし直してください。",
            "The picture has shades like a photo, so ink cannot be told from paper; scan the character "
            "again in black and white.",
        )
    return ink, dark


def _smooth(flat: Grey, ink: float, paper: float) -> float:
    """Return how much is smooth grey between ink and paper: edges of ink are steep, a photo's shades not."""
    low, high = ink + (paper - ink) * 0.25, ink + (paper - ink) * 0.75
    across = np.abs(flat[1:-1, 2:] - flat[1:-1, :-2])
    down = np.abs(flat[2:, 1:-1] - flat[:-2, 1:-1])
    inner = flat[1:-1, 1:-1]
    steep = np.maximum(across, down) >= (paper - ink) * 0.2
    return float(((inner > low) & (inner < high) & ~steep).mean())


# --- specks


class _Parts(NamedTuple):
    """Connected components (連結成分): of each run its row, start, length, part; of each part its dots."""

    rows: npt.NDArray[np.intp]
    starts: npt.NDArray[np.intp]
    lengths: npt.NDArray[np.intp]
    part: npt.NDArray[np.intp]
    dots: npt.NDArray[np.intp]


def _parts(ink: Mask) -> _Parts:
    """Label the ink by runs that touch, corners included."""
    stride = ink.shape[1] + 2
    framed = np.zeros((ink.shape[0], stride), np.int8)
    framed[:, 1:-1] = ink
    turns = np.diff(framed.ravel(), prepend=0)
    starts, ends = np.flatnonzero(turns == 1), np.flatnonzero(turns == -1)
    first = np.searchsorted(ends, starts + stride)  # of the row below, the runs from here …
    last = np.searchsorted(starts, ends + stride, side="right")  # … to before here touch
    touching = np.maximum(0, last - first)
    above = np.repeat(np.arange(len(starts)), touching)
    nth = np.arange(len(above)) - np.repeat(touching.cumsum() - touching, touching)
    below = first[above] + nth
    label = np.arange(len(starts))
    while True:
        least = np.minimum(label[above], label[below])
        before = label.copy()
        for side in (above, below):
            np.minimum.at(label, before[side], least)
            np.minimum.at(label, side, least)
        label = label[label]
        if (label == before).all():
            break
    _, part = np.unique(label, return_inverse=True)
    dots = np.bincount(part, weights=ends - starts).astype(np.intp)
    return _Parts(starts // stride, starts % stride - 1, ends - starts, part, dots)


def stroke_px(ink: Mask) -> float:
    """Return the usual width of a stroke: twice the ink over its outline."""
    rim = sum(int((ink ^ np.roll(ink, 1, axis)).sum()) for axis in (0, 1))
    return 2 * float(ink.sum()) / max(1, rim) * 4 / math.pi


def without_specks(ink: Mask) -> tuple[Mask, int]:
    """Return the ink without dust (ごみ取り), and how many specks that took.

    Small dot patterns are left alone: there a single dot may be a stroke.
    """
    if max(ink.shape) < 64:
        return ink, 0
    parts = _parts(ink)
    large = parts.dots >= 0.05 * parts.dots.max()
    kept = _painted(ink, parts, large)
    specks = parts.dots < max(2.0, 0.6 * stroke_px(kept) ** 2)
    if not specks.any():
        return ink, 0
    return _painted(ink, parts, ~specks), int(specks.sum())


def _painted(ink: Mask, parts: _Parts, kept: Mask) -> Mask:
    turns = np.zeros((ink.shape[0], ink.shape[1] + 1), np.int8)
    runs = kept[parts.part]
    np.add.at(turns, (parts.rows[runs], parts.starts[runs]), 1)
    np.add.at(turns, (parts.rows[runs], parts.starts[runs] + parts.lengths[runs]), -1)
    painted: Mask = turns.cumsum(axis=1)[:, :-1] > 0
    return painted


# --- slant and frame


def slant(ink: Mask) -> float:
    """Return how far the picture is turned (傾き), in degrees clockwise; 0 unless the evidence is clear.

    The upper and lower edges of strokes are projected along each angle, and the left and right ones
    across it: the angle that gathers them in fewest lines counts when both say the same. Handwriting
    whose horizontals rise while its verticals stand is left as it is.
    """
    step = max(1, round(max(ink.shape) / 256))
    small = ink[::step, ::step]
    if max(small.shape) < 64:
        return 0.0
    across, down = _direction(small), -_direction(small.T)
    angle = (across + down) / 2
    if math.isnan(angle) or abs(across - down) > 0.75:
        return 0.0
    return round(angle, 2) if LEAST_SLANT <= abs(angle) <= LARGEST_SLANT else 0.0


ANGLES = np.arange(-10, 10.01, 0.25)
CLEAR, LEAST_EDGES = 1.4, 2.5
"""How far the best angle must stand above the others; the length of edges, in sides of the picture."""


def _direction(ink: Mask) -> float:
    """Return the angle along which edges lie in fewest lines, in degrees down to the right; NaN if unclear."""
    below, above = ink[1:] & ~ink[:-1], ink[:-1] & ~ink[1:]
    if below.sum() + above.sum() < LEAST_EDGES * max(ink.shape):
        return math.nan
    slopes = np.tan(np.radians(ANGLES))
    gathered = np.zeros(len(ANGLES))
    room = ink.shape[0] + ink.shape[1]
    for edges in (below, above):
        y, x = np.nonzero(edges)
        lines = np.rint(y[None, :] - slopes[:, None] * x).astype(np.intp) + room // 2
        lines += np.arange(len(ANGLES))[:, None] * 2 * room
        counts = np.bincount(lines.ravel(), minlength=2 * room * len(ANGLES))
        counts = counts.reshape(len(ANGLES), -1).astype(np.float64)
        gathered += ((counts[:, 1:] + counts[:, :-1]) ** 2).sum(axis=1)
    best = int(gathered.argmax())
    if not 0 < best < len(ANGLES) - 1 or gathered[best] < CLEAR * np.median(gathered):
        return math.nan
    before, here, after = gathered[best - 1 : best + 2]
    return float(ANGLES[best] + 0.125 * (after - before) / max(1e-9, 2 * here - before - after))


def turned(flat: Grey, angle: float) -> Grey:
    """Return a flattened picture turned back by so many degrees, enlarged by paper, at most 512 a side."""
    picture = Image.fromarray(flat.astype(np.uint8))
    picture = picture.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    picture.thumbnail((LONGEST_PX, LONGEST_PX), Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float32)


class _Line(NamedTuple):
    """A straight line near an edge: dots from the edge to it, and to what lies inside it."""

    outer: int
    inner: int


def frame(ink: Mask, angle: float) -> Mask | None:
    """Return what lies inside the lines of a form's cell (罫線枠), or None where there are none.

    Lines run from edge to edge of the picture. A closely cropped 国 or 匚 has such lines too: so at least
    two must meet, and one of them stand off its edge with the other running on, or all four lie at the
    edges and be thinner by half than the strokes inside.
    """
    slope = math.tan(math.radians(angle))
    upright, lying = _sheared(ink, slope), _sheared(ink.T, -slope)
    views = (upright, upright[::-1], lying, lying[::-1])
    top, bottom, left, right = (_edge_line(view) for view in views)
    found = [line for line in (top, bottom, left, right) if line]
    if not (top or bottom) or not (left or right):
        return None
    height, width = ink.shape
    y, x = np.mgrid[:height, :width]
    down = y - np.rint((x - width // 2) * slope)
    along = x + np.rint((y - height // 2) * slope)
    inside = np.ones(ink.shape, bool)
    for line, depth in (
        *((top, down), (bottom, height - 1 - down)),
        *((left, along), (right, width - 1 - along)),
    ):
        if line:
            inside &= depth >= line.inner
    rest = ink & inside
    if rest.sum() < 0.1 * ink.sum():
        return None
    margin = max(2, 0.006 * max(ink.shape)) + 1
    if all(line.outer <= margin for line in found):
        thickness = max(line.inner - line.outer for line in found)
        if len(found) < 4 or thickness > 0.5 * stroke_px(rest):
            return None
    return inside


def _sheared(ink: Mask, slope: float) -> Mask:
    """Return the ink with lines of that slope made level, about the middle column."""
    y, x = np.nonzero(ink)
    level = y - np.rint((x - ink.shape[1] // 2) * slope).astype(np.intp)
    held = (level >= 0) & (level < len(ink))
    out = np.zeros_like(ink)
    out[level[held], x[held]] = True
    return out


def _edge_line(ink: Mask) -> _Line | None:
    """Return the innermost straight thin line from edge to edge in the first sixth of the rows."""
    height, width = ink.shape
    if min(height, width) < 32:
        return None
    band = ink[: height // 6]
    two = band.copy()
    two[:-1] |= band[1:]
    full = np.flatnonzero(two.mean(axis=1) >= 0.85)
    if not len(full):
        return None
    share = band.mean(axis=1)
    inner = outer = int(full[-1])
    while inner < len(band) and share[inner] >= 0.3:
        inner += 1
    while outer > 0 and share[outer - 1] >= 0.3:
        outer -= 1
    end = max(2, round(0.005 * width))
    line = band[outer : inner + 1]
    ends = line[:, :end].any() and line[:, -end:].any()
    if not ends or inner == len(band) or inner - outer > max(3, 0.03 * max(height, width)):
        return None
    return _Line(outer, inner + 1)


# --- extent


def box(ink: Mask) -> tuple[int, int, int, int]:
    """Return top, bottom, left and right of the ink, ends excluded; raises BadPicture where there is none."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not len(rows):
        raise blank()
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def blank() -> BadPicture:
    """Return the error for a picture without ink (白紙)."""
    return BadPicture(
        "画像に字がありません（白紙）。文字の写った画像を渡してください。",
        "The picture is blank; hand in one that shows a character.",
    )
