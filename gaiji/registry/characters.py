"""Local codes and shared characters as a release shows them (外字コードと共通文字)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from gaiji.errors import NoPicture, UnknownCharacter, UnknownCode
from gaiji.registry import reference
from gaiji.registry.db import get_blob
from gaiji.registry.evidence import exclude, standing
from gaiji.registry.members import charset_of
from gaiji.registry.tables import (
    OPEN_END,
    OPEN_START,
    Character,
    CodeSet,
    Decision,
    GlyphUse,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Proposal,
    Span,
)
from gaiji.registry.usage import uses_of
from gaiji.wire.nouns import (
    CharacterShape,
    EvidenceShape,
    HistoryShape,
    LocalCodeShape,
    Page,
    ProposalShape,
    UseShape,
)


@dataclass(frozen=True)
class Meant:
    """One meaning in a release, or as decided and not yet published: what digests and reports read."""

    code: bytes
    valid_from: date
    valid_to: date
    glyph: str | None
    character: str | None
    relationship: str | None
    ground: str | None
    since: int | None
    until: int | None
    how: str | None

    def row(self) -> Json:
        """Return its semantic row."""
        return {
            "code": self.code.hex().upper(),
            "from": None if self.valid_from == OPEN_START else self.valid_from.isoformat(),
            "to": None if self.valid_to == OPEN_END else self.valid_to.isoformat(),
            "glyph": self.glyph,
            "character": self.character,
            "relationship": self.relationship,
            "ground": self.ground,
        }


# --- which rows hold


Interval = type[MappingRow] | type[GlyphUse] | type[Span]


def published(table: Interval, number: int) -> ColumnElement[bool]:
    """True for the rows that hold in a release."""
    return (table.since <= number) & or_(table.until.is_(None), table.until > number)


def pending(table: Interval) -> ColumnElement[bool]:
    """True for the rows that wait for the next release."""
    name = "superseded" if table is MappingRow else "replaced"
    given_up: ColumnElement[int | None] = getattr(table, name)
    return table.since.is_(None) & given_up.is_(None)


def coming(table: Interval) -> ColumnElement[bool]:
    """True for the rows that would hold if everything decided were published now."""
    waiting = select(table.meaning_id).where(pending(table)).scalar_subquery()
    stays = table.since.is_not(None) & table.until.is_(None) & table.meaning_id.not_in(waiting)
    if table is MappingRow:
        stays &= MappingRow.ended.is_(None)
    return or_(pending(table), stays)


def counting(serial: int | None) -> ColumnElement[bool]:
    """True for the decisions that nobody had taken back when the journal stood at a serial (None: now)."""
    stands: ColumnElement[bool] = Decision.withdrawn.is_(None)
    return stands if serial is None else stands | (Decision.withdrawn > serial)


def meanings(session: Session, code_set: CodeSet, release: int | None) -> list[Meant]:
    """Return every meaning of a code set, with the glyph and the character it has, by code and day.

    release: a number, or None for what would hold if everything decided were published now.
    """

    def holds(table: Interval) -> ColumnElement[bool]:
        return coming(table) if release is None else published(table, release)

    query = (
        select(
            LocalCode.code,
            Meaning.valid_from,
            Span.valid_to,
            GlyphUse.glyph,
            MappingRow.character,
            MappingRow.relationship,
            Decision.ground,
            MappingRow.since,
            MappingRow.until,
            Decision.how,
        )
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(Span, (Span.meaning_id == Meaning.id) & holds(Span))
        .outerjoin(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & holds(GlyphUse))
        .outerjoin(MappingRow, (MappingRow.meaning_id == Meaning.id) & holds(MappingRow))
        .outerjoin(Decision, Decision.id == MappingRow.decision_id)
        .where(LocalCode.code_set_id == code_set.id)
        .order_by(LocalCode.code, Meaning.valid_from)
    )
    return [Meant(*tuple(row)) for row in session.execute(query)]


# --- local codes


def list_local_codes(
    session: Session,
    code_set: CodeSet,
    release: int | None,
    *,
    after: str = "",
    limit: int = 100,
    as_of: date | None = None,
    unmapped: bool = False,
    work: bool = True,
) -> Page[LocalCodeShape]:
    """Return a part of a code set's local codes, by code; `after` is the last code of the part before.

    release None shows the state of work: what is decided and not yet published too. unmapped: only codes
    of which no meaning has a character there. work: codes that came after the release too.
    """
    query = (
        select(LocalCode)
        .where(LocalCode.code_set_id == code_set.id, LocalCode.code > bytes.fromhex(after))
        .order_by(LocalCode.code)
        .limit(limit + 1)
    )
    if unmapped:
        holds = coming(MappingRow) if release is None else published(MappingRow, release)
        mapped = select(Meaning.local_code_id).join(MappingRow, MappingRow.meaning_id == Meaning.id)
        query = query.where(LocalCode.id.not_in(mapped.where(holds)))
    if release is not None and not work:
        part = select(Meaning.local_code_id).join(Span, Span.meaning_id == Meaning.id)
        query = query.where(LocalCode.id.in_(part.where(published(Span, release))))
    codes = list(session.scalars(query))
    shapes = _shapes(session, codes[:limit], release, as_of, work)
    more = codes[limit - 1].code.hex().upper() if len(codes) > limit else None
    return Page(items=shapes, next=more, release=release)


def show_local_code(
    session: Session,
    code_set: CodeSet,
    code_hex: str,
    release: int | None,
    as_of: date | None = None,
    *,
    work: bool = True,
) -> LocalCodeShape:
    """Return what a local code means in a release; known without a decided meaning: character null.

    work: whether to show proposals, the city's list and usage too, which are no published data.

    Raises BadName, CodeOutsideArea, UnknownCode when it was never registered.
    """
    return _shapes(session, [_find_code(session, code_set, code_hex)], release, as_of, work)[0]


def _find_code(session: Session, code_set: CodeSet, code_hex: str) -> LocalCode:
    code = charset_of(session, code_set).parse_code(code_hex)
    query = select(LocalCode).where(LocalCode.code_set_id == code_set.id, LocalCode.code == code)
    found = session.scalar(query)
    if found is None:
        raise UnknownCode(
            f"外字コード {code_set.address}/{code_hex.upper()} は登録されていません。コードを確かめてください。",
            f"Local code {code_set.address}/{code_hex.upper()} is not registered; check the code.",
        )
    return found


def _shapes(
    session: Session,
    codes: list[LocalCode],
    release: int | None,
    as_of: date | None,
    work: bool,
) -> list[LocalCodeShape]:
    ids = [code.id for code in codes]
    holds_span = coming(Span) if release is None else published(Span, release)
    spans = defaultdict[int, list[tuple[Meaning, date]]](list)
    query = (
        select(Meaning, Span.valid_to)
        .join(Span, (Span.meaning_id == Meaning.id) & holds_span)
        .where(Meaning.local_code_id.in_(ids))
        .order_by(Meaning.valid_from)
    )
    for meaning, last_day in session.execute(query):
        spans[meaning.local_code_id].append((meaning, last_day))
    chosen = {code.id: _in_force(spans[code.id], as_of) for code in codes}
    wanted = [meaning.id for meaning, _ in chosen.values() if meaning]
    holds_mapping = coming(MappingRow) if release is None else published(MappingRow, release)
    mapped = {
        row.meaning_id: (row, decision)
        for row, decision in session.execute(
            select(MappingRow, Decision)
            .join(Decision, Decision.id == MappingRow.decision_id)
            .where(MappingRow.meaning_id.in_(wanted), holds_mapping)
        )
    }
    holds_glyph = coming(GlyphUse) if release is None else published(GlyphUse, release)
    drawn = {
        meaning: glyph
        for meaning, glyph in session.execute(
            select(GlyphUse.meaning_id, GlyphUse.glyph).where(
                GlyphUse.meaning_id.in_(wanted), holds_glyph
            )
        )
    }
    proposed = defaultdict[int, list[Proposal]](list)
    for proposal in session.scalars(
        select(Proposal).where(Proposal.meaning_id.in_(wanted)).order_by(Proposal.id)
    ):
        proposed[proposal.meaning_id].append(proposal)
    counted = {
        set_id: uses_of(session, set_id, [code.code for code in codes])
        for set_id in {code.code_set_id for code in codes}
        if work
    }
    texts = reference.texts(session, {row.character for row, _ in mapped.values()})
    shapes = []
    for code in codes:
        held, last_day = chosen[code.id]
        row, decision = mapped.get(held.id, (None, None)) if held else (None, None)
        shapes.append(
            LocalCodeShape(
                code=code.code.hex().upper(),
                character=row.character if row else None,
                relationship=row.relationship if row else None,
                evidence=_evidence(decision) if decision else None,
                glyph=drawn.get(held.id) if held else None,
                valid_from=_day(held.valid_from) if held else None,
                valid_to=_day(last_day),
                since=row.since if row else None,
                until=row.until if row else None,
                uses=counted[code.code_set_id].get(code.code) if work else None,
                listed=held.listed if held and work else {},
                proposals=_proposed(proposed[held.id]) if held and work else [],
                pending=row.character if row and row.since is None else None,
                text=texts.get(row.character) if row else None,
            )
        )
    return shapes


def _in_force(spans: list[tuple[Meaning, date]], as_of: date | None) -> tuple[Meaning | None, date]:
    """Return the meaning in force on a day (None: the last one) and its last day."""
    if as_of is not None:
        spans = [(one, end) for one, end in spans if one.valid_from <= as_of <= end]
    return spans[-1] if spans else (None, OPEN_END)


def _day(day: date) -> date | None:
    return None if day in (OPEN_START, OPEN_END) else day


def _evidence(decision: Decision) -> EvidenceShape:
    measured = decision.evidence or {}
    return EvidenceShape(
        how=decision.how,
        score=measured.get("score"),
        actor=decision.actor,
        ground=decision.ground,
        decided_at=decision.at,
        shape=decision.evidence,
    )


def _proposed(proposals: list[Proposal]) -> list[ProposalShape]:
    """Return the proposals that stand; where sources exclude each other, none suggests a relationship."""
    stands = standing(proposals)
    doubtful = exclude((one.how, one.character) for one in stands)
    return [
        ProposalShape(
            character=one.character,
            relationship="unknown" if doubtful else one.relationship,
            how=one.how,
            value=one.evidence["value"],
        )
        for one in stands
    ]


def local_glyph(
    session: Session,
    code_set: CodeSet,
    code_hex: str,
    release: int | None,
    as_of: date | None = None,
) -> str:
    """Return the sha256 of a local code's glyph in a release. Raises UnknownCode, NoPicture."""
    shape = show_local_code(session, code_set, code_hex, release, as_of)
    if shape.glyph is None:
        raise NoPicture(
            f"外字コード {code_set.address}/{shape.code} の字形は届いていません。フォントを受け入れてください。",
            f"No glyph of {code_set.address}/{shape.code} was handed in; take in the city's font.",
        )
    return shape.glyph


def glyph_form(session: Session, digest: str) -> bytes:
    """Return the canonical form of a glyph. Raises UnknownBlob."""
    return get_blob(session, digest)[0]


# --- shared characters


def find_character(session: Session, id: str) -> Character:
    """Return a shared character. Raises UnknownCharacter."""
    found = session.get(Character, id)
    if found is None:
        raise UnknownCharacter(
            f"共通文字 {id} はありません。MJ026190 のような名前で指定してください。",
            f"There is no shared character {id}; name it like MJ026190.",
        )
    return found


def show_character(session: Session, id: str) -> CharacterShape:
    """Return a shared character with its numbers in the current editions. Raises UnknownCharacter."""
    find_character(session, id)
    return reference.shapes(session, [id])[id]


def uses(session: Session, id: str, release: int | None) -> list[UseShape]:
    """Return every city's codes for a shared character in a release (None: as decided now)."""
    find_character(session, id)
    holds_mapping = coming(MappingRow) if release is None else published(MappingRow, release)
    holds_glyph = coming(GlyphUse) if release is None else published(GlyphUse, release)
    query = (
        select(CodeSet, LocalCode.code, MappingRow, GlyphUse.glyph)
        .join(LocalCode, LocalCode.code_set_id == CodeSet.id)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(MappingRow, (MappingRow.meaning_id == Meaning.id) & holds_mapping)
        .outerjoin(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & holds_glyph)
        .where(MappingRow.character == id)
        .order_by(CodeSet.member, CodeSet.name, LocalCode.code)
    )
    return [
        UseShape(
            codeset=code_set.address,
            code=code.hex().upper(),
            relationship=row.relationship,
            glyph=glyph,
            since=row.since,
            until=row.until,
        )
        for code_set, code, row, glyph in session.execute(query)
    ]


def history(session: Session, id: str, *, work: bool = True) -> list[HistoryShape]:
    """Return what was decided about a shared character, the oldest first.

    work: whether to show decisions too that no release holds (pending, superseded, withdrawn, of candidates).
    """
    find_character(session, id)
    query = (
        select(Decision, CodeSet, LocalCode.code)
        .join(Meaning, Meaning.id == Decision.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .join(CodeSet, CodeSet.id == LocalCode.code_set_id)
        .where(Decision.character == id)
        .order_by(Decision.serial, Decision.id)
    )
    if not work:
        made_public = select(MappingRow.decision_id).where(MappingRow.since.is_not(None))
        query = query.where(Decision.id.in_(made_public))
    return [
        HistoryShape(
            serial=decision.serial,
            at=decision.at,
            actor=decision.actor,
            action="decide",
            subject=f"{code_set.address}/{code.hex().upper()}",
            detail={
                "relationship": decision.relationship,
                "how": decision.how,
                "ground": decision.ground,
            }
            | ({"withdrawn": decision.withdrawn} if decision.withdrawn else {}),
        )
        for decision, code_set, code in session.execute(query)
    ]


def count_mapped(session: Session, release: int | None) -> dict[int, int]:
    """Return the number of local codes with a character in a release (None: as decided), by code set id."""
    holds = coming(MappingRow) if release is None else published(MappingRow, release)
    query = (
        select(LocalCode.code_set_id, func.count(LocalCode.id.distinct()))
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(MappingRow, MappingRow.meaning_id == Meaning.id)
        .where(holds)
        .group_by(LocalCode.code_set_id)
    )
    return {set_id: count for set_id, count in session.execute(query)}
