"""Everything a move needs, as files: what stops an export, what stands in it, and the server's dump held against it."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.charsets import charset
from gaiji.charset.convert import convert_file
from gaiji.charset.cutover import Plan
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.tables import read_cs_table
from gaiji.charset.vendor import read_vendor_table
from gaiji.errors import BadInput, BadTable, Refused, UnsupportedConversion
from gaiji.glyph.sources import read_source
from gaiji.registry import cutover, releases, rights
from gaiji.report import cutcompare
from gaiji.report.cutexport import (
    MANIFEST,
    cs_table,
    export_plan,
    formats_of,
    meaning_ends,
    residuals,
)
from gaiji.settings import Settings
from gaiji.wire.cutexport import ExportShape
from tests.charset.icu import Icu, needs_icu
from tests.council import KUSATSU, ME
from tests.cutting import DAY, JEF, JUKI, OTHER, RESIDUAL, TWO, ZEI, Cutting, opened

CP932 = charset("cp932")
RECORDS = "1,山田,".encode("cp932") + bytes.fromhex("F040F042F043") + "邊\n".encode("cp932")


@pytest.fixture
def cutting(tmp_path: Path) -> Iterator[Cutting]:
    with opened(tmp_path) as made:
        for address in (JUKI, ZEI, OTHER):
            rights.set_rights(made.council.session, ME, address, "council", ground="協定")
        yield made


@pytest.fixture
def session(cutting: Cutting) -> Session:
    return cutting.council.session


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """One cache for all tests: the same council gives the same files."""
    return Settings(home=tmp_path_factory.mktemp("home"))


@pytest.fixture
def plan(cutting: Cutting) -> Plan:
    cutting.plan()
    return cutting.rule()


def exported(session: Session, settings: Settings, plan: Plan, folder: Path) -> ExportShape:
    return export_plan(session, settings, plan, folder, (24, 48))


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_every_file_is_in_the_manifest_and_the_same_twice(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    shape = exported(session, settings, plan, tmp_path / "one")
    exported(session, Settings(home=tmp_path / "other"), plan, tmp_path / "two")
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert one == two
    told = json.loads((tmp_path / "one" / MANIFEST).read_bytes())
    assert {file["name"]: file["sha256"] for file in told["files"]} == {
        name: digest for name, digest in one.items() if name != MANIFEST
    }
    assert (told["plan_digest"], told["release_digest"]) == (plan.digest, plan.release_digest)
    assert (shape.residuals, shape.points) == (1, 1)
    formats = {file.format for file in shape.files if file.codeset == JUKI}
    assert {"gmap", "csv", "json", "ucm", "hulft", "cs-table", "rows"} == formats
    assert {(one.codeset, one.format) for one in shape.left_out} == {
        (address, "fujitsu") for address in (JUKI, ZEI, OTHER)
    }
    (character,) = residuals(plan)
    pictures = {name for name in one if name.startswith("residual/")}
    stem = f"residual/E000_{character}"
    sizes = {f"{stem}.{side}.{kind}" for side in (24, 48) for kind in ("png", "bmp")}
    assert pictures == {f"{stem}.svg", *sizes}
    page = (tmp_path / "one" / "index.html").read_text()
    assert f"{stem}.svg" in page
    assert "<script" not in page


def test_the_same_folder_takes_the_same_plan_again_and_no_other(
    session: Session, settings: Settings, cutting: Cutting, plan: Plan, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    exported(session, settings, plan, folder)
    before = tree(folder)
    exported(session, settings, plan, folder)
    assert tree(folder) == before
    other = cutting.plan(KUSATSU)
    with pytest.raises(BadInput, match="holds other files"):
        exported(session, settings, other, folder)
    (folder / "note.txt").write_text("x")
    with pytest.raises(BadInput, match="holds other files"):
        exported(session, settings, cutting.plan(), folder)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gaiji-")] == []


def test_the_tables_of_one_member_come_with_what_is_the_servers(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    shape = export_plan(
        session, settings, plan, tmp_path / "out", (24,), members=["252085"], formats=["csv"]
    )
    assert {file.codeset for file in shape.files} == {None, OTHER, JEF}
    assert {file.format for file in shape.files if file.codeset} == {"csv", "rows", "cs-table"}
    assert (tmp_path / "out" / "server" / "allocation.csv").exists()
    with pytest.raises(BadInput, match="Members 252093 are not part"):
        export_plan(session, settings, plan, tmp_path / "other", members=["252093"])


def test_tables_say_until_when_they_hold_where_a_code_is_used_again(
    cutting: Cutting, session: Session
) -> None:
    table = "外字コード,使用開始日,使用終了日\nF043,,2026-12-31\nF043,2027-01-01,\n"
    cutting.council.take_in(JUKI, table)
    cutting.council.decide(f"{JUKI}/F043", TWO)
    release = releases.find_release(session, cutting.council.publish())
    ends = meaning_ends(releases.mapping(session, JUKI, release), DAY)
    assert ends is not None
    assert (ends.code, ends.level, ends.subject) == ("meaning-ends", "warning", JUKI)
    assert "until 2026-12-31" in ends.text.en
    assert meaning_ends(releases.mapping(session, OTHER, release), DAY) is None


def test_the_way_to_the_server_and_back_is_the_plans(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    exported(session, settings, plan, tmp_path / "out")
    (path,) = (tmp_path / "out" / JUKI).glob("*.juki.*.gmap")
    file = open_mapping(path)
    assert file.facts.cutover == ("cs1", 2, plan.digest)
    options = Options(as_of=plan.as_of)
    sent, back = tmp_path / "sent", tmp_path / "back"
    source = tmp_path / "in.csv"
    source.write_bytes(RECORDS)
    done = convert_file(source, sent, file.prepare(JUKI, "juki", options))
    assert done.losses == 0
    assert "\ue000".encode("utf-16-be") in sent.read_bytes()
    convert_file(sent, back, file.prepare("juki", JUKI, options))
    assert back.read_bytes() == RECORDS
    for row in plan.rows_of(JUKI):
        out = file.there.step(row.code).out
        assert out == (None if row.sent is None else row.sent.to_bytes(2)), row
        if out is not None:
            came = file.there.back.step(out).out
            assert (came == row.code) == (row.back in ("exact", "rule"))


@needs_icu
def test_uconv_gives_the_bytes_of_convert(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    exported(session, settings, plan, tmp_path / "out")
    folder = tmp_path / "out" / JUKI
    (ucm,) = folder.glob("*.ucm")
    (gmap,) = folder.glob("*.unicode.*.gmap")
    file = open_mapping(gmap)
    icu = Icu(file, tmp_path / "icu", ucm.name.removesuffix(".ucm"))
    assert icu.ucm == ucm.read_bytes()
    icu.agrees()
    source, out = tmp_path / "in.csv", tmp_path / "out.txt"
    records = RECORDS.replace(b"\xf0\x40", b"")  # without a plan its way back is open
    source.write_bytes(records)
    convert_file(source, out, file.prepare(JUKI, "unicode", Options(as_of=plan.as_of)))
    assert icu.convert(records, reading=True) == out.read_bytes()
    assert icu.convert(out.read_bytes(), reading=False) == records


@pytest.mark.parametrize(("address", "pattern"), [(JUKI, "*.gtsto8.txt"), (JEF, "*.fujitsu.txt")])
def test_the_vendors_table_reads_back_to_the_same_mapping(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path, address: str, pattern: str
) -> None:
    exported(session, settings, plan, tmp_path / "out")
    folder = tmp_path / "out" / address
    (table,), (gmap,) = folder.glob(pattern), folder.glob("*.unicode.*.gmap")
    there = open_mapping(gmap).there
    one = CP932 if address == JUKI else charset("jef")
    read = read_vendor_table(table.read_bytes(), table.name, one)
    written = {code: text for _, code, text in read.rows}
    expected = {
        row.code: (there.step(row.code).out or b"").decode()
        for row in plan.rows_of(address)
        if row.character is not None
    }
    assert written == expected


def test_vendors_tables_of_the_servers_points_hold_residual_codes_alone(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    export_plan(session, settings, plan, tmp_path / "out", (24,), vendors="server")
    for address, name, one in (
        (JUKI, "252069-juki.cs1-2-points.gtsto8.txt", CP932),
        (JEF, "252085-fukushi.cs1-2-points.fujitsu.txt", charset("jef")),
    ):
        table = tmp_path / "out" / address / name
        read = read_vendor_table(table.read_bytes(), name, one)
        assert read.rows == ()
        assert read.images == {
            row.code: row.point for row in plan.rows_of(address) if row.kind == "residual"
        }


@pytest.mark.parametrize(("rule", "expected"), [(b"\x80\xa3", b"\x80\xa3"), (None, None)])
def test_a_vendors_table_of_points_takes_back_what_the_plan_takes_back(
    session: Session,
    settings: Settings,
    cutting: Cutting,
    tmp_path: Path,
    rule: bytes | None,
    expected: bytes | None,
) -> None:
    cutting.council.take_in(JEF, "外字コード\n80A3\n80A4\n")
    for code in ("80A3", "80A4"):
        relationship = "equivalent" if code == "80A3" else "design-difference"
        cutting.council.decide(f"{JEF}/{code}", RESIDUAL, relationship)
    cutting.council.publish()
    cutting.plan()
    cutover.add_rule(session, ME, "cs1", JEF, RESIDUAL, rule, "原本と照合")
    plan = cutting.rule()
    export_plan(session, settings, plan, tmp_path / "out", (24,), vendors="server")
    (table,), (gmap,) = (
        (tmp_path / "out" / JEF).glob(pattern)
        for pattern in ("*-points.fujitsu.txt", "*.juki.*.gmap")
    )
    there, section, backward = open_mapping(gmap).there, "", {}
    forward = {}
    for line in table.read_text("cp932").splitlines():
        left, _, right = line.partition(":")
        if "->" in line and not line.startswith(";"):
            section = line
        elif section == "JEF->Unicode":
            forward[bytes.fromhex(left)] = bytes.fromhex(right)
        elif section == "Unicode->JEF":
            assert left not in backward
            backward[left] = bytes.fromhex(right)
    residual = [row for row in plan.rows_of(JEF) if row.kind == "residual"]
    assert forward == {row.code: there.step(row.code).out for row in residual}
    point = f"{plan.points[RESIDUAL]:04X}"
    came = there.back.step(bytes.fromhex(point)).out
    assert backward == ({} if expected is None else {point: expected})
    assert (came and there.source.script.bare(came)) == backward.get(point)


def test_the_servers_font_shows_every_point(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    shape = exported(session, settings, plan, tmp_path / "out")
    made = {one.format: tmp_path / "out" / one.name for one in shape.files}
    assert {"tte", "woff2", "bdf", "reg", "provenance"} <= made.keys()
    font = made["tte"]
    glyphs = read_source(font.read_bytes(), font.name, settings=settings)
    assert {one.key for one in glyphs.glyphs} == set(plan.points.values())


@pytest.mark.parametrize("formats", [("fujitsu",), ("ucm", "fujitsu")])
def test_a_format_that_a_charset_cannot_have_is_refused_with_the_sets(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path, formats: tuple[str, ...]
) -> None:
    with pytest.raises(UnsupportedConversion, match=r"fujitsu: 252069/juki \(cp932\), 252069/zei"):
        export_plan(session, settings, plan, tmp_path / "out", formats=formats)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
    assert formats_of("jef") == ("gmap", "csv", "json", "ucm", "hulft", "fujitsu")
    assert formats_of("utf-16le") == ("gmap", "csv", "json")


def test_an_export_is_refused_when_the_plan_does_not_stand(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    asked = cutting.plan()
    with pytest.raises(Refused, match="nobody has decided: 1") as told:
        export_plan(session, settings, asked, folder)
    (finding,) = told.value.extra["findings"]
    assert (finding["code"], finding["subject"]) == ("way-back-open", f"{JUKI}/{TWO}")
    plan = cutting.rule()
    with pytest.raises(Refused, match="cs1/1 is not the newest; export cs1/2"):
        export_plan(session, settings, cutover.find_plan(session, "cs1", 1), folder)
    cutting.council.decide(f"{JUKI}/F044", "MJ000003", "substitute", "似た字")
    cutting.council.publish()
    with pytest.raises(Refused, match="of release 1 and cannot be exported on release 2") as told:
        export_plan(session, settings, plan, folder, release=2)
    assert (told.value.extra["plan_release"], told.value.extra["release"]) == (1, 2)
    assert not folder.exists()


def test_the_current_folder_is_refused_before_the_work(
    session: Session,
    settings: Settings,
    plan: Plan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("gaiji.report.cutexport.make_again", None)  # no work is done
    with pytest.raises(BadInput, match="The folder you work in"):
        export_plan(session, settings, plan, Path())
    assert list(here.iterdir()) == []


def test_glyphs_without_the_right_stop_the_export_unless_left_out(
    session: Session, settings: Settings, cutting: Cutting, tmp_path: Path
) -> None:
    own = cutting.council.decide(f"{JUKI}/F044", "new", ground="どの文字でもない")
    cutting.council.publish()
    rights.set_rights(session, ME, JUKI, "member", ground="協定の変更")
    cutting.plan()
    plan = cutting.rule()
    with pytest.raises(Refused) as told:
        export_plan(session, settings, plan, tmp_path / "out")
    (finding,) = told.value.extra["findings"]
    assert "gaiji rights set" in finding["text"]
    assert not (tmp_path / "out").exists()
    shape = export_plan(session, settings, plan, tmp_path / "out", (24,), refused="leave-out")
    assert shape.points == 2
    assert [one.subject for one in shape.findings if one.code == "no-picture"] == [own]
    assert not list((tmp_path / "out" / "residual").glob(f"*{own}*"))


# --- the server's dump


def test_the_exported_table_read_as_a_dump_has_no_difference(
    session: Session, settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    exported(session, settings, plan, tmp_path / "out")
    for address in plan.code_sets:
        data = (tmp_path / "out" / address / "cs-table.csv").read_bytes()
        one = charset("jef") if address == JEF else CP932
        dump = cutcompare.read_dump(plan, data, "dump.csv", one)
        assert cutcompare.compare(plan, address, dump) == []
        with pytest.raises(BadTable):
            read_cs_table(b"", "dump.csv", CP932)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("F040,J+3402", "F040,J+9090", [("different", "F040")]),
        ("F042,J+E000", "F042,J+E001", [("missing", "F042"), ("outside-juki", "")]),
        ("F042,J+E000", "F042,J+3402", [("point-differs", "F042")]),
        ("F043,J+3403", "F043,U+E000", [("point-differs", "F043")]),
        ("F043,J+3403", "F043,U+E005", [("missing", "F043"), ("outside-juki", "")]),
        ("F043,J+3403\r\n", "", [("missing", "F043")]),
        ("F043,J+3403", "F043,J+3403\r\nF044,J+9089", [("extra", "F044")]),
        ("F043,J+3403", "F043,J+3403\r\nF0FC,J+9089", [("extra", "F0FC")]),
        ("F043,J+3403", "F043,J+3403\r\nF043,J+9089", [("twice", "F043")]),
        ("F043,J+3403", "F043,J+3403\r\n88A0,J+9089", []),
    ],
)
def test_each_difference_of_a_dump_is_found(
    plan: Plan, before: str, after: str, expected: list[tuple[str, str]]
) -> None:
    table = cs_table(plan.rows_of(JUKI)).decode("utf-8-sig")
    assert before in table
    data = table.replace(before, after).encode()
    dump = cutcompare.read_dump(plan, data, "dump.csv", CP932)
    found = cutcompare.compare(plan, JUKI, dump, file="dump.csv")
    subjects = [(kind, f"{JUKI}/{code}" if code else JUKI) for kind, code in expected]
    assert sorted((one.code, one.subject) for one in found) == sorted(subjects)
    for one in found:
        assert one.code == "missing" or (one.where is not None and one.where.record is not None)
    shape = cutcompare.compare_shape(plan, {JUKI: (dump, found)})
    assert shape.codesets == {JUKI: len(expected)}
    rows = cutcompare.as_csv(found).decode("utf-8-sig").splitlines()
    assert len(rows) == 1 + len(expected)


def test_a_dump_in_code_points_of_unicode_is_no_dump_of_juki_codes(plan: Plan) -> None:
    table = cs_table(plan.rows_of(JUKI)).decode("utf-8-sig")
    with pytest.raises(BadTable, match="write it like J") as told:
        cutcompare.read_dump(plan, table.replace("J+", "U+").encode(), "dump.csv", CP932)
    assert "'U+3402'" in str(told.value)  # and not U+E000, which is a point of this server


def test_a_dump_of_a_code_set_that_is_not_planned_is_refused(cutting: Cutting) -> None:
    plan = cutting.plan("252085")
    dump = cutcompare.read_dump(plan, cs_table([]), "dump.csv", CP932)
    with pytest.raises(BadInput, match="252069/zei is not part of cutover plan cs1/1"):
        cutcompare.compare(plan, ZEI, dump)
