"""Where each city stands over HTTP, and its page (適用状況): sites, what they run, whom a change touches."""

from __future__ import annotations

from datetime import date as Date
from typing import Annotated, TypeVar

from fastapi import Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gaiji.errors import (
    AlreadyRegistered,
    BadMemberCode,
    BadName,
    InvalidRequest,
    KeyReused,
    NotFound,
    Refused,
    UnknownCodeSet,
    UnknownMember,
    UnknownRelease,
    UnknownSite,
)
from gaiji.registry import adoption, members, releases
from gaiji.registry.db import today
from gaiji.web import pages
from gaiji.web.problems import raises
from gaiji.web.routing import (
    Acting,
    CursorText,
    IdempotencyKey,
    Limit,
    Reads,
    Writes,
    link_next,
    needs,
    once,
    public,
    read_cursor,
    router,
    write_cursor,
)
from gaiji.wire.adoption import (
    AdoptionRequest,
    AdoptionShape,
    SiteRequest,
    SiteShape,
    TouchedShape,
    WithdrawalRequest,
)
from gaiji.wire.nouns import Page

ROWS = 200
SITE = r"(member|system|server|terminals|print):[^\x00-\x1f\x7f]{1,120}"

Shown = TypeVar("Shown", AdoptionShape, TouchedShape)
Day = Annotated[Date | None, Query(description="as of this day; today where none is given")]
OfMember = Annotated[str | None, Query(description="only what concerns one member", max_length=6)]

api = router("adoptions")
html = router("pages", prefix="")


@api.get("/sites")
@public
def list_sites(session: Reads) -> Page[SiteShape]:
    """The registered sites (適用先の一覧), by kind and name."""
    return Page(items=adoption.site_shapes(session))


@api.post(
    "/sites",
    status_code=201,
    response_model=SiteShape,
    responses=raises(
        AlreadyRegistered, BadName, BadMemberCode, UnknownMember, UnknownCodeSet, KeyReused
    ),
)
@needs("adopt")
def add_site(
    session: Writes, actor: Acting, body: SiteRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Register a CS server, a terminal group or a print job (適用先の登録)."""

    def make() -> tuple[int, SiteShape]:
        options = {"area": body.area} if body.area else None
        made = adoption.add_site(
            session, actor, body.site, code_sets=body.codesets, options=options
        )
        shape = next(one for one in adoption.site_shapes(session) if one.site == made.address)
        return 201, shape

    return once(session, actor, idempotency_key, ["site", body.model_dump(mode="json")], make)


@api.get("/adoptions", responses=raises(BadMemberCode, UnknownMember))
@public
def list_adoptions(
    request: Request,
    response: Response,
    session: Reads,
    day: Day = None,
    member: OfMember = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[AdoptionShape]:
    """What every site runs on a day (適用状況): members and systems, then terminals, servers, print jobs."""
    when = day or today()
    found = adoption.standing(session, when, member)
    scope: list[object] = ["adoptions", when.isoformat(), member]
    return _page(request, response, session, found, scope, cursor, limit)


@api.post(
    "/adoptions",
    status_code=201,
    response_model=AdoptionShape,
    responses=raises(
        *(BadName, BadMemberCode, UnknownMember, UnknownCodeSet, UnknownSite, UnknownRelease),
        *(KeyReused, Refused),
    ),
)
@needs("adopt")
def record_adoption(
    session: Writes, actor: Acting, body: AdoptionRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Record from which day a site runs which release (適用の記録); one for the same day is replaced."""

    def make() -> tuple[int, AdoptionShape]:
        adoption.adopt(
            session,
            actor,
            body.site,
            body.release,
            body.from_,
            font=body.font,
            ground=body.ground or None,
        )
        return 201, adoption.standing_of(session, body.site, body.from_)

    return once(session, actor, idempotency_key, ["adopt", body.model_dump(mode="json")], make)


@api.post(
    "/adoptions/withdraw",
    response_model=AdoptionShape,
    responses=raises(BadName, NotFound, UnknownSite, KeyReused),
)
@needs("adopt")
def withdraw_adoption(
    session: Writes, actor: Acting, body: WithdrawalRequest, idempotency_key: IdempotencyKey = None
) -> Response:
    """Take back what was recorded of a site from a day (適用の取消); the answer is what it runs then."""

    def make() -> tuple[int, AdoptionShape]:
        adoption.withdraw(session, actor, body.site, body.from_, ground=body.ground)
        return 200, adoption.standing_of(session, body.site, body.from_)

    return once(session, actor, idempotency_key, ["withdraw", body.model_dump(mode="json")], make)


@api.get("/adoptions/touched", responses=raises(UnknownRelease))
@public
def list_touched(
    request: Request,
    response: Response,
    session: Reads,
    before: Annotated[int, Query(ge=1, le=999_999_999, description="release that sites run")],
    after: Annotated[int, Query(ge=1, le=999_999_999, description="release they would run")],
    day: Day = None,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[TouchedShape]:
    """The sites that a change from one release to another would touch (影響を受ける適用先)."""
    when = day or today()
    found = adoption.touched(session, before, after, when)
    scope = ["touched", when.isoformat(), before, after]
    return _page(request, response, session, found, scope, cursor, limit)


def _page(
    request: Request,
    response: Response,
    session: Session,
    found: list[Shown],
    scope: list[object],
    cursor: str | None,
    limit: int,
) -> Page[Shown]:
    latest = releases.latest_number(session)
    first = 0
    if cursor is not None:
        _, last = read_cursor(cursor, scope, latest, SITE)
        first = next((at + 1 for at, one in enumerate(found) if one.site == last), len(found))
    shown = found[first : first + limit]
    more = first + limit < len(found)
    following = write_cursor(scope, latest, shown[-1].site) if more and shown else None
    link_next(request, response, following)
    return Page(items=shown, next=following, release=latest or None)


@html.get("/adoptions", include_in_schema=False)
@public
def show_adoptions_page(
    request: Request,
    session: Reads,
    day: Annotated[Day, pages.OrBlank] = None,
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """Where each city stands (適用状況): the table of sites and the releases they run."""
    when, first = day or today(), (page - 1) * ROWS
    found = adoption.standing(session, when)
    shown = found[first : first + ROWS]
    if page > 1 and not shown:
        raise InvalidRequest("この頁はありません。", "There is no such page.", parameter="page")

    def address(number: int) -> str:
        return f"?{request.url.include_query_params(page=str(number)).query}"

    return pages.render(
        request,
        "adoptions.html",
        day=when,
        rows=shown,
        names={one.code: one.name for one in members.all_members(session)},
        latest=releases.latest_number(session),
        untold=sum(one.release is None for one in found),
        behind=sum(one.behind for one in found),
        next=address(page + 1) if first + ROWS < len(found) else None,
        previous=address(page - 1) if page > 1 else None,
    )
