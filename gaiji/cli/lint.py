"""gaiji lint: what in a file would be lost or changed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from itertools import groupby
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from gaiji.charset.charsets import NAMES
from gaiji.charset.charsets import charset as charset_of
from gaiji.charset.files import reading as opening
from gaiji.charset.files import unreadable
from gaiji.charset.lint import Against, lint
from gaiji.charset.lint.targets import TARGETS
from gaiji.charset.shipped import shipped_repertoire
from gaiji.cli.shared import Home, OutputFormat, reading, say, say_json
from gaiji.errors import BadInput, Text
from gaiji.registry import releases
from gaiji.wire.lint import LintReport

CHUNK = 1 << 18
SHOWN = 5


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("lint")(lint_file)


def lint_file(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="ファイル、- は標準入力 / file, - stdin")
    ],
    charset: Annotated[str | None, typer.Option(help=" | ".join(NAMES))] = None,
    codeset: Annotated[
        str | None, typer.Option(help="外字セット / code set, e.g. 252069/juki")
    ] = None,
    to: Annotated[
        list[str] | None, typer.Option(help="変換先(繰返し可) / targets: " + " | ".join(TARGETS))
    ] = None,
    release: Annotated[str | None, typer.Option(help="1, 2 … | latest")] = None,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """ファイルから失われる・変わるものを調べる / what a file would lose or change, where, and the way out."""
    if charset and codeset:
        raise BadInput(
            "--charset と --codeset は同時に指定できません。外字セットの体系でよければ --codeset だけにしてください。",
            "--charset and --codeset cannot be used together; a code set has a charset of its own.",
        )
    against = _against(charset or "utf-8", codeset, release, home)
    report = _lint(file, against, to or [])
    if format == "json":
        say_json(report)
    else:
        for line in _lines(file, report):
            say(line)
    if any(total.level in ("error", "gap") for total in report.totals):
        raise typer.Exit(1)


def _against(charset: str, codeset: str | None, release: str | None, home: Home) -> Against:
    """Return what to judge by: the shipped reference set, a release, or a code set in one."""
    if codeset is None and release is None:
        return Against(charset_of(charset), shipped_repertoire())
    with reading(home) as session:
        found = releases.find_release(session, release or "latest")
        if codeset is None:
            known = releases.repertoire(session, found)
            return Against(charset_of(charset), known, release=found.number)
        return Against.code_set(releases.mapping(session, codeset, found))


def _lint(file: str, against: Against, targets: list[str]) -> LintReport:
    size = os.path.getsize(file) if file != "-" and os.path.isfile(file) else None
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    hidden = not sys.stderr.isatty()
    with (
        opening(file) as opened,
        Progress(*columns, TransferSpeedColumn(), console=console, disable=hidden) as bar,
    ):
        task = bar.add_task(os.path.basename(file), total=size)

        def chunks() -> Iterator[bytes]:
            try:
                while data := opened.read(CHUNK):
                    yield data
                    bar.update(task, advance=len(data))
            except OSError as error:
                raise unreadable(error, file) from error

        return lint(chunks(), against, targets=targets, file=file)


def _lines(file: str, report: LintReport) -> Iterator[str]:
    """Say a report to people: each check with its total, its first subjects, and the way out."""
    yield str(
        Text(
            f"{file}: {report.charset}; レコード {report.records:,}、バイト {report.bytes:,}、"
            f"文字 {report.characters:,}",
            f"{file}: {report.charset}; records {report.records:,}, bytes {report.bytes:,}, "
            f"characters {report.characters:,}",
        )
    )
    if not report.totals:
        yield str(
            Text("  失われる・変わるものはありません。", "  Nothing would be lost or changed.")
        )
    totals = {total.code: total for total in report.totals}
    for code, found in groupby(report.findings, lambda one: one.code):
        findings, total = list(found), totals[code]
        yield f"  {total.level} {code} × {total.count:,}"
        for way_out, some in groupby(findings[:SHOWN], lambda one: one.way_out):
            for one in some:
                record, at = one.places[0].record, one.places[0].byte_offset
                place = Text(
                    f"最初: レコード {record} バイト {at}", f"first: record {record} byte {at}"
                )
                yield f"    {one.text} × {one.count:,} ({place})"
            yield f"      → {way_out}"
        if (rest := total.count - sum(one.count for one in findings[:SHOWN])) > 0:
            yield str(Text(f"    ほか {rest:,} か所", f"    {rest:,} more"))
