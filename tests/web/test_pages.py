import re
from html.parser import HTMLParser
from typing import Any

import pytest

from gaiji.registry import db, decisions, releases
from gaiji.settings import Settings
from gaiji.web.app import create_app
from gaiji.web.pages import written
from tests.web.council import ACTOR, HEN, KUSATSU, NABE, RITTO, SAKI, YASU, CheckedClient, Council

ENGLISH = {"accept-language": "en-GB,en;q=0.9"}
PAGES = [
    "/",
    "/?q=渡邉",
    "/?member=252069",
    "/?strokes=many",
    f"/characters/{NABE}",
    "/characters/OM000001",
    "/members",
    f"/members/{KUSATSU}",
    f"/members/{KUSATSU}/codesets/juki",
    f"/members/{KUSATSU}/codesets/juki?unmapped=true",
    f"/members/{YASU}/codesets/juki",
    f"/members/{YASU}/fitgap",
    f"/members/{KUSATSU}/fitgap?against=table",
    "/adoptions",
    "/adoptions?day=2026-06-01",
    "/releases",
    "/releases/1",
    "/releases/2",
    "/about",
    "/docs",
]


class Seen(HTMLParser):
    """What a page refers to, and what it must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.inline: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append(tag)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.inline.append(tag)
        if tag == "img":
            self.images.append(given)
        for name in ("href", "src", "action"):
            if (address := given.get(name)) and given.get("rel") != "external noreferrer":
                self.links.append(address)


def read(council: Council, url: str, **more: Any) -> tuple[str, Seen]:
    answer = council.client.get(url, **more)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    seen = Seen()
    seen.feed(answer.text)
    return answer.text, seen


@pytest.mark.parametrize("url", PAGES)
def test_a_page_needs_no_script_no_other_host_and_names_its_pictures(
    shared_council: Council, url: str
) -> None:
    for lang in ("ja", "en"):
        text, seen = read(shared_council, url, headers={"accept-language": lang})
        assert f'<html lang="{lang}">' in text
        assert seen.inline == []
        assert all(address.startswith(("/", "?", "#")) for address in seen.links)
        assert not any(address.startswith("//") for address in seen.links)
        assert all(image["alt"] for image in seen.images)
        assert not re.search("[\ue000-\uf8ff\U000f0000-\U0010fffd]", text)
        assert "script" not in seen.tags or url == "/docs"


def test_every_link_and_picture_of_the_pages_is_there(shared_council: Council) -> None:
    known: set[str] = set()
    for url in PAGES:
        _, seen = read(shared_council, url)
        known |= {address for address in seen.links if address.startswith("/")}
    assert len(known) > 60
    for address in sorted(known):
        assert shared_council.client.get(address).status_code == 200, address


def test_the_search_shows_characters_with_their_numbers(shared_council: Council) -> None:
    text, seen = read(shared_council, "/?q=渡邉")
    assert sum(image["alt"] == NABE for image in seen.images) == 1
    assert "U+9089" in text
    assert "ヘン" in text
    assert "radical" not in text.split("</form>")[1]
    wrong, _ = read(shared_council, "/?strokes=many")
    assert 'role="alert"' in wrong


def test_a_search_without_hits_says_so_and_a_wrong_field_by_its_label(
    shared_council: Council,
) -> None:
    answer = shared_council.client.get("/?q=zzzzzz")
    assert (answer.status_code, 'role="alert"' in answer.text) == (200, False)
    assert "zzzzzz」に当たる" in answer.text
    wrong = shared_council.client.get("/?strokes=abc")
    assert wrong.status_code == 422
    assert "「総画数」に「abc」とは書けません" in wrong.text


def test_work_is_offered_only_where_it_is_open(council: Council) -> None:
    settings = council.settings.model_copy(update={"open_work": False})
    closed = CheckedClient(create_app(settings, council.engine))
    for url in ("/", "/members", f"/members/{KUSATSU}"):
        assert "/fitgap" not in closed.get(url).text
        assert "/fitgap" in closed.get(url, headers=council.key()).text
        assert "/fitgap" in council.client.get(url).text
    page = closed.get(f"/members/{KUSATSU}/fitgap", headers={"accept": "text/html"})
    assert page.status_code == 401
    assert "gaiji serve --open-work" in page.text


def test_a_gap_leads_to_its_row_and_times_name_their_zone(shared_council: Council) -> None:
    _, seen = read(shared_council, f"/members/{YASU}/fitgap")
    rows = [address for address in seen.links if address.endswith("#cF045")]
    assert 'id="cF045"' in shared_council.client.get(rows[0]).text
    assert " UTC</time>" in shared_council.client.get("/releases").text


def test_a_character_page_shows_it_in_every_city(shared_council: Council) -> None:
    text, seen = read(shared_council, f"/characters/{NABE}")
    glyphs = [
        shared_council.client.get(f"/v1/members/{member}/codesets/juki/codes/{code}").json()[
            "glyph"
        ]
        for member, code in ((KUSATSU, "F040"), (RITTO, "10E0"))
    ]
    for digest in glyphs:
        assert any(image["src"] == f"/v1/glyphs/{digest}.svg" for image in seen.images)
    assert "J+9089" in text
    assert "草津市" in text
    assert f"/characters/{HEN}" in seen.links
    assert "法務省" in text or "JIS包摂規準" in text
    assert "policy:exact-mj-name" in text


def test_the_councils_own_character_is_a_picture_only(shared_council: Council) -> None:
    shown = shared_council.client.get("/v1/characters/OM000001").json()
    assert written(shown["text"]) is None
    assert shown["ucs"] == "U+F0000"
    picture = shared_council.client.get("/v1/characters/OM000001/glyph.svg")
    local = shared_council.client.get(f"/v1/members/{KUSATSU}/codesets/juki/codes/F042/glyph.svg")
    assert picture.content == local.content


def test_a_code_set_page_shows_what_waits(shared_council: Council) -> None:
    text, _ = read(shared_council, f"/members/{YASU}/codesets/juki?unmapped=true")
    assert SAKI in text
    assert "MJ文字図形名" in text
    assert "字形による同定を待ちます" in text
    english, _ = read(shared_council, f"/members/{YASU}/codesets/juki", headers=ENGLISH)
    assert "waits for identification by shape" in english


def test_only_unmapped_codes_are_shown_where_asked(council: Council) -> None:
    url = f"/v1/members/{KUSATSU}/codesets/juki/codes?unmapped=true"
    assert council.client.get(url).json()["items"] == []
    with db.writing(council.engine) as session:
        decisions.decide(session, ACTOR, f"{KUSATSU}/juki", "F041", SAKI, "not-related")
        releases.publish(session, ACTOR)
    assert [one["code"] for one in council.client.get(url).json()["items"]] == ["F041"]


def test_the_language_switch_is_remembered_in_a_cookie(council: Council) -> None:
    with CheckedClient(council.app) as client:
        assert 'lang="ja"' in client.get("/members").text
        switched = client.get("/members?lang=en")
        assert "HttpOnly" in switched.headers["set-cookie"]
        assert "Members" in client.get("/members").text
        api = client.get("/v1/members/131016")
        assert "登録されていません" in api.json()["detail"]  # programs say it in Accept-Language
        assert "構成市</h1>" in client.get("/members?lang=ja").text
        assert {"Cookie", "Accept-Language"} <= set(switched.headers["vary"].split(", "))


def test_pages_have_a_strict_content_security_policy(shared_council: Council) -> None:
    policy = shared_council.client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert (
        "script-src 'self'" in shared_council.client.get("/docs").headers["content-security-policy"]
    )


def test_without_fonts_pages_show_text_and_pictures_say_what_to_install(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.glyph.reference.find_font", lambda *_: None)
    client = CheckedClient(create_app(Settings(home=council.settings.home), council.engine))
    answer = client.get(f"/v1/characters/{NABE}/glyph.png")
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-picture")
    assert "gaiji fonts fetch" in answer.json()["detail"]
    page = client.get(f"/characters/{NABE}").text
    assert f"/v1/characters/{NABE}/glyph" not in page
    assert '<span class="glyph as-text">邉' in page
    assert client.get("/?q=渡邉").status_code == 200


def test_fitgap_is_saved_for_a_spreadsheet(shared_council: Council) -> None:
    answer = shared_council.client.get(f"/members/{YASU}/fitgap.csv")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    report = shared_council.client.get(f"/v1/members/{YASU}/fitgap").json()
    assert report["rows"][-1]["codes"] == 2
    assert report["others_unchanged"]["unchanged"] is True


def test_requests_are_counted_by_route_and_not_by_address(council: Council) -> None:
    council.client.get("/v1/characters/MJ026190")
    council.client.get("/v1/characters/MJ999999")
    council.client.get("/v1/nowhere")
    text = council.client.get("/metrics").text
    route = 'method="GET",route="/v1/characters/{id}"'
    assert f'gaiji_http_requests_total{{{route},status="200"}} 1' in text
    assert f'gaiji_http_requests_total{{{route},status="404"}} 1' in text
    assert f"gaiji_http_request_seconds_count{{{route}}} 2" in text
    assert "MJ026190" not in text
    assert council.client.get("/readyz").json()["status"] == "ready"
