"""Lists by business system (業務システム別の一覧): rows of one table after the other, each with its key."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from gaiji.errors import InvalidRequest
from gaiji.registry import adoption, reference
from gaiji.registry.characters import Interval, coming, counting, published
from gaiji.registry.db import today
from gaiji.registry.gaps import Standing, standings
from gaiji.registry.listing import chosen_sets, meaning_uses, shared_out, uses_by_day
from gaiji.registry.members import charset_of, split_address
from gaiji.registry.members import code_sets as every_code_set
from gaiji.registry.releases import find_release
from gaiji.registry.tables import (
    OPEN_END,
    OPEN_START,
    Blob,
    CodeSet,
    Decision,
    Entry,
    Import,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Release,
    Span,
    UsageFile,
)
from gaiji.wire.lists import COLUMNS, FILTERS, TAKES, Status, TableName, Usage

Key = tuple[str, ...]
"""Where a row stands in its list: what a following part starts after."""
PART = 400
"""Characters looked up at once."""
SERIAL = 12
_CHARACTER = ("[A-Z]{2}[0-9]{6}",)
KEYS: dict[TableName, tuple[str, ...]] = {
    "codes": (r"[0-9]{6}/\S{1,100}", "[0-9A-F]{2,16}", "(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?"),
    "characters": _CHARACTER,
    "residuals": _CHARACTER,
    "decisions": ("[0-9]{12}", "[0-9]{12}"),
    "files": ("[0-9]{12}", "(?:usage|[0-9]{3,6})"),
    "adoptions": ("[0-9]{12}", ".{1,400}"),
}
"""What the parts of each list's keys look like, as regular expressions; only the last may hold blanks."""


@dataclass(frozen=True)
class Wanted:
    """What a list is asked for (一覧の条件): everything given must hold.

    release: a number, 0 before the first, or None for what is decided by now. day: for adoptions. work: the members
    whose unpublished work (uses, proposals, lists, files) may be told, None for all.
    """

    release: int | None = None
    members: tuple[str, ...] = ()
    code_sets: tuple[str, ...] = ()
    system: str | None = None
    group: str | None = None
    status: Status | None = None
    usage: Usage | None = None
    day: date | None = None
    work: frozenset[str] | None = None

    def of(self, release: int | None) -> Wanted:
        """Return the same question about another release."""
        return replace(self, release=release)

    def sees(self, member: str) -> bool:
        """Whether a member's work may be told."""
        return self.work is None or member in self.work

    def uses_fit(self, uses: int | None, uncounted: int = 0) -> bool:
        """Whether a count is what is asked for; unused is only what was counted wherever it stands, and not seen.

        uncounted: how many of the code sets it stands in were not counted.
        """
        if self.usage is None:
            return True
        if uses:
            return self.usage == "used"
        return self.usage == ("uncounted" if uses is None or uncounted else "unused")


def listed(
    session: Session, table: TableName, wanted: Wanted, after: Key | None = None
) -> Iterator[tuple[Key, Json]]:
    """Yield the rows of a list that follow a key (一覧), each with its key, in the order of keys.

    Rows have the columns of `gaiji.wire.lists.COLUMNS`. Nothing is held but one code set and how characters are
    written, or some hundred characters.
    Raises as `chosen_sets`, and InvalidRequest for a key that is not one of this list and as `check_asked`.
    """
    check_asked(table, [name for name in ("status", "usage", "day") if vars(wanted)[name]])
    if after is not None and not _is_key(table, after):
        raise InvalidRequest(
            "続きの位置がこの一覧のものではありません。最初から読み直してください。",
            "The place to go on from does not belong to this list; start again without it.",
            parameter="cursor",
        )
    chosen_sets(
        session,
        None,
        members=wanted.members,
        code_sets=wanted.code_sets,
        system=wanted.system,
        group=wanted.group,
    )
    if wanted.release == 0 and table != "adoptions":
        return iter(())
    if table == "adoptions":
        return _adoptions(session, wanted, after)
    release = None if wanted.release is None else find_release(session, wanted.release)
    sets = chosen_sets(
        session,
        release,
        members=wanted.members,
        code_sets=wanted.code_sets,
        system=wanted.system,
        group=wanted.group,
    )
    if table == "codes":
        return _codes(session, sets, release, wanted, after)
    if table == "decisions":
        return _decisions(session, sets, release, wanted, after)
    if table == "files":
        return _files(session, sets, wanted, after)
    return _characters(session, sets, wanted, after, residual=table == "residuals")


def check_asked(table: TableName, named: Iterable[str]) -> None:
    """Make sure that a list takes what it is asked by (一覧の条件の確認); nothing is passed over.

    Raises InvalidRequest.
    """
    takes = (*FILTERS, *TAKES[table])
    for name in named:
        if name not in takes:
            raise InvalidRequest(
                f"一覧 {table} に {name} は使えません。使えるのは {'・'.join(takes)} です。外してください。",
                f"List {table} does not take {name}; it takes {', '.join(takes)}. Leave it out.",
                parameter=name,
            )


def _is_key(table: TableName, key: Key) -> bool:
    forms = KEYS[table]
    return len(key) == len(forms) and all(map(re.fullmatch, forms, key))


def _holding(release: int | None) -> Callable[[Interval], ColumnElement[bool]]:
    """Return what rows of a table hold in a release, or in the state of work."""
    return lambda table: coming(table) if release is None else published(table, release)


def _codes(
    session: Session,
    sets: list[CodeSet],
    release: Release | None,
    wanted: Wanted,
    after: Key | None,
) -> Iterator[tuple[Key, Json]]:
    written: dict[str, tuple[str | None, str | None]] = {}  # code sets share most characters
    for code_set in sets:
        if after is not None and code_set.address < after[0]:
            continue
        sees = wanted.sees(code_set.member)
        uses = uses_by_day(session, code_set) if sees else None
        image_of = charset_of(session, code_set).image_of
        found: list[tuple[Key, Standing, int | None, Status]] = []
        every = standings(session, [code_set], release)
        for code, meant in groupby(every, key=lambda one: one.code):
            several = [*meant]
            days = [(one.first_day or OPEN_START, one.last_day or OPEN_END) for one in several]
            shares = None if uses is None else shared_out(uses.get(code, {}), days)
            for one in several:
                day = one.first_day.isoformat() if one.first_day else ""
                key = (code_set.address, code.hex().upper(), day)
                status = _status(one.relationship)
                count = None if shares is None else next(shares)
                fits = wanted.status in (None, status) and wanted.uses_fit(count)
                if fits and (after is None or key > after):
                    found.append((key, one, count, status))
        for start in range(0, len(found), PART):
            part = found[start : start + PART]
            asked = {one.character for _, one, *_ in part if one.character} - written.keys()
            forms = reference.shapes(session, asked) if asked else {}
            written |= {id: (form.text, form.juki) for id, form in forms.items()}
            for place, one, count, status in part:
                text, juki = written.get(one.character or "", (None, None))
                yield (
                    place,
                    {
                        **_of(code_set),
                        "charset": code_set.charset,
                        "code": one.code.hex().upper(),
                        "image": f"U+{image_of(one.code) or 0:04X}",
                        "valid_from": one.first_day and one.first_day.isoformat(),
                        "valid_to": one.last_day and one.last_day.isoformat(),
                        "status": status,
                        "character": one.character,
                        "text": text,
                        "juki": juki,
                        "relationship": one.relationship,
                        "ground": one.ground,
                        "actor": one.actor,
                        "pending": one.pending,
                        "proposals": _proposed(one) if sees else [],
                        "listed": one.listed if sees else {},
                        "glyph": one.glyph,
                        "uses": count,
                    },
                )


def _of(code_set: CodeSet) -> Json:
    return {"codeset": code_set.address, "system": code_set.system, "group": code_set.group}


def _status(relationship: str | None) -> Status:
    if relationship is None:
        return "undecided"
    return "substitute" if relationship == "substitute" else "fit"


def _decided(relationship: str) -> Status | None:
    """Return what a decision made of a code; a decided no makes nothing of it."""
    return None if relationship == "not-related" else _status(relationship)


def _proposed(one: Standing) -> list[str]:
    return list(dict.fromkeys(said.character for said in one.proposals if not said.refused))


def _characters(
    session: Session,
    sets: list[CodeSet],
    wanted: Wanted,
    after: Key | None,
    *,
    residual: bool,
) -> Iterator[tuple[Key, Json]]:
    by_id = {code_set.id: code_set for code_set in sets}
    counted = {
        id
        for id in session.scalars(select(UsageFile.code_set_id).distinct())
        if id in by_id and wanted.sees(by_id[id].member)
    }
    holding = _holding(wanted.release)
    holds = holding(MappingRow)
    last = after[0] if after else ""
    rows = (
        select(
            *(MappingRow.character, LocalCode.code_set_id, LocalCode.code),
            *(Meaning.id, MappingRow.relationship),
        )
        .join(Meaning, Meaning.id == MappingRow.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(holds)
        .order_by(MappingRow.character, LocalCode.code_set_id, LocalCode.code)
    )
    while True:
        some = select(MappingRow.character).where(holds, MappingRow.character > last)
        ids = list(session.scalars(some.distinct().order_by(MappingRow.character).limit(PART)))
        if not ids:
            return
        last = ids[-1]
        named = MappingRow.character.in_(ids)
        local = select(Meaning.local_code_id).join(MappingRow).where(holds, named)
        uses = meaning_uses(session, local, holding(Span)) if counted else {}
        used = defaultdict[str, list[tuple[CodeSet, bytes, int, str]]](list)
        for id, set_id, code, meaning, relationship in session.execute(rows.where(named)):
            if set_id in by_id and wanted.status in (None, _status(relationship)):
                used[id].append((by_id[set_id], code, meaning, relationship))
        forms = reference.shapes(session, list(used))
        for id in sorted(used):
            form = forms[id]
            if residual and form.juki is not None:
                continue
            counts = [uses.get(meaning, 0) for one, _, meaning, _ in used[id] if one.id in counted]
            count = sum(counts) if counts else None
            uncounted = len({one.id for one, *_ in used[id]} - counted)
            if not wanted.uses_fit(count, uncounted):
                continue
            codes = sorted({(one.address, code) for one, code, _, _ in used[id]})
            stands_in = {
                (one.address, code) for one, code, _, how in used[id] if how == "substitute"
            }
            yield (
                (id,),
                {
                    "character": id,
                    "text": form.text,
                    "ucs": form.ucs,
                    "juki": form.juki,
                    "x0213": form.x0213,
                    "koseki": form.koseki,
                    "strokes": form.strokes,
                    "readings": form.readings,
                    "codes": len(codes),
                    "substitutes": len(stands_in),
                    "members": len({code_set.member for code_set, *_ in used[id]}),
                    "uses": count,
                    "uncounted": uncounted,
                    "where": [f"{address}/{code.hex().upper()}" for address, code in codes],
                },
            )


def _decisions(
    session: Session,
    sets: list[CodeSet],
    release: Release | None,
    wanted: Wanted,
    after: Key | None,
) -> Iterator[tuple[Key, Json]]:
    by_id = {code_set.id: code_set for code_set in sets}
    last_serial, last_id = map(int, after) if after else (0, 0)
    query = (
        select(Decision, LocalCode.code_set_id, LocalCode.code, Meaning.valid_from, MappingRow)
        .join(Meaning, Meaning.id == Decision.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .outerjoin(MappingRow, MappingRow.decision_id == Decision.id)
        .where(counting(release.serial if release else None))
        .order_by(Decision.serial, Decision.id)
    )
    if release is not None:
        query = query.where(Decision.serial <= release.serial)
    while True:
        later = (Decision.serial > last_serial) | (
            (Decision.serial == last_serial) & (Decision.id > last_id)
        )
        part = session.execute(query.where(later).limit(PART)).all()
        for decision, set_id, code, first_day, row in part:
            last_serial, last_id = decision.serial, decision.id
            code_set = by_id.get(set_id)
            if code_set is None or wanted.status not in (None, _decided(decision.relationship)):
                continue
            since = row.since if row else None
            if since is None and not wanted.sees(code_set.member):
                continue
            yield (
                (f"{decision.serial:0{SERIAL}}", f"{decision.id:0{SERIAL}}"),
                {
                    "serial": decision.serial,
                    "at": decision.at,
                    "actor": decision.actor,
                    "policy": decision.policy,
                    **_of(code_set),
                    "code": code.hex().upper(),
                    "valid_from": None if first_day == OPEN_START else first_day.isoformat(),
                    "character": decision.character,
                    "relationship": decision.relationship,
                    "how": decision.how,
                    "ground": decision.ground,
                    "since": since,
                    "until": row.until if row else None,
                },
            )
        if len(part) < PART:
            return


def _files(
    session: Session, sets: list[CodeSet], wanted: Wanted, after: Key | None
) -> Iterator[tuple[Key, Json]]:
    by_id = {one.id: one for one in sets if wanted.sees(one.member)}
    rows: list[tuple[Key, Json]] = []
    imports = select(Import, Entry).join(Entry, Entry.serial == Import.serial)
    for taken, entry in session.execute(imports.where(Import.code_set_id.in_(by_id))):
        for place, file in enumerate(taken.files):
            blob = session.get(Blob, file["sha256"])
            told = {
                "serial": taken.serial,
                "at": entry.at,
                "actor": entry.actor,
                **_of(by_id[taken.code_set_id]),
                "kind": "import",
                "role": file["role"],
                "name": file["name"],
                "sha256": file["sha256"],
                "size": blob and blob.size,
                "as_of": None,
            }
            rows.append(((f"{taken.serial:0{SERIAL}}", f"{place:03}"), told))
    counted = select(UsageFile).where(UsageFile.code_set_id.in_(by_id))
    for one in session.scalars(counted):
        told = {
            "serial": one.serial,
            "at": one.at,
            "actor": one.actor,
            **_of(by_id[one.code_set_id]),
            "kind": "usage",
            "role": None,
            "name": None,
            "sha256": one.sha256,
            "size": one.size,
            "as_of": one.as_of and one.as_of.isoformat(),
        }
        rows.append(((f"{one.serial:0{SERIAL}}", "usage"), told))
    rows.sort(key=lambda row: row[0])
    yield from (row for row in rows if after is None or row[0] > after)


def _adoptions(session: Session, wanted: Wanted, after: Key | None) -> Iterator[tuple[Key, Json]]:
    known = {one.address: one for one in every_code_set(session)}
    members, named = set(wanted.members), set(wanted.code_sets)
    for place, one in enumerate(adoption.standing(session, wanted.day or today())):
        key = (f"{place:0{SERIAL}}", one.site)
        shown = [one.name] if one.kind == "system" else one.codesets
        sets = [known[address] for address in shown if address in known]
        owners = {one.member, *(its.member for its in sets)}
        if members and not members & owners:
            continue
        if named and not (
            named & {*shown} if shown else owners & {split_address(it)[0] for it in named}
        ):
            continue
        if (wanted.system or wanted.group) and not any(
            wanted.system in (None, its.system) and wanted.group in (None, its.group)
            for its in sets
        ):
            continue
        if after is None or key > after:
            told = one.model_dump(mode="json", by_alias=True)
            yield key, {name: told[name] for name in COLUMNS["adoptions"]}
