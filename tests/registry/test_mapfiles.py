"""Files of a release: made once, kept under what they depend on, the same bytes every time, exported together."""

import json
import os
from dataclasses import replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.compiling import BAKED, mapping_bytes
from gaiji.charset.conversion import Conversion
from gaiji.charset.files import replacing
from gaiji.charset.mapfile import MappingFile, open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.verifying import verify_list
from gaiji.errors import (
    Busy,
    Refused,
    StorageFailed,
    UnknownCodeSet,
    UnknownRelease,
    UnknownReleaseFile,
    UnsupportedConversion,
)
from gaiji.registry import cache, mapfiles, members, releases
from gaiji.registry.mapfiles import FileSpec, chosen_specs, mapping_file, release_file
from gaiji.registry.tables import Release
from gaiji.settings import Settings
from tests.charset.icu import Icu, needs_icu
from tests.council import KUSATSU, ME, RITTO, Council

JUKI, ZEI = "252069/juki", "252085/zei"


@pytest.fixture
def release(session: Session, council: Council) -> Release:
    """A release of a cp932 and a UTF-16 code set."""
    council.add(KUSATSU, "草津市")
    council.code_set(JUKI)
    council.take_in(JUKI, "外字コード\nF040\nF041\nF042\n")
    council.decide(f"{JUKI}/F040", "MJ026190")
    council.decide(f"{JUKI}/F041", "MJ026191")
    council.add(RITTO, "栗東市")
    members.add_code_set(
        session, ME, ZEI, charset_name="utf-16le", system="固定資産税", group="税系"
    )
    return releases.find_release(session, council.publish())


@pytest.fixture
def settings(council: Council) -> Settings:
    return council.settings


@pytest.fixture(scope="module")
def compiled() -> dict[tuple[object, ...], bytes]:
    """Mapping files by all that a conversion says of itself: every test's release is the same one."""
    return {}


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch, compiled: dict[tuple[object, ...], bytes]) -> list[Path]:
    """What was made, compiled when it is made for the first time in these tests."""
    paths: list[Path] = []

    def write(path: Path, conversion: Conversion) -> str:
        paths.append(path)
        options = conversion.options
        facts = conversion.facts, *(getattr(options, name) for name in BAKED)
        if facts not in compiled:
            compiled[facts] = mapping_bytes(conversion)
        with replacing(path) as file:
            file.write(compiled[facts])
        return compiled[facts][8:40].hex()

    monkeypatch.setattr(mapfiles, "write_mapping", write)
    return paths


def test_a_mapping_file_is_what_the_release_says_and_is_made_once(
    session: Session, settings: Settings, release: Release, made: list[Path]
) -> None:
    path = mapping_file(session, settings, JUKI, "unicode", release)
    assert path.parent == settings.cache_folder
    live = Conversion(releases.mapping(session, JUKI, release), "unicode")
    assert path.read_bytes() == mapping_bytes(live)
    for _ in range(2):
        assert mapping_file(session, settings, JUKI, "unicode", release) == path
    assert made == [path]
    facts = open_mapping(path).facts
    assert (facts.source, facts.target, facts.release) == (JUKI, "unicode", release.number)


def test_every_fact_a_file_depends_on_gives_it_another_name(
    session: Session,
    settings: Settings,
    release: Release,
    made: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def ask(options: Options | None = None, target: str = "unicode") -> Path:
        return mapping_file(session, settings, JUKI, target, release, options)

    names = {ask()}
    for options in (
        Options(ivs="always"),
        Options(mj_format="/"),
        Options(as_of=date(2020, 3, 31)),
    ):
        names.add(ask(options))
    names |= {ask(target="unicode-svs"), ask(target=ZEI)}
    assert ask(Options(on_unmapped="escape", max_loss=3, digests=True)) in names
    for name, value in (("ENGINE_REVISION", "x"), ("TABLE_REVISION", 99), ("MAGIC", b"other")):
        monkeypatch.setattr(mapfiles, name, value)
        names.add(ask())
    assert len(names) == len(made) == 9
    assert open_mapping(ask(target=ZEI)).names() == (JUKI, ZEI)
    assert open_mapping(ask(Options(as_of=date(2020, 3, 31)))).as_of == date(2020, 3, 31)


def test_the_next_release_has_files_of_its_own(
    session: Session, settings: Settings, council: Council, release: Release
) -> None:
    first = mapping_file(session, settings, JUKI, "unicode", release)
    council.decide(f"{JUKI}/F042", "MJ026193")
    after = releases.find_release(session, council.publish())
    second = mapping_file(session, settings, JUKI, "unicode", after)
    assert first.exists()
    assert open_mapping(first).facts.digest != open_mapping(second).facts.digest


def test_a_damaged_file_of_the_cache_is_made_anew(
    session: Session, settings: Settings, release: Release, made: list[Path]
) -> None:
    path = mapping_file(session, settings, JUKI, "unicode", release)
    whole = path.read_bytes()
    for damaged in (whole[:-1], whole[:5000] + b"?" + whole[5001:], b""):
        path.write_bytes(damaged)
        assert mapping_file(session, settings, JUKI, "unicode", release).read_bytes() == whole
    assert len(made) == 4


@pytest.mark.parametrize("format", ["csv", "json", "ucm", "hulft"])
def test_a_damaged_export_of_the_cache_is_made_anew(
    session: Session,
    settings: Settings,
    release: Release,
    format: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[str] = []
    export = mapfiles._EXPORTS[format]

    def write(file: MappingFile, name: str) -> bytes:
        written.append(name)
        return export(file, name)

    monkeypatch.setitem(mapfiles._EXPORTS, format, write)
    spec = FileSpec(JUKI, "unicode", format)
    path = release_file(session, settings, release, spec)
    whole = path.read_bytes()
    assert release_file(session, settings, release, spec) == path
    assert len(written) == 1
    check = path.with_name(path.name + ".sha256")
    assert check.read_bytes() == sha256(whole).hexdigest().encode()
    for damaged in (whole[:-1], whole.replace(b"0", b"1", 1), b""):
        path.write_bytes(damaged)
        assert release_file(session, settings, release, spec).read_bytes() == whole
    for told in (b"0" * 64, b""):
        check.write_bytes(told)
        assert release_file(session, settings, release, spec).read_bytes() == whole
    check.unlink()
    assert release_file(session, settings, release, spec).read_bytes() == whole
    assert len(written) == 7


def test_the_checksum_of_an_export_leaves_the_cache_with_it(
    session: Session, settings: Settings, release: Release
) -> None:
    path = release_file(session, settings, release, FileSpec(JUKI, "unicode", "csv"))
    for one in settings.cache_folder.iterdir():
        os.utime(one, ns=(3, 3))
    tiny = settings.model_copy(update={"cache_max_bytes": 1})
    made = mapping_file(session, tiny, JUKI, "mj", release)
    assert not path.exists()
    assert list(settings.cache_folder.iterdir()) == [made]


def test_beyond_its_limit_the_cache_loses_what_was_used_least_recently(
    session: Session, settings: Settings, release: Release
) -> None:
    one = mapping_file(session, settings, JUKI, "unicode", release)
    two = mapping_file(session, settings, JUKI, "x0213", release)
    os.utime(one, ns=(1, 1))
    os.utime(two, ns=(2, 2))
    assert mapping_file(session, settings, JUKI, "unicode", release) == one  # used now
    room = one.stat().st_size + two.stat().st_size
    small = settings.model_copy(update={"cache_max_bytes": room})
    three = mapping_file(session, small, JUKI, "mj", release)
    assert not two.exists()
    assert three.exists()
    tiny = settings.model_copy(update={"cache_max_bytes": 1})
    assert mapping_file(session, tiny, JUKI, "x0213", release).exists()
    assert one.exists()  # used within the hour: it may be on its way out
    for path in settings.cache_folder.iterdir():
        os.utime(path, ns=(3, 3))
    assert mapping_file(session, tiny, JUKI, "unicode-svs", release).exists()
    assert len(list(settings.cache_folder.iterdir())) == 1


def test_what_cannot_be_made_is_refused_and_leaves_nothing(
    session: Session,
    settings: Settings,
    council: Council,
    release: Release,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UnknownCodeSet):
        mapping_file(session, settings, "252069/none", "unicode", release)
    council.code_set("252069/new")
    with pytest.raises(UnknownRelease, match="252069/new is not part of release"):
        mapping_file(session, settings, "252069/new", "unicode", release)
    with pytest.raises(UnsupportedConversion, match="no target 'unicoed'"):
        mapping_file(session, settings, JUKI, "unicoed", release)
    with pytest.raises(UnsupportedConversion, match="is Unicode"):
        release_file(session, settings, release, FileSpec(ZEI, "unicode", "ucm"))
    monkeypatch.setattr(cache, "MAKING_TIMEOUT_S", 0.01)
    with cache.in_turn(), pytest.raises(Busy):
        mapping_file(session, settings, JUKI, "unicode", release)
    assert list(settings.cache_folder.iterdir()) == []
    settings.cache_folder.rmdir()
    settings.cache_folder.write_text("")
    with pytest.raises(StorageFailed):
        mapping_file(session, settings, JUKI, "unicode", release)


def test_an_export_is_whole_listed_and_the_same_bytes_again(
    session: Session, settings: Settings, release: Release, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    specs = mapfiles.default_specs(release)
    listed = mapfiles.export(session, settings, release, folder, specs)
    assert [(item.name, item.codeset) for item in listed.items] == [
        ("252069-juki.unicode.r1.gmap", JUKI),
        ("252085-zei.unicode.r1.gmap", ZEI),
    ]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(files) == 3
    told = json.loads(files["MANIFEST.json"])
    assert (told["release"], told["digest"], told["engine"]) == (1, release.digest, listed.engine)
    for item in told["items"]:
        assert sha256(files[item["name"]]).hexdigest() == item["sha256"]
        assert len(files[item["name"]]) == item["bytes"]
        assert item["digest"] == release.manifest["code_sets"][item["codeset"]]["digest"]
    for path in settings.cache_folder.iterdir():
        path.unlink()
    again = tmp_path / "again"
    mapfiles.export(session, settings, release, again, specs)
    assert {path.name: path.read_bytes() for path in again.iterdir()} == files
    assert verify_list(folder / "MANIFEST.json") == listed


def test_nothing_is_exported_where_one_file_cannot_be(
    session: Session, settings: Settings, release: Release, tmp_path: Path
) -> None:
    specs = [FileSpec(JUKI), FileSpec(ZEI, "unicode", "ucm")]
    with pytest.raises(UnsupportedConversion):
        mapfiles.export(session, settings, release, tmp_path / "out", specs)
    assert not (tmp_path / "out").exists()


def test_a_list_finds_every_file_that_is_not_what_it_says(
    session: Session, settings: Settings, release: Release, tmp_path: Path
) -> None:
    specs = mapfiles.default_specs(release)
    listed = mapfiles.export(session, settings, release, tmp_path, specs)
    manifest = tmp_path / "MANIFEST.json"
    one, two = (tmp_path / item.name for item in listed.items)
    whole = one.read_bytes()
    one.write_bytes(whole[:-1] + b"?")
    with pytest.raises(Refused, match=r"1 of 2 files .*first: 252069-juki"):
        verify_list(manifest)
    one.write_bytes(whole)
    two.unlink()
    with pytest.raises(Refused, match="first: 252085-zei"):
        verify_list(manifest)
    two.write_bytes(whole)
    item = listed.items[1]
    posing = item.model_copy(update={"bytes": len(whole), "sha256": listed.items[0].sha256})
    manifest.write_bytes(listed.model_copy(update={"items": [listed.items[0], posing]}).canonical())
    with pytest.raises(Refused, match="first: 252085-zei"):
        verify_list(manifest)  # the bytes are right, the mapping is another one


def test_the_rows_of_a_mapping_come_as_csv_and_json(
    session: Session, settings: Settings, release: Release
) -> None:
    table = release_file(session, settings, release, FileSpec(JUKI, "unicode", "csv")).read_bytes()
    rows = table.decode("utf-8-sig").split("\r\n")
    assert rows[0] == "code,to,direction,text,character,kind,ground"
    assert "F040,U+9089,read,邉,MJ026190,mapped,目視" in rows
    assert "F041,U+9089 U+E0119,both,邉\U000e0119,MJ026191,mapped,目視" in rows
    assert "E7B3,U+9089,both,邉,,plain," in rows
    assert "3D,U+003D,both,'=,,plain," in rows  # no spreadsheet takes it for a formula
    told = json.loads(
        release_file(session, settings, release, FileSpec(JUKI, "juki", "json")).read_bytes()
    )
    assert (told["from"], told["to"], told["release"]) == (JUKI, "juki", 1)
    found = {row["code"]: row for row in told["items"] if row["direction"] != "write"}
    assert found["E7B3"]["to"] == "J+9089"
    assert found["F040"]["to"] == "J+9089"
    assert "F042" not in found  # undecided
    names = release_file(session, settings, release, FileSpec(JUKI, "mj", "csv")).read_bytes()
    assert "F041,MJ026191,both" in names.decode("utf-8-sig")


def test_files_are_chosen_by_code_set_target_and_format(release: Release) -> None:
    def names(*specs: FileSpec) -> list[str]:
        return [spec.name(release) for spec in specs]

    assert names(*chosen_specs(release, targets=["juki", ZEI])) == [
        "252069-juki.juki.r1.gmap",
        "252069-juki.252085-zei.r1.gmap",
        "252085-zei.juki.r1.gmap",
    ]
    assert names(*chosen_specs(release, format="ucm")) == ["252069-juki.unicode.r1.ucm"]
    assert names(*chosen_specs(release, [ZEI], format="ucm")) == ["252085-zei.unicode.r1.ucm"]
    options = Options(ivs="always", mj_format="/", as_of=date(2020, 3, 31))
    (name,) = names(*chosen_specs(release, [JUKI], options=options))
    assert name == "252069-juki.unicode.ivs-always.mj-8a5edab2.as-of-2020-03-31.r1.gmap"
    jef = {"code_sets": {JUKI: {"charset": "jef"}}}
    other = Release(number=3, manifest=jef)
    assert FileSpec(JUKI, format="ucm").name(other) == "252069-juki.unicode.r3.double-byte.ucm"
    served = mapfiles.served_specs(release)
    assert len(served) == (6 * 3 + 4 + 4) + 6 * 3
    assert "252069-juki.unicode.r1.gtsto8.txt" in served
    assert FileSpec(JUKI, format="fujitsu").name(other) == "252069-juki.unicode.r3.fujitsu.txt"
    assert names(*chosen_specs(release, format="hulft")) == ["252069-juki.unicode.r1.gtsto8.txt"]
    assert chosen_specs(release, format="fujitsu") == []
    assert all(spec.name(release) == name for name, spec in served.items())
    assert replace(served["252069-juki.mj.r1.gmap"], to="unicode").options == Options()


def test_a_name_that_is_none_of_the_release_is_unknown(
    session: Session, settings: Settings, release: Release
) -> None:
    for name in ("252069-juki.unicode.r2.gmap", "../gaiji.db", "252085-zei.unicode.r1.ucm", ""):
        with pytest.raises(UnknownReleaseFile):
            mapfiles.find_file(session, settings, release, name)


@needs_icu
def test_icu_converts_a_release_with_all_sequences_of_the_reference_set(
    session: Session, settings: Settings, release: Release, tmp_path: Path
) -> None:
    path = mapping_file(session, settings, JUKI, "unicode", release)
    icu = Icu(open_mapping(path), tmp_path / "icu", "252069-juki.unicode.r1")
    read, written = icu.agrees()
    assert read == 7917
    assert written > 10_000
    assert len(icu.left_out) < 100
    exported = release_file(session, settings, release, FileSpec(JUKI, "unicode", "ucm"))
    assert exported.read_bytes() == icu.ucm
