"""Tables of the byte charsets, exhaustively, against oracles that were not their source."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from pathlib import Path

import pytest

from gaiji.charset import ibm
from gaiji.charset.areas import UserArea
from gaiji.charset.charsets import FAMILIES, NAMES, UNICODE, Charset, charset
from gaiji.charset.coding import SHIFTS, WRITTEN_ONLY, Coding, coding
from gaiji.charset.ebcdic import ebcdic, jis8_to_ebcdic
from gaiji.charset.jis import jis_x_0208, shapes_of_1978
from gaiji.charset.standard import SIX, cp932_writing, decoded, punctuated
from gaiji.errors import BadName, BadReference
from tools import build_charsets

SHARED = Path(__file__).parents[3] / "shared" / "data"
BYTES = [name for name in NAMES if name not in UNICODE]
IBM = [name for name in BYTES if name.startswith("ibm")]
VARIANTS = [
    charset(name, jis=jis, punctuation=punctuation, ebcdic=variant)
    for name in BYTES
    for jis in (78, 83, 2004)
    for punctuation in ("microsoft", "jis")
    for variant in (("kana", "latin") if FAMILIES[name].ebcdic_choice else (None,))
]
HIGH = bytes(b | 0x80 for b in range(256))

needs_iconv = pytest.mark.skipif(shutil.which("iconv") is None, reason="no iconv")
needs_uconv = pytest.mark.skipif(shutil.which("uconv") is None, reason="no uconv")


def shared(name: str) -> bytes:
    """Return a table nobody here made; the test is skipped where it is absent."""
    if not (SHARED / name).exists():
        pytest.skip(f"{name} is not here")
    return (SHARED / name).read_bytes()


def labelled(encoding: str, codes: Iterable[bytes]) -> dict[bytes, str]:
    """Return glibc's reading of the codes of a stateless charset, in one call; codes it refuses are left out."""
    lines = b"".join(f"<{c.hex()}>".encode() + c + b"</>\n" for c in codes)
    out = subprocess.run(
        ["iconv", "-c", "-f", encoding, "-t", "UTF-8"], input=lines, capture_output=True
    )
    found = re.findall(r"<([0-9a-f]+)>((?:(?!</>).)*)</>\n", out.stdout.decode(), re.DOTALL)
    return {bytes.fromhex(code): text for code, text in found if text}


def written_by(encoding: str, texts: Iterable[str]) -> dict[str, bytes]:
    """Return the codes glibc writes for texts of a stateless charset."""
    lines = "".join(f"<{t.encode().hex()}>{t}</>\n" for t in texts)
    out = subprocess.run(
        ["iconv", "-c", "-f", "UTF-8", "-t", encoding], input=lines.encode(), capture_output=True
    )
    found = re.findall(rb"<([0-9a-f]+)>((?:(?!</>).)*)</>\n", out.stdout, re.DOTALL)
    return {bytes.fromhex(code.decode()).decode(): text for code, text in found if text}


def is_image(text: str) -> bool:
    return "\ue000" <= text <= "\uf8ff"


def identity(one: Charset) -> str:
    return f"{one.name}-{one.jis}-{one.punctuation}-{one.ebcdic}"


@pytest.mark.parametrize("declared", VARIANTS, ids=identity)
def test_every_code_has_its_shape_and_every_text_is_written_in_one_way(declared: Charset) -> None:
    made = coding(declared)
    keys: Counter[str] = Counter()
    for mode in made.modes:
        shape = re.compile(mode.shape, re.DOTALL)
        assert all(shape.fullmatch(code) for code in mode.reading)
        assert not any(declared.is_user_code(code) for code in mode.reading)
        for text, code in mode.writing.items():
            read = mode.reading[code]
            marks = [{mark, punctuated(mark, "jis")} for mark in SIX]
            assert read == text or {read, text} in marks or WRITTEN_ONLY.get(text) == read
        keys.update(mode.writing.keys())
    assert set(keys.values()) == {1}
    unwritable = {t for mode in made.modes for t in mode.reading.values()} - set(keys)
    assert unwritable == set()
    assert made.modes[0].reading[made.newline] == "\n"
    assert len({s.mode for s in made.shifts}) == (len(made.modes) if made.shifts else 0)


@pytest.mark.parametrize("declared", VARIANTS, ids=identity)
def test_the_first_byte_of_a_shift_code_is_never_in_a_code(declared: Charset) -> None:
    made = coding(declared)
    begins = {shift.code[0] for shift in made.shifts}
    for number, mode in enumerate(made.modes):
        shape = re.compile(mode.shape, re.DOTALL)
        assert not any(begins & set(code) for code in mode.reading)
        for begin, other in product(begins, range(256)):
            assert shape.fullmatch(bytes([begin])) is None
            assert shape.fullmatch(bytes([begin, other])) is None
            assert shape.fullmatch(bytes([other, begin])) is None
        if made.shifts:
            assert {len(code) for code in mode.reading} == {number + 1}
    if made.shifts:
        ends = [bytes([made.newline[0], b]) for b in range(256)]
        assert not any(re.fullmatch(made.modes[1].shape, code, re.DOTALL) for code in ends)


@pytest.mark.parametrize("name", BYTES)
def test_the_default_user_defined_area_is_well_shaped(name: str) -> None:
    declared = charset(name)
    last = coding(declared).modes[-1]
    shape = re.compile(last.shape, re.DOTALL)
    codes = list(declared.user_codes())
    assert all(shape.fullmatch(code) for code in codes)
    elsewhere = coding(charset(name, areas=[])).modes[-1].untabled
    assert all(any(low <= code <= high for low, high in elsewhere) for code in codes)


def cp932_codes() -> Iterator[bytes]:
    yield from (bytes([b]) for b in range(256))
    trails = (*range(0x40, 0x7F), *range(0x80, 0xFD))
    yield from (bytes(pair) for pair in product((*range(0x81, 0xA0), *range(0xE0, 0xFD)), trails))


def test_cp932_reads_as_python_does() -> None:
    made = coding(charset("cp932")).modes[0]
    python = {c: t for c in cp932_codes() if (t := decoded(c, "cp932")) and not is_image(t)}
    assert {c: t for c, t in python.items() if c in made.reading} == made.reading
    # of the bytes that are no characters Python reads 80 as a control, A0 FD FE FF as private use
    assert set(python) - set(made.reading) == {b"\x80"}
    assert len(made.reading) == 7_915


@needs_iconv
def test_cp932_reads_and_writes_as_glibc_does() -> None:
    made = coding(charset("cp932")).modes[0]
    glibc = labelled("CP932", made.reading)
    assert glibc == dict(made.reading)
    written = written_by("CP932", made.writing)
    assert written == made.writing
    assert (len(glibc), len(written)) == (7_915, 7_524)
    unassigned = [c for c in cp932_codes() if len(c) == 2 and c not in made.reading]
    read = labelled("CP932", unassigned).items()
    whole = {c: t for c, t in read if not is_image(t) and t != decoded(c[1:], "cp932")}
    assert whole == {}  # it drops the first byte of the others and reads the second alone


@needs_iconv
@pytest.mark.parametrize("policy", ["microsoft", "jis"])
def test_eucjp_ms_reads_and_writes_as_glibc_does(policy: str) -> None:
    made = coding(charset("eucjp-ms", punctuation=policy)).modes[0]
    pairs = [bytes(pair) for pair in product(range(0xA1, 0xFF), repeat=2)]
    codes = [bytes([b]) for b in range(0x80)] + [bytes([0x8E, b]) for b in range(0xA1, 0xFF)]
    glibc = labelled("EUC-JP-MS", codes + pairs + [b"\x8f" + code for code in pairs])
    glibc = {code: text for code, text in glibc.items() if not is_image(text)}
    beyond = {code for code in glibc if code not in made.reading}
    assert beyond == {bytes([0x8E, b]) for b in range(0xE0, 0xFF)}  # half-width kana that are none
    assert {glibc[code] for code in beyond} == {"\ufffd"}
    differs = {code: text for code, text in made.reading.items() if glibc[code] != text}
    marks = 0 if policy == "microsoft" else 6
    assert len(differs) == marks
    assert all(punctuated(glibc[code], "jis") == text for code, text in differs.items())
    assert len(made.reading) == 13_326
    written = written_by("EUC-JP-MS", made.writing)
    other = {text for text, code in made.writing.items() if written[text] != code}
    assert other == (set() if policy == "microsoft" else {"～"})  # the tilde of JIS X 0212, 8FA2B7


def test_eucjp_ms_has_what_python_euc_jp_has() -> None:
    made = coding(charset("eucjp-ms", punctuation="jis")).modes[0].reading
    differs = {c: t for c, t in made.items() if decoded(c, "euc_jp") != t}
    policy = Counter(
        "NEC row 13"
        if code[0] == 0xAD
        else "IBM extension"
        if code >= b"\x8f\xf3"
        else "as glibc: " + text
        for code, text in differs.items()
    )
    assert policy == {
        "NEC row 13": 83,
        "IBM extension": 106,
        "as glibc: ～": 1,
        "as glibc: ￤": 1,
    }


def ibm_codes() -> list[bytes]:
    singles = [bytes([b]) for b in range(256) if b not in (0x0E, 0x0F, 0x25)]
    return singles + [bytes(pair) for pair in product(range(0x40, 0xFF), repeat=2)]


@needs_iconv
@pytest.mark.parametrize("name", IBM)
def test_ibm_reads_and_writes_as_glibc_does(name: str) -> None:
    made = coding(charset(name))
    reading = {code: text for mode in made.modes for code, text in mode.reading.items()}
    codes = ibm_codes()
    lines = b"".join((b"\x0e" + c + b"\x0f" if len(c) == 2 else c) + b"\x25" for c in codes)
    out = subprocess.run(
        ["iconv", "-c", "-f", name.upper(), "-t", "UTF-8"], input=lines, capture_output=True
    )
    texts = out.stdout.decode().split("\n")[:-1]
    glibc = {c: t for c, t in zip(codes, texts, strict=True) if t and not is_image(t)}
    policy: Counter[str] = Counter()
    for code in set(glibc) | set(reading) - {b"\x25"}:
        ours, theirs = reading.get(code), glibc.get(code)
        if ours == theirs:
            policy["agrees"] += 1
        elif ours is None and theirs == "\x1a" and len(code) == 1:
            policy["unassigned byte: SUB in glibc, no character here"] += 1
        elif (ours, theirs) == ("―", "—"):
            policy["one dash: U+2015 as in every other charset"] += 1
        else:
            policy[f"{code.hex()} {theirs} {ours}"] += 1
    if name in ("ibm930", "ibm939"):
        assert policy == {"agrees": 7_489, "one dash: U+2015 as in every other charset": 1}
    else:
        unassigned = "unassigned byte: SUB in glibc, no character here"
        assert policy == {"agrees": 16_123, unassigned: 27}


@needs_iconv
@pytest.mark.parametrize("name", IBM)
def test_ibm_writes_the_codes_glibc_writes(name: str) -> None:
    made = coding(charset(name))
    writing = {text: code for mode in made.modes for text, code in mode.writing.items()}
    texts = [text for text in writing if text != "\n"]
    lines = "".join(text + "\n" for text in texts).encode()
    out = subprocess.run(
        ["iconv", "-c", "-f", "UTF-8", "-t", name.upper()], input=lines, capture_output=True
    )
    codes = out.stdout.translate(None, b"\x0e\x0f").split(b"\x25")[:-1]
    differs = {
        text: code
        for text, code in zip(texts, codes, strict=True)
        if code and code != writing[text]
    }
    yen = {"ibm930": {"\\": b"\x5b", "~": b"\xa1"}, "ibm939": {"\\": b"\xb2", "~": b"\xa0"}}
    assert differs == yen.get(
        name, {}
    )  # glibc writes them as ¥ and ‾; they have codes of their own


@pytest.mark.parametrize("name", ["ibm930", "ibm939", "ibm1399"])
def test_ibm_is_what_the_published_ucm_says(name: str) -> None:
    file = next((p.name for p in SHARED.glob(f"{name[:3]}-{name[3:]}_*.ucm")), name)
    text = shared(file).decode()
    rows = re.findall(r"^((?:<U[0-9A-F]+>\+?)+)\s+((?:\\x[0-9A-F]{2})+) \|([0-4])", text, re.M)
    ucm: dict[bytes, str] = {}
    for points, code, precision in rows:
        characters = "".join(chr(int(p, 16)) for p in re.findall("<U([0-9A-F]+)>", points))
        if precision in "03" and not is_image(characters) and characters != "\ufffd":
            ucm[bytes.fromhex(code.replace("\\x", ""))] = characters
    made = coding(charset(name))
    reading = {code: text for mode in made.modes for code, text in mode.reading.items()}
    differs = {c: (ucm.get(c), reading.get(c)) for c in ucm.keys() | reading.keys()}
    differs = {c: pair for c, pair in differs.items() if pair[0] != pair[1]}
    assert differs == ({} if name == "ibm1399" else {b"\x44\x4a": ("—", "―")})
    assert len(ucm) == (16_124 if name == "ibm1399" else 7_491)


@needs_uconv
def test_the_ibm_tables_are_rebuilt_byte_for_byte(tmp_path: Path) -> None:
    build_charsets.build(tmp_path)
    for name in (ibm.FILE, "SOURCE.json"):
        assert (tmp_path / name).read_bytes() == (ibm.FOLDER / name).read_bytes()


def test_the_ibm_tables_are_the_recorded_file() -> None:
    data = (ibm.FOLDER / ibm.FILE).read_bytes()
    source = json.loads((ibm.FOLDER / "SOURCE.json").read_text())
    assert (source["sha256"], source["bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert source["licence"] == "Unicode-3.0"
    with pytest.raises(BadReference, match="damaged"):
        ibm.parse(data[:-30])
    with pytest.raises(BadReference, match="damaged"):
        ibm.parse(b"")


def test_of_two_ibm_codes_for_the_euro_sign_the_single_byte_is_written() -> None:
    single, double = coding(charset("ibm1399")).modes
    assert (single.reading[b"\xe1"], double.reading[b"\x42\xe1"]) == ("€", "€")
    assert (single.writing["€"], double.writing.get("€")) == (b"\xe1", None)


def test_jis_x_0208_has_its_characters_in_each_edition() -> None:
    now, then = jis_x_0208(90), jis_x_0208(78)
    kanji = [text for text in now.values() if "CJK UNIFIED" in unicodedata.name(text, "")]
    assert (len(now), len(kanji) - 1) == (6_879, 6_355)  # 仝 is a mark of row 1
    assert {jis: len(jis_x_0208(jis)) for jis in (78, 83, 90, 2004)} == {
        78: 6_802,
        83: 6_879,
        90: 6_879,
        2004: 6_879,
    }
    assert sum(now[code] != then[code] for code in then) == len(shapes_of_1978()) == 90
    assert all(decoded(c.translate(HIGH), "euc_jp") == t for c, t in now.items())
    pairs = {(now[c], then[c]) for c in then if now[c] != then[c]}
    assert sum((older, newer) in pairs for newer, older in pairs) == 44
    assert all(unicodedata.normalize("NFC", text) == text for text in then.values() if text != "Å")


def installed(pattern: str) -> Path:
    """Return a file of a package that need not be installed; the test is skipped where it is not."""
    found = sorted(Path("/usr/share").glob(pattern))
    if not found:
        pytest.skip(f"no {pattern}")
    return found[0]


def test_the_shapes_of_1978_are_those_of_emacs_but_for_two() -> None:
    """GNU Emacs' JISC6226.map (package emacs-common), made from K. Yasuoka's Uni2JIS."""
    lines = installed("emacs/*/etc/charsets/JISC6226.map").read_text().splitlines()
    pairs = [line.split() for line in lines if line.startswith("0x")]
    emacs = {int(code, 16).to_bytes(2): chr(int(point, 16)) for code, point in pairs}
    made = jis_x_0208(78)
    assert made.keys() == emacs.keys()
    differs = {(made[code], emacs[code]) for code in made if made[code] != emacs[code]}
    assert differs == {
        ("𡨚", "寃"),  # Adobe's drawing of 1978 has a code point of its own
        ("柺", "枴"),
        ("兔", "\U0002f80f"),  # a compatibility ideograph
        ("―", "—"),  # the dash, as in every edition here
    }


def cids(name: str) -> dict[bytes, int]:
    """Return one of Adobe's CMaps."""
    text = installed(f"poppler/cMap/Adobe-Japan1/{name}").read_text("latin-1")
    based = re.search(r"/(\S+) usecmap", text)
    table = cids(based[1]) if based else {}
    for code, cid in re.findall(r"^<(\w+)>\s+(\d+)$", text, re.M):
        table[bytes.fromhex(code)] = int(cid)
    for first, last, cid in re.findall(r"^<(\w+)>\s*<(\w+)>\s+(\d+)$", text, re.M):
        for step in range(int(last, 16) - int(first, 16) + 1):
            table[(int(first, 16) + step).to_bytes(len(first) // 2)] = int(cid) + step
    return table


def test_the_shapes_of_1978_are_those_of_adobe_where_they_have_a_code_point() -> None:
    """Adobe's CMaps (package poppler-data): 78-EUC-H against EUC-H, through UniJIS2004- and UniJIS-UTF32-H."""
    old, new = cids("78-EUC-H"), cids("EUC-H")
    points: dict[int, set[str]] = {}
    for name in ("UniJIS2004-UTF32-H", "UniJIS-UTF32-H"):
        for code, cid in cids(name).items():
            points.setdefault(cid, set()).add(chr(int.from_bytes(code)))
    now, made = jis_x_0208(90), jis_x_0208(78)
    adobe = {}
    for code in made:
        euc = code.translate(HIGH)
        drawn = {
            text for text in points.get(old[euc], ()) if unicodedata.normalize("NFC", text) == text
        }
        if code >= b"\x30" and old[euc] != new[euc] and drawn and now[code] not in drawn:
            (adobe[code],) = drawn
    ours = {code: text for code, text in made.items() if text != now[code]}
    assert {text for code, text in ours.items() if code not in adobe} == set("靱靭瘦迩")
    assert adobe == {code: text for code, text in ours.items() if code in adobe}
    assert len(adobe) == 86


def jef_oracle() -> dict[bytes, str]:
    rows = json.loads(shared("fujitsu_jef_mapping.json"))
    table: dict[bytes, str] = {}
    for row in rows:
        if "encode_only" not in row["options"] and not "4040" < row["code"] < "A1A1":
            table.setdefault(bytes.fromhex(row["code"]), chr(int(row["unicode"], 16)))
    return table


def test_jef_is_the_table_nobody_here_made() -> None:
    oracle = jef_oracle()
    made = coding(charset("jef", punctuation="microsoft")).modes[1].reading
    policy: Counter[str] = Counter()
    for code in oracle.keys() | made.keys():
        ours, theirs = made.get(code), oracle.get(code)
        if ours == theirs:
            policy["agrees"] += 1
        elif ours is None and code[0] == 0xAD:
            policy["vendor's marks in row 13: untabled"] += 1
        elif theirs and unicodedata.normalize("NFC", theirs) == ours:
            policy["compatibility ideograph: not told apart"] += 1
        elif ours and theirs and {ours, theirs} == {"稽", "𥡴"}:
            policy["1978 had 𥡴: both of our sources say so"] += 1
        else:
            policy[f"the oracle alone tells apart: {theirs}"] += 1
    assert policy == {
        "agrees": 6_799,
        "vendor's marks in row 13: untabled": 8,
        "compatibility ideograph: not told apart": 1,
        "1978 had 𥡴: both of our sources say so": 1,
        "the oracle alone tells apart: 噓": 1,
        "the oracle alone tells apart: 𤏐": 1,
    }


def test_jef_by_place_is_euc_jp() -> None:
    made = coding(charset("jef", jis=83, punctuation="jis")).modes[1].reading
    differs = {c: t for c, t in made.items() if decoded(c, "euc_jp") != t}
    assert differs == {b"\x40\x40": "\u3000", b"\xa1\xf2": "￡", b"\xa2\xcc": "￢"}


def test_fujitsu_kana_bytes_are_the_table_nobody_here_made() -> None:
    rows = json.loads(shared("fujitsu_ebcdik_mapping.json"))
    oracle = {
        bytes.fromhex(row["code"]): chr(int(row["unicode"], 16))
        for row in rows
        if "encode_only" not in row["options"]
    }
    made = ebcdic("jef", "kana")
    differs = {c: (made.get(c), oracle.get(c)) for c in oracle.keys() | made.keys()}
    differs = {c: pair for c, pair in differs.items() if pair[0] != pair[1]}
    assert differs == {
        b"\x0e": ("\x0e", "\x88"),  # SO and SI keep their places
        b"\x0f": ("\x0f", "\x89"),
        b"\x30": (None, "\x90"),  # begins the shift code 30E2
    }
    assert len(oracle) == 194


def test_keis83_is_euc_jp_and_keis78_differs_by_the_editions() -> None:
    euc = {c.translate(HIGH): t for c, t in jis_x_0208(90).items()}
    new = coding(charset("keis83")).modes[1].reading
    old = coding(charset("keis78")).modes[1].reading
    assert {c: t for c, t in new.items() if c != b"\x40\x40"} == euc
    assert all(decoded(c, "euc_jp") == t for c, t in euc.items())
    assert sum(old[c] != euc[c] for c in euc if c in old) == 90
    assert len(euc.keys() - old.keys()) == 77
    assert coding(charset("keis78", jis=83)).modes == coding(charset("keis83")).modes
    for made in (coding(charset("keis83")), coding(charset("jef"))):
        assert made.modes[1].reading[b"\xa1\xa1"] == "\u3000"
        assert made.modes[1].writing["\u3000"] == b"\x40\x40"


def test_both_jips_are_one_charset_byte_by_byte() -> None:
    places = jis8_to_ebcdic()
    assert sorted(places) == list(range(256))
    j, e = coding(charset("jips-j")), coding(charset("jips-e"))
    seen = {code.translate(places): text for code, text in j.modes[1].reading.items()}
    assert seen == dict(e.modes[1].reading)
    assert (e.modes[1].writing["\u3000"], e.modes[1].writing["亜"]) == (b"\x4f\x4f", b"\xf0\x4f")
    for one, other in zip(SHIFTS["jips-j"], SHIFTS["jips-e"], strict=True):
        assert one.code[:1].translate(places) == other.code[:1]  # the second byte is not translated
    assert j.newline.translate(places) == e.newline
    latin = coding(charset("jips-e", ebcdic="latin")).modes[0]
    singles = {code.translate(places): text for code, text in j.modes[0].reading.items()}
    assert all(latin.reading[code] == text for code, text in singles.items())
    codes = [bytes(pair) for pair in product(range(256), repeat=2)]
    shaped = {c for c in codes if re.fullmatch(j.modes[1].shape, c, re.DOTALL)}
    assert {c.translate(places) for c in shaped} == {
        c for c in codes if re.fullmatch(e.modes[1].shape, c, re.DOTALL)
    }


@pytest.mark.skipif(shutil.which("dd") is None, reason="no dd")
def test_the_jis8_table_is_that_of_dd_but_for_eight_bytes() -> None:
    out = subprocess.run(["dd", "conv=ibm"], input=bytes(range(256)), capture_output=True)
    places = jis8_to_ebcdic()
    differs = {b for b in range(256) if out.stdout[b] != places[b]}
    assert differs == set(b"\n$\\![]|") | {0x85}  # line ends, yen and dollar, national marks


@pytest.mark.parametrize("name", ["jef", "keis78", "keis83", "jips-e"])
@pytest.mark.parametrize("variant", ["kana", "latin"])
def test_single_bytes_of_a_host_have_digits_letters_and_kana(name: str, variant: str) -> None:
    single = coding(charset(name, ebcdic=variant)).modes[0]
    kana = {chr(point) for point in range(0xFF61, 0xFFA0)}
    small, digits = set("abcdefghijklmnopqrstuvwxyz"), set("0123456789")
    assert digits | {letter.upper() for letter in small} <= single.writing.keys()
    assert all(
        code == text.encode("cp037") for text, code in single.writing.items() if text in digits
    )
    assert (small <= single.writing.keys()) == ((name, variant) != ("jef", "kana"))
    assert (kana <= single.writing.keys()) == ((name, variant) != ("jef", "latin"))
    assert single.writing["\\"] == b"\x5b"


def marks(made: Coding) -> dict[str, str]:
    """Return how the six marks of the double-byte mode read, by their full-width form."""
    read = made.modes[-1].reading
    told = {}
    for wide in SIX:
        code = made.modes[-1].writing.get(wide)
        told[wide] = read[code] if code else ""
    return told


def test_punctuation_decides_how_the_six_marks_read() -> None:
    def read(name: str, policy: str, jis: int = 83) -> str:
        return "".join(marks(coding(charset(name, punctuation=policy, jis=jis))).values())

    for name in BYTES:
        if name not in ("ibm1390", "ibm1399"):
            assert read(name, "microsoft") == SIX
    assert read("keis83", "jis") == read("jips-j", "jis") == read("cp932", "jis") == "〜‖−¢£¬"
    assert read("jef", "jis") == "〜‖−¢￡￢"  # £ and ¬ are single bytes
    assert read("ibm939", "jis") == "〜‖−￠￡￢"
    assert read("keis78", "jis", 78) == "〜‖−¢£"  # 1978 had no ¬


@pytest.mark.parametrize("policy", ["microsoft", "jis"])
def test_ibm_1390_has_a_code_for_both_readings_of_three_marks(policy: str) -> None:
    double = coding(charset("ibm1390", punctuation=policy)).modes[1]
    for wide, narrow in zip("～∥－", "〜‖−", strict=True):
        assert double.writing[wide] != double.writing[narrow]
    assert (double.writing["〜"], double.writing["―"]) == (b"\x43\xa1", b"\xdd\xb7")


@pytest.mark.parametrize("name", BYTES)
def test_the_other_dash_is_written_as_the_one_that_is_read(name: str) -> None:
    last = coding(charset(name)).modes[-1]
    assert set(last.reading.values()) >= {"―"}
    if name in ("ibm1390", "ibm1399"):
        assert (last.writing["—"], last.writing["―"]) == (b"\x44\x4a", b"\xdd\xb7")
    else:
        assert "—" not in last.reading.values()
        assert last.writing["—"] == last.writing["―"]


def test_names_leave_cp932_with_the_ibm_extension() -> None:
    writing = coding(charset("cp932")).modes[0].writing
    assert (writing["髙"], writing["﨑"]) == (b"\xfb\xfc", b"\xfa\xb1")
    assert {text: writing[text] for text in cp932_writing()} == dict(cp932_writing())


def test_a_declared_area_takes_its_codes_out_of_the_standard_area() -> None:
    area = UserArea(b"\xad\xa1", b"\xad\xfe", ((0xA1, 0xFE),), 0xE000)
    made = coding(charset("eucjp-ms", areas=[area])).modes[0]
    assert not any(code[0] == 0xAD for code in (*made.reading, *made.writing.values()))
    assert (made.writing["∪"], made.writing["Ⅰ"]) == (b"\xa2\xc0", b"\x8f\xf3\xfd")
    taken = UserArea(b"\x88\x9f", b"\x88\x9f", ((0x9F, 0x9F),), 0xE000)
    kept = coding(charset("cp932", areas=[taken])).modes[0]
    assert "亜" not in kept.writing


def test_jips_e_takes_an_area_that_follows_no_table() -> None:
    area = UserArea(b"\xa3\x41", b"\xa3\xfe", ((0x41, 0xFE),), 0xE000)
    mode = coding(charset("jips-e", areas=[area])).modes[1]
    assert all(re.fullmatch(mode.shape, area.code(at), re.DOTALL) for at in range(area.size))


@pytest.mark.parametrize(
    ("name", "span", "trails"),
    [
        ("jips-e", "3F41-3FFE", (0x41, 0xFE)),
        ("jips-e", "A315-A3FE", (0x15, 0xFE)),
        ("cp932", "8021-80FC", (0x21, 0xFC)),
        ("jef", "8081A1-8081FE", (0xA1, 0xFE)),
    ],
)
def test_an_area_that_cannot_be_told_apart_is_refused(
    name: str, span: str, trails: tuple[int, int]
) -> None:
    first, last = map(bytes.fromhex, span.split("-"))
    declared = charset(name, areas=[UserArea(first, last, (trails,), 0xE000)])
    with pytest.raises(BadName, match=f"{span} is no area of {name} codes"):
        coding(declared)


def test_a_unicode_charset_has_no_code_table() -> None:
    with pytest.raises(BadName, match="encoding of Unicode"):
        coding(charset("utf-8"))


def test_digests_of_the_charsets_stay_what_releases_pinned() -> None:
    assert {name: charset(name).digest[:8] for name in ("cp932", "utf-8", "jef")} == {
        "cp932": "7d4b1ee4",
        "utf-8": "6c0836fd",
        "jef": "b454c5fd",
    }
