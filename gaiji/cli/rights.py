"""gaiji rights: by what right a city's glyphs may be handed on."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from gaiji.cli.shared import (
    By,
    Home,
    OutputFormat,
    actor,
    counted,
    one_of,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import Text
from gaiji.registry import rights
from gaiji.registry.characters import local_glyph
from gaiji.registry.members import find_code_set
from gaiji.wire.fonts import SCOPES, Scope


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="字形の利用条件 / rights in glyphs.")
    group.command("set")(set_rights)
    group.command("show")(show_rights)
    app.add_typer(group, name="rights")


def set_rights(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    scope: Annotated[str, typer.Option(help="unknown | member | council | public")],
    ground: Annotated[
        str, typer.Option(help="根拠(承諾書・契約) / what it rests on: a letter, a contract")
    ],
    licence: Annotated[
        str | None,
        typer.Option(
            help="ライセンス名(空なら取消し)/ licence identifier, e.g. CC0-1.0; an empty one takes it back"
        ),
    ] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(help="この外字だけ(複数可) / these codes alone, e.g. F040; may be repeated"),
    ] = None,
    glyph: Annotated[
        list[str] | None,
        typer.Option(
            help="この字形だけ(sha256、複数可) / these glyphs alone, by sha256; may be repeated"
        ),
    ] = None,
    home: Home = None,
    by: By = None,
) -> None:
    """字形をどこまで渡してよいかを登録する / say how far a code set's glyphs may be handed on."""
    one_of("--scope", scope, SCOPES)
    with writing(home) as session:
        code_set = find_code_set(session, address)
        count = rights.set_rights(
            session,
            actor(settings_for(home), by),
            address,
            cast(Scope, scope),
            licence=licence,
            ground=ground,
            glyphs=[
                *(local_glyph(session, code_set, one, None) for one in code or ()),
                *(one.lower() for one in glyph or ()),
            ],
        )
    say(
        Text(
            f"{address} の字形 {count:,} 字の利用範囲を {scope} としました。",
            f"{counted(count, 'glyph')} of {address} may now be handed on to: {scope}.",
        )
    )


def show_rights(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """字形の利用条件を提供者ごとに示す / by what right a code set's glyphs may be handed on."""
    with reading(home) as session:
        shape = rights.show_rights(session, address)
    if format == "json":
        say_json(shape)
        return
    headers = str(
        Text("提供者 利用条件 利用範囲 ライセンス 字形", "supplier rights scope licence glyphs")
    ).split()
    rows = [[r.supplier, r.rights, r.scope, r.licence, r.glyphs] for r in shape.items]
    say_table(headers, rows, right=(4,))
