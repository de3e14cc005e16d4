from __future__ import annotations

import io
import json
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaiji.charset.charsets import charset
from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import Conversion
from gaiji.charset.fast import stream_for
from gaiji.charset.mapping import Mapping, Row
from gaiji.charset.receipt import Recorder, read_receipt
from gaiji.charset.records.converting import Records, convert_records, plan_of
from gaiji.charset.records.cutting import cuts
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.layoutfile import find_layout, read_layout
from gaiji.charset.records.restoring import restore_records
from gaiji.charset.resolve import Options
from gaiji.charset.stream import Stream
from gaiji.errors import (
    BadInput,
    BadLayout,
    BadReceipt,
    BadRecord,
    FieldTooLong,
    GaijiError,
    MalformedInput,
    UnmappedCode,
)
from tests.charset.council import REPERTOIRE, juki, other, zei

MANY = 10**9
ESCAPED = Options("escape", "escape", MANY)


@dataclass
class Done:
    """One conversion by a layout: output, side file, receipt, and what was counted."""

    out: bytes
    stream: Stream
    records: Records
    receipt: bytes
    spilled: bytes

    @property
    def kinds(self) -> dict[tuple[str | None, str], int]:
        return {(one.name, one.kind): one.count for one in self.records.fields}


def layout(text: str) -> Layout:
    return read_layout(text.encode(), "layout.toml")


def convert(
    data: bytes,
    conversion: Conversion,
    by: Layout,
    chunk: int = 1 << 16,
    *,
    counting: bool = False,
    to: str | None = None,
) -> Done:
    recorder = Recorder()
    stream = Stream(conversion.resolver, file="in", recorder=recorder, counting=counting)
    out, spilled = io.BytesIO(), io.BytesIO()
    records = convert_records(
        io.BytesIO(data),
        out.write,
        stream,
        by,
        to=to,
        spill=spilled.write,
        chunk_bytes=chunk,
    )
    assert stream.input_bytes == len(data)
    assert stream.output_bytes == len(out.getvalue())
    assert stream.recorder is recorder
    receipt = recorder.packed({"unclosed": recorder.unclosed, **records.header})
    return Done(out.getvalue(), stream, records, receipt, spilled.getvalue())


def restore(
    done: Done, conversion: Conversion, chunk: int = 1 << 16, by: Layout | None = None
) -> bytes:
    receipt = read_receipt(done.receipt)
    if "layout" not in receipt.header:
        return restored_plainly(done, conversion)
    parts = restore_records(
        io.BytesIO(done.out),
        receipt.header,
        receipt.events(),
        conversion.resolver,
        layout=by,
        chunk_bytes=chunk,
    )
    return b"".join(parts)


def restored_plainly(done: Done, conversion: Conversion) -> bytes:
    receipt = read_receipt(done.receipt)
    stream, at, parts = Stream(conversion.resolver.back), 0, []
    for event in receipt.events():
        parts.append(stream.feed(done.out[at : at + event.gap]))
        at += event.gap + event.length
        parts.append(stream.insert(event.original, skipped=event.length))
    parts.append(stream.feed(done.out[at:]))
    unclosed = receipt.header["unclosed"]
    parts.append(stream.insert(b"") if unclosed else stream.feed(b"", final=True))
    return b"".join(parts)


FIXED = """
kind = "fixed"
[record]
length = 40
[[field]]
name = "番号"
kind = "number"
length = 4
[[field]]
name = "カナ"
mode = "single"
length = 8
[[field]]
name = "氏名"
mode = "double"
length = 12
[[field]]
name = "生年月日"
kind = "packed"
length = 4
[[field]]
name = "方書"
length = 12
[target]
growth = { single = 3, double = 2, mixed = 2 }
"""


def resident(number: str, kana: str, name: str, note: str, packed: str = "1990123C") -> bytes:
    return b"".join(
        (
            number.encode(),
            kana.encode("cp932").ljust(8),
            name.encode("cp932").replace(b"?", b"\xf0\x40") + b"\x81\x40" * (6 - len(name)),
            bytes.fromhex(packed),
            note.encode("cp932").ljust(12),
        )
    )


def test_fixed_records_keep_their_places_and_are_restored() -> None:
    data = resident("0001", "ﾜﾀﾅﾍﾞ", "渡?　太郎", "1-2-3") + resident("0002", "", "", "山田方")
    conversion = Conversion(juki(), "unicode")
    done = convert(data, conversion, layout(FIXED))
    size = 4 + 24 + 24 + 4 + 24
    assert len(done.out) == 2 * size
    first = done.out[:size]
    assert first[4:28] == "ﾜﾀﾅﾍﾞ".encode().ljust(24)
    assert first[28:52] == "渡邉　太郎".encode().ljust(24)
    assert first[52:56] == bytes.fromhex("1990123C")
    assert done.out[size + 28 : size + 52] == b" " * 24
    assert done.records.records == 2
    assert (done.stream.losses, done.kinds) == (1, {})  # F040 is written as a standard character
    assert restore(done, conversion) == data


def test_places_of_fixed_records_name_record_field_and_byte() -> None:
    data = resident("0001", "", "山", "") + resident("0002", "", "山?", "")
    done = convert(data, Conversion(juki(), "unicode"), layout(FIXED))
    place = next(iter(done.stream.seen.values())).places[0]
    assert tuple(place) == (2, "氏名", 40 + 12 + 2)
    assert done.stream.first_loss == place
    with pytest.raises(UnmappedCode) as caught:
        convert(
            data.replace(b"\xf0\x40", b"\xf0\x60"), Conversion(juki(), "unicode"), layout(FIXED)
        )
    assert caught.value.where
    assert caught.value.where.as_dict() == {
        "file": "in",
        "record": 2,
        "field": "氏名",
        "byte_offset": 54,
    }


NAMES = st.lists(
    st.one_of(
        st.sampled_from([row.code for row in juki().rows]),
        st.sampled_from([b"\xf0\x60", b"\x87\x9a", b"\x81\x40", b"\xee\xe0", b"\x81\x60"]),
        st.sampled_from(list("山亜葛辻髙﨑神～∥か゜")).map(lambda one: one.encode("cp932")),
    ),
    max_size=6,
).map(lambda codes: b"".join(codes))
TEXTS = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"", b"   ", b" A ", b"ABC\x81\x40", b"\x81\x40\x81\x40", b"&252069-juki", b"A\nB"]
    ),
    NAMES,
)
PERSON = st.tuples(st.binary(max_size=4), TEXTS, NAMES, st.binary(max_size=4), TEXTS).map(
    lambda five: b"".join(
        (
            five[0].ljust(4, b"0"),
            five[1][:8].ljust(8),
            five[2] + b"\x81\x40" * (6 - len(five[2]) // 2),
            five[3].ljust(4, b"\0"),
            five[4].ljust(12),
        )
    )
)
RULES = [
    "",
    'longer = "cut"',
    'longer = "spill"\nalign = "right"',
    'unit = "columns"\nlonger = "cut"\ngrowth = 1',
    'pad = "full"\nlonger = "cut"\ngrowth = 1.5',
]


@pytest.mark.parametrize("target", ["unicode", "mj", "x0213", "juki", "252107/zei", "252085/zei"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    people=st.lists(PERSON, max_size=5),
    rules=st.sampled_from(RULES),
    separator=st.sampled_from(["none", "lf", "crlf"]),
    policy=st.sampled_from(["geta", "escape", "keep"]),
    sizes=st.tuples(st.integers(1, 100), st.integers(1, 200)),
    last=st.booleans(),
)
def test_any_fixed_records_are_restored_byte_for_byte(
    target: str,
    people: list[bytes],
    rules: str,
    separator: str,
    policy: Any,
    sizes: tuple[int, int],
    last: bool,
) -> None:
    end = {"none": b"", "lf": b"\n", "crlf": b"\r\n"}[separator]
    data = end.join(people) + (end if last and people else b"")
    to: Mapping | str = {"252107/zei": other(), "252085/zei": zei()}.get(target, target)
    if "/" in target and policy == "keep":
        policy = "escape"
    if separator == "none":
        rules = rules.replace('unit = "columns"', "")
    if target in ("252085/zei", "juki"):
        rules = rules.replace("1.5", "2")
    if target == "252107/zei":
        rules = rules.replace('pad = "full"', "")
    growth = "" if "growth" in rules else "growth = 12\n"
    text = FIXED.split("[target]")[0] + f"[target]\n{growth}{rules}\n"
    by = layout(text.replace("length = 40", f'length = 40\nseparator = "{separator}"'))
    conversion = Conversion(juki(), to, Options(policy, "escape", MANY))
    try:
        done = convert(data, conversion, by, sizes[0])
    except FieldTooLong:
        assert "longer" not in rules
        return
    except UnmappedCode:
        assert policy == "keep"
        return
    assert done.records.records == len(people)
    assert restore(done, conversion, sizes[1]) == data
    whole = convert(data, conversion, by)
    assert (whole.out, whole.receipt, whole.spilled) == (done.out, done.receipt, done.spilled)
    assert whole.stream.seen == done.stream.seen
    assert whole.stream.characters == done.stream.characters
    assert (whole.stream.losses, whole.stream.first_loss) == (
        done.stream.losses,
        done.stream.first_loss,
    )
    assert whole.records == done.records


CSV = """
kind = "csv"
[table]
header = true
[[field]]
name = "コード"
kind = "binary"
[[field]]
name = "氏名"
"""
CELLS = st.one_of(
    st.sampled_from(
        [b"", b" x ", b"'", b"\xf0\x40", b"\xf0\x60", b"\x81\x40", b"&252069-juki-F040;"]
    ),
    NAMES,
    st.binary(max_size=5).map(lambda raw: raw.translate(None, b'",\r\n')),
)
QUOTED = st.lists(st.one_of(CELLS, st.sampled_from([b'""', b",", b"\n", b"\r\n"])), max_size=4).map(
    lambda parts: b'"' + b"".join(parts).replace(b"\x81", b"\x81\x40") + b'"'
)


@pytest.mark.parametrize("target", ["unicode", "mj", "x0213", "252107/zei"])
@pytest.mark.parametrize("kind", ["free", "placed"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rows=st.lists(st.tuples(CELLS, st.one_of(CELLS, QUOTED), st.one_of(CELLS, QUOTED)), max_size=6),
    ends=st.lists(st.sampled_from([b"\n", b"\r\n"]), min_size=7, max_size=7),
    last=st.booleans(),
    rules=st.sampled_from(
        ["", "width = 4\nlonger = 'cut'", "width = 6\nunit = 'columns'\nlonger = 'spill'"]
    ),
    sizes=st.tuples(st.integers(1, 100), st.integers(1, 200)),
)
def test_any_table_is_restored_byte_for_byte(
    kind: str,
    target: str,
    rows: list[tuple[bytes, ...]],
    ends: list[bytes],
    last: bool,
    rules: str,
    sizes: tuple[int, int],
) -> None:
    head = ("コード", '"氏名"', "住所")
    table = [tuple(cell.encode("cp932") for cell in head), *rows]
    lines = [b",".join(row) + end for row, end in zip(table, ends, strict=False)]
    data = b"".join(lines)
    if not last:
        data = data.removesuffix(b"\n").removesuffix(b"\r")
    if any(b"\x81" in one and one.count(b'"') % 2 for one in lines):
        return
    to: Mapping | str = other() if "/" in target else target
    text = 'kind = "csv"\n[table]\nheader = true\n' if kind == "free" else CSV
    if kind == "placed" and rules:
        text += f"[field.target]\n{rules}\n"
    conversion = Conversion(juki(), to, ESCAPED)
    try:
        done = convert(data, conversion, layout(text), sizes[0])
    except BadRecord:
        assert any(cell and not _is_whole(cell) for row in rows for cell in row)
        return
    assert restore(done, conversion, sizes[1]) == data
    whole = convert(data, conversion, layout(text))
    assert (whole.out, whole.receipt, whole.spilled) == (done.out, done.receipt, done.spilled)
    assert whole.stream.seen == done.stream.seen
    assert whole.records == done.records
    if kind == "free":
        plain = Stream(conversion.resolver)
        assert whole.out == plain.feed(data, final=True)


def _is_whole(cell: bytes) -> bool:
    """Whether a cell stays one for a reader that knows only bytes, as tables of a target are read."""
    return b'"' not in cell.strip(b'"') and all(one not in cell for one in (b",", b"\r", b"\n"))


# --- charsets with shift codes


def host(name: str) -> Mapping:
    """A code set of a host charset with two local codes."""
    made = charset(name)
    codes = [area.code(number) for area in made.areas[:1] for number in (0, 1)]
    rows = [
        Row(one, id, "equivalent") for one, id in zip(codes, ("MJ026190", "OM000001"), strict=False)
    ]
    return Mapping(3, "8d" * 32, "252085/host", made, rows, REPERTOIRE)


HOSTS = ["jef", "keis83", "jips-j", "ibm930", "ibm939"]
HOST = """
kind = "fixed"
[record]
length = 40
[[field]]
name = "番号"
kind = "signed"
length = 4
check = true
[[field]]
name = "カナ"
mode = "single"
length = 8
[[field]]
name = "氏名"
mode = "double"
length = 12
[[field]]
name = "住所"
length = 16
[target]
growth = 12
"""


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("target", ["unicode", "252069/juki", "252085/other"])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), rules=st.sampled_from(["", 'longer = "cut"', 'longer = "cut"\ngrowth = 1']))
def test_host_records_without_shift_codes_in_double_fields_are_restored(
    name: str, target: str, data: Any, rules: str
) -> None:
    source = host(name)
    to: Mapping | str = {
        "252069/juki": juki(),
        "252085/other": host("ibm939" if name != "ibm939" else "jef"),
    }.get(target, target)
    conversion = Conversion(source, to, ESCAPED)
    script = conversion.resolver.source.script
    blank, wide = script.code(" ") or b"", script.code("\u3000") or b""
    users = [row.code for row in source.rows]
    doubles = st.lists(
        st.one_of(
            st.sampled_from([script.writing[one] for one in "山亜葛"]),
            st.sampled_from(users or [wide]),
        ),
        max_size=6,
    ).map(b"".join)
    singles = st.lists(st.sampled_from([script.writing[one] for one in "AB12 "]), max_size=5).map(
        b"".join
    )
    mixed = st.lists(
        st.one_of(
            singles.map(lambda one: one[:3]),
            doubles.map(lambda one: script.to_double + one[:4] + script.to_single if one else b""),
            st.sampled_from([b"", *script.shifts]),
        ),
        max_size=3,
    ).map(b"".join)
    people = data.draw(st.lists(st.tuples(singles, doubles, mixed), max_size=4))
    raw = b"".join(
        b"\xf1\xf2\xf3\xc4"
        + kana.ljust(8, blank)
        + name
        + wide * (6 - len(name) // 2)
        + note[:16].ljust(16, blank)
        for kana, name, note in people
    )
    text = (
        HOST
        if not rules
        else HOST.replace("growth = 12", "" if "growth" in rules else "growth = 12") + rules
    )
    try:
        done = convert(raw, conversion, layout(text), data.draw(st.integers(1, 90)))
    except FieldTooLong:
        assert rules == ""
        return
    assert restore(done, conversion, data.draw(st.integers(1, 90))) == raw
    whole = convert(raw, conversion, layout(text))
    assert (whole.out, whole.receipt) == (done.out, done.receipt)


@pytest.mark.parametrize("name", HOSTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_host_tables_are_cut_at_delimiters_and_never_inside_codes(name: str, data: Any) -> None:
    conversion = Conversion(host(name), "unicode", ESCAPED)
    script = conversion.resolver.source.script
    comma, quote, end = (script.writing[one] for one in (",", '"', "\n"))
    kanji = [script.to_double + script.writing[one] + script.to_single for one in "山亜葛"]
    cell = st.lists(
        st.sampled_from(
            [
                *kanji,
                script.writing["A"],
                script.writing["1"],
                script.to_double + script.writing["山"],
            ]
        ),
        max_size=3,
    ).map(b"".join)
    inside = st.lists(st.one_of(cell, st.sampled_from([comma, quote * 2])), max_size=3).map(
        b"".join
    )
    closed = inside.map(lambda one: quote + one + script.to_single + quote)
    rows = data.draw(st.lists(st.tuples(cell, st.one_of(cell, closed)), min_size=1, max_size=4))
    raw = b"".join(comma.join((one + script.to_single, two)) + end for one, two in rows)
    by = layout(
        'kind = "csv"\n[[field]]\nname = "a"\n[[field]]\nname = "b"\n[field.target]\nwidth = 900\n'
    )
    done = convert(raw, conversion, by, data.draw(st.integers(1, 90)))
    assert done.records.records == len(rows)
    assert done.out.count(b"\n") == len(rows)
    assert restore(done, conversion, data.draw(st.integers(1, 90))) == raw


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be", "utf-8"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("target", ["unicode", "x0213", "252069/juki"])
@pytest.mark.parametrize("rules", ["", "[field.target]\nwidth = 60\n"])
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_unicode_tables_with_and_without_a_mark_are_restored(
    name: str, mark: str, target: str, rules: str, size: int
) -> None:
    text = f'{mark}番号,氏名\r\n1,"渡邉, ""太郎""\n"\r\n2,\ue000丂か゚\r\n'
    source = zei(name)
    raw = text.encode(source.charset.encoding or "")
    to: Mapping | str = juki() if "/" in target else target
    conversion = Conversion(source, to, ESCAPED)
    by = layout(f'kind = "csv"\n[table]\nheader = true\n[[field]]\nname = "氏名"\n{rules}')
    done = convert(raw, conversion, by, size)
    assert done.records.records == 3
    assert restore(done, conversion, size) == raw
    assert restore(done, conversion) == raw


# --- values that do not fit


NARROW = """
kind = "fixed"
[[field]]
name = "氏名"
mode = "double"
length = 12
[field.target]
width = 12
longer = "LONGER"
UNIT
[[field]]
name = "番号"
kind = "number"
length = 2
"""


def narrow(longer: str, unit: str = "") -> Layout:
    return layout(NARROW.replace("LONGER", longer).replace("UNIT", unit))


def test_a_value_that_does_not_fit_is_an_error_with_its_place() -> None:
    data = "山山　　　　".encode("cp932") + b"01"
    data += "山山山山山山".encode("cp932") + b"02"
    with pytest.raises(FieldTooLong, match="18 bytes and the field 12; widen it") as caught:
        convert(data, Conversion(juki(), "unicode"), narrow("error"))
    assert caught.value.where
    assert caught.value.where.as_dict() == {
        "file": "in",
        "record": 2,
        "field": "氏名",
        "byte_offset": 14,
    }
    done = convert(data, Conversion(juki(), "unicode"), narrow("error"), counting=True)
    assert done.kinds == {("氏名", "long"): 1}
    assert done.stream.losses == 0


def test_a_cut_never_divides_a_character_and_is_counted_by_characters() -> None:
    data = "山山山".encode("cp932") + b"\xf0\x45" + "山山".encode("cp932") + b"01"
    conversion = Conversion(juki(), "unicode")
    done = convert(data, conversion, narrow("cut"))
    assert done.out == "山山山".encode().ljust(12) + b"01"  # F045 is a base and a selector, 7 bytes
    assert done.stream.characters == {"cut": 3, "plain": 3}
    assert done.stream.losses == 3
    assert done.stream.first_loss
    assert tuple(done.stream.first_loss) == (1, "氏名", 0)
    one = done.records.fields[0]
    assert (one.name, one.kind, one.count, one.characters) == ("氏名", "cut", 1, 3)
    assert one.as_dict()["places"] == [{"record": 1, "field": "氏名", "byte_offset": 0}]
    assert restore(done, conversion) == data
    bare = len(convert(b"", conversion, narrow("cut")).receipt)
    assert len(done.receipt) <= bare + 16 * done.stream.losses


def test_what_spills_goes_whole_into_the_side_file() -> None:
    data = b"".join(
        ("山" * count).encode("cp932") + number for count, number in ((6, b"01"), (6, b"02"))
    )
    conversion = Conversion(juki(), "unicode")
    done = convert(data, conversion, narrow("spill"), 14)
    lines = [json.loads(line) for line in done.spilled.splitlines()]
    assert [(one["record"], one["field"], one["byte_offset"]) for one in lines] == [
        (1, "氏名", 0),
        (2, "氏名", 14),
    ]
    assert lines[0]["value"] == "山" * 6
    assert bytes.fromhex(lines[0]["bytes"]).decode() == "山" * 6
    assert done.kinds == {("氏名", "spill"): 2}
    assert restore(done, conversion) == data
    with pytest.raises(BadInput, match="name the side file with --spill"):
        convert_records(io.BytesIO(data), _nothing, Stream(conversion.resolver), narrow("spill"))


def _nothing(_data: object) -> None:
    return None


def test_widths_in_columns_count_half_and_full_width() -> None:
    text = """
    kind = "fixed"
    [record]
    separator = "lf"
    [[field]]
    name = "氏名"
    length = 8
    [field.target]
    width = 8
    unit = "columns"
    [[field]]
    name = "番号"
    kind = "number"
    length = 1
    """
    data = "山ｱA".encode("cp932").ljust(8) + b"1\n" + "山山山山".encode("cp932") + b"2\n"
    conversion = Conversion(juki(), "unicode")
    done = convert(data, conversion, layout(text))
    assert done.out == ("山ｱA    1\n" + "山山山山2\n").encode()
    assert restore(done, conversion, 3) == data


def test_an_unmapped_code_in_what_would_be_cut_still_stops() -> None:
    data = "山山山山山".encode("cp932") + b"\xf0\x60" + b"01"
    with pytest.raises(UnmappedCode):
        convert(data, Conversion(juki(), "unicode"), narrow("cut"))


# --- records that are not what the layout says


LINES = FIXED.replace("length = 40\n", 'length = 40\nseparator = "lf"\n', 1)


@pytest.mark.parametrize(
    ("text", "data", "message", "place"),
    [
        (FIXED, b"x" * 90, "ends inside a record, after 10 of 40 bytes", (3, 80)),
        (LINES, b"y" * 40 + b"\n" + b"x" * 38 + b"\n" + b"y" * 41, "has 38 bytes, not 40", (2, 41)),
        (LINES, b"y" * 40 + b"\n" + b"x" * 43 + b"\n" + b"y" * 41, "more than 40 bytes", (2, 41)),
        (LINES, b"y" * 40 + b"\n" + b"x" * 39, "ends inside a record, after 39 of 40", (2, 41)),
        (LINES, b"y" * 41 + b"\n" + b"x" * 40 + b"\n", "more than 40 bytes", (1, 0)),
    ],
)
@pytest.mark.parametrize("size", [1, 50, 1 << 16])
def test_a_record_of_another_length_is_named(
    text: str, data: bytes, message: str, place: tuple[int, int], size: int
) -> None:
    with pytest.raises(BadRecord, match=message) as caught:
        convert(data, Conversion(juki(), "unicode"), layout(text), size)
    assert caught.value.where
    assert (caught.value.where.record, caught.value.where.byte_offset) == place


@pytest.mark.parametrize(
    ("data", "message", "place"),
    [
        (b'a,b\n1,"x\n2,y\n', "A quote is never closed", (2, 6)),
        (b'a,b\n1,"x"y\n', "not followed by a delimiter", (2, 9)),
        (b'a,b\n1,x"y\n', "stands inside an unquoted cell", (2, 7)),
        (b"a,b\n1,2\n3\n4,5\n", "has 1 cells and not 2", (3, 8)),
        (b"a,b\n1,2\n3,4,5\n", "has 3 cells and not 2", (3, 8)),
    ],
)
@pytest.mark.parametrize("rules", ["", '[[field]]\nname = "a"\nkind = "binary"\n'])
@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_a_table_that_is_none_is_named_where_it_breaks(
    data: bytes, message: str, place: tuple[int, int], rules: str, size: int
) -> None:
    by = layout('kind = "csv"\n[table]\nheader = true\n' + rules)
    with pytest.raises(BadRecord, match=message) as caught:
        convert(data, Conversion(juki(), "unicode"), by, size)
    assert caught.value.where
    assert (caught.value.where.record, caught.value.where.byte_offset) == place


def test_a_converted_value_that_would_be_two_cells_is_refused() -> None:
    by = layout('kind = "csv"\n[table]\ndelimiter = ";"\n')
    conversion = Conversion(juki(), "unicode", ESCAPED)
    with pytest.raises(BadRecord, match="would hold a delimiter") as caught:
        convert(b"1;2\n3;\xf0\x60\n", conversion, by)
    assert caught.value.where
    assert (caught.value.where.record, caught.value.where.byte_offset) == (2, 6)
    done = convert(b'1;2\n3;"\xf0\x60"\n', conversion, by)
    assert done.out == b'1;2\n3;"&252069-juki-F060;"\n'
    assert restore(done, conversion) == b'1;2\n3;"\xf0\x60"\n'


def test_places_in_a_table_name_record_and_column() -> None:
    data = 'コード,氏名\n1,"渡\n山"\n2,'.encode("cp932") + b"\xf0\x60\n"
    by = layout('kind = "csv"\n[table]\nheader = true\n[[field]]\nname = "氏名"\n')
    conversion = Conversion(juki(), "unicode", Options("escape"))
    for size in (1, 5, 1 << 16):
        done = convert(data, conversion, by, size)
        place = next(iter(done.stream.seen.values())).places[0]
        assert tuple(place) == (3, "氏名", len(data) - 3)
        with pytest.raises(UnmappedCode) as caught:
            convert(data, Conversion(juki(), "unicode"), by, size)
        assert caught.value.where
        assert caught.value.where.as_dict() == {"file": "in", **place._asdict()}


def test_a_vertical_bar_inside_a_character_is_no_delimiter() -> None:
    data = "ポ|ーA|1\n".encode("cp932")  # both letters end in 7C
    assert data.count(b"|") > 2
    by = layout('kind = "csv"\n[table]\ndelimiter = "|"\ncolumns = 3\n[[field]]\nname = "a"\n')
    done = convert(data, Conversion(juki(), "unicode"), by)
    assert done.out == "ポ|ーA|1\n".encode()


def test_a_double_byte_field_refuses_shift_codes_and_half_width_output() -> None:
    source = host("ibm939")
    text = 'kind = "fixed"\n[[field]]\nname = "氏名"\nmode = "double"\nlength = 8\n'
    with pytest.raises(BadRecord, match="holds a shift code") as caught:
        convert(b"\x0e\x45\x41\x0f\x40\x40\x40\x40", Conversion(source, "unicode"), layout(text))
    assert caught.value.where
    assert (caught.value.where.field, caught.value.where.byte_offset) == ("氏名", 0)
    cp932 = layout(text + "[field.target]\nwidth = 20\n")
    with pytest.raises(BadRecord, match="cannot hold half-width"):
        convert("山A山".encode("cp932").ljust(8), Conversion(juki(), source), cp932)


def test_a_packed_field_that_holds_no_number_is_named_when_asked() -> None:
    by = layout(FIXED.replace('kind = "packed"', 'kind = "packed"\ncheck = true'))
    data = resident("0001", "", "山", "") + resident("0002", "", "山", "", packed="40404040")
    with pytest.raises(MalformedInput, match="40404040 is no packed number") as caught:
        convert(data, Conversion(juki(), "unicode"), by)
    assert caught.value.where
    assert caught.value.where.as_dict() == {
        "file": "in",
        "record": 2,
        "field": "生年月日",
        "byte_offset": 40 + 24,
    }


# --- layouts and conversions that do not go together


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('charset = "jef"\n' + FIXED, "is for jef and the input is cp932"),
        (
            FIXED.replace("length = 12\n[target]", 'length = 12\npad = "full"\n[target]'),
            "for fields of mode",
        ),
    ],
)
def test_a_layout_that_does_not_go_with_the_conversion_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadLayout, match=message):
        convert(b"a,b\n" * 20, Conversion(juki(), "unicode"), layout(text))


@pytest.mark.parametrize(
    ("text", "message", "field"),
    [
        ("header = true\n[[field]]\nname = '住所'\n", "no such column as 住所", "住所"),
        ("\n[[field]]\nname = 'x'\ncolumn = 9\n", "has 2 cells and no column 9", "x"),
    ],
)
@pytest.mark.parametrize("mark", [b"", "\ufeff".encode("utf-16-le")])
def test_a_column_that_a_file_lacks_is_named_with_the_file_and_its_first_record(
    text: str, message: str, field: str, mark: bytes
) -> None:
    source, codec = (zei(), "utf-16-le") if mark else (juki(), "cp932")
    by = layout('kind = "csv"\n[table]\n' + text)
    with pytest.raises(BadRecord, match=message) as caught:
        convert(mark + ("a,b\n" * 20).encode(codec), Conversion(source, "unicode"), by)
    assert caught.value.where
    place = {"file": "in", "record": 1, "field": field, "byte_offset": len(mark)}
    assert caught.value.where.as_dict() == place


@pytest.mark.parametrize("size", [1, 50, 1 << 16])
@pytest.mark.parametrize("codec", ["cp932", "utf-16-le"])
@pytest.mark.parametrize("told", ["none", "lf", "crlf"])
@pytest.mark.parametrize("found", ["none", "lf", "crlf"])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_line_ends_other_than_the_layouts_are_told_at_the_first_record(
    told: str, found: str, codec: str, size: int, count: int
) -> None:
    source = juki() if codec == "cp932" else zei()
    end = {"none": "", "lf": "\n", "crlf": "\r\n"}[found].encode(codec)
    by = layout(
        f'kind = "fixed"\n[record]\nseparator = "{told}"\n'
        '[[field]]\nname = "a"\nlength = 8\ntarget = { width = 12 }\n'
    )
    data = ("山田 " if codec == "cp932" else "山田太郎").encode(codec).ljust(8) + end
    if told == found or (found == "none" and count == 1):
        done = convert(data * count, Conversion(source, "unicode"), by, size)
        assert done.records.records == count
        return
    with pytest.raises(BadRecord, match=f'separator = "{found}"') as caught:
        convert(data * count, Conversion(source, "unicode"), by, size)
    assert caught.value.where
    assert caught.value.where.as_dict() == {"file": "in", "record": 1, "byte_offset": 8}


def test_a_line_end_that_some_records_hold_by_chance_is_no_other_separator() -> None:
    by = layout('kind = "fixed"\n[[field]]\nname = "a"\nlength = 4\nkind = "binary"\n')
    data = b"abcd\nxyzab\nd1234" + b"9" * 60
    assert convert(data, Conversion(juki(), "unicode"), by).out == data


def test_output_rules_can_be_for_one_target_only() -> None:
    text = FIXED + "[target.unicode]\ngrowth = 4\n[target.utf-16le]\ngrowth = 2\n"
    data = resident("0001", "ｱ", "山", "")
    assert len(convert(data, Conversion(juki(), zei()), layout(text)).out) == 8 + 32 * 2
    assert (
        len(convert(data, Conversion(juki(), "unicode"), layout(text), to="unicode").out)
        == 8 + 32 * 4
    )


# --- receipts and parts


def test_receipts_stay_within_their_size(tmp_path: Path) -> None:
    conversion = Conversion(juki(), "unicode", ESCAPED)
    for name in ("resident-fixed", "resident-csv"):
        by = find_layout(name)
        wide = {"double": b"\x81\x40" * 30}
        data = b"".join(wide.get(one.mode, b"0" * 99)[: one.length] for one in by.fields)
        data = "宛名番号,氏名,住所\n".encode("cp932") if by.is_table else data
        done = convert(data, conversion, by)
        header = read_receipt(done.receipt).header
        assert "plan" in header["layout"]
        assert len(done.receipt) < 550  # of 1 kB, the rest for mappings, options and digests
        assert restore(done, conversion) == data


def test_a_layout_too_large_for_the_receipt_is_named_by_its_digest() -> None:
    fields = "".join(
        f'[[field]]\nname = "項目{number}"\nlength = {number % 97 + 1}\n'
        f"[field.target]\nwidth = {number * 7919 % 4093 + 99}\n"
        for number in range(400)
    )
    by = layout('kind = "fixed"\n' + fields)
    conversion = Conversion(juki(), "unicode", ESCAPED)
    data = b"ABC".ljust(by.length)
    done = convert(data, conversion, by)
    assert read_receipt(done.receipt).header["layout"] == {"sha256": by.digest}
    assert restore(done, conversion, by=by) == data
    with pytest.raises(BadReceipt, match="name the one of the conversion with --layout"):
        restore(done, conversion)
    with pytest.raises(BadReceipt, match="not the one of the conversion"):
        restore(done, conversion, by=layout(FIXED))


@pytest.mark.parametrize("kind", ["fixed", "ends", "table", "free", "tsv"])
def test_files_are_cut_at_records_and_nowhere_else(kind: str, tmp_path: Path) -> None:
    conversion = Conversion(juki(), "unicode", ESCAPED)
    if kind in ("fixed", "ends"):
        by = layout(FIXED if kind == "fixed" else LINES)
        end = b"" if kind == "fixed" else b"\n"
        people = [resident(f"{n:04}", "ｱ", "山?", "A" * (n % 9)) for n in range(50)]
        data = end.join(people) + end
        begins = set(range(0, len(data), len(data) // 50))
    else:
        tables = {
            "table": CSV,
            "free": 'kind = "csv"\n[table]\nheader = true\n',
            "tsv": 'kind = "tsv"\n[table]\nquote = ""\n',
        }
        by = layout(tables[kind])
        rows = [f'{n},"山{n}\n,""亜"""\n' if n % 3 else f"{n},亜\n" for n in range(50)]
        if kind == "tsv":
            rows = [f'{n}\t"亜\n' for n in range(50)]
        rows = ["コード,氏名\n" if kind != "tsv" else "コード\t氏名\n", *rows]
        data = "".join(rows).encode("cp932")
        begins = set(accumulate((len(row.encode("cp932")) for row in rows), initial=0))
    path = tmp_path / "in"
    path.write_bytes(data)
    plan = plan_of(path, by, conversion.resolver)
    for size in (1, 30, 100, 333, len(data) - 1, len(data), 10**6):
        ranges = cuts(path, size, plan, conversion.resolver)
        assert [ranges[0][0], ranges[-1][1]] == [0, len(data)]
        assert all(one[1] == two[0] for one, two in pairwise(ranges))
        assert {start for start, _ in ranges} <= begins
        assert len(ranges) == 1 if size >= len(data) else len(ranges) > 1 or size > 333
    path.write_bytes(b"")
    assert cuts(path, 10, plan, conversion.resolver) == [(0, 0)]


def test_tables_whose_marks_may_be_part_of_a_code_are_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "in"
    for source, codec, delimiter in (
        (zei(), "utf-16-le", ","),
        (juki(), "cp932", "|"),
        (host("ibm939"), "cp037", ","),
    ):
        path.write_bytes(f"1{delimiter}2\n".encode(codec).replace(b"\x25", b"\x15") * 20)
        resolver = Conversion(source, "unicode").resolver
        by = layout(f'kind = "csv"\n[table]\ndelimiter = "{delimiter}"\n')
        plan = plan_of(path, by, resolver)
        assert cuts(path, 10, plan, resolver) == [(0, path.stat().st_size)]


@pytest.mark.parametrize("kind", ["fixed", "table", "free"])
def test_the_first_record_with_an_error_is_told_whatever_the_chunks(kind: str) -> None:
    conversion = Conversion(juki(), "unicode")
    if kind == "fixed":
        by, rows = layout(LINES), [resident("0001", "", "山", "") + b"\n"] * 9
        bad = rows[0][:12] + b"\x81\x30" + rows[0][14:]
        short = rows[0][1:]
        wide = rows[0][:28] + b"\xf0\x60" + rows[0][30:]
    else:
        by = layout(CSV if kind == "table" else 'kind = "csv"\n[table]\nheader = true\n')
        rows = ["コード,氏名\n".encode("cp932"), *["1,山\n".encode("cp932")] * 8]
        bad, short, wide = b"1,\x81\n", b"1\n", b"1,\xf0\x60\n"
    for changes in (
        {3: bad, 5: short, 7: wide},
        {3: short, 5: bad, 7: wide},
        {3: wide, 4: short, 6: bad},
    ):
        data = b"".join(changes.get(at, row) for at, row in enumerate(rows))
        told = []
        for size in (1, 20, 70, 1 << 16):
            with pytest.raises(GaijiError) as caught:
                convert(data, conversion, by, size)
            told.append(caught.value.problem())
            assert caught.value.where
            assert caught.value.where.record == 4
        assert told == [told[0]] * 4


def test_lines_and_raw_files_convert_as_without_a_layout() -> None:
    data = b"".join([b"1,\xf0\x40\n", "山".encode("cp932"), b"\r\n"])
    for kind in ("line", "raw"):
        conversion = Conversion(juki(), "unicode", ESCAPED)
        done = convert(data, conversion, layout(f'kind = "{kind}"\n'), 3)
        assert done.out == "1,邉\n山\r\n".encode()
        assert done.records.records == 2
        assert restore(done, conversion) == data


@pytest.mark.parametrize("text", ["fixed", "resident-csv", "free"])
def test_the_kernel_gives_the_same_records_as_the_engine_in_python(text: str) -> None:
    conversion = Conversion(juki(), "unicode", ESCAPED)
    fast = compiled(conversion).prepare("252069/juki", "unicode", ESCAPED).resolver
    if text == "fixed":
        by = layout(FIXED + 'longer = "cut"\n')
        data = b"".join(
            resident(f"{n % 9999:04}", "ｱ" * (n % 9), "山?亜葛"[: n % 5], "神～" * (n % 3))
            for n in range(4000)
        ).replace(b"\x88\x9f", b"\xf0\x60")
    else:
        by = (
            find_layout(text)
            if text != "free"
            else layout('kind = "csv"\n[table]\nheader = true\n')
        )
        rows = (f'{n},"山亜\n{n}",神～{"葛" * (n % 4)}\r\n'.encode("cp932") for n in range(3000))
        data = "番号,氏名,住所\r\n".encode("cp932") + b"".join(rows)
        data = data.replace("亜".encode("cp932"), b"\xf0\x60")
    slow = convert(data, conversion, by)
    recorder, out = Recorder(), io.BytesIO()
    stream = stream_for(fast, file="in", recorder=recorder)
    records = convert_records(io.BytesIO(data), out.write, stream, by)
    receipt = recorder.packed({"unclosed": recorder.unclosed, **records.header})
    assert (out.getvalue(), receipt, records) == (slow.out, slow.receipt, slow.records)
    assert stream.characters == slow.stream.characters
    assert stream.seen == slow.stream.seen
    assert (stream.losses, stream.first_loss) == (slow.stream.losses, slow.stream.first_loss)
    if "layout" in records.header:
        read = read_receipt(receipt)
        parts = restore_records(io.BytesIO(out.getvalue()), read.header, read.events(), fast)
        assert b"".join(parts) == data
