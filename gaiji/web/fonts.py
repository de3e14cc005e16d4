"""Gaiji fonts over HTTP: built, checked, and by what right they are handed on (外字フォント)."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated

from fastapi import File, Query, UploadFile
from pydantic import BeforeValidator
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    BadFont,
    BadInput,
    BadName,
    BadRange,
    FilesDeleted,
    HostileFile,
    NoPicture,
    Refused,
    StaleVersion,
    UnknownPlan,
    UnknownRelease,
    UnknownSite,
    VersionNeeded,
)
from gaiji.registry import rights
from gaiji.registry.db import Session
from gaiji.registry.fonts import FontContent, FontFile, FontSubject, font_file, glyphs_for
from gaiji.registry.jobs import Kept
from gaiji.registry.members import find_code_set
from gaiji.registry.releases import find_release
from gaiji.report import fontcheck
from gaiji.settings import Settings
from gaiji.web.downloads import send_file
from gaiji.web.members import NO_SET, MemberCode, SetName
from gaiji.web.problems import Responses, raises
from gaiji.web.releases import Published
from gaiji.web.routing import (
    Acting,
    Configured,
    Reads,
    Writes,
    check_version,
    etag_of,
    needs,
    needs_for_some,
    router,
    shows_work,
)
from gaiji.wire.fonts import (
    Dots,
    FontCheckShape,
    FontFormat,
    FontProvenanceShape,
    Numbers,
    Outlines,
    RightsRequest,
    RightsShape,
)

KINDS: dict[FontFormat, str] = {
    "tte": "font/ttf",
    "woff2": "font/woff2",
    "bdf": "application/x-font-bdf",
}
ReleaseQuery = Annotated[
    str,
    Query(alias="release", pattern=r"^(latest|[1-9][0-9]{0,8})$", description="number or latest"),
]
Side = Annotated[Dots, BeforeValidator(int), Query(description="dots a side, of bdf alone")]
Numbered = Annotated[
    Numbers | None, Query(description="what bdf numbers glyphs by: local codes or code points")
]
Drawn = Annotated[Outlines, Query(description="ipamj: a derived font under IPA's licence")]
Leave = Annotated[
    bool, Query(description="leave out glyphs the right is missing for; the provenance lists them")
]
Server = Annotated[
    str | None, Query(max_length=100, description="a shared CS server's font instead")
]
Day = Annotated[date | None, Query(description="the meanings in force on this day")]

BUILT = (BadFont, Refused, NoPicture, UnknownRelease)
FILE: Responses = {
    200: {
        "description": "The font",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in sorted(KINDS.values())
        },
    },
    206: {"description": "The part that Range asked for"},
}

api = router("glyphs")


def _sent(request: Request, made: FontFile, form: FontFormat) -> Response:
    kept = Kept(made.path.stat().st_size, made.sha256)
    response = send_file(request, made.path, kept, KINDS[form], name=made.name)
    if made.licence is not None:  # the way back is in the font, and in its provenance
        response.headers["link"] = f'<{made.content.facts.licence.url}>; rel="license"'
    return response


def _content(
    session: Session,
    settings: Settings,
    what: FontSubject,
    release: int | str,
    outlines: Outlines,
    without_refused: bool,
) -> FontContent:
    """Return what a font is made of, as a request asks for it."""
    return glyphs_for(
        session,
        settings,
        what,
        find_release(session, release),
        outlines=outlines,
        refused="leave-out" if without_refused else "stop",
    )


@api.get(
    "/members/{member}/codesets/{codeset}/font",
    response_class=Response,
    responses=raises(*NO_SET, *BUILT, BadRange, FilesDeleted) | FILE,
)
@needs("import", of="member")
def show_font(
    request: Request,
    session: Reads,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    form: Annotated[FontFormat, Query(alias="format")] = "tte",
    release: ReleaseQuery = "latest",
    outlines: Drawn = "own",
    dots: Side = 48,
    numbers: Numbered = None,
    as_of: Day = None,
    without_refused: Leave = False,
) -> Response:
    """A city's own gaiji font in a release (外字フォント), for its terminals and printer; its ETag is its sha256."""
    what = FontSubject("codeset", f"{member}/{codeset}", as_of=as_of)
    content = _content(session, settings, what, release, outlines, without_refused)
    made = font_file(settings, content, form, side=dots, numbers=numbers)
    return _sent(request, made, form)


@api.get(
    "/members/{member}/codesets/{codeset}/font/provenance",
    responses=raises(*NO_SET, *BUILT),
)
@needs("import", of="member")
def show_font_provenance(
    session: Reads,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    form: Annotated[FontFormat, Query(alias="format")] = "tte",
    release: ReleaseQuery = "latest",
    outlines: Drawn = "own",
    dots: Side = 48,
    as_of: Day = None,
    without_refused: Leave = False,
) -> FontProvenanceShape:
    """What a city's font is made of (フォントの来歴), glyph by glyph, and what is not in it and why."""
    what = FontSubject("codeset", f"{member}/{codeset}", as_of=as_of)
    content = _content(session, settings, what, release, outlines, without_refused)
    made = font_file(settings, content, form, side=dots)
    return FontProvenanceShape.model_validate(json.loads(made.provenance))


@api.get(
    "/releases/{number}/font",
    response_class=Response,
    responses=raises(*BUILT, BadName, UnknownSite, UnknownPlan, BadRange, FilesDeleted) | FILE,
)
@needs_for_some("import")
def show_council_font(
    request: Request,
    session: Reads,
    settings: Configured,
    number: Published,
    form: Annotated[FontFormat, Query(alias="format")] = "tte",
    server: Server = None,
    outlines: Drawn = "own",
    dots: Side = 48,
    without_refused: Leave = False,
) -> Response:
    """The council's gaiji font of a release (協議会の外字フォント), or that of a shared CS server."""
    what = FontSubject("server", server) if server else FontSubject("release")
    content = _content(session, settings, what, number, outlines, without_refused)
    made = font_file(settings, content, form, side=dots)
    return _sent(request, made, form)


@api.post(
    "/members/{member}/codesets/{codeset}/font/check",
    responses=raises(*NO_SET, BadFont, HostileFile, UnknownRelease),
)
@needs("import", of="member")
def check_terminal_font(
    session: Reads,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    font: Annotated[UploadFile, File(description="EUDC.TTE, BDF or FONTX2")],
    release: ReleaseQuery = "latest",
    as_of: Day = None,
) -> FontCheckShape:
    """How a terminal's font differs from a release (端末フォントの点検): missing, extra, swapped, redrawn, blank."""
    what = FontSubject("codeset", f"{member}/{codeset}", as_of=as_of)
    name = (font.filename or "font").replace("\\", "/").rpartition("/")[2][-120:] or "font"
    held = find_release(session, release)
    return fontcheck.check_font(session, settings, what, held, name, font.file.read()).shape()


@api.get("/members/{member}/codesets/{codeset}/rights", responses=raises(*NO_SET))
@shows_work("member")
def show_rights(
    session: Reads, member: MemberCode, codeset: SetName, response: Response
) -> RightsShape:
    """By what right a code set's glyphs may be handed on (字形の利用条件), by supplier; its ETag goes into If-Match."""
    shape = rights.show_rights(session, f"{member}/{codeset}")
    response.headers["etag"] = etag_of(shape)
    return shape


@api.put(
    "/members/{member}/codesets/{codeset}/rights",
    responses=raises(*NO_SET, BadInput, Refused, StaleVersion, VersionNeeded),
)
@needs("codeset", of="member")
def put_rights(
    request: Request,
    response: Response,
    session: Writes,
    actor: Acting,
    member: MemberCode,
    codeset: SetName,
    body: RightsRequest,
) -> RightsShape:
    """Say how far a code set's glyphs may be handed on, and on what ground (字形の利用条件の登録), with If-Match."""
    address = f"{member}/{codeset}"
    find_code_set(session, address)
    check_version(request, rights.show_rights(session, address))
    rights.set_rights(session, actor, address, body.scope, licence=body.licence, ground=body.ground)
    shape = rights.show_rights(session, address)
    response.headers["etag"] = etag_of(shape)
    return shape
