"""The command line: parse, call one function, print (コマンド)."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from gaiji.charset.files import storage_error
from gaiji.cli import batch
from gaiji.cli.saying import Interrupted, State, complain, say
from gaiji.errors import BadInput, GaijiError, Text, language

if TYPE_CHECKING:
    import typer

COMMANDS = {
    "demo": "demo",
    "serve": "serving",
    "db": "database",
    "doctor": "database",
    "reference": "database",
    "fonts": "database",
    "member": "members",
    "codeset": "members",
    "decide": "decisions",
    "policy": "decisions",
    "fitgap": "fitgap",
    "collisions": "collisions",
    "identify": "identify",
    "list": "listing",
    "release": "releases",
    "convert": "conversion",
    "restore": "conversion",
    "translate": "conversion",
    "charset": "charset",
    "layout": "layouts",
    "usage": "usage",
    "cutover": "cutover",
    "lint": "lint",
    "name": "name",
    "bundle": "bundle",
    "font": "font",
    "rights": "rights",
    "jobs": "jobs",
    "site": "sites",
    "adopt": "sites",
    "adoptions": "sites",
    "journal": "journal",
    "token": "tokens",
}
"""The module of every command: only that one is loaded, because a batch job starts thousands of conversions."""

INTERRUPTED = 130
"""The exit status after Ctrl-C."""


def command_line(first: str | None = None) -> typer.Typer:
    """Return the command line: with the commands beside a first word alone, or with all."""
    import typer

    app = typer.Typer(
        name="gaiji",
        help="外字の共有台帳 — a shared external-character registry for municipal clouds.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    told = typer.Option(
        "--version", is_eager=True, callback=_say_version, help="版を示す / print the version."
    )

    def common(version: Any = False) -> None:
        """外字の共有台帳 — a shared external-character registry for municipal clouds."""

    common.__annotations__["version"] = Annotated[bool, told]
    app.callback()(common)
    names = [COMMANDS[first]] if first in COMMANDS else dict.fromkeys(COMMANDS.values())
    for name in names:
        importlib.import_module(f"gaiji.cli.{name}").register(app)
    return app


def _say_version(asked: bool) -> None:
    if asked:
        import typer

        from gaiji import __version__

        say(f"gaiji {__version__}")
        raise typer.Exit


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
        if plain := batch.parsed(arguments, state):
            plain()
            return 0
        return _through_typer(arguments, state)
    except GaijiError as error:
        return complain(error, state.format)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OverflowError:  # a number that no database holds
        too_large = BadInput(
            "指定した数が大きすぎます。桁数を確かめてください。",
            "A number on the command line is too large; check its digits.",
        )
        return complain(too_large, state.format)
    except OSError as error:
        return complain(storage_error(error, error.filename), state.format)
    except KeyboardInterrupt as stopped:
        return _interrupted(stopped)


def _interrupted(stopped: BaseException | None) -> int:
    """Say that somebody pressed Ctrl-C, and what was written where that is known."""
    told = (
        stopped.text if isinstance(stopped, Interrupted) else Text("中断しました。", "Interrupted.")
    )
    say(f"gaiji: {told}", aside=True)
    return INTERRUPTED


def _through_typer(arguments: list[str], state: State) -> int:
    import typer
    from typer.exceptions import TyperException

    try:
        first = next((word for word in arguments if not word.startswith("-")), None)
        result = _command(first).main(
            arguments, prog_name="gaiji", standalone_mode=False, obj=state
        )
        if result == INTERRUPTED:  # the library says Ctrl-C by its status alone
            return _interrupted(None)
        return result if isinstance(result, int) else 0
    except typer.Exit as ended:
        return ended.exit_code
    except typer.Abort:
        return _interrupted(None)
    except TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            say(error.format_message(), aside=True)
            return 2
        from gaiji.cli.misuse import misuse

        return complain(misuse(error, _command(first), arguments), _format(arguments, state))


def _format(arguments: list[str], state: State) -> str:
    """Return the format that a command line asks for, also one that cannot be read to its end."""
    said = " ".join(arguments)
    return "json" if "--format json" in said or "--format=json" in said else state.format


@cache
def _command(first: str | None) -> Any:
    """The commands, put together once: the demo types more than a hundred of them in one process."""
    import typer.main

    return typer.main.get_command(command_line(first))


def _language() -> Literal["ja", "en"]:
    """Japanese unless the locale names another language; a bare C or POSIX locale names none."""
    said = next(
        (os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), ""
    )
    name = said.split(".")[0]
    return "ja" if name in ("", "C", "POSIX") or name.startswith("ja") else "en"


__all__ = ["COMMANDS", "command_line", "main", "run"]
