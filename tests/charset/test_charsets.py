from __future__ import annotations

import shutil
import subprocess

import pytest

from gaiji.charset.areas import UserArea
from gaiji.charset.charsets import NAMES, Charset, charset
from gaiji.charset.coding import coding
from gaiji.charset.standard import (
    PAIRS,
    cp932_reading,
    juki_non_kanji,
    x0213_points,
    x0213_repertoire,
)
from gaiji.errors import BadName, CodeOutsideArea, UnknownCharset

COUNTS = {
    "cp932": 1880,
    "eucjp-ms": 1880,
    "jef": 3102,
    "keis78": 3008,
    "keis83": 3008,
    "jips-j": 3948,
    "jips-e": 0,
    "ibm930": 4370,
    "ibm939": 4370,
    "ibm1390": 6205,
    "ibm1399": 6205,
    "utf-16le": 137468,
    "utf-16be": 137468,
    "utf-8": 137468,
}


def test_every_cp932_user_code_has_the_image_python_gives_it_both_ways() -> None:
    made = charset("cp932")
    codes = list(made.user_codes())
    assert len(codes) == 1880
    for code in codes:
        assert made.image_of(code) == ord(code.decode("cp932"))
        assert made.code_of(ord(code.decode("cp932"))) == code
        assert chr(made.image_of(code) or 0).encode("cp932") == code
    assert [code for code in codes if made.parse_code(code.hex()) != code] == []


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("utf-")])
def test_user_codes_and_images_of_byte_charsets_are_one_to_one(name: str) -> None:
    made = charset(name)
    codes = list(made.user_codes())
    assert (len(codes), len(set(codes)), made.user_count) == (COUNTS[name],) * 3
    images = [made.image_of(code) for code in codes]
    assert len(set(images)) == len(codes)
    assert [made.code_of(image or 0) for image in images] == codes
    assert images == list(range(0xE000, 0xE000 + len(codes)))


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be", "utf-8"])
def test_user_codes_of_unicode_charsets_are_their_own_images(name: str) -> None:
    made = charset(name)
    assert made.user_count == COUNTS[name]
    for image in (0xE000, 0xF8FF, 0xF0000, 0xFFFFD, 0x100000, 0x10FFFD):
        code = chr(image).encode(made.encoding or "")
        assert (made.image_of(code), made.code_of(image)) == (image, code)
    assert made.image_of("亜".encode(made.encoding or "")) is None
    assert made.code_of(0xFFFFE) is None


@pytest.mark.parametrize(
    ("name", "code", "image"),
    [
        ("jef", "80A1", 0xE000),
        ("jef", "A0FE", 0xEC1D),
        ("keis83", "81A1", 0xE000),
        ("keis83", "A0FE", 0xEBBF),
        ("jips-j", "7421", 0xE000),
        ("jips-j", "7E7E", 0xE409),
        ("jips-j", "E0A1", 0xE40A),
        ("jips-j", "FEFE", 0xEF6B),
        ("eucjp-ms", "FEFE", 0xE3AB),
        ("eucjp-ms", "8FF5A1", 0xE3AC),
        ("eucjp-ms", "8FFEFE", 0xE757),
        ("ibm930", "7FFE", 0xF111),
        ("ibm1399", "89BD", 0xF83C),
        ("utf-16le", "00E0", 0xE000),
    ],
)
def test_area_ends_have_the_documented_images(name: str, code: str, image: int) -> None:
    assert charset(name).image_of(bytes.fromhex(code)) == image


def test_a_city_may_give_an_area_another_image() -> None:
    fujitsu = charset(
        "jef",
        areas=[{"first": "80A1", "last": "80FE", "trails": [[0xA1, 0xFE]], "image": "U+E92E"}],
    )
    assert fujitsu.image_of(b"\x80\xa1") == 0xE92E
    assert fujitsu.image_of(b"\x81\xa1") is None
    assert fujitsu.digest != charset("jef").digest


@pytest.mark.parametrize("name", NAMES)
def test_areas_survive_json_and_give_the_same_digest(name: str) -> None:
    made = charset(name)
    again = charset(name, areas=made.areas_as_json())
    assert (again, again.digest) == (made, made.digest)


def test_every_option_changes_the_digest() -> None:
    digests = {
        charset("cp932").digest,
        charset("cp932", jis=2004).digest,
        charset("cp932", punctuation="jis").digest,
        charset("jef", ebcdic="latin").digest,
        charset("jef", ebcdic="kana").digest,
    }
    assert len(digests) == 5


def area(first: str, last: str, image: int = 0xE000) -> UserArea:
    return UserArea(bytes.fromhex(first), bytes.fromhex(last), ((0x40, 0x7E), (0x80, 0xFC)), image)


@pytest.mark.parametrize(
    "areas",
    [
        [area("F040", "F1FC"), area("F140", "F2FC", 0xF000)],
        [area("F040", "F0FC"), area("F140", "F1FC")],
    ],
    ids=["codes", "images"],
)
def test_overlapping_areas_are_refused(areas: list[UserArea]) -> None:
    with pytest.raises(BadName, match="overlap"):
        charset("cp932", areas=areas)


@pytest.mark.parametrize(
    ("first", "last", "image"),
    [
        ("F07F", "F0FC", 0xE000),
        ("F1FC", "F040", 0xE000),
        ("F040", "F0FC", 0x4E00),
        ("F0", "F1", 0xE000),
    ],
)
def test_a_wrong_area_is_refused(first: str, last: str, image: int) -> None:
    with pytest.raises(BadName, match="user-defined area"):
        area(first, last, image)


def test_area_json_without_its_parts_is_refused() -> None:
    with pytest.raises(BadName, match="needs first and last"):
        charset("cp932", areas=[{"first": "F040"}])


@pytest.mark.parametrize(
    "options",
    [{"jis": 1990}, {"punctuation": "windows"}, {"ebcdic": "kana"}],
)
def test_an_unknown_option_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(BadName, match="cp932 cannot have"):
        charset("cp932", **options)  # type: ignore[arg-type]


def test_unknown_charsets_and_codes_are_refused() -> None:
    with pytest.raises(UnknownCharset, match="shift_jis_2004"):
        charset("shift_jis_2004")
    with pytest.raises(BadName):
        charset("cp932").parse_code("F04")
    with pytest.raises(BadName):
        charset("cp932").parse_code("外字")
    with pytest.raises(CodeOutsideArea, match="F040-F9FC"):
        charset("cp932").parse_code("889F")
    with pytest.raises(CodeOutsideArea):
        charset("jips-e").parse_code("7421")


def read_standard(made: Charset, code: bytes) -> str | None:
    """The text of a code of CP932's standard area."""
    return coding(made).modes[0].reading.get(code)


def write_standard(text: str) -> bytes | None:
    """The code of a text in CP932's standard area."""
    return coding(charset("cp932")).modes[0].writing.get(text)


def cp932_codes() -> list[bytes]:
    doubles = [bytes([a, b]) for a in range(0x81, 0xFD) for b in range(0x40, 0xFD)]
    return [bytes([a]) for a in range(0x100)] + doubles


def test_every_standard_cp932_code_reads_as_in_python() -> None:
    made = charset("cp932")
    beyond = []
    for code in cp932_codes():
        try:
            text = code.decode("cp932")
        except UnicodeDecodeError:
            assert read_standard(made, code) is None
            continue
        if len(text) != 1 or made.is_user_code(code):
            continue
        if read_standard(made, code) != text:
            beyond.append(code.hex())
    assert beyond == ["80", "a0", "fd", "fe", "ff"]  # bytes that are no characters


def test_standard_cp932_writes_as_python_except_the_ibm_extension() -> None:
    differs = {}
    for text in set(cp932_reading().values()):
        code = write_standard(text)
        assert code is not None
        assert code.decode("cp932") == text
        if code != text.encode("cp932"):
            differs[text] = code
    assert len(differs) == 373
    assert {code[0] for code in differs.values()} == {0xFA, 0xFB, 0xFC}
    assert {text.encode("cp932")[0] for text in differs} == {0xED, 0xEE}
    assert (differs["髙"], differs["﨑"]) == (b"\xfb\xfc", b"\xfa\xb1")


def test_398_cp932_codes_are_second_codes() -> None:
    second = [code for code, text in cp932_reading().items() if write_standard(text) != code]
    assert len(second) == 398


@pytest.mark.skipif(shutil.which("iconv") is None, reason="no iconv here")
def test_cp932_is_written_as_glibc_does() -> None:
    texts = sorted(set(cp932_reading().values()) - {"\n"})
    done = subprocess.run(
        ["iconv", "-f", "UTF-8", "-t", "CP932"],
        input="\n".join(texts).encode(),
        capture_output=True,
        check=True,
    )
    ours = [write_standard(text) for text in texts]
    assert done.stdout.split(b"\n") == ours


def test_the_six_marks_follow_the_declared_punctuation() -> None:
    microsoft, jis = charset("cp932"), charset("cp932", punctuation="jis")
    codes = [bytes.fromhex(one) for one in ("8160", "8161", "817C", "8191", "8192", "81CA")]
    assert "".join(read_standard(microsoft, code) or "" for code in codes) == "～∥－￠￡￢"
    assert "".join(read_standard(jis, code) or "" for code in codes) == "〜‖−¢£¬"
    assert [write_standard(mark) for mark in "〜‖−¢£¬"] == codes
    assert [write_standard(mark) for mark in "～∥－￠￡￢"] == codes


def test_x0213_has_its_11233_points_and_25_pairs() -> None:
    points = x0213_points()
    assert (len(points), len(set(points.values())), len(PAIRS)) == (11233, 11233, 25)
    assert points["1-26-74"] == "崎"
    assert points["2-93-27"] == "鬜"
    assert points["1-04-87"] == "か゚"
    assert "丂" in x0213_repertoire()
    assert "乖" in x0213_repertoire()
    assert "乂" in x0213_repertoire()
    assert "￤" not in x0213_repertoire()


def test_the_non_kanji_of_juki_net_are_counted() -> None:
    found = {text for text in juki_non_kanji() if text >= " " and text != "\x7f"}
    assert len([text for text in found if text < "\u3400"]) == 1258
    assert len([text for text in found if text >= "\uff00"]) == 163


def test_a_charset_cannot_be_changed() -> None:
    made: Charset = charset("cp932")
    with pytest.raises(AttributeError):
        made.jis = 2004  # type: ignore[misc]
