"""Mapping files of the cities in tests/charset/cities.py, each made once in a run of the tests."""

import os
from functools import cache

import pytest

from gaiji.charset.compiling import write_mapping
from gaiji.charset.mapfile import MappingFile, open_mapping
from tests.charset.cities import MappingFiles, conversion


@pytest.fixture(scope="session")
def mapping_file(tmp_path_factory: pytest.TempPathFactory) -> MappingFiles:
    """Mapping files by charset and end; workers of one run share them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mapping-files"
    folder.mkdir(exist_ok=True)

    @cache
    def made(name: str, end: str) -> MappingFile:
        path = folder / f"{name}-{end}.gmap"
        if not path.exists():
            write_mapping(path, conversion(name, end))
        return open_mapping(path)

    return made
