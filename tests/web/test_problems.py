import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from gaiji.errors import problem_types
from gaiji.settings import Settings
from gaiji.web.app import create_app, openapi
from tests.web.council import Council

JSON, TEXT = {"content-type": "application/json"}, {"content-type": "text/plain"}
BIG = {"from": "mj", "to": "mj", "codes": ["x"], "release": 10**30}
CASES: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/nowhere", {}, 404, "not-found"),
    ("GET", "/v1/members/252068", {}, 422, "bad-member-code"),
    ("GET", "/v1/members/131016", {}, 404, "unknown-member"),
    ("GET", "/v1/members/252069/codesets/none", {}, 404, "unknown-code-set"),
    ("GET", "/v1/members/252069/codesets/NONE", {}, 422, "bad-name"),
    ("GET", "/v1/members/252069/codesets/juki/codes/F0FC", {}, 404, "unknown-code"),
    ("GET", "/v1/members/252069/codesets/juki/codes/8140", {}, 422, "code-outside-area"),
    ("GET", "/v1/members/252069/codesets/juki/codes/XY", {}, 422, "bad-name"),
    ("GET", "/v1/members/252069/codesets/juki/codes?release=99", {}, 404, "unknown-release"),
    ("GET", "/v1/members/252069/codesets/juki/codes?release=x", {}, 422, "invalid-request"),
    ("GET", "/v1/members/252069/codesets/juki/codes?cursor=AAAA", {}, 422, "invalid-request"),
    ("GET", "/v1/members/252069/codesets/zei/codes/F040/glyph.png", {}, 404, "no-picture"),
    ("GET", "/v1/characters/MJ999999", {}, 404, "unknown-character"),
    ("GET", "/v1/characters/MJ026190/glyph.png?size_px=9999", {}, 422, "invalid-request"),
    ("GET", "/v1/characters?strokes=many", {}, 422, "invalid-request"),
    ("GET", "/v1/characters?member=131016", {}, 404, "unknown-member"),
    ("GET", "/v1/characters?q=a%00b", {}, 422, "invalid-request"),
    ("GET", "/v1/releases/99", {}, 404, "unknown-release"),
    ("GET", "/v1/releases/1/diff/99", {}, 404, "unknown-release"),
    ("GET", "/v1/glyphs/" + "0" * 64 + ".svg", {}, 404, "unknown-blob"),
    ("GET", "/v1/translate?from=252069/juki&to=nowhere&code=F040", {}, 422, "bad-name"),
    ("POST", "/v1/translate", {"content": b"{", "headers": JSON}, 422, "invalid-request"),
    ("POST", "/v1/translate", {"content": b"{}", "headers": TEXT}, 415, "unsupported-media-type"),
    ("POST", "/v1/translate", {"json": {"from": "mj", "to": "mj", "codes": ["x"] * 10_001}}, 413, "too-large"),
    ("POST", "/v1/translate", {"json": {"from": "mj", "to": "mj", "codes": [], "more": 1}}, 422, "invalid-request"),
    ("POST", "/v1/translate", {"json": BIG}, 404, "unknown-release"),
    ("POST", "/v1/members", {}, 405, "method-not-allowed"),
    ("GET", "/v1/members/252069/fitgap?against=GJ", {}, 409, "refused"),
    ("GET", "/problems/no-such", {}, 404, "not-found"),
    ("GET", "/static/../app.py", {}, 404, "not-found"),
    ("GET", "/static/..%2Fapp.py", {}, 404, "not-found"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "url", "more", "status", "code"), CASES)
def test_every_error_is_a_documented_problem_document(
    shared_council: Council, method: str, url: str, more: dict[str, Any], status: int, code: str
) -> None:
    answer = shared_council.client.request(method, url, **more)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


@pytest.mark.parametrize(
    ("url", "wrong", "known"),
    [
        ("/v1/characters?strokse=17", "strokse", "strokes"),
        ("/v1/translate?from=mj&to=mj&code=MJ026190&relase=1", "relase", "release"),
        ("/v1/characters/MJ026190/glyph.png?size=5000", "size", "size_px"),
        ("/v1/about?x=1", "x", None),
    ],
)
def test_a_mistyped_parameter_is_refused_and_the_known_ones_named(
    shared_council: Council, url: str, wrong: str, known: str | None
) -> None:
    answer = shared_council.client.get(url)
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    assert answer.json()["unknown"] == [wrong]
    assert known is None or known in answer.json()["known"]
    assert wrong in answer.json()["detail"]


def test_a_mistyped_dry_run_writes_nothing(council: Council) -> None:
    url = "/v1/members/252069/codesets/juki/imports"
    head = council.client.get("/v1/journal/head").json()
    files = {"table": ("t.csv", b"code,mj\nF050,MJ026190\n")}
    for query, form in (("?dryrun=true", {}), ("", {"dry_run": "true"})):
        answer = council.client.post(url + query, files=files, data=form, headers=council.key())
        assert answer.json()["type"] == "/problems/invalid-request"
        assert answer.json()["unknown"] == [*form] or answer.json()["known"] == ["dry_run"]
    body = council.client.post("/v1/releases", json={"dry_run": True}, headers=council.key())
    assert body.json()["type"] == "/problems/invalid-request"
    assert council.client.get("/v1/journal/head").json() == head
    assert council.client.post(url, files=files, headers=council.key()).status_code == 201


def test_what_is_wrong_with_a_value_is_said_in_both_languages(shared_council: Council) -> None:
    def told(method: str, path: str, lang: str, **more: Any) -> dict[tuple[str, str], str]:
        headers = {**shared_council.key(), "accept-language": lang, **more.pop("headers", {})}
        answer = shared_council.client.request(method, path, headers=headers, **more)
        assert answer.json()["type"] == "/problems/invalid-request"
        return {(one["in"], one["field"]): one["message"] for one in answer.json()["errors"]}

    sets = "/v1/members/252069/codesets/juki"
    assert told("POST", f"{sets}/decisions", "ja", json={"code": "F040"}) == {
        ("body", "character"): "必要です"
    }
    policy = {"policy": "exact-mj-name", "code": "F040"}
    assert told("POST", f"{sets}/decisions", "en", json=policy) == {
        ("body", "code"): "there is no field of this name"
    }
    many = told("GET", f"{sets}/codes?limit=0&as_of=soon&unmapped=perhaps", "ja")
    assert many == {
        ("query", "limit"): "1 以上にしてください",
        ("query", "as_of"): "年-月-日(2026-11-23)にしてください",
        ("query", "unmapped"): "true か false にしてください",
    }
    text = told("POST", f"{sets}/imports", "ja", data={"table": "x"}, files={"font": ("f", b"x")})
    assert text == {("body", "table"): "ファイルとして送ってください"}
    choice = told("GET", "/v1/compare?a=MJ026190&b=MJ026193&mode=beside", "en")
    assert choice == {("query", "mode"): "give one of side-by-side, overlay"}


def test_a_body_that_is_not_json_says_where_it_ends_to_be(shared_council: Council) -> None:
    sent = '{"from": "邉",\n x}'.encode()
    answer = shared_council.client.post("/v1/translate", content=sent, headers=JSON).json()
    assert "本文が JSON ではありません(2 行目の 2 文字目)" in answer["detail"]
    assert answer["where"] == {"byte_offset": sent.index(b"x")}


def test_a_decision_is_equivalent_where_nothing_else_is_said(council: Council) -> None:
    url = "/v1/members/252107/codesets/juki"
    body = {"code": "F040", "character": "MJ030196"}
    done = council.client.post(f"{url}/decisions", json=body, headers=council.key())
    assert done.status_code == 201
    shown = council.client.get(f"{url}/codes/F040?release=pending").json()
    assert shown["relationship"] == "equivalent"


def test_a_wrong_method_names_the_right_ones(shared_council: Council) -> None:
    answer = shared_council.client.delete("/v1/members/252069")
    assert answer.headers["allow"] == "GET, HEAD, PUT"


def test_an_unexpected_fault_tells_nothing_of_the_inside(
    council: Council, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ValueError("secret inside")

    monkeypatch.setattr("gaiji.registry.reference.search", fail)
    answer = TestClient(council.app).get("/v1/characters?q=渡邉", headers={"x-request-id": "abc.1"})
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/gaiji-error")
    assert "secret" not in answer.text
    assert "abc.1" in answer.json()["detail"]
    assert answer.headers["x-request-id"] == "abc.1"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "secret inside" in caplog.text
    assert "渡" not in caplog.text


def test_every_problem_type_is_explained(shared_council: Council) -> None:
    for code in problem_types():
        told = shared_council.client.get(f"/problems/{code}").json()
        assert told["type"] == f"/problems/{code}"
        assert re.search("[ぁ-ん]", told["description"])
        english = shared_council.client.get(f"/problems/{code}", headers={"accept-language": "en"})
        assert english.json()["description"] == str(problem_types()[code].__doc__).strip()


def test_errors_speak_the_language_asked_for(shared_council: Council) -> None:
    def detail(**headers: str) -> str:
        answer = shared_council.client.get("/v1/members/131016", headers=headers)
        assert answer.headers["content-language"] in ("ja", "en")
        return str(answer.json()["detail"])

    japanese, english = detail(), detail(**{"accept-language": "en"})
    assert "登録されていません" in japanese
    assert "not registered" in english
    assert detail(**{"accept-language": "fr, en;q=0.5, ja;q=0.4"}) == english
    assert detail(**{"accept-language": "de"}) == japanese
    assert detail(**{"accept-language": "en;q=0.2, ja-JP"}) == japanese


def test_a_browser_gets_errors_as_a_page(shared_council: Council) -> None:
    answer = shared_council.client.get("/characters/MJ999999", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "unknown-character" in answer.text


def test_without_database_the_service_says_so(tmp_path: Any) -> None:
    client = TestClient(create_app(Settings(home=tmp_path / "none")))
    assert client.get("/healthz").status_code == 200
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/storage-failed")
    assert answer.headers["retry-after"]


def test_bodies_beyond_the_limit_are_refused_whole_or_streamed(council: Council) -> None:
    settings = council.settings.model_copy(update={"max_body_bytes": 2000})
    client = TestClient(create_app(settings, council.engine))
    kind = {"content-type": "application/json"}

    def stream() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 10

    declared = client.post("/v1/translate", content=b" " * 2001, headers=kind)
    streamed = client.post("/v1/translate", content=stream(), headers=kind)
    form = {**council.key(), "content-type": "multipart/form-data; boundary=x"}
    url = "/v1/members/252069/codesets/juki/imports"

    def parts() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="font"; filename="f"\r\n\r\n'
        yield from stream()

    uploaded = client.post(url, content=parts(), headers=form)
    for answer in (declared, streamed, uploaded):
        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
        assert answer.json()["limit_bytes"] == 2000


def test_too_many_requests_at_once_are_asked_to_wait(council: Council) -> None:
    settings = council.settings.model_copy(update={"max_concurrency": 0})
    answer = TestClient(create_app(settings, council.engine)).get("/healthz")
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/busy")
    assert answer.headers["retry-after"] == "1"


def test_openapi_documents_every_route_and_error(shared_council: Council) -> None:
    document = openapi(shared_council.app)
    assert document["openapi"].startswith("3.1")
    assert shared_council.client.get("/openapi.json").json() == document
    operations = [one for path in document["paths"].values() for one in path.values()]
    assert len({one["operationId"] for one in operations}) == len(operations) > 35
    for one in operations:
        for status, response in one["responses"].items():
            if int(status) >= 400:
                assert list(response["content"]) == ["application/problem+json"]
        assert {"422", "429", "500", "503"} <= one["responses"].keys()
    secured = {one["operationId"] for one in operations if "security" in one}
    assert secured == {
        *("put_member", "put_code_set", "take_in_files", "decide_codes", "publish_release"),
        *("list_journal", "show_blob", "show_fitgap", "show_usage", "show_rights", "put_rights"),
        *("show_font", "show_font_provenance", "check_terminal_font", "show_council_font"),
        *("add_site", "record_adoption", "withdraw_adoption"),
        *("start_conversion", "list_jobs", "show_job", "remove_job", "follow_job"),
        *("fetch_result", "fetch_report", "fetch_receipt", "fetch_spill"),
        *("identify_file", "start_identification", "list_identifications"),
        *("confirm_codes", "withdraw_decision"),
    }
