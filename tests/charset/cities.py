"""Code sets in every charset over the small council, and both engines run over the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, NamedTuple

from gaiji.charset import kernel
from gaiji.charset.charsets import NAMES, UNICODE, charset
from gaiji.charset.conversion import TARGETS, Conversion
from gaiji.charset.fast import FastStream
from gaiji.charset.mapfile import MappingFile
from gaiji.charset.mapping import Mapping, Row
from gaiji.charset.receipt import Recorder
from gaiji.charset.resolve import Options, Resolver
from gaiji.charset.script import Script
from gaiji.charset.standard import cp932_writing, x0213_repertoire
from gaiji.charset.stream import Stream
from gaiji.charset.targets import script_of as script_in
from gaiji.charset.ways import End
from gaiji.errors import MalformedInput, UnmappedCode, Where
from tests.charset.council import CS1, REPERTOIRE, VS

MANY = 10**9
HOST, NEIGHBOUR = "252085/host", "252077/host"
ENDS = (*TARGETS, *NAMES)
"""What a city's files can be converted to: a target, or a neighbour's code set by its charset."""
NEIGHBOURS = {
    "cp932": "jef",
    "eucjp-ms": "utf-8",
    "jef": "cp932",
    "keis78": "keis83",
    "keis83": "ibm1390",
    "jips-j": "jef",
    "jips-e": "ibm930",
    "ibm930": "jips-j",
    "ibm939": "keis83",
    "ibm1390": "eucjp-ms",
    "ibm1399": "keis83",
    "utf-16le": "eucjp-ms",
    "utf-16be": "jips-e",
    "utf-8": "cp932",
}
TO_UNICODE = tuple((name, "unicode") for name in NAMES)
SERVER = "cs1"
"""The end `juki` with the code points of a shared server."""
SHARED = ("pua", SERVER)
"""Ends with code points that cities share, where no image may be kept."""
PAIRS = (
    *TO_UNICODE,
    *((name, SERVER) for name in ("cp932", "jef", "utf-16be")),
    *zip(NAMES, TARGETS[1:] * 4, strict=False),
    *NEIGHBOURS.items(),
)
"""Every charset with `unicode`, with one other target and with one neighbour."""
BYTES = tuple(name for name in NAMES if name not in UNICODE)
JIPS_E_AREA = {"first": "41A1", "last": "45FE", "trails": [[0xA1, 0xFE]], "image": "U+E000"}
CHARACTERS = (
    *("MJ026190", "MJ030196", "MJ022335", "MJ022336", "MJ026192", "MJ026196", "MJ037321"),
    *("MJ003719", "OM000001", "MJ032129", "MJ013582", "MJ013582"),
)
"""What the first local codes of a city are; the last two are one character."""


def city(name: str, code_set: str = HOST, **declared: Any) -> Mapping:
    """Return a code set in a charset; its first 12 local codes and the 16th are decided."""
    areas = [JIPS_E_AREA] if name == "jips-e" else None
    made = charset(name, **{"areas": areas, **declared})
    codes = local_codes(made.areas[0].code)
    rows = [Row(code, id, "equivalent") for code, id in zip(codes, CHARACTERS, strict=False)]
    rows.append(Row(codes[15], "MJ010541", "substitute", "窓口で確認"))
    return Mapping(3, "3b" * 32, code_set, made, rows, REPERTOIRE)


def script_of(name: str) -> Script:
    """Return how a city in a charset writes characters."""
    return script_in(city(name).charset)


def local_codes(code: Callable[[int], bytes]) -> list[bytes]:
    """Return the first local codes of an area."""
    return [code(at) for at in range(16)]


def conversion(name: str, end: str, options: Options | None = None) -> Conversion:
    """Return the conversion of a city's files to one of `ENDS`."""
    if end == SERVER:
        return Conversion(city(name), "juki", options or Options(), CS1)
    other: Mapping | str = end if end in TARGETS else city(end, NEIGHBOUR)
    return Conversion(city(name), other, options or Options())


MappingFiles = Callable[[str, str], MappingFile]
"""Gives the mapping file of a conversion by charset and end."""


def every_code(mapping: Mapping) -> list[bytes]:
    """Return the codes of the standard area in order, then the user-defined ones.

    A Unicode charset has what JIS X 0213 and CP932 have, and of its 131,068 private-use codes in planes 15 and 16
    every 61st.
    """
    script = script_in(mapping.charset)
    local = list(mapping.charset.user_codes())
    if script.codec is None:
        codes = [code for code in script.reading if code not in script.shifts]
        return [*codes, *local]
    texts = sorted(x0213_repertoire() | cp932_writing().keys())
    size = mapping.charset.areas[0].size
    return [*(text.encode(script.codec) for text in texts), *local[:size], *local[size::61]]


def written(script: Script, codes: Sequence[bytes]) -> bytes:
    """Return codes as an encoder writes them one after the other."""
    return script.joined(map(script.standing, codes))


class Ended(NamedTuple):
    """Everything that came of a run: what both engines must agree in."""

    out: bytes = b""
    characters: dict[str, int] | None = None
    seen: dict[Any, Any] | None = None
    totals: tuple[int, ...] = ()
    first_loss: Any = None
    receipt: tuple[bytes, bool] | None = None
    error: tuple[type, str, Where | None] | None = None


def run(
    kind: type[Stream],
    resolver: Resolver,
    data: bytes,
    size: int = 1 << 20,
    *,
    receipt: bool = False,
    counting: bool = False,
    opening: bool = True,
) -> Ended:
    """Send bytes through an engine in chunks of a size, the last one as such."""
    recorder = Recorder() if receipt else None
    stream = kind(resolver, recorder=recorder, counting=counting, opening=opening)
    cuts = range(0, max(1, len(data)), size)
    try:
        parts = [stream.feed(data[at : at + size], final=at == cuts[-1]) for at in cuts]
        out = b"".join(parts)
    except (MalformedInput, UnmappedCode) as error:
        return Ended(error=(type(error), str(error), error.where))
    return Ended(
        out,
        stream.characters,
        {key: (seen.count, seen.places) for key, seen in stream.seen.items()},
        (stream.losses, stream.records, stream.input_bytes, stream.output_bytes),
        stream.first_loss,
        (bytes(recorder._events), recorder.unclosed) if recorder else None,
    )


def opened(file: MappingFile, *, back: bool = False, **options: Any) -> Resolver:
    """Return what resolves one direction of a mapping file; escapes for what has no character, by default."""
    chosen = {"on_unmapped": "escape", "malformed": "escape", "max_loss": MANY, **options}
    one, two = file.names()[::-1] if back else file.names()
    return file.prepare(one, two, Options(**chosen)).resolver


def alike(resolver: Resolver, data: bytes, size: int = 1 << 20) -> Ended:
    """Run both engines and return what came of them, which must be the same; without a kernel, the one there is."""
    pure = run(Stream, resolver, data, size, receipt=True)
    if kernel.AVAILABLE:
        assert run(FastStream, resolver, data, size, receipt=True) == pure
    return pure


TEXTS = "亜山吉高髙邉﨑葛辻神A1&あー～か゚𢽾∥—𠮷唖頬\ue000\U000f0000"
RUNS = (
    *("邉" + VS[0x1B], "葛" + VS[2], "葛" + VS[0], "神\ufe00", "か゚", "A" + VS[3], "˩˥"),
    *(
        "&252085-host-F040;",
        "&252085-host-81;",
        "&12",
        "&000000-unicode-EE8080;",
        "&000000-unicode-41;",
    ),
    *(
        "&000000-text-26;252069-juki-F040;",
        "&000000-text-26;",
        "&000000-text-4D;J026190",
        "&000000-mj-FF;",
    ),
    *("MJ026190", "MJ026190 ", "MJ026192\n", "GJ1", "MJ", "〓", "\ufeff"),
)


def pieces(end: End) -> dict[str, tuple[bytes, ...]]:
    """Return what input for an end is put together from, by kind; stray bytes are up to the caller."""
    script = end.script

    def spelled(text: str) -> bytes:
        codec = script.codec
        return text.encode(codec, "ignore") if codec else script.encode(text) or b""

    codes = [code for one in TEXTS if (code := script.code(one))]
    local = [area.code(at) for area in end.areas[:1] for at in range(20)]
    found = {
        "bare": (*codes, *local),
        "standing": tuple(map(script.standing, (*codes, *local))),
        "runs": tuple(filter(None, map(spelled, RUNS))),
        "shifts": tuple(script.shifts),
        "line ends": (script.newline,),
        "long": tuple(filter(None, ((script.code("A") or b"") * n for n in (1, 4, 20)))),
    }
    return {kind: some for kind, some in found.items() if some}


def stray(end: End) -> bytes:
    """Return bytes that are likely to break something: halves of codes and of shift codes."""
    whole = chain.from_iterable(pieces(end).values())
    return bytes(dict.fromkeys(byte for one in whole for byte in (one[:1] + one[-1:])))
