"""The donor's outlines: a character's own, and none that may be another's of the same base."""

from collections import defaultdict
from functools import cache

import pytest

from gaiji.data import MjRow, read
from gaiji.glyph.donors import donor
from gaiji.glyph.forms import Outline
from gaiji.glyph.reference import font_status, reference_font
from gaiji.settings import Settings

pytestmark = pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(Settings())),
    reason="reference fonts are not installed: gaiji fonts fetch",
)


@cache
def rows() -> dict[str, MjRow]:
    return {row.name: row for row in read(MjRow)}


@cache
def same_base() -> dict[str | None, list[MjRow]]:
    found = defaultdict[str | None, list[MjRow]](list)
    for row in rows().values():
        found[row.ucs].append(row)
    return found


def reference(name: str) -> Outline | None:
    font = reference_font(Settings())
    return font.glyph(name) if name in font.names() else None


@pytest.mark.parametrize("name", ["MJ058376", "MJ068096", "MJ006456", "MJ011351"])
def test_a_glyph_at_a_code_point_that_is_nearer_to_anothers_shape_is_not_drawn(name: str) -> None:
    source, row = donor(Settings()), rows()[name]
    assert source.has(row)  # something stands there, and it is no rival's by sequence
    assert source.own(row, same_base()[row.ucs], reference) is None
    nobody_near = source.own(row, [], reference)
    assert nobody_near == source.outline(row)


@pytest.mark.parametrize("name", ["MJ026190", "MJ009671"])
def test_the_glyph_of_a_sequence_is_the_characters_own(name: str) -> None:
    source, row = donor(Settings()), rows()[name]
    assert source.own(row, same_base()[row.ucs], reference) is not None
