"""What is a member's own in the registry (構成市自身のもの): its acts, the files it handed in, its glyphs and list."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.registry.characters import coming
from gaiji.registry.tables import (
    Blob,
    CodeSet,
    Entry,
    GlyphSource,
    GlyphUse,
    Import,
    Json,
    LocalCode,
    Meaning,
    Release,
    Span,
)


@dataclass(frozen=True)
class HandedIn:
    """A file as a city handed it in (受け入れた原本): the act it came with, its role and its sha256."""

    serial: int
    role: str
    name: str
    sha256: str


@dataclass(frozen=True)
class OwnGlyph:
    """The glyph of one meaning of a code (市の字形), with who supplied it and by what right."""

    code: bytes
    first_day: date
    sha256: str
    sources: tuple[Json, ...]


@dataclass(frozen=True)
class ListedMeaning:
    """One meaning of a code with what the city's own list says of it (市の一覧の行)."""

    code: bytes
    first_day: date
    last_day: date
    listed: Json


def own_entries(session: Session, member: str) -> Iterator[tuple[int, str]]:
    """Yield serial and canonical JSON of the acts about a member, its code sets and sites (市自身の履歴), in order.

    What concerns all, such as a release, is none of them: it names the others too.
    """
    about = re.compile(rf"(?:^|[:/]){member}(?:/|$)")
    query = (
        select(Entry.serial, Entry.subject, Entry.body)
        .where(Entry.subject.contains(member))
        .order_by(Entry.serial)
    )
    for serial, subject, body in session.execute(query):
        if about.search(subject):
            yield serial, body


def named_blobs(session: Session, body: Any) -> list[tuple[str, str]]:
    """Return sha256 and media type of every kept file that an act names, wherever in it."""
    digests: list[str] = []

    def search(value: Any) -> None:
        if isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value):
            digests.append(value)
        elif isinstance(value, dict):
            for part in value.values():
                search(part)
        elif isinstance(value, list):
            for part in value:
                search(part)

    search(body)
    query = select(Blob.sha256, Blob.media_type).where(Blob.sha256.in_(set(digests)))
    return sorted((digest, kind) for digest, kind in session.execute(query))


def handed_in(session: Session, code_set: CodeSet) -> list[HandedIn]:
    """Return every file a code set's imports took in (受け入れた原本), the oldest first."""
    query = select(Import).where(Import.code_set_id == code_set.id).order_by(Import.serial)
    return [
        HandedIn(taken.serial, file["role"], file["name"], file["sha256"])
        for taken in session.scalars(query)
        for file in taken.files
    ]


def own_glyphs(session: Session, code_set: CodeSet) -> list[OwnGlyph]:
    """Return the glyphs of a code set as they hold now (市の字形), by code and day.

    Sources are those the code set handed in itself: another city may have handed in the very same glyph or file.
    """
    query = (
        select(LocalCode.code, Meaning.valid_from, GlyphUse.glyph)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & coming(GlyphUse))
        .where(LocalCode.code_set_id == code_set.id)
        .order_by(LocalCode.code, Meaning.valid_from)
    )
    rows = [(code, day, glyph) for code, day, glyph in session.execute(query)]
    sources: dict[str, list[Json]] = {}
    for one in session.scalars(
        select(GlyphSource).where(GlyphSource.code_set_id == code_set.id).order_by(GlyphSource.blob)
    ):
        told = {
            "file": one.blob,
            "supplier": one.supplier,
            "rights": one.rights,
            "scope": one.scope,
            "licence": one.licence,
        }
        sources.setdefault(one.glyph, []).append(told)
    return [OwnGlyph(code, day, glyph, tuple(sources.get(glyph, ()))) for code, day, glyph in rows]


def listed_meanings(session: Session, code_set: CodeSet) -> list[ListedMeaning]:
    """Return every meaning of a code set with what the city's list says (市の一覧), by code and day."""
    query = (
        select(LocalCode.code, Meaning.valid_from, Span.valid_to, Meaning.listed)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(Span, (Span.meaning_id == Meaning.id) & coming(Span))
        .where(LocalCode.code_set_id == code_set.id)
        .order_by(LocalCode.code, Meaning.valid_from)
    )
    rows = session.execute(query)
    return [ListedMeaning(code, first, last, said) for code, first, last, said in rows]


def own_part(release: Release, member: str) -> Json:
    """Return what a release says of a member alone (版のうち市の部分)."""
    sets = release.manifest["code_sets"]
    return {
        "number": release.number,
        "digest": release.digest,
        "published_at": release.published_at,
        "code_sets": {
            address: part for address, part in sets.items() if address.startswith(f"{member}/")
        },
    }
