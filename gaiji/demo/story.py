"""The main job on the built-in council, told command by command (見本の一連の作業).

Everything is done by the commands a user would type; they are printed before they run. Nothing is decided
that a person or a switched-on policy did not decide.
"""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gaiji.demo import moving
from gaiji.demo.council import CITIES, City
from gaiji.demo.council import city as city_of
from gaiji.demo.generate import CodeSetFiles, DemoFiles, generate
from gaiji.errors import Refused, StorageFailed, Text, language
from gaiji.glyph.reference import REFERENCE, fetch_fonts, find_font, reference_font
from gaiji.registry.schema import is_registry
from gaiji.settings import Settings

Run = Callable[[list[str]], int]
Say = Callable[[str], None]

MARK = "demo.json"
DONORS = ("hanamin-a", "hanamin-b")
POLICIES = (
    "exact-mj-name",
    "exact-register-number",
    "exact-sequence",
    "vendor-standard-code",
    "juki-as-transmitted",
)
CLERK, CHAIR = "湖東 花子", "判定委員会"
SEEN, ABSENT = (
    "字形を見て確認",
    "基準文字集合に該当なし",
)  # grounds are part of a release, in any language
CONVERTED = (
    ("252069/juki", "unicode", "escape"),
    ("252069/juki", "juki", "geta"),
    ("252085/fukushi", "unicode", "escape"),
    ("252107/zei", "unicode", "escape"),
    ("252077/kaigo", "unicode", "escape"),
    ("252115/juki", "unicode", "escape"),
)
"""Code set, target and what happens to codes without a character there: CP932 twice, JEF, KEIS83, JIPS(E), IBM 939."""
BY_HAND = ("252069/juki", "252077/juki")


@dataclass(frozen=True)
class Story:
    """One telling: where, how large, and through what it speaks and acts."""

    settings: Settings
    records: int
    run: Run
    say: Say

    def tell(self) -> None:
        """Do the whole main job in a fresh registry of the home folder.

        Raises Refused when the folder holds a registry that no demo made, StorageFailed when a command
        fails.
        """
        started = time.monotonic()
        self._make_room()
        donors, reference = self._fonts()
        self.chapter("市の資料を作る", "What the cities hand in")
        files = generate(
            self.settings.home / "council",
            records=self.records,
            fonts=donors,
            reference=reference,
            progress=self.say,
        )
        self.chapter("台帳と基準文字集合", "Registry and reference set")
        self.do("db", "upgrade")
        (self.settings.home / MARK).write_text(json.dumps({"made_by": "gaiji demo"}) + "\n")
        self.do("reference", "load")
        for policy in POLICIES:
            self.do("policy", "enable", policy, "--by", CHAIR)
        for city in CITIES:
            if not city.candidate:
                self._take_in(city, files)
        self._decide_by_hand(files)
        self.chapter("版1を公布する", "Publish release 1")
        self.do("release", "publish", "--by", CHAIR)
        self._join(files)
        self._convert(files)
        moving.tell(self, files, CHAIR, CLERK)
        self._end(time.monotonic() - started)

    def _make_room(self) -> None:
        home = self.settings.home
        database = home / "gaiji.db"
        if database.exists() and not (home / MARK).exists():
            raise Refused(
                f"{home} には見本ではない台帳があります。--home で別のフォルダを指定してください。",
                f"{home} holds a registry that is not the demo's; name another folder with --home.",
            )
        if self.settings.database and is_registry(self.settings):
            raise Refused(
                "GAIJI_DATABASE のデータベースには台帳があります。見本には空のデータベースを指定してください。",
                "The database of GAIJI_DATABASE holds a registry; give the demo an empty one.",
            )
        home.mkdir(parents=True, exist_ok=True)
        for leftover in (*home.glob("gaiji.db*"), home / "operator.key", home / MARK):
            leftover.unlink(missing_ok=True)
        shutil.rmtree(home / "converted", ignore_errors=True)
        (home / "converted").mkdir()

    def _fonts(self) -> tuple[list[Path], Path]:
        if any(find_font(self.settings, name) is None for name in (REFERENCE, *DONORS)):
            self.chapter("基準フォント", "Reference fonts")
            fetch_fonts(self.settings, self.say)
        donors = [path for name in DONORS if (path := find_font(self.settings, name))]
        return donors, reference_font(self.settings).path

    # --- chapters

    def _take_in(self, city: City, files: DemoFiles) -> None:
        self.chapter(f"{city.name}を受け入れる", f"Take in {city.english}")
        joining = ["--candidate"] if city.candidate else []
        self.do("member", "add", city.code, "--name", city.name, *joining, "--by", CHAIR)
        for handed in files.code_sets:
            if handed.plan.member == city.code:
                self._take_in_set(handed)

    def _take_in_set(self, handed: CodeSetFiles) -> None:
        plan = handed.plan
        options = [
            part
            for name, value in plan.options.items()
            for part in (f"--{name.replace('_', '-')}", str(value))
        ]
        if handed.areas:
            options += ["--areas", str(handed.areas)]
        self.do(
            *("codeset", "add", plan.address, "--charset", plan.charset_name),
            *("--system", plan.system, "--group", plan.group, *options),
        )
        given = {
            "--font": handed.font,
            "--table": handed.table,
            "--cs-table": handed.cs_table,
            "--vendor-table": handed.vendor_table,
        }
        sources = [part for name, path in given.items() if path for part in (name, str(path))]
        rights = ["--rights", "協議会の構成市で利用可", "--scope", "council"]
        if plan.member == moving.LATE:
            rights = ["--rights", "確認中"]
        supplier = f"{city_of(plan.member).name} 情報政策課"
        self.do(
            *("codeset", "import", plan.address, *sources),
            *("--supplier", supplier, *rights, "--by", CLERK),
        )
        for policy in POLICIES:
            self.do("decide", plan.address, "--policy", policy, "--by", CHAIR)

    def _decide_by_hand(self, files: DemoFiles) -> None:
        """Let a clerk decide a few codes; what a clerk sees on the glyph stands in the demo's truth."""
        self.chapter("人が1字ずつ決める", "A person decides single codes")
        truth = json.loads(files.truth.read_text())
        for address in BY_HAND:
            wrong = [
                code for code, kind in truth["trouble"][address].items() if kind == "list-wrong"
            ]
            for code in sorted(wrong)[:2]:
                character = truth["code_sets"][address][code]
                if character:
                    self.do(
                        *("decide", address, "--code", code, "--character", character),
                        *("--relationship", "equivalent", "--ground", SEEN, "--by", CLERK),
                    )
        address = BY_HAND[0]
        drawn = min(truth["drawn"][address])
        self.do(
            *("decide", address, "--code", drawn, "--character", "new"),
            *("--ground", ABSENT, "--by", CLERK),
        )

    def _join(self, files: DemoFiles) -> None:
        candidate = next(city for city in CITIES if city.candidate)
        self._take_in(candidate, files)
        self.chapter(
            f"{candidate.name}の FIT&GAP(加入前)", f"FIT&GAP of {candidate.english} before it joins"
        )
        self.do("fitgap", candidate.code)
        page = self.settings.home / "converted" / f"fitgap-{candidate.code}.html"
        self.do("fitgap", candidate.code, "--format", "html", "--out", str(page))
        self.chapter(
            f"{candidate.name}が加入し、版2を公布する", f"{candidate.english} joins: release 2"
        )
        self.do("member", "join", candidate.code, "--by", CHAIR)
        self.do("release", "publish", "--by", CHAIR)
        self.do("release", "diff", "1", "2", "--limit", "2")
        self.do("fitgap", candidate.code, "--no-gaps", "--release", "2")

    def _convert(self, files: DemoFiles) -> None:
        self.chapter("住民ファイルを変換し、復元する", "Convert resident files and give them back")
        for address, target, policy in CONVERTED:
            self._convert_one(files.of(address), target, policy)

    def _convert_one(self, handed: CodeSetFiles, target: str, policy: str) -> None:
        address, source = handed.plan.address, handed.residents
        if source is None:
            raise StorageFailed("住民ファイルがありません。", "There is no resident file.")
        out = self.settings.home / "converted" / f"{address.replace('/', '-')}.{target}"
        report, receipt, back = (
            out.with_suffix(f".{target}.{kind}") for kind in ("report.json", "receipt", "back")
        )
        self.do(
            *("convert", str(source), str(out), "--from", address, "--to", target),
            *("--on-unmapped", policy, "--max-loss", "1000000"),
            *("--report", str(report), "--receipt", str(receipt), "--digests"),
        )
        self.do("restore", str(out), str(back), "--receipt", str(receipt))
        if back.read_bytes() != source.read_bytes():
            raise StorageFailed(
                f"{back} が元のファイルと一致しません。", f"{back} is not the original file."
            )
        self.say(
            str(
                Text(
                    "  元のファイルとバイト単位で一致しました。",
                    "  Equal to the original, byte for byte.",
                )
            )
        )

    def _end(self, seconds: float) -> None:
        home = self.settings.home
        self.chapter(f"終わり({seconds:.0f} 秒)", f"Done ({seconds:.0f} seconds)")
        lines = Text(
            f"市の資料      {home}/council\n変換結果      {home}/converted\n台帳          {home}/gaiji.db\n"
            f"次は          gaiji serve --open-work --home {home}(または make serve)で字形ブラウザーを開く\n"
            f"              gaiji codeset show 252069/juki --home {home}\n"
            f"              gaiji journal verify --home {home}",
            f"handed in     {home}/council\nconverted     {home}/converted\nregistry      {home}/gaiji.db\n"
            f"next          gaiji serve --open-work --home {home} (or make serve) opens the glyph browser\n"
            f"              gaiji codeset show 252069/juki --home {home}\n"
            f"              gaiji journal verify --home {home}",
        )
        self.say(str(lines))

    # --- telling and doing

    def chapter(self, ja: str, en: str) -> None:
        """Begin a chapter."""
        self.say(f"\n== {Text(ja, en)}")

    def do(self, *arguments: str, status: int = 0) -> None:
        """Show a command and run it. Raises StorageFailed where it ends with another status than told."""
        command = [*arguments, "--home", str(self.settings.home)]
        self.say(f"$ gaiji {shlex.join(command)}")
        spoken = language.get()
        found = self.run(command)
        language.set(spoken)
        if found != status:
            raise StorageFailed(
                f"gaiji {arguments[0]} が終了状態 {found} で止まりました。上の行に理由があります。",
                f"gaiji {arguments[0]} ended with status {found}; the line above says why.",
            )
        if status:
            self.say(
                str(
                    Text(
                        f"  (終了状態 {status}: 期待どおり)",
                        f"  (exit status {status}, as expected)",
                    )
                )
            )
