"""The collision wall over HTTP and as a page (衝突の壁): collisions, their codes, the matrix with glyphs drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gaiji.errors import (
    BadInput,
    BadMemberCode,
    BadName,
    Forbidden,
    InvalidRequest,
    Unauthorized,
    UnknownCharacter,
    UnknownCodeSet,
    UnknownMember,
)
from gaiji.registry import journal, members
from gaiji.registry.listing import check_named, chosen_sets, last_change, used_rows
from gaiji.registry.releases import find_release
from gaiji.registry.tables import CodeSet
from gaiji.report import collision_tables as tables
from gaiji.report.collision_tables import KIND_NAMES, Shown
from gaiji.report.collisions import COLUMNS_OF_A_PAGE, KINDS, Filters, Kind, Wall, wall
from gaiji.web.pages import OrBlank, render
from gaiji.web.pictures import Day
from gaiji.web.problems import raises
from gaiji.web.routing import (
    RELEASES,
    CursorText,
    Limit,
    Reads,
    ReleaseName,
    authenticate,
    link_next,
    public,
    read_cursor,
    router,
    sees_work,
    shown_release,
    write_cursor,
)
from gaiji.web.walls import Walls
from gaiji.wire.collisions import CollisionsShape, MatrixShape, UsedShape
from gaiji.wire.nouns import Page

SLOTS = 50
PLACE = r"(?:0|[1-9][0-9]{0,8})"

Names = Annotated[
    str | None, Query(max_length=4000, description="comma-separated", examples=["252069,252085"])
]
Sets = Annotated[
    str | None, Query(max_length=8000, description="comma-separated", examples=["252069/juki"])
]
Label = Annotated[str | None, Query(max_length=100)]

api = router("reports")
html = router("pages", prefix="")


# --- what is asked


@dataclass(frozen=True)
class Choice:
    """Which code sets a wall is of, and what a slot is (対象の選び方)."""

    members: tuple[str, ...]
    code_sets: tuple[str, ...]
    system: str | None
    group: str | None
    by: Literal["image", "code"]
    as_of: date | None


def asked_choice(
    members: Names = None,
    codesets: Sets = None,
    system: Label = None,
    group: Label = None,
    by: Annotated[
        Literal["image", "code"],
        Query(description="a slot is the private-use image of a code, or its charset and bytes"),
    ] = "image",
    as_of: Day = None,
) -> Choice:
    """Return which code sets are asked for; empty fields of a form ask for all."""
    return Choice(parts(members), parts(codesets), system or None, group or None, by, as_of)


def parts(text: str | None) -> tuple[str, ...]:
    """Return what a comma-separated parameter names."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())


def asked_filters(
    session: Reads,
    used: Annotated[bool, Query(description="only what stands in counted files")] = False,
    touching: Annotated[
        str | None, Query(max_length=20, description="only where this member takes part")
    ] = None,
    slot: Annotated[str | None, Query(max_length=60, examples=["U+E000"])] = None,
    character: Annotated[str | None, Query(max_length=20, examples=["MJ026190"])] = None,
    glyph: Annotated[str | None, Query(max_length=64, description="sha256 of a glyph")] = None,
) -> Filters:
    """Return which collisions are asked for; empty fields of a form ask for all.

    Raises BadMemberCode, UnknownMember, UnknownCharacter, and InvalidRequest for a glyph that is no sha256.
    """
    said = [(value or "").strip() or None for value in (touching, slot, character, glyph)]
    filters = Filters(used, *said)
    check_named(session, filters.touching, filters.character)
    if filters.glyph is not None and not re.fullmatch("[0-9A-Fa-f]{64}", filters.glyph):
        raise InvalidRequest(
            "字形は sha256 の16進64桁で指定してください。",
            "Name a glyph by the 64 hexadecimal digits of its sha256.",
            parameter="glyph",
        )
    return filters


Chosen = Annotated[Choice, Depends(asked_choice)]
Filtered = Annotated[Filters, Depends(asked_filters)]
WALLS = raises(
    *(BadInput, BadMemberCode, BadName, InvalidRequest),
    *(UnknownCharacter, UnknownCodeSet, UnknownMember, *RELEASES),
)


def built(request: Request, session: Session, choice: Choice, release: int | None) -> Shown:
    """Return the wall of a choice, built once for each state of the journal (衝突の壁の控え).

    Days between which no meaning begins or ends share one. Uses are told of the members alone whose state of work this
    request may see. Raises Busy.
    """
    sets = _sets(session, choice, release)
    may = counted_members(request)
    last = journal.last_entry(session)
    addresses = tuple(one.address for one in sets)
    day = choice.as_of and last_change(session, choice.as_of)
    key = (last.serial if last else 0, release, day, choice.by, addresses, may)
    walls: Walls = request.app.state.walls
    found = walls.get(
        key, lambda: wall(used_rows(session, sets, release, day, counted=may), by=choice.by)
    )
    return Shown(found, release, choice.as_of)


def _sets(session: Session, choice: Choice, release: int | None) -> list[CodeSet]:
    if release == 0:
        return []
    return chosen_sets(
        session,
        None if release is None else find_release(session, release),
        members=choice.members,
        code_sets=choice.code_sets,
        system=choice.system,
        group=choice.group,
    )


def counted_members(request: Request) -> frozenset[str] | None:
    """Return the members whose uses may be told: None for all. Raises Unauthorized, Forbidden."""
    if "authorization" in request.headers:
        caller = authenticate(request)
        caller.check_role("read")
        return caller.members
    return None if sees_work(request, "") else frozenset()


# --- REST


@api.get("/collisions", responses=WALLS)
@public
def list_collisions(
    request: Request,
    response: Response,
    session: Reads,
    choice: Chosen,
    filters: Filtered,
    kind: Kind = "same-slot",
    order: Annotated[Literal["slot", "uses"], Query(description="or the most used first")] = "slot",
    release: ReleaseName = "latest",
    cursor: CursorText = None,
    limit: Limit = 100,
) -> CollisionsShape:
    """The collisions of one kind between code sets (外字の衝突), with the counts of all kinds."""
    number = shown_release(request, session, release)
    scope, after = ["collisions", choice, filters, kind, order, number is None], -1
    if cursor is not None:
        number, place = read_cursor(cursor, scope, number, PLACE)
        after = int(place)
    shown = built(request, session, choice, number)
    found = list(shown.wall.collisions(kind, filters, after=after, limit=limit + 1, order=order))
    items, more = found[:limit], len(found) > limit
    page = tables.page_shape(
        shown, kind, items, write_cursor(scope, number, items[-1].place) if more else None
    )
    link_next(request, response, page.next)
    return page


@api.get("/collisions/codes", responses=WALLS)
@public
def list_colliding_codes(
    request: Request,
    response: Response,
    session: Reads,
    choice: Chosen,
    filters: Filtered,
    kind: Kind = "same-slot",
    release: ReleaseName = "latest",
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[UsedShape]:
    """Every code of one collision (衝突する外字), named by its slot, character or glyph."""
    number = shown_release(request, session, release)
    scope, after = ["colliding", choice, filters, kind, number is None], -1
    if cursor is not None:
        number, place = read_cursor(cursor, scope, number, PLACE)
        after = int(place)
    shown = built(request, session, choice, number)
    found = next(shown.wall.collisions(kind, filters, limit=1), None)
    rows = list(shown.wall.rows(kind, found)) if found else []
    part = rows[after + 1 : after + 1 + limit]
    more = after + 1 + limit < len(rows)
    page = Page[UsedShape](
        items=[tables.used_shape(one) for one in part],
        next=write_cursor(scope, number, after + limit) if more else None,
        release=number,
    )
    link_next(request, response, page.next)
    return page


@api.get("/collisions/matrix", responses=WALLS)
@public
def show_matrix(
    request: Request,
    response: Response,
    session: Reads,
    choice: Chosen,
    filters: Filtered,
    columns: Annotated[
        str | None,
        Query(
            max_length=2000, description="code sets to show of the wall, at most 40; default: all"
        ),
    ] = None,
    colliding: Annotated[bool, Query(description="only slots with two meanings or more")] = True,
    order: Annotated[Literal["slot", "uses"], Query(description="or the most used first")] = "slot",
    release: ReleaseName = "latest",
    cursor: CursorText = None,
    limit: Limit = 50,
) -> MatrixShape:
    """Slots by code sets (コード位置の表): what each city has in each slot."""
    number = shown_release(request, session, release)
    scope, after = ["matrix", choice, columns, colliding, filters, order, number is None], -1
    if cursor is not None:
        number, place = read_cursor(cursor, scope, number, PLACE)
        after = int(place)
    shown = built(request, session, choice, number)
    names = _columns(shown.wall, parts(columns))
    tables.check_columns(names)
    found = list(
        shown.wall.slots(
            names, colliding=colliding, filters=filters, order=order, after=after, limit=limit + 1
        )
    )
    lines, more = found[:limit], len(found) > limit
    shape = MatrixShape(
        release=number,
        as_of=choice.as_of,
        by=choice.by,
        columns=names,
        items=[tables.line_shape(line) for line in lines],
        next=write_cursor(scope, number, lines[-1].place) if more else None,
    )
    link_next(request, response, shape.next)
    return shape


def _columns(found: Wall, asked: Sequence[str]) -> list[str]:
    """Return the columns of a matrix. Raises InvalidRequest for a code set that is not in the wall."""
    wrong = [name for name in asked if name not in found.code_sets]
    if wrong:
        raise InvalidRequest(
            f"外字セット {', '.join(wrong)[:200]} はこの対象にありません。",
            f"Code set {', '.join(wrong)[:200]} is not among those chosen.",
            parameter="columns",
        )
    return list(asked) or found.code_sets


# --- the page


@html.get("/collisions", include_in_schema=False)
@public
def show_collisions_page(
    request: Request,
    session: Reads,
    choice: Chosen,
    filters: Filtered,
    release: Annotated[ReleaseName | None, OrBlank] = None,
    view: Literal["matrix", "same-slot", "same-character", "same-glyph"] = "matrix",
    order: Literal["slot", "uses"] = "slot",
    after: Annotated[int, Query(ge=-1, le=999_999_999)] = -1,
    column: Annotated[int, Query(ge=0, le=99_999)] = 0,
) -> HTMLResponse:
    """The collision wall (衝突の壁): the matrix with glyphs drawn, or the collisions of one kind."""
    shown_name, number = best_release(request, session, release)
    shown = built(request, session, choice, number)
    everything = shown.wall
    columns = everything.code_sets[column : column + COLUMNS_OF_A_PAGE]
    if column and not columns:
        raise InvalidRequest("この頁はありません。", "There is no such page.", parameter="column")
    lines, items = [], []
    if view == "matrix":
        lines = list(
            everything.slots(columns, filters=filters, order=order, after=after, limit=SLOTS + 1)
            if columns
            else ()
        )
    else:
        items = list(
            everything.collisions(view, filters, after=after, limit=SLOTS + 1, order=order)
        )
    rows: list[Any] = lines or items
    more = len(rows) > SLOTS
    return render(
        request,
        "collisions.html",
        heading=tables.heading(shown),
        counts=[(kind, KIND_NAMES[kind], everything.counts[kind]) for kind in KINDS],
        kinds=KIND_NAMES,
        view=view,
        order=order,
        choice=choice,
        filters=filters,
        wall=everything,
        release=shown_name,
        asked=release,
        columns=columns,
        lines=lines[:SLOTS],
        items=items[:SLOTS],
        count=everything.count("same-slot" if view == "matrix" else view, filters),
        uses_text=tables.uses_text,
        names={member.code: member.name for member in members.all_members(session)},
        systems=sorted({one.system for one in members.code_sets(session)}),
        next=_with(request, after=str(rows[SLOTS - 1].place)) if more else None,
        first=_with(request, after="-1") if after >= 0 else None,
        more_columns=_with(request, column=str(column + COLUMNS_OF_A_PAGE))
        if column + COLUMNS_OF_A_PAGE < len(everything.code_sets)
        else None,
        less_columns=_with(request, column=str(max(0, column - COLUMNS_OF_A_PAGE)))
        if column
        else None,
        view_of=lambda name: _with(request, view=name, after="-1"),
        of_slot=lambda kind, name: _with(request, view=kind, after="-1", slot=name),
    )


def best_release(request: Request, session: Session, asked: str | None) -> tuple[str, int | None]:
    """Return the release that a page shows: what is asked for, else the work of all where this request may see it.

    Else what is published last. Raises UnknownRelease, and Unauthorized, Forbidden for work that is asked for.
    """
    if asked is not None:
        return asked, shown_release(request, session, asked)
    try:
        return "pending", shown_release(request, session, "pending")
    except (Unauthorized, Forbidden):
        return "latest", shown_release(request, session, "latest")


def _with(request: Request, **changes: str) -> str:
    return f"?{request.url.include_query_params(**changes).query}"
