"""What others rely on, held as snapshots: the API, a built font, a release's digest.

A change shows as a diff of tests/snapshots; `GAIJI_WRITE_SNAPSHOTS=1 pytest tests/test_contracts.py` writes
them anew, and the CHANGELOG says why.
"""

import io
import json
import os
from pathlib import Path

from fontTools.ttLib import TTFont

from gaiji.cli import run
from gaiji.glyph.build import build_truetype
from gaiji.glyph.forms import Bitmap, Glyph, Outline
from gaiji.registry import db, releases
from gaiji.settings import Settings
from gaiji.web.app import create_app, openapi

SNAPSHOTS = Path(__file__).parent / "snapshots"
BOWL = Outline(
    1000,
    1000,
    ((((500, 0), (900, 100)), ((900, 700),), ((100, 700),), ((100, 100), (300, 100))),),
)


def check(name: str, text: str) -> None:
    """Compare with the snapshot of a name, or write it where that is asked."""
    if os.environ.get("GAIJI_WRITE_SNAPSHOTS"):
        (SNAPSHOTS / name).write_text(text, "utf-8")
    assert text == (SNAPSHOTS / name).read_text("utf-8")


def test_the_api_is_the_one_integrators_know(tmp_path: Path) -> None:
    described = openapi(create_app(Settings(home=tmp_path)))
    check(
        "openapi.json", json.dumps(described, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    )


def test_a_built_font_holds_what_it_held() -> None:
    glyphs: dict[int, tuple[str, Glyph]] = {
        0xE000: ("uniE000", BOWL),
        0xE001: ("uniE001", Bitmap(8, 8, bytes.fromhex("ff818181818181ff"))),
    }
    font = TTFont(io.BytesIO(build_truetype(glyphs, family="Gaiji Sample", licence="none")))
    dump = io.StringIO()
    font.saveXML(dump, writeVersion=False, skipTables=["head"])
    check("font.ttx", dump.getvalue())


def test_a_sample_release_has_its_digest(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text(
        "外字コード,MJ,使用開始日\nF040,MJ026190,\nF041,MJ022335,2020-04-01\n", "utf-8"
    )
    juki = "252069/juki"
    for command in (
        ["db", "upgrade"],
        ["reference", "load"],
        ["member", "add", "252069", "--name", "草津市"],
        ["codeset", "add", juki, "--charset", "cp932", "--system", "住民記録"],
        ["codeset", "import", juki, "--table", str(table)],
        ["decide", juki, "--code", "F040", "--character", "MJ026190"],
        [
            "decide",
            juki,
            "--code",
            "F041",
            "--character",
            "MJ022335",
            "--relationship",
            "design-difference",
        ],
        ["release", "publish"],
    ):
        assert run([*command, "--home", str(tmp_path)]) == 0
    engine = db.connect(Settings(home=tmp_path))
    with db.reading(engine) as session:
        release = releases.find_release(session, 1)
        check(
            "release.json",
            json.dumps(
                {"digest": release.digest, "manifest": release.manifest},
                ensure_ascii=False,
                indent=1,
                sort_keys=True,
            )
            + "\n",
        )
    engine.dispose()
