"""The two ends of a conversion and the way between them (変換の経路), whoever knows it: a release, or a mapping file.

A `Way` says what one token becomes, policies left aside: they are the same wherever the answer comes from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from gaiji.charset.script import Script
from gaiji.charset.standard import PAIRS
from gaiji.charset.tokens import Tokens, tokens

if TYPE_CHECKING:
    from gaiji.charset.areas import UserArea

Kind = Literal[
    "plain",
    "mapped",
    "edition",
    "recoded",
    "unified",
    "substitute",
    "reduced",
    "escape",
    "unmapped",
    "malformed",
    "mark",
    "shift",
]
"""How one token was converted. plain: a standard character as itself. mapped: a local code by its decided
character. edition: a standard code whose shape differs between the JIS editions of the two sides. recoded: a
standard code that does not come back the same. unified: onto a JIS X 0213 point by 包摂. substitute: by a
person's decision. reduced: by the shrink map. escape: an escape read, or text escaped because it looked like
one. mark: the byte order mark (U+FEFF) that opens a file, where the target has none or it would not come back.
shift: shift codes that an encoder would not have written at that place, or a line end without the one before it."""

MARK = "\ufeff"
"""The byte order mark (バイト順マーク) at the very start of a file; elsewhere the same code point is a character."""


class End:
    """One end of a conversion. owner: its name in escapes. template: how names are written, for `mj` alone.

    namespaces: the letters that names begin with. areas: the user-defined areas of a code set.
    """

    owner: str
    script: Script
    is_code_set: bool = False
    template: str | None = None
    namespaces: Iterable[str] = ()
    areas: tuple[UserArea, ...] = ()

    def tokens(self, other: End) -> Tokens:
        """Return how this end's bytes are cut when they are converted to the other end."""
        if self.template is not None:
            return tokens(self.script, named=self.template, namespaces=self.namespaces)
        if other.template is None:
            return tokens(self.script)
        prefix = other.template.split("{}")[0]
        return tokens(self.script, name_prefix=prefix, namespaces=other.namespaces)

    def literal(self, text: str) -> bytes | None:
        """Return ASCII text or 〓 as this end writes it, or None where it cannot."""
        return self.script.encode(text)

    def is_local(self, code: bytes) -> bool:
        """Whether a code lies in a user-defined area."""
        return any(area.holds(code) for area in self.areas)

    def is_unfinished(self, token: bytes) -> bool:
        """Whether a token is the letters of a name that neither its separator nor a line end follows."""
        if self.template is None:
            return False
        prefix = self.template.partition("{}")[0].encode()
        return any(token == prefix + letters.encode() for letters in self.namespaces)

    def name_in(self, token: bytes) -> str | None:
        """Return the name that a token of `mj` is, or None; at a line end its separator may be missing."""
        prefix, suffix = map(re.escape, (self.template or "").split("{}"))
        namespaces = "|".join(self.namespaces)
        found = re.fullmatch(
            rf"{prefix}((?:{namespaces})[0-9]{{6}})(?:{suffix})?", token.decode("utf-8", "replace")
        )
        return found and found[1]


class Step(NamedTuple):
    """What one token becomes, before policies. out, kind, ground: what is written, None where problem says why not.

    character: the shared character it means; text: the standard text it is, for reports of unmapped codes.
    kept: what the policy `keep` would write for it.
    """

    out: bytes | None
    kind: Kind | None
    character: str | None = None
    text: str | None = None
    ground: str | None = None
    problem: Literal["unmapped", "malformed"] | None = None
    kept: bytes | None = None


class Way(Protocol):
    """One direction between two ends; `back` is the other."""

    @property
    def source(self) -> End:
        """What is read."""

    @property
    def target(self) -> End:
        """What is written."""

    @property
    def back(self) -> Way:
        """The other direction."""

    def step(self, token: bytes) -> Step:
        """Return what a token of the source becomes at the target."""

    def returns(self, token: bytes) -> bool:
        """Whether it is already known that what is written for a token is read back as it was."""


MALFORMED = Step(None, None, problem="malformed")


def is_private(text: str) -> bool:
    """Whether a text is one private-use code point."""
    return len(text) == 1 and (
        "\ue000" <= text <= "\uf8ff" or "\U000f0000" <= text <= "\U000ffffd" or text >= "\U00100000"
    )


def is_selector(text: str) -> bool:
    """Whether a text ends in a variation selector."""
    return "\ufe00" <= text[-1] <= "\ufe0f" or "\U000e0100" <= text[-1] <= "\U000e01ef"


_SECONDS = frozenset(pair[1] for pair in PAIRS)


def is_extender(text: str) -> bool:
    """Whether one character would join the one before it into one token."""
    return is_selector(text) or text in _SECONDS


def joins(source: Script, target: Script, token: bytes, out: bytes) -> bool:
    """Whether the output could form one token with what stands before it, which the source cuts apart."""
    text = target.decode(out) if target.is_unicode else None
    if not text or not is_extender(text[0]):
        return False
    read = source.decode(token) if source.is_unicode else None
    return is_selector(text[0]) or not read or read[0] != text[0]


def openers(source: End, target: End) -> dict[bytes, set[bytes]]:
    """Return the codes with which escapes and look-alike names begin, each with those that may follow it there."""
    words = ["&" + digit for digit in "0123456789"]
    if target.template is not None:
        prefix = target.template.partition("{}")[0]
        words += [prefix + letters for letters in target.namespaces]
    found: dict[bytes, set[bytes]] = {}
    for word in words:
        first, second = source.script.code(word[0]), source.script.code(word[1])
        if first and second:
            found.setdefault(first, set()).add(second)
    return found
