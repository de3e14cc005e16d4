"""The command line: parse, call one function, print (コマンド)."""

from __future__ import annotations

import os
import signal
import sys
from functools import cache
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from gaiji import __version__
from gaiji.charset.files import storage_error
from gaiji.cli import (
    conversion,
    database,
    decisions,
    demo,
    fitgap,
    journal,
    members,
    releases,
    serving,
    tokens,
)
from gaiji.cli.shared import State, complain
from gaiji.errors import GaijiError, Text, language

app = typer.Typer(
    name="gaiji",
    help="外字の共有台帳 — a shared external-character registry for municipal clouds.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for group in (
    demo,
    serving,
    database,
    members,
    decisions,
    fitgap,
    releases,
    conversion,
    journal,
    tokens,
):
    group.register(app)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"gaiji {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_say_version, help="版を示す / print the version."
        ),
    ] = False,
) -> None:
    """外字の共有台帳 — a shared external-character registry for municipal clouds."""


def main() -> None:
    """Run the command line; every deliberate error is one sentence and its exit status."""
    signal.signal(signal.SIGTERM, _end_by_signal)
    status = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as head, had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def _end_by_signal(number: int, _frame: object) -> None:
    """End as Ctrl-C does, so that no half-written file stays behind."""
    raise SystemExit(128 + number)


def run(arguments: list[str]) -> int:
    """Run one command line in this process and return its exit status."""
    language.set(_language())
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    state = State()
    try:
        result = _command().main(arguments, prog_name="gaiji", standalone_mode=False, obj=state)
        return result if isinstance(result, int) else 0
    except GaijiError as error:
        return complain(error, state.format)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        return 130
    except TyperException as error:
        told = error.format_message().rstrip(".")
        usage = Text(
            f"コマンドの書き方が違います({told})。--help で確かめてください。",
            f"{told}; see --help.",
        )
        typer.echo(f"gaiji: {usage}", err=True)
        return 2
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        return complain(storage_error(error, error.filename or "-"), state.format)
    except KeyboardInterrupt:
        return 130


@cache
def _command() -> Any:
    """The commands, put together once: the demo types more than a hundred of them in one process."""
    return typer.main.get_command(app)


def _language() -> Literal["ja", "en"]:
    """Japanese unless the locale names another language; a bare C or POSIX locale names none."""
    said = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    name = said.split(".")[0]
    return "ja" if name in ("", "C", "POSIX") or name.startswith("ja") else "en"


__all__ = ["app", "main", "run"]
