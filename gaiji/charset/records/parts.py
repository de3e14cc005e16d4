"""Parts of a file of records (レコードの分割変換): what a worker says of one, and what all of them come to.

A part begins and ends at records, so that it is converted as a file of its own; `gaiji.charset.parts` has the rest.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.records.batch import FieldCount, Spill
from gaiji.charset.records.converting import Records, Write, convert_records, plan_of
from gaiji.charset.records.cutting import cuts
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.plans import Plan
from gaiji.charset.resolve import Resolver
from gaiji.charset.stream import Stream

Moved = Callable[[Place], Place]
"""The place in the file of a place in the next part."""


def record_cuts(
    path: Path | str, part_bytes: int, layout: Layout, resolver: Resolver, to: str
) -> list[tuple[int, int]]:
    """Return byte ranges of a file that begin and end at records (分割位置). Raises what `plan_of` does."""
    return cuts(path, part_bytes, plan_of(path, layout, resolver, to), resolver)


@dataclass
class Converter:
    """Converts parts of one file in one process (部分の変換): its layout, bound to the conversion once."""

    layout: Layout
    plan: Plan

    @classmethod
    def of(cls, source: str, layout: dict[str, Any], resolver: Resolver, to: str) -> Converter:
        """Return the converter of a file by a layout told as JSON."""
        made = Layout.from_dict(layout)
        return cls(made, plan_of(source, made, resolver, to))

    def convert(self, opened: BinaryIO, write: Write, stream: Stream, *, opening: bool) -> Told:
        """Convert one part; see `convert_records`."""
        spilled: list[str] = []
        records = convert_records(
            opened,
            write,
            stream,
            self.layout,
            plan=self.plan,
            spill=lambda line: spilled.append(line.decode()),
            opening=opening,
        )
        return Told(records, spilled)


@dataclass
class Told:
    """What a worker says of the records of one part (部分のレコード), places counted from its beginning.

    spilled: lines of the side file.
    """

    records: Records
    spilled: list[str]

    @property
    def count(self) -> int:
        """How many records were read."""
        return self.records.records

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields = [one.as_dict() for one in self.records.fields]
        return {"fields": fields, "header": self.records.header, "spilled": self.spilled}


@dataclass
class Totals:
    """What happened to the values of all parts, in the order of the file (項目の集計).

    header: what a receipt's header says of the layout.
    """

    header: dict[str, Any] = field(default_factory=dict)
    _counts: dict[tuple[str | None, str], FieldCount] = field(default_factory=dict)

    def add(self, told: dict[str, Any], moved: Moved, spill: Spill | None) -> None:
        """Add what a worker said of the next part, and write its lines of the side file."""
        self.header = self.header or told["header"]
        for one in told["fields"]:
            key = one["field"], one["kind"]
            total = self._counts.setdefault(key, FieldCount(*key))
            total.count += one["count"]
            total.characters += one["characters"]
            room = MAX_PLACES - len(total.places)
            total.places += [moved(Place(**place)) for place in one["places"][:room]]
        if spill:
            for line in _moved_lines(told["spilled"], moved):
                spill(line)

    @property
    def fields(self) -> list[dict[str, Any]]:
        """What a report says of the fields."""
        return [self._counts[key].as_dict() for key in sorted(self._counts, key=str)]


def _moved_lines(lines: list[str], moved: Moved) -> Iterator[bytes]:
    for line in lines:
        told = json.loads(line)
        place = moved(Place(told["record"], told["field"], told["byte_offset"]))
        yield (json.dumps(told | place._asdict(), ensure_ascii=False) + "\n").encode()
