"""How often a code set's codes stand in the city's files (使用頻度): counts, never what stands there.

One act per file: its sha256, size and counts. File names and places stay outside, because they can tell of
residents. A count of 0 says that a code was not seen in these files, and nothing more. Codes outside the user-defined
areas are kept where no table gives them a character (未割当): they may be a vendor's extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from gaiji.charset.account import MAX_PLACES
from gaiji.charset.usage import FileCount
from gaiji.errors import Conflict, Text, Where
from gaiji.registry.journal import Act, Actor, act, effect, get_rows, put_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import CodeSet, CodeUse, Json, LocalCode, UsageFile
from gaiji.wire.findings import Finding, WhereShape
from gaiji.wire.usage import CodeUseShape, CountedFileShape, UnassignedShape, UsageShape

COUNT = "usage.count"
NAMED = 10
"""How many unassigned codes a finding names, the most frequent first."""

_Counts = dict[bytes, int]


def record_counts(
    session: Session,
    actor: Actor,
    address: str,
    counts: Iterable[FileCount],
    *,
    as_of: date | None = None,
    replace: bool = False,
    dry_run: bool = False,
) -> UsageShape:
    """Keep the counts of files of one code set, one act each, and return what these files say.

    as_of: the day they were written. A file that gave the same counts before changes nothing; where earlier programs
    counted no unassigned codes, those are added. Raises Conflict, unless `replace`, when it was counted with another
    result: with another layout or day.
    """
    code_set = find_code_set(session, address)
    said: list[CountedFileShape] = []
    rows: dict[str, tuple[date | None, _Counts]] = {}
    places: dict[bytes, list[Where]] = {}
    findings: list[Finding] = []
    for one in counts:
        after = _after(one, as_of)
        if one.sha256 in rows:
            continue
        unassigned = one.counted.unassigned
        found = dict(one.counted.codes) | {code: unassigned[code].count for code in unassigned}
        rows[one.sha256] = as_of, found
        _add_places(places, one)
        findings += _malformed(address, one)
        before = _told(session, code_set, one.sha256)
        known = before is not None and before == after | {"counts": _codes(found)}
        grown = before is not None and before == after | {"counts": _codes(one.counted.codes)}
        if before is not None and not known and not grown and not replace:
            raise Conflict(
                "このファイルは別の結果で集計済みです。レコード様式と日付を確かめ、置き換えるなら --replace を"
                "付けてください。",
                "This file was counted before with another result; check layout and day, and say --replace "
                "to put the new counts in its place.",
                where=Where(one.name),
            )
        done: Act | None = None
        if not known and not dry_run:
            kept = after | {"counts": put_rows(session, _codes(found))}
            told = before and before | {"counts": put_rows(session, before["counts"])}
            done = act(session, actor, COUNT, address, kept, told)
        said.append(_file_shape(one, as_of, done, known=known))
    shape = _shape(session, code_set, said, list(rows.values()), places, findings)
    return shape.model_copy(update={"dry_run": dry_run})


def _after(one: FileCount, as_of: date | None) -> Json:
    return {
        "sha256": one.sha256,
        "size": one.size,
        "layout": one.layout,
        "as_of": as_of and as_of.isoformat(),
        "records": one.counted.records,
        "malformed": one.counted.malformed,
    }


def _add_places(places: dict[bytes, list[Where]], one: FileCount) -> None:
    """Add where a file's unassigned codes stand, the first 100 of each code over all files."""
    for code, found in one.counted.unassigned.items():
        known = places.setdefault(code, [])
        known += [Where(one.name, *place) for place in found.places[: MAX_PLACES - len(known)]]


def _codes(counts: Mapping[bytes, int]) -> list[Json]:
    return [{"code": code.hex().upper(), "count": counts[code]} for code in sorted(counts)]


def _told(session: Session, code_set: CodeSet, sha256: str) -> Json | None:
    """Return what is kept of a file, as its act has it, its counts spelled out; None for a new file."""
    query = select(UsageFile).where(
        UsageFile.code_set_id == code_set.id, UsageFile.sha256 == sha256
    )
    known = session.scalar(query)
    if known is None:
        return None
    uses = select(CodeUse.code, CodeUse.count).where(CodeUse.usage_file_id == known.id)
    return {
        "sha256": known.sha256,
        "size": known.size,
        "layout": known.layout,
        "as_of": known.as_of and known.as_of.isoformat(),
        "records": known.records,
        "malformed": known.malformed,
        "counts": _codes({code: count for code, count in session.execute(uses)}),
    }


@effect(COUNT)
def _counted(session: Session, act: Act) -> None:
    code_set, after = find_code_set(session, act.subject), act.after
    query = select(UsageFile.id).where(
        UsageFile.code_set_id == code_set.id, UsageFile.sha256 == after["sha256"]
    )
    if (known := session.scalar(query)) is not None:
        session.execute(delete(CodeUse).where(CodeUse.usage_file_id == known))
        session.execute(delete(UsageFile).where(UsageFile.id == known))
    file = UsageFile(
        code_set_id=code_set.id,
        sha256=after["sha256"],
        size=after["size"],
        layout=after["layout"],
        as_of=date.fromisoformat(after["as_of"]) if after["as_of"] else None,
        records=after["records"],
        malformed=after["malformed"],
        at=act.at,
        actor=act.actor,
        serial=act.serial,
    )
    session.add(file)
    session.flush()
    rows = [
        {"usage_file_id": file.id, "code": bytes.fromhex(row["code"]), "count": row["count"]}
        for row in get_rows(session, after["counts"])
    ]
    if rows:
        session.execute(insert(CodeUse), rows)


# --- reading


def counted_files(session: Session, code_set: CodeSet) -> list[CountedFileShape]:
    """Return the files counted for a code set, the one counted first at the top."""
    return [shape for shape, _ in _kept(session, code_set)]


def show_usage(session: Session, address: str) -> UsageShape:
    """Return all that was counted for a code set: files, each code seen or registered, unassigned codes.

    Raises UnknownCodeSet. Codes seen that nobody registered are findings, and so are unassigned codes.
    """
    code_set = find_code_set(session, address)
    kept = _kept(session, code_set)
    rows = [(file.as_of, counts) for file, counts in kept]
    return _shape(session, code_set, [file for file, _ in kept], rows, {}, [])


def _kept(session: Session, code_set: CodeSet) -> list[tuple[CountedFileShape, _Counts]]:
    """Return the files counted for a code set with all that was counted in each."""
    counts: dict[int, _Counts] = {}
    query = (
        select(CodeUse.usage_file_id, CodeUse.code, CodeUse.count)
        .join(UsageFile, CodeUse.usage_file_id == UsageFile.id)
        .where(UsageFile.code_set_id == code_set.id)
    )
    for id, code, count in session.execute(query):
        counts.setdefault(id, {})[code] = count
    files = select(UsageFile).where(UsageFile.code_set_id == code_set.id).order_by(UsageFile.serial)
    is_user = charset_of(session, code_set).is_user_code
    kept = []
    for file in session.scalars(files):
        found = counts.get(file.id, {})
        users = [count for code, count in found.items() if is_user(code)]
        shape = CountedFileShape(
            sha256=file.sha256,
            size=file.size,
            layout=file.layout,
            as_of=file.as_of,
            records=file.records,
            malformed=file.malformed,
            codes=len(users),
            uses=sum(users),
            unassigned=sum(found.values()) - sum(users),
            counted_at=file.at,
            counted_by=file.actor,
        )
        kept.append((shape, found))
    return kept


def uses_of(session: Session, code_set_id: int, codes: list[bytes]) -> dict[bytes, int]:
    """Return how often codes stand in the counted files of a code set; empty when none was counted."""
    if session.scalar(select(UsageFile.id).where(UsageFile.code_set_id == code_set_id)) is None:
        return {}
    query = (
        select(CodeUse.code, func.sum(CodeUse.count))
        .join(UsageFile, UsageFile.id == CodeUse.usage_file_id)
        .where(UsageFile.code_set_id == code_set_id, CodeUse.code.in_(codes))
        .group_by(CodeUse.code)
    )
    return dict.fromkeys(codes, 0) | {code: int(uses) for code, uses in session.execute(query)}


def _shape(
    session: Session,
    code_set: CodeSet,
    files: list[CountedFileShape],
    rows: list[tuple[date | None, _Counts]],
    places: Mapping[bytes, list[Where]],
    findings: list[Finding],
) -> UsageShape:
    """Return what files say of every code seen or registered, and of unassigned codes; nothing without a file."""
    query = select(LocalCode.code).where(LocalCode.code_set_id == code_set.id)
    registered = set(session.scalars(query)) if rows else set()
    every = sorted(registered.union(*(counts for _, counts in rows)))
    is_user = charset_of(session, code_set).is_user_code
    users = {code for code in every if code in registered or is_user(code)}
    codes = [
        CodeUseShape(**_totals(code, rows), registered=code in registered)
        for code in every
        if code in users
    ]
    unassigned = [
        UnassignedShape(
            **_totals(code, rows),
            places=[WhereShape(**place.as_dict()) for place in places.get(code, ())],
        )
        for code in every
        if code not in users
    ]
    address = code_set.address
    found = [*findings, *_never_registered(address, codes), *_unassigned(code_set, unassigned)]
    return UsageShape(
        codeset=address,
        files=files,
        codes=codes,
        unassigned=unassigned,
        findings=[finding.shape() for finding in found],
    )


def _totals(code: bytes, rows: list[tuple[date | None, _Counts]]) -> dict[str, Any]:
    seen = [(day, counts[code]) for day, counts in rows if code in counts]
    return {
        "code": code.hex().upper(),
        "uses": sum(count for _, count in seen),
        "files": len(seen),
        "last_seen": max((day for day, _ in seen if day), default=None),
    }


# --- findings


def _never_registered(address: str, codes: list[CodeUseShape]) -> list[Finding]:
    return [
        Finding(
            "never-registered",
            "gap",
            Text(
                f"コード {one.code} はファイルに {one.uses:,} 回現れますが、登録されていません。"
                "gaiji codeset import で受け入れてください。",
                f"Code {one.code} stands {one.uses:,} times in the files and was never registered; "
                "take it in with gaiji codeset import.",
            ),
            f"{address}/{one.code}",
        )
        for one in codes
        if not one.registered
    ]


def _unassigned(code_set: CodeSet, codes: list[UnassignedShape]) -> list[Finding]:
    """Return one finding for all codes without a character: a vendor's extension has thousands."""
    if not codes:
        return []
    often = sorted(codes, key=lambda one: -one.uses)
    named = ", ".join(f"{one.code} × {one.uses:,}" for one in often[:NAMED])
    more = " …" if len(often) > NAMED else ""
    uses = sum(one.uses for one in codes)
    text = Text(
        f"{code_set.charset} の表に文字のないコードが {len(codes):,} 種、{uses:,} 回現れます({named}{more})。"
        "ベンダーの拡張文字ならその文字コード表 (gaiji charset import) を、外字なら外字領域の定義を確かめてください。",
        f"Codes to which no table of {code_set.charset} gives a character: {len(codes):,}, uses: {uses:,} "
        f"({named}{more}); a vendor's extension needs its table (gaiji charset import), gaiji need a declared area.",
    )
    place = next((one.places[0] for one in often if one.places), None)
    where = Where(**place.model_dump()) if place else None
    return [Finding("unassigned-codes", "gap", text, code_set.address, where)]


def _malformed(address: str, one: FileCount) -> list[Finding]:
    place = one.counted.first_malformed
    if place is None:
        return []
    text = Text(
        f"文字でないバイトが {one.counted.malformed:,} 個あります。文字コードとレコード様式を確かめてください。",
        f"Bytes that belong to no character: {one.counted.malformed:,}; check charset and layout.",
    )
    where = Where(one.name, place.record, place.field, place.byte_offset)
    return [Finding("malformed-bytes", "warning", text, address, where)]


def _file_shape(
    one: FileCount, as_of: date | None, done: Act | None, *, known: bool
) -> CountedFileShape:
    return CountedFileShape(
        sha256=one.sha256,
        size=one.size,
        layout=one.layout,
        as_of=as_of,
        records=one.counted.records,
        malformed=one.counted.malformed,
        codes=len(one.counted.codes),
        uses=one.counted.codes.total(),
        unassigned=sum(found.count for found in one.counted.unassigned.values()),
        counted_at=done.at if done else None,
        counted_by=done.actor if done else None,
        known=known,
    )
