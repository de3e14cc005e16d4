"""Decisions: a named actor says what a city's code is (決定). A proposal alone maps nothing.

A decision about one code is a person's; a policy (決定方針) decides many and is an actor of its own,
switched on by a person. What is decided waits, pending, until a release publishes it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import (
    BadName,
    Refused,
    Text,
    Undecidable,
    UnknownCharacter,
    UnknownCode,
    UnknownPolicy,
)
from gaiji.registry.characters import coming, counting
from gaiji.registry.evidence import exclude, standing
from gaiji.registry.journal import Act, Actor, act, effect, get_rows, head, put_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import (
    Character,
    CodeSet,
    Decision,
    GlyphUse,
    Json,
    LocalCode,
    MappingRow,
    Meaning,
    Policy,
    Proposal,
    Registry,
)

Said = tuple[str, str, str | None]
"""Character, relationship and ground."""

RELATIONSHIPS = ("equivalent", "design-difference", "substitute", "not-related")
NEW = "new"


@dataclass(frozen=True)
class PolicyRule:
    """What a policy decides: proposals of these kinds of evidence, as this relationship."""

    name: str
    hows: tuple[str, ...]
    relationship: str
    text: Text


POLICIES = {
    rule.name: rule
    for rule in (
        PolicyRule(
            "exact-mj-name",
            ("mj-name",),
            "equivalent",
            Text("市の一覧表にMJ文字図形名がある", "The city's list gives the MJ name"),
        ),
        PolicyRule(
            "exact-register-number",
            ("koseki", "touki"),
            "equivalent",
            Text(
                "市の一覧表に戸籍・登記統一文字番号があり、1字に定まる",
                "The city's list gives a koseki or touki number that names one character",
            ),
        ),
        PolicyRule(
            "exact-sequence",
            ("ivs",),
            "equivalent",
            Text("市の一覧表にMoji_JohoのIVSがある", "The city's list gives a Moji_Joho sequence"),
        ),
        PolicyRule(
            "vendor-standard-code",
            ("vendor-code",),
            "substitute",
            Text(
                "ベンダーの変換表が標準の文字に当てている(代替)",
                "The vendor's table writes it as a standard character (as a substitute)",
            ),
        ),
        PolicyRule(
            "juki-as-transmitted",
            ("cs-table", "juki"),
            "substitute",
            Text(
                "CSサーバーの対応表がこの住基ネット統一文字コードで送っている(代替)",
                "The CS-server table transmits this Juki code (as a substitute)",
            ),
        ),
    )
}


@dataclass(frozen=True)
class Decided:
    """What a call decided: how many, and how many it left alone, by reason."""

    count: int
    left: dict[str, int]


# --- policies


def switch_policy(session: Session, actor: Actor, name: str, enabled: bool) -> None:
    """Allow or forbid a policy to decide. Raises UnknownPolicy."""
    find_policy(name)
    known = session.get(Policy, name)
    if (known is not None and known.enabled) != enabled:
        before = {"enabled": not enabled}
        act(session, actor, "policy.switch", name, {"enabled": enabled}, before)


@effect("policy.switch")
def _policy_switched(session: Session, act: Act) -> None:
    policy = session.get(Policy, act.subject) or Policy(name=act.subject)
    policy.enabled, policy.serial = act.after["enabled"], act.serial
    session.add(policy)


def find_policy(name: str) -> PolicyRule:
    """Return a policy's rule. Raises UnknownPolicy."""
    if name not in POLICIES:
        raise UnknownPolicy(
            f"決定方針 {name} はありません。{'・'.join(POLICIES)} のどれかにしてください。",
            f"There is no policy {name}; take one of {', '.join(POLICIES)}.",
        )
    return POLICIES[name]


def enabled_policies(session: Session) -> set[str]:
    """Return the names of the policies that may decide now."""
    return set(session.scalars(select(Policy.name).where(Policy.enabled)))


def decide_by_policy(session: Session, actor: Actor, address: str, name: str) -> Decided:
    """Let a policy decide every code of a code set that it covers.

    It takes a code for which no decision stands, whose sources agree, and for which this evidence names
    one character alone, which nobody has refused. Raises UnknownPolicy, Refused when the policy is switched off.
    """
    rule = find_policy(name)
    if name not in enabled_policies(session):
        raise Refused(
            f"決定方針 {name} は有効ではありません。gaiji policy enable {name} で有効にできます。",
            f"Policy {name} is switched off; gaiji policy enable {name} switches it on.",
        )
    code_set = find_code_set(session, address)
    left = defaultdict[str, int](int)
    rows = []
    for code, meaning, proposals, settled, refused in _open_questions(session, code_set):
        covered = [proposal for proposal in proposals if proposal.how in rule.hows]
        characters = {proposal.character for proposal in covered}
        if not covered:
            left["no-such-evidence"] += 1
        elif settled:
            left["decided-already"] += 1
        elif exclude((one.how, one.character) for one in proposals):
            left["sources-disagree"] += 1
        elif len(characters) != 1:
            left["not-one-character"] += 1
        elif characters <= refused:
            left["refused"] += 1
        else:
            best = min(covered, key=lambda proposal: rule.hows.index(proposal.how))
            rows.append(
                {
                    "code": code.hex().upper(),
                    "from": meaning.valid_from.isoformat(),
                    "character": characters.pop(),
                    "relationship": rule.relationship,
                    "how": best.how,
                    "ground": rule.text.ja if rule.relationship == "substitute" else None,
                }
            )
    if rows:
        record(session, actor, address, rows, name)
    return Decided(len(rows), dict(left))


def _open_questions(
    session: Session, code_set: CodeSet
) -> Iterable[tuple[bytes, Meaning, list[Proposal], bool, set[str]]]:
    """Yield each meaning with its proposals, whether it is settled, and the characters refused for it."""
    in_set = LocalCode.code_set_id == code_set.id
    to_code = LocalCode.id == Meaning.local_code_id
    settled = set(
        session.scalars(
            select(MappingRow.meaning_id)
            .join(Meaning, Meaning.id == MappingRow.meaning_id)
            .join(LocalCode, to_code)
            .where(in_set, MappingRow.until.is_(None), MappingRow.superseded.is_(None))
        )
    )
    refused = defaultdict[int, set[str]](set)
    for meaning_id, character in session.execute(
        select(Decision.meaning_id, Decision.character)
        .join(Meaning, Meaning.id == Decision.meaning_id)
        .join(LocalCode, to_code)
        .where(in_set, Decision.relationship == "not-related", counting(None))
    ):
        refused[meaning_id].add(character)
    proposals = defaultdict[int, list[Proposal]](list)
    for proposal in session.scalars(
        select(Proposal)
        .join(Meaning, Meaning.id == Proposal.meaning_id)
        .join(LocalCode, to_code)
        .where(in_set)
        .order_by(Proposal.id)
    ):
        proposals[proposal.meaning_id].append(proposal)
    query = (
        select(LocalCode.code, Meaning)
        .join(Meaning, to_code)
        .where(in_set)
        .order_by(LocalCode.code, Meaning.valid_from)
    )
    for code, meaning in session.execute(query):
        stands = standing(proposals[meaning.id])
        yield code, meaning, stands, meaning.id in settled, refused[meaning.id]


# --- one code


def decide(
    session: Session,
    actor: Actor,
    address: str,
    code_hex: str,
    character: str,
    relationship: str,
    *,
    ground: str | None = None,
    valid_from: date | None = None,
    evidence: Json | None = None,
) -> str:
    """Decide what one code is and return the character's id.

    character: a shared character, or "new" for one of the council's own, which gets the next id.
    relationship: one of RELATIONSHIPS; `substitute` needs its ground. valid_from: which meaning, where the
    slot was reused; the latest where None. evidence: what the decision rests on, kept beside it as it is.
    Raises UnknownCode, UnknownCharacter, Undecidable.
    """
    ground = checked_ground(character, relationship, ground)
    code_set = find_code_set(session, address)
    meaning = find_meaning(
        session, code_set, charset_of(session, code_set).parse_code(code_hex), valid_from
    )
    current = _current(session, meaning.id)
    if character == NEW:
        _refuse_second_own(session, code_hex, current)
        if relationship != "equivalent":
            raise Undecidable(
                "協議会独自の文字は equivalent としてだけ登録できます。",
                "A character of the council's own is decided as equivalent.",
            )
        registry = head(session)
        character = f"{registry.prefix}{registry.next_own:06d}"
        own = {
            "glyph": _glyph_now(session, meaning.id),
            "code": f"{address}/{code_hex.upper()}",
            "ground": ground,
        }
        act(session, actor, "character.create", character, own)
    else:
        check_character(session, character)
    asked = (character, relationship, ground)
    if relationship == "not-related" or not any(
        said(session, row) == asked and row.ended is None for row in current
    ):
        row: Json = {
            "code": code_hex.upper(),
            "from": meaning.valid_from.isoformat(),
            "character": character,
            "relationship": relationship,
            "how": "person",
            "ground": ground,
        }
        row |= {"evidence": evidence} if evidence is not None else {}
        record(session, actor, address, [row], None)
        return character
    raise Undecidable(
        f"コード {code_hex.upper()} は既に {character}({relationship})と決まっています。",
        f"Code {code_hex.upper()} is decided as {character} ({relationship}) already.",
    )


def checked_ground(character: str, relationship: str, ground: str | None) -> str | None:
    """Return the ground of a decision, None where it has and needs none. Raises BadName, Undecidable."""
    if relationship not in RELATIONSHIPS:
        raise BadName(
            f"関係 {relationship} は決定できません。{'・'.join(RELATIONSHIPS)} のどれかにしてください。",
            f"{relationship} cannot be decided; take one of {', '.join(RELATIONSHIPS)}.",
        )
    ground = (ground or "").strip() or None
    if ground is None and (relationship == "substitute" or character == NEW):
        raise Undecidable(
            "代替(substitute)と協議会独自の文字(new)の決定には根拠が要ります。根拠(ground)を書いてください。",
            "A substitute, or a new character of the council's own, needs its ground; give it.",
        )
    return ground


def check_character(session: Session, id: str) -> None:
    """Make sure that a shared character is there. Raises UnknownCharacter."""
    if session.get(Character, id) is None:
        raise UnknownCharacter(
            f"共通文字 {id} はありません。MJ文字図形名などで確かめてください。",
            f"There is no shared character {id}; check its name.",
        )


def _glyph_now(session: Session, meaning_id: int) -> str | None:
    """Return the glyph a meaning has, published or not: what one of the council's own is made for."""
    query = select(GlyphUse.glyph).where(GlyphUse.meaning_id == meaning_id, coming(GlyphUse))
    return session.scalar(query)


def _refuse_second_own(session: Session, code_hex: str, current: list[MappingRow]) -> None:
    """A code that stands for one of the council's own already is not given another one."""
    prefix = head(session).prefix
    for row in current:
        if row.character.startswith(prefix) and row.ended is None:
            raise Undecidable(
                f"コード {code_hex.upper()} は既に協議会独自の文字 {row.character} です。",
                f"Code {code_hex.upper()} is the council's own {row.character} already.",
            )


def said(session: Session, row: MappingRow) -> Said:
    """Return what a mapping says, with the ground of the decision that made it."""
    ground = session.get_one(Decision, row.decision_id).ground
    return row.character, row.relationship, ground


@effect("character.create")
def _character_created(session: Session, act: Act) -> None:
    registry = session.get_one(Registry, 1)
    registry.next_own = int(act.subject[2:]) + 1
    session.add(
        Character(
            id=act.subject,
            namespace=act.subject[:2],
            serial=act.serial,
            glyph=act.after["glyph"],
        )
    )


def find_meaning(
    session: Session, code_set: CodeSet, code: bytes, valid_from: date | None
) -> Meaning:
    """Return a meaning of a local code by its first day (None: the latest). Raises UnknownCode."""
    query = (
        select(Meaning)
        .join(LocalCode, LocalCode.id == Meaning.local_code_id)
        .where(LocalCode.code_set_id == code_set.id, LocalCode.code == code)
        .order_by(Meaning.valid_from.desc())
    )
    if valid_from is not None:
        query = query.where(Meaning.valid_from == valid_from)
    meaning = session.scalars(query).first()
    if meaning is None:
        raise UnknownCode(
            f"外字コード {code_set.address}/{code.hex().upper()} は登録されていません。先に受け入れてください。",
            f"Local code {code_set.address}/{code.hex().upper()} is not registered; take it in first.",
        )
    return meaning


def _current(session: Session, meaning_id: int) -> list[MappingRow]:
    """Return the live and the pending mapping of a meaning; a pending one hides the live one."""
    query = select(MappingRow).where(
        MappingRow.meaning_id == meaning_id,
        MappingRow.until.is_(None),
        MappingRow.superseded.is_(None),
    )
    rows = list(session.scalars(query))
    return [row for row in rows if row.since is None] or rows


def record(
    session: Session, actor: Actor, address: str, rows: list[Json], policy: str | None
) -> None:
    """Write decisions about codes of one code set as one entry (決定の記録); the caller has checked them.

    rows: code, from, character, relationship, how, ground and, where there is one, evidence.
    """
    after = {"policy": policy, "count": len(rows), "rows": put_rows(session, rows)}
    act(session, actor, "decide", address, after)


@effect("decide")
def _decided(session: Session, act: Act) -> None:
    code_set = find_code_set(session, act.subject)
    rows = list(get_rows(session, act.after["rows"]))
    query = (
        select(LocalCode.code, Meaning.valid_from, Meaning.id)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .where(LocalCode.code_set_id == code_set.id)
    )
    if len(rows) == 1:
        query = query.where(LocalCode.code == bytes.fromhex(rows[0]["code"]))
    meanings = {(code, day): id for code, day, id in session.execute(query)}
    ids = [meanings[bytes.fromhex(row["code"]), date.fromisoformat(row["from"])] for row in rows]
    policy = act.after["policy"]
    decisions = [
        Decision(
            serial=act.serial,
            meaning_id=meaning_id,
            character=row["character"],
            relationship=row["relationship"],
            actor=f"policy:{policy}" if policy else act.actor,
            policy=policy,
            how=row["how"],
            ground=row["ground"],
            at=act.at,
            evidence=row.get("evidence"),
        )
        for meaning_id, row in zip(ids, rows, strict=True)
    ]
    session.add_all(decisions)
    session.flush()
    rows_of = _live_and_pending(session, ids)
    for decision in decisions:
        _take_effect(session, decision, rows_of[decision.meaning_id])
    session.flush()


def _live_and_pending(session: Session, meaning_ids: list[int]) -> dict[int, list[MappingRow]]:
    """Return the live and pending rows of meanings."""
    rows = defaultdict[int, list[MappingRow]](list)
    for start in range(0, len(meaning_ids), 500):
        some = meaning_ids[start : start + 500]
        query = select(MappingRow).where(
            MappingRow.meaning_id.in_(some),
            MappingRow.until.is_(None),
            MappingRow.superseded.is_(None),
        )
        for row in session.scalars(query):
            rows[row.meaning_id].append(row)
    return rows


def _says(decision: Decision) -> Said:
    return decision.character, decision.relationship, decision.ground


def ending(session: Session, row: MappingRow, decisions: Iterable[Decision]) -> int | None:
    """Return the id of the decision that ends a live mapping at the next release, None where it stays.

    decisions: about its meaning, those that count, in their order; what `_take_effect` did one by one.
    """
    ended = None
    for decision in decisions:
        no = decision.relationship == "not-related"
        if decision.id > row.decision_id and not (no and decision.character != row.character):
            ended = None if not no and said(session, row) == _says(decision) else decision.id
    return ended


def _take_effect(session: Session, decision: Decision, rows: list[MappingRow]) -> None:
    """Let a decision change what stands: pending rows give way at once, live ones at the next release."""
    no = decision.relationship == "not-related"
    for row in sorted(rows, key=lambda row: row.since is not None):
        if no and row.character != decision.character:
            continue
        if row.since is None:
            row.superseded = decision.id
        elif no:
            row.ended = decision.id
        elif said(session, row) == _says(decision):
            row.ended = None  # the decision returns to what is published
            return
        else:
            row.ended = decision.id  # so that it does not come back if its replacement is refused
    if rows:
        session.flush()  # rows that give way must go before the new one comes
    if not no:
        session.add(
            MappingRow(
                meaning_id=decision.meaning_id,
                character=decision.character,
                relationship=decision.relationship,
                decision_id=decision.id,
            )
        )
