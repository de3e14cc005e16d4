"""Shared characters over HTTP: search, one, its picture, variants, uses, history (共通文字)."""

from __future__ import annotations

from dataclasses import astuple
from typing import Annotated

from fastapi import Depends, Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    BadMemberCode,
    NoPicture,
    UnknownCharacter,
    UnknownMember,
)
from gaiji.registry import characters, reference, releases
from gaiji.web.pictures import (
    HOUR,
    Guides,
    Size,
    character_glyph,
    extension,
    picture,
    pictured,
)
from gaiji.web.problems import raises
from gaiji.web.routing import (
    RELEASES,
    Configured,
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
from gaiji.wire.nouns import CharacterShape, HistoryShape, Page, UseShape, VariantShape

NAME = "[A-Z]{2}[0-9]{6}"
CharacterId = Annotated[str, Path(description="shared character", examples=["MJ026190"])]
Asked = Annotated[str | None, Query(max_length=200)]

api = router("characters")


def asked_query(
    q: Annotated[
        str | None,
        Query(max_length=200, description="text, name, number or reading", examples=["渡邉"]),
    ] = None,
    reading: Asked = None,
    strokes: Annotated[str | None, Query(max_length=20, examples=["17", "10-12"])] = None,
    radical: Annotated[str | None, Query(max_length=20, examples=["162"])] = None,
    ucs: Annotated[str | None, Query(max_length=20, examples=["U+9089"])] = None,
    juki: Annotated[str | None, Query(max_length=20, examples=["J+9089"])] = None,
    koseki: Annotated[str | None, Query(max_length=20, examples=["445000"])] = None,
    x0213: Annotated[str | None, Query(max_length=20, examples=["1-78-21"])] = None,
    parts: Annotated[str | None, Query(max_length=60, examples=["辶自"])] = None,
    member: Annotated[
        str | None, Query(max_length=20, description="used by this member", examples=["252069"])
    ] = None,
) -> reference.CharacterQuery:
    """Return what a search asks for; empty fields of a form ask for nothing."""
    said = {
        "q": q,
        "reading": reading,
        "strokes": strokes,
        "radical": radical,
        "ucs": ucs,
        "juki": juki,
        "koseki": koseki,
        "x0213": x0213,
        "parts": parts,
        "member": member,
    }
    kept = {name: value.strip() for name, value in said.items() if value and value.strip()}
    return reference.CharacterQuery(**kept)


Search = Annotated[reference.CharacterQuery, Depends(asked_query)]


@api.get("/characters", responses=raises(BadMemberCode, UnknownMember))
@public
def search_characters(
    request: Request,
    response: Response,
    session: Reads,
    query: Search,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[CharacterShape]:
    """Search the shared characters (共通文字の検索), by id; all conditions given must hold."""
    page = found_characters(session, query, cursor, limit)
    link_next(request, response, page.next)
    return page


def found_characters(
    session: Session, query: reference.CharacterQuery, cursor: str | None, limit: int
) -> Page[CharacterShape]:
    """Return a part of what a search finds, its cursor bound to the release and the question."""
    scope = ["characters", *astuple(query)]
    number, after = releases.latest_number(session), None
    if cursor is not None:
        bound, after = read_cursor(cursor, scope, number, NAME)
        number = bound or 0
    page = reference.search(session, query, after, limit)
    page.release = number
    if page.next is not None:
        page.next = write_cursor(scope, number, page.next)
    return page


@api.get("/characters/{id}", responses=raises(UnknownCharacter))
@public
def show_character(session: Reads, id: CharacterId) -> CharacterShape:
    """One shared character (共通文字) with its numbers in the current editions."""
    return characters.show_character(session, id)


@api.get("/characters/{id}/variants", responses=raises(UnknownCharacter))
@public
def list_variants(session: Reads, id: CharacterId) -> Page[VariantShape]:
    """The characters related to one (異体字・縮退), each with its relation, ground and rank."""
    characters.find_character(session, id)
    return Page(items=reference.variants(session, id), release=releases.latest_number(session))


@api.get("/characters/{id}/uses", responses=raises(UnknownCharacter, *RELEASES))
@public
def list_uses(
    request: Request, session: Reads, id: CharacterId, release: ReleaseName = "latest"
) -> Page[UseShape]:
    """Every city's codes for a shared character in a release (使用状況)."""
    number = shown_release(request, session, release)
    return Page(items=characters.uses(session, id, number), release=number)


@api.get("/characters/{id}/history", responses=raises(UnknownCharacter))
@public
def list_history(session: Reads, settings: Configured, id: CharacterId) -> Page[HistoryShape]:
    """What was decided about a shared character (履歴), the oldest first."""
    acts = characters.history(session, id, work=settings.open_work)
    return Page(items=acts, release=releases.latest_number(session))


def draw_character(
    request: Request,
    session: Reads,
    settings: Configured,
    id: CharacterId,
    size_px: Size = 96,
    guides: Guides = False,
) -> Response:
    """The reference glyph of a shared character (基準字形), drawn by name."""
    found = character_glyph(session, settings, id)
    return picture(found, extension(request), size_px, guides, HOUR)


for kind in ("svg", "png"):
    api.add_api_route(
        f"/characters/{{id}}/glyph.{kind}",
        public(draw_character),
        operation_id=f"draw_character_{kind}",
        responses=pictured(UnknownCharacter, NoPicture),
    )
