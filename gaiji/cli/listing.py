"""gaiji list: lists by business system, for spreadsheets and programs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from gaiji.charset.files import STANDARD, check_apart, replacing
from gaiji.cli.places import registry_files
from gaiji.cli.shared import CodeSets, Group, Home, Members, State, System, listed, reading
from gaiji.errors import BadInput
from gaiji.registry.lists import Wanted, check_asked
from gaiji.registry.releases import find_release
from gaiji.report import lists
from gaiji.wire.lists import Status, TableName, Usage

ListOutput = Literal["text", "json", "csv", "excel"]


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("list")(list_table)


def _remember(context: typer.Context, value: str) -> str:
    if value not in get_args(ListOutput):
        known = get_args(ListOutput)
        raise BadInput(
            f"--format に {value} は使えません。{'・'.join(known)} のどれかにしてください。",
            f"--format cannot be {value}; take one of {', '.join(known)}.",
        )
    if isinstance(context.obj, State):
        context.obj.format = value
    return value


def list_table(
    table: Annotated[
        TableName,
        typer.Argument(
            help="codes(外字コード) | characters(共通文字) | residuals(残存外字) | decisions(決定) | "
            "files(ファイル) | adoptions(適用状況)"
        ),
    ],
    members: Members = None,
    codesets: CodeSets = None,
    system: System = None,
    group: Group = None,
    status: Annotated[
        Status | None,
        typer.Option(help="fit(適合) | substitute(縮退・代替) | undecided(未決定)"),
    ] = None,
    usage: Annotated[
        Usage | None,
        typer.Option(
            help="used(使用あり) | unused(現れない) | uncounted(未集計) / how often it was counted"
        ),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(help="版(省略時は作業中の状態) / release; default: as decided now"),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="適用状況の日 / day of the adoptions; default: today"
        ),
    ] = None,
    format: Annotated[
        ListOutput,
        typer.Option("--format", help="text | json | csv | excel", callback=_remember),
    ] = "text",
    out: Annotated[
        Path | None, typer.Option(help="書き出すファイル / file to write instead of printing")
    ] = None,
    home: Home = None,
) -> None:
    """業務システム別の一覧 / list codes, characters, decisions, files or adoptions by business system."""
    check_apart(STANDARD, out, read=registry_files(home))
    given = {"status": status, "usage": usage, "release": release, "day": day}
    check_asked(table, [name for name, value in given.items() if value is not None])
    with reading(home) as session:
        wanted = Wanted(
            release=find_release(session, release).number if release else None,
            members=tuple(listed("--members", members)),
            code_sets=tuple(listed("--codesets", codesets)),
            system=system,
            group=group,
            status=status,
            usage=usage,
            day=day.date() if day else None,
        )
        parts: Iterable[bytes]
        if format == "text":
            shown = None if out else lists.SHOWN
            parts = (f"{line}\n".encode() for line in lists.as_text(session, table, wanted, shown))
        else:
            parts = lists.exported(session, table, wanted, format)
        with replacing(out or STANDARD) as file:
            for part in parts:
                file.write(part)
