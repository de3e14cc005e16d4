"""What collisions and lists read of many code sets at once (一覧の元になる行), one code set after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from gaiji.errors import UnknownCodeSet, UnknownRelease
from gaiji.registry.characters import Meant, find_character, meanings
from gaiji.registry.members import charset_of, check_group, find_code_set, find_member
from gaiji.registry.members import code_sets as every_code_set
from gaiji.registry.tables import (
    CodeSet,
    CodeUse,
    LocalCode,
    Meaning,
    Release,
    Span,
    UsageFile,
)


class Used(NamedTuple):
    """One local code as it stands beside others (外字コードの現況): its slot, what it means, how it looks.

    image: the private-use code point that stands for the code; charset: of its code set. character and relationship
    are None while nothing is decided; glyph: sha256 of the city's glyph, None where none was handed in; uses:
    occurrences in the counted files (のべ), None where the code set counted nothing, which is never 0.
    """

    code_set: str
    code: bytes
    image: int
    character: str | None
    relationship: str | None
    glyph: str | None
    uses: int | None
    charset: str = ""

    @property
    def subject(self) -> str:
        """The public name of the code, e.g. 252069/juki/F040."""
        return f"{self.code_set}/{self.code.hex().upper()}"

    @property
    def member(self) -> str:
        """The member whose code it is."""
        return self.code_set.partition("/")[0]


def used_rows(
    session: Session,
    code_sets: Sequence[CodeSet],
    release: int | None,
    day: date | None = None,
    *,
    counted: Iterable[str] | None = None,
) -> Iterator[Used]:
    """Yield the local codes of code sets, by code set as given and code, each with its meaning on a day.

    release: a number, or None for what is decided by now; day None: the last meaning of each code. A code without a
    meaning on that day is left out. counted: the members whose uses may be told (None: all).
    """
    may = None if counted is None else frozenset(counted)
    for code_set in code_sets:
        told = may is None or code_set.member in may
        uses = all_uses(session, code_set) if told else None
        image_of = charset_of(session, code_set).image_of
        address, charset = code_set.address, code_set.charset
        for one in on_day(meanings(session, code_set, release), day):
            yield Used(
                address,
                one.code,
                image_of(one.code) or 0,
                one.character,
                one.relationship,
                one.glyph,
                None if uses is None else uses.get(one.code, 0),
                charset,
            )


def on_day(meant: Iterable[Meant], day: date | None) -> Iterator[Meant]:
    """Yield the meaning of each code that is in force on a day (None: the last), in the order of codes."""
    for _, several in groupby(meant, key=lambda one: one.code):
        found = None
        for one in several:
            if day is None or one.valid_from <= day <= one.valid_to:
                found = one
        if found is not None:
            yield found


def last_change(session: Session, day: date) -> date:
    """Return the last day up to a day on which any meaning began or was over (意味の変わった日).

    From then until that day every code of every release means the same.
    """
    begun = select(func.max(Meaning.valid_from)).where(Meaning.valid_from <= day)
    over = select(func.max(Span.valid_to)).where(Span.valid_to < day)
    first, last = session.scalar(begun), session.scalar(over)
    return max(first or date.min, last + timedelta(days=1) if last else date.min)


def all_uses(session: Session, code_set: CodeSet) -> dict[bytes, int] | None:
    """Return how often each code stands in the counted files of a code set; None when none was counted."""
    files = select(UsageFile.id).where(UsageFile.code_set_id == code_set.id)
    if session.scalar(files.limit(1)) is None:
        return None
    query = (
        select(CodeUse.code, func.sum(CodeUse.count))
        .join(UsageFile, UsageFile.id == CodeUse.usage_file_id)
        .where(UsageFile.code_set_id == code_set.id)
        .group_by(CodeUse.code)
    )
    return {code: int(uses) for code, uses in session.execute(query)}


def uses_by_day(session: Session, code_set: CodeSet) -> dict[bytes, dict[date | None, int]] | None:
    """Return how often each code stands in a code set's counted files, by the day of the files (使用頻度の時点).

    Files of which no day was told stand under None. None when nothing was counted.
    """
    files = select(UsageFile.id).where(UsageFile.code_set_id == code_set.id)
    if session.scalar(files.limit(1)) is None:
        return None
    query = (
        select(CodeUse.code, UsageFile.as_of, func.sum(CodeUse.count))
        .join(UsageFile, UsageFile.id == CodeUse.usage_file_id)
        .where(UsageFile.code_set_id == code_set.id)
        .group_by(CodeUse.code, UsageFile.as_of)
    )
    found: dict[bytes, dict[date | None, int]] = {}
    for code, day, uses in session.execute(query):
        found.setdefault(code, {})[day] = int(uses)
    return found


def shared_out(
    uses: Mapping[date | None, int], spans: Sequence[tuple[date, date]]
) -> Iterator[int]:
    """Yield the uses of each meaning of one code (意味ごとの使用回数), whose spans are by day; each use once.

    What files of a day hold belongs to the meaning in force on it; of other days, and of no day, to the last meaning.
    """
    last = len(spans) - 1
    shares = [0] * len(spans)
    for day, count in uses.items():
        held = (
            place
            for place, (first, end) in enumerate(spans)
            if day is not None and first <= day <= end
        )
        shares[next(held, last)] += count
    return iter(shares)


def meaning_uses(
    session: Session, codes: Select[int], holds: ColumnElement[bool]
) -> dict[int, int]:
    """Return the uses of every meaning of some local codes (意味ごとの使用回数), each use once, by meaning.

    codes: a query of local codes; holds: of the spans of meanings.
    """
    counts = defaultdict[tuple[int, bytes], dict[date | None, int]](dict)
    by_file = (
        select(UsageFile.code_set_id, CodeUse.code, UsageFile.as_of, func.sum(CodeUse.count))
        .join(CodeUse, CodeUse.usage_file_id == UsageFile.id)
        .join(
            LocalCode,
            (LocalCode.code_set_id == UsageFile.code_set_id) & (LocalCode.code == CodeUse.code),
        )
        .where(LocalCode.id.in_(codes))
        .group_by(UsageFile.code_set_id, CodeUse.code, UsageFile.as_of)
    )
    for set_id, code, day, uses in session.execute(by_file):
        counts[set_id, code][day] = int(uses)
    spans = (
        select(
            LocalCode.code_set_id,
            LocalCode.code,
            Meaning.id,
            Meaning.valid_from,
            Span.valid_to,
        )
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(Span, (Span.meaning_id == Meaning.id) & holds)
        .where(LocalCode.id.in_(codes))
        .order_by(LocalCode.code_set_id, LocalCode.code, Meaning.valid_from)
    )
    found: dict[int, int] = {}
    for key, meant in groupby(session.execute(spans), key=lambda row: (row[0], row[1])):
        if key in counts:
            ids, days = [], []
            for _, _, id, first, last in meant:
                ids.append(id)
                days.append((first, last))
            found |= zip(ids, shared_out(counts[key], days), strict=True)
    return found


def check_named(session: Session, member: str | None, character: str | None) -> None:
    """Make sure that what a filter names is known (絞込みの確認): of an unknown name, no answer would be true.

    Raises BadMemberCode, UnknownMember, UnknownCharacter.
    """
    if member is not None:
        find_member(session, member)
    if character is not None:
        find_character(session, character)


def chosen_sets(
    session: Session,
    release: Release | None,
    *,
    members: Iterable[str] = (),
    code_sets: Iterable[str] = (),
    system: str | None = None,
    group: str | None = None,
) -> list[CodeSet]:
    """Return the code sets for which all that is asked holds (対象の外字セット), by address; nothing named means all.

    release None: all that are registered, candidates' too. Raises UnknownMember, UnknownCodeSet, BadName for a group,
    and UnknownRelease where one is named that the release does not hold.
    """
    named, owners = dict.fromkeys(code_sets), dict.fromkeys(members)
    asked = {find_code_set(session, address).address for address in named}
    for owner in owners:
        find_member(session, owner)
    registered = every_code_set(session)
    if group is not None:
        check_group(group)
    known = sorted({one.system for one in registered})
    if system is not None and system not in known:
        raise UnknownCodeSet(
            f"業務システム {system} の外字セットはありません。登録は {'・'.join(known[:20]) or '(なし)'} です。",
            f"No code set is of business system {system}; registered: {', '.join(known[:20]) or 'none'}.",
        )
    found = [
        one
        for one in registered
        if (not asked or one.address in asked)
        and (not owners or one.member in owners)
        and system in (None, one.system)
        and group in (None, one.group)
    ]
    if release is None:
        return found
    held = release.manifest["code_sets"]
    missing = [one.address for one in found if one.address not in held]
    if missing and (asked or owners):
        raise UnknownRelease(
            f"{'・'.join(missing)} は版 {release.number} に入っていません。版か外字セットを確かめてください。",
            f"{', '.join(missing)} is not part of release {release.number}; check release and code sets.",
        )
    return [one for one in found if one.address in held]
