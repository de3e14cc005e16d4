"""Vendors' user tables (外字変換テーブル): HULFT's gaiji table and Fujitsu's user table, read and written.

HULFT: `0X81CA  0XEFBFA2` a line, `#` and `*` begin comment lines, `defaultcode=` says what unmapped codes
become; the file is named `gt` <from> `to` <to> `.txt`, with i IBM, s Shift_JIS, e EUC, j JEF, k KEIS,
n NEC and 8 UTF-8 (HULFT 8 管理マニュアル). Fujitsu: first line
`CODE_CONVERT_Unicode-FJHOSTcode_USER_TABLE1.0`, sections `JEF->Unicode` and `Unicode->JEF`, pairs
`80A1:E92E` separated by line ends or commas, `;` to the end of a line is a comment (Linkexpress 導入手引書).

A target for private use is an image, where the vendor's software draws the code: no evidence of a character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from gaiji.charset import notations
from gaiji.charset.charsets import Charset
from gaiji.charset.notations import Problems, is_private
from gaiji.errors import BadName, BadTable, CodeOutsideArea, Text, UnsupportedConversion, Where
from gaiji.wire.findings import Finding

FUJITSU_TITLE = "CODE_CONVERT_Unicode-FJHOSTcode_USER_TABLE1.0"
HULFT_CHARSETS = {
    "i": ("ibm930", "ibm939", "ibm1390", "ibm1399"),
    "s": ("cp932",),
    "e": ("eucjp-ms",),
    "j": ("jef",),
    "k": ("keis78", "keis83"),
    "n": ("jips-j", "jips-e"),
    "8": ("utf-8",),
}


@dataclass(frozen=True)
class VendorTable:
    """A vendor's user table as read (外字変換テーブル).

    rows: (record, local code, the text the vendor writes for it); images: private-use point by local code,
    by which an importer can check or override the charset's own images.
    """

    rows: tuple[tuple[int, bytes, str], ...]
    kind: Literal["hulft", "fujitsu"]
    findings: tuple[Finding, ...]
    images: Mapping[bytes, int]


@dataclass
class _Collected:
    """Lines of a table on their way: what each code becomes, and what becomes of each text."""

    problems: Problems
    charset: Charset
    standard: list[int] = field(default_factory=list)
    meanings: dict[bytes, tuple[int, str]] = field(default_factory=dict)
    backward: dict[str, tuple[int, bytes]] = field(default_factory=dict)

    def code(self, record: int, notation: str) -> bytes | None:
        try:
            return self.charset.parse_code(notation)
        except CodeOutsideArea:
            self.standard.append(record)
        except BadName as error:
            self.problems.refused(error, record, "1", notation)
        return None

    def forward_line(self, record: int, code: bytes, text: str) -> None:
        first, known = self.meanings.setdefault(code, (record, text))
        if known != text:
            self._contradicts(record, first, code.hex().upper())

    def backward_line(self, record: int, text: str, code: bytes) -> None:
        first, known = self.backward.setdefault(text, (record, code))
        if known != code:
            self._contradicts(record, first, shown(text))

    def _contradicts(self, record: int, first: int, subject: str) -> None:
        ja = f"{subject} の変換先が {first} 行目と違います。どちらかにしてください。"
        en = f"{subject} becomes something else at line {first}; keep one of them."
        self.problems.add("contradiction", "error", Text(ja, en), record, None, subject)

    def wrong(self, record: int, line: str, example: str) -> None:
        ja = f"「{line[:40]}」は対応の書き方ではありません。{example} のように書いてください。"
        en = f"{line[:40]!r} is no pair of codes; write it like {example}."
        self.problems.add("bad-notation", "error", Text(ja, en), record)

    def table(self, kind: Literal["hulft", "fujitsu"]) -> VendorTable:
        """Join both directions; raises BadTable when anything contradicts."""
        for code, (record, text) in self.meanings.items():
            line, back = self.backward.get(text, (0, code))
            if back != code and self.meanings.get(back, (0, text))[1] != text:
                self._contradicts(line, record, shown(text))
        told: dict[bytes, list[tuple[int, str]]] = {}
        for text, (record, code) in self.backward.items():
            told.setdefault(code, []).append((record, text))
        for code, texts in told.items():
            if code in self.meanings:
                continue
            if len(texts) == 1:
                self.meanings[code] = texts[0]
            else:
                ja = f"{code.hex().upper()} には {len(texts)} 文字が変換されるため、どの文字とも見なしません。"
                en = f"{len(texts)} characters become {code.hex().upper()}; it is taken for none of them."
                self.problems.add(
                    "several-texts", "warning", Text(ja, en), texts[0][0], None, code.hex().upper()
                )
        self.problems.skipped_standard(self.standard)
        images = {
            c: ord(t) for c, (_, t) in self.meanings.items() if len(t) == 1 and is_private(ord(t))
        }
        rows = sorted(
            (record, code, text)
            for code, (record, text) in self.meanings.items()
            if code not in images
        )
        return VendorTable(tuple(rows), kind, self.problems.settle(), images)


def shown(text: str) -> str:
    """Return a text as code points, `U+9089 U+E010F`."""
    return " ".join(f"U+{ord(char):04X}" for char in text)


def read_vendor_table(data: bytes, file_name: str, charset: Charset) -> VendorTable:
    """Return a vendor's user table (外字変換テーブル), told apart by its title line.

    Codes outside the user-defined areas are left out with one warning. Raises BadTable: another charset
    than the code set's, another target than Unicode, lines that are no pair or contradict another line.
    """
    text, _ = notations.decoded(data, file_name)
    lines = text.splitlines()
    found = _Collected(Problems(file_name), charset)
    if lines and lines[0].split(";")[0].strip() == FUJITSU_TITLE:
        return _fujitsu(lines, file_name, found)
    if any(re.match(r"\s*0[xX]", line) for line in lines):
        return _hulft(lines, file_name, found)
    raise BadTable(
        "HULFT の外字テーブル (0XF040 0XE98289) でも富士通の利用者定義テーブル "
        f"(1行目 {FUJITSU_TITLE}) でもありません。",
        f"Neither a HULFT gaiji table (0XF040 0XE98289) nor a Fujitsu user table (first line {FUJITSU_TITLE}).",
        where=Where(file_name, 1),
    )


# --- HULFT


def _hulft(lines: list[str], file: str, found: _Collected) -> VendorTable:
    _check_hulft_name(file, found)
    for record, line in enumerate(lines, 1):
        line = line.split("#")[0].strip()
        if not line or line.startswith("*") or line.lower().startswith("defaultcode"):
            continue
        pair = re.fullmatch(r"0[xX]([0-9A-Fa-f]+)[\s,]+0[xX]([0-9A-Fa-f]+)", line)
        try:
            text = bytes.fromhex(pair[2]).decode() if pair else ""
        except ValueError:
            text = ""
        if not pair or not re.fullmatch(f".{notations.SELECTOR}?", text):
            found.wrong(record, line, "0XF040 0XE98289 (UTF-8)")
        elif (code := found.code(record, pair[1])) is not None:
            found.forward_line(record, code, text)
    return found.table("hulft")


def _check_hulft_name(file: str, found: _Collected) -> None:
    name = PurePath(file).name
    way = re.search(r"(?:^|\.)[gk]t([isejkn8])to([isejkn8])(?![a-z0-9])", name.lower())
    if not way:
        text = Text(
            f"ファイル名 {name} から変換の向きが分からないため、{found.charset.name} から UTF-8 への表とみなします。",
            f"The name {name} does not say from and to; taken as {found.charset.name} to UTF-8.",
        )
        found.problems.add("direction-assumed", "warning", text, 1)
        return
    if way[2] != "8":
        raise BadTable(
            f"{name} は UTF-8 への変換の表ではありません。外字の根拠になるのは gt{way[1]}to8.txt だけです。",
            f"{name} does not convert to UTF-8; only gt{way[1]}to8.txt can say what a code means.",
            where=Where(file),
        )
    if found.charset.name not in HULFT_CHARSETS[way[1]]:
        raise BadTable(
            f"{name} は {'・'.join(HULFT_CHARSETS[way[1]])} の表です。外字セットは {found.charset.name} なので、"
            "対象を確かめてください。",
            f"{name} is a table of {', '.join(HULFT_CHARSETS[way[1]])}, the code set is {found.charset.name}; "
            "check which one is meant.",
            where=Where(file),
        )


def write_hulft(pairs: Iterable[tuple[bytes, str]], comment: str = "") -> bytes:
    """Return a HULFT gaiji table (外字テーブル) from local codes to UTF-8, to be named `gt`…`to8.txt`."""
    lines = [f"# {line}" for line in comment.splitlines()]
    lines += [f"0X{code.hex().upper()}  0X{text.encode().hex().upper()}" for code, text in pairs]
    return ("\r\n".join(lines) + "\r\n").encode("cp932")


# --- Fujitsu


def _fujitsu(lines: list[str], file: str, found: _Collected) -> VendorTable:
    if found.charset.name != "jef":
        raise BadTable(
            f"富士通の利用者定義テーブルは JEF の表です。外字セットは {found.charset.name} なので、"
            "対象を確かめてください。",
            f"A Fujitsu user table is one of JEF, the code set is {found.charset.name}; check which one is meant.",
            where=Where(file, 1),
        )
    section = ""
    for record, line in enumerate(lines[1:], 2):
        for part in re.split("[,\\s]+", line.split(";")[0].strip()):
            if re.fullmatch(r"\S+->\S+", part):
                section = part
            elif part and not _fujitsu_pair(found, record, section, part):
                found.wrong(record, part, "80A1:E92E")
    return found.table("fujitsu")


def _fujitsu_pair(found: _Collected, record: int, section: str, part: str) -> bool:
    """Take one pair in; False when it is none. Sections between other codes are passed over."""
    left, colon, right = part.partition(":")
    if section not in ("JEF->Unicode", "Unicode->JEF"):
        return bool(section)
    jef, unicode = (left, right) if section == "JEF->Unicode" else (right, left)
    text = _units(unicode)
    if not colon or not text:
        return False
    code = found.code(record, jef)
    if code is not None and section == "JEF->Unicode":
        found.forward_line(record, code, text)
    elif code is not None:
        found.backward_line(record, text, code)
    return True


def _units(notation: str) -> str | None:
    """Return the text of a Unicode notation: UTF-16 units (`E92E`, `D842DFB7`) or one point (`20BB7`)."""
    try:
        if len(notation) in (5, 6):
            return chr(int(notation, 16))
        text = bytes.fromhex(notation).decode("utf-16-be")
    except (ValueError, OverflowError):
        return None
    return text if re.fullmatch(f".{notations.SELECTOR}?", text) else None


def write_fujitsu(
    pairs: Iterable[tuple[bytes, str]],
    comment: str = "",
    back: Iterable[tuple[bytes, str]] | None = None,
) -> bytes:
    """Return a Fujitsu user table (利用者定義テーブル) from JEF codes and their characters.

    back: the pairs of the section `Unicode->JEF` where they are others than those of `JEF->Unicode`. Raises
    UnsupportedConversion for a text of more than one code point: the table has no place for it.
    """
    there = [(code.hex().upper(), _fujitsu_notation(text)) for code, text in pairs]
    written = there
    if back is not None:
        written = [(code.hex().upper(), _fujitsu_notation(text)) for code, text in back]
    lines = [FUJITSU_TITLE, *(f"; {line}" for line in comment.splitlines()), "JEF->Unicode"]
    lines += [f"{code}:{text}" for code, text in there]
    lines += ["Unicode->JEF", *(f"{text}:{code}" for code, text in written)]
    return ("\r\n".join(lines) + "\r\n").encode("cp932")


def has_place(text: str) -> bool:
    """Whether a Fujitsu user table has a place for a text."""
    return len(text) == 1


def _fujitsu_notation(text: str) -> str:
    if not has_place(text):
        raise UnsupportedConversion(
            f"{shown(text)} は富士通の利用者定義テーブルに書けません。1つの符号位置の文字だけにしてください。",
            f"A Fujitsu user table has no place for {shown(text)}; leave it out.",
        )
    return text.encode("utf-16-be").hex().upper()
