"""gaiji release: publish, list, show, diff; export and verify are in `mapfiles`."""

from __future__ import annotations

from typing import Annotated

import typer

from gaiji.cli import mapfiles
from gaiji.cli.shared import (
    By,
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
from gaiji.errors import Text
from gaiji.registry import releases
from gaiji.wire.nouns import ReleaseShape


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="版 / releases.")
    group.command("publish")(publish)
    group.command("list")(list_releases)
    group.command("show")(show)
    group.command("diff")(diff)
    group.command("export")(mapfiles.export)
    group.command("verify")(mapfiles.verify)
    app.add_typer(group, name="release")


def publish(home: Home = None, by: By = None, format: OutputFormat = "text") -> None:
    """決定済みの対応を次の版として公布する / publish what is decided as the next release."""
    with writing(home) as session:
        done = releases.publish(session, actor(settings_for(home), by))
        shape = releases.shape(done) if done else None
        latest = releases.latest_number(session)
    if format == "json":
        say_json({"published": shape is not None, "release": shape})
    elif shape is None:
        say(
            Text(
                f"版 {latest} から変わったものがないので、何も公布していません。",
                f"Nothing has changed since release {latest}; nothing was published.",
            )
        )
    else:
        say(Text(f"版 {shape.number} を公布しました。", f"Release {shape.number} is published."))
        _say_release(shape)


def _say_release(shape: ReleaseShape) -> None:
    say(f"  digest {shape.digest}")
    say(f"  {shape.published_at} {shape.published_by}")
    headers = str(Text("外字セット 意味 対応 digest", "codeset meanings mapped digest")).split()
    rows = [
        [address, part["meanings"], part["mapped"], part["digest"][:16]]
        for address, part in shape.manifest["code_sets"].items()
    ]
    say_table(headers, rows, right=(1, 2))


def list_releases(home: Home = None, format: OutputFormat = "text") -> None:
    """版の一覧 / list the releases."""
    with reading(home) as session:
        shapes = [releases.shape(one) for one in releases.all_releases(session)]
    if format == "json":
        say_json({"items": shapes, "next": None})
        return
    headers = str(Text("版 公布 公布者 外字セット digest", "release at by codesets digest")).split()
    rows = [
        [one.number, one.published_at, one.published_by, len(one.manifest["code_sets"]), one.digest]
        for one in shapes
    ]
    say_table(headers, rows, right=(0, 3))


def show(
    number: Annotated[str, typer.Argument(help="1, 2 … | latest")],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """版の内容 / show a release."""
    with reading(home) as session:
        shape = releases.shape(releases.find_release(session, number))
    if format == "json":
        say_json(shape)
    else:
        say(Text(f"版 {shape.number}", f"Release {shape.number}"))
        _say_release(shape)


def diff(
    a: Annotated[str, typer.Argument(help="前の版 / earlier release")],
    b: Annotated[str, typer.Argument(help="後の版、latest も可 / later release, or latest")],
    limit: Annotated[
        int, typer.Option(min=0, help="外字セットごとの表示件数 / rows shown per code set")
    ] = 5,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """二つの版の差分 / what changed between two releases."""
    with reading(home) as session:
        one, two = (releases.find_release(session, name).number for name in (a, b))
        changes = releases.diff(session, one, two)
        untouched = releases.unchanged(session, one, two)
    if format == "json":
        items = [row | {"codeset": address} for address, rows in changes.items() for row in rows]
        say_json({"items": items, "next": None, "unchanged": untouched})
        return
    say(
        Text(
            f"版 {one} → {two}: 変わった外字セット {len(changes)}、変わらない外字セット {len(untouched)}",
            f"Release {one} → {two}: {counted(len(changes), 'code set')} changed, {len(untouched)} unchanged",
        )
    )
    for address, rows in changes.items():
        say(Text(f"{address}: {len(rows)} 件", f"{address}: {counted(len(rows), 'code')}"))
        for row in rows[:limit]:
            before, after = (_meant(row[side]) for side in ("before", "after"))
            say(f"  {row['code']}  {before} → {after}")
        if len(rows) > limit:
            say(Text(f"  … ほか {len(rows) - limit} 件", f"  … {len(rows) - limit} more"))


def _meant(side: dict[str, str] | None) -> str:
    if side is None:
        return "—"
    return f"{side['character']} ({side['relationship']})" if side["character"] else "null"
