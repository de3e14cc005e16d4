import csv
import io
import re
import xml.etree.ElementTree as ET

import pytest
from rich.cells import cell_len

from gaiji.errors import language
from gaiji.glyph.forms import Bitmap
from gaiji.registry.gaps import glyph_forms
from gaiji.report.fitgap import FitGap, measure
from gaiji.report.tables import aligned, as_csv, as_html, as_text
from tests.council import KUSATSU, Council


@pytest.fixture
def report(council: Council) -> FitGap:
    """Three codes: one fits, one is proposed with a remark that looks like a formula, one unknown."""
    council.add(KUSATSU, "草津<市>")
    council.code_set("252069/juki")
    council.take_in(
        "252069/juki",
        "外字コード,MJ文字図形名,備考\nF040,MJ026190,\nF041,MJ030196,=HYPERLINK(1)\nF042,,＠不明\n",
        drawn=("F040", "F041"),
    )
    council.decide("252069/juki/F040", "MJ026190")
    council.publish()
    return measure(council.session, KUSATSU)


@pytest.fixture
def forms(report: FitGap, council: Council) -> dict[str, bytes]:
    return glyph_forms(council.session, {g.standing.glyph for g in report.gaps if g.standing.glyph})


def test_the_columns_of_the_text_stand_under_each_other(report: FitGap) -> None:
    lines = aligned(("区分", "n"), [["住民記録系", "1"], ["税", "100"]], right=(1,))
    assert [cell_len(line) for line in lines] == [15, 15, 15]
    text = as_text(report)
    header, first = (line for line in text.splitlines() if line.lstrip()[:2] in ("項番", "1 "))
    assert first.split() == ["1", "住民記録系", "1", "3", "1", "2", "33.3", "0", "1", "1", "0"]
    for name, number in (("外字数", "3     1"), ("適合率(%)", "33.3")):
        end = cell_len(header[: header.index(name)] + name)
        assert cell_len(first[: first.index(number)] + number.split()[0]) == end
    assert "252069/juki/F041" in text


def test_the_text_stops_after_the_limit_and_says_how_to_see_the_rest(report: FitGap) -> None:
    text = as_text(report, limit=1)
    assert "252069/juki/F042" not in text
    assert "ほか 1 字" in text
    assert "--format csv" in text
    assert "F041" not in as_text(report, gaps=False)


def test_the_csv_opens_in_a_spreadsheet_and_runs_nothing(report: FitGap) -> None:
    data = as_csv(report)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    assert rows[0][:7] == [
        "項番",
        "システム区分",
        "外字セット数",
        "外字数",
        "適合",
        "不適合",
        "適合率(%)",
    ]
    assert rows[1][:7] == ["1", "住民記録系", "1", "3", "1", "2", "33.3"]
    assert rows[5][1:7] == ["合計", "1", "3", "1", "2", "33.3"]
    assert rows[6] == []
    assert rows[7][0] == "外字コード"
    assert rows[8][0] == "252069/juki/F041"
    assert rows[8][-1] == report.gaps[0].standing.glyph
    assert not any(cell.startswith(("=", "@", "+")) for row in rows for cell in row)
    assert len(list(csv.reader(io.StringIO(as_csv(report, gaps=False).decode("utf-8-sig"))))) == 6


def test_the_html_is_one_file_with_pictures_and_without_script(
    report: FitGap, forms: dict[str, bytes]
) -> None:
    html = as_html(report, forms, {"MJ030196": Bitmap(8, 8, b"\xff" * 8)})
    assert "<script" not in html
    assert not re.search(r"(?:src|href)=", html)
    assert html.count("<svg ") == 2  # the city's F041 and the reference glyph proposed for it
    assert "草津&lt;市&gt;" in html
    assert "<title>252069/juki/F041</title>" in html
    assert "@media print" in html
    for picture in re.findall(r"<svg .*?</svg>", html, re.DOTALL):
        assert ET.fromstring(picture).find("{http://www.w3.org/2000/svg}path") is not None


def test_the_report_speaks_the_language_asked_for(report: FitGap, forms: dict[str, bytes]) -> None:
    token = language.set("en")
    try:
        html, text = as_html(report, forms), as_text(report)
    finally:
        language.reset(token)
    assert '<html lang="en">' in html
    assert "Resident records" in html
    assert "Fit rate" in text
    assert "適合率" not in text
    assert '<html lang="ja">' in as_html(report, forms)
