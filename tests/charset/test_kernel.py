"""The kernel against a step-by-step reading of the same tables, and tables against what they were built from."""

import mmap
import os
import subprocess
import sys
from array import array
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.charset import kernel
from gaiji.charset.kernel import (
    CONTINUATION,
    DONE,
    EVENT,
    FOLLOWED,
    FULL,
    SIDE,
    STOP,
    Event,
    Memory,
    Table,
    lanes,
)
from gaiji.charset.machine import Action, Key, Machine, build

pytestmark = pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")

States = Mapping[Key, Mapping[bytes, Action]]
BLOB = bytes(range(200, 256)) * 4
OUTPUTS = ((0, 3, 1, 2), (5, 0, 1, 0), (0, 9, 0, 0), (17, 33, 1, 1000), (100, 4, 1, 1))
"""Sides: offset, length, action, limit."""


class Ended(NamedTuple):
    """Where a lane ended: bytes consumed, bytes written, events, counts."""

    consumed: int
    out: bytes
    events: list[Event]
    characters: int
    state: int
    status: int


class Given(NamedTuple):
    """What a lane is given."""

    data: bytes
    state: int
    room: int
    event_room: int


def sides_of(outputs: tuple[tuple[int, int, int, int], ...] = OUTPUTS) -> bytearray:
    return bytearray(b"".join(SIDE.pack(o, n, action, 0, most) for o, n, action, most in outputs))


def table_of(machine: Machine, sides: bytearray, blob: bytes = BLOB) -> Table:
    table = Table(machine.entries, sides, blob, ascii=machine.ascii, stops=machine.stops)
    table.check()
    return table


def interpret(machine: Machine, sides: bytearray, lane: Given) -> Ended:
    """Read a table as the top of kernel.c describes it, one step after the other; counts go into sides."""
    data, state, room, event_room = lane
    at, out, events, characters = 0, bytearray(), list[Event](), 0

    def ended(status: int) -> Ended:
        return Ended(at, bytes(out), events, characters, state, status)

    while True:
        wide = state & 31 == 16
        if len(data) - at < 1 + wide:
            return ended(DONE)
        index = int.from_bytes(data[at : at + 1 + wide], "big")
        entry = machine.entries[(state >> 5) * 256 + index]
        n_in, low = entry >> 62, entry & 0xFFFFFFFF
        if not n_in:
            return ended(STOP)
        if entry >> 35 & 1:
            offset, length, action, count, limit = SIDE.unpack_from(sides, low * SIDE.size)
            if not action:
                return ended(STOP)
            if room - len(out) < length or (count < limit and len(events) == event_room):
                return ended(FULL)
            if count < limit:
                events.append(Event(at, len(out), low, n_in))
            SIDE.pack_into(sides, low * SIDE.size, offset, length, action, count + 1, limit)
            written = BLOB[offset : offset + length]
        else:
            written = low.to_bytes(4, "little")[: entry >> 32 & 7]
            if room - len(out) < len(written):
                return ended(FULL)
        out += written
        at, characters, state = at + n_in, characters + (entry >> 36 & 3), entry >> 38 & 0xFFFFFF


def run(table: Table, given: list[Given], *, ascii: bool = False, padding: int = 0) -> list[Ended]:
    """Run lanes, each between other bytes; nothing outside its room may change."""
    found = []
    running = lanes(len(given))
    held = []
    for lane, one in zip(running, given, strict=True):
        source = b"\x41" * padding + one.data + b"\x82\xa0" * 16
        target = bytearray(b"\xa5" * (padding + one.room + 32))
        events = bytearray(EVENT.size * one.event_room)
        memory = Memory(source), Memory(target, writable=True), Memory(events, writable=True)
        held.append((source, target, events, memory))
        lane.read(memory[0], padding, padding + len(one.data))
        lane.write(memory[1], padding, padding + one.room)
        lane.note(memory[2])
        lane.state = one.state
    table.run(running, ascii=ascii)
    for lane, one, (_, target, _, memory) in zip(running, given, held, strict=True):
        moved = [
            event._replace(source=event.source - padding, target=event.target - padding)
            for event in lane.noted(memory[2])
        ]
        out = bytes(target[padding : lane.written])
        assert target[:padding] == b"\xa5" * padding
        assert target[padding + one.room :] == b"\xa5" * 32
        consumed = lane.consumed - padding
        found.append(Ended(consumed, out, moved, lane.characters, lane.state, lane.status))
        for each in memory:
            each.release()
    return found


def summed(found: list[Ended]) -> list[Ended]:
    """Give all characters to the first lane: the kernel says how many they are in sum."""
    total = sum(one.characters for one in found)
    return [one._replace(characters=0 if at else total) for at, one in enumerate(found)]


# --- made tables

LEADS = b"\x00\x0eA&09\x80\x82\xe3\xff"
TRAILS = b"\x00A&\x82\xff"


@st.composite
def made_states(draw: st.DrawFn) -> States:
    """Return states whose codes are told apart by their first byte."""
    keys = draw(st.sampled_from(((0,), (0, 1), ("a", "b", "c"))))
    out = st.one_of(st.binary(max_size=4), st.integers(0, len(OUTPUTS) - 1), st.none())
    action = st.builds(Action, out, st.integers(0, 2), st.sampled_from(keys))
    states = {}
    for key in keys:
        codes: dict[bytes, Action] = {}
        for lead in draw(st.sets(st.sampled_from(LEADS))):
            rest = draw(st.integers(0, 3))
            trails = st.lists(st.sampled_from(TRAILS), min_size=rest, max_size=rest).map(bytes)
            for trail in draw(st.sets(trails, min_size=1, max_size=4)):
                codes[bytes([lead]) + trail] = draw(action)
        states[key] = codes
    return states


def texts(states: States) -> st.SearchStrategy[bytes]:
    """Return data made of the states' codes and of what is none."""
    codes = sorted({code for codes in states.values() for code in codes} | {b"A", b"\x82"})
    piece = st.one_of(st.sampled_from(codes), st.sampled_from(LEADS).map(lambda b: bytes([b])))
    return st.lists(piece, max_size=60).map(b"".join)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_kernel_and_step_by_step_reading_agree(data: st.DataObject) -> None:
    states = data.draw(made_states())
    machine = build(states)
    given = [
        Given(
            data.draw(texts(states)),
            data.draw(st.sampled_from(list(machine.states.values()))),
            data.draw(st.one_of(st.just(2000), st.integers(0, 120))),
            data.draw(st.one_of(st.just(100), st.integers(0, 3))),
        )
        for _ in range(data.draw(st.integers(1, 5)))
    ]
    for one in given:  # counts would depend on the order of the lanes: one after the other
        sides, expected = sides_of(), sides_of()
        with table_of(machine, sides) as table:
            found = run(table, [one], padding=data.draw(st.integers(0, 31)))
        assert found == [interpret(machine, expected, one)]
        assert sides == expected
    unlimited = tuple((o, n, action, 1 << 40) for o, n, action, _ in OUTPUTS)
    sides, expected = sides_of(unlimited), sides_of(unlimited)
    with table_of(machine, sides) as table:
        found = run(table, given, padding=data.draw(st.integers(0, 31)))
    assert summed(found) == summed([interpret(machine, expected, one) for one in given])
    assert sides == expected


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_table_does_what_it_was_built_from(data: st.DataObject) -> None:
    states = data.draw(made_states())
    machine = build(states)
    text, key = data.draw(texts(states)), data.draw(st.sampled_from(list(states)))
    with table_of(machine, sides_of()) as table:
        [found] = run(table, [Given(text, machine.states[key], 4000, 500)])
    end, state = found.consumed, found.state
    if state in machine.inner:
        begun, read = machine.inner[state]
        end, state = end - read, machine.states[begun]
    at, out, characters = 0, b"", 0
    while at < end:
        code = next(code for code in states[key] if text.startswith(code, at))
        action = states[key][code]
        if isinstance(action.out, int):
            offset, length, *_ = OUTPUTS[action.out]
            out += BLOB[offset : offset + length]
        else:
            assert action.out is not None
            out += action.out
        at, characters, key = at + len(code), characters + action.characters, action.state
    assert (at, out, characters) == (end, found.out, found.characters)
    assert machine.states[key] == state
    if found.status == STOP:
        code = next((code for code in states[key] if text.startswith(code, at)), b"")
        action = states[key].get(code, Action(None, 0, key))
        assert action.out is None or action.out == 2
    else:
        assert found.status == DONE
        assert len(text) - at < 4


# --- ASCII


def ascii_machine() -> Machine:
    """ASCII but for four bytes, two-byte codes, long codes and a second state."""
    codes = {bytes([b]): Action(bytes([b]), 1, "one") for b in range(128) if b not in b"&\\\x0e"}
    codes[b"&"] = Action(None, 0, "one")
    codes[b"\\"] = Action("¥".encode(), 1, "one")
    codes[b"~"] = Action("‾".encode(), 1, "one")
    codes[b"\x0e"] = Action(b"", 0, "two")
    codes[b"\xb1"] = Action("ｱ".encode(), 1, "one")
    codes[b"\x82\xa0"] = Action("あ".encode(), 1, "one")
    codes[b"\xf0\x40"] = Action(3, 1, "one")
    codes[b"\xe3\x81\x82"] = Action(b"\x82\xa0", 1, "one")
    two = {b"AA": Action("亜".encode(), 1, "two"), b"\x0f": Action(b"", 0, "one")}
    return build({"one": codes, "two": two}, ascii="one")


PIECES = (
    *(b"0123456789", b"A,B\r\n", b" " * 20, b"7", b"abcdefgh"),
    *(
        b"\x82\xa0",
        b"\xf0\x40",
        b"\xe3\x81\x82",
        b"\xb1",
        b"\\",
        b"~",
        b"\x0eAAAA\x0f",
        b"&",
        b"\xe3A",
    ),
)


def test_stops_are_what_is_not_itself_and_too_many_leave_no_ascii_state() -> None:
    machine = ascii_machine()
    assert machine.stops == b"\x0e&\\~"
    assert machine.ascii == machine.states["one"]
    ten = {bytes([b]): Action(bytes([b]), 1, 0) for b in range(10, 128)}
    assert (build({0: ten}, ascii=0).ascii, build({0: ten}, ascii=0).stops) == (0, b"")


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join),
            st.one_of(st.just(3000), st.integers(0, 200)),
        ),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 31),
)
@settings(max_examples=200, deadline=None)
def test_the_ascii_path_gives_the_same_bytes_counts_and_events(
    made: list[tuple[bytes, int]], padding: int
) -> None:
    machine = ascii_machine()
    given = [Given(data, machine.ascii, room, 500) for data, room in made]
    results = []
    for ascii in (False, True):
        sides, expected = sides_of(), sides_of()
        with table_of(machine, sides) as table:
            found = run(table, given, ascii=ascii, padding=padding)
        if not ascii:
            assert summed(found) == summed([interpret(machine, expected, one) for one in given])
            assert sides == expected
        results.append(found)
    for plain, fast, one in zip(*results, given, strict=True):
        left = one.data[fast.consumed :], one.data[plain.consumed :]
        shorter = min(len(fast.out), len(plain.out))
        assert fast.out[:shorter] == plain.out[:shorter]
        if one.room == 3000:  # with a last byte alone they may end a step apart
            assert fast.status == plain.status
            assert max(map(len, left)) <= 1 or left[0] == left[1]
            assert fast.events == plain.events
        else:
            assert fast.status in (DONE, STOP, FULL)
            assert fast.status != FULL or one.room - len(fast.out) < 33  # the longest output
    if all(one.room == 3000 for one in given):
        plain_sum, fast_sum = (sum(one.characters for one in found) for found in results)
        more = sum(fast.consumed - plain.consumed for plain, fast in zip(*results, strict=True))
        assert fast_sum - plain_sum == more


# --- whole charsets


def cp932() -> dict[bytes, str]:
    codes = {}
    for value in range(65536):
        code = bytes([value]) if value < 256 else value.to_bytes(2, "big")
        try:
            text = code.decode("cp932")
        except UnicodeDecodeError:
            continue
        if len(text) == 1:
            codes[code] = text
    return codes


@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_code_of_cp932_goes_through_in_both_directions(count: int, ascii: bool) -> None:
    codes = cp932()
    read = build({0: {code: Action(text.encode(), 1, 0) for code, text in codes.items()}}, ascii=0)
    write = build(
        {
            0: {
                text.encode(): Action(text.encode("cp932"), 1, 0)
                for code, text in codes.items()
                if text.encode("cp932", "ignore")
            }
        },
        ascii=0,
    )
    assert (read.stops, write.stops) == (b"", b"")
    data = b"".join(codes) + b"0123456789abc,\r\n" * 5
    text = data.decode("cp932")
    for machine, source, expected in (
        (read, data, text.encode()),
        (write, text.encode(), text.encode("cp932")),
    ):
        table = table_of(machine, bytearray())
        found = run(
            table, [Given(source, machine.states[0], 3 * len(data), 0)] * count, ascii=ascii
        )
        for one in found:
            assert one.status == DONE
            assert one.out == expected[: len(one.out)]
            assert len(source) - one.consumed <= 1
        left = sum(len(source) - one.consumed for one in found)
        assert sum(one.characters for one in found) == count * len(text) - left
        table.close()


# --- room, sides, ends


def test_room_for_exactly_all_is_enough_and_one_byte_less_is_full() -> None:
    machine = ascii_machine()
    data = b"AB\x82\xa0\xf0\x40\xe3\x81\x82\\1234567890" * 6 + b"\x82\xa0"
    for ascii in (False, True):
        with table_of(machine, sides_of()) as table:
            [whole] = run(table, [Given(data, machine.ascii, 4000, 100)], ascii=ascii)
        assert (whole.consumed, whole.status) == (len(data), DONE)
        for room in range(len(whole.out) + 1):
            with table_of(machine, sides_of()) as table:
                [found] = run(table, [Given(data, machine.ascii, room, 100)], ascii=ascii)
            assert found.out == whole.out[: len(found.out)]
            assert found.status == (DONE if room == len(whole.out) else FULL)
            assert room - len(found.out) < 33  # the longest output


def test_a_full_lane_goes_on_with_more_room() -> None:
    machine = ascii_machine()
    data = (b"AB\x82\xa0\xf0\x40\xe3\x81\x82\\1234567890" * 30)[:-1]
    with table_of(machine, sides_of()) as table:
        [whole] = run(table, [Given(data, machine.ascii, 4000, 100)])
    for room in (33, 40, 61):
        out, at, state, characters = b"", 0, machine.ascii, 0
        with table_of(machine, sides_of()) as table:
            for _ in range(1000):
                [part] = run(table, [Given(data[at:], state, room, 1)])
                out, at, state = out + part.out, at + part.consumed, part.state
                characters += part.characters
                if part.status == DONE:
                    break
        assert (out, at, characters) == (whole.out, whole.consumed, whole.characters)


def test_a_table_whose_pairs_hide_the_beginning_of_a_code_gets_no_ascii_path() -> None:
    machine = build({0: {bytes([one]): Action(bytes([one]), 1, 0) for one in range(128)}}, ascii=0)
    entries = array("Q", machine.entries)

    def entry(out: bytes, n_in: int, characters: int) -> int:
        low = int.from_bytes(out, "little") | len(out) << 32
        return low | characters << 36 | machine.states[0] << 38 | n_in << 62

    entries[0x8100], entries[0x8140] = entry(b"?", 1, 1), entry(b"K", 2, 1)
    for one in range(128):
        entries[one << 8 | 0x81] = entry(bytes([one]) + b"?", 2, 2)
    with pytest.raises(ValueError, match="ASCII is not itself"):
        Table(entries, bytearray(), b"", ascii=machine.ascii).check()


def test_sides_are_counted_always_and_noted_up_to_their_limit() -> None:
    machine = build({0: {b"\xf0\x40": Action(4, 1, 0), b"A": Action(b"a", 1, 0)}})
    sides = sides_of()
    with table_of(machine, sides) as table:
        [found] = run(table, [Given(b"A\xf0\x40" * 5 + b"A", machine.states[0], 100, 10)])
    assert found.out == (b"a" + BLOB[100:104]) * 5
    assert found.events == [Event(1, 1, 4, 2)]
    assert SIDE.unpack_from(sides, 4 * SIDE.size)[3] == 5


def test_a_lane_is_full_without_room_for_its_event() -> None:
    machine = build({0: {b"\xf0\x40": Action(3, 1, 0)}})
    sides = sides_of()
    with table_of(machine, sides) as table:
        [found] = run(table, [Given(b"\xf0\x40" * 5, machine.states[0], 1000, 2)])
    assert (found.consumed, len(found.events), found.status) == (4, 2, FULL)
    assert SIDE.unpack_from(sides, 3 * SIDE.size)[3] == 2


def test_a_stop_is_left_at_its_code_and_inside_a_long_code_its_beginning_is_known() -> None:
    machine = ascii_machine()
    for data, at, state in (
        (b"ABC&12345678", 3, ("one", 0)),
        (b"AB\xff\xffAA", 2, ("one", 0)),
        (b"AB\xe3\x81AAAA", 4, ("one", 2)),
        (b"AB\xf0\x41AAAA", 2, ("one", 0)),
    ):
        for ascii in (False, True):
            with table_of(machine, sides_of()) as table:
                [found] = run(table, [Given(data, machine.ascii, 100, 10)], ascii=ascii)
            assert (found.consumed, found.status, found.out) == (at, STOP, data[: at - state[1]])
            assert machine.inner.get(found.state, ("one", 0)) == state


def test_a_one_byte_code_may_begin_a_longer_one() -> None:
    codes = {b"A": b"a", b"AB": b"x", b"B": b"b", b"C": b"c"}
    machine = build({0: {code: Action(out, 1, 0) for code, out in codes.items()}})
    with table_of(machine, sides_of()) as table:
        [found] = run(table, [Given(b"ABACBCAABBA", machine.states[0], 100, 0)])
    assert (found.out, found.consumed) == (b"xacbcaxb", 10)


def test_what_no_entry_can_hold_is_refused() -> None:
    good = Action(b"a", 1, 0)
    for states in (
        {0: {b"A": Action(b"12345", 1, 0)}},
        {0: {b"A": Action(b"1", 3, 0)}},
        {0: {b"A": Action(b"1", 1, 7)}},
        {0: {b"A": Action(-1, 1, 0)}},
        {0: {b"": good}},
        {0: {b"AB": good, b"ABC": good}},
        {0: {b"ABC": good, b"ABCD": good}},
    ):
        with pytest.raises(ValueError, match=r".+"):
            build(states)


# --- refusals


def changed(machine: Machine, index: int, entry: int) -> Machine:
    entries = array("Q", machine.entries)
    entries[index] = entry
    return Machine(entries, machine.states, machine.inner, machine.ascii, machine.stops)


@pytest.mark.parametrize(
    "entry",
    [
        1 << 62,  # no state
        1 << 62 | 15 << 38,
        1 << 62 | (1 << 5 | 16) << 38,  # a wide state that would end behind the table
        1 << 62 | (0x7FFFF << 5 | 24) << 38,
        3 << 62 | 16 << 38,
        1 << 62 | 16 << 38 | 5 << 32,
        1 << 62 | 16 << 38 | 3 << 36,
        1 << 62 | 16 << 38 | 1 << 35 | 5,  # no such side
        1 << 62 | 16 << 38 | 1 << 35 | 1 << 32,  # side and output
        0,
        16 << 38 | 1 << 35,
        1 << 35 | 1,
    ],
)
def test_a_table_with_an_entry_that_leads_out_is_refused(entry: int) -> None:
    machine = build({0: {b"A": Action(b"a", 1, 0)}})
    for index in (0, 65535):
        table = Table(changed(machine, index, entry).entries, sides_of(), BLOB)
        with pytest.raises(ValueError, match=f"entry {index} of"):
            table.check()
        with pytest.raises(ValueError, match="check the table"):
            table.run(lanes(1))


def test_sides_outside_the_blob_are_refused() -> None:
    machine = build({0: {b"A": Action(b"a", 1, 0)}})
    for side in (
        (len(BLOB), 1, 1, 0),
        (len(BLOB) + 1, 0, 1, 0),
        (1, len(BLOB), 0, 0),
        (2**32 - 1, 9, 1, 0),
        (0, 0, 3, 0),
        (len(BLOB) - 23, 2, 2, 0),
    ):
        with pytest.raises(ValueError, match="side 1 of"):
            table_of(machine, sides_of(((0, len(BLOB), 1, 0), side)))


@pytest.mark.parametrize("listed", [(2, 0, b""), (1, 0, b""), (2**32 - 1, 0, b""), (0, 8, b"")])
def test_a_list_of_what_follows_that_leads_out_is_refused(listed: tuple[int, int, bytes]) -> None:
    machine = build({0: {b"A": Action(1, 1, 0)}})
    blob = CONTINUATION.pack(0, 7, b"abcdefg") + CONTINUATION.pack(*listed)
    with pytest.raises(ValueError, match="side 1 of"):
        table_of(machine, sides_of(((0, 9, 1, 0), (0, 2, FOLLOWED, 0))), blob)


def test_what_follows_a_code_says_which_side_counts() -> None:
    machine = build({0: {b"AB": Action(0, 1, 0), b"x": Action(b"x", 1, 0), b"AC": Action(4, 1, 0)}})
    lists = (
        CONTINUATION.pack(1, 2, b"12"),
        CONTINUATION.pack(2, 1, b"1"),
        CONTINUATION.pack(3, 0, b""),
    )
    blob = b"".join(lists) + b"longestalone"
    made = (0, 3, FOLLOWED, 0), (36, 3, 1, 9), (39, 4, 1, 9), (43, 5, 1, 0), (0, 2, FOLLOWED, 0)
    data = b"AB12AB1xABxABAB" + b"x" * 30
    for count in (1, 3, 5):
        sides = sides_of(made)
        with table_of(machine, sides, blob) as table:
            found = run(table, [Given(data, machine.states[0], 500, 9)] * count)
        for one in found:
            assert one.status == DONE
            assert one.out == b"lon" + b"gest" + b"x" + b"alone" + b"x" + b"alone" * 2 + b"x" * 30
            assert [(at.source, at.side, at.n_in) for at in one.events] == [(0, 1, 4), (4, 2, 3)]
        assert [fields[3] for fields in SIDE.iter_unpack(sides)] == [0, count, count, 3 * count, 0]
    with table_of(machine, sides_of(made), blob) as table:
        [nothing_listed] = run(table, [Given(b"xxACxxxxxxx", machine.states[0], 500, 9)])
        [too_short] = run(table, [Given(b"xxAB12xxxx", machine.states[0], 500, 9)])
    assert (nothing_listed.consumed, nothing_listed.status) == (2, STOP)
    assert (too_short.consumed, too_short.status) == (2, DONE)


def test_an_ascii_state_that_changes_ascii_is_refused() -> None:
    machine = ascii_machine()
    for stops in (b"\x0e&\\", b"\x0e&~", b"&\\~", b""):
        with pytest.raises(ValueError, match="ASCII is not itself"):
            Table(machine.entries, sides_of(), BLOB, ascii=machine.ascii, stops=stops).check()
    for state in (16 | 1 << 10, 24, 7, 0x1FFFFFF, machine.states["two"]):
        with pytest.raises(ValueError, match="ASCII is not itself"):
            Table(machine.entries, sides_of(), BLOB, ascii=state, stops=machine.stops).check()
    pair = ord("A") << 8 | ord("B")
    wrong = changed(machine, pair, machine.entries[pair] ^ 1 << 8)
    with pytest.raises(ValueError, match="ASCII is not itself"):
        table_of(wrong, sides_of())
    with pytest.raises(ValueError, match="more than 4 stops"):
        Table(machine.entries, sides_of(), BLOB, ascii=machine.ascii, stops=b"12345")


def test_lanes_that_cannot_be_are_refused() -> None:
    machine = build({0: {b"A": Action(b"a", 1, 0)}})
    with table_of(machine, sides_of()) as table, Memory(b"AAAA") as source:
        for state in (0, 1 << 5 | 16, 1 << 24 | 16, 256 << 5 | 24):
            running = lanes(2)
            running[0].state, running[1].state = machine.states[0], state
            with pytest.raises(ValueError, match="lane 1"):
                table.run(running)
        running = lanes(1)
        running[0].state, running[0].source = machine.states[0], source.address + 1
        with pytest.raises(ValueError, match="lane 0"):
            table.run(running)
        with pytest.raises(ValueError, match="not all within"):
            running[0].read(source, 2, 5)
    with pytest.raises(ValueError, match="check the table"):
        table.run(lanes(1))


def test_buffers_that_are_no_table_are_refused() -> None:
    entries = build({0: {}}).entries
    for words, sides in (
        (memoryview(entries)[:100], bytearray()),
        (b"", bytearray()),
        (entries, bytearray(23)),
        (memoryview(bytes(2048 + 8))[1:2049], bytearray()),
    ):
        with pytest.raises(ValueError, match=r"no table|aligned"):
            Table(words, sides, b"")
    with pytest.raises(BufferError):
        Table(entries, bytes(24), b"")  # type: ignore[arg-type]


# --- memory and counting


def test_memory_is_the_object_itself_and_holds_it() -> None:
    data = bytearray(b"0123")
    with Memory(data, writable=True) as memory:
        assert memory.size == 4
        with pytest.raises(BufferError):
            data.append(1)
    data.append(1)
    with pytest.raises(BufferError):
        Memory(b"0123", writable=True)
    with pytest.raises(BufferError):
        Memory(memoryview(b"012345")[::2])


def test_a_mapped_file_is_read_in_place() -> None:
    machine = ascii_machine()
    with mmap.mmap(-1, len(machine.entries) * 8 + 4096) as mapped:
        mapped[4096:] = machine.entries.tobytes()
        with memoryview(mapped) as view, view[4096:] as entries:
            table = Table(entries, sides_of(), BLOB, ascii=machine.ascii, stops=machine.stops)
            table.check()
            [found] = run(table, [Given(b"AB\x82\xa0", machine.ascii, 100, 0)])
            assert found.out == "ABあ".encode()
            table.close()


@given(
    st.lists(st.sampled_from((b"\n", b"\0", b"\n\0", b"\0\n", b"A")), max_size=200).map(b"".join),
    st.integers(0, 31),
)
@settings(max_examples=100, deadline=None)
def test_units_are_counted_at_their_offsets(data: bytes, padding: int) -> None:
    memory = Memory(b"\n" * padding + data)
    assert memory.count(b"\n", padding) == data.count(b"\n")
    pairs = [data[at : at + 2] for at in range(0, len(data), 2)]
    for unit in (b"\n\0", b"\0\n", b"\n\n"):
        assert memory.count(unit, padding) == pairs.count(unit)


def test_many_units_are_counted() -> None:
    memory = Memory(b"\n\0" * 300_000)
    assert (memory.count(b"\n"), memory.count(b"\n\0")) == (300_000, 300_000)
    assert memory.count(b"\n", 2, 5) == 2
    assert Memory(b"\n" * 100_001).count(b"\n\n") == 50_000
    with pytest.raises(ValueError, match="1 or 2 bytes"):
        memory.count(b"\n\0\0")
    with pytest.raises(ValueError, match="are not all within"):
        memory.count(b"\n", 2, 600_001)


def test_the_environment_can_ask_for_python() -> None:
    told = [
        subprocess.run(
            [sys.executable, "-c", "from gaiji.charset import kernel; print(kernel.AVAILABLE)"],
            env={**os.environ, "GAIJI_KERNEL": asked},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for asked in ("python", "")
    ]
    assert told == ["False", "True"]


def test_libraries_have_names_for_five_platforms() -> None:
    names = {
        kernel.library_name(*platform)
        for platform in (
            ("linux", "x86_64"),
            ("linux", "aarch64"),
            ("darwin", "x86_64"),
            ("darwin", "arm64"),
            ("win32", "AMD64"),
        )
    }
    assert len(names) == 5
    assert kernel.library_name("linux", "riscv64") is None
    assert kernel.library_name("freebsd14", "x86_64") is None
