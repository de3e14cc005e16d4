"""The examples of docs/integrations.md run; those of a package that is not installed are skipped."""

from __future__ import annotations

import os
import re
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from tests.charset.council import juki

PAGE = Path(__file__).parent.parent / "docs" / "integrations.md"
BLOCKS = re.findall(r"^```python ?(\S*)\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)
NEEDED = [needs for needs, _ in BLOCKS if needs]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A city's file and mapping file, and the names that the examples without other packages leave."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    write_mapping(tmp_path / "juki.gmap", Conversion(juki(), "unicode"))
    lines = ["1,渡邉".encode("cp932"), "2,山".encode("cp932") + b"\xf0\x46", "3,高".encode("cp932")]
    (tmp_path / "residents.csv").write_bytes(b"\n".join(lines) + b"\n")
    names: dict[str, Any] = {}
    for needs, body in BLOCKS:
        if not needs:
            exec(body, names)
    return names


def test_the_page_has_an_example_for_each_neighbour() -> None:
    assert len(BLOCKS) - len(NEEDED) == 2
    assert NEEDED == ["polars", "duckdb", "pyarrow", "pyspark"]


def test_the_encoding_reads_and_writes_the_citys_file(told: dict[str, Any]) -> None:
    assert told["rows"][1] == ["2", "山\U00022f7e"]
    assert Path("back.csv").read_bytes() == Path("residents.csv").read_bytes()


@pytest.mark.parametrize("needs", NEEDED)
def test_an_example_of_another_package_runs(told: dict[str, Any], needs: str) -> None:
    pytest.importorskip(needs)
    if needs == "pyspark" and shutil.which("java") is None:
        pytest.skip("needs Java")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # theirs
        exec(dict(BLOCKS)[needs], told)
    if needs == "pyspark":
        assert os.path.getsize("clustered.txt") == os.path.getsize("residents.txt")
