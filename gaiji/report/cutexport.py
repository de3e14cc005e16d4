"""Everything a move to a shared CS server needs, as files (移行の書出し): per code set and for the server.

    252069/juki/…juki…gmap csv json    to the server and back, by the plan
    252069/juki/…unicode…              gmap csv json, ucm and a vendor's table where the charset has one
    252069/juki/cs-table.csv           local code and J+ code or point: what is loaded into the server
    252069/juki/rows.csv               every local code with relationship, evidence and way back
    server/                            allocation, ambiguities, what lies outside the reference set
    residual/                          pictures of the residual characters
    fonts/                             the server's own font, for terminals, browsers and hosts
    MANIFEST.json index.html           every file with its sha256

All of it or nothing appears. It is of the plan's own release, which the plan is recomputed from before anything is
written: tables, points and pictures of two states never meet in one folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Literal, get_args

from gaiji.charset.coding import SHAPES
from gaiji.charset.cutover import Plan, PlanRow, unit_name
from gaiji.charset.days import days_kept
from gaiji.charset.exporting import VENDOR_CHARSETS
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.charset.tables import write_csv, write_fujitsu, write_hulft
from gaiji.errors import (
    BadFont,
    BadInput,
    NoPicture,
    Refused,
    Text,
    UnsupportedConversion,
)
from gaiji.glyph import draw
from gaiji.glyph.forms import Glyph
from gaiji.glyph.reference import reference_font
from gaiji.glyph.winreg import link_file
from gaiji.registry import mapfiles
from gaiji.registry.cutover import newest_plan
from gaiji.registry.db import Session
from gaiji.registry.fonts import FontContent, FontSubject, Refusing, font_file, glyphs_for
from gaiji.registry.journal import canonical
from gaiji.registry.members import split_address
from gaiji.registry.releases import find_release, mapping
from gaiji.registry.tables import Json, Release
from gaiji.report.cutover import make_again
from gaiji.report.cutover_tables import ambiguities_csv, outside_csv, points_csv, rows_csv
from gaiji.report.folders import check_free, replacing_folder
from gaiji.report.pages import page
from gaiji.settings import Settings
from gaiji.wire.cutexport import ExportedFileShape, ExportFormat, ExportShape, LeftOutShape
from gaiji.wire.findings import Finding
from gaiji.wire.fonts import Dots

MANIFEST = "MANIFEST.json"
FORMATS: tuple[ExportFormat, ...] = get_args(ExportFormat)
TO_SERVER: tuple[ExportFormat, ...] = ("gmap", "csv", "json")
VendorTarget = Literal["unicode", "server"]
DOTS: tuple[Dots, ...] = get_args(Dots)
INSTALLED = "C:\\Windows\\Fonts\\"
CS_COLUMNS = ("外字コード", "住基ネット統一文字コード")
"""What CS-server tables are headed by, whatever the language of the rest."""
NAMED = 20


def export_plan(
    session: Session,
    settings: Settings,
    plan: Plan,
    folder: Path,
    sizes: Sequence[int] = DOTS,
    *,
    members: Sequence[str] = (),
    release: int | None = None,
    formats: Sequence[ExportFormat] = (),
    vendors: VendorTarget = "unicode",
    refused: Refusing = "stop",
) -> ExportShape:
    """Write all files of a plan into a folder and return its manifest (移行の書出し).

    sizes: of the pictures. members: whose tables; none: of all in the plan; what is the server's own comes always.
    release: held against the plan's. formats: those that every code set must have; without any, each has what its
    charset allows, and the manifest names the rest. vendors: `server` adds vendors' tables of the residual characters
    to the server's points. refused: glyphs without the right to be given to the server's
    members stop the export, or are left out and named. Raises Refused for a plan of another release, one that is not
    the server's newest, one that its release no longer gives, undecided ways back and missing rights;
    UnsupportedConversion for a format that a charset cannot have; BadInput for a folder of another plan and for
    members that are not the plan's.
    """
    wanted = _wanted(plan, members)
    check_free(folder, lambda path: _is_of(path, plan))
    made = _checked(session, plan, release, wanted)
    work = _Export(session, settings, plan, made, wanted)
    work.check_formats(formats)
    content = work.content(refused)
    with replacing_folder(folder, lambda path: _is_of(path, plan)) as place:
        work.place = place
        for address in work.code_sets:
            work.code_set(address, formats)
            if vendors == "server":
                work.vendor_points(address, formats)
        work.server()
        work.pictures(content, sizes)
        work.fonts(content, sizes)
        return work.finish(sizes)


def _wanted(plan: Plan, members: Sequence[str]) -> tuple[str, ...]:
    others = sorted(set(members) - set(plan.members))
    if others:
        raise BadInput(
            f"構成市 {'・'.join(others)} は移行計画 {plan.server}/{plan.number} に入っていません。計画の構成市は "
            f"{'・'.join(plan.members)} です。",
            f"Members {', '.join(others)} are not part of cutover plan {plan.server}/{plan.number}, which has "
            f"{', '.join(plan.members)}.",
        )
    return tuple(one for one in plan.members if not members or one in members)


def _is_of(folder: Path, plan: Plan) -> bool:
    """Whether a folder holds an export of this plan and nothing else."""
    try:
        told = json.loads((folder / MANIFEST).read_bytes())
        known = {folder / one["name"] for one in told["files"]} | {folder / MANIFEST}
        same = (told["server"], told["plan"]) == (plan.server, plan.number)
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return same and all(path in known for path in folder.rglob("*") if not path.is_dir())


def formats_of(charset: str) -> tuple[ExportFormat, ...]:
    """Return the formats that a charset can have (書ける形式)."""
    able = {"ucm": charset in SHAPES} | {
        kind: charset in charsets for kind, charsets in VENDOR_CHARSETS.items()
    }
    return tuple(format for format in FORMATS if able.get(format, True))


# --- what stops an export


def _checked(session: Session, plan: Plan, release: int | None, members: Sequence[str]) -> Release:
    subject = f"{plan.server}/{plan.number}"
    if release is not None and release != plan.release:
        raise Refused(
            f"移行計画 {subject} は版 {plan.release} のもので、版 {release} では書き出せません。gaiji cutover plan "
            f"--release {release} で計画し直してください。",
            f"Cutover plan {subject} is of release {plan.release} and cannot be exported on release {release}; plan "
            f"again with gaiji cutover plan --release {release}.",
            plan_release=plan.release,
            release=release,
        )
    newest = newest_plan(session, plan.server)
    if newest is None or newest.number != plan.number:
        number = newest.number if newest else 0
        raise Refused(
            f"移行計画 {subject} は最新ではありません。最新の {plan.server}/{number} を書き出してください。",
            f"Cutover plan {subject} is not the newest; export {plan.server}/{number}.",
        )
    again = make_again(session, plan)
    if again.digest != plan.digest:
        raise Refused(
            f"移行計画 {subject} を計算し直すと照合値が違います。gaiji cutover plan で計画し直してください。",
            f"Cutover plan {subject} comes out with another digest when made anew; plan again with gaiji cutover plan.",
            digest=plan.digest,
            recomputed=again.digest,
        )
    undecided = [one for one in plan.open if split_address(one.code_set)[0] in members]
    if undecided:
        first = undecided[0]
        raise Refused(
            f"移行計画 {subject} には戻りの規則が未決定の文字が {len(undecided)} あります(最初は {first.code_set} の "
            f"{first.character})。gaiji cutover rule で決めてから計画し直してください。",
            f"Cutover plan {subject} has ways back that nobody has decided: {len(undecided)} (the first is "
            f"{first.character} in {first.code_set}); decide them with gaiji cutover rule and plan again.",
            findings=[
                Finding(
                    "way-back-open",
                    "error",
                    Text(
                        f"{one.code_set} の {one.character}: {_codes(one.codes)} のどれに戻すか。",
                        f"{one.character} in {one.code_set}: which of {_codes(one.codes)} comes back.",
                    ),
                    f"{one.code_set}/{one.character}",
                )
                .shape()
                .model_dump(mode="json")
                for one in undecided
            ],
        )
    return find_release(session, plan.release)


def _codes(codes: Iterable[bytes]) -> str:
    return " ".join(code.hex().upper() for code in codes)


# --- the files


class _Export:
    """One export on its way."""

    def __init__(
        self,
        session: Session,
        settings: Settings,
        plan: Plan,
        release: Release,
        members: tuple[str, ...],
    ) -> None:
        self.session, self.settings, self.plan, self.release = session, settings, plan, release
        self.members, self.place = members, Path()
        self.code_sets = [one for one in plan.code_sets if split_address(one)[0] in members]
        self.files: list[ExportedFileShape] = []
        self.left_out: list[LeftOutShape] = []
        self.findings: list[Finding] = []
        self.what = FontSubject("server", plan.server)

    def add(self, name: str, data: bytes, format: str, code_set: str | None = None) -> None:
        path = self.place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        self.files.append(
            ExportedFileShape(
                name=name,
                bytes=len(data),
                sha256=sha256(data).hexdigest(),
                codeset=code_set,
                format=format,
            )
        )

    # per code set

    def spec(self, address: str, to: str, format: ExportFormat) -> mapfiles.FileSpec:
        plan = f"{self.plan.server}/{self.plan.number}" if to == "juki" else None
        return mapfiles.FileSpec(address, to, format, Options(as_of=self.plan.as_of), plan=plan)

    def check_formats(self, formats: Sequence[ExportFormat]) -> None:
        """Raise UnsupportedConversion where a format was asked for by name that a code set's charset cannot have."""
        unable: dict[str, list[str]] = {}
        for address in self.code_sets:
            charset = self.release.manifest["code_sets"][address]["charset"]
            for format in formats:
                if format not in formats_of(charset):
                    unable.setdefault(format, []).append(f"{address} ({charset})")
        if unable:
            told = "; ".join(f"{format}: {', '.join(sets)}" for format, sets in unable.items())
            raise UnsupportedConversion(
                f"文字コード体系の違う外字セットがあり、書けない形式があります({told})。--formats を外すと、"
                "それぞれに書ける形式だけを書き出します。",
                f"The code sets are in several charsets and cannot all have these formats ({told}); without --formats "
                "each gets those that its charset can have.",
            )

    def code_set(self, address: str, formats: Sequence[ExportFormat]) -> None:
        charset = self.release.manifest["code_sets"][address]["charset"]
        able = formats_of(charset)
        means = mapping(self.session, address, self.release)
        if ends := meaning_ends(means, self.plan.as_of):
            self.findings.append(ends)
        for format in formats or FORMATS:
            if format in TO_SERVER:
                self.table(address, "juki", format)
            if format not in able:
                self.leave_out(address, format, _reason(charset, format))
                continue
            try:
                self.table(address, "unicode", format)
            except UnsupportedConversion as error:  # such as more sequences than ICU takes
                if formats:
                    raise
                self.leave_out(address, format, str(error.text))
        rows = self.plan.rows_of(address)
        self.add(f"{address}/cs-table.csv", cs_table(rows), "cs-table", address)
        self.add(f"{address}/rows.csv", rows_csv(rows), "rows", address)

    def leave_out(self, address: str, format: ExportFormat, reason: str) -> None:
        self.left_out.append(LeftOutShape(codeset=address, format=format, reason=reason))

    def table(self, address: str, to: str, format: ExportFormat) -> None:
        spec = self.spec(address, to, format)
        path = mapfiles.release_file(self.session, self.settings, self.release, spec)
        self.add(f"{address}/{spec.name(self.release)}", path.read_bytes(), format, address)

    def vendor_points(self, address: str, formats: Sequence[ExportFormat]) -> None:
        """Add vendors' tables from residual codes to the server's points; J+ codes are no Unicode and have no place.

        Back comes what the plan says comes back, in a table that has a part for it (HULFT's has none).
        """
        charset = self.release.manifest["code_sets"][address]["charset"]
        rows = [
            (row.code, chr(row.point), row.back in ("exact", "rule"))
            for row in self.plan.rows_of(address)
            if row.kind == "residual" and row.point is not None
        ]
        pairs = [(code, point) for code, point, _ in rows]
        back = [(code, point) for code, point, comes_back in rows if comes_back]
        stem = f"{address.replace('/', '-')}.{self.plan.server}-{self.plan.number}-points"
        told = (
            f"{address} {charset} -> {self.plan.server}, plan {self.plan.number} {self.plan.digest}"
        )
        for kind, letters in VENDOR_CHARSETS.items():
            if charset not in letters or not pairs or (formats and kind not in formats):
                continue
            if kind == "hulft":
                name, data = f"gt{letters[charset]}to8.txt", write_hulft(pairs, told)
            else:
                name, data = "fujitsu.txt", write_fujitsu(pairs, told, back)
            self.add(f"{address}/{stem}.{name}", data, kind, address)

    # the server's own

    def server(self) -> None:
        plan = self.plan
        rows: list[Json] = [
            {"code_point": f"U+{point:04X}", "character": character}
            for character, point in sorted(plan.points.items(), key=lambda pair: pair[1])
        ]
        told = {"server": plan.server, "plan": plan.number, "digest": plan.digest, "items": rows}
        self.add("server/allocation.csv", points_csv(plan), "allocation")
        self.add("server/allocation.json", canonical(told).encode() + b"\n", "allocation")
        self.add("server/ambiguities.csv", ambiguities_csv(plan.ambiguities), "ambiguities")
        self.add("server/outside.csv", outside_csv(plan.outside), "outside")

    def content(self, refused: Refusing) -> FontContent | None:
        """Return the glyphs of the server's characters, None where it has no code point to show."""
        if not self.plan.points:
            return None
        return glyphs_for(self.session, self.settings, self.what, self.release, refused=refused)

    def pictures(self, content: FontContent | None, sizes: Sequence[int]) -> None:
        """Add the pictures of the plan's residual characters: the official shape where there is one."""
        glyphs = {one.code_point: one.glyph for one in content.glyphs} if content else {}
        for character, point in residuals(self.plan).items():
            glyph = _official(self.settings, character) or glyphs.get(point)
            if glyph is None:
                text = Text(
                    f"{character} ({unit_name(point, 'U+')}) の字形がないため、絵を書き出していません。",
                    f"There is no glyph of {character} ({unit_name(point, 'U+')}), hence no picture.",
                )
                self.findings.append(Finding("no-picture", "warning", text, character))
                continue
            stem = f"residual/{point:04X}_{character}"
            self.add(f"{stem}.svg", draw.svg(glyph, title=character).encode(), "svg")
            for side in sizes:
                self.add(f"{stem}.{side}.png", draw.png(glyph, side), "png")
                self.add(f"{stem}.{side}.bmp", draw.bmp(glyph, side), "bmp")

    def fonts(self, content: FontContent | None, sizes: Sequence[int]) -> None:
        """Add the server's font in every format, the file that links it, and where its glyphs came from."""
        if content is None or not content.glyphs:
            return
        self.findings += content.facts.findings
        for form, side in (
            ("tte", None),
            ("woff2", None),
            *(("bdf", side) for side in DOTS if side in sizes),
        ):
            more = {"side": side} if side else {}
            try:
                made = font_file(
                    self.settings,
                    content,
                    form,  # type: ignore[arg-type]
                    **more,  # type: ignore[arg-type]
                )
            except BadFont as error:  # dots alone make no outlines, and the other way round
                self.findings.append(Finding("no-font", "warning", error.text, form))
                continue
            self.add(f"fonts/{made.name}", made.path.read_bytes(), form)
            if made.licence is not None:
                self.add(f"fonts/{made.name}.licence.txt", made.licence, "licence")
            if form == "tte":
                self.add(
                    f"fonts/{Path(made.name).stem}.reg", link_file(INSTALLED + made.name), "reg"
                )
                stem = Path(made.name).stem
                self.add(f"fonts/{stem}.provenance.json", made.provenance, "provenance")

    # the manifest

    def finish(self, sizes: Sequence[int]) -> ExportShape:
        plan = self.plan
        shape = ExportShape(
            server=plan.server,
            plan=plan.number,
            plan_digest=plan.digest,
            release=plan.release,
            release_digest=plan.release_digest,
            as_of=plan.as_of.isoformat(),
            members=list(self.members),
            sizes=sorted(sizes),
            points=len(plan.points),
            residuals=len(residuals(plan)),
            left_out=self.left_out,
            findings=[one.shape() for one in self.findings],
            files=sorted(self.files, key=lambda one: one.name),
        )
        self.add("index.html", index(shape, plan), "index")
        shape = shape.model_copy(update={"files": sorted(self.files, key=lambda one: one.name)})
        body = json.dumps(shape.model_dump(mode="json"), ensure_ascii=False, indent=1)
        (self.place / MANIFEST).write_bytes(body.encode() + b"\n")
        return shape


def residuals(plan: Plan) -> dict[str, int]:
    """Return the residual characters of a plan with their code points, by code point (残存外字)."""
    found = {
        row.character: row.point
        for row in plan.rows
        if row.kind == "residual" and row.character is not None and row.point is not None
    }
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def meaning_ends(means: Mapping, day: date) -> Finding | None:
    """Return until when tables of a day hold, where a code means something else later (意味の変わる日)."""
    _, last = days_kept(means, day)
    if last is None:
        return None
    text = Text(
        f"{means.code_set} の外字の意味がこの表のとおりなのは {last} までです。翌日からは、計画し直して書き出した表を"
        "使ってください。",
        f"Codes of {means.code_set} mean what these tables say until {last}; from the next day on use tables that were "
        "planned and exported anew.",
    )
    return Finding("meaning-ends", "warning", text, means.code_set)


def cs_table(rows: Iterable[PlanRow]) -> bytes:
    """Return what is loaded into the server for one code set (CSサーバー文字対応表): local code, J+ code or point.

    Its cells are bare: a server reads it, not a spreadsheet.
    """
    cells = (
        [row.code.hex().upper(), unit_name(row.sent, "J+")] for row in rows if row.sent is not None
    )
    return write_csv(CS_COLUMNS, cells, guard=False)


def _official(settings: Settings, character: str) -> Glyph | None:
    """Return the reference font's glyph of a character; its pictures are free to hand on."""
    if character[:2] not in ("MJ", "GJ"):
        return None
    try:
        return reference_font(settings).glyph(character)
    except (NoPicture, BadInput):
        return None


def _reason(charset: str, format: ExportFormat) -> str:
    reasons = {
        "ucm": Text(
            f"{charset} は Unicode なので ICU の表になりません。",
            f"{charset} is Unicode, for which ICU takes no table.",
        ),
        "hulft": Text(
            f"HULFT の外字テーブルは {charset} を扱いません。",
            f"HULFT has no gaiji table for {charset}.",
        ),
        "fujitsu": Text(
            "富士通の利用者定義テーブルは JEF だけの形式です。",
            "Fujitsu's user table is one of JEF alone.",
        ),
    }
    return str(reasons[format])


def index(shape: ExportShape, plan: Plan) -> bytes:
    """Return the page that says what lies in the folder (書出しの索引), for screen and print."""
    groups: dict[str, list[ExportedFileShape]] = {}
    for file in shape.files:
        groups.setdefault(file.codeset or file.name.partition("/")[0], []).append(file)
    pictures = {
        point: (f"residual/{point:04X}_{character}.svg", character)
        for character, point in residuals(plan).items()
    }
    known = {file.name for file in shape.files}
    return page(
        "cutexport.html.j2",
        shape=shape,
        groups=groups,
        counts={address: plan.counts(address) for address in plan.code_sets},
        pictures={p: pair for p, pair in pictures.items() if pair[0] in known},
    ).encode()
