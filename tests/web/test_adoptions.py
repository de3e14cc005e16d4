"""Where each city stands, over HTTP and on its pages."""

from gaiji.registry import db, members
from tests.web.council import ACTOR, Council

YEAR = db.today().year + 1
SITES, ADOPTIONS = "/v1/sites", "/v1/adoptions"


def record(council: Council, **body: object) -> int:
    code: int = council.client.post(ADOPTIONS, json=body, headers=council.key()).status_code
    return code


def test_a_server_is_registered_and_listed(council: Council) -> None:
    body = {"site": "server:cs1", "area": "E000-EFFF"}
    assert council.client.post(SITES, json=body).status_code == 401
    assert council.client.post(SITES, json=body, headers=council.key("auditor")).status_code == 403
    made = council.client.post(SITES, json=body, headers=council.key())
    assert made.status_code == 201
    assert made.json()["options"] == {"area": "E000-EFFF"}
    again = council.client.post(SITES, json=body, headers=council.key())
    assert again.status_code == 409
    assert [one["site"] for one in council.client.get(SITES).json()["items"]] == ["server:cs1"]


def test_what_a_site_runs_is_recorded_and_shown(council: Council) -> None:
    told = {"site": "252069", "release": 1, "from": f"{YEAR}-05-01", "ground": "月次更新"}
    assert record(council, **told) == 201
    assert record(council, site="252069/juki", release=9, **{"from": f"{YEAR}-05-01"}) == 404
    assert record(council, site="server:cs9", release=1, **{"from": f"{YEAR}-05-01"}) == 404
    page = council.client.get(f"{ADOPTIONS}?day={YEAR}-06-01&member=252069").json()
    assert page["release"] == 2
    assert {one["site"]: one["release"] for one in page["items"]} == {
        "member:252069": 1,
        "system:252069/juki": 1,
        "system:252069/zei": 1,
    }
    one = page["items"][1]
    assert (one["from"], one["told_by"], one["behind"]) == (f"{YEAR}-05-01", "member:252069", True)
    assert council.client.get(f"{ADOPTIONS}?day={YEAR}-04-30").json()["items"][0]["release"] is None
    assert council.client.get(f"{ADOPTIONS}?member=252042").status_code == 404


def test_what_was_recorded_is_withdrawn(council: Council) -> None:
    day = {"from": f"{YEAR}-05-01"}
    assert record(council, site="252069", release=1, **day) == 201
    asked = {"site": "252069", "ground": "日付の誤り", **day}
    address = f"{ADOPTIONS}/withdraw"
    assert council.client.post(address, json=asked).status_code == 401
    done = council.client.post(address, json=asked, headers=council.key())
    assert (done.status_code, done.json()["release"]) == (200, None)
    again = council.client.post(address, json=asked, headers=council.key())
    assert (again.status_code, again.json()["type"]) == (404, "/problems/not-found")
    assert record(council, site="252069", release=1, **{"from": "0001-01-01"}) == 409


def test_what_a_candidate_runs_is_recorded_and_told_back(council: Council) -> None:
    with db.writing(council.engine) as session:
        members.add_member(session, ACTOR, "252140", "米原市", candidate=True)
    site = {"site": "terminals:252140/窓口"}
    assert council.client.post(SITES, json=site, headers=council.key()).status_code == 201
    for named, told in (("252140", "member:252140"), (site["site"], site["site"])):
        body = {"site": named, "release": 2, "from": f"{YEAR}-05-01"}
        done = council.client.post(ADOPTIONS, json=body, headers=council.key())
        assert done.status_code == 201
        assert (done.json()["site"], done.json()["release"]) == (told, 2)
    with db.writing(council.engine) as session:
        members.add_code_set(
            session,
            ACTOR,
            "252140/juki",
            charset_name="cp932",
            system="住民記録",
            group="住民記録系",
        )
    assert record(council, site="252140", release=1, **{"from": f"{YEAR}-06-01"}) == 404


def test_the_parts_of_the_list_join_to_the_whole(council: Council) -> None:
    address = f"{ADOPTIONS}?day={YEAR}-06-01"
    whole = [one["site"] for one in council.client.get(address).json()["items"]]
    assert len(whole) > 3
    found: list[str] = []
    following: str | None = f"{address}&limit=2"
    while following:
        page = council.client.get(following)
        found += [one["site"] for one in page.json()["items"]]
        cursor = page.json()["next"]
        assert (cursor is None) == ("link" not in page.headers)
        following = f"{address}&limit=2&cursor={cursor}" if cursor else None
    assert found == whole
    first = council.client.get(f"{address}&limit=2").json()["next"]
    other_day = f"{ADOPTIONS}?day={YEAR}-06-02&cursor={first}"
    assert council.client.get(other_day).status_code == 422


def test_who_would_be_touched_is_listed(council: Council) -> None:
    record(council, site="252085/juki", release=2, **{"from": f"{YEAR}-05-01"})
    address = f"{ADOPTIONS}/touched?before=2&after=1&day={YEAR}-06-01"
    sites = {one["site"]: one["codesets"] for one in council.client.get(address).json()["items"]}
    assert sites["system:252085/juki"] == [{"codeset": "252085/juki", "codes": 2}]
    assert council.client.get(f"{ADOPTIONS}/touched?before=2&after=9").status_code == 404


def test_the_pages_say_who_runs_what(council: Council) -> None:
    record(council, site="252069", release=1, **{"from": f"{YEAR}-05-01"})
    page = council.client.get(f"/adoptions?day={YEAR}-06-01&lang=ja")
    assert page.status_code == 200
    assert "適用状況" in page.text
    assert "構成市の記録による" in page.text
    assert "記録なし" in page.text
    assert "最新ではない" in page.text
    member = council.client.get("/members/252069?lang=en").text
    assert "Where it stands" in member
    assert "252085" not in member
    assert council.client.get("/adoptions?page=2").status_code == 422
    assert council.client.get("/adoptions?day=").status_code == 200
