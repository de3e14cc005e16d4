"""Fonts, checks and rights over HTTP."""

from hashlib import sha256

import pytest

from gaiji.glyph.build import build_truetype
from gaiji.glyph.reference import font_status
from gaiji.glyph.sources import parse_source
from gaiji.settings import Settings
from tests.web.council import KUSATSU, RITTO, Council, box, drawn

SET = f"/v1/members/{KUSATSU}/codesets/juki"


def allow(council: Council, scope: str = "member") -> None:
    key = council.key("registrar")
    etag = council.client.get(f"{SET}/rights").headers["etag"]
    done = council.client.put(
        f"{SET}/rights",
        json={"scope": scope, "ground": "承諾書 2026-11-01"},
        headers={**key, "If-Match": etag},
    )
    assert done.status_code == 200
    assert {row["scope"] for row in done.json()["items"]} == {scope}


def test_a_font_is_for_its_city_and_by_right_alone(council: Council) -> None:
    client, key = council.client, council.key("registrar")
    assert client.get(f"{SET}/font").status_code == 401
    assert client.get(f"{SET}/font", headers=council.key("auditor")).status_code == 403
    other = f"/v1/members/{RITTO}/codesets/juki/font"
    assert client.get(other, headers=key).status_code == 403
    refused = client.get(f"{SET}/font", headers=key)
    assert refused.status_code == 409
    assert f"gaiji rights set {KUSATSU}/juki" in refused.json()["findings"][0]["text"]
    allow(council)
    sent = client.get(f"{SET}/font", headers=key)
    assert sent.headers["content-type"] == "font/ttf"
    assert sent.headers["etag"] == f'"{sha256(sent.content).hexdigest()}"'
    assert "252069-juki.r2.tte" in sent.headers["content-disposition"]
    found = parse_source(sent.content, "a.tte")
    assert [one.key for one in found.glyphs] == [0xE000, 0xE001, 0xE002, 0xE003]
    told = client.get(f"{SET}/font/provenance", headers=key).json()
    assert [row["code"] for row in told["glyphs"]] == ["F040", "F041", "F042", "F043"]


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("format=woff2", "font/woff2"),
        ("format=bdf&dots=24", "application/x-font-bdf"),
        ("format=bdf&dots=48&numbers=point", "application/x-font-bdf"),
        ("release=1", "font/ttf"),
    ],
)
def test_other_forms_and_releases_are_to_be_had(council: Council, query: str, kind: str) -> None:
    allow(council)
    sent = council.client.get(f"{SET}/font?{query}", headers=council.key("registrar"))
    assert (sent.status_code, sent.headers["content-type"]) == (200, kind)
    part = council.client.get(
        f"{SET}/font?{query}", headers={**council.key("registrar"), "Range": "bytes=0-9"}
    )
    assert (part.status_code, part.content) == (206, sent.content[:10])


def test_a_council_font_is_for_members_and_whoever_works_for_them(council: Council) -> None:
    client = council.client
    assert client.get("/v1/releases/latest/font").status_code == 401
    sent = client.get("/v1/releases/latest/font", headers=council.key("registrar"))
    assert sent.status_code in (200, 404, 409)
    lost = client.get("/v1/releases/latest/font?server=none", headers=council.key())
    assert lost.status_code == 404


@pytest.mark.fonts
@pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(Settings())),
    reason="reference fonts are not installed: gaiji fonts fetch",
)
def test_a_font_of_ipas_outlines_names_its_licence(council: Council) -> None:
    allow(council, "public")
    key = council.key("registrar")
    plain = council.client.get(f"{SET}/font", headers=key)
    derived = council.client.get(f"{SET}/font?outlines=ipamj", headers=key)
    assert (plain.status_code, derived.status_code) == (200, 200)
    assert derived.headers["link"] == '<https://moji.or.jp/ipafont/license/>; rel="license"'
    assert "link" not in plain.headers


def test_a_terminals_font_is_held_against_the_release(council: Council) -> None:
    names = {0xE000: "MJ026190", 0xE001: "MJ030196", 0xE002: "MJ026193", 0xE003: "MJ013582"}
    glyphs = drawn(names)
    client, key = council.client, council.key("registrar")

    def check() -> dict[str, object]:
        data = build_truetype(glyphs, family="T", em_units=1000)
        sent = client.post(f"{SET}/font/check", files={"font": ("EUDC.TTE", data)}, headers=key)
        assert sent.status_code == 200
        return dict(sent.json())

    assert check()["items"] == []
    glyphs[0xE001] = ("other", box(77))
    glyphs[0xE009] = ("more", box(78))
    del glyphs[0xE003]
    found = check()["items"]
    assert isinstance(found, list)
    assert [(one["code_point"], one["kind"]) for one in found] == [
        ("U+E001", "redrawn"),
        ("U+E003", "missing"),
        ("U+E009", "extra"),
    ]
    bad = client.post(f"{SET}/font/check", files={"font": ("x.tte", b"no font")}, headers=key)
    assert (bad.status_code, bad.json()["type"]) == (422, "/problems/bad-font")


def test_rights_change_on_the_state_that_was_seen(council: Council) -> None:
    key = council.key("registrar")
    body = {"scope": "council", "ground": "覚書"}
    assert council.client.put(f"{SET}/rights", json=body, headers=key).status_code == 428
    stale = council.client.put(f"{SET}/rights", json=body, headers={**key, "If-Match": '"00"'})
    assert stale.status_code == 412
    allow(council, "council")
    shown = council.client.get(f"{SET}/rights").json()
    assert [row["scope"] for row in shown["items"]] == ["council"]
