"""Identification by shape on typefaces it was not learned from: hits, calibration, cost, against the whole MJ list.

Typefaces come from fonts/SHAPES.toml; the folders GAIJI_SHAPE_FONTS (separated by colons) are searched before
/usr/share/fonts. What the machine lacks is named and left out. A hit is exactly the MJ character that the font's
code or sequence names (characters whose outlines are the same in the reference font count as one); "UCS" is a
first candidate of the same base character, because fonts draw other variants than their codes say.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from zlib import crc32

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.harness import ROOT, Section
from benchmarks.world import World
from gaiji.glyph.families import family, members
from gaiji.glyph.features import edition
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.likeness import DEPTH, Ranking, rank
from gaiji.glyph.reference_index import build, index_path, reference_gallery
from gaiji.glyph.shapes import SIDE, Shape
from gaiji.glyph.verdict import THRESHOLDS, Judgement, judge
from tools.typefaces import FOLDERS, Sample, Typeface, drawn, samples, typefaces

CODES, FEW = 5000, 300
DOTTED = 2000
DOTS = (48, 32, 24, 16)
SEED = 11
REMOVED = (0.2, 0.5, 0.75)
BATCH = 2000
BINS = (0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.97, 0.99, 1.0)
PLOT = ROOT / "docs" / "reliability-of-identification.svg"


def folders() -> tuple[Path, ...]:
    given = os.environ.get("GAIJI_SHAPE_FONTS", "")
    return (*map(Path, filter(None, given.split(":"))), *FOLDERS)


def wilson(hits: int, of: int) -> float:
    """Return the lower 95 % bound of a share in per cent (Wilson 1927)."""
    if not of:
        return 0.0
    z, share = 1.959964, hits / of
    middle = share + z * z / (2 * of)
    spread = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return 100 * (middle - spread) / (1 + z * z / of)


@dataclass(frozen=True)
class Asked:
    """Glyphs of one typeface in one way of drawing, with their rankings."""

    face: Typeface
    way: str
    wanted: tuple[str, ...]
    rankings: tuple[Ranking, ...]


@dataclass
class Trial:
    """The reference set, and which of its names look the same."""

    gallery: Gallery
    few: int | None

    def __post_init__(self) -> None:
        first: dict[bytes, str] = {}
        rows = zip(self.gallery.names, self.gallery.pictures, self.gallery.boxes, strict=True)
        self.looks = {n: first.setdefault(p.tobytes() + b.tobytes(), n) for n, p, b in rows}

    def known(self, face: Typeface) -> list[Sample]:
        return [one for one in samples(face) if one.name in self.looks]

    def pick(self, face: Typeface, known: Sequence[Sample], count: int) -> list[Sample]:
        count = min(count, self.few or count)
        order = np.random.default_rng([SEED, crc32(face.name.encode())])
        return [known[i] for i in sorted(order.permutation(len(known))[:count])]

    def ask(
        self, face: Typeface, way: str, picked: list[Sample], shapes: Iterable[Shape | None]
    ) -> Asked:
        kept = [(o.name, s) for o, s in zip(picked, shapes, strict=True) if s is not None]
        rankings = rank(self.gallery, [shape for _, shape in kept], depth=DEPTH + 1)
        return Asked(face, way, tuple(name for name, _ in kept), tuple(rankings))

    def hits(self, asked: Asked) -> tuple[int, int, int, int]:
        """Return how many are right at rank 1, 5 and 10, and of the right base character."""
        counts = [0, 0, 0, 0]
        for name, ranking in zip(asked.wanted, asked.rankings, strict=True):
            right = [self.looks[one.name] == self.looks[name] for one in ranking]
            found = (right[0], any(right[:5]), any(right[:10]), _kin(ranking[0].name, name))
            counts = [a + b for a, b in zip(counts, found, strict=True)]
        return counts[0], counts[1], counts[2], counts[3]


def _kin(a: str, b: str) -> bool:
    return family(a) == family(b)


# --- hits


def ways(trial: Trial, face: Typeface) -> Iterator[Asked]:
    """Yield one typeface in every way of drawing that is asked of it."""
    known = trial.known(face)
    codes = [one for one in known if not one.sequence]
    picked = trial.pick(face, codes, CODES)
    yield trial.ask(face, "codes", picked, drawn(face, picked))
    siblings = [o for o in known if o.sequence and len(members(family(o.name))) > 1]
    for least in (2, 4):
        several = [o for o in siblings if len(members(family(o.name))) >= least]
        if several:
            picked = trial.pick(face, several, len(several))
            yield trial.ask(
                face, f"sequences, families of {least} or more", picked, drawn(face, picked)
            )
    if face.style != "mincho" or not codes:
        return
    picked = trial.pick(face, codes, DOTTED)
    for side in DOTS:
        yield trial.ask(face, f"{side} dots", picked, drawn(face, picked, side))
    plain = list(drawn(face, picked))
    for way in ("rotated 5°", "bolder", "thinner"):
        yield trial.ask(face, way, picked, (s and _worse(s, way) for s in plain))


def _worse(shape: Shape, way: str) -> Shape:
    """Return a shape turned, thickened or thinned; its box stays, which only breaks ties."""
    side = 4 * SIDE
    image = Image.fromarray(shape.picture).resize((side, side), Image.Resampling.BILINEAR)
    room = Image.new("L", (2 * side, 2 * side))
    room.paste(image, (side // 2, side // 2))
    if way == "rotated 5°":
        room = room.rotate(5, Image.Resampling.BILINEAR)
    else:
        room = room.filter((ImageFilter.MaxFilter if way == "bolder" else ImageFilter.MinFilter)(5))
    ink = room.point(lambda grey: 255 * (grey >= 64)).getbbox()
    if ink is None:
        return shape
    picture = room.crop(ink).resize((SIDE, SIDE), Image.Resampling.BOX)
    return Shape(np.asarray(picture), shape.box)


def hit_table(trial: Trial, asked: Iterable[Asked]) -> Iterator[str]:
    yield "| typeface | style | drawn | glyphs | rank 1 | rank 5 | rank 10 | UCS at rank 1 |"
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for one in asked:
        of = len(one.wanted)
        cells = (f"{100 * n / of:.2f} ({wilson(n, of):.2f})" for n in trial.hits(one))
        yield f"| {one.face.name} | {one.face.style} | {one.way} | {of:,} | {' | '.join(cells)} |"


# --- calibration


@dataclass(frozen=True)
class Mixed:
    """One batch with some right characters taken out of the reference set."""

    asked: Asked
    part: float
    there: tuple[bool, ...]
    judgements: tuple[Judgement, ...]


def mixed(trial: Trial, asked: Asked, part: float) -> Mixed:
    """Take right characters, and whatever looks the same, out of the candidates, and judge the batch.

    Glyphs that are a sibling of what their code says are left out where the font draws it: nobody knows the right one.
    """
    order = np.random.default_rng([SEED, crc32(asked.face.name.encode()), int(100 * part)])
    pairs = [
        (name, ranking)
        for name, ranking in zip(asked.wanted, asked.rankings, strict=True)
        if trial.looks[ranking[0].name] == trial.looks[name] or not _kin(ranking[0].name, name)
    ]
    gone = order.random(len(pairs)) < part
    left = [
        tuple(o for o in r if not (out and trial.looks[o.name] == trial.looks[n]))[:DEPTH]
        for (n, r), out in zip(pairs, gone, strict=True)
    ]
    judged = judge(left, family)
    kept = Asked(asked.face, asked.way, tuple(n for n, _ in pairs), tuple(left))
    return Mixed(kept, part, tuple(not out for out in gone), tuple(judged))


def auc(there: Sequence[bool], chance: Sequence[float]) -> float:
    """Return how often a present character gets the higher probability than an absent one."""
    order = np.argsort(np.argsort(chance))
    yes = np.array(there)
    ranks, n = order[yes].sum(), int(yes.sum())
    return float((ranks - n * (n - 1) / 2) / (n * (len(yes) - n)))


def present_chance(one: Judgement) -> float:
    return sum(candidate.probability for candidate in one.candidates)


def calibration_table(trial: Trial, batches: Iterable[Mixed]) -> Iterator[str]:
    yield (
        "| typeface | drawn | taken out | called same | of them right | "
        "present ones without siblings called same | reject AUC |"
    )
    yield "|---|---|---:|---:|---:|---:|---:|"
    for one in batches:
        rows = list(zip(one.asked.wanted, one.there, one.judgements, strict=True))
        same = [(n, t, j) for n, t, j in rows if j.verdict == "same"]
        right = sum(t and trial.looks[j.candidates[0].name] == trial.looks[n] for n, t, j in same)
        lone = [j for n, t, j in rows if t and len(members(family(n))) == 1]
        called = sum(j.verdict == "same" for j in lone)
        measured = auc(one.there, [present_chance(j) for j in one.judgements])
        share = f"{100 * right / len(same):.2f} ({wilson(right, len(same)):.2f})" if same else ""
        yield (
            f"| {one.asked.face.name} | {one.asked.way} | {one.part:.0%} | {len(same):,} | {share} | "
            f"{100 * called / max(1, len(lone)):.1f} | {measured:.4f} |"
        )


def reliability(trial: Trial, batches: Iterable[Mixed]) -> list[tuple[float, float, int]]:
    """Return said and true shares of first candidates that are right, per bin, with their number."""
    said, true = [], []
    for one in batches:
        for name, there, j in zip(one.asked.wanted, one.there, one.judgements, strict=True):
            said.append(j.candidates[0].probability)
            true.append(there and trial.looks[j.candidates[0].name] == trial.looks[name])
    place = np.digitize(said, BINS[1:-1])
    values = [
        (np.array(said)[place == i], np.array(true)[place == i]) for i in range(len(BINS) - 1)
    ]
    return [(float(s.mean()), float(t.mean()), len(s)) for s, t in values if len(s)]


def plot(points: Sequence[tuple[float, float, int]]) -> str:
    """Return the reliability plot as SVG."""
    dots = "".join(
        f'<circle cx="{60 + 400 * s:.1f}" cy="{440 - 400 * t:.1f}" r="{2 + n**0.25:.1f}" fill="#0017c1" '
        f'fill-opacity="0.7"><title>said {s:.3f}, true {t:.3f}, {n} glyphs</title></circle>'
        for s, t, n in points
    )
    ticks = "".join(
        f'<text x="{60 + 4 * p}" y="460" text-anchor="middle">{p}</text>'
        f'<text x="50" y="{444 - 4 * p}" text-anchor="end">{p}</text>'
        for p in range(0, 101, 20)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 480 500" font-family="sans-serif" font-size="12">'
        '<rect width="480" height="500" fill="#fff"/><path d="M60 40V440H460M60 440L460 40" fill="none" '
        f'stroke="#767676"/>{ticks}<text x="260" y="485" text-anchor="middle">probability said for the first '
        'candidate, %</text><text x="20" y="240" text-anchor="middle" transform="rotate(-90 20 240)">right, %</text>'
        f"{dots}</svg>\n"
    )


# --- the section


@cache
def _found() -> tuple[list[Typeface], list[str]]:
    faces = typefaces("test", folders=folders())
    return [f for f in faces if f.path], [f.package for f in faces if not f.path]


def _reference(world: World) -> Gallery:
    """Return the whole reference set; signs and kana that the font has besides are no candidates here."""
    settings = world.settings
    path = index_path(settings)
    if not path.exists():
        world.say("making the index of shapes")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(build(settings))
    gallery = reference_gallery(settings)
    return gallery.without(name for name in gallery.names if not name.startswith("MJ"))


def measure(world: World) -> Section:
    gallery = _reference(world)
    trial = Trial(gallery, FEW if world.quick else None)
    faces, missing = _found()
    asked: list[Asked] = []
    began, glyphs = time.perf_counter(), 0
    for face in faces:
        for one in ways(trial, face):
            asked.append(one)
            glyphs += len(one.wanted)
            world.say(f"{face.name}, {one.way}: {len(one.wanted)}")
    seconds = time.perf_counter() - began
    batches = [
        mixed(trial, Asked(a.face, a.way, a.wanted[:BATCH], a.rankings[:BATCH]), part)
        for a in asked
        if a.way == "codes" or a.way.endswith("dots")
        for part in REMOVED
    ]
    points = reliability(trial, batches)
    if not world.quick:
        PLOT.write_text(plot(points), "utf-8")
    learned = typefaces("train", "calibrate")
    lines = (
        *hit_table(trial, asked),
        "",
        *calibration_table(trial, batches),
        "",
        "| said | right | glyphs |",
        "|---:|---:|---:|",
        *(f"| {s:.3f} | {t:.3f} | {n:,} |" for s, t, n in points),
    )
    meaning = (
        f"Against {len(gallery.names):,} shapes, features {edition()}; per cent, and in brackets the lower "
        "bound of its 95 % interval (Wilson).",
        f"Tested on {', '.join(f'{f.name} ({f.package}, {f.sha256[:12]})' for f in faces)}"
        + (f"; not on this machine: {', '.join(missing)}." if missing else "."),
        f"Learned from {', '.join(f.name for f in learned if f.role == 'train')}; calibrated with "
        f"{', '.join(f.name for f in learned if f.role == 'calibrate')}. None of them is tested on.",
        f"Thresholds: same from {THRESHOLDS.same}, family from {THRESHOLDS.family}, absent from {THRESHOLDS.absent}.",
        f"{glyphs:,} glyphs drawn and ranked in {seconds:.0f} s: {1000 * seconds / glyphs:.1f} ms each.",
    )
    ja = f"字形による同定：学習・較正に使っていない{len(faces)}書体を、{len(gallery.names):,}字形と比べて評価しました。"
    return Section((), meaning, ja, lines)
