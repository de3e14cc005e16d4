"""The service: API, pages, documentation and health of one registry (サービス).

Everything is served from this machine; nothing is fetched from another host, by the service or by a page.
"""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI
from fastapi import Path as PathParameter
from fastapi.openapi.utils import get_openapi
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gaiji import __version__
from gaiji.errors import NotFound, problem_types
from gaiji.registry import db, journal, schema
from gaiji.registry.quotas import Arrivals
from gaiji.settings import Settings
from gaiji.web import (
    adoptions,
    characters,
    charsets,
    collisions,
    cutovers,
    fonts,
    identify,
    jobs,
    lint,
    lists,
    members,
    names,
    pages,
    pictures,
    problems,
)
from gaiji.web import releases as published
from gaiji.web.about import describe
from gaiji.web.edge import Counters, Edge
from gaiji.web.problems import raises
from gaiji.web.routing import BEARER, Configured, Guarded, Reads, public, router
from gaiji.web.walls import Walls
from gaiji.wire.service import AboutShape, ProblemTypeShape, ReadyShape

STATIC = Path(__file__).parent / "static"
TAGS = {
    "members": "構成市 — members, by municipality code",
    "codesets": "外字セット — a member's gaiji of one business system; imports, decisions, local codes",
    "charsets": "文字コード体系 — charsets, and the tables the council imported",
    "characters": "共通文字 — shared characters: search, numbers, variants, uses",
    "glyphs": "字形 — pictures by digest, comparisons",
    "adoptions": "適用状況 — sites, the releases they run, and whom a change would touch",
    "cutovers": "CSサーバー移行 — plans for shared CS servers, rows, ambiguous ways back",
    "releases": "版 — what was published, and what changed",
    "translation": "変換照会 — codes from one notation to another",
    "reports": "適合・不適合 — FIT&GAP",
    "identification": "文字同定 — what glyphs may be, confirmed by people",
    "jobs": "ファイル変換とジョブ — whole files, as jobs with progress, result, report and receipt",
    "journal": "履歴 — every act, and the files it names",
    "service": "このサービス — about, health, problem types",
}
DESCRIPTION = """外字の共有台帳 — a shared external-character registry for municipal clouds.

Reading what is published is open; everything else needs an API key: `Authorization: Bearer gaiji_…`.
Every 4xx and 5xx is a problem document (RFC 9457) whose texts follow `Accept-Language` (ja, en); its
`type` is stable and explained at `/problems/{code}`. GET answers carry a strong ETag. Lists are paged by
`cursor`, bound to one release.
"""

service = router("service")
root = router("service", prefix="")


def create_app(settings: Settings, engine: Engine | None = None) -> FastAPI:
    """Return the service of a registry (サービス).

    engine: its database, opened from the settings and closed at the end where none is given.
    """
    own = engine is None
    database = engine or db.connect(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        if own:
            database.dispose()

    app = FastAPI(
        title="gaiji",
        version=__version__,
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    counters = Counters()
    app.state.settings, app.state.engine, app.state.counters = settings, database, counters
    app.state.error_page = pages.error_page
    app.state.routes, app.state.fitgaps, app.state.followers = [], {}, 0
    app.state.arrivals, app.state.walls = Arrivals(), Walls()
    for part in (*ROUTERS, pages.html):
        app.include_router(part)
        for route in part.routes:
            if not isinstance(route, Guarded):
                raise RuntimeError(f"{route} has no rule")
            app.state.routes.append(route)
    problems.install(app)
    app.add_middleware(
        Edge,
        counters=counters,
        max_body_bytes=settings.max_body_bytes,
        in_flight_limit=settings.max_concurrency,
        streamed={"/v1/conversions": settings.job_max_bytes},
    )
    return app


# --- about


@service.get("/about")
@public
def show_about(session: Reads, settings: Configured) -> AboutShape:
    """What this service is and what it stands on (このサービスについて): data, editions, licences, fonts."""
    return describe(session, settings)


@root.get("/healthz")
@public
def check_alive() -> ReadyShape:
    """Whether the process answers (生存確認)."""
    return ReadyShape(status="ok")


@root.get("/readyz")
@public
def check_ready(request: Request, session: Reads) -> ReadyShape:
    """Whether the database answers and has this program's schema (準備確認)."""
    schema.check(request.app.state.engine)
    journal.last_entry(session)
    current, _ = schema.revisions(request.app.state.engine)
    return ReadyShape(status="ready", schema_revision=current)


@root.get("/metrics", response_class=PlainTextResponse)
@public
def show_metrics(request: Request) -> Response:
    """Counters in Prometheus' text format (計測)."""
    text = request.app.state.counters.exposition() + jobs.gauges(request.app.state.engine)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4")


Code = Annotated[str, PathParameter(max_length=60, examples=["unknown-member"])]


@root.get("/problems/{code}", responses=raises(NotFound))
@public
def show_problem_type(code: Code) -> ProblemTypeShape:
    """What a problem type means (誤りの種類)."""
    found = problem_types().get(code)
    if found is None:
        raise NotFound(f"誤りの種類 {code} はありません。", f"There is no problem type {code}.")
    return ProblemTypeShape(
        type=f"/problems/{code}",
        title=str(found.title),
        status=found.status,
        exit_status=found.exit_code,
        description=str(problems.described(found)),
    )


# --- OpenAPI, its pages, static files


@root.get("/openapi.json", include_in_schema=False)
@public
def show_openapi(request: Request) -> Response:
    """The OpenAPI document (API仕様)."""
    return JSONResponse(openapi(request.app))


def openapi(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document: every error a problem document, keys as bearer tokens."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=DESCRIPTION,
            routes=app.routes,
            tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        )
        parts = document.setdefault("components", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            parts["schemas"].pop(unused, None)
        parts["schemas"]["Problem"] = problems.PROBLEM_SCHEMA
        parts["securitySchemes"] = BEARER
        app.openapi_schema = document
    return app.openapi_schema


def serve_static(name: str) -> Response:
    """A file of the pages: style, and the documentation's script."""
    found = static_files().get(name)
    if found is None:
        raise NotFound("このファイルはありません。", "There is no such file.")
    data, media_type, etag = found
    headers = {"cache-control": "public, max-age=3600", "etag": etag}
    return Response(data, media_type=media_type, headers=headers)


root.add_api_route(
    "/static/{name:path}", public(serve_static), include_in_schema=False, response_model=None
)


@cache
def static_files() -> dict[str, tuple[bytes, str, str]]:
    """Return the static files by name: bytes, media type, ETag. No other file can be asked for."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "text/plain"
            etag = f'"{sha256(data).hexdigest()[:32]}"'
            found[path.relative_to(STATIC).as_posix()] = data, kind, etag
    return found


ROUTERS = (
    members.api,
    members.sets,
    charsets.counts,
    charsets.api,
    characters.api,
    pictures.glyphs,
    fonts.api,
    published.api,
    published.translation,
    names.api,
    names.html,
    lint.api,
    published.reports,
    identify.api,
    jobs.api,
    published.acts,
    adoptions.api,
    adoptions.html,
    cutovers.api,
    cutovers.html,
    collisions.api,
    collisions.html,
    lists.api,
    lists.html,
    service,
    root,
)
__all__ = ["create_app", "openapi"]
