"""Long work: one table, one loop, files in per-member folders (ジョブ).

A worker claims a job, renews its lease once a second while the work runs, and ends it. When a worker dies the lease
runs out and another one starts the job again: work is done from its start, on what was pinned when it
was put in, so that a second attempt writes the same bytes. What was handed in is deleted as soon as the job has ended,
the rest when its time is over (gaiji.jobfiles). A new kind of work is one function in `KINDS`.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, cast

from gaiji.charset.conversion import Conversion
from gaiji.charset.convert import convert_file
from gaiji.charset.files import replacing
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.layoutfile import given_layout
from gaiji.charset.resolve import Options
from gaiji.errors import (
    Busy,
    GaijiError,
    LossBeyondBudget,
    QuotaExceeded,
    StorageFailed,
    Unreachable,
)
from gaiji.jobfiles import (
    FILES,
    RECEIPT,
    REPORT,
    RESULT,
    SERVICE,
    SPILL,
    abandoned,
    delete_files,
    folder_of,
    measure,
    quota_of,
    sweep,
    tidy,
    written_bytes,
)
from gaiji.registry import conversions, db, identification, mapfiles, quotas
from gaiji.registry import jobs as table
from gaiji.registry.conversions import Pinned
from gaiji.registry.db import Engine, Session
from gaiji.registry.jobs import UPLOAD
from gaiji.registry.reviewing import review
from gaiji.registry.tables import Job, Json
from gaiji.settings import Settings

log = logging.getLogger("gaiji.jobs")

LEASE_S = 60.0
RENEW_S = 1.0
POLL_S = 0.5
SWEEP_S = 60.0
RETRY_S = 5.0


class Cancelled(Exception):
    """Somebody asked to cancel the job (取消)."""


class LeaseLost(Exception):
    """The job is another worker's by now; nothing of this attempt may be kept."""


class Stopping(Exception):
    """This worker is to end; the job goes back into the queue."""


class Work:
    """A job while it runs (実行中のジョブ): its parameters, its folder, and whom to tell how far it is."""

    def __init__(self, settings: Settings, engine: Engine, job: Job) -> None:
        self.settings, self.engine = settings, engine
        self.id, self.member, self.parameters = job.id, job.member, job.parameters
        self.folder = folder_of(settings, job.member, job.id)
        self.bytes_done = 0
        self.interrupt: Exception | None = None

    def progress(self, bytes_done: int) -> None:
        """Note how far the work is. Raises Cancelled, LeaseLost or Stopping where it has to end here."""
        self.bytes_done = bytes_done
        if self.interrupt is not None:
            raise self.interrupt


Run = Callable[[Work], Mapping[str, str]]
"""Does a job: writes files into its folder and returns the sha256 (hex) of those it knows, by name."""


# --- conversions


def conversion_of(session: Session, parameters: Json) -> Conversion:
    """Return the conversion (変換) that parameters ask for.

    parameters: `from`, `to`, `release`, `to_release`, `plan` and what Options has. Raises UnknownCodeSet,
    UnknownRelease, UnknownPlan, UnsupportedConversion.
    """
    pinned = Pinned(parameters["release"], parameters.get("to_release"), parameters.get("plan"))
    ends = parameters["from"], parameters["to"]
    return conversions.conversion(session, *ends, pinned, options_of(parameters))


def options_of(parameters: Json) -> Options:
    """Return the options among parameters."""
    shown = {name: value for name, value in parameters.items() if name in Options.__annotations__}
    return Options.from_dict(shown)


def layout_of(parameters: Json) -> Layout | None:
    """Return the layout (レイアウト) that parameters ask for, if any. Raises BadLayout."""
    return given_layout(parameters["layout"]) if "layout" in parameters else None


def run_conversion(work: Work) -> Mapping[str, str]:
    """Convert the upload of a job (ファイル変換のジョブ): result, report and, where asked for, receipt and spill."""
    with db.reading(work.engine) as session:
        asked = conversion_of(session, work.parameters)
        size = (work.folder / UPLOAD).stat().st_size
        conversion = mapfiles.prepared(session, work.settings, asked, size)
    dry_run = conversion.options.dry_run
    receipt = work.folder / RECEIPT if work.parameters["receipt"] and not dry_run else None
    layout = layout_of(work.parameters)
    spills = layout is not None and layout.spills and not dry_run
    try:
        report = convert_file(
            work.folder / UPLOAD,
            work.folder / RESULT,
            conversion,
            receipt=receipt,
            layout=layout,
            spill=work.folder / SPILL if spills else None,
            progress=work.progress,
        )
    except LossBeyondBudget as error:
        _write_report(work, error.extra["report"])
        raise
    report.extra |= (
        {"findings": work.parameters["findings"]} if "findings" in work.parameters else {}
    )
    _write_report(work, report.as_dict())
    return {RESULT: report.output_sha256} if report.output_sha256 else {}


def _write_report(work: Work, report: dict[str, Any]) -> None:
    with replacing(work.folder / REPORT) as file:
        file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode())


# --- identification


def run_identify(work: Work) -> Mapping[str, str]:
    """Measure the glyphs of code sets (文字同定のジョブ), and write how many codes wait in each group.

    What is measured stays when the job is cancelled or begun again. Raises StaleVersion when the index of reference
    shapes is not the one any more that the job was put in for.
    """
    addresses, edition = work.parameters["codesets"], work.parameters["edition"]
    gallery = identification.current_edition(work.settings, edition)
    new, seconds = identification.measure_sets(work.engine, gallery, addresses, work.progress)
    with db.reading(work.engine) as session:
        found = {address: review(session, address, edition) for address in addresses}
    told = {
        "edition": edition,
        "measured": new,
        "seconds": round(seconds, 3),
        "codesets": [
            {"codeset": address, "counts": one.counts, "decided": one.decided}
            for address, one in found.items()
        ],
    }
    with replacing(work.folder / RESULT) as file:
        file.write((json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode())
    return {}


KINDS: dict[str, Run] = {"conversion": run_conversion, "identify": run_identify}


# --- the loop


class Worker:
    """Takes up jobs one after the other (ワーカー). Several may work on one registry, in threads or processes."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        *,
        kinds: Mapping[str, Run] | None = None,
        lease_s: float = LEASE_S,
        renew_s: float = RENEW_S,
    ) -> None:
        self.settings, self.engine, self.kinds = settings, engine, kinds or KINDS
        self.lease_s, self.renew_s = lease_s, renew_s
        self.name = secrets.token_hex(8)
        self.stopping = threading.Event()

    def run(self, *, until_idle: bool = False) -> int:
        """Work until `stop`, or until nothing waits, and return how many jobs were taken up."""
        taken = 0
        while not self.stopping.is_set():
            try:
                worked = self.take_one()
            except Exception as error:  # nothing may end the only worker of a service
                if until_idle:
                    raise
                log.warning("jobs wait: %s", error, exc_info=not isinstance(error, GaijiError))
                self.stopping.wait(RETRY_S)
                continue
            taken += worked
            if not worked:
                if until_idle:
                    break
                self.stopping.wait(POLL_S)
        return taken

    def stop(self) -> None:
        """Let go of the job at its next step and end."""
        self.stopping.set()

    def take_one(self) -> bool:
        """Do one job, if one is free; tell whether there was one."""
        with db.reading(self.engine) as session:
            if not table.is_waiting(session, self.kinds):
                return False
        with db.writing(self.engine, in_turn=False) as session:
            job = table.claim(session, self.name, self.kinds, self.lease_s)
            if job is None:
                return False
            work, attempt, cancelling = (
                Work(self.settings, self.engine, job),
                job.attempt,
                job.cancelling,
            )
            run = self.kinds[job.kind]
        if cancelling:
            self._end(work, "cancelled", None, {})
        elif attempt > table.MAX_ATTEMPTS:
            self._end(work, "failed", abandoned(table.MAX_ATTEMPTS), {})
        else:
            self._do(work, run, attempt)
        return True

    def _do(self, work: Work, run: Run, attempt: int) -> None:
        """Run one attempt and note how it ended."""
        state, error = "done", cast(GaijiError | None, None)
        digests: Mapping[str, str] = {}
        ended = threading.Event()
        renewing = threading.Thread(target=self._renew, args=(work, ended), daemon=True)
        renewing.start()
        try:
            tidy(work.folder)
            digests = run(work)
            self._keep(work)
        except LeaseLost:
            return
        except Stopping:
            with db.writing(self.engine, in_turn=False) as session:
                table.put_back(session, work.id, self.name, counts=False)
            return
        except Cancelled:
            state = "cancelled"
        except (StorageFailed, Unreachable, Busy) as failure:
            if attempt < table.MAX_ATTEMPTS:
                log.warning("job %s waits for another attempt: %s", work.id, failure)
                with db.writing(self.engine, in_turn=False) as session:
                    table.put_back(session, work.id, self.name, delay_s=RETRY_S * attempt)
                return
            state, error = "failed", failure
        except QuotaExceeded as failure:
            state, error = "failed", failure
            for name in (RESULT, RECEIPT, SPILL):
                (work.folder / name).unlink(missing_ok=True)
        except GaijiError as failure:
            state, error = "failed", failure
        except Exception:
            log.exception("job %s failed", work.id)
            state, error = "failed", _fault(work.id)
        finally:
            ended.set()
            renewing.join()
        self._end(work, state, error, digests)

    def _keep(self, work: Work) -> None:
        """Count what a job has written before it keeps it. Raises QuotaExceeded."""
        written = written_bytes(work.folder)
        with db.writing(self.engine) as session:
            beyond = quotas.hold(
                session, work.id, self.name, work.member, written, quota_of(self.settings)
            )
        if beyond:
            raise beyond

    def _end(
        self, work: Work, state: str, error: GaijiError | None, digests: Mapping[str, str]
    ) -> None:
        """Commit how a job ended, then delete what nobody needs any more."""
        files = measure(work.folder, digests)
        with db.writing(self.engine) as session:
            held = table.finish(
                session,
                work.id,
                self.name,
                state,
                files=files,
                keep_s=self.settings.job_retention_h * 3600,
                error=error,
            )
            cancelled = held is not None and held.state == "cancelled"
        if held is None:
            return
        log.info("job %s is %s", work.id, "cancelled" if cancelled else state)
        names, why = (FILES, "cancelled") if cancelled else ((UPLOAD,), "worked")
        with db.writing(self.engine) as session:
            job = table.find_job(session, work.id, None)
            delete_files(session, self.settings, SERVICE, job, why, names)

    def _renew(self, work: Work, ended: threading.Event) -> None:
        """Keep the lease while the work runs, and tell the work when it has to stop."""
        while not ended.wait(self.renew_s):
            if self.stopping.is_set():
                work.interrupt = work.interrupt or Stopping()
            try:
                written, quota = written_bytes(work.folder), quota_of(self.settings)
                with db.writing(self.engine, in_turn=False) as session:
                    cancelling = table.renew(
                        session, work.id, self.name, work.bytes_done, self.lease_s
                    )
                    beyond = quotas.hold(session, work.id, self.name, work.member, written, quota)
            except Exception as error:  # the lease outlives a database that is away for seconds
                log.warning("job %s: %s", work.id, error)
                continue
            if cancelling is None:
                work.interrupt = LeaseLost()
            elif cancelling:
                work.interrupt = Cancelled()
            elif beyond:
                work.interrupt = beyond


def _fault(id: str) -> GaijiError:
    return GaijiError(
        f"内部の誤りです。ジョブの番号 {id} を運用担当に知らせてください。",
        f"Something went wrong inside; tell the operators job id {id}.",
    )


@contextmanager
def working(settings: Settings, engine: Engine, workers: int) -> Iterator[None]:
    """Let workers and the sweep run in threads of this process while the block lasts."""
    team = [Worker(settings, engine) for _ in range(workers)]
    closing = threading.Event()
    threads = [threading.Thread(target=worker.run, daemon=True) for worker in team]
    threads.append(
        threading.Thread(target=_keep_sweeping, args=(settings, engine, closing), daemon=True)
    )
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        closing.set()
        for worker in team:
            worker.stop()
        for thread in threads:
            thread.join(timeout=30)


def _keep_sweeping(settings: Settings, engine: Engine, closing: threading.Event) -> None:
    while True:
        try:
            sweep(settings, engine)
        except Exception:  # the next minute may go better; nothing else depends on it
            log.exception("deleting old files of jobs failed")
        if closing.wait(SWEEP_S):
            return
