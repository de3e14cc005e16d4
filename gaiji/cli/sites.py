"""gaiji site, gaiji adopt, gaiji adoptions: which place runs which release, and whom a change would touch."""

from __future__ import annotations

from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import typer

from gaiji.cli.shared import (
    By,
    Home,
    OutputFormat,
    actor,
    counted,
    listed,
    read_file,
    reading,
    say,
    say_json,
    say_table,
    settings_for,
    writing,
)
from gaiji.errors import BadFont, BadInput, Text
from gaiji.glyph.sources import read_source
from gaiji.registry import adoption
from gaiji.registry.db import today
from gaiji.registry.journal import Actor
from gaiji.settings import Settings
from gaiji.wire.adoption import AdoptionShape

SITE = "252069 | 252069/juki | server:cs1 | terminals:252069/窓口 | print:NAME"
KINDS = {
    "member": Text("構成市", "member"),
    "system": Text("業務システム", "system"),
    "server": Text("CSサーバー", "CS server"),
    "terminals": Text("端末群", "terminals"),
    "print": Text("印刷業務", "print job"),
}

Site = Annotated[str, typer.Argument(metavar="SITE", help=SITE)]
Day = Annotated[
    datetime | None,
    typer.Option("--day", formats=["%Y-%m-%d"], help="どの日について(既定は今日)/ as of a day"),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="適用先 / places that run releases.")
    group.command("add")(add)
    group.command("widen")(widen)
    group.command("list")(list_sites)
    app.add_typer(group, name="site")
    app.command("adopt")(adopt)
    app.command("adoptions")(adoptions)


def add(
    site: Site,
    area: Annotated[
        str | None,
        typer.Option(help="CSサーバーの割当領域 / area of a server, E000-F8FF by default"),
    ] = None,
    codesets: Annotated[
        str | None,
        typer.Option(
            help="端末群・印刷業務が使う外字セット / what it shows: 252069/juki,252085/zei"
        ),
    ] = None,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """適用先を登録する / register a CS server, a terminal group or a print job."""
    who = actor(settings_for(home), by)
    named = listed("--codesets", codesets)
    with writing(home) as session:
        made = adoption.add_site(
            session, who, site, code_sets=named, options={"area": area} if area else None
        )
        shape = next(one for one in adoption.site_shapes(session) if one.site == made.address)
    if format == "json":
        say_json(shape)
        return
    say(Text(f"適用先 {shape.site} を登録しました。", f"Site {shape.site} is registered."))


def widen(
    site: Site,
    area: Annotated[
        str, typer.Option(help="広げた領域 / the wider area: same first code point, E000-F8FF")
    ],
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """CSサーバーの割当領域を上に広げる / widen the area of a CS server upwards."""
    who = actor(settings_for(home), by)
    with writing(home) as session:
        made = adoption.widen_area(session, who, site, area)
        shape = next(one for one in adoption.site_shapes(session) if one.site == made.address)
    if format == "json":
        say_json(shape)
        return
    now = shape.options["area"]
    say(Text(f"{shape.site} の領域は {now} です。", f"The area of {shape.site} is {now}."))


def list_sites(home: Home = None, format: OutputFormat = "text") -> None:
    """登録した適用先の一覧 / list the registered sites."""
    with reading(home) as session:
        found = adoption.site_shapes(session)
    if format == "json":
        say_json({"items": found, "next": None, "release": None})
        return
    rows = [
        [one.site, KINDS[one.kind], one.options.get("area"), " ".join(one.codesets)]
        for one in found
    ]
    say_table(str(Text("適用先 種類 領域 外字セット", "site kind area code-sets")).split(), rows)


def adopt(
    site: Site,
    from_: Annotated[
        datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="適用開始日 / first day")
    ],
    release: Annotated[
        str | None, typer.Option(help="適用する版 / release: 1, 2 … | latest")
    ] = None,
    font: Annotated[
        Path | None,
        typer.Option(
            help="端末に渡したフォント(照合値だけ残す)/ font handed out; its sha256 is kept"
        ),
    ] = None,
    ground: Annotated[str | None, typer.Option(help="根拠 / ground")] = None,
    withdraw: Annotated[
        bool,
        typer.Option(
            "--withdraw", help="その日からの記録を取り消す / take back the record of that day"
        ),
    ] = False,
    home: Home = None,
    by: By = None,
    format: OutputFormat = "text",
) -> None:
    """どの版をいつから適用しているかを記録する / record which release a site runs from which day."""
    settings, day = settings_for(home), from_.date()
    who = actor(settings, by)
    if withdraw:
        _withdraw(site, day, release, font, ground, who, home, format)
        return
    if release is None:
        raise BadInput(
            "適用する版がありません。--release に版の番号か latest を指定してください。",
            "There is no release; name it with --release, a number or latest.",
        )
    digest = None if font is None else _font_digest(font, settings)
    with writing(home) as session:
        done = adoption.adopt(session, who, site, release, day, font=digest, ground=ground)
        told = {
            "site": adoption.site_address(site),
            "release": done.release,
            "from": done.from_day.isoformat(),
            "font": done.font,
            "ground": done.ground,
        }
    if format == "json":
        say_json(told)
        return
    say(
        Text(
            f"{told['site']}: {told['from']} から版 {told['release']}",
            f"{told['site']}: release {told['release']} from {told['from']}",
        )
    )


def _font_digest(path: Path, settings: Settings) -> str:
    """Return the sha256 of a font that was handed out, once it is read as one. Raises BadFont, HostileFile."""
    name, data = read_file(path)
    if read_source(data, name, settings=settings).format == "raw":
        raise BadFont(
            f"{name} は字形の並びで、端末のフォントではありません。渡したフォントを指定してください。",
            f"{name} is a row of dot patterns and no terminal's font; name the font that was handed out.",
        )
    return sha256(data).hexdigest()


def _withdraw(
    site: str,
    day: date,
    release: str | None,
    font: Path | None,
    ground: str | None,
    who: Actor,
    home: Path | None,
    format: str,
) -> None:
    if release is not None or font is not None:
        raise BadInput(
            "--withdraw は --release・--font と一緒に使えません。取り消すなら日付と根拠だけにしてください。",
            "--withdraw goes with neither --release nor --font; to take a record back, give its day and the ground.",
        )
    if ground is None:
        raise BadInput(
            "取消しの根拠がありません。--ground に書いてください。",
            "There is no ground for taking the record back; write it after --ground.",
        )
    with writing(home) as session:
        adoption.withdraw(session, who, site, day, ground=ground)
        now = adoption.standing_of(session, site, day)
    if format == "json":
        say_json(now)
        return
    runs = Text("記録なし", "nothing is recorded")
    if now.release is not None:
        runs = Text(
            f"版 {now.release} ({now.from_} から)", f"release {now.release} from {now.from_}"
        )
    say(
        Text(
            f"{now.site}: {day} からの記録を取り消しました。その日の適用: {runs.ja}",
            f"{now.site}: the record from {day} is taken back; on that day: {runs.en}",
        )
    )


def adoptions(
    day: Day = None,
    member: Annotated[str | None, typer.Option(help="構成市 / one member, 252069")] = None,
    touched: Annotated[
        tuple[str, str] | None,
        typer.Option(
            metavar="A B", help="版 A から B への変更で影響を受ける適用先 / whom a change touches"
        ),
    ] = None,
    home: Home = None,
    format: OutputFormat = "text",
) -> None:
    """適用状況: 構成市・システム・CSサーバー・端末群・印刷業務の版 / where each city stands."""
    when = day.date() if day else today()
    if touched is not None:
        _touched(touched, when, member, home, format)
        return
    with reading(home) as session:
        found = adoption.standing(session, when, member)
    if format == "json":
        say_json({"items": found, "next": None, "release": None, "day": when.isoformat()})
        return
    headers = Text(
        "適用先 種類 版 適用日 記録 予定 フォント", "site kind release from told-by next font"
    )
    say_table(str(headers).split(), [_row(one) for one in found], right=(2,))
    if untold := sum(one.release is None for one in found):
        say(
            Text(
                f"記録のない適用先: {untold}。gaiji adopt で記録してください。",
                f"No release told: {counted(untold, 'site')}; record it with gaiji adopt.",
            )
        )


def _row(one: AdoptionShape) -> list[object]:
    coming = one.next and Text(
        f"{one.next.from_} から版 {one.next.release}",
        f"{one.next.release} from {one.next.from_}",
    )
    return [
        one.site,
        KINDS[one.kind],
        f"{one.release}{' *' if one.behind else ''}" if one.release else "—",
        one.from_,
        "" if one.told_by in (None, one.site) else one.told_by,
        coming,
        (one.font or "")[:12],
    ]


def _touched(
    pair: tuple[str, str], day: date, member: str | None, home: Path | None, format: str
) -> None:
    with reading(home) as session:
        found = adoption.touched(session, *pair, day)
    if member is not None:
        found = [
            one
            for one in found
            if any(part.codeset.startswith(f"{member}/") for part in one.codesets)
        ]
    if format == "json":
        say_json({"items": found, "next": None, "release": None, "day": day.isoformat()})
        return
    rows = [
        [
            one.site,
            one.release or "—",
            " ".join(f"{part.codeset}:{part.codes}" for part in one.codesets),
            (one.font or "")[:12],
            one.plan,
        ]
        for one in found
    ]
    headers = Text("適用先 版 変わるコード フォント 計画", "site release codes-changed font plan")
    say_table(str(headers).split(), rows, right=(1,))
    say(
        Text(f"影響を受ける適用先: {len(found)}", f"Sites touched: {len(found)}"),
    )
