"""Measure and write docs/benchmarks.md: python -m benchmarks [NAME …] [--home DIR] [--no-write] [--quick]."""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from types import ModuleType

from benchmarks import (
    asking,
    colliding,
    converting,
    cutting_over,
    drawing,
    fontmaking,
    identifying,
    publishing,
    reference,
    sparking,
    starting,
    taking_in,
    translating,
)
from benchmarks.harness import ROOT, Section, machine, measured_line, put_block
from benchmarks.world import World

PAGE = ROOT / "docs" / "benchmarks.md"
TOPICS: dict[str, ModuleType] = {
    "reference": reference,
    "import": taking_in,
    "publish": publishing,
    "translate": translating,
    "pictures": drawing,
    "convert": converting,
    "spark": sparking,
    "collide": colliding,
    "cutover": cutting_over,
    "fonts": fontmaking,
    "identify": identifying,
    "ask": asking,
    "start": starting,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(TOPICS)}; all by default"
    )
    parser.add_argument(
        "--home", type=Path, help="home of a demo to copy; default GAIJI_HOME or .home"
    )
    parser.add_argument("--no-write", action="store_true", help="leave docs/benchmarks.md as it is")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="small files and one round where there is a choice, to try",
    )
    asked = parser.parse_args()
    asked.no_write |= asked.quick
    if unknown := set(asked.names) - TOPICS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose among {', '.join(TOPICS)}")
    source = asked.home or Path(os.environ.get("GAIJI_HOME", ROOT / ".home"))
    facts, line = machine(), measured_line()
    print(", ".join(f"{name} {value}" for name, value in facts.items()))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gaiji-bench-") as folder:
        os.chmod(folder, 0o755)  # the PostgreSQL server runs as a user of its own
        world = World(Path(folder), source, lambda text: print(f"… {text}", flush=True))
        world.quick = asked.quick
        names = asked.names or list(TOPICS)
        if any(getattr(TOPICS[name], "NEEDS_DEMO", True) for name in names):
            world.home  # noqa: B018 - made before anything is timed
        for name in names:
            begun = time.monotonic()
            section = TOPICS[name].measure(world)
            print("\n".join((f"\n== {name}", *section.shown(), "", *section.meaning, section.ja)))
            print(f"({time.monotonic() - begun:.0f} s)", flush=True)
            if not asked.no_write:
                _write(name, section, line)
    if not asked.no_write and not asked.names:
        _write_machine(facts, line, time.monotonic() - started)
    print(f"\nAll of it took {time.monotonic() - started:.0f} s.")


def _write(name: str, section: Section, line: str) -> None:
    put_block(PAGE, name, ["", *section.shown(), "", line, *_list(section.meaning), ""])
    put_block(PAGE, f"{name}-ja", [f"- {section.ja}"])


def _list(lines: tuple[str, ...]) -> list[str]:
    return ["", *(f"- {line}" for line in lines)]


def _write_machine(facts: dict[str, str], line: str, seconds: float) -> None:
    rows = [f"| {name} | {value} |" for name, value in facts.items()]
    said = f"{line} The whole run took {seconds / 60:.1f} minutes."
    put_block(PAGE, "machine", ["", "| | |", "|---|---|", *rows, "", said, ""])


if __name__ == "__main__":
    main()
