"""Glyphs as data: outlines, bitmaps and the canonical form their identity is made of (字形の正準形).

The canonical form, version 1, is UTF-8 text of lines ended by one line feed, single spaces between words.

    gaiji-glyph 1 outline          gaiji-glyph 1 bitmap
    em 2048                        width 24
    advance 2048                   height 24
    contour 50 -100                000000
    L 50 700                       003c00      one line a row: lower-case hex, (width + 7) // 8 bytes,
    Q 60 800 151/2 800             …           most significant bit left, padding bits zero
    C 90 800 200 10 50 -100        end
    end

Numbers are integers or fractions n/d in lowest terms, in font units, y upwards. A contour is closed: the
word `contour` carries the start point, each segment carries its control points and its end, the last
segment ends at the start point. Normal form:

1. on-curve points that TrueType implies are written out: a quadratic segment has one control point;
2. segments of no length (every point equal to the one before) and contours without segments are left out;
3. a contour starts at its least on-curve point by (x, y); where several segments start there, at the
   rotation that is least by its sequence of segments (points compared as numbers, in writing order);
4. contours are sorted by the same comparison; direction is kept, because it is part of the shape.

So an outline has the same bytes whichever point its font happens to begin with. The digest (字形の同一性)
is the sha256 of these bytes, in lower-case hex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NoReturn, TypeAlias

from gaiji.errors import BadFont, Where

Number: TypeAlias = int | Fraction
Point: TypeAlias = tuple[Number, Number]
Segment: TypeAlias = tuple[Point, ...]
"""Control points, then the end: 1 point is a line, 2 a quadratic, 3 a cubic curve."""
Contour: TypeAlias = tuple[Segment, ...]
"""A closed path: each segment starts where the one before it ended, the first where the last ended."""

MAGIC = "gaiji-glyph 1"
LETTERS = {1: "L", 2: "Q", 3: "C"}
LENGTHS = {letter: length for length, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Outline:
    """An outline (輪郭): closed contours filled by the nonzero rule, exact, in font units, y upwards.

    em_units: font units of the em square; advance: horizontal advance in font units.
    """

    em_units: int
    advance: int
    contours: tuple[Contour, ...]

    def __post_init__(self) -> None:
        if self.em_units <= 0:
            raise ValueError("em_units must be positive")


@dataclass(frozen=True, slots=True)
class Bitmap:
    """A dot pattern (ドットパターン): rows from the top, (width + 7) // 8 bytes each, leftmost bit highest."""

    width: int
    height: int
    rows: bytes

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or len(self.rows) != self.stride * self.height:
            raise ValueError("a bitmap needs (width + 7) // 8 bytes for each of its rows")
        if padding := (1 << (-self.width % 8)) - 1:
            last = self.rows[self.stride - 1 :: self.stride]
            if any(byte & padding for byte in last):
                raise ValueError("padding bits must be zero")

    @property
    def stride(self) -> int:
        """Bytes of one row."""
        return (self.width + 7) // 8

    @classmethod
    def padded(cls, width: int, height: int, rows: bytes) -> Bitmap:
        """Return the bitmap with whatever stood in the padding bits cleared."""
        stride = (width + 7) // 8
        if not width % 8:
            return cls(width, height, rows)
        keep = 0xFF << (-width % 8) & 0xFF
        cleared = bytearray(rows)
        cleared[stride - 1 :: stride] = bytes(b & keep for b in cleared[stride - 1 :: stride])
        return cls(width, height, bytes(cleared))

    def lines(self) -> Iterator[bytes]:
        """Yield the rows from the top."""
        for at in range(0, len(self.rows), self.stride):
            yield self.rows[at : at + self.stride]


Glyph: TypeAlias = Outline | Bitmap


def number(value: float) -> Number:
    """Return a font's coordinate exactly: an int, or the fraction the float stands for."""
    return int(value) if value == int(value) else Fraction(value)


def is_empty(glyph: Glyph) -> bool:
    """Tell whether nothing would be drawn (空白の字形): no contours, or no dot set."""
    if isinstance(glyph, Bitmap):
        return not any(glyph.rows)
    return not any(map(_without_stops, glyph.contours))


def normal(outline: Outline) -> Outline:
    """Return the outline in normal form (rules 2 to 4 of this module)."""
    contours = (_started(_without_stops(contour)) for contour in outline.contours)
    return Outline(outline.em_units, outline.advance, tuple(sorted(c for c in contours if c)))


def _without_stops(contour: Contour) -> Contour:
    """Leave out segments that never leave the point they start at."""
    kept: list[Segment] = []
    at = contour[-1][-1] if contour else None
    for segment in contour:
        if segment[-1] != at or any(point != at for point in segment):
            kept.append(segment)
            at = segment[-1]
    return tuple(kept)


def _started(contour: Contour) -> Contour:
    """Rotate a closed contour to its one start point."""
    if not contour:
        return contour
    starts = [contour[i - 1][-1] for i in range(len(contour))]
    least = min(starts)
    rotations = (contour[i:] + contour[:i] for i, start in enumerate(starts) if start == least)
    return min(rotations)


def canonical(glyph: Glyph) -> bytes:
    """Return the canonical form of a glyph, version 1, as this module specifies it."""
    if isinstance(glyph, Bitmap):
        head = [f"{MAGIC} bitmap", f"width {glyph.width}", f"height {glyph.height}"]
        return _text([*head, *(row.hex() for row in glyph.lines()), "end"])
    lines = [f"{MAGIC} outline", f"em {glyph.em_units}", f"advance {glyph.advance}"]
    for contour in normal(glyph).contours:
        lines.append("contour " + _written(contour[-1][-1:]))
        lines += (f"{LETTERS[len(segment)]} {_written(segment)}" for segment in contour)
    return _text([*lines, "end"])


def _text(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


def _written(points: Segment) -> str:
    return " ".join(f"{x} {y}" for x, y in points)


def digest(glyph: Glyph) -> str:
    """Return the identity of a glyph (字形の同一性): sha256 of its canonical form, lower-case hex."""
    return hashlib.sha256(canonical(glyph)).hexdigest()


def measures(data: bytes) -> tuple[str, int, int]:
    """Return kind, em units and advance of a canonical form (dots for a bitmap), from its head alone.

    Raises BadFont when it does not begin as one.
    """
    head = data[:200].decode("utf-8", "replace").split("\n")
    kind = head[0].removeprefix(MAGIC + " ")
    words = {"outline": ("em", "advance"), "bitmap": ("height", "width")}
    known = {line.split(" ")[0]: line for line in head[1:3]}
    if kind not in words or not all(word in known for word in words[kind]):
        _refuse(None)
    em, advance = (_value(known[word], word) for word in words[kind])
    return kind, em, advance


@lru_cache(maxsize=2048)
def parse_canonical(data: bytes) -> Glyph:
    """Return the glyph whose canonical form these bytes are; `canonical` of it gives them back exactly.

    Raises BadFont for anything else, text that is merely not in normal form included.
    """
    try:
        lines = data.decode().split("\n")
        glyph = _bitmap(lines) if lines[0] == f"{MAGIC} bitmap" else _outline(lines)
        if canonical(glyph) == data:
            return glyph
    except (ValueError, IndexError, KeyError, ZeroDivisionError) as error:
        _refuse(error)
    _refuse(None)


def _refuse(cause: Exception | None) -> NoReturn:
    raise BadFont(
        "字形の正準形（gaiji-glyph 1）ではありません。ファイルが壊れていないか確かめてください。",
        "This is not the canonical form of a glyph (gaiji-glyph 1); check whether it was damaged.",
        where=Where(),
    ) from cause


def _value(line: str, word: str) -> int:
    found, _, value = line.partition(" ")
    if found != word:
        raise ValueError(line)
    return int(value)


def _bitmap(lines: list[str]) -> Bitmap:
    width, height = _value(lines[1], "width"), _value(lines[2], "height")
    return Bitmap(width, height, b"".join(map(bytes.fromhex, lines[3:-2])))


def _outline(lines: list[str]) -> Outline:
    if lines[0] != f"{MAGIC} outline":
        raise ValueError(lines[0])
    contours: list[list[Segment]] = []
    for line in lines[3:-2]:
        word, *values = line.split(" ")
        if word == "contour":
            contours.append([])
        elif len(values) == 2 * LENGTHS[word]:
            numbers = [Fraction(v) if "/" in v else int(v) for v in values]
            contours[-1].append(tuple(zip(numbers[::2], numbers[1::2], strict=True)))
        else:
            raise ValueError(line)
    em_units, advance = _value(lines[1], "em"), _value(lines[2], "advance")
    return Outline(em_units, advance, tuple(map(tuple, contours)))
