"""Where the registry has its own files (台帳のファイル), told without the libraries of the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside its file, under the same name with these ends."""
OPERATOR_KEY = "operator.key"


def registry_files(home: Path | str | None) -> tuple[str, ...]:
    """Return the files of an embedded database, there or not, and the operator's key; of a server's the key alone.

    home: of the command line; without it `GAIJI_HOME`. `GAIJI_DATABASE` goes before both, as in the settings.
    """
    folder = home or os.environ.get("GAIJI_HOME") or ".home"
    key = os.path.join(folder, OPERATOR_KEY)
    address = os.environ.get("GAIJI_DATABASE")
    if address:
        scheme, _, rest = address.partition("://")
        file = rest.partition("/")[2].partition("?")[0].removeprefix("file:")
        if scheme.partition("+")[0] != "sqlite" or not file:
            return (key,)
    else:
        file = os.path.join(folder, "gaiji.db")
    real = os.path.realpath(file)
    return (file, *(real + end for end in BESIDE), key)
