"""What a cutover check takes beside the conversion and the count that it is made of."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, number_text
from benchmarks.world import ACTOR, RESIDENTS, World
from gaiji.charset.charsets import Charset
from gaiji.charset.convert import Prepared, convert_file
from gaiji.charset.cutover import Plan
from gaiji.charset.usage import count_file
from gaiji.registry import adoption, db, members
from gaiji.report import cutcheck
from gaiji.report.cutover import make_plan

BYTES, QUICK_BYTES = 256_000_000, 16_000_000
CHECK, CONVERT, COUNT = "cutover check", "gaiji convert, dry run", "usage count"
SERVER = "bench"


def measure(world: World) -> Section:
    """Time the check of one large resident file, and the two passes that it is made of, in turns."""
    path, copies = _extract(world, QUICK_BYTES if world.quick else BYTES)
    size = path.stat().st_size / 1e6
    engine = db.connect(world.settings)
    with Session(engine.execution_options(writes=True)) as session:  # nothing is committed
        plan, prepared, charset = _prepared(session, world, path)
        session.rollback()
    engine.dispose()
    extract = cutcheck.Extract(RESIDENTS, path, charset)
    found = cutcheck.check(plan, prepared, extract)
    race = Race(runs=1 if world.quick else 5, warm=False)
    race.add(CHECK, lambda _: cutcheck.check(plan, prepared, extract))
    race.add(CONVERT, lambda _: convert_file(path, "-", prepared))
    race.add(COUNT, lambda _: count_file(path, charset))
    taken = race.run()
    path.unlink()
    parts = tuple(sum(pair) for pair in zip(taken[CONVERT], taken[COUNT], strict=True))
    both = "both one after the other"
    figures = (
        *(Figure(name, runs, size, "MB", both) for name, runs in taken.items()),
        Figure(both, parts, size, "MB"),
    )
    known = {figure.name: figure for figure in figures}
    ratio = known[both].rate / known[CHECK].rate
    return Section(
        figures,
        (
            f"A resident file of {size:.0f} MB in CP932 ({found.records:,} records, {copies} times the demo's) by its "
            f"mapping file to the shared server; {found.affected:,} records are listed, {len(found.codes)} codes.",
            f"A check reads the file twice, as it is converted and as it is counted: it takes {ratio:.2f} times what "
            "both take one after the other. Codes that are watched are counted one by one.",
        ),
        f"移行確認は {size:.0f} MB の住民ファイルで毎秒 {number_text(known[CHECK].rate)} MB"
        f"(変換の試行と使用頻度の集計を続けて行う時間の {ratio:.2f} 倍)。",
    )


def _prepared(session: Session, world: World, path: Path) -> tuple[Plan, Prepared, Charset]:
    named = [one.code for one in members.all_members(session) if not one.candidate]
    adoption.add_site(session, ACTOR, f"server:{SERVER}")
    plan = make_plan(session, ACTOR, SERVER, named, release="latest", as_of=date(2026, 11, 1))
    ready = cutcheck.prepare(session, world.settings, plan, RESIDENTS, path.stat().st_size)
    return plan, ready, members.charset_of(session, members.find_code_set(session, RESIDENTS))


def _extract(world: World, size: int) -> tuple[Path, int]:
    """Write the demo's resident file again and again, its header once."""
    head, _, body = world.residents.read_bytes().partition(b"\n")
    path, copies = world.new_file(".csv"), max(1, size // len(body))
    with path.open("wb") as file:
        file.write(head + b"\n")
        for _ in range(copies):
            file.write(body)
    return path, copies
