"""Identified glyphs told to people and programs (文字同定の報告): as text, JSON, and one page with pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from gaiji.data import MjRow, ReadingRow, read
from gaiji.errors import NoPicture, Text
from gaiji.glyph import explain
from gaiji.glyph.draw import svg
from gaiji.glyph.families import members
from gaiji.glyph.forms import Glyph
from gaiji.glyph.unification import rules_of
from gaiji.report.pages import page
from gaiji.wire.findings import Finding
from gaiji.wire.identification import CandidateShape, IdentificationShape
from gaiji.wire.nouns import CharacterShape

WORDS = {
    "same": Text("同一", "same"),
    "design-difference": Text("デザイン差", "design difference"),
    "different": Text("別字", "different"),
    "absent": Text("該当なし", "absent"),
    None: Text("未測定", "not measured"),
}
GROUPS = {
    "certain": Text("一括確認できる", "certain"),
    "look": Text("要確認", "needs a look"),
    "none": Text("該当なし", "none"),
    "blank": Text("空白", "blank"),
    "not-measured": Text("未測定", "not measured"),
    "no-glyph": Text("字形なし", "no glyph"),
}
LIKELY = ("same", "design-difference")
ALWAYS_TOLD, LEAST_TOLD = 3, 0.001
"""Candidates of a text: the first so many, others as far as they are so probable."""
PICTURED = 4
"""Candidates of a glyph that a page shows in pictures."""


@dataclass(frozen=True)
class Entry:
    """One glyph of a report (報告する字形): what is said of it, the glyph where there is one, and doubts."""

    shape: IdentificationShape
    glyph: Glyph | None
    findings: tuple[Finding, ...] = ()

    @property
    def standard(self) -> CandidateShape | None:
        """The candidate that every terminal has, a sign or of JIS X 0208, where it is the likely one."""
        first = self.shape.candidates[0] if self.shape.candidates else None
        if first is None or self.shape.verdict not in LIKELY:
            return None
        place = first.standard
        is_common = place is not None and place.jis == "x0208"
        return first if is_common or first.id.startswith("U+") else None


@dataclass(frozen=True)
class Report:
    """The glyphs of one file or code set with what made the answer (文字同定の結果).

    index: sha256 of the index's contents; font: of the font it was made from; edition: of the features.
    """

    name: str
    entries: tuple[Entry, ...]
    edition: str
    index: str
    font: str
    findings: tuple[Finding, ...] = ()

    @property
    def groups(self) -> dict[str, int]:
        """How many glyphs each group has."""
        count = Counter[str](entry.shape.group for entry in self.entries)
        return {group: count[group] for group in GROUPS if count[group]}


def known_of(names: set[str]) -> dict[str, CharacterShape]:
    """Return what the shipped list says of characters (文字情報一覧表の属性); other names are left out."""
    readings: dict[str, list[str]] = {}
    for row in read(ReadingRow):
        if row.name in names:
            readings.setdefault(row.name, []).append(row.reading)
    return {
        row.name: CharacterShape(
            id=row.name,
            kind="reference",
            text=row.own_ucs or row.ivs,
            ucs=_points(row.own_ucs or row.ucs),
            ivs=_points(row.ivs),
            svs=_points(row.svs),
            juki=row.juki,
            koseki=row.koseki,
            touki=row.touki,
            x0213=row.x0213,
            strokes=row.strokes,
            radicals=[],
            readings=readings.get(row.name, []),
        )
        for row in read(MjRow)
        if row.name in names
    }


def _points(text: str | None) -> str | None:
    return None if text is None else " ".join(f"U+{ord(char):04X}" for char in text)


# --- for programs


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it."""
    return {
        "items": [_item(entry) for entry in report.entries],
        "next": None,
        "file": report.name,
        "groups": report.groups,
        "edition": report.edition,
        "index": report.index,
        "font": report.font,
        "findings": [finding.shape() for finding in report.findings],
    }


def _item(entry: Entry) -> dict[str, Any]:
    told = entry.shape.model_dump(mode="json", by_alias=True)
    for candidate in told["candidates"]:
        candidate["rules"] = [rule.id for rule in rules_of(candidate["id"])]
    first = entry.standard
    return told | {
        "standard": None if first is None else first.text,
        "findings": [finding.shape() for finding in entry.findings],
    }


# --- for people


def as_text(report: Report, *, summary: bool) -> Iterator[str]:
    """Yield the lines of a report for people; summary: how many glyphs each group has, at the end."""
    for entry in report.entries:
        yield heading(entry)
        for finding in entry.findings:
            yield f"  ! {finding.text}"
        for number, one in enumerate(entry.shape.candidates, 1):
            if number > ALWAYS_TOLD and one.probability < LEAST_TOLD:
                break
            yield f"  {number:>2} {candidate_line(entry, one)}"
        if told := _standard(entry):
            yield f"  {told}"
        yield ""
    for finding in report.findings:
        yield str(finding.text)
    if summary:
        yield summary_line(report)


def heading(entry: Entry) -> str:
    """Return what is said of a glyph in one line: `U+E000  同一 98.2%（一括確認できる）`."""
    shape = entry.shape
    if shape.group in ("blank", "no-glyph", "not-measured"):
        return f"{shape.code}  {GROUPS[shape.group]}"
    chance = "" if shape.probability is None else f" {percent(shape.probability)}"
    word, group = WORDS[shape.verdict], GROUPS[shape.group]
    return str(
        Text(
            f"{shape.code}  {word.ja}{chance}（{group.ja}）",
            f"{shape.code}  {word.en}{chance} ({group.en})",
        )
    )


def percent(probability: float) -> str:
    """Return a probability in percent, cut and never rounded up: 99.9 of 0.99999."""
    return f"{int(probability * 1000) / 10:.1f}%"


def candidate_line(entry: Entry, one: CandidateShape) -> str:
    """Return a candidate in one line: character, name, code, probability, its family, whether it competes."""
    forms = len(members(one.family))
    notes = []
    if forms > 1:
        notes.append(Text(f"{one.family} の{forms}字形の一つ", f"one of {forms} of {one.family}"))
    if one.id in entry.shape.siblings:
        notes.append(Text("紛らわしい異体字", "a close sibling"))
    notes += [
        Text(f"包摂: {rule.text.ja}", f"unified: {rule.text.en}") for rule in rules_of(one.id)
    ]
    told = (
        f"{one.text or '　'} {one.id:<9}{one.ivs or one.ucs or '':<17}{percent(one.probability):>6}"
    )
    return f"{told}  {str(Text('、', ', ')).join(map(str, notes))}".rstrip()


def _standard(entry: Entry) -> Text | None:
    first = entry.standard
    if first is None:
        return None
    return Text(
        f"外字でなく、標準の文字 {first.text} かもしれません。",
        f"It may be the standard character {first.text}, and no gaiji.",
    )


def summary_line(report: Report) -> str:
    """Return how many glyphs each group has, in one line."""
    total = len(report.entries)
    ja = "、".join(f"{GROUPS[group].ja} {count:,}" for group, count in report.groups.items())
    en = ", ".join(f"{GROUPS[group].en} {count:,}" for group, count in report.groups.items())
    return str(
        Text(
            f"{total:,} 字形: {ja}。決めるのは人です。",
            f"{total:,} glyphs: {en}. A person decides.",
        )
    )


# --- a page


def as_html(report: Report, drawn: Callable[[str], Glyph | None]) -> str:
    """Return a report as one self-contained page: glyph, candidates, and where it differs from the first.

    drawn: the glyph of a candidate by name, None where there is no picture.
    """
    return page(
        "identified.html.j2",
        report=report,
        summary=summary_line(report),
        rows=[_row(entry, drawn) for entry in report.entries],
    )


def _row(entry: Entry, drawn: Callable[[str], Glyph | None]) -> Mapping[str, Any]:
    candidates = entry.shape.candidates[:PICTURED]
    glyphs = [drawn(one.id) for one in candidates]
    shown: Sequence[tuple[Markup | None, str]] = [
        (None if glyph is None else Markup(svg(glyph, title=one.id)), candidate_line(entry, one))
        for one, glyph in zip(candidates, glyphs, strict=True)
    ]
    return {
        "heading": heading(entry),
        "group": entry.shape.group,
        "glyph": Markup(svg(entry.glyph, title=entry.shape.code)) if entry.glyph else None,
        "findings": [str(finding.text) for finding in entry.findings],
        "standard": _standard(entry),
        "candidates": shown,
        "difference": _difference(entry.glyph, glyphs[0] if glyphs else None),
    }


def _difference(glyph: Glyph | None, candidate: Glyph | None) -> tuple[Markup, str] | None:
    if glyph is None or candidate is None:
        return None
    try:
        found = explain.difference(glyph, candidate)
    except NoPicture:  # a blank glyph
        return None
    return Markup(explain.svg(found)), str(found.text)


__all__ = ["Entry", "Report", "as_html", "as_json", "as_text", "known_of"]
