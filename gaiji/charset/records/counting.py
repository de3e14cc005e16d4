"""Counting by a record layout (レイアウトによる集計): text fields alone, so that numbers are never taken for codes.

Structure is checked as a conversion checks it: a record of another length or number of cells is an error with its
place.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from gaiji.charset.charsets import Charset
from gaiji.charset.records.boxes import Box
from gaiji.charset.records.cutting import CHUNK, Input
from gaiji.charset.records.fixed import Fixed
from gaiji.charset.records.layout import Field, Layout
from gaiji.charset.records.rows import BadCell, Table, no_column
from gaiji.charset.script import Script
from gaiji.charset.targets import script_of
from gaiji.errors import BadLayout, BadRecord, Where

_NEVER = re.compile(b"(?!)")


class Piece(NamedTuple):
    """A text field as it stands in a file: its bytes, its place, and the mode it begins in."""

    data: bytes
    record: int
    field: str | None
    byte_offset: int
    mode: int


class Reader:
    """Takes the text fields out of a file of records. `records`: how many were read so far."""

    def __init__(self, opened: BinaryIO, layout: Layout, charset: Charset, file: str) -> None:
        self.layout, self.file = layout, file
        self.records = 0
        self._input = Input(opened, CHUNK)
        self._script: Script = script_of(charset)
        self._begin = 0
        if layout.charset not in (None, charset.name):
            raise self._bad(
                f"このレイアウトは {layout.charset} 用で、外字セットは {charset.name} です。"
                "別のレイアウトを使ってください。",
                f"The layout is for {layout.charset} and the code set is in {charset.name}; use another layout.",
            )
        mark = "\ufeff".encode(charset.encoding or "") if charset.is_unicode else b""
        if mark and self._input.fill(len(mark)).startswith(mark):
            self._input.take(len(mark))
            self._begin = len(mark)

    def pieces(self) -> Iterator[Piece]:
        """Yield the text fields in order. Raises BadLayout, and BadRecord for records of another shape."""
        return self._cells() if self.layout.is_table else self._fields()

    def _fields(self) -> Iterator[Piece]:
        ordered = sorted(self.layout.fields, key=lambda one: one.offset)
        separator = b"".join(
            self._code(mark) for mark in {"lf": "\n", "crlf": "\r\n"}.get(self.layout.separator, "")
        )
        boxes = [Box(one.length) for one in ordered]
        fixed = Fixed(self._script, boxes, separator, _NEVER)  # no width is in columns
        texts = [(at, one, self._mode(one)) for at, one in enumerate(ordered) if one.is_text]
        stride = fixed.size + len(separator)
        fixed.check_ends(self._input.fill(fixed.looked_at), self._begin, self.file)
        for data, final in self._input.rounds():
            where = Where(self.file, self.records + 1, None, self._begin)
            cut = fixed.cut(data, final, where)
            for row in range(len(cut.ends)):
                self.records += 1
                begin = self._begin + row * stride
                for at, one, mode in texts:
                    piece = cut.columns[at][row]
                    yield Piece(piece, self.records, one.name, begin + one.offset, mode)
            self._input.take(cut.used)
            self._begin += cut.used

    def _mode(self, one: Field) -> int:
        return int(one.mode == "double" and self._script.is_shifted)

    def _cells(self) -> Iterator[Piece]:
        table = Table(self._script, self.layout.delimiter, self.layout.quote)
        names: list[str | None] | None = None
        texts: list[bool] = []
        for data, final in self._input.rounds():
            rows, ends, used = self._cut(table, data, final)
            for cells, end in zip(rows, ends, strict=True):
                self.records += 1
                if names is None:
                    first = [table.inside(cell) for cell in cells]
                    names, texts = self._columns(first, self._begin)
                if len(cells) != len(names):
                    raise self._ragged(len(cells), len(names))
                heading = self.layout.header and self.records == 1
                for cell, name, text in zip(cells, names, texts, strict=True):
                    if text or heading:
                        yield Piece(cell, self.records, name, self._begin, 0)
                    self._begin += len(cell) + len(table.delimiter)
                self._begin += len(end) - len(table.delimiter)
            self._input.take(used)

    def _cut(
        self, table: Table, data: bytes, final: bool
    ) -> tuple[list[list[bytes]], Sequence[bytes], int]:
        try:
            return table.cut(data, final=final)
        except BadCell as bad:
            where = Where(self.file, self.records + 1 + bad.row, None, self._begin + bad.offset)
            raise BadRecord(*bad.text, where=where, column=bad.column + 1) from None

    def _columns(self, first: list[bytes], begin: int) -> tuple[list[str | None], list[bool]]:
        """Return the name of each column where the layout has one, and whether it is text."""
        width = self.layout.columns or len(first)
        names: list[str | None] = [None] * width
        texts = [self.layout.others == "text"] * width
        for number, one in enumerate(self.layout.fields, 1):
            column = one.column or number
            if one.column is None and self.layout.header:
                name = self._script.encode(one.name)
                column = first.index(name) + 1 if name in first else 0
            if not 0 < column <= width:
                header = Where(self.file, 1, one.name, begin)
                raise no_column(header, column, width)
            names[column - 1], texts[column - 1] = one.name, one.is_text
        return names, texts

    def _ragged(self, cells: int, width: int) -> BadRecord:
        return BadRecord(
            f"レコードの列が {cells} 個で、{width} 個ではありません。"
            "区切りと引用符か、レイアウトの columns を確かめてください。",
            f"The record has {cells} cells and not {width}; check delimiter and quotes, or columns in the layout.",
            where=Where(self.file, self.records, None, self._begin),
        )

    def _code(self, text: str) -> bytes:
        code = self._script.newline if text == "\n" else self._script.code(text)
        if code is None:
            raise self._bad(
                f"{self._script.name} に {text!r} のコードがありません。separator を直してください。",
                f"{self._script.name} has no code for {text!r}; correct the separator.",
            )
        return code

    def _bad(self, ja: str, en: str, field: str | None = None) -> BadLayout:
        return BadLayout(ja, en, where=Where(self.layout.file or self.layout.name, field=field))
