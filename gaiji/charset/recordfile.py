"""Reading files of records (レコードファイル): whole records at a time, both sides' shapes, and where workers may cut.

What stands here belongs to converting and to restoring alike.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from gaiji.charset.boxes import Box
from gaiji.charset.files import reading, storage_error
from gaiji.charset.fixed import Fixed
from gaiji.charset.layout import Layout
from gaiji.charset.plans import Plan
from gaiji.charset.resolve import Resolver
from gaiji.charset.rows import Table

CHUNK = 1 << 18


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
                raise storage_error(error, getattr(self._opened, "name", "-")) from error
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


def cuts(path: Path | str, parts: int, layout: Layout, resolver: Resolver) -> list[tuple[int, int]]:
    """Return byte ranges of a file that begin and end at records (分割), for workers; fewer where it is short.

    A table is cut where the number of quotes before is even. Where records cannot be told without reading everything
    (shift codes, UTF-16 tables, `raw`, `line`), it is one range.
    """
    size = os.path.getsize(path)
    whole = [(0, size)]
    script = resolver.source.script
    if parts < 2 or layout.kind in ("line", "raw") or not size:
        return whole
    if layout.kind == "fixed":
        mark = 0
        with reading(path) as opened:
            if resolver.mark and opened.read(len(resolver.mark)) == resolver.mark:
                mark = len(resolver.mark)
        stride = layout.length + {"none": 0, "lf": 1, "crlf": 2}[layout.separator] * len(
            script.newline
        )
        share = max((size - mark) // stride // parts, 1) * stride
        places = [mark + number * share for number in range(1, parts)]
        return _ranges([place for place in places if place < size], size)
    table = Table(script, layout.delimiter, layout.quote)
    return _ranges(_table_cuts(path, parts, table, size), size) if table.is_simple else whole


def _ranges(places: list[int], size: int) -> list[tuple[int, int]]:
    return list(zip([0, *places], [*places, size], strict=True))


def _table_cuts(path: Path | str, parts: int, table: Table, size: int) -> list[int]:
    """Return where records begin near the equal shares of a table."""
    wanted = [size * number // parts for number in range(1, parts)]
    found: list[int] = []
    at, quotes = 0, 0
    with reading(path) as opened:
        while wanted and (data := opened.read(1 << 20)):
            done = 0
            while wanted and wanted[0] < at + len(data):
                spot = max(wanted[0] - at, done)
                quotes += data.count(table.quote, done, spot) if table.quote else 0
                done = spot
                end = data.find(table.newline, done)
                while end >= 0:
                    quotes += data.count(table.quote, done, end) if table.quote else 0
                    done = end + 1
                    if quotes % 2 == 0:
                        found.append(at + done)
                        wanted = [place for place in wanted if place >= at + done]
                        break
                    end = data.find(table.newline, done)
                else:
                    break
            quotes += data.count(table.quote, done) if table.quote else 0
            at += len(data)
    return [place for place in found if place < size]
