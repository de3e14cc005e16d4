"""Vendors' user tables written from a mapping file, and read back as a city would send them in."""

from __future__ import annotations

import pytest

from gaiji.charset.charsets import UNICODE
from gaiji.charset.exporting import VENDOR_CHARSETS, Vendor, lines, vendor_export
from gaiji.charset.tables import read_vendor_table
from gaiji.errors import UnsupportedConversion
from tests.charset.cities import BYTES, CHARACTERS, MappingFiles, city, opened
from tests.charset.council import VS

NAMES: dict[Vendor, str] = {
    "hulft": "252085-host.unicode.r3.gt{}to8.txt",
    "fujitsu": "252085-host.unicode.r3.fujitsu.txt",
}


@pytest.mark.parametrize("name", BYTES)
def test_a_hulft_table_is_the_gaiji_as_they_are_read(name: str, mapping_file: MappingFiles) -> None:
    file = mapping_file(name, "unicode")
    data = vendor_export(file, "hulft")
    assert data.isascii()
    letter = VENDOR_CHARSETS["hulft"][name]
    assert f"# HULFT: gt{letter}to8.txt\r\n".encode() in data
    table = read_vendor_table(data, NAMES["hulft"].format(letter), city(name).charset)
    read = {code: text for _, code, text in table.rows}
    read |= {code: chr(image) for code, image in table.images.items()}
    assert table.findings == ()
    assert len(read) == len(CHARACTERS) + 1
    resolver, script = opened(file), file.there.source.script
    for code, text in read.items():
        assert resolver.bytes_for(script.standing(code)) == text.encode()


def test_a_fujitsu_table_has_both_directions_and_names_what_it_has_no_place_for(
    mapping_file: MappingFiles,
) -> None:
    file = mapping_file("jef", "unicode")
    data = vendor_export(file, "fujitsu")
    told = data.decode("cp932").split("\r\n")
    assert told[0] == "CODE_CONVERT_Unicode-FJHOSTcode_USER_TABLE1.0"
    assert told[1] == "; 252085/host jef -> unicode"
    assert told[2].startswith("; release 3 digest 3b3b")
    sequence = "邉" + VS[0x1B]
    (code,) = (line.code for line in lines(file) if line.token == sequence.encode())
    assert f"; no place here: {code.hex().upper()} U+9089 U+E011B" in told
    middle = told.index("Unicode->JEF")
    there, back = told[told.index("JEF->Unicode") + 1 : middle], told[middle + 1 : -1]
    assert "80A1:9089" in there
    assert "9089:80A1" not in back  # 邉 is written as the code of the standard area
    assert "80A7:D84BDF7E" in there  # beyond U+FFFF: 𢽾 in units of UTF-16
    pairs = {tuple(one.split(":")) for one in there}
    assert {tuple(one.split(":")[::-1]) for one in back} < pairs
    resolver, script = opened(file, back=True), file.there.source.script
    for one in back:
        text, code_hex = one.split(":")
        shown = bytes.fromhex(text).decode("utf-16-be")
        assert resolver.bytes_for(shown.encode()) == script.standing(bytes.fromhex(code_hex))
    table = read_vendor_table(data, NAMES["fujitsu"], city("jef").charset)
    assert table.findings == ()
    assert len(table.rows) + len(table.images) == len(there)


@pytest.mark.parametrize(
    ("kind", "name", "target", "says"),
    [
        ("fujitsu", "cp932", "unicode", "can be written for jef"),
        ("hulft", "utf-8", "unicode", "can be written for ibm930"),
        ("hulft", "cp932", "juki", "choose the target unicode"),
        ("fujitsu", "jef", "mj", "choose the target unicode"),
    ],
)
def test_what_a_vendor_table_cannot_hold_is_refused(
    kind: Vendor, name: str, target: str, says: str, mapping_file: MappingFiles
) -> None:
    with pytest.raises(UnsupportedConversion) as caught:
        vendor_export(mapping_file(name, target), kind)
    assert says in caught.value.text.en


def test_every_byte_charset_has_a_letter_of_hulft() -> None:
    assert set(VENDOR_CHARSETS["hulft"]) == set(BYTES)
    assert not set(VENDOR_CHARSETS["hulft"]) & set(UNICODE)
