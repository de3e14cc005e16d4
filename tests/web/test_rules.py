import io
from dataclasses import replace
from typing import Any

import pytest
from fastapi import APIRouter

from gaiji.web.routing import RULES, Guarded, router
from tests.web.council import KUSATSU, RITTO, Council

CHANGES = [
    ("PUT", "/v1/members/252069", {"json": {"name": "x"}}),
    ("PUT", "/v1/members/252069/codesets/juki", {"json": {}}),
    ("POST", "/v1/members/252069/codesets/juki/imports", {"files": {"table": ("t", b"x")}}),
    ("POST", "/v1/members/252069/codesets/juki/decisions", {"json": {"policy": "exact-mj-name"}}),
    ("POST", "/v1/releases", {}),
    ("POST", "/v1/conversions?from=252069/juki&to=unicode", {"content": b"x"}),
    ("GET", "/v1/jobs", {}),
    ("GET", "/v1/jobs/" + "0" * 32 + "/result", {}),
    ("DELETE", "/v1/jobs/" + "0" * 32, {}),
    ("GET", "/v1/journal", {}),
    ("GET", "/v1/blobs/" + "0" * 64, {}),
]


def test_a_route_without_a_rule_cannot_be_made() -> None:
    part: APIRouter = router("x")
    with pytest.raises(RuntimeError, match="has no rule"):

        @part.get("/unruled")
        def unruled() -> None: ...


def test_every_route_of_the_service_has_a_rule(shared_council: Council) -> None:
    routes = shared_council.app.state.routes
    assert len(routes) > 40
    assert all(isinstance(route, Guarded) and route.endpoint in RULES for route in routes)
    open_changes = [
        route.path for route in routes if route.methods != {"GET"} and not route.rule.deed
    ]
    assert open_changes == ["/v1/translate", "/v1/names", "/names", "/v1/lint"]


@pytest.mark.parametrize(("method", "url", "more"), CHANGES)
def test_changes_and_the_journal_need_a_key(
    shared_council: Council, method: str, url: str, more: dict[str, Any]
) -> None:
    for headers in ({}, {"Authorization": "Bearer gaiji_no"}, {"Authorization": "Basic eDp5"}):
        answer = shared_council.client.request(method, url, headers=headers, **more)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_role_does_only_its_deeds_for_its_members(shared_council: Council) -> None:
    client, registrar = shared_council.client, shared_council.key("registrar")
    auditor = shared_council.key("auditor")
    table: dict[str, Any] = {"files": {"table": ("t.csv", b"code,mj\nF050,MJ026190\n")}}
    own = f"/v1/members/{KUSATSU}/codesets/juki/imports?dry_run=true"
    other = f"/v1/members/{RITTO}/codesets/juki/imports?dry_run=true"
    assert client.post(own, headers=registrar, **table).status_code == 200
    assert client.post(other, headers=registrar, **table).status_code == 403
    assert client.post(own, headers=auditor, **table).status_code == 403
    assert client.post("/v1/releases", headers=auditor).status_code == 403
    assert client.get("/v1/journal", headers=auditor).status_code == 200


def test_a_key_is_checked_before_the_body_is_read(shared_council: Council) -> None:
    read: list[int] = []

    class Body(io.RawIOBase):
        def __iter__(self) -> Any:
            read.append(1)
            yield b"x"

    answer = shared_council.client.post(
        "/v1/members/252069/codesets/juki/imports",
        content=iter(Body()),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 401


@pytest.fixture
def closed(council: Council) -> Council:
    """The same service as it is deployed: its state of work is for keys."""
    return replace(council, settings=council.settings.model_copy(update={"open_work": False}))


def test_what_is_not_published_needs_a_key(closed: Council) -> None:
    url = f"/v1/members/{RITTO}/codesets/juki/codes/10E0?release=pending"
    assert closed.client.get(url).status_code == 401
    assert closed.client.get(url, headers=closed.key("registrar")).status_code == 403
    shown = closed.client.get(url, headers=closed.key("auditor")).json()
    assert (shown["character"], shown["release"]) == ("MJ026190", None)


@pytest.mark.parametrize("address", ["/v1/members/252107/fitgap", "/members/252107/fitgap"])
def test_gaps_are_work_and_need_a_key_unless_opened(
    closed: Council, shared_council: Council, address: str
) -> None:
    assert closed.client.get(address).status_code == 401
    assert closed.client.get(address, headers=closed.key("auditor")).status_code == 200
    assert shared_council.client.get(address).status_code == 200


def test_proposals_and_lists_are_shown_only_to_who_reads_this_member(closed: Council) -> None:
    url = "/v1/members/252069/codesets/juki/codes/F040"
    seen = closed.client.get(url, headers=closed.key("auditor")).json()
    published = closed.client.get(url).json()
    assert seen["proposals"]
    assert (published["proposals"], published["listed"]) == ([], {})
    assert published["character"] == seen["character"]
    page = closed.client.get("/members/252069/codesets/juki").text
    assert "MJ026190" in page
    assert "City's list" not in page
    assert "市の一覧" not in page
