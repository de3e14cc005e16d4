"""The trusted fonts: the reference font by glyph name, and where fonts are found (基準フォント).

A font is trusted because its sha256 is the one in fonts/SOURCES.toml; it is fetched from its Debian package
and never shipped.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import tomllib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn

import uharfbuzz as hb

from gaiji.errors import BadFont, NoPicture, Refused, StorageFailed, Where
from gaiji.glyph.forms import Outline
from gaiji.glyph.opentype import read_outline
from gaiji.settings import Settings, shipped

REFERENCE = "ipamj"
NAMED = re.compile(r"(mj|gj)([0-9]{6})")


class ReferenceFont:
    """The font whose glyph names are the reference set's names (基準フォント), e.g. mj026190.

    Glyphs are drawn by name, never by text: 34 of IPAmj's are reached by no code. Safe for threads.
    """

    def __init__(self, path: Path, face: hb.Face) -> None:
        self.path = path
        self._face = face
        self._indices: dict[str, int] | None = None
        self._lock = threading.Lock()
        self._local = threading.local()

    @classmethod
    def open(cls, path: Path) -> ReferenceFont:
        """Open the font; its names are read when first asked for.

        Raises NoPicture when the file cannot be opened, BadFont when it holds no glyphs.
        """
        try:
            face = hb.Face(hb.Blob.from_file_path(path))
        except (OSError, hb.HarfBuzzError) as error:
            raise NoPicture(
                "基準フォントを開けません。gaiji fonts status で確かめてください。",
                "The reference font cannot be opened; see gaiji fonts status.",
                where=Where(file=str(path)),
            ) from error
        if not face.glyph_count or "glyf" not in face.table_tags:
            raise BadFont(
                "基準フォントではありません。gaiji fonts fetch で取り直してください。",
                "This is not the reference font; get it again with gaiji fonts fetch.",
                where=Where(file=str(path)),
            )
        return cls(path, face)

    def names(self) -> frozenset[str]:
        """Return the names of all drawable characters: glyphs mjNNNNNN, gjNNNNNN as MJNNNNNN, GJNNNNNN."""
        return frozenset(self._names())

    def glyph(self, name: str) -> Outline:
        """Return the outline of a character of the reference set, e.g. MJ026190 (基準字形).

        Raises NoPicture when the font has no glyph of that name.
        """
        try:
            index = self._names()[name]
        except KeyError:
            raise NoPicture(
                f"基準フォントに {name} の字形はありません。名前を確かめてください。",
                f"The reference font has no glyph for {name}; check the name.",
                where=Where(file=self.path.name),
            ) from None
        if not hasattr(self._local, "font"):
            self._local.font = hb.Font(self._face)
        return read_outline(self._local.font, index)

    @property
    def face(self) -> hb.Face:
        """The font as HarfBuzz has it, to draw many glyphs by index."""
        return self._face

    def index(self, name: str) -> int:
        """Return the glyph index of a character, e.g. MJ026190; raises KeyError where it has none."""
        return self._names()[name]

    def _names(self) -> dict[str, int]:
        with self._lock:
            if self._indices is None:
                font = hb.Font(self._face)
                named = ((font.get_glyph_name(i), i) for i in range(self._face.glyph_count))
                self._indices = {n.upper(): i for n, i in named if n and NAMED.fullmatch(n)}
            return self._indices


# --- finding and fetching fonts


@dataclass(frozen=True)
class FontSource:
    """A font of fonts/SOURCES.toml (フォントの出所)."""

    name: str
    role: Literal["reference", "donor"]
    title: str
    package: str
    version: str
    file: str
    edition: str
    licence: str
    sha256: str
    homepage: str = ""
    title_en: str = ""
    licence_file: str = ""
    licence_sha256: str = ""

    @property
    def file_name(self) -> str:
        """The name of the file without its folder."""
        return Path(self.file).name


class FontStatus(NamedTuple):
    """Whether a font is there (フォントの状態): ready, missing, or another edition at that path."""

    source: FontSource
    state: Literal["ready", "missing", "other-edition"]
    path: Path | None


@lru_cache
def font_sources() -> tuple[FontSource, ...]:
    """Return the fonts of fonts/SOURCES.toml (フォントの出所一覧)."""
    rows = tomllib.loads(shipped("fonts", "SOURCES.toml").read_text("utf-8"))["font"]
    return tuple(FontSource(**row) for row in rows)


def font_status(settings: Settings) -> list[FontStatus]:
    """Return every font with its state (フォントの状態): the configured folder first, then Debian's."""
    return [_status(settings, source) for source in font_sources()]


def find_font(settings: Settings, name: str) -> Path | None:
    """Return the path of a font of fonts/SOURCES.toml, None when it is missing or another edition.

    name: `ipamj`, `hanamin-a`, `hanamin-b`. Raises KeyError for a name that is not in that file.
    """
    source = next((source for source in font_sources() if source.name == name), None)
    if source is None:
        raise KeyError(name)
    found = _status(settings, source)
    return found.path if found.state == "ready" else None


def licence_text(settings: Settings, name: str) -> str | None:
    """Return the full text of a font's licence from its package (ライセンス全文), None where it is not at hand.

    It is nowhere in this program: it comes with the font, and is known by its sha256. Raises KeyError for another name.
    """
    source = {source.name: source for source in font_sources()}[name]
    if not source.licence_file:
        return None
    file = Path(source.licence_file)
    for path in (settings.font_folder / file.name, Path("/") / file):
        try:
            text = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, zlib.error):
            continue
        if hashlib.sha256(text).hexdigest() == source.licence_sha256:
            return text.decode("utf-8-sig")
    return None


def reference_font(settings: Settings) -> ReferenceFont:
    """Return the reference font, opened once per path (基準フォント).

    Raises NoPicture when it is not installed.
    """
    path = find_font(settings, REFERENCE)
    if path is None:
        raise NoPicture(
            "基準フォント（IPAmj明朝）がありません。gaiji fonts fetch を実行してください。",
            "The reference font (IPAmj Mincho) is not installed; run gaiji fonts fetch.",
        )
    return _opened(path)


@lru_cache(maxsize=4)
def _opened(path: Path) -> ReferenceFont:
    return ReferenceFont.open(path)


def _status(settings: Settings, source: FontSource) -> FontStatus:
    other = None
    for path in (settings.font_folder / source.file_name, Path("/") / source.file):
        if path.is_file():
            if _sha256(path) == source.sha256:
                return FontStatus(source, "ready", path)
            other = other or path
    return FontStatus(source, "other-edition" if other else "missing", other)


def _sha256(path: Path) -> str:
    status = path.stat()
    return _digest(path, status.st_mtime_ns, status.st_size, status.st_ino)


@lru_cache(maxsize=64)
def _digest(path: Path, *_changes: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch_fonts(
    settings: Settings, progress: Callable[[str], None] = lambda line: None
) -> list[FontStatus]:
    """Make every font of fonts/SOURCES.toml ready (フォントの取得), and return their state.

    A font that is ready is left alone. As root its Debian package is installed; otherwise, and where that
    gives another edition, the package is downloaded and its font unpacked into the configured folder.
    progress: gets one line per step. Raises Refused when a font is not to be had in its edition,
    StorageFailed when the folder cannot be written.
    """
    for package in dict.fromkeys(source.package for source in font_sources()):
        missing = _missing(settings, package)
        if missing and os.geteuid() == 0 and shutil.which("apt-get"):
            _install(package, progress)
            missing = _missing(settings, package)
        if missing:
            progress(f"apt-get download {package}")
            _unpack(settings, package, missing)
        for source in _missing(settings, package):
            _not_to_be_had(source)
    return font_status(settings)


def _install(package: str, progress: Callable[[str], None]) -> None:
    """Install a package as root, with a fresh package list where the present one does not know it."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", package]
    for command in (install, ["apt-get", "update"], install):
        progress(" ".join(command[:2]) + (f" {package}" if command is install else ""))
        if _run(command, fatal=False) and command is install:
            return


def _missing(settings: Settings, package: str) -> list[FontSource]:
    sources = (source for source in font_sources() if source.package == package)
    return [source for source in sources if find_font(settings, source.name) is None]


def _unpack(settings: Settings, package: str, sources: list[FontSource]) -> None:
    """Take fonts out of a downloaded package, checked before they appear under their names."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        _not_to_be_had(sources[0])
    folder = settings.font_folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as temporary:
            work = Path(temporary)
            _run(["apt-get", "download", f"{package}={sources[0].version}"], cwd=work, fatal=False)
            if not list(work.glob("*.deb")):
                _run(["apt-get", "download", package], cwd=work)
            for archive in work.glob("*.deb"):
                _run(["dpkg-deb", "-x", str(archive.resolve()), str(work.resolve() / "tree")])
            for source in sources:
                found = work / "tree" / source.file
                if not found.is_file() or _sha256(found) != source.sha256:
                    _not_to_be_had(source)
                with found.open("rb") as file:
                    os.fsync(file.fileno())
                os.replace(found, folder / source.file_name)
                licence = work / "tree" / source.licence_file
                if licence.is_file():  # fonts made of its outlines go with it
                    os.replace(licence, folder / licence.name)
    except OSError as error:
        raise StorageFailed(
            "フォントの保存先に書き込めません。空き容量と権限を確かめてください。",
            "The font folder cannot be written; check its space and permissions.",
            where=Where(file=str(folder)),
        ) from error


def _run(command: list[str], *, cwd: Path | None = None, fatal: bool = True) -> bool:
    """Run a command and tell whether it succeeded; raises Refused with its last line when fatal."""
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, errors="replace"
    )
    if fatal and done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        raise Refused(
            f"{command[0]} {command[1]} が失敗しました: {said}。パッケージの取得先を確かめてください。",
            f"{command[0]} {command[1]} failed: {said}; check where packages come from.",
        )
    return done.returncode == 0


def _not_to_be_had(source: FontSource) -> NoReturn:
    raise Refused(
        f"{source.title}（{source.edition}）を取得できません。Debianパッケージ {source.package} の "
        f"{source.version} から {source.file_name} を取り出し、GAIJI_FONTS のフォルダに置いてください。",
        f"{source.title} ({source.edition}) is not to be had here; take {source.file_name} out of the "
        f"Debian package {source.package} {source.version} and put it into the folder GAIJI_FONTS.",
        sha256=source.sha256,
    )
