"""Several processes on one file (並列変換): parts done by workers, put together in order as they are finished.

A worker is `python -m gaiji.charset.worker` and not a fork or a copy of this process, so that it starts in 0.1 s
whatever the command line has loaded, shares no database, lock or terminal with it, and ends when this process does.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from gaiji.charset.account import Account
from gaiji.charset.convert import (
    Prepared,
    Progress,
    budget_error,
    convert_file,
    receipt_header,
    report_of,
)
from gaiji.charset.files import STANDARD, check_apart, reading, replacing_all, storage_error
from gaiji.charset.parts import Done, Part, Whole, Work, changed, cuts, undone
from gaiji.charset.receipt import Recorder
from gaiji.charset.resolve import Options
from gaiji.errors import GaijiError, JobAbandoned, Where

if TYPE_CHECKING:  # loaded for files with a layout alone
    from gaiji.charset.records.layout import Layout
    from gaiji.charset.records.parts import Totals

WORTH = 64 << 20
"""Bytes of a file from which workers are worth their start."""
SMALLEST, LARGEST = 4 << 20, 16 << 20
"""Bytes of a part: enough to be worth a beginning, few enough for a worker's memory and an even end."""
PARTS_PER_WORKER = 4
WAITING = 2
"""Parts per worker that are done or under way and not yet accounted for."""

Ended = Iterable[Done | GaijiError]


def convert_parts(
    source: Path | str,
    target: Path | str,
    mapping: Path | str,
    ends: tuple[str, str],
    options: Options,
    workers: int,
    *,
    receipt: Path | str | None = None,
    layout: Layout | None = None,
    spill: Path | str | None = None,
    progress: Progress | None = None,
    part_bytes: int | None = None,
) -> Account:
    """Convert a file with several processes (並列変換); output, report, receipt and errors are those of `convert_file`.

    mapping: path of the mapping file; ends: from and to; layout, spill: as there. A file below 64 MiB, standard input
    and anything else that cannot be cut goes through this process alone; part_bytes sets both bounds. Raises what
    `convert_file` and `open_mapping` raise, BadInput when the source changes meanwhile, JobAbandoned when a part twice
    ends its worker.
    """
    check_apart(source, None if options.dry_run else target, receipt, spill)
    by_records = layout if layout and layout.kind not in ("line", "raw") else None
    told = by_records.as_dict() if by_records else None
    work = Work.of(source, target, mapping, ends, options, receipt=receipt is not None, layout=told)
    prepared = work.prepared()
    ranges: list[tuple[int, int]] = []
    is_file = str(source) != STANDARD and os.path.isfile(source)
    length = os.path.getsize(source) if is_file else 0
    if layout and layout.spills and spill is None:
        length = 0  # which is told before anything is read
    keeps_nothing = options.dry_run or os.path.realpath(target) == os.devnull
    if keeps_nothing and (options.digests or receipt is not None):
        length = 0  # what would be written is hashed where it is made
    if workers > 1 and length >= (part_bytes or WORTH):
        share = length // (workers * PARTS_PER_WORKER)
        size = part_bytes or min(max(share, SMALLEST), LARGEST)
        ranges = _ranges(source, size, prepared, by_records)
    if len(ranges) < 2:
        return convert_file(
            source, target, prepared, receipt=receipt, layout=layout, spill=spill, progress=progress
        )
    with Pool(work, min(workers, len(ranges))) as pool:
        parts = [Part(*span) for span in ranges]
        return _assembled(
            work,
            target,
            lambda spool: pool.run(parts, spool),
            receipt=receipt,
            by_layout=layout is not None,
            spill=spill,
            progress=progress,
        )


def _ranges(
    source: Path | str, size: int, prepared: Prepared, layout: Layout | None
) -> list[tuple[int, int]]:
    """Return where a file is cut, behind line ends or records."""
    resolver = prepared.resolver
    if layout is None:
        return cuts(source, resolver.source.script, size)
    from gaiji.charset.records.parts import record_cuts

    return record_cuts(source, size, layout, resolver, prepared.facts.target)


def put_together(
    work: Work,
    target: Path | str,
    done: Ended,
    *,
    receipt: Path | str | None = None,
    spill: Path | str | None = None,
    progress: Progress | None = None,
) -> Account:
    """Put part files together (結合) in the order of the file, and return the report; they are removed on the way.

    done: records, or the errors that stopped a part; the first error in the order of the file is raised. Everything
    else is as in `convert_file`: nothing appears under a final name unless all of it is right.
    """
    return _assembled(
        work,
        target,
        lambda _: done,
        receipt=receipt,
        by_layout=work.layout is not None,
        spill=spill,
        progress=progress,
    )


def _assembled(
    work: Work,
    target: Path | str,
    run: Callable[[str | None], Ended],
    *,
    receipt: Path | str | None,
    by_layout: bool,
    spill: Path | str | None,
    progress: Progress | None,
) -> Account:
    """Account for parts in the order of the file. run: gets the output's temporary name, gives the parts."""
    options, prepared = work.options, work.prepared()
    recorder = Recorder() if receipt is not None else None
    whole = Whole(prepared.resolver, file=work.source, recorder=recorder)
    totals = _totals() if by_layout else None
    state = _state(work.source)
    with contextlib.ExitStack() as stack:
        named = {"receipt": receipt, "spill": spill, "target": target}
        wanted = {} if options.dry_run else {k: v for k, v in named.items() if v is not None}
        files = stack.enter_context(replacing_all(*wanted.values())) if wanted else ()
        outputs = dict(zip(wanted, files, strict=True))
        kept, side = outputs.get("target"), outputs.get("spill")
        hashes = None
        if options.digests or receipt is not None:
            hashes = stack.enter_context(_Hashes(work.source))
        for one in run(str(kept.name) if kept else None):
            if isinstance(one, GaijiError):
                raise whole.moved_error(one)
            if totals and one.layout:
                totals.add(one.layout, whole.moved, side.write if side else None)
            whole.add(one)
            if kept and one.part.file:
                _append(kept, one, hashes)
            elif kept and hashes:
                hashes.written(str(kept.name), one.written)
            if progress:
                progress(whole.input_bytes)
        if _state(work.source) != state or whole.input_bytes != state[0]:
            raise changed(work.source)
        report = report_of(prepared, whole, hashes.hexdigests() if hashes else (None, None))
        if totals:
            report.extra = {"fields": totals.fields}
        if kept and whole.losses > options.max_loss:
            raise budget_error(report, whole, work.source)
        if "receipt" in outputs and recorder:
            header = receipt_header(prepared, report, recorder)
            header |= totals.header if totals else {}
            outputs["receipt"].write(recorder.packed(header))
    report.written = kept is not None
    return report


def _totals() -> Totals:
    from gaiji.charset.records.parts import Totals

    return Totals()


def _state(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_size, found.st_mtime_ns


@contextlib.contextmanager
def part_folder(target: Path | str) -> Iterator[str]:
    """Give a folder for part files beside the target; for what is copied at the end, where temporary files go."""
    final = os.path.realpath(target)
    copied = str(target) == STANDARD or (os.path.exists(final) and not os.path.isfile(final))
    beside = None if copied else os.path.dirname(final)
    try:
        made = tempfile.TemporaryDirectory(dir=beside, prefix=".gaiji-", ignore_cleanup_errors=True)
    except OSError as error:
        raise storage_error(error, target) from error
    with made as folder:
        yield folder


def _append(kept: BinaryIO, done: Done, hashes: _Hashes | None) -> None:
    """Add a part file to the output, and remove it."""
    assert done.part.file
    with open(done.part.file, "rb", buffering=0) as part:
        if hashes:
            size = 0
            while data := part.read(1 << 20):
                hashes.output.update(data)
                size += kept.write(data)
        else:
            size = _copied(part.fileno(), kept.fileno())
    if size != done.written:
        raise JobAbandoned(
            f"部分ファイルが {done.written} バイトでなく {size} バイトでした。最初からやり直してください。",
            f"A part file has {size} bytes, not the {done.written} written; start again.",
            where=Where(done.part.file),
        )
    os.unlink(done.part.file)


def _copied(source: int, target: int) -> int:
    """Copy a file to where another one stands, in the kernel where it can; return the bytes."""
    size = 0
    for copy in (_by_range, _by_sendfile):
        try:
            while taken := copy(source, target):
                size += taken
            return size
        except (OSError, AttributeError):
            if size:
                raise
    while data := os.read(source, 1 << 20):
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(target, rest) :]
        size += len(data)
    return size


def _by_range(source: int, target: int) -> int:
    return os.copy_file_range(source, target, 1 << 30)


def _by_sendfile(source: int, target: int) -> int:
    return os.sendfile(target, source, None, 1 << 30)


class _Hashes:
    """The sha256 of the input, read beside the conversion, and of the output as it is put together (照合値)."""

    def __init__(self, source: str) -> None:
        self.output = hashlib.sha256()
        self._input = hashlib.sha256()
        self._source = source
        self._stopped = threading.Event()
        self._error: Exception | None = None
        self._spool: FileIO | None = None
        self._stack = contextlib.ExitStack()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            with reading(self._source) as opened:
                while (data := opened.read(1 << 20)) and not self._stopped.is_set():
                    self._input.update(data)
        except Exception as error:
            self._error = error

    def written(self, spool: str, size: int) -> None:
        """Add what stands next in a file that workers write to."""
        if self._spool is None:
            self._spool = self._stack.enter_context(FileIO(spool))
        while size and (data := self._spool.read(min(size, 1 << 20))):
            self.output.update(data)
            size -= len(data)

    def hexdigests(self) -> tuple[str, str]:
        """Return both once everything was put together."""
        self._thread.join()
        if self._error:
            raise self._error
        return self._input.hexdigest(), self.output.hexdigest()

    def __enter__(self) -> _Hashes:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._stack.close()


class Pool:
    """Workers for the parts of one conversion (作業プロセス群). Leaving the block ends them, whatever they are at."""

    def __init__(self, work: Work, workers: int) -> None:
        self._work, self._workers = work.as_dict(), workers
        self._threads = ThreadPoolExecutor(workers)
        self._mine = threading.local()
        self._all: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._ended = False
        self._places = _Places()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
            self._places.stop()
            for worker in self._all:
                worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for worker in self._all:
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    assert pipe
                    pipe.close()

    def run(self, parts: Iterable[Part], spool: str | None = None) -> Iterator[Done | GaijiError]:
        """Yield what became of the parts, in their order. spool: the file into which their bytes go, each once."""
        waiting: deque[Future[dict[str, Any]]] = deque()
        self._places = _Places()
        for number, part in enumerate(parts):
            waiting.append(self._threads.submit(self._do, number, part, spool))
            if len(waiting) >= self._workers * WAITING:
                yield undone(waiting.popleft().result())
        while waiting:
            yield undone(waiting.popleft().result())

    def _do(self, number: int, part: Part, spool: str | None) -> dict[str, Any]:
        asked = {"work": self._work, "part": asdict(part), "hold": bool(spool)}
        try:
            for _ in range(2):
                worker = self._worker()
                told = _answer(worker, asked)
                if told and spool and "error" not in told:
                    offset = self._places.of(number, told["written"])
                    placed = _answer(worker, {"into": spool, "offset": offset})
                    told = told if placed == {} else placed
                if told:
                    return told
                self._mine.worker = None
        finally:
            self._places.settle(
                number, 0
            )  # unless it is known: those after it are not wanted any more
        raise JobAbandoned(
            "変換の作業プロセスが二度終了させられました。メモリーを確かめるか、--workers を減らしてください。",
            "A worker process was ended twice; check the machine's memory, or use fewer --workers.",
            where=Where(self._work["source"], None, None, part.start),
        )

    def _worker(self) -> subprocess.Popen[str]:
        """Return this thread's worker, started when it is first asked for."""
        worker: subprocess.Popen[str] | None = getattr(self._mine, "worker", None)
        if worker is None:
            with self._lock:
                if self._ended:
                    raise OSError("the pool has ended")
                worker = self._mine.worker = _started()
                self._all.append(worker)
        return worker


class _Places:
    """Where in the output each part begins, known once all before it are converted (書込み位置)."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._begins = [0]
        self._stopped = False
        self._changed = threading.Condition()

    def settle(self, number: int, size: int) -> None:
        """Say how many bytes a part has; what was said first holds."""
        with self._changed:
            self._sizes.setdefault(number, size)
            while (last := len(self._begins) - 1) in self._sizes:
                self._begins.append(self._begins[last] + self._sizes[last])
            self._changed.notify_all()

    def of(self, number: int, size: int) -> int:
        """Return where a part of so many bytes begins, as soon as that is known."""
        self.settle(number, size)
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or number < len(self._begins))
            return self._begins[min(number, len(self._begins) - 1)]

    def stop(self) -> None:
        """Let nobody wait any longer: the workers are gone."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()


def _answer(worker: subprocess.Popen[str], asked: dict[str, Any]) -> dict[str, Any] | None:
    """Ask a worker, and return its answer; None when it has ended."""
    with contextlib.suppress(OSError):
        assert worker.stdin
        assert worker.stdout
        worker.stdin.write(json.dumps(asked) + "\n")
        worker.stdin.flush()
        if (told := worker.stdout.readline()).endswith("\n"):
            found: dict[str, Any] = json.loads(told)
            return found
    return None


def _started() -> subprocess.Popen[str]:
    """Start a worker, out of reach of the terminal's Ctrl-C: whoever started it ends it."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "gaiji.charset.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="ascii",
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": paths},
    )
