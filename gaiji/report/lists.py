"""Lists by business system for people and programs (業務システム別の一覧): CSV, CSV for Excel, JSON, text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from gaiji.errors import Text
from gaiji.registry.db import Session
from gaiji.registry.lists import Wanted, listed
from gaiji.report.spreadsheets import ListFormat, csv_lines, json_lines
from gaiji.report.tables import aligned, listed_text
from gaiji.wire.lists import COLUMNS, TableName

SHOWN = 40
"""Rows shown on a terminal."""
TABLE_NAMES: dict[TableName, Text] = {
    "codes": Text("外字コード", "Local codes"),
    "characters": Text("共通文字", "Shared characters"),
    "residuals": Text("残存外字", "Residual characters"),
    "decisions": Text("決定", "Decisions"),
    "files": Text("受け入れた・数えたファイル", "Files taken in and counted"),
    "adoptions": Text("適用状況", "Adoptions"),
}
COLUMN_NAMES = {
    "codeset": Text("外字セット", "Code set"),
    "system": Text("業務システム", "System"),
    "group": Text("区分", "Group"),
    "charset": Text("文字コード体系", "Charset"),
    "code": Text("外字コード", "Code"),
    "image": Text("像", "Image"),
    "valid_from": Text("使用開始日", "Valid from"),
    "valid_to": Text("使用終了日", "Valid to"),
    "status": Text("状況", "Status"),
    "character": Text("共通文字", "Character"),
    "text": Text("文字", "Text"),
    "juki": Text("住基ネット統一文字コード", "Juki code"),
    "relationship": Text("関係", "Relationship"),
    "ground": Text("根拠", "Ground"),
    "actor": Text("行為者", "Actor"),
    "pending": Text("未公布", "Pending"),
    "proposals": Text("提案", "Proposals"),
    "listed": Text("市の一覧", "City's list"),
    "glyph": Text("字形のsha256", "Glyph sha256"),
    "uses": Text("出現数(のべ)", "Occurrences"),
    "uncounted": Text("未集計の外字セット", "Code sets not counted"),
    "ucs": Text("UCS", "UCS"),
    "x0213": Text("JIS X 0213", "JIS X 0213"),
    "koseki": Text("戸籍統一文字番号", "Koseki number"),
    "strokes": Text("総画数", "Strokes"),
    "readings": Text("読み", "Readings"),
    "codes": Text("外字数", "Codes"),
    "substitutes": Text("うち代替", "Substitutes"),
    "members": Text("市の数", "Members"),
    "where": Text("使っているコード", "Where"),
    "serial": Text("通番", "Serial"),
    "at": Text("日時(UTC)", "At (UTC)"),
    "policy": Text("決定方針", "Policy"),
    "how": Text("資料", "How"),
    "since": Text("公布した版", "Since release"),
    "until": Text("終わる版", "Until release"),
    "kind": Text("種類", "Kind"),
    "role": Text("役割", "Role"),
    "name": Text("ファイル名", "File name"),
    "sha256": Text("sha256", "sha256"),
    "size": Text("バイト数", "Bytes"),
    "as_of": Text("時点", "As of"),
    "site": Text("適用先", "Site"),
    "member": Text("構成市", "Member"),
    "codesets": Text("外字セット", "Code sets"),
    "release": Text("版", "Release"),
    "from": Text("適用日", "From"),
    "behind": Text("新しい版あり", "Behind"),
    "font": Text("配布フォントのsha256", "Font sha256"),
    "by": Text("記録者", "By"),
}
STATUS_NAMES = {
    "fit": Text("適合", "fit"),
    "substitute": Text("縮退・代替", "substitute"),
    "undecided": Text("未決定", "undecided"),
}
USAGE_NAMES = {
    "used": Text("使用あり", "used"),
    "unused": Text("数えたファイルに現れない", "not seen in counted files"),
    "uncounted": Text("未集計", "not counted"),
}
NARROW: dict[TableName, tuple[str, ...]] = {
    "codes": ("codeset", "code", "status", "character", "juki", "proposals", "uses"),
    "characters": (
        *("character", "ucs", "juki", "codes", "substitutes", "members", "uses", "uncounted"),
    ),
    "residuals": (
        *("character", "ucs", "codes", "substitutes", "members", "uses", "uncounted", "where"),
    ),
    "decisions": ("serial", "codeset", "code", "character", "relationship", "how", "actor"),
    "files": ("serial", "codeset", "kind", "role", "name", "size", "sha256"),
    "adoptions": ("site", "release", "from", "behind", "by"),
}
"""Columns that are shown to people at a glance; files have all."""


def cell(name: str, value: Any) -> str:
    """Return a value as one cell of a table for people."""
    if value is None:
        return str(Text("未集計", "not counted")) if name == "uses" else ""
    if name == "listed":
        return listed_text(value)
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, list):
        return " ".join(map(str, value))
    return str(value)


def exported(
    session: Session, table: TableName, wanted: Wanted, form: ListFormat
) -> Iterator[bytes]:
    """Yield a whole list as a file, piece by piece (一覧のファイル).

    csv and json have the columns' own names and every value as it is, an empty cell where there is none; excel has
    headings in the current language and cells that a spreadsheet never runs. Raises as `listed`, before any piece.
    """
    rows = (row for _, row in listed(session, table, wanted))
    columns = COLUMNS[table]
    if form == "json":
        return json_lines({"table": table, "release": wanted.release, "columns": columns}, rows)
    if form == "excel":
        header = [str(COLUMN_NAMES[name]) for name in columns]
        return csv_lines(
            header, ([cell(name, row[name]) for name in columns] for row in rows), form
        )
    return csv_lines(columns, ([_plain(row[name]) for name in columns] for row in rows), form)


def _plain(value: Any) -> str:
    """Return a value for a program: nothing for none, a list by blanks, listed things as they are written."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return str(value)


def as_text(
    session: Session, table: TableName, wanted: Wanted, limit: int | None = SHOWN
) -> Iterator[str]:
    """Yield the lines of a list for a terminal, at most `limit` rows (None: all)."""
    columns = NARROW[table]
    rows: Iterable[dict[str, Any]] = (row for _, row in listed(session, table, wanted))
    shown = list(islice(rows, limit))
    cells = [[_short(name, cell(name, row[name])) for name in columns] for row in shown]
    right = [
        place
        for place, name in enumerate(columns)
        if name
        in ("uses", "codes", "substitutes", "members", "serial", "size", "release", "uncounted")
    ]
    if not cells:
        yield str(Text("該当する行はありません。", "No row fits."))
        return
    yield from aligned([COLUMN_NAMES[name] for name in columns], cells, right)
    if next(iter(rows), None) is not None:
        more = Text(
            "続きがあります。すべて見るには --format csv か json か excel に --out を付けてください。",
            "There is more; see all of it with --format csv, json or excel and --out.",
        )
        yield str(more)


def _short(name: str, text: str) -> str:
    if name in ("sha256", "font", "glyph"):
        return text[:16]
    return text if len(text) <= 60 else text[:59] + "…"
