"""gaiji cutover plan, rule, move, show: how cities come onto one shared CS server; the rest is in `cutover_files`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, get_args

import typer
from sqlalchemy.orm import Session

from gaiji.charset.cutover import Plan
from gaiji.charset.files import STANDARD, check_apart
from gaiji.cli import cutover_files
from gaiji.cli.cutover_text import put, say_ambiguities, say_plan, say_rows, say_rules
from gaiji.cli.places import registry_files
from gaiji.cli.shared import (
    ALL,
    By,
    DryRun,
    Format,
    Home,
    OutputFormat,
    actor,
    listed,
    members_named,
    one_of,
    plain,
    reading,
    remember_format,
    say,
    say_json,
    server_name,
    settings_for,
    writing,
)
from gaiji.errors import BadInput, StorageFailed, Text, Where
from gaiji.registry import cutover, members
from gaiji.registry.db import today
from gaiji.report import cutover_tables
from gaiji.report.cutover import make_plan, rules_of_moved
from gaiji.report.folders import replacing_folder
from gaiji.wire.cutover import AmbiguityKind, Back, PlanShape, RowKind

Server = Annotated[
    str,
    typer.Argument(metavar="SERVER", help="CSサーバー / CS server, e.g. cs1", callback=server_name),
]
Day = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        help="基準日(既定は今日)/ day whose meanings hold (default: today)",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="CSサーバー移行 / moving to a shared CS server.")
    group.command("plan")(plan)
    group.command("rule")(rule)
    group.command("move")(move)
    group.command("show")(show)
    cutover_files.attach(group)
    app.add_typer(group, name="cutover")


# --- plan


def plan(
    server: Annotated[
        str, typer.Option(help="CSサーバー / shared CS server, e.g. cs1", callback=server_name)
    ],
    members_: Annotated[
        str, typer.Option("--members", help="構成市 / members, 252069,252085 | all")
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="計画の表を書き出すフォルダ / folder for its tables"),
    ] = None,
    release: Annotated[str, typer.Option(help="版 / release: 1, 2 … | latest")] = "latest",
    as_of: Day = None,
    codesets: Annotated[
        str | None, typer.Option(help="外字セットを絞る / only these: 252069/juki,252085/juki")
    ] = None,
    accept_changes: Annotated[
        str | None,
        typer.Option(
            metavar="GROUND",
            help="移行済みの市を変えてよい根拠 / ground for changing members that moved",
        ),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """移行計画を作る: 外字一字ごとの行き先と戻り / plan a move: where every local code goes, and back."""
    day = as_of.date() if as_of else today()
    who, sets = actor(settings_for(home), by), listed("--codesets", codesets)
    with _tables(folder, server) as write:
        with (reading if dry_run else writing)(home) as session:
            everyone = [one.code for one in members.all_members(session) if not one.candidate]
            made = make_plan(
                session,
                who,
                server,
                members_named("--members", members_, everyone),
                release=release,
                as_of=day,
                code_sets=sets,
                dry_run=dry_run,
                accept=accept_changes,
            )
            shape = _shape(session, made)
        write(made, shape)  # once the plan is kept: no table of a plan that is not
    if format == "json":
        say_json(shape)
        return
    say_plan(shape)
    if folder is not None:
        say(Text(f"表を {folder} に書き出しました。", f"Tables written to {folder}."))


def _shape(session: Session, made: Plan) -> PlanShape:
    record = cutover.plan_record(session, made.server, made.number) if made.number else None
    return cutover_tables.plan_shape(session, made, record=record)


@contextmanager
def _tables(folder: Path | None, server: str) -> Iterator[Callable[[Plan, PlanShape], None]]:
    """Give what writes the tables of a plan; a folder that cannot be written stops before a plan is kept."""
    if folder is None:
        yield lambda made, shape: None
        return
    kept: list[int] = []
    try:
        with replacing_folder(
            folder, lambda place: cutover_tables.is_tables(place, server)
        ) as place:

            def write(made: Plan, shape: PlanShape) -> None:
                kept.append(made.number)
                for name, data in cutover_tables.files(made, shape).items():
                    (place / name).write_bytes(data)

            yield write
    except StorageFailed as error:
        if not any(kept):
            raise
        name, told = f"{server}/{kept[0]}", error.text
        raise StorageFailed(
            f"移行計画 {name} は保存しましたが、表は書き出せませんでした。gaiji cutover show {server} --plan {kept[0]} "
            f"で見られます。空きと権限を直して、もう一度計画してください({told.ja})。",
            f"Cutover plan {name} was kept and its tables were not written; see it with gaiji cutover show {server} "
            f"--plan {kept[0]}, or mend the folder and plan again ({told.en}).",
            where=Where(str(folder)),
        ) from error


# --- rule and move


def rule(
    server: Server,
    codeset: Annotated[
        str, typer.Argument(metavar="CODESET", help="外字セット / 252069/juki | all")
    ],
    character: Annotated[
        str | None,
        typer.Argument(metavar="[CHARACTER]", help="共通文字 / shared character, MJ026190"),
    ] = None,
    code: Annotated[
        str | None, typer.Option(help="戻す外字コード / local code that comes back, F040")
    ] = None,
    one_way: Annotated[
        bool, typer.Option("--one-way", help="外字コードに戻さない / no local code comes back")
    ] = False,
    local: Annotated[
        bool, typer.Option("--local", help="ただ一つの外字コードに戻す / its only local code does")
    ] = False,
    kind: Annotated[
        str | None,
        typer.Option(help="この種類の未決すべて / all open ones of a kind: standard-and-local …"),
    ] = None,
    ground: Annotated[str, typer.Option(help="根拠 / ground")] = "",
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """戻りの規則を決める / decide which local code comes back from the server."""
    if (character is None) == (kind is None) or [code is not None, one_way, local].count(True) != 1:
        raise BadInput(
            "共通文字か --kind のどちらか一つと、--code・--one-way・--local のどれか一つを指定してください。",
            "Name a character or --kind, and one of --code, --one-way and --local.",
        )
    if codeset == ALL and (kind is None or code is not None):
        raise BadInput(
            "all は --kind と、--one-way か --local と一緒に使います。一文字なら外字セットを指定してください。",
            "all goes with --kind and with --one-way or --local; to decide one character, name its code set.",
        )
    if kind is not None:
        one_of("--kind", kind, get_args(AmbiguityKind))
    who = actor(settings_for(home), by)
    with writing(home) as session:
        plan = cutover.find_plan(session, server)
        named = plan.code_sets if codeset == ALL else (codeset,)
        sets = {one: members.find_code_set(session, one) for one in named}
        chosen = members.charset_of(session, sets[codeset]).parse_code(code) if code else None
        asked = [
            one
            for one in plan.ambiguities
            if one.code_set in sets
            and (one.character == character or (one.kind == kind and one.is_open))
        ]
        if local and any(len(one.codes) != 1 for one in asked):
            raise BadInput(
                "--local は外字コードが一つの文字にだけ使えます。--code で選んでください。",
                "--local is for characters with one local code; choose one with --code.",
            )
        answers = [
            cutover.Answer(one.code_set, one.character, one.codes[0] if local else chosen)
            for one in asked
        ]
        if not answers and character is not None:
            answers = [cutover.Answer(codeset, character, chosen)]
        made = cutover.add_rules(session, who, server, answers, ground)
        findings = rules_of_moved(session, server, made)
    say_rules(server, made, findings, format)


def move(
    server: Server,
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="構成市 / member, 252069")],
    day: Annotated[
        datetime, typer.Option("--day", formats=["%Y-%m-%d"], help="移行日 / day of the move")
    ],
    plan: Annotated[
        int | None, typer.Option(min=1, help="移行計画の番号(既定は最新)/ plan, newest by default")
    ] = None,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """市の移行を記録する / record the day a member moves; from now on what the server says of it is held."""
    who = actor(settings_for(home), by)
    with writing(home) as session:
        cutover.move(session, who, server, member, day.date(), plan)
        number, moved = cutover.moves(session, server)[member]
        held = cutover.find_plan(session, server, number)
    left = sum(one.code_set.startswith(f"{member}/") for one in held.open)
    if format == "json":
        say_json(
            {"server": server, "member": member, "plan": number, "day": f"{moved}", "open": left}
        )
        return
    done = Text("移行しました", "moved") if moved <= today() else Text("移行します", "moves")
    say(
        Text(
            f"{member} は {moved} に移行計画 {server}/{number} で{done.ja}。",
            f"Member {member} {done.en} on {moved} by cutover plan {server}/{number}.",
        )
    )
    if left:
        say(
            Text(
                f"この計画には {member} の未決の戻りが {left:,} 件あります。",
                f"That plan has {left:,} open ways back of {member}.",
            )
        )


# --- show


def show(
    server: Server,
    number: Annotated[
        int | None,
        typer.Option("--plan", min=1, help="移行計画の番号(既定は最新)/ plan, newest by default"),
    ] = None,
    rows: Annotated[bool, typer.Option("--rows", help="外字一字ごとに / code by code")] = False,
    ambiguities: Annotated[
        bool, typer.Option("--ambiguities", help="戻りのあいまいな文字 / ambiguous ways back")
    ] = False,
    codeset: Annotated[
        str | None, typer.Option(help="この外字セットだけ / one code set, 252069/juki")
    ] = None,
    kind: Annotated[str | None, typer.Option(help="区分 / mapped | residual | undecided")] = None,
    back: Annotated[str | None, typer.Option(help="戻り / exact | rule | one-way | ask")] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="今の送信と違うもの / sent otherwise than today")
    ] = False,
    format: Annotated[
        Format, typer.Option("--format", help="text | json | csv", callback=remember_format)
    ] = "text",
    out: Annotated[
        Path | None, typer.Option(help="書き出すファイル / file to write instead of printing")
    ] = None,
    home: Home = None,
) -> None:
    """移行計画を示す: 合計、外字ごと、戻りのあいまいな文字 / show a plan, its rows or its ambiguities."""
    if kind is not None:
        one_of("--kind", kind, get_args(RowKind))
    if back is not None:
        one_of("--back", back, get_args(Back))
    one_of("--format", format, ("text", "json", "csv"))
    if out is not None and format == "text":
        raise BadInput(
            "--out には --format csv か json を付けてください。",
            "--out goes with --format csv or json.",
        )
    if ambiguities and (rows or kind or back or changes):
        raise BadInput(
            "--ambiguities は --rows・--kind・--back・--changes と一緒に使えません。別々に実行してください。",
            "--ambiguities does not go with --rows, --kind, --back or --changes; run the command once for each.",
        )
    check_apart(STANDARD, out, read=registry_files(home))
    by_row = rows or bool(kind or back or changes or format == "csv" or codeset)
    with reading(home) as session:
        kept = cutover.find_plan(session, server, number)
        shape = _shape(session, kept)
    if codeset is not None and codeset not in kept.code_sets:
        raise BadInput(
            f"外字セット {codeset} は移行計画 {server}/{kept.number} に入っていません。",
            f"Code set {codeset} is not part of cutover plan {server}/{kept.number}.",
        )
    if ambiguities:
        doubts = [one for one in kept.ambiguities if codeset in (None, one.code_set)]
        say_ambiguities(kept, doubts, format, out)
    elif by_row:
        found = list(
            cutover_tables.chosen_rows(
                kept.rows, codeset=codeset, kind=kind, back=back, changes=changes
            )
        )
        say_rows(kept, found, format, out)
    elif format == "json":
        put(plain(shape), out)
    else:
        say_plan(shape)
