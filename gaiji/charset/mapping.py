"""The one read model (対応表): what a code set's codes mean in one release, with the characters' written forms.

Everything here is plain, immutable data without SQL: the registry builds it from a release, a mapping file
can hold it, and translate and convert read it. Nothing is guessed: a look-up that has two answers gives both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as ReadOnly
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple

from gaiji.charset.charsets import Charset, Jis

Relationship = Literal["equivalent", "design-difference", "substitute", "not-related", "unknown"]
REVERSIBLE = frozenset({"equivalent", "design-difference"})
USABLE = REVERSIBLE | {"substitute"}
NAMESPACES = frozenset({"MJ", "GJ", "OM"})
"""What names begin with in every repertoire: MJ文字図形名, 戸籍 and a council's own unless it chose other letters."""


class Reduction(NamedTuple):
    """One target of a character in the shrink map (縮退先).

    target: its text; x0213: its point, `1-19-75`; ground: the official basis; rank: 1 is best, None is
    unranked and comes last; hops: how many steps the source took, where it says.
    """

    target: str
    x0213: str | None
    ground: str
    rank: int | None = None
    hops: int | None = None


class Forms(NamedTuple):
    """How one shared character (共通文字) is written elsewhere; None where it has no such form.

    ucs: 実装したUCS, base: 対応するUCS, ivs and svs: base and selector, all as text. juki: 住基ネット統一文字コード.
    x0213: the text of its JIS X 0213 point; x0213_class: 0 the point's own shape, 2 unified (包摂) by
    x0213_rule. allocation: the council's plane-15 code point; pua: its code point in the BMP, for terminals and
    printers. sequences: further sequences of the Moji_Joho collection that mean this character and are
    read, never written.
    """

    id: str
    ucs: str | None = None
    base: str | None = None
    ivs: str | None = None
    svs: str | None = None
    juki: int | None = None
    x0213: str | None = None
    x0213_class: int | None = None
    x0213_rule: str | None = None
    allocation: int | None = None
    pua: int | None = None
    reductions: tuple[Reduction, ...] = ()
    sequences: tuple[str, ...] = ()


class Row(NamedTuple):
    """A decided meaning of one local code: dates are the city's own, first day included, last day too."""

    code: bytes
    character: str
    relationship: Relationship
    ground: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None

    def in_force(self, day: date | None) -> bool:
        """Whether the meaning held on a day; None asks for the meaning that is still open."""
        if day is None:
            return self.valid_to is None
        return (self.valid_from is None or self.valid_from <= day) and (
            self.valid_to is None or day <= self.valid_to
        )


class Repertoire:
    """The shared characters and reference set of one release, by id, text and Juki code. Immutable.

    Which shape a code of the *standard* area shows depends on the JIS edition. The reference set gives one
    character per UCS (`own`), in the 2004 shape; where its Juki code differs from the UCS and another
    character of the same base has the Juki code equal to the UCS, that other one is the shape of
    JIS 83/90 (Juki codes follow JIS X 0213:2000). MJ 006.02 has 100 such pairs: 94 are among the 168 shapes
    that JIS X 0213:2004 changed (葛 辻 祇 …), 6 differ for other reasons (久 匇 攝 樹 瘦 赳); the rest of the
    168 are one MJ character each, so both editions give the same one.

    namespaces: the two letters that names begin with, the council's own among them.
    """

    __slots__ = (
        "_allocated",
        "_forms",
        "_juki",
        "_older",
        "_older_text",
        "_own",
        "_pua",
        "_sequences",
        "namespaces",
    )

    def __init__(self, forms: Iterable[Forms]) -> None:
        self._forms = {one.id: one for one in forms}
        self.namespaces = NAMESPACES | {
            letters
            for letters in {id[:2] for id in self._forms}
            if re.fullmatch("[A-Z]{2}", letters)
        }
        self._own: dict[str, Forms] = {}
        self._sequences: dict[str, Forms] = {}
        self._juki: dict[int, Forms] = {}
        self._allocated: dict[int, Forms] = {}
        self._pua: dict[int, Forms] = {}
        for one in self._forms.values():
            if one.ucs is not None:
                self._own.setdefault(one.ucs, one)
            for sequence in (one.ivs, one.svs, *one.sequences):
                if sequence is not None:
                    self._sequences[sequence] = one
            if one.juki is not None:
                self._juki[one.juki] = one
            if one.allocation is not None:
                self._allocated[one.allocation] = one
            if one.pua is not None:
                self._pua[one.pua] = one
        self._older = {
            one.base: one
            for one in self._juki.values()
            if one.base is not None and self._is_older_shape(one)
        }
        self._older_text = {one.id: text for text, one in self._older.items()}

    def _is_older_shape(self, one: Forms) -> bool:
        own = self._own.get(one.base or "")
        return (
            own is not None
            and own.id != one.id
            and own.juki is not None
            and one.juki == ord(one.base or "\0")
        )

    @property
    def forms(self) -> ReadOnly[str, Forms]:
        """Every character by id."""
        return MappingProxyType(self._forms)

    def get(self, character: str) -> Forms | None:
        """Return the forms of a character, or None when this release does not know it."""
        return self._forms.get(character)

    def own(self, text: str) -> Forms | None:
        """Return the character whose own UCS (実装したUCS) is this one code point."""
        return self._own.get(text)

    def shape(self, text: str, jis: Jis = 2004) -> Forms | None:
        """Return the character that a standard-area text shows in a JIS edition."""
        if jis != 2004 and text in self._older:
            return self._older[text]
        return self._own.get(text)

    def standard_text(self, character: str, jis: Jis = 2004) -> str | None:
        """Return the bare text that shows exactly this character in a JIS edition, or None."""
        if jis != 2004 and character in self._older_text:
            return self._older_text[character]
        forms = self._forms.get(character)
        if forms is None or forms.ucs is None or (jis != 2004 and forms.ucs in self._older):
            return None
        return forms.ucs

    def sequence(self, text: str) -> Forms | None:
        """Return the character that a base and variation selector mean (Moji_Joho IVS or SVS)."""
        return self._sequences.get(text)

    def juki(self, code: int) -> Forms | None:
        """Return the character of a Juki-net code (住基ネット統一文字コード)."""
        return self._juki.get(code)

    def allocated(self, point: int) -> Forms | None:
        """Return the character that has this code point of the council's plane-15 allocation."""
        return self._allocated.get(point)

    def in_pua(self, point: int) -> Forms | None:
        """Return the character that has this code point of the council's BMP allocation."""
        return self._pua.get(point)

    @property
    def edition_pairs(self) -> ReadOnly[str, str]:
        """The texts whose shape depends on the JIS edition, with the character of the older shape."""
        return MappingProxyType({text: one.id for text, one in self._older.items()})


class Mapping:
    """One code set's mapping (対応表) in one release, as of one day. Immutable.

    release: its number; digest: of the release's semantic rows for this code set; code_set: `252069/juki`;
    as_of: the day whose meanings hold, None for those still in force; reused: codes of slots that were used again,
    whether decided or not.
    """

    __slots__ = (
        "_by_character",
        "_by_code",
        "as_of",
        "charset",
        "code_set",
        "digest",
        "release",
        "repertoire",
        "reused",
        "rows",
    )

    def __init__(
        self,
        release: int,
        digest: str,
        code_set: str,
        charset: Charset,
        rows: Iterable[Row],
        repertoire: Repertoire,
        as_of: date | None = None,
        reused: frozenset[bytes] = frozenset(),
    ) -> None:
        self.release = release
        self.digest = digest
        self.code_set = code_set
        self.charset = charset
        self.rows = tuple(rows)
        self.repertoire = repertoire
        self.as_of = as_of
        self.reused = reused
        self._by_code: dict[bytes, tuple[Row, ...]] = {}
        self._by_character: dict[str, tuple[Row, ...]] = {}
        for row in self.rows:
            if row.in_force(as_of) and row.relationship in USABLE:
                self._by_code[row.code] = (*self._by_code.get(row.code, ()), row)
                self._by_character[row.character] = (
                    *self._by_character.get(row.character, ()),
                    row,
                )

    def meanings(self, code: bytes) -> tuple[Row, ...]:
        """Return the rows in force for a local code; more than one means the table contradicts itself."""
        return self._by_code.get(code, ())

    def codes_of(self, character: str) -> tuple[Row, ...]:
        """Return the rows in force whose character this is, substitutes included."""
        return self._by_character.get(character, ())

    def at(self, day: date | None) -> Mapping:
        """Return the same mapping as it held on another day (基準日)."""
        if day == self.as_of:
            return self
        return Mapping(
            self.release,
            self.digest,
            self.code_set,
            self.charset,
            self.rows,
            self.repertoire,
            day,
            self.reused,
        )
