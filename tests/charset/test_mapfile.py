"""Mapping files: the answers of the release they were made from, and nothing but those, even when damaged."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.charset import compiling, kernel
from gaiji.charset.compiling import mapping_bytes, write_mapping
from gaiji.charset.conversion import Conversion, Pair
from gaiji.charset.convert import Prepared, convert_file
from gaiji.charset.fast import FastStream
from gaiji.charset.mapfile import ALIGNED, MAGIC, PREFIX, FileWay, open_mapping, read_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.script import InMode
from gaiji.errors import BadMappingFile, NotFound
from tests.charset.cities import MANY, PAIRS, MappingFiles, conversion, pieces, run, stray
from tests.charset.council import juki


def ways(name: str, end: str, made: MappingFiles) -> list[tuple[Pair, FileWay]]:
    """Return both directions of a conversion, by the release and by the mapping file."""
    live, file = conversion(name, end).way, made(name, end)
    return [(live, file.there), (live.back, file.there.back)]


@pytest.mark.parametrize(("name", "end"), PAIRS)
def test_a_mapping_file_answers_as_the_release_for_every_code_it_may_hold(
    name: str, end: str, mapping_file: MappingFiles
) -> None:
    """Each for `unicode`, every seventh for the other ends; the proof `exhaustive` asks for every code point."""
    for live, file in ways(name, end, mapping_file):
        tokens = [token for _key, token in compiling._candidates(live.source, live.target)]
        assert len(tokens) > 5_000
        for token in tokens[:: 1 if end == "unicode" else 7]:
            assert file.step(token) == live.step(token)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("jef", "x0213"),
        ("utf-8", "unicode"),
        ("utf-8", "juki"),
        ("keis78", "mj"),
        ("utf-16be", "jips-e"),
        ("eucjp-ms", "utf-8"),
    ],
)
def test_a_mapping_file_answers_as_the_release_for_any_token(
    name: str, end: str, mapping_file: MappingFiles
) -> None:
    found = ways(name, end, mapping_file)

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def answers(data: st.DataObject) -> None:
        live, file = data.draw(st.sampled_from(found))
        material = pieces(live.source)
        one = st.one_of(
            st.binary(max_size=4),
            st.text(max_size=3).map(
                lambda text: text.encode(live.source.script.codec or "utf-8", "ignore")
            ),
            st.lists(st.sampled_from(stray(live.source)), max_size=4).map(bytes),
            *(st.sampled_from(some) for some in material.values()),
        )
        whole = b"".join(data.draw(st.lists(one, max_size=6)))
        for token in live.source.tokens(live.target).cut(whole)[0]:
            if len(token) >= 8 and live.source.template is None:
                continue  # an escape or a name, which no way is asked
            assert file.step(token) == live.step(token)

    answers()


def test_a_stray_byte_among_two_byte_codes_is_no_single_byte(mapping_file: MappingFiles) -> None:
    for live, file in ways("keis83", "unicode", mapping_file)[:1]:
        assert file.step(b"\xb1").out is not None
        assert file.step(InMode(b"\xb1", 1)) == live.step(InMode(b"\xb1", 1))
        assert file.step(InMode(b"\xb1", 1)).problem == "malformed"


@pytest.mark.parametrize(
    ("name", "end"), [("jef", "unicode"), ("keis78", "mj"), ("utf-16le", "eucjp-ms")]
)
def test_the_same_mapping_gives_the_same_bytes(
    name: str, end: str, mapping_file: MappingFiles
) -> None:
    again = mapping_bytes(conversion(name, end))
    held = mapping_file(name, end)
    assert again == bytes(held.data)
    assert held.digest == hashlib.sha256(again[40:]).hexdigest()


def test_what_a_file_holds_is_its_facts_and_its_options(tmp_path: Path) -> None:
    day = date(2020, 3, 31)
    asked = Conversion(juki(), "mj", Options(ivs="always", mj_format="<{}>", as_of=day))
    digest = write_mapping(tmp_path / "one.gmap", asked)
    file = open_mapping(tmp_path / "one.gmap")
    assert (file.digest, file.facts, file.as_of) == (digest, asked.facts, day)
    assert file.names() == ("252069/juki", "mj")
    assert file.prepare("mj", "252069/juki", asked.options).facts == asked.facts.reversed()
    # F04E was another character until that day
    assert file.there.step(b"\xf0\x4e").out == b"<MJ003774>"
    other = Conversion(juki(), "mj", asked.options._replace(as_of=date(2021, 1, 1)))
    assert (
        read_mapping(memoryview(mapping_bytes(other))).there.step(b"\xf0\x4e").out == b"<MJ025760>"
    )


# --- what is refused


@pytest.mark.parametrize(
    ("ends", "options", "told"),
    [
        (("252085/host", "juki"), {}, "converts between 252085/host and unicode"),
        (("252077/host", "unicode"), {}, "converts between 252085/host and unicode"),
        (("252085/host", "252085/host"), {}, "name these with --from and --to"),
        (
            ("unicode", "252085/host"),
            {"ivs": "always"},
            "--ivs auto; .* exported with --ivs always",
        ),
        (
            ("252085/host", "unicode"),
            {"mj_format": "/"},
            "--mj-format ' '; .* exported with --mj-format /",
        ),
        (
            ("252085/host", "unicode"),
            {"as_of": date(2020, 1, 1)},
            "without --as-of; .* exported with --as-of 2020-01-01",
        ),
    ],
)
def test_other_ends_and_other_fixed_options_are_refused(
    ends: tuple[str, str], options: dict[str, Any], told: str, mapping_file: MappingFiles
) -> None:
    with pytest.raises(BadMappingFile, match=told):
        mapping_file("cp932", "unicode").prepare(*ends, Options(**options))


def test_a_file_that_is_absent_or_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No such mapping file") as absent:
        open_mapping(tmp_path / "absent.gmap")
    assert str(absent.value.where and absent.value.where.file).endswith("absent.gmap")
    for data in (b"", b"GAIJI", b"GAIJI-R\x01" + bytes(100), b"PK\x03\x04" + bytes(100)):
        (tmp_path / "other").write_bytes(data)
        with pytest.raises(BadMappingFile, match="no mapping file; name a"):
            open_mapping(tmp_path / "other")


def test_a_file_of_a_newer_version_says_so(mapping_file: MappingFiles) -> None:
    data = bytes(mapping_file("cp932", "unicode-svs").data)
    with pytest.raises(BadMappingFile, match="of a newer gaiji"):
        read_mapping(memoryview(data[:7] + b"\x02" + data[8:]))


def test_a_file_cut_at_any_length_is_refused(mapping_file: MappingFiles) -> None:
    data = mapping_file("cp932", "unicode-svs").data
    lengths = [*range(PREFIX.size + 200), *range(300, len(data), len(data) // 150), len(data) - 1]
    for length in lengths:
        with pytest.raises(BadMappingFile, match=r"no mapping file|cut or changed"):
            read_mapping(data[:length])
    with pytest.raises(BadMappingFile, match="cut or changed"):
        read_mapping(memoryview(bytes(data) + b"\0"))


def test_one_byte_changed_anywhere_is_noticed(mapping_file: MappingFiles) -> None:
    data = bytearray(mapping_file("cp932", "unicode-svs").data)
    for at in (
        *range(PREFIX.size),
        *range(PREFIX.size, len(data), len(data) // 150),
        len(data) - 1,
    ):
        data[at] ^= 0x10
        with pytest.raises(BadMappingFile, match=r"no mapping file|newer gaiji|cut or changed"):
            read_mapping(memoryview(data))
        data[at] ^= 0x10
    assert read_mapping(memoryview(data)).names()[1] == "unicode-svs"


def signed(data: bytes) -> memoryview:
    """Return changed bytes with a right length and sha256, as a forger would make them."""
    rest = struct.pack("<Q", len(data)) + data[48:]
    return memoryview(MAGIC + hashlib.sha256(rest).digest() + rest)


def resigned(data: bytes, header: dict[str, Any]) -> memoryview:
    """Return a mapping file with another header."""
    size = struct.unpack_from("<Q", data, 48)[0]
    text = json.dumps(header).encode()
    start = -(-(PREFIX.size + size) // ALIGNED) * ALIGNED
    before = -(-(PREFIX.size + len(text)) // ALIGNED) * ALIGNED
    head = data[:48] + struct.pack("<Q", len(text)) + text
    return signed(head.ljust(before, b"\0") + data[start:])


def damage(header: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield headers that contradict themselves, each with what is wrong."""
    sections = header["sections"]
    yield "outside", header | {"sections": sections | {"there.keys": [1 << 40, 8]}}
    yield "negative", header | {"sections": sections | {"there.rows": [-64, 64]}}
    yield "no number", header | {"sections": sections | {"there.rows": ["0", 64]}}
    yield "no rows", header | {"sections": {k: v for k, v in sections.items() if k != "there.rows"}}
    yield "odd keys", header | {"sections": sections | {"there.keys": [0, 7]}}
    for name in ("sections", "ends", "ways"):
        yield f"without {name}", {key: value for key, value in header.items() if key != name}
    yield "one end", header | {"ends": header["ends"][:1]}
    yield "an end without a script", header | {"ends": [{"owner": "x"}, *header["ends"][1:]]}


def test_a_header_that_contradicts_itself_is_refused_though_its_sha256_is_right(
    mapping_file: MappingFiles,
) -> None:
    file = mapping_file("cp932", "unicode-svs")
    data = bytes(file.data)
    assert read_mapping(resigned(data, file.header)).names() == file.names()
    for what, header in damage(file.header):
        with pytest.raises(BadMappingFile, match="contradicts itself"):
            pytest.fail(f"{what} was accepted: {read_mapping(resigned(data, header))}")
    for junk in (b"[]", b"{}", b"{", b"\xff\xff"):
        head = data[:48] + struct.pack("<Q", len(junk)) + junk
        with pytest.raises(BadMappingFile, match="contradicts itself"):
            read_mapping(signed(head.ljust(ALIGNED * 2, b"\0")))


@pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
@pytest.mark.parametrize(
    "entry",
    [
        (1 << 62) | (0xFFFFFF << 38),  # a state outside the table
        (1 << 62) | (17 << 38),  # a state word that is none
        (3 << 62) | (16 << 38),  # more input than two bytes
        (1 << 62) | (7 << 32) | (16 << 38),  # more output than an entry holds
        (1 << 62) | (1 << 35) | 0xFFFFFF | (16 << 38),  # a side that there is not
    ],
)
@pytest.mark.parametrize("way", ["there", "back"])
def test_a_table_that_could_leave_its_buffers_is_refused_though_its_sha256_is_right(
    entry: int, way: str, mapping_file: MappingFiles
) -> None:
    file = mapping_file("cp932", "unicode-svs")
    data = bytearray(file.data)
    offset = file._start + file.header["sections"][f"{way}.entries"][0]
    data[offset + 8 * 0x8260 : offset + 8 * 0x8261] = entry.to_bytes(8, "little")
    changed = read_mapping(signed(bytes(data)))
    ends = changed.names() if way == "there" else changed.names()[::-1]
    resolver = changed.prepare(*ends, Options()).resolver
    with pytest.raises(BadMappingFile, match="table in the mapping file is unsafe"):
        FastStream(resolver)


@pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
@pytest.mark.parametrize(
    ("section", "forged"),
    [
        ("there.sides", kernel.SIDE.pack(0xFFFFFFF0, 8, 1, 0, 0)),  # its output outside the blob
        ("there.sides", kernel.SIDE.pack(0, 0xFFFF, 1, 0, 0) * 2 + b"\xff" * kernel.SIDE.size),
        ("there.siderows", (1 << 31).to_bytes(4, "little")),  # a row that there is not
    ],
)
def test_sides_that_could_lead_outside_are_refused_though_the_sha256_is_right(
    section: str, forged: bytes, mapping_file: MappingFiles
) -> None:
    file = mapping_file("cp932", "unicode-svs")
    data = bytearray(file.data)
    offset, size = file.header["sections"][section]
    assert size >= len(forged)
    data[file._start + offset : file._start + offset + len(forged)] = forged
    changed = read_mapping(signed(bytes(data)))
    with pytest.raises(BadMappingFile, match="table in the mapping file is unsafe"):
        FastStream(changed.prepare(*changed.names(), Options()).resolver)


@pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
@pytest.mark.parametrize("section", ["entries", "sides", "siderows", "blob"])
def test_a_table_whose_sections_do_not_fit_together_is_refused(
    section: str, mapping_file: MappingFiles
) -> None:
    file = mapping_file("cp932", "unicode-svs")
    for size in (None,) if section == "blob" else (None, 0, 20):
        header = json.loads(json.dumps(file.header))
        sections = header["sections"]
        if size is None:
            del sections[f"there.{section}"]
        else:
            sections[f"there.{section}"][1] = size
        changed = read_mapping(resigned(bytes(file.data), header))
        with pytest.raises(BadMappingFile, match="table in the mapping file is unsafe"):
            FastStream(changed.prepare(*changed.names(), Options()).resolver)


@pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
@pytest.mark.parametrize(
    "kernel_said",
    [
        {"ascii": 17},
        {"ascii": 0xFFFFFF},
        {"stops": "zz"},
        {"stops": "0102030405"},
        {"states": {"000": 17}},
        {"states": {}},
        {"states": {"000": 0xFFFFF0}},
        {"inner": {"x": 1}},
    ],
)
def test_what_the_header_says_of_a_table_is_not_trusted(
    kernel_said: dict[str, Any], mapping_file: MappingFiles
) -> None:
    file = mapping_file("cp932", "unicode-svs")
    header = json.loads(json.dumps(file.header))
    header["ways"]["there"]["kernel"] |= kernel_said
    changed = read_mapping(resigned(bytes(file.data), header))
    with pytest.raises(BadMappingFile, match="mapping file"):
        run(FastStream, changed.prepare(*changed.names(), Options()).resolver, b"A" * 40_000)


# --- without anything else


ALONE = """
import sys
from pathlib import Path
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
file = open_mapping("one.gmap")
prepared = file.prepare(*file.names(), Options(on_unmapped="geta", max_loss=10**9))
report = convert_file("in", "out", prepared, receipt="receipt")
restore_file("out", "back", "receipt", lambda header: file.prepare(
    header["from"], header["to"], Options.from_dict(header["options"])))
assert Path("back").read_bytes() == Path("in").read_bytes()
loaded = {name.split(".")[0] for name in sys.modules} | set(sys.modules)
heavy = {"sqlalchemy", "fastapi", "pydantic", "fontTools", "gaiji.registry", "gaiji.charset.compiling"}
assert not loaded & heavy, loaded & heavy
print(report.losses, report.records)
"""


def test_a_mapping_file_converts_and_restores_with_no_registry_and_no_server(
    tmp_path: Path, mapping_file: MappingFiles
) -> None:
    file = mapping_file("jef", "unicode")
    (tmp_path / "one.gmap").write_bytes(file.data)
    script = file.there.source.script
    line = script.to_double + b"\xb0\xa1\x80\xa6\x80\xc1" + script.to_single + script.newline
    (tmp_path / "in").write_bytes(line * 20_000)
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, capture_output=True, text=True
    )
    assert (done.stderr, done.stdout) == ("", "20000 20000\n")
    text = (tmp_path / "out").read_text(encoding="utf-8")
    assert text == "亜邉󠄝〓\n" * 20_000


def test_a_release_and_its_mapping_file_convert_and_restore_alike(
    tmp_path: Path, mapping_file: MappingFiles
) -> None:
    options = Options(on_unmapped="escape", malformed="escape", max_loss=MANY)
    data = b"".join(
        b"".join(some) for some in pieces(conversion("ibm939", "keis83").sides[0]).values()
    )
    (tmp_path / "in").write_bytes(data * 40)
    file = mapping_file("ibm939", "keis83")
    found = []
    both: list[Prepared] = [
        conversion("ibm939", "keis83", options),
        file.prepare(*file.names(), options),
    ]
    for number, prepared in enumerate(both):
        out, receipt = tmp_path / f"{number}.out", tmp_path / f"{number}.receipt"
        report = convert_file(tmp_path / "in", out, prepared, receipt=receipt)
        found.append((out.read_bytes(), receipt.read_bytes(), report.as_dict()))
    assert found[0] == found[1]
