"""The limit of an HTTP answer in Python: a bare Starlette route that says the same bytes every time."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ANSWER = (
    b'{"release":2,"results":[{"code":"F040","unmapped":false,"matches":[{"id":"MJ026190","code":"J+9089",'
    b'"relationship":"equivalent","how":"mj-name, juki"}]}]}'
)


async def translate(request: Request) -> Response:
    return Response(ANSWER, media_type="application/json")


app = Starlette(routes=[Route("/v1/translate", translate, methods=["GET", "POST"])])
