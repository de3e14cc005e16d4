"""Resident files read without the engine and its tables: by Python's codecs, shift codes, and glibc for IBM."""

import re
import shutil
import subprocess

from gaiji.demo.council import CodeSetPlan

SHIFTS = {
    "jef": (b"\x28", b"\x29"),
    "keis83": (b"\x0a\x42", b"\x0a\x41"),
    "jips-e": (b"\x3f\x75", b"\x3f\x76"),
    "ibm939": (b"\x0e", b"\x0f"),
}
NEWLINES = {"jef": b"\x15", "keis83": b"\x25", "jips-e": b"\x15", "ibm939": b"\x25"}
KANA = (
    "41｡ 42｢ 43｣ 44､ 45･ 46ｦ 47ｧ 48ｨ 49ｩ 51ｪ 52ｫ 53ｬ 54ｭ 55ｮ 56ｯ 58ｰ 81ｱ 82ｲ 83ｳ 84ｴ 85ｵ 86ｶ 87ｷ 88ｸ 89ｹ 8Aｺ 8Cｻ 8Dｼ "
    "8Eｽ 8Fｾ 90ｿ 91ﾀ 92ﾁ 93ﾂ 94ﾃ 95ﾄ 96ﾅ 97ﾆ 98ﾇ 99ﾈ 9Aﾉ 9Dﾊ 9Eﾋ 9Fﾌ A2ﾍ A3ﾎ A4ﾏ A5ﾐ A6ﾑ A7ﾒ A8ﾓ A9ﾔ AAﾕ ACﾖ ADﾗ "
    "AEﾘ AFﾙ BAﾚ BBﾛ BCﾜ BDﾝ BEﾞ BFﾟ"
)
"""Half-width kana where EBCDIK has them; digits, space, comma and hyphen are those of every EBCDIC."""
SINGLE = {int(word[:2], 16): word[2] for word in KANA.split()} | {
    text.encode("cp500")[0]: text for text in "0123456789 ,-"
}
TO_CP500 = bytes.maketrans(b"\xe0\x5b\x6a", b"\x5b\xe0\xbb")
"""$ \\ and | have places of their own in NEC's table from JIS-8 to EBCDIC; the other ASCII is as in code page 500."""
Character = str | bytes
"""Text, or the bytes of a local code."""


def characters(data: bytes, plan: CodeSetPlan) -> list[Character]:
    """Every character of a resident file, a host's line ends as \\n; fails at a code that no table here has."""
    if codec := plan.charset.encoding:
        text = data.decode(codec)
        return [one.encode(codec) if "\ue000" <= one <= "\uf8ff" else one for one in text]
    enter, leave = SHIFTS[plan.charset_name]
    assert data.endswith(NEWLINES[plan.charset_name])
    found: list[Character] = []
    parts = re.split(re.escape(enter) + b"(.*?)" + re.escape(leave), data, flags=re.DOTALL)
    for at, part in enumerate(parts):
        if at % 2:
            codes = [part[i : i + 2] for i in range(0, len(part), 2)]
            found += [_double(code, plan) for code in codes]
        else:
            found += [_single(byte, plan) for byte in part]
    return found


def _single(byte: int, plan: CodeSetPlan) -> str:
    if bytes([byte]) == NEWLINES[plan.charset_name]:
        return "\n"
    return glibc(bytes([byte])) if plan.charset_name == "ibm939" else SINGLE[byte]


def _double(code: bytes, plan: CodeSetPlan) -> Character:
    if plan.charset.is_user_code(code):
        return code
    if plan.charset_name == "ibm939":
        return glibc(b"\x0e" + code + b"\x0f")
    if code in (b"\x40\x40", b"\x4f\x4f"):
        return "\u3000"
    if plan.charset_name == "jips-e":
        code = code.translate(TO_CP500).decode("cp500").encode("ascii")
    return bytes(byte | 0x80 for byte in code).decode("euc_jp")


_KNOWN: dict[bytes, str] = {}


def glibc(code: bytes) -> str:
    """What glibc's IBM939 reads in a code."""
    if code not in _KNOWN:
        done = subprocess.run(
            ["iconv", "-f", "IBM939", "-t", "UTF-8"], input=code, capture_output=True, check=True
        )
        _KNOWN[code] = done.stdout.decode()
    return _KNOWN[code]


def is_readable(plan: CodeSetPlan) -> bool:
    """Whether what it takes to read the charset is here."""
    return plan.charset_name != "ibm939" or shutil.which("iconv") is not None
