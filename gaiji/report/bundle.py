"""The print bundle (印刷一式): fonts, correspondence sheet and lists for who prints the members' notices.

    fonts/council.rN.tte .woff2 .48.bdf .reg    the council's characters at their code points, for all members alike
    fonts/252069-juki.undecided.rN.woff2 .tte   a city's codes that mean no character yet, at that city's own images
    fonts/*.provenance.json                     where each glyph came from, and by what right it is there
    sheet.html sheet.pdf                        the correspondence sheet (対照表)
    jobs/NAME.csv                               the gaiji really used in a job's file, each with its font
    README.txt MANIFEST.json SHA256SUMS

The folder appears whole or not at all; the same release, members and files give the same bytes. Of a job's file codes
and counts are told: no record, no place, no name of the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from gaiji.charset.mapping import REVERSIBLE
from gaiji.charset.standard import x0208_repertoire
from gaiji.charset.tables import write_csv
from gaiji.charset.usage import FileCount
from gaiji.errors import BadFont, Text, language
from gaiji.glyph.build import EUDC, dot_glyphs
from gaiji.glyph.winreg import link_file
from gaiji.registry.db import Session
from gaiji.registry.fonts import (
    FontContent,
    FontSubject,
    Refusing,
    font_file,
    glyphs_for,
)
from gaiji.registry.tables import OPEN_END, OPEN_START, Release
from gaiji.report.bundlejobs import JobFile, check_jobs, count_job
from gaiji.report.folders import check_free, replacing_folder
from gaiji.report.sheet import RELATIONSHIPS, Sheet, SheetRow, as_html, sheet_of
from gaiji.report.sheetpdf import as_pdf
from gaiji.settings import Settings
from gaiji.wire.bundles import BundleFileShape, BundleJobShape, PrintBundleShape
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Dots, FontFormat, Scope

FORMATS: tuple[FontFormat, ...] = ("tte", "woff2", "bdf")
DOTS: Dots = 48
TERMINAL_FONT = r"C:\Windows\Fonts\EUDC.TTE"
MANIFEST, SUMS, README = "MANIFEST.json", "SHA256SUMS", "README.txt"
JOB_HEADERS = (
    Text("コード", "code"),
    Text("回数", "uses"),
    Text("私用領域の符号位置", "image"),
    Text("共通文字", "character"),
    Text("関係", "relation"),
    Text("文字", "text"),
    Text("共通番号", "council"),
    Text("フォント", "font"),
    Text("フォントでの番号", "code point in it"),
    Text("備考", "note"),
)


class _Member(NamedTuple):
    """A file of the bundle before it is written."""

    name: str
    data: bytes


def print_bundle(
    session: Session,
    settings: Settings,
    release: Release,
    members: Sequence[str],
    jobs: Sequence[JobFile],
    folder: Path,
    *,
    as_of: date | None = None,
    refused: Refusing = "stop",
    forms: Sequence[FontFormat] = FORMATS,
) -> PrintBundleShape:
    """Write what who prints needs into a new folder (印刷一式), and return what it holds.

    members: for one, its own glyphs need the scope `member`; for several `council`. refused: what to do where the right
    is missing. forms: of the fonts. Raises Refused with the list, BadInput for a folder that is not empty, BadName,
    UnknownMember, UnknownRelease, UnknownCodeSet, MalformedInput for a file in another charset, BadFont, NoPicture,
    DiskFull, StorageFailed.
    """
    check_free(folder, lambda _: False)
    check_jobs(jobs, members)
    counts = [count_job(session, job) for job in jobs]
    sheet = sheet_of(session, settings, release, members, as_of=as_of, refused=refused)
    fonts = _Fonts(session, settings, release, sheet, forms)
    files = [*fonts.files]
    files += [
        _Member("sheet.html", as_html(sheet).encode()),
        _Member("sheet.pdf", as_pdf(sheet, settings)),
    ]
    told = []
    for job, counted in zip(jobs, counts, strict=True):
        shape, data = _job(job, counted, sheet, fonts)
        told.append(shape)
        files.append(_Member(f"jobs/{job.name}.csv", data))
    findings = [*sheet.findings, *fonts.findings]
    files.append(_Member(README, _readme(sheet, fonts, told).encode()))
    files.sort(key=lambda one: one.name)
    pinned = release.manifest["code_sets"]
    bundle = PrintBundleShape(
        release=release.number,
        digest=release.digest,
        members=[code for code, _ in sheet.members],
        codesets={one.address: pinned[one.address]["digest"] for one in sheet.sets},
        as_of=as_of,
        audience=_audience(sheet),
        language=language.get(),
        rows=sum(len(one.rows) for one in sheet.sets),
        jobs=told,
        files=[
            BundleFileShape(name=one.name, bytes=len(one.data), sha256=sha256(one.data).hexdigest())
            for one in files
        ],
        findings=[finding.shape() for finding in findings],
    )
    manifest = _Member(MANIFEST, _json(bundle))
    sums = "".join(
        f"{sha256(one.data).hexdigest()}  {one.name}\n"
        for one in sorted([*files, manifest], key=lambda one: one.name)
    )
    _write(folder, [*files, manifest, _Member(SUMS, sums.encode())])
    return bundle


def _audience(sheet: Sheet) -> Scope:
    return "council" if len(sheet.members) > 1 else "member"


def _json(bundle: PrintBundleShape) -> bytes:
    told = bundle.model_dump(mode="json")
    return (json.dumps(told, ensure_ascii=False, sort_keys=True, indent=1) + "\n").encode()


# --- jobs


def _job(
    job: JobFile, counted: FileCount, sheet: Sheet, fonts: _Fonts
) -> tuple[BundleJobShape, bytes]:
    """Return what a job's file uses, and its list."""
    sets = [one for one in sheet.sets if one.address == job.code_set]
    rows = {row.code: row for one in sets for row in one.rows}
    other_days = {code: days for one in sets for code, days in one.other_days.items()}
    codes = counted.counted.codes
    lines, without = [], 0
    for code in sorted(codes):
        row = rows.get(code)
        font, point, note = fonts.shows(job.code_set, row)
        if code in other_days:
            note = _without_meaning(other_days[code])
        without += font is None and point is None
        lines.append(
            (
                code.hex().upper(),
                codes[code],
                f"U+{row.image:04X}" if row else None,
                row.character if row else None,
                str(RELATIONSHIPS.get(row.relationship, row.relationship)) if row else None,
                row.text if row and row.relationship in REVERSIBLE else None,
                f"U+{row.point:04X}" if row and row.point is not None else None,
                font,
                point,
                str(note) if note else None,
            )
        )
    shape = BundleJobShape(
        name=job.name,
        codeset=job.code_set,
        file_sha256=counted.sha256,
        records=counted.counted.records,
        codes=len(codes),
        uses=codes.total(),
        without_font=without,
    )
    return shape, write_csv([str(header) for header in JOB_HEADERS], lines)


# --- fonts

NOT_REGISTERED = Text("この版に登録されていないコードです", "this release has no such code")
STANDARD = Text("JIS第1・第2水準の字", "a character of JIS X 0208")
SUBSTITUTE = Text("代替の字", "a substitute")
NOTHING = Text("この一式のフォントに字形がありません", "no font of this bundle has its glyph")


def _without_meaning(days: Iterable[tuple[date, date]]) -> Text:
    """Say of a registered code that it means nothing on the day, and when it does."""
    spans = [
        (
            "" if first == OPEN_START else first.isoformat(),
            "" if last == OPEN_END else last.isoformat(),
        )
        for first, last in days
    ]
    ja = "、".join(f"{first}〜{last}" for first, last in spans)
    en = ", ".join(f"{first or '…'} to {last or '…'}" for first, last in spans)
    return Text(
        f"登録されていますが、基準日に有効な意味がありません(有効な期間: {ja})",
        f"registered, but without a meaning on that day (in force: {en})",
    )


class _Fonts:
    """The fonts of a bundle, and which of them shows a code."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        release: Release,
        sheet: Sheet,
        forms: Sequence[FontFormat],
    ) -> None:
        self.files: list[_Member] = []
        self.findings: list[Finding] = []
        self._points: dict[str, set[int]] = {}
        self._names: dict[str, str] = {}
        self._settings = settings
        council = FontSubject("release")
        points = {row.point for row in sheet.rows if row.point is not None and row.council}
        if points:
            self._add(sheet.council, points, forms)
            if "tte" in forms:
                stem = council.file_stem(release.number)
                self.files.append(_Member(f"fonts/{stem}.reg", link_file(TERMINAL_FONT)))
        for one in sheet.sets:
            images = {row.image for row in one.rows if row.glyph and row.character is None}
            if images:
                what = FontSubject("codeset", one.address, part="undecided", as_of=sheet.as_of)
                inside = all(image in EUDC for image in images)
                wanted: tuple[FontFormat, ...] = ("tte", "woff2") if inside else ("woff2",)
                chosen = [form for form in wanted if form in forms] or [wanted[-1]]
                content = glyphs_for(
                    session,
                    settings,
                    what,
                    release,
                    audience=_audience(sheet),
                    refused="leave-out",
                )
                self._add(content, images, chosen)

    def _add(self, content: FontContent, points: set[int], forms: Iterable[FontFormat]) -> None:
        """Add a font in its formats with all that goes with it: where its glyphs came from, its licence.

        points: those that codes are shown by; of them only what a file really holds is told to be in it.
        """
        what = content.what
        stem = what.file_stem(content.facts.release)
        held: set[int] = set()
        for form in forms:
            try:
                made = font_file(self._settings, content, form, side=DOTS)
            except BadFont as error:
                if form != "bdf":
                    raise
                # dots of another size alone cannot be in it
                self.findings.append(
                    Finding("no-font", "warning", error.text, f"fonts/{stem}.{form}")
                )
                continue
            held |= _held(content, form)
            self.files += [_Member(f"fonts/{name}", data) for name, data in made.files().items()]
        self._points[what.name] = points & held
        self._names[what.name] = stem

    def shows(
        self, address: str, row: SheetRow | None
    ) -> tuple[str | None, str | None, Text | None]:
        """Return the font that shows a code, its code point there, and a note."""
        if row is None:
            return None, None, NOT_REGISTERED
        if row.character is None:
            if row.image in self._points.get(address, ()):
                return self._names[address], f"U+{row.image:04X}", None
            return None, None, NOTHING
        note = SUBSTITUTE if row.relationship == "substitute" else None
        if row.point is not None and row.point in self._points.get("", ()):
            return self._names[""], f"U+{row.point:04X}", note
        if row.text in x0208_repertoire():
            return None, f"U+{ord(row.text or ''):04X}", note or STANDARD
        return None, None, NOTHING


def _held(content: FontContent, form: FontFormat) -> set[int]:
    """Return the code points that a font has in a format: dots of another size cannot be in a dot font."""
    if form == "bdf":
        return set(dot_glyphs(content.glyphs, DOTS)[0])
    return {one.code_point for one in content.glyphs}


# --- the words


def _readme(sheet: Sheet, fonts: _Fonts, jobs: Sequence[BundleJobShape]) -> str:
    names = "、".join(f"{name}({code})" for code, name in sheet.members)
    codes = ", ".join(code for code, _ in sheet.members)
    audience = _audience(sheet)
    day = sheet.as_of.isoformat() if sheet.as_of else None
    whose = {
        "council": Text(
            "協議会の構成市とその委託先だけが使えます。ほかへ渡さないでください。",
            "For the council's members and their contractors alone; do not hand it on.",
        ),
        "member": Text(
            "この市の端末と印刷だけに使えます。ほかへ渡さないでください。",
            "For the terminals and printer of this city alone; do not hand it on.",
        ),
    }[audience]
    lines = [
        f"外字印刷一式  第{sheet.release}版" + (f"  基準日 {day}" if day else ""),
        f"対象: {names}",
        f"版の識別値: {sheet.digest}",
        "",
        whose.ja,
        "",
        "sheet.html / sheet.pdf   対照表。市のコード、市の字形、共通番号、共通の字形",
        "fonts/council.*          共通フォント。どの市の文書も共通番号に変換すればこれ一つで印刷できます",
        "fonts/*.undecided.*      文字がまだ決まっていないコードの字形。その市の私用領域の符号位置のまま、",
        "                         市ごとに使い分けます",
        "fonts/*.provenance.json  字形ごとの出所と利用条件",
        "fonts/*.reg              Windowsのリンク用。コードページ932のときだけ読まれ、UTF-8(65001)の設定では",
        "                         読まれません。ブラウザーには .woff2 を使ってください",
        "jobs/*.csv               業務のファイルに実際に現れた外字と、その字形があるフォント",
        "SHA256SUMS               sha256sum -c SHA256SUMS で確かめられます",
        "",
        *(
            f"業務 {job.name}: {job.codeset}、外字 {job.codes:,} 種 {job.uses:,} 回、"
            f"字形のないもの {job.without_font:,} 種"
            for job in jobs
        ),
        "",
        f"Gaiji for print, release {sheet.release}" + (f", as of {day}" if day else ""),
        f"Members: {codes}. Digest of the release: {sheet.digest}.",
        whose.en,
        "Convert to the council's code points and one font, fonts/council.*, prints every member's papers.",
        "Codes without a decided character are in fonts/*.undecided.*, at their own city's images.",
        "The .reg file is read on code page 932 alone; browsers take .woff2.",
        "",
    ]
    return "\n".join(lines)


# --- the folder


def _write(folder: Path, files: Iterable[_Member]) -> None:
    with replacing_folder(folder, lambda _: False) as place:
        for one in files:
            path = place / one.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(one.data)
