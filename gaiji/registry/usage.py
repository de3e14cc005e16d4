"""How often a code set's codes stand in the city's files (使用頻度): counts, never what stands there.

One act per file: its sha256, size and counts. File names and places stay outside, because they can tell of
residents. A count of 0 says that a code was not seen in these files, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from gaiji.charset.usage import FileCount
from gaiji.errors import Conflict, Text, Where
from gaiji.registry.journal import Act, Actor, act, effect, get_rows, put_rows
from gaiji.registry.members import find_code_set
from gaiji.registry.tables import CodeSet, CodeUse, Json, LocalCode, UsageFile
from gaiji.wire.findings import Finding
from gaiji.wire.usage import CodeUseShape, CountedFileShape, UsageShape

COUNT = "usage.count"


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

    as_of: the day they were written. A file that gave the same counts before changes nothing. Raises
    Conflict, unless `replace`, when it was counted with another result: with another layout or day.
    """
    code_set = find_code_set(session, address)
    said: list[CountedFileShape] = []
    rows: dict[str, tuple[date | None, dict[bytes, int]]] = {}
    findings: list[Finding] = []
    for one in counts:
        after = _after(one, as_of)
        if one.sha256 in rows:
            continue
        rows[one.sha256] = as_of, dict(one.counted.codes)
        findings += _malformed(address, one)
        before = _told(session, code_set, one.sha256)
        known = before is not None and before == after | {"counts": _codes(one.counted.codes)}
        if before is not None and not known and not replace:
            raise Conflict(
                "このファイルは別の結果で集計済みです。レコード様式と日付を確かめ、置き換えるなら --replace を"
                "付けてください。",
                "This file was counted before with another result; check layout and day, and say --replace "
                "to put the new counts in its place.",
                where=Where(one.name),
            )
        done: Act | None = None
        if not known and not dry_run:
            kept = after | {"counts": put_rows(session, _codes(one.counted.codes))}
            told = before and before | {"counts": put_rows(session, before["counts"])}
            done = act(session, actor, COUNT, address, kept, told)
        said.append(_file_shape(one, as_of, done, known=known))
    codes = _merged(session, code_set, rows.values())
    findings += _never_registered(address, codes)
    return UsageShape(
        codeset=address,
        dry_run=dry_run,
        files=said,
        codes=codes,
        findings=[finding.shape() for finding in findings],
    )


def _after(one: FileCount, as_of: date | None) -> Json:
    return {
        "sha256": one.sha256,
        "size": one.size,
        "layout": one.layout,
        "as_of": as_of and as_of.isoformat(),
        "records": one.counted.records,
        "malformed": one.counted.malformed,
    }


def _codes(counts: dict[bytes, int]) -> list[Json]:
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
    query = (
        select(UsageFile, func.count(CodeUse.code), func.coalesce(func.sum(CodeUse.count), 0))
        .outerjoin(CodeUse, CodeUse.usage_file_id == UsageFile.id)
        .where(UsageFile.code_set_id == code_set.id)
        .group_by(UsageFile.id)
        .order_by(UsageFile.serial)
    )
    return [
        CountedFileShape(
            sha256=file.sha256,
            size=file.size,
            layout=file.layout,
            as_of=file.as_of,
            records=file.records,
            malformed=file.malformed,
            codes=codes,
            uses=int(uses),
            counted_at=file.at,
            counted_by=file.actor,
        )
        for file, codes, uses in session.execute(query)
    ]


def show_usage(session: Session, address: str) -> UsageShape:
    """Return all that was counted for a code set: files, and each code seen or registered.

    Raises UnknownCodeSet. Codes seen that nobody registered are findings.
    """
    code_set = find_code_set(session, address)
    codes = _merged(session, code_set, _kept(session, code_set))
    return UsageShape(
        codeset=address,
        files=counted_files(session, code_set),
        codes=codes,
        findings=[finding.shape() for finding in _never_registered(address, codes)],
    )


def _kept(session: Session, code_set: CodeSet) -> list[tuple[date | None, dict[bytes, int]]]:
    found: dict[int, tuple[date | None, dict[bytes, int]]] = {}
    query = (
        select(UsageFile.id, UsageFile.as_of, CodeUse.code, CodeUse.count)
        .outerjoin(CodeUse, CodeUse.usage_file_id == UsageFile.id)
        .where(UsageFile.code_set_id == code_set.id)
    )
    for id, day, code, count in session.execute(query):
        counts = found.setdefault(id, (day, {}))[1]
        if code is not None:
            counts[code] = count
    return list(found.values())


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


def _merged(
    session: Session,
    code_set: CodeSet,
    counted: Iterable[tuple[date | None, dict[bytes, int]]],
) -> list[CodeUseShape]:
    """Return every code seen or registered with its totals over files, by code; nothing without a file."""
    files = list(counted)
    if not files:
        return []
    registered = set(
        session.scalars(select(LocalCode.code).where(LocalCode.code_set_id == code_set.id))
    )
    shapes = []
    for code in sorted(registered.union(*(counts for _, counts in files))):
        seen = [(day, counts[code]) for day, counts in files if code in counts]
        shapes.append(
            CodeUseShape(
                code=code.hex().upper(),
                uses=sum(count for _, count in seen),
                files=len(seen),
                last_seen=max((day for day, _ in seen if day), default=None),
                registered=code in registered,
            )
        )
    return shapes


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


def _malformed(address: str, one: FileCount) -> list[Finding]:
    place = one.counted.first_malformed
    if place is None:
        return []
    text = Text(
        f"文字でないバイトが {one.counted.malformed:,} 個あります。文字コードとレコード様式を確かめてください。",
        f"{one.counted.malformed:,} bytes belong to no character; check charset and layout.",
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
        counted_at=done.at if done else None,
        counted_by=done.actor if done else None,
        known=known,
    )
