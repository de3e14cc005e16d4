"""FIT&GAP: how much of a member's gaiji the shared set covers, and what would close each gap (適合率).

A code fits (適合) when every meaning of it is decided as `equivalent` or `design-difference` with a
character inside what is measured against. The gaps are counted apart, each code once, by its worst meaning:

- unmapped: no source says what it is, or a person refused all that was proposed;
- undecided: proposed, waiting for a decision;
- outside: decided, but the character is not in MJ, in MJ+ (MJ and GJ), or in the shared table, that is in
  use by no other member in the release;
- substitute: decided as a substitute (縮退・代替).

The rate is fit of codes in tenths of a percent by integer division, so 100.0 stands only without a gap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from gaiji.errors import Refused
from gaiji.registry.db import Session
from gaiji.registry.gaps import (
    Neighbour,
    Standing,
    has_namespace,
    in_use_by_others,
    measured_sets,
    neighbours,
    standings,
    stored_findings,
)
from gaiji.registry.members import GROUPS, find_member
from gaiji.registry.releases import find_release, latest_number
from gaiji.registry.tables import CodeSet
from gaiji.report.remedies import Remedy, remedy
from gaiji.wire.findings import Finding
from gaiji.wire.fitgap import (
    Against,
    FitGapCodeSetShape,
    FitGapRowShape,
    FitGapShape,
    GapKind,
    GapProposalShape,
    GapShape,
    NeighbourShape,
    ProofShape,
    RemedyShape,
)

Kind = Literal["fit"] | GapKind
WORST: tuple[Kind, ...] = ("unmapped", "undecided", "outside", "substitute", "fit")
FIT = ("equivalent", "design-difference")
NAMESPACES = {"MJ": ("MJ",), "GJ": ("MJ", "GJ")}
TOTAL = "合計"

# Findings of an import that no longer hold once something else came in.
OVERTAKEN: dict[str, Callable[[Standing], bool]] = {
    "no-source": lambda one: bool(one.proposals) or one.character is not None,
    "no-glyph": lambda one: one.glyph is not None,
    "not-listed": lambda one: bool(one.listed),
}


@dataclass(frozen=True)
class Row:
    """One line of the table (表の一行): a business-system group, or the total with number None."""

    number: int | None
    group: str
    code_sets: int
    counts: Counter[Kind]

    @property
    def codes(self) -> int:
        """外字数."""
        return self.counts.total()

    @property
    def fit(self) -> int:
        """適合."""
        return self.counts["fit"]

    @property
    def gap(self) -> int:
        """不適合."""
        return self.codes - self.fit

    @property
    def rate_tenths(self) -> int | None:
        """適合率 in tenths of a percent, cut; None without codes."""
        return self.fit * 1000 // self.codes if self.codes else None

    @property
    def rate(self) -> str | None:
        """適合率 as it is printed, e.g. 99.6."""
        tenths = self.rate_tenths
        return None if tenths is None else f"{tenths // 10}.{tenths % 10}"


@dataclass(frozen=True)
class Gap:
    """One gap (不適合の外字)."""

    kind: GapKind
    standing: Standing
    findings: tuple[Finding, ...]
    remedy: Remedy


@dataclass(frozen=True)
class Measured:
    """One code set as measured (外字セットごとの所見): its codes, fits, and findings counted by code."""

    code_set: str
    system: str
    group: str
    codes: int
    fit: int
    findings: dict[str, int]


@dataclass(frozen=True)
class FitGap:
    """FIT&GAP of a member or candidate (適合・不適合): the table, the gaps one by one, and the proof.

    release: what was measured, None for the state of work. table_release: the release whose table was
    measured against, None unless against is "table" and something is published. proof_release: the release
    the others are compared with, None before the first.
    """

    member: str
    name: str
    candidate: bool
    against: Against
    release: int | None
    table_release: int | None
    rows: tuple[Row, ...]
    code_sets: tuple[Measured, ...]
    gaps: tuple[Gap, ...]
    proof_release: int | None
    neighbours: tuple[Neighbour, ...]

    @property
    def total(self) -> Row:
        """合計."""
        return self.rows[-1]

    @property
    def others_unchanged(self) -> bool:
        """Whether publishing what is decided for this member leaves every other code set as it is."""
        return all(other.digest == other.after for other in self.neighbours)

    def shape(self) -> FitGapShape:
        """Return the JSON shape, its sentences in the current language."""
        return FitGapShape(
            member=self.member,
            name=self.name,
            candidate=self.candidate,
            against=self.against,
            release=self.release,
            table_release=self.table_release,
            rows=[_row_shape(row) for row in self.rows],
            codesets=[
                FitGapCodeSetShape(
                    codeset=one.code_set,
                    system=one.system,
                    group=one.group,
                    codes=one.codes,
                    fit=one.fit,
                    findings=one.findings,
                )
                for one in self.code_sets
            ],
            gaps=[_gap_shape(gap) for gap in self.gaps],
            others_unchanged=ProofShape(
                release=self.proof_release,
                unchanged=self.others_unchanged,
                codesets=[
                    NeighbourShape(
                        codeset=other.code_set,
                        digest=other.digest,
                        after=other.after,
                        unchanged=other.digest == other.after,
                        waiting=other.waiting,
                    )
                    for other in self.neighbours
                ],
            ),
        )


def _row_shape(row: Row) -> FitGapRowShape:
    return FitGapRowShape(
        number=row.number,
        group=row.group,
        code_sets=row.code_sets,
        codes=row.codes,
        fit=row.fit,
        gap=row.gap,
        substitute=row.counts["substitute"],
        undecided=row.counts["undecided"],
        unmapped=row.counts["unmapped"],
        outside=row.counts["outside"],
        rate=None if row.rate is None else float(row.rate),
    )


def _gap_shape(gap: Gap) -> GapShape:
    one = gap.standing
    return GapShape(
        codeset=one.code_set,
        code=one.code.hex().upper(),
        kind=gap.kind,
        glyph=one.glyph,
        character=one.character,
        relationship=one.relationship,
        ground=one.ground,
        valid_from=one.first_day,
        valid_to=one.last_day,
        listed=one.listed,
        proposals=[
            GapProposalShape(
                character=proposal.character,
                how=proposal.how,
                relationship=proposal.relationship,
                value=proposal.value,
                refused=proposal.refused,
            )
            for proposal in one.proposals
        ],
        findings=[finding.shape() for finding in gap.findings],
        remedy=RemedyShape(code=gap.remedy.code, text=str(gap.remedy.text)),
    )


# --- measuring


def measure(
    session: Session, member: str, *, against: Against = "MJ", release: int | None = None
) -> FitGap:
    """Measure a member's gaiji, or a candidate's before it joins (FIT&GAP).

    against: MJ, GJ (that is MJ+: MJ and GJ) or table (characters other members use in that release, the
    latest where None). release: what it published; None for the state of work, where decided and not yet
    published counts as decided and proposals do not. Raises UnknownMember, UnknownRelease, and Refused
    when GJ is asked for and was never imported.
    """
    owner = find_member(session, member)
    edition = None if release is None else find_release(session, release)
    latest = latest_number(session)
    inside = _inside(session, member, against, latest if release is None else release)
    sets = measured_sets(session, member, edition)
    rows = standings(session, sets, edition)
    said = stored_findings(session, sets, edition)
    codes = [
        _worst(list(meanings), inside) for _, meanings in groupby(rows, key=lambda one: one.subject)
    ]
    return FitGap(
        member=member,
        name=owner.name,
        candidate=owner.candidate,
        against=against,
        release=release,
        table_release=(release or latest or None) if against == "table" else None,
        rows=_table(sets, codes),
        code_sets=tuple(_measured(code_set, codes, rows, said) for code_set in sets),
        gaps=tuple(
            Gap(
                kind,
                one,
                _still_true(said.get(one.subject, []), [one]),
                remedy(kind, one, against),
            )
            for kind, one in codes
            if kind != "fit"
        ),
        proof_release=latest or None,
        neighbours=_neighbours(session, member, latest),
    )


def _neighbours(session: Session, member: str, latest: int) -> tuple[Neighbour, ...]:
    return tuple(neighbours(session, member, find_release(session, latest))) if latest else ()


def _inside(session: Session, member: str, against: Against, release: int) -> Callable[[str], bool]:
    """Return what tells whether a character is in what is measured against."""
    if against == "table":
        return in_use_by_others(session, member, release).__contains__
    if against == "GJ" and not has_namespace(session, "GJ"):
        raise Refused(
            "行政事務標準文字(GJ)がまだ取り込まれていないため測れません。"
            "gaiji reference import FILE --namespace GJ で取り込んでください。",
            "The additions of MJ+ (GJ) were never imported, so nothing can be measured against them; "
            "import them with gaiji reference import FILE --namespace GJ.",
        )
    return lambda character: character.startswith(NAMESPACES[against])


def _worst(meanings: list[Standing], inside: Callable[[str], bool]) -> tuple[Kind, Standing]:
    """Return a code's kind: that of its worst meaning, the latest of several."""
    kinds = [(_kind(one, inside), one) for one in reversed(meanings)]
    return min(kinds, key=lambda pair: WORST.index(pair[0]))


def _kind(one: Standing, inside: Callable[[str], bool]) -> Kind:
    if one.character is None:
        return "undecided" if any(not p.refused for p in one.proposals) else "unmapped"
    if one.relationship not in FIT:
        return "substitute"
    return "fit" if inside(one.character) else "outside"


def _table(sets: list[CodeSet], codes: list[tuple[Kind, Standing]]) -> tuple[Row, ...]:
    group_of = {code_set.address: code_set.group for code_set in sets}
    counts: dict[str, Counter[Kind]] = {group: Counter() for group in GROUPS}
    for kind, one in codes:
        counts[group_of[one.code_set]][kind] += 1
    numbers = Counter(group_of.values())
    rows = [
        Row(place, group, numbers[group], counts[group]) for place, group in enumerate(GROUPS, 1)
    ]
    return (*rows, Row(None, TOTAL, len(sets), sum(counts.values(), Counter[Kind]())))


def _measured(
    code_set: CodeSet,
    codes: list[tuple[Kind, Standing]],
    rows: list[Standing],
    said: dict[str, list[Finding]],
) -> Measured:
    kinds = [kind for kind, one in codes if one.code_set == code_set.address]
    found = Counter(finding.code for finding in said.get(code_set.address, []))
    own = (one for one in rows if one.code_set == code_set.address)
    for subject, meanings in groupby(own, key=lambda one: one.subject):
        still = _still_true(said.get(subject, []), list(meanings))
        found.update(finding.code for finding in still)
    return Measured(
        code_set.address,
        code_set.system,
        code_set.group,
        len(kinds),
        kinds.count("fit"),
        dict(sorted(found.items())),
    )


def _still_true(findings: Iterable[Finding], meanings: list[Standing]) -> tuple[Finding, ...]:
    """Leave out what an earlier import missed and a later one, or a decision, has brought."""
    return tuple(
        finding
        for finding in findings
        if not (gone := OVERTAKEN.get(finding.code)) or not all(gone(one) for one in meanings)
    )
