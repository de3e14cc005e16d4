"""The main job, as a user runs it: `gaiji demo` on SQLite and on PostgreSQL, and what it leaves behind."""

import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from gaiji.charset.conversion import Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.resolve import Options
from gaiji.cli import run
from gaiji.demo.council import CODE_SETS, CodeSetPlan
from gaiji.glyph.reference import find_font
from gaiji.registry import db, releases, replay, schema
from gaiji.settings import Settings
from tests.hosts import characters, is_readable

RECORDS = 2_000
CONVERTED = [plan for plan in CODE_SETS if plan.has_residents]

pytestmark = [
    pytest.mark.fonts,
    pytest.mark.skipif(
        any(find_font(Settings(), name) is None for name in ("ipamj", "hanamin-a", "hanamin-b")),
        reason="the fonts of fonts/SOURCES.toml are not here: gaiji fonts fetch",
    ),
]


def told(home: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the demo in a folder and return what it printed."""
    status = run(["demo", "--home", str(home), "--records", str(RECORDS)])
    printed = capsys.readouterr()
    assert status == 0, printed.err
    return printed.out


@pytest.fixture(scope="module")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the demo ran on SQLite."""
    home = tmp_path_factory.mktemp("demo") / "home"
    assert run(["demo", "--home", str(home), "--records", str(RECORDS)]) == 0
    return home


@contextmanager
def opened(home: Path, database: str | None = None) -> Iterator[Session]:
    engine = db.connect(Settings(home=home, database=database))
    try:
        with db.reading(engine) as session:
            yield session
    finally:
        engine.dispose()


def digests(session: Session) -> dict[int, str]:
    return {release.number: release.digest for release in releases.all_releases(session)}


def test_the_demo_publishes_two_releases_and_joining_changes_no_other_city(demo_home: Path) -> None:
    with opened(demo_home) as session:
        assert sorted(digests(session)) == [1, 2]
        joined = {address for address in releases.find_release(session, 2).manifest["code_sets"]}
        unchanged = releases.unchanged(session, 1, 2)
    assert len(joined) == 16
    assert len(unchanged) == 14
    assert {address.split("/")[0] for address in joined - set(unchanged)} == {"252093"}


@pytest.mark.postgresql
def test_the_same_commands_on_postgresql_give_the_same_digests(
    demo_home: Path,
    tmp_path: Path,
    postgresql: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(demo_home / "council", tmp_path / "council")
    monkeypatch.setenv("GAIJI_DATABASE", postgresql)
    out = told(tmp_path, capsys)
    monkeypatch.delenv("GAIJI_DATABASE")
    commands = re.findall(r"^\$ gaiji (.+)$", out, re.MULTILINE)
    assert len(commands) > 100
    assert {command.split()[0] for command in commands} >= {
        *("db", "reference", "member", "codeset", "policy", "decide"),
        *("release", "fitgap", "convert", "restore"),
    }
    with opened(demo_home) as one, opened(tmp_path, postgresql) as two:
        assert digests(one) == digests(two)


def test_the_demos_journal_replays_to_the_same_digests(demo_home: Path, tmp_path: Path) -> None:
    target_engine = db.connect(Settings(home=tmp_path))
    schema.upgrade(target_engine)
    with opened(demo_home) as source, db.writing(target_engine) as target:
        assert replay.replay(source, target).releases == digests(source)
    target_engine.dispose()


def test_the_demo_touches_no_registry_it_did_not_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["db", "upgrade", "--home", str(tmp_path)]) == 0
    before = (tmp_path / "gaiji.db").read_bytes()
    assert run(["demo", "--home", str(tmp_path), "--records", "100"]) == 1
    assert "--home" in capsys.readouterr().err
    assert (tmp_path / "gaiji.db").read_bytes() == before


@pytest.mark.parametrize("plan", CONVERTED, ids=lambda plan: plan.address)
@pytest.mark.parametrize("target", ["unicode", "unicode-svs", "juki", "x0213", "mj"])
def test_every_resident_file_comes_back_byte_for_byte(
    demo_home: Path, tmp_path: Path, plan: CodeSetPlan, target: str
) -> None:
    address = plan.address
    source = demo_home / "council" / address / "residents.csv"
    with opened(demo_home) as session:
        latest = releases.find_release(session, "latest")
        mapping = releases.mapping(session, address, latest)
    options = Options(on_unmapped="geta", max_loss=10**9, digests=True)
    out, back, receipt = (tmp_path / name for name in ("out", "back", "receipt"))
    report = convert_file(source, out, Conversion(mapping, target, options), receipt=receipt)
    restore_file(out, back, receipt, by_release(lambda _code_set, _release: mapping))
    assert back.read_bytes() == source.read_bytes()
    if not is_readable(plan):
        pytest.skip("no iconv here to count IBM's charset")
    read = characters(source.read_bytes(), plan)
    counted = Counter("user" if isinstance(one, bytes) else "other" for one in read)
    kinds = report.characters
    assert sum(kinds.values()) == len(read)
    assert report.records == read.count("\n") == RECORDS * plan.known
    told = [(one.code, one.count) for one in report.reductions]
    told += [(one.code, one.count) for one in report.unmapped]
    named = sum(count for code, count in told if mapping.charset.is_user_code(bytes.fromhex(code)))
    assert kinds.get("mapped", 0) + named == counted["user"] > 0


def test_the_report_says_what_the_file_holds(demo_home: Path) -> None:
    report = json.loads((demo_home / "converted" / "252069-juki.unicode.report.json").read_text())
    source = (demo_home / "council" / "252069" / "juki" / "residents.csv").read_bytes()
    assert (report["from"], report["to"], report["release"]) == ("252069/juki", "unicode", 2)
    assert (report["input_bytes"], report["written"]) == (len(source), True)
    assert report["input_sha256"] == hashlib.sha256(source).hexdigest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("unmapped.csv", "record"), ("cut.csv", "byte"), ("malformed.csv", "byte")],
)
def test_a_troubled_file_is_refused_with_its_place_and_nothing_is_written(
    demo_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, expected: str
) -> None:
    (found,) = (demo_home / "council").rglob(name)
    out = tmp_path / "out"
    arguments = ["convert", str(found), str(out), "--from", "252069/juki", "--to", "unicode"]
    status = run([*arguments, "--home", str(demo_home)])
    assert status in (1, 2)
    assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
