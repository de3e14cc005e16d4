"""gaiji fitgap: how much of a city's gaiji the shared set covers, and what would close each gap."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from gaiji.charset.files import STANDARD, check_apart, replacing
from gaiji.cli.places import registry_files
from gaiji.cli.shared import Format, Home, plain, reading, remember_format, settings_for
from gaiji.errors import NoPicture
from gaiji.glyph.forms import Outline
from gaiji.glyph.reference import reference_font
from gaiji.registry.gaps import glyph_forms
from gaiji.report import tables
from gaiji.report.fitgap import FitGap, measure
from gaiji.settings import Settings
from gaiji.wire.fitgap import Against

SHOWN_GAPS = 40


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("fitgap")(fitgap)


def fitgap(
    member: Annotated[str, typer.Argument(help="構成市のコード / member's code, e.g. 252069")],
    against: Annotated[
        Against,
        typer.Option(
            help="何と比べるか: MJ、GJ(MJ+)、table(共通の表) / what to measure against: MJ, GJ (MJ+), "
            "table (the shared table)"
        ),
    ] = "MJ",
    release: Annotated[
        int | None,
        typer.Option(help="版。省略すると現在の作業状態 / a release; default: the state of work"),
    ] = None,
    format: Annotated[
        Format, typer.Option("--format", help="text | json | csv | html", callback=remember_format)
    ] = "text",
    out: Annotated[
        Path | None, typer.Option(help="書き出すファイル / file to write instead of printing")
    ] = None,
    gaps: Annotated[
        bool, typer.Option("--gaps/--no-gaps", help="不適合の一覧も出す / list the gaps one by one")
    ] = True,
    home: Home = None,
) -> None:
    """FIT&GAP: 外字の適合・不適合の表 / how many of a member's gaiji fit, and each gap."""
    check_apart(STANDARD, out, read=registry_files(home))
    with reading(home) as session:
        report = measure(session, member, against=against, release=release)
        shown = None if out else SHOWN_GAPS
        data = _written(session, settings_for(home), report, format, gaps, shown)
    with replacing(out or STANDARD) as file:
        file.write(data)


def _written(
    session: Session,
    settings: Settings,
    report: FitGap,
    format: Format,
    gaps: bool,
    limit: int | None,
) -> bytes:
    if format == "csv":
        return tables.as_csv(report, gaps=gaps)
    if format == "text":
        return tables.as_text(report, gaps=gaps, limit=limit).encode()
    if format == "json":
        shape = report.shape()
        if not gaps:
            shape.gaps = []
        return (json.dumps(plain(shape), ensure_ascii=False, indent=2) + "\n").encode()
    if not gaps:
        return tables.as_html(report, {}, gaps=False).encode()
    digests = {gap.standing.glyph for gap in report.gaps if gap.standing.glyph}
    forms = glyph_forms(session, digests)
    return tables.as_html(report, forms, _outlines(settings, report)).encode()


def _outlines(settings: Settings, report: FitGap) -> dict[str, Outline]:
    """Return the reference glyphs the gaps speak of, as far as the font is there and has them."""
    found: dict[str, Outline] = {}
    try:
        font = reference_font(settings)
    except NoPicture:
        return found
    drawable = font.names()
    for gap in report.gaps:
        for name in tables.characters_of(gap):
            if name in drawable and name not in found:
                found[name] = font.glyph(name)
    return found
