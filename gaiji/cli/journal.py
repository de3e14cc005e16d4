"""gaiji journal: show the acts, and check that they and the tables agree."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from gaiji.cli.shared import Home, OutputFormat, counted, reading, say, say_json
from gaiji.errors import Text
from gaiji.registry import db, replay, schema
from gaiji.registry import journal as registry_journal
from gaiji.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="履歴 / the journal.")
    group.command("show")(show)
    group.command("verify")(verify)
    app.add_typer(group, name="journal")


def show(
    after: Annotated[
        int, typer.Option(min=0, help="この通番の次から / entries after this serial")
    ] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="件数 / how many")] = 50,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """履歴を表示する / show the acts in order."""
    with reading(home) as session:
        found = [
            json.loads(entry.body) for entry in registry_journal.entries(session, after, limit)
        ]
    if format == "json":
        say_json({"items": found, "next": found[-1]["serial"] if len(found) == limit else None})
        return
    for entry in found:
        told = registry_journal.canonical(entry["after"])
        brief = told if len(told) <= 90 else told[:89] + "…"
        line = (
            entry["serial"],
            entry["at"],
            entry["actor"],
            entry["action"],
            entry["subject"],
            brief,
        )
        say("  ".join(map(str, line)))


def verify(home: Home = None) -> None:
    """履歴を空の台帳で再生し、版の検査値を比べる / act the journal again elsewhere, compare the digests."""
    with tempfile.TemporaryDirectory(prefix="gaiji-") as folder, reading(home) as source:
        engine = db.connect(Settings(home=Path(folder), database=f"sqlite:///{folder}/replay.db"))
        schema.upgrade(engine)
        replay.verify(source)
        with db.writing(engine) as target:
            done = replay.replay(source, target)
        engine.dispose()
    say(
        Text(
            f"履歴 {done.entries} 件を再生し、版 {len(done.releases)} 個の検査値がすべて一致しました。",
            f"{counted(done.entries, 'entry', 'entries')} acted again; "
            f"the digests of all {counted(len(done.releases), 'release')} agree.",
        )
    )
