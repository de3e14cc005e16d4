"""Layout files (レイアウトファイル): TOML, checked as a whole before any record is read.

Kinds:

    fixed    records of one length, fields by offset and length (COBOL), with or without a line end
    csv tsv  cells between delimiters, quoted or not, with or without a header
    line     every line by itself; what a conversion without a layout does
    raw      the whole file

Shape of the file, with every key (fields of csv and tsv have `column` instead of `offset` and `length`):

    name = "…"  kind = "fixed"  charset = "jef"  note = "…"
    [record]        length, separator ("none" | "lf" | "crlf")
    [table]         delimiter, quote, header, columns, others ("text" | "binary")
    [[field]]       name, kind, offset, length, column, mode, pad, align, trim, check
    [field.target]  width, unit, pad, align, mode, longer; [field.target.NAME] for one target only
    [target]        the same for all text fields, with growth instead of width; [target.NAME]

NAME is a target as `--to` has it, or the name of its charset; another is refused. The innermost table that says
something counts.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, cast, get_args

from gaiji.charset.charsets import NAMES
from gaiji.charset.files import reason
from gaiji.charset.records.layout import (
    MAX_RECORD_BYTES,
    Align,
    CodeMode,
    Field,
    FieldKind,
    Layout,
    LayoutKind,
    Longer,
    Output,
    Outputs,
    Separator,
    Unit,
)
from gaiji.errors import BadLayout, NotFound, Text, Where

FOLDER = Path(__file__).parents[2] / "data" / "layouts"
MAX_BYTES = 1 << 20


def shipped() -> list[str]:
    """Return the names of the layouts that come with the program (同梱レイアウト)."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def find_layout(name: str | Path) -> Layout:
    """Return the layout of a file, or of a shipped name. Raises NotFound and BadLayout."""
    path = Path(name)
    if not path.exists() and str(name) in shipped():
        path = FOLDER / f"{name}.toml"
    try:
        with path.open("rb") as opened:
            data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(
            f"レイアウトがありません。ファイル名か、{'・'.join(shipped())} のどれかを指定してください。",
            f"There is no such layout; name a file or one of {', '.join(shipped())}.",
            where=Where(str(name)),
        ) from None
    except OSError as error:
        raise BadLayout(
            f"レイアウトを開けません ({reason(error).ja})。種類と権限を確かめてください。",
            f"The layout cannot be opened ({reason(error).en}); check its kind and permissions.",
            where=Where(str(name)),
        ) from None
    return read_layout(data, str(name))


def given_layout(text: str) -> Layout:
    """Return the layout of TOML text, or of a shipped name; no other file is read. Raises BadLayout.

    One line without `=` is taken for a name, as no such line is a layout.
    """
    if text in shipped():
        return find_layout(FOLDER / f"{text}.toml")
    if "=" not in text and len(text.splitlines()) == 1:
        raise BadLayout(
            f"レイアウトがありません。TOML の本文か、{'・'.join(shipped())} のどれかを指定してください。",
            f"There is no such layout; give its TOML or one of {', '.join(shipped())}.",
        )
    return read_layout(text.encode())


def read_layout(data: bytes, file: str | None = None) -> Layout:
    """Return the layout that a TOML file says (レイアウトの読込み).

    Raises BadLayout, with the field, for text that is no TOML, keys and values that are not known, fields that overlap,
    leave a gap or lie outside the record, a two-byte field of odd length, and rules that cannot hold.
    """
    try:
        told = tomllib.loads(data[: MAX_BYTES + 1].decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        why = _why_no_toml(data, error)
        raise BadLayout(
            f"レイアウトを TOML として読めません。{why.ja}",
            f"The layout cannot be read as TOML: {why.en}.",
            where=Where(file),
        ) from None
    if len(data) > MAX_BYTES:
        raise BadLayout(
            "レイアウトが 1 MiB を超えています。レイアウトのファイルか確かめてください。",
            "The layout is larger than 1 MiB; check that it is one.",
            where=Where(file),
        )
    return _Reader(file).layout(told)


def _why_no_toml(data: bytes, error: Exception) -> Text:
    """Say where text stops being TOML, in words of this program."""
    if len(data) > MAX_BYTES:
        return Text(
            "1 MiB を超えています。レイアウトのファイルか確かめてください。",
            "it is larger than 1 MiB; check that it is a layout",
        )
    if isinstance(error, UnicodeDecodeError):
        line = data.count(b"\n", 0, error.start) + 1
        return Text(
            f"{line} 行目が UTF-8 ではありません。UTF-8 で保存し直してください。",
            f"line {line} is no UTF-8; save it as UTF-8",
        )
    if found := re.search(r"line (\d+), column (\d+)", str(error)):
        at, column = found.groups()
        return Text(
            f"{at} 行目の {column} 文字目が TOML の書き方に合いません。直してください。",
            f"line {at} goes wrong at character {column}; correct it",
        )
    if isinstance(error, RecursionError):
        return Text(
            "入れ子が深すぎます。浅くしてください。", "it is nested too deeply; make it flatter"
        )
    return Text(
        "途中で終わっています。最後の行を確かめてください。",
        "it ends in the middle of something; check its last line",
    )


class _Reader:
    """Reads the tables of one file; `field` is where it is."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.field: str | None = None

    def fail(self, ja: str, en: str) -> NoReturn:
        raise BadLayout(ja, en, where=Where(self.file, field=self.field))

    def keys(self, table: Any, name: str, known: Mapping[str, Any]) -> dict[str, Any]:
        """Return a table of known keys whose values have the types or choices told."""
        if not isinstance(table, dict):
            self.fail(f"{name} は表で書いてください。", f"{name} must be a table.")
        for key, value in table.items():
            wanted = known.get(key)
            if wanted is None:
                self.fail(
                    f"{name} に「{key}」という指定はありません。{'・'.join(known)} から選んでください。",
                    f"{name} has no key {key!r}; choose one of {', '.join(known)}.",
                )
            right = (
                value in wanted
                if isinstance(wanted, tuple)
                else isinstance(value, wanted) and not (wanted is int and isinstance(value, bool))
            )
            if not right:
                choice = (
                    Text("・".join(wanted), " or ".join(wanted))
                    if isinstance(wanted, tuple)
                    else _TYPES[wanted]
                )
                self.fail(
                    f"{name} の {key} に {value!r} は使えません。{choice.ja} を書いてください。",
                    f"{name} cannot have {key} = {value!r}; write {choice.en}.",
                )
        return cast(dict[str, Any], table)

    def layout(self, told: dict[str, Any]) -> Layout:
        known = {
            "name": str,
            "kind": get_args(LayoutKind),
            "charset": NAMES,
            "note": str,
            "record": dict,
            "table": dict,
            "field": list,
            "target": dict,
        }
        top = self.keys(told, "layout", known)
        if "kind" not in top:
            self.fail(
                f"kind がありません。{'・'.join(get_args(LayoutKind))} から選んでください。",
                f"There is no kind; choose one of {', '.join(get_args(LayoutKind))}.",
            )
        kind: LayoutKind = top["kind"]
        self._allowed(top, kind)
        record = self.keys(
            top.get("record", {}), "[record]", {"length": int, "separator": get_args(Separator)}
        )
        table = self.keys(
            top.get("table", {}),
            "[table]",
            {
                "delimiter": str,
                "quote": str,
                "header": bool,
                "columns": int,
                "others": ("text", "binary"),
            },
        )
        fields = tuple(self._fields(top.get("field", []), kind))
        self.field = None
        made = Layout(
            name=top.get("name") or Path(self.file or kind).stem,
            kind=kind,
            charset=top.get("charset"),
            note=top.get("note", ""),
            length=record.get("length", sum(one.length for one in fields)),
            separator=record.get("separator", "none"),
            delimiter=table.get("delimiter", "\t" if kind == "tsv" else ","),
            quote=table.get("quote", "" if kind == "tsv" else '"'),
            header=table.get("header", False),
            columns=table.get("columns"),
            others=table.get("others", "text"),
            fields=fields,
            outputs=self._outputs(top.get("target", {}), "[target]", growth=True),
            file=self.file,
        )
        self._check_names(made)
        (self._check_table if made.is_table else self._check_record)(made)
        return made

    def _allowed(self, top: dict[str, Any], kind: LayoutKind) -> None:
        none = {"fixed": ("table",), "csv": ("record",), "tsv": ("record",)}
        for key in none.get(kind, ("record", "table", "field", "target")):
            if key in top:
                self.fail(
                    f"{kind} のレイアウトに {key} は書けません。取り除いてください。",
                    f"A layout of kind {kind} has no {key}; take it out.",
                )

    def _fields(self, told: list[Any], kind: LayoutKind) -> Iterator[Field]:
        known: dict[str, Any] = {
            "name": str,
            "kind": get_args(FieldKind),
            "mode": get_args(CodeMode),
            "check": bool,
            "target": dict,
        }
        fixed = {
            "offset": int,
            "length": int,
            "pad": str,
            "align": get_args(Align),
            "trim": bool,
        }
        known |= fixed if kind == "fixed" else {"column": int}
        at = 0
        for number, each in enumerate(told, 1):
            self.field = each.get("name") if isinstance(each, dict) else None
            self.field = self.field if isinstance(self.field, str) else f"#{number}"
            table = self.keys(each, "[[field]]", known)
            if not table.get("name"):
                self.fail("項目に name がありません。", "The field has no name; give it one.")
            made = self._field(table, at)
            at = made.offset + made.length
            yield made

    def _field(self, table: dict[str, Any], at: int) -> Field:
        mode: CodeMode = table.get("mode", "mixed")
        pad = self._pad(table.get("pad", "full" if mode == "double" else "half"))
        outputs = self._outputs(table.pop("target", {}), "[field.target]", growth=False)
        said = {key: value for key, value in table.items() if key != "pad"}
        made = Field(**{"offset": at, **said, "mode": mode, "pad": pad, "outputs": outputs})
        if not made.is_text and (outputs or {"mode", "pad", "align", "trim"} & set(table)):
            self.fail(
                f"{made.kind} の項目は変換しないので、mode・pad・align・trim・target は書けません。",
                f"A {made.kind} field is left as it is; take mode, pad, align, trim and target out.",
            )
        if made.check and made.kind not in ("packed", "signed"):
            self.fail(
                "check は packed か signed の項目に書いてください。",
                "Only a packed or signed field can have check.",
            )
        return made

    def _pad(self, pad: str) -> str:
        try:
            if pad.startswith("0x") and 1 <= len(bytes.fromhex(pad[2:])) <= 4:
                return pad
        except ValueError:
            pass
        if pad not in ("half", "full", "none"):
            self.fail(
                f"pad に {pad!r} は使えません。half・full・none か 0x4040 のような16進数を書いてください。",
                f"pad cannot be {pad!r}; write half, full, none or hex like 0x4040.",
            )
        return pad

    def _outputs(self, told: dict[str, Any], name: str, *, growth: bool) -> Outputs:
        """Return the rules of a target table and of the tables for single targets in it."""
        general = {key: value for key, value in told.items() if not _is_target(key, value)}
        found = {"": self._output(general, name, growth=growth)} if general else {}
        for key, value in told.items():
            if _is_target(key, value):
                self._check_target(key, name)
                found[key] = self._output(value, f"{name[:-1]}.{key}]", growth=growth)
        return found

    def _check_target(self, key: str, name: str) -> None:
        """Refuse rules for a target that no conversion has, as they would never count."""
        if key in NAMES or re.fullmatch(_CODE_SET, key):
            return
        from gaiji.charset.conversion import TARGETS  # not loaded where a mapping file converts

        if key not in TARGETS:
            known = (*TARGETS, *NAMES)
            self.fail(
                f"{name} に書かれた変換先「{key}」はありません。{'・'.join(known)} か、252069/juki のような"
                "外字セットにしてください。",
                f"{name} has rules for {key!r}, which is no target; choose one of {', '.join(known)}, or a code set "
                "like 252069/juki.",
            )

    def _output(self, told: dict[str, Any], name: str, *, growth: bool) -> Output:
        known: dict[str, Any] = {
            "unit": get_args(Unit),
            "pad": str,
            "align": get_args(Align),
            "longer": get_args(Longer),
        }
        known |= (
            {"growth": (dict, int, float)} if growth else {"width": int, "mode": get_args(CodeMode)}
        )
        value = told.get("growth", 1.0)
        table = self.keys(
            {k: v for k, v in told.items() if k != "growth" or not growth}, name, known
        )
        if table.get("width", 1) < 1:
            self.fail("width は1以上にしてください。", "width must be 1 or more.")
        if "pad" in table:
            table["pad"] = self._pad(table["pad"])
        made = Output(**table)
        return (
            replace(made, growth=self._growth(value, name)) if "growth" in told and growth else made
        )

    def _growth(self, told: Any, name: str) -> dict[str, float]:
        by_mode = told if isinstance(told, dict) else dict.fromkeys(get_args(CodeMode), told)
        known = dict.fromkeys(get_args(CodeMode), (int, float))
        for mode, value in by_mode.items():
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if mode not in known or not number or not 0 < value <= 16:
                self.fail(
                    f"{name} の growth は 0 より大きく 16 以下の数か、single・double・mixed ごとの表にしてください。",
                    f"growth of {name} must be a number up to 16, or a table of them for single, double and mixed.",
                )
        return {mode: float(value) for mode, value in by_mode.items()}

    def _check_names(self, made: Layout) -> None:
        seen: set[str] = set()
        for one in made.fields:
            self.field = one.name
            if one.name in seen:
                self.fail(
                    "同じ名前の項目が二つあります。どちらかの名前を変えてください。",
                    "Two fields have this name; rename one.",
                )
            seen.add(one.name)
        self.field = None

    def _check_record(self, made: Layout) -> None:
        if made.kind != "fixed":
            return
        if not made.fields:
            self.fail(
                "項目がありません。[[field]] を書いてください。",
                "There is no field; add [[field]].",
            )
        if not 0 < made.length <= MAX_RECORD_BYTES:
            self.fail(
                f"レコード長 {made.length} は使えません。1 から {MAX_RECORD_BYTES} までにしてください。",
                f"A record of {made.length} bytes is not possible; write 1 to {MAX_RECORD_BYTES}.",
            )
        for one in made.fields:
            self._check_field(one, made)
        order = sorted(made.fields, key=lambda one: one.offset)
        for before, one in pairwise(order):
            self.field = one.name
            if one.offset < before.offset + before.length:
                self.fail(
                    f"位置 {one.offset} は項目「{before.name}」と重なっています。offset か length を直してください。",
                    f"Its offset {one.offset} lies inside field {before.name!r}; correct offset or length.",
                )
        self.field = None
        ends = [0, *(one.offset + one.length for one in order)]
        for end, start in zip(ends, [*(one.offset for one in order), made.length], strict=True):
            if end < start:
                self.fail(
                    f"{end} バイト目から {start - end} バイトがどの項目にもありません。"
                    'kind = "binary" の項目などとして書いてください。',
                    f"The {start - end} bytes from {end} are in no field; declare them, for example as "
                    'kind = "binary".',
                )

    def _check_field(self, one: Field, made: Layout) -> None:
        self.field = one.name
        if one.length < 1 or one.offset < 0 or one.offset + one.length > made.length:
            self.fail(
                f"{one.offset} から {one.length} バイトは {made.length} バイトのレコードに収まりません。"
                "offset か length を直してください。",
                f"{one.length} bytes from {one.offset} are outside the record of {made.length} bytes; "
                "correct offset or length.",
            )
        if one.is_text and one.mode == "double" and one.length % 2:
            self.fail(
                f"2バイトコードの項目の長さが奇数 ({one.length}) です。length か mode を直してください。",
                f"A two-byte field has the odd length {one.length}; correct length or mode.",
            )
        rules = [*made.outputs.values(), *one.outputs.values()]
        if made.separator == "none" and any(rule.unit == "columns" for rule in rules):
            self.fail(
                '区切りのないレコードでは unit = "columns" を使えません。bytes にするか separator を書いてください。',
                "Records without a separator cannot have widths in columns; use bytes, or declare a separator.",
            )
        if any(rule.pad == "none" for rule in rules):
            self.fail(
                '固定長の出力に pad = "none" は使えません。half か full にしてください。',
                "Fixed output needs a pad; write half or full.",
            )
        self.field = None

    def _check_table(self, made: Layout) -> None:
        for key, mark in (("delimiter", made.delimiter), ("quote", made.quote)):
            good = len(mark) == 1 and mark.isascii() and (mark.isprintable() or mark == "\t")
            if not (good or (key == "quote" and mark == "")) or mark.isalnum():
                self.fail(
                    f"{key} に {mark!r} は使えません。英数字以外の ASCII 1文字にしてください。",
                    f"{key} cannot be {mark!r}; write one ASCII mark.",
                )
        if made.delimiter == made.quote:
            self.fail("delimiter と quote が同じです。", "delimiter and quote are the same mark.")
        if made.columns is not None and made.columns < 1:
            self.fail("columns は1以上にしてください。", "columns must be 1 or more.")
        taken: dict[int, str] = {}
        for number, one in enumerate(made.fields, 1):
            self.field = one.name
            column = one.column if one.column is not None else None if made.header else number
            if column is None:
                continue
            if column < 1 or (made.columns and column > made.columns):
                self.fail(
                    f"列 {column} は表の中にありません。column か columns を直してください。",
                    f"There is no column {column}; correct column or columns.",
                )
            if column in taken:
                self.fail(
                    f"列 {column} は項目「{taken[column]}」にもなっています。column を直してください。",
                    f"Column {column} is field {taken[column]!r} too; correct column.",
                )
            taken[column] = one.name
            if any(rule.pad or rule.align for rule in one.outputs.values()):
                self.fail(
                    "CSV・TSV の項目に pad・align は使えません。取り除いてください。",
                    "A cell is not padded; take pad and align out.",
                )
        self.field = None


_TYPES = {
    str: Text("文字列", "text"),
    int: Text("整数", "a whole number"),
    bool: Text("true・false", "true or false"),
    dict: Text("表", "a table"),
    list: Text("[[…]]", "[[…]]"),
}
_CODE_SET = "[0-9]{6}/[a-z][a-z0-9]{0,19}"
_RULES = {one.name for one in fields(Output)}


def _is_target(key: str, value: Any) -> bool:
    return isinstance(value, dict) and key not in _RULES
