"""The engine (変換エンジン): bytes in, bytes out, whatever the chunks, with every event counted and placed.

This is the reference implementation in Python; the kernel gives the same bytes, events and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import cast

from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.receipt import Recorder
from gaiji.charset.resolve import EVENTS, Outcome, Resolver
from gaiji.charset.script import InMode
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import Kind
from gaiji.errors import MalformedInput, Text, UnmappedCode, Where

ENGINE_REVISION = "5"
MAX_SEEN = 50_000
"""Distinct codes that a report tells apart; real files have a few thousand, forged escapes any number."""

Parts = Sequence[bytes | memoryview]
"""Output in order (出力片)."""


class Seen:
    """All occurrences of one token with one outcome that is an event: outcome, count, first places."""

    def __init__(self, outcome: Outcome, count: int = 0, places: list[Place] | None = None) -> None:
        self.outcome, self.count, self.places = outcome, count, places or []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Seen) and vars(self) == vars(other)


class Stream:
    """One file going through a conversion. Attributes are totals so far.

    counting: unmapped codes under the policy `error` are counted instead of raised (for dry runs).
    opening: whether this is the beginning of the file, where U+FEFF is a mark.
    """

    chunk_bytes = 1 << 16  # how much is best fed at once

    def __init__(
        self,
        resolver: Resolver,
        *,
        file: str | None = None,
        counting: bool = False,
        recorder: Recorder | None = None,
        opening: bool = True,
    ) -> None:
        self.resolver, self.file, self.counting, self.recorder = resolver, file, counting, recorder
        self.input_bytes = self.output_bytes = self.losses = self.newlines = 0
        self.kinds: Counter[str] = Counter()
        self.seen: dict[tuple[bytes, Kind, bool], Seen] = {}
        self.first_loss: Place | None = None
        self._plain = resolver.plain
        self._tokens = resolver.tokens
        self._out = _Joiner(resolver)
        self._opening = opening
        self._held = b""
        self._mode = 0
        self._last = self._tokens.newline

    @property
    def records(self) -> int:
        """Records read: lines, the last one counted even without its line end."""
        return self.newlines + (self._last != self._tokens.newline)

    def feed(self, data: bytes | memoryview, *, final: bool = False) -> bytes:
        """Convert more bytes; what could still belong to a longer token is held until it is decided.

        final: this is the end of the file, where shift codes return to mode 0.
        Raises MalformedInput or UnmappedCode with the place, as the policies say.
        """
        data = self._held + data
        if not final and len(data) < 2 * LOOKAHEAD:
            self._held = data
            return b""
        tokens, mode = self._tokens.cut(data, self._mode)
        held = 0
        if not final:
            held, mode = self._tokens.hold(tokens, mode)
        self._held = data[len(data) - held :]
        self._mode = mode
        out = self._convert(tokens)
        return out + self._close() if final else out

    def space(self, size: int) -> memoryview:
        """Return memory to read a chunk into, so that `parts` need not copy it; the next call but one may reuse it."""
        return memoryview(bytearray(size))

    def parts(self, data: bytes | memoryview, *, final: bool = False) -> Parts:
        """Convert more bytes as `feed` does; what is returned holds until the next call but one."""
        return [self.feed(data, final=final)]

    def insert(self, raw: bytes, *, skipped: int = 0) -> bytes:
        """Convert what was held, then write raw bytes of the target (復元), the source's next bytes being skipped."""
        tokens, self._mode = self._tokens.cut(self._held, self._mode)
        self._held = b""
        out = self._convert(tokens)
        self._out.insert(raw)
        self.output_bytes += len(raw)
        self._opening = self._opening and self.input_bytes == skipped == 0
        return out + raw

    def piece(
        self,
        data: bytes,
        *,
        record: int,
        field: str | None = None,
        byte_offset: int = 0,
        mode: int = 0,
        out_mode: int = 0,
    ) -> bytes:
        """Convert a piece that stands alone, such as a field, into the same totals.

        record, field, byte_offset: its place, which events within it are given. mode, out_mode: in which mode it
        begins and ends, read and written (1 for a field of two-byte codes without shift codes).
        """
        tokens, self._mode = self._tokens.cut(data, mode)
        self._out.begin(out_mode)
        out = self._convert(tokens, Place(record, field, byte_offset))
        closing = self._out.end(out_mode)
        self.output_bytes += len(closing)
        return out + closing

    def _close(self) -> bytes:
        """Return the shift code that ends the file, unless the source ended without one."""
        if self._mode == 1:
            self._unclosed()
        closing = self._out.end(0)
        self.output_bytes += len(closing)
        return closing

    def _unclosed(self) -> None:
        """Count the shift code that the end of the file lacks."""
        if self.recorder:
            self.recorder.unclosed = True
        seen = self.seen_of(InMode(b"", 1), Outcome(b"", "shift"))
        seen.count += 1
        seen.places.append(Place(self.newlines + 1, None, self.input_bytes))
        self.kinds["shift"] += 1
        self.kinds["plain"] += 1  # which counts every kind

    def _convert(self, tokens: list[bytes], piece: Place | None = None) -> bytes:
        outs = cast(list[bytes], list(map(self._plain.get, tokens)))  # None is filled in below
        special = [index for index, out in enumerate(outs) if out is None] if None in outs else []
        opening = self._opened(tokens) if self._opening and piece is None else {}
        at = _Position(self, tokens, outs, piece)
        for index in sorted({*special, *opening}) if opening else special:
            token = tokens[index]
            outcome = opening.get(index) or self.resolver.resolve(token)
            outs[index] = outcome.out or b""
            if outcome.kind == "plain":
                if index not in opening:
                    self._plain[token] = outs[index]
                continue
            self.kinds[outcome.kind] += 1
            if outcome.lossy or outcome.kind in EVENTS:
                self._event(token, outcome, at, index)
        joined = self._out.join(outs)
        self.input_bytes += sum(map(len, tokens))
        self.output_bytes += len(joined)
        self.kinds["plain"] += len(tokens) - self._tokens.shift_count(tokens)
        if piece is None:
            self.newlines += self._tokens.newlines(tokens)
            if tokens:
                self._last = bytes(tokens[-1])
        return joined

    def _opened(self, tokens: list[bytes]) -> dict[int, Outcome]:
        """Return what becomes of the first tokens, up to the first that writes something."""
        found: dict[int, Outcome] = {}
        for index, token in enumerate(tokens):
            if token in self.resolver.source.script.shifts:
                continue
            first = index == 0 and self.input_bytes == 0
            outcome = found[index] = self.resolver.opening(token, first=first)
            if outcome.out != b"":
                self._opening = False
                break
        return found

    def _event(self, token: bytes, outcome: Outcome, at: _Position, index: int) -> None:
        if outcome.out is None and not (self.counting and outcome.kind == "unmapped"):
            self._stop(token, outcome, at.place(index))
        seen = self.seen_of(token, outcome)
        seen.count += 1
        if len(seen.places) < MAX_PLACES:
            seen.places.append(at.place(index))
        if outcome.lossy:
            self.losses += 1
            self.first_loss = self.first_loss or at.place(index)
        if self.recorder and (outcome.lossy or outcome.kind in ("mark", "shift")):
            size = len(self._out.script.bare(outcome.out or b""))
            self.recorder.add(at.written(index), size, at.raw(index), lossy=outcome.lossy)

    def seen_of(self, token: bytes, outcome: Outcome) -> Seen:
        """Return where the occurrences of a token are counted; beyond `MAX_SEEN` of them, all others together."""
        key = token, outcome.kind, outcome.lossy
        if key not in self.seen and len(self.seen) >= MAX_SEEN:
            key, outcome = (b"", *key[1:]), outcome._replace(character=None, text=None, ground=None)
        return self.seen.setdefault(key, Seen(outcome))

    def _stop(self, token: bytes, outcome: Outcome, place: Place) -> None:
        where = Where(self.file, place.record, place.field, place.byte_offset)
        code = token.hex().upper()
        source = self.resolver.source
        if source.is_unfinished(token):
            raise MalformedInput(
                "文字図形名の直後に区切りも行末もありません。区切りを補うか --mj-format を確かめるか、"
                "--malformed escape を使ってください。",
                "A name is followed by neither its separator nor a line end; add the separator, check "
                "--mj-format, or use --malformed escape.",
                where=where,
            )
        if outcome.kind == "malformed" and outcome.text:
            raise MalformedInput(
                f"{outcome.text} は --malformed escape で書かれた、文字でないバイトです。"
                "戻すときも --malformed escape を付けてください。",
                f"{outcome.text} stands for bytes that --malformed escape wrote; use --malformed escape on the way "
                "back too.",
                where=where,
            )
        if outcome.kind == "malformed":
            raise MalformedInput(
                f"{code} は{self._encoding.ja}の文字ではありません。ファイルの文字コードと切れ目を確かめるか、"
                "--malformed escape を使ってください。",
                f"{code} is no character in {self._encoding.en}; check the file's charset and whether it was "
                "cut, or use --malformed escape.",
                where=where,
            )
        if self.resolver.target.is_code_set and self.resolver.way.step(token).kept is not None:
            raise UnmappedCode(
                f"{code} は変換先の外字コードの私用領域での位置です。"
                "--on-unmapped keep で変換したファイルなら、戻すときも付けてください。",
                f"{code} is the private-use image of a local code there; a file made with --on-unmapped keep needs "
                "it on the way back too.",
                where=where,
                code=code,
            )
        raise UnmappedCode(
            f"{code} に対応する文字がないため、何も書き込みませんでした。"
            "対応を決定するか --on-unmapped を選んでください。",
            f"{code} has no character there, and nothing was written; decide it or choose --on-unmapped.",
            where=where,
            code=code,
        )

    @property
    def _encoding(self) -> Text:
        name = self.resolver.source.script.name
        return (
            Text("住基ネット統一文字コード", "Juki-net codes")
            if name == "ucs-2"
            else Text(f" {name} ", name)
        )

    @property
    def characters(self) -> dict[str, int]:
        """Occurrences by kind."""
        counts = Counter(self.kinds)
        counts["plain"] -= sum(count for kind, count in self.kinds.items() if kind != "plain")
        return {kind: count for kind, count in sorted(counts.items()) if count}


class _Joiner:
    """Puts standing forms together across batches, so that shift codes stand only where the mode changes.

    What was written last may have been a two-byte code: its shift back is kept until something else follows.
    """

    def __init__(self, resolver: Resolver) -> None:
        self.script = resolver.target.script
        self._cut = resolver.back.tokens
        self.mode = 0

    def begin(self, mode: int) -> None:
        self.mode = mode

    def join(self, outs: list[bytes]) -> bytes:
        """Return what to write for further standing forms."""
        whole, self.mode = self.after(outs, self.mode)
        return whole

    def after(self, outs: list[bytes], mode: int) -> tuple[bytes, int]:
        """Return what is written for standing forms from a mode, and the mode after it."""
        if not self.script.shifts:
            return b"".join(outs), 0
        back = self.script.to_single
        whole = self.script.joined([back, *outs] if mode else outs)
        if whole == b"" or not whole.endswith(back):
            return whole, 0
        return whole[: -len(back)], 1

    def end(self, mode: int) -> bytes:
        """Return the shift code that leads to a mode, if one is needed."""
        last, self.mode = self.mode, mode
        if last == mode or not self.script.shifts:
            return b""
        return self.script.to_double if mode else self.script.to_single

    def insert(self, raw: bytes) -> None:
        """Note raw bytes that were written as they are."""
        self.mode = self._cut.cut(raw, self.mode)[1]


class _Position:
    """Finds places inside one batch of tokens, going forward only as far as somebody asks."""

    def __init__(
        self, stream: Stream, tokens: list[bytes], outs: list[bytes], piece: Place | None
    ) -> None:
        self._tokens, self._outs, self._stream, self._piece = tokens, outs, stream, piece
        self._cut = stream.resolver.tokens
        self._joiner = stream._out
        self._read = (0, piece.byte_offset if piece else stream.input_bytes)
        self._written = 0, stream.output_bytes, self._joiner.mode
        self._record = piece.record if piece else stream.newlines + 1

    def place(self, index: int) -> Place:
        """Return the place of a token in the input."""
        done, offset = self._read
        passed = self._tokens[done:index]
        if self._piece is None:
            self._record += self._cut.newlines(passed)
        self._read = index, offset + sum(map(len, passed))
        return Place(self._record, self._piece and self._piece.field, self._read[1])

    def written(self, index: int) -> int:
        """Return where the output of a token begins, its shift code left out."""
        done, offset, mode = self._written
        passed, mode = self._joiner.after(self._outs[done:index], mode)
        offset += len(passed)
        self._written = index, offset, mode
        out, script = self._outs[index], self._joiner.script
        if script.shifts and out:
            double = out.startswith(script.to_double)
            if double and not mode:
                return offset + len(script.to_double)
            if not double and mode:
                return offset + len(script.to_single)
        return offset

    def raw(self, index: int) -> bytes:
        """Return the source bytes of a token, with the shift code right before it."""
        token = bytes(self._tokens[index])
        before = self._tokens[index - 1] if index else b""
        return before + token if before in self._cut.script.shifts else token
