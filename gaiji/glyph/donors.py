"""The donor: outlines that may be modified and handed on freely, by character (字形の提供フォント).

HanaMin covers 58,348 characters of the reference set by code point or variation sequence. Its design is not the
reference font's; what a font is made of it for is told in the font's provenance file.

A sequence of the Moji_Joho collection means one character and no other. What stands at the bare code point is often
drawn as another character of the same base: of 673 characters that have two glyphs here, 327 have at their code point
the very glyph of another one's sequence. Nearness to the reference font cannot choose between the two, for designs
differ by half their ink; it only tells whose a glyph at a code point is where no sequence does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, Protocol

import uharfbuzz as hb
from PIL.Image import Image

from gaiji.errors import NoPicture, Where
from gaiji.glyph.draw import mask
from gaiji.glyph.drift import INK_PX, ink_difference
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
    """Fonts that outlines are taken from (字形の提供元). Raises NoPicture where one cannot be opened."""

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

    def own(
        self,
        row: Written,
        others: Iterable[Written],
        reference: Callable[[str], Outline | None],
    ) -> Outline | None:
        """Return the outline of a character and of no other (その文字の輪郭), None where there is none for certain.

        That of its variation sequence; else that of its code point, unless it is by sequence or by nearness that of
        one of the others. others: the characters of the same base; reference: their glyphs in the reference font.
        """
        rivals = [one for one in others if one.name != row.name]
        taken = {found: one for one in rivals if (found := self._place(one.ivs))}
        by_sequence = self._place(row.ivs)
        found = by_sequence or self._place(row.own_ucs)
        if found is None or (by_sequence is None and found in taken):
            return None
        at, index = found
        outline = read_outline(self.fonts[at], index)
        if by_sequence:  # two sequences may share one glyph
            rivals = [one for one in rivals if self._place(one.ivs) == found]
        return outline if not rivals or _is_nearest(outline, row, rivals, reference) else None

    def _place(self, text: str | None) -> tuple[int, int] | None:
        """Return font and glyph of a code point or sequence."""
        for at, font in enumerate(self.fonts if text else ()):
            if index := _index(font, *map(ord, text or "")):
                return at, index
        return None

    def has(self, row: Written) -> bool:
        """Whether anything is drawn for a character, be it another's of the same base: good for made-up cities."""
        return self._find(row) is not None

    def outline(self, row: Written) -> Outline:
        """Return what `has` found: the glyph of the code point, else of the sequence. Raises KeyError."""
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


def _is_nearest(
    outline: Outline,
    row: Written,
    rivals: Sequence[Written],
    reference: Callable[[str], Outline | None],
) -> bool:
    """Whether an outline is nearer to its character's reference glyph than to those of the others."""
    mine, ink = reference(row.name), _ink(outline)
    if mine is None:
        return False
    drawn = [other for one in rivals if (other := reference(one.name))]
    own = ink_difference(ink, _ink(mine))
    return all(own < ink_difference(ink, _ink(other)) for other in drawn)


def _ink(outline: Outline) -> Image:
    return mask(outline, INK_PX, margin=0)


def donor(settings: Settings) -> Donor:
    """Return the donor (字形の提供元), opened once; without its fonts it has no glyph."""
    return _opened(tuple(path for name in DONORS if (path := find_font(settings, name))))


@lru_cache(maxsize=4)
def _opened(paths: tuple[Path, ...]) -> Donor:
    return Donor(paths)
