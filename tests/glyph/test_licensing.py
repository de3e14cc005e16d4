import pytest

from gaiji.glyph.licensing import WHOM, family_name, font_licence, is_reserved, licence_note
from gaiji.wire.fonts import SCOPES, Scope


def test_a_family_name_fits_windows_and_never_holds_ipa() -> None:
    assert family_name("codeset", "252069/juki", 3) == (
        "外字 252069 juki r3",
        "Gaiji 252069 juki r3",
    )
    assert family_name("release", "", 12) == ("外字 共通 r12", "Gaiji Council r12")
    assert family_name("server", "ipa1", 1).en == "Gaiji Council r1"
    long = family_name("server", "x" * 60, 123)
    assert len(long.en) == 31
    assert long.en.endswith(" r123")


def test_one_outline_of_ipas_makes_the_font_ipas() -> None:
    licence = font_licence("server:cs1", "public", ["city", "ipamj", "hanazono"])
    assert licence.name == "IPA"
    assert "IPA Font License Agreement v1.0" in licence.text.en
    note = licence_note(family_name("server", "cs1", 2), licence).decode()
    assert (
        note.index("外字 cs1 r2") < note.index("元のフォントに戻すには") < note.index("To go back")
    )
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
