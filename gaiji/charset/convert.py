"""Files through the engine (ファイル変換と復元): nothing appears under a final name unless all of it is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from queue import Empty, Queue, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol, cast

from gaiji.charset.account import Account, Facts, Recoded, Reduced, Unmapped
from gaiji.charset.fast import stream_for
from gaiji.charset.files import check_apart, reading, replacing, replacing_all, unreadable
from gaiji.charset.receipt import Receipt, Recorder, read_receipt
from gaiji.charset.resolve import Options, Resolver
from gaiji.charset.stream import ENGINE_REVISION, Parts, Seen, Stream
from gaiji.errors import BadReceipt, GaijiError, LossBeyondBudget, Where

if TYPE_CHECKING:  # records are loaded for files with a layout alone
    from pathlib import Path

    from gaiji.charset.records.converting import Records
    from gaiji.charset.records.layout import Layout

MOST_WAITING = 4  # tasks of the thread beside the engine
PATIENCE_S = 1.0  # after an error: its last task may wait for a pipe that nobody writes to

Progress = Callable[[int], None]


class Prepared(Protocol):
    """A conversion that is ready to run, by a release or by a mapping file (変換の準備)."""

    @property
    def options(self) -> Options:
        """How to convert."""

    @property
    def facts(self) -> Facts:
        """Which mappings it uses."""

    @property
    def resolver(self) -> Resolver:
        """What resolves its tokens."""


Prepare = Callable[[dict[str, Any]], Prepared]
"""Returns the conversion that a receipt's header tells of."""


def convert_file(
    source: Path | str,
    target: Path | str,
    conversion: Prepared,
    *,
    receipt: Path | str | None = None,
    layout: Layout | None = None,
    spill: Path | str | None = None,
    progress: Progress | None = None,
    chunk_bytes: int | None = None,
) -> Account:
    """Convert a file (変換) and return its report; `-` is standard input or output.

    receipt: where to write what `restore_file` needs. layout: what the records are made of, without it all is one
    text; spill: the side file for values that a layout lets spill. progress is told the bytes read so far.
    Raises UnmappedCode and MalformedInput with their place, LossBeyondBudget (its extra `report` counts
    everything), DiskFull and StorageFailed; after any of them what stood under the final names stands. A dry
    run writes nothing, never refuses for losses, and counts unmapped codes instead of stopping.
    """
    options = conversion.options
    check_apart(source, None if options.dry_run else target, receipt, spill)
    recorder = Recorder(options.max_loss) if receipt is not None else None
    stream = stream_for(
        conversion.resolver, file=str(source), counting=options.dry_run, recorder=recorder
    )
    with ExitStack() as stack:
        opened = stack.enter_context(reading(source))
        beside = stack.enter_context(Beside())
        hashes = Hashes(beside) if options.digests or receipt is not None else None
        named = {"receipt": receipt, "spill": spill, "target": target}
        wanted = {} if options.dry_run else {k: v for k, v in named.items() if v is not None}
        files = stack.enter_context(replacing_all(*wanted.values())) if wanted else ()
        kept = dict(zip(wanted, files, strict=True))
        work = _Work(stream, beside, hashes, kept.get("target"), progress, chunk_bytes)
        records = work.by_layout(opened, layout, conversion, kept.get("spill")) if layout else None
        if records is None:
            work.whole(opened)
        report = report_of(conversion, stream, hashes.hexdigests() if hashes else (None, None))
        if records is not None:
            report.records = records.records
            report.extra = {"fields": [one.as_dict() for one in records.fields]}
        if kept and stream.losses > options.max_loss:
            raise budget_error(report, stream, str(source))
        if "receipt" in kept and recorder:
            header = receipt_header(conversion, report, recorder)
            header |= records.header if records else {}
            kept["receipt"].write(recorder.packed(header))
    report.written = bool(kept)
    return report


class _Work:
    """One file through a stream, into its output and its hashes."""

    def __init__(
        self,
        stream: Stream,
        beside: Beside,
        hashes: Hashes | None,
        kept: BinaryIO | None,
        progress: Progress | None,
        chunk_bytes: int | None,
    ) -> None:
        self.stream, self.beside, self.hashes, self.kept = stream, beside, hashes, kept
        self.progress, self.chunk_bytes = progress, chunk_bytes

    def whole(self, opened: BinaryIO) -> None:
        """Convert the file as one text, each chunk while the last one is hashed or the next one read."""
        size = self.chunk_bytes or self.stream.chunk_bytes
        # not through the buffer, whose lock would keep the program from ending at Ctrl-C
        read = partial(_filled, getattr(opened, "raw", opened))
        if self.hashes:  # which is all that the thread has time for
            while data := read(self.stream.space(size)):
                self._chunk(data)
        else:
            coming = self.beside.begin(read, self.stream.space(size))
            while data := coming():
                coming = self.beside.begin(read, self.stream.space(size))
                self._chunk(data)
        self._chunk(data, final=True)

    def _chunk(self, data: memoryview, *, final: bool = False) -> None:
        outs = self.stream.parts(data, final=final)
        if self.hashes:
            self.hashes.chunk(data, outs)
        if self.kept:
            self.kept.writelines(outs)
        if self.progress:
            self.progress(self.stream.input_bytes)

    def by_layout(
        self, opened: BinaryIO, layout: Layout, conversion: Prepared, spill: BinaryIO | None
    ) -> Records:
        """Convert the file record by record."""
        from gaiji.charset.records.converting import convert_records

        add = self.hashes.read if self.hashes else None
        return convert_records(
            cast(BinaryIO, _Watched(opened, add)) if add else opened,
            self.write,
            self.stream,
            layout,
            to=conversion.facts.target,
            progress=self.progress,
            spill=spill.write if spill else None,
            chunk_bytes=self.chunk_bytes,
        )

    def write(self, out: bytes | memoryview) -> None:
        """Take a part of the output, which may change afterwards."""
        if self.hashes:
            self.hashes.written(out)
        if self.kept:
            self.kept.write(out)


class _Watched:
    """A file of which every part that is read is shown to a hash."""

    def __init__(self, opened: BinaryIO, add: Callable[[bytes], None]) -> None:
        self._opened, self._add = opened, add
        self.name = getattr(opened, "name", "-")

    def read(self, size: int) -> bytes:
        data = self._opened.read(size)
        self._add(data)
        return data


class Beside:
    """A thread that does one task after another beside the engine (並行処理): reading ahead and hashing."""

    def __init__(self) -> None:
        self._tasks: Queue[tuple[Callable[[], Any], SimpleQueue[Any]] | None] = Queue(MOST_WAITING)
        self._thread = Thread(target=self._work, daemon=True)
        self.failed: BaseException | None = None  # the first task that did

    def begin(self, task: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
        """Let a task be done after those before it; what is returned waits for its result, or raises its error."""
        done: SimpleQueue[Any] = SimpleQueue()
        self._tasks.put((partial(task, *arguments), done))
        return partial(_result, done)

    def _work(self) -> None:
        while (one := self._tasks.get()) is not None:
            task, done = one
            try:
                done.put((task(), None))
            except BaseException as error:  # raised where a result is asked for
                self.failed = self.failed or error
                done.put((None, error))

    def __enter__(self) -> Beside:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:  # after an error nobody wants what was begun, nor waits for a pipe
            with suppress(Empty):
                while True:
                    self._tasks.get_nowait()
        self._tasks.put(None)
        self._thread.join(None if kind is None else PATIENCE_S)


def _result(done: SimpleQueue[Any]) -> Any:
    result, error = done.get()
    if error is not None:
        raise error
    return result


class Hashes:
    """The sha256 of input and output, worked out beside the conversion (照合値)."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside
        self._hashes = hashlib.sha256(), hashlib.sha256()
        self._last: Callable[[], Any] = bool  # waits for the chunk before

    def read(self, data: bytes) -> None:
        """Add bytes of the input."""
        self._beside.begin(self._add, [data], [])

    def written(self, data: bytes | memoryview) -> None:
        """Add bytes of the output, which may change afterwards."""
        self._beside.begin(self._add, [], [bytes(data)])

    def chunk(self, data: memoryview, outs: Parts) -> None:
        """Add a chunk and its output, which stay as they are until the next call; it waits until they are added."""
        self._last()
        self._last = self._beside.begin(self._add, [data], outs)

    def _add(self, read: Parts, written: Parts) -> None:
        for of, parts in zip(self._hashes, (read, written), strict=True):
            for part in parts:
                of.update(part)

    def hexdigests(self) -> tuple[str, str]:
        """Return both once everything was added."""
        self._beside.begin(bool)()
        if self._beside.failed:
            raise self._beside.failed
        one, two = self._hashes
        return one.hexdigest(), two.hexdigest()


def _filled(opened: BinaryIO, space: memoryview) -> memoryview:
    """Fill memory from a file as far as the file goes, and return what was filled."""
    size = 0
    try:
        while size < len(space) and (got := opened.readinto(space[size:])):  # type: ignore[attr-defined]
            size += got
    except OSError as error:
        raise unreadable(error, getattr(opened, "name", "-")) from error
    return space[:size]


def budget_error(report: Account, stream: Stream, file: str) -> LossBeyondBudget:
    """Return the error for more losses than allowed; its extra `report` counts everything."""
    first = stream.first_loss
    allowed = stream.resolver.options.max_loss
    return LossBeyondBudget(
        f"元に戻せない文字が {stream.losses} か所あり、許容数 {allowed} を超えたため何も書き込みませんでした。"
        "報告を見て --max-loss を指定するか、対応を決定してください。",
        f"Characters that cannot be read back: {stream.losses}, with {allowed} allowed, and nothing was written; "
        "look at the report, then set --max-loss or decide the codes.",
        where=Where(file, first.record, first.field, first.byte_offset) if first else None,
        losses=stream.losses,
        max_loss=allowed,
        report=report.as_dict(),
    )


def report_of(
    conversion: Prepared, stream: Stream, digests: tuple[str | None, str | None]
) -> Account:
    """Return the report of a file that went through a stream (変換報告)."""
    events = sorted(stream.seen.items(), key=lambda pair: (-pair[1].count, pair[0]))
    return Account(
        facts=conversion.facts,
        engine=ENGINE_REVISION,
        options=conversion.options.as_dict(),
        records=stream.records,
        input_bytes=stream.input_bytes,
        output_bytes=stream.output_bytes,
        characters=stream.characters,
        losses=stream.losses,
        unmapped=[_unmapped(t, s) for (t, *_), s in events if s.outcome.kind == "unmapped"],
        reductions=[_reduced(t, s) for (t, *_), s in events if s.outcome.kind in REDUCTIONS],
        recoded=[
            Recoded(
                code=token.hex().upper(),
                kind=seen.outcome.kind,
                lossy=seen.outcome.lossy,
                count=seen.count,
                places=seen.places,
            )
            for (token, *_), seen in events
            if seen.outcome.kind not in REDUCTIONS and seen.outcome.kind != "unmapped"
        ],
        input_sha256=digests[0],
        output_sha256=digests[1],
    )


REDUCTIONS = ("unified", "substitute", "reduced")


def _unmapped(token: bytes, seen: Seen) -> Unmapped:
    return Unmapped(
        code=token.hex().upper(), text=seen.outcome.text, count=seen.count, places=seen.places
    )


def _reduced(token: bytes, seen: Seen) -> Reduced:
    outcome = seen.outcome
    return Reduced(
        code=token.hex().upper(),
        character=outcome.character,
        kind=outcome.kind,
        to=outcome.text,
        ground=outcome.ground,
        count=seen.count,
        places=seen.places,
    )


def receipt_header(conversion: Prepared, report: Account, recorder: Recorder) -> dict[str, Any]:
    """Return what a receipt says of its conversion (控えの見出し)."""
    facts = conversion.facts
    return {
        "from": facts.source,
        "to": facts.target,
        "mappings": facts.mappings(),
        **({"cutover": list(facts.cutover)} if facts.cutover else {}),
        "options": conversion.options.as_dict(),
        "engine": ENGINE_REVISION,
        "input": [report.input_bytes, report.input_sha256],
        "output": [report.output_bytes, report.output_sha256],
        **({"unclosed": True} if recorder.unclosed else {}),
    }


def restore_file(
    converted: Path | str,
    back: Path | str,
    receipt: Path | str,
    prepare: Prepare,
    *,
    layout: Layout | None = None,
    chunk_bytes: int | None = None,
) -> int:
    """Write the original bytes of a converted file (復元) and return how many.

    prepare: gives the conversion a receipt's header tells of, by a release (`by_release`) or a mapping file.
    layout: the one of the conversion, where it was too large for the receipt.
    Raises BadReceipt when the receipt is damaged, belongs to another file, or names a mapping that is another
    one today; then nothing is written.
    """
    check_apart(converted, back)
    check_apart(receipt, back)
    with reading(receipt) as file:
        read = read_receipt(file.read())
    where = Where(str(converted))
    try:
        conversion = prepare(read.header)
        _size, input_sha = read.header["input"]
        output_size, output_sha = read.header["output"]
    except (KeyError, TypeError, ValueError):
        raise BadReceipt(
            "控えの内容が不足しています。変換時に作った控えを使ってください。",
            "The receipt lacks what it must hold; use the one made at conversion.",
            where=where,
        ) from None
    hashes = hashlib.sha256(), hashlib.sha256()
    total = 0
    with reading(converted) as opened, replacing(back) as kept:
        try:
            outs = (
                _restored_records(opened, read, conversion, hashes[0], layout)
                if "layout" in read.header
                else _restored(opened, read, conversion, hashes[0], chunk_bytes)
            )
            for out in outs:
                hashes[1].update(out)
                kept.write(out)
                total += len(out)
        except GaijiError as error:
            if isinstance(error, BadReceipt):
                raise
            raise _other_file(where, output_size) from error
        if hashes[0].hexdigest() != output_sha:
            raise _other_file(where, output_size)
        if hashes[1].hexdigest() != input_sha:
            raise BadReceipt(
                "復元した内容が控えの記録と一致しません。変換時と同じ版の対応表か確かめてください。",
                "What was restored differs from what the receipt recorded; check that the mapping is the "
                "one of the conversion.",
                where=where,
            )
    return total


def _other_file(where: Where, size: int) -> BadReceipt:
    return BadReceipt(
        f"この控えは別のファイルのものか、ファイルが変更されています。"
        f"変換直後の {size} バイトのファイルを指定してください。",
        f"The receipt belongs to another file, or the file was changed; name the converted file of {size} bytes.",
        where=where,
    )


def _restored(
    opened: BinaryIO, receipt: Receipt, conversion: Prepared, digest: Any, chunk: int | None
) -> Iterator[bytes | memoryview]:
    """Yield the original, segment by segment: between two losses through the mapping, losses as recorded."""
    stream = stream_for(conversion.resolver.back)
    chunk = chunk or stream.chunk_bytes
    for event in receipt.events():
        for data in _segment(opened, event.gap, digest, chunk):
            yield from stream.parts(data)
        skipped = opened.read(event.length)
        digest.update(skipped)
        yield stream.insert(event.original, skipped=event.length)
    for data in _segment(opened, None, digest, chunk):
        yield from stream.parts(data)
    if receipt.header.get("unclosed"):
        yield stream.insert(b"")
    else:
        yield from stream.parts(b"", final=True)


def _restored_records(
    opened: BinaryIO, receipt: Receipt, conversion: Prepared, digest: Any, layout: Layout | None
) -> Iterator[bytes]:
    """Yield the original of a file of records."""
    from gaiji.charset.records.restoring import restore_records

    return restore_records(
        cast(BinaryIO, _Watched(opened, digest.update)),
        receipt.header,
        receipt.events(),
        conversion.resolver,
        layout=layout,
        to=conversion.facts.target,
        file=str(getattr(opened, "name", "-")),
    )


def _segment(opened: BinaryIO, size: int | None, digest: Any, chunk: int) -> Iterator[bytes]:
    left = size
    while left is None or left > 0:
        data = opened.read(chunk if left is None else min(chunk, left))
        if not data:
            return
        digest.update(data)
        left = None if left is None else left - len(data)
        yield data
