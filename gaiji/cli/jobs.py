"""gaiji jobs: long work in processes of its own, and what is in the queue."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated

import typer

from gaiji.cli.serving import log_to_terminal
from gaiji.cli.shared import (
    Home,
    OutputFormat,
    counted,
    open_engine,
    say,
    say_json,
    say_table,
    settings_for,
)
from gaiji.cli.shared import reading as reading_home
from gaiji.errors import Text
from gaiji.registry import jobs as table


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="ジョブ / long work: do it, list it.")
    group.command("work")(work)
    group.command("list")(show_all)
    app.add_typer(group, name="jobs")


def work(
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="待ちがなくなれば終わる / end when nothing waits")
    ] = False,
    home: Home = None,
) -> None:
    """ジョブを1件ずつ実行する。何個でも並べて動かせる / do jobs one by one; run as many of these as you like."""
    from gaiji.jobs import Worker, working  # loads the engine

    log_to_terminal()
    settings = settings_for(home)
    engine = open_engine(settings)
    worker = Worker(settings, engine)

    def stop(_number: int, _frame: FrameType | None) -> None:
        worker.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with working(settings, engine, 0):
            taken = worker.run(until_idle=until_idle)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        engine.dispose()
    say(Text(f"{taken} 件のジョブを取り上げました。", f"{counted(taken, 'job')} taken up."))


def show_all(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="件数 / how many")] = 50,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """新しい順にジョブを示す / the newest jobs first."""
    with reading_home(home) as session:
        found = [table.show(job) for job in table.newest(session, limit)]
    if format == "json":
        say_json({"items": found, "next": None})
        return
    headers = str(
        Text("番号 種類 構成市 状態 進み 回 受付", "id kind member state done attempt created")
    ).split()
    rows = [
        [
            job.id,
            job.kind,
            job.member,
            job.state,
            f"{job.progress.bytes_done:,}/{job.progress.bytes_total:,}",
            job.attempt,
            job.created_at,
        ]
        for job in found
    ]
    say_table(headers, rows, right=(4, 5))
