"""The one table of long work: put in, taken by one worker at a time, ended, forgotten (ジョブの表).

A worker holds a job by a lease that it renews; when a lease runs out, whoever comes next takes the job up
again from its start. Nobody waits for a lock: PostgreSQL skips rows that another worker looks at (FOR
UPDATE SKIP LOCKED), on SQLite writers take turns anyway. Clocks of the machines that work on one registry
have to agree to within a few seconds.

How much room they may take: gaiji.registry.quotas. What becomes of their files: gaiji.registry.retention.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, get_args

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, aliased

from gaiji.errors import (
    FilesDeleted,
    GaijiError,
    NoSuchResult,
    UnknownJob,
    Where,
    problem_types,
)
from gaiji.registry.db import now
from gaiji.registry.journal import Actor
from gaiji.registry.tables import Job, Json
from gaiji.wire.jobs import ENDED, JobFileShape, JobShape, ProgressShape, State, Unit

WAITING = ("queued", "running")
MAX_ATTEMPTS = 3
BLOCK = 4096
UPLOAD = "upload"
UNITS: dict[str, Unit] = {"identify": "glyphs"}
"""What the progress of a kind of job counts, where it is not bytes."""


class Kept(NamedTuple):
    """One file of a job: bytes and sha256 (hex)."""

    bytes: int
    sha256: str


def stamp(seconds: float = 0) -> str:
    """Return the time some seconds from now, as the registry writes it."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def new_id() -> str:
    """Return the id of a new job: 128 random bits in hex, which nobody guesses."""
    return secrets.token_hex(16)


# --- putting in


def add(
    session: Session,
    actor: Actor,
    *,
    id: str,
    kind: str,
    member: str,
    parameters: Json,
    upload: Kept,
    keep_s: float,
    total: int | None = None,
) -> Job:
    """Put a job into the queue; its upload lies in its folder already.

    total: how much there is to do, in the unit of its kind; where None, the bytes of the upload.
    """
    at = now()
    files = {UPLOAD: upload._asdict()}
    job = Job(
        id=id,
        kind=kind,
        member=member,
        principal=actor.name,
        state="queued",
        parameters=parameters,
        bytes_done=0,
        bytes_total=upload.bytes if total is None else total,
        attempt=0,
        worker=None,
        lease_until=at,
        cancelling=False,
        created_at=at,
        started_at=None,
        finished_at=None,
        expires_at=stamp(keep_s),
        error=None,
        files=files,
        stored_bytes=stored_size(files),
        version=1,
    )
    session.add(job)
    session.flush()
    return job


def stored_size(files: Json) -> int:
    """Return what files take on a disk."""
    return sum(in_blocks(file["bytes"]) for file in files.values())


def in_blocks(size: int) -> int:
    """Return what a file of so many bytes takes on a disk, in whole blocks: an empty file takes one too."""
    return BLOCK * max(1, -(-size // BLOCK))


def find_job(session: Session, id: str, members: frozenset[str] | None) -> Job:
    """Return a job of one of these members (None: of all). Raises UnknownJob, also for others' jobs."""
    job = session.get(Job, id)
    if job is None or (members is not None and job.member not in members):
        raise UnknownJob(
            f"ジョブ {id} はありません。番号と APIキーを確かめてください。",
            f"There is no job {id}; check its id and the API key.",
        )
    return job


def newest(
    session: Session, limit: int, members: frozenset[str] | None = None, before: str | None = None
) -> list[Job]:
    """Return jobs of these members (None: of all), the newest first; before: `order_of` the last one seen."""
    order = Job.created_at + "~" + Job.id
    query = select(Job).order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)
    if members is not None:
        query = query.where(Job.member.in_(members))
    if before is not None:
        query = query.where(order < before)
    return list(session.scalars(query))


def order_of(job: Job) -> str:
    """Return what jobs are listed by."""
    return f"{job.created_at}~{job.id}"


# --- working


def is_waiting(session: Session, kinds: Iterable[str]) -> bool:
    """Tell whether a worker would find a job: it waits, or its worker's lease ran out."""
    return session.scalar(_free(kinds).with_only_columns(Job.id).limit(1)) is not None


def _free(kinds: Iterable[str]) -> Select[Job]:
    return select(Job).where(
        Job.state.in_(WAITING), Job.lease_until <= now(), Job.kind.in_(list(kinds))
    )


def stuck(session: Session, for_s: float) -> tuple[int, int]:
    """Return how many jobs nobody took up for so long, and how many keep files so long after their time."""
    long_ago = stamp(-for_s)
    count = select(func.count()).select_from(Job)
    waiting = count.where(Job.state.in_(WAITING), Job.lease_until < long_ago)
    overdue = count.where(Job.expires_at < long_ago, Job.stored_bytes > 0, Job.state != "running")
    return session.scalar(waiting) or 0, session.scalar(overdue) or 0


def counted(session: Session) -> dict[str, int]:
    """Return how many jobs there are in each state, those in none too (ジョブの数)."""
    rows = session.execute(select(Job.state, func.count()).group_by(Job.state))
    return dict.fromkeys(get_args(State), 0) | {state: count for state, count in rows}


def claim(session: Session, worker: str, kinds: Iterable[str], lease_s: float) -> Job | None:
    """Take up one job for a worker, None where there is none that is free.

    Members with fewer running jobs go first, so that one city's night cannot hold up the others; then the
    oldest.
    """
    other = aliased(Job)
    running = (
        select(func.count())
        .where(other.member == Job.member, other.state == "running", other.lease_until > now())
        .correlate(Job)
        .scalar_subquery()
    )
    query = _free(kinds).order_by(running, Job.created_at, Job.id).limit(1)
    job = session.scalars(query.with_for_update(skip_locked=True, of=Job)).first()
    if job is None:
        return None
    job.state, job.worker, job.lease_until = "running", worker, stamp(lease_s)
    job.attempt += 1
    job.bytes_done = 0
    job.started_at = job.started_at or now()
    job.version += 1
    session.flush()
    return job


def renew(session: Session, id: str, worker: str, bytes_done: int, lease_s: float) -> bool | None:
    """Renew a worker's lease and note its progress; None when the job is another's by now.

    Returns whether somebody asked to cancel it.
    """
    statement = (
        update(Job)
        .where(Job.id == id, Job.worker == worker, Job.state == "running")
        .values(bytes_done=bytes_done, lease_until=stamp(lease_s), version=Job.version + 1)
        .returning(Job.cancelling)
    )
    return session.execute(statement).scalar_one_or_none()


def _held(session: Session, id: str, worker: str) -> Job | None:
    query = select(Job).where(Job.id == id, Job.worker == worker, Job.state == "running")
    return session.scalars(query.with_for_update()).first()


def put_back(
    session: Session, id: str, worker: str, *, delay_s: float = 0, counts: bool = True
) -> None:
    """Let go of a job so that it is taken up again; counts: whether this was one of its attempts."""
    job = _held(session, id, worker)
    if job is not None:
        job.state, job.worker, job.lease_until = "queued", None, stamp(delay_s)
        job.attempt -= 0 if counts else 1
        job.version += 1


def finish(
    session: Session,
    id: str,
    worker: str,
    state: str,
    *,
    files: dict[str, Kept],
    keep_s: float,
    error: GaijiError | None = None,
) -> Job | None:
    """End a job that a worker holds, None when another holds it by now; files: all that it keeps.

    A job that somebody asked to cancel is cancelled, however it ended.
    """
    job = _held(session, id, worker)
    if job is None:
        return None
    job.state, job.worker = "cancelled" if job.cancelling else state, None
    job.error = written(error) if error and not job.cancelling else None
    job.files = {name: kept._asdict() for name, kept in files.items()}
    job.stored_bytes = stored_size(job.files)
    if state == "done":
        job.bytes_done = job.bytes_total
    job.finished_at, job.expires_at = now(), stamp(keep_s)
    job.version += 1
    session.flush()
    return job


# --- cancelling


def end_unworked(session: Session, job: Job, state: str, error: GaijiError | None = None) -> None:
    """End a job that no worker holds: cancelled before its turn, never taken up, or left by its worker."""
    job.state, job.finished_at, job.worker = state, now(), None
    job.error = written(error) if error else None
    job.version += 1
    session.flush()


def ask_to_cancel(session: Session, job: Job) -> None:
    """Ask the worker of a running job to stop; it does at its next renewal."""
    job.cancelling = True
    job.version += 1
    session.flush()


def lock(session: Session, job: Job) -> Job:
    """Return a job as it is now, held until the transaction ends."""
    session.refresh(job, with_for_update=True)
    return job


# --- showing


def written(error: GaijiError) -> Json:
    """Return an error as it is kept: in both languages, with its place but no file name."""
    place = error.where.as_dict() if error.where else {}
    place.pop("file", None)
    extra = {name: value for name, value in error.extra.items() if name != "report"}
    return {"code": error.code(), "text": list(error.text), "where": place, "extra": extra}


def error_of(kept: Json) -> GaijiError:
    """Return the error that `written` kept."""
    kind = problem_types().get(kept["code"], GaijiError)
    where = Where(**kept["where"]) if kept["where"] else None
    return kind(*kept["text"], where=where, **kept["extra"])


def file_of(job: Job, name: str) -> Kept:
    """Return what a job keeps under a name. Raises FilesDeleted, NoSuchResult."""
    if name in job.files:
        return Kept(**job.files[name])
    if job.state in ("expired", "cancelled") or (job.state in ENDED and job.expires_at <= now()):
        raise FilesDeleted(
            "このジョブのファイルは削除済みです。必要ならもう一度変換してください。",
            "The files of this job were deleted; convert again if they are needed.",
            state=job.state,
        )
    raise NoSuchResult(
        f"ジョブの状態は {job.state} で、{name} はありません。終わるのを待つか、error と指定を確かめてください。",
        f"The job is {job.state} and has no {name}; wait for its end, or look at its error and parameters.",
        state=job.state,
    )


def show(job: Job) -> JobShape:
    """Return a job as JSON has it, its error in the current language."""
    base = f"/v1/jobs/{job.id}"
    files = [
        JobFileShape(name=name, url=None if name == UPLOAD else f"{base}/{name}", **kept)
        for name, kept in job.files.items()
    ]
    links = {"self": base, "events": f"{base}/events"}
    return JobShape(
        id=job.id,
        kind=job.kind,
        member=job.member,
        by=job.principal,
        state=job.state,
        cancelling=job.cancelling and job.state == "running",
        parameters=job.parameters,
        progress=ProgressShape(
            unit=UNITS.get(job.kind, "bytes"),
            bytes_done=job.bytes_done,
            bytes_total=job.bytes_total,
        ),
        attempt=job.attempt,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        error=error_of(job.error).problem() if job.error else None,
        files=files,
        links=links | {file.name: file.url for file in files if file.url},
    )
