"""Proof that the kernel stays inside its buffers: changed tables and chance input under ASan and UBSan.

The system's compiler is needed for it (the one that builds the kernel brings no runtime of these sanitizers).
"""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from benchmarks.harness import ROOT
from benchmarks.world import World
from gaiji.charset.machine import Action, Machine, build

SEED = 20_261_123
SANITIZERS = (
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)


def prove(world: World, minutes: float) -> Iterator[str]:
    """Run the driver for some minutes; yield what it saw. Raises AssertionError with the case to repeat."""
    compiler = next(
        (found for name in ("clang", "gcc", "cc") if (found := shutil.which(name))), None
    )
    assert compiler is not None, "a C compiler with ASan and UBSan is needed: install gcc or clang"
    driver = world.new_file(".driver")
    source = ROOT / "benchmarks" / "sanitizing.c"
    subprocess.run([compiler, "-O1", "-g", *SANITIZERS, "-o", driver, source], check=True)
    tables = [_written(world.new_file(".table"), *made) for made in _tables()]
    done = subprocess.run(
        [driver, str(SEED), str(60 * minutes), "0", *tables], capture_output=True, text=True
    )
    assert not done.returncode, f"{done.stderr[-3000:]} (repeat: {' '.join(map(str, done.args))})"
    accepted, refused, ended, stopped, full, read, written, noted = map(int, done.stdout.split())
    assert accepted, "no table was accepted"
    yield (
        f"{accepted + refused:,} changed tables in {minutes:g} minutes (seed {SEED}, {Path(compiler).name}, "
        f"ASan and UBSan): {accepted:,} accepted, {refused:,} refused"
    )
    yield (
        f"the accepted ones read {read:,} bytes and wrote {written:,} with {noted:,} events in buffers of exactly "
        f"their size; lanes ended at their end {ended:,} times, at a stop {stopped:,}, full {full:,}; no report"
    )


def _tables() -> Iterator[tuple[Machine, bytes]]:
    """Yield tables as conversions have them, each with text that goes through it."""
    codes = {}
    for value in range(65536):
        code = bytes([value]) if value < 256 else value.to_bytes(2, "big")
        text = code.decode("cp932", "ignore")
        if len(text) == 1 and text.encode("cp932", "ignore"):
            codes[code] = text
    del codes[b"&"]
    some = "".join(list(codes.values())[::7]) + "住民,1234567890,\r\n" * 50
    read = {
        code: Action(n % 4 if "\ue000" <= text < "\uf900" else text.encode(), 1, 0)
        for n, (code, text) in enumerate(codes.items())
    }
    yield build({0: read}, ascii=0), some.encode("cp932")
    write = {
        text.encode(): Action(n % 4 if "\ue000" <= text < "\uf900" else code, 1, 0)
        for n, (code, text) in enumerate(codes.items())
    }
    yield build({0: write}, ascii=0), some.encode()
    pairs = {code: Action(text.encode(), 1, 1) for code, text in codes.items() if len(code) == 2}
    single = {bytes([b]): Action(bytes([b]), 1, 0) for b in range(32, 256)}
    shifts = {b"\x0e": Action(b"", 0, 1), b"\x0a\x42": Action(b"", 0, 1)}
    back = {b"\x0f": Action(b"", 0, 0), b"\n": Action(b"\n", 1, 0)}
    text = b"".join(
        b"123\x0e" + one.encode("cp932") * 3 + b"\x0f" for one in some if one > "\u3000"
    )
    yield build({0: single | shifts, 1: pairs | back}), text


def _written(path: Path, machine: Machine, text: bytes) -> Path:
    """Write a table as the driver reads it: sizes, entries, states, text."""
    states = [*machine.states.values(), *machine.inner]
    sizes = (len(machine.entries), 4, 64, len(states), len(text), machine.ascii)
    packed = struct.pack("<6Q", *sizes) + machine.entries.tobytes()
    path.write_bytes(packed + struct.pack(f"<{len(states)}I", *states) + text)
    return path
