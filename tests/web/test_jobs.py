"""Conversions over HTTP: files stream in, jobs are followed, results come back in parts."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine, update
from starlette.testclient import TestClient

from gaiji.cli import run
from gaiji.jobfiles import sweep
from gaiji.jobs import Worker
from gaiji.registry import db, decisions, journal, principals, replay, schema
from gaiji.registry import jobs as table
from gaiji.registry import releases as published
from gaiji.registry.tables import Job
from gaiji.settings import Settings
from gaiji.web.app import create_app
from tests.council import Council as SmallCouncil
from tests.report.conftest import seed_reference
from tests.web.council import ACTOR, KUSATSU, RITTO, CheckedClient, Council

JUKI = f"{KUSATSU}/juki"
NAME = "渡邉　桜子"
RESIDENTS = ("1,渡".encode("cp932") + b"\xf0\x42" + f"　桜子,{NAME}\r\n".encode("cp932")) * 200
STREAM = {"content-type": "application/octet-stream"}


def work(council: Council) -> int:
    return Worker(council.settings, council.engine, renew_s=0.02).run(until_idle=True)


def send(council: Council, data: Any = RESIDENTS, key: str = "registrar", **asked: Any) -> Any:
    headers = STREAM | council.key(key) | asked.pop("headers", {})
    query = {"from": JUKI, "to": "unicode"} | asked
    answer: Any = council.client.post(
        "/v1/conversions", params=query, content=data, headers=headers
    )
    return answer


def get(council: Council, url: str, key: str = "registrar", **headers: str) -> Any:
    answer: Any = council.client.get(url, headers=council.key(key) | headers)
    return answer


def done(council: Council, data: Any = RESIDENTS, **asked: Any) -> dict[str, Any]:
    """Send a file, let it be converted and return the job."""
    sent = send(council, data, **asked)
    assert sent.status_code == 202
    work(council)
    job: dict[str, Any] = get(council, sent.headers["location"]).json()
    return job


def kept_files(council: Council) -> list[Path]:
    return sorted(path for path in council.settings.job_folder.glob("*/*/*"))


def limited(council: Council, **limits: Any) -> Council:
    return replace(council, settings=council.settings.model_copy(update=limits))


def test_a_file_is_converted_as_a_job(council: Council) -> None:
    residents = RESIDENTS.replace(b"\xf0\x42", b"\xf0\x40")  # 邉 is E7B3 too: every one is a loss
    sent = send(council, residents, receipt=True, max_loss=200)
    job = sent.json()
    assert sent.status_code == 202
    assert sent.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert (job["state"], job["member"], job["by"]) == ("queued", KUSATSU, "r")
    assert job["parameters"]["release"] == 2
    assert [file["name"] for file in job["files"]] == ["upload"]
    assert work(council) == 1
    job = get(council, sent.headers["location"]).json()
    assert (job["state"], job["progress"]["bytes_done"]) == ("done", len(residents))
    result = get(council, job["links"]["result"])
    report = get(council, job["links"]["report"])
    receipt = get(council, job["links"]["receipt"])
    assert "渡邉" in result.text
    assert report.headers["content-type"] == "application/json"
    assert (report.json()["from"], report.json()["records"]) == (JUKI, 200)
    files = {file["name"]: file for file in job["files"]}
    assert files["result"]["sha256"] == report.json()["output_sha256"]
    assert result.headers["etag"] == f'"{files["result"]["sha256"]}"'
    assert result.headers["cache-control"] == "private, no-store"
    folder = council.settings.home
    (folder / "out").write_bytes(result.content)
    (folder / "control").write_bytes(receipt.content)
    paths = [str(folder / name) for name in ("out", "back", "control")]
    command = ["restore", *paths[:2], "--receipt", paths[2], "--home", str(folder)]
    assert run(command) == 0
    assert (folder / "back").read_bytes() == residents


def test_a_dry_run_counts_and_makes_no_result(council: Council) -> None:
    job = done(council, b"\xf0\x42\xf0\x43\xf0\x60", dry_run=True, receipt=True)
    assert [file["name"] for file in job["files"]] == ["report"]
    assert get(council, job["links"]["report"]).json()["unmapped"]
    assert get(council, f"/v1/jobs/{job['id']}/result").json()["type"] == "/problems/no-such-result"


def test_a_job_fails_with_the_problem_of_the_conversion(council: Council) -> None:
    job = done(council, b"\x82\xa0\r\n\xf0\x60")
    assert (job["state"], job["error"]["type"]) == ("failed", "/problems/unmapped-code")
    assert job["error"]["where"]["byte_offset"] == 4
    assert "file" not in job["error"]["where"]
    assert str(council.settings.home) not in json.dumps(job)
    again = get(council, f"/v1/jobs/{job['id']}", **{"accept-language": "en"}).json()
    assert again["error"]["title"] == "No shared character for this local code"
    refused = get(council, f"/v1/jobs/{job['id']}/result")
    assert (refused.status_code, refused.json()["state"]) == (409, "failed")


def test_losses_beyond_the_budget_leave_their_report(council: Council) -> None:
    job = done(council, b"\xf0\x60" * 3, on_unmapped="geta")
    assert (job["error"]["type"], job["error"]["losses"]) == ("/problems/loss-beyond-budget", 3)
    assert "report" not in job["error"]
    assert [file["name"] for file in job["files"]] == ["report"]
    report = get(council, job["links"]["report"]).json()
    assert (report["losses"], report["unmapped"][0]["count"]) == (3, 3)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"from": "unicode"}, "unsupported-conversion"),
        ({"to": "ebcdic"}, "unsupported-conversion"),
        ({"from": f"{KUSATSU}/none"}, "unknown-code-set"),
        ({"from": "252068/juki"}, "bad-member-code"),
        ({"from": "131016/juki"}, "unknown-member"),
        ({"release": "99"}, "unknown-release"),
        ({"release": "pending"}, "invalid-request"),
        ({"on_unmapped": "drop"}, "invalid-request"),
        ({"max_loss": "-1"}, "invalid-request"),
        ({"dry-run": "true"}, "invalid-request"),
        ({"headers": {"content-type": "text/csv"}}, "unsupported-media-type"),
    ],
)
def test_what_cannot_be_converted_is_refused_before_the_file_comes_in(
    council: Council, asked: dict[str, Any], code: str
) -> None:
    read = []

    def body() -> Iterator[bytes]:
        read.append(1)
        yield b"x"

    answer = send(council, body(), **asked)
    assert answer.json()["type"] == f"/problems/{code}"
    assert kept_files(council) == []


def test_each_key_sees_and_makes_the_jobs_of_its_members_alone(council: Council) -> None:
    with db.writing(council.engine) as session:
        other = principals.create_key(session, ACTOR, "other", "integrator", [RITTO])
    council = replace(council, keys=council.keys | {"other": other})
    job = done(council)
    url = job["links"]["self"]
    assert send(council, key="other").status_code == 403
    assert send(council, key="auditor").status_code == 403
    nobodys = get(council, "/v1/jobs/" + "0" * 32, "other")
    for part in ("", "/events", "/result", "/report", "/receipt"):
        theirs = get(council, url + part, "other")
        assert theirs.status_code == nobodys.status_code == 404
        assert theirs.json()["type"] == "/problems/unknown-job"
        assert theirs.json()["detail"].replace(job["id"], "0" * 32) == nobodys.json()["detail"]
        assert get(council, url + part, "auditor").status_code == 403
        assert council.client.get(url + part).status_code == 401
    assert council.client.delete(url, headers=council.key("other")).status_code == 404
    assert get(council, url, "operator").json()["state"] == "done"


def test_jobs_are_listed_for_their_members_the_newest_first(council: Council) -> None:
    ids = [send(council).json()["id"] for _ in range(3)]
    other = send(council, b"a", key="operator", **{"from": f"{RITTO}/juki"}).json()["id"]
    assert [job["id"] for job in get(council, "/v1/jobs").json()["items"]] == ids[::-1]
    assert get(council, "/v1/jobs", "operator").json()["items"][0]["id"] == other
    page = get(council, "/v1/jobs?limit=2")
    assert [job["id"] for job in page.json()["items"]] == ids[:0:-1]
    assert 'rel="next"' in page.headers["link"]
    rest = get(council, f"/v1/jobs?limit=2&cursor={page.json()['next']}").json()
    assert ([job["id"] for job in rest["items"]], rest["next"]) == (ids[:1], None)
    theirs = get(council, f"/v1/jobs?limit=2&cursor={page.json()['next']}", "operator")
    assert theirs.json()["type"] == "/problems/invalid-request"


def test_the_same_idempotency_key_makes_one_job(council: Council) -> None:
    once: dict[str, Any] = {"headers": {"idempotency-key": "night-1"}}
    first, again = send(council, **once), send(council, **once)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["location"] == first.headers["location"]
    other = send(council, RESIDENTS + b"x", **once)
    assert other.json()["type"] == "/problems/key-reused"
    assert send(council, max_loss=1, **once).status_code == 409
    assert len(kept_files(council)) == 1
    assert work(council) == 1


def test_a_repeated_request_gets_its_answer_after_a_new_release_too(council: Council) -> None:
    once: dict[str, Any] = {"headers": {"idempotency-key": "night-2"}}
    first = send(council, **once)
    with db.writing(council.engine) as session:
        decisions.decide(session, ACTOR, JUKI, "F042", "MJ026193", "equivalent")
        assert published.publish(session, ACTOR)
    again = send(council, **once)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    assert send(council, release="2", **once).json()["type"] == "/problems/key-reused"
    assert send(council).json()["parameters"]["release"] == 3
    assert len(kept_files(council)) == 2


def test_jobs_are_counted_in_the_metrics(council: Council) -> None:
    done(council)
    done(council, b"\xf0\x60")
    send(council)
    text = council.client.get("/metrics").text
    assert "# TYPE gaiji_jobs gauge" in text
    found = dict(re.findall(r'^gaiji_jobs\{state="(\w+)"\} (\d+)$', text, re.M))
    assert found == {
        **{"queued": "1", "running": "0", "done": "1"},
        **{"failed": "1", "cancelled": "0", "expired": "0"},
    }


def test_deleting_cancels_or_deletes_and_is_recorded(council: Council) -> None:
    key = council.key("registrar")
    waiting = send(council).json()["links"]["self"]
    cancelled = council.client.delete(waiting, headers=key)
    assert (cancelled.status_code, cancelled.json()["state"]) == (200, "cancelled")
    url = done(council)["links"]["self"]
    gone = council.client.delete(url, headers=key).json()
    assert (gone["state"], gone["files"]) == ("expired", [])
    assert kept_files(council) == []
    assert get(council, url + "/result").json()["type"] == "/problems/files-deleted"
    assert council.client.delete(url, headers=key).json() == gone
    with db.reading(council.engine) as session:
        acts = [json.loads(entry.body) for entry in journal.entries(session)]
        acts = [act for act in acts if act["action"] == "job.delete"]
        assert [(act["actor"], act["after"]["why"]) for act in acts] == [
            ("r", "cancelled"),
            ("gaiji-jobs", "worked"),
            ("r", "requested"),
        ]


def test_no_name_stays_in_journal_or_database_and_the_journal_still_replays(
    council: Council, tmp_path: Path
) -> None:
    job = done(council)
    with db.writing(council.engine) as session:
        session.execute(update(Job).values(expires_at=table.stamp(-1)))
    assert sweep(council.settings, council.engine) == 1
    assert get(council, f"/v1/jobs/{job['id']}/result").status_code == 410
    for file in council.settings.home.glob("gaiji.db*"):
        for encoding in ("utf-8", "cp932", "utf-16le"):
            assert NAME.encode(encoding) not in file.read_bytes()
    target = db.connect(Settings(home=tmp_path))
    schema.upgrade(target)
    with db.reading(council.engine) as session, db.writing(target) as again:
        assert replay.replay(session, again).releases == replay.verify(session)
    target.dispose()


STUCK = """
import sys, time
from gaiji import cli, jobs

def stay(work, bytes_done):
    work.bytes_done = bytes_done
    time.sleep(60)

jobs.Work.progress = stay
cli.run(["jobs", "work", "--home", sys.argv[1]])
"""


def test_a_conversion_whose_worker_was_killed_gives_the_same_bytes(council: Council) -> None:
    sent = send(council, RESIDENTS * 50)
    command = [sys.executable, "-c", STUCK, str(council.settings.home)]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    url = sent.headers["location"]
    deadline = time.monotonic() + 60
    while (job := get(council, url).json())["progress"]["bytes_done"] == 0:
        assert time.monotonic() < deadline
        assert job["state"] in ("queued", "running")
        time.sleep(0.01)
    killed.kill()
    killed.wait()
    assert get(council, url).json()["state"] == "running"
    assert len(kept_files(council)) > 1  # the upload, and what it had written
    assert work(council) == 0  # its lease has not run out
    with db.writing(council.engine) as session:
        session.execute(update(Job).values(lease_until=table.stamp(-1)))
    assert work(council) == 1
    job = get(council, url).json()
    assert (job["state"], job["attempt"]) == ("done", 2)
    whole = done(council, RESIDENTS * 50)
    assert whole["files"] == [
        file | {"url": file["url"].replace(job["id"], whole["id"])} for file in job["files"]
    ]


# --- limits


def test_a_file_beyond_the_limit_is_refused_whole_or_streamed(council: Council) -> None:
    small = limited(council, job_max_bytes=1000, max_body_bytes=10)
    assert send(small, b"a" * 1000).status_code == 202
    for data in (b"a" * 1001, iter([b"a" * 600] * 2)):
        answer = send(small, data)
        assert answer.json()["type"] == "/problems/too-large"
    assert len(kept_files(council)) == 1


def test_a_member_keeps_no_more_than_its_quota(council: Council) -> None:
    small = limited(council, job_quota_bytes=8192, job_quota_count=2)
    assert send(small, b"a" * 8193).json()["type"] == "/problems/too-large"
    first = send(small, b"a" * 4000)
    for data in (b"a" * 4097, iter([b"a" * 4097])):
        refused = send(small, data)
        assert refused.json()["type"] == "/problems/quota-exceeded"
        assert 0 < int(refused.headers["retry-after"]) <= 86401
    assert send(small, b"b").status_code == 202
    assert send(small, b"b").status_code == 429
    assert send(small, b"b", key="operator", **{"from": f"{RITTO}/juki"}).status_code == 202
    council.client.delete(first.headers["location"], headers=council.key("registrar"))
    assert send(small, b"b").status_code == 202
    assert len(kept_files(council)) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MiB, where the machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


class AnyStatus(CheckedClient):
    """A client for answers of 503 too."""

    def check(self, method: str, response: Any) -> None:
        assert response.headers["content-type"] == "application/problem+json"


def test_a_full_disk_keeps_nothing_of_the_file(council: Council, small_disk: Path) -> None:
    settings = council.settings.model_copy(
        update={"home": small_disk, "database": council.settings.database_url}
    )
    with AnyStatus(create_app(settings, council.engine)) as client:
        full = replace(council, settings=settings)
        full.__dict__["client"] = client
        for data in (b"a" * 3_000_000, iter([b"a" * 500_000] * 6)):
            answer = send(full, data)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/disk-full")
            assert str(small_disk) not in answer.text
            assert kept_files(full) == []
        assert send(full, b"a" * 1000).status_code == 202


# --- parts


def test_a_result_is_read_in_parts(council: Council) -> None:
    url = done(council)["links"]["result"]
    whole = get(council, url)
    size = len(whole.content)
    for asked, start, end in (
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, size),
        ("bytes=-7", size - 7, size),
        (f"bytes=5-{size * 9}", 5, size),
    ):
        part = get(council, url, range=asked)
        assert part.status_code == 206
        assert part.content == whole.content[start:end]
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{size}"
        assert part.headers["etag"] == whole.headers["etag"]
    for asked in ("bytes=0-1,5-6", "bytes=9-3", "lines=1-2", "bytes=-"):
        assert get(council, url, range=asked).status_code == 200
    beyond = get(council, url, range=f"bytes={size}-")
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{size}")
    etag = whole.headers["etag"]
    held = get(council, url, range="bytes=3-", **{"if-range": etag})
    assert (held.status_code, held.content) == (206, whole.content[3:])
    other = get(council, url, range="bytes=3-", **{"if-range": '"other"'})
    assert (other.status_code, other.content) == (200, whole.content)
    assert get(council, url, **{"if-none-match": etag}).status_code == 304
    head = council.client.head(url, headers=council.key("registrar"))
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(size)


def test_a_file_that_vanished_is_told(council: Council) -> None:
    url = done(council)["links"]["result"]
    for file in kept_files(council):
        file.unlink()
    assert get(council, url).json()["type"] == "/problems/files-deleted"


# --- a real server


@contextmanager
def serving(council: Council) -> Iterator[str]:
    """Run the service on a port of this machine."""
    config = uvicorn.Config(council.app, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def events(text: str) -> list[tuple[int, str, dict[str, Any]]]:
    found = re.findall(r"^id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n", text, re.M)
    return [(int(id), name, json.loads(data)) for id, name, data in found]


def test_a_job_is_followed_to_its_end_and_again_from_an_event(council: Council) -> None:
    job = send(council).json()
    url, key = job["links"]["events"], council.key("registrar")
    with serving(council) as base, httpx.Client(base_url=base, headers=key) as client:
        seen = ""
        with client.stream("GET", url) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            for text in answer.iter_text():
                seen += text
                if "queued" in text:
                    work(council)
        told = events(seen)
        assert seen.startswith("retry: ")
        assert [told[0][1], told[-1][1]] == ["queued", "done"]
        assert told[-1][2] == client.get(job["links"]["self"]).json()
        versions = [version for version, _, _ in told]
        assert versions == sorted(set(versions))
        rest = client.get(url, headers={"last-event-id": str(versions[0])})
        assert events(rest.text) == told[-1:]
        known = client.get(url, headers={"last-event-id": str(versions[-1])})
        assert (known.status_code, known.content) == (204, b"")
        with client.stream("GET", send(council).json()["links"]["events"]) as answer:
            begun = answer.iter_text()  # which ends the answer when it is thrown away
            next(begun)
            assert council.app.state.followers == 1
        deadline = time.monotonic() + 10
        while council.app.state.followers:  # whoever goes away is not told any more
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_too_many_followers_are_asked_to_wait(
    council: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.web.jobs.STREAMS", 0)
    url = send(council).json()["links"]["events"]
    assert get(council, url).json()["type"] == "/problems/busy"


def test_a_sender_that_goes_away_leaves_nothing(council: Council) -> None:
    with serving(council) as base:
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as connection:
            key = council.key("registrar")["Authorization"]
            head = (
                f"POST /v1/conversions?from={JUKI}&to=unicode HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: {key}\r\nContent-Type: application/octet-stream\r\n"
                "Content-Length: 90000000\r\n\r\n"
            )
            connection.sendall(head.encode() + b"a" * 3_000_000)
            deadline = time.monotonic() + 10
            while not kept_files(council):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        while kept_files(council):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    with db.reading(council.engine) as session:
        assert table.newest(session, 10) == []


def test_uploads_at_the_same_time_share_the_quota(council: Council) -> None:
    small = limited(council, job_quota_bytes=1_000_000)

    def begin(connection: socket.socket, length: int | None) -> None:
        sized = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        head = (
            f"POST /v1/conversions?from={JUKI}&to=unicode HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: {small.key('registrar')['Authorization']}\r\n"
            f"Content-Type: application/octet-stream\r\n{sized}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode())

    def ended(connection: socket.socket) -> tuple[int, dict[str, Any]]:
        with connection, connection.makefile("rb") as file:
            head, _, body = file.read().partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)

    def soon(question: Any) -> None:
        deadline = time.monotonic() + 10
        while not question():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    with serving(small) as base:
        host, port = base.removeprefix("http://").split(":")
        first, second, third = (socket.create_connection((host, int(port))) for _ in range(3))
        begin(first, 600_000)
        first.sendall(b"a" * 1000)
        soon(lambda: kept_files(small))
        begin(second, 600_000)
        status, problem = ended(second)
        assert (status, problem["type"]) == (429, "/problems/quota-exceeded")
        assert problem["coming_bytes"] == 602_112
        begin(third, None)
        with suppress(OSError):  # the answer may come before all is sent
            for _ in range(50):
                third.sendall(b"2710\r\n" + b"a" * 10_000 + b"\r\n")
            third.sendall(b"0\r\n\r\n")
        assert ended(third)[0] == 429
        soon(lambda: len(kept_files(small)) == 1)
        first.sendall(b"a" * 599_000)
        assert ended(first)[0] == 202
        assert send(small, b"a" * 395_000).status_code == 202
        assert send(small, b"a" * 1000).status_code == 429
        assert len(kept_files(small)) == 2


def test_an_upload_that_ends_gives_its_room_back(council: Council) -> None:
    small = limited(council, job_quota_bytes=8192)
    assert send(small, b"a" * 8000, to="nowhere").status_code == 422
    assert send(small, b"a" * 8000, key="auditor").status_code == 403
    assert send(small, iter([b"a" * 9000])).status_code == 413
    assert send(small, b"a" * 8000).status_code == 202
    assert small.app.state.arrivals._taken[KUSATSU] == {}


def test_a_large_file_does_not_fill_the_memory_of_the_service(council: Council) -> None:
    command = [sys.executable, "-m", "gaiji", "serve", "--port", "0", "--home"]
    settings = {"GAIJI_JOB_WORKERS": "0", "PYTHONUNBUFFERED": "1"}
    served = subprocess.Popen(
        [*command, str(council.settings.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | settings,
        text=True,
    )
    assert served.stdout
    address = re.search(r"http://\S+/", served.stdout.readline())
    assert address
    try:
        with httpx.Client(base_url=address[0], headers=council.key("registrar")) as client:
            query = {"from": JUKI, "to": "unicode"}

            def hand_in(pieces: int) -> httpx.Response:
                body = (b"a" * (1 << 20) for _ in range(pieces))
                return client.post(
                    "/v1/conversions", params=query, content=body, headers=STREAM, timeout=60
                )

            hand_in(1)
            before = peak_kib(served.pid)
            sent = hand_in(100)
            assert (sent.status_code, sent.json()["progress"]["bytes_total"]) == (202, 100 << 20)
            assert peak_kib(served.pid) - before < 24 * 1024
    finally:
        served.terminate()
        served.wait(20)
        served.stdout.close()


def peak_kib(pid: int) -> int:
    """Return the most memory a process ever had."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        pytest.skip("no /proc here")
    found = re.search(r"^VmHWM:\s+(\d+)", status.read_text(), re.M)
    assert found
    return int(found[1])


def test_conversions_run_on_both_databases(any_engine: Engine, tmp_path: Path) -> None:
    schema.upgrade(any_engine)
    settings = Settings(home=tmp_path / "home")
    with db.writing(any_engine) as session:
        journal.create(session, ACTOR, "OM")
        seed_reference(session)
        small = SmallCouncil(session, settings)
        small.add(KUSATSU, "草津市")
        small.code_set(JUKI)
        small.take_in(JUKI, "外字コード\nF040\n", drawn=["F040"])
        small.decide(f"{JUKI}/F040", "MJ026190")
        small.publish()
        key = principals.create_key(session, ACTOR, "i", "integrator", [KUSATSU])
    council = Council(settings, any_engine, {"registrar": key})
    with TestClient(council.app):
        once: dict[str, Any] = {"headers": {"idempotency-key": "a"}}
        again = send(council, b"\xf0\x40", max_loss=1, **once)
        assert send(council, b"\xf0\x40", max_loss=1, **once).json() == again.json()
        assert work(council) == 1
        (file,) = [path for path in kept_files(council) if path.name == "result"]
        assert file.read_text("utf-8") == "邉"


PEOPLE = """kind = "fixed"
[[field]]
name = "番号"
kind = "number"
length = 3
[[field]]
name = "氏名"
length = 8
target = { width = 9, longer = "spill" }
"""


def test_a_file_of_records_is_converted_by_the_layout_in_the_address(council: Council) -> None:
    data = b"001" + "渡　桜子".encode("cp932") + b"002" + "山".encode("cp932").ljust(8)
    job = done(council, data, layout=PEOPLE, receipt=True, max_loss=9)
    assert (job["state"], job["parameters"]["layout"]) == ("done", PEOPLE)
    assert {file["name"] for file in job["files"]} == {"result", "report", "receipt", "spill"}
    result, spill = (get(council, job["links"][name]) for name in ("result", "spill"))
    assert result.content == "001渡　桜002山".encode() + b" " * 6
    assert spill.headers["content-type"] == "application/x-ndjson"
    told = json.loads(spill.text)
    assert (told["record"], told["field"], told["byte_offset"]) == (1, "氏名", 3)
    assert told["value"] == "渡　桜子"
    report = get(council, job["links"]["report"]).json()
    assert (report["records"], report["fields"][0]["kind"]) == (2, "spill")
    folder = council.settings.home
    (folder / "out").write_bytes(result.content)
    (folder / "control").write_bytes(get(council, job["links"]["receipt"]).content)
    paths = [str(folder / name) for name in ("out", "back", "control")]
    assert run(["restore", *paths[:2], "--receipt", paths[2], "--home", str(folder)]) == 0
    assert (folder / "back").read_bytes() == data
    council.client.delete(job["links"]["self"], headers=council.key("registrar"))
    assert kept_files(council) == []


def test_a_dry_run_or_a_layout_without_spilling_has_no_side_file(council: Council) -> None:
    for asked, names in (
        ({"layout": PEOPLE, "dry_run": True}, ["report"]),
        ({"layout": PEOPLE.replace("spill", "cut"), "max_loss": 9}, ["result", "report"]),
        ({"layout": "resident-csv"}, ["result", "report"]),
    ):
        data = "001渡　桜子" if asked["layout"] != "resident-csv" else "氏名,住所\n渡,\n"
        job = done(council, data.encode("cp932"), **asked)
        assert [file["name"] for file in job["files"]] == names
        assert get(council, f"/v1/jobs/{job['id']}/spill").status_code == 409


def test_a_layout_that_is_none_is_refused_before_the_file_comes_in(council: Council) -> None:
    secret = council.settings.home / "layout.toml"
    secret.write_text(PEOPLE)
    for layout, status, code in (
        ('kind = "x"', 422, "bad-layout"),
        (str(secret), 422, "bad-layout"),
        (PEOPLE + "#" * 8000, 422, "invalid-request"),
    ):
        refused = send(council, layout=layout)
        assert (refused.status_code, refused.json()["type"]) == (status, f"/problems/{code}")
    assert kept_files(council) == []


@pytest.mark.parametrize(("text", "named"), [("nope", True), ("kind", True), ("a\nb", False)])
def test_one_line_that_is_no_toml_is_the_name_of_a_layout_that_there_is_not(
    council: Council, text: str, named: bool
) -> None:
    refused = send(council, layout=text, headers={"accept-language": "en"}).json()
    assert refused["type"] == "/problems/bad-layout"
    names = "intermediate-resident, resident-csv, resident-fixed"
    message = f"There is no such layout; give its TOML or one of {names}."
    assert (refused["detail"] == message) is named
    assert ("cannot be read as TOML" in refused["detail"]) is not named


def test_a_job_fails_where_a_record_does_not_fit_its_layout(council: Council) -> None:
    job = done(council, b"001" + b" " * 8 + b"002", layout=PEOPLE)
    assert (job["state"], job["error"]["type"]) == ("failed", "/problems/bad-record")
    assert job["error"]["where"] == {"record": 2, "byte_offset": 11}
