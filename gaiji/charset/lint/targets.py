"""What lint measures a text against (点検の変換先): a repertoire by name, or what a charset can write."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from gaiji.charset.charsets import FAMILIES, UNICODE, Jis, charset
from gaiji.charset.coding import WRITTEN_ONLY, coding
from gaiji.charset.mapping import Forms, Reduction, Repertoire
from gaiji.charset.standard import (
    juki_non_kanji,
    punctuated,
    x0208_repertoire,
    x0213_repertoire,
)
from gaiji.charset.targets import unique_reduction
from gaiji.errors import BadName, Text

REPERTOIRES = ("x0208", "x0213", "juki")
CHARSETS = tuple(name for name in FAMILIES if name not in UNICODE)
TARGETS = (*REPERTOIRES, *CHARSETS)


@dataclass(frozen=True)
class Target:
    """One target: its name, the JIS edition it shows, and whether it has a text."""

    name: str
    jis: Jis
    has: Callable[[str], bool]

    def holds(self, text: str, forms: Forms | None, repertoire: Repertoire) -> bool:
        """Whether a character can stand there: its text, its bare form in this edition, or its own code."""
        if self.has(text):
            return True
        if forms is None:
            return False
        if self.name in ("juki", "x0213"):
            return (forms.juki if self.name == "juki" else forms.x0213) is not None
        bare = repertoire.standard_text(forms.id, self.jis)
        return bare is not None and self.has(bare)

    def remedy(self, text: str, forms: Forms | None) -> Text:
        """Return the way out for a character that the target does not have."""
        if self.name == "juki":
            return Text(
                "残存外字です。--on-unmapped escape で変換するか、CSサーバーの割当てを求めてください。",
                "It is a residual: convert with --on-unmapped escape, or ask for an allocation of the server.",
            )
        found = [one for one in forms.reductions if self.has(one.target)] if forms else []
        best = self._best(forms, found)
        if best is not None:
            return Text(
                f"縮退マップで最上位なのは {best.target} だけです({best.ground})。人が確かめて決めてください。",
                f"The shrink map ranks only {best.target} first ({best.ground}); a person decides whether it will do.",
            )
        if found:
            several = "、".join(dict.fromkeys(one.target for one in found))
            return Text(
                f"縮退先は一つに決まりません({several})。人が決めてください。",
                f"No reduction is the only best one ({several}); a person has to decide.",
            )
        return Text(
            "縮退先がありません。--on-unmapped escape を選ぶか、この文字を持つ変換先にしてください。",
            "There is no reduction: choose --on-unmapped escape, or a target that has the character.",
        )

    def _best(self, forms: Forms | None, found: list[Reduction]) -> Reduction | None:
        return unique_reduction(forms._replace(reductions=tuple(found))) if forms else None


@cache
def target_of(name: str) -> Target:
    """Return a target by name. Raises BadName."""
    if name not in TARGETS:
        known = ", ".join(TARGETS)
        raise BadName(
            f"点検の変換先 {name[:20]} はありません。{known} から選んでください。",
            f"There is no target {name[:20]} to lint for; choose one of {known}.",
        )
    match name:
        case "x0208":
            return Target(name, 90, lambda text: text in x0208_repertoire())
        case "x0213":
            return Target(name, 2004, lambda text: punctuated(text, "jis") in x0213_repertoire())
        case "juki":
            return Target(name, 2004, lambda text: text in juki_non_kanji())
    made = charset(name)
    modes = coding(made).modes
    read = {text for mode in modes for text in mode.reading.values()}
    holds = {
        text for mode in modes for text in mode.writing if text in read or text not in WRITTEN_ONLY
    }
    return Target(name, made.jis, holds.__contains__)
