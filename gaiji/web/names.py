"""One name from city to city (転入・転出の氏名), as an address of the API and as a page.

The name travels in the body of a POST alone; no cache, no address and no log keeps it. The page carries its pictures
inside, because an address asked for each character would tell the name to every log on the way.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, NamedTuple

from fastapi import Form
from markupsafe import Markup
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gaiji.errors import (
    BadMemberCode,
    BadName,
    GaijiError,
    NoPicture,
    UnknownBlob,
    UnknownCharacter,
    UnknownCodeSet,
    UnknownMember,
    UnknownRelease,
    UnsupportedConversion,
)
from gaiji.glyph.draw import svg
from gaiji.registry import members, releases
from gaiji.report.namecase import summary, trace_name
from gaiji.report.nametyping import spelled
from gaiji.settings import Settings
from gaiji.web.pages import render
from gaiji.web.pictures import Found, character_glyph, kept_glyph
from gaiji.web.problems import raises
from gaiji.web.routing import Configured, Reads, public, router
from gaiji.wire.names import LONGEST, NameRequest, NameShape

KINDS = {
    "plain": ("そのまま", "as it is"),
    "mapped": ("対応表", "by the tables"),
    "edition": ("字形が違う", "another edition"),
    "recoded": ("別のコード", "another code"),
    "unified": ("包摂", "unified"),
    "substitute": ("代替", "substitute"),
    "reduced": ("縮退", "reduced"),
    "escape": ("退避", "escaped"),
    "unmapped": ("未対応", "unmapped"),
    "malformed": ("文字でない", "malformed"),
}
NO_STORE = {"cache-control": "no-store"}

api = router("translation")
html = router("pages", prefix="")


@api.post(
    "/names",
    responses=raises(
        *(BadMemberCode, BadName, UnknownCodeSet, UnknownMember, UnknownRelease),
        UnsupportedConversion,
    ),
)
@public
def trace_one_name(session: Reads, response: Response, body: NameRequest) -> NameShape:
    """How one name goes from a code set to another (転入・転出の氏名): every step and loss, nothing kept."""
    response.headers.update(NO_STORE)
    return trace_name(session, body)


class _Sent(NamedTuple):
    """What the page's form sends: a name, from where to where, and the day as it was typed."""

    from_: str
    to: str
    name: str
    as_of: str


@html.get("/names", include_in_schema=False)
@public
def show_names_page(request: Request, session: Reads) -> HTMLResponse:
    """The form for one name (転入・転出の氏名)."""
    return render(request, "name.html", **_choices(session), asked=None, found=None, problem=None)


@html.post("/names", include_in_schema=False)
@public
def show_name_page(
    request: Request,
    session: Reads,
    settings: Configured,
    from_: Annotated[str, Form(alias="from", max_length=60)],
    to: Annotated[str, Form(max_length=60)],
    name: Annotated[str, Form(max_length=10 * LONGEST)] = "",
    as_of: Annotated[str, Form(max_length=10)] = "",
) -> HTMLResponse:
    """The steps of one name (転入・転出の氏名), with the glyphs at both ends."""
    form = _Sent(from_, to, name, as_of)
    found, problem, status = None, None, 200
    try:
        found = trace_name(session, _asked(form))
    except GaijiError as error:
        problem, status = error, error.status
    pictures = _Pictures(session, settings)
    page = render(
        request,
        "name.html",
        status,
        **_choices(session),
        asked=form,
        typed=_shown(form.name, found),
        found=found,
        summary=summary,
        problem=problem,
        pictures=pictures,
        kinds=KINDS,
    )
    page.headers.update(NO_STORE)
    return page


def _asked(form: _Sent) -> NameRequest:
    """Return what the form asks for. Raises BadName for a day that is none."""
    try:
        day = date.fromisoformat(form.as_of) if form.as_of else None
    except ValueError:
        raise BadName(
            "基準日を読めません。2027-01-04 のように書いてください。",
            "The day cannot be read; write it like 2027-01-04.",
        ) from None
    return NameRequest(from_=form.from_, to=form.to, name=form.name, as_of=day)


def _shown(name: str, found: NameShape | None) -> str:
    """Return a name as the form shows it again, private-use characters as the codes they were read as."""
    return spelled(name) if found is None else "".join(step.typed or "" for step in found.steps)


def _choices(session: Session) -> dict[str, Any]:
    latest = releases.latest_number(session)
    published: set[str] = set()
    if latest:
        published = set(releases.find_release(session, "latest").manifest["code_sets"])
    names = {member.code: member.name for member in members.all_members(session)}
    sets = [
        (one.address, f"{names[one.member]} {one.system} ({one.address})")
        for one in members.code_sets(session)
        if one.address in published
    ]
    city = sets[0][0].partition("/")[0] if sets else ""
    elsewhere = [address for address, _ in sets if not address.startswith(f"{city}/")]
    other = next(iter([*elsewhere, *(address for address, _ in sets[1:])]), None)
    return {"sets": sets, "other": other, "longest": LONGEST}


class _Pictures:
    """Pictures inside the page: no address tells which characters a name has."""

    def __init__(self, session: Session, settings: Settings) -> None:
        self.session, self.settings = session, settings

    def of_character(self, id: str | None) -> Markup | None:
        """Return the picture of a shared character, None where there is none."""
        if id is None:
            return None
        try:
            return _drawn(character_glyph(self.session, self.settings, id), id)
        except (NoPicture, UnknownCharacter, UnknownBlob):
            return None

    def of_glyph(self, digest: str | None, title: str) -> Markup | None:
        """Return the picture of a city's own glyph, None where there is none."""
        if digest is None:
            return None
        try:
            return _drawn(kept_glyph(self.session, digest), title)
        except UnknownBlob:
            return None


def _drawn(found: Found, title: str) -> Markup:
    return Markup(svg(found[1](), size_px=64, title=title))
