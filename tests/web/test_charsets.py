from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from gaiji.charset.account import Place
from gaiji.charset.charsets import NAMES
from gaiji.charset.codetable import read_csv, unpacked
from gaiji.charset.usage import Counted, FileCount, Unassigned
from gaiji.registry import charset_tables, db, usage
from tests.web.council import ACTOR, KUSATSU, Council

JUKI = f"/v1/members/{KUSATSU}/codesets/juki"


@pytest.fixture
def counted(council: Council) -> Council:
    """The council after one extract was counted: F040 stands in it, F041 does not, F0FC was never registered."""
    uses = Counter({b"\xf0\x40": 12_345, b"\xf0\xfc": 2})
    nothing = {b"\x88\x40": Unassigned(3, [Place(1, None, 2)])}
    file = FileCount("residents.csv", "a" * 64, 1000, Counted(uses, 9, unassigned=nothing))
    with db.writing(council.engine) as session:
        usage.record_counts(session, ACTOR, f"{KUSATSU}/juki", [file], as_of=date(2026, 3, 31))
    return council


def test_usage_is_shown_by_code_and_by_file(counted: Council) -> None:
    shown = counted.client.get(f"{JUKI}/usage").json()
    (file,) = shown["files"]
    assert (file["sha256"], file["as_of"], file["codes"], file["uses"]) == (
        *("a" * 64, "2026-03-31"),
        *(2, 12_347),
    )
    codes = {one["code"]: (one["uses"], one["registered"]) for one in shown["codes"]}
    assert codes["F040"] == (12_345, True)
    assert codes["F041"] == (0, True)
    assert codes["F0FC"] == (2, False)
    (nothing,) = shown["unassigned"]
    assert (nothing["code"], nothing["uses"], nothing["places"]) == ("8840", 3, [])
    assert file["unassigned"] == 3
    assert [one["code"] for one in shown["findings"]] == ["never-registered", "unassigned-codes"]
    assert "residents" not in str(shown)


def test_local_codes_tell_their_uses(counted: Council) -> None:
    client = counted.client
    assert client.get(f"{JUKI}/codes/F040").json()["uses"] == 12_345
    listed = client.get(f"{JUKI}/codes").json()["items"]
    assert {one["code"]: one["uses"] for one in listed}["F041"] == 0
    other = client.get(f"/v1/members/{KUSATSU}/codesets/zei/codes/F040").json()
    assert other["uses"] is None
    page = client.get(f"/members/{KUSATSU}/codesets/juki", headers={"accept-language": "en"}).text
    assert "12,345" in page
    assert "not seen in the counted files" in page


def test_usage_is_work_and_needs_a_key_unless_opened(counted: Council) -> None:
    closed = replace(counted, settings=counted.settings.model_copy(update={"open_work": False}))
    assert closed.client.get(f"{JUKI}/usage").status_code == 401
    assert closed.client.get(f"{JUKI}/codes/F040").json()["uses"] is None
    key = closed.key("auditor")
    assert closed.client.get(f"{JUKI}/usage", headers=key).status_code == 200
    assert closed.client.get(f"{JUKI}/codes/F040", headers=key).json()["uses"] == 12_345
    assert counted.client.get(f"{JUKI[:-4]}x/usage").json()["type"] == "/problems/unknown-code-set"


def test_every_charset_is_listed_with_the_code_sets_in_it(shared_council: Council) -> None:
    items = shared_council.client.get("/v1/charsets").json()["items"]
    assert [one["name"] for one in items if one["kind"] == "built-in"] == list(NAMES)
    cp932 = shared_council.client.get("/v1/charsets/cp932").json()
    assert f"{KUSATSU}/juki" in cp932["codesets"]
    assert cp932 in items
    unknown = shared_council.client.get("/v1/charsets/ebcdic-x")
    assert unknown.json()["type"] == "/problems/not-found"


def test_a_code_set_is_put_on_a_table_and_stays_on_it(council: Council) -> None:
    table = read_csv(b"41A1,U+4E02\n", "own.csv", "jef", {"source": "vendor"})
    with db.writing(council.engine) as session:
        charset_tables.import_table(session, ACTOR, table, name="jef-own")
    client, key = council.client, council.key("registrar")
    url = f"/v1/members/{KUSATSU}/codesets/kenko"
    body = {"system": "健康", "group": "その他", "charset": "jef", "table": "jef-own"}
    made = client.put(url, json=body, headers=key | {"if-none-match": "*"})
    assert (made.status_code, made.json()["table"]) == (201, "jef-own")
    shown = client.get("/v1/charsets/jef-own").json()
    assert (shown["digest"], shown["codesets"]) == (table.digest, [f"{KUSATSU}/kenko"])
    assert shown["provenance"]["source"] == "vendor"
    packed = client.get(f"/v1/blobs/{shown['blob']}", headers=council.key("auditor")).content
    assert unpacked(packed) == table
    version = {"if-match": made.headers["etag"]}
    same = client.put(url, json=body | {"system": "保健"}, headers=key | version)
    assert (same.status_code, same.json()["table"]) == (200, "jef-own")
    version = {"if-match": same.headers["etag"]}
    kept = client.put(url, json=body | {"table": None}, headers=key | version)
    assert kept.json()["table"] == "jef-own"
    version = {"if-match": kept.headers["etag"]}
    other = client.put(url, json=body | {"table": "jef-new"}, headers=key | version)
    assert other.json()["type"] == "/problems/conflict"
    new = url.replace("kenko", "zeimu")
    unknown = client.put(new, json=body | {"table": "no"}, headers=key | {"if-none-match": "*"})
    assert unknown.json()["type"] == "/problems/not-found"
    wrong = client.put(new, json=body | {"charset": "keis83"}, headers=key | {"if-none-match": "*"})
    assert wrong.json()["type"] == "/problems/bad-name"
