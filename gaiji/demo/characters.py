"""Which characters the council's cities have as gaiji, and what their codes truly are (見本の外字).

Cities draw from one pool, weighted towards variants in family and place names, so that their gaiji overlap
as real ones do: the same character under other codes, the same code for other characters.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice
from typing import Literal

from gaiji import data
from gaiji.data import MjRow, NoteRow, PartsRow, RadicalRow, ReadingRow, ShrinkRow
from gaiji.demo.council import DECISIVE, CodeSetPlan
from gaiji.demo.drawing import Originals, Way

IN_NAMES = frozenset(
    "一丁七万三上下世丸久之乃九二五井亜京人今仁介代仲伊会佐何作保信倉倍偉健児元光全八公六内円冨冬別利前剛加助勇勝北十千"
    "半卓南博原友口古司吉名向吾呂周和品唐啓善喜嘉四園国土圭地坂坪垣城基堀堤塚塩境増夏夕外多大天太夫央奈奥女好姫子孝宇"
    "守安宏宗宜宝宮家容宿寄富寛寺寿小尚尾山岐岡岩岸岳峰島崎嵐嶋川州工左巻市布希帆常平年幸広序度庭康庵庄弓弘弥彦影徳心"
    "志忠恒恩恭恵悦愛慎慶成戸房所手扇才折掛敏敦文斉斎斧新方旭旗日旦早昇明星春昭是時晃晋晴智暁曲更曽最月有服望朝木末本"
    "札村杉条来東松板林枝枯柄柏柳柴柿栄栗株根桂桐桑桜梅梓梨森椎植椿楠榎榊槙樋横橋樹次止正武歩殿母毛民気水永汐江池沖沢"
    "河油治沼泉法波泰洋津浅浜浦海浩淳深清渕渡港湯湊源溝滝漆潮澄瀬灘火為烏熊父片牛牧犬猪玉王理琴瑞瓜甘生田由甲男町畑留"
    "畠白百皆直相真知石砂磯神祇祐祖祝祥福秀秋秦稲穂穴空立章竜竹笠笹筒箕範篠米粟糸紀細結絵綾緑緒縄織羽翁翔老聖肥育能臣"
    "舟良色芝花芦芳芹若英茂茅茨荒荘荻菅菊萩葉葛葦蒲蓮蔵薄薗藤蘇虎蛭街衣袋裕西見視角詩誉誠諏谷豊貞貝貴賀赤越足路車軽辺"
    "辻近迫逸進遊達遠郎郡部郷都酒里重野金釜鈴鉄鍋鎌鏡長門間関阪阿陣陽隅隆隈雄雅雨雪露青静音須領頭頼顕願風飛飯飾館首香"
    "馬駒高鬼魚鮎鮫鳥鳩鳴鴨鶴鷲鷹鹿麦麻黄黒鼻齋邊邉齊龍﨑髙吉"
)
"""Common in family, given and place names; their variants make up most gaiji."""

FAMOUS = ("MJ026190", "MJ030196", "MJ026199", "MJ032129", "MJ028902", "MJ022335")
"""Characters every city seems to have: 邉, 﨑, a variant of 邊, 𠮷, 髙, a form of 葛."""

WAYS: tuple[Way, ...] = ("beside", "above", "dotted")
POOL, DRAWN = 5_000, 90
Kind = Literal["", "dead-glyph", "dead-row", "twin", "substituted", "list-wrong", "reused"]


@dataclass(frozen=True)
class Recipe:
    """How a variant was drawn (作字): from one character or two that no reference character joins that way."""

    way: Way
    first: MjRow
    second: MjRow | None = None


@dataclass(frozen=True)
class Shape:
    """What a gaiji truly shows: a character of the reference set, or a variant somebody drew (作字).

    mj: its MJ name, None for a drawn one, which has a recipe; like: the reference row it is drawn from or
    whose reading is told.
    """

    id: str
    mj: str | None
    like: MjRow
    readings: tuple[str, ...]
    radical: int | None
    strokes: int | None
    recipe: Recipe | None = None


@dataclass(frozen=True)
class Slot:
    """One local code of a code set, or one of the two meanings of a reused one.

    said: what the city's list takes it for; juki: the J+ code its CS table transmits; told: whether the
    list carries the telling number; days: first and last day in the list, open where empty.
    """

    code: bytes
    shape: Shape
    said: Shape
    juki: str | None = None
    told: bool = True
    kind: Kind = ""
    days: tuple[str, str] = ("", "")

    @property
    def listed(self) -> bool:
        """Whether the city's list has a row for it."""
        return self.kind != "dead-glyph"

    @property
    def drawn(self) -> bool:
        """Whether the city's font has a glyph for it."""
        return self.kind != "dead-row" and not self.days[1]

    def plain(self, cells: set[str]) -> bool:
        """Whether a list with these cells names its character, and no other source says otherwise."""
        row = self.shape.like
        numbers = {
            "mj": row.name,
            "koseki": row.koseki,
            "touki": row.touki,
            "ivs": row.ivs,
            "sequence": row.ivs,
        }
        named = any(numbers[cell] for cell in cells & DECISIVE)
        return self.told and self.kind == "" and self.shape.mj is not None and named


@dataclass
class Pool:
    """The characters the council's cities choose from, with their weights."""

    seed: int
    originals: Originals
    shapes: dict[str, Shape] = field(init=False)
    weights: dict[str, float] = field(init=False)

    def __post_init__(self) -> None:
        rng = random.Random(f"{self.seed}/pool")
        found = {shape.id: (shape, weight) for shape, weight in self._weighed()}
        ranked = sorted(found, key=lambda name: _chance(rng, found[name][1]), reverse=True)
        chosen = sorted({*ranked[:POOL], *(name for name in FAMOUS if name in found)})
        drawable = self._drawable(chosen, [n for n in ranked[POOL:] if n not in FAMOUS])
        self.shapes = {name: found[name][0] for name in drawable}
        # what is common in one city is common in the next: a few characters are nearly everywhere
        self.weights = {
            name: found[wanted][1] * rng.paretovariate(0.8)
            for name, wanted in zip(drawable, chosen, strict=True)
        }
        for name in FAMOUS:
            self.weights[name] = 1e9
        self._add_drawn(rng)

    def _drawable(self, chosen: list[str], others: list[str]) -> list[str]:
        """Give the place of a character without an outline of its own to one of the others that has the same numbers.

        Else a city's glyph would be that of another character.
        """

        def is_own(name: str) -> bool:
            return self.originals.own(self.rows[name]) is not None

        def numbered(name: str) -> tuple[bool, ...]:
            row = self.rows[name]
            return tuple(
                number is not None for number in (row.juki, row.ivs, row.koseki, row.touki)
            )

        without = {name: numbered(name) for name in chosen if not is_own(name)}
        spare = {
            kind: filter(is_own, [name for name in others if numbered(name) == kind])
            for kind in set(without.values())
        }
        return [next(spare[without[name]]) if name in without else name for name in chosen]

    @property
    def rows(self) -> dict[str, MjRow]:
        """The reference set by name."""
        return self.originals.rows

    @cached_property
    def siblings(self) -> dict[str, list[MjRow]]:
        """Characters with a Juki code by the UCS they are variants of."""
        found = defaultdict[str, list[MjRow]](list)
        for row in self.rows.values():
            for base in self._bases(row) if row.juki else ():
                found[base].append(row)
        return found

    @cached_property
    def _shrinks(self) -> dict[str, set[str]]:
        found = defaultdict[str, set[str]](set)
        for row in data.read(ShrinkRow):
            found[row.name].add(row.ucs)
        return found

    @cached_property
    def _readings(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for reading in data.read(ReadingRow):
            found.setdefault(reading.name, []).append(reading.reading)
        return found

    @cached_property
    def _radicals(self) -> dict[str, int]:
        return {row.name: row.radical for row in data.read(RadicalRow)}

    def _bases(self, row: MjRow) -> set[str]:
        return {row.ucs or ""} | self._shrinks.get(row.name, set())

    def sibling(self, shape: Shape, rng: random.Random) -> MjRow | None:
        """Return another variant of the same base, as clerks substitute it."""
        bases = sorted(self._bases(shape.like))
        others = {
            r.name: r for base in bases for r in self.siblings.get(base, ()) if r.name != shape.mj
        }
        return others[rng.choice(sorted(others))] if others else None

    def _weighed(self) -> Iterable[tuple[Shape, float]]:
        places = {note.name for note in data.read(NoteRow) if note.note == "地名外字"}
        for row in self.rows.values():
            standard = row.own_ucs is not None and _in_jis_x_0208(row.own_ucs)
            if (
                (standard and row.name not in FAMOUS)
                or row.name not in self._readings
                or not self.originals.donor.has(row)
            ):
                continue
            weight = 12.0 if self._bases(row) & IN_NAMES else 4.0 if row.name in places else 1.0
            weight *= 1.0 if row.juki else 0.08
            yield self._shape(row), weight

    def _shape(self, row: MjRow) -> Shape:
        readings = tuple(self._readings[row.name][:3])
        return Shape(row.name, row.name, row, readings, self._radicals.get(row.name), row.strokes)

    def _add_drawn(self, rng: random.Random) -> None:
        parts = [
            row
            for row in self.rows.values()
            if row.own_ucs in IN_NAMES and 3 <= (row.strokes or 99) <= 12
        ]
        simple = [row for row in parts if (row.strokes or 0) <= 7]
        known = {row.ids[1:] for row in data.read(PartsRow) if len(row.ids) == 3}
        models = [
            shape
            for shape in self.shapes.values()
            if (shape.strokes or 0) > 12 and shape.id not in FAMOUS
        ]
        for number in range(1, DRAWN + 1):
            way = rng.choices(WAYS, (60, 25, 15))[0]
            if way == "dotted":
                model = rng.choice(models)
                made = replace(
                    model, mj=None, strokes=(model.strokes or 0) + 1, recipe=Recipe(way, model.like)
                )
            else:
                first, second = rng.choice(simple), rng.choice(parts)
                while f"{first.own_ucs}{second.own_ucs}" in known:
                    first, second = rng.choice(simple), rng.choice(parts)
                made = replace(
                    self._shape(second),
                    mj=None,
                    strokes=(first.strokes or 0) + (second.strokes or 0),
                    recipe=Recipe(way, first, second),
                )
            made = replace(made, id=f"drawn-{number:03}")
            self.shapes[made.id] = made
            self.weights[made.id] = rng.paretovariate(1.0) * 2

    def choose(self, rng: random.Random, count: int, familiar: Iterable[str] = ()) -> list[str]:
        """Return shape ids by weight, none twice; familiar: what the city has in another system already."""
        known = set(familiar)
        heavier = {
            name: weight * (6 if name in known else 1) for name, weight in self.weights.items()
        }
        ranked = sorted(heavier, key=lambda name: _chance(rng, heavier[name]), reverse=True)
        drawn = [name for name in ranked if name.startswith("drawn")][: count // 40]
        reference = [name for name in ranked if not name.startswith("drawn")]
        return reference[: count - len(drawn)] + drawn


def _chance(rng: random.Random, weight: float) -> float:
    """Weighted sampling without replacement: the largest u^(1/w) are the sample (Efraimidis, Spirakis)."""
    return float(rng.random() ** (1 / weight))


def _in_jis_x_0208(char: str) -> bool:
    try:
        return len(char.encode("euc_jp")) == 2
    except UnicodeEncodeError:
        return False


# --- one code set


def fill(plan: CodeSetPlan, pool: Pool, seed: int, familiar: Iterable[str] = ()) -> list[Slot]:
    """Return the slots of a code set in code order, every kind of realistic trouble among them."""
    rng = random.Random(f"{seed}/{plan.address}")
    names = pool.choose(rng, plan.count, familiar)
    rng.shuffle(names)
    twins = rng.sample(names, max(2, plan.count // 150))
    codes = _codes(plan, rng, plan.count + len(twins))
    slots = [
        _plain(plan, code, pool.shapes[name], rng) for code, name in zip(codes, names, strict=False)
    ]
    slots += [
        replace(_plain(plan, code, pool.shapes[name], rng), kind="twin")
        for code, name in zip(codes[len(names) :], twins, strict=True)
    ]
    _trouble(plan, slots, pool, rng)
    return sorted(slots, key=lambda slot: (slot.code, not slot.days[1]))


def _codes(plan: CodeSetPlan, rng: random.Random, count: int) -> list[bytes]:
    """Codes in the order a city gave them out: from the first free slot on, with a few left unused."""
    kept = (
        code for code in islice(plan.charset.user_codes(), plan.start, None) if rng.random() > 0.03
    )
    return list(islice(kept, count))


def _plain(plan: CodeSetPlan, code: bytes, shape: Shape, rng: random.Random) -> Slot:
    told = shape.mj is not None and rng.random() < plan.told
    return Slot(code, shape, shape, shape.like.juki if shape.mj else None, told)


def _trouble(plan: CodeSetPlan, slots: list[Slot], pool: Pool, rng: random.Random) -> None:
    """Change a few slots: dead codes, substitutions in the CS table, errors of the list, a reused slot."""
    sound = [at for at, slot in enumerate(slots) if slot.shape.mj and slot.kind == ""]
    rng.shuffle(sound)
    some = max(2, plan.count // 100)
    for kind in ("dead-glyph", "dead-row"):
        for at in (sound.pop() for _ in range(some)):
            slots[at] = replace(slots[at], kind=kind, told=slots[at].told and kind == "dead-row")
    for at in sound if plan.cs_table else ():
        if (
            slots[at].juki is None
            and rng.random() < 0.15
            and (other := pool.sibling(slots[at].shape, rng))
        ):
            slots[at] = replace(slots[at], kind="substituted", juki=other.juki)
    sound = [at for at in sound if slots[at].kind == ""]
    wrong = iter([at for at in sound if pool.sibling(slots[at].shape, rng)])
    for at in islice(wrong, 3 * some if plan.cs_table else 0):
        other = pool.sibling(slots[at].shape, rng)
        slots[at] = replace(slots[at], kind="substituted", juki=other and other.juki)
    for at in islice(wrong, some // 2 + 1):
        other = pool.sibling(slots[at].shape, rng)
        if other:
            said = replace(slots[at].said, id=other.name, mj=other.name, like=other)
            slots[at] = replace(slots[at], kind="list-wrong", said=said, told=True)
    if plan.columns.endswith("days"):
        at, before = next(wrong), next(wrong)
        old = replace(slots[at], shape=slots[before].shape, said=slots[before].shape, kind="reused")
        slots[at] = replace(slots[at], kind="reused", told=True, days=("平成22年4月1日", ""))
        slots.append(
            replace(old, told=True, juki=None, days=("昭和62年10月1日", "平成22年3月31日"))
        )
