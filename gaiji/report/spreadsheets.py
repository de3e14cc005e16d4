"""Tables of any length for other programs: plain CSV, CSV that Excel opens safely, JSON (一覧の書出し)."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from gaiji.charset.cells import guarded

ListFormat = Literal["csv", "excel", "json"]
CHUNK = 1 << 16


def csv_lines(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    form: Literal["csv", "excel"],
) -> Iterator[bytes]:
    """Yield a CSV file in UTF-8, piece by piece (CSV).

    `csv` holds every value as it is, for programs. `excel` begins with the mark Excel needs, and its cells are
    `guarded`, which `read_list` takes off. None is empty.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    guard = form == "excel"
    if guard:
        out.write("\ufeff")

    def taken() -> bytes:
        data = out.getvalue().encode()
        out.seek(0)
        out.truncate()
        return data

    writer.writerow(header)
    for row in rows:
        writer.writerow(map(guarded, row) if guard else row)
        if out.tell() >= CHUNK:
            yield taken()
    yield taken()


def json_lines(head: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield one JSON object, piece by piece (JSON): what stands in the head, and under `items` a row a line."""
    told = json.dumps(dict(head), ensure_ascii=False, default=str)
    yield told.removesuffix("}").encode() + (b', "items": [' if head else b'"items": [')
    comma = "\n"
    for row in rows:
        yield (comma + json.dumps(dict(row), ensure_ascii=False, default=str)).encode()
        comma = ",\n"
    yield b"\n]}\n"
