"""Code tables as files (文字コード表): what a council imports where the product may not ship a table.

Three forms are read: ICU's `.ucm`, the JSON of jef4j, and a CSV of two or three columns. All become one `CodeTable`,
which a code set pins by its digest and which then replaces and widens the standard area of its charset. Codes of
user-defined areas are left out: those are the city's, never the charset's. A contradiction is refused with its line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from gaiji.charset.cells import unguarded
from gaiji.charset.charsets import Charset, charset
from gaiji.charset.coding import SHAPES, SHIFTS
from gaiji.charset.ways import is_selector
from gaiji.errors import BadTable, Where

UNPACKED_LIMIT_BYTES = 64 << 20
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 22}]
FORMAT = "gaiji code table 1"
Direction = Literal["both", "read", "write"]


@dataclass(frozen=True, eq=False)
class CodeTable:
    """A code table of one charset (文字コード表). Two with one digest are equal.

    base: the charset it is a table of. reading: the text of each code, 1 to 3 bytes. writing: only texts that are
    written otherwise than the one code that reads as them; an empty code means that the text is read and never written.
    provenance: source, edition, licence, file, its sha256, format, and how many rows were left out (`skipped`).
    digest: sha256 of base, reading and writing; made when empty.
    """

    name: str
    base: str
    reading: Mapping[bytes, str]
    writing: Mapping[str, bytes]
    provenance: Mapping[str, str]
    digest: str = ""

    def __post_init__(self) -> None:
        for field in ("reading", "writing", "provenance"):
            sorted_items = dict(sorted(getattr(self, field).items()))
            object.__setattr__(self, field, MappingProxyType(sorted_items))
        made = hashlib.sha256(_canonical(self._content)).hexdigest()
        if self.digest not in ("", made):
            raise BadTable(
                f"文字コード表 {self.name} の内容が検査値と合いません。取り込み直してください。",
                f"The code table {self.name} does not have the content of its digest; import it again.",
            )
        object.__setattr__(self, "digest", made)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodeTable) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @cached_property
    def _content(self) -> dict[str, Any]:
        return {
            "base": self.base,
            "reading": {code.hex(): text for code, text in self.reading.items()},
            "writing": {text: code.hex() for text, code in self.writing.items()},
        }

    def packed(self) -> bytes:
        """Return the table as bytes (梱包), the same for the same table."""
        described = self._content | {
            "digest": self.digest,
            "format": FORMAT,
            "name": self.name,
            "provenance": dict(self.provenance),
        }
        return lzma.compress(_canonical(described), format=lzma.FORMAT_XZ, filters=FILTERS)


def unpacked(data: bytes) -> CodeTable:
    """Return the table of `packed` bytes. Raises BadTable when they are damaged."""
    try:
        unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ)
        text = unpacker.decompress(data, UNPACKED_LIMIT_BYTES)
        if not unpacker.eof:
            raise ValueError("cut off or too large")
        told = json.loads(text)
        if told.pop("format") != FORMAT or told["base"] not in SHAPES:
            raise ValueError("another format")
        told["reading"] = {bytes.fromhex(code): t for code, t in told["reading"].items()}
        told["writing"] = {t: bytes.fromhex(code) for t, code in told["writing"].items()}
        return CodeTable(**told)
    except (lzma.LZMAError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadTable(
            "文字コード表のファイルが壊れています。取り込み直してください。",
            "The file of the code table is damaged; import it again.",
        ) from error


def _canonical(told: Mapping[str, Any]) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Row(NamedTuple):
    """One line of a table: its number from 1, code, text, and which way it holds."""

    line: int
    code: bytes
    text: str
    direction: Direction


def read_ucm(data: bytes, file: str, base: str, provenance: Mapping[str, str]) -> CodeTable:
    """Read ICU's text form of a converter (.ucm).

    Precision 0 holds both ways, 1 and 4 are only written, 3 only read; 2 (the substitution of single bytes) and U+FFFD
    are left out. Raises BadTable for anything else in the CHARMAP.
    """
    text = _decoded(data, file)
    if "CHARMAP" not in text:
        raise _unreadable(file, "CHARMAP の行", "CHARMAP line")
    return _table(_ucm_rows(text, file), data, file, base, {"format": "ucm"} | dict(provenance))


_UCM = re.compile(r"((?:<U[0-9A-Fa-f]{4,6}>\+?)+)\s+((?:\\x[0-9A-Fa-f]{2}\+?)+)\s*(?:\|(\S*))?\s*")
_PRECISION: Mapping[str, Direction] = {"0": "both", "1": "write", "3": "read", "4": "write"}


def _ucm_rows(text: str, file: str) -> Iterator[Row]:
    inside = False
    if not re.search(r"^END CHARMAP\b", text, re.M):
        raise BadTable(
            "END CHARMAP の行がありません。途中で切れたファイルではないか確かめてください。",
            "There is no END CHARMAP line; the file may have been cut, so fetch it again.",
            where=Where(file=file),
        )
    for number, line in enumerate(text.splitlines(), 1):
        content = line.split("#")[0].strip()
        if content in ("CHARMAP", "END CHARMAP"):
            inside = content == "CHARMAP"
            continue
        if not inside or not content:
            continue
        found = _UCM.fullmatch(content)
        if found is None:
            raise _bad_row(file, number, content)
        points, code, precision = found[1], found[2], "0" if found[3] is None else found[3]
        if precision not in (*"01234",):
            raise BadTable(
                f"精度の印 |{precision[:8]} は使えません。|0 から |4 までのどれかにしてください。",
                f"The precision flag |{precision[:8]} cannot be used; write one of |0 to |4.",
                where=Where(file=file, record=number),
            )
        characters = _characters(re.findall("[0-9A-Fa-f]+", points.replace("U", "")), file, number)
        if precision != "2" and characters != "\ufffd":
            direction = _PRECISION[precision]
            yield Row(number, bytes.fromhex(re.sub(r"\\x|\+", "", code)), characters, direction)


def read_jef4j(
    data: bytes,
    file: str,
    base: str,
    provenance: Mapping[str, str],
    *,
    selectors: Literal["needed", "always"] = "needed",
) -> CodeTable:
    """Read a table in the JSON of jef4j: rows of code, code point, selectors and options.

    A row that is `oneway` reads as its Hanyo-Denshi sequence (a Moji_Joho sequence too), because its code is one shape
    of a character that has a code of its own elsewhere; without a sequence it is only read. Other rows read as the
    bare character and are written for the sequence too; `selectors="always"` reads them as the sequence. A
    compatibility ideograph (`cjk_ci`) beside another row of its code is only written. `unmappable` rows are left out;
    `substitution`, `decode_only` and `irreversible` rows are only read, `encode_only` rows only written.
    """
    _check_filled(data, file)
    try:
        rows = json.loads(data.decode("utf-8-sig"))
        listed = [row for row in rows if isinstance(row["unicode"], str)]
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable(file, "行の配列 (JSON)", "JSON list of rows with `unicode`") from error
    made = _jef4j_rows(listed, file, always=selectors == "always")
    told = {"format": "jef4j-json", "selectors": selectors} | dict(provenance)
    return _table(made, data, file, base, told)


def _jef4j_rows(rows: list[dict[str, Any]], file: str, *, always: bool) -> Iterator[Row]:
    keys = ("code", "jef", "keis", "jips", "ebcdic")
    codes = [next((row[key] for key in keys if key in row), "") for row in rows]
    told_twice = {code for code, count in Counter(codes).items() if count > 1}
    for number, (row, digits) in enumerate(zip(rows, codes, strict=True), 1):
        code, options = _code(digits, file, number), set(row.get("options", ()))
        points = [row["unicode"], *([row["sp"]] if "sp" in row else [])]
        bare = _characters(points, file, number)
        sequence = bare + _characters([row["hd"]], file, number) if "hd" in row else ""
        if "unmappable" in options:
            continue
        if "encode_only" in options or ("cjk_ci" in options and digits in told_twice):
            yield Row(number, code, bare, "write")
        elif options & {"decode_only", "irreversible", "substitution"}:
            yield Row(number, code, sequence if sequence and always else bare, "read")
        elif "oneway" in options:
            yield Row(number, code, sequence or bare, "both" if sequence else "read")
        else:
            yield Row(number, code, sequence if sequence and always else bare, "both")
            if sequence:
                yield Row(number, code, bare if always else sequence, "write")


def read_csv(data: bytes, file: str, base: str, provenance: Mapping[str, str]) -> CodeTable:
    """Read a CSV: code in hex, text or U+XXXX (several joined by + or a space), direction if not both ways.

    CP932 or UTF-8. The first line may be a heading. Direction: `both` or empty, `read` (only read), `write` (only
    written).
    """
    rows = _csv_rows(_decoded(data, file), file)
    return _table(rows, data, file, base, {"format": "csv"} | dict(provenance))


def _csv_rows(text: str, file: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    for record in reader:
        cells, number = [unguarded(cell) for cell in record], reader.line_num
        digits = cells[0].strip().removeprefix("0x").removeprefix("0X") if cells else ""
        if not any(cells) or (number == 1 and not re.fullmatch("(?:[0-9A-Fa-f]{2})+", digits)):
            continue
        direction = cells[2].strip() if len(cells) > 2 else ""
        if len(cells) < 2 or not cells[1] or direction not in ("", "both", "read", "write"):
            raise _bad_row(file, number, ",".join(cells))
        points = re.findall(r"[Uu]\+([0-9A-Fa-f]{4,6})", cells[1])
        written = re.fullmatch(r"(?:[Uu]\+[0-9A-Fa-f]{4,6}[+ _]?)+", cells[1].strip())
        characters = _characters(points, file, number) if written else cells[1]
        yield Row(number, _code(digits, file, number), characters, direction or "both")  # type: ignore[arg-type]


READERS: Mapping[str, Callable[[bytes, str, str, Mapping[str, str]], CodeTable]] = {
    "ucm": read_ucm,
    "jef4j-json": read_jef4j,
    "csv": read_csv,
}
"""The reader of each form: bytes, file name, base charset and what is known of the source."""


def _table(
    rows: Iterator[Row], data: bytes, file: str, base: str, provenance: Mapping[str, str]
) -> CodeTable:
    """Return the table of rows, checked against each other and against the shape of the charset's codes."""
    standard = charset(base)
    if standard.is_unicode:
        raise BadTable(
            f"{base} は Unicode なのでコード表を取り込めません。{'・'.join(SHAPES)} のどれかにしてください。",
            f"{base} is Unicode and takes no code table; choose one of {', '.join(SHAPES)}.",
        )
    reading: dict[bytes, Row] = {}
    both: dict[str, Row] = {}
    only_written: dict[str, Row] = {}
    skipped = 0
    for row in rows:
        if _is_left_out(standard, row):
            skipped += 1
            continue
        _check_shape(standard, row, file)
        _check_text(row, file)
        if row.direction != "write":
            _keep(reading, row.code, row, file, "code")
        if row.direction == "both":
            _keep(both, row.text, row, file, "text")
        if row.direction == "write":
            _keep(only_written, row.text, row, file, "text")
    if not reading and not only_written:
        raise BadTable(
            f"標準領域のコードがありません(外字・私用領域・U+FFFD の行は {skipped} 行)。"
            "列と --charset を確かめてください。",
            "There is no code of the standard area (rows of user-defined codes, private-use text or U+FFFD: "
            f"{skipped}); check the columns and --charset.",
            where=Where(file=file),
        )
    told = {"file": file, "sha256": hashlib.sha256(data).hexdigest(), "skipped": str(skipped)}
    return CodeTable(
        name=f"{base}-{told['sha256'][:8]}",
        base=base,
        reading={code: row.text for code, row in reading.items()},
        writing=_otherwise(reading, both, only_written),
        provenance=told | {"generator": "gaiji.charset.codetable"} | dict(provenance),
    )


def _is_left_out(standard: Charset, row: Row) -> bool:
    """Whether a row says nothing of the standard area: a city's own code, a control in a shift code's place, U+FFFD."""
    if row.text == "\ufffd":
        return True
    if standard.is_user_code(row.code) or any("\ue000" <= c <= "\uf8ff" for c in row.text):
        return True
    begins = {shift.code[0] for shift in SHIFTS.get(standard.name, ())}
    return (
        len(row.code) == 1 and row.code[0] in begins and unicodedata.category(row.text[0]) == "Cc"
    )


def _otherwise(
    reading: Mapping[bytes, Row], both: Mapping[str, Row], only_written: Mapping[str, Row]
) -> dict[str, bytes]:
    """Return what is written otherwise than the one code that reads as it."""
    written = {text: row.code for text, row in {**only_written, **both}.items()}
    readers = Counter(row.text for row in reading.values())
    alone = {text: code for code, row in reading.items() if readers[text := row.text] == 1}
    kept = {text: code for text, code in written.items() if alone.get(text) != code}
    return kept | {text: b"" for text in readers if text not in written}


def _keep(table: dict[Any, Row], key: bytes | str, row: Row, file: str, kind: str) -> None:
    """Keep a row, or raise BadTable where an earlier one contradicts it."""
    before = table.setdefault(key, row)
    if (before.code, before.text) == (row.code, row.text):
        return
    one, two = (
        (f"コード {row.code.hex().upper()}", "文字")
        if kind == "code"
        else (f"文字「{row.text}」", "コード")
    )
    english = f"code {row.code.hex().upper()}" if kind == "code" else f"text {row.text!r}"
    remedy = _REMEDY[kind]
    raise BadTable(
        f"{one}に二つの{two}があります(先の行は {before.line})。{remedy[0]}",
        f"The {english} is given twice differently (first in line {before.line}); {remedy[1]}",
        where=Where(file=file, record=row.line),
    )


_REMEDY = {
    "code": ("どちらかの行を除いてください。", "remove one of the lines."),
    "text": (
        "一方を読取り専用(ucm は |3、CSV は read)にしてください。",
        "make one of them read-only (|3 in a .ucm, `read` in a CSV).",
    ),
}


def _check_shape(standard: Charset, row: Row, file: str) -> None:
    """Raise BadTable for a code that cannot be one of this charset."""
    name, code = standard.name, row.code
    begins = {shift.code[0] for shift in SHIFTS.get(name, ())}
    single = name in SHIFTS and len(code) == 1
    if begins & set(code):
        why = ("シフトコードの先頭バイトを含みます", "has the first byte of a shift code in it")
    elif single or re.fullmatch(SHAPES[name], code):
        return
    else:
        why = (
            "この文字コード体系のコードの形ではありません",
            "does not have the shape of its codes",
        )
    raise BadTable(
        f"コード {code.hex().upper()} は {name} では使えません({why[0]})。"
        "行を除くか、文字コード体系の指定を直してください。",
        f"Code {code.hex().upper()} cannot be one of {name}: it {why[1]}; "
        "remove the line or name another charset.",
        where=Where(file=file, record=row.line),
    )


def _check_text(row: Row, file: str) -> None:
    """Raise BadTable for two bytes read as a control character, and for a selector or mark that selects nothing."""
    first = row.text[0]
    control = len(row.code) > 1 and unicodedata.category(first) == "Cc"
    if control or is_selector(first) or first == "\ufeff":
        shown = "+".join(f"U+{ord(one):04X}" for one in row.text)
        raise BadTable(
            f"コード {row.code.hex().upper()} の {shown} は文字ではありません。行を除くか直してください。",
            f"{shown} of code {row.code.hex().upper()} is no character; remove the line or correct it.",
            where=Where(file=file, record=row.line),
        )


def _code(digits: str, file: str, line: int) -> bytes:
    if not re.fullmatch("(?:[0-9A-Fa-f]{2}){1,4}", digits):
        raise _bad_row(file, line, digits)
    return bytes.fromhex(digits)


def _characters(points: list[str], file: str, line: int) -> str:
    try:
        text = "".join(chr(int(point, 16)) for point in points)
        text.encode()
    except (ValueError, OverflowError, UnicodeEncodeError):
        raise _bad_row(file, line, " ".join(map(str, points))) from None
    return text


def _check_filled(data: bytes, file: str) -> None:
    if not data.strip():
        raise BadTable(
            "このファイルは空です。正しいファイルか確かめてください。",
            "This file is empty; check that it is the right one.",
            where=Where(file=file),
        )


def _decoded(data: bytes, file: str) -> str:
    _check_filled(data, file)
    for encoding in ("utf-8-sig", "cp932"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _unreadable(file, "UTF-8 か CP932 の文字", "UTF-8 or CP932 text")


def _bad_row(file: str, line: int, content: str) -> BadTable:
    return BadTable(
        f"行「{content[:60]}」をコード表の行として読めません。"
        "コードは16進、文字は U+XXXX か文字そのもので書いてください。",
        f"{content[:60]!r} cannot be read as a line of a code table; "
        "write the code in hex, the text as U+XXXX or itself.",
        where=Where(file=file, record=line),
    )


def _unreadable(file: str, ja: str, en: str) -> BadTable:
    return BadTable(
        f"このファイルには{ja}がなく、コード表として読めません。--format を確かめてください。",
        f"This file has no {en} and cannot be read as a code table; check --format.",
        where=Where(file=file),
    )
