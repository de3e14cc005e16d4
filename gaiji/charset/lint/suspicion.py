"""Whether a file is probably in another charset than it is said to be (文字コードの疑い).

Judged from its first bytes and from 64 KiB after the first byte that is not ASCII: what decodes there without
a fault, and what it would show.
"""

from __future__ import annotations

import re

SAMPLE_BYTES = 1 << 16
MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16le", b"\xfe\xff": "utf-16be"}
_NOT_ASCII = re.compile(rb"[^\x01-\x7f]")
_KANA = {
    "eucjp-ms": re.compile(rb"[\xa4\xa5][\xa1-\xf6]"),
    "cp932": re.compile(rb"\x82[\x9f-\xf1]|\x83[\x40-\x96]"),
}
_CODECS = {"eucjp-ms": "euc_jp", "cp932": "cp932"}
ENOUGH = 3


class Sample:
    """The part of a file that suspicion rests on; the same however the file arrives."""

    def __init__(self, charset: str) -> None:
        self._charset = charset
        self._head = b""
        self._kept = b""
        self._read = 0

    def take(self, data: bytes) -> None:
        """Look at the next bytes of the file."""
        if len(self._head) < 4:
            self._head = (self._head + data[:4])[:4]
        if not self._kept:
            found = _NOT_ASCII.search(data)
            if found:
                first = self._read + found.start()
                padding = b"\0" if first % 2 else b""  # pairs of bytes stay pairs
                self._kept = padding + data[found.start() :][:SAMPLE_BYTES]
        elif len(self._kept) < SAMPLE_BYTES:
            self._kept = (self._kept + data)[:SAMPLE_BYTES]
        self._read += len(data)

    def other(self, *, damaged: bool) -> str | None:
        """Return the charset that the file probably is in, None where nothing speaks against the one it has.

        damaged: whether the file holds bytes that are no character in its charset.
        """
        for mark, name in MARKS.items():
            if self._head.startswith(mark):
                return None if name == self._charset else name
        found = self._utf16() or self._utf8(damaged) or self._double(damaged)
        return None if found == self._charset else found

    def _utf16(self) -> str | None:
        """UTF-16 where NUL stands at every second place much more often than at the others."""
        even, odd = self._kept[::2].count(0), self._kept[1::2].count(0)
        most, name = max((odd, "utf-16le"), (even, "utf-16be"))
        clear = most >= ENOUGH and most >= 8 * min(even, odd) and most * 20 >= len(self._kept)
        return name if clear else None

    def _utf8(self, damaged: bool) -> str | None:
        sample = self._kept.removeprefix(b"\0")
        for cut in range(4):
            try:
                text = sample[: len(sample) - cut].decode("utf-8")
            except UnicodeDecodeError:
                continue
            several = sum(one > "\x7f" for one in text)
            return "utf-8" if several >= ENOUGH or (several and damaged) else None
        return None

    def _double(self, damaged: bool) -> str | None:
        """EUC or CP932 where the sample decodes as it and shows kana, among damage or half-width kana."""
        sample = self._kept.removeprefix(b"\0")
        for name, kana in _KANA.items():
            if name == self._charset or not (damaged or self._charset == "cp932"):
                continue
            shown = len(kana.findall(sample))
            codes = len(re.findall(rb"[\x80-\xff]", sample)) // 2
            if shown >= ENOUGH and shown * 5 >= codes and _decodes(sample, _CODECS[name]):
                return name
        return None


def _decodes(sample: bytes, codec: str) -> bool:
    for cut in range(3):
        try:
            sample[: len(sample) - cut].decode(codec)
        except UnicodeDecodeError:
            continue
        return True
    return False
