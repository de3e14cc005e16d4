"""The correspondence sheet for who prints (対照表): every city's code with its glyph and the council's code point.

One row for each local code of the members' code sets in a release: the city's code and image, its glyph, the code point
of the council's font and the glyph that font has there, the shared character with its numbers. As HTML with rules for
print, and as PDF with the glyphs embedded; both show a glyph only where its supplier gave the right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import NamedTuple

from markupsafe import Markup

from gaiji.charset.mapping import REVERSIBLE
from gaiji.errors import Refused, Text, UnknownRelease
from gaiji.glyph.build import FontGlyph
from gaiji.glyph.draw import svg
from gaiji.glyph.forms import Glyph
from gaiji.registry import members as registered
from gaiji.registry.allocation import PUA, points
from gaiji.registry.characters import Meant, meanings
from gaiji.registry.db import Session
from gaiji.registry.fonts import FontContent, FontSubject, Refusing, glyphs_for
from gaiji.registry.releases import repertoire
from gaiji.registry.tables import OPEN_END, CodeSet, Release
from gaiji.report.pages import page
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Scope

RELATIONSHIPS = {
    "equivalent": Text("字形一致", "equivalent"),
    "design-difference": Text("デザイン差", "design"),
    "substitute": Text("代替", "substitute"),
    None: Text("未決定", "undecided"),
}
HEADERS = (
    Text("コード", "Code"),
    Text("私用領域", "Image"),
    Text("市の字形", "City's glyph"),
    Text("共通番号", "Council"),
    Text("その字形", "Its glyph"),
    Text("共通文字", "Character"),
    Text("住基", "J+"),
    Text("関係", "Relation"),
)


class SheetRow(NamedTuple):
    """One local code in the sheet (対照表の一行).

    image: the code point its city's terminals show it at; glyph: sha256 of the city's glyph, council: of the glyph of
    the council's font, None where there is none to show; point: in the council's font. text: the character as text.
    note: why a glyph is not shown, or the ground of a substitute.
    """

    address: str
    code: bytes
    image: int
    glyph: str | None
    point: int | None
    council: str | None
    character: str | None
    relationship: str | None
    juki: int | None
    text: str | None
    note: str | None


class SheetSet(NamedTuple):
    """One code set of the sheet with its rows (外字セットの部).

    other_days: first and last days of the meanings of codes that have none on the day of the sheet, so have no row.
    """

    address: str
    label: str
    charset: str
    rows: tuple[SheetRow, ...]
    other_days: ReadOnly[bytes, Sequence[tuple[date, date]]] = MappingProxyType({})


@dataclass(frozen=True)
class Sheet:
    """The correspondence sheet of some members (対照表). glyphs: by sha256; council: what its font is made of.

    findings: what is not shown.
    """

    release: int
    digest: str
    members: tuple[tuple[str, str], ...]
    as_of: date | None
    sets: tuple[SheetSet, ...]
    glyphs: dict[str, Glyph]
    council: FontContent
    findings: tuple[Finding, ...] = ()

    @property
    def rows(self) -> Iterable[SheetRow]:
        """All rows, by code set and code."""
        return (row for one in self.sets for row in one.rows)

    def heading(self) -> tuple[str, str]:
        """Return title and the line under it."""
        names = "・".join(name for _, name in self.members)
        codes = ", ".join(code for code, _ in self.members)
        day = (
            Text(f"、基準日 {self.as_of}", f"; as of {self.as_of}") if self.as_of else Text("", "")
        )
        return (
            str(Text(f"外字対照表 第{self.release}版", f"Gaiji sheet, release {self.release}")),
            str(
                Text(
                    f"{names}({codes})、版の識別値 {self.digest[:16]}{day.ja}",
                    f"{codes}; digest of the release {self.digest[:16]}{day.en}",
                )
            ),
        )


# --- gathering


def sheet_of(
    session: Session,
    settings: Settings,
    release: Release,
    members: Sequence[str],
    *,
    as_of: date | None = None,
    refused: Refusing = "stop",
) -> Sheet:
    """Return the sheet of some members' code sets in a release (対照表), on a day.

    For one member its own glyphs need the scope `member`, for several `council`; the council's font always `council`.
    refused: what to do where the right is missing: stop with the whole list, or leave the glyph out and say so. Raises
    Refused, UnknownMember, UnknownRelease for a member without a code set in the release, NoPicture.
    """
    gathering = _Gathering(session, settings, release, as_of, len(set(members)) > 1)
    named = tuple((one, registered.find_member(session, one).name) for one in sorted(set(members)))
    sets = tuple(
        gathering.gather(code_set)
        for member, _ in named
        for code_set in _sets_of(session, release, member)
    )
    if gathering.refused and refused == "stop":
        raise _not_allowed(gathering.refused)
    findings = (*gathering.findings, *gathering.refused)
    return Sheet(
        release.number,
        release.digest,
        named,
        as_of,
        sets,
        gathering.glyphs,
        gathering.font,
        findings,
    )


def _sets_of(session: Session, release: Release, member: str) -> list[CodeSet]:
    pinned = release.manifest["code_sets"]
    found = [one for one in registered.code_sets(session, member) if one.address in pinned]
    if not found:
        raise UnknownRelease(
            f"構成市 {member} の外字セットは版 {release.number} にありません。公布後の版を指定してください。",
            f"Release {release.number} holds no code set of member {member}; name a release made after it joined.",
        )
    return found


def _not_allowed(refused: Sequence[Finding]) -> Refused:
    return Refused(
        f"字形 {len(refused)} 字には、印刷の委託先へ渡す権利が登録されていません。gaiji rights set で登録するか、"
        "--without-refused で除いて作ってください。",
        f"{len(refused)} glyphs lack the right to be given to a print contractor; register it with gaiji rights set, "
        "or leave them out with --without-refused.",
        findings=[finding.shape().model_dump(mode="json") for finding in refused],
    )


@dataclass
class _Gathering:
    """Puts the rows of one sheet together."""

    session: Session
    settings: Settings
    release: Release
    as_of: date | None
    is_shared: bool
    glyphs: dict[str, Glyph] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.repertoire = repertoire(self.session, self.release)
        self.points = points(self.session, PUA, self.release.serial)
        self.font = glyphs_for(
            self.session,
            self.settings,
            FontSubject("release"),
            self.release,
            audience="council",
            refused="leave-out",
        )
        self.council = {one.code_point: one for one in self.font.glyphs}
        self.missing = {one.subject: one for one in self.font.facts.findings if one.subject}

    def gather(self, code_set: CodeSet) -> SheetSet:
        address, charset = code_set.address, registered.charset_of(self.session, code_set)
        audience: Scope = "council" if self.is_shared else "member"
        own = glyphs_for(
            self.session,
            self.settings,
            FontSubject("codeset", address, as_of=self.as_of),
            self.release,
            audience=audience,
            refused="leave-out",
        )
        told = {one.subject: one for one in own.facts.findings}
        self.refused += [one for one in told.values() if one.code == "rights-missing"]
        drawn = {one.provenance.code: one for one in own.glyphs}
        rows = []
        other_days: defaultdict[bytes, list[tuple[date, date]]] = defaultdict(list)
        for meant in meanings(self.session, code_set, self.release.number):
            if not _in_force(meant, self.as_of):
                other_days[meant.code].append((meant.valid_from, meant.valid_to))
                continue
            code = meant.code.hex().upper()
            finding = told.get(f"{address}/{code}")
            image = charset.image_of(meant.code) or 0
            rows.append(self._row(address, meant, image, drawn.get(code), finding))
        names = {member.code: member.name for member in registered.all_members(self.session)}
        label = f"{names[code_set.member]} {code_set.system}"
        for row in rows:
            other_days.pop(row.code, None)
        return SheetSet(address, label, code_set.charset, tuple(rows), dict(other_days))

    def _row(
        self,
        address: str,
        meant: Meant,
        image: int,
        own: FontGlyph | None,
        finding: Finding | None,
    ) -> SheetRow:
        forms = self.repertoire.get(meant.character) if meant.character else None
        point = self.points.get(meant.character or "")
        shown = self.council.get(point) if point is not None else None
        for one in (own, shown):
            if one is not None:
                self.glyphs.setdefault(one.sha256, one.glyph)
        if (
            point is not None
            and shown is None
            and (why := self.missing.pop(meant.character or "", None))
        ):
            (self.refused if why.code == "rights-missing" else self.findings).append(why)
        note = meant.ground if meant.relationship == "substitute" else None
        if finding is not None:
            note = str(finding.text)
            if finding.code != "rights-missing":
                self.findings.append(finding)
        return SheetRow(
            address,
            meant.code,
            image,
            own.sha256 if own else None,
            point,
            shown.sha256 if shown else None,
            meant.character,
            meant.relationship,
            forms.juki if forms else None,
            (forms.ucs or forms.ivs) if forms else None,
            note,
        )


def _in_force(meant: Meant, day: date | None) -> bool:
    if day is None:
        return meant.valid_to == OPEN_END
    return meant.valid_from <= day <= meant.valid_to


# --- cells


def row_cells(row: SheetRow) -> tuple[str, str, str, str, str, str]:
    """Return a row's texts (対照表の文字): code, image, council's point, character, J+, relation."""
    return (
        row.code.hex().upper(),
        f"U+{row.image:04X}",
        f"U+{row.point:04X}" if row.point is not None else "",
        row.character or "",
        f"J+{row.juki:04X}" if row.juki is not None else "",
        str(RELATIONSHIPS.get(row.relationship, row.relationship)),
    )


def glyph_texts(row: SheetRow) -> tuple[str, str]:
    """Return what the row's two glyphs are as text: the character where it is exactly that, else the code point."""
    exact = row.text if row.relationship in REVERSIBLE else None
    return exact or chr(row.image), row.text or chr(row.point or row.image)


# --- HTML


def as_html(sheet: Sheet) -> str:
    """Return the sheet as one self-contained file for screen and print, without script; each glyph is in it once."""
    names = {digest: f"g{at}" for at, digest in enumerate(sorted(sheet.glyphs))}
    symbols = [_symbol(names[digest], sheet.glyphs[digest]) for digest in sorted(sheet.glyphs)]

    def picture(digest: str | None, title: str) -> Markup:
        if digest is None:
            return Markup('<span class="none"></span>')
        return Markup('<svg role="img" aria-label="{}"><use href="#{}"/></svg>').format(
            title, names[digest]
        )

    return page(
        "sheet.html.j2",
        sheet=sheet,
        heading=sheet.heading(),
        headers=HEADERS,
        cells=row_cells,
        picture=picture,
        symbols=symbols,
    )


def _symbol(name: str, glyph: Glyph) -> Markup:
    drawn = svg(glyph)
    body = drawn[drawn.index(">") + 1 : -len("</svg>")]
    return Markup(f'<symbol id="{name}" viewBox="0 0 1000 1000">{body}</symbol>')
