"""What the journal must hold of itself, for a look at a deployment (台帳の健全性)."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gaiji.registry.tables import Entry, Registry


class JournalState(NamedTuple):
    """The journal in numbers (履歴の状態): head is the serial the registry gave out last."""

    head: int
    first: int
    last: int
    entries: int

    @property
    def is_dense(self) -> bool:
        """Whether the serials 1 to head are all there, each once."""
        return (self.first, self.last, self.entries) == (1, self.head, self.head)


def journal_state(session: Session) -> JournalState | None:
    """Return the state of the journal, None when the database was never made a registry."""
    registry = session.get(Registry, 1)
    if registry is None:
        return None
    query = select(
        func.coalesce(func.min(Entry.serial), 0),
        func.coalesce(func.max(Entry.serial), 0),
        func.count(),
    )
    first, last, entries = session.execute(query).one()
    return JournalState(registry.serial, first, last, entries)
