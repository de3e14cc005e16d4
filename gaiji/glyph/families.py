"""Families: the characters of the reference set that share one base character (字形の系統).

A family is named by the code point that 文字情報一覧表 gives as the corresponding UCS: U+9089 for 邉 and all that
stand under it. Of a compatibility ideograph that is its unified ideograph, so 神 U+FA19 is of the family U+795E. A
変体仮名 is of its own code point. Whatever has no code point there, the council's own characters and names that
are code points themselves (U+3231) are families of their own.
"""

from __future__ import annotations

import lzma
from functools import cache

from gaiji.data import raw

UCS = {"mj": 1, "kana": 1}
"""The column of each table that has the corresponding UCS, as a character; the name is column 0."""


def family(name: str) -> str:
    """Return the family of a character (字形の系統), e.g. U+9089 of MJ026190; its own name where it has no other.

    Raises BadReference for a damaged installation.
    """
    return _families().get(name, name)


def members(family: str) -> tuple[str, ...]:
    """Return the names of a family's characters in order (系統に属する文字); of an unknown family its name alone.

    Raises BadReference for a damaged installation.
    """
    return _members().get(family, (family,))


@cache
def _families() -> dict[str, str]:
    """Return the family of every name of the shipped tables; the two columns alone, in a quarter of a whole read."""
    found: dict[str, str] = {}
    for table, column in UCS.items():
        lines = lzma.decompress(raw(table)).decode().splitlines()
        for line in lines[2:]:
            cells = line.split("\t", column + 1)
            if len(cells) > column and cells[column]:
                found[cells[0]] = f"U+{ord(cells[column]):04X}"
    return found


@cache
def _members() -> dict[str, tuple[str, ...]]:
    grouped: dict[str, list[str]] = {}
    for name, of in _families().items():
        grouped.setdefault(of, []).append(name)
    return {of: tuple(sorted(names)) for of, names in grouped.items()}


__all__ = ["family", "members"]
