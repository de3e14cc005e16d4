import hashlib
import lzma
import os
import subprocess
import sys
import unicodedata
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from gaiji import data
from gaiji.errors import BadReference

REPOSITORY = Path(__file__).parents[2]


@cache
def characters() -> dict[str, data.MjRow]:
    return {row.name: row for row in data.read(data.MjRow)}


def count(field: str) -> int:
    return sum(getattr(row, field) is not None for row in characters().values())


def test_every_table_has_the_rows_its_source_names() -> None:
    rows = {name: sum(1 for _ in data.read(name)) for name in data.TABLES}
    assert rows == {name: entry["rows"] for name, entry in data.source()["tables"].items()}
    assert rows == {
        "mj": 58_862,
        "kana": 299,
        "readings": 122_148,
        "radicals": 59_665,
        "shrink": 62_682,
        "notes": 1_776,
        "ivd": 39_303,
        "svs": 1_002,
        "ids": 112_800,
    }


def test_the_names_are_59161_and_none_comes_twice() -> None:
    names = [row.name for row in data.read(data.MjRow)]
    names += [row.name for row in data.read(data.KanaRow)]
    assert len(names) == len(set(names)) == 59_161


def test_the_columns_are_filled_as_the_official_list_fills_them() -> None:
    expected = {
        "own_ucs": 52_607,
        "ivs": 11_382,
        "svs": 89,
        "koseki": 55_270,
        "juki": 19_563,
        "touki": 56_380,
        "x0213": 13_707,
        "x0212": 5_801,
    }
    assert {field: count(field) for field in expected} == expected
    rows = characters().values()
    for one_to_one in ("own_ucs", "ivs", "koseki", "juki", "touki"):
        assert len({getattr(row, one_to_one) for row in rows} - {None}) == expected[one_to_one]
    assert len({row.x0213 for row in rows} - {None}) == 10_054
    assert sum(row.own_ucs is not None and ord(row.own_ucs) > 0xFFFF for row in rows) == 28_395
    assert sum(bool(row.own_ucs and row.ivs) for row in rows) == 5_146
    assert sum(not (row.own_ucs or row.ivs or row.svs) for row in rows) == 19


def test_characters_per_ucs_are_those_counted_in_the_list() -> None:
    per_ucs = Counter(row.ucs for row in characters().values() if row.ucs)
    sizes = Counter(per_ucs.values())
    assert [sizes[n] for n in range(1, 6)] == [47_446, 4_164, 679, 160, 39]
    assert (per_ucs["邉"], per_ucs["邊"]) == (16, 11)


def test_juki_codes_that_look_like_other_characters_name_their_own() -> None:
    by_juki = {row.juki: row for row in characters().values() if row.juki}
    assert by_juki["J+6569"].name == "MJ037321"
    assert by_juki["J+670A"].name == "MJ003774"
    assert by_juki["J+6730"].name == "MJ013582"
    assert by_juki["J+6569"].own_ucs == "\U00022f7e"
    assert (by_juki["J+6730"].own_ucs, by_juki["J+6730"].ivs) == (None, "枩\U000e0104")


def test_the_characters_of_a_real_name_have_all_their_codes() -> None:
    beb = characters()["MJ026190"]
    assert (beb.own_ucs, beb.ivs, beb.juki) == ("邉", "邉\U000e010f", "J+9089")
    assert (beb.koseki, beb.touki, beb.strokes, beb.daikanwa) == ("445000", "00445000", 17, "補611")
    saki = characters()["MJ030196"]
    assert (saki.own_ucs, saki.juki, saki.x0213, saki.x0213_class) == (
        "\ufa11",
        "J+FA11",
        "1-47-82",
        0,
    )
    compatible = characters()["MJ030183"]
    assert (compatible.ucs, compatible.own_ucs, compatible.svs) == ("欄", "\uf91d", "欄\ufe00")


def test_the_characters_that_normalization_changes_have_a_standardized_sequence() -> None:
    standard = {row.sequence: row.compatibility for row in data.read(data.StandardizedRow)}
    assert all(unicodedata.normalize("NFC", c) != c for c in standard.values())
    changed = {
        row.name
        for row in characters().values()
        if row.own_ucs and unicodedata.normalize("NFC", row.own_ucs) != row.own_ucs
    }
    with_sequence = {row.name: row for row in characters().values() if row.svs}
    assert changed == with_sequence.keys()
    assert all(standard[row.svs or ""] == row.own_ucs for row in with_sequence.values())


def test_sequences_of_the_list_are_registered_and_no_collection_shares_one() -> None:
    sequences = list(data.read(data.SequenceRow))
    of: dict[str, set[str]] = {}
    for row in sequences:
        of.setdefault(row.collection, set()).add(row.sequence)
    assert {name: len(found) for name, found in of.items()} == {
        "Adobe-Japan1": 14_684,
        "Hanyo-Denshi": 13_045,
        "KRName": 36,
        "MSARG": 154,
        "Moji_Joho": 11_384,
    }
    assert not of["Moji_Joho"] & of["Adobe-Japan1"]
    names = {row.sequence: row.code for row in sequences if row.collection == "Moji_Joho"}
    assert all(names[row.ivs] == row.name for row in characters().values() if row.ivs)


def test_the_shrink_map_gives_ranks_hops_and_one_of_five_grounds() -> None:
    rows = list(data.read(data.ShrinkRow))
    assert {row.ground for row in rows} == set(data.GROUNDS.values())
    ranked = Counter(row.table for row in rows if row.rank is not None)
    assert ranked == {"法務省告示582号別表第四_一": 5_006, "法務省告示582号別表第四_二": 7_562}
    assert Counter(row.table for row in rows if row.hops) == {"戸籍統一文字情報_親字正字": 18_089}
    targets: dict[str, set[str]] = {}
    for row in rows:
        targets.setdefault(row.name, set()).add(row.x0213)
    outside = [len(targets.get(r.name, ())) for r in characters().values() if r.x0213 is None]
    assert (len(outside), outside.count(0), outside.count(1)) == (45_155, 23_011, 16_678)
    assert max(outside) == 8


def test_readings_radicals_and_parts_of_one_character_are_whole() -> None:
    readings = [row.reading for row in data.read(data.ReadingRow) if row.name == "MJ000001"]
    assert readings[:3] == ["おなじ", "くりかえし", "のま"]
    radicals = [row for row in data.read(data.RadicalRow) if row.name == "MJ026190"]
    assert radicals == [data.RadicalRow("MJ026190", 162, 13)]
    parts = {row.ids for row in data.read(data.PartsRow) if row.char == "邉"}
    assert parts == {"⿺辶⿳自穴口", "⿺辶⿳自宂口", "⿺辶𮍛"}
    kana = {row.name: row for row in data.read(data.KanaRow)}
    assert (kana["MJ090001"].char, kana["MJ090001"].origin) == ("\U0001b002", "安")
    assert (kana["MJ090001"].sounds, kana["MJ090039"].char) == (("あ",), None)
    assert kana["MJ090039"].remarks == "MJ090061へ統合"


def test_every_file_has_its_provenance_and_all_fit_in_two_megabytes() -> None:
    entries = data.source()["tables"]
    assert sum(entry["bytes"] for entry in entries.values()) < 2_000_000
    for name, entry in entries.items():
        packed = data.raw(name)
        assert len(packed) == entry["bytes"]
        assert hashlib.sha256(lzma.decompress(packed)).hexdigest() == entry["text_sha256"]
        assert all(entry[key] for key in ("dataset", "edition", "origin", "licence", "rights"))
    licence = (data.FOLDER / "LICENSE").read_text("utf-8")
    for name, entry in entries.items():
        section = licence[: licence.index(f"{name}.tsv.xz")].count("SPDX-License-Identifier")
        named = licence.split("SPDX-License-Identifier: ")[1:]
        assert named[section].split()[0] == entry["licence"]


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = bytearray(data.raw("svs"))
    packed[100] ^= 1
    (tmp_path / "svs.tsv.xz").write_bytes(packed)
    monkeypatch.setattr(data, "FOLDER", tmp_path)
    with pytest.raises(BadReference, match=r"svs\.tsv\.xz has not the recorded sha256"):
        data.raw("svs")
    with pytest.raises(BadReference, match=r"ivd\.tsv\.xz is missing"):
        data.raw("ivd")


def test_a_kept_file_is_refused_when_damaged_cut_short_or_of_another_edition() -> None:
    packed = data.raw("svs")
    with pytest.raises(BadReference, match="is damaged"):
        list(data.parse("svs", b"no xz at all"))
    with pytest.raises(BadReference, match="cut short"):
        list(data.parse("svs", packed[:-20]))
    with pytest.raises(BadReference, match="is not what this file holds"):
        list(data.parse("ids", packed))
    with pytest.raises(BadReference, match=r"edition 17\.0\.0, not 18\.0\.0"):
        list(data.parse("svs", packed, edition="18.0.0"))
    text = lzma.decompress(packed).decode()
    for lines, message in (
        (text.splitlines()[:-1], "has 1001 of 1002 rows"),
        ([*text.splitlines()[:-1], "神\tx\t神"], "has an unreadable line"),
    ):
        with pytest.raises(BadReference, match=message):
            list(data.parse("svs", lzma.compress("\n".join(lines).encode())))
    assert len(list(data.parse(data.StandardizedRow, packed, edition="17.0.0"))) == 1_002


@pytest.mark.skipif("GAIJI_MOJI_DB" not in os.environ, reason="GAIJI_MOJI_DB names no moji.db")
def test_the_generator_rebuilds_every_file_byte_for_byte(tmp_path: Path) -> None:
    command = [sys.executable, "tools/build_reference.py", os.environ["GAIJI_MOJI_DB"]]
    subprocess.run([*command, "--out", str(tmp_path)], cwd=REPOSITORY, check=True)
    built = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(built) == len(data.TABLES) + 1
    assert built == {name: (data.FOLDER / name).read_bytes() for name in built}


def test_the_generator_refuses_another_database(tmp_path: Path) -> None:
    (tmp_path / "moji.db").write_bytes(b"SQLite format 3\0")
    command = [sys.executable, "tools/build_reference.py", str(tmp_path / "moji.db")]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "out")], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "is not dist/moji.db of 1.8.1" in done.stderr
    assert not (tmp_path / "out").exists()
