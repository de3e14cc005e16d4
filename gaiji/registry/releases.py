"""Releases: what was decided becomes true for everybody, once and for all (版の公布).

A release is a query over intervals; its digest is over semantic rows, never over files. Per code set the
digest is the sha256 of one header line and one line per meaning, canonical JSON, sorted; the release's own
digest is that of its manifest, which names every code set's digest, the editions, the allocations and the
engine's revision. Nothing in it depends on time, database or actor.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from sqlalchemy import ColumnElement, Select, func, or_, select, update
from sqlalchemy.orm import Session

from gaiji.charset.mapping import Forms, Mapping, Repertoire, Row
from gaiji.charset.standard import cp932_writing, x0208_repertoire
from gaiji.charset.stream import ENGINE_REVISION
from gaiji.errors import AreaFull, Refused, UnknownRelease
from gaiji.registry import allocation, reference
from gaiji.registry.allocation import PUA, UNICODE
from gaiji.registry.characters import Interval, Meant, coming, meanings, pending
from gaiji.registry.db import JAPAN, chunks
from gaiji.registry.journal import Act, Actor, act, canonical, effect
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import (
    OPEN_END,
    OPEN_START,
    Character,
    CodeSet,
    Edition,
    GlyphUse,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Member,
    ReferenceCharacter,
    Registry,
    Release,
    Span,
    Successor,
)
from gaiji.wire.nouns import ReleaseShape

REPERTOIRES_KEPT = 4
_REPERTOIRES: dict[str, Repertoire] = {}  # by digest of the release: right for any database


# --- reading


def published_day(release: Release) -> date:
    """Return the day in Japan on which a release was published (公布日)."""
    return datetime.fromisoformat(release.published_at).astimezone(JAPAN).date()


def find_release(session: Session, number: int | str) -> Release:
    """Return a release by number or "latest". Raises UnknownRelease."""
    if number == "latest":
        found = session.scalars(select(Release).order_by(Release.number.desc())).first()
    else:
        known = re.fullmatch("[0-9]{1,9}", str(number))
        found = session.get(Release, int(number)) if known else None
    if found is None:
        raise UnknownRelease(
            f"版 {number} はありません。gaiji release list で確かめてください。",
            f"There is no release {number}; see gaiji release list.",
        )
    return found


def all_releases(session: Session) -> list[Release]:
    """Return every release, the first one first."""
    return list(session.scalars(select(Release).order_by(Release.number)))


def shape(release: Release) -> ReleaseShape:
    """Return a release as JSON has it."""
    return ReleaseShape(
        number=release.number,
        digest=release.digest,
        published_at=release.published_at,
        published_by=release.published_by,
        manifest=release.manifest,
    )


def latest_number(session: Session) -> int:
    """Return the number of the latest release, 0 before the first."""
    return session.scalar(select(func.max(Release.number))) or 0


def repertoire(session: Session, release: Release | None) -> Repertoire:
    """Return the reference characters and allocations a release was made with (None: those of now).

    That of a release is remembered by its digest, which names editions and allocations.
    """
    if release is not None and release.digest in _REPERTOIRES:
        return _REPERTOIRES[release.digest]
    pinned = release.manifest["editions"] if release else reference.pin(session)
    editions = reference.editions_of(session, pinned)
    serial = release.serial if release else None
    planes, area = (allocation.points(session, scope, serial) for scope in (UNICODE, PUA))
    made = _repertoire(reference.forms(session, editions), planes, area)
    if release is not None:
        while len(_REPERTOIRES) >= REPERTOIRES_KEPT:
            _REPERTOIRES.pop(next(iter(_REPERTOIRES)), None)
        _REPERTOIRES[release.digest] = made
    return made


def _repertoire(
    forms: dict[str, Forms], planes: dict[str, int], area: dict[str, int]
) -> Repertoire:
    council = [Forms(id=id) for id in planes if id not in forms]
    return Repertoire(
        one._replace(allocation=planes.get(one.id), pua=area.get(one.id))
        if one.id in planes or one.id in area
        else one
        for one in (*forms.values(), *council)
    )


def mapping(
    session: Session, address: str, release: Release, *, as_of: date | None = None
) -> Mapping:
    """Return the one read model: what a code set's codes mean in a release. Raises UnknownCodeSet."""
    code_set = find_code_set(session, address)
    pinned = release.manifest["code_sets"].get(address)
    if pinned is None:
        raise UnknownRelease(
            f"外字セット {address} は版 {release.number} に入っていません。より新しい版を指定してください。",
            f"Code set {address} is not part of release {release.number}; name a later one.",
        )
    told = meanings(session, code_set, release.number)
    spans = Counter(meant.code for meant in told)
    rows = (
        Row(
            meant.code,
            meant.character,
            meant.relationship,  # type: ignore[arg-type]
            meant.ground,
            None if meant.valid_from == OPEN_START else meant.valid_from,
            None if meant.valid_to == OPEN_END else meant.valid_to,
        )
        for meant in told
        if meant.character is not None
    )
    return Mapping(
        release.number,
        pinned["digest"],
        address,
        charset_of(session, code_set),
        rows,
        repertoire(session, release),
        as_of,
        frozenset(code for code, number in spans.items() if number > 1),
    )


def diff(session: Session, a: int, b: int) -> dict[str, list[Json]]:
    """Return what changed from release a to release b: by code set, rows {code, from, before, after}."""
    one, two = find_release(session, a), find_release(session, b)
    before, after = one.manifest["code_sets"], two.manifest["code_sets"]
    changes: dict[str, list[Json]] = {}
    for address in sorted(before.keys() | after.keys()):
        if before.get(address, {}).get("digest") == after.get(address, {}).get("digest"):
            continue
        code_set = find_code_set(session, address)
        old = {(m.code, m.valid_from): m.row() for m in meanings(session, code_set, a)}
        new = {(m.code, m.valid_from): m.row() for m in meanings(session, code_set, b)}
        changes[address] = [
            {
                "code": key[0].hex().upper(),
                "from": None if key[1] == OPEN_START else key[1].isoformat(),
                "before": _said(old.get(key)),
                "after": _said(new.get(key)),
            }
            for key in sorted(old.keys() | new.keys())
            if old.get(key) != new.get(key)
        ]
    return changes


def unchanged(session: Session, a: int, b: int) -> list[str]:
    """Return the code sets that mean exactly the same in both releases."""
    before = find_release(session, a).manifest["code_sets"]
    after = find_release(session, b).manifest["code_sets"]
    return sorted(
        address
        for address in before.keys() & after.keys()
        if before[address]["digest"] == after[address]["digest"]
    )


def _said(row: Json | None) -> Json | None:
    told = ("character", "relationship", "ground", "glyph", "to")
    return {name: row[name] for name in told} if row else None


# --- publishing


def publish(session: Session, actor: Actor) -> Release | None:
    """Publish everything decided for the members as the next release; None when nothing changed.

    Candidates and undecided codes take no part. Raises Refused when there is no reference set, or when
    the council's plane-15 allocation is used up.
    """
    number = latest_number(session) + 1
    previous = session.get(Release, number - 1)
    if not reference.pin(session):
        raise Refused(
            "基準文字集合が読み込まれていません。gaiji reference load を実行してください。",
            "No reference set is loaded; run gaiji reference load.",
        )
    given = {UNICODE: _new_in_planes(session), PUA: _new_in_pua(session)}
    manifest = _manifest(session, previous, given)
    if previous is not None and manifest == _content(previous.manifest):
        return None
    manifest |= {"number": number, "previous": previous.digest if previous else None}
    digest = sha256(canonical(manifest).encode()).hexdigest()
    after = {
        "digest": digest,
        "manifest": manifest,
        "allocations": given[UNICODE],
        "pua": given[PUA],
    }
    before = {"digest": previous.digest} if previous else None
    act(session, actor, "release.publish", str(number), after, before)
    return find_release(session, number)


def _content(manifest: Json) -> Json:
    return {name: part for name, part in manifest.items() if name not in ("number", "previous")}


def _members_sets(session: Session) -> list[CodeSet]:
    query = select(CodeSet).join(Member, Member.code == CodeSet.member).where(~Member.candidate)
    return list(session.scalars(query.order_by(CodeSet.member, CodeSet.name)))


def _manifest(session: Session, previous: Release | None, given: dict[str, list[Json]]) -> Json:
    stale = _changed_sets(session)
    known = previous.manifest["code_sets"] if previous else {}
    parts: dict[str, Json] = {}
    for code_set in _members_sets(session):
        address = code_set.address
        if address in known and code_set.id not in stale:
            parts[address] = known[address]
        else:
            parts[address] = describe(code_set, meanings(session, code_set, None))
    return {
        "format": 1,
        "prefix": session.get_one(Registry, 1).prefix,
        "engine": ENGINE_REVISION,
        "editions": reference.pin(session),
        "code_sets": parts,
        "allocations": {
            scope: _allocations_digest(session, scope, new) for scope, new in given.items()
        },
        "successors": _successors_digest(session),
    }


def describe(code_set: CodeSet, rows: Iterable[Meant]) -> Json:
    """Return a code set's part of a manifest: digest over its semantic rows, and counts."""
    header = {
        "code_set": code_set.address,
        "charset": code_set.charset,
        "charset_digest": code_set.charset_digest,
    }
    if code_set.charset_table is not None:
        header["charset_table"] = code_set.charset_table
    digest, codes, mapped = sha256(canonical(header).encode() + b"\n"), 0, 0
    for meant in rows:
        digest.update(canonical(meant.row()).encode() + b"\n")
        codes += 1
        mapped += meant.character is not None
    return header | {"digest": digest.hexdigest(), "meanings": codes, "mapped": mapped}


def _changed_sets(session: Session) -> set[int]:
    """Return the ids of the code sets in which something waits for publication."""
    changed: set[int] = set()
    waits: tuple[tuple[Interval, ColumnElement[bool]], ...] = (
        (MappingRow, pending(MappingRow)),
        (MappingRow, MappingRow.ended.is_not(None) & MappingRow.until.is_(None)),
        (GlyphUse, pending(GlyphUse)),
        (Span, pending(Span)),
    )
    for table, condition in waits:
        query = (
            select(LocalCode.code_set_id)
            .join(Meaning, Meaning.local_code_id == LocalCode.id)
            .join(table, table.meaning_id == Meaning.id)
            .where(condition)
            .distinct()
        )
        changed |= set(session.scalars(query))
    return changed


def _new_in_planes(session: Session) -> list[Json]:
    """Give plane-15 code points to mapped characters that can be written in no other way."""
    written = select(ReferenceCharacter.character).where(
        ReferenceCharacter.edition_id.in_(_current_editions(session)),
        or_(ReferenceCharacter.own_ucs.is_not(None), ReferenceCharacter.ivs.is_not(None)),
    )
    wanted = session.scalars(_mapped(session).where(Character.id.not_in(written)))
    area = allocation.AREAS[UNICODE]
    rows, short = allocation.following(session, UNICODE, sorted(wanted), area)
    if short:
        raise AreaFull(
            f"協議会の私用領域(15面)が {short} 字分足りません。",
            f"The council's plane-15 area is {short} code points short.",
            missing=short,
        )
    return rows


def _new_in_pua(session: Session) -> list[Json]:
    """Give code points of the BMP to what JIS X 0208 lacks: the kanji of CP932's extensions, then mapped characters.

    What finds no room has none, and converting to `pua` says so: a council must still be able to publish.
    """
    editions = _current_editions(session)
    beyond = sorted(set(cp932_writing()) - x0208_repertoire())
    extensions: set[str] = set()
    for some in chunks(beyond):
        found = select(ReferenceCharacter.character).where(
            ReferenceCharacter.edition_id.in_(editions), ReferenceCharacter.own_ucs.in_(some)
        )
        extensions |= set(session.scalars(found))
    with_text = _mapped(session).add_columns(ReferenceCharacter.own_ucs)
    with_text = with_text.outerjoin(
        ReferenceCharacter,
        (ReferenceCharacter.character == Character.id)
        & ReferenceCharacter.edition_id.in_(editions),
    )
    mapped = {id for id, text in session.execute(with_text) if text not in x0208_repertoire()}
    wanted = [*sorted(extensions), *sorted(mapped)]
    return allocation.following(session, PUA, wanted, allocation.AREAS[PUA])[0]


def _mapped(session: Session) -> Select[Any]:
    """Select the characters that the members' codes will mean."""
    sets = [code_set.id for code_set in _members_sets(session)]
    return (
        select(Character.id)
        .join(MappingRow, MappingRow.character == Character.id)
        .join(Meaning, Meaning.id == MappingRow.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id.in_(sets), coming(MappingRow))
        .distinct()
    )


def _current_editions(session: Session) -> set[int]:
    return {edition.id for edition in reference.editions_of(session, reference.pin(session))}


def _allocations_digest(
    session: Session, scope: str, new: list[Json], serial: int | None = None
) -> Json:
    """Describe the allocations of a scope with those that come, or those made up to a serial."""
    rows = [(point, id) for id, point in allocation.points(session, scope, serial).items()]
    rows += [(row["code_point"], row["character"]) for row in new]
    return _rows_digest(rows)


def _successors_digest(session: Session, release: int | None = None) -> Json:
    """Describe which of the council's own characters gave way to which, in a release (None: the next)."""
    holds = Successor.until.is_(None) & Successor.replaced.is_(None)
    if release is not None:
        holds = (Successor.since <= release) & or_(
            Successor.until.is_(None), Successor.until > release
        )
    query = select(Successor.character, Successor.successor, Successor.ground).where(holds)
    return _rows_digest([tuple(row) for row in session.execute(query)])


def _rows_digest(rows: list[tuple[Any, ...]]) -> Json:
    digest = sha256()
    for row in sorted(rows):
        digest.update(canonical(row).encode() + b"\n")
    return {"digest": digest.hexdigest(), "count": len(rows)}


@effect("release.publish")
def _published_now(session: Session, act: Act) -> None:
    number, manifest = int(act.subject), act.after["manifest"]
    sets = [code_set.id for code_set in _members_sets(session)]
    members = (
        select(Meaning.id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id.in_(sets))
    )
    session.execute(
        update(MappingRow)
        .where(MappingRow.ended.is_not(None), MappingRow.until.is_(None))
        .values(until=number)
    )
    tables: tuple[Interval, ...] = (MappingRow, GlyphUse, Span)
    for table in tables:
        waits = pending(table) & table.meaning_id.in_(members)
        overtaken = select(table.meaning_id).where(waits).scalar_subquery()
        live = table.since.is_not(None) & table.until.is_(None)
        quietly = {"synchronize_session": False}
        session.execute(
            update(table).where(live, table.meaning_id.in_(overtaken)).values(until=number),
            execution_options=quietly,
        )
        session.execute(update(table).where(waits).values(since=number), execution_options=quietly)
    allocation.put(session, UNICODE, act.after["allocations"], act.serial)
    allocation.put(session, PUA, act.after.get("pua", []), act.serial)
    session.add(
        Release(
            number=number,
            digest=act.after["digest"],
            manifest=manifest,
            published_at=act.at,
            published_by=act.actor,
            serial=act.serial,
        )
    )
    session.flush()
    session.expire_all()


def recompute(session: Session, release: Release) -> str:
    """Return the digest of a release computed anew from the tables, to hold against the recorded one."""
    manifest = dict(release.manifest)
    manifest["code_sets"] = {
        address: describe(code_set, meanings(session, code_set, release.number))
        for address in release.manifest["code_sets"]
        for code_set in (find_code_set(session, address),)
    }
    manifest["allocations"] = {
        scope: _allocations_digest(session, scope, [], release.serial)
        for scope in release.manifest["allocations"]
    }
    manifest["successors"] = _successors_digest(session, release.number)
    return sha256(canonical(manifest).encode()).hexdigest()


def pinned_editions(session: Session, release: Release) -> list[Edition]:
    """Return the reference editions a release was made with."""
    return reference.editions_of(session, release.manifest["editions"])
