"""Releases, translation, FIT&GAP, blobs and the journal over HTTP (版・変換照会・適合率・履歴)."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    BadMemberCode,
    BadName,
    BadRange,
    CodeOutsideArea,
    FilesDeleted,
    KeyReused,
    Refused,
    UnknownBlob,
    UnknownCodeSet,
    UnknownMember,
    UnknownRelease,
    UnknownReleaseFile,
    UnmappedCode,
)
from gaiji.registry import journal, mapfiles, releases
from gaiji.registry.db import get_blob
from gaiji.registry.intake import CANONICAL
from gaiji.registry.jobs import Kept
from gaiji.registry.translation import translate
from gaiji.report import fitgap
from gaiji.web.downloads import send_file
from gaiji.web.members import MemberCode
from gaiji.web.pictures import Day
from gaiji.web.problems import raises
from gaiji.web.routing import (
    FOREVER,
    Acting,
    Configured,
    IdempotencyKey,
    Limit,
    Reads,
    Writes,
    needs,
    once,
    public,
    router,
    shown_release,
    shows_work,
)
from gaiji.wire.fitgap import Against, FitGapShape
from gaiji.wire.mapfiles import Format, ReleaseFilesShape
from gaiji.wire.nouns import (
    JournalEntryShape,
    Page,
    ReleaseShape,
    TranslationRequest,
    TranslationShape,
)
from gaiji.wire.service import DiffShape, HeadShape, PublishedShape

SERIALS = 2**31 - 1
REPORTS_KEPT = 16
FILE_KINDS: dict[Format, str] = {
    "gmap": "application/octet-stream",
    "ucm": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
    "hulft": "text/plain; charset=utf-8",
    "fujitsu": "text/plain; charset=utf-8",
}
Published = Annotated[
    str, Path(pattern=r"^(latest|[1-9][0-9]{0,8})$", description="number or latest", examples=["1"])
]
Number = Annotated[int, Path(ge=1, le=999_999_999)]
Notation = Annotated[
    str, Query(max_length=60, description="252069/juki, unicode, juki, x0213 or mj")
]

api = router("releases")
translation = router("translation")
reports = router("reports")
acts = router("journal")


# --- releases


@api.get("/releases")
@public
def list_releases(session: Reads) -> Page[ReleaseShape]:
    """All releases (版の一覧), the first one first."""
    found = [releases.shape(release) for release in releases.all_releases(session)]
    return Page(items=found, release=found[-1].number if found else None)


@api.get("/releases/{number}", responses=raises(UnknownRelease))
@public
def show_release(session: Reads, number: Published, response: Response) -> ReleaseShape:
    """One release (版) with its manifest: digests, editions, allocations."""
    if number != "latest":
        response.headers["cache-control"] = FOREVER
    return releases.shape(releases.find_release(session, number))


@api.get("/releases/{a}/diff/{b}", responses=raises(UnknownRelease))
@public
def diff_releases(session: Reads, a: Number, b: Number, response: Response) -> DiffShape:
    """What changed from one release to another (差分), by code set and code."""
    changes = releases.diff(session, a, b)
    response.headers["cache-control"] = FOREVER
    return DiffShape.model_validate(
        {
            "items": [
                {
                    "codeset": address,
                    "code": row["code"],
                    "valid_from": row["from"],
                    "before": row["before"],
                    "after": row["after"],
                }
                for address, rows in changes.items()
                for row in rows
            ],
            "release": b,
            "before": a,
            "unchanged": releases.unchanged(session, a, b),
        }
    )


@api.get("/releases/{number}/files", responses=raises(UnknownRelease))
@public
def list_files(session: Reads, settings: Configured, number: Published) -> ReleaseFilesShape:
    """The mapping files of a release (対応表ファイルの一覧), by name: one to `unicode` for each code set.

    A file is made when it is first asked for, as are other targets and formats; size and sha256 are null before.
    """
    release = releases.find_release(session, number)
    return mapfiles.file_list(session, settings, release)


@api.get(
    "/releases/{number}/files/{name}",
    response_class=Response,
    responses=raises(UnknownRelease, UnknownReleaseFile, BadRange, FilesDeleted)
    | {
        200: {
            "description": "The file",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in sorted({*FILE_KINDS.values()})
            },
        },
        206: {"description": "The part that Range asked for"},
    },
)
@public
def show_file(
    request: Request,
    session: Reads,
    settings: Configured,
    number: Published,
    name: Annotated[str, Path(max_length=200, examples=["252069-juki.unicode.r1.gmap"])],
) -> Response:
    """A mapping file of a release (対応表ファイル), or its rows in another form; its ETag is its sha256."""
    release = releases.find_release(session, number)
    path, shape = mapfiles.find_file(session, settings, release, name)
    return send_file(
        request,
        path,
        Kept(shape.bytes or 0, shape.sha256 or ""),
        FILE_KINDS[shape.format],
        name=shape.name,
        cache=FOREVER,
    )


@api.post(
    "/releases",
    status_code=201,
    response_model=PublishedShape,
    responses=raises(Refused, KeyReused)
    | {200: {"model": PublishedShape, "description": "Nothing had changed; nothing published"}},
)
@needs("publish")
def publish_release(
    session: Writes, actor: Acting, idempotency_key: IdempotencyKey = None
) -> Response:
    """Publish everything decided as the next release (公布); without a change nothing is published."""

    def make() -> tuple[int, PublishedShape]:
        done = releases.publish(session, actor)
        latest = done or releases.find_release(session, "latest")
        shape = PublishedShape(published=done is not None, release=releases.shape(latest))
        return (201 if done else 200), shape

    return once(session, actor, idempotency_key, ["publish"], make)


# --- translation

TRANSLATES = raises(
    *(BadMemberCode, BadName, CodeOutsideArea, UnknownCodeSet, UnknownMember, UnknownRelease)
)


@translation.get("/translate", responses=TRANSLATES)
@public
def translate_code(
    session: Reads,
    from_: Annotated[Notation, Query(alias="from", examples=["252069/juki"])],
    to: Annotated[Notation, Query(examples=["juki"])],
    code: Annotated[str, Query(max_length=60, examples=["F040"])],
    release: Annotated[str, Query(pattern=r"^(latest|[1-9][0-9]{0,8})$")] = "latest",
    as_of: Day = None,
) -> TranslationShape:
    """What one code is in another notation (変換照会): all matches, the strongest first."""
    return translate(session, from_, to, [code], release, as_of)


@translation.post("/translate", responses=TRANSLATES | raises(UnmappedCode))
@public
def translate_codes(session: Reads, body: TranslationRequest) -> TranslationShape:
    """What up to 10,000 codes are in another notation (変換照会), in the order asked."""
    return translate(
        session,
        body.from_,
        body.to,
        body.codes,
        body.release,
        body.as_of,
        on_unmapped=body.on_unmapped,
    )


# --- FIT&GAP


@reports.get(
    "/members/{member}/fitgap",
    responses=raises(BadMemberCode, UnknownMember, UnknownRelease, Refused),
)
@shows_work(of="member")
def show_fitgap(
    request: Request,
    session: Reads,
    member: MemberCode,
    against: Annotated[Against, Query(description="MJ, GJ (MJ+) or table")] = "MJ",
    release: Annotated[
        str | None,
        Query(
            pattern=r"^(latest|[1-9][0-9]{0,8})$",
            description="what a release published; left out: everything decided by now",
        ),
    ] = None,
) -> FitGapShape:
    """FIT&GAP of a member, or of a candidate before it joins (適合・不適合)."""
    number = shown_release(request, session, release) if release else None
    return measured(request, session, member, against, number).shape()


def measured(
    request: Request, session: Session, member: str, against: Against, release: int | None = None
) -> fitgap.FitGap:
    """Return FIT&GAP, measured once for each state of the journal (測定の控え)."""
    last = journal.last_entry(session)
    key = (last.serial if last else 0, member, against, release)
    kept: dict[object, fitgap.FitGap] = request.app.state.fitgaps
    report = kept.get(key)
    if report is None:
        report = fitgap.measure(session, member, against=against, release=release)
        while len(kept) >= REPORTS_KEPT:
            kept.pop(next(iter(kept), None), None)
        kept[key] = report
    return report


# --- blobs and the journal


@acts.get(
    "/blobs/{sha256}",
    response_class=Response,
    responses=raises(UnknownBlob)
    | {
        200: {
            "description": "The file",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}}
                for kind in (CANONICAL, journal.ROWS, "application/octet-stream")
            },
        }
    },
)
@needs("read")
def show_blob(session: Reads, sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]) -> Response:
    """A kept file by its digest: glyph, font, table, rows of an act (保管ファイル)."""
    data, media_type = get_blob(session, sha256)
    headers = {
        "cache-control": FOREVER.replace("public", "private"),
        "content-disposition": f'attachment; filename="{sha256}"',
    }
    return Response(data, media_type=media_type, headers=headers)


@acts.get("/journal")
@needs("read")
def list_journal(
    request: Request,
    response: Response,
    session: Reads,
    after: Annotated[
        int, Query(ge=0, le=SERIALS, description="entries that follow this serial")
    ] = 0,
    limit: Limit = 100,
) -> Page[JournalEntryShape]:
    """The acts that follow a serial (履歴), in the order of commits; `next` is the next `after`."""
    found = [json.loads(entry.body) for entry in journal.entries(session, after, limit)]
    page = Page[JournalEntryShape](items=[JournalEntryShape(**entry) for entry in found])
    if len(found) == limit:
        page.next = str(found[-1]["serial"])
        url = request.url.include_query_params(after=page.next)
        response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'
    return page


@acts.get("/journal/head")
@public
def show_journal_head(session: Reads) -> HeadShape:
    """The end of the journal (履歴の末尾): its serial, and the latest release."""
    last = journal.last_entry(session)
    return HeadShape(
        serial=last.serial if last else 0,
        at=last.at if last else None,
        release=releases.latest_number(session) or None,
    )
