"""What can be converted from and to (変換先): each reads tokens into characters and writes characters back.

A `Side` is one end of a conversion. Reading gives an `Item`: text of a standard area, a shared character
(共通文字), or a problem. Writing gives the bytes with the way they came about, or None: then the code is
unmapped (未対応) there. No side guesses: two equally good codes are unmapped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as ReadOnly
from functools import cache
from typing import Literal, NamedTuple

from typing_extensions import override

from gaiji.charset.charsets import Charset, Jis, Punctuation
from gaiji.charset.coding import coding
from gaiji.charset.ebcdic import ebcdic
from gaiji.charset.ibm import ibm_tables
from gaiji.charset.mapping import REVERSIBLE, Forms, Mapping, Reduction, Relationship, Repertoire
from gaiji.charset.resolve import Ivs, Keep
from gaiji.charset.script import UCS2, UTF8, InMode, Script
from gaiji.charset.standard import (
    cp932_writing,
    juki_non_kanji,
    punctuated,
    x0208_repertoire,
    x0213_repertoire,
)
from gaiji.charset.ways import End, Kind, is_private, is_selector
from gaiji.errors import BadName


class Item(NamedTuple):
    """What a token means. text: as the side's standard area has it; character: a shared character's id.

    jis, punctuation: the declared policies behind `text`, None where text is what it is. image: the
    private-use code point of a code without meaning. problem: why there is nothing to write.
    """

    text: str | None = None
    character: str | None = None
    relationship: Relationship | None = None
    ground: str | None = None
    jis: Jis | None = None
    punctuation: Punctuation | None = None
    image: int | None = None
    problem: Literal["unmapped", "malformed"] | None = None


class Written(NamedTuple):
    """Bytes for an item, the kind of the step, and the ground where something was given up."""

    out: bytes
    kind: Kind
    ground: str | None = None


Echoes = Callable[[bytes], bool]
"""Whether a code of this code set, converted the other way, is written as the very token being read."""


class Side(End):
    """One end of a live conversion: reads by a release's characters, and writes by them."""

    repertoire: Repertoire

    def read(self, token: bytes) -> Item:
        """Return what a token means."""
        raise NotImplementedError

    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        """Return the bytes of an item, or None where this side has none."""
        raise NotImplementedError

    def keep(self, item: Item) -> bytes | None:
        """Return a code without meaning as its private-use image, or text as it stands; None if impossible.

        Images in plane 15 are refused: there they would read as the council's own characters.
        """
        text = item.text or (chr(item.image) if item.image else None)
        if text is None or (item.image and 0xF0000 <= item.image < 0x100000):
            return None
        return text.encode("utf-8")

    def _forms(self, item: Item) -> Forms | None:
        """Return the forms of the item's character, a standard text's included."""
        if item.character is not None:
            return self.repertoire.get(item.character)
        return self.repertoire.shape(item.text, item.jis or 2004) if item.text else None

    def _kind(self, item: Item, target_jis: Jis | None) -> Kind:
        if item.relationship == "substitute":
            return "substitute"
        if item.relationship is not None:
            return "mapped"
        differs = (
            item.jis is not None
            and target_jis is not None
            and (item.jis == 2004) != (target_jis == 2004)
            and item.text in self.repertoire.edition_pairs
        )
        return "edition" if differs else "plain"


class UnicodeSide(Side):
    """`unicode` and `unicode-svs`: UTF-8 with Moji_Joho sequences and the council's plane-15 allocation."""

    owner, script = "000000-unicode", UTF8

    def __init__(self, repertoire: Repertoire, *, ivs: Ivs = "auto", svs: bool = False) -> None:
        self.repertoire, self.ivs, self.svs = repertoire, ivs, svs

    @override
    def read(self, token: bytes) -> Item:
        text = UTF8.decode(token)
        if text is None:
            return Item(problem="malformed")
        return read_text(self.repertoire, text, allocations=True)

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        if item.text is not None and (len(item.text) > 1 and not self.svs):
            return Written(item.text.encode(), "plain")
        forms = self._forms(item)
        text = item.text
        if forms is not None:
            preferred = forms.svs if self.svs else forms.ivs if self.ivs == "always" else None
            if preferred:
                return Written(preferred.encode(), self._kind(item, None), item.ground)
            text = text or forms.ucs or forms.ivs
            if text is None and forms.allocation is not None:
                text = chr(forms.allocation)
        if text is None:
            return None
        return Written(text.encode(), self._kind(item, 2004), item.ground)


def read_text(repertoire: Repertoire, text: str, *, allocations: bool) -> Item:
    """Return what one token of Unicode text means; sequences of other collections are unmapped, never cut."""
    if is_selector(text):
        forms = repertoire.sequence(text)
        return Item(text, forms.id) if forms else Item(text, problem="unmapped")
    if is_private(text):
        forms = repertoire.allocated(ord(text)) if allocations else None
        if forms:
            return Item(character=forms.id, relationship="equivalent")
        return Item(image=ord(text), problem="unmapped")
    return Item(text)


class JukiSide(Side):
    """`juki`: 住基ネット統一文字コード as UTF-16BE units. They look like Unicode and are not.

    points: the code points that a shared CS server gives to characters without one (残存外字). A character that got
    a code of its own later keeps its point: both are read, the code is written.
    """

    owner, script = "000000-juki", UCS2

    def __init__(self, repertoire: Repertoire, points: ReadOnly[str, int] | None = None) -> None:
        self.repertoire, self.points = repertoire, points or {}
        self._pointed = {point: character for character, point in self.points.items()}

    @override
    def read(self, token: bytes) -> Item:
        if len(token) != 2 or 0xD8 <= token[0] <= 0xDF:
            return Item(problem="malformed")
        unit = int.from_bytes(token)
        forms = self.repertoire.juki(unit)
        if forms:
            return Item(character=forms.id)
        if unit in self._pointed:
            return Item(character=self._pointed[unit])
        text = chr(unit)
        if text in juki_non_kanji():
            return Item(text)
        return Item(image=ord(text) if is_private(text) else None, problem="unmapped")

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        if item.text in juki_non_kanji():
            return Written(
                (item.text or "").encode("utf-16-be"), self._kind(item, None), item.ground
            )
        forms = self._forms(item)
        if forms is None:
            return None
        unit = self.points.get(forms.id) if forms.juki is None else forms.juki
        return Written(unit.to_bytes(2), self._kind(item, None), item.ground) if unit else None

    @override
    def keep(self, item: Item) -> bytes | None:
        return item.image.to_bytes(2) if item.image and item.image <= 0xFFFF else None


@cache
def _host_single_bytes() -> frozenset[str]:
    """What single bytes of the host charsets read as: beyond JIS X 0201 the C1 controls (NEL …), ¥, ‾, ¦ and €."""
    ibm = (text for table in ibm_tables().values() for text in table.single.values())
    return frozenset((*map(chr, range(0x80, 0xA0)), *ibm, *ebcdic("jef", "kana").values()))


class PuaSide(Side):
    """`pua`: UTF-8 in which every character outside JIS X 0208 stands at the council's own code point in the BMP.

    The single bytes of the host charsets, controls included, stay as they are. keep: `0213` leaves JIS X 0213 as it
    is too, so fewer points are used; they are the same ones. What has no point is unmapped, marks included that are
    no shared character (①): the terminal would not show them.
    """

    owner, script = "000000-pua", UTF8

    def __init__(self, repertoire: Repertoire, keep: Keep = "0208") -> None:
        self.repertoire = repertoire
        self.kept = x0208_repertoire() | _host_single_bytes()
        if keep == "0213":
            self.kept |= x0213_repertoire()

    @override
    def read(self, token: bytes) -> Item:
        text = UTF8.decode(token)
        if text is None:
            return Item(problem="malformed")
        forms = self.repertoire.in_pua(ord(text)) if len(text) == 1 else None
        return (
            Item(character=forms.id)
            if forms
            else read_text(self.repertoire, text, allocations=False)
        )

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        if item.text in self.kept:
            return Written((item.text or "").encode(), self._kind(item, 2004), item.ground)
        forms = self._forms(item)
        if forms is None:
            return None
        text = forms.ucs if forms.ucs in self.kept else chr(forms.pua) if forms.pua else None
        return Written(text.encode(), self._kind(item, None), item.ground) if text else None

    @override
    def keep(self, item: Item) -> bytes | None:
        return None


class X0213Side(Side):
    """`x0213`: UTF-8 in the repertoire of JIS X 0213:2012, which has 2004 shapes and JIS punctuation."""

    owner, script = "000000-x0213", UTF8

    def __init__(self, repertoire: Repertoire) -> None:
        self.repertoire = repertoire

    @override
    def read(self, token: bytes) -> Item:
        text = UTF8.decode(token)
        if text is None:
            return Item(problem="malformed")
        if text in x0213_repertoire():
            return Item(text, punctuation="jis")
        return Item(image=ord(text) if is_private(text) else None, problem="unmapped")

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        if item.text is not None:
            text = punctuated(item.text, "jis") if item.punctuation == "microsoft" else item.text
            if text in x0213_repertoire():
                return Written(text.encode(), self._kind(item, 2004), item.ground)
        forms = self._forms(item)
        if forms is None:
            return None
        if forms.x0213 is not None:
            kind, ground = self._kind(item, None), item.ground
            if kind != "substitute" and is_unified(forms):
                kind, ground = "unified", forms.x0213_rule
            return Written(forms.x0213.encode(), kind, ground)
        best = unique_reduction(forms)
        return best and Written(best.target.encode(), "reduced", item.ground or best.ground)

    @override
    def keep(self, item: Item) -> bytes | None:
        return super().keep(item) if item.image else None


def is_unified(forms: Forms) -> bool:
    """Whether a character shares its JIS X 0213 point (包摂) instead of being what the point's text shows.

    The reference set marks several characters of one point as the point's own shape (𠮷 and 吉, two of 久);
    only the one whose own UCS is the text comes back, so the others count as unified too.
    """
    return forms.x0213_class != 0 or forms.ucs != forms.x0213


def unique_reduction(forms: Forms) -> Reduction | None:
    """Return the one best target inside JIS X 0213, None when there is none or a tie (同順位は選ばない)."""
    inside = [one for one in forms.reductions if one.target in x0213_repertoire()]
    best = min((_rank(one) for one in inside), default=0)
    chosen = [one for one in inside if _rank(one) == best]
    return chosen[0] if chosen and len({one.target for one in chosen}) == 1 else None


def _rank(one: Reduction) -> float:
    return float("inf") if one.rank is None else one.rank


class MjSide(Side):
    """`mj`: text in UTF-8 where every character that has a name is written as its name, for people and diffs.

    template: how a name is written, `{} ` (name and a space) by default; a text without `{}` is the separator
    after each name. Other characters stay text; text that looks like a name is escaped. When names are read, a
    line end is separator enough; a name that runs into other text is malformed.
    """

    owner, script = "000000-mj", UTF8

    def __init__(self, repertoire: Repertoire, template: str = "{} ") -> None:
        self.repertoire, self.namespaces = repertoire, repertoire.namespaces
        self.template = template if "{}" in template else "{}" + template
        prefix, _, suffix = self.template.partition("{}")
        if (
            not re.fullmatch(r"[ -/:-@\[-`{-~\t]*", prefix + suffix)
            or "&" in prefix + suffix
            or "{}" in suffix
        ):
            raise BadName(
                f"mj の書式「{template}」には英数字・& 以外の ASCII の区切りと、名前の位置 {{}} を一つ書いてください。",
                f"The mj format {template!r} must be ASCII marks without letters, digits or &, with one {{}} "
                "for the name.",
            )

    @override
    def read(self, token: bytes) -> Item:
        if name := self.name_in(token):
            return Item(character=name)
        if self.is_unfinished(token):
            return Item(problem="malformed")
        text = UTF8.decode(token)
        if text is None:
            return Item(problem="malformed")
        return read_text(self.repertoire, text, allocations=False)

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        forms = self._forms(item)
        name = item.character or (forms and forms.id)
        if name is not None:
            written = (self.template or "{}").replace("{}", name)
            return Written(written.encode(), self._kind(item, None), item.ground)
        return Written((item.text or "").encode(), "plain") if item.text else None


class CodeSetSide(Side):
    """A code set (外字セット): standard area by its charset and policies, local codes by its mapping.

    In a Unicode charset what JIS X 0213 and CP932 have counts as standard area. A rarer ideograph or a
    sequence can be written as itself too, but a local code decided for it comes first: the city made it
    because its terminals show nothing else.

    chosen: the local codes that rules of a cutover plan write for characters which have several codes.
    """

    def __init__(self, mapping: Mapping, chosen: ReadOnly[str, bytes] | None = None) -> None:
        self.mapping, self.charset = mapping, mapping.charset
        self.chosen = chosen or {}
        self.repertoire = mapping.repertoire
        self.owner = mapping.code_set.replace("/", "-")
        self.is_code_set, self.areas = True, self.charset.areas
        self.script = script_of(self.charset)
        self.declared = Item(jis=self.charset.jis, punctuation=self.charset.punctuation)

    @override
    def read(self, token: bytes) -> Item:
        if isinstance(token, InMode):
            return Item("\n") if token == self.script.newline else Item(problem="malformed")
        if (image := self.charset.image_of(token)) is not None:
            return self._read_local(token, image)
        text = self.script.decode(token)
        if text is None:
            unknown = not self.charset.is_unicode and self._is_untabled(token)
            return Item(problem="unmapped" if unknown else "malformed")
        if not self.charset.is_unicode:
            return read_coded(self.repertoire, text, self.declared)
        item = read_text(self.repertoire, text, allocations=False)
        return (
            item
            if item.problem
            else item._replace(jis=self.declared.jis, punctuation=self.declared.punctuation)
        )

    def _is_untabled(self, token: bytes) -> bool:
        """Whether a code lies where codes may be, though nobody said what it is."""
        areas = [area for mode in coding(self.charset).modes for area in mode.untabled]
        areas += [(area.first, area.last) for area in self.charset.family.areas]
        whole = any(re.fullmatch(shape, token, re.DOTALL) for shape in self.script.shapes)
        return whole and any(
            len(token) == len(first) and first <= token <= last for first, last in areas
        )

    def _read_local(self, code: bytes, image: int) -> Item:
        rows = self.mapping.meanings(code)
        if len({row.character for row in rows}) != 1:
            return Item(image=image, problem="unmapped")
        row = rows[0]
        return Item(
            character=row.character, relationship=row.relationship, ground=row.ground, image=image
        )

    @override
    def write(self, item: Item, echoes: Echoes | None = None) -> Written | None:
        plain = self._encode(item) if item.text is not None else None
        if plain is not None and self._is_standard(item.text or ""):
            return Written(plain, self._kind(item, self.charset.jis), item.ground)
        forms = self._forms(item)
        name = item.character or (forms and forms.id)
        if name is None:
            return Written(plain, "plain") if plain is not None else None
        code, is_local = self._choose(name, item, echoes)
        if code is None:
            return None
        kind = self._kind(item, None)
        return Written(code, "mapped" if is_local and kind == "plain" else kind, item.ground)

    def _choose(self, name: str, item: Item, echoes: Echoes | None) -> tuple[bytes | None, bool]:
        """Return the code for a character and whether it is a local one.

        First what comes back as the token being read: standard code, local code if there is one only, text
        beyond the standard area; then the same three without that. Without `echoes` a local code answers a
        local code. A code that a rule chose comes before all of them, as long as it means the character.
        """
        ruled = self.chosen.get(name)
        if ruled is not None and {row.character for row in self.mapping.meanings(ruled)} == {name}:
            return self.script.standing(ruled), True
        standard, beyond = self.standard_codes(name, item.text)
        local = self.local_codes(name)
        alone = local if len(local) == 1 else []
        order = [*standard, *alone, *beyond]
        if echoes is None:
            chosen = alone[0] if alone and item.relationship is not None else None
        else:
            chosen = next((code for code in order if echoes(code)), None)
        if chosen is None:
            chosen = order[0] if order else None
        return chosen, chosen in alone

    def _is_standard(self, text: str) -> bool:
        return (
            not self.charset.is_unicode
            or text in x0213_repertoire()
            or punctuated(text, "microsoft") in cp932_writing()
        )

    def _encode(self, item: Item) -> bytes | None:
        text = item.text or ""
        if not self.charset.is_unicode:
            return self._standing(text)
        if item.punctuation is not None and punctuated(text, item.punctuation) == text:
            text = punctuated(text, self.charset.punctuation)
        return self.script.code(text)

    def _standing(self, text: str) -> bytes | None:
        """Return the standing form of a text's code in a byte charset, or None."""
        code = self.script.code(text)
        return code and self.script.standing(code)

    def standard_codes(
        self, character: str, text: str | None = None
    ) -> tuple[list[bytes], list[bytes]]:
        """Return the codes that show exactly this character: of the standard area, and beyond it.

        text: how it was just read, which is written again rather than another form. In standing form.
        """
        bare = self.repertoire.standard_text(character, self.charset.jis)
        if not self.charset.is_unicode:
            code = self._standing(bare) if bare else None
            return ([code] if code else []), []
        forms = self.repertoire.get(character)
        texts = [one for one in dict.fromkeys((bare, text, forms and forms.ivs)) if one]
        standard = [one.encode(self.script.codec or "") for one in texts if self._is_standard(one)]
        beyond = [
            one.encode(self.script.codec or "") for one in texts if not self._is_standard(one)
        ]
        return standard, beyond

    def local_codes(self, character: str) -> list[bytes]:
        """Return the local codes decided to be this character, substitutes and doubtful codes left out.

        In standing form.
        """
        rows = self.mapping.codes_of(character)
        codes = dict.fromkeys(row.code for row in rows if row.relationship in REVERSIBLE)
        return [
            self.script.standing(code)
            for code in codes
            if len({row.character for row in self.mapping.meanings(code)}) == 1
        ]

    @override
    def keep(self, item: Item) -> bytes | None:
        if item.image is not None:
            code = self.charset.code_of(item.image)
            if code is not None:
                return None if self.mapping.meanings(code) else self.script.standing(code)
        if not self.charset.is_unicode:
            return None
        text = item.text or (chr(item.image) if item.image else None)
        return text.encode(self.script.codec or "") if text else None


@cache
def script_of(charset: Charset) -> Script:
    """Return how a charset writes characters."""
    if charset.is_unicode:
        return Script(charset.encoding or "", charset.encoding)
    coded = coding(charset)
    reading = {code: text for mode in coded.modes for code, text in mode.reading.items()}
    writing: dict[str, bytes] = {}
    for mode in coded.modes:
        for text, code in mode.writing.items():
            writing.setdefault(text, code)
    return Script(
        charset.name,
        shapes=[mode.shape for mode in coded.modes],
        reading=reading,
        writing=writing,
        shifts=coded.shifts,
        newline=coded.newline,
    )


def read_coded(repertoire: Repertoire, text: str, declared: Item) -> Item:
    """Return what a standard code of a byte charset means; its table may name a variation sequence."""
    if len(text) > 1 and is_selector(text):
        forms = repertoire.sequence(text)
        return Item(text, forms.id) if forms else Item(text, problem="unmapped")
    return declared._replace(text=text)
