"""A plan for a shared CS server as JSON and as tables (移行計画の表)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from gaiji.charset.cutover import (
    AMBIGUITY_KINDS,
    Ambiguity,
    Outside,
    Plan,
    PlanRow,
    unit_name,
)
from gaiji.charset.tables import write_csv
from gaiji.errors import Text
from gaiji.registry import adoption, cutover
from gaiji.registry.db import Session
from gaiji.registry.members import code_sets, split_address
from gaiji.registry.tables import CutoverPlan
from gaiji.report.moving import MoveStep, moving_order
from gaiji.wire.cutover import (
    AmbiguityShape,
    CutoverCountsShape,
    CutoverSetShape,
    CutoverShape,
    MovedShape,
    MoveStepShape,
    PlanRowShape,
    PlanShape,
    ProposedReductionShape,
    SameAsShape,
    SharedQuestionShape,
)

KINDS = {
    "mapped": Text("対応あり", "mapped"),
    "residual": Text("残存外字", "residual"),
    "undecided": Text("未決定", "undecided"),
}
BACKS = {
    "exact": Text("そのまま戻る", "comes back"),
    "rule": Text("規則で戻る", "by a rule"),
    "one-way": Text("戻らない", "one way"),
    "ask": Text("要決定", "to be decided"),
}
REASONS = {
    "no-source": Text("資料なし", "no source"),
    "not-decided": Text("決定待ち", "not decided"),
    "refused": Text("提案を否定", "proposals refused"),
    "contradiction": Text("資料の食い違い", "sources disagree"),
    "not-in-force": Text("基準日に使用なし", "not in use that day"),
    "not-in-release": Text("版にない", "not in the release"),
}
AMBIGUITIES = {
    "two-codes": Text("外字コードが二つ以上", "two local codes or more"),
    "standard-and-local": Text("標準文字と同じ外字", "a standard code shows the same"),
    "text-and-local": Text("漢字のままでも書ける外字", "text means the same"),
    "only-substitutes": Text("代替だけが二つ以上", "several substitutes and no exact code"),
}
Sees = Callable[[str], bool]
"""Whether a reader may see what a member's files say beside what is published, by member."""


def everything(member: str) -> bool:
    """See all: at the registry's own terminal."""
    return True


def visible(plan: Plan, sees: Sees) -> Plan:
    """Return a plan as a reader may see it: codes that no release has yet are their city's own work."""
    rows = tuple(
        row
        for row in plan.rows
        if row.reason != "not-in-release" or sees(split_address(row.code_set)[0])
    )
    return plan if len(rows) == len(plan.rows) else replace(plan, rows=rows)


# --- JSON


def plan_shape(
    session: Session, plan: Plan, *, sees: Sees = everything, record: CutoverPlan | None = None
) -> PlanShape:
    """Return a plan's sums, its order of moving and what stayed since the plan before (移行計画の概要).

    Of members whose work the reader does not see, codes that the release does not have are left out of every number.
    record: None for a plan that is not kept.
    """
    plan = visible(plan, sees)
    kept = cutover.all_plans(session, plan.server)
    before = [one for one in kept if record is None or one.number < record.number]
    last = max(plan.points.values(), default=plan.area.start - 1)
    seen = all(sees(member) for member in plan.members)
    found = Counter(one.kind for one in plan.ambiguities)
    asked = Counter(one.kind for one in plan.open)
    moved = {member: day for member, (_, day) in cutover.moves(session, plan.server).items()}
    sets = {one.address: one for one in code_sets(session)}
    groups = {address: one.group for address, one in sets.items()}
    planned = plan.manifest["code_sets"]
    rows = _by_set(plan)
    return PlanShape(
        server=plan.server,
        number=plan.number,
        release=plan.release,
        release_digest=plan.release_digest,
        as_of=plan.as_of,
        members=list(plan.members),
        digest=plan.digest,
        made_at=record and record.at,
        made_by=record and record.actor,
        area=plan.manifest["area"],
        points=len(plan.points),
        free=plan.area.stop - 1 - last,
        counts=_counts(plan.rows, seen),
        codesets=[
            CutoverSetShape(
                codeset=address,
                digest=part["digest"],
                rows=part["rows"]["digest"],
                counts=_counts(rows.get(address, ()), sees(address.split("/")[0])),
            )
            for address, part in sorted(planned.items())
        ],
        left_out=[
            address
            for address, one in sets.items()
            if one.member in plan.members and address not in planned
        ],
        members_left_out=sorted({*(before[-1].members if before else ())}.difference(plan.members)),
        ambiguities={kind: found[kind] for kind in AMBIGUITY_KINDS},
        open={kind: asked[kind] for kind in AMBIGUITY_KINDS},
        rules=len(plan.rules),
        outside=len(plan.outside) if seen else None,
        order=[_step(one, seen) for one in moving_order(plan, moved, groups)],
        unchanged=_unchanged(plan, before[-1]) if before else None,
        plans=[one.number for one in kept],
    )


def _by_set(plan: Plan) -> dict[str, list[PlanRow]]:
    rows: dict[str, list[PlanRow]] = {}
    for row in plan.rows:
        rows.setdefault(row.code_set, []).append(row)
    return rows


def _counts(rows: Sequence[PlanRow], seen: bool) -> CutoverCountsShape:
    kinds, backs = Counter(row.kind for row in rows), Counter(row.back for row in rows)
    return CutoverCountsShape(
        codes=len(rows),
        mapped=kinds["mapped"],
        residual=kinds["residual"],
        undecided=kinds["undecided"],
        exact=backs["exact"],
        rule=backs["rule"],
        one_way=backs["one-way"],
        ask=backs["ask"],
        changes=sum(row.changes for row in rows) if seen else None,
    )


def _step(one: MoveStep, seen: bool) -> MoveStepShape:
    shared = [
        SharedQuestionShape(
            glyph=it.glyph, members=list(it.members), codes=list(it.codes), moved=list(it.moved)
        )
        for it in one.shared
    ]
    return MoveStepShape(
        member=one.member,
        moved=one.moved,
        undecided=one.undecided,
        uses=one.uses if seen else None,
        open=one.open,
        shared=shared,
    )


def _unchanged(plan: Plan, before: CutoverPlan) -> SameAsShape:
    now = plan.manifest["code_sets"]
    same = [
        address
        for address, part in sorted(before.manifest["code_sets"].items())
        if now.get(address, {}).get("rows") == part["rows"]
    ]
    return SameAsShape(number=before.number, digest=before.digest, codesets=same)


def row_shape(row: PlanRow, *, seen: bool = True) -> PlanRowShape:
    """Return one row as JSON has it; seen: with what the city's own files say."""
    offered = row.reduction
    return PlanRowShape(
        codeset=row.code_set,
        code=row.code.hex().upper(),
        valid_from=row.valid_from,
        kind=row.kind,
        reason=row.reason if seen else None,
        character=row.character,
        relationship=row.relationship,
        how=row.how,
        actor=row.actor,
        ground=row.ground,
        decided_at=row.decided_at,
        juki=unit_name(row.juki, "J+"),
        point=unit_name(row.point, "U+"),
        back=row.back,
        glyph=row.glyph,
        reduction=offered
        and ProposedReductionShape(
            character=offered.character,
            juki=unit_name(offered.juki, "J+"),
            ground=offered.ground,
            rank=offered.rank,
            tied=list(offered.tied),
        ),
        today=unit_name(row.today, "J+") if seen else None,
        changes=row.changes if seen else None,
        uses=row.uses if seen else None,
    )


def ambiguity_shape(one: Ambiguity) -> AmbiguityShape:
    """Return one ambiguity as JSON has it."""
    chosen = one.rule.code if one.rule else None
    return AmbiguityShape(
        kind=one.kind,
        codeset=one.code_set,
        character=one.character,
        sent=sent_name(one.sent),
        codes=[code.hex().upper() for code in one.codes],
        standard=one.standard.hex().upper() if one.standard else None,
        open=one.is_open,
        returns=chosen.hex().upper() if chosen else None,
        ground=one.rule.ground if one.rule else None,
        actor=one.rule.actor if one.rule else None,
    )


def sent_name(unit: int) -> str:
    """Return a unit as people read it: a J+ code, or a code point in the private-use area."""
    return unit_name(unit, "U+" if unit in adoption.AREA else "J+") or ""


def server_shapes(session: Session) -> list[CutoverShape]:
    """Return every shared CS server and how far the move is, by name."""
    found = []
    for site in adoption.site_shapes(session):
        if site.kind != "server":
            continue
        plans = cutover.all_plans(session, site.name)
        newest = plans[-1] if plans else None
        found.append(
            CutoverShape(
                server=site.name,
                area=site.options["area"],
                plans=[one.number for one in plans],
                release=newest and newest.release,
                digest=newest and newest.digest,
                members=newest.members if newest else [],
                moved=[
                    MovedShape(server=site.name, member=member, plan=number, day=day)
                    for member, (number, day) in cutover.moves(session, site.name).items()
                ],
            )
        )
    return found


# --- which rows


def chosen_rows(
    rows: Iterable[PlanRow],
    *,
    codeset: str | None = None,
    kind: str | None = None,
    back: str | None = None,
    changes: bool = False,
) -> Iterator[PlanRow]:
    """Yield the rows of a code set, of a kind, with a way back, or that change what is sent."""
    for row in rows:
        if (
            codeset in (None, row.code_set)
            and kind in (None, row.kind)
            and back in (None, row.back)
            and (row.changes or not changes)
        ):
            yield row


# --- CSV

ROW_COLUMNS = Text(
    "外字セット,外字コード,使用開始日,区分,kind,理由,reason,共通文字,関係,根拠種別,決定者,根拠,決定日時,住基コード,サーバーの割当,"
    "戻り,back,現在の住基コード,変更,字形,縮退の提案,提案の根拠,使用回数(のべ)",
    "code set,code,from,class,kind,why,reason,character,relationship,evidence,actor,ground,decided at,juki,"
    "server point,comes back,back,juki today,changes,glyph,proposed reduction,its ground,uses",
)
"""Beside every word stands its code, as the options and JSON have it."""
AMBIGUITY_COLUMNS = Text(
    "外字セット,共通文字,種類,kind,送るコード,外字コード,標準文字のコード,状態,state,戻すコード,根拠,決定者",
    "code set,character,ambiguity,kind,sent,local codes,standard code,decided,state,returns,ground,actor",
)
OUTSIDE_COLUMNS = Text("外字セット,外字コード,住基コード,種類,行", "code set,code,juki,kind,line")
FILES = {"plan.json", "rows.csv", "ambiguities.csv", "outside.csv", "allocation.csv"}
POINT_COLUMNS = Text("割当コード,共通文字,外字コード", "code point,character,local codes")


def rows_csv(rows: Iterable[PlanRow]) -> bytes:
    """Return rows as CSV, safe in a spreadsheet."""
    return write_csv(str(ROW_COLUMNS).split(","), (_cells(row) for row in rows))


def _cells(row: PlanRow) -> list[object]:
    shape, offered = row_shape(row), row.reduction
    target = None
    if offered is not None:
        target = offered.character or str(Text("同順位", "tie")) + " " + " ".join(offered.tied)
    return [
        row.code_set,
        shape.code,
        row.valid_from,
        KINDS[row.kind],
        row.kind,
        REASONS[row.reason] if row.reason else None,
        row.reason,
        row.character,
        row.relationship,
        row.how,
        row.actor,
        row.ground,
        row.decided_at,
        shape.juki,
        shape.point,
        BACKS[row.back] if row.back else None,
        row.back,
        shape.today,
        "○" if row.changes else None,
        row.glyph,
        target,
        offered and offered.ground,
        row.uses,
    ]


def ambiguities_csv(found: Iterable[Ambiguity]) -> bytes:
    """Return ambiguities as CSV: what a clerk looks through."""
    rows = (
        [
            one.codeset,
            one.character,
            AMBIGUITIES[one.kind],
            one.kind,
            one.sent,
            " ".join(one.codes),
            one.standard,
            Text("未決", "not decided") if one.open else Text("決定済み", "decided"),
            "open" if one.open else "decided",
            one.returns,
            one.ground,
            one.actor,
        ]
        for one in map(ambiguity_shape, found)
    )
    return write_csv(str(AMBIGUITY_COLUMNS).split(","), rows)


def outside_csv(found: Iterable[Outside]) -> bytes:
    """Return the Juki codes outside the reference set as CSV."""
    rows = (
        [one.code_set, one.code.hex().upper() if one.code else None, one.juki, one.kind, one.record]
        for one in found
    )
    return write_csv(str(OUTSIDE_COLUMNS).split(","), rows)


def points_csv(plan: Plan) -> bytes:
    """Return the server's allocation as CSV, with the local codes of the plan that use each point."""
    used: dict[str, list[str]] = {}
    for row in plan.rows:
        if row.point is not None and row.character is not None:
            used.setdefault(row.character, []).append(row.subject)
    rows = (
        [unit_name(point, "U+"), character, " ".join(used.get(character, ()))]
        for character, point in sorted(plan.points.items(), key=lambda pair: pair[1])
    )
    return write_csv(str(POINT_COLUMNS).split(","), rows)


def is_tables(folder: Path, server: str) -> bool:
    """Whether a folder holds the tables of some plan for a server, and nothing else."""
    try:
        told = json.loads((folder / "plan.json").read_bytes())
        return told["server"] == server and {one.name for one in folder.iterdir()} <= FILES
    except (OSError, ValueError, KeyError, TypeError):
        return False


def files(plan: Plan, shape: PlanShape) -> dict[str, bytes]:
    """Return the files of a plan by name: its sums, rows, ambiguities, allocation, and what lies outside."""
    return {
        "plan.json": (shape.model_dump_json(indent=2) + "\n").encode(),
        "rows.csv": rows_csv(plan.rows),
        "ambiguities.csv": ambiguities_csv(plan.ambiguities),
        "outside.csv": outside_csv(plan.outside),
        "allocation.csv": points_csv(plan),
    }


def day_name(day: date | None) -> str:
    """Return a day, or a dash."""
    return day.isoformat() if day else "—"
