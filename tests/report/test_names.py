"""One name from city to city: the same as a conversion, with nothing of it hidden."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.charset.charsets import charset
from gaiji.charset.conversion import Conversion
from gaiji.charset.convert import convert_file
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.errors import BadName
from gaiji.report.names import Trace, trace
from tests.charset.cities import HOST, NEIGHBOUR, city
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


def _empty() -> Mapping:
    known = juki()
    return Mapping(1, "0" * 64, "252115/juki", charset("cp932"), (), known.repertoire)


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
