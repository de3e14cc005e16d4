"""Record layouts (レコードレイアウト): which bytes of a file are text and convert, and how the output lies.

`layoutfile` reads them from TOML and checks them; `boxes` binds them to the charsets of a conversion.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

LayoutKind = Literal["fixed", "csv", "tsv", "line", "raw"]
FieldKind = Literal["text", "binary", "packed", "signed", "number"]
CodeMode = Literal["single", "double", "mixed"]
Separator = Literal["none", "lf", "crlf"]
Unit = Literal["bytes", "columns"]
Align = Literal["left", "right"]
Longer = Literal["error", "cut", "spill"]

MAX_RECORD_BYTES = 1 << 24


@dataclass(frozen=True)
class Output:
    """How a text field lies in the output (出力の書式); None means what an outer table says.

    width: bytes, or columns (半角1・全角2). growth: width of a fixed field per byte of its source, by mode.
    longer: what happens to a value that does not fit: error, cut at a character, or spill its whole into a side file.
    """

    width: int | None = None
    unit: Unit | None = None
    pad: str | None = None
    align: Align | None = None
    mode: CodeMode | None = None
    longer: Longer | None = None
    growth: Mapping[str, float] | None = None

    def over(self, outer: Output) -> Output:
        """Return these rules, and the outer ones where these say nothing."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        return replace(outer, **said)


Outputs = Mapping[str, Output]
"""Rules by target; "" for all."""


@dataclass(frozen=True)
class Field:
    """One field (項目). offset, length: in bytes, from 0, in a fixed record; column: from 1, in a table.

    kind: text converts; binary, packed, signed and number stay as they are, byte for byte. mode: one-byte codes,
    two-byte codes without shift codes, or both. pad: half, full, none or 0x…, stripped before conversion (trim) on
    the side that align leaves. check: whether a packed or signed field must hold a number.
    """

    name: str
    kind: FieldKind = "text"
    offset: int = 0
    length: int = 0
    column: int | None = None
    mode: CodeMode = "mixed"
    pad: str = "half"
    align: Align = "left"
    trim: bool = True
    check: bool = False
    outputs: Outputs = field(default_factory=dict)

    @property
    def is_text(self) -> bool:
        """Whether it is converted."""
        return self.kind == "text"


@dataclass(frozen=True)
class Layout:
    """A record layout (レコードレイアウト) that passed its checks. file: where it came from, for messages."""

    name: str
    kind: LayoutKind
    charset: str | None = None
    note: str = ""
    length: int = 0
    separator: Separator = "none"
    delimiter: str = ","
    quote: str = '"'
    header: bool = False
    columns: int | None = None
    others: Literal["text", "binary"] = "text"
    fields: tuple[Field, ...] = ()
    outputs: Outputs = field(default_factory=dict)
    file: str | None = None

    @property
    def is_table(self) -> bool:
        """Whether records are cells between delimiters."""
        return self.kind in ("csv", "tsv")

    @property
    def spills(self) -> bool:
        """Whether some field may spill, so that a side file is needed."""
        rules = [*self.outputs.values()]
        rules += [one for each in self.fields for one in each.outputs.values()]
        return any(one.longer == "spill" for one in rules)

    def output(self, one: Field, names: tuple[str, ...]) -> Output:
        """Return the output rules of a field for a target that has these names."""
        found = Output()
        for outputs in (self.outputs, one.outputs):
            for name in ("", *names):
                if name in outputs:
                    found = outputs[name].over(found)
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Layout:
        """Return the layout that `as_dict` told."""
        fields = tuple(Field(**{**one, "outputs": _outputs(one)}) for one in told["fields"])
        return cls(**{**told, "fields": fields, "outputs": _outputs(told)})

    @cached_property
    def digest(self) -> str:
        """The sha256 of what the layout says, its names, notes and place left out."""
        told = {name: value for name, value in vars(self).items() if name in _DIGESTED}
        told["fields"] = [vars(one) for one in self.fields]
        text = json.dumps(told, sort_keys=True, separators=(",", ":"), default=vars)
        return hashlib.sha256(text.encode()).hexdigest()


def _outputs(told: dict[str, Any]) -> Outputs:
    return {name: Output(**one) for name, one in told["outputs"].items()}


_DIGESTED = [
    "kind",
    "charset",
    "length",
    "separator",
    "delimiter",
    "quote",
    "header",
    "columns",
    "others",
    "outputs",
]
