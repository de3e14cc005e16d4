"""The dry run before a city moves to a shared CS server (移行確認): what its own extracts would lose, and who signs.

Every extract goes through the very conversion that will run, written nowhere, and is read a second time for the
records in which the codes concerned stand. What is kept are counts and places, never a value. The report's digest is
over all it says, the digests of release, plan and extract included: a signature under it holds for nothing else.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import get_args

from gaiji.charset.account import Account, Place
from gaiji.charset.charsets import Charset
from gaiji.charset.convert import Prepared, convert_file
from gaiji.charset.cutover import Plan, PlanRow, unit_name
from gaiji.charset.records.layout import Layout
from gaiji.charset.resolve import Options
from gaiji.charset.tables import write_csv
from gaiji.charset.usage import ANY, FileCount, count_file
from gaiji.errors import BadInput, MalformedInput, Text, UnknownPlan, UnknownSite, Where
from gaiji.registry import mapfiles
from gaiji.registry.conversions import Pinned, conversion
from gaiji.registry.cutover import newest_plan, plan_record
from gaiji.registry.db import Session
from gaiji.registry.journal import canonical
from gaiji.registry.releases import find_release
from gaiji.report.cutover_tables import BACKS, KINDS
from gaiji.report.pages import page
from gaiji.settings import Settings
from gaiji.wire.cutcheck import (
    CheckClass,
    CheckedCodeShape,
    CheckedSetShape,
    ClassShape,
    CutCheckShape,
)
from gaiji.wire.findings import Finding, WhereShape

CLASSES: tuple[CheckClass, ...] = get_args(CheckClass)
NAMES: Mapping[CheckClass, Text] = {
    "lost": Text("元に戻らない", "does not come back"),
    "undecided": Text("共通文字が未決定", "no shared character"),
    "ambiguous": Text("戻りの規則が未決定", "way back not decided"),
    "one-way": Text("片方向と決定済み", "one way, as decided"),
    "changed": Text("今の表と違う文字を送る", "sent as another than today"),
    "residual": Text("残存外字(サーバーの割当コード)", "residual, by the server's point"),
}
SHORT: Mapping[CheckClass, Text] = {
    "lost": Text("戻らない", "lost"),
    "undecided": Text("未決定", "undecided"),
    "ambiguous": Text("規則なし", "no rule"),
    "one-way": Text("片方向", "one way"),
    "changed": Text("変更", "changed"),
    "residual": Text("残存外字", "residual"),
}
SORTS = KINDS | {
    "unregistered": Text("未登録の外字", "never registered"),
    "standard": Text("標準文字", "standard"),
}
RELATIONSHIPS = {
    "equivalent": Text("字形一致", "equivalent"),
    "design-difference": Text("デザイン差", "design difference"),
    "substitute": Text("縮退・代替", "substitute"),
}
EVENTS = ("unmapped", "unified", "substitute", "reduced", "recoded")
UNCHECKED = Text("抽出データがなく、確認していません", "not checked, for want of an extract")
LEFT_OUT = Text("確認の対象から外しました", "left out of the check")
SHOWN_PLACES = 10


@dataclass(frozen=True)
class Extract:
    """A city's own file for a dry run (抽出データ): the code set it is in, where it lies, how its records look."""

    code_set: str
    path: Path
    charset: Charset
    layout: Layout | None = None


Progress = Callable[[int], None]


def prepare(
    session: Session, settings: Settings, plan: Plan, code_set: str, size: int | None
) -> Prepared:
    """Return the conversion of a code set to the shared server by a plan, as a dry run over so many bytes.

    Raises BadInput for a code set that is not the plan's.
    """
    if code_set not in plan.code_sets:
        raise BadInput(
            f"外字セット {code_set} は移行計画 {plan.server}/{plan.number} に入っていません。計画に入れてください。",
            f"Code set {code_set} is not part of cutover plan {plan.server}/{plan.number}; plan with it.",
        )
    pinned = Pinned(plan.release, None, f"{plan.server}/{plan.number}")
    options = Options(dry_run=True, digests=True, as_of=plan.as_of)
    asked = conversion(session, code_set, "juki", pinned, options)
    return mapfiles.prepared(session, settings, asked, size)


def check(
    plan: Plan, prepared: Prepared, extract: Extract, *, progress: Progress | None = None
) -> CheckedSetShape:
    """Return what the move does to one extract (抽出データの試行); nothing is written.

    prepared: by `prepare`. The file is read twice, and BadInput raised where it was not the same file both times.
    Raises MalformedInput, with the place, for bytes that are no character and for characters that no table has: then
    the extract is in another charset than declared.
    """
    facts, is_noted = prepared.facts, prepared.options.digests
    if (facts.source, facts.target) != (extract.code_set, "juki") or not (
        facts.cutover and is_noted
    ):
        raise ValueError("not a conversion to a shared server")
    try:
        report = convert_file(extract.path, "-", prepared, layout=extract.layout, progress=progress)
    except MalformedInput as error:  # which names options of another command
        raise _other_charset(extract, error.where) from error
    rows = {row.code: row for row in plan.rows_of(extract.code_set)}
    classes = _classes(report, prepared, rows, extract.charset)
    counted = count_file(
        extract.path, extract.charset, extract.layout, progress=progress, watch=classes
    )
    if not report.input_bytes:
        raise BadInput(
            "抽出データが空です。抽出し直したファイルを指定してください。",
            "The extract is empty; name a file that was extracted anew.",
            where=Where(str(extract.path)),
        )
    if counted.sha256 != report.input_sha256:
        raise BadInput(
            "確認中に抽出データが書き換わりました。抽出が終わったファイルを指定してやり直してください。",
            "The extract changed while it was checked; run the check again over a file that nobody writes to.",
            where=Where(str(extract.path)),
        )
    _check_charset(report, counted, extract)
    return _checked(plan, prepared, report, counted, classes, rows, extract)


def _classes(
    report: Account, prepared: Prepared, rows: Mapping[bytes, PlanRow], charset: Charset
) -> dict[bytes, tuple[CheckClass, ...]]:
    """Return the classes of every code of the plan, and of every other one of the file that does not come back."""
    events = [*report.unmapped, *report.reductions, *report.recoded]
    seen = {bytes.fromhex(one.code) for one in events}
    resolve, shifts = prepared.resolver.resolve, prepared.resolver.source.script.shifts
    found: dict[bytes, tuple[CheckClass, ...]] = {}
    for code in {*rows, *seen}:
        row = rows.get(code)
        is_user = charset.is_user_code(code)
        if code in shifts or not code or not (row or is_user or resolve(code).kind in EVENTS):
            continue
        told: dict[CheckClass, bool] = {
            "lost": resolve(code).lossy,
            "undecided": row.kind == "undecided" if row else is_user,
            "ambiguous": row is not None and row.back == "ask",
            "one-way": row is not None and row.back == "one-way",
            "changed": row is not None and row.kind != "undecided" and row.changes,
            "residual": row is not None and row.kind == "residual",
        }
        named = tuple(name for name in CLASSES if told[name])
        if named:
            found[code] = named
    return found


def _check_charset(report: Account, counted: FileCount, extract: Extract) -> None:
    """Raise MalformedInput where the file holds what no text in its charset holds."""
    counts = counted.counted
    if counts.malformed and counts.first_malformed:
        raise _other_charset(extract, _where(extract, counts.first_malformed), counts.malformed)
    if counts.unassigned:
        first = min(
            (one.places[0] for one in counts.unassigned.values() if one.places),
            key=lambda place: place.byte_offset,
        )
        total = sum(one.count for one in counts.unassigned.values())
        raise _other_charset(extract, _where(extract, first), total)
    if extract.charset.is_unicode:
        wrong = [
            one
            for one in report.unmapped
            if one.text and len(one.text) == 1 and unicodedata.category(one.text) == "Cn"
        ]
        if wrong:
            first = min((one.places[0] for one in wrong), key=lambda place: place.byte_offset)
            total = sum(one.count for one in wrong)
            raise _other_charset(extract, _where(extract, first), total)


def _where(extract: Extract, place: Place) -> Where:
    return Where(str(extract.path), *place)


def _other_charset(extract: Extract, where: Where | None, count: int = 1) -> MalformedInput:
    name = extract.charset.name
    many = Text(f"{count:,} 個", f"{count:,}") if count > 1 else Text("", "one at least")
    return MalformedInput(
        f"{name} の文字でないものが{many.ja}あるため、確認をやめました。抽出データの文字コードとレイアウトが "
        f"{extract.code_set} の登録と合うか確かめてください。ベンダーの拡張文字なら、その表を gaiji charset import で"
        "登録してください。",
        f"What is no character of {name}: {many.en}; the check was given up. Check that charset and layout of the "
        f"extract are those registered for {extract.code_set}; a vendor's extension needs its table (gaiji charset "
        "import).",
        where=where,
    )


def _checked(
    plan: Plan,
    prepared: Prepared,
    report: Account,
    counted: FileCount,
    classes: Mapping[bytes, tuple[CheckClass, ...]],
    rows: Mapping[bytes, PlanRow],
    extract: Extract,
) -> CheckedSetShape:
    watched = counted.counted.watched
    codes, uses = Counter[str](), Counter[str]()
    for code, one in watched.codes.items():
        codes.update(classes[code])
        uses.update(dict.fromkeys(classes[code], one.count))
    listed = []
    for code, one in sorted(watched.codes.items()):
        row, user = rows.get(code), extract.charset.is_user_code(code)
        outcome = prepared.resolver.resolve(code)
        listed.append(
            CheckedCodeShape(
                code=code.hex().upper(),
                kind=row.kind if row else "unregistered" if user else "standard",
                classes=list(classes[code]),
                character=row.character if row else outcome.character,
                relationship=row.relationship if row else None,
                sent=_unit(row) if row else _sent(outcome.out),
                today=unit_name(row.today, "J+") if row else None,
                back=row.back if row else None,
                occurrences=one.count,
                records=one.records,
                places=[WhereShape(**place._asdict()) for place in one.places],
            )
        )
    return CheckedSetShape(
        codeset=extract.code_set,
        digest=prepared.facts.digest,
        rows=plan.manifest["code_sets"][extract.code_set]["rows"]["digest"],
        extract_sha256=counted.sha256,
        extract_bytes=counted.size,
        layout=counted.layout,
        engine=report.engine,
        records=report.records,
        characters=dict(report.characters),
        losses=report.losses,
        ambiguous=uses["ambiguous"],
        affected=watched.records[ANY],
        classes={
            name: ClassShape(
                codes=codes[name], occurrences=uses[name], records=watched.records[name]
            )
            for name in CLASSES
        },
        codes=listed,
    )


def _unit(row: PlanRow) -> str | None:
    return unit_name(row.juki, "J+") or unit_name(row.point, "U+")


def _sent(out: bytes | None) -> str | None:
    return None if out is None else f"J+{out.hex().upper()}"


# --- the report of a city


def city_report(
    plan: Plan,
    member: str,
    name: str,
    checked: Iterable[CheckedSetShape],
    *,
    max_loss: int = 0,
    max_ambiguous: int = 0,
    without: Iterable[str] = (),
) -> CutCheckShape:
    """Return the report of one city (移行確認報告) over its extracts, with its digest and what the gate says.

    The budgets are for the city as a whole: occurrences that do not come back, and those whose way back is undecided.
    A code set of the plan that was not checked stops the city too, unless it stands in `without`. Raises BadInput as
    `unchecked`.
    """
    sets = sorted(checked, key=lambda one: one.codeset)
    left_out = sorted(set(without))
    missing = unchecked(plan, member, [one.codeset for one in sets], left_out)
    losses, ambiguous = sum(one.losses for one in sets), sum(one.ambiguous for one in sets)
    made = CutCheckShape(
        server=plan.server,
        plan=plan.number,
        plan_digest=plan.digest,
        release=plan.release,
        release_digest=plan.release_digest,
        as_of=plan.as_of.isoformat(),
        member=member,
        name=name,
        max_loss=max_loss,
        max_ambiguous=max_ambiguous,
        losses=losses,
        ambiguous=ambiguous,
        passed=losses <= max_loss and ambiguous <= max_ambiguous and not missing,
        missing=missing,
        without=left_out,
        codesets=sets,
    )
    return made.model_copy(update={"report_digest": report_digest(made)})


def unchecked(plan: Plan, member: str, checked: Iterable[str], without: Iterable[str]) -> list[str]:
    """Return the code sets that a plan has of a member and no file is there for (未確認の外字セット).

    Those in `without` are left out; a check and a comparison of a server's dump ask for it alike. Raises BadInput for
    one in `without` that is not the member's in the plan, or that is checked.
    """
    left = _of(member, plan.code_sets).difference(checked)
    for code_set in without:
        if code_set not in left:
            raise BadInput(
                f"{code_set} は省けません。移行計画 {plan.server}/{plan.number} の {member} の外字セットで、"
                "ファイルのないものを指定してください。",
                f"{code_set} cannot be left out; name a code set of {member} in cutover plan "
                f"{plan.server}/{plan.number} that no file is given for.",
            )
    return sorted(left.difference(without))


def _of(member: str, code_sets: Iterable[str]) -> set[str]:
    return {one for one in code_sets if one.startswith(f"{member}/")}


def report_digest(report: CutCheckShape) -> str:
    """Return the digest that a signature stands under: sha256 of the report as canonical JSON, the digest left out."""
    body = report.model_dump(mode="json", exclude={"report_digest"})
    return sha256(canonical(body).encode()).hexdigest()


def grouped(digest: str) -> str:
    """Return the number to write beside a signature: the first 16 digits in fours (確認番号)."""
    return " ".join(digest[at : at + 4] for at in range(0, 16, 4)).upper()


def verify(session: Session, report: CutCheckShape) -> list[Finding]:
    """Return why a signed report holds no longer (確認報告の検証); nothing where it does.

    `report-changed`: it is not what was signed; `plan-unknown`, `plan-differs`, `release-differs`: it is of another
    registry; `not-passed`: it was signed though the gate stopped it; `plan-superseded`, `release-superseded`: a code
    set has other rows by now, or came into the plan since, so it is to be checked again.
    """
    subject = f"{report.server}/{report.plan}"
    if report_digest(report) != report.report_digest:
        text = Text(
            "報告の内容が署名した照合値と合いません。署名した原本を使ってください。",
            "The report is not what its digest says; use the one that was signed.",
        )
        return [Finding("report-changed", "error", text, subject)]
    try:
        kept = plan_record(session, report.server, report.plan)
    except (UnknownPlan, UnknownSite) as error:
        return [Finding("plan-unknown", "error", error.text, subject)]
    newest = newest_plan(session, report.server) or kept
    latest, release = (find_release(session, one) for one in ("latest", kept.release))
    found = []
    if not report.passed:
        text = Text(
            "この報告は不合格です。指摘を解決するか、許容数を決めて、確認し直してください。",
            "This report did not pass; settle what it names or decide on budgets, and check again.",
        )
        found.append(Finding("not-passed", "error", text, subject))
    if kept.digest != report.plan_digest:
        text = Text(
            f"移行計画 {subject} の照合値が報告と違います。別の台帳の報告ではないか確かめてください。",
            f"Cutover plan {subject} has another digest than the report; check that it is of this registry.",
        )
        found.append(Finding("plan-differs", "error", text, subject))
    if (kept.release, release.digest) != (report.release, report.release_digest):
        text = Text(
            f"版 {report.release} の照合値が報告と違います。別の台帳の報告ではないか確かめてください。",
            f"Release {report.release} has another digest than the report; check that it is of this registry.",
        )
        found.append(Finding("release-differs", "error", text, subject))
    for one in report.codesets:
        planned = newest.manifest["code_sets"].get(one.codeset, {}).get("rows", {}).get("digest")
        if planned != one.rows:
            text = Text(
                f"{one.codeset} は最新の移行計画 {report.server}/{newest.number} で内容が変わりました。確認し直して"
                "ください。",
                f"{one.codeset} has other rows in the newest plan, {report.server}/{newest.number}; check it again.",
            )
            found.append(Finding("plan-superseded", "error", text, one.codeset))
        if latest.manifest["code_sets"].get(one.codeset, {}).get("digest") != one.digest:
            text = Text(
                f"{one.codeset} は版 {latest.number} で内容が変わりました。計画と確認をやり直してください。",
                f"{one.codeset} means something else in release {latest.number}; plan and check it again.",
            )
            found.append(Finding("release-superseded", "error", text, one.codeset))
    known = {*(one.codeset for one in report.codesets), *report.missing, *report.without}
    for code_set in sorted(_of(report.member, newest.code_sets) - known):
        text = Text(
            f"{code_set} は報告のあとに移行計画 {report.server}/{newest.number} に入りました。確認し直してください。",
            f"{code_set} came into the plan after the report, with {report.server}/{newest.number}; check it too.",
        )
        found.append(Finding("plan-superseded", "error", text, code_set))
    return found


def read_report(data: bytes, file: str) -> CutCheckShape:
    """Return a report as its JSON file has it. Raises BadInput."""
    try:
        return CutCheckShape.model_validate_json(data)
    except ValueError:
        raise BadInput(
            "移行確認の報告(JSON)として読めません。gaiji cutover check が書いたファイルを指定してください。",
            "This is no report of a cutover check; name the JSON file that gaiji cutover check wrote.",
            where=Where(file),
        ) from None


# --- to sign

HEADERS = (
    Text("外字セット", "Code set"),
    Text("コード", "Code"),
    Text("種類", "Kind"),
    Text("区分", "Classes"),
    Text("共通文字", "Character"),
    Text("関係", "Relationship"),
    Text("送るコード", "Sent"),
    Text("今の表", "Today"),
    Text("戻り", "Back"),
    Text("出現", "Occurrences"),
    Text("件数", "Records"),
    Text("レコード番号", "Record numbers"),
)


def code_cells(code_set: str, one: CheckedCodeShape, places: int = SHOWN_PLACES) -> list[str]:
    """Return the cells of one code under `HEADERS`, with the numbers of the first records."""
    numbers = list(dict.fromkeys(place.record for place in one.places))
    more = "…" if one.records > min(len(numbers), places) else ""
    return [
        code_set,
        one.code,
        str(SORTS[one.kind]),
        " ".join(str(SHORT[name]) for name in one.classes),
        one.character or "",
        str(RELATIONSHIPS[one.relationship]) if one.relationship else "",
        one.sent or "",
        one.today or "",
        str(BACKS[one.back]) if one.back else "",
        str(one.occurrences),
        str(one.records),
        " ".join(map(str, numbers[:places])) + more,
    ]


def as_json(report: CutCheckShape) -> bytes:
    """Return the report as a file that `verify` reads (確認報告のJSON)."""
    return (report.model_dump_json(indent=2) + "\n").encode()


def as_csv(report: CutCheckShape) -> bytes:
    """Return the report for a spreadsheet (確認報告のCSV): every code, the first records, the digest last."""
    rows: list[list[str]] = [
        code_cells(one.codeset, code, 100) for one in report.codesets for code in one.codes
    ]
    told = [
        *([str(UNCHECKED), code_set] for code_set in report.missing),
        *([str(LEFT_OUT), code_set] for code_set in report.without),
        [str(Text("計画の照合値", "Plan digest")), report.plan_digest],
        [str(Text("版の照合値", "Release digest")), report.release_digest],
        *(
            [str(Text("抽出データのsha256", "Extract sha256")), one.codeset, one.extract_sha256]
            for one in report.codesets
        ),
        [str(Text("報告の照合値", "Report digest")), report.report_digest],
    ]
    return write_csv([str(header) for header in HEADERS], [*rows, [], *told])


def as_html(report: CutCheckShape) -> bytes:
    """Return the report as one self-contained page for screen and print, with lines to sign on (署名用の報告)."""
    return page(
        "cutcheck.html.j2",
        report=report,
        names=NAMES,
        classes=CLASSES,
        unchecked=[
            *((code_set, UNCHECKED) for code_set in report.missing),
            *((code_set, LEFT_OUT) for code_set in report.without),
        ],
        headers=HEADERS[1:],
        cells=lambda code: code_cells("", code)[1:],
        number=grouped(report.report_digest),
    ).encode()
