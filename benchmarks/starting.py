"""Start-up time of the command line, and the memory a conversion takes at its peak."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.harness import ROOT, RUNS, Figure, Race, Section, peak, seconds_text
from benchmarks.world import RESIDENTS, World

VERSION, PYTHON, LIBRARIES = (
    "gaiji --version",
    "python -c pass",
    "python -c 'import sqlalchemy, typer, pydantic'",
)
CONVERT, IDLE, SOME = "gaiji convert, {:.1f} MB", "python -c pass, memory", 10_000


def measure(world: World) -> Section:
    race = Race()
    race.add(VERSION, lambda _: _run(sys.executable, "-m", "gaiji", "--version"))
    race.add(LIBRARIES, lambda _: _run(sys.executable, "-c", "import sqlalchemy, typer, pydantic"))
    race.add(PYTHON, lambda _: _run(sys.executable, "-c", "pass"))
    taken = race.run()
    peers = {VERSION: LIBRARIES}
    figures = [Figure(name, runs, peer=peers.get(name)) for name, runs in taken.items()]
    part = world.new_file(".csv")
    part.write_bytes(b"".join(world.residents.read_bytes().splitlines(keepends=True)[:SOME]))
    small, large = (CONVERT.format(file.stat().st_size / 1e6) for file in (part, world.residents))
    peaks: dict[str, list[float]] = {small: [], large: [], IDLE: []}
    for _ in range(RUNS):
        peaks[small].append(peak(_conversion(world, part)))
        peaks[large].append(peak(_conversion(world, world.residents)))
        peaks[IDLE].append(peak([sys.executable, "-c", "pass"]))
    part.unlink()
    figures += [
        Figure(name, tuple(runs), peer=IDLE if name != IDLE else None, measure="MiB")
        for name, runs in peaks.items()
    ]
    known = {figure.name: figure for figure in figures}
    grows = known[large].median - known[small].median
    return Section(
        tuple(figures),
        (
            "Start-up counts in scripts that call a command per code set: 16 commands of a council of eight spend "
            f"{seconds_text(16 * known[VERSION].median)} on it, 1,741 (extrapolated) "
            f"{seconds_text(1741 * known[VERSION].median)}.",
            f"A file ten times as large changes the peak by {grows:+.0f} MiB: conversion is a stream, so memory is "
            "what the tables of one release take, whatever the size of the city.",
        ),
        f"起動は {seconds_text(known[VERSION].median)}。変換の最大メモリーは {known[large].median:.0f} MiB で、"
        f"その10分の1のファイルでも {known[small].median:.0f} MiB。",
    )


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def _conversion(world: World, source: Path) -> list[str]:
    out = world.folder / "memory.out"
    return [
        *(sys.executable, "-m", "gaiji", "convert", str(source), str(out), "--from", RESIDENTS),
        *("--to", "unicode", "--on-unmapped", "escape", "--max-loss", "1000000"),
        *("--receipt", f"{out}.receipt", "--home", str(world.home)),
    ]
