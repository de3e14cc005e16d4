"""Everything of one city: whole, its own alone, and usable without this registry."""

import csv
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from sqlalchemy.orm import Session

from gaiji.charset.cells import FORMULA_STARTS
from gaiji.charset.charsets import charset
from gaiji.charset.tables import read_list
from gaiji.errors import BadInput, StorageFailed, UnknownMember
from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Glyph, canonical, parse_canonical
from gaiji.registry import adoption, db, gaps, intake, journal, members, schema
from gaiji.registry.lists import Wanted, listed
from gaiji.registry.members import find_code_set
from gaiji.registry.owned import own_entries, own_glyphs
from gaiji.registry.releases import find_release
from gaiji.registry.tables import Entry
from gaiji.report.bundle import print_bundle
from gaiji.report.bundlejobs import JobFile
from gaiji.report.cutover import make_plan
from gaiji.report.cutover_tables import rows_csv
from gaiji.report.leaving import MANIFEST, export_member
from gaiji.settings import Settings
from tests.council import KUSATSU, ME, RITTO, Council
from tests.report.conftest import seed_reference
from tests.web.council import box

JUKI, THEIRS = f"{KUSATSU}/juki", f"{RITTO}/juki"
NABE, SAKI = "MJ026190", "MJ030196"
LIST = (
    "外字コード,MJ文字図形名,読み,画数,備考,使用開始日,使用終了日\n"
    f"F040,{NABE},なべ・ほとり,17,=渡邉,,\n"
    "F041,,さき,,,,\n"
    f"F042,{SAKI},,11,,2011-04-01,2019-03-31\n"
    f"F042,{NABE},,17,,2019-04-01,\n"
)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Council]:
    """A registry of two members, which no test changes."""
    home = tmp_path_factory.mktemp("leaving")
    with registry(home, "OM") as council:
        council.add(KUSATSU, "草津市")
        council.add(RITTO, "栗東市")
        for address in (JUKI, THEIRS):
            council.code_set(address)
        council.take_in(JUKI, LIST, "code,juki\nF040,J+9089\n", drawn=["F040", "F041"])
        council.take_in(THEIRS, f"code,mj\nF040,{NABE}\nF050,{SAKI}\n", drawn=["F040", "F050"])
        council.decide(f"{JUKI}/F040", NABE)
        council.decide(f"{JUKI}/F041", SAKI, "substitute", "戸籍の届出")
        council.decide(f"{THEIRS}/F050", SAKI)
        council.publish()
        council.session.commit()
        yield council


@contextmanager
def registry(home: Path, prefix: str) -> Iterator[Council]:
    """Give an empty registry in a folder."""
    engine = db.connect(Settings(home=home))
    schema.upgrade(engine)
    with Session(engine.execution_options(writes=True)) as session:
        journal.create(session, ME, prefix)
        seed_reference(session)
        yield Council(session, Settings(home=home))
    engine.dispose()


@pytest.fixture(scope="module")
def left(filled: Council, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a member that leaves."""
    folder = tmp_path_factory.mktemp("left") / "kusatsu"
    export_member(filled.session, filled.settings, KUSATSU, folder)
    return folder


def files(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    return {name: path.read_bytes() for name, path in found.items() if path.is_file()}


def test_the_manifest_names_every_file_with_its_sha256(filled: Council, left: Path) -> None:
    found = files(left)
    manifest = json.loads(found.pop(MANIFEST))
    assert {one["name"]: (one["bytes"], one["sha256"]) for one in manifest["files"]} == {
        name: (len(data), sha256(data).hexdigest()) for name, data in found.items()
    }
    assert (manifest["member"], manifest["codesets"]) == (KUSATSU, [JUKI])
    assert manifest["release"] == 1
    assert {name.split("/")[0] for name in found} == {
        *("README.txt", "member.json", "adoptions.json", "releases.json", "journal.jsonl"),
        *("blobs", "juki"),
    }
    assert "juki/mappings/252069-juki.unicode.r1.csv" in found
    assert "juki/mappings/252069-juki.unicode.r1.ucm" in found
    assert any(re.fullmatch(r"juki/files/\d{6}-table-list\.csv", name) for name in found)


def test_nothing_of_another_member_is_in_it(filled: Council, left: Path) -> None:
    for name, data in files(left).items():
        assert f"{RITTO}/".encode() not in data, name
        assert f'"{RITTO}"'.encode() not in data, name
        assert "栗東市".encode() not in data, name
        assert b"F050" not in data, name


def test_the_history_is_that_of_the_journal_with_the_rows_it_names(
    filled: Council, left: Path
) -> None:
    lines = (left / "journal.jsonl").read_text("utf-8").splitlines()
    actions = [json.loads(line)["action"] for line in lines]
    assert actions == ["member.add", "codeset.add", "codeset.import", "decide", "decide"]
    for line in lines:
        kept = filled.session.get(Entry, json.loads(line)["serial"])
        assert kept is not None
        assert kept.body == line
    (rows,) = {json.loads(line)["after"]["rows"] for line in lines if "codeset.import" in line}
    assert (left / "blobs" / f"{rows}.jsonl").exists()
    assert len(list(own_entries(filled.session, RITTO))) == 4


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Council]:
    """An empty registry of somebody else."""
    (tmp_path / "elsewhere").mkdir()
    with registry(tmp_path / "elsewhere", "XX") as council:
        yield council


def test_list_font_and_decisions_build_the_same_elsewhere(
    filled: Council, left: Path, elsewhere: Council
) -> None:
    elsewhere.add(KUSATSU, "草津市")
    elsewhere.code_set(JUKI)
    taken = intake.Files(
        font=("font.bdf", (left / "juki/font-8x8.bdf").read_bytes()),
        table=("list.csv", (left / "juki/list.csv").read_bytes()),
    )
    intake.take_in(elsewhere.session, ME, JUKI, taken, elsewhere.settings)
    for row in json.loads((left / "juki/decisions.json").read_text("utf-8"))["items"]:
        elsewhere.decide(
            f"{JUKI}/{row['code']}", row["character"], row["relationship"], row["ground"]
        )

    def stands(council: Council) -> list[tuple[object, ...]]:
        names = ("code", "valid_from", "valid_to", "character", "relationship", "ground", "listed")
        rows = listed(council.session, "codes", Wanted(code_sets=(JUKI,)))
        return [tuple(row[name] for name in names) for _, row in rows]

    def glyphs(council: Council) -> list[tuple[bytes, str]]:
        code_set = find_code_set(council.session, JUKI)
        return [(one.code, one.sha256) for one in own_glyphs(council.session, code_set)]

    assert stands(elsewhere) == stands(filled)
    assert glyphs(elsewhere) == glyphs(filled)
    assert len(glyphs(filled)) == 2
    kept = [json.loads(line) for line in (left / "juki/glyphs.jsonl").read_text().splitlines()]
    assert [one["font"] for one in kept] == ["font-8x8.bdf"] * 2
    assert [one["sha256"] for one in kept] == [
        sha256(one["canonical"].encode()).hexdigest() for one in kept
    ]


def test_the_same_state_gives_the_same_files(filled: Council, left: Path, tmp_path: Path) -> None:
    export_member(filled.session, filled.settings, KUSATSU, tmp_path / "again")
    assert files(tmp_path / "again") == files(left)


def test_a_folder_that_holds_something_is_left_alone(filled: Council, tmp_path: Path) -> None:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "mine.txt").write_text("mine")
    for place in (folder, folder / "mine.txt"):
        with pytest.raises(BadInput):
            export_member(filled.session, filled.settings, KUSATSU, place)
    assert files(folder) == {"mine.txt": b"mine"}
    with pytest.raises(UnknownMember):
        export_member(filled.session, filled.settings, "252107", tmp_path / "left")


def test_what_fails_in_the_middle_leaves_no_folder(
    filled: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StorageFailed):
        export_member(filled.session, filled.settings, KUSATSU, tmp_path / "left")
    assert sorted(tmp_path.iterdir()) == before


def test_a_candidate_has_no_mappings_and_all_the_rest(council: Council, tmp_path: Path) -> None:
    council.add(KUSATSU, "草津市", candidate=True)
    council.code_set(JUKI)
    council.take_in(JUKI, LIST)
    (tmp_path / "left").mkdir()
    shape = export_member(council.session, council.settings, KUSATSU, tmp_path / "left")
    assert shape.release is None
    assert not any("mappings" in file.name for file in shape.files)
    assert "juki/list.csv" in {file.name for file in shape.files}


def test_no_table_of_the_folder_runs_anything_in_a_spreadsheet(
    council: Council, tmp_path: Path
) -> None:
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    council.take_in(JUKI, LIST)
    council.decide(f"{JUKI}/F040", NABE, ground='=HYPERLINK("x")')
    council.decide(f"{JUKI}/F041", SAKI, ground="@SUM(1)")
    export_member(council.session, council.settings, KUSATSU, tmp_path / "left")
    for name in ("list", "codes", "decisions"):
        data = (tmp_path / f"left/juki/{name}.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbf")
        cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
        assert any(cell.startswith(("'=", "'@")) for cell in cells), name
        assert not any(cell.startswith(FORMULA_STARTS) for cell in cells), name
    kept = json.loads((tmp_path / "left/juki/decisions.json").read_text("utf-8"))["items"]
    assert [row["ground"] for row in kept] == ['=HYPERLINK("x")', "@SUM(1)"]


def test_a_code_that_excel_would_read_as_a_number_stays_one_in_every_table(
    council: Council, tmp_path: Path
) -> None:
    council.add(KUSATSU, "草津市")
    members.add_code_set(
        council.session, ME, JUKI, charset_name="keis83", system="住民記録", group="住民記録系"
    )
    council.take_in(JUKI, "外字コード,面区点\n81E1,2-08-03\n81A1,\n")
    council.decide(f"{JUKI}/81E1", NABE)
    council.publish()
    export_member(council.session, council.settings, KUSATSU, tmp_path / "left")
    for name in ("list", "codes", "decisions", "mappings/252069-juki.unicode.r1"):
        (file,) = (tmp_path / "left/juki").glob(f"{name}.csv")
        cells = [
            cell for row in csv.reader(io.StringIO(file.read_text("utf-8-sig"))) for cell in row
        ]
        assert '="81E1"' in cells, name
        assert "81E1" not in cells, name
    read = (tmp_path / "left/juki/list.csv").read_bytes()
    again = read_list(read, "list.csv", charset("keis83"))
    assert [(row.code, row.x0213) for row in again.rows][1] == (b"\x81\xe1", "2-08-03")
    kept = json.loads((tmp_path / "left/juki/codes.json").read_text("utf-8"))["items"]
    assert {row["code"] for row in kept} == {"81A1", "81E1"}

    adoption.add_site(council.session, ME, "server:cs1")
    plan = make_plan(council.session, ME, "cs1", [KUSATSU], release="latest", as_of=db.today())
    assert b'"=""81E1"""' in rows_csv(plan.rows)
    (tmp_path / "notices").write_bytes(b"\x0a\x42\x81\xe1\x0a\x41")
    job = JobFile("notices", JUKI, tmp_path / "notices")
    release = find_release(council.session, "latest")
    folder = tmp_path / "print"
    print_bundle(council.session, council.settings, release, [KUSATSU], [job], folder)
    assert b'"=""81E1"""' in (folder / "jobs/notices.csv").read_bytes()


def test_an_outline_that_no_font_can_hold_stays_exact_beside_the_font(
    council: Council, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    council.add(KUSATSU, "草津市", candidate=True)
    council.code_set(JUKI)
    drawn: dict[int, tuple[str, Glyph]] = {0xE000: ("a", box(300)), 0xE001: ("b", box(700))}
    council.take_in_font(JUKI, "EUDC.TTE", build_truetype(drawn, family="Test", em_units=1000))
    wide, huge = box(40_000), replace(box(700), em_units=100_000)
    digests = {
        one.code: one.sha256
        for one in own_glyphs(council.session, find_code_set(council.session, JUKI))
    }
    given = gaps.glyph_forms

    def forms(changed: Glyph) -> None:
        def told(session: Session, asked: set[str]) -> dict[str, bytes]:
            return given(session, asked) | {digests[b"\xf0\x41"]: canonical(changed)}

        monkeypatch.setattr("gaiji.report.leaving.glyph_forms", told)

    for place, changed in (("wide", wide), ("huge", huge)):
        forms(changed)
        export_member(council.session, council.settings, KUSATSU, tmp_path / place)
        text = (tmp_path / place / "juki/glyphs.jsonl").read_text()
        rows = [json.loads(line) for line in text.splitlines()]
        assert [(row["code"], row["font"]) for row in rows] == [
            ("F040", "font-1000.ttf"),
            ("F041", None),
        ]
        assert parse_canonical(rows[1]["canonical"].encode()) == changed
        with TTFont(tmp_path / place / "juki/font-1000.ttf") as font:
            assert [*font.getBestCmap()] == [0xE000]


def test_outlines_come_back_exact_from_a_font_of_their_em(
    council: Council, elsewhere: Council, tmp_path: Path
) -> None:
    drawn: dict[int, tuple[str, Glyph]] = {0xE000: ("a", box(300)), 0xE001: ("b", box(700))}
    for one in (council, elsewhere):
        one.add(KUSATSU, "草津市", candidate=True)
        one.code_set(JUKI)
    council.take_in_font(JUKI, "EUDC.TTE", build_truetype(drawn, family="Test", em_units=1000))
    export_member(council.session, council.settings, KUSATSU, tmp_path / "outlines")
    font = (tmp_path / "outlines/juki/font-1000.ttf").read_bytes()
    elsewhere.take_in_font(JUKI, "font-1000.ttf", font)
    found = [
        {
            one.code: one.sha256
            for one in own_glyphs(each.session, find_code_set(each.session, JUKI))
        }
        for each in (council, elsewhere)
    ]
    assert found[0] == found[1]
    assert sorted(found[0]) == [b"\xf0\x40", b"\xf0\x41"]
