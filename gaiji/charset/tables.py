"""A city's own tables (自治体の表): its list of gaiji and its CS-server table as CSV, and safe CSV for export.

A table is read whole and is all or nothing: every error is collected with its record (the line a record
begins on) and field, and one BadTable or CodeOutsideArea carries them. Doubts are findings beside the rows.
Nothing here decides what a code means; the rows are what the city says.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from gaiji.charset import notations
from gaiji.charset.cells import guarded, unguarded
from gaiji.charset.charsets import Charset
from gaiji.charset.notations import Problems, is_private
from gaiji.charset.vendor import VendorTable, read_vendor_table, write_fujitsu, write_hulft
from gaiji.errors import BadName, BadTable, CodeOutsideArea, Text, UnsupportedConversion, Where
from gaiji.wire.findings import Finding, Level

__all__ = [
    "CsTable",
    "ListTable",
    "ListedCode",
    "VendorTable",
    "read_cs_table",
    "read_list",
    "read_vendor_table",
    "write_csv",
    "write_fujitsu",
    "write_hulft",
]

HEADER_WITHIN = 10
"""Lines in front of the column names that are passed over, such as a title."""


@dataclass(frozen=True)
class ListedCode:
    """One row of a city's list (外字一覧の行): a local code and what the city says about it.

    valid_from, valid_to: first and last day the code had this meaning in the city's data, open where None.
    ucs: one character; ivs: base and selector; image: the private-use point of a Unicode column, which is
    where the city draws the code and no evidence of a character. Numbers are in the reference set's forms:
    `MJ026190`, `445000`, `00445000`, `J+9089`, `1-47-82`.
    """

    record: int
    code: bytes
    valid_from: date | None = None
    valid_to: date | None = None
    mj: str | None = None
    koseki: str | None = None
    touki: str | None = None
    ucs: str | None = None
    ivs: str | None = None
    juki: str | None = None
    x0213: str | None = None
    readings: tuple[str, ...] = ()
    strokes: int | None = None
    radical: int | None = None
    remarks: str | None = None
    image: int | None = None


@dataclass(frozen=True)
class ListTable:
    """A city's list as read (外字一覧). columns: field by column name, as far as recognised."""

    rows: tuple[ListedCode, ...]
    findings: tuple[Finding, ...]
    encoding: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class CsTable:
    """A city's CS-server table (CSサーバー文字対応表): (record, local code, J+ code) of its user areas.

    It says what is transmitted, substitutions included; it proposes and does not prove.
    """

    rows: tuple[tuple[int, bytes, str], ...]
    findings: tuple[Finding, ...]


def read_list(data: bytes, file_name: str, charset: Charset) -> ListTable:
    """Return the rows of a city's list (外字一覧): CSV or tab-separated, CP932 or UTF-8, columns in any order.

    Raises BadTable (encoding, columns, notations, duplicate codes whose days overlap) and CodeOutsideArea
    when that is all that is wrong; their `findings` name every place.
    """
    sheet = _Sheet(data, file_name, ("code",))
    rows = [
        row for record, cells in sheet.rows() if (row := _listed(sheet, record, cells, charset))
    ]
    _one_meaning_a_day(rows, sheet.problems)
    return ListTable(tuple(rows), sheet.problems.settle(), sheet.encoding, sheet.columns)


def read_cs_table(
    data: bytes,
    file_name: str,
    charset: Charset,
    *,
    allowed: Container[int] | None = None,
    twice: Level = "error",
    is_stored: bool = False,
) -> CsTable:
    """Return the rows of a CS-server table (CSサーバー文字対応表): local code and J+ code.

    Codes outside the user-defined areas are standard characters and are left out with one warning, J+ codes
    outside the Juki-net repertoire with one each. allowed: code points outside it that a shared server gives out,
    however they are written (no J+ code lies among them), None where there is no server; twice: how grave it is when
    one code has two J+ codes, of which the first counts; is_stored: a table that was taken in long ago, in which
    `U+9089` was read as J+9089. Raises BadTable.
    """
    sheet = _Sheet(data, file_name, ("code", "juki"))
    problems = sheet.problems
    rows: dict[bytes, tuple[int, bytes, str]] = {}
    standard: list[int] = []
    for record, cells in sheet.rows():
        try:
            code = notations.local_code(cells.get("code", ""), charset)
        except CodeOutsideArea:
            standard.append(record)
            continue
        except BadName as error:
            problems.refused(error, record, sheet.header("code"), cells.get("code", ""))
            continue
        if is_stored and "juki" in cells:
            cells["juki"] = cells["juki"].replace("U+", "J+")
        juki = _point(cells.get("juki")) if allowed is not None else None
        juki = juki or _cell(sheet, record, cells, "juki", notations.juki)
        if juki is None:
            continue
        if int(juki[2:], 16) not in (allowed or ()) and not _in_repertoire(sheet, record, juki):
            continue
        first = rows.setdefault(code, (record, code, juki))
        if first[2] != juki:
            name = code.hex().upper()
            text = Text(
                f"{name} に {first[0]} 行目は {first[2]}、この行は {juki} を当てています。どちらかにしてください。",
                f"{name} has {first[2]} at line {first[0]} and {juki} here; keep one of them.",
            )
            problems.add("code-twice", twice, text, record, sheet.header("juki"), name)
    problems.skipped_standard(standard)
    return CsTable(tuple(rows.values()), problems.settle())


class _Sheet:
    """Records of a separated file with their fields recognised."""

    def __init__(self, data: bytes, file: str, needed: tuple[str, ...]) -> None:
        text, self.encoding = notations.decoded(data, file)
        self.problems = Problems(file)
        self._records = list(_records(text, file))
        self._at, self._fields = self._find_header(needed)
        self.columns = {field: self._names[at] for field, at in self._fields.items()}

    def header(self, field: str) -> str:
        """The column's name as the city writes it."""
        return self.columns[field]

    def _find_header(self, needed: tuple[str, ...]) -> tuple[int, dict[str, int]]:
        for at, (_, names) in enumerate(self._records[:HEADER_WITHIN]):
            fields = self._recognised(names)
            if all(field in fields for field in needed):
                self._names = names
                self._note_columns(at, fields)
                return at, fields
        names = self._records[0][1] if self._records else []
        lacking = "・".join(notations.COLUMNS[field][0] for field in needed)
        found = "、".join(name for name in names[:20] if name)[:200]
        raise BadTable(
            f"列「{lacking}」が見つかりません。見つかった列: {found or 'なし'}。1行目に列名を書いてください。",
            f"No column for {lacking} ({' and '.join(needed)}); columns found: {found or 'none'}. "
            "Write the column names in the first line.",
            where=Where(self.problems.file, self._records[0][0] if self._records else 1),
            columns=names,
        )

    @staticmethod
    def _recognised(names: list[str]) -> dict[str, int]:
        best: dict[str, tuple[int, int]] = {}
        for at, name in enumerate(names):
            if (known := notations.field_of(name)) and known[0] != "-":
                field, rank = known
                best[field] = min(best.get(field, (rank, at)), (rank, at))
        return {field: at for field, (_, at) in best.items()}

    def _note_columns(self, at: int, fields: dict[str, int]) -> None:
        if at:
            text = Text(
                f"列名の前の {at} 行は読み飛ばしました。",
                f"{at} lines before the column names were passed over.",
            )
            self.problems.add("lines-before-header", "warning", text, self._records[0][0])
        for place, name in enumerate(self._names):
            known = notations.field_of(name)
            if not name or place in fields.values() or (known and known[0] == "-"):
                continue
            text = (
                Text(
                    f"列「{name}」は使いません。同じ意味の列がほかにあります。",
                    f"Column {name!r} is not used; another one says the same.",
                )
                if known
                else Text(
                    f"列「{name}」の意味が分からないため使いません。",
                    f"Column {name!r} is not known and not used.",
                )
            )
            self.problems.add("column-not-used", "warning", text, self._records[at][0], name)

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each record that is not empty with its cells by field, spreadsheet guards taken off."""
        for record, cells in self._records[self._at + 1 :]:
            if len(cells) > len(self._names) and any(cells[len(self._names) :]):
                text = Text(
                    f"列が {len(cells)} 個あり、列名の {len(self._names)} 個より多いです。区切りを確かめてください。",
                    f"{len(cells)} cells under {len(self._names)} column names; check the separators.",
                )
                self.problems.add("cells", "error", text, record)
            elif any(cells):
                pairs = (
                    (field, cells[at]) for field, at in self._fields.items() if at < len(cells)
                )
                yield record, {field: cell for field, cell in pairs if cell}


def _records(text: str, file: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line it begins on, cells) for every record that is not blank."""
    head = text.lstrip("\r\n").split("\n", 1)[0]
    tab = head.count("\t") > head.count(",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tab else ",", strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield line, [unguarded(cell.strip(" \t\r\n")) for cell in cells]
            line = reader.line_num + 1
    except csv.Error as error:
        raise BadTable(
            "引用符の対応が合わず、表として読めません。二重引用符を直してください。",
            f"Not readable as a table ({error}); correct the quotation marks.",
            where=Where(file, line),
        ) from None


READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "valid_from": (notations.day, "2005-04-01"),
    "valid_to": (notations.day, "2005-04-01"),
    "mj": (notations.mj_name, "MJ026190"),
    "koseki": (notations.koseki, "445000"),
    "touki": (notations.touki, "00445000"),
    "ucs": (notations.characters, "U+9089"),
    "juki": (notations.juki, "J+9089"),
    "x0213": (notations.x0213, "1-47-82"),
    "readings": (notations.readings, "ヘン"),
    "strokes": (notations.strokes, "17"),
    "radical": (notations.radical, "162"),
    "remarks": (str, ""),
}
"""How each field of a list is read, with an example of its notation."""


def _cell(
    sheet: _Sheet, record: int, cells: dict[str, str], field: str, read: Callable[[str], Any]
) -> Any:
    """Return a cell's value, None where it is empty or could not be read, which is noted."""
    cell = cells.get(field)
    if cell is None:
        return None
    try:
        return read(cell)
    except ValueError:
        example = READERS[field][1] if field in READERS else "9089_E010F"
        text = Text(
            f"「{cell[:30]}」は{sheet.header(field)}の書き方ではありません。{example} のように書いてください。",
            f"{cell[:30]!r} is not how {sheet.header(field)} is written; write it like {example}.",
        )
        sheet.problems.add(
            "bad-notation", "error", text, record, sheet.header(field), cells.get("code")
        )
        return None


def _point(cell: str | None) -> str | None:
    """Return a code point of the private-use area as `U+E000` where a cell says one, as servers give them out."""
    written = re.sub(r"\s", "", notations.folded(cell or ""))
    found = re.fullmatch(r"(?:U\+|J\+?|0X)?([0-9A-F]{4})", written)
    return f"U+{found[1]}" if found and is_private(int(found[1], 16)) else None


def _in_repertoire(sheet: _Sheet, record: int, juki: str) -> bool:
    if notations.in_juki(juki):
        return True
    text = Text(
        f"{juki} は住基ネット統一文字の範囲の外のため使いません。",
        f"{juki} lies outside the Juki-net repertoire and is not used.",
    )
    sheet.problems.add("outside-juki", "warning", text, record, sheet.header("juki"), juki)
    return False


def _listed(
    sheet: _Sheet, record: int, cells: dict[str, str], charset: Charset
) -> ListedCode | None:
    problems, name = sheet.problems, sheet.header("code")
    code: bytes | None = None
    try:
        code = notations.local_code(cells.get("code", ""), charset)
    except (BadName, CodeOutsideArea) as error:
        problems.refused(error, record, name, cells.get("code", ""))
    values = {
        field: _cell(sheet, record, cells, field, read)
        for field, (read, _) in READERS.items()
        if field in cells and field != "radical"
    }
    values["radical"] = _radical(sheet, record, cells)
    ucs = values.pop("ucs", None)
    ivs = _cell(
        sheet, record, cells, "ivs", lambda cell: notations.variation(cell, ucs and ucs.base)
    )
    if ucs and is_private(ord(ucs.base)):
        values["image"] = ord(ucs.base)
    elif ucs:
        values["ucs"], values["ivs"] = ucs
    if ivs:
        values["ivs"] = ivs.sequence
        values.setdefault("ucs", ivs.base)
        if values["ucs"] != ivs.base:
            text = Text(
                "UCSとIVSの基底文字が違います。両方を候補にします。",
                "UCS and the base of the IVS differ; both are proposed.",
            )
            problems.add(
                "ucs-ivs-differ", "warning", text, record, sheet.header("ivs"), cells.get("code")
            )
    if values.get("juki") and not _in_repertoire(sheet, record, values["juki"]):
        values["juki"] = None
    values["readings"] = values.get("readings") or ()
    return None if code is None else ListedCode(record, code, **values)


def _radical(sheet: _Sheet, record: int, cells: dict[str, str]) -> int | None:
    """A radical may be given by a name (しんにょう) that no table knows: then it is left out, with a warning."""
    try:
        return notations.radical(cells["radical"]) if "radical" in cells else None
    except ValueError:
        text = Text(
            f"部首「{cells['radical'][:20]}」が分からないため使いません。部首番号 (1～214) なら使えます。",
            f"Radical {cells['radical'][:20]!r} is not known and not used; a number from 1 to 214 would be.",
        )
        sheet.problems.add(
            "radical-unknown", "warning", text, record, sheet.header("radical"), cells.get("code")
        )
        return None


def _one_meaning_a_day(rows: Iterable[ListedCode], problems: Problems) -> None:
    """Note codes that mean two things on one day, and meanings that end before they begin."""
    earlier: dict[bytes, list[ListedCode]] = {}
    for row in rows:
        first, last = row.valid_from or date.min, row.valid_to or date.max
        name = row.code.hex().upper()
        if last < first:
            text = Text(
                f"{name} の使用終了日が使用開始日より前です。日付を直してください。",
                f"{name} ends before it begins; correct the days.",
            )
            problems.add("days-reversed", "error", text, row.record, None, name)
        for other in earlier.setdefault(row.code, []):
            if first <= (other.valid_to or date.max) and (other.valid_from or date.min) <= last:
                text = Text(
                    f"{name} は {other.record} 行目にもあります。1行にするか、使用期間を分けてください。",
                    f"{name} is at line {other.record} too; keep one line, or give them days that do not overlap.",
                )
                problems.add("code-twice", "error", text, row.record, None, name)
                break
        earlier[row.code].append(row)


# --- writing


def write_csv(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    encoding: str = "utf-8-sig",
    *,
    guard: bool = True,
) -> bytes:
    """Return a CSV file that a spreadsheet shows as it is and never runs (表計算で開いても変わらないCSV).

    guard: cells are `guarded`, which the readers here take off; without it they stay bare, for other machines.
    encoding: `utf-8-sig` (with the mark Excel needs), `utf-8` or `cp932`. None becomes an empty cell.
    Raises UnsupportedConversion for a character that CP932 does not have.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    for row in (header, *rows):
        writer.writerow(map(guarded, row) if guard else row)
    try:
        return out.getvalue().encode(encoding)
    except UnicodeEncodeError as error:
        lost = error.object[error.start]
        raise UnsupportedConversion(
            f"「{lost}」(U+{ord(lost):04X}) は {encoding} で書けません。UTF-8 で書き出してください。",
            f"U+{ord(lost):04X} cannot be written in {encoding}; write the file as UTF-8.",
            where=Where(None, error.object.count("\n", 0, error.start) + 1),
        ) from None
