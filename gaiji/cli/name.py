"""gaiji name: one name from a city's code set to another's, every step and loss shown."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Annotated, Any

import typer

from gaiji.cli.shared import Home, OutputFormat, reading, say, say_json, say_table
from gaiji.errors import BadInput, Text
from gaiji.report.namecase import summary, trace_name
from gaiji.wire.names import NameRequest, NameShape, NameStepShape

LONGEST_BYTES = 1 << 14
POLICIES = ("error", "geta", "escape")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("name")(name)


def name(
    from_: Annotated[str, typer.Option("--from", help="外字セット / code set, e.g. 252069/juki")],
    to: Annotated[str, typer.Option(help="252085/juki | unicode | juki | x0213 | mj")],
    release: Annotated[
        str, typer.Option(help="adopted(適用中の版 / what each side runs) | latest | 1, 2 …")
    ] = "adopted",
    to_release: Annotated[
        str | None, typer.Option(help="変換先の版 / the target's release, where it differs")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="氏名を書いた日 / day the name was written"),
    ] = None,
    on_unmapped: Annotated[str, typer.Option(help="error | geta | escape")] = "error",
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """標準入力の氏名一つの変換の過程と損失 / each step and loss of one name on standard input."""
    for option, value in (("--release", release), ("--to-release", to_release)):
        if value not in (None, "adopted", "latest") and not str(value).isdecimal():
            raise BadInput(
                f"{option} に {value} は使えません。adopted・latest か版の番号にしてください。",
                f"{option} cannot be {value}; take adopted, latest or a number.",
            )
    if on_unmapped not in POLICIES:
        raise BadInput(
            f"--on-unmapped に {on_unmapped} は使えません。{'・'.join(POLICIES)} のどれかにしてください。",
            f"--on-unmapped cannot be {on_unmapped}; take one of {', '.join(POLICIES)}.",
        )
    asked: dict[str, Any] = {
        "from_": from_,
        "to": to,
        "name": _typed(),
        "release": release,
        "to_release": to_release,
        "as_of": as_of.date() if as_of else None,
        "on_unmapped": on_unmapped,
    }
    with reading(home) as session:
        found = trace_name(session, NameRequest.model_construct(**asked))
    if format == "json":
        say_json(found)
    else:
        _say(found)
    if not found.whole:
        raise typer.Exit(1)


def _typed() -> str:
    """Return the name on standard input; it is never an argument, which other users of the machine could see."""
    if sys.stdin.isatty():
        say(Text("氏名を入力してください:", "Type the name:"), aside=True)
        data = sys.stdin.buffer.readline(LONGEST_BYTES)
    else:
        data = sys.stdin.buffer.read(LONGEST_BYTES + 1)
    if len(data) > LONGEST_BYTES:
        raise BadInput(
            "標準入力が氏名としては長すぎます。一人分だけを渡してください。",
            "Standard input is too long for a name; give one name alone.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(
            "標準入力が UTF-8 ではありません。UTF-8 で渡すか、外字を &252069-juki-F040; のように書いてください。",
            "Standard input is not UTF-8; give UTF-8, or write gaiji like &252069-juki-F040;.",
        ) from None


def _say(found: NameShape) -> None:
    ends = (found.from_, found.to)
    one, two = (
        Text(
            f"{end.id}(第{end.release}版)" if end.release else end.id,
            f"{end.id} (release {end.release})" if end.release else end.id,
        )
        for end in ends
    )
    say(Text(f"{one.ja} → {two.ja}", f"{one.en} → {two.en}"))
    words = Text(
        "入力 コード 文字 関係 変換先 変換先の文字 区分 戻り",
        "typed code character relation target shows kind back",
    )
    say_table(str(words).split(), [_row(step) for step in found.steps])
    for step in found.steps:
        for finding in step.findings:
            say(f"  {finding.level} {finding.code}: {finding.text}")
    for finding in found.findings:
        say(f"  {finding.level} {finding.code}: {finding.text}")
    say(summary(found))


def _row(step: NameStepShape) -> list[str | None]:
    return [
        step.typed,
        step.code or "—",
        step.character,
        step.relationship,
        step.target or step.written or "—",
        step.target_character,
        step.kind,
        "✗" if step.lossy else step.back,
    ]
