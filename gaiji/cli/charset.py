"""gaiji charset: the charsets, and tables of them that the product does not ship."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gaiji.charset.codetable import READERS
from gaiji.cli.shared import (
    By,
    DryRun,
    Home,
    OutputFormat,
    actor,
    counted,
    read_file,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadInput, Text
from gaiji.registry import charset_tables
from gaiji.wire.charsets import CharsetTableShape


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="文字コード体系 / charsets.")
    group.command("import")(import_table)
    group.command("list")(list_tables)
    group.command("show")(show)
    app.add_typer(group, name="charset")


def import_table(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="文字コード表 / the table")],
    format: Annotated[str, typer.Option("--format", help="ucm | jef4j-json | csv")],
    charset: Annotated[
        str, typer.Option(help="表の文字コード体系 / charset it is a table of: jef, keis83 …")
    ],
    name: Annotated[
        str | None,
        typer.Option(
            help="表の名前(省略時は文字コード体系と検査値) / name; default: charset and digest"
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="入手元 / where it came from")] = "",
    licence: Annotated[str, typer.Option(help="利用条件 / licence")] = "",
    edition: Annotated[str, typer.Option(help="版 / edition")] = "",
    dry_run: DryRun = False,
    home: Home = None,
    by: By = None,
) -> None:
    """製品に含まれない文字コード表を受け入れる / take in a charset's table that the product does not ship."""
    if format not in READERS:
        raise BadInput(
            f"--format に {format} は使えません。{'・'.join(READERS)} のどれかにしてください。",
            f"--format cannot be {format}; take one of {', '.join(READERS)}.",
        )
    file_name, data = read_file(file)
    told = {"source": source, "licence": licence, "edition": edition}
    provenance = {key: value for key, value in told.items() if value}
    table = READERS[format](data, file_name, charset, provenance)
    with (reading if dry_run else writing)(home) as session:
        done, new = charset_tables.import_table(
            session, actor(settings_for(home), by), table, name=name, dry_run=dry_run
        )
    if new:
        say(
            Text(
                f"文字コード表 {done.name}({done.charset}、{done.codes:,} コード)を受け入れました。",
                f"Charset table {done.name} ({done.charset}, {counted(done.codes or 0, 'code')}) is taken in.",
            )
            if not dry_run
            else Text(
                f"文字コード表 {done.name}: {done.charset}、{done.codes:,} コード。試行のため何も書いていません。",
                f"Charset table {done.name}: {done.charset}, {counted(done.codes or 0, 'code')}. "
                "Dry run: nothing was written.",
            )
        )
    else:
        say(
            Text(
                f"同じ内容の文字コード表 {done.name} が登録済みです。",
                f"The same content is registered already, as {done.name}.",
            )
        )


def list_tables(home: Home = None, format: OutputFormat = "text") -> None:
    """文字コード体系と受け入れた表の一覧 / list the charsets and the imported tables."""
    with reading(home) as session:
        shapes = charset_tables.all_shapes(session)
    if format == "json":
        say_json({"items": shapes, "next": None, "release": None})
        return
    headers = str(
        Text("名前 文字コード体系 由来 コード 外字セット", "name charset kind codes codesets")
    ).split()
    kinds = {"built-in": Text("組込み", "built-in"), "imported": Text("受入れ", "imported")}
    rows = [
        [one.name, one.charset, kinds[one.kind], one.codes, " ".join(one.codesets)]
        for one in shapes
    ]
    say_table(headers, rows, right=(3,))


def show(
    name: Annotated[
        str, typer.Argument(help="文字コード体系か表の名前 / name of a charset or table")
    ],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """文字コード体系または受け入れた表を示す / show a charset or an imported table, and where it came from."""
    with reading(home) as session:
        found = charset_tables.show(session, name)
    if format == "json":
        say_json(found)
    else:
        _say_table(found)


def _say_table(found: CharsetTableShape) -> None:
    say(f"{found.name}  {found.charset}  {found.digest}")
    for key, value in found.provenance.items():
        say(f"  {key}: {value}")
    if found.imported_at:
        say(
            Text(
                f"  {found.codes:,} コード、{found.imported_at[:10]} に {found.imported_by} が受入れ",
                f"  {counted(found.codes or 0, 'code')}, imported on {found.imported_at[:10]} by {found.imported_by}",
            )
        )
    for address in found.codesets:
        say(f"  {address}")
