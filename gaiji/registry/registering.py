"""What an import leaves in the tables: codes, meanings, glyphs, proposals (受入れの登録).

The effect of `codeset.import`: it reads the act, its blobs and the tables, so that a replay does the same.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Any, TypeVar

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from gaiji.glyph.forms import measures
from gaiji.registry.db import chunks, get_blob
from gaiji.registry.evidence import latest
from gaiji.registry.journal import Act, effect, get_rows
from gaiji.registry.members import find_code_set
from gaiji.registry.rights import check_scope
from gaiji.registry.tables import (
    CodeSet,
    Glyph,
    GlyphSource,
    GlyphUse,
    Import,
    Json,
    LocalCode,
    Meaning,
    Proposal,
    Span,
)
from gaiji.wire.fonts import SCOPES


@effect("codeset.import")
def _imported(session: Session, act: Act) -> None:
    code_set = find_code_set(session, act.subject)
    rows = list(get_rows(session, act.after["rows"]))
    meanings = _write_meanings(session, act, code_set, rows)
    _write_spans(session, act, rows, meanings)
    _write_glyphs(session, act, code_set, rows, meanings)
    _write_proposals(session, act, rows, meanings)
    session.add(
        Import(
            serial=act.serial,
            code_set_id=code_set.id,
            files=act.after["files"],
            counts=act.after["counts"],
            findings=list(get_rows(session, act.after["findings"])),
        )
    )


def _key(row: Json) -> tuple[bytes, date]:
    return bytes.fromhex(row["code"]), date.fromisoformat(row["from"])


def _write_meanings(
    session: Session, act: Act, code_set: CodeSet, rows: list[Json]
) -> dict[tuple[bytes, date], int]:
    """Register new codes and meanings; return the meanings' ids."""
    in_set = LocalCode.code_set_id == code_set.id
    known = set(session.scalars(select(LocalCode.code).where(in_set)))
    new = sorted({bytes.fromhex(row["code"]) for row in rows} - known)
    _insert(
        session,
        LocalCode,
        [{"code_set_id": code_set.id, "code": code, "serial": act.serial} for code in new],
    )
    ids = {
        code: id for code, id in session.execute(select(LocalCode.code, LocalCode.id).where(in_set))
    }
    meanings = _meaning_ids(session, code_set)
    fresh = [
        {
            "local_code_id": ids[code],
            "valid_from": day,
            "listed": row["listed"],
        }
        for row in rows
        for code, day in (_key(row),)
        if (code, day) not in meanings
    ]
    _insert(session, Meaning, fresh)
    for row in rows:
        if row["listed"] and _key(row) in meanings:
            session.execute(
                update(Meaning)
                .where(Meaning.id == meanings[_key(row)])
                .values(listed=row["listed"])
            )
    return _meaning_ids(session, code_set)


def _write_spans(
    session: Session, act: Act, rows: list[Json], meanings: dict[tuple[bytes, date], int]
) -> None:
    """Note the last day of new meanings, and where it changed; what was published keeps its own."""
    asked = {meanings[_key(row)]: date.fromisoformat(row["to"]) for row in rows}
    _renew(session, act, Span, "valid_to", asked)


Row = TypeVar("Row", GlyphUse, Span)


def _renew(
    session: Session, act: Act, table: type[Row], column: str, asked: dict[int, Any]
) -> None:
    """Give meanings the values asked for, from the next release on; what waits already gives way."""
    standing = _standing(session, table, sorted(asked))
    new = []
    for meaning, value in asked.items():
        row = standing.get(meaning)
        if row is not None and getattr(row, column) == value:
            continue
        if row is not None and row.since is None:
            row.replaced = act.serial
        new.append({"meaning_id": meaning, column: value, "serial": act.serial})
    session.flush()
    _insert(session, table, new)


def _standing(session: Session, table: type[Row], meaning_ids: list[int]) -> dict[int, Row]:
    """Return the row that holds for each meaning next: the pending one, else the live one."""
    found: dict[int, Row] = {}
    for some in chunks(meaning_ids):
        query = select(table).where(
            table.meaning_id.in_(some), table.until.is_(None), table.replaced.is_(None)
        )
        for row in session.scalars(query.order_by(table.since.is_(None))):
            found[row.meaning_id] = row
    return found


def _meaning_ids(session: Session, code_set: CodeSet) -> dict[tuple[bytes, date], int]:
    query = (
        select(LocalCode.code, Meaning.valid_from, Meaning.id)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .where(LocalCode.code_set_id == code_set.id)
    )
    return {(code, day): id for code, day, id in session.execute(query)}


def _write_glyphs(
    session: Session,
    act: Act,
    code_set: CodeSet,
    rows: list[Json],
    meanings: dict[tuple[bytes, date], int],
) -> None:
    drawn = {meanings[_key(row)]: row["glyph"] for row in rows if row["glyph"]}
    if not drawn:
        return
    font = next(file["sha256"] for file in act.after["files"] if file["role"] == "font")
    digests = sorted(set(drawn.values()))
    known = _among(session, Glyph.sha256, digests)
    fresh = []
    for digest in digests:
        if digest not in known:
            kind, em_units, advance = measures(get_blob(session, digest)[0])
            fresh.append({"sha256": digest, "kind": kind, "em_units": em_units, "advance": advance})
    _insert(session, Glyph, fresh)
    _write_sources(session, act, code_set, font, digests)
    _renew(session, act, GlyphUse, "glyph", drawn)


def _write_sources(
    session: Session, act: Act, code_set: CodeSet, font: str, digests: list[str]
) -> None:
    """Note by what right a code set's font brought glyphs: what is told this time is its word for them.

    Of the same file's every term is renewed. Of files that brought them before, who made them stays, a right that is
    told narrower now narrows, a licence that is named now holds; so none of them says more than the newest does. What
    is not told leaves what stands, and nobody else's terms are touched.
    """
    is_own = GlyphSource.code_set_id == code_set.id
    silent = {"supplier": "", "rights": "unknown", "scope": "unknown", "licence": None}
    terms = {name: act.after.get(name, value) for name, value in silent.items()}
    told = {name: value for name, value in terms.items() if value != silent[name]}
    licences: dict[str, str] = {}
    sourced: set[str] = set()
    for some in chunks(digests):
        brought = is_own & GlyphSource.glyph.in_(some)
        for row in session.scalars(select(GlyphSource).where(brought).order_by(GlyphSource.blob)):
            if row.licence:
                licences[row.glyph] = row.licence
            renewed = told if row.blob == font else _narrower(row, told)
            for name, value in renewed.items():
                setattr(row, name, value)
            if row.blob == font:
                sourced.add(row.glyph)
    session.flush()
    _insert(
        session,
        GlyphSource,
        [
            {"glyph": digest, "blob": font, "code_set_id": code_set.id}
            | terms
            | {"licence": terms["licence"] or licences.get(digest)}
            for digest in digests
            if digest not in sourced
        ],
    )


def _narrower(row: GlyphSource, told: Json) -> Json:
    """Return what the terms told now change of an earlier file's."""
    changed = {name: value for name, value in told.items() if name == "licence"}
    if "scope" in told and SCOPES.index(told["scope"]) < SCOPES.index(check_scope(row.scope)):
        changed["scope"] = told["scope"]
    return changed


def _write_proposals(
    session: Session, act: Act, rows: list[Json], meanings: dict[tuple[bytes, date], int]
) -> None:
    """Add what is proposed anew: of each kind of evidence the import that came last is what stands."""
    said = defaultdict[tuple[int, str], dict[str | None, Json]](dict)
    for row in rows:
        for proposal in row["proposals"]:
            said[meanings[_key(row)], proposal["how"]][proposal["character"]] = proposal
    known = defaultdict[tuple[int, str], set[str | None]](set)
    for one in known_proposals(session, sorted({meaning for meaning, _ in said})):
        known[one.meaning_id, one.how].add(one.character)
    _insert(
        session,
        Proposal,
        [
            {"meaning_id": key[0], "serial": act.serial, **proposal}
            for key, proposals in said.items()
            if known[key] != set(proposals)
            for proposal in proposals.values()
        ],
    )


def known_proposals(session: Session, meaning_ids: list[int]) -> list[Proposal]:
    """Return what each kind of evidence said last of meanings, withdrawals included."""
    by_meaning = defaultdict[int, list[Proposal]](list)
    for some in chunks(meaning_ids):
        query = select(Proposal).where(Proposal.meaning_id.in_(some)).order_by(Proposal.id)
        for one in session.scalars(query):
            by_meaning[one.meaning_id].append(one)
    return [one for proposals in by_meaning.values() for one in latest(proposals)]


def _insert(session: Session, table: Any, rows: list[Json]) -> None:
    if rows:
        session.execute(insert(table), rows)


def _among(session: Session, column: Any, values: list[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(values):
        found |= set(session.scalars(select(column).where(column.in_(some))))
    return found
