"""Proof: every resident file of the demo, converted to every target and restored, is itself again.

Counts are made without the engine: characters by Python's own decoders, shift codes and glibc (tests/hosts.py),
meanings by plain SQL, forms by the shipped tables. Losses are tried one by one: each distinct character goes
there and back alone.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.world import World
from gaiji.charset.account import Account
from gaiji.charset.conversion import Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.charset.stream import Stream
from gaiji.charset.targets import script_of
from gaiji.data import MjRow, ShrinkRow, read
from gaiji.demo.council import CodeSetPlan
from gaiji.registry import releases
from tests.hosts import Character, characters

TARGETS = ("unicode", "unicode-svs", "juki", "x0213", "mj")
OPTIONS = Options(on_unmapped="escape", max_loss=1 << 40, digests=True)
SELECTORS = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]")


@dataclass(frozen=True)
class Expected:
    """What a resident file holds, counted without the engine."""

    data: bytes
    characters: Counter[Character]
    meanings: dict[bytes, tuple[str, str]]

    @property
    def gaiji(self) -> dict[bytes, int]:
        """Occurrences of each local code."""
        return {one: count for one, count in self.characters.items() if isinstance(one, bytes)}

    @property
    def standard(self) -> dict[str, int]:
        """Occurrences of each character of the standard area."""
        return {one: count for one, count in self.characters.items() if isinstance(one, str)}


class Tables:
    """What the shipped tables say a character can be written as."""

    def __init__(self) -> None:
        self.rows = {row.name: row for row in read(MjRow)}
        self.own = {row.own_ucs: row for row in self.rows.values() if row.own_ucs}
        self.shrinks: dict[str, list[ShrinkRow]] = {}
        for row in read(ShrinkRow):
            self.shrinks.setdefault(row.name, []).append(row)

    def has(self, character: str, target: str) -> bool:
        """Whether a shared character can be written in a target."""
        row = self.rows.get(character)
        if target == "juki":
            return row is not None and row.juki is not None
        if target == "x0213":
            return row is not None and (row.x0213 is not None or self._shrinks_to_one(character))
        return True  # a code of its own, a sequence, the council's allocation, or its name

    def _shrinks_to_one(self, character: str) -> bool:
        ranked: dict[float, set[str]] = {}
        for row in self.shrinks.get(character, ()):
            if _in_x0213(row.ucs):
                ranked.setdefault(row.rank or float("inf"), set()).add(row.ucs)
        return bool(ranked) and len(ranked[min(ranked)]) == 1

    def writes(self, text: str, target: str) -> bool:
        """Whether an ordinary character of the standard area can be written in a target."""
        row = self.own.get(text)
        if target == "juki":
            return row.juki is not None if row else True
        if target == "x0213":
            return _in_x0213(text) or (row is not None and self.has(row.name, target))
        return True


def _in_x0213(text: str) -> bool:
    microsoft = str.maketrans("～∥－￠￡￢", "〜‖−¢£¬")
    try:
        code = text.translate(microsoft).encode("euc_jis_2004")
    except UnicodeEncodeError:
        return False
    return len(code) < 3 or code[0] != 0x8F or code[1] - 0xA0 in _PLANE_2


_PLANE_2 = (1, 3, 4, 5, 8, 12, 13, 14, 15, *range(78, 95))


def prove(world: World) -> Iterator[str]:
    """Yield a line per file; raise AssertionError at the first difference."""
    tables, total, files = Tables(), 0, 0
    for handed in world.handed_in.code_sets:
        if handed.residents is None:
            continue
        address = handed.plan.address
        expected = _expected(world.home / "gaiji.db", handed.plan, handed.residents)
        files += 1
        with world.session() as session:
            latest = releases.find_release(session, "latest")
            mapping = releases.mapping(session, address, latest)
            told = [
                _one(world, handed.residents, mapping, target, expected, tables)
                for target in TARGETS
            ]
        total += len(TARGETS) * len(expected.data)
        gaiji = sum(expected.gaiji.values())
        yield (
            f"{address}: {len(expected.data):,} bytes, {sum(expected.characters.values()):,} characters, "
            f"{gaiji:,} gaiji of {len(expected.gaiji):,} codes; " + "; ".join(told)
        )
    yield f"{files} files, {files * len(TARGETS)} conversions, {total / 1e6:,.0f} MB: all restored byte for byte"


def _expected(database: Path, plan: CodeSetPlan, file: Path) -> Expected:
    data = file.read_bytes()
    counted = Counter(characters(data, plan))
    assert not any(isinstance(one, str) and SELECTORS.search(one) for one in counted), (
        f"{file} has variation selectors; count tokens, not characters"
    )
    address, member, name = plan.address, plan.member, plan.name
    connection = sqlite3.connect(database)
    rows = connection.execute(
        """
        SELECT local_codes.code, mappings.character, mappings.relationship
        FROM code_sets JOIN local_codes ON local_codes.code_set_id = code_sets.id
        JOIN meanings ON meanings.local_code_id = local_codes.id
        JOIN spans ON spans.meaning_id = meanings.id
        JOIN mappings ON mappings.meaning_id = meanings.id
        WHERE code_sets.member = ? AND code_sets.name = ? AND mappings.since IS NOT NULL
          AND mappings.until IS NULL AND spans.valid_to = '9999-12-31'
          AND spans.since IS NOT NULL AND spans.until IS NULL
          AND mappings.relationship <> 'not-related'
        """,
        (member, name),
    ).fetchall()
    connection.close()
    assert rows, f"no meaning of {address} is published"
    return Expected(data, counted, {code: (id, how) for code, id, how in rows})


def _one(
    world: World, source: Path, mapping: Mapping, target: str, expected: Expected, tables: Tables
) -> str:
    out, receipt, back = (world.new_file(suffix) for suffix in (".out", ".receipt", ".back"))
    report = convert_file(source, out, Conversion(mapping, target, OPTIONS), receipt=receipt)
    restored = restore_file(out, back, receipt, by_release(lambda code_set, release: mapping))
    assert back.read_bytes() == expected.data, f"{source} → {target} is not restored"
    assert restored == len(expected.data)
    assert report.output_sha256 == hashlib.sha256(out.read_bytes()).hexdigest()
    assert report.input_sha256 == hashlib.sha256(expected.data).hexdigest()
    _check_counts(report, expected, mapping, target, tables)
    lost = _lost_alone(mapping, target, expected)
    assert report.losses == lost, (
        f"{target}: {report.losses} losses reported, {lost} found one by one"
    )
    for file in (out, receipt, back):
        file.unlink()
    return f"{target} {report.losses:,} losses"


def _check_counts(
    report: Account, expected: Expected, mapping: Mapping, target: str, tables: Tables
) -> None:
    script = script_of(mapping.charset)
    counted = sum(expected.characters.values())
    said = sum(report.characters.values())
    assert said == counted, f"{target}: {said} characters reported, {counted} there"
    lines = expected.characters["\n"]
    assert report.records == lines, f"{target}: {report.records} records reported, {lines} there"
    unmapped = {
        code.hex().upper(): count
        for code, count in expected.gaiji.items()
        if code not in expected.meanings or not tables.has(expected.meanings[code][0], target)
    }
    unmapped |= {
        script.bare(script.encode(char) or b"").hex().upper(): count
        for char, count in expected.standard.items()
        if not tables.writes(char, target)
    }
    told = {one.code: one.count for one in report.unmapped}
    assert told == unmapped, f"{target}: unmapped {told} reported, {unmapped} counted"
    if target == "x0213":
        return  # unification and reduction have classes of their own
    classes: Counter[str] = Counter()
    for code, count in expected.gaiji.items():
        if code.hex().upper() not in unmapped:
            substitute = expected.meanings[code][1] == "substitute"
            classes["substitute" if substitute else "mapped"] += count
    for kind in ("mapped", "substitute"):
        was = report.characters.get(kind, 0)
        assert was == classes[kind], f"{target}: {was} {kind} reported, {classes[kind]} counted"


def _lost_alone(mapping: Mapping, target: str, expected: Expected) -> int:
    """Count the characters that, sent there and back alone, come back as something else."""
    there = Conversion(mapping, target, OPTIONS).resolver
    again = Conversion(target, mapping, Options(on_unmapped="escape", malformed="escape")).resolver
    lost = 0
    script = there.source.script
    for one, count in expected.characters.items():
        code = script.standing(one) if isinstance(one, bytes) else script.encode(one) or b""
        out = Stream(there).feed(code, final=True)
        lost += count * (Stream(again).feed(out, final=True) != code)
    return lost
