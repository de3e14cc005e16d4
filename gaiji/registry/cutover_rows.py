"""What a plan for a shared CS server is computed from, gathered in few queries (移行計画の元になる行)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.charset.cutover import Outside
from gaiji.charset.mapping import Mapping, Repertoire
from gaiji.charset.notations import in_juki
from gaiji.charset.standard import juki_non_kanji
from gaiji.charset.tables import CsTable, read_cs_table
from gaiji.charset.targets import CodeSetSide
from gaiji.registry.characters import published
from gaiji.registry.db import get_blob
from gaiji.registry.gaps import Standing, standings
from gaiji.registry.members import charset_of
from gaiji.registry.releases import mapping
from gaiji.registry.tables import (
    CodeSet,
    Decision,
    Import,
    LocalCode,
    MappingRow,
    Meaning,
    Release,
    Successor,
)
from gaiji.registry.usage import uses_of

Told = tuple[str | None, str | None]


@dataclass(frozen=True)
class PlannedSet:
    """One code set as a plan reads it (計画の対象): no database behind it.

    digest: the release's, over its rows; mapping: as of the plan's day. standings: every meaning in the release, with
    what is proposed; told: how and when a meaning was decided, by code and first day. late: codes registered after
    the release. today: J+ codes of its newest CS table. uses: empty where no file was counted.
    """

    address: str
    digest: str
    mapping: Mapping
    standings: tuple[Standing, ...]
    told: ReadOnly[tuple[bytes, date | None], Told]
    late: tuple[bytes, ...]
    today: ReadOnly[bytes, int]
    outside: tuple[Outside, ...]
    uses: ReadOnly[bytes, int]


class Ways(NamedTuple):
    """The codes of a code set that mean one character (同じ文字になるコード).

    exact, substitutes: local codes; standard: the standard code's bytes that show exactly it; text: in a Unicode
    charset without one, bytes of the text beyond the standard area that means it.
    """

    exact: tuple[bytes, ...]
    substitutes: tuple[bytes, ...]
    standard: bytes | None
    text: bytes | None


def ways(side: CodeSetSide, character: str) -> Ways:
    """Return the codes of a code set that mean a character, doubtful ones left out, in bare form."""
    exact = tuple(side.script.bare(code) for code in side.local_codes(character))
    substitutes = tuple(
        row.code
        for row in side.mapping.codes_of(character)
        if row.relationship == "substitute"
        and len({other.character for other in side.mapping.meanings(row.code)}) == 1
    )
    standard, beyond = (
        side.script.bare(codes[0]) if codes else None for codes in side.standard_codes(character)
    )
    return Ways(exact, substitutes, standard, None if standard else beyond)


def may_choose(found: Ways) -> bool:
    """Whether a rule may let a lone substitute come back: no other code stands beside it."""
    beside = found.standard or found.text
    return not found.exact and beside is None and len(found.substitutes) == 1


# --- gathering


def planned_sets(
    session: Session, release: Release, code_sets: Sequence[CodeSet], as_of: date
) -> list[PlannedSet]:
    """Return what a plan reads of code sets, as a release says it, on a day. Raises UnknownRelease."""
    by_address: defaultdict[str, list[Standing]] = defaultdict(list)
    for one in standings(session, list(code_sets), release):
        by_address[one.code_set].append(one)
    return [_planned(session, release, one, by_address[one.address], as_of) for one in code_sets]


def _planned(
    session: Session, release: Release, code_set: CodeSet, found: list[Standing], as_of: date
) -> PlannedSet:
    query = select(LocalCode.code).where(LocalCode.code_set_id == code_set.id)
    codes = sorted(session.scalars(query))
    known = {one.code for one in found}
    means = mapping(session, code_set.address, release, as_of=as_of)
    table = cs_table(session, code_set)
    return PlannedSet(
        address=code_set.address,
        digest=release.manifest["code_sets"][code_set.address]["digest"],
        mapping=means,
        standings=tuple(found),
        told=_told(session, code_set, release),
        late=tuple(code for code in codes if code not in known),
        today={code: int(juki[2:], 16) for _, code, juki in table.rows} if table else {},
        outside=tuple(_outside(code_set.address, table, means.repertoire)) if table else (),
        uses=uses_of(session, code_set.id, codes),
    )


def _told(
    session: Session, code_set: CodeSet, release: Release
) -> dict[tuple[bytes, date | None], Told]:
    query = (
        select(LocalCode.code, Meaning.valid_from, Decision.how, Decision.at)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(MappingRow, MappingRow.meaning_id == Meaning.id)
        .join(Decision, Decision.id == MappingRow.decision_id)
        .where(LocalCode.code_set_id == code_set.id, published(MappingRow, release.number))
    )
    return {
        (code, None if day == date.min else day): (how, at)
        for code, day, how, at in session.execute(query)
    }


def cs_table(session: Session, code_set: CodeSet) -> CsTable | None:
    """Return the CS-server table that a city handed in last (CSサーバー文字対応表), None where it never did."""
    query = select(Import.files).where(Import.code_set_id == code_set.id)
    for files in session.scalars(query.order_by(Import.serial.desc())):
        for file in files:
            if file["role"] == "cs_table":
                data, _ = get_blob(session, file["sha256"])
                charset = charset_of(session, code_set)
                return read_cs_table(data, file["name"], charset, is_stored=True)
    return None


def _outside(address: str, table: CsTable, repertoire: Repertoire) -> Iterable[Outside]:
    """Yield the J+ codes of a table that the reference set does not have, those outside the ranges first."""
    for finding in table.findings:
        if finding.code == "outside-juki" and finding.where is not None:
            record = finding.where.record or 0
            yield Outside("outside-juki", address, None, finding.subject or "", record)
    for record, code, juki in table.rows:
        unit = int(juki[2:], 16)
        if in_juki(juki) and repertoire.juki(unit) is None and chr(unit) not in juki_non_kanji():
            yield Outside("outside-reference", address, code, juki, record)


def unified(session: Session, release: Release) -> set[str]:
    """Return the council's own characters that gave way to a standard one in a release (後継のある文字)."""
    number = release.number
    query = select(Successor.character).where(
        Successor.since <= number, Successor.until.is_(None) | (Successor.until > number)
    )
    return set(session.scalars(query))
