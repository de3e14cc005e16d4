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
    BadRange,
    Busy,
    GaijiError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    StorageFailed,
    Text,
    TooLarge,
    Unauthorized,
    Unreachable,
    Where,
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


REMEDIES: dict[int, str] = {
    401: "有効な APIキーが付いていません。",
    403: "このキーの役割か担当の市では許されていません。",
    404: "その名前・番号で登録されているものがありません。綴りと版を確かめてください。",
    405: "このアドレスはその操作を受けません。使える操作は Allow にあります。",
    409: "要求の意味は分かりましたが、台帳の今の状態では行えません。",
    410: "期限か依頼により、ファイルは削除済みです。",
    412: "ほかの人が先に変更しています。読み直してからやり直してください。",
    413: "一度に受けられる大きさを超えています。分けて送ってください。",
    415: "このアドレスが受けない種類の本文です。",
    416: "求めた範囲がファイルの外です。",
    422: "入力の書き方か内容に誤りがあり、何も書き込んでいません。直して送り直してください。",
    428: "変更には、どの状態への変更かを If-Match で示す必要があります。",
    429: "要求が混み合っているか、保存枠に空きがありません。Retry-After の秒数を待ってやり直してください。",
    500: "思いがけない誤りです。要求番号(X-Request-Id)を運用担当に知らせてください。",
    503: "データベースか保存先が今は使えません。運用担当に知らせ、しばらくしてやり直してください。",
}
"""What a problem of each status means, for readers of Japanese; the classes say it in English."""


def described(kind: type[GaijiError]) -> Text:
    """Return what a kind of problem means (誤りの説明)."""
    told = (kind.__doc__ or "").strip()
    return Text(
        f"{kind.title.ja}: {REMEDIES[kind.status]}何が、どこで起きたかは detail にあります。", told
    )


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
    if "retry_after_s" in error.extra:
        headers["retry-after"] = str(error.extra["retry_after_s"])
    if isinstance(error, BadRange):
        headers["content-range"] = f"bytes */{error.extra.get('bytes_total', '*')}"
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
        if one["type"] == "json_invalid":
            return _not_json(str(error.body), int(one["loc"][-1]))
    found = [one for one in error.errors() if one.get("ctx", {}).get("expected") != "''"]
    told = [(*_place(one["loc"]), _message(one)) for one in found[:50]]
    shown = [(field or place, text) for place, field, text in told[:5]]
    return InvalidRequest(
        f"要求の形式が違います。{'、'.join(f'{name}: {text.ja}' for name, text in shown)}。"
        "/docs の説明に合わせてください。",
        "The request does not have the documented form: "
        f"{'; '.join(f'{name}: {text.en}' for name, text in shown)}; see /docs.",
        errors=[{"in": place, "field": field, "message": str(text)} for place, field, text in told],
    )


def _not_json(body: str, position: int) -> InvalidRequest:
    before = body[:position]
    line, column = before.count("\n") + 1, position - before.rfind("\n")
    return InvalidRequest(
        f"本文が JSON ではありません({line} 行目の {column} 文字目)。JSON として書き直してください。",
        f"The body is not JSON (line {line}, character {column}); write it as JSON.",
        where=Where(byte_offset=len(before.encode("utf-8", "surrogatepass"))),
    )


def _place(loc: tuple[Any, ...]) -> tuple[str, str]:
    """Return the part of the request and the field; names of shapes and choices in between say nothing to a caller."""
    parts = [part for part in map(str, loc[1:]) if not part.startswith("literal[")]
    if loc[0] == "body":
        parts = [part for part in parts if not part[:1].isupper()]
    return str(loc[0]), ".".join(parts)


NEEDED = Text("必要です", "is needed")
UNKNOWN = Text("この名前の項目はありません", "there is no field of this name")
NO_FILE = Text("ファイルとして送ってください", "send it as a file")
HALF = Text(
    "対になっていないサロゲート(文字の半分)があります。文字を確かめてください",
    "holds a lone surrogate, half a character; check the character",
)
OTHER = Text("受け取れない値です", "this value cannot be taken")
TYPES = {
    "bool": Text("true か false にしてください", "give true or false"),
    "int": Text("整数にしてください", "give a whole number"),
    "date": Text("年-月-日(2026-11-23)にしてください", "give a day like 2026-11-23"),
    "string": Text("文字列にしてください", "give a string"),
    "list": Text("配列にしてください", "give a list"),
    "dict": Text("オブジェクトにしてください", "give an object"),
    "model": Text("オブジェクトにしてください", "give an object"),
}
BOUNDS = {
    "ge": Text("{} 以上にしてください", "give {} or more"),
    "gt": Text("{} より大きくしてください", "give more than {}"),
    "le": Text("{} 以下にしてください", "give {} or less"),
    "lt": Text("{} より小さくしてください", "give less than {}"),
    "min_length": Text("長さを {} 以上にしてください", "at least {} long"),
    "max_length": Text("長さを {} 以下にしてください", "at most {} long"),
    "pattern": Text("{} の形にしてください", "give it in the form {}"),
}


def _message(one: dict[str, Any]) -> Text:
    """Return what is wrong with one value: missing, unknown, a type, a choice, a bound or a form."""
    kind, context = str(one["type"]), one.get("ctx", {})
    if kind == "missing":
        return NEEDED
    if kind == "extra_forbidden":
        return UNKNOWN
    if kind == "string_unicode":
        return HALF
    if "UploadFile" in str(one["msg"]):
        return NO_FILE
    if kind in ("literal_error", "enum"):
        names = str(context["expected"]).replace("'", "").replace(" or ", ", ")
        return Text(f"{names} のどれかにしてください", f"give one of {names}")
    for name, text in BOUNDS.items():
        if name in context:
            return Text(*(part.replace("{}", str(context[name])) for part in text))
    return TYPES.get(kind.partition("_")[0], OTHER)


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
