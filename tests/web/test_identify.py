"""Identification over HTTP: a job measures, people confirm what they looked at, and take it back."""

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from gaiji.glyph import draw, reference_index
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.reference import reference_font
from gaiji.glyph.shapes import shape
from gaiji.jobs import Worker
from gaiji.registry import db, replay
from gaiji.settings import Settings
from tests.web.council import KUSATSU, RITTO, SAKI, YASU, Council, font_of

SET = f"/v1/members/{YASU}/codesets/juki"
pytestmark = pytest.mark.fonts


@pytest.fixture(scope="session")
def shown() -> Gallery:
    """A small reference set."""
    font = reference_font(Settings())
    names = sorted({SAKI, "MJ026190", "MJ028902", *sorted(font.names())[::600]})
    return replace(Gallery.of((name, shape(font.glyph(name))) for name in names), digest="1" * 64)


@pytest.fixture(autouse=True)
def index(shown: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_index, "reference_gallery", lambda settings: shown)


def work(council: Council) -> int:
    return Worker(council.settings, council.engine, renew_s=0.02).run(until_idle=True)


def post(
    council: Council, url: str, body: Any = None, key: str = "operator", **headers: str
) -> Any:
    return council.client.post(url, json=body, headers=council.key(key) | headers)


def get(council: Council, url: str, key: str = "operator") -> Any:
    return council.client.get(url, headers=council.key(key)).json()


@pytest.fixture
def measured(council: Council) -> Council:
    post(council, f"{SET}/identifications")
    work(council)
    return council


def confirmed(page: Any, *chosen: tuple[str, str | None]) -> dict[str, Any]:
    rows = {row["code"]: row for row in page["items"]}
    return {
        "edition": page["edition"],
        "items": [
            {"code": code, "glyph": rows[code]["glyph"], "character": character}
            for code, character in chosen
        ],
    }


def test_a_job_measures_and_is_asked_for_once(council: Council) -> None:
    before = get(council, f"{SET}/identifications")
    assert before["counts"]["not-measured"] == len(before["items"]) == 2
    sent = post(council, f"{SET}/identifications", **{"Idempotency-Key": "a"})
    again = post(council, f"{SET}/identifications", **{"Idempotency-Key": "a"})
    assert (sent.status_code, again.json()["id"]) == (202, sent.json()["id"])
    assert work(council) == 1
    job = get(council, sent.headers["location"])
    assert (job["state"], job["kind"]) == ("done", "identify")
    assert job["progress"] == {"unit": "glyphs", "bytes_done": 2, "bytes_total": 2}
    result = get(council, job["links"]["result"])
    assert (result["measured"], result["codesets"][0]["codeset"]) == (2, f"{YASU}/juki")
    assert sum(result["codesets"][0]["counts"].values()) == 2


def test_a_job_for_another_index_fails_and_says_so(
    council: Council, shown: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = post(council, f"{SET}/identifications")
    other = replace(shown, digest="2" * 64)
    monkeypatch.setattr(reference_index, "reference_gallery", lambda settings: other)
    work(council)
    job = get(council, sent.headers["location"])
    assert (job["state"], job["error"]["type"]) == ("failed", "/problems/stale-version")


def test_the_list_is_paged_and_bound_to_its_question(measured: Council) -> None:
    first = get(measured, f"{SET}/identifications?limit=1")
    second = get(measured, f"{SET}/identifications?limit=1&cursor={first['next']}")
    assert [first["items"][0]["code"], second["items"][0]["code"]] == ["F040", "F045"]
    assert second["next"] is None
    assert first["items"][0]["candidates"][0]["id"] == SAKI
    wrong = f"{SET}/identifications?limit=1&all=true&cursor={first['next']}"
    answer = measured.client.get(wrong, headers=measured.key())
    assert answer.json()["type"] == "/problems/invalid-request"


def test_a_group_is_confirmed_and_taken_back(measured: Council) -> None:
    page = get(measured, f"{SET}/identifications")
    body = confirmed(page, ("F040", SAKI), ("F045", None))
    done = post(measured, f"{SET}/confirmations", body, **{"Idempotency-Key": "b"})
    assert (done.status_code, done.json()["count"], done.json()["none"]) == (201, 1, 1)
    replayed = post(measured, f"{SET}/confirmations", body, **{"Idempotency-Key": "b"})
    assert replayed.headers["idempotency-replayed"] == "true"
    assert get(measured, f"{SET}/identifications")["items"] == []
    decided = get(measured, f"{SET}/identifications?all=true")["items"]
    assert [row["standing"]["character"] for row in decided] == [SAKI, None]
    code = get(measured, f"{SET}/codes/F040?release=pending")
    assert (code["character"], code["evidence"]["how"]) == (SAKI, "shape")
    assert code["evidence"]["shape"]["glyph"] == code["glyph"]
    for name in ("F040", "F045"):
        assert post(measured, f"{SET}/codes/{name}/withdrawal").status_code == 201
    assert len(get(measured, f"{SET}/identifications")["items"]) == 2
    gone = post(measured, f"{SET}/codes/F040/withdrawal")
    assert (gone.status_code, gone.json()["type"]) == (409, "/problems/undecidable")
    with db.reading(measured.engine) as session:
        assert replay.verify(session)


def test_another_edition_than_the_one_looked_at_is_refused(measured: Council) -> None:
    page = get(measured, f"{SET}/identifications")
    body = confirmed(page, ("F040", SAKI)) | {"edition": "0/0"}
    answer = post(measured, f"{SET}/confirmations", body)
    assert (answer.status_code, answer.json()["type"]) == (412, "/problems/stale-version")


def test_only_those_who_may_decide_confirm(measured: Council) -> None:
    page = get(measured, f"{SET}/identifications")
    body = confirmed(page, ("F040", SAKI))
    for key in ("auditor", "registrar"):
        assert post(measured, f"{SET}/confirmations", body, key).status_code == 403
        assert post(measured, f"{SET}/codes/F040/withdrawal", key=key).status_code == 403
    assert post(measured, f"{SET}/identifications", key="auditor").status_code == 403


def test_a_code_set_without_glyphs_has_nothing_to_measure(council: Council) -> None:
    answer = post(council, f"/v1/members/{KUSATSU}/codesets/zei/identifications")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-picture")


# --- files that nobody keeps


def identify(council: Council, data: bytes, name: str = "x.ttf", **fields: Any) -> Any:
    return council.client.post(
        "/v1/identify", files={"file": (name, data)}, data=fields, headers=council.key("auditor")
    )


def test_a_font_is_identified_and_not_kept(shared_council: Council) -> None:
    font = font_of({0xE000: SAKI, 0xE001: "MJ028902"})
    found = identify(shared_council, font, limit=3).json()
    assert [one["code"] for one in found["items"]] == ["U+E000", "U+E001"]
    assert [one["candidates"][0]["id"] for one in found["items"]] == [SAKI, "MJ028902"]
    assert len(found["items"][0]["candidates"]) == 3
    one = identify(shared_council, font, code="e001").json()
    assert [item["code"] for item in one["items"]] == ["U+E001"]
    none = identify(shared_council, font, code="U+E777")
    assert none.json()["type"] == "/problems/unknown-code"


def test_candidates_can_be_those_of_a_code_set(shared_council: Council) -> None:
    font = font_of({0xE000: SAKI})
    found = identify(shared_council, font, among=f"{RITTO}/juki").json()
    names = {one["id"] for one in found["items"][0]["candidates"]}
    assert names == {"MJ026190", "MJ028902"}
    wrong = identify(shared_council, font, among="everything")
    assert wrong.json()["type"] == "/problems/invalid-request"


def test_a_scan_is_identified(shared_council: Council) -> None:
    outline = reference_font(Settings()).glyph(SAKI)
    picture = draw.png(outline, 128)
    found = identify(shared_council, picture, "scan.png").json()
    assert found["items"][0]["candidates"][0]["id"] == SAKI
    blank = BytesIO()
    Image.new("L", (64, 64), 255).save(blank, "png")
    refused = identify(shared_council, blank.getvalue(), "blank.png")
    assert refused.json()["type"] == "/problems/bad-picture"


def test_more_glyphs_than_a_request_takes_are_a_job(shared_council: Council) -> None:
    font = font_of({0xE000 + number: "none" for number in range(201)})
    answer = identify(shared_council, font)
    assert (answer.status_code, answer.json()["limit"]) == (413, 200)
    assert "identifications" in answer.json()["detail"]
    assert identify(shared_council, b"not a font").status_code == 422
