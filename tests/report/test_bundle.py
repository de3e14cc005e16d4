"""What is handed to the print contractor: whole, checkable, the same twice, and only what may be handed on."""

import csv
import json
import re
from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pytest
import uharfbuzz as hb
from fontTools.ttLib import TTFont
from PIL import Image, ImageChops

from gaiji.charset.charsets import charset
from gaiji.charset.usage import count_file
from gaiji.errors import BadInput, BadName, MalformedInput, Refused, UnknownMember, UnknownRelease
from gaiji.glyph.build import FontGlyph, dot_glyphs
from gaiji.glyph.draw import mask
from gaiji.glyph.forms import Bitmap
from gaiji.glyph.reference import find_font
from gaiji.registry import rights
from gaiji.registry.releases import find_release
from gaiji.report.bundle import print_bundle
from gaiji.report.bundlejobs import JobFile
from gaiji.report.pdf import A4
from gaiji.report.sheet import Sheet, as_html, row_cells, sheet_of
from gaiji.report.sheetpdf import GLYPH, GLYPH_PLACES, MARGIN, ROW, TOP, as_pdf
from gaiji.settings import Settings
from gaiji.wire.bundles import PrintBundleShape
from gaiji.wire.fonts import FontFormat
from tests.council import KOKA, KUSATSU, ME, RITTO, Council

SIDE = 96
needs_fonts = pytest.mark.skipif(
    not find_font(Settings(), "hanamin-a"), reason="Hanazono is not installed"
)
pytestmark = needs_fonts


@pytest.fixture
def printing(council: Council) -> Council:
    """Two cities: each has 㐂 under a code of its own, one a substitute, one a glyph that nobody decided."""
    council.add(KUSATSU, "草津市")
    council.add(RITTO, "栗東市")
    council.add(KOKA, "甲賀市", candidate=True)
    council.code_set(f"{KUSATSU}/juki")
    council.code_set(f"{RITTO}/juki")
    council.take_in(
        f"{KUSATSU}/juki",
        "外字コード,読み\nF040,き\nF041,\nF042,\nF043,\n",
        drawn=["F040", "F041", "F042"],
    )
    council.take_in(f"{RITTO}/juki", "外字コード,読み\nF045,き\n", drawn=["F045"])
    council.decide(f"{KUSATSU}/juki/F040", "MJ000001")
    council.decide(f"{KUSATSU}/juki/F042", "MJ000002", "substitute", "窓口で確認")
    council.decide(f"{RITTO}/juki/F045", "MJ000001")
    council.publish()
    return council


def give(council: Council, scope: str = "council", *members: str) -> None:
    for member in members or (KUSATSU, RITTO):
        rights.set_rights(
            council.session, ME, f"{member}/juki", rights.check_scope(scope), ground="承諾書"
        )


def sheet(council: Council, *members: str) -> Sheet:
    release = find_release(council.session, "latest")
    return sheet_of(council.session, council.settings, release, members or (KUSATSU, RITTO))


def made(
    council: Council, folder: Path, *jobs: JobFile, members: tuple[str, ...] = (KUSATSU, RITTO)
) -> PrintBundleShape:
    release = find_release(council.session, "latest")
    return print_bundle(council.session, council.settings, release, members, jobs, folder)


@pytest.fixture
def notices(tmp_path: Path) -> Path:
    file = tmp_path / "notices.csv"
    file.write_bytes(b"1,\xf0\x40\xf0\x40\n2,\xf0\x41\xf0\x42\n3,\xf0\x43\xf0\x50\n")
    return file


# --- the sheet


def test_the_sheet_has_a_row_for_every_code_with_glyph_point_and_character(
    printing: Council,
) -> None:
    give(printing)
    found = sheet(printing)
    shown = [(row.address, *row_cells(row)) for row in found.rows]
    assert [one[1] for one in shown] == ["F040", "F041", "F042", "F043", "F045"]
    first, undecided, substitute, bare, other = found.rows
    assert (first.character, first.juki) == ("MJ000001", 0x3402)
    assert row_cells(first)[4:] == ("J+3402", "字形一致")
    assert first.point is not None
    assert first.point == other.point
    assert first.glyph != other.glyph
    assert (undecided.point, undecided.council, row_cells(undecided)[5]) == (None, None, "未決定")
    assert undecided.glyph in found.glyphs
    assert substitute.note == "窓口で確認"
    assert (bare.glyph, "届いていません" in (bare.note or "")) == (None, True)


def test_the_html_needs_no_script_and_holds_each_glyph_once(printing: Council) -> None:
    give(printing)
    found = sheet(printing)
    text = as_html(found)
    assert text.count("<symbol ") == len(found.glyphs)
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert not re.search("[\ue000-\uf8ff]", text)
    assert text.count('<tr><th scope="row">') == 5
    assert "@media print" in text


def test_the_pdf_tells_the_words_of_the_sheet(printing: Council) -> None:
    give(printing)
    found = sheet(printing)
    document = pdfium.PdfDocument(as_pdf(found, printing.settings))
    assert len(document) == 2
    told = "".join("".join(page.get_textpage().get_text_range().split()) for page in document)
    for row in found.rows:
        for cell in row_cells(row):
            assert cell in told
    assert "草津市" in told
    assert found.digest in told
    assert "㐂" in told
    assert document.get_metadata_value("Subject") == found.digest


def test_every_glyph_cell_of_the_pdf_is_the_preview(printing: Council) -> None:
    give(printing)
    found = sheet(printing)
    data = as_pdf(found, printing.settings)
    rows = found.sets[0].rows
    seen = 0
    for down, row in enumerate(rows):
        for place, digest in zip(GLYPH_PLACES, (row.glyph, row.council), strict=True):
            if digest is None:
                continue
            bottom = TOP - (down + 1) * ROW + (ROW - GLYPH) / 2
            drawn = ink_of(data, MARGIN + place, bottom)
            wanted = mask(found.glyphs[digest], SIDE, margin=0)
            assert difference(drawn, wanted) < 0.02, (row.code, place)
            seen += 1
    assert seen == 5


def ink_of(data: bytes, x: float, y: float) -> Image.Image:
    """The ink of a glyph's em box on the first page: the page is cropped to it and drawn 96 pixels wide."""
    page = pdfium.PdfDocument(data)[0]
    page.set_cropbox(x, y, x + GLYPH, y + GLYPH)
    page.set_mediabox(x, y, x + GLYPH, y + GLYPH)
    bitmap = page.render(scale=SIDE / GLYPH, grayscale=True)
    return ImageChops.invert(bitmap.to_pil().convert("L")).resize((SIDE, SIDE))


def difference(one: Image.Image, two: Image.Image) -> float:
    total = sum(ImageChops.lighter(one, two).tobytes())
    return sum(ImageChops.difference(one, two).tobytes()) / max(1, total)


# --- the folder


def test_the_bundle_holds_fonts_sheet_lists_and_checksums(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    give(printing)
    folder = tmp_path / "print"
    done = made(printing, folder, JobFile("納税通知2027", f"{KUSATSU}/juki", notices))
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    named = [one.name for one in done.files]
    assert files == sorted([*named, "MANIFEST.json", "SHA256SUMS"])
    assert {"sheet.html", "sheet.pdf", "README.txt", "jobs/納税通知2027.csv"} <= set(named)
    assert {"fonts/council.r1.tte", "fonts/council.r1.woff2", "fonts/council.r1.reg"} <= set(named)
    assert "fonts/252069-juki.undecided.r1.tte" in named
    assert "fonts/252085-juki.undecided.r1.tte" not in named
    for line in (folder / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert sha256((folder / name).read_bytes()).hexdigest() == digest
    told = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    assert told == done.model_dump(mode="json")
    assert (done.audience, done.members, done.rows) == ("council", [KUSATSU, RITTO], 5)
    words = (folder / "README.txt").read_text("utf-8")
    assert "納税通知2027" in words
    assert "私用領域の符号位置のまま" in words
    assert "notices.csv" not in words + json.dumps(told)


def test_a_jobs_list_is_what_the_count_of_its_file_says(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    give(printing)
    folder = tmp_path / "print"
    done = made(printing, folder, JobFile("tax", f"{KUSATSU}/juki", notices))
    rows = list(csv.reader(StringIO((folder / "jobs/tax.csv").read_text("utf-8-sig"))))[1:]
    counted = count_file(notices, charset("cp932"))
    assert {row[0]: int(row[1]) for row in rows} == {
        code.hex().upper(): uses for code, uses in counted.counted.codes.items()
    }
    fonts = {row[0]: (row[7], row[8]) for row in rows}
    assert fonts["F040"][0] == fonts["F042"][0] == "council.r1"
    assert fonts["F041"] == ("252069-juki.undecided.r1", "U+E001")
    assert fonts["F043"] == fonts["F050"] == ("", "")
    assert (done.jobs[0].codes, done.jobs[0].uses, done.jobs[0].without_font) == (5, 6, 2)
    for name, point in fonts.values():
        if name:
            font = hb.Font(hb.Face(hb.Blob.from_file_path(folder / f"fonts/{name}.tte")))
            assert font.get_nominal_glyph(int(point[2:], 16))


def test_the_same_release_members_and_files_give_the_same_bytes(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    give(printing)
    job = JobFile("tax", f"{KUSATSU}/juki", notices)
    for name in ("one", "two"):
        made(printing, tmp_path / name, job)
    one, two = (
        {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_without_the_right_nothing_is_made_and_the_list_says_what_to_do(
    printing: Council, tmp_path: Path
) -> None:
    give(printing, "council", KUSATSU)
    give(printing, "member", RITTO)
    with pytest.raises(Refused) as refused:
        made(printing, tmp_path / "print")
    (finding,) = refused.value.extra["findings"]
    assert finding["subject"] == f"{RITTO}/juki/F045"
    assert f"gaiji rights set {RITTO}/juki --scope council" in finding["text"]
    assert not (tmp_path / "print").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".gaiji-")] == []


def test_one_citys_own_printer_needs_its_own_right_alone(printing: Council, tmp_path: Path) -> None:
    give(printing, "member", RITTO)
    done = made(printing, tmp_path / "print", members=(RITTO,))
    assert (done.audience, done.rows) == ("member", 1)
    release = find_release(printing.session, "latest")
    both = print_bundle(
        printing.session,
        printing.settings,
        release,
        (KUSATSU, RITTO),
        (),
        tmp_path / "left",
        refused="leave-out",
    )
    assert "rights-missing" in {finding.code for finding in both.findings}


def test_a_character_that_the_councils_font_may_not_show_stops_a_single_members_bundle(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    own = printing.decide(f"{KUSATSU}/juki/F041", "new", "equivalent", "台帳にだけある字")
    printing.publish()
    give(printing, "member", KUSATSU)
    release = find_release(printing.session, "latest")
    job = JobFile("tax", f"{KUSATSU}/juki", notices)
    with pytest.raises(Refused) as refused:
        made(printing, tmp_path / "print", job, members=(KUSATSU,))
    (finding,) = refused.value.extra["findings"]
    assert (finding["code"], finding["subject"]) == ("rights-missing", own)
    assert f"gaiji rights set {KUSATSU}/juki --scope council" in finding["text"]
    assert not (tmp_path / "print").exists()
    left = print_bundle(
        *(printing.session, printing.settings, release, (KUSATSU,), (job,), tmp_path / "left"),
        refused="leave-out",
    )
    assert [one.subject for one in left.findings if one.code == "rights-missing"] == [own]
    assert listed(tmp_path / "left/jobs/tax.csv")["F041"][7:9] == ["", ""]
    give(printing, "council", KUSATSU)
    made(printing, tmp_path / "print", job, members=(KUSATSU,))
    assert listed(tmp_path / "print/jobs/tax.csv")["F041"][7] == "council.r2"


def listed(path: Path) -> dict[str, list[str]]:
    rows = csv.reader(StringIO(path.read_text("utf-8-sig")))
    return {row[0]: row for row in rows}


def holds(folder: Path, name: str, point: int) -> bool:
    """Whether one of a bundle's files of that font has a glyph for a code point."""
    for path in (folder / "fonts").glob(f"{name}.*"):
        if path.suffix in (".tte", ".woff2") and point in TTFont(path).getBestCmap():
            return True
        if path.suffix == ".bdf" and f"\nENCODING {point}\n" in path.read_text("ascii"):
            return True
    return False


@pytest.mark.parametrize("forms", [("bdf",), ("tte",), ("woff2",), ("bdf", "tte"), ()])
def test_a_list_names_no_font_that_the_bundle_does_not_hold(
    printing: Council, tmp_path: Path, notices: Path, forms: tuple[FontFormat, ...]
) -> None:
    give(printing)
    release = find_release(printing.session, "latest")
    job = JobFile("tax", f"{KUSATSU}/juki", notices)
    print_bundle(
        *(printing.session, printing.settings, release, (KUSATSU, RITTO), (job,), tmp_path / "p"),
        forms=forms,
    )
    rows = listed(tmp_path / "p/jobs/tax.csv")
    for row in list(rows.values())[1:]:
        assert not row[7] or holds(tmp_path / "p", row[7], int(row[8][2:], 16)), row
    assert rows["F041"][7] == "252069-juki.undecided.r1"
    assert rows["F040"][7] == ("council.r1" if forms else "")
    assert bool(rows["F040"][9]) is not bool(forms)


def test_a_dot_font_is_named_for_what_is_in_it_alone(
    printing: Council, tmp_path: Path, notices: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(printing)
    release = find_release(printing.session, "latest")
    job = JobFile("tax", f"{KUSATSU}/juki", notices)
    without = sheet(printing).sets[0].rows[0].point

    def dots(glyphs: Iterable[FontGlyph], side: int) -> tuple[dict[int, Bitmap], list[FontGlyph]]:
        some = [one for one in glyphs if one.code_point != without]
        return dot_glyphs(some, side)

    for module in ("gaiji.glyph.build", "gaiji.report.bundle"):
        monkeypatch.setattr(f"{module}.dot_glyphs", dots)
    both = (KUSATSU, RITTO)
    print_bundle(
        *(printing.session, printing.settings, release, both, (job,), tmp_path / "p"),
        forms=("bdf",),
    )
    rows = listed(tmp_path / "p/jobs/tax.csv")
    assert rows["F040"][7:9] == ["", ""]
    assert holds(tmp_path / "p", rows["F042"][7], int(rows["F042"][8][2:], 16))


def test_a_list_tells_a_code_without_a_meaning_on_the_day_from_one_never_registered(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    own = f"{RITTO}/juki"
    printing.take_in(
        own,
        "外字コード,有効開始日,有効終了日\nF041,,1990-03-31\nF041,2000-04-01,2010-03-31\n"
        "F042,2000-04-01,\n",
    )
    printing.publish()
    give(printing)
    release = find_release(printing.session, "latest")
    notes = {}
    for name, day in (("then", date(1995, 1, 1)), ("now", None)):
        print_bundle(
            *(printing.session, printing.settings, release, (RITTO,)),
            *((JobFile("tax", own, notices),), tmp_path / name),
            as_of=day,
        )
        rows = listed(tmp_path / name / "jobs/tax.csv")
        notes[name] = {code: row[9] for code, row in rows.items()}
    assert notes["then"]["F041"].endswith("(有効な期間: 〜1990-03-31、2000-04-01〜2010-03-31)")
    assert notes["then"]["F042"].endswith("(有効な期間: 2000-04-01〜)")
    assert notes["now"]["F041"] == notes["then"]["F041"]
    assert "フォントに字形がありません" in notes["now"]["F042"]
    for found in notes.values():
        assert found["F050"] == "この版に登録されていないコードです"
        assert "登録されていますが" in found["F041"]


def test_a_folder_that_is_not_empty_keeps_what_it_has(printing: Council, tmp_path: Path) -> None:
    give(printing)
    folder = tmp_path / "print"
    folder.mkdir()
    made(printing, folder)
    before = (folder / "MANIFEST.json").read_bytes()
    with pytest.raises(BadInput):
        made(printing, folder)
    assert (folder / "MANIFEST.json").read_bytes() == before


def test_bad_members_jobs_and_files_are_refused_before_anything_is_written(
    printing: Council, tmp_path: Path, notices: Path
) -> None:
    give(printing)
    own = f"{KUSATSU}/juki"
    bad = tmp_path / "bad.csv"
    bad.write_bytes(b"1,\xf0\xff\n")
    empty = tmp_path / "empty.csv"
    empty.touch()
    tries: list[tuple[type[Exception], tuple[JobFile, ...], tuple[str, ...]]] = [
        (UnknownMember, (), ("252107",)),
        (UnknownRelease, (), (KOKA,)),
        (BadName, (JobFile("../x", own, notices),), (KUSATSU,)),
        (BadName, (JobFile("x", own, notices),) * 2, (KUSATSU,)),
        (BadName, (JobFile("x", own, notices), JobFile("X", own, notices)), (KUSATSU,)),
        (BadName, (JobFile("con", own, notices),), (KUSATSU,)),
        (BadName, (JobFile("LPT1.2027", own, notices),), (KUSATSU,)),
        (BadName, (JobFile("x", own, notices),), (RITTO,)),
        (MalformedInput, (JobFile("x", own, bad),), (KUSATSU,)),
        (BadInput, (JobFile("x", own, tmp_path / "none.csv"),), (KUSATSU,)),
        (BadInput, (JobFile("x", own, empty),), (KUSATSU,)),
    ]
    for kind, jobs, members in tries:
        with pytest.raises(kind) as raised:
            made(printing, tmp_path / "print", *jobs, members=members)
        assert "--malformed" not in str(raised.value)  # an option of another command
        assert not (tmp_path / "print").exists()


def test_a_page_holds_sixty_rows(printing: Council) -> None:
    give(printing)
    found = sheet(printing, KUSATSU)
    (one,) = found.sets
    many = Sheet(
        found.release,
        found.digest,
        found.members,
        None,
        (one._replace(rows=one.rows[:1] * 61),),
        found.glyphs,
        found.council,
    )
    document = pdfium.PdfDocument(BytesIO(as_pdf(many, printing.settings)))
    assert len(document) == 2
    assert document[1].get_size() == pytest.approx(A4, abs=0.01)
