"""The long proofs; results go to docs/reliability.md: python -m benchmarks.prove [NAME …] [--minutes N]."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import engines, fontproof, fuzzing, moving, replaying, roundtrip, sanitizing
from benchmarks.harness import ROOT, machine, measured_line, put_block
from benchmarks.world import World

LONG = {"fuzz-conversion", "sanitize-kernel"}
"""Proofs that run for 10 minutes where nothing else is said; the others that take time run for 2."""
PAGE = ROOT / "docs" / "reliability.md"
Proof = Callable[[World, float], Iterator[str]]
PROOFS: dict[str, Proof] = {
    "round-trip": lambda world, _: roundtrip.prove(world),
    "replay": lambda world, _: replaying.prove(world),
    "cutover": lambda world, _: moving.prove(world),
    "fonts": lambda world, _: fontproof.prove(world),
    "exhaustive": engines.exhaustive,
    "fuzz-conversion": engines.conversions,
    "fuzz-tables": fuzzing.tables,
    "fuzz-glyphs": fuzzing.glyphs,
    "sanitize-kernel": sanitizing.prove,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prove", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(PROOFS)}; all by default"
    )
    parser.add_argument(
        "--minutes",
        type=float,
        help=f"of each fuzzing; default 2, of {' and '.join(sorted(LONG))} 10",
    )
    parser.add_argument(
        "--home", type=Path, help="home of a demo to copy; default GAIJI_HOME or .home"
    )
    parser.add_argument(
        "--no-write", action="store_true", help="leave docs/reliability.md as it is"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - PROOFS.keys():
        parser.error(f"there is no {', '.join(sorted(unknown))}; choose among {', '.join(PROOFS)}")
    source = asked.home or Path(os.environ.get("GAIJI_HOME", ROOT / ".home"))
    facts = machine()
    line = measured_line().replace("Measured", "Proved")
    line += f" {facts['cores']} cores, Python {facts['Python']}, SQLite {facts['SQLite']}."
    failed = []
    with tempfile.TemporaryDirectory(prefix="gaiji-prove-") as folder:
        os.chmod(folder, 0o755)  # the PostgreSQL server runs as a user of its own
        world = World(Path(folder), source, lambda text: print(f"… {text}", flush=True))
        for name in asked.names or PROOFS:
            minutes = asked.minutes or (10 if name in LONG else 2)
            lines, held = _proved(name, world, minutes)
            if not held:
                failed.append(name)
            if not asked.no_write:
                verdict = "Held." if held else "**Failed.**"
                listed = [f"- {one}" for one in lines]
                put_block(PAGE, name, ["", f"{verdict} {line}", "", *listed, ""])
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


def _proved(name: str, world: World, minutes: float) -> tuple[list[str], bool]:
    """Return the lines of a proof and whether it held."""
    print(f"\n== {name}", flush=True)
    started, lines, held = time.monotonic(), [], True
    try:
        for one in PROOFS[name](world, minutes):
            print(one, flush=True)
            lines.append(one)
    except AssertionError as error:
        print(f"FAILED: {error}", flush=True)
        lines.append(str(error))
        held = False
    print(f"({time.monotonic() - started:.0f} s)", flush=True)
    return lines, held


if __name__ == "__main__":
    main()
