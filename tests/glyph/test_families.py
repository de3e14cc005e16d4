"""Families of the reference set, against the shipped tables."""

from __future__ import annotations

from gaiji.data import KanaRow, MjRow, read
from gaiji.glyph.families import family, members


def test_the_characters_under_one_base_are_a_family() -> None:
    assert family("MJ026190") == "U+9089"
    siblings = members("U+9089")
    assert "MJ026190" in siblings
    assert {family(name) for name in siblings} == {"U+9089"}
    assert list(siblings) == sorted(siblings)


def test_a_compatibility_ideograph_is_of_its_unified_ideographs_family() -> None:
    assert family("MJ030211") == family("MJ018811") == "U+795E"  # 神 U+FA19 and 神


def test_every_row_of_the_list_is_in_the_family_of_its_corresponding_ucs() -> None:
    without = 0
    for row in read(MjRow):
        if row.ucs is None:
            without += 1
            assert family(row.name) == row.name
        else:
            assert family(row.name) == f"U+{ord(row.ucs):04X}"
    assert without == 3


def test_a_hentaigana_is_of_its_own_code_point() -> None:
    for row in read(KanaRow):
        wanted = f"U+{ord(row.char):04X}" if row.char else row.name
        assert family(row.name) == wanted


def test_a_name_outside_the_reference_set_is_a_family_of_its_own() -> None:
    for name in ("OM000001", "U+3231", "GJ999999"):
        assert family(name) == name
        assert members(name) == (name,)
