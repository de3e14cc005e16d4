"""The mapping file (対応表ファイル, `.gmap`): one mapping both ways, ready to convert with, no database and no server.

All numbers are little-endian. Layout:

    8 bytes   magic b"GAIJI-M\\x01" (the last byte is the version)
    32 bytes  sha256 of everything after it
    8 bytes   length of the file
    8 bytes   length of the header, then the header: JSON, which names every section with its place
    sections  each at a multiple of 64 bytes after the header

A way (to the target, and back) has the sections `keys` (u64: the token's bytes, big-endian, left-aligned; sorted),
`rows` (`ROW`: what the token becomes), `outs` (bytes) and `words` (u16 length and UTF-8 each). What is not among the
keys becomes what the header's `absent` says: malformed, unmapped, or the same text. Sections `entries` and `sides`
hold the kernel's table where the way has one. The file is mapped into memory and read where it stands.
"""

from __future__ import annotations

import hashlib
import json
import struct
from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from gaiji.charset.account import Facts
from gaiji.charset.areas import UserArea
from gaiji.charset.files import reason
from gaiji.charset.receipt import check_plan, other_mapping
from gaiji.charset.resolve import Options, Resolver, check_policies, day_in_japan, day_of
from gaiji.charset.script import InMode, Script
from gaiji.charset.ways import MALFORMED, End, Kind, Step, is_private, is_selector
from gaiji.errors import BadInput, BadMappingFile, NotFound, Text, Where

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

MAGIC = b"GAIJI-M\x01"
PREFIX = struct.Struct("<8s32sQQ")
ALIGNED = 64
ROW = struct.Struct("<IBBBBIIII")
"""out: offset, length; kind (`NO_KIND`: unmapped); key length; kept: length; character, text, ground: words from 1, 0
for none; kept: offset."""
KINDS: tuple[Kind, ...] = get_args(Kind)
NO_KIND = 255
NO_ROW = 0xFFFFFFFF
KEY_SIZE = 6  # where the key's length stands in a row
RETURNS = 0x80
"""Set beside the key's length: what is written is surely read back as the key."""
MAX_KEY = 8


class Absent(NamedTuple):
    """What a token becomes that no row names (既定の変換).

    rule: malformed, unmapped or same (its text in the target's codec). keep: what the policy `keep` writes: text
    (text or image, none in plane 15), image (an image, none in plane 15), unit (an image as 16 bits), any, or none.
    told: whether a report gives its text.
    """

    rule: str
    keep: str = "none"
    told: bool = True

    def step(self, source: Script, target: Script, token: bytes) -> Step:
        """Return what a token becomes."""
        text = source.decode(token) if source.codec is not None else None
        if text is None or self.rule == "malformed":
            return MALFORMED
        private = is_private(text)
        if self.rule == "same" and not private and not is_selector(text):
            return Step(text.encode(target.codec or ""), "plain")
        told = None if private or not self.told else text
        kept = self._kept(target, text, private)
        return Step(None, None, None, told, problem="unmapped", kept=kept)

    def _kept(self, target: Script, text: str, private: bool) -> bytes | None:
        if not private and not self.told:
            return None  # text that is none of the source's
        in_plane_15 = private and 0xF0000 <= ord(text) < 0x100000
        match self.keep:
            case "any":
                return text.encode(target.codec or "")
            case "text":
                return None if in_plane_15 else text.encode("utf-8")
            case "image":
                return text.encode("utf-8") if private and not in_plane_15 else None
            case "unit":
                return ord(text).to_bytes(2) if private and ord(text) <= 0xFFFF else None
        return None


class Prepared(NamedTuple):
    """A conversion by a mapping file: options, facts, the resolver, and the file with its kernel tables."""

    options: Options
    facts: Facts
    resolver: Resolver
    file: MappingFile


class FileWay:
    """One direction of a mapping file (経路)."""

    def __init__(self, file: MappingFile, name: str, source: End, target: End) -> None:
        self.file, self.name, self.source, self.target = file, name, source, target
        self.described: dict[str, Any] = file.header["ways"][name]
        self.absent = Absent(**self.described["absent"])
        self.keys = file.section(f"{name}.keys").cast("Q")
        self._rows = file.section(f"{name}.rows")
        self._outs = file.section(f"{name}.outs")
        self._words = file.section(f"{name}.words")
        self._back: FileWay | None = None

    @property
    def back(self) -> FileWay:
        """The other direction."""
        if self._back is None:
            other = "back" if self.name == "there" else "there"
            self._back = FileWay(self.file, other, self.target, self.source)
            self._back._back = self
        return self._back

    def step(self, token: bytes) -> Step:
        """Return what a token of the source becomes at the target."""
        if isinstance(token, InMode):
            return MALFORMED
        key = token
        if self.source.template is not None and (name := self.source.name_in(token)):
            key = name.encode()
        found = self._row(key)
        if found is not None:
            return found
        if key is not token or self.source.is_unfinished(token):
            return MALFORMED if key is token else Step(None, None, problem="unmapped")
        return self.absent.step(self.source.script, self.target.script, token)

    def _row(self, key: bytes) -> Step | None:
        at = self.place(key)
        return None if at is None else self.row(at)

    def place(self, key: bytes) -> int | None:
        """Return the place of a key, or None."""
        if len(key) > MAX_KEY:
            return None
        number = int.from_bytes(key.ljust(MAX_KEY, b"\0"))
        at = bisect_left(self.keys, number)
        found = at < len(self.keys) and self.keys[at] == number and self.key_size(at) == len(key)
        return at if found else None

    def key_size(self, at: int) -> int:
        """Return how many bytes the key at a place has."""
        return self._rows[at * ROW.size + KEY_SIZE] & 0x7F

    def key(self, at: int) -> bytes:
        """Return the key at a place: the token, where it is no name."""
        return self.keys[at].to_bytes(MAX_KEY)[: self.key_size(at)]

    def row_kind(self, at: int) -> Kind | None:
        """Return the kind of the row at a place, None for an unmapped code."""
        kind = self._rows[at * ROW.size + 5]
        return None if kind == NO_KIND else KINDS[kind]

    def row_returns(self, at: int) -> bool:
        """Whether what the row at a place writes is surely read back as its token."""
        return bool(self._rows[at * ROW.size + KEY_SIZE] & RETURNS)

    def returns(self, token: bytes) -> bool:
        """Whether what a token becomes is surely read back as it was."""
        at = self.place(token)
        return at is not None and self.row_returns(at)

    def row(self, at: int) -> Step:
        """Return the row of the key at a place."""
        out, length, kind, _key, kept_length, *words, kept = ROW.unpack_from(
            self._rows, at * ROW.size
        )
        known = kind == NO_KIND or kind < len(KINDS)
        if not known or max(out + length, kept + kept_length) > len(self._outs):
            raise self.file.damaged(f"row {at} of {self.name}")
        character, text, ground = map(self._word, words)
        if kind == NO_KIND:
            kept_out = bytes(self._outs[kept : kept + kept_length]) if kept_length else None
            return Step(None, None, character, text, ground, "unmapped", kept_out)
        return Step(bytes(self._outs[out : out + length]), KINDS[kind], character, text, ground)

    def _word(self, reference: int) -> str | None:
        if not reference:
            return None
        start = reference + 1  # a reference is one more than the place of the length, two bytes
        size = int.from_bytes(self._words[reference - 1 : start], "little")
        if start + size > len(self._words):
            raise self.file.damaged(f"word {reference} of {self.name}")
        return str(self._words[start : start + size], "utf-8")


class MappingFile:
    """A mapping file that was opened and checked (対応表ファイル). Immutable; many conversions may use it at once."""

    def __init__(self, data: memoryview, header: dict[str, Any], start: int, where: Where) -> None:
        self.data, self.header, self.where = data, header, where
        self.path = where.file  # None in memory
        self._start = start
        one, two = map(_end, header["ends"])
        self.there = FileWay(self, "there", one, two)

    def section(self, name: str) -> memoryview:
        """Return a section's bytes, where they stand."""
        offset, size = self.header["sections"][name]
        at = self._start + offset
        return self.data[at : at + size]

    def has(self, name: str) -> bool:
        """Whether there is a section."""
        return name in self.header["sections"]

    def damaged(self, what: str) -> BadMappingFile:
        """Return the error for a part that contradicts the others."""
        return self._refused(
            f"対応表ファイルの {what} に誤りがあります。もう一度作ってください。",
            f"The mapping file contradicts itself in {what}; export it again.",
        )

    @property
    def digest(self) -> str:
        """The sha256 that stands in the file, of everything after it."""
        return bytes(self.data[8:40]).hex()

    @property
    def facts(self) -> Facts:
        """Which mapping it is, to the target."""
        told = self.header["facts"]
        lists = {name: tuple(told[name]) for name in ("cutover", "kept") if told.get(name)}
        return Facts(**{**told, **lists})

    @property
    def as_of(self) -> date | None:
        """The day whose meanings it holds, or None for those still open."""
        return day_of(self.header["baked"]["as_of"])

    def names(self) -> tuple[str, str]:
        """Return the names of its two ends."""
        return self.facts.source, self.facts.target

    def prepare(self, source: str, target: str, options: Options) -> Prepared:
        """Return a conversion between its two ends, either way.

        Raises BadMappingFile when the file is for other ends, was made with other options of those that are fixed
        in it (ivs, mj_format, as_of), or holds meanings that are not today's and no day is told.
        """
        check_policies(source, target, options, is_shared=self.facts.cutover is not None)
        if options.as_of is None:
            self._check_today()
        if self.facts.cutover is not None and options.as_of is None:
            options = options._replace(as_of=self.as_of)  # the plan's day
        ends = self.names()
        if (source, target) not in (ends, ends[::-1]):
            raise self._refused(
                f"この対応表ファイルは {ends[0]} と {ends[1]} の変換用です。--from と --to を合わせるか、別のファイルを"
                "指定してください。",
                f"This mapping file converts between {ends[0]} and {ends[1]}; name these with --from and --to, or "
                "another file.",
            )
        asked = {name: options.as_dict()[name] for name in self.header["baked"]}
        for name, value in self.header["baked"].items():
            if asked[name] != value:
                one, two = (_shown(name, said) for said in (value, asked[name]))
                raise self._refused(
                    f"この対応表ファイルは {one.ja}で作られています。変換にも同じ指定をするか、{two.ja}で書き出した"
                    "ファイルを指定してください。",
                    f"This mapping file was made {one.en}; convert with the same, or name a file exported {two.en}.",
                )
        forward = (source, target) == ends
        way = self.there if forward else self.there.back
        facts = self.facts if forward else self.facts.reversed()
        return Prepared(options, facts, Resolver(way, options), self)

    def _check_today(self) -> None:
        """Raise BadMappingFile where a code means something else today; a file that tells no days is taken."""
        facts, today = self.facts, day_in_japan()
        first, last = facts.kept or (None, None)
        if (first or today) <= today <= (last or today):
            return
        ja = (f"{first} から" if first else "") + (f"{last} まで" if last else "")
        en = " ".join([*([f"from {first}"] if first else ()), *([f"until {last}"] if last else ())])
        if facts.cutover is None:
            raise self._refused(
                f"この対応表ファイルの外字の意味は {ja}のもので、今日は {today} です。ファイルを書いた日を --as-of で"
                "指定し、その日の対応表ファイルを使ってください。",
                f"What codes mean in this mapping file holds {en}, and today is {today}; tell the day the file was "
                "written with --as-of, and name a mapping file exported for that day.",
            )
        name, day = f"{facts.cutover[0]}/{facts.cutover[1]}", self.as_of
        raise self._refused(
            f"この対応表ファイル(移行計画 {name})の外字の意味は {ja}のもので、今日は {today} です。その間のファイル"
            f"なら --as-of {day} を付け、そうでなければ計画し直して作った対応表ファイルを指定してください。",
            f"What codes mean in this mapping file of cutover plan {name} held {en}, and today is {today}; for a file "
            f"written in that time add --as-of {day}, else name a mapping file of a plan made again.",
        )

    def _refused(self, ja: str, en: str) -> BadMappingFile:
        return BadMappingFile(ja, en, where=self.where)


def _shown(name: str, value: str | None) -> Text:
    """Say an option as it was given, or that it was not."""
    option = "--" + name.replace("_", "-")
    if value is None:
        return Text(f"{option} の指定なし", f"without {option}")
    told = value if value.strip() == value != "" else f"'{value}'"
    return Text(f"{option} {told} の指定", f"with {option} {told}")


def prepare_from(file: MappingFile) -> Callable[[dict[str, Any]], Prepared]:
    """Return how a receipt's conversion is prepared from a mapping file; BadReceipt when it is of another mapping."""

    def prepare(header: dict[str, Any]) -> Prepared:
        check_plan(header, file.facts.cutover)
        prepared = file.prepare(header["from"], header["to"], Options.from_dict(header["options"]))
        for code_set, known in header["mappings"].items():
            if prepared.facts.mappings().get(code_set) != known:
                raise other_mapping(code_set, known[0])
        return prepared

    return prepare


def open_mapping(path: Path | str) -> MappingFile:
    """Map a mapping file into memory and check it (対応表ファイルを開く): magic, version, length, sha256.

    Raises NotFound, BadInput (not readable), or BadMappingFile for a file that is none, was cut, or changed.
    """
    where = Where(str(path))
    try:
        with open(path, "rb") as file:
            begin = file.peek(7)[:7]  # what is no mapping file may have no end
            data = file.read() if MAGIC.startswith(begin) else begin
    except FileNotFoundError:
        raise NotFound(
            "対応表ファイルがありません。名前を確かめてください。",
            "No such mapping file; check its name.",
            where=where,
        ) from None
    except OSError as error:
        raise BadInput(
            f"対応表ファイルを開けません ({reason(error).ja})。種類と権限を確かめてください。",
            f"The mapping file cannot be opened ({reason(error).en}); check its kind and permissions.",
            where=where,
        ) from None
    return read_mapping(memoryview(data), where)


def read_mapping(data: memoryview, where: Where | None = None) -> MappingFile:
    """Return the mapping file in these bytes, checked. Raises BadMappingFile."""
    where = where or Where()
    if len(data) < PREFIX.size or data[:7] != MAGIC[:7]:
        raise BadMappingFile(
            "対応表ファイルではありません。gaiji release export で作った .gmap を指定してください。",
            "This is no mapping file; name a .gmap that gaiji release export made.",
            where=where,
        )
    magic, digest, size, header_size = PREFIX.unpack_from(data)
    if magic != MAGIC:
        raise BadMappingFile(
            "この対応表ファイルは新しい版の gaiji のものです。gaiji を更新するか作り直してください。",
            "This mapping file is of a newer gaiji; update gaiji or export it again.",
            where=where,
        )
    if size != len(data) or hashlib.sha256(data[40:]).digest() != digest:
        raise BadMappingFile(
            "対応表ファイルが途中で切れているか、変更されています。もう一度取得してください。",
            "The mapping file was cut or changed; fetch it again.",
            where=where,
        )
    try:
        header = json.loads(bytes(data[PREFIX.size : PREFIX.size + header_size]))
        start = -(-(PREFIX.size + header_size) // ALIGNED) * ALIGNED
        for offset, length in header["sections"].values():
            if offset < 0 or length < 0 or start + offset + length > len(data):
                raise ValueError("a section outside the file")
        return MappingFile(data, header, start, where)
    except (ValueError, KeyError, TypeError) as error:
        raise BadMappingFile(
            f"対応表ファイルの内容に誤りがあります ({error})。もう一度作ってください。",
            f"The mapping file contradicts itself ({error}); export it again.",
            where=where,
        ) from None


def _end(described: dict[str, Any]) -> End:
    end = End()
    end.owner, end.is_code_set = described["owner"], described["is_code_set"]
    end.template, end.namespaces = described["template"], described["namespaces"]
    end.areas = tuple(_area(area) for area in described["areas"])
    script = described["script"]
    if script["codec"] is not None:
        end.script = Script(script["name"], script["codec"])
        return end
    reading = {bytes.fromhex(code): text for code, text in script["reading"].items()}
    end.script = Script(
        script["name"],
        shapes=[bytes.fromhex(shape) for shape in script["shapes"]],
        reading=reading,
        writing={text: bytes.fromhex(code) for text, code in script["writing"].items()},
        shifts=[(bytes.fromhex(code), mode) for code, mode in script["shifts"]],
        newline=bytes.fromhex(script["newline"]),
    )
    return end


def _area(told: dict[str, Any]) -> UserArea:
    return UserArea(
        bytes.fromhex(told["first"]),
        bytes.fromhex(told["last"]),
        tuple((low, high) for low, high in told["trails"]),
        int(told["image"][2:], 16),
        told["encoding"],
    )


def described_end(end: End) -> dict[str, Any]:
    """Return what the header says of an end."""
    script = end.script
    told: dict[str, Any] = {"name": script.name, "codec": script.codec}
    if script.codec is None:
        spoken = {code: text for code, text in script.reading.items() if text.isascii()}
        written = {
            text: code for text, code in script.writing.items() if text.isascii() or text == "〓"
        }
        told |= {
            "shapes": [shape.hex() for shape in script.shapes],
            "reading": {code.hex(): text for code, text in spoken.items()},
            "writing": {text: code.hex() for text, code in written.items()},
            "shifts": [[code.hex(), mode] for code, mode in script.shifts.items()],
            "newline": script.newline.hex(),
        }
    return {
        "owner": end.owner,
        "is_code_set": end.is_code_set,
        "template": end.template,
        "namespaces": sorted(end.namespaces),
        "areas": [area.as_dict() | {"encoding": area.encoding} for area in end.areas],
        "script": told,
    }
