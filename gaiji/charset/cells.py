"""Cells that a spreadsheet shows as they are (表計算でも変わらないセル): guarded when written, taken off when read.

A spreadsheet runs `=cmd`, and reads the code `81E1` as 8.10E+02, `000690` as 690, `2-08-03` as a day. What is written
for spreadsheets goes through `guarded`, and every reader of a city's table through `unguarded`.
"""

from __future__ import annotations

import re

FORMULA_STARTS = tuple("=+-@\t\r＝＋－＠")
_NUMBER = r"\d+E\d+|0\d+|\d{12,}"
_DAY = r"\d{1,2}[-/]\d{1,2}(?:[-/]\d{1,4})?|\d{3}-\d{1,2}-\d{1,2}|(?:DEC|FEB)\d{1,4}"
_OTHERWISE = re.compile(f"{_NUMBER}|{_DAY}", re.IGNORECASE)


def guarded(cell: object) -> str:
    """Return a cell as a spreadsheet shows it unchanged (表計算向けのセル); None is an empty one.

    What it would run gets a `'` in front; a code or number that it would read as another number or as a day becomes
    `="81E1"`, which it shows as 81E1. Days like 2027-01-04 stay days.
    """
    text = "" if cell is None else str(cell)
    if _would_run(text):
        return f"'{text}"
    return f'="{text}"' if _OTHERWISE.fullmatch(text) else text


def unguarded(cell: str) -> str:
    """Return a cell as it was before `guarded` (保護を外したセル), or before a city's own `="F040"`."""
    if cell.startswith('="') and cell.endswith('"') and len(cell) > 2:
        return cell[2:-1]
    return cell[1:] if cell[:1] == "'" and _would_run(cell) else cell


def _would_run(text: str) -> bool:
    """Whether a cell is a formula, with or without guards in front."""
    return text.lstrip("'").startswith(FORMULA_STARTS)
