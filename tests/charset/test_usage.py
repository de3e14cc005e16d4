"""Counting codes: whatever the chunks, nothing but user-defined codes, malformed bytes apart."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaiji.charset import usage
from gaiji.charset.account import Place
from gaiji.charset.charsets import NAMES, Charset, charset
from gaiji.charset.codetable import read_csv
from gaiji.charset.coding import coding
from gaiji.charset.records.layoutfile import read_layout
from gaiji.charset.usage import (
    Counted,
    FileCount,
    Unassigned,
    UsageCounter,
    count_codes,
    count_file,
)
from gaiji.errors import BadLayout, BadRecord, MalformedInput, NotFound

CP932 = charset("cp932")
JIPS_E_AREAS = [{"first": "41A1", "last": "42FE", "trails": [[0xA1, 0xFE]], "image": "U+E000"}]


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


CHARSETS = [charset(name, areas=JIPS_E_AREAS if name == "jips-e" else None) for name in NAMES]


def in_mode_one(one: Charset, codes: Iterable[bytes]) -> bytes:
    """The bytes of codes as a file has them, between the charset's shift codes where it has any."""
    shifts = () if one.is_unicode else coding(one).shifts
    enter = next((shift.code for shift in shifts if shift.mode == 1), b"")
    leave = next((shift.code for shift in shifts if shift.mode == 0), b"")
    return enter + b"".join(codes) + leave


def newline(one: Charset) -> bytes:
    return "\n".encode(one.encoding or "") if one.is_unicode else coding(one).newline


def test_only_codes_of_the_user_defined_areas_are_counted() -> None:
    data = "1,渡邉,ﾅﾍﾞ\n".encode("cp932") + b"2,\xf0\x40\xf0\x41\xf0\x40\n3,\xf9\xfc"
    counted = count_codes([data], CP932)
    assert counted == Counted(Counter({b"\xf0\x40": 2, b"\xf0\x41": 1, b"\xf9\xfc": 1}), 3)


def test_a_trail_byte_that_looks_like_a_lead_is_none() -> None:
    counted = count_codes([b"\x81\xf0\x40\x82\xf0\x41"], CP932)
    assert not counted.codes
    assert counted.malformed == 0


@pytest.mark.parametrize("one", CHARSETS, ids=lambda one: one.name)
def test_every_user_code_is_counted_once_at_every_chunk_size(one: Charset) -> None:
    codes = list(one.user_codes())
    few = codes[:40] + codes[-40:]
    data = newline(one).join(in_mode_one(one, [code, code]) for code in few)
    for size in (*range(1, 65), len(data)):
        counted = count_codes(chunks(data, size), one)
        assert counted == Counted(Counter(dict.fromkeys(few, 2)), len(few))
    whole = count_codes([in_mode_one(one, codes)], one)
    assert whole.codes == Counter(codes)


@given(data=st.binary(max_size=200), size=st.integers(1, 40), one=st.sampled_from(CHARSETS))
def test_chunks_change_nothing_whatever_the_bytes(data: bytes, size: int, one: Charset) -> None:
    assert count_codes(chunks(data, size), one) == count_codes([data], one)


TEXTS = st.text(
    st.characters(codec="utf-8") | st.sampled_from("\n\ue000\uf8ff\U000f0000\U0010fffd")
)


@given(text=TEXTS, name=st.sampled_from(["utf-8", "utf-16le", "utf-16be"]))
def test_private_use_characters_are_what_is_counted_in_unicode(text: str, name: str) -> None:
    one = charset(name)
    private = Counter(char for char in text if one.code_of(ord(char)) is not None)
    counted = count_codes([text.encode(one.encoding or "")], one)
    assert counted.codes == Counter({c.encode(one.encoding or ""): n for c, n in private.items()})
    assert counted.malformed == 0
    assert counted.records == len(text.split("\n")) - (not text or text.endswith("\n"))


@given(text=st.text(st.sampled_from("a\n邉ｱ　\ue000\ue001\ue0bb\ue0bc\ue757")))
def test_python_finds_as_many_user_codes_in_cp932(text: str) -> None:
    counted = count_codes([text.encode("cp932")], CP932)
    assert counted.codes == Counter(
        c.encode("cp932") for c in text if c >= "\ue000" and c < "\uf000"
    )


def test_two_byte_codes_count_in_their_mode_alone() -> None:
    jef = charset("jef")
    counted = count_codes([b"\x80\xa1\x28\x80\xa1\x80\xa2\x29\x80\xa1\x28\x80\xa1"], jef)
    assert counted.codes == {b"\x80\xa1": 2, b"\x80\xa2": 1}


def test_a_record_ends_the_mode_it_forgot_to_end() -> None:
    jef = charset("jef")
    end = coding(jef).newline
    counted = count_codes([b"\x28\x80\xa1" + end + b"\xf1\x28\x80\xa1\x29" + end], jef)
    assert (counted.codes, counted.records) == ({b"\x80\xa1": 2}, 2)


def test_the_first_malformed_byte_is_placed_and_the_rest_is_counted() -> None:
    counted = count_codes(chunks(b"ab\n\xf0\x40\x81\n\xf0\x40\x81", 2), CP932)
    assert counted.codes == {b"\xf0\x40": 2}
    assert (counted.malformed, counted.records) == (2, 3)
    assert counted.first_malformed == Place(2, None, 5)


def test_codes_without_a_character_are_counted_apart_with_their_places() -> None:
    data = b"1,\x88\x40\xf0\x40\n2,\x88\x9f\x88\x40\x85\x40\n"
    counted = count_codes(chunks(data, 3), CP932)
    assert (counted.codes, counted.records, counted.malformed) == ({b"\xf0\x40": 1}, 2, 0)
    assert counted.unassigned == {
        b"\x88\x40": Unassigned(2, [Place(1, None, 2), Place(2, None, 11)]),
        b"\x85\x40": Unassigned(1, [Place(2, None, 13)]),
    }
    jef = charset("jef")
    table = read_csv(b"41A1,U+4E02\n", "own.csv", "jef", {})
    data = in_mode_one(jef, [b"\x41\xa1", b"\x80\xa1", b"\x41\xa2"])
    assert list(count_codes([data], jef).unassigned) == [b"\x41\xa1", b"\x41\xa2"]
    own = count_codes([data], charset("jef", table=table))  # the table names one of them
    assert list(own.unassigned) == [b"\x41\xa2"]


@pytest.mark.parametrize(
    "one", [one for one in CHARSETS if not one.is_unicode], ids=lambda one: one.name
)
def test_every_well_shaped_code_is_a_character_a_local_code_or_unassigned(one: Charset) -> None:
    known = coding(one)
    for mode, made in enumerate(known.modes):
        shape = re.compile(made.shape, re.DOTALL)
        pairs = [bytes(pair) for pair in product(range(256), repeat=2)]
        singles = [code[1:] for code in pairs[:256]]
        codes = [code for code in (*singles, *pairs) if shape.fullmatch(code)]
        counter = UsageCounter(one)
        counter.piece(b"".join(codes), record=1, mode=mode)
        counted = counter.counted
        users = {code for code in codes if one.is_user_code(code)}
        nothing = {code for code in codes if code not in made.reading} - users
        assert counted.codes == dict.fromkeys(users, 1)
        assert set(counted.unassigned) == nothing
        assert counted.malformed == 0


def test_no_more_places_are_told_than_a_person_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = count_codes([b"\x88\x40" * 150], CP932).unassigned.values()
    assert (one.count, len(one.places)) == (150, 100)
    monkeypatch.setattr(usage, "MOST_PLACES", 3)
    told = count_codes([b"\x88\x40\x85\x40" * 5], CP932).unassigned
    assert [(one.count, len(one.places)) for one in told.values()] == [(5, 2), (5, 1)]


def test_a_piece_of_a_record_is_counted_where_it_stands() -> None:
    counter = UsageCounter(CP932)
    counter.piece(b"\xf0\x40", record=7, field="name", byte_offset=120)
    counter.piece(b"\xf0\x40\x81", record=8, field="name", byte_offset=140)
    assert counter.counted == Counted(Counter({b"\xf0\x40": 2}), 8, 1, Place(8, "name", 142))
    counter.piece(b"\x88\x40", record=9, field="kana", byte_offset=160)
    assert counter.counted.unassigned == {b"\x88\x40": Unassigned(1, [Place(9, "kana", 160)])}


def test_a_field_of_two_byte_codes_needs_no_shift() -> None:
    counter = UsageCounter(charset("jef"))
    counter.piece(b"\x80\xa1\x80\xa1", record=1, mode=1)
    assert counter.counted.codes == {b"\x80\xa1": 2}


def test_a_file_is_named_by_its_digest(tmp_path: Path) -> None:
    file = tmp_path / "residents.csv"
    data = b"1,\xf0\x40\n" * 300_000
    file.write_bytes(data)
    told: list[int] = []
    done = count_file(file, CP932, progress=told.append)
    assert (done.sha256, done.size) == (sha256(data).hexdigest(), len(data))
    assert done.counted == Counted(Counter({b"\xf0\x40": 300_000}), 300_000)
    assert told[-1] == len(data)
    done.check()


FIXED = """
kind = "fixed"
charset = "jef"
[record]
separator = "none"
[[field]]
name = "number"
length = 4
kind = "packed"
[[field]]
name = "name"
length = 4
mode = "double"
[[field]]
name = "kana"
length = 2
mode = "single"
"""
CSV = """
kind = "csv"
[table]
header = true
others = "binary"
[[field]]
name = "name"
"""


def counted_by(layout: str, data: bytes, one: Charset, folder: Path) -> FileCount:
    file = folder / "extract"
    file.write_bytes(data)
    return count_file(file, one, read_layout(layout.encode()))


def test_only_text_fields_of_fixed_records_are_counted(tmp_path: Path) -> None:
    record = b"\x80\xa1\x80\xa1" + b"\x80\xa1\xb0\xa1" + b"\x80\xa1"
    done = counted_by(FIXED, record * 1000, charset("jef"), tmp_path)
    assert done.counted.codes == {b"\x80\xa1": 1000}
    assert (done.counted.records, done.size) == (1000, 10_000)
    assert done.sha256 == sha256(record * 1000).hexdigest()
    assert done.layout == read_layout(FIXED.encode()).digest
    with pytest.raises(BadRecord) as caught:
        counted_by(FIXED, record * 2 + b"\x80", charset("jef"), tmp_path)
    assert caught.value.where is not None
    assert (caught.value.where.record, caught.value.where.byte_offset) == (3, 20)
    with pytest.raises(BadLayout, match="jef"):
        counted_by(FIXED, record, CP932, tmp_path)


def test_only_the_text_columns_of_a_table_are_counted(tmp_path: Path) -> None:
    rows = [b"id,name,note", b'\xf0\x40,"\xf0\x40,\n\xf0\x41",\xf0\x42', b"2,\xf0\x41\x81,x"]
    done = counted_by(CSV, b"\r\n".join(rows), CP932, tmp_path)
    assert done.counted == Counted(
        Counter({b"\xf0\x40": 1, b"\xf0\x41": 2}), 3, 1, Place(3, "name", 34)
    )
    with pytest.raises(BadRecord) as caught:
        counted_by(CSV, b"\n".join([*rows, b"3,x"]), CP932, tmp_path)
    assert caught.value.where is not None
    assert caught.value.where.record == 4
    with pytest.raises(BadRecord, match="column"):
        counted_by(CSV, b"id,nom\n1,x\n", CP932, tmp_path)


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    one = charset("utf-8")
    done = counted_by(CSV, "\ufeffname,x\n\ue000,\ue000\n".encode(), one, tmp_path)
    assert done.counted == Counted(Counter({"\ue000".encode(): 1}), 2)


def test_a_layout_of_lines_counts_as_no_layout(tmp_path: Path) -> None:
    data = b"\xf0\x40\n" * 3
    assert counted_by('kind = "line"', data, CP932, tmp_path).counted == count_codes([data], CP932)


def test_a_file_in_another_charset_is_refused_with_the_place(tmp_path: Path) -> None:
    file = tmp_path / "utf8.csv"
    file.write_bytes("1,a\n2,渡邉\n".encode())
    with pytest.raises(MalformedInput, match="count") as caught:
        count_file(file, CP932).check()
    where = caught.value.where
    assert where is not None
    assert (where.file, where.record, where.byte_offset) == (str(file), 2, 11)
    with pytest.raises(NotFound):
        count_file(tmp_path / "none", CP932)


@pytest.mark.parametrize(
    "one", [one for one in CHARSETS if not one.is_unicode], ids=lambda o: o.name
)
def test_no_line_end_can_stand_inside_a_longer_code(one: Charset) -> None:
    known = coding(one)
    every = (bytes([lead, trail]) for lead in range(256) for trail in range(256))
    shapes = re.compile(b"|".join(b"(?:%b)" % mode.shape for mode in known.modes))
    longer = [code for code in every if shapes.fullmatch(code)]
    assert longer
    assert not any(known.newline in code for code in (*longer, *(s.code for s in known.shifts)))
