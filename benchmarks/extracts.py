"""What is converted: large extracts of invented residents in several charsets, and mapping files for them.

Everything is drawn from a seed: texts by Zipf's law from the kanji of JIS level 1 and 2, kana, numbers; a record is
put together from pieces chosen at random, so that a file has many more different records than pieces. Half a
percent of all characters are gaiji, all decided, a few of them often and most of them rarely. Kanji that every edition
of JIS draws alike are the thousand most frequent ones; 葛, 辻 and the others that were drawn anew come after them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat
from pathlib import Path
from typing import Any, NamedTuple

from gaiji.charset.charsets import Charset, charset
from gaiji.charset.coding import coding
from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from gaiji.charset.jis import jis_x_0208
from gaiji.charset.mapping import Mapping, Row
from gaiji.charset.shipped import shipped_repertoire

CODE_SET = "252069/juki"
IMAGE = 0xE000
"""The image of the first local code, in every charset here."""
DECIDED = 1_000
GAIJI_SHARE = 0.005
PIECES = 60_000
BLOCK = 100_000  # records written at once, with as many different numbers
AREAS: dict[str, list[dict[str, Any]]] = {
    "jips-e": [{"first": "A341", "last": "A9FE", "trails": [[0x41, 0xFE]], "image": "U+E000"}]
}
"""JIPS(E) has no area by default: what one installation declared."""


class Kind(NamedTuple):
    """A kind of file. name: how tables call it. records: `resident`, `numbers` or `fixed`. mega: MB of it."""

    name: str
    charset: str
    records: str
    mega: int


RESIDENT = Kind("resident CSV", "cp932", "resident", 256)
NUMBERS = Kind("number-heavy CSV", "cp932", "numbers", 256)
FIXED = Kind("fixed records", "cp932", "fixed", 256)
HOSTS = (
    Kind("IBM939 CSV", "ibm939", "resident", 100),
    Kind("UTF-16LE CSV", "utf-16le", "resident", 100),
    Kind("JEF CSV", "jef", "resident", 100),
    Kind("KEIS83 CSV", "keis83", "resident", 100),
    Kind("JIPS(E) CSV", "jips-e", "resident", 100),
)
KINDS = (RESIDENT, NUMBERS, FIXED, *HOSTS)
ASCII = {"resident": 0.47, "numbers": 0.92}
"""Share of bytes that are ASCII, in CP932; numbers are added until it is so. Fixed records have 13 % as they are."""


class Shares(NamedTuple):
    """What a file consists of: ASCII by bytes, gaiji by characters; bytes of a record."""

    ascii: float
    gaiji: float
    record: float


class Pen:
    """Writes texts in a charset, shift codes included; U+E000 and on are local codes."""

    def __init__(self, made: Charset) -> None:
        self.codec = made.encoding
        if self.codec:
            self.end = "\r\n".encode(self.codec)
            return
        coded = coding(made)
        shifts = {mode: code for code, mode in reversed(coded.shifts)}
        self._shift = shifts[0], shifts[1]
        self.end = coded.newline
        self._codes = {text: (1, code) for text, code in coded.modes[1].writing.items()}
        self._codes |= {text: (0, code) for text, code in coded.modes[0].writing.items()}
        for at in range(DECIDED):
            code = made.code_of(IMAGE + at)
            assert code is not None
            self._codes[chr(IMAGE + at)] = 1, code

    def write(self, text: str) -> bytes:
        """Return the bytes of a text that begins and ends in single bytes. KeyError for what there is no code for."""
        if self.codec:
            return text.encode(self.codec)
        parts, mode = [], 0
        for char in text:
            wanted, code = self._codes[char]
            if wanted != mode:
                parts.append(self._shift[wanted])
                mode = wanted
            parts.append(code)
        return b"".join([*parts, self._shift[0]] if mode else parts)


@dataclass
class Texts:
    """Texts for records, the same in every charset. Halves of a record: `lefts` and `rights`."""

    records: str
    seed: int = 1

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed}/{self.records}")
        older = set(jis_x_0208(78).values())  # what every charset here can write
        kanji = {code: text for code, text in jis_x_0208(90).items() if code >= b"\x30"}
        table = {code: text for code, text in kanji.items() if text in older}
        levels = [[t for c, t in table.items() if (c < b"\x50") == first] for first in (1, 0)]
        for level in levels:
            self._rng.shuffle(level)
        kana = [chr(at) for at in range(0x3041, 0x3094)] + [chr(at) for at in range(0x30A1, 0x30F4)]
        self._rng.shuffle(kana)
        changed = shipped_repertoire().edition_pairs
        common = [text for text in levels[0] if text not in changed]
        others = [text for level in levels for text in level if text not in common[:1000]]
        words = [*common[:300], *kana[:40], *common[300:1000], *kana[40:], *others]
        self._words = iter(_drawn(self._rng, words))
        self._gaiji = iter(_drawn(self._rng, [chr(IMAGE + at) for at in range(DECIDED)]))
        self._kana = [chr(at) for at in range(0xFF71, 0xFF9E)]
        self._wide = [chr(at) for at in range(0x30A2, 0x30F0)]
        halves = _HALVES[self.records]
        lefts, rights = ([half(self) for _ in range(PIECES)] for half in halves)
        if self.records in ASCII:
            rights = self._filled(lefts, rights, ASCII[self.records])
        self.lefts, self.rights = self._with_gaiji(lefts, rights)

    def _filled(self, lefts: list[str], rights: list[str], share: float) -> list[str]:
        """Add columns of numbers until so much of the bytes is ASCII."""
        text = "".join(chain(lefts, rights))
        size = len(text.encode("cp932")) / PIECES + _NUMBER + len("\r\n")
        plain = _plain(text) / PIECES + _NUMBER + len("\r\n")
        wanted = (share * size - plain) / (1 - share)
        return [right + self._numbers(wanted) for right in rights]

    def _numbers(self, size: float) -> str:
        """Return columns of numbers of about so many characters: as many columns in every record."""
        columns, rng = max(1, round(size / 7)), self._rng
        widths = [
            max(1, round((size / columns - 1) * rng.uniform(0.4, 1.6))) for _ in range(columns)
        ]
        return "".join(f",{rng.randrange(10 ** (w - 1), 10**w)}" for w in widths)

    def _with_gaiji(self, lefts: list[str], rights: list[str]) -> tuple[list[str], list[str]]:
        """Put gaiji in the place of kanji until they are their share of all characters."""
        text = "".join(chain(lefts, rights))
        kanji = sum("一" <= char <= "龥" for char in text)
        extra = _NUMBER if self.records == "fixed" else _NUMBER + 2
        chance = GAIJI_SHARE * (len(text) + extra * PIECES) / kanji
        rng, gaiji = self._rng, self._gaiji

        def put(text: str) -> str:
            return "".join(
                next(gaiji) if "一" <= char <= "龥" and rng.random() < chance else char
                for char in text
            )

        return [put(text) for text in lefts], [put(text) for text in rights]

    # --- what stands in records

    def word(self, low: int, high: int) -> str:
        return "".join(next(self._words) for _ in range(self._rng.randint(low, high)))

    def name(self) -> str:
        return f"{self.word(1, 3)}\u3000{self.word(1, 3)}"

    def spoken(self, signs: Sequence[str], space: str) -> str:
        sizes = self._rng.choices((2, 3, 4, 5), k=2)
        return space.join("".join(self._rng.choices(signs, k=size)) for size in sizes)

    def day(self) -> str:
        rng = self._rng
        return f"{rng.randint(1925, 2024)}{rng.randint(1, 12):02}{rng.randint(1, 28):02}"

    def digits(self, count: int) -> str:
        return f"{self._rng.randrange(10**count):0{count}}"

    def resident_left(self) -> str:
        kana = self.spoken(self._kana, " ")
        return f"{self.name()},{kana},{self.day()},{self._rng.randint(1, 2)},"

    def resident_right(self) -> str:
        block = "－".join(_wide(self._rng.randint(1, 30)) for _ in range(self._rng.randint(2, 3)))
        postal = f"{self.digits(3)}-{self.digits(4)}"
        return f"{postal},{self.word(2, 4)}市{self.word(3, 7)}{block},{self.name()}"

    def taxed_left(self) -> str:
        return f"{self.name()},"

    def taxed_right(self) -> str:
        return self.day()

    def fixed_left(self) -> str:
        kana = self.spoken(self._wide, "\u3000")
        return f"{self.name():\u3000<8}{kana:\u3000<12}{_wide(int(self.day()))}"

    def fixed_right(self) -> str:
        address = f"{self.word(2, 4)}市{self.word(5, 12)}{_wide(self._rng.randint(1, 999))}"
        return f"{self.digits(5)}{address:\u3000<23}"


_NUMBER = 10
"""Digits of the number that a record begins with; in CSV the last is a comma."""
_HALVES: dict[str, tuple[Callable[[Texts], str], Callable[[Texts], str]]] = {
    "resident": (Texts.resident_left, Texts.resident_right),
    "numbers": (Texts.taxed_left, Texts.taxed_right),
    "fixed": (Texts.fixed_left, Texts.fixed_right),
}


def _drawn(rng: random.Random, words: Sequence[str]) -> Iterator[str]:
    """Yield words for ever, the first ones most often: Zipf's law, a little flatter at its top."""
    weights = [1 / (rank + 5) for rank in range(len(words))]
    while True:
        yield from rng.choices(words, weights, k=BLOCK)


def _wide(number: int) -> str:
    return "".join(chr(0xFF10 + int(digit)) for digit in str(number))


def _plain(text: str) -> int:
    return len(text.encode("ascii", "ignore"))


@dataclass
class Extracts:
    """Files of every kind in a folder, and a mapping file for each charset. factor: of their sizes."""

    folder: Path
    factor: float = 1.0

    def __post_init__(self) -> None:
        self._texts: dict[str, Texts] = {}

    def file(self, kind: Kind) -> Path:
        """Return a file of a kind, made when it is asked for first."""
        path = self.folder / f"{kind.records}-{kind.charset}.txt"
        if not path.exists():
            self._write(path, kind)
        return path

    def texts(self, records: str) -> Texts:
        if records not in self._texts:
            self._texts[records] = Texts(records)
        return self._texts[records]

    def _write(self, path: Path, kind: Kind) -> None:
        pen, texts = Pen(made(kind.charset)), self.texts(kind.records)
        rng = random.Random(f"{texts.seed}/{kind.name}")
        fixed = kind.records == "fixed"
        end = b"" if fixed else pen.end
        ahead = "" if fixed else ","
        highs = [pen.write(f"{at:0{_NUMBER - 5 - len(ahead)}}") for at in range(1_000)]
        lows = [pen.write(f"{at:05}{ahead}") for at in range(BLOCK)]
        lefts = [pen.write(text) for text in texts.lefts]
        rights = [pen.write(text) + end for text in texts.rights]
        average = len(highs[0] + lows[0]) + sum(map(len, chain(lefts, rights))) / PIECES
        left = int(self.factor * kind.mega * 1e6 / average)
        with path.open("wb") as file:
            for high in highs:
                count = min(left, BLOCK)
                chosen = (rng.choices(half, k=count) for half in (lefts, rights))
                rows = zip(repeat(high), lows[:count], *chosen, strict=False)
                file.write(b"".join(chain.from_iterable(rows)))
                left -= count
                if not left:
                    return

    @cached_property
    def shares(self) -> dict[str, Shares]:
        """What the CP932 files are made of, measured in the first of their bytes."""
        return {kind.name: _shares(self.file(kind)) for kind in (RESIDENT, NUMBERS, FIXED)}

    def mapping(self, name: str) -> Path:
        """Return the mapping file of a charset, to Unicode and back."""
        path = self.folder / f"{name}.gmap"
        if not path.exists():
            write_mapping(path, Conversion(decided(name), "unicode"))
        return path


def made(name: str) -> Charset:
    """Return a charset with its areas."""
    return charset(name, areas=AREAS.get(name))


def decided(name: str) -> Mapping:
    """Return a code set in a charset, its first 1,000 local codes decided: seven of ten need a selector."""
    rng = random.Random(f"decided/{DECIDED}")
    repertoire = shipped_repertoire()
    forms = [repertoire.forms[id] for id in sorted(repertoire.forms)]
    selected = [one.id for one in forms if one.ucs is None and one.ivs is not None]
    others = [
        one.id
        for one in forms
        if one.ucs is not None and ord(one.ucs) >= 0x20000 and one.x0213 is None
    ]
    share = DECIDED * 7 // 10
    ids = rng.sample(selected, share) + rng.sample(others, DECIDED - share)
    rng.shuffle(ids)
    written = made(name)
    area = written.areas[0]
    rows = [Row(area.code(at), id, "equivalent") for at, id in enumerate(ids)]
    return Mapping(1, "00" * 32, CODE_SET, written, rows, repertoire)


def _shares(path: Path, size: int = 16_000_000) -> Shares:
    with path.open("rb") as file:
        data = file.read(size)
    text = data.decode("cp932", "replace")
    gaiji = len(text) - len(text.translate(dict.fromkeys(range(IMAGE, IMAGE + DECIDED))))
    records = text.count("\n")
    return Shares(_plain(text) / len(data), gaiji / len(text), len(data) / max(1, records))
