"""Identification in the registry: measured once, judged together, confirmed by people, taken back exactly."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text, update
from sqlalchemy.orm import Session

from gaiji.charset.charsets import charset
from gaiji.errors import (
    GaijiError,
    StaleVersion,
    Undecidable,
    UnknownCharacter,
    UnknownCode,
)
from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Bitmap, Glyph, canonical
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.reference import reference_font
from gaiji.glyph.shapes import shape
from gaiji.registry import (
    characters,
    confirming,
    db,
    decisions,
    gaps,
    identification,
    journal,
    members,
    releases,
    replay,
    reviewing,
    withdrawal,
)
from gaiji.registry.tables import Decision, Identification, MappingRow
from gaiji.settings import Settings
from gaiji.wire.identification import ConfirmationItem
from tests.council import KUSATSU, ME, RITTO, Council
from tests.registry.test_replay import SETS, dump, perform, two
from tests.report.conftest import seed_reference

__all__ = ["two"]
JUKI, ZEI = "252069/juki", "252085/zei"
DRAWN = {
    0xE000: "MJ030196",  # 﨑
    0xE001: "MJ026190",  # 邉 with many siblings
    0xE002: "MJ028902",
    0xE003: "MJ013582",
}
pytestmark = pytest.mark.fonts


@pytest.fixture(scope="session")
def gallery() -> Gallery:
    """A small reference set: the characters drawn here, and every 400th of the whole."""
    font = reference_font(Settings())
    names = sorted({*DRAWN.values(), *sorted(font.names())[::400]})
    return replace(Gallery.of((name, shape(font.glyph(name))) for name in names), digest="1" * 64)


@pytest.fixture(scope="session")
def eudc() -> bytes:
    """A gaiji font with glyphs of the reference font."""
    font = reference_font(Settings())
    glyphs: dict[int, tuple[str, Glyph]] = {
        point: (f"g{point:04X}", font.glyph(name)) for point, name in DRAWN.items()
    }
    return build_truetype(glyphs, family="Test Gaiji", em_units=2048)


LIST = "外字コード,読み,画数,MJ\nF040,さき,12,\nF041,なべ,3,\nF042,,,\nF043,,,\nF044,,,\n"


@pytest.fixture
def city(council: Council, eudc: bytes, gallery: Gallery) -> Council:
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    council.code_set(JUKI)
    council.code_set(ZEI)
    council.take_in(JUKI, LIST)
    council.take_in_font(JUKI, "EUDC.TTE", eudc)
    identification.measure(
        council.session, gallery, identification.glyphs_of(council.session, [JUKI])
    )
    return council


def item(
    found: reviewing.Review, code: str, character: str | None, **more: Any
) -> ConfirmationItem:
    (row,) = found.of([bytes.fromhex(code)])
    return ConfirmationItem(code=code, glyph=row.glyph or "", character=character, **more)


def shown(city: Council, edition: str) -> dict[str, Any]:
    found = reviewing.review(city.session, JUKI, edition)
    rows = reviewing.shapes(city.session, found, list(found.rows), lambda member: True)
    return {row.code: row for row in rows}


# --- measuring


def test_glyphs_are_measured_once_for_each_edition(city: Council, gallery: Gallery) -> None:
    session, glyphs = city.session, identification.glyphs_of(city.session, [JUKI])
    assert len(glyphs) == 4
    assert identification.measure(session, gallery, glyphs) == 0
    other = replace(gallery, digest="2" * 64)
    seen: list[int] = []
    assert identification.measure(session, other, glyphs, seen.append) == 4
    assert seen == [0, 4]
    identification.sweep(session, identification.edition_of(other))
    assert set(session.scalars(select(Identification.edition))) == {
        identification.edition_of(other)
    }


def test_the_right_character_comes_first(city: Council, gallery: Gallery) -> None:
    rows = shown(city, identification.edition_of(gallery))
    for point, name in DRAWN.items():
        row = rows[f"{point - 0xE000 + 0xF040:04X}"]
        assert row.candidates[0].id == name
        assert row.candidates[0].score > 0.9
    assert (rows["F044"].group, rows["F044"].verdict, rows["F044"].candidates) == (
        "no-glyph",
        None,
        [],
    )
    unmeasured = shown(city, "none/none")
    assert unmeasured["F040"].group == "not-measured"


def test_a_blank_glyph_is_told(city: Council, gallery: Gallery) -> None:
    session, edition = city.session, identification.edition_of(gallery)
    blank = Bitmap(16, 16, bytes(32))
    (row,) = identification.ranked(gallery, {"0" * 64: canonical(blank)})
    assert (row["ranking"], row["findings"]) == ([], ["blank"])
    (digest, *_) = identification.glyphs_of(session, [JUKI])
    session.execute(update(Identification).values(ranking=[], findings=row["findings"]))
    assert identification.measurements(session, edition, [digest]) == {digest: None}
    shapes = shown(city, edition)
    assert {shapes[code].group for code in ("F040", "F043")} == {"blank"}


def test_the_citys_list_is_told_apart_from_the_shape(city: Council, gallery: Gallery) -> None:
    rows = shown(city, identification.edition_of(gallery))
    saki, nabe = rows["F040"].candidates[0], rows["F041"].candidates[0]
    assert saki.agrees == {"readings": True, "strokes": True}
    assert nabe.agrees["strokes"] is False
    assert (rows["F040"].agrees, rows["F041"].agrees, rows["F042"].agrees) == (True, False, None)
    probability = rows["F041"].probability
    city.take_in(JUKI, "外字コード,読み,画数,MJ\nF041,なべ,17,MJ026190\n")
    again = shown(city, identification.edition_of(gallery))["F041"]
    assert again.candidates[0].agrees["mj-name"] is True
    assert again.probability == probability


def test_a_character_of_the_standard_area_is_no_gaiji() -> None:
    found = reviewing.standard_place("邉", charset("cp932"))
    assert found is not None
    assert (found.jis, found.point, found.code) == ("x0208", "1-78-21", "E7B3")
    wide = reviewing.standard_place("﨑", charset("cp932"))
    assert wide is not None
    assert (wide.jis, wide.code) == ("x0213", "FAB1")
    assert reviewing.standard_place("\U00020000", charset("cp932")) is None
    assert reviewing.standard_place("邉\U000e0101", charset("cp932")) is None


def test_the_same_glyph_elsewhere_is_told_with_what_was_decided_there(
    city: Council, eudc: bytes, gallery: Gallery
) -> None:
    city.take_in_font(ZEI, "EUDC.TTE", eudc)
    city.decide(f"{ZEI}/F040", "MJ030196")
    edition = identification.edition_of(gallery)
    (sister,) = shown(city, edition)["F040"].sisters
    assert (sister.codeset, sister.code, sister.character) == (ZEI, "F040", "MJ030196")
    found = reviewing.review(city.session, JUKI, edition)
    hidden = reviewing.shapes(city.session, found, list(found.rows), lambda member: False)
    assert not any(row.sisters for row in hidden)
    city.publish()
    public = reviewing.shapes(city.session, found, list(found.rows), lambda member: False)
    assert [row.sisters[0].character for row in public if row.code == "F040"] == ["MJ030196"]


# --- confirming


def test_a_confirmation_keeps_the_registrys_own_evidence(city: Council, gallery: Gallery) -> None:
    edition = identification.edition_of(gallery)
    found = reviewing.review(city.session, JUKI, edition)
    items = [item(found, "F040", "MJ030196"), item(found, "F043", None)]
    done = confirming.confirm(city.session, ME, JUKI, edition, items)
    assert (done.count, done.none) == (1, 1)
    (decision,) = city.session.scalars(select(Decision))
    evidence = decision.evidence
    assert evidence is not None
    assert (decision.how, decision.policy, evidence["index"]) == ("shape", None, "1" * 64)
    assert evidence["glyph"] == items[0].glyph
    assert evidence["features"] + "/" + evidence["index"] == edition
    assert len(evidence["font"]) == 64
    after = reviewing.review(city.session, JUKI, edition)
    waiting = [row.code.hex().upper() for row in after.rows if row.waits]
    assert waiting == ["F041", "F042", "F044"]
    code_set = members.find_code_set(city.session, JUKI)
    local = characters.show_local_code(city.session, code_set, "F040", None)
    assert local.evidence is not None
    assert local.evidence.score == evidence["score"]
    rows = shown(city, edition)
    assert rows["F043"].standing.character is None
    assert rows["F040"].standing.how == "shape"
    withdrawal.withdraw(city.session, ME, JUKI, "F043")
    assert shown(city, edition)["F043"].standing is None


def test_a_confirmation_of_what_changed_meanwhile_is_refused(
    city: Council, gallery: Gallery
) -> None:
    edition = identification.edition_of(gallery)
    found = reviewing.review(city.session, JUKI, edition)
    saki = item(found, "F040", "MJ030196")

    def confirm(*items: ConfirmationItem) -> None:
        confirming.confirm(city.session, ME, JUKI, edition, items)

    with pytest.raises(Undecidable, match="no candidate"):
        confirm(saki.model_copy(update={"character": "MJ000001"}))
    with pytest.raises(UnknownCharacter):
        confirm(saki.model_copy(update={"character": "MJ999999"}))
    with pytest.raises(Undecidable, match="ground"):
        confirm(saki.model_copy(update={"relationship": "substitute"}))
    with pytest.raises(GaijiError, match="twice"):
        confirm(saki, saki)
    with pytest.raises(UnknownCode):
        confirm(saki.model_copy(update={"code": "F0FC"}))
    with pytest.raises(StaleVersion, match="glyph"):
        confirm(saki.model_copy(update={"glyph": "0" * 64}))
    city.decide(f"{JUKI}/F040", "MJ026190")
    with pytest.raises(StaleVersion, match="MJ026190 meanwhile"):
        confirm(item(found, "F041", "MJ026190"), saki)
    assert city.session.scalar(select(func.count()).select_from(Decision)) == 1


# --- taking back


@pytest.fixture
def drawn(council: Council) -> Council:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    council.take_in(JUKI, "外字コード,MJ\nF040,MJ026190\n", drawn=["F040"])
    return council


def test_what_is_published_cannot_be_taken_back(drawn: Council) -> None:
    drawn.decide(f"{JUKI}/F040", "MJ026190")
    drawn.publish()
    with pytest.raises(Undecidable, match="published"):
        withdrawal.withdraw(drawn.session, ME, JUKI, "F040")
    drawn.decide(f"{JUKI}/F040", "MJ026191")
    assert withdrawal.withdraw(drawn.session, ME, JUKI, "F040").character == "MJ026191"
    assert releases.publish(drawn.session, ME) is None
    drawn.decide(f"{JUKI}/F040", "MJ026190", "not-related")
    drawn.publish()
    with pytest.raises(Undecidable, match="published"):
        withdrawal.withdraw(drawn.session, ME, JUKI, "F040")


def test_nothing_can_be_taken_back_twice(drawn: Council) -> None:
    drawn.decide(f"{JUKI}/F040", "MJ026190")
    withdrawal.withdraw(drawn.session, ME, JUKI, "F040")
    with pytest.raises(Undecidable, match="Nothing"):
        withdrawal.withdraw(drawn.session, ME, JUKI, "F040")


def test_a_refusal_that_was_taken_back_refuses_nothing(drawn: Council) -> None:
    drawn.decide(f"{JUKI}/F040", "MJ026190", "not-related")
    first = drawn.publish()
    withdrawal.withdraw(drawn.session, ME, JUKI, "F040")
    sets = members.code_sets(drawn.session, KUSATSU)
    (now,) = gaps.standings(drawn.session, sets, None)
    (then,) = gaps.standings(drawn.session, sets, releases.find_release(drawn.session, first))
    assert (now.proposals[0].refused, then.proposals[0].refused) == (False, True)
    decisions.switch_policy(drawn.session, ME, "exact-mj-name", True)
    assert decisions.decide_by_policy(drawn.session, ME, JUKI, "exact-mj-name").count == 1
    (told,) = (
        act.detail
        for act in characters.history(drawn.session, "MJ026190")
        if "withdrawn" in act.detail
    )
    assert told["relationship"] == "not-related"


HISTORIES = st.lists(
    st.one_of(
        st.tuples(
            st.just("decide"),
            st.sampled_from(["MJ026190", "MJ030196", "new"]),
            st.sampled_from(["equivalent", "substitute", "not-related"]),
        ),
        st.tuples(st.just("publish")),
        st.tuples(st.just("withdraw")),
    ),
    max_size=9,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(acts=HISTORIES, last=st.sampled_from(["equivalent", "substitute", "not-related"]))
def test_deciding_and_taking_back_leaves_everything_as_it_was(
    two: tuple[Engine, Engine], tmp_path: Path, acts: list[tuple[str, ...]], last: str
) -> None:
    options = [engine.execution_options(writes=True) for engine in two]
    with Session(options[0]) as source, Session(options[1]) as target:
        journal.create(source, ME, "OM")
        seed_reference(source)
        seed_reference(target)
        council = Council(source, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.code_set(SETS[0])
        council.take_in(SETS[0], "外字コード\nF040\n", drawn=["F040"])
        for act in acts:
            if act[0] == "withdraw":
                with suppress(Undecidable):
                    withdrawal.withdraw(source, ME, SETS[0], "F040")
            else:
                middle = (SETS[0], "F040") if act[0] == "decide" else ()
                perform(council, (act[0], *middle, *act[1:]))
        before = standing_rows(source)
        try:
            council.decide(f"{SETS[0]}/F040", "MJ000001", last)
        except Undecidable:
            return
        withdrawal.withdraw(source, ME, SETS[0], "F040")
        assert standing_rows(source) == before
        done = replay.replay(source, target)
        assert done.releases == {one.number: one.digest for one in releases.all_releases(source)}
        assert dump(source) == dump(target)
        assert standing_rows(source) == standing_rows(target)


def standing_rows(session: Session) -> list[Any]:
    """What holds and what waits, with what ends it; rows that gave way are left out."""
    session.expire_all()
    rows = session.scalars(
        select(MappingRow).where(MappingRow.superseded.is_(None)).order_by(MappingRow.id)
    )
    return [
        (row.character, row.relationship, row.decision_id, row.ended, row.since, row.until)
        for row in rows
    ]


def test_measurements_and_notes_live_on_both_databases(
    any_engine: Engine, tmp_path: Path, gallery: Gallery
) -> None:
    from gaiji.registry import schema

    schema.upgrade(any_engine)
    with db.writing(any_engine) as session:
        journal.create(session, ME, "OM")
        seed_reference(session)
        council = Council(session, Settings(home=tmp_path))
        council.add(KUSATSU, "草津市")
        council.code_set(JUKI)
        council.take_in(JUKI, "外字コード\nF040\n", drawn=["F040", "F041"])
    seen: list[int] = []
    new, _ = identification.measure_sets(any_engine, gallery, [JUKI], seen.append)
    assert (new, seen[0], seen[-1]) == (2, 0, 2)
    assert identification.measure_sets(any_engine, gallery, [JUKI], seen.append)[0] == 0
    edition = identification.edition_of(gallery)
    with db.writing(any_engine) as session:
        found = reviewing.review(session, JUKI, edition)
        confirming.confirm(session, ME, JUKI, edition, [item(found, "F040", None)])
    with db.writing(any_engine) as session:
        assert reviewing.review(session, JUKI, edition).decided == 1
        assert withdrawal.withdraw(session, ME, JUKI, "F040").character is None
    with db.reading(any_engine) as session:
        assert reviewing.review(session, JUKI, edition).decided == 0
        kept = session.execute(text("SELECT withdrawn FROM identification_notes")).scalar()
        assert kept is not None
