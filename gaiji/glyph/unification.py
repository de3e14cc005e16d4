"""Unification rules as data (包摂規準): what may differ between two forms of one character, each with its source.

The rules stand in `gaiji/data/shape/unification.json`. A `design-difference` is one of typefaces and hands; a
`variant` is another form of a part, which standards unify and registers of persons keep apart. The rule by which
文字情報一覧表 unifies a character with its JIS X 0213 point is known by its number there; of other differences
nothing is said.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Literal, NamedTuple

from gaiji.data import MjRow, read
from gaiji.errors import Text
from gaiji.settings import shipped

LIST = "mjlist"
"""The source whose numbers stand in the list's column X0213 包摂連番."""

Kind = Literal["design-difference", "variant"]


class Cited(NamedTuple):
    """Where a rule is from (出典): title, publisher, year where it is sure, and its number there if known."""

    source: str
    title: str
    publisher: str
    year: int | None
    number: str | None


class Rule(NamedTuple):
    """One rule (包摂規準): text says what may differ; parts: characters or parts that show it."""

    id: str
    text: Text
    kind: Kind
    parts: tuple[str, ...]
    sources: tuple[Cited, ...]


@cache
def rules() -> tuple[Rule, ...]:
    """Return all rules (包摂規準の一覧)."""
    told = json.loads((shipped("data", "shape") / "unification.json").read_text("utf-8"))
    return tuple(
        Rule(
            row["id"],
            Text(row["ja"], row["en"]),
            row["kind"],
            tuple(row["parts"]),
            tuple(
                Cited(one["source"], **told["sources"][one["source"]], number=one["number"])
                for one in row["sources"]
            ),
        )
        for row in told["rules"]
    )


def rules_of(name: str) -> tuple[Rule, ...]:
    """Return the rules by which the list unifies a character with its JIS X 0213 point (適用された包摂規準).

    None for what stands for itself, and where the list's number is of no rule known here.
    """
    by_number = {cited.number: rule for rule in rules() for cited in rule.sources if _listed(cited)}
    numbers = _numbers().get(name, ())
    return tuple(by_number[number] for number in numbers if number in by_number)


def _listed(cited: Cited) -> bool:
    return cited.source == LIST and cited.number is not None


@cache
def _numbers() -> dict[str, tuple[str, ...]]:
    return {row.name: tuple(row.x0213_rule.split("・")) for row in read(MjRow) if row.x0213_rule}


__all__ = ["Cited", "Rule", "rules", "rules_of"]
