"""Identification by shape over HTTP (文字同定): the job, the list to review, confirmations, single files."""

from __future__ import annotations

import json
import re
from typing import Annotated, Literal

from fastapi import File, Form, Query, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from gaiji import jobfiles
from gaiji.errors import (
    BadFont,
    BadInput,
    BadPicture,
    BadReference,
    CodeOutsideArea,
    HostileFile,
    KeyReused,
    NoPicture,
    QuotaExceeded,
    StaleVersion,
    TooLarge,
    Undecidable,
    UnknownCharacter,
    UnknownCode,
    UnknownCodeSet,
)
from gaiji.registry import confirming, identification, identifying, reviewing, withdrawal
from gaiji.registry import jobs as table
from gaiji.registry.journal import canonical
from gaiji.registry.quotas import check_quota
from gaiji.web.members import HEX, NO_SET, HexCode, MemberCode, SetName
from gaiji.web.pictures import Day
from gaiji.web.problems import raises
from gaiji.web.routing import (
    Acting,
    Configured,
    CursorText,
    IdempotencyKey,
    Limit,
    Reads,
    Writes,
    link_next,
    needs,
    needs_for_some,
    once,
    read_cursor,
    router,
    shows_work,
    write_cursor,
)
from gaiji.wire.identification import (
    ConfirmationRequest,
    ConfirmedShape,
    Group,
    IdentifiedShape,
    ReviewPage,
    WithdrawnShape,
)
from gaiji.wire.jobs import JobShape

ORDER = rf"-?[0-9]{{1,18}}\.{HEX}"
INDEX = (BadReference, NoPicture)
SET = "/members/{member}/codesets/{codeset}"

api = router("identification")


@api.post(
    f"{SET}/identifications",
    status_code=202,
    response_model=JobShape,
    responses=raises(*NO_SET, *INDEX, KeyReused, QuotaExceeded),
)
@needs("import", of="member")
def start_identification(
    session: Writes,
    actor: Acting,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Measure the glyphs of a code set against the reference set as a job (文字同定のジョブ); nothing is decided."""
    address = f"{member}/{codeset}"
    edition = identification.edition_in_use(settings)
    glyphs = identification.glyphs_of(session, [address])
    if not glyphs:
        raise identification.nothing_to_measure(address)

    def make() -> tuple[int, JobShape]:
        parameters = {"codesets": [address], "edition": edition}
        upload = jobfiles.Upload(settings, member)
        try:
            upload.write(canonical(parameters).encode())
            kept = upload.finish()
            check_quota(session, member, kept.bytes, jobfiles.quota_of(settings))
            job = table.add(
                session,
                actor,
                id=upload.id,
                kind="identify",
                member=member,
                parameters=parameters,
                upload=kept,
                keep_s=settings.job_retention_h * 3600,
                total=len(glyphs),
            )
        except BaseException:
            upload.drop()
            raise
        return 202, table.show(job)

    answer = once(session, actor, idempotency_key, ["identify", address, edition], make)
    answer.headers["location"] = json.loads(bytes(answer.body))["links"]["self"]
    return answer


@api.get(f"{SET}/identifications", responses=raises(*NO_SET, *INDEX))
@shows_work("member")
def list_identifications(
    request: Request,
    response: Response,
    session: Reads,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    group: Annotated[Group | None, Query(description="only this group")] = None,
    every: Annotated[
        bool, Query(alias="all", description="decided codes too, and those without a character")
    ] = False,
    cursor: CursorText = None,
    limit: Limit = 50,
) -> ReviewPage:
    """The codes of a code set to be identified (同定一覧), the most used first; shape and list are told apart."""
    address = f"{member}/{codeset}"
    edition = identification.edition_in_use(settings)
    found = reviewing.review(session, address, edition)
    rows = [row for row in found.rows if (every or row.waits) and group in (None, row.group)]
    scope = ["identifications", address, edition, group, every]
    if cursor is not None:
        uses, _, code = read_cursor(cursor, scope, None, ORDER)[1].partition(".")
        last = int(uses), bytes.fromhex(code)
        rows = [row for row in rows if row.order > last]
    part = rows[:limit]
    next = None
    if len(rows) > limit:
        uses_order, code_bytes = part[-1].order
        next = write_cursor(scope, None, f"{uses_order}.{code_bytes.hex().upper()}")
    link_next(request, response, next)
    return ReviewPage(
        items=reviewing.shapes(session, found, part, _sees(request)),
        next=next,
        codeset=address,
        edition=edition,
        counts=found.counts,
        decided=found.decided,
    )


def _sees(request: Request) -> reviewing.Sees:
    """Return whose work a request may see that was let in: a key's members, or everybody's where work is open."""
    caller = getattr(request.state, "caller", None)
    return lambda member: caller is None or caller.members is None or member in caller.members


@api.post(
    f"{SET}/confirmations",
    status_code=201,
    response_model=ConfirmedShape,
    responses=raises(
        *(*NO_SET, *INDEX, BadInput, CodeOutsideArea, KeyReused, StaleVersion, Undecidable),
        *(UnknownCharacter, UnknownCode),
    ),
)
@needs("decide", of="member")
def confirm_codes(
    session: Writes,
    actor: Acting,
    settings: Configured,
    member: MemberCode,
    codeset: SetName,
    body: ConfirmationRequest,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Confirm by name of the caller what was looked at (一括確認), all or nothing; waits for the next release."""
    address = f"{member}/{codeset}"

    def make() -> tuple[int, ConfirmedShape]:
        identification.current_edition(settings, body.edition)
        done = confirming.confirm(session, actor, address, body.edition, body.items)
        return 201, ConfirmedShape(codeset=address, count=done.count, none=done.none)

    asked = ["confirm", address, body.model_dump(mode="json")]
    return once(session, actor, idempotency_key, asked, make)


@api.post(
    f"{SET}/codes/{{code}}/withdrawal",
    status_code=201,
    response_model=WithdrawnShape,
    responses=raises(*NO_SET, CodeOutsideArea, KeyReused, Undecidable, UnknownCode),
)
@needs("decide", of="member")
def withdraw_decision(
    session: Writes,
    actor: Acting,
    member: MemberCode,
    codeset: SetName,
    code: HexCode,
    valid_from: Annotated[
        Day, Query(description="first day of the meaning, where the slot was used again")
    ] = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Take back what was decided last about a code and is not published (取消し): what was before stands again."""
    address = f"{member}/{codeset}"

    def make() -> tuple[int, WithdrawnShape]:
        done = withdrawal.withdraw(session, actor, address, code, valid_from=valid_from)
        return 201, WithdrawnShape(
            codeset=address,
            code=done.code,
            serial=done.serial,
            character=done.character,
            relationship=done.relationship,
        )

    asked = ["withdraw", address, code.upper(), valid_from]
    return once(session, actor, idempotency_key, asked, make)


@api.post(
    "/identify",
    responses=raises(
        *(*NO_SET, *INDEX, BadFont, BadPicture, HostileFile, TooLarge, UnknownCode, UnknownCodeSet)
    ),
)
@needs_for_some("read")
def identify_file(
    session: Reads,
    settings: Configured,
    file: Annotated[UploadFile, File(description="font, BDF, FONTX2, or a picture of one glyph")],
    code: Annotated[str | None, Form(max_length=20, description="one glyph: U+E000")] = None,
    among: Annotated[
        str, Form(max_length=2000, description="MJ, GJ, standard, code sets; comma-separated")
    ] = "",
    limit: Annotated[int, Form(ge=1, le=20, description="candidates of each glyph")] = 10,
    dots: Annotated[Literal[24, 32, 48, 64] | None, Form()] = None,
) -> IdentifiedShape:
    """What the glyphs of a file may be (文字同定), at most 200 at once; nothing of it is kept."""
    name = re.sub(r"[\x00-\x1f\x7f]|.*[/\\]", "", file.filename or "")[-120:] or "file"
    return identifying.identify_file(
        session,
        settings,
        file.file.read(),
        name,
        code=code or None,
        among=[part.strip() for part in among.split(",") if part.strip()],
        limit=limit,
        dots=dots,
    )
