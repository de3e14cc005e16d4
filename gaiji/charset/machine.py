"""Tables for the kernel (変換表の組立て): from what each code does in each state to entries of 64 bits.

The entries are described at the top of kernel.c. A state the caller names is wide: two bytes are looked up
at once, and two one-byte codes in a row become one entry where their outputs fit. Codes longer than that go
through inner states of one byte each. What nobody said is STOP: the caller sees to it.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from gaiji.charset.kernel import MOST_STOPS

MOST_OUT = 4
MOST_CHARACTERS = 2
MOST_BLOCKS = 1 << 19

Key = Any
"""How the caller calls a state, something hashable: for instance (mode of the source, mode of the target)."""


class Action(NamedTuple):
    """What a code does (符号の働き): out: up to 4 bytes, the index of a side, or None to stop there.

    characters: 0-2, what it counts as. state: the state after it.
    """

    out: bytes | int | None
    characters: int
    state: Key


@dataclass(frozen=True)
class Machine:
    """A built table (変換表). states: the state words of the caller's states, for lanes.

    inner: the state words inside long codes: the state the code began in and how many of its bytes are
    read; nothing of it was written or counted. A lane that ends there is set back by so many bytes.
    ascii, stops: the state, or 0, in which ASCII but for these bytes stands for itself.
    """

    entries: array[int]
    states: Mapping[Key, int]
    inner: Mapping[int, tuple[Key, int]]
    ascii: int
    stops: bytes


# fields of an entry; kernel.c has the same
N_OUT, ASIDE, CHARACTERS, STATE, N_IN = 32, 1 << 35, 36, 38, 62
WIDE, NARROW, WORD = 16, 24, 0xFFFFFF
STOP_ENTRY = ASIDE


def build(states: Mapping[Key, Mapping[bytes, Action]], *, ascii: Key | None = None) -> Machine:
    """Return the table of what each code does in each state.

    states: codes of any length by state. In one state a one-byte code may begin longer ones: the longer
    one counts where it stands, and where only its first two bytes do, the table stops. ascii: the state that
    may get the ASCII path; it gets none if more than MOST_STOPS ASCII bytes are not themselves there.
    Raises ValueError for actions no entry can hold, unknown states, a longer code beginning with another of
    two bytes or more, and tables over MOST_BLOCKS.
    """
    return _Builder(states).built(ascii)


class _Builder:
    def __init__(self, states: Mapping[Key, Mapping[bytes, Action]]) -> None:
        self.states = states
        self.words = {key: n << 13 | WIDE for n, key in enumerate(states)}
        self.blocks = 256 * len(states)
        self.inner: dict[int, tuple[Key, int]] = {}
        self.narrow: list[array[int]] = []
        self.alone = {key: self._alone(codes) for key, codes in states.items()}

    def built(self, ascii: Key | None) -> Machine:
        entries: array[int] = array("Q")
        for key, codes in self.states.items():
            entries += self._wide(key, codes)
        for block in self.narrow:
            entries += block
        if self.blocks > MOST_BLOCKS:
            raise ValueError(f"a table has at most {MOST_BLOCKS} blocks of 256 entries")
        stops = self._stops(ascii) if ascii is not None else b""
        state = self.words[ascii] if ascii is not None and len(stops) <= MOST_STOPS else 0
        return Machine(entries, self.words, self.inner, state, stops if state else b"")

    def _alone(self, codes: Mapping[bytes, Action]) -> dict[int, Action]:
        """Return the one-byte codes that begin no longer one and write themselves."""
        starts = {code[0] for code in codes if len(code) > 1}
        return {
            code[0]: action
            for code, action in codes.items()
            if len(code) == 1 and isinstance(action.out, bytes) and code[0] not in starts
        }

    def _wide(self, key: Key, codes: Mapping[bytes, Action]) -> array[int]:
        block = array("Q", [STOP_ENTRY]) * 65536
        long: dict[bytes, dict[bytes, Action]] = {}
        for code, action in codes.items():
            if len(code) == 1:
                start = code[0] << 8
                block[start : start + 256] = array("Q", [self._entry(action, 1)]) * 256
        for first, action in self.alone[key].items():
            self._join(block, first, action)
        for code, action in codes.items():
            if len(code) == 2:
                block[code[0] << 8 | code[1]] = self._entry(action, 2)
            elif len(code) > 2:
                long.setdefault(code[:2], {})[code[2:]] = action
            elif not code:
                raise ValueError("a code has at least one byte")
        for prefix, rest in long.items():
            if prefix in codes:
                raise ValueError(f"longer codes begin with the code {prefix.hex().upper()}")
            block[prefix[0] << 8 | prefix[1]] = self._narrow(key, 2, rest, prefix)
        return block

    def _join(self, block: array[int], first: int, one: Action) -> None:
        """Put entries for a byte and a byte after it where both fit."""
        assert isinstance(one.out, bytes)
        size = len(one.out)
        start = self._entry(one, 1) & ~(WORD << STATE)
        for second, two in self.alone[one.state].items():
            assert isinstance(two.out, bytes)
            fits = size + len(two.out) <= MOST_OUT
            if fits and one.characters + two.characters <= MOST_CHARACTERS:
                added = self._entry(two, 1)
                out = (added & 0xFFFFFFFF) << 8 * size
                block[first << 8 | second] = start + (added >> 32 << 32) + out

    def _narrow(self, key: Key, depth: int, codes: Mapping[bytes, Action], prefix: bytes) -> int:
        """Make an inner state and return the entry that leads to it."""
        word = self.blocks << 5 | NARROW
        self.blocks += 1
        self.inner[word] = key, depth
        block = array("Q", [STOP_ENTRY]) * 256
        self.narrow.append(block)
        long: dict[int, dict[bytes, Action]] = {}
        for code, action in codes.items():
            if len(code) == 1:
                block[code[0]] = self._entry(action, 1)
            else:
                long.setdefault(code[0], {})[code[1:]] = action
        for first, rest in long.items():
            longer = prefix + bytes([first])
            if bytes([first]) in codes:
                raise ValueError(f"longer codes begin with the code {longer.hex().upper()}")
            block[first] = self._narrow(key, depth + 1, rest, longer)
        return word << STATE | (2 if depth == 2 else 1) << N_IN

    def _entry(self, action: Action, n_in: int) -> int:
        out, characters, state = action
        if out is None:
            return STOP_ENTRY
        if state not in self.words:
            raise ValueError(f"no state is called {state!r}")
        if not 0 <= characters <= MOST_CHARACTERS:
            raise ValueError(f"a code counts as {characters} characters")
        after = characters << CHARACTERS | self.words[state] << STATE | n_in << N_IN
        if isinstance(out, int):
            if not 0 <= out < 1 << 32:
                raise ValueError(f"there is no side {out}")
            return out | ASIDE | after
        if len(out) > MOST_OUT:
            raise ValueError(f"{out.hex().upper()} is longer than an entry; make it a side")
        return int.from_bytes(out, "little") | len(out) << N_OUT | after

    def _stops(self, key: Key) -> bytes:
        alone = self.alone[key]
        return bytes(b for b in range(128) if alone.get(b) != Action(bytes([b]), 1, key))
