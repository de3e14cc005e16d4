"""gaiji usage: how often a code set's codes stand in a city's files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from gaiji.charset.records.layoutfile import find_layout
from gaiji.charset.usage import count_file
from gaiji.cli.shared import (
    By,
    DryRun,
    Home,
    OutputFormat,
    actor,
    counted,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadInput, Text, Where
from gaiji.registry import members, usage
from gaiji.wire.usage import CodeUseShape, CountedFileShape, UsageShape

SHOWN_CODES = 20

Set = Annotated[str, typer.Option("--codeset", help="外字セット / code set, e.g. 252069/juki")]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="使用頻度 / usage counts.")
    group.command("count")(count)
    group.command("list")(list_files)
    group.command("show")(show)
    app.add_typer(group, name="usage")


def count(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE …", help="市のファイル、- は標準入力 / - is stdin")
    ],
    codeset: Set,
    layout: Annotated[
        str | None, typer.Option(help="レコードレイアウト / record layout: FILE.toml | NAME")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="ファイルを書いた日 / day the files were written"),
    ] = None,
    malformed: Annotated[
        str, typer.Option(help="error | count: 文字でないバイト / bytes that are no character")
    ] = "error",
    replace: Annotated[
        bool,
        typer.Option("--replace", help="前の結果と置き換える / put in place of an earlier result"),
    ] = False,
    dry_run: DryRun = False,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """外字コードごとの使用頻度を数える / count how often each code stands in files; no record is kept."""
    if malformed not in ("error", "count"):
        raise BadInput(
            f"--malformed に {malformed} は使えません。error か count にしてください。",
            f"--malformed cannot be {malformed}; take error or count.",
        )
    if files.count("-") > 1:
        raise BadInput(
            "標準入力 - が二度指定されています。一度だけにしてください。",
            "Standard input (-) is named twice; name it once.",
        )
    found = find_layout(layout) if layout else None
    with reading(home) as session:
        charset = members.charset_of(session, members.find_code_set(session, codeset))
    counts = []
    for file in files:
        with _progress(file) as tell:
            counts.append(count_file(file, charset, found, progress=tell))
        if malformed == "error":
            counts[-1].check()
    who = actor(settings_for(home), by)
    with (reading if dry_run else writing)(home) as session:
        done = usage.record_counts(
            session,
            who,
            codeset,
            counts,
            as_of=as_of.date() if as_of else None,
            replace=replace,
            dry_run=dry_run,
        )
    if format == "json":
        say_json(done)
    else:
        _say_counts(done)


@contextmanager
def _progress(file: str) -> Iterator[Callable[[int], object]]:
    size = os.path.getsize(file) if file != "-" and os.path.isfile(file) else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(os.path.basename(file), total=size)
        yield lambda done: bar.update(task, completed=done)


def _say_counts(done: UsageShape) -> None:
    seen = sorted((one for one in done.codes if one.uses), key=lambda one: -one.uses)
    uses, records = sum(one.uses for one in seen), sum(one.records for one in done.files)
    files = len(done.files)
    say(
        Text(
            f"{done.codeset}: {files} ファイル、{records:,} レコードに外字 {len(seen):,} 種、{uses:,} 回",
            f"{done.codeset}: {counted(files, 'file')}, {counted(records, 'record')}; "
            f"codes seen: {len(seen):,}, uses: {uses:,}",
        )
    )
    for one in seen[:SHOWN_CODES]:
        say(f"  {one.code} × {one.uses:,}")
    if len(seen) > SHOWN_CODES:
        say(Text(f"  ほか {len(seen) - SHOWN_CODES} 種", f"  and {len(seen) - SHOWN_CODES} more"))
    _say_unseen(done.codes)
    for finding in done.findings:
        place = f" ({Where(**finding.where.model_dump())})" if finding.where else ""
        say(f"  {finding.code}: {finding.text}{place}")
    if known := sum(one.known for one in done.files):
        say(
            Text(
                f"  集計済みで結果も同じファイル: {known}",
                f"  counted before with the same result: {known}",
            )
        )
    if done.dry_run:
        say(Text("  試行のため何も書いていません。", "  Dry run: nothing was written."))


def _say_unseen(codes: list[CodeUseShape]) -> None:
    unseen = [one.code for one in codes if not one.uses]
    if unseen:
        told = " ".join(unseen[:SHOWN_CODES]) + (" …" if len(unseen) > SHOWN_CODES else "")
        say(
            Text(
                f"  これらのファイルには現れない登録済みの外字: {len(unseen):,} 種({told})",
                f"  registered codes not seen in these files: {len(unseen):,} ({told})",
            )
        )


def list_files(codeset: Set, home: Home = None, format: OutputFormat = "text") -> None:
    """使用頻度を数えたファイルの一覧(名前は残さない) / list the counted files; no name is kept."""
    with reading(home) as session:
        files = usage.counted_files(session, members.find_code_set(session, codeset))
    if format == "json":
        say_json({"items": files, "next": None, "release": None})
    else:
        _say_files(files)


def _say_files(files: list[CountedFileShape]) -> None:
    words = Text(
        "sha256 バイト数 作成日 レコード 外字 回数 集計日 集計者",
        "sha256 bytes as-of records codes uses counted by",
    )
    rows = [
        [
            one.sha256[:12],
            f"{one.size:,}",
            one.as_of,
            f"{one.records:,}",
            f"{one.codes:,}",
            f"{one.uses:,}",
            (one.counted_at or "")[:10],
            one.counted_by,
        ]
        for one in files
    ]
    say_table(str(words).split(), rows, right=(1, 3, 4, 5))


def show(
    codeset: Set,
    unseen: Annotated[
        bool,
        typer.Option("--unseen", help="ファイルに現れない外字だけ / only codes not seen"),
    ] = False,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """外字コードごとの使用頻度の合計 / show the total uses of each code over the counted files."""
    with reading(home) as session:
        found = usage.show_usage(session, codeset)
    if unseen:
        found.codes = [one for one in found.codes if not one.uses]
    if format == "json":
        say_json(found)
        return
    words = Text("コード 回数 ファイル 最後に現れた日 登録", "code uses files last-seen registered")
    registered = {True: Text("済み", "yes"), False: Text("なし", "never")}
    rows = [
        [one.code, f"{one.uses:,}", one.files, one.last_seen, registered[one.registered]]
        for one in found.codes
    ]
    say(
        Text(
            f"{codeset}: 数えたファイル {len(found.files)}。0 は「これらのファイルには現れない」という意味です。",
            f"{codeset}: counted files: {len(found.files)}; 0 means not seen in these files.",
        )
    )
    say_table(str(words).split(), rows, right=(1, 2))
