"""Cutting bytes into tokens (切り出し): one character each, whatever the chunk they arrive in.

A token is one code of a byte charset, or one code point with the variation selector that follows it, one of
the 25 two-code-point characters of JIS X 0213, or text that looks like an escape or a name. Bytes that are none of
these are tokens of their own, and malformed. A shift code that an encoder would have written at that place is a token
too, which is no character; any other is `InMode`. How a token at some place ends depends on at most `LOOKAHEAD` bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from gaiji.charset.script import InMode, Script
from gaiji.charset.standard import PAIRS

STAYS_TEXT = "000000-text-26;"
ESCAPE = re.compile(
    rf"&((?:{STAYS_TEXT}|{STAYS_TEXT.upper()}){{0,64}})"
    r"(\d{6}-[A-Za-z0-9_-]{1,40})-((?:[0-9A-F]{2}){1,16});"
)
"""`&252069-juki-F040;` stands for a local code, or for bytes malformed in that code set. Owner 000000 is no
municipality: `000000-unicode` and the like own the codes of the targets, and `&000000-text-26;` before the rest of an
escape stands for an & that was text already. Such a chain is one token, so that adding and removing one link undo
each other. A charset without small letters writes it in capitals."""
NAME_TEXT = re.compile(r"&000000-(?:text|TEXT)-([0-9A-F]{2});(.+)")
"""Text that looked like an MJ name, its first character escaped."""
LOOKAHEAD = 2300  # 64 links and an escape, in UTF-16
_DIGITS = "0123456789"
_HEX = _DIGITS + "ABCDEF"
_OWNER = _DIGITS + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-"


class Tokens(NamedTuple):
    """How one end is cut. pattern: of the tokens in mode 0; double: in mode 1; shifts: runs of shift codes."""

    pattern: re.Pattern[bytes]
    script: Script
    double: re.Pattern[bytes] | None = None
    shifts: re.Pattern[bytes] | None = None

    @property
    def newline(self) -> bytes:
        """The token that closes a record."""
        return self.script.newline

    def cut(self, data: bytes, mode: int = 0) -> tuple[list[bytes], int]:
        """Return the tokens of all the data, read from a mode, and the mode after them."""
        if self.shifts is None or self.double is None:
            return self.pattern.findall(data), 0
        tokens: list[bytes] = []
        at = 0
        while at < len(data):
            found = self.shifts.search(data, at)
            end = found.start() if found else len(data)
            while at < end:
                if mode == 0:
                    tokens += self.pattern.findall(data, at, end)
                    at = end
                else:
                    at, mode = self._cut_double(data, at, end, tokens)
            if found:
                mode = self._shift(found, tokens, mode, len(data))
                at = found.end()
        return tokens, mode

    def _cut_double(self, data: bytes, at: int, end: int, tokens: list[bytes]) -> tuple[int, int]:
        """Cut two-byte codes up to a line end among them, which returns to mode 0; say how far it came."""
        assert self.double is not None
        for token in self.double.findall(data, at, end):
            at += len(token)
            if len(token) > 1:
                tokens.append(token)
                continue
            tokens.append(InMode(token, 1))
            if token == self.newline:
                return at, 0
        return at, 1

    def _shift(self, run: re.Match[bytes], tokens: list[bytes], mode: int, end: int) -> int:
        """Add a run of shift codes: as it is where an encoder would have written it, else `InMode`."""
        script, code = self.script, run[0]
        if code in script.shifts:
            after = script.shifts[code]
            written = code == (script.to_double if after else script.to_single)
            if written and after != mode and (after == 0 or run.end() < end):
                tokens.append(code)
                return after
        tokens.append(InMode(code, mode))
        last = max(
            (one for one in script.shifts if code.endswith(one)), key=len
        )  # 30E2 ends with no other
        return script.shifts[last]

    def hold(self, tokens: list[bytes], mode: int, least: int = LOOKAHEAD) -> tuple[int, int]:
        """Take tokens off the end that further bytes could change; return their bytes and the mode before them.

        least: bytes to take at least, by somebody who has looked at what they are.
        """
        held = 0
        while tokens and held < least:
            held, mode = self._take(tokens, held, mode)
        while tokens and (tokens[-1] in self.script.shifts or isinstance(tokens[-1], InMode)):
            held, mode = self._take(tokens, held, mode)
        return held, mode

    def _take(self, tokens: list[bytes], held: int, mode: int) -> tuple[int, int]:
        token = tokens.pop()
        if isinstance(token, InMode):
            mode = token.mode
        elif token in self.script.shifts:
            mode = 1 - mode
        return held + len(token), mode

    def shift_count(self, tokens: list[bytes]) -> int:
        """Return how many tokens are shift codes, which are no characters."""
        return sum(tokens.count(code) for code in self.script.shifts)

    def newlines(self, tokens: list[bytes]) -> int:
        """Return how many tokens close a record."""
        count = tokens.count(self.newline)
        return count + tokens.count(InMode(self.newline, 1)) if self.shifts else count

    def is_whole(self, code: bytes) -> bool:
        """Whether bytes are one token."""
        if self.double is not None and len(code) == 2:
            return self.double.fullmatch(code) is not None
        return self.pattern.fullmatch(code) is not None and code not in self.script.shifts


def _unit(script: Script, characters: str) -> bytes:
    """Return the pattern of one ASCII character out of some, as a script spells them."""
    codes = script.spelled(characters)
    if script.codec in (None, "utf-8"):
        return b"[" + b"".join(map(re.escape, codes)) + b"]" if codes else b"(?!)"
    return b"(?:" + b"|".join(map(re.escape, codes)) + b")"


def _word(script: Script, text: str) -> bytes:
    """Return the pattern of an ASCII text; in capitals where a script has no small letters."""
    return b"".join(re.escape(script.encode(letter) or b"") or b"(?!)" for letter in text)


def _escape(script: Script) -> bytes:
    owner = (
        _unit(script, _DIGITS)
        + b"{6}"
        + _word(script, "-")
        + _unit(script, _OWNER)
        + b"{1,40}"
        + _word(script, "-")
    )
    code = b"(?:" + _unit(script, _HEX) * 2 + b"){1,16}"
    link = b"(?:" + _word(script, STAYS_TEXT) + b"){0,64}"
    return _word(script, "&") + link + owner + code + _word(script, ";")


def _namespace(
    script: Script, prefix: str, namespaces: Iterable[str], *, escaped: bool = False
) -> bytes:
    """Return the pattern of how a name begins, its digits left out; escaped: its first character as an escape."""
    words = [prefix + letters for letters in sorted(namespaces)]
    if escaped:
        words = [f"&000000-text-{ord(word[0]):02X};{word[1:]}" for word in words]
    return b"(?:" + b"|".join(_word(script, word) for word in words) + b")"


_UTF8 = (
    rb"(?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
    rb"|\xf4[\x80-\x8f][\x80-\xbf]{2})(?:\xef\xb8[\x80-\x8f]|\xf3\xa0(?:[\x84-\x86][\x80-\xbf]|\x87[\x80-\xaf]))?"
    rb"|[\x00-\xff]"
)
_UTF16LE = (
    rb"[\x00-\x1f\x7f]\x00|(?:[\x00-\xff][\x00-\xd7\xe0-\xff]|[\x00-\xff][\xd8-\xdb][\x00-\xff][\xdc-\xdf])"
    rb"(?:[\x00-\x0f]\xfe|\x40\xdb[\x00-\xef]\xdd)?|[\x00-\xff][\xd8-\xdf]|[\x00-\xff]"
)
_UTF16BE = (
    rb"\x00[\x00-\x1f\x7f]|(?:[\x00-\xd7\xe0-\xff][\x00-\xff]|[\xd8-\xdb][\x00-\xff][\xdc-\xdf][\x00-\xff])"
    rb"(?:\xfe[\x00-\x0f]|\xdb\x40\xdd[\x00-\xef])?|[\xd8-\xdf][\x00-\xff]|[\x00-\xff]"
)
_PLAIN = {
    "utf-8": _UTF8,
    "utf-16-le": _UTF16LE,
    "utf-16-be": _UTF16BE,
    "ucs-2": rb"[\x00-\xff]{2}|[\x00-\xff]",  # Juki-net: big-endian units, each a character by itself
}


def tokens(
    script: Script,
    *,
    name_prefix: str | None = None,
    named: str | None = None,
    namespaces: Iterable[str] = (),
) -> Tokens:
    """Return how a script is cut.

    name_prefix: text that looks like an MJ name after this prefix is one token, because the target would
    read it as a name. named: the whole form in which names are written, with `{}`, for reading them; at the
    end of a line or of the input what follows the name may be missing, because editors trim it, and anywhere
    else the letters of such a name are a token, which is malformed. namespaces: the letters names begin with.
    """
    digits = _unit(script, _DIGITS) + b"{6}"
    parts = []
    if named is not None:
        prefix, suffix = named.split("{}")
        end = _word(script, suffix)
        line_end = b"(?=" + _unit(script, "\r\n") + rb"|\Z)"
        begin = _namespace(script, prefix, namespaces)
        parts += [
            begin + digits + end,
            _namespace(script, prefix, namespaces, escaped=True) + digits,
            begin + digits + line_end,
            begin + b"(?=" + digits + b")",
        ]
    parts.append(_escape(script))
    if name_prefix is not None:
        parts.append(_namespace(script, name_prefix, namespaces) + digits)
    if script.is_unicode and script.codec is not None:
        parts += [re.escape(pair.encode(script.codec)) for pair in PAIRS]
    if script.codec is not None:
        parts.append(_PLAIN[script.name])
        return Tokens(_compiled(parts), script)
    parts += [script.shapes[0], rb"[\x00-\xff]"]
    if not script.is_shifted:
        return Tokens(_compiled(parts), script)
    codes = sorted(map(re.escape, script.shifts), key=len, reverse=True)
    runs = re.compile(b"(?:" + b"|".join(codes) + b"){1,64}", re.DOTALL)
    double = _compiled([script.shapes[1], rb"[\x00-\xff]"])
    return Tokens(_compiled(parts), script, double, runs)


def _compiled(parts: Iterable[bytes]) -> re.Pattern[bytes]:
    return re.compile(b"|".join(parts), re.DOTALL)
