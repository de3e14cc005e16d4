"""gaiji bundle: what is handed to others in one folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gaiji.charset.records.layout import Layout
from gaiji.charset.records.layoutfile import find_layout
from gaiji.cli.shared import (
    Home,
    OutputFormat,
    counted,
    reading,
    say,
    say_json,
    settings_for,
)
from gaiji.errors import BadInput, Text
from gaiji.registry.releases import find_release
from gaiji.report.bundle import FORMATS, print_bundle
from gaiji.report.bundlejobs import JobFile
from gaiji.wire.bundles import PrintBundleShape
from gaiji.wire.fonts import FontFormat

SHOWN = 10
ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="引渡し一式 / bundles to hand over.")
    group.command("print")(print_)
    app.add_typer(group, name="bundle")


def print_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="新しいフォルダ / a new folder")],
    members: Annotated[str, typer.Option(help="構成市 / members: 252069,252085 … | all")],
    release: Annotated[str, typer.Option(help="1, 2 … | latest")] = "latest",
    job: Annotated[
        list[str] | None,
        typer.Option(help="業務のファイル(繰返し可) / a job's file: NAME=252069/juki=FILE"),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(help="そのレコードレイアウト(繰返し可) / its record layout: NAME=FILE.toml"),
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="基準日 / day whose meanings hold"),
    ] = None,
    fonts: Annotated[
        str, typer.Option(help="フォントの形式 / formats of the fonts: tte,woff2,bdf")
    ] = "tte,woff2,bdf",
    without_refused: Annotated[
        bool,
        typer.Option(
            "--without-refused",
            help="権利のない字形を除く / leave out glyphs without the right",
        ),
    ] = False,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """印刷の委託先へ渡すフォント・対照表・一覧 / fonts, correspondence sheet and lists for the print contractor."""
    asked, forms = _jobs(job or [], layout or []), _forms(fonts)
    named = _members(members)
    with reading(home) as session:
        held = find_release(session, release)
        made = print_bundle(
            session,
            settings_for(home),
            held,
            sorted({one.partition("/")[0] for one in held.manifest["code_sets"]})
            if named == [ALL]
            else named,
            asked,
            folder,
            as_of=as_of.date() if as_of else None,
            refused="leave-out" if without_refused else "stop",
            forms=forms,
        )
    if format == "json":
        say_json(made)
    else:
        _say(folder, made)


def _members(text: str) -> list[str]:
    named = [one.strip() for one in text.split(",") if one.strip()]
    if not named:
        raise BadInput(
            "--members に何も指定されていません。構成市をコンマ区切りで指定するか、版の全市なら all としてください。",
            "--members names nothing; name members, by comma, or all for every member of the release.",
        )
    return named


def _forms(fonts: str) -> list[FontFormat]:
    named = [one.strip() for one in fonts.split(",")]
    if unknown := [one for one in named if one not in FORMATS]:
        raise BadInput(
            f"--fonts に {unknown[0][:20]} は使えません。{','.join(FORMATS)} から選んでください。",
            f"--fonts cannot be {unknown[0][:20]}; choose among {','.join(FORMATS)}.",
        )
    return [form for form in FORMATS if form in named]


def _jobs(jobs: list[str], layouts: list[str]) -> list[JobFile]:
    named: dict[str, Layout] = {}
    for one in layouts:
        name, equals, file = one.partition("=")
        if not equals or not file:
            raise _badly_written("--layout", one, "NAME=FILE.toml")
        named[name] = find_layout(file)
    found = []
    for one in jobs:
        name, _, rest = one.partition("=")
        address, equals, file = rest.partition("=")
        if not name or not equals or not file:
            raise _badly_written("--job", one, "NAME=252069/juki=FILE")
        found.append(JobFile(name, address, file, named.pop(name, None)))
    if named:
        raise _badly_written("--layout", next(iter(named)), "NAME=FILE.toml")
    return found


def _badly_written(option: str, value: str, example: str) -> BadInput:
    return BadInput(
        f"{option} に {value[:80]} は使えません。{example} のように、--job と同じ名前で書いてください。",
        f"{option} cannot be {value[:80]}; write it like {example}, with the same name as --job.",
    )


def _say(folder: Path, made: PrintBundleShape) -> None:
    size = sum(one.bytes for one in made.files)
    say(
        Text(
            f"{folder}: 第{made.release}版、構成市 {len(made.members)}、対照表 {made.rows:,} 行、"
            f"ファイル {len(made.files) + 2}、{size / 1e6:.1f} MB",
            f"{folder}: release {made.release}, {counted(len(made.members), 'member')}, "
            f"{counted(made.rows, 'row')} in the sheet, {counted(len(made.files) + 2, 'file')}, {size / 1e6:.1f} MB",
        )
    )
    for job in made.jobs:
        say(
            Text(
                f"  {job.name} ({job.codeset}): {job.records:,} 件に外字 {job.codes:,} 種 {job.uses:,} 回、"
                f"字形のないもの {job.without_font:,} 種",
                f"  {job.name} ({job.codeset}): {counted(job.records, 'record')}, codes {job.codes:,}, uses "
                f"{job.uses:,}, without a glyph {job.without_font:,}",
            )
        )
    for finding in made.findings[:SHOWN]:
        say(f"  {finding.level} {finding.code}: {finding.text}")
    if (rest := len(made.findings) - SHOWN) > 0:
        say(
            Text(
                f"  ほか {rest:,} 件は MANIFEST.json にあります。",
                f"  {rest:,} more are in MANIFEST.json.",
            )
        )
