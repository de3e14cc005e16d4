from __future__ import annotations

import re
from pathlib import Path

import pytest

from gaiji.charset.charsets import NAMES, UNICODE, charset
from gaiji.charset.coding import coding
from gaiji.charset.conversion import TARGETS
from gaiji.charset.records.boxes import Box, columns
from gaiji.charset.records.definition import import_definition
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.layoutfile import FOLDER, find_layout, read_layout, shipped
from gaiji.charset.records.plans import WIDE_SPACES, Plan
from gaiji.charset.targets import script_of
from gaiji.errors import BadLayout, BadReceipt, BadTable, NotFound

PAGE = Path(__file__).parents[2] / "docs" / "conversion.md"
GOOD = """
kind = "fixed"
[record]
length = 20
[[field]]
name = "a"
length = 8
[[field]]
name = "b"
kind = "binary"
length = 12
"""


def layout(text: str) -> Layout:
    return read_layout(text.encode(), "layout.toml")


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "message", "field"),
    [
        ("kind =", "cannot be read as TOML", None),
        ("kind = 'x'\nkind = 'y'", "cannot be read as TOML", None),
        ("name = 'x'", "There is no kind; choose one of fixed, csv", None),
        ("kind = 'cobol'", "cannot have kind = 'cobol'; write fixed or csv", None),
        ("kind = 'csv'\nfields = 3", "layout has no key 'fields'; choose one of", None),
        ("kind = 'fixed'", "There is no field", None),
        (changed("length = 20", "size = 20"), r"\[record\] has no key 'size'", None),
        (changed("length = 8", "length = 8\nwidth = 3"), r"\[\[field\]\] has no key 'width'", "a"),
        (changed("length = 8", "length = '8'"), "cannot have length = '8'", "a"),
        (changed("length = 8", "length = true"), "cannot have length = True", "a"),
        (changed('name = "a"\n', ""), "has no name", "#1"),
        (changed('"b"', '"a"'), "Two fields have this name", "a"),
        (changed("length = 12", "offset = 4\nlength = 16"), "inside field 'a'", "b"),
        (changed("length = 12", "length = 13"), "outside the record of 20 bytes", "b"),
        (changed("length = 12", "offset = -1\nlength = 12"), "outside the record", "b"),
        (changed("length = 8", "length = 0"), "outside the record", "a"),
        (
            changed("length = 12", "offset = 10\nlength = 10"),
            "The 2 bytes from 8 are in no field",
            None,
        ),
        (changed("length = 12", "length = 10"), "The 2 bytes from 18 are in no field", None),
        (changed("length = 20", "length = 99999999"), "is not possible", None),
        (changed("length = 8", 'length = 7\nmode = "double"'), "has the odd length 7", "a"),
        (changed("length = 12", "length = 12\ntrim = true"), "is left as it is", "b"),
        (changed("length = 12", "length = 12\ntarget = {width = 3}"), "is left as it is", "b"),
        (changed("length = 12", "length = 12\ncheck = true"), "packed or signed field", "b"),
        (changed("length = 8", 'length = 8\npad = "blank"'), "write half, full, none or hex", "a"),
        (changed("length = 8", 'length = 8\npad = "0x404"'), "write half, full, none or hex", "a"),
        (changed("length = 8", "length = 8\ntarget = {width = 0}"), "must be 1 or more", "a"),
        (changed("length = 8", 'length = 8\ntarget = {pad = "none"}'), "needs a pad", "a"),
        (
            changed("length = 8", 'length = 8\ntarget = {unit = "columns"}'),
            "without a separator",
            "a",
        ),
        (
            changed("length = 8", 'length = 8\ntarget = {longer = "drop"}'),
            "error or cut or spill",
            "a",
        ),
        (GOOD + "[target]\ngrowth = 0\n", "growth of .target. must be a number", None),
        (GOOD + "[target]\ngrowth = {wide = 2}\n", "growth of .target. must be a number", None),
        (GOOD + "[target.unicode]\nwidth = 2\n", r"\[target.unicode\] has no key 'width'", None),
        (GOOD + "[target]\nwidth = {unicode = 2}\n", r"\[target\] has no key 'width'", None),
        (GOOD + "[target.unicod]\nlonger = 'cut'\n", r"\[target\] has rules for 'unicod'", None),
        (GOOD + "[target.'25206/juki']\nlonger = 'cut'\n", "which is no target", None),
        (
            changed("length = 8", "length = 8\n[field.target.CP932]\nwidth = 3"),
            r"\[field.target\] has rules for 'CP932'",
            "a",
        ),
        ("kind = 'line'\n[record]\nlength = 3", "of kind line has no record", None),
        ("kind = 'csv'\n[record]\nlength = 3", "of kind csv has no record", None),
        ("kind = 'csv'\n[table]\ndelimiter = '::'", "write one ASCII mark", None),
        ("kind = 'csv'\n[table]\ndelimiter = 'x'", "write one ASCII mark", None),
        ("kind = 'csv'\n[table]\nquote = ','", "the same mark", None),
        ("kind = 'csv'\n[[field]]\nname = 'a'\nlength = 3", "has no key 'length'", "a"),
        ("kind = 'csv'\n[[field]]\nname = 'a'\ncolumn = 0", "There is no column 0", "a"),
        (
            "kind = 'csv'\n[[field]]\nname = 'a'\ncolumn = 2\n[[field]]\nname = 'b'",
            "Column 2 is field 'a' too",
            "b",
        ),
        (
            "kind = 'csv'\n[[field]]\nname = 'a'\n[field.target]\npad = 'half'",
            "A cell is not padded",
            "a",
        ),
    ],
)
def test_a_layout_that_contradicts_itself_is_one_sentence(
    text: str, message: str, field: str | None
) -> None:
    with pytest.raises(BadLayout, match=message) as caught:
        layout(text)
    assert caught.value.where
    assert (caught.value.where.file, caught.value.where.field) == ("layout.toml", field)
    assert caught.value.text.ja.endswith("。")


def test_fields_follow_each_other_where_no_offset_is_told() -> None:
    made = layout(GOOD)
    assert [(one.name, one.offset, one.length) for one in made.fields] == [
        ("a", 0, 8),
        ("b", 8, 12),
    ]
    assert (made.length, made.kind, made.name) == (20, "fixed", "layout")
    assert layout(GOOD.replace("length = 20", "")).length == 20


def test_the_innermost_rule_for_a_target_counts() -> None:
    made = layout(
        changed(
            "length = 8", "length = 8\n[field.target]\nwidth = 9\n[field.target.jef]\nwidth = 7"
        )
        + '[target]\nlonger = "cut"\ngrowth = 2\n[target.jef]\nlonger = "spill"\n'
    )
    one = made.fields[0]
    plain, jef = made.output(one, ("utf-8", "unicode")), made.output(one, ("jef", "252085/zei"))
    assert (plain.width, plain.longer, plain.growth) == (
        9,
        "cut",
        dict.fromkeys(("single", "double", "mixed"), 2.0),
    )
    assert (jef.width, jef.longer) == (7, "spill")
    assert made.spills
    assert not layout(GOOD).spills


def test_rules_may_be_for_every_target_charset_and_code_set_and_the_error_names_them() -> None:
    for name in (*TARGETS, *NAMES, "252069/juki"):
        made = layout(f'{GOOD}[target."{name}"]\nlonger = "cut"\n')
        assert made.output(made.fields[0], (name,)).longer == "cut"
    with pytest.raises(BadLayout) as caught:
        layout(GOOD + '[target]\nlonger = "cut"\n[target.unicod]\nlonger = "error"\n')
    said = caught.value.text
    assert said.en.endswith(
        f"; choose one of {', '.join((*TARGETS, *NAMES))}, or a code set like 252069/juki."
    )
    assert "変換先「unicod」はありません。unicode・unicode-svs・" in said.ja


@pytest.mark.parametrize(
    ("text", "ja", "en"),
    [
        (changed("length = 8", "length = true"), "整数", "a whole number"),
        (changed('name = "a"', "name = 3"), "文字列", "text"),
        (changed("length = 8", "length = 8\ntrim = 1"), "true・false", "true or false"),
        ("target = 1\n" + GOOD, "表", "a table"),
        ("kind = 'csv'\nfield = 1", "[[…]]", "[[…]]"),
        ("kind = 'csv'\n[table]\nothers = 1", "text・binary", "text or binary"),
    ],
)
def test_what_a_value_must_be_is_said_in_each_language(text: str, ja: str, en: str) -> None:
    with pytest.raises(BadLayout) as caught:
        layout(text)
    said = caught.value.text
    assert said.ja.endswith(f" は使えません。{ja} を書いてください。")
    assert said.en.endswith(f"; write {en}.")


def known(text: str) -> set[str]:
    """Return the keys that a layout may have where it has the key `zz`."""
    with pytest.raises(BadLayout, match="has no key 'zz'; choose one of") as caught:
        layout(text)
    return set(caught.value.text.en.split("choose one of ")[1].rstrip(".").split(", "))


def test_every_key_of_a_layout_stands_in_the_page() -> None:
    told: dict[tuple[str, str], set[str]] = {}
    for table, keys, kinds in re.findall(
        r"^\| (top|both|`\[+[a-z.]+\]+`) \| (.*?) \| (.*?) \|", PAGE.read_text("utf-8"), re.M
    ):
        tables = ("[target]", "[field.target]") if table == "both" else (table.strip("`"),)
        for place in tables:
            for kind in ("fixed", "csv", "tsv"):
                if kinds == "all" or f"`{kind}`" in kinds:
                    told.setdefault((place, kind), set()).update(re.findall("`(.*?)`", keys))
    field = "[[field]]\nname = 'a'\n"
    for kind in ("fixed", "csv", "tsv"):
        top = f"kind = '{kind}'\n"
        inner = {"record", "table", "field", "target"}
        assert told["top", kind] == known(f"zz = 1\n{top}") - inner
        mark = "[record]" if kind == "fixed" else "[table]"
        assert told[mark, kind] == known(f"{top}{mark}\nzz = 1")
        # modes, checks and paddings are taken in a table, where they say nothing
        quiet = set() if kind == "fixed" else {"mode", "check"}
        assert told["[[field]]", kind] == known(f"{top}{field}zz = 1") - {"target"} - quiet
        quiet = set() if kind == "fixed" else {"mode", "pad", "align", "growth"}
        assert told["[target]", kind] == known(f"{top}{field}[target]\nzz = 1") - quiet
        assert told["[field.target]", kind] == known(f"{top}{field}target.zz = 1") - quiet


def test_the_digest_is_of_what_a_layout_says() -> None:
    assert layout(GOOD).digest == layout("note = 'x'\nname = 'y'\n" + GOOD).digest
    assert (
        layout(GOOD).digest != layout(GOOD.replace("length = 8", "length = 8\npad = 'full'")).digest
    )


def test_every_shipped_layout_is_sound() -> None:
    assert shipped() == ["intermediate-resident", "resident-csv", "resident-fixed"]
    for name in shipped():
        made = find_layout(name)
        assert made.name == name
        assert made.fields
    assert find_layout("resident-fixed").length == 220


def test_a_layout_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="one of intermediate-resident, resident-csv"):
        find_layout("resident")
    with pytest.raises(BadLayout, match="cannot be opened"):
        find_layout(tmp_path)
    mine = tmp_path / "mine.toml"
    mine.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert find_layout(mine).file == str(mine)


# --- places


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNICODE])
def test_the_full_width_space_is_the_charsets(name: str) -> None:
    writing = [mode.writing.get("\u3000") for mode in coding(charset(name)).modes]
    assert WIDE_SPACES[name] in writing


@pytest.mark.parametrize(
    ("name", "text", "width"),
    [
        ("utf-8", "山A ｱ", 5),
        ("utf-8", "邉\U000e010fA", 3),
        ("utf-8", "か゚", 2),
        ("utf-16le", "𠮷¥", 3),
        ("cp932", "山Aｱ", 4),
        ("eucjp-ms", "山Aｱ丂", 6),
        ("ibm939", "山A", 3),
    ],
)
def test_display_width_is_one_for_half_and_two_for_full(name: str, text: str, width: int) -> None:
    script = script_of(charset(name))
    assert columns(script, script.encode(text) or b"") == width


@pytest.mark.parametrize("pad", [b" ", b"\x81\x40"])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("unit", ["bytes", "columns"])
def test_what_was_wrapped_unwraps_to_itself(pad: bytes, right: bool, unit: str) -> None:
    script = script_of(charset("cp932"))
    box = Box(12, unit, 0, pad, b" ", right)  # type: ignore[arg-type]
    for value in (b"", b"A", b"AB", "山".encode("cp932"), b"A" * 11, b"B" * 12):
        whole = box.wrap(script, value)
        assert whole is not None
        assert len(whole) == 12
        assert box.unwrap(script, whole) == value
        assert box.unwrapped(script, [whole]) == [value]
        assert box.wrapped(script, [value]) == [whole]
    assert box.wrap(script, b"A" * 13) is None


@pytest.mark.parametrize(
    "told", [None, [], ["fixed"], ["fixed", [], [], []], ["fixed", ["x", "y"], [1, 2, 3], [4]]]
)
def test_a_receipt_whose_plan_is_none_is_refused(told: object) -> None:
    with pytest.raises(BadReceipt, match="layout in the receipt cannot be read"):
        Plan.from_list(told)


# --- definitions


def test_the_shipped_definition_gives_the_shipped_layout() -> None:
    data = (FOLDER / "intermediate-resident.csv").read_bytes()
    text = (FOLDER / "intermediate-resident.toml").read_text("utf-8")
    note = find_layout("intermediate-resident").note
    assert import_definition(data, name="intermediate-resident", note=note) == text


def test_a_definition_of_a_fixed_record_gives_lengths_in_bytes() -> None:
    table = (
        "項番,データ項目名,データ型,桁数,開始位置\n"
        "1,宛名番号,９,１０,1\n2,氏名,Ｎ,20,11\n3,カナ,Ｋ,30,51\n4,生年月日,P9,7,81\n5,予備,FILLER,4,85\n,,,,\n"
    )
    made = layout(import_definition(table.encode("cp932"), kind="fixed"))
    assert [(one.name, one.kind, one.mode, one.offset, one.length) for one in made.fields] == [
        ("宛名番号", "number", "mixed", 0, 10),
        ("氏名", "text", "double", 10, 40),
        ("カナ", "text", "single", 50, 30),
        ("生年月日", "packed", "mixed", 80, 4),
        ("予備", "binary", "mixed", 84, 4),
    ]


def test_widths_of_a_definition_become_rules_when_asked() -> None:
    table = '項目名,型,桁数\n氏名,全角,20\n氏名,"半角",10\n\\"x,文字,5\n'
    made = layout(import_definition(table.encode(), widths=True))
    assert [(one.name, one.column) for one in made.fields] == [
        ("氏名", 1),
        ("氏名(2)", 2),
        ('\\"x', 3),
    ]
    assert [made.output(one, ()).width for one in made.fields] == [40, 10, 5]


@pytest.mark.parametrize(
    ("table", "message", "record"),
    [
        ("a,b\n1,2\n", "There is no header with", None),
        ("", "There is no header with", None),
        ("項目名,型,桁数\n", "There is no item", None),
        ("項目名,型,桁数\n氏名,全角,x\n", "The length 'x' of item '氏名' is no number", 2),
        (
            "表題\n\n項目名,型,桁数\n氏名,全角,1\nカナ,仮名文字,1\n",
            "The type '仮名文字' of item 'カナ'",
            5,
        ),
    ],
)
def test_a_definition_that_is_none_is_named_with_its_row(
    table: str, message: str, record: int | None
) -> None:
    with pytest.raises(BadTable, match=message) as caught:
        import_definition(table.encode(), file="d.csv")
    assert caught.value.where
    assert (caught.value.where.file, caught.value.where.record) == ("d.csv", record)


def test_a_definition_in_no_known_charset_is_refused() -> None:
    with pytest.raises(BadTable, match="neither UTF-8 nor CP932"):
        import_definition(b"\x81\x00")
