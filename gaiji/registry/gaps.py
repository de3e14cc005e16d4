"""What FIT&GAP asks of the registry, in few queries (適合・不適合の元になる行)."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.orm import Session, undefer

from gaiji.charset.charsets import Charset
from gaiji.charset.notations import local_code
from gaiji.errors import GaijiError, UnknownRelease
from gaiji.registry.characters import Interval, coming, counting, meanings, published
from gaiji.registry.db import get_blob
from gaiji.registry.evidence import exclude, standing
from gaiji.registry.members import charset_of, code_sets, find_code_set
from gaiji.registry.releases import describe
from gaiji.registry.tables import (
    OPEN_END,
    OPEN_START,
    Blob,
    Character,
    CodeSet,
    Decision,
    GlyphUse,
    Import,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Member,
    Proposal,
    Release,
    Span,
)
from gaiji.wire.findings import Finding


@dataclass(frozen=True)
class Proposed:
    """A proposal as a report shows it; refused: a person decided that it is not this character."""

    character: str
    how: str
    relationship: str
    value: str
    disagrees: bool
    refused: bool


@dataclass(frozen=True)
class Standing:
    """Where one meaning of one local code stands (外字一字の状況): what was decided, what is proposed.

    Days are the city's own, None where open. character is None while nothing is decided; pending: decided
    and not yet published.
    """

    code_set: str
    code: bytes
    first_day: date | None
    last_day: date | None
    listed: Json
    glyph: str | None
    character: str | None
    relationship: str | None
    ground: str | None
    actor: str | None
    pending: bool
    proposals: tuple[Proposed, ...]

    @property
    def subject(self) -> str:
        """The public name of the code, e.g. 252069/juki/F040."""
        return f"{self.code_set}/{self.code.hex().upper()}"


@dataclass(frozen=True)
class Neighbour:
    """Another member's code set, in the latest release and after publishing one member's decisions.

    digest: as the release recorded it; after: computed from the rows that would hold in the next release
    while its own decisions still wait; waiting: how many of its own decisions and glyphs wait.
    """

    code_set: str
    digest: str
    after: str
    waiting: int


def measured_sets(session: Session, member: str, release: Release | None) -> list[CodeSet]:
    """Return a member's code sets as far as a release knows them (None: all that are registered).

    Raises UnknownMember, and UnknownRelease when the member is not part of the release.
    """
    sets = code_sets(session, member)
    if release is None:
        return sets
    known = [code_set for code_set in sets if code_set.address in release.manifest["code_sets"]]
    if not known:
        raise UnknownRelease(
            f"構成市 {member} は版 {release.number} に入っていません。版を指定しなければ現在の作業状態で測ります。",
            f"Member {member} is not part of release {release.number}; name no release to measure the "
            "present state of work.",
        )
    return known


def standings(session: Session, sets: list[CodeSet], release: Release | None) -> list[Standing]:
    """Return every meaning of code sets with all that is known of it, by code set, code and day.

    release: what it published, with the proposals of its day; None for the state of work, where decided
    and not yet published counts as decided.
    """
    addresses = {code_set.id: code_set.address for code_set in sets}
    proposals = _proposals(session, list(addresses), release)

    def holds(table: Interval) -> ColumnElement[bool]:
        return coming(table) if release is None else published(table, release.number)

    mapping, glyph = holds(MappingRow), holds(GlyphUse)
    query = (
        select(
            *(LocalCode.code_set_id, LocalCode.code, Meaning, Span.valid_to),
            *(GlyphUse.glyph, MappingRow, Decision),
        )
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(Span, (Span.meaning_id == Meaning.id) & holds(Span))
        .outerjoin(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & glyph)
        .outerjoin(MappingRow, (MappingRow.meaning_id == Meaning.id) & mapping)
        .outerjoin(Decision, Decision.id == MappingRow.decision_id)
        .where(LocalCode.code_set_id.in_(addresses))
        .order_by(LocalCode.code_set_id, LocalCode.code, Meaning.valid_from)
    )
    rows = [
        Standing(
            code_set=addresses[set_id],
            code=code,
            first_day=None if meaning.valid_from == OPEN_START else meaning.valid_from,
            last_day=None if last_day == OPEN_END else last_day,
            listed=meaning.listed,
            glyph=drawn,
            character=row.character if row else None,
            relationship=row.relationship if row else None,
            ground=decision.ground if decision else None,
            actor=decision.actor if decision else None,
            pending=row is not None and row.since is None,
            proposals=tuple(proposals.get(meaning.id, ())),
        )
        for set_id, code, meaning, last_day, drawn, row, decision in session.execute(query)
    ]
    order = {code_set.address: place for place, code_set in enumerate(sets)}
    rows.sort(key=lambda row: order[row.code_set])
    return rows


def _proposals(
    session: Session, set_ids: list[int], release: Release | None
) -> dict[int, list[Proposed]]:
    """Return the proposals by meaning, in the order they came; with a release those of its day."""
    refused = (
        select(Decision.meaning_id, Decision.character)
        .join(Meaning, Meaning.id == Decision.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id.in_(set_ids), Decision.relationship == "not-related")
        .where(counting(release.serial if release else None))
    )
    query = (
        select(Proposal)
        .join(Meaning, Meaning.id == Proposal.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id.in_(set_ids))
        .order_by(Proposal.id)
    )
    if release is not None:
        refused = refused.where(Decision.serial <= release.serial)
        query = query.where(Proposal.serial <= release.serial)
    no = {(meaning, character) for meaning, character in session.execute(refused)}
    by_meaning = defaultdict[int, list[Proposal]](list)
    for proposal in session.scalars(query):
        by_meaning[proposal.meaning_id].append(proposal)
    found: dict[int, list[Proposed]] = {}
    for meaning, proposals in by_meaning.items():
        stands = standing(proposals)
        doubtful = exclude((one.how, one.character) for one in stands)
        found[meaning] = [
            Proposed(
                one.character or "",
                one.how,
                one.relationship,
                one.evidence["value"],
                doubtful,
                (meaning, one.character) in no,
            )
            for one in stands
        ]
    return found


def stored_findings(
    session: Session, sets: list[CodeSet], release: Release | None
) -> dict[str, list[Finding]]:
    """Return what the imports of code sets found, by code or code set; what came again, as said last."""
    by_id = {code_set.id: (code_set.address, charset_of(session, code_set)) for code_set in sets}
    query = (
        select(Import.code_set_id, Import.findings)
        .where(Import.code_set_id.in_(by_id))
        .order_by(Import.serial)
    )
    if release is not None:
        query = query.where(Import.serial <= release.serial)
    found = defaultdict[str, dict[tuple[str, str], Finding]](dict)
    for set_id, rows in session.execute(query):
        address, charset = by_id[set_id]
        for row in rows:
            subject = _subject(address, charset, row["subject"])
            finding = replace(Finding.from_stored(row), subject=subject)
            told = finding.text.en if subject == address else ""
            found[subject][finding.code, told] = finding
    return {subject: list(findings.values()) for subject, findings in found.items()}


def _subject(address: str, charset: Charset, said: str | None) -> str:
    """Return the public name of what a reader's finding is about: a code, else the code set.

    Readers of files name codes as the file does: F040, 0xF040, or the private-use image U+E000.
    """
    if said is None or said.startswith(address):
        return said or address
    try:
        return f"{address}/{local_code(said, charset).hex().upper()}"
    except GaijiError:
        return address


def has_namespace(session: Session, namespace: str) -> bool:
    """Tell whether characters of a namespace (MJ, GJ) were imported."""
    return bool(session.scalar(select(exists().where(Character.namespace == namespace))))


def in_use_by_others(session: Session, member: str, number: int) -> set[str]:
    """Return the shared characters that other members use in a release (共通の表にある文字)."""
    query = (
        select(MappingRow.character)
        .join(Meaning, Meaning.id == MappingRow.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .join(CodeSet, CodeSet.id == LocalCode.code_set_id)
        .where(CodeSet.member != member, published(MappingRow, number))
        .distinct()
    )
    return set(session.scalars(query))


def neighbours(session: Session, member: str, release: Release) -> list[Neighbour]:
    """Return every other member's code set with its digest in the latest release and in the next one.

    The next one is computed from the rows that would hold if the decisions for this member alone were
    published; what waits for the others themselves is counted apart.
    """
    waiting = _waiting(session)
    found = []
    for address, part in sorted(release.manifest["code_sets"].items()):
        if address.split("/")[0] != member:
            code_set = find_code_set(session, address)
            after = describe(code_set, meanings(session, code_set, release.number + 1))["digest"]
            found.append(Neighbour(address, part["digest"], after, waiting.get(code_set.id, 0)))
    return found


def _waiting(session: Session) -> dict[int, int]:
    """Return how many mappings and glyphs wait for publication, by code set of the members."""
    count = defaultdict[int, int](int)
    waits = (
        (
            MappingRow,
            or_(
                MappingRow.since.is_(None) & MappingRow.superseded.is_(None),
                MappingRow.ended.is_not(None) & MappingRow.until.is_(None),
            ),
        ),
        (GlyphUse, GlyphUse.since.is_(None) & GlyphUse.replaced.is_(None)),
    )
    for table, condition in waits:
        query = (
            select(LocalCode.code_set_id, func.count())
            .join(Meaning, Meaning.local_code_id == LocalCode.id)
            .join(table, table.meaning_id == Meaning.id)
            .join(CodeSet, CodeSet.id == LocalCode.code_set_id)
            .join(Member, Member.code == CodeSet.member)
            .where(condition, ~Member.candidate)
            .group_by(LocalCode.code_set_id)
        )
        for set_id, rows in session.execute(query):
            count[set_id] += rows
    return count


def council_glyphs(session: Session) -> dict[str, bytes]:
    """Return the canonical forms of the council's own characters by id (独自文字の字形); those without are left out."""
    query = select(Character.id, Character.glyph).where(Character.glyph.is_not(None))
    named = {id: digest for id, digest in session.execute(query).tuples() if digest is not None}
    forms = glyph_forms(session, set(named.values()))
    return {id: forms[digest] for id, digest in sorted(named.items())}


def glyph_forms(session: Session, digests: set[str]) -> dict[str, bytes]:
    """Return the canonical forms of glyphs by sha256."""
    some = sorted(digests)
    found: dict[str, bytes] = {}
    for start in range(0, len(some), 500):
        query = select(Blob).where(Blob.sha256.in_(some[start : start + 500]))
        kept = list(
            session.scalars(query.options(undefer(Blob.data)))
        )  # so that get_blob asks no more
        found |= {blob.sha256: get_blob(session, blob.sha256)[0] for blob in kept}
    return found
