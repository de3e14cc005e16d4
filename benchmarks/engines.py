"""Proofs of the conversion engine: with the kernel and without it, by the release and by the mapping file.

The code sets are those of the tests: every charset, a small council. Compared is all that a run leaves: bytes, counts,
events with their places, receipts, or the error with its place.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import fuzzing
from benchmarks.world import World
from gaiji.charset import fast, kernel
from gaiji.charset.charsets import NAMES, UNICODE
from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import TARGETS, Pair
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.fast import FastStream
from gaiji.charset.mapfile import FileWay, MappingFile
from gaiji.charset.resolve import Options, Resolver
from gaiji.charset.stream import Stream
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import End
from gaiji.errors import MalformedInput, UnmappedCode
from tests.charset.cities import (
    ENDS,
    MANY,
    city,
    conversion,
    every_code,
    pieces,
    run,
    script_of,
    stray,
    written,
)

SEED = fuzzing.SEED
EARLY = LOOKAHEAD + 8
"""The smallest chunk the kernel may get while more is to come."""


def conversions(world: World, minutes: float) -> Iterator[str]:
    """Damaged files of the demo for a fifth of the time; then both engines on every charset and end, and back."""
    yield from fuzzing.conversions(world, minutes / 5)
    assert kernel.AVAILABLE, "no kernel was compiled here"
    pairs = [(name, end) for name in NAMES for end in ENDS]
    random.Random(SEED).shuffle(pairs)
    start, came, files = time.monotonic(), Counter[str](), 0
    span = 48 * minutes / len(pairs)
    for number, (name, end) in enumerate(pairs):
        if time.monotonic() > start + 48 * minutes:
            break
        files += 1
        file = compiled(conversion(name, end))
        until = max(time.monotonic() + 0.5, start + span * (number + 1))
        for case in _cases(until):
            rng = random.Random(f"{SEED}/{name}/{end}/{case}")
            came[_attempt(rng, file, world, f"{name} to {end}, case {case}")] += 1
    told = ", ".join(f"{what} {count:,}" for what, count in came.most_common())
    yield (
        f"both engines, {sum(came.values()):,} cases over {files} of {len(pairs)} pairs of a charset and an end, "
        f"both ways (seed {SEED}): {told}"
    )


def _cases(until: float) -> Iterator[int]:
    case = 0
    while time.monotonic() < until:
        yield case
        case += 1


def _attempt(rng: random.Random, file: MappingFile, world: World, named: str) -> str:
    """Convert chance input with both engines, and give it back; return what came of it."""
    ends = file.names() if rng.random() < 0.5 else file.names()[::-1]
    between_cities = all("/" in end for end in ends)
    asked = Options(
        on_unmapped=rng.choice(("escape", "escape", "geta", "error" if between_cities else "keep")),
        malformed=rng.choice(("escape", "escape", "error")),
        max_loss=MANY,
    )
    resolver = file.prepare(*ends, asked).resolver
    data = material(rng, resolver.source)
    how: dict[str, Any] = {
        "receipt": rng.random() < 0.7,
        "counting": rng.random() < 0.2,
        "opening": rng.random() < 0.5,
    }
    size = rng.choice((1, 3, 64, 2_500, 9_000, 1 << 20))
    at_once = size >= len(data) and not how["opening"]
    with _early(1 if at_once else EARLY):
        _same(resolver, data, size, how, named)
    with _early(rng.choice((EARLY, fast.SMALLEST))):
        return _given_back(rng, file, ends, asked, data, world, named)


@contextmanager
def _early(smallest: int) -> Iterator[None]:
    """Let the kernel have chunks of this size already."""
    before, fast.SMALLEST = fast.SMALLEST, smallest
    try:
        yield
    finally:
        fast.SMALLEST = before


def _same(resolver: Resolver, data: bytes, size: int, how: dict[str, Any], named: str) -> None:
    pure = run(Stream, resolver, data, **how)
    if isinstance(resolver.way, FileWay) and "kernel" in resolver.way.described:
        try:
            quick = run(FastStream, resolver, data, size, **how)
        except Exception as error:
            raise AssertionError(
                f"{named}: {error!r}; {_kept(data)} in chunks of {size}"
            ) from error
        assert quick == pure, (
            f"{named}: the engines differ; {_kept(data)} in chunks of {size}, {how}"
        )


def _given_back(
    rng: random.Random,
    file: MappingFile,
    ends: tuple[str, str],
    asked: Options,
    data: bytes,
    world: World,
    named: str,
) -> str:
    source, out, receipt, back = (world.folder / f"engine.{kind}" for kind in "iorb")
    source.write_bytes(data)
    chunk = rng.choice((7, 3_000, 1 << 16))
    try:
        convert_file(source, out, file.prepare(*ends, asked), receipt=receipt, chunk_bytes=chunk)
    except (UnmappedCode, MalformedInput) as error:
        return error.code()
    restore_file(
        out,
        back,
        receipt,
        lambda told: file.prepare(told["from"], told["to"], Options.from_dict(told["options"])),
        chunk_bytes=rng.choice((7, 3_000, 1 << 16)),
    )
    assert back.read_bytes() == data, f"{named}: restored to something else; {_kept(data)}"
    return "restored"


def _kept(data: bytes) -> Path:
    kept = Path(tempfile.mkdtemp(prefix="gaiji-failure-")) / "input"
    kept.write_bytes(data)
    return kept


def material(rng: random.Random, end: End) -> bytes:
    """Return chance input for an end: characters, shift codes, look-alikes, halves, chance; often much of it."""
    kinds, halves = list(pieces(end).values()), stray(end)
    few = rng.choice((1, 3, len(kinds)))
    kinds = rng.sample(kinds, min(few, len(kinds)))
    parts = []
    for _ in range(rng.choice((0, 2, 20, 200, 1_500))):
        kind = rng.random()
        if kind < 0.05:
            parts.append(bytes(rng.choices(halves, k=rng.randint(1, 3))))
        elif kind < 0.08:
            parts.append(rng.randbytes(rng.randint(1, 3)))
        elif kind < 0.15:
            parts.append(end.script.newline)
        else:
            parts.append(rng.choice(rng.choice(kinds)) * rng.choice((1, 1, 1, 2, 12)))
    return (end.script.code("A") or b"") * rng.choice((0, 1, 17, 6_000)) + b"".join(parts)


# --- everything there is


def exhaustive(world: World, minutes: float) -> Iterator[str]:
    """Every code at every chunk size 1-64 and behind every padding 0-31; every code point by mapping file."""
    for name in NAMES:
        yield _cut(name)
    for name in sorted(UNICODE):
        for end in (*TARGETS, "cp932", "ibm1399", "utf-8"):
            file, live = compiled(conversion(name, end)), conversion(name, end).way
            asked = _asked(live, file.there) + _asked(live.back, file.there.back)
            yield f"{name} to {end} and back: {asked:,} tokens answered alike by the release and its mapping file"


def _cut(name: str) -> str:
    file = compiled(conversion(name, "unicode"))
    asked = Options(on_unmapped="escape", malformed="escape", max_loss=MANY)
    there = file.prepare(*file.names(), asked).resolver
    back = file.prepare(*file.names()[::-1], asked).resolver
    codes, script = every_code(city(name)), script_of(name)
    runs = 0
    with _early(EARLY):
        for padding in range(64):
            data = (script.code("A") or b"") * (padding % 32) + written(script, codes)
            whole = run(Stream, there, data, receipt=True)
            for resolver, one in ((there, data), (back, whole.out)):
                expected = run(Stream, resolver, one, receipt=True)
                for kind, size in (
                    (FastStream, 1 << 20),
                    (FastStream, padding + 1),
                    (Stream, padding + 1),
                ):
                    found = run(kind, resolver, one, size, receipt=True)
                    assert found == expected, f"{name}: chunks of {size}, padding {padding % 32}"
                    runs += 1
    return f"{name}: {len(codes):,} codes, {runs} runs at chunk sizes 1-64 behind 0-31 bytes, all alike"


def _asked(live: Pair, file: FileWay) -> int:
    """Ask both ways for every token of one code point, or of one or two bytes; return how many there were."""
    script, tokens = live.source.script, live.source.tokens(live.target)
    if script.codec is None or script.name == "ucs-2":
        candidates = [bytes([one]) for one in range(256)] + [
            one.to_bytes(2) for one in range(65536)
        ]
    else:
        points = (*range(0xD800), *range(0xE000, 0x110000))
        candidates = [chr(point).encode(script.codec) for point in points]
    asked = 0
    for token in candidates:
        if tokens.is_whole(token):
            asked += 1
            assert file.step(token) == live.step(token), f"{token.hex()} of {script.name}"
    return asked
