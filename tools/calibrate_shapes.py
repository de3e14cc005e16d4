"""Fit the coefficients of the verdict on typefaces the projection does not know (判定の較正).

    python tools/calibrate_shapes.py [--fonts DIR …] [--out gaiji/data/shape]

Batches are drawn from the typefaces of role `calibrate` in fonts/SHAPES.toml, as outlines and as dots,
with a fifth, a half and three quarters of the right characters taken out of the reference set. Where the font
draws another variant than its code says (the nearest is a sibling of what the code says) nobody can tell what
is right, and the glyph is left out of what is fitted. 4 minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gaiji.charset.files import replacing
from gaiji.glyph.families import family
from gaiji.glyph.features import edition
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.likeness import DEPTH, Ranking, rank
from gaiji.glyph.reference_index import reference_gallery
from gaiji.glyph.verdict import Array, Calibration, Style, evidence, style_of
from gaiji.settings import Settings
from tools.typefaces import FOLDERS, Typeface, drawn, samples, typefaces

SEED = 7
PER_BATCH = 1500
REMOVED = (0.2, 0.5, 0.75)
DOTS = (None, 48, 32, 24)
RIDGE = 1e-3
FLOOR = 0.05
"""How far below typefaces in general a batch's best tenth may pull what counts as good."""

Batch = list[tuple[str, Ranking]]


def batch(face: Typeface, side: int | None, gallery: Gallery) -> Batch:
    """Return glyphs with the name their code has and their ranking, one deeper than is shown."""
    order = np.random.default_rng([SEED, zlib.crc32(face.name.encode()), side or 0])
    known = [one for one in samples(face) if one.name in gallery.places]
    picked = [known[i] for i in sorted(order.permutation(len(known))[:PER_BATCH])]
    shaped = zip(picked, drawn(face, picked, side), strict=True)
    kept = [(one.name, shape) for one, shape in shaped if shape is not None]
    rankings = rank(gallery, [shape for _, shape in kept], depth=DEPTH + 1)
    named = ((name, ranking) for (name, _), ranking in zip(kept, rankings, strict=True))
    return [(name, ranking) for name, ranking in named if not _other_variant(name, ranking)]


def _other_variant(name: str, ranking: Ranking) -> bool:
    return ranking[0].name != name and family(ranking[0].name) == family(name)


def removals(found: Batch, seed: int) -> Iterator[list[tuple[bool, str, Ranking]]]:
    """Yield the batch with some right characters taken out: whether it is there, its name, its ranking."""
    order = np.random.default_rng([SEED, seed])
    for part in REMOVED:
        gone = order.random(len(found)) < part
        yield [
            (not out, name, tuple(one for one in ranking if not (out and one.name == name))[:DEPTH])
            for (name, ranking), out in zip(found, gone, strict=True)
        ]


def fitted(rows: Array, there: Array) -> Array:
    """Return the weights of a logistic regression, both classes weighing the same (Newton's method)."""
    weights = np.zeros(rows.shape[1])
    weigh = np.where(there > 0, 0.5 / there.mean(), 0.5 / (1 - there.mean()))
    for _ in range(40):
        chance = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (weigh * (there - chance)) - RIDGE * len(rows) * weights
        bend = (rows * (weigh * chance * (1 - chance))[:, None]).T @ rows
        weights = weights + np.linalg.solve(bend + RIDGE * len(rows) * np.eye(len(weights)), slope)
    return weights


def sharpness(found: Sequence[tuple[str, Ranking]]) -> float:
    """Return the sharpness under which the right candidates' shares are likeliest."""
    kept = [(name, r) for name, r in found if name in {one.name for one in r}]
    scores = np.array([[one.score for one in r[:DEPTH]] for _, r in kept])
    right = np.array([[one.name == name for one in r[:DEPTH]] for name, r in kept])
    kept_rows = right.any(axis=1)
    scores, right = scores[kept_rows], right[kept_rows]

    def loss(sharp: float) -> float:
        powers = np.exp(sharp * (scores - scores.max(axis=1, keepdims=True)))
        return float(-np.log((powers * right).sum(axis=1) / powers.sum(axis=1) + 1e-12).mean())

    return float(min(np.geomspace(10, 1000, 80), key=loss))


def main() -> None:
    """Fit, and write the calibration."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--fonts", type=Path, action="append", default=[])
    parser.add_argument("--home", type=Path, default=Path(".home"))
    parser.add_argument("--out", type=Path, default=Path("gaiji/data/shape"))
    asked = parser.parse_args()
    whole = reference_gallery(Settings(home=asked.home))
    gallery = whole.without(name for name in whole.names if not name.startswith("MJ"))
    faces = typefaces("calibrate", folders=(*asked.fonts, *FOLDERS))
    if missing := [face.package for face in faces if face.path is None]:
        raise SystemExit(f"not on this machine: {', '.join(dict.fromkeys(missing))}")
    batches = []
    for face in faces:
        for side in DOTS if face.style != "hand" else DOTS[:1]:
            batches.append(batch(face, side, gallery))
            print(f"{face.name} {side or 'outlines'}: {len(batches[-1])} glyphs", flush=True)
    told = fit(batches)
    with replacing(asked.out / "calibration.json") as file:
        rounded = told._asdict() | {"style": told.style._asdict()}
        fonts = {face.name: {"package": face.package, "sha256": face.sha256} for face in faces}
        written = {"features": edition(), "generator": "tools/calibrate_shapes.py", "fonts": fonts}
        file.write((json.dumps(written | rounded, indent=1) + "\n").encode())


def fit(batches: list[Batch]) -> Calibration:
    """Return the calibration that these batches ask for."""
    alone = Calibration((), 0.0, Style(0.0, 0.0), -1.0)
    plain = [style_of([r for _, r in found] * 100, alone) for found in batches]
    style = Style(*(float(np.median(values)) for values in zip(*plain, strict=True)))
    told = alone._replace(style=style, floor=style.level - FLOOR)
    rows, there = [], []
    for seed, found in enumerate(batches):
        for mixed in removals(found, seed):
            own = style_of([ranking for _, _, ranking in mixed], told)
            rows += [evidence(ranking, family, own) for _, _, ranking in mixed]
            there += [present for present, _, _ in mixed]
    weights = fitted(np.array(rows), np.array(there, float))
    every = [one for found in batches for one in found]
    return told._replace(weights=tuple(map(float, weights)), sharpness=sharpness(every))


if __name__ == "__main__":
    main()
