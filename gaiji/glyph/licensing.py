"""What a built font says of its name and licence (フォントの名前とライセンス).

IPA Font License Agreement v1.0, article 3: a derived font is passed on under the same licence, under another name in
font and file, and with the means to go back to the original. So whatever holds one outline of IPAmj is IPA's, and a
city's glyph may be in it only where its right is as wide. Hanazono's outlines ask for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from gaiji.errors import Text
from gaiji.glyph.build import Licence
from gaiji.glyph.donors import DONORS
from gaiji.glyph.reference import REFERENCE, FontSource, font_sources
from gaiji.wire.fonts import Scope

IPA_LICENCE = "https://moji.or.jp/ipafont/license/"
LONGEST_FAMILY = 31
"""Characters that Windows keeps of a typeface's name."""
WHOM: dict[Scope, Text] = {
    "unknown": Text("だれにも渡せません", "to nobody"),
    "member": Text(
        "その市の端末と印刷だけに使えます", "to the terminals and printer of its own city alone"
    ),
    "council": Text(
        "協議会の構成市、その共同サーバーと委託先だけに渡せます",
        "to members of the council, their shared servers and contractors alone",
    ),
    "public": Text("だれにでも渡せます", "to everybody"),
}


def family_name(kind: Literal["codeset", "release", "server"], name: str, release: int) -> Text:
    """Return a font's family name (書体名), `外字 252069 juki r3`; it never holds the reference font's name."""
    shown = " ".join(part for part in name.split("/") if "ipa" not in part.lower())
    ja, en = f"外字 {shown or '共通'}", f"Gaiji {shown or 'Council'}"
    room = LONGEST_FAMILY - len(f" r{release}")
    return Text(f"{ja[:room]} r{release}", f"{en[:room]} r{release}")


def is_reserved(file_name: str) -> bool:
    """Whether a file name holds what a font derived from IPA's may not be called (使えない名前)."""
    return "ipa" in file_name.lower()


def font_licence(subject: str, audience: Scope, used: Iterable[str]) -> Licence:
    """Return the licence of a font (フォントのライセンス). used: where its glyphs came from, as in `Provenance`."""
    sources = set(used)
    if "ipamj" in sources:
        return _derived(_source(REFERENCE))
    if sources == {"hanazono"} and audience == "public":
        return Licence(
            "LicenseRef-Hanazono",
            Text(
                "花園フォントの輪郭から作成。改変の有無に関わらず自由に利用・複製・再配布できます。無保証。",
                "Made from outlines of the Hanazono font: free to use, copy and distribute, with or without "
                "modification; without warranty.",
            ),
            _source(DONORS[0]).homepage,
        )
    whom = WHOM[audience]
    return Licence(
        f"LicenseRef-Gaiji-{audience}",
        Text(
            f"{subject} の外字フォント。{whom.ja}。字形ごとの提供者と利用条件は来歴ファイルにあります。",
            f"Gaiji font of {subject}. It may be given {whom.en}. Supplier and rights of every glyph are in the "
            "provenance file.",
        ),
    )


def _source(name: str) -> FontSource:
    return next(one for one in font_sources() if one.name == name)


def _derived(original: FontSource) -> Licence:
    where = f"{original.homepage}, Debian {original.package} {original.version}"
    return Licence(
        "IPA",
        Text(
            f"この派生フォントは{original.title}({original.edition})の輪郭を含み、IPAフォントライセンスv1.0のもとで"
            "配布されます。",
            f"This derived font holds outlines of {original.title} ({original.edition}) and is licensed under the "
            "IPA Font License Agreement v1.0.",
        ),
        IPA_LICENCE,
        Text(
            f"元のフォントに戻すには、このフォントを削除して元のフォント({where}、sha256 {original.sha256})を"
            "入れてください。",
            "To go back to the original font, remove this font and install the original "
            f"({where}, sha256 {original.sha256}).",
        ),
    )


def licence_note(family: Text, licence: Licence) -> bytes:
    """Return the text file that goes with a font under somebody else's licence (ライセンスの添付文), both languages."""
    parts = [
        [name, text, licence.url, back]
        for name, text, back in zip(family, licence.text, licence.way_back, strict=True)
    ]
    return "\n\n".join("\n".join(filter(None, part)) for part in parts).encode() + b"\n"
