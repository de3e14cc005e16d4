"""What the bytes of a charset mean (符号化): modes, shift codes and tables both ways, all of it data.

`coding(charset)` describes every byte charset in one shape; the engine knows none by name. Sources: CP932 and eucJP-ms
by rule from Python's codecs; IBM from one file made from ICU (`ibm`); the standard areas of JEF, KEIS and JIPS from
JIS X 0208 and its editions (`jis`), their single bytes as `ebcdic` says. A code table that a code set imported replaces
what it names. docs/charsets.md has every charset in a table, with what was checked against what.

Three rules hold everywhere. The first byte of a shift code is never a code nor part of one. A text is written in one
way: of several codes with one text the others are only read. A full-width mark keeps its full width where the charset
has its half-width reading as a single byte (￡ beside £), whatever the punctuation says.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from gaiji.charset.charsets import Charset, Punctuation
from gaiji.charset.ebcdic import ebcdic, jis8, jis8_to_ebcdic
from gaiji.charset.ibm import ibm_tables
from gaiji.charset.jis import eucjp_ms_reading, jis_x_0208
from gaiji.charset.standard import SIX, cp932_reading, cp932_writing, punctuated
from gaiji.errors import BadName

Span = tuple[bytes, bytes]


class Shift(NamedTuple):
    """A shift code (シフトコード): the bytes, and the mode after them."""

    code: bytes
    mode: int


@dataclass(frozen=True)
class Mode:
    """What codes mean between two shift codes (シフト状態).

    shape: the pattern of one well-shaped code, assigned or not; any other byte is malformed alone. reading: the codes
    of the standard area in the declared punctuation and JIS edition; user-defined areas are left out. writing: the one
    code of a text; the six marks in both readings where only one is read, and `WRITTEN_ONLY`. untabled: first and last
    codes of areas that exist and have no table here: a code there that `reading` lacks is unmapped (未対応), not
    malformed.
    """

    shape: bytes
    reading: Mapping[bytes, str]
    writing: Mapping[str, bytes]
    untabled: tuple[Span, ...] = ()


@dataclass(frozen=True)
class Coding:
    """A charset as the engine sees it (符号化).

    modes: files and records begin in the first; a stateless charset has one. shifts: of several for one mode the first
    is written. newline: the code of the first mode that reads as the line end; read in the second it ends that mode.
    """

    modes: tuple[Mode, ...]
    shifts: tuple[Shift, ...]
    newline: bytes


def _shifts(double: str, single: str) -> tuple[Shift, ...]:
    codes = [Shift(bytes.fromhex(code), 1) for code in double.split()]
    return (*codes, Shift(bytes.fromhex(single), 0))


_KEIS, _IBM = _shifts("0A42", "0A41"), _shifts("0E", "0F")
SHIFTS: Mapping[str, tuple[Shift, ...]] = {
    "jef": _shifts("28 38 30E2", "29"),
    "keis78": _KEIS,
    "keis83": _KEIS,
    "jips-j": _shifts("1A70", "1A71"),
    "jips-e": _shifts("3F75", "3F76"),
    **dict.fromkeys(("ibm930", "ibm939", "ibm1390", "ibm1399"), _IBM),
}
"""The shift codes of each charset that has two modes."""


def _class(values: Iterable[int]) -> bytes:
    """Return the pattern of one byte out of some."""
    return b"[" + b"".join(rb"\x%02x" % value for value in sorted(values)) + b"]"


def _jips_e_shape() -> bytes:
    table = jis8_to_ebcdic()
    g0, g1 = (_class(table[b] for b in half) for half in (range(0x21, 0x7F), range(0xA1, 0xFF)))
    return g0 + g0 + b"|" + g1 + g1


_HOST, _IBM_HOST = rb"\x40\x40|[\x41-\xfe][\xa1-\xfe]", rb"\x40\x40|[\x41-\xfe][\x41-\xfe]"
SHAPES: Mapping[str, bytes] = {
    "cp932": rb"[\x00-\x7f\xa1-\xdf]|[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]",
    "eucjp-ms": rb"[\x00-\x7f]|\x8e[\xa1-\xdf]|\x8f[\xa1-\xfe][\xa1-\xfe]|[\xa1-\xfe][\xa1-\xfe]",
    **dict.fromkeys(("jef", "keis78", "keis83"), _HOST),
    "jips-j": rb"[\x21-\x7e][\x21-\x7e]|[\xa1-\xfe][\xa1-\xfe]",
    "jips-e": _jips_e_shape(),
    **dict.fromkeys(("ibm930", "ibm939", "ibm1390", "ibm1399"), _IBM_HOST),
}
"""The pattern of a well-shaped code: of the only mode, or of the double-byte mode."""

_ALL_DOUBLE: Span = (b"\x21\x21", b"\xfe\xfe")
UNTABLED: Mapping[str, tuple[Span, ...]] = dict.fromkeys(
    ("jef", "keis78", "keis83", "jips-j", "jips-e"), (_ALL_DOUBLE,)
)
"""Where a vendor has characters that no table here names: JEF's extended kanji 41A1-7FFE, KEIS's extended set
59A1-80FE and system area ADA1-AFFE, JIPS's G1 A1A1-DFFE, and whatever row of the standard area JIS leaves free."""


IBM_DASH = {b"\x44\x4a": "―"}
"""The dash of 930 and 939, which ICU and glibc read as U+2014: here it reads U+2015 like the same mark (1-29) of every
other charset, or an address with it could be converted to no other city. 1390 and 1399 have a code for each."""

WRITTEN_ONLY: Mapping[str, str] = {"—": "―"}
"""Texts written as another one's code where they have none of their own; they do not come back, so each is a loss.
People type the dash of JIS X 0208 (1-29) as U+2014 as often as U+2015, which charsets read; glibc writes it so too."""


@lru_cache(64)
def coding(charset: Charset) -> Coding:
    """Return how the bytes of a byte charset are read and written (符号化); made once for each charset.

    Raises BadName for a Unicode charset, which has no table; for a declared user-defined area that cannot be told from
    shift codes, line ends or other codes; for an imported table that leaves no line end.
    """
    if charset.is_unicode:
        raise BadName(
            f"{charset.name} は Unicode の符号化で、コード表がありません。",
            f"{charset.name} is an encoding of Unicode; it has no code table.",
        )
    modes = _stateful(charset) if charset.name in SHIFTS else (_stateless(charset),)
    newline = modes[0].writing.get("\n")
    if newline is None:
        raise BadName(
            f"{charset.name} のコード表に改行がありません。改行のコードを表に加えてください。",
            f"The code table of {charset.name} has no line end; add its code to the table.",
        )
    shape = b"|".join([*_area_shapes(charset, modes[-1].shape, newline), modes[-1].shape])
    defaults = tuple((area.first, area.last) for area in charset.family.areas)
    last = replace(modes[-1], shape=shape, untabled=UNTABLED.get(charset.name, defaults))
    return Coding((*modes[:-1], last), SHIFTS.get(charset.name, ()), newline)


def _stateless(charset: Charset) -> Mode:
    read_only: frozenset[bytes] = frozenset()
    if charset.name == "cp932":
        standard = _punctuated(dict(cp932_reading()), (), charset.punctuation)
        read_only = frozenset(standard) - frozenset(cp932_writing().values())
    else:
        standard = dict(eucjp_ms_reading(charset.punctuation))
    imported = _punctuated(_imported(charset, (1, 2, 3)), (), charset.punctuation)
    reading = _outside_areas(charset, standard | imported)
    return _mode(SHAPES[charset.name], reading, _writing(charset, reading, read_only))


def _stateful(charset: Charset) -> tuple[Mode, Mode]:
    """Return the single-byte and the double-byte mode."""
    single, double, read_only = _standard(charset)
    single |= _imported(charset, (1,))
    double = _punctuated(double | _imported(charset, (2,)), single.values(), charset.punctuation)
    double = _outside_areas(charset, double)
    shape = _class(set(range(256)) - {shift.code[0] for shift in SHIFTS[charset.name]})
    first = _mode(shape, single, _writing(charset, single, (), marks=False))
    writing = _writing(charset, double, read_only, elsewhere=first.writing)
    return first, _mode(SHAPES[charset.name], double, writing)


def _mode(shape: bytes, reading: dict[bytes, str], writing: dict[str, bytes]) -> Mode:
    ordered = dict(sorted(reading.items()))
    return Mode(shape, MappingProxyType(ordered), MappingProxyType(writing))


def _imported(charset: Charset, widths: Collection[int]) -> dict[bytes, str]:
    table = charset.table.reading if charset.table else {}
    return {code: text for code, text in table.items() if len(code) in widths}


def _standard(charset: Charset) -> tuple[dict[bytes, str], dict[bytes, str], frozenset[bytes]]:
    """Return the built-in single bytes, double bytes, and codes that are read and never written first."""
    name, nothing = charset.name, frozenset[bytes]()
    if name in ibm_tables():
        table = ibm_tables()[name]
        dash = {} if "―" in table.double.values() else IBM_DASH
        return dict(table.single), table.double | dash, table.unwritten
    jis = jis_x_0208(charset.jis)
    if name == "jips-j":
        return dict(jis8()), dict(jis), nothing
    single = dict(ebcdic(name, charset.ebcdic or "kana"))
    if name == "jips-e":
        places = jis8_to_ebcdic()
        return single, {code.translate(places): text for code, text in jis.items()}, nothing
    high = bytes(byte | 0x80 for byte in range(256))
    double = {code.translate(high): text for code, text in jis.items()}
    return single, {b"\x40\x40": "\u3000"} | double, nothing


def _punctuated(
    reading: dict[bytes, str], singles: Collection[str], policy: Punctuation
) -> dict[bytes, str]:
    """Return a table with the six marks as the policy reads them.

    A mark stays as it is where the table has a code for each of its readings, and full-width where its half-width
    reading is a single byte.
    """
    texts, chosen = set(reading.values()), dict[str, str]()
    for wide in SIX:
        narrow = punctuated(wide, "jis")
        if wide not in texts or narrow not in texts:
            mark = wide if policy == "microsoft" or narrow in singles else narrow
            chosen |= {wide: mark, narrow: mark}
    return {code: chosen.get(text, text) for code, text in reading.items()}


def _outside_areas(charset: Charset, reading: dict[bytes, str]) -> dict[bytes, str]:
    """Return a table without the codes inside declared user-defined areas."""
    inside: set[bytes] = set()
    for area in charset.areas:
        near = (c for c in reading if len(c) == len(area.first) and area.first <= c <= area.last)
        inside |= {code for code in near if charset.is_user_code(code)}
    return {code: text for code, text in reading.items() if code not in inside}


def _writing(
    charset: Charset,
    reading: Mapping[bytes, str],
    read_only: Collection[bytes],
    *,
    elsewhere: Collection[str] = (),
    marks: bool = True,
) -> dict[str, bytes]:
    """Return the code each text is written with: what an imported table says, else its first code, shorter ones first.

    read_only: codes that come last. elsewhere: texts that another mode writes. marks: whether the six marks are written
    in the other reading too, where that is the text of no code, and so the dash of `WRITTEN_ONLY`.
    """
    writing = dict(charset.table.writing) if charset.table else {}
    own = set(_imported(charset, (1, 2, 3)))
    order = sorted(reading, key=lambda code: (code not in own, code in read_only, len(code), code))
    for code in order:
        writing.setdefault(reading[code], code)
    writing = {text: code for text, code in writing.items() if code in reading}
    for wide in SIX if marks else "":
        narrow = punctuated(wide, "jis")
        for one, other in ((wide, narrow), (narrow, wide)):
            if one in writing:
                writing.setdefault(other, writing[one])
    for text, shown in WRITTEN_ONLY.items() if marks else ():
        if shown in writing:
            writing.setdefault(text, writing[shown])
    return {text: code for text, code in writing.items() if text not in elsewhere}


def _area_shapes(charset: Charset, shape: bytes, newline: bytes) -> Iterator[bytes]:
    """Yield the patterns of declared areas that have another shape than the charset's own codes.

    Only a charset with shift codes can take one: two bytes, none of them the first of a shift code or a line end.
    """
    taken = {shift.code[0] for shift in SHIFTS.get(charset.name, ())} | set(newline)
    for area in charset.areas:
        trails = [byte for low, high in area.trails for byte in range(low, high + 1)]
        row = [area.first[:-1] + bytes([trail]) for trail in trails]
        if all(re.fullmatch(shape, code) for code in (area.first, area.last, *row)):
            continue
        leads = range(area.first[0], area.last[0] + 1)
        if charset.name not in SHIFTS or len(area.first) != 2 or taken & {*leads, *trails}:
            span = f"{area.first.hex().upper()}-{area.last.hex().upper()}"
            raise BadName(
                f"外字領域 {span} は {charset.name} のコードになりません。領域の定義を直してください。",
                f"The user-defined area {span} is no area of {charset.name} codes; correct the declaration.",
            )
        yield _class(leads) + _class(trails)
