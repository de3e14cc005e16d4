"""The donor: outlines that may be modified and handed on freely, by character (字形の提供フォント).

HanaMin covers 58,348 characters of the reference set by code point or variation sequence. Its design is not the
reference font's; what a font is made of it for is told in the font's provenance file.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import uharfbuzz as hb

from gaiji.errors import NoPicture, Where
from gaiji.glyph.forms import Outline
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import find_font
from gaiji.settings import Settings

DONORS = ("hanamin-a", "hanamin-b")


class Written(Protocol):
    """A shared character by how it is written: its name, 実装したUCS and 実装した IVS as text."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def own_ucs(self) -> str | None: ...  # noqa: D102
    @property
    def ivs(self) -> str | None: ...  # noqa: D102


class Wanted(NamedTuple):
    """A character to be drawn (描く文字)."""

    name: str
    own_ucs: str | None
    ivs: str | None


class Donor:
    """Fonts searched by code point, then by variation sequence (字形の提供元). Raises NoPicture."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.fonts: list[hb.Font] = []
        for path in paths:
            try:
                self.fonts.append(hb.Font(hb.Face(hb.Blob.from_file_path(path))))
            except (OSError, hb.HarfBuzzError) as error:
                raise NoPicture(
                    "字形を提供するフォントを開けません。gaiji fonts fetch を実行してください。",
                    "A font that outlines are taken from cannot be opened; run gaiji fonts fetch.",
                    where=Where(file=str(path)),
                ) from error
        self._kept: dict[str, Outline] = {}

    def has(self, row: Written) -> bool:
        """Whether a character of the reference set can be drawn."""
        return self._find(row) is not None

    def outline(self, row: Written) -> Outline:
        """Return the outline of a character of the reference set. Raises KeyError."""
        if row.name not in self._kept:
            found = self._find(row)
            if found is None:
                raise KeyError(row.name)
            self._kept[row.name] = read_outline(*found)
        return self._kept[row.name]

    def _find(self, row: Written) -> tuple[hb.Font, int] | None:
        for char in filter(None, (row.own_ucs, row.ivs)):
            for font in self.fonts:
                if index := _index(font, *map(ord, char)):
                    return font, index
        return None


def _index(font: hb.Font, point: int, selector: int | None = None) -> int | None:
    found = font.get_variation_glyph(point, selector) if selector else font.get_nominal_glyph(point)
    return int(found) if found else None


def donor(settings: Settings) -> Donor:
    """Return the donor (字形の提供元), opened once; without its fonts it has no glyph."""
    return _opened(tuple(path for name in DONORS if (path := find_font(settings, name))))


@lru_cache(maxsize=4)
def _opened(paths: tuple[Path, ...]) -> Donor:
    return Donor(paths)
