"""Charsets as data (文字コード体系): names, options and user-defined areas with their private-use images.

A local code means nothing by itself: the same image U+E000 is CP932 F040, JEF 80A1, KEIS 81A1, JIPS(J)
7421 and IBM 6941. Every default here can be overridden by the code set (外字セット), because cities do:
one Fujitsu user table reads JEF 80A1 as U+E92E.

Sources of the areas: CP932 and eucJP-ms as registered by Microsoft and TOG/JVC; JEF, KEIS and JIPS(J) from
the vendors' manuals; IBM Kanji from the CDRA tables of 930/939 and 1390/1399. JIPS(E) has no default area:
it is JIPS(J) seen through the host's EBCDIC table, gaiji are known not to follow that table everywhere,
and no table in reach could be checked, so the code set must declare its own.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from gaiji.charset.areas import PRIVATE_USE, UserArea
from gaiji.errors import BadName, CodeOutsideArea, UnknownCharset

if TYPE_CHECKING:
    from gaiji.charset.codetable import CodeTable

TABLE_REVISION = 1  # raised when a built-in table below changes what a code means

Jis = Literal[78, 83, 90, 2004]
Punctuation = Literal["microsoft", "jis"]
Ebcdic = Literal["kana", "latin"]


@dataclass(frozen=True)
class Family:
    """What is fixed about a charset of one name: default areas, option defaults, Python's encoding if any."""

    areas: tuple[UserArea, ...]
    jis: Jis
    punctuation: Punctuation
    ebcdic: Ebcdic | None = None
    ebcdic_choice: bool = False
    encoding: str | None = None


def _area(span: str, trails: str, image: int) -> UserArea:
    first, last = span.split("-")
    ranges = tuple(
        (int(low, 16), int(high, 16)) for low, high in (part.split("-") for part in trails.split())
    )
    return UserArea(bytes.fromhex(first), bytes.fromhex(last), ranges, image)


def _private(encoding: str) -> tuple[UserArea, ...]:
    return tuple(
        UserArea(chr(low).encode(encoding), chr(high).encode(encoding), (), low, encoding)
        for low, high in PRIVATE_USE
    )


_G0 = _area("7421-7E7E", "21-7E", 0xE000)
_G1 = _area("E0A1-FEFE", "A1-FE", 0xE40A)
_KEIS = (_area("81A1-A0FE", "A1-FE", 0xE000),)
_IBM = (_area("6941-7FFE", "41-FE", 0xE000),)
_IBM_WIDE = (_area("6941-89BD", "41-FE", 0xE000),)
_EUC = (_area("F5A1-FEFE", "A1-FE", 0xE000), _area("8FF5A1-8FFEFE", "A1-FE", 0xE3AC))

FAMILIES: Mapping[str, Family] = {
    "cp932": Family(
        (_area("F040-F9FC", "40-7E 80-FC", 0xE000),),
        90,
        "microsoft",
        encoding="cp932",
    ),
    "eucjp-ms": Family(_EUC, 90, "microsoft"),
    "jef": Family((_area("80A1-A0FE", "A1-FE", 0xE000),), 78, "jis", "kana", True),
    "keis78": Family(_KEIS, 78, "jis", "kana", True),
    "keis83": Family(_KEIS, 83, "jis", "kana", True),
    "jips-j": Family((_G0, _G1), 78, "jis"),
    "jips-e": Family((), 78, "jis", "kana", True),
    "ibm930": Family(_IBM, 90, "jis", "kana"),
    "ibm939": Family(_IBM, 90, "jis", "latin"),
    "ibm1390": Family(_IBM_WIDE, 2004, "jis", "kana"),
    "ibm1399": Family(_IBM_WIDE, 2004, "jis", "latin"),
    "utf-16le": Family(_private("utf-16-le"), 2004, "microsoft", None, False, "utf-16-le"),
    "utf-16be": Family(_private("utf-16-be"), 2004, "microsoft", None, False, "utf-16-be"),
    "utf-8": Family(_private("utf-8"), 2004, "microsoft", None, False, "utf-8"),
}
"""Every charset of the public interface. Defaults of the options: `jis` is the edition whose shapes the
standard area shows (78 for JEF, KEIS78 and JIPS; 83 for KEIS83; 90 for CP932, eucJP-ms, IBM 930/939; 2004
for IBM 1390/1399 and the Unicode charsets); `punctuation` says how ～ ∥ － ￠ ￡ ￢ are read: microsoft for
CP932, eucJP-ms and the Unicode charsets, jis for the host charsets."""

NAMES: tuple[str, ...] = tuple(FAMILIES)
UNICODE = frozenset(name for name, family in FAMILIES.items() if name.startswith("utf-"))


@dataclass(frozen=True)
class Charset:
    """One charset as a code set declares it (文字コード体系): name, areas and options. Immutable."""

    name: str
    areas: tuple[UserArea, ...]
    jis: Jis
    punctuation: Punctuation
    ebcdic: Ebcdic | None = None
    table: CodeTable | None = None
    """An imported code table, which replaces and widens the standard area where it names a code."""

    def __post_init__(self) -> None:
        spans = sorted((self._order(area.first), self._order(area.last)) for area in self.areas)
        if any(two[0] <= one[1] for one, two in pairwise(spans)):
            raise self._overlap("コード", "codes")
        if any(two[0] <= one[1] for one, two in pairwise(self._images)):
            raise self._overlap("像", "images")

    def _overlap(self, ja: str, en: str) -> BadName:
        return BadName(
            f"{self.name} の外字領域の{ja}が重なっています。領域の定義を直してください。",
            f"User-defined areas of {self.name} overlap in their {en}; correct the declaration.",
        )

    def _order(self, code: bytes) -> tuple[int, bytes]:
        if self.is_unicode:
            return 0, code.decode(self.encoding or "utf-8").encode("utf-32-be")
        return len(code), code

    @cached_property
    def _images(self) -> list[tuple[int, int]]:
        return sorted((a.image, a.image + a.size - 1) for a in self.areas)

    @cached_property
    def _by_image(self) -> list[UserArea]:
        return sorted(self.areas, key=lambda area: area.image)

    @property
    def family(self) -> Family:
        """What is fixed about charsets of this name."""
        return FAMILIES[self.name]

    @property
    def encoding(self) -> str | None:
        """Python's name for the standard area, where one exists."""
        return self.family.encoding

    @property
    def is_unicode(self) -> bool:
        """Whether codes are Unicode text."""
        return self.name in UNICODE

    @property
    def user_count(self) -> int:
        """The number of codes in the user-defined areas."""
        return sum(area.size for area in self.areas)

    def user_codes(self) -> Iterator[bytes]:
        """Yield every code of the user-defined areas, in row order."""
        for area in self.areas:
            for position in range(area.size):
                yield area.code(position)

    def is_user_code(self, code: bytes) -> bool:
        """Whether the code lies in a user-defined area."""
        return self.image_of(code) is not None

    def image_of(self, code: bytes) -> int | None:
        """Return the private-use code point that stands for a local code, or None outside the areas."""
        for area in self.areas:
            if area.holds(code):
                return area.image + area.position(code)
        return None

    def code_of(self, image: int) -> bytes | None:
        """Return the local code whose image is this code point, or None."""
        at = bisect_right(self._images, (image, 0x110000)) - 1
        if at < 0 or image > self._images[at][1]:
            return None
        area = self._by_image[at]
        return area.code(image - area.image)

    def parse_code(self, text: str) -> bytes:
        """Return the bytes of a local code written in hex, e.g. `F040`.

        Raises BadName when it is not hex, CodeOutsideArea when it is in no user-defined area.
        """
        if not re.fullmatch(r"(?:[0-9A-Fa-f]{2}){1,4}", text):
            raise BadName(
                f"外字コード「{text[:20]}」は1〜4バイトの16進数ではありません。F040 のように書いてください。",
                f"Local code {text[:20]!r} is not 1 to 4 bytes in hex; write it like F040.",
            )
        code = bytes.fromhex(text)
        if not self.is_user_code(code):
            spans = " ".join(f"{a['first']}-{a['last']}" for a in self.areas_as_json())
            raise CodeOutsideArea(
                f"{text.upper()} は {self.name} の外字領域 ({spans or '未定義'}) の外です。"
                "領域の定義かコードを直してください。",
                f"{text.upper()} is outside the user-defined areas of {self.name} "
                f"({spans or 'none declared'}); correct the code or the declared areas.",
            )
        return code

    def areas_as_json(self) -> list[dict[str, Any]]:
        """Return the areas as a code set stores them."""
        return [area.as_dict() for area in self.areas]

    @cached_property
    def digest(self) -> str:
        """The sha256 of the canonical description, table revision included."""
        described = {
            "name": self.name,
            "areas": self.areas_as_json(),
            "jis": self.jis,
            "punctuation": self.punctuation,
            "ebcdic": self.ebcdic,
            "revision": TABLE_REVISION,
        } | ({"table": self.table.digest} if self.table else {})
        text = json.dumps(described, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


def charset(
    name: str,
    *,
    areas: Iterable[UserArea | Mapping[str, Any]] | None = None,
    jis: int | None = None,
    punctuation: str | None = None,
    ebcdic: str | None = None,
    table: CodeTable | None = None,
) -> Charset:
    """Return the charset (文字コード体系) of a name with a code set's options; None means the default.

    areas: UserArea or their JSON form. table: an imported code table of this charset. Raises UnknownCharset; BadName
    for an option this charset does not have, a table of another charset, and areas whose codes or images overlap.
    """
    family = FAMILIES.get(name)
    if family is None:
        raise UnknownCharset(
            f"文字コード体系「{name}」はありません。{', '.join(NAMES)} から選んでください。",
            f"There is no charset {name!r}; choose one of {', '.join(NAMES)}.",
        )
    one_of(name, "jis", jis, (78, 83, 90, 2004))
    one_of(name, "punctuation", punctuation, ("microsoft", "jis"))
    fixed = [family.ebcdic] if family.ebcdic else []
    one_of(name, "ebcdic", ebcdic, ("kana", "latin") if family.ebcdic_choice else fixed)
    if table is not None and table.base != name:
        raise BadName(
            f"コード表 {table.name} は {table.base} のもので、{name} では使えません。{name} の表を指定してください。",
            f"The code table {table.name} is one of {table.base}; {name} needs a table of its own.",
        )
    made = family.areas if areas is None else tuple(_read_area(family, area) for area in areas)
    return Charset(
        name,
        made,
        jis or family.jis,  # type: ignore[arg-type]
        punctuation or family.punctuation,  # type: ignore[arg-type]
        ebcdic or family.ebcdic,  # type: ignore[arg-type]
        table,
    )


def one_of(name: str, option: str, value: object, known: Sequence[object]) -> None:
    """Raise BadName unless the option is unset or has one of its known values."""
    if value is not None and value not in known:
        choice = ", ".join(map(str, known))
        raise BadName(
            f"{name} の {option} に {value} は使えません。"
            + (f"{choice} から選んでください。" if choice else "このオプションはありません。"),
            f"{name} cannot have {option} {value}; "
            + (f"choose one of {choice}." if choice else "it has no such option."),
        )


def _read_area(family: Family, area: UserArea | Mapping[str, Any]) -> UserArea:
    if isinstance(area, UserArea):
        return area
    try:
        image = area["image"]
        return UserArea(
            bytes.fromhex(area["first"]),
            bytes.fromhex(area["last"]),
            tuple((int(low), int(high)) for low, high in area["trails"]),
            int(image.removeprefix("U+"), 16) if isinstance(image, str) else int(image),
            None if area["trails"] else family.encoding,
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadName(
            "外字領域の定義には first・last(16進数)、trails(範囲の並び)、image(U+E000)が必要です。",
            "A user-defined area needs first and last (hex), trails (ranges) and image (U+E000).",
        ) from None
