"""gaiji release export and verify: a release as files, and whether they are whole."""

from __future__ import annotations

import os
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, cast, get_args

import typer

from gaiji.charset.conversion import TARGETS
from gaiji.charset.exporting import described
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.verifying import verify_list
from gaiji.cli.places import registry_files
from gaiji.cli.shared import (
    Home,
    OutputFormat,
    counted,
    one_of,
    reading,
    remember_format,
    say,
    say_json,
    say_table,
    settings_for,
)
from gaiji.errors import BadInput, Refused, Text, Where
from gaiji.registry import db, mapfiles, releases
from gaiji.wire.mapfiles import Format, ReleaseFilesShape


def _file_format(context: typer.Context, value: str) -> str:
    """Check `--format` of files; `json` is a format of files here and shows errors as problem documents too."""
    if value not in get_args(Format):
        raise BadInput(
            f"--format に {value} は使えません。{'・'.join(get_args(Format))} のどれかにしてください。",
            f"--format cannot be {value}; take one of {', '.join(get_args(Format))}.",
        )
    remember_format(context, "json" if value == "json" else "text")
    return value


def export(
    number: Annotated[str, typer.Argument(metavar="N", help="1, 2 … | latest")],
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="書き出すフォルダ / folder to write into")
    ],
    codeset: Annotated[
        list[str] | None,
        typer.Option(help="外字セット(省略時はすべて、複数可) / default: all; may be repeated"),
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(help=" | ".join(TARGETS) + " | 252085/zei (default: unicode)"),
    ] = None,
    format: Annotated[
        str,
        typer.Option(
            "--format", help="gmap | ucm | csv | json | hulft | fujitsu", callback=_file_format
        ),
    ] = "gmap",
    ivs: Annotated[str, typer.Option(help="auto | always")] = "auto",
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="基準日 / day whose meanings hold"),
    ] = None,
    mj_format: Annotated[str, typer.Option("--mj-format", help="名前の区切り / separator")] = " ",
    keep: Annotated[
        str, typer.Option(help="pua でそのまま残す範囲 / what pua leaves: 0208 | 0213")
    ] = "0208",
    home: Home = None,
) -> None:
    """版の対応表ファイルと MANIFEST.json を書き出す / write a release's mapping files and their list."""
    one_of("--ivs", ivs, ("auto", "always"))
    one_of("--keep", keep, ("0208", "0213"))
    _check_folder(folder, home)
    day = as_of.date() if as_of else None
    options = Options(ivs=cast(Any, ivs), mj_format=mj_format, as_of=day, keep=cast(Any, keep))
    with reading(home) as session:
        release = releases.find_release(session, number)
        specs = mapfiles.chosen_specs(
            release, codeset or (), to or ("unicode",), cast(Format, format), options
        )
        if not specs:
            raise BadInput(
                f"版 {release.number} に {format} で書き出せる外字セットがありません。--codeset と --format を"
                "確かめてください。",
                f"Release {release.number} has no code set that can be written as {format}; check --codeset and "
                "--format.",
            )
        listed = mapfiles.export(session, settings_for(home), release, folder, specs)
    say(
        Text(
            f"版 {listed.release}: {len(listed.items)} 個のファイルを {folder} に書き出しました。",
            f"Release {listed.release}: {counted(len(listed.items), 'file')} written to {folder}.",
        )
    )
    _say_files(listed)


def _check_folder(folder: Path, home: Path | None) -> None:
    """Raise BadInput where a file stands at the folder's name, or on the way to it, or the database has its own."""
    kept = {os.path.realpath(file) for file in registry_files(home)}
    if os.path.realpath(folder) in {os.path.dirname(file) for file in kept}:
        raise BadInput(
            "台帳のフォルダには書き出せません。別のフォルダを指定してください。",
            "This is the registry's own folder; name another one to write to.",
            where=Where(str(folder)),
        )
    for one in (folder, *folder.parents):
        if os.path.realpath(one) in kept:
            raise BadInput(
                "書き出すフォルダの名前は台帳のデータベースが使います。別の名前にしてください。",
                "The registry's database uses the name of this folder; name another folder.",
                where=Where(str(one)),
            )
        if one.is_dir():
            return
        if one.exists() or one.is_symlink():
            raise BadInput(
                "書き出すフォルダの場所にファイルがあります。別の名前にするか、そのファイルを除いてください。",
                "There is a file where the folder is to be; name another folder, or move that file away.",
                where=Where(str(one)),
            )


def _say_files(listed: ReleaseFilesShape) -> None:
    headers = str(Text("ファイル バイト sha256", "file bytes sha256")).split()
    rows = [[item.name, f"{item.bytes:,}", (item.sha256 or "")[:16]] for item in listed.items]
    say_table(headers, rows, right=(1,))


def verify(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="*.gmap | MANIFEST.json"),
    ],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """対応表ファイルか MANIFEST.json の全ファイルを検証する / check a mapping file, or all files a list names."""
    if file.suffix == ".json":
        listed = verify_list(file)
        compared = _compare(home, file, listed.release, {i.codeset: i.digest for i in listed.items})
        if format == "json":
            say_json({**listed.model_dump(mode="json"), "compared": compared})
            return
        count = len(listed.items)
        say(
            Text(
                f"{file}: 版 {listed.release} の {count} 個のファイルはすべて一覧のとおりです。",
                f"{file}: {counted(count, 'file')} of release {listed.release} checked; "
                "everything is as the list says.",
            )
        )
    else:
        opened = open_mapping(file)
        told = described(opened) | {"sha256": sha256(opened.data).hexdigest()}
        digests = {told["from"]: told["digest"], told["to"]: told["target_digest"]}
        ours = {name: digest for name, digest in digests.items() if "/" in name}
        compared = _compare(home, file, told["release"], ours)
        if format == "json":
            say_json({**told, "compared": compared})
            return
        _say_mapping(file, told)
    _say_compared(compared)


def _say_mapping(file: Path, told: dict[str, Any]) -> None:
    day = told["options"]["as_of"]
    say(
        Text(
            f"{file}: {told['from']} ⇄ {told['to']}、版 {told['release']}"
            + (f"、{day} 現在" if day else ""),
            f"{file}: {told['from']} ⇄ {told['to']}, release {told['release']}"
            + (f", as of {day}" if day else ""),
        )
    )
    say(f"  digest {told['digest']}")
    say(f"  file_digest {told['file_digest']}")
    say(f"  sha256 {told['sha256']}")
    rows = told["rows"]
    say(
        Text(
            f"  行 {rows['to']:,} / 逆方向 {rows['back']:,}、{told['bytes']:,} バイト",
            f"  rows {rows['to']:,} / back {rows['back']:,}, {counted(told['bytes'], 'byte')}",
        )
    )


def _compare(home: Path | None, file: Path, number: int, digests: dict[str, str]) -> bool:
    """Compare digests with the release of the registry at hand; False where there is none.

    Raises Refused where the release says something else, UnknownRelease where the registry has not got it.
    """
    settings = settings_for(home)
    kept = db.database_file(settings)
    if home is None and settings.database is None and (kept is None or not kept.exists()):
        return False
    with reading(home) as session:
        release = releases.find_release(session, number)
        known = {name: part["digest"] for name, part in release.manifest["code_sets"].items()}
    other = sorted(name for name, digest in digests.items() if known.get(name) != digest)
    if other:
        raise Refused(
            f"この台帳の版 {number} とは {'、'.join(other)} の内容が違います。正しい台帳から書き出し直してください。",
            f"Release {number} of this registry says something else of {', '.join(other)}; export it from the "
            "right registry.",
            where=Where(str(file)),
        )
    return True


def _say_compared(compared: bool) -> None:
    say(
        Text("  台帳の版と一致します。", "  The same as the registry's release.")
        if compared
        else Text("  台帳がないので版とは比べていません。", "  No registry here to compare with.")
    )
