"""Translation: single codes from one notation to another, all matches, by a release (変換照会).

Notations: a code set's address takes hex codes of its charset (local and standard); `unicode` and
`unicode-svs` take a character, a sequence, or `U+9089 U+E010F`; `juki` takes `J+9089`; `x0213` takes `1-78-21`;
`mj` takes ids of shared characters. Nothing is chosen: a code with several matches gets them all, the
strongest first. A standard character without an id (a letter, a mark) is translated as the text it is.
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

from gaiji.charset.charsets import Charset
from gaiji.charset.mapping import Repertoire
from gaiji.charset.standard import juki_non_kanji, read_standard, write_standard, x0213_names
from gaiji.charset.targets import is_private
from gaiji.errors import BadName, UnknownRelease, UnmappedCode
from gaiji.registry.characters import Meant, meanings
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.releases import find_release, repertoire
from gaiji.registry.tables import OPEN_END, Release
from gaiji.wire.nouns import MatchShape, TranslatedShape, TranslationShape

Key = TypeVar("Key")
STRENGTH = ("equivalent", "design-difference", "substitute")
REMEMBERED = 64


class Step(NamedTuple):
    """One way from a code to a character, or from a character to a code.

    value: a code, or what it means: the id of a shared character, else the text of a standard one.
    """

    value: str
    relationship: str
    how: str


@dataclass(frozen=True)
class CodeSetTable:
    """What one code set means in one release on one day, in both directions."""

    charset: Charset
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
    results = [_one(source, target, code) for code in codes]
    unmapped = [result.code for result in results if result.unmapped]
    if unmapped and on_unmapped == "error":
        raise UnmappedCode(
            f"{from_} の {len(unmapped)} 個のコード({'、'.join(unmapped[:5])} …)に {to} の対応がありません。",
            f"{len(unmapped)} codes of {from_} ({', '.join(unmapped[:5])} …) have no match in {to}.",
            codes=unmapped,
        )
    return TranslationShape(release=found.number, results=results)


def _one(source: _Notation, target: _Notation, code: str) -> TranslatedShape:
    matches = []
    for read in source.read(code):
        written = target.write(read.value)
        for step in written or [Step("", read.relationship, read.how)]:
            weaker = max(read.relationship, step.relationship, key=STRENGTH.index)
            how = read.how if step.how in ("", read.how) else f"{read.how}, {step.how}"
            matches.append(
                MatchShape(
                    id=None if _is_text(read.value) else read.value,
                    code=step.value or None,
                    relationship=weaker,
                    how=how,
                )
            )
    matches.sort(key=lambda match: (match.code is None, STRENGTH.index(match.relationship)))
    return TranslatedShape(
        code=code, unmapped=all(match.code is None for match in matches), matches=matches
    )


def _is_text(value: str) -> bool:
    return not re.fullmatch("[A-Z]{2}[0-9]{6}", value)


class _Notation:
    """One side of a translation: reads codes into characters and writes characters as codes."""

    def __init__(
        self,
        session: Session,
        name: str,
        release: Release,
        known: Repertoire,
        as_of: date | None,
    ) -> None:
        self.name, self.known = name, known
        kinds = {
            "unicode": (self._read_unicode, self._write_unicode),
            "unicode-svs": (self._read_unicode, self._write_svs),
            "juki": (self._read_juki, self._write_juki),
            "x0213": (self._read_x0213, self._write_x0213),
            "mj": (self._read_id, self._write_id),
        }
        if name in kinds:
            self.read, self.write = kinds[name]
            return
        if "/" not in name:
            raise BadName(
                f"{name} は変換の端になりません。{'・'.join(kinds)} か、252069/juki のような外字セットにしてください。",
                f"{name} is no end of a translation; take {', '.join(kinds)} or a code set like 252069/juki.",
            )
        self.table = _table(session, name, release, as_of)
        self.read, self.write = self._read_local, self._write_local

    def _bad(self, code: str, example: str) -> BadName:
        return BadName(
            f"{self.name} のコード {code[:40]} を読めません。{example} のように書いてください。",
            f"Code {code[:40]} of {self.name} cannot be read; write it like {example}.",
        )

    def _read_id(self, code: str) -> list[Step]:
        if not re.fullmatch("[A-Z]{2}[0-9]{6}", code):
            raise self._bad(code, "MJ026190")
        return [Step(code, "equivalent", "id")] if self.known.get(code) else []

    @staticmethod
    def _write_id(value: str) -> list[Step]:
        return [] if _is_text(value) else [Step(value, "equivalent", "")]

    def _read_unicode(self, code: str) -> list[Step]:
        points = re.findall(r"[Uu]\+([0-9A-Fa-f]{4,6})", code)
        numbers = [int(point, 16) for point in points]
        if any(number > 0x10FFFF or 0xD800 <= number <= 0xDFFF for number in numbers):
            raise self._bad(code, "U+9089 U+E010F")
        text = "".join(map(chr, numbers)) if points else code
        if not 1 <= len(text) <= 2:
            raise self._bad(code, "U+9089 U+E010F")
        if len(text) == 2:
            one = self.known.sequence(text)
            return (
                [Step(one.id, "equivalent", "ivs" if text[1] >= "\U000e0100" else "svs")]
                if one
                else []
            )
        one = self.known.own(text)
        if one:
            return [Step(one.id, "equivalent", "ucs")]
        council = self.known.allocated(ord(text))
        if council:
            return [Step(council.id, "equivalent", "allocation")]
        return [] if is_private(text) else [Step(text, "equivalent", "standard")]

    def _write_svs(self, id: str) -> list[Step]:
        steps = self._write_unicode(id)
        return [step for step in steps if step.how == "svs"] or steps

    def _write_unicode(self, id: str) -> list[Step]:
        if _is_text(id):
            return [Step(_points(id), "equivalent", "standard")]
        forms = self.known.get(id)
        if forms is None:
            return []
        ways = (("ucs", forms.ucs), ("ivs", forms.ivs), ("svs", forms.svs))
        steps = [Step(_points(text), "equivalent", how) for how, text in ways if text]
        if forms.allocation is not None:
            steps.append(Step(f"U+{forms.allocation:04X}", "equivalent", "allocation"))
        return steps

    def _read_juki(self, code: str) -> list[Step]:
        if not re.fullmatch(r"[Jj]\+[0-9A-Fa-f]{4}", code):
            raise self._bad(code, "J+9089")
        point = int(code[2:], 16)
        one = self.known.juki(point)
        if one:
            return [Step(one.id, "equivalent", "juki")]
        text = chr(point)
        return [Step(text, "equivalent", "standard")] if text in juki_non_kanji() else []

    def _write_juki(self, id: str) -> list[Step]:
        if id in juki_non_kanji():
            return [Step(f"J+{ord(id):04X}", "equivalent", "standard")]
        forms = self.known.get(id)
        if forms is None or forms.juki is None:
            return []
        return [Step(f"J+{forms.juki:04X}", "equivalent", "juki")]

    def _read_x0213(self, code: str) -> list[Step]:
        if not re.fullmatch(r"[12]-[0-9]{1,2}-[0-9]{1,2}", code):
            raise self._bad(code, "1-78-21")
        wanted = "{}-{:02d}-{:02d}".format(*map(int, code.split("-")))
        text = next((text for text, name in x0213_names().items() if name == wanted), None)
        one = self.known.own(text) if text else None
        if one:
            return [Step(one.id, "equivalent", "x0213")]
        return [Step(text, "equivalent", "standard")] if text else []

    def _write_x0213(self, id: str) -> list[Step]:
        if _is_text(id):
            return [Step(self._point(id), "equivalent", "standard")] if id in x0213_names() else []
        forms = self.known.get(id)
        if forms is None:
            return []
        if forms.x0213 is not None:
            own = forms.x0213_class == 0
            how = "x0213" if own else f"x0213 {forms.x0213_rule or ''}".strip()
            relationship = "equivalent" if own else "design-difference"
            return [Step(self._point(forms.x0213), relationship, how)]
        return [
            Step(self._point(reduction.target), "substitute", reduction.ground)
            for reduction in forms.reductions
            if reduction.x0213
        ]

    @staticmethod
    def _point(text: str) -> str:
        return x0213_names().get(text, text)

    def _read_local(self, code: str) -> list[Step]:
        charset = self.table.charset
        raw = bytes.fromhex(code) if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){1,4}", code) else b""
        if raw and not charset.is_user_code(raw):
            text = self._standard_text(raw)
            if text is None:
                charset.parse_code(code)
            forms = self.known.shape(text, charset.jis) if text else None
            return [Step(forms.id if forms else text or "", "equivalent", "standard")]
        return [
            Step(row.character or "", row.relationship or "", row.how or "")
            for row in self.table.by_code.get(charset.parse_code(code), ())
        ]

    def _standard_text(self, code: bytes) -> str | None:
        charset = self.table.charset
        try:
            text = code.decode(charset.encoding) if charset.encoding else None
        except UnicodeDecodeError:
            return None
        return text if charset.is_unicode else read_standard(charset, code)

    def _write_local(self, id: str) -> list[Step]:
        steps = [
            Step(row.code.hex().upper(), row.relationship or "", row.how or "")
            for row in self.table.by_character.get(id, ())
        ]
        charset = self.table.charset
        bare = id if _is_text(id) else self.known.standard_text(id, charset.jis)
        if bare and charset.encoding:
            code = bare.encode(charset.encoding) if charset.is_unicode else write_standard(bare)
            steps += [Step(code.hex().upper(), "equivalent", "standard")] if code else []
        return steps


def _points(text: str) -> str:
    return " ".join(f"U+{ord(char):04X}" for char in text)


def _table(session: Session, address: str, release: Release, as_of: date | None) -> CodeSetTable:
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
    rows = (
        row
        for row in meanings(session, code_set, release.number)
        if row.character is not None and _in_force(row, as_of)
    )
    table = CodeSetTable(charset_of(code_set), tuple(rows))
    while len(_MEANT) >= REMEMBERED:
        _MEANT.pop(next(iter(_MEANT)), None)
    _MEANT[key] = table
    return table


def _in_force(row: Meant, day: date | None) -> bool:
    return row.valid_to == OPEN_END if day is None else row.valid_from <= day <= row.valid_to
