"""The kernel's tables of one way while it runs (変換カーネルの表): entries from the mapping file, sides of its own.

A side is a code whose occurrences are counted. Those that surely come back are ready in the mapping file; what becomes
of the others depends on policies, and is filled in when they first occur.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import compress

from gaiji.charset import kernel
from gaiji.charset.mapfile import NO_ROW, FileWay
from gaiji.charset.resolve import EVENTS, Outcome, Resolver
from gaiji.errors import BadMappingFile

BLOB = 1 << 20
UNLIMITED = (1 << 64) - 1
"""A limit of events that is never reached."""


class Tables:
    """The kernel's tables of one way, with sides that fill up as codes occur (変換カーネルの表)."""

    def __init__(self, resolver: Resolver) -> None:
        way = resolver.way
        assert isinstance(way, FileWay)
        told, self.where = way.described["kernel"], way.file.where
        self.way, self.resolver = way, resolver
        try:
            ready = way.file.section(f"{way.name}.blob")
            self.used = len(ready)
            self.blob = bytearray(self.used + BLOB)
            self.blob[: self.used] = ready
            self.rows = way.file.section(f"{way.name}.siderows").cast("I")
            self.entries = way.file.section(f"{way.name}.entries")
            self.words = self.entries.cast("Q")
            self.sides = bytearray(way.file.section(f"{way.name}.sides"))
            if len(self.rows) * kernel.SIDE.size != len(self.sides):
                raise ValueError("sides and their rows differ in number")
            if max({*self.rows} - {NO_ROW}, default=-1) >= len(way.keys):
                raise ValueError("a side has no row")
            stops = bytes.fromhex(told["stops"])
            self.table = kernel.Table(
                self.entries, self.sides, self.blob, ascii=told["ascii"], stops=stops
            )
            self.table.check()
            self.states: dict[str, int] = told["states"]
            self.keys = {word: (key, 0) for key, word in self.states.items()}
            self.keys |= {int(word): (key, depth) for word, (key, depth) in told["inner"].items()}
            self._check_states(way)
        except (ValueError, TypeError, KeyError) as error:
            raise self.refused(error) from None
        self._told: dict[int, tuple[bytes, Outcome]] = {}
        self._sides: dict[bytes, list[int]] = {}  # by token, once somebody asks
        self.placed: set[int] = set()  # sides whose first places are still wanted

    def restart(self) -> None:
        """Count from 0 again, for the next part of the same file; what has its first places stays quiet."""
        counts = memoryview(self.sides).cast("Q")[1 :: kernel.SIDE.size // 8]
        for side in range(len(counts)):
            counts[side] = 0
        self.placed.clear()

    def _check_states(self, way: FileWay) -> None:
        """Refuse states that lanes could not begin or end in. Raises ValueError."""
        read = "01" if way.source.script.is_shifted else "0"
        written = "01" if way.target.script.is_shifted else "0"
        if set(self.states) != {a + b + c for a in read for b in read for c in written}:
            raise ValueError("its states are not those of the two ends")
        for word, (key, depth) in self.keys.items():
            size = {16: 65536, 24: 256}.get(word & 31, 1 << 32)
            inside = (word >> 5) * 256 + size <= len(self.words)
            if key not in self.states or not 0 <= depth < 8 or not inside:
                raise ValueError(f"there is no state {word}")

    def refused(self, reason: object) -> BadMappingFile:
        """Return the error for a table that no export makes."""
        return BadMappingFile(
            f"対応表ファイルの変換表に誤りがあります ({reason})。もう一度作ってください。",
            f"The table in the mapping file is unsafe ({reason}); export it again.",
            where=self.where,
        )

    def state(self, word: int) -> tuple[str, int]:
        """Return where a lane stands: the state a code began in, and how many of its bytes were read."""
        if word not in self.keys:
            raise self.refused(f"state {word} has no name")
        return self.keys[word]

    def side_at(self, state: int, data: memoryview, at: int) -> int | None:
        """Return the side of the entry a lane stopped at, or None for a STOP."""
        first = state >> 5 << 8
        wide = state & 31 == 16
        index = data[at] << 8 | data[at + 1] if wide else data[at]
        entry = self.words[first + index]
        side, n_in = entry & 0xFFFFFFFF, entry >> 62
        if not (entry >> 35 & 1 and n_in):
            return None
        offset, length, action, *_ = kernel.SIDE.unpack_from(self.sides, side * kernel.SIDE.size)
        if action != kernel.FOLLOWED:
            return side
        size = length * kernel.CONTINUATION.size
        after = bytes(data[at + n_in : at + n_in + kernel.MOST_AFTER])
        listed = kernel.CONTINUATION.iter_unpack(self.blob[offset : offset + size])
        return next((one for one, count, text in listed if after.startswith(text[:count])), None)

    def stands_for(self, side: int, token: bytes) -> bool:
        """Whether a token is just what a side stands for, with no further selector or mark behind it."""
        if self.rows[side] != NO_ROW:
            return self.way.key(self.rows[side]) == token
        script = self.resolver.source.script
        return not script.is_unicode or len(script.decode(token) or "") == 1

    def fill(self, side: int, token: bytes, outcome: Outcome, out: bytes, limit: int) -> None:
        """Let the kernel do a side by itself from now on, as long as the blob has room."""
        if self.used + len(out) > len(self.blob) - 8 or self._field(side, 2):
            return
        self.blob[self.used : self.used + len(out)] = out
        kernel.SIDE.pack_into(self.sides, side * kernel.SIDE.size, self.used, len(out), 1, 0, limit)
        self.used += len(out)
        self._told[side] = token, outcome

    def quiet(self, side: int) -> None:
        """Note a side's occurrences no more."""
        fields = list(kernel.SIDE.unpack_from(self.sides, side * kernel.SIDE.size))
        fields[4] = 0
        kernel.SIDE.pack_into(self.sides, side * kernel.SIDE.size, *fields)

    def _field(self, side: int, field: int) -> int:
        return int(kernel.SIDE.unpack_from(self.sides, side * kernel.SIDE.size)[field])

    def size(self, side: int) -> int:
        """Return how many bytes a side writes, its shift code included."""
        return self._field(side, 1)

    def counts(self) -> Iterator[tuple[int, int]]:
        """Yield every side that occurred, and how often."""
        counts = memoryview(self.sides).cast("Q")[1 :: kernel.SIDE.size // 8].tolist()
        yield from compress(enumerate(counts), counts)

    def told(self, side: int) -> tuple[bytes, Outcome]:
        """Return the token of a side and what becomes of it."""
        if side not in self._told:
            if self.rows[side] == NO_ROW:
                raise self.refused(f"side {side} is ready and has no row")
            token = self.way.key(self.rows[side])
            self._told[side] = token, self.resolver.resolve(token)
        return self._told[side]

    def kind(self, side: int) -> str:
        """Return the kind of a side."""
        known = None if side in self._told else self._row_kind(side)
        return known or self.told(side)[1].kind

    def is_event(self, side: int) -> bool:
        """Whether a side's occurrences are told one by one."""
        if side not in self._told:
            return self._row_kind(side) in EVENTS
        outcome = self._told[side][1]
        return outcome.lossy or outcome.kind in EVENTS

    def _row_kind(self, side: int) -> str | None:
        row = self.rows[side]
        return None if row == NO_ROW else self.way.row_kind(row)

    def side_of(self, token: bytes, out: bytes) -> int | None:
        """Return the side that wrote these bytes for a token, or None."""
        if not self._sides:
            for side, row in enumerate(self.rows):
                if row == NO_ROW:
                    continue
                self._sides.setdefault(self.way.key(row), []).append(side)
        for side in self._sides.get(token, ()):
            offset, size = self._field(side, 0), self._field(side, 1)
            if self._field(side, 2) and self.blob[offset : offset + size] == out:
                return side
        return None

    def uncount(self, side: int) -> None:
        """Take back one occurrence of a side."""
        fields = list(kernel.SIDE.unpack_from(self.sides, side * kernel.SIDE.size))
        fields[3] -= 1
        kernel.SIDE.pack_into(self.sides, side * kernel.SIDE.size, *fields)
