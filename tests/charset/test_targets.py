from __future__ import annotations

from datetime import date

import pytest

from gaiji.charset import mapfile
from gaiji.charset.charsets import charset
from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import Conversion
from gaiji.charset.mapping import Forms, Mapping, Reduction, Repertoire
from gaiji.charset.resolve import Options, Outcome
from gaiji.charset.targets import unique_reduction
from gaiji.errors import AreaFull, BadName, UnsupportedConversion
from tests.charset.council import CS1, FORMS, REPERTOIRE, VS, code, juki, other, zei


def resolve(
    source: Mapping | str, target: Mapping | str, token: bytes, options: Options | None = None
) -> Outcome:
    return Conversion(source, target, options or Options()).resolver.resolve(token)


def forward(target: str, hexadecimal: str, **options: object) -> Outcome:
    return resolve(juki(), target, code(hexadecimal), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("local", "text"),
    [
        ("F041", "﨑"),
        ("F044", "邉" + VS[0x1B]),
        ("F046", "𢽾"),
        ("F047", "\U000f0001"),
        ("F048", "\U000f0000"),
        ("F043", "葛"),
    ],
)
def test_unicode_writes_own_ucs_bare_then_sequence_then_allocation(local: str, text: str) -> None:
    outcome = forward("unicode", local)
    assert (outcome.kind, outcome.out) == ("mapped", text.encode())


def test_ivs_always_adds_the_selector_where_one_exists() -> None:
    assert forward("unicode", "F041", ivs="always").out == ("﨑" + VS[2]).encode()
    assert forward("unicode", "E7B3", ivs="always") == Outcome(("邉" + VS[0xF]).encode(), "plain")
    assert forward("unicode", "F046", ivs="always").out == "𢽾".encode()


def test_unicode_svs_writes_compatibility_ideographs_so_that_normalization_keeps_them() -> None:
    outcome = forward("unicode-svs", "FB7E")
    assert (outcome.out, outcome.kind, outcome.lossy) == ("神\ufe00".encode(), "plain", False)
    assert forward("unicode-svs", "905F").out == "神".encode()


@pytest.mark.parametrize("text", ["葛" + VS[2], "葛" + VS[0x1F], "葛" + VS[0], "亜\ufe00"])
def test_only_known_sequences_are_read_and_none_is_cut(text: str) -> None:
    outcome = resolve("unicode", juki(), text.encode(), Options(on_unmapped="escape"))
    if text == "葛" + VS[2]:
        assert (outcome.out, outcome.kind) == (code("F042"), "mapped")
    else:
        assert (outcome.kind, outcome.lossy) == ("unmapped", False)
        assert outcome.out == f"&000000-unicode-{text.encode().hex().upper()};".encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("﨑", "FAB1"),
        ("﨑" + VS[2], "FAB1"),
        ("邉" + VS[0x1B], "F044"),
        ("\U000f0001", "F047"),
        ("\U000f0000", "F048"),
        ("𢽾", "F046"),
        ("神\ufe00", "FB7E"),
        ("\ufa19", "FB7E"),
        ("〜", "8160"),
        ("～", "8160"),
    ],
)
def test_reading_unicode_accepts_every_form_of_a_character(text: str, expected: str) -> None:
    assert resolve("unicode", juki(), text.encode()).out == code(expected)


def test_two_local_codes_of_one_character_are_never_chosen_between() -> None:
    assert forward("unicode", "F04B").lossy
    outcome = resolve("unicode", juki(), ("枩" + VS[4]).encode(), Options(on_unmapped="geta"))
    assert (outcome.kind, outcome.out, outcome.lossy) == ("unmapped", code("81AC"), True)


def test_a_substitute_is_used_forwards_with_its_ground_and_never_backwards() -> None:
    outcome = forward("unicode", "F04A")
    assert outcome == Outcome("崎".encode(), "substitute", True, "MJ010541", "崎", "窓口で確認")
    assert resolve("unicode", juki(), "崎".encode()).out == "崎".encode("cp932")


def test_a_unicode_city_gets_its_local_code_for_what_its_standard_area_lacks() -> None:
    for text, local in (
        ("𢽾", "\ue001"),
        ("邉" + VS[0x1D], "\ue000"),
        ("邉" + VS[0x1B], "\U000f0005"),
    ):
        outcome = resolve("unicode", zei(), text.encode())
        assert (outcome.out, outcome.kind, outcome.lossy) == (
            local.encode("utf-16-le"),
            "mapped",
            False,
        )
        native = resolve(zei(), "unicode", text.encode("utf-16-le"))
        assert (native.out, native.kind, native.lossy) == (text.encode(), "recoded", True)
    for text in ("邉", "﨑", "葛" + VS[2], "邉" + VS[0xF], "😀"):
        outcome = resolve("unicode", zei(), text.encode())
        assert (outcome.out, outcome.kind) == (text.encode("utf-16-le"), "plain")


def test_a_decided_no_and_an_ended_meaning_are_unmapped_until_the_day_is_named() -> None:
    assert forward("unicode", "F04D").kind == "unmapped"
    assert forward("juki", "F04E").out == (0x8FBB).to_bytes(2)
    before = forward("juki", "F04E", as_of=date(2020, 3, 31))
    assert (before.out, before.character) == ((0x670A).to_bytes(2), "MJ003774")
    assert forward("juki", "F04E", as_of=date(2020, 4, 1)).out == (0x8FBB).to_bytes(2)


def test_the_jis_edition_decides_the_shape_of_a_standard_code() -> None:
    for jis, expected in ((90, 0x845B), (83, 0x845B), (2004, 0xB9D5)):
        outcome = resolve(juki(jis=jis), "juki", code("8A8B"))
        assert (outcome.out, outcome.lossy) == (expected.to_bytes(2), False)
    assert resolve(juki(jis=90), "unicode", code("8A8B")).kind == "edition"
    assert resolve(juki(jis=2004), "unicode", code("8A8B")).kind == "plain"
    assert resolve(juki(jis=90), "mj", code("8A8B")).out == b"MJ022335 "
    assert resolve(juki(jis=90), other(jis=2004), code("8A8B")) == Outcome(
        code("8A8B"), "edition", False, "MJ022335"
    )


@pytest.mark.parametrize(
    ("unit", "character"), [(0x6569, "MJ037321"), (0x670A, "MJ003774"), (0x6730, "MJ013582")]
)
def test_juki_codes_that_look_like_other_kanji_are_not_read_as_unicode(
    unit: int, character: str
) -> None:
    side = Conversion("juki", juki()).sides[0]
    assert side.read(unit.to_bytes(2)).character == character
    assert chr(unit).encode("utf-16-be") == unit.to_bytes(2)
    assert REPERTOIRE.juki(unit) == REPERTOIRE.get(character)


def test_juki_keeps_controls_and_non_kanji_and_refuses_what_it_lacks() -> None:
    for text in "\n\tA あア、～":
        outcome = resolve(juki(), "juki", text.encode("cp932"))
        assert (outcome.out, outcome.kind) == (text.encode("utf-16-be"), "plain")
    assert forward("juki", "F047").kind == "unmapped"
    assert resolve("juki", juki(), b"\xd8\x00").kind == "malformed"
    assert resolve("juki", juki(), b"\xac\x00").kind == "unmapped"


def test_x0213_reports_unification_reduction_and_ties_apart() -> None:
    assert forward("x0213", "F044") == Outcome(
        "邉".encode(), "unified", True, "MJ026192", "邉", "U128"
    )
    assert forward("x0213", "FBFC").kind == "unified"
    assert forward("x0213", "F049").kind == "unified"
    reduced = forward("x0213", "F047")
    assert (reduced.out, reduced.kind, reduced.ground) == (
        "姍".encode(),
        "reduced",
        "法務省告示582号別表第四_二",
    )
    assert forward("x0213", "F045").kind == "unmapped"


def test_x0213_writes_jis_punctuation_and_reads_it_back() -> None:
    for mark, jis in zip("～∥－￠￡￢", "〜‖−¢£¬", strict=True):
        outcome = resolve(juki(), "x0213", mark.encode("cp932"))
        assert outcome == Outcome(jis.encode(), "plain")


def test_a_two_code_point_character_of_x0213_is_one_token() -> None:
    conversion = Conversion(zei(), "x0213", Options(on_unmapped="escape"))
    assert conversion.resolver.bytes_for("か゚か".encode("utf-16-le")) == "か゚か".encode()
    found = conversion.resolver.tokens.cut("か゚か".encode("utf-16-le"))[0]
    assert [len(token) for token in found] == [4, 2]


def test_a_reduction_needs_a_unique_rank() -> None:
    one, two = Reduction("辺", None, "a", 1), Reduction("邊", None, "b", 2)
    tie, again = Reduction("邊", None, "c", 1), Reduction("辺", None, "d", 1)
    outside, unranked = Reduction("𢽾", None, "e", 0), Reduction("邊", None, "f")

    def best(*reductions: Reduction) -> Reduction | None:
        return unique_reduction(Forms("MJ000001", reductions=reductions))

    assert best(two, one) == one
    assert best(one, tie) is None
    assert best(one, again) == one
    assert best(outside, one) == one
    assert best(unranked, two) == two
    assert best() is None


def test_mj_writes_names_and_keeps_other_text() -> None:
    data = "山あ\n".encode("cp932") + code("F048")
    assert Conversion(juki(), "mj").resolver.bytes_for(data) == "MJ010392 あ\nOM000001 ".encode()
    framed = Conversion(juki(), "mj", Options(mj_format="[{}]"))
    assert framed.resolver.bytes_for(data) == "[MJ010392]あ\n[OM000001]".encode()
    assert framed.resolver.back.bytes_for("[MJ010392]あ\n[OM000001]".encode()) == data


@pytest.mark.parametrize("template", ["{}&", "x{}", "{}{}", "{}　"])
def test_an_ambiguous_mj_format_is_refused(template: str) -> None:
    with pytest.raises(BadName):
        _ = Conversion(juki(), "mj", Options(mj_format=template)).resolver


def test_city_to_city_goes_through_shared_characters() -> None:
    there = resolve(juki(), other(), code("F046"))
    assert (there.out, there.kind, there.lossy) == (code("F140"), "mapped", False)
    local = resolve(juki(), other(), code("F040"))
    assert (local.out, local.lossy) == (code("F141"), False)
    standard = resolve(juki(), other(), code("F041"))
    assert (standard.out, standard.lossy) == (code("FAB1"), True)
    same_code = resolve(juki(), other(), code("F048"))
    assert (same_code.out, same_code.lossy) == (code("F040"), False)
    assert resolve(juki(), other(), code("F047")).kind == "unmapped"


def test_city_to_city_follows_both_punctuation_policies() -> None:
    microsoft, jis = zei(punctuation="microsoft"), zei("utf-8", punctuation="jis")
    assert resolve(juki(), jis, code("8160")) == Outcome("〜".encode(), "plain")
    assert resolve(juki(), microsoft, code("8160")) == Outcome("～".encode("utf-16-le"), "plain")
    assert resolve(microsoft, jis, "～".encode("utf-16-le")).out == "〜".encode()
    foreign = resolve(microsoft, jis, "〜".encode("utf-16-le"))
    assert (foreign.out, foreign.kind, foreign.lossy) == ("〜".encode(), "recoded", True)
    assert resolve(zei(), juki(punctuation="jis"), "～".encode("utf-16-le")).lossy is False


def test_the_398_second_codes_are_recoded_and_only_they() -> None:
    resolver = Conversion(juki(), "unicode").resolver
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    leads = (*range(0x81, 0xA0), *range(0xE0, 0xF0), *range(0xFA, 0xFD))
    outcomes = [resolver.resolve(bytes([a, b])) for a in leads for b in trails]
    kinds = [outcome.kind for outcome in outcomes]
    assert (kinds.count("recoded"), kinds.count("edition")) == (398, 2)
    assert all(outcome.lossy == (outcome.kind == "recoded") for outcome in outcomes if outcome.out)
    assert kinds.count("plain") == 7724 - 398 - 2


def test_keep_writes_the_default_image_and_reads_it_back() -> None:
    assert forward("unicode", "F050", on_unmapped="keep").out == "\ue010".encode()
    assert forward("unicode", "F050", on_unmapped="keep").lossy is False
    assert forward("juki", "F050", on_unmapped="keep").out == b"\xe0\x10"
    plane_15 = resolve(
        zei(), "unicode", "\U000f0000".encode("utf-16-le"), Options(on_unmapped="keep")
    )
    assert (plane_15.out, plane_15.kind) == (None, "unmapped")
    with pytest.raises(UnsupportedConversion, match="another gaiji"):
        Conversion(juki(), other(), Options(on_unmapped="keep"))


def by_plan(source: Mapping | str, target: Mapping | str, token: str) -> Outcome:
    options = Options(on_unmapped="escape")
    return Conversion(source, target, options, CS1).resolver.resolve(code(token))


@pytest.mark.parametrize(("local", "unit"), [("F047", "E000"), ("F048", "E001")])
def test_a_shared_server_has_code_points_for_characters_without_a_juki_code(
    local: str, unit: str
) -> None:
    assert by_plan(juki(), "juki", local)[:3] == (code(unit), "mapped", False)
    assert by_plan("juki", juki(), unit).out == code(local)
    assert forward("juki", local, on_unmapped="escape").kind == "unmapped"


def test_a_character_that_got_a_juki_code_is_written_by_it_and_read_by_its_point_too() -> None:
    assert by_plan(juki(), "juki", "F04C")[:3] == (code("6730"), "mapped", False)
    assert by_plan("juki", juki(), "E010")[:3] == (code("F04C"), "mapped", True)


def test_a_rule_of_the_plan_chooses_among_two_local_codes_and_nothing_else_does() -> None:
    assert by_plan("juki", juki(), "6730").out == code("F04C")
    assert by_plan(juki(), "juki", "F04B").lossy
    without = resolve("juki", juki(), code("6730"), Options(on_unmapped="escape"))
    assert without.kind == "unmapped"


def test_a_plan_serves_its_own_release_and_juki_alone_and_keeps_no_image() -> None:
    with pytest.raises(UnsupportedConversion, match="juki alone"):
        Conversion(juki(), "unicode", Options(), CS1)
    with pytest.raises(UnsupportedConversion, match="of release 4"):
        Conversion(juki(), "juki", Options(), CS1._replace(release=4))
    with pytest.raises(UnsupportedConversion, match="252107/zei is not part of cutover plan cs1/2"):
        Conversion(other(), "juki", Options(), CS1)
    for target, plan in (("juki", CS1), ("pua", None)):
        with pytest.raises(UnsupportedConversion, match="code points are shared"):
            Conversion(juki(), target, Options(on_unmapped="keep"), plan)


def test_a_plan_converts_by_the_meanings_of_its_own_day(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = (CS1._replace(as_of=date(year, 1, 1)) for year in (2019, 2021))
    for plan, unit in ((early, "670A"), (late, "8FBB")):  # F04E was used again in 2020
        asked = Conversion(juki(), "juki", Options(on_unmapped="escape"), plan)
        assert asked.options.as_of == plan.as_of
        assert asked.resolver.resolve(code("F04E")).out == code(unit)
        file = compiled(asked)
        assert file.as_of == plan.as_of
        monkeypatch.setattr(mapfile, "day_in_japan", plan.as_of.isoformat)
        by_file = file.prepare("252069/juki", "juki", Options(on_unmapped="escape"))
        assert by_file.resolver.resolve(code("F04E")).out == code(unit)


def test_a_rule_for_a_slot_that_means_something_else_by_now_is_not_followed() -> None:
    plan = CS1._replace(back={"252069/juki": {"MJ003774": code("F04E")}})
    found = {
        year: Conversion(
            "juki", juki(), Options("escape", as_of=date(year, 1, 1)), plan
        ).resolver.resolve(code("670A"))
        for year in (2019, 2021)
    }
    assert found[2019].out == code("F04E")
    assert found[2021].kind == "unmapped"


def test_pua_of_a_release_before_it_had_points_says_to_publish() -> None:
    older = Repertoire(one._replace(pua=None) for one in FORMS)
    mapping = Mapping(3, "3a" * 32, "252069/juki", juki().charset, juki().rows, older)
    with pytest.raises(UnsupportedConversion, match="publish again"):
        Conversion(mapping, "pua")


def test_pua_writes_jis_x_0208_as_it_is_and_everything_else_at_its_place() -> None:
    points = {one.id: chr(one.pua) for one in FORMS if one.pua}
    for local, character in (("FBFC", "MJ028902"), ("F044", "MJ026192"), ("F048", "OM000001")):
        outcome = forward("pua", local)
        assert (outcome.out, outcome.lossy) == (points[character].encode(), False)
        assert resolve("pua", juki(), outcome.out or b"").out == code(local)
    assert forward("pua", "E7B3").out == "邉".encode()
    assert forward("pua", "8740", on_unmapped="escape").kind == "unmapped"  # ① has no place
    assert forward("pua", "8740", keep="0213").out == "①".encode()
    assert forward("pua", "FAB1").out == points["MJ030196"].encode()
    assert forward("pua", "FAB1", keep="0213").out == "﨑".encode()
    assert forward("pua", "FBFC", keep="0213").out == points["MJ028902"].encode()
    bare = resolve("pua", juki(), "髙".encode(), Options(on_unmapped="escape"))
    assert (bare.out, bare.lossy) == (code("FBFC"), True)  # it should have stood at its place


@pytest.mark.parametrize(
    "name", ["ibm930", "ibm939", "ibm1390", "ibm1399", "jef", "keis83", "jips-e"]
)
def test_pua_keeps_every_single_byte_of_a_host(name: str) -> None:
    mapping = Mapping(3, "3a" * 32, "252107/zei", charset(name), [], juki().repertoire)
    escape = Options(on_unmapped="escape")
    told = {to: Conversion(mapping, to, escape).resolver for to in ("unicode", "pua")}
    singles = {bytes([byte]): told["unicode"].resolve(bytes([byte])) for byte in range(256)}
    written = {token: one.out for token, one in singles.items() if one.kind != "malformed"}
    assert {token: told["pua"].resolve(token).out for token in written} == written
    assert len(written) > 150


def test_pua_refuses_a_code_set_whose_characters_do_not_fit_and_says_how_many() -> None:
    full = Repertoire(one._replace(pua=one.pua if one.id == "MJ028902" else None) for one in FORMS)
    mapping = Mapping(3, "3a" * 32, "252069/juki", juki().charset, juki().rows, full)
    with pytest.raises(AreaFull, match=r"^11 characters of 252069/juki .* spare 2 of them"):
        Conversion(mapping, "pua")


def test_conversions_without_a_code_set_or_of_unknown_targets_are_refused() -> None:
    with pytest.raises(UnsupportedConversion, match="At least one"):
        Conversion("unicode", "juki")
    with pytest.raises(UnsupportedConversion, match="no target 'shift_jis_2004'"):
        Conversion(juki(), "shift_jis_2004")


def test_the_repertoire_answers_by_text_sequence_and_code() -> None:
    assert dict(REPERTOIRE.edition_pairs) == {"葛": "MJ022335", "辻": "MJ025760"}
    own, older = REPERTOIRE.own("葛"), REPERTOIRE.shape("葛", 90)
    assert own
    assert older
    assert (own.id, older.id) == ("MJ022336", "MJ022335")
    assert REPERTOIRE.standard_text("MJ022335", 90) == "葛"
    assert REPERTOIRE.standard_text("MJ022335", 2004) is None
    assert REPERTOIRE.standard_text("MJ022336", 90) is None
    found = REPERTOIRE.allocated(0xF0001)
    assert found
    assert found.id == "MJ003719"
    assert Repertoire([]).own("葛") is None
