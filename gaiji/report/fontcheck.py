"""A terminal's font held against a release (端末フォントの点検): what drifted, for people, and what mends it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import get_args

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from gaiji.charset.tables import write_csv
from gaiji.errors import Text, language
from gaiji.glyph.build import FontGlyph, font_em
from gaiji.glyph.draw import pair_svg, svg
from gaiji.glyph.drift import Drift, drift
from gaiji.glyph.sources import read_source
from gaiji.glyph.winreg import link_file
from gaiji.registry.db import Session
from gaiji.registry.fonts import FontSubject, font_file, glyphs_for, usual_audience
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import Release
from gaiji.report.folders import replacing_folder
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import DriftKind, DriftShape, FontCheckShape, Scope

KINDS: tuple[DriftKind, ...] = get_args(DriftKind)
NAMES: dict[DriftKind, Text] = {
    "missing": Text("不足", "missing"),
    "extra": Text("余分", "extra"),
    "swapped": Text("入替わり", "swapped"),
    "redrawn": Text("字形違い", "redrawn"),
    "blank": Text("空白", "blank"),
}
HEADERS = (
    Text("文字番号", "Code point"),
    Text("コード", "Code"),
    Text("種類", "Kind"),
    Text("内容", "What"),
    Text("差", "Difference"),
)
LISTED = 20
FONTS = "C:\\Windows\\Fonts\\"


@dataclass(frozen=True)
class FontCheck:
    """What a check found (点検の結果): the glyphs that should be there, and every difference, by code point."""

    what: FontSubject
    release: int
    digest: str
    file: str
    sha256: str
    expected: dict[int, FontGlyph]
    drifts: tuple[Drift, ...]
    findings: tuple[Finding, ...]

    @property
    def same(self) -> int:
        """How many glyphs are as they should be."""
        return len(self.expected) - sum(one.expected is not None for one in self.drifts)

    def counts(self) -> dict[DriftKind, int]:
        """Return how many differences there are of every kind."""
        found = Counter(one.kind for one in self.drifts)
        return {kind: found[kind] for kind in KINDS}

    def shape(self) -> FontCheckShape:
        """Return the JSON shape, its texts in the current language."""
        return FontCheckShape(
            subject=self.what.text,
            release=self.release,
            digest=self.digest,
            file=self.file,
            sha256=self.sha256,
            expected=len(self.expected),
            same=self.same,
            counts=self.counts(),
            items=[_drift_shape(one, self) for one in self.drifts],
            findings=[finding.shape() for finding in self.findings],
        )


def check_font(
    session: Session,
    settings: Settings,
    what: FontSubject,
    release: Release,
    file_name: str,
    data: bytes,
    *,
    dots: int | None = None,
) -> FontCheck:
    """Return how a font from outside differs from what a release shows (端末フォントの点検).

    It is read in a limited child process. Which outlines a council font has depends on rights, so it is held against
    the one that would be built now; a code set's own against every glyph it has, whatever the rights: nothing is handed
    on. Raises BadFont, HostileFile, and as `glyphs_for`, never for want of a right.
    """
    asked: Scope = "unknown" if what.kind == "codeset" else usual_audience(what)
    content = glyphs_for(session, settings, what, release, audience=asked, refused="leave-out")
    expected = {one.code_point: one for one in content.glyphs}
    found = read_source(data, file_name, settings=settings, dots=dots)
    em_units = font_em(one.glyph for one in content.glyphs) if content.glyphs else 2048
    drifts = tuple(drift(expected, found, em_units))
    return FontCheck(
        what,
        release.number,
        release.digest,
        file_name,
        sha256(data).hexdigest(),
        expected,
        drifts,
        (*content.facts.findings, *_outside(session, what, drifts)),
    )


def _outside(session: Session, what: FontSubject, drifts: Sequence[Drift]) -> list[Finding]:
    """Tell extra glyphs that no code of the code set can stand for."""
    if what.kind != "codeset":
        return []
    charset = charset_of(session, find_code_set(session, what.name))
    outside = [
        one.code_point
        for one in drifts
        if one.kind == "extra" and charset.code_of(one.code_point) is None
    ]
    if not outside:
        return []
    listed = " ".join(map(_point, outside[:LISTED])) + (" …" if len(outside) > LISTED else "")
    text = Text(
        f"外字領域の外に字形が {len(outside)} 字あります: {listed}。領域と私用領域の割当てを確かめてください。",
        f"Glyphs outside the user-defined area: {len(outside)}, {listed}; check the areas and their images.",
    )
    return [Finding("outside-area", "warning", text, what.name)]


def _drift_shape(one: Drift, check: FontCheck) -> DriftShape:
    return DriftShape(
        kind=one.kind,
        code_point=_point(one.code_point),
        code=(one.expected.provenance.code or None) if one.expected else None,
        text=str(_told(one, check)),
        found_at=_point(one.found_at) if one.found_at is not None else None,
        difference=None if one.difference is None else int(one.difference * 1000) / 1000,
    )


def _point(code_point: int) -> str:
    return f"U+{code_point:04X}"


def _named(check: FontCheck, code_point: int | None) -> str:
    """Return a code point with the code it stands for."""
    known = check.expected.get(code_point or 0)
    what = (known.provenance.code or known.provenance.character) if known else ""
    return f"{_point(code_point or 0)}" + (f" ({what})" if what else "")


def _told(one: Drift, check: FontCheck) -> Text:
    here = _named(check, one.code_point)
    if one.kind == "swapped":
        there = _named(check, one.found_at)
        return Text(
            f"{here} に {there} の字形が入っています。フォントを入れ替えてください。",
            f"{here} shows the glyph of {there}; replace the font.",
        )
    return {
        "missing": Text(
            f"{here} の字形がありません。フォントを入れ替えてください。",
            f"{here} has no glyph; replace the font.",
        ),
        "extra": Text(
            f"{here} は版にない字形です。使われていれば外字として受け入れ、そうでなければ除いてください。",
            f"{here} is in no release; take it in as a gaiji if it is in use, else remove it.",
        ),
        "redrawn": Text(
            f"{here} の字形が版と違います。正しいほうを確かめ、フォントを入れ替えてください。",
            f"{here} is drawn differently from the release; find out which is right and replace the font.",
        ),
        "blank": Text(
            f"{here} の字形が空白です。フォントを入れ替えてください。",
            f"{here} is blank; replace the font.",
        ),
    }[one.kind]


# --- for people


def heading(check: FontCheck) -> tuple[str, str]:
    """Return title and summary."""
    of = Text(check.what.text, check.what.text)
    if not check.what.name:
        of = Text("協議会の共通文字", "the council's set")
    title = Text(
        f"端末フォントの点検: {of.ja}、版 {check.release}",
        f"Font check: {of.en}, release {check.release}",
    )
    counts = check.counts()
    parts = [f"{NAMES[kind]} {counts[kind]:,}" for kind in KINDS]
    told = Text(
        f"{check.file}: 字形 {len(check.expected):,} のうち {check.same:,} が版のとおり。{'、'.join(parts)}",
        f"{check.file}: {check.same:,} of {len(check.expected):,} glyphs as the release has them; {', '.join(parts)}",
    )
    return str(title), str(told)


def cells(check: FontCheck, one: Drift) -> list[str]:
    """Return one difference as a row of text."""
    shape = _drift_shape(one, check)
    part = "" if shape.difference is None else f"{shape.difference * 100:.1f} %"
    return [shape.code_point, shape.code or "", str(NAMES[one.kind]), shape.text, part]


def as_text(check: FontCheck) -> str:
    """Return the check as lines: the summary, then every difference."""
    lines = [*heading(check)]
    lines += [
        f"  {row[0]} {row[2]}: {row[3]}" for row in (cells(check, one) for one in check.drifts)
    ]
    if check.drifts:
        lines.append("")
    lines += [str(finding.text) for finding in check.findings]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_csv(check: FontCheck) -> bytes:
    """Return the differences for a spreadsheet."""
    return write_csv(
        [str(header) for header in HEADERS], [cells(check, one) for one in check.drifts]
    )


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def as_html(check: FontCheck) -> str:
    """Return the check as one self-contained file for screen and print: expected, found, one over the other."""
    return (
        _environment()
        .get_template("fontcheck.html.j2")
        .render(
            lang=language.get(),
            heading=heading(check),
            headers=HEADERS,
            rows=[(cells(check, one), _pictures(one)) for one in check.drifts],
            findings=[str(finding.text) for finding in check.findings],
            check=check,
            T=Text,
        )
    )


def _pictures(one: Drift) -> list[tuple[str, Markup]]:
    shown: list[tuple[str, Markup]] = []
    if one.expected is not None:
        title = str(Text("版", "Release"))
        shown.append((title, Markup(svg(one.expected.glyph, title=title))))
    if one.found is not None:
        title = str(Text("端末", "Terminal"))
        shown.append((title, Markup(svg(one.found, title=title))))
    if one.expected is not None and one.found is not None:
        title = str(Text("重ね", "Overlay"))
        laid = pair_svg(one.expected.glyph, one.found, "overlay", title=title)
        shown.append((title, Markup(laid)))
    return shown


# --- what mends it


def is_mended(folder: Path, what: FontSubject) -> bool:
    """Whether a folder holds nothing but what `mend` wrote for a subject (前の是正用の一式), of whatever release."""
    stem = re.escape(what.file_stem(0).removesuffix("r0"))
    names = rf"{stem}r[0-9]+\.(tte(\.provenance\.json)?|reg|differences\.(csv|html))"
    return all(re.fullmatch(names, one.name) and one.is_file() for one in folder.iterdir())


def mend(
    session: Session,
    settings: Settings,
    check: FontCheck,
    release: Release,
    folder: Path,
    *,
    typefaces: Sequence[str] = (),
    installed_as: str | None = None,
) -> list[Path]:
    """Write what mends a terminal (是正用の一式): the right font, its link file, provenance and the differences.

    folder: new, empty, or one that this wrote before for the same subject; it is replaced as a whole. installed_as:
    where the font will lie on the terminal. Raises BadInput for another folder, DiskFull, StorageFailed, and as
    `font_file`: the rights are asked for here.
    """
    made = font_file(settings, glyphs_for(session, settings, check.what, release), "tte")
    path = FONTS + made.name if installed_as is None else installed_as
    link = link_file(path, typefaces=typefaces)
    stem = made.name.removesuffix(".tte")
    files = made.files() | {
        f"{stem}.reg": link,
        f"{stem}.differences.csv": as_csv(check),
        f"{stem}.differences.html": as_html(check).encode(),
    }
    with replacing_folder(folder, lambda place: is_mended(place, check.what)) as place:
        for name, data in files.items():
            (place / name).write_bytes(data)
    return [folder / name for name in files]
