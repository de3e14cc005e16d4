"""Many records at once (レコードの一括変換): their fields column by column through the engine, into their places.

What does not fit, and what would not come back, is settled field by field; everything else in bulk. That a field comes
back is tried where it can fail: where the engine noted an event, where a value was cut, where a value ends like
padding. Elsewhere the engine's own promise holds, and wrapping is undone by unwrapping.
"""

from __future__ import annotations

import contextlib
import json
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Any, cast

from gaiji.charset.account import MAX_PLACES, Place
from gaiji.charset.records.boxes import Box
from gaiji.charset.records.plans import Plan, Rule
from gaiji.charset.records.values import Exchange, Loss, Restorer
from gaiji.charset.stream import Stream
from gaiji.charset.ways import is_extender
from gaiji.errors import BadRecord, FieldTooLong, GaijiError, MalformedInput, Where

Spill = Callable[[bytes], object]
"""Takes one line of the side file: JSON with record, field, byte_offset and the whole value."""
Columns = list[Sequence[bytes]]
Offset = Callable[[int, int], int]
"""Where the field of a record (both from 0) begins in the input."""


@dataclass
class FieldCount:
    """What happened to the values of one field (項目ごとの件数). kind: cut, spill, long (dry run) or padding.

    characters: how many were cut off. padding: blanks that only the receipt gives back, which is no loss.
    """

    name: str | None
    kind: str
    count: int = 0
    characters: int = 0
    places: list[Place] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Return the form a report has."""
        told = {"field": self.name, "kind": self.kind, "count": self.count}
        places = [place._asdict() for place in self.places]
        return {**told, "characters": self.characters, "places": places}


class Batch:
    """Converts the records of one file, or of one part of it, by a plan (レコードの変換)."""

    def __init__(self, plan: Plan, stream: Stream, spill: Spill | None = None) -> None:
        self.plan, self.stream, self.spill = plan, stream, spill
        self.resolver = stream.resolver
        self.source, self.target = self.resolver.source.script, self.resolver.target.script
        self.counts: dict[tuple[str | None, str], FieldCount] = {}
        self._restorer = Restorer(self.resolver)
        self._texts = [(index, plan.rules[index]) for index in plan.texts]
        self._exchange = exchange(stream, [rule for _, rule in self._texts])
        self._spilled: list[tuple[int, bytes]] = []
        self._quotes = (b"", b"")
        if plan.quote and plan.kind != "fixed":
            self._quotes = (
                self.source.code(plan.quote) or b"",
                self.target.code(plan.quote) or b"",
            )
        self._record = 1
        self._offset: Offset = _nowhere
        self._values: list[list[bytes]] = []
        self._raws: list[Sequence[bytes]] = []

    def convert(
        self, columns: Columns, record: int, offset: Offset
    ) -> tuple[Columns, dict[tuple[int, int], list[Loss]]]:
        """Return the columns of the output, and by record and field what the receipt must keep.

        columns: the raw fields, those that stay as they are too. record: number of the first. Raises UnmappedCode and
        MalformedInput of the engine, FieldTooLong, and BadRecord for fields that are not what the layout says.
        """
        self._record, self._offset = record, offset
        self._check(columns)
        outs = list(columns)
        if not self._texts or not columns[0]:
            return outs, {}
        raws = [columns[index] for index, _ in self._texts]
        values = [
            rule.source.unwrapped(self.source, raw)
            for (_, rule), raw in zip(self._texts, raws, strict=True)
            if rule.source
        ]
        width = len(self._texts)
        self._values, self._raws = values, raws
        flat = list(chain.from_iterable(zip(*values, strict=True)))
        made, events = self._exchange.convert(flat, self._place)
        losses: dict[tuple[int, int], list[Loss]] = {}
        for nth, (index, rule) in enumerate(self._texts):
            assert rule.target
            column = made[nth::width]
            noted = {at // width: events[at] for at in events if at % width == nth}
            placed, again = self._wrapped(nth, rule, rule.target, column, noted)
            outs[index] = placed
            for row in again:
                kept = self._tried(nth, rule, placed[row], noted.get(row, []), row)
                if kept:
                    losses[row, index] = kept
        self._flush()
        return outs, losses

    def _place(self, number: int) -> Place:
        """Return the place of a value's first byte."""
        row, nth = divmod(number, len(self._texts))
        index, rule = self._texts[nth]
        assert rule.source
        before = len(self._raws[nth][row]) - len(self._values[nth][row]) if rule.source.right else 0
        return Place(self._record + row, rule.name, self._offset(row, index) + before)

    def _check(self, columns: Columns) -> None:
        for index, rule in enumerate(self.plan.rules):
            if not rule.check:
                continue
            good = _is_packed if rule.check == "packed" else _is_signed
            for row, raw in enumerate(columns[index]):
                if not good(raw):
                    where = Where(
                        self.stream.file, self._record + row, rule.name, self._offset(row, index)
                    )
                    raise MalformedInput(
                        f"{raw[:16].hex().upper()} は {rule.check} の数ではありません。"
                        "レイアウトの位置と長さを確かめてください。",
                        f"{raw[:16].hex().upper()} is no {rule.check} number; check offsets and lengths of the layout.",
                        where=where,
                    )

    def _wrapped(
        self, nth: int, rule: Rule, box: Box, column: list[bytes], noted: dict[int, list[Loss]]
    ) -> tuple[list[bytes], list[int]]:
        """Put converted values into their places; also return the records whose field must be tried back."""
        again = set(noted)
        if box.size is None:
            return column, sorted(again)
        if max(map(len, column)) <= box.size and (box.unit == "bytes" or not box.pad):
            if not box.pad:
                return column, sorted(again)  # no character is wider than its bytes
            ends = bytes.startswith if box.right else bytes.endswith
            for pad in {box.pad, box.half} - {b""}:
                again.update(row for row, one in enumerate(column) if ends(one, pad))
            whole = box.wrapped(self.target, column)
            if None not in whole:
                return cast(list[bytes], whole), sorted(again)
        placed: list[bytes] = []
        for row, out in enumerate(column):
            one = out
            fits = not box.pad and len(one) <= box.size
            if not fits and box.measure(self.target, self._inside(one)) > box.size:
                one, kept = self._fitted(nth, rule, box, row, one, noted.get(row, []))
                noted[row] = kept
                again.add(row)
            made = box.wrap(self.target, one) if box.pad else one
            if made is None:
                raise self._unfillable(self._place(row * len(self._texts) + nth), rule)
            if box.pad and box.unwrap(self.target, made) != one:
                again.add(row)
            placed.append(made)
        return placed, sorted(again)

    def _inside(self, cell: bytes) -> bytes:
        """Return what a quoted cell says; doubled quotes count once."""
        mark = self._quotes[1]
        if not mark or not cell.startswith(mark):
            return cell
        return cell[len(mark) : -len(mark)].replace(mark + mark, mark)

    def _unfillable(self, place: Place, rule: Rule) -> BadRecord:
        return BadRecord(
            "出力の項目の残りを詰め文字で埋められません。レイアウトの width か pad を直してください。",
            "What is left of the output field cannot be filled with its pad; correct width or pad in the layout.",
            where=Where(self.stream.file, place.record, place.field, place.byte_offset),
        )

    # --- values that do not fit

    def _fitted(
        self, nth: int, rule: Rule, box: Box, row: int, out: bytes, noted: list[Loss]
    ) -> tuple[bytes, list[Loss]]:
        """Return a value cut to its place, with the events of what is left and of what was cut off."""
        place = self._place(row * len(self._texts) + nth)
        counting = self.stream.counting
        if rule.longer == "error" and not counting:
            raise self._too_long(rule, box, out, place)
        if rule.longer == "spill":
            self._spill(place, out)
        value, mark, out_mark = self._values[nth][row], b"", b""
        if self._quotes[0] and value.startswith(self._quotes[0]):
            mark, out_mark = self._quotes
        body = value[len(mark) : len(value) - len(mark)]
        tokens = self._tokens(body, rule.source.mode if rule.source else 0, mark)
        kept, count = self._longest(tokens, rule, box)
        tail = b"".join(tokens[count:])
        self._count_cut(rule, tokens[count:], place)
        end = len(out_mark) + len(kept)
        left = [one for one in noted if one.offset + one.length <= end and one.offset < end]
        return out_mark + kept + out_mark, [*left, Loss(end, 0, tail)]

    def _too_long(self, rule: Rule, box: Box, out: bytes, place: Place) -> FieldTooLong:
        size = box.measure(self.target, self._inside(out))
        units = {"bytes": ("バイト", "bytes"), "columns": ("桁", "columns")}[box.unit]
        return FieldTooLong(
            f"変換後の値が {size} {units[0]}になり、項目の幅 {box.size} {units[0]}に収まりません。"
            "レイアウトの width を広げるか、longer を cut か spill にしてください。",
            f"The converted value has {size} {units[1]} and the field {box.size}; widen it in the layout, or "
            'choose longer = "cut" or "spill".',
            where=Where(self.stream.file, place.record, place.field, place.byte_offset),
        )

    def _tokens(self, body: bytes, mode: int, mark: bytes) -> list[bytes]:
        """Return the characters of a value, a doubled quote as one."""
        tokens: list[bytes] = []
        for token in self.resolver.tokens.cut(body, mode)[0]:
            token = bytes(token)
            if mark and token == mark and tokens and tokens[-1] == mark:
                tokens[-1] += token
            else:
                tokens.append(token)
        return tokens

    def _longest(self, tokens: list[bytes], rule: Rule, box: Box) -> tuple[bytes, int]:
        """Return the longest beginning that fits, converted, and of how many characters it is."""
        assert box.size is not None
        low, high = 0, len(tokens)
        while low < high:
            middle = (low + high + 1) // 2
            made = self._converted(tokens[:middle], rule)
            if made is not None and box.measure(self.target, self._single(made)) <= box.size:
                low = middle
            else:
                high = middle - 1
        while low and low < len(tokens) and self._extends(tokens[low]):
            low -= 1
        while low and tokens[low - 1] in self.source.shifts:
            low -= 1
        return self._converted(tokens[:low], rule) or b"", low

    def _single(self, body: bytes) -> bytes:
        mark = self._quotes[1]
        return body.replace(mark + mark, mark) if mark else body

    def _converted(self, tokens: list[bytes], rule: Rule) -> bytes | None:
        data = b"".join(tokens)
        if rule.source and rule.source.mode and data:
            data = self.source.to_double + data + self.source.to_single
        made = self.resolver.bytes_for(data)
        return self.target.bare(made) if made and rule.target and rule.target.mode else made

    def _extends(self, token: bytes) -> bool:
        """Whether a character would join the one before it in the output."""
        if token in self.source.shifts or not self.target.is_unicode:
            return False
        text = self.target.decode(self.resolver.resolve(token).out or b"")
        return bool(text) and is_extender((text or " ")[0])

    def _count_cut(self, rule: Rule, tokens: list[bytes], place: Place) -> None:
        stream, losses = self.stream, 0
        tokens = [token for token in tokens if token not in self.source.shifts]
        if rule.longer == "error":  # a dry run goes on
            return self._count("long", place, len(tokens))
        for token in tokens:
            outcome = self.resolver.resolve(token)
            if outcome.lossy:  # counted when it was converted
                continue
            losses += 1
            if outcome.kind != "plain":
                stream.kinds[outcome.kind] -= 1
            stream.kinds["cut"] += 1
        stream.losses += losses
        first = stream.first_loss
        if losses and (first is None or first.byte_offset > place.byte_offset):
            stream.first_loss = place
        self._count(rule.longer, place, len(tokens))

    def _count(self, kind: str, place: Place, characters: int = 0) -> None:
        made = FieldCount(place.field, kind)
        found = self.counts.setdefault((place.field, kind), made)
        found.count += 1
        found.characters += characters
        if len(found.places) < MAX_PLACES:
            found.places.append(place)

    def _spill(self, place: Place, out: bytes) -> None:
        told: dict[str, Any] = place._asdict()
        inside = self._inside(out)
        codec = self.target.codec
        told["value"] = inside.decode(codec, "replace") if codec else None
        told["bytes"] = inside.hex().upper()
        line = json.dumps(told, ensure_ascii=False) + "\n"
        self._spilled.append((place.byte_offset, line.encode()))

    def _flush(self) -> None:
        """Write what spilled, in the order of the file."""
        for _, line in sorted(self._spilled):
            if self.spill:
                self.spill(line)
        self._spilled.clear()

    # --- whether it comes back

    def _tried(
        self, nth: int, rule: Rule, placed: bytes, noted: list[Loss], row: int
    ) -> list[Loss]:
        """Return the events that give a field back; one for all of it where its own do not."""
        assert rule.target
        raw = self._raws[nth][row]
        if rule.target.right and rule.target.size is not None:
            pads = len(placed) - len(rule.target.unwrap(self.target, placed))
            noted = [one._replace(offset=one.offset + pads) for one in noted]
        exact = all(one.length or one.offset for one in noted) or rule.target.size is None
        with contextlib.suppress(GaijiError):  # the policy keep may stop on the way back
            if exact and self._restorer.field(rule, placed, noted) == raw:
                return noted
        if not noted:
            self._count("padding", self._place(row * len(self._texts) + nth))
        return [Loss(0, len(placed), raw)]


def exchange(stream: Stream, rules: Sequence[Rule]) -> Exchange:
    """Return what converts the values of these fields."""
    modes = [(rule.source.mode, rule.target.mode) for rule in rules if rule.source and rule.target]
    return Exchange(stream, modes or [(0, 0)])


def starts(parts: Sequence[bytes], begin: int) -> list[int]:
    """Return where each part begins in the file, and where the last ends."""
    return list(accumulate(map(len, parts), initial=begin))


def at_or_before(places: Sequence[int], offset: int) -> int:
    """Return the number of the last place that begins at an offset or before."""
    return bisect_right(places, offset) - 1


def _nowhere(_row: int, _index: int) -> int:
    return 0


def _is_packed(raw: bytes) -> bool:
    text = raw.hex()
    return text[:-1].isdigit() and text[-1] in "abcdef"


def _is_signed(raw: bytes) -> bool:
    """Whether bytes are zoned digits, in EBCDIC or ASCII, the last with a sign in its zone."""
    return all(byte & 15 < 10 for byte in raw) and all(byte >> 4 in (3, 15) for byte in raw[:-1])
