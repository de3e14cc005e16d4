"""The .ucm export: it reads back as the charset it came from, and ICU itself converts by it as the engine does."""

from itertools import islice
from pathlib import Path

import pytest

from gaiji.charset.charsets import NAMES, UNICODE, charset
from gaiji.charset.codetable import read_ucm
from gaiji.charset.coding import coding
from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import Conversion
from gaiji.charset.exporting import lines
from gaiji.charset.mapfile import MappingFile
from gaiji.charset.mapping import Forms, Mapping, Repertoire, Row
from gaiji.charset.ucm import is_partial, write_ucm
from gaiji.errors import UnsupportedConversion
from tests.charset.council import REPERTOIRE, VS, juki, zei
from tests.charset.icu import Icu, needs_icu

BYTE_CHARSETS = [name for name in NAMES if name not in UNICODE]
GAIJI = ("MJ026192", "MJ026196", "MJ003719", "OM000001", "MJ032129", "MJ026190")


def file_of(mapping: Mapping, target: str = "unicode") -> MappingFile:
    return compiled(Conversion(mapping, target))


def city(name: str) -> Mapping:
    """A code set with a few decided gaiji: sequences, plane 2, plane 15, and one of the standard area."""
    made = charset(name)
    codes = islice(made.user_codes(), len(GAIJI))
    rows = [Row(code, id, "equivalent") for code, id in zip(codes, GAIJI, strict=False)]
    return Mapping(3, "3a" * 32, "252069/juki", made, rows, REPERTOIRE)


def rows_of(ucm: bytes) -> list[str]:
    return [line for line in ucm.decode().splitlines() if line.startswith("<U")]


@pytest.mark.parametrize("name", BYTE_CHARSETS)
def test_an_exported_table_reads_back_as_its_charset(name: str) -> None:
    ucm = write_ucm(file_of(city(name)), "sample")
    table = read_ucm(ucm, "sample.ucm", name, {})
    first, again = coding(charset(name)), coding(charset(name, table=table))
    modes = slice(1 if is_partial(name) else 0, None)
    codes = {code: text for mode in first.modes[modes] for code, text in mode.reading.items()}
    assert len(codes) > 6000
    assert codes == dict(table.reading)
    for one, two in zip(first.modes, again.modes, strict=True):
        assert one.reading == two.reading
        assert {text: two.writing.get(text) for text in one.writing} == one.writing


@needs_icu
@pytest.mark.parametrize("name", BYTE_CHARSETS)
def test_icu_converts_every_code_as_the_engine_does(name: str, tmp_path: Path) -> None:
    icu = Icu(file_of(city(name)), tmp_path)
    read, written = icu.agrees()
    assert read > 6700
    assert written > 6700


@needs_icu
@pytest.mark.parametrize("target", ["unicode", "unicode-svs", "x0213"])
def test_icu_converts_decided_gaiji_to_every_target_of_unicode(target: str, tmp_path: Path) -> None:
    icu = Icu(file_of(juki(), target), tmp_path)
    read, written = icu.agrees()
    assert read > 7700
    assert written > 7400
    gaiji = {line.code for line in icu.reads if line.code[0] == 0xF0}
    assert len(gaiji) == {"unicode": 14, "unicode-svs": 14}.get(target, len(gaiji))
    if target == "unicode":
        assert icu.convert(b"\xf0\x44", reading=True).decode() == "邉" + VS[0x1B]
        assert icu.convert(("邉" + VS[0x1B]).encode(), reading=False) == b"\xf0\x44"


def test_flags_tell_both_ways_from_one_way() -> None:
    rows = set(rows_of(write_ucm(file_of(juki()), "sample")))
    assert r"<U9089><UE011B> \xF0\x44 |0" in rows  # a decided gaiji
    assert r"<U9089> \xE7\xB3 |0" in rows  # the standard code
    assert r"<U9089> \xF0\x40 |3" in rows  # the same character by a gaiji
    assert r"<U9089><UE010F> \xE7\xB3 |4" in rows  # its sequence is read, never written
    assert r"<U5D0E> \xF0\x4A |3" in rows  # a substitute
    assert r"<U9AD9> \xFB\xFC |0" in rows  # of two codes the IBM extension is written
    assert r"<U9AD9> \xEE\xE0 |3" in rows
    assert r"<UF0000> \xF0\x48 |0" in rows  # the council's own


def test_selectors_that_icu_would_not_find_are_named_not_written() -> None:
    ucm = write_ucm(file_of(juki()), "sample")
    assert rb"# not written by ICU: <U795E><UFE00> \xFB\x7E" in ucm
    assert r"<U795E><UE0103> \xFB\x7E |4" in rows_of(ucm)
    svs = write_ucm(file_of(juki(), "unicode-svs"), "sample")
    assert r"<U795E><UFE00> \xFB\x7E |0" in rows_of(svs)
    assert rb"# not written by ICU: <U795E><UE0103> \xFB\x7E" in svs


def many(count: int) -> MappingFile:
    """A code set with so many gaiji that only a sequence can tell apart, and as many sequences that are only read."""
    bases = [chr(0x4E00 + n) for n in range(count)]
    forms = [
        Forms(f"MJ{n:06}", None, base, base + VS[2], sequences=(base + VS[3],))
        for n, base in enumerate(bases)
    ]
    made = charset("ibm1399")
    rows = [
        Row(code, one.id, "equivalent") for code, one in zip(made.user_codes(), forms, strict=False)
    ]
    return file_of(Mapping(3, "3a" * 32, "252069/juki", made, rows, Repertoire(forms)))


@needs_icu
def test_sequences_beyond_what_makeconv_takes_are_left_out_the_needless_ones_first(
    tmp_path: Path,
) -> None:
    file = many(3000)
    assert sum(len(line.token.decode()) > 1 for line in lines(file)) > 5000
    icu = Icu(file, tmp_path)
    icu.agrees()
    assert icu.left_out
    assert all(text.endswith(VS[3]) for text, _ in icu.left_out)


def test_a_code_set_with_more_sequences_than_icu_holds_is_refused() -> None:
    with pytest.raises(UnsupportedConversion, match=r"252069/juki maps to \d+ sequences"):
        write_ucm(many(5300), "sample")


def test_what_is_no_table_of_icu_is_refused() -> None:
    with pytest.raises(UnsupportedConversion, match="is Unicode"):
        write_ucm(file_of(zei()), "sample")
    with pytest.raises(UnsupportedConversion, match="choose the target unicode"):
        write_ucm(file_of(juki(), "juki"), "sample")


def test_a_charset_whose_shift_codes_icu_lacks_gives_its_two_byte_codes() -> None:
    ucm = write_ucm(file_of(city("jef")), "sample")
    assert b"# two-byte codes alone" in ucm
    assert b'<uconv_class> "DBCS"' in ucm
    assert all(row.count(r"\x") == 2 for row in rows_of(ucm))
    assert r"<U9089><UE011B> \x80\xA1 |0" in rows_of(ucm)
