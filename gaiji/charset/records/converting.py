"""Files of records by a layout (レコード変換): fixed records and tables, field by field; never a shifted record.

Structure is checked before anything of a record is converted: a record that is shorter or longer than the layout, a
file cut inside one, a quote that is never closed are errors with record, field and byte offset, and the error told is
that of the first record that has one, however the file arrives. Where nothing but structure is asked for (`line`,
`raw`, a table whose columns all convert freely) bytes and receipt are those of a conversion without a layout.
Everywhere else `restoring.restore_records` takes the converted file apart by the places of the plan.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from gaiji.charset.account import Place
from gaiji.charset.fast import stream_for
from gaiji.charset.files import reading
from gaiji.charset.records.batch import Batch, Columns, FieldCount, Offset, Spill, starts
from gaiji.charset.records.cutting import CHUNK, Input, requoted, shapes
from gaiji.charset.records.fixed import Cut, Fixed
from gaiji.charset.records.layout import MAX_RECORD_BYTES, Layout
from gaiji.charset.records.plans import FREE, Plan, Rule, bind
from gaiji.charset.records.rows import BadCell, Rows, Table
from gaiji.charset.records.values import Loss
from gaiji.charset.resolve import Resolver
from gaiji.charset.stream import Stream
from gaiji.errors import BadInput, BadRecord, GaijiError, Where

Write = Callable[[bytes | memoryview], object]
"""Takes output bytes; what it wants to keep it must copy."""
Progress = Callable[[int], object]


@dataclass
class Records:
    """What a conversion by a layout did beside the stream's totals (レコード変換の結果).

    records: read. fields: what happened to values, for the report. header: what a receipt's header says of the layout.
    """

    records: int = 0
    fields: list[FieldCount] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)


def convert_records(
    opened: BinaryIO,
    write: Write,
    stream: Stream,
    layout: Layout,
    *,
    to: str | None = None,
    plan: Plan | None = None,
    progress: Progress | None = None,
    spill: Spill | None = None,
    opening: bool = True,
    chunk_bytes: int | None = None,
) -> Records:
    """Convert a file of records (レコード変換); totals and the receipt's events go through the stream.

    to: the target as `--to` has it, for rules of one target. plan: `plan_of` the whole file, for a part of it that
    begins at a record; opening: whether it is the first, with mark and header. Places count from the part's beginning.
    spill: takes the lines of the side file; BadInput when the layout needs one and this is no dry run. Raises what the
    engine raises, BadLayout, BadRecord and FieldTooLong.
    """
    if layout.spills and spill is None and not stream.counting:
        raise BadInput(
            'レイアウトに longer = "spill" の項目があります。あふれた値の保存先を --spill で指定してください。',
            'The layout has fields with longer = "spill"; name the side file with --spill.',
            where=Where(layout.file or layout.name),
        )
    data = Input(opened, chunk_bytes or max(stream.chunk_bytes, CHUNK))
    job = _Job(data, write, stream, layout, progress, opening=opening)
    plan = plan or job.bound(to)
    return job.plain(plan) if plan.is_plain else job.placed(plan, spill)


def plan_of(path: Path | str, layout: Layout, resolver: Resolver, to: str | None = None) -> Plan:
    """Return the plan of a layout for a file (束縛), which a table's first record decides too."""
    with reading(path) as opened:
        stream = Stream(resolver, file=str(path))
        return _Job(Input(opened, CHUNK), _nothing, stream, layout).bound(to)


class _Job:
    """One file, or one part of a file, on its way."""

    def __init__(
        self,
        data: Input,
        write: Write,
        stream: Stream,
        layout: Layout,
        progress: Progress | None = None,
        *,
        opening: bool = True,
    ) -> None:
        self.input, self.write, self.stream, self.layout = data, write, stream, layout
        self.progress, self.recorder = progress, stream.recorder
        self.record, self.opening = 1, opening
        self.done = Records()
        self.read = self.written = 0
        mark = stream.resolver.mark
        opens = opening and mark and data.fill(len(mark)).startswith(mark)
        self.mark = len(mark) if opens and mark else 0

    def bound(self, to: str | None) -> Plan:
        """Return the plan, a table's first record read, and the first of fixed ones looked at."""
        first: list[bytes] = []
        if self.layout.is_table:
            script = self.stream.resolver.source.script
            table = Table(script, self.layout.delimiter, self.layout.quote)
            for data, final in self.input.rounds():
                rows, bad = self._cells_cut(table, data[self.mark :], final, None)
                if rows.rows:
                    first = [table.inside(cell) for cell in rows.rows[0]]
                    break
                if bad:
                    raise bad
        header = Where(self.stream.file, 1, None, self.mark)
        plan = bind(self.layout, self.stream.resolver, to, first=first, header=header)
        source = shapes(plan, self.stream.resolver)[0]
        if plan.kind == "fixed" and isinstance(source, Fixed):
            data = self.input.fill(self.mark + source.looked_at)
            source.check_ends(data[self.mark :], self.mark, self.stream.file)
        return plan

    def _place(self) -> Where:
        return Where(self.stream.file, self.record, None, self.read)

    def _cells_cut(
        self, table: Table, data: bytes, final: bool, width: int | None
    ) -> tuple[Rows, BadRecord | None]:
        """Return whole records of a table, and the error of the one after them where there is one."""
        try:
            return self._cut_table(table, data, final, width), None
        except BadRecord as error:
            return self._cut_table(table, data[: self._before(error)], False, width), error

    def _before(self, error: BadRecord) -> int:
        """Return how many of the bytes that are cut stand before a bad record."""
        at = error.where.byte_offset if error.where else None
        return max((at or 0) - self.read - self.mark, 0)

    def _cut_table(self, table: Table, data: bytes, final: bool, width: int | None) -> Rows:
        """Return whole records of a table; BadRecord for one of another number of cells."""
        begin = self.read + self.mark
        try:
            rows, ends, used = table.cut(data, final=final)
        except BadCell as bad:
            where = Where(self.stream.file, self.record + bad.row, None, begin + bad.offset)
            raise BadRecord(*bad.text, where=where, column=bad.column + 1) from None
        if width is not None and not set(map(len, rows)) <= {width}:
            row = next(index for index, cells in enumerate(rows) if len(cells) != width)
            offset = sum(
                sum(map(len, cells)) + (len(cells) - 1) * len(table.delimiter) + len(end)
                for cells, end in zip(rows[:row], ends, strict=False)
            )
            raise BadRecord(
                f"レコードの列が {len(rows[row])} 個で、{width} 個ではありません。"
                "区切りと引用符か、レイアウトの columns を確かめてください。",
                f"The record has {len(rows[row])} cells and not {width}; check delimiter and quotes, or columns in the "
                "layout.",
                where=Where(self.stream.file, self.record + row, None, begin + offset),
            )
        if not rows and not final and len(data) > MAX_RECORD_BYTES:
            raise self._endless()
        return Rows(rows, ends, used)

    def _endless(self) -> BadRecord:
        return BadRecord(
            f"{MAX_RECORD_BYTES} バイトを読んでもレコードが終わりません。"
            "レイアウトの kind と文字コードを確かめてください。",
            f"The record does not end within {MAX_RECORD_BYTES} bytes; check kind in the layout, and the charset.",
            where=self._place(),
        )

    # --- nothing but structure

    def plain(self, plan: Plan) -> Records:
        """Convert as without a layout, a table's structure checked and its places named."""
        if plan.kind in ("line", "raw"):
            for data, final in self.input.rounds():
                self.feed(self.input.take(len(data)), final)
            self.done.records = self.stream.records
            return self.done
        table = Table(self.stream.resolver.source.script, plan.delimiter, plan.quote)
        located = _Located(self, plan, table)
        for data, final in self.input.rounds():
            cut, bad = self._cells_cut(table, data[self.mark :], final, len(plan.rules))
            rows, ends, used = cut
            if rows or (final and not bad):
                taken = self.input.take(used + self.mark if rows else len(data))
                self.read += self.mark
                located.of(rows, ends)
                located.relocated(taken, final and not bad)
                self.read += len(taken) - self.mark
                self.mark = 0
                self._count(len(rows))
            if bad:
                raise bad
        return self.done

    def feed(self, data: bytes, final: bool, flush: bool = False) -> None:
        """Convert bytes as without a layout, up to the last of them where they are whole records."""
        for out in self.stream.parts(data):
            self.write(out)
        if final:
            self.write(self.stream.feed(b"", final=True))
        elif flush:
            self.write(self.stream.insert(b""))
        if self.progress:
            self.progress(self.stream.input_bytes)

    def _count(self, records: int) -> None:
        self.record += records
        self.done.records += records

    # --- fields in their places

    def placed(self, plan: Plan, spill: Spill | None) -> Records:
        """Convert field by field."""
        stream = self.stream
        source, target = shapes(plan, stream.resolver)
        marked = bool(self.mark)
        if self.mark:
            self.write(stream.feed(self.input.take(self.mark), final=True))
            self.read, self.written, self.mark = self.mark, stream.output_bytes, 0
        batch = Batch(plan, stream, spill)
        if not marked:  # what looks like a mark is one at the beginning of a file only
            stream.insert(b"", skipped=1)
        heading = plan.header and self.opening
        for data, final in self.input.rounds():
            if heading:
                cut, bad = self._cut(source, data, final, len(plan.rules), 1)
                if cut.ends:
                    free = replace(plan, rules=(FREE,) * len(plan.rules))
                    self._convert(Batch(free, stream), cut, source, target)
                    heading = False
                    data = self.input.data
                elif bad:
                    raise bad
            cut, bad = self._cut(source, data, final, len(plan.rules))
            if cut.ends and not heading:
                self._convert(batch, cut, source, target)
            if bad:
                raise bad
        self._settle()
        self.done.fields = [batch.counts[key] for key in sorted(batch.counts, key=str)]
        self.done.header = receipt_header(plan, self.layout, marked)
        return self.done

    def _settle(self) -> None:
        """Let the engine add up what it counted; nothing is written any more."""
        stream = self.stream
        stream.recorder = None
        stream.feed(b"", final=True)
        stream.recorder = self.recorder
        stream.input_bytes, stream.output_bytes = self.read, self.written

    def _cut(
        self, source: Table | Fixed, data: bytes, final: bool, width: int, most: int | None = None
    ) -> tuple[Cut, BadRecord | None]:
        """Return whole records, `most` of them, and the error of the one after them where there is one."""
        if isinstance(source, Fixed):
            try:
                return source.cut(data, final, self._place()), None
            except BadRecord as error:
                return source.cut(data[: self._before(error)], False, self._place()), error
        (rows, ends, used), bad = self._cells_cut(source, data, final, width)
        if most and rows:
            rows, ends = rows[:most], ends[:most]
            used = sum(map(len, source.parts([[cell] for cell in rows[0]], ends)))
        return Cut(list(zip(*rows, strict=True)), ends, used), bad

    def _convert(
        self, batch: Batch, cut: Cut, source: Table | Fixed, target: Table | Fixed
    ) -> None:
        """Convert whole records, write them, and note what the receipt must keep."""
        stream, begin = self.stream, self.read
        known: list[int] = []
        per_row = len(cut.columns) * (2 if isinstance(source, Table) else 1)
        per_row += not isinstance(source, Table)
        step = 2 if isinstance(source, Table) else 1

        def offset(row: int, index: int) -> int:
            if not known:
                known.extend(starts(source.parts(cut.columns, cut.ends), begin))
            return known[row * per_row + index * step]

        try:
            columns, losses = self._made(batch, cut.columns, 0, source, target, offset)
        except GaijiError as error:
            raise self._first(batch.plan, cut, source, target, offset) or error from None
        ends: Sequence[bytes]
        if isinstance(source, Table) and isinstance(target, Table):
            ends = [target.end(source, end) for end in cut.ends]
        else:
            ends = [end and batch.plan.separator[1] for end in cut.ends]
        parts = target.parts(columns, ends)
        out = b"".join(parts)
        if losses and self.recorder:
            at = starts(parts, self.written)
            for (row, index), noted in sorted(losses.items()):
                for loss in noted:
                    base = at[row * per_row + index * step]
                    self.recorder.add(base + loss.offset, loss.length, loss.original, lossy=False)
        self.input.take(cut.used)
        self.read += cut.used
        self.written += len(out)
        stream.input_bytes, stream.output_bytes = self.read, self.written
        self._count(len(cut.ends))
        self.write(out)
        if self.progress:
            self.progress(stream.input_bytes)

    def _made(
        self,
        batch: Batch,
        columns: Columns,
        row: int,
        source: Table | Fixed,
        target: Table | Fixed,
        offset: Offset,
    ) -> tuple[Columns, dict[tuple[int, int], list[Loss]]]:
        """Return converted columns and what the receipt must keep; row: number of the first among those cut."""

        def at(below: int, index: int) -> int:
            return offset(row + below, index)

        columns, losses = batch.convert(columns, self.record + row, at)
        if isinstance(source, Table) and isinstance(target, Table):
            columns = self._cells(batch.plan.rules, columns, row, source, target, at)
        return columns, losses

    def _first(
        self, plan: Plan, cut: Cut, source: Table | Fixed, target: Table | Fixed, offset: Offset
    ) -> GaijiError | None:
        """Return the error of the first record that has one: together, columns go before records."""
        stream = self.stream
        alone = stream_for(
            stream.resolver, file=stream.file, counting=stream.counting, opening=False
        )
        batch = Batch(plan, alone)
        for row in range(len(cut.ends)):
            columns: Columns = [[column[row]] for column in cut.columns]
            try:
                self._made(batch, columns, row, source, target, offset)
            except GaijiError as error:
                return error
        return None

    def _cells(
        self,
        rules: Iterable[Rule],
        columns: Columns,
        first: int,
        source: Table,
        target: Table,
        offset: Offset,
    ) -> Columns:
        """Return cells with the target's quotes where they stay as they are; BadRecord for one that would be two."""
        made: Columns = []
        marks = [target.delimiter, target.quote, target.newline, target.cr]
        for index, (rule, column) in enumerate(zip(rules, columns, strict=True)):
            if not rule.source:
                column = requoted(column, source, target)
            made.append(column)
            joined = b"".join(column)
            if target.is_simple and not any(mark and mark in joined for mark in marks):
                continue
            for row, cell in enumerate(column):
                if not target.holds(cell):
                    raise BadRecord(
                        "出力の値に区切り・引用符・改行が入り、列がずれます。入力の値を引用符で囲むか、区切りを変えてください。",
                        "The output value would hold a delimiter, quote or line end and shift the columns; quote it in "
                        "the input, or use another delimiter.",
                        where=Where(
                            self.stream.file,
                            self.record + first + row,
                            rule.name,
                            offset(row, index),
                        ),
                    )
        return made


def receipt_header(plan: Plan, layout: Layout, marked: bool) -> dict[str, Any]:
    """Return what a receipt's header says of a layout: the plan; where it is too large, the layout's sha256."""
    told: dict[str, Any] = {"plan": plan.as_list()} if plan.is_small else {"sha256": layout.digest}
    return {"layout": told | ({"mark": 1} if marked else {})}


class _Located:
    """Names record and field of what the engine places by counting lines (場所の特定)."""

    def __init__(self, job: _Job, plan: Plan, table: Table) -> None:
        self._job, self._stream, self._table = job, job.stream, table
        self._names = [rule.name for rule in plan.rules]
        self._rows: list[list[bytes]] = []
        self._ends: list[bytes] = []
        self._starts: list[int] = []

    def of(self, rows: list[list[bytes]], ends: list[bytes]) -> None:
        """Take the records that are converted next."""
        self._rows, self._ends, self._starts = rows, ends, []

    def place(self, offset: int) -> Place:
        """Return the place of a byte offset."""
        if not self._starts:
            columns: list[Sequence[bytes]] = list(zip(*self._rows, strict=True))
            self._starts = starts(self._table.parts(columns, self._ends), self._job.read)
        at = max(bisect_right(self._starts, offset) - 1, 0)
        row, part = divmod(at, 2 * len(self._names))
        return Place(self._job.record + row, self._names[part // 2], offset)

    def relocated(self, data: bytes, final: bool) -> None:
        """Convert these records, and put records and fields into every place that comes new."""
        stream, begin = self._stream, self._job.read
        try:
            self._job.feed(data, final, True)
        except GaijiError as error:
            if self._rows and error.where and error.where.byte_offset is not None:
                place = self.place(error.where.byte_offset)
                error.where = Where(stream.file, place.record, place.field, place.byte_offset)
            raise
        if not self._rows:
            return
        for seen in stream.seen.values():
            index = len(seen.places)
            while index and seen.places[index - 1].byte_offset >= begin:
                index -= 1
                seen.places[index] = self.place(seen.places[index].byte_offset)
        if stream.first_loss and stream.first_loss.byte_offset >= begin:
            stream.first_loss = self.place(stream.first_loss.byte_offset)


def _nothing(_data: bytes | memoryview) -> None:
    """Write nowhere."""
