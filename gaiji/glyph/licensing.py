"""What a built font says of its name and licence (フォントの名前とライセンス).

IPA Font License Agreement v1.0, article 3: a derived font is passed on under the same licence, under another name in
font and file, and with the means to go back to the original. So whatever holds one outline of IPAmj is IPA's, and a
city's glyph may be in it only where its right is as wide. Hanazono's outlines ask for nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Literal

from gaiji.errors import Text
from gaiji.glyph.build import Licence, Provenance
from gaiji.glyph.donors import DONORS
from gaiji.glyph.reference import REFERENCE, FontSource, font_sources
from gaiji.wire.fonts import Scope

IPA_LICENCE = "https://moji.or.jp/ipafont/license/"
LONGEST_FAMILY, LONGEST_FULL = 31, 63
"""Characters that Windows keeps of a typeface's name, and that a PostScript name may have."""
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


def family_name(
    kind: Literal["codeset", "release", "server"], name: str, release: int, mark: str
) -> Text:
    """Return a font's family name (書体名), `外字 252069 juki r3 1a2b3c4d`; the reference font's name is not in it.

    mark: 8 hexadecimal digits that no other font has, for Windows takes two fonts of one name for one font.
    """
    return _named(kind, name, f" r{release} {mark}", LONGEST_FAMILY)


def full_name(
    kind: Literal["codeset", "release", "server"],
    name: str,
    release: int,
    mark: str,
    kept: Sequence[str],
) -> Text:
    """Return a font's full name (フォント名), `外字 252069 juki undecided r3 1a2b3c4d`.

    kept: what is in it, where that is not all: part, day, whose outlines.
    """
    parts = "".join(f" {part}" for part in kept)
    return _named(kind, name, f"{parts} r{release} {mark}", LONGEST_FULL)


def _named(
    kind: Literal["codeset", "release", "server"], name: str, end: str, longest: int
) -> Text:
    usual = {
        "codeset": Text("", ""),
        "release": Text("共通", "Council"),
        "server": Text("CS", "CS"),
    }
    shown = " ".join(part for part in name.split("/") if not is_reserved(part))
    room = longest - len(end)
    ja, en = (
        f"{first} {shown or other}"
        for first, other in zip(("外字", "Gaiji"), usual[kind], strict=True)
    )
    return Text(f"{ja[:room].rstrip()}{end}", f"{en[:room].rstrip()}{end}")


def unreserved(stem: str) -> str:
    """Return a file name without what a font derived from IPA's may not be called (使える名前)."""
    return re.sub(
        "[^.-]*ipa[^.-]*", lambda m: sha256(m[0].encode()).hexdigest()[:8], stem, flags=re.I
    )


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
            f"This derived font holds outlines of {original.title_en} ({original.edition}) and is licensed under the "
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


def is_ipas(origin: Provenance) -> bool:
    """Whether a glyph is under IPA's licence (IPAのライセンスか): the reference font's, or one that a city said is."""
    return origin.source == REFERENCE or is_ipas_licence(origin.licence)


def is_ipas_licence(licence: str | None) -> bool:
    """Whether a licence that a city named is IPA's (IPAのライセンスか), by its identifier or name."""
    return (licence or "").upper().startswith("IPA")


def licence_note(family: Text, licence: Licence, full: str | None) -> bytes:
    """Return the text file that goes with a font under somebody else's licence (ライセンスの添付文), both languages.

    full: the licence itself, as `reference.licence_text` gives it; where it is not at hand its address is told.
    """
    parts = [
        [name, text, licence.url, back]
        for name, text, back in zip(family, licence.text, licence.way_back, strict=True)
    ]
    told = "\n\n".join("\n".join(filter(None, part)) for part in parts)
    whole = full or "\n".join(
        (
            f"ライセンスの全文は {licence.url} にあります。フォントと一緒に渡してください。",
            f"The licence in full is at {licence.url}; hand it over with the font.",
        )
    )
    return f"{told}\n\n\n{whole.strip()}\n".replace("\r\n", "\n").encode()
