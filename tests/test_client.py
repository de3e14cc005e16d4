import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from gaiji import errors
from gaiji.client import ERRORS, Client
from gaiji.wire.service import CodeDecision, CodeSetRequest, PolicyDecision
from tests.web.council import (
    KUSATSU,
    NABE,
    RITTO,
    YASU,
    Council,
    built_council,
    council,
    font_of,
    shared_council,
)

__all__ = ["built_council", "council", "shared_council"]
JUKI = f"{KUSATSU}/juki"


class Wire(httpx.BaseTransport):
    """Hands requests of the client to the service in this process."""

    def __init__(self, app: Any) -> None:
        self.service = TestClient(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.service.request(
            request.method,
            str(request.url),
            headers=dict(request.headers),
            content=request.read(),
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


def open_client(council: Council, key: str | None = "operator", **more: Any) -> Client:
    secret = council.keys[key] if key else None
    return Client("http://testserver", secret, transport=Wire(council.app), **more)


@pytest.fixture
def reader(shared_council: Council) -> Iterator[Client]:
    with open_client(shared_council, None) as client:
        yield client


@pytest.fixture
def registry(council: Council) -> Iterator[Client]:
    with open_client(council) as client:
        yield client


def test_what_is_published_is_read_without_a_key(reader: Client) -> None:
    assert [member.code for member in reader.members()] == [KUSATSU, RITTO, YASU]
    assert reader.member(YASU).candidate
    assert [one.id for one in reader.code_sets(KUSATSU)] == [JUKI, f"{KUSATSU}/zei"]
    assert len(reader.code_sets()) == 4
    assert reader.code_set(JUKI).codes == 4
    assert reader.local_code(JUKI, "F040", release=1, as_of=date(2026, 4, 1)).character == NABE
    assert reader.local_glyph(JUKI, "F040").startswith(b"\x89PNG")
    assert reader.character(NABE).juki == "J+9089"
    assert {one.codeset for one in reader.uses(NABE)} == {JUKI, f"{RITTO}/juki"}
    assert reader.history(NABE)[0].subject == f"{JUKI}/F040"
    assert "same-base" in {one.relation for one in reader.variants(NABE)}
    assert [one.number for one in reader.releases()] == [1, 2]
    assert reader.release(1) == reader.releases()[0]
    assert {change.codeset for change in reader.diff(1, 2).items} == {JUKI, f"{RITTO}/juki"}
    assert reader.fitgap(YASU).rows[-1].codes == 2
    assert reader.about().release == 2
    results = reader.translate(JUKI, "juki", ["F040", "F042"]).results
    assert [result.unmapped for result in results] == [False, True]


def test_lists_are_read_to_their_end_page_by_page(
    reader: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.client.PAGE", 3)
    assert len([*reader.local_codes(JUKI)]) == 4
    ids = [one.id for one in reader.characters(q="邉")]
    assert len(ids) == 16
    assert ids == sorted(set(ids))


def test_a_member_joins_through_the_client(registry: Client, council: Council) -> None:
    assert registry.put_member("252115", "湖南市", candidate=True).candidate
    address = "252115/juki"
    body = CodeSetRequest(system="住民記録", group="住民記録系", charset="cp932")
    assert registry.put_code_set(address, body).id == address
    table = ("list.csv", f"code,mj\nF040,{NABE}\nF041,\n".encode())
    font = ("EUDC.TTE", font_of({0xE000: NABE, 0xE001: "x"}))
    tried = registry.import_files(address, table=table, font=font, dry_run=True)
    assert (tried.serial, len(tried.rows or [])) == (None, 2)
    done = registry.import_files(
        address, table=table, font=font, supplier="湖南市", idempotency_key="a"
    )
    again = registry.import_files(
        address, table=table, font=font, supplier="湖南市", idempotency_key="a"
    )
    assert again == done
    assert registry.decide(address, PolicyDecision(policy="exact-mj-name")).count == 1
    new = CodeDecision(code="F041", character="new", ground="同じ字形がない")
    assert registry.decide(address, new).character == "OM000002"
    assert registry.fitgap("252115").others_unchanged.unchanged
    assert not registry.put_member("252115", "湖南市").candidate
    published = registry.publish()
    assert (published.published, published.release.number) == (True, 3)
    assert registry.publish().published is False
    shown = registry.local_code(address, "F040")
    assert (shown.character, shown.since) == (NABE, 3)
    assert registry.blob(shown.glyph or "").startswith(b"gaiji-glyph 1")
    serials = [entry.serial for entry in registry.journal()]
    assert serials == list(range(1, registry.journal_head().serial + 1))


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (errors.UnknownMember, lambda client: client.member("131016")),
        (errors.BadMemberCode, lambda client: client.member("252068")),
        (errors.UnknownCodeSet, lambda client: client.code_set(f"{KUSATSU}/none")),
        (errors.UnknownCode, lambda client: client.local_code(JUKI, "F0FC")),
        (errors.UnknownCharacter, lambda client: client.character("MJ999999")),
        (errors.UnknownRelease, lambda client: client.release(99)),
        (errors.NoPicture, lambda client: client.local_glyph(f"{KUSATSU}/zei", "F040")),
        (errors.InvalidRequest, lambda client: list(client.characters(strokes="many"))),
        (errors.BadTable, lambda client: client.import_files(JUKI, table=("x.csv", b"a,b\n1,2\n"))),
        (errors.BadInput, lambda client: client.import_files(JUKI)),
        (errors.UnknownBlob, lambda client: client.blob("0" * 64)),
        (errors.NotFound, lambda client: client.member("../../nowhere")),
    ],
)
def test_errors_come_back_as_the_same_class(
    registry: Client, error: type[errors.GaijiError], call: Any
) -> None:
    with pytest.raises(errors.GaijiError) as raised:
        call(registry)
    assert type(raised.value) is error
    assert raised.value.text.ja


def test_an_error_keeps_its_place_and_its_further_members(registry: Client) -> None:
    with pytest.raises(errors.BadTable) as raised:
        registry.import_files(JUKI, table=("list.csv", b"code,mj\nF040,MJ1\n"))
    assert raised.value.where
    assert raised.value.where.file == "list.csv"
    assert raised.value.extra["findings"]


def test_errors_are_told_in_the_language_of_the_client(shared_council: Council) -> None:
    with (
        open_client(shared_council, None, language="en") as client,
        pytest.raises(errors.UnknownMember, match="is not registered"),
    ):
        client.member("131016")


def test_keys_that_may_not_and_no_key_at_all(shared_council: Council) -> None:
    with open_client(shared_council, "auditor") as client, pytest.raises(errors.Forbidden):
        client.publish()
    with open_client(shared_council, None) as client, pytest.raises(errors.Unauthorized):
        client.publish()


def test_a_change_made_meanwhile_is_not_overwritten(
    registry: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = Client._send

    def overtaken(self: Client, method: str, path: str, *rest: Any, **more: Any) -> httpx.Response:
        answer = send(self, method, path, *rest, **more)
        if method == "GET":
            monkeypatch.setattr(Client, "_send", send)
            registry.put_member(YASU, "野洲", candidate=True)
        return answer

    monkeypatch.setattr(Client, "_send", overtaken)
    with pytest.raises(errors.StaleVersion):
        registry.put_member(YASU, "野洲市", candidate=False)
    assert registry.member(YASU).name == "野洲"


def test_no_answer_is_unreachable() -> None:
    with Client("http://127.0.0.1:9", timeout_s=2) as client, pytest.raises(errors.Unreachable):
        client.members()


def test_an_answer_of_another_server_is_unreachable() -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(502, text="<html>proxy</html>"))
    with Client("http://x", transport=transport) as client, pytest.raises(errors.Unreachable):
        client.members()


def test_every_problem_type_has_its_class_in_the_client() -> None:
    assert errors.problem_types() == ERRORS
    assert ERRORS["unknown-member"] is errors.UnknownMember


def test_the_client_needs_neither_server_nor_database() -> None:

    code = (
        "import sys, gaiji.client\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('sqlalchemy', 'fastapi', 'starlette')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
