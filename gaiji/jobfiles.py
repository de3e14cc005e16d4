"""The files of jobs (ジョブのファイル): personal data, in a folder per member that its owner alone may enter.

`<home>/jobs/<member>/<job id>/` holds `upload`, `result`, `report`, `receipt` and `spill`. They may hold residents'
names, so they are neither in the database nor in the journal; every deletion is recorded there, by sizes and digests.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from gaiji.charset.files import storage_error
from gaiji.errors import FilesDeleted, JobAbandoned
from gaiji.registry import db, retention
from gaiji.registry import jobs as table
from gaiji.registry.db import Engine, Session
from gaiji.registry.jobs import UPLOAD, Kept
from gaiji.registry.journal import Actor
from gaiji.registry.quotas import Quota
from gaiji.registry.tables import Job
from gaiji.settings import Settings

SERVICE = Actor("gaiji-jobs", "service")
"""Who deletes what nobody asked to delete: the workers, by the rule of retention."""

ORPHANED_S = 3600.0
RESULT, REPORT, RECEIPT, SPILL = "result", "report", "receipt", "spill"
FILES = (UPLOAD, RESULT, REPORT, RECEIPT, SPILL)


def folder_of(settings: Settings, member: str, id: str) -> Path:
    """Return the folder of a job."""
    return settings.job_folder / member / id


@contextmanager
def _storing() -> Iterator[None]:
    """Raise DiskFull or StorageFailed for what the disk refuses, without a path of this machine."""
    try:
        yield
    except OSError as error:
        raise storage_error(error, None) from error


class Upload:
    """A file on its way in (受信中のファイル), for a job that is not there yet.

    Everything is on the disk when `finish` returns; until the job is put in, `drop` removes it.
    """

    def __init__(self, settings: Settings, member: str, id: str | None = None) -> None:
        self.id, self.bytes = id or table.new_id(), 0
        self.folder = folder_of(settings, member, self.id)
        self._hash = sha256()
        with _storing():
            for folder in (settings.job_folder, self.folder.parent, self.folder):
                folder.mkdir(mode=0o700, parents=folder == settings.job_folder, exist_ok=True)
            self._file: BinaryIO = open(  # noqa: SIM115
                self.folder / UPLOAD, "xb", buffering=0, opener=_private
            )

    def write(self, data: bytes) -> None:
        """Append bytes. Raises DiskFull, StorageFailed."""
        self._hash.update(data)
        self.bytes += len(data)
        view = memoryview(data)
        with _storing():
            while view:
                view = view[self._file.write(view) :]

    def finish(self) -> Kept:
        """Bring the file to the disk and return its size and digest."""
        with _storing():
            os.fsync(self._file.fileno())
            self._file.close()
            for folder in (self.folder, self.folder.parent):
                _sync(folder)
        return Kept(self.bytes, self._hash.hexdigest())

    def drop(self) -> None:
        """Remove what came in."""
        self._file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _sync(folder: Path) -> None:
    if os.name == "nt":  # folders cannot be opened there
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def measure(folder: Path, known: Mapping[str, str]) -> dict[str, Kept]:
    """Return what lies in a job's folder, closed to everybody else."""
    found = {}
    for name in FILES:
        path = folder / name
        if path.exists():
            path.chmod(0o600)
            with path.open("rb") as file:
                digest = known.get(name) or _digest(file)
            found[name] = Kept(path.stat().st_size, digest)
    return found


def _digest(file: BinaryIO) -> str:
    digest = sha256()
    while data := file.read(1 << 20):
        digest.update(data)
    return digest.hexdigest()


def written_bytes(folder: Path) -> int:
    """Return what a job has written so far, whole or half, in blocks; what was handed in left out."""
    total = 0
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name != UPLOAD:
                with suppress(FileNotFoundError):  # renamed or removed meanwhile
                    total += table.in_blocks(path.stat().st_size)
    return total


def quota_of(settings: Settings) -> Quota:
    """Return what the jobs of one member may keep in this deployment."""
    return Quota(settings.job_quota_bytes, settings.job_quota_count)


def tidy(folder: Path) -> None:
    """Remove what an attempt before this one left. Raises FilesDeleted when the upload is gone."""
    if not (folder / UPLOAD).exists():
        raise FilesDeleted(
            "受け取ったファイルが保管場所にないため、変換できません。もう一度送ってください。",
            "What was handed in is not in its folder any more; send it again.",
        )
    for path in folder.iterdir():
        if path.name != UPLOAD:
            path.unlink()


def delete_files(
    session: Session,
    settings: Settings,
    actor: Actor,
    job: Job,
    why: str,
    names: tuple[str, ...] = FILES,
) -> None:
    """Delete files of a job and record it: first the files, so that the record is never too early."""
    folder = folder_of(settings, job.member, job.id)
    with _storing():
        for name in names:
            (folder / name).unlink(missing_ok=True)
        if names == FILES and folder.exists():
            shutil.rmtree(folder)
        elif folder.exists():
            for path in folder.iterdir():  # what an attempt that was killed left half written
                if path.name not in FILES:
                    path.unlink()
    retention.record_deletion(session, actor, job, names, why)


def remove(session: Session, settings: Settings, actor: Actor, job: Job) -> bool:
    """Cancel a job that has not ended, or delete the files of one that has (取消・削除).

    Returns False where a worker holds the job and will stop within seconds; True when all is done.
    """
    job = table.lock(session, job)
    if job.state == "running" and job.lease_until > db.now():
        table.ask_to_cancel(session, job)
        return False
    if job.state in table.WAITING:
        table.end_unworked(session, job, "cancelled")
        delete_files(session, settings, actor, job, "cancelled")
    else:
        delete_files(session, settings, actor, job, "requested")
    return True


def sweep(settings: Settings, engine: Engine, orphaned_s: float = ORPHANED_S) -> int:
    """Delete what nobody may keep any longer (保管期限) and return how many jobs lost their files.

    Results whose time is over, jobs that no worker took up in that time, jobs whose workers died and that nobody
    takes up again, uploads that never became a job.
    """
    done = 0
    while _is_due(engine):
        with db.writing(engine) as session:
            for job in retention.due(session, 20):
                why = "abandoned" if job.state == "running" else "expired"
                if job.state == "queued":
                    table.end_unworked(session, job, "expired")
                elif job.state == "running":
                    table.end_unworked(session, job, "failed", abandoned(job.attempt))
                delete_files(session, settings, SERVICE, job, why)
                done += 1
    with db.writing(engine, in_turn=False) as session:
        retention.forget(session)
    _sweep_orphans(settings, engine, orphaned_s)
    return done


def abandoned(attempts: int) -> JobAbandoned:
    """Return the error of a job whose workers ended in the middle of it."""
    return JobAbandoned(
        f"実行中に処理が {attempts} 回途絶えたため、打ち切りました。サービスの記録を確かめてください。",
        f"The worker ended in the middle of it {'once' if attempts == 1 else f'{attempts} times'}, and it was given "
        "up; look at the service's log.",
    )


def _is_due(engine: Engine) -> bool:
    with db.reading(engine) as session:
        return retention.is_due(session)


def _sweep_orphans(settings: Settings, engine: Engine, orphaned_s: float) -> None:
    old = [
        folder
        for folder in settings.job_folder.glob("*/*")
        if re.fullmatch("[0-9a-f]{32}", folder.name) and _idle_s(folder) > orphaned_s
    ]
    if not old:
        return
    with db.reading(engine) as session:
        known = retention.known_ids(session, [folder.name for folder in old])
    for folder in old:
        if folder.name not in known:
            sizes = [path.stat().st_size for path in folder.iterdir()]
            with _storing(), db.writing(engine) as session:
                shutil.rmtree(folder)
                retention.record_orphan(session, SERVICE, folder.name, folder.parent.name, sizes)


def _idle_s(folder: Path) -> float:
    """Return how long ago anything changed in a folder."""
    with suppress(FileNotFoundError):
        times = [path.stat().st_mtime for path in (folder, *folder.iterdir())]
        return time.time() - max(times)
    return 0
