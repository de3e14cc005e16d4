"""gaiji collisions: where the gaiji of several cities meet and differ."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gaiji.charset.files import STANDARD, check_apart, replacing
from gaiji.cli.places import registry_files
from gaiji.cli.shared import (
    CodeSets,
    Format,
    Group,
    Home,
    Members,
    System,
    listed,
    reading,
    remember_format,
)
from gaiji.errors import BadInput
from gaiji.registry.gaps import glyph_forms
from gaiji.registry.listing import check_named, chosen_sets, used_rows
from gaiji.registry.releases import find_release
from gaiji.report import collision_tables as tables
from gaiji.report.collision_tables import Shown
from gaiji.report.collisions import KINDS, Filters, Kind, Order, wall
from gaiji.report.rows import By

DRAWN = 200


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("collisions")(collisions)


def collisions(
    members: Members = None,
    codesets: CodeSets = None,
    system: System = None,
    group: Group = None,
    by: Annotated[
        By,
        typer.Option(
            "--slots",
            help="位置の数え方: image(私用領域の像)、code(文字コード体系とバイト列) / what a slot is: "
            "image (private-use code point), code (charset and bytes)",
        ),
    ] = "image",
    kind: Annotated[
        Kind | None,
        typer.Option(help="same-slot | same-character | same-glyph、省略時はすべて / default: all"),
    ] = None,
    touching: Annotated[
        str | None, typer.Option(help="この市が関わるもの / only where this member takes part")
    ] = None,
    slot: Annotated[
        str | None, typer.Option(help="このコード位置だけ / this slot alone: U+E000; cp932/F041")
    ] = None,
    character: Annotated[
        str | None, typer.Option(help="この共通文字だけ / this shared character alone")
    ] = None,
    used: Annotated[
        bool, typer.Option("--used", help="数えたファイルに現れるもの / seen in counted files")
    ] = False,
    order: Annotated[
        Order,
        typer.Option(
            help="slot(位置順) | uses(出現数の多い順) / by slot, or most occurrences first"
        ),
    ] = "slot",
    release: Annotated[
        str | None,
        typer.Option(help="版(省略時は作業中の状態) / release; default: as decided now"),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="この日の意味で / the meanings of this day"),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=10_000,
            help="html に描く位置の数(既定 200)、text に示す各区分の衝突の数(既定 20) / slots drawn in html "
            "(default: 200), or collisions of each kind shown as text (default: 20)",
        ),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", help="text | json | csv | html", callback=remember_format)
    ] = "text",
    out: Annotated[
        Path | None, typer.Option(help="書き出すファイル / file to write instead of printing")
    ] = None,
    home: Home = None,
) -> None:
    """外字の衝突: 同じコードの別の字、同じ字の別のコード / where the gaiji of several cities meet and differ."""
    check_apart(STANDARD, out, read=registry_files(home))
    day = as_of.date() if as_of else None
    if format == "html" and kind not in (None, "same-slot"):
        raise BadInput(
            f"--format html はコード位置の表なので、--kind {kind} は使えません。--kind を外すか、csv か json に"
            "してください。",
            f"--format html draws slots and cannot be of --kind {kind}; leave --kind out, or take csv or json.",
        )
    if limit is not None and format in ("csv", "json"):
        raise BadInput(
            f"--format {format} は衝突をすべて書くので、--limit は使えません。--limit を外してください。",
            f"--format {format} writes every collision and does not take --limit; leave it out.",
        )
    with reading(home) as session:
        check_named(session, touching, character)
        edition = find_release(session, release) if release else None
        sets = chosen_sets(
            session,
            edition,
            members=listed("--members", members),
            code_sets=listed("--codesets", codesets),
            system=system,
            group=group,
        )
        if not sets:
            raise BadInput(
                "条件に合う外字セットがありません。gaiji codeset list で構成市・業務・区分を確かめてください。",
                "No code set is chosen; check members, system and group with gaiji codeset list.",
            )
        number = edition.number if edition else None
        found = wall(used_rows(session, sets, number, day), by=by)
        filters = Filters(used, touching, slot, character)
        found.check(filters)
        shown = Shown(
            wall=found,
            release=number,
            as_of=day,
            kinds=(kind,) if kind else KINDS,
            filters=filters,
            order=order,
        )
        parts: Iterable[bytes]
        if format == "csv":
            parts = tables.as_csv(shown)
        elif format == "json":
            parts = tables.as_json(shown)
        elif format == "text":
            several = limit or (None if out else tables.SHOWN)
            parts = [tables.as_text(shown, several).encode()]
        else:
            tables.check_columns(found.code_sets)
            lines = list(found.slots(filters=shown.filters, order=order, limit=limit or DRAWN))
            forms = glyph_forms(session, tables.drawn_glyphs(lines))
            total = found.count("same-slot", shown.filters)
            parts = [tables.as_html(shown, lines, forms, total=total).encode()]
        with replacing(out or STANDARD) as file:
            for part in parts:
                file.write(part)
