"""Connections, transactions and blobs of the registry (台帳の接続と保管ファイル).

SQLite runs in WAL with synchronous FULL and foreign keys on; PostgreSQL by its address. Errors of the
drivers become the project's own, each with its remedy.
"""

from __future__ import annotations

import errno
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    create_engine,
    event,
    make_url,
    select,
)
from sqlalchemy import Engine as Engine
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.orm import Session as Session

from gaiji.errors import (
    BadInput,
    DatabaseBusy,
    DatabaseReadOnly,
    DatabaseUnreachable,
    DiskFull,
    GaijiError,
    StorageFailed,
    UnknownBlob,
)
from gaiji.registry.tables import Blob, Registry
from gaiji.settings import Settings

JAPAN = timezone(timedelta(hours=9), "JST")


def connect(settings: Settings) -> Engine:
    """Return the engine of the registry's database; nothing is opened yet.

    SQLite: WAL, synchronous FULL, foreign keys on; writing transactions begin IMMEDIATE.
    """
    url = _address(settings)
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": settings.database_timeout_s})
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    return create_engine(url, pool_pre_ping=True)


def _address(settings: Settings) -> URL:
    try:
        url = make_url(settings.database_url)
        if url.get_backend_name() in ("sqlite", "postgresql"):
            return url
    except ArgumentError:
        pass
    raise BadInput(
        "GAIJI_DATABASE のアドレスが使えません。postgresql://利用者@ホスト/名前 か sqlite:////フォルダ/gaiji.db の"
        "ように書いてください。",
        "The address in GAIJI_DATABASE cannot be used; write it like postgresql://user@host/name or "
        "sqlite:////folder/gaiji.db.",
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536"):
        try:
            connection.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError:
            if not pragma.startswith("journal_mode"):  # a read-only file keeps its journal mode
                raise


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def writing(engine: Engine, *, in_turn: bool = True) -> Iterator[Session]:
    """Give a session whose changes are committed at the end, all or nothing.

    Writers take turns from their first statement on, so that what a function looks up holds until it
    writes: SQLite begins IMMEDIATE, on PostgreSQL the registry's row is locked. in_turn=False is for what
    is no part of the registry, such as the progress of jobs: on PostgreSQL it waits for nobody.
    """
    with translated(), Session(engine.execution_options(writes=True)) as session:
        if in_turn and engine.dialect.name == "postgresql":
            session.execute(select(Registry.id).with_for_update())
        yield session
        session.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """Give a session for reading, of one state from its first look to its last; changes are dropped."""
    if engine.dialect.name == "postgresql":
        engine = engine.execution_options(isolation_level="REPEATABLE READ")
    with translated(), Session(engine) as session:
        yield session


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into the project's own, each with its remedy."""
    try:
        yield
    except DBAPIError as error:
        raise _storage_error(error) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _disk_full() from error
        raise


def _disk_full() -> GaijiError:
    return DiskFull(
        "ディスクに空きがないため何も変更していません。空きを作ってやり直してください。",
        "The disk is full, nothing was changed; free some space and try again.",
    )


def _storage_error(error: DBAPIError) -> Exception:
    said = str(error.orig).lower()
    if "locked" in said or "lock timeout" in said:
        return DatabaseBusy(
            "ほかの処理がデータベースを使用中です。何も変更していません。しばらくしてやり直してください。",
            "Another process holds the database, nothing was changed; try again in a moment.",
        )
    if "readonly" in said or "read-only" in said or "read only" in said:
        return DatabaseReadOnly(
            "データベースに書き込めません。何も変更していません。ファイルとフォルダの権限を確かめてください。",
            "The database is read-only, nothing was changed; check the rights of file and folder.",
        )
    if "full" in said or "no space" in said:
        return _disk_full()
    if "disk i/o error" in said:
        return StorageFailed(
            "ディスクが読み書きに応じません。何も変更していません。空き容量とディスクの状態を確かめてください。",
            "The disk refused to read or write, nothing was changed; it may be full or failing.",
        )
    if "unable to open" in said:
        return StorageFailed(
            "データベースのファイルを開けません。フォルダがあり、書き込めることを確かめてください。",
            "The database file cannot be opened; check that its folder exists and can be written.",
        )
    if "not a database" in said or "malformed" in said:
        return StorageFailed(
            "データベースのファイルが壊れているか、別の形式です。バックアップから戻してください。",
            "The database file is damaged or no database; restore it from a backup.",
        )
    if isinstance(error, OperationalError) and not isinstance(error.orig, sqlite3.Error):
        return DatabaseUnreachable(
            "データベースに接続できません。サーバーが動いているか、接続先を確かめてください。",
            "The database does not answer; check that its server runs and the address is right.",
        )
    return error


# --- blobs


def put_blob(session: Session, data: bytes, media_type: str) -> str:
    """Keep a file under its sha256 (hex) and return that; the same bytes are kept once."""
    digest = sha256(data).hexdigest()
    if session.get(Blob, digest) is None:
        session.add(_blob(digest, data, media_type))
        session.flush()
    return digest


def _blob(digest: str, data: bytes, media_type: str) -> Blob:
    packed = zlib.compress(data, 6)
    deflated = len(packed) < len(data)
    return Blob(
        sha256=digest,
        media_type=media_type,
        size=len(data),
        deflated=deflated,
        data=packed if deflated else data,
    )


def put_blobs(session: Session, files: dict[str, bytes], media_type: str) -> None:
    """Keep many files at once; keys are their sha256 (hex)."""
    digests = list(files)
    for start in range(0, len(digests), 500):
        some = digests[start : start + 500]
        known = set(session.scalars(select(Blob.sha256).where(Blob.sha256.in_(some))))
        session.add_all(
            _blob(digest, files[digest], media_type) for digest in some if digest not in known
        )
        session.flush()
        session.expunge_all()


def get_blob(session: Session, digest: str) -> tuple[bytes, str]:
    """Return a kept file and its media type. Raises UnknownBlob."""
    blob = session.get(Blob, digest)
    if blob is None:
        raise UnknownBlob(
            f"sha256 {digest} のファイルはありません。値を確かめてください。",
            f"No file with sha256 {digest} is kept; check the value.",
        )
    return (zlib.decompress(blob.data) if blob.deflated else blob.data), blob.media_type


def now() -> str:
    """Return the time as the registry writes it: UTC, microseconds, e.g. 2026-11-23T05:49:00.000000Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def today() -> date:
    """Return the day it is in Japan, where the cities are, wherever the machine's clock thinks it stands."""
    return datetime.now(JAPAN).date()


def database_file(settings: Settings) -> Path | None:
    """Return the file of an embedded database, None for a server."""
    url = _address(settings)
    named = url.get_backend_name() == "sqlite" and url.database and "uri" not in url.query
    return Path(url.database or "") if named else None


def chunks(values: Iterable[Any], size: int = 500) -> Iterator[list[Any]]:
    """Give values in lists short enough for one query."""
    left = iter(values)
    while some := list(islice(left, size)):
        yield some
