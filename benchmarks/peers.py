"""Programs that convert text, ours among them, as whole processes that take turns.

Every program reads the same file from the page cache and writes UTF-8 to the null device. What is missing on a machine
is named as missing; a program that fails on a file is named with what it said.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.extracts import CODE_SET, DECIDED, Extracts, Kind, made
from benchmarks.harness import ROOT
from gaiji.charset.mapfile import open_mapping

GAIJI, ICONV, UCONV, JAVA = "gaiji convert", "iconv", "ICU uconv", "Java"
PYTHON, REPLACE, CAT = "Python decode + encode", "Python codec + replace", "cat, no conversion"
ICONV_NAMES = {"cp932": "CP932", "ibm939": "IBM939", "utf-16le": "UTF-16LE"}
UCONV_NAMES = {"cp932": "ibm-943_P15A-2003", "ibm939": "ibm-939_P120-1999", "utf-16le": "utf-16le"}
JAVA_NAMES = {"cp932": "MS932", "ibm939": "x-IBM939", "utf-16le": "UTF-16LE"}
PYTHON_NAMES = {"cp932": "cp932", "utf-16le": "utf-16-le"}

_LOOP = """
import codecs, sys
decode = codecs.getincrementaldecoder(sys.argv[2])().decode
out = sys.stdout.buffer
with open(sys.argv[1], "rb") as file:
    while data := file.read(1 << 20):
        out.write(put(decode(data)).encode())
    out.write(put(decode(b"", True)).encode())
"""
DECODING = "put = str\n" + _LOOP
REPLACING = (
    """
import json, re, sys
told = json.load(open(sys.argv[3]))
find, found = re.compile("[\\ue000-\\uf8ff]"), lambda match: told[match[0]]
put = lambda text: find.sub(found, text)
"""
    + _LOOP
)
TRANSLATING = (
    """
import json, sys
told = str.maketrans(json.load(open(sys.argv[3])))
put = lambda text: text.translate(told)
"""
    + _LOOP
)
HASHING = """
import hashlib, sys
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        hashlib.file_digest(file, "sha256")
"""
_JAVA = """
import java.io.*;
import java.nio.charset.*;

public class Convert {
    public static void main(String[] names) throws IOException {
        char[] text = new char[1 << 16];
        try (Reader in = new InputStreamReader(new FileInputStream(names[0]), names[1]);
             Writer out = new OutputStreamWriter(new FileOutputStream("/dev/null"), StandardCharsets.UTF_8)) {
            for (int size; (size = in.read(text)) >= 0; ) out.write(text, 0, size);
        }
    }
}
"""


class Run(NamedTuple):
    """One run of a process: seconds on the clock, and of the processor, user and system."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Program:
    """A command. size: bytes it converts. allowed: exit statuses that are right."""

    name: str
    command: tuple[str, ...]
    size: int = 0
    env: Mapping[str, str] = field(default_factory=dict)
    allowed: tuple[int, ...] = (0,)
    times: int = 1
    """How many of it run at once."""

    def run(self) -> Run:
        """Run it once. Raises CalledProcessError with what it said."""
        env = {k: v for k, v in os.environ.items() if k not in _LEFT_OUT} | dict(self.env)
        before = _spent()
        started = time.perf_counter()
        given = [
            subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for _ in range(self.times)
        ]
        said = [process.communicate()[1] for process in given]
        wall = time.perf_counter() - started
        cpu = _spent() - before
        for process, text in zip(given, said, strict=True):
            if process.returncode not in self.allowed:
                raise subprocess.CalledProcessError(process.returncode, self.command, stderr=text)
        return Run(wall, cpu)


def _spent() -> float:
    """Return the processor seconds of all processes that ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


_LEFT_OUT = {"PYTHONDONTWRITEBYTECODE", "GAIJI_KERNEL", "GAIJI_HOME"}


class Result(NamedTuple):
    """The runs of one program."""

    program: Program
    runs: tuple[Run, ...]

    @property
    def walls(self) -> tuple[float, ...]:
        return tuple(run.wall for run in self.runs)

    @property
    def wall(self) -> float:
        return median(self.walls)

    @property
    def cpu(self) -> float:
        return median(run.cpu for run in self.runs)

    @property
    def rate(self) -> float:
        """Bytes a second, of all that run at once."""
        return self.program.size * self.program.times / self.wall


def compete(
    programs: Iterable[Program], runs: int, failed: list[str], *, warm: bool = True
) -> dict[str, Result]:
    """Run programs in turns, after one turn that is not counted; what fails there is told and left out."""
    taken: dict[str, tuple[Program, list[Run]]] = {one.name: (one, []) for one in programs}
    for turn in range(runs + warm):
        for name, (program, done) in list(taken.items()):
            try:
                run = program.run()
            except (OSError, subprocess.CalledProcessError) as error:
                said = getattr(error, "stderr", b"") or str(error).encode()
                failed.append(f"{name}: {said.decode(errors='replace').strip()[-200:]}")
                del taken[name]
                continue
            if turn or not warm:
                done.append(run)
    return {name: Result(program, tuple(done)) for name, (program, done) in taken.items()}


@dataclass
class Programs:
    """The programs of this machine. missing: those it lacks."""

    extracts: Extracts
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._have = {name for name in ("iconv", "uconv", "cat") if shutil.which(name)}
        self.missing += sorted({"iconv", "uconv", "cat"} - self._have)
        self._java = self._compiled()
        if self._java is None:
            self.missing.append("Java")

    def _compiled(self) -> Path | None:
        """Compile the Java program, where there is a compiler."""
        folder = self.extracts.folder
        source = folder / "Convert.java"
        source.write_text(_JAVA, "utf-8")
        try:
            subprocess.run(["javac", "-d", folder, source], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        return folder if shutil.which("java") else None

    def of(self, kind: Kind) -> list[Program]:
        """Return ours and every peer that knows the charset, for a file."""
        path, name = self.extracts.file(kind), kind.charset
        size = path.stat().st_size
        found = [Program(GAIJI, gaiji(path, self.extracts.mapping(name)), size)]
        if name in ICONV_NAMES and "iconv" in self._have:
            command = ("iconv", "-f", ICONV_NAMES[name], "-t", "UTF-8", str(path))
            found.append(Program(ICONV, command, size))
        if name in UCONV_NAMES and "uconv" in self._have:
            command = ("uconv", "-f", UCONV_NAMES[name], "-t", "UTF-8", str(path))
            found.append(Program(UCONV, command, size))
        if name in PYTHON_NAMES:
            found += [self.python(PYTHON, DECODING, path, name)]
            found += [self.python(REPLACE, REPLACING, path, name)]
        if name in JAVA_NAMES and self._java:
            command = ("java", "-cp", str(self._java), "Convert", str(path), JAVA_NAMES[name])
            found.append(Program(JAVA, command, size))
        if "cat" in self._have:
            found.append(Program(CAT, ("cat", str(path)), size))
        return found

    def python(self, shown: str, script: str, path: Path, name: str) -> Program:
        """Return a program in Python, with the gaiji it has to replace in a file."""
        told = self._replacements(name)
        command = (sys.executable, "-c", script, str(path), PYTHON_NAMES[name], str(told))
        return Program(shown, command, path.stat().st_size)

    def _replacements(self, name: str) -> Path:
        """Write what each decided gaiji becomes, by its private-use image."""
        path = self.extracts.folder / f"{name}.json"
        if not path.exists():
            way, area = open_mapping(self.extracts.mapping(name)).there, made(name).areas[0]
            steps = {chr(area.image + at): way.step(area.code(at)).out for at in range(DECIDED)}
            texts = {image: out.decode() for image, out in steps.items() if out is not None}
            path.write_text(json.dumps(texts), "utf-8")
        return path


def gaiji(path: Path, mapping: Path, *more: str, back: bool = False) -> tuple[str, ...]:
    """Return our command for a file, to the null device, as it is installed beside this Python."""
    ends = ("unicode", CODE_SET) if back else (CODE_SET, "unicode")
    return (
        *(*program(), "convert", str(path), os.devnull, "--from", ends[0], "--to", ends[1]),
        *("--mapping", str(mapping), *more),
    )


def program() -> tuple[str, ...]:
    """Return how our program is started."""
    script = Path(sys.executable).with_name("gaiji")
    return (str(script),) if script.exists() else (sys.executable, "-m", "gaiji")


def has_option(name: str) -> bool:
    """Whether `gaiji convert` knows an option."""
    done = subprocess.run([*program(), "convert", "--help"], capture_output=True, text=True)
    return name in done.stdout
