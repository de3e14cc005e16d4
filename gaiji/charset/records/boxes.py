"""How a value lies in its place (項目の枠): size, padding and shift mode on one side of a conversion.

A `Box` is the same notion on both sides: `unwrap` gives the value that stands in a place, `wrap` puts a value there.
Converting a field is unwrapping, the engine, wrapping; restoring it is the same the other way round.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, cast

from gaiji.charset.records.layout import Unit
from gaiji.charset.script import Script
from gaiji.charset.standard import PAIRS

_SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SECOND = re.compile("|".join(f"(?<={re.escape(p[0])}){re.escape(p[1])}" for p in PAIRS))
_HALF = re.compile("[\x00-\x7f\u00a5\u203e\uff61-\uff9f]")


def columns(script: Script, value: bytes) -> int:
    """Return the display width (表示幅) of converted text: half-width 1, everything else 2, per character.

    Half-width are ASCII, ¥, ‾ and half-width kana. A selector or the second half of か゚ belongs to its character.
    """
    if script.codec is not None:
        text = value.decode(
            script.codec, "surrogateescape" if script.name == "utf-8" else "replace"
        )
        text = _SECOND.sub("", _SELECTORS.sub("", text))
        return len(text) + len(_HALF.sub("", text))
    for shift in script.shifts:
        value = value.replace(shift, b"")
    if script.name == "eucjp-ms":
        value = re.sub(rb"\x8e(?=[\xa0-\xff])|\x8f(?=[\xa0-\xff]{2})", b"", value)
    return len(value)


class Box(NamedTuple):
    """A place for a value (項目の枠). size: None is as long as the value; pad: empty for none.

    mode: 1 for two-byte codes without shift codes. half: the half-width space, which fills what is left where the
    pad is wider than that.
    """

    size: int | None
    unit: Unit = "bytes"
    mode: int = 0
    pad: bytes = b""
    half: bytes = b""
    right: bool = False

    def measure(self, script: Script, value: bytes) -> int:
        """Return how much of the size a value takes."""
        return len(value) if self.unit == "bytes" else columns(script, value)

    def unwrap(self, script: Script, raw: bytes) -> bytes:
        """Return the value in a place, its padding left out; all of it where that could not be put back."""
        if not self.pad:
            return raw
        step = len(self.pad)
        value = raw
        if step > len(self.half) and self.half:
            value = self._stripped(value, self.half, self._odd(script, raw))
        value = self._stripped(value, self.pad, len(value) // step)
        return value if value == raw or self.wrap(script, value) == raw else raw

    def _odd(self, script: Script, raw: bytes) -> int:
        """Return how many half spaces can stand beside wide pads."""
        return 1 if self.unit == "columns" else (len(self.pad) - 1) // len(self.half)

    def _stripped(self, value: bytes, pad: bytes, most: int) -> bytes:
        step, count = len(pad), 0
        if self.right:
            while count < most and value.startswith(pad, count * step):
                count += 1
            return value[count * step :]
        end = len(value)
        while count < most and value.endswith(pad, 0, end):
            end, count = end - step, count + 1
        return value[:end]

    def wrap(self, script: Script, value: bytes) -> bytes | None:
        """Return the place filled with a value, or None when it does not fit exactly."""
        if self.size is None:
            return value
        fill = self.fill(self.size - self.measure(script, value))
        return fill if fill is None else fill + value if self.right else value + fill

    def fill(self, left: int) -> bytes | None:
        """Return what fills so much of the size, or None where nothing does."""
        if left <= 0 or not self.pad:
            return None if left else b""
        if self.unit == "bytes":
            step, odd = len(self.pad), len(self.half) or 1
        else:
            step, odd = (1 if self.pad == self.half else 2), 1
        count, rest = divmod(left, step)
        if rest % odd or (rest and not self.half):
            return None
        rests = self.half * (rest // odd)
        return rests + self.pad * count if self.right else self.pad * count + rests

    def wrapped(self, script: Script, column: Sequence[bytes]) -> list[bytes | None]:
        """Return the places filled with values; see `wrap`."""
        if self.size is None:
            return list(column)
        if self.unit != "bytes":
            return [self.wrap(script, one) for one in column]
        fills = {size: self.fill(self.size - size) for size in set(map(len, column))}
        if None in fills.values():
            return [self.wrap(script, one) for one in column]
        known = cast(dict[int, bytes], fills)
        if self.right:
            return [known[len(one)] + one for one in column]
        return [one + known[len(one)] for one in column]

    def unwrapped(self, script: Script, column: Sequence[bytes]) -> list[bytes]:
        """Return the values of places; see `unwrap`."""
        if not self.pad:
            return list(column)
        if len(self.pad) == 1 and self.unit == "bytes":
            strip = bytes.lstrip if self.right else bytes.rstrip
            return [strip(one, self.pad) for one in column]
        if len(self.pad) != 2 or self.right or self.unit != "bytes":
            return [self.unwrap(script, one) for one in column]
        pads = {size: self.pad * (size // 2) for size in range(0, (self.size or 0) + 2, 2)}
        half, pad = self.half or None, self.pad
        values: list[bytes] = []
        for one in column:
            size = len(one.rstrip(pad))
            size += (len(one) - size) & 1
            if (half and one.endswith(half)) or not one.endswith(pads[len(one) - size]):
                values.append(self.unwrap(script, one))
            else:
                values.append(one[:size])
        return values

    def take(self, script: Script, data: bytes, at: int, character: re.Pattern[bytes]) -> int:
        """Return where the place that begins at an offset ends; -1 when it does not end in the data."""
        assert self.size is not None
        if self.unit == "bytes":
            return at + self.size if at + self.size <= len(data) else -1
        width = 0
        while width < self.size:
            found = character.match(data, at)
            if not found or not found[0]:
                return -1
            at, width = found.end(), width + columns(script, found[0])
        return at if width == self.size else -1
