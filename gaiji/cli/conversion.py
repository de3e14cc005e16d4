"""gaiji convert, gaiji restore, gaiji translate: whole files and single codes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from gaiji.cli import batch
from gaiji.cli.shared import Home, OutputFormat, reading, remember_format, say_json, say_table
from gaiji.errors import BadInput, Text

KINDS: dict[batch.Kind, type] = {
    "text": str,
    "path": Path,
    "number": int,
    "flag": bool,
    "day": datetime,
}
"""As what the library reads each kind of parameter."""


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for name, (function, parameters) in batch.COMMANDS.items():
        app.command(name)(_typed(function, parameters))
    app.command("translate")(translate)


def _typed(
    function: Callable[..., None], parameters: tuple[batch.Parameter, ...]
) -> Callable[..., None]:
    """Return a command whose signature is what a table of parameters says."""

    def command(context: typer.Context, **given: Any) -> None:
        for one in parameters:
            value = given[one.name]
            if one.choices and value not in one.choices:
                raise BadInput(
                    f"{one.option} に {value} は使えません。{'・'.join(one.choices)} から選んでください。",
                    f"{one.option} cannot be {value}; choose one of {', '.join(one.choices)}.",
                )
            if isinstance(value, datetime):
                given[one.name] = value.date()
        if "format" in given:
            remember_format(context, given["format"])
        function(**given)

    hints: dict[str, Any] = {"context": typer.Context}
    shown = [inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    for one in parameters:
        hints[one.name] = Annotated[_hint(one), _declared(one)]
        default = inspect.Parameter.empty if one.default is ... else one.default
        shown.append(inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default))
    command.__annotations__ = hints
    command.__doc__ = function.__doc__
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(annotation=hints[one.name]) for one in shown]
    )
    return command


def _hint(one: batch.Parameter) -> Any:
    kind: Any = KINDS[one.kind]
    return kind | None if one.default is None else kind


def _declared(one: batch.Parameter) -> Any:
    if one.option is None:
        metavar = {"source": "IN", "target": "OUT"}.get(one.name)
        return typer.Argument(metavar=metavar, help=one.help)
    more: dict[str, Any] = {"formats": ["%Y-%m-%d"]} if one.kind == "day" else {}
    if one.least is not None:
        more["min"] = one.least
    return typer.Option(one.option, help=one.help, **more)


def translate(
    codes: Annotated[list[str], typer.Argument(help="F040 | MJ026190 | J+9089 | U+9089 …")],
    from_: Annotated[str, typer.Option("--from", help="252069/juki | unicode | juki | x0213 | mj")],
    to: Annotated[str, typer.Option(help="252069/juki | unicode | juki | x0213 | mj")],
    release: Annotated[str, typer.Option(help="1, 2 … | latest")] = "latest",
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """コードの対応をすべて調べる / all matches of single codes."""
    from gaiji.registry.translation import translate as translate_codes

    with reading(home) as session:
        found = translate_codes(session, from_, to, codes, release)
    if format == "json":
        say_json(found)
        return
    rows: list[list[str | None]] = []
    for one in found.results:
        for match in one.matches:
            rows.append([one.code, match.code or "—", match.id, match.relationship, match.how])
        if not one.matches:
            rows.append([one.code, "—", None, None, None])
    headers = str(
        Text("コード 対応 共通文字 関係 根拠", "code match character relation how")
    ).split()
    say_table(headers, rows)
