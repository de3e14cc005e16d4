"""What every benchmark uses: taking turns, medians with spread, tables, machine facts, marked blocks.

Cases that are compared take turns within one run, so that a busy moment of the machine meets all of them.
A figure is the median of at least `RUNS` repetitions; its spread is the fastest and the slowest of them.
"""

from __future__ import annotations

import gc
import os
import platform
import re
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

RUNS = 5
ROOT = Path(__file__).parent.parent
RESULTS = ("docs/benchmarks.md", "docs/reliability.md")
"""Files that hold results: changing them does not change what was measured."""


@dataclass(frozen=True)
class Case:
    """Something to time: `run` gets what `prepare` made; only `run` is timed."""

    run: Callable[[Any], object]
    prepare: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Figure:
    """One line of a table: seconds (or another unit) of each repetition, for an amount of work.

    amount, unit: work of one repetition, e.g. 9.2 MB; peer: name of the figure it is compared with.
    """

    name: str
    runs: tuple[float, ...]
    amount: float | None = None
    unit: str = ""
    peer: str | None = None
    measure: str = "s"

    @property
    def median(self) -> float:
        return median(self.runs)

    @property
    def rate(self) -> float:
        """Amount per second; runs per second where no amount is given."""
        return (self.amount or 1) / self.median


@dataclass(frozen=True)
class Section:
    """The results of one topic: its figures, what they mean in English, and one line in Japanese.

    lines: Markdown in place of the one table of all figures.
    """

    figures: tuple[Figure, ...]
    meaning: tuple[str, ...]
    ja: str
    lines: tuple[str, ...] = ()

    def shown(self) -> tuple[str, ...]:
        """Return the lines of its tables."""
        return self.lines or tuple(table(self.figures))

    def __getitem__(self, name: str) -> Figure:
        return {figure.name: figure for figure in self.figures}[name]


@dataclass
class Race:
    """Cases timed in turns; `add` them, then `run`."""

    runs: int = RUNS
    warm: bool = True
    cases: dict[str, Case] = field(default_factory=dict)

    def add(
        self,
        name: str,
        run: Callable[[Any], object],
        prepare: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> None:
        self.cases[name] = Case(run, prepare)

    def run(self) -> dict[str, tuple[float, ...]]:
        """Return the seconds of every repetition, the warm-up left out."""
        taken: dict[str, list[float]] = {name: [] for name in self.cases}
        for turn in range(self.runs + self.warm):
            for name, case in self.cases.items():
                with case.prepare() as given:
                    seconds = timed(case.run, given)
                if turn or not self.warm:
                    taken[name].append(seconds)
        return {name: tuple(seconds) for name, seconds in taken.items()}


def timed(run: Callable[[Any], object], given: Any) -> float:
    """Return the seconds of one call, garbage collected before it."""
    gc.collect()
    started = time.perf_counter()
    run(given)
    return time.perf_counter() - started


def line_through(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return start and slope of the least-squares line, for extrapolations that say they are such."""
    n = len(points)
    x, y = (sum(point[axis] for point in points) / n for axis in (0, 1))
    slope = sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)
    return y - slope * x, slope


# --- tables


def seconds_text(seconds: float) -> str:
    """A time as people read it: 1.23 s, 45.6 ms, 7.8 µs; minutes and hours above."""
    if seconds >= 7200:
        return f"{seconds / 3600:.1f} h"
    if seconds >= 120:
        return f"{seconds / 60:.1f} min"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size or unit == "µs":
            return (
                f"{seconds / size:.3g} {unit}"
                if seconds < 100 * size
                else f"{seconds / size:.0f} {unit}"
            )
    raise AssertionError


def number_text(number: float) -> str:
    """A number with three significant digits and thousands set off."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def table(figures: Sequence[Figure]) -> list[str]:
    """Return the lines of a Markdown table, the median first, the spread beside it, ratios last."""
    known = {figure.name: figure for figure in figures}
    lines = ["| | median | fastest … slowest | rate | compared |", "|---|---:|---:|---:|---:|"]
    for one in figures:
        show = seconds_text if one.measure == "s" else (lambda v, u=one.measure: f"{v:.0f} {u}")
        rate = f"{number_text(one.rate)} {one.unit}/s" if one.measure == "s" and one.unit else ""
        ratio = ""
        if one.peer is not None:
            ratio = f"{one.rate / known[one.peer].rate:.2g} × {one.peer}"
            if one.measure != "s":
                ratio = f"{one.median / known[one.peer].median:.2g} × {one.peer}"
        spread = f"{show(min(one.runs))} … {show(max(one.runs))}"
        lines.append(f"| {one.name} | {show(one.median)} | {spread} | {rate} | {ratio} |")
    return lines


# --- what and where


def commit() -> str:
    """Return the commit that is measured, and whether the code differs from it."""
    try:
        head = _git("rev-parse", "--short=12", "HEAD")
        changed = [
            line for line in _git("status", "--porcelain").splitlines() if line[3:] not in RESULTS
        ]
    except (OSError, subprocess.CalledProcessError):
        return "no commit (not a checkout)"
    return f"{head} with {len(changed)} changed paths" if changed else head


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.rstrip()


def machine() -> dict[str, str]:
    """Return the facts of the machine that figures depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{memory / (1 << 30):.0f} GiB",
        "CPU": _cpu(),
        "system": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "load before": f"{os.getloadavg()[0]:.1f}",
    }


def _cpu() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def measured_line() -> str:
    """Return the line under which results stand: commit and day."""
    return f"Measured at commit {commit()}, {datetime.now(UTC):%Y-%m-%d}."


# --- documents


def put_block(path: Path, name: str, lines: Sequence[str]) -> None:
    """Replace what stands between the markers of a name in a document. Raises ValueError without them."""
    text = path.read_text("utf-8")
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.DOTALL)
    body = "".join(f"{line}\n" for line in lines)
    new, count = pattern.subn(lambda found: found[1] + body + found[2], text)
    if count != 1:
        raise ValueError(f"{path} has {count} blocks named {name}; one is needed")
    temporary = path.with_suffix(".tmp")
    temporary.write_text(new, "utf-8")
    os.replace(temporary, path)


# --- helpers for processes


LAUNCHER = (
    "import resource, subprocess, sys; "
    "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
)
"""A process inherits the peak of the one that forked it, so a small one has to start what is measured."""


def peak(command: Sequence[str]) -> float:
    """Return the largest resident set of a command in MiB. Raises CalledProcessError when it fails."""
    launched = [sys.executable, "-c", LAUNCHER, *command]
    done = subprocess.run(launched, cwd=ROOT, check=True, capture_output=True)
    return int(done.stdout) / 1024


@contextmanager
def running(
    command: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Give a process that is ended with the block."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
