"""Fonts of the registry's glyphs (版の外字フォント): which glyph stands where, by what right, and the file made of it.

A code set's own font shows every code with the city's glyph at its image. A council font, of a release or of a shared
server, shows every character that has a code point there, in this order: an outline that a city handed in for it and
may be used, by code set and code; the donor's (Hanazono); a dot pattern that may be used. Nothing is left out in
silence: what the right is missing for stops the font with the list, or is left out and listed where that is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from sqlalchemy.orm import Session

from gaiji.errors import Refused, Text
from gaiji.glyph.build import (
    FontFacts,
    FontGlyph,
    build_dots,
    build_font,
    dot_glyphs,
    provenance_file,
)
from gaiji.glyph.licensing import family_name, font_licence
from gaiji.glyph.winreg import ANSI_LAST
from gaiji.registry.cache import cached, digest_of, keep
from gaiji.registry.fontglyphs import FontSubject, Gathering, found
from gaiji.registry.journal import canonical
from gaiji.registry.tables import Release
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Dots, FontFormat, Numbers, Outlines, Scope

FONT_REVISION = 1  # raised when the same glyphs and facts become another file
Refusing = Literal["stop", "leave-out"]


class FontContent(NamedTuple):
    """What a font is made of (フォントの内容): glyphs by code point, and what it says of itself."""

    what: FontSubject
    glyphs: tuple[FontGlyph, ...]
    facts: FontFacts


class FontFile(NamedTuple):
    """A font as a file (フォントのファイル): the name to give it, where the cache keeps it, what goes beside it."""

    name: str
    path: Path
    sha256: str
    provenance: bytes
    content: FontContent


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
    Refused with the list, UnknownCodeSet, UnknownRelease, UnknownSite, NoPicture where a font of fonts/SOURCES.toml
    is needed and missing.
    """
    given = audience or usual_audience(what, outlines)
    if outlines == "ipamj" and given != "unknown":
        given = "public"
    gathering = Gathering(session, settings, release, given, outlines)
    gathering.gather(what)
    if gathering.refused and refused == "stop":
        raise _not_allowed(gathering.refused, what, given)
    findings = (*gathering.findings, *gathering.refused)
    glyphs = tuple(sorted(gathering.glyphs, key=lambda one: one.code_point))
    used = {one.provenance.source for one in glyphs}
    facts = FontFacts(
        family=family_name(what.kind, what.name, release.number),
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
    session: Session,
    settings: Settings,
    what: FontSubject,
    release: Release,
    form: FontFormat,
    *,
    audience: Scope | None = None,
    outlines: Outlines = "own",
    refused: Refusing = "stop",
    side: Dots = 48,
    numbers: Numbers | None = None,
) -> FontFile:
    """Return a font as a file (フォントのファイル), made if the cache has none; the same content, the same bytes.

    side and numbers: of `bdf` alone; numbers are local codes for a code set, else code points. Raises as `glyphs_for`,
    BadFont as `build_font` and `build_dots`, DiskFull, StorageFailed.
    """
    content = glyphs_for(
        session, settings, what, release, audience=audience, outlines=outlines, refused=refused
    )
    numbered = numbers or ("code" if what.kind == "codeset" else "point")
    content = _with_form_findings(content, form, side)
    stem = content.what.file_stem(release.number)
    if outlines == "ipamj":
        stem += ".reference"
    if form == "bdf":
        stem += f".{side}" + (".point" if numbered == "point" and what.kind == "codeset" else "")
    proof = provenance_file(content.glyphs, content.facts)
    told = [
        FONT_REVISION,
        sha256(proof).hexdigest(),
        form,
        *([side, numbered] if form == "bdf" else []),
    ]
    key = sha256(canonical(told).encode()).hexdigest()[:32]
    path = settings.cache_folder / f"{stem}.{key}.{form}"

    def make(path: Path) -> None:
        data = (
            build_dots(content.glyphs, content.facts, side, numbers=numbered)
            if form == "bdf"
            else build_font(content.glyphs, content.facts, form)
        )
        keep(path, data)

    known = digest_of(cached(settings, path, make)) or ""
    return FontFile(f"{stem}.{form}", path, known, proof, content)


def _with_form_findings(content: FontContent, form: FontFormat, side: int) -> FontContent:
    """Add what only this form of font cannot show: dots of another size, codes that old programs do not reach."""
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
    if form == "tte" and beyond and content.facts.code_page == 932:
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


def _not_allowed(refused: Sequence[Finding], what: FontSubject, audience: Scope) -> Refused:
    return Refused(
        f"{what.text} の字形 {len(refused)} 字には {audience} へ渡す権利が登録されていません。"
        "gaiji rights set で登録するか、--without-refused で除いて作ってください。",
        f"The right to give glyphs of {what.text} to {audience} is missing for {len(refused)} of them; register it "
        "with gaiji rights set, or make the font --without-refused.",
        findings=[finding.shape().model_dump(mode="json") for finding in refused],
    )


__all__ = [
    "FontContent",
    "FontFile",
    "FontSubject",
    "font_file",
    "glyphs_for",
    "usual_audience",
]
