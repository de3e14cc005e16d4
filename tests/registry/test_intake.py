"""Taking in: every source proposes in its order, doubts are findings, and an import is all or nothing."""

from collections import Counter
from datetime import date

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gaiji.errors import BadFont, BadInput, BadTable, CodeOutsideArea, GaijiError
from gaiji.glyph.build import build_bdf, build_fontx2, build_truetype
from gaiji.glyph.forms import Bitmap, Outline
from gaiji.registry import characters, intake, members
from gaiji.registry.tables import GlyphUse, LocalCode, Meaning, Proposal, Registry
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, Council

JUKI = "252069/juki"
SQUARE = Outline(1000, 1000, ((((800, 100),), ((800, 700),), ((100, 700),), ((100, 100),)),))


@pytest.fixture
def city(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    return council


def proposals(session: Session, code: str) -> dict[str, tuple[str, str]]:
    """What is proposed for a code of 252069/juki: (character, relationship) by kind of evidence."""
    code_set = members.find_code_set(session, JUKI)
    shown = characters.show_local_code(session, code_set, code, None)
    return {one.how: (one.character, one.relationship) for one in shown.proposals}


def codes_found(taken: intake.Intake, code: str) -> set[str]:
    return {found.code for found in taken.findings if found.subject == f"{JUKI}/{code}"}


@pytest.mark.parametrize(
    ("column", "value", "how", "character", "relationship"),
    [
        ("MJ文字図形名", "MJ026190", "mj-name", "MJ026190", "equivalent"),
        ("戸籍統一文字番号", "445000", "koseki", "MJ026190", "equivalent"),
        ("登記統一文字番号", "00445000", "touki", "MJ026190", "equivalent"),
        ("UCS", "9089_E010F", "ivs", "MJ026190", "equivalent"),
        ("住基ネット統一文字コード", "J+6569", "juki", "MJ037321", "unknown"),
        ("UCS", "U+22F7E", "ucs", "MJ037321", "unknown"),
    ],
)
def test_a_number_in_the_list_proposes_its_character(
    session: Session,
    city: Council,
    column: str,
    value: str,
    how: str,
    character: str,
    relationship: str,
) -> None:
    city.take_in(JUKI, f"外字コード,{column}\nF040,{value}\n")
    assert proposals(session, "F040") == {how: (character, relationship)}


def test_a_cs_table_proposes_and_never_proves(session: Session, city: Council) -> None:
    city.take_in(JUKI, cs_table="外字コード,住基ネット統一文字コード\nF040,J+9089\n")
    assert proposals(session, "F040") == {"cs-table": ("MJ026190", "unknown")}


def test_a_reading_with_strokes_proposes_only_a_single_character(
    session: Session, city: Council
) -> None:
    city.take_in(JUKI, "外字コード,読み,画数\nF040,おなじ,3\nF041,へん,17\n")
    assert proposals(session, "F040") == {"reading-strokes": ("MJ000001", "unknown")}
    assert proposals(session, "F041") == {}


def test_sources_that_exclude_each_other_suggest_nothing(session: Session, city: Council) -> None:
    taken = city.take_in(
        JUKI,
        "外字コード,MJ文字図形名\nF040,MJ026190\n",
        cs_table="外字コード,住基ネット統一文字コード\nF040,J+FA11\n",
    )
    assert "sources-disagree" in codes_found(taken, "F040")
    assert proposals(session, "F040") == {
        "mj-name": ("MJ026190", "unknown"),
        "cs-table": ("MJ030196", "unknown"),
    }


def test_sources_that_agree_are_no_finding(city: Council) -> None:
    taken = city.take_in(
        JUKI,
        "外字コード,MJ文字図形名,画数\nF040,MJ026190,17\n",
        cs_table="外字コード,住基ネット統一文字コード\nF040,J+9089\n",
    )
    assert codes_found(taken, "F040") == set()


def test_a_row_without_days_speaks_of_the_meaning_known_last(
    session: Session, city: Council
) -> None:
    city.take_in(JUKI, "外字コード,MJ,使用開始日\nF040,MJ026190,2020-04-01\n")
    taken = city.take_in(JUKI, "外字コード,MJ,読み\nF040,MJ026190,へん\n")
    assert codes_found(taken, "F040") == set()
    assert session.scalar(select(func.count()).select_from(Meaning)) == 1


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ("F040,MJ999999,,", "number-unknown"),
        ("F040,,845B_E0100,", "foreign-sequence"),
        ("F040,MJ026190,,3", "strokes-differ"),
        ("F040,,,5", "no-source"),
    ],
)
def test_every_doubtful_row_is_a_finding_with_its_place(
    city: Council, row: str, finding: str
) -> None:
    taken = city.take_in(JUKI, f"外字コード,MJ,UCS,画数\n{row}\n")
    found = {one.code: one for one in taken.findings}[finding]
    assert found.subject == f"{JUKI}/F040"
    assert found.where is not None
    assert (found.where.file, found.where.record) == ("list.csv", 2)


def test_dead_codes_and_twins_are_findings(city: Council) -> None:
    font = build_truetype({0xE000: ("a", SQUARE), 0xE001: ("b", SQUARE)}, family="Test")
    table = "外字コード,MJ\nF040,MJ026190\nF042,MJ030196\n"
    files = intake.Files(font=("EUDC.TTE", font), table=("list.csv", table.encode()))
    taken = intake.take_in(city.session, ME, JUKI, files, city.settings)
    assert codes_found(taken, "F041") == {"not-listed", "same-glyph", "no-source"}
    assert codes_found(taken, "F042") == {"no-glyph"}


def test_a_dry_run_shows_everything_and_writes_nothing(session: Session, city: Council) -> None:
    serial = session.get_one(Registry, 1).serial
    files = intake.Files(table=("list.csv", "外字コード,MJ\nF040,MJ026190\n".encode()))
    taken = intake.take_in(session, ME, JUKI, files, Settings(), dry_run=True)
    assert taken.serial is None
    assert [row["code"] for row in taken.rows] == ["F040"]
    assert session.get_one(Registry, 1).serial == serial
    assert session.scalar(select(func.count()).select_from(LocalCode)) == 0


def dots(pattern: int) -> Bitmap:
    return Bitmap(8, 8, bytes([pattern]) * 8)


@pytest.mark.parametrize("keys", ["codes", "code points"])
def test_a_bitmap_dump_may_be_numbered_by_codes_or_by_code_points(
    session: Session, city: Council, keys: str
) -> None:
    first = 0xF040 if keys == "codes" else 0xE000
    font = build_bdf({first: dots(0x81), first + 1: dots(0x42)}, family="test", hexadecimal=True)
    city.take_in_font(JUKI, "gaiji.bdf", font)
    found = session.scalars(select(LocalCode.code).order_by(LocalCode.code)).all()
    assert found == [b"\xf0\x40", b"\xf0\x41"]


def test_fontx2_glyphs_are_keyed_by_their_shift_jis_codes(session: Session, city: Council) -> None:
    city.take_in_font(JUKI, "GAIJI.FNT", build_fontx2({0xF040: dots(0x81), 0xF07F - 1: dots(0x42)}))
    found = session.scalars(select(LocalCode.code).order_by(LocalCode.code)).all()
    assert found == [b"\xf0\x40", b"\xf0\x7e"]


def test_raw_dot_patterns_fill_the_area_from_its_start(session: Session, city: Council) -> None:
    files = intake.Files(font=("gaiji.dot", bytes([0x81]) * 72 * 64 + bytes([0x42]) * 72), dots=24)
    intake.take_in(session, ME, JUKI, files, city.settings)
    found = session.scalars(select(LocalCode.code).order_by(LocalCode.code)).all()
    assert (len(found), found[0], found[62], found[63]) == (
        65,
        b"\xf0\x40",
        b"\xf0\x7e",
        b"\xf0\x80",
    )


def test_the_same_import_again_adds_nothing(session: Session, city: Council) -> None:
    table = "外字コード,MJ\nF040,MJ026190\n"

    def counts() -> Counter[str]:
        tables = (LocalCode, Meaning, Proposal, GlyphUse)
        return Counter(
            {
                table.__tablename__: session.scalar(select(func.count()).select_from(table)) or 0
                for table in tables
            }
        )

    city.take_in(JUKI, table, drawn=["F040"])
    once = counts()
    city.take_in(JUKI, table, drawn=["F040"])
    assert counts() == once


def test_a_redrawn_glyph_takes_the_place_of_the_pending_one(
    session: Session, city: Council
) -> None:
    city.take_in_font(JUKI, "a.bdf", build_bdf({0xE000: dots(0x81)}, family="a"))
    city.take_in_font(JUKI, "b.bdf", build_bdf({0xE000: dots(0x42)}, family="b"))
    uses = session.scalars(select(GlyphUse).order_by(GlyphUse.id)).all()
    assert [use.replaced is None for use in uses] == [False, True]


def test_a_reused_slot_has_two_meanings_and_the_earlier_one_ends(
    session: Session, city: Council
) -> None:
    city.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n")
    taken = city.take_in(JUKI, "外字コード,MJ,使用開始日\nF040,MJ030196,2020-04-01\n")
    assert "slot-reused" in codes_found(taken, "F040")
    city.decide(f"{JUKI}/F040", "MJ030196")
    code_set = members.find_code_set(session, JUKI)
    shown = characters.show_local_code(session, code_set, "F040", None)
    assert (shown.character, str(shown.valid_from)) == ("MJ030196", "2020-04-01")
    earlier = characters.show_local_code(session, code_set, "F040", None, date(2019, 1, 1))
    assert (earlier.character, str(earlier.valid_to)) == (None, "2020-03-31")


def test_a_list_and_a_cs_table_with_two_juki_codes_disagree(city: Council) -> None:
    taken = city.take_in(
        JUKI,
        "外字コード,住基コード\nF040,J+9089\n",
        cs_table="外字コード,住基コード\nF040,J+5409\n",
    )
    assert "sources-disagree" in codes_found(taken, "F040")


def test_a_ucs_beside_the_sequence_of_another_character_disagrees(city: Council) -> None:
    taken = city.take_in(JUKI, "外字コード,UCS,IVS\nF040,U+5C71,U+9089 U+E010F\n")
    assert "sources-disagree" in codes_found(taken, "F040")


def test_a_list_takes_back_what_it_no_longer_says(session: Session, city: Council) -> None:
    city.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n")
    taken = city.take_in(JUKI, "外字コード,MJ,備考\nF040,,誤りのため取消\n")
    assert "evidence-withdrawn" in codes_found(taken, "F040")
    assert proposals(session, "F040") == {}
    city.take_in(JUKI, "外字コード,画数\nF040,17\n")
    assert proposals(session, "F040") == {}
    city.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n")
    assert proposals(session, "F040") == {"mj-name": ("MJ026190", "equivalent")}


def test_a_list_without_a_column_takes_nothing_back(session: Session, city: Council) -> None:
    city.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n")
    city.take_in(JUKI, "外字コード,画数\nF040,17\n")
    assert proposals(session, "F040") == {"mj-name": ("MJ026190", "equivalent")}


def test_a_city_ends_a_meaning_later_and_gives_the_slot_anew(
    session: Session, city: Council
) -> None:
    city.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n")
    taken = city.take_in(
        JUKI,
        "外字コード,MJ,使用開始日,使用終了日\nF040,MJ026190,,2019-12-31\nF040,MJ030196,2020-01-01,\n",
    )
    assert codes_found(taken, "F040") == {"days-changed"}
    code_set = members.find_code_set(session, JUKI)
    then = characters.show_local_code(session, code_set, "F040", None, date(2019, 12, 31))
    now = characters.show_local_code(session, code_set, "F040", None)
    assert (then.valid_from, str(then.valid_to)) == (None, "2019-12-31")
    assert (str(now.valid_from), now.valid_to) == ("2020-01-01", None)


def test_days_that_overlap_with_registered_ones_are_refused(city: Council) -> None:
    city.take_in(JUKI, "外字コード,MJ,使用開始日,使用終了日\nF040,MJ026190,2010-01-01,2020-01-01\n")
    with pytest.raises(BadTable, match="overlap"):
        city.take_in(
            JUKI, "外字コード,MJ,使用開始日,使用終了日\nF040,MJ030196,2015-01-01,2016-01-01\n"
        )


@pytest.mark.parametrize(
    ("files", "error"),
    [
        (intake.Files(), BadInput),
        (intake.Files(font=("EUDC.TTE", b"not a font")), BadFont),
        (intake.Files(font=("EUDC.TTE", b"wOF2" + bytes(60))), BadFont),
        (intake.Files(font=("EUDC.TTC", b"ttcf" + bytes(60))), BadFont),
        (intake.Files(table=("a.csv", "読み\nへん\n".encode())), BadTable),
        (intake.Files(table=("a.csv", "コード\n8140\n".encode())), CodeOutsideArea),
        (intake.Files(table=("a.csv", "コード\nF040\nF040\n".encode())), BadTable),
        (intake.Files(table=("a.csv", "コード\nF040\n".encode("utf-16"))), BadTable),
        (
            intake.Files(table=("a.csv", "コード,読み\nF040,".encode() + b"\xff\xfe\x80\n")),
            BadTable,
        ),
    ],
)
def test_a_file_that_cannot_be_used_changes_nothing(
    session: Session, city: Council, files: intake.Files, error: type[GaijiError]
) -> None:
    serial = session.get_one(Registry, 1).serial
    with pytest.raises(error) as refused:
        intake.take_in(session, ME, JUKI, files, city.settings)
    assert type(refused.value) is error
    assert session.get_one(Registry, 1).serial == serial
    assert session.scalar(select(func.count()).select_from(LocalCode)) == 0


def test_a_font_outside_the_area_is_refused(session: Session, city: Council) -> None:
    font = build_truetype({0xF8F0: ("a", SQUARE)}, family="Test")
    with pytest.raises(CodeOutsideArea):
        city.take_in_font(JUKI, "EUDC.TTE", font)
