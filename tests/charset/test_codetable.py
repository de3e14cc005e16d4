"""Imported code tables: what each form says, what it contradicts, and what a charset makes of it."""

from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from gaiji.charset.charsets import charset
from gaiji.charset.codetable import READERS, CodeTable, read_csv, read_jef4j, read_ucm, unpacked
from gaiji.charset.coding import coding
from gaiji.errors import BadName, BadTable

SHARED = Path(__file__).parents[3] / "shared" / "data"


def read(kind: str, base: str, text: str | bytes) -> CodeTable:
    data = text if isinstance(text, bytes) else text.encode()
    return READERS[kind](data, "table", base, {"source": "a test"})


def ucm(*rows: str) -> str:
    return "\n".join(["<code_set_name> x", "# note", "CHARMAP", *rows, "END CHARMAP", "<U0041> no"])


def jef4j(*rows: dict[str, object]) -> str:
    return json.dumps([{"options": []} | row for row in rows])


def shared(name: str) -> bytes:
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not here")
    return (SHARED / name).read_bytes()


def test_a_ucm_holds_both_ways_one_way_or_not_at_all() -> None:
    table = read(
        "ucm",
        "ibm939",
        ucm(
            "<U4E9C> \\x48\\x67 |0  # both",
            "<U5516> \\x54\\xD4",
            "<U555E> \\x54\\xD4 |1",
            "<U301C> \\x43\\xA1 |0",
            "<U20AC> \\x42\\xE1 |3",
            "<U20AC> \\xE1 |0",
            "<U00A0> \\x3F |2",
            "<U304B>+<U309A> \\xEC\\xB5 |0",
            "<UE000> \\x69\\x41 |0",
            "<UFFFD> \\xFE\\xFE |0",
            "<U2252> \\x4F\\x4F |4",
            "<U2252> \\x4F\\x50 |3",
        ),
    )
    assert table.reading == {
        b"\x48\x67": "亜",
        b"\x54\xd4": "唖",
        b"\x43\xa1": "〜",
        b"\x42\xe1": "€",
        b"\xe1": "€",
        b"\xec\xb5": "か\u309a",
        b"\x4f\x50": "≒",
    }
    assert table.writing == {"啞": b"\x54\xd4", "€": b"\xe1", "≒": b"\x4f\x4f"}
    assert table.provenance["skipped"] == "1"
    assert (table.provenance["source"], table.provenance["format"]) == ("a test", "ucm")


def test_a_code_that_is_only_read_is_never_written() -> None:
    table = read("csv", "keis83", "B0A1,亜\nB0A2,唖,read\n")
    assert table.writing == {"唖": b""}
    double = coding(charset("keis83", table=table)).modes[1]
    assert double.reading[b"\xb0\xa2"] == "唖"
    assert "唖" not in double.writing
    assert "唖" in coding(charset("keis83")).modes[1].writing


def test_a_csv_is_cp932_or_utf8_with_a_heading_or_without() -> None:
    rows = "コード,文字,方向\n41A1,U+4E02,both\n0x41A2,か+\n41A3,U+304B+U+309A\n41A4,U+2000B\n"
    for data in (rows.encode("cp932"), rows.encode(), rows.encode("utf-8-sig")):
        table = read("csv", "jef", data)
        assert list(table.reading.values()) == ["丂", "か+", "か\u309a", "𠀋"]
        assert table.writing == {}
    assert read("csv", "jef", "41A1,一\n") == read("csv", "jef", "\n41A1,U+4E00\n\n")
    assert read("csv", "cp932", b'8141,"\x81\x43"\n').reading == {b"\x81\x41": "，"}
    assert read("csv", "keis83", '"=""59E1""",U+4E02\n').reading == {b"\x59\xe1": "丂"}


def test_jef4j_rows_read_as_their_options_say() -> None:
    rows: list[dict[str, object]] = [
        {"code": "41A5", "unicode": "4E08", "hd": "E0103", "aj1": "E0101", "options": ["oneway"]},
        {"code": "41A7", "unicode": "5F0E", "hd": "E0101"},
        {"code": "42BB", "unicode": "4FAE", "hd": "E0103", "options": ["oneway"]},
        {"code": "42BB", "unicode": "FA30", "options": ["cjk_ci"]},
        {"code": "43C7", "unicode": "5132", "options": ["decode_only"]},
        {"code": "71AE", "unicode": "1B02A", "sp": "3099", "options": ["substitution"]},
        {"code": "71F7", "unicode": "FFFD", "options": ["oneway", "unmappable"]},
        {"code": "A1AB", "unicode": "309B"},
        {"code": "A1AB", "unicode": "3099", "options": ["encode_only"]},
    ]
    table = read("jef4j-json", "jef", jef4j(*rows))
    assert table.reading == {
        b"\x41\xa5": "丈\U000e0103",
        b"\x41\xa7": "弎",
        b"\x42\xbb": "侮\U000e0103",
        b"\x43\xc7": "儲",
        b"\x71\xae": "\U0001b02a\u3099",
        b"\xa1\xab": "゛",
    }
    assert table.writing == {
        "弎\U000e0101": b"\x41\xa7",
        "\ufa30": b"\x42\xbb",
        "儲": b"",
        "\U0001b02a\u3099": b"",
        "\u3099": b"\xa1\xab",
    }
    always = read_jef4j(jef4j(*rows).encode(), "table", "jef", {}, selectors="always")
    assert always.reading[b"\x41\xa7"] == "弎\U000e0101"
    assert always.writing["弎"] == b"\x41\xa7"
    assert always != table


def test_the_published_jef_table_widens_the_charset() -> None:
    data = shared("fujitsu_jef_mapping.json")
    table = READERS["jef4j-json"](data, "jef.json", "jef", {})
    assert (len(table.reading), table.provenance["skipped"]) == (11_439, "1")
    assert unpacked(table.packed()) == table
    assert len(table.packed()) < 60_000
    plain, wide = charset("jef"), charset("jef", table=table)
    assert plain.digest != wide.digest
    double = coding(wide).modes[1]
    assert coding(plain).modes[1].reading.keys() <= double.reading.keys()
    assert double.reading[b"\x41\xa1"] == "丂"
    assert double.reading[b"\xa1\xc1"] == "〜"  # the declared punctuation, not the file's
    assert (double.writing["丂"], double.writing["\u3000"]) == (b"\x41\xa1", b"\x40\x40")
    sequences = [text for text in double.reading.values() if text[-1] >= "\U000e0100"]
    assert len(sequences) == 617
    assert not any(lone in double.writing.values() for lone in (b"\x43\xc7", b"\x7b\xc1"))


def test_the_published_single_bytes_can_be_imported_too() -> None:
    table = READERS["jef4j-json"](shared("fujitsu_ebcdik_mapping.json"), "ebcdik.json", "jef", {})
    assert (len(table.reading), table.provenance["skipped"]) == (193, "1")  # 30 begins 30E2
    single = coding(charset("jef", table=table)).modes[0]
    assert single.reading[b"\x0e"] == "\x88"


@pytest.mark.parametrize(
    ("base", "file", "codes", "skipped", "fallbacks"),
    [
        ("ibm930", "ibm-930_P120-1999.ucm", 7_491, 4_371, 44),
        ("ibm939", "ibm-939_P120-1999.ucm", 7_491, 4_371, 44),
        ("ibm1399", "ibm-1399_P110-2003.ucm", 16_124, 6_206, 7),
    ],
)
def test_the_published_ucm_is_what_ships(
    base: str, file: str, codes: int, skipped: int, fallbacks: int
) -> None:
    table = READERS["ucm"](shared(file), file, base, {})
    assert (len(table.reading), table.provenance["skipped"]) == (codes, str(skipped))
    assert len(table.writing) == fallbacks
    plain, wide = coding(charset(base)), coding(charset(base, table=table))
    dash = {} if base == "ibm1399" else {b"\x44\x4a": "—"}
    for one, other in zip(plain.modes, wide.modes, strict=True):
        own = {code: text for code, text in dash.items() if code in one.reading}
        assert {**one.reading, **own} == other.reading
        changed = {t for t, code in one.writing.items() if other.writing.get(t) != code}
        assert changed == set()


def test_a_table_replaces_codes_and_writes_its_own_first() -> None:
    table = read("csv", "jips-j", "3021,丂\n4121,亜\n41,z\n")
    made = coding(charset("jips-j", table=table))
    assert made.modes[1].reading[b"\x30\x21"] == "丂"
    assert (made.modes[1].writing["亜"], made.modes[0].reading[b"A"]) == (b"\x41\x21", "z")
    assert made.modes[0].writing["z"] == b"A"
    assert "A" not in made.modes[0].writing


def test_a_stateless_charset_takes_a_table_in_its_declared_punctuation() -> None:
    table = read("csv", "cp932", "8540,丂\n8160,～\n8543,〜,read\n")
    made = coding(charset("cp932", punctuation="jis", table=table)).modes[0]
    assert (made.reading[b"\x85\x40"], made.writing["丂"]) == ("丂", b"\x85\x40")
    assert made.reading[b"\x88\x9f"] == "亜"


def test_a_table_must_leave_a_line_end() -> None:
    with pytest.raises(BadName, match="has no line end"):
        coding(charset("jef", table=read("csv", "jef", "15,A,read\n")))


def test_a_table_is_known_by_its_content() -> None:
    one = read("csv", "jef", "41A1,丂\n41A2,両\n")
    other = read("csv", "jef", "41A2,両\n41A1,U+4E02\n")
    named = replace(other, name="jef-town")
    assert one == other == named
    assert hash(one) == hash(named)
    assert one.digest == named.digest != read("csv", "jef", "41A1,丂\n").digest
    assert one != "jef"
    back = unpacked(named.packed())
    assert (back, back.name, back.provenance) == (named, "jef-town", named.provenance)
    assert back.packed() == named.packed()
    with pytest.raises(BadTable, match="content of its digest"):
        replace(one, reading={})
    with pytest.raises(BadName, match="keis83 needs a table of its own"):
        charset("keis83", table=one)


@pytest.mark.parametrize(
    ("kind", "base", "text", "record", "says"),
    [
        (
            "ucm",
            "ibm930",
            ucm("<U4E9C> \\x48\\x67 |0", "<U5516> \\x48\\x67 |0"),
            5,
            "first in line 4",
        ),
        (
            "ucm",
            "ibm930",
            ucm("<U4E9C> \\x48\\x67 |0", "<U4E9C> \\x48\\x68 |0"),
            5,
            "only|read-only",
        ),
        ("ucm", "ibm930", ucm("<U4E9C> \\x48\\x67\\x68 |0"), 4, "shape of its codes"),
        ("ucm", "ibm930", ucm("<U4E9C> \\x48\\x0E |0"), 4, "first byte of a shift code"),
        ("ucm", "ibm930", ucm("<U4E9C> 4867 |0"), 4, "cannot be read as a line"),
        ("ucm", "ibm930", ucm("<UD800> \\x48\\x67 |0"), 4, "cannot be read as a line"),
        ("ucm", "ibm930", "<U4E9C> \\x48\\x67 |0", None, "CHARMAP"),
        ("csv", "jef", "41A1,丂\n41A1,両\n", 2, "first in line 1"),
        ("csv", "jef", "41A1,丂\n41A2,丂\n", 2, "make one of them read-only"),
        ("csv", "jef", "41A1,丂\nzz,両\n", 2, "write the code in hex"),
        ("csv", "jef", "41A1\n", 1, "cannot be read as a line"),
        ("csv", "jef", "41A1,丂,twice\n", 1, "cannot be read as a line"),
        ("csv", "jef", "41A1,U+110000\n", 1, "cannot be read as a line"),
        ("csv", "jef", "28A1,丂\n", 1, "first byte of a shift code"),
        ("csv", "jef", "30,0\n", 1, "first byte of a shift code"),
        ("csv", "jef", "4141,丂\n", 1, "shape of its codes"),
        ("csv", "cp932", "80,丂\n", 1, "shape of its codes"),
        ("csv", "utf-8", "41,A\n", None, "takes no code table"),
        ("csv", "jef", b"41A1,\x81\n", None, "UTF-8 or CP932"),
        ("jef4j-json", "jef", "[1]", None, "JSON list"),
        ("jef4j-json", "jef", "{", None, "JSON list"),
        ("jef4j-json", "jef", jef4j({"unicode": "4E02"}), 1, "cannot be read as a line"),
        ("jef4j-json", "jef", jef4j({"code": "41A1", "unicode": "zz"}), 1, "cannot be read"),
    ],
)
def test_a_contradiction_is_refused_with_its_line(
    kind: str, base: str, text: str | bytes, record: int | None, says: str
) -> None:
    with pytest.raises(BadTable, match=says) as caught:
        read(kind, base, text)
    where = caught.value.where
    assert (where and where.record) == record
    assert record is None or (where and where.file) == "table"


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-9],
        lambda data: b"",
        lambda data: data[:40] + b"\0" + data[41:],
        lambda data: lzma.compress(b"{}"),
        lambda data: lzma.compress(b"[]"),
        lambda data: lzma.compress(lzma.decompress(data).replace(b"jef", b"jxf")),
        lambda data: lzma.compress(lzma.decompress(data).replace("丂".encode(), "両".encode())),
    ],
)
def test_a_damaged_packed_table_is_refused(damage: Callable[[bytes], bytes]) -> None:
    data = read("csv", "jef", "41A1,丂\n").packed()
    with pytest.raises(BadTable):
        unpacked(damage(data))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", "This file is empty"),
        ("code,text\n", r"no code of the standard area .*: 0\)"),
        ("80A1,山\n41A1,U+E000\n41A2,U+FFFD\n", r"private-use text or U\+FFFD: 3\)"),
        ("41A4,U+0000\n", r"U\+0000 of code 41A4 is no character"),
        ("41A1,U+4E02\n41A5,U+000A\n", r"U\+000A of code 41A5 is no character"),
        ("41A6,U+FEFF\n", r"U\+FEFF of code 41A6 is no character"),
        ("41A7,U+E0100\n", r"U\+E0100 of code 41A7 is no character"),
    ],
)
def test_a_table_without_codes_and_codes_without_characters_are_refused(
    rows: str, told: str
) -> None:
    with pytest.raises(BadTable, match=told):
        read_csv(rows.encode(), "table.csv", "jef", {})


def test_a_ucm_that_was_cut_is_refused() -> None:
    whole = "CHARMAP\n<U4E02> \\x41\\xA1 |0\nEND CHARMAP\n"
    assert read_ucm(whole.encode(), "a.ucm", "jef", {}).reading == {b"\x41\xa1": "丂"}
    with pytest.raises(BadTable, match="no END CHARMAP line"):
        read_ucm(whole.removesuffix("END CHARMAP\n").encode(), "a.ucm", "jef", {})


@pytest.mark.parametrize(
    ("form", "text", "told"),
    [
        ("ucm", "", "^This file is empty;"),
        ("ucm", "code,text\n", "^This file has no CHARMAP line and cannot be read"),
        ("jef4j-json", " \n", "^This file is empty;"),
        ("jef4j-json", "x", "^This file has no JSON list of rows with `unicode` and"),
        (
            "ucm",
            "CHARMAP\n<U4E02> \\x41\\xA1 |9\nEND CHARMAP\n",
            r"precision flag \|9 .* \|0 to \|4",
        ),
        ("ucm", "CHARMAP\n<U4E02> \\x41\\xA1 |12\nEND CHARMAP\n", r"precision flag \|12 "),
        ("ucm", "CHARMAP\n<U4E02> \\x41\\xA1 |\nEND CHARMAP\n", r"precision flag \| "),
    ],
)
def test_a_file_that_is_no_table_says_what_is_wrong_with_it(
    form: str, text: str, told: str
) -> None:
    with pytest.raises(BadTable, match=told) as caught:
        READERS[form](text.encode(), "a.table", "jef", {})
    assert caught.value.where
    assert caught.value.where.file == "a.table"
