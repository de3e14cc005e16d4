"""Identifying the glyphs of one file (ファイルの文字同定): ranked, judged as one batch, doubted where they look wrong.

| finding | what makes a glyph doubtful |
|---|---|
| `blank-glyph` | there is no ink |
| `rotated` | turned by 90, 180 or 270 degrees it is much more like something |
| `inverted` | it fills its box to all four edges: white on black |
| `several-characters` | far longer than high or higher than long, and like nothing |
| `tiny` | smaller than a fifth of the em, and no sign of that size |

Reading a scan has doubts of its own (gaiji.glyph.scans): `cut-off`, `several-characters` and `tiny` count as these do.

A doubtful glyph is never told to be a character: its verdict is `absent`, and it is to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from gaiji.errors import Text
from gaiji.glyph.distortion import pack, unpack
from gaiji.glyph.families import family
from gaiji.glyph.features import describe, project
from gaiji.glyph.forms import Glyph
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.likeness import DEPTH, Ranking, rank
from gaiji.glyph.shapes import Box, Shape, shape
from gaiji.glyph.verdict import THRESHOLDS, Judgement, Thresholds, judge
from gaiji.wire.findings import Finding

AT_ONCE = 24
"""Glyphs compared together: 25 MB against the whole reference set."""
TURNED = 0.06
"""A turned picture is so much more like its best than the upright one: its likeness, a cosine. See tests."""
FULL_EDGE, FULL = 0.8, 0.5
"""Ink of each edge of the box and of all of it; of the reference set only bars and ■ have as much."""
LONG = 1.65
"""Longer side of the box to the shorter one; 99.9 % of the reference set's kanji have less."""
UNLIKE = 0.75
TINY = 0.2

Heap = Literal["certain", "look", "none", "blank"]


@dataclass(frozen=True)
class Identified:
    """What is said of one glyph of a file (字形一つの同定)."""

    subject: str
    glyph: Glyph
    judgement: Judgement
    findings: tuple[Finding, ...] = ()

    @property
    def group(self) -> Heap:
        """Which heap it goes on; whatever is doubtful is to be looked at."""
        if any(finding.code == "blank-glyph" for finding in self.findings):
            return "blank"
        return "look" if self.findings else self.judgement.group


def identify(
    gallery: Gallery,
    glyphs: Sequence[tuple[str, Glyph]],
    *,
    depth: int = DEPTH,
    thresholds: Thresholds = THRESHOLDS,
    wanted: Callable[[str], bool] = lambda subject: True,
    given: Sequence[Finding] = (),
    progress: Callable[[int, int], None] = lambda done, all: None,
) -> list[Identified]:
    """Return what the glyphs of one file may be (ファイルの文字同定), in their order.

    glyphs: subjects and glyphs of the whole file, which is judged as one batch. wanted: which of them are returned.
    depth: candidates of each. given: what reading a scan found; its warnings are told with the glyph.
    """
    shapes = [shape(glyph) for _, glyph in glyphs]
    rankings: list[Ranking] = []
    for at in range(0, len(shapes), AT_ONCE):
        part = shapes[at : at + AT_ONCE]
        ranked = iter(rank(gallery, [one for one in part if one is not None], depth=depth))
        rankings += [() if one is None else next(ranked) for one in part]
        progress(len(rankings), len(shapes))
    kept = [place for place, (subject, _) in enumerate(glyphs) if wanted(subject)]
    judged = judge(rankings, family, thresholds=thresholds)
    warned = [finding for finding in given if finding.level == "warning"]
    doubted = _doubts(gallery, [(shapes[place], rankings[place]) for place in kept])
    return [
        _told(*glyphs[place], judged[place], (*warned, *doubts))
        for place, doubts in zip(kept, doubted, strict=True)
    ]


def _told(
    subject: str, glyph: Glyph, judgement: Judgement, doubts: tuple[Finding, ...]
) -> Identified:
    placed = tuple(replace(finding, subject=finding.subject or subject) for finding in doubts)
    if judgement.verdict != "absent" and any(one.code not in HARMLESS for one in placed):
        judgement = _nothing_said(judgement)
    return Identified(subject, glyph, judgement, placed)


EVEN = 0.5
HARMLESS = ("frame-removed", "low-resolution")
"""Of a scan: to be looked at, and still what it is like."""


def _nothing_said(judgement: Judgement) -> Judgement:
    """Return the judgement of a doubtful glyph: `absent`, as likely as not, no candidate likelier than that."""
    whole = sum(one.probability for one in judgement.candidates)
    part = min(1.0, EVEN / whole) if whole else 0.0
    candidates = tuple(
        one._replace(probability=part * one.probability, verdict="different")
        for one in judgement.candidates
    )
    return replace(
        judgement, verdict="absent", probability=EVEN, candidates=candidates, siblings=()
    )


def _doubts(
    gallery: Gallery, ranked: Sequence[tuple[Shape | None, Ranking]]
) -> Iterator[list[Finding]]:
    for at in range(0, len(ranked), AT_ONCE):
        part = ranked[at : at + AT_ONCE]
        turns = iter(_turns(gallery, [one for one in part if one[0] is not None]))
        for found, ranking in part:
            if found is None:
                yield [_blank()]
            else:
                yield [*next(turns), *_of_shape(found, ranking)]


def _turns(gallery: Gallery, ranked: Sequence[tuple[Shape | None, Ranking]]) -> list[list[Finding]]:
    """Return for each shape whether it is turned: by the likeness of the turned pictures, which are not ranked."""
    pictures = [found.picture for found, _ in ranked if found is not None]
    told: list[list[Finding]] = [[] for _ in ranked]
    if not pictures or not gallery.names:
        return told
    upright = np.array([max(one.likeness for one in ranking) for _, ranking in ranked])
    best, turn = upright + TURNED, np.zeros(len(ranked), int)
    names = [""] * len(ranked)
    for quarters in (1, 2, 3):
        turned = np.rot90(np.array(pictures), quarters, axes=(1, 2))
        places, likeness = gallery.nearest(project(describe(np.ascontiguousarray(turned))), 1)
        for one in np.flatnonzero(likeness[:, 0] > best):
            best[one], turn[one] = likeness[one, 0], quarters
            names[one] = gallery.names[places[one, 0]]
    for one in np.flatnonzero(turn):
        told[one] = [_rotated(90 * int(turn[one]), names[one])]
    return told


def _of_shape(found: Shape, ranking: Ranking) -> Iterator[Finding]:
    score = ranking[0].score if ranking else 0.0
    is_sign = bool(ranking) and ranking[0].name.startswith("U+")
    grey = unpack(pack(found.picture[None]))[0]
    edges = (grey[0], grey[-1], grey[:, 0], grey[:, -1])
    if min(edge.mean() for edge in edges) > FULL_EDGE and grey.mean() > FULL and not is_sign:
        yield _inverted()
    elif _long(found.box) and score < UNLIKE:
        yield _several()
    if max(found.box.width, found.box.height) < TINY and not is_sign:
        yield _tiny()


def _long(box: Box) -> bool:
    return max(box.width, box.height) > LONG * min(box.width, box.height)


# --- sentences


def _blank() -> Finding:
    text = Text(
        "字形が空白のため同定できません。使われていない外字か確かめてください。",
        "A blank glyph cannot be identified; check whether this gaiji is in use.",
    )
    return Finding("blank-glyph", "warning", text)


def _rotated(degrees: int, name: str) -> Finding:
    side = {
        90: Text("左に90度", "by 90 degrees to the left"),
        180: Text("180度", "by 180 degrees"),
        270: Text("右に90度", "by 90 degrees to the right"),
    }[degrees]
    text = Text(
        f"{side.ja}回すと {name} によく似ます。字形の向きを確かめてください。",
        f"Turned {side.en} it is much like {name}; check which way up the glyph is.",
    )
    return Finding("rotated", "warning", text)


def _inverted() -> Finding:
    text = Text(
        "字面のほぼ全体が黒く、白黒が反転しているようです。字形を確かめてください。",
        "Nearly all of the box is ink, as of white on black; check the glyph.",
    )
    return Finding("inverted", "warning", text)


def _several() -> Finding:
    text = Text(
        "字面が細長く、似た文字がありません。2文字以上か字の一部でないか確かめてください。",
        "The ink is long and like no character; check whether it is several characters or a part of one.",
    )
    return Finding("several-characters", "warning", text)


def _tiny() -> Finding:
    text = Text(
        "字形がとても小さいため、記号や汚れかもしれません。字形を確かめてください。",
        "The ink is very small and may be a sign or a stain; check the glyph.",
    )
    return Finding("tiny", "warning", text)


__all__ = ["Identified", "identify"]
