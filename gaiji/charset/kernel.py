"""The kernel's door (変換カーネルの呼出し): memory, tables and lanes for the library that kernel.c becomes.

The library stands beside this file, one per platform. Where there is none, or the environment says
`GAIJI_KERNEL=python`, `AVAILABLE` is false and the engine in Python does everything, with the same bytes.

A run holds no lock of the interpreter: threads work at the same time, each with lanes and sides of its own.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple, Self

Buffer = bytes | bytearray | memoryview | Any
"""Anything with one contiguous buffer: mmap and array too."""

REVISION = 2
DONE, STOP, FULL = 1, 2, 3
"""Why a lane ended: fewer bytes left than an entry needs; at a STOP; no room for output or event."""

SIDE = struct.Struct("<IHBxQQ")
"""A side: offset and length of its output in the blob, action (0 stop, 1 emit, 2 followed), count, limit of events.

Of a side that is followed, offset and length are those of a list of CONTINUATIONs, length being their number.
"""
FOLLOWED = 2
CONTINUATION = struct.Struct("<IB7s")
"""What may follow a code: the side of both together, and the bytes, how many and which; none for the code alone."""
MOST_AFTER = 7
EVENT = struct.Struct("<QQII")
MOST_LANES = 5
MOST_ASCII = 3
"""Lanes that can use the loop for ASCII."""
MOST_STOPS = 4


class Event(NamedTuple):
    """One occurrence of a side: where its last entry began to read and write, and how much it read.

    source, target: bytes from the lane's origins. n_in: 1 or 2 and what followed, so that a code of n bytes begins at
    source + n_in - n.
    """

    source: int
    target: int
    side: int
    n_in: int


class _PyBuffer(ctypes.Structure):
    """CPython's Py_buffer, whose form is part of the stable interface since 3.11."""

    _fields_ = (
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.c_void_p),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_void_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    )


class Memory:
    """The address of an object's bytes (メモリー), nothing copied; the object keeps its size until `release`.

    Raises BufferError for what has no contiguous buffer, or with writable for what is read-only.
    """

    def __init__(self, data: Buffer, *, writable: bool = False) -> None:
        self._view = _PyBuffer()
        _get_buffer(data, ctypes.byref(self._view), int(writable))
        self.address: int = self._view.buf or 0
        self.size: int = self._view.len

    def count(self, unit: bytes, start: int = 0, stop: int | None = None) -> int:
        """Return how often a unit of 1 or 2 bytes stands from start to stop, a unit of 2 at even distances from start.

        Raises ValueError for another unit and for bounds outside.
        """
        if len(unit) not in (1, 2):
            raise ValueError("units of 1 or 2 bytes can be counted")
        begin, end = _span(self, start, stop)
        return int(_loaded().gaiji_count(begin, end - begin, unit, len(unit)))

    def release(self) -> None:
        """Let the object go; the address is used no more. A second time does nothing."""
        if self._view.obj:
            _release_buffer(ctypes.byref(self._view))
            self.address = self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def __del__(self) -> None:
        if hasattr(self, "_view"):
            self.release()


class _Table(ctypes.Structure):
    _fields_ = (
        ("entries", ctypes.c_void_p),
        ("n_entries", ctypes.c_uint64),
        ("sides", ctypes.c_void_p),
        ("n_sides", ctypes.c_uint64),
        ("blob", ctypes.c_void_p),
        ("blob_size", ctypes.c_uint64),
        ("ascii", ctypes.c_uint32),
        ("stops", ctypes.c_uint8 * MOST_STOPS),
        ("single", ctypes.c_uint32),
    )


class Lane(ctypes.Structure):
    """One piece of input on its way (変換レーン): addresses, which a run moves on, and what it found.

    source … source_end is still to read, target … target_end still to write; bytes between target and
    target_end have no meaning. Set them with `read`, `write`, `note`. state: a state of the table, before and
    after. characters: added up over runs. status: DONE, STOP or FULL after a run.
    """

    _fields_ = (
        ("source", ctypes.c_uint64),
        ("source_end", ctypes.c_uint64),
        ("target", ctypes.c_uint64),
        ("target_end", ctypes.c_uint64),
        ("source_origin", ctypes.c_uint64),
        ("target_origin", ctypes.c_uint64),
        ("events", ctypes.c_uint64),
        ("events_end", ctypes.c_uint64),
        ("characters", ctypes.c_uint64),
        ("state", ctypes.c_uint32),
        ("status", ctypes.c_uint32),
    )

    def read(self, memory: Memory, start: int = 0, stop: int | None = None) -> None:
        """Read bytes start … stop of a memory; offsets count from the memory's first byte."""
        self.source_origin = memory.address
        self.source, self.source_end = _span(memory, start, stop)

    def write(self, memory: Memory, start: int = 0, stop: int | None = None) -> None:
        """Write to bytes start … stop of a writable memory; offsets count from its first byte."""
        self.target_origin = memory.address
        self.target, self.target_end = _span(memory, start, stop)

    def note(self, memory: Memory) -> None:
        """Put events into a writable memory, from its first byte on, as many as fit."""
        self.events = memory.address
        self.events_end = memory.address + memory.size // EVENT.size * EVENT.size

    @property
    def consumed(self) -> int:
        """Where the next byte is read, counted from the source's origin."""
        return int(self.source - self.source_origin)

    @property
    def written(self) -> int:
        """Where the next byte is written, counted from the target's origin."""
        return int(self.target - self.target_origin)

    def noted(self, memory: Memory) -> list[Event]:
        """Return the events that stand in the memory given to `note`."""
        size = self.events - memory.address
        found = ctypes.string_at(memory.address, size) if size else b""
        return [Event(*fields) for fields in EVENT.iter_unpack(found)]


def _span(memory: Memory, start: int, stop: int | None) -> tuple[int, int]:
    stop = memory.size if stop is None else stop
    if not 0 <= start <= stop <= memory.size:
        raise ValueError(f"bytes {start} to {stop} are not all within {memory.size}")
    return memory.address + start, memory.address + stop


class Table:
    """A table ready to run (変換表): entries as machine.py builds them, sides and the blob of their outputs.

    entries: a buffer of 64-bit words, 8-byte aligned, read in place (a slice of a mapped file). sides: one
    SIDE each; runs count in them, so that threads need copies. ascii, stops: the state in which ASCII but for
    these bytes stands for itself, or 0. Nothing may run before `check`. Raises ValueError for sizes that
    cannot be, and what `Memory` raises.
    """

    def __init__(
        self,
        entries: Buffer,
        sides: bytearray,
        blob: Buffer,
        *,
        ascii: int = 0,
        stops: bytes = b"",
    ) -> None:
        if len(stops) > MOST_STOPS:
            raise ValueError(f"more than {MOST_STOPS} stops")
        self._memory = [Memory(entries), Memory(sides, writable=True), Memory(blob)]
        words, side, text = self._memory
        if words.size % 2048 or not words.size or side.size % SIDE.size:
            raise ValueError(f"{words.size} bytes of entries and {side.size} of sides are no table")
        if words.address % 8 or (side.size and side.address % 8):
            raise ValueError("a table has to be aligned to 8 bytes")
        # a byte that is no ASCII costs nothing as a stop
        padded = (stops + b"\xff" * MOST_STOPS)[:MOST_STOPS]
        self._table = _Table(
            words.address,
            words.size // 8,
            side.address,
            side.size // SIDE.size,
            text.address,
            text.size,
            ascii,
            (ctypes.c_uint8 * MOST_STOPS)(*padded),
        )
        self._checked = False

    def check(self) -> None:
        """Refuse a table that could leave its buffers with some input. Raises ValueError naming the place."""
        found = _loaded().gaiji_check(ctypes.byref(self._table))
        if found >= 0:
            n_entries, n_sides = self._table.n_entries, self._table.n_sides
            if found < n_entries:
                raise ValueError(f"entry {found} of the table leads out of it")
            if found < n_entries + n_sides:
                raise ValueError(f"side {found - n_entries} of the table leads out of it")
            raise ValueError("ASCII is not itself in the table's ASCII state")
        self._checked = True

    def run(self, lanes: ctypes.Array[Lane] | Sequence[Lane], *, ascii: bool = False) -> None:
        """Step up to five lanes, each until it ends; see `Lane`, and `lanes` for making them.

        ascii: for input that is mostly ASCII (over 75 %) in up to three lanes: up to 16 bytes at a time. It
        gives the same bytes, events and counts; `characters` are right in the sum over the lanes. Raises
        ValueError for a table not checked and for a lane whose state or addresses cannot be.
        """
        if not self._checked:
            raise ValueError("check the table before it runs")
        refused = _loaded().gaiji_run(ctypes.byref(self._table), lanes, len(lanes), ascii)
        if refused:
            raise ValueError(
                f"lane {refused - 1} has no state of the table or ends before it begins"
            )

    def close(self) -> None:
        """Let entries, sides and blob go; the table runs no more."""
        self._checked = False
        for memory in self._memory:
            memory.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def lanes(count: int = MOST_LANES) -> ctypes.Array[Lane]:
    """Return lanes for `Table.run`, all fields zero."""
    return (Lane * count)()


# --- the library


def library_name(system: str = sys.platform, machine: str | None = None) -> str | None:
    """Return the name of the library for a platform as Python calls it; None where there is none."""
    if machine is None:
        machine = (
            os.uname().machine
            if hasattr(os, "uname")
            else os.environ.get("PROCESSOR_ARCHITECTURE", "")
        )
    kinds = {"linux": ("linux", "so"), "darwin": ("macos", "dylib"), "win32": ("windows", "dll")}
    machines = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
    if system not in kinds or machine not in machines or sys.maxsize < 2**32:
        return None
    name, ending = kinds[system]
    return f"kernel-{name}-{machines[machine]}.{ending}"


def _load() -> ctypes.CDLL | None:
    name = library_name()
    if os.environ.get("GAIJI_KERNEL") == "python" or name is None or sys.byteorder != "little":
        return None
    try:
        library = ctypes.CDLL(os.path.join(os.path.dirname(__file__), name))
        if ctypes.c_int32.in_dll(library, "gaiji_revision").value != REVISION:
            return None
    except (OSError, ValueError):
        return None
    pointer, whole = ctypes.c_void_p, ctypes.c_uint64
    library.gaiji_run.argtypes = [pointer, pointer, ctypes.c_int, ctypes.c_int]
    library.gaiji_check.argtypes = [pointer]
    library.gaiji_check.restype = ctypes.c_int64
    library.gaiji_count.argtypes = [pointer, whole, ctypes.c_char_p, ctypes.c_int]
    library.gaiji_count.restype = whole
    return library


def _loaded() -> ctypes.CDLL:
    if _library is None:
        raise RuntimeError("there is no kernel on this machine; ask AVAILABLE first")
    return _library


_get_buffer = ctypes.pythonapi.PyObject_GetBuffer
_get_buffer.argtypes = [ctypes.py_object, ctypes.c_void_p, ctypes.c_int]
_release_buffer = ctypes.pythonapi.PyBuffer_Release
_release_buffer.argtypes = [ctypes.c_void_p]
_release_buffer.restype = None
_library = _load()
AVAILABLE = _library is not None
