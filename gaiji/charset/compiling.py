"""Making a mapping file (対応表ファイルの作成): every token of both directions asked once, then the kernel's tables.

What goes into a file is what a conversion by the release answers; nothing is derived a second time. Tokens that follow
the way's general rule (`Absent`) have no row.
"""

from __future__ import annotations

import hashlib
import json
import struct
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from gaiji.charset.coding import coding
from gaiji.charset.conversion import Conversion, Pair
from gaiji.charset.files import replacing
from gaiji.charset.mapfile import (
    ALIGNED,
    KINDS,
    MAGIC,
    MAX_KEY,
    NO_KIND,
    PREFIX,
    ROW,
    Absent,
    MappingFile,
    described_end,
    read_mapping,
)
from gaiji.charset.standard import (
    SIX,
    cp932_writing,
    juki_non_kanji,
    x0208_repertoire,
    x0213_repertoire,
)
from gaiji.charset.tabling import kernel_sections, marked_rows
from gaiji.charset.targets import CodeSetSide, JukiSide, MjSide, PuaSide, Side, X0213Side
from gaiji.charset.ways import Step

BAKED = ("ivs", "mj_format", "as_of", "keep")
"""Options that decide what is in the file; all others are free when it is used."""


def write_mapping(path: Any, conversion: Conversion) -> str:
    """Write the mapping file of a conversion and return its digest. Raises DiskFull, StorageFailed."""
    data = mapping_bytes(conversion)
    with replacing(path) as file:
        file.write(data)
    return data[8:40].hex()


def mapping_bytes(conversion: Conversion) -> bytes:
    """Return the mapping file of a conversion (対応表ファイル), byte for byte the same for the same mapping."""
    sections: dict[str, bytes] = {}
    ways: dict[str, Any] = {}
    for name, way in (("there", conversion.way), ("back", conversion.way.back)):
        absent = _absent(way.source, way.target)
        rows = _Rows(way, absent)
        ways[name] = {"absent": absent._asdict(), "rows": len(rows.keys)}
        sections |= {f"{name}.{part}": data for part, data in rows.sections().items()}
    header: dict[str, Any] = {
        "format": 1,
        "facts": conversion.facts._asdict(),
        "baked": {name: conversion.options.as_dict()[name] for name in BAKED},
        "ends": [described_end(side) for side in conversion.sides],
        "ways": ways,
    }
    rows_alone = read_mapping(memoryview(_assembled(header, sections)))
    for one in (rows_alone.there, rows_alone.there.back):
        sections[f"{one.name}.rows"] = marked_rows(one)
    rows_alone = read_mapping(memoryview(_assembled(header, sections)))
    for name, tables in kernel_sections(rows_alone).items():
        header["ways"][name]["kernel"] = tables.described
        sections |= {f"{name}.{part}": data for part, data in tables.sections.items()}
    return _assembled(header, sections)


def compiled(conversion: Conversion) -> MappingFile:
    """Return the mapping file of a conversion in memory."""
    return read_mapping(memoryview(mapping_bytes(conversion)))


def _assembled(header: dict[str, Any], sections: dict[str, bytes]) -> bytes:
    places: dict[str, list[int]] = {}
    body = bytearray()
    for name, data in sections.items():
        places[name] = [len(body), len(data)]
        body += data + bytes(-len(data) % ALIGNED)
    text = json.dumps(
        {**header, "sections": places}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    ).encode()
    before = -(-(PREFIX.size + len(text)) // ALIGNED) * ALIGNED
    rest = struct.pack("<QQ", before + len(body), len(text)) + text
    rest += bytes(before - 40 - len(rest)) + body
    return MAGIC + hashlib.sha256(rest).digest() + rest


def _absent(source: Side, target: Side) -> Absent:
    """Return what becomes of tokens that no row names."""
    if source.script.codec is None:
        return Absent("malformed")
    byte_target = isinstance(target, CodeSetSide) and not target.charset.is_unicode
    closed = byte_target or isinstance(target, X0213Side | JukiSide | PuaSide)
    same = not closed and source.script.is_unicode and not isinstance(source, X0213Side)
    return Absent(
        "same" if same else "unmapped",
        _keep(target),
        told=source.script.is_unicode and not isinstance(source, X0213Side),
    )


def _keep(target: Side) -> str:
    match target:
        case X0213Side():
            return "image"
        case JukiSide():
            return "unit"
        case PuaSide():
            return "none"
        case CodeSetSide():
            return "any" if target.charset.is_unicode else "none"
        case _:
            return "text"


class _Rows:
    """The rows of one way, packed."""

    def __init__(self, way: Pair, absent: Absent) -> None:
        self.keys: array[int] = array("Q")
        self._rows = bytearray()
        self._outs = _Pool()
        self._words = _Pool()
        self._way, self._absent = way, absent
        source, target = way.source.script, way.target.script
        found: dict[int, tuple[int, Step]] = {}
        for key, token in _candidates(way.source, way.target):
            step = way.step(token)
            if len(key) <= MAX_KEY and step != absent.step(source, target, token):
                found[int.from_bytes(key.ljust(MAX_KEY, b"\0"))] = len(key), step
        for number in sorted(found):
            self._add(number, *found[number])

    def _add(self, number: int, length: int, step: Step) -> None:
        self.keys.append(number)
        out, kept = step.out or b"", step.kept or b""
        kind = NO_KIND if step.kind is None else KINDS.index(step.kind)
        words = [self._word(word) for word in (step.character, step.text, step.ground)]
        places = self._outs.place(out), self._outs.place(kept)
        self._rows += ROW.pack(places[0], len(out), kind, length, len(kept), *words, places[1])

    def _word(self, word: str | None) -> int:
        if word is None:
            return 0
        data = word.encode()
        return self._words.place(len(data).to_bytes(2, "little") + data) + 1

    def sections(self) -> dict[str, bytes]:
        return {
            "keys": self.keys.tobytes(),
            "rows": bytes(self._rows),
            "outs": bytes(self._outs.data),
            "words": bytes(self._words.data),
        }


class _Pool:
    """Byte strings one after the other, each once."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._places: dict[bytes, int] = {b"": 0}

    def place(self, data: bytes) -> int:
        if data not in self._places:
            self._places[data] = len(self.data)
            self.data += data
        return self._places[data]


def _candidates(source: Side, target: Side) -> Iterator[tuple[bytes, bytes]]:
    """Yield key and token of everything that may not follow the general rule."""
    if isinstance(source, CodeSetSide) and not source.charset.is_unicode:
        for code in _codes(source):
            yield code, code
        return
    if isinstance(source, JukiSide):
        for unit in (*range(0xD800), *range(0xE000, 0x10000)):
            yield unit.to_bytes(2), unit.to_bytes(2)
        return
    codec = source.script.codec or ""
    for text in dict.fromkeys(_texts(source, target)):
        token = text.encode(codec)
        yield token, token
    if isinstance(source, MjSide):
        prefix, suffix = (source.template or "").split("{}")
        for name in source.repertoire.forms:
            yield name.encode(), (prefix + name + suffix).encode()


def _codes(side: CodeSetSide) -> Iterator[bytes]:
    """Yield every well-shaped code that is a character, or lies where one may be."""
    yield from side.script.reading
    yield from side.charset.user_codes()
    spans = [span for mode in coding(side.charset).modes for span in mode.untabled]
    spans += [(area.first, area.last) for area in side.charset.family.areas]
    cut = side.tokens(side)
    for first, last in spans:
        for number in range(int.from_bytes(first), int.from_bytes(last) + 1):
            code = number.to_bytes(len(first))
            if cut.is_whole(code) and side.read(code).problem != "malformed":
                yield code


def _texts(source: Side, target: Side) -> Iterator[str]:
    yield from x0213_repertoire()
    yield from x0208_repertoire()
    yield from cp932_writing()
    yield from juki_non_kanji()
    yield from SIX
    yield from "〜‖−¢£¬"
    for side in (source, target):
        yield from _texts_of(side)


def _texts_of(side: Side) -> Iterable[str]:
    for forms in side.repertoire.forms.values():
        yield from filter(None, (forms.ucs, forms.base, forms.ivs, forms.svs, forms.x0213))
        yield from forms.sequences
        yield from (chr(point) for point in (forms.allocation, forms.pua) if point is not None)
        yield from (one.target for one in forms.reductions)
    if isinstance(side, CodeSetSide):
        if side.charset.is_unicode:
            yield from (row.code.decode(side.script.codec or "") for row in side.mapping.rows)
        else:
            yield from side.script.writing
            yield from map(chr, filter(None, map(side.charset.image_of, side.charset.user_codes())))
