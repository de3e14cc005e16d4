import csv
import datetime
import io
import zipfile

import openpyxl
import pytest

from gaiji import data
from gaiji.data.sheet import COLUMNS, read_sheet
from gaiji.errors import BadReference

MORE = ("読み(参考)", "部首1(参考)", "内画数1(参考)", "部首2(参考)", "内画数2(参考)")
HEADER = ["図形", *COLUMNS, *MORE, "更新履歴"]
BEB = {
    "MJ文字図形名": "GJ000123",
    "対応するUCS": "U+9089",
    "実装したMoji_JohoコレクションIVS": "9089_E010F",
    "戸籍統一文字番号": "092550",
    "住基ネット統一文字コード": "J+9089",
    "X0213": "1-78-21",
    "総画数(参考)": "17",
    "読み(参考)": "ヘン・あたり",
    "部首1(参考)": "162",
    "内画数1(参考)": "13",
}


def as_csv(*rows: dict[str, str], header: list[str] = HEADER, encoding: str = "utf-8-sig") -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def as_xlsx(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def refused(content: bytes, name: str = "gj.csv", namespace: str = "GJ") -> BadReference:
    with pytest.raises(BadReference) as caught:
        read_sheet(content, name, namespace)
    return caught.value


def test_a_list_with_the_official_columns_becomes_the_same_rows() -> None:
    sheet = read_sheet(as_csv(BEB), "gj.csv", "GJ")
    assert sheet.characters == (
        data.MjRow(
            "GJ000123",
            ucs="邉",
            ivs="邉\U000e010f",
            koseki="092550",
            juki="J+9089",
            x0213="1-78-21",
            strokes=17,
        ),
    )
    assert [row.reading for row in sheet.readings] == ["ヘン", "あたり"]
    assert sheet.radicals == (data.RadicalRow("GJ000123", 162, 13),)
    assert (sheet.namespace, sheet.edition, sheet.unread) == ("GJ", None, ())


def test_the_whole_shipped_list_written_as_a_sheet_is_read_back_equal() -> None:
    def shown(field: str, value: object) -> str:
        if field in ("ucs", "own_ucs", "compatibility") and value:
            return f"U+{ord(str(value)):04X}"
        if field in ("ivs", "svs") and value:
            return "_".join(f"{ord(c):04X}" for c in str(value))
        return "" if value is None else str(value)

    characters = list(data.read(data.MjRow))
    more: dict[str, dict[str, str]] = {row.name: {} for row in characters}
    readings, radicals = list(data.read(data.ReadingRow)), list(data.read(data.RadicalRow))
    for reading in readings:
        cells = more[reading.name]
        cells[MORE[0]] = "・".join([*filter(None, [cells.get(MORE[0])]), reading.reading])
    kept = []
    for radical in radicals:
        cells = more[radical.name]
        n = 1 if MORE[1] not in cells else 2
        if n == 2 and MORE[3] in cells:
            continue
        kept.append(radical)
        cells[f"部首{n}(参考)"] = str(radical.radical)
        cells[f"内画数{n}(参考)"] = "-" if radical.strokes is None else str(radical.strokes)
    fields = dict(zip(COLUMNS, data.MjRow._fields, strict=True))
    rows = (
        {c: shown(f, getattr(row, f)) for c, f in fields.items()} | more[row.name]
        for row in characters
    )
    sheet = read_sheet(as_csv(*rows), "mji.00602.csv", "MJ", edition="006.02")
    assert list(sheet.characters) == characters
    assert list(sheet.readings) == readings
    assert list(sheet.radicals) == kept
    assert sheet.edition == "006.02"


def test_a_workbook_with_title_header_variants_and_numbers_is_read() -> None:
    sheet = read_sheet(
        as_xlsx(
            ["MJ文字情報一覧表 Ver.007.01"],
            [],
            [
                "備考",
                "ＭＪ文字図形名",
                "対応する\nUCS",
                "戸籍統一文字番号",
                "X0213_包摂区分",
                "登記統一文字番号（参考）",
                "MJ文字図形バージョン",
                "総画数",
                "独自の列",
            ],
            [None, "MJ000004", "U+3400", 470, 0, 470, 1.0, 5, "x"],
            [],
            ["注", "MJ000005", "U+20000", None, None, None, 1.1, 7, None],
        ),
        "list.xlsx",
        "MJ",
    )
    first, second = sheet.characters
    assert (first.ucs, first.koseki, first.touki, first.x0213_class) == (
        "㐀",
        "000470",
        "00000470",
        0,
    )
    assert (first.version, second.version, second.remarks) == ("1", "1.1", "注")
    assert (sheet.edition, sheet.unread) == ("007.01", ("独自の列",))


def test_a_cp932_list_and_a_second_sequence_are_read() -> None:
    two = BEB | {"実装したMoji_JohoコレクションIVS": "9089_E010F;9089_E0110"}
    sheet = read_sheet(as_csv(two, encoding="cp932"), "gj.csv", "GJ")
    assert sheet.characters[0].ivs == "邉\U000e010f"
    assert sheet.sequences == (data.SequenceRow("Moji_Joho", "邉\U000e0110", "GJ000123"),)


def test_a_sheet_of_another_edition_is_refused() -> None:
    content = as_csv(BEB | {"MJ文字図形名": "MJ026190"})
    with pytest.raises(BadReference, match=r"edition 006\.01, not 006\.02"):
        read_sheet(content, "mji.00601.csv", "MJ", edition="006.02")


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("MJ文字図形名", "MJ026190", "is not GJ and six digits"),
        ("MJ文字図形名", "GJ12345", "is not GJ and six digits"),
        ("MJ文字図形名", "", "no name"),
        ("対応するUCS", "9089", "is no code point"),
        ("実装したUCS", "U+D800", "is no code point"),
        ("実装したUCS", "U+110000", "is no code point"),
        ("実装したMoji_JohoコレクションIVS", "9089", "is no variation sequence"),
        ("実装したMoji_JohoコレクションIVS", "9089_FE00", "is no variation sequence"),
        ("実装したSVS", "9089_E0100", "is no variation sequence"),
        ("住基ネット統一文字コード", "U+9089", "is not how this column is written"),
        ("住基ネット統一文字コード", "J+90", "is not how this column is written"),
        ("戸籍統一文字番号", "12345678", "is not how this column is written"),
        ("X0213", "2002/3/2", "is not how this column is written"),
        ("総画数(参考)", "十七", "is not a number"),
        ("部首1(参考)", "215", "is not a number from 1 to 214"),
    ],
)
def test_a_bad_cell_is_refused_with_its_row_and_column(
    column: str, value: str, message: str
) -> None:
    good = BEB | {"MJ文字図形名": "GJ000001"}
    error = refused(as_csv(good, BEB | {column: value}))
    assert message in error.text.en
    assert error.where is not None
    assert (error.where.file, error.where.record, error.where.field) == ("gj.csv", 3, column)


def test_a_name_that_comes_twice_is_refused_with_both_rows() -> None:
    error = refused(as_csv(BEB, BEB))
    assert "stands in row 2 already" in error.text.en
    assert error.where is not None
    assert error.where.record == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (as_csv({"対応するUCS": "U+9089"}, header=["対応するUCS"]), "No header row"),
        (as_csv({"MJ文字図形名": "GJ000123"}, header=["MJ文字図形名"]), "No header row"),
        (as_csv(BEB, header=[*HEADER, "X0213包摂連番"]), "comes twice"),
        (as_csv(), "no row of a character"),
        (b"", "No header row"),
        (as_csv(BEB, encoding="utf-16"), "UTF-16 is not read"),
        (as_csv(BEB)[:3] + "外字".encode("cp932"), "neither UTF-8 nor CP932"),
        (b"PK\x03\x04 and no more", "no xlsx workbook"),
        (as_xlsx(["MJ文字図形名", "対応するUCS"])[:-30], "no xlsx workbook"),
    ],
)
def test_a_file_that_is_no_reference_list_is_refused(content: bytes, message: str) -> None:
    assert message in refused(content).text.en


def test_a_code_that_the_spreadsheet_made_a_date_is_refused_with_its_row() -> None:
    date = datetime.datetime(2002, 3, 2, tzinfo=datetime.UTC).replace(tzinfo=None)
    content = as_xlsx(["MJ文字図形名", "対応するUCS", "X0213"], ["GJ000123", "U+9089", date])
    error = refused(content, "gj.xlsx")
    assert "date 2002-03-02" in error.text.en
    assert error.where is not None
    assert error.where.record == 2


def test_a_workbook_that_unpacks_beyond_the_limit_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 3_000_000)
    monkeypatch.setattr("gaiji.data.sheet.UNPACKED_LIMIT_BYTES", 2_000_000)
    assert "unpacks to more than the limit" in refused(bomb.getvalue(), "gj.xlsx").text.en


def test_a_workbook_whose_row_number_leaps_is_refused_at_the_row_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = io.BytesIO(as_xlsx(["MJ文字図形名", "対応するUCS"], ["GJ000123", "U+9089"]))
    leaping = io.BytesIO()
    with zipfile.ZipFile(original) as old, zipfile.ZipFile(leaping, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content.replace(b'r="2"', b'r="1000000"'))
    monkeypatch.setattr("gaiji.data.sheet.ROW_LIMIT", 1_000)
    assert "more than 1000 rows" in refused(leaping.getvalue(), "gj.xlsx").text.en
