"""Conversion in MB/s of input; the peers are Python's own decode and encode, and iconv."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Figure, Race, Section, number_text, seconds_text
from benchmarks.world import RESIDENTS, World
from gaiji.charset.convert import Conversion, Options, convert_file, restore_file
from gaiji.charset.mapping import Mapping
from gaiji.registry import releases

CONVERT, RESTORE = "cp932 → {}", "restore from {}"
TARGETS = ("unicode", "juki")
PYTHON, ICONV, COPY = (
    "Python decode and encode",
    "iconv CP932 → UTF-8",
    "reading and writing, no conversion",
)
OPTIONS = Options(on_unmapped="escape", max_loss=1_000_000)
COUNCIL_OF_EIGHT = 8 * 9.2
RESIDENTS_OF_JAPAN = 124_000_000
"""Residents, from the resident registers, rounded (2026)."""


def measure(world: World) -> Section:
    source, out = world.residents, world.new_file(".out")
    size = source.stat().st_size / 1e6
    with world.session() as session:
        mapping = releases.mapping(session, RESIDENTS, releases.find_release(session, "latest"))
    race = Race(warm=False)
    for target in TARGETS:
        made, receipt = world.new_file(f".{target}"), world.new_file(".receipt")
        race.add(CONVERT.format(target), _convert(source, made, receipt, mapping, target))
        race.add(RESTORE.format(target), _restore(made, out, receipt, mapping))
    race.add(PYTHON, lambda _: out.write_bytes(source.read_bytes().decode("cp932").encode()))
    if shutil.which("iconv"):
        race.add(ICONV, lambda _: _iconv(source, out))
    race.add(COPY, lambda _: shutil.copyfile(source, out))
    taken = race.run()
    peers = {CONVERT.format(target): PYTHON for target in TARGETS}
    peers |= {RESTORE.format(target): PYTHON for target in TARGETS}
    peers |= {name: PYTHON for name in (ICONV,) if name in taken}
    figures = tuple(Figure(name, runs, size, "MB", peers.get(name)) for name, runs in taken.items())
    known = {figure.name: figure for figure in figures}
    slowest = min(known[CONVERT.format(target)].rate for target in TARGETS)
    megabytes = size / 100_000 * RESIDENTS_OF_JAPAN
    unicode, python = known[CONVERT.format("unicode")], known[PYTHON]
    return Section(
        figures,
        (
            f"{size:.1f} MB, 100,000 records, all rates in MB of the CP932 file. A conversion counts every "
            "character by class, places every event, tries every distinct code backwards, hashes input and "
            "output and writes the receipt; the peers only convert.",
            f"One city of 100,000: {seconds_text(size / slowest)} at the slowest target. Eight: "
            f"{seconds_text(COUNCIL_OF_EIGHT / slowest)}. 47 prefectures or 1,741 municipalities, that is "
            f"{RESIDENTS_OF_JAPAN / 1e6:.0f} million records with the same length (extrapolated): "
            f"{seconds_text(megabytes / slowest)} on one core.",
        ),
        f"変換は unicode へ {number_text(unicode.rate)} MB/秒(Python 自身の {unicode.rate / python.rate:.2g} 倍)、"
        f"juki へ {number_text(known[CONVERT.format('juki')].rate)} MB/秒、復元は "
        f"{number_text(known[RESTORE.format('unicode')].rate)} MB/秒。10万人の市で {seconds_text(size / slowest)}。",
    )


def _convert(
    source: Path, out: Path, receipt: Path, mapping: Mapping, target: str
) -> Callable[[None], object]:
    """A conversion from the start: nothing resolved before is used."""
    return lambda _: convert_file(
        source, out, Conversion(mapping, target, OPTIONS), receipt=receipt
    )


def _restore(made: Path, out: Path, receipt: Path, mapping: Mapping) -> Callable[[None], object]:
    return lambda _: restore_file(made, out, receipt, lambda code_set, release: mapping)


def _iconv(source: Path, out: Path) -> None:
    with out.open("wb") as file:
        subprocess.run(
            ["iconv", "-f", "CP932", "-t", "UTF-8", str(source)], stdout=file, check=True
        )
