"""Single codes: all matches, both directions, nothing guessed, and never another answer than a conversion's."""

import random
from datetime import date

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.charsets import NAMES
from gaiji.charset.coding import coding
from gaiji.charset.conversion import TARGETS, Conversion
from gaiji.charset.standard import PAIRS, x0213_names
from gaiji.errors import BadName, CodeOutsideArea, UnknownRelease, UnmappedCode
from gaiji.registry import members, releases
from gaiji.registry.translation import translate
from tests.council import KUSATSU, ME, RITTO, Council

JUKI, ZEI = "252069/juki", "252085/zei"


@pytest.fixture
def cities(council: Council) -> Council:
    for code, name, address in ((KUSATSU, "草津市", JUKI), (RITTO, "栗東市", ZEI)):
        council.add(code, name)
        council.code_set(address)
        council.take_in(address, "外字コード\nF040\nF041\nF042\n")
    council.decide(f"{JUKI}/F040", "MJ026190")
    council.decide(f"{JUKI}/F041", "MJ022335")
    council.decide(f"{ZEI}/F041", "MJ026190")
    council.decide(f"{ZEI}/F042", "MJ026190", "design-difference")
    council.publish()
    return council


def matches(session: Session, from_: str, to: str, code: str) -> list[tuple[str | None, str]]:
    (found,) = translate(session, from_, to, [code]).results
    return [(match.code, match.relationship) for match in found.matches]


@pytest.mark.parametrize(
    ("from_", "to", "code", "expected"),
    [
        (JUKI, "juki", "F040", "J+9089"),
        (JUKI, "unicode", "F040", "U+9089"),
        (JUKI, "mj", "F040", "MJ026190"),
        (JUKI, "x0213", "F040", "1-78-21"),
        (JUKI, "unicode", "F041", "U+845B U+E0102"),
        ("juki", JUKI, "J+9089", "F040"),
        ("unicode", JUKI, "邉", "F040"),
        ("unicode", JUKI, "U+9089 U+E010F", "F040"),
        ("mj", JUKI, "MJ026190", "F040"),
        ("x0213", "juki", "1-78-21", "J+9089"),
        ("juki", "mj", "J+6569", "MJ037321"),
        ("juki", "mj", "J+670A", "MJ003774"),
        ("juki", "mj", "J+6730", "MJ013582"),
        (JUKI, "mj", "8A8B", "MJ022335"),
        (JUKI, "juki", "8140", "J+3000"),
        (JUKI, "x0213", "8260", "1-03-33"),
        ("unicode", JUKI, "Ａ", "8260"),
        ("juki", "unicode", "J+3042", "U+3042"),
        ("unicode", "unicode-svs", "神", "U+795E"),
        ("unicode", "unicode-svs", "\ufa19", "U+795E U+FE00"),
    ],
)
def test_a_code_is_translated(
    session: Session, cities: Council, from_: str, to: str, code: str, expected: str
) -> None:
    assert expected in [match for match, _ in matches(session, from_, to, code)]


def test_all_matches_are_given_the_strongest_first(session: Session, cities: Council) -> None:
    assert matches(session, JUKI, ZEI, "F040") == [
        ("F041", "equivalent"),
        ("E7B3", "equivalent"),  # 邉 in the standard area
        ("F042", "design-difference"),
    ]


def test_results_come_in_the_order_asked_and_unmapped_codes_say_so(
    session: Session, cities: Council
) -> None:
    found = translate(session, JUKI, "juki", ["F042", "F040", "F042"])
    assert [(one.code, one.unmapped) for one in found.results] == [
        ("F042", True),
        ("F040", False),
        ("F042", True),
    ]
    with pytest.raises(UnmappedCode, match="F042"):
        translate(session, JUKI, "juki", ["F040", "F042"], on_unmapped="error")


def test_a_day_picks_the_meaning_in_force(session: Session, cities: Council) -> None:
    cities.take_in(JUKI, "外字コード,使用開始日\nF040,2020-04-01\n")
    cities.decide(f"{JUKI}/F040", "MJ030196")
    cities.publish()
    now = translate(session, JUKI, "mj", ["F040"]).results[0]
    then = translate(session, JUKI, "mj", ["F040"], as_of=date(2010, 1, 1)).results[0]
    first = translate(session, JUKI, "mj", ["F040"], release=1).results[0]
    assert [m.code for m in now.matches] == ["MJ030196"]
    assert [m.code for m in then.matches] == ["MJ026190"]
    assert [m.code for m in first.matches] == ["MJ026190"]


def test_a_sequence_of_another_collection_is_unmapped_never_stripped(
    session: Session, cities: Council
) -> None:
    assert matches(session, "unicode", "mj", "葛\U000e0100") == []


def address(name: str) -> str:
    """The code set in a charset."""
    return f"{KUSATSU}/{name.replace('-', '')}"


@pytest.fixture
def systems(council: Council) -> Council:
    """A city with a code set in every charset, named after it."""
    council.add(KUSATSU, "草津市")
    for name in NAMES:
        areas = None
        if name == "jips-e":
            areas = [{"first": "A341", "last": "A9FE", "trails": [[0x41, 0xFE]], "image": "U+E000"}]
        members.add_code_set(
            *(council.session, ME, address(name)),
            charset_name=name,
            system="住民記録",
            group="住民記録系",
            areas=areas,
        )
    council.take_in(address("jef"), "外字コード\n80A1\n")
    council.decide(f"{address('jef')}/80A1", "MJ026190")
    council.publish()
    return council


@pytest.mark.parametrize(
    ("from_", "to", "code", "expected"),
    [
        ("jef", "unicode", "B0A1", "U+4E9C"),
        ("jef", "unicode", "C1", "U+0041"),
        ("jef", "keis83", "A1DD", "A1DD"),
        ("jef", "ibm939", "4040", "4040"),
        ("jef", "juki", "80A1", "J+9089"),
        ("jef", "jips-e", "B0A1", "F04F"),
        ("jef", "unicode", "CBEA", "U+69C7"),
        ("keis83", "unicode", "CBEA", "U+69D9"),
        ("cp932", "jef", "8740", None),
        ("jips-j", "cp932", "3021", "889F"),
        ("ibm939", "jef", "4260", "A1DD"),
        ("ibm939", "eucjp-ms", "81", "61"),
        ("ibm930", "cp932", "81", "B1"),
        ("ibm1399", "utf-16le", "4541", "004E"),
        ("cp932", "x0213", "8160", "1-01-33"),
        ("eucjp-ms", "cp932", "8EB1", "B1"),
        ("unicode", "jef", "〜", "A1C1"),
        ("unicode", "jef", "～", "A1C1"),
        ("unicode", "keis78", "U+4E9C", "B0A1"),
        ("juki", "jips-j", "J+4E9C", "3021"),
        ("x0213", "jef", "1-16-01", "B0A1"),
        ("utf-16le", "jef", "899040DB0FDD", "80A1"),
        ("utf-16be", "jef", "9089DB40DD0F", "80A1"),
    ],
)
def test_standard_codes_of_every_charset_are_read_and_written(
    session: Session, systems: Council, from_: str, to: str, code: str, expected: str | None
) -> None:
    source, target = (address(end) if end in NAMES else end for end in (from_, to))
    found = [match for match, _ in matches(session, source, target, code)]
    assert expected in found if expected else found in ([], [None])


def standard_tokens(name: str, systems: Council) -> list[bytes]:
    """Some standard codes of a charset, marks and single bytes among them."""
    code_set = members.find_code_set(systems.session, address(name))
    one = members.charset_of(systems.session, code_set)
    rng = random.Random(name)
    if one.is_unicode:
        texts = [*"A～〜∥‖―—葛辻祇邉神\ufa19\U00020bb7", *PAIRS, "邉\U000e010f", *x0213_names()]
        return [text.encode(one.encoding or "") for text in (*texts[:45], *rng.sample(texts, 60))]
    codes = [code for mode in coding(one).modes for code in mode.reading]
    marks = [
        mode.writing.get(text) for mode in coding(one).modes for text in "～∥－￠￡￢―—葛辻祇邉"
    ]
    return [*(code for code in marks if code), *rng.sample(codes, 100)]


@pytest.mark.parametrize("name", NAMES)
def test_what_a_conversion_writes_is_among_the_matches(
    session: Session, systems: Council, name: str
) -> None:
    source = address(name)
    release = releases.find_release(session, "latest")
    mapping = releases.mapping(session, source, release)
    tokens = standard_tokens(name, systems)
    shown = [token.hex().upper() for token in tokens]
    asked = 0
    for target in ("unicode", "unicode-svs", "juki", *map(address, NAMES)):
        end = target if target in TARGETS else releases.mapping(session, target, release)
        way = Conversion(mapping, end).way
        found = translate(session, source, target, shown).results
        for token, result in zip(tokens, found, strict=True):
            made = way.step(token)
            assert (made.out is None) == result.unmapped, (target, token.hex())
            if made.out is not None:
                code = written(target, made.out, way.target.script.bare(made.out))
                assert code in [match.code for match in result.matches], (target, token.hex())
                asked += 1
    assert asked > 1_000


def written(target: str, out: bytes, bare: bytes) -> str:
    """Bytes of a conversion as a translation shows them."""
    if target == "juki":
        return f"J+{out.hex().upper()}"
    if target in TARGETS:
        return " ".join(f"U+{ord(char):04X}" for char in out.decode())
    return bare.hex().upper()


def test_codes_without_a_table_are_unmapped_and_malformed_ones_are_refused(
    session: Session, systems: Council
) -> None:
    assert matches(session, address("jef"), "mj", "41A1") == []
    for name, code in (("jef", "28"), ("jef", "30E2"), ("utf-8", "4142"), ("utf-16le", "00D8")):
        with pytest.raises(CodeOutsideArea):
            translate(session, address(name), "mj", [code])


@pytest.mark.parametrize(
    ("from_", "code", "error"),
    [
        ("juki", "9089", BadName),
        ("mj", "MJ1", BadName),
        ("unicode", "あいう", BadName),
        ("x0213", "3-1-1", BadName),
        (JUKI, "F0", CodeOutsideArea),
        (JUKI, "ZZ", BadName),
        ("utf", "F040", BadName),
    ],
)
def test_a_code_that_cannot_be_read_is_refused(
    session: Session, cities: Council, from_: str, code: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        translate(session, from_, "mj", [code])


def test_a_release_without_the_code_set_is_named(session: Session, cities: Council) -> None:
    cities.code_set("252069/zei")
    with pytest.raises(UnknownRelease):
        translate(session, "252069/zei", "mj", ["F040"])
