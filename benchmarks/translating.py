"""Translation: look-ups a second in this process and over HTTP; the limits are a dict and a bare route."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from sqlalchemy.orm import Session

from benchmarks.harness import Figure, Race, Section, number_text, running
from benchmarks.world import RESIDENTS, World
from gaiji.registry import releases
from gaiji.registry.translation import translate

TARGET = "juki"
SIZES = (1, 1_000, 10_000)
PROCESS = {size: f"in this process, calls of {size:,}" for size in SIZES}
DICT = "bare dict look-ups"
HTTP = {size: f"HTTP, calls of {size:,}, one connection" for size in SIZES}
BARE = "bare Starlette route, one connection"
FOUR = "HTTP, calls of 1, four connections"
REQUESTS, IN_ONE_RUN = 200, {1: 1_000, 1_000: 10, 10_000: 2}


def measure(world: World) -> Section:
    race = Race()
    with world.session() as session:
        latest = releases.find_release(session, "latest")
        codes = [
            row.code.hex().upper() for row in releases.mapping(session, RESIDENTS, latest).rows
        ]
        asked = {size: [codes[at % len(codes)] for at in range(size)] for size in SIZES}
        for size in SIZES:
            race.add(PROCESS[size], _in_process(session, asked[size], IN_ONE_RUN[size]))
        answers = {one.code: one for one in translate(session, RESIDENTS, TARGET, codes).results}
        race.add(DICT, lambda _: [answers.get(code) for code in asked[10_000] for _ in range(10)])
        taken = race.run()
    figures = [
        Figure(
            PROCESS[size],
            taken[PROCESS[size]],
            size * IN_ONE_RUN[size],
            "codes",
            DICT,
        )
        for size in SIZES
    ]
    figures.append(Figure(DICT, taken[DICT], 100_000, "codes"))
    figures += _over_http(world, asked)
    known = {figure.name: figure for figure in figures}
    single, batch = known[PROCESS[1]], known[PROCESS[10_000]]
    meaning = [
        f"A call of its own costs {1e6 / single.rate:.0f} µs, most of it finding the release; in batches of "
        f"10,000 a code costs {1e6 / batch.rate:.1f} µs, all its matches included.",
    ]
    said = f"変換照会はプロセス内で1件ずつ {number_text(single.rate)}、1万件ずつで {number_text(batch.rate)} 件/秒"
    web = known.get(HTTP[1])
    if web:
        many = known[HTTP[10_000]]
        meaning.append(
            f"Over HTTP on loopback one connection gets {number_text(web.rate)} answers a second. A batch job of "
            f"100,000 residents with 5,000 gaiji asks 5,000 codes: one call of "
            f"{5_000 / many.rate * 1e3:.0f} ms. Eight cities doing that at once: {40_000 / many.rate:.1f} s; "
            f"1,741 municipalities (extrapolated, one process): {1741 * 5_000 / many.rate / 60:.1f} min."
        )
        said += f"、HTTPでは1接続1件ずつ {number_text(web.rate)} 件/秒、1万件ずつで {number_text(many.rate)} 件/秒"
    else:
        meaning.append("The service could not be started, so there are no figures over HTTP.")
    return Section(tuple(figures), tuple(meaning), said + "。")


def _in_process(session: Session, codes: list[str], times: int) -> Callable[[None], None]:
    def run(_: None) -> None:
        for _turn in range(times):
            translate(session, RESIDENTS, TARGET, codes)

    return run


# --- over HTTP


class Line:
    """One kept-alive connection that sends ready-made requests: as little client as possible."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._open()

    def _open(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> bytes:
        """Send a request and return the body of its answer. Raises RuntimeError unless it is 200."""
        try:
            self.socket.sendall(request)
            data = self._more()
        except (ConnectionError, RuntimeError):  # idle for too long while others had their turn
            self.socket.close()
            self._open()
            self.socket.sendall(request)
            data = self._more()
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode("latin-1"))
        lengths = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        parts, missing = [body], lengths[0] - len(body)
        while missing > 0:
            parts.append(part := self._more())
            missing -= len(part)
        return b"".join(parts)

    def _more(self) -> bytes:
        part = self.socket.recv(1 << 18)
        if not part:
            raise RuntimeError("the server closed the connection")
        return part


def _request(codes: list[str]) -> bytes:
    """Return a GET for one code, a POST for several."""
    if len(codes) == 1:
        path = f"/v1/translate?from={RESIDENTS.replace('/', '%2F')}&to={TARGET}&code={codes[0]}"
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    listed = ",".join(f'"{code}"' for code in codes)
    body = f'{{"from":"{RESIDENTS}","to":"{TARGET}","codes":[{listed}]}}'.encode()
    head = "POST /v1/translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _over_http(world: World, asked: dict[int, list[str]]) -> list[Figure]:
    port, bare_port = _free_port(), _free_port()
    service = [
        sys.executable,
        "-m",
        "gaiji",
        "serve",
        "--home",
        str(world.home),
        "--port",
        str(port),
    ]
    bare = [sys.executable, "-m", "uvicorn", "benchmarks.bare:app", "--port", str(bare_port)]
    bare += ["--log-level", "error", "--no-access-log"]
    singles = [_request([code]) for code in asked[1_000][:REQUESTS]]
    times = {1: REQUESTS, 1_000: 5, 10_000: 1}
    try:
        with (
            running(service),
            running(bare),
            _lines(port, 4) as lines,
            _lines(bare_port, 1) as (plain,),
        ):
            race = Race()
            race.add(HTTP[1], lambda _: [lines[0].ask(one) for one in singles])
            race.add(BARE, lambda _: [plain.ask(one) for one in singles])
            race.add(FOUR, lambda _: _together(lines, singles))
            for size in SIZES[1:]:
                request = _request(asked[size])
                race.add(
                    HTTP[size],
                    partial(_repeat, lines[0], request, times[size]),
                )
            taken = race.run()
    except (OSError, RuntimeError) as error:
        world.say(f"no figures over HTTP: {error}")
        return []
    peers = {HTTP[1]: BARE, FOUR: BARE}
    work = {HTTP[size]: size * times[size] for size in SIZES}
    work |= {BARE: REQUESTS, FOUR: 4 * REQUESTS}
    return [
        Figure(name, runs, work[name], "codes" if name != BARE else "answers", peers.get(name))
        for name, runs in taken.items()
    ]


def _repeat(line: Line, request: bytes, times: int, _: None) -> None:
    for _turn in range(times):
        line.ask(request)


def _together(lines: list[Line], requests: list[bytes]) -> None:
    with ThreadPoolExecutor(len(lines)) as pool:
        for done in [
            pool.submit(lambda line: [line.ask(r) for r in requests], line) for line in lines
        ]:
            done.result()


@contextmanager
def _lines(port: int, count: int) -> Iterator[list[Line]]:
    """Give connections to a server that is just starting. Raises OSError when it does not within 30 s."""
    until = time.monotonic() + 30
    while True:
        try:
            lines = [Line(port) for _ in range(count)]
            break
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
    try:
        yield lines
    finally:
        for line in lines:
            line.socket.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
