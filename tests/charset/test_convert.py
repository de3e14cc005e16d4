from __future__ import annotations

import errno
import io
import os
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gaiji.charset.account import Account, Recoded, Reduced, Unmapped
from gaiji.charset.charsets import charset
from gaiji.charset.conversion import TARGETS, Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.files import replacing
from gaiji.charset.mapping import Forms, Mapping, Repertoire, Row
from gaiji.charset.resolve import Options
from gaiji.charset.standard import PAIRS
from gaiji.charset.stream import ENGINE_REVISION, Stream
from gaiji.charset.ways import MARK
from gaiji.errors import (
    BadInput,
    DiskFull,
    LossBeyondBudget,
    MalformedInput,
    NotFound,
    StorageFailed,
    UnmappedCode,
    UnsupportedConversion,
)
from tests.charset.cities import SHARED
from tests.charset.council import VS, code, juki, other, zei

MANY = 10**9
LINE = "山田太郎,東京都千代田区１－２－３,0123\n".encode("cp932")
LOOKALIKES = (
    "&252069-juki-F040;",
    "&252085-zei-00E0;",
    "&131016-zei-F040;",
    "&000000-text-26;",
    "&000000-text-26;252069-juki-F040;",
    "&000000-text-26;000000-text-26;131016-zei-41;",
    "&000000-text-26;252069-juki-F050;",
    "&000000-bytes-81;",
    "&252069-juki-81;",
    "&000000-text-4D;J026190",
    "&000000-unicode-F3A08480;",
    "&000000-unicode-41;",
    "MJ026190",
    "MJ026190 ",
    "MJ026190\n",
    "[MJ026190",
    "&000000-mj-4D4A;",
    "&",
    "&252069-",
    "000000-text-26;",
)


def restore(converted: Any, back: Any, receipt: Any, resolve: Any, **more: Any) -> int:
    return restore_file(converted, back, receipt, by_release(resolve), **more)


def resolver_of(name: str) -> Callable[[str, int], Mapping]:
    known = {"252069/juki": juki(), "252085/zei": zei(name), "252107/zei": other()}
    return lambda code_set, _release: known[code_set]


def run(
    folder: Path,
    data: bytes,
    conversion: Conversion,
    chunk_bytes: int = 1 << 16,
    *,
    receipt: bool = True,
) -> tuple[bytes, Account]:
    (folder / "in").write_bytes(data)
    report = convert_file(
        folder / "in",
        folder / "out",
        conversion,
        receipt=folder / "receipt" if receipt else None,
        chunk_bytes=chunk_bytes,
    )
    return (folder / "out").read_bytes(), report


def restored(folder: Path, charset: str = "utf-16le", chunk_bytes: int = 1 << 16) -> bytes:
    restore(
        folder / "out",
        folder / "back",
        folder / "receipt",
        resolver_of(charset),
        chunk_bytes=chunk_bytes,
    )
    return (folder / "back").read_bytes()


def stream_out(conversion: Conversion, data: bytes, size: int) -> tuple[bytes, Stream]:
    stream = Stream(conversion.resolver)
    parts = [stream.feed(data[at : at + size]) for at in range(0, len(data), size)]
    return b"".join([*parts, stream.feed(b"", final=True)]), stream


POLICIES = ["geta", "escape", "keep"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("target", TARGETS)
def test_every_cp932_code_converts_and_is_restored(
    tmp_path: Path, target: str, policy: Any
) -> None:
    users = b"".join(juki().charset.user_codes())
    standard = b"".join(
        text
        for a in (*range(0x81, 0xA0), *range(0xE0, 0xF0), *range(0xFA, 0xFD))
        for b in range(0x40, 0xFD)
        if len((text := bytes([a, b])).decode("cp932", "ignore")) == 1 and b not in (0x7F,)
    )
    data = bytes(range(0x80)) + LINE + users + LINE + standard
    options = Options(on_unmapped=policy, malformed="escape", max_loss=MANY)
    if policy == "keep" and target in SHARED:
        with pytest.raises(UnsupportedConversion, match="code points are shared"):
            Conversion(juki(), target, options)
        return
    conversion = Conversion(juki(), target, options)
    if policy == "keep" and target in ("juki", "x0213"):
        with pytest.raises(
            UnmappedCode, match="has no character there"
        ):  # a standard code they cannot hold
            run(tmp_path, "鍵￤".encode("cp932"), conversion)
        data = bytes(range(0x80)) + users
    _out, report = run(tmp_path, data, conversion)
    assert report.input_bytes == len(data)
    assert restored(tmp_path) == data


@pytest.mark.parametrize("target", [*TARGETS, "city"])
@pytest.mark.parametrize("size", [*range(1, 65), 4096])
def test_conversion_is_equal_at_every_chunk_size(target: str, size: int) -> None:
    text = "山邉か゚～葛﨑&252069-juki-F050;&000000-text-26;252069-juki-F040; MJ026190 ｱ"
    users = b"".join(juki().charset.user_codes())[:600:3]
    cp932 = text.encode("cp932", "ignore") + users + bytes(range(1, 127)) + b"\x81\n" + LINE * 4
    data = (cp932 * 6)[:7001]
    to: Mapping | str = other() if target == "city" else target
    conversion = Conversion(
        juki(), to, Options(on_unmapped="escape", malformed="escape", max_loss=MANY)
    )
    whole, all_at_once = stream_out(conversion, data, len(data))
    out, stream = stream_out(conversion, data, size)
    assert out == whole
    assert (stream.characters, stream.records, stream.losses) == (
        all_at_once.characters,
        all_at_once.records,
        all_at_once.losses,
    )
    assert stream.seen == all_at_once.seen
    assert conversion.resolver.back.bytes_for(whole) is not None


@pytest.mark.parametrize("size", range(1, 65))
def test_utf_16_is_equal_at_every_chunk_size(size: int) -> None:
    text = "\ufeff山か゚邉" + VS[0xF] + "\ue000\ue001\U000f0005葛" + VS[0] + "&252085-zei-00E0;\r\n"
    data = (text.encode("utf-16-le") + b"\x00\xd8A\x00") * 60
    conversion = Conversion(zei(), "unicode", Options(on_unmapped="escape", malformed="escape"))
    whole, _ = stream_out(conversion, data, len(data))
    assert stream_out(conversion, data, size)[0] == whole
    assert conversion.resolver.back.bytes_for(whole) == data


PIECES = st.one_of(
    st.sampled_from([one.encode() for one in LOOKALIKES]),
    st.sampled_from([row.code for row in juki().rows]),
    st.sampled_from([LINE, b"\n", b"\r\n", b"\x81", b"\xff", b"\x80", b"\x85\x40", b"\xf0\x41"]),
    st.sampled_from(list("山亜葛辻髙﨑神～∥－￢￤ｱあ邉")).map(lambda one: one.encode("cp932")),
    st.binary(max_size=6),
)


@pytest.mark.parametrize("target", [*TARGETS, "252107/zei", "252085/zei"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    pieces=st.lists(PIECES, max_size=30),
    policy=st.sampled_from(POLICIES),
    jis=st.sampled_from([90, 2004]),
    ivs=st.sampled_from(["auto", "always"]),
    size=st.integers(1, 3000),
)
@example([b"&000000-text-26;", b"252069-juki-F040;"], "escape", 90, "auto", 5)
@example([b"&000000-text-26;" * 3, b"131016-zei-F040;"], "escape", 90, "auto", 5)
def test_any_cp932_input_is_restored_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    target: str,
    pieces: list[bytes],
    policy: Any,
    jis: int,
    ivs: Any,
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    data = b"".join(pieces)
    to: Mapping | str = resolver_of("utf-16le")(target, 3) if "/" in target else target
    if policy == "keep" and ("/" in target or target in SHARED):
        policy = "escape"
    options = Options(policy, "escape", MANY, ivs=ivs)
    source = juki(jis=jis)
    (folder / "in").write_bytes(data)
    known = {"252069/juki": source, "252085/zei": zei(), "252107/zei": other()}
    try:
        report = convert_file(
            folder / "in",
            folder / "out",
            Conversion(source, to, options),
            receipt=folder / "receipt",
            chunk_bytes=size,
        )
    except UnmappedCode:
        assert policy == "keep"
        assert not (folder / "out").exists()
        return
    restore(
        folder / "out",
        folder / "back",
        folder / "receipt",
        lambda code_set, _release: known[code_set],
        chunk_bytes=size,
    )
    assert (folder / "back").read_bytes() == data
    if report.losses == 0:
        back = Conversion(source, to, options).resolver.back
        assert back.bytes_for((folder / "out").read_bytes()) == data


TEXTS = st.one_of(
    st.sampled_from(LOOKALIKES),
    st.sampled_from(
        [
            "邉" + VS[0xF],
            "邉" + VS[0x1B],
            "葛" + VS[0],
            "神\ufe00",
            "\ufa19",
            "𢽾",
            "か゚",
            "\u309a",
            VS[1],
        ]
    ),
    st.sampled_from(
        ["\ue000", "\ue001", "\uf8ff", "\U000f0005", "\U000f0000", "\U0010fffd", "\ufeff"]
    ),
    st.text(max_size=4),
)


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be", "utf-8"])
@pytest.mark.parametrize("target", [*TARGETS, "252069/juki"])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(TEXTS, max_size=20),
    junk=st.lists(st.sampled_from([b"", b"\x00", b"\xd8", b"\xdc\x00", b"\xff\xfe"]), max_size=4),
    ivs=st.sampled_from(["auto", "always"]),
    size=st.integers(1, 3000),
)
def test_any_unicode_input_is_restored_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    target: str,
    texts: list[str],
    junk: list[bytes],
    ivs: Any,
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    source = zei(name)
    data = "".join(texts).encode(source.charset.encoding or "", "surrogatepass") + b"".join(junk)
    to: Mapping | str = juki() if "/" in target else target
    options = Options("escape", "escape", MANY, ivs=ivs)
    _out, report = run(folder, data, Conversion(source, to, options), size)
    assert restored(folder, name, size) == data
    assert report.input_bytes == len(data)


@pytest.mark.parametrize("target", TARGETS)
@given(texts=st.lists(TEXTS, max_size=20))
@settings(max_examples=60, deadline=None)
def test_what_is_not_a_loss_comes_back_from_the_output_alone(target: str, texts: list[str]) -> None:
    data = "".join(texts).encode("utf-16-le", "surrogatepass")
    conversion = Conversion(zei(), target, Options("escape", "escape", MANY))
    out, stream = stream_out(conversion, data, 1000)
    assert stream.losses == sum(seen.count for seen in stream.seen.values() if seen.outcome.lossy)
    if not stream.losses:
        mark = MARK.encode("utf-16-le") * stream.characters.get("mark", 0)
        assert mark + (conversion.resolver.back.bytes_for(out) or b"") == data


UNITS = st.one_of(
    st.sampled_from(LOOKALIKES),
    st.sampled_from(["MJ026190", "MJ026190 ", "MJ022335", "OM000001", "MJ999999", "[MJ026190]"]),
    st.sampled_from([*"山邉葛～〜か˩˥æ\u0300\u309a\ufe00", MARK, VS[1], "邉" + VS[0xF], *PAIRS]),
    st.sampled_from(["\n", "\r\n", " ", ",", "0", "\ue000", "\U000f0001"]),
    st.text(max_size=2),
)


@pytest.mark.parametrize("source", TARGETS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    texts=st.lists(UNITS, max_size=12),
    junk=st.sampled_from([b"", b"\xef\xbb", b"\xd8\x00", b"\xff"]),
    to=st.sampled_from(["cp932", "cp932", "utf-16le", "utf-16be", "utf-8"]),
    policy=st.sampled_from(POLICIES),
    format=st.sampled_from([" ", "{}", "[{}]"]),
    size=st.integers(1, 3000),
)
@example(["渡", "MJ026190", "\n"], b"", "cp932", "escape", " ", 5)
@example(["MJ026190", ","], b"", "cp932", "escape", " ", 5)
@example(["MJ026190 ", VS[1]], b"", "utf-16le", "keep", " ", 5)
@example(["˩˥˩", "æ\u0300", "か\u309a"], b"", "utf-8", "escape", " ", 5)
@example([MARK, MARK, "山", MARK], b"", "cp932", "escape", " ", 5)
@example(["&000000-unicode-EFBBBF;", "山"], b"", "utf-8", "escape", " ", 5)
def test_any_target_read_into_a_code_set_is_restored_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
    texts: list[str],
    junk: bytes,
    to: str,
    policy: Any,
    format: str,
    size: int,
) -> None:
    folder = tmp_path_factory.mktemp("round")
    encoding = "utf-16-be" if source == "juki" else "utf-8"
    data = "".join(texts).encode(encoding, "surrogatepass") + junk
    target = juki() if to == "cp932" else zei(to)
    policy = "escape" if policy == "keep" and source in SHARED else policy
    conversion = Conversion(source, target, Options(policy, "escape", MANY, mj_format=format))
    try:
        out, report = run(folder, data, conversion, size)
    except UnmappedCode:
        assert policy == "keep"
        return
    assert restored(folder, "utf-8" if to == "cp932" else to, size) == data
    if report.losses == 0:
        mark = MARK.encode() if "mark" in report.characters else b""
        assert mark + (conversion.resolver.back.bytes_for(out) or b"") == data


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize(("format", "shown"), [(" ", "MJ026190"), ("[{}]", "[MJ026190")])
def test_a_name_whose_separator_was_trimmed_at_a_line_end_is_still_a_name(
    tmp_path: Path, end: str, format: str, shown: str
) -> None:
    data = f"渡{shown}{end}".encode()
    conversion = Conversion("mj", juki(), Options(max_loss=1, mj_format=format))
    out, report = run(tmp_path, data, conversion, 3)
    assert out == f"渡邉{end}".encode("cp932")
    assert (report.losses, report.characters["recoded"]) == (1, 1)
    assert restored(tmp_path) == data


@pytest.mark.parametrize("follows", [",", "1", "あ", "MJ022335 ", "\t"])
def test_a_name_that_runs_into_other_text_is_malformed_and_never_letters(
    tmp_path: Path, follows: str
) -> None:
    data = f"渡MJ026190{follows}\n".encode()
    with pytest.raises(MalformedInput, match="neither its separator nor a line end") as caught:
        run(tmp_path, data, Conversion("mj", juki()))
    assert caught.value.where
    assert caught.value.where.byte_offset == 3
    options = Options(malformed="escape", max_loss=1)
    out, report = run(tmp_path, data, Conversion("mj", juki(), options))
    assert out.startswith("渡&000000-mj-4D4A;026190".encode("cp932"))
    assert (report.losses, report.characters["malformed"]) == (1, 1)
    assert restored(tmp_path) == data


@pytest.mark.parametrize("prefix", ["OM", "XX", "KC"])
def test_names_of_a_council_with_any_prefix_are_read_written_and_escaped(
    tmp_path: Path, prefix: str
) -> None:
    name = f"{prefix}000001"
    rows = [Row(code("F040"), name, "equivalent")]
    known = Repertoire([Forms(name, allocation=0xF0000)])
    city = Mapping(1, "00", "252069/juki", charset("cp932"), rows, known)
    out, report = run(tmp_path, code("F040") + b"\n", Conversion(city, "mj"))
    assert (out, report.losses) == (f"{name} \n".encode(), 0)
    back, _ = run(tmp_path, out, Conversion("mj", city))
    assert back == code("F040") + b"\n"
    looks, report = run(tmp_path, f"{name} ".encode(), Conversion(city, "mj"))
    assert (looks, report.losses) == (
        f"&000000-text-{ord(prefix[0]):02X};{name[1:]} ".encode(),
        0,
    )
    other_name = "AB123456" if prefix != "AB" else "AC123456"
    assert run(tmp_path, other_name.encode(), Conversion(city, "mj"))[0] == other_name.encode()


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be", "utf-8"])
@pytest.mark.parametrize("pair", PAIRS)
def test_juki_units_that_would_join_in_unicode_are_losses_and_restored(
    tmp_path: Path, pair: str, name: str
) -> None:
    data = f"山{pair}{pair}山".encode("utf-16-be")
    options = Options("escape", max_loss=MANY)
    conversion = Conversion("juki", zei(name), options)
    out, report = run(tmp_path, data, conversion, 3)
    assert restored(tmp_path, name, 3) == data
    if report.unmapped:  # the marks that Juki-net has no code for are escaped
        assert (pair[1], report.losses) == ("\u309a", 0)
        return
    assert out == data.decode("utf-16-be").encode(zei(name).charset.encoding or "")
    assert report.losses == 2 * sum(one in "\u0300\u0301˩˥" for one in pair)
    native, report = run(tmp_path, out, Conversion(zei(name), "unicode"))
    assert (native.decode(), report.losses) == (f"山{pair}{pair}山", 0)


@pytest.mark.parametrize("name", ["utf-16le", "utf-16be", "utf-8"])
@pytest.mark.parametrize("target", [*TARGETS, "252069/juki"])
@pytest.mark.parametrize("size", [1, 1 << 16])
def test_a_mark_that_opens_a_file_is_kept_or_dropped_and_comes_back(
    tmp_path: Path, target: str, name: str, size: int
) -> None:
    encoding = zei(name).charset.encoding or ""
    data = f"{MARK}山\n".encode(encoding)
    to: Mapping | str = juki() if "/" in target else target
    out, report = run(tmp_path, data, Conversion(zei(name), to), size)
    kept = target in ("unicode", "unicode-svs", "mj")
    assert out.startswith(MARK.encode()) == kept
    assert (report.losses, report.characters.get("mark", 0)) == (0, 0 if kept else 1)
    assert [(one.kind, one.lossy, one.count) for one in report.recoded] == (
        [] if kept else [("mark", False, 1)]
    )
    assert restored(tmp_path, name, size) == data


def test_only_the_first_mark_is_one(tmp_path: Path) -> None:
    data = f"{MARK}{MARK}山{MARK}".encode("utf-16-le")
    with pytest.raises(UnmappedCode) as caught:
        run(tmp_path, data, Conversion(zei(), juki()))
    assert caught.value.where
    assert caught.value.where.byte_offset == 2
    out, report = run(tmp_path, data, Conversion(zei(), juki(), Options("escape")))
    assert out == "&252085-zei-FFFE;山&252085-zei-FFFE;".encode("cp932")
    assert (report.characters["mark"], report.unmapped[0].count) == (1, 2)
    assert restored(tmp_path) == data


def test_an_escape_that_would_open_the_output_as_a_mark_is_a_loss(tmp_path: Path) -> None:
    data = "&000000-unicode-EFBBBF;山&000000-unicode-EFBBBF;".encode("cp932")
    out, report = run(tmp_path, data, Conversion(juki(), "unicode", Options("escape", max_loss=1)))
    assert (out.decode(), report.losses) == (f"{MARK}山{MARK}", 1)
    assert restored(tmp_path) == data


@pytest.mark.parametrize("literal", [one for one in LOOKALIKES if "F3A0" not in one])
@pytest.mark.parametrize("target", TARGETS)
def test_text_that_looks_like_an_escape_comes_back_without_loss(
    tmp_path: Path, target: str, literal: str
) -> None:
    data = f"x{literal}y\n".encode()
    conversion = Conversion(juki(), target, Options("escape", "escape"))
    out, report = run(tmp_path, data, conversion, 7)
    assert conversion.resolver.back.bytes_for(out) == data
    assert report.losses == 0


def test_escaped_bytes_that_could_join_their_neighbours_count_as_losses(tmp_path: Path) -> None:
    for escape in ("&000000-unicode-F3A08480;", "&000000-unicode-81;", "&000000-unicode-E3829A;"):
        data = f"か{escape}".encode("cp932")
        _out, report = run(
            tmp_path, data, Conversion(juki(), "unicode", Options("escape", "escape", 1))
        )
        assert report.losses == 1
        assert restored(tmp_path) == data


def test_an_escape_reads_back_as_the_code_it_stands_for(tmp_path: Path) -> None:
    data = code("F050") + "山&131016-zei-F040;".encode("cp932")
    out, report = run(tmp_path, data, Conversion(juki(), "unicode", Options("escape")))
    assert out.decode() == "&252069-juki-F050;山&000000-text-26;131016-zei-F040;"
    assert (report.losses, report.unmapped[0].count) == (0, 1)
    back, report = run(tmp_path, out, Conversion("unicode", juki()))
    assert (back, report.losses) == (data, 0)


def counted(data: bytes) -> Counter[bytes]:
    """Count codes in another way than the engine does."""
    found: Counter[bytes] = Counter()
    at = 0
    while at < len(data):
        width = 2 if 0x81 <= data[at] <= 0x9F or 0xE0 <= data[at] <= 0xFC else 1
        found[data[at : at + width]] += 1
        at += width
    return found


def test_the_counts_of_the_report_are_those_of_an_independent_count(tmp_path: Path) -> None:
    rows = [code(one) for one in ("F040", "F044", "F046", "F047", "F04A", "F050", "F051", "F045")]
    lines = [LINE[: -1 - n % 3 * 2] + rows[n % 8] + rows[n // 8 % 5] + b"\n" for n in range(500)]
    data = b"".join(lines) + "髙".encode("cp932") + code("FBFC") + b"end"
    conversion = Conversion(juki(), "x0213", Options("geta", max_loss=MANY, digests=True))
    _out, report = run(tmp_path, data, conversion, 999, receipt=False)
    expected = counted(data)
    assert report.records == data.count(b"\n") + 1 == 501
    assert sum(report.characters.values()) == expected.total()
    assert {entry.code: entry.count for entry in report.unmapped} == {
        one: expected[code(one)] for one in ("F046", "F050", "F051", "F045")
    }
    assert {one.code: (one.count, one.kind) for one in report.reductions} == {
        "F044": (expected[code("F044")], "unified"),
        "F047": (expected[code("F047")], "reduced"),
        "F04A": (expected[code("F04A")], "substitute"),
        "FBFC": (expected[code("FBFC")], "unified"),
        "EEE0": (1, "unified"),
    }
    assert report.characters["unmapped"] == sum(one.count for one in report.unmapped)
    lossy = [entry for entry in report.recoded if entry.lossy]
    assert [(entry.code, entry.kind, entry.count) for entry in lossy] == [
        ("F040", "mapped", expected[code("F040")])
    ]
    events: list[Unmapped | Reduced | Recoded] = [*report.unmapped, *report.reductions, *lossy]
    assert report.losses == sum(entry.count for entry in events)
    for one in report.unmapped:
        assert len(one.places) == min(100, one.count)
        for place in one.places:
            assert data[place.byte_offset :].startswith(code(one.code))
            assert data[: place.byte_offset].count(b"\n") + 1 == place.record
    assert report.engine == ENGINE_REVISION
    shown = report.as_dict()
    assert (shown["from"], shown["to"], shown["release"]) == ("252069/juki", "x0213", 3)
    assert len(shown["input_sha256"]) == len(shown["output_sha256"]) == 64


def test_a_standard_substitute_of_lead_bytes_is_not_mistaken_for_python_s_choice(
    tmp_path: Path,
) -> None:
    back, _report = run(tmp_path, "髙﨑".encode(), Conversion("unicode", juki()))
    assert back == code("FBFC FAB1")


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (Options(), UnmappedCode),
        (Options("geta"), LossBeyondBudget),
        (Options("geta", max_loss=1), LossBeyondBudget),
    ],
)
def test_a_refused_conversion_writes_nothing(
    tmp_path: Path, options: Options, error: type[Exception]
) -> None:
    (tmp_path / "out").write_bytes(b"older")
    with pytest.raises(error):
        run(tmp_path, LINE + code("F050") * 2, Conversion(juki(), "unicode", options))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in", "out"]
    assert (tmp_path / "out").read_bytes() == b"older"


def test_the_budget_counts_exactly(tmp_path: Path) -> None:
    data = LINE + code("F050") * 2
    with pytest.raises(LossBeyondBudget) as caught:
        run(tmp_path, data, Conversion(juki(), "unicode", Options("geta", max_loss=1)))
    assert (caught.value.extra["losses"], caught.value.extra["max_loss"]) == (2, 1)
    assert caught.value.extra["report"]["unmapped"][0]["count"] == 2
    assert caught.value.where
    assert (caught.value.where.record, caught.value.where.byte_offset) == (2, len(LINE))
    out, _ = run(tmp_path, data, Conversion(juki(), "unicode", Options("geta", max_loss=2)))
    assert out.decode().endswith("〓〓")


def test_an_unmapped_code_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(UnmappedCode) as caught:
        run(tmp_path, LINE * 3 + b"ab" + code("F050"), Conversion(juki(), "unicode"))
    where = caught.value.where
    assert where
    assert (where.record, where.byte_offset) == (4, 3 * len(LINE) + 2)
    assert where.file == str(tmp_path / "in")


@pytest.mark.parametrize("name", ["cp932", "utf-16le", "utf-8"])
def test_a_file_cut_inside_a_character_is_malformed_at_that_place(
    tmp_path: Path, name: str
) -> None:
    source = juki() if name == "cp932" else zei(name)
    data = "山\n亜".encode(source.charset.encoding or "")
    with pytest.raises(MalformedInput) as caught:
        run(tmp_path, data[:-1], Conversion(source, "unicode"))
    assert caught.value.where
    last = len("亜".encode(source.charset.encoding or ""))
    assert (caught.value.where.record, caught.value.where.byte_offset) == (2, len(data) - last)
    conversion = Conversion(source, "unicode", Options(malformed="escape"))
    out, report = run(tmp_path, data[:-1], conversion)
    assert (conversion.resolver.back.bytes_for(out), report.losses) == (data[:-1], 0)


def test_a_dry_run_counts_everything_and_writes_nothing(tmp_path: Path) -> None:
    data = (LINE + code("F050") + code("F040")) * 3
    conversion = Conversion(juki(), "unicode", Options(dry_run=True))
    (tmp_path / "in").write_bytes(data)
    report = convert_file(
        tmp_path / "in", tmp_path / "out", conversion, receipt=tmp_path / "receipt"
    )
    assert [one.name for one in tmp_path.iterdir()] == ["in"]
    assert (report.written, report.losses, report.unmapped[0].count) == (False, 6, 3)
    assert report.characters["mapped"] == 3


def test_standard_input_and_output_are_spooled_until_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Pipe:
        def __init__(self, data: bytes = b"") -> None:
            self.buffer = io.BytesIO(data)

    for data, expected in ((LINE, LINE.decode("cp932").encode()), (LINE + code("F050"), b"")):
        monkeypatch.setattr(sys, "stdin", Pipe(data))
        pipe = Pipe()
        written = pipe.buffer
        monkeypatch.setattr(sys, "stdout", pipe)
        try:
            convert_file("-", "-", Conversion(juki(), "unicode"))
        except UnmappedCode:
            assert expected == b""
        assert written.getvalue() == expected


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        run(tmp_path, LINE, Conversion(juki(), "unicode"))
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


def test_a_receipt_is_taken_back_when_the_output_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(source: str, target: Path) -> None:
        if Path(target).name == "out":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        replace(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(StorageFailed):
        run(tmp_path, LINE, Conversion(juki(), "unicode"))
    assert [one.name for one in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("fails", ["out", "receipt"])
@pytest.mark.parametrize("links", [True, False])
def test_a_failed_second_run_leaves_the_good_pair_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str, links: bool
) -> None:
    run(tmp_path, code("F04A"), Conversion(juki(), "unicode", Options(max_loss=1)))
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.name != "in"}
    replace = os.replace

    def refuse(source: str, target: Path) -> None:
        if Path(target).name == fails and before[fails] not in Path(source).read_bytes():
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        replace(source, target)

    def no_links(_source: object, _target: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "replace", refuse)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(StorageFailed):
        run(tmp_path, LINE, Conversion(juki(), "unicode"))
    after = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.name != "in"}
    assert after == before
    assert restored(tmp_path) == code("F04A")


def test_missing_inputs_and_folders_are_named(tmp_path: Path) -> None:
    conversion = Conversion(juki(), "unicode")
    with pytest.raises(NotFound):
        convert_file(tmp_path / "none", tmp_path / "out", conversion)
    (tmp_path / "in").write_bytes(LINE)
    with pytest.raises(BadInput, match="folder"):
        convert_file(tmp_path / "in", tmp_path, conversion)
    with pytest.raises(BadInput, match="does not exist"):
        convert_file(tmp_path / "in", tmp_path / "no" / "out", conversion)
    convert_file(tmp_path / "in", os.devnull, conversion)
    assert not Path(os.devnull).is_file()


@pytest.mark.parametrize(
    ("target", "receipt"), [("in", None), ("link", None), ("out", "in"), ("out", "out"), ("-", "-")]
)
def test_no_file_of_a_conversion_overwrites_another(
    tmp_path: Path, target: str, receipt: str | None
) -> None:
    (tmp_path / "in").write_bytes(LINE)
    os.link(tmp_path / "in", tmp_path / "link")
    there = sorted(tmp_path.iterdir())
    places = [name if name in (None, "-") else tmp_path / name for name in (target, receipt)]
    with pytest.raises(BadInput, match="named for two purposes"):
        convert_file(
            tmp_path / "in", places[0] or "", Conversion(juki(), "unicode"), receipt=places[1]
        )
    assert sorted(tmp_path.iterdir()) == there
    assert (tmp_path / "in").read_bytes() == LINE


def test_an_empty_file_stays_empty(tmp_path: Path) -> None:
    out, report = run(tmp_path, b"", Conversion(juki(), "unicode"))
    assert (out, report.records, report.characters) == (b"", 0, {})
    assert restored(tmp_path) == b""


def test_an_interrupted_conversion_with_a_receipt_ends_and_leaves_nothing(tmp_path: Path) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "in").write_bytes("山田\n".encode("cp932") * 90_000)
    with pytest.raises(KeyboardInterrupt):
        convert_file(
            tmp_path / "in",
            tmp_path / "out",
            Conversion(juki(), "unicode"),
            receipt=tmp_path / "receipt",
            progress=interrupt,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_gets_the_usual_one(
    tmp_path: Path,
) -> None:
    (tmp_path / "usual").touch()
    (tmp_path / "private").touch(0o600)
    for name in ("private", "new"):
        with replacing(tmp_path / name) as file:
            assert stat.S_IMODE(os.fstat(file.fileno()).st_mode) == 0o600
            file.write(b"x")
    modes = {name: stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("private", "new")}
    assert modes == {"private": 0o600, "new": stat.S_IMODE(os.stat(tmp_path / "usual").st_mode)}
    assert sorted(os.listdir(tmp_path)) == ["new", "private", "usual"]


def test_a_name_that_no_file_can_have_is_told() -> None:
    with pytest.raises(StorageFailed, match="name is too long"), replacing("x" * 300):
        pass


def test_standard_input_that_does_not_block_is_read_to_its_end(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(read, False)
    program = (
        "import sys; from gaiji.charset.files import reading\n"
        "with reading('-') as file: print(len(file.read()))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=read, stdout=subprocess.PIPE
    ) as started:
        os.close(read)
        for part in (b"one", b"two"):
            time.sleep(0.3)
            os.write(write, part)
        os.close(write)
        assert started.communicate(timeout=20)[0] == b"6\n"


def test_an_escape_that_the_same_options_would_not_write_again_is_a_loss(tmp_path: Path) -> None:
    for data, conversion in (
        (b"&000000-unicode-EE808D;\n", Conversion(juki(), "unicode", Options("geta", max_loss=1))),
        (b"&252069-juki-F05A;\n", Conversion("unicode", juki(), Options("geta", max_loss=1))),
    ):
        _, told = run(tmp_path, data, conversion)
        assert (told.characters["escape"], told.losses) == (1, 1)
