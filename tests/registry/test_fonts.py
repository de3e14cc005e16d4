"""Fonts of a registry: what is in them, by what right, and what is refused."""

import io
import json
from datetime import date
from typing import Any

import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont
from sqlalchemy import Engine, StaticPool, create_engine, select
from sqlalchemy.orm import Session

from gaiji.data import MjRow, read
from gaiji.errors import BadFont, BadInput, BadName, Refused, UnknownRelease, UnknownSite
from gaiji.glyph.build import as_built, build_bdf, build_truetype
from gaiji.glyph.donors import Wanted, donor
from gaiji.glyph.forms import Bitmap, Outline, canonical, digest
from gaiji.glyph.licensing import is_reserved
from gaiji.glyph.opentype import read_outline
from gaiji.glyph.reference import font_status
from gaiji.registry import (
    adoption,
    allocation,
    fonts,
    intake,
    journal,
    members,
    releases,
    replay,
    rights,
)
from gaiji.registry.fonts import FontSubject, font_file, glyphs_for
from gaiji.registry.tables import Base, Character, GlyphSource, Release
from gaiji.settings import Settings
from gaiji.wire.fonts import SCOPES, FontFormat, RightsRowShape, Scope
from tests.council import KUSATSU, ME, RITTO, Council

JUKI, ZEI = f"{KUSATSU}/juki", f"{RITTO}/zei"
NABE, SAKI = "MJ026190", "MJ030196"
OWN = FontSubject("codeset", JUKI)
needs_fonts = pytest.mark.skipif(
    any(status.state != "ready" for status in font_status(Settings())),
    reason="reference fonts are not installed: gaiji fonts fetch",
)


def square(side: int) -> Outline:
    corners = ((side, 0), (side, side), (0, side), (0, 0))
    return Outline(1000, 1000, (tuple((corner,) for corner in corners),))


def font(*sides: int) -> bytes:
    return build_truetype(
        {0xE000 + at: (f"g{at}", square(side)) for at, side in enumerate(sides)}, family="T"
    )


@pytest.fixture
def city(council: Council) -> Council:
    """Two cities: F040 is 邉 in both, F041 the council's own in one of them, F042 undecided."""
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    council.code_set(JUKI)
    council.code_set(ZEI, "固定資産税", "税系")
    files = intake.Files(font=("EUDC.TTE", font(500, 600, 700)), supplier="草津市", rights="内部")
    intake.take_in(council.session, ME, JUKI, files, council.settings)
    files = intake.Files(font=("Z.TTE", font(510)), supplier="栗東市", rights="内部")
    intake.take_in(council.session, ME, ZEI, files, council.settings)
    council.decide(f"{JUKI}/F040", NABE)
    council.decide(f"{ZEI}/F040", NABE)
    council.decide(f"{JUKI}/F041", "new")
    council.publish()
    return council


def release(council: Council) -> Release:
    return releases.find_release(council.session, "latest")


def built(
    council: Council, what: FontSubject, of: Release, form: FontFormat, **asked: Any
) -> fonts.FontFile:
    content = glyphs_for(council.session, council.settings, what, of, **asked)
    return font_file(council.settings, content, form)


def allow(council: Council, address: str, scope: Scope, *glyphs: str) -> int:
    return rights.set_rights(
        council.session, ME, address, scope, ground="承諾書 2026-11-01", glyphs=glyphs
    )


def own_character(council: Council) -> str:
    query = select(Character.id).where(Character.namespace == "OM")
    return council.session.scalars(query).one()


@pytest.mark.parametrize("audience", SCOPES)
@pytest.mark.parametrize("scope", SCOPES)
def test_a_glyph_goes_as_far_as_its_right_and_no_further(
    city: Council, scope: Scope, audience: Scope
) -> None:
    allow(city, JUKI, scope)
    if SCOPES.index(scope) >= SCOPES.index(audience):
        content = glyphs_for(city.session, city.settings, OWN, release(city), audience=audience)
        assert len(content.glyphs) == 3
        assert {one.provenance.scope for one in content.glyphs} == {scope}
        return
    with pytest.raises(Refused) as caught:
        glyphs_for(city.session, city.settings, OWN, release(city), audience=audience)
    listed = caught.value.extra["findings"]
    assert [one["subject"] for one in listed] == [
        f"{JUKI}/{code}" for code in ("F040", "F041", "F042")
    ]
    assert f"gaiji rights set {JUKI} --scope {audience}" in listed[0]["text"]


def test_a_supplier_that_nobody_told_is_said_in_words() -> None:
    refused = rights.Refusals("council", lambda _: {})
    refused.missing(f"{JUKI}/F040", "a" * 64, [], JUKI)
    assert "(supplier not told, scope unknown)" in refused.findings[0].text.en
    assert "提供者不明" in refused.findings[0].text.ja


def test_a_city_gets_nothing_before_its_rights_are_told(city: Council) -> None:
    with pytest.raises(Refused, match="missing for 3"):
        built(city, OWN, release(city), "tte")


def test_what_the_right_is_missing_for_can_be_left_out_and_is_listed(city: Council) -> None:
    one, *_ = (g.sha256 for g in fully(city).glyphs)
    allow(city, JUKI, "member", one)
    made = built(city, OWN, release(city), "tte", refused="leave-out")
    assert [g.code_point for g in made.content.glyphs] == [0xE000]
    told = json.loads(made.provenance)
    missing = [f["subject"] for f in told["findings"] if f["code"] == "rights-missing"]
    assert missing == [f"{JUKI}/F041", f"{JUKI}/F042"]


def fully(council: Council) -> fonts.FontContent:
    """The content as it would be with every right."""
    return glyphs_for(council.session, council.settings, OWN, release(council), audience="unknown")


def test_the_widest_right_of_a_glyphs_sources_counts(city: Council) -> None:
    files = intake.Files(font=("B.TTE", font(500)), supplier="業者", rights="自由", scope="public")
    intake.take_in(city.session, ME, ZEI, files, city.settings)
    content = glyphs_for(
        city.session, city.settings, OWN, release(city), audience="public", refused="leave-out"
    )
    (one,) = content.glyphs
    assert (one.code_point, one.provenance.supplier) == (0xE000, "業者")


def test_a_city_font_holds_every_code_at_its_image(city: Council) -> None:
    allow(city, JUKI, "member")
    made = built(city, OWN, release(city), "tte")
    assert made.name == "252069-juki.r1.tte"
    read = hb.Font(hb.Face(hb.Blob(made.path.read_bytes())))
    for at, side in enumerate((500, 600, 700)):
        found = read_outline(read, read.get_nominal_glyph(0xE000 + at))
        assert canonical(found) == canonical(square(side))
    assert [g.provenance.code for g in made.content.glyphs] == ["F040", "F041", "F042"]
    undecided = FontSubject("codeset", JUKI, part="undecided")
    part = built(city, undecided, release(city), "woff2")
    assert part.name == "252069-juki.undecided.r1.woff2"
    assert [g.code_point for g in part.content.glyphs] == [0xE002]


def test_a_font_is_made_once_and_anew_when_it_is_damaged(city: Council) -> None:
    allow(city, JUKI, "member")
    made = built(city, OWN, release(city), "tte")
    first = made.path.read_bytes()
    at = made.path.stat().st_ino
    assert built(city, OWN, release(city), "tte").path == made.path
    assert made.path.stat().st_ino == at
    made.path.write_bytes(first[:-9])
    built(city, OWN, release(city), "tte")
    assert made.path.read_bytes() == first


def test_a_code_without_a_glyph_is_told_and_not_drawn(city: Council) -> None:
    city.take_in(JUKI, table="code,mj\nF050,MJ000001\n")
    city.decide(f"{JUKI}/F050", "MJ000001")
    city.publish()
    content = fully(city)
    assert len(content.glyphs) == 3
    told = [(f.code, f.subject) for f in content.facts.findings]
    assert told == [("no-glyph", f"{JUKI}/F050")]


def test_a_reused_slot_shows_the_meaning_of_the_day(city: Council) -> None:
    city.take_in(JUKI, table="code,mj,使用開始日\nF040,MJ000002,2026-04-01\n")
    city.publish()
    after = release(city)
    one = fully(city)
    assert [f.subject for f in one.facts.findings] == [f"{JUKI}/F040"]  # its new glyph has not come
    before = FontSubject("codeset", JUKI, as_of=date(2020, 1, 1))
    content = glyphs_for(city.session, city.settings, before, after, audience="unknown")
    assert content.glyphs[0].glyph == square(500)


@needs_fonts
def test_a_council_font_takes_a_citys_outline_where_it_may_and_the_donors_elsewhere(
    city: Council,
) -> None:
    mine = own_character(city)
    points = {NABE: 0xE000, mine: 0xE001, SAKI: 0xE005}
    server(city, points)
    what = FontSubject("server", "cs1")
    with pytest.raises(Refused) as caught:  # only for the council's own there is no other outline
        glyphs_for(city.session, city.settings, what, release(city))
    assert [one["subject"] for one in caught.value.extra["findings"]] == [mine]
    assert f"gaiji rights set {JUKI} --scope council" in caught.value.extra["findings"][0]["text"]

    allow(city, ZEI, "council")
    allow(city, JUKI, "council", digest(square(600)))
    content = glyphs_for(city.session, city.settings, what, release(city))
    shown = {
        g.provenance.character: (g.provenance.source, g.provenance.codeset) for g in content.glyphs
    }
    assert shown == {NABE: ("city", ZEI), mine: ("city", JUKI), SAKI: ("hanazono", "")}
    assert {g.provenance.character: g.code_point for g in content.glyphs} == points
    made = built(city, what, release(city), "tte")
    read = hb.Font(hb.Face(hb.Blob(made.path.read_bytes())))
    for glyph in made.content.glyphs:
        found = read_outline(read, read.get_nominal_glyph(glyph.code_point))
        assert canonical(found) == canonical(as_built(glyph.glyph, read.face.upem))
        assert glyph.name == f"{glyph.provenance.character}.{glyph.sha256[:8]}"


def server(council: Council, points: dict[str, int]) -> None:
    """A shared server with code points for characters."""
    adoption.add_site(council.session, ME, "server:cs1")
    rows = [{"character": id, "code_point": point} for id, point in points.items()]
    scope = allocation.server_scope("cs1")
    journal.act(council.session, ME, "allocation.extend", scope, {"rows": rows})


@needs_fonts
def test_a_releases_font_stands_at_the_councils_points_of_that_release(city: Council) -> None:
    allow(city, JUKI, "council")
    first = release(city)
    city.take_in(JUKI, table="code,mj\nF060,MJ000020\n")
    city.decide(f"{JUKI}/F060", "MJ000020")
    city.publish()
    second, what = release(city), FontSubject("release")
    old = built(city, what, first, "tte")
    new = built(city, what, second, "tte")
    points = [{g.provenance.character: g.code_point for g in f.content.glyphs} for f in (old, new)]
    given = allocation.points(city.session, allocation.PUA, first.serial)
    assert points[0] == given  # the standard area's own characters outside JIS X 0208 too
    assert own_character(city) in given
    assert NABE not in given  # 邉 of JIS X 0208 is written as it is
    assert points[1] == given | {"MJ000020": max(given.values()) + 1}
    assert (old.name, new.name) == ("council.r1.tte", "council.r2.tte")
    shown = {g.provenance.character: g.provenance.source for g in new.content.glyphs}
    assert (shown[own_character(city)], shown["MJ000020"]) == ("city", "hanazono")


@needs_fonts
def test_an_outline_goes_before_dots_in_a_council_font(city: Council) -> None:
    dots = Bitmap(24, 24, b"\x0f" * 72)
    files = intake.Files(
        font=("a.bdf", build_bdf({0xE003: dots})), supplier="草津市", scope="council"
    )
    intake.take_in(city.session, ME, JUKI, files, city.settings)
    city.decide(f"{JUKI}/F043", SAKI)
    mine = own_character(city)
    city.publish()
    server(city, {SAKI: 0xE000})
    what = FontSubject("server", "cs1")
    content = glyphs_for(city.session, city.settings, what, release(city))
    assert [g.provenance.source for g in content.glyphs] == ["hanazono"]
    assert mine.startswith("OM")


@needs_fonts
def test_a_font_of_ipas_outlines_has_another_name_the_licence_and_the_way_back(
    city: Council,
) -> None:
    server(city, {NABE: 0xE000, SAKI: 0xE001, own_character(city): 0xE002})
    what = FontSubject("server", "cs1")
    with pytest.raises(Refused, match="missing for 1"):
        built(city, what, release(city), "tte", outlines="ipamj")
    made = built(city, what, release(city), "tte", outlines="ipamj", refused="leave-out")
    assert "ipa" not in made.name.lower()
    names = TTFont(io.BytesIO(made.path.read_bytes()))["name"]
    for record in names.names:
        if record.nameID in (1, 4, 6, 16):
            assert "ipa" not in record.toUnicode().lower()
    assert "IPA Font License Agreement v1.0" in names.getDebugName(13)
    assert "install the original" in names.getDebugName(13)
    assert names.getDebugName(14) == "https://moji.or.jp/ipafont/license/"
    assert json.loads(made.provenance)["licence"] == "IPA"
    assert {g.provenance.source for g in made.content.glyphs} == {"ipamj"}


@needs_fonts
def test_a_dot_font_of_ipas_outlines_says_in_ascii_whose_it_is_and_the_way_back(
    city: Council,
) -> None:
    allow(city, JUKI, "public")
    made = built(city, OWN, release(city), "bdf", outlines="ipamj")
    head = made.path.read_text("ascii").partition("ENDPROPERTIES")[0]
    assert 'COPYRIGHT "This derived font holds outlines of IPAmj Mincho (005.01)' in head
    assert 'LICENCE_URL "https://moji.or.jp/ipafont/license/"' in head
    assert 'WAY_BACK "To go back to the original font' in head
    assert "?" not in head


@needs_fonts
def test_a_design_difference_drawn_as_the_reference_font_does_is_told(city: Council) -> None:
    city.decide(f"{JUKI}/F042", SAKI, "design-difference")
    city.publish()
    allow(city, JUKI, "public")
    content = glyphs_for(city.session, city.settings, OWN, release(city), outlines="ipamj")
    told = [(one.code, one.subject) for one in content.facts.findings]
    assert told == [("other-design", f"{JUKI}/F042")]
    assert [g.provenance.source for g in content.glyphs] == ["ipamj", "city", "ipamj"]


@needs_fonts
def test_a_code_set_called_ipa_gives_no_file_of_that_name(city: Council) -> None:
    address = f"{KUSATSU}/ipa1"
    city.code_set(address)
    files = intake.Files(font=("EUDC.TTE", font(500)), scope="public")
    intake.take_in(city.session, ME, address, files, city.settings)
    city.publish()
    what = FontSubject("codeset", address)
    made = built(city, what, release(city), "tte", outlines="ipamj")
    assert not any(map(is_reserved, made.files()))
    assert made.name.startswith("252069-")


def test_no_two_fonts_have_a_name_in_common(city: Council) -> None:
    allow(city, JUKI, "public")
    names = []
    for what in (
        OWN,
        FontSubject("codeset", JUKI, part="undecided"),
        FontSubject("codeset", JUKI, as_of=date(2010, 1, 1)),
    ):
        made = built(city, what, release(city), "tte")
        table = TTFont(io.BytesIO(made.path.read_bytes()))["name"]
        names.append([table.getDebugName(number) for number in (1, 4, 6)])
    assert all(len(set(column)) == 3 for column in zip(*names, strict=True))
    assert names[1][2].startswith("Gaiji-252069-juki-undecided-r1-")
    assert names[2][1].startswith("Gaiji 252069 juki 2010-01-01 r1 ")
    assert max(len(one[0]) for one in names) <= 31
    assert max(len(one[2]) for one in names) <= 63
    before = names[0]
    city.take_in_font(JUKI, "EUDC.TTE", font(501, 600, 700))
    allow(city, JUKI, "public")
    city.publish()
    other = glyphs_for(city.session, city.settings, OWN, release(city)).facts.family.en
    assert other.rpartition(" ")[2] != before[0].rpartition(" ")[2]


@needs_fonts
def test_what_a_city_has_under_ipas_licence_is_in_no_font_under_other_terms(city: Council) -> None:
    rights.set_rights(city.session, ME, JUKI, "public", ground="販売元の書面", licence="IPA")
    with pytest.raises(Refused, match="missing for 3") as caught:
        built(city, OWN, release(city), "tte")
    assert "--outlines ipamj" in caught.value.extra["findings"][0]["text"]
    made = built(city, OWN, release(city), "tte", outlines="ipamj")
    assert {g.provenance.source for g in made.content.glyphs} == {"city", "ipamj"}
    assert made.content.facts.licence.name == "IPA"
    assert set(made.files("x.tte")) == {"x.tte", "x.tte.provenance.json", "x.tte.licence.txt"}


def drawn(council: Council, points: dict[str, int], **asked: Any) -> list[tuple[str, str, str]]:
    """Character, source and code set of each glyph of a shared server's font."""
    server(council, points)
    what = FontSubject("server", "cs1")
    content = glyphs_for(council.session, council.settings, what, release(council), **asked)
    proofs = [one.provenance for one in content.glyphs]
    return [(one.character, one.source, one.codeset) for one in proofs]


def test_one_citys_glyph_under_ipas_licence_gives_way_to_the_next_citys(city: Council) -> None:
    rights.set_rights(city.session, ME, JUKI, "public", ground="販売元の書面", licence="IPA")
    allow(city, ZEI, "council")
    assert drawn(city, {NABE: 0xE000}) == [(NABE, "city", ZEI)]


@needs_fonts
def test_a_glyph_under_ipas_licence_gives_way_to_the_donors(city: Council) -> None:
    rights.set_rights(city.session, ME, JUKI, "public", ground="販売元の書面", licence="IPA")
    assert drawn(city, {NABE: 0xE000}) == [(NABE, "hanazono", "")]


def test_a_glyph_under_ipas_licence_is_refused_where_nothing_else_is_left(city: Council) -> None:
    rights.set_rights(city.session, ME, JUKI, "public", ground="販売元の書面", licence="IPA")
    with pytest.raises(Refused, match="missing for 1 of them; ") as caught:
        drawn(city, {own_character(city): 0xE000})
    (told,) = caught.value.extra["findings"]
    assert "take in another city's or leave it out" in told["text"]
    assert "gaiji font build --outlines ipamj" in told["text"]
    for command in ("font build", "bundle print", "cutover export"):  # those that have it
        assert command in str(caught.value)


def test_what_to_do_names_the_code_of_each_glyph(city: Council) -> None:
    with pytest.raises(Refused, match="missing for 3 of them; ") as caught:
        built(city, OWN, release(city), "tte")
    told = [one["text"] for one in caught.value.extra["findings"]]
    for code, text in zip(("F040", "F041", "F042"), told, strict=True):
        assert f"gaiji rights set {JUKI} --scope member --code {code} --ground" in text


def test_what_to_do_names_the_glyph_that_the_city_has_since_redrawn(city: Council) -> None:
    mine = own_character(city)
    city.take_in_font(JUKI, "EUDC.TTE", font(500, 666, 700))
    city.publish()
    with pytest.raises(Refused, match=f"missing for 1 of them \\({JUKI} 1\\); ") as caught:
        drawn(city, {mine: 0xE000})
    glyph = digest(square(600))
    remedy = f"gaiji rights set {JUKI} --scope council --glyph {glyph} --ground"
    assert remedy in caught.value.extra["findings"][0]["text"]
    allow(city, JUKI, "council", glyph)
    content = glyphs_for(city.session, city.settings, FontSubject("server", "cs1"), release(city))
    assert [one.sha256 for one in content.glyphs] == [glyph]


def test_two_characters_with_one_glyph_are_told(city: Council) -> None:
    files = intake.Files(font=("Z.TTE", font(510, 500)), scope="council")
    intake.take_in(city.session, ME, ZEI, files, city.settings)
    city.decide(f"{ZEI}/F041", SAKI)
    city.publish()
    allow(city, JUKI, "council")
    server(city, {NABE: 0xE000, SAKI: 0xE001})
    what = FontSubject("server", "cs1")
    content = glyphs_for(city.session, city.settings, what, release(city))
    (told,) = content.facts.findings
    assert (told.code, told.subject) == ("same-glyph", SAKI)
    assert f"{NABE} and {SAKI}" in told.text.en


@needs_fonts
def test_every_form_of_a_font_of_ipas_outlines_has_the_licence_beside_it(city: Council) -> None:
    allow(city, JUKI, "public")
    content = glyphs_for(city.session, city.settings, OWN, release(city), outlines="ipamj")
    plain = glyphs_for(city.session, city.settings, OWN, release(city))
    forms: tuple[FontFormat, ...] = ("tte", "woff2", "bdf")
    for form in forms:
        (note,) = (
            data
            for name, data in font_file(city.settings, content, form).files().items()
            if name.endswith(".licence.txt")
        )
        assert "派生フォント" in note.decode()
        assert font_file(city.settings, plain, form).licence is None


def test_the_font_of_browsers_is_packed_from_the_other_or_made_to_the_same_bytes(
    city: Council,
) -> None:
    allow(city, JUKI, "member")
    content = glyphs_for(city.session, city.settings, OWN, release(city))
    alone = font_file(city.settings, content, "woff2")
    before = alone.path.read_bytes()
    alone.path.unlink()
    font_file(city.settings, content, "tte")
    assert font_file(city.settings, content, "woff2").path.read_bytes() == before


def test_planes_beyond_the_bmp_are_no_windows_font(city: Council) -> None:
    address = f"{KUSATSU}/shinseki"
    members.add_code_set(
        city.session, ME, address, charset_name="utf-16le", system="戸籍", group="住民記録系"
    )
    data = build_truetype({0xF0010: ("a", square(300))}, family="T")
    files = intake.Files(font=("a.ttf", data), scope="member")
    intake.take_in(city.session, ME, address, files, city.settings)
    city.publish()
    what = FontSubject("codeset", address)
    with pytest.raises(BadFont, match=r"U\+F0010"):
        built(city, what, release(city), "tte")
    made = built(city, what, release(city), "woff2")
    assert made.content.glyphs[0].code_point == 0xF0010


def test_names_nobody_registered_are_not_found(city: Council) -> None:
    with pytest.raises(UnknownSite):
        glyphs_for(city.session, city.settings, FontSubject("server", "no"), release(city))
    city.code_set(f"{KUSATSU}/new")
    what = FontSubject("codeset", f"{KUSATSU}/new")
    with pytest.raises(UnknownRelease):
        glyphs_for(city.session, city.settings, what, release(city))


def test_rights_are_told_with_a_ground_for_what_came_in(city: Council) -> None:
    assert allow(city, JUKI, "member") == 3
    (row,) = rights.show_rights(city.session, JUKI).items
    assert (row.supplier, row.rights, row.scope, row.glyphs) == ("草津市", "内部", "member", 3)
    assert rights.show_rights(city.session, ZEI).items[0].scope == "unknown"
    with pytest.raises(BadInput):
        rights.set_rights(city.session, ME, JUKI, "member", ground=" ")
    with pytest.raises(BadName):
        rights.check_scope("everybody")
    with pytest.raises(Refused):
        allow(city, ZEI, "member", digest(square(700)))
    city.code_set(f"{KUSATSU}/new")
    with pytest.raises(Refused):
        allow(city, f"{KUSATSU}/new", "member")


def test_a_replay_tells_the_same_rights(empty_engine: Engine) -> None:
    with Session(empty_engine.execution_options(writes=True)) as session:
        council = Council(session, Settings())
        council.add(KUSATSU, "草津市")
        council.code_set(JUKI)
        files = intake.Files(font=("EUDC.TTE", font(500, 600)), supplier="草津市")
        intake.take_in(session, ME, JUKI, files, council.settings)
        allow(council, JUKI, "council", digest(square(500)))
        rights.set_rights(
            session,
            ME,
            JUKI,
            "public",
            licence="CC0-1.0",
            ground="市の決裁",
            glyphs=[digest(square(600))],
        )
        hand_in(council, font(600, 601), scope="member")
        target = make_blank()
        with Session(target) as other:
            replay.replay(session, other)
            told = rows_of(session)
            assert rows_of(other) == told
            assert sorted(scope for *_, scope, _ in told) == [
                "council",
                "member",
                "member",
                "member",
            ]


def make_blank() -> Engine:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    return engine


def rows_of(session: Session) -> list[tuple[str, str, str, str | None]]:
    query = select(GlyphSource).order_by(GlyphSource.glyph, GlyphSource.blob)
    return [(s.glyph, s.supplier, s.scope, s.licence) for s in session.scalars(query)]


@pytest.fixture
def same_file(council: Council) -> Council:
    """Two cities that handed in the very same vendor's file, each on terms of its own."""
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    council.code_set(JUKI)
    council.code_set(ZEI, "固定資産税", "税系")
    terms: tuple[tuple[str, str, Scope], ...] = (
        (JUKI, "甲社", "member"),
        (ZEI, "乙社", "unknown"),
    )
    for address, supplier, scope in terms:
        files = intake.Files(
            ("EUDC.TTE", font(500, 600)), supplier=supplier, rights=f"{supplier}契約", scope=scope
        )
        intake.take_in(council.session, ME, address, files, council.settings)
    council.publish()
    return council


def test_two_cities_with_the_same_file_have_terms_of_their_own(same_file: Council) -> None:
    def told(address: str) -> list[tuple[str, str, Scope, int]]:
        items = rights.show_rights(same_file.session, address).items
        return [(one.supplier, one.rights, one.scope, one.glyphs) for one in items]

    assert told(JUKI) == [("甲社", "甲社契約", "member", 2)]
    assert told(ZEI) == [("乙社", "乙社契約", "unknown", 2)]
    allow(same_file, ZEI, "public")
    assert told(JUKI) == [("甲社", "甲社契約", "member", 2)]
    assert told(ZEI) == [("乙社", "乙社契約", "public", 2)]


def test_a_file_that_is_handed_in_again_renews_what_is_told_and_leaves_the_rest(
    same_file: Council,
) -> None:
    def again(supplier: str, scope: Scope) -> list[tuple[str, str, Scope]]:
        files = intake.Files(("EUDC.TTE", font(500, 600)), supplier=supplier, scope=scope)
        intake.take_in(same_file.session, ME, ZEI, files, same_file.settings)
        items = rights.show_rights(same_file.session, ZEI).items
        return [(one.supplier, one.rights, one.scope) for one in items]

    assert again("", "council") == [("乙社", "乙社契約", "council")]
    assert again("丙社", "unknown") == [("丙社", "乙社契約", "council")]
    (juki,) = rights.show_rights(same_file.session, JUKI).items
    assert (juki.supplier, juki.scope) == ("甲社", "member")


def test_a_newer_file_on_narrower_terms_narrows_the_glyphs_it_brings_again(
    council: Council,
) -> None:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    hand_in(council, font(500, 600), supplier="甲社", scope="public", licence="IPA")
    hand_in(council, font(500, 601), supplier="乙社", scope="member")
    council.publish()
    told = [(one.supplier, one.scope, one.licence, one.glyphs) for one in terms(council)]
    assert told == [
        ("乙社", "member", None, 1),
        ("乙社", "member", "IPA", 1),  # what is not told now stands
        ("甲社", "member", "IPA", 1),
        ("甲社", "public", "IPA", 1),
    ]
    content = glyphs_for(
        *(council.session, council.settings, OWN, release(council)),
        audience="public",
        outlines="ipamj",
        refused="leave-out",
    )
    assert content.glyphs == ()
    hand_in(council, font(500, 602), supplier="丙社")  # nothing of how far
    assert {one.scope for one in terms(council)} == {"member", "public", "unknown"}
    hand_in(council, font(500, 603), supplier="丁社", scope="council", licence="CC0-1.0")
    best = rights.granting(
        rights.sources_of(council.session, [digest(square(500))])[digest(square(500))], "council"
    )
    assert best is not None
    assert (best.supplier, best.licence) == ("丁社", "CC0-1.0")


def hand_in(council: Council, data: bytes, **of: Any) -> None:
    files = intake.Files(font=("EUDC.TTE", data), **of)
    intake.take_in(council.session, ME, JUKI, files, council.settings)


def terms(council: Council) -> list[RightsRowShape]:
    return sorted(
        rights.show_rights(council.session, JUKI).items,
        key=lambda one: (one.supplier, one.scope, one.licence or ""),
    )


def test_another_citys_right_for_itself_opens_nothing_here(same_file: Council) -> None:
    ritto = FontSubject("codeset", ZEI)
    with pytest.raises(Refused, match="missing for 2") as caught:
        built(same_file, ritto, release(same_file), "tte")
    assert "supplier 乙社, scope unknown" in caught.value.extra["findings"][0]["text"]
    allow(same_file, JUKI, "council", digest(square(500)))
    made = built(same_file, ritto, release(same_file), "tte", refused="leave-out")
    (one,) = json.loads(made.provenance)["glyphs"]
    assert (one["codeset"], one["granted_by"], one["supplier"]) == (ZEI, JUKI, "甲社")


def test_a_citys_own_word_goes_before_anothers(same_file: Council) -> None:
    allow(same_file, ZEI, "public")
    made = built(same_file, OWN, release(same_file), "tte")
    assert {one.provenance.granted_by for one in made.content.glyphs} == {JUKI}


@needs_fonts
def test_a_council_font_never_shows_another_character_of_the_same_base(city: Council) -> None:
    """Hanazono's 姬 U+59EC is, at the code point, the glyph of another character's sequence."""
    server(city, {"MJ009670": 0xE000, "MJ009671": 0xE001, "MJ039189": 0xE002})
    content = glyphs_for(city.session, city.settings, FontSubject("server", "cs1"), release(city))
    shown = {one.provenance.character: one.glyph for one in content.glyphs}
    source, rows = donor(city.settings), {row.name: row for row in read(MjRow)}
    assert shown["MJ009670"] != shown["MJ009671"] == source.outline(rows["MJ009670"])
    for name in ("MJ009670", "MJ009671", "MJ039189"):
        by_sequence = Wanted(f"{name} by sequence", None, rows[name].ivs)
        assert shown[name] == source.outline(by_sequence)
