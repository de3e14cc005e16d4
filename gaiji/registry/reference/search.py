"""The search for characters, as people and integrators ask (共通文字の検索): `GET /characters`.

Every condition is a set of ids; they are combined with AND, in the order of ids. A value that is not
written as its field asks for is refused with an example, never searched for as something else.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, Final, NoReturn

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, aliased

from gaiji.charset import notations
from gaiji.errors import InvalidRequest, Where
from gaiji.registry.db import chunks
from gaiji.registry.members import find_member
from gaiji.registry.reference.content import hiragana
from gaiji.registry.reference.editions import lists
from gaiji.registry.reference.lookup import shapes
from gaiji.registry.reference.parts import parts_index, split_parts
from gaiji.registry.tables import (
    Character,
    CodeSet,
    LocalCode,
    MappingRow,
    Meaning,
    Radical,
    Reading,
    ReferenceCharacter,
)
from gaiji.registry.tables import Sequence as VariationSequence
from gaiji.wire.nouns import CharacterShape, Page

PASTED_LIMIT = 100
NAME = "[A-Z]{2}[0-9]{6}"
Ids = Select[Any]


@dataclass(frozen=True)
class CharacterQuery:
    """What to search by (検索条件), each as typed; None: not asked. All that are given must hold.

    q: a pasted text, a name, a number or a reading; strokes: `17` or `10-12`; parts: `辶自`.
    """

    q: str | None = None
    reading: str | None = None
    strokes: str | None = None
    radical: str | None = None
    ucs: str | None = None
    juki: str | None = None
    koseki: str | None = None
    x0213: str | None = None
    parts: str | None = None
    member: str | None = None


def search(
    session: Session, query: CharacterQuery, after: str | None = None, limit: int = 100
) -> Page[CharacterShape]:
    """Return a part of the characters for which every condition holds, by id.

    after: the last id of the part before. The council's own characters have no numbers and are found by
    name, by member or without a condition. Raises InvalidRequest with an example of what can be asked,
    UnknownMember.
    """
    if after is not None and not re.fullmatch(NAME, after):
        _refuse("cursor", after, "MJ026190")
    among = lists(session)
    chosen = select(Character.id).order_by(Character.id).limit(limit + 1)
    if after is not None:
        chosen = chosen.where(Character.id > after)
    for field in fields(query):
        value = getattr(query, field.name)
        if value is not None and field.name in CONDITIONS:
            condition = CONDITIONS[field.name](session, among, value)
            chosen = chosen.where(Character.id.in_(condition))
    ids = _first(session, chosen, query.parts, after, limit + 1)
    found = shapes(session, ids[:limit])
    return Page(
        items=[found[id] for id in ids[:limit]],
        next=ids[limit - 1] if len(ids) > limit else None,
    )


def _first(
    session: Session, chosen: Ids, parts: str | None, after: str | None, count: int
) -> list[str]:
    """Return the first ids of a query, of those that have the parts."""
    if parts is None:
        return list(session.scalars(chosen))
    wanted = split_parts(parts)
    if wanted is None:
        _refuse("parts", parts, "辶自")
    found: list[str] = []
    having = parts_index(session).find(wanted)
    for some in chunks(id for id in having if after is None or id > after):
        found += session.scalars(chosen.where(Character.id.in_(some)))
        if len(found) >= count:
            break
    return found[:count]


# --- conditions: what is typed, to a query for ids


def _listed(among: list[int], condition: Any) -> Ids:
    row = ReferenceCharacter
    return select(row.character).where(row.edition_id.in_(among), condition)


def _read(name: str, reader: Callable[[str], Any], value: str, example: str) -> Any:
    try:
        return reader(value.strip())
    except ValueError:
        _refuse(name, value, example)


def _anything(session: Session, among: list[int], value: str) -> Ids:
    """Return the query of the free field: tell by its form what was typed."""
    text, notation = value.strip(), notations.folded(value)
    row = ReferenceCharacter
    if re.fullmatch(NAME, notation):
        return select(Character.id).where(Character.id == notation)
    if re.fullmatch(r"[0-9]{6}", notation):
        return _listed(among, row.koseki == notation)
    if re.fullmatch(r"[0-9]{8}", notation):
        return _listed(among, row.touki == notation)
    if notation.startswith("J+"):
        return _juki(session, among, text)
    if re.fullmatch(r"<?U\+.*", notation):
        return _ucs(session, among, text)
    if re.fullmatch(r"[12][-面/].*", notation):
        return _x0213(session, among, text)
    if re.fullmatch("[ぁ-ゖー]+", hiragana(text)):
        return _reading(session, among, text)
    if not text or len(text) > PASTED_LIMIT or any(char < "\u3005" for char in text):
        _refuse("q", value, "渡邉、MJ026190、J+9089、U+9089、445000、1-78-21、わたなべ")
    return _pasted(among, text)


def _pasted(among: list[int], text: str) -> Ids:
    """All variants of every character of a text; selectors say nothing here (異体字を全部)."""
    characters = set(re.sub(notations.SELECTOR, "", text))
    row, other = ReferenceCharacter, aliased(ReferenceCharacter)
    bases = select(other.ucs).where(other.edition_id.in_(among), other.own_ucs.in_(characters))
    return _listed(among, or_(row.ucs.in_(characters), row.ucs.in_(bases)))


def _reading(_: Session, among: list[int], value: str) -> Ids:
    reading = hiragana(value)
    if not re.fullmatch("[ぁ-ゖー]+", reading):
        _refuse("reading", value, "ワタナベ")
    return select(Reading.character).where(
        Reading.edition_id.in_(among), Reading.hiragana == reading
    )


def _strokes(_: Session, among: list[int], value: str) -> Ids:
    parts = re.split(r"\s*[-~〜～]\s*", notations.folded(value))
    numbers = [_read("strokes", notations.strokes, part, "17、10-12") for part in parts]
    if len(numbers) > 2 or numbers[0] > numbers[-1]:
        _refuse("strokes", value, "17、10-12")
    return _listed(among, ReferenceCharacter.strokes.between(numbers[0], numbers[-1]))


def _radical(_: Session, among: list[int], value: str) -> Ids:
    number = _read("radical", notations.radical, value, "162、⾡")
    return select(Radical.character).where(Radical.edition_id.in_(among), Radical.radical == number)


def _ucs(_: Session, among: list[int], value: str) -> Ids:
    """One code point: the characters of that base or own UCS; a sequence: the one it names."""
    found = _read("ucs", notations.characters, value, "U+9089、U+9089 U+E010F")
    row = ReferenceCharacter
    if found.sequence is None:
        return _listed(among, or_(row.ucs == found.base, row.own_ucs == found.base))
    further = select(VariationSequence.meaning).where(
        VariationSequence.edition_id.in_(among), VariationSequence.sequence == found.sequence
    )
    either = or_(
        *(row.ivs == found.sequence, row.svs == found.sequence), row.character.in_(further)
    )
    return _listed(among, either)


def _juki(_: Session, among: list[int], value: str) -> Ids:
    return _listed(among, ReferenceCharacter.juki == _read("juki", notations.juki, value, "J+9089"))


def _koseki(_: Session, among: list[int], value: str) -> Ids:
    number = _read("koseki", notations.koseki, value, "445000")
    return _listed(among, ReferenceCharacter.koseki == number)


def _x0213(_: Session, among: list[int], value: str) -> Ids:
    point = _read("x0213", notations.x0213, value, "1-78-21")
    return _listed(among, ReferenceCharacter.x0213 == point)


def _member(session: Session, _: list[int], value: str) -> Ids:
    """What the member's codes mean in the latest release."""
    find_member(session, value)
    return (
        select(MappingRow.character)
        .join(Meaning, Meaning.id == MappingRow.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .join(CodeSet, CodeSet.id == LocalCode.code_set_id)
        .where(
            CodeSet.member == value,
            MappingRow.since.is_not(None),
            MappingRow.until.is_(None),
        )
    )


CONDITIONS: Final[dict[str, Callable[[Session, list[int], str], Ids]]] = {
    "q": _anything,
    "reading": _reading,
    "strokes": _strokes,
    "radical": _radical,
    "ucs": _ucs,
    "juki": _juki,
    "koseki": _koseki,
    "x0213": _x0213,
    "member": _member,
}


def _refuse(name: str, value: str, example: str) -> NoReturn:
    raise InvalidRequest(
        f"検索条件 {name} の「{value[:40]}」はこの項目の書き方ではありません。{example} のように指定してください。",
        f"{value[:40]!r} is not how {name} is written; give it like {example.replace('、', ', ')}.",
        where=Where(field=name),
    )
