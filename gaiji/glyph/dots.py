"""Dot patterns (ドットパターン): BDF, FONTX2 and raw files, read and written.

Layouts: BDF is Adobe's Glyph Bitmap Distribution Format 2.2, with what hosts of Japanese vendors vary:
hexadecimal ENCODING, `SIZE width height` in place of a bounding box, no ENDCHAR. FONTX2 is the DOS/V
font file: signature, 8 bytes of name, width, height, type, for type 1 the number of Shift_JIS ranges,
each two little-endian codes, then the patterns. Raw files are patterns one after the other.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import NamedTuple

from gaiji.errors import BadFont, Text, Where
from gaiji.glyph.forms import Bitmap
from gaiji.wire.findings import Finding

codecs.lookup("cp932")  # now: the child process that reads these files cannot open one for it later

LARGEST_DOTS = 512
MOST_GLYPHS = 140_000
"""More than the 137,468 private-use code points there are."""
RAW_DOTS = (24, 32, 48, 64)
LARGEST_CODE = 0x10FFFF


class Patterns(NamedTuple):
    """What a dot-pattern file holds: bitmap and name by key, cell size in dots."""

    glyphs: dict[int, tuple[Bitmap, str]]
    cell: tuple[int, int]
    family: str = ""
    findings: tuple[Finding, ...] = ()


class Box(NamedTuple):
    """A bounding box in dots: size, and offset of its lower left corner from the origin."""

    width: int
    height: int
    x: int
    y: int


# --- BDF


def read_bdf(data: bytes) -> Patterns:
    """Return the glyphs of a BDF font (BDF形式), each placed in the font's cell, by the ENCODING number.

    Raises BadFont with the line as record: cut off, wrong CHARS, sizes beyond 512 dots, a number twice,
    dots outside the cell, rows that are not hexadecimal.
    """
    return _Bdf(data).read()


class _Bdf:
    """One pass over the lines of a BDF file."""

    def __init__(self, data: bytes) -> None:
        self.lines = data.rstrip(b"\x1a\0").splitlines()
        self.line = 0
        self.cell: Box | None = None
        self.family = ""
        self.count: int | None = None
        self.seen = 0
        self.glyphs: dict[int, tuple[Bitmap, str]] = {}
        self.findings: list[Finding] = []

    def read(self) -> Patterns:
        while True:
            word, *values = self.next_words()
            if word == "ENDFONT":
                break
            if word == "STARTCHAR":
                self.read_glyph(" ".join(values))
            elif word == "FONTBOUNDINGBOX":
                self.cell = self.box(values)
            elif word == "SIZE" and len(values) == 2 and self.cell is None:
                self.cell = self.box([*values, "0", "0"])
            elif word == "FONT":
                self.family = " ".join(values)
            elif word == "CHARS":
                self.count = self.whole(values, MOST_GLYPHS)
            elif word == "STARTPROPERTIES":
                self.skip_properties()
        if self.seen != self.count:
            raise self.bad(
                f"字形の数が合いません（CHARSは{self.count}、実際は{self.seen}）。"
                "途中が失われていないか確かめてください。",
                f"CHARS says {self.count} and the file has {self.seen} glyphs; "
                "check whether a part was lost.",
            )
        cell = self.known_cell()
        return Patterns(self.glyphs, (cell.width, cell.height), self.family, tuple(self.findings))

    def skip_properties(self) -> None:
        """Go past the properties, which may have any name: FONT, SIZE and CHARS too."""
        while self.next_words()[0] != "ENDPROPERTIES":
            pass

    def read_glyph(self, name: str) -> None:
        box, code = self.known_cell(), -1
        self.seen += 1
        if self.seen > MOST_GLYPHS:
            raise self.bad(
                f"字形が{MOST_GLYPHS}を超えています。ファイルを分けてください。",
                f"There are more than {MOST_GLYPHS} glyphs; split the file.",
            )
        while True:
            word, *values = self.next_words()
            if word == "ENCODING":
                code = self.code(values)
            elif word == "BBX":
                box = self.box(values)
            elif word == "BITMAP":
                break
            elif word in ("ENDCHAR", "STARTCHAR", "ENDFONT"):
                raise self.bad(
                    f"字形 {name} に BITMAP がありません。ファイルを作り直してください。",
                    f"The glyph {name} has no BITMAP; make the file again.",
                )
        bitmap = self.placed(box)
        if self.line < len(self.lines) and self.lines[self.line].strip() == b"ENDCHAR":
            self.line += 1
        if code < 0:
            text = Text(
                f"字形 {name} にはコードがないため取り込みません。ENCODING を確かめてください。",
                f"The glyph {name} has no code and is not taken in; check its ENCODING.",
            )
            self.findings.append(Finding("no-code", "warning", text, name, Where(record=self.line)))
        elif code in self.glyphs:
            raise self.bad(
                f"コード 0x{code:04X} が2回あります。どちらが正しいか確かめて1つにしてください。",
                f"The code 0x{code:04X} comes twice; find out which is right and keep one.",
            )
        else:
            self.glyphs[code] = (bitmap, name)

    def placed(self, box: Box) -> Bitmap:
        """Read the rows of a glyph and place them in the font's cell."""
        cell = self.known_cell()
        digits = 2 * ((box.width + 7) // 8)
        shift = cell.width - (box.x - cell.x) - box.width
        top = cell.height + cell.y - box.y - box.height
        rows = [0] * cell.height
        for y in range(top, top + box.height):
            row = self.next_row(digits) >> (4 * digits - box.width)
            shifted = row << shift if shift >= 0 else row >> -shift
            lost = shift < 0 and row & ((1 << -shift) - 1)
            if row and (lost or not 0 <= y < cell.height or shifted >> cell.width):
                raise self.bad(
                    "文字枠（FONTBOUNDINGBOX）の外に点があります。BBX の位置を確かめてください。",
                    "There are dots outside the cell (FONTBOUNDINGBOX); check the BBX offsets.",
                )
            if row:
                rows[y] = shifted
        stride = (cell.width + 7) // 8
        packed = (row << (8 * stride - cell.width) for row in rows)
        data = b"".join(row.to_bytes(stride, "big") for row in packed)
        return Bitmap(cell.width, cell.height, data)

    def next_row(self, digits: int) -> int:
        line = self.next_line().strip()
        try:
            if len(line) < digits or not (line.isascii() and line.isalnum()):
                raise ValueError(line)
            return int(line, 16) >> (4 * (len(line) - digits))
        except ValueError:
            raise self.bad(
                "ドットの行が16進数で足りていません。ファイルが途中で切れていないか確かめてください。",
                "A row of dots is not the hexadecimal digits it needs; check whether a part was lost.",
            ) from None

    def next_line(self) -> str:
        if self.line >= len(self.lines):
            raise self.bad(
                "BDFファイルが途中で切れています（ENDFONTがありません）。複写し直してください。",
                "The BDF file is cut off (no ENDFONT); copy it again.",
            )
        self.line += 1
        return self.here

    @property
    def here(self) -> str:
        """The line last read; names may be in Shift_JIS."""
        return self.lines[self.line - 1].decode("cp932", "replace")

    def next_words(self) -> list[str]:
        while not (words := self.next_line().split()):
            pass
        return words

    def known_cell(self) -> Box:
        if self.cell is None:
            raise self.bad(
                "文字枠の大きさ（FONTBOUNDINGBOX または SIZE 横 縦）がありません。追記してください。",
                "The size of the cell (FONTBOUNDINGBOX, or SIZE width height) is missing; add it.",
            )
        return self.cell

    def box(self, values: list[str]) -> Box:
        try:
            box = Box(*map(int, values))
        except (TypeError, ValueError):
            raise self.bad_number() from None
        if not (min(box[:2]) >= 0 and max(map(abs, box)) <= LARGEST_DOTS) or (
            self.cell is None and not box.width * box.height
        ):
            raise self.bad(
                f"文字枠 {box.width}×{box.height} は扱えません（1～{LARGEST_DOTS}点）。値を確かめてください。",
                f"A cell of {box.width} by {box.height} is not possible (1 to {LARGEST_DOTS} dots); "
                "check the numbers.",
            )
        return box

    def code(self, values: list[str]) -> int:
        """The number after ENCODING, decimal or 0x…; the second of `-1 n`; -1 for none."""
        last = values[-1:] if values[:1] == ["-1"] else values[:1]
        if last == ["-1"]:
            return -1
        return self.whole(last, LARGEST_CODE)

    def whole(self, values: list[str], most: int) -> int:
        text = values[0].lower() if values else ""
        digits, base = (text[2:], 16) if text.startswith("0x") else (text, 10)
        if not digits.isascii() or not digits.isalnum() or len(digits) > 9:
            raise self.bad_number()
        try:
            value = int(digits, base)
        except ValueError:
            raise self.bad_number() from None
        if value > most:
            raise self.bad_number()
        return value

    def bad_number(self) -> BadFont:
        return self.bad(
            f"数値が正しくありません: {self.here[:40]}。行を直してください。",
            f"There is a wrong number in: {self.here[:40]}; correct the line.",
        )

    def bad(self, ja: str, en: str) -> BadFont:
        return BadFont(ja, en, where=Where(record=self.line))


def build_bdf(
    glyphs: Mapping[int, Bitmap],
    *,
    family: str = "gaiji",
    hexadecimal: bool = False,
    names: Mapping[int, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> bytes:
    """Return a BDF font (BDF形式) of bitmaps of one size, by ENCODING number in ascending order.

    names: of glyphs, where the number is not enough; properties: in ASCII, what is not becomes a question mark.
    """
    width, height = _one_size(glyphs)
    lines = ["STARTFONT 2.1", f"FONT {family}", f"SIZE {height} 72 72"]
    lines.append(f"FONTBOUNDINGBOX {width} {height} 0 0")
    if properties:
        quoted = {name: value.replace('"', '""') for name, value in properties.items()}
        lines.append(f"STARTPROPERTIES {len(quoted)}")
        lines += [*(f'{name} "{value}"' for name, value in quoted.items()), "ENDPROPERTIES"]
    lines.append(f"CHARS {len(glyphs)}")
    for code, bitmap in sorted(glyphs.items()):
        number = f"0x{code:04X}" if hexadecimal else str(code)
        lines += [
            f"STARTCHAR {(names or {}).get(code) or f'{code:04X}'}",
            f"ENCODING {number}",
            f"SWIDTH {1000 * width // height} 0",
        ]
        lines += [f"DWIDTH {width} 0", f"BBX {width} {height} 0 0", "BITMAP"]
        lines += (row.hex().upper() for row in bitmap.lines())
        lines.append("ENDCHAR")
    return "\n".join([*lines, "ENDFONT", ""]).encode("ascii", "replace")


def _one_size(glyphs: Mapping[int, Bitmap]) -> tuple[int, int]:
    sizes = {(bitmap.width, bitmap.height) for bitmap in glyphs.values()}
    if len(sizes) != 1:
        raise ValueError("the bitmaps must be at least one, and of one size")
    return sizes.pop()


# --- FONTX2


def read_fontx2(data: bytes) -> Patterns:
    """Return the glyphs of a FONTX2 font (FONTX2形式), type 1, by Shift_JIS code.

    Raises BadFont: cut off, half-width (type 0), ranges out of order, a size that its ranges do not give.
    """
    if len(data) < 18:
        raise _bad_fontx2("途中で切れています", "is cut off", len(data))
    width, height, kind, count = data[14:18]
    family = data[6:14].rstrip(b" \0").decode("cp932", "replace")
    if kind != 1:
        raise _bad_fontx2("全角（種別1）ではありません", "is not full-width (type 1)", 16)
    if not width or not height or not count:
        raise _bad_fontx2("文字枠か範囲がありません", "has no cell size or no ranges", 14)
    if len(data) < 18 + 4 * count:
        raise _bad_fontx2("途中で切れています", "is cut off", len(data))
    codes: list[int] = []
    for at in range(18, 18 + 4 * count, 4):
        first = int.from_bytes(data[at : at + 2], "little")
        last = int.from_bytes(data[at + 2 : at + 4], "little")
        if last < first or (codes and first <= codes[-1]):
            raise _bad_fontx2("コードの範囲が昇順ではありません", "has ranges out of order", at)
        codes += range(first, last + 1)
    start, size = 18 + 4 * count, (width + 7) // 8 * height
    if len(data) != start + size * len(codes):
        expected = start + size * len(codes)
        raise _bad_fontx2(
            f"大きさが範囲と合いません（{expected}バイトのはずが{len(data)}バイト）",
            f"has {len(data)} bytes where its ranges ask for {expected}",
            min(len(data), expected),
        )
    bitmaps = _sequence(data[start:], width, height)
    named = {code: (bitmap, f"{code:04X}") for code, bitmap in zip(codes, bitmaps, strict=True)}
    return Patterns(named, (width, height), family)


def _bad_fontx2(ja: str, en: str, byte_offset: int) -> BadFont:
    return BadFont(
        f"FONTX2ファイルが{ja}。元のファイルを確かめてください。",
        f"The FONTX2 file {en}; check the original file.",
        where=Where(byte_offset=byte_offset),
    )


def build_fontx2(glyphs: Mapping[int, Bitmap], *, family: str = "GAIJI") -> bytes:
    """Return a FONTX2 font (FONTX2形式) of bitmaps of one size, by Shift_JIS code."""
    width, height = _one_size(glyphs)
    codes = sorted(glyphs)
    starts = [c for c in codes if c - 1 not in glyphs]
    ends = [c for c in codes if c + 1 not in glyphs]
    if len(starts) > 255:
        raise ValueError("FONTX2 holds at most 255 ranges of codes")
    head = b"FONTX2" + family.encode("cp932")[:8].ljust(8) + bytes([width, height, 1, len(starts)])
    ranges = (
        a.to_bytes(2, "little") + b.to_bytes(2, "little") for a, b in zip(starts, ends, strict=True)
    )
    return head + b"".join(ranges) + b"".join(glyphs[code].rows for code in codes)


# --- raw dot patterns


def read_raw(data: bytes, dots: int | None) -> Patterns:
    """Return raw square dot patterns (ドットパターンの並び) by position from 0.

    dots: 24, 32, 48 or 64 a side; without it the size must divide for exactly one of them.
    Raises BadFont when it does not, or when the size given does not divide.
    """
    fitting = [side for side in RAW_DOTS if not len(data) % ((side + 7) // 8 * side)]
    offered = "、".join(map(str, RAW_DOTS))
    if dots is not None and dots not in RAW_DOTS:
        raise BadFont(
            f"1辺{dots}点のドットパターンは扱いません。{offered}点のいずれかを指定してください。",
            f"Patterns of {dots} dots a side are not offered; say 24, 32, 48 or 64.",
        )
    if not fitting or (dots is not None and dots not in fitting):
        name = f"{dots}点の字形では" if dots else f"{offered}点のどの字形でも"
        raise BadFont(
            f"ファイルの大きさ {len(data)} バイトは{name}割り切れません。点数と欠落を確かめてください。",
            f"{len(data)} bytes do not divide into patterns of {dots or '24, 32, 48 or 64'} dots "
            "a side; check the number of dots and whether a part was lost.",
            where=Where(byte_offset=len(data)),
        )
    if dots is None and len(fitting) > 1:
        several = " / ".join(map(str, fitting))
        raise BadFont(
            f"大きさだけでは点数が決まりません（{several}点のどれにも当てはまる）。1辺の点数を指定してください。",
            f"The size fits patterns of {several} dots a side alike; say which.",
        )
    side = dots or fitting[0]
    bitmaps = _sequence(data, side, side)
    named = {index: (bitmap, f"{index}") for index, bitmap in enumerate(bitmaps)}
    return Patterns(named, (side, side))


def build_raw(bitmaps: list[Bitmap]) -> bytes:
    """Return square dot patterns one after the other (ドットパターンの並び)."""
    return b"".join(bitmap.rows for bitmap in bitmaps)


def _sequence(data: bytes, width: int, height: int) -> list[Bitmap]:
    size = (width + 7) // 8 * height
    return [Bitmap.padded(width, height, data[at : at + size]) for at in range(0, len(data), size)]
