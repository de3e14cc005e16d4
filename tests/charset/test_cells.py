"""Cells for spreadsheets: what Excel would read as something else stays what it is, and comes back."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaiji.charset.cells import guarded, unguarded
from gaiji.charset.charsets import charset
from gaiji.charset.tables import read_cs_table, read_list, write_csv

KEIS = charset("keis83")
READ_OTHERWISE = re.compile(r"\d+E\d+|0\d+|\d{12,}|\d{1,2}-\d{1,2}(-\d+)?|(DEC|FEB)\d+")


@pytest.mark.parametrize(
    "cell",
    [
        *("81E1", "69E4", "6e41", "00E0", "000690", "0041", "123456789012", "1-47-82", "2-08-03"),
        *("16-01", "1/2", "DEC1", "FEB9"),
    ],
)
def test_a_code_that_excel_reads_as_a_number_or_day_is_kept_as_text(cell: str) -> None:
    assert guarded(cell) == f'="{cell}"'
    assert unguarded(guarded(cell)) == cell


@pytest.mark.parametrize(
    "cell",
    [
        "F040",
        "8140",
        "69FE",
        "0",
        "17",
        "2027-01-04",
        "J+9089",
        "MJ026190",
        "ワタナベ",
        "252069/juki",
    ],
)
def test_what_excel_shows_as_it_is_stays_bare(cell: str) -> None:
    assert guarded(cell) == cell


@given(st.from_regex(READ_OTHERWISE, fullmatch=True) | st.text("'=+\"1E-0a", max_size=8))
def test_a_guard_is_taken_off_again(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


def test_every_code_of_a_keis_list_is_read_back_as_it_was() -> None:
    codes = [bytes((lead, trail)) for lead in range(0x81, 0xA1) for trail in range(0xA1, 0xFF)]
    rows = [(code.hex().upper(), "000690", "2-08-03", "J+9089") for code in codes]
    columns = ("外字コード", "戸籍統一文字番号", "面区点", "住基ネット統一文字コード")
    data = write_csv(columns, rows)
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
    assert '="81E1"' in cells
    assert not [cell for cell in cells if READ_OTHERWISE.fullmatch(cell)]
    read = read_list(data, "list.csv", KEIS).rows
    assert [row.code for row in read] == codes
    assert {(row.koseki, row.x0213) for row in read} == {("000690", "2-08-03")}
    assert [code for _, code, _ in read_cs_table(data, "cs.csv", KEIS).rows] == codes
    assert b"=" not in write_csv(columns, rows, guard=False)
