"""What a conversion by the registry is made from (変換の準備): names become numbers, then mappings and a plan."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.orm import Session

from gaiji.charset.conversion import Conversion
from gaiji.charset.cutover import Cutover
from gaiji.charset.days import check_day, check_open
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.errors import BadName, Refused
from gaiji.registry import adoption, cutover, releases
from gaiji.registry.db import today
from gaiji.wire.findings import Finding

ADOPTED = "adopted"


class Pinned(NamedTuple):
    """The numbers behind the names: a second attempt with them uses the same tables (指定の確定).

    release: that of the code set, or of the source of two; to_release: the target's, between two code sets. plan:
    `cs1/2`. findings: what was taken because nobody told which release a city runs.
    """

    release: int
    to_release: int | None = None
    plan: str | None = None
    findings: tuple[Finding, ...] = ()


def pin(
    session: Session,
    from_: str,
    to: str,
    release: int | str | None,
    options: Options,
    server: str | None = None,
) -> Pinned:
    """Return which releases and which plan a conversion uses.

    release: a number, `latest`, or `adopted`, the releases that both sides run on the day of the file (as_of, else
    today); None is `adopted` between two code sets, that of the plan with a server, else `latest`. server: a shared CS
    server, `cs1` for its newest plan or `cs1/2`. Raises UnknownRelease, UnknownSite, UnknownPlan, BadName, and Refused
    for a plan of another release.
    """
    both = "/" in from_ and "/" in to
    if server is not None:
        return _planned(session, server, release)
    if release == ADOPTED or (release is None and both):
        ends = adoption.conversion_ends(session, from_, to, options.as_of or today())
        target = ends.target.number if both else None
        return Pinned(ends.source.number, target, findings=ends.findings)
    number = releases.find_release(session, "latest" if release is None else release).number
    return Pinned(number, number if both else None)


def _planned(session: Session, server: str, release: int | str | None) -> Pinned:
    name, slash, number = server.removeprefix("server:").partition("/")
    if slash and not (number.isascii() and number.isdecimal() and len(number) < 7):
        raise BadName(
            f"移行計画 {server[:40]} の書き方が違います。cs1 か cs1/2 のように指定してください。",
            f"{server[:40]} is no cutover plan; write it like cs1 or cs1/2.",
        )
    plan = cutover.plan_record(session, name, int(number) if slash else None)
    if release not in (None, "latest", ADOPTED, plan.release, str(plan.release)):
        raise Refused(
            f"移行計画 {name}/{plan.number} は版 {plan.release} のもので、--release {release} では使えません。"
            f"--release {plan.release} とするか、その版で計画し直してください。",
            f"Cutover plan {name}/{plan.number} is of release {plan.release} and cannot serve release {release}; name "
            f"release {plan.release}, or plan again with the other.",
        )
    return Pinned(plan.release, None, f"{name}/{plan.number}")


def conversion(
    session: Session,
    from_: str,
    to: str,
    pinned: Pinned,
    options: Options,
    *,
    of_today: bool = True,
) -> Conversion:
    """Return the conversion that was asked for (変換). Raises UnknownCodeSet, UnknownRelease, UnsupportedConversion.

    of_today: the day of the file may be left out only as long as every code means today what it means on the plan's
    day or, without a plan, what it will mean for good. A mapping file tells its own days.
    """
    source = releases.find_release(session, pinned.release)
    target = (
        source if pinned.to_release is None else releases.find_release(session, pinned.to_release)
    )
    one, two = (
        releases.mapping(session, name, release, as_of=options.as_of) if "/" in name else name
        for name, release in ((from_, source), (to, target))
    )
    plan = plan_of(session, pinned.plan)
    made = Conversion(one, two, options, plan)
    if of_today and options.as_of is None:
        for end in (one, two):
            if plan is not None and isinstance(end, Mapping):
                check_day(end, plan, today())
            elif isinstance(end, Mapping):
                check_open(end, today())
    return made


def plan_of(session: Session, plan: str | None) -> Cutover | None:
    """Return what conversion reads of a plan `cs1/2`, None for none. Raises UnknownSite, UnknownPlan."""
    if plan is None:
        return None
    server, _, number = plan.partition("/")
    return cutover.cutover_of(session, server, int(number))
