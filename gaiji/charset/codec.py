"""A Python codec of a mapping file (Python コーデック): `open(name, encoding="gaiji-252069-juki")` reads a city's file.

Decoding a code set gives the text that `gaiji convert` writes, encoding gives its bytes back, with the same escapes for
text that looks like one. What has no character goes to Python's error handlers: strict, replace, ignore,
backslashreplace, surrogateescape and any other that is registered. Substitutes are read and written without a word:
who has to know of losses converts files.

A file object never tells an encoder that the text has ended. So every write stands for itself: it is closed with the
shift back to single bytes, and a character with its selector, or an escape, has to be in one write.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import Any, cast

from gaiji.charset.fast import SMALLEST, stream_for
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options, Outcome, Resolver
from gaiji.charset.script import InMode
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import openers
from gaiji.errors import BadInput, GaijiError, UnsupportedConversion, Where

UNDECIDED = 5
"""Tokens at the end of a chunk that may change: bytes of a beginning character, and the one before it."""
SURROGATES = re.compile("[\ud800-\udfff]+")
_RUN = frozenset("&;-_0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
MOST_KNOWN = 1 << 16
MIDDLE, BEGINNING = 0, 2
"""States of an encoder, as io has them: 0 is the middle of a file."""

_known: dict[str, tuple[str, codecs.CodecInfo]] = {}


def register(path: Path | str, name: str | None = None) -> str:
    """Make a mapping file's code set an encoding of this process (登録), and return its name: `gaiji-252069-juki`.

    name: another one. The same file may come again. Raises BadInput for a name that is taken by another file or by
    Python, UnsupportedConversion for a mapping whose target is no text, and what `open_mapping` raises.
    """
    file = open_mapping(path)
    source, target = file.names()
    options = Options(**{**file.header["baked"], "as_of": file.as_of})
    resolver = file.prepare(source, target, options).resolver
    back = file.prepare(target, source, options).resolver
    if resolver.target.script.codec != "utf-8":
        raise UnsupportedConversion(
            f"変換先 {target} は Python の文字列になりません。--to unicode で作った対応表ファイルを指定してください。",
            f"The target {target} is no text in Python; name a mapping file made with --to unicode.",
            where=Where(str(path)),
        )
    name = name or "gaiji-" + source.replace("/", "-")
    key = _normal(name)
    taken = _known.get(key)
    if _is_taken(name) if taken is None else taken[0] != file.digest:
        raise BadInput(
            f"文字コード名 {name} は既に使われています。name で別の名前を指定してください。",
            f"The encoding name {name} is taken; choose another one with name.",
            where=Where(str(path)),
        )
    if not _known:
        codecs.register(_search)
    if taken is None:
        _known[key] = file.digest, _codec(name, resolver, back)
    return name


def _normal(name: str) -> str:
    """Return a name as Python asks for it."""
    return re.sub(r"[\W_]+", "_", name.lower())


def _is_taken(name: str) -> bool:
    try:
        codecs.lookup(name)
    except LookupError:
        return False
    return True


def _search(name: str) -> codecs.CodecInfo | None:
    known = _known.get(_normal(name))
    return known[1] if known else None


def _codec(name: str, there: Resolver, back: Resolver) -> codecs.CodecInfo:
    reader, writer = _Reader(name, there), _Writer(name, back)

    def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
        return writer.encode(text, errors, opening=True), len(text)

    def decode(data: Any, errors: str = "strict") -> tuple[str, int]:
        return reader.whole(bytes(data), errors), len(data)

    class Decoder(_Decoder):
        def __init__(self, errors: str = "strict") -> None:
            super().__init__(reader, errors)

    class Encoder(_Encoder):
        def __init__(self, errors: str = "strict") -> None:
            super().__init__(writer, errors)

    class StreamWriter(codecs.StreamWriter):
        def encode(self, input: str, errors: str = "strict") -> tuple[bytes, int]:
            return encode(input, errors)

    class StreamReader(codecs.StreamReader):
        def __init__(self, stream: Any, errors: str = "strict") -> None:
            super().__init__(stream, errors)
            self._state: tuple[int, bool] = (0, True)

        def decode(self, input: bytes, errors: str = "strict") -> tuple[str, int]:
            text, used, *state = reader.some(input, errors, *self._state, final=False)
            self._state = cast(tuple[int, bool], tuple(state))
            return text, used

        def read(self, size: int = -1, chars: int = -1, firstline: bool = False) -> str:
            text = super().read(size, chars, firstline)
            if size < 0 and chars < 0:  # to the end: nothing follows what was held
                rest: bytes = cast(Any, self).bytebuffer
                self.bytebuffer = b""
                text += reader.some(rest, self.errors, *self._state, final=True)[0]
            return text

        def reset(self) -> None:
            super().reset()
            self._state = 0, True

    return codecs.CodecInfo(
        encode,
        decode,
        streamreader=StreamReader,
        streamwriter=StreamWriter,
        incrementalencoder=Encoder,
        incrementaldecoder=Decoder,
        name=name,
    )


def _shown(error: UnicodeError, errors: str) -> tuple[str | bytes, int]:
    """Ask the error handler, and return what it gives and where to go on."""
    given, place = codecs.lookup_error(errors)(error)
    size = len(cast(Any, error).object)
    place = place + size if place < 0 else place
    if not 0 <= place <= size:
        raise IndexError(f"position {place} from error handler out of bounds")
    return given, place


class _Side:
    """One direction: tokens of a source through the resolver, and a stream for long data."""

    def __init__(self, name: str, resolver: Resolver) -> None:
        self.name, self.resolver, self.tokens = name, resolver, resolver.tokens
        self.script = resolver.source.script
        self._known = dict.fromkeys(self.script.shifts, b"")
        starts = openers(resolver.source, resolver.target)
        self._starts = {self.script.ascii(start) for start in starts}
        self._run = _RUN | {one for one in self._starts if one}

    def outs(self, tokens: list[bytes], opening: bool) -> tuple[list[bytes], Outcome | None, bool]:
        """Return what tokens become, up to one that becomes nothing, which is told, and whether what follows opens."""
        begin: list[bytes] = []
        for nth, token in enumerate(tokens):
            if not opening:
                break
            one = self.resolver.opening(token, first=nth == 0)
            if token in self.script.shifts:
                one = Outcome(b"", "plain")
            if one.out is None:
                return begin, one, False
            begin.append(one.out)
            opening = one.out == b""
        found = list(map(self._known.get, tokens[len(begin) :]))
        for nth in [nth for nth, out in enumerate(found) if out is None] if None in found else []:
            token = tokens[len(begin) + nth]
            one = self.resolver.resolve(token)
            if one.out is None:
                return begin + cast(list[bytes], found[:nth]), one, opening
            if len(self._known) < MOST_KNOWN:
                self._known[token] = one.out
            found[nth] = one.out
        return begin + cast(list[bytes], found), None, opening

    def quick(self, data: bytes) -> bytes | None:
        """Convert long data with the kernel, or None where something has no character."""
        if len(data) < SMALLEST:
            return None
        stream, made = stream_for(self.resolver), bytearray()
        try:
            for at in range(0, len(data), stream.chunk_bytes):
                made += b"".join(stream.parts(data[at : at + stream.chunk_bytes]))
            return bytes(made + b"".join(stream.parts(b"", final=True)))
        except GaijiError:
            return None

    def reason(self, outcome: Outcome) -> str:
        """Say why a token becomes nothing."""
        if outcome.kind == "malformed":
            return f"no character in {self.script.name}"
        return f"no character for it in {self.resolver.target.owner.removeprefix('000000-')}"


class _Reader(_Side):
    """From bytes of the code set to text."""

    def whole(self, data: bytes, errors: str) -> str:
        return self.some(data, errors, 0, True, final=True)[0]

    def some(
        self, data: bytes, errors: str, mode: int, opening: bool, *, final: bool
    ) -> tuple[str, int, int, bool]:
        """Return text, how many bytes it took, and mode and opening after it."""
        if final and opening and mode == 0 and (out := self.quick(data)) is not None:
            return out.decode(), len(data), 0, False
        parts: list[str] = []
        at = 0
        while True:
            tokens, after = self.tokens.cut(data[at:], mode)
            held = 0
            if not final:
                held, after = self.tokens.hold(tokens, after, self._least(tokens))
            outs, wrong, opens = self.outs(tokens, opening)
            parts.append(b"".join(outs).decode())
            if wrong is None:
                return "".join(parts), len(data) - held, after, opens
            start = at + sum(map(len, tokens[: len(outs)]))
            token = tokens[len(outs)]
            end = start + len(token)
            error = UnicodeDecodeError(self.name, data, start, end, self.reason(wrong))
            given, place = _shown(error, errors)
            if not isinstance(given, str):
                raise TypeError("decoding error handler must return (str, int) tuple")
            parts.append(given)
            opening = False
            if place > start:
                mode = self.tokens.cut(data[at:place], mode)[1]
            elif isinstance(token, InMode):
                mode = token.mode
            at = place

    def _least(self, tokens: list[bytes]) -> int:
        """Return how many bytes at the end further bytes could change: a beginning character, or an open escape."""
        if tokens and tokens[-1] == self.tokens.newline:
            return 0
        least = run = 0
        for nth, token in enumerate(reversed(tokens)):
            run += len(token)
            if nth < UNDECIDED:
                least = run
            text = "" if token in self.script.shifts else self.script.ascii(token)
            if not text or not self._run.issuperset(text) or run > LOOKAHEAD:
                if nth >= UNDECIDED:
                    break
                continue
            if any(start and text.startswith(start) for start in self._starts):
                least = max(least, run)
        return least


class _Writer(_Side):
    """From text to bytes of the code set."""

    def encode(self, text: str, errors: str, *, opening: bool) -> bytes:
        if opening and len(text) >= SMALLEST and not SURROGATES.search(text):
            out = self.quick(text.encode())
            if out is not None:
                return out
        parts: list[bytes] = []
        at = 0
        while at < len(text):
            found = SURROGATES.search(text, at)
            end = found.start() if found else len(text)
            tokens = self.tokens.cut(text[at:end].encode())[0]
            outs, wrong, opening = self.outs(tokens, opening)
            parts += outs
            if wrong is not None:
                at += len(b"".join(tokens[: len(outs)]).decode())
                end = at + len(tokens[len(outs)].decode())
                at = self._handled(text, at, end, self.reason(wrong), errors, parts)
            elif found:
                why = "surrogates not allowed"
                at = self._handled(text, found.start(), found.end(), why, errors, parts)
            else:
                break
            opening = False
        return self.resolver.target.script.joined(parts)

    def _handled(
        self, text: str, start: int, end: int, why: str, errors: str, parts: list[bytes]
    ) -> int:
        """Write what the error handler gives for a place, and return where to go on."""
        error = UnicodeEncodeError(self.name, text, start, end, why)
        given, place = _shown(error, errors)
        if isinstance(given, bytes):
            parts.append(given)
            return place
        out = self.resolver.bytes_for(given.encode()) if not SURROGATES.search(given) else None
        if out is None:
            raise error
        parts.append(out)
        return place


class _Decoder(codecs.BufferedIncrementalDecoder):
    """An incremental decoder whose state is the bytes held back, the mode, and whether anything was written."""

    def __init__(self, reader: _Reader, errors: str) -> None:
        super().__init__(errors)
        self._reader, self._mode, self._opening = reader, 0, True

    def _buffer_decode(self, input: Any, errors: str, final: bool) -> tuple[str, int]:
        text, used, self._mode, self._opening = self._reader.some(
            bytes(input), errors, self._mode, self._opening, final=final
        )
        return text, used

    def reset(self) -> None:
        super().reset()
        self._mode, self._opening = 0, True

    def getstate(self) -> tuple[bytes, int]:
        """Return the bytes held and the rest of the state as a number, 0 at the beginning."""
        return cast(Any, self).buffer, self._mode | (not self._opening) << 1

    def setstate(self, state: tuple[bytes, int]) -> None:
        """Go back to a state that `getstate` returned."""
        cast(Any, self).buffer, flags = state
        self._mode, self._opening = flags & 1, not flags >> 1


class _Encoder(codecs.IncrementalEncoder):
    """An incremental encoder; nothing is held back, because nobody asks for it at the end of a file."""

    def __init__(self, writer: _Writer, errors: str) -> None:
        super().__init__(errors)
        self._writer, self._opening = writer, True

    def encode(self, input: str, final: bool = False) -> bytes:
        out = self._writer.encode(input, self.errors, opening=self._opening)
        self._opening = self._opening and not out
        return out

    def reset(self) -> None:
        self._opening = True

    def getstate(self) -> int:
        return BEGINNING if self._opening else MIDDLE

    def setstate(self, state: int | str) -> None:
        self._opening = state == BEGINNING


__all__ = ["register"]
