"""The files of a release (版のファイル): mapping files and their exports, made once and kept in the cache folder.

A cached file is named by everything it depends on: digests of release and code sets, target, the options fixed in it,
the plan of a CS server, revisions of engine, tables and file format. So an older program's file is never taken.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from hashlib import file_digest, sha256
from pathlib import Path
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
from gaiji.errors import BadInput, UnknownReleaseFile
from gaiji.registry.cache import cached, digest_of, keep
from gaiji.registry.conversions import Pinned, conversion
from gaiji.registry.cutover import plan_record
from gaiji.registry.journal import canonical
from gaiji.registry.releases import find_release, mapping
from gaiji.registry.tables import Json, Release
from gaiji.settings import Settings
from gaiji.wire.mapfiles import Format, ReleaseFileShape, ReleaseFilesShape

MANIFEST = "MANIFEST.json"
EXPORT_REVISION = 1  # raised when an export of the same mapping file becomes another one

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

    options: only those that are fixed in a file count. to_release: that of the other code set where it is another one;
    plan: of a shared CS server, `cs1/2`.
    """

    codeset: str
    to: str = "unicode"
    format: Format = "gmap"
    options: Options = field(default_factory=Options)
    to_release: int | None = None
    plan: str | None = None

    def name(self, release: Release) -> str:
        """Return the file's name, `252069-juki.unicode.r3.gmap`; options that are no default follow the target."""
        parts = [self.codeset.replace("/", "-"), self.to.replace("/", "-")]
        if self.options.ivs != "auto":
            parts.append(f"ivs-{self.options.ivs}")
        if self.options.mj_format != " ":
            parts.append(f"mj-{sha256(self.options.mj_format.encode()).hexdigest()[:8]}")
        if self.options.keep != "0208":
            parts.append(f"keep-{self.options.keep}")
        if self.options.as_of is not None:
            parts.append(f"as-of-{self.options.as_of.isoformat()}")
        if self.plan is not None:
            parts.append(self.plan.replace("/", "-"))
        parts.append(f"r{release.number}")
        if self.to_release not in (None, release.number):
            parts.append(f"to-r{self.to_release}")
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

    It converts both ways. target: one of `TARGETS` or another code set. options: those of `BAKED` are fixed in the
    file, the others do not matter. A damaged file is made anew. Raises UnknownCodeSet, UnknownRelease,
    UnsupportedConversion, Busy, DiskFull, StorageFailed.
    """
    return _made(session, settings, release, FileSpec(code_set, target, "gmap", _baked(options)))


def _made(session: Session, settings: Settings, release: Release, spec: FileSpec) -> Path:
    """Return the mapping file behind a specification, whatever its format."""
    gmap = replace(spec, format="gmap", options=_baked(spec.options))
    pinned = Pinned(release.number, spec.to_release, spec.plan)

    def write(path: Path) -> None:
        ends, options = (spec.codeset, spec.to), gmap.options
        write_mapping(path, conversion(session, *ends, pinned, options, of_today=False))

    return _cached(session, settings, release, gmap, write)


def release_file(session: Session, settings: Settings, release: Release, spec: FileSpec) -> Path:
    """Return any file of a release, made if the cache has none. Raises as `mapping_file`."""
    if spec.format == "gmap":
        return _made(session, settings, release, spec)
    charset = _pinned(session, release, spec.codeset)["charset"]
    if spec.format == "ucm":
        check_expressible(charset, spec.to)
    elif spec.format == "hulft" or spec.format == "fujitsu":
        check_vendor(spec.format, charset, spec.to)
    gmap = _made(session, settings, release, spec)

    def write(path: Path) -> None:
        name = spec.name(release).rpartition(".")[0]
        keep(path, _EXPORTS[spec.format](open_mapping(gmap), name))

    return _cached(session, settings, release, spec, write)


def _baked(options: Options | None) -> Options:
    known = options or Options()
    return Options(**{name: getattr(known, name) for name in BAKED})


def _cached(
    session: Session,
    settings: Settings,
    release: Release,
    spec: FileSpec,
    make: Callable[[Path], object],
) -> Path:
    path = _place(session, settings, release, spec)
    return cached(settings, path, make, lambda one: _is_whole(one, spec))


def _place(session: Session, settings: Settings, release: Release, spec: FileSpec) -> Path:
    stem, dot, suffix = spec.name(release).rpartition(".")
    key = sha256(canonical(_facts(session, release, spec)).encode()).hexdigest()
    return settings.cache_folder / f"{stem}.{key[:32]}{dot}{suffix}"


def _facts(session: Session, release: Release, spec: FileSpec) -> Json:
    """Return everything the content of a file depends on."""
    sets = [(spec.codeset, release)]
    if "/" in spec.to:
        other = spec.to_release
        sets.append((spec.to, find_release(session, other) if other is not None else release))
    return {
        "release": release.digest,
        "code_sets": [[one, _pinned(session, number, one)] for one, number in sets],
        "other_release": sets[-1][1].digest,
        "plan": spec.plan and plan_record(session, *_plan_name(spec.plan)).digest,
        "from": spec.codeset,
        "to": spec.to,
        "format": [spec.format, MAGIC.hex(), EXPORT_REVISION if spec.format != "gmap" else 0],
        "options": _fixed(spec.options),
        "engine": ENGINE_REVISION,
        "tables": TABLE_REVISION,
    }


def _plan_name(plan: str) -> tuple[str, int]:
    server, _, number = plan.partition("/")
    return server, int(number)


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
    if spec.format != "gmap":
        return digest_of(path) is not None
    try:
        open_mapping(path)
    except BadInput:
        return False
    return True


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


def prepared(session: Session, settings: Settings, asked: Conversion, size: int | None) -> Prepared:
    """Return the quickest way to run a conversion of so many bytes (変換の準備), None for unknown; all ways agree."""
    if size is not None and size < LARGE_BYTES:
        return asked
    facts, options = asked.facts, asked.options
    ends = facts.source, facts.target
    code_set, target = ends if "/" in ends[0] else ends[::-1]
    release = find_release(session, asked.mapping.release)
    plan = f"{facts.cutover[0]}/{facts.cutover[1]}" if facts.cutover else None
    spec = FileSpec(code_set, target, "gmap", _baked(options), facts.target_release, plan)
    return open_mapping(_made(session, settings, release, spec)).prepare(*ends, options)
