"""One conversion, token by token (一文字の変換): source code, character, target bytes, and whether it comes back.

A **loss** is an occurrence whose original cannot be read back from the output alone. It is not argued, it is
tried: the output of every distinct token is converted back, and a token that does not return is a loss.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple

from gaiji.charset.mapping import Mapping, Repertoire
from gaiji.charset.standard import decoded
from gaiji.charset.targets import (
    MARK,
    CodeSetSide,
    Item,
    Ivs,
    JukiSide,
    Kind,
    MjSide,
    Side,
    UnicodeSide,
    X0213Side,
    is_extender,
    is_selector,
    is_unicode,
)
from gaiji.charset.tokens import ESCAPE, NAME_TEXT, STAYS_TEXT
from gaiji.errors import UnsupportedConversion

TARGETS = ("unicode", "unicode-svs", "juki", "x0213", "mj")
GETA = "〓"
OnUnmapped = Literal["error", "geta", "keep", "escape"]
OnMalformed = Literal["error", "escape"]
EVENTS: frozenset[Kind] = frozenset(
    {
        "edition",
        "recoded",
        "unified",
        "substitute",
        "reduced",
        "escape",
        "unmapped",
        "malformed",
        "mark",
    }
)
"""Kinds that a report names one by one; `plain` and `mapped` are only counted."""


@dataclass(frozen=True)
class Options:
    """How to convert (変換の指定); every value is written into report and receipt.

    on_unmapped: error stops, geta writes 〓, keep the default private-use image, escape `&252069-juki-F040;`.
    malformed: error stops, escape writes `&252069-juki-81;`. max_loss: losses allowed. ivs: whether a
    character with a UCS of its own gets its selector too. mj_format: how names are written, or what
    separates them. as_of: the day the file was written, for codes whose meaning changed.
    """

    on_unmapped: OnUnmapped = "error"
    malformed: OnMalformed = "error"
    max_loss: int = 0
    dry_run: bool = False
    digests: bool = False
    ivs: Ivs = "auto"
    mj_format: str = " "
    as_of: date | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        shown = dict(vars(self))
        shown["as_of"] = self.as_of.isoformat() if self.as_of else None
        return shown

    @classmethod
    def from_dict(cls, shown: ReadOnly[str, Any]) -> Options:
        """Return the options that `as_dict` wrote."""
        day = shown["as_of"]
        return cls(**{**shown, "as_of": date.fromisoformat(day) if day else None})


class Outcome(NamedTuple):
    """What became of one distinct token: bytes, kind, whether it is lost, and what a report says of it.

    out is None when the policy is to stop here. text: what was written, for reductions.
    """

    out: bytes | None
    kind: Kind
    lossy: bool = False
    character: str | None = None
    text: str | None = None
    ground: str | None = None


@dataclass(frozen=True)
class Conversion:
    """One way to convert (変換): from a code set or target to a code set or target, with its options.

    source, target: a Mapping for a code set, or one of `TARGETS`. At least one is a Mapping, whose
    characters are used; UnsupportedConversion otherwise, and for `keep` between two code sets, where a
    kept code would show another city's glyph.
    """

    source: Mapping | str
    target: Mapping | str
    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        if not isinstance(self.source, Mapping) and not isinstance(self.target, Mapping):
            raise UnsupportedConversion(
                "変換元か変換先の少なくとも一方は外字セット (252069/juki) にしてください。",
                "At least one of source and target must be a code set such as 252069/juki.",
            )
        both = isinstance(self.source, Mapping) and isinstance(self.target, Mapping)
        if both and self.options.on_unmapped == "keep":
            raise UnsupportedConversion(
                "外字セットどうしの変換に keep は使えません。別の外字になるためです。geta か escape を選んでください。",
                "keep is not possible between two code sets, where the code would show another "
                "gaiji; choose geta or escape.",
            )
        for end in (self.source, self.target):
            if isinstance(end, str) and end not in TARGETS:
                raise UnsupportedConversion(
                    f"変換先「{end}」はありません。{', '.join(TARGETS)} か外字セットを選んでください。",
                    f"There is no target {end!r}; choose {', '.join(TARGETS)} or a code set.",
                )

    @cached_property
    def mapping(self) -> Mapping:
        """The mapping whose release and characters this conversion uses: the source's if it has one."""
        return self.source if isinstance(self.source, Mapping) else self.target  # type: ignore[return-value]

    def name(self, end: Mapping | str) -> str:
        """Return how an end is called: `252069/juki` or `unicode`."""
        return end.code_set if isinstance(end, Mapping) else end

    @cached_property
    def sides(self) -> tuple[Side, Side]:
        """Source and target, ready to read and write."""
        day = self.options.as_of
        repertoire = self.mapping.repertoire
        one, two = (
            CodeSetSide(end.at(day) if day else end)
            if isinstance(end, Mapping)
            else self._side(end, repertoire)
            for end in (self.source, self.target)
        )
        return one, two

    def _side(self, name: str, repertoire: Repertoire) -> Side:
        match name:
            case "juki":
                return JukiSide(repertoire)
            case "x0213":
                return X0213Side(repertoire)
            case "mj":
                return MjSide(repertoire, self.options.mj_format)
            case _:
                return UnicodeSide(repertoire, ivs=self.options.ivs, svs=name == "unicode-svs")

    @cached_property
    def resolver(self) -> Resolver:
        """What resolves the tokens of this conversion."""
        return Resolver(*self.sides, self.options)


def _lost(outcome: Outcome) -> Outcome:
    kind: Kind = "recoded" if outcome.kind in ("plain", "edition") else outcome.kind
    return outcome._replace(lossy=True, kind=kind)


class Resolver:
    """Resolves distinct tokens in one direction and keeps what it found."""

    def __init__(
        self, source: Side, target: Side, options: Options, *, back: Resolver | None = None
    ) -> None:
        self.source, self.target, self.options = source, target, options
        self.tokens = source.tokens(target)
        self.back = back or Resolver(target, source, self._reading(options), back=self)
        self.mark = MARK.encode(source.encoding) if is_unicode(source) else None
        self.found: dict[bytes, Outcome] = {}
        self.plain: dict[bytes, bytes] = {}  # of what was found, what every stream can copy

    @staticmethod
    def _reading(options: Options) -> Options:
        """Return the options for reading back: escapes for what has no character, unless codes are kept."""
        policy: OnUnmapped = "keep" if options.on_unmapped == "keep" else "escape"
        return replace(options, on_unmapped=policy, malformed="escape")

    def resolve(self, token: bytes) -> Outcome:
        """Return what becomes of a token, each distinct token worked out once."""
        outcome = self.found.get(token)
        if outcome is None:
            if len(self.found) > 1_000_000:  # only forged escapes have that many distinct tokens
                self.found.clear()
            outcome = self.found[token] = self._with_loss(token, self._convert(token))
        return outcome

    def _with_loss(self, token: bytes, outcome: Outcome) -> Outcome:
        lossy = (
            outcome.lossy
            or outcome.out is None
            or self._joins(token, outcome.out)
            or self.back.bytes_for(outcome.out) != token
        )
        return _lost(outcome) if lossy else outcome

    def _joins(self, token: bytes, out: bytes) -> bool:
        """Whether the output could form one token with what stands before it, which the source cuts apart."""
        text = decoded(out, self.target.encoding) if is_unicode(self.target) else None
        if not text or not is_extender(text[0]):
            return False
        read = decoded(token, self.source.encoding) if is_unicode(self.source) else None
        return is_selector(text[0]) or not read or read[0] != text[0]

    def opening(self, token: bytes, *, first: bool) -> Outcome:
        """Return what becomes of a token as long as nothing is written; first: it begins the input.

        There U+FEFF is a mark (バイト順マーク): kept for a target that has one, dropped for others. It is no
        character, so it is no loss, but a receipt keeps it. What would only become one is a loss.
        """
        if first and token == self.mark:
            out = self._marked()
            same = bool(out) and self.back._marked() == token
            return Outcome(out, "plain" if same else "mark")
        outcome = self.resolve(token)
        return _lost(outcome) if outcome.out and outcome.out == self.back.mark else outcome

    def _marked(self) -> bytes:
        written = self.target.write(Item(MARK))
        return written.out if written else b""

    def bytes_for(self, data: bytes) -> bytes | None:
        """Return the conversion of complete data, or None when a policy would stop; losses are not judged."""
        parts: list[bytes] = []
        for found in self.tokens.pattern.finditer(data):
            known = self.found.get(found[0])
            out = known.out if known else self._convert(found[0]).out
            if out is None:
                return None
            parts.append(out)
        return b"".join(parts)

    def _convert(self, token: bytes) -> Outcome:
        if (shown := self._ascii(token)) and (outcome := self._lookalike(token, shown)):
            return outcome
        item = self.source.read(token)
        if item.problem == "malformed":
            escaped = (
                self._escaped(self.source.owner, token)
                if self.options.malformed == "escape"
                else None
            )
            return Outcome(escaped, "malformed")
        written = None if item.problem else self.target.write(item, self._echoes(token))
        if written is None:
            return self._unmapped(token, item)
        return Outcome(
            written.out,
            written.kind,
            False,
            item.character or self._shown(item, written.kind),
            self._text(written.kind, written.out),
            written.ground,
        )

    def _shown(self, item: Item, kind: Kind) -> str | None:
        """Return the character that a standard code shows, where a report names it."""
        if kind not in EVENTS or not item.text:
            return None
        forms = self.source.repertoire.shape(item.text, item.jis or 2004)
        return forms and forms.id

    def _ascii(self, token: bytes) -> str | None:
        if len(token) < 8:
            return None
        try:
            text = token.decode(self.tokens.encoding)
        except UnicodeDecodeError:
            return None
        return text if text.isascii() else None

    def _text(self, kind: Kind, out: bytes) -> str | None:
        if kind not in EVENTS or isinstance(self.target, CodeSetSide):
            return None
        return out.decode("utf-16-be" if self.target.encoding == "ucs-2" else "utf-8", "replace")

    def _echoes(self, token: bytes) -> Any:
        def echoes(code: bytes) -> bool:
            item = self.target.read(code)
            written = None if item.problem else self.source.write(item)
            return written is not None and written.out == token

        return echoes

    def _unmapped(self, token: bytes, item: Item) -> Outcome:
        out: bytes | None = None
        match self.options.on_unmapped:
            case "geta":
                out = self.target.literal(GETA)
            case "keep":
                out = self.target.keep(item)
            case "escape":
                out = self._escaped(self.source.owner, token)
        return Outcome(out, "unmapped", character=item.character, text=item.text)

    def _escaped(self, owner: str, code: bytes) -> bytes:
        return self.target.literal(f"&{owner}-{code.hex().upper()};")

    def _lookalike(self, token: bytes, shown: str) -> Outcome | None:
        """Read an escape that belongs to the target, and add or take away one link of any other look-alike.

        None for names of an `mj` source, finished or not, which its side reads.
        """
        if found := ESCAPE.fullmatch(shown):
            links, owner, code = found[1], found[2], bytes.fromhex(found[3])
            if not links:
                return self._live(owner, code, token) or self._literal(shown)
            plainer = "&" + shown[1 + len(STAYS_TEXT) :]
        elif found := NAME_TEXT.fullmatch(shown):
            plainer = chr(int(found[1], 16)) + found[2]
        elif isinstance(self.source, MjSide):
            return None
        else:
            return self._literal(shown)
        out = self.target.literal(plainer)
        return Outcome(out, "escape") if self.back.bytes_for(out) == token else self._literal(shown)

    def _live(self, owner: str, code: bytes, token: bytes) -> Outcome | None:
        """Return the code an escape stands for, if it is one that this target's own conversion escapes."""
        found = self.back.tokens.pattern.fullmatch(code)
        if owner != self.target.owner or not found or self._ascii_code(code):
            return None
        item = self.target.read(code)
        if item.problem == "malformed":
            return (
                Outcome(code, "escape", lossy=True)  # it could join its neighbours
                if self.options.malformed == "escape"
                else None
            )
        is_local = isinstance(self.target, CodeSetSide) and self.target.charset.is_user_code(code)
        if is_local or self.back.bytes_for(code) == token:
            joins = item.text is not None and len(item.text) == 1 and is_extender(item.text)
            return Outcome(code, "escape", lossy=joins)
        return None

    def _ascii_code(self, code: bytes) -> bool:
        text = code.decode(self.back.tokens.encoding, "replace")
        return text.isascii()

    def _literal(self, shown: str) -> Outcome:
        """Return look-alike text with one link more, so that it stays text."""
        head = f"&000000-text-{ord(shown[0]):02X};"
        return Outcome(self.target.literal(head + shown[1:]), "escape", text=shown)
