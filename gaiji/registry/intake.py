"""Taking a city's gaiji in: its font, its list, its CS-server table, its vendor tables (外字の受入れ).

Every source proposes in the order of evidence (`evidence`), nothing here decides; a code without any
source stays unmapped and waits for identification by shape. An import is all or nothing: what it does is
one act, its rows are one blob, and `registering` writes them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji.charset.charsets import Charset
from gaiji.charset.tables import (
    CsTable,
    ListedCode,
    VendorTable,
    read_cs_table,
    read_list,
    read_vendor_table,
)
from gaiji.errors import BadInput, BadTable, CodeOutsideArea, Text, Where
from gaiji.glyph.forms import canonical, is_empty
from gaiji.glyph.sources import GlyphSource as FontFile
from gaiji.glyph.sources import SourceGlyph, read_source
from gaiji.registry import registering
from gaiji.registry.characters import coming
from gaiji.registry.db import put_blob, put_blobs
from gaiji.registry.evidence import Draft, propose
from gaiji.registry.journal import Actor, act, put_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.registry.tables import OPEN_END, OPEN_START, CodeSet, Json, LocalCode, Meaning, Span
from gaiji.settings import Settings
from gaiji.wire.findings import Finding, Level
from gaiji.wire.fonts import Scope

CANONICAL = "text/x-gaiji-glyph"


@dataclass(frozen=True)
class Files:
    """What a city hands in, each as (file name, bytes); the rest is of its glyphs: who made them, by what right.

    rights: in the supplier's words; scope: how far they reach; licence: its identifier.
    """

    font: tuple[str, bytes] | None = None
    table: tuple[str, bytes] | None = None
    cs_table: tuple[str, bytes] | None = None
    vendor_table: tuple[str, bytes] | None = None
    dots: int | None = None
    supplier: str = ""
    rights: str = "unknown"
    scope: Scope = "unknown"
    licence: str | None = None

    def named(self) -> list[tuple[str, str, bytes]]:
        """Return (role, file name, bytes) of what is there."""
        roles = ("font", "table", "cs_table", "vendor_table")
        return [(role, *getattr(self, role)) for role in roles if getattr(self, role)]


@dataclass(frozen=True)
class Intake:
    """What an import found and would do (受入れの結果); serial is None for a dry run."""

    code_set: str
    rows: list[Json]
    findings: list[Finding]
    counts: Json
    serial: int | None = None


# --- reading and putting together


def take_in(
    session: Session,
    actor: Actor,
    address: str,
    files: Files,
    settings: Settings,
    *,
    dry_run: bool = False,
) -> Intake:
    """Read a city's files and register what they say; with `dry_run` only show it.

    Fonts are read in a limited child process. Raises BadFont, BadTable, CodeOutsideArea, HostileFile for
    what cannot be used: then nothing is changed.
    """
    code_set = find_code_set(session, address)
    if not files.named():
        raise BadInput(
            "受け入れるファイルがありません。--font、--table、--cs-table、--vendor-table を指定してください。",
            "There is nothing to take in; name --font, --table, --cs-table or --vendor-table.",
        )
    gathering = _Gathering(session, code_set, files, settings)
    gathering.gather()
    rows = [draft.row() for draft in gathering.drafts]
    result = Intake(address, rows, gathering.findings, gathering.counts())
    if dry_run:
        return result
    put_blobs(session, gathering.glyph_forms, CANONICAL)
    kept = [
        {"role": role, "name": name, "sha256": put_blob(session, data, "application/octet-stream")}
        for role, name, data in files.named()
    ]
    after = {
        "files": kept,
        "supplier": files.supplier,
        "rights": files.rights,
        "scope": files.scope,
        "licence": files.licence,
        "rows": put_rows(session, rows),
        "findings": put_rows(session, (finding.stored() for finding in result.findings)),
        "counts": result.counts,
    }
    done = act(session, actor, "codeset.import", address, after)
    return Intake(address, rows, result.findings, result.counts, done.serial)


class _Gathering:
    """Puts the sources of one import together, code by code."""

    def __init__(
        self, session: Session, code_set: CodeSet, files: Files, settings: Settings
    ) -> None:
        self.session, self.code_set, self.files, self.settings = session, code_set, files, settings
        self.charset: Charset = charset_of(session, code_set)
        self.findings: list[Finding] = []
        self.glyph_forms: dict[str, bytes] = {}
        self.known: dict[bytes, list[Known]] = _known_meanings(session, code_set)
        self.columns: frozenset[str] = frozenset()
        self.drafts: list[Draft] = []

    def gather(self) -> None:
        files, by_code = self.files, defaultdict[bytes, list[Draft]](list)
        if files.table:
            listed = read_list(files.table[1], files.table[0], self.charset)
            self.findings += listed.findings
            self.columns = frozenset(listed.columns)
            for row in listed.rows:
                by_code[row.code].append(Draft(row.code, *self._days(row), listed=row))
        cs = vendor = None
        if files.vendor_table:
            vendor = read_vendor_table(files.vendor_table[1], files.vendor_table[0], self.charset)
            self.findings += vendor.findings
        if files.cs_table:
            cs = read_cs_table(files.cs_table[1], files.cs_table[0], self.charset)
            self.findings += cs.findings
        if files.font:
            self._attach_glyphs(by_code, vendor)
        self._attach_numbers(by_code, cs, vendor)
        for code in sorted(by_code):
            self._fit_to_known(code, by_code[code])
            self.drafts += by_code[code]
        self._look_for_twins()
        self._recall()
        propose(self.session, self.drafts, self.columns, self._doubt)

    def _last_known(self, code: bytes) -> Known | None:
        return max(self.known.get(code, []), key=lambda known: known.first_day, default=None)

    def _days(self, row: ListedCode) -> tuple[date, date]:
        """Return the days of a row; one without days speaks of the meaning known last."""
        known = self._last_known(row.code)
        if known and row.valid_from is None and row.valid_to is None:
            return known.first_day, known.last_day
        return row.valid_from or OPEN_START, row.valid_to or OPEN_END

    def _current(self, by_code: dict[bytes, list[Draft]], code: bytes) -> Draft:
        """The meaning in force last: the one that undated sources speak of."""
        if not by_code[code]:
            known = self._last_known(code)
            days = (known.first_day, known.last_day) if known else (OPEN_START, OPEN_END)
            by_code[code].append(Draft(code, *days))
        return max(by_code[code], key=lambda draft: draft.first_day)

    def _attach_glyphs(self, by_code: dict[bytes, list[Draft]], vendor: VendorTable | None) -> None:
        name, data = self.files.font or ("", b"")
        font = read_source(data, name, settings=self.settings, dots=self.files.dots)
        self.findings += font.findings
        images = {image: code for code, image in vendor.images.items()} if vendor else {}
        for drafts in by_code.values():
            for draft in drafts:
                if draft.listed and draft.listed.image:
                    images[draft.listed.image] = draft.code
        as_codes = self._numbers_are_codes(font)
        outside = 0
        for source in font.glyphs:
            code = self._code_of(source, images, as_codes=as_codes)
            if code is None:
                outside += 1
            elif not is_empty(source.glyph):
                form = canonical(source.glyph)
                digest = sha256(form).hexdigest()
                self.glyph_forms[digest] = form
                self._current(by_code, code).glyph = digest
        if outside == len(font.glyphs):
            raise CodeOutsideArea(
                f"フォントの外字 {outside} 字はどれも外字セット {self.code_set.address} の外字領域にありません。"
                "領域と私用領域の割当てを確かめてください。",
                f"None of the font's {outside} glyphs lies in the user-defined area of "
                f"{self.code_set.address}; check its areas and images.",
                where=Where(file=name),
            )
        if outside:
            self._find(
                "glyph-outside-area",
                "warning",
                f"外字領域の外の字形 {outside} 個は受け入れません。",
                f"{outside} glyphs outside the user-defined area are not taken in.",
                where=Where(file=name),
            )

    def _numbers_are_codes(self, font: FontFile) -> bool:
        """Tell whether a bitmap dump is numbered by local codes rather than private-use code points.

        A number such as F040 can be either; the reading in which more of the dump lies in the areas is it.
        """
        numbers = [source.key for source in font.glyphs if source.unit == "number"]
        codes = sum(self.charset.is_user_code(_as_bytes(key)) for key in numbers)
        return codes >= sum(self.charset.code_of(key) is not None for key in numbers)

    def _code_of(
        self, source: SourceGlyph, images: dict[int, bytes], *, as_codes: bool
    ) -> bytes | None:
        """Return the local code a font's key stands for, None outside the areas."""
        key = source.key
        if source.unit == "index":
            return next(islice(self.charset.user_codes(), key, None), None)
        if source.unit == "code" or (source.unit == "number" and as_codes):
            code = _as_bytes(key)
            return code if self.charset.is_user_code(code) else None
        return images.get(key) or self.charset.code_of(key)

    def _attach_numbers(
        self, by_code: dict[bytes, list[Draft]], cs: CsTable | None, vendor: VendorTable | None
    ) -> None:
        for _, code, juki in cs.rows if cs else ():
            self._current(by_code, code).juki = juki
        for _, code, text in vendor.rows if vendor else ():
            self._current(by_code, code).vendor = text

    def _fit_to_known(self, code: bytes, drafts: list[Draft]) -> None:
        """Hold the city's dates against those registered before; a reused slot ends the old meaning."""
        given = {draft.first_day: draft for draft in drafts}
        for known in self.known.get(code, ()):
            same = given.get(known.first_day)
            if same is not None:
                if same.last_day != known.last_day:
                    self._tell_days(code, "days-changed", known, same.last_day)
                continue
            later = [
                draft for draft in drafts if known.first_day < draft.first_day <= known.last_day
            ]
            if later and known.last_day == OPEN_END:
                last_day = min(draft.first_day for draft in later) - timedelta(days=1)
                drafts.append(Draft(code, known.first_day, last_day))
                self._tell_days(code, "slot-reused", known, last_day)
            else:
                self._refuse_overlap(code, known, drafts)
        drafts.sort(key=lambda draft: draft.first_day)
        for draft in drafts:
            if draft.glyph is None and draft.last_day == OPEN_END and self.files.font:
                self._find(
                    "no-glyph",
                    "gap",
                    f"コード {code.hex().upper()} の字形がフォントにありません。",
                    f"The font has no glyph for code {code.hex().upper()}.",
                    code,
                )
            if draft.listed is None and self.files.table and code not in self.known:
                self._find(
                    "not-listed",
                    "warning",
                    f"コード {code.hex().upper()} は一覧表にありません。使われていない外字かもしれません。",
                    f"Code {code.hex().upper()} is not in the list; it may be out of use.",
                    code,
                )

    def _tell_days(self, code: bytes, name: str, known: Known, last_day: date) -> None:
        told = code.hex().upper()
        day = (
            Text("期限なし", "no end")
            if last_day == OPEN_END
            else Text(*[last_day.isoformat()] * 2)
        )
        ja = {
            "slot-reused": f"コード {told} は別の字に再使用されます。前の意味は {day.ja} で終わります。",
            "days-changed": f"コード {told} の使用終了日が {day.ja} に変わります。",
        }
        en = {
            "slot-reused": f"Code {told} is used again for another character; the earlier meaning ends on "
            f"{day.en}.",
            "days-changed": f"The last day of code {told} changes to {day.en}.",
        }
        self._find(name, "warning", ja[name], en[name], code)

    def _refuse_overlap(self, code: bytes, known: Known, drafts: list[Draft]) -> None:
        for draft in drafts:
            if known.last_day < draft.first_day or draft.last_day < known.first_day:
                continue
            raise BadTable(
                f"コード {code.hex().upper()} の使用期間が登録済みの期間と重なります。日付を直してください。",
                f"The days of code {code.hex().upper()} overlap with those registered; mend the dates.",
                where=Where(
                    file=self.files.table[0] if self.files.table else None,
                    record=draft.listed.record if draft.listed else None,
                ),
            )

    def _recall(self) -> None:
        """Put beside each draft what earlier imports proposed for the same meaning."""
        ids = {
            (code, known.first_day): known.id
            for code, meanings in self.known.items()
            for known in meanings
        }
        earlier = defaultdict[int, list[tuple[str, str | None]]](list)
        for one in registering.known_proposals(self.session, sorted(ids.values())):
            earlier[one.meaning_id].append((one.how, one.character))
        for draft in self.drafts:
            if id := ids.get((draft.code, draft.first_day)):
                draft.known = earlier[id]

    def _look_for_twins(self) -> None:
        first: dict[str, bytes] = {}
        for draft in self.drafts:
            if draft.glyph is None:
                continue
            other = first.setdefault(draft.glyph, draft.code)
            if other != draft.code:
                self._find(
                    "same-glyph",
                    "warning",
                    f"コード {draft.code.hex().upper()} の字形は {other.hex().upper()} と同一です。",
                    f"Code {draft.code.hex().upper()} has the very glyph of {other.hex().upper()}.",
                    draft.code,
                )

    def _doubt(self, draft: Draft, name: str, level: Level, text: Text) -> None:
        """Take a doubt about one draft as a finding, with its place in the list where it has one."""
        where = None
        if draft.listed and self.files.table:
            where = Where(self.files.table[0], draft.listed.record)
        self._find(name, level, text.ja, text.en, draft.code, where)

    def _find(
        self,
        name: str,
        level: Level,
        ja: str,
        en: str,
        code: bytes | None = None,
        where: Where | None = None,
    ) -> None:
        address = self.code_set.address
        subject = f"{address}/{code.hex().upper()}" if code is not None else address
        self.findings.append(Finding(name, level, Text(ja, en), subject, where))

    def counts(self) -> Json:
        """Return how much of what came in."""
        hows = defaultdict[str, int](int)
        for draft in self.drafts:
            for proposal in draft.proposals:
                hows[proposal["how"]] += 1
        return {
            "codes": len({draft.code for draft in self.drafts}),
            "meanings": len(self.drafts),
            "new_codes": len({draft.code for draft in self.drafts} - set(self.known)),
            "glyphs": sum(draft.glyph is not None for draft in self.drafts),
            "proposals": dict(hows),
            "without_source": sum(not draft.proposals for draft in self.drafts),
            "findings": len(self.findings),
        }


def _as_bytes(number: int) -> bytes:
    return number.to_bytes(max(2, (number.bit_length() + 7) // 8), "big")


@dataclass(frozen=True)
class Known:
    """A meaning as registered, its last day as it stands now, published or not."""

    id: int
    first_day: date
    last_day: date


def _known_meanings(session: Session, code_set: CodeSet) -> dict[bytes, list[Known]]:
    query = (
        select(LocalCode.code, Meaning.id, Meaning.valid_from, Span.valid_to)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .join(Span, (Span.meaning_id == Meaning.id) & coming(Span))
        .where(LocalCode.code_set_id == code_set.id)
    )
    known = defaultdict[bytes, list[Known]](list)
    for code, id, first_day, last_day in session.execute(query):
        known[code].append(Known(id, first_day, last_day))
    return dict(known)
