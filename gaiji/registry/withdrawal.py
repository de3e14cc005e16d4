"""Taking back what was decided last and not yet published (決定の取消し), exactly: as if it had never been said.

A release never changes, so what it holds is taken back by another decision, never here. The decision itself stays in
the table and in the journal, marked with the serial of the act that took it back; nothing counts it any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import Undecidable
from gaiji.registry.decisions import ending, find_meaning
from gaiji.registry.journal import Act, Actor, act, effect
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import Decision, IdentificationNote, Json, MappingRow, Meaning


@dataclass(frozen=True)
class Withdrawn:
    """What was taken back (取り消したもの): character and relationship, both None for "no character fits"."""

    code: str
    serial: int
    character: str | None
    relationship: str | None


def withdraw(
    session: Session,
    actor: Actor,
    address: str,
    code_hex: str,
    *,
    valid_from: date | None = None,
) -> Withdrawn:
    """Take back the latest thing a person or a policy said about a code, and return it.

    valid_from: which meaning, where the slot was used again; the latest where None. What it took the place of stands
    again. Raises UnknownCode, and Undecidable when nothing is there to take back or a release holds it.
    """
    code_set = find_code_set(session, address)
    code = charset_of(session, code_set).parse_code(code_hex)
    meaning = find_meaning(session, code_set, code, valid_from)
    subject = f"{address}/{code.hex().upper()}"
    last = _last(session, meaning.id)
    if last is None:
        raise Undecidable(
            f"{subject} には取り消せる決定がありません。",
            f"Nothing was decided about {subject} that could be taken back.",
        )
    if isinstance(last, Decision) and _is_published(session, last):
        raise Undecidable(
            f"{subject} の決定({last.character})は公布済みのため取り消せません。"
            "別の文字に決定し直すか not-related と決定し、次の版で公布してください。",
            f"The decision about {subject} ({last.character}) is published and cannot be taken back; decide another "
            "character, or not-related, and publish the next release.",
        )
    before: Json = {"character": None, "relationship": None}
    if isinstance(last, Decision):
        before = {"character": last.character, "relationship": last.relationship}
    after = {"from": meaning.valid_from.isoformat(), "serial": last.serial}
    act(session, actor, "decide.withdraw", subject, after, before)
    return Withdrawn(code.hex().upper(), last.serial, before["character"], before["relationship"])


def _last(session: Session, meaning_id: int) -> Decision | IdentificationNote | None:
    """Return what was said last about a meaning and not taken back."""
    decision = session.scalars(
        select(Decision)
        .where(Decision.meaning_id == meaning_id, Decision.withdrawn.is_(None))
        .order_by(Decision.serial.desc(), Decision.id.desc())
    ).first()
    note = session.scalars(
        select(IdentificationNote)
        .where(IdentificationNote.meaning_id == meaning_id, IdentificationNote.withdrawn.is_(None))
        .order_by(IdentificationNote.serial.desc())
    ).first()
    if decision is None or note is None:
        return decision or note
    return note if note.serial > decision.serial else decision


def _is_published(session: Session, decision: Decision) -> bool:
    """Whether a release holds what a decision made, or ended something by it."""
    made = (MappingRow.decision_id == decision.id) & MappingRow.since.is_not(None)
    ended = (MappingRow.ended == decision.id) & MappingRow.until.is_not(None)
    return session.scalar(select(MappingRow.id).where(made | ended).limit(1)) is not None


@effect("decide.withdraw")
def _withdrawn(session: Session, act: Act) -> None:
    address, _, code_hex = act.subject.rpartition("/")
    code_set = find_code_set(session, address)
    day = date.fromisoformat(act.after["from"])
    meaning = find_meaning(session, code_set, bytes.fromhex(code_hex), day)
    last = _last(session, meaning.id)
    if last is None or last.serial != act.after["serial"]:
        raise LookupError(act.after["serial"])  # the journal itself is not what it was
    last.withdrawn = act.serial
    session.flush()
    if isinstance(last, Decision):
        _restore(session, meaning, last)


def _restore(session: Session, meaning: Meaning, taken_back: Decision) -> None:
    """Let the mappings of a meaning be what the other decisions about it say."""
    rows = list(
        session.scalars(
            select(MappingRow)
            .where(MappingRow.meaning_id == meaning.id, MappingRow.until.is_(None))
            .order_by(MappingRow.id)
        )
    )
    for row in rows:
        if row.decision_id == taken_back.id:
            row.superseded = taken_back.id
    session.flush()  # it must give way before another one waits again
    counting = select(Decision).where(
        Decision.meaning_id == meaning.id, Decision.withdrawn.is_(None)
    )
    decisions = list(session.scalars(counting.order_by(Decision.serial, Decision.id)))
    for row in rows:
        if row.superseded == taken_back.id and row.decision_id != taken_back.id:
            row.superseded = None
        elif row.since is not None:
            row.ended = ending(session, row, decisions)
    session.flush()
