"""What was typed of a name, read into the source's codes (氏名の入力の読取り).

A gaiji can be typed as `&252069-juki-F040;`, as a shared character's name (`MJ026190`), as `U+9089 U+E010F`, as the
sequence itself, or pasted from a terminal of the source, whose private-use character is read as that city's image.
No error repeats what was typed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gaiji.charset.conversion import Pair
from gaiji.charset.standard import PAIRS
from gaiji.charset.targets import CodeSetSide, MjSide, Side, UnicodeSide
from gaiji.charset.ways import Kind, is_private, is_selector
from gaiji.errors import BadName, Where
from gaiji.wire.names import LONGEST

_LOCAL = r"&(?P<owner>[0-9]{6}-[A-Za-z0-9_-]{1,40})-(?P<code>(?:[0-9A-Fa-f]{2}){1,16});"
_POINT = r"[Uu]\+(?P<point>[0-9A-Fa-f]{4,6})"
_BEGUN = r"(?P<begun>&[0-9]{6}-|[Uu]\+[0-9A-Fa-f])"
_SPACED = re.compile(rf"[ ]{_POINT}")


class Typed(NamedTuple):
    """One piece of a name as it was typed, read into the source's code (入力の読取り).

    text: as typed, a private-use character as its escape. at: where that begins, in characters. read: the Unicode
    text it stands for, None for a code and for a name. token: its code at the source, bare; None without one.
    character: the shared character that was typed, where it was. kind: how text became the code. several: the codes
    among which nobody chose. composed: it was typed as a kana and a voicing mark, which are one kana.
    """

    text: str
    at: int
    read: str | None = None
    token: bytes | None = None
    character: str | None = None
    kind: Kind | None = None
    several: tuple[bytes, ...] = ()
    composed: bool = False


def typed_pieces(text: str, side: CodeSetSide) -> list[Typed]:
    """Return the pieces of a name as typed, in order (入力の読取り): their texts, one after the other, are the name.

    text: one line of at most 200 characters; a line end after it is left out. Raises BadName for what cannot be read
    as a name of this source.
    """
    pieces = list(_typed(_checked(text), side))
    after = [piece.text for piece in pieces[1:]] + [""]
    return [_apart(piece, text) for piece, text in zip(pieces, after, strict=True)]


def spelled(name: str) -> str:
    """Return a name whose private-use characters are numbers (番号で書いた氏名), to be typed again."""
    numbers = (f"U+{ord(one):06X}" if is_private(one) else one for one in name)
    return "".join(numbers)


def _apart(piece: Typed, after: str) -> Typed:
    """Return a piece whose number does not run into a digit behind it: U+E000 before A is U+00E000, six digits."""
    if not re.match("[0-9A-Fa-f]", after):
        return piece
    text = re.sub("U\\+([0-9A-F]{4,5})$", lambda found: f"U+{found[1]:0>6}", piece.text)
    return piece._replace(text=text)


def _checked(text: str) -> str:
    """Return a name without the line end after it. Raises BadName."""
    name = text.removesuffix("\n").removesuffix("\r")
    if not name.strip():
        raise BadName("氏名がありません。一つ入力してください。", "There is no name; type one.")
    if len(re.sub(_LOCAL, "?", name)) > LONGEST:
        raise BadName(
            f"氏名が {LONGEST} 字より長いため読めません。一人分だけ入力してください。",
            f"The name has more than {LONGEST} characters; give one name alone.",
        )
    for at, char in enumerate(name):
        if _is_control(char):
            raise BadName(
                f"{at + 1} 文字目が改行などの制御文字です。一行に一人分だけ入力してください。",
                f"Character {at + 1} is a control character, such as a line end; give one name in one line.",
                where=Where(byte_offset=len(name[:at].encode("utf-8", "replace"))),
            )
    return name


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char == "\ufeff"


class _Char(NamedTuple):
    """One character of text (一文字): what it is, how it was typed, and where that begins."""

    char: str
    text: str
    at: int
    composed: bool = False


def _joined(chars: Sequence[_Char]) -> list[_Char]:
    """Return characters with each kana and its combining voicing mark as the one kana they are (濁点の合成).

    か and U+3099 are が. Where there is no such kana both stay: か゚ is two code points everywhere. Kanji are never
    normalized, for that would make others of them.
    """
    found: list[_Char] = []
    for one in chars:
        kana = _kana(found[-1].char, one.char) if found else None
        if kana is not None:
            before = found.pop()
            one = _Char(kana, before.text + one.text, before.at, True)
        found.append(one)
    return found


def _kana(before: str, mark: str) -> str | None:
    """Return the one kana that a kana and a combining voicing mark make, None where there is none."""
    if mark not in ("\u3099", "\u309a") or not "\u3041" <= before <= "\u30ff":
        return None
    kana = unicodedata.normalize("NFC", before + mark)
    return kana if len(kana) == 1 else None


def _typed(name: str, side: CodeSetSide) -> Iterator[Typed]:
    """Yield the pieces of a name, each read into the source's code.

    Text is read as one, however its characters were spelled: `か` and `U+309A` are か゚, as they are when pasted, and
    `か` and `U+3099` are が.
    """
    names = "|".join(sorted(side.repertoire.namespaces))
    notation = re.compile(rf"{_LOCAL}|{_POINT}|(?P<id>(?:{names})[0-9]{{6}})|{_BEGUN}")
    text_side, mj = UnicodeSide(side.repertoire), MjSide(side.repertoire)
    text: list[_Char] = []
    at = 0
    while at < len(name):
        found = notation.match(name, at)
        if found is None:
            text.append(_Char(name[at], name[at], at))
            at += 1
        elif found["point"]:
            text.append(_point(found))
            at = found.end()
            while (spaced := _SPACED.match(name, at)) and _extends(text[-1].char, _point(spaced)):
                text.append(_point(spaced))
                at = spaced.end()
        elif found["begun"]:
            raise _bad_notation(found, f"&{side.owner}-F040;" if name[at] == "&" else "U+9089")
        else:
            if found["id"] and _runs_into(found, notation, text):
                raise _bad_notation(found, "MJ026190")
            yield from _read_text(text, text_side, side)
            text = []
            yield _read_id(found, mj, side) if found["id"] else _read_local(found, side)
            at = found.end()
    yield from _read_text(text, text_side, side)


def _point(found: re.Match[str]) -> _Char:
    """Return the character of one `U+9089`. Raises BadName where there is none, or no name has it."""
    point = int(found["point"], 16)
    if point > 0x10FFFF or _is_control(chr(point)):
        raise _refused(
            found,
            "は氏名の文字の番号ではありません(範囲外か制御文字)。U+9089 U+E010F のように書いてください。",
            "is no character of a name (out of range, or a control); write it like U+9089 U+E010F.",
        )
    return _Char(chr(point), found[0], found.start())


def _extends(before: str, one: _Char) -> bool:
    """Whether a space between two `U+` belongs to how one character is spelled; any other space was typed as such."""
    selects = is_selector(one.char) and not is_selector(before)
    return selects or before + one.char in PAIRS or _kana(before, one.char) is not None


def _runs_into(found: re.Match[str], notation: re.Pattern[str], text: Sequence[_Char]) -> bool:
    """Whether a name has letters or digits beside it, so that nobody knows where it begins or ends."""
    name, end = found.string, found.end()
    after = name[end : end + 1]
    is_plain = bool(text) and len(text[-1].text) == 1 and text[-1].at == found.start() - 1
    before = text[-1].char if is_plain else ""
    runs_on = _is_word(after) and notation.match(name, end) is None
    return runs_on or _is_word(before)


def _is_word(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _bad_notation(found: re.Match[str], example: str) -> BadName:
    return _refused(
        found,
        f"の書き方を読めません。{example} のように書いてください。",
        f"cannot be read; write it like {example}.",
    )


def _refused(found: re.Match[str], ja: str, en: str) -> BadName:
    """Return the error for what begins at a place, without repeating it."""
    at = found.start() + 1
    return BadName(
        f"{at} 文字目から{ja}",
        f"What begins at character {at} {en}",
        where=Where(byte_offset=len(found.string[: found.start()].encode())),
    )


def _read_local(found: re.Match[str], side: CodeSetSide) -> Typed:
    """Return the piece of a code. Raises BadName where it is none of the source's local codes."""
    code, source = bytes.fromhex(found["code"]), side.mapping.code_set
    if found["owner"].lower() != side.owner.lower():
        raise _refused(
            found,
            f"は別の外字セットのコードです。変換元 {source} のコードか、文字そのものを入力してください。",
            f"is a code of another code set; type a code of the source, {source}, or the character itself.",
        )
    if not side.tokens(UnicodeSide(side.repertoire)).is_whole(code):
        raise _refused(
            found,
            f"は {source} の一文字のコードではありません。コードを一つずつ入力してください。",
            f"is not the code of one character in {source}; type one code at a time.",
        )
    if not side.is_local(code):
        raise _refused(
            found,
            f"は {source} の外字領域の外のコードです。標準の文字は文字そのものを入力してください。",
            f"lies outside the user-defined area of {source}; type a standard character as itself.",
        )
    return Typed(found[0], found.start(), None, code)


def _read_id(found: re.Match[str], mj: MjSide, side: CodeSetSide) -> Typed:
    id = found["id"]
    if side.repertoire.get(id) is None:
        raise _refused(
            found,
            "は共通文字にも基準文字集合にもない名前です。番号を確かめて入力し直してください。",
            "names no shared character and none of the reference set; check its number and type it again.",
        )
    return _coded(Typed(found[0], found.start(), None, None, id), f"{id} ".encode(), mj, side)


def _read_text(
    chars: Sequence[_Char], text_side: UnicodeSide, side: CodeSetSide
) -> Iterator[Typed]:
    chars, at = _joined(chars), 0
    for token in text_side.tokens(side).cut("".join(one.char for one in chars).encode())[0]:
        text = token.decode()
        # letters that spell an escape together were typed as letters
        for unit in [text] if len(text) <= 2 else text:
            yield _read_unit(unit, chars[at : at + len(unit)], text_side, side)
            at += len(unit)


def _read_unit(
    unit: str, chars: Sequence[_Char], text_side: UnicodeSide, side: CodeSetSide
) -> Typed:
    """Return the piece of one character or sequence."""
    if is_private(unit) and (code := side.charset.code_of(ord(unit))) is not None:
        pasted = is_private(chars[0].text)
        text = f"&{side.owner}-{code.hex().upper()};" if pasted else chars[0].text
        return Typed(text, chars[0].at, unit, code)
    item = text_side.read(unit.encode())
    forms = side.repertoire.shape(item.text) if item.text else None
    shown = [f"U+{ord(one.text):04X}" if is_private(one.text) else one.text for one in chars]
    character = item.character or (forms.id if forms else None)
    composed = any(one.composed for one in chars)
    piece = Typed("".join(shown), chars[0].at, unit, None, character, composed=composed)
    return _coded(piece, unit.encode(), text_side, side)


def _coded(piece: Typed, token: bytes, reading: Side, side: CodeSetSide) -> Typed:
    """Return what was typed with the source's code for it, as a conversion into the source writes it."""
    step = Pair(reading, side).step(token)
    if step.out is not None:
        return piece._replace(token=side.script.bare(step.out), kind=step.kind)
    local = side.local_codes(piece.character) if piece.character else []
    return piece._replace(several=tuple(map(side.script.bare, local)))
