"""How cities write codes, numbers and dates in their own tables (表の書き方): columns, notations, text files.

Only column names and code notations are folded in case and width (NFKC); names of people, places and
characters are taken as they stand, because folding would change them (U+FA19 would become 神 U+795E).
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from typing import NamedTuple, NoReturn

from gaiji.charset.areas import PRIVATE_USE
from gaiji.charset.charsets import Charset
from gaiji.errors import BadTable, CodeOutsideArea, GaijiError, Text, Where
from gaiji.wire.findings import Finding, Level

_COLUMN_NAMES = """
code: 外字コード 内部コード 外字 ローカルコード 外字内部コード 外字番号 ユーザ外字コード
    ユーザー外字コード EUDC EUDCコード 外字コード16進 local_code gaiji_code gaiji 文字コード
    SJISコード シフトJISコード SJIS JEFコード JEF KEISコード KEIS JIPSコード JIPS IBMコード
    ホストコード 団体内コード 市文字コード コード char_code code hex
mj: MJ文字図形名 MJ文字図形番号 MJ番号 MJコード MJ文字 MJ文字コード 文字情報基盤
    文字情報基盤コード 行政事務標準文字 行政事務標準文字図形名 文字図形名 mj_name mj_code MJ
koseki: 戸籍統一文字番号 戸籍統一文字 戸籍統一コード 戸籍番号 戸籍 koseki
touki: 登記統一文字番号 登記統一文字 登記統一コード 登記番号 登記 touki toki
ivs: IVS 実装したMoji_JohoコレクションIVS Moji_Joho異体字シーケンス 異体字シーケンス
    異体字セレクタ 字形選択子 字形選択コード variation_sequence variation_selector
ucs: UCS 実装したUCS 対応するUCS Unicode ユニコード UCSコード Unicodeコード UCS符号位置
    Unicode符号位置 code_point codepoint ucs4 utf-16 UTF16 UTF-32
juki: 住基ネット統一文字コード 住基ネット統一文字 住基統一文字コード 住基統一コード
    住基ネット文字コード 住基ネットコード 住基文字コード 住基コード 住基ネット 統一文字コード
    CS文字コード CSコード 住基 J+ J+コード jコード juki_code juki
x0213: X0213 JISX0213 面区点 面区点番号 面区点コード JIS面区点 kuten
readings: 読み よみ ヨミ 読み仮名 よみがな ヨミガナ 読みカナ カナ かな フリガナ ふりがな 音訓
    読み方 音読み・訓読み reading readings yomi kana
strokes: 総画数 画数 総画 strokes stroke stroke_count total_strokes
radical: 部首 部首番号 部首コード 康熙部首 radical radical_number
remarks: 備考 摘要 注記 メモ コメント 説明 remarks remark note notes memo
valid_from: 使用開始日 使用開始年月日 使用開始 開始日 開始年月日 適用開始日 登録日 登録年月日
    作成日 有効開始日 valid_from start_date start from
valid_to: 使用終了日 使用終了年月日 使用終了 終了日 終了年月日 適用終了日 廃止日 廃止年月日
    有効終了日 valid_to end_date end to
-: 項番 No 番号 連番 通番 行番号 字形 見本 文字 イメージ 画像 glyph image
"""
COLUMNS: dict[str, tuple[str, ...]] = {
    field: tuple(names.split())
    for field, names in re.findall(r"^(\S+):([^:]*)$", _COLUMN_NAMES, re.M)
}
"""Names a city may give a column, the most telling first; those of "-" are known and carry nothing to read."""

JUKI_REPERTOIRE = (
    *((0x0020, 0x33FF), (0x3400, 0x4DFF), (0x4E00, 0x9FFF), (0xAAA0, 0xABFF), (0xAC00, 0xACFF)),
    *((0xAD00, 0xD6FF), (0xF900, 0xFAFF), (0xFF00, 0xFFFE)),
)
"""Ranges of 住基ネット統一文字コード; the registry knows which codes of a range are taken."""

SELECTOR = "[\ufe00-\ufe0f\U000e0100-\U000e01ef]"
ERAS = {
    "明治": date(1868, 1, 25),
    "大正": date(1912, 7, 30),
    "昭和": date(1926, 12, 25),
    "平成": date(1989, 1, 8),
    "令和": date(2019, 5, 1),
}
"""First days of the eras (元号): 改元の詔書・政令による改元の日."""
ERA_LETTERS = dict(zip("MTSHR明大昭平令", [*ERAS, *ERAS], strict=True))
RADICALS = {unicodedata.normalize("NFKC", chr(0x2F00 + n)): n + 1 for n in range(214)}


def folded(text: str) -> str:
    """Return a column name or code notation without differences of width, case and surrounding space."""
    return unicodedata.normalize("NFKC", text).strip().upper()


def _key(header: str) -> str:
    return re.sub(r"[\s_\-.・:#*\"']", "", folded(header))


_FIELDS = {
    _key(name): (field, rank) for field, names in COLUMNS.items() for rank, name in enumerate(names)
}


def field_of(header: str) -> tuple[str, int] | None:
    """Return the field a column name stands for and the rank of that name (0 the most telling), or None."""
    bare = re.sub(r"[(\[<].*", "", folded(header))
    return _FIELDS.get(_key(header)) or _FIELDS.get(_key(bare))


# --- values; each raises ValueError for what is not written that way


def local_code(text: str, charset: Charset) -> bytes:
    """Return a local code (外字コード): `F040`, `0xF040`, `F0 40`, its image `U+E000`, or the gaiji itself.

    Raises BadName, CodeOutsideArea.
    """
    image = ord(text) if len(text) == 1 else 0
    notation = re.sub(r"[\s:_-]", "", folded(text))
    if found := re.fullmatch(r"(?:U\+|&#X)([0-9A-F]{4,6});?", notation):
        image = int(found[1], 16)
    if not is_private(image):
        return charset.parse_code(re.sub(r"^(?:0X|&H|X'|\$|#)|'$", "", notation))
    code = charset.code_of(image)
    if code is None:
        raise CodeOutsideArea(
            f"U+{image:04X} は {charset.name} の外字領域のどのコードの像でもありません。コードを直してください。",
            f"U+{image:04X} is the image of no code of {charset.name}; correct the code.",
        )
    return code


def is_private(point: int) -> bool:
    """Whether a code point is for private use: an image (像), not evidence of a character."""
    return any(low <= point <= high for low, high in PRIVATE_USE)


def mj_name(text: str) -> str:
    """Return an MJ name (MJ文字図形名): `MJ026190`, also of another namespace (`GJ000123`), or its digits."""
    notation = re.sub(r"[\s_-]", "", folded(text))
    if not re.fullmatch(r"(?:[A-Z]{2})?[0-9]{6}", notation):
        raise ValueError(text)
    return notation if notation[0].isalpha() else f"MJ{notation}"


def koseki(text: str) -> str:
    """Return a 戸籍統一文字番号 in its six digits; spreadsheets drop the zeros in front."""
    return _digits(text, 6)


def touki(text: str) -> str:
    """Return a 登記統一文字番号 in its eight digits."""
    return _digits(text, 8)


def _digits(text: str, width: int) -> str:
    notation = folded(text)
    if not re.fullmatch(f"[0-9]{{1,{width}}}", notation) or not int(notation):
        raise ValueError(text)
    return notation.zfill(width)


def juki(text: str) -> str:
    """Return a J+ code (住基ネット統一文字コード): `J+9089`, `9089`, `0x9089` become `J+9089`.

    `U+9089` is none: a J+ code looks like a code point, and for thousands of characters is another's.
    """
    found = re.fullmatch(r"(?:J\+?|0X)?([0-9A-F]{4})", re.sub(r"\s", "", folded(text)))
    if not found:
        raise ValueError(text)
    return f"J+{found[1]}"


def in_juki(code: str) -> bool:
    """Whether a J+ code lies in a range of the Juki-net repertoire (住基ネット統一文字)."""
    return any(low <= int(code[2:], 16) <= high for low, high in JUKI_REPERTOIRE)


def x0213(text: str) -> str:
    """Return a JIS X 0213 point (面区点): `1-47-82`, `1-1-2` becomes `1-01-02`."""
    found = re.fullmatch(
        r"([12])[-面/](\d{1,2})[-区/](\d{1,2})点?", re.sub(r"\s", "", folded(text))
    )
    if not found or not (1 <= int(found[2]) <= 94 and 1 <= int(found[3]) <= 94):
        raise ValueError(text)
    return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}"


class Sequence(NamedTuple):
    """A code point written in a table: a character with its selector, if any, as text."""

    base: str
    sequence: str | None


def characters(text: str) -> Sequence:
    """Return what `U+9089`, `9089`, `9089_E010F`, `<U+9089 U+E010F>`, 邉 or 邉 with its selector stand for."""
    if found := re.fullmatch(f"(.)({SELECTOR})?", text, re.DOTALL):
        pass
    else:
        notation = re.sub(r"[<>;{}\[\]]", "", folded(text))
        if re.fullmatch("D[89AB]..D[C-F]..", notation):
            notation = f"{ord(bytes.fromhex(notation).decode('utf-16-be')):X}"
        point = r"(?:U\+|\\U|0X|&#X)?([0-9A-F]{4,6})"
        written = re.fullmatch(f"{point}(?:[ _,/+-]*{point})?", notation)
        if not written:
            raise ValueError(text)
        found = re.fullmatch(
            f"(.)({SELECTOR})?", "".join(chr(int(p, 16)) for p in written.groups() if p)
        )
    if not found or unicodedata.category(found[1]) in ("Cc", "Cs", "Cn", "Cf", "Mn", "Zs"):
        raise ValueError(text)
    return Sequence(found[1], found[0] if found[2] else None)


def variation(text: str, base: str | None) -> Sequence:
    """Return an IVS: as `characters`, or a selector alone (`E010F`, `VS32`) on the base of the same row."""
    notation = re.sub(r"^(?:U\+|0X|&#X)|[<>;\s]", "", folded(text))
    if found := re.fullmatch(r"VS(\d{1,3})", notation):
        number = int(found[1])
        notation = f"{0xFE00 + number - 1 if number <= 16 else 0xE0100 + number - 17:X}"
    if re.fullmatch(r"FE0[0-9A-F]|E01[0-9A-E][0-9A-F]", notation):
        if base is None:
            raise ValueError(text)
        return Sequence(base, base + chr(int(notation, 16)))
    found_all = characters(text)
    if found_all.sequence is None:
        raise ValueError(text)
    return found_all


def strokes(text: str) -> int:
    """Return a stroke count (画数): `17`, `17画`."""
    found = re.fullmatch(r"(\d{1,2})画?", folded(text))
    if not found or not int(found[1]):
        raise ValueError(text)
    return int(found[1])


def radical(text: str) -> int:
    """Return a radical's number (部首番号), 1 to 214: `162`, `162部`, ⾡ or 辵."""
    notation = folded(text).removesuffix("部")
    number = RADICALS.get(notation) or (int(notation) if re.fullmatch(r"\d{1,3}", notation) else 0)
    if not 1 <= number <= 214:
        raise ValueError(text)
    return number


def readings(text: str) -> tuple[str, ...]:
    """Return the readings (読み) of a cell; half-width kana become full-width, nothing else changes."""
    parts = re.split(r"[、,，;；/／|｜・･\s]+", text)
    return tuple(
        unicodedata.normalize("NFKC", part) if re.search("[\uff66-\uff9f]", part) else part
        for part in parts
        if part
    )


def day(text: str) -> date:
    """Return a day (日付): `2005-04-01`, `2005/4/1`, `20050401`, `平成17年4月1日`, `平成元年…`, `H17.4.1`."""
    notation = re.sub(r"\s", "", folded(text)).replace("元年", "1年")
    if re.fullmatch(r"\d{8}", notation):
        notation = f"{notation[:4]}-{notation[4:6]}-{notation[6:]}"
    found = re.fullmatch(
        r"(\D*)(\d{1,4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?(?:0{1,2}:00(?::00)?)?", notation
    )
    if not found:
        raise ValueError(text)
    era, year, month, number = found[1], *map(int, found.groups()[1:])
    if not era:
        if year < 1000:
            raise ValueError(text)
        return date(year, month, number)
    name = ERA_LETTERS.get(era, era)
    if name not in ERAS or not year:
        raise ValueError(text)
    found_day = date(ERAS[name].year + year - 1, month, number)
    after = min((first for first in ERAS.values() if first > ERAS[name]), default=date.max)
    if not ERAS[name] <= found_day < after:
        raise ValueError(text)
    return found_day


# --- files


def decoded(data: bytes, file: str) -> tuple[str, str]:
    """Return a table's text and its encoding: `utf-8`, `utf-8-sig` or `cp932`.

    Raises BadTable with record and byte offset for UTF-16 and for bytes that are neither.
    """
    if not data.strip():
        raise BadTable(
            "ファイルが空です。書き出しに失敗していないか確かめてください。",
            "The file is empty; check whether its export failed.",
            where=Where(file),
        )
    if data[:4] == b"PK\x03\x04":
        raise BadTable(
            "表計算ソフトのファイルです。CSV(UTF-8)で保存し直してください。",
            "This is a spreadsheet's own file; save it as CSV (UTF-8).",
            where=Where(file),
        )
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data[:200]:
        raise BadTable(
            "UTF-16 または文字でないファイルです。表は CP932 か UTF-8 で保存し直してください。",
            "The file is UTF-16 or not text; save the table as CP932 or UTF-8.",
            where=Where(file, 1, None, 0),
        )
    failures = []
    for encoding in ("utf-8-sig" if data[:3] == b"\xef\xbb\xbf" else "utf-8", "cp932"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError as error:
            failures.append((error.start, encoding))
            if encoding == "utf-8-sig":
                break
            continue
        if (
            encoding == "utf-8-sig"
            or not (odd := re.search("[\x80\xa0\uf8f0-\uf8f3]", text))
            or encoding == "utf-8"
        ):
            return text, encoding
        failures.append((len(text[: odd.start()].encode("cp932")), encoding))
    at, encoding = max(failures)
    name = "UTF-8" if encoding.startswith("utf") else "CP932"
    raise BadTable(
        f"CP932 でも UTF-8 でもないバイト列があります({name} として読めた位置まで)。"
        "文字コードを確かめて保存し直してください。",
        f"There are bytes that are neither CP932 nor UTF-8 (read as {name} up to here); "
        "check the file's encoding and save it again.",
        where=Where(file, data[:at].count(b"\n") + 1, None, at),
    )


class Problems:
    """What was found while reading one table: warnings to hand on, errors to refuse it with."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.findings: list[Finding] = []

    def add(
        self,
        code: str,
        level: Level,
        text: Text,
        record: int | None,
        field: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Note a finding at a record and field of the file."""
        self.findings.append(Finding(code, level, text, subject, Where(self.file, record, field)))

    def refused(self, error: GaijiError, record: int, field: str, subject: str) -> None:
        """Note an error that a single cell raised."""
        self.add(error.code(), "error", error.text, record, field, subject)

    def skipped_standard(self, records: list[int]) -> None:
        """Note how many lines were left out because their codes are standard characters (外字領域の外)."""
        if records:
            text = Text(
                f"外字領域の外のコード {len(records)} 件は標準の文字として読み飛ばしました。",
                f"{len(records)} codes outside the user-defined areas were passed over as standard characters.",
            )
            self.add("standard-codes-skipped", "warning", text, records[0])

    def settle(self) -> tuple[Finding, ...]:
        """Return the findings; raises BadTable or CodeOutsideArea when one of them is an error.

        The error says the first place and how many there are; `findings` in its extra has all of them.
        """
        errors = [finding for finding in self.findings if finding.level == "error"]
        if not errors:
            return tuple(self.findings)
        outside = all(finding.code == CodeOutsideArea.code() for finding in errors)
        self._raise(CodeOutsideArea if outside else BadTable, errors)

    def _raise(self, kind: type[GaijiError], errors: list[Finding]) -> NoReturn:
        first, total = errors[0], len(errors)
        raise kind(
            f"{first.text.ja}誤りは全部で {total} 件あり、何も取り込みませんでした。",
            f"{first.text.en} Errors in all: {total}; nothing was taken in.",
            where=first.where,
            errors=total,
            findings=[finding.shape().model_dump(mode="json") for finding in errors],
        )
