"""The server's own dump held against the plan (サーバーの実データとの照合): what was loaded is what was decided."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gaiji.charset.charsets import Charset
from gaiji.charset.cutover import Plan, PlanRow, unit_name
from gaiji.charset.tables import CsTable, read_cs_table, write_csv
from gaiji.errors import BadInput, Text, Where
from gaiji.registry.members import split_address
from gaiji.report.cutcheck import unchecked
from gaiji.wire.cutexport import CompareShape
from gaiji.wire.findings import Finding

COLUMNS = (
    Text("外字セット", "Code set"),
    Text("コード", "Code"),
    Text("所見", "Finding"),
    Text("説明", "What it says"),
    Text("行", "Line"),
)


def read_dump(plan: Plan, data: bytes, file_name: str, charset: Charset) -> CsTable:
    """Return a server's dump (サーバーの出力): a CS-server table in which the server's own points stand too.

    A code that stands twice is a finding, and its first row counts. Raises BadTable.
    """
    points = set(plan.points.values())
    return read_cs_table(data, file_name, charset, allowed=points, twice="warning")


def compare(plan: Plan, code_set: str, dump: CsTable, *, file: str | None = None) -> list[Finding]:
    """Return every difference between a server's dump and the plan (差異), by code.

    `missing` and `extra` rows, `different` J+ codes, `point-differs` where a point of the server is concerned, `twice`
    a code with two units, `outside-juki` a unit that is neither in the repertoire nor a point of this server. Codes of
    the standard area are not compared. Raises BadInput for a code set that is not the plan's.
    """
    if code_set not in plan.code_sets:
        raise BadInput(
            f"外字セット {code_set} は移行計画 {plan.server}/{plan.number} に入っていません。計画に入れてください。",
            f"Code set {code_set} is not part of cutover plan {plan.server}/{plan.number}; plan with it.",
        )
    planned = {row.code: row for row in plan.rows_of(code_set)}
    area, points = plan.area, {point: character for character, point in plan.points.items()}
    found: list[Finding] = []
    held: set[bytes] = set()
    for record, code, juki in dump.rows:
        held.add(code)
        row, unit, where = planned.get(code), int(juki[2:], 16), Where(file, record)
        if row is None or row.sent is None:
            found.append(_extra(code_set, code, unit, row, where))
        elif row.sent != unit:
            concerned = row.sent in area or unit in area
            found.append(_different(row, unit, points.get(unit), concerned, where))
    for code, row in planned.items():
        if row.sent is not None and code not in held:
            found.append(_missing(row))
    for one in dump.findings:
        if one.code == "code-twice":
            found.append(Finding("twice", "error", one.text, _subject(code_set, one), one.where))
        elif one.code == "outside-juki":
            found.append(Finding("outside-juki", "error", one.text, code_set, one.where))
    return sorted(found, key=lambda one: (one.subject or "", one.code))


def _subject(code_set: str, one: Finding) -> str:
    return f"{code_set}/{one.subject}" if one.subject else code_set


def _sent(row: PlanRow) -> str:
    return unit_name(row.juki, "J+") or unit_name(row.point, "U+") or ""


def _extra(code_set: str, code: bytes, unit: int, row: PlanRow | None, where: Where) -> Finding:
    name, told = code.hex().upper(), unit_name(unit, "J+")
    text = Text(
        f"{name} はサーバーでは {told} ですが、計画では共通文字が未決定です。サーバーから除くか、決定してください。",
        f"{name} is {told} on the server, and the plan has no character for it; take it out, or decide it.",
    )
    if row is None:
        text = Text(
            f"{name} はサーバーでは {told} ですが、計画にないコードです。gaiji codeset import で登録してください。",
            f"{name} is {told} on the server and no code of the plan; register it with gaiji codeset import.",
        )
    return Finding("extra", "error", text, f"{code_set}/{name}", where)


def _different(
    row: PlanRow, unit: int, character: str | None, concerned: bool, where: Where
) -> Finding:
    name, told, sent = row.code.hex().upper(), unit_name(unit, "J+"), _sent(row)
    of = (
        Text(f"({character} の割当)", f" (the point of {character})") if character else Text("", "")
    )
    text = Text(
        f"{name} は計画では {sent} ですが、サーバーでは {told}{of.ja} です。計画の表を読み込み直してください。",
        f"{name} is {sent} in the plan and {told}{of.en} on the server; load the plan's table again.",
    )
    return Finding("point-differs" if concerned else "different", "error", text, row.subject, where)


def _missing(row: PlanRow) -> Finding:
    name, sent = row.code.hex().upper(), _sent(row)
    text = Text(
        f"{name} は計画では {sent} ですが、サーバーにありません。計画の表を読み込み直してください。",
        f"{name} is {sent} in the plan and not on the server; load the plan's table again.",
    )
    return Finding("missing", "error", text, row.subject)


def not_compared(plan: Plan, compared: Iterable[str], without: Iterable[str] = ()) -> list[Finding]:
    """Return a finding for every code set of the members concerned that had no dump (未照合の外字セット).

    without: those left out by name. Raises BadInput for one that is not the plan's, or that was compared.
    """
    done, named = list(compared), list(without)
    return [
        Finding(
            "not-compared",
            "error",
            Text(
                f"{code_set} は --dump がなく、照合していません。--dump で渡すか --without で外してください。",
                f"{code_set} had no dump and was not compared; give one with --dump, or name it in --without.",
            ),
            code_set,
        )
        for member in sorted({split_address(one)[0] for one in done})
        for code_set in unchecked(
            plan, member, done, [one for one in named if split_address(one)[0] == member]
        )
    ]


def compare_shape(
    plan: Plan, compared: dict[str, tuple[CsTable, list[Finding]]], without: Sequence[str] = ()
) -> CompareShape:
    """Return what comparisons of code sets came to (照合の結果); without: those left out by name."""
    left = not_compared(plan, compared, without)
    same = 0
    for code_set, (dump, found) in compared.items():
        differing = {one.subject for one in found}
        same += sum(f"{code_set}/{code.hex().upper()}" not in differing for _, code, _ in dump.rows)
    return CompareShape(
        server=plan.server,
        plan=plan.number,
        plan_digest=plan.digest,
        codesets={code_set: len(found) for code_set, (_, found) in sorted(compared.items())},
        same=same,
        not_compared=[one.subject or "" for one in left],
        without=list(without),
        findings=[
            *(one.shape() for _, found in sorted(compared.values(), key=_first) for one in found),
            *(one.shape() for one in left),
        ],
    )


def _first(pair: tuple[CsTable, list[Finding]]) -> str:
    return min((one.subject or "" for one in pair[1]), default="")


def as_csv(found: Iterable[Finding]) -> bytes:
    """Return differences for a spreadsheet."""
    rows = []
    for one in found:
        code_set, _, code = (one.subject or "").rpartition("/")
        place = one.where.record if one.where else None
        if code_set.count("/") == 0:
            code_set, code = one.subject or "", ""
        rows.append([code_set, code, one.code, str(one.text), place])
    return write_csv([str(column) for column in COLUMNS], rows)
