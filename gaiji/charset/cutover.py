"""What a shared CS server (共用CSサーバー) adds to Juki-net codes, and the plan that says so.

A character without a 住基ネット統一文字コード (残存外字) has no place in that repertoire. A server that several
cities share gives it one in its own private-use area, the same for all of them; where two local codes share one
J+ code, a rule that somebody decided says which of them comes back. Conversion reads both from a plan
(`Cutover`). The plan itself (`Plan`) has a row for every local code of its code sets; it is plain, immutable data,
kept and handed on as JSON lines.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from gaiji.charset.mapping import Relationship
from gaiji.errors import Text, Where

if TYPE_CHECKING:  # conversions by the thousand need no shapes
    from gaiji.wire.findings import Finding

Json = dict[str, Any]
RowKind = Literal["mapped", "residual", "undecided"]
Back = Literal["exact", "rule", "one-way", "ask"]
Reason = Literal[
    "no-source", "not-decided", "refused", "contradiction", "not-in-force", "not-in-release"
]
AmbiguityKind = Literal["two-codes", "standard-and-local", "text-and-local", "only-substitutes"]

ROW_KINDS: tuple[RowKind, ...] = ("mapped", "residual", "undecided")
BACKS: tuple[Back, ...] = ("exact", "rule", "one-way", "ask")
AMBIGUITY_KINDS: tuple[AmbiguityKind, ...] = get_args(AmbiguityKind)


class Cutover(NamedTuple):
    """One server's plan (移行計画) as conversion reads it.

    server, number: the plan, e.g. cs1 and 2; digest: sha256 of its manifest; release: the edition it was made with.
    points: character to the server's code point; back: code set to character to the local code that a rule chose,
    None where the rule is that none comes back.
    as_of: the day whose meanings were planned, which converting takes where none is named; code_sets: what it is for.
    """

    server: str
    number: int
    digest: str
    release: int
    points: ReadOnly[str, int]
    back: ReadOnly[str, ReadOnly[str, bytes | None]]
    as_of: date
    code_sets: frozenset[str]


class Proposed(NamedTuple):
    """The reduction that the shrink map offers a residual character (縮退の提案): shown, never applied.

    character, juki: the target and its J+ code, None for a tie; tied: the equally ranked targets of a tie;
    ground, rank: as the map has them, rank None where it gives none.
    """

    character: str | None
    juki: int | None
    ground: str
    rank: int | None = None
    tied: tuple[str, ...] = ()

    def as_json(self) -> Json:
        """Return it as JSON has it."""
        return self._asdict() | {"tied": list(self.tied)}

    @classmethod
    def from_json(cls, row: Json) -> Proposed:
        """Return what `as_json` wrote."""
        return cls(**(row | {"tied": tuple(row["tied"])}))


class PlanRow(NamedTuple):
    """What becomes of one local code at the cutover (移行計画の行).

    kind: mapped (the character has a J+ code), residual (it has none: 残存外字), undecided (no character);
    reason: why it is undecided. how, actor, ground, decided_at: the decision. juki: J+ code; point: the server's
    code point; today: the J+ code that the city's own CS table gives it. back: whether this very code comes back
    from the server, None for what is undecided: `exact` by itself, `rule` because somebody chose it, `one-way` not,
    as is known, `ask` nobody has said yet. uses: occurrences in counted files (のべ), None where nothing was counted.
    """

    code_set: str
    code: bytes
    valid_from: date | None
    kind: RowKind
    reason: Reason | None = None
    character: str | None = None
    relationship: Relationship | None = None
    how: str | None = None
    actor: str | None = None
    ground: str | None = None
    decided_at: str | None = None
    juki: int | None = None
    point: int | None = None
    today: int | None = None
    back: Back | None = None
    glyph: str | None = None
    reduction: Proposed | None = None
    uses: int | None = None

    @property
    def subject(self) -> str:
        """The public name of the code, e.g. 252069/juki/F040."""
        return f"{self.code_set}/{self.code.hex().upper()}"

    @property
    def sent(self) -> int | None:
        """The unit that the server gets for this code: J+ code or point, None for what is undecided."""
        return self.juki if self.juki is not None else self.point

    @property
    def changes(self) -> bool:
        """Whether something else will be sent than the city's own CS table says today (送信内容の変更)."""
        return self.today is not None and self.today != self.sent

    def semantic(self) -> Json:
        """Return what the digest of a code set's rows is made from."""
        return {
            "code": self.code.hex().upper(),
            "from": self.valid_from and self.valid_from.isoformat(),
            "character": self.character,
            "relationship": self.relationship,
            "juki": unit_name(self.juki, "J+"),
            "point": unit_name(self.point, "U+"),
            "back": self.back,
        }

    def as_json(self) -> Json:
        """Return the row as it is kept: code and days as text, J+ codes and points as numbers."""
        row = self._asdict() | {
            "code": self.code.hex().upper(),
            "valid_from": self.valid_from and self.valid_from.isoformat(),
            "reduction": self.reduction and self.reduction.as_json(),
        }
        return {name: value for name, value in row.items() if value is not None}

    @classmethod
    def from_json(cls, row: Json) -> PlanRow:
        """Return the row that `as_json` wrote."""
        day, proposed = row.get("valid_from"), row.get("reduction")
        told = row | {
            "code": bytes.fromhex(row["code"]),
            "valid_from": date.fromisoformat(day) if day else None,
            "reduction": Proposed.from_json(proposed) if proposed else None,
        }
        return cls(**told)


class Rule(NamedTuple):
    """What somebody decided about a way back (戻りの規則).

    code: the local code that comes back for a character in a code set; None accepts that none is chosen: a standard
    code comes back where there is one, and nothing where there is none.
    """

    code_set: str
    character: str
    code: bytes | None
    ground: str
    actor: str

    def as_json(self) -> Json:
        """Return the rule as it is kept."""
        return self._asdict() | {"code": self.code and self.code.hex().upper()}

    @classmethod
    def from_json(cls, row: Json) -> Rule:
        """Return the rule that `as_json` wrote."""
        return cls(**(row | {"code": bytes.fromhex(row["code"]) if row["code"] else None}))


class Ambiguity(NamedTuple):
    """A character whose way back to a code set is not the code that was read, for want of a rule (戻りのあいまいさ).

    kind: two-codes (two exact local codes), standard-and-local (a standard code shows the same), text-and-local (in a
    Unicode charset text beyond the standard area means the same), only-substitutes (several substitutes and no exact
    code). sent: the unit that several codes share, J+ code or point. codes: the local codes; standard: bytes of the
    standard code or of that text. rule: what was decided, None while it is to be asked.
    """

    kind: AmbiguityKind
    code_set: str
    character: str
    sent: int
    codes: tuple[bytes, ...]
    standard: bytes | None = None
    rule: Rule | None = None

    @property
    def is_open(self) -> bool:
        """Whether nobody has decided yet (未決)."""
        return self.rule is None

    def as_json(self) -> Json:
        """Return it as it is kept."""
        return self._asdict() | {
            "codes": [code.hex().upper() for code in self.codes],
            "standard": self.standard and self.standard.hex().upper(),
            "rule": self.rule and self.rule.as_json(),
        }

    @classmethod
    def from_json(cls, row: Json) -> Ambiguity:
        """Return what `as_json` wrote."""
        told = row | {
            "codes": tuple(bytes.fromhex(code) for code in row["codes"]),
            "standard": bytes.fromhex(row["standard"]) if row["standard"] else None,
            "rule": Rule.from_json(row["rule"]) if row["rule"] else None,
        }
        return cls(**told)


class Outside(NamedTuple):
    """A J+ code in a city's own CS table that the reference set does not have (基準文字集合の外).

    kind: outside-juki lies outside the ranges of the Juki-net repertoire; outside-reference lies in them and the
    reference set has no such character (変体仮名 and some non-kanji). code: the local code, None where the table's
    row was dropped before it was read; record: the line of the table.
    """

    kind: Literal["outside-juki", "outside-reference"]
    code_set: str
    code: bytes | None
    juki: str
    record: int

    @property
    def subject(self) -> str:
        """The public name of the code, or of the code set where the code is not known."""
        return f"{self.code_set}/{self.code.hex().upper()}" if self.code else self.code_set

    def finding(self) -> Finding:
        """Return it as a finding; it is no error of the city."""
        from gaiji.wire.findings import Finding

        text = Text(
            f"{self.juki} は住基ネット統一文字の範囲の外です。CSサーバーの表を確かめてください。",
            f"{self.juki} lies outside the Juki-net repertoire; check the table of the CS server.",
        )
        if self.kind == "outside-reference":
            text = Text(
                f"{self.juki} は住基ネット統一文字の範囲にありますが、基準文字集合にありません。文字は決まりません。",
                f"{self.juki} is in the ranges of Juki-net and not in the reference set; it names no character here.",
            )
        return Finding(self.kind, "warning", text, self.subject, Where(None, self.record))

    def as_json(self) -> Json:
        """Return it as it is kept."""
        return self._asdict() | {"code": self.code and self.code.hex().upper()}

    @classmethod
    def from_json(cls, row: Json) -> Outside:
        """Return what `as_json` wrote."""
        return cls(**(row | {"code": bytes.fromhex(row["code"]) if row["code"] else None}))


@dataclass(frozen=True)
class Plan:
    """A plan to bring cities' code sets onto one shared CS server (移行計画). Immutable.

    server, number: cs1 and 1; number 0 in a dry run. release, release_digest: the edition it was made with; as_of: the
    day whose meanings hold. rows: one per local code, by code set and code. points: the server's whole allocation,
    other plans' characters included. manifest: what `digest` is the sha256 of.
    """

    server: str
    number: int
    release: int
    release_digest: str
    as_of: date
    members: tuple[str, ...]
    rows: tuple[PlanRow, ...] = field(repr=False)
    points: ReadOnly[str, int] = field(repr=False)
    rules: tuple[Rule, ...] = field(repr=False)
    ambiguities: tuple[Ambiguity, ...] = field(repr=False)
    outside: tuple[Outside, ...] = field(repr=False)
    manifest: Json = field(repr=False)
    digest: str

    @property
    def code_sets(self) -> tuple[str, ...]:
        """The addresses of its code sets."""
        return tuple(sorted(self.manifest["code_sets"]))

    @property
    def area(self) -> range:
        """The server's private-use area."""
        first, last = (int(end, 16) for end in self.manifest["area"].split("-"))
        return range(first, last + 1)

    @property
    def open(self) -> tuple[Ambiguity, ...]:
        """The ambiguities that nobody has decided yet (未決)."""
        return tuple(one for one in self.ambiguities if one.is_open)

    def rows_of(self, code_set: str) -> tuple[PlanRow, ...]:
        """Return the rows of one code set."""
        return tuple(row for row in self.rows if row.code_set == code_set)

    def counts(self, code_set: str | None = None) -> Counter[str]:
        """Count rows by kind (mapped, residual, undecided) of one code set or of all; they add up to its codes."""
        return Counter(row.kind for row in self.rows if code_set in (None, row.code_set))

    def cutover(self) -> Cutover:
        """Return what conversion reads of it."""
        back: dict[str, dict[str, bytes | None]] = {}
        for rule in self.rules:
            back.setdefault(rule.code_set, {})[rule.character] = rule.code
        chosen = {address: MappingProxyType(codes) for address, codes in back.items()}
        return Cutover(
            self.server,
            self.number,
            self.digest,
            self.release,
            self.points,
            MappingProxyType(chosen),
            self.as_of,
            frozenset(self.code_sets),
        )

    def lines(self) -> Iterator[Json]:
        """Return the plan as JSON lines: a head, then one object per row, point, rule, ambiguity and finding."""
        yield {
            "plan": {
                "server": self.server,
                "number": self.number,
                "release": self.release,
                "release_digest": self.release_digest,
                "as_of": self.as_of.isoformat(),
                "members": list(self.members),
                "manifest": self.manifest,
                "digest": self.digest,
            }
        }
        for row in self.rows:
            yield {"row": row.as_json()}
        for character, point in sorted(self.points.items(), key=lambda pair: pair[1]):
            yield {"point": {"character": character, "code_point": point}}
        for rule in self.rules:
            yield {"rule": rule.as_json()}
        for ambiguity in self.ambiguities:
            yield {"ambiguity": ambiguity.as_json()}
        for one in self.outside:
            yield {"outside": one.as_json()}

    @classmethod
    def from_lines(cls, lines: Iterable[Json]) -> Plan:
        """Return the plan that `lines` wrote."""
        parts: dict[str, list[Any]] = {}
        for line in lines:
            ((name, part),) = line.items()
            parts.setdefault(name, []).append(part)
        (head,) = parts["plan"]
        return cls(
            **(
                head
                | {
                    "as_of": date.fromisoformat(head["as_of"]),
                    "members": tuple(head["members"]),
                }
            ),
            rows=tuple(PlanRow.from_json(row) for row in parts.get("row", ())),
            points=MappingProxyType(
                {row["character"]: row["code_point"] for row in parts.get("point", ())}
            ),
            rules=tuple(Rule.from_json(row) for row in parts.get("rule", ())),
            ambiguities=tuple(Ambiguity.from_json(row) for row in parts.get("ambiguity", ())),
            outside=tuple(Outside.from_json(row) for row in parts.get("outside", ())),
        )


def unit_name(unit: int | None, prefix: Literal["J+", "U+"]) -> str | None:
    """Return how a J+ code or a code point is written: J+9089, U+E000; None stays None."""
    return None if unit is None else f"{prefix}{unit:04X}"
