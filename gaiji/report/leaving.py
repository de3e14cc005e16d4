"""Everything that is one city's own, in open formats (構成市のデータ一式): for leaving, merging, the next procurement.

Fonts, lists, decisions, history, the files as they were handed in, the mappings of the latest release, and a
`MANIFEST.json` with the sha256 of every file. Nothing of another member is in it. The folder appears whole or not
at all.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Any

from gaiji.charset.charsets import Charset
from gaiji.charset.notations import COLUMNS
from gaiji.glyph.build import build_bdf, build_truetype
from gaiji.glyph.forms import Bitmap, Glyph, Outline, parse_canonical
from gaiji.registry import adoption, journal, mapfiles, members, releases
from gaiji.registry.db import Session, get_blob, today
from gaiji.registry.gaps import glyph_forms
from gaiji.registry.lists import Wanted
from gaiji.registry.owned import (
    OwnGlyph,
    handed_in,
    listed_meanings,
    named_blobs,
    own_entries,
    own_glyphs,
    own_part,
)
from gaiji.registry.tables import OPEN_END, OPEN_START, CodeSet, Release
from gaiji.registry.usage import show_usage
from gaiji.report.folders import replacing_folder
from gaiji.report.lists import exported
from gaiji.report.spreadsheets import csv_lines
from gaiji.settings import Settings
from gaiji.wire.leaving import LeavingFileShape, LeavingShape
from gaiji.wire.lists import TableName

MANIFEST, README = "MANIFEST.json", "README.txt"
TARGETS = ("unicode", "juki")
LISTED = (
    *("mj", "koseki", "touki", "ucs", "ivs", "juki", "x0213", "readings", "strokes", "radical"),
    "remarks",
)
"""What a city's list says of a code, in the order of the columns of `list.csv`."""
ABOUT = """{member} {name}

この一式は、{name}の外字について台帳にあるもののすべてです。ほかの市のものは入っていません。
Everything the registry holds of the gaiji of {member}; nothing of another member.

MANIFEST.json    ファイルの一覧とsha256 / every file with its sha256
member.json      構成市と外字セット / the member and its code sets
adoptions.json   適用状況 / which release runs where
releases.json    版のうちこの市の部分 / what each release says of this member
journal.jsonl    履歴、1行1件の正規形JSON / its acts, a canonical JSON object a line
blobs/           履歴が指す明細 / the rows that acts name, by sha256

外字セットごとのフォルダ / in the folder of each code set:
codeset.json     文字コード体系と外字領域 / charset and user-defined areas
list.csv         外字一覧。gaiji codeset import --table で受け入れられる / its list, to take in again
font-*.ttf *.bdf 字形、符号位置は私用領域の像 / its glyphs at their private-use images
                 (TrueType: em ごと / one for each em; BDF: 大きさごと / one for each size)
glyphs.jsonl     字形の正規形、提供者と利用条件、収録フォント / canonical forms, supplier and rights, in which font
codes.csv .json  外字コードの現況 / what every code means
decisions.csv .json  決定と根拠 / decisions with actor and ground
                 (csv: 表計算で開くもの / for spreadsheets; json: 値をそのまま、プログラム向け / as it is, for programs)
usage.json       使用頻度 / usage counts
files/           受け入れた原本 / files as they were handed in
mappings/        最新版の対応表 / mappings of the latest release
"""


def export_member(session: Session, settings: Settings, member: str, folder: Path) -> LeavingShape:
    """Write everything of one member into a new folder (構成市のデータ一式) and return its manifest.

    Raises UnknownMember; BadInput where the folder holds something; DiskFull, StorageFailed: then there is none.
    """
    owner = members.find_member(session, member)
    sets = members.code_sets(session, member)
    latest = releases.latest_number(session)
    release = releases.find_release(session, latest) if latest else None
    if release is not None and not own_part(release, member)["code_sets"]:
        release = None
    last = journal.last_entry(session)
    with replacing_folder(folder, lambda _: False) as place:
        box = _Box(place)
        box.text(README, ABOUT.format(member=member, name=owner.name))
        box.json("member.json", members.member_shape(session, owner).model_dump(mode="json"))
        standing = adoption.standing(session, today(), member)
        own = [one for one in standing if one.member == member]
        box.json("adoptions.json", [one.model_dump(mode="json", by_alias=True) for one in own])
        parts = [own_part(one, member) for one in releases.all_releases(session)]
        box.json("releases.json", [part for part in parts if part["code_sets"]])
        originals = {file.sha256 for one in sets for file in handed_in(session, one)}
        _write_history(session, box, member, originals)
        for code_set in sets:
            _write_set(session, box, code_set)
        if release is not None:
            _write_mappings(session, settings, box, release, member)
        shape = LeavingShape(
            member=member,
            name=owner.name,
            codesets=[one.address for one in sets],
            serial=last.serial if last else 0,
            release=release.number if release else None,
            release_digest=release.digest if release else None,
            files=box.listed(),
        )
        box.write(MANIFEST, [shape.canonical()])
    return shape


# --- parts


def _write_history(session: Session, box: _Box, member: str, originals: set[str]) -> None:
    named: dict[str, str] = {}

    def lines() -> Iterator[bytes]:
        for _, body in own_entries(session, member):
            entry = json.loads(body)
            named.update(named_blobs(session, [entry["before"], entry["after"]]))
            yield (body + "\n").encode()

    box.write("journal.jsonl", lines())
    for digest, kind in sorted(named.items()):
        if digest not in originals:
            ending = "jsonl" if kind == journal.ROWS else "bin"
            box.write(f"blobs/{digest}.{ending}", [get_blob(session, digest)[0]])


def _write_set(session: Session, box: _Box, code_set: CodeSet) -> None:
    name, charset = code_set.name, members.charset_of(session, code_set)
    shape = members.code_set_shape(session, code_set)
    box.json(f"{name}/codeset.json", shape.model_dump(mode="json"))
    box.write(f"{name}/list.csv", _list_csv(session, code_set))
    wanted = Wanted(code_sets=(code_set.address,))
    tables: tuple[TableName, ...] = ("codes", "decisions")
    for table in tables:
        box.write(f"{name}/{table}.csv", exported(session, table, wanted, "excel"))
        box.write(f"{name}/{table}.json", exported(session, table, wanted, "json"))
    box.json(f"{name}/usage.json", show_usage(session, code_set.address).model_dump(mode="json"))
    _write_glyphs(session, box, name, charset, own_glyphs(session, code_set))
    for file in handed_in(session, code_set):
        safe = re.sub(r"[^\w.-]", "_", file.name)[-80:].lstrip(".") or "file"
        data = get_blob(session, file.sha256)[0]
        box.write(f"{name}/files/{file.serial:06}-{file.role}-{safe}", [data])


def _list_csv(session: Session, code_set: CodeSet) -> Iterator[bytes]:
    """Yield a code set's list as `gaiji codeset import` reads it, every meaning with its days."""
    fields = ("code", "valid_from", "valid_to", *LISTED)

    def rows() -> Iterator[list[object]]:
        for one in listed_meanings(session, code_set):
            first = None if one.first_day == OPEN_START else one.first_day
            last = None if one.last_day == OPEN_END else one.last_day
            yield [one.code.hex().upper(), first, last, *(_said(one.listed, it) for it in LISTED)]

    return csv_lines([COLUMNS[field][0] for field in fields], rows(), "excel")


def _said(said: dict[str, Any], field: str) -> object:
    value = said.get(field)
    return "・".join(map(str, value)) if isinstance(value, list) else value


def _write_glyphs(
    session: Session, box: _Box, name: str, charset: Charset, glyphs: list[OwnGlyph]
) -> None:
    forms = glyph_forms(session, {one.sha256 for one in glyphs})
    outlines: dict[int, dict[int, tuple[str, Glyph]]] = {}
    bitmaps: dict[tuple[int, int], dict[int, Bitmap]] = {}
    last = {one.code: one for one in glyphs}  # of a code used again its last meaning
    for one in last.values():
        image, glyph = charset.image_of(one.code), parse_canonical(forms[one.sha256])
        if image is None:
            continue
        if isinstance(glyph, Outline):
            code = f"L{one.code.hex().upper()}"
            outlines.setdefault(glyph.em_units, {})[image] = (code, glyph)
        else:
            bitmaps.setdefault((glyph.width, glyph.height), {})[image] = glyph
    fonts: dict[int, str] = {}  # in which file the glyph of an image is
    for em_units, drawn in sorted(outlines.items()):
        font, held = _truetype(drawn, f"Gaiji {name}", em_units)
        if font is not None:
            box.write(f"{name}/font-{em_units}.ttf", [font])
            fonts |= dict.fromkeys(held, f"font-{em_units}.ttf")
    for (width, height), dots in sorted(bitmaps.items()):
        font = build_bdf(dots, family=f"gaiji-{name}")
        box.write(f"{name}/font-{width}x{height}.bdf", [font])
        fonts |= dict.fromkeys(dots, f"font-{width}x{height}.bdf")

    def lines() -> Iterator[bytes]:
        for one in glyphs:
            image = charset.image_of(one.code)
            is_last = one is last[one.code]
            row = {
                "code": one.code.hex().upper(),
                "from": None if one.first_day == OPEN_START else one.first_day.isoformat(),
                "sha256": one.sha256,
                "font": fonts.get(image) if is_last and image is not None else None,
                "sources": list(one.sources),
                "canonical": forms[one.sha256].decode(),
            }
            yield (json.dumps(row, ensure_ascii=False) + "\n").encode()

    box.write(f"{name}/glyphs.jsonl", lines())


def _truetype(
    drawn: dict[int, tuple[str, Glyph]], family: str, em_units: int
) -> tuple[bytes | None, Iterable[int]]:
    """Return a font and the images in it; what TrueType cannot hold is left out, and nothing is drawn otherwise.

    That is an outline beyond 16 bits, or an em that the format does not have: the canonical form has it exactly.
    """

    def built(some: dict[int, tuple[str, Glyph]]) -> bytes | None:
        try:
            return build_truetype(some, family=family, em_units=em_units)
        except (ValueError, OverflowError, struct.error):
            return None

    if (font := built(drawn)) is not None:
        return font, drawn
    fits = {image: one for image, one in drawn.items() if built({image: one}) is not None}
    return (built(fits) if fits else None), fits


def _write_mappings(
    session: Session, settings: Settings, box: _Box, release: Release, member: str
) -> None:
    for file, spec in sorted(mapfiles.served_specs(release).items()):
        if spec.codeset.startswith(f"{member}/") and spec.to in TARGETS:
            path = mapfiles.release_file(session, settings, release, spec)
            name = spec.codeset.partition("/")[2]
            box.copy(f"{name}/mappings/{file}", path)


# --- the folder


class _Box:
    """A folder that is being filled, and what is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: list[str] = []

    def write(self, name: str, parts: Iterable[bytes]) -> None:
        """Write one file and bring it to the disk."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        self._names.append(name)

    def text(self, name: str, text: str) -> None:
        self.write(name, [text.encode()])

    def json(self, name: str, value: Any) -> None:
        self.text(name, json.dumps(value, ensure_ascii=False, indent=2) + "\n")

    def copy(self, name: str, path: Path) -> None:
        with path.open("rb") as source:
            self.write(name, iter(lambda: source.read(1 << 20), b""))

    def listed(self) -> list[LeavingFileShape]:
        """Return every file with its size and sha256, by name."""
        found = []
        for name in sorted(self._names):
            with (self.folder / name).open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
            size = (self.folder / name).stat().st_size
            found.append(LeavingFileShape(name=name, bytes=size, sha256=digest))
        return found


__all__ = ["MANIFEST", "export_member"]
