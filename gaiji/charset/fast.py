"""The engine with the kernel (高速変換): the same bytes, events and counts as `Stream`, several times faster.

The kernel runs over everything its table knows. Where it stops, one token goes through the engine in Python, which
also takes the beginning of a file and whatever a chunk leaves undecided. Pieces of a chunk are stepped in turn; they
are cut behind line ends, where every state is known.
"""

from __future__ import annotations

from itertools import cycle
from mmap import mmap
from typing import Any

from gaiji.charset import kernel
from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.mapfile import FileWay
from gaiji.charset.resolve import EVENTS, Outcome, Resolver
from gaiji.charset.script import InMode, Script
from gaiji.charset.sides import UNLIMITED, Tables
from gaiji.charset.stream import Parts, Seen, Stream
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import is_extender, openers

SMALLEST = 1 << 14
"""Bytes from which the kernel is worth its trouble."""
ROOM = 1 << 20
"""Bytes of output a lane has at once."""
HEAD = 4 * LOOKAHEAD
"""Bytes before a chunk in its buffer, where what the chunk before left undecided is put."""
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

    chunk_bytes = 1 << 20

    def __init__(self, resolver: Resolver, *, after: FastStream | None = None, **how: Any) -> None:
        super().__init__(resolver, **how)
        assert isinstance(resolver.way, FileWay)
        self.tables: Tables = after.tables if after else Tables(resolver)
        self._buffers: list[_Buffers] = after._buffers if after else [_Buffers(), _Buffers()]
        self._spaces = cycle(self._buffers)
        if after:
            self.tables.restart()
        self.openers = openers(resolver.source, resolver.target)
        self._settled: dict[int, int] = {}
        self.noting: dict[int, tuple[bytes, Outcome, Seen]] = {}  # by side

    def feed(self, data: bytes | memoryview, *, final: bool = False) -> bytes:
        """Convert more bytes; see `Stream.feed`."""
        return b"".join(self.parts(data, final=final))

    def space(self, size: int) -> memoryview:
        """Return memory for the next chunk; see `Stream.space`."""
        return next(self._spaces).chunk(size)

    def parts(self, data: bytes | memoryview, *, final: bool = False) -> Parts:
        """Convert more bytes; see `Stream.parts`."""
        buffers = next((one for one in self._buffers if one.holds(data)), self._buffers[0])
        self._buffers = [one for one in self._buffers if one is not buffers] + [buffers]
        parts: list[bytes | memoryview] = []
        if self._opening and len(data) > SMALLEST:
            parts.append(super().feed(data[: 2 * LOOKAHEAD]))
            data = data[2 * LOOKAHEAD :]
        if self._opening or len(self._held) + len(data) < SMALLEST:
            parts.append(super().feed(data, final=final))
        else:
            run = _Run(self, buffers, *buffers.gather(self._held, data))
            parts += run.parts(run.end if final else run.end - LOOKAHEAD)
            self._held = bytes(run.view[run.at : run.end])
            if final:
                parts.append(super().feed(b"", final=True))
        if final:
            self._settle()
        return parts

    def _settle(self) -> None:
        """Add what the kernel counted to the totals."""
        for side, total in self.tables.counts():
            count = total - self._settled.get(side, 0)
            self._settled[side] = total
            kind = self.tables.kind(side) if count else "plain"
            if kind == "plain":
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


class _Buffers:
    """The memory of one chunk, input and output, which stays for the whole file."""

    def __init__(self) -> None:
        self.lanes = [_Lane() for _ in range(kernel.MOST_LANES)]
        self._allot(0)

    def _allot(self, size: int) -> None:
        self.source = bytearray(HEAD + size)
        self.view = memoryview(self.source)
        self.memory = kernel.Memory(self.source)

    def chunk(self, size: int) -> memoryview:
        """Return where a chunk of this size is to stand."""
        if HEAD + size > len(self.source):
            self._allot(size)
        return self.view[HEAD : HEAD + size]

    def holds(self, data: bytes | memoryview) -> bool:
        """Whether data stands here, and not elsewhere."""
        return isinstance(data, memoryview) and data.obj is self.source

    def gather(self, held: bytes, data: bytes | memoryview) -> tuple[int, int]:
        """Put what was held before the data, which is copied unless it stands here; return where both begin and end."""
        if len(held) > HEAD:
            held, data = b"", held + data
        if self.holds(data):
            with kernel.Memory(data) as memory:
                start = memory.address - self.memory.address
        else:
            start = HEAD
            self.chunk(len(data))[:] = data
        self.source[start - len(held) : start] = held
        return start - len(held), start + len(data)


class _Lane:
    """The buffers of one lane."""

    def __init__(self) -> None:
        self.out = memoryview(mmap(-1, ROOM))  # which costs nothing until it is written to
        self.room = kernel.Memory(self.out, writable=True)
        self.events = kernel.Memory(bytearray(EVENTS_AT_ONCE * kernel.EVENT.size), writable=True)


class _Run:
    """One chunk on its way. at: how far it is converted; everything before it is counted."""

    def __init__(self, stream: FastStream, buffers: _Buffers, start: int, end: int) -> None:
        self.stream, self.buffers, self.start, self.end = stream, buffers, start, end
        self.data = buffers.source
        self.view = buffers.view[:end]  # what stands behind is of an earlier chunk
        self.tables = stream.tables
        self.at = start
        self.script = stream.resolver.source.script
        self.newline = self.script.newline
        self._full: set[int] = set()  # sides of which nothing more is wanted in this chunk
        self._odd_end = -1  # where the last odd shift code ended
        self._parts: list[bytes | memoryview] = []

    def _bytes(self, start: int, stop: int) -> bytes:
        return bytes(self.view[start:stop])

    def parts(self, end: int) -> list[bytes | memoryview]:
        """Convert to about `end` and return the outputs in order."""
        sample = bytes(self.view[self.start : self.end : max(1, (self.end - self.start) // 1024)])
        ascii = len(sample.translate(None, _ASCII)) * 4 < len(sample)
        bounds = self._bounds(end, kernel.MOST_ASCII if ascii else kernel.MOST_LANES)
        lanes = kernel.lanes(len(bounds) - 1)
        for number, lane in enumerate(lanes):
            self._begin(lane, number, bounds[number], bounds[number + 1])
        self.tables.table.run(lanes, ascii=ascii)
        for number, lane in enumerate(lanes):
            assert self.at == bounds[number]
            self._finish(lane, number, bounds[number + 1], number + 1 == len(lanes))
        self._quiet()
        return self._parts

    def _quiet(self) -> None:
        """Note no more of what has its first places; not sooner, because lanes are stepped in turn."""
        for side in sorted(self.tables.placed):
            token, outcome = self.tables.told(side)
            if len(self.stream.seen_of(token, outcome).places) >= MAX_PLACES:
                self.tables.quiet(side)
                self.tables.placed.remove(side)

    def _bounds(self, end: int, number: int) -> list[int]:
        """Return where lanes begin and end: behind line ends, but for the first and the last."""
        bounds = [self.start]
        for piece in range(1, number):
            aim = self.start + (end - self.start) * piece // number
            found = self._line_end(max(aim, bounds[-1]), end)
            if found is not None:
                bounds.append(found)
        return [*bounds, end]

    def _line_end(self, start: int, end: int) -> int | None:
        """Return a place behind a line end or, where lines are long, another where the state is known."""
        unit = len(self.newline)
        at = start
        while (at := self.data.find(self.newline, at, end)) >= 0:
            if (at - self.start) % unit == 0 and at + unit < end:
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
            self.data.rfind(one, max(self.start, found - LOOKAHEAD), found) >= 0
            for one in self.stream.openers
        )
        return None if opens and not script.shifts else found + 1

    def _begin(self, lane: kernel.Lane, number: int, start: int, stop: int) -> None:
        buffers, stream = self.buffers.lanes[number], self.stream
        modes = (stream._mode, stream._out.mode) if start == self.at else (0, 0)
        lane.read(self.buffers.memory, start, stop)
        lane.write(buffers.room)
        lane.note(buffers.events)
        lane.state = self.tables.states[f"{modes[0]}0{modes[1]}"]
        lane.characters = 0

    def _finish(self, lane: kernel.Lane, number: int, stop: int, last: bool) -> None:
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
                if self.at >= stop or self.end - self.at < 2:
                    return
            else:
                self._keep()
            self._begin(lane, number, self.at, stop)
            self.tables.table.run((kernel.Lane * 1).from_buffer(lane))

    def _keep(self) -> None:
        """Copy the last output, because the lane's buffer is needed again."""
        if self._parts and isinstance(self._parts[-1], memoryview):
            self._parts[-1] = bytes(self._parts[-1])

    def _take(self, lane: kernel.Lane, number: int) -> int | None:
        """Account for what the kernel did; return the side it stopped at, if it did."""
        stream, buffers = self.stream, self.buffers.lanes[number]
        (key, depth), at, written = self.tables.state(lane.state), lane.consumed, lane.written
        stopped = None
        if lane.status == kernel.STOP:
            stopped = self.tables.side_at(lane.state, self.view, at)
        at -= depth
        mode, fresh, stream._out.mode = map(int, key)
        if fresh:
            at -= len(self.script.to_double if mode else self.script.to_single)
            mode = 1 - mode
        if at < self.at:
            raise self.tables.refused(f"state {lane.state} reads more than there was")
        stream._mode = mode
        characters, events = int(lane.characters), lane.noted(buffers.events)
        if lane.status != kernel.FULL and self.script.is_unicode:
            taken = self._taken_back(at, buffers.out, written, events)
            if taken is not None:
                at, written, stopped = taken[0], taken[1], None
                characters -= 1
        counted = self._note(events)
        stream.newlines += self.buffers.memory.count(self.newline, counted, at)
        stream.kinds["plain"] += characters
        stream.input_bytes += at - self.at
        stream.output_bytes += written
        if at > self.at:
            unit = len(self.newline)
            ended = self.data[at - unit : at] == self.newline
            stream._last = self.newline if ended else b""
        self.at = at
        if written:
            self._parts.append(buffers.out[:written])
        return stopped

    def _note(self, events: list[kernel.Event]) -> int:
        """Give events their places, and the recorder what it needs; return up to where line ends are counted."""
        stream, count = self.stream, self.buffers.memory.count
        counted, base = self.at, stream.input_bytes - self.at
        for event in events:
            if event.side in self._full:
                continue
            if event.side not in stream.noting:
                token, outcome = self.tables.told(event.side)
                stream.noting[event.side] = token, outcome, stream.seen_of(token, outcome)
            token, outcome, seen = stream.noting[event.side]
            start = event.source + event.n_in - len(token)
            stream.newlines += count(self.newline, counted, start)
            counted = start
            place = Place(stream.newlines + 1, None, base + start)
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
        return counted

    def _raw(self, start: int, token: bytes) -> bytes:
        """Return the source bytes of a token, with the shift code right before it."""
        if not self.script.shifts or start == self._odd_end:
            return token
        shift = self.script.to_double if len(token) > 1 else self.script.to_single
        before = self._bytes(max(self.start, start - len(shift)), start)
        return before + token if before == shift else token

    def _taken_back(
        self, at: int, out: memoryview, written: int, events: list[kernel.Event]
    ) -> tuple[int, int] | None:
        """Take back the last character where what follows belongs to it; return place and output length."""
        if at == self.at or not self._extends(at):
            return None
        start = at
        while start > self.at and (start == at or self._extends(start)):
            start -= 1
            while start > self.at and not _begins(self.script, self.data, start, self.start):
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

    def _extends(self, at: int) -> bool:
        """Whether the character of a Unicode encoding that begins at a place belongs to the one before it."""
        text = self._bytes(at, at + 4).decode(self.script.codec or "", "ignore")[:1]
        return text != "" and is_extender(text)

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
        elif side is not None and self.tables.stands_for(side, token):
            outcome = stream.resolver.resolve(token)
            emitted, _ = stream._out.after([outcome.out or b""], outs)
            told = outcome.lossy or outcome.kind in EVENTS
            self.tables.fill(side, token, outcome, emitted, UNLIMITED if told else 0)

    def _convert(self, tokens: list[bytes]) -> None:
        stream = self.stream
        size = sum(map(len, tokens))
        data = self._bytes(self.at, self.at + size)
        stream._mode = stream.resolver.tokens.cut(data, stream._mode)[1]
        self._parts.append(stream._convert(tokens))
        self.at += size


def _begins(script: Script, data: bytearray, at: int, start: int) -> bool:
    """Whether a character of a Unicode encoding begins at a place; start: where some character does."""
    if script.codec == "utf-8":
        return data[at] & 0xC0 != 0x80
    high = data[at + 1] if script.codec == "utf-16-le" else data[at]
    return (at - start) % 2 == 0 and high & 0xFC != 0xDC
