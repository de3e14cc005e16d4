"""Learn the projection that identification by shape compares glyphs with (特徴射影の学習).

    python tools/train_shapes.py [--fonts DIR …] [--epochs N] [--out gaiji/data/shape]

Pairs of glyphs for the same character, one of a typeface of role `train` in fonts/SHAPES.toml and one of the reference
font, say what may differ; the characters nearest to each other in the reference font say what may not. A
discriminant projection of both is the start, gradient descent on ranking the right one before its nearest rivals
the rest. Fonts whose default form is another variant than their code says would teach a wrong lesson: a pair
whose nearest rival has the same UCS and comes first is left out. Bent and thickened glyphs of the reference font
itself stand for siblings that no typeface has; patterns of 16 to 48 dots for printers' fonts.
Everything is drawn by seeds; the bytes still depend on the BLAS library's rounding, so what is shipped is what one run
wrote, with its digests in SOURCE.json. 15 minutes on two cores, 5 GB.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import Pool
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from gaiji.charset.files import replacing
from gaiji.data import MjRow, read
from gaiji.glyph.features import DEFINITION, DIMENSIONS, PROJECTION, RAW, Floats, describe, unit
from gaiji.glyph.reference import reference_font
from gaiji.glyph.shapes import SIDE, font_shapes
from gaiji.settings import Settings
from tools.typefaces import FOLDERS, Typeface, drawn, samples, typefaces

SEED = 20261123
PER_FACE = 8000
DOTS = {16: 1500, 24: 2000, 32: 1500, 48: 1000}
"""Patterns of so many dots, and how many of each typeface."""
BENT = 12_000
RIDGE = 0.02
NEIGHBOURS = 10
RIVALS = 12
SCALE = 150.0
RATE = 3e-4
AT_ONCE = 192

Ints = NDArray[np.intp]


@dataclass(frozen=True)
class Reference:
    """The reference font's shapes: names, families, raw features, and which of them look the same."""

    names: list[str]
    family: NDArray[np.str_]
    pictures: NDArray[np.uint8]
    raw: Floats
    alike: Ints

    @classmethod
    def draw(cls) -> Reference:
        """Draw every character of the MJ list."""
        font = reference_font(Settings())
        rows = [row for row in read(MjRow) if row.name in font.names()]
        indices = [font.index(row.name) for row in rows]
        pictures = np.array([s.picture for s in font_shapes(font.face, indices) if s is not None])
        assert len(pictures) == len(rows)
        first: dict[bytes, int] = {}
        alike = np.array([first.setdefault(p.tobytes(), i) for i, p in enumerate(pictures)])
        family = np.array([row.ucs or row.own_ucs or row.name for row in rows])
        return cls([row.name for row in rows], family, pictures, described(pictures), alike)


@dataclass
class Pairs:
    """Raw features of glyphs, and the place of the reference glyph each one is."""

    raw: NDArray[np.float16]
    place: Ints


def described(pictures: NDArray[np.uint8]) -> Floats:
    """Return raw features, on all cores."""
    parts = [pictures[at : at + 1024] for at in range(0, len(pictures), 1024)]
    with Pool() as pool:
        return np.concatenate(pool.map(describe, parts, chunksize=1))


# --- what is learned from


def typeface_pairs(face: Typeface, places: dict[str, int], side: int | None, count: int) -> Pairs:
    """Draw some glyphs of a typeface, as outlines or as dots."""
    order = np.random.default_rng([SEED, zlib.crc32(face.name.encode()), side or 0])
    known = [one for one in samples(face) if one.name in places]
    picked = [known[i] for i in sorted(order.permutation(len(known))[:count])]
    pairs = zip(picked, drawn(face, picked, side), strict=True)
    kept = [(places[one.name], shape.picture) for one, shape in pairs if shape is not None]
    pictures = np.array([picture for _, picture in kept], np.uint8)
    return Pairs(described(pictures).astype(np.float16), np.array([place for place, _ in kept]))


def bent(reference: Reference) -> Pairs:
    """Bend and thicken glyphs of the reference font: all that have siblings, twice, and some others."""
    family, counts = np.unique(reference.family, return_counts=True)
    several = np.isin(reference.family, family[counts > 1])
    order = np.random.default_rng(SEED)
    others = order.permutation(np.flatnonzero(~several))[:BENT]
    places = np.concatenate([np.flatnonzero(several), np.flatnonzero(several), others])
    with Pool() as pool:
        jobs = ((reference.pictures[place], turn) for turn, place in enumerate(places))
        pictures = np.array(pool.starmap(_bend, jobs, chunksize=256))
    return Pairs(described(pictures).astype(np.float16), places)


def _bend(picture: NDArray[np.uint8], turn: int) -> NDArray[np.uint8]:
    order = np.random.default_rng([SEED, turn])
    side = 2 * SIDE
    image = Image.fromarray(picture).resize((side, side), Image.Resampling.BILINEAR)
    thick = order.integers(0, 6)
    filters = {
        1: ImageFilter.MaxFilter(3),
        2: ImageFilter.MaxFilter(5),
        3: ImageFilter.MinFilter(3),
    }
    if thick in filters:
        image = image.filter(filters[thick])
    grey = np.asarray(image, np.float32)

    def field(strength: float, knots: int) -> Floats:
        rough = Image.fromarray(order.normal(0, strength, (knots, knots)).astype(np.float32))
        return np.asarray(rough.resize((side, side), Image.Resampling.BICUBIC))

    down, across = np.mgrid[0:side, 0:side].astype(np.float32)
    down = (down + field(order.uniform(0.5, 4), 4) + field(order.uniform(0, 1.5), 9)).clip(
        0, side - 1.01
    )
    across = (across + field(order.uniform(0.5, 4), 4) + field(order.uniform(0, 1.5), 9)).clip(
        0, side - 1.01
    )
    y, x = down.astype(np.intp), across.astype(np.intp)
    v, u = down - y, across - x
    upper = grey[y, x] * (1 - u) + grey[y, x + 1] * u
    lower = grey[y + 1, x] * (1 - u) + grey[y + 1, x + 1] * u
    moved = Image.fromarray((upper * (1 - v) + lower * v).astype(np.uint8))
    box = moved.point(lambda value: 255 * (value > SIDE)).getbbox()
    if box is None:
        return picture
    return np.asarray(moved.crop(box).resize((SIDE, SIDE), Image.Resampling.BOX))


def all_pairs(reference: Reference, faces: list[Typeface], say: Say) -> Iterator[Pairs]:
    """Yield what is learned from."""
    places = {name: place for place, name in enumerate(reference.names)}
    for face in faces:
        yield typeface_pairs(face, places, None, PER_FACE)
        for side, count in DOTS.items() if face.style != "hand" else ():
            yield typeface_pairs(face, places, side, count)
        say(face.name)
    yield bent(reference)


# --- learning


def nearest(raw: NDArray[np.float16], projection: Floats, against: Floats, count: int) -> Ints:
    """Return the places of the nearest projected reference glyphs, best first."""
    out = np.empty((len(raw), count), np.intp)
    for at in range(0, len(raw), 1000):
        products = unit(raw[at : at + 1000].astype(np.float32) @ projection) @ against.T
        found = np.argpartition(-products, count, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(products, found, axis=1), axis=1)
        out[at : at + 1000] = np.take_along_axis(found, order, axis=1)
    return out


def discriminant(reference: Reference, pairs: Pairs) -> Floats:
    """Return the projection that spreads nearest neighbours most and pairs least."""
    order = np.random.default_rng(SEED)
    within = np.zeros((RAW, RAW))
    some = order.permutation(len(pairs.place))[:100_000]
    for at in range(0, len(some), 4096):
        part = some[at : at + 4096]
        apart = pairs.raw[part].astype(np.float32) - reference.raw[pairs.place[part]]
        within += apart.T @ apart / len(some)
    between, number = np.zeros((RAW, RAW)), 0
    some = order.permutation(len(reference.raw))[:6000]
    raw = reference.raw[some].astype(np.float16)
    rivals = nearest(raw, np.eye(RAW, dtype=np.float32), reference.raw, NEIGHBOURS + 1)
    for column in rivals.T:
        other = reference.alike[column] != reference.alike[some]
        apart = reference.raw[some[other]] - reference.raw[column[other]]
        between += apart.T @ apart
        number += len(apart)
    within += RIDGE * np.trace(within) / RAW * np.eye(RAW)
    inverse = np.linalg.inv(np.linalg.cholesky(within))
    _, vectors = np.linalg.eigh(inverse @ (between / number) @ inverse.T)
    projection = (inverse.T @ vectors[:, ::-1][:, :DIMENSIONS]).astype(np.float32)
    return projection / np.float32(np.linalg.norm(projection, axis=0).mean())


def lessons(reference: Reference, pairs: Pairs, projection: Floats) -> tuple[Ints, Ints]:
    """Return which pairs teach, and the rivals of every pair."""
    rivals = nearest(pairs.raw, projection, unit(reference.raw @ projection), RIVALS)
    first = rivals[:, 0]
    right = reference.alike[first] == reference.alike[pairs.place]
    sibling = reference.family[first] == reference.family[pairs.place]
    return np.flatnonzero(right | ~sibling), rivals


def descend(
    reference: Reference, pairs: Pairs, projection: Floats, epochs: int, say: Say
) -> Floats:
    """Return the projection after gradient descent (Adam) on the softmax over rivals, sought anew half way."""
    order = np.random.default_rng(SEED)
    mean, square = np.zeros_like(projection), np.zeros_like(projection)
    step, steps = 0, epochs * (len(pairs.place) // AT_ONCE)
    for epoch in range(epochs):
        if epoch in (0, epochs // 2):
            teaching, rivals = lessons(reference, pairs, projection)
            say(f"{len(teaching)} of {len(pairs.place)} pairs teach")
        losses, shuffled = [], order.permutation(teaching)
        for at in range(0, len(shuffled) - AT_ONCE, AT_ONCE):
            part = shuffled[at : at + AT_ONCE]
            loss, slope = _slope(reference, pairs, rivals, part, projection)
            losses.append(loss)
            step += 1
            rate = RATE * min(1, step / 50) * 0.5 * (1 + np.cos(np.pi * step / steps))
            mean = 0.9 * mean + 0.1 * slope
            square = 0.999 * square + 0.001 * slope * slope
            change = mean / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
            projection = (projection - rate * change).astype(np.float32)
        say(f"epoch {epoch + 1}: loss {np.mean(losses):.4f}")
    return projection


def _slope(
    reference: Reference, pairs: Pairs, rivals: Ints, part: Ints, projection: Floats
) -> tuple[float, Floats]:
    """Return mean loss and gradient of one batch: the right one's share of the softmax over its rivals."""
    place = pairs.place[part]
    asked = pairs.raw[part].astype(np.float32)
    against = reference.raw[np.concatenate([place[:, None], rivals[part]], axis=1)]
    a, b = asked @ projection, against.reshape(-1, RAW) @ projection
    a_long, b_long = (np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    a, b = a / a_long, b / b_long
    near = b.reshape(len(part), -1, DIMENSIONS)
    logits = SCALE * np.einsum("nd,nkd->nk", a, near)
    logits[:, 1:][reference.alike[rivals[part]] == reference.alike[place][:, None]] = -1e9
    share = np.exp(logits - logits.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    loss = float(-np.log(share[:, 0] + 1e-9).mean())
    share[:, 0] -= 1
    share *= SCALE / len(part)
    to_a = np.einsum("nk,nkd->nd", share, near)
    to_b = (share[:, :, None] * a[:, None]).reshape(b.shape)
    to_a = (to_a - a * (to_a * a).sum(axis=1, keepdims=True)) / a_long
    to_b = (to_b - b * (to_b * b).sum(axis=1, keepdims=True)) / b_long
    return loss, asked.T @ to_a + against.reshape(-1, RAW).T @ to_b


# --- the command


class Say:
    """Tell how far it is, with the seconds."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def __call__(self, line: str) -> None:
        """Print one line."""
        print(f"{time.perf_counter() - self.began:6.0f} s  {line}", flush=True)


def main() -> None:
    """Learn, and write projection and source."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("gaiji/data/shape"))
    asked = parser.parse_args()
    say = Say()
    faces = typefaces("train", folders=(*asked.fonts, *FOLDERS))
    if missing := [face.package for face in faces if face.path is None]:
        raise SystemExit(f"not on this machine: {', '.join(dict.fromkeys(missing))}")
    reference = Reference.draw()
    say(f"{len(reference.names)} characters of the reference font")
    parts = list(all_pairs(reference, faces, say))
    pairs = Pairs(
        np.concatenate([part.raw for part in parts]), np.concatenate([part.place for part in parts])
    )
    say(f"{len(pairs.place)} pairs")
    projection = discriminant(reference, pairs)
    say("discriminant projection")
    projection = descend(reference, pairs, projection, asked.epochs, say)
    write(asked.out, projection, faces, len(pairs.place))


def write(folder: Path, projection: Floats, faces: list[Typeface], count: int) -> None:
    """Write the projection and what it was made of."""
    data = projection.astype("<f2").tobytes()
    source = {
        "title": "Projection of shape features (同定用の特徴射影)",
        "generator": "tools/train_shapes.py",
        "features": DEFINITION,
        "seed": SEED,
        "pairs": count,
        "licence": "Apache-2.0",
        "note": "Weights learned from pairs of glyphs; no outline of any font is in them.",
        "fonts": {face.name: {"package": face.package, "sha256": face.sha256} for face in faces},
        "sha256": {PROJECTION: hashlib.sha256(data).hexdigest()},
    }
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / PROJECTION) as file:
        file.write(data)
    with replacing(folder / "SOURCE.json") as file:
        file.write((json.dumps(source, ensure_ascii=False, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
