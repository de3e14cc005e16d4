from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from gaiji import data
from gaiji.charset.tables import read_cs_table, read_list, read_vendor_table
from gaiji.data import MjRow
from gaiji.demo.characters import Pool, fill
from gaiji.demo.council import CITIES, CODE_SETS, CodeSetPlan
from gaiji.demo.drawing import Originals, designed
from gaiji.demo.generate import DemoFiles, generate
from gaiji.demo.sheets import half_width
from gaiji.errors import NoPicture, StorageFailed
from gaiji.glyph.build import as_built
from gaiji.glyph.donors import Donor
from gaiji.glyph.forms import Glyph, is_empty
from gaiji.glyph.reference import ReferenceFont, find_font
from gaiji.glyph.sources import parse_source
from gaiji.settings import Settings
from tests.hosts import NEWLINES, SHIFTS, characters, is_readable

RECORDS = 2_000
ADDRESSES = [plan.address for plan in CODE_SETS]
PRIVATE = re.compile("[\ue000-\uf8ff\U000f0000-\U0010ffff]")


@cache
def donor() -> tuple[Path, ...]:
    found = [find_font(Settings(), name) for name in ("hanamin-a", "hanamin-b")]
    if None in found:
        pytest.skip("the donor fonts are not installed")
    return tuple(path for path in found if path)


@cache
def reference() -> Path:
    found = find_font(Settings(), "ipamj")
    if found is None:
        pytest.skip("the reference font is not installed")
    return found


@cache
def originals() -> Originals:
    return Originals(Donor(donor()), ReferenceFont.open(reference()))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    folder = tmp_path_factory.mktemp("council")
    return generate(folder, records=RECORDS, fonts=donor(), reference=reference())


@pytest.fixture(scope="module")
def truth(files: DemoFiles) -> Any:
    return json.loads(files.truth.read_bytes())


def test_the_cities_are_eight_with_sound_check_digits_and_the_last_one_joins_later() -> None:
    assert len(CITIES) == 8
    for city in CITIES:
        total = sum(w * int(d) for w, d in zip((6, 5, 4, 3, 2), city.code, strict=False))
        assert int(city.code[5]) == (11 - total % 11) % 10, city.name
    assert [city.name for city in CITIES if city.candidate] == ["甲賀市"]
    assert Counter(plan.member for plan in CODE_SETS) == dict.fromkeys(
        (city.code for city in CITIES), 2
    )


def test_the_code_sets_cover_the_groups_and_kinds_of_charsets() -> None:
    assert {plan.group for plan in CODE_SETS} == {"住民記録系", "税系", "社会保障系", "その他"}
    names = {plan.charset_name for plan in CODE_SETS}
    assert names == {"cp932", "jef", "keis83", "jips-e", "ibm939", "utf-16le"}
    assert 8_000 <= sum(plan.count for plan in CODE_SETS) <= 10_000
    assert all(300 <= plan.count <= 1_500 for plan in CODE_SETS)
    images = {
        plan.charset.image_of(b"\x80\xa1") for plan in CODE_SETS if plan.charset_name == "jef"
    }
    assert images == {0xE000, 0xE92E}


@pytest.mark.fonts
def test_a_whole_folder_is_left_alone_and_a_damaged_one_is_made_again_with_the_same_bytes(
    files: DemoFiles, tmp_path: Path
) -> None:
    told: list[str] = []
    folder = tmp_path / "council"
    shutil.copytree(files.folder, folder)
    asked: dict[str, Any] = {"records": RECORDS, "fonts": donor(), "reference": reference()}
    made = generate(folder, **asked, progress=told.append)
    assert told == []
    for path in made.folder.rglob("*.*"):
        if path.name != "MANIFEST.json":
            path.write_bytes(b"damaged")
    generate(folder, **asked, progress=told.append)
    assert told == ADDRESSES
    paths = sorted(path.relative_to(files.folder) for path in files.folder.rglob("*.*"))
    assert paths == sorted(path.relative_to(folder) for path in folder.rglob("*.*"))
    for path in paths:
        assert (folder / path).read_bytes() == (files.folder / path).read_bytes(), path


@pytest.mark.fonts
def test_another_seed_gives_other_gaiji() -> None:
    plan = CODE_SETS[0]
    made = [fill(plan, Pool(seed, originals()), seed) for seed in (7, 7, 8)]
    assert made[0] == made[1]
    first, other = ({slot.shape.id for slot in slots} for slots in made[1:])
    assert len(first & other) < len(first) * 0.8


@pytest.mark.fonts
@pytest.mark.parametrize("address", ADDRESSES)
def test_every_file_is_read_and_agrees_with_the_truth(
    files: DemoFiles, truth: Any, address: str
) -> None:
    own = files.of(address)
    plan, known = own.plan, truth["code_sets"][address]
    table = read_list(own.table.read_bytes(), own.table.name, plan.charset)
    trouble = Counter(truth["trouble"][address].values())
    assert len(known) == len({row.code for row in table.rows}) + trouble["dead-glyph"]
    assert plan.count <= len(known) <= plan.count * 1.02 + 1
    font = parse_source(own.font.read_bytes(), own.font.name)
    assert len(font.glyphs) == len(known) - trouble["dead-row"]
    assert not any(is_empty(glyph.glyph) for glyph in font.glyphs)
    codes = {glyph_code(plan, glyph.key, glyph.unit) for glyph in font.glyphs}
    assert codes <= set(known)
    wrong = {code for code, kind in truth["trouble"][address].items() if kind == "list-wrong"}
    for row in table.rows:
        code = row.code.hex().upper()
        if row.mj and code not in wrong and row.valid_to is None:
            assert row.mj == known[code]


@pytest.mark.fonts
def test_a_citys_glyph_is_its_characters_own_and_no_others(files: DemoFiles, truth: Any) -> None:
    own, rows = files.of("252069/juki"), originals().rows
    known = {code: name for code, name in truth["code_sets"]["252069/juki"].items() if name}
    font = parse_source(own.font.read_bytes(), own.font.name)
    shown = {glyph_code(own.plan, one.key, one.unit): one.glyph for one in font.glyphs}
    assert {"MJ002064", "MJ002065", "MJ023898", "MJ023899"} <= set(known.values())
    expected: dict[str, Glyph] = {}
    for name in known.values():
        outline = originals().own(rows[name])
        assert outline is not None
        expected[name] = as_built(designed(outline, own.plan.design), 1024)
    assert len(set(expected.values())) == len(expected)
    drawn = {code: name for code, name in known.items() if code in shown}
    assert {code: expected[name] for code, name in drawn.items()} == {
        code: shown[code] for code in drawn
    }


def glyph_code(plan: CodeSetPlan, key: int, unit: str) -> str:
    code = plan.charset.code_of(key) if unit == "code-point" else key.to_bytes(2)
    assert code
    return code.hex().upper()


@pytest.mark.fonts
def test_every_kind_of_realistic_trouble_is_there(files: DemoFiles, truth: Any) -> None:
    kinds = Counter(kind for own in truth["trouble"].values() for kind in own.values())
    assert kinds.keys() == {"dead-glyph", "dead-row", "twin", "substituted", "list-wrong", "reused"}
    assert min(kinds[kind] for kind in kinds if kind != "reused") >= 20
    own = files.of("252069/juki")
    rows = read_list(own.table.read_bytes(), "list.csv", own.plan.charset).rows
    ((code, before),) = truth["earlier"]["252069/juki"].items()
    old, new = (row for row in rows if row.code.hex().upper() == code)
    assert (old.mj, new.mj) == (before, truth["code_sets"]["252069/juki"][code])
    assert old.valid_to
    assert new.valid_from
    assert old.valid_to < new.valid_from
    assert (own.plan.charset.image_of(old.code)) is not None


@pytest.mark.fonts
def test_cities_overlap_as_real_ones_do(truth: Any) -> None:
    by_code: dict[str, set[str]] = {}
    by_name: dict[str, set[tuple[str, str]]] = {}
    for address, codes in truth["code_sets"].items():
        for code, name in codes.items():
            if name:
                by_code.setdefault(code, set()).add(name)
                by_name.setdefault(name, set()).add((address, code))
    assert len(by_code["F040"]) > 3
    holders = {address for address, _ in by_name["MJ026190"]}
    assert len(holders) == 16
    assert len({code for _, code in by_name["MJ026190"]}) > 10
    shared = [name for name, places in by_name.items() if len({a[:6] for a, _ in places}) > 1]
    assert len(shared) > len(by_name) / 3
    drawn = [set(own.values()) for own in truth["drawn"].values()]
    assert sum(map(len, drawn)) > 200
    assert set.union(*drawn) != set.intersection(*drawn)


@pytest.mark.fonts
def test_drawn_variants_look_like_no_glyph_the_cities_say_is_in_the_reference_set(
    files: DemoFiles, truth: Any
) -> None:
    own = files.of("252093/juki")
    font = parse_source(own.font.read_bytes(), own.font.name)
    shapes = {glyph_code(own.plan, g.key, g.unit): g.glyph for g in font.glyphs}
    drawn = {shapes[code] for code in truth["drawn"]["252093/juki"] if code in shapes}
    others = {glyph for code, glyph in shapes.items() if truth["code_sets"]["252093/juki"][code]}
    assert len(drawn) == len(truth["drawn"]["252093/juki"])
    assert not drawn & others


@pytest.mark.fonts
def test_cs_tables_transmit_and_substitute_juki_codes(files: DemoFiles, truth: Any) -> None:
    juki = {row.name: row.juki for row in data.read(MjRow)}
    tables = [own for own in files.code_sets if own.cs_table]
    assert len(tables) >= 8
    of_the_repertoire: set[str] = set()
    for own in tables:
        assert own.cs_table
        table = read_cs_table(own.cs_table.read_bytes(), own.cs_table.name, own.plan.charset)
        known, trouble = (truth[part][own.plan.address] for part in ("code_sets", "trouble"))
        differ, kana = set(), []
        for _, code, sent in table.rows:
            name = known[code.hex().upper()]
            if name is None:
                kana.append(sent)
            elif sent != juki[name]:
                differ.add(code.hex().upper())
        assert set(kana) <= {"J+AC05", "J+AC0A"}  # which the reference set lacks
        of_the_repertoire |= set(kana)
        assert differ
        assert {trouble[code] for code in differ} == {"substituted"}
    assert len(of_the_repertoire) == 2


@pytest.mark.fonts
def test_vendor_tables_are_read_and_give_the_citys_own_images(files: DemoFiles) -> None:
    kinds = {}
    for own in files.code_sets:
        if own.vendor_table:
            table = read_vendor_table(
                own.vendor_table.read_bytes(), own.vendor_table.name, own.plan.charset
            )
            kinds[table.kind] = table
            assert table.rows
            assert all(
                own.plan.charset.image_of(code) == image for code, image in table.images.items()
            )
    assert kinds.keys() == {"hulft", "fujitsu"}
    assert min(kinds["fujitsu"].images.values()) >= 0xE92E
    areas = files.of("252085/fukushi").areas
    assert areas
    assert json.loads(areas.read_bytes())[0]["image"] == "U+E92E"


def test_a_resident_file_is_made_for_every_city_and_kind_of_charset() -> None:
    made = [plan for plan in CODE_SETS if plan.has_residents]
    assert {plan.charset_name for plan in made} == {plan.charset_name for plan in CODE_SETS}
    assert {plan.member for plan in made} == {city.code for city in CITIES}
    assert len(made) == 13


@pytest.mark.fonts
@pytest.mark.parametrize(
    "plan", [one for one in CODE_SETS if one.has_residents], ids=lambda one: one.address
)
def test_resident_files_are_text_of_their_charset_with_half_a_percent_gaiji(
    files: DemoFiles, truth: Any, plan: CodeSetPlan
) -> None:
    if not is_readable(plan):
        pytest.skip("no iconv here to read IBM's charset")
    path = files.of(plan.address).residents
    assert path
    read = characters(path.read_bytes(), plan)
    codes = Counter(one.hex().upper() for one in read if isinstance(one, bytes))
    # a local code stands as 外 from here on: every column is checked as text
    text = "".join("外" if isinstance(one, bytes) else one for one in read)
    end = "\r\n" if plan.charset.encoding else "\n"
    lines = text.removesuffix(end).split(end)
    assert len(lines) == RECORDS * plan.known
    cells = [line.split(",") for line in lines]
    assert {len(line) for line in cells} == {8}
    assert len({line[0] for line in cells}) == len(lines)
    patterns = (
        r"\d{11}",
        r"\w+　\w+",
        r"[ｦ-ﾟ]+ [ｦ-ﾟ]+",
        r"\d{8}",
        "[12]",
        r"52\d-\d{4}",
        "滋賀県.+",
        r"\w+　\w+",
    )
    wrong = [
        (pattern, cell)
        for line in cells
        for pattern, cell in zip(patterns, line, strict=True)
        if not re.fullmatch(pattern, cell)
    ]
    assert wrong == []
    names = "".join(line[1] + line[7] for line in cells)
    assert 0.004 < codes.total() / len(names) < 0.006
    known, trouble = (truth[part][plan.address] for part in ("code_sets", "trouble"))
    assert len(codes) > len(lines) / 100
    assert all(known[code] and code not in trouble for code in codes)


@pytest.mark.fonts
@pytest.mark.parametrize("name", SHIFTS)
def test_host_files_shift_only_where_they_must_and_end_lines_as_hosts_do(
    files: DemoFiles, name: str
) -> None:
    made = [own for own in files.code_sets if own.plan.charset_name == name and own.residents]
    assert made
    enter, leave = SHIFTS[name]
    for own in made:
        data = own.residents.read_bytes() if own.residents else b""
        assert data.count(enter) == data.count(leave) == 3 * RECORDS * own.plan.known
        assert leave + enter not in data
        assert data.count(NEWLINES[name]) >= RECORDS * own.plan.known
        assert b"\x0d" not in data


@pytest.mark.fonts
def test_trouble_is_kept_apart_in_small_files(files: DemoFiles, truth: Any) -> None:
    known, trouble = (truth[part]["252069/juki"] for part in ("code_sets", "trouble"))
    unmapped = files.trouble["unmapped.csv"].read_bytes().decode("cp932")
    codes = {char.encode("cp932").hex().upper() for char in PRIVATE.findall(unmapped)}
    assert sum(trouble.get(code) == "dead-glyph" for code in codes) == 1
    assert len(codes - set(known)) == 1
    for name in ("cut.csv", "malformed.csv"):
        with pytest.raises(UnicodeDecodeError):
            files.trouble[name].read_bytes().decode("cp932")


def test_kana_become_half_width_with_their_marks_apart() -> None:
    assert half_width("わたなべ、パーティー") == "ﾜﾀﾅﾍﾞ､ﾊﾟｰﾃｨｰ"


def test_a_missing_font_and_an_unwritable_folder_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(NoPicture):
        generate(tmp_path, fonts=[tmp_path / "none.ttf"], reference=tmp_path / "none.ttf")
    (tmp_path / "252069").write_text("a file where a folder must be")
    with pytest.raises(StorageFailed):
        generate(tmp_path, records=1, fonts=donor(), reference=reference())
