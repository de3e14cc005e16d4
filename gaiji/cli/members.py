"""gaiji member, gaiji codeset: members, their code sets, and taking their files in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from gaiji.cli import leaving
from gaiji.cli.shared import (
    By,
    DryRun,
    Home,
    OutputFormat,
    actor,
    counted,
    one_of,
    plain,
    read_file,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadName, Text
from gaiji.registry import characters, intake, members
from gaiji.registry.releases import find_release
from gaiji.wire.fonts import SCOPES, Scope
from gaiji.wire.nouns import CodeSetShape, ImportShape

ShowRelease = Annotated[
    str | None,
    typer.Option("--release", help="版(省略時は作業中の状態) / release; default: as decided now"),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="構成市 / members.")
    group.command("add")(add_member)
    group.command("join")(join_member)
    group.command("list")(list_members)
    group.command("show")(show_member)
    group.command("export")(leaving.export)
    app.add_typer(group, name="member")
    sets = typer.Typer(no_args_is_help=True, help="外字セット / code sets.")
    sets.command("add")(add_code_set)
    sets.command("list")(list_code_sets)
    sets.command("show")(show_code_set)
    sets.command("import")(take_in)
    app.add_typer(sets, name="codeset")


def add_member(
    code: Annotated[str, typer.Argument(help="全国地方公共団体コード6桁 / municipality code")],
    name: Annotated[str, typer.Option(help="名前 / name")],
    candidate: Annotated[
        bool, typer.Option("--candidate", help="加入予定 / not joined yet")
    ] = False,
    home: Home = None,
    by: By = None,
) -> None:
    """構成市を登録する / register a member."""
    with writing(home) as session:
        who = actor(settings_for(home), by)
        members.add_member(session, who, code, name, candidate=candidate)
    say(Text(f"構成市 {code} {name} を登録しました。", f"Member {code} {name} is registered."))


def join_member(
    code: Annotated[str, typer.Argument(help="全国地方公共団体コード6桁 / municipality code")],
    home: Home = None,
    by: By = None,
) -> None:
    """加入予定の市を構成市にする / let a candidate join: its decisions go into the next release."""
    with writing(home) as session:
        who = actor(settings_for(home), by)
        joins = members.find_member(session, code).candidate
        name = members.change_member(session, who, code, candidate=False).name
    if joins:
        say(Text(f"{name}({code})が加入しました。", f"{name} ({code}) has joined."))
    else:
        say(Text(f"{name}({code})は加入済みです。", f"{name} ({code}) is a member already."))


def list_members(home: Home = None, format: OutputFormat = "text") -> None:
    """構成市の一覧 / list the members."""
    with reading(home) as session:
        shapes = [members.member_shape(session, one) for one in members.all_members(session)]
    if format == "json":
        say_json({"items": shapes, "next": None, "release": None})
        return
    headers = str(Text("コード 名前 状態 外字セット", "code name state codesets")).split()
    joined = {True: Text("加入予定", "candidate"), False: Text("加入", "member")}
    rows = [
        [shape.code, shape.name, joined[shape.candidate], " ".join(shape.codesets)]
        for shape in shapes
    ]
    say_table(headers, rows)


def show_member(
    code: Annotated[str, typer.Argument(help="全国地方公共団体コード6桁 / municipality code")],
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """構成市とその外字セット / show a member and its code sets."""
    with reading(home) as session:
        member = members.find_member(session, code)
        shape = members.member_shape(session, member)
        sets = [members.code_set_shape(session, one) for one in members.code_sets(session, code)]
    if format == "json":
        say_json(plain(shape) | {"sets": sets})
        return
    say(f"{shape.code} {shape.name}")
    _say_code_sets(sets)


def _say_code_sets(sets: list[CodeSetShape]) -> None:
    headers = str(
        Text(
            "外字セット 業務システム 区分 文字コード体系 外字数",
            "codeset system group charset codes",
        )
    ).split()
    rows = [
        [
            one.id,
            one.system,
            one.group,
            one.charset + (f" ({one.table})" if one.table else ""),
            one.codes,
        ]
        for one in sets
    ]
    say_table(headers, rows, right=(4,))


def add_code_set(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    charset: Annotated[str, typer.Option(help="cp932, jef, keis83, utf-16le …")],
    system: Annotated[str, typer.Option(help="業務システム / business system")],
    group: Annotated[str, typer.Option(help="住民記録系 | 税系 | 社会保障系 | その他")] = "その他",
    jis: Annotated[int | None, typer.Option(help="78 | 83 | 90 | 2004")] = None,
    punctuation: Annotated[str | None, typer.Option(help="microsoft | jis")] = None,
    ebcdic: Annotated[str | None, typer.Option(help="kana | latin")] = None,
    areas: Annotated[
        Path | None, typer.Option(help="外字領域の定義(JSON) / user-defined areas and images")
    ] = None,
    charset_table: Annotated[
        str | None,
        typer.Option(
            "--charset-table",
            help="gaiji charset import で受け入れた文字コード表 / imported table of the charset",
        ),
    ] = None,
    home: Home = None,
    by: By = None,
) -> None:
    """外字セットを登録する / register a code set."""
    options = {"jis": jis, "punctuation": punctuation, "ebcdic": ebcdic}
    with writing(home) as session:
        members.add_code_set(
            session,
            actor(settings_for(home), by),
            address,
            charset_name=charset,
            system=system,
            group=group,
            options=options,
            areas=_areas(areas),
            table=charset_table,
        )
    say(Text(f"外字セット {address} を登録しました。", f"Code set {address} is registered."))


def _areas(path: Path | None) -> list[dict[str, Any]] | None:
    if path is None:
        return None
    name, data = read_file(path)
    try:
        found = json.loads(data)
        if isinstance(found, list) and all(isinstance(area, dict) for area in found):
            return found
    except ValueError:
        pass
    raise BadName(
        f"{name} は外字領域の定義ではありません。first・last・trails・image を持つ組のJSON配列にしてください。",
        f"{name} is no list of areas; write a JSON array of objects with first, last, trails, image.",
    )


def list_code_sets(
    member: Annotated[str | None, typer.Argument(help="構成市 / member")] = None,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """外字セットの一覧 / list the code sets."""
    with reading(home) as session:
        sets = [members.code_set_shape(session, one) for one in members.code_sets(session, member)]
    if format == "json":
        say_json({"items": sets, "next": None, "release": None})
    else:
        _say_code_sets(sets)


def show_code_set(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    release: ShowRelease = None,
    after: Annotated[str, typer.Option(help="このコードの次から / codes after this one")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="件数 / how many")] = 40,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """外字セットの外字コードと共通文字 / show the local codes of a code set and what they mean."""
    with reading(home) as session:
        code_set = members.find_code_set(session, address)
        number = find_release(session, release).number if release else None
        if after:
            members.charset_of(session, code_set).parse_code(after)
        page = characters.list_local_codes(session, code_set, number, after=after, limit=limit)
    if format == "json":
        say_json(page)
        return
    headers = str(
        Text(
            "コード 共通文字 関係 根拠 決定者 版 回数 提案",
            "code character relation how actor since uses proposals",
        )
    ).split()
    rows = [
        [
            code.code,
            code.character,
            code.relationship,
            code.evidence.how if code.evidence else None,
            code.evidence.actor if code.evidence else None,
            code.since,
            code.uses,
            " ".join(dict.fromkeys(f"{one.character}({one.how})" for one in code.proposals)),
        ]
        for code in page.items
    ]
    say_table(headers, rows, right=(6,))
    if page.next:
        say(Text(f"続きは --after {page.next}", f"more with --after {page.next}"))


def take_in(
    address: Annotated[str, typer.Argument(help="252069/juki")],
    font: Annotated[
        Path | None, typer.Option(help="EUDC.TTE | BDF | FONTX2 | ドットパターン / dot patterns")
    ] = None,
    table: Annotated[Path | None, typer.Option(help="市の外字一覧(CSV) / the city's list")] = None,
    cs_table: Annotated[
        Path | None, typer.Option("--cs-table", help="CSサーバーの対応表(CSV) / CS-server table")
    ] = None,
    vendor_table: Annotated[
        Path | None, typer.Option("--vendor-table", help="HULFT | Fujitsu user table")
    ] = None,
    dots: Annotated[
        int | None, typer.Option(help="ドットパターンの大きさ 24|32|48|64 / dots")
    ] = None,
    supplier: Annotated[str, typer.Option(help="字形の提供者 / who made the glyphs")] = "",
    rights: Annotated[str, typer.Option(help="字形の利用条件 / rights in the glyphs")] = "unknown",
    scope: Annotated[
        str, typer.Option(help="利用範囲 / how far they reach: unknown | member | council | public")
    ] = "unknown",
    licence: Annotated[str | None, typer.Option(help="ライセンス名 / licence identifier")] = None,
    dry_run: DryRun = False,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """市の外字を受け入れる / take in a city's font and tables; nothing is decided here."""
    settings = settings_for(home)
    named = {"font": font, "table": table, "cs_table": cs_table, "vendor_table": vendor_table}
    read = {role: read_file(path) for role, path in named.items() if path}
    reach = cast(Scope, one_of("--scope", scope, SCOPES))
    files = intake.Files(
        **read, dots=dots, supplier=supplier, rights=rights, scope=reach, licence=licence
    )
    with (reading if dry_run else writing)(home) as session:
        done = intake.take_in(
            session, actor(settings, by), address, files, settings, dry_run=dry_run
        )
    shape = ImportShape(
        codeset=address,
        dry_run=dry_run,
        serial=done.serial,
        counts=done.counts,
        findings=[finding.shape() for finding in done.findings],
        rows=done.rows if dry_run else None,
    )
    if format == "json":
        say_json(shape)
    else:
        _say_import(shape)


def _say_import(shape: ImportShape) -> None:
    counts = shape.counts
    told = "  ".join(f"{how} {count}" for how, count in counts["proposals"].items())
    say(
        Text(
            f"{shape.codeset}: 外字 {counts['codes']}(新規 {counts['new_codes']})、字形 {counts['glyphs']}、"
            f"資料なし {counts['without_source']}、所見 {counts['findings']}",
            f"{shape.codeset}: {counted(counts['codes'], 'code')} ({counts['new_codes']} new), "
            f"{counted(counts['glyphs'], 'glyph')}, {counts['without_source']} without source, "
            f"{counted(counts['findings'], 'finding')}",
        )
    )
    say(Text(f"  提案: {told}", f"  proposals: {told}"))
    kinds: dict[str, list[str]] = {}
    for finding in shape.findings:
        kinds.setdefault(finding.code, []).append(finding.text)
    for code, texts in kinds.items():
        say(f"  {code} × {len(texts)}: {texts[0]}")
    if shape.dry_run:
        say(Text("  試行のため何も書いていません。", "  Dry run: nothing was written."))
