"""Usage counts (使用頻度): how often each code of the user-defined areas stands in a city's files.

Nothing but counts leaves this module: no record, no text and, of what is well-formed, no place. A code that
is not counted does not appear in these files; nothing here says that it is out of use.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, cast

from gaiji.charset.account import Place
from gaiji.charset.charsets import Charset
from gaiji.charset.coding import coding
from gaiji.charset.files import reading
from gaiji.charset.layout import Layout
from gaiji.charset.usage_records import Reader
from gaiji.errors import MalformedInput, Where

CHUNK = 1 << 20
LONGEST = 4  # bytes of one code or shift code

# One code point, and one that may be private use: what local codes are in a Unicode charset.
_UNICODE: dict[str, tuple[bytes, bytes]] = {
    "utf-8": (
        rb"[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]"
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
class Counted:
    """What was counted: occurrences by code, user-defined areas alone; records; malformed bytes.

    first_malformed: where the first byte stands that belongs to no code, for the person at the terminal.
    """

    codes: Counter[bytes] = field(default_factory=Counter)
    records: int = 0
    malformed: int = 0
    first_malformed: Place | None = None


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
            f"{self.counted.malformed:,} bytes belong to no character, and no counts were kept; check the "
            "file's charset and layout, or use --malformed count.",
            where=Where(self.name, place.record, place.field, place.byte_offset),
        )


class UsageCounter:
    """Counts codes of one charset, whatever the chunks they arrive in."""

    def __init__(self, charset: Charset) -> None:
        self._charset = charset
        self._patterns, self._newline, self._shifts = _patterns(charset)
        self._wide = charset.encoding if charset.is_unicode and charset.name != "utf-8" else None
        self._seen: Counter[bytes] = Counter()
        self._lines = self._done = self._mode = self._bad = 0
        self._first_bad: Place | None = None
        self._held = b""
        self._open = False

    @property
    def counted(self) -> Counted:
        """The totals so far."""
        user = self._charset.is_user_code
        codes = Counter({code: count for code, count in self._seen.items() if user(code)})
        return Counted(codes, self._lines + self._open, self._bad, self._first_bad)

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
        self._lines, self._done, self._mode = record - 1, byte_offset, mode
        known = self._first_bad
        self._count(data, True)
        if known is None and self._first_bad is not None:
            self._first_bad = self._first_bad._replace(field=field)
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
                self._seen[text] += 1
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

    def _malformed(self, at: int) -> None:
        self._bad += 1
        if self._first_bad is None:
            self._first_bad = Place(self._lines + 1, None, self._done + at)


def _patterns(charset: Charset) -> tuple[list[re.Pattern[bytes]], bytes, dict[bytes, int]]:
    """Return how each mode is cut, the newline, and the mode after each shift code.

    A run is any codes that cannot be user-defined, taken at once; what only looks like one is sorted out later.
    """
    if charset.is_unicode:
        encoding = charset.encoding or "utf-8"
        shape, user = _UNICODE[encoding]
        return [_pattern(shape, b"(?:%b)" % user, {})], "\n".encode(encoding), {}
    known = coding(charset)
    leads = {area.code(at)[:1] for area in charset.areas for at in range(0, area.size, area.row)}
    leads |= {area.last[:1] for area in charset.areas}
    user = b"[" + b"".join(map(re.escape, sorted(leads))) + b"]" if leads else b"(?!)"
    shifts = {shift.code: shift.mode for shift in known.shifts}
    single, double = known.modes[0].shape, known.modes[-1].shape
    # two-byte codes between their shifts, none of them user-defined, are part of a run too
    passage = rb"(?:%b)(?:(?!%b)(?:%b))*+(?:%b)" % (_any(shifts, 1), user, double, _any(shifts, 0))
    patterns = [_pattern(single, user, shifts, passage if shifts else b"")]
    patterns += [_pattern(mode.shape, user, shifts) for mode in known.modes[1:]]
    return patterns, known.newline, shifts


def _any(shifts: Mapping[bytes, int], *modes: int) -> bytes:
    codes = sorted((code for code in shifts if shifts[code] in modes), key=len, reverse=True)
    return b"|".join(map(re.escape, codes))


def _pattern(
    shape: bytes, user: bytes, shifts: Mapping[bytes, int], passage: bytes = b""
) -> re.Pattern[bytes]:
    alone = [bytes([byte]) for byte in range(256)]
    plain = [one for one in alone if re.fullmatch(shape, one) and not re.match(user, one)]
    quick = b"[%b]++|" % b"".join(map(re.escape, plain)) if plain else b""
    parts = [
        rb"(?P<run>(?:%b(?!%b)(?:%b)%b)++)" % (quick, user, shape, passage and b"|" + passage),
        rb"(?P<code>%b)" % shape,
        *([rb"(?P<shift>%b)" % _any(shifts, 0, 1)] if shifts else ()),
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
) -> FileCount:
    """Count the codes of one file, `-` for standard input, in one pass and constant memory.

    layout: of its records; only text fields are counted. progress: told the bytes read so far. Raises NotFound
    and BadInput for a file that cannot be read, BadLayout and BadRecord for one of another layout.
    """
    counter = UsageCounter(charset)
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
