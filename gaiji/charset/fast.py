"""The engine with the kernel (高速変換): the same bytes, events and counts as `Stream`, several times faster.

The kernel runs over everything its table knows. Where it stops, one token goes through the engine in Python, which
also takes the beginning of a file and whatever a chunk leaves undecided. Four pieces of a chunk are stepped in turn;
they are cut behind line ends, where every state is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gaiji.charset import kernel
from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.mapfile import FileWay
from gaiji.charset.resolve import EVENTS, Resolver
from gaiji.charset.script import InMode, Script
from gaiji.charset.sides import UNLIMITED, Tables
from gaiji.charset.stream import Stream
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import is_extender, openers

SMALLEST = 1 << 14
"""Bytes from which the kernel is worth its trouble."""
ROOM = 1 << 20
"""Bytes of output a lane has at once."""
EVENTS_AT_ONCE = 4096
WINDOW = 160
"""Bytes in which every token ends that is no escape or name, and the longest run of shift codes."""
_ASCII = bytes(range(0x80))


def stream_for(resolver: Resolver, **how: Any) -> Stream:
    """Return the fastest stream there is for a resolver: the kernel's, where its way has a table for it."""
    way = resolver.way
    if kernel.AVAILABLE and isinstance(way, FileWay) and "kernel" in way.described:
        return FastStream(resolver, **how)
    how.pop("after", None)
    return Stream(resolver, **how)


class FastStream(Stream):
    """A stream whose way is a mapping file's with a kernel table; see `Stream`.

    after: a stream that has ended with an earlier part of the same file, as this one is to go. Its tables and buffers
    are taken over, and what has all its first places there gets none here.
    """

    chunk_bytes = 1 << 19

    def __init__(self, resolver: Resolver, *, after: FastStream | None = None, **how: Any) -> None:
        super().__init__(resolver, **how)
        assert isinstance(resolver.way, FileWay)
        self.tables: Tables = after.tables if after else Tables(resolver)
        self.lanes: list[_Lane] = (
            after.lanes if after else [_Lane() for _ in range(kernel.MOST_LANES)]
        )
        if after:
            self.tables.restart()
        self.openers = openers(resolver.source, resolver.target)
        self._settled: dict[int, int] = {}
        self._buffer = bytearray()

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """Convert more bytes; see `Stream.feed`."""
        return b"".join(self.parts(data, final=final))

    def parts(self, data: bytes, *, final: bool = False) -> Sequence[bytes | memoryview]:
        """Convert more bytes; see `Stream.parts`."""
        parts: list[bytes | memoryview] = []
        if self._opening and len(data) > SMALLEST:
            parts.append(super().feed(data[: 2 * LOOKAHEAD]))
            data = data[2 * LOOKAHEAD :]
        if self._opening or len(self._held) + len(data) < SMALLEST:
            parts.append(super().feed(data, final=final))
        else:
            size = self._gather(data)
            run = _Run(self, self._buffer, size)
            parts += run.parts(size if final else size - LOOKAHEAD)
            self._held = bytes(memoryview(self._buffer)[run.at : size])
            if final:
                parts.append(super().feed(b"", final=True))
        if final:
            self._settle()
        return parts

    def _gather(self, data: bytes) -> int:
        """Put what was held and the data into the buffer, which stays for the whole file; return their size."""
        held, size = len(self._held), len(self._held) + len(data)
        if size > len(self._buffer):
            self._buffer = bytearray(size + LOOKAHEAD)
        self._buffer[:held] = self._held
        self._buffer[held:size] = data
        return size

    def _settle(self) -> None:
        """Add what the kernel counted to the totals."""
        for side, total in self.tables.counts():
            count = total - self._settled.get(side, 0)
            self._settled[side] = total
            kind = self.tables.kind(side)
            if not count or kind == "plain":
                continue
            self.kinds[kind] += count
            if not self.tables.is_event(side):
                continue
            token, outcome = self.tables.told(side)
            self.losses += count if outcome.lossy else 0
            self.seen_of(token, outcome).count += count
        for seen in self.seen.values():
            seen.places.sort(key=lambda place: place.byte_offset)
            del seen.places[MAX_PLACES:]


class _Lane:
    """The buffers of one lane, which stay for the whole file."""

    def __init__(self) -> None:
        self.out = bytearray(ROOM)
        self.view = memoryview(self.out)
        self.room = kernel.Memory(self.out, writable=True)
        self.events = kernel.Memory(bytearray(EVENTS_AT_ONCE * kernel.EVENT.size), writable=True)


class _Run:
    """One chunk on its way. at: how far it is converted; everything before it is counted."""

    def __init__(self, stream: FastStream, data: bytearray, size: int) -> None:
        self.stream, self.data, self.size = stream, data, size
        self.view = memoryview(data)[:size]
        self.tables = stream.tables
        self.at = 0
        self.script = stream.resolver.source.script
        self.newline = self.script.newline
        self._full: set[int] = set()  # sides of which nothing more is wanted in this chunk
        self._odd_end = -1  # where the last odd shift code ended
        self._parts: list[bytes | memoryview] = []

    def _bytes(self, start: int, stop: int) -> bytes:
        return bytes(self.view[start:stop])

    def parts(self, end: int) -> list[bytes | memoryview]:
        """Convert to about `end` and return the outputs in order."""
        bounds = self._bounds(end)
        lanes = kernel.lanes(len(bounds) - 1)
        sample = bytes(self.view[:: max(1, self.size // 1024)])
        ascii = len(sample.translate(None, _ASCII)) * 4 < len(sample)
        with kernel.Memory(self.view) as memory:
            for number, lane in enumerate(lanes):
                self._begin(lane, number, memory, bounds[number], bounds[number + 1])
            self.tables.table.run(lanes, ascii=ascii)
            for number, lane in enumerate(lanes):
                assert self.at == bounds[number]
                self._finish(lane, number, memory, bounds[number + 1], number + 1 == len(lanes))
        self._quiet()
        return self._parts

    def _quiet(self) -> None:
        """Note no more of what has its first places; not sooner, because lanes are stepped in turn."""
        for side in sorted(self.tables.placed):
            token, outcome = self.tables.told(side)
            if len(self.stream.seen_of(token, outcome).places) >= MAX_PLACES:
                self.tables.quiet(side)
                self.tables.placed.remove(side)

    def _bounds(self, end: int) -> list[int]:
        """Return where lanes begin and end: behind line ends, but for the first and the last."""
        bounds = [0]
        for quarter in range(1, kernel.MOST_LANES):
            found = self._line_end(max(end * quarter // kernel.MOST_LANES, bounds[-1]), end)
            if found is not None:
                bounds.append(found)
        return [*bounds, end]

    def _line_end(self, start: int, end: int) -> int | None:
        """Return a place behind a line end or, where lines are long, another where the state is known."""
        unit = len(self.newline)
        at = start
        while (at := self.data.find(self.newline, at, end)) >= 0:
            if at % unit == 0 and at + unit < end:
                return at + unit
            at += 1
        return self._behind_single(start, end)

    def _behind_single(self, start: int, end: int) -> int | None:
        """Return a place behind a one-byte code that no other code contains, outside escapes and names."""
        if (
            self.stream.resolver.target.template is not None
            or self.stream.resolver.target.script.is_shifted
        ):
            return None
        script, stop = self.script, min(start + LOOKAHEAD, end - 1)
        if script.shifts:
            at = self.data.find(script.to_single, start, stop) + len(script.to_single)
            found = at if at >= start + len(script.to_single) else stop
        else:
            found = next((at for at in range(start, stop) if self.data[at] in script.alone), stop)
        code = self._bytes(found, found + 1)
        known = self.stream._plain.get(code) is not None and code not in script.shifts
        if found >= stop or not known or code in self.stream.openers:
            return None
        if script.is_unicode and self.data[found + 1] >= 0x80:
            return None  # it may belong to the character before it
        opens = any(
            self.data.rfind(one, max(0, found - LOOKAHEAD), found) >= 0
            for one in self.stream.openers
        )
        return None if opens and not script.shifts else found + 1

    def _begin(
        self, lane: kernel.Lane, number: int, memory: kernel.Memory, start: int, stop: int
    ) -> None:
        buffers, stream = self.stream.lanes[number], self.stream
        modes = (stream._mode, stream._out.mode) if start == self.at else (0, 0)
        lane.read(memory, start, stop)
        lane.write(buffers.room)
        lane.note(buffers.events)
        lane.state = self.tables.states[f"{modes[0]}0{modes[1]}"]
        lane.characters = 0

    def _finish(
        self, lane: kernel.Lane, number: int, memory: kernel.Memory, stop: int, last: bool
    ) -> None:
        """Take what the kernel did in a lane, and do what it could not, to the lane's end."""
        while True:
            stopped = self._take(lane, number)
            if lane.status == kernel.DONE:
                if last:
                    return
                rest = self._bytes(self.at, stop)
                is_known = rest in self.stream._plain and (len(rest) == 1 or rest == self.newline)
                if is_known and self.stream._mode == 0:
                    self._convert([rest])
                    return
            if lane.status != kernel.FULL:
                if self.at >= stop:
                    return
                self._keep()
                self._one(stopped)
                if self.at >= stop or self.size - self.at < 2:
                    return
            else:
                self._keep()
            self._begin(lane, number, memory, self.at, stop)
            self.tables.table.run((kernel.Lane * 1).from_buffer(lane))

    def _keep(self) -> None:
        """Copy the last output, because the lane's buffer is needed again."""
        if self._parts and isinstance(self._parts[-1], memoryview):
            self._parts[-1] = bytes(self._parts[-1])

    def _take(self, lane: kernel.Lane, number: int) -> int | None:
        """Account for what the kernel did; return the side it stopped at, if it did."""
        stream, buffers = self.stream, self.stream.lanes[number]
        (key, depth), at, written = self.tables.state(lane.state), lane.consumed, lane.written
        stopped = None
        if lane.status == kernel.STOP:
            stopped = self.tables.side_at(lane.state, self.view, at)
        at -= depth
        mode, fresh, stream._out.mode = map(int, key)
        if fresh:
            at -= len(self.script.to_double if mode else self.script.to_single)
            mode = 1 - mode
        stream._mode = mode
        characters, events = int(lane.characters), lane.noted(buffers.events)
        if lane.status != kernel.FULL and self.script.is_unicode:
            taken = self._taken_back(at, buffers.out, written, events)
            if taken is not None:
                at, written, stopped = taken[0], taken[1], None
                characters -= 1
        self._note(events)
        stream.newlines += kernel.count(self.view[self.at : at], self.newline)
        stream.kinds["plain"] += characters
        stream.input_bytes += at - self.at
        stream.output_bytes += written
        if at > self.at:
            unit = len(self.newline)
            ended = self.data[at - unit : at] == self.newline
            stream._last = self.newline if ended else b""
        self.at = at
        if written:
            self._parts.append(buffers.view[:written])
        return stopped

    def _note(self, events: list[kernel.Event]) -> None:
        """Give events their places, and the recorder what it needs."""
        stream = self.stream
        record, counted = stream.newlines + 1, self.at
        base = stream.input_bytes - self.at
        for event in events:
            if event.side in self._full:
                continue
            token, outcome = self.tables.told(event.side)
            start = event.source + event.n_in - len(token)
            record += self._newlines(counted, start)
            counted = start
            place = Place(record, None, base + start)
            seen = stream.seen_of(token, outcome)
            if not (outcome.lossy and stream.recorder):
                self.tables.placed.add(event.side)
            if len(seen.places) < 2 * MAX_PLACES:
                seen.places.append(place)
            elif event.side in self.tables.placed:
                self._full.add(event.side)
            if outcome.lossy:
                stream.first_loss = stream.first_loss or place
            if stream.recorder and outcome.lossy:
                bare = len(stream.resolver.target.script.bare(outcome.out or b""))
                offset = stream.output_bytes + event.target + self.tables.size(event.side) - bare
                stream.recorder.add(offset, bare, self._raw(start, token))

    def _newlines(self, start: int, stop: int) -> int:
        """Return how many line ends stand between two places where a code begins."""
        if len(self.newline) == 1:
            return self.data.count(self.newline, start, stop)
        return kernel.count(self.view[start:stop], self.newline)

    def _raw(self, start: int, token: bytes) -> bytes:
        """Return the source bytes of a token, with the shift code right before it."""
        if not self.script.shifts or start == self._odd_end:
            return token
        shift = self.script.to_double if len(token) > 1 else self.script.to_single
        before = self._bytes(max(0, start - len(shift)), start)
        return before + token if before == shift else token

    def _taken_back(
        self, at: int, out: bytearray, written: int, events: list[kernel.Event]
    ) -> tuple[int, int] | None:
        """Take back the last character where what follows belongs to it; return place and output length."""
        text = self._bytes(at, at + 4).decode(self.script.codec or "", "ignore")[:1]
        if not text or not is_extender(text) or at == self.at:
            return None
        start = at - 1
        while start > self.at and not _begins(self.script, self.data, start):
            start -= 1
        first = self.stream.resolver.tokens.cut(self._bytes(start, start + WINDOW))[0][0]
        if start + len(first) <= at:
            return None
        token = self._bytes(start, at)
        target = self.stream.resolver.target.script
        outcome = self.stream.resolver.resolve(token)
        bare = target.bare(outcome.out or b"")
        size = len(bare)
        if target.shifts:
            shift = target.to_double if bare != outcome.out else target.to_single
            if out[written - size - len(shift) : written - size] == shift:
                size += len(shift)
                self.stream._out.mode = 1 - self.stream._out.mode
        side = self.tables.side_of(token, bytes(out[written - size : written]))
        if side is not None:
            self.tables.uncount(side)
            if events and events[-1].source + events[-1].n_in == at:
                events.pop()
        return start, written - size

    def _one(self, side: int | None) -> None:
        """Convert the next token, or a shift code and the token after it, with the engine in Python."""
        stream = self.stream
        cut, outs = stream.resolver.tokens, stream._out.mode
        tokens, _ = cut.cut(self._bytes(self.at, self.at + WINDOW), stream._mode)
        if tokens[0] in stream.openers:
            tokens, _ = cut.cut(self._bytes(self.at, self.at + LOOKAHEAD), stream._mode)
        count = 2 if tokens[0] in self.script.shifts and len(tokens) > 1 else 1
        taken = tokens[:count]
        self._convert(taken)
        token = taken[-1]
        if isinstance(token, InMode):
            self._odd_end = self.at
        elif side is not None and self._is_one(token):
            outcome = stream.resolver.resolve(token)
            emitted, _ = stream._out.after([outcome.out or b""], outs)
            told = outcome.lossy or outcome.kind in EVENTS
            self.tables.fill(side, token, outcome, emitted, UNLIMITED if told else 0)

    def _is_one(self, token: bytes) -> bool:
        """Whether a token is just the code that a side stands for, with no selector or mark behind it."""
        return not self.script.is_unicode or len(self.script.decode(token) or "") == 1

    def _convert(self, tokens: list[bytes]) -> None:
        stream = self.stream
        size = sum(map(len, tokens))
        data = self._bytes(self.at, self.at + size)
        stream._mode = stream.resolver.tokens.cut(data, stream._mode)[1]
        self._parts.append(stream._convert(tokens))
        self.at += size


def _begins(script: Script, data: bytearray, at: int) -> bool:
    """Whether a character of a Unicode encoding begins at a place where some unit does."""
    if script.codec == "utf-8":
        return data[at] & 0xC0 != 0x80
    high = data[at + 1] if script.codec == "utf-16-le" else data[at]
    return at % 2 == 0 and high & 0xFC != 0xDC
