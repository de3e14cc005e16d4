"""Plans for shared CS servers over HTTP, and their page (CSサーバー移行計画)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gaiji.charset.cutover import Plan
from gaiji.errors import (
    Forbidden,
    InvalidRequest,
    Unauthorized,
    UnknownCodeSet,
    UnknownPlan,
    UnknownSite,
)
from gaiji.registry import cutover, members
from gaiji.registry.members import split_address
from gaiji.report import cutover_tables
from gaiji.report.cutover_tables import Sees
from gaiji.web import pages
from gaiji.web.problems import raises
from gaiji.web.routing import (
    CursorText,
    Limit,
    Reads,
    link_next,
    public,
    read_cursor,
    router,
    sees_work,
    write_cursor,
)
from gaiji.wire.cutover import (
    AmbiguityKind,
    AmbiguityShape,
    Back,
    CutoverShape,
    PlanRowShape,
    PlanShape,
    RowKind,
)
from gaiji.wire.nouns import Page

ROWS = 100
PLACE = "[0-9]{1,9}"
FORM = "^[a-z][a-z0-9-]{0,19}$"

Item = TypeVar("Item", PlanRowShape, AmbiguityShape)
ServerName = Annotated[str, Path(pattern=FORM, description="a CS server", examples=["cs1"])]
Number = Annotated[
    int | None, Query(ge=1, le=999_999_999, description="number of the plan; the newest without it")
]
SetAddress = Annotated[
    str | None, Query(alias="codeset", max_length=30, description="one code set, 252069/juki")
]

api = router("cutovers")
html = router("pages", prefix="")
NO_PLAN = raises(UnknownSite, UnknownPlan, Unauthorized)
NO_ROWS = raises(UnknownSite, UnknownPlan, UnknownCodeSet, Unauthorized)


def _seeing(request: Request) -> Sees:
    """Return what tells whether this request sees what a member's own files say."""
    known: dict[str, bool] = {}

    def sees(member: str) -> bool:
        if member not in known:
            try:
                known[member] = sees_work(request, member)
            except Forbidden:
                known[member] = False
        return known[member]

    return sees


@api.get("/cutovers")
@public
def list_cutovers(session: Reads) -> Page[CutoverShape]:
    """The shared CS servers and how far the move to each is (移行状況の一覧)."""
    return Page(items=cutover_tables.server_shapes(session))


@api.get("/cutovers/{name}", responses=NO_PLAN)
@public
def show_cutover(
    request: Request, session: Reads, name: ServerName, plan: Number = None
) -> PlanShape:
    """A plan for a shared CS server (移行計画): sums, digests, open questions, the order of moving."""
    record = cutover.plan_record(session, name, plan)
    made = cutover.read_plan(session, record)
    return cutover_tables.plan_shape(session, made, sees=_seeing(request), record=record)


@api.get("/cutovers/{name}/rows", responses=NO_ROWS)
@public
def list_cutover_rows(
    request: Request,
    response: Response,
    session: Reads,
    name: ServerName,
    plan: Number = None,
    code_set: SetAddress = None,
    kind: RowKind | None = None,
    back: Back | None = None,
    changes: Annotated[
        bool, Query(description="only what is sent otherwise than today (needs a key)")
    ] = False,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[PlanRowShape]:
    """What becomes of every local code (移行計画の行), by code set and code."""
    sees = _seeing(request)
    made = cutover_tables.visible(cutover.find_plan(session, name, plan), sees)
    _check_set(made, code_set)
    found = [
        row
        for row in cutover_tables.chosen_rows(
            made.rows, codeset=code_set, kind=kind, back=back, changes=changes
        )
        if not changes or sees(split_address(row.code_set)[0])
    ]

    def shape(at: int) -> PlanRowShape:
        row = found[at]
        return cutover_tables.row_shape(row, seen=sees(split_address(row.code_set)[0]))

    part = [code_set, kind, back, changes]
    scope: list[object] = ["cutover", made.number, made.digest, len(made.rows), *part]
    return _page(request, response, made, scope, len(found), shape, cursor, limit)


@api.get("/cutovers/{name}/ambiguities", responses=NO_ROWS)
@public
def list_cutover_ambiguities(
    request: Request,
    response: Response,
    session: Reads,
    name: ServerName,
    plan: Number = None,
    code_set: SetAddress = None,
    kind: AmbiguityKind | None = None,
    is_open: Annotated[
        bool | None, Query(alias="open", description="only those without a rule, or with one")
    ] = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[AmbiguityShape]:
    """The characters whose way back needs a rule (戻りのあいまいな文字), with the rule where one was given."""
    made = cutover.find_plan(session, name, plan)
    _check_set(made, code_set)
    found = [
        one
        for one in made.ambiguities
        if code_set in (None, one.code_set)
        and kind in (None, one.kind)
        and is_open in (None, one.is_open)
    ]

    def shape(at: int) -> AmbiguityShape:
        return cutover_tables.ambiguity_shape(found[at])

    scope: list[object] = ["ambiguities", made.number, made.digest, code_set, kind, is_open]
    return _page(request, response, made, scope, len(found), shape, cursor, limit)


def _check_set(made: Plan, code_set: str | None) -> None:
    """Raise UnknownCodeSet for one that the plan does not hold: it has no rows, which is not the same as none found."""
    if code_set is not None and code_set not in made.code_sets:
        raise UnknownCodeSet(
            f"外字セット {code_set} は移行計画 {made.server}/{made.number} にありません。構成市を確かめてください。",
            f"Code set {code_set} is not in plan {made.server}/{made.number}; check the plan's members.",
        )


def _page(
    request: Request,
    response: Response,
    made: Plan,
    scope: list[object],
    count: int,
    shape: Callable[[int], Item],
    cursor: str | None,
    limit: int,
) -> Page[Item]:
    """Return a part of a plan's list: plans never change, so a place in it stays what it is."""
    first = 0
    if cursor is not None:
        _, last = read_cursor(cursor, scope, made.release, PLACE)
        first = int(last) + 1
    end = min(first + limit, count)
    following = write_cursor(scope, made.release, end - 1) if first < end < count else None
    link_next(request, response, following)
    return Page(items=[shape(at) for at in range(first, end)], next=following, release=made.release)


# --- pages


@html.get("/cutovers", include_in_schema=False)
@public
def show_cutovers_page(request: Request, session: Reads) -> HTMLResponse:
    """The shared CS servers (CSサーバー移行の一覧)."""
    return pages.render(
        request,
        "cutovers.html",
        servers=cutover_tables.server_shapes(session),
        names=_names(session),
    )


def _names(session: Session) -> dict[str, str]:
    return {one.code: one.name for one in members.all_members(session)}


@html.get("/cutovers/{name}", include_in_schema=False)
@public
def show_cutover_page(
    request: Request,
    session: Reads,
    name: ServerName,
    plan: Number = None,
    code_set: Annotated[SetAddress, pages.OrBlank] = None,
    kind: Annotated[RowKind | None, pages.OrBlank] = None,
    back: Annotated[Back | None, pages.OrBlank] = None,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """One plan (移行計画): its sums, the order of moving, and its rows page by page."""
    record = cutover.plan_record(session, name, plan)
    sees = _seeing(request)
    made = cutover_tables.visible(cutover.read_plan(session, record), sees)
    _check_set(made, code_set)
    found = list(cutover_tables.chosen_rows(made.rows, codeset=code_set, kind=kind, back=back))
    first = (page - 1) * ROWS
    if page > 1 and first >= len(found):
        raise InvalidRequest("この頁はありません。", "There is no such page.", parameter="page")

    def address(number: int) -> str:
        return f"?{request.url.include_query_params(page=str(number)).query}"

    return pages.render(
        request,
        "cutover.html",
        plan=cutover_tables.plan_shape(session, made, sees=sees, record=record),
        rows=[
            cutover_tables.row_shape(row, seen=sees(split_address(row.code_set)[0]))
            for row in found[first : first + ROWS]
        ],
        count=len(found),
        asked={"codeset": code_set or "", "kind": kind or "", "back": back or ""},
        addresses=[(address, address) for address in made.code_sets],
        names=_names(session),
        kinds=cutover_tables.KINDS,
        backs=cutover_tables.BACKS,
        reasons=cutover_tables.REASONS,
        ambiguities=cutover_tables.AMBIGUITIES,
        next=address(page + 1) if first + ROWS < len(found) else None,
        previous=address(page - 1) if page > 1 else None,
    )
