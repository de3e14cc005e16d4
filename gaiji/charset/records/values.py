"""The values of fields through the engine (項目値の変換), many at once, with every event at its place.

Values are put together with line ends between them and converted in one call, which gives the same bytes and events as
one call each: a line end is a character by itself in every charset and returns to mode 0. Where that is not so (a line
end in a value, codes of two bytes each), they are converted one by one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, cycle
from typing import NamedTuple

from typing_extensions import override

from gaiji.charset.account import Place
from gaiji.charset.receipt import Recorder
from gaiji.charset.records.plans import Rule
from gaiji.charset.resolve import Resolver
from gaiji.charset.stream import Stream
from gaiji.errors import BadRecord, GaijiError, Where

At = Callable[[int], Place]
"""The place of a value's first byte, by its number."""


class Loss(NamedTuple):
    """What a receipt keeps of one place in an output: offset there, length, the original bytes."""

    offset: int
    length: int
    original: bytes


class Capture(Recorder):
    """Takes the events of one call instead of a receipt."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Loss] = []

    @override
    def add(self, offset: int, length: int, original: bytes, *, lossy: bool = True) -> None:
        self.events.append(Loss(offset, length, original))


class Exchange:
    """Converts values by one stream (値の変換). modes: of every n-th value, read and written."""

    def __init__(self, stream: Stream, modes: Sequence[tuple[int, int]]) -> None:
        self.stream, self.modes = stream, modes
        self.resolver: Resolver = stream.resolver
        self.source, self.target = self.resolver.source.script, self.resolver.target.script
        self._newline = self.source.newline
        line_end = self.resolver.resolve(self._newline)
        self._joins = (
            len(self._newline) == len(self.target.newline) == 1
            and line_end.kind == "plain"
            and line_end.out == self.target.newline
        )
        self._open = self._unclosed()
        self._line = re.compile(
            b"(?:%b[\\s\\S]*?%b|[^%b])*+"
            % tuple(
                map(re.escape, (self.target.to_double, self.target.to_single, self.target.newline))
            )
            if self.target.is_shifted
            else b""
        )

    def _unclosed(self) -> re.Pattern[bytes] | None:
        """Return the pattern of two-byte codes that run into the end of a value."""
        script = self.source
        if not script.is_shifted:
            return None
        into = b"|".join(re.escape(code) for code, mode in script.shifts.items() if mode)
        back, end = re.escape(script.to_single), re.escape(script.newline)
        return re.compile(b"(?:%b)(?:(?!%b)[^%b])*+(?:%b|\\Z)" % (into, back, end, end))

    def convert(self, values: list[bytes], at: At) -> tuple[list[bytes], dict[int, list[Loss]]]:
        """Return the converted values, and the events within them by their number; none for one left in mode 1.

        Raises what the engine raises, with the place; BadRecord when a value of two-byte codes holds others.
        """
        self._check_double(values, at)
        wrapped = self._wrapped(values)
        joined = self._newline.join(wrapped) if self._joins else b""
        kept, self.stream.recorder = self.stream.recorder, Capture()
        try:
            one_each = joined.count(self._newline) == len(values) - 1
            if self._joins and one_each and not (self._open and self._open.search(joined)):
                return self._together(joined, wrapped, values, at)
            return self._singly(values, at)
        finally:
            self.stream.recorder = kept

    def _wrapped(self, values: list[bytes]) -> list[bytes]:
        if not any(mode for mode, _ in self.modes):
            return values
        into, back = self.source.to_double, self.source.to_single
        return [
            into + value + back if mode and value else value
            for value, (mode, _) in zip(values, cycle(self.modes), strict=False)
        ]

    def _check_double(self, values: list[bytes], at: At) -> None:
        for first, (mode, _) in enumerate(self.modes):
            for code in self.source.shifts if mode else ():
                for index in range(first, len(values), len(self.modes)):
                    if code in values[index]:
                        self._fail(
                            at(index),
                            values[index].find(code),
                            "2バイトコードだけの項目にシフトコードがあります。レイアウトの mode を mixed にするか、"
                            "項目の位置を確かめてください。",
                            "A field of two-byte codes holds a shift code; declare it mixed, or check its offset.",
                        )

    def _fail(self, place: Place, offset: int, ja: str, en: str) -> None:
        where = Where(self.stream.file, place.record, place.field, place.byte_offset + offset)
        raise BadRecord(ja, en, where=where)

    def _together(
        self, joined: bytes, wrapped: list[bytes], values: list[bytes], at: At
    ) -> tuple[list[bytes], dict[int, list[Loss]]]:
        stream, capture = self.stream, self.stream.recorder
        assert isinstance(capture, Capture)
        stream.piece(b"", record=0)  # from mode 0 on both sides
        begin, written = stream.input_bytes, stream.output_bytes
        real = _Places(wrapped, values, at, len(self.source.to_double))
        try:
            out = stream.feed(joined + self._newline) + stream.insert(b"")
        except GaijiError as error:
            if error.where and error.where.byte_offset is not None:
                place = real(error.where.byte_offset - begin)
                error.where = Where(stream.file, place.record, place.field, place.byte_offset)
            raise
        stream.kinds["plain"] -= len(values)
        self._replace(real, begin)
        parts = self._split(out[: -len(self.target.newline)])
        assert len(parts) == len(values), "a line end came from elsewhere"
        found = self._assigned(capture.events, written, parts)
        return self._bare(parts, found, at), found

    def _replace(self, real: _Places, begin: int) -> None:
        """Put real places where the engine noted offsets of joined values, which all lie behind those before."""
        stream = self.stream
        for seen in stream.seen.values():
            index = len(seen.places)
            while index and seen.places[index - 1].byte_offset >= begin:
                index -= 1
                seen.places[index] = real(seen.places[index].byte_offset - begin)
        if stream.first_loss and stream.first_loss.byte_offset >= begin:
            stream.first_loss = real(stream.first_loss.byte_offset - begin)

    def _split(self, out: bytes) -> list[bytes]:
        if not self.target.is_shifted:
            return out.split(self.target.newline)
        parts, at = [], 0
        while True:
            found = self._line.match(out, at)
            end = found.end() if found else at
            parts.append(out[at:end])
            if end >= len(out):
                return parts
            at = end + len(self.target.newline)

    def _assigned(
        self, events: list[Loss], begin: int, parts: list[bytes]
    ) -> dict[int, list[Loss]]:
        found: dict[int, list[Loss]] = {}
        if not events:
            return found
        step = len(self.target.newline)
        starts = list(accumulate((len(part) + step for part in parts), initial=0))
        for offset, length, original in events:
            index = bisect_right(starts, offset - begin) - 1
            if self.modes[index % len(self.modes)][0]:  # the shift code before it is ours
                original = original.removeprefix(self.source.to_double)
            inside = Loss(offset - begin - starts[index], length, original)
            found.setdefault(index, []).append(inside)
        return found

    def _bare(self, parts: list[bytes], found: dict[int, list[Loss]], at: At) -> list[bytes]:
        """Take the shift codes off the values that have none in the output."""
        if not any(mode for _, mode in self.modes):
            return parts
        into, back = len(self.target.to_double), len(self.target.to_single)
        for first, (_, mode) in enumerate(self.modes):
            for index in range(first, len(parts), len(self.modes)) if mode else ():
                part = parts[index]
                bare = part[into:-back] if part.startswith(self.target.to_double) else part
                self._must_be_double(bare, part, at(index))
                parts[index] = bare
                if index in found:
                    found[index] = [
                        loss._replace(offset=loss.offset - into) for loss in found[index]
                    ]
        return parts

    def _must_be_double(self, bare: bytes, part: bytes, place: Place) -> None:
        shifted = any(code in bare for code in self.target.shifts)
        if shifted or (part and bare is part):
            self._fail(
                place,
                0,
                "2バイトコードだけの出力項目に半角文字は書けません。レイアウトの出力の mode を mixed にしてください。",
                "An output field of two-byte codes cannot hold half-width characters; give its output mode "
                '"mixed".',
            )

    def _singly(self, values: list[bytes], at: At) -> tuple[list[bytes], dict[int, list[Loss]]]:
        outs: list[bytes] = []
        found: dict[int, list[Loss]] = {}
        for index, value in enumerate(values):
            place = at(index)
            mode, out_mode = self.modes[index % len(self.modes)]
            begin, capture = self.stream.output_bytes, Capture()
            self.stream.recorder = capture
            out = self.stream.piece(
                value,
                record=place.record,
                field=place.field,
                byte_offset=place.byte_offset,
                mode=mode,
                out_mode=out_mode,
            )
            if out_mode and any(code in out for code in self.target.shifts):
                self._must_be_double(out, out, place)
            outs.append(out)
            unclosed = self._open and not mode and self._open.search(value)
            if capture.events or unclosed:
                found[index] = [one._replace(offset=one.offset - begin) for one in capture.events]
        return outs, found


class _Places:
    """Finds the place of an offset among joined values."""

    def __init__(self, wrapped: list[bytes], values: list[bytes], at: At, into: int) -> None:
        self._wrapped, self._values, self._at, self._into = wrapped, values, at, into
        self._starts: list[int] | None = None

    def __call__(self, offset: int) -> Place:
        if self._starts is None:
            self._starts = list(accumulate((len(one) + 1 for one in self._wrapped), initial=0))
        index = min(bisect_right(self._starts, offset) - 1, len(self._values) - 1)
        shift = self._into if len(self._wrapped[index]) != len(self._values[index]) else 0
        place = self._at(index)
        inside = max(offset - self._starts[index] - shift, 0)
        return place._replace(byte_offset=place.byte_offset + inside)


class Restorer:
    """Gives back the source of single fields from their output and its events (項目の復元)."""

    def __init__(self, resolver: Resolver) -> None:
        self._back = Stream(resolver.back, opening=False)
        self.source, self.target = resolver.source.script, resolver.target.script

    def field(self, rule: Rule, raw: bytes, losses: Sequence[Loss]) -> bytes | None:
        """Return the field of the source that became this one, or None when its size comes out wrong.

        losses: what the receipt has for it, offsets within the field; one that covers all of it is the field.
        """
        assert rule.source
        assert rule.target
        if len(losses) == 1 and losses[0][:2] == (0, len(raw)):
            return losses[0].original
        value = rule.target.unwrap(self.target, raw)
        skip = len(raw) - len(value) if rule.target.right else 0
        stream, double = self._back, rule.source.mode
        stream.piece(b"", record=0, mode=rule.target.mode, out_mode=double)
        parts: list[bytes] = []
        at = 0
        for offset, length, original in losses:
            parts.append(stream.feed(value[at : offset - skip]))
            parts.append(stream.insert(original, skipped=length))
            at = offset - skip + length
        parts.append(stream.feed(value[at:]))
        parts.append(stream.insert(b"") if double else stream.feed(b"", final=True))
        return rule.source.wrap(self.source, b"".join(parts))
