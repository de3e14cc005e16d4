"""ICU's text form of a converter (.ucm), written from a mapping file: `makeconv` compiles it, ICU converts with it.

`|0` holds both ways, `|3` is only read, `|4` only written (always; `|1` would wait for a caller that asks for
fallbacks). A sequence is one row of several code points. What ICU has no place for is left to the engine: policies,
escapes, reports. `codetable.read_ucm` reads it back.

ICU writes no shift codes but 0E and 0F. Of JEF, KEIS and JIPS it gets the two-byte codes alone, for fields that hold
nothing else; `is_partial` says so, and the file's name and first lines do.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import NamedTuple

from gaiji.charset.codetable import Direction
from gaiji.charset.coding import SHAPES, SHIFTS
from gaiji.charset.exporting import check_text, lines
from gaiji.charset.mapfile import MappingFile
from gaiji.charset.script import Script
from gaiji.errors import UnsupportedConversion

STATELESS: Mapping[str, tuple[str, ...]] = {
    "cp932": ("0-7f, 81-9f:1, a1-df, e0-fc:1", "40-7e.p, 80-fc.p"),
    "eucjp-ms": ("0-7f, 8e:2, 8f:3, a1-fe:1", "a1-fe.p", "a1-df", "a1-fe:1"),
}
"""ICU's states of the charsets without shift codes: bytes, and the state after a first byte; `.p` where a code may be a
character beyond U+FFFF."""

EBCDIC_STATES = (
    "0-ff, e:1.s, f:0.s",
    "initial, 0-3f:4, e:1.s, f:0.s, 40:3, 41-fe:2, ff:4",
    "0-40:1.i, 41-fe:1.p, ff:1.i",
    "0-ff:1.i, 40:1.",
    "0-ff:1.i",
)
SO_SI = {(b"\x0e", 1), (b"\x0f", 0)}
MOST_SEQUENCE_POINTS = 10_000
"""How many code points of sequences makeconv takes."""
PRECISION: Mapping[Direction, str] = {"both": "|0", "read": "|3", "write": "|4"}


class Entry(NamedTuple):
    """One line of the CHARMAP."""

    text: str
    code: bytes
    precision: str


def is_partial(charset: str) -> bool:
    """Whether ICU has no place for a charset's shift codes, so that its two-byte codes alone are exported."""
    return any((shift.code, shift.mode) not in SO_SI for shift in SHIFTS.get(charset, ()))


def check_expressible(charset: str, target: str) -> None:
    """Raise UnsupportedConversion unless ICU can have a converter between a charset and a target."""
    if charset not in SHAPES:
        able = ", ".join(SHAPES)
        raise UnsupportedConversion(
            f"{charset} は Unicode なので .ucm になりません。書き出せるのは {able} の外字セットです。",
            f"{charset} is Unicode and cannot be a .ucm; it can be written for code sets in {able}.",
        )
    check_text(".ucm ", ".ucm", target)


def write_ucm(file: MappingFile, name: str) -> bytes:
    """Return a mapping file's code set as .ucm, whole standard area and decided gaiji (ICU用の表).

    name: of the converter, which ICU finds under the same file name. Raises UnsupportedConversion for a code set in
    Unicode and for other targets than `exporting.TEXTS`.
    """
    script, facts = file.there.source.script, file.facts
    check_expressible(script.name, facts.target)
    partial = is_partial(script.name)
    rows: list[Entry] = [
        Entry(line.token.decode("utf-8"), line.code, PRECISION[line.direction])
        for line in lines(file)
        if not partial or len(line.code) == 2
    ]
    rows, unfindable = _findable(rows, svs=facts.target == "unicode-svs")
    rows, too_many = _fitting(rows, file)
    left_out = sorted([*unfindable, *too_many])
    rows.sort(key=lambda row: (list(map(ord, row[0])), row[1]))
    told = [
        f"# {facts.source} {script.name} <-> {facts.target}",
        f"# release {facts.release} digest {facts.digest}",
    ]
    if file.as_of:
        told.append(f"# as of {file.as_of.isoformat()}")
    if partial:
        told.append("# two-byte codes alone: ICU has no place for the shift codes of this charset")
    told += [f"# not written by ICU: {_points(row.text)} {_bytes(row.code)}" for row in left_out]
    text = [*told, *_head(script, name, partial, rows), "CHARMAP"]
    text += [f"{_points(shown)} {_bytes(code)} {precision}" for shown, code, precision in rows]
    return "\n".join([*text, "END CHARMAP", ""]).encode()


def _findable(rows: list[Entry], *, svs: bool) -> tuple[list[Entry], list[Entry]]:
    """Return the rows, and those of them that ICU would not find when it writes, as rows that are only read or none.

    ICU looks sequences up by UTF-16 units and makeconv sorts them by code points: where one base has selectors on both
    sides of the surrogates (U+FE00 and U+E0100), those of plane 14 are never found. One kind stays: that of more codes
    both ways, else the target's own.
    """
    kinds: dict[str, dict[bool, list[Entry]]] = defaultdict(lambda: {False: [], True: []})
    for row in rows:
        if len(row.text) > 1 and row.precision != "|3" and row.text[1] >= "\ue000":
            kinds[row.text[0]][row.text[1] < "\U00010000"].append(row)
    left_out: list[Entry] = []
    for found in kinds.values():
        if found[False] and found[True]:
            weights = {kind: [row.precision for row in found[kind]].count("|0") for kind in found}
            even = weights[False] == weights[True]
            left_out += found[not svs if even else weights[True] < weights[False]]
    gone = set(left_out)
    kept = [row for row in rows if row not in gone]
    kept += [row._replace(precision="|3") for row in left_out if row.precision == "|0"]
    return kept, left_out


def _fitting(rows: list[Entry], file: MappingFile) -> tuple[list[Entry], list[Entry]]:
    """Return the rows that makeconv has room for, and sequences that it has none for and that are only written.

    Those that are written like their base go first: ICU passes over a selector it does not know.
    """
    codes = {row.text: row.code for row in rows if row.precision != "|3"}
    sequences = [row for row in rows if len(row.text) > 1]
    sequences.sort(key=lambda row: (row.precision == "|4", codes.get(row.text[0]) == row.code))
    ends = list(accumulate(len(row.text) for row in sequences))
    gone = sequences[bisect_right(ends, MOST_SEQUENCE_POINTS) :]
    if gone and gone[0].precision != "|4":
        raise UnsupportedConversion(
            f"{file.facts.source} には異体字シーケンスの対応が {len(sequences)} 個あり、ICU の表に収まりません。"
            ".gmap を使ってください。",
            f"{file.facts.source} maps to {len(sequences)} sequences, more than a table of ICU holds; use the "
            ".gmap.",
            where=file.where,
        )
    without = set(gone)
    return [row for row in rows if row not in without], gone


def _head(script: Script, name: str, partial: bool, rows: Iterable[Entry]) -> Iterator[str]:
    states: tuple[str, ...]
    longest = max((len(code) for _, code, _ in rows), default=2)
    if script.is_shifted and not partial:
        kind, shortest, states = "EBCDIC_STATEFUL", 1, EBCDIC_STATES
    elif partial:
        kind, shortest, states = "DBCS", 2, tuple(_double_states(script.shapes[1]))
    else:
        kind, shortest, states = "MBCS", 1, STATELESS[script.name]
    yield f'<code_set_name> "{name}"'
    yield f'<uconv_class> "{kind}"'
    yield f"<mb_cur_max> {longest}"
    yield f"<mb_cur_min> {shortest}"
    yield f"<subchar> {_bytes(script.bare(script.encode('〓') or b'?'))}"
    if script.newline != b"\n":
        yield '<icu:charsetFamily> "EBCDIC"'
    yield from (f"<icu:state> {state}" for state in states)


def _double_states(shape: bytes) -> Iterator[str]:
    """Yield the states of two-byte codes of a shape: first bytes, then the second bytes of each kind of first."""
    kinds: dict[str, list[int]] = {}
    for first in range(256):
        seconds = [
            second
            for second in range(256)
            if re.fullmatch(shape, bytes((first, second)), re.DOTALL)
        ]
        if seconds:
            kinds.setdefault(_spans(seconds), []).append(first)
    leads = (
        f"{span}:{number}"
        for number, firsts in enumerate(kinds.values(), 1)
        for span in _spans(firsts).split(", ")
    )
    yield ", ".join(leads)
    yield from (", ".join(f"{span}.p" for span in kind.split(", ")) for kind in kinds)


def _spans(values: list[int]) -> str:
    """Return sorted byte values as ICU writes them, `40-7e, 80`."""
    spans: list[list[int]] = []
    for value in values:
        if spans and spans[-1][1] == value - 1:
            spans[-1][1] = value
        else:
            spans.append([value, value])
    return ", ".join(f"{low:x}" if low == high else f"{low:x}-{high:x}" for low, high in spans)


def _points(text: str) -> str:
    return "".join(f"<U{ord(one):04X}>" for one in text)


def _bytes(code: bytes) -> str:
    return "".join(rf"\x{byte:02X}" for byte in code)
