"""The collision wall, held against counting every pair of rows."""

from hashlib import sha256
from itertools import combinations
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.errors import BadInput
from gaiji.registry.listing import Used
from gaiji.report.collision_tables import Shown, as_text
from gaiji.report.collisions import KINDS, ROWS, Filters, Kind, Wall, wall

A, B, C = "252069/juki", "252085/juki", "252107/zei"
NABE, SAKI = "MJ026190", "MJ030196"


def drawn(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def row(
    code_set: str,
    position: int,
    character: str | None = None,
    relationship: str | None = "equivalent",
    glyph: str | None = None,
    uses: int | None = None,
    charset: str = "cp932",
) -> Used:
    code = (0xF040 if charset == "cp932" else 0x80A1) + position
    digest = None if glyph is None else drawn(glyph)
    said = relationship if character else None
    return Used(
        code_set, code.to_bytes(2), 0xE000 + position, character, said, digest, uses, charset
    )


def only(found: Wall) -> dict[Kind, int]:
    return {kind: count.collisions for kind, count in found.counts.items() if count.collisions}


# --- each kind planted once


def test_one_slot_with_two_characters_is_found_once() -> None:
    found = wall([row(A, 0, NABE), row(B, 0, SAKI), row(C, 1, "MJ000001")])
    assert only(found) == {"same-slot": 1}
    (one,) = found.collisions("same-slot")
    assert (one.slot, one.meanings, one.members, one.codes) == ("U+E000", 2, 2, 2)
    assert [used.subject for used in one.rows] == [f"{A}/F040", f"{B}/F040"]


def test_one_character_in_two_slots_is_found_once() -> None:
    found = wall([row(A, 0, NABE), row(B, 1, NABE), row(C, 0, NABE)])
    assert only(found) == {"same-character": 1}
    (one,) = found.collisions("same-character")
    assert (one.character, one.meanings, one.codes) == (NABE, 2, 3)


def test_one_glyph_without_a_character_is_found_once() -> None:
    found = wall([row(A, 0, glyph="x"), row(B, 0, glyph="x"), row(C, 1, glyph="y")])
    assert only(found) == {"same-glyph": 1}
    (one,) = found.collisions("same-glyph")
    assert (one.glyph, one.codes, one.slot) == (drawn("x"), 2, None)


def test_a_substitute_is_shown_with_the_character_and_never_counted_as_it() -> None:
    found = wall([row(A, 0, NABE), row(B, 1, NABE, "substitute"), row(C, 2, NABE, "substitute")])
    assert only(found) == {}
    found = wall([row(A, 0, NABE, uses=3), row(B, 1, NABE, "substitute", uses=5), row(C, 2, NABE)])
    (one,) = found.collisions("same-character")
    assert (one.meanings, one.codes, one.uses, one.uncounted) == (2, 2, 3, 1)
    assert (one.code_sets, one.members, one.substitutes) == (2, 2, 1)
    assert found.counts["same-character"].codes == 2
    assert [used.relationship for used in one.rows] == ["equivalent", "substitute", "equivalent"]


def test_a_substitute_means_its_own_glyph_and_never_the_character_it_is_replaced_by() -> None:
    """One machine cannot show two glyphs in one slot, whatever both are written as elsewhere."""
    stands = row(A, 0, NABE, glyph="n", uses=5)
    found = wall([stands, row(B, 0, NABE, "substitute", glyph="m", uses=7)])
    assert only(found) == {"same-slot": 1}
    (one,) = found.collisions("same-slot")
    assert (one.meanings, one.codes, one.uses) == (2, 2, 12)
    assert found.pairs("same-slot") == {("252069", "252085"): 1}
    (line,) = found.slots()
    assert line.meanings == 2
    text = as_text(Shown(found, None))
    assert f"≈{NABE}({drawn('m')[:8]}) {B}/F040" in text

    def slots(*rows: Used) -> int:
        return only(wall(rows)).get("same-slot", 0)

    def replaced(code_set: str, glyph: str | None, character: str = NABE) -> Used:
        return row(code_set, 0, character, "substitute", glyph=glyph)

    assert slots(replaced(A, "x"), replaced(B, "y")) == 1
    assert slots(replaced(A, "x"), replaced(B, "x", SAKI)) == 0
    assert slots(replaced(A, "x"), row(B, 0, glyph="x")) == 0
    assert slots(replaced(A, "x"), row(B, 0, glyph="y")) == 1
    assert slots(replaced(A, "n"), stands._replace(code_set=B)) == 0
    assert slots(replaced(A, None), stands._replace(code_set=B)) == 1
    assert slots(replaced(A, None), replaced(B, None)) == 0
    assert slots(replaced(A, None), replaced(B, None, SAKI)) == 1
    assert slots(replaced(A, None), row(B, 0)) == 0


def test_a_third_city_makes_no_pair_of_two_that_show_one_glyph() -> None:
    found = wall([row(A, 0, NABE, glyph="n"), row(B, 0, glyph="n"), row(C, 0, SAKI, glyph="s")])
    assert found.pairs("same-slot") == {("252069", "252107"): 1, ("252085", "252107"): 1}
    both = wall([row(A, 0, NABE, glyph="n"), row(B, 0, glyph="n"), row(C, 0, SAKI, glyph="n")])
    assert both.pairs("same-slot") == {("252069", "252107"): 1}


def test_an_undecided_code_means_its_glyph_and_nothing_without_one() -> None:
    assert only(wall([row(A, 0, NABE, glyph="n"), row(B, 0)])) == {}
    assert only(wall([row(A, 0), row(B, 0)])) == {}
    assert only(wall([row(A, 0, NABE, glyph="n"), row(B, 0, glyph="n")])) == {}
    assert only(wall([row(A, 0, NABE, glyph="n"), row(B, 0, glyph="m")])) == {"same-slot": 1}
    assert only(wall([row(A, 0, glyph="n"), row(B, 0, glyph="m")])) == {"same-slot": 1}


def test_slots_are_images_or_charsets_and_bytes() -> None:
    """One city's table reads JEF 80A1 as U+E92E: on a server it meets CP932 F040 nowhere."""
    moved = row(B, 0, SAKI, charset="jef")._replace(image=0xE92E)
    assert only(wall([row(A, 0, NABE), moved])) == {}
    assert only(wall([row(A, 0, NABE), row(B, 0, SAKI, charset="jef")])) == {"same-slot": 1}
    by_code = wall([row(A, 0, NABE), row(B, 0, SAKI, charset="jef")], by="code")
    assert only(by_code) == {}
    both = wall([row(A, 0, NABE, charset="jef"), moved], by="code")
    assert [one.slot for one in both.collisions("same-slot")] == ["jef/80A1"]


def test_nothing_counted_is_not_zero() -> None:
    (one,) = wall([row(A, 0, NABE), row(B, 0, SAKI)]).collisions("same-slot")
    assert (one.uses, one.uncounted) == (None, 2)
    counted = wall([row(A, 0, NABE, uses=0), row(B, 0, SAKI)])
    (one,) = counted.collisions("same-slot")
    assert (one.uses, one.uncounted) == (0, 1)
    assert counted.uncounted == [B]
    assert counted.counts["same-slot"].uses == 0
    assert list(counted.collisions("same-slot", Filters(used=True))) == []


# --- parts, filters, pairs


def crowd(members: int = 150) -> Wall:
    return wall(
        row(f"{number:06d}/juki", slot, f"MJ{(number + slot) % 97:06d}", uses=number * slot)
        for number in range(members)
        for slot in range(5)
    )


def test_a_collision_of_many_tells_every_meaning_first_and_all_rows_on_demand() -> None:
    found = crowd()
    for one in found.collisions("same-slot"):
        assert (one.codes, one.meanings, len(one.rows)) == (150, 97, ROWS)
        assert len({used.character for used in one.rows}) == 97
        assert len(list(found.rows("same-slot", one))) == 150
    (one,) = found.collisions("same-character", Filters(character="MJ000003"))
    assert {used.character for used in found.rows("same-character", one)} == {"MJ000003"}


@pytest.mark.parametrize("kind", KINDS)
def test_pages_join_to_the_whole(kind: Kind) -> None:
    found = crowd(20)
    whole, joined, after = list(found.collisions(kind, limit=None)), [], -1
    while part := list(found.collisions(kind, after=after, limit=3)):
        joined += part
        after = part[-1].place
    assert joined == whole
    most = [one.uses or 0 for one in found.collisions(kind, order="uses", limit=None)]
    assert most == sorted(most, reverse=True)


def test_the_matrix_joins_to_the_whole_and_has_a_cell_for_every_code() -> None:
    found = crowd(20)
    whole, joined, after = list(found.slots(limit=None)), [], -1
    while part := list(found.slots(after=after, limit=2)):
        joined += part
        after = part[-1].place
    assert joined == whole
    assert sum(cell is not None for line in whole for cell in line.cells) == found.codes
    few = list(found.slots(["000003/juki"]))
    assert [len(line.cells) for line in few] == [1] * 5
    assert all(line.cells[0] and line.cells[0].member == "000003" for line in few)


def test_the_matrix_leaves_out_what_agrees_unless_asked() -> None:
    found = wall([row(A, 0, NABE), row(B, 0, SAKI), row(A, 1, NABE), row(C, 1, NABE, uses=2)])
    assert [line.slot for line in found.slots()] == ["U+E000"]
    lines = list(found.slots(colliding=False))
    assert [(line.slot, line.collides) for line in lines] == [("U+E000", True), ("U+E001", False)]
    assert lines[1].cells[1] is None
    used = found.slots(colliding=False, filters=Filters(used=True))
    assert [line.slot for line in used] == ["U+E001"]


@pytest.mark.parametrize("order", ["slot", "uses"])
@pytest.mark.parametrize(
    "filters",
    [
        *(Filters(used=True), Filters(touching="252107"), Filters(slot="U+E001")),
        *(Filters(character=NABE), Filters(glyph=drawn("y")), Filters(True, "252085")),
    ],
)
def test_the_matrix_holds_to_the_same_filters_and_order_as_the_list(
    filters: Filters, order: Literal["slot", "uses"]
) -> None:
    found = wall(
        [
            *(row(A, 0, NABE, uses=1), row(B, 0, SAKI)),
            *(row(A, 1, SAKI, uses=4), row(B, 1, NABE, "substitute", glyph="y"), row(C, 1)),
            *(row(A, 2, SAKI), row(C, 2, glyph="y")),
        ]
    )
    told = [one.slot for one in found.collisions("same-slot", filters, order=order)]
    assert [line.slot for line in found.slots(filters=filters, order=order)] == told
    assert len(told) == found.count("same-slot", filters) < 3
    every = found.slots(filters=filters, order=order, colliding=False)
    assert [line.slot for line in every if line.collides] == told


def test_filters_hold_together() -> None:
    found = wall(
        [row(A, 0, NABE, uses=4), row(B, 0, SAKI), row(A, 1, SAKI), row(B, 1, NABE), row(C, 1)]
    )

    def slots(filters: Filters) -> list[str | None]:
        assert found.count("same-slot", filters) == len(
            list(found.collisions("same-slot", filters))
        )
        return [one.slot for one in found.collisions("same-slot", filters)]

    assert slots(Filters(used=True)) == ["U+E000"]
    assert slots(Filters(touching="252107")) == ["U+E001"]
    assert slots(Filters(slot="U+E001")) == ["U+E001"]
    assert slots(Filters(slot="u+f000")) == []
    assert slots(Filters(character=NABE)) == ["U+E000", "U+E001"]
    assert slots(Filters(character="MJ999999")) == []
    for kind in KINDS:
        assert found.count(kind, Filters(glyph=drawn("other"))) == 0
    for name in (NABE, SAKI):
        assert slots(Filters(character=name)) == [
            line.slot for line in found.slots(filters=Filters(character=name))
        ]
    same = [one.character for one in found.collisions("same-character", Filters(slot="U+E000"))]
    assert same == [NABE, SAKI]
    by_code = wall([row(A, 0, NABE), row(B, 0, SAKI)], by="code")
    for name in ("cp932/F040", "CP932/f040"):
        assert by_code.count("same-slot", Filters(slot=name)) == 1
    assert found.count("same-slot", Filters(slot="u+e000")) == 1
    for name in ("E00G", "F041", "U+3042", "U+110000", "U+D800", "cp932/F041"):
        with pytest.raises(BadInput, match="U\\+E000"):
            found.check(Filters(slot=name))
    for name in ("F041", "U+E000", "cp932:F041", "cp932/", "cp932/F04", "jef/80A1"):
        with pytest.raises(BadInput, match="cp932"):
            by_code.check(Filters(slot=name))


def test_a_member_that_is_not_among_those_chosen_is_no_filter() -> None:
    found = wall([row(A, 0, NABE), row(B, 0, SAKI)])
    with pytest.raises(
        BadInput, match="252107 takes no part: the code sets chosen are of 252069, 252085"
    ):
        found.count("same-slot", Filters(touching="252107"))
    assert wall([]).count("same-slot", Filters(touching="252107")) == 0


def test_a_partly_counted_sum_says_what_it_is_without() -> None:
    found = wall([row(A, 0, NABE, uses=3), row(B, 0, SAKI)])
    (line,) = found.slots()
    assert (line.uses, line.uncounted) == (3, 1)
    assert "3(未集計の外字セット 1)" in as_text(Shown(found, None))


def test_pairs_count_where_two_members_differ() -> None:
    found = wall(
        [
            *(row(A, 0, NABE), row(B, 0, SAKI), row(C, 0, NABE)),
            *(row(A, 1, SAKI), row("252069/zei", 1, NABE)),
        ]
    )
    assert found.pairs("same-slot") == {
        ("252069", "252069"): 1,
        ("252069", "252085"): 1,
        ("252085", "252107"): 1,
    }
    assert crowd(65).pairs("same-slot") is None


# --- the oracle


CHARSETS = {A: "cp932", B: "cp932", C: "jef", "252069/zei": "jef"}


def row_of(
    address: str,
    position: int,
    character: str | None,
    relationship: str,
    glyph: str | None,
    uses: int | None,
) -> Used:
    """A row whose charset is that of its code set."""
    return row(address, position, character, relationship, glyph, uses, CHARSETS[address])


ROW = st.builds(
    row_of,
    st.sampled_from(list(CHARSETS)),
    st.integers(0, 3),
    st.sampled_from([None, None, NABE, SAKI, "MJ000001"]),
    st.sampled_from(["equivalent", "design-difference", "substitute"]),
    st.sampled_from([None, "x", "y", "z"]),
    st.sampled_from([None, 0, 1, 7]),
)
ROWS_OF_CODES = st.lists(ROW, max_size=40, unique_by=lambda one: (one.code_set, one.code))


def differ(a: Used, b: Used, others: list[Used]) -> bool:
    """Whether two rows of one slot mean different things, said without sorting anything."""

    def decided(one: Used) -> bool:
        return one.character is not None and one.relationship != "substitute"

    if decided(a) and decided(b):
        return a.character != b.character
    if a.glyph and a.glyph == b.glyph:
        return False
    known = {one.glyph for one in others if decided(one)}
    # what shows a decided row's glyph says what that row says, which is looked at beside it
    if any(one.glyph and one.glyph in known for one in (a, b) if not decided(one)):
        return False
    if not a.glyph and not b.glyph and not decided(a) and not decided(b):
        return bool(a.character and b.character and a.character != b.character)
    return all(one.glyph or one.character for one in (a, b))


@settings(max_examples=300)
@given(ROWS_OF_CODES, st.sampled_from(["image", "code"]))
def test_the_wall_is_what_looking_at_every_pair_gives(rows: list[Used], by: str) -> None:
    def slot(one: Used) -> str:
        code = one.code.hex().upper()
        return f"U+{one.image:04X}" if by == "image" else f"{one.charset}/{code}"

    found = wall(rows, by="image" if by == "image" else "code")
    pairs = list(combinations(rows, 2))
    slots = {
        slot(a)
        for a, b in pairs
        if slot(a) == slot(b) and differ(a, b, [one for one in rows if slot(one) == slot(a)])
    }
    assert {one.slot for one in found.collisions("same-slot", limit=None)} == slots
    exact = [one for one in rows if one.character and one.relationship != "substitute"]
    characters = {
        a.character
        for a, b in combinations(exact, 2)
        if a.character == b.character and slot(a) != slot(b)
    }
    assert {one.character for one in found.collisions("same-character", limit=None)} == characters
    glyphs = {
        a.glyph
        for a, b in pairs
        if not a.character and not b.character and a.glyph and a.glyph == b.glyph
    }
    assert {one.glyph for one in found.collisions("same-glyph", limit=None)} == glyphs
    for kind in KINDS:
        for one in found.collisions(kind, limit=None):
            own = list(found.rows(kind, one))
            assert sorted(own) == sorted(one.rows)
            told = [used for used in own if kind != "same-character" or used in exact]
            assert (one.codes, one.substitutes) == (len(told), len(own) - len(told))
            assert one.members == len({used.member for used in told})
            counted = [used.uses for used in told if used.uses is not None]
            assert one.uses == (sum(counted) if counted else None)
    lines = list(found.slots(colliding=False, limit=None))
    cells = [cell for line in lines for cell in line.cells if cell]
    assert sorted(map(repr, cells)) == sorted(map(repr, rows))
    assert {line.slot for line in lines if line.collides} == slots
