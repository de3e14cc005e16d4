"""The unification rules: whole, cited, and known by their numbers in the list."""

from __future__ import annotations

from gaiji.data import MjRow, read
from gaiji.glyph.families import members
from gaiji.glyph.unification import rules, rules_of


def test_every_rule_is_cited_and_speaks_both_languages() -> None:
    found = rules()
    assert len({rule.id for rule in found}) == len(found)
    for rule in found:
        assert rule.text.ja
        assert rule.text.en
        assert rule.kind in ("design-difference", "variant")
        assert rule.sources
        assert all(cited.title and cited.publisher for cited in rule.sources)


def test_the_numbers_of_the_list_are_numbers_that_the_list_has() -> None:
    known = {number for row in read(MjRow) for number in (row.x0213_rule or "").split("・")}
    told = [c.number for rule in rules() for c in rule.sources if c.source == "mjlist"]
    assert told
    assert set(told) <= known


def test_a_walk_radical_with_two_dots_is_told_from_one() -> None:
    applied = {name: [rule.id for rule in rules_of(name)] for name in members("U+9089")}
    assert applied["MJ026192"] == ["walk-radical"]
    assert applied["MJ026190"] == []
