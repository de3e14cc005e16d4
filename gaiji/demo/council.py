"""The built-in council (見本の協議会): eight cities with their real municipality codes and sixteen code sets.

`council.toml` describes them; `gaiji.demo.generate` makes what they hand in from it and a seed.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from gaiji.charset.charsets import Charset, charset

_COUNCIL: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


@dataclass(frozen=True)
class City:
    """A member city (構成市). postal: first three digits of its post codes; candidate: joins later."""

    code: str
    name: str
    english: str
    postal: str
    towns: tuple[str, ...]
    candidate: bool = False


@dataclass(frozen=True)
class CodeSetPlan:
    """A code set of the council (外字セット) and how its city hands it in.

    count: codes its city gave a meaning; columns: a key of LIST_COLUMNS; encoding, separator: of the list;
    told: part of the rows that carry the telling number; start: slots left free at the beginning of the
    area; areas: the city's own user-defined areas and images, the charset's where None; cs_table,
    vendor_table: further files the city has; known: part of the city's residents that the system holds;
    options: of the charset.
    """

    address: str
    system: str
    group: str
    charset_name: str
    count: int
    columns: str
    encoding: str = "cp932"
    separator: str = ","
    told: float = 0.95
    design: str = "a"
    glyphs: Literal["tte", "bdf", "fontx2"] = "tte"
    start: int = 0
    areas: list[dict[str, Any]] | None = None
    cs_table: bool = False
    vendor_table: Literal["hulft", "fujitsu"] | None = None
    known: float = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def member(self) -> str:
        """Its city's code."""
        return self.address.partition("/")[0]

    @property
    def name(self) -> str:
        """Its name within the city, e.g. juki."""
        return self.address.partition("/")[2]

    @cached_property
    def charset(self) -> Charset:
        """Its charset with the city's own options and areas."""
        return charset(self.charset_name, areas=self.areas, **self.options)

    @property
    def has_residents(self) -> bool:
        """Whether a resident file is made for it, in its charset: where its list can decide gaiji."""
        return bool(DECISIVE & self.cells)

    @property
    def cells(self) -> set[str]:
        """What stands in the columns of its list."""
        return set(LIST_COLUMNS[self.columns].values())


DECISIVE = {"mj", "koseki", "touki", "ivs", "sequence"}
"""Cells of a list that name one character by themselves, where the character has such a number."""

CITIES = tuple(City(**city | {"towns": tuple(city["towns"])}) for city in _COUNCIL["city"])
LIST_COLUMNS: dict[str, dict[str, str]] = _COUNCIL["list"]
DESIGNS: dict[str, tuple[float, float, int, int]] = {
    k: tuple(v) for k, v in _COUNCIL["design"].items()
}
CODE_SETS = tuple(
    CodeSetPlan(address, charset_name=plan.pop("charset"), **plan)
    for address, plan in _COUNCIL["codeset"].items()
)


def city(code: str) -> City:
    """Return a city of the council by its code. Raises KeyError."""
    return {known.code: known for known in CITIES}[code]
