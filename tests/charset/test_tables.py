from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaiji.charset import notations
from gaiji.charset.charsets import charset
from gaiji.charset.tables import (
    read_cs_table,
    read_list,
    read_vendor_table,
    write_csv,
    write_fujitsu,
    write_hulft,
)
from gaiji.errors import BadTable, CodeOutsideArea, GaijiError, UnsupportedConversion

CP932 = charset("cp932")
JEF = charset("jef")
WATANABE = "邉\U000e010f"

HEADERS = {
    "cp932, few columns": ("外字コード,よみ,画数,備考", "cp932"),
    "another order, tabs": ("備考\t読み\t内部コード\t総画数", "utf-8"),
    "English, mark": ("Code,Reading,Strokes,Remarks", "utf-8-sig"),
    "full width": ("　ＥＵＤＣコード ,ﾖﾐ,総画数（画）,ＲＥＭＡＲＫＳ", "utf-8"),
}


def refused(data: bytes, reader: Any = read_list, name: str = "list.csv") -> GaijiError:
    with pytest.raises(BadTable) as caught:
        reader(data, name, CP932)
    return caught.value


@pytest.mark.parametrize("case", HEADERS)
def test_columns_are_recognised_in_any_order_and_writing(case: str) -> None:
    header, encoding = HEADERS[case]
    names = header.replace("\t", ",").split(",")
    cells = {"code": "f040", "readings": "ﾜﾀﾅﾍﾞ、ヘン", "strokes": "１７画", "remarks": "神社の神"}
    line = [cells[(notations.field_of(name) or ("", 0))[0]] for name in names]
    separator = "\t" if "\t" in header else ","
    table = read_list(f"{header}\r\n{separator.join(line)}\r\n".encode(encoding), "a.csv", CP932)
    (row,) = table.rows
    assert (row.record, row.code, row.readings, row.strokes) == (
        2,
        b"\xf0\x40",
        ("ワタナベ", "ヘン"),
        17,
    )
    assert row.remarks == "神社の神"
    assert table.encoding == encoding
    assert not table.findings


def test_every_kind_of_evidence_is_read_in_the_reference_sets_forms() -> None:
    header = "コード,MJ文字図形名,戸籍統一文字番号,登記統一文字番号,Unicode,住基コード,面区点,部首,開始日,終了日"
    line = "F040,ＭＪ026190,445000,445000,9089_E010F,9089,1-78-21,⾡,平成17年4月1日,H31.4.30"
    (row,) = read_list(f"{header}\n{line}\n".encode(), "a.csv", CP932).rows
    assert (row.mj, row.koseki, row.touki) == ("MJ026190", "445000", "00445000")
    assert (row.ucs, row.ivs, row.juki, row.x0213) == ("邉", WATANABE, "J+9089", "1-78-21")
    assert (row.radical, row.valid_from, row.valid_to) == (162, date(2005, 4, 1), date(2019, 4, 30))


@pytest.mark.parametrize(
    ("cell", "base", "sequence"),
    [
        ("U+9089", "邉", None),
        ("9089", "邉", None),
        ("0x20bb7", "𠮷", None),
        ("D842DFB7", "𠮷", None),
        ("<U+9089 U+E010F>", "邉", WATANABE),
        (WATANABE, "邉", WATANABE),
        ("\ufa19", "\ufa19", None),
    ],
)
def test_a_code_point_is_read_however_it_is_written(
    cell: str, base: str, sequence: str | None
) -> None:
    assert notations.characters(cell) == (base, sequence)


@pytest.mark.parametrize("cell", ["", "邉邉", "U+D800", "U+110000", "0009", "U+E0100", "9089_908A"])
def test_what_is_no_code_point_is_refused(cell: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        notations.characters(cell)


def test_a_selector_in_its_own_column_joins_the_base_of_its_row() -> None:
    (row,) = read_list("コード,UCS,IVS\nF040,9089,E010F\n".encode(), "a.csv", CP932).rows
    assert row.ivs == WATANABE
    assert notations.variation("VS32", "邉").sequence == WATANABE


def test_a_private_use_point_in_a_unicode_column_is_an_image_not_a_character() -> None:
    (row,) = read_list("コード,Unicode\nF041,U+E001\n".encode(), "a.csv", CP932).rows
    assert (row.image, row.ucs) == (0xE001, None)


def test_a_code_may_be_written_as_its_image_or_as_itself() -> None:
    data = "外字\n\ue000\n".encode("cp932")
    assert read_list(data, "a.csv", CP932).rows[0].code == b"\xf0\x40"
    wide = charset("utf-16le")
    assert read_list(b"code\nU+E123\n", "a.csv", wide).rows[0].code == b"\x23\xe1"
    for text in ("F040", "0xf040", "F0 40", "X'F040'", "U+E000"):
        assert notations.local_code(text, CP932) == b"\xf0\x40"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2005-04-01", date(2005, 4, 1)),
        ("2005/4/1", date(2005, 4, 1)),
        ("20050401", date(2005, 4, 1)),
        ("昭和64年1月7日", date(1989, 1, 7)),
        ("平成元年1月8日", date(1989, 1, 8)),
        ("R1.5.1", date(2019, 5, 1)),
    ],
)
def test_days_are_read_in_western_and_japanese_years(text: str, found: date) -> None:
    assert notations.day(text) == found


@pytest.mark.parametrize(
    "text", ["平成32年1月1日", "昭和64年1月8日", "2005-02-30", "H0.1.1", "05/4/1", "春"]
)
def test_days_that_never_were_are_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        notations.day(text)


def test_one_slot_may_have_two_meanings_when_their_days_do_not_overlap() -> None:
    head = "コード,MJ,使用開始日,使用終了日\n"
    apart = head + "F040,MJ026190,,2010-03-31\nF040,MJ030196,2010-04-01,\n"
    assert [row.mj for row in read_list(apart.encode(), "a.csv", CP932).rows] == [
        "MJ026190",
        "MJ030196",
    ]
    error = refused((head + "F040,MJ026190,,2010-04-01\nF040,MJ030196,2010-04-01,\n").encode())
    assert error.where
    assert error.where.record == 3


def test_all_errors_of_a_list_are_told_at_once_with_line_and_column() -> None:
    error = refused(
        "コード,画数,UCS\nF040,many,9089\nzz,1,9089\nF041,2,邉邉邉\nF042,3,\nF042,3,\n".encode()
    )
    places = [
        (f["code"], f["where"]["record"], f["where"].get("field")) for f in error.extra["findings"]
    ]
    assert places == [
        ("bad-notation", 2, "画数"),
        ("bad-name", 3, "コード"),
        ("bad-notation", 4, "UCS"),
        ("code-twice", 6, None),
    ]
    assert "4 件" in error.text.ja
    assert error.where
    assert (error.where.file, error.where.record, error.where.field) == ("list.csv", 2, "画数")


def test_codes_outside_the_declared_area_refuse_the_list() -> None:
    with pytest.raises(CodeOutsideArea) as caught:
        read_list(b"code\nF040\n889F\nFA40\n", "list.csv", CP932)
    assert caught.value.extra["errors"] == 2
    assert caught.value.where
    assert caught.value.where.record == 3


def test_a_list_without_a_code_column_says_which_columns_it_has() -> None:
    error = refused("氏名,読み\n邉,ヘン\n".encode())
    assert "氏名、読み" in error.text.ja
    assert error.extra["columns"] == ["氏名", "読み"]
    refused(b"")


def test_unknown_columns_and_title_lines_are_only_noted() -> None:
    table = read_list(
        "草津市外字一覧\n外字コード,担当,コード\nF040,市民課,1\n".encode(), "a.csv", CP932
    )
    found = [(f.code, f.where.field if f.where else "") for f in table.findings]
    assert found == [
        ("lines-before-header", None),
        ("column-not-used", "担当"),
        ("column-not-used", "コード"),
    ]
    assert table.rows[0].record == 3


def test_utf_16_and_broken_bytes_are_refused_with_their_place() -> None:
    assert "UTF-16" in refused("コード\nF040\n".encode("utf-16")).text.ja
    broken = "コード,備考\nF040,渡邉\n".encode() + b"F041,\xe9\x82\n"
    error = refused(broken)
    assert error.where
    assert (error.where.record, error.where.byte_offset) == (3, len(broken) - 3)


def test_a_quote_that_never_ends_and_too_many_cells_are_refused() -> None:
    assert refused(b'code,remarks\nF040,"open\nF041,x\n').where.record == 2  # type: ignore[union-attr]
    assert refused(b"code,remarks\nF040,a,b\n").extra["findings"][0]["code"] == "cells"


def test_a_radical_by_name_is_left_out_with_a_warning() -> None:
    table = read_list("コード,部首\nF040,しんにょう\n".encode(), "a.csv", CP932)
    assert (table.rows[0].radical, table.findings[0].code) == (None, "radical-unknown")


# --- CS-server tables


def test_a_cs_table_is_read_in_every_writing_and_standard_codes_are_passed_over() -> None:
    data = "文字コード,住基コード\nF040,J+9089\nF041,908A\nF042,0xFA11\n889F,J+4E9C\n889F,J+4E9C\n".encode(
        "cp932"
    )
    table = read_cs_table(data, "cs.csv", CP932)
    assert [(code, juki) for _, code, juki in table.rows] == [
        (b"\xf0\x40", "J+9089"),
        (b"\xf0\x41", "J+908A"),
        (b"\xf0\x42", "J+FA11"),
    ]
    assert [(f.code, f.text.en[:1]) for f in table.findings] == [("standard-codes-skipped", "2")]


def test_a_j_code_outside_the_repertoire_is_a_finding() -> None:
    table = read_cs_table(b"code,juki\nF040,J+E000\nF041,J+D700\nF042,J+D6FF\n", "cs.csv", CP932)
    assert [juki for _, _, juki in table.rows] == ["J+D6FF"]
    assert [f.code for f in table.findings] == ["outside-juki"] * 2


def test_one_code_with_two_j_codes_refuses_the_table() -> None:
    same = read_cs_table(b"code,juki\nF040,9089\nF040,J+9089\n", "cs.csv", CP932)
    assert len(same.rows) == 1
    error = refused(b"code,juki\nF040,9089\nF040,908A\n", read_cs_table)
    assert error.extra["findings"][0]["where"] == {
        "file": "list.csv",
        "record": 3,
        "field": "juki",
        "byte_offset": None,
    }
    assert "juki" in refused(b"code\nF040\n", read_cs_table).text.en


# --- vendors' tables


def test_a_hulft_table_gives_characters_and_images_apart() -> None:
    data = (
        b"# SJIS\r\n*comment\r\ndefaultcode=0xe296a1\r\n"
        b"0XF040  0XE98289\r\n0xf041 0xEE8081 # x\r\n0X81CA  0XEFBFA2\r\n"
    )
    table = read_vendor_table(data, "gtsto8.txt", CP932)
    assert table.kind == "hulft"
    assert table.rows == ((4, b"\xf0\x40", "邉"),)
    assert table.images == {b"\xf0\x41": 0xE001}
    assert [f.code for f in table.findings] == ["standard-codes-skipped"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("gtstos.txt", "gtsto8.txt"), ("gtjto8.txt", "jef"), ("GT8TOS.TXT", "gt8to8.txt")],
)
def test_a_hulft_table_of_another_direction_is_refused(name: str, said: str) -> None:
    error = refused(b"0XF040 0XE98289\n", read_vendor_table, name)
    assert said in error.text.ja


def test_a_hulft_table_of_unknown_direction_is_read_with_a_warning() -> None:
    table = read_vendor_table(b"0XF040 0XE98289\n", "table.txt", CP932)
    assert [f.code for f in table.findings] == ["direction-assumed"]


@pytest.mark.parametrize("line", ["0XF040 0XE982", "0XF040", "0XF040 邉", "0XF040 0XE98289E98289"])
def test_a_line_that_is_no_pair_refuses_the_hulft_table(line: str) -> None:
    error = refused(f"0XF041 0XE98289\n{line}\n".encode(), read_vendor_table, "gtsto8.txt")
    assert error.where
    assert error.where.record == 2


def test_contradicting_lines_refuse_a_vendor_table() -> None:
    error = refused(b"0XF040 0XE98289\n0XF040 0XE9828A\n", read_vendor_table, "gtsto8.txt")
    assert error.extra["findings"][0]["code"] == "contradiction"
    assert error.where
    assert error.where.record == 2
    title = "CODE_CONVERT_Unicode-FJHOSTcode_USER_TABLE1.0\n"
    crossed = title + "JEF->Unicode\n80A1:9089\n80A2:908A\nUnicode->JEF\n9089:80A2\n"
    with pytest.raises(BadTable) as caught:
        read_vendor_table(crossed.encode(), "user.txt", JEF)
    assert caught.value.where
    assert caught.value.where.record == 6


def test_a_fujitsu_table_is_read_in_both_directions_with_comments() -> None:
    data = (
        "CODE_CONVERT_Unicode-FJHOSTcode_USER_TABLE1.0 ;外字\r\nJEF->Unicode ;向き\r\n"
        "80A1:E92E ;像\r\n80A2:9089,80A3:D842DFB7\r\nUnicode->JEF\r\n9089:80A2\r\n908A:80A4\r\nE92E:80A1\r\n"
    ).encode("cp932")
    table = read_vendor_table(data, "unijef.txt", JEF)
    assert [(code.hex(), text) for _, code, text in table.rows] == [
        ("80a2", "邉"),
        ("80a3", "𠮷"),
        ("80a4", "邊"),
    ]
    assert table.images == {b"\x80\xa1": 0xE92E}
    assert not table.findings
    with pytest.raises(BadTable):
        read_vendor_table(data, "unijef.txt", CP932)


def test_a_file_that_is_no_vendor_table_is_refused() -> None:
    assert "HULFT" in refused(b"code,juki\nF040,9089\n", read_vendor_table, "gtsto8.txt").text.en


TEXTS = st.sampled_from("邉𠮷﨑葛") | st.characters(min_codepoint=0xE000, max_codepoint=0xF8FF)


@given(st.dictionaries(st.integers(0xE000, 0xE757), TEXTS, min_size=1))
def test_what_the_writers_write_the_readers_read(pairs: dict[int, str]) -> None:
    for name, described, write in (
        ("gtsto8.txt", CP932, write_hulft),
        ("u.txt", JEF, write_fujitsu),
    ):
        meant = {described.code_of(image): text for image, text in pairs.items()}
        codes = {code: text for code, text in meant.items() if code}
        if write is write_fujitsu and len(set(codes.values())) < len(codes):
            codes = {
                code: text for text, code in {text: code for code, text in codes.items()}.items()
            }
        table = read_vendor_table(write(codes.items(), "外字\n表"), name, described)
        read = {code: text for _, code, text in table.rows}
        assert read | {code: chr(image) for code, image in table.images.items()} == codes


# --- writing


def test_a_written_csv_never_starts_a_formula_and_is_read_back() -> None:
    rows = [
        ("F040", "=cmd|1"),
        ("F041", "+1"),
        ("F042", '"x"\n@y'),
        ("F043", None),
        ("F044", "＝1"),
    ]
    data = write_csv(("外字コード", "備考"), rows)
    assert data.startswith(b"\xef\xbb\xbf")
    assert b",=" not in data
    read = [row.remarks for row in read_list(data, "a.csv", CP932).rows]
    assert read == ["=cmd|1", "+1", '"x"\n@y', None, "＝1"]


def test_a_character_cp932_lacks_is_an_error_with_its_line() -> None:
    with pytest.raises(UnsupportedConversion) as caught:
        write_csv(("a",), [("亜",), ("𠮷",)], "cp932")
    assert caught.value.where
    assert caught.value.where.record == 3


def test_a_cs_table_in_code_points_of_unicode_is_refused_but_read_where_it_was_taken_in_before() -> (
    None
):
    data = "外字コード,住基ネット統一文字コード\nF040,U+9089\n".encode()
    with pytest.raises(BadTable, match="write it like J"):
        read_cs_table(data, "cs.csv", charset("cp932"))
    table = read_cs_table(data, "cs.csv", charset("cp932"), is_stored=True)
    assert table.rows == ((2, b"\xf0\x40", "J+9089"),)
