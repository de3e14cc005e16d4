"""The outermost layer of the service, in pure ASGI (受付の層).

Every request gets an id, a language, a limit on its body and a place in the counters; every answer gets
the security headers. What nobody expected becomes a problem document without internals. Addresses are
logged without their query, so that nothing a person typed reaches a log.
"""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gaiji.errors import Busy, GaijiError, InvalidRequest, Language, TooLarge, language
from gaiji.web.problems import problem_response

access = logging.getLogger("gaiji.access")
faults = logging.getLogger("gaiji.fault")

IN_FLIGHT_LIMIT = 256
COOKIE = "lang"
METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"}
CSP = (
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Counters:
    """How many answers were given and how long they took, for /metrics (計測)."""

    def __init__(self) -> None:
        self.answers: defaultdict[tuple[str, str, int], int] = defaultdict(int)
        self.seconds: defaultdict[tuple[str, str], float] = defaultdict(float)
        self.in_flight = 0

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.answers[method, route, status] += 1
        self.seconds[method, route] += seconds

    def exposition(self) -> str:
        """Return the counters in Prometheus' text format."""
        lines = [
            "# HELP gaiji_http_requests_total Answers by method, route and status.",
            "# TYPE gaiji_http_requests_total counter",
        ]
        totals: defaultdict[tuple[str, str], int] = defaultdict(int)
        for (method, route, status), count in sorted(self.answers.items()):
            totals[method, route] += count
            lines.append(
                f'gaiji_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}'
            )
        lines += [
            "# HELP gaiji_http_request_seconds Time to answer by method and route.",
            "# TYPE gaiji_http_request_seconds summary",
        ]
        for (method, route), seconds in sorted(self.seconds.items()):
            labels = f'{{method="{method}",route="{route}"}}'
            lines.append(f"gaiji_http_request_seconds_sum{labels} {seconds:.6f}")
            lines.append(f"gaiji_http_request_seconds_count{labels} {totals[method, route]}")
        lines += [
            "# HELP gaiji_http_requests_in_flight Requests being answered now.",
            "# TYPE gaiji_http_requests_in_flight gauge",
            f"gaiji_http_requests_in_flight {self.in_flight}",
        ]
        return "\n".join(lines) + "\n"


class Edge:
    """Wraps the application: see the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        counters: Counters,
        max_body_bytes: int,
        in_flight_limit: int = IN_FLIGHT_LIMIT,
        streamed: Mapping[str, int] | None = None,
    ) -> None:
        """Wrap an application; streamed: body limits of paths whose bodies are never held in memory."""
        self.app, self.counters = app, counters
        self.max_body_bytes, self.in_flight_limit = max_body_bytes, in_flight_limit
        self.streamed = streamed or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = time.perf_counter()
        answer = _Answer(scope, send)
        token = language.set(answer.language)
        self.counters.in_flight += 1
        try:
            await self._answer(scope, receive, answer)
        finally:
            self.counters.in_flight -= 1
            language.reset(token)
            took = time.perf_counter() - begun
            method = answer.method if answer.method in METHODS else "OTHER"
            route = getattr(answer.scope.get("route"), "path", "unmatched")
            self.counters.count(method, route, answer.status, took)
            path = scope["path"].encode("unicode_escape").decode()
            access.info(
                "%s %s %d %.1f ms %s", method, path, answer.status, took * 1000, answer.request_id
            )

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            limit = self.streamed.get(scope["path"], self.max_body_bytes)
            self._check(scope, limit)
            await self.app(answer.scope, _limited(receive, limit), answer.send)
        except GaijiError as error:
            await problem_response(error)(scope, receive, answer.send)
        except Exception:
            faults.exception("request %s failed", answer.request_id)
            if answer.started:
                raise
            fault = GaijiError(
                f"内部の誤りです。要求番号 {answer.request_id} を運用担当に知らせてください。",
                f"Something went wrong inside; tell the operators request id {answer.request_id}.",
            )
            await problem_response(fault)(scope, receive, answer.send)

    def _check(self, scope: Scope, limit: int) -> None:
        if self.counters.in_flight > self.in_flight_limit:
            raise Busy(
                "要求が混み合っています。少し待ってやり直してください。",
                "Too many requests at once; wait a moment and try again.",
            )
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            raise InvalidRequest(
                "アドレスに使えない文字(NUL)があります。取り除いてください。",
                "The address holds a NUL; remove it.",
            )
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(limit)


class _Answer:
    """One answer on its way out."""

    def __init__(self, scope: Scope, send: Send) -> None:
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        self.request_id = given if re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII) else uuid4().hex
        self.asked = _asked_language(scope)
        api = scope["path"].startswith("/v1/")
        self.language = self.asked or (None if api else _chosen(headers)) or _language(headers)
        self.method = scope["method"]
        self.started, self.status, self._send = False, 500, send
        is_head = self.method == "HEAD"
        state = {**scope.get("state", {}), "request_id": self.request_id, "is_head": is_head}
        # HEAD is answered as GET, without the body
        method = "GET" if is_head else self.method
        self.scope: Scope = {**scope, "state": state, "method": method}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers["x-request-id"] = self.request_id
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            kind = headers.get("content-type", "")
            if kind.startswith(("text/html", "application/json", "application/problem+json")):
                headers["content-language"] = self.language
                headers.add_vary_header("Accept-Language")
            if kind.startswith("text/html"):
                headers.add_vary_header("Cookie")
                if self.asked:
                    headers.append(
                        "set-cookie",
                        f"{COOKIE}={self.asked}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly",
                    )
        elif message["type"] == "http.response.body" and self.method == "HEAD":
            message = {**message, "body": b""}
        await self._send(message)


def _asked_language(scope: Scope) -> Language | None:
    """The language of `?lang=`, which pages offer as a switch."""
    if scope["path"].startswith("/v1/"):
        return None
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
    return "en" if asked == "en" else "ja" if asked == "ja" else None


def _chosen(headers: Headers) -> Language | None:
    """The language of the cookie that pages leave."""
    try:
        chosen = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return None if chosen is None else "en" if chosen.value == "en" else "ja"


def _language(headers: Headers) -> Language:
    """The language of Accept-Language; Japanese where it says neither."""
    best: tuple[float, Language] = (0.0, "ja")
    for part in headers.get("accept-language", "").split(","):
        tag, _, parameter = part.strip().partition(";")
        weight = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", parameter)
        quality = float(weight[1]) if weight else 1.0
        main = tag.strip().lower().partition("-")[0]
        if main in ("ja", "en") and quality > best[0]:
            best = quality, "en" if main == "en" else "ja"
    return best[1]


def _limited(receive: Receive, limit: int) -> Receive:
    """Return a `receive` that raises TooLarge once a body has more bytes than the limit."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(limit)
        return message

    return counted


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"本文が大きすぎます。{limit} バイトまでにしてください。",
        f"The body is too large; send at most {limit} bytes.",
        limit_bytes=limit,
    )
