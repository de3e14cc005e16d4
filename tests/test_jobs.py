"""The loop over jobs and the files of jobs: kills, stops, cancels, retries, retention."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from gaiji import jobfiles
from gaiji.charset.files import replacing
from gaiji.cli import run
from gaiji.errors import BadTable, DiskFull
from gaiji.jobfiles import Upload, folder_of, quota_of, sweep
from gaiji.jobs import Work, Worker, working
from gaiji.registry import db, journal, members, schema
from gaiji.registry import jobs as table
from gaiji.registry.quotas import check_quota
from gaiji.registry.tables import Job, Json
from gaiji.settings import Settings
from gaiji.wire.jobs import JobShape
from tests.registry.test_jobs import KUSATSU, ME

NAME = "渡邉さくら"


@dataclass
class Bench:
    """A registry, and short ways to put jobs in and work on them."""

    settings: Settings
    engine: Engine
    ran: list[str] = field(default_factory=list)

    def put_in(self, data: bytes = NAME.encode(), keep_s: float = 3600) -> str:
        upload = Upload(self.settings, KUSATSU)
        upload.write(data)
        kept = upload.finish()
        with db.writing(self.engine) as session:
            table.add(
                session,
                ME,
                id=upload.id,
                kind="test",
                member=KUSATSU,
                parameters={},
                upload=kept,
                keep_s=keep_s,
            )
        return upload.id

    def worker(self, lease_s: float = 60) -> Worker:
        kinds = {"test": self.copy}
        return Worker(self.settings, self.engine, kinds=kinds, lease_s=lease_s, renew_s=0.02)

    def copy(self, work: Work) -> Mapping[str, str]:
        """Do a job: what came in is what comes out."""
        self.ran.append(work.id)
        data = (work.folder / "upload").read_bytes()
        (work.folder / "result").write_bytes(data)
        work.progress(len(data))
        return {}

    def slow(self, work: Work) -> Mapping[str, str]:
        """A job that goes on until somebody stops it."""
        self.ran.append(work.id)
        (work.folder / "half").write_bytes(b"half")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            work.progress(3)
            time.sleep(0.005)
        raise AssertionError("nobody stopped it")

    def folder(self, id: str) -> Path:
        return folder_of(self.settings, KUSATSU, id)

    def job(self, id: str) -> JobShape:
        with db.reading(self.engine) as session:
            return table.show(table.find_job(session, id, None))

    def deletions(self) -> list[Json]:
        with db.reading(self.engine) as session:
            found = [db_entry.body for db_entry in journal.entries(session)]
        assert not any(NAME in body for body in found)
        return [entry for body in found if (entry := _entry(body))["action"] == "job.delete"]


def _entry(body: str) -> Json:
    entry: Json = json.loads(body)
    return entry


@pytest.fixture
def bench(any_engine: Engine, tmp_path: Path) -> Bench:
    schema.upgrade(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
        members.add_member(session, ME, KUSATSU, "草津市")
    address = any_engine.url.render_as_string(hide_password=False)
    return Bench(Settings(home=tmp_path / "home", database=address), any_engine)


def soon(question: Callable[[], object], wait_s: float = 10) -> None:
    """Wait until a question is answered with yes."""
    deadline = time.monotonic() + wait_s
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_job_is_done_and_what_came_in_is_deleted_and_recorded(bench: Bench) -> None:
    id = bench.put_in()
    assert bench.worker().run(until_idle=True) == 1
    job = bench.job(id)
    assert (job.state, job.attempt, job.progress.bytes_done) == ("done", 1, len(NAME.encode()))
    assert [file.name for file in job.files] == ["result"]
    assert {path.name for path in bench.folder(id).iterdir()} == {"result"}
    (deleted,) = bench.deletions()
    assert (deleted["after"]["why"], [*deleted["after"]["files"]]) == ("worked", ["upload"])
    assert deleted["actor"] == "gaiji-jobs"


def test_nobody_else_may_look_into_the_folders(bench: Bench) -> None:
    id = bench.put_in()
    assert stat.S_IMODE((bench.folder(id) / "upload").stat().st_mode) == 0o600
    bench.worker().run(until_idle=True)
    assert stat.S_IMODE((bench.folder(id) / "result").stat().st_mode) == 0o600
    for folder in (bench.folder(id), *bench.folder(id).parents[:2]):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_two_workers_do_every_job_once(bench: Bench) -> None:
    ids = [bench.put_in(b"x" * n) for n in range(20)]
    threads = [
        threading.Thread(target=bench.worker().run, kwargs={"until_idle": True}) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(bench.ran) == sorted(ids)
    assert {bench.job(id).state for id in ids} == {"done"}


KILLED = """
import sys, time
from pathlib import Path
from gaiji.jobs import Worker
from gaiji.registry import db
from gaiji.settings import Settings

def forever(work):
    (work.folder / ".gaiji-half").write_bytes(b"half")
    while True:
        work.progress(1)
        time.sleep(0.01)

settings = Settings(home=Path(sys.argv[1]), database=sys.argv[2])
Worker(settings, db.connect(settings), kinds={"test": forever}, lease_s=1, renew_s=0.2).run()
"""


def test_a_job_whose_worker_was_killed_is_done_by_another(bench: Bench) -> None:
    id = bench.put_in()
    arguments = [str(bench.settings.home), str(bench.settings.database)]
    killed = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
    soon(lambda: bench.job(id).progress.bytes_done == 1, 30)
    worker = bench.worker()
    assert worker.run(until_idle=True) == 0
    killed.kill()
    killed.wait()
    assert (bench.folder(id) / ".gaiji-half").exists()
    assert bench.job(id).state == "running"
    soon(worker.take_one)
    job = bench.job(id)
    assert (job.state, job.attempt) == ("done", 2)
    assert {path.name for path in bench.folder(id).iterdir()} == {"result"}


def test_a_job_that_kills_its_workers_is_given_up(bench: Bench) -> None:
    id = bench.put_in()
    for name in ("a", "b", "c"):
        with db.writing(bench.engine, in_turn=False) as session:
            assert table.claim(session, name, ("test",), -1)
    bench.worker().run(until_idle=True)
    job = bench.job(id)
    assert job.state == "failed"
    assert job.error
    assert job.error["type"] == "/problems/job-abandoned"
    assert bench.ran == []
    assert not (bench.folder(id) / "upload").exists()


def test_a_worker_that_ends_lets_go_of_its_job(bench: Bench) -> None:
    id = bench.put_in()
    worker = Worker(bench.settings, bench.engine, kinds={"test": bench.slow}, renew_s=0.02)
    thread = threading.Thread(target=worker.run)
    thread.start()
    soon(lambda: bench.ran)
    worker.stop()
    thread.join(10)
    assert (bench.job(id).state, bench.job(id).attempt) == ("queued", 0)
    bench.worker().run(until_idle=True)
    assert bench.job(id).state == "done"


def test_a_running_job_is_cancelled_between_two_steps(bench: Bench) -> None:
    id = bench.put_in()
    worker = Worker(bench.settings, bench.engine, kinds={"test": bench.slow}, renew_s=0.02)
    thread = threading.Thread(target=worker.run, kwargs={"until_idle": True})
    thread.start()
    soon(lambda: bench.ran)
    with db.writing(bench.engine) as session:
        job = table.find_job(session, id, None)
        assert not jobfiles.remove(session, bench.settings, ME, job)
    thread.join(10)
    assert (bench.job(id).state, bench.job(id).files) == ("cancelled", [])
    assert not bench.folder(id).exists()
    assert [entry["after"]["why"] for entry in bench.deletions()] == ["cancelled"]


def test_a_waiting_job_is_cancelled_at_once(bench: Bench) -> None:
    id = bench.put_in()
    with db.writing(bench.engine) as session:
        assert jobfiles.remove(session, bench.settings, ME, table.find_job(session, id, None))
    assert bench.job(id).state == "cancelled"
    assert not bench.folder(id).exists()
    assert bench.worker().run(until_idle=True) == 0


def test_a_worker_that_lost_its_lease_keeps_nothing(bench: Bench) -> None:
    id = bench.put_in()

    def overtaken(work: Work) -> Mapping[str, str]:
        with db.writing(bench.engine) as session:
            session.execute(update(Job).where(Job.id == id).values(worker="other"))
        return bench.slow(work)

    Worker(bench.settings, bench.engine, kinds={"test": overtaken}, renew_s=0.02).take_one()
    assert (bench.job(id).state, bench.deletions()) == ("running", [])


def test_what_the_storage_refuses_is_tried_again_and_then_told(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.jobs.RETRY_S", 0.0)
    id = bench.put_in()

    def full(work: Work) -> Mapping[str, str]:
        bench.ran.append(work.id)
        raise DiskFull("満杯です。", "The disk is full.")

    worker = Worker(bench.settings, bench.engine, kinds={"test": full}, renew_s=0.02)
    assert worker.run(until_idle=True) == 3
    job = bench.job(id)
    assert (job.state, job.attempt, len(bench.ran)) == ("failed", 3, 3)
    assert job.error
    assert job.error["type"] == "/problems/disk-full"


@pytest.mark.parametrize(
    ("error", "kind"),
    [(BadTable("だめ", "bad"), "bad-table"), (ZeroDivisionError("secret"), "gaiji-error")],
)
def test_a_refusal_or_a_fault_ends_a_job_at_once(bench: Bench, error: Exception, kind: str) -> None:
    id = bench.put_in()

    def refuse(work: Work) -> Mapping[str, str]:
        raise error

    Worker(bench.settings, bench.engine, kinds={"test": refuse}, renew_s=0.02).take_one()
    job = bench.job(id)
    assert (job.state, job.attempt) == ("failed", 1)
    assert job.error
    assert job.error["type"] == f"/problems/{kind}"
    assert "secret" not in str(job.error)
    assert not (bench.folder(id) / "upload").exists()


def test_files_go_when_their_time_is_over(bench: Bench) -> None:
    done, fresh = bench.put_in(), bench.put_in()
    bench.worker().run(until_idle=True)
    never = bench.put_in(keep_s=-1)
    assert sweep(bench.settings, bench.engine) == 1
    with db.writing(bench.engine) as session:
        past = update(Job).where(Job.id == done).values(expires_at=table.stamp(-1))
        session.execute(past)
    assert sweep(bench.settings, bench.engine) == 1
    assert sweep(bench.settings, bench.engine) == 0
    states = {id: bench.job(id).state for id in (done, fresh, never)}
    assert states == {done: "expired", fresh: "done", never: "expired"}
    assert [bench.folder(id).exists() for id in (done, fresh, never)] == [False, True, False]
    expired = [entry for entry in bench.deletions() if entry["after"]["why"] == "expired"]
    assert [(entry["subject"], [*entry["after"]["files"]]) for entry in expired] == [
        (never, ["upload"]),
        (done, ["result"]),
    ]
    sizes = expired[0]["after"]["files"]["upload"]
    assert sizes["bytes"] == len(NAME.encode())
    assert re.fullmatch("[0-9a-f]{64}", sizes["sha256"])


def test_a_job_that_nobody_takes_up_again_is_ended_and_its_files_go(bench: Bench) -> None:
    late, worn, alive = bench.put_in(), bench.put_in(), bench.put_in()
    past, soon_over = table.stamp(-1), table.stamp(3600)
    with db.writing(bench.engine) as session:
        for id, lease, attempt, expires in (
            (late, past, 1, past),
            (worn, past, 3, soon_over),
            (alive, soon_over, 3, past),
        ):
            values = {"lease_until": lease, "attempt": attempt, "expires_at": expires}
            running = {"state": "running", "worker": "dead"}
            session.execute(update(Job).where(Job.id == id).values(**values, **running))
    (bench.folder(late) / ".gaiji-half").write_bytes(NAME.encode())
    assert sweep(bench.settings, bench.engine) == 2
    assert sweep(bench.settings, bench.engine) == 0
    for id, times in ((late, "once"), (worn, "3 times")):
        job = bench.job(id)
        assert (job.state, job.files) == ("failed", [])
        assert job.error
        assert job.error["type"] == "/problems/job-abandoned"
        assert times in job.error["detail"]
        assert not bench.folder(id).exists()
    assert bench.job(alive).state == "running"
    assert (bench.folder(alive) / "upload").exists()
    assert sorted(
        (entry["subject"], entry["after"]["why"]) for entry in bench.deletions()
    ) == sorted([(late, "abandoned"), (worn, "abandoned")])


def test_what_killed_attempts_left_half_written_goes_with_the_upload(bench: Bench) -> None:
    id = bench.put_in()
    for name in ("a", "b", "c"):
        with db.writing(bench.engine, in_turn=False) as session:
            assert table.claim(session, name, ("test",), -1)
    (bench.folder(id) / ".gaiji-half").write_bytes(NAME.encode())
    bench.worker().run(until_idle=True)
    assert bench.job(id).state == "failed"
    assert list(bench.folder(id).iterdir()) == []


def limited(bench: Bench, **limits: int) -> Bench:
    return replace(bench, settings=bench.settings.model_copy(update=limits))


def test_a_result_that_grows_beyond_the_quota_is_stopped(bench: Bench) -> None:
    small = limited(bench, job_quota_bytes=100_000)
    id = small.put_in()

    def grow(work: Work) -> Mapping[str, str]:
        with replacing(work.folder / "result") as file:
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                file.write(bytes(4096))
                file.flush()
                work.progress(1)
                time.sleep(0.005)
        raise AssertionError("nobody stopped it")

    Worker(small.settings, small.engine, kinds={"test": grow}, renew_s=0.02).take_one()
    job = small.job(id)
    assert (job.state, job.files) == ("failed", [])
    assert job.error
    assert job.error["type"] == "/problems/quota-exceeded"
    assert list(small.folder(id).iterdir()) == []
    with db.reading(small.engine) as session:
        assert check_quota(session, KUSATSU, 1, quota_of(small.settings)) == 100_000


def test_a_result_written_at_once_is_not_kept_beyond_the_quota(bench: Bench) -> None:
    small = limited(bench, job_quota_bytes=50_000)
    kept, id = small.put_in(b"x" * 20_000), small.put_in()

    def write(work: Work) -> Mapping[str, str]:
        (work.folder / "result").write_bytes(bytes(32_000))
        (work.folder / "report").write_bytes(b"{}")
        return {}

    worker = Worker(small.settings, small.engine, kinds={"test": write}, renew_s=60)
    with db.writing(small.engine) as session:
        session.execute(update(Job).where(Job.id == kept).values(lease_until=table.stamp(60)))
    worker.take_one()
    job = small.job(id)
    assert (job.state, [file.name for file in job.files]) == ("failed", ["report"])
    assert {path.name for path in small.folder(id).iterdir()} == {"report"}
    with db.writing(small.engine) as session:
        assert jobfiles.remove(session, small.settings, ME, table.find_job(session, kept, None))
    again = small.put_in()
    worker.take_one()
    assert small.job(again).state == "done"


def test_an_upload_that_never_became_a_job_is_deleted(bench: Bench) -> None:
    job = bench.put_in()
    upload = Upload(bench.settings, KUSATSU)
    upload.write(b"half of it")
    os.sync()
    sweep(bench.settings, bench.engine)
    assert upload.folder.exists()
    sweep(bench.settings, bench.engine, orphaned_s=-1)
    assert not upload.folder.exists()
    assert bench.folder(job).exists()
    upload.drop()
    (entry,) = bench.deletions()
    assert entry["after"] == {
        "member": KUSATSU,
        "files": {"upload": {"bytes": 10}},
        "why": "orphaned",
    }


def test_a_job_whose_upload_is_gone_fails(bench: Bench) -> None:
    id = bench.put_in()
    (bench.folder(id) / "upload").unlink()
    bench.worker().run(until_idle=True)
    job = bench.job(id)
    assert job.error
    assert job.error["type"] == "/problems/files-deleted"


def test_threads_of_a_service_work_and_end_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaiji.jobs.KINDS", {"test": bench.copy})
    before = threading.active_count()
    with working(bench.settings, bench.engine, 2):
        ids = [bench.put_in() for _ in range(4)]
        soon(lambda: {bench.job(id).state for id in ids} == {"done"})
    assert threading.active_count() == before


def test_the_command_works_until_nothing_waits_and_lists(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gaiji.jobs.KINDS", {"test": bench.copy})
    monkeypatch.setenv("GAIJI_DATABASE", str(bench.settings.database))
    id = bench.put_in()
    home = ["--home", str(bench.settings.home)]
    handler = signal.getsignal(signal.SIGTERM)
    assert run(["jobs", "work", "--until-idle", *home]) == 0
    assert signal.getsignal(signal.SIGTERM) == handler
    assert "1 job taken up" in capsys.readouterr().out
    assert run(["jobs", "list", *home]) == 0
    said = capsys.readouterr().out
    assert id in said
    assert "done" in said
    assert run(["jobs", "list", "--format", "json", *home]) == 0
    assert f'"id": "{id}"' in capsys.readouterr().out
