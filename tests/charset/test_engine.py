"""The whole engine over every code of every charset, with the kernel and without, however the bytes arrive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gaiji.charset import fast, kernel
from gaiji.charset.account import Place
from gaiji.charset.charsets import NAMES, UNICODE
from gaiji.charset.conversion import by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.resolve import Options
from gaiji.charset.stream import Stream
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.errors import LossBeyondBudget, MalformedInput, UnmappedCode
from tests.charset.cities import (
    BYTES,
    HOST,
    MANY,
    NEIGHBOUR,
    NEIGHBOURS,
    MappingFiles,
    alike,
    city,
    conversion,
    every_code,
    opened,
    run,
    script_of,
    written,
)

needs_kernel = pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
SHIFTED = [name for name in BYTES if script_of(name).shifts]
LOST = {
    "cp932": {"recoded": 398, "mapped": 5},
    "eucjp-ms": {"recoded": 24, "mapped": 5},
    "jef": {"recoded": 1, "mapped": 4},
    "keis78": {"recoded": 1, "mapped": 4},
    "keis83": {"recoded": 1, "mapped": 4},
    "jips-j": {"mapped": 4},
    "jips-e": {"mapped": 4},
    "ibm930": {"mapped": 5},
    "ibm939": {"mapped": 5},
    "ibm1390": {"recoded": 7, "mapped": 5},
    "ibm1399": {"recoded": 7, "mapped": 5},
    **{name: {"mapped": 5} for name in UNICODE},
}
"""Codes that do not come back from Unicode, beside the one substitute. recoded: a second code of a text. mapped: a
local code whose character has a code in the standard area too (﨑 in five of them), or two local codes."""
JOIN = set("˩˥̀́") | {"˩˥", "˥˩"}
"""What IBM 1390 and 1399 have as codes and Unicode could join to the character before."""


@pytest.fixture
def kernel_runs_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """However small the chunks are, the kernel gets each of them as soon as a token is decided."""
    monkeypatch.setattr(fast, "SMALLEST", LOOKAHEAD + 8)


@pytest.mark.parametrize("name", NAMES)
def test_every_code_goes_to_unicode_and_back_and_the_others_are_counted(
    name: str, mapping_file: MappingFiles, kernel_runs_early: None
) -> None:
    file = mapping_file(name, "unicode")
    policy = "escape" if name in UNICODE else "keep"
    there = opened(file, on_unmapped=policy)
    script, codes = script_of(name), every_code(city(name))
    assert [
        one for one in there.tokens.cut(written(script, codes))[0] if one not in script.shifts
    ] == codes
    whole = alike(there, written(script, codes))
    assert whole.seen is not None
    lost = {token: kind for (token, kind, lossy) in whole.seen if lossy}
    assert Counter(lost.values()) == {**LOST[name], "substitute": 1}
    assert whole.totals[0] == len(lost)
    recoded = {script.reading[token] for token, kind in lost.items() if kind == "recoded"}
    second = {text for code, text in script.reading.items() if script.writing[text] != code}
    assert recoded - second == (JOIN if name in ("ibm1390", "ibm1399") else set())
    assert second <= recoded
    kept = [code for code in codes if code not in lost]
    converted = alike(there, written(script, kept))
    assert converted.totals[0] == 0
    back = alike(opened(file, back=True, on_unmapped=policy), converted.out)
    assert back.out == written(script, kept)
    assert back.totals[0] == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_code_is_restored_from_its_receipt(
    name: str, mapping_file: MappingFiles, tmp_path: Path
) -> None:
    file = mapping_file(name, "unicode")
    data = written(script_of(name), every_code(city(name)))
    (tmp_path / "in").write_bytes(data)
    prepared = file.prepare(*file.names(), Options(on_unmapped="escape", max_loss=MANY))
    report = convert_file(tmp_path / "in", tmp_path / "out", prepared, receipt=tmp_path / "receipt")
    assert (tmp_path / "receipt").stat().st_size <= 1_000 + 16 * report.losses
    live = by_release(lambda _set, _release: city(name))
    restore_file(tmp_path / "out", tmp_path / "back", tmp_path / "receipt", live)
    assert (tmp_path / "back").read_bytes() == data


def cuts(name: str) -> list[tuple[int, int]]:
    """Return (chunk size, padding) for a charset: over all of them every size 1-64, every padding 0-31."""
    at = NAMES.index(name)
    return [(step % 64 + 1, step % 32) for step in range(at, at + 5 * len(NAMES), len(NAMES))]


def test_the_cuts_are_every_chunk_size_and_every_padding() -> None:
    found = [pair for name in NAMES for pair in cuts(name)]
    assert {size for size, _ in found} == set(range(1, 65))
    assert {padding for _, padding in found} == set(range(32))


@pytest.mark.parametrize("name", NAMES)
def test_neither_padding_nor_the_size_of_chunks_changes_anything(
    name: str, mapping_file: MappingFiles, kernel_runs_early: None
) -> None:
    """The proof `exhaustive` has every size and every padding for each charset."""
    file = mapping_file(name, "unicode")
    there, back = opened(file), opened(file, back=True)
    script, codes = script_of(name), every_code(city(name))
    size_of_area = city(name).charset.user_count
    few = [*codes[:-size_of_area], *codes[-size_of_area::37]] if name not in UNICODE else codes[::4]
    for size, padding in cuts(name):
        data = (script.code("A") or b"") * padding + written(script, few)
        whole = run(Stream, there, data, receipt=True)
        assert alike(there, data, size) == whole
        returned = run(Stream, back, whole.out, receipt=True)
        assert alike(back, whole.out, size) == returned


# --- what is written


@needs_kernel
def test_names_leave_cp932_with_the_ibm_extension(mapping_file: MappingFiles) -> None:
    resolver = opened(mapping_file("cp932", "unicode"), back=True)
    # the city has a local code for 﨑 as well, F041, which a standard code answers
    assert alike(resolver, "髙﨑".encode() * 2_000).out == bytes.fromhex("FBFCFAB1") * 2_000


@pytest.mark.parametrize(
    ("there", "back", "expected"),
    [
        *(("escape", policy, (True, 0)) for policy in ("error", "escape")),
        *(("escape", policy, (True, 1)) for policy in ("keep", "geta")),  # no escape once more
        ("keep", "keep", (True, 0)),
        ("keep", "geta", (False, 1)),
        ("keep", "escape", (False, 0)),
        ("keep", "error", UnmappedCode),
        ("geta", "escape", (False, 0)),
    ],
)
def test_what_an_undecided_code_comes_back_as_is_told_by_both_policies(
    there: str, back: str, expected: object, mapping_file: MappingFiles
) -> None:
    file = mapping_file("jef", "unicode")
    undecided = city("jef").charset.areas[0].code(13)
    data = file.there.source.script.standing(undecided)
    out = alike(opened(file, on_unmapped=there), data).out
    ended = alike(opened(file, back=True, on_unmapped=back), out)
    told = ended.error[0] if ended.error else (ended.out == data, ended.totals[0])
    assert told == expected


def test_escaped_bytes_come_back_with_the_same_option_and_count_as_losses(
    mapping_file: MappingFiles,
) -> None:
    file = mapping_file("cp932", "unicode")
    out = alike(opened(file), b"A\x81\n").out
    assert out == b"A&252085-host-81;\n"
    ended = alike(opened(file, back=True), out)
    assert (ended.out, ended.totals[0]) == (b"A\x81\n", 1)


@pytest.mark.parametrize("name", [name for name in BYTES if name not in ("ibm1390", "ibm1399")])
def test_the_other_dash_is_written_with_the_code_of_the_first_and_is_a_loss(
    name: str, mapping_file: MappingFiles, tmp_path: Path
) -> None:
    file, script = mapping_file(name, "unicode"), script_of(name)
    ended = alike(opened(file, back=True), "13—2―4\n".encode())  # U+2014, U+2015
    assert ended.out == script.encode("13―2―4\n")
    assert ended.characters == {"plain": 6, "recoded": 1}
    assert ended.totals[0] == 1
    assert opened(file).bytes_for(ended.out) == "13―2―4\n".encode()
    (tmp_path / "in").write_bytes("13—2―4\n".encode())
    to, by = tmp_path / "out", tmp_path / "receipt"
    with pytest.raises(LossBeyondBudget):
        convert_file(tmp_path / "in", to, file.prepare("unicode", HOST, Options()))
    convert_file(
        tmp_path / "in", to, file.prepare("unicode", HOST, Options(max_loss=1)), receipt=by
    )
    restore_file(to, tmp_path / "back", by, by_release(lambda _set, _release: city(name)))
    assert (tmp_path / "back").read_bytes() == "13—2―4\n".encode()


@pytest.mark.parametrize("name", SHIFTED)
def test_local_codes_carry_their_shift_codes_and_the_file_ends_in_single_bytes(
    name: str, mapping_file: MappingFiles, kernel_runs_early: None
) -> None:
    resolver = opened(mapping_file(name, "unicode"), back=True)
    script, area = script_of(name), city(name).charset.areas[0]
    local = [area.code(at) for at in (4, 5, 6)]  # 邉, another 邉, 𢽾
    one, two = script.to_double, script.to_single
    text = "A邉󠄛B邉󠄝𢽾"
    expected = [script.writing["A"], one, local[0], two, script.writing["B"], one, *local[1:], two]
    assert alike(resolver, text.encode()).out == b"".join(expected)
    many = alike(resolver, (text * 500).encode()).out
    assert many == b"".join(expected) * 500
    lines = alike(resolver, ("𢽾\n" * 500).encode()).out
    assert lines == (one + local[2] + two + script.newline) * 500


# --- shift codes that an encoder would not have written


def odd(name: str, story: str) -> tuple[bytes, str, int, int]:
    """Return bytes that begin and end with 亜, the text they are, how many odd places, and the records."""
    script = script_of(name)
    one, two, kanji = script.to_double, script.to_single, script.writing["亜"]
    stories = {
        "doubled in": (one + one + kanji + two, "亜", 1, 1),
        "doubled out": (one + kanji + two + two, "亜", 1, 1),
        "in again": (one + kanji + one + kanji + two, "亜亜", 1, 1),
        "out at the start": (two + one + kanji + two, "亜", 1, 1),
        "nothing between": (one + kanji + two + one + two, "亜", 1, 1),
        "never closed": (one + kanji, "亜", 1, 1),
        "opened at the end": (one + kanji + two + one, "亜", 2, 1),  # opened, and not closed
        "a line end before the shift back": (
            one + kanji + script.newline + one + kanji + two,
            "亜\n亜",
            1,
            2,
        ),
        "a line end and single bytes": (
            one + kanji + script.newline + script.writing["A"] + one + kanji + two,
            "亜\nA亜",
            1,
            2,
        ),
    }
    return stories[story]


STORIES = (
    *("doubled in", "doubled out", "in again", "out at the start", "nothing between"),
    *("never closed", "opened at the end", "a line end before the shift back"),
    "a line end and single bytes",
)


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("name", SHIFTED)
def test_odd_shift_codes_are_counted_are_no_loss_and_come_back(
    name: str, story: str, mapping_file: MappingFiles, tmp_path: Path, kernel_runs_early: None
) -> None:
    data, text, count, records = odd(name, story)
    file = mapping_file(name, "unicode")
    resolver = opened(file, on_unmapped="error", malformed="error")
    script = script_of(name)
    for padding in (0, 3_000):
        filler = (script.writing["A"] * 9 + script.newline) * (padding // 10)
        lines = padding // 10
        found = alike(resolver, filler + data)
        assert found.out == (("A" * 9 + "\n") * lines + text).encode()
        assert found.characters is not None
        assert (found.characters.get("shift", 0), found.totals[0]) == (count, 0)
        assert found.totals[1] == lines + records
        for size in range(1, len(data) + 2):
            assert alike(resolver, filler[-len(filler) % 50 :] + data, size).error is None
        (tmp_path / "in").write_bytes(filler + data)
        prepared = file.prepare(*file.names(), Options())
        convert_file(tmp_path / "in", tmp_path / "out", prepared, receipt=tmp_path / "receipt")
        live = by_release(lambda _set, _release: city(name))
        restore_file(tmp_path / "out", tmp_path / "back", tmp_path / "receipt", live)
        assert (tmp_path / "back").read_bytes() == filler + data


@pytest.mark.parametrize("form", ["38", "30E2"])
def test_a_second_form_of_a_shift_code_is_read_and_comes_back(
    form: str, mapping_file: MappingFiles
) -> None:
    resolver = opened(mapping_file("jef", "unicode"))
    found = alike(resolver, bytes.fromhex(f"{form} B0A1 29"))
    assert (found.out, found.characters) == ("亜".encode(), {"plain": 1, "shift": 1})
    assert found.receipt is not None
    assert bytes.fromhex(form) in found.receipt[0]


def test_without_its_shift_code_a_kanji_is_read_as_single_bytes(mapping_file: MappingFiles) -> None:
    resolver = opened(mapping_file("keis83", "unicode"))
    found = alike(resolver, bytes.fromhex("B4C1 0A41 0A42 B4C1 0A41"))
    script = script_of("keis83")
    alone = script.reading.get(b"\xb4", "&252085-host-B4;") + script.reading[b"\xc1"]
    assert found.out.decode() == alone + "漢"


@pytest.mark.parametrize("name", SHIFTED)
@pytest.mark.parametrize("before", [0, 900])
def test_a_file_cut_inside_a_character_is_malformed_at_that_place(
    name: str, before: int, mapping_file: MappingFiles, kernel_runs_early: None
) -> None:
    resolver = opened(mapping_file(name, "unicode"), malformed="error")
    script = script_of(name)
    code, line = script.writing["亜"], script.writing["A"] * 5 + script.newline
    data = line * before + script.to_double + code + code[:1]
    for size in (3, 64, 1 << 20):
        kind, told, where = alike(resolver, data, size).error or (None, "", None)
        assert kind is MalformedInput
        assert told.startswith(f"{code[:1].hex().upper()} is no character in {name}")
        assert where is not None
        assert (where.record, where.byte_offset) == (before + 1, len(data) - 1)


@pytest.mark.parametrize("name", [name for name in SHIFTED if not name.startswith("ibm")])
def test_a_file_cut_inside_a_shift_code_is_malformed_at_that_place(
    name: str, mapping_file: MappingFiles, kernel_runs_early: None
) -> None:
    resolver = opened(mapping_file(name, "unicode"), malformed="error")
    script = script_of(name)
    shift = max(script.shifts, key=len)
    for data in (
        script.writing["A"] + shift[:1],
        script.writing["A"] * 5_000 + shift[:1],
        script.to_double + script.writing["亜"] + shift[:1],
    ):
        kind, told, where = alike(resolver, data).error or (None, "", None)
        assert kind is MalformedInput
        assert told.startswith(shift[:1].hex().upper())
        assert where is not None
        assert where.byte_offset == len(data) - 1


# --- city to city


@pytest.mark.parametrize(
    ("one", "other", "given", "expected", "kinds"),
    [
        # ～ ∥ － ￠ ￡ ― of Microsoft become the marks of JIS, and the JEF of 1978 has no ￢
        (
            "cp932",
            "jef",
            "8160 8161 817C 8191 8192 815C 82A0 8A8B",
            "28 A1C1 A1C2 A1DD A1F1 A1F2 A1BD A4A2 B3EB 29",
            {"plain": 8},
        ),
        ("jef", "cp932", "28 A1C1 A1C2 A1DD B3EB 29", "8160 8161 817C 8A8B", {"plain": 4}),
        (
            "ibm939",
            "keis83",
            "0E 43A1 447C 4260 444A 48DF 0F",
            "0A42 A1C1 A1C2 A1DD A1BD B3EB 0A41",
            {"plain": 5},
        ),
        # 葛 辻 show their shapes of 2004 in one and those of 1983 in the other
        ("ibm1399", "keis83", "0E 48DF 47F5 0F", "0A42 B3EB C4D4 0A41", {"edition": 2}),
        ("keis83", "ibm1390", "0A42 B3EB C4D4 0A41", "0E 48DF 47F5 0F", {"edition": 2}),
        ("utf-8", "cp932", "E8919B E8BEBB", "8A8B 92D2", {"edition": 2}),
        # 唖 is 啞 in the edition of 1978, and places are what every edition since shares
        ("keis78", "keis83", "0A42 B0A1 0A41", "0A42 B0A1 0A41", {"plain": 1}),
        # local codes go by their characters: 𢽾 and another 邉
        ("cp932", "jef", "F046 F044 41", "28 80A7 80A5 29 C1", {"mapped": 2, "plain": 1}),
        ("jips-j", "jef", "1A70 7427 1A71 41", "28 80A7 29 C1", {"mapped": 1, "plain": 1}),
    ],
)
def test_city_to_city_follows_punctuation_edition_and_characters_and_comes_back(
    one: str,
    other: str,
    given: str,
    expected: str,
    kinds: dict[str, int],
    mapping_file: MappingFiles,
) -> None:
    file = mapping_file(one, other)
    data = bytes.fromhex(given)
    there = alike(opened(file), data)
    assert (there.out.hex(), there.characters) == (bytes.fromhex(expected).hex(), kinds)
    assert there.totals[0] == 0
    back = alike(opened(file, back=True), there.out)
    assert (back.out.hex(), back.characters) == (data.hex(), kinds)


@pytest.mark.parametrize(("one", "other"), [("cp932", "jef"), ("keis78", "keis83")])
def test_shapes_of_1978_that_another_edition_lacks_are_unmapped_and_come_back(
    one: str, other: str, mapping_file: MappingFiles
) -> None:
    file = mapping_file(one, other)
    script = script_of(one)
    text = "唖頬" if one == "cp932" else "啞頰"
    data = written(script, [script.writing[letter] for letter in text])
    there = alike(opened(file), data)
    assert there.characters == {"unmapped": 2}
    assert alike(opened(file, back=True), there.out).out == data


@pytest.mark.parametrize(("one", "other"), NEIGHBOURS.items())
def test_every_code_goes_to_another_city_and_back(
    one: str, other: str, mapping_file: MappingFiles, tmp_path: Path
) -> None:
    file = mapping_file(one, other)
    data = written(script_of(one), every_code(city(one))[::5])
    there = alike(opened(file), data)
    assert there.seen is not None
    lost = {token for (token, _kind, lossy) in there.seen if lossy}
    kept = [code for code in every_code(city(one))[::5] if code not in lost]
    again = alike(opened(file), written(script_of(one), kept))
    assert again.totals[0] == 0
    back = alike(opened(file, back=True), again.out)
    assert back.out == written(script_of(one), kept)
    (tmp_path / "in").write_bytes(data)
    prepared = file.prepare(*file.names(), Options(on_unmapped="escape", max_loss=MANY))
    convert_file(tmp_path / "in", tmp_path / "out", prepared, receipt=tmp_path / "receipt")
    cities = {HOST: city(one), NEIGHBOUR: city(other, NEIGHBOUR)}
    live = by_release(lambda code_set, _release: cities[code_set])
    restore_file(tmp_path / "out", tmp_path / "back", tmp_path / "receipt", live)
    assert (tmp_path / "back").read_bytes() == data


@pytest.mark.parametrize("name", SHIFTED)
def test_a_shift_code_missing_at_the_end_is_counted_and_restored(name: str, tmp_path: Path) -> None:
    script = script_of(name)
    kanji = script.code("山")
    assert kanji is not None
    data = script.newline + script.to_double + kanji
    (tmp_path / "in").write_bytes(data)
    asked = conversion(name, "unicode")
    report = convert_file(tmp_path / "in", tmp_path / "out", asked, receipt=tmp_path / "receipt")
    assert (report.characters, report.losses) == ({"plain": 2, "shift": 1}, 0)
    (told,) = report.recoded
    assert (told.kind, told.places) == ("shift", [Place(2, None, len(data))])
