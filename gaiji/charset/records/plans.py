"""A layout bound to the charsets of one conversion (束縛済みレイアウト): all that converting and restoring need.

A plan is small enough for a receipt, which keeps places and no names.
"""

from __future__ import annotations

import json
import math
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, NoReturn

from gaiji.charset.charsets import charset
from gaiji.charset.records.boxes import Box
from gaiji.charset.records.layout import CodeMode, Field, Layout, Unit
from gaiji.charset.records.rows import no_column
from gaiji.charset.resolve import Resolver
from gaiji.charset.script import Script
from gaiji.errors import BadLayout, BadReceipt, Where

MAX_PLAN_BYTES = 450  # what a receipt of 1 kB has left for it
WIDE_SPACES = {
    "cp932": b"\x81\x40",
    "eucjp-ms": b"\xa1\xa1",
    "jips-j": b"\x21\x21",
    "jips-e": b"\x4f\x4f",
    **dict.fromkeys(("jef", "keis78", "keis83"), b"\x40\x40"),
    **dict.fromkeys(("ibm930", "ibm939", "ibm1390", "ibm1399"), b"\x40\x40"),
}
"""The full-width space of every byte charset: a mapping file's scripts know ASCII only."""


class Rule(NamedTuple):
    """What becomes of one field: nothing (source and target None), or from one place into another."""

    name: str | None
    size: int  # bytes in the source's record; of a table: 0
    source: Box | None = None
    target: Box | None = None
    longer: str = "error"
    check: str = ""


FREE = Rule(None, 0, Box(None), Box(None))
"""A cell that converts and may be as long as it gets."""


@dataclass(frozen=True)
class Plan:
    """A layout bound to one conversion (束縛済みレイアウト). rules: by place in the record; others: of further columns.

    is_plain: nothing but structure is checked, so bytes and receipt are those of a conversion without a layout.
    separator: line end of a fixed record, as both sides write it.
    """

    kind: str
    rules: tuple[Rule, ...]
    is_plain: bool = False
    separator: tuple[bytes, bytes] = (b"", b"")
    delimiter: str = ","
    quote: str = '"'
    header: bool = False

    @cached_property
    def texts(self) -> list[int]:
        """The places of the fields that convert."""
        return [index for index, rule in enumerate(self.rules) if rule.source]

    @property
    def size(self) -> int:
        """Bytes of a fixed record in the source, its separator left out."""
        return sum(rule.size for rule in self.rules)

    def as_list(self) -> list[Any]:
        """Return what a receipt keeps: places, not names."""
        rules: list[Any] = []
        for rule in self.rules:
            boxes = [rule.source and _told(rule.source), rule.target and _told(rule.target)]
            rules.append([rule.size, *boxes] if rule.source else rule.size)
        marks = [one.hex() for one in self.separator]
        shape = [self.delimiter, self.quote, int(self.header)]
        return [self.kind, marks, shape, rules]

    @classmethod
    def from_list(cls, told: Any) -> Plan:
        """Return the plan of a receipt; BadReceipt when it is none."""
        try:
            kind, marks, (delimiter, quote, header), rules = told
            one, two = (bytes.fromhex(mark) for mark in marks)
            made = [_rule(rule) for rule in rules]
            return cls(kind, tuple(made), False, (one, two), delimiter, quote, bool(header))
        except (TypeError, ValueError, AttributeError):
            raise BadReceipt(
                "控えのレイアウトを読めません。変換時に作った控えを使ってください。",
                "The layout in the receipt cannot be read; use the receipt made at conversion.",
            ) from None

    @property
    def is_small(self) -> bool:
        """Whether it fits a receipt."""
        text = json.dumps(self.as_list(), separators=(",", ":"))
        return len(zlib.compress(text.encode(), 9)) <= MAX_PLAN_BYTES


def _told(box: Box) -> list[Any]:
    return [box.size, box.unit[0], box.mode, box.pad.hex(), box.half.hex(), int(box.right)]


def _rule(told: Any) -> Rule:
    if isinstance(told, int):
        return Rule(None, told)
    size, source, target = told
    boxes = [
        Box(
            *(one[0], "columns" if one[1] == "c" else "bytes", int(one[2])),
            *(bytes.fromhex(one[3]), bytes.fromhex(one[4]), bool(one[5])),
        )
        for one in (source, target)
    ]
    return Rule(None, int(size), boxes[0], boxes[1])


def bind(
    layout: Layout,
    resolver: Resolver,
    to: str | None = None,
    *,
    first: list[bytes] | None = None,
    header: Where | None = None,
) -> Plan:
    """Return the plan of a layout for a conversion (レイアウトの束縛).

    to: the target as `--to` has it. first: the cells of a table's first record, without quotes; header: its place.
    Raises BadLayout when the layout is for another charset or has widths that the target's codes do not fill, and
    BadRecord when the first record lacks a column.
    """
    names = (charset_name(resolver.target.script), *([to] if to else []))
    return _Binder(layout, resolver, names, header or Where(None, 1)).plan(first or [])


class _Binder:
    def __init__(
        self, layout: Layout, resolver: Resolver, names: tuple[str, ...], header: Where
    ) -> None:
        self.layout, self.resolver, self.names, self.header = layout, resolver, names, header
        self.source, self.target = resolver.source.script, resolver.target.script
        self.field: Field | None = None

    def fail(self, ja: str, en: str) -> NoReturn:
        where = Where(
            self.layout.file or self.layout.name, field=self.field.name if self.field else None
        )
        raise BadLayout(ja, en, where=where)

    def plan(self, first: list[bytes]) -> Plan:
        layout = self.layout
        given = charset_name(self.source)
        if layout.charset and layout.charset != given:
            self.fail(
                f"このレイアウトは {layout.charset} 用で、入力は {given} です。別のレイアウトを使ってください。",
                f"The layout is for {layout.charset} and the input is {given}; use another layout.",
            )
        if layout.is_table:
            return self._table(first)
        ordered = sorted(layout.fields, key=lambda one: one.offset)
        separator = {"none": "", "lf": "\n", "crlf": "\r\n"}[layout.separator]
        ends = self._marks(separator)
        rules = tuple(self._rule(one) for one in ordered)
        return Plan(layout.kind, rules, layout.kind in ("line", "raw"), ends)

    def _marks(self, text: str) -> tuple[bytes, bytes]:
        one, two = (
            b"".join(script.newline if c == "\n" else self._code(script, c) for c in text)
            for script in (self.source, self.target)
        )
        return one, two

    def _code(self, script: Script, text: str) -> bytes:
        code = script.code(text)
        if code is None:
            self.fail(
                f"{script.name} に {text!r} のコードがありません。レイアウトを直してください。",
                f"{script.name} has no code for {text!r}; correct the layout.",
            )
        return code

    def _rule(self, one: Field) -> Rule:
        self.field = one
        if not one.is_text:
            return Rule(one.name, one.length, check=one.kind if one.check else "")
        out = self.layout.output(one, self.names)
        pad = self._pad(self.source, one.pad, one.mode) if one.trim else b""
        mode = self._mode(self.source, one.mode)
        right = one.align == "right"
        source = Box(one.length, "bytes", mode, pad, self._half(self.source, mode), right)
        width = out.width or math.ceil(one.length * (out.growth or {}).get(one.mode, 1.0))
        kind = out.mode or one.mode
        mode = self._mode(self.target, kind)
        wide = mode or (one.pad == "full" and self.target.codec is None)
        default = "full" if wide else "half"
        unit = self._unit(out.unit or "bytes", mode, one)
        target = Box(
            width,
            unit,
            mode,
            self._pad(self.target, out.pad or default, kind),
            self._half(self.target, mode),
            (out.align or one.align) == "right",
        )
        step = len(self._code(self.target, " ")) if not mode else 2
        if target.unit == "bytes" and width % step:
            self.fail(
                f"出力の幅 {width} バイトは {step} の倍数ではありません。width を直してください。",
                f"An output of {width} bytes is no multiple of {step}; correct its width.",
            )
        self.field = None
        return Rule(one.name, one.length, source, target, out.longer or "error")

    def _unit(self, unit: Unit, mode: int, one: Field) -> Unit:
        if unit == "columns" and self.target.is_shifted:
            if not mode and one.mode != "single":
                self.fail(
                    f"{self.target.name} の混在項目にはシフトコードが入るため、幅は bytes で書いてください。",
                    f"In {self.target.name} a mixed field has shift codes, so its width must be in bytes.",
                )
            return "bytes"
        return unit

    def _mode(self, script: Script, mode: CodeMode) -> int:
        return int(mode == "double" and script.is_shifted)

    def _half(self, script: Script, mode: int) -> bytes:
        return b"" if mode else self._code(script, " ")

    def _pad(self, script: Script, pad: str, mode: CodeMode) -> bytes:
        if pad == "none":
            return b""
        if pad.startswith("0x"):
            code = bytes.fromhex(pad[2:])
            if self._mode(script, mode) and len(code) % 2:
                self.fail(
                    f"2バイトコードの項目を1バイトの {pad} では埋められません。pad を直してください。",
                    f"A field of two-byte codes cannot be padded with {pad}; correct pad.",
                )
            return code
        wide = pad == "full"
        if script.codec is None and wide != (mode == "double") and (wide or script.is_shifted):
            self.fail(
                f'{script.name} では、pad = "full" は mode = "double" の項目に、"half" はほかの項目に使ってください。',
                f'In {script.name} pad = "full" is for fields of mode "double", and "half" for the others.',
            )
        return wide_space(script) if wide else self._code(script, " ")

    def _table(self, first: list[bytes]) -> Plan:
        layout = self.layout
        for mark in layout.delimiter + layout.quote:
            self._code(self.source, mark), self._code(self.target, mark)
        width = layout.columns or len(first)
        by_column = dict(self._columns(first, width))
        other = FREE if layout.others == "text" else Rule(None, 0)
        rules = tuple(by_column.get(number, other) for number in range(1, width + 1))
        plain = all(rule.source and rule.target == Box(None) for rule in rules)
        return Plan(
            layout.kind,
            rules,
            plain and self._keeps_structure(),
            delimiter=layout.delimiter,
            quote=layout.quote,
            header=layout.header,
        )

    def _keeps_structure(self) -> bool:
        """Whether no escape or name that a conversion writes can hold a delimiter or quote."""
        ends = self.resolver.source, self.resolver.target
        written = "&;-_" + "".join(end.template or "" for end in ends)
        return not set(self.layout.delimiter + self.layout.quote) & set(written)

    def _columns(self, first: list[bytes], width: int) -> list[tuple[int, Rule]]:
        found: dict[int, Rule] = {}
        for number, one in enumerate(self.layout.fields, 1):
            self.field = one
            column = one.column or number
            if one.column is None and self.layout.header and first:
                name = encoded(self.source, one.name)
                column = first.index(name) + 1 if name in first else 0
            if first and not 0 < column <= width:
                raise no_column(self.header._replace(field=one.name), column, width)
            if column in found:
                self.fail(
                    f"列 {column} は項目「{found[column].name}」にもなっています。name か column を直してください。",
                    f"Column {column} is field {found[column].name!r} too; correct name or column.",
                )
            found[column] = self._cell(one)
        self.field = None
        return list(found.items())

    def _cell(self, one: Field) -> Rule:
        if not one.is_text:
            return Rule(one.name, 0)
        out = self.layout.output(one, self.names)
        box = Box(out.width, out.unit or "bytes")
        return Rule(one.name, 0, Box(None), box, out.longer or "error")


def wide_space(script: Script) -> bytes:
    """Return the full-width space (全角空白) as a script writes it."""
    return WIDE_SPACES.get(script.name) or "\u3000".encode(script.codec or "")


def encoded(script: Script, text: str) -> bytes | None:
    """Return text as a script writes it, or None; by the charset's own table where a mapping file has ASCII only."""
    made = script.encode(text)
    if made is None and script.codec is None:
        from gaiji.charset.targets import script_of  # the tables are needed for such a header alone

        made = script_of(charset(script.name)).encode(text)
    return made


def charset_name(script: Script) -> str:
    """Return the charset's name as layouts have it."""
    return "juki" if script.name == "ucs-2" else script.name.replace("utf-16-", "utf-16")
