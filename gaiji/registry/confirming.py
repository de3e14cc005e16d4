"""Confirming by shape: a person looked at glyphs and says what they are (一括確認). Never a policy, and never alone.

What is confirmed is held against the review that the person saw: the same edition, the same glyph, a candidate of it,
nothing decided meanwhile. So the evidence that is kept is the registry's own and nobody else's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import BadInput, StaleVersion, Undecidable, UnknownCode
from gaiji.registry import decisions
from gaiji.registry.db import chunks
from gaiji.registry.journal import Act, Actor, act, effect, get_rows, put_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.reviewing import Review, Reviewed, review
from gaiji.registry.tables import CodeSet, GlyphSource, IdentificationNote, Json
from gaiji.wire.identification import ConfirmationItem

HOW = "shape"


@dataclass(frozen=True)
class Confirmed:
    """What was confirmed: codes decided, and codes for which no reference character fits."""

    count: int
    none: int


def confirm(
    session: Session,
    actor: Actor,
    address: str,
    edition: str,
    items: Sequence[ConfirmationItem],
) -> Confirmed:
    """Record what a person confirms about codes of a code set (一括確認), all or nothing.

    edition: of the review that was looked at, the one in use. Decisions are one entry of the journal, and so is what
    has no reference character. Raises UnknownCode, UnknownCharacter, BadName, Undecidable, and StaleVersion where the
    glyph, its measurement or what stands changed since the person looked.
    """
    code_set = find_code_set(session, address)
    charset = charset_of(session, code_set)
    found = review(session, address, edition)
    codes = [charset.parse_code(item.code) for item in items]
    _refuse_twice(codes)
    rows = {row.code: row for row in found.of(set(codes))}
    fonts = _fonts(session, code_set, [item.glyph for item in items])
    made: list[Json] = []
    none: list[Json] = []
    for code, item in zip(codes, items, strict=True):
        row = rows.get(code)
        if row is None:
            raise UnknownCode(
                f"外字コード {address}/{item.code.upper()} は登録されていません。先に受け入れてください。",
                f"Local code {address}/{item.code.upper()} is not registered; take it in first.",
            )
        _check_unchanged(address, row, item)
        if item.character is None:
            none.append(_key(row) | {"glyph": item.glyph, "edition": edition})
            continue
        ground = decisions.checked_ground(item.character, item.relationship, item.ground)
        decisions.check_character(session, item.character)
        decision = {
            "character": item.character,
            "relationship": item.relationship,
            "how": HOW,
            "ground": ground,
            "evidence": _evidence(found, row, item.character, fonts.get(item.glyph)),
        }
        made.append(_key(row) | decision)
    if made:
        decisions.record(session, actor, address, made, None)
    if none:
        after = {"count": len(none), "rows": put_rows(session, none)}
        act(session, actor, "identify.none", address, after)
    return Confirmed(len(made), len(none))


def _refuse_twice(codes: Iterable[bytes]) -> None:
    twice = [code.hex().upper() for code, count in Counter(codes).items() if count > 1]
    if twice:
        raise BadInput(
            f"コード {'・'.join(twice[:10])} が2回あります。1回だけにしてください。",
            f"Code {', '.join(twice[:10])} stands there twice; name it once.",
        )


def _key(row: Reviewed) -> Json:
    return {"code": row.code.hex().upper(), "from": row.meant.valid_from.isoformat()}


def _check_unchanged(address: str, row: Reviewed, item: ConfirmationItem) -> None:
    """Raise StaleVersion unless a code is what the person saw."""
    subject = f"{address}/{row.code.hex().upper()}"
    if row.glyph != item.glyph:
        raise StaleVersion(
            f"{subject} の字形が変わっています。同定一覧を読み直して、もう一度見てください。",
            f"The glyph of {subject} is another one by now; read the list again and look once more.",
        )
    if row.meant.character is not None:
        raise StaleVersion(
            f"{subject} は先に {row.meant.character} と決まっています。変えるには、取り消すか決定し直してください。",
            f"{subject} was decided as {row.meant.character} meanwhile; to change it take that back, or decide anew.",
        )
    if row.note is not None and item.character is None:
        raise StaleVersion(
            f"{subject} は先に該当なしと記録されています。",
            f"That no character fits {subject} was noted meanwhile.",
        )


def _evidence(found: Review, row: Reviewed, character: str, font: str | None) -> Json:
    """Return what a confirmation rests on. Raises Undecidable for what is no candidate."""
    judgement = row.judgement
    candidates = judgement.candidates if judgement else ()
    for place, one in enumerate(candidates, 1):
        if one.name == character and judgement is not None:
            features, _, index = found.edition.partition("/")
            return {
                "how": HOW,
                "score": round(one.score, 6),
                "margin": round(judgement.margin, 6),
                "probability": round(one.probability, 6),
                "verdict": one.verdict,
                "place": place,
                "features": features,
                "index": index,
                "font": font,
                "glyph": row.glyph,
            }
    subject = f"{found.code_set.address}/{row.code.hex().upper()}"
    raise Undecidable(
        f"{character} は {subject} の同定候補ではありません。字形によらない決定 (decisions) にしてください。",
        f"{character} is no candidate for {subject}; decide it by other evidence (decisions).",
    )


def _fonts(session: Session, code_set: CodeSet, glyphs: Iterable[str]) -> dict[str, str]:
    """Return the font that brought each glyph to a code set (of several files the last by digest)."""
    found: dict[str, str] = {}
    for some in chunks(sorted(set(glyphs))):
        query = select(GlyphSource.glyph, GlyphSource.blob).where(
            GlyphSource.code_set_id == code_set.id, GlyphSource.glyph.in_(some)
        )
        found |= {glyph: blob for glyph, blob in session.execute(query.order_by(GlyphSource.blob))}
    return found


@effect("identify.none")
def _nothing_fits(session: Session, act: Act) -> None:
    code_set = find_code_set(session, act.subject)
    for row in get_rows(session, act.after["rows"]):
        meaning = decisions.find_meaning(
            session, code_set, bytes.fromhex(row["code"]), date.fromisoformat(row["from"])
        )
        session.add(
            IdentificationNote(
                meaning_id=meaning.id,
                glyph=row["glyph"],
                edition=row["edition"],
                actor=act.actor,
                at=act.at,
                serial=act.serial,
                withdrawn=None,
            )
        )
