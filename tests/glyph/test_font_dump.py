"""A gaiji font as text: what is in it changes only when somebody means it to.

`GAIJI_WRITE_SNAPSHOTS=1 pytest tests/glyph/test_font_dump.py` writes the dumps anew, and the CHANGELOG says why.
"""

import io
import os
from pathlib import Path
from typing import Literal

import pytest
from fontTools.ttLib import TTFont

from gaiji.glyph.build import build_dots, build_font, provenance_file
from gaiji.glyph.forms import Bitmap
from gaiji.wire.fonts import FontProvenanceShape
from tests.glyph.test_font_build import FACTS, MIXED, one

GLYPHS = [*MIXED[:2], one(0xE002, Bitmap(24, 24, b"\x0f\x00\xf0" * 24), "F042")]
SNAPSHOTS = Path(__file__).parents[1] / "snapshots"


def check(name: str, text: str) -> None:
    """Compare with the snapshot of a name, or write it where that is asked."""
    if os.environ.get("GAIJI_WRITE_SNAPSHOTS"):
        (SNAPSHOTS / name).write_text(text, "utf-8")
    assert text == (SNAPSHOTS / name).read_text("utf-8")


def dump(form: Literal["tte", "woff2"]) -> str:
    font = TTFont(io.BytesIO(build_font(GLYPHS, FACTS, form)))
    text = io.StringIO()
    font.saveXML(text, writeVersion=False)
    return text.getvalue()


def test_a_windows_gaiji_font_holds_what_it_held() -> None:
    check("gaiji-font.ttx", dump("tte"))


@pytest.mark.parametrize("table", ["glyf", "cmap", "name", "hmtx", "vmtx", "OS/2", "post", "gasp"])
def test_the_font_of_browsers_holds_the_same(table: str) -> None:
    def part(text: str) -> str:
        tag = table.replace("/", "_")
        return text[text.index(f"<{tag}>") : text.index(f"</{tag}>")]

    assert part(dump("woff2")) == part(dump("tte"))


def test_a_dot_font_and_the_provenance_hold_what_they_held() -> None:
    check("gaiji-font.bdf", build_dots(GLYPHS, FACTS, 48).decode())
    told = provenance_file(GLYPHS, FACTS).decode()
    check("gaiji-font.provenance.json", told)
    shape = FontProvenanceShape.model_validate_json(told)
    assert [one.name for one in shape.glyphs] == [one.name for one in GLYPHS]
