"""Shapes to be compared with: the reference set's index file, or a few glyphs in memory (字形の索引).

The index file `*.gshapes` is read as it lies on the disk:

    gaiji-shapes 1                                       one line
    {"count": …, "features": …, "font": …, "sha256": …}  one line of JSON, spaces up to HEAD bytes in all
    vectors   count x DIMENSIONS signed bytes            projected features, largest component 127
    pictures  count x PACKED bytes                       2 bits a pixel (gaiji.glyph.distortion)
    boxes     count x 4 half-precision floats, little-endian   left, bottom, width, height in em
    names     UTF-8, a line each

sha256 is that of everything after the head. One file belongs to one font (by its sha256) and one edition of
features; whoever opens it says which.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gaiji.errors import BadReference, Where
from gaiji.glyph.distortion import PACKED, pack
from gaiji.glyph.features import DIMENSIONS, Floats, describe, edition, project, unit
from gaiji.glyph.shapes import SIDE, Shape

MAGIC = b"gaiji-shapes 1\n"
HEAD = 512
SUFFIX = ".gshapes"
AT_ONCE = 512
"""Shapes whose likenesses are computed together: 120 MB against the reference set."""


@dataclass(frozen=True)
class Gallery:
    """Shapes with their names (字形の索引), ready to be compared with.

    names: one each, in order. vectors: (N, DIMENSIONS) of length 1. pictures: (N, PACKED). boxes: (N, 4) in em.
    digest: sha256 of the contents; empty for glyphs in memory.
    """

    names: tuple[str, ...]
    vectors: Floats
    pictures: NDArray[np.uint8]
    boxes: NDArray[np.float16]
    digest: str = ""

    @classmethod
    def of(cls, shapes: Iterable[tuple[str, Shape | None]]) -> Gallery:
        """Return the gallery of named shapes; those without ink are left out."""
        kept = [(name, shape) for name, shape in shapes if shape is not None]
        pictures = np.array([shape.picture for _, shape in kept], np.uint8)
        pictures = pictures.reshape(-1, SIDE, SIDE)
        boxes = np.array([shape.box for _, shape in kept], np.float16).reshape(-1, 4)
        names = tuple(name for name, _ in kept)
        return cls(names, project(describe(pictures)), pack(pictures), boxes)

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each name stands."""
        return {name: place for place, name in enumerate(self.names)}

    def without(self, names: Iterable[str]) -> Gallery:
        """Return the gallery that lacks some names."""
        dropped = set(names)
        keep = np.array([name not in dropped for name in self.names], bool)
        kept = tuple(name for name in self.names if name not in dropped)
        return Gallery(kept, self.vectors[keep], self.pictures[keep], self.boxes[keep])

    def nearest(self, vectors: Floats, count: int) -> tuple[NDArray[np.intp], Floats]:
        """Return for each vector the places of its nearest shapes, best first, and their likeness (-1 to 1)."""
        count = min(count, len(self.names))
        places = np.empty((len(vectors), count), np.intp)
        likeness = np.empty((len(vectors), count), np.float32)
        for at in range(0, len(vectors), AT_ONCE):
            products = vectors[at : at + AT_ONCE] @ self.vectors.T
            found = np.argpartition(-products, count - 1, axis=1)[:, :count]
            values = np.take_along_axis(products, found, axis=1)
            order = np.lexsort((found, -values))
            places[at : at + AT_ONCE] = np.take_along_axis(found, order, axis=1)
            likeness[at : at + AT_ONCE] = np.take_along_axis(values, order, axis=1)
        return places, likeness

    # --- the file

    def dumped(self, font: str) -> bytes:
        """Return the index file's bytes; font: sha256 of the font the shapes are from."""
        blocks = range(0, len(self.vectors), AT_ONCE)
        parts = (
            b"".join(_signed_bytes(self.vectors[at : at + AT_ONCE]) for at in blocks),
            self.pictures.tobytes(),
            self.boxes.astype("<f2").tobytes(),
            "".join(f"{name}\n" for name in self.names).encode(),
        )
        body = b"".join(parts)
        told = {
            "count": len(self.names),
            "features": edition(),
            "font": font,
            "sha256": hashlib.sha256(body).hexdigest(),
        }
        head = MAGIC + json.dumps(told).encode()
        return head.ljust(HEAD - 1) + b"\n" + body

    @classmethod
    def open(cls, path: Path, font: str) -> Gallery:
        """Open an index file (索引を開く), its digest checked.

        font: sha256 of the font that it has to be of. Raises BadReference when the file is damaged, or belongs to
        another font or to other features; FileNotFoundError when it is not there.
        """
        with path.open("rb") as file:
            try:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:  # an empty file
                raise _unusable(path) from None
        try:
            if data[: len(MAGIC)] != MAGIC:
                raise ValueError("another kind of file")
            told = json.loads(data[len(MAGIC) : HEAD])
            if (told["font"], told["features"]) != (font, edition()):
                raise ValueError("another font or other features")
            body = memoryview(data)[HEAD:]
            if hashlib.sha256(body).hexdigest() != told["sha256"]:
                raise ValueError("damaged")
            return cls._read(body, told["count"], told["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            raise _unusable(path) from error

    @classmethod
    def _read(cls, body: memoryview, count: int, digest: str) -> Gallery:
        sizes = (count * DIMENSIONS, count * PACKED, count * 8)
        starts = [sum(sizes[:part]) for part in range(4)]
        vectors = np.frombuffer(body, np.int8, sizes[0], starts[0]).reshape(count, DIMENSIONS)
        pictures = np.frombuffer(body, np.uint8, sizes[1], starts[1]).reshape(count, PACKED)
        boxes = np.frombuffer(body, "<f2", count * 4, starts[2]).reshape(count, 4)
        names = tuple(bytes(body[starts[3] :]).decode().splitlines())
        if len(names) != count:
            raise ValueError("names are missing")
        scaled = np.empty((count, DIMENSIONS), np.float32)
        for at in range(0, count, AT_ONCE):  # at once it would take twice the memory
            scaled[at : at + AT_ONCE] = unit(vectors[at : at + AT_ONCE].astype(np.float32))
        return cls(names, scaled, pictures, boxes, digest)


def _signed_bytes(vectors: Floats) -> bytes:
    scale = 127 / np.maximum(np.abs(vectors).max(axis=1, keepdims=True), 1e-9)
    rounded: NDArray[np.int8] = np.rint(vectors * scale).astype(np.int8)
    return rounded.tobytes()


def _unusable(path: Path) -> BadReference:
    return BadReference(
        "字形の索引が壊れているか、別の基準フォントのものです。gaiji reference index で作り直してください。",
        "The index of shapes is damaged or belongs to another reference font; make it again with "
        "gaiji reference index.",
        where=Where(file=str(path)),
    )


def joined(galleries: Sequence[Gallery]) -> Gallery:
    """Return one gallery of several."""
    return Gallery(
        tuple(name for one in galleries for name in one.names),
        np.concatenate([one.vectors for one in galleries]),
        np.concatenate([one.pictures for one in galleries]),
        np.concatenate([one.boxes for one in galleries]),
    )
