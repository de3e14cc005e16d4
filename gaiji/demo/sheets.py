"""What the council's cities write down about their gaiji (見本の表): lists, CS-server and vendor tables."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from gaiji.charset.tables import write_csv, write_fujitsu, write_hulft
from gaiji.data import MjRow
from gaiji.demo.characters import Slot
from gaiji.demo.council import LIST_COLUMNS, CodeSetPlan

STANDARD = (
    "亜愛井伊一右宇栄永園応岡沖加賀海笠葛吉久牛橋玉近金栗郡見古戸湖口幸甲港高今佐坂崎笹三山四志"
)
"""A few characters of the standard area, which CS tables carry beside the gaiji."""
KANA = ("J+AC05", "J+AC0A")
"""Two of the 168 変体仮名 of the Juki-net repertoire, which no reference set in reach has."""
REMARKS = ("", "", "", "", "", "", "戸籍", "住所", "確認済", "旧システムから移行")


def half_width(kana: str) -> str:
    """Return kana as half-width katakana (半角カナ), marks split off: べ becomes ﾍﾞ."""
    out = []
    for char in unicodedata.normalize("NFD", kana):
        name = unicodedata.name(char, "").replace("HIRAGANA", "KATAKANA")
        name = name.replace("COMBINING KATAKANA-KATAKANA", "KATAKANA-KATAKANA").replace(
            "COMBINING ", ""
        )
        try:
            out.append(unicodedata.lookup(_MARKS.get(char, f"HALFWIDTH {name}")))
        except KeyError:
            out.append(char)
    return "".join(out)


_MARKS = {
    "\u3099": "HALFWIDTH KATAKANA VOICED SOUND MARK",
    "\u309a": "HALFWIDTH KATAKANA SEMI-VOICED SOUND MARK",
    "ー": "HALFWIDTH KATAKANA-HIRAGANA PROLONGED SOUND MARK",
}


def shown_code(plan: CodeSetPlan, code: bytes) -> str:
    """Return a local code as this city writes it: F040, 0xF040, or U+E000 in a Unicode charset."""
    if plan.charset.is_unicode:
        return f"U+{plan.charset.image_of(code):04X}"
    return ("0x" if plan.columns in ("juki", "touki") else "") + code.hex().upper()


def _points(text: str | None) -> str:
    return "_".join(f"{ord(char):04X}" for char in text or "")


def _number(koseki: str | None) -> str:
    """As a spreadsheet leaves it: without the zeros in front."""
    return str(int(koseki)) if koseki else ""


def _base(row: MjRow) -> str | None:
    return row.own_ucs or (row.ivs[0] if row.ivs else None)


TELLING: dict[str, Callable[[MjRow], str | None]] = {
    "mj": lambda row: row.name,
    "koseki": lambda row: _number(row.koseki),
    "touki": lambda row: row.touki,
    "ucs": lambda row: f"U+{_points(_base(row))}" if _base(row) else None,
    "ivs": lambda row: _points(row.ivs),
    "sequence": lambda row: _points(row.ivs or row.own_ucs),
    "juki": lambda row: row.juki,
}


def city_list(plan: CodeSetPlan, slots: Iterable[Slot], seed: int) -> bytes:
    """Return a city's list of gaiji (外字一覧) in its own layout, encoding and separator."""
    rng = random.Random(f"{seed}/{plan.address}/list")
    columns = LIST_COLUMNS[plan.columns]
    rows = []
    for number, slot in enumerate((slot for slot in slots if slot.listed), 1):
        row, drawn = slot.said.like, slot.shape.mj is None
        cells: dict[str, object] = {
            "number": number,
            "code": shown_code(plan, slot.code),
            "readings": "、".join(slot.said.readings),
            "kana": half_width("、".join(slot.said.readings)),
            "strokes": slot.said.strokes,
            "radical": slot.said.radical,
            "remarks": "作字" if drawn else rng.choice(REMARKS),
            "office": rng.choice(("税務課", "収納課")),
            "from": slot.days[0],
            "to": slot.days[1],
        }
        if slot.told:
            cells |= {field: tell(row) for field, tell in TELLING.items()}
        rows.append([cells.get(field) for field in columns.values()])
    data = write_csv(list(columns), rows, plan.encoding, guard=False)
    return data if plan.separator == "," else data.replace(b",", plan.separator.encode())


def cs_table(
    plan: CodeSetPlan, slots: Iterable[Slot], rows: Mapping[str, MjRow], seed: int
) -> bytes:
    """Return a city's CS-server table (CSサーバー文字対応表): what it transmits, substitutions included."""
    rng = random.Random(f"{seed}/{plan.address}/cs")
    sent = [(shown_code(plan, slot.code), slot.juki) for slot in slots if slot.juki and slot.listed]
    drawn = [slot for slot in slots if slot.shape.mj is None and slot.listed and not slot.juki]
    sent += [(shown_code(plan, slot.code), juki) for slot, juki in zip(drawn, KANA, strict=False)]
    if plan.charset_name in ("cp932", "jef", "keis83"):
        encoding = "cp932" if plan.charset_name == "cp932" else "euc_jp"
        own = {row.own_ucs: row.juki for row in rows.values() if row.own_ucs and row.juki}
        standard = (char for char in STANDARD if char in own)
        sent += [(char.encode(encoding).hex().upper(), own[char]) for char in standard]
    if rng.random() < 0.5:
        rng.shuffle(sent)
        return write_csv(
            ("住基ネット統一文字コード", "外字コード"),
            ((j, c) for c, j in sent),
            "utf-8-sig",
            guard=False,
        )
    pairs = ((c, j and j[2:]) for c, j in sent)
    return write_csv(("内部コード", "住基コード"), pairs, "cp932", guard=False)


def vendor_table(plan: CodeSetPlan, slots: Iterable[Slot]) -> tuple[str, bytes]:
    """Return a vendor's user table with its file name; what has no code point is sent to its image."""
    pairs: dict[bytes, str] = {}
    for slot in slots:
        text = slot.shape.mj and slot.shape.like.own_ucs
        image = chr(plan.charset.image_of(slot.code) or 0)
        if slot.drawn:
            pairs[slot.code] = text if text and text not in pairs.values() else image
    comment = f"{plan.system}システム 外字"
    if plan.vendor_table == "fujitsu":
        return "unijef.txt", write_fujitsu(pairs.items(), comment)
    return "gtsto8.txt", write_hulft(pairs.items(), comment)
