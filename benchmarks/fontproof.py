"""Proof: the fonts of all code sets, of the council and of a shared server show the registry's glyphs, every one.

`python -m benchmarks.fontproof HOME FOLDER` builds them all into a folder: the proof runs it twice, to compare bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import ots  # type: ignore[import-untyped]
import uharfbuzz as hb
from PIL import Image
from sqlalchemy.orm import Session

from benchmarks.harness import ROOT
from benchmarks.world import ACTOR, World
from gaiji.glyph.build import FontGlyph, as_built, as_woff2, build_font, font_em
from gaiji.glyph.drift import ink_difference
from gaiji.glyph.forms import Outline, normal
from gaiji.glyph.opentype import read_outline
from gaiji.registry import adoption, db, members, releases
from gaiji.registry.fonts import FontContent, FontSubject, glyphs_for
from gaiji.report.cutover import make_plan
from gaiji.settings import Settings
from tests.fontshow import CHROMIUM, SIZE_PX, chromium, preview, previewed, printed, typed

DAY = date(2026, 11, 1)
SERVER = "proof"
SAME_INK = 0.02
SAMPLED_INK = 0.03
"""Dot patterns whose edges fall between Chromium's samples: it takes four by four of a device pixel."""
SEEDS = {"1": "UTC", "77": "Asia/Tokyo"}
"""PYTHONHASHSEED of each building process, and its time zone."""


class Largest(NamedTuple):
    """The largest difference of ink, and where it is."""

    part: float = 0.0
    where: str = ""
    beyond: int = 0

    def with_all(
        self,
        name: str,
        glyphs: Iterable[FontGlyph],
        pairs: Iterable[tuple[Image.Image, Image.Image]],
        limit: float = SAME_INK,
    ) -> Largest:
        """Return the larger of this and of some glyphs', none of which may reach the limit.

        beyond: how many of all have 2 % or more.
        """
        found = self
        for one, (drawn, shown) in zip(glyphs, pairs, strict=True):
            part = ink_difference(drawn, shown)
            assert part < limit, f"{name}: {one.name} differs by {part:.4f}"
            if part > found.part:
                found = found._replace(part=part, where=f"{one.name} of {name}")
            if part >= SAME_INK:
                found = found._replace(beyond=found.beyond + 1)
        return found

    def __str__(self) -> str:
        return f"{int(self.part * 10_000 + 0.999_999) / 100} % ({self.where})"


def prove(world: World) -> Iterator[str]:
    """Yield a line per claim; raise AssertionError where one does not hold. Nothing is committed."""
    contents = gathered(world.settings)
    folders = _built_twice(world)
    fonts = {name: (folders[0] / f"{name}.tte").read_bytes() for name in contents}
    count = sum(len(one.glyphs) for one in contents.values())
    assert set(fonts) == {path.stem for path in folders[0].glob("*.tte")}
    for name in fonts:
        for suffix in ("tte", "woff2"):
            first, second = ((folder / f"{name}.{suffix}").read_bytes() for folder in folders)
            assert first == second, f"{name}.{suffix}"
    yield (
        f"{len(fonts)} fonts (every code set, the council's, a shared server's) of {count:,} glyphs, as .tte and as "
        f"WOFF2: byte-identical from two processes with PYTHONHASHSEED {' and '.join(SEEDS)} and different time zones"
    )
    yield _outlines(contents, fonts)
    for path in sorted(path for path in folders[0].iterdir()):
        done = subprocess.run([str(ots.OTS_SANITIZE), str(path)], capture_output=True, check=False)
        assert done.returncode == 0, f"{path.name}: {done.stderr.decode()}"
    yield f"the OpenType Sanitizer accepts all {2 * len(fonts)} files"
    largest = Largest()
    for name, content in contents.items():
        shown = map(preview, (one.glyph for one in content.glyphs))
        drawn = printed(fonts[name], content.glyphs)
        largest = largest.with_all(name, content.glyphs, zip(drawn, shown, strict=True))
    yield (
        f"FreeType at {SIZE_PX} pixels: the ink of every glyph is that of its PNG preview but for {largest} at most"
    )
    yield from _in_chromium(contents, folders[0])


def gathered(settings: Settings) -> dict[str, FontContent]:
    """Return what the fonts are made of, by file name; asked for to compare, without rights."""
    engine = db.connect(settings)
    try:
        with Session(engine.execution_options(writes=True)) as session:
            release = releases.find_release(session, "latest")
            adoption.add_site(session, ACTOR, f"server:{SERVER}")
            named = sorted(one.code for one in members.all_members(session) if not one.candidate)
            make_plan(session, ACTOR, SERVER, named, release="latest", as_of=DAY)
            subjects = [
                *(FontSubject("codeset", name) for name in sorted(release.manifest["code_sets"])),
                FontSubject("release"),
                FontSubject("server", SERVER),
            ]
            found = {
                one.file_stem(release.number): glyphs_for(
                    session, settings, one, release, audience="unknown"
                )
                for one in subjects
            }
            session.rollback()
    finally:
        engine.dispose()
    return found


def _built_twice(world: World) -> list[Path]:
    """Build everything in two processes at once that differ in what must not matter."""
    running = []
    unneeded = shutil.ignore_patterns("council", "converted", "cache")
    for seed, zone in SEEDS.items():
        folder, home = world.folder / f"fonts-{seed}", world.folder / f"home-{seed}"
        folder.mkdir()
        shutil.copytree(world.home, home, ignore=unneeded)  # each plans the server for itself
        command = [sys.executable, "-m", "benchmarks.fontproof", str(home), str(folder)]
        given = os.environ | {"PYTHONHASHSEED": seed, "TZ": zone}
        running.append((folder, subprocess.Popen(command, cwd=ROOT, env=given)))
    ended = {folder.name: process.wait() for folder, process in running}
    assert not any(ended.values()), f"building failed: {ended}"
    return [folder for folder, _ in running]


def _outlines(contents: dict[str, FontContent], fonts: dict[str, bytes]) -> str:
    """Hold every outline, by HarfBuzz, against the registry's."""
    exact = rounded = 0
    for name, content in contents.items():
        font = hb.Font(hb.Face(hb.Blob(fonts[name])))
        em_units = font_em(one.glyph for one in content.glyphs)
        assert set(font.face.unicodes) == {one.code_point for one in content.glyphs}, name
        for one in content.glyphs:
            index = font.get_nominal_glyph(one.code_point)
            found = normal(read_outline(font, index))
            assert font.get_glyph_name(index) == one.name, (name, one.name)
            assert found == normal(as_built(one.glyph, em_units)), (name, one.name)
            is_exact = not isinstance(one.glyph, Outline) or found == normal(
                _grown(one.glyph, em_units)
            )
            exact += is_exact
            rounded += not is_exact
    return (
        f"HarfBuzz: all {exact + rounded:,} code points, and no others, have the outline built for them, {exact:,} of "
        f"them the registry's own without any rounding, {rounded:,} rounded to the font's em"
    )


def _grown(outline: Outline, em_units: int) -> Outline:
    """Return an outline in another em, exactly, where that is a multiple of its own."""
    times, rest = divmod(em_units, outline.em_units)
    if rest:
        return outline
    contours = tuple(
        tuple(tuple((x * times, y * times) for x, y in segment) for segment in contour)
        for contour in outline.contours
    )
    return Outline(em_units, outline.advance * times, contours)


def _in_chromium(contents: dict[str, FontContent], folder: Path) -> Iterator[str]:
    assert CHROMIUM.exists(), f"{CHROMIUM} is missing"
    as_text, as_area, sampling = Largest(), Largest(), 0.0
    with chromium() as browser:
        for name, content in contents.items():
            glyphs, font = content.glyphs, (folder / f"{name}.woff2").read_bytes()
            shown = previewed(browser, glyphs)
            drawn = typed(browser, font, glyphs, 1)
            as_text = as_text.with_all(name, glyphs, zip(drawn, shown, strict=True))
            drawn = typed(browser, font, glyphs, 4)
            exact = [preview(one.glyph) for one in glyphs]
            as_area = as_area.with_all(name, glyphs, zip(drawn, exact, strict=True), SAMPLED_INK)
            sampling = max(sampling, *map(ink_difference, shown, exact))
        version = browser.version
    yield (
        f"Chromium {version} at {SIZE_PX} pixels, one device pixel a pixel: the ink of every glyph is that of its SVG "
        f"preview in the same page but for {as_text} at most"
    )
    yield (
        f"Chromium at {SIZE_PX} pixels of four by four device pixels: that of its PNG preview but for {as_area} at "
        f"most, {as_area.beyond} glyphs by 2 % or more; at one device pixel Chromium's own sampling parts its two "
        f"pictures of the preview, SVG and PNG, by up to {int(sampling * 1000) / 10} %, with no font involved"
    )


def main(home: str, folder: str) -> None:
    """Build every font into a folder."""
    for name, content in gathered(Settings(home=Path(home))).items():
        data = build_font(content.glyphs, content.facts, "tte")
        (Path(folder) / f"{name}.tte").write_bytes(data)
        (Path(folder) / f"{name}.woff2").write_bytes(as_woff2(data))


if __name__ == "__main__":
    main(*sys.argv[1:])
