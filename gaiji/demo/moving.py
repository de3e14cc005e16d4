"""What follows the main job: which release runs where, collisions, the move to a shared CS server, fonts, print."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Protocol

from gaiji.charset.files import replacing
from gaiji.demo.council import CITIES
from gaiji.demo.drawing import drifted
from gaiji.demo.generate import DemoFiles
from gaiji.registry.db import today
from gaiji.settings import Settings

SERVER, FIRST, LATE = "cs1", "252069", "252093"
RESIDENTS = f"{FIRST}/juki"
"""The city that moves first, and the one that came late and never said how far its glyphs may go."""
CHECKED, CONSENT = "窓口の運用で確認", "字形利用の承諾書 2026-11-20"
ANSWERS = {
    "two-codes": "--one-way",
    "standard-and-local": "--one-way",
    "text-and-local": "--local",
    "only-substitutes": "--one-way",
}
COUNTED = (RESIDENTS, "252085/fukushi", "252115/juki")


def _day_ahead(months: int, day: int) -> str:
    """Return a day of a month to come, e.g. 2026-12-01: nothing runs before its release is published."""
    now = today()
    years, month = divmod(now.month - 1 + months, 12)
    return date(now.year + years, month + 1, day).isoformat()


class Telling(Protocol):
    """What tells and does: the story's own chapters and commands."""

    @property
    def settings(self) -> Settings:
        """Where it is told."""

    def chapter(self, ja: str, en: str) -> None:
        """Begin a chapter."""

    def do(self, *arguments: str, status: int = 0) -> None:
        """Run a command that must end with a status."""


def tell(story: Telling, files: DemoFiles, chair: str, clerk: str) -> None:
    """Tell it all (CSサーバーの共用から印刷まで), after release 2."""
    folder = story.settings.home / "converted"
    _stand(story, chair)
    _collide(story, files, clerk)
    _plan(story, files, folder, chair, clerk)
    _draw(story, files, folder, clerk)


def _stand(story: Telling, chair: str) -> None:
    story.chapter("どの市がどの版か", "Where each city stands")
    first_day = _day_ahead(1, 1)
    for city in CITIES:
        release = "1" if city.code == FIRST else "2"
        story.do("adopt", city.code, "--release", release, "--from", first_day, "--by", chair)
    story.do("site", "add", f"terminals:{FIRST}/窓口", "--by", chair)
    story.do("adoptions", "--day", first_day)


def _collide(story: Telling, files: DemoFiles, clerk: str) -> None:
    story.chapter("市どうしの外字の衝突", "Where the gaiji of the cities collide")
    for address in COUNTED:
        residents = files.of(address).residents
        story.do("usage", "count", str(residents), "--codeset", address, "--by", clerk)
    story.do("collisions", "--kind", "same-slot", "--used", "--order", "uses")


def _plan(story: Telling, files: DemoFiles, folder: Path, chair: str, clerk: str) -> None:
    story.chapter("CSサーバーを共用する計画", "Plan one CS server for all")
    story.do("site", "add", f"server:{SERVER}", "--area", "E000-F8FF", "--by", chair)
    earlier = ",".join(city.code for city in CITIES if city.code != LATE)
    story.do("cutover", "plan", "--server", SERVER, "--members", earlier, "--by", chair)
    story.chapter(
        "八つ目の市を加える: 七市は変わらない", "The eighth city changes nothing for the seven"
    )
    plan = ("cutover", "plan", "--server", SERVER, "--members", "all", "--by", chair)
    story.do(*plan)
    story.chapter("戻りのあいまいな文字を決める", "Decide what comes back where several could")
    for kind, answer in ANSWERS.items():
        story.do(
            *("cutover", "rule", SERVER, "all", "--kind", kind, answer),
            *("--ground", CHECKED, "--by", clerk),
        )
    story.do(*plan, str(folder / SERVER))
    story.chapter("移行の前に抽出データで確かめる", "Check the move over a city's own extract")
    extract = f"{RESIDENTS}={files.of(RESIDENTS).residents}"
    check = ("cutover", "check", "--server", SERVER, "--extract", extract, str(folder / "check"))
    story.do(*check, status=1)
    others = [one.plan.address for one in files.code_sets if one.plan.member == FIRST]
    without = [word for one in others if one != RESIDENTS for word in ("--without", one)]
    story.do(*check, *without, "--max-loss", "1000000")
    story.do("cutover", "move", SERVER, FIRST, "--day", _day_ahead(2, 4), "--by", chair)


def _draw(story: Telling, files: DemoFiles, folder: Path, clerk: str) -> None:
    story.chapter("端末と印刷のフォント", "Fonts for terminals and printers")
    fonts = folder / "fonts"
    fonts.mkdir(exist_ok=True)
    late = ("font", "build", "--codeset", f"{LATE}/juki", str(fonts / f"{LATE}.tte"))
    story.do(*late, status=1)
    for handed in files.code_sets:
        if handed.plan.member == LATE:
            story.do(
                *("rights", "set", handed.plan.address, "--scope", "council"),
                *("--ground", CONSENT, "--by", clerk),
            )
    story.do(*late)
    own = ("font", "build", "--codeset", RESIDENTS)
    story.do(*own, "--format", "woff2", str(fonts / "juki.woff2"))
    story.do(*own, "--format", "bdf", "--dots", "48", str(fonts / "juki.bdf"))
    found = fonts / "terminal.tte"
    with replacing(found) as file:
        file.write(drifted(files.of(RESIDENTS).font.read_bytes()))
    mended = ("--mend", str(fonts / "mended"))
    story.do("font", "check", str(found), "--codeset", RESIDENTS, *mended, status=1)
    story.do("bundle", "print", "--members", FIRST, "--fonts", "tte", str(folder / "print"))
