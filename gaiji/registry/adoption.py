"""Where each city stands (適用状況): which member, system, CS server, terminals and print job run which release.

A site is named by its kind and name, `server:cs1`; members and systems also by their own addresses alone. A code set
follows the record of its system, else that of its member. What nobody told stays unknown: nothing is guessed, and who
takes the latest release instead says so. Records are append-only: one for the same day takes the place of another,
and one that was withdrawn counts no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import Text
from gaiji.registry.adopting import adopt, withdraw
from gaiji.registry.members import find_member, split_address
from gaiji.registry.releases import diff, find_release, latest_number
from gaiji.registry.sites import (
    AREA,
    KINDS,
    add_site,
    find_site,
    kind_of,
    server_area,
    sets_of_sites,
    site_address,
    site_shapes,
    widen_area,
)
from gaiji.registry.tables import (
    Adoption,
    CodeSet,
    CutoverMove,
    CutoverPlan,
    Json,
    Member,
    Release,
    Site,
)
from gaiji.wire.adoption import (
    AdoptionShape,
    NextShape,
    SiteKind,
    TouchedSetShape,
    TouchedShape,
)
from gaiji.wire.findings import Finding

__all__ = [
    "AREA",
    "KINDS",
    "Ends",
    "add_site",
    "adopt",
    "conversion_ends",
    "find_site",
    "release_of",
    "server_area",
    "site_address",
    "site_shapes",
    "standing",
    "standing_of",
    "touched",
    "widen_area",
    "withdraw",
]


def release_of(session: Session, address: str, day: date) -> Release | None:
    """Return the release that a code set runs on a day (適用中の版), None where nobody told.

    The record of its system counts, else that of its member: the one with the greatest day up to then.
    """
    member, _ = split_address(address)
    for kind, name in (("system", address), ("member", member)):
        query = (
            select(Adoption.release)
            .join(Site, Site.id == Adoption.site_id)
            .where(
                Site.kind == kind,
                Site.name == name,
                Adoption.replaced.is_(None),
                Adoption.from_day <= day,
            )
            .order_by(Adoption.from_day.desc())
            .limit(1)
        )
        if (number := session.scalar(query)) is not None:
            return find_release(session, number)
    return None


class Ends(NamedTuple):
    """The releases of both ends of a conversion (両側の版), and what nobody told, for which the latest was taken."""

    source: Release
    target: Release
    findings: tuple[Finding, ...]


def conversion_ends(session: Session, from_: str, to: str, day: date) -> Ends:
    """Return the releases that both ends of a conversion run on a day (適用中の版による変換).

    from_, to: code sets, or targets such as `unicode`, which take the release of the other end. Where nobody told, the
    latest is taken, with a finding. Raises UnknownRelease before the first release.
    """
    latest = find_release(session, "latest")
    found: dict[str, Release] = {}
    findings = []
    for address in dict.fromkeys(one for one in (from_, to) if "/" in one):
        release = release_of(session, address, day)
        if release is None:
            findings.append(_not_told(address, day, latest.number))
        found[address] = release or latest
    other = next(iter(found.values()), latest)
    return Ends(found.get(from_, other), found.get(to, other), tuple(findings))


def _not_told(address: str, day: date, latest: int) -> Finding:
    text = Text(
        f"{address} が {day} に適用している版の記録がないため、最新の版 {latest} を使います。"
        f"gaiji adopt {address} --release N --from 日付 で記録してください。",
        f"Nobody told which release {address} runs on {day}; the latest, {latest}, is taken. "
        f"Record it with gaiji adopt {address} --release N --from DAY.",
    )
    return Finding("release-not-told", "warning", text, address)


# --- the table of all


def standing(session: Session, day: date, member: str | None = None) -> list[AdoptionShape]:
    """Return what every site runs on a day (適用状況), by member, then servers and print jobs.

    Members and systems are there though nobody told anything of them. member: only what concerns one, the servers it
    moved to and the print jobs that show its code sets included. Raises UnknownMember.
    """
    if member is not None:
        find_member(session, member)
    book = _Book(session, day)
    return [*book.members(member), *book.others(member)]


def standing_of(session: Session, site: str, day: date) -> AdoptionShape:
    """Return what one site runs on a day (一つの適用先の適用状況), a candidate's too. Raises BadName, UnknownSite."""
    known = find_site(session, site)
    rows = standing(session, day, known.member)
    return next(one for one in rows if one.site == known.address)


class _Book:
    """All that was recorded, read once."""

    def __init__(self, session: Session, day: date) -> None:
        self.session, self.day, self.latest = session, day, latest_number(session)
        self.sites = {site.address: site for site in session.scalars(select(Site))}
        self.records: defaultdict[int, list[Adoption]] = defaultdict(list)
        live = select(Adoption).where(Adoption.replaced.is_(None)).order_by(Adoption.from_day)
        for one in session.scalars(live):
            self.records[one.site_id].append(one)
        self.sets: defaultdict[str, list[str]] = defaultdict(list)
        ordered = select(CodeSet.member, CodeSet.name).order_by(CodeSet.member, CodeSet.name)
        for member, name in session.execute(ordered):
            self.sets[member].append(f"{member}/{name}")
        self.shown = sets_of_sites(session)
        self.plans = _plans(session, day)

    def code_sets(self, site: Site) -> list[str]:
        """Return what a site shows: a server the code sets of the members that moved to it by the day."""
        if site.kind == "server":
            return sorted(
                one
                for member, (_, planned) in self.plans.get(site.id, {}).items()
                for one in planned
                if one.startswith(f"{member}/")
            )
        if site.kind == "system":
            return [site.name]
        told = self.shown.get(site.id)
        if told or site.kind == "member":
            return told or self.sets[site.name]
        if site.member is not None:
            return self.sets[site.member]
        return [one for sets in self.sets.values() for one in sets]

    def current(self, address: str) -> Adoption | None:
        """Return the record that holds on the day."""
        site = self.sites.get(address)
        passed = [one for one in self.records[site.id] if one.from_day <= self.day] if site else []
        return passed[-1] if passed else None

    def members(self, member: str | None) -> Iterator[AdoptionShape]:
        query = select(Member.code).order_by(Member.code)
        query = query.where(Member.code == member) if member else query.where(~Member.candidate)
        terminals = defaultdict(list)
        for site in self.sites.values():
            if site.kind == "terminals":
                terminals[site.member].append(site)
        for code in self.session.scalars(query):
            yield self.row("member", code, code)
            for address in self.sets[code]:
                yield self.row("system", address, code, f"member:{code}")
            for site in sorted(terminals[code], key=lambda one: one.name):
                yield self.row("terminals", site.name, code, codesets=self.shown.get(site.id, []))

    def others(self, member: str | None) -> Iterator[AdoptionShape]:
        for kind in ("server", "print"):
            for site in sorted(self.sites.values(), key=lambda one: one.name):
                if site.kind != kind:
                    continue
                shown = self.code_sets(site)
                if member is None or any(one.startswith(f"{member}/") for one in shown):
                    told = shown if kind == "server" else self.shown.get(site.id, [])
                    yield self.row(kind_of(site), site.name, None, codesets=told)

    def row(
        self,
        kind: SiteKind,
        name: str,
        member: str | None,
        follows: str | None = None,
        codesets: Iterable[str] = (),
    ) -> AdoptionShape:
        address = f"{kind}:{name}"
        told_by = address
        record = self.current(address)
        if record is None and follows is not None:
            told_by, record = follows, self.current(follows)
        return AdoptionShape(
            site=address,
            kind=kind,
            name=name,
            member=member,
            codesets=list(codesets),
            release=record and record.release,
            from_=record and record.from_day,
            told_by=told_by if record else None,
            behind=record is not None and record.release < self.latest,
            font=record and record.font,
            ground=record and record.ground,
            by=record and record.actor,
            at=record and record.at,
            next=self.coming(address, None if record and told_by == address else follows),
        )

    def coming(self, address: str, follows: str | None) -> NextShape | None:
        """Return the first record after the day, of a site or, until it has its own, of what it follows."""
        sites = [self.sites[one] for one in (address, follows) if one in self.sites]
        later = [one for site in sites for one in self.records[site.id] if one.from_day > self.day]
        first = min(
            later, key=lambda one: one.from_day, default=None
        )  # of one day its own, told first
        return NextShape(release=first.release, from_=first.from_day) if first else None


def _plans(session: Session, day: date) -> dict[int, dict[str, tuple[int, list[str]]]]:
    """Return, by server and member that moved to it by a day, the plan it moved by and that plan's code sets."""
    query = select(CutoverMove, CutoverPlan).join(
        CutoverPlan, CutoverPlan.id == CutoverMove.plan_id
    )
    found: defaultdict[int, dict[str, tuple[int, list[str]]]] = defaultdict(dict)
    for move, plan in session.execute(query.where(CutoverMove.day <= day)):
        found[move.site_id][move.member] = plan.number, plan.code_sets
    return found


# --- whom a change touches


def touched(session: Session, before: int | str, after: int | str, day: date) -> list[TouchedShape]:
    """Return the sites that a change from one release to another would touch (影響範囲), as of a day.

    A site is touched when a code set it shows differs between the two, and what it runs is what `before` says of it;
    also where nobody told what it runs. For taking a release back, `after` is the one it goes back to. Raises
    UnknownRelease.
    """
    one, two = find_release(session, before), find_release(session, after)
    changes = {
        address: len(rows) for address, rows in diff(session, one.number, two.number).items()
    }
    held = one.manifest["code_sets"]
    book = _Book(session, day)
    manifests: dict[int, Json] = {}
    found = []
    for row in standing(session, day):
        if row.kind == "member":  # its systems are rows of their own
            continue
        site = book.sites.get(row.site)
        shown = [row.name] if row.kind == "system" else book.code_sets(site) if site else []
        if row.release is not None and row.release not in manifests:
            manifests[row.release] = find_release(session, row.release).manifest["code_sets"]
        runs = manifests[row.release] if row.release is not None else held
        reached = [
            TouchedSetShape(codeset=address, codes=changes[address])
            for address in shown
            if address in changes
            and runs.get(address, {}).get("digest") == held.get(address, {}).get("digest")
        ]
        if reached:
            numbers = [n for n, _ in book.plans.get(site.id, {}).values()] if site else []
            found.append(
                TouchedShape(
                    site=row.site,
                    kind=row.kind,
                    member=row.member,
                    release=row.release,
                    codesets=reached,
                    font=row.font,
                    plan=f"{row.name}/{max(numbers)}" if numbers else None,
                )
            )
    return found
