"""The same character in other cities' gaiji, and twice in one city's, by shape (同じ字形の突合せ).

Two glyphs are twins when each is the nearest of its own code set to the other, and bending leaves little of what is
different. Nothing follows from it: twins are shown to people. Identical glyphs are found by their digests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gaiji.glyph.distortion import planes, residues
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.likeness import WEIGHT

LEAST = 0.85
"""Score from which twins are worth a look; what it finds and misses: docs/benchmarks.md."""
AT_ONCE = 256


class Twin(NamedTuple):
    """Two glyphs that look like one character: code set and name of each, and the score, 1 for the same picture."""

    one: tuple[str, str]
    other: tuple[str, str]
    score: float


def twins(galleries: Mapping[str, Gallery], *, least: float = LEAST) -> Iterator[Twin]:
    """Yield twins between code sets (構成市間の同形字), pair by pair of sets, best first within a pair.

    galleries: the glyphs of each code set, by its address.
    """
    for one, other in combinations(galleries, 2):
        yield from _between(one, galleries[one], other, galleries[other], least)


def _between(one: str, first: Gallery, other: str, second: Gallery, least: float) -> Iterator[Twin]:
    if not first.names or not second.names:
        return
    places, partners, likeness = _mutual(first, second)
    score = likeness - WEIGHT * _left(first, second, places, partners)
    for at in np.argsort(-score, kind="stable"):
        if score[at] < least:
            return
        names = first.names[places[at]], second.names[partners[at]]
        yield Twin((one, names[0]), (other, names[1]), float(score[at]))


def _mutual(
    first: Gallery, second: Gallery
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    products = first.vectors @ second.vectors.T
    partners, back = products.argmax(axis=1), products.argmax(axis=0)
    places = np.flatnonzero(back[partners] == np.arange(len(partners)))
    return places, partners[places], products[places, partners[places]]


def _left(
    first: Gallery, second: Gallery, places: NDArray[np.intp], partners: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return the mean residue of each pair."""
    left = np.empty(len(places), np.float32)
    for at in range(0, len(places), AT_ONCE):
        part = slice(at, at + AT_ONCE)
        query, candidate = (
            planes(gallery.pictures[of[part]])
            for gallery, of in ((first, places), (second, partners))
        )
        left[part] = residues(query, candidate).mean(axis=(1, 2))
    return left
