"""What every command uses: the home folder, a session, output in the format asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from gaiji.errors import BadInput, GaijiError, Where
from gaiji.registry import db, schema
from gaiji.registry.journal import Actor
from gaiji.settings import Settings

Format = Literal["text", "json", "csv", "html"]


@dataclass
class State:
    """What one command line asked for, as far as it concerns how errors are shown."""

    format: str = "text"
    engines: dict[str, Engine] = field(default_factory=dict)


def remember_format(context: typer.Context, value: str) -> str:
    """Note the output format, so that an error is shown in it too."""
    if value not in get_args(Format):
        raise BadInput(
            f"--format に {value} は使えません。{'・'.join(get_args(Format))} のどれかにしてください。",
            f"--format cannot be {value}; take one of {', '.join(get_args(Format))}.",
        )
    if isinstance(context.obj, State):
        context.obj.format = value
    return value


Home = Annotated[
    Path | None,
    typer.Option("--home", help="台帳のフォルダ / folder of the registry (GAIJI_HOME)."),
]
By = Annotated[
    str | None,
    typer.Option(
        "--by", help="決定・操作する人の名前 / who acts (GAIJI_ACTOR; default: the login)."
    ),
]


def _text_or_json(context: typer.Context, value: str) -> str:
    if value not in ("text", "json"):
        raise BadInput(
            f"--format に {value} は使えません。text か json にしてください。",
            f"--format cannot be {value}; take text or json.",
        )
    return remember_format(context, value)


OutputFormat = Annotated[
    str,
    typer.Option("--format", help="text | json", callback=_text_or_json),
]


def settings_for(home: Path | None) -> Settings:
    """Return the settings with the home folder of the command line. Raises BadInput for a bad variable."""
    try:
        return Settings(home=home) if home else Settings()
    except ValidationError as error:
        names = ", ".join(f"GAIJI_{str(part['loc'][0]).upper()}" for part in error.errors())
        raise BadInput(
            f"環境変数 {names} の値が使えません。docs/operations.md の表で書き方を確かめてください。",
            f"The value of {names} cannot be used; see the table in docs/operations.md.",
        ) from None


def actor(settings: Settings, by: str | None) -> Actor:
    """Return who acts at this terminal: the operator of the machine, by name."""
    return Actor(by or settings.actor, "operator")


def open_engine(settings: Settings) -> Engine:
    """Return the engine of an existing registry with this program's schema."""
    file = db.database_file(settings)
    if file is not None and not file.exists():
        raise BadInput(
            f"台帳 {file} がありません。gaiji db upgrade で作るか、--home を確かめてください。",
            f"There is no registry {file}; make one with gaiji db upgrade, or check --home.",
        )
    engine = db.connect(settings)
    schema.check(engine)
    return engine


@contextmanager
def reading(home: Path | None) -> Iterator[Session]:
    """Give a session for reading the registry of a home folder."""
    engine = open_engine(settings_for(home))
    try:
        with db.reading(engine) as session:
            yield session
    finally:
        engine.dispose()


@contextmanager
def writing(home: Path | None) -> Iterator[Session]:
    """Give a session whose changes are committed when the command ends well."""
    engine = open_engine(settings_for(home))
    try:
        with db.writing(engine) as session:
            yield session
    finally:
        engine.dispose()


def read_file(path: Path) -> tuple[str, bytes]:
    """Return name and bytes of an input file. Raises BadInput when it cannot be read."""
    try:
        return path.name, path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"ファイル {path} を読めません。名前と権限を確かめてください。",
            f"File {path} cannot be read; check its name and rights.",
            where=Where(file=str(path)),
        ) from error


def say(ja_or_text: object) -> None:
    """Print one line for people on standard output."""
    typer.echo(str(ja_or_text))


def say_json(value: Any) -> None:
    """Print JSON for programs on standard output."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


def say_table(headers: list[str], rows: list[list[Any]], *, right: tuple[int, ...] = ()) -> None:
    """Print a plain table for people."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, header in enumerate(headers):
        table.add_column(header, justify="right" if place in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 200, highlight=False, markup=False).print(table)


def complain(error: GaijiError, format: str) -> int:
    """Print an error the way the command was asked to speak and return its exit status."""
    if format == "json":
        typer.echo(json.dumps(error.problem(), ensure_ascii=False), err=True)
    else:
        typer.echo(f"gaiji: {error.sentence}", err=True)
        findings = error.extra.get("findings", [])
        for finding in findings[:20] if len(findings) > 1 else ():
            place = Where(**finding["where"]) if finding.get("where") else Where()
            told = f" ({place})" if place.as_dict() else ""
            typer.echo(f"  - {finding['text']}{told}", err=True)
    return error.exit_code
