"""One file of 2 GB by one process, by two, and by PySpark on this machine; the outputs have to be one file."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.extracts import RESIDENT, Extracts
from benchmarks.harness import Figure, Section, number_text, seconds_text
from benchmarks.world import World
from gaiji.charset.account import Account
from gaiji.charset.convert import convert_file
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.pool import convert_parts
from gaiji.charset.resolve import Options

NEEDS_DEMO = False
MEGA = 2_000
ENDS = "252069/juki", "unicode"
OPTIONS = Options(on_unmapped="escape", max_loss=1_000_000_000)
ONE, TWO, SPARK = "one process", "--workers 2", "PySpark, local[2], session running"
RUNS = 3


def measure(world: World) -> Section:
    """Time each way in turn; PySpark is left out where it or Java is missing."""
    extracts = Extracts(world.folder, 0.05 if world.quick else 1.0)
    block, mapping = extracts.file(RESIDENT), extracts.mapping(RESIDENT.charset)
    source = world.new_file(".csv")
    with source.open("wb") as file:
        while file.tell() < (100 if world.quick else MEGA) * 1e6:
            file.write(block.read_bytes())
    size = source.stat().st_size / 1e6
    ways: dict[str, Callable[[Path], Account]] = {
        ONE: lambda out: convert_file(source, out, open_mapping(mapping).prepare(*ENDS, OPTIONS)),
        TWO: lambda out: convert_parts(source, out, mapping, ENDS, OPTIONS, 2),
    }
    session = _session()
    if session:
        from gaiji.spark import convert_on_spark

        ways[SPARK] = lambda out: convert_on_spark(session, source, out, mapping, ENDS, OPTIONS)
    taken: dict[str, list[float]] = {name: [] for name in ways}
    made: set[str] = set()
    reports: list[dict[str, Any]] = []
    out = world.new_file(".out")
    for _ in range(1 if world.quick else RUNS):
        for name, way in ways.items():
            out.unlink(missing_ok=True)
            begun = time.perf_counter()
            report = way(out)
            taken[name].append(time.perf_counter() - begun)
            reports.append(report.as_dict())
            with out.open("rb") as file:
                made.add(hashlib.file_digest(file, "sha256").hexdigest())
    if session:
        session.stop()
    out.unlink()
    source.unlink()
    if len(made) != 1 or any(report != reports[0] for report in reports):
        raise AssertionError("the ways do not agree on output and report")
    figures = tuple(
        Figure(name, tuple(runs), size, "MB", None if name == ONE else ONE)
        for name, runs in taken.items()
    )
    known = {figure.name: figure for figure in figures}
    left_out = "" if session else " PySpark or Java is not installed here and was left out."
    return Section(
        figures,
        (
            f"{size / 1000:.2f} GB of CP932, {reports[0]['records']:,} records, written to the disk, which takes "
            "most of the time. Output and report are compared after every run: the same sha256 and the same counts and "
            f"places.{left_out}",
        ),
        f"2 GB のファイルは 1 プロセスで {seconds_text(known[ONE].median)}、--workers 2 で "
        f"{seconds_text(known[TWO].median)}"
        + (f"、PySpark で {number_text(known[SPARK].median)} 秒" if session else "")
        + "。出力と報告は同一。",
    )


def _session() -> Any:
    """Return a local Spark session, or None."""
    if find_spec("pyspark") is None or find_spec("pyarrow") is None or not shutil.which("java"):
        return None
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    return builder.config("spark.log.level", "ERROR").getOrCreate()
