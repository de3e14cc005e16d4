"""gaiji db, gaiji doctor, gaiji reference, gaiji fonts: what a deployment is made of."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from gaiji.charset.files import replacing
from gaiji.cli.shared import (
    By,
    Home,
    OutputFormat,
    actor,
    counting,
    open_engine,
    read_file,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadReference, StorageFailed, Text
from gaiji.glyph.reference import fetch_fonts, font_status
from gaiji.registry import db, journal, principals, reference, schema
from gaiji.registry.tables import Registry
from gaiji.report.doctor import OPERATOR_KEY, examine, shape_index
from gaiji.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    databases = typer.Typer(no_args_is_help=True, help="データベース / the database's schema.")
    databases.command("upgrade")(upgrade)
    databases.command("init")(upgrade)
    databases.command("check")(check)
    databases.command("downgrade")(downgrade)
    app.add_typer(databases, name="db")
    app.command("doctor")(doctor)
    references = typer.Typer(no_args_is_help=True, help="基準文字集合 / the reference set.")
    references.command("load")(load)
    references.command("import")(import_sheet)
    references.command("index")(index)
    references.command("status")(reference_status)
    app.add_typer(references, name="reference")
    fonts = typer.Typer(no_args_is_help=True, help="基準フォント / reference fonts.")
    fonts.command("fetch")(fetch)
    fonts.command("status")(fonts_status)
    app.add_typer(fonts, name="fonts")


def prepare(settings: Settings, prefix: str = "OM") -> Engine:
    """Make or upgrade the registry of a home folder; a new one gets its loopback operator key."""
    journal.check_prefix(prefix)
    engine = db.connect(settings)
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageFailed(
            f"フォルダ {settings.home} を作れません。名前と権限を確かめてください。",
            f"The folder {settings.home} cannot be made; check its name and rights.",
        ) from error
    schema.upgrade(engine)
    with db.writing(engine) as session:
        if session.get(Registry, 1) is None:
            me = actor(settings, None)
            journal.create(session, me, prefix)
            key = principals.create_key(session, me, "operator", "operator")
            _write_secret(settings.home / OPERATOR_KEY, key)
    return engine


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secret + "\n")


def upgrade(
    home: Home = None,
    prefix: Annotated[
        str, typer.Option(help="独自文字の接頭辞 / prefix of the council's own characters.")
    ] = "OM",
) -> None:
    """データベースを作る・新しくする / make the database or bring it to this program's schema."""
    settings = settings_for(home)
    engine = prepare(settings, prefix)
    current, _ = schema.revisions(engine)
    engine.dispose()
    say(Text(f"データベースは形式 {current} です。", f"The database has schema {current}."))
    key = settings.home / OPERATOR_KEY
    if key.exists():
        say(Text(f"操作用の鍵は {key} にあります。", f"The operator's key is in {key}."))
    else:
        say(
            Text(
                f"操作用の鍵 {key} はありません。gaiji token create 名前 --role operator で作れます。",
                f"There is no operator's key {key}; gaiji token create NAME --role operator makes one.",
            )
        )


def check(home: Home = None) -> None:
    """データベースの形式を確かめる / check that the database has this program's schema."""
    engine = open_engine(settings_for(home))
    current, _ = schema.revisions(engine)
    engine.dispose()
    say(Text(f"データベースの形式は {current} です。", f"The database has schema {current}."))


def downgrade(
    revision: Annotated[str, typer.Argument(help="戻す先の形式 / revision to go back to")],
    home: Home = None,
) -> None:
    """データベースの形式を前に戻す / take the schema back to a revision."""
    engine = open_engine(settings_for(home))
    schema.downgrade(engine, revision)
    engine.dispose()
    say(Text(f"形式 {revision} に戻しました。", f"The schema is back at {revision}."))


def doctor(home: Home = None, format: OutputFormat = "text") -> None:
    """この環境の問題を調べる / say what is wrong with this deployment and what to do."""
    findings = examine(settings_for(home))
    if format == "json":
        say_json({"items": [finding.shape() for finding in findings], "next": None})
    else:
        marks = {"fit": "○", "warning": "△", "gap": "△", "error": "×"}
        for finding in findings:
            say(f"{marks[finding.level]} {finding.text}")
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(1)


def load(home: Home = None, by: By = None) -> None:
    """付属の基準文字集合を読み込む / load the reference set that ships with the program."""
    with writing(home) as session:
        done = reference.load(session, actor(settings_for(home), by))
    _say_loaded(done)


def import_sheet(
    file: Annotated[Path, typer.Argument(help="CSV | xlsx")],
    namespace: Annotated[str, typer.Option(help="MJ | GJ")],
    edition: Annotated[str | None, typer.Option(help="版の名前 / edition name")] = None,
    home: Home = None,
    by: By = None,
) -> None:
    """別の版・別の文字集合を読み込む / load another edition or namespace with the MJ list's columns."""
    name, data = read_file(file)
    with writing(home) as session:
        who = actor(settings_for(home), by)
        done = reference.import_sheet(session, who, name, data, namespace, edition)
    _say_loaded(done)


def _say_loaded(done: reference.LoadResult) -> None:
    for one in done.loaded:
        say(
            Text(
                f"{one.dataset} {one.edition} を読み込みました。",
                f"{one.dataset} {one.edition} is loaded.",
            )
        )
    for one in done.unchanged:
        told = f"{one.dataset} {one.edition}"
        say(Text(f"{told} は読込み済みです。", f"{told} was there already."))
    for finding in done.findings:
        say(finding.text)


def index(
    again: Annotated[
        bool, typer.Option("--again", help="あっても作り直す / make it anew where it is there")
    ] = False,
    home: Home = None,
) -> None:
    """字形の索引を作る / make the index of the reference set's shapes, for identification."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
    from gaiji.glyph import reference_index

    settings = settings_for(home)
    path = reference_index.index_path(settings)
    if not again and path.exists():
        try:
            count = len(reference_index.reference_gallery(settings).names)
        except BadReference:
            pass  # damaged: it is made again
        else:
            _say_index(path, count)
            return
    begun = time.monotonic()
    with counting(path.name) as progress:
        data = reference_index.build(settings, progress)
    settings.shape_folder.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(data)
    del data
    _say_index(path, len(reference_index.reference_gallery(settings).names))
    seconds = time.monotonic() - begun
    say(Text(f"{seconds:.0f} 秒で作りました。", f"Made in {seconds:.0f} seconds."))


def _say_index(path: Path, count: int) -> None:
    size = path.stat().st_size / 1e6
    say(
        Text(
            f"字形の索引 {path}: {count:,} 字形、{size:.1f} MB。",
            f"Index of shapes {path}: {count:,} glyphs, {size:.1f} MB.",
        )
    )


def reference_status(home: Home = None, format: OutputFormat = "text") -> None:
    """基準文字集合の版と出典 / editions and sources of the reference set."""
    with reading(home) as session:
        rows = reference.status(session)
    shapes = shape_index(settings_for(home))
    if format == "json":
        items = [vars(row) for row in rows]
        say_json({"items": items, "next": None, "index": shapes.shape()})
        return
    marks = {True: Text("現行", "current"), False: Text("旧", "old")}
    headers = str(
        Text("データ 版 状態 利用許諾 digest", "dataset edition state licence digest")
    ).split()
    say_table(
        headers,
        [
            [row.dataset, row.edition, marks[row.current], row.source.get("licence"), row.digest]
            for row in rows
        ],
    )
    say(shapes.text)


def fetch(home: Home = None) -> None:
    """基準フォントを取り寄せる / install the reference fonts and check their sha256."""
    fetch_fonts(settings_for(home), say)


def fonts_status(home: Home = None, format: OutputFormat = "text") -> None:
    """基準フォントの有無と検査値 / which reference fonts are there, sha256 checked."""
    rows = [
        {
            "name": status.source.name,
            "edition": status.source.edition,
            "state": status.state,
            "package": status.source.package,
            "path": str(status.path) if status.path else None,
            "licence": status.source.licence,
        }
        for status in font_status(settings_for(home))
    ]
    if format == "json":
        say_json({"items": rows, "next": None})
    else:
        say_table(list(rows[0]), [list(row.values()) for row in rows])
