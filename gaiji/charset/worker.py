"""A worker of a conversion in several processes (作業プロセス): `python -m gaiji.charset.worker`, see `pool`."""

from __future__ import annotations

import json
import sys
from typing import Any

from gaiji.charset.files import storage_error
from gaiji.charset.parts import Before, do_unit, told_error


def main() -> None:
    """Do parts for another process: one line of JSON in, one line out, until the input ends.

    `work` and `part` ask for a part; where `hold` says so its bytes wait here until `offset` and `into` say where in
    the output they belong, so that they are written once.
    """
    held, before, target = _Held(), Before(), ""
    for line in sys.stdin:
        asked = json.loads(line)
        if "part" in asked:
            held.size = 0
            target = asked["work"]["target"]
            write = held.write if asked["hold"] else None
            told = do_unit(asked["work"], asked["part"], write, before)
        else:
            told = _placed(held, asked["into"], asked["offset"], target)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


class _Held:
    """Bytes of a part that wait for their place, in memory that stays from part to part."""

    def __init__(self) -> None:
        self.data, self.size = bytearray(), 0

    def write(self, data: bytes | memoryview) -> None:
        end = self.size + len(data)
        if end > len(self.data):
            self.data += bytes(end - len(self.data))
        self.data[self.size : end] = data
        self.size = end


def _placed(held: _Held, into: str, offset: int, target: str) -> dict[str, Any]:
    """Write what was held where it belongs."""
    try:
        with open(into, "r+b", buffering=0) as opened, memoryview(held.data)[: held.size] as rest:
            opened.seek(offset)
            at = 0
            while at < held.size:
                at += opened.write(rest[at:])
    except OSError as error:
        return told_error(storage_error(error, target))
    return {}


if __name__ == "__main__":
    main()
