"""The review of a code set's glyphs: verdicts, what the city's list says to them, what others decided (同定の審査一覧).

All measured glyphs of a code set are judged as one batch, those of decided codes too: a city's font has one hand. The
judgement is of shape alone; what the city's list says stands beside it and never goes into the probability.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.charset.charsets import Charset
from gaiji.charset.coding import coding
from gaiji.charset.standard import x0208_repertoire, x0213_names
from gaiji.glyph.families import family
from gaiji.registry import identification, reference
from gaiji.registry.characters import Meant, coming, published
from gaiji.registry.db import chunks
from gaiji.registry.gaps import Standing, standings
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.reference.content import hiragana
from gaiji.registry.tables import (
    CodeSet,
    Decision,
    GlyphUse,
    IdentificationNote,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Release,
)
from gaiji.registry.usage import uses_of
from gaiji.wire.identification import (
    CandidateShape,
    Group,
    ReviewCandidateShape,
    ReviewShape,
    SisterShape,
    StandardShape,
    StandingShape,
)
from gaiji.wire.nouns import CharacterShape

if TYPE_CHECKING:
    from gaiji.glyph.likeness import Ranking
    from gaiji.glyph.verdict import Judgement

GROUPS: tuple[Group, ...] = ("certain", "look", "none", "not-measured", "blank", "no-glyph")
NUMBERS = ("mj-name", "koseki", "touki", "ivs", "vendor-code", "ucs", "x0213", "juki", "cs-table")
LIKELY = frozenset({"same", "design-difference"})

Sees = Callable[[str], bool]
"""Whether the caller may see a member's state of work."""


@dataclass(frozen=True)
class Reviewed:
    """One code of a review (同定を待つ外字一字); judgement None: not measured, blank or without glyph."""

    code: bytes
    glyph: str | None
    uses: int | None
    group: Group
    judgement: Judgement | None
    meant: Meant
    note: IdentificationNote | None
    duplicates: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether nothing was decided, nor noted that nothing fits."""
        return self.meant.character is None and self.note is None

    @property
    def order(self) -> tuple[int, bytes]:
        """What a review is sorted by: the most used first, then by code."""
        return -(self.uses or 0), self.code


@dataclass(frozen=True)
class Review:
    """A code set's glyphs with what is said of them (同定一覧), the most used first."""

    code_set: CodeSet
    edition: str
    rows: tuple[Reviewed, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many codes wait, by group."""
        found = Counter(row.group for row in self.rows if row.waits)
        return {group: found[group] for group in GROUPS}

    @property
    def decided(self) -> int:
        """How many codes wait no more."""
        return sum(not row.waits for row in self.rows)

    def of(self, codes: Collection[bytes]) -> list[Reviewed]:
        """Return the rows of some codes."""
        return [row for row in self.rows if row.code in codes]


def review(session: Session, address: str, edition: str) -> Review:
    """Return the review of a code set (同定一覧). Raises UnknownCodeSet.

    edition: of the measurements that count; glyphs without one are `not-measured`.
    """
    code_set = find_code_set(session, address)
    found = identification.now_meant(session, code_set)
    with_glyph = defaultdict[str, list[str]](list)
    for meant in found:
        if meant.glyph is not None:
            with_glyph[meant.glyph].append(meant.code.hex().upper())
    measured = identification.measurements(session, edition, with_glyph)
    inked = {glyph: ranking for glyph, ranking in measured.items() if ranking is not None}
    judgements = _judged(edition, inked)
    notes = _notes(session, code_set)
    uses = uses_of(session, code_set.id, [meant.code for meant in found])
    rows = []
    for meant in found:
        code, judgement = meant.code.hex().upper(), judgements.get(meant.glyph or "")
        note = notes.get(meant.code)
        fits = note is not None and note.glyph == meant.glyph and meant.character is None
        rows.append(
            Reviewed(
                code=meant.code,
                glyph=meant.glyph,
                uses=uses.get(meant.code),
                group=_group(meant.glyph, measured, judgement),
                judgement=judgement,
                meant=meant,
                note=note if fits else None,
                duplicates=tuple(other for other in with_glyph[meant.glyph or ""] if other != code),
            )
        )
    return Review(code_set, edition, tuple(sorted(rows, key=lambda row: row.order)))


def _group(
    glyph: str | None, measured: dict[str, Ranking | None], judgement: Judgement | None
) -> Group:
    if glyph is None:
        return "no-glyph"
    if glyph not in measured:
        return "not-measured"
    return judgement.group if judgement is not None else "blank"


def _judged(edition: str, rankings: dict[str, Ranking]) -> dict[str, Judgement]:
    """Judge a batch, in the order of the digests so that the same glyphs give the same answer."""
    order = tuple(sorted(rankings))
    key = edition, order
    if key not in _JUDGED:
        from gaiji.glyph.verdict import judge

        while len(_JUDGED) >= BATCHES_KEPT:
            _JUDGED.pop(next(iter(_JUDGED)), None)
        said = judge([rankings[glyph] for glyph in order], family) if order else []
        _JUDGED[key] = dict(zip(order, said, strict=True))
    return _JUDGED[key]


BATCHES_KEPT = 16
_JUDGED: dict[tuple[str, tuple[str, ...]], dict[str, Judgement]] = {}
"""By edition and glyphs, which say all: right for any database."""


def _notes(session: Session, code_set: CodeSet) -> dict[bytes, IdentificationNote]:
    """Return the last note about each code that nobody took back."""
    query = (
        select(LocalCode.code, IdentificationNote)
        .join(Meaning, Meaning.id == IdentificationNote.meaning_id)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id == code_set.id, IdentificationNote.withdrawn.is_(None))
        .order_by(IdentificationNote.serial)
    )
    return {code: note for code, note in session.execute(query)}


# --- as JSON


def shapes(session: Session, found: Review, rows: list[Reviewed], sees: Sees) -> list[ReviewShape]:
    """Return rows of a review as JSON has them (同定一覧の形).

    sees: whose undecided work may be told of beside what the latest release has.
    """
    names = {one.name for row in rows if row.judgement for one in row.judgement.candidates}
    known = reference.shapes(session, names)
    charset = charset_of(session, found.code_set)
    listed = {
        one.code: one for one in standings(session, [found.code_set], None)
    }  # of several meanings the last
    sisters = _sisters(session, found.code_set, {row.glyph for row in rows if row.glyph}, sees)
    decided = _decisions(session, found.code_set)
    return [
        _shape(row, known, charset, listed.get(row.code), sisters, decided.get(row.code))
        for row in rows
    ]


def _shape(
    row: Reviewed,
    known: dict[str, CharacterShape],
    charset: Charset,
    said: Standing | None,
    sisters: dict[str, list[SisterShape]],
    decision: Decision | None,
) -> ReviewShape:
    judgement, meant = row.judgement, row.meant
    listed: Json = said.listed if said else {}
    refused = {one.character for one in said.proposals if one.refused} if said else set()
    candidates = [
        ReviewCandidateShape(
            **one.model_dump(),
            agrees=agreement(known.get(one.id), one.id, said),
            refused=one.id in refused,
        )
        for one in candidate_shapes(judgement, known, charset)
    ]
    first = candidates[0] if candidates else None
    return ReviewShape(
        code=row.code.hex().upper(),
        verdict=judgement.verdict if judgement else None,
        probability=judgement.probability if judgement else None,
        group=row.group,
        margin=judgement.margin if judgement else None,
        candidates=candidates,
        siblings=list(judgement.siblings) if judgement else [],
        glyph=row.glyph,
        uses=row.uses,
        valid_from=meant.row()["from"],
        said=listed,
        agrees=all(first.agrees.values()) if first and first.agrees else None,
        gaiji=first.standard if first and first.verdict in LIKELY else None,
        duplicates=list(row.duplicates),
        sisters=sisters.get(row.glyph or "", []),
        standing=_standing(row, decision),
    )


def candidate_shapes(
    judgement: Judgement | None, known: dict[str, CharacterShape], charset: Charset | None
) -> list[CandidateShape]:
    """Return the candidates of a judgement with what the reference set knows of them (同定候補の形)."""
    shapes = []
    for one in judgement.candidates if judgement else ():
        character = known.get(one.name)
        text = character.text if character else _standard_text(one.name)
        shapes.append(
            CandidateShape(
                id=one.name,
                ucs=character.ucs if character else one.name if text else None,
                score=one.score,
                probability=one.probability,
                verdict=one.verdict,
                family=family(one.name),
                text=text,
                ivs=character.ivs if character else None,
                strokes=character.strokes if character else None,
                readings=character.readings if character else [],
                standard=standard_place(text, charset),
            )
        )
    return shapes


def _standard_text(name: str) -> str | None:
    """Return the character that a shape of the reference font is of, where its code point is its name."""
    return chr(int(name[2:], 16)) if name.startswith("U+") else None


def standard_place(text: str | None, charset: Charset | None) -> StandardShape | None:
    """Return where a character has a place of its own without gaiji (標準領域の文字), None where it has none.

    text: its own code point, or its variation sequence, which has no place of its own in any charset.
    """
    if text is None or len(text) != 1:
        return None
    jis = "x0208" if text in x0208_repertoire() else "x0213" if text in x0213_names() else None
    code = standard_writing(charset).get(text) if charset is not None else None
    if jis is None and code is None:
        return None
    return StandardShape(
        jis=jis, point=x0213_names().get(text), code=code.hex().upper() if code else None
    )


@lru_cache(maxsize=32)
def standard_writing(charset: Charset) -> dict[str, bytes]:
    """Return the codes of the standard area of a byte charset by text; of a Unicode charset none, it has all."""
    if charset.is_unicode:
        return {}
    modes = reversed(coding(charset).modes)
    return {text: code for mode in modes for text, code in mode.writing.items()}


def agreement(character: CharacterShape | None, id: str, said: Standing | None) -> dict[str, bool]:
    """Return what of a city's own list agrees with a candidate and what contradicts it (一覧表との照合)."""
    if said is None:
        return {}
    found: dict[str, bool] = {}
    named = defaultdict[str, set[str]](set)
    for proposal in said.proposals:
        named[proposal.how].add(proposal.character)
    listed = said.listed
    if character is not None:
        if listed.get("strokes") and character.strokes is not None:
            found["strokes"] = listed["strokes"] == character.strokes
        if listed.get("radical") and character.radicals:
            found["radical"] = listed["radical"] in character.radicals
        if listed.get("readings") and character.readings:
            theirs = {hiragana(reading) for reading in character.readings}
            found["readings"] = not theirs.isdisjoint(map(hiragana, listed["readings"]))
    return found | {how: id in named[how] for how in NUMBERS if how in named}


def _standing(row: Reviewed, decision: Decision | None) -> StandingShape | None:
    if row.note is not None:
        note = row.note
        return StandingShape(
            character=None,
            relationship=None,
            how="shape",
            actor=note.actor,
            at=note.at,
            pending=False,
        )
    if row.meant.character is None or decision is None:
        return None
    return StandingShape(
        character=row.meant.character,
        relationship=row.meant.relationship,
        how=decision.how,
        actor=decision.actor,
        at=decision.at,
        pending=row.meant.since is None,
    )


def _decisions(session: Session, code_set: CodeSet) -> dict[bytes, Decision]:
    """Return the decision that stands for each code."""
    query = (
        select(LocalCode.code, Decision)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(MappingRow, (MappingRow.meaning_id == Meaning.id) & coming(MappingRow))
        .join(Decision, Decision.id == MappingRow.decision_id)
        .where(LocalCode.code_set_id == code_set.id)
        .order_by(LocalCode.code, Meaning.valid_from)
    )
    return {code: decision for code, decision in session.execute(query)}


# --- other code sets


def _sisters(
    session: Session, code_set: CodeSet, glyphs: Iterable[str], sees: Sees
) -> dict[str, list[SisterShape]]:
    """Return the codes of other code sets with the very same glyphs, by glyph.

    Of members whose work the caller may not see, what the latest release has.
    """
    number = session.scalar(select(Release.number).order_by(Release.number.desc()).limit(1)) or 0
    found = defaultdict[str, list[SisterShape]](list)
    for some in chunks(sorted(set(glyphs))):
        for held in (None, number):
            glyph = coming(GlyphUse) if held is None else published(GlyphUse, held)
            mapping = coming(MappingRow) if held is None else published(MappingRow, held)
            query = (
                select(CodeSet, LocalCode.code, GlyphUse.glyph, MappingRow)
                .join(LocalCode, LocalCode.code_set_id == CodeSet.id)
                .join(Meaning, Meaning.local_code_id == LocalCode.id)
                .join(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & glyph)
                .outerjoin(MappingRow, (MappingRow.meaning_id == Meaning.id) & mapping)
                .where(GlyphUse.glyph.in_(some), CodeSet.id != code_set.id)
                .order_by(CodeSet.member, CodeSet.name, LocalCode.code, Meaning.valid_from)
            )
            for other, code, digest, row in session.execute(query):
                if sees(other.member) == (held is None):
                    found[digest].append(
                        SisterShape(
                            codeset=other.address,
                            code=code.hex().upper(),
                            character=row.character if row else None,
                            relationship=row.relationship if row else None,
                        )
                    )
    return found
