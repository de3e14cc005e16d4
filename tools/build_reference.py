"""Rebuild gaiji/data/mj byte-identically from the npm package it was taken from.

    python tools/build_reference.py [moji.db | mandel59-mojidata-1.8.1.tgz] [--out DIR]

Without a file, `npm pack` fetches the package from the registry npm is configured for. The package's
and the database's digests are checked; every file written is read back and compared. LICENSE and NOTICE
beside the data are written by hand. The xz bytes depend on liblzma's encoder, so SOURCE.json also
records the sha256 of each unpacked text.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import lzma
import sqlite3
import subprocess
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from gaiji.charset.files import replacing
from gaiji.data import FOLDER, GROUNDS, IVS_FIRST, SVS_FIRST, TABLES, MjRow, parse

PACKAGE = {
    "name": "@mandel59/mojidata",
    "version": "1.8.1",
    "integrity": "sha512-OLA5LEmPHuVbdI8lGXwV3pGVpSIFAqU5+oqhPzK7q662ziWYMqxTGXoxfFb9dQCJ31Wz"
    "SCG1C5rsUb2uynQhIQ==",
    "file": "dist/moji.db",
    "sha256": "fb959e14abdd5b2fd6306513d1e7f477577f7555bc08d3b0ed081a7504526f3d",
}
FILTERS = [
    {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": 1 << 24,
        "lc": 3,
        "lp": 0,
        "pb": 0,
    }
]
IPA = "文字情報技術促進協議会 (CITPC); 独立行政法人情報処理推進機構 (IPA)"
MJ_LIST = {
    "dataset": "MJ文字情報一覧表",
    "edition": "006.02",
    "origin": "https://moji.or.jp/mojikiban/mjlist/",
    "origin_file": "mji.00602.xlsx",
    "origin_sha256": "f79075bf006b66c5e57a6df60503c5a01679cabbcea2f124eb3758593cf6fd3f",
    "licence": "CC-BY-SA-2.1-JP",
    "rights": IPA,
}
KANA_LIST = MJ_LIST | {
    "dataset": "MJ文字情報一覧表 変体仮名編",
    "edition": "002.01",
    "origin_file": "MJIH00201-xlsx.zip",
    "origin_sha256": "d4fbeb012d1519a5fd7256084587e7163fe4f89b1a9b789145cbbe1a548b9262",
}
SHRINK_MAP = MJ_LIST | {
    "dataset": "MJ縮退マップ",
    "edition": "1.2.0",
    "origin": "https://moji.or.jp/mojikiban/map/",
    "origin_file": "MJShrinkMapVer.1.2.0.zip",
    "origin_sha256": "f109f64aaf357d9d44b8eff39c1c633bc7e5b3f526efc812951732f4ca92014c",
}
IVD = {
    "dataset": "Ideographic Variation Database",
    "edition": "2022-09-13",
    "origin": "https://www.unicode.org/ivd/data/2022-09-13/",
    "origin_file": "IVD_Sequences.txt",
    "origin_sha256": "e6168c2ed8e0834d3eccb8a6d43aad004c97c8216e237101f1c2e8347be2b523",
    "licence": "Unicode-3.0",
    "rights": "Unicode, Inc.",
}
SVS = IVD | {
    "dataset": "Unicode Character Database, StandardizedVariants",
    "edition": "17.0.0",
    "origin": "https://www.unicode.org/Public/17.0.0/ucd/",
    "origin_file": "StandardizedVariants.txt",
    "origin_sha256": "f55100b2fb11d3d75a37b8c1ab752192dbd1c4b12328c5ec6b38e3807c0ca597",
}
IDS = {
    "dataset": "BabelStone IDS with the additions of Mojidata IDS",
    "edition": "17.0",
    "origin": "https://babelstone.co.uk/CJK/IDS.TXT",
    "origin_file": "IDS.TXT; ids-unicode-17.0.txt",
    "origin_sha256": "cc2a0a97e6a51ed6ebe59870ef2af66e83f3c3c27387d79b4441bb2d791d78b1; "
    "73d90600a4956f98e7196f9becd847404d0c30488e4c153b6b251144dc3bd9d8",
    "licence": "Apache-2.0",
    "rights": "not copyrighted (BabelStone, Andrew West); CC0-1.0 (Ryusei Yamaguchi); see LICENSE",
}

ORIGINALS = {
    "mj": "SELECT * FROM mji",
    "kana": "SELECT MJ文字図形名, 文字, CharacterName, 字母, 戸籍統一文字番号, 学術用変体仮名番号, "
    "(SELECT group_concat(音価, ' ') FROM (SELECT 音価 FROM mjih_phonetic AS p "
    "WHERE p.MJ文字図形名 = k.MJ文字図形名 ORDER BY p.rowid)), 備考 FROM mjih AS k",
    "readings": "SELECT * FROM mji_reading",
    "radicals": "SELECT * FROM mji_rsindex",
    "shrink": "SELECT * FROM mjsm",
    "notes": "SELECT * FROM mjsm_note",
    "ivd": "SELECT collection, IVS, code FROM ivs",
    "svs": "SELECT * FROM svs_cjkci",
    "ids": "SELECT * FROM ids",
}

Lines = Iterator[str]


def mj(db: sqlite3.Connection) -> Lines:
    """Lines of the list itself, by name."""
    for cells in db.execute('SELECT * FROM mji ORDER BY "MJ文字図形名"'):
        row = MjRow(*cells)
        code = f"{ord(row.own_ucs or row.ucs or ' '):04X}"
        touki = "=" if row.touki and row.touki == f"00{row.koseki}" else row.touki
        yield line(
            *row._replace(
                own_ucs="=" if row.own_ucs and row.own_ucs == row.ucs else row.own_ucs,
                ivs=selector(row.ucs, row.ivs, IVS_FIRST),
                svs=selector(row.ucs, row.svs, SVS_FIRST),
                juki=short(row.juki, "J+", code),
                nyukan_seiji=short(row.nyukan_seiji, "0x", code),
                nyukan_gaiji=short(row.nyukan_gaiji, "0x", ""),
                touki=touki,
            )
        )


def kana(db: sqlite3.Connection) -> Lines:
    """Lines of the 変体仮名, by name; the institute's address follows from the academic number."""
    for cells in db.execute(f"{ORIGINALS['kana']} ORDER BY MJ文字図形名"):
        yield line(*cells)


def readings(db: sqlite3.Connection) -> Lines:
    """One line per character: its readings in the order of the list."""
    rows = db.execute("SELECT MJ文字図形名, 読み FROM mji_reading ORDER BY MJ文字図形名, rowid")
    for name, group in groupby(rows, key=lambda row: row[0]):
        yield line(name, *(reading for _, reading in group))


def radicals(db: sqlite3.Connection) -> Lines:
    """One line per character: its radicals, each with the strokes beside it."""
    rows = db.execute(
        "SELECT MJ文字図形名, 部首, 内画数 FROM mji_rsindex ORDER BY MJ文字図形名, rowid"
    )
    for name, group in groupby(rows, key=lambda row: row[0]):
        yield line(name, *(f"{radical}.{strokes}" for _, radical, strokes in group))


def shrink(db: sqlite3.Connection) -> Lines:
    """A section per table of the shrink map; the order inside a character is the map's."""
    for table in GROUNDS:
        yield f"@{table}"
        ranked = table.startswith("法務省告示")
        number = (
            "順位" if ranked else "ホップ数" if table == "戸籍統一文字情報_親字正字" else "NULL"
        )
        rows = db.execute(
            f'SELECT MJ文字図形名, 縮退UCS, 縮退X0213, {number} FROM "mjsm_{table}" '
            "ORDER BY MJ文字図形名, rowid"
        )
        for name, ucs, x0213, value in rows:
            yield line(name, ucs, x0213, *((value, None) if ranked else (None, value)))


def notes(db: sqlite3.Connection) -> Lines:
    """The shrink map's notes."""
    for cells in db.execute("SELECT MJ文字図形名, 参考情報 FROM mjsm_note ORDER BY MJ文字図形名"):
        yield line(*cells)


def ivd(db: sqlite3.Connection) -> Lines:
    """A section per collection, by sequence."""
    rows = db.execute("SELECT collection, IVS, code FROM ivs ORDER BY collection, IVS")
    for collection, group in groupby(rows, key=lambda row: row[0]):
        yield f"@{collection}"
        for _, sequence, code in group:
            yield line(sequence[0], ord(sequence[1]) - IVS_FIRST, code)


def svs(db: sqlite3.Connection) -> Lines:
    """Standardized sequences of compatibility ideographs."""
    for sequence, compatibility in db.execute("SELECT SVS, CJKCI FROM svs_cjkci ORDER BY SVS"):
        yield line(sequence[0], ord(sequence[1]) - SVS_FIRST, compatibility)


def ids(db: sqlite3.Connection) -> Lines:
    """Ideographic descriptions, by code point; several of one character keep their order."""
    for cells in db.execute("SELECT UCS, source, IDS FROM ids ORDER BY UCS, rowid"):
        yield line(*cells)


def line(*cells: Any) -> str:
    """Join cells; a cell that would break the format ends the run."""
    texts = ["" if cell is None else str(cell) for cell in cells]
    if any(c in text for text in texts for c in "\t\n\r") or texts[0].startswith("@"):
        raise SystemExit(f"a cell that TSV cannot hold: {texts}")
    return "\t".join(texts)


def selector(base: str | None, sequence: str | None, first: int) -> str | None:
    """Return the selector's number; the base must be the row's character."""
    if sequence is None:
        return None
    if len(sequence) != 2 or sequence[0] != base:
        raise SystemExit(f"{sequence!r} is not on its base {base!r}")
    return str(ord(sequence[1]) - first)


def short(code: str | None, prefix: str, same: str) -> str | None:
    """Drop the prefix of a code, and the code where it is `same`."""
    digits = code.removeprefix(prefix) if code else None
    return "=" if digits and digits == same else digits


SOURCES = {
    mj: MJ_LIST,
    kana: KANA_LIST,
    readings: MJ_LIST,
    radicals: MJ_LIST,
    shrink: SHRINK_MAP,
    notes: SHRINK_MAP,
    ivd: IVD,
    svs: SVS,
    ids: IDS,
}


def build(database: Path, out: Path) -> dict[str, Any]:
    """Write every table and SOURCE.json; return what SOURCE.json holds."""
    if hashlib.sha256(database.read_bytes()).hexdigest() != PACKAGE["sha256"]:
        raise SystemExit(f"{database} is not {PACKAGE['file']} of {PACKAGE['version']}")
    db = sqlite3.connect(f"file:{database}?mode=ro&immutable=1", uri=True)
    out.mkdir(parents=True, exist_ok=True)
    tables = {}
    for lines_of, provenance in SOURCES.items():
        table = TABLES[lines_of.__name__]
        text, rows = render(table.name, table.columns, provenance["edition"], list(lines_of(db)))
        data = lzma.compress(text, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=FILTERS)
        if as_text(parse(table.name, data)) != as_text(db.execute(ORIGINALS[table.name])):
            raise SystemExit(f"{table.name} does not read back as the database has it")
        with replacing(out / f"{table.name}.tsv.xz") as file:
            file.write(data)
        tables[table.name] = provenance | {
            "file": f"{table.name}.tsv.xz",
            "rows": rows,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "text_sha256": hashlib.sha256(text).hexdigest(),
            "changes": "selected, sorted and re-encoded as TSV; values unchanged",
        }
    source = {
        "namespace": "MJ",
        "edition": MJ_LIST["edition"],
        "generator": "tools/build_reference.py",
        "package": PACKAGE,
        "tables": tables,
    }
    with replacing(out / "SOURCE.json") as file:
        file.write(json.dumps(source, ensure_ascii=False, indent=1).encode() + b"\n")
    return source


def render(name: str, columns: Iterable[str], edition: str, lines: list[str]) -> tuple[bytes, int]:
    """Return the TSV with its two head lines, and the number of rows a reader will find in it."""
    body = [text for text in lines if not text.startswith("@")]
    grouped = name in ("readings", "radicals")
    rows = sum(text.count("\t") for text in body) if grouped else len(body)
    head = [f"{name}\t{edition}\t{rows}", "\t".join(columns)]
    return ("\n".join(head + lines) + "\n").encode(), rows


def as_text(rows: Iterable[tuple[Any, ...]]) -> list[list[str]]:
    """Return rows sorted and as text, None, the empty text and the list's `-` alike, for comparison."""
    return sorted(
        [" ".join(v) if isinstance(v, tuple) else "" if v in (None, "-") else str(v) for v in row]
        for row in rows
    )


def unpack(package: Path, folder: Path) -> Path:
    """Return moji.db out of the npm package, whose integrity must be the pinned one."""
    digest = hashlib.sha512(package.read_bytes()).digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != PACKAGE["integrity"]:
        raise SystemExit(f"{package} is not {PACKAGE['name']} {PACKAGE['version']}")
    with tarfile.open(package) as archive:
        archive.extract(f"package/{PACKAGE['file']}", folder, filter="data")
    return folder / "package" / PACKAGE["file"]


def main() -> None:
    """Find the database, build, and print what was written."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("file", nargs="?", type=Path, help="moji.db or the package's .tgz")
    options.add_argument("--out", type=Path, default=FOLDER, help="default: gaiji/data/mj")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        file = chosen.file
        if file is None:
            spec = f"{PACKAGE['name']}@{PACKAGE['version']}"
            subprocess.run(["npm", "pack", "--silent", spec], cwd=name, check=True)
            file = next(Path(name).glob("*.tgz"))
        if file.suffix == ".tgz":
            file = unpack(file, Path(name))
        tables = build(file, chosen.out)["tables"]
    for table, entry in tables.items():
        print(f"{table:10} {entry['rows']:>8,} rows {entry['bytes']:>10,} bytes")
    print(f"{'all':10} {'':>8}      {sum(e['bytes'] for e in tables.values()):>10,} bytes")


if __name__ == "__main__":
    main()
