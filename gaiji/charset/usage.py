"""Usage counts (使用頻度): how often each code of the user-defined areas stands in a city's files.

Nothing but counts leaves this module: no record, no text and no place, but of bytes and codes that are no character. A
code that is not counted does not appear in these files; nothing here says that it is out of use.

A well-formed code outside the user-defined areas to which no table gives a character is unassigned (未割当): a vendor's
extension that the code set has no table of, a user-defined area that nobody declared, or another charset.

Codes that somebody watches (注目する外字), of the standard area too, are also counted by record, in classes of the
watcher's own: how many records a move to another machine would change.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.charsets import Charset
from gaiji.charset.coding import coding
from gaiji.charset.files import reading
from gaiji.charset.records.counting import Reader
from gaiji.charset.records.layout import Layout
from gaiji.errors import MalformedInput, Where

CHUNK = 1 << 20
LONGEST = 4  # bytes of one code or shift code
MOST_PLACES = 10_000  # of unassigned codes together, so that a file of anything else stays small
ANY = "any"
"""The class of every record in which a watched code stands."""

Watch = Mapping[bytes, Collection[str]]
"""The codes to watch, each with its classes."""

# One code point, and one that may be private use: what local codes are in a Unicode charset.
_UNICODE: dict[str, tuple[bytes, bytes]] = {
    "utf-8": (
        rb"[\x00-\x7f]++|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
        rb"|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}"
        rb"|\xf4[\x80-\x8f][\x80-\xbf]{2}",
        rb"\xee|\xef[\x80-\xa3]|\xf3[\xb0-\xbf]|\xf4",
    ),
    "utf-16-le": (
        rb"[\x00-\xff][\x00-\xd7\xe0-\xff]|[\x00-\xff][\xd8-\xdb][\x00-\xff][\xdc-\xdf]",
        rb"[\x00-\xff][\xe0-\xf8]|[\x80-\xff]\xdb",
    ),
    "utf-16-be": (
        rb"[\x00-\xd7\xe0-\xff][\x00-\xff]|[\xd8-\xdb][\x00-\xff][\xdc-\xdf][\x00-\xff]",
        rb"[\xe0-\xf8]|\xdb[\x80-\xff]",
    ),
}


@dataclass
class Unassigned:
    """Occurrences of a code without a character (未割当), and the first 100 places, for the person at the terminal."""

    count: int = 0
    places: list[Place] = field(default_factory=list)


@dataclass
class Occurred:
    """Where a watched code stands (出現): occurrences, records, and the first 100 places."""

    count: int = 0
    records: int = 0
    places: list[Place] = field(default_factory=list)
    last: int = field(default=0, repr=False)  # record in which it stood last


@dataclass
class Watched:
    """What was seen of watched codes: by code, and the records by class; in those of `ANY` stands any of them."""

    codes: dict[bytes, Occurred] = field(default_factory=dict)
    records: Counter[str] = field(default_factory=Counter)


@dataclass
class Counted:
    """What was counted: occurrences by code, user-defined areas alone; records; malformed bytes; unassigned codes.

    first_malformed: where the first byte stands that belongs to no code, for the person at the terminal. watched:
    what was seen of the codes that were asked for.
    """

    codes: Counter[bytes] = field(default_factory=Counter)
    records: int = 0
    malformed: int = 0
    first_malformed: Place | None = None
    unassigned: dict[bytes, Unassigned] = field(default_factory=dict)
    watched: Watched = field(default_factory=Watched)


@dataclass(frozen=True)
class FileCount:
    """One file's counts (ファイルの使用頻度) with its sha256 and size; the name is for messages alone.

    layout: sha256 of the record layout the file was read by, None for plain text.
    """

    name: str
    sha256: str
    size: int
    counted: Counted
    layout: str | None = None

    def check(self) -> None:
        """Raise MalformedInput when bytes belong to no code: then the counts are of another charset."""
        place = self.counted.first_malformed
        if place is None:
            return
        raise MalformedInput(
            f"文字でないバイトが {self.counted.malformed:,} 個あるため、数を登録しませんでした。ファイルの文字コードと"
            "レコード様式を確かめるか、--malformed count を使ってください。",
            f"Bytes that belong to no character: {self.counted.malformed:,}; no counts were kept; check the file's "
            "charset and layout, or use --malformed count.",
            where=Where(self.name, place.record, place.field, place.byte_offset),
        )


class UsageCounter:
    """Counts codes of one charset, whatever the chunks they arrive in."""

    def __init__(self, charset: Charset, watch: Watch | None = None) -> None:
        self._charset, self._watch = charset, watch or {}
        self._patterns, self._newline, self._shifts = _patterns(charset, frozenset(self._watch))
        self._wide = charset.encoding if charset.is_unicode and charset.name != "utf-8" else None
        self._seen: Counter[bytes] = Counter()
        self._unassigned: dict[bytes, Unassigned] = {}
        self._watched, self._last = Watched(), dict[str, int]()
        self._standard = _standard(charset, self._watch)
        self._lines = self._done = self._mode = self._bad = self._placed = 0
        self._first_bad: Place | None = None
        self._field: str | None = None
        self._held = b""
        self._open = False

    @property
    def counted(self) -> Counted:
        """The totals so far."""
        seen, records = Counter(self._seen), self._lines + self._open
        known = dict(self._unassigned)
        return Counted(seen, records, self._bad, self._first_bad, known, self._watched)

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Count more bytes; with `final` those at the end too that no code is left to come for."""
        data = self._held + data
        self._held = data[self._count(data, final) :]
        self._done += len(data) - len(self._held)

    def piece(
        self,
        data: bytes,
        *,
        record: int,
        field: str | None = None,
        byte_offset: int = 0,
        mode: int = 0,
    ) -> None:
        """Count a piece that stands alone (項目), at its place in the file.

        mode: the one it begins in, 1 for a field of two-byte codes without shift codes.
        """
        self._lines, self._done, self._mode, self._field = record - 1, byte_offset, mode, field
        self._count(data, True)
        self._lines, self._open = record, False

    def _count(self, data: bytes, final: bool) -> int:
        """Count the codes of the data and return how far they are certain."""
        at = 0
        while at < len(data):
            found = self._patterns[self._mode].match(data, at)
            assert found is not None  # the last alternative takes any byte
            kind, text = found.lastgroup, found[0]
            if kind == "other" and not final and len(data) - at < LONGEST:
                return at
            if kind == "run":
                self._lines += self._newlines(text)
            elif kind == "code":
                self._code(text, at)
            elif kind == "shift":
                self._mode = self._shifts[text]
            elif text == self._newline:  # among two-byte codes: the record's end, and its mode's
                self._lines += 1
                self._mode = 0
            else:
                self._malformed(at)
            self._open = not text.endswith(self._newline)
            at = found.end()
        return at

    def _newlines(self, run: bytes) -> int:
        if self._wide:
            return run.decode(self._wide).count("\n")
        return run.count(self._newline) if self._mode == 0 else 0

    def _code(self, code: bytes, at: int) -> None:
        if (classes := self._watch.get(code)) is not None:
            self._note(code, classes, at)
        if code in self._seen or self._charset.is_user_code(code):
            self._seen[code] += 1
        elif not self._charset.is_unicode and code not in self._standard:
            one = self._unassigned.setdefault(code, Unassigned())
            one.count += 1
            if one.count <= MAX_PLACES and self._placed < MOST_PLACES:
                self._placed += 1
                one.places.append(self._place(at))

    def _note(self, code: bytes, classes: Collection[str], at: int) -> None:
        """Count a watched code; records come in order, so the last one of each class tells whether it is a new one."""
        one, record = self._watched.codes.setdefault(code, Occurred()), self._lines + 1
        one.count += 1
        if one.last != record:
            one.last, one.records = record, one.records + 1
            for name in (ANY, *classes):
                if self._last.get(name) != record:
                    self._last[name] = record
                    self._watched.records[name] += 1
        if one.count <= MAX_PLACES:
            one.places.append(self._place(at))

    def _malformed(self, at: int) -> None:
        self._bad += 1
        if self._first_bad is None:
            self._first_bad = self._place(at)

    def _place(self, at: int) -> Place:
        return Place(self._lines + 1, self._field, self._done + at)


def _standard(charset: Charset, watch: Watch) -> frozenset[bytes]:
    """Return the watched codes that are characters of the standard area."""
    if charset.is_unicode or not watch:
        return frozenset()
    return frozenset(
        code for mode in coding(charset).modes for code in mode.reading if code in watch
    )


def _patterns(
    charset: Charset, watched: frozenset[bytes]
) -> tuple[list[re.Pattern[bytes]], bytes, dict[bytes, int]]:
    """Return how each mode is cut, the newline, and the mode after each shift code.

    A run is any codes that are characters of the standard area, taken at once; the others and those that are watched
    are looked at one by one. In Unicode it is any that cannot be private use.
    """
    if charset.is_unicode:
        encoding = charset.encoding or "utf-8"
        shape, user = _UNICODE[encoding]
        if watched:
            user = b"%b|%b" % (user, _any_of(watched))
            if any(code < b"\x80" for code in watched) and encoding == "utf-8":
                shape = shape.replace(b"]++|", b"]|", 1)  # ASCII one by one too
        return [_pattern(shape, b"(?!%b)(?:%b)" % (user, shape), {})], "\n".encode(encoding), {}
    known = coding(charset)
    shifts = {shift.code: shift.mode for shift in known.shifts}
    runs = []
    for mode in known.modes:
        whole = re.compile(mode.shape, re.DOTALL).fullmatch
        runs.append(
            _any_of((code for code in mode.reading if whole(code) and code not in watched), b"++")
        )
    if shifts:  # two-byte characters between their shifts are part of a run too
        first, last = _shift(shifts, 1), _shift(shifts, 0)
        runs[0] += rb"|(?:%b)(?:%b)*+(?:%b)" % (first, runs[-1], last)
    patterns = [
        _pattern(mode.shape, run, shifts) for mode, run in zip(known.modes, runs, strict=True)
    ]
    return patterns, known.newline, shifts


def _any_of(codes: Iterable[bytes], times: bytes = b"") -> bytes:
    """Return the pattern of any of some codes, none of which begins another; first bytes of the widest rows first.

    times: how many one-byte codes are taken at once.
    """
    rows: defaultdict[int, set[bytes]] = defaultdict(set)
    for code in codes:
        rows[code[0]].add(code[1:])
    kinds: defaultdict[frozenset[bytes], list[int]] = defaultdict(list)
    for lead, rests in rows.items():
        kinds[frozenset(rests)].append(lead)
    widest = sorted(kinds.items(), key=lambda kind: -len(kind[0]) * len(kind[1]))
    alone = [lead for rests, leads in widest if b"" in rests for lead in leads]
    parts = [b"[%b]%b" % (_bytes(alone), times)] if alone else []
    parts += [
        b"[%b](?:%b)" % (_bytes(leads), _any_of(rests))
        for rests, leads in widest
        if b"" not in rests
    ]
    return b"|".join(parts) or b"(?!)"


def _bytes(values: Iterable[int]) -> bytes:
    return b"".join(re.escape(bytes([value])) for value in sorted(values))


def _shift(shifts: Mapping[bytes, int], *modes: int) -> bytes:
    codes = sorted((code for code in shifts if shifts[code] in modes), key=len, reverse=True)
    return b"|".join(map(re.escape, codes))


def _pattern(shape: bytes, run: bytes, shifts: Mapping[bytes, int]) -> re.Pattern[bytes]:
    parts = [
        rb"(?P<run>(?:%b)++)" % run,
        rb"(?P<code>%b)" % shape,
        *([rb"(?P<shift>%b)" % _shift(shifts, 0, 1)] if shifts else ()),
        rb"(?P<other>.)",
    ]
    return re.compile(b"|".join(parts), re.DOTALL)


def count_codes(chunks: Iterable[bytes], charset: Charset) -> Counted:
    """Count how often each code of a charset's user-defined areas stands in a file (使用頻度の集計).

    The chunks may be cut anywhere. Bytes that belong to no code are counted apart and never end the count.
    """
    counter = UsageCounter(charset)
    for chunk in chunks:
        counter.feed(chunk)
    counter.feed(b"", final=True)
    return counter.counted


def count_file(
    path: Path | str,
    charset: Charset,
    layout: Layout | None = None,
    *,
    progress: Callable[[int], object] | None = None,
    watch: Watch | None = None,
) -> FileCount:
    """Count the codes of one file, `-` for standard input, in one pass and constant memory.

    layout: of its records; only text fields are counted. progress: told the bytes read so far. watch: codes whose
    records are counted too, by the classes they are given. Raises NotFound
    and BadInput for a file that cannot be read, BadLayout and BadRecord for one of another layout.
    """
    counter = UsageCounter(charset, watch)
    with reading(path) as opened:
        file = _Tap(opened, progress)
        if layout is None or layout.kind in ("line", "raw"):
            while chunk := file.read(CHUNK):
                counter.feed(chunk)
            counter.feed(b"", final=True)
            counted = counter.counted
        else:
            records = Reader(cast(BinaryIO, file), layout, charset, str(path))
            for data, record, field_name, byte_offset, mode in records.pieces():
                counter.piece(
                    data, record=record, field=field_name, byte_offset=byte_offset, mode=mode
                )
            counted = counter.counted
            counted.records = records.records
    digest = layout.digest if layout else None
    return FileCount(str(path), file.digest.hexdigest(), file.size, counted, digest)


class _Tap:
    """A file read once by whoever counts, its sha256 and size noted on the way."""

    def __init__(self, opened: BinaryIO, progress: Callable[[int], object] | None) -> None:
        self._opened, self._progress = opened, progress
        self.digest, self.size = sha256(), 0

    def read(self, size: int) -> bytes:
        data = self._opened.read(size)
        self.digest.update(data)
        self.size += len(data)
        if self._progress:
            self._progress(self.size)
        return data
