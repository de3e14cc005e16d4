"""gaiji font: building gaiji fonts, and checking a terminal's font against a release."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from gaiji.charset.files import STANDARD, check_apart, replacing, replacing_all
from gaiji.cli.places import registry_files
from gaiji.cli.shared import (
    Format,
    Home,
    counted,
    one_of,
    plain,
    read_file,
    reading,
    remember_format,
    say,
    server_name,
    settings_for,
)
from gaiji.errors import BadInput, Text, Where
from gaiji.glyph.licensing import is_reserved
from gaiji.glyph.winreg import link_file
from gaiji.registry.fonts import FontFile, FontSubject, font_file, glyphs_for
from gaiji.registry.releases import find_release
from gaiji.report import fontcheck
from gaiji.report.folders import check_free
from gaiji.wire.fonts import Dots, FontFormat, Numbers, Outlines

ENDINGS: dict[str, FontFormat] = {
    ".tte": "tte",
    ".ttf": "tte",
    ".woff2": "woff2",
    ".bdf": "bdf",
}
"""What a file's name says of its form."""

CodeSetName = Annotated[
    str | None, typer.Option("--codeset", help="外字セット / code set, e.g. 252069/juki")
]
ReleaseNumber = Annotated[
    str | None,
    typer.Option(
        "--release",
        help="版(省略時は最新)。単独なら協議会のフォント / 1, 2 … | latest (default); alone: the council's font",
    ),
]
Server = Annotated[
    str | None,
    typer.Option("--server", help="CSサーバー / shared CS server", callback=server_name),
]
Day = Annotated[
    datetime | None,
    typer.Option(
        "--as-of", formats=["%Y-%m-%d"], help="基準日(外字セット) / day whose meanings hold"
    ),
]
Typeface = Annotated[
    list[str] | None,
    typer.Option(
        help="この書体だけにリンクする(複数可) / link to this typeface alone, e.g. ＭＳ 明朝; may be repeated"
    ),
]
InstalledAs = Annotated[
    str | None,
    typer.Option(
        "--installed-as",
        help="端末での置き場所 / where the font will lie (default: C:\\Windows\\Fonts\\NAME)",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="外字フォント / gaiji fonts.")
    group.command("build")(build)
    group.command("check")(check)
    app.add_typer(group, name="font")


def _subject(
    codeset: str | None, server: str | None, release: str | None, day: datetime | None
) -> FontSubject:
    if codeset and server:
        raise BadInput(
            "--codeset と --server は同時に指定できません。どちらか一つにしてください。",
            "--codeset and --server cannot be used together; name one.",
        )
    if not (codeset or server or release):
        raise BadInput(
            "何のフォントかを --codeset 252069/juki、--server cs1、--release 3 のどれかで指定してください。",
            "Say whose font it is: --codeset 252069/juki, --server cs1 or --release 3.",
        )
    if day and not codeset:
        raise BadInput(
            "--as-of は --codeset と一緒に指定してください。共通の割当ては日付で変わりません。",
            "--as-of goes with --codeset; shared code points do not depend on a day.",
        )
    kind = "codeset" if codeset else "server" if server else "release"
    return FontSubject(
        kind,  # type: ignore[arg-type]
        codeset or server or "",
        as_of=day.date() if day else None,
    )


def _form(given: str | None, out: Path) -> FontFormat:
    """Return the form that was asked for, else what the file's name says, else TrueType."""
    named = ENDINGS.get(out.suffix.lower())
    if given is None:
        return named or "tte"
    form = cast(FontFormat, one_of("--format", given, get_args(FontFormat)))
    if named not in (None, form):
        raise BadInput(
            f"{out.name} は {named} の名前で、--format {form} と合いません。名前か --format を直してください。",
            f"{out.name} is the name of a {named} file, and --format says {form}; change one of them.",
            where=Where(str(out)),
        )
    return form


def _check_options(
    form: FontFormat, out: Path, options: dict[str, tuple[FontFormat, bool]]
) -> None:
    """Raise BadInput for an option that would change nothing. options: of which form each is, and whether given."""
    for option, (of, given) in options.items():
        if given and of != form:
            raise BadInput(
                f"{option} は {of} のための指定で、{form} では使われません。外すか、--format {of} にしてください。",
                f"{option} is for {of} and changes nothing in {form}; leave it out, or take --format {of}.",
            )
        if given and form == "tte" and str(out) == STANDARD:
            raise BadInput(
                f"{option} はフォントの隣のリンクファイルの指定です。標準出力ではなくファイル名を指定してください。",
                f"{option} is of the link file beside the font; name a file instead of standard output.",
            )


def build(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="書き出すファイル / file to write")],
    codeset: CodeSetName = None,
    release: ReleaseNumber = None,
    server: Server = None,
    given: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="tte | bdf | woff2(省略時はOUTの名前から、なければ tte)/ default: as OUT is named, else tte",
        ),
    ] = None,
    dots: Annotated[
        int | None, typer.Option(help="BDFの点数 / dots of BDF: 24 | 32 | 48 (default) | 64")
    ] = None,
    numbers: Annotated[
        str | None, typer.Option(help="BDFの番号 / what BDF numbers by: code | point")
    ] = None,
    outlines: Annotated[
        str, typer.Option(help="own | ipamj (IPAフォントライセンスの派生フォント / derived font)")
    ] = "own",
    without_refused: Annotated[
        bool,
        typer.Option(
            "--without-refused",
            help="利用条件の足りない字形を除く / leave out glyphs the right is missing for, and list them",
        ),
    ] = False,
    as_of: Day = None,
    typeface: Typeface = None,
    installed_as: InstalledAs = None,
    code_page: Annotated[
        int | None,
        typer.Option("--code-page", help="リンクのコードページ / of the link file (default: 932)"),
    ] = None,
    home: Home = None,
) -> None:
    """外字フォントを作る / build a gaiji font, its provenance file and, for Windows, the file that links it."""
    what = _subject(codeset, server, release, as_of)
    form = _form(given, out)
    _check_options(
        form,
        out,
        {
            "--dots": ("bdf", dots is not None),
            "--numbers": ("bdf", numbers is not None),
            "--typeface": ("tte", bool(typeface)),
            "--installed-as": ("tte", installed_as is not None),
            "--code-page": ("tte", code_page is not None),
        },
    )
    if dots is not None and dots not in get_args(Dots):
        one_of("--dots", str(dots), [str(side) for side in get_args(Dots)])
    if numbers is not None:
        one_of("--numbers", numbers, get_args(Numbers))
    one_of("--outlines", outlines, get_args(Outlines))
    if outlines == "ipamj" and is_reserved(out.name):
        raise BadInput(
            "IPAmj明朝の派生フォントの名前に IPA は使えません(IPAフォントライセンス第3条)。別の名前にしてください。",
            "The file name of a font derived from IPAmj Mincho may not hold IPA (licence, article 3); choose another.",
            where=Where(str(out)),
        )
    if outlines == "ipamj" and str(out) == STANDARD:
        raise BadInput(
            "IPAmj明朝の派生フォントにはライセンスの添付が要ります。標準出力ではなくファイル名を指定してください。",
            "A font derived from IPAmj Mincho goes with its licence; name a file instead of standard output.",
        )
    link = proof = None
    if str(out) != STANDARD:
        proof = out.with_name(f"{out.name}.provenance.json")
        link = out.with_suffix(".reg") if form == "tte" else None
    if link is not None:  # what is wrong in it is told before the font is made
        linked = link_file(
            fontcheck.FONTS + out.name if installed_as is None else installed_as,
            typefaces=typeface or (),
            code_page=932 if code_page is None else code_page,
        )
    note = out.with_name(f"{out.name}.licence.txt") if proof and outlines == "ipamj" else None
    check_apart(STANDARD, out, link, proof, note, read=registry_files(home))
    with reading(home) as session:
        settings = settings_for(home)
        content = glyphs_for(
            session,
            settings,
            what,
            find_release(session, release or "latest"),
            outlines=cast(Outlines, outlines),
            refused="leave-out" if without_refused else "stop",
        )
    made = font_file(
        settings,
        content,
        form,
        side=cast(Dots, 48 if dots is None else dots),
        numbers=cast(Numbers | None, numbers),
    )
    if proof is None:
        with replacing(out) as file:
            file.write(made.path.read_bytes())
        return
    written = {out.with_name(name): data for name, data in made.files(out.name).items()}
    if link:
        written[link] = linked
    with replacing_all(*written) as files:
        for output, data in zip(files, written.values(), strict=True):
            output.write(data)
    _say_built(made, list(written))


def _say_built(made: FontFile, written: list[Path]) -> None:
    facts, count = made.content.facts, len(made.content.glyphs)
    names = " ".join(path.name for path in written)
    subject = Text(facts.subject, facts.subject)
    if facts.subject == "release":
        subject = Text("協議会の共通文字", "The council's set,")
    say(
        Text(
            f"{subject.ja} 版 {facts.release}: {count:,} 字のフォントを作りました({names})。",
            f"{subject.en} release {facts.release}: a font of {counted(count, 'glyph')} ({names}).",
        )
    )
    say(Text(f"  {facts.licence.text.ja}", f"  {facts.licence.text.en}"))
    kinds: dict[str, list[str]] = {}
    for finding in facts.findings:
        kinds.setdefault(finding.code, []).append(str(finding.text))
    for code, texts in kinds.items():
        say(f"  {code} × {len(texts)}: {texts[0]}")


def check(
    font: Annotated[Path, typer.Argument(metavar="FONT", help="EUDC.TTE | BDF | FONTX2")],
    codeset: CodeSetName = None,
    release: ReleaseNumber = None,
    server: Server = None,
    as_of: Day = None,
    mend: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="是正用の一式を書き出すフォルダ / folder for what mends the terminal",
        ),
    ] = None,
    typeface: Typeface = None,
    installed_as: InstalledAs = None,
    out: Annotated[
        Path | None, typer.Option(help="書き出すファイル / file to write instead of printing")
    ] = None,
    home: Home = None,
    format: Annotated[
        Format, typer.Option("--format", help="text | json | csv | html", callback=remember_format)
    ] = "text",
) -> None:
    """端末の外字フォントを版と比べる / what a terminal's font lacks, has too much or draws differently."""
    what = _subject(codeset, server, release, as_of)
    if mend is None and (typeface or installed_as is not None):
        raise BadInput(
            "--typeface と --installed-as は是正用のリンクファイルの指定です。--mend DIR と一緒に使ってください。",
            "--typeface and --installed-as are of the link file that mends a terminal; use them with --mend DIR.",
        )
    check_apart(font, out, read=registry_files(home))
    if mend is not None:
        inside = Path(os.path.realpath(font)).is_relative_to(os.path.realpath(mend))
        check_free(mend, lambda place: not inside and fontcheck.is_mended(place, what))
    name, data = read_file(font)
    settings = settings_for(home)
    with reading(home) as session:
        held = find_release(session, release or "latest")
        done = fontcheck.check_font(session, settings, what, held, name, data)
        mended = (
            fontcheck.mend(
                session,
                settings,
                done,
                held,
                mend,
                typefaces=typeface or (),
                installed_as=installed_as,
            )
            if mend is not None
            else []
        )
    with replacing(out or STANDARD) as file:
        file.write(_written(done, format))
    if mended and format == "text":
        names = " ".join(path.name for path in mended)
        say(Text(f"{mend} に書き出しました: {names}", f"Written to {mend}: {names}"))
    if done.drifts:
        raise typer.Exit(1)


def _written(done: fontcheck.FontCheck, format: Format) -> bytes:
    if format == "json":
        return (json.dumps(plain(done.shape()), ensure_ascii=False, indent=2) + "\n").encode()
    if format == "csv":
        return fontcheck.as_csv(done)
    return (fontcheck.as_html(done) if format == "html" else fontcheck.as_text(done)).encode()
