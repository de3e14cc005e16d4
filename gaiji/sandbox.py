"""Untrusted files are read in a limited child process (不審なファイルの隔離処理).

`run_limited` runs one module-level function in a process of its own, with limits on processor time,
memory, wall time, and with no way to write a file, open one, or reach the network: after its arguments
have arrived it may open no further file descriptor at all. What a hostile file can reach is that process.

Why a nursery: a server thread must not fork, because locks held by other threads stay locked in the child
(Python 3.12 warns of it), and starting an interpreter for each file costs 200 ms. So the first call
starts one helper process, the nursery, which has a single thread, imports what is asked for once and
forks from there: 5 to 10 ms a call, the first one 150 ms. `multiprocessing`'s forkserver works alike, but
imports the caller's main module, hands on its environment, and unpickles whatever the child sends.

    caller ──(module name, socket)──▶ nursery ──fork──▶ monitor ──fork──▶ worker, under limits
       └────────────── socket: arguments there; answer, then how the worker ended, back ─────────┘

The monitor keeps the clock and reports how the worker ended. The nursery has neither the caller's
environment (keys, database address) nor its terminal; it ends with the caller. The answer may hold nothing
but plain values, fractions, and the dataclasses, named tuples and enumerations of this package: a child
taken over by a hostile file cannot make the caller run code.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import enum
import gc
import importlib
import io
import json
import os
import pickle
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, ParamSpec, TypeVar

from gaiji.errors import Busy, GaijiError, HostileFile, Text, Where, problem_types
from gaiji.settings import Settings

P = ParamSpec("P")
R = TypeVar("R")

TRAILER = struct.Struct(">?i")
"""Whether the clock ran out; the worker's wait status."""
LENGTH = struct.Struct(">Q")
NURSERY = "import json, sys; sys.path[:] = json.loads(sys.argv[2]); from gaiji import sandbox; "
NURSERY += "sandbox._keep_nursery(int(sys.argv[1]))"


class Limits(NamedTuple):
    """What a worker may use (上限): CPU and wall seconds, bytes of address space."""

    cpu_s: int
    wall_s: float
    memory_bytes: int


def run_limited(
    function: Callable[..., R], *args: Any, settings: Settings, file_name: str | None = None
) -> R:
    """Return function(*args), run in a child process under limits (隔離実行).

    function: module-level, importable, and opening no file once its module is imported: late imports
    and codecs not yet looked up are files too.
    args: anything that can be pickled; the result: plain values and this package's data classes.
    file_name: the place named in errors. Safe to call from any thread.
    Raises the GaijiError the function raises; HostileFile when it used more than
    settings.child_cpu_s seconds of processor time, twice that and one second by the clock, or
    settings.child_memory_bytes, and when it crashed; Busy when no process could be started.
    """
    limits = Limits(settings.child_cpu_s, 2 * settings.child_cpu_s + 1, settings.child_memory_bytes)
    request = pickle.dumps((function.__module__, function.__qualname__, args, limits))
    where = Where(file=file_name) if file_name else None
    with _open_channel(function.__module__) as channel:
        channel.settimeout(limits.wall_s + 10)
        # A worker that died early does not take its arguments; the trailer says why.
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                channel.sendall(LENGTH.pack(len(request)) + request)
            answer = _received(channel, limits.memory_bytes, where)
        except TimeoutError:
            raise _no_process() from None
    if len(answer) < TRAILER.size:
        raise _no_process()
    late, status = TRAILER.unpack(answer[-TRAILER.size :])
    if late or status:
        raise _ended(late, status, limits, where)
    result: R = _understood(answer[: -TRAILER.size], limits, where)
    return result


def _no_process() -> Busy:
    return Busy(
        "ファイルを読むための処理を開始できませんでした。しばらくしてからやり直してください。",
        "The process that reads files could not be started; try again in a moment.",
    )


def _received(channel: socket.socket, limit: int, where: Where | None) -> bytes:
    parts, size = [], 0
    with contextlib.suppress(ConnectionResetError):
        while part := channel.recv(1 << 18):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise _hostile(*_MEMORY, where)
    return b"".join(parts)


def _understood(answer: bytes, limits: Limits, where: Where | None) -> Any:
    try:
        kind, value = _Answer(io.BytesIO(answer)).load()
        if kind == "result":
            return value
        if kind == "error":
            code, text, place, extra = value
            error = problem_types()[code].__new__(problem_types()[code])
            GaijiError.__init__(error, *text, where=Where(**place) if place else where, **extra)
    except Exception as trouble:
        raise _hostile(*_CRASH, where) from trouble
    if kind == "error":
        raise error
    if kind == "memory":
        raise _hostile(*_MEMORY, where)
    ja, en = _CRASH
    raise _hostile(f"{ja}（{value}）", f"{en} ({value})", where)


_MEMORY = Text("使用できるメモリーの上限", "the memory it may use")
_CRASH = Text("予期しない内容による異常終了", "a crash on unexpected content")


def _hostile(ja: str, en: str, where: Where | None) -> HostileFile:
    return HostileFile(
        f"ファイルの読取りを打ち切りました（原因: {ja}）。ファイルが壊れていないか、提供元に確かめてください。",
        f"Reading the file was stopped by {en}; ask whoever supplied it for a sound copy.",
        where=where,
    )


def _ended(late: bool, status: int, limits: Limits, where: Where | None) -> HostileFile:
    if late:
        seconds = f"{limits.wall_s:g}"
        return _hostile(f"経過時間の上限{seconds}秒", f"the {seconds} seconds it may take", where)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number == signal.SIGXCPU:
        cpu = limits.cpu_s
        return _hostile(f"CPU時間の上限{cpu}秒", f"the {cpu} seconds of CPU it may use", where)
    return _hostile(*_CRASH, where)


class _Answer(pickle.Unpickler):
    """Reads a worker's answer without trusting it."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("fractions", "Fraction"):
            return super().find_class(module, name)
        if module.startswith("gaiji.") and module in sys.modules:
            found = getattr(sys.modules[module], name, None)
            if isinstance(found, type) and (
                dataclasses.is_dataclass(found) or issubclass(found, tuple | enum.Enum)
            ):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no data class of this package")


# --- the caller's side of the nursery


class _Nursery:
    """The helper process of this process, started with the first call and again if it was lost."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.control: socket.socket | None = None
        self.process: subprocess.Popen[bytes] | None = None

    def send(self, module: str, channel: socket.socket) -> None:
        with self.lock:
            for _ in range(2):
                control = self.control or self.start()
                try:
                    socket.send_fds(control, [module.encode()], [channel.fileno()])
                    return
                except OSError:
                    self.stop()
        raise _no_process()

    def start(self) -> socket.socket:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        path = json.dumps([os.path.abspath(entry) for entry in sys.path])
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", NURSERY, str(theirs.fileno()), path],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env={
                    "PATH": os.environ.get("PATH", os.defpath),
                    "LANG": "C.UTF-8",
                    # numpy's threads would each reserve 41 MB of the worker's address space
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        return self.control

    def stop(self) -> None:
        if self.control:
            self.control.close()
        if self.process:
            try:
                self.process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.control = self.process = None


_nursery = _Nursery()


def _forget_nursery() -> None:
    """After a fork the nursery belongs to the parent."""
    global _nursery
    if _nursery.control:
        _nursery.control.close()
    if _nursery.process:
        _nursery.process.returncode = 0
    _nursery = _Nursery()


os.register_at_fork(after_in_child=_forget_nursery)


@atexit.register
def _close_nursery() -> None:
    _nursery.stop()


def _open_channel(module: str) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            _nursery.send(module, theirs)
        except BaseException:
            ours.close()
            raise
    return ours


# --- inside the nursery


def _keep_nursery(control_fd: int) -> NoReturn:
    """Fork a monitor for every socket that arrives, until the caller is gone."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    control = socket.socket(fileno=control_fd)
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 4096, 1)
        if not message or not descriptors:
            os._exit(0)
        with contextlib.suppress(Exception):  # the worker will say what is wrong
            importlib.import_module(message.decode())
        gc.freeze()
        with contextlib.suppress(OSError):
            if os.fork() == 0:
                try:
                    control.close()
                    _monitor(socket.socket(fileno=descriptors[0]))
                finally:
                    os._exit(1)
        os.close(descriptors[0])


def _monitor(channel: socket.socket) -> NoReturn:
    """Fork the worker, keep the clock, and say how it ended."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    (length,) = LENGTH.unpack(_read(channel, LENGTH.size))
    request = _read(channel, length)
    module, qualname, args, limits = pickle.loads(request)
    worker = os.fork()
    if worker == 0:
        try:
            _work(channel, module, qualname, args, limits)
        finally:
            os._exit(1)
    late = signal.sigtimedwait({signal.SIGCHLD}, limits.wall_s) is None
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(worker, signal.SIGKILL)
    _, status = os.waitpid(worker, 0)
    channel.sendall(TRAILER.pack(late, status))
    os._exit(0)


def _read(channel: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = channel.recv(min(1 << 20, size - len(data)))
        if not part:
            os._exit(0)
        data += part
    return bytes(data)


def _work(
    channel: socket.socket, module: str, qualname: str, args: tuple[Any, ...], limits: Limits
) -> NoReturn:
    """Call the function under limits and answer."""
    os.setsid()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    try:
        function = getattr(importlib.import_module(module), qualname)
        _limit(limits)
        answer = pickle.dumps(("result", function(*args)), pickle.HIGHEST_PROTOCOL)
    except GaijiError as error:
        place = error.where and error.where.as_dict()
        facts = (error.code(), tuple(error.text), place, error.extra)
        answer = pickle.dumps(("error", facts))
    except MemoryError:
        answer = pickle.dumps(("memory", None))
    except BaseException as error:
        answer = pickle.dumps(("failed", type(error).__name__))
    channel.sendall(answer)
    os._exit(0)


def _limit(limits: Limits) -> None:
    """Lower every limit for good; one that is lower already stays."""
    for kind, soft, hard in (
        (resource.RLIMIT_CPU, limits.cpu_s, limits.cpu_s + 1),
        (resource.RLIMIT_AS, limits.memory_bytes, limits.memory_bytes),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_NPROC, 0, 0),
        (resource.RLIMIT_NOFILE, 0, 0),
    ):
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        resource.setrlimit(kind, (soft, hard))
