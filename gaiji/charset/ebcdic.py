"""Single bytes of the host charsets of Fujitsu, Hitachi and NEC (EBCDIC・EBCDIK・JIS8), by rule.

Each vendor has a variant with kana in the places of the small letters (`kana`, EBCDIK) and one with small letters in
EBCDIC's own places (`latin`). The yen sign and the overline of JIS X 0201 read as \\ and ~, as CP932 and EUC read them.

How sure this is: letters, digits, kana and the common marks agree in every published layout. The vendors differ in a
few marks (4A [ or £, 4F ! or |, 5A ] or !, 5F ^ or ¬, 6A | or ¦) and sites chose their own, so a code set should import
its site's table where those marks matter.

- jef: IBM's code page 290 as ICU has it without what IBM added to it (small letters among the kana, [ ] ^ ~ ¢ and a
  second \\), and with ¦ at 6A. Its line end is 15, and 25 reads U+0085.
- jips-e: JIS X 0201 through NEC's table from JIS-8 to EBCDIC (`jis8_to_ebcdic`) is `latin`; `kana` has the kana in the
  places of code page 290 and the small letters in what is left. The line end is 15, as in that table.
- keis: the same two layouts, which Hitachi's published tables follow but for 4A 5A 5F, with the line end 25.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from gaiji.charset.charsets import Ebcdic
from gaiji.charset.ibm import ibm_tables

_SMALL = "abcdefghijklmnopqrstuvwxyz"
_SMALL_AMONG_KANA = bytes.fromhex(
    "59 626364656667686970717273747576777880 8B 9B 9C A0 AB B0 B1".replace(" ", "")
)
_FUJITSU_ONLY = {0x5B: "\\", 0x6A: "¦", 0xA1: "~"}
_IBM_ONLY = bytes.fromhex("7080A0B0B1B2")


@cache
def jis8_to_ebcdic() -> bytes:
    """Return NEC's table from JIS-8 to EBCDIC, 256 bytes each once (JIS8-EBCDIC 変換表): 21 becomes 4F.

    By rule: ASCII as code page 500 has it but $ at E0, \\ at 5B and | at 6A; 0A at 15 and 85 at 25; 9F at E1; A0-FF
    in the places left, in order. Sources: that is the one-to-one table of ANSI X3.26 with $ and \\ in their Japanese
    places (248 of the bytes are those of `dd conv=ibm`), all 256 equal the table that the open-source library jef4j
    uses for JIPS(E), and the full-width space is known to be 4F4F. No manual of NEC's was in reach, and gaiji are known
    not to follow the table everywhere, so user-defined areas are declared by the code set.
    """
    table = {b: chr(b).encode("cp500")[0] for b in (*range(0x80), *range(0x80, 0x9F))}
    table |= {0x24: 0xE0, 0x5C: 0x5B, 0x7C: 0x6A, 0x0A: 0x15, 0x85: 0x25, 0x9F: 0xE1}
    free = [place for place in range(0x41, 0x100) if place not in table.values()]
    return bytes((table | dict(zip(range(0xA0, 0x100), free, strict=True)))[b] for b in range(256))


@cache
def jis8() -> Mapping[bytes, str]:
    """Return the single bytes of JIPS(J): JIS X 0201 with 8-bit kana; 1A begins a shift code and is none."""
    codes = {bytes([b]): chr(b) for b in range(0x80) if b != 0x1A}
    return MappingProxyType(codes | {bytes([b]): chr(0xFEC0 + b) for b in range(0xA1, 0xE0)})


@cache
def ebcdic(name: str, variant: Ebcdic) -> Mapping[bytes, str]:
    """Return the single bytes of a host charset in a variant, without first bytes of its shift codes."""
    if name == "jef":
        single, shifts = _fujitsu(variant), b"\x28\x29\x30\x38"
    else:
        single, shifts = _jis8_places(variant), b"\x3f" if name == "jips-e" else b"\x0a"
    if name.startswith("keis"):
        single |= {0x15: "\x85", 0x25: "\n"}
    kept = {bytes([b]): text for b, text in sorted(single.items()) if b not in shifts}
    return MappingProxyType(kept)


def _kana_of_290() -> dict[int, str]:
    single = {code[0]: text for code, text in ibm_tables()["ibm930"].single.items()}
    return single | {0x0E: "\x0e", 0x0F: "\x0f", 0x15: "\n", 0x25: "\x85"}


def _fujitsu(variant: Ebcdic) -> dict[int, str]:
    places = _kana_of_290().items()
    single = {b: text for b, text in places if text not in _SMALL and b not in _IBM_ONLY}
    if variant == "latin":
        single = {b: text for b, text in single.items() if text < "\uff61"}
        single |= {letter.encode("cp500")[0]: letter for letter in _SMALL}
    return single | _FUJITSU_ONLY


def _jis8_places(variant: Ebcdic) -> dict[int, str]:
    places = jis8_to_ebcdic()
    single = {places[b]: chr(b) for b in range(0xA0)}
    if variant == "latin":
        return single | {places[b]: chr(0xFEC0 + b) for b in range(0xA1, 0xE0)}
    single = {b: text for b, text in single.items() if text not in _SMALL}
    kana = {b: text for b, text in _kana_of_290().items() if text >= "\uff61"}
    return single | kana | dict(zip(_SMALL_AMONG_KANA, _SMALL, strict=True))
