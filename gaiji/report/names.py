"""One name from city to city (転入・転出の氏名): every step of the conversion, and every loss.

What is typed is read into the source's codes, and from there on it is the very conversion that `gaiji convert` runs:
the same resolver, the same bytes. Nothing of a name is kept or logged, and no error repeats what was typed.

Every character typed is in the text of exactly one step, in the order typed, whether the source has a code for it or
not; what cannot be read so is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from gaiji.charset.account import Facts
from gaiji.charset.conversion import Conversion, Pair
from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import BY_POLICY, Options, Outcome, Resolver
from gaiji.charset.targets import CodeSetSide, MjSide, Side, UnicodeSide
from gaiji.charset.ways import Kind
from gaiji.errors import BadName, Text, Where
from gaiji.report.nametyping import Typed, typed_pieces
from gaiji.wire.findings import Finding


class NameStep(NamedTuple):
    """One character on its way (一文字の過程). Codes are bare bytes; None where there is none.

    kind: of the conversion. relationship, ground: of the source's local code, target_relationship, target_ground of the
    target's. target_character: what the target's code means there. written: what a policy wrote. back: the source's
    bytes that the output is read back as. lossy: they are others.
    """

    typed: Typed
    code: bytes | None
    character: str | None
    relationship: str | None
    ground: str | None
    target: bytes | None
    kind: Kind
    target_character: str | None
    target_relationship: str | None
    target_ground: str | None
    written: str | None
    back: bytes | None
    lossy: bool
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Trace:
    """How one name goes from a code set to another end (氏名の変換の過程).

    data: its bytes at the source, None where a piece has no code there. out: what a conversion writes, None where it
    would stop, or has nothing to read.
    """

    facts: Facts
    steps: tuple[NameStep, ...]
    data: bytes | None
    out: bytes | None

    @property
    def losses(self) -> int:
        """How many characters do not come back as they were."""
        return sum(step.lossy for step in self.steps)

    @property
    def whole(self) -> bool:
        """Whether every character has a code at both ends and comes back."""
        arrived = all(step.code is not None and step.target is not None for step in self.steps)
        return arrived and not self.losses


def trace(
    text: str, source: Mapping, target: Mapping | str, options: Options | None = None
) -> Trace:
    """Return every step of one name from a code set to another (氏名の変換の過程).

    text: as typed, one line of at most 200 characters. target: another code set, or a target of a conversion. options:
    as for a conversion; on_unmapped `error` writes nothing for what the target has no code of. Raises BadName for what
    cannot be read as a name of this source, UnsupportedConversion as `Conversion`.
    """
    conversion = Conversion(source, target, options or Options())
    way = conversion.way
    side = way.source
    assert isinstance(side, CodeSetSide)
    pieces = typed_pieces(text, side)
    data = _source_bytes(text, pieces, conversion, side)
    steps, outs = [], []
    for piece in pieces:
        step, out = _step(piece, conversion, side)
        steps.append(step)
        outs.append(out)
    written = [out for out in outs if out is not None]
    whole = data is not None and len(written) == len(outs)
    out = way.target.script.joined(written) if whole else None
    return Trace(conversion.facts, tuple(steps), data, out)


def _source_bytes(
    name: str, pieces: Sequence[Typed], conversion: Conversion, side: CodeSetSide
) -> bytes | None:
    """Return a name's bytes at the source, None where a piece has no code there.

    Raises BadName where pieces side by side would be read there as other characters than were typed.
    """
    script, data = side.script, b""
    for has_code, run in groupby(pieces, key=lambda piece: piece.token is not None):
        if not has_code:
            continue
        typed = [(piece.token, piece.at) for piece in run if piece.token is not None]
        data = script.joined(script.standing(token) for token, _ in typed)
        cut = [one for one in conversion.resolver.tokens.cut(data)[0] if one not in script.shifts]
        if cut != [token for token, _ in typed]:
            changed = zip(typed, cut, strict=False)
            raise _joining(name, next(at for (token, at), one in changed if token != one))
    return data if all(piece.token is not None for piece in pieces) else None


def _joining(name: str, at: int) -> BadName:
    return BadName(
        f"{at + 1} 文字目は、続く文字と並べると変換元では別の一文字に読まれます。異体字セレクタは漢字そのものか "
        "U+9089 U+E010F の形で書き、外字のコードや MJ の番号の後には書かないでください。",
        f"Character {at + 1} and what follows it would be read at the source as one other character; write a variation "
        "selector after the character itself or like U+9089 U+E010F, not after a code or a name.",
        where=Where(byte_offset=len(name[:at].encode())),
    )


# --- one step


def _step(piece: Typed, conversion: Conversion, side: CodeSetSide) -> tuple[NameStep, bytes | None]:
    """Return one step, and the output in standing form."""
    if piece.token is None:
        return _without_code(piece, conversion, side), None
    target = conversion.way.target
    item = side.read(piece.token)
    outcome = conversion.resolver.resolve(piece.token)
    shape = side.repertoire.shape(item.text, item.jis or 2004) if item.text else None
    character = item.character or (shape and shape.id)
    back = conversion.resolver.back.bytes_for(outcome.out) if outcome.out else None
    step = NameStep(
        piece,
        piece.token,
        character,
        item.relationship,
        item.ground,
        *_at_target(outcome, target),
        None if back is None else side.script.bare(back),
        outcome.lossy,
        (),
    )
    return step._replace(findings=tuple(_findings(step, side, target))), outcome.out


def _without_code(piece: Typed, conversion: Conversion, side: CodeSetSide) -> NameStep:
    """Return the step of what the source has no one code for: the target's code is told all the same."""
    repertoire, target = side.repertoire, conversion.way.target
    reading: Side = MjSide(repertoire) if piece.character else UnicodeSide(repertoire)
    token = f"{piece.character} " if piece.character else piece.read or ""
    outcome = Resolver(Pair(reading, target), conversion.options).resolve(token.encode())
    step = NameStep(
        piece,
        None,
        piece.character,
        None,
        None,
        *_at_target(outcome, target),
        None,
        True,
        (),
    )
    step = step._replace(written=None)  # no conversion has it to write
    return step._replace(findings=tuple(_findings(step, side, target)))


def _at_target(
    outcome: Outcome, target: Side
) -> tuple[bytes | None, Kind, str | None, str | None, str | None, str | None]:
    """Return code, kind, character, relationship, ground at the target, and what a policy wrote."""
    if outcome.out is None or outcome.kind in BY_POLICY:
        return None, outcome.kind, None, None, None, _shown(outcome.out, target)
    code = target.script.bare(outcome.out)
    item = target.read(code)
    shape = target.repertoire.shape(item.text, item.jis or 2004) if item.text else None
    character = item.character or (shape and shape.id)
    relationship = item.relationship if target.is_code_set else None
    return code, outcome.kind, character, relationship, item.ground, None


def _shown(out: bytes | None, target: Side) -> str | None:
    if out is None:
        return None
    bare = target.script.bare(out)
    return target.script.ascii(out) or target.script.decode(bare) or bare.hex().upper()


# --- what there is to say of a step


def _findings(step: NameStep, source: CodeSetSide, target: Side) -> Iterator[Finding]:
    code = step.code.hex().upper() if step.code else step.character
    if step.typed.composed:
        yield _finding(
            "composed",
            "warning",
            f"仮名と濁点・半濁点の2文字で入力されたので、一字の「{step.typed.read}」として読みました。",
            f"A kana and a voicing mark were typed, two characters; they are read as the one {step.typed.read}.",
            code,
        )
    if step.code is None:
        yield _no_source_code(step, source)
    elif step.typed.character and step.typed.character != step.character:
        yield _finding(
            "typed-edition",
            "warning",
            f"入力した字は {step.typed.character} ですが、変換元のコード {code} が示す字形は {step.character} です。",
            f"What was typed is {step.typed.character}; the source's code {code} shows {step.character}.",
            code,
        )
    if step.target is None:
        yield _no_target_code(step, source, target)
        return
    if step.relationship == "substitute":
        yield _finding(
            "substitute",
            "gap",
            f"コード {code} は {step.character} で代替されています({step.ground or '根拠の記載なし'})。",
            f"Code {code} is substituted by {step.character} ({step.ground or 'no ground given'}).",
            code,
        )
    if step.character and step.target_character and step.character != step.target_character:
        yield _finding(
            "other-shape",
            "warning",
            f"変換先のコード {step.target.hex().upper()} が示すのは {step.target_character} です"
            f"(変換元は {step.character})。",
            f"The target's code {step.target.hex().upper()} shows {step.target_character}, the source's "
            f"{step.character}.",
            code,
        )
    if step.lossy and step.code is not None:
        back = step.back.hex().upper() if step.back else None
        yield _finding(
            "not-coming-back",
            "gap",
            f"戻すと {back or '何も得られず'}、元のコード {code} にはなりません。控えを残してください。",
            f"Converted back it is {back or 'nothing'}, not {code}; keep a note of the original.",
            code,
        )


def _no_source_code(step: NameStep, source: Side) -> Finding:
    if step.typed.several:
        codes = [code.hex().upper() for code in step.typed.several]
        example = f"&{source.owner}-{codes[0]};"
        return _finding(
            "several-codes",
            "gap",
            f"変換元ではコード {'・'.join(codes)} が同じ文字です。{example} のようにコードで入力してください。",
            f"At the source {', '.join(codes)} are one character; type the code, like {example}.",
            step.character,
        )
    found = Text("", ".")
    if step.target is not None:
        found = Text(
            "変換先のコードは文字そのものから求めました。",
            "; the target's was found from the character itself.",
        )
    return _finding(
        "not-in-source",
        "gap",
        f"この文字のコードは変換元の外字セットにありません。{found.ja}",
        f"The source's code set has no code for this character{found.en}",
        step.character,
    )


def _no_target_code(step: NameStep, source: CodeSetSide, target: Side) -> Finding:
    code = step.code.hex().upper() if step.code else None
    if step.kind == "malformed" and code:
        return _finding(
            "malformed",
            "error",
            f"コード {code} は変換元の文字コード体系の文字ではありません。入力を確かめてください。",
            f"Code {code} is no character of the source's charset; check what was typed.",
            code,
        )
    if step.character is not None:
        return _finding(
            "not-in-target",
            "gap",
            f"変換先 {_name(target)} に {step.character} のコードがありません。"
            "変換先で外字の登録か代替の決定が要ります。",
            f"{_name(target)} has no code for {step.character}; its city must register a gaiji or decide on a "
            "substitute.",
            code or step.character,
        )
    if step.code is None or not source.is_local(step.code):
        return _finding(
            "not-in-target",
            "gap",
            f"変換先 {_name(target)} にこの文字のコードがなく、表す共通文字もありません。"
            "変換先にある文字で入力してください。",
            f"{_name(target)} has no code for this character, and no shared character stands for it; type one that "
            "the target has.",
            code,
        )
    return _finding(
        "undecided",
        "gap",
        f"{_name(source)} のコード {code} の文字はまだ決まっていません。字形を見て gaiji decide で決めてください。",
        f"No character is decided for code {code} of {_name(source)}; look at its glyph and settle it with gaiji "
        "decide.",
        code,
    )


def _name(side: Side) -> str:
    """Return how people name an end: 252069/juki, or a target such as unicode."""
    return side.mapping.code_set if isinstance(side, CodeSetSide) else side.owner.partition("-")[2]


def _finding(code: str, level: str, ja: str, en: str, subject: str | None) -> Finding:
    return Finding(code, level, Text(ja, en), subject)  # type: ignore[arg-type]
