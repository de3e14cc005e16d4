"""The registry file that links a gaiji font into Windows (外字フォントのリンク).

Windows looks for a gaiji under HKEY_CURRENT_USER\\EUDC\\<code page for non-Unicode programs>: first at a value named
like the typeface, then at SystemDefaultEUDCFont; without either the gaiji is undefined.
Source: Microsoft Learn, Win32 Internationalization, EUDC and EUDCCodeRange. With the code page set to UTF-8 (65001)
the key 932 is not read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from gaiji.errors import BadInput

HEADER = "Windows Registry Editor Version 5.00"
KEY = r"HKEY_CURRENT_USER\EUDC"
DEFAULT = "SystemDefaultEUDCFont"
CODE_PAGES = (932, 936, 949, 950, 1361)
"""The subkeys that are documented; 932 is Japanese."""
LONGEST_TYPEFACE = 31
ANSI_LAST = 0xE757
"""The last code point that programs on code page 932 reach: F9FC of the 1,880 user-defined codes."""


class LinkFile(NamedTuple):
    """What a link file says (リンクの内容): which font serves every typeface, and which serve single ones."""

    code_page: int
    default: str | None
    typefaces: Mapping[str, str]


def link_file(font_path: str, *, typefaces: Sequence[str] = (), code_page: int = 932) -> bytes:
    """Return the .reg file that links a gaiji font (リンク用レジストリファイル), UTF-16LE with BOM and CRLF.

    font_path: where the font lies on the terminal, `C:\\Windows\\Fonts\\EUDC.TTE`. typefaces: the localized names of
    those that are to use it (`ＭＳ 明朝`); without any it becomes the default of all. Raises BadInput for a path that
    is not absolute, a typeface longer than 31 characters and a code page without a documented key.
    """
    if code_page not in CODE_PAGES:
        raise BadInput(
            f"コードページ {code_page} の外字の鍵は公開されていません。"
            f"{'・'.join(map(str, CODE_PAGES))} のどれかにしてください。UTF-8(65001)の端末は外字フォントを使いません。",
            f"There is no documented EUDC key for code page {code_page}; take one of "
            f"{', '.join(map(str, CODE_PAGES))}. A terminal set to UTF-8 (65001) uses none.",
        )
    if not re.fullmatch(r'[A-Za-z]:\\[^"*?<>|/:]+', font_path) or not font_path.isprintable():
        raise BadInput(
            f"端末での置き場所 {font_path} は使えません。C:\\Windows\\Fonts\\EUDC.TTE のように書いてください。",
            f"{font_path} is no place on a terminal; write one like C:\\Windows\\Fonts\\EUDC.TTE.",
        )
    for typeface in typefaces:
        if not 0 < len(typeface) <= LONGEST_TYPEFACE or not typeface.isprintable():
            raise BadInput(
                f"書体名 {typeface} は使えません。{LONGEST_TYPEFACE}文字までの書体名にしてください。",
                f"{typeface} is no typeface; names have up to {LONGEST_TYPEFACE} characters.",
            )
    values = [f'"{_escaped(name)}"="{_escaped(font_path)}"' for name in typefaces or (DEFAULT,)]
    lines = [HEADER, "", f"[{KEY}\\{code_page}]", *values, "", ""]
    return b"\xff\xfe" + "\r\n".join(lines).encode("utf-16le")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def read_link_file(data: bytes) -> LinkFile:
    """Return what a link file says (リンク用レジストリファイルの解釈).

    Raises BadInput for anything but documented keys with strings.
    """
    try:
        if not data.startswith(b"\xff\xfe"):
            raise ValueError("no byte order mark")
        lines = [line for line in data[2:].decode("utf-16le").split("\r\n") if line]
        key = re.fullmatch(re.escape(f"[{KEY}\\") + r"([0-9]+)\]", lines[1])
        if lines[0] != HEADER or key is None or int(key[1]) not in CODE_PAGES:
            raise ValueError(lines[:2])
        values = dict(map(_value, lines[2:]))
    except (ValueError, IndexError, UnicodeDecodeError) as error:
        raise BadInput(
            "外字フォントのリンク用レジストリファイルではありません。gaiji font build で作り直してください。",
            "This is no registry file that links a gaiji font; make it again with gaiji font build.",
        ) from error
    default = values.pop(DEFAULT, None)
    return LinkFile(int(key[1]), default, MappingProxyType(values))


def _value(line: str) -> tuple[str, str]:
    part = r'"((?:[^"\\]|\\.)*)"'
    found = re.fullmatch(f"{part}={part}", line)
    if found is None:
        raise ValueError(line)
    name, value = (re.sub(r"\\(.)", r"\1", text) for text in found.groups())
    return name, value
