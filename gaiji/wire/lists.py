"""Lists by business system (業務システム別の一覧): which tables there are, and what their columns are."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

TableName = Literal["codes", "characters", "residuals", "decisions", "files", "adoptions"]
Status = Literal["fit", "substitute", "undecided"]
Usage = Literal["used", "unused", "uncounted"]

FILTERS = ("members", "codesets", "system", "group")
"""What every list can be narrowed by."""
TAKES: dict[TableName, tuple[str, ...]] = {
    **dict.fromkeys(("codes", "characters", "residuals"), ("status", "usage", "release")),
    "decisions": ("status", "release"),
    "files": ("release",),
    "adoptions": ("day",),
}
"""What each list takes beside that."""
TABLES: tuple[TableName, ...] = get_args(TableName)
_CHARACTERS = (
    *("character", "text", "ucs", "juki", "x0213", "koseki", "strokes", "readings"),
    *("codes", "substitutes", "members", "uses", "uncounted", "where"),
)
COLUMNS: dict[TableName, tuple[str, ...]] = {
    "codes": (
        *("codeset", "system", "group", "charset", "code", "image", "valid_from", "valid_to"),
        *("status", "character", "text", "juki", "relationship", "ground", "actor", "pending"),
        *("proposals", "listed", "glyph", "uses"),
    ),
    "characters": _CHARACTERS,
    "residuals": _CHARACTERS,
    "decisions": (
        *("serial", "at", "actor", "policy", "codeset", "system", "group", "code", "valid_from"),
        *("character", "relationship", "how", "ground", "since", "until"),
    ),
    "files": (
        *("serial", "at", "actor", "codeset", "system", "group", "kind", "role", "name"),
        *("sha256", "size", "as_of"),
    ),
    "adoptions": (
        *("site", "kind", "member", "codesets", "release", "from", "behind", "font", "ground"),
        *("by", "at"),
    ),
}


class ListShape(BaseModel):
    """A part of a list (一覧); `items` are rows of the table's columns."""

    table: TableName
    columns: list[str]
    items: list[dict[str, Any]]
    next: str | None = None
    release: int | None = Field(description="null: the state of work")
