"""Members, code sets, imports, local codes and decisions over HTTP (構成市・外字セット)."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from hashlib import sha256
from typing import Annotated

from fastapi import Body, File, Form, Path, Query, UploadFile
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    BadFont,
    BadInput,
    BadMemberCode,
    BadName,
    BadTable,
    CodeOutsideArea,
    Conflict,
    HostileFile,
    KeyReused,
    NoPicture,
    NotFound,
    Refused,
    StaleVersion,
    Undecidable,
    UnknownCharacter,
    UnknownCharset,
    UnknownCode,
    UnknownCodeSet,
    UnknownMember,
    UnknownPolicy,
    VersionNeeded,
)
from gaiji.registry import characters, decisions, intake, members
from gaiji.registry.tables import CodeSet
from gaiji.web.pictures import Day, Guides, Size, extension, kept_glyph, picture, pictured
from gaiji.web.problems import raises
from gaiji.web.routing import (
    FOREVER,
    RELEASES,
    Acting,
    Configured,
    CursorText,
    IdempotencyKey,
    Limit,
    Reads,
    ReleaseName,
    Writes,
    check_version,
    etag_of,
    link_next,
    needs,
    once,
    public,
    read_cursor,
    router,
    sees_work,
    shown_release,
    write_cursor,
)
from gaiji.wire.fonts import Scope
from gaiji.wire.nouns import CodeSetShape, ImportShape, LocalCodeShape, MemberShape, Page
from gaiji.wire.service import (
    CodeSetRequest,
    DecidedShape,
    Decision,
    MemberRequest,
    PolicyDecision,
)

HEX = "(?:[0-9A-F]{2}){1,4}"
NO_MEMBER = (BadMemberCode, UnknownMember)
NO_SET = (*NO_MEMBER, BadName, UnknownCodeSet)
NO_CODE = (*NO_SET, CodeOutsideArea, UnknownCode, *RELEASES)

MemberCode = Annotated[str, Path(description="municipality code", examples=["252069"])]
SetName = Annotated[str, Path(description="name of the code set", examples=["juki"])]
HexCode = Annotated[str, Path(description="bytes in the charset, in hex", examples=["F040"])]
Upload = Annotated[UploadFile | None, File()]

api = router("members")
sets = router("codesets")


# --- members


@api.get("/members")
@public
def list_members(session: Reads) -> Page[MemberShape]:
    """All members and candidates (構成市の一覧), by code."""
    return Page(
        items=[members.member_shape(session, member) for member in members.all_members(session)]
    )


@api.get("/members/{member}", responses=raises(*NO_MEMBER))
@public
def show_member(session: Reads, member: MemberCode, response: Response) -> MemberShape:
    """One member (構成市); its ETag is what a change names in If-Match."""
    shape = members.member_shape(session, members.find_member(session, member))
    response.headers["etag"] = etag_of(shape)
    return shape


@api.put(
    "/members/{member}",
    responses=raises(*NO_MEMBER, BadName, Conflict, StaleVersion, VersionNeeded)
    | {201: {"model": MemberShape, "description": "Registered"}},
)
@needs("member", of="member")
def put_member(
    request: Request,
    response: Response,
    session: Writes,
    actor: Acting,
    member: MemberCode,
    body: MemberRequest,
) -> MemberShape:
    """Register a member with If-None-Match: *, or change it with If-Match (構成市の登録・変更)."""
    members.check_member_code(member)
    current = next(
        (
            members.member_shape(session, one)
            for one in members.all_members(session)
            if one.code == member
        ),
        None,
    )
    check_version(request, current)
    if current is None:
        members.add_member(session, actor, member, body.name, candidate=body.candidate)
        response.status_code = 201
    if current is not None or body.successor is not None:
        members.change_member(
            session,
            actor,
            member,
            name=body.name,
            candidate=body.candidate,
            successor=body.successor,
        )
    shape = members.member_shape(session, members.find_member(session, member))
    response.headers["etag"] = etag_of(shape)
    return shape


# --- code sets


@sets.get("/codesets")
@public
def list_code_sets(session: Reads) -> Page[CodeSetShape]:
    """The code sets of all members (外字セットの一覧), by address."""
    found = members.code_sets(session)
    return Page(items=[members.code_set_shape(session, code_set) for code_set in found])


@sets.get("/members/{member}/codesets", responses=raises(*NO_MEMBER))
@public
def list_member_code_sets(session: Reads, member: MemberCode) -> Page[CodeSetShape]:
    """The code sets of one member (外字セットの一覧)."""
    found = members.code_sets(session, member)
    return Page(items=[members.code_set_shape(session, code_set) for code_set in found])


@sets.get("/members/{member}/codesets/{codeset}", responses=raises(*NO_SET))
@public
def show_code_set(
    session: Reads, member: MemberCode, codeset: SetName, response: Response
) -> CodeSetShape:
    """One code set (外字セット); its ETag is what a change names in If-Match."""
    found = members.find_code_set(session, f"{member}/{codeset}")
    shape = members.code_set_shape(session, found)
    response.headers["etag"] = etag_of(shape)
    return shape


@sets.put(
    "/members/{member}/codesets/{codeset}",
    responses=raises(
        *(*NO_MEMBER, BadName, Conflict, NotFound, UnknownCharset, StaleVersion, VersionNeeded)
    )
    | {201: {"model": CodeSetShape, "description": "Registered"}},
)
@needs("codeset", of="member")
def put_code_set(
    request: Request,
    response: Response,
    session: Writes,
    actor: Acting,
    member: MemberCode,
    codeset: SetName,
    body: CodeSetRequest,
) -> CodeSetShape:
    """Register a code set with If-None-Match: *, or change its label with If-Match (外字セットの登録・変更)."""
    address = f"{member}/{codeset}"
    members.split_address(address)
    known = {one.name: one for one in members.code_sets(session, member)}.get(codeset)
    check_version(request, members.code_set_shape(session, known) if known else None)
    options = {"jis": body.jis, "punctuation": body.punctuation, "ebcdic": body.ebcdic}
    if known is None:
        members.add_code_set(
            session,
            actor,
            address,
            charset_name=body.charset,
            system=body.system,
            group=body.group,
            options=options,
            areas=body.areas,
            table=body.table,
        )
        response.status_code = 201
    else:
        _check_same_charset(session, known, body)
        members.change_code_set(session, actor, address, system=body.system, group=body.group)
    shape = members.code_set_shape(session, members.find_code_set(session, address))
    response.headers["etag"] = etag_of(shape)
    return shape


def _check_same_charset(session: Session, known: CodeSet, body: CodeSetRequest) -> None:
    """A charset, once codes stand in it, is part of what the codes mean: None keeps what is."""
    asked = {"jis": body.jis, "punctuation": body.punctuation, "ebcdic": body.ebcdic}
    other = [name for name, value in asked.items() if value not in (None, known.options[name])]
    other += [] if body.areas in (None, known.areas) else ["areas"]
    other += [] if body.table in (None, members.table_name(session, known)) else ["table"]
    if body.charset != known.charset or other:
        raise Conflict(
            f"外字セット {known.address} の文字コード体系・表・外字領域は変更できません。"
            "別の外字セットとして登録してください。",
            f"Charset, table and areas of {known.address} cannot change; register another code set.",
        )


# --- imports and decisions


@sets.post(
    "/members/{member}/codesets/{codeset}/imports",
    status_code=201,
    response_model=ImportShape,
    responses=raises(*NO_SET, BadFont, BadInput, BadTable, CodeOutsideArea, HostileFile, KeyReused)
    | {200: {"model": ImportShape, "description": "Dry run: nothing was written"}},
)
@needs("import", of="member")
def take_in_files(
    session: Writes,
    actor: Acting,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    font: Upload = None,
    table: Upload = None,
    cs_table: Upload = None,
    vendor_table: Upload = None,
    dots: Annotated[int | None, Form(ge=8, le=128)] = None,
    supplier: Annotated[str, Form(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = "",
    rights: Annotated[str, Form(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")] = "unknown",
    scope: Annotated[Scope, Form()] = "unknown",
    licence: Annotated[str | None, Form(max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")] = None,
    dry_run: Annotated[bool, Query(description="show everything, write nothing")] = False,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take in a city's font and tables (外字の受入れ): all or nothing, and nothing is decided here."""
    address = f"{member}/{codeset}"
    uploads = {"font": font, "table": table, "cs_table": cs_table, "vendor_table": vendor_table}
    read = {
        role: (_file_name(upload.filename or role), upload.file.read())
        for role, upload in uploads.items()
        if upload is not None
    }
    files = intake.Files(
        **read, dots=dots, supplier=supplier, rights=rights, scope=scope, licence=licence
    )

    def make() -> tuple[int, ImportShape]:
        done = intake.take_in(session, actor, address, files, settings, dry_run=dry_run)
        shape = ImportShape(
            codeset=address,
            dry_run=dry_run,
            serial=done.serial,
            counts=done.counts,
            findings=[finding.shape() for finding in done.findings],
            rows=done.rows if dry_run else None,
        )
        return (200 if dry_run else 201), shape

    asked = [
        "import",
        address,
        {role: [name, sha256(data).hexdigest()] for role, (name, data) in read.items()},
        [dots, supplier, rights, scope, licence],
    ]
    return once(session, actor, None if dry_run else idempotency_key, asked, make)


def _file_name(name: str) -> str:
    """A name as it may stand in the journal: no folders, no control characters."""
    return re.sub(r"[\x00-\x1f\x7f]|.*[/\\]", "", name)[-120:] or "file"


@sets.post(
    "/members/{member}/codesets/{codeset}/decisions",
    status_code=201,
    response_model=DecidedShape,
    responses=raises(
        *NO_SET,
        *(CodeOutsideArea, KeyReused, Refused, Undecidable),
        *(UnknownCharacter, UnknownCode, UnknownPolicy),
    ),
)
@needs("decide", of="member")
def decide_codes(
    session: Writes,
    actor: Acting,
    member: MemberCode,
    codeset: SetName,
    body: Annotated[Decision, Body()],
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Decide one code by name of the caller, or many by a policy (決定); waits for the next release."""
    address = f"{member}/{codeset}"

    def make() -> tuple[int, DecidedShape]:
        if isinstance(body, PolicyDecision):
            done = decisions.decide_by_policy(session, actor, address, body.policy)
            return 201, DecidedShape(codeset=address, **asdict(done))
        id = decisions.decide(
            session,
            actor,
            address,
            body.code,
            body.character,
            body.relationship,
            ground=body.ground,
            valid_from=body.valid_from,
        )
        return 201, DecidedShape(codeset=address, count=1, character=id)

    asked = ["decide", address, body.model_dump(mode="json")]
    return once(session, actor, idempotency_key, asked, make)


# --- local codes


@sets.get("/members/{member}/codesets/{codeset}/codes", responses=raises(*NO_SET, *RELEASES))
@public
def list_local_codes(
    request: Request,
    response: Response,
    session: Reads,
    member: MemberCode,
    codeset: SetName,
    release: ReleaseName = "latest",
    as_of: Day = None,
    unmapped: Annotated[bool, Query(description="only codes without a character")] = False,
    cursor: CursorText = None,
    limit: Limit = 100,
) -> Page[LocalCodeShape]:
    """The local codes of a code set and what they mean in a release (外字コードの一覧), by code."""
    found = members.find_code_set(session, f"{member}/{codeset}")
    number = shown_release(request, session, release, member)
    work = sees_work(request, member)
    page = listed_codes(
        session, found, number, cursor, limit, as_of=as_of, unmapped=unmapped, work=work
    )
    link_next(request, response, page.next)
    return page


def listed_codes(
    session: Session,
    code_set: CodeSet,
    release: int | None,
    cursor: str | None,
    limit: int,
    *,
    as_of: date | None = None,
    unmapped: bool = False,
    work: bool = False,
) -> Page[LocalCodeShape]:
    """Return a part of a code set's codes, its cursor bound to the release and the question."""
    scope, after = ["codes", code_set.address, as_of, unmapped, release is None], ""
    if cursor is not None:
        release, after = read_cursor(cursor, scope, release, HEX)
    page = characters.list_local_codes(
        session,
        code_set,
        release,
        after=after,
        limit=limit,
        as_of=as_of,
        unmapped=unmapped,
        work=work,
    )
    if page.next is not None:
        page.next = write_cursor(scope, release, page.next)
    return page


def cursor_at(subject: str) -> str | None:
    """Return the cursor of the part of a code set's work that begins with a code, e.g. 252069/juki/F040."""
    address, _, code = subject.rpartition("/")
    scope, before = ["codes", address, None, False, True], int(code, 16) - 1
    return write_cursor(scope, None, f"{before:0{len(code)}X}") if before >= 0 else None


@sets.get("/members/{member}/codesets/{codeset}/codes/{code}", responses=raises(*NO_CODE))
@public
def show_local_code(
    request: Request,
    session: Reads,
    member: MemberCode,
    codeset: SetName,
    code: HexCode,
    release: ReleaseName = "latest",
    as_of: Day = None,
) -> LocalCodeShape:
    """Which shared character (共通文字) a city's local code (外字コード) means in a release."""
    found = members.find_code_set(session, f"{member}/{codeset}")
    number = shown_release(request, session, release, member)
    work = sees_work(request, member)
    shape = characters.show_local_code(session, found, code, number, as_of, work=work)
    return shape.model_copy(update={"release": number})


def draw_local_code(
    request: Request,
    session: Reads,
    member: MemberCode,
    codeset: SetName,
    code: HexCode,
    size_px: Size = 96,
    guides: Guides = False,
    release: ReleaseName = "latest",
    as_of: Day = None,
) -> Response:
    """The city's own glyph for a local code (外字の見本), as it holds in a release."""
    found = members.find_code_set(session, f"{member}/{codeset}")
    number = shown_release(request, session, release, member)
    digest = characters.local_glyph(session, found, code, number, as_of)
    cache = FOREVER if release.isdecimal() else "no-cache"
    return picture(kept_glyph(session, digest), extension(request), size_px, guides, cache)


GLYPH = "/members/{member}/codesets/{codeset}/codes/{code}/glyph"
for kind in ("svg", "png"):
    sets.add_api_route(
        f"{GLYPH}.{kind}",
        public(draw_local_code),
        operation_id=f"draw_local_code_{kind}",
        responses=pictured(*NO_CODE, NoPicture),
    )
