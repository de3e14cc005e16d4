"""Conversions of whole files, and the jobs they are, over HTTP (ファイル変換とジョブ).

A file comes in as the bare body, however large, and goes to the disk in pieces; options are parameters of the
address. Nothing here tells a job's id from one that does not exist to a key of another member.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import anyio
from fastapi import Header, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from gaiji import jobfiles, jobs
from gaiji.charset.resolve import Options
from gaiji.errors import (
    BadLayout,
    BadMemberCode,
    BadName,
    BadRange,
    Busy,
    DiskFull,
    FilesDeleted,
    GaijiError,
    InvalidRequest,
    KeyReused,
    NoSuchResult,
    QuotaExceeded,
    UnknownCodeSet,
    UnknownJob,
    UnknownMember,
    UnknownRelease,
    UnsupportedConversion,
)
from gaiji.registry import conversions, db, members
from gaiji.registry import jobs as table
from gaiji.registry.db import Engine, Session
from gaiji.registry.jobs import Kept
from gaiji.registry.principals import Caller
from gaiji.registry.quotas import Arrivals, check_quota
from gaiji.registry.tables import Json
from gaiji.settings import Settings
from gaiji.web.downloads import send_file
from gaiji.web.problems import raises
from gaiji.web.routing import (
    STREAM,
    Called,
    Configured,
    CursorText,
    IdempotencyKey,
    Limit,
    Reads,
    Writes,
    link_next,
    needs_for_some,
    once,
    read_cursor,
    router,
    write_cursor,
)
from gaiji.wire.jobs import ENDED, JobShape
from gaiji.wire.nouns import Page

PIECE = 1 << 20
STREAMS = 64
FOLLOW_S = 600.0
LOOK_S = 0.5
SILENCE_S = 15.0
LAYOUT_MOST = 8000
"""Characters of a layout, which stands in the address like every option."""
BODY = {
    "requestBody": {
        "required": True,
        "description": "the file's bytes, of any size up to GAIJI_JOB_MAX_BYTES",
        "content": {STREAM: {"schema": {"type": "string", "format": "binary"}}},
    }
}
REFUSED = (
    *(BadMemberCode, UnknownMember, BadName, UnknownCodeSet, UnknownRelease),
    *(UnsupportedConversion, KeyReused, QuotaExceeded, BadLayout),
)
EVENTS = "text/event-stream"
LINES = "application/x-ndjson"
ORDER = r"[0-9TZ:.-]{27}~[0-9a-f]{32}"

api = router("jobs")
JobId = Annotated[str, Path(description="id of a job", examples=["0f" * 16])]
End = Annotated[str, Query(max_length=60, description="252069/juki, or a target such as unicode")]


# --- putting in


@api.post(
    "/conversions",
    status_code=202,
    response_model=JobShape,
    responses=raises(*REFUSED),
    openapi_extra=BODY,
)
@needs_for_some("convert")
async def start_conversion(
    request: Request,
    settings: Configured,
    caller: Called,
    from_: Annotated[End, Query(alias="from")],
    to: End,
    release: Annotated[
        str | None,
        Query(
            pattern=r"^(latest|adopted|[1-9][0-9]{0,8})$",
            description="number, latest, or adopted: what both cities run; the default from city to city",
        ),
    ] = None,
    cutover: Annotated[
        str | None,
        Query(
            pattern=r"^[a-z][a-z0-9-]{0,19}(/[1-9][0-9]{0,5})?$",
            description="plan of a shared CS server, with juki: cs1 or cs1/2",
        ),
    ] = None,
    as_of: Annotated[date | None, Query(description="day the file was written")] = None,
    on_unmapped: Literal["error", "geta", "keep", "escape"] = "error",
    malformed: Literal["error", "escape"] = "error",
    max_loss: Annotated[int, Query(ge=0, le=2**53, description="losses allowed")] = 0,
    ivs: Literal["auto", "always"] = "auto",
    mj_format: Annotated[str, Query(max_length=100, description="how names are separated")] = " ",
    keep: Annotated[
        Literal["0208", "0213"], Query(description="what pua leaves as it is")
    ] = "0208",
    receipt: Annotated[bool, Query(description="make what restore needs")] = False,
    dry_run: Annotated[bool, Query(description="count everything, make no result")] = False,
    layout: Annotated[
        str | None,
        Query(max_length=LAYOUT_MOST, description="of the records: TOML, or a shipped name"),
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Convert a file as a job (ファイル変換): the body is the file, the answer its job.

    The job belongs to the member of the code set it converts from, or else to: its key is needed.
    """
    options = Options(
        on_unmapped=on_unmapped,
        malformed=malformed,
        max_loss=max_loss,
        dry_run=dry_run,
        digests=True,
        ivs=ivs,
        mj_format=mj_format,
        as_of=as_of,
        keep=keep,
    )
    asked = {"from": from_, "to": to, "release": release, "receipt": receipt, **options.as_dict()}
    asked |= {"cutover": cutover} if cutover is not None else {}
    asked |= {"layout": layout} if layout is not None else {}
    id = table.new_id()
    room = _Room(request.app.state, settings, id)
    is_kept, upload = False, None
    try:
        member, parameters = await run_in_threadpool(
            _prepare, request, settings, caller, asked, room
        )
        upload = await run_in_threadpool(jobfiles.Upload, settings, member, id)
        await _receive(request, upload, room)
        kept = await run_in_threadpool(upload.finish)
        new = _New(id, member, parameters, [asked, *kept], kept)
        answer, is_kept = await run_in_threadpool(
            _put_in, request, settings, caller, idempotency_key, new
        )
    finally:
        with anyio.CancelScope(shield=True):
            if upload and not is_kept:
                await run_in_threadpool(upload.drop)
            await run_in_threadpool(room.give_back)
    return answer


class _Room:
    """Room for one upload within its member's quota: taken before bytes come in, given back at the end."""

    def __init__(self, state: Any, settings: Settings, id: str) -> None:
        self.arrivals: Arrivals = state.arrivals
        self.engine, self.quota, self.id = state.engine, jobfiles.quota_of(settings), id
        self.member, self.bytes = "", -1

    def take(self, session: Session, member: str, size: int) -> None:
        """Take room for so many bytes in all. Raises QuotaExceeded, TooLarge."""
        self.arrivals.take(session, member, self.id, size, self.quota)
        self.member, self.bytes = member, size

    def widen(self, size: int) -> None:
        """Take more room where more bytes come than were said. Raises QuotaExceeded, TooLarge."""
        if size > self.bytes:
            with db.reading(self.engine) as session:
                self.take(session, self.member, size)

    def give_back(self) -> None:
        """End the promise: the upload is a job by now, or gone."""
        self.arrivals.give_back(self.member, self.id)


@dataclass(frozen=True)
class _New:
    """A job to put in; asked: what the request says, before `latest` became a number."""

    id: str
    member: str
    parameters: Json
    asked: list[Any]
    kept: Kept


def _prepare(
    request: Request, settings: Settings, caller: Caller, asked: Json, room: _Room
) -> tuple[str, Json]:
    """Check all that can be checked before the file comes in, and take room for it; return member and parameters.

    Releases and the plan become the numbers they are now, so that a second attempt of the job uses the same.
    """
    sets = [end for end in (asked["from"], asked["to"]) if "/" in end]
    if not sets:
        raise UnsupportedConversion(
            "from か to の少なくとも一方は外字セット (252069/juki) にしてください。",
            "At least one of from and to must be a code set such as 252069/juki.",
        )
    with db.reading(request.app.state.engine) as session:
        member = members.find_code_set(session, sets[0]).member
        caller.check("convert", member)
        options = jobs.options_of(asked)
        plan = asked.get("cutover")
        pinned = conversions.pin(
            session, asked["from"], asked["to"], asked["release"], options, plan
        )
        numbers = {"release": pinned.release, "to_release": pinned.to_release, "plan": pinned.plan}
        parameters = asked | {name: one for name, one in numbers.items() if one is not None}
        if pinned.findings:
            parameters["findings"] = [one.stored() for one in pinned.findings]
        jobs.conversion_of(session, parameters)
        jobs.layout_of(parameters)
        length = int(request.headers.get("content-length", "0") or "0")
        room.take(session, member, length)
    settings.home.mkdir(parents=True, exist_ok=True)
    if length > shutil.disk_usage(settings.home).free:
        raise DiskFull(
            "ファイルを受け取る空きがディスクにありません。運用担当に知らせてください。",
            "The disk has no room for the file; tell the operators.",
        )
    return member, parameters


async def _receive(request: Request, upload: jobfiles.Upload, room: _Room) -> None:
    """Write the body to the disk, a piece at a time: memory holds one piece, whatever comes."""

    def write(data: bytes) -> None:
        room.widen(upload.bytes + len(data))
        upload.write(data)

    piece = bytearray()
    try:
        async for data in request.stream():
            piece += data
            if len(piece) >= PIECE:
                await run_in_threadpool(write, bytes(piece))
                piece.clear()
    except ClientDisconnect as error:
        raise InvalidRequest(
            "ファイルの途中で接続が切れました。もう一度送ってください。",
            "The connection ended in the middle of the file; send it again.",
        ) from error
    await run_in_threadpool(write, bytes(piece))


def _put_in(
    request: Request, settings: Settings, caller: Caller, key: str | None, new: _New
) -> tuple[Response, bool]:
    """Commit the job; tell whether it is this upload's, or one that the key was used for before."""
    made = []

    with db.writing(request.app.state.engine) as session:

        def make() -> tuple[int, JobShape]:
            check_quota(session, new.member, new.kept.bytes, jobfiles.quota_of(settings))
            job = table.add(
                session,
                caller.actor,
                id=new.id,
                kind="conversion",
                member=new.member,
                parameters=new.parameters,
                upload=new.kept,
                keep_s=settings.job_retention_h * 3600,
            )
            made.append(job)
            return 202, table.show(job)

        answer = once(session, caller.actor, key, ["conversion", *new.asked], make)
    answer.headers["location"] = json.loads(bytes(answer.body))["links"]["self"]
    return answer, bool(made)


def gauges(engine: Engine) -> str:
    """Return how many jobs there are in each state, in Prometheus' text format; nothing while the database is away."""
    try:
        with db.reading(engine) as session:
            counts = table.counted(session)
    except GaijiError:
        return ""
    lines = [
        "# HELP gaiji_jobs Jobs by state: queued ones wait; what ended is forgotten a month after its files.",
        "# TYPE gaiji_jobs gauge",
        *(f'gaiji_jobs{{state="{state}"}} {count}' for state, count in counts.items()),
    ]
    return "\n".join(lines) + "\n"


# --- looking


NO_JOB = raises(UnknownJob)
NO_FILE = raises(UnknownJob, NoSuchResult, FilesDeleted, BadRange) | {
    206: {"description": "The part that Range asked for"}
}


@api.get("/jobs")
@needs_for_some("convert")
def list_jobs(
    request: Request,
    response: Response,
    session: Reads,
    caller: Called,
    limit: Limit = 100,
    cursor: CursorText = None,
) -> Page[JobShape]:
    """The jobs of the key's members (ジョブの一覧), the newest first."""
    scope = ["jobs", sorted(caller.members) if caller.members is not None else None]
    before = read_cursor(cursor, scope, None, ORDER)[1] if cursor else None
    found = table.newest(session, limit + 1, caller.members, before)
    page = found[:limit]
    next = write_cursor(scope, None, table.order_of(page[-1])) if len(found) > limit else None
    link_next(request, response, next)
    return Page(items=[table.show(job) for job in page], next=next)


@api.get("/jobs/{id}", responses=NO_JOB)
@needs_for_some("convert")
def show_job(session: Reads, caller: Called, id: JobId) -> JobShape:
    """How far a job is (ジョブの状態), what it keeps, and the problem it failed with."""
    return table.show(table.find_job(session, id, caller.members))


@api.delete(
    "/jobs/{id}",
    responses=NO_JOB
    | {202: {"model": JobShape, "description": "A worker stops it within seconds"}},
)
@needs_for_some("convert")
def remove_job(
    response: Response, session: Writes, settings: Configured, caller: Called, id: JobId
) -> JobShape:
    """Cancel a job, or delete the files of one that has ended (取消・削除); the deletion is recorded."""
    job = table.find_job(session, id, caller.members)
    if not jobfiles.remove(session, settings, caller.actor, job):
        response.status_code = 202
    return table.show(job)


def _file(
    request: Request, settings: Settings, caller: Caller, id: str, name: str, media_type: str
) -> Response:
    with db.reading(request.app.state.engine) as session:
        job = table.find_job(session, id, caller.members)
        kept = table.file_of(job, name)
        path = jobfiles.folder_of(settings, job.member, job.id) / name
    return send_file(request, path, kept, media_type)


def _media(kind: str) -> dict[int | str, dict[str, Any]]:
    content = {kind: {"schema": {"type": "string", "format": "binary"}}}
    return NO_FILE | {200: {"content": content, "description": "The file"}}


@api.get("/jobs/{id}/result", response_class=Response, responses=_media(STREAM))
@needs_for_some("convert")
def fetch_result(request: Request, settings: Configured, caller: Called, id: JobId) -> Response:
    """The converted file (変換結果), whole or a part of it; its ETag is its sha256."""
    return _file(request, settings, caller, id, jobfiles.RESULT, STREAM)


@api.get("/jobs/{id}/receipt", response_class=Response, responses=_media(STREAM))
@needs_for_some("convert")
def fetch_receipt(request: Request, settings: Configured, caller: Called, id: JobId) -> Response:
    """What restore needs beside the result (縮退の控え)."""
    return _file(request, settings, caller, id, jobfiles.RECEIPT, STREAM)


@api.get("/jobs/{id}/spill", response_class=Response, responses=_media(LINES))
@needs_for_some("convert")
def fetch_spill(request: Request, settings: Configured, caller: Called, id: JobId) -> Response:
    """The whole of every value that spilled by the layout (あふれた値): lines of JSON in the order of the file."""
    return _file(request, settings, caller, id, jobfiles.SPILL, LINES)


@api.get("/jobs/{id}/report", response_class=Response, responses=_media("application/json"))
@needs_for_some("convert")
def fetch_report(request: Request, settings: Configured, caller: Called, id: JobId) -> Response:
    """What was converted, given up and could not be mapped, with places (変換報告)."""
    return _file(request, settings, caller, id, jobfiles.REPORT, "application/json")


# --- following


@api.get(
    "/jobs/{id}/events",
    response_class=Response,
    responses=NO_JOB
    | {
        200: {
            "content": {EVENTS: {"schema": {"type": "string"}}},
            "description": "Events named after the state, each with the job as data",
        },
        204: {"description": "The job has ended, and Last-Event-ID says the caller knows"},
    },
)
@needs_for_some("convert")
async def follow_job(
    request: Request,
    caller: Called,
    id: JobId,
    last_event_id: Annotated[str | None, Header(max_length=20)] = None,
) -> Response:
    """A job's progress as server-sent events until it ends (進み具合の通知).

    After ten minutes the answer ends all the same; a browser goes on by itself with Last-Event-ID.
    """
    known = int(last_event_id) if last_event_id and last_event_id.isdecimal() else 0
    state = request.app.state
    version, job = await run_in_threadpool(_look, request, caller, id)
    if job.state in ENDED and known >= version:
        return Response(status_code=204)
    if state.followers >= STREAMS:
        raise Busy(
            "進み具合の通知が混み合っています。GET /v1/jobs/… で尋ねるか、少し待ってください。",
            "Too many follow jobs at once; ask GET /v1/jobs/… instead, or wait a moment.",
        )
    headers = {"cache-control": "private, no-store", "x-accel-buffering": "no"}
    return StreamingResponse(_events(request, caller, id, known), 200, headers, EVENTS)


def _look(request: Request, caller: Caller, id: str) -> tuple[int, JobShape]:
    """Return a job with the number of its last change."""
    with db.reading(request.app.state.engine) as session:
        job = table.find_job(session, id, caller.members)
        return job.version, table.show(job)


async def _events(request: Request, caller: Caller, id: str, known: int) -> AsyncIterator[str]:
    begun = said = time.monotonic()
    state = request.app.state
    state.followers += 1
    try:
        yield "retry: 2000\n\n"
        while time.monotonic() - begun < FOLLOW_S:
            try:
                version, job = await run_in_threadpool(_look, request, caller, id)
            except UnknownJob:
                return
            except GaijiError:  # the database is away for a moment: the caller need not know
                await asyncio.sleep(LOOK_S)
                continue
            if version > known:
                known, said = version, time.monotonic()
                yield f"id: {known}\nevent: {job.state}\ndata: {job.model_dump_json()}\n\n"
            if job.state in ENDED:
                return
            if time.monotonic() - said > SILENCE_S:
                said = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK_S)
    finally:
        state.followers -= 1
