"""Tables of the IBM host charsets (IBM漢字コード表) that ship with the program, read from one compact file.

Source: ICU's converters for 930, 939, 1390 and 1399, written by `tools/build_charsets.py`; provenance, licence and
checksum in `gaiji/data/charset`. 930 and 939 share their double bytes, 1390 and 1399 share theirs and have
everything of 930; the single bytes differ in each.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import gaiji.data
from gaiji.errors import BadReference, Where

FOLDER = Path(gaiji.data.__file__).parent / "charset"
FILE = "ibm.tsv.xz"
UNPACKED_LIMIT_BYTES = 1 << 20
SHARED: Mapping[str, tuple[str, ...]] = {
    "ibm930": (),
    "ibm939": ("ibm930",),
    "ibm1390": ("ibm930",),
    "ibm1399": ("ibm1390",),
}
"""The charset whose double bytes another one has too."""


@dataclass
class IbmTable:
    """One charset's single and double bytes; unwritten: double bytes that are read and never written."""

    single: dict[bytes, str] = field(default_factory=dict)
    double: dict[bytes, str] = field(default_factory=dict)
    unwritten: frozenset[bytes] = frozenset()


@cache
def ibm_tables() -> Mapping[str, IbmTable]:
    """Return the tables by charset; raises BadReference when the file is not what was built."""
    return parse((FOLDER / FILE).read_bytes())


def parse(data: bytes) -> dict[str, IbmTable]:
    """Return the tables of a file as the generator writes it.

    `@single NAME` opens lines of code and code point, `@double NAME` lines of a first code and the characters of the
    codes that follow it (`=` after the code: one character of several code points), `@unwritten NAME` lines of codes.
    """
    try:
        unpacker = lzma.LZMADecompressor()
        text = unpacker.decompress(data, UNPACKED_LIMIT_BYTES).decode()
        if not unpacker.eof:
            raise ValueError("cut off or too large")
        return _tables(text.split("\n")[1:-1])
    except (lzma.LZMAError, EOFError, ValueError, KeyError) as error:
        raise BadReference(
            f"同梱の文字コード表 {FILE} が壊れています。インストールし直してください。",
            f"The shipped code table {FILE} is damaged; install the program again.",
            where=Where(file=FILE),
        ) from error


def _tables(lines: list[str]) -> dict[str, IbmTable]:
    made: dict[str, IbmTable] = {}
    kind = name = ""
    for line in lines:
        if line.startswith("@"):
            kind, name = line[1:].split(" ")
            if name not in made:
                made[name] = IbmTable()
                for other in SHARED[name]:
                    made[name].double |= made[other].double
            continue
        cell, _, text = line.partition("\t")
        code = bytes.fromhex(cell.rstrip("="))
        match kind:
            case "single":
                made[name].single[code] = chr(int(text, 16))
            case "double" if cell.endswith("="):
                made[name].double[code] = text
            case "double":
                first = int.from_bytes(code)
                for position, character in enumerate(text):
                    made[name].double[(first + position).to_bytes(2)] = character
            case "unwritten":
                made[name].unwritten |= {code}
            case _:
                raise ValueError(line)
    for table in made.values():
        table.double = dict(sorted(table.double.items()))
    return made
