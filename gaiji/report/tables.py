"""FIT&GAP for people: aligned text, CSV for a spreadsheet, one HTML file for print (表の書出し)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from markupsafe import Markup
from rich.cells import cell_len

from gaiji.charset.tables import write_csv
from gaiji.errors import Text
from gaiji.glyph.draw import svg
from gaiji.glyph.forms import Glyph, parse_canonical
from gaiji.report.fitgap import TOTAL, FitGap, Gap, Row
from gaiji.report.pages import page

HEADERS = (
    Text("項番", "No."),
    Text("システム区分", "Systems"),
    Text("外字セット数", "Code sets"),
    Text("外字数", "Gaiji"),
    Text("適合", "Fit"),
    Text("不適合", "Gap"),
    Text("適合率(%)", "Fit rate (%)"),
    Text("代替", "Substitute"),
    Text("未決定", "Undecided"),
    Text("資料なし", "Unmapped"),
    Text("対象外の字", "Outside"),
)
GAP_HEADERS = (
    Text("外字コード", "Local code"),
    Text("区分", "Kind"),
    Text("決定した字", "Decided"),
    Text("提案", "Proposals"),
    Text("市の一覧", "City's list"),
    Text("所見", "Findings"),
    Text("解消の方法", "What would close it"),
)
GROUP_NAMES = {
    "住民記録系": Text("住民記録系", "Resident records"),
    "税系": Text("税系", "Taxes"),
    "社会保障系": Text("社会保障系", "Social security"),
    "その他": Text("その他", "Other"),
    TOTAL: Text(TOTAL, "Total"),
}
KINDS = {
    "substitute": Text("代替", "substitute"),
    "undecided": Text("未決定", "undecided"),
    "unmapped": Text("資料なし", "unmapped"),
    "outside": Text("対象外の字", "outside"),
}
AGAINST = {
    "MJ": Text("文字情報基盤(MJ)", "MJ (文字情報基盤)"),
    "GJ": Text("行政事務標準文字(MJ+)", "MJ+ (行政事務標準文字)"),
    "table": Text("共通の表", "the shared table"),
}
LISTED = {
    "readings": Text("読み", "reading"),
    "strokes": Text("画数", "strokes"),
    "radical": Text("部首", "radical"),
    "remarks": Text("備考", "remarks"),
    "mj": Text("MJ", "MJ"),
    "koseki": Text("戸籍", "koseki"),
    "touki": Text("登記", "touki"),
    "ucs": Text("UCS", "UCS"),
    "ivs": Text("IVS", "IVS"),
    "x0213": Text("X0213", "X0213"),
    "juki": Text("住基", "juki"),
}
NUMERIC = range(2, len(HEADERS))


# --- cells


def row_cells(row: Row) -> list[str]:
    """Return a line of the table as it is printed, in the order of HEADERS."""
    kinds = ("substitute", "undecided", "unmapped", "outside")
    numbers = (row.code_sets, row.codes, row.fit, row.gap)
    return [
        "" if row.number is None else str(row.number),
        str(GROUP_NAMES[row.group]),
        *map(str, numbers),
        "―" if row.rate is None else row.rate,
        *(str(row.counts[kind]) for kind in kinds),  # type: ignore[index]
    ]


def gap_cells(gap: Gap) -> list[str]:
    """Return a gap as it is printed, in the order of GAP_HEADERS."""
    one = gap.standing
    return [
        one.subject,
        str(KINDS[gap.kind]),
        one.character or "",
        " ".join(dict.fromkeys(p.character for p in one.proposals if not p.refused)),
        listed_text(one.listed),
        " ".join(finding.code for finding in gap.findings),
        str(gap.remedy.text),
    ]


def listed_text(listed: Mapping[str, Any]) -> str:
    """Return what the city's list says, in one line."""
    comma = Text("、", "; ")
    parts = (
        f"{LISTED[name]} {'・'.join(value) if isinstance(value, list) else value}"
        for name, value in listed.items()
        if name in LISTED
    )
    return str(comma).join(parts)


def heading(report: FitGap) -> list[str]:
    """Return the lines over the table: whose gaiji, at what state, against what."""
    kind = Text("加入予定", "candidate") if report.candidate else Text("構成市", "member")
    state = (
        Text("現在の作業状態(未公布の決定を含む)", "state of work, unpublished decisions included")
        if report.release is None
        else Text(f"第{report.release}版", f"release {report.release}")
    )
    against = str(AGAINST[report.against])
    if report.table_release is not None:
        against += str(Text(f" 第{report.table_release}版", f", release {report.table_release}"))
    return [
        f"FIT&GAP {report.member} {report.name}({kind})",
        str(Text(f"対象: {state.ja}  基準: {against}", f"Measured: {state.en}; against {against}")),
    ]


def proof_lines(report: FitGap) -> list[str]:
    """Return what the proof says: nothing changes for the others, or for whom it does."""
    if report.proof_release is None:
        none = Text(
            "公布した版がまだないため、ほかの構成市への影響はありません。",
            "Nothing is published yet, so there is nothing to change for others.",
        )
        return [str(none)]
    count, number = len(report.neighbours), report.proof_release
    changed = [other.code_set for other in report.neighbours if other.digest != other.after]
    waiting = [other.code_set for other in report.neighbours if other.waiting]
    if changed:
        told = Text(
            f"注意: 公布するとほかの構成市の外字セットが変わります: {'・'.join(changed)}。"
            "gaiji doctor で台帳を確かめてください。",
            f"Careful: publishing would change code sets of others: {', '.join(changed)}; "
            "check the registry with gaiji doctor.",
        )
    else:
        told = Text(
            f"この市の決定を公布しても、ほかの構成市の外字セット {count} 件の対応表は第{number}版から"
            "変わりません(ダイジェスト一致)。",
            f"Publishing what is decided for this member leaves the {count} code sets of the others as "
            f"in release {number} (digests equal).",
        )
    lines = [str(told)]
    if waiting:
        apart = Text(
            f"ほかの構成市自身の未公布の決定があります(この市とは無関係): {'・'.join(waiting)}",
            f"Decisions of other members themselves wait for publication, apart from this: "
            f"{', '.join(waiting)}",
        )
        lines.append(str(apart))
    return lines


# --- text


def aligned(
    headers: Sequence[object], rows: Iterable[Sequence[str]], right: Iterable[int] = ()
) -> list[str]:
    """Return the lines of a table for a terminal, where an East Asian character is two columns wide."""
    table = [[str(header) for header in headers], *([*row] for row in rows)]
    widths = [max(cell_len(row[place]) for row in table) for place in range(len(headers))]
    to_right = set(right)
    lines = []
    for row in table:
        cells = []
        for place, cell in enumerate(row):
            space = " " * (widths[place] - cell_len(cell))
            cells.append(space + cell if place in to_right else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines


def as_text(report: FitGap, *, gaps: bool = True, limit: int | None = None) -> str:
    """Return the report for a terminal: the table, the proof, then at most `limit` gaps (None: all)."""
    lines = [*heading(report), ""]
    lines += aligned(HEADERS, map(row_cells, report.rows), (0, *NUMERIC))
    counted = [
        [one.code_set, one.system, " ".join(f"{code}:{n}" for code, n in one.findings.items())]
        for one in report.code_sets
        if one.findings
    ]
    if counted:
        names = (Text("外字セット", "Code set"), Text("業務", "System"), Text("所見", "Findings"))
        lines += ["", *aligned(names, counted)]
    lines += ["", *proof_lines(report)]
    if gaps and report.gaps:
        shown = report.gaps[:limit]
        lines += ["", *aligned(GAP_HEADERS, map(gap_cells, shown))]
        if rest := len(report.gaps) - len(shown):
            more = Text(
                f"ほか {rest} 字。すべて見るには --format csv か html に --out を付けてください。",
                f"{rest} more; see them all with --format csv or html and --out.",
            )
            lines += ["", str(more)]
    return "\n".join(lines) + "\n"


# --- CSV


def as_csv(report: FitGap, *, gaps: bool = True) -> bytes:
    """Return the report for a spreadsheet: the table, then after an empty line the gaps one by one."""
    rows: list[Sequence[object]] = [row_cells(row) for row in report.rows]
    if gaps:
        rows += [[], [*GAP_HEADERS, Text("字形のsha256", "Glyph sha256")]]
        rows += [[*gap_cells(gap), gap.standing.glyph] for gap in report.gaps]
    return write_csv([str(header) for header in HEADERS], rows)


# --- HTML


def as_html(
    report: FitGap,
    forms: Mapping[str, bytes],
    characters: Mapping[str, Glyph] | None = None,
    *,
    gaps: bool = True,
) -> str:
    """Return the report as one self-contained file for screen and print, without script.

    forms: canonical forms of the cities' glyphs by sha256 (`glyph_forms`); characters: outlines of the
    reference font for what is proposed or decided, as far as they are to be had.
    """
    pictured = {id: Markup(svg(outline, title=id)) for id, outline in (characters or {}).items()}

    def picture(digest: str | None, title: str) -> Markup | None:
        if digest is None or digest not in forms:
            return None
        return Markup(svg(parse_canonical(forms[digest]), title=title))

    return page(
        "fitgap.html.j2",
        report=report,
        heading=heading(report),
        headers=HEADERS,
        gap_headers=GAP_HEADERS,
        rows=[(row.number is None, row_cells(row)) for row in report.rows],
        proof=proof_lines(report),
        gaps=[(gap, gap_cells(gap)) for gap in report.gaps] if gaps else [],
        picture=picture,
        pictured=pictured,
        shown=characters_of,
        empty=Markup('<span class="none"></span>'),
    )


def characters_of(gap: Gap) -> list[str]:
    """Return the characters a gap is about: decided or proposed, refused ones left out."""
    one = gap.standing
    decided = [one.character] if one.character else []
    return list(dict.fromkeys([*decided, *(p.character for p in one.proposals if not p.refused)]))
