"""Cutover plan: every local code of several cities on one shared CS server, there and back (移行計画).

Each local code is mapped (its character has a 住基ネット統一文字コード), residual (残存外字: it has none and gets a
code point of the server's own) or undecided; the three add up to the registered codes, or no plan is made. A city
that moved is held: a plan that would change what the server says of it is refused, with the rows; what it said
nothing of since the move is an addition and no change. `planning` computes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from gaiji.charset.conversion import Conversion
from gaiji.charset.cutover import Plan, PlanRow, Rule
from gaiji.charset.resolve import Options
from gaiji.errors import AreaFull, BadInput, JournalBroken, Refused, Text, UnknownRelease
from gaiji.registry import adoption, allocation
from gaiji.registry.cutover import (
    NAMED,
    Rules,
    held_by,
    newest_plan,
    record_plan,
    rules_of,
    said_before,
)
from gaiji.registry.cutover_rows import planned_sets, unified
from gaiji.registry.db import Session
from gaiji.registry.journal import Actor, check_label
from gaiji.registry.members import code_sets as code_sets_of
from gaiji.registry.members import count_codes, find_code_set, find_member, split_address
from gaiji.registry.releases import find_release, mapping
from gaiji.registry.tables import CodeSet, Release
from gaiji.report.planning import ServerFacts, accepting, plan, residuals
from gaiji.wire.findings import Finding

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
    changed = changed_rows(session, made, held)
    if changed and accept is None:
        raise _would_change(made, changed, held, rules)
    if changed:
        accepted = {
            "members": sorted({one.member for one in changed}),
            "rows": [one.subject for one in changed],
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
    sets = [one for name in names for one in code_sets_of(session, name)]
    sets = [one for one in sets if one.address in edition.manifest["code_sets"]]
    if lacking := sorted(set(names) - {one.member for one in sets}):
        raise UnknownRelease(
            f"構成市 {'・'.join(lacking)} は版 {edition.number} に入っていません。その市を含む版で計画するか、"
            "--members から外してください。",
            f"Not part of release {edition.number}: {', '.join(lacking)}; plan by a release that has them, or leave "
            "them out of --members.",
        )
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


class Changed(NamedTuple):
    """A code of a member that moved, of which a plan says something else (移行済みの市の変わる行).

    old: what was said of it last, None for an addition that takes over what came back for another code; new: what the
    plan says, None for a code that is gone. since: the first day of a new meaning by the city's own dates.
    """

    old: PlanRow | None
    new: PlanRow | None
    since: date | None = None

    @property
    def subject(self) -> str:
        """The public name of the code."""
        row = self.new or self.old
        return row.subject if row else ""

    @property
    def member(self) -> str:
        """The member whose code it is."""
        return self.subject.partition("/")[0]


def changed_rows(session: Session, made: Plan, held: ReadOnly[str, Plan]) -> list[Changed]:
    """Return the rows of members that moved of which a plan says something else than was said of them before.

    A code that had no character in any plan since the move, or was not there, and gets one is an addition: nothing was
    sent for it. It is a change too where something else came back for what it sends.
    """
    differing = {
        address: kept
        for member, kept in held.items()
        for address in kept.code_sets
        if split_address(address)[0] == member
        and _rows_digest(kept, address) != _rows_digest(made, address)
    }
    added = {address: _added(made, kept, address) for address, kept in differing.items()}
    said = said_before(
        session, made.server, {name: codes for name, codes in added.items() if codes}
    )
    changed = [
        one
        for address, kept in differing.items()
        for one in _changed_of(session, made, kept, address, said.get(address, {}))
    ]
    return sorted(changed, key=lambda one: one.subject)


def _rows_digest(plan: Plan, address: str) -> str | None:
    found: str | None = plan.manifest["code_sets"].get(address, {}).get("rows")
    return found


def _added(made: Plan, kept: Plan, address: str) -> set[bytes]:
    """Return the codes that have a character in a plan and had none in the one a member is held by."""
    known = {row.code for row in kept.rows_of(address) if row.character}
    return {row.code for row in made.rows_of(address) if row.character} - known


def _changed_of(
    session: Session, made: Plan, kept: Plan, address: str, before: ReadOnly[bytes, PlanRow]
) -> Iterator[Changed]:
    """Yield what changes in a code set. before: what earlier plans said of codes that the held one says nothing of."""
    said = {row.code: row for row in kept.rows_of(address) if row.character} | dict(before)
    new = {row.code: row for row in made.rows_of(address)}
    added = {code for code, row in new.items() if row.character and code not in said}
    for code, old in sorted(said.items()):
        row = new.get(code)
        if row is None or old.semantic() != row.semantic():
            reused = row is not None and row.character and row.valid_from != old.valid_from
            yield Changed(old, row, row.valid_from if row and reused else None)
    if added:
        was, will = (_ways_back(session, one, address) for one in (kept, made))
        for code in sorted(added):
            row = new[code]
            sent = {row.sent, made.points.get(row.character or "")} - {None}
            came = [(was(unit), will(unit)) for unit in sent if unit is not None]
            if any(one is not None and one != other for one, other in came):
                yield Changed(None, row)


def _ways_back(session: Session, plan: Plan, address: str) -> Callable[[int], bytes | None]:
    """Return what comes back to a code set for a unit of the server, by a plan."""
    release = find_release(session, plan.release)
    means = mapping(session, address, release, as_of=plan.as_of)
    way = Conversion(means, "juki", Options(as_of=plan.as_of), plan.cutover()).way.back
    return lambda unit: way.step(unit.to_bytes(2)).out


def rules_of_moved(session: Session, server: str, made: Iterable[Rule]) -> list[Finding]:
    """Return a finding for every member that moved and gets back something else by rules (移行済みの市の規則)."""
    held = held_by(session, server)
    count = Counter(
        member
        for one in made
        if (member := split_address(one.code_set)[0]) in held and not _is_held(held[member], one)
    )
    return [
        Finding(
            "moved-member",
            "warning",
            Text(
                f"移行済みの市 {member} への戻りが {number:,} 件変わります。次の gaiji cutover plan には "
                "--accept-changes 根拠 が要ります。",
                f"This changes what moved city {member} gets back ({number:,}); the next gaiji cutover plan needs "
                "--accept-changes GROUND.",
            ),
            member,
        )
        for member, number in sorted(count.items())
    ]


def _is_held(kept: Plan, rule: Rule) -> bool:
    """Whether a plan has a rule's answer already."""
    known = {(one.code_set, one.character): one for one in kept.rules}
    found = known.get((rule.code_set, rule.character))
    return found is not None and found.code == rule.code


def _by_rules(
    made: Plan, changed: Sequence[Changed], held: ReadOnly[str, Plan], rules: Rules
) -> tuple[list[str], Text]:
    """Return the rules decided since that changed rows come from, and a sentence that says how to take them back."""
    told: dict[str, str] = {}
    opened: list[str] = []
    for one in changed:
        row, kept = one.new or one.old, held[one.member]
        rule = rules.get((row.code_set, row.character or "")) if row else None
        if rule is None or _is_held(kept, rule):
            continue
        name = f"{rule.code_set} {rule.character}"
        before = [it.code for it in kept.rules if it[:2] == rule[:2]]
        if not before:
            opened.append(name)
        else:
            told[name] = name + (
                f" --code {before[0].hex().upper()}" if before[0] else " --one-way"
            )
    ja = en = ""
    if told:
        answers, command = _listed(list(told.values())), f"gaiji cutover rule {made.server}"
        ja += f"移行後の規則によるもの: {answers.ja}。この答えを {command} に書けば元の規則に戻ります。"
        en += f"; by rules decided since: {answers.en}: give {command} this answer to have the rule of the plan again"
    if opened := list(dict.fromkeys(opened)):
        questions = _listed(opened)
        ja += f"計画では未決だった戻りに規則ができたもの: {questions.ja}。"
        en += f"; by rules for what was open in the plan: {questions.en}"
    return [*told, *opened], Text(ja, en)


def _would_change(
    made: Plan, changed: list[Changed], held: ReadOnly[str, Plan], rules: Rules
) -> Refused:
    subjects = [one.subject for one in changed]
    ja = f"移行済みの市の {len(subjects):,} 字が変わります({_listed(subjects).ja})。"
    en = f"{len(subjects):,} codes of members that moved would change ({_listed(subjects).en})"
    reused = [one for one in changed if one.since]
    if reused:
        told = [
            f"{one.subject}: {one.old.character} → {one.new.character} ({one.since})"
            for one in reused
            if one.old and one.new
        ]
        ja += (
            f"うち {len(reused):,} 字は、市の使用開始日から別の意味になります({_listed(told).ja})。"
        )
        en += f"; {len(reused):,} of them have a new meaning by the city's own dates ({_listed(told).en})"
    by_rules, back = _by_rules(made, changed, held, rules)
    ja, en = ja + back.ja, en + back.en
    if reused and len(reused) < len(changed):
        release = min(held[one.member].release for one in reused)
        ja += (
            f"その後の決定を入れずにこれだけ認めるには --release {release} --as-of {made.as_of} --accept-changes 根拠 "
            "で計画し、ほかの変更は版と規則を確かめてください。"
        )
        en += (
            f"; to accept these without what was decided since, plan with --release {release} --as-of {made.as_of} "
            "--accept-changes GROUND, and check release and rules for the others."
        )
    else:
        ja += (
            "版・基準日・規則を確かめるか、変えてよい根拠を --accept-changes に書いてください。"
            "根拠はこの行だけについて計画に記録されます。"
        )
        en += (
            "; check release, day and rules, or give the ground for changing them with --accept-changes: the plan "
            "records it for these rows alone."
        )
    return Refused(ja, en, rows=subjects, rules=by_rules)


def _listed(told: Sequence[str]) -> Text:
    more = " …" if len(told) > NAMED else ""
    return Text("、".join(told[:NAMED]) + more, ", ".join(told[:NAMED]) + more)


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
