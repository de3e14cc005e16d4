"""What is said of rankings: probabilities that add up, siblings that keep "same" away, a batch's own share."""

from __future__ import annotations

import pytest

from gaiji.glyph.likeness import Likeness, Ranking
from gaiji.glyph.verdict import (
    Judgement,
    Thresholds,
    calibration,
    judge,
    margin,
    ranking_of,
    shares,
)

FAMILIES = {"MJ000002": "U+4E01"}


def family(name: str) -> str:
    return FAMILIES.get(name, "U+4E00" if name in ("MJ000001", "MJ000003") else name)


def like(name: str, below: float, *, spot: float | None = None, residue: float = 0.02) -> Likeness:
    """A candidate whose score is so far below what is right for typefaces in general."""
    told = calibration()
    score = told.style.level - below
    return Likeness(name, score, score, residue, told.style.spot if spot is None else spot, 0.0)


def good(second: str = "MJ000009") -> Ranking:
    return (like("MJ000001", -0.15, spot=0.1), like(second, 0.3), like("MJ000008", 0.35))


def poor() -> Ranking:
    return tuple(
        like(name, 0.4 + 0.001 * place, spot=1.5, residue=0.4)
        for place, name in enumerate(("MJ000002", "MJ000005", "MJ000006"))
    )


def alone(ranking: Ranking) -> Judgement:
    return judge([ranking], family)[0]


def test_a_clear_first_candidate_is_the_same() -> None:
    said = judge([good()] * 50, family)[0]
    assert (said.verdict, said.group, said.siblings) == ("same", "certain", ())
    assert said.probability >= Thresholds().same
    assert [one.name for one in said.candidates] == ["MJ000001", "MJ000009", "MJ000008"]
    assert [one.verdict for one in said.candidates] == ["same", "different", "different"]


def test_a_close_sibling_keeps_same_away() -> None:
    ranking = (
        like("MJ000001", -0.15, spot=0.1),
        like("MJ000003", -0.13, spot=0.1),
        like("MJ000009", 0.3),
    )
    said = judge([ranking] * 50, family)[0]
    assert (said.verdict, said.group) == ("design-difference", "look")
    assert said.siblings == ("MJ000003",)
    assert said.candidates[1].verdict == "design-difference"


def test_what_is_like_nothing_is_absent() -> None:
    said = alone(poor())
    assert (said.verdict, said.group) == ("absent", "none")
    assert said.probability > 0.9


def test_probabilities_never_exceed_one_and_are_best_first() -> None:
    for ranking in (good(), poor(), good()[:1]):
        said = alone(ranking)
        chances = [one.probability for one in said.candidates]
        assert sum(chances) <= 1 + 1e-9
        assert chances == sorted(chances, reverse=True)


def test_a_batch_of_absent_glyphs_makes_a_doubtful_one_less_likely() -> None:
    doubtful = (
        like("MJ000001", 0.1, spot=0.6, residue=0.1),
        like("MJ000009", 0.13),
        like("MJ000008", 0.15),
    )
    among_good = judge([doubtful, *[good()] * 200], family)[0]
    among_poor = judge([doubtful, *[poor()] * 200], family)[0]
    good_chance, poor_chance = (
        sum(c.probability for c in j.candidates) for j in (among_good, among_poor)
    )
    assert good_chance != pytest.approx(poor_chance)


def test_a_glyph_without_ranking_has_no_candidate() -> None:
    said = judge([(), good()], family)
    assert said[0].candidates == ()
    assert said[0].verdict == "absent"
    assert said[1].candidates


def test_the_margin_passes_over_the_family() -> None:
    ranking = (like("MJ000001", 0.0), like("MJ000003", 0.01), like("MJ000002", 0.05))
    assert margin(ranking, family) == pytest.approx(0.05)
    assert shares(ranking, 100)[0] > shares(ranking, 100)[1] > shares(ranking, 100)[2]


def test_a_kept_ranking_comes_back() -> None:
    ranking = good()
    kept: list[list[str | float]] = [
        [o.name, o.score, o.likeness, o.residue, o.spot, o.size] for o in ranking
    ]
    assert ranking_of(kept) == ranking
