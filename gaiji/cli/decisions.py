"""gaiji decide, gaiji policy: proposals become decisions by a named actor."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from gaiji.cli.shared import (
    By,
    Home,
    OutputFormat,
    actor,
    counted,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadInput, Text
from gaiji.registry import decisions


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("decide")(decide)
    group = typer.Typer(no_args_is_help=True, help="決定方針 / policies that decide many codes.")
    group.command("list")(list_policies)
    group.command("enable")(enable)
    group.command("disable")(disable)
    app.add_typer(group, name="policy")


def decide(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    policy: Annotated[str | None, typer.Option(help="決定方針の名前 / name of a policy")] = None,
    code: Annotated[str | None, typer.Option(help="外字コード / local code, F040")] = None,
    character: Annotated[
        str | None, typer.Option(help="共通文字、new なら協議会独自 / MJ026190, or new")
    ] = None,
    relationship: Annotated[
        str, typer.Option(help="equivalent | design-difference | substitute | not-related")
    ] = "equivalent",
    ground: Annotated[str | None, typer.Option(help="根拠 / ground")] = None,
    valid_from: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="再使用された枠の開始日 / first day of the meaning"
        ),
    ] = None,
    home: Home = None,
    by: By = None,
) -> None:
    """提案を決定にする / decide what local codes are: one code by a person, or many by a policy."""
    if (policy is None) == (code is None) or (code is None) != (character is None):
        raise BadInput(
            "--policy か、--code と --character の組のどちらかを指定してください。",
            "Give either --policy, or --code together with --character.",
        )
    with writing(home) as session:
        who = actor(settings_for(home), by)
        if policy is not None:
            done = decisions.decide_by_policy(session, who, address, policy)
            left = ", ".join(f"{reason} {count}" for reason, count in done.left.items())
            told = Text(
                f"{address}: 方針 {policy} で {done.count} 字を決定しました(残り: {left or 'なし'})。",
                f"{address}: policy {policy} decided {counted(done.count, 'code')} (left: {left or 'none'}).",
            )
        else:
            id = decisions.decide(
                session,
                who,
                address,
                code or "",
                character or "",
                relationship,
                ground=ground,
                valid_from=valid_from.date() if valid_from else None,
            )
            told = Text(
                f"{address}/{(code or '').upper()} を {id}({relationship})と {who.name} が決定しました。",
                f"{who.name} decided {address}/{(code or '').upper()} as {id} ({relationship}).",
            )
    say(told)


def list_policies(home: Home = None, format: OutputFormat = "text") -> None:
    """決定方針の一覧 / list the policies."""
    with reading(home) as session:
        on = decisions.enabled_policies(session)
    rules = decisions.POLICIES.values()
    if format == "json":
        items = [
            {
                "name": rule.name,
                "enabled": rule.name in on,
                "relationship": rule.relationship,
                "text": str(rule.text),
            }
            for rule in rules
        ]
        say_json({"items": items, "next": None})
        return
    marks = {True: Text("有効", "on"), False: Text("無効", "off")}
    rows = [[rule.name, marks[rule.name in on], rule.relationship, rule.text] for rule in rules]
    say_table(str(Text("名前 状態 関係 内容", "name state relation rule")).split(), rows)


def enable(
    name: Annotated[str, typer.Argument(help="決定方針 / policy")], home: Home = None, by: By = None
) -> None:
    """決定方針を有効にする / let a policy decide."""
    with writing(home) as session:
        decisions.switch_policy(session, actor(settings_for(home), by), name, True)
    say(Text(f"決定方針 {name} を有効にしました。", f"Policy {name} may decide now."))


def disable(
    name: Annotated[str, typer.Argument(help="決定方針 / policy")], home: Home = None, by: By = None
) -> None:
    """決定方針を無効にする / forbid a policy to decide."""
    with writing(home) as session:
        decisions.switch_policy(session, actor(settings_for(home), by), name, False)
    say(Text(f"決定方針 {name} を無効にしました。", f"Policy {name} may not decide any more."))
