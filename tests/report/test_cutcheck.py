"""What a cutover check counts, whom it stops, and what a signature under it holds for."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.charsets import charset
from gaiji.charset.cutover import Plan
from gaiji.charset.records.layoutfile import read_layout
from gaiji.charset.usage import ANY, UsageCounter
from gaiji.errors import BadInput, MalformedInput, language
from gaiji.report import cutcheck
from gaiji.report.cutover import make_plan
from gaiji.settings import Settings
from gaiji.wire.cutcheck import CheckedSetShape, CutCheckShape
from tests.council import KUSATSU, ME, RITTO
from tests.cutting import DAY, JUKI, OTHER, TWO, ZEI, Cutting, extract, opened

CP932 = charset("cp932")
A, B, RESIDUAL, MAPPED, OPEN, NEVER = (bytes.fromhex(f"F04{n}") for n in range(6))
RECORDS = (
    b"1,\x93n" + A + A,
    b"2," + B + b"\x8d\xe8",
    b"3,\x8eR\x93c",
    b"4," + RESIDUAL + A,
    b"5," + MAPPED,
    b"6," + OPEN + NEVER,
)


LAYOUT = """
name = "names"
kind = "csv"
[table]
header = true
[[field]]
name = "number"
[[field]]
name = "name"
"""


@pytest.fixture
def cutting(tmp_path: Path) -> Iterator[Cutting]:
    with opened(tmp_path) as made:
        yield made


@pytest.fixture
def session(cutting: Cutting) -> Session:
    return cutting.council.session


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One cache for all tests: the same council gives the same files."""
    return Settings(home=tmp_path_factory.mktemp("home"))


def checked(
    session: Session, settings: Settings, plan: Plan, path: Path, code_set: str = JUKI
) -> CheckedSetShape:
    prepared = cutcheck.prepare(session, settings, plan, code_set, path.stat().st_size)
    return cutcheck.check(plan, prepared, cutcheck.Extract(code_set, path, CP932))


def report(
    plan: Plan,
    *sets: CheckedSetShape,
    loss: int = 0,
    ambiguous: int = 0,
    without: tuple[str, ...] = (ZEI,),
) -> CutCheckShape:
    return cutcheck.city_report(
        plan, KUSATSU, "草津市", sets, max_loss=loss, max_ambiguous=ambiguous, without=without
    )


def test_records_by_class_are_what_decoding_each_record_counts(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    found = checked(session, settings, plan, extract(tmp_path, *RECORDS))
    classes = {one.code: set(one.classes) for one in found.codes}
    assert classes == {
        "F040": {"lost", "ambiguous"},
        "F041": {"lost", "ambiguous"},
        "F042": {"changed", "residual"},
        "F044": {"lost", "undecided"},
        "F045": {"lost", "undecided"},
    }
    slow = Counter[str]()
    for record in RECORDS:
        held = [code for code in classes if bytes.fromhex(code) in record]
        slow.update({name for code in held for name in classes[code]})
    assert {name: one.records for name, one in found.classes.items()} == {
        name: slow[name] for name in cutcheck.CLASSES
    }
    assert (found.records, found.affected, found.losses, found.ambiguous) == (6, 4, 6, 4)
    places = {one.code: [place.record for place in one.places] for one in found.codes}
    assert places["F040"] == [1, 1, 4]
    first = found.codes[0]
    assert (first.occurrences, first.records, first.sent, first.back) == (3, 2, "J+3402", "ask")
    residual = next(one for one in found.codes if one.code == "F042")
    assert (residual.sent, residual.today) == ("U+E000", "J+3402")


def test_a_rule_lets_one_code_come_back_and_the_other_not(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    cutting.plan()
    plan = cutting.rule()
    found = checked(session, settings, plan, extract(tmp_path, *RECORDS))
    classes = {one.code: set(one.classes) for one in found.codes}
    assert "F040" not in classes
    assert classes["F041"] == {"lost", "one-way"}
    assert (found.losses, found.ambiguous) == (3, 0)


def test_the_gate_lets_pass_at_the_budget_and_stops_one_below(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    found = checked(session, settings, plan, extract(tmp_path, *RECORDS))
    assert report(plan, found, loss=6, ambiguous=4).passed
    assert not report(plan, found, loss=5, ambiguous=4).passed
    assert not report(plan, found, loss=6, ambiguous=3).passed
    clean = checked(session, settings, plan, extract(tmp_path, b"1,\x8eR" + MAPPED))
    assert (clean.losses, clean.affected, clean.codes) == (0, 0, [])
    assert report(plan, clean).passed


def test_a_city_does_not_pass_while_a_code_set_of_the_plan_is_unchecked(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    found = checked(session, settings, plan, extract(tmp_path, b"1,\x8eR" + MAPPED))
    half = report(plan, found, without=())
    assert (half.passed, half.missing, half.without) == (False, [ZEI], [])
    named = report(plan, found)
    assert (named.passed, named.missing, named.without) == (True, [], [ZEI])
    other = checked(
        session, settings, plan, extract(tmp_path, b"1,\xf0\x50", name="zei.csv"), code_set=ZEI
    )
    whole = report(plan, found, other, without=())
    assert (whole.passed, whole.missing, whole.without) == (True, [], [])
    assert len({one.report_digest for one in (half, named, whole)}) == 3
    for one, told in ((half, cutcheck.UNCHECKED), (named, cutcheck.LEFT_OUT)):
        table = cutcheck.as_csv(one).decode("utf-8-sig")
        assert f"{told},{ZEI}" in table.replace('"', "")
        assert f"<code>{ZEI}</code> {told}" in cutcheck.as_html(one).decode()
    assert "not checked" not in cutcheck.as_html(whole).decode()
    for wrong in (JUKI, "252069/kaigo", "252085/juki"):
        with pytest.raises(BadInput, match=f"{wrong} cannot be left out"):
            report(plan, found, without=(wrong,))


def test_an_extract_that_changes_between_the_readings_is_refused(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    path = extract(tmp_path, *RECORDS)
    prepared = cutcheck.prepare(session, settings, plan, JUKI, path.stat().st_size)
    read: list[int] = []

    def progress(done: int) -> None:
        if not read:
            extract(tmp_path, b"1,\x8eR" + MAPPED)
        read.append(done)

    with pytest.raises(BadInput, match="The extract changed while it was checked") as told:
        cutcheck.check(plan, prepared, cutcheck.Extract(JUKI, path, CP932), progress=progress)
    assert told.value.where is not None
    assert told.value.where.file == str(path)


def test_a_file_with_a_layout_is_counted_by_its_records(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    rows = [b"number,name", b"1," + A, b"2," + A + B, b"3," + MAPPED]
    path = extract(tmp_path, *rows)
    layout = read_layout(LAYOUT.encode(), "names.toml")
    prepared = cutcheck.prepare(session, settings, plan, JUKI, path.stat().st_size)
    found = cutcheck.check(plan, prepared, cutcheck.Extract(JUKI, path, CP932, layout))
    assert (found.records, found.affected, found.ambiguous) == (4, 2, 3)
    assert {place.field for one in found.codes for place in one.places} == {"name"}
    assert found.layout == layout.digest


def test_an_extract_in_another_charset_is_refused_with_its_place(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    for data in ("1,髙橋".encode(), b"1,\x81", b"1,\x85\x40"):
        path = extract(tmp_path, b"0,a", data)
        with pytest.raises(MalformedInput) as told:
            checked(session, settings, plan, path)
        assert told.value.where is not None
        assert told.value.where.record == 2
        assert told.value.where.byte_offset is not None


def test_a_code_set_that_is_not_planned_is_refused(
    session: Session, settings: Settings, cutting: Cutting
) -> None:
    plan = cutting.plan("252085")
    with pytest.raises(BadInput, match="252069/zei is not part of cutover plan cs1/1"):
        cutcheck.prepare(session, settings, plan, ZEI, 0)


def test_the_digest_changes_with_extract_plan_and_budget(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    path = extract(tmp_path, *RECORDS)
    one = report(plan, checked(session, settings, plan, path))
    again = report(plan, checked(session, settings, plan, path))
    assert one.report_digest == again.report_digest
    assert cutcheck.report_digest(one) == one.report_digest
    path.write_bytes(path.read_bytes().replace(b"3,", b"7,"))
    other = report(plan, checked(session, settings, plan, path))
    ruled = cutting.rule()
    planned = report(ruled, checked(session, settings, ruled, path))
    budget = report(plan, checked(session, settings, plan, path), loss=9)
    digests = [each.report_digest for each in (one, other, planned, budget)]
    assert len(set(digests)) == 4


def test_a_signed_report_holds_until_what_it_stands_on_changes(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    plan = cutting.plan()
    found = checked(session, settings, plan, extract(tmp_path, *RECORDS))
    signed = report(plan, found, loss=6, ambiguous=4)
    read = cutcheck.read_report(cutcheck.as_json(signed), "check.json")
    assert read == signed
    assert cutcheck.verify(session, read) == []
    for stopped in (report(plan, found), report(plan, found, loss=6, ambiguous=4, without=())):
        assert [one.code for one in cutcheck.verify(session, stopped)] == ["not-passed"]
    forged = read.model_copy(update={"losses": 0})
    assert [one.code for one in cutcheck.verify(session, forged)] == ["report-changed"]
    cutting.rule()
    assert [one.code for one in cutcheck.verify(session, read)] == ["plan-superseded"]
    cutting.council.decide(f"{JUKI}/F044", TWO, "substitute")
    cutting.council.publish()
    codes = [one.code for one in cutcheck.verify(session, read)]
    assert codes == ["plan-superseded", "release-superseded"]
    elsewhere = read.model_copy(update={"server": "cs9"})
    elsewhere = elsewhere.model_copy(update={"report_digest": cutcheck.report_digest(elsewhere)})
    assert [one.code for one in cutcheck.verify(session, elsewhere)] == ["plan-unknown"]
    with pytest.raises(BadInput, match="no report of a cutover check"):
        cutcheck.read_report(b"{}", "x.json")


def test_a_code_set_that_came_into_the_plan_later_asks_for_another_check(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    named = (KUSATSU, RITTO)
    narrow = make_plan(
        session, ME, "cs1", named, release="latest", as_of=DAY, code_sets=[JUKI, OTHER]
    )
    clean = extract(tmp_path, b"1,\x8eR" + MAPPED)
    signed = report(narrow, checked(session, settings, narrow, clean), without=())
    assert signed.passed
    assert cutcheck.verify(session, signed) == []
    cutting.plan()
    (finding,) = cutcheck.verify(session, signed)
    assert (finding.code, finding.subject) == ("plan-superseded", ZEI)


@pytest.mark.parametrize("spoken", ["ja", "en"])
def test_the_report_to_sign_carries_its_number_and_no_value(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path, spoken: str
) -> None:
    plan = cutting.plan()
    path = extract(tmp_path, *RECORDS, b"7,\x8d\x82\x8b\xb4" + A)
    found = report(plan, checked(session, settings, plan, path))
    token = language.set(spoken)  # type: ignore[arg-type]
    try:
        page, table = cutcheck.as_html(found).decode(), cutcheck.as_csv(found).decode("utf-8-sig")
    finally:
        language.reset(token)
    number = cutcheck.grouped(found.report_digest)
    assert number.replace(" ", "").lower() == found.report_digest[:16]
    assert number in page
    assert found.report_digest in page
    assert found.codesets[0].extract_sha256 in page
    assert table.rstrip().rsplit("\r\n", 1)[1].endswith(found.report_digest)
    assert ("確認者" in page) == (spoken == "ja")
    assert "<script" not in page
    kept = page + table + json.dumps(found.model_dump(mode="json"), ensure_ascii=False)
    assert "高橋" not in kept
    assert str(path.name) not in kept


def test_watched_codes_of_the_standard_area_are_noted_whatever_the_chunks() -> None:
    data = b"".join(record + b"\n" for record in (*RECORDS, b"7,\x93n\x8eR\x93n"))
    watch = {b"\x93\x6e": ["x"], A: ["y"], b"7": ["z"]}
    whole = UsageCounter(CP932, watch)
    whole.feed(data, final=True)
    for size in (1, 2, 3, 7):
        parts = UsageCounter(CP932, watch)
        for at in range(0, len(data), size):
            parts.feed(data[at : at + size])
        parts.feed(b"", final=True)
        assert parts.counted == whole.counted
    seen = whole.counted.watched
    assert seen.records == {ANY: 3, "x": 2, "y": 2, "z": 1}
    assert {code: one.count for code, one in seen.codes.items()} == {b"\x93\x6e": 3, A: 3, b"7": 1}
    plain = UsageCounter(CP932)
    plain.feed(data, final=True)
    assert plain.counted.codes == whole.counted.codes
    assert whole.counted.unassigned == {}


@pytest.mark.parametrize("name", ["utf-8", "utf-16le", "utf-16be", "jef", "ibm939"])
def test_watched_codes_are_seen_in_every_kind_of_charset(name: str) -> None:
    one = charset(name)
    if one.is_unicode:
        encoding = one.encoding or ""
        data, code = "山a\n田山\n".encode(encoding), "山".encode(encoding)
    else:
        from gaiji.charset.coding import coding

        known = coding(one)
        code = next(key for key, text in known.modes[1].reading.items() if text == "山")
        enter, leave = (
            next(shift.code for shift in known.shifts if shift.mode == mode) for mode in (1, 0)
        )
        data = enter + code + leave + known.newline + enter + code + code + leave + known.newline
    counter = UsageCounter(one, {code: ["x"]})
    counter.feed(data, final=True)
    seen = counter.counted
    expected = 2 if one.is_unicode else 3
    assert (seen.watched.codes[code].count, seen.watched.records["x"]) == (expected, 2)
    assert seen.malformed == 0
    assert not seen.unassigned
