"""Cells of CSV and TSV in any charset (表の切り出し): delimiters and quotes are characters, never bytes inside others.

A quoted cell may hold delimiters, line ends and doubled quotes; a quote inside an unquoted cell is an error, because
nobody can say where such a cell ends. The line ends of a file are kept as they are, LF or CR LF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import chain, repeat
from typing import NamedTuple

from gaiji.charset.records.layout import MAX_RECORD_BYTES
from gaiji.charset.script import Script
from gaiji.errors import BadRecord, Text, Where


class BadCell(Exception):
    """A cell that does not end as cells do: offset in the data, what is wrong."""

    def __init__(self, row: int, column: int, offset: int, text: Text) -> None:
        super().__init__(text.en)
        self.row, self.column, self.offset, self.text = row, column, offset, text


class Rows(NamedTuple):
    """Whole records: their cells, their line ends (empty for a last one without), and how many bytes they are."""

    rows: list[list[bytes]]
    ends: list[bytes]
    used: int


class Table:
    """How one side writes a table (表の形): its marks as codes of a script."""

    def __init__(self, script: Script, delimiter: str, quote: str) -> None:
        self.script = script
        self.delimiter = script.code(delimiter) or b""
        self.quote = (script.code(quote) or b"") if quote else b""
        self.newline, self.cr = script.newline, script.code("\r") or b""
        marks = self.delimiter + self.quote
        self.is_simple = (
            script.codec == "utf-8"
            or script.name == "eucjp-ms"
            or (script.name == "cp932" and all(byte < 0x40 for byte in marks))
        )

    def cut(self, data: bytes, *, final: bool) -> Rows:
        """Return the whole records at the beginning of some data. Raises BadCell.

        final: nothing follows, so the last record may lack its line end.
        """
        if not self.is_simple or (self.quote and self.quote in data):
            return self._cut_quoted(data, final)
        used = len(data) if final else data.rfind(self.newline) + 1
        if not used:
            return Rows([], [], 0)
        lines = data[:used].split(self.newline)
        ends = [self.newline] * (len(lines) - 1)
        if lines[-1]:
            ends.append(b"")
        else:
            lines.pop()
        if self.cr in data:
            for index, line in enumerate(lines):
                if ends[index] and line.endswith(self.cr):
                    lines[index], ends[index] = line[: -len(self.cr)], self.cr + self.newline
        return Rows([line.split(self.delimiter) for line in lines], ends, used)

    def _cut_quoted(self, data: bytes, final: bool) -> Rows:
        rows: list[list[bytes]] = []
        ends: list[bytes] = []
        row: list[bytes] = []
        used = at = 0
        for found in self._cells.finditer(data):
            if found.start() != at or (at == len(data) and not row):
                break
            cell, end = found[1], found[2]
            at = found.end()
            if not end and not final:
                at = found.start()
                break
            if end != self.delimiter and self.cr and cell.endswith(self.cr) and end:
                cell, end = cell[: -len(self.cr)], self.cr + end
            row.append(cell)
            if end != self.delimiter:
                rows.append(row)
                ends.append(end)
                row, used = [], at
        if at < len(data):
            self._explain(data, at, len(rows), len(row), final)
        elif final and row:
            row.append(b"")
            return Rows([*rows, row], [*ends, b""], at)
        return Rows(rows, ends, used)

    def _explain(self, data: bytes, at: int, row: int, column: int, final: bool) -> None:
        """Say why no cell begins here, unless more data could end it."""
        if self.quote and data.startswith(self.quote, at):
            closed = self._quoted.match(data, at)
            if closed is None:
                if final or len(data) - at > MAX_RECORD_BYTES:
                    raise BadCell(row, column, at, NEVER_CLOSED)
            elif final or len(data) - closed.end() > 4 * len(self.newline):
                raise BadCell(row, column, closed.end(), AFTER_QUOTE)
            return
        found = self._bare.match(data, at)
        end = found.end() if found else at
        if self.quote and data.startswith(self.quote, end):
            raise BadCell(row, column, end, STRAY_QUOTE)

    @cached_property
    def _any(self) -> bytes:
        return b"[\\s\\S]{%d}" % len(self.newline)

    @cached_property
    def _skip(self) -> bytes:
        """The pattern of codes whose bytes are no marks; empty where none can be taken for one."""
        script = self.script
        if script.name == "cp932":
            return rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]"
        if not script.is_shifted:
            return b""
        into = b"|".join(re.escape(code) for code, mode in script.shifts.items() if mode)
        back = b"|".join(re.escape(code) for code, mode in script.shifts.items() if not mode)
        stop = back + b"|" + re.escape(self.newline)
        shape = script.shapes[1]
        return b"(?:%b)(?:(?:%b)|(?!%b)[\\s\\S])*+(?:%b)?" % (into, shape, stop, back)

    def _until(self, *stops: bytes) -> bytes:
        """The pattern of characters up to one of some marks."""
        stop = b"|".join(re.escape(one) for one in stops if one)
        other = b"(?!%b)%b" % (stop, self._any)
        if self.is_simple:
            other = b"[^%b]" % b"".join(re.escape(one) for one in stops)
        return b"%b|%b" % (self._skip, other) if self._skip and not self.is_simple else other

    @cached_property
    def _quoted(self) -> re.Pattern[bytes]:
        return re.compile(self._quoted_pattern)

    @cached_property
    def _quoted_pattern(self) -> bytes:
        mark = re.escape(self.quote)
        return b"%b(?:%b%b|%b)*+%b" % (mark, mark, mark, self._until(self.quote), mark)

    @cached_property
    def _bare(self) -> re.Pattern[bytes]:
        return re.compile(b"(?:%b)*+" % self._until(self.delimiter, self.newline, self.quote))

    @cached_property
    def _cells(self) -> re.Pattern[bytes]:
        bare = self._bare.pattern
        cell = b"%b|%b" % (self._quoted_pattern, bare) if self.quote else bare
        ends = re.escape(self.delimiter), re.escape(self.cr), re.escape(self.newline)
        return re.compile(b"(%b)(%b|(?:%b)?%b|\\Z)" % (cell, *ends))

    def end(self, source: Table, end: bytes) -> bytes:
        """Return how this side writes a line end of another."""
        return self.cr * end.startswith(source.cr) + self.newline if end else b""

    def parts(self, columns: Sequence[Sequence[bytes]], ends: Sequence[bytes]) -> list[bytes]:
        """Return the parts of records in order: cells, a delimiter between them, line ends."""
        between: list[Iterable[bytes]] = []
        for column in columns:
            between += [column, repeat(self.delimiter)]
        return list(chain.from_iterable(zip(*between[:-1], ends, strict=False)))

    def inside(self, cell: bytes) -> bytes:
        """Return what a cell says, without its quotes."""
        if not self.is_quoted(cell):
            return cell
        mark = self.quote
        return cell[len(mark) : -len(mark)].replace(mark + mark, mark)

    def is_quoted(self, cell: bytes) -> bool:
        """Whether a cell stands in quotes."""
        return bool(self.quote) and cell.startswith(self.quote)

    def holds(self, cell: bytes) -> bool:
        """Whether bytes are one whole cell, and nothing in them ends it or begins another."""
        found = self._cells.fullmatch(cell)
        return found is not None and not found[2] and not (self.cr and cell.endswith(self.cr))


def no_column(header: Where, column: int, width: int) -> BadRecord:
    """Return the error for a file that lacks a column of the layout (列の欠落).

    header: the place of its first record, and the field. column: 0 where the header lacks the field's name.
    """
    if not column:
        return BadRecord(
            f"見出しに列「{header.field}」がありません。"
            "ファイルの見出しか、レイアウトの name か column を直してください。",
            f"The header has no such column as {header.field}; correct the header of the file, or name or column in "
            "the layout.",
            where=header,
        )
    return BadRecord(
        f"最初のレコードは {width} 列で、列 {column} がありません。"
        "区切りを確かめるか、レイアウトの column を直してください。",
        f"The first record has {width} cells and no column {column}; check the delimiter, or correct column in the "
        "layout.",
        where=header,
    )


NEVER_CLOSED = Text(
    "引用符で始まった値が閉じられていません。引用符を補うか、レイアウトの quote を確かめてください。",
    "A quote is never closed; add the closing one, or check quote in the layout.",
)
AFTER_QUOTE = Text(
    "閉じた引用符の直後に区切りがありません。中の引用符は二つ重ねるか、レイアウトの quote を確かめてください。",
    "A closing quote is not followed by a delimiter; double quotes inside a cell, or check quote in the layout.",
)
STRAY_QUOTE = Text(
    '引用符で囲まれていない値の中に引用符があります。囲んで二つ重ねるか、レイアウトを quote = "" にしてください。',
    'A quote stands inside an unquoted cell; quote the cell and double it, or set quote = "" in the layout.',
)
