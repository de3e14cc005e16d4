"""The reference set's index of shapes (基準字形の索引): made once on each machine, from its reference font.

It holds every character of the reference set that the font draws, by name, and every other character that the font
has a code for, as `U+3231`: many a gaiji is a sign, a kana or a letter that every terminal has. It holds no outline,
belongs to one edition of the font and of the features, and stands under the name of both.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import uharfbuzz as hb

from gaiji.errors import BadReference, NoPicture, Where
from gaiji.glyph.distortion import PACKED
from gaiji.glyph.features import DIMENSIONS, edition
from gaiji.glyph.forms import Outline
from gaiji.glyph.gallery import SUFFIX, Gallery
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import REFERENCE, ReferenceFont, font_sources, reference_font
from gaiji.glyph.shapes import font_shapes
from gaiji.glyph.sources import PRIVATE
from gaiji.settings import Settings

AT_ONCE = 1024
"""Glyphs of one piece of work: 4 MB of pictures."""
STANDARD = "U+"
"""How the names of characters begin that every terminal has."""

Entries = Sequence[tuple[str, int]]
"""Names and glyph indices."""


def index_path(settings: Settings) -> Path:
    """Return where the index of this program's reference font and features stands (索引の場所), there or not."""
    return settings.shape_folder / f"{font_sha256()[:16]}-{edition()}{SUFFIX}"


def reference_gallery(settings: Settings) -> Gallery:
    """Return the reference set's shapes (基準字形の索引), opened once per file.

    Raises BadReference when the index is not there, damaged, or of another font.
    """
    path = index_path(settings)
    try:
        status = path.stat()
        return _opened(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise BadReference(
            "字形の索引がありません。gaiji reference index で作ってください。",
            "There is no index of shapes; make it with gaiji reference index.",
            where=Where(file=str(path)),
        ) from None


@lru_cache(maxsize=2)
def _opened(path: Path, *_changes: int) -> Gallery:
    return Gallery.open(path, font_sha256())


def font_sha256() -> str:
    """Return the sha256 of the font that the index is of (基準フォントの検査値)."""
    return next(source.sha256 for source in font_sources() if source.name == REFERENCE)


def build(
    settings: Settings, progress: Callable[[int, int], None] = lambda done, all: None
) -> bytes:
    """Return the bytes of the index (索引の作成), the same on every machine of one kind.

    progress: gets the glyphs done and those there are. Where there are several processors two processes work,
    forked from this one: for a program with one thread alone. Raises NoPicture when the font is not installed.
    """
    font = reference_font(settings)
    named = entries(font)
    work = [(font.path, named[at : at + AT_ONCE]) for at in range(0, len(named), AT_ONCE)]
    names: list[str] = []
    vectors = np.empty((len(named), DIMENSIONS), np.float32)
    pictures = np.empty((len(named), PACKED), np.uint8)
    boxes = np.empty((len(named), 4), np.float16)
    done = 0
    for piece, (_, part) in zip(_worked(work), work, strict=True):
        place = slice(len(names), len(names) + len(piece.names))
        vectors[place], pictures[place], boxes[place] = piece.vectors, piece.pictures, piece.boxes
        names += piece.names
        done += len(part)
        progress(done, len(named))
    kept = len(names)
    whole = Gallery(tuple(names), vectors[:kept], pictures[:kept], boxes[:kept])
    return whole.dumped(font_sha256())


def _worked(work: Sequence[tuple[Path, Entries]]) -> Iterator[Gallery]:
    processes = min(2, len(os.sched_getaffinity(0)), len(work))
    if processes < 2:
        yield from map(_piece, work)
        return
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        yield from pool.imap(_piece, work)


def _piece(work: tuple[Path, Entries]) -> Gallery:
    path, named = work
    shapes = font_shapes(_face(path), [index for _, index in named])
    return Gallery.of(zip([name for name, _ in named], shapes, strict=True))


def drawn(settings: Settings, name: str) -> Outline:
    """Return the outline of a name of the index (索引の字形): MJ026190, U+3231. Raises NoPicture where it has none."""
    font = reference_font(settings)
    if not name.startswith(STANDARD):
        return font.glyph(name)
    drawing = hb.Font(font.face)
    index = drawing.get_nominal_glyph(int(name.removeprefix(STANDARD), 16))
    if not index:
        raise NoPicture(
            f"基準フォントに {name} の字形はありません。名前を確かめてください。",
            f"The reference font has no glyph for {name}; check the name.",
        )
    return read_outline(drawing, index)


@lru_cache(maxsize=1)
def _face(path: Path) -> hb.Face:
    return hb.Face(hb.Blob.from_file_path(path))


def entries(font: ReferenceFont) -> Entries:
    """Return what is looked for in a font (索引の対象): the reference set's names, then other code points as U+3231.

    A glyph of several codes has the lowest one's name; private-use codes are nobody's standard.
    """
    named = sorted((name, font.index(name)) for name in font.names())
    taken = {index for _, index in named}
    drawn = hb.Font(font.face)
    others: dict[int, str] = {}
    for code_point in sorted(font.face.unicodes):
        index = drawn.get_nominal_glyph(code_point)
        if index and index not in taken and not any(code_point in area for area in PRIVATE):
            others.setdefault(index, f"{STANDARD}{code_point:04X}")
    return [*named, *((name, index) for index, name in others.items())]


__all__ = ["build", "drawn", "entries", "font_sha256", "index_path", "reference_gallery"]
