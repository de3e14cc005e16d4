"""The receipt (縮退の控え): what `restore` needs beside the converted file to give back the original bytes.

Layout, all of it in this order; numbers without a sign as LEB128 varints:

    8 bytes   magic  b"GAIJI-R\\x01"  (the last byte is the version)
    varint    length of the header, then that many bytes: zlib-compressed JSON
    varint    number of events
    events    varint bytes of output since the end of the event before
              varint length of the output of this event
              varint length of the original, then the original bytes
    32 bytes  sha256 of everything before

Header: from, to, mappings (code set, release, digest), cutover (server, number, digest of a plan, where one was used),
options, engine, input and output (bytes, sha256), unclosed (true where the source ended without the shift code back).
There is one event for every loss (損失), for a mark (バイト順マーク) that does not come back and for shift codes that
an encoder would not have written, in order; everything between events is read back through the mapping. An original
carries the shift code right before it, and output lengths do not count shift codes around a code.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from gaiji.errors import BadReceipt

MAGIC = b"GAIJI-R\x01"
MAX_HEADER = 1 << 20


class Event(NamedTuple):
    """One loss: bytes of output between it and the one before, its own output length, the original."""

    gap: int
    length: int
    original: bytes


class Noted(NamedTuple):
    """What a recorder took of one part of a file: events, their bytes, where the last one ended, unclosed."""

    events: int
    data: bytes
    end: int
    unclosed: bool


class Recorder:
    """Collects losses while a file is converted."""

    def __init__(self, most_losses: int | None = None) -> None:
        self.most_losses, self.losses = most_losses, 0
        self.count = 0
        self.unclosed = False  # the source ended among two-byte codes, without a shift code
        self._end = 0
        self._events = bytearray()

    def add(self, offset: int, length: int, original: bytes, *, lossy: bool = True) -> None:
        """Note a loss at an offset of the output; offsets only grow. Beyond the losses allowed nothing is kept."""
        self.losses += lossy
        if self.most_losses is not None and self.losses > self.most_losses:
            self._events.clear()
            return
        self.count += 1
        self._events += _varint(offset - self._end) + _varint(length)
        self._events += _varint(len(original)) + original
        self._end = offset + length

    def noted(self) -> Noted:
        """Return what was collected, for `add_noted` of the recorder of a whole file."""
        return Noted(self.count, bytes(self._events), self._end, self.unclosed)

    def add_noted(self, part: Noted, offset: int) -> None:
        """Take over what the recorder of one part collected; offset: where its output begins."""
        self.unclosed = part.unclosed
        if part.events:
            gap, at = _read_varint(part.data, 0)
            self.count += part.events
            self._events += _varint(offset + gap - self._end) + part.data[at:]
            self._end = offset + part.end

    def packed(self, header: dict[str, Any]) -> bytes:
        """Return the receipt's bytes."""
        text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        squeezed = zlib.compress(text.encode(), 9)
        body = MAGIC + _varint(len(squeezed)) + squeezed + _varint(self.count) + self._events
        return body + hashlib.sha256(body).digest()


class Receipt:
    """A receipt that was read: its header, and where its events lie."""

    def __init__(self, header: dict[str, Any], count: int, data: bytes, start: int) -> None:
        self.header, self.count = header, count
        self._data, self._start = data, start

    def events(self) -> Iterator[Event]:
        """Yield the losses in order."""
        at = self._start
        for _ in range(self.count):
            gap, at = _read_varint(self._data, at)
            length, at = _read_varint(self._data, at)
            size, at = _read_varint(self._data, at)
            if at + size > len(self._data):
                raise _damaged()
            yield Event(gap, length, self._data[at : at + size])
            at += size
        if at != len(self._data):
            raise _damaged()


def read_receipt(data: bytes) -> Receipt:
    """Return the receipt in these bytes; BadReceipt when it is none, of another version, or damaged."""
    if not data.startswith(MAGIC[:-1]):
        raise BadReceipt(
            "控えのファイルではありません。変換時に --receipt で作ったファイルを指定してください。",
            "This is no receipt; name the file that --receipt made at conversion.",
        )
    if data[: len(MAGIC)] != MAGIC:
        raise BadReceipt(
            "この控えは新しい版の gaiji で作られたか、壊れています。作った版で復元してください。",
            "This receipt was made by a newer gaiji or is damaged; restore with the edition that made it.",
        )
    body, checksum = data[:-32], data[-32:]
    if hashlib.sha256(body).digest() != checksum:
        raise _damaged()
    try:
        size, at = _read_varint(body, len(MAGIC))
        squeezed = zlib.decompressobj()
        header = json.loads(squeezed.decompress(body[at : at + size], MAX_HEADER))
        count, at = _read_varint(body, at + size)
    except (zlib.error, ValueError):
        raise _damaged() from None
    if not isinstance(header, dict):
        raise _damaged()
    return Receipt(header, count, body, at)


def other_mapping(code_set: str, release: int) -> BadReceipt:
    """Return the error for a mapping that is not the one a receipt recorded."""
    return BadReceipt(
        f"第{release}版の {code_set} の対応表が控えの記録と異なります。同じ台帳か対応表ファイルで復元してください。",
        f"The mapping of {code_set} in release {release} is not the one the receipt recorded; "
        "restore with the same registry or mapping file.",
    )


def check_plan(header: dict[str, Any], cutover: tuple[str, int, str] | None) -> None:
    """Raise BadReceipt where the code points of another cutover plan (移行計画) would be read than were written."""
    told = header.get("cutover")
    if told == (cutover and list(cutover)):
        return
    if told is None:
        raise BadReceipt(
            "控えは移行計画のない変換のものです。計画のない対応表で復元してください。",
            "The receipt is of a conversion without a cutover plan; restore with a mapping that has none.",
        )
    server, number, _ = told
    raise BadReceipt(
        f"控えは {server} の移行計画 {number} で変換したときのものです。その計画の対応表で復元してください。",
        f"The receipt is of a conversion by plan {number} of {server}; restore with a mapping of that plan.",
    )


def _damaged() -> BadReceipt:
    return BadReceipt(
        "控えが壊れています。保存してある控えの写しを使ってください。",
        "The receipt is damaged; use a copy kept elsewhere.",
    )


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise _damaged()
