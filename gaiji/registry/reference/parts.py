"""Which characters contain which parts (部品), from the ideographic descriptions (IDS)."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.registry.reference.editions import current, is_list
from gaiji.registry.tables import Description, ReferenceCharacter

NOT_PARTS = {
    **dict.fromkeys(range(0x2FF0, 0x3000)),  # how parts are put together
    **dict.fromkeys(map(ord, "㇯〾？{}0123456789")),  # … and parts that have no code of their own
}
SAME_PART = dict(
    (ord(written), part)
    for forms, part in (
        *(
            ("⻌⻍⻎", "辶"),
            ("⺾⺿⻀", "艹"),
            ("⺡", "氵"),
            ("⺘", "扌"),
            ("⺅", "亻"),
            ("⺖", "忄"),
        ),
        *(("⺭", "礻"), ("⻂", "衤"), ("⺮", "𥫗"), ("⻏⻖", "阝"), ("⺨", "犭"), ("⺉", "刂")),
        *(("⺩", "王"), ("⺤", "爫"), ("⻗", "雨"), ("⻞⻟", "飠"), ("⻙", "韋"), ("⺣", "灬")),
    )
    for written in forms
)
"""Radicals that keyboards write in the block CJK Radicals Supplement, as the descriptions write them."""
_INDEX: dict[tuple[str, ...], PartsIndex] = {}  # by content digests: right for any database


@dataclass(frozen=True)
class PartsIndex:
    """What contains what: parts to the characters described with them; characters to their ids."""

    wholes: dict[str, set[str]]
    ids: dict[str, list[str]]

    def containing(self, part: str) -> set[str]:
        """Return the part itself and everything it occurs in, however deep."""
        found, todo = {part}, [part]
        while todo:
            new = self.wholes.get(todo.pop(), set()) - found
            found |= new
            todo += new
        return found

    def find(self, parts: str) -> list[str]:
        """Return the ids of the characters in whose decomposition every one of the parts occurs."""
        sets = [self.containing(part) for part in parts]
        return sorted(id for char in set.intersection(*sets) for id in self.ids.get(char, ()))


def parts_index(session: Session) -> PartsIndex:
    """Return the index over the current editions; built on first use, kept in the process."""
    now = current(session)
    lists = [now[dataset] for dataset in sorted(now) if is_list(now[dataset])]
    ids = now.get("ids")
    key = tuple(edition.digest for edition in (*lists, *([ids] if ids else [])))
    if key not in _INDEX:
        _INDEX.clear()
        _INDEX[key] = _read(session, [one.id for one in lists], ids.id if ids else None)
    return _INDEX[key]


def _read(session: Session, lists: list[int], edition_id: int | None) -> PartsIndex:
    wholes = defaultdict[str, set[str]](set)
    described = select(Description.ucs, Description.ids).where(Description.edition_id == edition_id)
    for char, ids in session.execute(described):
        for part in ids.translate(NOT_PARTS):
            wholes[part].add(char)
    named = defaultdict[str, list[str]](list)
    row = ReferenceCharacter
    listed = select(row.ucs, row.character).where(row.edition_id.in_(lists), row.ucs.is_not(None))
    for listed_char, id in session.execute(listed):
        if listed_char is not None:
            named[listed_char].append(id)
    return PartsIndex(dict(wholes), dict(named))


def split_parts(text: str) -> str | None:
    """Return the parts of a search (`辶自`), each once, as descriptions write them; None when one is none."""
    parts = re.sub(r"[\s、,・+]", "", text).translate(SAME_PART).translate(NOT_PARTS)
    if not parts or any(ord(part) < 0x2E80 for part in parts):
        return None
    return "".join(dict.fromkeys(parts))
