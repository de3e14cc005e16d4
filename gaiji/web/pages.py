"""Pages for people: search, characters, members, code sets, FIT&GAP, releases (字形ブラウザー).

Rendered on the server, without script. A glyph is always a picture; a private-use character is never
written as text, because every terminal would show another glyph or none.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Query
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BeforeValidator
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from gaiji import __version__
from gaiji.charset.notations import is_private
from gaiji.errors import (
    Forbidden,
    GaijiError,
    InvalidRequest,
    NoPicture,
    Text,
    Unauthorized,
    language,
)
from gaiji.glyph.reference import reference_font
from gaiji.registry import adoption, characters, gaps, members, reference, releases
from gaiji.registry.db import today
from gaiji.report import tables
from gaiji.settings import Settings
from gaiji.web.about import describe
from gaiji.web.characters import Search, found_characters
from gaiji.web.members import cursor_at, listed_codes
from gaiji.web.releases import measured
from gaiji.web.routing import (
    Configured,
    CursorText,
    Reads,
    public,
    router,
    sees_work,
    shows_work,
)
from gaiji.wire.fitgap import Against

TEMPLATES = Path(__file__).parent / "templates"
CARDS, ROWS, GAPS, CHANGES = 60, 50, 100, 200
DOCS_CSP = (
    "default-src 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    "script-src 'self'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)

RELATIONSHIPS = {
    "equivalent": Text("字形一致", "equivalent"),
    "design-difference": Text("デザイン差", "design difference"),
    "substitute": Text("縮退・代替", "substitute"),
    "not-related": Text("別の字", "not related"),
    "unknown": Text("提案のみ", "proposed only"),
}
EVIDENCE = {
    "mj-name": Text("MJ文字図形名", "MJ name"),
    "koseki": Text("戸籍統一文字番号", "koseki number"),
    "touki": Text("登記統一文字番号", "touki number"),
    "ivs": Text("IVS", "IVS"),
    "vendor-code": Text("ベンダー変換表", "vendor table"),
    "ucs": Text("UCS", "UCS"),
    "x0213": Text("JIS X 0213", "JIS X 0213"),
    "juki": Text("住基ネット統一文字コード", "Juki code"),
    "cs-table": Text("CSサーバー対応表", "CS-server table"),
    "reading-strokes": Text("読みと画数", "reading and strokes"),
    "person": Text("人による決定", "a person"),
}
RELATIONS = {
    "same-base": Text("同じUCSの字形", "Same UCS"),
    "compatibility": Text("互換漢字", "Compatibility ideographs"),
    "reduces-to": Text("縮退先(MJ縮退マップ)", "Reduces to (MJ shrink map)"),
    "reduced-from": Text("縮退元(MJ縮退マップ)", "Reduced from (MJ shrink map)"),
}

FILTERS = {
    "reading": (Text("読み", "Reading"), "ほとり"),
    "strokes": (Text("総画数", "Strokes"), "10-12"),
    "radical": (Text("部首", "Radical"), "162"),
    "parts": (Text("部品", "Parts"), "辶自"),
    "ucs": (Text("UCS", "UCS"), "U+9089"),
    "juki": (Text("住基", "Juki"), "J+9089"),
    "koseki": (Text("戸籍", "Koseki"), "445000"),
    "x0213": (Text("X 0213", "X 0213"), "1-78-21"),
}

html = router("pages", prefix="")

OrBlank = BeforeValidator(lambda sent: sent or None)
"""A field of a form that was left empty (空欄): it asks for nothing."""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "t": lambda ja, en: str(Text(ja, en)),
        "version": __version__,
        "relationships": RELATIONSHIPS,
        "evidence": EVIDENCE,
        "relations": RELATIONS,
        "groups": tables.GROUP_NAMES,
        "written": written,
        "listed_text": tables.listed_text,
        "filters": FILTERS,
        "when": when,
        "grouped": grouped,
    }
    return environment


def written(text: str | None) -> str | None:
    """Return a text that every terminal shows alike, None where it holds a private-use character."""
    return None if not text or any(is_private(ord(char)) for char in text) else text


def when(at: str) -> str:
    """Return a time as pages show it: to the minute, with its zone."""
    return f"{at[:10]} {at[11:16]} UTC"


def grouped(cell: str) -> str:
    """Return a number of a table with separators of thousands, anything else as it is."""
    return f"{int(cell):,}" if cell.isdecimal() else cell


def render(request: Request, name: str, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page in the current language."""
    languages = {
        code: f"?{request.url.include_query_params(lang=code).query}" for code in ("ja", "en")
    }
    body = (
        _environment()
        .get_template(name)
        .render(
            lang=language.get(),
            languages=languages,
            path=request.url.path,
            drawable=_drawable(request.app.state.settings),
            **values,
        )
    )
    return HTMLResponse(body, status)


def _drawable(settings: Settings) -> bool:
    try:
        reference_font(settings)
    except NoPicture:
        return False
    return True


def error_page(request: Request, error: GaijiError) -> Response | None:
    """Return an error as a page where a browser asked for one, else None."""
    wants_page = "text/html" in request.headers.get("accept", "")
    if not wants_page or request.url.path.startswith("/v1/"):
        return None
    response = render(request, "problem.html", error.status, error=error)
    response.headers["cache-control"] = "no-store"
    return response


def _with(request: Request, **changes: str) -> str:
    """Return the query of this page with some parameters changed."""
    return f"?{request.url.include_query_params(**changes).query}"


def _names(session: Session) -> dict[str, str]:
    return {member.code: member.name for member in members.all_members(session)}


# --- search and characters


@html.get("/", include_in_schema=False)
@public
def show_search(
    request: Request, session: Reads, query: Search, cursor: CursorText = None
) -> HTMLResponse:
    """The search (検索), with what the registry holds where nothing is asked."""
    asked = vars(query)
    page, problem, nothing, status = None, None, False, 200
    if any(asked.values()):
        try:
            page = found_characters(session, query, cursor, CARDS)
        except GaijiError as error:
            field = error.where.field if error.where else None
            nothing = bool(query.q and field and not asked.get(field)) or field == "q"
            if not nothing:
                problem, status = _labelled(error, asked), error.status
    return render(
        request,
        "search.html",
        status,
        asked=asked,
        page=page,
        problem=problem,
        nothing=nothing,
        next=_with(request, cursor=page.next) if page and page.next else None,
        **_summary(request, session),
    )


def _labelled(error: GaijiError, asked: dict[str, str | None]) -> GaijiError:
    """Return an error about a search field with the field's label and what was typed."""
    name = error.where.field if error.where else None
    if not isinstance(error, InvalidRequest) or name not in FILTERS:
        return error
    (label, example), typed = FILTERS[name], asked[name]
    return InvalidRequest(
        f"「{label.ja}」に「{typed}」とは書けません。{example} のように書いてください。",
        f"“{typed}” is not how “{label.en}” is written; give it like {example}.",
    )


def _sees(request: Request, member: str) -> bool:
    """Tell whether to offer a member's state of work: a link that leads to 401 is none."""
    try:
        return sees_work(request, member)
    except (Unauthorized, Forbidden):
        return False


def _summary(request: Request, session: Session) -> dict[str, Any]:
    latest = releases.latest_number(session)
    counts = members.count_codes(session)
    mapped = characters.count_mapped(session, latest)
    sets = members.code_sets(session)
    return {
        "latest": latest,
        "members": [
            {
                "member": member,
                "work": _sees(request, member.code),
                "sets": [one for one in sets if one.member == member.code],
                "codes": sum(counts.get(one.id, 0) for one in sets if one.member == member.code),
                "mapped": sum(mapped.get(one.id, 0) for one in sets if one.member == member.code),
            }
            for member in members.all_members(session)
        ],
        "counts": counts,
        "mapped": mapped,
    }


@html.get("/characters/{id}", include_in_schema=False)
@public
def show_character_page(
    request: Request, session: Reads, settings: Configured, id: str
) -> HTMLResponse:
    """A shared character (共通文字): glyph, numbers, relatives, and its use in every city."""
    shape = characters.show_character(session, id)
    latest = releases.latest_number(session)
    related: dict[str, list[Any]] = {}
    for variant in reference.variants(session, id):
        related.setdefault(variant.relation, []).append(variant)
    return render(
        request,
        "character.html",
        one=shape,
        latest=latest,
        related=related,
        uses=characters.uses(session, id, latest),
        acts=characters.history(session, id, work=settings.open_work)[::-1],
        names=_names(session),
    )


# --- members


@html.get("/members", include_in_schema=False)
@public
def show_members_page(request: Request, session: Reads) -> HTMLResponse:
    """The members (構成市) with how much of their gaiji is published."""
    return render(request, "members.html", **_summary(request, session))


@html.get("/members/{member}", include_in_schema=False)
@public
def show_member_page(request: Request, session: Reads, member: str) -> HTMLResponse:
    """A member (構成市) and its code sets."""
    found = members.find_member(session, member)
    return render(
        request,
        "member.html",
        member=found,
        work=_sees(request, member),
        sets=members.code_sets(session, member),
        latest=releases.latest_number(session),
        counts=members.count_codes(session),
        mapped=characters.count_mapped(session, releases.latest_number(session)),
        decided=characters.count_mapped(session, None),
        standing=adoption.standing(session, today(), member),
        names=_names(session),
    )


@html.get("/members/{member}/codesets/{codeset}", include_in_schema=False)
@public
def show_code_set_page(
    request: Request,
    session: Reads,
    member: str,
    codeset: str,
    cursor: CursorText = None,
    unmapped: bool = False,
) -> HTMLResponse:
    """A code set (外字セット): its codes with glyph, meaning, proposals and findings."""
    owner = members.find_member(session, member)
    code_set = members.find_code_set(session, f"{member}/{codeset}")
    latest = releases.latest_number(session)
    work = sees_work(request, member)
    shown = None if work else latest  # who may see the work sees what waits too
    page = listed_codes(session, code_set, shown, cursor, ROWS, unmapped=unmapped, work=work)
    return render(
        request,
        "codeset.html",
        member=owner,
        code_set=code_set,
        areas=members.charset_of(session, code_set).areas_as_json(),
        count=members.count_codes(session).get(code_set.id, 0),
        mapped=characters.count_mapped(session, latest).get(code_set.id, 0),
        page=page,
        unmapped=unmapped,
        work=work,
        findings=gaps.stored_findings(session, [code_set], None) if work else {},
        next=_with(request, cursor=page.next) if page.next else None,
        toggled="?unmapped=true" if not unmapped else "?",
    )


@html.get("/members/{member}/fitgap", include_in_schema=False)
@shows_work(of="member")
def show_fitgap_page(
    request: Request,
    session: Reads,
    member: str,
    against: Against = "MJ",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """FIT&GAP of a member or candidate (適合・不適合): the council's table, then the gaps one by one."""
    report = measured(request, session, member, against)
    first = (page - 1) * GAPS
    shown = report.gaps[first : first + GAPS]
    if page > 1 and not shown:
        raise InvalidRequest("この頁はありません。", "There is no such page.", parameter="page")
    return render(
        request,
        "fitgap.html",
        report=report,
        row_of=_row_of,
        has_gj=gaps.has_namespace(session, "GJ"),
        heading=tables.heading(report),
        headers=tables.HEADERS,
        gap_headers=tables.GAP_HEADERS,
        rows=[(row.number is None, tables.row_cells(row)) for row in report.rows],
        proof=tables.proof_lines(report),
        gaps=[(gap, tables.gap_cells(gap), tables.characters_of(gap)) for gap in shown],
        first=first,
        next=_with(request, page=str(page + 1)) if first + GAPS < len(report.gaps) else None,
        previous=_with(request, page=str(page - 1)) if page > 1 else None,
    )


def _row_of(subject: str) -> str:
    """Return the address of a local code's row in the page of its code set."""
    member, name, code = subject.split("/")
    cursor = cursor_at(subject)
    part = f"?cursor={cursor}" if cursor else ""
    return f"/members/{member}/codesets/{name}{part}#c{code}"


@html.get("/members/{member}/fitgap.csv", include_in_schema=False)
@shows_work(of="member")
def save_fitgap(request: Request, session: Reads, member: str, against: Against = "MJ") -> Response:
    """FIT&GAP for a spreadsheet (適合・不適合のCSV)."""
    report = measured(request, session, member, against)
    headers = {"content-disposition": f'attachment; filename="fitgap-{report.member}.csv"'}
    return Response(tables.as_csv(report), media_type="text/csv; charset=utf-8", headers=headers)


# --- releases, about, documentation


@html.get("/releases", include_in_schema=False)
@public
def show_releases_page(request: Request, session: Reads) -> HTMLResponse:
    """The releases (版), the newest first."""
    found = [releases.shape(one) for one in releases.all_releases(session)]
    return render(request, "releases.html", releases=found[::-1])


@html.get("/releases/{number}", include_in_schema=False)
@public
def show_release_page(request: Request, session: Reads, number: str) -> HTMLResponse:
    """A release (版) with its digests, and what changed since the one before."""
    found = releases.find_release(session, number)
    before = found.number - 1
    changes = releases.diff(session, before, found.number) if before else {}
    count = sum(map(len, changes.values()))
    rows = [(address, row) for address, rows in changes.items() for row in rows]
    return render(
        request,
        "release.html",
        release=releases.shape(found),
        before=before,
        latest=releases.latest_number(session),
        count=count,
        changes=rows[:CHANGES],
        unchanged=releases.unchanged(session, before, found.number) if before else [],
    )


@html.get("/about", include_in_schema=False)
@public
def show_about_page(request: Request, session: Reads, settings: Configured) -> HTMLResponse:
    """What the service stands on (出典・ライセンス)."""
    return render(request, "about.html", about=describe(session, settings))


@html.get("/docs", include_in_schema=False)
@public
def show_docs_page(request: Request) -> HTMLResponse:
    """The API's documentation (API仕様), from this machine alone."""
    response = render(request, "docs.html")
    response.headers["content-security-policy"] = DOCS_CSP
    return response
