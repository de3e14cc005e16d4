"""The collision wall for people and programs: text, CSV, JSON, one HTML file with the glyphs drawn (衝突の書出し)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

from gaiji.errors import BadInput, Text
from gaiji.glyph.draw import svg
from gaiji.glyph.forms import parse_canonical
from gaiji.registry.listing import Used
from gaiji.report.collisions import ALL, KINDS, Collision, Filters, Kind, Order, SlotRow, Wall
from gaiji.report.pages import page
from gaiji.report.spreadsheets import csv_lines
from gaiji.report.tables import aligned
from gaiji.wire.collisions import (
    CollisionCountShape,
    CollisionShape,
    CollisionsShape,
    MatrixLineShape,
    PairShape,
    UsedShape,
    WallFacts,
)

SHOWN = 20
"""Collisions of each kind that are shown on a terminal."""
COLUMNS = 40
"""Code sets that one drawn matrix can show."""
KIND_NAMES: dict[Kind, Text] = {
    "same-slot": Text("同じコード・別の字", "same code, different characters"),
    "same-character": Text("同じ字・別のコード", "same character, different codes"),
    "same-glyph": Text("同じ字形・字は未決定", "same glyph, no character yet"),
}
OCCURRENCES = Text(
    "出現数(のべ)は、数えたファイルにそのコードが現れた回数です。人数ではありません。",
    "Occurrences are how often a code stands in the counted files, not how many residents have it.",
)
HEADERS = (
    Text("区分", "Kind"),
    Text("何の衝突か", "Collision"),
    Text("外字セット", "Code set"),
    Text("コード", "Code"),
    Text("像", "Image"),
    Text("共通文字", "Character"),
    Text("関係", "Relationship"),
    Text("出現数(のべ)", "Occurrences"),
    Text("字形のsha256", "Glyph sha256"),
)


@dataclass(frozen=True)
class Shown:
    """A wall and what of it is told (衝突の書出しの対象).

    release: None for the state of work; as_of: the day of the meanings, None for the last ones.
    """

    wall: Wall
    release: int | None
    as_of: date | None = None
    kinds: tuple[Kind, ...] = KINDS
    filters: Filters = ALL
    order: Order = "slot"

    def collisions(self, kind: Kind, limit: int | None = None) -> Iterator[Collision]:
        """Yield the collisions of a kind that are told."""
        return self.wall.collisions(kind, self.filters, order=self.order, limit=limit)


# --- shapes


def used_shape(one: Used) -> UsedShape:
    """Return a row as JSON has it."""
    return UsedShape(
        codeset=one.code_set,
        code=one.code.hex().upper(),
        image=f"U+{one.image:04X}",
        character=one.character,
        relationship=one.relationship,
        glyph=one.glyph,
        uses=one.uses,
    )


def collision_shape(one: Collision) -> CollisionShape:
    """Return a collision as JSON has it."""
    return CollisionShape(
        kind=one.kind,
        slot=one.slot,
        character=one.character,
        glyph=one.glyph,
        meanings=one.meanings,
        members=one.members,
        codesets=one.code_sets,
        codes=one.codes,
        uses=one.uses,
        uncounted=one.uncounted,
        substitutes=one.substitutes,
        rows=[used_shape(row) for row in one.rows],
    )


def line_shape(line: SlotRow) -> MatrixLineShape:
    """Return a line of the matrix as JSON has it."""
    cells = [used_shape(cell) if cell else None for cell in line.cells]
    return MatrixLineShape(
        slot=line.slot,
        meanings=line.meanings,
        uses=line.uses,
        uncounted=line.uncounted,
        cells=cells,
    )


def facts(shown: Shown) -> WallFacts:
    """Return what a wall is of, with its counts and pairs."""
    wall = shown.wall
    pairs: list[PairShape] | None = []
    for kind in KINDS:
        found = wall.pairs(kind)
        if found is None or pairs is None:
            pairs = None
            break
        pairs += [PairShape(kind=kind, members=two, collisions=n) for two, n in found.items()]
    return WallFacts(
        release=shown.release,
        as_of=shown.as_of,
        by=wall.by,
        codesets=wall.code_sets,
        uncounted=wall.uncounted,
        codes=wall.codes,
        counts=[
            CollisionCountShape(
                kind=kind, collisions=count.collisions, codes=count.codes, uses=count.uses
            )
            for kind, count in wall.counts.items()
        ],
        pairs=pairs,
    )


def page_shape(
    shown: Shown, kind: Kind, items: Sequence[Collision], next: str | None
) -> CollisionsShape:
    """Return a part of the collisions of one kind."""
    told = vars(facts(shown))
    return CollisionsShape(
        **told, kind=kind, items=[collision_shape(one) for one in items], next=next
    )


# --- words


def uses_text(uses: int | None, uncounted: int = 0) -> str:
    """Return uses as they are printed: what was not counted is never 0, and a sum says what it is without."""
    if uses is None:
        return str(Text("未集計", "not counted"))
    without = Text(f"(未集計の外字セット {uncounted})", f" (code sets not counted: {uncounted})")
    return f"{uses:,}{without if uncounted else ''}"


def heading(shown: Shown) -> list[str]:
    """Return the lines over the report: of what, at what state, by what."""
    wall = shown.wall
    state = (
        Text("現在の作業状態(未公布の決定を含む)", "state of work, unpublished decisions included")
        if shown.release is None
        else Text(f"第{shown.release}版", f"release {shown.release}")
    )
    day = (
        Text("", "")
        if shown.as_of is None
        else Text(f" {shown.as_of}時点", f" as of {shown.as_of}")
    )
    slot = {
        "image": Text("私用領域の符号位置", "private-use code point"),
        "code": Text("文字コード体系とバイト列", "charset and bytes"),
    }[wall.by]
    sets, members = len(wall.code_sets), len(wall.members)
    lines = [
        Text(
            f"外字の衝突 {members}市 {sets}外字セット {wall.codes:,}字",
            f"Collisions of gaiji; members: {members}, code sets: {sets}, codes: {wall.codes:,}",
        ),
        Text(
            f"対象: {state.ja}{day.ja}  位置: {slot.ja}", f"{state.en}{day.en}; slots by {slot.en}"
        ),
    ]
    if wall.uncounted:
        lines.append(
            Text(
                f"出現数を数えていない外字セット: {len(wall.uncounted)}(出現数に含まれません)",
                f"Code sets of which nothing was counted, left out of the occurrences: {len(wall.uncounted)}",
            )
        )
    if (asked := _asked(shown.filters)).ja:
        lines.append(Text(f"絞込み: {asked.ja}", f"Filters: {asked.en}"))
    lines.append(OCCURRENCES)
    return [str(line) for line in lines]


def _asked(filters: Filters) -> Text:
    """Return the filters that are set; empty for none. Counts are of the whole wall all the same."""
    said = [
        *([Text("数えたファイルに現れる", "seen in counted files")] if filters.used else []),
        *(
            Text(f"{name.ja} {value}", f"{name.en} {value}")
            for name, value in (
                (Text("関わる市", "touching"), filters.touching),
                (Text("コード位置", "slot"), filters.slot),
                (Text("共通文字", "character"), filters.character),
                (Text("字形", "glyph"), filters.glyph),
            )
            if value is not None
        ),
    ]
    return Text("・".join(one.ja for one in said), ", ".join(one.en for one in said))


def subject(one: Collision) -> str:
    """Return what a collision is of: a slot, a character, or the beginning of a glyph's sha256."""
    return one.slot or one.character or (one.glyph or "")[:16]


def _said(rows: Iterable[Used]) -> str:
    """Return the meanings of some rows in one line, with the codes that have them."""
    by_meaning: dict[str, list[str]] = {}
    for row in rows:
        meaning = row.character or (row.glyph[:8] if row.glyph else "—")
        if row.character and row.relationship == "substitute":
            meaning = f"≈{meaning}" + (f"({row.glyph[:8]})" if row.glyph else "")
        by_meaning.setdefault(meaning, []).append(row.subject)
    parts = []
    for meaning, subjects in by_meaning.items():
        more = f" +{len(subjects) - 1}" if len(subjects) > 1 else ""
        parts.append(f"{meaning} {subjects[0]}{more}")
    return "  ".join(parts[:4]) + (" …" if len(parts) > 4 else "")


# --- text


def as_text(shown: Shown, limit: int | None = SHOWN) -> str:
    """Return the report for a terminal: counts, pairs of members, at most `limit` collisions of each kind."""
    names = (
        Text("区分", "Kind"),
        Text("衝突", "Collisions"),
        Text("外字", "Codes"),
        Text("出現数(のべ)", "Occurrences"),
    )
    counts = [
        [str(KIND_NAMES[kind]), f"{one.collisions:,}", f"{one.codes:,}", uses_text(one.uses)]
        for kind, one in shown.wall.counts.items()
    ]
    lines = [*heading(shown), "", *aligned(names, counts, (1, 2, 3))]
    if (pairs := _pairs(shown)) is not None and len(pairs) > 1:
        lines += ["", *aligned(pairs[0], pairs[1:], (2, 3, 4))]
    for kind in shown.kinds:
        count = shown.wall.count(kind, shown.filters)
        lines += ["", f"{KIND_NAMES[kind]} {count:,}"]
        differ = {
            "same-slot": [Text("種類", "Meanings")],
            "same-character": [Text("位置", "Slots")],
            "same-glyph": [],
        }[kind]
        columns = (
            Text("何の衝突か", "Collision"),
            *differ,
            Text("市", "Members"),
            Text("外字", "Codes"),
            Text("出現数(のべ)", "Occurrences"),
            Text("内訳", "Which"),
        )
        table = [
            [
                *(subject(one), *[str(one.meanings) for _ in differ], str(one.members)),
                f"{one.codes}" + (f" +≈{one.substitutes}" if one.substitutes else ""),
                *(uses_text(one.uses, one.uncounted), _said(one.rows)),
            ]
            for one in shown.collisions(kind, limit)
        ]
        if table:
            lines += aligned(columns, table, range(1, len(columns) - 1))
        if rest := count - len(table):
            more = Text(
                f"ほか {rest:,} 件。すべて見るには --format csv か json に --out を付けてください。",
                f"{rest:,} more; see them all with --format csv or json and --out.",
            )
            lines.append(str(more))
    return "\n".join(lines) + "\n"


def _pairs(shown: Shown) -> list[list[str]] | None:
    """Return the table of pairs of members, its header first; None for too many members."""
    counts = [shown.wall.pairs(kind) for kind in KINDS]
    every = sorted({pair for found in counts if found is not None for pair in found})
    if any(found is None for found in counts):
        return None
    header = [str(Text("市", "Member")), str(Text("市", "Member"))]
    rows = [[*pair, *(f"{(found or {}).get(pair, 0):,}" for found in counts)] for pair in every]
    return [[*header, *(str(KIND_NAMES[kind]) for kind in KINDS)], *rows]


# --- CSV and JSON, as long as they get


def as_csv(shown: Shown) -> Iterator[bytes]:
    """Yield the CSV for a spreadsheet: one line for every code of every collision."""

    def rows() -> Iterator[Sequence[object]]:
        for kind in shown.kinds:
            for one in shown.collisions(kind):
                name = one.slot or one.character or one.glyph
                for row in shown.wall.rows(kind, one):
                    code = row.code.hex().upper()
                    yield (
                        *(kind, name, row.code_set, code, f"U+{row.image:04X}", row.character),
                        *(row.relationship, row.uses, row.glyph),
                    )

    return csv_lines([str(header) for header in HEADERS], rows(), "excel")


def as_json(shown: Shown) -> Iterator[bytes]:
    """Yield one JSON object: what the wall is of, its counts, and under `items` every collision told."""
    head = facts(shown).model_dump_json()
    yield head.removesuffix("}").encode() + b',"items":['
    comma = b"\n"
    for kind in shown.kinds:
        for one in shown.collisions(kind):
            yield comma + collision_shape(one).model_dump_json().encode()
            comma = b",\n"
    yield b"\n]}\n"


# --- HTML


def check_columns(columns: Sequence[str]) -> None:
    """Raise BadInput where a drawn matrix would have too many columns."""
    if len(columns) > COLUMNS:
        raise BadInput(
            f"表に並べられる外字セットは {COLUMNS} までです({len(columns)} 指定)。構成市か業務で絞ってください。",
            f"A matrix shows at most {COLUMNS} code sets, not {len(columns)}; choose members or systems.",
        )


def drawn_glyphs(lines: Iterable[SlotRow]) -> set[str]:
    """Return the digests of the glyphs in some lines of the matrix."""
    return {cell.glyph for line in lines for cell in line.cells if cell and cell.glyph}


def as_html(
    shown: Shown, lines: Sequence[SlotRow], forms: Mapping[str, bytes], *, total: int
) -> str:
    """Return the matrix as one self-contained file for screen and print, its glyphs drawn, without script.

    lines: of `Wall.slots`; forms: canonical forms of their glyphs by sha256; total: slots that collide and pass the
    filters.
    """
    symbols = {digest: Markup(svg(parse_canonical(form))) for digest, form in sorted(forms.items())}
    return page(
        "collisions.html.j2",
        heading=heading(shown),
        counts=[
            (KIND_NAMES[kind], f"{one.collisions:,}", f"{one.codes:,}", uses_text(one.uses))
            for kind, one in shown.wall.counts.items()
        ],
        pairs=_pairs(shown) or [],
        columns=shown.wall.code_sets,
        lines=lines,
        total=total,
        pictures=symbols,
        uses_text=uses_text,
    )


__all__ = ["Shown", "as_csv", "as_html", "as_json", "as_text"]
