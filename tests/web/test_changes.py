import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gaiji.registry import db, decisions
from tests.web.council import ACTOR, KUSATSU, NABE, RITTO, Council, font_of

JUKI = f"/v1/members/{KUSATSU}/codesets/juki"
TABLE: dict[str, Any] = {"files": {"table": ("list.csv", b"code,mj\nF060,MJ026190\n")}}


def test_a_get_has_a_strong_etag_and_answers_304(shared_council: Council) -> None:
    client = shared_council.client
    paths = [
        "/v1/members",
        f"{JUKI}/codes",
        f"{JUKI}/codes/F040/glyph.png",
        "/",
        "/static/gaiji.css",
    ]
    for url in paths:
        first = client.get(url)
        etag = first.headers["etag"]
        assert first.status_code == 200
        assert etag.startswith('"')
        for known in (etag, f'"other", W/{etag}', "*"):
            again = client.get(url, headers={"if-none-match": known})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == etag
        assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


def test_what_a_digest_or_a_release_names_is_immutable(shared_council: Council) -> None:
    client = shared_council.client
    digest = client.get(f"{JUKI}/codes/F040").json()["glyph"]
    for url in (f"/v1/glyphs/{digest}.svg", f"/v1/glyphs/{digest}.png", "/v1/releases/1",
                "/v1/releases/1/diff/2", f"{JUKI}/codes/F040/glyph.svg?release=1"):  # fmt: skip
        assert "immutable" in client.get(url).headers["cache-control"]
    for url in (f"{JUKI}/codes/F040/glyph.svg", "/v1/releases/latest", "/v1/members"):
        assert "immutable" not in client.get(url).headers["cache-control"]


def test_head_is_get_without_the_body(shared_council: Council) -> None:
    got, head = (shared_council.client.request(m, "/v1/members") for m in ("GET", "HEAD"))
    assert head.content == b""
    assert head.headers["etag"] == got.headers["etag"]
    assert head.headers["content-length"] == got.headers["content-length"]


def test_a_member_is_registered_once_and_changed_on_the_state_one_saw(council: Council) -> None:
    client, key = council.client, council.key()
    url, body = "/v1/members/252115", {"name": "湖南市", "candidate": True}
    assert client.put(url, json=body, headers=key).status_code == 428
    assert client.put(url, json=body, headers=key | {"if-match": '"x"'}).status_code == 412
    made = client.put(url, json=body, headers=key | {"if-none-match": "*"})
    assert (made.status_code, made.json()["candidate"]) == (201, True)
    assert client.put(url, json=body, headers=key | {"if-none-match": "*"}).status_code == 412
    etag = client.get(url).headers["etag"]
    assert made.headers["etag"] == etag
    joined = body | {"candidate": False}
    done = client.put(url, json=joined, headers=key | {"if-match": etag})
    assert (done.status_code, done.json()["candidate"]) == (200, False)
    stale = client.put(url, json=body, headers=key | {"if-match": etag})
    assert (stale.status_code, stale.json()["type"]) == (412, "/problems/stale-version")
    back = client.put(url, json=body, headers=key | {"if-match": done.headers["etag"]})
    assert (back.status_code, back.json()["type"]) == (409, "/problems/conflict")
    wrong = client.put("/v1/members/252116", json=body, headers=key | {"if-none-match": "*"})
    assert wrong.json()["type"] == "/problems/bad-member-code"


def test_a_code_set_is_registered_and_keeps_its_charset(council: Council) -> None:
    client, key = council.client, council.key("registrar")
    url = f"/v1/members/{KUSATSU}/codesets/fukushi"
    body = {"system": "福祉", "group": "社会保障系", "charset": "jef"}
    made = client.put(url, json=body, headers=key | {"if-none-match": "*"})
    assert (made.status_code, made.json()["id"]) == (201, f"{KUSATSU}/fukushi")
    relabelled = body | {"system": "障害福祉"}
    done = client.put(url, json=relabelled, headers=key | {"if-match": made.headers["etag"]})
    assert done.json()["system"] == "障害福祉"
    assert client.get(url).headers["etag"] == done.headers["etag"]
    changes: list[dict[str, Any]] = [{"charset": "cp932"}, {"jis": 2004}, {"areas": []}]
    for change in changes:
        other = client.put(
            url, json=relabelled | change, headers=key | {"if-match": done.headers["etag"]}
        )
        assert (other.status_code, other.json()["type"]) == (409, "/problems/conflict")
    no_charset = body | {"charset": "ebcdic-x"}
    unknown = client.put(
        url.replace("fukushi", "x"), json=no_charset, headers=key | {"if-none-match": "*"}
    )
    assert unknown.json()["type"] == "/problems/unknown-charset"


def test_an_import_shows_all_in_a_dry_run_and_is_all_or_nothing(council: Council) -> None:
    client, key, url = council.client, council.key("registrar"), f"{JUKI}/imports"
    before = client.get("/v1/journal/head").json()["serial"]
    font: dict[str, Any] = {
        "files": {"font": ("EUDC.TTE", font_of({0xE020: NABE}))},
        "data": {"supplier": "市"},
    }
    tried = client.post(f"{url}?dry_run=true", headers=key, **font)
    assert (tried.status_code, tried.json()["serial"]) == (200, None)
    assert [row["code"] for row in tried.json()["rows"]] == ["F060"]
    for files, kind in (
        ({"font": ("x.ttf", b"no font")}, "bad-font"),
        ({"table": ("x.csv", b"a,b\n1,2\n")}, "bad-table"),
        ({"table": ("x.csv", b"code,mj\n8140,MJ026190\n")}, "code-outside-area"),
        ({"other": ("x.csv", b"")}, "invalid-request"),
        ({"table": ("x.csv", b"")}, "bad-table"),
    ):
        answer = client.post(url, headers=key, files=files)
        assert (answer.status_code, answer.json()["type"]) == (422, f"/problems/{kind}")
    assert client.get("/v1/journal/head").json()["serial"] == before
    done = client.post(url, headers=key, **font)
    assert (done.status_code, done.json()["counts"]["glyphs"]) == (201, 1)
    assert done.json()["serial"] == before + 1
    shown = client.get(f"{JUKI}/codes/F060").json()
    assert (shown["character"], shown["proposals"]) == (None, [])


def test_the_same_idempotency_key_gives_the_same_answer(council: Council) -> None:
    client, url = council.client, f"{JUKI}/imports"
    key = council.key("registrar") | {"idempotency-key": "k-1"}
    first = client.post(url, headers=key, **TABLE)
    again = client.post(url, headers=key, **TABLE)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    other: dict[str, Any] = {"files": {"table": ("list.csv", b"code,mj\nF061,MJ026190\n")}}
    reused = client.post(url, headers=key, **other)
    assert (reused.status_code, reused.json()["type"]) == (409, "/problems/key-reused")
    anew = client.post(url, headers=key | council.key() | {"idempotency-key": "k-1"}, **other)
    assert anew.status_code == 201  # another principal's key is another key


def test_a_refused_request_leaves_its_idempotency_key_free(council: Council) -> None:
    key = council.key() | {"idempotency-key": "k-2"}
    url = f"{JUKI}/decisions"
    body = {"code": "F041", "character": "MJ999999", "relationship": "equivalent"}
    assert client_status(council, url, key, body) == (404, "/problems/unknown-character")
    body = {"code": "F043", "character": NABE, "relationship": "design-difference"}
    assert client_status(council, url, key, body)[0] == 201


def client_status(council: Council, url: str, key: dict[str, str], body: Any) -> tuple[int, Any]:
    answer = council.client.post(url, headers=key, json=body)
    return answer.status_code, answer.json().get("type")


def test_decisions_wait_until_a_release_publishes_them(council: Council) -> None:
    client, key = council.client, council.key()
    url = f"{JUKI}/decisions"
    no_ground = {"code": "F040", "character": "MJ030196", "relationship": "substitute"}
    assert client_status(council, url, key, no_ground) == (409, "/problems/undecidable")
    assert client_status(council, url, key, {"policy": "none"}) == (404, "/problems/unknown-policy")
    assert client_status(council, url, key, {"policy": "juki-as-transmitted"})[1] == (
        "/problems/refused"
    )
    both = {"policy": "exact-mj-name", "code": "F040"}
    assert client_status(council, url, key, both) == (422, "/problems/invalid-request")
    body = no_ground | {"ground": "町名"}
    assert client.post(url, headers=key, json=body).json()["character"] == "MJ030196"
    assert client.get(f"{JUKI}/codes/F040").json()["character"] == NABE
    pending = client.get(f"{JUKI}/codes/F040?release=pending", headers=key).json()
    assert (pending["character"], pending["evidence"]["actor"]) == ("MJ030196", "operator")
    published = client.post("/v1/releases", headers=key)
    assert (published.status_code, published.json()["published"]) == (201, True)
    nothing = client.post("/v1/releases", headers=key)
    assert (nothing.status_code, nothing.json()["published"]) == (200, False)
    assert nothing.json()["release"]["number"] == 3
    assert client.get(f"{JUKI}/codes/F040").json()["character"] == "MJ030196"
    assert client.get(f"{JUKI}/codes/F040?release=2").json()["character"] == NABE
    changed = client.get("/v1/releases/2/diff/3").json()
    assert [row["code"] for row in changed["items"]] == ["F040"]
    assert f"{RITTO}/juki" in changed["unchanged"]


def pages(council: Council, url: str, **more: Any) -> Iterator[dict[str, Any]]:
    while True:
        answer = council.client.get(url, **more)
        yield answer.json()
        if answer.json()["next"] is None:
            assert "link" not in answer.headers
            return
        link = answer.headers["link"]
        assert link.endswith('>; rel="next"')
        url = link[1:].partition(">")[0]


def test_a_list_is_paged_within_the_release_it_began_in(council: Council) -> None:
    whole = council.client.get(f"{JUKI}/codes").json()
    assert (whole["next"], whole["release"]) == (None, 2)
    first, *rest = list(pages(council, f"{JUKI}/codes?limit=1"))
    assert [part["items"][0] for part in (first, *rest)] == whole["items"]
    with db.writing(council.engine) as session:
        decisions.decide(session, ACTOR, f"{KUSATSU}/juki", "F041", NABE, "design-difference")
    assert council.client.post("/v1/releases", headers=council.key()).status_code == 201
    later = council.client.get(f"{JUKI}/codes?limit=1&cursor={first['next']}").json()
    assert (later["release"], later["items"][0]["character"]) == (2, "MJ030196")
    assert council.client.get(f"{JUKI}/codes/F041").json()["character"] == NABE


def test_a_cursor_of_another_list_or_none_at_all_is_refused(shared_council: Council) -> None:
    client = shared_council.client
    cursor = client.get(f"{JUKI}/codes?limit=1").json()["next"]
    mark = json.loads(base64.urlsafe_b64decode(cursor + "=="))[0]
    forged = [
        base64.urlsafe_b64encode(json.dumps([mark, release, last]).encode()).decode().rstrip("=")
        for release, last in ((99, "F040"), (-1, "F040"), (None, "F040"), (2, "zz"), (2, None))
    ]
    for url in (
        f"{JUKI}/codes?unmapped=true&cursor={cursor}",
        f"/v1/members/{KUSATSU}/codesets/zei/codes?cursor={cursor}",
        f"/v1/characters?cursor={cursor}",
        *(f"{JUKI}/codes?cursor={one}" for one in [*forged, "あ", "%20", "bnVsbA"]),
    ):
        answer = client.get(url)
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")


def test_characters_are_found_page_by_page(shared_council: Council) -> None:
    parts = list(pages(shared_council, "/v1/characters?q=邉&limit=5"))
    ids = [one["id"] for part in parts for one in part["items"]]
    assert len(ids) == len(set(ids)) == 16
    assert ids == sorted(ids)
    assert {part["release"] for part in parts} == {2}


def test_the_journal_is_read_on_from_a_serial(shared_council: Council) -> None:
    more = {"headers": shared_council.key("auditor")}
    parts = list(pages(shared_council, "/v1/journal?limit=4", **more))
    serials = [entry["serial"] for part in parts for entry in part["items"]]
    head = shared_council.client.get("/v1/journal/head").json()
    assert serials == list(range(1, head["serial"] + 1))
    assert head["release"] == 2


@pytest.mark.parametrize(
    ("to", "expected"), [("juki", "J+9089"), ("mj", NABE), (f"{RITTO}/juki", "10E0")]
)
def test_a_code_is_translated_with_all_its_matches(
    shared_council: Council, to: str, expected: str
) -> None:
    client = shared_council.client
    one = client.get(f"/v1/translate?from={KUSATSU}/juki&to={to}&code=F040").json()
    assert one["release"] == 2
    assert expected in [match["code"] for match in one["results"][0]["matches"]]
    body = {"from": f"{KUSATSU}/juki", "to": to, "codes": ["F040", "F043"], "release": 2}
    many = client.post("/v1/translate", json=body).json()
    assert [result["code"] for result in many["results"]] == ["F040", "F043"]
    assert many["results"][0] == one["results"][0]


def test_a_kept_file_comes_back_by_its_digest(shared_council: Council) -> None:
    key = shared_council.key("auditor")
    digest = shared_council.client.get(f"{JUKI}/codes/F040").json()["glyph"]
    answer = shared_council.client.get(f"/v1/blobs/{digest}", headers=key)
    assert answer.content.startswith(b"gaiji-glyph 1 outline\n")
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-disposition"].startswith("attachment")


def test_fitgap_follows_every_decision(council: Council) -> None:
    url = f"/v1/members/{KUSATSU}/fitgap"
    before = council.client.get(url).json()["rows"][-1]
    assert council.client.get(url).json()["rows"][-1] == before
    body = {"code": "F040", "character": NABE, "relationship": "not-related"}
    done = council.client.post(f"{JUKI}/decisions", headers=council.key(), json=body)
    assert done.status_code == 201
    after = council.client.get(url).json()["rows"][-1]
    assert (after["fit"], after["codes"]) == (before["fit"] - 1, before["codes"])
