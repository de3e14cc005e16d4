"""Members (構成市) and their code sets (外字セット)."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session, selectinload

from gaiji.charset.charsets import Charset, charset
from gaiji.errors import (
    AlreadyRegistered,
    BadMemberCode,
    BadName,
    Conflict,
    UnknownCodeSet,
    UnknownMember,
)
from gaiji.registry import charset_tables
from gaiji.registry.journal import Act, Actor, act, check_label, effect
from gaiji.registry.tables import CharsetTable, CodeSet, Json, LocalCode, Member
from gaiji.wire.nouns import CodeSetShape, MemberShape

GROUPS = ("住民記録系", "税系", "社会保障系", "その他")


def check_member_code(code: str) -> str:
    """Return a municipality code (全国地方公共団体コード) whose check digit is right.

    Six digits d1-d6; s = 6·d1 + 5·d2 + 4·d3 + 3·d4 + 2·d5; d6 = (11 - s mod 11) mod 10
    (総務省「全国地方公共団体コード仕様」). Raises BadMemberCode.
    """
    if not re.fullmatch("[0-9]{6}", code):
        raise BadMemberCode(
            f"構成市のコード {code} は6桁の数字ではありません。検査数字まで6桁で書いてください。",
            f"Member code {code} is not six digits; write all six, check digit included.",
        )
    total = sum(weight * int(digit) for weight, digit in zip((6, 5, 4, 3, 2), code, strict=False))
    if int(code[5]) != (right := (11 - total % 11) % 10):
        raise BadMemberCode(
            f"構成市のコード {code} の検査数字が合いません。{code[:5]} の検査数字は {right} です。",
            f"Member code {code} has a wrong check digit; for {code[:5]} it is {right}.",
        )
    return code


# --- members


def add_member(
    session: Session, actor: Actor, code: str, name: str, *, candidate: bool = False
) -> Member:
    """Register a member; a candidate (加入予定) takes part in no release until it joins.

    Raises BadMemberCode, BadName, AlreadyRegistered.
    """
    check_member_code(code)
    name = check_label(name, "構成市の名前", "the member's name")
    if session.get(Member, code) is not None:
        raise AlreadyRegistered(
            f"構成市 {code} は登録済みです。gaiji member show {code} で確かめてください。",
            f"Member {code} is registered already; see gaiji member show {code}.",
        )
    act(session, actor, "member.add", code, {"name": name, "candidate": candidate})
    return find_member(session, code)


@effect("member.add")
def _member_added(session: Session, act: Act) -> None:
    session.add(Member(code=act.subject, successor=None, changed=act.serial, **act.after))


def change_member(
    session: Session,
    actor: Actor,
    code: str,
    *,
    name: str | None = None,
    candidate: bool | None = None,
    successor: str | None = None,
) -> Member:
    """Rename a member, let a candidate join, or name the member it was merged into.

    Raises UnknownMember, and Conflict when a member would become a candidate again.
    """
    member = find_member(session, code)
    if candidate and not member.candidate:
        raise Conflict(
            f"構成市 {code} は加入済みです。加入予定には戻せません。",
            f"Member {code} has joined; it cannot become a candidate again.",
        )
    if successor is not None:
        find_member(session, successor)
    before = {"name": member.name, "candidate": member.candidate, "successor": member.successor}
    if name is not None:
        name = check_label(name, "構成市の名前", "the member's name")
    asked = {"name": name, "candidate": candidate, "successor": successor}
    after = before | {key: value for key, value in asked.items() if value is not None}
    if after != before:
        act(session, actor, "member.change", code, after, before)
    return find_member(session, code)


@effect("member.change")
def _member_changed(session: Session, act: Act) -> None:
    member = find_member(session, act.subject)
    member.name, member.candidate = act.after["name"], act.after["candidate"]
    member.successor, member.changed = act.after["successor"], act.serial


def find_member(session: Session, code: str) -> Member:
    """Return a member by its code. Raises BadMemberCode, UnknownMember."""
    member = session.get(Member, check_member_code(code))
    if member is None:
        raise UnknownMember(
            f"構成市 {code} は登録されていません。gaiji member list で確かめてください。",
            f"Member {code} is not registered; see gaiji member list.",
        )
    return member


def all_members(session: Session) -> list[Member]:
    """Return every member and candidate with its code sets, by code."""
    query = select(Member).options(selectinload(Member.code_sets)).order_by(Member.code)
    return list(session.scalars(query))


# --- code sets


def add_code_set(
    session: Session,
    actor: Actor,
    address: str,
    *,
    charset_name: str,
    system: str,
    group: str,
    options: Json | None = None,
    areas: list[Json] | None = None,
    table: str | None = None,
) -> CodeSet:
    """Register a code set, e.g. 252069/juki.

    options: charset options (`jis`, `punctuation`, `ebcdic`); areas: the city's own user-defined areas
    and private-use images, the charset's where None; table: name of an imported table of the charset.
    Raises UnknownMember, BadName, AlreadyRegistered, UnknownCharset, NotFound for an unknown table.
    """
    member, name = split_address(address)
    find_member(session, member)
    _check_labels(system, group)
    known = select(CodeSet).where(CodeSet.member == member, CodeSet.name == name)
    if session.scalar(known) is not None:
        raise AlreadyRegistered(
            f"外字セット {address} は登録済みです。gaiji codeset show {address} で確かめてください。",
            f"Code set {address} is registered already; see gaiji codeset show {address}.",
        )
    if areas == []:
        raise BadName(
            "外字領域が一つもありません。領域を一つ以上書くか、指定をやめて既定の領域を使ってください。",
            "There is no user-defined area; declare one at least, or leave them out for the default.",
        )
    pinned = charset_tables.find_table(session, table).digest if table else None
    described = _charset(session, charset_name, options or {}, areas, pinned)
    after = {
        "system": system,
        "group": group,
        "charset": described.name,
        "options": {
            "jis": described.jis,
            "punctuation": described.punctuation,
            "ebcdic": described.ebcdic,
        },
        "areas": described.areas_as_json(),
        "charset_digest": described.digest,
        "charset_table": pinned,
    }
    act(session, actor, "codeset.add", address, after)
    return find_code_set(session, address)


def check_group(group: str) -> None:
    """Make sure that a group of systems (システム区分) is one of `GROUPS`. Raises BadName."""
    if group not in GROUPS:
        raise BadName(
            f"システム区分 {group} はありません。{'・'.join(GROUPS)} のどれかにしてください。",
            f"There is no group {group}; take one of {', '.join(GROUPS)}.",
        )


def _check_labels(system: str, group: str) -> None:
    check_group(group)
    check_label(system, "業務システムの名前", "the business system")


@effect("codeset.add")
def _code_set_added(session: Session, act: Act) -> None:
    member, name = split_address(act.subject)
    session.add(CodeSet(member=member, name=name, changed=act.serial, **act.after))


def split_address(address: str) -> tuple[str, str]:
    """Return member and name of a code set's address. Raises BadName, BadMemberCode."""
    member, slash, name = address.partition("/")
    if not slash or not re.fullmatch("[a-z][a-z0-9]{0,19}", name):
        raise BadName(
            f"外字セット {address} の書き方が違います。252069/juki のように、構成市のコード、/、"
            "英小文字で始まる20字までの英小文字と数字で書いてください。",
            f"{address} is no code set; write the member's code, / and a name of up to 20 lower-case "
            "letters and digits, like 252069/juki.",
        )
    return check_member_code(member), name


def find_code_set(session: Session, address: str) -> CodeSet:
    """Return a code set by its address. Raises BadName, UnknownMember, UnknownCodeSet."""
    member, name = split_address(address)
    found = session.scalar(select(CodeSet).where(CodeSet.member == member, CodeSet.name == name))
    if found is None:
        find_member(session, member)
        raise UnknownCodeSet(
            f"外字セット {address} は登録されていません。gaiji codeset list {member} で確かめてください。",
            f"Code set {address} is not registered; see gaiji codeset list {member}.",
        )
    return found


def code_sets(session: Session, member: str | None = None) -> list[CodeSet]:
    """Return the code sets of one member or of all, by address."""
    query = select(CodeSet).order_by(CodeSet.member, CodeSet.name)
    if member is not None:
        query = query.where(CodeSet.member == find_member(session, member).code)
    return list(session.scalars(query))


def charset_of(session: Session, code_set: CodeSet) -> Charset:
    """Return the charset of a code set with its own options, areas, images and imported table."""
    return _charset(
        session, code_set.charset, code_set.options, code_set.areas, code_set.charset_table
    )


def _charset(
    session: Session, name: str, options: Json, areas: list[Json] | None, table: str | None
) -> Charset:
    loaded = charset_tables.load(session, table) if table else None
    return charset(name, areas=areas, table=loaded, **options)


def table_name(session: Session, code_set: CodeSet) -> str | None:
    """Return the name of the imported table a code set stands on, None for the charset's own."""
    if code_set.charset_table is None:
        return None
    return session.get_one(CharsetTable, code_set.charset_table).name


def count_codes(session: Session) -> dict[int, int]:
    """Return the number of registered local codes by code set id."""
    query = select(LocalCode.code_set_id, func.count()).group_by(LocalCode.code_set_id)
    rows: Any = session.execute(query).all()
    return dict(rows)


def change_code_set(
    session: Session, actor: Actor, address: str, *, system: str, group: str
) -> CodeSet:
    """Give a code set another label or group; its charset and areas stay what they are.

    Raises UnknownMember, UnknownCodeSet, BadName.
    """
    _check_labels(system, group)
    code_set = find_code_set(session, address)
    before, after = (
        {"system": code_set.system, "group": code_set.group},
        {"system": system, "group": group},
    )
    if after != before:
        act(session, actor, "codeset.change", address, after, before)
    return find_code_set(session, address)


@effect("codeset.change")
def _code_set_changed(session: Session, act: Act) -> None:
    code_set = find_code_set(session, act.subject)
    code_set.system, code_set.group = act.after["system"], act.after["group"]
    code_set.changed = act.serial


# --- as JSON has them


def member_shape(session: Session, member: Member) -> MemberShape:
    """Return a member as JSON has it, with the addresses of its code sets."""
    return MemberShape(
        code=member.code,
        name=member.name,
        candidate=member.candidate,
        successor=member.successor,
        codesets=[code_set.address for code_set in code_sets(session, member.code)],
    )


def code_set_shape(session: Session, code_set: CodeSet) -> CodeSetShape:
    """Return a code set as JSON has it, with the number of its registered codes."""
    count = select(func.count()).where(LocalCode.code_set_id == code_set.id)
    return CodeSetShape(
        id=code_set.address,
        member=code_set.member,
        name=code_set.name,
        system=code_set.system,
        group=code_set.group,
        charset=code_set.charset,
        options=code_set.options,
        areas=code_set.areas,
        charset_digest=code_set.charset_digest,
        table=table_name(session, code_set),
        codes=session.scalar(count) or 0,
    )
