"""How one end of a conversion writes characters as bytes (符号化): by a codec, or by tables and shift codes.

A charset with shift codes has two modes: one-byte codes in mode 0, two-byte codes in mode 1. A code in its *standing*
form carries the shift codes it needs where nothing surrounds it (`0E 4541 0F`); written one after the other, a shift
back followed by a shift in cancel out, so `joined` standing codes are what an encoder writes that shifts only when it
must. That makes the bytes of a text the joined bytes of its parts, with shift codes as without.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any


class InMode(bytes):
    """Bytes that mean what they mean only because a mode was in force (シフト状態に依存する並び).

    mode: the one before them. Shift codes that an encoder would not have written (doubled, of a second form, with
    nothing between them), a line end or a stray byte among two-byte codes. Equal only to the same in the same mode.
    """

    mode: int

    def __new__(cls, raw: bytes, mode: int) -> InMode:
        """Return the bytes, to be read in a mode."""
        made = super().__new__(cls, raw)
        made.mode = mode
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InMode) and self.mode == other.mode and bytes(self) == bytes(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash((bytes(self), self.mode))


NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Script:
    """How one end writes characters. name: what people are told. codec: Python's, for Unicode encodings.

    For byte charsets: shapes, the pattern of a well-shaped code in each mode; reading and writing, codes to text and
    back; shifts, (code, mode after it), of which the first for a mode is written; newline. `ucs-2` is Juki-net:
    UTF-16BE units, each by itself.
    """

    def __init__(
        self,
        name: str,
        codec: str | None = None,
        *,
        shapes: Sequence[bytes] = (),
        reading: Mapping[bytes, str] = NOTHING,
        writing: Mapping[str, bytes] = NOTHING,
        shifts: Sequence[tuple[bytes, int]] = (),
        newline: bytes | None = None,
    ) -> None:
        self.name, self.codec, self.shapes = name, codec, tuple(shapes)
        self.reading, self.writing = reading, writing
        self.is_unicode = codec is not None and name != "ucs-2"
        self.newline = newline or "\n".encode(codec or "utf-8")
        self.shifts = dict(shifts)
        by_mode = {mode: code for code, mode in reversed(shifts)}
        self.to_single, self.to_double = by_mode.get(0, b""), by_mode.get(1, b"")

    @property
    def is_shifted(self) -> bool:
        """Whether it has shift codes."""
        return bool(self.shifts)

    @cached_property
    def alone(self) -> frozenset[int]:
        """ASCII bytes that are no part of a longer code, so that after one a code begins; shift codes aside."""
        if self.codec is not None:
            return frozenset(range(0x80)) if self.codec == "utf-8" else frozenset()
        shape = re.compile(self.shapes[0], re.DOTALL)
        leads = range(0x80, 0x100)
        inner = {
            one
            for one in range(0x80)
            if any(
                (found := shape.match(bytes((lead, one, one)))) and found.end() > 1
                for lead in leads
            )
        }
        return frozenset(range(0x80)) - inner

    def standing(self, code: bytes) -> bytes:
        """Return a code with the shift codes it needs alone; longer tokens are ASCII text in mode 0."""
        if self.shifts and len(code) == 2:
            return self.to_double + code + self.to_single
        return code

    def bare(self, standing: bytes) -> bytes:
        """Return what a standing form holds between its shift codes."""
        if self.shifts and standing.startswith(self.to_double):
            return standing[len(self.to_double) : -len(self.to_single)]
        return standing

    def joined(self, parts: Iterable[bytes]) -> bytes:
        """Return standing forms one after the other, without the shift codes that cancel out."""
        whole = b"".join(parts)
        return whole.replace(self.to_single + self.to_double, b"") if self.shifts else whole

    def code(self, text: str) -> bytes | None:
        """Return the one code of one character of the standard area, or None."""
        if self.codec is not None:
            return text.encode(self.codec, "surrogatepass")
        return self.writing.get(text)

    def encode(self, text: str) -> bytes | None:
        """Return text in standing form, or None when a character has no code.

        A charset without small letters (EBCDIC for kana) writes them as capitals.
        """
        if self.codec is not None:
            return text.encode(self.codec)
        codes = [self.writing.get(one) or self.writing.get(one.upper()) for one in text]
        if None in codes:
            return None
        return self.joined(self.standing(code) for code in codes if code is not None)

    def decode(self, token: bytes) -> str | None:
        """Return the text of one token of the standard area, or None."""
        if self.codec is None:
            return None if isinstance(token, InMode) else self.reading.get(token)
        try:
            return token.decode(self.codec)
        except UnicodeDecodeError:
            return None

    def ascii(self, token: bytes) -> str | None:
        """Return the ASCII text that one-byte codes spell, or None."""
        if self.codec is not None:
            shown = self.decode(token)
        elif isinstance(token, InMode):
            return None
        else:
            letters = [self.reading.get(token[at : at + 1]) for at in range(len(token))]
            shown = None if None in letters else "".join(letter or "" for letter in letters)
        return shown if shown is not None and shown.isascii() else None

    def spelled(self, characters: Iterable[str]) -> list[bytes]:
        """Return the codes of ASCII characters, those left out that have none."""
        return [code for one in characters if (code := self.code(one))]


UTF8 = Script("utf-8", "utf-8")
UCS2 = Script("ucs-2", "utf-16-be")
