"""A small council for tests: real facts of MJ文字情報一覧表 006.02, small code sets over them."""

from __future__ import annotations

from datetime import date

from gaiji.charset.charsets import charset
from gaiji.charset.cutover import Cutover
from gaiji.charset.mapping import Forms, Mapping, Reduction, Repertoire, Row
from gaiji.charset.standard import x0208_repertoire

VS = {n: chr(0xE0100 + n) for n in range(0x20)}
TRANSITIVE = "戸籍統一文字情報_親字正字"


def _with_points(forms: list[Forms]) -> list[Forms]:
    """Give code points of the BMP to what JIS X 0208 lacks, as a release does."""
    lacking = [one.id for one in forms if one.ucs not in x0208_repertoire()]
    points = dict(zip(lacking, range(0xE000, 0xF900), strict=False))
    return [one._replace(pua=points.get(one.id)) for one in forms]


FORMS = _with_points(
    [
        Forms("MJ006454", "亜", "亜", juki=0x4E9C, x0213="亜", x0213_class=0),
        Forms("MJ010392", "山", "山", juki=0x5C71, x0213="山", x0213_class=0),
        Forms("MJ008064", "吉", "吉", juki=0x5409, x0213="吉", x0213_class=0),
        Forms("MJ032129", "𠮷", "𠮷", juki=0xAEAC, x0213="吉", x0213_class=0),
        Forms("MJ028901", "高", "高", juki=0x9AD8, x0213="高", x0213_class=0),
        Forms("MJ028902", "髙", "髙", juki=0x9AD9, x0213="高", x0213_class=2, x0213_rule="U145"),
        Forms("MJ026190", "邉", "邉", "邉" + VS[0xF], juki=0x9089, x0213="邉", x0213_class=0),
        Forms("MJ026192", None, "邉", "邉" + VS[0x1B], None, 0xBD49, "邉", 2, "U128"),
        Forms(
            "MJ026196",
            None,
            "邉",
            "邉" + VS[0x1D],
            juki=0xBD64,
            reductions=(
                Reduction("辺", "1-42-53", TRANSITIVE, 1, 1),
                Reduction("邊", "1-78-20", TRANSITIVE, 1, 1),
            ),
        ),
        Forms("MJ030196", "﨑", "﨑", "﨑" + VS[2], juki=0xFA11, x0213="﨑", x0213_class=0),
        Forms("MJ010541", "崎", "崎", juki=0x5D0E, x0213="崎", x0213_class=0),
        Forms("MJ022335", None, "葛", "葛" + VS[2], None, 0x845B, "葛", 2, "U150"),
        Forms("MJ022336", "葛", "葛", "葛" + VS[3], None, 0xB9D5, "葛", 0),
        Forms("MJ025760", None, "辻", "辻" + VS[2], None, 0x8FBB, "辻", 2, "U128"),
        Forms("MJ025761", "辻", "辻", "辻" + VS[3], None, 0xBC2F, "辻", 0),
        Forms("MJ018811", "神", "神", "神" + VS[2], None, 0x795E, "神", 0),
        Forms("MJ030211", "\ufa19", "神", "神" + VS[3], "神\ufe00", 0xFA19, "\ufa19", 0),
        Forms("MJ037321", "𢽾", "𢽾", juki=0x6569),
        Forms("MJ003774", "䏓", "䏓", juki=0x670A),
        Forms("MJ013582", None, "枩", "枩" + VS[4], juki=0x6730),
        Forms(
            "MJ003719",
            None,
            "䎟",
            allocation=0xF0001,
            reductions=(
                Reduction("姍", "2-05-47", "法務省告示582号別表第四_二", 1),
                Reduction("粫", "1-68-72", "法務省告示582号別表第四_二", 2),
            ),
        ),
        Forms("OM000001", allocation=0xF0000),
    ]
)
REPERTOIRE = Repertoire(FORMS)
CS1 = Cutover(
    "cs1",
    2,
    "c5" * 32,
    3,
    {
        "MJ003719": 0xE000,
        "OM000001": 0xE001,
        "MJ013582": 0xE010,
    },  # the last one has a J+ code by now
    {"252069/juki": {"MJ013582": bytes.fromhex("F04C")}},
    date(2021, 1, 1),
    frozenset({"252069/juki", "252085/host"}),
)
"""The plan of a shared CS server for these cities."""


def code(text: str) -> bytes:
    return bytes.fromhex(text)


JUKI_ROWS = (
    Row(code("F040"), "MJ026190", "equivalent"),  # also standard E7B3
    Row(code("F041"), "MJ030196", "equivalent"),  # also standard FAB1
    Row(code("F042"), "MJ022335", "design-difference"),  # the shape of 8A8B in a 90 set
    Row(code("F043"), "MJ022336", "equivalent"),
    Row(code("F044"), "MJ026192", "equivalent"),
    Row(code("F045"), "MJ026196", "equivalent"),
    Row(code("F046"), "MJ037321", "equivalent"),
    Row(code("F047"), "MJ003719", "equivalent"),
    Row(code("F048"), "OM000001", "equivalent"),
    Row(code("F049"), "MJ032129", "equivalent"),
    Row(code("F04A"), "MJ010541", "substitute", "窓口で確認"),
    Row(code("F04B"), "MJ013582", "equivalent"),  # two codes of one character
    Row(code("F04C"), "MJ013582", "design-difference"),
    Row(code("F04D"), "MJ003774", "not-related"),
    Row(code("F04E"), "MJ003774", "equivalent", None, None, date(2020, 3, 31)),
    Row(code("F04E"), "MJ025760", "equivalent", None, date(2020, 4, 1), None),
    Row(code("F9FC"), "MJ030211", "equivalent"),
)


def juki(*, jis: int | None = None, punctuation: str | None = None) -> Mapping:
    """The code set 252069/juki in cp932."""
    made = charset("cp932", jis=jis, punctuation=punctuation)
    return Mapping(3, "3a" * 32, "252069/juki", made, JUKI_ROWS, REPERTOIRE)


def zei(name: str = "utf-16le", *, punctuation: str | None = None) -> Mapping:
    """The code set 252085/zei in a Unicode charset: private-use codes of its own."""
    made = charset(name, punctuation=punctuation)
    text = {
        "\ue000": "MJ026196",
        "\ue001": "MJ037321",
        "\uf8ff": "MJ003719",
        "\U000f0005": "MJ026192",
    }
    rows = [Row(one.encode(made.encoding or ""), id, "equivalent") for one, id in text.items()]
    return Mapping(3, "5b" * 32, "252085/zei", made, rows, REPERTOIRE)


def other(*, jis: int | None = None) -> Mapping:
    """A second cp932 code set, 252107/zei, with other codes for some of the same characters."""
    rows = [
        Row(code("F140"), "MJ037321", "equivalent"),
        Row(code("F141"), "MJ026190", "equivalent"),
        Row(code("F040"), "OM000001", "equivalent"),
    ]
    return Mapping(3, "7c" * 32, "252107/zei", charset("cp932", jis=jis), rows, REPERTOIRE)
