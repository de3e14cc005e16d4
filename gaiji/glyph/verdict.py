"""From likeness to a verdict with a probability (同定の判定): same, design difference, different, absent.

Two questions are kept apart. Is the right character in the gallery at all? A logistic regression over the evidence of
the first candidate says, corrected for how many of the whole batch seem to be: a city's font is drawn by one hand,
and a fifth of its gaiji or three quarters of them may be in no reference set. And which one is it? The
candidates share what the first answer leaves, by a softmax over their scores. Both were fitted on typefaces that
neither the projection nor the tests know (tools/calibrate_shapes.py, `gaiji/data/shape/calibration.json`).

Nothing is decided here. "same" puts a glyph into the group that a person may confirm at once, and is never said where
a close sibling (異体の字形) competes.

Source of the correction: M. Saerens, P. Latinne, C. Decaestecker, "Adjusting the outputs of a classifier to new a
priori probabilities", Neural Computation 14 (2002) 21-41.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from gaiji.glyph.likeness import Likeness, Ranking
from gaiji.settings import shipped

Word: TypeAlias = Literal["same", "design-difference", "different", "absent"]
Group: TypeAlias = Literal["certain", "look", "none"]
Array: TypeAlias = NDArray[np.float64]
Family: TypeAlias = Callable[[str], str]

CLEAR = 0.08
"""A rival of another family further behind than this says no more."""
KNOWN = 20
"""Glyphs of a batch that weigh as much as what is known of typefaces in general."""


@dataclass(frozen=True)
class Thresholds:
    """From which probability on a verdict is given (判定の閾値).

    same: the first candidate is it. family: it is one of the first candidate's family. absent: it is none.
    close: a sibling whose score is no more than this behind competes.
    """

    same: float = 0.98
    family: float = 0.5
    absent: float = 0.5
    close: float = 0.06


THRESHOLDS = Thresholds()


class Judged(NamedTuple):
    """One candidate with its probability of being the right one (同定候補)."""

    name: str
    score: float
    probability: float
    verdict: Word


@dataclass(frozen=True)
class Judgement:
    """What is said of one glyph (同定の判定).

    probability: that the verdict is right: of `same` that it is the first candidate, of `design-difference` that it is
    one of its family, of `absent` that it is none, of `different` that it is not the first one's family.
    margin: score of the first candidate less that of the best of another family; siblings: of the first one's
    family, and close enough to compete.
    """

    verdict: Word
    probability: float
    margin: float
    candidates: tuple[Judged, ...]
    siblings: tuple[str, ...]

    @property
    def group(self) -> Group:
        """Which heap it goes on: to be confirmed at once, to be looked at, or without a candidate."""
        return GROUPS[self.verdict]


GROUPS: dict[Word, Group] = {
    "same": "certain",
    "design-difference": "look",
    "different": "look",
    "absent": "none",
}


class Style(NamedTuple):
    """What one batch's right answers look like (書体の癖): their score and their worst spot."""

    level: float
    spot: float


class Calibration(NamedTuple):
    """Coefficients of the verdict (判定の較正係数), as tools/calibrate_shapes.py fits them."""

    weights: tuple[float, ...]
    sharpness: float
    style: Style
    floor: float


@cache
def calibration() -> Calibration:
    """Return the calibration that ships with the program (判定の較正)."""
    told = json.loads((shipped("data", "shape") / "calibration.json").read_text("utf-8"))
    style = Style(**told["style"])
    return Calibration(tuple(told["weights"]), told["sharpness"], style, told["floor"])


def judge(
    rankings: Sequence[Ranking], family: Family, *, thresholds: Thresholds = THRESHOLDS
) -> list[Judgement]:
    """Return what is said of each glyph of one batch (一括の判定): one font, or one code set of a city.

    rankings: of all its glyphs, decided ones too, because the batch's style shows in them; empty where a gallery is.
    family: which family a name belongs to.
    """
    told = calibration()
    ranked = [ranking for ranking in rankings if ranking]
    style = style_of(ranked, told)
    rows = [evidence(ranking, family, style) for ranking in ranked]
    present = iter(_corrected(_logistic(np.array(rows).reshape(-1, FEATURES), told.weights)))
    return [
        _judged(ranking, float(next(present)), family, told.sharpness, thresholds)
        if ranking
        else Judgement("absent", 1.0, 0.0, (), ())
        for ranking in rankings
    ]


def style_of(rankings: Sequence[Ranking], told: Calibration) -> Style:
    """Return the style of a batch: its best tenth, drawn to what typefaces are in general where it is small."""
    if not rankings:
        return told.style
    level = np.quantile([ranking[0].score for ranking in rankings], 0.9)
    spot = np.quantile([ranking[0].spot for ranking in rankings], 0.1)
    part = len(rankings) / (len(rankings) + KNOWN)
    level = max(told.floor, part * level + (1 - part) * told.style.level)
    return Style(float(level), float(part * spot + (1 - part) * told.style.spot))


FEATURES = 7


def evidence(ranking: Ranking, family: Family, style: Style) -> tuple[float, ...]:
    """Return what tells whether the right character is there at all: FEATURES numbers, the last one 1."""
    first = ranking[0]
    gap = min(margin(ranking, family), CLEAR)
    return (
        10 * first.score,
        10 * (first.score - style.level),
        10 * gap,
        first.spot,
        first.spot - style.spot,
        10 * first.residue,
        1.0,
    )


def margin(ranking: Ranking, family: Family) -> float:
    """Return how far the best candidate of another family is behind the first one; CLEAR where there is none."""
    home = family(ranking[0].name)
    others = (one.score for one in ranking if family(one.name) != home)
    return ranking[0].score - next(others, ranking[0].score - CLEAR)


def _logistic(rows: Array, weights: Sequence[float]) -> Array:
    value: Array = 1 / (1 + np.exp(-np.clip(rows @ np.array(weights), -30, 30)))
    return value


def _corrected(present: Array) -> Array:
    """Return probabilities fitted with halves, corrected for the batch's own share of present characters."""
    share = 0.5
    corrected = present
    for _ in range(30):
        odds = share / (1 - share)
        corrected = present * odds / (present * odds + 1 - present)
        share = float((corrected.sum() + KNOWN / 2) / (len(present) + KNOWN))
    return corrected


def shares(ranking: Ranking, sharpness: float) -> Array:
    """Return the candidates' shares: which one it is, if it is one of them."""
    scores = np.array([one.score for one in ranking])
    powers = np.exp(sharpness * (scores - scores.max()))
    part: Array = powers / powers.sum()
    return part


def _judged(
    ranking: Ranking, present: float, family: Family, sharpness: float, thresholds: Thresholds
) -> Judgement:
    chances = present * shares(ranking, sharpness)
    first, home = ranking[0], family(ranking[0].name)
    kin = np.array([family(one.name) == home for one in ranking])
    siblings = tuple(
        one.name
        for one, near in zip(ranking[1:], kin[1:], strict=True)
        if near and first.score - one.score <= thresholds.close
    )
    of_family = float(chances[kin].sum())
    verdict, probability = _word(float(chances[0]), of_family, present, bool(siblings), thresholds)
    candidates = tuple(
        Judged(one.name, one.score, float(chance), _of_candidate(place, near, verdict))
        for place, (one, chance, near) in enumerate(zip(ranking, chances, kin, strict=True))
    )
    return Judgement(verdict, probability, margin(ranking, family), candidates, siblings)


def _word(
    top: float, of_family: float, present: float, siblings: bool, thresholds: Thresholds
) -> tuple[Word, float]:
    if top >= thresholds.same and not siblings:
        return "same", top
    if of_family >= thresholds.family:
        return "design-difference", of_family
    if 1 - present >= thresholds.absent:
        return "absent", 1 - present
    return "different", 1 - of_family


def _of_candidate(place: int, near: bool, verdict: Word) -> Word:
    """Return what is said of one candidate: the first one's verdict, its family alike, the others different."""
    if verdict in ("same", "design-difference") and near:
        return verdict if place == 0 else "design-difference"
    return "different"


def ranking_of(rows: Sequence[Sequence[str | float]]) -> Ranking:
    """Return a ranking that was kept as rows of plain values."""
    return tuple(Likeness(str(name), *map(float, values)) for name, *values in rows)
