"""What the sources say a code is, in the order of evidence (根拠の順序).

A city's own MJ name or register number goes before UCS + IVS, that before a vendor's code, that before the
J+ code of its CS table, that before reading and strokes. Every source proposes. Where two exclude each
other, in one import or in several, a finding tells so and no policy decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Protocol, TypeVar

from sqlalchemy.orm import Session

from gaiji.charset.tables import ListedCode
from gaiji.errors import Text
from gaiji.registry import reference
from gaiji.registry.tables import Json
from gaiji.wire.findings import Level

Doubt = Callable[["Draft", str, Level, Text], None]
"""How a doubt about a draft is told: draft, finding code, level, sentence."""

# Evidence from strong to weak; the relationship a source suggests when no other contradicts it.
EVIDENCE: dict[str, str] = {
    "mj-name": "equivalent",
    "koseki": "equivalent",
    "touki": "equivalent",
    "ivs": "equivalent",
    "vendor-code": "unknown",
    "ucs": "unknown",
    "x0213": "unknown",
    "juki": "unknown",
    "cs-table": "unknown",
    "reading-strokes": "unknown",
}


class Proposed(Protocol):
    """What is read of a proposal."""

    @property
    def how(self) -> str:
        """The kind of evidence."""

    @property
    def character(self) -> str | None:
        """The character proposed, None where the source withdrew what it had proposed."""

    @property
    def serial(self) -> int:
        """The act that brought it."""


P = TypeVar("P", bound=Proposed)


def latest(proposals: Iterable[P]) -> list[P]:
    """Return of each kind of evidence what came last, withdrawals included."""
    found = list(proposals)
    last: dict[str, int] = {}
    for one in found:
        last[one.how] = max(one.serial, last.get(one.how, 0))
    return [one for one in found if one.serial == last[one.how]]


def standing(proposals: Iterable[P]) -> list[P]:
    """Return the proposals of a meaning that still stand."""
    return [one for one in latest(proposals) if one.character is not None]


def exclude(proposals: Iterable[tuple[str, str | None]]) -> bool:
    """Tell whether kinds of evidence exclude each other: (how, character) with no character in all."""
    by_how = defaultdict[str, set[str]](set)
    for how, character in proposals:
        if character is not None:
            by_how[how].add(character)
    return bool(by_how) and not set.intersection(*by_how.values())


@dataclass
class Draft:
    """One meaning of one code while the sources are put together."""

    code: bytes
    first_day: date
    last_day: date
    listed: ListedCode | None = None
    juki: str | None = None
    vendor: str | None = None
    glyph: str | None = None
    proposals: list[Json] = field(default_factory=list)
    known: list[tuple[str, str | None]] = field(
        default_factory=list
    )  # (how, character) from earlier imports

    def row(self) -> Json:
        """Return what the act keeps of it."""
        return {
            "code": self.code.hex().upper(),
            "from": self.first_day.isoformat(),
            "to": self.last_day.isoformat(),
            "glyph": self.glyph,
            "listed": _listed(self.listed),
            "proposals": self.proposals,
        }


def _listed(listed: ListedCode | None) -> Json:
    if listed is None:
        return {}
    known = {
        "readings": list(listed.readings),
        "strokes": listed.strokes,
        "radical": listed.radical,
        "remarks": listed.remarks,
        "mj": listed.mj,
        "koseki": listed.koseki,
        "touki": listed.touki,
        "ucs": listed.ucs,
        "ivs": listed.ivs,
        "x0213": listed.x0213,
        "juki": listed.juki,
    }
    return {name: value for name, value in known.items() if value}


def propose(session: Session, drafts: list[Draft], columns: Collection[str], doubt: Doubt) -> None:
    """Add to each draft what its sources propose; tell every doubt.

    columns: fields the city's list has. It speaks for each of them: where a field that proposed something
    before is empty now, the proposal is withdrawn.
    """
    _Evidence(session, drafts, columns, doubt).propose()


LISTED = {
    "mj-name": "mj",
    "koseki": "koseki",
    "touki": "touki",
    "ivs": "ivs",
    "ucs": "ucs",
    "x0213": "x0213",
    "juki": "juki",
}


class _Evidence:
    def __init__(
        self, session: Session, drafts: list[Draft], columns: Collection[str], doubt: Doubt
    ) -> None:
        self.session, self.drafts, self.doubt = session, drafts, doubt
        self.spoken = {how for how, field in LISTED.items() if field in columns}
        self.found: dict[str, dict[str, list[str]]] = {}
        columns = {
            "mj-name": ("id", [_said(draft, "mj") for draft in drafts]),
            "koseki": ("koseki", [_said(draft, "koseki") for draft in drafts]),
            "touki": ("touki", [_said(draft, "touki") for draft in drafts]),
            "ivs": ("ivs", [_said(draft, "ivs") for draft in drafts]),
            "ucs": ("ucs", [_said(draft, "ucs") for draft in drafts]),
            "x0213": ("x0213", [_said(draft, "x0213") for draft in drafts]),
            "juki": ("juki", [_said(draft, "juki") for draft in drafts]),
            "cs-table": ("juki", [draft.juki for draft in drafts]),
        }
        for how, (column, values) in columns.items():
            self.found[how] = reference.find_by(self.session, column, {v for v in values if v})
        vendor = {draft.vendor for draft in drafts if draft.vendor}
        self.found["vendor-code"] = reference.find_by(self.session, "own_ucs", vendor)
        self.found["vendor-code"] |= reference.find_by(self.session, "ivs", vendor)

    def propose(self) -> None:
        plain = [
            draft
            for draft in self.drafts
            if not self._propose_from_numbers(draft) and not draft.known
        ]
        self._propose_from_readings(plain)
        strokes = reference.strokes_of(
            self.session, {p["character"] for d in self.drafts for p in d.proposals}
        )
        for draft in self.drafts:
            self._withdraw(draft)
            self._compare(draft, strokes)

    def _propose_from_numbers(self, draft: Draft) -> bool:
        said = {
            "mj-name": _said(draft, "mj"),
            "koseki": _said(draft, "koseki"),
            "touki": _said(draft, "touki"),
            "ivs": _said(draft, "ivs"),
            "vendor-code": draft.vendor,
            "ucs": _bare_ucs(draft),
            "x0213": _said(draft, "x0213"),
            "juki": _said(draft, "juki"),
            "cs-table": draft.juki,
        }
        for how, value in said.items():
            if not value:
                continue
            candidates = self.found[how].get(value, [])
            if not candidates:
                self._unknown_value(draft, how, value)
            if len(candidates) > 1 and how not in ("ucs", "x0213"):
                self._find(draft, "number-ambiguous", "gap", how, value)
            for character in candidates:
                relationship = EVIDENCE[how] if len(candidates) == 1 else "unknown"
                draft.proposals.append(_proposal(character, how, relationship, value))
        return bool(draft.proposals)

    def _propose_from_readings(self, drafts: list[Draft]) -> None:
        """A reading with a stroke count proposes only where it names a single character."""
        for draft in drafts:
            listed = draft.listed
            if listed is None or not listed.strokes or not listed.readings:
                continue
            found = reference.by_reading(
                self.session, listed.readings, listed.strokes, listed.radical
            )
            if len(found) == 1:
                value = f"{'・'.join(listed.readings)} {listed.strokes}"
                draft.proposals.append(_proposal(found[0], "reading-strokes", "unknown", value))

    def _withdraw(self, draft: Draft) -> None:
        """Take back what the list said before and does not say any more."""
        if draft.listed is None:
            return
        again = {proposal["how"] for proposal in draft.proposals}
        for how in sorted(
            {how for how, character in draft.known if character} & self.spoken - again
        ):
            draft.proposals.append(_proposal(None, how, "unknown", ""))
            self._find(draft, "evidence-withdrawn", "warning", how, None)

    def _compare(self, draft: Draft, strokes: dict[str, int]) -> None:
        new = [(proposal["how"], proposal["character"]) for proposal in draft.proposals]
        again = {how for how, _ in new}
        new += [(how, character) for how, character in draft.known if how not in again]
        said = [(how, character) for how, character in new if character]
        if exclude(said):
            told = ", ".join(f"{how}: {character}" for how, character in said)
            self._find(draft, "sources-disagree", "gap", told, None)
        if not said:
            self._find(draft, "no-source", "gap", None, None)
        listed = draft.listed.strokes if draft.listed else None
        for character in sorted({character for _, character in said}) if listed else ():
            if strokes.get(character, listed) != listed and not exclude(said):
                known = f"{character} ({strokes[character]})"
                self._find(draft, "strokes-differ", "warning", known, str(listed))

    def _unknown_value(self, draft: Draft, how: str, value: str) -> None:
        if how == "ivs" and reference.is_foreign_sequence(self.session, value):
            self._find(draft, "foreign-sequence", "gap", how, value)
        else:
            self._find(draft, "number-unknown", "gap", how, value)

    def _find(self, draft: Draft, name: str, level: Level, a: str | None, b: str | None) -> None:
        parts = {"code": draft.code.hex().upper(), "a": a or "", "b": _visible(b or "")}
        ja, en = _SENTENCES[name]
        self.doubt(draft, name, level, Text(ja.format(**parts), en.format(**parts)))


_SENTENCES = {
    "number-ambiguous": (
        "コード {code} の {a} {b} に当たる文字が複数あります。人が選んでください。",
        "Several characters have the {a} {b} of code {code}; a person has to choose.",
    ),
    "sources-disagree": (
        "コード {code} の資料が食い違います({a})。人が確かめてください。",
        "The sources for code {code} disagree ({a}); a person has to look.",
    ),
    "no-source": (
        "コード {code} は文字を示す資料がありません。字形による同定を待ちます。",
        "No source says what code {code} is; it waits for identification by shape.",
    ),
    "strokes-differ": (
        "コード {code} の画数 {b} は {a} の画数と違います。別の字かもしれません。",
        "Code {code} is listed with {b} strokes, {a} has another number; it may be another character.",
    ),
    "foreign-sequence": (
        "コード {code} の {b} は Moji_Joho 以外のIVSです。対応する文字を人が選んでください。",
        "{b} of code {code} is a sequence of another IVS collection; a person has to choose.",
    ),
    "evidence-withdrawn": (
        "コード {code} の一覧に前はあった {a} がなくなりました。前の提案は取り下げます。",
        "The list gives no {a} for code {code} any more; what it proposed before is withdrawn.",
    ),
    "number-unknown": (
        "コード {code} の {a} {b} は基準文字集合にありません。値を確かめてください。",
        "The {a} {b} of code {code} is not in the reference set; check the value.",
    ),
}


def _said(draft: Draft, name: str) -> str | None:
    return getattr(draft.listed, name) if draft.listed else None


def _visible(value: str) -> str:
    """Return a character or sequence with its code points, other text as it is."""
    if not value.isascii() and len(value) <= 2:
        return f"{value} ({' '.join(f'U+{ord(char):04X}' for char in value)})"
    return value


def _bare_ucs(draft: Draft) -> str | None:
    """The list's UCS, unless its sequence says the same more exactly."""
    ucs, ivs = _said(draft, "ucs"), _said(draft, "ivs")
    return None if ucs and ivs and ivs[0] == ucs else ucs


def _proposal(character: str | None, how: str, relationship: str, value: str) -> Json:
    evidence = {"how": how, "value": value}
    return {
        "character": character,
        "how": how,
        "relationship": relationship,
        "evidence": evidence,
    }
