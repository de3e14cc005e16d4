"""The conversion on a Spark cluster (PySpark での変換): the parts of `gaiji.charset.parts`, each a row of a data frame.

Only rows of paths and byte ranges go through Spark, never a byte of the files: executors read the source and the
mapping file and write part files themselves, so these stand under the same paths on every machine, on a shared file
system, and gaiji is installed there. A part that Spark does twice is the same file. `pip install gaiji[spark]`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gaiji.charset.account import Account
from gaiji.charset.convert import Progress
from gaiji.charset.files import check_apart
from gaiji.charset.parts import Work, cuts, do_unit, undone
from gaiji.charset.pool import part_folder, put_together
from gaiji.charset.resolve import Options

if TYPE_CHECKING:
    import pyarrow
    from pyspark.sql import SparkSession

UNITS = "path string, start long, end long, part string"
"""The columns of what is to do; part is empty in a dry run, which writes nothing."""
REPORTS = f"{UNITS}, report string"
"""The columns of what was done; report is JSON."""

PART_BYTES = 64 << 20

Batches = Callable[[Iterator["pyarrow.RecordBatch"]], Iterator["pyarrow.RecordBatch"]]


def convert_on_spark(
    spark: SparkSession,
    source: Path | str,
    target: Path | str,
    mapping: Path | str,
    ends: tuple[str, str],
    options: Options,
    *,
    receipt: Path | str | None = None,
    progress: Progress | None = None,
    part_bytes: int = PART_BYTES,
) -> Account:
    """Convert a file on a cluster (クラスターでの変換); output, report, receipt and errors are those of `convert_file`.

    The part files stand in a folder beside the target until they are put together. Raises what `convert_parts` does.
    """
    check_apart(source, None if options.dry_run else target, receipt, read=(mapping,))
    work = Work.of(source, target, mapping, ends, options, receipt=receipt is not None)
    with part_folder(target) as folder:
        rows = units(work, None if options.dry_run else folder, part_bytes)
        frame = spark.createDataFrame(rows, UNITS).repartitionByRange(len(rows), "start")
        done = frame.mapInArrow(converting(work), REPORTS).collect()
        reports = [row.asDict() for row in done]
        return merge(work, target, reports, receipt=receipt, progress=progress)


def units(work: Work, folder: Path | str | None, part_bytes: int) -> list[tuple[Any, ...]]:
    """Return the rows for a file: path, start, end, and the part file in a folder all executors write to."""
    script = work.prepared().resolver.source.script
    spans = cuts(work.source, script, part_bytes)
    path = os.path.abspath(work.source)  # executors stand in folders of their own
    return [(path, *span, f"{folder}/{span[0]}" if folder else "") for span in spans]


def converting(work: Work) -> Batches:
    """Return the function for `DataFrame.mapInArrow`: rows of `UNITS` in, rows of `REPORTS` out, an error being one."""
    told = work.as_dict()

    def convert(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        import pyarrow

        for batch in batches:
            for row in batch.to_pylist():
                part = {"start": row["start"], "end": row["end"], "file": row["part"] or None}
                done = do_unit({**told, "source": row["path"]}, part)
                yield pyarrow.RecordBatch.from_pylist([{**row, "report": json.dumps(done)}])

    return convert


def merge(
    work: Work,
    target: Path | str,
    reports: Iterable[dict[str, Any]],
    *,
    receipt: Path | str | None = None,
    progress: Progress | None = None,
) -> Account:
    """Put the parts of one file together on the driver (結合), whatever the order of their reports."""
    ordered = sorted(reports, key=lambda row: int(row["start"]))
    done = (undone(json.loads(row["report"])) for row in ordered)
    return put_together(work, target, done, receipt=receipt, progress=progress)


__all__ = ["REPORTS", "UNITS", "convert_on_spark", "converting", "merge", "units"]
