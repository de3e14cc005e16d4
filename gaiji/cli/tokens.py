"""gaiji token: API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from gaiji.cli.shared import (
    By,
    Home,
    OutputFormat,
    actor,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import Text
from gaiji.registry import principals


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="APIキー / API keys.")
    group.command("create")(create)
    group.command("list")(list_tokens)
    group.command("revoke")(revoke)
    app.add_typer(group, name="token")


def create(
    name: Annotated[str, typer.Argument(help="利用者の名前 / name of the principal")],
    role: Annotated[str, typer.Option(help=" | ".join(principals.ROLES))],
    member: Annotated[list[str] | None, typer.Option(help="構成市(繰返し可) / members")] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="有効日数 / days it lives")] = 365,
    home: Home = None,
    by: By = None,
) -> None:
    """APIキーを作る。表示は一度だけ / make an API key; it is shown this once."""
    expires = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    with writing(home) as session:
        who = actor(settings_for(home), by)
        key = principals.create_key(session, who, name, role, member, expires)
    say(key)


def list_tokens(home: Home = None, format: OutputFormat = "text") -> None:
    """APIキーの一覧(キーそのものは残らない) / list the keys; the keys themselves are kept nowhere."""
    with reading(home) as session:
        items: list[dict[str, Any]] = [
            {
                "id": key.id,
                "principal": principal.name,
                "role": principal.role,
                "members": principal.members,
                "created_at": key.created_at,
                "expires_at": key.expires_at,
                "revoked": key.revoked is not None,
            }
            for key, principal in principals.all_keys(session)
        ]
    if format == "json":
        say_json({"items": items, "next": None})
    else:
        headers = Text(
            "番号 利用者 役割 構成市 期限 失効", "id principal role members expires revoked"
        )
        said = {True: Text("失効", "revoked"), False: ""}
        rows = [
            [
                *(item["id"], item["principal"], item["role"], " ".join(item["members"])),
                *(item["expires_at"] or "", said[item["revoked"]]),
            ]
            for item in items
        ]
        say_table(str(headers).split(), rows)


def revoke(
    id: Annotated[str, typer.Argument(help="キーの番号 / id of the key")],
    home: Home = None,
    by: By = None,
) -> None:
    """APIキーを失効させる / end an API key at once."""
    with writing(home) as session:
        principals.revoke_key(session, actor(settings_for(home), by), id)
    say(Text(f"APIキー {id} を失効させました。", f"API key {id} is revoked."))
