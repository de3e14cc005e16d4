"""By what right glyphs may be handed on (字形の利用条件): a scope per source, told when taken in or afterwards.

A scope says who may be given a glyph: `unknown` nobody, `member` the terminals and printer of its own city, `council`
the members, their shared servers and contractors, `public` everybody. Every code set says so of what it handed in
itself, be it the very file of another. What goes to more than one city may rest on anybody's word; what stays in a city
rests on that city's own, or on what another opened to all members.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from gaiji.errors import BadInput, BadName, Refused, Text
from gaiji.registry.db import chunks
from gaiji.registry.journal import Act, Actor, act, effect
from gaiji.registry.members import find_code_set
from gaiji.registry.tables import CodeSet, GlyphSource
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import SCOPES, RightsRowShape, RightsShape, Scope

LONGEST_LICENCE, LONGEST_GROUND = 200, 400


def check_scope(scope: str) -> Scope:
    """Return a scope by its name (利用範囲). Raises BadName."""
    for known in SCOPES:
        if scope == known:
            return known
    raise BadName(
        f"利用範囲 {scope} はありません。{'・'.join(SCOPES)} のどれかにしてください。",
        f"There is no scope {scope}; take one of {', '.join(SCOPES)}.",
    )


class Source(NamedTuple):
    """By what right a code set handed a glyph in (字形の出所). codeset: its address; blob: the file's sha256."""

    codeset: str
    blob: str
    supplier: str
    rights: str
    scope: Scope
    licence: str | None


def granting(sources: Iterable[Source], audience: Scope, codeset: str = "") -> Source | None:
    """Return by whose word a glyph of a code set may be given to an audience (根拠となる出所), None where it may not.

    The code set's own word comes first, then its city's, then the widest. For `member` another city's word counts only
    where it opened the glyph to more than itself. `unknown` asks for nothing: what is known of the glyph.
    """
    member = codeset.partition("/")[0]

    def reaches(one: Source) -> bool:
        asked = audience
        if audience == "member" and one.codeset.partition("/")[0] != member:
            asked = "council"
        return _width(one.scope) >= _width(asked)

    def rank(one: Source) -> tuple[bool, bool, int]:
        is_members = one.codeset.partition("/")[0] == member
        return one.codeset == codeset, is_members, _width(one.scope)

    ordered = sorted(sources, key=lambda one: (one.supplier, one.rights, one.codeset, one.blob))
    return max(filter(reaches, ordered), key=rank, default=None)


def _width(scope: str) -> int:
    return SCOPES.index(check_scope(scope))


def sources_of(session: Session, glyphs: Iterable[str]) -> dict[str, list[Source]]:
    """Return where each glyph came from (字形の出所), by its sha256."""
    found: dict[str, list[Source]] = {glyph: [] for glyph in sorted(set(glyphs))}
    for some in chunks(list(found)):
        query = (
            select(GlyphSource, CodeSet)
            .join(CodeSet, CodeSet.id == GlyphSource.code_set_id)
            .where(GlyphSource.glyph.in_(some))
        )
        for row, code_set in session.execute(query):
            scope = check_scope(row.scope)
            found[row.glyph].append(
                Source(code_set.address, row.blob, row.supplier, row.rights, scope, row.licence)
            )
    return found


@dataclass
class Refusals:
    """What an audience may not be given (渡せない字形), glyph by glyph, each with what mends it.

    codes_of: of a code set, a code for each glyph by which `gaiji rights set --code` reaches it: what its codes are
    drawn with now. counts: glyphs by the code set whose word is missing.
    """

    audience: Scope
    codes_of: Callable[[str], Mapping[str, str]]
    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def missing(self, subject: str, glyph: str, sources: Sequence[Source], codeset: str) -> None:
        """Note a glyph that nobody's word opens. codeset: whose glyph it is, empty where nobody uses it now."""
        best = granting(sources, "unknown", codeset)
        address = codeset or (best.codeset if best else "")
        scope = best.scope if best else "unknown"
        supplier = Text("提供者不明", "supplier not told")
        if best and best.supplier:
            supplier = Text(f"提供者 {best.supplier}", f"supplier {best.supplier}")
        code = self.codes_of(address).get(glyph)
        which = f"--code {code}" if code else f"--glyph {glyph}"
        remedy = f"gaiji rights set {address} --scope {self.audience} {which} --ground …"
        self.counts[address] += 1
        self._note(
            subject,
            f"{subject} の字形({supplier.ja}、利用範囲 {scope})は {self.audience} に渡せません。"
            f"承諾を得て {remedy} で登録してください。",
            f"The glyph of {subject} ({supplier.en}, scope {scope}) may not be given to "
            f"{self.audience}; get leave and register it with {remedy}.",
        )

    def ipas(self, subject: str) -> None:
        """Note a glyph under IPA's licence, which goes into no font under other terms."""
        self._note(
            subject,
            f"{subject} の字形はIPAフォントライセンスのもので、ほかの利用条件のフォントには入りません。"
            "ほかの市の字形を受け入れるか除くか、gaiji font build --outlines ipamj で派生フォントを作ってください。",
            f"The glyph of {subject} is under the IPA Font License and goes into no font under other terms; take in "
            "another city's or leave it out, or make a derived font with gaiji font build --outlines ipamj.",
        )

    def _note(self, subject: str, ja: str, en: str) -> None:
        self.findings.append(Finding("rights-missing", "error", Text(ja, en), subject))


def set_rights(
    session: Session,
    actor: Actor,
    address: str,
    scope: Scope,
    *,
    licence: str | None = None,
    ground: str,
    glyphs: Sequence[str] = (),
) -> int:
    """Say by what right the glyphs that a code set handed in may be handed on (利用条件の登録); return how many.

    licence: its identifier or name, None leaves what stands and an empty one takes it back; ground: the letter or
    contract it rests on; glyphs: by sha256, all of the code set's where none is named. Raises UnknownCodeSet, BadName,
    BadInput without a ground, Refused where the code set handed in none of them.
    """
    code_set = find_code_set(session, address)
    check_scope(scope)
    ground, licence = ground.strip(), None if licence is None else licence.strip()
    if not 0 < len(ground) <= LONGEST_GROUND or not ground.isprintable():
        raise BadInput(
            f"根拠は{LONGEST_GROUND}文字までで書いてください(承諾書の日付や契約の名前など)。",
            f"Give the ground in up to {LONGEST_GROUND} characters: the date of a letter, the name of a contract.",
        )
    if licence is not None and (len(licence) > LONGEST_LICENCE or not licence.isprintable()):
        raise BadInput(
            f"ライセンスの名前は{LONGEST_LICENCE}文字までで書いてください。",
            f"Name the licence in up to {LONGEST_LICENCE} characters.",
        )
    named = sorted(set(glyphs))
    known = set(session.scalars(select(GlyphSource.glyph).where(_handed_in(code_set))))
    if not known or (other := [one for one in named if one not in known]):
        what = other[0][:16] if known else address
        raise Refused(
            f"{what} の字形は {address} から届いていません。gaiji codeset import でフォントを受け入れてください。",
            f"No glyph of {what} came from {address}; take in its font with gaiji codeset import.",
        )
    before = {"items": [row.model_dump() for row in show_rights(session, address).items]}
    after = {"scope": scope, "licence": licence, "ground": ground, "glyphs": named}
    act(session, actor, "glyph.rights", address, after, before)
    return len(named or known)


def _handed_in(code_set: CodeSet) -> ColumnElement[bool]:
    """True for the sources that a code set's own imports brought."""
    return GlyphSource.code_set_id == code_set.id


@effect("glyph.rights")
def _told(session: Session, act: Act) -> None:
    after = act.after
    values = {"scope": after["scope"]}
    if after["licence"] is not None:
        values["licence"] = after["licence"] or None
    handed_in = _handed_in(find_code_set(session, act.subject))
    parts: list[ColumnElement[bool]] = [
        GlyphSource.glyph.in_(some) for some in chunks(after["glyphs"])
    ]
    for part in parts or [handed_in]:
        session.execute(
            update(GlyphSource).where(handed_in, part).values(values),
            execution_options={"synchronize_session": "fetch"},
        )


def show_rights(session: Session, address: str) -> RightsShape:
    """Return by what right the glyphs of a code set may be handed on (利用条件), by supplier. Raises UnknownCodeSet."""
    code_set = find_code_set(session, address)
    columns = GlyphSource.supplier, GlyphSource.rights, GlyphSource.scope, GlyphSource.licence
    query = (
        select(*columns, func.count(GlyphSource.glyph.distinct()))
        .where(_handed_in(code_set))
        .group_by(*columns)
        .order_by(GlyphSource.supplier, GlyphSource.rights, GlyphSource.scope)
    )
    return RightsShape(
        codeset=address,
        items=[
            RightsRowShape(
                supplier=supplier,
                rights=rights,
                scope=check_scope(scope),
                licence=licence,
                glyphs=count,
            )
            for supplier, rights, scope, licence, count in session.execute(query)
        ],
    )
