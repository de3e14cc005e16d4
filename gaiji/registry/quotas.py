"""What the jobs of one member may take of the disk (保存枠): files kept, results as they grow, uploads on their way in.

Files count in whole blocks of 4 KiB. A job that waits counts with what was handed in; one that runs with that or with
what it has written, whichever is more, for what was handed in goes when it ends.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gaiji.errors import QuotaExceeded, TooLarge
from gaiji.registry.jobs import in_blocks
from gaiji.registry.tables import Job


@dataclass(frozen=True)
class Quota:
    """What the jobs of one member may keep at once (保存枠)."""

    bytes: int
    count: int


@dataclass(frozen=True)
class Coming:
    """Uploads of a member that are on their way in (受信中の量)."""

    bytes: int = 0
    count: int = 0


def check_quota(
    session: Session, member: str, size: int, quota: Quota, coming: Coming = Coming()
) -> int:
    """Return how many bytes are left to a member's jobs. Raises QuotaExceeded, TooLarge.

    size: of the file to come, 0 while it is not known. coming: other files that are not jobs yet.
    """
    if size > quota.bytes:
        raise TooLarge(
            f"ファイルが構成市の保存枠 {quota.bytes} バイトより大きいため受けられません。分けて送ってください。",
            f"The file is larger than all that the member's jobs may keep, {quota.bytes} bytes; send it in parts.",
            limit_bytes=quota.bytes,
        )
    query = select(
        func.count(), func.coalesce(func.sum(Job.stored_bytes), 0), func.min(Job.expires_at)
    )
    count, stored, first = session.execute(
        query.where(Job.member == member, Job.stored_bytes > 0)
    ).one()
    left = quota.bytes - int(stored) - coming.bytes
    if size > left or left <= 0 or count + coming.count >= quota.count:
        raise _exceeded(member, int(stored), count, first, quota, coming)
    return left


def hold(
    session: Session, id: str, worker: str, member: str, written: int, quota: Quota
) -> QuotaExceeded | None:
    """Count a running job with what it has written (結果の成長), and tell when that goes beyond the quota.

    written: bytes of its files but for what was handed in. The caller stops the job with what is returned.
    """
    mine = Job.id == id, Job.worker == worker, Job.state == "running", Job.stored_bytes < written
    if session.execute(update(Job).where(*mine).values(stored_bytes=written)).rowcount == 0:  # type: ignore[attr-defined]
        return None
    count, stored = session.execute(
        select(func.count(), func.coalesce(func.sum(Job.stored_bytes), 0)).where(
            Job.member == member, Job.stored_bytes > 0
        )
    ).one()
    if int(stored) <= quota.bytes:
        return None
    return _exceeded(member, int(stored), count, None, quota, Coming())


def _exceeded(
    member: str, stored: int, count: int, first: str | None, quota: Quota, coming: Coming
) -> QuotaExceeded:
    ja = f"、受信中が {coming.count} 件、{coming.bytes} バイト" if coming.count else ""
    en = f", {coming.bytes} bytes more are on their way in" if coming.count else ""
    return QuotaExceeded(
        f"構成市 {member} のジョブが {count} 件、{stored} バイトを保管中{ja}で、保存枠を超えます。"
        "受け取った結果のジョブを DELETE で消すか、期限まで待ってください。",
        f"The jobs of member {member} keep {stored} bytes in {count} jobs{en}, and this goes beyond the "
        "quota; DELETE jobs whose results were fetched, or wait until they expire.",
        retry_after_s=_seconds_until(first) if first and not coming.count else 60,
        quota_bytes=quota.bytes,
        quota_jobs=quota.count,
        stored_bytes=stored,
        coming_bytes=coming.bytes,
    )


def _seconds_until(moment: str) -> int:
    wait = datetime.fromisoformat(moment) - datetime.now(UTC)
    return max(1, int(wait.total_seconds()) + 1)


class Arrivals:
    """What uploads on their way in have been promised (受信中の予約), of all members, in one service.

    The jobs' table does not know them yet. Looking there and taking room is one step, so that uploads at the same time
    never get more than is left; each gives its room back when it has become a job, or is gone.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: defaultdict[str, dict[str, int]] = defaultdict(dict)

    def take(self, session: Session, member: str, id: str, size: int, quota: Quota) -> None:
        """Promise an upload room for so many bytes in all; 0 while nothing is known. Raises QuotaExceeded, TooLarge."""
        with self._lock:
            others = [taken for other, taken in self._taken[member].items() if other != id]
            check_quota(session, member, size, quota, Coming(sum(others), len(others)))
            self._taken[member][id] = in_blocks(size)

    def give_back(self, member: str, id: str) -> None:
        """End what was promised to an upload."""
        with self._lock:
            self._taken[member].pop(id, None)
            if not self._taken[member]:
                del self._taken[member]


__all__ = ["Arrivals", "Coming", "Quota", "check_quota", "hold"]
