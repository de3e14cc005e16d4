"""The collision walls that a process keeps (衝突の壁の控え): few, each built once, one at a time.

A wall takes a core for a moment, of a nation for seconds, and everybody may ask for one of any code sets: so whoever
asks for a wall in the making waits for that one, and only few may wait.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import BoundedSemaphore, Lock

from gaiji.errors import Busy
from gaiji.report.collisions import Wall

WALLS_KEPT = 4
ASKING = 8
"""Requests that build a wall or wait for one."""
WAIT_S = 30.0
RETRY_S = 5


class Walls:
    """The walls of one process, by everything that they depend on."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Wall] = {}
        self._asking, self._building = BoundedSemaphore(ASKING), Lock()

    def get(self, key: Hashable, build: Callable[[], Wall]) -> Wall:
        """Return the wall of a key, built where it is not kept. Raises Busy and what `build` raises."""
        found = self._kept.get(key)
        if found is not None:
            return found
        if not self._asking.acquire(blocking=False):
            raise _busy()
        try:
            return self._in_turn(key, build)
        finally:
            self._asking.release()

    def _in_turn(self, key: Hashable, build: Callable[[], Wall]) -> Wall:
        if not self._building.acquire(timeout=WAIT_S):
            raise _busy()
        try:
            found = self._kept.get(key)  # somebody else may have built it meanwhile
            if found is None:
                found = build()
                while len(self._kept) >= WALLS_KEPT:
                    del self._kept[next(iter(self._kept))]
                self._kept[key] = found
            return found
        finally:
            self._building.release()


def _busy() -> Busy:
    return Busy(
        f"衝突の集計が混み合っています。{RETRY_S} 秒ほど待ってやり直してください。",
        f"Too many collision walls are asked for at once; try again in {RETRY_S} seconds.",
        retry_after_s=RETRY_S,
    )
