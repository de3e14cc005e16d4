"""The table of jobs, on SQLite and on PostgreSQL: one worker a job, leases, quotas, recorded deletions."""

import json
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.orm import Session

from gaiji.errors import (
    DiskFull,
    FilesDeleted,
    NoSuchResult,
    QuotaExceeded,
    TooLarge,
    UnknownJob,
    Where,
)
from gaiji.registry import db, jobs, journal, members, replay, retention, schema
from gaiji.registry.jobs import Kept
from gaiji.registry.journal import Actor
from gaiji.registry.quotas import Arrivals, Quota, check_quota, hold
from gaiji.registry.tables import Job
from gaiji.settings import Settings

ME = Actor("integrator", "integrator")
KUSATSU, RITTO = "252069", "252085"
KIND = ("test",)
ROOM = Quota(bytes=1 << 20, count=10)


@pytest.fixture
def engine(any_engine: Engine) -> Engine:
    schema.upgrade(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
        members.add_member(session, ME, KUSATSU, "草津市")
        members.add_member(session, ME, RITTO, "栗東市")
    return any_engine


def put_in(session: Session, member: str = KUSATSU, size: int = 10, keep_s: float = 60) -> str:
    job = jobs.add(
        session,
        ME,
        id=jobs.new_id(),
        kind="test",
        member=member,
        parameters={"from": f"{member}/juki"},
        upload=Kept(size, "ab" * 32),
        keep_s=keep_s,
    )
    return job.id


def claim(engine: Engine, worker: str, lease_s: float = 60) -> str | None:
    with db.writing(engine, in_turn=False) as session:
        job = jobs.claim(session, worker, KIND, lease_s)
        return job.id if job else None


def shown(engine: Engine, id: str) -> Job:
    with db.reading(engine) as session:
        job = jobs.find_job(session, id, None)
        session.expunge(job)
        return job


def test_a_job_is_claimed_once_and_ends_with_what_it_keeps(engine: Engine) -> None:
    with db.writing(engine) as session:
        id = put_in(session)
        assert jobs.is_waiting(session, KIND)
        assert not jobs.is_waiting(session, ("another",))
    assert claim(engine, "a") == id
    assert claim(engine, "b") is None
    with db.writing(engine, in_turn=False) as session:
        assert jobs.renew(session, id, "a", 7, 60) is False
        assert jobs.renew(session, id, "b", 9, 60) is None
    assert (shown(engine, id).bytes_done, shown(engine, id).attempt) == (7, 1)
    with db.writing(engine) as session:
        files = {"result": Kept(5000, "cd" * 32)}
        assert jobs.finish(session, id, "b", "done", files=files, keep_s=60) is None
        assert jobs.finish(session, id, "a", "done", files=files, keep_s=60)
    job = shown(engine, id)
    assert (job.state, job.bytes_done, job.stored_bytes, job.worker) == ("done", 10, 8192, None)
    assert claim(engine, "b") is None


def test_workers_at_the_same_time_never_get_the_same_job(engine: Engine) -> None:
    with db.writing(engine) as session:
        wanted = {put_in(session) for _ in range(40)}
    taken: list[str] = []

    def work(name: str) -> None:
        while id := claim(engine, name):
            taken.append(id)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 40
    assert set(taken) == wanted


def test_a_claim_waits_for_nobody(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("writers of SQLite take turns")
    with db.writing(engine) as session:
        first, second = put_in(session), put_in(session)
    with db.writing(engine) as holder, db.writing(engine, in_turn=False) as session:
        held = jobs.claim(holder, "a", KIND, 60)
        skipped = jobs.claim(session, "b", KIND, 60)
        assert held
        assert skipped
        assert {held.id, skipped.id} == {first, second}


def test_a_job_whose_worker_died_is_taken_up_again(engine: Engine) -> None:
    with db.writing(engine) as session:
        id = put_in(session)
    assert claim(engine, "a", lease_s=-1) == id
    assert claim(engine, "b") == id
    with db.writing(engine, in_turn=False) as session:
        assert jobs.renew(session, id, "a", 1, 60) is None
    assert shown(engine, id).attempt == 2


def test_a_job_that_is_put_back_waits_and_counts_only_real_attempts(engine: Engine) -> None:
    with db.writing(engine) as session:
        id = put_in(session)
    claim(engine, "a")
    with db.writing(engine, in_turn=False) as session:
        jobs.put_back(session, id, "a", counts=False)
    assert shown(engine, id).attempt == 0
    assert claim(engine, "a") == id
    with db.writing(engine, in_turn=False) as session:
        jobs.put_back(session, id, "a", delay_s=60)
    assert claim(engine, "a") is None
    assert (shown(engine, id).attempt, shown(engine, id).state) == (1, "queued")


def test_one_city_does_not_hold_up_the_others(engine: Engine) -> None:
    with db.writing(engine) as session:
        first = [put_in(session) for _ in range(3)]
        last = put_in(session, RITTO)
    assert claim(engine, "a") == first[0]
    assert claim(engine, "b") == last
    assert claim(engine, "c") == first[1]


def test_quotas_count_bytes_and_jobs_of_one_member(engine: Engine) -> None:
    with db.writing(engine) as session:
        put_in(session, size=10_000)
        put_in(session, size=0)
        assert check_quota(session, RITTO, 5, Quota(4096, 1)) == 4096
        left = check_quota(session, KUSATSU, 5, Quota(20_000, 3))
        assert left == 20_000 - 3 * 4096 - 4096
        with pytest.raises(QuotaExceeded) as raised:
            check_quota(session, KUSATSU, left + 1, Quota(20_000, 3))
        assert 1 <= raised.value.extra["retry_after_s"] <= 61
        with pytest.raises(QuotaExceeded):
            check_quota(session, KUSATSU, 1, Quota(20_000, 2))
        with pytest.raises(TooLarge):
            check_quota(session, KUSATSU, 20_001, Quota(20_000, 9))


def test_quotas_count_uploads_on_their_way_in(engine: Engine) -> None:
    arrivals, quota = Arrivals(), Quota(20_000, 3)
    with db.writing(engine) as session:
        put_in(session, size=4000)
        arrivals.take(session, KUSATSU, "a", 8000, quota)
        arrivals.take(session, RITTO, "b", 20_000, quota)
        with pytest.raises(QuotaExceeded, match="8192 bytes more are on their way in") as raised:
            arrivals.take(session, KUSATSU, "c", 8000, quota)
        assert raised.value.extra["retry_after_s"] == 60
        arrivals.take(session, KUSATSU, "c", 0, quota)  # nobody knows how large it is
        arrivals.take(session, KUSATSU, "c", 7712, quota)
        with pytest.raises(QuotaExceeded):
            arrivals.take(session, KUSATSU, "c", 7713, quota)
        with pytest.raises(QuotaExceeded):
            arrivals.take(
                session, KUSATSU, "d", 0, quota
            )  # the third one beside a job and two uploads
        arrivals.give_back(KUSATSU, "a")
        arrivals.take(session, KUSATSU, "c", 8000, quota)
        with pytest.raises(TooLarge):
            arrivals.take(session, KUSATSU, "c", 20_001, quota)


def test_uploads_at_the_same_time_get_no_more_than_there_is(engine: Engine) -> None:
    arrivals, got, refused = Arrivals(), [], []
    begin = threading.Barrier(8)

    def take(name: str) -> None:
        begin.wait()
        try:
            with db.reading(engine) as session:
                arrivals.take(session, KUSATSU, name, 4096, Quota(3 * 4096, 100))
            got.append(name)
        except QuotaExceeded:
            refused.append(name)

    threads = [threading.Thread(target=take, args=(f"{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(got), len(refused)) == (3, 5)


def test_a_running_job_counts_with_what_it_has_written(engine: Engine) -> None:
    quota = Quota(40_960, 9)
    with db.writing(engine) as session:
        id, other = put_in(session, size=8192), put_in(session, size=8192)
    assert claim(engine, "a") == id
    with db.writing(engine) as session:
        assert hold(session, id, "a", KUSATSU, 4096, quota) is None
        assert session.get_one(Job, id).stored_bytes == 8192
        assert hold(session, id, "a", KUSATSU, 32_768, quota) is None
        with pytest.raises(QuotaExceeded):
            check_quota(session, KUSATSU, 1, quota)
        beyond = hold(session, id, "a", KUSATSU, 36_864, quota)
        assert beyond
        assert "45056 bytes in 2 jobs" in beyond.text.en
        assert hold(session, id, "b", KUSATSU, 99_999, quota) is None  # another worker's by now
        assert hold(session, other, "a", KUSATSU, 99_999, quota) is None
        assert jobs.finish(session, id, "a", "failed", files={}, keep_s=60, error=beyond)
        assert check_quota(session, KUSATSU, 1, quota) == 40_960 - 8192


def test_jobs_are_counted_by_their_state(engine: Engine) -> None:
    with db.writing(engine) as session:
        for _ in range(3):
            put_in(session)
    claim(engine, "a")
    with db.reading(engine) as session:
        assert jobs.counted(session) == {
            **{"queued": 2, "running": 1, "done": 0},
            **{"failed": 0, "cancelled": 0, "expired": 0},
        }


def test_others_jobs_look_like_no_jobs(engine: Engine) -> None:
    with db.writing(engine) as session:
        id = put_in(session)
        assert jobs.find_job(session, id, frozenset({KUSATSU})).id == id
        with pytest.raises(UnknownJob) as theirs:
            jobs.find_job(session, id, frozenset({RITTO}))
        with pytest.raises(UnknownJob) as nobodys:
            jobs.find_job(session, "0" * 32, frozenset({RITTO}))
    assert str(theirs.value).replace(id, "0" * 32) == str(nobodys.value)


def test_a_deletion_is_recorded_with_sizes_and_digests_alone(engine: Engine) -> None:
    with db.writing(engine) as session:
        id = put_in(session, size=12)
        job = jobs.find_job(session, id, None)
        jobs.end_unworked(session, job, "cancelled")
        retention.record_deletion(session, ME, job, ("upload", "result"), "cancelled")
        retention.record_deletion(session, ME, job, ("upload",), "cancelled")
    with db.reading(engine) as session:
        entry = journal.last_entry(session)
        assert entry
        body = json.loads(entry.body)
        assert (body["action"], body["subject"]) == ("job.delete", id)
        assert body["after"]["files"] == {"upload": {"bytes": 12, "sha256": "ab" * 32}}
        assert (body["after"]["why"], body["after"]["member"]) == ("cancelled", KUSATSU)
        job = jobs.find_job(session, id, None)
        assert (job.files, job.stored_bytes) == ({}, 0)
        with pytest.raises(FilesDeleted):
            jobs.file_of(job, "result")


def test_what_a_job_does_not_have_is_told_apart_from_what_was_deleted(engine: Engine) -> None:
    with db.writing(engine) as session:
        job = jobs.find_job(session, put_in(session), None)
        with pytest.raises(NoSuchResult):
            jobs.file_of(job, "result")
        assert jobs.file_of(job, "upload").bytes == 10


def test_jobs_are_due_when_their_time_is_over_and_forgotten_a_month_later(engine: Engine) -> None:
    with db.writing(engine) as session:
        late, running = put_in(session, keep_s=-1), put_in(session, keep_s=-1)
        fresh = put_in(session, keep_s=60)
        held = {"state": "running", "lease_until": jobs.stamp(60)}
        session.execute(update(Job).where(Job.id == running).values(**held))
    with db.writing(engine) as session:
        assert retention.is_due(session)
        assert [job.id for job in retention.due(session, 10)] == [late]
        job = jobs.find_job(session, late, None)
        jobs.end_unworked(session, job, "expired")
        retention.record_deletion(session, ME, job, ("upload",), "expired")
        assert not retention.is_due(session)
        retention.forget(session)
        assert retention.known_ids(session, [late, running, fresh]) == {late, running, fresh}
        session.execute(
            update(Job).where(Job.id == late).values(expires_at=jobs.stamp(-31 * 86400))
        )
        retention.forget(session)
        assert retention.known_ids(session, [late, running, fresh]) == {running, fresh}


def test_a_job_that_its_worker_left_is_due_when_its_time_or_its_attempts_are_over(
    engine: Engine,
) -> None:
    with db.writing(engine) as session:
        late, worn, held, fresh = (put_in(session) for _ in range(4))
        dead, alive, past = jobs.stamp(-1), jobs.stamp(60), jobs.stamp(-5)
        for id, lease, attempt, expires in (
            (late, dead, 1, past),
            (worn, dead, jobs.MAX_ATTEMPTS, alive),
            (held, alive, jobs.MAX_ATTEMPTS, past),
            (fresh, dead, jobs.MAX_ATTEMPTS - 1, alive),
        ):
            values = {"lease_until": lease, "attempt": attempt, "expires_at": expires}
            session.execute(
                update(Job).where(Job.id == id).values(state="running", worker="a", **values)
            )
    with db.writing(engine) as session:
        assert {job.id for job in retention.due(session, 10)} == {late, worn}
        for id in (late, worn):
            job = jobs.find_job(session, id, None)
            jobs.end_unworked(session, job, "failed", DiskFull("満杯", "full"))
            retention.record_deletion(session, ME, job, ("upload",), "abandoned")
            assert (job.state, job.worker, job.stored_bytes) == ("failed", None, 0)
            assert job.error
        assert not retention.is_due(session)


def test_an_error_is_kept_in_both_languages_without_file_names(engine: Engine) -> None:
    error = DiskFull("満杯", "full", where=Where("名前.csv", 3, None, 9), report={"x": 1}, more=2)
    back = jobs.error_of(json.loads(json.dumps(jobs.written(error))))
    assert type(back) is DiskFull
    assert (back.text.ja, back.text.en) == ("満杯", "full")
    assert back.problem()["where"] == {"record": 3, "byte_offset": 9}
    assert back.extra == {"more": 2}


def test_a_registry_with_deleted_jobs_replays(engine: Engine, tmp_path: Path) -> None:
    with db.writing(engine) as session:
        job = jobs.find_job(session, put_in(session), None)
        jobs.end_unworked(session, job, "cancelled")
        retention.record_deletion(session, ME, job, ("upload",), "cancelled")
        retention.record_orphan(session, ME, "0" * 32, KUSATSU, [3, 4])
    target = db.connect(Settings(database=f"sqlite:///{tmp_path / 'again.db'}"))
    schema.upgrade(target)
    with db.reading(engine) as session, db.writing(target) as again:
        assert replay.replay(session, again).entries == 5
        assert again.execute(text("SELECT count(*) FROM jobs")).scalar() == 0
    target.dispose()
