"""Proof: the demo's journal, replayed into an empty SQLite and an empty PostgreSQL, gives the same releases."""

from __future__ import annotations

import time
from collections.abc import Iterator

from benchmarks.world import World, postgresql
from gaiji.registry import db, releases, schema
from gaiji.registry.replay import replay, verify
from gaiji.settings import Settings


def prove(world: World) -> Iterator[str]:
    """Yield a line per database; raise AssertionError when digests differ."""
    with world.session() as session:
        recorded = {one.number: one.digest for one in releases.all_releases(session)}
        assert verify(session) == recorded, "the demo's own releases are not what was recorded"
    yield "demo: " + ", ".join(f"release {n} {digest}" for n, digest in recorded.items())
    with postgresql(world.folder) as new_database:
        targets = {
            "SQLite": Settings(database=f"sqlite:///{world.new_file()}"),
            "PostgreSQL": new_database(),
        }
        for name, settings in targets.items():
            started = time.perf_counter()
            engine = db.connect(settings)
            schema.upgrade(engine)
            with world.session() as source, db.writing(engine) as target:
                done = replay(source, target)
            engine.dispose()
            assert done.releases == recorded, f"{name}: {done.releases} instead of {recorded}"
            yield (
                f"{name}: {done.entries} entries replayed in {time.perf_counter() - started:.0f} s, "
                f"{len(done.releases)} releases with the same digests"
            )
