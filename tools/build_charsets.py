"""Write the tables of the IBM host charsets (IBM漢字コード表) from ICU's converters, byte-identically each time.

Run without arguments where ICU's `uconv` is installed; the result goes to gaiji/data/charset. The tables of
the converters named below never change between editions of ICU, so any edition gives the same bytes. Codes of the
user-defined area and the substitution character are left out: the charset itself says what they mean.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from gaiji.charset.files import replacing
from gaiji.charset.ibm import FILE, FOLDER, SHARED, parse

CONVERTERS = {
    "ibm930": "ibm-930_P120-1999",
    "ibm939": "ibm-939_P120-1999",
    "ibm1390": "ibm-1390_P110-2003",
    "ibm1399": "ibm-1399_P110-2003",
}
SO, SI, LINE = b"\x0e", b"\x0f", b"\x25"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 20}]


def uconv(data: bytes, *options: str) -> bytes:
    """Run ICU's converter over bytes."""
    return subprocess.run(["uconv", *options], input=data, capture_output=True, check=True).stdout


def read(converter: str, codes: list[bytes]) -> dict[bytes, str]:
    """Return what each code reads as, one line a code; codes without text are left out."""
    lines = [SO + code + SI if len(code) == 2 else code for code in codes]
    options = ("-f", converter, "-t", "utf-16be", "--from-callback", "escape-icu")
    texts = uconv(LINE.join(lines), *options).decode("utf-16-be").split("\n")
    if len(texts) != len(codes):
        raise SystemExit(f"{converter}: {len(codes)} codes gave {len(texts)} lines")
    pairs = zip(codes, texts, strict=True)
    return {code: text for code, text in pairs if text and not text.startswith("%X")}


def unwritten(converter: str, reading: Mapping[bytes, str]) -> list[bytes]:
    """Return the codes that ICU does not write for their own text."""
    text = "\n".join(reading.values()).encode()
    lines = uconv(text, "-f", "utf-8", "-t", converter, "--no-fallback", "--to-callback", "skip")
    codes = [line.replace(SO, b"").replace(SI, b"") for line in lines.split(LINE)]
    return [code for code, written in zip(reading, codes, strict=True) if code != written]


def tables(name: str) -> tuple[dict[bytes, str], dict[bytes, str], list[bytes]]:
    """Return the single bytes, the double bytes and the codes that are only read, of one charset."""
    converter = CONVERTERS[name]
    singles = [bytes([b]) for b in range(256) if bytes([b]) not in (SO, SI, LINE)]
    single = read(converter, singles) | {LINE: "\n"}
    rows = range(0x40, 0xFF)
    double = read(converter, [bytes([lead, trail]) for lead in rows for trail in rows])
    double = {code: text for code, text in double.items() if not is_left_out(text)}
    read_only = unwritten(converter, double)
    return dict(sorted(single.items())), double, read_only


def is_left_out(text: str) -> bool:
    """Whether a text is a private-use image or the substitution character."""
    return "\ue000" <= text <= "\uf8ff" or text == "\ufffd" or text >= "\U000f0000"


def runs(double: Mapping[bytes, str]) -> Iterator[str]:
    """Yield a line per run of codes that follow each other in one row; a sequence is a line of its own."""
    first, last, texts = b"", b"", ""
    for code, text in sorted(double.items()):
        follows = texts and int.from_bytes(code) == int.from_bytes(last) + 1
        if len(text) > 1 or not follows:
            if texts:
                yield f"{first.hex().upper()}\t{texts}"
            first, texts = code, ""
        if len(text) > 1:
            yield f"{code.hex().upper()}=\t{text}"
        else:
            texts += text
        last = code
    if texts:
        yield f"{first.hex().upper()}\t{texts}"


def lines() -> Iterator[str]:
    """Yield the lines of the file; a charset's double bytes are what it has beyond those it shares."""
    yield "ibm\tsingle and double bytes of IBM 930, 939, 1390 and 1399"
    made: dict[str, dict[bytes, str]] = {}
    for name in CONVERTERS:
        single, double, read_only = tables(name)
        made[name] = double
        yield f"@single {name}"
        for code, text in single.items():
            yield f"{code.hex().upper()}\t{ord(text):04X}"
        shared: dict[bytes, str] = {}
        for other in SHARED[name]:
            shared |= made[other]
        if not shared.items() <= double.items():
            raise SystemExit(f"{name} does not have everything of {SHARED[name]}")
        yield f"@double {name}"
        yield from runs(dict(sorted(double.items() - shared.items())))
        yield f"@unwritten {name}"
        yield from (code.hex().upper() for code in read_only)


def build(out: Path) -> dict[str, object]:
    """Write the file and SOURCE.json; return what SOURCE.json holds."""
    text = ("\n".join(lines()) + "\n").encode()
    data = lzma.compress(text, format=lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, filters=FILTERS)
    for name, table in parse(data).items():
        single, double, read_only = tables(name)
        if (table.single, table.double, table.unwritten) != (single, double, frozenset(read_only)):
            raise SystemExit(f"{name} does not read back as ICU has it")
    source: dict[str, object] = {
        "file": FILE,
        "dataset": "converters of ICU (International Components for Unicode), from IBM's CDRA tables",
        "converters": CONVERTERS,
        "origin": "https://github.com/unicode-org/icu-data (charset/data/ucm); Debian package icu-devtools",
        "licence": "Unicode-3.0",
        "rights": "Unicode, Inc.; International Business Machines Corporation and others",
        "generator": "tools/build_charsets.py",
        "changes": "user-defined areas (6941-7FFE, 6941-89BD), substitution characters and fallbacks left out",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "text_sha256": hashlib.sha256(text).hexdigest(),
    }
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / FILE) as file:
        file.write(data)
    with replacing(out / "SOURCE.json") as file:
        file.write(json.dumps(source, ensure_ascii=False, indent=1).encode() + b"\n")
    return source


def main() -> None:
    """Build, and print what was written."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--out", type=Path, default=FOLDER, help="default: gaiji/data/charset")
    source = build(options.parse_args().out)
    print(f"{source['file']} {source['bytes']:,} bytes, sha256 {source['sha256']}")


if __name__ == "__main__":
    main()
