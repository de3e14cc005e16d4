"""What a move to a shared CS server leaves in the registry: plans, rules, moves (CSサーバー移行).

A plan, a rule and a move are acts. A plan is kept whole, as JSON lines in a blob: what was signed can be shown years
later, whatever is decided after it. `cutover_rows` gathers what a plan is computed from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gaiji.charset.cutover import Ambiguity, Cutover, Json, Plan, PlanRow, Rule
from gaiji.charset.targets import CodeSetSide
from gaiji.errors import Conflict, JournalBroken, Refused, Text, Undecidable, UnknownPlan
from gaiji.registry.adoption import find_site
from gaiji.registry.characters import find_character
from gaiji.registry.cutover_rows import may_choose, ways
from gaiji.registry.db import today
from gaiji.registry.journal import (
    Act,
    Actor,
    act,
    canonical,
    check_label,
    effect,
    get_rows,
    put_rows,
)
from gaiji.registry.members import find_code_set, find_member, split_address
from gaiji.registry.releases import find_release, mapping, published_day
from gaiji.registry.tables import (
    CodeSet,
    CutoverMove,
    CutoverPlan,
    CutoverRule,
    Site,
)

PLAN, RULE, MOVE = "cutover.plan", "cutover.rule", "cutover.move"
PLANS_KEPT = 4
_PLANS: dict[str, Plan] = {}  # by digest of the blob: right for any database
NAMED = 10
"""How many rows a refusal names in its sentence."""
YEARS_AHEAD = 2
"""How far ahead the day of a move may lie; further it is a slip of the pen."""

Rules = ReadOnly[tuple[str, str], Rule]
"""The rules in force, by code set and character."""


# --- plans


def rows_digest(rows: Iterable[PlanRow]) -> Json:
    """Return digest and number of the rows of one code set that the release knows, without the release's number.

    So a plan of a later release, or with more members, gives equal digests where nothing changed.
    """
    digest, count = sha256(), 0
    for row in rows:
        if row.reason != "not-in-release":
            digest.update(canonical(row.semantic()).encode() + b"\n")
            count += 1
    return {"digest": digest.hexdigest(), "count": count}


def manifest_digest(manifest: Json) -> str:
    """Return the digest of a plan: sha256 of its canonical manifest."""
    return sha256(canonical(manifest).encode()).hexdigest()


def record_plan(session: Session, actor: Actor, plan: Plan) -> Plan:
    """Keep a plan under the server's next number and return it with that.

    The points were given by `allocation.extend` in the same transaction. One that is the newest line by line, what no
    digest covers included (codes after the release, today's CS tables, uses), is not kept again. Raises UnknownSite.
    """
    newest = newest_plan(session, plan.server)
    if newest is not None and newest.digest == plan.digest:
        kept = read_plan(session, newest)
        if kept == replace(plan, number=kept.number):
            return kept
    number = newest.number + 1 if newest else 1
    numbered = replace(plan, number=number)
    after = {
        "release": plan.release,
        "members": list(plan.members),
        "code_sets": list(plan.code_sets),
        "as_of": plan.as_of.isoformat(),
        "manifest": plan.manifest,
        "digest": plan.digest,
        "rows": put_rows(session, numbered.lines()),
    }
    act(session, actor, PLAN, f"{plan.server}/{number}", after)
    return numbered


@effect(PLAN)
def _planned_now(session: Session, act: Act) -> None:
    server, _, number = act.subject.partition("/")
    session.add(
        CutoverPlan(
            site_id=_server(session, server).id,
            number=int(number),
            at=act.at,
            actor=act.actor,
            serial=act.serial,
            **(act.after | {"as_of": date.fromisoformat(act.after["as_of"])}),
        )
    )


def _server(session: Session, name: str) -> Site:
    return find_site(session, f"server:{name}")


def all_plans(session: Session, server: str) -> list[CutoverPlan]:
    """Return the plans of a server, the first one first. Raises UnknownSite."""
    query = select(CutoverPlan).where(CutoverPlan.site_id == _server(session, server).id)
    return list(session.scalars(query.order_by(CutoverPlan.number)))


def newest_plan(session: Session, server: str) -> CutoverPlan | None:
    """Return the record of a server's newest plan, None before the first. Raises UnknownSite."""
    query = select(CutoverPlan).where(CutoverPlan.site_id == _server(session, server).id)
    return session.scalars(query.order_by(CutoverPlan.number.desc()).limit(1)).first()


def plan_record(session: Session, server: str, number: int | None = None) -> CutoverPlan:
    """Return the record of a plan, the newest without a number. Raises UnknownSite, UnknownPlan."""
    found = newest_plan(session, server)
    if number is not None:
        query = select(CutoverPlan).where(
            CutoverPlan.site_id == _server(session, server).id, CutoverPlan.number == number
        )
        found = session.scalar(query)
    if found is None:
        newest = newest_plan(session, server)
        name = server if number is None else f"{server}/{number}"
        advice = Text(
            f"gaiji cutover plan --server {server} --members all で作ってください。",
            f"make one with gaiji cutover plan --server {server} --members all.",
        )
        if newest is not None:
            advice = Text(
                f"番号は 1～{newest.number} です。", f"the numbers are 1 to {newest.number}."
            )
        raise UnknownPlan(
            f"移行計画 {name} はありません。" + advice.ja,
            f"There is no cutover plan {name}; {advice.en}",
        )
    return found


def find_plan(session: Session, server: str, number: int | None = None) -> Plan:
    """Return a plan as it was made, the newest without a number. Raises UnknownSite, UnknownPlan."""
    return read_plan(session, plan_record(session, server, number))


def read_plan(session: Session, record: CutoverPlan) -> Plan:
    """Return a plan by its record; what was read last is remembered."""
    found = _PLANS.get(record.rows)
    if found is None:
        found = Plan.from_lines(get_rows(session, record.rows))
        while len(_PLANS) >= PLANS_KEPT:
            _PLANS.pop(next(iter(_PLANS)), None)
        _PLANS[record.rows] = found
    return found


def cutover_of(session: Session, server: str, number: int | None = None) -> Cutover:
    """Return what conversion reads of a plan, the newest without a number. Raises UnknownSite, UnknownPlan."""
    return find_plan(session, server, number).cutover()


def verify(session: Session) -> None:
    """Check that every plan still has the digests recorded for it. Raises JournalBroken."""
    for kept in session.scalars(select(CutoverPlan).order_by(CutoverPlan.id)):
        plan = Plan.from_lines(get_rows(session, kept.rows))
        parts = {
            address: rows_digest(plan.rows_of(address)) == part["rows"]
            for address, part in kept.manifest["code_sets"].items()
        }
        if manifest_digest(kept.manifest) != kept.digest or not all(parts.values()):
            raise JournalBroken(
                f"移行計画 {plan.server}/{plan.number} の内容が作成時と違います。バックアップから戻してください。",
                f"Cutover plan {plan.server}/{plan.number} is not what was made; restore from a backup.",
            )


# --- rules


def rules_of(
    session: Session, server: str, code_sets: Iterable[str] | None = None
) -> dict[tuple[str, str], Rule]:
    """Return the rules in force on a server (戻りの規則), by code set and character. Raises UnknownSite."""
    query = (
        select(CutoverRule, CodeSet)
        .join(CodeSet, CodeSet.id == CutoverRule.code_set_id)
        .where(CutoverRule.site_id == _server(session, server).id, CutoverRule.replaced.is_(None))
        .order_by(CodeSet.member, CodeSet.name, CutoverRule.character)
    )
    wanted = None if code_sets is None else set(code_sets)
    return {
        (code_set.address, row.character): Rule(
            code_set.address, row.character, row.code, row.ground, row.actor
        )
        for row, code_set in session.execute(query)
        if wanted is None or code_set.address in wanted
    }


class Answer(NamedTuple):
    """What is to come back for a character in a code set; code None: none is chosen, one way is accepted."""

    code_set: str
    character: str
    code: bytes | None


def add_rule(
    session: Session,
    actor: Actor,
    server: str,
    address: str,
    character: str,
    code: bytes | None,
    ground: str,
) -> Rule:
    """Decide which local code comes back for a character from a server (戻りの規則); code None: none is chosen.

    Raises as `add_rules`.
    """
    return add_rules(session, actor, server, [Answer(address, character, code)], ground)[0]


def add_rules(
    session: Session, actor: Actor, server: str, answers: Sequence[Answer], ground: str
) -> list[Rule]:
    """Decide which local codes come back from a server (戻りの規則), one act each, all or none.

    The newest plan says what is to be decided, and the next one is made by the rules; a new rule takes the place of an
    earlier one. A substitute that no other code stands beside may be chosen too: then it comes back. Raises
    UnknownSite, UnknownPlan, UnknownCodeSet, UnknownCharacter, BadName for a ground, and Undecidable where the code is
    not the character's or nothing is ambiguous.
    """
    ground = check_label(ground, "根拠", "the ground")
    for address in {one.code_set for one in answers}:
        find_code_set(session, address)
    plan = find_plan(session, server)
    doubts = {(one.code_set, one.character): one for one in plan.ambiguities}
    for one in answers:
        find_character(session, one.character)
        _check_answer(session, plan, doubts.get((one.code_set, one.character)), one)
    known = rules_of(session, server)
    made = []
    for address, character, code in answers:
        before = known.get((address, character))
        rule = Rule(address, character, code, ground, actor.name)
        if before is None or before[:4] != rule[:4]:
            after = {"code": code and code.hex().upper(), "ground": ground}
            told = before and {
                "code": before.code and before.code.hex().upper(),
                "ground": before.ground,
            }
            act(session, actor, RULE, f"{server}/{address}/{character}", after, told)
            known[address, character] = before = rule
        made.append(before)
    return made


def _check_answer(session: Session, plan: Plan, doubt: Ambiguity | None, answer: Answer) -> None:
    address, character, code = answer
    if address not in plan.code_sets:
        raise Undecidable(
            f"外字セット {address} は移行計画 {plan.server}/{plan.number} に入っていません。計画に入れてください。",
            f"Code set {address} is not part of cutover plan {plan.server}/{plan.number}; plan with it first.",
        )
    codes = doubt.codes if doubt is not None else ()
    if doubt is None:
        release = find_release(session, plan.release)
        found = ways(CodeSetSide(mapping(session, address, release, as_of=plan.as_of)), character)
        own = found.exact or found.substitutes
        codes = own if may_choose(found) else ()
        if code is None or (code in own and not codes):
            raise Undecidable(
                f"{address} の {character} は戻りがあいまいではありません。規則は要りません。",
                f"Nothing is ambiguous about {character} in {address}; it needs no rule.",
            )
    if code is None or code in codes:
        return
    subject = f"{address}/{code.hex().upper()}"
    if not codes:
        raise Undecidable(
            f"{subject} は {character} の戻り先にできません。この文字の戻りはあいまいではなく、規則は要りません。",
            f"{subject} cannot come back for {character}; nothing is ambiguous about that character, it needs no rule.",
        )
    told = [one.hex().upper() for one in codes]
    raise Undecidable(
        f"{subject} は {character} の戻り先にできません。選べるコード: {'・'.join(told)}。",
        f"{subject} cannot come back for {character}; codes to choose from: {', '.join(told)}.",
    )


@effect(RULE)
def _ruled(session: Session, act: Act) -> None:
    server, address, character = _rule_subject(act.subject)
    site, code_set = _server(session, server), find_code_set(session, address)
    session.execute(
        update(CutoverRule)
        .where(
            CutoverRule.site_id == site.id,
            CutoverRule.code_set_id == code_set.id,
            CutoverRule.character == character,
            CutoverRule.replaced.is_(None),
        )
        .values(replaced=act.serial)
    )
    code = act.after["code"]
    session.add(
        CutoverRule(
            site_id=site.id,
            code_set_id=code_set.id,
            character=character,
            code=bytes.fromhex(code) if code else None,
            ground=act.after["ground"],
            actor=act.actor,
            at=act.at,
            serial=act.serial,
            replaced=None,
        )
    )


def _rule_subject(subject: str) -> tuple[str, str, str]:
    server, member, name, character = subject.split("/")
    return server, f"{member}/{name}", character


# --- moves


def moves(session: Session, server: str) -> dict[str, tuple[int, date]]:
    """Return the members that moved to a server (移行済み), with plan and day, the first one first.

    Those whose day is still to come are there too.
    """
    query = (
        select(CutoverMove.member, CutoverPlan.number, CutoverMove.day)
        .join(CutoverPlan, CutoverPlan.id == CutoverMove.plan_id)
        .where(CutoverMove.site_id == _server(session, server).id)
        .order_by(CutoverMove.day, CutoverMove.serial)
    )
    return {member: (number, day) for member, number, day in session.execute(query)}


def move(
    session: Session, actor: Actor, server: str, member: str, day: date, plan: int | None = None
) -> None:
    """Record that a member moves to a server on a day by a plan (移行の記録); from then on its rows are held.

    plan: the newest without one; an earlier one must say the same of the member. A day that has not come yet is
    corrected by another record, which takes its place. Raises UnknownSite, UnknownPlan, UnknownMember, Conflict where
    it moved before, Refused where the plan does not have the member, or none of its code sets, and for a day before the
    plan's release was published or more than two years ahead.
    """
    find_member(session, member)
    made = plan_record(session, server, plan)
    newest = plan_record(session, server)
    known = moves(session, server).get(member)
    if known == (made.number, day):
        return
    if known is not None and known[1] <= today():
        raise Conflict(
            f"構成市 {member} は {known[1]} に移行計画 {server}/{known[0]} で移行済みです。記録は取り消せません。",
            f"Member {member} moved on {known[1]} by cutover plan {server}/{known[0]}; that stays recorded.",
        )
    _check_part(made, member)
    _check_day(session, made, day)
    if parts_of(made, member) != parts_of(newest, member):
        raise Refused(
            f"構成市 {member} の内容は移行計画 {server}/{made.number} と最新の {server}/{newest.number} で違います。"
            f"最新の計画で移行するか、計画し直してください。",
            f"Plans {server}/{made.number} and {server}/{newest.number} differ in what they say of {member}; move by "
            "the newest, or plan again.",
        )
    after = {"plan": made.number, "digest": made.digest, "day": day.isoformat()}
    before = known and {"plan": known[0], "day": known[1].isoformat()}
    act(session, actor, MOVE, f"{server}/{member}", after, before)


def _check_part(made: CutoverPlan, member: str) -> None:
    """Raise Refused unless a plan has the member and a code set of it."""
    name = made.manifest["server"] + f"/{made.number}"
    if member not in made.members:
        raise Refused(
            f"構成市 {member} は移行計画 {name} に入っていません。--members に加えて計画してください。",
            f"Member {member} is not part of cutover plan {name}; plan with it in --members.",
        )
    if not parts_of(made, member):
        raise Refused(
            f"移行計画 {name} に構成市 {member} の外字セットが一つもありません。計画し直してください。",
            f"Cutover plan {name} has no code set of member {member}; plan again.",
        )


def _check_day(session: Session, made: CutoverPlan, day: date) -> None:
    """Raise Refused for a day before the plan's release was published, or too far ahead."""
    name = made.manifest["server"] + f"/{made.number}"
    published = published_day(find_release(session, made.release))
    if day < published:
        raise Refused(
            f"移行日 {day} は、移行計画 {name} の版 {made.release} を公開した {published} より前です。"
            "移行日を確かめてください。",
            f"{day} lies before {published}, when release {made.release} of cutover plan {name} was published; check "
            "the day of the move.",
        )
    if day > (last := _years_on(today(), YEARS_AHEAD)):
        raise Refused(
            f"移行日 {day} は {YEARS_AHEAD} 年より先です。{last} までの移行日を指定してください。",
            f"{day} lies more than {YEARS_AHEAD} years ahead; name a day of the move until {last}.",
        )


def _years_on(day: date, years: int) -> date:
    leap = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year + years, day=28 if leap else day.day)


def parts_of(plan: CutoverPlan, member: str) -> dict[str, str]:
    """Return the rows digests of a member's code sets in a plan."""
    return {
        address: part["rows"]["digest"]
        for address, part in plan.manifest["code_sets"].items()
        if split_address(address)[0] == member
    }


@effect(MOVE)
def _moved(session: Session, act: Act) -> None:
    server, _, member = act.subject.partition("/")
    site = _server(session, server)
    earlier = (CutoverMove.site_id == site.id) & (CutoverMove.member == member)
    session.execute(delete(CutoverMove).where(earlier))
    session.add(
        CutoverMove(
            site_id=site.id,
            member=member,
            plan_id=plan_record(session, server, act.after["plan"]).id,
            day=date.fromisoformat(act.after["day"]),
            actor=act.actor,
            at=act.at,
            serial=act.serial,
        )
    )


def held_by(session: Session, server: str) -> dict[str, Plan]:
    """Return, for every member that moved, the plan that says what it must stay: the newest that has it.

    A move that is recorded for a day to come holds too: the city prepares by what its plan says.
    """
    moved = moves(session, server)
    plans = all_plans(session, server)
    kept: dict[int, Plan] = {}
    found: dict[str, Plan] = {}
    for member in moved:
        numbers = [one.number for one in plans if parts_of(one, member)]
        if not numbers:
            continue
        number = numbers[-1]
        if number not in kept:
            kept[number] = find_plan(session, server, number)
        found[member] = kept[number]
    return found


def said_before(
    session: Session, server: str, asked: ReadOnly[str, Collection[bytes]]
) -> dict[str, dict[bytes, PlanRow]]:
    """Return, for codes of members that moved, the row of the last plan since the move that gave each a character.

    asked: codes by code set; so are the rows. A code may have lost its character in between: by a decision that was
    accepted, or on a day on which it was not in use. Every plan is read once at most.
    """
    moved = moves(session, server)
    since = {address: moved[split_address(address)[0]][0] for address in asked}
    found: dict[str, dict[bytes, PlanRow]] = {address: {} for address in asked}
    known: dict[str, str] = {}
    for record in reversed(all_plans(session, server)):
        sets = record.manifest["code_sets"]
        new = {
            address: sets[address]["rows"]
            for address in asked
            if record.number >= since[address]
            and address in sets
            and sets[address]["rows"] != known.get(address)
            and len(found[address]) < len(asked[address])
        }
        known |= new
        for address in new:
            for row in read_plan(session, record).rows_of(address):
                if row.character and row.code in asked[address]:
                    found[address].setdefault(row.code, row)
    return found
