import logging
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from gaiji.client import Client
from gaiji.web.app import create_app
from gaiji.wire.lint import LintReport
from tests.test_client import Wire
from tests.web.council import Council

JSON = {"content-type": "application/json"}
BYTES = {"content-type": "application/octet-stream"}
ENGLISH = {"accept-language": "en"}


def ask(council: Council, **more: Any) -> LintReport:
    answer = council.client.post("/v1/lint", **more)
    assert answer.status_code == 200, answer.text
    return LintReport.model_validate(answer.json())


def test_text_is_linted_with_places_and_the_way_out(shared_council: Council) -> None:
    body = {"text": "渡邉\n\ufa19谷\n", "to": ["x0213"]}
    report = ask(shared_council, json=body, headers=ENGLISH)
    assert (report.charset, report.release, report.targets) == ("utf-8", 2, ["x0213"])
    (one,) = (one for one in report.findings if one.level == "gap")
    assert (one.code, one.subject, one.count) == ("nfc-svs", "U+FA19", 1)
    assert (one.places[0].record, one.places[0].byte_offset) == (2, 7)
    assert "unicode-svs" in one.way_out


def test_bytes_are_linted_in_a_charset_or_as_a_code_set(shared_council: Council) -> None:
    data = b"\xf0\x40\xf0\x44\n\x82"
    plain = ask(shared_council, content=data, headers=BYTES, params={"charset": "cp932"})
    assert [one.subject for one in plain.findings if one.code == "user-code"] == ["F040", "F044"]
    held = ask(shared_council, content=data, headers=BYTES, params={"codeset": "252069/juki"})
    assert [one.subject for one in held.findings if one.code == "undecided-code"] == ["F044"]
    assert [one.subject for one in held.findings if one.level == "error"] == ["82"]
    first = {"codeset": "252069/juki", "release": "1", "to": ["x0213", "juki"]}
    before = ask(shared_council, content=data, headers=BYTES, params=first)
    assert (before.release, before.targets) == (1, ["x0213", "juki"])


def test_half_of_a_pair_in_json_is_a_finding(shared_council: Council) -> None:
    report = ask(shared_council, content=b'{"text": "a\\ud83d"}', headers=JSON)
    (one,) = report.findings
    assert (one.code, one.subject, report.bytes) == ("lone-surrogate", "U+D83D", 4)


def test_an_empty_body_has_nothing_to_lose(shared_council: Council) -> None:
    report = ask(shared_council, content=b"", headers=BYTES)
    assert (report.records, report.bytes, report.findings) == (0, 0, [])


def test_the_texts_follow_the_language_and_the_codes_do_not(shared_council: Council) -> None:
    body = {"text": "葛\U000e0100"}
    japanese = ask(shared_council, json=body, headers={"accept-language": "ja"}).findings
    english = ask(shared_council, json=body, headers=ENGLISH).findings
    assert [one.code for one in japanese] == [one.code for one in english]
    assert "列" in japanese[0].text
    assert "sequence" in english[0].text


BOTH = {"codeset": "252069/juki", "charset": "cp932"}
CASES: list[tuple[dict[str, Any], int, str]] = [
    ({"json": {"text": "x", "charset": "cp932"}}, 422, "invalid-request"),
    ({"json": {}}, 422, "invalid-request"),
    ({"json": ["x"]}, 422, "invalid-request"),
    ({"json": {"text": "x", "to": ["everything"]}}, 422, "bad-name"),
    ({"json": {"text": "x", "release": "99"}}, 404, "unknown-release"),
    ({"json": {"text": "x"}, "params": {"charset": "cp932"}}, 422, "invalid-request"),
    ({"content": b'{"text": "x", "to": ["\\ud800"]}', "headers": JSON}, 422, "invalid-request"),
    ({"content": b'{"text": "x", "\\ud800": 1}', "headers": JSON}, 422, "invalid-request"),
    ({"content": b'{"text": x}', "headers": JSON}, 422, "invalid-request"),
    ({"content": b"\xff", "headers": JSON}, 422, "invalid-request"),
    ({"content": b"[" * 100_000, "headers": JSON}, 422, "invalid-request"),
    ({"content": b"x", "headers": {"content-type": "text/plain"}}, 415, "unsupported-media-type"),
    ({"content": b"x", "headers": BYTES, "params": {"charset": "sjis"}}, 404, "unknown-charset"),
    ({"content": b"x", "headers": BYTES, "params": {"charst": "cp932"}}, 422, "invalid-request"),
    ({"content": b"x", "headers": BYTES, "params": {"codeset": "252069/none"}}, 404, "unknown-code-set"),
    ({"content": b"x", "headers": BYTES, "params": {"codeset": "none"}}, 422, "bad-name"),
    ({"content": b"x", "headers": BYTES, "params": BOTH}, 422, "invalid-request"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "status", "code"), CASES)
def test_what_cannot_be_linted_is_a_problem_document(
    shared_council: Council, more: dict[str, Any], status: int, code: str
) -> None:
    answer = shared_council.client.post("/v1/lint", **more)
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


def test_a_body_that_is_not_json_says_where(shared_council: Council) -> None:
    sent = '{"text": "邉", x}'.encode()
    answer = shared_council.client.post("/v1/lint", content=sent, headers=JSON).json()
    assert answer["where"] == {"byte_offset": sent.index(b"x}")}


def test_nothing_that_was_sent_is_logged(
    shared_council: Council, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        ask(shared_council, json={"text": "渡邉花子"})
        shared_council.client.post("/v1/lint", json={"text": "渡邉花子", "to": ["x"]})
    assert "渡" not in caplog.text


def test_a_body_beyond_the_limit_is_refused(council: Council) -> None:
    settings = council.settings.model_copy(update={"max_body_bytes": 1000})
    client = TestClient(create_app(settings, council.engine))

    def stream() -> Iterator[bytes]:
        for _ in range(300):
            yield b" " * 10

    for headers in (BYTES, JSON):
        for content in (b"x" * 1001, stream()):
            answer = client.post("/v1/lint", content=content, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")


def test_the_client_lints_text(shared_council: Council) -> None:
    with Client("http://testserver", transport=Wire(shared_council.app)) as registry:
        report = registry.lint("神\ufa19", to=["x0213"], release=1)
    assert (report.release, report.targets) == (1, ["x0213"])
    assert [one.code for one in report.findings] == ["nfc-svs"]
