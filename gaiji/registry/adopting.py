"""What a site runs, recorded and taken back (適用の記録と取消): records are append-only, and an act ends each."""

from __future__ import annotations

import re
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gaiji.errors import BadName, NotFound, Refused, UnknownRelease
from gaiji.registry.db import today
from gaiji.registry.journal import Act, Actor, act, check_label, effect
from gaiji.registry.members import code_sets
from gaiji.registry.releases import find_release, published_day
from gaiji.registry.sites import add_site, find_site, known_site, sets_of_sites, site_address
from gaiji.registry.tables import Adoption, Json, Release, Site

YEARS_AHEAD = 10
"""How far ahead a first day may lie; further it is a slip of the pen."""


def adopt(
    session: Session,
    actor: Actor,
    site: str,
    release: int | str,
    from_day: date,
    *,
    font: str | None = None,
    ground: str | None = None,
) -> Adoption:
    """Record from which day a site runs a release (適用); members and systems need no registration before.

    font: sha256 of the font handed to its terminals. A record for the same day is replaced; one of a wrong day is
    withdrawn. Raises UnknownSite, UnknownMember, UnknownCodeSet, UnknownRelease also for a release that does not hold a
    code set that the site names, or none of its member's, BadName, and Refused for a day before the release was
    published or more than ten years ahead.
    """
    address = site_address(site)
    found = find_release(session, release)
    _check_day(found, from_day)
    known = known_site(session, address)
    if known is None and address.startswith(("member:", "system:")):
        known = add_site(session, actor, address)
    known = known or find_site(session, address)
    named = [known.name] if known.kind == "system" else sets_of_sites(session).get(known.id, [])
    for one in named:
        _check_held(found, one)
    if not named and known.member is not None:
        _check_concerned(session, found, known.member)
    if font is not None and not re.fullmatch("[0-9a-f]{64}", font):
        raise BadName(
            "フォントは sha256 (16進64桁) で指定してください。",
            "Name the font by its sha256, 64 hex digits.",
        )
    if ground is not None:
        ground = check_label(ground, "根拠", "the ground")
    before = _live(session, known, from_day)
    after = {
        "release": found.number,
        "from": from_day.isoformat(),
        "font": font,
        "ground": ground,
    }
    told = _told(before) if before else None
    if before is not None and told == after:
        return before
    act(session, actor, "adoption.record", address, after, told)
    made = _live(session, known, from_day)
    assert made is not None
    return made


def withdraw(session: Session, actor: Actor, site: str, from_day: date, *, ground: str) -> None:
    """Take back what was recorded of a site from a day (適用の取消); it stays in the journal, with the ground.

    What was recorded before holds again from that day. Raises UnknownSite, BadName, NotFound where no record of that
    day stands.
    """
    address = site_address(site)
    known = known_site(session, address)
    if known is None and not address.startswith(("member:", "system:")):
        find_site(session, address)
    ground = check_label(ground, "根拠", "the ground")
    before = _live(session, known, from_day) if known else None
    if before is None:
        raise NotFound(
            f"適用先 {address} に {from_day} からの記録はありません。gaiji adoptions --day {from_day} で適用日を"
            "確かめてください。",
            f"Nothing is recorded of {address} from {from_day}; see its day with gaiji adoptions --day "
            f"{from_day}.",
        )
    after = {"from": from_day.isoformat(), "ground": ground}
    act(session, actor, "adoption.withdraw", address, after, _told(before))


def _live(session: Session, site: Site, day: date) -> Adoption | None:
    """Return the record from a day that counts, None where there is none."""
    return session.scalar(
        select(Adoption).where(
            Adoption.site_id == site.id, Adoption.from_day == day, Adoption.replaced.is_(None)
        )
    )


def _told(record: Adoption) -> Json:
    return {
        "release": record.release,
        "from": record.from_day.isoformat(),
        "font": record.font,
        "ground": record.ground,
    }


def _check_day(release: Release, day: date) -> None:
    published = published_day(release)
    if day < published:
        raise Refused(
            f"適用開始日 {day} は、版 {release.number} を公布した {published} より前です。日付を確かめてください。",
            f"{day} lies before {published}, when release {release.number} was published; check the first day.",
        )
    if day.year > today().year + YEARS_AHEAD:
        raise Refused(
            f"適用開始日 {day} は {YEARS_AHEAD} 年より先です。適用開始日を確かめてください。",
            f"{day} lies more than {YEARS_AHEAD} years ahead; check the first day.",
        )


def _check_held(release: Release, address: str) -> None:
    if address not in release.manifest["code_sets"]:
        raise UnknownRelease(
            f"外字セット {address} は版 {release.number} に入っていません。より新しい版を指定してください。",
            f"Code set {address} is not part of release {release.number}; name a later one.",
        )


def _check_concerned(session: Session, release: Release, member: str) -> None:
    """Raise UnknownRelease for a release without any code set of a member that has some."""
    own = [one.address for one in code_sets(session, member)]
    if own and not any(one in release.manifest["code_sets"] for one in own):
        raise UnknownRelease(
            f"構成市 {member} の外字セットは版 {release.number} に一つもありません。より新しい版を指定してください。",
            f"Release {release.number} has no code set of member {member}; name a later one.",
        )


@effect("adoption.record")
def _adopted(session: Session, act: Act) -> None:
    site, day = _replaced(session, act)
    session.add(
        Adoption(
            site_id=site.id,
            release=act.after["release"],
            from_day=day,
            font=act.after["font"],
            ground=act.after["ground"],
            actor=act.actor,
            at=act.at,
            serial=act.serial,
            replaced=None,
        )
    )


@effect("adoption.withdraw")
def _withdrawn(session: Session, act: Act) -> None:
    _replaced(session, act)


def _replaced(session: Session, act: Act) -> tuple[Site, date]:
    """Let the record of a site from a day count no more from an act on; return both."""
    site, day = find_site(session, act.subject), date.fromisoformat(act.after["from"])
    session.execute(
        update(Adoption)
        .where(Adoption.site_id == site.id, Adoption.from_day == day, Adoption.replaced.is_(None))
        .values(replaced=act.serial)
    )
    return site, day
