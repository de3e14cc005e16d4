"""A file of every code through the whole engine, against converters that nobody here wrote.

The tables alone are held against more oracles in test_coding.py; here shift codes, lines and both engines take part.
"""

from __future__ import annotations

import subprocess
from collections import Counter

import pytest

from gaiji.charset.charsets import NAMES
from gaiji.charset.standard import SIX, decoded, punctuated
from tests.charset.cities import (
    MappingFiles,
    alike,
    city,
    every_code,
    opened,
    script_of,
)
from tests.charset.test_coding import jef_oracle, needs_iconv

ICONV = {"eucjp-ms": "EUC-JP-MS", "utf-16le": "UTF-16LE", "utf-16be": "UTF-16BE"}
NAMED = [name for name in NAMES if name[:3] in ("cp9", "euc", "ibm", "utf")]
DASH = "one dash: U+2015 as in every other charset"


def iconv(source: str, target: str, data: bytes) -> bytes:
    """Return what glibc makes of bytes, what it refuses left out."""
    done = subprocess.run(
        ["iconv", "-c", "-f", source, "-t", target], input=data, capture_output=True
    )
    return done.stdout


def encoding(name: str) -> str:
    return ICONV.get(name, name.upper())


def lines(name: str) -> tuple[list[bytes], bytes]:
    """Return every code but the line end, and the file in which each is a line."""
    script = script_of(name)
    codes = [code for code in every_code(city(name)) if code != script.newline]
    return codes, b"".join(script.standing(code) + script.newline for code in codes)


def decided(name: str) -> set[bytes]:
    """Return the local codes that are more than their image here."""
    return {row.code for row in city(name).rows}


def is_private(text: str) -> bool:
    return len(text) == 1 and ("\ue000" <= text <= "\uf8ff" or text >= "\U000f0000")


ESCAPED = "private use that nobody decided: an escape"
OTHERWISE: dict[str, dict[str, int]] = {
    **{name: {DASH: 1} for name in ("ibm930", "ibm939")},
    **{name: {ESCAPED: 8_536} for name in NAMED if name.startswith("utf")},
}
AGREES = {
    "cp932": 9_781,
    "eucjp-ms": 15_192,
    "ibm930": 11_846,
    "ibm939": 11_846,
    "ibm1390": 22_315,
    "ibm1399": 22_315,
    "utf-16le": 11_512,
    "utf-16be": 11_512,
    "utf-8": 11_512,
}


@needs_iconv
@pytest.mark.parametrize("name", NAMED)
def test_a_file_of_every_code_reads_as_glibc_reads_it(
    name: str, mapping_file: MappingFiles
) -> None:
    codes, data = lines(name)
    policy = "escape" if name.startswith("utf") else "keep"
    ours = alike(opened(mapping_file(name, "unicode"), on_unmapped=policy), data).out.decode()
    theirs = iconv(encoding(name), "UTF-8", data).decode()
    found: Counter[str] = Counter()
    rows = zip(codes, ours.split("\n"), theirs.split("\n"), strict=False)
    for code, one, other in rows:
        if one == other:
            found["agrees"] += 1
        elif code in decided(name):
            found["decided by the city"] += 1
        elif (one, other) == ("―", "—"):
            found[DASH] += 1
        elif one == f"&252085-host-{code.hex().upper()};" and is_private(other):
            found[ESCAPED] += 1
        else:
            found[f"{code.hex()} {one} {other}"] += 1
    assert ours.count("\n") == theirs.count("\n") == len(codes)
    local = {"decided by the city": 13}
    assert found == {"agrees": AGREES[name], **local, **OTHERWISE.get(name, {})}


WRITTEN = {
    "cp932": 7_523,
    "eucjp-ms": 13_308,
    "ibm930": 7_492,
    "ibm939": 7_492,
    "ibm1390": 16_122,
    "ibm1399": 16_122,
}
YEN = {
    "ibm930": {"\\": (b"\xb2", b"\x5b"), "~": (b"\xa0", b"\xa1")},
    "ibm939": {"\\": (b"\xe0", b"\xb2"), "~": (b"\xa1", b"\xa0")},
}
"""What glibc writes with the codes of ¥ and ‾, though it reads codes of their own as \\ and ~."""


@needs_iconv
@pytest.mark.parametrize("name", NAMED)
def test_a_file_of_every_character_is_written_as_glibc_writes_it(
    name: str, mapping_file: MappingFiles
) -> None:
    script = script_of(name)
    if script.codec is None:
        texts = [text for text in script.writing if text != "\n"]
    else:
        codes = [code for code in every_code(city(name)) if code != script.newline]
        texts = [
            code.decode(script.codec) for code in codes if not city(name).charset.is_user_code(code)
        ]
    text = "".join(one + "\n" for one in texts)
    ours = alike(opened(mapping_file(name, "unicode"), back=True), text.encode()).out
    theirs = iconv("UTF-8", encoding(name), text.encode())
    if script.codec is not None:
        assert ours == theirs
        return
    mine, others = (split(script.newline, file) for file in (ours, theirs))
    rows = list(zip(texts, mine, others, strict=True))
    differs = {text: (code, other) for text, code, other in rows if code != other}
    assert differs == YEN.get(name, {})
    assert len(rows) - len(differs) == WRITTEN[name]


def split(newline: bytes, data: bytes) -> list[bytes]:
    return data.split(newline)[:-1]


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("cp932", "cp932", {"agrees": 9_781, "decided by the city": 13}),
        (
            "eucjp-ms",
            "euc_jp",
            {
                "agrees": 13_128,
                "decided by the city": 13,
                "local: not in Python's codec": 1_867,
                "IBM extension: not in Python's codec": 106,
                "NEC row 13: not in Python's codec": 83,
                "punctuation: Microsoft's reading": 6,
                "as glibc: ～ ~": 1,
                "as glibc: ￤ ¦": 1,
            },
        ),
    ],
)
def test_a_file_of_every_code_reads_as_python_reads_it(
    name: str, codec: str, expected: dict[str, int], mapping_file: MappingFiles
) -> None:
    codes, data = lines(name)
    ours = alike(opened(mapping_file(name, "unicode"), on_unmapped="keep"), data).out.decode()
    found: Counter[str] = Counter()
    for code, one in zip(codes, ours.split("\n"), strict=False):
        other = decoded(code, codec)
        if one == other:
            found["agrees"] += 1
        elif code in decided(name):
            found["decided by the city"] += 1
        elif other is None:
            area = (
                "local" if is_private(one) else "NEC row 13" if code[0] == 0xAD else "IBM extension"
            )
            found[f"{area}: not in Python's codec"] += 1
        elif punctuated(one, "jis") == other:
            found["punctuation: Microsoft's reading"] += 1
        else:
            found[f"as glibc: {one} {other}"] += 1
    assert found == expected


def test_a_file_of_the_codes_of_jef_reads_as_a_table_nobody_here_made(
    mapping_file: MappingFiles,
) -> None:
    oracle = jef_oracle()
    script = script_of("jef")
    codes = [code for code in oracle if code in script.reading]
    data = b"".join(script.standing(code) + script.newline for code in codes)
    ours = alike(opened(mapping_file("jef", "unicode")), data).out.decode().split("\n")[:-1]
    differs = {
        (one, oracle[code]) for code, one in zip(codes, ours, strict=True) if one != oracle[code]
    }
    marks = {(punctuated(mark, "jis"), mark) for mark in SIX if mark not in "￡￢"}
    assert marks <= differs
    assert differs - marks == {
        ("嘘", "噓"),
        ("燗", "𤏐"),  # the oracle alone tells these two apart
        ("𥡴", "稽"),  # 1978 had 𥡴: both of our sources say so
        ("褐", "\ufa60"),  # a compatibility ideograph
    }
    assert (len(codes), len(differs)) == (6_803, 8)
