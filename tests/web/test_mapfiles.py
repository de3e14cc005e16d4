"""Files of a release over HTTP: listed with their sha256, sent whole or in parts, never held in memory."""

from hashlib import sha256
from typing import Any

import pytest

from gaiji.charset.mapfile import open_mapping
from tests.web.council import Council

GMAP = "252069-juki.unicode.r2.gmap"
FILES = "/v1/releases/2/files"


@pytest.fixture
def listed(shared_council: Council) -> Any:
    """The list once every file was asked for, which makes it."""
    for item in shared_council.client.get(FILES).json()["items"]:
        assert shared_council.client.head(f"{FILES}/{item['name']}").status_code == 200
    return shared_council.client.get(FILES).json()


def test_listing_makes_no_file(council: Council) -> None:
    for item in council.client.get("/v1/releases/latest/files").json()["items"]:
        assert (item["bytes"], item["sha256"]) == (None, None)


def test_the_files_of_a_release_are_listed_for_everybody(
    shared_council: Council, listed: Any
) -> None:
    release = shared_council.client.get("/v1/releases/2").json()
    assert (listed["release"], listed["digest"]) == (2, release["digest"])
    assert listed["next"] is None
    assert [item["name"] for item in listed["items"]] == [
        GMAP,
        "252069-zei.unicode.r2.gmap",
        "252085-juki.unicode.r2.gmap",
    ]
    latest = shared_council.client.get("/v1/releases/latest/files")
    assert latest.json() == listed
    again = shared_council.client.get(FILES, headers={"If-None-Match": latest.headers["etag"]})
    assert again.status_code == 304


def test_a_file_is_what_the_list_says_and_never_changes(
    shared_council: Council, listed: Any, tmp_path: Any
) -> None:
    for item in listed["items"]:
        answer = shared_council.client.get(f"{FILES}/{item['name']}")
        assert sha256(answer.content).hexdigest() == item["sha256"]
        assert len(answer.content) == item["bytes"] == int(answer.headers["content-length"])
        assert answer.headers["etag"] == f'"{item["sha256"]}"'
        assert "immutable" in answer.headers["cache-control"]
        assert item["name"] in answer.headers["content-disposition"]
        path = tmp_path / item["name"]
        path.write_bytes(answer.content)
        assert open_mapping(path).facts.source == item["codeset"]
        same = {"If-None-Match": answer.headers["etag"]}
        unchanged = shared_council.client.get(f"{FILES}/{item['name']}", headers=same)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        head = shared_council.client.head(f"{FILES}/{item['name']}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["etag"] == answer.headers["etag"]


def test_parts_put_together_are_the_file(shared_council: Council, listed: Any) -> None:
    item = listed["items"][0]
    size, etag = item["bytes"], f'"{item["sha256"]}"'
    parts = b""
    for start in range(0, size, size // 3 + 1):
        end = min(size, start + size // 3 + 1)
        asked = {"Range": f"bytes={start}-{end - 1}", "If-Range": etag}
        answer = shared_council.client.get(f"{FILES}/{GMAP}", headers=asked)
        assert answer.status_code == 206
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        parts += answer.content
    assert sha256(parts).hexdigest() == item["sha256"]
    beyond = {"Range": f"bytes={size}-"}
    assert shared_council.client.get(f"{FILES}/{GMAP}", headers=beyond).status_code == 416
    other = {"Range": "bytes=5-9", "If-Range": '"another"'}
    assert shared_council.client.get(f"{FILES}/{GMAP}", headers=other).status_code == 200


@pytest.mark.parametrize(
    ("name", "kind", "begins"),
    [
        ("252069-juki.juki.r2.gmap", "application/octet-stream", b"GAIJI-M\x01"),
        ("252069-juki.unicode-svs.r2.ucm", "text/plain; charset=utf-8", b"# 252069/juki cp932"),
        ("252069-juki.x0213.r2.csv", "text/csv; charset=utf-8", "\ufeffcode,to".encode()),
        ("252069-zei.mj.r2.json", "application/json", b"{"),
    ],
)
def test_other_targets_and_formats_are_made_when_asked_for(
    shared_council: Council, name: str, kind: str, begins: bytes
) -> None:
    answer = shared_council.client.get(f"{FILES}/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    assert answer.content.startswith(begins)


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (f"{FILES}/252069-juki.unicode.r1.gmap", "unknown-release-file"),
        (f"{FILES}/252069-juki.unicode.ivs-always.r2.gmap", "unknown-release-file"),
        (f"{FILES}/252085-juki.unicode.r2.ucm", "unknown-release-file"),
        (f"{FILES}/..%2Fgaiji.db", "not-found"),
        ("/v1/releases/9/files", "unknown-release"),
        (f"/v1/releases/9/files/{GMAP}", "unknown-release"),
    ],
)
def test_a_name_that_is_no_file_of_the_release_is_unknown(
    shared_council: Council, path: str, problem: str
) -> None:
    answer = shared_council.client.get(path)
    assert answer.status_code == 404
    assert answer.json()["type"] == f"/problems/{problem}"


def test_a_file_is_made_once_however_often_it_is_asked_for(council: Council) -> None:
    for _ in range(3):
        assert council.client.get(f"/v1/releases/1/files/{GMAP.replace('r2', 'r1')}").is_success
    (path,) = council.settings.cache_folder.glob("252069-juki.unicode.r1.*")
    made = path.stat().st_ino
    council.client.get("/v1/releases/1/files")
    assert path.stat().st_ino == made
