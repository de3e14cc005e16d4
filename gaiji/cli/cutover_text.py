"""How gaiji cutover shows a plan: tables for people, CSV and JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gaiji.charset.cutover import Ambiguity, Plan, PlanRow, Rule
from gaiji.charset.files import STANDARD, replacing
from gaiji.cli.shared import counted, plain, say, say_json, say_table
from gaiji.errors import Text
from gaiji.report import cutover_tables
from gaiji.report.cutover_tables import AMBIGUITIES, BACKS, KINDS, REASONS, day_name, sent_name
from gaiji.wire.cutover import PlanShape
from gaiji.wire.findings import Finding

SHOWN = 40
RULES_SHOWN = 10


def say_plan(shape: PlanShape) -> None:
    """Print a plan's sums, open questions and order."""
    name = f"{shape.server}/{shape.number}" if shape.number else shape.server
    say(
        Text(
            f"移行計画 {name}: 版 {shape.release}、基準日 {shape.as_of}、領域 {shape.area}",
            f"Cutover plan {name}: release {shape.release}, as of {shape.as_of}, area {shape.area}",
        )
    )
    say(f"  digest {shape.digest}")
    headers = Text(
        "外字セット 外字 対応 残存 未決定 要決定 変更 digest",
        "codeset codes mapped residual undecided to-decide changes rows",
    )
    sums = [(one.codeset, one.counts, one.rows[:16]) for one in shape.codesets]
    rows = [
        [one, c.codes, c.mapped, c.residual, c.undecided, c.ask, c.changes, digest]
        for one, c, digest in [*sums, (Text("合計", "total"), shape.counts, "")]
    ]
    say_table(str(headers).split(), rows, right=(1, 2, 3, 4, 5, 6))
    say(
        Text(
            f"割当コード: {shape.points:,}(残り {shape.free:,})、基準文字集合の外の住基コード: {shape.outside or 0:,}",
            f"Code points given: {shape.points:,} ({shape.free:,} left); Juki codes outside the reference set: "
            f"{shape.outside or 0:,}",
        )
    )
    if shape.left_out:
        say(
            Text(
                f"計画に入っていない外字セット: {'・'.join(shape.left_out)}",
                f"Code sets that are not in the plan: {', '.join(shape.left_out)}",
            )
        )
    if shape.members_left_out and shape.unchanged:
        say(
            Text(
                f"計画 {shape.unchanged.number} にあって、この計画にない構成市: {'・'.join(shape.members_left_out)}",
                f"Left out against plan {shape.unchanged.number}: {', '.join(shape.members_left_out)}",
            )
        )
    for kind, count in shape.ambiguities.items():
        if count:
            say(
                Text(
                    f"戻りのあいまいな文字({AMBIGUITIES[kind].ja}): {count:,}、うち未決 {shape.open[kind]:,}",
                    f"Ambiguous ways back ({AMBIGUITIES[kind].en}): {count:,}, {shape.open[kind]:,} of them open",
                )
            )
    _say_order(shape)
    if shape.unchanged is not None:
        same = shape.unchanged
        sets = counted(len(same.codesets), "code set")
        say(
            Text(
                f"計画 {same.number} ({same.digest[:16]}) と行・割当が同じ外字セット: {len(same.codesets)}",
                f"As in plan {same.number} ({same.digest[:16]}), rows and points: {sets}",
            )
        )
    if any(shape.open.values()) and shape.number:
        say(
            Text(
                f"未決の戻りは gaiji cutover show {shape.server} --ambiguities で確かめ、"
                "gaiji cutover rule で決めてください。",
                f"See the open ones with gaiji cutover show {shape.server} --ambiguities; decide them with gaiji "
                "cutover rule.",
            )
        )


def _say_order(shape: PlanShape) -> None:
    headers = Text(
        "順 構成市 移行日 未決定 使用(のべ) 先に決める共有の字形",
        "step member moved undecided uses shared-glyphs-first",
    )
    rows: list[list[object]] = [
        [place, one.member, day_name(one.moved), one.undecided, one.uses, len(one.shared)]
        for place, one in enumerate(shape.order, 1)
    ]
    say_table(str(headers).split(), rows, right=(0, 3, 4, 5))
    reaching = [it for one in shape.order for it in one.shared if it.moved]
    if reaching:
        named = sorted({member for it in reaching for member in it.moved})
        say(
            Text(
                f"うち移行済みの市にも及ぶ共有の字形: {len(reaching):,} ({'・'.join(named)})",
                f"Shared glyphs whose answer reaches members that moved: {len(reaching):,} ({', '.join(named)})",
            )
        )


def say_rules(server: str, made: list[Rule], findings: list[Finding], format: str) -> None:
    """Print the rules that were decided, and what they change for members that moved."""
    if format == "json":
        items = [
            {
                "server": server,
                "codeset": one.code_set,
                "character": one.character,
                "code": one.code.hex().upper() if one.code else None,
                "ground": one.ground,
                "actor": one.actor,
            }
            for one in made
        ]
        told = [one.shape() for one in findings]
        say_json({"items": items, "next": None, "release": None, "findings": told})
        return
    if not made:
        say(
            Text(
                "この種類の未決の戻りはありません。何も決めていません。",
                "Nothing of that kind is open; no rule was decided.",
            )
        )
        return
    for one in made[:RULES_SHOWN]:
        returns = one.code.hex().upper() if one.code else Text("外字に戻さない", "no local code")
        say(f"  {one.code_set}  {one.character} → {returns}")
    if len(made) > RULES_SHOWN:
        say("  …")
    say(
        Text(
            f"規則: {len(made):,} 件。次の gaiji cutover plan から効きます。",
            f"{counted(len(made), 'rule')}; the next gaiji cutover plan is made by them.",
        )
    )
    for finding in findings:
        say(f"  {finding.code}: {finding.text}")


def put(value: Any, out: Path | None) -> None:
    """Write bytes, or a value as JSON, to a file or to standard output."""
    data = value if isinstance(value, bytes) else _as_json(value)
    with replacing(out or STANDARD) as file:
        file.write(data)


def _as_json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()


def _listed(kept: Plan, items: list[Any]) -> dict[str, Any]:
    return {
        "items": [plain(one) for one in items],
        "next": None,
        "release": kept.release,
        "plan": kept.number,
    }


def say_rows(kept: Plan, found: list[PlanRow], format: str, out: Path | None) -> None:
    """Print or write rows of a plan."""
    if format == "csv":
        put(cutover_tables.rows_csv(found), out)
    elif format == "json":
        put(_listed(kept, [cutover_tables.row_shape(one) for one in found]), out)
    else:
        headers = Text(
            "外字 区分 共通文字 送るコード 戻り 現在 使用(のべ)",
            "code kind character sent back today uses",
        )
        rows: list[list[object]] = [
            [
                one.subject,
                REASONS[one.reason] if one.reason else KINDS[one.kind],
                one.character,
                sent_name(one.sent) if one.sent is not None else None,
                BACKS[one.back] if one.back else None,
                one.today and f"J+{one.today:04X}{' *' if one.changes else ''}",
                one.uses,
            ]
            for one in found[:SHOWN]
        ]
        say_table(str(headers).split(), rows, right=(6,))
        _say_more(len(found), "csv")


def say_ambiguities(kept: Plan, doubts: list[Ambiguity], format: str, out: Path | None) -> None:
    """Print or write ambiguous ways back."""
    shapes = [cutover_tables.ambiguity_shape(one) for one in doubts]
    if format == "csv":
        put(cutover_tables.ambiguities_csv(doubts), out)
    elif format == "json":
        put(_listed(kept, shapes), out)
    else:
        headers = Text(
            "外字セット 共通文字 送るコード 外字 標準文字 種類 決定",
            "codeset character sent codes standard kind decided",
        )
        rows: list[list[object]] = [
            [
                one.codeset,
                one.character,
                one.sent,
                " ".join(one.codes),
                one.standard,
                AMBIGUITIES[one.kind],
                Text("未決", "open") if one.open else one.returns or Text("外字に戻さない", "none"),
            ]
            for one in shapes[:SHOWN]
        ]
        say_table(str(headers).split(), rows)
        _say_more(len(shapes), "csv")


def _say_more(count: int, format: str) -> None:
    if count > SHOWN:
        say(
            Text(
                f"… ほか {count - SHOWN:,} 件 (--format {format} ですべて)",
                f"… {count - SHOWN:,} more (--format {format} shows all)",
            )
        )
