"""gaiji site, adopt, adoptions and cutover check, export, compare, as a clerk types them."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from gaiji.cli import run
from gaiji.registry import db, rights
from gaiji.settings import Settings
from tests.council import ME, bdf
from tests.cutting import JUKI, OTHER, TWO, ZEI, built, extract

ROWS = (b"1,\x8eR\x93c\xf0\x40", b"2,\xf0\x42", b"3,\x8eR")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copyfile(built(), folder / "gaiji.db")
    monkeypatch.setenv("GAIJI_HOME", str(folder))
    return folder


def gaiji(*words: object) -> int:
    return run([str(word) for word in words])


@pytest.fixture
def planned(home: Path) -> Path:
    assert gaiji("cutover", "plan", "--server", "cs1", "--members", "all") == 0
    return home


def rule() -> None:
    rule = ("cutover", "rule", "cs1", JUKI, TWO)
    assert gaiji(*rule, "--code", "F040", "--ground", "原本") == 0
    assert gaiji("cutover", "plan", "--server", "cs1", "--members", "all") == 0


def test_a_clerk_records_who_runs_what(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    font = tmp_path / "EUDC.TTE"
    font.write_bytes(bdf(["F040"]))
    day, later = (f"{db.today().year + 1}-0{month}-01" for month in (5, 6))
    assert gaiji("site", "add", "terminals:252069/窓口", "--codesets", JUKI) == 0
    assert gaiji("site", "add", "server:cs2", "--area", "E000-F900") == 2
    assert gaiji("adopt", "252069", "--release", "1", "--from", day) == 0
    told = ("adopt", "terminals:252069/窓口", "--release", "latest", "--from", day)
    assert gaiji(*told, "--font", font, "--ground", "月次更新") == 0
    capsys.readouterr()
    assert gaiji("adoptions", "--day", later, "--member", "252069", "--format", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    rows = {one["site"]: one for one in shown["items"]}
    assert rows["system:252069/juki"]["told_by"] == "member:252069"
    assert rows["terminals:252069/窓口"]["font"] == sha256(font.read_bytes()).hexdigest()
    assert gaiji("adoptions", "--day", later) == 0
    assert "No release told" in capsys.readouterr().out
    assert gaiji("site", "list") == 0
    assert "E000-F8FF" in capsys.readouterr().out
    assert gaiji("adoptions", "--touched", "1", "1") == 0
    assert "Sites touched: 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--release", "1", "--from", "0001-01-01"), "when release 1 was published"),
        (("--release", "1", "--from", "9999-12-31"), "more than 10 years ahead"),
        (("--from", "2027-01-04"), "name it with --release"),
        (("--release", "1", "--from", "{day}", "--font", "{text}"), "notices"),
        (("--release", "1", "--from", "{day}", "--font", "{dots}"), "no terminal's font"),
        (("--withdraw", "--from", "{day}"), "write it after --ground"),
        (
            ("--withdraw", "--from", "{day}", "--ground", "誤り", "--release", "1"),
            "neither --release",
        ),
        (
            ("--withdraw", "--from", "{day}", "--ground", "誤り"),
            "Nothing is recorded of member:252069",
        ),
    ],
)
def test_what_cannot_be_recorded_of_a_site_is_one_sentence(
    home: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "notices.csv").write_text("渡邉\n" * 9)
    (tmp_path / "dots.raw").write_bytes(bytes(range(1, 73)))
    places = {"text": tmp_path / "notices.csv", "dots": tmp_path / "dots.raw"}
    typed = [word.format(day=f"{db.today().year + 1}-05-01", **places) for word in words]
    capsys.readouterr()
    assert gaiji("adopt", "252069", *typed) in (1, 2)
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""


def test_a_wrong_record_is_taken_back(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    year = db.today().year + 1
    for month in (5, 6):
        assert gaiji("adopt", "252069", "--release", "1", "--from", f"{year}-0{month}-01") == 0
    wrong = ("adopt", "252069", "--withdraw", "--from", f"{year}-06-01", "--ground", "日付の誤り")
    capsys.readouterr()
    assert gaiji(*wrong) == 0
    assert f"on that day: release 1 from {year}-05-01" in capsys.readouterr().out
    assert gaiji(*wrong) == 2


def test_the_check_writes_its_reports_whether_it_passes_or_not(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = extract(tmp_path, *ROWS), tmp_path / "out"
    words = ("cutover", "check", "--server", "cs1", "--extract", f"{JUKI}={file}", out)
    assert gaiji(*words) == 1
    assert "not passed" in capsys.readouterr().out
    report = out / "check-252069.json"
    (out / "check-252085.html").write_text("another city's")
    (out / "signed.pdf").write_text("signed")
    assert gaiji(*words) == 1  # beside them
    assert gaiji(*words[:-1], out / "signed.pdf") == 2
    assert "There is a file where the folder is to be" in capsys.readouterr().err
    for one in ("check-252085.html", "signed.pdf"):
        (out / one).unlink()
    assert {path.suffix for path in out.iterdir()} == {".json", ".csv", ".html"}
    assert json.loads(report.read_bytes())["passed"] is False
    assert gaiji("cutover", "check", "--verify", report) == 1
    told = capsys.readouterr().out
    assert "not-passed" in told
    assert "The report holds" not in told
    budget = ("--max-loss", 1, "--max-ambiguous", 1)
    assert gaiji(*words, *budget) == 1
    assert f"{ZEI}: not checked, for want of an extract" in capsys.readouterr().out
    left_out = ("--without", ZEI)
    assert gaiji(*words, *left_out, *budget, "--members", "252069") == 0
    told = capsys.readouterr().out
    assert "number to sign" in told
    assert f"{ZEI}: left out of the check" in told
    assert json.loads(report.read_bytes())["passed"] is True
    assert gaiji("cutover", "check", "--verify", report) == 0
    assert gaiji("cutover", "check", "--verify", report, "--server", "server:cs1") == 0
    for given, sentence in (
        (("--server", "cs2"), "of CS server cs1 and not of --server cs2"),
        (("--plan", 1, "--max-loss", 0, out), "does not go with DIR, --plan, --max-loss"),
    ):
        assert gaiji("cutover", "check", "--verify", report, *given) == 2
        assert sentence in capsys.readouterr().err
    rule()
    assert gaiji("cutover", "check", "--verify", report) == 1
    assert "plan-superseded" in capsys.readouterr().out
    assert gaiji(*words, *left_out, "--plan", 1, "--format", "json") == 1
    assert gaiji(*words, *left_out) == 0


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--members", "252069,252085"), "members without a file: 252085"),
        (("--members", "all"), "members without a file: 252085"),
        (("--layout", f"{ZEI}=resident-csv"), "for which there is no --extract"),
        (("--without", JUKI), f"{JUKI} cannot be left out"),
        (("--without", "252069/kaigo"), "252069/kaigo cannot be left out"),
        (("--without", OTHER), f"--without names {OTHER}, of a city without any --extract"),
        (("--plan", 7), "There is no cutover plan cs1/7"),
        (("--extract", f"{JUKI}=-"), "once for each code set"),
        (("--members", "all,252069"), "all stands alone in --members"),
    ],
)
def test_a_check_that_is_asked_for_wrongly_writes_nothing(
    planned: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: tuple[object, ...],
    sentence: str,
) -> None:
    file, out = extract(tmp_path, *ROWS), tmp_path / "out"
    words = ("cutover", "check", "--server", "cs1", "--extract", f"{JUKI}={file}", out)
    assert gaiji(*words, *more) == 2
    assert sentence in capsys.readouterr().err
    assert not out.exists()
    assert gaiji("cutover", "check", "--server", "cs1") == 2


def test_an_empty_extract_proves_nothing_and_is_refused(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = extract(tmp_path), tmp_path / "out"
    words = ("cutover", "check", "--server", "cs1", "--extract", f"{JUKI}={file}", out)
    assert gaiji(*words) == 2
    assert "The extract is empty" in capsys.readouterr().err
    assert not out.exists()


def test_an_export_and_the_dump_of_the_server_go_together(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ("cutover", "export", "--server", "cs1", "--sizes", "24", out)
    assert gaiji(*words) == 1
    assert f"the first is {TWO} in {JUKI}" in capsys.readouterr().err
    engine = db.connect(Settings(home=planned))
    with db.writing(engine) as session:
        for address in (JUKI, ZEI, OTHER):
            rights.set_rights(session, ME, address, "council", ground="協定")
    engine.dispose()
    rule()
    capsys.readouterr()
    assert gaiji(*words, "--members", "252069", "--formats", "csv", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["members"] == ["252069"]
    assert gaiji(*words, "--release", "2") == 2
    assert gaiji(*words, "--formats", "xml") == 2
    for nothing in ("", ","):
        assert gaiji(*words, "--formats", nothing) == 2
        assert "--formats names nothing" in capsys.readouterr().err
    assert gaiji(*words[:-1], planned / "gaiji.db") == 2
    assert "There is a file where the folder is to be" in capsys.readouterr().err
    assert gaiji(*words, "--sizes", "7") == 2
    assert gaiji(*words, "--members", "252093") == 2
    table = out / JUKI / "cs-table.csv"
    compare = ("cutover", "compare", "--server", "cs1", "--dump", f"{JUKI}={table}")
    assert gaiji(*compare, "--members", "252069") == 1
    told = capsys.readouterr().out
    assert "different 0" in told
    assert f"not-compared: {ZEI} had no dump" in told
    assert gaiji(*compare, "--without", OTHER) == 2
    assert f"--without names {OTHER}, of a city without any --dump" in capsys.readouterr().err
    assert gaiji(*compare, planned / "gaiji.db") == 2
    assert "There is a file where the folder is to be" in capsys.readouterr().err
    assert gaiji(*compare, "--without", ZEI, "--members", "252069") == 0
    dump = tmp_path / "dump.csv"
    dump.write_text(table.read_text("utf-8-sig").replace("F042,J+E000\n", ""), "utf-8")
    compare = ("cutover", "compare", "--server", "cs1", "--dump", f"{JUKI}={dump}")
    assert gaiji(*compare, tmp_path / "told") == 1
    assert "missing: F042 is U+E000 in the plan" in capsys.readouterr().out
    told = json.loads((tmp_path / "told" / "compare.json").read_bytes())
    assert (told["codesets"], told["not_compared"]) == ({JUKI: 1}, [ZEI])
    assert (tmp_path / "told" / "compare.csv").exists()
    assert gaiji("cutover", "compare", "--server", "cs1") == 2
