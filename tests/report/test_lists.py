"""Lists by business system: rows, filters, parts, and the three kinds of files."""

import csv
import io
import json
from collections.abc import Collection, Iterator
from datetime import date
from typing import Literal

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from gaiji.charset.cells import FORMULA_STARTS
from gaiji.charset.usage import count_file
from gaiji.errors import InvalidRequest, UnknownCodeSet, UnknownMember
from gaiji.registry import decisions, reference
from gaiji.registry.lists import Key, Wanted, listed
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import Json
from gaiji.registry.usage import record_counts
from gaiji.report.lists import COLUMN_NAMES, NARROW, as_text, exported
from gaiji.wire.lists import COLUMNS, TABLES, TableName, Usage
from gaiji.wire.nouns import CharacterShape
from tests.council import KUSATSU, ME, RITTO, Council

JUKI, ZEI, RITTO_ZEI = f"{KUSATSU}/juki", f"{KUSATSU}/zei", f"{RITTO}/zei"
NABE, SAKI = "MJ026190", "MJ030196"
LIST = f"外字コード,MJ文字図形名,備考\nF040,{NABE},=cmd()\nF041,,\nF042,{SAKI},\nF043,,\n"


@pytest.fixture
def filled(council: Council) -> Council:
    """Two members: three code sets, of which one is counted; a release, and a decision after it."""
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    council.code_set(JUKI)
    council.code_set(ZEI, "固定資産税", "税系")
    council.code_set(RITTO_ZEI, "固定資産税", "税系")
    council.take_in(JUKI, LIST, drawn=["F040", "F041"])
    council.take_in(ZEI, f"code,mj\nF040,{NABE}\n")
    council.take_in(RITTO_ZEI, f"code,mj\nF050,{NABE}\n")
    for address in (ZEI, RITTO_ZEI):
        council.decide(f"{address}/{'F040' if address == ZEI else 'F050'}", NABE)
    council.decide(f"{JUKI}/F042", SAKI, "substitute", "=目視")
    council.publish()
    council.decide(f"{JUKI}/F041", "new")
    council.decide(f"{JUKI}/F043", SAKI, "not-related")
    return council


def count(council: Council, address: str, data: bytes, day: date | None = None) -> None:
    path = council.settings.home / "residents.txt"
    path.write_bytes(data)
    charset = charset_of(council.session, find_code_set(council.session, address))
    record_counts(council.session, ME, address, [count_file(str(path), charset, None)], as_of=day)


def rows(
    council: Council, table: TableName, wanted: Wanted, after: Key | None = None
) -> list[Json]:
    return [row for _, row in listed(council.session, table, wanted, after)]


def codes(council: Council, wanted: Wanted) -> list[str]:
    return [f"{row['codeset']}/{row['code']}" for row in rows(council, "codes", wanted)]


def test_every_table_has_its_columns_and_a_heading_for_each(filled: Council) -> None:
    for table in TABLES:
        for row in rows(filled, table, Wanted()):
            assert tuple(row) == COLUMNS[table]
        assert set(COLUMNS[table]) <= set(COLUMN_NAMES)
        assert set(NARROW[table]) <= set(COLUMNS[table])


def test_codes_are_filtered_by_system_group_status_and_usage(filled: Council) -> None:
    assert codes(filled, Wanted(group="税系")) == [f"{ZEI}/F040", f"{RITTO_ZEI}/F050"]
    assert codes(filled, Wanted(system="住民記録", status="substitute")) == [f"{JUKI}/F042"]
    assert codes(filled, Wanted(members=(RITTO,))) == [f"{RITTO_ZEI}/F050"]
    assert codes(filled, Wanted(code_sets=(ZEI,))) == [f"{ZEI}/F040"]
    assert codes(filled, Wanted(status="undecided")) == [f"{JUKI}/F040", f"{JUKI}/F043"]
    assert codes(filled, Wanted(release=1, status="undecided", code_sets=(JUKI,))) == [
        f"{JUKI}/F040",
        f"{JUKI}/F041",
        f"{JUKI}/F043",
    ]
    count(filled, JUKI, b"\xf0\x40\xf0\x40\xf0\x42\n")
    used = [(row["code"], row["uses"]) for row in rows(filled, "codes", Wanted(usage="used"))]
    assert used == [("F040", 2), ("F042", 1)]
    assert codes(filled, Wanted(usage="unused")) == [f"{JUKI}/F041", f"{JUKI}/F043"]
    assert codes(filled, Wanted(usage="uncounted")) == [f"{ZEI}/F040", f"{RITTO_ZEI}/F050"]


def test_a_character_is_unused_only_where_each_of_its_code_sets_was_counted(
    filled: Council,
) -> None:
    def characters(usage: Usage) -> dict[str, tuple[int | None, int]]:
        found = rows(filled, "characters", Wanted(usage=usage))
        return {row["character"]: (row["uses"], row["uncounted"]) for row in found}

    assert characters("uncounted") == {NABE: (None, 2), SAKI: (None, 1), "OM000001": (None, 1)}
    count(filled, JUKI, b"\xf0\x42\n")
    count(filled, ZEI, b"\x82\xa0\n")
    assert characters("used") == {SAKI: (1, 0)}
    assert characters("unused") == {"OM000001": (0, 0)}
    assert characters("uncounted") == {NABE: (0, 1)}
    count(filled, RITTO_ZEI, b"\x82\xa0\n")
    assert characters("unused") == {NABE: (0, 0), "OM000001": (0, 0)}
    hidden = rows(filled, "characters", Wanted(work=frozenset({RITTO})))
    assert {row["character"]: row["uncounted"] for row in hidden}[NABE] == 1


def test_a_list_without_a_row_says_so(filled: Council) -> None:
    wanted = Wanted(system="住民記録", members=(RITTO,))
    assert list(as_text(filled.session, "codes", wanted)) == ["該当する行はありません。"]


def test_characters_gather_the_codes_of_the_code_sets_asked_for(filled: Council) -> None:
    found = {row["character"]: row for row in rows(filled, "characters", Wanted())}
    assert sorted(found) == [NABE, SAKI, "OM000001"]
    assert found[NABE]["where"] == [f"{ZEI}/F040", f"{RITTO_ZEI}/F050"]
    assert (found[NABE]["members"], found[NABE]["codes"], found[NABE]["uses"]) == (2, 2, None)
    assert found[SAKI]["substitutes"] == 1
    only = rows(filled, "characters", Wanted(members=(RITTO,)))
    assert [row["where"] for row in only] == [[f"{RITTO_ZEI}/F050"]]
    assert [row["character"] for row in rows(filled, "residuals", Wanted())] == ["OM000001"]
    assert rows(filled, "residuals", Wanted(release=1)) == []


def test_a_slot_used_again_gives_each_use_to_the_meaning_of_its_day(filled: Council) -> None:
    """Files of a day belong to the meaning in force on it, files of no day to the last one; nothing counts twice."""
    reused = (
        "code,mj,valid_from,valid_to\n"
        f"F060,{NABE},,2019-03-31\nF060,{SAKI},2019-04-01,2021-03-31\nF060,{NABE},2022-04-01,\n"
    )
    filled.code_set(f"{RITTO}/old")
    filled.take_in(f"{RITTO}/old", reused)
    for first in (date.min, date(2019, 4, 1), date(2022, 4, 1)):
        decisions.decide(
            filled.session,
            ME,
            f"{RITTO}/old",
            "F060",
            SAKI if first.year == 2019 else NABE,
            "equivalent",
            ground="目視",
            valid_from=first,
        )
    wanted = Wanted(code_sets=(f"{RITTO}/old",))
    files: list[tuple[str, date | None, int]] = [
        ("first", date(2018, 1, 1), 2),
        ("second", date(2020, 1, 1), 3),
        ("between", date(2021, 6, 1), 5),
        ("no day", None, 7),
    ]
    for name, day, uses in files:
        count(filled, f"{RITTO}/old", b"\xf0\x60" * uses + name.encode(), day)
    assert [row["uses"] for row in rows(filled, "codes", wanted)] == [2, 3, 12]
    found = {row["character"]: row for row in rows(filled, "characters", wanted)}
    assert (found[NABE]["uses"], found[SAKI]["uses"]) == (14, 3)
    assert (found[NABE]["codes"], found[NABE]["members"]) == (1, 1)
    assert found[NABE]["where"] == [f"{RITTO}/old/F060"]
    everyone = {row["character"]: row for row in rows(filled, "characters", Wanted())}
    assert (everyone[NABE]["uses"], everyone[NABE]["codes"]) == (14, 3)
    hidden = rows(filled, "characters", Wanted(work=frozenset({KUSATSU})))
    assert {row["uses"] for row in hidden} == {None}


def test_a_page_of_characters_reads_no_more_than_its_own_codes(filled: Council) -> None:
    count(filled, JUKI, b"\xf0\x42\n")

    def asked() -> int:
        said: list[str] = []

        def heard(*what: object) -> None:
            said.append(str(what[2]))

        engine = filled.session.get_bind()
        event.listen(engine, "before_cursor_execute", heard)
        try:
            assert next(listed(filled.session, "characters", Wanted()))
        finally:
            event.remove(engine, "before_cursor_execute", heard)
        return sum("FROM code_uses" in one or "FROM usage_files" in one for one in said)

    few = asked()
    for number in range(10, 20):
        filled.code_set(f"{KUSATSU}/more{number}")
        count(filled, f"{KUSATSU}/more{number}", b"\xf0\x42" * number)
    assert asked() == few


def test_a_character_of_many_code_sets_is_looked_up_once(
    filled: Council, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    shapes = reference.shapes

    def heard(session: Session, ids: Collection[str]) -> dict[str, CharacterShape]:
        asked.extend(ids)
        return shapes(session, ids)

    monkeypatch.setattr("gaiji.registry.lists.reference.shapes", heard)
    found = rows(filled, "codes", Wanted())
    assert [row["juki"] for row in found if row["character"] == NABE] == ["J+9089"] * 2
    assert sorted(asked) == [NABE, SAKI, "OM000001"]


BROKEN: list[Key] = [
    (),
    ("",),
    ("x",),
    ("1", "2", "3"),
    ("abc", "def"),
    ("-1", "0"),
    ("٣" * 12,) * 2,
]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("key", BROKEN)
def test_a_key_of_no_such_list_is_said_to_be_wrong(
    council: Council, table: TableName, key: Key
) -> None:
    with pytest.raises(InvalidRequest):
        listed(council.session, table, Wanted(), key)


def test_decisions_tell_who_and_a_refusal_is_neither_fit_nor_substitute(filled: Council) -> None:
    found = rows(filled, "decisions", Wanted())
    assert [row["serial"] for row in found] == sorted(row["serial"] for row in found)
    assert [row["since"] for row in found] == [1, 1, 1, None, None]
    assert {row["actor"] for row in found} == {"試験"}
    fit = rows(filled, "decisions", Wanted(status="fit"))
    assert [row["character"] for row in fit] == [NABE, NABE, "OM000001"]
    assert len(rows(filled, "decisions", Wanted(release=1))) == 3


def test_files_are_those_taken_in_and_those_counted(filled: Council) -> None:
    count(filled, JUKI, b"\xf0\x40\n")
    found = rows(filled, "files", Wanted(code_sets=(JUKI,)))
    assert [(row["kind"], row["role"]) for row in found] == [
        ("import", "font"),
        ("import", "table"),
        ("usage", None),
    ]
    assert all(row["size"] > 0 and len(row["sha256"]) == 64 for row in found)
    assert found[-1]["name"] is None


def test_work_of_others_is_not_told(filled: Council) -> None:
    count(filled, JUKI, b"\xf0\x40\n")
    wanted = Wanted(release=1, work=frozenset({RITTO}))
    hidden = [row for row in rows(filled, "codes", wanted) if row["codeset"] == JUKI]
    assert [(row["uses"], row["listed"], row["proposals"]) for row in hidden] == [
        (None, {}, [])
    ] * 4
    assert rows(filled, "files", Wanted(work=frozenset())) == []
    told = rows(filled, "decisions", Wanted(work=frozenset()))
    assert [row["since"] for row in told] == [1, 1, 1]


@pytest.mark.parametrize("table", TABLES)
def test_parts_join_to_the_whole(filled: Council, table: TableName) -> None:
    count(filled, JUKI, b"\xf0\x40\n")
    asked = Wanted(day=date(2026, 1, 1)) if table == "adoptions" else Wanted()
    whole = list(listed(filled.session, table, asked))
    assert whole
    assert [key for key, _ in whole] == sorted({key for key, _ in whole})

    def joined() -> Iterator[Json]:
        after = None
        while first := next(listed(filled.session, table, asked, after), None):
            after, row = first
            yield row

    assert list(joined()) == [row for _, row in whole]


def test_excel_gets_its_mark_and_no_formula_and_csv_every_value_as_it_is(filled: Council) -> None:
    wanted = Wanted(code_sets=(JUKI,), status="substitute")

    def read(form: Literal["csv", "excel"]) -> tuple[bytes, list[list[str]]]:
        data = b"".join(exported(filled.session, "codes", wanted, form))
        return data, list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))

    data, table = read("excel")
    assert data.startswith(b"\xef\xbb\xbf")
    assert table[0][:2] == ["外字セット", "業務システム"]
    assert "'=目視" in table[1]
    assert not any(cell.startswith(FORMULA_STARTS) for row in table for cell in row)
    data, table = read("csv")
    assert not data.startswith(b"\xef\xbb\xbf")
    assert table[0] == list(COLUMNS["codes"])
    row = dict(zip(*table, strict=True))
    assert (row["ground"], row["uses"], row["pending"]) == ("=目視", "", "false")
    whole = json.loads(b"".join(exported(filled.session, "codes", wanted, "json")))
    assert whole["items"] == rows(filled, "codes", wanted)
    empty = json.loads(b"".join(exported(filled.session, "codes", Wanted(group="その他"), "json")))
    assert empty["items"] == []


def test_the_text_says_when_there_is_more(filled: Council) -> None:
    assert len(list(as_text(filled.session, "codes", Wanted(), None))) == 7
    lines = list(as_text(filled.session, "codes", Wanted(), 2))
    assert len(lines) == 4
    assert "--format" in lines[-1]


def test_a_wrong_name_is_said_before_any_row(filled: Council) -> None:
    for table in TABLES:
        with pytest.raises(UnknownMember):
            listed(filled.session, table, Wanted(members=("252107",)))
        with pytest.raises(UnknownCodeSet):
            listed(filled.session, table, Wanted(code_sets=(f"{KUSATSU}/none",)))
