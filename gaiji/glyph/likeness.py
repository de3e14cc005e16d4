"""Ranking: which shapes of a gallery a glyph is most like (同定候補の順位付け).

First all of the gallery by one matrix product, then the best of them once more, by what no bending explains:

    score = likeness - WEIGHT * residue - SIZE * size

likeness is the cosine of the projected features, residue the mean over the picture that the image distortion
model leaves, size how many times larger or smaller the box is than the candidate's, as a logarithm, beyond
what typefaces differ by: 口 and 囗 are told apart by nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaiji.glyph.distortion import COARSE, pack, planes, residues
from gaiji.glyph.features import Floats, describe, project
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.shapes import Shape

DEPTH = 20
"""Shapes looked at a second time."""
WEIGHT = 0.25
SIZE = 0.02
SAME_SIZE = 0.25
"""Typefaces fill their em so differently: the logarithm of the ratio of areas."""
SPOT = 5
"""Side of the square of coarse pixels that the worst local residue is the mean of."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like one shape of the gallery a glyph is (同定候補の類似度).

    score: what candidates are ranked by, 1 for the same picture. likeness: cosine of the features. residue: mean
    left by bending. spot: the largest residue of any SPOT x SPOT pixels: one other stroke shows here. size: see
    the module.
    """

    name: str
    score: float
    likeness: float
    residue: float
    spot: float
    size: float


Ranking = tuple[Likeness, ...]
"""Candidates, best first."""


def rank(gallery: Gallery, shapes: Sequence[Shape], *, depth: int = DEPTH) -> list[Ranking]:
    """Return for each shape the most like of the gallery, best first (同定候補).

    depth: how many are looked at a second time and returned; fewer where the gallery holds fewer.
    """
    if not shapes or not gallery.names:
        return [() for _ in shapes]
    pictures = np.array([shape.picture for shape in shapes])
    places, likeness = gallery.nearest(project(describe(pictures)), depth)
    drawn = planes(pack(pictures))
    boxes = np.array([shape.box for shape in shapes], np.float32)
    return [_again(gallery, *one) for one in zip(drawn, boxes, places, likeness, strict=True)]


def _again(
    gallery: Gallery, query: Floats, box: Floats, places: NDArray[np.intp], likeness: Floats
) -> Ranking:
    left = residues(query, planes(gallery.pictures[places]))
    residue, spot = left.mean(axis=(1, 2)), _spots(left)
    size = _sizes(box, gallery.boxes[places].astype(np.float32))
    score = likeness - WEIGHT * residue - SIZE * size
    rows = zip(places, score, likeness, residue, spot, size, strict=True)
    found = [Likeness(gallery.names[place], *map(float, values)) for place, *values in rows]
    return tuple(sorted(found, key=lambda one: (-one.score, one.name)))


def _spots(left: Floats) -> Floats:
    """Return for each picture the largest mean of a square of SPOT x SPOT pixels."""
    total = np.pad(left, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    inside = slice(SPOT, COARSE + 1), slice(0, COARSE + 1 - SPOT)
    (high, low) = inside
    sums = total[:, high, high] - total[:, low, high] - total[:, high, low] + total[:, low, low]
    spots: Floats = sums.max(axis=(1, 2)) / np.float32(SPOT * SPOT)
    return spots


def _sizes(box: Floats, boxes: Floats) -> Floats:
    area, areas = box[2] * box[3], boxes[:, 2] * boxes[:, 3]
    ratio = np.abs(np.log(np.maximum(area, 1e-6) / np.maximum(areas, 1e-6)))
    sizes: Floats = np.maximum(ratio - np.float32(SAME_SIZE), 0)
    return sizes
