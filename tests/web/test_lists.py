"""Lists by business system over HTTP and as a page."""

import base64
import json
import re

import pytest
from sqlalchemy.orm import Session

from gaiji.registry import adoption
from gaiji.settings import Settings
from gaiji.web.app import create_app
from gaiji.wire.lists import TABLES
from tests.council import ME
from tests.web.council import KUSATSU, NABE, YASU, CheckedClient, Council
from tests.web.test_pages import read

LISTS = "/v1/lists"


@pytest.mark.parametrize("table", TABLES)
def test_parts_of_a_list_join_to_the_whole_file(shared_council: Council, table: str) -> None:
    client = shared_council.client
    answer, items = client.get(f"{LISTS}/{table}?release=pending&limit=3"), []
    while True:
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            break
        address = re.match('<(.*)>; rel="next"', answer.headers["link"])
        assert address
        answer = client.get(address[1])
    file = client.get(f"{LISTS}/{table}/file?format=json&release=pending")
    assert file.headers["content-type"] == "application/json"
    assert file.json()["items"] == items
    assert items


def test_a_list_is_filtered_and_follows_the_language(shared_council: Council) -> None:
    client = shared_council.client
    url = f"{LISTS}/codes/file?group=税系&release=pending"
    assert client.get(url).text.splitlines()[0].startswith("\ufeff外字セット,")
    english = client.get(url, headers={"accept-language": "en"})
    assert english.text.splitlines()[0].startswith("\ufeffCode set,System")
    assert len(english.text.splitlines()) == 2
    assert 'filename="codes-work.csv"' in english.headers["content-disposition"]
    empty = client.get(f"{LISTS}/codes?status=&usage=&group=&system=&members={KUSATSU}").json()
    assert [row["character"] for row in empty["items"]].count(NABE) == 1


def test_without_a_key_only_what_is_published_is_told(shared_council: Council) -> None:
    settings = Settings(home=shared_council.settings.home, open_work=False)
    client = CheckedClient(create_app(settings, shared_council.engine))
    assert client.get(f"{LISTS}/codes?release=pending").status_code == 401
    assert client.get(f"{LISTS}/codes/file?release=pending").status_code == 401
    rows = client.get(f"{LISTS}/codes").json()["items"]
    assert not any(row["listed"] or row["proposals"] for row in rows)
    assert not any(row["codeset"].startswith(YASU) for row in rows)
    assert client.get(f"{LISTS}/files").json()["items"] == []
    assert all(row["since"] for row in client.get(f"{LISTS}/decisions").json()["items"])
    own = client.get(f"{LISTS}/files", headers=shared_council.key("registrar")).json()["items"]
    assert {row["codeset"].partition("/")[0] for row in own} == {KUSATSU}


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("none", 422, "invalid-request"),
        ("codes?members=252042", 404, "unknown-member"),
        (f"codes/file?codesets={KUSATSU}/none", 404, "unknown-code-set"),
        (f"codes?codesets={YASU}/juki", 404, "unknown-release"),
        ("codes/file?release=9", 404, "unknown-release"),
        ("codes?status=lost", 422, "invalid-request"),
        ("codes?system=なし", 404, "unknown-code-set"),
        ("adoptions?group=税", 422, "bad-name"),
        ("codes?cursor=xx", 422, "invalid-request"),
        ("codes?day=2026-05-01", 422, "invalid-request"),
        ("files?usage=used", 422, "invalid-request"),
        ("adoptions/file?status=fit", 422, "invalid-request"),
    ],
)
def test_what_cannot_be_listed_is_a_problem_document(
    shared_council: Council, query: str, status: int, code: str
) -> None:
    answer = shared_council.client.get(f"{LISTS}/{query}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")
    assert "literal" not in answer.text


def test_a_site_named_with_blanks_stands_on_a_page_like_any_other(council: Council) -> None:
    with Session(council.engine.execution_options(writes=True)) as session:
        for name in ("本庁 1階 窓口", "西支所"):
            adoption.add_site(session, ME, f"terminals:{KUSATSU}/{name}")
        session.commit()
    url, items = f"{LISTS}/adoptions?release=pending&limit=1", []
    cursor = ""
    while cursor is not None:
        answer = council.client.get(url + (f"&cursor={cursor}" if cursor else ""))
        assert answer.status_code == 200
        items += answer.json()["items"]
        cursor = answer.json()["next"]
    assert items == council.client.get(f"{LISTS}/adoptions?release=pending").json()["items"]
    assert f"terminals:{KUSATSU}/本庁 1階 窓口" in {row["site"] for row in items}


@pytest.mark.parametrize("table", [one for one in TABLES if one != "residuals"])  # of one row
@pytest.mark.parametrize("last", ["abc def", "x", "1 2 3", "", "1", None, ["1", "2"], {}, 10**30])
def test_a_forged_cursor_is_refused_in_every_list(
    shared_council: Council, table: str, last: object
) -> None:
    url = f"{LISTS}/{table}?release=pending&limit=1"
    cursor = shared_council.client.get(url).json()["next"]
    data = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    forged = base64.urlsafe_b64encode(json.dumps([*data[:2], last]).encode()).decode()
    answer = shared_council.client.get(f"{url}&cursor={forged.rstrip('=')}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-request")
    again = base64.urlsafe_b64encode(json.dumps(data).encode()).decode()
    assert shared_council.client.get(f"{url}&cursor={again.rstrip('=')}").status_code == 200


@pytest.mark.parametrize("table", TABLES)
def test_the_page_shows_a_list_and_offers_it_as_files(shared_council: Council, table: str) -> None:
    for lang in ("ja", "en"):
        url = f"/lists?table={table}&members={KUSATSU}&system=&status=&usage="
        text, seen = read(shared_council, url, headers={"accept-language": lang})
        assert f'<html lang="{lang}">' in text
        assert seen.inline == []
        assert "script" not in seen.tags
        assert not re.search("[\ue000-\uf8ff\U000f0000-\U0010fffd]", text)
        for address in {one for one in seen.links if one.startswith("/")}:
            assert shared_council.client.get(address).status_code == 200, address
        assert (
            f"/v1/lists/{table}/file?format=excel&release=pending&members={KUSATSU}" in seen.links
        )


def test_the_page_leaves_out_what_the_list_does_not_take(shared_council: Council) -> None:
    text, seen = read(shared_council, f"/lists?table=files&status=fit&usage=used&members={KUSATSU}")
    assert 'name="status"' not in text
    assert 'name="usage"' not in text
    assert not any("status=fit" in link for link in seen.links if link.startswith("/v1/"))
