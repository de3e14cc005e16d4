"""Allocations: code points given to shared characters in one scope each (割当て). Never changed, never reused.

Scopes: `unicode`, the council's plane 15; `pua`, its area in the BMP for terminals and printers; `server:NAME`, the
area of a shared CS server. Points are given upwards from the first of the area, to ids in ascending order; a later
character never fills a hole, so that no file written before can come to mean something else.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gaiji.errors import AreaFull
from gaiji.registry.journal import Act, Actor, act, effect
from gaiji.registry.tables import Allocation, Json

UNICODE, PUA = "unicode", "pua"
AREAS = {UNICODE: range(0xF0000, 0xFFFFE), PUA: range(0xE000, 0xF900)}


def server_scope(name: str) -> str:
    """Return the scope of a shared CS server's code points."""
    return f"server:{name}"


def points(session: Session, scope: str, serial: int | None = None) -> dict[str, int]:
    """Return the code point of every character in a scope, as it was up to a serial of the journal (None: now)."""
    query = select(Allocation.character, Allocation.code_point).where(Allocation.scope == scope)
    if serial is not None:
        query = query.where(Allocation.serial <= serial)
    return {character: point for character, point in session.execute(query)}


def following(
    session: Session, scope: str, characters: Iterable[str], area: range
) -> tuple[list[Json], int]:
    """Return the rows that would be given to characters without a point, and how many find no room in the area.

    Those named first come first; what is left over has no row.
    """
    known = points(session, scope)
    last = session.scalar(select(func.max(Allocation.code_point)).where(Allocation.scope == scope))
    free = range(area.start if last is None else max(area.start, last + 1), area.stop)
    wanted = [one for one in dict.fromkeys(characters) if one not in known]
    rows: list[Json] = [
        {"character": character, "code_point": point}
        for character, point in zip(wanted, free, strict=False)
    ]
    return rows, len(wanted) - len(rows)


def extend(
    session: Session, actor: Actor, scope: str, characters: Iterable[str], area: range
) -> dict[str, int]:
    """Give code points to the characters that have none yet, and return those of all characters of the scope.

    Raises AreaFull, which says how many find no room; then nothing is given.
    """
    rows, missing = following(session, scope, sorted(set(characters)), area)
    if missing:
        named, wider = f"{area.start:04X}-{area.stop - 1:04X}", ("", "")
        if scope not in AREAS:
            wider = (
                f"gaiji site widen {scope} で領域を広げるか、",
                f"widen it with gaiji site widen {scope}, or ",
            )
        raise AreaFull(
            f"{scope} の領域 {named} は {missing:,} 字分足りません。{wider[0]}縮退などで文字を減らしてください。",
            f"The area {named} of {scope} is {missing:,} code points short; {wider[1]}have fewer characters that need "
            "one.",
            missing=missing,
        )
    if rows:
        act(session, actor, "allocation.extend", scope, {"rows": rows})
    return points(session, scope)


def put(session: Session, scope: str, rows: Iterable[Json], serial: int) -> None:
    """Write rows of an act; for effects alone."""
    session.add_all(Allocation(scope=scope, serial=serial, **row) for row in rows)


@effect("allocation.extend")
def _extended(session: Session, act: Act) -> None:
    put(session, act.subject, act.after["rows"], act.serial)
