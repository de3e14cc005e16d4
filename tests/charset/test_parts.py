from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from gaiji.charset import pool
from gaiji.charset.account import Account
from gaiji.charset.charsets import charset
from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.mapfile import open_mapping, prepare_from
from gaiji.charset.mapping import Mapping, Row
from gaiji.charset.parts import Done, Part, Work, convert_part, cuts, do_unit, undone
from gaiji.charset.pool import Pool, convert_parts, put_together
from gaiji.charset.records.layout import Layout
from gaiji.charset.records.layoutfile import read_layout
from gaiji.charset.resolve import Options
from gaiji.cli import run
from gaiji.errors import (
    BadInput,
    BadMappingFile,
    GaijiError,
    JobAbandoned,
    LossBeyondBudget,
    MalformedInput,
    NotFound,
    StorageFailed,
    UnmappedCode,
)
from tests.charset.council import REPERTOIRE, juki, zei

MANY = 10**9
ENDS = "252069/juki", "unicode"
CHARSETS = ("cp932", "jef", "keis83", "jips-e", "ibm939", "ibm1390", "utf-16le", "utf-8")
LINE = "山田太郎,東京都千代田区１－２－３,0123\n".encode("cp932")


def code_set(name: str) -> Mapping:
    """A code set in a charset: four of its codes, if it has any, are shared characters, one a substitute."""
    if name == "cp932":
        return juki()
    if name == "utf-16le":
        return zei()
    made = charset(name)
    characters = ("MJ026190", "MJ026192", "MJ037321", "OM000001")
    codes = list(made.user_codes())[:4]
    rows = [
        Row(code, id, "substitute" if id == "MJ026190" else "equivalent")
        for code, id in zip(codes, characters, strict=False)
    ]
    return Mapping(3, "3a" * 32, "252069/juki", made, rows, REPERTOIRE)


def resident_file(mapping: Mapping, seed: int, lines: int = 60) -> bytes:
    """Lines with gaiji, undecided codes, odd shift codes, broken bytes, escapes, and a last one without its end."""
    chance = random.Random(seed)
    prepared = Conversion(mapping, "unicode", Options()).resolver
    script = prepared.source.script
    users = [bytes(code) for code in mapping.charset.user_codes()][:30]
    odd = [b"\x81", b"\xff\xff", *script.shifts]
    made = []
    for number in range(lines):
        parts = [
            script.encode(text) or b"" for text in (f"{number},", "山崎高", "&000000-text-26;")
        ]
        parts += [script.standing(code) for code in chance.sample(users, min(4, len(users)))]
        if script.codec is None:
            parts.append(chance.choice(odd))
        chance.shuffle(parts)
        made.append(b"".join(parts))
    return script.newline.join(made)


def compiled(folder: Path, mapping: Mapping, target: str = "unicode", **options: Any) -> Path:
    path = folder / "made.gmap"
    write_mapping(path, Conversion(mapping, target, Options(**options)))
    return path


def both(
    folder: Path, path: Path, ends: tuple[str, str], options: Options, part_bytes: int
) -> tuple[Account, Account]:
    one = convert_file(
        folder / "in",
        folder / "one",
        open_mapping(path).prepare(*ends, options),
        receipt=folder / "one.receipt",
    )
    return one, in_parts(folder, path, ends, options, part_bytes)


def in_parts(
    folder: Path, path: Path, ends: tuple[str, str], options: Options, part_bytes: int
) -> Account:
    """Convert part by part in this process, each record told as JSON and read again."""
    work = Work.of(folder / "in", folder / "two", path, ends, options, receipt=True)
    script = work.prepared().resolver.source.script
    done = []
    for number, (start, end) in enumerate(cuts(folder / "in", script, part_bytes)):
        part = Part(start, end, str(folder / f"part{number}"))
        told = json.loads(json.dumps(do_unit(work.as_dict(), asdict(part))))
        done.append(undone(told))
    return put_together(work, folder / "two", done, receipt=folder / "two.receipt")


def same(folder: Path) -> bool:
    return all(
        (folder / f"one{end}").read_bytes() == (folder / f"two{end}").read_bytes()
        for end in ("", ".receipt")
    )


@pytest.mark.parametrize("name", CHARSETS)
@pytest.mark.parametrize("policy", ["escape", "geta"])
def test_parts_one_after_the_other_are_the_single_run_whatever_their_length(
    tmp_path: Path, name: str, policy: Any
) -> None:
    mapping = code_set(name)
    path = compiled(tmp_path, mapping)
    options = Options(on_unmapped=policy, malformed="escape", max_loss=MANY)
    ends = mapping.code_set, "unicode"
    for seed, size in enumerate((2, 30, 64, 200, 1000)):
        (tmp_path / "in").write_bytes(resident_file(mapping, seed))
        one, two = both(tmp_path, path, ends, options, size)
        assert two.as_dict() == one.as_dict()
        assert one.characters.keys() - {"plain", "mapped"}
        assert same(tmp_path)


@pytest.mark.parametrize("name", CHARSETS)
def test_parts_of_a_file_written_into_a_charset_are_the_single_run(
    tmp_path: Path, name: str
) -> None:
    mapping = code_set(name)
    path = compiled(tmp_path, mapping)
    lines = [
        "\ufeff山崎,1",
        "邉\U000e010f邉\U000e011b𢽾",
        "\ufeff&000000-text-26;",
        "",
        "一\U000e0100,2",
    ]
    (tmp_path / "in").write_bytes("\n".join(lines * 20).encode())
    options = Options(on_unmapped="escape", malformed="escape", max_loss=MANY)
    one, two = both(tmp_path, path, ("unicode", mapping.code_set), options, 40)
    assert two.as_dict() == one.as_dict()
    assert same(tmp_path)


@pytest.mark.parametrize("data", [b"", b"\n", b"a", b"a\n", b"\n\n\n\n", LINE, LINE[:-1]])
def test_short_files_are_cut_or_not_and_come_out_alike(tmp_path: Path, data: bytes) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(data)
    one, two = both(tmp_path, path, ENDS, Options(), 1)
    assert two.as_dict() == one.as_dict()
    assert same(tmp_path)


@pytest.mark.parametrize("unit", [1, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
def test_cuts_cover_the_file_and_stand_behind_line_ends_at_whole_units(
    tmp_path: Path, unit: int, size: int
) -> None:
    script = code_set("cp932" if unit == 1 else "utf-16le")
    script_of = Conversion(script, "unicode").resolver.source.script
    text = "".join(f"{'ਊ' * (number % 90)}\n" for number in range(400)) + "x" * 70_000 + "\nend"
    data = text.encode("utf-8" if unit == 1 else "utf-16-le")
    (tmp_path / "in").write_bytes(data)
    found = cuts(tmp_path / "in", script_of, size)
    assert [start for start, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == len(data)
    for _, end in found[:-1]:
        assert end % unit == 0
        assert data[:end].endswith(script_of.newline)
    if size < 100:
        assert len(found) > 30


def test_a_record_says_the_same_after_a_trip_as_json(tmp_path: Path) -> None:
    mapping = code_set("jef")
    path = compiled(tmp_path, mapping)
    (tmp_path / "in").write_bytes(resident_file(mapping, 1))
    options = Options(on_unmapped="escape", malformed="escape")
    work = Work.of(
        tmp_path / "in", "out", path, (mapping.code_set, "unicode"), options, receipt=True
    )
    assert Work.from_dict(json.loads(json.dumps(work.as_dict()))) == work
    done = convert_part(work, Part(0, 200))
    back = Done.from_dict(json.loads(json.dumps(done.as_dict())))
    assert back.as_dict() == done.as_dict()
    assert [(type(token), token) for token, _ in back.seen] == [
        (type(token), token) for token, _ in done.seen
    ]
    assert back.noted == done.noted
    assert back.noted
    assert back.noted.events > 0


def test_a_part_done_twice_is_the_same_file_and_leaves_no_other(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 10)
    work = Work.of(tmp_path / "in", "out", path, ENDS, Options())
    parts = tmp_path / "parts"
    parts.mkdir()
    part = Part(len(LINE), 3 * len(LINE), str(parts / "1"))
    records = [convert_part(work, part).as_dict() for _ in range(2)]
    assert records[0] == records[1]
    assert (parts / "1").read_bytes() == LINE.decode("cp932").encode() * 2
    assert os.listdir(parts) == ["1"]


# --- workers


@pytest.fixture
def large(tmp_path: Path) -> Path:
    data = resident_file(juki(), 7, 400) + b"\n"
    (tmp_path / "in").write_bytes(data * 12)
    return compiled(tmp_path, juki())


def listing(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_give_the_single_run_with_report_receipt_and_digests(
    tmp_path: Path, large: Path, workers: int
) -> None:
    options = Options(on_unmapped="escape", malformed="escape", max_loss=MANY, digests=True)
    one = convert_file(
        tmp_path / "in",
        tmp_path / "one",
        open_mapping(large).prepare(*ENDS, options),
        receipt=tmp_path / "one.receipt",
    )
    steps: list[int] = []
    two = convert_parts(
        tmp_path / "in",
        tmp_path / "two",
        large,
        ENDS,
        options,
        workers,
        receipt=tmp_path / "two.receipt",
        progress=steps.append,
        part_bytes=20_000,
    )
    assert two.as_dict() == one.as_dict()
    assert same(tmp_path)
    assert steps == sorted(steps)
    assert len(steps) > 5
    assert steps[-1] == one.input_bytes
    plain = convert_parts(
        tmp_path / "in",
        tmp_path / "three",
        large,
        ENDS,
        options._replace(digests=False),
        workers,
        part_bytes=20_000,
    )
    assert plain.output_sha256 is None
    assert (tmp_path / "three").read_bytes() == (tmp_path / "one").read_bytes()
    wanted = ["in", "made.gmap", "one", "one.receipt", "three", "two", "two.receipt"]
    assert listing(tmp_path) == wanted


LAYOUTS = {
    "fixed": """kind = "fixed"
[[field]]
name = "番号"
kind = "number"
length = 6
[[field]]
name = "氏名"
mode = "double"
length = 12
[field.target]
width = 18
longer = "cut"
[[field]]
name = "方書"
length = 10
[field.target]
width = 13
longer = "spill"
""",
    "csv": """kind = "csv"
[table]
header = true
[[field]]
name = "氏名"
[field.target]
width = 9
longer = "cut"
[[field]]
name = "方書"
[field.target]
width = 14
longer = "spill"
[[field]]
name = "番号"
kind = "number"
""",
    "free": 'kind = "csv"\n[table]\nheader = true\n',
    "line": 'kind = "line"\n',
}


def records_file(kind: str, count: int, seed: int = 5) -> bytes:
    """Records with gaiji, undecided codes, broken bytes, values too long, and line ends in quotes."""
    chance = random.Random(seed)
    parts = [
        b"\xf0\x40",
        b"\xf0\x41",
        b"\xf0\x60",
        *("山亜神～".encode("cp932")[n : n + 2] for n in (0, 2, 4, 6)),
    ]
    made = []
    for number in range(count):
        name = b"".join(chance.choices(parts, k=chance.randrange(7)))
        note = b"".join(chance.choices([*parts, b"A1", b"  ", b"\x81"], k=chance.randrange(5)))
        digits = b"%06d" % number
        if kind == "fixed":
            made.append(digits + name.ljust(12, b"\x20") + note[:10].ljust(10))
        elif kind == "line":
            made.append(digits + name + note + b"\r\n")
        else:
            note = b'"%b\n,""%b"' % (name, digits) if number % 3 == 0 else note.rstrip(b"\x81")
            made.append(b",".join((digits, note, name)) + (b"\r\n" if number % 2 else b"\n"))
    header = "番号,方書,氏名\n".encode("cp932") if kind in ("csv", "free") else b""
    return header + b"".join(made)


def outcome(run: Any, folder: Path) -> tuple[Any, dict[str, bytes]]:
    """What a conversion says, or the error that ends it, and the files it leaves."""
    before = set(listing(folder))
    try:
        told = run().as_dict()
    except GaijiError as error:
        told = (type(error).__name__, error.problem())
    names = [name for name in listing(folder) if name not in before]
    files = {name: (folder / name).read_bytes() for name in names}
    for name in names:
        (folder / name).unlink()
    return told, files


def by_layout(
    folder: Path, path: Path, layout: Layout, options: Options
) -> tuple[Callable[[], Account], Callable[[int], Account]]:
    """Return what converts by a layout in one piece, and in parts of a size."""
    names: dict[str, Any] = {name: folder / name for name in ("receipt", "spill")}
    files = folder / "in", folder / "out"

    def single() -> Account:
        prepared = open_mapping(path).prepare(*ENDS, options)
        return convert_file(*files, prepared, layout=layout, **names)

    def several(size: int) -> Account:
        return convert_parts(
            *files, path, ENDS, options, 2, layout=layout, part_bytes=size, **names
        )

    return single, several


@pytest.mark.parametrize("kind", LAYOUTS)
@pytest.mark.parametrize(
    "options",
    [
        Options("escape", "escape", MANY, digests=True),
        Options("geta", "escape", 40),
        Options("escape", "error", MANY),
        Options(malformed="escape", dry_run=True),
    ],
)
def test_workers_by_a_layout_give_the_single_run_with_all_its_files(
    tmp_path: Path, kind: str, options: Options
) -> None:
    path = compiled(tmp_path, juki())
    layout = read_layout(LAYOUTS[kind].encode(), "layout.toml")
    data = records_file(kind, 1500)
    (tmp_path / "in").write_bytes(data)
    single, several = by_layout(tmp_path, path, layout, options)
    one, two = outcome(single, tmp_path), outcome(lambda: several(9_000), tmp_path)
    assert two == one
    if options.digests:
        assert isinstance(one[0], dict), one[0]
        assert list(one[1]) == ["out", "receipt", "spill"]
        assert one[0]["losses"] > 100
        assert one[0]["records"] == 1500 + (kind in ("csv", "free")) or kind == "line"
        assert bool(one[1]["spill"]) == (kind in ("fixed", "csv"))
        several(9_000)
        size = restore_file(
            tmp_path / "out",
            tmp_path / "back",
            tmp_path / "receipt",
            prepare_from(open_mapping(path)),
        )
        assert size == len(data)
        assert (tmp_path / "back").read_bytes() == data


@pytest.mark.parametrize("name", ["utf-16le", "jef", "ibm939", "keis83", "utf-8"])
@pytest.mark.parametrize("separator", ["none", "lf"])
def test_fixed_records_of_any_charset_are_cut_at_their_length(
    tmp_path: Path, name: str, separator: str
) -> None:
    mapping = code_set(name)
    path = compiled(tmp_path, mapping)
    ends = mapping.code_set, "unicode"
    script = Conversion(mapping, "unicode").resolver.source.script
    blank, users = script.code(" ") or b"", list(mapping.charset.user_codes())[:30]
    mark = "\ufeff".encode("utf-16-le") if name == "utf-16le" else b""
    end = script.newline if separator == "lf" else b""
    rows = []
    for number in range(300):
        value = (
            (script.encode(f"{number}山") or b"") + script.standing(users[number % 30])
            if users
            else b""
        )
        rows.append(value + blank * ((24 - len(value)) // len(blank)) + end)
    data = mark + b"".join(rows)
    (tmp_path / "in").write_bytes(data)
    text = (
        f'kind = "fixed"\n[record]\nseparator = "{separator}"\n[[field]]\nname = "a"\nlength = 24\n'
    )
    layout = read_layout((text + 'target = { width = 40, longer = "cut" }\n').encode(), "l.toml")
    options = Options("escape", "escape", MANY, digests=True)
    one = convert_file(
        tmp_path / "in",
        tmp_path / "one",
        open_mapping(path).prepare(*ends, options),
        layout=layout,
        receipt=tmp_path / "one.receipt",
    )
    for size in (700, 1900):
        two = convert_parts(
            tmp_path / "in",
            tmp_path / "two",
            path,
            ends,
            options,
            2,
            layout=layout,
            receipt=tmp_path / "two.receipt",
            part_bytes=size,
        )
        assert two.as_dict() == one.as_dict()
        assert same(tmp_path)
    assert one.records == 300
    assert one.input_bytes == len(data)


@pytest.mark.parametrize("kind", ["fixed", "csv", "free"])
@pytest.mark.parametrize("broken", ["short", "unmapped", "both", "quote"])
def test_workers_by_a_layout_tell_the_first_error_of_the_file(
    tmp_path: Path, kind: str, broken: str
) -> None:
    path = compiled(tmp_path, juki())
    layout = read_layout(LAYOUTS[kind].encode(), "layout.toml")
    good = records_file(kind, 1500).replace(b"\xf0\x60", b"\xf0\x41").replace(b"\x81 ", b"  ")
    places = (b"001000", b"001001") if broken == "both" else (b"001000",)
    for place in places:
        at = good.index(place)
        bad = {"unmapped": b"\xf0\x60", "quote": b'1"2"'}.get(broken, b"")
        if place == b"001001":
            bad = b"\xf0\x60"
        at += 6 if kind == "fixed" else 7
        good = good[:at] + bad + good[at + (1 if broken == "short" else len(bad)) :]
    (tmp_path / "in").write_bytes(good)
    options = Options(malformed="escape", max_loss=MANY)
    single, several = by_layout(tmp_path, path, layout, options)
    one = outcome(single, tmp_path)
    assert isinstance(one[0], tuple) == ((kind, broken) != ("fixed", "quote"))
    for size in (2_000, 9_000, 20_000):
        assert outcome(lambda size=size: several(size), tmp_path) == one


def test_the_command_takes_workers_and_a_layout_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(records_file("csv", 600))
    (tmp_path / "layout.toml").write_text(LAYOUTS["csv"])
    for name in ("WORTH", "SMALLEST", "LARGEST"):
        monkeypatch.setattr(pool, name, 2000)
    for workers in ("1", "2"):
        words = ["convert", str(tmp_path / "in"), str(tmp_path / f"out{workers}")]
        words += ["--mapping", str(path), "--from", ENDS[0], "--to", ENDS[1]]
        words += ["--layout", str(tmp_path / "layout.toml"), "--workers", workers]
        words += ["--on-unmapped", "escape", "--malformed", "escape", "--max-loss", str(MANY)]
        for name in ("spill", "receipt", "report"):
            words += [f"--{name}", str(tmp_path / f"{name}{workers}")]
        assert run(words) == 0
    for name in ("out", "spill", "receipt", "report"):
        one, two = ((tmp_path / f"{name}{workers}").read_bytes() for workers in "12")
        assert one == two
        assert one


def test_a_layout_that_spills_needs_a_side_file_with_workers_too(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    layout = read_layout(LAYOUTS["fixed"].encode(), "layout.toml")
    (tmp_path / "in").write_bytes(records_file("fixed", 100))
    with pytest.raises(BadInput, match="name the side file with --spill"):
        convert_parts(
            *(tmp_path / "in", tmp_path / "out", path, ENDS, Options(), 2),
            layout=layout,
            part_bytes=500,
        )
    assert listing(tmp_path) == ["in", "made.gmap"]


def test_a_dry_run_with_workers_counts_and_writes_nothing(tmp_path: Path, large: Path) -> None:
    options = Options(malformed="escape", dry_run=True)
    done = convert_parts(
        tmp_path / "in", tmp_path / "out", large, ENDS, options, 2, part_bytes=30_000
    )
    one = convert_file(
        tmp_path / "in", tmp_path / "out", open_mapping(large).prepare(*ENDS, options)
    )
    assert done.as_dict() == one.as_dict()
    assert done.unmapped
    assert listing(tmp_path) == ["in", "made.gmap"]


@pytest.mark.parametrize(
    ("broken", "kind"), [(b"\x81\n", MalformedInput), (b"\xf0\x50\n", UnmappedCode)]
)
def test_the_first_error_of_the_file_is_the_single_runs_and_leaves_what_stood_there(
    tmp_path: Path, broken: bytes, kind: type[GaijiError]
) -> None:
    path = compiled(tmp_path, juki())
    late = LINE * 2000 + b"ab" + broken + LINE * 2000 + b"\x81\n" + LINE * 100
    (tmp_path / "in").write_bytes(late)
    (tmp_path / "out").write_bytes(b"before")
    before = listing(tmp_path)
    told = []
    with pytest.raises(kind) as single:
        convert_file(
            tmp_path / "in", tmp_path / "out", open_mapping(path).prepare(*ENDS, Options())
        )
    with pytest.raises(kind) as several:
        convert_parts(
            tmp_path / "in",
            tmp_path / "out",
            path,
            ENDS,
            Options(),
            2,
            receipt=tmp_path / "receipt",
            part_bytes=10_000,
        )
    told = [caught.value.problem() for caught in (single, several)]
    assert told[0] == told[1]
    assert several.value.where
    assert several.value.where.record == 2001
    assert (tmp_path / "out").read_bytes() == b"before"
    assert listing(tmp_path) == before


def test_losses_of_all_parts_count_against_the_budget(tmp_path: Path, large: Path) -> None:
    options = Options(on_unmapped="escape", malformed="escape", max_loss=3)
    before = listing(tmp_path)
    with pytest.raises(LossBeyondBudget) as single:
        convert_file(tmp_path / "in", tmp_path / "out", open_mapping(large).prepare(*ENDS, options))
    with pytest.raises(LossBeyondBudget) as several:
        convert_parts(tmp_path / "in", tmp_path / "out", large, ENDS, options, 2, part_bytes=30_000)
    assert several.value.problem() == single.value.problem()
    assert several.value.extra["report"]["losses"] > 3
    assert listing(tmp_path) == before


def test_what_cannot_be_cut_goes_through_one_process(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 10)
    done = convert_parts(tmp_path / "in", tmp_path / "out", path, ENDS, Options(), 4)
    assert done.records == 10
    assert (tmp_path / "out").read_bytes() == LINE.decode("cp932").encode() * 10
    with pytest.raises(NotFound):
        convert_parts(tmp_path / "none", tmp_path / "out", path, ENDS, Options(), 4)
    with pytest.raises(BadInput, match="folder of the output does not exist"):
        convert_parts(tmp_path / "in", tmp_path / "no" / "out", path, ENDS, Options(), 4)


def test_a_worker_that_is_killed_is_replaced_and_the_second_time_the_work_stops(
    tmp_path: Path, large: Path
) -> None:
    options = Options(on_unmapped="escape", malformed="escape")
    work = Work.of(tmp_path / "in", "out", large, ENDS, options)
    spans = cuts(tmp_path / "in", work.prepared().resolver.source.script, 20_000)
    with Pool(work, 1) as pool:
        assert isinstance(next(pool.run([Part(*spans[0])])), Done)
        pool._all[0].kill()
        assert isinstance(next(pool.run([Part(*spans[1])])), Done)
        assert len(pool._all) == 2
    told = work.as_dict() | {"digest": 1 << 60}  # a worker that ends by an error of its own
    with Pool(work, 1) as pool:
        pool._work = told | {"options": None}
        with pytest.raises(JobAbandoned, match="ended twice"):
            list(pool.run([Part(*spans[0])]))


def test_a_source_or_mapping_that_changes_meanwhile_is_refused(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 10)
    work = Work.of(tmp_path / "in", tmp_path / "out", path, ENDS, Options())
    done = [convert_part(work, Part(0, 10 * len(LINE), str(tmp_path / "part")))]
    (tmp_path / "in").write_bytes(LINE * 11)
    with pytest.raises(BadInput, match="changed during the conversion"):
        put_together(work, tmp_path / "out", done)
    with pytest.raises(BadInput, match="changed during the conversion"):
        convert_part(work, Part(0, 20 * len(LINE)))
    other = replace(work, digest="00" * 32)
    with pytest.raises(BadMappingFile, match="replaced during the conversion"):
        convert_part(other, Part(0, len(LINE)))
    with pytest.raises(BadMappingFile, match="name these with --from"):
        Work.of(tmp_path / "in", "out", path, ("252107/zei", "unicode"), Options()).prepared()
    assert not (tmp_path / "out").exists()


def test_a_part_of_another_length_or_place_is_not_put_together(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 10)
    work = Work.of(tmp_path / "in", tmp_path / "out", path, ENDS, Options())
    done = convert_part(work, Part(0, 10 * len(LINE), str(tmp_path / "part")))
    (tmp_path / "part").write_bytes(b"short")
    with pytest.raises(JobAbandoned, match="has 5 bytes, not"):
        put_together(work, tmp_path / "out", [done])
    second = convert_part(work, Part(len(LINE), 10 * len(LINE), str(tmp_path / "part")))
    with pytest.raises(ValueError, match="does not follow byte 0"):
        put_together(work, tmp_path / "out", [second])
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_of_the_output(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 100)
    with pytest.raises(StorageFailed, match="disk is full") as caught:
        convert_parts(tmp_path / "in", "/dev/full", path, ENDS, Options(), 2, part_bytes=1000)
    assert caught.value.where
    assert caught.value.where.file == "/dev/full"


def test_ctrl_c_ends_the_workers_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 4_000_000)
    before = listing(tmp_path)
    program = (
        "import sys; from gaiji.charset.pool import convert_parts; "
        "from gaiji.charset.resolve import Options; "
        f"convert_parts('in', 'out', {str(path)!r}, {ENDS!r}, Options(), 2, part_bytes=100_000)"
    )
    started = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    while len(listing(tmp_path)) == len(before):
        assert started.poll() is None
        time.sleep(0.01)
    time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    assert started.wait(20) in (-signal.SIGINT, 130)
    assert listing(tmp_path) == before


def test_a_worker_loads_neither_database_nor_schemas() -> None:
    program = "import sys, gaiji.charset.worker; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    heavy = ("sqlalchemy", "pydantic", "fastapi", "typer", "rich", "numpy", "gaiji.wire")
    layouts = ("gaiji.charset.records", "gaiji.charset.lint")
    assert not [name for name in loaded if name.startswith((*heavy, *layouts))]


HEAVY = ("dataclasses", "inspect", "pathlib", "tempfile", "shutil", "random", "datetime")
"""Modules of the standard library that cost more to load than a small file costs to convert."""


def test_nightly_conversions_and_restorations_load_no_heavy_modules(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE)
    names = ("in", "out", "receipt", "back")
    source, out, receipt, back = (str(tmp_path / name) for name in names)
    there = ["convert", source, out, "--from", ENDS[0], "--to", ENDS[1], "--receipt", receipt]
    there += ["--report", str(tmp_path / "report"), "--format", "json"]
    again = ["restore", out, back, "--receipt", receipt]
    # what the environment itself loads at every start does not count
    program = (
        "import sys; before = {*sys.modules}; from gaiji.cli import run; "
        f"done = [run([*words, '--mapping', {str(path)!r}]) for words in {(there, again)!r}]; "
        "print(); print(done, *{*sys.modules} - before)"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout
    status, _, loaded = said.splitlines()[-1].partition("] ")
    assert status == "[0, 0"
    assert "gaiji.charset.fast" in loaded.split()
    assert not {*HEAVY} & {*loaded.split()}
    assert (tmp_path / "back").read_bytes() == LINE


def test_a_conversion_without_a_layout_loads_nothing_of_layouts(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE)
    words = ["convert", str(tmp_path / "in"), str(tmp_path / "out"), "--mapping", str(path)]
    words += ["--from", ENDS[0], "--to", ENDS[1], "--workers", "2"]
    program = f"import sys; from gaiji.cli import run; print(run({words!r}), *sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "gaiji.charset.pool" in loaded
    assert not [name for name in loaded if name.startswith(("gaiji.charset.records", "typer"))]


def test_what_goes_to_the_null_device_is_hashed_all_the_same(tmp_path: Path) -> None:
    path = compiled(tmp_path, juki())
    (tmp_path / "in").write_bytes(LINE * 3_000)
    options = Options(digests=True)
    one = convert_file(
        tmp_path / "in", tmp_path / "out", open_mapping(path).prepare(*ENDS, options)
    )
    two = convert_parts(tmp_path / "in", "/dev/null", path, ENDS, options, 2, part_bytes=20_000)
    assert two.output_sha256 == one.output_sha256
    assert two.output_sha256 == hashlib.sha256((tmp_path / "out").read_bytes()).hexdigest()
