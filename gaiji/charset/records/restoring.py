"""The original of a file that was converted by a layout (レコードの復元), field by field from its places and events."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO

from gaiji.charset.account import Place
from gaiji.charset.fast import stream_for
from gaiji.charset.receipt import Event
from gaiji.charset.records.batch import exchange, starts
from gaiji.charset.records.boxes import Box
from gaiji.charset.records.cutting import CHUNK, Input, requoted, shapes
from gaiji.charset.records.fixed import Cut, Fixed
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.plans import FREE, Plan, Rule, bind
from gaiji.charset.records.rows import BadCell, Table
from gaiji.charset.records.values import Loss, Restorer
from gaiji.charset.resolve import Resolver
from gaiji.errors import BadReceipt, BadRecord, Where


def restore_records(
    opened: BinaryIO,
    header: dict[str, Any],
    events: Iterator[Event],
    resolver: Resolver,
    *,
    layout: Layout | None = None,
    to: str | None = None,
    file: str | None = None,
    chunk_bytes: int = CHUNK,
) -> Iterator[bytes]:
    """Yield the original bytes of a file converted by a layout (復元).

    header: the receipt's; call this where it has `layout`. resolver: of the conversion, not of the way back. layout:
    the one of the conversion, where the receipt keeps its sha256 only; to: the target as `--to` had it. Raises
    BadReceipt without that layout or with another one, and when the file is not the converted one.
    """
    told = header["layout"]
    data = Input(opened, chunk_bytes)
    work = _Restoring(data, resolver, events, file)
    marked = work.mark() if told.get("mark") else b""
    if marked:
        yield marked
    plan = Plan.from_list(told["plan"]) if "plan" in told else None
    if plan is None:
        plan = work.bound(_checked(layout, told.get("sha256")), to)
    yield from work.run(plan)


def _checked(layout: Layout | None, digest: Any) -> Layout:
    if layout is None:
        raise BadReceipt(
            "この控えにはレイアウト全体が入っていません。変換に使ったレイアウトを --layout で指定してください。",
            "The layout was too large for the receipt; name the one of the conversion with --layout.",
        )
    if layout.digest != digest:
        raise BadReceipt(
            "指定されたレイアウトは変換に使ったものと異なります。変換時のレイアウトを指定してください。",
            "This layout is not the one of the conversion; name that one.",
            where=Where(layout.file),
        )
    return layout


class _Restoring:
    """One converted file on its way back."""

    def __init__(
        self, data: Input, resolver: Resolver, events: Iterator[Event], file: str | None
    ) -> None:
        self.input, self.resolver, self.file = data, resolver, file
        self.stream = stream_for(resolver.back, file=file, opening=False)
        self.source, self.target = resolver.source.script, resolver.target.script
        self.read = 0
        self.record = 1
        self._restorer = Restorer(resolver)
        self._events = _placed(events)
        self._next = next(self._events, None)

    def mark(self) -> bytes:
        """Return the byte order mark of the source, taking what became of it."""
        original = self.resolver.mark or b""
        event = self._next
        if event and event.offset == 0 and event.original == original:
            self._take(event.length)
            self._next = next(self._events, None)
            return original
        self._take(len(self.resolver.back.mark or b""))
        return original

    def _take(self, size: int) -> bytes:
        self.input.fill(size)
        taken = self.input.take(size)
        self.read += len(taken)
        return taken

    def bound(self, layout: Layout, to: str | None) -> Plan:
        """Return the plan of a layout that the receipt only names."""
        first: list[bytes] = []
        if layout.is_table:
            table = Table(self.target, layout.delimiter, layout.quote)
            for data, final in self.input.rounds():
                rows = table.cut(data, final=final).rows
                if rows:
                    back = self.resolver.back
                    first = [back.bytes_for(table.inside(cell)) or b"" for cell in rows[0]]
                    break
        return bind(layout, self.resolver, to, first=first)

    def run(self, plan: Plan) -> Iterator[bytes]:
        """Yield the original, some records at a time."""
        source, target = shapes(plan, self.resolver)
        heading = plan.header
        for data, final in self.input.rounds():
            rules: Sequence[Rule] = plan.rules
            if heading and isinstance(target, Table):
                cut = self._cut(target, data, final, 1)
                if not cut.ends:
                    continue
                yield self._back((FREE,) * len(rules), plan, cut, source, target)
                heading = False
                data = self.input.data
            cut = self._cut(target, data, final)
            if cut.ends:
                yield self._back(rules, plan, cut, source, target)

    def _cut(self, target: Table | Fixed, data: bytes, final: bool, most: int | None = None) -> Cut:
        if isinstance(target, Fixed):
            return target.cut(data, final, Where(self.file, self.record, None, self.read))
        try:
            rows, ends, used = target.cut(data, final=final)
        except BadCell as bad:
            where = Where(self.file, self.record + bad.row, None, self.read + bad.offset)
            raise BadRecord(*bad.text, where=where) from None
        if most and rows:
            rows, ends = rows[:most], ends[:most]
            used = sum(map(len, target.parts([[cell] for cell in rows[0]], ends)))
        try:
            return Cut(list(zip(*rows, strict=True)), ends, used)
        except ValueError:
            raise BadRecord(
                "レコードの列の数がそろっていません。変換直後のファイルを指定してください。",
                "Records differ in their number of cells; name the file as it was converted.",
                where=Where(self.file, self.record, None, self.read),
            ) from None

    def _back(
        self,
        rules: Sequence[Rule],
        plan: Plan,
        cut: Cut,
        source: Table | Fixed,
        target: Table | Fixed,
    ) -> bytes:
        """Return the original of whole records."""
        if len(cut.columns) != len(rules):
            raise BadRecord(
                f"レコードの列が {len(cut.columns)} 個で、控えの {len(rules)} 個と違います。"
                "変換直後のファイルを指定してください。",
                f"The record has {len(cut.columns)} cells and the receipt {len(rules)}; name the file as it was "
                "converted.",
                where=Where(self.file, self.record, None, self.read),
            )
        losses = self._losses(cut, target)
        columns: list[Sequence[bytes]] = list(cut.columns)
        texts = [(index, rule) for index, rule in enumerate(rules) if rule.source]
        if texts:
            values = [
                rule.target.unwrapped(self.target, columns[index])
                for index, rule in texts
                if rule.target
            ]
            for nth, (index, _) in enumerate(texts):
                for row, of in losses:
                    if of == index:
                        values[nth][row] = b""
            back = exchange(self.stream, [_turned(rule) for _, rule in texts])
            flat = list(chain.from_iterable(zip(*values, strict=True)))
            place = Place(self.record, None, self.read)
            made, _ = back.convert(flat, lambda _: place)
            for nth, (index, rule) in enumerate(texts):
                columns[index] = self._wrapped(rule, made[nth :: len(texts)], index, losses, cut)
        ends: Sequence[bytes]
        if isinstance(source, Table) and isinstance(target, Table):
            for index, rule in enumerate(rules):
                if not rule.source:
                    columns[index] = requoted(columns[index], target, source)
            ends = [source.end(target, end) for end in cut.ends]
        else:
            ends = [end and plan.separator[0] for end in cut.ends]
        self._take(cut.used)
        self.record += len(cut.ends)
        return b"".join(source.parts(columns, ends))

    def _wrapped(
        self,
        rule: Rule,
        made: list[bytes],
        index: int,
        losses: dict[tuple[int, int], list[Loss]],
        cut: Cut,
    ) -> list[bytes]:
        assert rule.source
        box: Box = rule.source
        whole = box.wrapped(self.source, made)
        for (row, of), noted in losses.items():
            if of == index:
                whole[row] = self._restorer.field(rule, cut.columns[index][row], noted)
        found = [one for one in whole if one is not None]
        if len(found) != len(whole) or (box.size and any(len(one) != box.size for one in found)):
            raise BadRecord(
                "項目の長さが元と合いません。変換直後のファイルと控えを指定してください。",
                "A field does not come back in its length; name the file as it was converted, and its receipt.",
                where=Where(self.file, self.record, None, self.read),
            )
        return found

    def _losses(self, cut: Cut, target: Table | Fixed) -> dict[tuple[int, int], list[Loss]]:
        """Return the events of these records by record and field, offsets within the field."""
        end = self.read + cut.used
        found: dict[tuple[int, int], list[Loss]] = {}
        at: list[int] = []
        table = isinstance(target, Table)
        per_row = 2 * len(cut.columns) if table else len(cut.columns) + 1
        while self._next and self._belongs(self._next, end, table):
            if not at:
                at = starts(target.parts(cut.columns, cut.ends), self.read)
            loss = self._next
            part = bisect_right(at, loss.offset) - 1
            if not table and not loss.length and loss.offset > self.read:  # at the end of a field
                part = bisect_right(at, loss.offset - 1) - 1
            row, place = divmod(min(part, len(at) - 2), per_row)
            index = place // 2 if table else place
            inside = loss._replace(
                offset=loss.offset - at[row * per_row + (index * 2 if table else index)]
            )
            found.setdefault((row, index), []).append(inside)
            self._next = next(self._events, None)
        return found

    def _belongs(self, loss: Loss, end: int, table: bool) -> bool:
        return loss.offset < end or (loss.offset == end and not loss.length and not table)


def _placed(events: Iterator[Event]) -> Iterator[Loss]:
    """Yield the receipt's events with their offsets in the file."""
    at = 0
    for gap, length, original in events:
        yield Loss(at + gap, length, original)
        at += gap + length


def _turned(rule: Rule) -> Rule:
    """Return a rule the other way round."""
    return rule._replace(source=rule.target, target=rule.source)
