"""What would close a gap, by stable code (不適合の解消の方法)."""

from __future__ import annotations

from dataclasses import dataclass

from gaiji.errors import Text
from gaiji.registry.gaps import Standing
from gaiji.registry.tables import OPEN_START
from gaiji.wire.fitgap import Against, GapKind

# What would close a gap; {s} is code set and code as `gaiji decide` takes them, {c} the character in
# question, {n} how many characters were proposed.
REMEDIES = {
    "decide-proposal": Text(
        "提案 {c} を確かめて決定します: gaiji decide {s} --character {c} --relationship equivalent"
        "(方針で決める場合は --policy)。",
        "Check the proposal {c} and decide it: gaiji decide {s} --character {c} --relationship "
        "equivalent (or a policy with --policy).",
    ),
    "choose-between-sources": Text(
        "資料が示す {n} 字({c})から字形を見て選び、gaiji decide {s} で決定します。",
        "Choose by eye between the {n} characters the sources give ({c}) and decide with "
        "gaiji decide {s}.",
    ),
    "identify-by-shape": Text(
        "文字を示す資料がありません。字形で同定し、gaiji decide {s} で決定します。",
        "No source says what it is; identify it by its shape and decide with gaiji decide {s}.",
    ),
    "register-own-character": Text(
        "提案はすべて否とされました。標準にない字なら独自の文字として登録します: gaiji decide {s} "
        "--character new --relationship equivalent。",
        "Every proposal was refused; if no standard has it, register the council's own character: "
        "gaiji decide {s} --character new --relationship equivalent.",
    ),
    "hand-in-glyph": Text(
        "字形も資料も届いていません。この字を含むフォントを受け入れるか、使われていないことを市に確かめます。",
        "Neither glyph nor source was handed in; take in a font that has it, or ask the city whether "
        "it is still in use.",
    ),
    "confirm-substitute": Text(
        "{c} で代替しています。代替のまま使うことを市に確かめるか、字形の合う文字を gaiji decide {s} で決定します。",
        "{c} stands in for it; confirm with the city that it stays so, or decide a character of the "
        "same shape with gaiji decide {s}.",
    ),
    "measure-against-gj": Text(
        "{c} は行政事務標準文字(MJ+)の追加文字です。--against GJ で測れば適合します。",
        "{c} is an addition of MJ+; measured with --against GJ it fits.",
    ),
    "propose-to-standard": Text(
        "{c} は協議会独自の文字です。標準への追加を提案し、入った版を読み込むまで不適合です。",
        "{c} is the council's own; it stays a gap until it is added to the standard and that edition "
        "is imported.",
    ),
    "share-by-publishing": Text(
        "{c} をほかの構成市は使っていません。公布すれば共通の表に加わり、ほかの市が使えば適合になります。",
        "No other member uses {c}; publishing adds it to the shared table, and it fits once another "
        "member uses it.",
    ),
}


@dataclass(frozen=True)
class Remedy:
    """What would close a gap (解消の方法): a stable code and a sentence."""

    code: str
    text: Text


def remedy(kind: GapKind, one: Standing, against: Against) -> Remedy:
    """Return what would close a gap of this kind, measured against this."""
    name, characters = _way(kind, one, against)
    earlier = f" --valid-from {one.first_day or OPEN_START}" if one.last_day else ""
    parts = {
        "s": f"{one.code_set} --code {one.code.hex().upper()}{earlier}",
        "c": "・".join(characters),
        "n": len(characters),
    }
    ja, en = REMEDIES[name]
    return Remedy(name, Text(ja.format(**parts), en.format(**parts | {"c": ", ".join(characters)})))


def _way(kind: GapKind, one: Standing, against: Against) -> tuple[str, list[str]]:
    open_ = [proposal for proposal in one.proposals if not proposal.refused]
    characters = list(dict.fromkeys(proposal.character for proposal in open_))
    decided = [one.character] if one.character else []
    if kind == "undecided":
        one_only = len(characters) == 1
        return "decide-proposal" if one_only else "choose-between-sources", characters
    if kind == "unmapped" and one.proposals:
        return "register-own-character", []
    if kind == "unmapped":
        return "identify-by-shape" if one.glyph else "hand-in-glyph", []
    if kind == "substitute":
        return "confirm-substitute", decided
    if against == "table":
        return "share-by-publishing", decided
    addition = any(character.startswith("GJ") for character in decided)
    return "measure-against-gj" if addition else "propose-to-standard", decided
