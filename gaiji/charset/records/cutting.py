"""Reading files of records (レコードファイル): whole records at a time, both sides' shapes, and where workers may cut.

What stands here belongs to converting and to restoring alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from gaiji.charset.files import reading, unreadable
from gaiji.charset.records.boxes import Box
from gaiji.charset.records.fixed import Fixed
from gaiji.charset.records.plans import Plan
from gaiji.charset.records.rows import Table
from gaiji.charset.resolve import Resolver

CHUNK = 1 << 18
WINDOW = 1 << 20
"""Bytes in which the end of a record is looked for at once."""


class Input:
    """Reads a file in parts of which only whole records are taken (読込み)."""

    def __init__(self, opened: BinaryIO, chunk_bytes: int) -> None:
        self._opened, self._chunk = opened, chunk_bytes
        self.data = b""
        self.ended = False

    def fill(self, size: int) -> bytes:
        """Return what is there and not taken, at least so many bytes unless the file ends before."""
        while len(self.data) < size and not self.ended:
            try:
                more = self._opened.read(max(size - len(self.data), 1))
            except OSError as error:
                raise unreadable(error, getattr(self._opened, "name", "-")) from error
            self.data += more
            self.ended = not more
        return self.data

    def rounds(self) -> Iterator[tuple[bytes, bool]]:
        """Yield what is there, longer while nothing of it is taken, and whether nothing follows."""
        size, final = self._chunk, False
        while not final:
            data = self.fill(size)
            final = self.ended
            yield data, final
            size = self._chunk if len(self.data) < len(data) else len(data) * 2 + self._chunk

    def take(self, size: int) -> bytes:
        """Take bytes off the beginning and return them."""
        taken, self.data = self.data[:size], self.data[size:]
        return taken


def shapes(plan: Plan, resolver: Resolver) -> tuple[Table | Fixed, Table | Fixed]:
    """Return how the records of a plan lie on both sides."""
    ends = ((resolver.source, resolver.tokens), (resolver.target, resolver.back.tokens))
    if plan.kind != "fixed":
        one, two = (Table(end.script, plan.delimiter, plan.quote) for end, _ in ends)
        return one, two
    first = [rule.source or Box(rule.size) for rule in plan.rules]
    second = [rule.target or Box(rule.size) for rule in plan.rules]
    fixed, other = (
        Fixed(end.script, boxes, separator, tokens.pattern)
        for (end, tokens), boxes, separator in zip(
            ends, (first, second), plan.separator, strict=True
        )
    )
    return fixed, other


def requoted(column: Sequence[bytes], source: Table, target: Table) -> list[bytes]:
    """Return cells as they are, in the quotes of the other side."""
    mark = len(source.quote)
    return [
        target.quote + cell[mark:-mark] + target.quote if source.is_quoted(cell) else cell
        for cell in column
    ]


def cuts(
    path: Path | str, part_bytes: int, plan: Plan, resolver: Resolver
) -> list[tuple[int, int]]:
    """Return byte ranges of a file (分割位置), each about so long, that begin and end at records.

    A table is cut where the number of quotes before is even. Where records cannot be told so (tables of charsets with
    shift codes, of UTF-16, delimited by what may be part of a code), it is one range. Raises NotFound, BadInput.
    """
    source = shapes(plan, resolver)[0]
    with reading(path) as opened:
        size = os.fstat(opened.fileno()).st_size
        places = [0]
        if isinstance(source, Table):
            places += _table_cuts(opened, part_bytes, source) if source.is_simple else []
        else:
            opens = resolver.mark and opened.read(len(resolver.mark)) == resolver.mark
            begin = len(resolver.mark) if opens and resolver.mark else 0
            stride = source.size + len(source.separator)
            step = max(part_bytes // stride, 1) * stride
            places += range(begin + step, size, step)
    return [(one, two) for one, two in pairwise([*places, size]) if one < two or not size]


def _table_cuts(opened: BinaryIO, part_bytes: int, table: Table) -> Iterator[int]:
    """Yield where records begin, about so many bytes apart."""
    mark = table.quote
    at = quotes = 0  # of the bytes read, and of quotes before them
    wanted = part_bytes
    while data := opened.read(max(WINDOW, part_bytes)):
        done = 0
        while (spot := max(wanted - at, done)) < len(data):
            quotes += data.count(mark, done, spot) if mark else 0
            done = data.find(table.newline, spot) + 1
            quotes += data.count(mark, spot, done or len(data)) if mark else 0
            done = done or len(data)
            if data.endswith(table.newline, spot, done) and quotes % 2 == 0:
                yield at + done
                wanted = at + done + part_bytes
        quotes += data.count(mark, done) if mark else 0
        at += len(data)
