import re
from collections.abc import Iterator
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji import data
from gaiji.charset.charsets import NAMES, charset
from gaiji.charset.lint import Against, lint, linter
from gaiji.charset.lint.checks import CHECKS
from gaiji.charset.lint.judge import Judge, points
from gaiji.charset.lint.targets import CHARSETS, TARGETS
from gaiji.charset.shipped import registered_sequences, shipped_repertoire
from gaiji.charset.standard import cp932_reading, cp932_writing, decoded, x0213_repertoire
from gaiji.errors import BadName, language
from gaiji.wire.lint import LintReport
from tests.charset.council import juki

DOCS = Path(__file__).parent.parent.parent / "docs" / "conversion.md"
BASES = "葛\U000e0100葛\U000e0102葛\U000e01ef邉\U000e010f"
TEXT = (
    f"山田\ufa19\ufb1d\u212b社\n渡{BASES}\U000e0100\n\u3099か\u309aか\u3099맕敩～〜〒〓\n"
    "１ｱ\ue000\ufffd\ufeff𠮷髙\U000e0100\r\n˩˥가나고\U0001f600n\u0303e\u0301\u0323\n日本語\uf900"
)


def against(name: str = "utf-8", **options: str) -> Against:
    made = charset(name, punctuation=options.get("punctuation"))
    return Against(made, shipped_repertoire())


def found(report: LintReport) -> dict[tuple[str, str | None], int]:
    return {(one.code, one.subject): one.count for one in report.findings}


def codes(report: LintReport) -> set[str]:
    return {total.code for total in report.totals}


def places(report: LintReport, code: str) -> list[tuple[int, int]]:
    return [
        (place.record, place.byte_offset)
        for one in report.findings
        if one.code == code
        for place in one.places
    ]


# --- normalization


def test_exactly_the_1002_compatibility_ideographs_change_and_89_have_a_sequence() -> None:
    rows = list(data.read(data.MjRow))
    with_svs = {row.own_ucs for row in rows if row.svs}
    changed = [
        char
        for char in map(chr, (*range(0xD800), *range(0xE000, 0x110000)))
        if normalize("NFC", char) != char
    ]
    ideographs = {c for c in changed if "\uf900" <= c <= "\ufaff" or "\U0002f800" <= c <= "\U0002fa1f"}  # fmt: skip
    assert len(ideographs) == 1002
    text = "\n".join({*changed, *(row.own_ucs for row in rows if row.own_ucs)})
    seen = found(lint(text.encode(), against(), normalizations=["NFC"]))
    by_code = {
        code: {subject for one, subject in seen if one == code}
        for code in ("nfc-svs", "nfc-ideograph", "nfc-equivalent")
    }
    assert by_code["nfc-svs"] == {points(char) for char in with_svs if char}
    assert len(by_code["nfc-svs"]) == 89
    assert by_code["nfc-svs"] | by_code["nfc-ideograph"] == {points(char) for char in ideographs}
    assert {points(c) for c in changed} - by_code["nfc-svs"] - by_code["nfc-ideograph"] >= by_code[
        "nfc-equivalent"
    ]


def test_the_way_out_of_nfc_is_a_sequence_that_no_form_changes() -> None:
    for row in data.read(data.MjRow):
        if row.svs and row.own_ucs:
            (one,) = lint(row.own_ucs.encode(), against(), normalizations=["NFC"]).findings
            assert points(row.svs) in one.way_out
            assert "unicode-svs" in one.way_out
            assert row.name in one.text
            assert normalize("NFKC", row.svs) == row.svs


def test_a_decomposed_spelling_and_one_that_nfkc_changes_are_told_apart() -> None:
    report = lint("か\u3099が１ｱ～".encode(), against())
    assert found(report) == {
        ("nfc-equivalent", "U+304B U+3099"): 1,
        ("nfkc", "U+FF11"): 1,
        ("nfkc", "U+FF71"): 1,
        ("nfkc", "U+FF5E"): 1,
    }
    assert {total.level for total in report.totals} == {"warning"}
    assert not lint("が１".encode(), against(), normalizations=[]).findings


# --- variation selectors


def test_every_moji_joho_sequence_merges_or_says_the_same_without_its_selector() -> None:
    judge = Judge(charset("utf-8"), shipped_repertoire())
    merged: dict[str, str] = {}
    for row in data.read(data.MjRow):
        if row.ivs:
            hits = {hit.code: hit for hit in judge.text(row.ivs)}
            same = shipped_repertoire().own(row.ivs[0])
            told = "selector-redundant" if same and same.id == row.name else "selector-merges"
            assert hits[told].facts["character"] == row.name
            merged[row.ivs] = told
    assert len(merged) == 11_382
    assert len({one[0] for one in merged}) == 5_057
    assert sum(one.startswith("邉") for one in merged) == 16


def test_every_sequence_of_another_collection_names_it_and_the_candidates() -> None:
    judge = Judge(charset("utf-8"), shipped_repertoire())
    known = shipped_repertoire()
    others = [one for one in registered_sequences() if known.sequence(one) is None]
    for sequence in others:
        (hit,) = (hit for hit in judge.text(sequence) if hit.code.startswith("selector"))
        assert hit.code == "selector-other-collection"
        assert str(hit.facts["collection"]).split()[0] in (
            *("Adobe-Japan1", "Hanyo-Denshi", "MSARG", "KRName", "SVS", "Moji_Joho"),
        )
    assert sum(registered_sequences()[one][0] == "SVS" for one in others) == 913


def test_kuzu_has_two_sequences_of_adobe_and_seven_of_moji_joho() -> None:
    sequences = "".join(f"葛{chr(0xE0100 + n)}" for n in range(16))
    report = lint(sequences.encode(), against())
    adobe = [one for one in report.findings if one.code == "selector-other-collection"]
    named = [one.subject for one in adobe if "Adobe-Japan1" in one.text]
    assert named == ["U+845B U+E0100", "U+845B U+E0101"]
    for number in range(2, 9):
        assert f"U+845B U+E010{number}" in adobe[0].way_out
    assert ("selector-unknown", "U+845B U+E010F") in found(report)
    assert ("selector-redundant", "U+845B U+E0103") in found(report)


@pytest.mark.parametrize("text", ["\U000e0100邉", "邉\U000e010f\U000e0100", "\n\ufe00", "か\u3099\ufe00"])  # fmt: skip
def test_a_selector_without_its_character_is_misplaced(text: str) -> None:
    assert "selector-misplaced" in codes(lint(text.encode(), against()))


# --- Juki-net codes, punctuation, double codes


def test_the_5502_juki_codes_that_mean_another_character_are_known() -> None:
    """5,563 differ from the corresponding UCS; 61 of them are the character's own compatibility ideograph."""
    judge = Judge(charset("utf-16be"), shipped_repertoire())
    seen: dict[str, str] = {}
    for forms in shipped_repertoire().forms.values():
        if forms.juki is not None and not 0xD800 <= forms.juki < 0xE000:
            for hit in judge.text(chr(forms.juki)):
                if hit.code.startswith("juki"):
                    assert hit.facts["character"] == forms.id
                    seen[hit.subject] = hit.code
    assert len(seen) == 5_563 - 61
    assert {subject for subject, code in seen.items() if code == "juki-trap"} == {
        *("U+6569", "U+670A", "U+6730"),
    }


def test_hangul_is_suspected_among_japanese_and_not_in_korean() -> None:
    assert ("juki-code", "U+B9D5") in found(lint("맕城市の住民".encode(), against()))
    assert "juki-code" not in codes(lint("대한민국 서울특별시 葛".encode(), against()))
    assert "juki-code" not in codes(lint("日本語の\uf9b5".encode(), against()))


@pytest.mark.parametrize(("policy", "mark"), [("microsoft", "〜"), ("jis", "～")])
def test_the_six_marks_are_held_against_the_declared_reading(policy: str, mark: str) -> None:
    report = lint("～〜∥‖－−￠¢￡£￢¬".encode(), against(punctuation=policy))
    marks = [subject for code, subject in found(report) if code == "punctuation"]
    assert len(marks) == 6
    assert points(mark) in marks


@pytest.mark.parametrize("row", range(10))
def test_every_user_code_is_named_with_what_shift_jis_2004_reads(row: int) -> None:
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    area = [bytes([0xF0 + row, trail]) for trail in trails]
    report = lint(b"".join(area), against("cp932"))
    other = {one.subject: one.text for one in report.findings if one.code == "shift-jis-2004"}
    assert len([one for one in report.findings if one.code == "user-code"]) == 188
    for code in area:
        read = decoded(code, "shift_jis_2004")
        assert (code.hex().upper() in other) == bool(read)
        if read:
            assert points(read) in other[code.hex().upper()]


def test_f040_is_u20089_in_shift_jis_2004() -> None:
    (one,) = (
        one for one in lint(b"\xf0\x40", against("cp932")).findings if one.code == "shift-jis-2004"
    )
    assert (one.level, "U+20089" in one.text) == ("warning", True)


def test_what_only_shift_jis_2004_has_is_an_error() -> None:
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    for lead in (*range(0x81, 0xA0), *range(0xE0, 0xF0)):
        row = [bytes([lead, trail]) for trail in trails]
        report = lint(b"".join(row), against("cp932"))
        told = {subject for code, subject in found(report) if code == "only-shift-jis-2004"}
        bad = {subject for code, subject in found(report) if code == "malformed"}
        unread = [code for code in row if code not in cp932_reading()]
        assert told == {c.hex().upper() for c in unread if decoded(c, "shift_jis_2004")}
        assert bad == {code.hex().upper() for code in unread} - told


def test_the_398_codes_that_do_not_round_trip_are_recoded() -> None:
    read = cp932_reading()
    report = lint(b"".join(code for code in read if len(code) == 2), against("cp932"))
    told = {subject for code, subject in found(report) if code == "recoded"}
    assert len(told) == 398
    assert told == {c.hex().upper() for c, text in read.items() if cp932_writing()[text] != c}


# --- targets


def test_every_target_has_its_own_characters() -> None:
    everything = "\n".join(cp932_reading().values()).encode()
    assert "outside-cp932" not in codes(lint(everything, against(), targets=["cp932"]))
    x0213 = "\n".join(x0213_repertoire()).encode()
    assert "outside-x0213" not in codes(lint(x0213, against(), targets=["x0213"]))
    jis = "\n".join(
        bytes([a, b]).decode("euc_jp", "ignore")
        for a in range(0xA1, 0xFF)
        for b in range(0xA1, 0xFF)
    )
    assert "outside-x0208" not in codes(lint(jis.encode(), against(), targets=["x0208"]))
    own = "\n".join(one.ucs for one in shipped_repertoire().forms.values() if one.ucs and one.juki)
    assert "outside-juki" not in codes(lint(own.encode(), against(), targets=["juki"]))


def test_outside_a_target_the_reduction_is_named_or_that_there_is_none() -> None:
    report = lint("𠮷髙曻\U0002a6a5".encode(), against(), targets=["x0208", "x0213", "juki"])
    ways = {(one.code, one.subject): one.way_out for one in report.findings}
    assert ("unified", "U+20BB7") in ways
    assert "吉" in ways["outside-x0208", "U+20BB7"]
    assert "no reduction" in ways["outside-x0213", "U+2A6A5"]
    assert "residual" in ways["outside-juki", "U+2A6A5"]


def test_a_character_that_its_bare_form_shows_is_inside() -> None:
    text = "邉\U000e010f葛\U000e0102".encode()  # the second is the shape of JIS 90
    assert "outside-cp932" not in codes(lint(text, against(), targets=["cp932"]))
    shape_of_2004 = "葛\U000e0103".encode()
    assert "outside-cp932" in codes(lint(shape_of_2004, against(), targets=["cp932"]))


def test_the_dash_that_is_only_written_is_outside_and_the_one_that_is_read_inside() -> None:
    assert "outside-cp932" in codes(lint("1—2".encode(), against(), targets=["cp932"]))
    assert "outside-cp932" not in codes(lint("1―2".encode(), against(), targets=["cp932"]))


@pytest.mark.parametrize("target", CHARSETS)
def test_every_byte_charset_can_be_a_target(target: str) -> None:
    report = lint("山田\U0002a6a5".encode(), against(), targets=[target])
    assert (f"outside-{target}", "U+2A6A5") in found(report)
    assert (f"outside-{target}", "U+5C71") not in found(report)


def test_an_unknown_target_is_refused() -> None:
    with pytest.raises(BadName, match="no target"):
        lint(b"", against(), targets=["utf-8"])


# --- damage


@pytest.mark.parametrize(
    ("encoding", "bytes_", "expected"),
    [
        ("utf-8", b"\xe3\x81\x82\xff\n", {("malformed", "FF"): 1}),
        ("utf-8", b"\xed\xa0\xbd\xed\xb8\x80", {("lone-surrogate", "EDA0BDEDB880"): 1}),
        ("utf-8", b"a\xed\xa0\xbda", {("lone-surrogate", "U+D83D"): 1}),
        ("utf-8", b"ab\xe3\x81", {("cut-off", "E381"): 1}),
        ("utf-8", b"\xef\xbb\xbfa\xef\xbb\xbf", {("mark-inside", "U+FEFF"): 1}),
        ("utf-16le", b"\x3d\xd8a\0", {("lone-surrogate", "U+D83D"): 1}),
        ("utf-16be", b"\xd8\x3d", {("lone-surrogate", "U+D83D"): 1}),
        ("utf-16be", b"\xd8\x3d\xde\0", {}),
        ("utf-16be", b"\0a\0", {("cut-off", "00"): 1}),
        ("cp932", b"a\x82", {("cut-off", "82"): 1}),
        ("cp932", b"\x80\xa0", {("malformed", "80"): 1, ("malformed", "A0"): 1}),
        ("ibm939", b"\x0e\x0e\x45\xb7\x0f", {("shift-doubled", "0E"): 1}),
        ("ibm939", b"\x0e\x45\xb7", {("shift-unclosed", ""): 1}),
    ],
)
def test_damage_is_placed_and_never_raised(
    encoding: str, bytes_: bytes, expected: dict[tuple[str, str], int]
) -> None:
    assert found(lint(bytes_, against(encoding), normalizations=[])) == expected


JAPANESE = "住民票の写し,山田太郎,ヤマダ,東京都港区\n"
WRONG = [
    ("cp932", JAPANESE.encode(), "utf-8"),
    ("utf-16le", JAPANESE.encode(), "utf-8"),
    ("utf-8", JAPANESE.encode("cp932"), "cp932"),
    ("utf-8", JAPANESE.encode("euc_jp"), "eucjp-ms"),
    ("cp932", JAPANESE.encode("euc_jp"), "eucjp-ms"),
    ("utf-8", JAPANESE.encode("utf-16-le"), "utf-16le"),
    ("utf-16le", JAPANESE.encode("utf-16-be"), "utf-16be"),
]


@pytest.mark.parametrize(("declared", "bytes_", "meant"), WRONG)
def test_a_file_in_another_charset_is_suspected(declared: str, bytes_: bytes, meant: str) -> None:
    for begun in (b"", b"ascii\n", b"ascii\r\n" * 1000):
        assert ("other-charset", meant) in found(lint(begun + bytes_, against(declared)))


@pytest.mark.parametrize(
    ("mark", "meant"), [("efbbbf", "utf-8"), ("fffe", "utf-16le"), ("feff", "utf-16be")]
)
def test_a_mark_at_the_beginning_tells_the_charset(mark: str, meant: str) -> None:
    for declared in ("cp932", "utf-8", "utf-16le", "utf-16be"):
        report = lint(bytes.fromhex(mark), against(declared))
        assert (("other-charset", meant) in found(report)) == (declared != meant)


@pytest.mark.parametrize("name", ["utf-8", "cp932", "utf-16le", "utf-16be", "eucjp-ms"])
def test_a_file_in_its_own_charset_is_not_suspected(name: str) -> None:
    codec = {"eucjp-ms": "euc_jp"}.get(name, name)
    for text in (JAPANESE, "ﾔﾏﾀﾞ ﾀﾛｳ\n" * 9, "ascii\n", "", "髙橋"[1:], "Ａ１"):
        assert "other-charset" not in codes(lint(text.encode(codec), against(name))), text


# --- counts, places, bounds


def test_places_are_record_and_byte_and_the_first_hundred() -> None:
    line = "邉\U000e0110,\ufa19\n"
    size = len(line.encode())
    report = lint((line * 250).encode(), against(), file="x.txt")
    (one,) = (one for one in report.findings if one.code == "nfc-svs")
    assert one.count == 250
    assert one.where
    assert (one.where.file, one.where.record, one.where.byte_offset) == ("x.txt", 1, 8)
    assert places(report, "nfc-svs") == [(n + 1, n * size + 8) for n in range(100)]
    assert (report.records, report.bytes, report.characters) == (250, 250 * size, 1000)


def test_a_report_is_bounded_and_its_totals_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linter, "PLACES_IN_ALL", 1500)
    monkeypatch.setattr(linter, "JUDGED_LIMIT", 500)
    text = "".join(map(chr, range(0xE000, 0xE000 + 2500)))
    report = lint((text[n : n + 50].encode() for n in [*range(0, 2500, 50)] * 3), against())
    (total,) = report.totals
    assert (total.count, total.subjects, total.left_out) == (7500, 1000, 4500)
    assert sum(len(one.places) for one in report.findings) == 1500
    assert all(one.places for one in report.findings)


def _sources() -> Iterator[tuple[str, bytes]]:
    yield "utf-8", b"\xef\xbb\xbf" + TEXT.encode() + b"\xed\xa0\xbd\xed\xb8\x80\xed\xa0\x80\xff\xe3"
    for name, codec in (("utf-16le", "utf-16-le"), ("utf-16be", "utf-16-be")):
        lone = "\ud800x\udc00\ud83d".encode(codec, "surrogatepass")
        yield name, ("\ufeff" + TEXT).encode(codec) + lone + b"\0"
    yield "cp932", bytes.fromhex("F0408160EEE0FBFC8540EB400AFA40808A8BB10D0A82F0F9FC82")
    yield "eucjp-ms", bytes.fromhex("A4A28EB18FB0A1F5A18FF5A10AA1C1FFA4")
    yield "ibm939", bytes.fromhex("F10E45B769410E45B84142 0F40 0F25 0E45B725F1".replace(" ", ""))
    yield "jef", bytes.fromhex("F128B0A180A129 4040 30E2B0A1 38 B0A2 FF15 28 B0A1 29".replace(" ", ""))  # fmt: skip
    yield "keis83", bytes.fromhex("F10A42B0A181A10A41400A42B0A11530 0A".replace(" ", ""))


SOURCES = list(_sources())


@pytest.mark.parametrize(("name", "bytes_"), SOURCES, ids=lambda one: str(one)[:8])
def test_a_report_does_not_depend_on_chunks(name: str, bytes_: bytes) -> None:
    whole = lint(bytes_, against(name), targets=["x0213"])
    assert whole.bytes == len(bytes_)
    for size in range(1, 65):
        chunks = (bytes_[at : at + size] for at in range(0, len(bytes_), size))
        assert lint(chunks, against(name), targets=["x0213"]) == whole, size


@pytest.mark.parametrize(("name", "bytes_"), SOURCES, ids=lambda one: str(one)[:8])
def test_padding_before_it_moves_every_place(name: str, bytes_: bytes) -> None:
    marks = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
    body = next((bytes_[len(mark) :] for mark in marks if bytes_.startswith(mark)), bytes_)
    unit = {"utf-16le": b" \0", "utf-16be": b"\0 "}.get(name, b"\x40" if "ibm" in name else b" ")
    if name in ("jef", "keis83"):
        unit = b"\x40"
    plain = lint(body, against(name))
    for count in range(1, 32):
        moved = lint(unit * count + body, against(name))
        expected = {one.code: places(plain, one.code) for one in plain.totals}
        for code, spots in expected.items():
            if code != "other-charset":
                assert places(moved, code) == [(r, at + count * len(unit)) for r, at in spots]


@pytest.mark.parametrize("name", NAMES)
@given(data=st.binary(max_size=200), size=st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_counted_whole_and_never_raise(name: str, data: bytes, size: int) -> None:
    whole = lint(data, against(name), targets=["juki", "cp932"])
    assert whole.bytes == len(data)
    chunks = (data[at : at + size] for at in range(0, len(data), size))
    assert lint(chunks, against(name), targets=["juki", "cp932"]) == whole
    for one in whole.findings:
        assert one.count >= len(one.places) > 0
        assert all(0 <= place.byte_offset <= len(data) for place in one.places)


# --- code sets, and what is said


def test_with_a_code_set_only_undecided_codes_are_gaps() -> None:
    report = lint(bytes.fromhex("F040F04DF050"), Against.code_set(juki()))
    assert "user-code" not in codes(report)
    told = {subject for code, subject in found(report) if code == "undecided-code"}
    assert told == {"F04D", "F050"}
    assert report.release == 3


def test_the_councils_allocations_are_no_gaps() -> None:
    held = Against(charset("utf-8"), juki().repertoire, release=3)
    report = lint("\U000f0000\U000f0001\U000f0002".encode(), held)
    assert found(report) == {("user-code", "U+F0002"): 1}


def test_every_check_can_be_found_and_speaks_both_languages() -> None:
    seen: dict[str, set[str]] = {"ja": set(), "en": set()}
    for spoken in ("ja", "en"):
        token = language.set(spoken)
        more = [
            lint(WRONG[0][1], against("cp932")),
            lint(b"\xf0\x50\x82\xf0\x8a\x8b", Against.code_set(juki())),
            lint(b"\x28\x41\xa1\x29", against("jef")),
        ]
        made = [lint(b, against(n), targets=[*TARGETS]) for n, b in SOURCES] + more
        language.reset(token)
        for report in made:
            seen[spoken] |= codes(report)
            for one in report.findings:
                assert one.text
                assert one.way_out
                assert "{" not in one.text + one.way_out
                assert bool(re.search("[ぁ-ん]", one.way_out)) == (spoken == "ja"), one.way_out
    assert seen["ja"] == seen["en"]
    assert set(CHECKS) - seen["en"] == set()


def test_the_page_lists_every_check_with_its_level() -> None:
    page = DOCS.read_text("utf-8")
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (error|gap|warning|fit) \|", page, re.M))
    shown = {
        code: check.level
        for code, check in CHECKS.items()
        if not code.startswith("outside-") or code.removeprefix("outside-") not in CHARSETS[1:]
    }
    assert {code: level for code, level in rows.items() if code in CHECKS} == shown


def test_findings_come_the_gravest_first_then_the_most_frequent() -> None:
    report = lint(TEXT.encode() + b"\xff", against())
    order = ["error", "gap", "warning", "fit"]
    levels = [order.index(one.level) for one in report.findings]
    assert levels == sorted(levels)
    keys = [(one.code, -one.count) for one in report.findings]
    for code in codes(report):
        counts = [count for one, count in keys if one == code]
        assert counts == sorted(counts)
