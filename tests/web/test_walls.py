"""The collision walls that a process keeps: few, shared, and built one at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Event
from time import monotonic, sleep
from unittest.mock import Mock

import pytest

from gaiji.errors import Busy
from gaiji.registry import db, intake
from gaiji.registry.listing import last_change
from gaiji.report.collisions import Wall, wall
from gaiji.web import walls
from gaiji.web.walls import ASKING, WALLS_KEPT, Walls
from tests.web.council import ACTOR, YASU, Council

DATED = f"{YASU}/juki"
DATES = """外字コード,使用開始日,使用終了日
F050,2020-04-01,2021-03-31
F051,2020-04-01,
"""


def until(holds: object) -> None:
    end = monotonic() + 5
    while not holds() and monotonic() < end:  # type: ignore[operator]
        sleep(0.005)


def test_one_wall_is_built_at_a_time_and_its_askers_share_it() -> None:
    kept, go, built = Walls(), Event(), list[str]()

    def build(name: str) -> Wall:
        built.append(name)
        assert go.wait(5)
        return wall([])

    with ThreadPoolExecutor(4) as pool:
        same = [pool.submit(kept.get, "a", lambda: build("a")) for _ in range(3)]
        other = pool.submit(kept.get, "b", lambda: build("b"))
        until(lambda: built)
        assert len(built) == 1
        go.set()
        assert len({id(one.result()) for one in same}) == 1
        assert other.result() is not same[0].result()
    assert sorted(built) == ["a", "b"]


def test_whoever_would_wait_behind_many_is_told_to_come_again(
    shared_council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, go = Walls(), Event()
    ready = kept.get("ready", lambda: wall([]))

    def build() -> Wall:
        assert go.wait(5)
        return wall([])

    with ThreadPoolExecutor(ASKING) as pool:
        for name in range(ASKING):
            pool.submit(kept.get, name, build)
        until(lambda: not kept._asking._value)
        with pytest.raises(Busy):
            kept.get("one too many", build)
        assert kept.get("ready", build) is ready
        monkeypatch.setitem(shared_council.app.state._state, "walls", kept)
        answer = shared_council.client.get("/v1/collisions")
        assert (answer.status_code, answer.json()["type"]) == (429, "/problems/busy")
        assert answer.headers["retry-after"] == "5"
        go.set()
    assert shared_council.client.get("/v1/collisions").status_code == 200


def test_a_wall_that_failed_or_took_too_long_stands_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, go = Walls(), Event()
    monkeypatch.setattr(walls, "WAIT_S", 0.01)

    def held() -> Wall:
        assert go.wait(5)
        return wall([])

    for _ in range(ASKING + 1):
        with pytest.raises(ZeroDivisionError):
            kept.get("a", lambda: wall([1 // 0]))  # type: ignore[list-item]
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(kept.get, "slow", held)
        until(lambda: kept._building.locked())
        with pytest.raises(Busy):
            kept.get("a", lambda: wall([]))
        go.set()
        slow.result()
    for name in range(2 * WALLS_KEPT):
        kept.get(name, lambda: wall([]))
    assert len(kept._kept) == WALLS_KEPT


def test_days_between_which_nothing_changes_share_one_wall(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.writing(council.engine) as session:
        files = intake.Files(table=("dated.csv", DATES.encode()))
        intake.take_in(session, ACTOR, DATED, files, council.settings)
    with db.reading(council.engine) as session:
        days = [(2019, 1, 1), (2020, 4, 1), (2021, 3, 31), (2021, 4, 1), (2030, 1, 1)]
        before, begun, last, over, now = (last_change(session, date(*day)) for day in days)
    assert before < begun == last == date(2020, 4, 1)
    assert over == now == date(2021, 4, 1)
    built = Mock(wraps=wall)
    monkeypatch.setattr("gaiji.web.collisions.wall", built)

    def codes(day: str) -> int:
        url = f"/v1/collisions/matrix?release=pending&colliding=false&as_of={day}"
        body = council.client.get(url).json()
        assert body["as_of"] == day
        at = body["columns"].index(DATED)
        return sum(line["cells"][at] is not None for line in body["items"])

    assert codes("2019-01-01") == 2
    assert [codes(f"20{year}-04-01") for year in range(21, 29)] == [3] * 8
    assert [codes("2020-04-01"), codes("2021-03-31")] == [4, 4]
    assert built.call_count == 3
