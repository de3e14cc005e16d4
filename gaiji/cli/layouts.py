"""gaiji layout: record layouts for `gaiji convert --layout`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gaiji.charset.files import check_apart, replacing
from gaiji.charset.records.definition import described, import_definition
from gaiji.charset.records.layoutfile import find_layout, shipped
from gaiji.cli.places import registry_files
from gaiji.cli.shared import OutputFormat, counted, read_file, say, say_json, say_table
from gaiji.errors import BadInput, Text


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="レコードレイアウト / record layouts.")
    group.command("list")(list_layouts)
    group.command("check")(check)
    group.command("import")(import_layout)
    app.add_typer(group, name="layout")


def list_layouts(format: OutputFormat = "text") -> None:
    """同梱レイアウトの一覧 / the layouts that come with the program."""
    found = [find_layout(name) for name in shipped()]
    items = [
        {
            "name": one.name,
            "kind": one.kind,
            "record_bytes": one.length or None,
            "fields": len(one.fields),
            "note": one.note,
        }
        for one in found
    ]
    if format == "json":
        say_json({"items": items, "next": None})
        return
    headers = str(Text("名前 種類 長さ 項目数 備考", "name kind bytes fields note")).split()
    say_table(headers, [list(item.values()) for item in items])


def check(
    layout: Annotated[
        str,
        typer.Argument(metavar="FILE", help="ファイルか同梱の名前 / a file or a shipped name"),
    ],
    format: OutputFormat = "text",
) -> None:
    """レイアウトを検査し、項目の並びを示す / check a layout and show its fields."""
    made = find_layout(layout)
    rows = described(made)
    if format == "json":
        keys = ("name", "kind", "mode", "column" if made.is_table else "offset", "length")
        fields = [dict(zip(keys, row, strict=True)) for row in rows]
        say_json(
            {
                "name": made.name,
                "kind": made.kind,
                "record_bytes": made.length or None,
                "sha256": made.digest,
                "fields": fields,
            }
        )
        return
    size = (
        Text(f"、{made.length} バイト", f", {counted(made.length, 'byte')}") if made.length else ""
    )
    say(
        Text(
            f"{made.name}: {made.kind}{size}、{len(rows)} 項目。誤りはありません。",
            f"{made.name}: {made.kind}{size}, {counted(len(rows), 'field')}; nothing is wrong with it.",
        )
    )
    if rows:
        place = Text("列", "column") if made.is_table else Text("位置", "offset")
        names = Text(f"項目 扱い 種別 {place} 長さ", f"field kind mode {place} length")
        say_table(str(names).split(), rows, right=(3, 4))


def import_layout(
    definition: Annotated[
        Path, typer.Argument(metavar="DEFINITION", help="項目定義の CSV / CSV of the items")
    ],
    out: Annotated[str, typer.Argument(metavar="OUT", help="保存先 / where to write, - stdout")],
    kind: Annotated[str, typer.Option(help="csv | tsv | fixed")] = "csv",
    note: Annotated[str, typer.Option(help="備考(出典など) / a note, such as the source")] = "",
    widths: Annotated[
        bool, typer.Option("--widths", help="桁数を超える値を誤りにする / longer values are errors")
    ] = False,
) -> None:
    """項目定義(中間標準レイアウトなど)からレイアウトを作る / make a layout from a table of items."""
    if kind not in ("csv", "tsv", "fixed"):
        raise BadInput(
            f"--kind に {kind} は使えません。csv・tsv・fixed から選んでください。",
            f"--kind cannot be {kind}; choose one of csv, tsv, fixed.",
        )
    check_apart(definition, out, read=registry_files(None))
    file, data = read_file(definition)
    text = import_definition(
        data, kind=kind, name=definition.stem, note=note, widths=widths, file=str(definition)
    )
    with replacing(out) as kept:
        kept.write(text.encode())
    if out != "-":
        count = text.count("[[field]]")
        say(
            Text(
                f"{file} の {count} 項目を {out} に書きました。",
                f"{counted(count, 'item')} of {file} {'is' if count == 1 else 'are'} in {out}.",
            )
        )
