"""One name over HTTP and on its page: nothing of it in an address, a log, a cache or a picture's address."""

import json
import logging
import re
from datetime import date
from typing import Any

import pytest

from gaiji.client import Client
from gaiji.registry import db
from gaiji.registry.adoption import adopt
from gaiji.registry.translation import translate
from gaiji.wire.names import NameRequest
from tests.test_client import Wire
from tests.web.council import ACTOR, HEN, KUSATSU, NABE, RITTO, SAKI, TAKA, Council
from tests.web.test_pages import Seen

ENGLISH = {"accept-language": "en"}
ASKED = {"from": f"{KUSATSU}/juki", "to": f"{RITTO}/juki"}
NAME = "渡&252069-juki-F040;﨑&252069-juki-F045;&252069-juki-F042;"


def ask(council: Council, **body: Any) -> dict[str, Any]:
    answer = council.client.post("/v1/names", json=ASKED | body, headers=ENGLISH)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def test_a_name_is_traced_with_every_step_and_loss(shared_council: Council) -> None:
    found = ask(shared_council, name=NAME)
    assert [step["code"] for step in found["steps"]] == ["936E", "F040", "FAB1", "F045", "F042"]
    assert [step["character"] for step in found["steps"]][1:3] == [NABE, SAKI]
    assert [step["target"] for step in found["steps"]][:3] == ["216E", "10E0", "11FA"]
    assert [step["back"] for step in found["steps"]][:3] == ["936E", "F040", "FAB1"]
    assert [step["lossy"] for step in found["steps"]] == [False, False, False, True, True]
    codes = [[one["code"] for one in step["findings"]] for step in found["steps"]]
    assert codes[3] == ["unregistered"]
    assert codes[4] == ["not-in-target"]
    assert (found["whole"], found["target"]) == (False, None)
    assert found["steps"][1]["glyph"]
    assert {one["code"] for one in found["findings"]} == {"release-not-told"}
    assert (found["from"]["release"], found["to"]["release"]) == (2, 2)


def test_each_step_is_among_what_translate_answers(shared_council: Council) -> None:
    found = ask(shared_council, name=f"渡{NABE}髙{TAKA}﨑", on_unmapped="escape")
    with db.reading(shared_council.engine) as session:
        for step in found["steps"]:
            if step["target"] is None:
                continue
            told = translate(session, ASKED["from"], ASKED["to"], [step["code"]], 2)
            assert step["target"] in {match.code for match in told.results[0].matches}


def test_each_side_takes_the_release_that_is_named(shared_council: Council) -> None:
    found = ask(shared_council, name=NABE, release="2", to_release="latest")
    assert (found["from"]["release"], found["to"]["release"], found["findings"]) == (2, 2, [])
    lone = {"from": f"{KUSATSU}/juki", "to": "juki", "release": "1", "name": NABE}
    told = shared_council.client.post("/v1/names", json=lone).json()
    assert (told["from"]["release"], told["to"]["release"]) == (1, None)
    assert told["steps"][0]["target"] == "9089"


def test_each_side_takes_what_it_adopted_by_the_day(council: Council) -> None:
    with db.writing(council.engine) as session:
        year = db.today().year + 1
        adopt(session, ACTOR, f"{KUSATSU}/juki", 1, date(year, 4, 1))
        adopt(session, ACTOR, RITTO, 2, date(year, 4, 1))
        adopt(session, ACTOR, RITTO, 1, date(year, 1, 1))
    for day, releases, told in (
        (f"{year}-05-01", (1, 2), 0),
        (f"{year}-02-01", (2, 1), 1),
        ("2025-01-01", (2, 2), 2),
    ):
        found = ask(council, name="渡", as_of=day)
        assert (found["from"]["release"], found["to"]["release"]) == releases
        assert len(found["findings"]) == told
    mixed = ask(council, name="渡", as_of=f"{year}-05-01", to_release="1")
    assert (mixed["from"]["release"], mixed["to"]["release"]) == (1, 1)


@pytest.mark.parametrize(
    ("more", "kind"),
    [
        ({"name": "山\n田"}, "bad-name"),
        ({"name": "&252085-juki-F040;"}, "bad-name"),
        ({"name": "\ud83d"}, "invalid-request"),
        ({"name": "山" * 2001}, "invalid-request"),
        ({"name": "山", "from": "unicode"}, "unsupported-conversion"),
        ({"name": "山", "to": "kanji"}, "unsupported-conversion"),
        ({"name": "山", "to": "252069/none"}, "unknown-code-set"),
        ({"name": "山", "release": "99"}, "unknown-release"),
        ({"name": "山", "release": "soon"}, "invalid-request"),
        ({"name": "山", "extra": 1}, "invalid-request"),
        ({}, "invalid-request"),
    ],
)
def test_what_cannot_be_traced_is_a_problem_that_does_not_repeat_the_name(
    shared_council: Council, more: dict[str, str], kind: str
) -> None:
    body = json.dumps(ASKED | more).encode()
    headers = ENGLISH | {"content-type": "application/json"}
    answer = shared_council.client.post("/v1/names", content=body, headers=headers)
    assert answer.json()["type"] == f"/problems/{kind}"
    assert "山" not in answer.text
    assert answer.headers["cache-control"] == "no-store"


def test_the_client_asks_with_the_name_in_the_body(shared_council: Council) -> None:
    with Client("http://testserver", transport=Wire(shared_council.app)) as client:
        asked = NameRequest(from_=f"{KUSATSU}/juki", to=f"{RITTO}/juki", name=NABE)
        found = client.trace_name(asked)
    assert [(step.code, step.target) for step in found.steps] == [("E7B3", "8990")]
    assert found.whole


def test_a_name_is_no_parameter_of_an_address(shared_council: Council) -> None:
    for method in ("get", "post"):
        answer = getattr(shared_council.client, method)("/v1/names?name=x")
        assert answer.status_code in (405, 415, 422)


def page(council: Council, **form: str) -> tuple[str, Seen]:
    sent = {key: (None, value) for key, value in (ASKED | form).items()}
    answer = council.client.post("/names", files=sent, headers=ENGLISH)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    seen = Seen()
    seen.feed(answer.text)
    return answer.text, seen


def test_the_page_traces_a_name_without_script_and_with_its_pictures_inside(
    shared_council: Council,
) -> None:
    text, seen = page(shared_council, name=NAME)
    assert seen.inline == []
    assert "script" not in seen.tags
    assert seen.images == []
    assert "svg" in seen.tags
    assert not any(part in link for link in seen.links for part in ("F040", NABE, "渡"))
    assert f"Code F045 of {KUSATSU}/juki was never registered" in text
    assert NABE in text
    assert HEN not in text


def test_a_pasted_private_use_character_is_shown_as_its_code(shared_council: Council) -> None:
    text, _ = page(shared_council, name="渡\ue000")
    assert "\ue000" not in text
    assert 'value="渡&amp;252069-juki-F040;"' in text


def test_the_page_says_what_is_wrong_and_keeps_what_was_typed(shared_council: Council) -> None:
    text, _ = page(shared_council, name="山\ue000&252085-juki-F040;")
    assert 'role="alert"' in text
    assert "\ue000" not in text
    day, _ = page(shared_council, name="山", as_of="soon")
    assert "The day cannot be read" in day


def test_the_empty_form_stands_at_its_own_address(shared_council: Council) -> None:
    answer = shared_council.client.get("/names", headers=ENGLISH)
    assert answer.status_code == 200
    assert 'method="post" enctype="multipart/form-data" autocomplete="off"' in answer.text
    assert "252107/juki" not in answer.text  # a candidate's set is in no release
    (chosen,) = re.findall(r'<option value="([^"]+)" selected>', answer.text)
    assert answer.text.index('<option value="252069/juki">') < answer.text.index(chosen)
    assert not chosen.startswith("252069/")


def test_half_a_character_is_told_as_such(shared_council: Council) -> None:
    body = json.dumps(ASKED | {"name": "\ud800"}).encode()
    headers = ENGLISH | {"content-type": "application/json"}
    answer = shared_council.client.post("/v1/names", content=body, headers=headers)
    assert "name: holds a lone surrogate, half a character" in answer.json()["detail"]


def test_no_name_reaches_a_log_or_the_history(
    shared_council: Council, caplog: pytest.LogCaptureFixture
) -> None:
    before = shared_council.client.get("/v1/journal/head").json()["serial"]
    with caplog.at_level(logging.DEBUG):
        ask(shared_council, name=NAME)
        page(shared_council, name=NAME)
        page(shared_council, name="渡\n&252085-juki-F040;")
    for part in ("渡", "F040", NABE, "%E6%B8%A1"):
        assert part not in caplog.text
    assert "POST /v1/names 200" in caplog.text
    assert shared_council.client.get("/v1/journal/head").json()["serial"] == before
