"""The kernel's engine against the one in Python on input made to break them, and files given back whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaiji.charset import fast, kernel
from gaiji.charset.charsets import NAMES
from gaiji.charset.codetable import read_csv
from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.fast import FastStream
from gaiji.charset.mapfile import MappingFile, open_mapping
from gaiji.charset.receipt import Recorder
from gaiji.charset.resolve import Options, Resolver
from gaiji.charset.stream import Stream
from gaiji.charset.tokens import LOOKAHEAD
from gaiji.charset.ways import End
from gaiji.errors import MalformedInput, UnmappedCode
from tests.charset.cities import (
    HOST,
    MANY,
    NEIGHBOUR,
    NEIGHBOURS,
    PAIRS,
    SHARED,
    MappingFiles,
    alike,
    city,
    every_code,
    opened,
    pieces,
    run,
    script_of,
    stray,
    written,
)
from tests.charset.council import CS1

needs_kernel = pytest.mark.skipif(not kernel.AVAILABLE, reason="no kernel was compiled here")
EXAMPLES = 25


def inputs(end: End, most: int = 40) -> st.SearchStrategy[bytes]:
    """Return input for an end: whole characters, shift codes, look-alikes, halves, chance; some of it repeated."""
    kinds = [st.sampled_from(some) for some in pieces(end).values()]
    strays = st.lists(st.sampled_from(stray(end)), min_size=1, max_size=3).map(bytes)
    one = st.one_of(*kinds, *kinds, strays, st.binary(min_size=1, max_size=3))
    many = st.tuples(one, st.sampled_from((1, 1, 1, 2, 30))).map(lambda pair: pair[0] * pair[1])
    return st.lists(many, max_size=most).map(b"".join)


def options() -> st.SearchStrategy[Options]:
    return st.builds(
        Options,
        on_unmapped=st.sampled_from(("escape", "escape", "geta", "keep", "error")),
        malformed=st.sampled_from(("escape", "escape", "error")),
        max_loss=st.just(MANY),
    )


@needs_kernel
@pytest.mark.parametrize(("name", "end"), PAIRS)
def test_the_kernel_and_python_agree_in_bytes_events_places_receipts_and_errors(
    name: str, end: str, mapping_file: MappingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = mapping_file(name, end)
    ways = [way for way in (file.there, file.there.back) if "kernel" in way.described]
    shared: dict[Any, Resolver] = {}

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.data())
    def agree(data: st.DataObject) -> None:
        way = data.draw(st.sampled_from(ways))
        asked = data.draw(options())
        resolver = shared.setdefault((way, asked), Resolver(way, asked))
        raw = data.draw(inputs(way.source))
        how: dict[str, Any] = {
            "receipt": data.draw(st.booleans()),
            "counting": data.draw(st.booleans()),
            "opening": data.draw(st.booleans()),
        }
        size = data.draw(st.sampled_from((1, 2, 5, 64, 4_000, 1 << 20)))
        padding = data.draw(st.sampled_from((0, 0, 1, 5_000)))
        raw = (way.source.script.code("A") or b"") * padding + raw
        # the whole at once goes through the kernel to its last byte, chunks through both engines
        early = 1 if size >= len(raw) and not how["opening"] else LOOKAHEAD + 8
        monkeypatch.setattr(fast, "SMALLEST", early)
        assert run(FastStream, resolver, raw, size, **how) == run(Stream, resolver, raw, **how)

    agree()


@needs_kernel
@pytest.mark.parametrize(
    ("name", "end"),
    [("utf-16le", "mj"), ("utf-16le", "unicode"), ("utf-8", "unicode"), ("utf-8", "cp932")],
)
def test_a_character_first_seen_with_a_selector_is_still_itself_without_one(
    name: str, end: str, mapping_file: MappingFiles
) -> None:
    text = "A" * 20_000 + "邉󠄛邉か゚か" + "A" * 9_000 + "邉󠄛邉か゚か\n"
    alike(opened(mapping_file(name, end)), text.encode(script_of(name).codec or ""))


@needs_kernel
@pytest.mark.parametrize(
    "text", ["&MJ026190", "GMJ026190 ", "&GJ000001", "&&MJ026190", "M&MJ026190"]
)
def test_a_name_right_after_another_beginning_is_escaped(
    text: str, mapping_file: MappingFiles
) -> None:
    there = opened(mapping_file("keis78", "mj"))
    line = script_of("keis78").encode("A" * 20_000 + text + "A" * 9_000 + "\n")
    assert line is not None
    found = alike(there, line)
    assert b"&000000-text-" in found.out
    assert found.characters is not None
    assert found.characters["escape"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_come_back_from_any_end_with_any_policy(
    name: str, mapping_file: MappingFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = [end for one, end in PAIRS if one == name]
    source, out, receipt, back = (tmp_path / kind for kind in ("in", "out", "receipt", "back"))
    cities = {HOST: city(name), NEIGHBOUR: city(NEIGHBOURS[name], NEIGHBOUR)}

    def prepare(file: MappingFile, header: dict[str, Any]) -> Any:
        return file.prepare(header["from"], header["to"], Options.from_dict(header["options"]))

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(st.data())
    def comes_back(data: st.DataObject) -> None:
        end = data.draw(st.sampled_from(ends))
        file = mapping_file(name, end)
        policies = ("geta", "escape") if end in (*NAMES, *SHARED) else ("geta", "escape", "keep")
        asked = Options(
            on_unmapped=data.draw(st.sampled_from(policies)), malformed="escape", max_loss=MANY
        )
        forward = data.draw(st.booleans())
        way = file.there if forward else file.there.back
        raw = data.draw(inputs(way.source))
        source.write_bytes(raw)
        names = file.names() if forward else file.names()[::-1]
        monkeypatch.setattr(fast, "SMALLEST", data.draw(st.sampled_from((LOOKAHEAD + 8, 1 << 14))))
        size = data.draw(st.sampled_from((1, 7, 5_000, 1 << 16)))
        try:
            convert_file(
                source, out, file.prepare(*names, asked), receipt=receipt, chunk_bytes=size
            )
        except UnmappedCode:
            assert asked.on_unmapped == "keep"  # there are codes that have no image at this end
            return
        except MalformedInput:
            assert way.target.literal("&0;") is None
            return
        by_file = data.draw(st.booleans())
        live = by_release(lambda code_set, _release: cities[code_set], lambda _server, _number: CS1)
        restore_file(
            out,
            back,
            receipt,
            (lambda header: prepare(file, header)) if by_file else live,
            chunk_bytes=data.draw(st.sampled_from((1, 7, 5_000, 1 << 16))),
        )
        assert back.read_bytes() == raw

    comes_back()


@pytest.mark.parametrize("name", NAMES)
def test_receipts_of_well_formed_input_are_at_most_1_kb_and_16_bytes_a_loss(
    name: str, mapping_file: MappingFiles, tmp_path: Path
) -> None:
    codes = every_code(city(name))
    for end in ("unicode", NEIGHBOURS[name]):
        file = mapping_file(name, end)
        (tmp_path / "in").write_bytes(written(script_of(name), codes[::7] * 3))
        asked = file.prepare(*file.names(), Options(on_unmapped="geta", max_loss=MANY))
        report = convert_file(tmp_path / "in", tmp_path / "out", asked, receipt=tmp_path / "r")
        assert report.losses > 100
        assert (tmp_path / "r").stat().st_size <= 1_000 + 16 * report.losses


@needs_kernel
@pytest.mark.parametrize("recorder", [False, True])
def test_the_first_places_of_a_frequent_code_are_the_first_of_the_file(
    recorder: bool, mapping_file: MappingFiles
) -> None:
    resolver = opened(mapping_file("cp932", "unicode"), on_unmapped="geta")
    rare, dense = b"\x8a\x8b", b"\xf0\x60"  # an edition's shape, and a code without a meaning
    lines = [b"1," + rare + b"\n", *([b"22," + dense * 3 + b"\n"] * 40)] * 3000
    data = b"".join(lines)
    streams = []
    for kind in (Stream, FastStream):
        stream = kind(
            Resolver(resolver.way, resolver.options), recorder=Recorder() if recorder else None
        )
        for at in range(0, len(data), 1 << 18):
            stream.feed(data[at : at + (1 << 18)])
        stream.feed(b"", final=True)
        streams.append(stream)
    one, two = streams
    assert [(key, seen.count, seen.places) for key, seen in sorted(one.seen.items())] == [
        (key, seen.count, seen.places) for key, seen in sorted(two.seen.items())
    ]
    assert len(one.seen) == 2
    assert all(len(seen.places) == 100 for seen in one.seen.values())


@needs_kernel
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize(
    ("name", "end"), [("cp932", "unicode"), ("jef", "cp932"), ("utf-8", "cp932")]
)
def test_nothing_behind_the_last_chunk_is_read_as_its_end(
    name: str, end: str, back: bool, mapping_file: MappingFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A buffer still holds an earlier chunk: here what would complete the last piece of the file stands in it."""
    monkeypatch.setattr(fast, "SMALLEST", LOOKAHEAD + 8)
    resolver = opened(mapping_file(name, end), back=back)
    script = resolver.source.script
    line = (script.code("A") or b"") * 40 + script.newline
    filler = line * (3 * LOOKAHEAD // len(line))
    for some in pieces(resolver.source).values():
        for piece in [one for one in some if len(one) > 1][:4]:
            for cut in range(1, len(piece), max(1, len(piece) // 12)):
                last = filler + piece[:cut]
                first = last + piece[cut:] + filler
                found = []
                for kind in (Stream, FastStream):
                    stream = kind(resolver, opening=False)
                    out = b"".join(map(stream.feed, (first, first)))
                    out += stream.feed(last, final=True)
                    counts = (stream.characters, stream.losses, stream.records)
                    found.append((out, stream.input_bytes, stream.output_bytes, counts))
                assert found[0] == found[1]
                assert found[0][1] == 2 * len(first) + len(last)


@needs_kernel
@pytest.mark.parametrize(
    "text", ["か\u3099", "か\u309a\u3099", "葛葛", "葛\U000e0100\U000e0101", "ab"]
)
def test_rows_of_several_code_points_that_are_no_token_are_read_alike(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fast, "SMALLEST", LOOKAHEAD + 8)
    row = f"code,text\n8840,{'+'.join(f'U+{ord(one):04X}' for one in text)}\n"
    table = read_csv(row.encode(), "table.csv", "cp932", {})
    write_mapping(
        tmp_path / "it.gmap", Conversion(city("cp932", table=table), "unicode", Options())
    )
    file = open_mapping(tmp_path / "it.gmap")
    data = f"かな漢字葛{text}テスト\n".encode() * 400
    alike(opened(file, back=True), data, 7_000)
    alike(opened(file), b"\x88\x40\x8a\x8b\n" * 2_000, 7_000)
