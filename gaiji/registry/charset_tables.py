"""Tables of charsets that the product may not ship (文字コード表の受入れ): imported once, kept by their content.

A table is named by the digest of what it says; a code set pins that digest, and with it the code set's
charset digest and every release. So a table can never mean something else under a published release: a
newer edition is another table, for another code set.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.charset.charsets import FAMILIES, charset
from gaiji.charset.codetable import CodeTable, unpacked
from gaiji.errors import AlreadyRegistered, BadName, NotFound
from gaiji.registry.db import get_blob, put_blob
from gaiji.registry.journal import Act, Actor, act, effect
from gaiji.registry.tables import CharsetTable, CodeSet
from gaiji.wire.charsets import CharsetTableShape

IMPORT = "charset.import"
PACKED = "application/x-gaiji-codetable"
TABLES_KEPT = 8
_TABLES: dict[str, CodeTable] = {}  # by digest: right for any database


def import_table(
    session: Session,
    actor: Actor,
    table: CodeTable,
    *,
    name: str | None = None,
    dry_run: bool = False,
) -> tuple[CharsetTableShape, bool]:
    """Keep a table under a name, and say whether it is new; the same content twice is one table.

    name: lower-case letters, digits, `.` and `-`; made of charset and digest where None. Raises BadName for
    another form, AlreadyRegistered when the name stands for other content.
    """
    known = session.get(CharsetTable, table.digest)
    if known is not None:
        return shape(session, known), False
    name = name or f"{table.base}-{table.digest[:8]}"
    _check_name(name)
    if session.scalar(select(CharsetTable).where(CharsetTable.name == name)) is not None:
        raise AlreadyRegistered(
            f"文字コード表 {name} は別の内容で登録済みです。--name で別の名前を付けてください。",
            f"There is a charset table {name} with other content; give this one another --name.",
        )
    table = replace(table, name=name)
    after = {
        "digest": table.digest,
        "charset": table.base,
        "codes": len(table.reading),
        "provenance": dict(table.provenance),
    }
    if dry_run:
        return CharsetTableShape(name=name, kind="imported", **after), True
    after["blob"] = put_blob(session, table.packed(), PACKED)
    act(session, actor, IMPORT, name, after)
    return shape(session, find_table(session, name)), True


def _check_name(name: str) -> None:
    if not re.fullmatch("[a-z][a-z0-9.-]{0,59}", name) or name in FAMILIES:
        raise BadName(
            f"文字コード表の名前 {name} は使えません。英小文字で始まる60字までの英小文字・数字・.・- にし、"
            "文字コード体系の名前は避けてください。",
            f"{name} cannot name a charset table; take up to 60 lower-case letters, digits, dots and hyphens, "
            "a letter first, and not the name of a charset.",
        )


@effect(IMPORT)
def _imported(session: Session, act: Act) -> None:
    session.add(
        CharsetTable(name=act.subject, at=act.at, actor=act.actor, serial=act.serial, **act.after)
    )


def find_table(session: Session, name: str) -> CharsetTable:
    """Return an imported table by its name. Raises NotFound."""
    found = session.scalar(select(CharsetTable).where(CharsetTable.name == name))
    if found is None:
        raise NotFound(
            f"文字コード表 {name} は登録されていません。gaiji charset list で確かめてください。",
            f"Charset table {name} is not registered; see gaiji charset list.",
        )
    return found


def load(session: Session, digest: str) -> CodeTable:
    """Return the table of a digest, remembered: what a digest names is the same in any database."""
    if digest not in _TABLES:
        packed, _ = get_blob(session, session.get_one(CharsetTable, digest).blob)
        while len(_TABLES) >= TABLES_KEPT:
            _TABLES.pop(next(iter(_TABLES)), None)
        _TABLES[digest] = unpacked(packed)
    return _TABLES[digest]


def shape(session: Session, table: CharsetTable) -> CharsetTableShape:
    """Return a table as JSON has it, with the code sets that stand on it."""
    sets = select(CodeSet).where(CodeSet.charset_table == table.digest)
    return CharsetTableShape(
        name=table.name,
        kind="imported",
        charset=table.charset,
        digest=table.digest,
        codes=table.codes,
        blob=table.blob,
        provenance=table.provenance,
        imported_at=table.at,
        imported_by=table.actor,
        codesets=sorted(code_set.address for code_set in session.scalars(sets)),
    )


def all_shapes(session: Session) -> list[CharsetTableShape]:
    """Return the built-in charsets and the imported tables as JSON has them."""
    built_in = [_built_in(session, name) for name in FAMILIES]
    imported = session.scalars(select(CharsetTable).order_by(CharsetTable.name))
    return built_in + [shape(session, table) for table in imported]


def show(session: Session, name: str) -> CharsetTableShape:
    """Return one built-in charset or imported table. Raises NotFound."""
    return (
        _built_in(session, name) if name in FAMILIES else shape(session, find_table(session, name))
    )


def _built_in(session: Session, name: str) -> CharsetTableShape:
    sets = select(CodeSet).where(CodeSet.charset == name, CodeSet.charset_table.is_(None))
    return CharsetTableShape(
        name=name,
        kind="built-in",
        charset=name,
        digest=charset(name).digest,
        codesets=sorted(code_set.address for code_set in session.scalars(sets)),
    )
