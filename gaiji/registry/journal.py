"""The journal: every act with its serial, in the same transaction as what it changes (履歴).

Serials are dense and their order is the order of commits: the row of the registry that holds the last
serial is locked until the transaction ends. `act` writes the entry and then calls the effect registered
for its action; replaying entries calls the same effects, so that both ways give the same tables.
Effects read nothing but the entry, the blobs it names and the tables. Entries refer to things by their
public names, never by row ids, and hold no resident's name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gaiji.errors import AlreadyRegistered, BadName, JournalBroken, StorageFailed
from gaiji.registry.db import get_blob, now, put_blob
from gaiji.registry.tables import Entry, Json, Registry

SCHEMA = 1
ROWS = "application/x-ndjson"
CREATE = "registry.create"


LABEL_LENGTH = 100


def check_label(value: str, ja: str, en: str) -> str:
    """Return a name that a person gave, without blanks around it.

    Raises BadName when it is blank, longer than LABEL_LENGTH or holds control characters.
    """
    label = value.strip()
    if not label or len(label) > LABEL_LENGTH or not label.isprintable():
        raise BadName(
            f"{ja}は、改行などを含まない1文字から{LABEL_LENGTH}文字で書いてください。",
            f"Give {en} 1 to {LABEL_LENGTH} characters, without line breaks and the like.",
        )
    return label


@dataclass(frozen=True)
class Actor:
    """Who acts (行為者): a name, the role it acts in and the request it came with."""

    name: str
    role: str
    request: str | None = None

    def __post_init__(self) -> None:
        check_label(self.name, "行為者の名前", "the actor's name")


@dataclass(frozen=True)
class Act:
    """What an effect gets to see of an entry."""

    serial: int
    at: str
    actor: str
    role: str
    action: str
    subject: str
    after: Json


Effect = Callable[[Session, Act], None]
EFFECTS: dict[str, Effect] = {}


def effect(action: str) -> Callable[[Effect], Effect]:
    """Register what an action does to the tables."""

    def register(function: Effect) -> Effect:
        EFFECTS[action] = function
        return function

    return register


def canonical(value: Any) -> str:
    """Return canonical JSON: sorted keys, no spaces, UTF-8 as it is."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def head(session: Session) -> Registry:
    """Return the registry's one row, locked until the transaction ends."""
    row = session.scalar(
        select(Registry).with_for_update().execution_options(populate_existing=True)
    )
    if row is None:
        raise StorageFailed(
            "データベースがまだ初期化されていません。gaiji db upgrade を実行してください。",
            "The database is not set up yet; run gaiji db upgrade.",
        )
    return row


def act(
    session: Session,
    actor: Actor,
    action: str,
    subject: str,
    after: Json,
    before: Json | None = None,
) -> Act:
    """Write one entry with the next serial and let it take effect.

    action: e.g. "member.add"; subject: the public name of what changes; before and after: its state, in
    JSON; long lists go into a blob (`put_rows`) whose sha256 stands in `after`.
    """
    row = head(session)
    entry = {
        "serial": row.serial + 1,
        "at": now(),
        "actor": actor.name,
        "role": actor.role,
        "request": actor.request,
        "action": action,
        "subject": subject,
        "schema": SCHEMA,
        "before": before,
        "after": after,
    }
    return record(session, canonical(entry))


def record(session: Session, body: str) -> Act:
    """Take one entry in its canonical form, at the end of the journal. Raises JournalBroken on a gap."""
    entry = json.loads(body)
    if entry["action"] == CREATE and session.get(Registry, 1) is None:
        session.add(Registry(id=1, prefix=entry["after"]["prefix"], serial=0, next_own=1))
        session.flush()
    row = head(session)
    if entry["serial"] != row.serial + 1 or entry["schema"] != SCHEMA:
        raise JournalBroken(
            f"履歴の通番 {entry['serial']} は {row.serial} の次ではないか、形式が違います。",
            f"Journal serial {entry['serial']} does not follow {row.serial}, or has another schema.",
        )
    seen = Act(**{name: entry[name] for name in Act.__dataclass_fields__})
    session.execute(update(Registry).values(serial=seen.serial))
    session.add(
        Entry(
            serial=seen.serial,
            at=seen.at,
            actor=seen.actor,
            action=seen.action,
            subject=seen.subject,
            body=body,
        )
    )
    session.flush()
    EFFECTS[seen.action](session, seen)
    session.flush()
    return seen


def check_prefix(prefix: str) -> None:
    """Raise BadName unless a prefix can name the council's own characters."""
    if not re.fullmatch("[A-Z]{2}", prefix) or prefix in ("MJ", "GJ"):
        raise BadName(
            f"共通文字の接頭辞 {prefix} は使えません。MJ と GJ 以外の英大文字2字にしてください。",
            f"{prefix} cannot be the prefix of shared characters; take two capitals but MJ and GJ.",
        )


def create(session: Session, actor: Actor, prefix: str) -> None:
    """Make an empty database a registry; prefix: two capitals for the council's own characters.

    Raises AlreadyRegistered when it is one, BadName for another prefix.
    """
    if session.get(Registry, 1) is not None:
        raise AlreadyRegistered(
            "このデータベースは初期化済みです。そのまま使えます。",
            "This database is set up already; use it as it is.",
        )
    check_prefix(prefix)
    session.add(Registry(id=1, prefix=prefix, serial=0, next_own=1))
    session.flush()
    act(session, actor, CREATE, "registry", {"prefix": prefix})


@effect(CREATE)
def _created(session: Session, act: Act) -> None:
    """The row itself is made before its first entry can be written."""


def put_rows(session: Session, rows: Iterable[Json]) -> str:
    """Keep rows as canonical JSON lines and return the sha256 (hex) of the blob."""
    return put_blob(session, "".join(canonical(row) + "\n" for row in rows).encode(), ROWS)


def get_rows(session: Session, digest: str) -> Iterator[Json]:
    """Return the rows that `put_rows` kept."""
    data, _ = get_blob(session, digest)
    return (json.loads(line) for line in data.decode().split("\n") if line)


def entries(session: Session, after: int = 0, limit: int = 1000) -> list[Entry]:
    """Return the entries that follow a serial, in order."""
    query = select(Entry).where(Entry.serial > after).order_by(Entry.serial).limit(limit)
    return list(session.scalars(query))


def last_entry(session: Session) -> Entry | None:
    """Return the last entry, None in a database that was never set up."""
    return session.scalars(select(Entry).order_by(Entry.serial.desc()).limit(1)).first()
