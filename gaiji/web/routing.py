"""What every endpoint is made of: its rule, its session, its release, ETags, cursors (経路の部品).

A route without a rule cannot be made: reading published data is `public`, everything else `needs` a deed
of a role (gaiji.registry.principals.ROLES). The rule is checked before the body is read.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Query, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute, APIRouter
from pydantic import BaseModel
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from gaiji.errors import (
    Busy,
    DatabaseBusy,
    DatabaseReadOnly,
    DatabaseUnreachable,
    DiskFull,
    Forbidden,
    GaijiError,
    InvalidRequest,
    KeyReused,
    SchemaMismatch,
    StaleVersion,
    StorageFailed,
    Text,
    TooLarge,
    Unauthorized,
    UnknownRelease,
    UnsupportedMediaType,
    VersionNeeded,
)
from gaiji.registry import db, principals, releases
from gaiji.registry.journal import Actor
from gaiji.settings import Settings
from gaiji.web.problems import merged, raises

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
ALWAYS = (
    *(InvalidRequest, Busy, GaijiError, StorageFailed, DatabaseBusy, DatabaseReadOnly),
    *(DatabaseUnreachable, DiskFull, SchemaMismatch),
)
BEARER = {"key": {"type": "http", "scheme": "bearer", "description": "APIキー gaiji_… / API key"}}
FORM = "multipart/form-data"
STREAM = "application/octet-stream"
FOREVER = "public, max-age=31536000, immutable"


# --- rules


@dataclass(frozen=True)
class Rule:
    """Who may use a route: everybody (deed None), or a role that may do the deed.

    member: the path parameter that names the member it is done for. work: the route shows the state of
    work, which a deployment may open to everybody who reaches it (setting `open_work`). some: the route itself
    finds out for which member it is done, and asks the caller.
    """

    deed: str | None
    member: str | None = None
    work: bool = False
    some: bool = False


RULES: dict[Callable[..., Any], Rule] = {}


def public(endpoint: Endpoint) -> Endpoint:
    """Declare that everybody may use an endpoint: it reads what is published."""
    RULES[endpoint] = Rule(None)
    return endpoint


def needs(deed: str, of: str | None = None) -> Callable[[Endpoint], Endpoint]:
    """Declare the deed an endpoint needs, done for the member that a path parameter names."""

    def declare(endpoint: Endpoint) -> Endpoint:
        RULES[endpoint] = Rule(deed, of)
        return endpoint

    return declare


def needs_for_some(deed: str) -> Callable[[Endpoint], Endpoint]:
    """Declare the deed an endpoint needs for a member that only the endpoint knows: it asks `Called`."""

    def declare(endpoint: Endpoint) -> Endpoint:
        RULES[endpoint] = Rule(deed, some=True)
        return endpoint

    return declare


class Guarded(APIRoute):
    """A route with a rule, problem documents in its OpenAPI, and conditional GET.

    Under /v1 a parameter nobody declared is refused: a mistyped `dry_run` must not write.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        rule = RULES.get(endpoint)
        if rule is None:
            raise RuntimeError(f"{path} has no rule: declare @public or @needs(deed)")
        self.rule = rule
        options["operation_id"] = options.get("operation_id") or endpoint.__name__
        options["summary"] = options.get("summary") or _first_line(endpoint)
        if rule.deed:
            options["openapi_extra"] = {
                "security": [{"key": []}],
                **(options["openapi_extra"] or {}),
            }
        super().__init__(path, endpoint, **options)
        own = raises(Unauthorized, Forbidden) if rule.deed else {}
        self.takes = _body_kinds(self)
        flat = get_flat_params(self.dependant)
        self.queries = {one.alias for one in flat if isinstance(one.field_info, params.Query)}
        self.fields = {one.alias for one in self.dependant.body_params}
        body = raises(TooLarge, UnsupportedMediaType) if self.takes else {}
        self.responses = merged(raises(*ALWAYS), own, body, self.responses)
        if self.methods == {"GET"}:
            self.responses.setdefault(304, {"description": "Not changed since If-None-Match"})

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler: rule, names of parameters, kind of body, endpoint, ETag."""
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            if self.rule.deed and not (self.rule.work and _is_open(request)):
                caller = await run_in_threadpool(_authorize, request, self.rule)
                request.state.caller, request.state.actor = caller, caller.actor
            if self.path.startswith("/v1/"):
                _check_names(
                    request.query_params, self.queries, Text("照会項目", "query parameter")
                )
            if self.takes:
                _check_kind(request, self.takes)
            elif request.method not in ("GET", "HEAD"):
                _check_no_body(request)
            if FORM in self.takes:
                await _check_form(request, self.fields)
            response = await handle(request)
            return (
                conditional(request, response, self.rule) if request.method == "GET" else response
            )

        return guarded


def shows_work(of: str) -> Callable[[Endpoint], Endpoint]:
    """Declare an endpoint that shows a member's state of work: for keys that read, or where it is open."""

    def declare(endpoint: Endpoint) -> Endpoint:
        RULES[endpoint] = Rule("read", of, work=True)
        return endpoint

    return declare


def router(tag: str, prefix: str = "/v1") -> APIRouter:
    """Return a router whose routes all need a rule."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=Guarded)


def _is_open(request: Request) -> bool:
    settings: Settings = request.app.state.settings
    return settings.open_work and "authorization" not in request.headers


def sees_work(request: Request, member: str) -> bool:
    """Tell whether this request may see a member's proposals and lists beside what is published.

    Raises Unauthorized or Forbidden for a key that is not valid or does not read this member.
    """
    if "authorization" in request.headers:
        authenticate(request).check("read", member)
        return True
    return _is_open(request)


def _authorize(request: Request, rule: Rule) -> principals.Caller:
    caller = authenticate(request)
    if rule.some:
        actor = caller.check_role(rule.deed or "")
    else:
        member = request.path_params[rule.member] if rule.member else None
        actor = caller.check(rule.deed or "", member)
    return replace(caller, actor=replace(actor, request=request.state.request_id))


def authenticate(request: Request) -> principals.Caller:
    """Return who holds the API key of a request. Raises Unauthorized."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Unauthorized(
            "この操作には APIキーが要ります。Authorization: Bearer gaiji_… を付けてください。",
            "This needs an API key; send Authorization: Bearer gaiji_….",
        )
    with db.reading(request.app.state.engine) as session:
        return principals.authenticate(session, key.strip())


def _body_kinds(route: APIRoute) -> tuple[str, ...]:
    """Return the media types of a route's body: those its OpenAPI names, else that of its shape."""
    described = (route.openapi_extra or {}).get("requestBody", {}).get("content")
    if described:
        return tuple(described)
    if route.body_field is None:
        return ()
    form = isinstance(route.body_field.field_info, params.Form)
    return (FORM,) if form else ("application/json",)


def _first_line(endpoint: Callable[..., Any]) -> str:
    return (endpoint.__doc__ or endpoint.__name__).strip().partition("\n")[0].rstrip(".")


def _check_names(sent: Iterable[str], known: set[str], what: Text) -> None:
    """Raise InvalidRequest for a name that the address does not know."""
    wrong = sorted(set(sent) - known)
    if wrong:
        named, names = ", ".join(one[:40] for one in wrong[:5]), ", ".join(sorted(known))
        raise InvalidRequest(
            f"{what.ja} {named} はこのアドレスにありません。使えるのは {names or '(なし)'} です。",
            f"There is no {what.en} {named} at this address; it knows {names or '(none)'}.",
            unknown=[one[:200] for one in wrong[:50]],
            known=sorted(known),
        )


async def _check_form(request: Request, known: set[str]) -> None:
    try:
        form = await request.form()  # kept by the request: it is parsed once
    except HTTPException:
        raise
    except Exception as error:
        raise HTTPException(400) from error
    try:
        _check_names(form, known, Text("フォームの項目", "form field"))
    except InvalidRequest:
        await form.close()
        raise


def _check_no_body(request: Request) -> None:
    length = request.headers.get("content-length", "0")
    if length != "0" or "transfer-encoding" in request.headers:
        raise InvalidRequest(
            "このアドレスは本文を受けません。本文なしで送ってください。",
            "This address takes no body; send none.",
        )


def _check_kind(request: Request, kinds: tuple[str, ...]) -> None:
    sent, expected = media_type(request), " | ".join(kinds)
    if sent not in kinds:
        raise UnsupportedMediaType(
            f"本文の種類 {sent or '(なし)'} は受けません。{expected} で送ってください。",
            f"A body of kind {sent or '(none)'} is not taken here; send {expected}.",
            expected=expected,
        )


def media_type(request: Request) -> str:
    """Return the media type of a request's body, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


# --- what endpoints ask for


def _settings(request: Request) -> Settings:
    return request.app.state.settings  # type: ignore[no-any-return]


def _reading(request: Request) -> Iterator[Session]:
    with db.reading(request.app.state.engine) as session:
        yield session


def _writing(request: Request) -> Iterator[Session]:
    with db.writing(request.app.state.engine) as session:
        yield session


def _actor(request: Request) -> Actor:
    return request.state.actor  # type: ignore[no-any-return]


def _caller(request: Request) -> principals.Caller:
    return request.state.caller  # type: ignore[no-any-return]


Configured = Annotated[Settings, Depends(_settings)]
Reads = Annotated[Session, Depends(_reading, scope="function")]
Writes = Annotated[Session, Depends(_writing, scope="function")]
Acting = Annotated[Actor, Depends(_actor)]
Called = Annotated[principals.Caller, Depends(_caller)]

RELEASES = (UnknownRelease, Unauthorized, Forbidden)
ReleaseName = Annotated[
    str,
    Query(
        alias="release",
        pattern=r"^(latest|pending|[1-9][0-9]{0,8})$",
        description="number, latest, or pending: what is decided and not yet published (needs a key)",
    ),
]
Limit = Annotated[int, Query(ge=1, le=500, description="items of one page")]
CursorText = Annotated[str | None, Query(max_length=600, description="`next` of the page before")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="the same key with the same request gives the same answer again, once done",
    ),
]


def shown_release(
    request: Request, session: Session, name: str, member: str | None = None
) -> int | None:
    """Return the number of a release, 0 before the first, None for pending, which needs a key.

    member: whose unpublished decisions would be shown. Raises UnknownRelease, Unauthorized, Forbidden.
    """
    if name == "pending":
        if not _is_open(request):
            authenticate(request).check("read", member)
        return None
    if name == "latest":
        return releases.latest_number(session)
    return releases.find_release(session, name).number


# --- ETags and conditions


def etag_of(body: BaseModel | bytes) -> str:
    """Return the strong ETag of an answer: its sha256, or that of its JSON."""
    data = body if isinstance(body, bytes) else body.model_dump_json(by_alias=True).encode()
    return f'"{sha256(data).hexdigest()[:32]}"'


def conditional(request: Request, response: Response, rule: Rule) -> Response:
    """Give a GET its ETag, and 304 where the caller has this very answer; streams see to it themselves."""
    if response.status_code != 200 or isinstance(response, StreamingResponse):
        return response
    headers = response.headers
    headers.setdefault("etag", etag_of(bytes(response.body)))
    headers.setdefault("cache-control", "private, no-cache" if rule.deed else "no-cache")
    known = [tag.strip().removeprefix("W/") for tag in _header(request, "if-none-match").split(",")]
    if headers["etag"] not in known and known != ["*"]:
        return response
    kept = ("etag", "cache-control", "vary", "link", "gaiji-release")
    return Response(status_code=304, headers={k: headers[k] for k in kept if k in headers})


def check_version(request: Request, current: BaseModel | None) -> None:
    """Raise VersionNeeded or StaleVersion unless a change names the state it is made on.

    current: the state as GET shows it, None where there is nothing yet.
    """
    match, none_match = _header(request, "if-match"), _header(request, "if-none-match")
    if not match and none_match != "*":
        raise VersionNeeded(
            "変更には If-Match に今の ETag を、新しい登録には If-None-Match: * を付けてください。",
            "A change needs If-Match with the current ETag, a new thing If-None-Match: *.",
        )
    if none_match == "*":
        stands = current is None
    else:
        tags = [tag.strip() for tag in match.split(",")]
        stands = current is not None and (tags == ["*"] or etag_of(current) in tags)
    if not stands:
        raise StaleVersion(
            "ほかの人が先に変更しています。読み直してから、新しい ETag でやり直してください。",
            "The state is another one by now; read it again and retry with the new ETag.",
        )


def _header(request: Request, name: str) -> str:
    return ",".join(request.headers.getlist(name)).strip()


# --- cursors


def write_cursor(scope: list[Any], release: int | None, last: Any) -> str:
    """Return the opaque cursor of the next part of a list, bound to its release and its question."""
    data = json.dumps([_mark(scope), release, last], separators=(",", ":"))
    return base64.urlsafe_b64encode(data.encode()).decode().rstrip("=")


def read_cursor(
    cursor: str, scope: list[Any], release: int | None, form: str
) -> tuple[int | None, str]:
    """Return release and last key of a cursor. Raises InvalidRequest when it belongs to another list.

    release: the one asked for, None for the state of work, which a cursor neither leaves nor enters.
    form: regular expression of the list's keys.
    """
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mark, number, last = json.loads(data)
    except (ValueError, TypeError):
        mark = number = last = None
    held = type(number) is int and 0 <= number <= (release or 0)
    bound = number is None if release is None else held
    if mark != _mark(scope) or not bound or not re.fullmatch(form, str(last)):
        raise InvalidRequest(
            "続きの位置(cursor)がこの一覧のものではありません。最初から読み直してください。",
            "The cursor does not belong to this list; start again without it.",
            parameter="cursor",
        )
    return number, str(last)


def _mark(scope: list[Any]) -> str:
    return sha256(json.dumps(scope, default=str).encode()).hexdigest()[:12]


def link_next(request: Request, response: Response, cursor: str | None) -> None:
    """Name the next part in the Link header too."""
    if cursor is not None:
        url = request.url.include_query_params(cursor=cursor)
        response.headers["link"] = f'<{url.path}?{url.query}>; rel="next"'


# --- the same answer for the same key


def once(
    session: Session,
    actor: Actor,
    key: str | None,
    asked: Any,
    make: Callable[[], tuple[int, BaseModel]],
) -> Response:
    """Do something once per Idempotency-Key; asked again, give the first answer again.

    asked: what the request says, as JSON. Raises KeyReused when the key came with something else.
    """
    if key is None:
        return _json(*make())
    fingerprint = sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()
    known = principals.recall_answer(session, actor.name, key)
    if known is None:
        status, shape = make()
        body = shape.model_dump(mode="json", by_alias=True)
        principals.remember_answer(session, actor.name, key, fingerprint, status, body)
        return JSONResponse(body, status)
    if known.request != fingerprint:
        raise KeyReused(
            "この Idempotency-Key は別の内容で使われています。新しいキーを付けてください。",
            "This Idempotency-Key came with another request; take a new one.",
        )
    return JSONResponse(known.body, known.status, {"idempotency-replayed": "true"})


def _json(status: int, shape: BaseModel) -> Response:
    return JSONResponse(shape.model_dump(mode="json", by_alias=True), status)
