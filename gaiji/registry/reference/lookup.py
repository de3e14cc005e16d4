"""Look-ups in the current editions: by number, sequence or name, and what a character is (基準文字の照会)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gaiji.charset.mapping import Forms
from gaiji.charset.mapping import Reduction as Reduced
from gaiji.charset.standard import x0213_points
from gaiji.registry.allocation import UNICODE
from gaiji.registry.db import chunks
from gaiji.registry.reference.content import MOJI_JOHO, hiragana
from gaiji.registry.reference.editions import current, is_list, lists
from gaiji.registry.tables import (
    Allocation,
    Character,
    Edition,
    Radical,
    Reading,
    Reduction,
    ReferenceCharacter,
    Registry,
)
from gaiji.registry.tables import Sequence as VariationSequence
from gaiji.wire.nouns import CharacterShape, VariantShape

SOURCES_SHOWN = 100
FORMS_KEPT = 2
COLUMNS: Final = ("id", "koseki", "touki", "ivs", "own_ucs", "ucs", "juki", "x0213")
"""What `find_by` finds by, written as the list writes it: `J+9089`, `1-78-21`, characters as text."""

_FORMS: dict[tuple[str, ...], dict[str, Forms]] = {}  # by content digests: right for any database


# --- written forms


def forms(session: Session, editions: Sequence[Edition]) -> dict[str, Forms]:
    """Return how every character of the lists among these editions is written (文字の表記), by id.

    Reductions, the best first, are those of the shrink map among them. Kept in the process, so do not change it.
    """
    key = tuple(edition.digest for edition in editions)
    if key not in _FORMS:
        while len(_FORMS) >= FORMS_KEPT:
            _FORMS.pop(next(iter(_FORMS)), None)
        _FORMS[key] = _read_forms(session, editions)
    return _FORMS[key]


def _read_forms(session: Session, editions: Sequence[Edition]) -> dict[str, Forms]:
    reductions = _reductions(session, editions)
    points = x0213_points()
    found: dict[str, Forms] = {}
    row = ReferenceCharacter
    for edition in editions:
        if not is_list(edition):
            continue
        further = _further(session, edition)
        query = (
            select(
                *(row.character, row.own_ucs, row.ucs, row.ivs, row.svs, row.juki),
                *(row.x0213, row.x0213_class, row.x0213_rule),
            )
            .where(row.edition_id == edition.id)
            .order_by(row.character)
        )
        for id, own, base, ivs, svs, juki, x0213, kind, rule in session.execute(query):
            found[id] = Forms(
                id,
                own,
                base,
                ivs,
                svs,
                int(juki[2:], 16) if juki else None,
                points.get(x0213) if x0213 else None,
                kind,
                rule,
                reductions=reductions.get(id, ()),
                sequences=further.get(id, ()),
            )
    return found


def _reductions(session: Session, editions: Sequence[Edition]) -> dict[str, tuple[Reduced, ...]]:
    maps = [edition.id for edition in editions if edition.dataset == "shrink"]
    query = (
        select(
            *(Reduction.character, Reduction.target, Reduction.x0213, Reduction.ground),
            *(Reduction.rank, Reduction.hops),
        )
        .where(Reduction.edition_id.in_(maps))
        .order_by(Reduction.character, Reduction.position)
    )
    found = defaultdict[str, list[Reduced]](list)
    for row in session.execute(query):
        found[row[0]].append(Reduced(*row[1:]))
    return {id: tuple(reductions) for id, reductions in found.items()}


def _further(session: Session, edition: Edition) -> dict[str, tuple[str, ...]]:
    query = (
        select(VariationSequence.meaning, VariationSequence.sequence)
        .where(VariationSequence.edition_id == edition.id)
        .order_by(VariationSequence.sequence)
    )
    found = defaultdict[str, list[str]](list)
    for id, sequence in session.execute(query):
        found[id].append(sequence)
    return {id: tuple(sequences) for id, sequences in found.items()}


# --- which character


def find_by(session: Session, column: str, values: Collection[str]) -> dict[str, list[str]]:
    """Return the characters that have each value in the current editions, by value; ids in order.

    column: one of COLUMNS. `ivs` finds every sequence of Moji_Joho and the SVS; `id` finds the council's
    own characters too. Values that nothing has are left out.
    """
    among = lists(session)
    found = defaultdict[str, set[str]](set)
    for some in chunks(sorted(values)):
        for value, id in _found(session, column, some, among):
            found[value].add(id)
    return {value: sorted(ids) for value, ids in found.items()}


def _found(
    session: Session, column: str, values: list[str], among: list[int]
) -> Iterator[tuple[str, str]]:
    row = ReferenceCharacter
    if column not in COLUMNS:
        raise ValueError(column)
    if column == "id":
        own = select(Registry.prefix).scalar_subquery()
        query = select(Character.id).where(Character.id.in_(values), Character.namespace == own)
        yield from ((id, id) for id in session.scalars(query))
    columns: dict[str, list[Any]] = {"id": [row.character], "ivs": [row.ivs, row.svs]}
    for one in columns.get(column) or [getattr(row, column)]:
        found = select(one, row.character).where(row.edition_id.in_(among), one.in_(values))
        yield from ((value, id) for value, id in session.execute(found))
    if column == "ivs":
        further = select(VariationSequence.sequence, VariationSequence.meaning).where(
            VariationSequence.edition_id.in_(among), VariationSequence.sequence.in_(values)
        )
        yield from ((value, id) for value, id in session.execute(further))


def by_reading(
    session: Session, readings: Collection[str], strokes: int, radical: int | None = None
) -> list[str]:
    """Return the characters that have every one of the readings (読み), the strokes and the radical."""
    wanted = {hiragana(reading) for reading in readings}
    among = lists(session)
    row = ReferenceCharacter
    query = (
        select(row.character)
        .join(
            Reading,
            (Reading.character == row.character) & (Reading.edition_id == row.edition_id),
        )
        .where(row.edition_id.in_(among), row.strokes == strokes, Reading.hiragana.in_(wanted))
        .group_by(row.character)
        .having(func.count(Reading.hiragana.distinct()) == len(wanted))
        .order_by(row.character)
    )
    if radical is not None:
        under = select(Radical.character).where(
            Radical.edition_id.in_(among), Radical.radical == radical
        )
        query = query.where(row.character.in_(under))
    return list(session.scalars(query))


def strokes_of(session: Session, ids: Collection[str]) -> dict[str, int]:
    """Return the strokes (総画数) of the characters whose number is listed."""
    found = _described(session, ids)
    return {id: row.strokes for id, (row, _) in found.items() if row.strokes is not None}


def is_foreign_sequence(session: Session, text: str) -> bool:
    """Whether a sequence is registered in another IVD collection and not in Moji_Joho."""
    ivd = current(session).get("ivd")
    query = select(VariationSequence.collection).where(
        VariationSequence.sequence == text,
        VariationSequence.edition_id == (ivd.id if ivd else None),
    )
    collections = set(session.scalars(query))
    return bool(collections) and MOJI_JOHO not in collections


# --- what a character is


def texts(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return the text to write a character with: its own UCS, else its IVS, else its plane-15 allocation."""
    found = _described(session, ids)
    written = {
        id: text for id, (row, _) in found.items() if (text := row.own_ucs or row.ivs) is not None
    }
    for some in chunks(id for id in ids if id not in written):
        query = select(Allocation.character, Allocation.code_point).where(
            Allocation.scope == UNICODE, Allocation.character.in_(some)
        )
        written |= {id: chr(point) for id, point in session.execute(query)}
    return written


def shapes(session: Session, ids: Collection[str]) -> dict[str, CharacterShape]:
    """Return what the current editions say of characters (共通文字の属性); unknown ids are left out.

    A character that the current edition no longer lists is shown as the last one did, with `retired`;
    the council's own characters have nothing but their allocation.
    """
    described = _described(session, ids)
    readings = _of_each(session, described, Reading, Reading.reading)
    radicals = _of_each(session, described, Radical, Radical.radical)
    written = texts(session, ids)
    now = {edition.dataset: edition for edition in current(session).values()}
    found = {}
    for id in sorted(described):
        row, edition = described[id]
        newer = now[edition.dataset]
        found[id] = CharacterShape(
            id=id,
            kind="reference",
            text=written.get(id),
            ucs=_points(row.own_ucs or row.ucs),
            ivs=_points(row.ivs),
            svs=_points(row.svs),
            juki=row.juki,
            koseki=row.koseki,
            touki=row.touki,
            x0213=row.x0213,
            strokes=row.strokes,
            radicals=list(dict.fromkeys(radicals[id])),
            readings=readings[id],
            retired=None if newer.id == edition.id else f"{newer.dataset} {newer.edition}",
            edition=f"{edition.dataset} {edition.edition}",
        )
    for some in chunks(id for id in ids if id not in found):
        own = session.scalars(select(Character.id).where(Character.id.in_(some)))
        found |= {id: _council(id, written.get(id)) for id in own}
    return found


def _council(id: str, allocated: str | None) -> CharacterShape:
    nothing = dict.fromkeys(("ivs", "svs", "juki", "koseki", "touki", "x0213", "strokes"))
    return CharacterShape.model_validate(
        {
            "id": id,
            "kind": "council",
            "text": allocated,
            "ucs": _points(allocated),
            "radicals": [],
            "readings": [],
            **nothing,
        }
    )


def _described(
    session: Session, ids: Collection[str]
) -> dict[str, tuple[ReferenceCharacter, Edition]]:
    """Return each character's row in the current edition, else in the last one that has it."""
    found: dict[str, tuple[ReferenceCharacter, Edition]] = {}
    for some in chunks(sorted(set(ids))):
        query = (
            select(ReferenceCharacter, Edition)
            .join(Edition, Edition.id == ReferenceCharacter.edition_id)
            .where(ReferenceCharacter.character.in_(some))
            .order_by(Edition.serial, Edition.id)
        )
        found |= {row.character: (row, edition) for row, edition in session.execute(query)}
    return found


def _of_each(
    session: Session,
    described: dict[str, tuple[ReferenceCharacter, Edition]],
    table: Any,
    column: Any,
) -> dict[str, list[Any]]:
    found = defaultdict[str, list[Any]](list)
    for some in chunks(described):
        query = (
            select(table.character, table.edition_id, column)
            .where(table.character.in_(some))
            .order_by(table.character, table.position)
        )
        for id, edition_id, value in session.execute(query):
            if described[id][1].id == edition_id:
                found[id].append(value)
    return found


def _points(text: str | None) -> str | None:
    return " ".join(f"U+{ord(character):04X}" for character in text) if text else None


# --- related characters


def variants(session: Session, id: str) -> list[VariantShape]:
    """Return the characters related to one (異体字・縮退): same base, reductions to others and from others.

    relation: `same-base`, `compatibility` (same base, one of the two is a compatibility ideograph),
    `reduces-to` with ground and rank, `reduced-from` (at most 100). The council's own have none.
    """
    described = _described(session, [id])
    if id not in described:
        return []
    row, _ = described[id]
    targets = _targets(session, id)
    sources = _sources(session, row)
    base = _same_base(session, row)
    written = texts(session, {*base, *(target for _, target, *_ in targets if target), *sources})
    return [
        *(VariantShape(id=one, text=written.get(one), relation=how) for one, how in base.items()),
        *(
            VariantShape(id=one, text=text, relation="reduces-to", ground=ground, rank=rank)
            for text, one, ground, rank in targets
        ),
        *(
            VariantShape(
                id=one, text=written.get(one), relation="reduced-from", ground=ground, rank=rank
            )
            for one, (ground, rank) in sources.items()
        ),
    ]


def _same_base(session: Session, row: ReferenceCharacter) -> dict[str, str]:
    other = ReferenceCharacter
    query = (
        select(other.character, other.compatibility)
        .where(
            other.ucs == row.ucs,
            other.edition_id.in_(lists(session)),
            other.character != row.character,
        )
        .order_by(other.character)
    )
    return {
        id: "compatibility" if compatibility or row.compatibility else "same-base"
        for id, compatibility in session.execute(query)
    }


def _shrink(session: Session) -> int | None:
    edition = current(session).get("shrink")
    return edition.id if edition else None


def _targets(session: Session, id: str) -> list[tuple[str, str | None, str, int | None]]:
    query = (
        select(Reduction.target, Reduction.ground, Reduction.rank)
        .where(Reduction.edition_id == _shrink(session), Reduction.character == id)
        .order_by(Reduction.position)
    )
    rows = list(
        dict.fromkeys((text, ground, rank) for text, ground, rank in session.execute(query))
    )
    named = find_by(session, "own_ucs", {text for text, *_ in rows})
    return [
        (text, target, ground, rank)
        for text, ground, rank in rows
        if (target := next(iter(named.get(text, [])), None)) != id
    ]


def _sources(session: Session, row: ReferenceCharacter) -> dict[str, tuple[str, int | None]]:
    query = (
        select(Reduction.character, Reduction.ground, Reduction.rank)
        .where(
            Reduction.edition_id == _shrink(session),
            Reduction.target == row.own_ucs,
            Reduction.character != row.character,
        )
        .order_by(Reduction.character, Reduction.position)
    )
    found: dict[str, tuple[str, int | None]] = {}
    for id, ground, rank in session.execute(query):
        if id in found or len(found) < SOURCES_SHOWN:
            found.setdefault(id, (ground, rank))
    return found
