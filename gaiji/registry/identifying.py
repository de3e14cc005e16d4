"""Identifying the glyphs of a file that nobody keeps (ファイルの文字同定): a font, dots, or a scan of one glyph.

The file is read in a limited child process; what came out of it is compared here, judged as one batch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import InvalidRequest, TooLarge, UnknownCode
from gaiji.glyph.families import family
from gaiji.glyph.forms import Glyph
from gaiji.glyph.sources import read_source
from gaiji.registry import identification, reference
from gaiji.registry.characters import published
from gaiji.registry.members import find_code_set
from gaiji.registry.releases import latest_number
from gaiji.registry.reviewing import candidate_shapes
from gaiji.registry.tables import LocalCode, MappingRow, Meaning
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from gaiji.wire.identification import Group, IdentificationShape, IdentifiedShape

if TYPE_CHECKING:
    from gaiji.glyph.gallery import Gallery

AT_MOST = 200
"""Glyphs of one request: two seconds of one core."""
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*")
NAMESPACES = {"MJ": "MJ", "GJ": "GJ", "standard": "U+"}
"""What candidates may be chosen among, and how their names begin."""


def identify_file(
    session: Session,
    settings: Settings,
    data: bytes,
    file_name: str,
    *,
    code: str | None = None,
    among: Sequence[str] = (),
    limit: int = 10,
    dots: int | None = None,
    at_most: int | None = AT_MOST,
) -> IdentifiedShape:
    """Return what the glyphs of a file may be (ファイルの文字同定); nothing is kept.

    code: one glyph of the file, as the file has it: U+E000, F040, 0x5D0E, #12. among: MJ, GJ, standard, or code sets
    whose characters of the latest release alone are candidates. limit: candidates of each glyph. dots: side of raw dot
    patterns. Raises BadFont, BadPicture, HostileFile, UnknownCode, UnknownCodeSet, InvalidRequest, NoPicture,
    BadReference, and TooLarge for more than `at_most` glyphs (None: any number).
    """
    gallery = identification.gallery_in_use(settings)
    glyphs, findings = _read(settings, data, file_name, dots)
    if code is not None:
        wanted = _written(code)
        glyphs = [one for one in glyphs if _written(one[0]) == wanted]
        if not glyphs:
            raise UnknownCode(
                f"ファイルに {code[:20]} の字形はありません。U+E000 や F040 のように書いてください。",
                f"The file has no glyph {code[:20]}; write it as the file has it, like U+E000 or F040.",
            )
    if at_most is not None and len(glyphs) > at_most:
        raise TooLarge(
            f"字形が {len(glyphs):,} 個あります。1回に {at_most} 個までです。外字セットに受け入れ、同定のジョブ "
            "(POST …/identifications) で調べてください。",
            f"The file has {len(glyphs):,} glyphs, at most {at_most} are identified at once; take it into a code set "
            "and let a job do it (POST …/identifications).",
            limit=at_most,
        )
    gallery = _chosen(session, gallery, among)
    items = _identified(session, gallery, glyphs, limit)
    return IdentifiedShape(
        items=items,
        edition=identification.edition_of(gallery),
        findings=[finding.shape() for finding in findings],
    )


def _read(
    settings: Settings, data: bytes, file_name: str, dots: int | None
) -> tuple[list[tuple[str, Glyph]], Sequence[Finding]]:
    """Return the glyphs of a file with what they are called there."""
    if data.startswith(PICTURES):
        from gaiji.glyph.scans import read_scan

        scan = read_scan(data, file_name, settings=settings)
        return [("#0", scan.glyph)], scan.findings
    source = read_source(data, file_name, settings=settings, dots=dots)
    return [(one.subject, one.glyph) for one in source.glyphs], source.findings


def _written(code: str) -> str:
    return re.sub(r"^(U\+|0X)", "", code.strip().upper())


def _chosen(session: Session, gallery: Gallery, among: Sequence[str]) -> Gallery:
    """Return the gallery of the characters to choose among. Raises UnknownCodeSet, InvalidRequest."""
    if not among:
        return gallery
    begin = tuple(NAMESPACES[name] for name in among if name in NAMESPACES)
    named: set[str] = set()
    number = latest_number(session)
    for name in among:
        if name in NAMESPACES:
            continue
        if "/" not in name:
            raise InvalidRequest(
                f"among の {name[:40]} は使えません。MJ・GJ・standard か外字セット (252085/zei) にしてください。",
                f"among cannot be {name[:40]}; take MJ, GJ, standard, or code sets such as 252085/zei.",
                parameter="among",
            )
        query = (
            select(MappingRow.character)
            .join(Meaning, Meaning.id == MappingRow.meaning_id)
            .join(LocalCode, LocalCode.id == Meaning.local_code_id)
            .where(
                LocalCode.code_set_id == find_code_set(session, name).id,
                published(MappingRow, number),
            )
        )
        named |= set(session.scalars(query))
    others = [name for name in gallery.names if name not in named and not name.startswith(begin)]
    return gallery.without(others)


def _identified(
    session: Session, gallery: Gallery, glyphs: Sequence[tuple[str, Glyph]], limit: int
) -> list[IdentificationShape]:
    from gaiji.glyph.likeness import rank
    from gaiji.glyph.shapes import shape
    from gaiji.glyph.verdict import judge

    found = [shape(glyph) for _, glyph in glyphs]
    rankings = iter(rank(gallery, [one for one in found if one is not None]))
    ranked = [next(rankings) if one is not None else () for one in found]
    judged = iter(judge([ranking for ranking in ranked if ranking], family))
    judgements = [next(judged) if ranking else None for ranking in ranked]
    names = {one.name for it in judgements if it for one in it.candidates[:limit]}
    known = reference.shapes(session, names)
    items = []
    for (code, _), ink, judgement in zip(glyphs, found, judgements, strict=True):
        group: Group = "blank" if ink is None else judgement.group if judgement else "none"
        items.append(
            IdentificationShape(
                code=code,
                verdict=judgement.verdict if judgement else "absent",
                probability=judgement.probability if judgement else 1.0,
                group=group,
                margin=judgement.margin if judgement else None,
                candidates=candidate_shapes(judgement, known, None)[:limit],
                siblings=list(judgement.siblings) if judgement else [],
            )
        )
    return items
