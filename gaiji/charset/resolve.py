"""One conversion, token by token (一文字の変換): source code, character, target bytes, and whether it comes back.

A **loss** is an occurrence whose original cannot be read back from the output alone. It is not argued, it is
tried: the output of every distinct token is converted back, and a token that does not return is a loss.
"""

from __future__ import annotations

import time
from collections.abc import Mapping as ReadOnly
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from gaiji.charset.script import InMode
from gaiji.charset.tokens import ESCAPE, NAME_TEXT, STAYS_TEXT
from gaiji.charset.ways import MARK, Kind, Step, Way, is_extender, joins
from gaiji.errors import UnsupportedConversion

if TYPE_CHECKING:  # loaded for files of a day of their own alone
    from datetime import date

GETA = "〓"
OnUnmapped = Literal["error", "geta", "keep", "escape"]
OnMalformed = Literal["error", "escape"]
Ivs = Literal["auto", "always"]
Keep = Literal["0208", "0213"]
EVENTS: frozenset[Kind] = frozenset(get_args(Kind)) - {"plain", "mapped"}
"""Kinds that a report names one by one; `plain` and `mapped` are only counted."""
BY_POLICY: frozenset[Kind] = frozenset({"escape", "unmapped", "malformed"})
"""Kinds whose output is no answer of the way, but of a policy."""


class Options(NamedTuple):
    """How to convert (変換の指定); every value is written into report and receipt.

    on_unmapped: error stops, geta writes 〓, keep the default private-use image, escape `&252069-juki-F040;`.
    malformed: error stops, escape writes `&252069-juki-81;`. max_loss: losses allowed. ivs: whether a
    character with a UCS of its own gets its selector too. mj_format: how names are written, or what
    separates them. as_of: the day the file was written, for codes whose meaning changed. keep: which JIS X
    repertoire `pua` leaves as it is.
    """

    on_unmapped: OnUnmapped = "error"
    malformed: OnMalformed = "error"
    max_loss: int = 0
    dry_run: bool = False
    digests: bool = False
    ivs: Ivs = "auto"
    mj_format: str = " "
    as_of: date | None = None
    keep: Keep = "0208"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        shown = self._asdict()
        shown["as_of"] = self.as_of.isoformat() if self.as_of else None
        return shown

    @classmethod
    def from_dict(cls, shown: ReadOnly[str, Any]) -> Options:
        """Return the options that `as_dict` wrote."""
        return cls(**{**shown, "as_of": day_of(shown["as_of"])})


def day_of(text: str | None) -> date | None:
    """Return the day that a JSON form names, or None. Raises ValueError."""
    if not text:
        return None
    from datetime import date

    return date.fromisoformat(text)


def day_in_japan() -> str:
    """Return the day it is in Japan as text, such as 2027-01-04, without what calendars load."""
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + 9 * 3600))


def check_policies(source: str, target: str, options: Options, *, is_shared: bool = False) -> None:
    """Raise UnsupportedConversion for `keep` where a kept code would be another gaiji: that of another city, or shared.

    is_shared: whether the target has private-use code points of its own, as a shared CS server has.
    """
    if options.on_unmapped != "keep":
        return
    if "/" in source and "/" in target:
        raise UnsupportedConversion(
            "外字セットどうしの変換に keep は使えません。別の外字になるためです。geta か escape を選んでください。",
            "keep is not possible between two code sets, where the code would show another "
            "gaiji; choose geta or escape.",
        )
    if is_shared or "pua" in (source, target):
        raise UnsupportedConversion(
            "共有の割当てがある変換に keep は使えません。別の外字になるためです。geta か escape を選んでください。",
            "keep is not possible where code points are shared, for the image would show another gaiji; "
            "choose geta or escape.",
        )


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


def _lost(outcome: Outcome) -> Outcome:
    kind: Kind = "recoded" if outcome.kind in ("plain", "edition") else outcome.kind
    return outcome._replace(lossy=True, kind=kind)


class Resolver:
    """Resolves distinct tokens in one direction by policies, and keeps what it found."""

    def __init__(self, way: Way, options: Options, *, back: Resolver | None = None) -> None:
        self.way, self.options = way, options
        self.source, self.target = way.source, way.target
        self.tokens = self.source.tokens(self.target)
        self.back = back or Resolver(way.back, self._reading(options), back=self)
        script = self.source.script
        self.mark = MARK.encode(script.codec or "") if script.is_unicode else None
        self.found: dict[bytes, Outcome] = {}
        # of what was found, what every stream can copy; a shift code by itself writes nothing
        self.plain: dict[bytes, bytes] = dict.fromkeys(script.shifts, b"")

    @staticmethod
    def _reading(options: Options) -> Options:
        """Return the options for reading back: escapes for what has no character, unless codes are kept."""
        policy: OnUnmapped = "keep" if options.on_unmapped == "keep" else "escape"
        return options._replace(on_unmapped=policy, malformed="escape")

    def resolve(self, token: bytes) -> Outcome:
        """Return what becomes of a token, each distinct token worked out once."""
        outcome = self.found.get(token)
        if outcome is None:
            if len(self.found) > 100_000:  # only forged escapes have that many distinct tokens
                self.found.clear()
            outcome = self.found[token] = self._with_loss(token, self._convert(token))
        return outcome

    def _with_loss(self, token: bytes, outcome: Outcome) -> Outcome:
        if outcome.kind == "shift" or (outcome.kind not in BY_POLICY and self.way.returns(token)):
            return outcome
        lossy = (
            outcome.lossy
            or outcome.out is None
            or joins(self.source.script, self.target.script, token, outcome.out)
            or self.back.bytes_for(outcome.out) != self._standing(token)
        )
        return _lost(outcome) if lossy else outcome

    def _standing(self, token: bytes) -> bytes:
        return self.source.script.standing(token)

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
        return (self.way.step(self.mark).out if self.mark else None) or b""

    def bytes_for(self, data: bytes) -> bytes | None:
        """Return the conversion of complete data, or None when a policy would stop; losses are not judged."""
        parts: list[bytes] = []
        for token in self.tokens.cut(data)[0]:
            if token in self.source.script.shifts:
                continue
            known = self.found.get(token)
            out = known.out if known else self._convert(token).out
            if out is None:
                return None
            parts.append(out)
        return self.target.script.joined(parts)

    def _convert(self, token: bytes) -> Outcome:
        if isinstance(token, InMode) and (outcome := self._shifted(token)):
            return outcome
        if (shown := self._ascii(token)) and (outcome := self._lookalike(token, shown)):
            return outcome
        step = self.way.step(token)
        if step.problem == "malformed":
            escaped = (
                self._escaped(self.source.owner, token)
                if self.options.malformed == "escape"
                else None
            )
            return Outcome(escaped, "malformed")
        if step.out is None or step.kind is None:
            return self._unmapped(token, step)
        text = self._text(step.kind, step.out)
        return Outcome(step.out, step.kind, False, step.character, text, step.ground)

    def _shifted(self, token: InMode) -> Outcome | None:
        """Return what becomes of odd shift codes, and of a line end in mode 1; None for a stray byte."""
        script = self.source.script
        if token == InMode(script.newline, 1):
            return Outcome(self.way.step(script.newline).out, "shift", text="\n")
        odd = any(token.startswith(code) for code in script.shifts)
        return Outcome(b"", "shift") if odd else None

    def _ascii(self, token: bytes) -> str | None:
        return self.source.script.ascii(token) if len(token) >= 8 else None

    def _text(self, kind: Kind, out: bytes) -> str | None:
        if kind not in EVENTS or self.target.is_code_set:
            return None
        return out.decode(self.target.script.codec or "", "replace")

    def _unmapped(self, token: bytes, step: Step) -> Outcome:
        out: bytes | None = None
        match self.options.on_unmapped:
            case "geta":
                out = self.target.literal(GETA)
            case "keep":
                out = step.kept
            case "escape":
                out = self._escaped(self.source.owner, token)
        return Outcome(out, "unmapped", character=step.character, text=step.text)

    def _escaped(self, owner: str, code: bytes) -> bytes | None:
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
        elif self.source.template is not None:
            return None
        else:
            return self._literal(shown)
        out = self.target.literal(plainer)
        comes_back = out is not None and self.back.bytes_for(out) == token
        return Outcome(out, "escape") if comes_back else self._literal(shown)

    def _live(self, owner: str, code: bytes, token: bytes) -> Outcome | None:
        """Return the code an escape stands for, if it is one that this target's own conversion escapes."""
        script = self.target.script
        is_double = script.is_shifted and len(code) == 2
        is_whole = self.back.tokens.is_whole(code) and (is_double or script.ascii(code) is None)
        if not is_whole or not self._is_owner(owner):
            return None
        standing = script.standing(code)
        if self.back.way.step(code).problem == "malformed":
            if self.options.malformed == "error":
                return Outcome(None, "malformed", text=f"&{owner}-{code.hex().upper()};")
            return Outcome(standing, "escape", lossy=True)  # it could join its neighbours
        if self.target.is_local(code) or self.back.bytes_for(standing) == token:
            text = script.decode(code) if script.is_unicode else None
            joins = text is not None and len(text) == 1 and is_extender(text)
            gone = self.options.on_unmapped == "geta" and self.back.way.step(code).out is None
            return Outcome(standing, "escape", lossy=joins or gone)
        return None

    def _is_owner(self, owner: str) -> bool:
        """Whether an escape's owner is the target, in capitals where the source has no small letters."""
        name = self.target.owner
        return owner == (name if self.source.script.code("a") else name.upper())

    def _literal(self, shown: str) -> Outcome:
        """Return look-alike text with one link more, so that it stays text."""
        head = f"&000000-text-{ord(shown[0]):02X};"
        return Outcome(self.target.literal(head + shown[1:]), "escape", text=shown)
