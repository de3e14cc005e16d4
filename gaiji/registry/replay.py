"""Replay: journal and blobs of one registry, acted again in an empty database (履歴の再生)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gaiji.errors import JournalBroken
from gaiji.registry import (
    adoption,
    allocation,
    charset_tables,
    confirming,
    cutover,
    decisions,
    members,
    principals,
    reference,
    registering,
    releases,
    retention,
    rights,
    usage,
    withdrawal,
)
from gaiji.registry.db import get_blob, put_blob
from gaiji.registry.journal import EFFECTS, entries, record
from gaiji.registry.tables import Blob, Entry, Registry

MODULES = (
    adoption,
    allocation,
    charset_tables,
    confirming,
    cutover,
    decisions,
    members,
    principals,
    reference,
    registering,
    releases,
    retention,
    rights,
    usage,
    withdrawal,
)  # they register the effects


@dataclass(frozen=True)
class Replayed:
    """What a replay did: entries, and the digests of the releases it ended with, by number."""

    entries: int
    releases: dict[int, str]


def replay(source: Session, target: Session) -> Replayed:
    """Act every entry of one registry again in an empty one and compare their releases.

    Raises JournalBroken when serials have a gap, a blob is missing, or a release comes out with another
    digest than the one recorded.
    """
    for digest, media_type in source.execute(
        select(Blob.sha256, Blob.media_type).order_by(Blob.sha256)
    ):
        put_blob(target, get_blob(source, digest)[0], media_type)
        target.expunge_all()
    done = 0
    while batch := entries(source, after=done):
        for entry in batch:
            record(target, entry.body)
            done = entry.serial
            target.expunge_all()
    return Replayed(done, verify(target))


def verify(session: Session) -> dict[int, str]:
    """Check that the journal is dense and that every release and cutover plan still has the digest recorded for it.

    Returns the digests by release. Raises JournalBroken, naming what does not agree.
    """
    head = session.get_one(Registry, 1).serial
    count, last = session.execute(select(func.count(), func.max(Entry.serial))).one()
    if not head == count == last:
        raise JournalBroken(
            f"履歴の通番は {last} まで、件数は {count}、台帳の記録は {head} です。バックアップと比べてください。",
            f"The journal ends at {last}, has {count} entries, and the registry says {head}; "
            "compare with a backup.",
        )
    for entry in session.scalars(select(Entry).where(Entry.action.not_in(EFFECTS))):
        raise JournalBroken(
            f"履歴 {entry.serial} の操作 {entry.action} はこのプログラムにありません。新しい版を使ってください。",
            f"Entry {entry.serial} has the unknown action {entry.action}; use a newer program.",
        )
    digests = {}
    for release in releases.all_releases(session):
        digests[release.number] = release.digest
        if releases.recompute(session, release) != release.digest:
            raise JournalBroken(
                f"版 {release.number} の内容が公布時と違います。バックアップから戻してください。",
                f"Release {release.number} is not what was published; restore from a backup.",
            )
    cutover.verify(session)
    return digests
