"""What every command uses: the home folder, a session, output in the format asked for."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import typer

from gaiji.cli.saying import State, complain, counted, plain, say, say_json
from gaiji.errors import BadInput, TooLarge, Where

if TYPE_CHECKING:  # loaded where they are used: a conversion by a mapping file needs none of them
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from gaiji.registry.journal import Actor
    from gaiji.settings import Settings

LARGEST_BYTES = 64 << 20
"""Of a table, font, list or definition that is read whole; the largest in use have a few MB."""
ALL = "all"
Format = Literal["text", "json", "csv", "html"]


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
Members = Annotated[
    str | None, typer.Option("--members", help="構成市、コンマ区切り / members, comma-separated")
]
CodeSets = Annotated[
    str | None,
    typer.Option("--codesets", help="外字セット、コンマ区切り / code sets, comma-separated"),
]
System = Annotated[str | None, typer.Option("--system", help="業務システム / business system")]


def _known_group(value: str | None) -> str | None:
    from gaiji.registry.members import GROUPS

    return None if value is None else one_of("--group", value, GROUPS)


Group = Annotated[
    str | None,
    typer.Option("--group", help="住民記録系 | 税系 | 社会保障系 | その他", callback=_known_group),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="書き込まない / write nothing")]
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
    from pydantic import ValidationError

    from gaiji.settings import Settings

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
    from gaiji.registry.journal import Actor

    return Actor(by or settings.actor, "operator")


def open_engine(settings: Settings) -> Engine:
    """Return the engine of an existing registry with this program's schema."""
    from gaiji.registry import db, schema

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
    from gaiji.registry import db

    engine = open_engine(settings_for(home))
    try:
        with db.reading(engine) as session:
            yield session
    finally:
        engine.dispose()


@contextmanager
def writing(home: Path | None) -> Iterator[Session]:
    """Give a session whose changes are committed when the command ends well."""
    from gaiji.registry import db

    engine = open_engine(settings_for(home))
    try:
        with db.writing(engine) as session:
            yield session
    finally:
        engine.dispose()


def one_of(option: str, value: str, choices: Sequence[str]) -> str:
    """Return the value of an option that has only these. Raises BadInput."""
    if value not in choices:
        raise BadInput(
            f"{option} に {value} は使えません。{'・'.join(choices)} から選んでください。",
            f"{option} cannot be {value}; choose one of {', '.join(choices)}.",
        )
    return value


def listed(option: str, text: str | None) -> list[str]:
    """Return what a comma-separated option names, nothing where it was not given.

    Raises BadInput where it was given and names nothing: an empty variable of a script is no wish for everything.
    """
    named = [one.strip() for one in (text or "").split(",") if one.strip()]
    if text is not None and not named:
        raise BadInput(
            f"{option} に何も指定されていません。コンマ区切りで指定するか、オプションを外してください。",
            f"{option} names nothing; name some, by comma, or leave the option out.",
        )
    return named


def members_named(option: str, text: str | None, everyone: Sequence[str]) -> list[str]:
    """Return the members that an option names, `all` of them where it says so. Raises BadInput as `listed`."""
    named = listed(option, text)
    if ALL in named and len(named) > 1:
        raise BadInput(
            f"{option} の {ALL} はほかの市と一緒に書けません。{ALL} だけにするか、市を一つずつ指定してください。",
            f"{ALL} stands alone in {option}; write {ALL} by itself, or name each member.",
        )
    return list(everyone) if named == [ALL] else named


def server_name(value: str | None) -> str | None:
    """Return the name of a CS server, which may stand behind its kind as in `server:cs1`."""
    return value and value.removeprefix("server:")


def read_file(path: Path) -> tuple[str, bytes]:
    """Return name and bytes of an input file. Raises BadInput when it cannot be read, TooLarge above LARGEST_BYTES."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise BadInput(
            f"ファイル {path} を読めません。名前と権限を確かめてください。",
            f"File {path} cannot be read; check its name and rights.",
            where=Where(file=str(path)),
        ) from error
    if len(data) > LARGEST_BYTES:
        most = LARGEST_BYTES >> 20
        raise TooLarge(
            f"ファイルが {most} MiB より大きいため読み込めません。正しいファイルか確かめてください。",
            f"The file is larger than {most} MiB and cannot be read; check that it is the right one.",
            where=Where(file=str(path)),
        )
    return path.name, data


@contextmanager
def counting(name: str) -> Iterator[Callable[[int, int], None]]:
    """Show on a terminal how many of how many are done."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def say_table(headers: list[str], rows: list[list[Any]], *, right: tuple[int, ...] = ()) -> None:
    """Print a plain table for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, header in enumerate(headers):
        table.add_column(header, justify="right" if place in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    made, is_terminal = io.StringIO(), sys.stdout.isatty()
    width = None if is_terminal else 200
    Console(
        file=made, width=width, force_terminal=is_terminal, highlight=False, markup=False
    ).print(table)
    say(made.getvalue().removesuffix("\n"))


__all__ = [
    "By",
    "Home",
    "OutputFormat",
    "State",
    "actor",
    "complain",
    "counted",
    "counting",
    "open_engine",
    "plain",
    "read_file",
    "reading",
    "remember_format",
    "say",
    "say_json",
    "say_table",
    "settings_for",
    "writing",
]
