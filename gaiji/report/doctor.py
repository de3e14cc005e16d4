"""What is wrong with this deployment, and what to do about it (環境の診断)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from gaiji.errors import GaijiError, Text
from gaiji.glyph.reference import REFERENCE, font_status
from gaiji.registry import db, jobs, reference, releases, schema
from gaiji.registry.db import Engine, Session
from gaiji.registry.health import journal_state
from gaiji.settings import MEBIBYTE, Settings
from gaiji.wire.findings import Finding, Level

OPERATOR_KEY = "operator.key"
UNWORKED_S = 600
LITTLE_SPACE, NO_SPACE = 1024 * MEBIBYTE, 128 * MEBIBYTE


def examine(settings: Settings) -> list[Finding]:
    """Look at a deployment and return one finding per check: fit, warning or error, with its remedy.

    Nothing is changed or created; what cannot be looked at is a finding, not an exception.
    """
    return [*_home(settings), *_fonts(settings), shape_index(settings), *_database(settings)]


def _found(code: str, level: Level, ja: str, en: str, subject: str | None = None) -> Finding:
    return Finding(code, level, Text(ja, en), subject)


# --- the folder


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home
    if not home.is_dir():
        yield _found(
            "home-missing",
            "error",
            f"台帳のフォルダ {home} がありません。gaiji db upgrade で作るか、GAIJI_HOME を確かめてください。",
            f"There is no home folder {home}; make it with gaiji db upgrade, or check GAIJI_HOME.",
        )
        return
    if os.access(home, os.W_OK | os.X_OK):
        yield _found(
            "home",
            "fit",
            f"台帳のフォルダ {home} に書き込めます。",
            f"The home folder {home} can be written.",
        )
    else:
        yield _found(
            "home-read-only",
            "error",
            f"台帳のフォルダ {home} に書き込めません。持ち主と権限を直してください。",
            f"The home folder {home} cannot be written; mend its owner and rights.",
        )
    yield _space(home)
    yield _operator_key(home / OPERATOR_KEY)
    if settings.job_folder.is_dir():
        yield _job_folder(settings.job_folder)


def _space(home: Path) -> Finding:
    free = shutil.disk_usage(home).free
    told = f"{free // MEBIBYTE:,} MiB"
    if free >= LITTLE_SPACE:
        return _found(
            "disk-space", "fit", f"ディスクの空きは {told} です。", f"{told} of disk are free."
        )
    return _found(
        "disk-space-low",
        "error" if free < NO_SPACE else "warning",
        f"ディスクの空きが {told} しかありません。空きを作るか、GAIJI_HOME を別のディスクに移してください。",
        f"Only {told} of disk are free; free some space or move GAIJI_HOME to another disk.",
    )


def _operator_key(path: Path) -> Finding:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return _found(
            "operator-key-missing",
            "warning",
            f"操作用の鍵 {path} がありません。端末のコマンドは使えます。APIで使う鍵は gaiji token create で作れます。",
            f"There is no operator key {path}; commands still work, and gaiji token create makes a key "
            "for the API.",
        )
    if mode & 0o077:
        return _found(
            "operator-key-open",
            "error",
            f"操作用の鍵 {path} をほかの利用者が読めます(権限 {mode:04o})。chmod 600 {path} で直してください。",
            f"Others can read the operator key {path} (mode {mode:04o}); run chmod 600 {path}.",
        )
    return _found(
        "operator-key",
        "fit",
        f"操作用の鍵 {path} は持ち主だけが読めます。",
        f"Only its owner can read the operator key {path}.",
    )


def _job_folder(path: Path) -> Finding:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return _found(
            "job-folder-open",
            "error",
            f"住民ファイルを置く {path} にほかの利用者が入れます(権限 {mode:04o})。chmod 700 {path} で直してください。",
            f"Others can enter {path}, where resident files lie (mode {mode:04o}); run chmod 700 {path}.",
        )
    return _found(
        "job-folder",
        "fit",
        f"住民ファイルを置く {path} には持ち主だけが入れます。",
        f"Only its owner can enter {path}, where resident files lie.",
    )


# --- fonts


def _fonts(settings: Settings) -> Iterator[Finding]:
    for status in font_status(settings):
        source = status.source
        ja = en = f"{source.title} {source.edition}"
        if status.state == "ready":
            yield _found(
                "font",
                "fit",
                f"フォント {ja} があり、検査値が一致します。",
                f"The font {en} is there and its sha256 is right.",
                source.name,
            )
            continue
        drawn = source.name == REFERENCE
        missing = status.state == "missing"
        yield _found(
            "font-missing" if missing else "font-other-edition",
            "warning",
            f"フォント {ja} が{'ありません' if missing else '別の版です'}。"
            f"{'基準字形を描けません。' if drawn else ''}gaiji fonts fetch を実行してください。",
            f"The font {en} is {'missing' if missing else 'there in another edition'}"
            f"{', reference glyphs cannot be drawn' if drawn else ''}; run gaiji fonts fetch.",
            source.name,
        )


def shape_index(settings: Settings) -> Finding:
    """Return whether the index of the reference set's shapes is there (字形の索引の有無), whole and of this font."""
    try:
        from gaiji.glyph.reference_index import index_path, reference_gallery

        path = index_path(settings)
        if not path.exists():
            return _found(
                "shape-index-missing",
                "warning",
                "字形の索引がなく、文字同定ができません。gaiji reference index で作ってください。",
                "There is no index of shapes, so nothing can be identified; make it with gaiji reference index.",
            )
        count = len(reference_gallery(settings).names)
    except GaijiError as error:
        return Finding("shape-index-damaged", "error", error.text)
    return _found(
        "shape-index",
        "fit",
        f"字形の索引 {path.name} があります({count:,} 字形)。",
        f"The index of shapes {path.name} is there ({count:,} glyphs).",
    )


# --- the database


def _database(settings: Settings) -> Iterator[Finding]:
    file = db.database_file(settings)
    if file is not None and not file.exists():
        yield _found(
            "database-missing",
            "error",
            f"データベース {file} がありません。gaiji db upgrade で作ってください。",
            f"There is no database {file}; make it with gaiji db upgrade.",
        )
        return
    engine = db.connect(settings)
    try:
        ready = True
        for finding in _schema(engine):
            yield finding
            ready = ready and finding.level == "fit"
        if ready:
            with db.reading(engine) as session:
                yield from _reference(session)
                yield from _journal(session)
                yield from _latest_release(session)
                yield _jobs(session)
    except GaijiError as error:
        yield Finding(error.code(), "error", error.text)
    finally:
        engine.dispose()


def _schema(engine: Engine) -> Iterator[Finding]:
    current, newest = schema.revisions(engine)
    yield _found("database", "fit", "データベースに接続できます。", "The database answers.")
    if current == newest:
        yield _found(
            "schema",
            "fit",
            f"データベースの形式は {current} で、このプログラムと同じです。",
            f"The database has schema {current}, as this program.",
        )
    else:
        yield _found(
            "schema-mismatch",
            "error",
            f"データベースの形式は {current or '未初期化'}、このプログラムは {newest} です。"
            "gaiji db upgrade を実行してください。",
            f"The database has schema {current or 'none'}, this program needs {newest}; "
            "run gaiji db upgrade.",
        )


def _reference(session: Session) -> Iterator[Finding]:
    pinned = reference.pin(session)
    if "MJ" in pinned:
        told = ", ".join(f"{name} {part['edition']}" for name, part in pinned.items())
        yield _found(
            "reference",
            "fit",
            f"基準文字集合が読み込まれています({told})。",
            f"The reference set is loaded ({told}).",
        )
    else:
        yield _found(
            "reference-missing",
            "error",
            "基準文字集合(MJ)が読み込まれていません。gaiji reference load を実行してください。",
            "The reference set (MJ) is not loaded; run gaiji reference load.",
        )


def _journal(session: Session) -> Iterator[Finding]:
    state = journal_state(session)
    if state is None:
        yield _found(
            "registry-not-created",
            "error",
            "台帳がまだ初期化されていません。gaiji db upgrade を実行してください。",
            "The registry is not set up yet; run gaiji db upgrade.",
        )
    elif state.is_dense:
        yield _found(
            "journal",
            "fit",
            f"履歴は通番 1 から {state.head} まで欠けていません。",
            f"The journal is complete from serial 1 to {state.head}.",
        )
    else:
        yield _found(
            "journal-broken",
            "error",
            f"履歴の通番は {state.head} までのはずですが、{state.first} から {state.last} の "
            f"{state.entries} 件です。書込みを止め、バックアップから戻してください。",
            f"The journal should run to serial {state.head} and has {state.entries} entries from "
            f"{state.first} to {state.last}; stop writing and restore a backup.",
        )


def _latest_release(session: Session) -> Iterator[Finding]:
    number = releases.latest_number(session)
    if not number:
        yield _found(
            "no-release",
            "warning",
            "公布した版がまだありません。gaiji release publish で公布できます。",
            "Nothing is published yet; gaiji release publish does it.",
        )
        return
    release = releases.find_release(session, number)
    if releases.recompute(session, release) == release.digest:
        yield _found(
            "release-digest",
            "fit",
            f"第{number}版のダイジェストは台帳から計算し直しても一致します。",
            f"The digest of release {number} is the same when computed anew from the tables.",
            str(number),
        )
    else:
        yield _found(
            "release-digest-differs",
            "error",
            f"第{number}版のダイジェストが台帳と一致しません。公布後に台帳が書き換えられています。"
            "書込みを止め、バックアップから戻してください。",
            f"The digest of release {number} does not match the tables: they were changed after "
            "publishing; stop writing and restore a backup.",
            str(number),
        )


def _jobs(session: Session) -> Finding:
    waiting, overdue = jobs.stuck(session, UNWORKED_S)
    if waiting or overdue:
        return _found(
            "jobs-stuck",
            "warning",
            f"10分以上待つ変換ジョブが {waiting} 件、期限後もファイルの残るジョブが {overdue} 件あります。"
            "gaiji serve か gaiji jobs work を動かしてください。",
            f"For ten minutes nobody took up {waiting} conversion jobs, and {overdue} keep their files beyond "
            "their time; run gaiji serve or gaiji jobs work.",
        )
    return _found("jobs", "fit", "変換ジョブは滞っていません。", "No conversion job is stuck.")
