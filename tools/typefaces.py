"""Glyphs of fonts/SHAPES.toml by the name that the reference set gives them (学習・較正・評価用の書体).

A glyph's name is that of the MJ character whose own UCS, or whose Moji_Joho sequence, the font maps to it.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import uharfbuzz as hb
from fontTools.ttLib import TTFont

from gaiji.data import MjRow, read
from gaiji.glyph.draw import dots
from gaiji.glyph.forms import is_empty
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.shapes import Shape, font_shapes, shape

ROOT = Path(__file__).parent.parent
FOLDERS = (Path("/usr/share/fonts"),)
Role = Literal["train", "calibrate", "test"]


@dataclass(frozen=True)
class Typeface:
    """One row of fonts/SHAPES.toml (書体); path None where the machine does not have it."""

    name: str
    role: Role
    style: Literal["mincho", "gothic", "hand", "dots"]
    package: str
    file: str
    number: int = 0
    path: Path | None = None

    @property
    def sha256(self) -> str:
        """Digest of the font file."""
        assert self.path is not None
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Sample:
    """A glyph of a typeface: MJ name it stands for, its index, and whether a sequence (not a code) named it."""

    name: str
    index: int
    sequence: bool


def typefaces(*roles: Role, folders: tuple[Path, ...] = FOLDERS) -> list[Typeface]:
    """Return the typefaces of some roles, each with its path where one of the folders has it."""
    rows = tomllib.loads((ROOT / "fonts" / "SHAPES.toml").read_text("utf-8"))["font"]
    return [
        Typeface(**row, path=next((p for f in folders if (p := f / row["file"]).is_file()), None))
        for row in rows
        if row["role"] in roles
    ]


@cache
def named() -> tuple[dict[int, str], dict[tuple[int, int], str]]:
    """Return the MJ names by own UCS and by Moji_Joho sequence."""
    own, sequences = {}, {}
    for row in read(MjRow):
        if row.own_ucs:
            own[ord(row.own_ucs)] = row.name
        if row.ivs:
            base, selector = map(ord, row.ivs)
            sequences[base, selector] = row.name
    return own, sequences


def samples(face: Typeface) -> list[Sample]:
    """Return every glyph of a typeface that a code or a sequence names, in order of code, then sequence."""
    own, sequences = named()
    with TTFont(face.path, fontNumber=face.number, lazy=True) as font:
        glyphs: dict[int, str] = font.getBestCmap()
        found = [
            Sample(own[code], font.getGlyphID(glyph), False)
            for code, glyph in sorted(glyphs.items())
            if code in own
        ]
        for table in font["cmap"].tables:
            for selector, rows in sorted(table.uvsDict.items()) if table.format == 14 else ():
                for base, glyph in sorted(rows):
                    named_glyph = glyph or glyphs.get(base)
                    if (base, selector) in sequences and named_glyph:
                        name = sequences[base, selector]
                        found.append(Sample(name, font.getGlyphID(named_glyph), True))
    return found


def drawn(face: Typeface, picked: list[Sample], side: int | None = None) -> Iterator[Shape | None]:
    """Yield the shapes of samples: from outlines, or from their dots at so many a side."""
    data = hb.Face(hb.Blob.from_file_path(face.path), face.number)
    if side is None:
        yield from font_shapes(data, (one.index for one in picked))
        return
    font = hb.Font(data)
    for one in picked:
        outline = read_outline(font, one.index)
        yield None if is_empty(outline) else shape(dots(outline, side))
