"""When files of jobs have to go, and the record that they went (ジョブのファイルの保管期限と削除の記録).

gaiji.jobfiles deletes the files themselves, first; here every deletion becomes an entry of the journal, with sizes
and digests and never a name that a person gave.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import Select, and_, delete, or_, select
from sqlalchemy.orm import Session

from gaiji.registry.db import now
from gaiji.registry.jobs import MAX_ATTEMPTS, UPLOAD, stamp, stored_size
from gaiji.registry.journal import Act, Actor, act, effect
from gaiji.registry.tables import Job
from gaiji.wire.jobs import ENDED

KNOWN_FOR = timedelta(days=30)


def due(session: Session, limit: int) -> list[Job]:
    """Return jobs that no worker holds, whose files are still there and have to go.

    Their time is over, or as many workers died in the middle of them as may.
    """
    query = _due().order_by(Job.expires_at).limit(limit)
    return list(session.scalars(query.with_for_update(skip_locked=True)))


def is_due(session: Session) -> bool:
    """Tell whether there are such jobs."""
    return session.scalars(_due().limit(1)).first() is not None


def _due() -> Select[Job]:
    moment = now()
    left = and_(Job.state == "running", Job.lease_until <= moment)
    over = and_(Job.expires_at <= moment, or_(Job.state != "running", left))
    return select(Job).where(
        Job.stored_bytes > 0, or_(over, and_(left, Job.attempt >= MAX_ATTEMPTS))
    )


def record_deletion(
    session: Session, actor: Actor, job: Job, names: Iterable[str], why: str
) -> None:
    """Note that files of a job are gone: in its row, and in the journal for good.

    why: worked, cancelled, requested, expired or abandoned. A job that keeps nothing any more, and was done, is
    expired.
    """
    gone = {name: job.files[name] for name in names if name in job.files}
    if not gone:
        return
    after = {
        "member": job.member,
        "kind": job.kind,
        "by": job.principal,
        "created_at": job.created_at,
        "files": gone,
        "why": why,
    }
    act(session, actor, "job.delete", job.id, after)
    job.files = {name: kept for name, kept in job.files.items() if name not in gone}
    job.stored_bytes = stored_size(job.files)
    if not job.files and why in ("requested", "expired", "abandoned"):
        job.expires_at = min(job.expires_at, now())
        job.state = "expired" if job.state == "done" else job.state
    job.version += 1
    session.flush()


def record_orphan(session: Session, actor: Actor, id: str, member: str, sizes: list[int]) -> None:
    """Note that an upload which never became a job was deleted: its sender or the service ended."""
    after = {"member": member, "files": {UPLOAD: {"bytes": sum(sizes)}}, "why": "orphaned"}
    act(session, actor, "job.delete", id, after)


@effect("job.delete")
def _deleted(session: Session, act: Act) -> None:
    """The entry is all: jobs themselves are no part of what a registry knows."""


def known_ids(session: Session, ids: list[str]) -> set[str]:
    """Return those of the ids that are jobs."""
    return set(session.scalars(select(Job.id).where(Job.id.in_(ids))))


def forget(session: Session) -> None:
    """Remove rows of jobs that ended long ago and keep no file; the journal says what became of them."""
    oldest = stamp(-KNOWN_FOR.total_seconds())
    session.execute(
        delete(Job).where(Job.expires_at < oldest, Job.stored_bytes == 0, Job.state.in_(ENDED))
    )
