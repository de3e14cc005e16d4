"""ICU on this machine: a converter compiled from an exported .ucm by makeconv, used by uconv."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from gaiji.charset.exporting import Line, lines
from gaiji.charset.mapfile import MappingFile
from gaiji.charset.ucm import is_partial, write_ucm

needs_icu = pytest.mark.skipif(
    not (shutil.which("makeconv") and shutil.which("uconv")),
    reason="ICU's makeconv and uconv are not installed",
)
MARK = "〓"


class Icu:
    """A converter of ICU, made from a mapping file."""

    def __init__(self, file: MappingFile, folder: Path, name: str = "gaiji-test") -> None:
        self.file, self.name, self.folder = file, name, folder
        told = subprocess.run(["uconv", "--version"], capture_output=True, text=True, check=True)
        version = re.search(r"ICU (\d+)", told.stdout)
        assert version
        data = folder / f"icudt{version[1]}l"
        data.mkdir(parents=True)
        self.ucm = write_ucm(file, name)
        source = folder / f"{name}.ucm"
        source.write_bytes(self.ucm)
        made = subprocess.run(["makeconv", "-d", data, source], capture_output=True, text=True)
        assert made.returncode == 0, made.stdout + made.stderr
        script = file.there.source.script
        partial = is_partial(script.name)
        rows = [line for line in lines(file) if not partial or len(line.code) == 2]
        self.standing = (lambda code: code) if partial else script.standing
        self.joined = b"".join if partial else script.joined
        told_out = re.findall(r"^# not written by ICU: (\S+) (\S+)$", self.ucm.decode(), re.M)
        self.left_out = {(_text(points), _bytes(code)) for points, code in told_out}
        self.reads = [line for line in rows if line.direction != "write"]
        self.writes = [
            line
            for line in rows
            if line.direction != "read" and (self.shown(line), line.code) not in self.left_out
        ]

    def shown(self, line: Line) -> str:
        return line.token.decode("utf-8")

    def convert(self, data: bytes, *, reading: bool) -> bytes:
        """Return what uconv makes of bytes."""
        ends = (self.name, "utf-8") if reading else ("utf-8", self.name)
        done = subprocess.run(
            ["uconv", "-f", ends[0], "-t", ends[1]],
            input=data,
            capture_output=True,
            env=os.environ | {"ICU_DATA": str(self.folder)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def agrees(self) -> tuple[int, int]:
        """Check every code read and every text written against the file, and return how many there are."""
        read = self.convert(
            self.joined(self.standing(one.code) for one in self.reads), reading=True
        )
        assert read.decode("utf-8") == "".join(map(self.shown, self.reads))
        mark = next(line.code for line in self.writes if self.shown(line) == MARK)
        text = "".join(self.shown(line) + MARK for line in self.writes)
        codes = (code for line in self.writes for code in (line.code, mark))
        written = self.convert(text.encode("utf-8"), reading=False)
        assert written == self.joined(map(self.standing, codes))
        return len(self.reads), len(self.writes)


def _text(points: str) -> str:
    return "".join(chr(int(point, 16)) for point in re.findall("<U([0-9A-F]+)>", points))


def _bytes(code: str) -> bytes:
    return bytes.fromhex(code.replace("\\x", ""))
