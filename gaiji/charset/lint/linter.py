"""Counting and placing what is found in one file (点検の集計): each distinct token is judged once, then counted.

Memory is bounded whatever the size. The findings do not depend on how the input arrives.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Any, Generic

from gaiji.charset.charsets import Charset
from gaiji.charset.lint.checks import CHECKS
from gaiji.charset.lint.judge import Fact, Hit, Judge, points
from gaiji.charset.lint.reader import SHIFT, CodeReader, Reader, TextReader, Token
from gaiji.charset.lint.suspicion import Sample
from gaiji.charset.ways import MARK
from gaiji.errors import Text, Where
from gaiji.wire.lint import LintFinding, LintTotal

MAX_PLACES = 100
PLACES_IN_ALL = 10_000
MAX_SUBJECTS = 1_000
JUDGED_LIMIT = 100_000
LEVELS = ("error", "gap", "warning", "fit")
DAMAGE = frozenset({"malformed", "lone-surrogate", "only-shift-jis-2004", "cut-off"})


@dataclass(frozen=True)
class Judging(Generic[Token]):
    """How tokens of a reader are judged: what is found, and whether it is plainly Japanese."""

    hits: Callable[[Token], Iterator[Hit]]
    is_japanese: Callable[[Token], bool]


def _judge_text(judge: Judge) -> Judging[str]:
    """Judge what a TextReader gives."""

    def judged(token: str) -> Iterator[Hit]:
        if "\ud800" <= token[0] <= "\udfff":
            yield _damaged(token, judge.charset)
        else:
            yield from judge.text(token)

    return Judging(judged, _is_japanese)


def _damaged(token: str, charset: Charset) -> Hit:
    if charset.name == "utf-8":
        data = token.encode("utf-8", "surrogateescape")
        if len(data) == 1:
            return Hit("malformed", data.hex().upper(), {"charset": charset.name})
        halves = data.decode("utf-8", "surrogatepass")
        if len(halves) == 2:
            meant = halves.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
            told = Text(f"(本来は {meant} {points(meant)})", f" (meant: {meant} {points(meant)})")
            return Hit("lone-surrogate", data.hex().upper(), {"meant": told})
        return Hit("lone-surrogate", points(halves), {"meant": ""})
    return Hit("lone-surrogate", points(token), {"meant": ""})


def _judge_codes(judge: Judge, reader: CodeReader) -> Judging[bytes]:
    """Judge what a CodeReader gives: the code, then the text it reads as."""

    def judged(token: bytes) -> Iterator[Hit]:
        mode, code = reader.split(token)
        if mode == SHIFT:
            if reader.is_doubled(token):
                yield Hit("shift-doubled", code.hex().upper(), {})
            return
        if mode and code == reader.newline:
            yield Hit("shift-unclosed", "", {})
        text = reader.text(token)
        if text is None and reader.is_untabled(token):
            yield Hit("untabled", code.hex().upper(), {"charset": judge.charset.name})
            return
        yield from judge.code(code, text, reader.written(token))
        if text is not None and not judge.charset.is_user_code(code):
            yield from judge.text(text)

    def is_japanese(token: bytes) -> bool:
        is_shift = reader.split(token)[0] == SHIFT
        return not is_shift and _is_japanese(reader.text(token) or "\0")

    return Judging(judged, is_japanese)


def _is_japanese(token: str) -> bool:
    """Whether a character is kana or a kanji that is no compatibility ideograph."""
    first = token[0]
    return "\u3005" <= first <= "\u30ff" or "\u3400" <= first <= "\u9fff" or first >= "\U00020000"


@dataclass
class Seen:
    """One subject of one check: the facts of its sentence, count, first places (record, byte offset)."""

    facts: Mapping[str, Fact]
    count: int = 0
    places: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Total:
    """One check so far: its subjects, places kept, and occurrences of subjects beyond the limit."""

    seen: dict[str, Seen] = field(default_factory=dict)
    places: int = 0
    left_out: int = 0

    def note(self, hit: Hit, count: int) -> bool:
        """Count a subject and return whether more of its places are wanted."""
        seen = self.seen.get(hit.subject)
        if seen is None:
            if len(self.seen) >= MAX_SUBJECTS:
                self.left_out += count
                return False
            seen = self.seen[hit.subject] = Seen(hit.facts)
        seen.count += count
        return self.wants(seen)

    def wants(self, seen: Seen) -> bool:
        """Whether another place of a subject is kept: always its first one."""
        room = len(seen.places) < MAX_PLACES and self.places < PLACES_IN_ALL
        return room or not seen.places

    def place(self, hit: Hit, record: int, at: int) -> bool:
        """Keep a place of a subject and return whether more are wanted."""
        seen = self.seen.get(hit.subject)
        if seen is None or not self.wants(seen):
            return False
        seen.places.append((record, at))
        self.places += 1
        return self.wants(seen)


class Linter(Generic[Token]):
    """Counts and places what is found in the tokens of one file."""

    def __init__(self, reader: Reader[Token], judging: Judging[Token]) -> None:
        self._reader: Reader[Token] = reader
        self._judging: Judging[Token] = judging
        self._judged: dict[Token, tuple[Hit, ...]] = {}
        self._native: set[Token] = set()
        self._found: dict[str, Total] = {}
        self.bytes = self.characters = self.japanese = 0
        self._newlines = 0
        self._last: Token | None = None

    @property
    def records(self) -> int:
        """Lines, the last one counted even without its end."""
        return self._newlines + (self._last is not None and self._last != self._reader.newline)

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Judge and count more of the file."""
        tokens = self._reader.feed(data, final=final)
        if tokens and self.bytes == 0 and tokens[0] == MARK:
            self.bytes += self._reader.size(tokens[:1])  # it opens the file
            tokens = tokens[1:]
        if tokens:
            self._count(tokens)

    def _count(self, tokens: Sequence[Token]) -> None:
        counts = Counter(tokens)
        if len(self._judged) > JUDGED_LIMIT:
            self._judged.clear()
            self._native.clear()
        wanted: set[Token] = set()
        for token, count in counts.items():
            hits = self._judged.get(token)
            if hits is None:
                hits = self._judge(token)
            for hit in hits:
                if self._found.setdefault(hit.code, Total()).note(hit, count):
                    wanted.add(token)
        if wanted:
            self._place(tokens, wanted)
        self.japanese += sum(counts[token] for token in self._native & counts.keys())
        self._newlines += counts[self._reader.newline]
        self.bytes += self._reader.size(tokens)
        self.characters += len(tokens)
        self._last = tokens[-1]

    def _judge(self, token: Token) -> tuple[Hit, ...]:
        hits = self._judged[token] = tuple(self._judging.hits(token))
        if self._judging.is_japanese(token):
            self._native.add(token)
        return hits

    def _place(self, tokens: Sequence[Token], wanted: set[Token]) -> None:
        """Find the places of the tokens wanted, going forward only as far as there are any."""
        reader, newline = self._reader, self._reader.newline
        record, at, read = self._newlines + 1, self.bytes, 0
        for index in compress(itertools.count(), map(wanted.__contains__, tokens)):
            token = tokens[index]
            before = tokens[read:index]
            record += before.count(newline)
            at += reader.size(before)
            read = index
            more = [self._found[hit.code].place(hit, record, at) for hit in self._judged[token]]
            if not any(more):
                wanted.discard(token)
                if not wanted:
                    return

    def finish(self, sample: Sample, charset: str) -> None:
        """Add what only the end of the file tells, and drop a suspicion it does not bear out."""
        rest = self._reader.rest
        if rest:
            self._at_end(Hit("cut-off", rest.hex().upper(), {}))
            self.bytes += len(rest)
        if self._reader.is_shifted:
            self._at_end(Hit("shift-unclosed", "", {}))
        other = sample.other(damaged=any(code in self._found for code in DAMAGE))
        if other is not None:
            hit = Hit("other-charset", other, {"charset": charset})
            total = self._found.setdefault(hit.code, Total())
            total.note(hit, 1)
            total.place(hit, 1, 0)
        suspects = self._found.get("juki-code", Total()).seen
        blocks = [seen.count for subject, seen in suspects.items() if not _is_compatible(subject)]
        if not blocks or sum(blocks) > self.japanese:
            self._found.pop("juki-code", None)

    def _at_end(self, hit: Hit) -> None:
        total = self._found.setdefault(hit.code, Total())
        total.note(hit, 1)
        total.place(hit, max(self.records, 1), self.bytes)

    def totals(self) -> list[LintTotal]:
        """Return what each check found, the gravest first."""
        return [
            LintTotal(
                code=code,
                level=CHECKS[code].level,
                count=sum(seen.count for seen in total.seen.values()) + total.left_out,
                subjects=len(total.seen),
                left_out=total.left_out,
            )
            for code, total in self._sorted()
        ]

    def findings(self, file: str | None) -> Iterator[LintFinding]:
        """Yield a finding for each subject, the gravest first, then the most frequent."""
        for code, total in self._sorted():
            for subject, seen in sorted(
                total.seen.items(), key=lambda one: (-one[1].count, one[0])
            ):
                yield _finding(code, subject, seen, file)

    def _sorted(self) -> list[tuple[str, Total]]:
        order = list(CHECKS)
        return sorted(
            self._found.items(),
            key=lambda one: (LEVELS.index(CHECKS[one[0]].level), order.index(one[0])),
        )


def linter_of(judge: Judge) -> Linter[Any]:
    """Return what lints a file in the judge's charset."""
    charset = judge.charset
    if charset.is_unicode:
        return Linter(TextReader(charset.encoding or "utf-8"), _judge_text(judge))
    return Linter(reader := CodeReader(charset), _judge_codes(judge, reader))


def _is_compatible(subject: str) -> bool:
    return subject.startswith(("U+F9", "U+FA"))


def _finding(code: str, subject: str, seen: Seen, file: str | None) -> LintFinding:
    check = CHECKS[code]
    facts = {"subject": subject, **seen.facts}
    record, at = seen.places[0]
    return LintFinding(
        code,
        check.level,
        filled(check.text, facts),
        subject,
        Where(file, record, None, at),
        seen.count,
        tuple(seen.places),
        filled(check.way_out, facts),
    )


def filled(template: Text, facts: Mapping[str, Fact]) -> Text:
    """Return a sentence with its facts, each in the sentence's language."""
    ja = {name: fact.ja if isinstance(fact, Text) else fact for name, fact in facts.items()}
    en = {name: fact.en if isinstance(fact, Text) else fact for name, fact in facts.items()}
    return Text(template.ja.format(**ja), template.en.format(**en))
