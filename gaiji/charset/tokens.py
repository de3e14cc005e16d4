"""Cutting bytes into tokens (切り出し): one character each, whatever the chunk they arrive in.

A token is one code of a byte charset, or one code point with the variation selector that follows it, one of
the 25 two-code-point characters of JIS X 0213, or text that looks like an escape or a name. Bytes that are none of
these are tokens of their own, and malformed. How a token at some place ends depends on at most `LOOKAHEAD` bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gaiji.charset.standard import pairs

STAYS_TEXT = "000000-text-26;"
ESCAPE = re.compile(
    rf"&((?:{STAYS_TEXT}){{0,64}})(\d{{6}}-[A-Za-z0-9_-]{{1,40}})-((?:[0-9A-F]{{2}}){{1,16}});"
)
"""`&252069-juki-F040;` stands for a local code, or for bytes malformed in that code set. Owner 000000 is no
municipality: `000000-unicode` and the like own the codes of the targets, and `&000000-text-26;` before the rest of an
escape stands for an & that was text already. Such a chain is one token, so that adding and removing one link undo
each other."""
NAME_TEXT = re.compile(r"&000000-text-([0-9A-F]{2});(.+)")
"""Text that looked like an MJ name, its first character escaped."""
LOOKAHEAD = 2300  # 64 links and an escape, in UTF-16


@dataclass(frozen=True)
class Tokens:
    """How one encoding is cut: pattern, bytes of a unit, and the line end that closes a record."""

    pattern: re.Pattern[bytes]
    newline: bytes
    encoding: str


def _unit(encoding: str, characters: bytes) -> bytes:
    """Return the pattern of one ASCII character out of a class, in an encoding."""
    zero = rb"\x00"
    match encoding:
        case "utf-16-le":
            return b"(?:" + characters + zero + b")"
        case "utf-16-be":
            return b"(?:" + zero + characters + b")"
        case _:
            return characters


def _escape(encoding: str) -> bytes:
    def u(characters: bytes) -> bytes:
        return _unit(encoding, characters)

    link = b"".join(u(re.escape(bytes([letter]))) for letter in STAYS_TEXT.encode())
    owner = u(b"[0-9]") + b"{6}" + u(b"-") + u(b"[A-Za-z0-9_-]") + b"{1,40}" + u(b"-")
    code = b"(?:" + u(b"[0-9A-F]") * 2 + b"){1,16}"
    return u(b"&") + b"(?:" + link + b"){0,64}" + owner + code + u(b";")


def _namespace(
    encoding: str, prefix: str, namespaces: Iterable[str], *, escaped: bool = False
) -> bytes:
    """Return the pattern of how a name begins, its digits left out; escaped: its first character as an escape."""
    words = [prefix + letters for letters in sorted(namespaces)]
    if escaped:
        words = [f"&000000-text-{ord(word[0]):02X};{word[1:]}" for word in words]
    spelled = (
        b"".join(_unit(encoding, re.escape(letter.encode())) for letter in word) for word in words
    )
    return b"(?:" + b"|".join(spelled) + b")"


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
_CP932 = rb"[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]|[\x00-\xff]"
_UCS2 = rb"[\x00-\xff]{2}|[\x00-\xff]"
_PLAIN = {
    "cp932": _CP932,
    "utf-8": _UTF8,
    "utf-16-le": _UTF16LE,
    "utf-16-be": _UTF16BE,
    "ucs-2": _UCS2,  # Juki-net: big-endian units, each a character by itself
}


def tokens(
    encoding: str,
    *,
    name_prefix: str | None = None,
    named: str | None = None,
    namespaces: Iterable[str] = (),
) -> Tokens:
    """Return how an encoding is cut.

    name_prefix: text that looks like an MJ name after this prefix is one token, because the target would
    read it as a name. named: the whole form in which names are written, with `{}`, for reading them; at the
    end of a line or of the input what follows the name may be missing, because editors trim it, and anywhere
    else the letters of such a name are a token, which is malformed. namespaces: the letters names begin with.
    """
    codec = "utf-16-be" if encoding == "ucs-2" else encoding
    digits = _unit(codec, b"[0-9]") + b"{6}"
    parts = []
    if named is not None:
        prefix, suffix = named.split("{}")
        end = b"".join(_unit(codec, re.escape(c.encode())) for c in suffix)
        line_end = b"(?=" + _unit(codec, rb"[\r\n]") + rb"|\Z)"
        begin = _namespace(codec, prefix, namespaces)
        parts += [
            begin + digits + end,
            _namespace(codec, prefix, namespaces, escaped=True) + digits,
            begin + digits + line_end,
            begin + b"(?=" + digits + b")",
        ]
    parts.append(_escape(codec))
    if name_prefix is not None:
        parts.append(_namespace(codec, name_prefix, namespaces) + digits)
    if encoding.startswith("utf-"):
        parts += [re.escape(pair.encode(encoding)) for pair in pairs()]
    parts.append(_PLAIN[encoding])
    return Tokens(re.compile(b"|".join(parts), re.DOTALL), "\n".encode(codec), codec)
