"""A plan is of one day: until when its meanings hold, and what is said where they do not hold today."""

from datetime import date

import pytest

from gaiji.charset import mapfile
from gaiji.charset.charsets import charset
from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import Conversion
from gaiji.charset.cutover import Cutover
from gaiji.charset.days import check_day, check_open, days_kept, open_since
from gaiji.charset.mapfile import MappingFile
from gaiji.charset.mapping import Forms, Mapping, Repertoire, Row
from gaiji.charset.resolve import Options
from gaiji.errors import BadMappingFile, UnsupportedConversion

JUKI = "252069/juki"
PLANNED, TURN = date(2026, 11, 23), date(2027, 1, 1)
F040, F041, F042 = b"\xf0\x40", b"\xf0\x41", b"\xf0\x42"
PLAN = Cutover("cs1", 1, "c5" * 32, 3, {}, {}, PLANNED, frozenset({JUKI}))
CHARACTERS = Repertoire(
    [Forms("MJ1", "㐃", "㐃", juki=0x3403), Forms("MJ2", "邉", "邉", juki=0x9089)]
)
REUSED = (
    Row(F040, "MJ1", "equivalent", None, None, date(2026, 12, 31)),
    Row(F040, "MJ2", "equivalent", None, TURN, date.max),
)


def mapping(*rows: Row) -> Mapping:
    return Mapping(3, "3a" * 32, JUKI, charset("cp932"), rows, CHARACTERS)


@pytest.fixture(scope="module")
def file() -> MappingFile:
    """The mapping file of the plan, in which F040 is used again from 2027 on."""
    return compiled(Conversion(mapping(*REUSED), "juki", Options(), PLAN))


def test_meanings_hold_until_the_day_before_a_code_means_something_else() -> None:
    assert days_kept(mapping(*REUSED), PLANNED) == (None, date(2026, 12, 31))
    assert days_kept(mapping(*REUSED), TURN) == (TURN, None)
    always = Row(F041, "MJ1", "equivalent")
    assert days_kept(mapping(always), PLANNED) == (None, None)
    began, ends = date(2026, 4, 1), date(2027, 3, 31)
    limited = Row(F042, "MJ2", "equivalent", None, began, ends)
    assert days_kept(mapping(always, limited), PLANNED) == (began, ends)
    assert days_kept(mapping(limited, *REUSED), PLANNED) == (began, date(2026, 12, 31))
    refused = Row(F041, "MJ2", "not-related", None, TURN, None)  # no meaning
    assert days_kept(mapping(always, refused), PLANNED) == (None, None)
    same = [row._replace(character="MJ1") for row in REUSED]
    assert days_kept(mapping(*same), PLANNED) == (None, None)


def test_a_code_that_means_something_else_today_is_named_with_both_days() -> None:
    check_day(mapping(*REUSED), PLAN, date(2026, 12, 31))
    with pytest.raises(UnsupportedConversion) as caught:
        check_day(mapping(*REUSED, Row(F041, "MJ1", "equivalent", None, TURN)), PLAN, TURN)
    assert caught.value.text.en == (
        "252069/juki/F040 means MJ1 on 2026-11-23, the day of cutover plan cs1/1, and MJ2 today, 2027-01-01 "
        "(codes like it: 2); tell the day the file was written with --as-of, or plan again."
    )
    assert caught.value.extra == {"code": "252069/juki/F040", "codes": 2}
    ended, *_ = REUSED
    with pytest.raises(UnsupportedConversion, match="and nothing today"):
        check_day(mapping(ended), PLAN, TURN)
    weaker = REUSED[1]._replace(character="MJ1", relationship="substitute")
    with pytest.raises(UnsupportedConversion, match=r"MJ1 \(equivalent\) on .* MJ1 \(substitute\)"):
        check_day(mapping(ended, weaker), PLAN, TURN)


def test_a_mapping_file_of_a_plan_is_refused_once_a_code_means_something_else(
    file: MappingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert file.facts.kept == (None, "2026-12-31")
    for today, ends in (("2026-12-31", (JUKI, "juki")), ("2020-01-01", ("juki", JUKI))):
        monkeypatch.setattr(mapfile, "day_in_japan", lambda today=today: today)
        assert file.prepare(*ends, Options()).options.as_of == PLANNED
    monkeypatch.setattr(mapfile, "day_in_japan", lambda: "2027-01-01")
    with pytest.raises(BadMappingFile, match=r"held until 2026-12-31, and today is 2027-01-01"):
        file.prepare(JUKI, "juki", Options())
    told = file.prepare(JUKI, "juki", Options(as_of=PLANNED))
    assert told.resolver.resolve(F040).out == b"\x34\x03"


def test_a_mapping_file_that_tells_no_days_goes_on_as_before(
    file: MappingFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapfile, "day_in_japan", lambda: "2027-01-01")
    facts = {name: value for name, value in file.header["facts"].items() if name != "kept"}
    monkeypatch.setitem(file.header, "facts", facts)
    assert file.prepare(JUKI, "juki", Options()).options.as_of == PLANNED


def test_without_a_day_a_slot_that_will_be_used_again_is_named() -> None:
    early, late = Row(F040, "MJ1", "equivalent", None, None, date(2026, 11, 30)), REUSED[1]
    reused = mapping(early, late._replace(valid_to=None))  # with a gap of days between
    assert open_since(reused) == TURN
    check_open(reused, TURN)
    for today in (PLANNED, date(2026, 12, 15)):
        with pytest.raises(UnsupportedConversion, match="F040 becomes MJ2 on 2027-01-01"):
            check_open(reused, today)
    new = mapping(Row(F041, "MJ1", "equivalent", None, TURN), early)
    check_open(new, PLANNED)  # a new slot, and one that ends: no code has two meanings
    assert open_since(new) is None


def test_a_mapping_file_of_meanings_to_come_asks_for_the_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = (REUSED[0], REUSED[1]._replace(valid_to=None))
    file = compiled(Conversion(mapping(*rows), "unicode", Options()))
    assert file.facts.kept == ("2027-01-01", None)
    monkeypatch.setattr(mapfile, "day_in_japan", lambda: "2027-01-01")
    assert file.prepare(JUKI, "unicode", Options()).resolver.resolve(F040).out == "邉".encode()
    monkeypatch.setattr(mapfile, "day_in_japan", lambda: "2026-12-31")
    with pytest.raises(BadMappingFile, match="holds from 2027-01-01, and today is 2026-12-31"):
        file.prepare(JUKI, "unicode", Options())
    dated = compiled(Conversion(mapping(*rows), "unicode", Options(as_of=PLANNED)))
    told = dated.prepare(JUKI, "unicode", Options(as_of=PLANNED))
    assert told.resolver.resolve(F040).out == "㐃".encode()
    assert dated.facts.kept is None
