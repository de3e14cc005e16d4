"""The collision wall over HTTP and as a page."""

import re

import pytest

from gaiji.settings import Settings
from gaiji.web.app import create_app
from tests.web.council import HEN, KUSATSU, NABE, RITTO, SAKI, YASU, CheckedClient, Council
from tests.web.test_pages import read

WALL = "/v1/collisions"


def test_the_wall_of_a_release_counts_every_kind_and_pages(shared_council: Council) -> None:
    body = shared_council.client.get(WALL).json()
    assert body["release"] == 2
    assert body["codesets"] == [f"{KUSATSU}/juki", f"{KUSATSU}/zei", f"{RITTO}/juki"]
    assert {one["kind"]: one["collisions"] for one in body["counts"]} == {
        "same-slot": 0,
        "same-character": 1,
        "same-glyph": 0,
    }
    assert body["items"] == []
    same = shared_council.client.get(f"{WALL}?kind=same-character").json()
    (one,) = same["items"]
    assert one["character"] == NABE
    assert [row["codeset"] for row in one["rows"]] == [f"{KUSATSU}/juki", f"{RITTO}/juki"]
    assert [row["image"] for row in one["rows"]] == ["U+E000", "U+E010"]
    assert (one["uses"], one["uncounted"]) == (None, 2)


def test_the_state_of_work_holds_candidates_and_what_is_undecided(shared_council: Council) -> None:
    body = shared_council.client.get(f"{WALL}?release=pending").json()
    assert body["release"] is None
    assert f"{YASU}/juki" in body["codesets"]
    slots = [one["slot"] for one in body["items"]]
    assert slots == ["U+E000"]
    assert [two["members"] for two in body["pairs"]] == [[KUSATSU, YASU], [KUSATSU, RITTO]]
    assert {HEN, SAKI}.isdisjoint(row["character"] for row in body["items"][0]["rows"])


def test_pages_of_collisions_join_to_the_whole(shared_council: Council) -> None:
    url = f"{WALL}/matrix?release=pending&colliding=false"
    whole = shared_council.client.get(url).json()
    assert whole["columns"] == [
        f"{KUSATSU}/juki",
        f"{KUSATSU}/zei",
        f"{RITTO}/juki",
        f"{YASU}/juki",
    ]
    items, answer = [], shared_council.client.get(f"{url}&limit=2")
    while True:
        items += answer.json()["items"]
        if answer.json()["next"] is None:
            break
        address = re.match('<(.*)>; rel="next"', answer.headers["link"])
        assert address
        answer = shared_council.client.get(address[1])
    assert items == whole["items"]
    cells = [cell for line in items for cell in line["cells"] if cell]
    assert len(cells) == 9
    codes = shared_council.client.get(
        f"{WALL}/codes?kind=same-slot&slot=U%2BE000&release=pending&limit=1"
    )
    rest = re.match('<(.*)>; rel="next"', codes.headers["link"])
    assert rest
    assert codes.json()["items"] != shared_council.client.get(rest[1]).json()["items"]


def test_a_choice_leaves_out_other_code_sets(shared_council: Council) -> None:
    body = shared_council.client.get(f"{WALL}?members={RITTO}&kind=same-character").json()
    assert body["codesets"] == [f"{RITTO}/juki"]
    assert body["items"] == []
    both = f"{WALL}?codesets={KUSATSU}/juki,{RITTO}/juki&kind=same-character"
    assert len(shared_council.client.get(both).json()["items"]) == 1
    assert shared_council.client.get(f"{WALL}?group=税系").json()["codesets"] == [f"{KUSATSU}/zei"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("members=252060", 422, "bad-member-code"),
        ("members=252042", 404, "unknown-member"),
        (f"codesets={KUSATSU}/none", 404, "unknown-code-set"),
        (f"codesets={YASU}/juki", 404, "unknown-release"),
        ("release=9", 404, "unknown-release"),
        ("slot=U%2B3042", 422, "bad-input"),
        ("by=code&slot=cp932:F041", 422, "bad-input"),
        ("system=なし", 404, "unknown-code-set"),
        ("group=税", 422, "bad-name"),
        ("touching=252060", 422, "bad-member-code"),
        ("touching=252042", 404, "unknown-member"),
        ("character=MJ999999", 404, "unknown-character"),
        ("kind=same-glyph&glyph=abc", 422, "invalid-request"),
        ("kind=other", 422, "invalid-request"),
        ("cursor=xx", 422, "invalid-request"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_document(
    shared_council: Council, query: str, status: int, code: str
) -> None:
    answer = shared_council.client.get(f"{WALL}?{query}")
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{code}")


def test_code_sets_beyond_the_last_are_no_page(shared_council: Council) -> None:
    answer = shared_council.client.get("/collisions?column=16")
    assert (answer.status_code, answer.json()["parameter"]) == (422, "column")


def test_without_a_key_neither_work_nor_uses_are_told(shared_council: Council) -> None:
    settings = Settings(home=shared_council.settings.home, open_work=False)
    client = CheckedClient(create_app(settings, shared_council.engine))
    assert client.get(f"{WALL}?release=pending").status_code == 401
    assert client.get(WALL).status_code == 200
    text = client.get("/collisions").text
    assert "第2版" in text
    assert YASU not in text
    key = shared_council.key("registrar")
    assert client.get(f"{WALL}?release=pending", headers=key).status_code == 403
    assert client.get(f"{WALL}?release=pending", headers=shared_council.key()).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "/collisions",
        "/collisions?view=same-slot",
        "/collisions?view=same-character&by=code&order=uses",
        f"/collisions?view=same-glyph&touching={KUSATSU}",
        f"/collisions?members={KUSATSU}%2C{YASU}&system=&group=&slot=&character=&touching=&used=false",
        "/collisions?used=true",
        "/collisions?column=2",
    ],
)
def test_the_page_draws_glyphs_and_needs_no_script(shared_council: Council, url: str) -> None:
    for lang in ("ja", "en"):
        text, seen = read(shared_council, url, headers={"accept-language": lang})
        assert f'<html lang="{lang}">' in text
        assert seen.inline == []
        assert "script" not in seen.tags
        assert all(image["alt"] for image in seen.images)
        assert not re.search("[\ue000-\uf8ff\U000f0000-\U0010fffd]", text)
        for address in {one for one in seen.links if one.startswith("/")}:
            assert shared_council.client.get(address).status_code == 200, address


def test_the_page_is_of_the_release_that_is_asked_for(shared_council: Council) -> None:
    """Here with open work: without a wish the page is of the work, and one carries the wish further."""
    client = shared_council.client
    for page in ("/collisions", "/lists"):
        assert "現在の作業状態" in client.get(f"{page}?release=").text
        text = client.get(f"{page}?release=1").text
        assert "第1版" in text
        assert "現在の作業状態" not in text
        assert '<input type="hidden" name="release" value="1">' in text
        assert "release=1" in text.split("JSON</a>")[0].rpartition("<a ")[2]
        assert client.get(f"{page}?release=9").status_code == 404
        assert client.get(f"{page}?release=abc").status_code == 422


def test_a_member_that_cannot_take_part_is_refused(shared_council: Council) -> None:
    for url in (f"{WALL}?members={RITTO}", f"/collisions?members={RITTO}"):
        answer = shared_council.client.get(f"{url}&touching={KUSATSU}")
        assert answer.status_code == 422
        assert RITTO in answer.json()["detail"]


def test_the_matrix_is_filtered_as_the_collisions_are(shared_council: Council) -> None:
    client = shared_council.client
    for query in (
        *(f"touching={YASU}", f"touching={RITTO}", "slot=U%2BE000", "slot=U%2BE001", "used=true"),
        *(f"character={NABE}", f"character={SAKI}", f"glyph={'0' * 64}", "order=uses"),
    ):
        listed = client.get(f"{WALL}?release=pending&{query}").json()["items"]
        lines = client.get(f"{WALL}/matrix?release=pending&{query}").json()["items"]
        assert [line["slot"] for line in lines] == [one["slot"] for one in listed], query
        page = client.get(f"/collisions?{query}").text
        assert page.count('<tr><th scope="row"><a href="?') - 3 == len(listed), query
    assert client.get(f"/collisions?touching={RITTO}").text.count("U+E000") == 1  # the hint alone
    assert client.get(f"/collisions?touching={YASU}").text.count("U+E000") > 1


def test_the_matrix_shows_the_cities_glyphs_in_one_line(shared_council: Council) -> None:
    text, seen = read(shared_council, "/collisions")
    assert "U+E000" in text
    alts = [image["alt"] for image in seen.images]
    assert f"{KUSATSU}/juki/F040" in alts
    assert f"{YASU}/juki/F040" in alts
