"""The files of a release (版のファイル): mapping files and their exports, made once and kept in the cache folder.

A cached file is named by everything it depends on: digests of release and code sets, target, the options fixed in it,
revisions of engine, tables and file format. So no file is ever another one's, and an older program's is never taken.
A mapping file has its checksum inside, any other its sha256 beside it: what is damaged is made anew. The cache may be
deleted at any time; beyond `cache_max_bytes` what was used least recently goes.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
from threading import Lock
from typing import Any, get_args

from sqlalchemy.orm import Session

from gaiji.charset.charsets import TABLE_REVISION, UNICODE
from gaiji.charset.compiling import BAKED, write_mapping
from gaiji.charset.conversion import TARGETS, Conversion
from gaiji.charset.convert import Prepared
from gaiji.charset.exporting import (
    TEXTS,
    VENDOR_CHARSETS,
    check_vendor,
    csv_export,
    json_export,
    vendor_export,
)
from gaiji.charset.files import replacing_all, storage_error
from gaiji.charset.mapfile import MAGIC, MappingFile, open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.stream import ENGINE_REVISION
from gaiji.charset.ucm import check_expressible, is_partial, write_ucm
from gaiji.errors import BadMappingFile, Busy, UnknownReleaseFile
from gaiji.registry.journal import canonical
from gaiji.registry.releases import find_release, mapping
from gaiji.registry.tables import Json, Release
from gaiji.settings import Settings
from gaiji.wire.mapfiles import Format, ReleaseFileShape, ReleaseFilesShape

MANIFEST = "MANIFEST.json"
EXPORT_REVISION = 1  # raised when an export of the same mapping file becomes another one
CHECK = ".sha256"
MAKING_TIMEOUT_S = 120.0
KEPT_S = 3600  # a file used within the hour may be on its way out
_MAKING = Lock()

_EXPORTS: dict[Format, Callable[[MappingFile, str], bytes]] = {
    "ucm": write_ucm,
    "csv": lambda file, _name: csv_export(file),
    "json": lambda file, _name: json_export(file),
    "hulft": lambda file, _name: vendor_export(file, "hulft"),
    "fujitsu": lambda file, _name: vendor_export(file, "fujitsu"),
}


@dataclass(frozen=True)
class FileSpec:
    """Which file of a release (版のファイルの指定). to: a target or another code set.

    options: only those that are fixed in a file count.
    """

    codeset: str
    to: str = "unicode"
    format: Format = "gmap"
    options: Options = field(default_factory=Options)

    def name(self, release: Release) -> str:
        """Return the file's name, `252069-juki.unicode.r3.gmap`; options that are no default follow the target."""
        parts = [self.codeset.replace("/", "-"), self.to.replace("/", "-")]
        if self.options.ivs != "auto":
            parts.append(f"ivs-{self.options.ivs}")
        if self.options.mj_format != " ":
            parts.append(f"mj-{sha256(self.options.mj_format.encode()).hexdigest()[:8]}")
        if self.options.as_of is not None:
            parts.append(f"as-of-{self.options.as_of.isoformat()}")
        parts.append(f"r{release.number}")
        charset = release.manifest["code_sets"].get(self.codeset, {}).get("charset", "")
        if self.format == "ucm" and is_partial(charset):
            parts.append("double-byte")
        if self.format == "hulft":
            return ".".join([*parts, f"gt{VENDOR_CHARSETS['hulft'].get(charset, '')}to8.txt"])
        return ".".join([*parts, "fujitsu.txt" if self.format == "fujitsu" else self.format])


# --- making


def mapping_file(
    session: Session,
    settings: Settings,
    code_set: str,
    target: str,
    release: Release,
    options: Options | None = None,
) -> Path:
    """Return the mapping file of a code set and target in a release (対応表ファイル), made if the cache has none.

    It converts both ways. target: one of `TARGETS` or another code set. options: ivs, mj_format and as_of are fixed in
    the file, the others do not matter. A damaged file is made anew. Raises UnknownCodeSet, UnknownRelease,
    UnsupportedConversion, Busy, DiskFull, StorageFailed.
    """
    baked = _baked(options)

    def write(path: Path) -> None:
        one = mapping(session, code_set, release, as_of=baked.as_of)
        two = mapping(session, target, release, as_of=baked.as_of) if "/" in target else target
        write_mapping(path, Conversion(one, two, baked))

    return _cached(session, settings, release, FileSpec(code_set, target, "gmap", baked), write)


def release_file(session: Session, settings: Settings, release: Release, spec: FileSpec) -> Path:
    """Return any file of a release, made if the cache has none. Raises as `mapping_file`."""
    if spec.format == "gmap":
        return mapping_file(session, settings, spec.codeset, spec.to, release, spec.options)
    charset = _pinned(session, release, spec.codeset)["charset"]
    if spec.format == "ucm":
        check_expressible(charset, spec.to)
    elif spec.format == "hulft" or spec.format == "fujitsu":
        check_vendor(spec.format, charset, spec.to)
    gmap = mapping_file(session, settings, spec.codeset, spec.to, release, spec.options)

    def write(path: Path) -> None:
        name = spec.name(release).rpartition(".")[0]
        data = _EXPORTS[spec.format](open_mapping(gmap), name)
        with replacing_all(_check(path), path) as (check, file):
            check.write(sha256(data).hexdigest().encode())
            file.write(data)

    return _cached(session, settings, release, spec, write)


def _baked(options: Options | None) -> Options:
    known = options or Options()
    return Options(ivs=known.ivs, mj_format=known.mj_format, as_of=known.as_of)


def _cached(
    session: Session,
    settings: Settings,
    release: Release,
    spec: FileSpec,
    make: Callable[[Path], object],
) -> Path:
    path = _place(session, settings, release, spec)
    if _is_whole(path, spec):
        with suppress(OSError):
            os.utime(path)  # used now
        return path
    with _in_turn():
        if not _is_whole(path, spec):
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise storage_error(error, path.parent) from error
            make(path)
            _shrink(settings, path)
    return path


def _place(session: Session, settings: Settings, release: Release, spec: FileSpec) -> Path:
    stem, dot, suffix = spec.name(release).rpartition(".")
    key = sha256(canonical(_facts(session, release, spec)).encode()).hexdigest()
    return settings.cache_folder / f"{stem}.{key[:32]}{dot}{suffix}"


def _facts(session: Session, release: Release, spec: FileSpec) -> Json:
    """Return everything the content of a file depends on."""
    sets = [address for address in (spec.codeset, spec.to) if "/" in address]
    return {
        "release": release.digest,
        "code_sets": [[address, _pinned(session, release, address)] for address in sets],
        "from": spec.codeset,
        "to": spec.to,
        "format": [spec.format, MAGIC.hex(), EXPORT_REVISION if spec.format != "gmap" else 0],
        "options": _fixed(spec.options),
        "engine": ENGINE_REVISION,
        "tables": TABLE_REVISION,
    }


def _pinned(session: Session, release: Release, address: str) -> Json:
    """Return what a release says of a code set. Raises BadName, UnknownCodeSet, UnknownRelease."""
    pinned: Json | None = release.manifest["code_sets"].get(address)
    if pinned is None:
        mapping(session, address, release)  # raises why there is none
        raise LookupError(address)
    return pinned


def _fixed(options: Options) -> dict[str, Any]:
    shown = options.as_dict()
    return {name: shown[name] for name in BAKED}


def _is_whole(path: Path, spec: FileSpec) -> bool:
    if not path.is_file():
        return False
    if spec.format != "gmap":
        try:
            told = _check(path).read_bytes()
            return sha256(path.read_bytes()).hexdigest().encode() == told
        except OSError:
            return False
    try:
        open_mapping(path)
    except BadMappingFile:
        return False
    return True


def _check(path: Path) -> Path:
    """Return where the sha256 of an export stands."""
    return path.with_name(path.name + CHECK)


@contextmanager
def _in_turn() -> Iterator[None]:
    """Let one file be made at a time in this process: it takes a core for seconds."""
    if not _MAKING.acquire(timeout=MAKING_TIMEOUT_S):
        raise Busy(
            "対応表ファイルの作成が混み合っています。しばらくしてからやり直してください。",
            "Too many mapping files are being made; try again later.",
        )
    try:
        yield
    finally:
        _MAKING.release()


def _shrink(settings: Settings, made: Path) -> None:
    """Delete what was used least recently until the cache is within its limit; what was just made stays."""
    found = []
    for path in settings.cache_folder.iterdir():
        if path.suffix == CHECK:  # goes with its file
            continue
        with suppress(FileNotFoundError):  # another process shrinks too
            state = path.stat()
            found.append((path == made, state.st_mtime_ns, state.st_size, path))
    used = sum(size for _, _, size, _ in found)
    recent = time.time_ns() - KEPT_S * 1_000_000_000
    for is_made, used_ns, size, path in sorted(found):
        if used <= settings.cache_max_bytes or is_made or used_ns > recent:
            return
        with suppress(OSError):  # Windows keeps what somebody maps
            path.unlink()
            used -= size
            _check(path).unlink(missing_ok=True)


# --- listing and exporting


def default_specs(release: Release) -> list[FileSpec]:
    """Return the files that every release has: a mapping file to `unicode` for each code set."""
    return [FileSpec(address) for address in sorted(release.manifest["code_sets"])]


def chosen_specs(
    release: Release,
    code_sets: Iterable[str] = (),
    targets: Iterable[str] = ("unicode",),
    format: Format = "gmap",
    options: Options | None = None,
) -> list[FileSpec]:
    """Return the files of code sets (all of the release if none is named) and targets.

    Where no code set is named, those that the format cannot hold are left out, and none is its own target.
    """
    named = list(dict.fromkeys(code_sets))
    pinned = release.manifest["code_sets"]
    return [
        FileSpec(address, target, format, _baked(options))
        for address in named or sorted(pinned)
        for target in dict.fromkeys(targets)
        if named or (address != target and _holds(format, pinned[address]["charset"]))
    ]


def _holds(format: Format, charset: str) -> bool:
    """Whether a format has a place for a charset."""
    if format == "hulft" or format == "fujitsu":
        return charset in VENDOR_CHARSETS[format]
    return format != "ucm" or charset not in UNICODE


def served_specs(release: Release) -> dict[str, FileSpec]:
    """Return the files that can be asked for by name: every target and format, options at their defaults."""
    specs = [
        FileSpec(address, target, format)
        for address, pinned in release.manifest["code_sets"].items()
        for target in TARGETS
        for format in get_args(Format)
        if _holds(format, pinned["charset"])
        if format in ("gmap", "csv", "json") or target in TEXTS
    ]
    return {spec.name(release): spec for spec in specs}


def find_file(
    session: Session, settings: Settings, release: Release, name: str
) -> tuple[Path, ReleaseFileShape]:
    """Return a file of a release by its name, and what the list says of it. Raises UnknownReleaseFile."""
    spec = served_specs(release).get(name)
    if spec is None:
        raise UnknownReleaseFile(
            f"版 {release.number} に {name[:80]} というファイルはありません。/v1/releases/{release.number}/files の"
            "一覧で確かめてください。",
            f"Release {release.number} has no file {name[:80]}; see the list at "
            f"/v1/releases/{release.number}/files.",
        )
    path = release_file(session, settings, release, spec)
    return path, _shape(release, spec, path)


def file_list(session: Session, settings: Settings, release: Release) -> ReleaseFilesShape:
    """Return the list of a release's files (版のファイルの一覧), by name; nothing is made for it.

    Size and sha256 are told of what the cache holds: making all files of many cities takes hours.
    """
    shapes = []
    for spec in sorted(default_specs(release), key=lambda spec: spec.name(release)):
        path = _place(session, settings, release, spec)
        shapes.append(_shape(release, spec, path if _is_whole(path, spec) else None))
    return _listed(release, shapes)


def _listed(release: Release, shapes: list[ReleaseFileShape]) -> ReleaseFilesShape:
    return ReleaseFilesShape(
        items=shapes,
        release=release.number,
        digest=release.digest,
        engine=ENGINE_REVISION,
        tables=TABLE_REVISION,
    )


def _shape(release: Release, spec: FileSpec, path: Path | None) -> ReleaseFileShape:
    pinned = release.manifest["code_sets"][spec.codeset]
    state = path.stat() if path else None
    return ReleaseFileShape(
        name=spec.name(release),
        format=spec.format,
        codeset=spec.codeset,
        charset=pinned["charset"],
        to=spec.to,
        digest=pinned["digest"],
        options=_fixed(spec.options),
        bytes=state.st_size if state else None,
        sha256=_digest(path, state.st_size, state.st_ino, state.st_ctime_ns)
        if path and state
        else None,
    )


@lru_cache(1024)
def _digest(path: Path, _bytes: int, _inode: int, _changed_ns: int) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def export(
    session: Session, settings: Settings, release: Release, folder: Path, specs: Iterable[FileSpec]
) -> ReleaseFilesShape:
    """Write files of a release and `MANIFEST.json` into a folder (版の書出し): all of them, or none.

    Raises as `mapping_file`; BadInput where a folder stands under the name of a file.
    """
    found = []
    for spec in sorted(specs, key=lambda spec: spec.name(release)):
        path = release_file(session, settings, release, spec)
        found.append((_shape(release, spec, path), path))
    listed, paths = _listed(release, [shape for shape, _ in found]), [path for _, path in found]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(error, folder) from error
    places = [folder / item.name for item in listed.items]
    with replacing_all(folder / MANIFEST, *places) as (manifest, *files):
        manifest.write(listed.canonical())
        for path, file in zip(paths, files, strict=True):
            with path.open("rb") as source:
                shutil.copyfileobj(source, file)
    return listed


LARGE_BYTES = 1 << 21
"""Input from which the mapping file is worth making; what is smaller converts sooner without."""


def prepared(
    session: Session, settings: Settings, conversion: Conversion, size: int | None
) -> Prepared:
    """Return the quickest way to run a conversion of so many bytes (変換の準備), None for unknown; all ways agree."""
    if size is not None and size < LARGE_BYTES:
        return conversion
    facts, options = conversion.facts, conversion.options
    ends = facts.source, facts.target
    code_set, target = ends if "/" in ends[0] else ends[::-1]
    release = find_release(session, conversion.mapping.release)
    path = mapping_file(session, settings, code_set, target, release, options)
    return open_mapping(path).prepare(*ends, options)
