"""Translation: single codes from one notation to another, all matches, by a release (変換照会).

Notations: a code set's address takes hex codes of its charset (local and standard), double-byte codes without shift
codes; `unicode` and `unicode-svs` take a character, a sequence, or `U+9089 U+E010F`; `juki` takes `J+9089`; `x0213`
takes `1-78-21`; `mj` takes ids of shared characters. Nothing is chosen: a code with several matches gets them all,
the strongest first. A standard character without an id (a letter, a mark) is translated as the text it is.

Standard codes are read and written by the sides of a conversion: what `convert` would write is always among the
matches, where the notation has a form for it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import NamedTuple, TypeVar

from sqlalchemy.orm import Session

from gaiji.charset.conversion import TARGETS, Pair
from gaiji.charset.mapping import Mapping, Repertoire, Row
from gaiji.charset.standard import PAIRS, x0213_names
from gaiji.charset.targets import CodeSetSide, JukiSide, MjSide, Side, UnicodeSide, X0213Side
from gaiji.charset.ways import Kind, is_selector
from gaiji.errors import BadName, UnknownRelease, UnmappedCode
from gaiji.registry.characters import Meant, meanings
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.releases import find_release, repertoire
from gaiji.registry.tables import OPEN_END, Release
from gaiji.wire.nouns import MatchShape, TranslatedShape, TranslationShape

Key = TypeVar("Key")
STRENGTH = ("equivalent", "design-difference", "substitute")
REMEMBERED = 64


STRENGTHS: dict[Kind, str] = {
    "edition": "design-difference",
    "unified": "design-difference",
    "substitute": "substitute",
    "reduced": "substitute",
}
"""The relationship of what a conversion writes for a standard code, by its kind; equivalent for the others."""


class Read(NamedTuple):
    """One way from a code to what it means.

    id: its shared character, None for text without one. sequence: the sequence it was written as. token: a standard
    code as a conversion reads it.
    """

    id: str | None
    relationship: str
    how: str
    sequence: str | None = None
    token: bytes | None = None


class Step(NamedTuple):
    """One way from what a code means to a code."""

    code: str
    relationship: str
    how: str


@dataclass(frozen=True)
class CodeSetTable:
    """What one code set means in one release on one day, in both directions."""

    side: CodeSetSide
    rows: tuple[Meant, ...]

    @cached_property
    def by_code(self) -> dict[bytes, list[Meant]]:
        """Rows by local code."""
        return _grouped(self.rows, lambda row: row.code)

    @cached_property
    def by_character(self) -> dict[str | None, list[Meant]]:
        """Rows by shared character."""
        return _grouped(self.rows, lambda row: row.character)


_MEANT: dict[tuple[str, str, str, date | None], CodeSetTable] = {}


def _grouped(rows: Iterable[Meant], key: Callable[[Meant], Key]) -> dict[Key, list[Meant]]:
    groups = defaultdict[Key, list[Meant]](list)
    for row in rows:
        groups[key(row)].append(row)
    return dict(groups)


def translate(
    session: Session,
    from_: str,
    to: str,
    codes: list[str],
    release: str | int = "latest",
    as_of: date | None = None,
    *,
    on_unmapped: str = "report",
) -> TranslationShape:
    """Translate codes, in the order asked, each with all its matches.

    Raises BadName for a notation that cannot be read, UnknownCodeSet, UnknownRelease; UnmappedCode when
    `on_unmapped` is "error" and a code has no match.
    """
    found = find_release(session, release)
    known = repertoire(session, found)
    source = _Notation(session, from_, found, known, as_of)
    target = _Notation(session, to, found, known, as_of)
    for code in codes:
        if not code.isascii() and any("\ud800" <= char <= "\udfff" for char in code):
            raise BadName(
                f"コード {ascii(code)[:40]} にサロゲートの片割れがあります。文字を確かめてください。",
                f"Code {ascii(code)[:40]} holds a lone surrogate; check the character.",
            )
    way = Pair(source.side, target.side)
    results = [_one(source, target, way, code) for code in codes]
    unmapped = [result.code for result in results if result.unmapped]
    if unmapped and on_unmapped == "error":
        raise UnmappedCode(
            f"{from_} の {len(unmapped)} 個のコード({'、'.join(unmapped[:5])} …)に {to} の対応がありません。",
            f"{len(unmapped)} codes of {from_} ({', '.join(unmapped[:5])} …) have no match in {to}.",
            codes=unmapped,
        )
    return TranslationShape(release=found.number, results=results)


def _one(source: _Notation, target: _Notation, way: Pair, code: str) -> TranslatedShape:
    matches = []
    for read in source.read(code):
        steps = target.write(read)
        if read.token is not None:
            steps += _converted(way, target, read.token, {step.code for step in steps})
        for step in steps or [Step("", read.relationship, read.how)]:
            weaker = max(read.relationship, step.relationship, key=STRENGTH.index)
            how = read.how if step.how in ("", read.how) else f"{read.how}, {step.how}"
            matches.append(
                MatchShape(id=read.id, code=step.code or None, relationship=weaker, how=how)
            )
    matches.sort(key=lambda match: (match.code is None, STRENGTH.index(match.relationship)))
    return TranslatedShape(
        code=code, unmapped=all(match.code is None for match in matches), matches=matches
    )


def _converted(way: Pair, target: _Notation, token: bytes, known: set[str]) -> list[Step]:
    """Return what a conversion writes for a standard code, unless it is known."""
    made = way.step(token)
    code = target.show(made.out) if made.out is not None else None
    if made.kind is None or code is None or code in known:
        return []
    how = "standard" if made.kind == "plain" else made.kind
    return [Step(code, STRENGTHS.get(made.kind, "equivalent"), how)]


def _is_character(text: str) -> bool:
    """Whether text is one character of text: a code point, with a selector or not, or one of the 25 pairs."""
    return len(text) == 1 or text in PAIRS or (len(text) == 2 and is_selector(text))


class _Notation:
    """One side of a translation: reads codes into what they mean, and writes that as codes.

    read: all that a code can mean; write: all codes of a shared character; show: bytes of a conversion as a code.
    """

    side: Side
    read: Callable[[str], list[Read]]
    write: Callable[[Read], list[Step]]
    show: Callable[[bytes], str | None]

    def __init__(
        self,
        session: Session,
        name: str,
        release: Release,
        known: Repertoire,
        as_of: date | None,
    ) -> None:
        self.name, self.known = name, known
        match name:
            case "unicode" | "unicode-svs":
                self.side = UnicodeSide(known, svs=name == "unicode-svs")
                self.read, self.show = self._read_unicode, _show_text
                self.write = self._write_unicode if name == "unicode" else self._write_svs
            case "juki":
                self.side = JukiSide(known)
                self.read, self.write, self.show = self._read_juki, self._write_juki, _show_juki
            case "x0213":
                self.side = X0213Side(known)
                self.read, self.write, self.show = self._read_x0213, self._write_x0213, _show_point
            case "mj":
                self.side = MjSide(known)
                self.read, self.write, self.show = self._read_id, self._write_id, _show_nothing
            case _ if "/" in name:
                self.table = _table(session, name, release, known, as_of)
                self.side = self.table.side
                self.read, self.write, self.show = (
                    self._read_code,
                    self._write_code,
                    self._show_code,
                )
            case _:
                raise BadName(
                    f"{name} は変換の端になりません。"
                    f"{'・'.join(TARGETS)} か、252069/juki のような外字セットにしてください。",
                    f"{name} is no end of a translation; take {', '.join(TARGETS)} or a code set like 252069/juki.",
                )

    def _bad(self, code: str, example: str) -> BadName:
        return BadName(
            f"{self.name} のコード {code[:40]} を読めません。{example} のように書いてください。",
            f"Code {code[:40]} of {self.name} cannot be read; write it like {example}.",
        )

    def _as_converted(self, token: bytes, how: str) -> list[Read]:
        """Return what a conversion reads in a token; nothing where it has no meaning."""
        item = self.side.read(token)
        if item.problem:
            return []
        if item.character is not None:
            return [Read(item.character, "equivalent", how, sequence=item.text)]
        forms = self.known.shape(item.text or "", item.jis or 2004)
        if forms is None:
            return [Read(None, "equivalent", "standard", token=token)]
        return [Read(forms.id, "equivalent", how, token=token)]

    # --- ids, Unicode, Juki-net, JIS X 0213

    def _read_id(self, code: str) -> list[Read]:
        if not re.fullmatch("[A-Z]{2}[0-9]{6}", code):
            raise self._bad(code, "MJ026190")
        return [Read(code, "equivalent", "id")] if self.known.get(code) else []

    @staticmethod
    def _write_id(read: Read) -> list[Step]:
        return [Step(read.id, "equivalent", "")] if read.id else []

    def _read_unicode(self, code: str) -> list[Read]:
        points = re.findall(r"[Uu]\+([0-9A-Fa-f]{4,6})", code)
        numbers = [int(point, 16) for point in points]
        if any(number > 0x10FFFF or 0xD800 <= number <= 0xDFFF for number in numbers):
            raise self._bad(code, "U+9089 U+E010F")
        text = "".join(map(chr, numbers)) if points else code
        if not 1 <= len(text) <= 2:
            raise self._bad(code, "U+9089 U+E010F")
        if not _is_character(text):
            return []
        how = "ucs" if len(text) == 1 else _selected(text)
        if len(text) == 1 and self.known.allocated(ord(text)):
            how = "allocation"
        return self._as_converted(text.encode(), how)

    def _write_svs(self, read: Read) -> list[Step]:
        steps = self._write_unicode(read)
        return [step for step in steps if step.how == "svs"] or steps

    def _write_unicode(self, read: Read) -> list[Step]:
        forms = self.known.get(read.id or "")
        if forms is None:
            return []
        ways = (("ucs", forms.ucs), ("ivs", forms.ivs), ("svs", forms.svs))
        steps = [Step(_points(text), "equivalent", how) for how, text in ways if text]
        if forms.allocation is not None:
            steps.append(Step(f"U+{forms.allocation:04X}", "equivalent", "allocation"))
        return steps

    def _read_juki(self, code: str) -> list[Read]:
        if not re.fullmatch(r"[Jj]\+[0-9A-Fa-f]{4}", code):
            raise self._bad(code, "J+9089")
        return self._as_converted(bytes.fromhex(code[2:]), "juki")

    def _write_juki(self, read: Read) -> list[Step]:
        forms = self.known.get(read.id or "")
        if forms is None or forms.juki is None:
            return []
        return [Step(f"J+{forms.juki:04X}", "equivalent", "juki")]

    def _read_x0213(self, code: str) -> list[Read]:
        if not re.fullmatch(r"[12]-[0-9]{1,2}-[0-9]{1,2}", code):
            raise self._bad(code, "1-78-21")
        wanted = "{}-{:02d}-{:02d}".format(*map(int, code.split("-")))
        text = next((text for text, name in x0213_names().items() if name == wanted), None)
        return self._as_converted(text.encode(), "x0213") if text else []

    def _write_x0213(self, read: Read) -> list[Step]:
        forms = self.known.get(read.id or "")
        if forms is None:
            return []
        if forms.x0213 is not None:
            own = forms.x0213_class == 0
            how = "x0213" if own else f"x0213 {forms.x0213_rule or ''}".strip()
            relationship = "equivalent" if own else "design-difference"
            return [Step(_point(forms.x0213), relationship, how)]
        return [
            Step(_point(reduction.target), "substitute", reduction.ground)
            for reduction in forms.reductions
            if reduction.x0213
        ]

    # --- code sets

    def _read_code(self, code: str) -> list[Read]:
        side = self.table.side
        charset = side.charset
        longest = 8 if charset.is_unicode else 4  # a code point and its selector
        raw = (
            bytes.fromhex(code)
            if re.fullmatch(rf"(?:[0-9A-Fa-f]{{2}}){{1,{longest}}}", code)
            else b""
        )
        if charset.is_user_code(raw):
            return [
                Read(row.character or "", row.relationship or "", row.how or "")
                for row in self.table.by_code.get(raw, ())
            ]
        text = side.script.decode(raw) if charset.is_unicode else None
        if side.read(raw).problem == "malformed" or (text is not None and not _is_character(text)):
            charset.parse_code(code)
        return self._as_converted(raw, "standard")

    def _write_code(self, read: Read) -> list[Step]:
        steps = [
            Step(row.code.hex().upper(), row.relationship or "", row.how or "")
            for row in self.table.by_character.get(read.id, ())
        ]
        if read.id is None:
            return steps
        standard, beyond = self.table.side.standard_codes(read.id, read.sequence)
        steps += [Step(self._show_code(code), "equivalent", "standard") for code in standard]
        for code in beyond:
            text = self.table.side.script.decode(code) or ""
            steps.append(
                Step(self._show_code(code), "equivalent", _selected(text) if text[1:] else "ucs")
            )
        return steps

    def _show_code(self, standing: bytes) -> str:
        return self.side.script.bare(standing).hex().upper()


def _selected(sequence: str) -> str:
    return "ivs" if sequence[-1] >= "\U000e0100" else "svs" if is_selector(sequence) else "ucs"


def _show_text(out: bytes) -> str:
    return _points(out.decode())


def _show_juki(out: bytes) -> str:
    return f"J+{out.hex().upper()}"


def _show_point(out: bytes) -> str | None:
    return x0213_names().get(out.decode())


def _show_nothing(out: bytes) -> None:
    """Names are given already, and text has none."""


def _point(text: str) -> str:
    return x0213_names().get(text, text)


def _points(text: str) -> str:
    return " ".join(f"U+{ord(char):04X}" for char in text)


def _table(
    session: Session, address: str, release: Release, known: Repertoire, as_of: date | None
) -> CodeSetTable:
    """Return a code set's table in a release; published rows never change, so they are remembered."""
    key = str(session.get_bind().engine.url), release.digest, address, as_of
    if key in _MEANT:
        return _MEANT[key]
    code_set = find_code_set(session, address)
    if address not in release.manifest["code_sets"]:
        raise UnknownRelease(
            f"外字セット {address} は版 {release.number} に入っていません。より新しい版を指定してください。",
            f"Code set {address} is not part of release {release.number}; name a later one.",
        )
    rows = tuple(
        row
        for row in meanings(session, code_set, release.number)
        if row.character is not None and _in_force(row, as_of)
    )
    mapping = Mapping(
        release.number,
        release.manifest["code_sets"][address]["digest"],
        address,
        charset_of(session, code_set),
        (Row(row.code, row.character or "", row.relationship, row.ground) for row in rows),  # type: ignore[arg-type]
        known,
    )
    table = CodeSetTable(CodeSetSide(mapping), rows)
    while len(_MEANT) >= REMEMBERED:
        _MEANT.pop(next(iter(_MEANT)), None)
    _MEANT[key] = table
    return table


def _in_force(row: Meant, day: date | None) -> bool:
    return row.valid_to == OPEN_END if day is None else row.valid_from <= day <= row.valid_to
