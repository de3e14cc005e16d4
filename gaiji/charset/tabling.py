"""The kernel's tables of a mapping file (変換カーネルの表): what each code does, from the rows that say what it means.

In a table only what surely comes back as it was is written at once. Every other code is a *side*, whose occurrences are
counted: ready, if it surely comes back, else asked of the resolver when it first occurs, because policies decide. What
the kernel cannot know by itself is a STOP: bytes that are no character, escapes and names, selectors and other code
points that join the one before them, odd shift codes, and codes without a character where the target has shift codes.
A code point that some row joins with others is a side that is *followed*: what stands after it says which side counts.

A state is (mode read, whether a shift code was just read, mode written).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple

from gaiji.charset.kernel import CONTINUATION, FOLLOWED, MOST_AFTER, SIDE
from gaiji.charset.machine import MOST_OUT, Action, build
from gaiji.charset.mapfile import KEY_SIZE, NO_ROW, RETURNS, ROW, FileWay, MappingFile
from gaiji.charset.resolve import EVENTS
from gaiji.charset.script import Script
from gaiji.charset.sides import UNLIMITED
from gaiji.charset.tokens import Tokens
from gaiji.charset.ways import is_extender, is_selector, joins, openers

State = tuple[int, int, int]


class Tables(NamedTuple):
    """What a mapping file holds for the kernel: what the header says, and sections by name."""

    described: dict[str, Any]
    sections: dict[str, bytes]


def kernel_sections(file: MappingFile) -> dict[str, Tables]:
    """Return the kernel's tables of both ways; none for reading names, which the engine in Python does."""
    ways = {"there": file.there, "back": file.there.back}
    return {name: _tables(way) for name, way in ways.items() if way.source.template is None}


def _tables(way: FileWay) -> Tables:
    maker = _Maker(way)
    machine = build(maker.states(), ascii=(0, 0, 0))
    described = {
        "states": {_shown(key): word for key, word in machine.states.items()},
        "inner": {str(word): [_shown(key), depth] for word, (key, depth) in machine.inner.items()},
        "ascii": machine.ascii,
        "stops": machine.stops.hex(),
    }
    sections = {
        "entries": machine.entries.tobytes(),
        "sides": bytes(maker.sides),
        "siderows": maker.rows.tobytes(),
        "blob": bytes(maker.blob) + bytes(-len(maker.blob) % 8),
    }
    return Tables(described, sections)


def marked_rows(way: FileWay) -> bytes:
    """Return a way's rows, those marked whose output is surely read back as their token (往復の確認)."""
    rows = bytearray(way.file.section(f"{way.name}.rows"))
    if way.source.template is None:
        cut = way.target.tokens(way.source)
        for at in range(len(way.keys)):
            step = way.row(at)
            if step.out is not None and _comes_back(way, cut, way.key(at), step.out):
                rows[at * ROW.size + KEY_SIZE] |= RETURNS
    return bytes(rows)


def _comes_back(way: FileWay, cut: Tokens, token: bytes, out: bytes) -> bool:
    source, target = way.source.script, way.target.script
    bare = target.bare(out)
    if not cut.is_whole(bare) or joins(source, target, token, out):
        return False
    return way.back.step(bare).out == source.standing(token)


def _shown(key: Any) -> str:
    return "".join(map(str, key))


class _Maker:
    """Works out the actions of one way."""

    def __init__(self, way: FileWay) -> None:
        self.way = way
        self.source: Script = way.source.script
        self.target: Script = way.target.script
        self.cut = way.target.tokens(way.source)
        self.sides, self.blob = bytearray(), bytearray()
        self.rows: array[int] = array("I")
        self._places: dict[bytes, int] = {}

    def states(self) -> dict[State, dict[bytes, Action]]:
        """Return the actions of every state."""
        shifted = (0, 1) if self.source.is_shifted else (0,)
        written = (0, 1) if self.target.is_shifted else (0,)
        codes = [
            {out_mode: self._codes(mode, out_mode) for out_mode in written} for mode in shifted
        ]
        states: dict[State, dict[bytes, Action]] = {}
        for mode in shifted:
            for out_mode in written:
                states[mode, 0, out_mode] = codes[mode][out_mode]
                if not self.source.is_shifted:
                    continue
                states[mode, 1, out_mode] = dict(codes[mode][out_mode])
                code = self.source.to_single if mode else self.source.to_double
                states[mode, 0, out_mode][code] = Action(b"", 0, (1 - mode, 1, out_mode))
        return states

    def _codes(self, mode: int, out_mode: int) -> dict[bytes, Action]:
        found = {
            token: action
            for token in self._tokens(mode)
            if (action := self._action(token, mode, out_mode)) is not None
        }
        self._follow(found, mode, out_mode)
        opening = openers(self.way.source, self.way.target)
        for opener, seconds in opening.items():
            if mode == 0 and opener in found:
                self._open(found, opener, {*seconds, *opening})
        return found

    def _tokens(self, mode: int) -> Iterator[bytes]:
        """Yield the tokens that may stand in a table."""
        for at in range(len(self.way.keys)):
            size = self.way.key_size(at)
            token = self.way.keys[at].to_bytes(8)[:size]
            if self.source.is_shifted and size != mode + 1:
                continue
            if self.source.codec is None or self.source.name == "ucs-2" or self._is_one(token):
                yield token
        if self._both_same():
            rows = set(self.way.keys)
            for point in (*range(0xD800), *range(0xF900, 0x10000)):
                token = chr(point).encode(self.source.codec or "")
                if int.from_bytes(token.ljust(8, b"\0")) not in rows and self._is_one(token):
                    yield token

    def _both_same(self) -> bool:
        return self.way.absent.rule == self.way.back.absent.rule == "same"

    def _is_one(self, token: bytes) -> bool:
        """Whether a Unicode token is one code point that joins nothing before it, in up to two units."""
        text = self.source.decode(token)
        if text is None or len(text) != 1 or is_extender(text) or is_selector(text):
            return False
        return self.source.codec == "utf-8" or len(token) == 2

    def _action(self, token: bytes, mode: int, out_mode: int) -> Action | None:
        """Return what a token does, or None for a STOP."""
        state, step = self._state_after(token, mode, out_mode), self.way.step(token)
        if state is None:
            return None
        if step.kind == "plain" and step.out is not None and self._returns(token, step.out):
            emitted, _ = self._emitted(step.out, out_mode)
            if len(emitted) <= MOST_OUT:
                return Action(emitted, 1, state)
        return self._aside(token, mode, out_mode)

    def _aside(self, token: bytes, mode: int, out_mode: int) -> Action:
        """Return what a token that is no STOP does as a side."""
        state, step = self._state_after(token, mode, out_mode), self.way.step(token)
        assert state is not None
        if step.out is None or step.kind is None or not self._returns(token, step.out):
            return self._side(token, state)
        emitted, _ = self._emitted(step.out, out_mode)
        return self._side(token, state, emitted, UNLIMITED if step.kind in EVENTS else 0)

    def _state_after(self, token: bytes, mode: int, out_mode: int) -> State | None:
        """Return the state after a token, or None for a STOP."""
        step = self.way.step(token)
        if step.problem == "malformed":
            return None
        if step.out is None or step.kind is None:
            return None if self.target.is_shifted else (mode, 0, 0)
        return mode, 0, self._emitted(step.out, out_mode)[1]

    def _follow(self, found: dict[bytes, Action], mode: int, out_mode: int) -> None:
        """Let a code point be followed by what some row joins with it, such as a selector."""
        for base, tokens in self._joined.items():
            if len(base) == 1:
                continue
            alone = found.get(base)
            after = {one: self._state_after(one, mode, out_mode) for one in tokens}
            states = {state for state in after.values() if state is not None}
            if len(states | ({alone.state} if alone else set())) != 1 or not states:
                continue
            known = {one: self._aside(one, mode, out_mode) for one, state in after.items() if state}
            if alone:
                is_side = isinstance(alone.out, int)
                known[base] = alone if is_side else self._aside(base, mode, out_mode)
            listed = b"".join(
                CONTINUATION.pack(action.out, len(one) - len(base), one[len(base) :])
                for one, action in known.items()
            )
            self.sides += SIDE.pack(self._place(listed), len(known), FOLLOWED, 0, 0)
            self.rows.append(NO_ROW)
            found[base] = Action(len(self.rows) - 1, 1, states.pop())

    @cached_property
    def _joined(self) -> dict[bytes, list[bytes]]:
        """The tokens of more than one code point by their first, the longest first.

        Of shared characters alone, many of which have a selector: a text in the code of a city has hardly any.
        """
        joined: dict[bytes, list[bytes]] = {}
        cut = self.way.source.tokens(self.way.target)
        reads_shared = self.source.codec and not self.way.source.is_code_set
        for at in range(len(self.way.keys)) if reads_shared else ():
            token = self.way.key(at)
            text = self.source.decode(token) or ""
            base = text[:1].encode(self.source.codec or "")
            fits = len(text) > 1 and len(token) - len(base) <= MOST_AFTER
            if fits and self._is_one(base) and cut.is_whole(token):
                joined.setdefault(base, []).append(token)
        return {base: sorted(tokens, key=len, reverse=True) for base, tokens in joined.items()}

    def _returns(self, token: bytes, out: bytes) -> bool:
        at = self.way.place(token)
        return (
            _comes_back(self.way, self.cut, token, out) if at is None else self.way.row_returns(at)
        )

    def _side(self, token: bytes, state: State, out: bytes | None = None, limit: int = 0) -> Action:
        """Make a side: ready, if what it writes is known whatever the policies are."""
        at = self.way.place(token)
        if at is None or out is None:
            self.sides += SIDE.pack(0, 0, 0, 0, 0)
        else:
            self.sides += SIDE.pack(self._place(out), len(out), 1, 0, limit)
        self.rows.append(NO_ROW if at is None else at)
        return Action(len(self.rows) - 1, 1, state)

    def _place(self, text: bytes) -> int:
        """Return where a text stands in the blob."""
        if text not in self._places:
            self._places[text] = len(self.blob)
            self.blob += text
        return self._places[text]

    def _emitted(self, out: bytes, out_mode: int) -> tuple[bytes, int]:
        """Return the bytes of a standing form in a mode, shift code included, and the mode after it."""
        if not self.target.is_shifted:
            return out, 0
        bare = self.target.bare(out)
        double = int(bare != out)
        shift = self.target.to_double if double else self.target.to_single
        return (bare if double == out_mode else shift + bare), double

    def _open(self, found: dict[bytes, Action], opener: bytes, seconds: set[bytes]) -> None:
        """Stop at an opener, but not where what follows it is one byte that says it opens nothing."""
        one = found.pop(opener)
        if len(opener) > 1 or not isinstance(one.out, bytes):
            return
        for second, two in list(found.items()):
            if len(second) == 1 and second not in seconds and isinstance(two.out, bytes):
                out = one.out + self._after(one, second, two)
                if len(out) <= MOST_OUT:
                    found[opener + second] = Action(out, 2, two.state)

    def _after(self, one: Action, second: bytes, two: Action) -> bytes:
        """Return what a code writes after another one, whose mode written may differ from where both began."""
        assert isinstance(two.out, bytes)
        step = self.way.step(second)
        assert step.out is not None
        assert isinstance(one.state, tuple)
        return self._emitted(step.out, one.state[2])[0]
