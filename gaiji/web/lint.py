"""Linting text and bytes over HTTP (点検). Nothing of them is kept or logged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.requests import Request

from gaiji.charset.charsets import charset as charset_of
from gaiji.charset.lint import Against, lint
from gaiji.charset.shipped import shipped_repertoire
from gaiji.errors import (
    BadMemberCode,
    BadName,
    InvalidRequest,
    UnknownCharset,
    UnknownCodeSet,
    UnknownMember,
    UnknownRelease,
)
from gaiji.registry import releases
from gaiji.web.problems import raises
from gaiji.web.routing import Reads, media_type, public, router
from gaiji.wire.lint import LintReport, LintRequest, ReleaseName, Targets

JSON, BYTES = "application/json", "application/octet-stream"
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": LintRequest.model_json_schema()},
            BYTES: {"schema": {"type": "string", "format": "binary"}},
        },
    }
}

api = router("translation")


@dataclass(frozen=True)
class Asked:
    """What is to be linted, and what it is held against."""

    data: bytes
    to: list[str]
    release: str
    codeset: str | None
    charset: str | None


async def asked(
    request: Request,
    charset: Annotated[
        str | None, Query(max_length=20, description="of bytes: cp932, utf-8 (default) …")
    ] = None,
    to: Annotated[Targets, Query(description="of bytes: targets, such as x0213")] = [],  # noqa: B006
    release: Annotated[ReleaseName, Query(description="of bytes: number or latest")] = "latest",
    codeset: Annotated[
        str | None,
        Query(max_length=60, description="of bytes: whose they are, such as 252069/juki"),
    ] = None,
) -> Asked:
    """Return what a request asks for: options of text stand in its JSON, those of bytes in the address."""
    body = await request.body()
    if media_type(request) == BYTES:
        return Asked(body, to, release, codeset, charset)
    if request.query_params:
        raise InvalidRequest(
            "JSON で送るときは、条件も JSON の項目として送ってください。",
            "With a JSON body the options are members of the JSON, not parameters.",
        )
    sent = _parsed(body)
    data = sent.text.encode("utf-8", "surrogatepass")  # JSON can hold halves: they are a finding
    return Asked(data, sent.to, sent.release, None, None)


def _parsed(body: bytes) -> LintRequest:
    try:
        return LintRequest.model_validate(json.loads(body))
    except ValidationError as error:
        told: list[Any] = [{**one, "loc": ("body", *one["loc"])} for one in error.errors()]
        raise RequestValidationError(told) from None
    except (UnicodeDecodeError, RecursionError):
        raise InvalidRequest(
            "本文を JSON として読めません。UTF-8 の JSON で送ってください。",
            "The body cannot be read as JSON; send JSON in UTF-8.",
        ) from None
    except json.JSONDecodeError as error:
        place = {"type": "json_invalid", "loc": ("body", error.pos), "ctx": {"error": error.msg}}
        raise RequestValidationError([place], body=error.doc) from None


@api.post(
    "/lint",
    openapi_extra=BODY,
    responses=raises(
        *(BadMemberCode, BadName, UnknownCharset, UnknownCodeSet, UnknownMember, UnknownRelease)
    ),
)
@public
def lint_text(session: Reads, sent: Annotated[Asked, Depends(asked)]) -> LintReport:
    """What a text or the bytes of a file would lose or change, where, and the way out (点検)."""
    return lint(sent.data, _against(session, sent), targets=sent.to)


def _against(session: Session, sent: Asked) -> Against:
    """Return what to judge by; before the first release the reference set that ships."""
    if sent.charset is not None and sent.codeset is not None:
        raise InvalidRequest(
            "charset と codeset は同時に指定できません。どちらか一方にしてください。",
            "charset and codeset cannot be given together; a code set has a charset of its own.",
        )
    if sent.codeset is not None:
        found = releases.find_release(session, sent.release)
        return Against.code_set(releases.mapping(session, sent.codeset, found))
    charset = charset_of(sent.charset or "utf-8")
    if sent.release == "latest" and not releases.latest_number(session):
        return Against(charset, shipped_repertoire())
    found = releases.find_release(session, sent.release)
    return Against(charset, releases.repertoire(session, found), release=found.number)
