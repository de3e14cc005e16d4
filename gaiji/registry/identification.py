"""Measuring glyphs against the reference set, and what is kept of it (同定の測定).

A measurement is of one glyph by one edition: of the features and of the index of reference shapes. It is kept as long
as that edition is the one in use. What it means is judged when it is read, by gaiji.registry.reviewing, for a whole
code set at once. Measurements are derived: the journal knows nothing of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from gaiji.errors import NoPicture, StaleVersion
from gaiji.glyph.forms import parse_canonical
from gaiji.registry.characters import Meant, meanings
from gaiji.registry.db import Engine, chunks, reading, writing
from gaiji.registry.gaps import glyph_forms
from gaiji.registry.members import find_code_set
from gaiji.registry.tables import CodeSet, Identification, Json
from gaiji.settings import Settings

if TYPE_CHECKING:  # numpy is imported where shapes are, and nowhere before
    from gaiji.glyph.gallery import Gallery
    from gaiji.glyph.likeness import Ranking

CHUNK = 64
"""Glyphs measured at once: half a second."""
BLANK = "blank"

Progress = Callable[[int], None]


def edition_of(gallery: Gallery) -> str:
    """Return the edition that measurements by a gallery are kept under (測定の版)."""
    from gaiji.glyph.features import edition

    return f"{edition()}/{gallery.digest}"


def gallery_in_use(settings: Settings) -> Gallery:
    """Return the index of reference shapes (基準字形の索引), opened once in a process.

    Raises NoPicture where there is none, BadReference where it is damaged.
    """
    from gaiji.glyph.reference_index import reference_gallery

    return reference_gallery(settings)


def edition_in_use(settings: Settings) -> str:
    """Return the edition in use. Raises NoPicture, BadReference."""
    return edition_of(gallery_in_use(settings))


def current_edition(settings: Settings, asked: str) -> Gallery:
    """Return the gallery in use, if it is of the edition asked for. Raises StaleVersion, NoPicture, BadReference."""
    gallery = gallery_in_use(settings)
    if edition_of(gallery) != asked:
        raise StaleVersion(
            "基準字形の索引が作り直されています。同定一覧を読み直してください。",
            "The index of reference shapes is another one by now; read the list again.",
        )
    return gallery


# --- which glyphs


def now_meant(session: Session, code_set: CodeSet) -> list[Meant]:
    """Return the last meaning of every code as decided now, with its glyph (現在の字形)."""
    found = {meant.code: meant for meant in meanings(session, code_set, None)}
    return [found[code] for code in sorted(found)]


def glyphs_of(session: Session, addresses: Iterable[str]) -> list[str]:
    """Return the glyphs of code sets as they are now, each once. Raises UnknownCodeSet."""
    sets = [find_code_set(session, address) for address in addresses]
    every = (meant.glyph for one in sets for meant in now_meant(session, one))
    return list(dict.fromkeys(glyph for glyph in every if glyph is not None))


def unmeasured(session: Session, edition: str, digests: Iterable[str]) -> list[str]:
    """Return the glyphs that have no measurement of an edition, in their order."""
    wanted = list(dict.fromkeys(digests))
    known: set[str] = set()
    for some in chunks(wanted):
        query = select(Identification.glyph).where(
            Identification.edition == edition, Identification.glyph.in_(some)
        )
        known |= set(session.scalars(query))
    return [digest for digest in wanted if digest not in known]


# --- measuring


def ranked(gallery: Gallery, forms: dict[str, bytes]) -> list[Json]:
    """Return what is kept of glyphs, given in their canonical forms (字形の測定)."""
    from gaiji.glyph.likeness import rank
    from gaiji.glyph.shapes import shape

    shapes = {digest: shape(parse_canonical(form)) for digest, form in forms.items()}
    inked = {digest: found for digest, found in shapes.items() if found is not None}
    rankings = dict(zip(inked, rank(gallery, list(inked.values())), strict=True))
    return [
        {
            "glyph": digest,
            "ranking": [_rounded(asdict(one)) for one in rankings.get(digest, ())],
            "findings": [] if digest in inked else [BLANK],
        }
        for digest in forms
    ]


def _rounded(row: Json) -> Json:
    return {
        name: round(value, 6) if isinstance(value, float) else value for name, value in row.items()
    }


def keep(session: Session, edition: str, rows: Sequence[Json]) -> None:
    """Keep measurements; those that somebody else made meanwhile stay."""
    new = set(unmeasured(session, edition, [row["glyph"] for row in rows]))
    fresh = [row | {"edition": edition} for row in rows if row["glyph"] in new]
    if fresh:
        session.execute(insert(Identification), fresh)


def measure(
    session: Session,
    gallery: Gallery,
    digests: Iterable[str],
    progress: Progress = lambda done: None,
) -> int:
    """Measure the glyphs that have no measurement yet, and return how many (字形の測定).

    progress: gets how many of `digests` are measured.
    """
    wanted = list(dict.fromkeys(digests))
    edition = edition_of(gallery)
    missing = unmeasured(session, edition, wanted)
    done = len(wanted) - len(missing)
    for some in chunks(missing, CHUNK):
        progress(done)
        keep(session, edition, ranked(gallery, glyph_forms(session, set(some))))
        done += len(some)
    progress(done)
    return len(missing)


def sweep(session: Session, edition: str) -> None:
    """Delete the measurements of other editions: nobody reads them any more."""
    session.execute(delete(Identification).where(Identification.edition != edition))


def measure_sets(
    engine: Engine, gallery: Gallery, addresses: Sequence[str], progress: Progress
) -> tuple[int, float]:
    """Measure code sets, a chunk at a time, each committed (全件の測定); return how many were new, and seconds.

    What is measured stays, whatever happens: begun again, this goes on where it ended. progress may raise to end it.
    """
    begun = time.monotonic()
    edition = edition_of(gallery)
    with reading(engine) as session:
        wanted = glyphs_of(session, addresses)
        missing = unmeasured(session, edition, wanted)
    done = len(wanted) - len(missing)
    progress(done)
    for some in chunks(missing, CHUNK):
        with reading(engine) as session:
            forms = glyph_forms(session, set(some))
        rows = ranked(gallery, forms)  # no writer waits while this is computed
        with writing(engine) as session:
            keep(session, edition, rows)
        done += len(some)
        progress(done)
    with writing(engine) as session:
        sweep(session, edition)
    return len(missing), time.monotonic() - begun


# --- reading


def measurements(
    session: Session, edition: str, digests: Iterable[str]
) -> dict[str, Ranking | None]:
    """Return the rankings of glyphs by digest, None for blank ones; those not measured are left out."""
    from gaiji.glyph.likeness import Likeness

    found: dict[str, Ranking | None] = {}
    for some in chunks(dict.fromkeys(digests)):
        query = select(Identification).where(
            Identification.edition == edition, Identification.glyph.in_(some)
        )
        for row in session.scalars(query):
            ranking = tuple(Likeness(**one) for one in row.ranking)
            found[row.glyph] = None if BLANK in row.findings else ranking
    return found


def nothing_to_measure(address: str) -> NoPicture:
    """Return the error of code sets without any glyph."""
    return NoPicture(
        f"{address} には字形が届いていません。フォントを受け入れてください。",
        f"No glyph of {address} was handed in; take in the city's font.",
    )
