"""Cutting a file for lint (点検の切り出し): tokens whatever the chunks, damaged bytes included, nothing raised.

Unlike the engine's, these tokens are clusters: a character with every selector and mark that follows it, since
normalization works on those. A reader gives tokens of one type, `str` for Unicode charsets and `bytes` for the
others, and tells what one stands for.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar
from unicodedata import combining, decomposition, normalize

from gaiji.charset.charsets import Charset
from gaiji.charset.coding import coding
from gaiji.charset.standard import PAIRS

MOST_MARKS = 32
Token = TypeVar("Token", str, bytes)


def _extending() -> frozenset[str]:
    """Return selectors, combining marks, and every character that NFC may join to what stands before it."""
    found = {*map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))}
    found.update(map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))))  # Hangul by rule
    for char in map(chr, range(0x80, 0x20000)):
        parts = decomposition(char).split()
        if combining(char):
            found.add(char)
        if len(parts) == 2 and parts[0][0] != "<" and normalize("NFC", char) == char:
            found.add(chr(int(parts[1], 16)))
    return frozenset(found)


EXTENDING = _extending()
"""Every character that makes one cluster with the character before it."""


def _class(chars: Iterable[str]) -> str:
    """Return the inside of a regular expression's class, in ranges."""
    codes = sorted(map(ord, chars))
    starts = [codes[0], *(two for one, two in pairwise(codes) if two != one + 1)]
    ends = [*(one for one, two in pairwise(codes) if two != one + 1), codes[-1]]
    return "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in zip(starts, ends, strict=True))


_MARKS = f"[{_class(EXTENDING)}]{{0,{MOST_MARKS}}}"
_ASTRAL = "\U00010000"
_ALONE = [pair for pair in PAIRS if pair[1] not in EXTENDING]  # ˩˥ ˥˩
_BASE = f"[^\\x00-\\x1f\\x7f\\ud800-\\udfff\\ufeff{_class(EXTENDING)}]"
_CLUSTER = f"(?:{'|'.join(_ALONE)}){_MARKS}|{_BASE}{_MARKS}"
_HIGH, _LOW, _TAIL = r"\udced[\udca0-\udcaf]", r"\udced[\udcb0-\udcbf]", r"[\udc80-\udcbf]"
_ESCAPED = f"{_HIGH}{_TAIL}{_LOW}{_TAIL}|(?:{_HIGH}|{_LOW}){_TAIL}"
_TOKENS = {
    "utf-8": re.compile(f"{_CLUSTER}|{_ESCAPED}|.", re.DOTALL),
    "utf-16": re.compile(f"{_CLUSTER}|.", re.DOTALL),
}
_SPECIAL = frozenset({*EXTENDING, *"".join(_ALONE), *map(chr, range(0xD800, 0xE000))})
"""What makes a token longer than one character, with the character before it."""
_SEARCH = re.compile(
    f"[{_class(char for char in _SPECIAL if char < _ASTRAL)}\U000101fd-\U0001ffff\U000e0100-\U000e01ef]"
)
"""Finds these; among the characters outside the BMP some more, since few ranges are searched faster."""


class Reader(Protocol[Token]):
    """How the bytes of one charset become tokens. newline: the token that ends a record."""

    newline: Token

    def feed(self, data: bytes, *, final: bool = False) -> Sequence[Token]:
        """Take more bytes and return the tokens that are complete."""

    def size(self, tokens: Sequence[Token]) -> int:
        """Return how many bytes tokens are."""

    @property
    def rest(self) -> bytes:
        """The bytes at the very end that only begin a character, after the final `feed`."""

    @property
    def is_shifted(self) -> bool:
        """Whether a mode other than the first one holds."""


class TextReader:
    """Reads UTF-8 and UTF-16: clusters, with damaged bytes and lone surrogates as tokens of their own."""

    is_shifted = False

    def __init__(self, encoding: str) -> None:
        self.newline = "\n"
        self._encoding = encoding
        self._is_utf8 = encoding == "utf-8"
        self._errors = "surrogateescape" if self._is_utf8 else "surrogatepass"
        self._pattern = _TOKENS["utf-8" if self._is_utf8 else "utf-16"]
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._unit = b""
        self._held = ""
        self.rest = b""

    def feed(self, data: bytes, *, final: bool = False) -> Sequence[str]:
        """Take more bytes and return the complete clusters; a text where each is one character."""
        text = self._held + (self._utf8 if self._is_utf8 else self._utf16)(data, final)
        tokens = text if _SPECIAL.isdisjoint(text) else self._cut(text)
        if final:
            return tokens
        self._held = "".join(tokens[-8:])  # holds all that the last complete one could depend on
        return tokens[:-8]

    def _cut(self, text: str) -> list[str]:
        """Return the tokens of a text: its characters, except where something makes one longer."""
        tokens: list[str] = []
        at = 0
        while special := _SEARCH.search(text, at):
            start = max(at, special.start() - 1)
            tokens += text[at:start]
            if found := self._pattern.match(text, start):
                tokens.append(found[0])
                at = found.end()
        tokens += text[at:]
        return tokens

    def _utf8(self, data: bytes, final: bool) -> str:
        text = self._decoder.decode(data)
        if final:
            self.rest = self._decoder.getstate()[0]
        return text

    def _utf16(self, data: bytes, final: bool) -> str:
        data = self._unit + data
        whole = len(data) & ~1
        last = data[whole - 1 if self._encoding == "utf-16-le" else whole - 2] if whole else 0
        if not final and 0xD8 <= last <= 0xDB:
            whole -= 2  # its other half may come
        self._unit = data[whole:]
        if final:
            self.rest = self._unit
        return data[:whole].decode(self._encoding, "surrogatepass")

    def size(self, tokens: Sequence[str]) -> int:
        """Return how many bytes tokens are."""
        text = tokens if isinstance(tokens, str) else "".join(tokens)
        return len(text.encode(self._encoding, self._errors))


SHIFT = 0xFF
PLAIN = 2


class CodeReader:
    """Reads a byte charset by its description: codes, and the shift codes between them.

    Where there are modes, a token of one byte is a code of the first and one of two a code of the second. Anything else
    has three bytes before it: FF for a shift code or 00, the mode that held, and 00. A newline ends a record and goes
    back to the first mode; in another one it is no plain token.
    """

    def __init__(self, charset: Charset) -> None:
        self.charset, self.coding = charset, coding(charset)
        self.newline = self.coding.newline
        self.mode = 0
        self.rest = b""
        self._held = b""
        self._modes = {shift.code: shift.mode for shift in self.coding.shifts}
        self._patterns = [
            re.compile(mode.shape + rb"|[\x00-\xff]", re.DOTALL) for mode in self.coding.modes
        ]
        shifts = b"|".join(map(re.escape, sorted(self._modes, key=len, reverse=True)))
        self._stops = [re.compile(shifts), re.compile(shifts + b"|" + re.escape(self.newline))]

    def feed(self, data: bytes, *, final: bool = False) -> list[bytes]:
        """Take more bytes and return the complete codes."""
        data = self._held + data
        limit = len(data) if final else len(data) - 8  # no code or shift code is longer
        if limit <= 0 and not final:
            self._held = data
            return []
        tokens, at = self._shifted(data, limit) if self._modes else self._plain(data, limit)
        self._held = data[at:]
        if final and tokens:
            self.rest = self._begun(tokens)
        return tokens

    def _plain(self, data: bytes, limit: int) -> tuple[list[bytes], int]:
        tokens = self._patterns[0].findall(data)
        return tokens, self._drop(tokens, len(data), limit)

    @staticmethod
    def _drop(tokens: list[bytes], end: int, limit: int) -> int:
        """Take back the tokens that begin at the limit or after it, and return where they begin."""
        while tokens and end - len(tokens[-1]) >= limit:
            end -= len(tokens.pop())
        return end

    def _shifted(self, data: bytes, limit: int) -> tuple[list[bytes], int]:
        tokens: list[bytes] = []
        at = 0
        while at < limit:
            stop = self._stops[self.mode > 0].search(data, at)
            end = stop.start() if stop else len(data)
            run = self._patterns[self.mode].findall(data, at, end)
            at = self._drop(run, end, limit)
            tokens += self._marked(run)
            if stop is None or at < end or end >= limit:
                break
            at = stop.end()
            if stop[0] == self.newline:
                tokens += self._marked([self.newline])
                self.mode = 0
            else:
                tokens.append(bytes([SHIFT, self.mode, 0]) + stop[0])
                self.mode = self._modes[stop[0]]
        return tokens, at

    def _marked(self, run: list[bytes]) -> list[bytes]:
        """Return codes of the current mode as tokens."""
        width = self.mode + 1
        if width <= PLAIN and {*map(len, run)} <= {width}:
            return run
        mark = bytes([0, self.mode, 0])
        return [code if len(code) == width <= PLAIN else mark + code for code in run]

    def _begun(self, tokens: list[bytes]) -> bytes:
        """Take the last token back if it only begins a code."""
        mode, code = self.split(tokens[-1])
        if mode == SHIFT or self.text(tokens[-1]) is not None:
            return b""
        longer = self.coding.modes[mode].reading
        if any(len(one) > len(code) and one.startswith(code) for one in longer):
            tokens.pop()
            return code
        return b""

    @property
    def is_shifted(self) -> bool:
        """Whether a mode other than the first one holds."""
        return self.mode != 0

    def is_doubled(self, shift: bytes) -> bool:
        """Whether a shift code leads to the mode that held already."""
        return self._modes[shift[3:]] == shift[1]

    def split(self, token: bytes) -> tuple[int, bytes]:
        """Return mode (FF: a shift code) and bytes of a token."""
        if not self._modes:
            return 0, token
        if len(token) <= PLAIN:
            return len(token) - 1, token
        return (SHIFT if token[0] == SHIFT else token[1]), token[3:]

    def size(self, tokens: Sequence[bytes]) -> int:
        """Return how many bytes tokens are."""
        if not self._modes:
            return sum(map(len, tokens))
        return sum([size if size <= PLAIN else size - 3 for size in map(len, tokens)])

    def text(self, token: bytes) -> str | None:
        """Return what a code reads as; the image for a user-defined one, None for a malformed one."""
        mode, code = self.split(token)
        image = self.charset.image_of(code)
        if image is not None:
            return chr(image)
        if code == self.newline:
            return "\n"
        return self.coding.modes[mode].reading.get(code)

    def is_untabled(self, token: bytes) -> bool:
        """Whether a code lies in an area for which there is no table."""
        mode, code = self.split(token)
        return any(
            len(first) == len(code) and first <= code <= last
            for first, last in self.coding.modes[mode].untabled
        )

    def written(self, token: bytes) -> bytes | None:
        """Return the code that the text of a token is written with."""
        mode, _ = self.split(token)
        text = self.text(token)
        return None if text is None else self.coding.modes[mode].writing.get(text)
