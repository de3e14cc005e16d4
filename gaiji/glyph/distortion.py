"""How far one shape can be bent into another, and where it cannot (画像変形モデル).

The image distortion model: every pixel of one picture may look for its like within two pixels of its place in the
other one, independently of its neighbours; pixels are compared by the gradients of grey in the five by five
pixels around them. What is left is a difference that no small bending explains: another stroke, not another
hand. Pictures are compared at COARSE x COARSE pixels in four greys, as the index keeps them.

Source: D. Keysers, T. Deselaers, C. Gollan, H. Ney, "Deformation models for image recognition", IEEE
Transactions on Pattern Analysis and Machine Intelligence 29 (2007) 1422-1435.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from gaiji.glyph.features import Floats, gradient
from gaiji.glyph.shapes import SIDE

COARSE = 32
GREYS = 4
PACKED = COARSE * COARSE // 4
"""Bytes of a packed picture: two bits a pixel, rows from the top, first pixel in the highest bits."""
REACH = 2
AROUND = 2
SMOOTH = 0.7


def pack(pictures: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return pictures (N, SIDE, SIDE) as the index keeps them: (N, PACKED) bytes (見本の圧縮)."""
    grey = _coarse(pictures)
    levels = np.rint(grey * (GREYS - 1)).astype(np.uint8).reshape(len(pictures), PACKED, 4)
    packed: NDArray[np.uint8] = (levels << np.array([6, 4, 2, 0], np.uint8)).sum(-1, dtype=np.uint8)
    return packed


def unpack(packed: NDArray[np.uint8]) -> Floats:
    """Return packed pictures as grey values 0 to 1, (N, COARSE, COARSE)."""
    levels = (packed[..., None] >> np.array([6, 4, 2, 0], np.uint8) & 3).astype(np.float32)
    return (levels / np.float32(GREYS - 1)).reshape(-1, COARSE, COARSE)


def _coarse(pictures: NDArray[np.uint8]) -> Floats:
    factor = SIDE // COARSE
    cells = pictures.reshape(len(pictures), COARSE, factor, COARSE, factor)
    mean: Floats = cells.mean(axis=(2, 4), dtype=np.float32) / np.float32(255)
    return mean


def planes(packed: NDArray[np.uint8]) -> Floats:
    """Return what is compared of packed pictures: (N, 2, COARSE, COARSE) gradients of mean square 1."""
    blur = _blur()
    blurred = np.asarray(blur @ unpack(packed) @ blur.T, np.float32)
    both: Floats = np.stack(gradient(blurred), axis=1)
    both /= np.sqrt((both**2).mean(axis=(1, 2, 3), keepdims=True) + np.float32(1e-9))
    return both


@cache
def _blur() -> Floats:
    pixels = np.arange(COARSE, dtype=np.float32)
    weights = np.exp(-(((pixels[:, None] - pixels[None]) / SMOOTH) ** 2) / 2)
    shares: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def residues(query: Floats, candidates: Floats) -> Floats:
    """Return what bending leaves of the differences, per pixel (変形後の残差): (N, COARSE, COARSE).

    query: planes of one picture, (2, COARSE, COARSE), or of one for each candidate; candidates:
    (N, 2, COARSE, COARSE). The mean over a picture is its distance: 0 for the same picture, 2 for one that has
    nothing in common with it.
    """
    reach, side = REACH, COARSE
    room = ((0, 0), (0, 0), (reach, reach), (reach, reach))
    padded = np.pad(candidates, room)
    least: Floats | None = None
    for down in range(2 * reach + 1):
        for across in range(2 * reach + 1):
            moved = padded[:, :, down : down + side, across : across + side]
            apart = _around(((moved - query) ** 2).sum(axis=1))
            least = apart if least is None else np.minimum(least, apart)
    assert least is not None
    return least / np.float32(2 * (2 * AROUND + 1) ** 2)


def _around(grid: Floats) -> Floats:
    """Return for each pixel the sum over the square around it."""
    width = 2 * AROUND + 1
    for axis in (1, 2):
        room = [(0, 0)] * 3
        room[axis] = (AROUND + 1, AROUND)
        total = np.cumsum(np.pad(grid, room), axis=axis, dtype=np.float32)
        ends = np.take(total, np.arange(width, COARSE + width), axis=axis)
        grid = ends - np.take(total, np.arange(COARSE), axis=axis)
    return grid
