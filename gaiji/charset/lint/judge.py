"""What lint says about one character (一字の点検): pure look-ups, done once for each distinct one.

A judgement does not depend on where a character stands; counting and places are left to `linter`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple
from unicodedata import normalize

from gaiji.charset.charsets import Charset
from gaiji.charset.lint.reader import EXTENDING
from gaiji.charset.lint.targets import Target
from gaiji.charset.mapping import Repertoire
from gaiji.charset.shipped import registered_sequences, standardized
from gaiji.charset.standard import PAIRS, decoded, punctuated
from gaiji.charset.targets import is_unified
from gaiji.charset.ways import is_private, is_selector
from gaiji.errors import Text

Fact = str | Text
JUKI_BLOCKS = ((0xAC00, 0xD7A3), (0xAAA1, 0xABCF), (0xF91D, 0xFA6B))
"""Where Juki-net kanji codes lie that mean another character in Unicode, the three traps apart."""


class Hit(NamedTuple):
    """A check that found something: its code, the subject, and what its sentence is filled in with."""

    code: str
    subject: str
    facts: Mapping[str, Fact]


def points(text: str) -> str:
    """Return a text as code points, `U+845B U+E0100`."""
    return " ".join(f"U+{ord(one):04X}" for one in text)


def shown(text: str) -> str:
    """Return a text with its code points, or these alone where it cannot be shown."""
    visible = text.isprintable() and not is_selector(text[0]) and not is_private(text)
    return f"{text} {points(text)}" if visible else points(text)


class Judge:
    """Judges characters for one charset: against a repertoire, forms of normalization, and targets."""

    def __init__(
        self,
        charset: Charset,
        repertoire: Repertoire,
        *,
        known: frozenset[bytes] | None = None,
        normalizations: Iterable[str] = ("NFC", "NFKC"),
        targets: Iterable[Target] = (),
    ) -> None:
        self.charset, self.repertoire, self.known = charset, repertoire, known
        self.normalizations = frozenset(normalizations)
        self.targets = tuple(targets)

    # --- text

    def text(self, cluster: str) -> Iterator[Hit]:
        """Yield what is to be said about a character with the selectors and marks that follow it."""
        if cluster in PAIRS:
            yield _hit("pair", cluster)
            yield from self._outside(cluster)
            return
        if cluster[0] in EXTENDING:
            is_mark = not is_selector(cluster[0])
            yield _hit("combining-misplaced" if is_mark else "selector-misplaced", cluster[0])
            yield from self._juki(cluster[0])
            return
        size = 2 if len(cluster) > 1 and is_selector(cluster[1]) else 1
        yield from self._character(cluster[:size])
        for mark in cluster[size:]:
            if is_selector(mark):
                yield _hit("selector-misplaced", mark)
            else:  # among the Juki-net codes are marks too
                yield from self._juki(mark)
                yield from self._outside(mark)
        yield from self._normalized(cluster)

    def _character(self, text: str) -> Iterator[Hit]:
        if is_private(text[0]):
            if self.repertoire.allocated(ord(text[0])) is None:
                yield from self._user(text[0].encode(self.charset.encoding or "utf-8"), text[0])
        elif text == "\ufffd":
            yield _hit("already-lost", text)
        elif text == "\ufeff":
            yield _hit("mark-inside", text)
        elif text == "〓":
            yield _hit("geta", text)
        else:
            if len(text) > 1:
                yield from self._sequence(text)
            yield from self._juki(text[0])
            yield from self._declared(text[0])
            yield from self._outside(text)

    def _sequence(self, text: str) -> Iterator[Hit]:
        forms = self.repertoire.sequence(text)
        if forms is not None:
            own = self.repertoire.own(text[0])
            other = own.id if own else points(text[0])
            same = own is not None and own.id == forms.id
            code = "selector-redundant" if same else "selector-merges"
            yield _hit(code, text, character=forms.id, other=f"{text[0]} ({other})")
            return
        candidates = [f"{shown(one)} {id}" for one, id in sorted(self._candidates.get(text[0], []))]
        told = Text("、".join(candidates), ", ".join(candidates))
        none = Text("この字には Moji_Joho の列がない", "Moji_Joho has none of this character")
        facts: dict[str, Fact] = {"candidates": told if candidates else none}
        known = registered_sequences().get(text)
        if known is None:
            yield _hit("selector-unknown", text, **facts)
        else:
            yield _hit("selector-other-collection", text, collection=" ".join(known), **facts)

    @cached_property
    def _candidates(self) -> Mapping[str, list[tuple[str, str]]]:
        """The sequences of each base, with the character of each."""
        found = defaultdict[str, list[tuple[str, str]]](list)
        for one in self.repertoire.forms.values():
            for sequence in (one.ivs, *one.sequences):
                if sequence is not None:
                    found[sequence[0]].append((sequence, one.id))
        return found

    def _juki(self, text: str) -> Iterator[Hit]:
        point = ord(text)
        forms = self.repertoire.juki(point) if self.charset.is_unicode else None
        if forms is None or text in (forms.ucs, forms.base):
            return
        other = forms.ucs or forms.ivs or forms.base or "—"
        among = any(low <= point <= high for low, high in JUKI_BLOCKS)
        code = "juki-code" if among else "juki-trap"
        yield _hit(code, text, other=shown(other), character=forms.id)

    def _declared(self, text: str) -> Iterator[Hit]:
        """Yield what the declared punctuation and JIS edition say about a bare character."""
        declared = punctuated(text, self.charset.punctuation)
        if declared != text and self.charset.is_unicode:
            yield _hit("punctuation", text, other=shown(declared), charset=self.charset.name)
        if text in self.repertoire.edition_pairs and self.charset.jis != 2004:
            older, newer = (self.repertoire.shape(text, jis) for jis in (self.charset.jis, 2004))
            facts = {"character": older.id if older else "—", "other": newer.id if newer else "—"}
            yield _hit("edition", text, charset=self.charset.name, **facts)

    # --- normalization

    def _normalized(self, cluster: str) -> Iterator[Hit]:
        base = cluster[0]
        composed = normalize("NFC", base)
        if "NFC" in self.normalizations and composed != base:
            yield self._composed(base, composed)
        elif "NFC" in self.normalizations and normalize("NFC", cluster) != cluster:
            other = normalize("NFC", cluster)
            yield _hit("nfc-equivalent", cluster, other=shown(other))
        elif "NFKC" in self.normalizations and normalize("NFKC", base) != composed:
            yield _hit("nfkc", base, other=shown(normalize("NFKC", base)))

    def _composed(self, base: str, composed: str) -> Hit:
        forms, sequence = self.repertoire.own(base), standardized().get(base)
        facts = {"other": shown(composed)}
        if forms is not None and forms.svs is not None:
            return _hit("nfc-svs", base, character=forms.id, svs=shown(forms.svs), **facts)
        if sequence is not None:
            return _hit("nfc-ideograph", base, svs=shown(sequence), **facts)
        return _hit("nfc-equivalent", base, **facts)

    # --- targets

    def _outside(self, text: str) -> Iterator[Hit]:
        if not self.targets or text < "\x80":
            return
        shape, sequence = self.repertoire.shape(text, self.charset.jis), self.repertoire.sequence
        forms = sequence(text) if is_selector(text) else shape
        for target in self.targets:
            if not target.holds(text, forms, self.repertoire):
                name = f" {forms.id}" if forms else ""
                remedy = target.remedy(text, forms)
                yield _hit(f"outside-{target.name}", text, character=name, remedy=remedy)
            elif target.name == "x0213" and not target.has(text) and forms and is_unified(forms):
                other = shown(forms.x0213 or "")
                yield _hit("unified", text, character=forms.id, other=other)

    # --- codes of byte charsets

    def code(self, code: bytes, text: str | None, written: bytes | None) -> Iterator[Hit]:
        """Yield what is to be said about a code of a byte charset; text: how it is read, None: malformed.

        written: the code its text is written with.
        """
        subject, name = code.hex().upper(), self.charset.name
        other = self._shift_jis_2004(code, text)
        if text is None:
            kind = "malformed" if other is None else "only-shift-jis-2004"
            yield Hit(kind, subject, {"charset": name, "other": other or ""})
            return
        if self.charset.is_user_code(code):
            yield from self._user(code, subject)
        if other is not None:
            yield Hit(
                "shift-jis-2004", subject, {"charset": name, "own": shown(text), "other": other}
            )
        if written is not None and written != code:
            facts = {"charset": name, "own": text, "other": written.hex().upper()}
            yield Hit("recoded", subject, facts)

    def _user(self, code: bytes, subject: str) -> Iterator[Hit]:
        """Yield what is to be said about a user-defined code, or a private-use character."""
        told = points(subject) if self.charset.is_unicode else subject
        if self.known is None:
            yield Hit("user-code", told, {})
        elif code not in self.known:
            yield Hit("undecided-code", told, {})

    def _shift_jis_2004(self, code: bytes, text: str | None) -> str | None:
        """Return how Shift_JIS-2004 reads a code of CP932 that it reads in another way, else None."""
        if self.charset.name != "cp932" or len(code) != 2 or (text is not None and code[0] < 0xF0):
            return None
        other = decoded(code, "shift_jis_2004")
        return shown(other) if other is not None and other != text else None


def _hit(code: str, text: str, **facts: Fact) -> Hit:
    return Hit(code, points(text), {"own": text, **facts})
