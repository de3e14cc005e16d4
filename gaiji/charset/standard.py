"""Standard areas and repertoires (標準領域): what a code that is no gaiji means, derived by rule and checked.

CP932 is read as Python's `cp932` does, except the single bytes 80 A0 FD FE FF, which are no characters (glibc
refuses them too), and written with the IBM extension where a character has two codes (髙 FBFC, 﨑 FAB1), as
Windows, glibc and IBM943 do. 398 of the 7,724 double-byte codes are such second codes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gaiji.charset.charsets import Punctuation

SIX = "～∥－￠￡￢"
"""The six marks that CP932 and JIS-based tables read as different code points, in Microsoft's reading."""
_TO_JIS: Mapping[str, str] = dict(zip(SIX, "〜‖−¢£¬", strict=True))
_TO_MICROSOFT: Mapping[str, str] = {jis: microsoft for microsoft, jis in _TO_JIS.items()}


def punctuated(text: str, policy: Punctuation) -> str:
    """Return the text as the punctuation policy (記号の方針) writes it; only the six marks change."""
    return (_TO_JIS if policy == "jis" else _TO_MICROSOFT).get(text, text)


def decoded(code: bytes, encoding: str) -> str | None:
    """Return the text of one code, or None when it is none; never a part of it."""
    try:
        return code.decode(encoding)
    except UnicodeDecodeError:
        return None


@cache
def cp932_reading() -> Mapping[bytes, str]:
    """Every code of CP932 outside F040-F9FC, single bytes included, as text in Microsoft's reading."""
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    leads = (*range(0x81, 0xA0), *range(0xE0, 0xF0), *range(0xFA, 0xFD))
    singles = (*range(0x80), *range(0xA1, 0xE0))
    codes = [bytes([b]) for b in singles] + [bytes([a, b]) for a in leads for b in trails]
    table = {code: text for code in codes if (text := decoded(code, "cp932"))}
    return MappingProxyType(table)


@cache
def cp932_writing() -> Mapping[str, bytes]:
    """The one code CP932 writes for a text: Python's choice, but IBM's extension before NEC's copy of it."""
    table: dict[str, bytes] = {}
    for code, text in cp932_reading().items():
        chosen = text.encode("cp932")
        if chosen == code or (chosen[0] in (0xED, 0xEE) and code[0] >= 0xFA):
            table[text] = code
    return MappingProxyType(table)


_PLANE_2 = (1, 3, 4, 5, 8, 12, 13, 14, 15, *range(78, 95))


@cache
def x0213_points() -> Mapping[str, str]:
    """The 11,233 points of JIS X 0213:2012 by name, `1-26-74`, with their text; 25 are two code points.

    From Python's `euc_jis_2004`, whose third byte area also holds JIS X 0212: only plane 2's own rows count.
    """
    table: dict[str, str] = {}
    for plane, rows, lead in ((1, tuple(range(1, 95)), b""), (2, _PLANE_2, b"\x8f")):
        for row in rows:
            for cell in range(1, 95):
                code = lead + bytes([0xA0 + row, 0xA0 + cell])
                if text := decoded(code, "euc_jis_2004"):
                    table[f"{plane}-{row:02}-{cell:02}"] = text
    return MappingProxyType(table)


@cache
def x0213_names() -> Mapping[str, str]:
    """The point of each text of JIS X 0213:2012."""
    return MappingProxyType({text: point for point, text in x0213_points().items()})


PAIRS = (
    *("か゚", "き゚", "く゚", "け゚", "こ゚", "カ゚", "キ゚", "ク゚", "ケ゚", "コ゚", "セ゚", "ツ゚", "ト゚", "ㇷ゚"),
    *("æ̀", "ɔ̀", "ɔ́", "ʌ̀", "ʌ́", "ə̀", "ə́", "ɚ̀", "ɚ́", "˩˥", "˥˩"),
)
"""The 25 characters of JIS X 0213 that are two code points (か゚ …), always one token."""


@cache
def x0213_repertoire() -> frozenset[str]:
    """What the `x0213` target may contain: JIS X 0213:2012 with JIS X 0201 (ASCII, half-width kana), controls."""
    return frozenset((*x0213_names(), *_single_bytes()))


@cache
def x0208_repertoire() -> frozenset[str]:
    """JIS X 0208 with JIS X 0201 (ASCII, half-width kana) and controls, its six disputed marks by both policies."""
    places = range(0xA1, 0xFF)
    kanji = {decoded(bytes((row, cell)), "euc_jp") for row in places for cell in places} - {None}
    return frozenset(
        punctuated(text, policy)
        for text in (*_single_bytes(), *filter(None, kanji))
        for policy in ("jis", "microsoft")
    )


def _single_bytes() -> Iterable[str]:
    """Yield ASCII, controls included, and half-width kana: what JIS X 0201 adds to a repertoire of kanji."""
    return map(chr, (*range(0x80), *range(0xFF61, 0xFFA0)))


@cache
def juki_non_kanji() -> frozenset[str]:
    """The non-kanji of the Juki-net repertoire that are their own UCS value (非漢字), controls included.

    J+0020-33FF and J+FF00-FFFE, as far as CP932, JIS X 0212 or JIS X 0213 has the character: 1,258 and 163 of
    the 1,274 and 163 that the repertoire counts; the 16 that no standard in reach names stay unmapped.
    """
    found = {chr(point) for point in (*range(0x20), 0x7F)}
    for point in (*range(0x20, 0x3400), *range(0xFF00, 0xFFFF)):
        text = chr(point)
        if any(text.encode(codec, "ignore") for codec in ("cp932", "euc_jis_2004", "euc_jp")):
            found.add(text)
    return frozenset(found)
