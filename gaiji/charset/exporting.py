"""The rows of a mapping file for people and programs (対応表の書出し): CSV, JSON, vendors' user tables; `ucm` for ICU.

A row is a code, what it is at the target, and the direction it holds in, as in a charset's table: `both`, `read` (the
code becomes that, which is written as another code) or `write` (the text becomes the code, which reads as another).
Nothing is derived here: whatever a row says, a conversion by the same file does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from gaiji.charset import vendor
from gaiji.charset.codetable import Direction
from gaiji.charset.mapfile import FileWay, MappingFile
from gaiji.charset.tables import write_csv
from gaiji.charset.ways import End, Step
from gaiji.errors import UnsupportedConversion

COLUMNS = ("code", "to", "direction", "text", "character", "kind", "ground")
TEXTS = ("unicode", "unicode-svs", "pua", "x0213")
"""The targets that are text, for tables of vendors and of ICU."""
Vendor = Literal["hulft", "fujitsu"]
VENDOR_CHARSETS: dict[Vendor, dict[str, str]] = {
    "hulft": {
        name: letter
        for letter, names in vendor.HULFT_CHARSETS.items()
        for name in names
        if letter != "8"
    },
    "fujitsu": {"jef": "j"},
}
"""The charsets each kind of user table is for, with HULFT's letter (gt<letter>to8.txt)."""


class Line(NamedTuple):
    """One row: the bare code of the first end, the token of the other, the direction, and how it is converted."""

    code: bytes
    token: bytes
    direction: Direction
    step: Step


def lines(file: MappingFile) -> Iterator[Line]:
    """Yield the rows of a mapping file, by code and then by what they become; shift codes are left out."""
    yield from sorted(_lines(file), key=lambda line: (len(line.code), line[:3]))


def _lines(file: MappingFile) -> Iterator[Line]:
    there, back = file.there, file.there.back
    for code, step in _rows(there):
        if step.out is not None:
            token = there.target.script.bare(step.out)
            same = back.step(token).out == there.source.script.standing(code)
            yield Line(code, token, "both" if same else "read", step)
    for token, step in _rows(back):
        if step.out is not None:
            code = there.source.script.bare(step.out)
            if there.step(code).out != there.target.script.standing(token):
                yield Line(code, token, "write", step)


def _rows(way: FileWay) -> Iterator[tuple[bytes, Step]]:
    for at in range(len(way.keys)):
        key = way.keys[at].to_bytes(8)[: way.key_size(at)]
        yield _token(way.source, key), way.row(at)


def _token(end: End, key: bytes) -> bytes:
    """Return the token of a key: a name is kept without what stands around it."""
    if end.template is None:
        return key
    named = end.template.encode().replace(b"{}", key)
    return named if end.name_in(named) else key


def shown(end: End, token: bytes) -> str:
    """Return a token as people write it: `U+9089 U+E010F`, `J+9089`, `MJ026190`, else hex."""
    script = end.script
    if script.name == "ucs-2":
        return f"J+{token.hex().upper()}"
    if end.is_code_set or not script.is_unicode:
        return token.hex().upper()
    name = end.name_in(token) if end.template else None
    return name or " ".join(f"U+{ord(one):04X}" for one in token.decode(script.codec or ""))


def _cells(file: MappingFile, line: Line) -> tuple[str | None, ...]:
    target = file.there.target
    text = line.token.decode("utf-8") if target.script.codec == "utf-8" else None
    if text is not None and not text.isprintable():
        text = None
    step = line.step
    return (
        line.code.hex().upper(),
        shown(target, line.token),
        line.direction,
        text,
        step.character,
        step.kind,
        step.ground,
    )


def csv_export(file: MappingFile) -> bytes:
    """Return the rows as CSV (UTF-8 with the mark Excel needs, no cell runs as a formula)."""
    return write_csv(COLUMNS, (_cells(file, line) for line in lines(file)))


def described(file: MappingFile) -> dict[str, Any]:
    """Return what a mapping file says of itself (対応表ファイルの内容): ends, release, digests, day, rows."""
    facts, ways = file.facts, file.header["ways"]
    return {
        "from": facts.source,
        "to": facts.target,
        "release": facts.release,
        "digest": facts.digest,
        "target_digest": facts.target_digest,
        "file_digest": file.digest,
        "options": file.header["baked"],
        "rows": {"to": ways["there"]["rows"], "back": ways["back"]["rows"]},
        "bytes": len(file.data),
    }


def json_export(file: MappingFile) -> bytes:
    """Return the rows as JSON, one a line, after what the mapping is; `others`: what a code without a row becomes."""
    head = described(file) | {"others": file.there.absent.rule}
    rows = (dict(zip(COLUMNS, _cells(file, line), strict=True)) for line in lines(file))
    told = json.dumps(head, ensure_ascii=False, sort_keys=True)[:-1]
    items = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{told}, "items": [\n{items}\n]}}\n'.encode()


# --- vendors' user tables


def check_vendor(kind: Vendor, charset: str, target: str) -> None:
    """Raise UnsupportedConversion unless a vendor's user table can hold a charset's gaiji for a target."""
    able = VENDOR_CHARSETS[kind]
    if charset not in able:
        raise UnsupportedConversion(
            f"{charset} の外字セットは {kind} の表になりません。書き出せるのは {'・'.join(able)} です。",
            f"A code set in {charset} cannot be a {kind} table; it can be written for {', '.join(able)}.",
        )
    check_text(f"{kind} の表", f"{kind} table", target)


def check_text(ja: str, en: str, target: str) -> None:
    """Raise UnsupportedConversion unless a target is text, for a form named in both languages that maps to Unicode."""
    if target not in TEXTS:
        raise UnsupportedConversion(
            f"{ja}は Unicode との対応なので、変換先を {'・'.join(TEXTS)} から選んでください。",
            f"A {en} maps to Unicode; choose the target {' or '.join(TEXTS)}.",
        )


def vendor_export(file: MappingFile, kind: Vendor) -> bytes:
    """Return the gaiji of a mapping file as a vendor's user table (外字変換テーブル), the standard area left out.

    HULFT's converts to UTF-8 alone. Fujitsu's has no place for sequences: those are named in comments at its head.
    Raises UnsupportedConversion as `check_vendor`.
    """
    source, facts = file.there.source, file.facts
    check_vendor(kind, source.script.name, facts.target)
    rows = [line for line in lines(file) if source.is_local(line.code)]
    read = [(line.code, line.token.decode()) for line in rows if line.direction != "write"]
    told = [
        f"{facts.source} {source.script.name} -> {facts.target}",
        f"release {facts.release} digest {facts.digest}",
    ]
    if file.as_of:
        told.append(f"as of {file.as_of.isoformat()}")
    if kind == "hulft":
        letter = VENDOR_CHARSETS[kind][source.script.name]
        return vendor.write_hulft(read, "\n".join([*told, f"HULFT: gt{letter}to8.txt"]))
    written = [(line.code, line.token.decode()) for line in rows if line.direction != "read"]
    told += [
        f"no place here: {code.hex().upper()} {vendor.shown(text)}"
        for code, text in dict.fromkeys((*read, *written))
        if not vendor.has_place(text)
    ]
    there, back = (
        [pair for pair in pairs if vendor.has_place(pair[1])] for pairs in (read, written)
    )
    return vendor.write_fujitsu(there, "\n".join(told), back)
