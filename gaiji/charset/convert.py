"""Files through the engine (ファイル変換と復元): nothing appears under a final name unless all of it is right."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from gaiji.charset.files import check_apart, reading, replacing, replacing_all, storage_error
from gaiji.charset.mapping import Mapping
from gaiji.charset.receipt import Receipt, Recorder, read_receipt
from gaiji.charset.resolve import Conversion, Options
from gaiji.charset.stream import ENGINE_REVISION, Seen, Stream
from gaiji.errors import BadReceipt, GaijiError, LossBeyondBudget, Where
from gaiji.wire.conversion import ConversionReport, Recoded, Reduced, Unmapped

__all__ = [
    "ENGINE_REVISION",
    "Conversion",
    "Options",
    "convert_file",
    "restore_file",
]

CHUNK = 1 << 16

Progress = Callable[[int], None]
Resolve = Callable[[str, int], Mapping]
"""Returns the mapping of a code set in a release: what a receipt asks for."""


def convert_file(
    source: Path | str,
    target: Path | str,
    conversion: Conversion,
    *,
    receipt: Path | str | None = None,
    progress: Progress | None = None,
    chunk_bytes: int = CHUNK,
) -> ConversionReport:
    """Convert a file (変換) and return its report; `-` is standard input or output.

    receipt: where to write what `restore_file` needs. progress is told the bytes read so far.
    Raises UnmappedCode and MalformedInput with their place, LossBeyondBudget (its extra `report` counts
    everything), DiskFull and StorageFailed; after any of them what stood under the final names stands. A dry
    run writes nothing, never refuses for losses, and counts unmapped codes instead of stopping.
    """
    options = conversion.options
    check_apart(source, None if options.dry_run else target, receipt)
    recorder = Recorder() if receipt is not None else None
    stream = Stream(
        conversion.resolver, file=str(source), counting=options.dry_run, recorder=recorder
    )
    hashing = options.digests or receipt is not None
    hashes = (hashlib.sha256(), hashlib.sha256()) if hashing else None
    with ExitStack() as stack:
        opened = stack.enter_context(reading(source))
        kept: BinaryIO | None = None
        kept_receipt: BinaryIO | None = None
        if not options.dry_run and receipt is not None:
            kept_receipt, kept = stack.enter_context(replacing_all(receipt, target))
        elif not options.dry_run:
            kept = stack.enter_context(replacing(target))
        for data, final in _chunks(opened, chunk_bytes):
            out = stream.feed(data, final=final)
            if hashes:
                hashes[0].update(data)
                hashes[1].update(out)
            if kept:
                kept.write(out)
            if progress:
                progress(stream.input_bytes)
        report = _report(conversion, stream, hashes)
        if kept and stream.losses > options.max_loss:
            raise _over_budget(report, stream, str(source))
        if kept_receipt and recorder:
            kept_receipt.write(recorder.packed(_header(conversion, report)))
    report.written = kept is not None
    return report


def _chunks(opened: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Yield the file's chunks and, at the end, an empty final one."""
    while True:
        try:
            data = opened.read(size)
        except OSError as error:
            raise storage_error(error, getattr(opened, "name", "-")) from error
        yield data, not data
        if not data:
            return


def _over_budget(report: ConversionReport, stream: Stream, file: str) -> LossBeyondBudget:
    first = stream.first_loss
    allowed = stream.resolver.options.max_loss
    return LossBeyondBudget(
        f"元に戻せない文字が {stream.losses} か所あり、許容数 {allowed} を超えたため何も書き込みませんでした。"
        "報告を見て --max-loss を指定するか、対応を決定してください。",
        f"{stream.losses} characters cannot be read back, more than the {allowed} allowed, and nothing was "
        "written; look at the report, then set --max-loss or decide the codes.",
        where=Where(file, first.record, first.field, first.byte_offset) if first else None,
        losses=stream.losses,
        max_loss=allowed,
        report=report.model_dump(mode="json", by_alias=True),
    )


def _report(
    conversion: Conversion, stream: Stream, hashes: tuple[Any, Any] | None
) -> ConversionReport:
    mapping = conversion.mapping
    other = conversion.target
    both = isinstance(conversion.source, Mapping) and isinstance(other, Mapping)
    events = sorted(stream.seen.items(), key=lambda pair: (-pair[1].count, pair[0]))
    return ConversionReport(
        source=conversion.name(conversion.source),
        target=conversion.name(conversion.target),
        release=mapping.release,
        digest=mapping.digest,
        target_release=other.release if both and isinstance(other, Mapping) else None,
        target_digest=other.digest if both and isinstance(other, Mapping) else None,
        engine=ENGINE_REVISION,
        options=conversion.options.as_dict(),
        written=False,
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
        input_sha256=hashes[0].hexdigest() if hashes else None,
        output_sha256=hashes[1].hexdigest() if hashes else None,
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


def _header(conversion: Conversion, report: ConversionReport) -> dict[str, Any]:
    ends = [end for end in (conversion.source, conversion.target) if isinstance(end, Mapping)]
    return {
        "from": report.source,
        "to": report.target,
        "mappings": {end.code_set: [end.release, end.digest] for end in ends},
        "options": conversion.options.as_dict(),
        "engine": ENGINE_REVISION,
        "input": [report.input_bytes, report.input_sha256],
        "output": [report.output_bytes, report.output_sha256],
    }


def restore_file(
    converted: Path | str,
    back: Path | str,
    receipt: Path | str,
    resolve: Resolve,
    *,
    chunk_bytes: int = CHUNK,
) -> int:
    """Write the original bytes of a converted file (復元) and return how many.

    resolve: gives the mapping of a code set in a release. Raises BadReceipt when the receipt is damaged,
    belongs to another file, or names a mapping that is another one today; then nothing is written.
    """
    check_apart(converted, back)
    check_apart(receipt, back)
    with reading(receipt) as file:
        read = read_receipt(file.read())
    where = Where(str(converted))
    try:
        conversion = conversion_of(read, resolve)
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
            for out in _restored(opened, read, conversion, hashes[0], chunk_bytes):
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


def conversion_of(receipt: Receipt, resolve: Resolve) -> Conversion:
    """Return the conversion that made a receipt; BadReceipt when a mapping's digest is another one now."""
    header = receipt.header
    mappings: dict[str, Mapping] = {}
    for code_set, (release, digest) in header["mappings"].items():
        mapping = mappings[code_set] = resolve(code_set, release)
        if mapping.digest != digest:
            raise BadReceipt(
                f"第{release}版の {code_set} の対応表が控えの記録と異なります。同じ台帳で復元してください。",
                f"The mapping of {code_set} in release {release} is not the one the receipt recorded; "
                "restore with the same registry.",
            )
    source, target = (mappings.get(header[end], header[end]) for end in ("from", "to"))
    return Conversion(source, target, Options.from_dict(header["options"]))


def _other_file(where: Where, size: int) -> BadReceipt:
    return BadReceipt(
        f"この控えは別のファイルのものか、ファイルが変更されています。"
        f"変換直後の {size} バイトのファイルを指定してください。",
        f"The receipt belongs to another file, or the file was changed; name the converted file of {size} bytes.",
        where=where,
    )


def _restored(
    opened: BinaryIO, receipt: Receipt, conversion: Conversion, digest: Any, chunk: int
) -> Iterator[bytes]:
    """Yield the original, segment by segment: between two losses through the mapping, losses as recorded."""
    back = conversion.resolver.back
    at = 0
    for event in receipt.events():
        yield from _segment(opened, Stream(back, opening=at == 0), event.gap, digest, chunk)
        at += event.gap + event.length
        skipped = opened.read(event.length)
        digest.update(skipped)
        yield event.original
    yield from _segment(opened, Stream(back, opening=at == 0), None, digest, chunk)


def _segment(
    opened: BinaryIO, stream: Stream, size: int | None, digest: Any, chunk: int
) -> Iterator[bytes]:
    left = size
    while left is None or left > 0:
        data = opened.read(chunk if left is None else min(chunk, left))
        if not data:
            break
        digest.update(data)
        left = None if left is None else left - len(data)
        yield stream.feed(data)
    yield stream.feed(b"", final=True)
