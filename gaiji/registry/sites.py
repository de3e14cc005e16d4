"""Places that run releases (適用先): members, systems, CS servers, terminal groups, print jobs.

A site is named by its kind and name, `server:cs1`; members and systems also by their own addresses alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.errors import AlreadyRegistered, BadName, Text, UnknownSite
from gaiji.registry.journal import Act, Actor, act, check_label, effect
from gaiji.registry.members import check_member_code, find_code_set, find_member, split_address
from gaiji.registry.tables import CodeSet, Json, Site, SiteSet
from gaiji.wire.adoption import SiteKind, SiteShape

AREA = range(0xE000, 0xF900)
"""The private-use area of the Basic Multilingual Plane, where a server's area lies."""
KINDS: tuple[SiteKind, ...] = get_args(SiteKind)
SERVER_NAME = "[a-z][a-z0-9-]{0,19}"


def site_address(text: str) -> str:
    """Return a site's public name, also for one of a member or system by its own address alone. Raises BadName.

    Blanks around its parts are no part of the name, and が is one character however it was typed: what a clerk types
    twice is one site. Kanji stay as they are.
    """
    kind, colon, name = (part.strip() for part in text.partition(":"))
    if not colon and re.fullmatch("[0-9]{6}", kind):
        kind, name = "member", kind
    elif not colon and re.fullmatch("[0-9]{6}/[a-z][a-z0-9]*", kind):
        kind, name = "system", kind
    if kind not in KINDS or not name:
        raise BadName(
            f"適用先 {text[:60]} の書き方が違います。252069、252069/juki、server:cs1、terminals:252069/窓口、"
            "print:納税通知2027 のように書いてください。",
            f"{text[:60]} is no site; write it like 252069, 252069/juki, server:cs1, terminals:252069/窓口 or "
            "print:納税通知2027.",
        )
    if kind == "terminals":
        name = "/".join(part.strip() for part in name.split("/", 1))
    return f"{kind}:{_composed(name)}"


def _composed(name: str) -> str:
    """Return a name in normal form C, but for its compatibility ideographs, which are characters of their own here."""
    others = r"[^\uF900-\uFAFF\U0002F800-\U0002FA1F]+"
    return re.sub(others, lambda found: unicodedata.normalize("NFC", found[0]), name)


def add_site(
    session: Session,
    actor: Actor,
    address: str,
    *,
    code_sets: Sequence[str] = (),
    options: Json | None = None,
) -> Site:
    """Register a place that runs releases (適用先), e.g. server:cs1 or terminals:252069/窓口.

    code_sets: what terminals or a print job show; none: all of the member, or all. options: of a server
    `{"area": "E000-F8FF"}`, within the private-use area, which is the default too. Raises BadName, BadMemberCode,
    UnknownMember, UnknownCodeSet, AlreadyRegistered.
    """
    address = site_address(address)
    if known_site(session, address) is not None:
        advice = Text("gaiji site list で確かめてください。", "see gaiji site list.")
        if address.startswith("server:"):
            advice = Text(
                f"領域を広げるには gaiji site widen {address} --area を使ってください。",
                f"to give it a wider area, take gaiji site widen {address} --area.",
            )
        raise AlreadyRegistered(
            f"適用先 {address} は登録済みです。{advice.ja}",
            f"Site {address} is registered already; {advice.en}",
        )
    kind, _, name = address.partition(":")
    member = _owner(session, kind, name)
    if (other := _looking_same(session, kind, name)) is not None:
        raise AlreadyRegistered(
            f"適用先 {address} は、登録済みの {other} と同じに見えます。"
            f"{other} を使うか、見分けのつく名前にしてください。",
            f"Site {address} looks the same as {other}, which is registered; use that one, or take a name that people "
            "can tell apart.",
        )
    if code_sets and kind not in ("terminals", "print"):
        raise BadName(
            "外字セットを指定できるのは端末群と印刷業務だけです。指定を外してください。",
            "Only terminals and print jobs name code sets; leave them out.",
        )
    for one in code_sets:
        find_code_set(session, one)
        if member is not None and split_address(one)[0] != member:
            raise BadName(
                f"外字セット {one} は構成市 {member} のものではありません。その市の外字セットを指定してください。",
                f"Code set {one} is not one of member {member}; name one of that member.",
            )
    after = {
        "member": member,
        "options": _checked_options(kind, options or {}),
        "code_sets": sorted(set(code_sets)),
    }
    act(session, actor, "site.add", address, after)
    return find_site(session, address)


def _looking_same(session: Session, kind: str, name: str) -> str | None:
    """Return the site of a kind whose name only differs in how its characters are encoded, such as ﾂｳﾁ and ツウチ."""
    looks = unicodedata.normalize("NFKC", name)
    for one in session.scalars(select(Site).where(Site.kind == kind)):
        if unicodedata.normalize("NFKC", one.name) == looks:
            return one.address
    return None


def _owner(session: Session, kind: str, name: str) -> str | None:
    """Return the member a site belongs to, after checking its name."""
    if kind == "member":
        return find_member(session, name).code
    if kind == "system":
        return find_code_set(session, name).member
    if kind == "server":
        if not re.fullmatch(SERVER_NAME, name):
            raise BadName(
                f"CSサーバーの名前 {name[:40]} は使えません。英小文字で始め、英数字と - で20字以内にしてください。",
                f"{name[:40]} cannot name a CS server; take up to 20 lower-case letters, digits and -.",
            )
        return None
    member, slash, label = name.partition("/")
    if kind == "terminals":
        if not slash:
            raise BadName(
                "端末群は terminals:252069/窓口 のように、構成市のコード、/、名前で書いてください。",
                "Write terminals with the member's code, / and a name, like terminals:252069/窓口.",
            )
        check_label(label, "端末群の名前", "the terminal group")
        return find_member(session, check_member_code(member)).code
    check_label(name, "印刷業務の名前", "the print job")
    return None


def _checked_options(kind: str, options: Json) -> Json:
    if kind != "server":
        if options:
            raise BadName(
                "領域を指定できるのは CSサーバーだけです。指定を外してください。",
                "Only a CS server has an area; leave it out.",
            )
        return {}
    area = str(options.get("area", "E000-F8FF")).upper()
    found = re.fullmatch("([0-9A-F]{4})-([0-9A-F]{4})", area)
    if not found or not AREA.start <= int(found[1], 16) <= int(found[2], 16) < AREA.stop:
        raise BadName(
            f"CSサーバーの領域 {area[:40]} は使えません。E000-F8FF の中の範囲を E000-EFFF のように書いてください。",
            f"{area[:40]} cannot be a server's area; write a range within E000-F8FF, like E000-EFFF.",
        )
    return {**options, "area": area}


def server_area(site: Site) -> range:
    """Return the code points that a CS server gives out (割当領域)."""
    return _range(str(site.options["area"]))


def _range(area: str) -> range:
    first, last = area.split("-")
    return range(int(first, 16), int(last, 16) + 1)


def widen_area(session: Session, actor: Actor, address: str, area: str) -> Site:
    """Widen the area of a CS server upwards (領域の拡張); the points it gave stay what they are.

    area: from the same first code point to a higher last one, e.g. E000-F8FF; the present one again is no act. Raises
    BadName, UnknownSite.
    """
    address = site_address(address)
    if not address.startswith("server:"):
        raise BadName(
            f"領域を広げられるのは CSサーバーだけで、{address} は違います。server:cs1 のように指定してください。",
            f"Only a CS server is widened, and {address} is none; name one like server:cs1.",
        )
    site = find_site(session, address)
    options = _checked_options(site.kind, {**site.options, "area": area})
    now, wider = server_area(site), _range(options["area"])
    if wider.start != now.start or wider.stop < now.stop:
        raise BadName(
            f"{site.address} の領域 {site.options['area']} は上に広げることしかできません。"
            f"{now.start:04X}-F8FF のように書いてください。",
            f"The area {site.options['area']} of {site.address} can only be widened upwards; write it like "
            f"{now.start:04X}-F8FF.",
        )
    if wider != now:
        before = {"area": site.options["area"]}
        act(session, actor, "site.area", site.address, {"area": options["area"]}, before)
    return site


@effect("site.area")
def _area_widened(session: Session, act: Act) -> None:
    site = find_site(session, act.subject)
    site.options = {**site.options, "area": act.after["area"]}
    session.flush()


@effect("site.add")
def _site_added(session: Session, act: Act) -> None:
    kind, _, name = act.subject.partition(":")
    site = Site(
        kind=kind,
        name=name,
        member=act.after["member"],
        options=act.after["options"],
        serial=act.serial,
    )
    session.add(site)
    session.flush()
    for address in act.after["code_sets"]:
        session.add(SiteSet(site_id=site.id, code_set_id=find_code_set(session, address).id))


def known_site(session: Session, address: str) -> Site | None:
    """Return a site by its public name, None where it is not registered."""
    kind, _, name = address.partition(":")
    of_kind = select(Site).where(Site.kind == kind)
    found = session.scalar(of_kind.where(Site.name == name))
    if found is None and not name.isascii():  # a journal may hold a name as it was typed
        composed = _composed(name)
        same = (one for one in session.scalars(of_kind) if _composed(one.name) == composed)
        found = next(same, None)
    return found


def find_site(session: Session, address: str) -> Site:
    """Return a site by its public name. Raises BadName, UnknownSite."""
    typed, address = address, site_address(address)
    found = known_site(session, typed) or known_site(session, address)
    if found is None:
        raise UnknownSite(
            f"適用先 {address} は登録されていません。gaiji site list で確かめるか、gaiji site add で登録してください。",
            f"Site {address} is not registered; see gaiji site list, or register it with gaiji site add.",
        )
    return found


def site_shapes(session: Session) -> list[SiteShape]:
    """Return every registered site as JSON has it, by kind and name."""
    shown = sets_of_sites(session)
    found = sorted(
        session.scalars(select(Site)), key=lambda one: (KINDS.index(kind_of(one)), one.name)
    )
    return [
        SiteShape(
            site=one.address,
            kind=kind_of(one),
            name=one.name,
            member=one.member,
            codesets=shown.get(one.id, []),
            options=one.options,
        )
        for one in found
    ]


def kind_of(site: Site) -> SiteKind:
    """Return the kind of a site."""
    return site.kind  # type: ignore[return-value]


def sets_of_sites(session: Session) -> dict[int, list[str]]:
    """Return the code sets that sites name, by site."""
    query = select(SiteSet.site_id, CodeSet).join(CodeSet, CodeSet.id == SiteSet.code_set_id)
    shown: defaultdict[int, list[str]] = defaultdict(list)
    for site, code_set in session.execute(query.order_by(CodeSet.member, CodeSet.name)):
        shown[site].append(code_set.address)
    return shown
