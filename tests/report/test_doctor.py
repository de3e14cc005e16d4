import os
from collections import namedtuple
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, update

from gaiji.registry import db, jobs, schema
from gaiji.registry.tables import Edition, Entry, Job, MappingRow
from gaiji.report.doctor import OPERATOR_KEY, examine
from gaiji.settings import Settings
from gaiji.wire.findings import Finding
from tests.council import KUSATSU, ME, Council

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def settings(council: Council, tmp_path: Path) -> Settings:
    """A whole registry with one release, on disk."""
    council.add(KUSATSU, "草津市")
    council.code_set("252069/juki")
    council.take_in("252069/juki", "外字コード,MJ文字図形名\nF040,MJ026190\n")
    council.decide("252069/juki/F040", "MJ026190")
    council.publish()
    council.session.commit()
    key = tmp_path / OPERATOR_KEY
    key.touch(mode=0o600)
    return council.settings


def levels(settings: Settings) -> dict[str, str]:
    return {finding.code: finding.level for finding in examine(settings)}


def one(settings: Settings, code: str) -> Finding:
    (found,) = (finding for finding in examine(settings) if finding.code == code)
    return found


def test_a_sound_deployment_has_nothing_but_good_news(settings: Settings) -> None:
    found = levels(settings)
    for code in ("home", "disk-space", "operator-key", "database", "schema", "reference"):
        assert found[code] == "fit"
    assert found["journal"] == "fit"
    assert found["release-digest"] == "fit"
    assert "error" not in found.values()


def test_a_missing_home_is_said_and_not_made(tmp_path: Path) -> None:
    home = tmp_path / "nowhere"
    assert one(Settings(home=home), "home-missing").level == "error"
    assert "gaiji db upgrade" in one(Settings(home=home), "database-missing").text.en
    assert not home.exists()


def test_a_key_that_others_can_read_is_an_error(settings: Settings) -> None:
    (settings.home / OPERATOR_KEY).chmod(0o640)
    found = one(settings, "operator-key-open")
    assert found.level == "error"
    assert "0640" in found.text.ja
    (settings.home / OPERATOR_KEY).unlink()
    assert levels(settings)["operator-key-missing"] == "warning"


def test_resident_files_that_others_can_reach_are_an_error(settings: Settings) -> None:
    assert "job-folder" not in levels(settings)
    settings.job_folder.mkdir(mode=0o700)
    assert levels(settings)["job-folder"] == "fit"
    settings.job_folder.chmod(0o750)
    assert "chmod 700" in one(settings, "job-folder-open").text.en


def test_jobs_that_nobody_works_on_are_told(settings: Settings, council: Council) -> None:
    assert levels(settings)["jobs"] == "fit"
    jobs.add(
        council.session,
        ME,
        id=jobs.new_id(),
        kind="conversion",
        member=KUSATSU,
        parameters={},
        upload=jobs.Kept(1, "0" * 64),
        keep_s=-700,
    )
    council.session.execute(update(Job).values(lease_until=jobs.stamp(-700)))
    council.session.commit()
    found = one(settings, "jobs-stuck")
    assert found.level == "warning"
    assert "took up 1 conversion jobs, and 1 keep" in found.text.en


def test_little_disk_space_is_told_before_it_is_gone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for mebibytes, level in ((500, "warning"), (50, "error")):
        usage = Usage(1, 1, mebibytes << 20)
        monkeypatch.setattr("shutil.disk_usage", lambda path, usage=usage: usage)
        assert levels(settings)["disk-space-low"] == level


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write everywhere")
def test_a_home_that_cannot_be_written_is_an_error(settings: Settings) -> None:
    settings.home.chmod(0o500)
    try:
        assert levels(settings)["home-read-only"] == "error"
    finally:
        settings.home.chmod(0o700)


def test_fonts_that_are_missing_or_another_edition_are_warnings(
    settings: Settings, tmp_path: Path
) -> None:
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    (fonts / "ipamjm.ttf").write_bytes(b"another")
    found = [f for f in examine(settings.model_copy(update={"fonts": fonts})) if "font" in f.code]
    assert [finding.subject for finding in found] == ["ipamj", "hanamin-a", "hanamin-b"]
    assert found[0].level in ("fit", "warning")
    bad = [finding for finding in found if finding.code != "font"]
    assert all("gaiji fonts fetch" in finding.text.ja for finding in bad)


def test_a_database_of_another_schema_is_not_read_further(engine: Engine, tmp_path: Path) -> None:
    schema.downgrade(engine, "base")
    settings = Settings(home=tmp_path)
    found = levels(settings)
    assert found["schema-mismatch"] == "error"
    assert "journal" not in found
    assert "gaiji db upgrade" in one(settings, "schema-mismatch").text.en


def test_a_file_that_is_no_database_is_a_finding(tmp_path: Path) -> None:
    (tmp_path / "gaiji.db").write_bytes(b"no database at all, but long enough to be looked at" * 40)
    assert one(Settings(home=tmp_path), "storage-failed").level == "error"


def test_an_empty_registry_says_what_to_do_first(engine: Engine, tmp_path: Path) -> None:
    found = levels(Settings(home=tmp_path))
    assert found["registry-not-created"] == "error"
    assert found["reference-missing"] == "error"
    assert found["no-release"] == "warning"


def test_a_gap_in_the_journal_is_found(settings: Settings, engine: Engine) -> None:
    with db.writing(engine) as session:
        session.execute(delete(Entry).where(Entry.serial == 2))
    assert one(settings, "journal-broken").level == "error"


def test_rows_changed_after_publishing_are_found(settings: Settings, engine: Engine) -> None:
    with db.writing(engine) as session:
        session.execute(update(MappingRow).values(relationship="substitute"))
    found = one(settings, "release-digest-differs")
    assert (found.level, found.subject) == ("error", "1")


def test_a_registry_without_the_reference_set_is_told_to_load_it(
    settings: Settings, engine: Engine
) -> None:
    with db.writing(engine) as session:
        session.execute(update(Edition).values(dataset="GJ"))
    assert "gaiji reference load" in one(settings, "reference-missing").text.en
