"""Layouts from definition tables (項目定義の取込み), such as those of 中間標準レイアウト仕様, as CSV.

The table has a header and a row for each item. Its columns are found by their names, as systems and vendors write them
(項目番号, 項目名, 桁数, 型, …); what is not needed is left alone. A type decides what becomes of an item in a fixed
record: text converts, numbers and dates stay as they are. In a table everything is written in characters, and converts.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

from gaiji.charset.records.layout import CodeMode, FieldKind, Layout
from gaiji.charset.records.layoutfile import read_layout
from gaiji.errors import BadTable, Where

COLUMNS = {
    "number": ("項目番号", "項番", "no", "番号"),
    "name": ("項目名", "項目名称", "データ項目名", "日本語名", "name"),
    "digits": ("桁数", "バイト数", "長さ", "最大桁数", "サイズ", "length"),
    "type": ("型", "データ型", "属性", "タイプ", "type"),
    "unit": ("単位", "桁数単位", "unit"),
    "offset": ("開始位置", "位置", "offset"),
}
"""Names of the columns that are understood, compared without width, case and blanks."""

TYPES: dict[str, tuple[FieldKind, CodeMode, int]] = {
    **dict.fromkeys(
        ("x", "半角", "英数", "英数字", "半角英数", "半角文字", "char"), ("text", "single", 1)
    ),
    **dict.fromkeys(("カナ", "半角カナ", "k", "カナ文字"), ("text", "single", 1)),
    **dict.fromkeys(("n", "全角", "日本語", "漢字", "全角文字", "nchar"), ("text", "double", 2)),
    **dict.fromkeys(("文字", "文字列", "混在", "xn", "varchar", "m"), ("text", "mixed", 1)),
    **dict.fromkeys(
        ("9", "数字", "数値", "半角数字", "日付", "コード", "date"), ("number", "single", 1)
    ),
    **dict.fromkeys(("s9", "符号付", "符号付数字", "ゾーン", "signed"), ("signed", "single", 1)),
    **dict.fromkeys(("p9", "パック", "comp-3", "packed"), ("packed", "single", 1)),
    **dict.fromkeys(("b", "バイナリ", "comp", "予備", "filler", "binary"), ("binary", "single", 1)),
}
"""What a type means: kind, mode and bytes per digit where digits are characters."""


class Item(NamedTuple):
    """One row of a definition: name, kind, mode, bytes in a fixed record, offset from 0 where it is told."""

    name: str
    kind: FieldKind
    mode: CodeMode
    length: int
    offset: int | None


def import_definition(
    data: bytes,
    *,
    kind: str = "csv",
    name: str = "imported",
    note: str = "",
    widths: bool = False,
    file: str | None = None,
) -> str:
    """Return the TOML of a layout for a definition table (項目定義の取込み), checked.

    data: CSV in UTF-8 or CP932. kind: of the files it defines: csv, tsv or fixed. widths: of a table, text that is
    wider than its item allows (半角1・全角2) is an error. Raises BadTable with the record for a table without names, an
    unknown type or a length that is none; BadLayout for fields that do not go together.
    """
    items = list(_items(_rows(data, file), file))
    if not items:
        raise _bad(
            file,
            None,
            "項目が一つもありません。ファイルを確かめてください。",
            "There is no item in it; check the file.",
        )
    text = "".join(_toml(items, kind, name, note, widths))
    read_layout(text.encode(), file)
    return text


def described(layout: Layout) -> list[list[object]]:
    """Return a layout's fields for people: name, kind, mode, place, length."""
    rows: list[list[object]] = []
    for number, one in enumerate(layout.fields, 1):
        place = (one.column or number) if layout.is_table else one.offset
        mode = one.mode if one.is_text and not layout.is_table else None
        rows.append([one.name, one.kind, mode, place, one.length or None])
    return rows


def _rows(data: bytes, file: str | None) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp932")
        except UnicodeDecodeError:
            raise _bad(
                file,
                None,
                "UTF-8 でも CP932 でもありません。保存し直してください。",
                "It is neither UTF-8 nor CP932; save it again.",
            ) from None
    try:
        return list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise _bad(
            file,
            None,
            f"CSV として読めません ({error})。直してください。",
            f"It is no CSV ({error}); correct it.",
        ) from None


def _items(rows: list[list[str]], file: str | None) -> Iterator[Item]:
    known = {_plain(name): key for key, names in COLUMNS.items() for name in names}
    places: dict[str, int] = {}
    below = 0
    while below < len(rows) and not {"name", "digits", "type"} <= set(places):
        header = [known.get(_plain(cell)) for cell in rows[below]]
        places = {key: header.index(key) for key in header if key}
        below += 1
    if not {"name", "digits", "type"} <= set(places):
        raise _bad(
            file,
            None,
            "項目名・桁数・型の見出しがありません。見出しの行を確かめてください。",
            "There is no header with 項目名, 桁数 and 型; check the header row.",
        )
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[below:], below + 1):
        cells = {key: row[index].strip() for key, index in places.items() if index < len(row)}
        name = cells.get("name", "")
        if not name:
            continue
        item = _item(name, cells, number, file)
        seen[name] = seen.get(name, 0) + 1
        yield item if seen[name] == 1 else item._replace(name=f"{name}({seen[name]})")


def _item(name: str, cells: dict[str, str], number: int, file: str | None) -> Item:
    digits = unicodedata.normalize("NFKC", cells.get("digits", ""))
    if not digits.isdecimal() or not 0 < int(digits) <= 1 << 20:
        raise _bad(
            file,
            number,
            f"項目「{name}」の桁数「{digits}」は数ではありません。直してください。",
            f"The length {digits!r} of item {name!r} is no number; correct it.",
        )
    found = TYPES.get(_plain(cells.get("type", "")))
    if found is None:
        raise _bad(
            file,
            number,
            f"項目「{name}」の型「{cells.get('type', '')}」が分かりません。"
            "半角・全角・文字・数字・日付などにしてください。",
            f"The type {cells.get('type', '')!r} of item {name!r} is not known; write 半角, 全角, 文字, 数字, 日付 …",
        )
    kind, mode, size = found
    if "byte" in _plain(cells.get("unit", "")) or "バイト" in _plain(cells.get("unit", "")):
        size = 1
    length = int(digits) * size
    if kind == "packed":
        length = length // 2 + 1
    offset = unicodedata.normalize("NFKC", cells.get("offset", ""))
    return Item(name, kind, mode, length, int(offset) - 1 if offset.isdecimal() else None)


def _plain(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def _toml(items: list[Item], kind: str, name: str, note: str, widths: bool) -> Iterator[str]:
    yield f"# {len(items)} 項目の定義から作ったレイアウト / made from a definition of {len(items)} items\n"
    yield f"name = {_quoted(name)}\nkind = {_quoted(kind)}\n"
    yield f"note = {_quoted(note)}\n" if note else ""
    if kind != "fixed":
        yield f"\n[table]\ncolumns = {len(items)}\n"
    for number, item in enumerate(items, 1):
        yield f"\n[[field]]\nname = {_quoted(item.name)}\n"
        if kind != "fixed":
            yield f"column = {number}\n"
            if widths:
                yield f'[field.target]\nwidth = {item.length}\nunit = "columns"\n'
            continue
        yield f'kind = "{item.kind}"\n' if item.kind != "text" else ""
        yield f"offset = {item.offset}\n" if item.offset is not None else ""
        yield f"length = {item.length}\n"
        yield f'mode = "{item.mode}"\n' if item.kind == "text" else ""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _bad(file: str | None, record: int | None, ja: str, en: str) -> BadTable:
    return BadTable(ja, en, where=Where(file, record))
