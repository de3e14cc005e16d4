"""The engine (変換エンジン): bytes in, bytes out, whatever the chunks, with every event counted and placed.

This is the reference implementation in Python. A faster kernel has to give the same bytes, events and counts
from the same `Resolver`; only this module would change.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import cast

from gaiji.charset.receipt import Recorder
from gaiji.charset.resolve import EVENTS, Outcome, Resolver
from gaiji.charset.targets import Kind, MjSide
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.errors import MalformedInput, Text, UnmappedCode, Where
from gaiji.wire.conversion import Place

ENGINE_REVISION = "python-2"
MAX_PLACES = 100


@dataclass
class Seen:
    """All occurrences of one token with one outcome that is an event: outcome, count, first places."""

    outcome: Outcome
    count: int = 0
    places: list[Place] = field(default_factory=list)


class Stream:
    """One file going through a conversion. Attributes are totals so far.

    counting: unmapped codes under the policy `error` are counted instead of raised (for dry runs).
    opening: whether this is the beginning of the file, where U+FEFF is a mark.
    """

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
        self._opening = opening
        self._held = b""
        self._last = resolver.tokens.newline

    @property
    def records(self) -> int:
        """Records read: lines, the last one counted even without its line end."""
        return self.newlines + (self._last != self.resolver.tokens.newline)

    def feed(self, data: bytes, *, final: bool = False) -> bytes:
        """Convert more bytes; what could still belong to a longer token is held until it is decided.

        Raises MalformedInput or UnmappedCode with the place, as the policies say.
        """
        data = self._held + data
        if not final and len(data) < 2 * LOOKAHEAD:
            self._held = data
            return b""
        tokens = self.resolver.tokens.pattern.findall(data)
        held = 0
        while not final and held < LOOKAHEAD:
            held += len(tokens.pop())
        self._held = data[len(data) - held :]
        return self._convert(tokens)

    def _convert(self, tokens: list[bytes]) -> bytes:
        outs = cast(list[bytes], list(map(self._plain.get, tokens)))  # None is filled in below
        special = [index for index, out in enumerate(outs) if out is None] if None in outs else []
        opening = self._opened(tokens) if self._opening else {}
        at = _Position(self, tokens, outs)
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
        joined = b"".join(outs)
        self.input_bytes += sum(map(len, tokens))
        self.output_bytes += len(joined)
        self.newlines += tokens.count(self.resolver.tokens.newline)
        self.kinds["plain"] += len(tokens)
        if tokens:
            self._last = tokens[-1]
        return joined

    def _opened(self, tokens: list[bytes]) -> dict[int, Outcome]:
        """Return what becomes of the first tokens, up to the first that writes something."""
        found: dict[int, Outcome] = {}
        for index, token in enumerate(tokens):
            first = index == 0 and self.input_bytes == 0
            outcome = found[index] = self.resolver.opening(token, first=first)
            if outcome.out != b"":
                self._opening = False
                break
        return found

    def _event(self, token: bytes, outcome: Outcome, at: _Position, index: int) -> None:
        if outcome.out is None and not (self.counting and outcome.kind == "unmapped"):
            self._stop(token, outcome, at.place(index))
        key = token, outcome.kind, outcome.lossy
        seen = self.seen.setdefault(key, Seen(outcome))
        seen.count += 1
        if len(seen.places) < MAX_PLACES:
            seen.places.append(at.place(index))
        if outcome.lossy:
            self.losses += 1
            self.first_loss = self.first_loss or at.place(index)
        if self.recorder and (outcome.lossy or outcome.kind == "mark"):
            self.recorder.add(at.written(index), len(outcome.out or b""), token)

    def _stop(self, token: bytes, outcome: Outcome, place: Place) -> None:
        where = Where(self.file, place.record, place.field, place.byte_offset)
        code = token.hex().upper()
        source = self.resolver.source
        if isinstance(source, MjSide) and source.is_unfinished(token):
            raise MalformedInput(
                "文字図形名の直後に区切りも行末もありません。区切りを補うか --mj-format を確かめるか、"
                "--malformed escape を使ってください。",
                "A name is followed by neither its separator nor a line end; add the separator, check "
                "--mj-format, or use --malformed escape.",
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
        raise UnmappedCode(
            f"{code} に対応する文字がないため、何も書き込みませんでした。"
            "対応を決定するか --on-unmapped を選んでください。",
            f"{code} has no character there, and nothing was written; decide it or choose --on-unmapped.",
            where=where,
            code=code,
        )

    @property
    def _encoding(self) -> Text:
        name = self.resolver.source.encoding
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


class _Position:
    """Finds places inside one batch of tokens, going forward only as far as somebody asks."""

    def __init__(self, stream: Stream, tokens: list[bytes], outs: list[bytes]) -> None:
        self._tokens, self._outs = tokens, outs
        self._newline = stream.resolver.tokens.newline
        self._read, self._written = (0, stream.input_bytes), (0, stream.output_bytes)
        self._record = stream.newlines + 1

    def place(self, index: int) -> Place:
        """Return the place of a token in the input."""
        done, offset = self._read
        passed = self._tokens[done:index]
        self._record += passed.count(self._newline)
        self._read = index, offset + sum(map(len, passed))
        return Place(record=self._record, byte_offset=self._read[1])

    def written(self, index: int) -> int:
        """Return where the output of a token begins."""
        done, offset = self._written
        self._written = index, offset + sum(map(len, self._outs[done:index]))
        return self._written[1]
