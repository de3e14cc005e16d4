"""Plans for shared CS servers, over HTTP and on their pages."""

from datetime import date

import pytest

from gaiji.registry import adoption, cutover, db, intake
from gaiji.report.cutover import make_plan
from tests.web.council import ACTOR, KUSATSU, RITTO, YASU, Council

DAY = date(2026, 11, 23)
MOVED = db.today()  # the day on which the council publishes
ADDRESS = "/v1/cutovers/cs1"


def plan_of(council: Council) -> Council:
    """Make a plan of two members, one of whom moved."""
    with db.writing(council.engine) as session:
        adoption.add_site(session, ACTOR, "server:cs1")
        make_plan(session, ACTOR, "cs1", [KUSATSU, RITTO], release="latest", as_of=DAY)
        cutover.move(session, ACTOR, "cs1", KUSATSU, MOVED)
    return council


@pytest.fixture
def planned(council: Council) -> Council:
    """The council with a plan."""
    return plan_of(council)


def test_a_plan_is_shown_with_its_sums_and_order(planned: Council) -> None:
    assert planned.client.get("/v1/cutovers").json()["items"][0]["plans"] == [1]
    plan = planned.client.get(ADDRESS).json()
    counts = plan["counts"]
    assert counts["mapped"] + counts["residual"] + counts["undecided"] == counts["codes"] == 7
    assert counts == {
        "codes": 7,
        "mapped": 5,
        "residual": 1,
        "undecided": 1,
        "exact": 2,
        "rule": 0,
        "one_way": 0,
        "ask": 4,
        "changes": 0,
    }
    assert sum(one["counts"]["codes"] for one in plan["codesets"]) == 7
    assert (plan["server"], plan["number"], plan["release"], plan["points"]) == ("cs1", 1, 2, 1)
    assert [(one["member"], one["moved"]) for one in plan["order"]] == [
        (KUSATSU, MOVED.isoformat()),
        (RITTO, None),
    ]
    assert plan["open"]["standard-and-local"] == 4
    assert planned.client.get(f"{ADDRESS}?plan=1").json() == plan


def test_what_is_not_there_is_not_found(planned: Council) -> None:
    assert planned.client.get(f"{ADDRESS}?plan=2").status_code == 404
    assert planned.client.get("/v1/cutovers/cs9").status_code == 404
    assert planned.client.get("/v1/cutovers/cs9/rows").status_code == 404
    assert planned.client.get("/v1/cutovers/CS1").status_code == 422
    assert planned.client.get("/cutovers/cs9").status_code == 404
    for address in (f"{ADDRESS}/rows", f"{ADDRESS}/ambiguities", "/cutovers/cs1"):
        wrong = planned.client.get(f"{address}?codeset={YASU}/juki")
        assert (wrong.status_code, wrong.json()["type"]) == (404, "/problems/unknown-code-set")


def test_the_parts_of_the_rows_join_to_the_whole(planned: Council) -> None:
    whole = planned.client.get(f"{ADDRESS}/rows").json()
    assert (len(whole["items"]), whole["next"], whole["release"]) == (7, None, 2)
    found: list[object] = []
    following: str | None = f"{ADDRESS}/rows?limit=2"
    while following:
        page = planned.client.get(following)
        found += page.json()["items"]
        cursor = page.json()["next"]
        assert (cursor is None) == ("link" not in page.headers)
        following = f"{ADDRESS}/rows?limit=2&cursor={cursor}" if cursor else None
    assert found == whole["items"]
    first = planned.client.get(f"{ADDRESS}/rows?limit=2").json()["next"]
    other = planned.client.get(f"{ADDRESS}/rows?kind=mapped&cursor={first}")
    assert other.status_code == 422


def test_rows_and_ambiguities_are_filtered(planned: Council) -> None:
    def codes(query: str) -> list[str]:
        items = planned.client.get(f"{ADDRESS}/rows?{query}").json()["items"]
        return [f"{one['codeset']}/{one['code']}" for one in items]

    assert codes("kind=residual") == ["252069/juki/F042"]
    assert codes("kind=undecided") == ["252069/zei/F040"]
    assert codes("codeset=252069/juki&back=ask") == ["252069/juki/F040", "252069/juki/F041"]
    assert codes("changes=true") == []
    doubts = planned.client.get(f"{ADDRESS}/ambiguities?open=true").json()["items"]
    assert {(one["kind"], one["sent"], one["standard"]) for one in doubts} == {
        ("standard-and-local", "J+9089", "E7B3"),
        ("standard-and-local", "J+FA11", "FAB1"),
        ("standard-and-local", "J+9089", "8990"),
        ("standard-and-local", "J+9AD9", "D99A"),
    }
    assert planned.client.get(f"{ADDRESS}/ambiguities?open=false").json()["items"] == []


def test_what_a_city_sends_today_is_for_keys_that_read_it(planned: Council) -> None:
    def today(**headers: str) -> list[object]:
        items = planned.client.get(f"{ADDRESS}/rows", headers=headers).json()["items"]
        return [one["today"] for one in items if one["today"]]

    assert today(**planned.key("registrar")) == ["J+9089", "J+6730"]
    assert planned.client.get(ADDRESS, headers=planned.key("registrar")).json()["outside"] is None
    assert planned.client.get(ADDRESS, headers=planned.key()).json()["outside"] == 0
    wrong = planned.client.get(f"{ADDRESS}/rows", headers={"Authorization": "Bearer gaiji_x_y"})
    assert wrong.status_code == 401
    planned.app.state.settings = planned.settings.model_copy(update={"open_work": False})
    assert today() == []
    assert planned.client.get(ADDRESS).json()["counts"]["changes"] is None


def test_codes_that_no_release_has_are_shown_to_keys_alone(council: Council) -> None:
    with db.writing(council.engine) as session:
        adoption.add_site(session, ACTOR, "server:cs1")
        late = intake.Files(table=("late.csv", "外字コード\nF0A0\nF0A1\n".encode()))
        intake.take_in(session, ACTOR, f"{KUSATSU}/juki", late, council.settings)
        make_plan(session, ACTOR, "cs1", [KUSATSU, RITTO], release="latest", as_of=DAY)
    council.app.state.settings = council.settings.model_copy(update={"open_work": False})

    def seen(key: dict[str, str]) -> list[int]:
        plan = council.client.get(ADDRESS, headers=key).json()
        items = council.client.get(f"{ADDRESS}/rows", headers=key).json()["items"]
        (juki,) = (one for one in plan["codesets"] if one["codeset"] == f"{KUSATSU}/juki")
        order = {one["member"]: one["undecided"] for one in plan["order"]}
        counts = (plan["counts"], juki["counts"])
        return [
            len(items),
            *(one[part] for one in counts for part in ("codes", "undecided")),
            order[KUSATSU],
            sum(one["code"] in ("F0A0", "F0A1") for one in items),
        ]

    assert seen({}) == [7, 7, 1, 4, 0, 1, 0]
    assert seen(council.key()) == [9, 9, 3, 6, 2, 3, 2]
    assert "F0A0" not in council.client.get("/cutovers/cs1").text
    assert "F0A0" in council.client.get(f"{ADDRESS}/rows", headers=council.key()).text
    cut = council.client.get(f"{ADDRESS}/rows?limit=3", headers=council.key()).json()["next"]
    assert council.client.get(f"{ADDRESS}/rows?limit=3&cursor={cut}").status_code == 422


def test_the_pages_show_plan_order_and_rows(planned: Council) -> None:
    page = planned.client.get("/cutovers?lang=ja").text
    assert "CSサーバー移行" in page
    assert "草津市" in page
    page = planned.client.get("/cutovers/cs1?lang=ja").text
    assert "移行計画 cs1/1" in page
    assert "残存外字" in page
    assert "U+E000" in page
    assert "\ue000" not in page
    english = planned.client.get("/cutovers/cs1?lang=en&kind=undecided").text
    assert "to be decided" not in english.split("Code by code")[1].split("<tbody>")[1]
    assert "Order of moving" in english
    assert planned.client.get("/cutovers/cs1?page=2").status_code == 422
    sent = planned.client.get("/cutovers/cs1?plan=1&codeset=&kind=&back=&lang=ja")
    assert sent.text.partition("<main")[2] == page.partition("<main")[2]
