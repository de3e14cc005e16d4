"""On which days the codes of a mapping mean what they mean on one of them (意味の変わる外字コード).

A city ends a slot and uses it again, by its own dates. A plan for a shared CS server is of one day, and where no day
is told a conversion takes the meanings without an end, some of which may yet have to begin. So who converts without
telling a day has to know whether these are the meanings of today.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from gaiji.charset.cutover import Cutover
from gaiji.charset.mapping import USABLE, Mapping, Row
from gaiji.errors import Text, UnsupportedConversion

ONE_DAY = timedelta(days=1)
Meaning = frozenset[tuple[str, bool]]
"""Characters, each with whether it is only stood for (代替)."""


def check_day(mapping: Mapping, plan: Cutover, today: date) -> None:
    """Raise UnsupportedConversion where a code of the mapping means something else today than on a plan's day."""
    changed = [
        (code, before, after)
        for code, rows in sorted(_dated(mapping).items())
        if (before := _meaning(rows, plan.as_of)) != (after := _meaning(rows, today))
    ]
    if not changed:
        return
    code, before, after = changed[0]
    subject, name = f"{mapping.code_set}/{code.hex().upper()}", f"{plan.server}/{plan.number}"
    one, other = _named(before, after), _named(after, before)
    raise UnsupportedConversion(
        f"外字 {subject} は、移行計画 {name} の基準日 {plan.as_of} では{one.ja}、今日 {today} では{other.ja}です"
        f"(このような外字は {len(changed):,} 字)。ファイルを書いた日を --as-of で指定するか、計画し直してください。",
        f"{subject} means {one.en} on {plan.as_of}, the day of cutover plan {name}, and {other.en} today, {today} "
        f"(codes like it: {len(changed):,}); tell the day the file was written with --as-of, or plan again.",
        code=subject,
        codes=len(changed),
    )


def check_open(mapping: Mapping, today: date) -> None:
    """Raise UnsupportedConversion where the meaning without an end begins after today in a slot that had another."""
    codes = [(turn, code) for code, turn in _turns(mapping) if turn > today]
    if not codes:
        return
    turn, code = min(codes)
    after = _named(_meaning(_dated(mapping)[code], None), frozenset())
    subject = f"{mapping.code_set}/{code.hex().upper()}"
    raise UnsupportedConversion(
        f"外字 {subject} は {turn} から{after.ja}になります(このような外字は {len(codes):,} 字)。ファイルを書いた日を "
        "--as-of で指定してください。",
        f"{subject} becomes {after.en} on {turn} (codes like it: {len(codes):,}); tell the day the file was written "
        "with --as-of.",
        code=subject,
        codes=len(codes),
    )


def open_since(mapping: Mapping) -> date | None:
    """Return the first day on which all meanings without an end hold; None: since ever."""
    return max((turn for _, turn in _turns(mapping)), default=None)


def _turns(mapping: Mapping) -> Iterator[tuple[bytes, date]]:
    """Yield every code that was used again, with the day on which the meaning without an end begins."""
    for code, rows in _dated(mapping).items():
        after = [row for row in rows if row.valid_to is None]
        begun = [row.valid_from for row in after if row.valid_from is not None]
        others = {row.character for row in rows} - {row.character for row in after}
        if begun and (others or code in mapping.reused):
            yield code, max(begun)


def days_kept(mapping: Mapping, day: date) -> tuple[date | None, date | None]:
    """Return the first and the last day around one between which no code changes its meaning; None: without end."""
    firsts, lasts = [], []
    for rows in _dated(mapping).values():
        now = _meaning(rows, day)
        ends = (row.valid_to for row in rows if row.valid_to is not None)
        turns = {row.valid_from for row in rows if row.valid_from is not None}
        turns |= {end + ONE_DAY for end in ends if end < date.max}
        firsts += [
            turn
            for turn in turns
            if date.min < turn <= day and _meaning(rows, turn - ONE_DAY) != now
        ]
        lasts += [turn - ONE_DAY for turn in turns if turn > day and _meaning(rows, turn) != now]
    return max(firsts, default=None), min(lasts, default=None)


def _dated(mapping: Mapping) -> dict[bytes, list[Row]]:
    """Return the rows of every code that has days of its own, by code."""
    codes = {row.code for row in mapping.rows if row.valid_from or row.valid_to}
    found: dict[bytes, list[Row]] = {}
    for row in mapping.rows:
        if row.code in codes and row.relationship in USABLE:
            found.setdefault(row.code, []).append(row)
    return found


def _meaning(rows: Iterable[Row], day: date | None) -> Meaning:
    return frozenset(
        (row.character, row.relationship == "substitute") for row in rows if row.in_force(day)
    )


def _named(meaning: Meaning, other: Meaning) -> Text:
    """Say a meaning beside another one: the characters, or how they stand where the characters are the same."""
    if not meaning:
        return Text("意味なし", "nothing")
    same = {character for character, _ in meaning} == {character for character, _ in other}
    told = sorted(
        f"{character} ({'substitute' if is_substitute else 'equivalent'})" if same else character
        for character, is_substitute in meaning
    )
    return Text("・".join(told) + " ", ", ".join(told))
