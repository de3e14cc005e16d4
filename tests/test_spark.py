from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from gaiji.charset.convert import convert_file
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.parts import Work
from gaiji.charset.resolve import Options
from gaiji.errors import MalformedInput
from gaiji.spark import converting, merge, units
from tests.charset.council import juki
from tests.charset.test_parts import ENDS, LINE, resident_file

OPTIONS = Options(on_unmapped="escape", malformed="escape", max_loss=10**9)


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "juki.gmap"
    write_mapping(path, Conversion(juki(), "unicode"))
    return path


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyarrow", reason="needs gaiji[spark]")
    sql = pytest.importorskip("pyspark.sql", reason="needs gaiji[spark]")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    made = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    session = made.config("spark.log.level", "ERROR").getOrCreate()
    yield session
    session.stop()


class Rows:
    """A record batch as far as the adapter looks at one."""

    def __init__(self, rows: list[dict[str, Any]]) -> None:
        self.rows = rows

    def to_pylist(self) -> list[dict[str, Any]]:
        return self.rows

    @classmethod
    def from_pylist(cls, rows: list[dict[str, Any]]) -> Rows:
        return cls(rows)


def test_rows_go_in_and_reports_come_out_without_spark(
    tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", type("module", (), {"RecordBatch": Rows}))
    (tmp_path / "in").write_bytes(resident_file(juki(), 5))
    one = convert_file(
        tmp_path / "in",
        tmp_path / "one",
        open_mapping(mapping).prepare(*ENDS, OPTIONS),
        receipt=tmp_path / "one.receipt",
    )
    work = Work.of(tmp_path / "in", tmp_path / "two", mapping, ENDS, OPTIONS, receipt=True)
    (tmp_path / "parts").mkdir()
    names = ("path", "start", "end", "part")
    rows = [dict(zip(names, row, strict=True)) for row in units(work, tmp_path / "parts", 300)]
    assert len(rows) > 3
    batches: Any = iter([Rows(rows[2:]), Rows(rows[:2])])
    reports = [row for batch in converting(work)(batches) for row in batch.to_pylist()]
    assert all(set(row) == {*names, "report"} for row in reports)
    again: Any = iter([Rows(rows[1:2])])
    retried = next(iter(converting(work)(again))).to_pylist()[0]
    assert json.loads(retried["report"]) == next(
        json.loads(row["report"]) for row in reports if row["start"] == retried["start"]
    )
    two = merge(work, tmp_path / "two", reports, receipt=tmp_path / "two.receipt")
    assert two.as_dict() == one.as_dict()
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()
    assert (tmp_path / "two.receipt").read_bytes() == (tmp_path / "one.receipt").read_bytes()
    assert os.listdir(tmp_path / "parts") == []


def test_a_file_goes_through_a_local_spark_as_through_one_run(
    tmp_path: Path, mapping: Path, spark: Any
) -> None:
    from gaiji.spark import convert_on_spark

    (tmp_path / "in").write_bytes(resident_file(juki(), 5, 300))
    one = convert_file(
        tmp_path / "in",
        tmp_path / "one",
        open_mapping(mapping).prepare(*ENDS, OPTIONS),
        receipt=tmp_path / "one.receipt",
    )
    two = convert_on_spark(
        spark,
        tmp_path / "in",
        tmp_path / "two",
        mapping,
        ENDS,
        OPTIONS,
        receipt=tmp_path / "two.receipt",
        part_bytes=5000,
    )
    assert two.as_dict() == one.as_dict()
    assert (tmp_path / "two").read_bytes() == (tmp_path / "one").read_bytes()
    assert (tmp_path / "two.receipt").read_bytes() == (tmp_path / "one.receipt").read_bytes()
    (tmp_path / "in").write_bytes(LINE * 100 + b"\x81\n" + LINE)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(MalformedInput) as caught:
        convert_on_spark(
            spark, tmp_path / "in", tmp_path / "bad", mapping, ENDS, Options(), part_bytes=1000
        )
    assert caught.value.where
    assert caught.value.where.record == 101
    assert caught.value.where.file == str(tmp_path / "in")
    assert sorted(os.listdir(tmp_path)) == before
