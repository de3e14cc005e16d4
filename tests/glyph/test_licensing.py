import pytest

from gaiji.glyph.build import glyph_name
from gaiji.glyph.licensing import (
    WHOM,
    family_name,
    font_licence,
    full_name,
    is_reserved,
    licence_note,
    unreserved,
)
from gaiji.wire.fonts import SCOPES, Scope

MARK = "1a2b3c4d"


def test_a_family_name_fits_windows_and_never_holds_ipa() -> None:
    assert family_name("codeset", "252069/juki", 3, MARK) == (
        "外字 252069 juki r3 1a2b3c4d",
        "Gaiji 252069 juki r3 1a2b3c4d",
    )
    assert family_name("release", "", 12, MARK) == (
        "外字 共通 r12 1a2b3c4d",
        "Gaiji Council r12 1a2b3c4d",
    )
    assert family_name("server", "ipa1", 1, MARK).en == "Gaiji CS r1 1a2b3c4d"
    long = family_name("server", "x" * 60, 123, MARK)
    assert len(long.en) == 31
    assert long.en.endswith(" r123 1a2b3c4d")


def test_a_full_name_says_what_part_it_is_and_keeps_its_mark() -> None:
    kept = ["undecided", "2010-01-01", "reference"]
    told = full_name("codeset", "252069/juki", 2, MARK, kept)
    assert told.en == "Gaiji 252069 juki undecided 2010-01-01 reference r2 1a2b3c4d"
    long = full_name("codeset", f"252069/{'a' * 20}", 1234, MARK, kept)
    assert len(long.en) <= 63
    assert long.en.endswith(" undecided 2010-01-01 reference r1234 1a2b3c4d")


def test_file_names_with_ipa_give_way_and_stay_apart() -> None:
    names = [unreserved(f"252069-{name}.r2") for name in ("ipa1", "kaipa", "IPA", "juki")]
    assert len(set(names)) == 4
    assert not any(map(is_reserved, names))
    assert names[3] == "252069-juki.r2"


def test_long_glyph_names_stay_apart() -> None:
    names = [glyph_name(f"252069/{'a' * 40}/{code}", "0" * 64) for code in ("8FF5A1", "8FF5A2")]
    assert names[0] != names[1]
    assert max(map(len, names)) <= 63


def test_one_outline_of_ipas_makes_the_font_ipas() -> None:
    licence = font_licence("server:cs1", "public", ["city", "ipamj", "hanazono"])
    assert licence.name == "IPA"
    assert "IPA Font License Agreement v1.0" in licence.text.en
    note = licence_note(family_name("server", "cs1", 2, MARK), licence, None).decode()
    assert (
        note.index("外字 cs1 r2") < note.index("元のフォントに戻すには") < note.index("To go back")
    )
    assert note.index("To go back") < note.index("The licence in full is at https://moji.or.jp")
    whole = licence_note(
        family_name("server", "cs1", 2, MARK), licence, "第1条\r\nArticle 1\r\n"
    ).decode()
    assert whole.endswith("\n\n\n第1条\nArticle 1\n")
    assert "in full is at" not in whole
    assert is_reserved("MyIPAfont.ttf")
    assert not is_reserved("gaiji.tte")


def test_hanazono_alone_is_free() -> None:
    assert font_licence("release", "public", ["hanazono"]).name == "LicenseRef-Hanazono"


@pytest.mark.parametrize("audience", SCOPES)
def test_every_other_font_says_to_whom_it_may_be_given(audience: Scope) -> None:
    licence = font_licence("codeset:252069/juki", audience, ["city", "hanazono"])
    assert WHOM[audience].ja in licence.text.ja
    assert WHOM[audience].en in licence.text.en
    assert licence.name == f"LicenseRef-Gaiji-{audience}"
