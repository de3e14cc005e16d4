"""The reference data that ships with the program (基準データ), read without a database.

Nine tables in `mj/`, each a UTF-8 TSV under xz: line 1 is table, edition and number of rows, line 2 the
column names, then the rows; an empty cell is "none". Three encodings keep the files small:

- `=` is the value that follows from the row itself: own UCS = UCS; Juki and Nyukan codes = hexadecimal
  of the own UCS (else the UCS); Touki number = `00` + Koseki number.
- a variation sequence is its selector's number alone: `15` is U+E010F (or U+FE0F for an SVS), on the
  base character of the row.
- `@name` alone on a line opens a section: the shrink map's table, the IVD's collection.

Provenance, licences and checksums: `mj/SOURCE.json`, `mj/LICENSE`, `mj/NOTICE`; rebuilt
byte-identically by `tools/build_reference.py`.
"""

from __future__ import annotations

import hashlib
import json
import lzma
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast, overload

from gaiji.errors import BadReference, Where

FOLDER = Path(__file__).parent / "mj"
UNPACKED_LIMIT_BYTES = 64 << 20
IVS_FIRST, SVS_FIRST = 0xE0100, 0xFE00

GROUNDS: Final = {
    "JIS包摂規準UCS統合規則": "JIS包摂規準・UCS統合規則",
    "法務省告示582号別表第四_一": "法務省告示582号別表第四",
    "法務省告示582号別表第四_二": "法務省告示582号別表第四",
    "戸籍統一文字情報_親字正字": "法務省戸籍法関連通達・通知",
    "民一2842号通達別表_誤字俗字正字一覧表_俗字": "法務省戸籍法関連通達・通知",
    "民一2842号通達別表_誤字俗字正字一覧表_別字": "法務省戸籍法関連通達・通知",
    "民一2842号通達別表_誤字俗字正字一覧表_無印": "法務省戸籍法関連通達・通知",
    "民二5202号通知別表_正字俗字等対照表": "法務省戸籍法関連通達・通知",
    "辞書類等による関連字": "辞書類等による関連字",
    "読み字形による類推": "読み・字形による類推",
}


class MjRow(NamedTuple):
    """One character of MJ文字情報一覧表 (文字情報一覧表の1行), its 24 columns in order.

    ucs, own_ucs, compatibility: the character itself. ivs, svs: base + selector, two code points.
    Codes are written as the list writes them: koseki `092550`, juki `J+5D0E`, nyukan `0x5D0E`,
    x0213 `1-26-74`, touki `00092550`; x0213_class 0 is the point's own shape, 2 one unified with it.
    """

    name: str
    ucs: str | None = None
    own_ucs: str | None = None
    ivs: str | None = None
    svs: str | None = None
    koseki: str | None = None
    juki: str | None = None
    nyukan_seiji: str | None = None
    nyukan_gaiji: str | None = None
    kanji_policy: str | None = None
    compatibility: str | None = None
    x0213: str | None = None
    x0213_rule: str | None = None
    x0213_class: int | None = None
    x0212: str | None = None
    version: str | None = None
    touki: str | None = None
    strokes: int | None = None
    daikanwa: str | None = None
    nihongo_kanji_jiten: str | None = None
    shin_daijiten: str | None = None
    daijigen: str | None = None
    daikangorin: str | None = None
    remarks: str | None = None


class KanaRow(NamedTuple):
    """One 変体仮名 of the MJ set; `char` is None for a name merged into another (see remarks)."""

    name: str
    char: str | None
    unicode_name: str | None
    origin: str | None
    koseki: str | None
    academic_number: str | None
    sounds: tuple[str, ...]
    remarks: str | None


class ReadingRow(NamedTuple):
    """One reading (読み) of a character, in the order of the list; kana without okurigana marks."""

    name: str
    reading: str


class RadicalRow(NamedTuple):
    """One radical (部首, 1-214) of a character with the strokes beside it (内画数; None: `-`)."""

    name: str
    radical: int
    strokes: int | None


class ShrinkRow(NamedTuple):
    """One target of the MJ shrink map (MJ縮退マップ): rank or hops where its table has them."""

    name: str
    ucs: str
    x0213: str
    table: str
    rank: int | None
    hops: int | None

    @property
    def ground(self) -> str:
        """The ground (根拠) that the map gives for this target: one of five."""
        return GROUNDS[self.table]


class NoteRow(NamedTuple):
    """A note of the shrink map (参考情報), e.g. `地名外字`."""

    name: str
    note: str


class SequenceRow(NamedTuple):
    """One registered variation sequence (異体字シーケンス): base + selector, and its name there."""

    collection: str
    sequence: str
    code: str


class StandardizedRow(NamedTuple):
    """One standardized variation sequence (SVS) and the compatibility ideograph it stands for."""

    sequence: str
    compatibility: str


class PartsRow(NamedTuple):
    """One ideographic description (IDS, 部品構成) of a character and the regions whose form it is."""

    char: str
    regions: str
    ids: str


Row = TypeVar("Row", bound=tuple[Any, ...])
Cells = list[str]


@dataclass(frozen=True)
class Table(Generic[Row]):
    """How one table is written: columns: header of the TSV; decode: (section, cells) to rows."""

    name: str
    row: type[Row]
    columns: tuple[str, ...]
    decode: Callable[[str, Cells], Iterator[Row]]


def _mj(_: str, cells: Cells) -> Iterator[MjRow]:
    name, ucs, own, ivs, svs, koseki, juki, seiji, gaiji, *middle = [cell or None for cell in cells]
    policy, compatibility, x0213, rule, kind, x0212, version, touki, strokes, *books = middle
    if own == "=":
        own = ucs
    code = f"{ord(own or ucs or ' '):04X}"
    yield MjRow(
        cast(str, name),
        ucs,
        own,
        _sequence(ucs, ivs, IVS_FIRST),
        _sequence(ucs, svs, SVS_FIRST),
        koseki,
        juki and f"J+{code if juki == '=' else juki}",
        seiji and f"0x{code if seiji == '=' else seiji}",
        gaiji and f"0x{gaiji}",
        policy,
        compatibility,
        x0213,
        rule,
        kind and int(kind),
        x0212,
        version,
        f"00{koseki}" if touki == "=" else touki,
        strokes and int(strokes),
        *books,
    )


def _sequence(base: str | None, number: str | None, first: int) -> str | None:
    return None if number is None else cast(str, base) + chr(first + int(number))


def _kana(_: str, cells: Cells) -> Iterator[KanaRow]:
    name, char, unicode_name, origin, koseki, number, sounds, remarks = cells
    char_, named, parent, register, academic = (
        cell or None for cell in (char, unicode_name, origin, koseki, number)
    )
    yield KanaRow(
        name, char_, named, parent, register, academic, tuple(sounds.split()), remarks or None
    )


def _readings(_: str, cells: Cells) -> Iterator[ReadingRow]:
    name, *readings = cells
    return (ReadingRow(name, reading) for reading in readings)


def _radicals(_: str, cells: Cells) -> Iterator[RadicalRow]:
    name, *places = cells
    for place in places:
        radical, strokes = place.split(".")
        yield RadicalRow(name, int(radical), None if strokes == "-" else int(strokes))


def _shrink(section: str, cells: Cells) -> Iterator[ShrinkRow]:
    name, ucs, x0213, rank, hops = cells
    number = int(rank) if rank else None
    yield ShrinkRow(name, ucs, x0213, section, number, int(hops) if hops else None)


def _ivd(section: str, cells: Cells) -> Iterator[SequenceRow]:
    base, number, code = cells
    yield SequenceRow(section, base + chr(IVS_FIRST + int(number)), code)


def _svs(_: str, cells: Cells) -> Iterator[StandardizedRow]:
    base, number, compatibility = cells
    yield StandardizedRow(base + chr(SVS_FIRST + int(number)), compatibility)


def _plain(row: Callable[..., Row]) -> Callable[[str, Cells], Iterator[Row]]:
    return lambda _, cells: iter((row(*cells),))


TABLES: Final[dict[str, Table[Any]]] = {
    table.name: table
    for table in (
        Table("mj", MjRow, MjRow._fields, _mj),
        Table("kana", KanaRow, KanaRow._fields, _kana),
        Table("readings", ReadingRow, ("name", "readings…"), _readings),
        Table("radicals", RadicalRow, ("name", "radical.strokes…"), _radicals),
        Table("shrink", ShrinkRow, ("name", "ucs", "x0213", "rank", "hops"), _shrink),
        Table("notes", NoteRow, NoteRow._fields, _plain(NoteRow)),
        Table("ivd", SequenceRow, ("base", "selector", "code"), _ivd),
        Table("svs", StandardizedRow, ("base", "selector", "compatibility"), _svs),
        Table("ids", PartsRow, PartsRow._fields, _plain(PartsRow)),
    )
}


@cache
def source() -> dict[str, Any]:
    """Return SOURCE.json (出典): package, edition, and per table dataset, origin, licence, sha256."""
    return cast(dict[str, Any], json.loads((FOLDER / "SOURCE.json").read_text("utf-8")))


def raw(table: str) -> bytes:
    """Return the compressed file of a table, as it is kept in the registry.

    Raises BadReference when it is missing or its sha256 is not the one of SOURCE.json.
    """
    entry: dict[str, str] = source()["tables"][table]
    path = FOLDER / entry["file"]
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _bad(entry["file"], "がありません", "is missing") from error
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise _bad(entry["file"], "のsha256が出典の記載と違います", "has not the recorded sha256")
    return data


@overload
def read(table: type[Row]) -> Iterator[Row]: ...
@overload
def read(table: str) -> Iterator[Any]: ...
def read(table: Any) -> Iterator[Any]:
    """Yield the rows of a shipped table, named or by its row type: `read(MjRow)`, `read("mj")`.

    Raises BadReference like `raw` and `parse`; the checksum is verified before the first row.
    """
    known = _table(table)
    return parse(known.name, raw(known.name))


@overload
def parse(table: type[Row], data: bytes, *, edition: str | None = ...) -> Iterator[Row]: ...
@overload
def parse(table: str, data: bytes, *, edition: str | None = ...) -> Iterator[Any]: ...
def parse(table: Any, data: bytes, *, edition: str | None = None) -> Iterator[Any]:
    """Yield the rows of a table from its compressed bytes, e.g. a file the registry kept.

    edition: the one the caller needs, e.g. `006.02`; another is refused before the first row.
    Raises BadReference when the bytes are damaged, cut short, of another table or another edition.
    """
    known = _table(table)
    lines = _unpack(known.name, data).split("\n")
    head = lines[0].split("\t")
    if len(head) != 3 or head[0] != known.name or lines[1].split("\t") != list(known.columns):
        raise _bad(known.name, "の表ではありません", "is not what this file holds")
    if edition is not None and head[1] != edition:
        raise _bad(
            known.name,
            f"は{edition}版ではなく{head[1]}版です",
            f"is edition {head[1]}, not {edition}",
        )
    return _rows(known, lines[2:], int(head[2]))


def _table(table: Any) -> Table[Any]:
    if isinstance(table, str):
        return TABLES[table]
    return next(known for known in TABLES.values() if known.row is table)


def _unpack(name: str, data: bytes) -> str:
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=2 * UNPACKED_LIMIT_BYTES)
    try:
        content = unpacker.decompress(data, UNPACKED_LIMIT_BYTES)
        if unpacker.eof and not unpacker.unused_data:
            return content.decode("utf-8")
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise _bad(name, "が壊れています", "is damaged") from error
    raise _bad(name, "が途中で切れているか大きすぎます", "is cut short or too large")


def _rows(table: Table[Any], lines: list[str], expected: int) -> Iterator[Any]:
    section, found = "", 0
    for number, line in enumerate(lines, start=3):
        if line.startswith("@"):
            section = line[1:]
        elif line:
            try:
                for row in table.decode(section, line.split("\t")):
                    found += 1
                    yield row
            except (ValueError, TypeError) as error:
                raise _bad(
                    table.name, "の行を読めません", "has an unreadable line", number
                ) from error
    if found != expected:
        raise _bad(
            table.name, f"は{expected}行のはずが{found}行です", f"has {found} of {expected} rows"
        )


def _bad(what: str, ja: str, en: str, record: int | None = None) -> BadReference:
    return BadReference(
        f"基準データ {what} {ja}。プログラムを入れ直すか、正しいファイルを指定してください。",
        f"Reference data {what} {en}; install the program again or name the right file.",
        where=Where(file=what, record=record),
    )
