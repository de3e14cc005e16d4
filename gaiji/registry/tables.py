"""The tables of the registry (台帳の表).

One schema for SQLite and PostgreSQL. Dates are the city's own (first and last day of use, both inclusive;
OPEN_START and OPEN_END where a side is open). `since` and `until` are releases: a row holds in releases
since <= n < until; publishing alone writes them.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Date,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

OPEN_START, OPEN_END = date.min, date.max
Json = dict[str, Any]


class Base(DeclarativeBase):
    """All tables; constraint names are fixed so that migrations can name them on both databases."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - read by SQLAlchemy, never changed
        Json: JSON,
        list[Json]: JSON,
        list[str]: JSON,
        bytes: LargeBinary,
    }


def only_where(condition: str) -> dict[str, Any]:
    """Return the dialect arguments of a partial index."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


def one_of_each(
    noun: str, of: str = "meaning_id", *, replaced: str = "replaced"
) -> tuple[Index, Index]:
    """Return the indexes that leave a meaning, or whatever `of` names, one live row and one pending row at most.

    replaced: the column that names what took the place of a row that was never published.
    """
    live, pending = "since IS NOT NULL AND until IS NULL", f"since IS NULL AND {replaced} IS NULL"
    return (
        Index(f"one_live_{noun}", of, unique=True, **only_where(live)),
        Index(f"one_pending_{noun}", of, unique=True, **only_where(pending)),
    )


# --- identity of this registry, journal, blobs


class Registry(Base):
    """One row: what was fixed when the database was made, and the head of the journal."""

    __tablename__ = "registry"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    prefix: Mapped[str] = mapped_column(String(2))
    serial: Mapped[int]
    next_own: Mapped[int]


class Entry(Base):
    """One act in the journal (履歴): `body` is its canonical JSON, the other columns find it."""

    __tablename__ = "journal"

    serial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str] = mapped_column(String(27))
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    body: Mapped[str] = mapped_column(Text)


class Blob(Base):
    """A content-addressed file: glyph, font, table or rows of an act; deflated where that is shorter."""

    __tablename__ = "blobs"

    sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    media_type: Mapped[str]
    size: Mapped[int]
    deflated: Mapped[bool]
    data: Mapped[bytes] = mapped_column(deferred=True)


# --- members and their code sets


class Member(Base):
    """A member (構成市), by its municipality code; a candidate is measured before it joins."""

    __tablename__ = "members"

    code: Mapped[str] = mapped_column(String(6), primary_key=True)
    name: Mapped[str]
    candidate: Mapped[bool]
    successor: Mapped[str | None] = mapped_column(ForeignKey("members.code"))
    changed: Mapped[int]

    code_sets: Mapped[list[CodeSet]] = relationship(
        back_populates="owner", order_by="CodeSet.name", lazy="raise"
    )


class CodeSet(Base):
    """A code set (外字セット): one member's gaiji of one business system in one charset."""

    __tablename__ = "code_sets"
    __table_args__ = (UniqueConstraint("member", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    member: Mapped[str] = mapped_column(ForeignKey("members.code"))
    name: Mapped[str]
    system: Mapped[str]
    group: Mapped[str]
    charset: Mapped[str]
    options: Mapped[Json]
    areas: Mapped[list[Json]]
    charset_digest: Mapped[str] = mapped_column(String(64))
    charset_table: Mapped[str | None] = mapped_column(ForeignKey("charset_tables.digest"))
    changed: Mapped[int]

    owner: Mapped[Member] = relationship(back_populates="code_sets", lazy="raise")

    @property
    def address(self) -> str:
        """Its public name, e.g. 252069/juki."""
        return f"{self.member}/{self.name}"


class CharsetTable(Base):
    """A charset's table that the council imported (文字コード表), by its content; its blob holds it packed."""

    __tablename__ = "charset_tables"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    charset: Mapped[str]
    codes: Mapped[int]
    blob: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    provenance: Mapped[Json]
    at: Mapped[str] = mapped_column(String(27))
    actor: Mapped[str]
    serial: Mapped[int]


class LocalCode(Base):
    """A local code (外字コード) of a code set; once registered it exists for ever."""

    __tablename__ = "local_codes"
    __table_args__ = (UniqueConstraint("code_set_id", "code"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code_set_id: Mapped[int] = mapped_column(ForeignKey("code_sets.id"))
    code: Mapped[bytes]
    serial: Mapped[int]


class Meaning(Base):
    """What a local code stood for in the city's own data from a day on; its Span says to which day."""

    __tablename__ = "meanings"
    __table_args__ = (UniqueConstraint("local_code_id", "valid_from"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    local_code_id: Mapped[int] = mapped_column(ForeignKey("local_codes.id"))
    valid_from: Mapped[date] = mapped_column(Date)
    listed: Mapped[Json]


class Span(Base):
    """The last day of a meaning (使用期間), in releases since <= n < until; pending while since is null.

    A meaning is part of a release through its span: cities end a meaning later, or use its slot again,
    and what was published before must not change by that.
    """

    __tablename__ = "spans"
    __table_args__ = (
        CheckConstraint("since < until", name="interval"),
        *one_of_each("span"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    valid_to: Mapped[date] = mapped_column(Date)
    serial: Mapped[int]
    replaced: Mapped[int | None]
    since: Mapped[int | None]
    until: Mapped[int | None]


# --- how often codes are used


class UsageFile(Base):
    """A file of a city whose codes were counted (使用頻度): its digest and totals, never its name or a place.

    as_of: the day the file was written, where it was told; layout: sha256 of the record layout it was read by.
    """

    __tablename__ = "usage_files"
    __table_args__ = (UniqueConstraint("code_set_id", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    code_set_id: Mapped[int] = mapped_column(ForeignKey("code_sets.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    layout: Mapped[str | None] = mapped_column(String(64))
    as_of: Mapped[date | None] = mapped_column(Date)
    records: Mapped[int] = mapped_column(BigInteger)
    malformed: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[str] = mapped_column(String(27))
    actor: Mapped[str]
    serial: Mapped[int]


class CodeUse(Base):
    """How often one code stands in one file: of the user-defined areas, registered or not, or without a character."""

    __tablename__ = "code_uses"

    usage_file_id: Mapped[int] = mapped_column(ForeignKey("usage_files.id"), primary_key=True)
    code: Mapped[bytes] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


# --- glyphs


class Glyph(Base):
    """A glyph (字形), content-addressed: the blob of the same sha256 is its canonical form."""

    __tablename__ = "glyphs"

    sha256: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), primary_key=True)
    kind: Mapped[str]
    em_units: Mapped[int]
    advance: Mapped[int]


class GlyphSource(Base):
    """Where a glyph came from and who may use it: one row per code set that handed it in, and file that brought it.

    rights: the words of the supplier; scope: how far they reach, as fonts are built by (unknown, member, council,
    public); licence: its identifier, where it has one.
    """

    __tablename__ = "glyph_sources"

    glyph: Mapped[str] = mapped_column(ForeignKey("glyphs.sha256"), primary_key=True)
    blob: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"), primary_key=True)
    code_set_id: Mapped[int] = mapped_column(
        ForeignKey("code_sets.id"), primary_key=True, index=True
    )
    supplier: Mapped[str]
    rights: Mapped[str]
    scope: Mapped[str] = mapped_column(server_default="unknown")
    licence: Mapped[str | None]


class GlyphUse(Base):
    """The glyph a meaning is drawn with, in releases since <= n < until; pending while since is null."""

    __tablename__ = "glyph_uses"
    __table_args__ = (
        CheckConstraint("since < until", name="interval"),
        *one_of_each("glyph"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    glyph: Mapped[str] = mapped_column(ForeignKey("glyphs.sha256"), index=True)
    serial: Mapped[int]
    replaced: Mapped[int | None]
    since: Mapped[int | None]
    until: Mapped[int | None]


# --- the reference set and the shared characters


class Edition(Base):
    """One edition of one reference dataset (MJ, GJ, kana, shrink, ivd …), with where it came from.

    The edition loaded last is the current one of its dataset. digest: over the content, however packed.
    """

    __tablename__ = "editions"
    __table_args__ = (UniqueConstraint("dataset", "edition"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    dataset: Mapped[str]
    edition: Mapped[str]
    digest: Mapped[str] = mapped_column(String(64))
    source: Mapped[Json]
    serial: Mapped[int]


class Character(Base):
    """A shared character (共通文字): identity only, never reused.

    glyph: what one of the council's own looks like, the glyph it was made for; others have their font.
    """

    __tablename__ = "characters"

    id: Mapped[str] = mapped_column(String(8), primary_key=True)
    namespace: Mapped[str] = mapped_column(String(2))
    serial: Mapped[int]
    glyph: Mapped[str | None] = mapped_column(ForeignKey("glyphs.sha256"))


class ReferenceCharacter(Base):
    """What one edition says of a shared character; columns as in the MJ list (MJ文字情報一覧表)."""

    __tablename__ = "reference_characters"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), primary_key=True)
    ucs: Mapped[str | None] = mapped_column(index=True)
    own_ucs: Mapped[str | None] = mapped_column(index=True)
    ivs: Mapped[str | None] = mapped_column(index=True)
    svs: Mapped[str | None] = mapped_column(index=True)
    koseki: Mapped[str | None] = mapped_column(index=True)
    juki: Mapped[str | None] = mapped_column(index=True)
    touki: Mapped[str | None] = mapped_column(index=True)
    nyukan_seiji: Mapped[str | None]
    nyukan_gaiji: Mapped[str | None]
    x0213: Mapped[str | None] = mapped_column(index=True)
    x0213_rule: Mapped[str | None]
    x0213_class: Mapped[int | None]
    x0212: Mapped[str | None]
    strokes: Mapped[int | None] = mapped_column(index=True)
    kanji_policy: Mapped[str | None]
    compatibility: Mapped[str | None]
    more: Mapped[Json]


class Reading(Base):
    """A reading (読み) of a shared character in one edition, as listed and in hiragana to find it by."""

    __tablename__ = "readings"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    reading: Mapped[str]
    hiragana: Mapped[str] = mapped_column(index=True)


class Radical(Base):
    """A radical (部首) and the strokes beside it (内画数, null where unknown) in one edition."""

    __tablename__ = "radicals"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    radical: Mapped[int] = mapped_column(index=True)
    inner_strokes: Mapped[int | None]


class Reduction(Base):
    """A reduction (縮退) of the MJ shrink map: a proposed JIS X 0213 character, its ground and rank.

    listing: the table of the map it stands in; the same target may stand in several. Position 0 is best.
    """

    __tablename__ = "reductions"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    target: Mapped[str] = mapped_column(index=True)
    x0213: Mapped[str | None]
    listing: Mapped[str]
    ground: Mapped[str]
    rank: Mapped[int | None]
    hops: Mapped[int | None]


class Sequence(Base):
    """A variation sequence: base + selector, and what it stands for.

    collection: that of the IVD, or SVS; meaning: its name there, or the compatibility ideograph. A list's
    own edition holds the sequences of a character beyond the first (meaning: the character).
    """

    __tablename__ = "sequences"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    sequence: Mapped[str] = mapped_column(primary_key=True)
    collection: Mapped[str] = mapped_column(primary_key=True)
    meaning: Mapped[str]


class Description(Base):
    """An ideographic description (IDS) of a character: its parts; regions: whose form it is."""

    __tablename__ = "descriptions"

    edition_id: Mapped[int] = mapped_column(ForeignKey("editions.id"), primary_key=True)
    ucs: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    regions: Mapped[str]
    ids: Mapped[str]


class Successor(Base):
    """The standard character that took the place of one of the council's own, from a release on."""

    __tablename__ = "successors"
    __table_args__ = (
        CheckConstraint("since < until", name="interval"),
        *one_of_each("successor", "character"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"))
    successor: Mapped[str] = mapped_column(ForeignKey("characters.id"))
    ground: Mapped[str]
    serial: Mapped[int]
    replaced: Mapped[int | None]
    since: Mapped[int | None]
    until: Mapped[int | None]


# --- proposals, decisions, mappings


class Import(Base):
    """One taking-in of a city's files; its serial is that of its act."""

    __tablename__ = "imports"

    serial: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code_set_id: Mapped[int] = mapped_column(ForeignKey("code_sets.id"), index=True)
    files: Mapped[list[Json]]
    counts: Mapped[Json]
    findings: Mapped[list[Json]]


class Proposal(Base):
    """What a source says a meaning is: a character, a relationship it suggests, and its evidence.

    character null: the source names none any more, and what it proposed before is withdrawn.
    """

    __tablename__ = "proposals"
    __table_args__ = (UniqueConstraint("meaning_id", "how", "character", "serial"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    character: Mapped[str | None] = mapped_column(ForeignKey("characters.id"))
    how: Mapped[str]
    relationship: Mapped[str]
    evidence: Mapped[Json]
    serial: Mapped[int]


class Policy(Base):
    """A named decision policy (決定方針), switched on or off by a named actor."""

    __tablename__ = "policies"

    name: Mapped[str] = mapped_column(primary_key=True)
    enabled: Mapped[bool]
    serial: Mapped[int]


class Decision(Base):
    """What a named actor decided about a meaning, on what ground; `not-related` is a decided no.

    evidence: what the decision rests on beside its ground, as measured; null where nothing was. withdrawn: the serial
    of the act that took it back before it was published; such a decision counts for nothing.
    """

    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(primary_key=True)
    serial: Mapped[int] = mapped_column(index=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"))
    relationship: Mapped[str]
    actor: Mapped[str]
    policy: Mapped[str | None]
    how: Mapped[str]
    ground: Mapped[str | None]
    at: Mapped[str] = mapped_column(String(27))
    evidence: Mapped[Json | None] = mapped_column(JSON(none_as_null=True))
    withdrawn: Mapped[int | None]


class MappingRow(Base):
    """What a city's code means: one shared character, true in releases since <= n < until.

    Pending while `since` is null; `ended` names the decision that ends a live row at the next release,
    `superseded` the one that took the place of a row that was never published: its own where that was withdrawn.
    """

    __tablename__ = "mappings"
    __table_args__ = (
        CheckConstraint("since < until", name="interval"),
        *one_of_each("meaning", replaced="superseded"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), index=True)
    relationship: Mapped[str]
    decision_id: Mapped[int] = mapped_column(ForeignKey("decisions.id"))
    ended: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    superseded: Mapped[int | None] = mapped_column(ForeignKey("decisions.id"))
    since: Mapped[int | None]
    until: Mapped[int | None]


class Allocation(Base):
    """A code point given to a shared character in one export scope; never changed, never reused."""

    __tablename__ = "allocations"
    __table_args__ = (UniqueConstraint("scope", "code_point"),)

    scope: Mapped[str] = mapped_column(primary_key=True)
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"), primary_key=True)
    code_point: Mapped[int]
    serial: Mapped[int]


# --- identification by shape


class Identification(Base):
    """Which reference glyphs one glyph is most like (同定候補): measured, derived, no part of what a replay rebuilds.

    edition: that of the features and of the index. ranking: the best, each name, score, likeness, residue, spot, size.
    findings: why there is no ranking (`blank`).
    """

    __tablename__ = "identifications"

    glyph: Mapped[str] = mapped_column(ForeignKey("glyphs.sha256"), primary_key=True)
    edition: Mapped[str] = mapped_column(primary_key=True)
    ranking: Mapped[list[Json]]
    findings: Mapped[list[str]]


class IdentificationNote(Base):
    """A person looked at a meaning's glyph and found no reference character that fits (該当なし).

    It holds while the meaning has this glyph and nothing is decided. edition: of the measurement that was looked at;
    withdrawn: the serial of the act that took it back.
    """

    __tablename__ = "identification_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    meaning_id: Mapped[int] = mapped_column(ForeignKey("meanings.id"), index=True)
    glyph: Mapped[str] = mapped_column(ForeignKey("glyphs.sha256"))
    edition: Mapped[str]
    actor: Mapped[str]
    at: Mapped[str] = mapped_column(String(27))
    serial: Mapped[int]
    withdrawn: Mapped[int | None]


# --- releases and where they are in use


class Release(Base):
    """A release (版): its manifest names everything it pins; its digest is over semantic rows."""

    __tablename__ = "releases"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    manifest: Mapped[Json]
    published_at: Mapped[str] = mapped_column(String(27))
    published_by: Mapped[str]
    serial: Mapped[int]


class Site(Base):
    """A place that runs a release (適用先): a member, one of its systems, a CS server, terminals, a print job.

    member: whose it is, null where it belongs to several. options: of a server, its area, `{"area": "E000-F8FF"}`.
    """

    __tablename__ = "sites"
    __table_args__ = (
        CheckConstraint(
            "kind IN ('member', 'system', 'server', 'terminals', 'print')", name="kind"
        ),
        UniqueConstraint("kind", "name"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    name: Mapped[str]
    member: Mapped[str | None] = mapped_column(ForeignKey("members.code"), index=True)
    options: Mapped[Json]
    serial: Mapped[int]

    @property
    def address(self) -> str:
        """Its public name, e.g. server:cs1."""
        return f"{self.kind}:{self.name}"


class SiteSet(Base):
    """A code set that a site shows."""

    __tablename__ = "site_sets"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    code_set_id: Mapped[int] = mapped_column(ForeignKey("code_sets.id"), primary_key=True)


class Adoption(Base):
    """From which day a site runs which release (適用); corrected by a new row, never changed.

    font: sha256 of the font handed to its terminals, where one was.
    """

    __tablename__ = "adoptions"
    __table_args__ = (
        Index("one_adoption", "site_id", "from_day", unique=True, **only_where("replaced IS NULL")),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    release: Mapped[int] = mapped_column(ForeignKey("releases.number"))
    from_day: Mapped[date] = mapped_column(Date)
    font: Mapped[str | None] = mapped_column(String(64))
    ground: Mapped[str | None]
    actor: Mapped[str]
    at: Mapped[str] = mapped_column(String(27))
    serial: Mapped[int]
    replaced: Mapped[int | None]


# --- shared CS servers


class CutoverPlan(Base):
    """A plan for moving members to a shared CS server (移行計画); rows: the blob of its rows, one per local code."""

    __tablename__ = "cutover_plans"
    __table_args__ = (UniqueConstraint("site_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    number: Mapped[int]
    release: Mapped[int] = mapped_column(ForeignKey("releases.number"))
    members: Mapped[list[str]]
    code_sets: Mapped[list[str]]
    as_of: Mapped[date] = mapped_column(Date)
    manifest: Mapped[Json]
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[str] = mapped_column(ForeignKey("blobs.sha256"))
    at: Mapped[str] = mapped_column(String(27))
    actor: Mapped[str]
    serial: Mapped[int]


class CutoverRule(Base):
    """Which local code an ambiguous character comes back as from a server; code null: none, one way accepted."""

    __tablename__ = "cutover_rules"
    __table_args__ = (
        Index(
            "one_rule",
            "site_id",
            "code_set_id",
            "character",
            unique=True,
            **only_where("replaced IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"))
    code_set_id: Mapped[int] = mapped_column(ForeignKey("code_sets.id"))
    character: Mapped[str] = mapped_column(ForeignKey("characters.id"))
    code: Mapped[bytes | None]
    ground: Mapped[str]
    actor: Mapped[str]
    at: Mapped[str] = mapped_column(String(27))
    serial: Mapped[int]
    replaced: Mapped[int | None]


class CutoverMove(Base):
    """A member that has moved to a server, by which plan and on which day: its rows do not change any more."""

    __tablename__ = "cutover_moves"

    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id"), primary_key=True)
    member: Mapped[str] = mapped_column(ForeignKey("members.code"), primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("cutover_plans.id"))
    day: Mapped[date] = mapped_column(Date)
    actor: Mapped[str]
    at: Mapped[str] = mapped_column(String(27))
    serial: Mapped[int]


# --- principals


class Principal(Base):
    """Who may act: a person, a machine or the operator, with a role and the members it may act for."""

    __tablename__ = "principals"

    name: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    members: Mapped[list[str]]
    serial: Mapped[int]


class ApiKey(Base):
    """An API key: sha256 of 256 random bits; the key itself is shown once and kept nowhere."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(String(12), primary_key=True)
    principal: Mapped[str] = mapped_column(ForeignKey("principals.name"))
    sha256: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[str] = mapped_column(String(27))
    expires_at: Mapped[str | None] = mapped_column(String(27))
    revoked: Mapped[int | None]


class IdempotencyKey(Base):
    """The answer given to a POST that created something, to be given again for the same key."""

    __tablename__ = "idempotency_keys"

    principal: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[Json]
    at: Mapped[str] = mapped_column(String(27))


# --- long work


class Job(Base):
    """Long work (ジョブ) for one member: who asked, how far it is, and which files it keeps.

    It waits, or is held by a worker until `lease_until`; from then on any worker may take it up. `version`
    grows with every change. `bytes_done` and `bytes_total` count what its kind works on, glyphs for one. `files`: name
    to bytes and sha256 of what lies in the job's folder; the files themselves, which may hold residents' names, are
    never in the database. Times are UTC, as text.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        CheckConstraint(
            "state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'expired')", name="state"
        ),
        Index("waiting_jobs", "lease_until", **only_where("state IN ('queued', 'running')")),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str]
    member: Mapped[str] = mapped_column(ForeignKey("members.code"), index=True)
    principal: Mapped[str]
    state: Mapped[str] = mapped_column(String(9))
    parameters: Mapped[Json]
    bytes_done: Mapped[int] = mapped_column(BigInteger)
    bytes_total: Mapped[int] = mapped_column(BigInteger)
    attempt: Mapped[int]
    worker: Mapped[str | None] = mapped_column(String(32))
    lease_until: Mapped[str] = mapped_column(String(27))
    cancelling: Mapped[bool]
    created_at: Mapped[str] = mapped_column(String(27))
    started_at: Mapped[str | None] = mapped_column(String(27))
    finished_at: Mapped[str | None] = mapped_column(String(27))
    expires_at: Mapped[str] = mapped_column(String(27), index=True)
    error: Mapped[Json | None]
    files: Mapped[Json]
    stored_bytes: Mapped[int] = mapped_column(BigInteger)
    version: Mapped[int]
