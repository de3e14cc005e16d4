"""Proof by chance: damaged and random bytes into conversion, table readers and glyph sources.

Allowed are a right result and the project's own errors; anything else is a failure, and its input is kept.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.world import RESIDENTS, World
from gaiji.charset.charsets import charset
from gaiji.charset.conversion import Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.charset.tables import read_cs_table, read_list, read_vendor_table
from gaiji.errors import GaijiError
from gaiji.glyph.build import build_bdf, build_fontx2, build_truetype
from gaiji.glyph.forms import Bitmap
from gaiji.glyph.sources import parse_source, read_source
from gaiji.registry import releases
from gaiji.settings import Settings

SEED = 20_261_123
TARGETS = ("unicode", "unicode-svs", "juki", "x0213", "mj")
TEXTS = (
    "&252069-juki-F040;",
    "&000000-text-26;",
    "MJ026190 ",
    "〓",
    "渡邉",
    "か゚",
    "U+E000",
    "\r\n",
    ",",
)
CELLS = (
    *(b"", b"F040", b"0xF9FC", b"U+E000", b"FFFF", b"0", b"-1", b"1e9", b"MJ026190", b"MJ999999"),
    *(
        b"J+9089",
        b"J+0000",
        b"20230229",
        b"1900/1/1",
        b'"',
        b"=1+1",
        b"9089_E010F",
        b"445000",
        b" ",
    ),
)
Attempt = Callable[[random.Random], str]


def conversions(world: World, minutes: float) -> Iterator[str]:
    """Convert and restore damaged files; yield what came of them."""
    source, out, receipt, back = (
        world.new_file(suffix) for suffix in (".in", ".out", ".rec", ".back")
    )
    resident = world.residents.read_bytes()[:200_000]
    with world.session() as session:
        latest = releases.find_release(session, "latest")
        mappings = [releases.mapping(session, one, latest) for one in (RESIDENTS, "252140/juki")]
    codes = [row.code for row in mappings[0].rows]

    def attempt(rng: random.Random) -> str:
        data = _text(rng, resident, codes)
        source.write_bytes(data)
        mapping = rng.choice(mappings)
        conversion = Conversion(mapping, rng.choice(TARGETS), _options(rng))
        chunk = rng.choice((1, 7, 64, 1_000, 1 << 16)) if len(data) < 5_000 else 1 << 16
        try:
            convert_file(source, out, conversion, receipt=receipt, chunk_bytes=chunk)
        except GaijiError as error:
            return error.code()
        return _restored(rng, data, mapping, chunk)

    def _restored(rng: random.Random, data: bytes, mapping: Mapping, chunk: int) -> str:
        damaged = rng.random() < 0.2
        if damaged:
            victim = rng.choice((out, receipt))
            victim.write_bytes(_damaged(rng, victim.read_bytes()))
        try:
            restore_file(
                out, back, receipt, by_release(lambda _set, _release: mapping), chunk_bytes=chunk
            )
        except GaijiError as error:
            if not damaged:
                raise AssertionError("an undamaged file was refused") from error
            return f"damaged, {error.code()}"
        if back.read_bytes() != data:
            raise AssertionError("restored to something else")
        return "restored"

    yield from _tried("conversions", world, minutes, attempt, lambda: source.read_bytes())


def tables(world: World, minutes: float) -> Iterator[str]:
    """Read damaged lists, CS-server tables and vendor tables; yield what came of them."""
    files = [
        (reader, path.name, path.read_bytes(), handed.plan.charset)
        for handed in world.handed_in.code_sets
        for reader, path in (
            (read_list, handed.table),
            (read_cs_table, handed.cs_table),
            (read_vendor_table, handed.vendor_table),
        )
        if path is not None
    ]
    charsets = [
        charset(name) for name in ("cp932", "jef", "keis83", "jips-j", "ibm939", "utf-16le")
    ]
    last = b""

    def attempt(rng: random.Random) -> str:
        nonlocal last
        reader, name, data, own = rng.choice(files)
        most = rng.choice((200, 2_000, len(data)))
        some = data[: data.find(b"\n", most) + 1] or data
        last = _damaged(rng, some) if rng.random() < 0.3 else _edited(rng, some)
        try:
            reader(last, name, own if rng.random() < 0.8 else rng.choice(charsets))
        except GaijiError as error:
            return error.code()
        return "read"

    yield from _tried("tables", world, minutes, attempt, lambda: last)


def glyphs(world: World, minutes: float) -> Iterator[str]:
    """Read damaged fonts in the limited child process; yield what came of them."""
    whole = [(handed.font.name, handed.font.read_bytes()) for handed in world.handed_in.code_sets]
    small = _small_fonts(whole)
    settings = Settings(home=world.home, child_cpu_s=2)
    last = b""

    def attempt(rng: random.Random) -> str:
        nonlocal last
        name, data = rng.choice(whole if rng.random() < 0.05 else small)
        last = _damaged(rng, data, header=rng.random() < 0.5)
        try:
            read_source(last, name, settings=settings, dots=rng.choice((None, 24)))
        except GaijiError as error:
            return error.code()
        return "read"

    yield from _tried("glyphs", world, minutes, attempt, lambda: last)


def _tried(
    name: str, world: World, minutes: float, attempt: Attempt, given: Callable[[], bytes]
) -> Iterator[str]:
    """Try until the time is over; keep the input of the first failure and raise."""
    until = time.monotonic() + 60 * minutes
    came: Counter[str] = Counter()
    while time.monotonic() < until:
        case = sum(came.values())
        try:
            came[attempt(random.Random(f"{SEED}/{name}/{case}"))] += 1
        except Exception as error:
            kept = Path(tempfile.mkdtemp(prefix="gaiji-failure-")) / f"{name}-{case}"
            kept.write_bytes(given())
            raise AssertionError(f"{name} case {case}: {error!r}; its input is {kept}") from error
    told = ", ".join(f"{what} {count:,}" for what, count in came.most_common())
    yield f"{sum(came.values()):,} cases in {minutes:g} minutes (seed {SEED}): {told}"


# --- bytes


def _small_fonts(whole: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return fonts of the same kinds with three glyphs each: what is read fast is tried often."""
    made: dict[str, bytes] = {}
    for name, data in whole:
        glyphs = parse_source(data, name).glyphs[:3]
        dots = {one.key: one.glyph for one in glyphs if isinstance(one.glyph, Bitmap)}
        if name.endswith("TTE"):
            made[name] = build_truetype({g.key: (g.name, g.glyph) for g in glyphs}, family="Small")
        elif name.endswith("bdf"):
            made[name] = build_bdf(dots, family="Small")
        else:
            made[name] = build_fontx2(dots, family="SMALL")
    return list(made.items())


def _edited(rng: random.Random, data: bytes) -> bytes:
    """Return a table whose lines and cells changed, its encoding kept: what people do to tables."""
    mark = b"\t" if b"\t" in data else b","
    lines = [line.split(mark) for line in data.splitlines()]
    for _ in range(rng.choice((1, 2, 6))):
        line = rng.choice(lines)
        match rng.randrange(5):
            case 0:
                line[rng.randrange(len(line))] = rng.choice(CELLS)
            case 1:
                line.insert(rng.randrange(len(line) + 1), rng.choice(CELLS))
            case 2:
                lines.append(list(line))
            case 3:
                rng.shuffle(line)
            case _:
                other = rng.choice(lines)
                at, to = rng.randrange(len(line)), rng.randrange(len(other))
                line[at], other[to] = other[to], line[at]
    return rng.choice((b"\r\n", b"\n")).join(mark.join(line) for line in lines)


def _options(rng: random.Random) -> Options:
    return Options(
        on_unmapped=rng.choice(("escape", "geta", "keep")),
        malformed="escape",
        max_loss=1 << 40,
        ivs=rng.choice(("auto", "always")),
        mj_format=rng.choice((" ", "<{}>", "/")),
    )


def _text(rng: random.Random, resident: bytes, codes: list[bytes]) -> bytes:
    """Return bytes of several kinds: lines of residents, gaiji, look-alikes of escapes, chance."""
    parts = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.randrange(6)
        if kind == 0:
            parts.append(rng.randbytes(rng.randint(1, 40)))
        elif kind == 1:
            at = rng.randrange(len(resident))
            parts.append(resident[at : at + rng.choice((20, 200, 3_000))])
        elif kind == 2:
            parts.append(b"".join(rng.choices(codes, k=rng.randint(1, 20))))
        else:
            text = "".join(rng.choices(TEXTS, k=rng.randint(1, 6)))
            parts.append(text.encode(rng.choice(("cp932", "utf-16-le", "utf-8")), "ignore"))
    data = b"".join(parts)
    return _damaged(rng, data) if rng.random() < 0.3 else data


def _damaged(rng: random.Random, data: bytes, *, header: bool = False) -> bytes:
    """Return bytes with a few changed, cut, doubled or put in; header: only in the first 600."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if not changed:
            break
        at = rng.randrange(min(len(changed), 600) if header else len(changed))
        match rng.randrange(5):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                changed[at] ^= 1 << rng.randrange(8)
            case 2:
                del changed[at : at + rng.choice((1, 2, 40, len(changed)))]
            case 3:
                changed[at:at] = rng.randbytes(rng.choice((1, 2, 30)))
            case _:
                changed[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, changed[:4], b'",\r\n'))
    return bytes(changed)
