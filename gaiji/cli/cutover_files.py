"""gaiji cutover check, export, compare: what a plan does to a city's files, and what the server holds in the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer

from gaiji.charset.cutover import Plan
from gaiji.charset.files import replacing_all, storage_error
from gaiji.charset.records.layoutfile import find_layout
from gaiji.cli.shared import (
    Home,
    OutputFormat,
    counted,
    listed,
    members_named,
    one_of,
    read_file,
    reading,
    say,
    say_json,
    server_name,
    settings_for,
)
from gaiji.errors import BadInput, Text, Where
from gaiji.glyph.draw import LARGEST_PX, SMALLEST_PX
from gaiji.registry import cutover, members
from gaiji.registry.releases import find_release
from gaiji.report import cutcheck, cutcompare, cutexport
from gaiji.wire.cutcheck import CheckedSetShape, CutCheckShape
from gaiji.wire.cutexport import ExportFormat
from gaiji.wire.findings import Finding

Server = Annotated[
    str, typer.Option(help="CSサーバー / shared CS server, e.g. cs1", callback=server_name)
]
Number = Annotated[
    int | None, typer.Option("--plan", min=1, help="移行計画の番号(既定は最新)/ plan, newest")
]


def attach(group: typer.Typer) -> None:
    """Add the commands to `gaiji cutover`."""
    group.command("check")(check)
    group.command("export")(export)
    group.command("compare")(compare)


# --- check


def check(
    context: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="報告の保存先 / where the reports go")
    ] = None,
    server: Server = "",
    members_: Annotated[
        str | None,
        typer.Option(
            "--members", help="構成市、どれも抽出データが要る / members; each needs an extract"
        ),
    ] = None,
    extract: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODESET=FILE", help="抽出データ、くり返し可 / extract; may be repeated"
        ),
    ] = None,
    layout: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[CODESET=]LAYOUT", help="レコードレイアウト / record layout: FILE.toml | NAME"
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODESET",
            help="抽出データなしで認める外字セット / needs no extract; repeatable",
        ),
    ] = None,
    plan: Number = None,
    max_loss: Annotated[
        int, typer.Option(min=0, help="市ごとに許容する損失 / losses allowed for each city")
    ] = 0,
    max_ambiguous: Annotated[
        int,
        typer.Option(min=0, help="規則のない出現の許容数 / undecided ways back allowed, by city"),
    ] = 0,
    verify: Annotated[
        Path | None,
        typer.Option(metavar="REPORT.json", help="署名した報告がまだ有効か / does a report hold?"),
    ] = None,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """市の抽出データで移行を試し、署名用の報告を作る / dry run over a city's extracts, with a report to sign."""
    if verify is not None:
        _check_alone(context)
        _verify(verify, server, home, format)
        return
    if not server or folder is None or not extract:
        raise BadInput(
            "--server、--extract CODESET=FILE、保存先の DIR を指定してください。",
            "Name --server, --extract CODESET=FILE and the folder DIR for the reports.",
        )
    _check_folder(folder)
    reports = _checked(
        *(server, plan, members_, extract, layout or [], without or []),
        (max_loss, max_ambiguous),
        home,
    )
    _write(folder, reports)
    if format == "json":
        say_json({"items": reports, "next": None, "release": reports[0].release})
    else:
        for report in reports:
            _say_report(report, folder)
    if not all(report.passed for report in reports):
        raise typer.Exit(1)


def _checked(
    server: str,
    number: int | None,
    asked: str | None,
    extracts: list[str],
    layouts: list[str],
    without: list[str],
    budgets: tuple[int, int],
    home: Path | None,
) -> list[CutCheckShape]:
    files = pairs(extracts, "--extract")
    forms = _layouts(layouts, files)
    settings = settings_for(home)
    with reading(home) as session:
        plan = cutover.find_plan(session, server, number)
        wanted = _members(asked, plan, files, "--extract")
        names = {code: members.find_member(session, code).name for code in wanted}
        left_out = _left_out(without, plan, wanted, files, "--extract")
        ready = []
        for code_set, file in files.items():
            size = os.path.getsize(file) if file.is_file() else None
            charset = members.charset_of(session, members.find_code_set(session, code_set))
            layout = find_layout(forms[code_set]) if code_set in forms else None
            prepared = cutcheck.prepare(session, settings, plan, code_set, size)
            ready.append((prepared, cutcheck.Extract(code_set, file, charset, layout)))
    done: dict[str, list[CheckedSetShape]] = {}
    for prepared, one in ready:
        with _progress(one.path) as progress:
            checked = cutcheck.check(plan, prepared, one, progress=progress)
        done.setdefault(one.code_set.partition("/")[0], []).append(checked)
    return [
        cutcheck.city_report(
            plan,
            code,
            names[code],
            done[code],
            max_loss=budgets[0],
            max_ambiguous=budgets[1],
            without=left_out[code],
        )
        for code in sorted(done)
    ]


def pairs(given: list[str], option: str) -> dict[str, Path]:
    """Return the files of code sets as an option names them, CODESET=FILE. Raises BadInput."""
    found: dict[str, Path] = {}
    for one in given:
        code_set, equals, file = one.partition("=")
        if not equals or not file or file == "-" or code_set in found:
            raise BadInput(
                f"{option} {one[:80]} は使えません。252069/juki=FILE のように、外字セットごとに一度書いてください。",
                f"{option} cannot be {one[:80]}; write it like 252069/juki=FILE, once for each code set.",
            )
        members.split_address(code_set)
        found[code_set] = Path(file)
    return found


def _layouts(given: list[str], files: dict[str, Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        code_set, equals, name = one.partition("=")
        if equals and code_set not in files:
            raise BadInput(
                f"--layout の {code_set[:60]} には --extract がありません。外字セットの指定を合わせてください。",
                f"--layout names {code_set[:60]}, for which there is no --extract; name the same code set.",
            )
        found |= {code_set: name} if equals else dict.fromkeys(files, one)
    return found


def _left_out(
    given: list[str], plan: Plan, wanted: list[str], files: dict[str, Path], option: str
) -> dict[str, list[str]]:
    """Return the code sets to be left out, by member; told before hours of work. Raises BadInput."""
    found: dict[str, list[str]] = {code: [] for code in wanted}
    for one in given:
        member, _ = members.split_address(one)
        if member not in found:
            raise BadInput(
                f"--without の {one} の市には {option} が一つもありません。--without を外してください。",
                f"--without names {one}, of a city without any {option}; leave it out.",
            )
        found[member].append(one)
    for code, sets in found.items():
        cutcheck.unchecked(plan, code, files, sets)
    return found


def _names(text: str | None, plan: Plan) -> list[str]:
    """Return the members that an option names, those of the plan for `all`."""
    return members_named("--members", text, plan.members)


def _members(asked: str | None, plan: Plan, files: dict[str, Path], option: str) -> list[str]:
    """Return the members of the files that an option names; those asked for must be all of them."""
    found = sorted({code_set.partition("/")[0] for code_set in files})
    wanted = _names(asked, plan)
    if wanted and sorted(set(wanted)) != found:
        without = "・".join(sorted(set(wanted) - set(found))) or "—"
        others = "・".join(sorted(set(found) - set(wanted))) or "—"
        raise BadInput(
            f"--members と {option} が合いません。ファイルのない市: {without}、--members にない市: {others}。",
            f"--members and {option} differ; members without a file: {without}, not in --members: {others}.",
        )
    return found


@contextmanager
def _progress(path: Path) -> Iterator[Callable[[int], None] | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(path.name, total=path.stat().st_size)
        yield lambda done: bar.update(task, completed=done)


def _write(folder: Path, reports: list[CutCheckShape]) -> None:
    """Write every city's report as JSON, CSV and HTML: all of them, or none."""
    made = {
        folder / f"check-{report.member}.{suffix}": write(report)
        for report in reports
        for suffix, write in (
            ("json", cutcheck.as_json),
            ("csv", cutcheck.as_csv),
            ("html", cutcheck.as_html),
        )
    }
    _save(made)


def _check_folder(folder: Path) -> None:
    """Raise BadInput where a file stands at a folder's name; what else is in the folder stays beside the new files."""
    if folder.exists() and not folder.is_dir():
        raise BadInput(
            "書き出すフォルダの場所にファイルがあります。別の名前にしてください。",
            "There is a file where the folder is to be; name another folder.",
            where=Where(str(folder)),
        )


def _save(made: dict[Path, bytes]) -> None:
    for folder in {path.parent for path in made}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(error, folder) from error
    with replacing_all(*made) as files:
        for file, data in zip(files, made.values(), strict=True):
            file.write(data)


def _say_report(report: CutCheckShape, folder: Path) -> None:
    verdict = Text("合格", "passed") if report.passed else Text("不合格", "not passed")
    say(
        Text(
            f"{report.name}({report.member}): {verdict.ja} — 損失 {report.losses:,}(許容 {report.max_loss:,})、"
            f"規則の未決定 {report.ambiguous:,}(許容 {report.max_ambiguous:,})",
            f"{report.name} ({report.member}): {verdict.en} — {counted(report.losses, 'loss', 'losses')} "
            f"(allowed {report.max_loss:,}), undecided ways back {report.ambiguous:,} "
            f"(allowed {report.max_ambiguous:,})",
        )
    )
    for told, code_sets in (
        (cutcheck.UNCHECKED, report.missing),
        (cutcheck.LEFT_OUT, report.without),
    ):
        for code_set in code_sets:
            say(f"  {code_set}: {told}")
    for one in report.codesets:
        say(
            Text(
                f"  {one.codeset}: {one.records:,} 件のうち影響のある {one.affected:,} 件",
                f"  {one.codeset}: {counted(one.records, 'record')}, concerned: {one.affected:,}",
            )
        )
        for name, shape in one.classes.items():
            if shape.occurrences:
                say(
                    Text(
                        f"    {cutcheck.NAMES[name].ja}: {shape.codes:,} 種、{shape.occurrences:,} 回、"
                        f"{shape.records:,} 件",
                        f"    {cutcheck.NAMES[name].en}: {counted(shape.codes, 'code')}, "
                        f"{counted(shape.occurrences, 'time')}, {counted(shape.records, 'record')}",
                    )
                )
    number = cutcheck.grouped(report.report_digest)
    say(
        Text(
            f"  確認番号 {number} — {folder / f'check-{report.member}.html'}",
            f"  number to sign: {number} — {folder / f'check-{report.member}.html'}",
        )
    )


def _check_alone(context: typer.Context) -> None:
    """Raise BadInput for what `--verify` would not look at: the report says what it was made of."""
    beside = ("verify", "server", "home", "format")
    sources = {one: context.get_parameter_source(one.name or "") for one in context.command.params}
    names = [
        "DIR" if one.name == "folder" else one.opts[0]
        for one, source in sources.items()
        if one.name not in beside and source is not None and source.name != "DEFAULT"
    ]
    if names:
        raise BadInput(
            f"--verify は {'・'.join(names)} と一緒に使えません。報告に書かれた内容だけを確かめます。",
            f"--verify does not go with {', '.join(names)}; what was checked stands in the report.",
        )


def _verify(path: Path, server: str, home: Path | None, format: str) -> None:
    _, data = read_file(path)
    report = cutcheck.read_report(data, str(path))
    if server not in ("", report.server):
        raise BadInput(
            f"この報告は CSサーバー {report.server} のもので、--server {server} と合いません。報告を確かめてください。",
            f"This report is of CS server {report.server} and not of --server {server}; check which report it is.",
            where=Where(str(path)),
        )
    with reading(home) as session:
        found = cutcheck.verify(session, report)
    if format == "json":
        say_json({"holds": not found, "findings": [one.shape() for one in found]})
    elif not found:
        say(
            Text(
                f"報告は有効です: {report.server}/{report.plan}、版 {report.release}、"
                f"確認番号 {cutcheck.grouped(report.report_digest)}",
                f"The report holds: {report.server}/{report.plan}, release {report.release}, "
                f"number {cutcheck.grouped(report.report_digest)}",
            )
        )
    else:
        say_findings(found)
    if found:
        raise typer.Exit(1)


def say_findings(found: list[Finding]) -> None:
    """Print findings, a line each."""
    for one in found:
        place = f" ({one.where})" if one.where and one.where.as_dict() else ""
        say(f"  {one.code}: {one.text}{place}")


# --- export


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="新しいフォルダ / a new folder")],
    server: Server,
    members_: Annotated[
        str | None,
        typer.Option("--members", help="表を書き出す構成市(既定は全部)/ whose tables; all if none"),
    ] = None,
    plan: Number = None,
    release: Annotated[
        str | None, typer.Option(help="計画の版か確かめる / held against the plan's release")
    ] = None,
    sizes: Annotated[
        str, typer.Option(help="字形の大きさ / sizes of pictures, dots or pixels")
    ] = "24,32,48,64",
    formats: Annotated[
        str | None,
        typer.Option(help="どの外字セットにも書く形式 / formats: gmap,csv,json,ucm,hulft,fujitsu"),
    ] = None,
    vendor_target: Annotated[
        str, typer.Option(help="unicode | server: ベンダーの表に割当コードも / points too")
    ] = "unicode",
    without_refused: Annotated[
        bool,
        typer.Option(
            "--without-refused", help="権利のない字形を除く / leave out what lacks rights"
        ),
    ] = False,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """移行計画の表・字形・フォントを書き出す / write tables, pictures and fonts of a plan."""
    wanted, named = _sizes(sizes), _formats(formats)
    told = one_of("--vendor-target", vendor_target, get_args(cutexport.VendorTarget))
    with reading(home) as session:
        found = cutover.find_plan(session, server, plan)
        shape = cutexport.export_plan(
            session,
            settings_for(home),
            found,
            folder,
            wanted,
            members=_names(members_, found),
            release=None if release is None else find_release(session, release).number,
            formats=named,
            vendors="server" if told == "server" else "unicode",
            refused="leave-out" if without_refused else "stop",
        )
    if format == "json":
        say_json(shape)
        return
    size = sum(one.bytes for one in shape.files)
    say(
        Text(
            f"移行計画 {shape.server}/{shape.plan}(版 {shape.release})を {folder} に書き出しました: "
            f"{len(shape.files):,} ファイル、{size:,} バイト、残存外字 {shape.residuals:,} 字",
            f"Cutover plan {shape.server}/{shape.plan} (release {shape.release}) is in {folder}: "
            f"{counted(len(shape.files), 'file')}, {counted(size, 'byte')}, "
            f"{counted(shape.residuals, 'residual character')}",
        )
    )
    for one in shape.findings:
        say(f"  {one.code}: {one.text}")
    kinds: dict[str, list[str]] = {}
    for left in shape.left_out:
        kinds.setdefault(left.format, []).append(left.codeset)
    for kind, sets in kinds.items():
        say(Text(f"  {kind} なし: {' '.join(sets)}", f"  no {kind}: {' '.join(sets)}"))


def _sizes(text: str) -> list[int]:
    try:
        found = sorted({int(one) for one in text.split(",") if one.strip()})
    except ValueError:
        found = []
    if not found or found[0] < SMALLEST_PX or found[-1] > LARGEST_PX:
        raise BadInput(
            f"--sizes に {text[:40]} は使えません。{SMALLEST_PX}～{LARGEST_PX} の数を 24,48 のように書いてください。",
            f"--sizes cannot be {text[:40]}; write numbers from {SMALLEST_PX} to {LARGEST_PX}, like 24,48.",
        )
    return found


def _formats(text: str | None) -> list[ExportFormat]:
    found: list[ExportFormat] = []
    for one in listed("--formats", text):
        known = next((name for name in cutexport.FORMATS if name == one), None)
        if known is None:
            raise BadInput(
                f"--formats に {one[:40]} は使えません。{'・'.join(cutexport.FORMATS)} から選んでください。",
                f"--formats cannot be {one[:40]}; choose from {', '.join(cutexport.FORMATS)}.",
            )
        found += [known] if known not in found else []
    return found


# --- compare


def compare(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="結果の保存先 / where the result goes")
    ] = None,
    server: Server = "",
    members_: Annotated[
        str | None,
        typer.Option("--members", help="構成市、どれも出力が要る / members; each needs a dump"),
    ] = None,
    dump: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODESET=FILE", help="サーバーの表、くり返し可 / the server's table; repeatable"
        ),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CODESET", help="出力なしで認める外字セット / needs no dump; repeatable"
        ),
    ] = None,
    plan: Number = None,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """移行後のサーバーの表を計画と照合する / hold the server's own tables against the plan."""
    if not server or not dump:
        raise BadInput(
            "--server と --dump CODESET=FILE を指定してください。",
            "Name --server and --dump CODESET=FILE.",
        )
    files = pairs(dump, "--dump")
    if folder is not None:
        _check_folder(folder)
    compared = {}
    with reading(home) as session:
        found = cutover.find_plan(session, server, plan)
        wanted = _members(members_, found, files, "--dump")
        left_out = _left_out(without or [], found, wanted, files, "--dump")
        for code_set, path in files.items():
            charset = members.charset_of(session, members.find_code_set(session, code_set))
            _, data = read_file(path)
            table = cutcompare.read_dump(found, data, str(path), charset)
            compared[code_set] = table, cutcompare.compare(found, code_set, table, file=str(path))
    named = sorted(one for some in left_out.values() for one in some)
    findings = [one for _, some in compared.values() for one in some]
    different = len(findings)
    findings += cutcompare.not_compared(found, files, named)
    shape = cutcompare.compare_shape(found, compared, named)
    if folder is not None:
        _save(
            {
                folder / "compare.json": (shape.model_dump_json(indent=2) + "\n").encode(),
                folder / "compare.csv": cutcompare.as_csv(findings),
            }
        )
    if format == "json":
        say_json(shape)
    else:
        say(
            Text(
                f"{server}/{found.number}: 一致 {shape.same:,}、差異 {different:,}",
                f"{server}/{found.number}: same {shape.same:,}, different {different:,}",
            )
        )
        say_findings(findings)
    if findings:
        raise typer.Exit(1)
