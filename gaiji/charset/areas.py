"""User-defined areas of a charset (外字領域): which codes are local, and which private-use image stands for each."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, Self

from gaiji.errors import BadName

PRIVATE_USE = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
"""The private-use code points of Unicode (私用領域): the only images a local code may have."""


class _Declared(NamedTuple):
    first: bytes
    last: bytes
    trails: tuple[tuple[int, int], ...]
    image: int
    encoding: str | None = None


class UserArea(_Declared):
    """A user-defined area (外字領域): codes in row order, each with one private-use image.

    first, last: its first and last code, equally long. trails: ranges of the last byte in a row, both ends
    included; empty for a Unicode charset, where a code is a private-use code point in `encoding` and is its
    own image. image: the code point of `first`; the others follow without gaps.
    Raises BadName for one that contradicts itself.
    """

    def __new__(
        cls,
        first: bytes,
        last: bytes,
        trails: tuple[tuple[int, int], ...],
        image: int,
        encoding: str | None = None,
    ) -> Self:
        """Return the area, checked."""
        made = super().__new__(cls, first, last, trails, image, encoding)
        made._check()
        return made

    def _check(self) -> None:
        try:
            size = self.position(self.last) + 1
            self.position(self.first)
        except (ValueError, IndexError):
            raise _bad_area(self, "先頭と末尾のコード", "its first and last code") from None
        images = (self.image, self.image + size - 1)
        if self.position(self.first) != 0 or size < 1:
            raise _bad_area(self, "コードの順序", "the order of its codes")
        if not any(low <= images[0] and images[1] <= high for low, high in PRIVATE_USE):
            raise _bad_area(self, "私用領域に収まらない像", "an image outside private use")
        if self.encoding and self.code(0).decode(self.encoding) != chr(self.image):
            raise _bad_area(self, "符号位置と異なる像", "an image that is not its code point")

    @cached_property
    def size(self) -> int:
        """The number of codes."""
        return self.position(self.last) + 1

    @cached_property
    def row(self) -> int:
        """The number of codes in a full row."""
        return sum(high - low + 1 for low, high in self.trails)

    def position(self, code: bytes) -> int:
        """Return the place of a code in row order, from 0; ValueError when it is in no row."""
        if self.encoding:
            text, start = code.decode(self.encoding), self.first.decode(self.encoding)
            if len(text) != 1 or len(start) != 1:
                raise ValueError(code)
            return ord(text) - ord(start)
        if len(code) != len(self.first) or len(code) < 2:
            raise ValueError(code)
        lead = int.from_bytes(code[:-1]) - int.from_bytes(self.first[:-1])
        return lead * self.row + self._column(code[-1]) - self._column(self.first[-1])

    def holds(self, code: bytes) -> bool:
        """Whether a code lies in this area."""
        try:
            return 0 <= self.position(code) < self.size
        except ValueError:  # not of this length, trail or encoding
            return False

    def code(self, position: int) -> bytes:
        """Return the code at a place in row order, from 0."""
        if self.encoding:
            start = ord(self.first.decode(self.encoding))
            return chr(start + position).encode(self.encoding)
        lead, column = divmod(position + self._column(self.first[-1]), self.row)
        width = len(self.first) - 1
        return (int.from_bytes(self.first[:-1]) + lead).to_bytes(width) + bytes(
            [self._trail(column)]
        )

    def _column(self, trail: int) -> int:
        before = 0
        for low, high in self.trails:
            if low <= trail <= high:
                return before + trail - low
            before += high - low + 1
        raise ValueError(trail)

    def _trail(self, column: int) -> int:
        for low, high in self.trails:
            if column <= high - low:
                return low + column
            column -= high - low + 1
        raise IndexError(column)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that a code set stores."""
        return {
            "first": self.first.hex().upper(),
            "last": self.last.hex().upper(),
            "trails": [[low, high] for low, high in self.trails],
            "image": f"U+{self.image:04X}",
        }


def _bad_area(area: UserArea, ja: str, en: str) -> BadName:
    span = f"{area.first.hex().upper()}-{area.last.hex().upper()}"
    return BadName(
        f"外字領域 {span} は{ja}に誤りがあります。領域の定義を直してください。",
        f"The user-defined area {span} is wrong in {en}; correct the declaration.",
    )
