"""Cutover plan: every local code of several cities on one shared CS server, there and back (移行計画).

Each local code is mapped (its character has a 住基ネット統一文字コード), residual (残存外字: it has none and gets a
code point of the server's own) or undecided; the three add up to the registered codes, or no plan is made. A city
that moved is held: a plan that would change what the server says of it is refused, with the rows; what the server
said nothing of before is an addition and no change. `planning` computes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from gaiji.charset.cutover import Plan, PlanRow
from gaiji.errors import AreaFull, BadInput, JournalBroken, Refused
from gaiji.registry import adoption, allocation
from gaiji.registry.cutover import NAMED, held_by, newest_plan, record_plan, rules_of
from gaiji.registry.cutover_rows import planned_sets, unified
from gaiji.registry.db import Session
from gaiji.registry.gaps import measured_sets
from gaiji.registry.journal import Actor, check_label
from gaiji.registry.members import count_codes, find_code_set, find_member, split_address
from gaiji.registry.releases import find_release
from gaiji.registry.tables import CodeSet, Release
from gaiji.report.planning import ServerFacts, accepting, plan, residuals

# --- making


@dataclass(frozen=True)
class Asked:
    """What a plan is asked for: code sets of a release for a server, on a day."""

    facts: ServerFacts
    edition: Release
    code_sets: tuple[CodeSet, ...]


def make_plan(
    session: Session,
    actor: Actor,
    server: str,
    members: Sequence[str],
    *,
    release: int | str,
    as_of: date,
    code_sets: Sequence[str] = (),
    dry_run: bool = False,
    accept: str | None = None,
) -> Plan:
    """Make a plan for members' code sets on a shared CS server and keep it (移行計画の作成); dry_run: only show it.

    code_sets: narrows the members' to these; none: all that the release has. Residual characters without a point get
    one. accept: the ground on which members that moved may change; the rows that do are kept with it. Raises
    UnknownSite, UnknownMember, UnknownCodeSet, UnknownRelease (a candidate is in none), BadInput without members or
    where one has none of the code sets, BadName for a ground, AreaFull, and Refused where a member that moved is left
    out or would change.
    """
    if accept is not None:
        accept = check_label(accept, "根拠", "the ground")
    asked = _asked(session, server, members, release, as_of, code_sets)
    _check_members(asked)
    held = held_by(session, server)
    _check_named(asked, held)
    sets = planned_sets(session, asked.edition, asked.code_sets, as_of)
    needed = set[str]().union(*(residuals(one) for one in sets))
    rules = rules_of(session, server, [one.address for one in sets])
    scope, area = allocation.server_scope(server), asked.facts.area
    rows, missing = allocation.following(session, scope, sorted(needed), area)
    given = allocation.points(session, scope)
    coming = given | {row["character"]: row["code_point"] for row in rows}
    made = plan(sets, coming, rules, asked.facts)
    if missing:
        raise _too_many(session, asked, made, needed - given.keys(), missing)
    _check_sums(session, made)
    changed = changed_rows(made, held)
    if changed and accept is None:
        raise _would_change(made, changed)
    if changed:
        accepted = {
            "members": sorted({split_address(row.code_set)[0] for row in changed}),
            "rows": [row.subject for row in changed],
            "ground": accept,
        }
        made = accepting(made, accepted)
    else:
        made = _accepted_before(session, made)
    if dry_run:
        return made
    allocation.extend(session, actor, scope, needed, area)
    return record_plan(session, actor, made)


def make_again(session: Session, kept: Plan) -> Plan:
    """Make a kept plan anew from its release, with the rules and points it was made with (計画の再計算).

    Its digest is the kept one's as long as release, allocation and code sets say what they said; raises what
    `make_plan` raises for what is gone.
    """
    asked = _asked(session, kept.server, kept.members, kept.release, kept.as_of, kept.code_sets)
    facts = asked.facts._replace(area=kept.area)
    sets = planned_sets(session, asked.edition, asked.code_sets, kept.as_of)
    scope = allocation.server_scope(kept.server)
    now = allocation.points(session, scope)
    points = {id: point for id, point in now.items() if id in kept.points}
    rules = {(rule.code_set, rule.character): rule for rule in kept.rules}
    return accepting(plan(sets, points, rules, facts), kept.manifest.get("accepted"))


def _asked(
    session: Session,
    server: str,
    members: Sequence[str],
    release: int | str,
    as_of: date,
    code_sets: Sequence[str],
) -> Asked:
    """Return what is to be planned, after checking every name."""
    site = adoption.find_site(session, f"server:{server}")
    edition = find_release(session, release)
    names = sorted({find_member(session, one).code for one in members})
    if not names:
        raise BadInput(
            "移行する構成市がありません。--members 252069,252085 のように書いてください。",
            "There are no members to move; name them, like --members 252069,252085.",
        )
    sets = [one for name in names for one in measured_sets(session, name, edition)]
    if code_sets:
        wanted = {find_code_set(session, one).address for one in code_sets}
        known = {one.address for one in sets}
        if strange := sorted(wanted - known):
            raise BadInput(
                f"外字セット {'・'.join(strange)} は指定した構成市のものではないか、版 {edition.number} にありません。",
                f"Not a code set of the members named, or not in release {edition.number}: {', '.join(strange)}.",
            )
        sets = [one for one in sets if one.address in wanted]
    digest = edition.digest
    facts = ServerFacts(
        server, adoption.server_area(site), tuple(names), edition.number, digest, as_of
    )
    return Asked(facts, edition, tuple(sets))


def _accepted_before(session: Session, made: Plan) -> Plan:
    """Return a plan with what the newest accepted, where it says the very same: planning again takes nothing back."""
    newest = newest_plan(session, made.server)
    accepted = newest.manifest.get("accepted") if newest else None
    again = accepting(made, accepted)
    return again if newest is not None and again.digest == newest.digest else made


# --- checks


def _check_members(asked: Asked) -> None:
    """Raise BadInput where a member is left without a code set: it could not move by such a plan."""
    having = {split_address(one.address)[0] for one in asked.code_sets}
    if lacking := [one for one in asked.facts.members if one not in having]:
        raise BadInput(
            f"構成市 {'・'.join(lacking)} の外字セットが一つも計画に入りません。--codesets に加えるか、--members から"
            "外してください。",
            f"No code set of {', '.join(lacking)} would be in the plan; add one in --codesets, or leave the member out "
            "of --members.",
        )


def _check_named(asked: Asked, held: ReadOnly[str, Plan]) -> None:
    """Raise Refused where a code set of a member that moved is left out."""
    named = {one.address for one in asked.code_sets}
    lacking = [
        address
        for member, kept in held.items()
        for address in kept.code_sets
        if split_address(address)[0] == member and address not in named
    ]
    if lacking:
        raise Refused(
            f"移行済みの外字セット {'・'.join(sorted(lacking))} が抜けています。計画には移行済みの市も入れてください。",
            f"Code sets that moved already are left out: {', '.join(sorted(lacking))}; a plan holds them too.",
            code_sets=sorted(lacking),
        )


def _check_sums(session: Session, made: Plan) -> None:
    """Raise JournalBroken unless the three classes add up to the registered codes of every code set."""
    registered = count_codes(session)
    for address in made.code_sets:
        total, known = (
            made.counts(address).total(),
            registered.get(find_code_set(session, address).id, 0),
        )
        if total != known:
            raise JournalBroken(
                f"外字セット {address} の計画は {total:,} 字ですが、登録は {known:,} 字です。"
                "gaiji journal verify を実行してください。",
                f"The plan has {total:,} codes of {address}, registered are {known:,}; run gaiji journal verify.",
            )


def changed_rows(made: Plan, held: ReadOnly[str, Plan]) -> list[PlanRow]:
    """Return the rows of members that moved of which a plan says something else than the one they are held by.

    A code that had no character, or was not there, and gets one is an addition: nothing was sent for it. Of a row that
    is gone the old one is returned.
    """
    changed: list[PlanRow] = []
    for member, kept in held.items():
        for address in kept.code_sets:
            if split_address(address)[0] != member:
                continue
            parts = [one.manifest["code_sets"].get(address, {}).get("rows") for one in (kept, made)]
            if parts[0] != parts[1]:
                new = {row.code: row for row in made.rows_of(address)}
                for old in kept.rows_of(address):
                    one = new.get(old.code)
                    if old.character and (one is None or one.semantic() != old.semantic()):
                        changed.append(one or old)
    return changed


def _would_change(made: Plan, changed: list[PlanRow]) -> Refused:
    subjects = [row.subject for row in changed]
    named = "、".join(subjects[:NAMED]) + (" …" if len(subjects) > NAMED else "")
    return Refused(
        f"移行済みの市の {len(subjects):,} 字が変わります({named})。版・基準日・規則を確かめるか、変えてよい根拠を "
        "--accept-changes に書いてください。",
        f"{len(subjects):,} codes of members that moved would change ({named.replace('、', ', ')}); check release, day "
        "and rules, or give the ground for changing them with --accept-changes.",
        rows=subjects,
    )


class Room(NamedTuple):
    """What would free code points, for characters that have none yet (空きを作る方法): numbers of characters.

    unused: in no counted file; reducible: the shrink map names one best target; unified: they gave way to a standard
    character; wider: code points of the private-use area above the server's, which `sites.widen_area` adds.
    """

    unused: int
    reducible: int
    unified: int
    wider: int


def room(made: Plan, needed: Iterable[str], successors: set[str]) -> Room:
    """Count what would free code points for characters without one."""
    uses: defaultdict[str, list[int | None]] = defaultdict(list)
    reducible: set[str] = set()
    for row in made.rows:
        if row.kind == "residual" and row.character is not None:
            uses[row.character].append(row.uses)
            if row.reduction is not None and row.reduction.juki is not None:
                reducible.add(row.character)
    wanted = set(needed)
    return Room(
        unused=sum(all(count == 0 for count in uses[id]) for id in wanted if uses[id]),
        reducible=len(wanted & reducible),
        unified=len(wanted & successors),
        wider=adoption.AREA.stop - made.area.stop,
    )


def _too_many(
    session: Session, asked: Asked, made: Plan, needed: set[str], missing: int
) -> AreaFull:
    free = room(made, needed, unified(session, asked.edition))
    area, server = made.manifest["area"], made.server
    return AreaFull(
        f"CSサーバー {server} の領域 {area} は残存外字に {missing:,} 字分足りません。空きを作れるもの: "
        f"集計したファイルに現れない文字 {free.unused:,}(使用終了日を登録)、縮退先が一つに決まる文字 {free.reducible:,}"
        f"(代替として決定)、後継のある文字 {free.unified:,}(後継に決定)、領域の拡張 {free.wider:,} "
        f"(gaiji site widen server:{server})。",
        f"The area {area} of CS server {server} is {missing:,} code points short for residual characters. What "
        f"would free space: characters in no counted file {free.unused:,} (tell the last day of their codes), with one "
        f"best reduction {free.reducible:,} (decide it as a substitute), with a successor {free.unified:,} (decide for "
        f"it), a wider area {free.wider:,} (gaiji site widen server:{server}).",
        missing=missing,
        room=free._asdict(),
    )
