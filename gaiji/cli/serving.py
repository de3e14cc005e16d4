"""gaiji serve: the API and the glyph browser."""

from __future__ import annotations

import logging
import socket
from typing import Annotated

import typer

from gaiji.cli.shared import Home, open_engine, say, settings_for
from gaiji.errors import Text, Unreachable

GOODBYE_S = 10
"""How long an end waits for answers on their way; whoever follows a job would hold it for minutes."""


HEAD_BYTES = 1 << 17
"""Most bytes of a request's head: a layout in the address is 8,000 characters, which may be nine bytes each."""


def log_to_terminal() -> None:
    """Write what services say to standard error, one line each."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level="INFO")
    for quiet in ("alembic", "uvicorn.error"):
        logging.getLogger(quiet).setLevel("WARNING")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("serve")(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="待ち受けるアドレス / address to listen on")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="ポート / port")] = 8000,
    open_work: Annotated[
        bool,
        typer.Option(
            "--open-work",
            help="提案・一覧・FIT&GAPを鍵なしで見せる / show proposals, lists and gaps without a key",
        ),
    ] = False,
    home: Home = None,
) -> None:
    """APIと字形ブラウザーを動かす / run the API and the glyph browser until interrupted."""
    import uvicorn  # only this command needs the server; the others start faster without

    from gaiji.jobs import working
    from gaiji.web.app import create_app

    log_to_terminal()
    settings = settings_for(home)
    if open_work:
        settings = settings.model_copy(update={"open_work": True})
    engine = open_engine(settings)
    try:
        config = uvicorn.Config(
            create_app(settings, engine),
            host=host,
            port=port,
            access_log=False,
            h11_max_incomplete_event_size=HEAD_BYTES,
            log_config=None,
            timeout_graceful_shutdown=GOODBYE_S,
        )
        with (
            _listening(host, port) as listener,
            working(settings, engine, settings.job_workers),
        ):
            address = f"http://{host}:{listener.getsockname()[1]}/"
            told = Text(
                f"{address} で動いています。止めるには Ctrl-C。",
                f"Running on {address} — Ctrl-C stops it.",
            )
            say(told)
            uvicorn.Server(config).run(sockets=[listener])
    finally:
        engine.dispose()


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens. Raises Unreachable when the address is taken or not this machine's."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise Unreachable(
            f"{host}:{port} で待ち受けられません。使用中なら --port で別のポートを指定してください。",
            f"Cannot listen on {host}:{port}; if it is in use, name another one with --port.",
        ) from error
