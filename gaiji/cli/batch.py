"""gaiji convert and gaiji restore: what they take, as data, and what they do.

Nightly jobs start them by the thousand, so a well-formed command line is read here, without the libraries that every
other command is built with; anything else goes to those, which know how to complain and to help.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from gaiji.charset.account import Account
from gaiji.charset.convert import Prepare, Prepared, convert_file, restore_file
from gaiji.charset.files import check_apart, replacing
from gaiji.charset.mapfile import Prepared as FilePrepared
from gaiji.charset.mapfile import open_mapping, prepare_from
from gaiji.charset.resolve import Options
from gaiji.cli.places import registry_files
from gaiji.cli.saying import Interrupted, State, counted, say, say_json
from gaiji.errors import (
    BadInput,
    BadReceipt,
    LossBeyondBudget,
    StorageFailed,
    Text,
    Where,
)

if TYPE_CHECKING:
    from pathlib import Path

    from gaiji.charset.records.layout import Layout
    from gaiji.wire.findings import Finding


Kind = Literal["text", "path", "number", "flag", "day"]


class Parameter(NamedTuple):
    """One argument or option of a command. name: of the function's parameter; option: None for an argument.

    kind: how its text is read; a flag has none. default: `...` where it must be given. choices: the only values.
    """

    name: str
    option: str | None
    kind: Kind
    default: Any
    help: str
    choices: tuple[str, ...] = ()
    least: int | None = None

    def read(self, text: str) -> Any:
        """Return the value of its text. Raises ValueError."""
        if self.kind == "day":
            from datetime import date

            return date.fromisoformat(text)
        if self.kind == "path" and not text:
            raise ValueError(text)
        value: Any = int(text) if self.kind == "number" else text
        if (self.choices and value not in self.choices) or (
            self.least is not None and value < self.least
        ):
            raise ValueError(text)
        return value


_MAPPING = "対応表ファイル(台帳は不要)/ mapping file; no registry is needed"
_LAYOUT = "レコードのレイアウト(TOML、または添付の名前)/ layout of the records: a TOML file or a shipped name"
CONVERT = (
    Parameter("source", None, "text", ..., "入力、- は標準入力 / input, - stdin"),
    Parameter("target", None, "text", ..., "出力、- は標準出力 / output, - stdout"),
    Parameter("from_", "--from", "text", ..., "252069/juki | unicode | juki …"),
    Parameter(
        "to", "--to", "text", ..., "unicode | unicode-svs | pua | juki | x0213 | mj | 252085/zei"
    ),
    Parameter(
        "release",
        "--release",
        "text",
        None,
        "1, 2 … | latest | adopted(両市が適用中の版。市から市への既定)/ default from city to city: adopted",
    ),
    Parameter(
        "cutover",
        "--cutover",
        "text",
        None,
        "共用CSサーバーの移行計画 cs1 | cs1/2(juki との変換)/ plan of a shared CS server, with juki",
    ),
    Parameter("mapping", "--mapping", "path", None, _MAPPING),
    Parameter("layout", "--layout", "text", None, _LAYOUT),
    Parameter(
        "spill", "--spill", "text", None, "あふれた値の保存先 / side file for values that spill"
    ),
    Parameter("as_of", "--as-of", "day", None, "ファイルを書いた日 / day the file was written"),
    Parameter(
        "on_unmapped",
        "--on-unmapped",
        "text",
        "error",
        "error | geta | keep | escape",
        ("error", "geta", "keep", "escape"),
    ),
    Parameter("malformed", "--malformed", "text", "error", "error | escape", ("error", "escape")),
    Parameter("max_loss", "--max-loss", "number", 0, "許容する損失 / losses allowed", least=0),
    Parameter("ivs", "--ivs", "text", "auto", "auto | always", ("auto", "always")),
    Parameter("mj_format", "--mj-format", "text", " ", "名前の区切り / separator"),
    Parameter(
        "keep",
        "--keep",
        "text",
        "0208",
        "pua でそのまま残す範囲 0208 | 0213 / what pua leaves as it is",
        ("0208", "0213"),
    ),
    Parameter("workers", "--workers", "number", 1, "並列に変換するプロセス数 / processes", least=1),
    Parameter(
        "receipt", "--receipt", "text", None, "縮退の控え(restore に要る) / what restore needs"
    ),
    Parameter("report", "--report", "text", None, "報告(JSON)の保存先 / report as JSON"),
    Parameter(
        "digests", "--digests", "flag", False, "入出力の sha256 を報告に入れる / sha256 of both"
    ),
    Parameter("dry_run", "--dry-run", "flag", False, "書かずに数える / count, write nothing"),
    Parameter(
        "home", "--home", "path", None, "台帳のフォルダ / folder of the registry (GAIJI_HOME)."
    ),
    Parameter("format", "--format", "text", "text", "text | json", ("text", "json")),
)
RESTORE = (
    Parameter("converted", None, "text", ..., "変換したファイル / converted file"),
    Parameter("back", None, "text", ..., "復元先 / where to restore to"),
    Parameter("receipt", "--receipt", "path", ..., "変換時の控え / receipt of the conversion"),
    Parameter("mapping", "--mapping", "path", None, _MAPPING),
    Parameter("layout", "--layout", "text", None, _LAYOUT),
    Parameter(
        "home", "--home", "path", None, "台帳のフォルダ / folder of the registry (GAIJI_HOME)."
    ),
)


def convert(
    *,
    source: str,
    target: str,
    from_: str,
    to: str,
    release: str | None,
    cutover: str | None,
    mapping: Path | str | None,
    layout: str | None,
    spill: str | None,
    workers: int,
    receipt: str | None,
    report: str | None,
    home: Path | str | None,
    format: str,
    **options: Any,
) -> None:
    """ファイルを変換する。失うものは必ず数えて場所を示す / convert a file; every loss is counted and placed."""
    wanted = Options(**options)
    outputs = [None if wanted.dry_run else target, receipt, report, spill]
    check_apart(source, *outputs, read=_also_read(mapping, layout, home))
    records = _layout(layout)
    told: list[dict[str, Any]] = []
    if mapping is None:
        prepared, findings = _by_release(from_, to, release, wanted, cutover, source, home)
        told = [one.stored() for one in findings]
        for one in findings:
            say(Text(f"注意: {one.text.ja}", f"Note: {one.text.en}"), aside=True)
    else:
        prepared = open_mapping(mapping).prepare(from_, to, wanted)
        _check_file_plan(prepared.facts.cutover, cutover, mapping)
    if spill is not None and records is None:
        raise BadInput(
            "--spill は --layout と一緒に使います。レイアウトを指定するか --spill を外してください。",
            "--spill goes with --layout; name a layout or leave it out.",
        )
    if mapping is not None and release not in (None, "latest", str(prepared.facts.release)):
        raise BadInput(
            f"対応表ファイルは版 {prepared.facts.release} のもので、--release {release} と合いません。"
            "その版の対応表ファイルを指定してください。",
            f"The mapping file is of release {prepared.facts.release}, not {release}; name one of that release.",
            where=Where(str(mapping)),
        )

    def run() -> Account:
        done = convert_now()
        if told:
            done.extra["findings"] = told
        return done

    def convert_now() -> Account:
        with _progress(source) as progress:
            if workers > 1 and isinstance(prepared, FilePrepared) and prepared.file.path:
                from gaiji.charset.pool import convert_parts

                return convert_parts(
                    source,
                    target,
                    prepared.file.path,
                    (from_, to),
                    prepared.options,
                    workers,
                    receipt=receipt,
                    layout=records,
                    spill=spill,
                    progress=progress,
                )
            return convert_file(
                source,
                target,
                prepared,
                receipt=receipt,
                layout=records,
                spill=spill,
                progress=progress,
            )

    made = [one for one in (target, receipt, spill) if one is not None]
    with _interruptible(*made, *([report] if report else [])):
        done = run() if report is None else _reported(report, run, made)
    aside = target == "-"
    if format == "json":
        say_json(done.as_dict(), aside=aside)
    else:
        for line in _report_lines(done):
            say(line, aside=aside)


def _reported(path: str, run: Callable[[], Account], outputs: list[str]) -> Account:
    """Run a conversion and write its report, also where it is refused; the report's place is taken before the work."""
    done: Account | None = None
    refused: LossBeyondBudget | None = None
    try:
        with replacing(path) as file:
            try:
                done = run()
            except LossBeyondBudget as error:
                refused = error
            told = done.as_dict() if done else refused.extra["report"] if refused else {}
            file.write((json.dumps(told, ensure_ascii=False, indent=2) + "\n").encode())
    except StorageFailed as error:
        if done is None or not done.written:
            raise
        names = [name for name in outputs if name != "-"] or [str(STDOUT)]
        raise type(error)(
            f"変換は済み、{'・'.join(names)} は書き込みましたが、報告は書けませんでした。報告が要るなら、空きと権限を"
            "確かめてからやり直してください。",
            f"The conversion is done and {', '.join(names)} written, but the report is not; if it is needed, check "
            "room and permissions and run it again.",
            where=Where(path),
        ) from error
    if refused:
        raise refused
    assert done
    return done


STDOUT = Text("標準出力", "standard output")


@contextlib.contextmanager
def _interruptible(*outputs: str) -> Iterator[None]:
    """Say on Ctrl-C which outputs were written: none, but for the moment in which they take their names."""
    before = [_standing(one) for one in outputs]
    try:
        yield
    except KeyboardInterrupt:
        names = [one for one, was in zip(outputs, before, strict=True) if _standing(one) != was]
        if names:
            raise Interrupted(
                f"中断しましたが、{'・'.join(names)} は書き込み済みです。",
                f"Interrupted, but {', '.join(names)} had been written.",
            ) from None
        if "-" in outputs:
            raise Interrupted(
                "中断しました。標準出力に出した分は途中までのことがあります。",
                "Interrupted; what came out on standard output may not be whole.",
            ) from None
        raise Interrupted(
            "中断しました。何も書き込んでいません。", "Interrupted; nothing was written."
        ) from None


def _standing(path: str) -> tuple[int, int] | None:
    """Return what tells a file from the one that replaces it, None where there is no file of this name."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def _also_read(
    mapping: Path | str | None, layout: str | None, home: Path | str | None
) -> Iterator[Path | str | None]:
    """Give the files that no output may overwrite: what the command reads beside its input, and the registry's."""
    yield mapping
    if layout is not None and os.path.exists(layout):  # else the name of a shipped one
        yield layout
    yield from registry_files(home)


def _layout(name: str | None) -> Layout | None:
    if name is None:
        return None
    from gaiji.charset.records.layoutfile import find_layout

    return find_layout(name)


def _check_file_plan(
    known: tuple[str, int, str] | None, asked: str | None, mapping: Path | str
) -> None:
    """Raise BadInput where a mapping file is of another cutover plan than was asked for, or of none."""
    if asked is None or (
        known and asked.removeprefix("server:") in (known[0], f"{known[0]}/{known[1]}")
    ):
        return
    own = Text(f"{known[0]}/{known[1]} のもの", f"is of {known[0]}/{known[1]}") if known else None
    own = own or Text("移行計画のないもの", "has no cutover plan")
    raise BadInput(
        f"対応表ファイルは{own.ja}で、--cutover {asked} と合いません。その計画の対応表ファイルを指定してください。",
        f"The mapping file {own.en}, not of {asked}; name one of that plan.",
        where=Where(str(mapping)),
    )


def _by_release(
    from_: str,
    to: str,
    release: str | None,
    options: Options,
    cutover: str | None,
    source: str,
    home: Path | str | None,
) -> tuple[Prepared, tuple[Finding, ...]]:
    """Return the conversion by the registry; a large input is worth making the mapping file for."""
    from gaiji.cli.shared import reading, settings_for
    from gaiji.registry import conversions, mapfiles

    folder = _folder(home)
    with reading(folder) as session:
        pinned = conversions.pin(session, from_, to, release, options, cutover)
        size = os.path.getsize(source) if source != "-" and os.path.isfile(source) else None
        asked = conversions.conversion(session, from_, to, pinned, options)
        return mapfiles.prepared(session, settings_for(folder), asked, size), pinned.findings


def _folder(home: Path | str | None) -> Path | None:
    from pathlib import Path

    return None if home is None else Path(home)


@contextlib.contextmanager
def _progress(source: str) -> Iterator[Callable[[int], None] | None]:
    """Show on a terminal how far a conversion is."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TransferSpeedColumn,
    )

    size = os.path.getsize(source) if source != "-" and os.path.isfile(source) else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(os.path.basename(source), total=size)
        yield lambda done: bar.update(task, completed=done)


def _report_lines(report: Account) -> Iterator[str]:
    """Say a report to people, line by line."""
    facts = report.facts
    told = "  ".join(f"{kind} {count:,}" for kind, count in report.characters.items() if count)
    yield str(
        Text(
            f"{facts.source} → {facts.target}(版 {facts.release}): {report.records:,} レコード、"
            f"{report.input_bytes:,} → {report.output_bytes:,} バイト、損失 {report.losses:,}",
            f"{facts.source} → {facts.target} (release {facts.release}): {counted(report.records, 'record')}, "
            f"{report.input_bytes:,} → {counted(report.output_bytes, 'byte')}, "
            f"{counted(report.losses, 'loss', 'losses')}",
        )
    )
    if told:
        yield f"  {told}"
    for one in report.unmapped[:10]:
        place = one.places[0]
        yield str(
            Text(
                f"  未対応 {one.code} × {one.count:,}(最初: レコード {place.record} バイト {place.byte_offset})",
                f"  unmapped {one.code} × {one.count:,} (first: record {place.record} byte {place.byte_offset})",
            )
        )
    for reduced in report.reductions[:10]:
        yield (
            f"  {reduced.kind} {reduced.code} → {reduced.to or reduced.character} × {reduced.count:,}"
            f"  {reduced.ground or ''}"
        )
    if not report.written:
        yield str(Text("  試行のため何も書いていません。", "  Dry run: nothing was written."))


def restore(
    *,
    converted: str,
    back: str,
    receipt: Path | str,
    mapping: Path | str | None,
    layout: str | None,
    home: Path | str | None,
) -> None:
    """変換前のファイルをバイト単位で復元する / give back the original bytes of a converted file."""
    check_apart(converted, back, read=(receipt, *_also_read(mapping, layout, home)))
    records = _layout(layout)
    try:
        with _interruptible(back), _preparing(mapping, home) as prepare:
            size = restore_file(converted, back, receipt, prepare, layout=records)
    except BadReceipt as error:
        error.where = error.where or Where(str(receipt))
        raise
    if back != "-":
        say(Text(f"{size:,} バイトを復元しました。", f"{counted(size, 'byte')} restored."))


@contextlib.contextmanager
def _preparing(mapping: Path | str | None, home: Path | str | None) -> Iterator[Prepare]:
    """Give what prepares a restoration: by a mapping file, or by the registry's releases."""
    if mapping is not None:
        yield prepare_from(open_mapping(mapping))
        return
    from gaiji.charset.conversion import by_release
    from gaiji.cli.shared import reading
    from gaiji.registry import cutover, releases

    with reading(_folder(home)) as session:
        yield by_release(
            lambda code_set, number: releases.mapping(
                session, code_set, releases.find_release(session, number)
            ),
            lambda server, number: cutover.cutover_of(session, server, number),
        )


COMMANDS: dict[str, tuple[Callable[..., None], tuple[Parameter, ...]]] = {
    "convert": (convert, CONVERT),
    "restore": (restore, RESTORE),
}


def parsed(words: Sequence[str], state: State) -> Callable[[], None] | None:
    """Return what a command line of these two commands does, or None where it is not plainly right."""
    if not words or words[0] not in COMMANDS:
        return None
    function, parameters = COMMANDS[words[0]]
    options = {one.option: one for one in parameters if one.option}
    free = [one for one in parameters if one.option is None]
    given: dict[str, Any] = {}
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        one = options.get(name) if word.startswith("--") else None
        if one is None:
            if (word.startswith("-") and word != "-") or not free:
                return None
            one, value = free.pop(0), word
        elif one.kind == "flag" and equals:
            return None
        elif one.kind != "flag" and not equals:
            value = next(rest, "")
            if not value or value.startswith("--"):
                return None
        try:
            given[one.name] = True if one.kind == "flag" else one.read(value)
        except ValueError:
            return None
    values = {one.name: given.get(one.name, one.default) for one in parameters}
    if any(value is ... for value in values.values()):
        return None
    state.format = values.get("format", "text")
    return lambda: function(**values)
