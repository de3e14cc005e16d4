"""Build hook: compiles gaiji/charset/kernel.c for five platforms with the compiler that ziglang brings.

It takes about two seconds and 100 kB, so that an editable install has the library it needs and one wheel fits
everywhere. Where nothing can be compiled the install goes on, and the engine in Python does the work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TARGETS = {
    "kernel-linux-x86_64.so": "x86_64-linux-gnu",
    "kernel-linux-aarch64.so": "aarch64-linux-gnu",
    "kernel-macos-x86_64.dylib": "x86_64-macos.11.0",
    "kernel-macos-aarch64.dylib": "aarch64-macos.11.0",
    "kernel-windows-x86_64.dll": "x86_64-windows-gnu",
}
"""Libraries by the names that gaiji/charset/kernel.py looks for, and what zig calls their platforms."""
OPTIONS = (
    *("-std=c11", "-O3", "-s", "-shared", "-fPIC"),
    *("-ffreestanding", "-nostdlib", "-fvisibility=hidden"),
)


class KernelHook(BuildHookInterface[Any]):
    """Compiles the kernel before the files of a wheel are gathered."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Put the libraries beside their source; a library that cannot be made is left out."""
        folder = Path(self.root) / "gaiji" / "charset"
        problems = {}
        with tempfile.TemporaryDirectory() as scratch:
            for name, target in TARGETS.items():
                library = folder / name
                problem = _compiled(folder / "kernel.c", library, target, Path(scratch))
                if problem:
                    library.unlink(missing_ok=True)  # an older one would not fit the source
                    problems[name] = problem
        if problems:
            self.app.display_warning(
                f"{', '.join(problems)} could not be compiled ({next(iter(problems.values()))}); "
                "on those platforms the slower engine in Python does the work."
            )


def _compiled(source: Path, library: Path, target: str, scratch: Path) -> str | None:
    """Compile for one platform; return what went wrong, if anything."""
    made = scratch / library.name
    command = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-target", target]
    if "linux" in target:
        command.append("-Wl,--no-undefined")
    if "macos" in target:
        command.append(f"-Wl,-install_name,@rpath/{library.name}")
    cache = {"ZIG_GLOBAL_CACHE_DIR": str(scratch), "ZIG_LOCAL_CACHE_DIR": str(scratch)}
    done = subprocess.run(
        [*command, "-o", str(made), str(source)],
        env={**os.environ, **cache},
        capture_output=True,
        text=True,
    )
    if done.returncode or not made.exists():
        return next(iter(done.stderr.splitlines()[-1:]), f"exit status {done.returncode}")
    fresh = library.with_suffix(".new")
    fresh.write_bytes(made.read_bytes())
    os.replace(fresh, library)  # a process that has the old one loaded keeps it
    return None
