"""What shapes are compared by: directions of contours, projected (字形の特徴量).

Each picture is described twice, as it is and with its strokes spread evenly (non-linear normalisation by the
density of stroke crossings along x and y): eight directions of the grey-value gradient, sampled by Gaussians on
an 8 x 8 grid, square roots taken. A projection learned from pairs of typefaces (`gaiji/data/shape`, made by
tools/train_shapes.py) then keeps what tells characters apart and drops what differs between typefaces.

Sources: gradient direction histograms and non-linear normalisation as surveyed in C.-L. Liu, K. Nakashima,
H. Sako, H. Fujisawa, "Handwritten digit recognition: investigation of normalization and feature extraction
techniques", Pattern Recognition 37 (2004) 265-279, and J. Tsukumo, H. Tanaka, "Classification of handprinted
Chinese characters using non-linear normalization and correlation methods", ICPR 1988, 168-171; discriminant
projections as in R. A. Fisher (1936), refined by gradient descent as in J. Goldberger et al.,
"Neighbourhood components analysis", NIPS 17 (2004).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from gaiji.errors import BadReference, Where
from gaiji.glyph.shapes import SIDE
from gaiji.settings import shipped

Floats: TypeAlias = NDArray[np.float32]

DIRECTIONS = 8
GRID = 8
RAW = 2 * DIRECTIONS * GRID * GRID
DIMENSIONS = 256
PROJECTION = "projection.f16"
DEFINITION = 1
"""Edition of everything above; another one for whatever changes a raw feature."""
EVENNESS = 0.25
"""How far empty stretches keep their room when strokes are spread evenly."""
BATCH = 128


def describe(pictures: NDArray[np.uint8]) -> Floats:
    """Return the raw features of pictures (N, SIDE, SIDE) as (N, RAW), each of length 1 (特徴抽出)."""
    parts = [_batch(pictures[at : at + BATCH]) for at in range(0, len(pictures), BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, RAW), np.float32)


def project(raw: Floats) -> Floats:
    """Return raw features (N, RAW) projected to (N, DIMENSIONS), each of length 1 (特徴射影).

    Their products are the likeness of shapes: 1 for the same. Raises BadReference for a damaged installation.
    """
    return unit(raw @ _projection())


def edition() -> str:
    """Return the edition of the features (特徴の版): of this module and of the projection, e.g. 1-5f0c1d2e3a4b."""
    return f"{DEFINITION}-{_digest()[:12]}"


@cache
def _digest() -> str:
    """Return the sha256 of the projection, checked against what its source says of it."""
    folder = shipped("data", "shape")
    found = hashlib.sha256((folder / PROJECTION).read_bytes()).hexdigest()
    told = json.loads((folder / "SOURCE.json").read_text("utf-8"))["sha256"][PROJECTION]
    if found != told:
        raise BadReference(
            "同定用の射影行列が壊れています。gaiji を入れ直してください。",
            "The projection that identification uses is damaged; install gaiji again.",
            where=Where(file=PROJECTION),
        )
    return found


@cache
def _projection() -> Floats:
    _digest()
    data = (shipped("data", "shape") / PROJECTION).read_bytes()
    return np.frombuffer(data, "<f2").reshape(RAW, DIMENSIONS).astype(np.float32)


def unit(rows: Floats) -> Floats:
    """Return rows scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Floats = rows / np.maximum(lengths, np.float32(1e-9))
    return scaled


def _batch(pictures: NDArray[np.uint8]) -> Floats:
    grey = pictures.astype(np.float32) / np.float32(255)
    return unit(np.concatenate([_directions(grey), _directions(spread(grey))], axis=1))


def _gaussians(centres: Floats, sigma: float) -> Floats:
    """Return a row of weights over SIDE pixels for each centre, each row summing to 1."""
    pixels = np.arange(SIDE, dtype=np.float32) + np.float32(0.5)
    weights = np.exp(-((pixels[None] - centres[:, None]) ** 2) / np.float32(2 * sigma**2))
    shares: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


@cache
def _blur(sigma: float) -> Floats:
    return _gaussians(np.arange(SIDE, dtype=np.float32) + np.float32(0.5), sigma)


@cache
def _cells() -> Floats:
    size = SIDE / GRID
    return _gaussians((np.arange(GRID, dtype=np.float32) + np.float32(0.5)) * size, 0.7 * size)


def spread(grey: Floats) -> Floats:
    """Return pictures with stroke crossings evenly dense along both axes (非線形正規化).

    grey: (N, SIDE, SIDE), 0 to 1.
    """
    across = np.abs(np.diff(grey, axis=2, prepend=0)).sum(axis=1)
    down = np.abs(np.diff(grey, axis=1, prepend=0)).sum(axis=2)
    return np.asarray(_warp(down) @ grey @ _warp(across).transpose(0, 2, 1), np.float32)


def _warp(density: Floats) -> Floats:
    """Return for each row of crossing densities (N, SIDE) the matrix that resamples its axis evenly."""
    smooth = np.asarray(density @ _blur(2.0).T, np.float32)
    mean = np.maximum(smooth.mean(axis=1, keepdims=True), np.float32(1e-6))
    evened = smooth / mean + np.float32(EVENNESS)
    total = np.cumsum(np.pad(evened, ((0, 0), (1, 0))), axis=1)
    total /= total[:, -1:]
    wanted = (np.arange(SIDE) + 0.5) / SIDE
    edges = np.arange(SIDE + 1)
    at = np.stack([np.interp(wanted, row, edges) for row in total]) - 0.5
    low = np.floor(at).astype(np.intp)
    part = (at - low).astype(np.float32)
    weights = np.zeros((len(density), SIDE, SIDE), np.float32)
    item, row = np.indices(at.shape)
    np.add.at(weights, (item, row, low.clip(0, SIDE - 1)), 1 - part)
    np.add.at(weights, (item, row, (low + 1).clip(0, SIDE - 1)), part)
    return weights


def _directions(grey: Floats) -> Floats:
    """Return the square roots of direction histograms, (N, DIRECTIONS * GRID * GRID)."""
    blurred = np.asarray(_blur(0.9) @ grey @ _blur(0.9).T, np.float32)
    across, down = gradient(blurred)
    strength = np.hypot(across, down)
    angle = (np.arctan2(down, across) * np.float32(DIRECTIONS / 2 / np.pi)) % DIRECTIONS
    low = np.floor(angle).astype(np.int8)
    part = angle - low
    low %= DIRECTIONS
    first, second = strength * (1 - part), strength * part
    cells = _cells()
    out = np.empty((len(grey), DIRECTIONS, GRID, GRID), np.float32)
    for direction in range(DIRECTIONS):
        before = (direction - 1) % DIRECTIONS
        plane = np.where(low == direction, first, 0) + np.where(low == before, second, 0)
        out[:, direction] = cells @ plane @ cells.T
    return np.sqrt(out).reshape(len(grey), -1)


def gradient(grey: Floats) -> tuple[Floats, Floats]:
    """Return the change of grey across and down, over two pixels; paper lies all round."""
    padded = np.pad(grey, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2], padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
