"""Files of the built-in council (見本のファイル): fonts, lists, tables and residents, from a seed.

The same seed, record count and fonts give the same bytes. Nothing here touches a registry: the
folder is what eight cities would hand in, and `truth.json` what their codes truly are, which no import
reads.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaiji.demo import residents, sheets
from gaiji.demo.characters import Pool, Shape, Slot, fill
from gaiji.demo.council import CODE_SETS, City, CodeSetPlan, city
from gaiji.demo.drawing import Originals, designed, drawn_variant
from gaiji.errors import DiskFull, StorageFailed, Where
from gaiji.glyph.build import build_bdf, build_fontx2, build_truetype
from gaiji.glyph.donors import Donor
from gaiji.glyph.draw import dots
from gaiji.glyph.forms import Outline
from gaiji.glyph.reference import ReferenceFont

SEED, RECORDS = 20_151_001, 100_000
REVISION = 3  # raised when the generator would write other bytes
MANIFEST = "MANIFEST.json"
BDF_DOTS, FONTX2_DOTS = 64, 48
TROUBLE = "252069/juki"
GLYPH_FILES = {"tte": "EUDC.TTE", "bdf": "gaiji.bdf", "fontx2": "GAIJI.FNT"}


@dataclass(frozen=True)
class CodeSetFiles:
    """What a city hands in for one code set. areas: JSON of its own areas, where it has such."""

    plan: CodeSetPlan
    font: Path
    table: Path
    cs_table: Path | None
    vendor_table: Path | None
    areas: Path | None
    residents: Path | None


@dataclass(frozen=True)
class DemoFiles:
    """The council's files (見本のファイル). trouble: by name, files that must be refused or reported."""

    folder: Path
    code_sets: tuple[CodeSetFiles, ...]
    trouble: dict[str, Path]
    truth: Path

    def of(self, address: str) -> CodeSetFiles:
        """Return the files of one code set. Raises KeyError."""
        return {files.plan.address: files for files in self.code_sets}[address]


def generate(
    folder: Path,
    *,
    records: int = RECORDS,
    seed: int = SEED,
    fonts: Sequence[Path],
    reference: Path,
    progress: Callable[[str], None] = lambda line: None,
) -> DemoFiles:
    """Write the council's files into a folder and return where they are (見本の生成).

    records: residents of each city, lines of a file that holds them all; fonts: the donor fonts, HanaMin A
    and B; reference: the reference font; progress gets the address of each code set. A folder that holds
    the same files already is left as it is. Raises NoPicture when a font cannot be opened, StorageFailed
    when the folder cannot be written.
    """
    made = _described(folder)
    asked = {
        "revision": REVISION,
        "seed": seed,
        "records": records,
        "fonts": [
            hashlib.sha256(font.read_bytes()).hexdigest()
            for font in (*fonts, reference)
            if font.is_file()
        ],
    }
    if _is_made(folder, asked):
        return made
    writer = _Writer(folder)
    (folder / MANIFEST).unlink(missing_ok=True)
    workshop = _Workshop(Originals(Donor(fonts), ReferenceFont.open(reference)), seed)
    truth: dict[str, Any] = {
        "seed": seed,
        "code_sets": {},
        "drawn": {},
        "trouble": {},
        "earlier": {},
    }
    for files in made.code_sets:
        progress(files.plan.address)
        slots = workshop.hand_in(files, writer, records)
        _tell_truth(truth, files.plan.address, slots)
        if files.plan.address == TROUBLE:
            for name, data in residents.trouble_files(
                files.plan, city(files.plan.member), slots, seed
            ).items():
                writer.write(made.trouble[name], data)
    writer.write(made.truth, _json(truth))
    writer.write(folder / MANIFEST, _json({"made": asked, "files": writer.digests}))
    return made


def _described(folder: Path) -> DemoFiles:
    """Where everything lies, made or not."""
    code_sets = []
    for plan in CODE_SETS:
        own = folder / plan.member / plan.name
        vendor = {"hulft": "gtsto8.txt", "fujitsu": "unijef.txt"}.get(plan.vendor_table or "")
        code_sets.append(
            CodeSetFiles(
                plan,
                own / GLYPH_FILES[plan.glyphs],
                own / "list.csv",
                own / "cs-table.csv" if plan.cs_table else None,
                own / vendor if vendor else None,
                own / "areas.json" if plan.areas else None,
                own / "residents.csv" if plan.has_residents else None,
            )
        )
    trouble = {
        name: folder / "trouble" / name for name in ("unmapped.csv", "cut.csv", "malformed.csv")
    }
    return DemoFiles(folder, tuple(code_sets), trouble, folder / "truth.json")


def _is_made(folder: Path, asked: dict[str, Any]) -> bool:
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        return bool(manifest["made"] == asked) and all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
            for name, digest in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


class _Workshop:
    """Draws and writes what the cities hand in; keeps what several of them share."""

    def __init__(self, originals: Originals, seed: int) -> None:
        self.originals, self.seed = originals, seed
        self.pool = Pool(seed, originals)
        self.familiar: defaultdict[str, set[str]] = defaultdict(set)
        self._drawn: dict[str, Outline] = {}
        self._designed: dict[tuple[str, str], Outline] = {}

    def hand_in(self, files: CodeSetFiles, writer: _Writer, records: int) -> list[Slot]:
        """Write the files of one code set and return its slots."""
        plan, town = files.plan, city(files.plan.member)
        slots = fill(plan, self.pool, self.seed, sorted(self.familiar[plan.member]))
        self.familiar[plan.member] |= {slot.shape.id for slot in slots}
        writer.write(files.font, self.font(plan, town, slots))
        writer.write(files.table, sheets.city_list(plan, slots, self.seed))
        if files.cs_table:
            writer.write(files.cs_table, sheets.cs_table(plan, slots, self.pool.rows, self.seed))
        if files.vendor_table:
            writer.write(files.vendor_table, sheets.vendor_table(plan, slots)[1])
        if files.areas:
            writer.write(files.areas, _json(plan.charset.areas_as_json()))
        if files.residents:
            lines = round(records * plan.known)
            writer.write(
                files.residents, residents.resident_file(plan, town, slots, lines, self.seed)
            )
        return slots

    def font(self, plan: CodeSetPlan, town: City, slots: Sequence[Slot]) -> bytes:
        """Return the city's glyphs as the file its system exports."""
        outlines = {
            slot.code: self.outline(slot.shape, plan.design) for slot in slots if slot.drawn
        }
        family = f"{town.english} {plan.name}"
        if plan.glyphs == "tte":
            images = {
                plan.charset.image_of(code) or 0: outline for code, outline in outlines.items()
            }
            return build_truetype(
                {image: (f"uni{image:04X}", outline) for image, outline in images.items()},
                family=f"{family} EUDC",
                em_units=1024,
                copyright="Outlines redrawn from Hanazono Mincho, which may be modified freely",
            )
        side = BDF_DOTS if plan.glyphs == "bdf" else FONTX2_DOTS
        patterns = {int.from_bytes(code): dots(outline, side) for code, outline in outlines.items()}
        if plan.glyphs == "bdf":
            return build_bdf(patterns, family=family.replace(" ", "-"), hexadecimal=True)
        return build_fontx2(patterns, family=town.english.upper())

    def outline(self, shape: Shape, design: str) -> Outline:
        """Return how one vendor draws a gaiji."""
        key = shape.id, design
        if key not in self._designed:
            self._designed[key] = designed(self._original(shape), design)
        return self._designed[key]

    def _original(self, shape: Shape) -> Outline:
        if shape.recipe is None:
            own = self.originals.own(shape.like)
            if own is None:  # the pool chooses none
                raise KeyError(shape.id)
            return own
        if shape.id not in self._drawn:
            recipe = shape.recipe
            first = self.originals.any(recipe.first)
            second = self.originals.any(recipe.second) if recipe.second else first
            self._drawn[shape.id] = drawn_variant(recipe.way, first, second)
        return self._drawn[shape.id]


def _tell_truth(truth: dict[str, Any], address: str, slots: Sequence[Slot]) -> None:
    """Note what each code is now, what it was, which variant was drawn, and what is wrong with it."""
    past = [slot for slot in slots if slot.days[1]]
    now = [slot for slot in slots if not slot.days[1]]
    shown = {slot: slot.code.hex().upper() for slot in slots}
    truth["code_sets"][address] = {shown[slot]: slot.shape.mj for slot in now}
    truth["drawn"][address] = {shown[slot]: slot.shape.id for slot in now if slot.shape.mj is None}
    truth["trouble"][address] = {shown[slot]: slot.kind for slot in now if slot.kind}
    truth["earlier"][address] = {shown[slot]: slot.shape.mj for slot in past}


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


class _Writer:
    """Writes files by renaming them into place and remembers their digests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests: dict[str, str] = {}

    def write(self, path: Path, data: bytes) -> None:
        """Write one file; raises DiskFull, StorageFailed."""
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".making-")
            temporary = Path(name)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except OSError as error:
            if temporary:
                temporary.unlink(missing_ok=True)
            full = error.errno in (28, 122)  # ENOSPC, EDQUOT
            raise (DiskFull if full else StorageFailed)(
                "見本のファイルを書けません。空き容量と権限を確かめてください。",
                "A file of the demo cannot be written; check space and permissions.",
                where=Where(file=str(path)),
            ) from error
        self.digests[str(path.relative_to(self.folder))] = hashlib.sha256(data).hexdigest()
