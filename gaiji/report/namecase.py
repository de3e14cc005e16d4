"""A name between two cities' releases (転入・転出の照会): which tables are used, the trace, and the cities' glyphs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from gaiji.charset.mapping import Mapping
from gaiji.charset.resolve import Options
from gaiji.errors import Text, UnknownCode, UnsupportedConversion
from gaiji.registry.adoption import conversion_ends
from gaiji.registry.characters import show_local_code
from gaiji.registry.db import Session, today
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.releases import find_release, mapping
from gaiji.registry.tables import CodeSet, Release
from gaiji.report.names import NameStep, trace
from gaiji.wire.findings import Finding
from gaiji.wire.names import NameEndShape, NameRequest, NameShape, NameStepShape


class _Releases(NamedTuple):
    source: Release
    target: Release
    findings: tuple[Finding, ...]


def trace_name(session: Session, asked: NameRequest, *, day: date | None = None) -> NameShape:
    """Return how one name goes from a code set to another (氏名の変換の過程), by what each side runs.

    asked: release `adopted` takes what each side adopted by the day, and the latest with a finding where nobody told.
    day: without `as_of`, default today. Raises BadName, UnknownCodeSet, UnknownRelease, UnsupportedConversion. Nothing
    of the name is kept, logged or repeated in an error.
    """
    if "/" not in asked.from_:
        raise UnsupportedConversion(
            "変換元は外字セット (252069/juki) にしてください。",
            "The source must be a code set such as 252069/juki.",
        )
    chosen = _releases(session, asked, day or today())
    source = mapping(session, asked.from_, chosen.source)
    target: Mapping | str = asked.to
    if "/" in asked.to:
        target = mapping(session, asked.to, chosen.target)
    options = Options(on_unmapped=asked.on_unmapped, as_of=asked.as_of)
    traced = trace(asked.name, source, target, options)
    glyphs = _Glyphs(session, asked, chosen)
    ends = traced.facts
    own = asked.to if isinstance(target, Mapping) else None
    return NameShape(
        from_=NameEndShape(id=ends.source, release=ends.release, digest=ends.digest),
        to=NameEndShape(
            id=ends.target,
            release=ends.target_release if own else None,
            digest=ends.target_digest if own else None,
        ),
        as_of=asked.as_of,
        whole=traced.whole,
        losses=traced.losses,
        source=_hex(traced.data),
        target=_hex(traced.out),
        steps=[_step_shape(step, asked.from_, glyphs) for step in traced.steps],
        findings=[finding.shape() for finding in chosen.findings],
    )


def _releases(session: Session, asked: NameRequest, day: date) -> _Releases:
    two = asked.to_release or asked.release
    if "adopted" not in (asked.release, two):
        return _Releases(find_release(session, asked.release), find_release(session, two), ())
    ends = conversion_ends(session, asked.from_, asked.to, asked.as_of or day)
    adopted = {asked.from_: asked.release == "adopted", asked.to: two == "adopted"}
    return _Releases(
        ends.source if adopted[asked.from_] else find_release(session, asked.release),
        ends.target if two == "adopted" else find_release(session, two),
        tuple(one for one in ends.findings if adopted.get(one.subject or "")),
    )


def summary(found: NameShape) -> Text:
    """Return in one sentence whether a name arrives and comes back (氏名の変換のまとめ)."""
    if found.whole:
        return Text(
            "すべての字が届き、元に戻ります。", "Every character arrives and comes back as it was."
        )
    if not found.losses:  # then a policy wrote what the target has no code for
        escaped = sum(step.target is None for step in found.steps)
        return Text(
            f"変換先にコードのない字は退避表記で届きます: {escaped}。すべての字が元に戻ります。",
            f"Characters that arrive as an escape, without a code at the target: {escaped}; every character comes "
            "back as it was.",
        )
    return Text(
        f"そのままでは届きません。元に戻らない字: {found.losses}",
        f"The name does not arrive as it was; characters that do not come back: {found.losses}",
    )


class _Glyphs:
    """The cities' own glyphs of local codes, as their releases have them."""

    def __init__(self, session: Session, asked: NameRequest, chosen: _Releases) -> None:
        self.session, self.as_of = session, asked.as_of
        self.ends: list[tuple[CodeSet, Release] | None] = [
            (find_code_set(session, name), release) if "/" in name else None
            for name, release in ((asked.from_, chosen.source), (asked.to, chosen.target))
        ]

    def of(self, end: int, code: bytes | None) -> str | None:
        found = self.ends[end]
        if code is None or found is None:
            return None
        code_set, release = found
        if not charset_of(self.session, code_set).is_user_code(code):
            return None
        try:
            shape = show_local_code(
                self.session, code_set, code.hex().upper(), release.number, self.as_of
            )
        except UnknownCode:
            return None
        return shape.glyph

    def registered(self, code: bytes | None) -> bool:
        """Whether a local code of the source was ever registered."""
        if code is None or self.ends[0] is None:
            return False
        code_set, release = self.ends[0]
        try:
            show_local_code(self.session, code_set, code.hex().upper(), release.number)
        except UnknownCode:
            return False
        return True


def _findings(step: NameStep, source: str, glyphs: _Glyphs) -> Iterator[Finding]:
    """Yield what there is to say of a step; what was never registered cannot be decided on."""
    code = _hex(step.code)
    for finding in step.findings:
        if finding.code != "undecided" or glyphs.registered(step.code):
            yield finding
            continue
        text = Text(
            f"{source} のコード {code} は外字として登録されていません。字形と一覧を gaiji codeset import {source} で"
            "受け入れてから決めてください。",
            f"Code {code} of {source} was never registered; take in its glyph and list with gaiji codeset import "
            f"{source}, then decide on it.",
        )
        yield Finding("unregistered", "gap", text, code)


def _step_shape(step: NameStep, source: str, glyphs: _Glyphs) -> NameStepShape:
    return NameStepShape(
        typed=step.typed.text,
        code=_hex(step.code),
        character=step.character,
        relationship=step.relationship,
        ground=step.ground,
        glyph=glyphs.of(0, step.code),
        target=_hex(step.target),
        kind=step.kind,
        target_character=step.target_character,
        target_relationship=step.target_relationship,
        target_ground=step.target_ground,
        target_glyph=glyphs.of(1, step.target),
        written=step.written,
        back=_hex(step.back),
        lossy=step.lossy,
        findings=[finding.shape() for finding in _findings(step, source, glyphs)],
    )


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex().upper()
