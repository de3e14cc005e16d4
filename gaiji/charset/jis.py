"""JIS X 0208 by edition (JIS第1・第2水準の版), and what eucJP-ms adds to it, by rule from Python's codecs.

The places are those of Python's `euc_jp`, which is JIS X 0208:1990. What the edition of 1978 (JIS C 6226) had instead
is written down here from two sources: the map JISC6226 of GNU Emacs (after K. Yasuoka's Uni2JIS), and Adobe's CMap
78-EUC-H read through UniJIS2004-UTF32-H and UniJIS-UTF32-H (poppler-data). They agree on 84 of the 90 codes; of
靭 靱 痩 邇 Adobe's glyph has no code point, and Adobe alone tells 寃 and 枴 apart. A shape whose only code point is a
compatibility ideograph is not told apart: normalization would change it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from gaiji.charset.charsets import Jis, Punctuation
from gaiji.charset.standard import decoded, punctuated

SWAPPED = "鯵鰺鴬鶯蛎蠣撹攪竃竈潅灌諌諫頚頸砿礦蕊蘂靭靱賎賤壷壺砺礪梼檮涛濤迩邇蝿蠅桧檜侭儘薮藪篭籠"
"""The 22 pairs that changed places in 1983 (入替え), and back when 1978 is read."""
MOVED = "尭堯槙槇遥遙瑶瑤"
"""The 4 codes whose older shape went to row 84 in 1983: today's character, then that of 1978."""
SIMPLIFIED = (
    "唖啞焔焰鴎鷗噛嚙侠俠躯軀鹸鹼麹麴屡屢繍繡蒋蔣醤醬蝉蟬掻搔騨驒箪簞掴摑填塡顛顚祷禱涜瀆嚢囊溌潑醗醱頬頰"
    "麺麵莱萊蝋蠟攅攢"
)
"""The 29 codes whose shape of 1978 lost its place in 1983 and has a code point of its own in Unicode."""
REDRAWN = "荊荆昂昻隙𨻶柵栅稽𥡴澗㵎剥剝痩瘦繋繫屏屛梍梎寃𡨚枴柺"
"""The 13 further codes whose drawing of 1978 has a code point of its own."""
ADDED = (
    *((0x223A, 0x2241), (0x224A, 0x2250), (0x225C, 0x226A), (0x2272, 0x2279), (0x227E, 0x227E)),
    *((0x2821, 0x2840), (0x7421, 0x7424)),
    (0x7425, 0x7426),
)
"""First and last codes that 1978 did not have: 71 non-kanji and 4 kanji of 1983, 2 kanji of 1990."""


@cache
def jis_x_0208(jis: Jis) -> Mapping[bytes, str]:
    """Return JIS X 0208 as an edition shows it, by its code in rows and cells 21-7E.

    78 is 字形重視: a code reads as its shape of 1978. The others are 領域重視: a code reads by its place, as every
    edition since 1983 has it; what 1990 and 2004 drew anew has the same code points.
    """
    cells = range(0x21, 0x7F)
    places = {
        bytes([row, cell]): bytes([row | 0x80, cell | 0x80]) for row in cells for cell in cells
    }
    table = {code: text for code, euc in places.items() if (text := decoded(euc, "euc_jp"))}
    if jis == 78:
        absent = {code.to_bytes(2) for first, last in ADDED for code in range(first, last + 1)}
        older = shapes_of_1978()
        table = {code: older.get(text, text) for code, text in table.items() if code not in absent}
    return MappingProxyType(table)


@cache
def shapes_of_1978() -> Mapping[str, str]:
    """Return the character a code had in 1978 by the one it has now: 90 codes."""
    changed = SWAPPED + MOVED + SIMPLIFIED + REDRAWN
    older = dict(zip(changed[::2], changed[1::2], strict=True))
    older |= dict(zip(SWAPPED[1::2], SWAPPED[::2], strict=True))
    return MappingProxyType(older)


@cache
def eucjp_ms_reading(policy: Punctuation) -> Mapping[bytes, str]:
    """Return every code of eucJP-ms outside its user-defined areas, single bytes included.

    JIS X 0208, half-width kana after 8E and JIS X 0212 after 8F as Python's `euc_jp` has them; NEC's row 13 at AD; at
    8FF3F3-8FF4FE what IBM's extension of CP932 has beyond the two standards, in CP932's order, without ￢ ￤ ∵. 8FA2B7
    and 8FA2C3 read ～ and ￤ as in glibc.
    """
    cells = range(0xA1, 0xFF)
    pairs = [bytes([row, cell]) for row in cells for cell in cells]
    codes = [bytes([b]) for b in range(0x80)] + [bytes([0x8E, b]) for b in range(0xA1, 0xE0)]
    table = {code: text for code in codes if (text := decoded(code, "euc_jp"))}
    for code in pairs:
        if text := decoded(code, "euc_jp"):
            table[code] = punctuated(text, policy)
    hojo = {b"\x8f" + code: text for code in pairs if (text := decoded(b"\x8f" + code, "euc_jp"))}
    for position in range(94):
        trail = 0x40 + position + (position >= 0x3F)
        if text := decoded(bytes([0x87, trail]), "cp932"):
            table[bytes([0xAD, 0xA1 + position])] = text
    taken = {text for text in hojo.values() if text != "№"} | set("￢￤∵")
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    extension = [decoded(bytes([lead, b]), "cp932") for lead in (0xFA, 0xFB, 0xFC) for b in trails]
    left = [text for text in extension if text and text not in taken]
    places = [b"\x8f" + code for code in pairs if b"\xf3\xf3" <= code <= b"\xf4\xfe"]
    table |= hojo | {b"\x8f\xa2\xb7": "～", b"\x8f\xa2\xc3": "￤"}
    return MappingProxyType(table | dict(zip(places, left, strict=True)))
