"""gaiji convert, gaiji restore, gaiji translate: whole files and single codes."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from sqlalchemy.orm import Session

from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.files import check_apart, replacing
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import TARGETS, Conversion, Options
from gaiji.cli.shared import Home, OutputFormat, plain, reading, say, say_json, say_table
from gaiji.errors import BadInput, LossBeyondBudget, Text
from gaiji.registry import releases
from gaiji.registry.translation import translate as translate_codes
from gaiji.wire.conversion import ConversionReport

OnUnmapped = Literal["error", "geta", "keep", "escape"]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("convert")(convert)
    app.command("restore")(restore)
    app.command("translate")(translate)


def convert(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="入力、- は標準入力 / input, - stdin")
    ],
    target: Annotated[
        str, typer.Argument(metavar="OUT", help="出力、- は標準出力 / output, - stdout")
    ],
    from_: Annotated[str, typer.Option("--from", help="252069/juki | unicode | juki …")],
    to: Annotated[str, typer.Option(help=" | ".join(TARGETS) + " | 252085/zei")],
    release: Annotated[str, typer.Option(help="1, 2 … | latest")] = "latest",
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="ファイルを書いた日 / day the file was written"),
    ] = None,
    on_unmapped: Annotated[
        str, typer.Option("--on-unmapped", help="error | geta | keep | escape")
    ] = "error",
    malformed: Annotated[str, typer.Option(help="error | escape")] = "error",
    max_loss: Annotated[
        int, typer.Option("--max-loss", min=0, help="許容する損失 / losses allowed")
    ] = 0,
    ivs: Annotated[str, typer.Option(help="auto | always")] = "auto",
    mj_format: Annotated[str, typer.Option("--mj-format", help="名前の区切り / separator")] = " ",
    receipt: Annotated[
        str | None, typer.Option(help="縮退の控え(restore に要る) / what restore needs")
    ] = None,
    report: Annotated[str | None, typer.Option(help="報告(JSON)の保存先 / report as JSON")] = None,
    digests: Annotated[
        bool, typer.Option("--digests", help="入出力の sha256 を報告に入れる / sha256 of both")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="書かずに数える / count, write nothing")
    ] = False,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """ファイルを変換する。失うものは必ず数えて場所を示す / convert a file; every loss is counted and placed."""
    choices = {
        "--on-unmapped": (on_unmapped, ("error", "geta", "keep", "escape")),
        "--malformed": (malformed, ("error", "escape")),
        "--ivs": (ivs, ("auto", "always")),
    }
    for name, (value, known) in choices.items():
        if value not in known:
            raise BadInput(
                f"{name} に {value} は使えません。{'・'.join(known)} から選んでください。",
                f"{name} cannot be {value}; choose one of {', '.join(known)}.",
            )
    check_apart(source, None if dry_run else target, receipt, report)
    options = Options(
        on_unmapped=cast(OnUnmapped, on_unmapped),
        malformed=cast(Any, malformed),
        max_loss=max_loss,
        dry_run=dry_run,
        digests=digests,
        ivs=cast(Any, ivs),
        mj_format=mj_format,
        as_of=as_of.date() if as_of else None,
    )
    with reading(home) as session:
        one, two = (_end(session, name, release, options.as_of) for name in (from_, to))
    try:
        done = _convert(source, target, Conversion(one, two, options), receipt)
    except LossBeyondBudget as error:
        if report:
            _write_report(report, error.extra["report"])
        raise
    if report:
        _write_report(report, plain(done))
    aside = target == "-"
    if format == "json":
        (_say_aside if aside else say_json)(plain(done))
    else:
        for line in _report_lines(done):
            typer.echo(line, err=aside)


def _end(session: Session, name: str, release: str, as_of: date | None) -> Mapping | str:
    """Return the mapping of a code set, or the name of a target."""
    if "/" not in name:
        return name
    return releases.mapping(session, name, releases.find_release(session, release), as_of=as_of)


def _convert(
    source: str, target: str, conversion: Conversion, receipt: str | None
) -> ConversionReport:
    size = os.path.getsize(source) if source != "-" and os.path.isfile(source) else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(os.path.basename(source), total=size)
        return convert_file(
            source,
            target,
            conversion,
            receipt=receipt,
            progress=lambda done: bar.update(task, completed=done),
        )


def _write_report(path: str, report: dict[str, Any]) -> None:
    with replacing(path) as file:
        file.write((json.dumps(report, ensure_ascii=False, indent=2) + "\n").encode())


def _say_aside(report: dict[str, Any]) -> None:
    typer.echo(json.dumps(report, ensure_ascii=False), err=True)


def _report_lines(report: ConversionReport) -> Iterator[str]:
    """Say a report to people, line by line."""
    told = "  ".join(f"{kind} {count:,}" for kind, count in report.characters.items() if count)
    yield str(
        Text(
            f"{report.source} → {report.target}(版 {report.release}): {report.records:,} レコード、"
            f"{report.input_bytes:,} → {report.output_bytes:,} バイト、損失 {report.losses:,}",
            f"{report.source} → {report.target} (release {report.release}): {report.records:,} records, "
            f"{report.input_bytes:,} → {report.output_bytes:,} bytes, {report.losses:,} losses",
        )
    )
    if told:
        yield f"  {told}"
    for one in report.unmapped[:10]:
        place = one.places[0]
        yield str(
            Text(
                f"  未対応 {one.code} × {one.count:,}(最初: レコード {place.record} バイト {place.byte_offset})",
                f"  unmapped {one.code} × {one.count:,} (first: record {place.record} byte {place.byte_offset})",
            )
        )
    for reduced in report.reductions[:10]:
        yield (
            f"  {reduced.kind} {reduced.code} → {reduced.to or reduced.character} × {reduced.count:,}"
            f"  {reduced.ground or ''}"
        )
    if not report.written:
        yield str(Text("  試行のため何も書いていません。", "  Dry run: nothing was written."))


def restore(
    converted: Annotated[
        str, typer.Argument(metavar="OUT", help="変換したファイル / converted file")
    ],
    back: Annotated[str, typer.Argument(metavar="BACK", help="復元先 / where to restore to")],
    receipt: Annotated[Path, typer.Option(help="変換時の控え / receipt of the conversion")],
    home: Home = None,
) -> None:
    """変換前のファイルをバイト単位で復元する / give back the original bytes of a converted file."""
    with reading(home) as session:
        size = restore_file(
            converted,
            back,
            receipt,
            lambda code_set, number: releases.mapping(
                session, code_set, releases.find_release(session, number)
            ),
        )
    if back != "-":
        say(Text(f"{size:,} バイトを復元しました。", f"{size:,} bytes restored."))


def translate(
    codes: Annotated[list[str], typer.Argument(help="F040 | MJ026190 | J+9089 | U+9089 …")],
    from_: Annotated[str, typer.Option("--from", help="252069/juki | unicode | juki | x0213 | mj")],
    to: Annotated[str, typer.Option(help="252069/juki | unicode | juki | x0213 | mj")],
    release: Annotated[str, typer.Option(help="1, 2 … | latest")] = "latest",
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """コードの対応をすべて調べる / all matches of single codes."""
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
