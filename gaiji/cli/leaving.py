"""gaiji member export: everything that is one city's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gaiji.cli.shared import Home, OutputFormat, reading, say, say_json, settings_for
from gaiji.errors import Text
from gaiji.report.leaving import MANIFEST, export_member


def export(
    code: Annotated[str, typer.Argument(help="全国地方公共団体コード6桁 / municipality code")],
    folder: Annotated[
        Path,
        typer.Argument(metavar="DIR", help="新しいフォルダ / a folder that does not exist yet"),
    ],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """構成市のデータ一式を書き出す / write everything of one member in open formats: for leaving or merging."""
    with reading(home) as session:
        shape = export_member(session, settings_for(home), code, folder)
    if format == "json":
        say_json(shape)
        return
    size = sum(file.bytes for file in shape.files)
    say(
        Text(
            f"{shape.name}({code})の一式を {folder} に書き出しました: {len(shape.files):,} ファイル、"
            f"{size:,} バイト、sha256 は {MANIFEST} にあります。",
            f"Everything of {shape.name} ({code}) is in {folder}: {len(shape.files):,} files, {size:,} bytes; "
            f"their sha256 stand in {MANIFEST}.",
        )
    )
