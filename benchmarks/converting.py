"""Conversion of large extracts: whole processes against iconv, ICU, Python and Java, and what each figure means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks import costs
from benchmarks.costs import Checked, Informed
from benchmarks.extracts import FIXED, HOSTS, KINDS, NUMBERS, RESIDENT, Extracts, Kind
from benchmarks.harness import RUNS, Figure, Section, number_text, seconds_text
from benchmarks.peers import (
    CAT,
    GAIJI,
    ICONV,
    REPLACE,
    UCONV,
    Programs,
    Result,
    compete,
)
from benchmarks.world import World
from gaiji.charset import kernel

NEEDS_DEMO = False
TARGETS: dict[str, dict[str, float]] = {
    RESIDENT.name: {ICONV: 2.5, UCONV: 3, REPLACE: 6},
    FIXED.name: {ICONV: 2.5, UCONV: 3, REPLACE: 6},
    NUMBERS.name: {ICONV: 3},
    HOSTS[0].name: {ICONV: 2.5},
}
"""How many times as fast as each peer our command is to be, by file."""
RECORD = 1_000
PLACES = (
    ("8 cities, 0.8 million residents", 800_000),
    ("a prefecture, 1.4 million", 1_400_000),
    ("47 such prefectures, 66 million", 47 * 1_400_000),
    ("the nation, 125 million", 125_000_000),
)
QUICK = 1 / 32
"""Size of the files to try the benchmark, of what they are."""

Results = dict[str, Result]


class Measured(NamedTuple):
    """Everything that was measured."""

    extracts: Extracts
    results: dict[Kind, Results]
    checked: list[Checked]
    informed: list[Informed]
    at_once: Results
    missing: list[str]
    failed: list[str]


def measure(world: World) -> Section:
    runs = 1 if world.quick else RUNS
    folder = world.folder / "convert"
    folder.mkdir()
    extracts = Extracts(folder, QUICK if world.quick else 1)
    for kind in KINDS:
        world.say(f"writing {kind.name}")
        extracts.file(kind)
        extracts.mapping(kind.charset)
    programs = Programs(extracts)
    failed: list[str] = []
    results: dict[Kind, Results] = {}
    for kind in KINDS:
        world.say(f"converting {kind.name}")
        told: list[str] = []
        results[kind] = compete(programs.of(kind), runs, told)
        failed += [f"{kind.name}, {text}" for text in told]
        if GAIJI not in results[kind]:
            raise RuntimeError(f"gaiji could not convert {kind.name}: {told}")
    world.say("costs beside it")
    checked = [*costs.kernels(extracts, KINDS, runs), *costs.loads(extracts, KINDS, runs)]
    checked += costs.memory(extracts, runs)
    ratio, beside = costs.digests(extracts, runs, failed)
    started = costs.start_up(extracts, runs, failed)
    world.say("other ways")
    informed = [costs.copying(extracts, runs), *beside, costs.counting(extracts, min(runs, 3))]
    informed += costs.other_ways(extracts, programs, runs, failed)
    checked += [ratio, *_started(started)]
    at_once = costs.at_once(extracts, runs, failed)
    found = Measured(extracts, results, checked, informed, at_once, programs.missing, failed)
    return Section(_figures(found), tuple(_meaning(found)), _japanese(found), tuple(_lines(found)))


def _started(results: Results) -> Iterator[Checked]:
    for name, result in results.items():
        yield Checked(f"start-up: {name}", result.walls, None, seconds_text)


def _figures(found: Measured) -> tuple[Figure, ...]:
    return tuple(
        Figure(f"{kind.name}, {name}", result.walls, result.program.size / 1e6, "MB")
        for kind, results in found.results.items()
        for name, result in results.items()
    )


# --- tables


def _lines(found: Measured) -> Iterator[str]:
    yield from _comparison(found)
    yield ""
    yield from _checks(found.checked)
    yield ""
    yield from _information(found)
    yield ""
    yield from _years(found)


def _comparison(found: Measured) -> Iterator[str]:
    yield "| file | program | median | fastest … slowest | CPU | rate | ours is | target |"
    yield "|---|---|---:|---:|---:|---:|---:|---|"
    for kind, results in found.results.items():
        ours = results[GAIJI]
        shown = f"{kind.name}, {costs.size_text(ours.program.size)}"
        for name, result in results.items():
            ratio, wanted = result.wall / ours.wall, TARGETS.get(kind.name, {}).get(name)
            cells = [
                shown,
                f"**{name}**" if result is ours else name,
                seconds_text(result.wall),
                _spread(result.walls),
                seconds_text(result.cpu),
                f"{number_text(result.rate / 1e6)} MB/s",
                "" if result is ours else f"{ratio:.2f} ×" if name != CAT else f"{ratio:.2g} ×",
                "" if wanted is None else f"≥ {wanted:g} ×, {_met(ratio >= wanted)}",
            ]
            yield _row(cells)
            shown = ""


def _checks(checked: Sequence[Checked]) -> Iterator[str]:
    yield "| cost | median | lowest … highest | target |"
    yield "|---|---:|---:|---|"
    for one in checked:
        told = ""
        if one.target is not None:
            told = f"{'≥' if one.above else '≤'} {one.show(one.target)}, {_met(bool(one.is_met))}"
        spread = f"{one.show(min(one.values))} … {one.show(max(one.values))}"
        yield _row([one.name, one.show(one.value), spread, told])


def _information(found: Measured) -> Iterator[str]:
    yield "| for information | bytes | median | fastest … slowest | rate |"
    yield "|---|---:|---:|---:|---:|"
    for one in [*found.informed, *map(costs.informed, found.at_once.values())]:
        middle = median(one.runs)
        rate = f"{number_text(one.size / middle / 1e6)} MB/s"
        yield _row(
            [one.name, costs.size_text(one.size), seconds_text(middle), _spread(one.runs), rate]
        )


def _years(found: Measured) -> Iterator[str]:
    """What the rates mean for cities and the nation (extrapolated), on one core and on two."""
    yield (
        f"| extrapolated, {RECORD:,} bytes a resident | " + " | ".join(n for n, _ in PLACES) + " |"
    )
    yield "|---" + "|---:" * len(PLACES) + "|"
    for name, rate in _rates(found):
        times = (seconds_text(people * RECORD / rate) for _, people in PLACES)
        yield _row([name, *times])


def _rates(found: Measured) -> Iterator[tuple[str, float]]:
    one = found.at_once["one file, 1 worker"].rate
    gains = {
        shown: found.at_once[name].rate / one
        for name, shown in costs.TWO_CORES.items()
        if name in found.at_once
    }
    for kind in (RESIDENT, FIXED, NUMBERS, *HOSTS):
        rate = found.results[kind][GAIJI].rate
        yield f"{kind.name}, 1 core", rate
        if kind is RESIDENT:
            yield from (
                (f"{kind.name}, 2 cores, {how}", rate * gain) for how, gain in gains.items()
            )
    for name in (ICONV, REPLACE):
        if name in found.results[RESIDENT]:
            yield f"{RESIDENT.name}, {name}, 1 core", found.results[RESIDENT][name].rate


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(runs: Sequence[float]) -> str:
    return f"{seconds_text(min(runs))} … {seconds_text(max(runs))}"


def _met(yes: bool) -> str:
    return "met" if yes else "**not met**"


# --- meaning


def _meaning(found: Measured) -> Iterator[str]:
    shares = "; ".join(
        f"{name}: {one.ascii:.0%} of its bytes ASCII, {one.gaiji:.2%} of its characters gaiji"
        for name, one in found.extracts.shares.items()
    )
    yield (
        f"What is in the files, measured: {shares}. The files of hosts and UTF-16 hold the records of the "
        "resident CSV. Each has 1,000 decided gaiji; 7 of 10 become a character with its selector."
    )
    yield (
        "Every program is a whole process from start to end, reads from the page cache and writes to the null device. "
        "Ours counts every character by class, places every event and gives its report; the peers know no gaiji and "
        f"write private use, but for “{REPLACE}”, which replaces the 1,000 with one regular expression. "
        + (f"Not on this machine: {', '.join(found.missing)}. " if found.missing else "")
        + ("" if kernel.AVAILABLE else "**Without the kernel library**, which this machine lacks. ")
        + "".join(f"Failed and left out: {text}. " for text in found.failed)
    ).strip()
    missed = [*_missed(found)]
    yield f"Targets not met: {'; '.join(missed)}." if missed else "Every target is met."
    start = next(c.value for c in found.checked if c.name.startswith("start-up: gaiji convert"))
    yield (
        f"The last table is extrapolated from the rates above; a file a city adds {seconds_text(start)} of start-up "
        f"each, {seconds_text(1741 * start)} for 1,741 cities."
    )


def _missed(found: Measured) -> Iterator[str]:
    for kind, results in found.results.items():
        for name, wanted in TARGETS.get(kind.name, {}).items():
            if name in results and (ratio := _ratio(results, name)) < wanted:
                yield f"{kind.name} {ratio:.2f} × {name} ({wanted:g} wanted)"
    for one in found.checked:
        if one.is_met is False and one.target is not None:
            yield f"{one.name} {one.show(one.value)} ({one.show(one.target)} wanted)"


def _ratio(results: Results, name: str) -> float:
    return results[name].wall / results[GAIJI].wall


def _japanese(found: Measured) -> str:
    results = found.results[RESIDENT]
    rate, size = results[GAIJI].rate, costs.size_text(results[GAIJI].program.size)
    peers = "、".join(
        f"{name} の {_ratio(results, name):.2g} 倍"
        for name in (ICONV, UCONV, REPLACE)
        if name in results
    )
    nation = seconds_text(PLACES[-1][1] * RECORD / rate)
    return (
        f"住民ファイル(CP932、{size}、外字 0.5%)の変換は {number_text(rate / 1e6)} MB/秒"
        f"{f'({peers})' if peers else ''}。1億2,500万人分(1人 {RECORD:,} バイト、外挿)は1コアで {nation}。"
    )
