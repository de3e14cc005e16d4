"""A terminal's font held against a release: a font that was just built agrees with it."""

import pytest

from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Outline
from gaiji.glyph.reference import font_status
from gaiji.registry import adoption, allocation, intake, journal, releases, rights
from gaiji.registry.fonts import FontSubject, font_file, glyphs_for
from gaiji.report.fontcheck import check_font, heading
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, Council

JUKI = f"{KUSATSU}/juki"
NABE, SAKI = "MJ026190", "MJ030196"
needs_fonts = pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(Settings())),
    reason="reference fonts are not installed: gaiji fonts fetch",
)


def square(side: int) -> Outline:
    corners = ((side, 0), (side, side), (0, side), (0, 0))
    return Outline(1000, 1000, (tuple((corner,) for corner in corners),))


@pytest.fixture
def city(council: Council) -> Council:
    """A city whose glyph of 邉 may go nowhere yet, and a shared server that shows it."""
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    font = build_truetype({0xE000: ("a", square(500)), 0xE001: ("b", square(600))}, family="T")
    files = intake.Files(font=("EUDC.TTE", font), supplier="草津市")
    intake.take_in(council.session, ME, JUKI, files, council.settings)
    council.decide(f"{JUKI}/F040", NABE)
    council.decide(f"{JUKI}/F041", "new")
    council.publish()
    adoption.add_site(council.session, ME, "server:cs1")
    rows = [{"character": NABE, "code_point": 0xE000}, {"character": SAKI, "code_point": 0xE001}]
    scope = allocation.server_scope("cs1")
    journal.act(council.session, ME, "allocation.extend", scope, {"rows": rows})
    return council


@needs_fonts
@pytest.mark.parametrize("what", [FontSubject("server", "cs1"), FontSubject("release")])
def test_a_council_font_that_was_just_built_agrees_with_its_release(
    city: Council, what: FontSubject
) -> None:
    release = releases.find_release(city.session, "latest")
    content = glyphs_for(city.session, city.settings, what, release, refused="leave-out")
    data = font_file(city.settings, content, "tte").path.read_bytes()
    check = check_font(city.session, city.settings, what, release, "a.tte", data)
    assert check.drifts == ()
    assert len(check.expected) == len(content.glyphs) > 0
    subject = {"server": "server:cs1", "release": "協議会の共通文字"}[what.kind]
    assert heading(check)[0] == f"端末フォントの点検: {subject}、版 1"


def test_a_citys_own_font_is_held_against_every_glyph_it_has(city: Council) -> None:
    release, what = releases.find_release(city.session, "latest"), FontSubject("codeset", JUKI)
    rights.set_rights(city.session, ME, JUKI, "member", ground="承諾書")
    content = glyphs_for(city.session, city.settings, what, release)
    data = font_file(city.settings, content, "tte").path.read_bytes()
    rights.set_rights(city.session, ME, JUKI, "unknown", ground="撤回")
    check = check_font(city.session, city.settings, what, release, "a.tte", data)
    assert (check.drifts, len(check.expected), check.findings) == ((), 2, ())
