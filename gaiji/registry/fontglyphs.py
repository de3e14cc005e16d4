"""Which glyph stands where in a font, and by what right (フォントの字形の選択).

The order in which a council font takes outlines is told in `gaiji.registry.fonts` and docs/fonts.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.charset.mapping import Forms
from gaiji.errors import NoPicture, Text
from gaiji.glyph.build import FontGlyph, Provenance, glyph_name
from gaiji.glyph.donors import DONORS, Donor, Wanted, donor
from gaiji.glyph.forms import Glyph, Outline, digest, parse_canonical
from gaiji.glyph.licensing import is_ipas_licence
from gaiji.glyph.reference import find_font, reference_font
from gaiji.registry import adoption, allocation, cutover, gaps, releases
from gaiji.registry.characters import Meant, meanings, published
from gaiji.registry.db import chunks
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.rights import Refusals, Source, granting, sources_of
from gaiji.registry.tables import (
    OPEN_END,
    Character,
    CodeSet,
    GlyphUse,
    LocalCode,
    MappingRow,
    Meaning,
    Release,
)
from gaiji.registry.tables import Glyph as KnownGlyph
from gaiji.settings import Settings
from gaiji.wire.findings import Finding, Level
from gaiji.wire.fonts import Outlines, Scope

EXACT = frozenset({"equivalent", "design-difference"})


@dataclass(frozen=True)
class FontSubject:
    """Whose gaiji a font shows (フォントの対象).

    kind and name: `codeset` 252069/juki, `release` (no name: the council's characters at their BMP points), `server`
    cs1. part: of a code set, every code or those without a decided character. as_of: the day whose meanings hold; None
    takes the meanings that are still open.
    """

    kind: Literal["codeset", "release", "server"]
    name: str = ""
    part: Literal["all", "undecided"] = "all"
    as_of: date | None = None

    @property
    def text(self) -> str:
        """How it is written in fonts and reports: `codeset:252069/juki`, `release`, `server:cs1`."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    def file_stem(self, release: int) -> str:
        """Return the beginning of a font's file name, `252069-juki.r3`, `council.r3`, `server-cs1.r3`."""
        named = {
            "codeset": self.name.replace("/", "-"),
            "release": "council",
            "server": f"server-{self.name}",
        }
        parts = [named[self.kind], *(["undecided"] if self.part == "undecided" else [])]
        if self.as_of is not None:
            parts.append(f"as-of-{self.as_of.isoformat()}")
        return ".".join([*parts, f"r{release}"])


class Candidate(NamedTuple):
    """A city's glyph for a character."""

    digest: str
    codeset: str
    is_dots: bool


@dataclass
class Gathering:
    """Puts the glyphs of one font together."""

    session: Session
    settings: Settings
    release: Release
    audience: Scope
    outlines: Outlines
    glyphs: list[FontGlyph] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    donor: Donor | None = None
    same_base: dict[str, list[Wanted]] = field(default_factory=dict)
    doubtful: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.refusals = Refusals(self.audience, cache(self._codes_now))

    def gather(self, what: FontSubject) -> None:
        """Fill `glyphs`, and tell what is not among them: `findings`, and `refusals` for want of a right."""
        if what.kind == "codeset":
            self._own(what)
        elif what.kind == "release":
            self._council(allocation.points(self.session, allocation.PUA, self.release.serial))
        else:
            adoption.find_site(self.session, f"server:{what.name}")
            points = allocation.points(self.session, allocation.server_scope(what.name))
            if not points:
                cutover.plan_record(self.session, what.name)
            self._council(points)
        self._look_for_twins()

    def _look_for_twins(self) -> None:
        """Tell characters that nobody could tell apart by this font: two with one glyph."""
        drawn = defaultdict[str, dict[str, Provenance]](dict)
        for one in self.glyphs:
            if one.provenance.character:
                drawn[one.sha256].setdefault(one.provenance.character, one.provenance)
        for twins in drawn.values():
            if len(twins) > 1:
                names = sorted(twins)
                self.findings.append(
                    found(
                        "same-glyph",
                        "warning",
                        f"{'・'.join(names)} の字形は同一で、見分けられません。同定と市の字形を確かめてください。",
                        f"{' and '.join(names)} have the very same glyph and look alike; check what was decided and "
                        "the cities' glyphs.",
                        twins[names[-1]],
                    )
                )

    # a code set's own

    def _own(self, what: FontSubject) -> None:
        code_set = find_code_set(self.session, what.name)
        releases.mapping(
            self.session, what.name, self.release
        )  # raises where the release has not got it
        charset = charset_of(self.session, code_set)
        rows = [
            meant
            for meant in meanings(self.session, code_set, self.release.number)
            if _in_force(meant, what.as_of)
            and not (what.part == "undecided" and meant.character is not None)
        ]
        sources = sources_of(self.session, {meant.glyph for meant in rows if meant.glyph})
        taken: list[tuple[int, Meant, Provenance]] = []
        for meant in rows:
            code, image = meant.code.hex().upper(), charset.image_of(meant.code) or 0
            character = meant.character if meant.relationship in EXACT else None
            subject = f"{what.name}/{code}"
            if self.outlines == "ipamj" and character and self._reference(image, character, code):
                if meant.relationship != "equivalent":
                    self._find(
                        "other-design",
                        "warning",
                        subject,
                        f"{subject} は {character} のデザイン差です。市の字形ではなく基準フォントの字形が入ります。",
                        f"{subject} is {character} in another design; the reference font's glyph is shown, not the "
                        "city's.",
                    )
                continue
            if meant.glyph is None:
                self._find(
                    "no-glyph",
                    "gap",
                    subject,
                    f"{subject} の字形は届いていません。",
                    f"No glyph of {subject} was handed in.",
                )
                continue
            proof = self._proof(sources[meant.glyph], what.name)
            if proof is None:
                self._refuse(subject, [Candidate(meant.glyph, what.name, False)], sources)
                continue
            taken.append((image, meant, proof._replace(code=code, character=meant.character or "")))
        forms = gaps.glyph_forms(
            self.session, {meant.glyph for _, meant, _ in taken if meant.glyph}
        )
        for image, meant, proof in taken:
            named = glyph_name(f"{what.name}/{proof.code}", meant.glyph or "")
            glyph = parse_canonical(forms[meant.glyph or ""])
            self.glyphs.append(FontGlyph(image, named, glyph, meant.glyph or "", proof))

    # the council's

    def _council(self, points: dict[str, int]) -> None:
        candidates = self._candidates(points)
        every = {one.digest for some in candidates.values() for one in some}
        sources = sources_of(self.session, every)
        repertoire = releases.repertoire(self.session, self.release)
        self.same_base = _same_base(repertoire.forms.values(), points)
        chosen: dict[str, tuple[Candidate, Provenance]] = {}
        for character, point in sorted(points.items()):
            if self.outlines == "ipamj" and self._reference(point, character):
                continue
            known = candidates.get(character, [])
            usable = [
                (one, proof._replace(character=character))
                for one in known
                if (proof := self._proof(sources[one.digest], one.codeset))
            ]
            best = min(usable, key=lambda pair: pair[0].is_dots, default=None)
            if best is None or best[0].is_dots:
                forms = repertoire.get(character)
                if forms and self._donated(point, forms):
                    continue
            if best is not None:
                chosen[character] = best
            elif known:
                self._refuse(character, known, sources)
            elif character in self.doubtful:
                self._find(
                    "no-outline",
                    "gap",
                    character,
                    f"{character} の字形がありません。花園明朝の字形は同じ字の別の字形 (別の文字) のもので、"
                    "使えません。市の字形を受け入れてください。",
                    f"There is no glyph of {character}: Hanazono's may be that of another character of the same base. "
                    "Take in a city's glyph of it.",
                )
            else:
                self._find(
                    "no-outline",
                    "gap",
                    character,
                    f"{character} の字形がありません。",
                    f"There is no glyph of {character}.",
                )
        kept = gaps.glyph_forms(self.session, {one.digest for one, _ in chosen.values()})
        for character, (one, proof) in chosen.items():
            named = glyph_name(character, one.digest)
            glyph = parse_canonical(kept[one.digest])
            self.glyphs.append(FontGlyph(points[character], named, glyph, one.digest, proof))

    def _candidates(self, points: dict[str, int]) -> dict[str, list[Candidate]]:
        """Return the cities' glyphs of characters: the one a council's own was made for first, then by code set."""
        by_character: dict[str, list[Candidate]] = defaultdict(list)
        number, pinned = self.release.number, self.release.manifest["code_sets"]
        for some in chunks(sorted(points)):
            own = select(Character.id, Character.glyph, KnownGlyph.kind).join(
                KnownGlyph, KnownGlyph.sha256 == Character.glyph
            )
            for id, glyph, kind in self.session.execute(own.where(Character.id.in_(some))):
                by_character[id].append(Candidate(glyph or "", "", kind == "bitmap"))
            query = (
                select(MappingRow.character, GlyphUse.glyph, KnownGlyph.kind, CodeSet)
                .join(Meaning, Meaning.id == MappingRow.meaning_id)
                .join(GlyphUse, (GlyphUse.meaning_id == Meaning.id) & published(GlyphUse, number))
                .join(KnownGlyph, KnownGlyph.sha256 == GlyphUse.glyph)
                .join(LocalCode, LocalCode.id == Meaning.local_code_id)
                .join(CodeSet, CodeSet.id == LocalCode.code_set_id)
                .where(
                    MappingRow.character.in_(some),
                    MappingRow.relationship == "equivalent",
                    published(MappingRow, number),
                )
                .order_by(CodeSet.member, CodeSet.name, LocalCode.code, Meaning.valid_from)
            )
            for id, glyph, kind, code_set in self.session.execute(query):
                if code_set.address in pinned:
                    by_character[id].append(Candidate(glyph, code_set.address, kind == "bitmap"))
        for some_candidates in by_character.values():  # whose glyph a council's own was made for
            first = some_candidates[0]
            if not first.codeset:
                named = [one.codeset for one in some_candidates[1:] if one.digest == first.digest]
                some_candidates[0] = first._replace(codeset=next(iter(named), ""))
        return dict(by_character)

    # by what right

    def _proof(self, sources: Sequence[Source], codeset: str) -> Provenance | None:
        """Return where a glyph came from, None where the right for this audience is missing.

        What is under IPA's licence goes into a font under that licence alone.
        """
        best = granting(sources, self.audience, codeset)
        if best is None:
            return None
        is_open = self.outlines == "ipamj" or self.audience == "unknown"
        if is_ipas_licence(best.licence) and not is_open:
            return None
        return Provenance(
            *("city", best.supplier, best.rights, best.scope, best.licence),
            codeset=codeset,
            granted_by=best.codeset,
        )

    def _refuse(
        self, subject: str, candidates: Sequence[Candidate], sources: dict[str, list[Source]]
    ) -> None:
        """Note that no glyph may be used: the first for which leave can be had, else that all are IPA's."""
        for one in candidates:
            known = sources[one.digest]
            if granting(known, self.audience, one.codeset) is None:
                self.refusals.missing(subject, one.digest, known, one.codeset)
                return
        self.refusals.ipas(subject)

    def _codes_now(self, address: str) -> dict[str, str]:
        """Return a code of each glyph that a code set's codes are drawn with now, published or not."""
        coming = meanings(self.session, find_code_set(self.session, address), None)
        now = {meant.code: meant.glyph for meant in coming}
        return {glyph: code.hex().upper() for code, glyph in reversed(now.items()) if glyph}

    # from fonts that anybody may use

    def _donated(self, point: int, forms: Forms) -> bool:
        """Take the donor's outline, where it is this character's own for certain."""
        wanted = _wanted(forms)
        if self.donor is None:
            missing = [name for name in DONORS if find_font(self.settings, name) is None]
            if missing:
                raise NoPicture(
                    "市の字形で作れない文字があり、花園明朝が要ります。gaiji fonts fetch を実行してください。",
                    "Some characters have no city's glyph and need Hanazono Mincho; run gaiji fonts fetch.",
                )
            self.donor = donor(self.settings)
        others = self.same_base.get(forms.base or forms.id, [])
        outline = self.donor.own(wanted, others, self._reference_outline)
        if outline is None:
            if self.donor.has(wanted):
                self.doubtful.add(forms.id)
            return False
        proof = Provenance(
            "hanazono",
            "GlyphWiki Project",
            "自由に改変・再配布できる",
            "public",
            "LicenseRef-Hanazono",
            character=wanted.name,
        )
        self._add(point, wanted.name, outline, proof)
        return True

    def _reference_outline(self, character: str) -> Outline | None:
        font = reference_font(self.settings)
        return font.glyph(character) if character in font.names() else None

    def _reference(self, point: int, character: str, code: str = "") -> bool:
        outline = self._reference_outline(character)
        if outline is None:
            return False
        proof = Provenance(
            "ipamj",
            "IPA",
            "IPAフォントライセンスv1.0",
            "public",
            "IPA",
            code=code,
            character=character,
        )
        self._add(point, character, outline, proof)
        return True

    def _add(self, point: int, character: str, glyph: Glyph, proof: Provenance) -> None:
        sha = digest(glyph)
        name = glyph_name(f"{character}_{point:04X}" if proof.code else character, sha)
        self.glyphs.append(FontGlyph(point, name, glyph, sha, proof))

    def _find(self, code: str, level: Level, subject: str, ja: str, en: str) -> None:
        self.findings.append(Finding(code, level, Text(ja, en), subject))


def _wanted(forms: Forms) -> Wanted:
    return Wanted(forms.id, forms.ucs, forms.ivs)


def _same_base(repertoire: Iterable[Forms], wanted: Iterable[str]) -> dict[str, list[Wanted]]:
    """Return the reference characters of every base that a wanted one has (同じ基底の文字), by base."""
    among, found = set(wanted), defaultdict[str, list[Forms]](list)
    for forms in repertoire:
        if forms.base:
            found[forms.base].append(forms)
    return {
        base: [_wanted(forms) for forms in some]
        for base, some in found.items()
        if any(forms.id in among for forms in some)
    }


def _in_force(meant: Meant, day: date | None) -> bool:
    if day is None:
        return meant.valid_to == OPEN_END
    return meant.valid_from <= day <= meant.valid_to


def found(code: str, level: Level, ja: str, en: str, of: str | Provenance) -> Finding:
    """Return a finding about a glyph (所見), its subject the code or the character it stands for."""
    if isinstance(of, Provenance):
        of = f"{of.codeset}/{of.code}" if of.code else of.character
    return Finding(code, level, Text(ja, en), of)
