import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from gaiji import errors
from gaiji.client import ERRORS, Client
from gaiji.jobs import Worker
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
    assert reader.charset("cp932") in reader.charsets()
    assert reader.usage(JUKI).files == []
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


class Cut(httpx.SyncByteStream):
    """An answer whose connection ends in the middle."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def __iter__(self) -> Iterator[bytes]:
        yield self.data[: len(self.data) // 2]
        raise httpx.ReadError("cut")


class CuttingWire(Wire):
    """Hands over requests, and cuts the first answers of files."""

    def __init__(self, app: Any, cuts: int) -> None:
        super().__init__(app)
        self.cuts = cuts
        self.ranges: list[str | None] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = super().handle_request(request)
        is_file = request.url.path.endswith("/result") or "/files/" in request.url.path
        if not is_file or request.method != "GET":
            return answer
        self.ranges.append(request.headers.get("range"))
        if len(self.ranges) > self.cuts:
            return answer
        headers = dict(answer.headers)
        return httpx.Response(answer.status_code, headers=headers, stream=Cut(answer.content))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "residents.csv"
    path.write_bytes(b"1,\xf0\x42\r\n" * 5000)
    return path


def work(council: Council) -> None:
    Worker(council.settings, council.engine, renew_s=0.02).run(until_idle=True)


def test_a_file_is_converted_and_a_cut_download_goes_on(
    council: Council, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.client.RETRY_S", 0.0)
    wire = CuttingWire(council.app, cuts=3)
    with Client("http://testserver", council.keys["registrar"], transport=wire) as client:
        job = client.start_conversion(file, JUKI, "unicode", receipt=True, idempotency_key="a")
        assert job.state == "queued"
        with file.open("rb") as opened:
            again = client.start_conversion(
                opened, JUKI, "unicode", receipt=True, idempotency_key="a"
            )
        assert again == job
        work(council)
        seen: list[str] = []
        ended = client.wait(job.id, progress=lambda one: seen.append(one.state))
        assert (ended.state, seen) == ("done", ["done"])
        out = file.with_name("out")
        with pytest.raises(errors.Unreachable):
            client.download(job.id, out, attempts=2)
        assert not out.exists()
        client.download(job.id, out)
        whole = b"1," + "\U000f0000".encode() + b"\r\n"
        assert out.read_bytes() == whole * 5000
        size = len(whole) * 5000
        assert wire.ranges == [
            None,
            f"bytes={size // 2}-",
            f"bytes={size - size // 4}-",
            f"bytes={size - size // 8}-",
        ]
        assert sorted(path.name for path in file.parent.glob("out*")) == ["out"]
        client.download(job.id, file.with_name("receipt"), "receipt")
        assert file.with_name("receipt").read_bytes().startswith(b"GAIJI-R")
        assert client.remove_job(job.id).state == "expired"
        with pytest.raises(errors.FilesDeleted):
            client.download(job.id, out)


def test_what_a_download_left_of_another_file_is_not_used(
    council: Council, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.client.RETRY_S", 0.0)
    with open_client(council, "registrar") as client:
        job = client.start_conversion(file, JUKI, "unicode")
        work(council)
        (result, _) = client.job(job.id).files
        out = file.with_name("out")
        out.with_name(f"out.{result.sha256[:16]}.part").write_bytes(b"x" * result.bytes)
        client.download(job.id, out)
        assert out.stat().st_size == result.bytes
        assert out.read_bytes().startswith(b"1,")


def test_a_mapping_file_is_fetched_by_its_digest_and_goes_on_where_it_was_cut(
    shared_council: Council, tmp_path: Path
) -> None:
    wire = CuttingWire(shared_council.app, cuts=2)
    with Client("http://testserver", transport=wire) as client:
        listed = client.release_files()
        assert listed == client.release_files(2)
        item = listed.items[0]
        out = tmp_path / item.name
        with pytest.raises(errors.Unreachable):
            client.fetch_release_file(2, item.name, out, attempts=1)
        assert not out.exists()
        client.fetch_release_file("latest", item.name, out)
        made = client.release_files().items[0]
        assert sha256(out.read_bytes()).hexdigest() == made.sha256
        assert [path.name for path in tmp_path.iterdir()] == [item.name]
        half = (made.bytes or 0) // 2
        assert wire.ranges[:2] == [None, f"bytes={half}-"]
        other = item.name.replace("unicode", "juki").replace("gmap", "csv")
        client.fetch_release_file(2, other, tmp_path / other)
        assert (tmp_path / other).read_bytes().startswith("\ufeffcode,to".encode())
        with pytest.raises(errors.UnknownReleaseFile):
            client.fetch_release_file(1, item.name, out)
        with pytest.raises(errors.UnknownRelease):
            client.release_files(9)


def test_waiting_for_a_job_raises_what_it_failed_with(council: Council, file: Path) -> None:
    file.write_bytes(b"\xf0\x60")
    with open_client(council, "registrar") as client:
        job = client.start_conversion(file, JUKI, "unicode")
        work(council)
        with pytest.raises(errors.UnmappedCode) as raised:
            client.wait(job.id)
        assert raised.value.where
        assert raised.value.where.byte_offset == 0
        with pytest.raises(errors.NoSuchResult):
            client.download(job.id, file.with_name("out"))
        cancelled = client.start_conversion(file, JUKI, "unicode")
        assert [one.id for one in client.jobs()] == [cancelled.id, job.id]
        client.remove_job(cancelled.id)
        assert client.wait(cancelled.id).state == "cancelled"
        with pytest.raises(errors.UnknownJob):
            client.job("0" * 32)


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
