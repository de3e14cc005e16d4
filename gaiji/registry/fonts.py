"""Fonts of the registry's glyphs (版の外字フォント): which glyph stands where, by what right, and the file made of it.

A code set's own font shows every code with the city's glyph at its image. A council font, of a release or of a shared
server, shows every character that has a code point there, in this order: an outline that a city handed in for it and
may be used, by code set and code; the donor's (Hanazono); a dot pattern that may be used. Nothing is left out in
silence: what the right is missing for stops the font with the list, or is left out and listed where that is asked.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy.orm import Session

from gaiji.errors import Refused, Text
from gaiji.glyph.build import (
    FontFacts,
    FontGlyph,
    as_woff2,
    build_dots,
    build_font,
    content_digest,
    dot_glyphs,
    font_em,
    provenance_file,
)
from gaiji.glyph.licensing import (
    family_name,
    font_licence,
    full_name,
    is_ipas,
    licence_note,
    unreserved,
)
from gaiji.glyph.reference import REFERENCE, licence_text
from gaiji.glyph.winreg import ANSI_LAST
from gaiji.registry.cache import cached, digest_of, keep
from gaiji.registry.fontglyphs import FontSubject, Gathering, found
from gaiji.registry.journal import canonical
from gaiji.registry.rights import Refusals
from gaiji.registry.tables import Release
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Dots, FontFormat, Numbers, Outlines, Scope

FONT_REVISION = 2  # raised when the same glyphs and facts become another file
Refusing = Literal["stop", "leave-out"]


class FontContent(NamedTuple):
    """What a font is made of (フォントの内容): glyphs by code point, and what it says of itself."""

    what: FontSubject
    glyphs: tuple[FontGlyph, ...]
    facts: FontFacts


class FontFile(NamedTuple):
    """A font as a file (フォントのファイル): the name to give it, where the cache keeps it, what goes beside it.

    licence: the text that must go wherever the font goes, None where the font asks for none.
    """

    name: str
    path: Path
    sha256: str
    provenance: bytes
    licence: bytes | None
    content: FontContent

    def files(self, name: str | None = None) -> dict[str, bytes]:
        """Return the font and all that has to lie beside it, by file name (添付一式). name: the font's, if another."""
        name = name or self.name
        found = {name: self.path.read_bytes(), f"{name}.provenance.json": self.provenance}
        return found if self.licence is None else found | {f"{name}.licence.txt": self.licence}


def usual_audience(what: FontSubject, outlines: Outlines = "own") -> Scope:
    """Return who gets a font: a city its own, the council and its contractors a shared one, everybody one of IPA's."""
    if outlines == "ipamj":
        return "public"
    return "member" if what.kind == "codeset" else "council"


def glyphs_for(
    session: Session,
    settings: Settings,
    what: FontSubject,
    release: Release,
    *,
    audience: Scope | None = None,
    outlines: Outlines = "own",
    refused: Refusing = "stop",
) -> FontContent:
    """Return the glyphs of a font and where each came from (フォントの内容).

    audience: who will have the font, `usual_audience` where None; `unknown` asks for no right, to compare and not to
    hand on. outlines `ipamj`: the reference font's outlines for every character it has; then the font is under IPA's
    licence and every other glyph in it must be `public`. refused: what to do where the right is missing. Raises
    Refused with the list, UnknownCodeSet, UnknownRelease, UnknownSite, UnknownPlan for a server without one, NoPicture
    where a font of fonts/SOURCES.toml is needed and missing.
    """
    given = audience or usual_audience(what, outlines)
    if outlines == "ipamj" and given != "unknown":
        given = "public"
    gathering = Gathering(session, settings, release, given, outlines)
    gathering.gather(what)
    refusals = gathering.refusals
    if refusals.findings and refused == "stop":
        raise _not_allowed(refusals, what)
    findings = (*gathering.findings, *refusals.findings)
    glyphs = tuple(sorted(gathering.glyphs, key=lambda one: one.code_point))
    used = {"ipamj" if is_ipas(g.provenance) else g.provenance.source for g in glyphs}
    kept: list[str] = [what.part] if what.part != "all" else []
    kept += [what.as_of.isoformat()] if what.as_of else []
    kept += ["reference"] if outlines == "ipamj" else []
    content = content_digest(glyphs, font_em(one.glyph for one in glyphs)) if glyphs else ""
    mark = sha256(canonical([what.text, kept, given, content]).encode()).hexdigest()[:8]
    facts = FontFacts(
        family=family_name(what.kind, what.name, release.number, mark),
        full=full_name(what.kind, what.name, release.number, mark, kept),
        subject=what.text,
        release=release.number,
        digest=release.digest,
        licence=font_licence(what.text, given, used),
        audience=given,
        outlines=outlines,
        findings=findings,
    )
    return FontContent(what, glyphs, facts)


def font_file(
    settings: Settings,
    content: FontContent,
    form: FontFormat,
    *,
    side: Dots = 48,
    numbers: Numbers | None = None,
) -> FontFile:
    """Return a font as a file (フォントのファイル), made if the cache has none; the same content, the same bytes.

    side and numbers: of `bdf` alone; numbers are local codes for a code set, else code points. Raises BadFont as
    `build_font` and `build_dots`, DiskFull, StorageFailed.
    """
    what, facts = content.what, content.facts
    numbered = numbers or ("code" if what.kind == "codeset" else "point")
    content = _with_form_findings(content, form, side)
    stem = what.file_stem(facts.release)
    if facts.outlines == "ipamj":
        stem = unreserved(stem) + ".reference"
    if form == "bdf":
        stem += f".{side}" + (".point" if numbered == "point" and what.kind == "codeset" else "")
    proof = provenance_file(content.glyphs, content.facts)

    def place(form: FontFormat) -> Path:
        told = [
            FONT_REVISION,
            sha256(proof).hexdigest(),
            form,
            *([side, numbered] if form == "bdf" else []),
        ]
        key = sha256(canonical(told).encode()).hexdigest()[:32]
        return settings.cache_folder / f"{stem}.{key}.{form}"

    def make(path: Path) -> None:
        if form == "bdf":
            keep(path, build_dots(content.glyphs, content.facts, side, numbers=numbered))
        elif form == "woff2" and digest_of(plain := place("tte")):
            keep(path, as_woff2(plain.read_bytes()))
        else:
            keep(path, build_font(content.glyphs, content.facts, form))

    path = cached(settings, place(form), make)
    licence = facts.licence
    note = (
        licence_note(facts.family, licence, licence_text(settings, REFERENCE))
        if licence.way_back.en
        else None
    )
    return FontFile(f"{stem}.{form}", path, digest_of(path) or "", proof, note, content)


def _with_form_findings(content: FontContent, form: FontFormat, side: int) -> FontContent:
    """Add what a form of font cannot show: dots of another size, codes that old programs do not reach.

    Outline fonts tell the same whether they are packed or not: WOFF2 is the other file, packed.
    """
    findings = list(content.facts.findings)
    if form == "bdf":
        for one in dot_glyphs(content.glyphs, side)[1]:
            findings.append(
                found(
                    "no-outline",
                    "gap",
                    f"U+{one.code_point:04X} は点数の違うドット字形しかなく、1辺{side}点のフォントに入りません。",
                    f"U+{one.code_point:04X} has dots of another size alone and is not in a font of {side} dots.",
                    one.provenance,
                )
            )
    beyond = [one for one in content.glyphs if ANSI_LAST < one.code_point <= 0xF8FF]
    if form != "bdf" and beyond and content.facts.code_page == 932:
        findings.append(
            Finding(
                "beyond-ansi",
                "warning",
                Text(
                    f"U+E757 より後の {len(beyond)} 字は、コードページ932のUnicode非対応プログラムからは使えません。",
                    f"Programs without Unicode on code page 932 do not reach {len(beyond)} glyphs beyond U+E757.",
                ),
                content.what.text,
            )
        )
    return content._replace(facts=content.facts._replace(findings=tuple(findings)))


def _not_allowed(refusals: Refusals, what: FontSubject) -> Refused:
    count = len(refusals.findings)
    counts = [] if what.kind == "codeset" else sorted(refusals.counts.items())
    ja, en = (
        separator.join(f"{address} {number:,}" for address, number in counts)
        for separator in ("、", ", ")
    )
    return Refused(
        f"{what.text} の字形 {count:,} 字には {refusals.audience} へ渡す権利が登録されていません"
        f"{ja and f'({ja})'}。所見の gaiji rights set で登録するか(--code を省けば外字セット全体)、"
        "font build・bundle print・cutover export の --without-refused で除いてください。",
        f"The right to give glyphs of {what.text} to {refusals.audience} is missing for {count:,} of them"
        f"{en and f' ({en})'}; register it with the gaiji rights set of each finding (without --code for the whole "
        "code set), or leave them out with --without-refused of font build, bundle print and cutover export.",
        findings=[finding.shape().model_dump(mode="json") for finding in refusals.findings],
    )


__all__ = [
    "FontContent",
    "FontFile",
    "FontSubject",
    "font_file",
    "glyphs_for",
    "usual_audience",
]
