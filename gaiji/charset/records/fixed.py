"""Records of one length (固定長レコード), cut by the places of a plan and put together again."""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, NoReturn

from gaiji.charset.records.boxes import Box
from gaiji.charset.script import Script
from gaiji.errors import BadRecord, Text, Where

MOST_RECORDS, MOST_BYTES = 16, 1 << 20
"""How much of a file is looked at to see how its records end."""


class Cut(NamedTuple):
    """Whole records by field: a column for each, their line ends (empty for a last one without), bytes in all."""

    columns: list[Sequence[bytes]]
    ends: Sequence[bytes]
    used: int


class Fixed:
    """How one side writes fixed records (固定長の形). character: the pattern of one, for widths in columns."""

    def __init__(
        self, script: Script, boxes: Sequence[Box], separator: bytes, character: re.Pattern[bytes]
    ) -> None:
        self.script, self.boxes, self.separator = script, boxes, separator
        self._character = character
        self._measured = any(box.unit == "columns" for box in boxes)
        self.size = 0 if self._measured else sum(box.size or 0 for box in boxes)
        sizes = [box.size or 0 for box in boxes] + [len(separator)] * bool(separator)
        self._struct = struct.Struct("".join(f"{size}s" for size in sizes))

    @property
    def looked_at(self) -> int:
        """How many bytes tell how the records of a file end."""
        return min(MOST_RECORDS * (self.size + 2 * len(self.script.newline)), MOST_BYTES)

    def check_ends(self, data: bytes, begin: int, file: str | None) -> None:
        """Refuse a file whose line ends are not those of the layout (行末の違い); BadRecord at its first record.

        data: what the file begins with, behind its mark of `begin` bytes. Records without line ends may hold such
        bytes by chance, so all that are looked at must be followed by them.
        """
        data = data[: self.looked_at]
        newline, cr = self.script.newline, self.script.code("\r")
        ends = {"lf": newline, **({"crlf": cr + newline} if cr else {})}
        told = next((name for name, end in ends.items() if end == self.separator), "none")
        found = None
        for name, end in ends.items():
            if name != told and data.startswith(end, self.size):
                stride = self.size + len(end)
                places = range(self.size, len(data) - len(end) + 1, stride)
                all_end = all(data.startswith(end, at) for at in places)
                if told != "none" or (all_end and (len(places) > 1 or len(data) == stride)):
                    found = name
        if found:
            shown = {"lf": "LF", "crlf": "CR LF"}[found]
            raise BadRecord(
                f"{self.size} バイトのレコードの後に行末 {shown} がありますが、レイアウトの separator は"
                f'「{told}」です。レイアウトを separator = "{found}" にしてください。',
                f"The records of {self.size} bytes are followed by {shown}, and separator in the layout is "
                f'"{told}"; write separator = "{found}" in the layout.',
                where=Where(file, 1, None, begin + self.size),
            )
        if told != "none" and len(data) >= self.size + len(newline) and newline not in data:
            raise BadRecord(
                f"{self.size} バイトのレコードの後に行末がありませんが、レイアウトの separator は"
                f'「{told}」です。レイアウトを separator = "none" にするか、項目の長さを確かめてください。',
                f"There is no line end where the records of {self.size} bytes should have one, and separator in the "
                f'layout is "{told}"; write separator = "none" in the layout, or check the lengths.',
                where=Where(file, 1, None, begin + self.size),
            )

    def cut(self, data: bytes, final: bool, first: Where) -> Cut:
        """Return the whole records at the beginning of some data; BadRecord for one of another length.

        first: the place of the first. final: nothing follows, so the last record may lack its line end.
        """
        file, record, begin = first.file, first.record or 1, first.byte_offset or 0
        if self._measured:
            return self._cut_measured(data, final, record, begin, file)
        stride = self.size + len(self.separator)
        count = len(data) // stride
        rows = list(self._struct.iter_unpack(data[: count * stride]))
        used = count * stride
        if self.separator:
            self._check_ends(data, rows, stride, record, begin, file)
        left = len(data) - used
        if final and left:
            if not self.separator or left != self.size:
                self._cut_short(data, used, record + count, begin, file)
            rows.append(self._struct.unpack(data[used:] + self.separator))
        columns: list[Sequence[bytes]] = list(zip(*rows, strict=True))
        if not rows:
            return Cut([], [], 0)
        ends = list(columns.pop()) if self.separator else [b""] * len(rows)
        if final and left:
            ends[-1], used = b"", len(data)
        return Cut(columns, ends, used)

    def _check_ends(
        self,
        data: bytes,
        rows: list[tuple[bytes, ...]],
        stride: int,
        record: int,
        begin: int,
        file: str | None,
    ) -> None:
        for index, row in enumerate(rows):
            if row[-1] == self.separator:
                continue
            at = index * stride
            found = data.find(self.separator, at, at + stride)
            told = Text(f"{found - at} バイトで", f"{found - at} bytes")
            if found < 0:
                told = Text(f"{self.size} バイトより長く", f"more than {self.size} bytes")
            raise BadRecord(
                f"レコードが{told.ja}、レイアウトの {self.size} バイトと違います。"
                "レイアウトの項目の長さと separator を確かめるか、このレコードを直してください。",
                f"The record has {told.en}, not {self.size} as in the layout; check the lengths and the "
                "separator in the layout, or correct this record.",
                where=Where(file, record + index, None, begin + at),
            )

    def _cut_short(
        self, data: bytes, at: int, record: int, begin: int, file: str | None
    ) -> NoReturn:
        raise BadRecord(
            f"ファイルがレコードの途中 ({len(data) - at} バイト目) で終わっています。"
            f"レコード長は {self.size} バイトです。"
            "ファイルが途中で切れていないか、レイアウトの長さと separator を確かめてください。",
            f"The file ends inside a record, after {len(data) - at} of {self.size} bytes; check whether it was cut, "
            "and lengths and separator in the layout.",
            where=Where(file, record, None, begin + at),
        )

    def _cut_measured(
        self, data: bytes, final: bool, record: int, begin: int, file: str | None
    ) -> Cut:
        """Cut records whose widths are in columns, character by character."""
        rows: list[list[bytes]] = []
        ends: list[bytes] = []
        used = 0
        while used < len(data):
            row, at = [], used
            for box in self.boxes:
                end = box.take(self.script, data, at, self._character)
                if end < 0:
                    break
                row.append(data[at:end])
                at = end
            whole = len(row) == len(self.boxes)
            if whole and data.startswith(self.separator, at):
                ends.append(self.separator)
                at += len(self.separator)
            elif whole and final and at == len(data):
                ends.append(b"")
            elif final or (whole and len(data) - at > len(self.separator)):
                self._cut_short(data, used, record + len(rows), begin, file)
            else:
                break
            rows.append(row)
            used = at
        return Cut(list(zip(*rows, strict=True)), ends, used)

    def parts(self, columns: Sequence[Sequence[bytes]], ends: Sequence[bytes]) -> list[bytes]:
        """Return the parts of records in order: fields, then line ends."""
        return list(chain.from_iterable(zip(*columns, ends, strict=True)))
