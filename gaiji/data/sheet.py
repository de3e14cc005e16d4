"""Read a reference set's list from CSV or xlsx (基準文字一覧表の取込み).

The official MJ spreadsheet, a newer edition of it, or another namespace with the same columns (`GJ`).
Column names are recognised with and without `(参考)`, spaces, underscores and full-width forms, in any
order; a title above the header is skipped. Nothing is guessed: one bad cell refuses the whole file.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any, Final

from gaiji.data import IVS_FIRST, SVS_FIRST, MjRow, RadicalRow, ReadingRow, SequenceRow
from gaiji.errors import BadReference, Where

FILE_LIMIT_BYTES = 64 << 20
UNPACKED_LIMIT_BYTES = 512 << 20
ROW_LIMIT = 200_000
COLUMN_LIMIT = 200
CELL_LIMIT = 4_000
HEADER_WITHIN_ROWS = 20

COLUMNS: Final = {
    "MJ文字図形名": "name",
    "対応するUCS": "ucs",
    "実装したUCS": "own_ucs",
    "実装したMoji_JohoコレクションIVS": "ivs",
    "実装したSVS": "svs",
    "戸籍統一文字番号": "koseki",
    "住基ネット統一文字コード": "juki",
    "入管正字コード": "nyukan_seiji",
    "入管外字コード": "nyukan_gaiji",
    "漢字施策": "kanji_policy",
    "対応する互換漢字": "compatibility",
    "X0213": "x0213",
    "X0213 包摂連番": "x0213_rule",
    "X0213 包摂区分": "x0213_class",
    "X0212": "x0212",
    "MJ文字図形バージョン": "version",
    "登記統一文字番号(参考)": "touki",
    "総画数(参考)": "strokes",
    "大漢和": "daikanwa",
    "日本語漢字辞典": "nihongo_kanji_jiten",
    "新大字典": "shin_daijiten",
    "大字源": "daijigen",
    "大漢語林": "daikangorin",
    "備考": "remarks",
}
"""The official column names (列名) of the MJ list and the fields of `MjRow` they fill."""

BESIDE: Final = {
    "読み(参考)": "readings",
    **{f"部首{n}(参考)": f"radical{n}" for n in range(1, 5)},
    **{f"内画数{n}(参考)": f"radical_strokes{n}" for n in range(1, 5)},
    "部首": "radical1",
    "内画数": "radical_strokes1",
}
UNUSED: Final = {"図形", "font", "更新履歴"}
NEEDED: Final = ("name", "ucs")


@dataclass(frozen=True)
class ReferenceSheet:
    """A reference set's list as read (読み取った一覧表).

    edition: from the file's name or title, e.g. `006.02`; None when neither tells it.
    sequences: variation sequences beyond the first of their character (a few have two).
    unread: columns whose names mean nothing here.
    """

    namespace: str
    edition: str | None
    characters: tuple[MjRow, ...]
    readings: tuple[ReadingRow, ...]
    radicals: tuple[RadicalRow, ...]
    sequences: tuple[SequenceRow, ...]
    unread: tuple[str, ...]


@dataclass
class _Gathered:
    characters: dict[str, tuple[int, MjRow]] = field(default_factory=dict)
    readings: list[ReadingRow] = field(default_factory=list)
    radicals: list[RadicalRow] = field(default_factory=list)
    sequences: list[SequenceRow] = field(default_factory=list)


def read_sheet(
    data: bytes, file_name: str, namespace: str = "MJ", *, edition: str | None = None
) -> ReferenceSheet:
    """Return the rows of a reference list (基準文字一覧表), all of them or none.

    data: CSV (UTF-8 with or without BOM, or CP932; comma or tab) or xlsx. namespace: two capitals; every
    name must be that and six digits. edition: the one expected; a file that says another is refused.
    Raises BadReference with file, row (from 1, as the spreadsheet counts) and column.
    """
    if len(data) > FILE_LIMIT_BYTES:
        raise _bad(file_name, "ファイルが大きすぎます", "The file is too large")
    rows = _xlsx(data, file_name) if data[:4] == b"PK\x03\x04" else _csv(data, file_name)
    title: list[str] = []
    header, columns, unread = _header(rows, file_name, namespace, title)
    told = _edition(file_name, title)
    if edition is not None and told is not None and told != edition:
        raise _bad(
            file_name,
            f"{edition}版ではなく{told}版の一覧表です",
            f"This is edition {told}, not {edition}",
        )
    found = _Gathered()
    for record, cells in rows:
        if record > ROW_LIMIT:
            raise _too_many_rows(file_name)
        values = {name: cells[at] for name, at in columns.items() if at < len(cells) and cells[at]}
        if values:
            _gather(found, values, _Row(file_name, record, header, columns), namespace)
    if not found.characters:
        raise _bad(file_name, "文字の行がありません", "There is no row of a character")
    return ReferenceSheet(
        namespace,
        edition or told,
        tuple(row for _, row in found.characters.values()),
        tuple(found.readings),
        tuple(found.radicals),
        tuple(found.sequences),
        unread,
    )


# --- one row


@dataclass(frozen=True)
class _Row:
    """Where a value stands, to say so in an error."""

    file: str
    record: int
    header: list[str]
    columns: dict[str, int]

    def bad(self, name: str, ja: str, en: str) -> BadReference:
        return _bad(self.file, ja, en, self.record, self.header[self.columns[name]])


def _gather(found: _Gathered, values: dict[str, str], row: _Row, namespace: str) -> None:
    name = values.get("name")
    if name is None:
        raise row.bad("name", "文字図形名がありません", "The row has no name")
    if not re.fullmatch(rf"{namespace}[0-9]{{6}}", name):
        raise row.bad(
            "name",
            f"「{name[:20]}」は{namespace}と6桁の数字ではありません",
            f"{name[:20]!r} is not {namespace} and six digits",
        )
    if name in found.characters:
        first = found.characters[name][0]
        raise row.bad(
            "name", f"{name}は{first}行目にもあります", f"{name} stands in row {first} already"
        )
    fields: dict[str, Any] = {}
    for key, value in values.items():
        if key in MjRow._fields:
            fields[key] = _value(key, value, row)
    sequences = fields.get("ivs") or []
    fields |= {"ivs": sequences[0] if sequences else None}
    fields |= {"svs": (fields.get("svs") or [None])[0]}
    found.characters[name] = (row.record, MjRow(**fields))
    found.sequences += [SequenceRow("Moji_Joho", text, name) for text in sequences[1:]]
    for reading in re.split(r"[・、;；\s]+", values.get("readings", "")):
        if reading:
            found.readings.append(ReadingRow(name, reading))
    for n in range(1, 5):
        if f"radical{n}" in values:
            found.radicals.append(_radical(name, n, values, row))


def _radical(name: str, n: int, values: dict[str, str], row: _Row) -> RadicalRow:
    radical = values[f"radical{n}"]
    strokes = values.get(f"radical_strokes{n}", "-")
    if not (radical.isascii() and radical.isdecimal() and 1 <= int(radical) <= 214):
        raise row.bad(
            f"radical{n}", f"部首「{radical[:20]}」は1から214の数ではありません",
            f"The radical {radical[:20]!r} is not a number from 1 to 214",
        )  # fmt: skip
    if strokes == "-":
        return RadicalRow(name, int(radical), None)
    return RadicalRow(name, int(radical), _number(strokes, row, f"radical_strokes{n}"))


def _value(key: str, value: str, row: _Row) -> Any:
    if key in READERS:
        return READERS[key](value, row, key)
    if key not in PATTERNS:
        return value
    width, pattern = PATTERNS[key]
    text = value.zfill(width) if value.isascii() and value.isdecimal() else value
    if not re.fullmatch(pattern, text):
        raise row.bad(
            key, f"「{value[:20]}」はこの列の書き方ではありません",
            f"{value[:20]!r} is not how this column is written",
        )  # fmt: skip
    return text


def _ucs(value: str, row: _Row, key: str) -> str:
    hexadecimal = re.fullmatch(r"U\+([0-9A-Fa-f]{4,6})", value)
    code = int(hexadecimal[1], 16) if hexadecimal else ord(value) if len(value) == 1 else -1
    if not 0x80 <= code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        raise row.bad(
            key, f"「{value[:20]}」はU+9089のような符号位置ではありません",
            f"{value[:20]!r} is no code point such as U+9089",
        )  # fmt: skip
    return chr(code)


def _sequences(value: str, row: _Row, key: str, *, first: int, count: int) -> list[str]:
    found = []
    for text in re.split(r"[;；,、・\s]+", value):
        parts = re.fullmatch(r"<?([0-9A-Fa-f]{4,6})[_ ]([0-9A-Fa-f]{4,6})>?", text)
        codes = [int(part, 16) for part in parts.groups()] if parts else [ord(c) for c in text]
        if len(codes) != 2 or not first <= codes[1] < first + count or codes[0] > 0x10FFFF:
            raise row.bad(
                key, f"「{text[:20]}」は9089_E010Fのような異体字シーケンスではありません",
                f"{text[:20]!r} is no variation sequence such as 9089_E010F",
            )  # fmt: skip
        found.append(chr(codes[0]) + chr(codes[1]))
    return found


def _number(value: str, row: _Row, key: str) -> int:
    if not (value.isascii() and value.isdecimal() and len(value) <= 3):
        raise row.bad(key, f"「{value[:20]}」は数ではありません", f"{value[:20]!r} is not a number")
    return int(value)


READERS: Final[dict[str, Callable[[str, _Row, str], Any]]] = {
    "ucs": _ucs,
    "own_ucs": _ucs,
    "compatibility": _ucs,
    "ivs": partial(_sequences, first=IVS_FIRST, count=240),
    "svs": partial(_sequences, first=SVS_FIRST, count=16),
    "x0213_class": _number,
    "strokes": _number,
}
PATTERNS: Final = {
    "koseki": (6, r"[0-9]{6}"),
    "touki": (8, r"[0-9]{8}"),
    "juki": (0, r"J\+[0-9A-F]{4,5}"),
    "nyukan_seiji": (0, r"0x[0-9A-F]{4,5}"),
    "nyukan_gaiji": (0, r"0x[0-9A-F]{4,5}"),
    "x0213": (0, r"[12]-[0-9]{2}-[0-9]{2}"),
    "x0212": (0, r"[0-9]{2}-[0-9]{2}"),
}


# --- header and edition


def _header(
    rows: Iterator[tuple[int, list[str]]], file: str, namespace: str, title: list[str]
) -> tuple[list[str], dict[str, int], tuple[str, ...]]:
    """Take rows up to the header; return it, the place of each known field, and the unknown names."""
    known = {_plain(name): fields for name, fields in (COLUMNS | BESIDE).items()}
    known |= {_plain(f"{namespace}文字図形名"): "name", "文字図形名": "name"}
    for record, cells in rows:
        places: dict[str, int] = {}
        for at, cell in enumerate(cells):
            name = known.get(_plain(cell))
            if name in places:
                raise _bad(file, f"列「{cell}」が二つあります", f"The column {cell} comes twice")
            if name is not None:
                places[name] = at
        if all(name in places for name in NEEDED):
            known_names = known.keys() | {_plain(name) for name in UNUSED}
            return cells, places, tuple(c for c in cells if c and _plain(c) not in known_names)
        title += cells
        if "name" in places or record >= HEADER_WITHIN_ROWS:
            break
    raise _bad(
        file,
        f"列「{namespace}文字図形名」と「対応するUCS」がそろった見出し行がありません",
        f"No header row has the columns {namespace}文字図形名 and 対応するUCS",
    )


def _plain(name: str) -> str:
    """Return a column name without the differences that spreadsheets make in it."""
    text = re.sub(r"[\s_]", "", unicodedata.normalize("NFKC", name)).removesuffix("(参考)")
    return text.casefold()


def _edition(file: str, title: Iterable[str]) -> str | None:
    named = re.search(r"\.(0[0-9]{2})([0-9]{2})[.-]", file)
    if named:
        return f"{named[1]}.{named[2]}"
    titled = re.search(r"Ver\.? ?([0-9]{3}\.[0-9]{2})", " ".join(title), re.IGNORECASE)
    return titled[1] if titled else None


# --- rows of text, as (row number from 1, cells)


def _csv(data: bytes, file: str) -> Iterator[tuple[int, list[str]]]:
    text = _decode(data, file)
    first = text.split("\n", 1)[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",")
    start = 1
    try:
        for cells in reader:
            yield start, _cells(cells, file, start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise _bad(file, "CSVとして読めません", "This is no CSV", start) from error


def _decode(data: bytes, file: str) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise _bad(file, "UTF-16は読めません", "UTF-16 is not read")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as not_utf8:
        try:
            return data.decode("cp932")
        except UnicodeDecodeError as error:
            offset = not_utf8.start if data.startswith(b"\xef\xbb\xbf") else error.start
            raise BadReference(
                "UTF-8でもCP932でもありません。CSV UTF-8で保存し直してください。",
                "This is neither UTF-8 nor CP932; save it again as CSV UTF-8.",
                where=Where(file=file, byte_offset=offset),
            ) from error


def _xlsx(data: bytes, file: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of the first sheet. openpyxl raises whatever its parsers raise, hence the wide except."""
    import openpyxl  # a third of the start-up of every command, needed by this one alone

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > UNPACKED_LIMIT_BYTES:
            raise _bad(file, "展開後の大きさが上限を超えます", "It unpacks to more than the limit")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
            sheet = book.worksheets[0]
            sheet.reset_dimensions()
            rows = []
            for record, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
                if record > ROW_LIMIT:
                    raise _too_many_rows(file)
                rows.append((record, _cells(cells, file, record)))
    except BadReference:
        raise
    except Exception as error:
        raise _bad(file, "xlsxとして読めません", "This is no xlsx workbook") from error
    return iter(rows)


def _cells(cells: Iterable[Any], file: str, record: int) -> list[str]:
    texts = [_text(cell, file, record) for cell in cells]
    if len(texts) > COLUMN_LIMIT or any(len(text) > CELL_LIMIT for text in texts):
        raise _bad(file, "列が多すぎるか長すぎます", "Too many or too long columns", record)
    return texts


def _text(cell: Any, file: str, record: int) -> str:
    if isinstance(cell, date):
        raise _bad(
            file,
            f"表計算ソフトがコードを日付 {cell:%Y-%m-%d} に変えています",
            f"The spreadsheet turned a code into the date {cell:%Y-%m-%d}",
            record,
        )
    if isinstance(cell, float):
        return f"{cell:g}" if cell != int(cell) else str(int(cell))
    return "" if cell is None else str(cell).strip()


def _too_many_rows(file: str) -> BadReference:
    return _bad(file, f"{ROW_LIMIT}行を超えています", f"There are more than {ROW_LIMIT} rows")


def _bad(
    file: str, ja: str, en: str, record: int | None = None, column: str | None = None
) -> BadReference:
    return BadReference(
        f"{ja}。一覧表を直して取り込み直してください。何も変えていません。",
        f"{en}; mend the list and import it again; nothing was changed.",
        where=Where(file=file, record=record, field=column),
    )
