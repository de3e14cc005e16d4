"""Lists by business system over HTTP and as a page (業務システム別の一覧)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Annotated, Literal

from fastapi import Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from gaiji.errors import (
    BadMemberCode,
    BadName,
    InvalidRequest,
    UnknownCodeSet,
    UnknownMember,
    language,
)
from gaiji.registry import db, members
from gaiji.registry.lists import KEYS, Wanted, listed
from gaiji.report import lists
from gaiji.report.spreadsheets import ListFormat
from gaiji.web.collisions import Label, Names, Sets, best_release, counted_members, parts
from gaiji.web.pages import OrBlank, render
from gaiji.web.pictures import Day
from gaiji.web.problems import raises
from gaiji.web.routing import (
    RELEASES,
    CursorText,
    Limit,
    Reads,
    ReleaseName,
    link_next,
    public,
    read_cursor,
    router,
    shown_release,
    write_cursor,
)
from gaiji.wire.lists import COLUMNS, FILTERS, TAKES, ListShape, Status, TableName, Usage

ROWS = 50
SEPARATOR = " "
KINDS: dict[ListFormat, tuple[str, str]] = {
    "csv": ("text/csv; charset=utf-8", "csv"),
    "excel": ("text/csv; charset=utf-8", "csv"),
    "json": ("application/json", "json"),
}
LISTS = raises(*(BadMemberCode, BadName, InvalidRequest, UnknownCodeSet, UnknownMember, *RELEASES))

Table = Annotated[TableName, Path(description="which list", examples=["codes"])]

api = router("reports")
html = router("pages", prefix="")


def asked_list(
    request: Request,
    members: Names = None,
    codesets: Sets = None,
    system: Label = None,
    group: Label = None,
    status: Annotated[
        Status | Literal[""] | None, Query(description="fit, substitute or undecided")
    ] = None,
    usage: Annotated[
        Usage | Literal[""] | None,
        Query(description="used, unused or uncounted, where uses may be told"),
    ] = None,
    day: Annotated[Day, Query(description="of the adoptions; default: today")] = None,
) -> Wanted:
    """Return what a list is asked for; empty fields of a form ask for all."""
    return Wanted(
        members=parts(members),
        code_sets=parts(codesets),
        system=system or None,
        group=group or None,
        status=status or None,
        usage=usage or None,
        day=day,
        work=counted_members(request),
    )


Listed = Annotated[Wanted, Depends(asked_list)]


@api.get("/lists/{table}", responses=LISTS)
@public
def list_rows(
    request: Request,
    response: Response,
    session: Reads,
    table: Table,
    wanted: Listed,
    release: ReleaseName = "latest",
    cursor: CursorText = None,
    limit: Limit = 100,
) -> ListShape:
    """A list by business system (業務システム別の一覧), part by part: codes, characters, residuals, decisions …"""
    number = shown_release(request, session, release)
    page = listed_rows(session, table, wanted, number, cursor, limit)
    link_next(request, response, page.next)
    return page


def listed_rows(
    session: Session,
    table: TableName,
    wanted: Wanted,
    release: int | None,
    cursor: str | None,
    limit: int,
) -> ListShape:
    """Return a part of a list, its cursor bound to the release and the question."""
    scope, after = ["lists", table, _marked(wanted), release is None], None
    if cursor is not None:
        release, last = read_cursor(cursor, scope, release, SEPARATOR.join(KEYS[table]))
        after = tuple(last.split(SEPARATOR, len(KEYS[table]) - 1))
    rows = listed(session, table, wanted.of(release), after)
    found = list(islice(rows, limit + 1))
    more = found[limit - 1][0] if len(found) > limit else None
    return ListShape(
        table=table,
        columns=list(COLUMNS[table]),
        items=[row for _, row in found[:limit]],
        next=write_cursor(scope, release, SEPARATOR.join(more)) if more else None,
        release=release,
    )


def _marked(wanted: Wanted) -> list[object]:
    """Return what a cursor is bound to: whose work is told is sorted, as a set has no order."""
    own = vars(wanted) | {"work": None if wanted.work is None else sorted(wanted.work)}
    return [own[name] for name in sorted(own)]


@api.get(
    "/lists/{table}/file",
    response_class=Response,
    responses=LISTS
    | {
        200: {
            "description": "The whole list",
            "content": {kind: {} for kind, _ in sorted({*KINDS.values()})},
        }
    },
)
@public
def save_list(
    request: Request,
    session: Reads,
    table: Table,
    wanted: Listed,
    format: Annotated[
        ListFormat,
        Query(description="csv as it is, excel with its mark and no formula, or json"),
    ] = "excel",
    release: ReleaseName = "latest",
) -> StreamingResponse:
    """A whole list as a file (一覧のファイル): CSV, CSV that Excel opens safely, JSON; of any length."""
    number = shown_release(request, session, release)
    wanted = wanted.of(number)
    listed(session, table, wanted)  # what cannot be answered is said before the first byte
    spoken = language.get()

    def written() -> Iterator[bytes]:
        language.set(spoken)
        with db.reading(request.app.state.engine) as own:
            yield from lists.exported(own, table, wanted, format)

    kind, ending = KINDS[format]
    name = f"{table}-{'work' if number is None else f'r{number}'}.{ending}"
    headers = {
        "content-disposition": f'attachment; filename="{name}"',
        "cache-control": "private, no-cache",
    }
    return StreamingResponse(written(), media_type=kind, headers=headers)


@html.get("/lists", include_in_schema=False)
@public
def show_lists_page(
    request: Request,
    session: Reads,
    wanted: Listed,
    table: TableName = "codes",
    release: Annotated[ReleaseName | None, OrBlank] = None,
    cursor: CursorText = None,
) -> HTMLResponse:
    """The lists (業務システム別の一覧) with their filters, and the same list as a file."""
    named, number = best_release(request, session, release)
    takes = (*FILTERS, *TAKES[table])
    left = {name: None for name in ("status", "usage", "day") if name not in takes}
    wanted = replace(wanted, **left)  # type: ignore[arg-type]  # the form holds one field for all
    page = listed_rows(session, table, wanted, number, cursor, ROWS)
    columns = lists.NARROW[table]
    asked = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name in takes and name != "release" and value
    ]
    return render(
        request,
        "lists.html",
        table=table,
        tables=lists.TABLE_NAMES,
        columns=columns,
        takes=takes,
        names=lists.COLUMN_NAMES,
        rows=page.items,
        cell=lists.cell,
        wanted=wanted,
        statuses=lists.STATUS_NAMES,
        usages=lists.USAGE_NAMES,
        systems=sorted({one.system for one in members.code_sets(session)}),
        release=named,
        chosen=release,
        number=number,
        asked=asked,
        next=f"?{request.url.include_query_params(cursor=page.next).query}" if page.next else None,
    )
