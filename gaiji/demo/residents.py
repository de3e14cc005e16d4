"""Synthetic resident files (見本の住民ファイル): invented names, nobody real.

CSV lines without a header: 住民番号, 氏名, カナ, 生年月日, 性別, 郵便番号, 住所, 世帯主. Family names are
put together from parts, given names too; about one family in forty is written with a gaiji, few of them
often and most of them rarely, which makes about 0.5 % of the characters in names. Each file is in its code set's
charset: lines end with CR LF on small machines, and with the host's own line end where shift codes stand around
double-byte codes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby, islice

from gaiji.charset.charsets import Charset
from gaiji.charset.coding import coding
from gaiji.demo.characters import Slot
from gaiji.demo.council import City, CodeSetPlan
from gaiji.demo.sheets import half_width

FIRST = """
    山やま 田た 小こ 中なか 大おお 高たか 松まつ 村むら 木き 竹たけ 北きた 西にし
    東ひがし 南みなみ 上うえ 井い 石いし 森もり 谷たに 川かわ 藤ふじ 福ふく 吉よし
    今いま 金かね
"""
LAST = """
    田だ 本もと 川がわ 山やま 村むら 野の 井い 口ぐち 島しま 原はら 沢ざわ 木き
    崎さき 岡おか 谷たに 林ばやし 橋はし 上がみ 尾お 内うち 部べ 下した 瀬せ 森もり
    塚づか
"""
WITH_GAIJI = """
    田だ 野の 川がわ 本もと 村むら 山やま 井い 原はら 島じま 沢ざわ
"""
GIVEN_FIRST = """
    和かず 正まさ 美み 幸ゆき 一かず 明あき 恵え 直なお 智とも 裕ひろ 真ま 健けん
    千ち 久ひさ 英ひで 由ゆ 里り 文ふみ 光みつ 優ゆ 俊とし 義よし
"""
GIVEN_LAST = """
    子こ 美み 男お 雄お 也や 人と 江え 代よ 夫お 香か 太た 之ゆき 樹き 介すけ 実み
    一いち 司じ 彦ひこ 花か 菜な 斗と 郎ろう
"""
SPACE = "　"
GAIJI_SHARE = 0.025
FAMILIES = 4_000


def _parts(text: str) -> list[tuple[str, str]]:
    return [(word[0], word[1:]) for word in text.split()]


class Pen:
    """How a charset writes text (書き方), character by character from its table: no engine takes part.

    enter, leave: the shift codes around double-byte codes, empty where the charset has none.
    """

    def __init__(self, charset: Charset) -> None:
        self.codec = charset.encoding
        self.enter = self.leave = b""
        if self.codec:
            self.end = "\r\n".encode(self.codec)
            return
        coded = coding(charset)
        self._tables = coded.modes[0].writing, coded.modes[-1].writing
        self.end = coded.newline
        for code, mode in reversed(coded.shifts):  # the first of several is written
            self.enter, self.leave = (code, self.leave) if mode else (self.enter, code)

    def single(self, text: str) -> bytes:
        """Return single-byte codes. Raises KeyError where the charset has none."""
        return text.encode(self.codec) if self.codec else self._codes(text, 0)

    def double(self, text: str) -> bytes:
        """Return double-byte codes without the shift codes around them. Raises KeyError."""
        return text.encode(self.codec) if self.codec else self._codes(text, 1)

    def _codes(self, text: str, mode: int) -> bytes:
        return b"".join(self._tables[mode][char] for char in text)

    def write(self, text: str) -> bytes:
        """Return mixed text with its shift codes. Raises KeyError."""
        if self.codec:
            return text.encode(self.codec)
        runs = groupby(text, self._tables[0].__contains__)
        return b"".join(
            self.single("".join(run))
            if narrow
            else self.enter + self.double("".join(run)) + self.leave
            for narrow, run in runs
        )


def resident_file(
    plan: CodeSetPlan, city: City, slots: Sequence[Slot], records: int, seed: int
) -> bytes:
    """Return a resident file in the code set's charset with so many records.

    Only gaiji of which all the city's sources agree are used, so every one can be decided before.
    """
    rng = random.Random(f"{seed}/{plan.address}/residents")
    pen = Pen(plan.charset)
    families = _families(rng, plan, slots, pen)
    given = [
        (pen.double(f"{SPACE}{a}{b}") + pen.leave, pen.single(f" {half_width(x + y)},"))
        for a, x in _parts(GIVEN_FIRST)
        for b, y in _parts(GIVEN_LAST)
    ]
    births = [
        pen.single(f"{year}{month:02}{day:02},{sex},")
        for year in range(1925, 2025)
        for month in range(1, 13)
        for day in (3, 8, 14, 21, 27)
        for sex in (1, 2)
    ]
    homes = [pen.write(f"{home},") for home in _homes(rng, city)]
    owners = _owners(rng, families, records)
    own, born, live, other = (
        rng.choices(kind, k=records) for kind in (given, births, homes, given)
    )
    heads = rng.choices((True, False), (45, 55), k=records)
    comma = pen.single(",")
    numbers = (pen.single(str(int(city.code) * 10**5 + at)) for at in range(records))
    return b"".join(
        b"".join(
            (
                number,
                comma,
                family,
                name,
                comma,
                kana,
                sound,
                birth,
                home,
                family,
                name if head else second,
                pen.end,
            )
        )
        for number, (family, kana), (name, sound), birth, home, (second, _), head in zip(
            numbers, owners, own, born, live, other, heads, strict=True
        )
    )


def _owners(rng: random.Random, families: Sequence[Family], records: int) -> list[Name]:
    """One family name a record; a few of those with gaiji are frequent, most are rare."""
    common = [family for family, gaiji in families if not gaiji]
    rare = [family for family, gaiji in families if gaiji]
    owners = rng.choices(common, k=records)
    share = round(records * GAIJI_SHARE)
    popular = [1 / (rank + 1) ** 0.9 for rank in range(len(rare))]
    places = rng.sample(range(records), share)
    for at, owner in zip(places, rng.choices(rare, popular, k=share), strict=True):
        owners[at] = owner
    return owners


Name = tuple[bytes, bytes]
Family = tuple[Name, bool]
"""A name with its kana, and whether a gaiji is in it."""


def _families(
    rng: random.Random, plan: CodeSetPlan, slots: Sequence[Slot], pen: Pen
) -> list[Family]:
    """Family names, shift code included, with their kana, and whether a gaiji is in them."""
    found: list[Family] = []
    pairs = [(a, b) for a in _parts(FIRST) for b in _parts(LAST) if a[0] != b[0]]
    for (a, x), (b, y) in islice(pairs, FAMILIES):
        name, kana = pen.double(a + b), pen.single(half_width(x + y))
        found.append(((pen.enter + name, kana), False))
    usable = [slot for slot in slots if slot.plain(plan.cells)]
    rng.shuffle(usable)
    usable.sort(key=lambda slot: slot.shape.like.juki is None)
    others = _parts(WITH_GAIJI)
    for slot in usable:
        (char, sound), reading = rng.choice(others), slot.shape.readings[0]
        name, spoken = slot.code + pen.double(char), reading + sound
        if slot.shape.id == "MJ026190":
            name, spoken = pen.double("渡") + slot.code, "わたなべ"
        found.append(((pen.enter + name, pen.single(half_width(spoken))), True))
    return found


def _homes(rng: random.Random, city: City) -> list[str]:
    """Post code and address, as far as they are alike for many."""
    homes = []
    for _ in range(2_000):
        town = rng.randrange(len(city.towns))
        block = "－".join(_wide(rng.randint(1, most)) for most in (9, 30, 25)[: rng.randint(2, 3)])
        homes.append(f"{city.postal}-{town * 7 + 11:04},滋賀県{city.name}{city.towns[town]}{block}")
    return homes


def _wide(number: int) -> str:
    return "".join(chr(0xFF10 + int(digit)) for digit in str(number))


def trouble_files(
    plan: CodeSetPlan, city: City, slots: Sequence[Slot], seed: int
) -> dict[str, bytes]:
    """Return small files that cannot be converted as they are (問題のあるファイル), by name.

    unmapped: a code that the font has and the list lacks, and one that nobody registered; cut: its last
    double-byte character is cut in two; malformed: bytes that are no character.
    """
    rng = random.Random(f"{seed}/{plan.address}/trouble")
    pen = Pen(plan.charset)
    good = resident_file(plan, city, slots, 20, seed)
    lines = good.splitlines(keepends=True)
    used = {slot.code for slot in slots}
    dead = next(slot.code for slot in slots if slot.kind == "dead-glyph")
    free = [code for code in plan.charset.user_codes() if code not in used]
    family = lines[0].split(pen.single(","))[1]
    unmapped = list(lines)
    for at, code in ((3, dead), (11, rng.choice(free))):
        unmapped[at] = lines[0].replace(family, pen.double("山") + code + pen.double(f"{SPACE}花"))
    cut = good[: good.rindex(pen.double(city.name)) + 1]
    malformed = b"".join(lines[:5]) + b"\x85\x20\r\n" + b"".join(lines[5:])
    return {"unmapped.csv": b"".join(unmapped), "cut.csv": cut, "malformed.csv": malformed}
