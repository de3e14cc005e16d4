"""Problem documents (RFC 9457) for every 4xx and 5xx, and how they stand in the OpenAPI (誤りの応答)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    Busy,
    GaijiError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    StorageFailed,
    TooLarge,
    Unauthorized,
    Unreachable,
    problem_types,
)

MEDIA_TYPE = "application/problem+json"
Responses = dict[int | str, dict[str, Any]]

PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "A problem document (RFC 9457); `type` is stable, the texts follow Accept-Language.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference", "examples": ["/problems/not-found"]},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "where": {
            "type": "object",
            "description": "place in an input: file, record, field, byte_offset",
        },
    },
    "additionalProperties": True,
}


def raises(*errors: type[GaijiError]) -> Responses:
    """Return the OpenAPI responses for error classes, grouped by status."""
    groups: defaultdict[int, list[type[GaijiError]]] = defaultdict(list)
    for error in sorted(set(errors), key=lambda error: error.code()):
        groups[error.status].append(error)
    return {status: _response(group) for status, group in sorted(groups.items())}


def merged(*parts: Responses) -> Responses:
    """Return responses put together; the errors of one status are united."""
    known, errors = problem_types(), set[type[GaijiError]]()
    rest: Responses = {}
    for part in parts:
        for status, response in part.items():
            if "x-problems" in response:
                errors |= {known[code] for code in response["x-problems"]}
            else:
                rest[status] = response
    return rest | raises(*errors)


def _response(errors: Iterable[type[GaijiError]]) -> dict[str, Any]:
    codes = [error.code() for error in errors]
    kinds = {"properties": {"type": {"enum": [f"/problems/{code}" for code in codes]}}}
    return {
        "description": "; ".join(f"{error.title.en} ({error.title.ja})" for error in errors),
        "content": {
            MEDIA_TYPE: {"schema": {"allOf": [{"$ref": "#/components/schemas/Problem"}, kinds]}}
        },
        "x-problems": codes,
    }


def problem_response(error: GaijiError) -> Response:
    """Return the answer to an error, in the current language."""
    headers = {"cache-control": "no-store"}
    if isinstance(error, Unauthorized):
        headers["www-authenticate"] = 'Bearer realm="gaiji"'
    if isinstance(error, (Unreachable, StorageFailed)):
        headers["retry-after"] = "1" if isinstance(error, Busy) else "5"
    body = json.dumps(error.problem(), ensure_ascii=False, default=str).encode()
    return Response(body, error.status, headers, MEDIA_TYPE)


def framework_error(request: Request, error: Exception) -> tuple[GaijiError, dict[str, str]]:
    """Return the project's error for one of the framework's, and headers that belong to it."""
    if isinstance(error, GaijiError):
        return error, {}
    if isinstance(error, RequestValidationError):
        return _invalid(error), {}
    if not isinstance(error, HTTPException):
        raise error
    if isinstance(error.__cause__, GaijiError):
        return error.__cause__, {}
    if error.status_code == 404:
        return NotFound("このアドレスはありません。", "There is nothing at this address."), {}
    if error.status_code == 405:
        allowed = ", ".join(sorted(allowed_methods(request)))
        return (
            MethodNotAllowed(
                f"このアドレスは {request.method} を受けません。{allowed} を使ってください。",
                f"This address does not take {request.method}; use {allowed}.",
                allowed=allowed.split(", "),
            ),
            {"allow": allowed},
        )
    if error.status_code == 413:
        return TooLarge("本文が大きすぎます。", "The body is too large."), {}
    return (
        InvalidRequest(
            "本文を読めません。形式を確かめてください。", "The body cannot be read; check its form."
        ),
        {},
    )


def allowed_methods(request: Request) -> set[str]:
    """Return the methods that the address of a request takes."""
    methods = {
        method
        for route in request.app.state.routes
        if route.path_regex.match(request.url.path)
        for method in route.methods
    }
    return methods | ({"HEAD"} if "GET" in methods else set())


def _invalid(error: RequestValidationError) -> InvalidRequest | TooLarge:
    for one in error.errors():
        if one["type"] == "too_long" and one["loc"][0] == "body":
            most, field = one["ctx"]["max_length"], str(one["loc"][-1])
            return TooLarge(
                f"{field} は一度に {most} 件までです。分けて送ってください。",
                f"{field} takes at most {most} at once; send them in parts.",
                limit=most,
            )
    found = [
        {
            "in": str(one["loc"][0]),
            "field": ".".join(str(part) for part in one["loc"][1:]),
            "message": one["msg"],
        }
        for one in error.errors()
    ]
    names = ", ".join(one["field"] for one in found[:5] if one["field"]) or "body"
    return InvalidRequest(
        f"要求の形式が違います({names})。/docs の説明に合わせてください。",
        f"The request does not have the documented form ({names}); see /docs.",
        errors=found[:50],
    )


def install(app: FastAPI) -> None:
    """Let every error of routes and framework be answered with a problem document."""

    def handle(request: Request, error: Exception) -> Response:
        ours, headers = framework_error(request, error)
        page: Response | None = request.app.state.error_page(request, ours)
        response = page or problem_response(ours)
        response.headers.update(headers)
        return response

    for kind in (GaijiError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, handle)
