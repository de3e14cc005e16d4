"""Charset tables and usage counts over HTTP (文字コード表・使用頻度)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from gaiji.errors import NotFound
from gaiji.registry import charset_tables, usage
from gaiji.web.members import NO_SET, MemberCode, SetName
from gaiji.web.problems import raises
from gaiji.web.routing import Reads, public, router, shows_work
from gaiji.wire.charsets import CharsetTableShape
from gaiji.wire.nouns import Page
from gaiji.wire.usage import UsageShape

api = router("charsets")
counts = router("codesets")

TableName = Annotated[str, Path(max_length=60, examples=["jef-6f3c21a0"])]


@api.get("/charsets")
@public
def list_charsets(session: Reads) -> Page[CharsetTableShape]:
    """The charsets that are built in, and the tables the council imported (文字コード体系の一覧)."""
    return Page(items=charset_tables.all_shapes(session))


@api.get("/charsets/{name}", responses=raises(NotFound))
@public
def show_charset(session: Reads, name: TableName) -> CharsetTableShape:
    """One charset or imported table (文字コード表) with where it came from and the code sets that stand on it."""
    return charset_tables.show(session, name)


@counts.get("/members/{member}/codesets/{codeset}/usage", responses=raises(*NO_SET))
@shows_work(of="member")
def show_usage(session: Reads, member: MemberCode, codeset: SetName) -> UsageShape:
    """How often the codes of a code set stand in the counted files (使用頻度); 0: not seen in these files."""
    return usage.show_usage(session, f"{member}/{codeset}")
