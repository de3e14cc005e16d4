"""The collision wall: eight members from their registry, a nation of synthetic rows; the limit is sorting integers."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, number_text, peak, seconds_text
from benchmarks.world import World
from gaiji.registry.listing import Used, chosen_sets, used_rows
from gaiji.report.collisions import KINDS, Wall, wall

NATION, CODES, FEW = 1_741, 842, 100
"""Municipalities, and gaiji of each: 1,166,536 in 1,386 of them, in the national survey of 2011."""
EIGHT, MATRIX = "8 members, from the registry", "8 members, a page of 50 slots with every cell"
ROWS, ALL, SORT = "making the rows alone", "wall", "sorting as many integers"
PAGE, FIRST = "a page of 50 slots, 16 columns", "100 collisions of each kind"


def synthetic(members: int, codes: int = CODES) -> Iterator[Used]:
    """Yield rows from a seed: characters as rare as names are, one in ten undecided, few glyphs twice."""
    chance = random.Random(1)
    draw, rarity, digest = chance.random, chance.paretovariate, chance.randbytes
    for member in range(members):
        address = f"{member:06d}/juki"
        for position in range(codes):
            code = (0xF040 + (position // 188 << 8) + position % 188).to_bytes(2)
            character = None if draw() < 0.1 else f"MJ{int(rarity(0.5)) % 60_000:06d}"
            said = "substitute" if draw() < 0.3 else "equivalent"
            is_shared = character is None and draw() < 0.3
            glyph = int(rarity(1)).to_bytes(32) if is_shared else digest(32)
            yield Used(
                address,
                code,
                0xE000 + position,
                character,
                said if character else None,
                glyph.hex(),
                position,
                "cp932",
            )


def measure(world: World) -> Section:
    members = FEW if world.quick else NATION
    nation = f"{members:,} members of {CODES} gaiji"
    with world.session() as session:
        eight = _registry(session)
        race = Race()
        race.add(EIGHT, lambda _: _registry(session))
        race.add(MATRIX, lambda _: list(eight.slots(limit=50)))
        taken = race.run()
    found = wall(synthetic(members))
    chance = random.Random(1)
    numbers = [chance.getrandbits(60) for _ in range(found.codes)]
    race = Race(warm=False)
    race.add(f"{nation}: {ROWS}", lambda _: sum(1 for _ in synthetic(members)))
    race.add(f"{nation}: {ALL}", lambda _: wall(synthetic(members)))
    race.add(f"{nation}: {SORT}", lambda _: sorted(numbers))
    race.add(f"{nation}: {PAGE}", lambda _: list(found.slots(found.code_sets[:16], limit=50)))
    race.add(
        f"{nation}: {FIRST}",
        lambda _: [list(found.collisions(kind, limit=100)) for kind in KINDS],
    )
    taken |= race.run()
    work = {EIGHT: eight.codes, f"{nation}: {ALL}": found.codes, f"{nation}: {SORT}": found.codes}
    figures = [
        Figure(
            name,
            runs,
            work.get(name),
            "codes" if name in work else "",
            f"{nation}: {SORT}" if name.endswith(f": {ALL}") else None,
        )
        for name, runs in taken.items()
    ]
    command = [sys.executable, "-m", "benchmarks.colliding", str(members)]
    memory = tuple(peak(command) for _ in range(1 if world.quick else 3))
    figures.append(Figure(f"{nation}: peak memory of the process", memory, measure="MiB"))
    known = {figure.name: figure for figure in figures}
    whole, made = known[f"{nation}: {ALL}"].median, known[f"{nation}: {ROWS}"].median
    counts = {kind: found.counts[kind].collisions for kind in KINDS}
    told = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
    return Section(
        tuple(figures),
        (
            f"The wall of the nation takes in its rows one by one, {found.codes:,} of them, and making them from a "
            f"seed is part of its time: without it the wall takes {seconds_text(whole - made)}. Collisions in it: "
            f"{told}.",
            "A wall is built once for each state of the journal; pages of it, matrix and lists, are read from it.",
            "Eight members are read from the registry with one query for each code set, uses included.",
        ),
        f"外字の衝突は8市 {number_text(eight.codes)} 字で {seconds_text(known[EIGHT].median)}、"
        f"{members:,} 団体 × {CODES} 字({found.codes:,} 字)で {seconds_text(whole)}、"
        f"メモリー {max(memory):.0f} MiB。",
    )


def _registry(session: Session) -> Wall:
    return wall(used_rows(session, chosen_sets(session, None), None))


if __name__ == "__main__":
    print(wall(synthetic(int(sys.argv[1]))).counts)
