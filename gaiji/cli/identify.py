"""gaiji identify: what the glyphs of a file or a code set may be, by shape (文字同定)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, get_args

import typer

from gaiji.cli.saying import State, say, say_json
from gaiji.cli.shared import (
    Home,
    counted,
    counting,
    listed,
    open_engine,
    read_file,
    reading,
    settings_for,
)
from gaiji.errors import BadInput, NoPicture, UnknownCode
from gaiji.glyph.forms import Glyph
from gaiji.wire.findings import Finding

if TYPE_CHECKING:  # numpy is loaded when something is identified, and not before
    from gaiji.glyph.gallery import Gallery
    from gaiji.glyph.identifying import Identified
    from gaiji.report.identified import Entry, Report
    from gaiji.settings import Settings

IdentifyFormat = Literal["text", "json", "html"]
ADDRESS = re.compile(r"[0-9]{6}/[^/]+")
SETS = {"MJ": "MJ", "GJ": "GJ", "standard": "U+"}
"""What candidates may be among, and how their names begin; OM is the registry's."""
OWN = "OM"


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("identify")(identify)


def _remember(context: typer.Context, value: str) -> str:
    known = get_args(IdentifyFormat)
    if value not in known:
        raise BadInput(
            f"--format に {value} は使えません。{'・'.join(known)} のどれかにしてください。",
            f"--format cannot be {value}; take one of {', '.join(known)}.",
        )
    if isinstance(context.obj, State):
        context.obj.format = value
    return value


def identify(
    file: Annotated[
        str,
        typer.Argument(
            help="字形ファイル・画像、または外字セット / TTE, TTF, BDF, FONTX2, dots, PNG, JPEG, BMP, TIFF; "
            "or a code set, e.g. 252069/juki"
        ),
    ],
    code: Annotated[
        str | None, typer.Option(help="その1字だけ / one glyph: U+E000, F040, 0x5D0E")
    ] = None,
    all: Annotated[bool, typer.Option("--all", help="全部の字形 / every glyph")] = False,
    among: Annotated[
        str | None,
        typer.Option(help="候補の範囲、コンマ区切り / among which: MJ, GJ, OM, standard"),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=20, help="候補の数 / candidates of a glyph")
    ] = 10,
    dots: Annotated[
        int | None, typer.Option(help="ドットパターンの1辺 / side of raw dots: 24, 32, 48, 64")
    ] = None,
    format: Annotated[
        IdentifyFormat,
        typer.Option("--format", help="text | json | html", callback=_remember),
    ] = "text",
    home: Home = None,
) -> None:
    """字形から文字を探す / say which characters glyphs may be, by shape; nothing is decided."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # read when numpy is loaded
    if code is not None and all:
        raise BadInput(
            "--code と --all は一緒に使えません。どちらかにしてください。",
            "--code and --all do not go together; give one of them.",
        )
    settings = settings_for(home)
    sets = listed("--among", among)
    if ADDRESS.fullmatch(file) and not Path(file).exists():
        report, draw = _of_code_set(settings, file, code, all, sets, limit)
    else:
        report, draw = _of_file(settings, Path(file), code, all, sets, limit, dots)
    _say(report, draw, format, summary=all)


def _say(
    report: Report, draw: Callable[[str], Glyph | None], format: str, *, summary: bool
) -> None:
    from gaiji.report import identified

    if format == "json":
        say_json(identified.as_json(report))
    elif format == "html":
        say(identified.as_html(report, draw).removesuffix("\n"))
    else:
        say("\n".join(identified.as_text(report, summary=summary)).rstrip("\n"))


# --- a file


def _of_file(
    settings: Settings,
    path: Path,
    code: str | None,
    every: bool,
    sets: Sequence[str],
    limit: int,
    dots: int | None,
) -> tuple[Report, Callable[[str], Glyph | None]]:
    from gaiji.glyph.identifying import identify as identify_glyphs
    from gaiji.glyph.reference_index import reference_gallery

    name, data = read_file(path)
    gallery = reference_gallery(settings)
    glyphs, of_scan, of_file = _read(settings, data, name, dots)
    _check_asked([subject for subject, _ in glyphs], code, every, name)
    own = _own(settings.home) if OWN in sets else {}
    chosen = _chosen(gallery, sets, own)
    # One hand drew them all: a few others beside the one that is asked for show how.
    with counting(name) as progress:
        found = identify_glyphs(
            chosen,
            glyphs if code is None else _sample(glyphs, code),
            wanted=lambda subject: code is None or _key(subject) == _key(code),
            given=of_scan,
            progress=progress,
        )
    entries = _entries(found, own, limit)
    mended = (one for one in of_scan if one.level != "warning")  # warnings are told with the glyph
    return _report(name, entries, gallery, (*mended, *of_file)), _drawn(settings, own)


SAMPLE = 64


def _sample(glyphs: Sequence[tuple[str, Glyph]], code: str) -> list[tuple[str, Glyph]]:
    """Return one glyph with some of the others, evenly spread: the style of a font shows in them."""
    step = max(1, len(glyphs) // SAMPLE)
    return [
        one for place, one in enumerate(glyphs) if place % step == 0 or _key(one[0]) == _key(code)
    ]


def _read(
    settings: Settings, data: bytes, name: str, dots: int | None
) -> tuple[list[tuple[str, Glyph]], tuple[Finding, ...], tuple[Finding, ...]]:
    """Return the glyphs of a file by what they are called, what was found on a scan, and in a font."""
    from gaiji.glyph.scans import FORMATS, read_scan
    from gaiji.glyph.sources import read_source

    if dots is None and data.startswith(tuple(FORMATS)):
        scan = read_scan(data, name, settings=settings)
        return [("#0", scan.glyph)], scan.findings, ()
    source = read_source(data, name, settings=settings, dots=dots)
    other = (one for one in source.findings if one.code != "blank-glyph")  # told with its glyph
    return [(one.subject, one.glyph) for one in source.glyphs], (), tuple(other)


def _key(code: str) -> str:
    """Return a code as it is compared: U+E000, e000 and 0xE000 are one."""
    return re.sub(r"^(U\+|0X|#)", "", code.strip().upper()).lstrip("0") or "0"


def _check_asked(subjects: Sequence[str], code: str | None, every: bool, name: str) -> None:
    """Raise UnknownCode for a glyph that is not there, BadInput where one of several has to be named."""
    if code is not None and not any(_key(code) == _key(one) for one in subjects):
        raise UnknownCode(
            f"{name} に {code[:20]} の字形はありません。{subjects[0]} のように指定してください。",
            f"{name} has no glyph {code[:20]}; name it like {subjects[0]}.",
        )
    if code is None and not every and len(subjects) > 1:
        raise BadInput(
            f"{name} には {len(subjects):,} 個の字形があります。--code {subjects[0]} のように1字を指定するか、"
            "--all で全部を調べてください。",
            f"{name} has {counted(len(subjects), 'glyph')}; name one, like --code {subjects[0]}, or take --all.",
        )


def _chosen(gallery: Gallery, sets: Sequence[str], own: dict[str, Glyph]) -> Gallery:
    from gaiji.glyph.gallery import Gallery, joined
    from gaiji.glyph.shapes import shape

    if not sets:
        return gallery
    for one in sets:
        if one not in SETS and one != OWN:
            raise BadInput(
                f"--among に {one} は使えません。{'・'.join((*SETS, OWN))} から選んでください。",
                f"--among cannot be {one}; choose of {', '.join((*SETS, OWN))}.",
            )
    begin = tuple(SETS[one] for one in sets if one in SETS)
    kept = gallery.without(name for name in gallery.names if not name.startswith(begin))
    if not own:
        return kept
    return joined([kept, Gallery.of((name, shape(glyph)) for name, glyph in own.items())])


def _own(home: Path) -> dict[str, Glyph]:
    from gaiji.glyph.forms import parse_canonical
    from gaiji.registry.gaps import council_glyphs

    with reading(home) as session:
        forms = council_glyphs(session)
    return {name: parse_canonical(form) for name, form in forms.items()}


def _entries(found: Sequence[Identified], own: dict[str, Glyph], limit: int) -> Iterator[Entry]:
    from gaiji.registry.reviewing import candidate_shapes
    from gaiji.report.identified import Entry, known_of
    from gaiji.wire.identification import IdentificationShape

    names = {one.name for it in found for one in it.judgement.candidates[:limit]}
    known = known_of(names)
    for it in found:
        judgement = it.judgement
        shape = IdentificationShape(
            code=it.subject,
            verdict=judgement.verdict,
            probability=judgement.probability,
            group=it.group,
            margin=judgement.margin if judgement.candidates else None,
            candidates=candidate_shapes(judgement, known, None)[:limit],
            siblings=list(judgement.siblings),
        )
        yield Entry(shape, it.glyph, it.findings)


def _report(
    name: str, entries: Iterator[Entry], gallery: Gallery, findings: Sequence[Finding] = ()
) -> Report:
    from gaiji.glyph.features import edition
    from gaiji.glyph.reference_index import font_sha256
    from gaiji.report.identified import Report

    return Report(name, tuple(entries), edition(), gallery.digest, font_sha256(), tuple(findings))


def _drawn(settings: Settings, own: dict[str, Glyph]) -> Callable[[str], Glyph | None]:
    """Return how a candidate is drawn, None where it cannot be."""
    from gaiji.glyph.reference_index import drawn

    def draw(name: str) -> Glyph | None:
        try:
            return own.get(name) or drawn(settings, name)
        except NoPicture:
            return None

    return draw


# --- a code set


def _of_code_set(
    settings: Settings, address: str, code: str | None, every: bool, sets: Sequence[str], limit: int
) -> tuple[Report, Callable[[str], Glyph | None]]:
    from gaiji.glyph.forms import parse_canonical
    from gaiji.registry import db, identification, reviewing
    from gaiji.registry.gaps import glyph_forms
    from gaiji.report.identified import Entry

    if sets:
        raise BadInput(
            "--among は外字セットには使えません。測定は基準文字集合の全体に対して行います。",
            "--among does not go with a code set, which is measured against the whole reference set.",
        )
    engine = open_engine(settings)
    try:
        gallery = identification.gallery_in_use(settings)
        with db.reading(engine) as session:
            total = len(identification.glyphs_of(session, [address]))
            if not total:
                raise identification.nothing_to_measure(address)
        with counting(address) as progress:
            identification.measure_sets(
                engine, gallery, [address], lambda done: progress(done, total)
            )
        with db.reading(engine) as session:
            review = reviewing.review(session, address, identification.edition_of(gallery))
            rows = [
                row
                for row in review.rows
                if (_key(row.code.hex()) == _key(code) if code else row.waits)
            ]
            if code or not every:
                _check_asked([row.code.hex().upper() for row in review.rows], code, every, address)
            forms = glyph_forms(session, {row.glyph for row in rows if row.glyph})
            shapes = reviewing.shapes(session, review, rows, lambda member: True)
    finally:
        engine.dispose()
    entries = []
    for shape in shapes:
        shape.candidates = shape.candidates[:limit]
        entries.append(Entry(shape, parse_canonical(forms[shape.glyph]) if shape.glyph else None))
    return _report(address, iter(entries), gallery), _drawn(settings, {})
