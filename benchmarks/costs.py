"""What a conversion costs beside its rate: the kernel alone, loading, start-up, memory, digests; and other ways.

Figures that have a target are `Checked`; all others are told as they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.extracts import CODE_SET, FIXED, HOSTS, RESIDENT, Extracts, Kind, made
from benchmarks.harness import number_text, peak, seconds_text
from benchmarks.peers import (
    HASHING,
    TRANSLATING,
    Program,
    Programs,
    Result,
    compete,
    gaiji,
    has_option,
    program,
)
from gaiji.charset import kernel
from gaiji.charset.fast import EVENTS_AT_ONCE, ROOM, FastStream, stream_for
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.usage import count_codes

TRIED = 32_000_000
CHUNK = FastStream.chunk_bytes
OPTIONS = Options(on_unmapped="escape", max_loss=1_000_000)
FIXED_LAYOUT = """
name = "bench-fixed"
kind = "fixed"
[record]
length = 117
separator = "none"
[[field]]
name = "宛名番号"
kind = "number"
length = 10
[[field]]
name = "氏名"
mode = "double"
length = 16
[[field]]
name = "カナ"
mode = "double"
length = 24
[[field]]
name = "生年月日"
mode = "double"
length = 16
[[field]]
name = "続柄"
kind = "number"
length = 5
[[field]]
name = "住所"
mode = "double"
length = 46
[target]
unit = "bytes"
longer = "error"
growth = { single = 3, double = 3.5, mixed = 3 }
"""
CSV_LAYOUT = """
name = "bench-csv"
kind = "csv"
[table]
delimiter = ","
quote = '"'
header = false
others = "text"
"""


@dataclass(frozen=True)
class Checked:
    """A figure with its target. show: how its numbers are written; above: whether more is better."""

    name: str
    values: tuple[float, ...]
    target: float | None
    show: Callable[[float], str]
    above: bool = False

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def is_met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value >= self.target if self.above else self.value <= self.target


class Informed(NamedTuple):
    """A figure without a target: bytes of one run, and seconds of each."""

    name: str
    size: float
    runs: tuple[float, ...]


def _gigabytes(rate: float) -> str:
    return f"{rate / 1e9:.3f} GB/s"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} ×"


def _megabytes(size: float) -> str:
    return f"{size:.1f} MB"


# --- in this process


def kernels(extracts: Extracts, kinds: tuple[Kind, ...], runs: int) -> Iterator[Checked]:
    """Yield the rate of the kernel alone over each file, by processor time, its sides filled before."""
    if not kernel.AVAILABLE:
        return
    for kind in kinds:
        found = _kernel(extracts, kind, runs)
        yield Checked(f"kernel alone, {kind.name}, one core", found, 1e9, _gigabytes, above=True)


def _kernel(extracts: Extracts, kind: Kind, runs: int) -> tuple[float, ...]:
    with extracts.file(kind).open("rb") as file:
        data = bytearray(file.read(TRIED))
    newline = b"" if kind.records == "fixed" else _newline(extracts, kind)
    plain = len(data.translate(None, bytes(range(0x80)))) * 4 < len(data)
    count = kernel.MOST_ASCII if plain else kernel.MOST_LANES
    cuts = _cuts(data, newline)
    del cuts[(len(cuts) - 1) // count * count + 1 :]
    opened = open_mapping(extracts.mapping(kind.charset))
    stream = stream_for(opened.prepare(CODE_SET, "unicode", OPTIONS).resolver)
    assert isinstance(stream, FastStream)
    del data[cuts[-1] :]
    for at in (*range(0, len(data), CHUNK), *range(0, len(data), CHUNK)):  # its beginning too
        stream.parts(bytes(data[at : at + CHUNK]))
    table, state = stream.tables.table, stream.tables.states["000"]
    lanes = kernel.lanes(count)
    outs = [kernel.Memory(bytearray(ROOM), writable=True) for _ in lanes]
    noted = [
        kernel.Memory(bytearray(EVENTS_AT_ONCE * kernel.EVENT.size), writable=True) for _ in lanes
    ]
    rates = []
    with kernel.Memory(data) as memory:
        for _ in range(runs + 1):
            done, spent = 0, 0.0
            for at in range(0, len(cuts) - 1, count):
                for number, lane in enumerate(lanes):
                    lane.read(memory, cuts[at + number], cuts[at + number + 1])
                    lane.write(outs[number])
                    lane.note(noted[number])
                    lane.state = state
                started = time.process_time()
                table.run(lanes, ascii=plain)
                spent += time.process_time() - started
                done += sum(lane.consumed - cuts[at + number] for number, lane in enumerate(lanes))
            if done < 0.98 * cuts[-1]:
                raise RuntimeError(f"the kernel stopped in {kind.name} after {done:,} bytes")
            rates.append(done / spent)
    return tuple(rates[1:])


def _newline(extracts: Extracts, kind: Kind) -> bytes:
    end = open_mapping(extracts.mapping(kind.charset)).there.source
    return end.script.newline


def _cuts(data: bytearray, newline: bytes) -> list[int]:
    """Return where pieces begin, a quarter of a chunk each, behind line ends or records."""
    cuts = [0]
    while cuts[-1] + CHUNK // 4 < len(data):
        at = cuts[-1] + CHUNK // 4
        if not newline:
            cuts.append(at - at % FIXED_RECORD)
            continue
        at = data.find(newline, at)
        while at >= 0 and at % len(newline):
            at = data.find(newline, at + 1)
        if at < 0:
            break
        cuts.append(at + len(newline))
    return cuts


FIXED_RECORD = 117


def loads(extracts: Extracts, kinds: tuple[Kind, ...], runs: int) -> Iterator[Checked]:
    """Yield the seconds that opening a mapping file takes, checksum included."""
    for name in dict.fromkeys(kind.charset for kind in kinds):
        path = extracts.mapping(name)
        taken = tuple(_opening(path) for _ in range(runs + 1))[1:]
        shown = f"opening {name}.gmap with its checksum, {path.stat().st_size / 1e6:.1f} MB"
        yield Checked(shown, taken, 0.010, seconds_text)


def _opening(path: Path) -> float:
    started = time.perf_counter()
    open_mapping(path)
    return time.perf_counter() - started


def copying(extracts: Extracts, runs: int) -> Informed:
    """Return what copying memory takes: the physical limit."""
    with extracts.file(RESIDENT).open("rb") as file:
        data = file.read(2 * TRIED)
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        bytearray(data)
        taken.append(time.perf_counter() - started)
    return Informed("memory copy", len(data), tuple(taken))


def counting(extracts: Extracts, runs: int) -> Informed:
    """Return what usage counts take, in this process."""
    with extracts.file(RESIDENT).open("rb") as file:
        data = file.read(TRIED // 2)
    parts = [data[at : at + (1 << 20)] for at in range(0, len(data), 1 << 20)]
    parts[-1] = parts[-1][: parts[-1].rfind(b"\n") + 1]
    taken = []
    for _ in range(runs):
        started = time.perf_counter()
        count_codes(parts, made("cp932"))
        taken.append(time.perf_counter() - started)
    return Informed("usage counts, resident CSV, in this process", len(data), tuple(taken))


# --- whole processes


def start_up(extracts: Extracts, runs: int, failed: list[str]) -> dict[str, Result]:
    """Return the start-up of the command: an empty file, 1 kB, and Python itself."""
    mapping, head = extracts.mapping("cp932"), extracts.folder / "head.txt"
    empty = extracts.folder / "empty.txt"
    empty.write_bytes(b"")
    head.write_bytes(_lines(extracts.file(RESIDENT), 1_000))
    programs = (
        Program("gaiji convert, an empty file", gaiji(empty, mapping)),
        Program("gaiji convert, 1 kB", gaiji(head, mapping)),
        Program("python -c pass", (sys.executable, "-c", "pass")),
    )
    return compete(programs, runs, failed)


def _lines(path: Path, size: int, newline: bytes = b"\n") -> bytes:
    with path.open("rb") as file:
        data = file.read(size)
    at = data.rfind(newline)
    while at % len(newline):
        at = data.rfind(newline, 0, at)
    return data[: at + len(newline)]


def memory(extracts: Extracts, runs: int) -> Iterator[Checked]:
    """Yield the peak of the command at each size of the resident file."""
    path, mapping = extracts.file(RESIDENT), extracts.mapping("cp932")
    large = extracts.folder / "large.txt"
    with large.open("wb") as out:
        for _ in range(4):
            out.write(path.read_bytes())
    for file in (path, large):
        peaks = tuple(peak(gaiji(file, mapping)) * 1.048576 for _ in range(runs))
        shown = f"peak memory, {file.stat().st_size / 1e6:,.0f} MB of resident CSV"
        yield Checked(shown, peaks, 64, _megabytes)
    large.unlink()


def digests(extracts: Extracts, runs: int, failed: list[str]) -> tuple[Checked, list[Informed]]:
    """Return how much slower `--digests` is than the slower of conversion and hashing, and the figures."""
    path, mapping = extracts.file(RESIDENT), extracts.mapping("cp932")
    out = extracts.folder / "converted.txt"
    _to_file(gaiji(path, mapping), out)
    receipt = extracts.folder / "receipt"
    hashing = (sys.executable, "-c", HASHING, str(path), str(out))
    programs = (
        Program("conversion", gaiji(path, mapping)),
        Program("sha256 of input and output", hashing),
        Program("conversion with --digests", gaiji(path, mapping, "--digests")),
        Program("conversion with --receipt", gaiji(path, mapping, "--receipt", str(receipt))),
    )
    size = path.stat().st_size
    taken = compete([replace(one, size=size) for one in programs], runs, failed)
    plain, hashed, both = (taken[one.name].walls for one in programs[:3])
    ratios = tuple(c / max(a, b) for a, b, c in zip(plain, hashed, both, strict=True))
    shown = "--digests against the slower of conversion and hashing"
    return Checked(shown, ratios, 1.1, _times), [informed(one) for one in taken.values()]


def informed(result: Result) -> Informed:
    """Return the figures of a program."""
    return Informed(result.program.name, result.program.size * result.program.times, result.walls)


TWO_FILES, TWO_WORKERS = "two files at once, 1 worker each", "one file, 2 workers"
TWO_CORES = {TWO_FILES: "two files at once", TWO_WORKERS: "--workers 2"}


def at_once(extracts: Extracts, runs: int, failed: list[str]) -> dict[str, Result]:
    """Return one file by one worker and by two, and two files at once by one each."""
    path, mapping = extracts.file(RESIDENT), extracts.mapping("cp932")
    size = path.stat().st_size
    programs = [
        Program("one file, 1 worker", gaiji(path, mapping), size),
        Program(TWO_FILES, gaiji(path, mapping), size, times=2),
    ]
    if has_option("--workers"):
        two = gaiji(path, mapping, "--workers", "2")
        programs.append(Program(TWO_WORKERS, two, size))
    return compete(programs, runs, failed)


def other_ways(
    extracts: Extracts, programs: Programs, runs: int, failed: list[str]
) -> Iterator[Informed]:
    """Yield slower ways to convert, and neighbours of conversion, on parts of files."""
    path, mapping = extracts.file(RESIDENT), extracts.mapping("cp932")
    part, small = (extracts.folder / name for name in ("part.txt", "small.txt"))
    part.write_bytes(_lines(path, TRIED // 2))
    small.write_bytes(_lines(path, TRIED // 16))
    size = _size(part)
    without = gaiji(part, mapping)
    check = (*program(), "lint", str(small), "--charset", "cp932")
    slow = [
        *(_back(extracts, kind) for kind in (RESIDENT, *HOSTS[:2])),
        Program("without the kernel library", without, size, {"GAIJI_KERNEL": "python"}),
        programs.python("Python codec + str.translate", TRANSLATING, part, "cp932"),
        Program("gaiji lint --charset cp932", check, _size(small), allowed=(0, 1)),
    ]
    if has_option("--layout"):
        slow += _layouts(extracts)
    yield from map(informed, compete(slow, min(runs, 3), failed, warm=False).values())


def _back(extracts: Extracts, kind: Kind) -> Program:
    """Return the way back of a part of a file."""
    part, text = (extracts.folder / f"part-{kind.charset}.{end}" for end in ("txt", "utf8"))
    mapping = extracts.mapping(kind.charset)
    part.write_bytes(_lines(extracts.file(kind), TRIED // 2, _newline(extracts, kind)))
    _to_file(gaiji(part, mapping), text)
    shown = f"back to a code set, UTF-8 → {kind.charset}"
    return Program(shown, gaiji(text, mapping, back=True), _size(text))


def _size(path: Path) -> int:
    return path.stat().st_size


def _to_file(command: tuple[str, ...], path: Path) -> None:
    """Run a conversion with its output in a file."""
    words = [str(path) if word == os.devnull else word for word in command]
    subprocess.run(words, check=True, capture_output=True)


def _layouts(extracts: Extracts) -> Iterator[Program]:
    for kind, text in ((FIXED, FIXED_LAYOUT), (RESIDENT, CSV_LAYOUT)):
        part = extracts.folder / f"part-{kind.records}.txt"
        with extracts.file(kind).open("rb") as file:
            data = file.read(TRIED)
        whole = len(data) // FIXED_RECORD * FIXED_RECORD if kind is FIXED else data.rfind(b"\n") + 1
        part.write_bytes(data[:whole])
        layout = extracts.folder / f"{kind.records}.toml"
        layout.write_text(text, "utf-8")
        mapping = extracts.mapping(kind.charset)
        command = gaiji(part, mapping, "--layout", str(layout))
        yield Program(f"with a layout, {kind.name}", command, whole)


def size_text(size: float) -> str:
    """Bytes as people read them."""
    return f"{number_text(size / 1e6)} MB"
