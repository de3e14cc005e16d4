"""The unit of work of a large conversion (分割変換): a byte range of a file becomes a part file and a record of it.

Parts are cut behind line ends, where both sides are in mode 0 whatever the charset. So part files one after the other
are byte for byte what one run writes, and their records put together are its report and its receipt: numbers of records
shifted by those before, byte offsets by the parts before. Who does a part, and how often, makes no difference: a part
file takes its name when it is whole. A record is plain JSON, small unless there are losses for the receipt.
"""

from __future__ import annotations

import base64
import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from uuid import uuid4

from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.fast import stream_for
from gaiji.charset.files import reading, storage_error
from gaiji.charset.mapfile import Prepared, open_mapping
from gaiji.charset.receipt import Noted, Recorder
from gaiji.charset.resolve import Options, Outcome, Resolver
from gaiji.charset.script import InMode, Script
from gaiji.charset.stream import Seen, Stream
from gaiji.charset.ways import Kind
from gaiji.errors import BadInput, BadMappingFile, GaijiError, Where, problem_types

if TYPE_CHECKING:  # loaded for files with a layout alone
    from gaiji.charset.records.parts import Converter

WINDOW = 1 << 16
"""Bytes in which a line end is looked for at once."""

Write = Callable[[bytes | memoryview], object]


@dataclass(frozen=True)
class Work:
    """What all parts of one conversion share (分割変換の指定).

    source: the file. mapping, digest: path of the mapping file, and its sha256 as it must still be. ends: from, to.
    target: how people are told the output, where a disk is full. receipt: whether losses are kept for one. layout: what
    the records are made of, as JSON; without it a part is text.
    """

    source: str
    mapping: str
    digest: str
    ends: tuple[str, str]
    options: Options
    target: str = ""
    receipt: bool = False
    layout: dict[str, Any] | None = None

    @classmethod
    def of(
        cls,
        source: Path | str,
        target: Path | str,
        mapping: Path | str,
        ends: tuple[str, str],
        options: Options,
        *,
        receipt: bool = False,
        layout: dict[str, Any] | None = None,
    ) -> Work:
        """Return the work on a file by a mapping file. Raises what `open_mapping` does."""
        digest = open_mapping(mapping).digest
        names = os.path.abspath(mapping), digest
        return cls(str(source), *names, ends, options, str(target), receipt, layout)

    def prepared(self) -> Prepared:
        """Return the conversion. Raises BadMappingFile for another mapping file than at first, and for other ends."""
        return _prepared(self.mapping, self.digest, self.ends, self.options)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "options": self.options.as_dict()}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Work:
        """Return the work that `as_dict` told."""
        options = Options.from_dict(told["options"])
        return cls(**{**told, "ends": tuple(told["ends"]), "options": options})


@lru_cache(maxsize=2)
def _prepared(mapping: str, digest: str, ends: tuple[str, str], options: Options) -> Prepared:
    file = open_mapping(mapping)
    if file.digest != digest:
        raise BadMappingFile(
            "変換の途中で対応表ファイルが置き換えられました。置き換えが済んでからやり直してください。",
            "The mapping file was replaced during the conversion; run it again with one that stays.",
            where=Where(mapping),
        )
    return file.prepare(*ends, options)


@dataclass(frozen=True)
class Part:
    """One part (一部分): bytes start … end of the source, and the part file. A dry run writes none."""

    start: int
    end: int
    file: str | None = None


@dataclass
class Done:
    """What became of one part (部分の記録); places count from the part's beginning.

    newlines: records closed in it; records: those and an unclosed last one. seen: events in the order in which they
    were met. noted: what the receipt needs. layout: what `gaiji.charset.records.parts` says of records by a layout.
    """

    part: Part
    written: int
    newlines: int
    records: int
    kinds: dict[str, int]
    losses: int
    first_loss: Place | None
    seen: list[tuple[bytes, Seen]] = field(default_factory=list)
    noted: Noted | None = None
    layout: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        seen = [
            {
                "token": token.hex(),
                "mode": token.mode if isinstance(token, InMode) else None,
                "outcome": one.outcome._replace(out=None)._asdict(),
                "count": one.count,
                "places": one.places,
            }
            for token, one in self.seen
        ]
        noted = None
        if self.noted:
            data = base64.b85encode(self.noted.data).decode()
            noted = self.noted._replace(data=cast(Any, data))._asdict()
        return {**vars(self), "part": asdict(self.part), "seen": seen, "noted": noted}

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> Done:
        """Return the record that `as_dict` told."""
        seen: list[tuple[bytes, Seen]] = []
        for one in told["seen"]:
            token, mode = bytes.fromhex(one["token"]), one["mode"]
            token = token if mode is None else InMode(token, mode)
            places = [Place(*place) for place in one["places"]]
            seen.append((token, Seen(Outcome(**one["outcome"]), one["count"], places)))
        noted = told["noted"] and Noted(
            **{**told["noted"], "data": base64.b85decode(told["noted"]["data"])}
        )
        first = told["first_loss"] and Place(*told["first_loss"])
        part = Part(**told["part"])
        return cls(**{**told, "part": part, "seen": seen, "noted": noted, "first_loss": first})


def convert_part(
    work: Work, part: Part, write: Write | None = None, before: Before | None = None
) -> Done:
    """Convert one part (部分の変換) into its file, which takes its name when it is whole; again is no harm.

    write: takes the bytes instead of a file. before: what the same worker did before, see `Before`. Raises what the
    engine raises, with places from the part's beginning, BadInput when the source became shorter, and StorageFailed.
    """
    with contextlib.ExitStack() as stack:
        if write is None:
            write = stack.enter_context(_writing(part.file, work.target))
        return _converted(work, part, write, before or Before())


@dataclass
class Before:
    """What a worker takes from part to part (引継ぎ), as long as they come in the order of one file.

    Then places of codes that already had their first hundred in a part before are left out of the record, which is
    the same once all records are put together. converter: of a file of records by a layout.
    """

    work: Work | None = None
    start: int = -1
    stream: Stream | None = None
    converter: Converter | None = None


def _converted(work: Work, part: Part, write: Write, before: Before) -> Done:
    resolver = work.prepared().resolver
    recorder = Recorder() if work.receipt else None
    known = before.work == work
    stream = stream_for(
        resolver,
        file=work.source,
        counting=work.options.dry_run,
        recorder=recorder,
        opening=part.start == 0,
        after=before.stream if known and before.start < part.start else None,
    )
    converter = before.converter if known else None
    before.work = before.stream = None  # a part that fails leaves nothing to go on with
    with reading(work.source) as opened:
        opened.seek(part.start)
        span = _Span(opened, part.end - part.start, work.source)
        if work.layout is None:
            for data in span.pieces(stream.chunk_bytes):
                for out in stream.parts(data, final=not span.left):
                    write(out)
            told = None
        else:
            converter = converter or _converter(work, resolver)
            records = converter.convert(
                cast(BinaryIO, span), write, stream, opening=part.start == 0
            )
            told = records.as_dict()
    before.work, before.start, before.converter = work, part.start, converter
    before.stream = stream if told is None else None
    newlines = stream.newlines if told is None else records.count
    return Done(
        part=part,
        written=stream.output_bytes,
        newlines=newlines,
        records=stream.records if told is None else newlines,
        kinds=dict(stream.kinds),
        losses=stream.losses,
        first_loss=stream.first_loss,
        seen=[(token, seen) for (token, *_), seen in stream.seen.items()],
        noted=recorder.noted() if recorder else None,
        layout=told,
    )


def _converter(work: Work, resolver: Resolver) -> Converter:
    from gaiji.charset.records.parts import Converter

    assert work.layout is not None
    return Converter.of(work.source, work.layout, resolver, work.prepared().facts.target)


class _Span:
    """The bytes of one part, read as a file of their own (部分の読込み). left: bytes not read yet."""

    def __init__(self, opened: BinaryIO, left: int, source: str) -> None:
        self._opened, self.left, self.name = opened, left, source

    def read(self, size: int) -> bytes:
        """Return the next bytes, none at the end. Raises BadInput when the source became shorter."""
        data = self._opened.read(min(size, self.left))
        if self.left and not data:
            raise changed(self.name)
        self.left -= len(data)
        return data

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield the bytes, at least once."""
        yield self.read(size)
        while self.left:
            yield self.read(size)


@contextlib.contextmanager
def _writing(file: str | None, told: str) -> Iterator[Write]:
    """Give what writes the part file, which takes its name when the block ends well."""
    if file is None:
        yield lambda _: None
        return
    temporary = f"{file}.{uuid4().hex}"
    try:
        with open(temporary, "wb", buffering=0) as opened:

            def write(data: bytes | memoryview) -> None:
                rest = memoryview(data)
                while rest:
                    rest = rest[opened.write(rest) :]

            yield write
        os.replace(temporary, file)
    except OSError as error:
        raise storage_error(error, told or file) from error
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def changed(source: str) -> BadInput:
    """Return the error for a source that changed while it was read."""
    return BadInput(
        "変換の途中で入力ファイルが変更されました。書き込みが終わってからやり直してください。",
        "The input changed during the conversion; run it again when nothing writes to it.",
        where=Where(source),
    )


# --- where to cut


def cuts(path: Path | str, script: Script, part_bytes: int) -> list[tuple[int, int]]:
    """Return byte ranges of a file (分割位置), each about so long, that end behind line ends of a script.

    An empty file is one empty range; a line longer than a part is not cut. Raises NotFound, BadInput.
    """
    found = [0]
    with reading(path) as opened:
        size = os.fstat(opened.fileno()).st_size
        while (start := found[-1] + part_bytes) < size:
            place = _line_end(opened, script.newline, start, size)
            if place is None:
                break
            found.append(place)
    return list(zip(found, [*found[1:], size], strict=True))


def _line_end(opened: BinaryIO, newline: bytes, start: int, size: int) -> int | None:
    """Return the first place from `start` on behind a line end, or None when there is none before the file's end."""
    unit = len(newline)
    at = max(-(-start // unit) - 1, 0) * unit
    opened.seek(at)
    while at + unit < size:
        data = opened.read(WINDOW)
        if not data:
            return None
        spot = data.find(newline)
        while spot >= 0 and spot % unit:
            spot = data.find(newline, spot + 1)
        if spot >= 0:
            return at + spot + unit if at + spot + unit < size else None
        at += len(data)
    return None


# --- parts put together


class Whole(Stream):
    """The totals of a file whose parts were converted elsewhere, in order (集計); see `Stream`."""

    def add(self, done: Done) -> None:
        """Add the next part. Raises ValueError for one that does not begin where the one before ended."""
        start, end = done.part.start, done.part.end
        if start != self.input_bytes:
            raise ValueError(f"the part from byte {start} does not follow byte {self.input_bytes}")
        for token, seen in done.seen:
            key = token, seen.outcome.kind, seen.outcome.lossy
            total = self.seen.setdefault(key, Seen(seen.outcome))
            total.count += seen.count
            room = MAX_PLACES - len(total.places)
            total.places += [self.moved(place) for place in seen.places[:room]]
        if done.first_loss and not self.first_loss:
            self.first_loss = self.moved(done.first_loss)
        if self.recorder and done.noted:
            self.recorder.add_noted(done.noted, self.output_bytes)
        for kind, count in done.kinds.items():
            self.kinds[cast(Kind, kind)] += count
        self.losses += done.losses
        if done.records > done.newlines:
            self._last = b""
        self.newlines += done.newlines
        self.input_bytes = end
        self.output_bytes += done.written

    def moved(self, place: Place) -> Place:
        """Return the place in the file of a place in the next part."""
        record, offset = place.record + self.newlines, place.byte_offset + self.input_bytes
        return Place(record, place.field, offset)

    def moved_error(self, error: GaijiError) -> GaijiError:
        """Return an error of the next part with its place in the file, which is called as the caller does."""
        where = error.where
        if where and where.record is not None and where.byte_offset is not None:
            moved = self.moved(Place(where.record, where.field, where.byte_offset))
            record, offset = moved.record, moved.byte_offset
            where = error.where = where._replace(record=record, byte_offset=offset)
        if where and self.file and where.file == os.path.abspath(self.file):
            error.where = where._replace(file=self.file)
        return error


# --- as text, for processes elsewhere


def do_unit(
    work: dict[str, Any],
    part: dict[str, Any],
    write: Write | None = None,
    before: Before | None = None,
) -> dict[str, Any]:
    """Do one part told as JSON, and return its record or, under `error`, what went wrong (部分の実行)."""
    try:
        return convert_part(Work.from_dict(work), Part(**part), write, before).as_dict()
    except GaijiError as error:
        return told_error(error)


def told_error(error: GaijiError) -> dict[str, Any]:
    """Return an error as `undone` reads it."""
    where = error.where.as_dict() if error.where else None
    return {
        "error": {
            "code": error.code(),
            "text": error.text,
            "extra": error.extra,
            "where": where,
        }
    }


def undone(told: dict[str, Any]) -> Done | GaijiError:
    """Return what `do_unit` told: the record of a part, or the error that stopped it."""
    if "error" not in told:
        return Done.from_dict(told)
    error = told["error"]
    made = problem_types()[error["code"]]
    where = Where(**error["where"]) if error["where"] else None
    return made(*error["text"], where=where, **error["extra"])
