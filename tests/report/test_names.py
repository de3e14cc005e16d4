"""One name from city to city: the same as a conversion, with nothing of it hidden."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.charset.charsets import charset
from gaiji.charset.conversion import Conversion
from gaiji.charset.convert import convert_file
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.charset.targets import CodeSetSide
from gaiji.charset.ways import is_private
from gaiji.errors import BadName
from gaiji.report.names import Trace, trace
from gaiji.report.nametyping import spelled
from tests.charset.cities import HOST, NEIGHBOUR, city, local_codes
from tests.charset.council import VS, juki, other, zei

ESCAPE = Options(on_unmapped="escape")


def codes(found: Trace) -> list[tuple[str | None, ...]]:
    return [
        tuple(code.hex().upper() if code else None for code in (step.code, step.target))
        for step in found.steps
    ]


def said(found: Trace) -> list[list[str]]:
    return [[one.code for one in step.findings] for step in found.steps]


def test_a_name_goes_from_city_to_city_step_by_step() -> None:
    found = trace("山邉" + VS[0x1D] + "𢽾", juki(), other())
    assert codes(found) == [("8E52", "8E52"), ("F045", None), ("F046", "F140")]
    assert [step.character for step in found.steps] == ["MJ010392", "MJ026196", "MJ037321"]
    assert said(found) == [[], ["not-in-target"], []]
    assert found.data == b"\x8e\x52\xf0\x45\xf0\x46"
    assert found.out is None
    assert (found.losses, found.whole) == (1, False)
    assert found.facts.target_release == 3


def test_a_gaiji_is_typed_as_code_as_name_as_numbers_as_sequence_or_pasted() -> None:
    ways = ["&252069-juki-F045;", "MJ026196", "U+9089 U+E011D", "邉" + VS[0x1D], "\ue005"]
    for way in ways:
        found = trace(f"渡{way}山", juki(), zei())
        assert codes(found)[1] == ("F045", "00E0"), way
        assert found.whole, way
        assert "\ue005" not in str(found.steps[1].typed.text)


def test_a_pasted_image_is_the_sources_own_and_no_others() -> None:
    found = trace("\ue000", zei(), juki())
    assert codes(found) == [("00E0", "F045")]
    assert trace("\ue000", juki(), zei()).steps[0].character == "MJ026190"


def test_an_undecided_code_is_shown_and_written_by_policy_alone() -> None:
    stopped = trace("&252069-juki-F050;", juki(), zei())
    assert said(stopped) == [["undecided"]]
    assert (stopped.out, stopped.losses) == (None, 1)
    escaped = trace("&252069-juki-F050;", juki(), zei(), ESCAPE)
    assert escaped.out == "&252069-juki-F050;".encode("utf-16-le")
    assert (escaped.losses, escaped.whole) == (0, False)
    assert escaped.steps[0].written == "&252069-juki-F050;"
    assert escaped.steps[0].back == b"\xf0\x50"
    geta = trace("&252069-juki-F050;", juki(), zei(), Options(on_unmapped="geta"))
    assert (geta.steps[0].written, geta.losses) == ("〓", 1)


def test_two_codes_of_one_character_are_asked_for_and_not_chosen() -> None:
    found = trace("MJ013582", juki(), other())
    assert said(found)[0][0] == "several-codes"
    assert found.steps[0].typed.several == (b"\xf0\x4b", b"\xf0\x4c")
    assert (found.data, found.out, found.whole) == (None, None, False)
    assert "&252069-juki-F04B;" in found.steps[0].findings[0].text.en
    assert trace("&252069-juki-F04B;", juki(), other()).steps[0].character == "MJ013582"


def test_what_the_source_has_no_code_for_is_told_and_its_target_code_too() -> None:
    found = trace("𢽾", _empty(), other())
    assert codes(found) == [(None, "F140")]
    assert said(found) == [["not-in-source"]]
    assert (found.data, found.whole) == (None, False)


def _empty(name: str = "cp932") -> Mapping:
    return Mapping(1, "0" * 64, "252115/juki", charset(name), (), juki().repertoire)


@pytest.mark.parametrize("name", ["é", "🏳", "U+E0100", VS[0]])
def test_what_no_shared_character_stands_for_has_no_code_to_decide(name: str) -> None:
    (step,) = trace(name, juki(), other(), ESCAPE).steps
    assert (step.code, step.character, step.target, step.written) == (None, None, None, None)
    told = [one.text.en for one in step.findings]
    assert [one.code for one in step.findings] == ["not-in-source", "not-in-target"]
    assert "the target's was found" not in told[0]
    assert "252107/zei has no code for this character, and no shared character" in told[1]
    assert "252069/juki" not in told[1]


def test_a_standard_letter_that_the_target_lacks_is_no_undecided_code() -> None:
    (step,) = trace("a", juki(), city("jef", NEIGHBOUR), ESCAPE).steps
    assert (step.code, step.target) == (b"a", None)
    assert [one.code for one in step.findings] == ["not-in-target"]
    (local,) = trace("&252069-juki-F050;", juki(), zei()).steps
    assert "code F050 of 252069/juki;" in local.findings[0].text.en


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "&252085-zei-F040;",
            "is a code of another code set; type a code of the source, 252069/juki",
        ),
        ("&252069-juki-8E52;", "lies outside the user-defined area of 252069/juki"),
        ("&252069-juki-F040F041;", "is not the code of one character"),
        ("MJ999999", "names no shared character"),
        ("U+D800", "is no character of a name"),
        ("&252069-juki-F04", "cannot be read; write it like &252069-juki-F040;"),
    ],
)
def test_what_is_wrong_with_a_notation_is_told_apart(name: str, told: str) -> None:
    with pytest.raises(BadName) as refused:
        trace(name, juki(), other())
    assert told in refused.value.text.en


def test_a_pasted_character_without_a_code_is_retyped_exactly_before_a_digit() -> None:
    found = trace("\U000f0000A\U000f0000山", juki(), zei())
    assert texts(found) == ["U+0F0000", "A", "U+F0000", "山"]
    again = trace("".join(texts(found)), juki(), zei())
    assert [step.typed.read for step in again.steps] == ["\U000f0000", "A", "\U000f0000", "山"]
    assert spelled("\ue000A") == "U+00E000A"


def texts(found: Trace) -> list[str]:
    return [step.typed.text for step in found.steps]


@pytest.mark.parametrize("typed", ["か\u3099", "かU+3099", "U+304B U+3099"])
def test_a_kana_and_its_voicing_mark_are_read_as_the_one_kana_and_told(typed: str) -> None:
    found = trace(f"山{typed}山", juki(), other())
    assert [step.code for step in found.steps] == [b"\x8eR", "が".encode("cp932"), b"\x8eR"]
    assert "".join(step.typed.text for step in found.steps) == f"山{typed}山"
    assert said(found) == [[], ["composed"], []]
    assert found.whole


def test_what_makes_no_kana_stays_as_it_was_typed_and_kanji_are_never_normalized() -> None:
    for name in ("山\u3099", "か\u3099\u3099", "ん\u309a", "\ufa19"):
        found = trace(name, juki(), other())
        assert "".join(step.typed.text for step in found.steps) == name
    assert trace("\ufa19", juki(), other()).steps[0].code == b"\xfb\x7e"
    assert not any(step.typed.composed for step in trace("ん\u309aか\u309a", juki(), zei()).steps)
    lone = trace("か\u3099\u3099", juki(), other()).steps
    assert [step.typed.read for step in lone] == ["が", "\u3099"]


@pytest.mark.parametrize("sequence", ["か゚", "かU+309A", "U+304B U+309A"])
def test_a_name_without_a_code_stays_beside_a_sequence_that_is_one_code(sequence: str) -> None:
    found = trace(f"OM000001{sequence}OM000001山", _empty("utf-8"), other())
    assert texts(found) == ["OM000001", sequence, "OM000001", "山"]
    assert [step.code is None for step in found.steps] == [True, False, True, False]
    assert [step.character for step in found.steps][::2] == ["OM000001", "OM000001"]
    assert (found.whole, found.data, found.out) == (False, None, None)
    assert said(found)[0] == ["not-in-source"]
    assert found.losses >= 2


@pytest.mark.parametrize("source", [juki(), zei("utf-8"), city("jef")])
def test_what_would_be_read_as_one_beside_its_neighbours_is_refused(source: Mapping) -> None:
    with pytest.raises(BadName) as refused:
        trace("山&25206U+0039-JUKI-F040;", source, other())
    assert "Character 2 and what follows" in refused.value.text.en
    assert refused.value.where is not None
    assert refused.value.where.byte_offset == 3


def test_a_selector_after_a_name_is_a_step_without_a_code() -> None:
    for source in (juki(), city("utf-8"), zei("utf-16be")):
        found = trace("山MJ026190" + VS[0x1B], source, other())
        assert texts(found) == ["山", "MJ026190", VS[0x1B]]
        assert (found.steps[2].code, found.whole, found.data) == (None, False, None)


def test_names_and_numbers_may_stand_side_by_side_and_a_space_is_a_space() -> None:
    found = trace("MJ026190MJ026196U+845B U+E0102U+5C71 U+5C71MJ030196", juki(), zei())
    wanted = ["MJ026190", "MJ026196", "U+845B U+E0102", "U+5C71", " ", "U+5C71", "MJ030196"]
    assert texts(found) == wanted
    assert [step.character for step in found.steps[:3]] == ["MJ026190", "MJ026196", "MJ022335"]
    assert texts(trace("邉U+E011D", juki(), zei())) == ["邉U+E011D"]
    assert trace("邉U+E011D", juki(), zei()).steps[0].character == "MJ026196"


def test_a_private_use_character_that_is_nothing_there_goes_nowhere() -> None:
    for one in ("\U000ffffd", "\U0010fffd"):
        found = trace(one, juki(), zei("utf-8"))
        assert texts(found) == [f"U+{ord(one):04X}"]
        assert (found.steps[0].target, found.whole) == (None, False)
    assert texts(trace("\ue000" + VS[0], juki(), zei())) == ["U+E000" + VS[0]]


def test_a_substitute_and_another_edition_are_said() -> None:
    substituted = trace("&252069-juki-F04A;", juki(), other())
    assert said(substituted) == [["substitute", "not-coming-back"]]
    assert "窓口で確認" in substituted.steps[0].findings[0].text.ja
    older = trace("葛", juki(jis=90), other(jis=2004))
    assert codes(older) == [("8A8B", "8A8B")]
    assert said(older) == [["typed-edition", "other-shape"]]
    assert (older.steps[0].character, older.steps[0].target_character) == ("MJ022335", "MJ022336")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "\n",
        "山\n田",
        "山\x00",
        "\ud800",
        "\ufeff山",
        "山" * 201,
        "&252085-zei-F040;",
        "&252069-juki-8E52;",
        "&252069-juki-F0;",
        "&252069-juki-F040F041;",
        "MJ999999",
        "U+110000",
        "U+D800",
        "U+000A",
        "U+000E",
        "U+FEFF",
        "U+908",
        "A" + "MJ026190",
        "MJ026190A",
        "MJ0261900",
        "&252069-juki-F040",
        "&252069-juki-F0400;",
    ],
)
def test_what_cannot_be_read_is_refused_without_repeating_the_name(name: str) -> None:
    with pytest.raises(BadName) as refused:
        trace(name if len(name) > 20 else "秘" + name if name.strip() else name, juki(), other())
    for text in (refused.value.text.ja, refused.value.text.en):
        assert "秘" not in text
        assert "山" not in text


CHARSETS = ("cp932", "jef", "ibm930", "utf-16le", "utf-8", "jips-e", "keis83", "eucjp-ms")
LETTERS = st.sampled_from(
    [
        "山",
        "吉",
        "髙",
        "﨑",
        "葛",
        "A",
        "ｱ",
        "カ",
        "か゚",
        "～",
        "　",
        "神",
        "\ufa19",
        "MJ026196",
        "邉",
    ]
)
LOCALS = ("MJ026190", "MJ030196", "MJ022335", "MJ026192", "MJ037321", "MJ003719", "MJ032129")


NOTATIONS = (
    *("U+9089", "U+9089 U+E011D", "U+304B U+309A", "U+309A", "U+E0100", "U+E000", "U+10FFFD"),
    *("U+5C71 U+5C71", "MJ013582", "MJ003774", "OM000001", "MJ010541"),
)
TYPED = (
    *("山", "か", "か゚", "゚", "A", "0", "&", "U", "+", "M", " ", "　", "é", "e\u0301", "\u3099", "🏳"),
    *("邉" + VS[0x1D], "邉" + VS[0x11], "葛", VS[0], "\ufe00", "神\ufe00", "˩˥", "˩"),
    *("\ue000", "\ue00e", "\U000f0000", "\U000f0001", "\U0010fffd"),
)


def unspelled(text: str, source: Mapping) -> str:
    """A piece of a name as its characters, however they were spelled."""

    def image(found: re.Match[str]) -> str:
        return chr(source.charset.image_of(bytes.fromhex(found[1])) or 0)

    text = re.sub(r"&[0-9]{6}-host-([0-9A-F]+);", image, text)
    return re.sub(r"U\+([0-9A-F]{4,6})", lambda found: chr(int(found[1], 16)), text)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.sampled_from(TYPED) | st.sampled_from(NOTATIONS + LOCALS) | st.integers(0, 15),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from(CHARSETS),
    st.sampled_from((*CHARSETS, "unicode", "mj", "x0213")),
)
def test_every_character_typed_is_in_one_step_in_order_with_its_code_or_its_loss(
    typed: list[str | int], one: str, two: str
) -> None:
    source = city(one)
    owner = HOST.replace("/", "-")
    codes = local_codes(source.charset.areas[0].code)
    spelled = [
        f"&{owner}-{codes[it].hex().upper()};" if isinstance(it, int) else it for it in typed
    ]
    name = "".join(spelled)
    try:
        found = trace(name, source, city(two, NEIGHBOUR) if two in CHARSETS else two)
    except BadName:
        return
    if not any(map(is_private, name)):
        assert "".join(texts(found)) == name
    arrived = "".join(unspelled(text, source) for text in texts(found))
    assert arrived == unspelled(name, source)
    script = CodeSetSide(source).script
    for step in found.steps:
        assert (step.code is None) == (step.typed.token is None)
        if step.code is None:
            assert step.lossy
            assert step.findings[0].code in ("not-in-source", "several-codes")
    without = sum(step.code is None for step in found.steps)
    assert found.losses >= without
    assert not (without and found.whole)
    if without:
        assert (found.data, found.out) == (None, None)
    else:
        written = script.joined(script.standing(step.code or b"") for step in found.steps)
        assert found.data == written


@settings(deadline=None)
@given(
    st.lists(LETTERS | st.sampled_from(LOCALS), min_size=1, max_size=8),
    st.sampled_from(CHARSETS),
    st.sampled_from(CHARSETS),
)
def test_a_trace_writes_what_a_conversion_of_the_same_bytes_writes(
    pieces: list[str], one: str, two: str
) -> None:
    source, target = city(one, HOST), city(two, NEIGHBOUR)
    found = trace("山" + "・".join(pieces), source, target, ESCAPE)
    if found.data is None:
        return
    conversion = Conversion(source, target, ESCAPE._replace(max_loss=10**9))
    assert conversion.resolver.bytes_for(found.data) == found.out
    losses = sum(conversion.resolver.resolve(step.code).lossy for step in found.steps if step.code)
    assert losses == found.losses


def test_a_trace_writes_what_the_converted_file_holds(tmp_path: Path) -> None:
    found = trace("渡&252069-juki-F045;﨑MJ022335&252069-juki-F050;", juki(), other(), ESCAPE)
    assert found.data
    (tmp_path / "in").write_bytes(found.data)
    options = ESCAPE._replace(max_loss=99)
    account = convert_file(tmp_path / "in", tmp_path / "out", Conversion(juki(), other(), options))
    assert (tmp_path / "out").read_bytes() == found.out
    assert account.losses == found.losses
