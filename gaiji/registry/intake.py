"""Taking a city's gaiji in: its font, its list, its CS-server table, its vendor tables (外字の受入れ).

Every source proposes in the order of evidence (`EVIDENCE`), nothing here decides. Sources that disagree
are a finding and suggest no relationship; a code without any source stays unmapped and waits for
identification by shape. An import is all or nothing: what it does is one act, its rows are one blob.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import islice
from typing import Any

from sqlalchemy import insert, select, update
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
from gaiji.glyph.forms import Glyph as Form
from gaiji.glyph.forms import Outline, canonical, is_empty, parse_canonical
from gaiji.glyph.sources import GlyphSource as FontFile
from gaiji.glyph.sources import SourceGlyph, read_source
from gaiji.registry import reference
from gaiji.registry.db import (
    OPEN_END,
    OPEN_START,
    CodeSet,
    Glyph,
    GlyphSource,
    GlyphUse,
    Import,
    Json,
    LocalCode,
    Meaning,
    Proposal,
    get_blob,
    put_blob,
    put_blobs,
)
from gaiji.registry.journal import Act, Actor, act, effect, get_rows, put_rows
from gaiji.registry.members import charset_of, find_code_set
from gaiji.settings import Settings
from gaiji.wire.findings import Finding, Level

# Evidence from strong to weak; the relationship a source suggests when no other contradicts it.
EVIDENCE: dict[str, str] = {
    "mj-name": "equivalent",
    "koseki": "equivalent",
    "touki": "equivalent",
    "ivs": "equivalent",
    "vendor-code": "unknown",
    "ucs": "unknown",
    "x0213": "unknown",
    "juki": "unknown",
    "reading-strokes": "unknown",
}
CANONICAL = "text/x-gaiji-glyph"


@dataclass(frozen=True)
class Files:
    """What a city hands in, each as (file name, bytes); supplier and rights are those of its glyphs."""

    font: tuple[str, bytes] | None = None
    table: tuple[str, bytes] | None = None
    cs_table: tuple[str, bytes] | None = None
    vendor_table: tuple[str, bytes] | None = None
    dots: int | None = None
    supplier: str = ""
    rights: str = "unknown"

    def named(self) -> list[tuple[str, str, bytes]]:
        """Return (role, file name, bytes) of what is there."""
        roles = ("font", "table", "cs_table", "vendor_table")
        return [(role, *getattr(self, role)) for role in roles if getattr(self, role)]


@dataclass
class Draft:
    """One meaning of one code while the sources are put together."""

    code: bytes
    first_day: date
    last_day: date
    listed: ListedCode | None = None
    juki: str | None = None
    vendor: str | None = None
    glyph: str | None = None
    proposals: list[Json] = field(default_factory=list)

    def row(self) -> Json:
        """Return what the act keeps of it."""
        return {
            "code": self.code.hex().upper(),
            "from": self.first_day.isoformat(),
            "to": self.last_day.isoformat(),
            "glyph": self.glyph,
            "listed": _listed(self.listed),
            "proposals": self.proposals,
        }


@dataclass(frozen=True)
class Intake:
    """What an import found and would do (受入れの結果); serial is None for a dry run."""

    code_set: str
    rows: list[Json]
    findings: list[Finding]
    counts: Json
    serial: int | None = None


def _listed(listed: ListedCode | None) -> Json:
    if listed is None:
        return {}
    known = {
        "readings": list(listed.readings),
        "strokes": listed.strokes,
        "radical": listed.radical,
        "remarks": listed.remarks,
        "mj": listed.mj,
        "koseki": listed.koseki,
        "touki": listed.touki,
        "ucs": listed.ucs,
        "ivs": listed.ivs,
        "x0213": listed.x0213,
        "juki": listed.juki,
    }
    return {name: value for name, value in known.items() if value}


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
        self.charset: Charset = charset_of(code_set)
        self.findings: list[Finding] = []
        self.glyph_forms: dict[str, bytes] = {}
        self.known: dict[bytes, list[Meaning]] = _known_meanings(session, code_set)
        self.drafts: list[Draft] = []

    def gather(self) -> None:
        files, by_code = self.files, defaultdict[bytes, list[Draft]](list)
        if files.table:
            listed = read_list(files.table[1], files.table[0], self.charset)
            self.findings += listed.findings
            for row in listed.rows:
                days = row.valid_from or OPEN_START, row.valid_to or OPEN_END
                by_code[row.code].append(Draft(row.code, *days, listed=row))
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
        _Evidence(self).propose()

    def _current(self, by_code: dict[bytes, list[Draft]], code: bytes) -> Draft:
        """The meaning in force last: the one that undated sources speak of."""
        if not by_code[code]:
            known = max(
                self.known.get(code, []), key=lambda meaning: meaning.valid_to, default=None
            )
            days = (known.valid_from, known.valid_to) if known else (OPEN_START, OPEN_END)
            by_code[code].append(Draft(code, *days))
        return max(by_code[code], key=lambda draft: draft.last_day)

    def _attach_glyphs(self, by_code: dict[bytes, list[Draft]], vendor: VendorTable | None) -> None:
        name, data = self.files.font or ("", b"")
        font = read_source(data, name, settings=self.settings, dots=self.files.dots)
        self.findings += font.findings
        images = {image: code for code, image in vendor.images.items()} if vendor else {}
        for drafts in by_code.values():
            for draft in drafts:
                if draft.listed and draft.listed.image:
                    images[draft.listed.image] = draft.code
        outside = 0
        for source in font.glyphs:
            code = self._code_of(font, source, images)
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

    def _code_of(
        self, font: FontFile, source: SourceGlyph, images: dict[int, bytes]
    ) -> bytes | None:
        """Return the local code a font's key stands for, None outside the area."""
        key = source.key
        if source.unit == "index":
            return next(islice(self.charset.user_codes(), key, None), None)
        if source.unit == "code" or (source.unit == "number" and not 0xE000 <= key <= 0xF8FF):
            code = key.to_bytes(max(2, (key.bit_length() + 7) // 8), "big")
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
        """Check the city's dates against those registered before; a reused slot ends the old meaning."""
        for draft in drafts:
            for meaning in self.known.get(code, ()):
                same = (meaning.valid_from, meaning.valid_to) == (draft.first_day, draft.last_day)
                apart = meaning.valid_to < draft.first_day or draft.last_day < meaning.valid_from
                if same or apart:
                    continue
                if meaning.valid_from < draft.first_day and meaning.valid_to == OPEN_END:
                    self._find(
                        "slot-reused",
                        "warning",
                        f"コード {code.hex().upper()} は {draft.first_day} から別の字に使われます。"
                        "前の意味はその前日で終わります。",
                        f"Code {code.hex().upper()} stands for another character from "
                        f"{draft.first_day}; the earlier meaning ends the day before.",
                        code,
                    )
                    continue
                raise BadTable(
                    f"コード {code.hex().upper()} の使用期間が登録済みの期間と重なります。日付を直してください。",
                    f"The days of code {code.hex().upper()} overlap with those registered; mend the dates.",
                    where=Where(
                        file=self.files.table[0] if self.files.table else None,
                        record=draft.listed.record if draft.listed else None,
                    ),
                )
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


class _Evidence:
    """Turns what the sources say into proposals, in the order of evidence."""

    def __init__(self, gathering: _Gathering) -> None:
        self.gathering, self.session = gathering, gathering.session
        drafts = gathering.drafts
        self.found: dict[str, dict[str, list[str]]] = {}
        columns = {
            "mj-name": ("id", [_said(draft, "mj") for draft in drafts]),
            "koseki": ("koseki", [_said(draft, "koseki") for draft in drafts]),
            "touki": ("touki", [_said(draft, "touki") for draft in drafts]),
            "ivs": ("ivs", [_said(draft, "ivs") for draft in drafts]),
            "ucs": ("ucs", [_said(draft, "ucs") for draft in drafts]),
            "x0213": ("x0213", [_said(draft, "x0213") for draft in drafts]),
            "juki": ("juki", [draft.juki or _said(draft, "juki") for draft in drafts]),
        }
        for how, (column, values) in columns.items():
            self.found[how] = reference.find_by(self.session, column, {v for v in values if v})
        vendor = {draft.vendor for draft in drafts if draft.vendor}
        self.found["vendor-code"] = reference.find_by(self.session, "own_ucs", vendor)
        self.found["vendor-code"] |= reference.find_by(self.session, "ivs", vendor)

    def propose(self) -> None:
        plain = [draft for draft in self.gathering.drafts if not self._propose_from_numbers(draft)]
        self._propose_from_readings(plain)
        strokes = reference.strokes_of(
            self.session, {p["character"] for d in self.gathering.drafts for p in d.proposals}
        )
        for draft in self.gathering.drafts:
            self._compare(draft, strokes)

    def _propose_from_numbers(self, draft: Draft) -> bool:
        said = {
            "mj-name": _said(draft, "mj"),
            "koseki": _said(draft, "koseki"),
            "touki": _said(draft, "touki"),
            "ivs": _said(draft, "ivs"),
            "vendor-code": draft.vendor,
            "ucs": _said(draft, "ucs"),
            "x0213": _said(draft, "x0213"),
            "juki": draft.juki or _said(draft, "juki"),
        }
        for how, value in said.items():
            if not value:
                continue
            candidates = self.found[how].get(value, [])
            if not candidates:
                self._unknown_value(draft, how, value)
            if len(candidates) > 1 and how not in ("ucs", "x0213"):
                self._find(draft, "number-ambiguous", "gap", how, value)
            for character in candidates:
                relationship = EVIDENCE[how] if len(candidates) == 1 else "unknown"
                draft.proposals.append(_proposal(character, how, relationship, value))
        return bool(draft.proposals)

    def _propose_from_readings(self, drafts: list[Draft]) -> None:
        """A reading with a stroke count proposes only where it names a single character."""
        for draft in drafts:
            listed = draft.listed
            if listed is None or not listed.strokes or not listed.readings:
                continue
            found = reference.by_reading(
                self.session, listed.readings, listed.strokes, listed.radical
            )
            if len(found) == 1:
                value = f"{'・'.join(listed.readings)} {listed.strokes}"
                draft.proposals.append(_proposal(found[0], "reading-strokes", "unknown", value))

    def _compare(self, draft: Draft, strokes: dict[str, int]) -> None:
        by_how = defaultdict[str, set[str]](set)
        for proposal in draft.proposals:
            by_how[proposal["how"]].add(proposal["character"])
        agreed = set.intersection(*by_how.values()) if by_how else set()
        if by_how and not agreed:
            told = "、".join(f"{how}: {'・'.join(sorted(ids))}" for how, ids in by_how.items())
            self._find(draft, "sources-disagree", "gap", told, None)
            for proposal in draft.proposals:
                proposal["relationship"] = "unknown"
                proposal["evidence"]["disagrees"] = True
        if not draft.proposals:
            self._find(draft, "no-source", "gap", None, None)
        listed = draft.listed.strokes if draft.listed else None
        for character in agreed if listed else ():
            if strokes.get(character, listed) != listed:
                self._find(draft, "strokes-differ", "warning", character, str(listed))

    def _unknown_value(self, draft: Draft, how: str, value: str) -> None:
        if how == "ivs" and reference.is_foreign_sequence(self.session, value):
            self._find(draft, "foreign-sequence", "gap", how, value)
        else:
            self._find(draft, "number-unknown", "gap", how, value)

    def _find(self, draft: Draft, name: str, level: Level, a: str | None, b: str | None) -> None:
        code = draft.code.hex().upper()
        ja, en = _SENTENCES[name]
        parts = {"code": code, "a": a or "", "b": _visible(b or "")}
        file = self.gathering.files.table
        where = Where(file[0], draft.listed.record) if draft.listed and file else None
        self.gathering._find(name, level, ja.format(**parts), en.format(**parts), draft.code, where)


_SENTENCES = {
    "number-ambiguous": (
        "コード {code} の {a} {b} に当たる文字が複数あります。人が選んでください。",
        "Several characters have the {a} {b} of code {code}; a person has to choose.",
    ),
    "sources-disagree": (
        "コード {code} の資料が食い違います({a})。人が確かめてください。",
        "The sources for code {code} disagree ({a}); a person has to look.",
    ),
    "no-source": (
        "コード {code} は文字を示す資料がありません。字形による同定を待ちます。",
        "No source says what code {code} is; it waits for identification by shape.",
    ),
    "strokes-differ": (
        "コード {code} の画数 {b} は {a} の画数と違います。別の字かもしれません。",
        "Code {code} is listed with {b} strokes, {a} has another number; it may be another character.",
    ),
    "foreign-sequence": (
        "コード {code} の {b} は Moji_Joho 以外のIVSです。対応する文字を人が選んでください。",
        "{b} of code {code} is a sequence of another IVS collection; a person has to choose.",
    ),
    "number-unknown": (
        "コード {code} の {a} {b} は基準文字集合にありません。値を確かめてください。",
        "The {a} {b} of code {code} is not in the reference set; check the value.",
    ),
}


def _said(draft: Draft, name: str) -> str | None:
    return getattr(draft.listed, name) if draft.listed else None


def _visible(value: str) -> str:
    """Return a character or sequence with its code points, other text as it is."""
    if value and (len(value) == 1 or value[-1] >= "\ufe00") and len(value) <= 2:
        return f"{value} ({' '.join(f'U+{ord(char):04X}' for char in value)})"
    return value


def _proposal(character: str, how: str, relationship: str, value: str) -> Json:
    evidence = {"how": how, "value": value}
    return {
        "character": character,
        "how": how,
        "relationship": relationship,
        "evidence": evidence,
    }


def _known_meanings(session: Session, code_set: CodeSet) -> dict[bytes, list[Meaning]]:
    query = (
        select(LocalCode.code, Meaning)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .where(LocalCode.code_set_id == code_set.id)
    )
    known = defaultdict[bytes, list[Meaning]](list)
    for code, meaning in session.execute(query):
        known[code].append(meaning)
    return dict(known)


# --- effect


@effect("codeset.import")
def _imported(session: Session, act: Act) -> None:
    code_set = find_code_set(session, act.subject)
    rows = list(get_rows(session, act.after["rows"]))
    meanings = _write_meanings(session, act, code_set, rows)
    _write_glyphs(session, act, rows, meanings)
    _write_proposals(session, act, rows, meanings)
    session.add(
        Import(
            serial=act.serial,
            code_set_id=code_set.id,
            files=act.after["files"],
            counts=act.after["counts"],
            findings=list(get_rows(session, act.after["findings"])),
        )
    )


def _key(row: Json) -> tuple[bytes, date]:
    return bytes.fromhex(row["code"]), date.fromisoformat(row["from"])


def _write_meanings(
    session: Session, act: Act, code_set: CodeSet, rows: list[Json]
) -> dict[tuple[bytes, date], int]:
    """Register new codes and meanings; return the meanings' ids."""
    in_set = LocalCode.code_set_id == code_set.id
    known = set(session.scalars(select(LocalCode.code).where(in_set)))
    new = sorted({bytes.fromhex(row["code"]) for row in rows} - known)
    _insert(
        session,
        LocalCode,
        [{"code_set_id": code_set.id, "code": code, "serial": act.serial} for code in new],
    )
    ids = {
        code: id for code, id in session.execute(select(LocalCode.code, LocalCode.id).where(in_set))
    }
    meanings = _meaning_ids(session, code_set)
    fresh = [
        {
            "local_code_id": ids[code],
            "valid_from": day,
            "valid_to": date.fromisoformat(row["to"]),
            "listed": row["listed"],
        }
        for row in rows
        for code, day in (_key(row),)
        if (code, day) not in meanings
    ]
    _insert(session, Meaning, fresh)
    for row in rows:
        if row["listed"] and _key(row) in meanings:
            session.execute(
                update(Meaning)
                .where(Meaning.id == meanings[_key(row)])
                .values(listed=row["listed"])
            )
    return _meaning_ids(session, code_set)


def _meaning_ids(session: Session, code_set: CodeSet) -> dict[tuple[bytes, date], int]:
    query = (
        select(LocalCode.code, Meaning.valid_from, Meaning.id)
        .join(Meaning, Meaning.local_code_id == LocalCode.id)
        .where(LocalCode.code_set_id == code_set.id)
    )
    return {(code, day): id for code, day, id in session.execute(query)}


def _write_glyphs(
    session: Session, act: Act, rows: list[Json], meanings: dict[tuple[bytes, date], int]
) -> None:
    drawn = {meanings[_key(row)]: row["glyph"] for row in rows if row["glyph"]}
    if not drawn:
        return
    font = next(file["sha256"] for file in act.after["files"] if file["role"] == "font")
    digests = sorted(set(drawn.values()))
    known = _among(session, Glyph.sha256, digests)
    fresh = []
    for digest in digests:
        if digest not in known:
            form: Form = parse_canonical(get_blob(session, digest)[0])
            outline = isinstance(form, Outline)
            fresh.append(
                {
                    "sha256": digest,
                    "kind": "outline" if outline else "bitmap",
                    "em_units": form.em_units if isinstance(form, Outline) else form.height,
                    "advance": form.advance if isinstance(form, Outline) else form.width,
                }
            )
    _insert(session, Glyph, fresh)
    sourced = set(session.scalars(select(GlyphSource.glyph).where(GlyphSource.blob == font)))
    rights = {"supplier": act.after["supplier"], "rights": act.after["rights"]}
    _insert(
        session,
        GlyphSource,
        [{"glyph": digest, "blob": font, **rights} for digest in digests if digest not in sourced],
    )
    uses: dict[int, GlyphUse] = {}
    live_or_pending = GlyphUse.until.is_(None) & GlyphUse.replaced.is_(None)
    for some in _chunks(sorted(drawn)):
        query = select(GlyphUse).where(GlyphUse.meaning_id.in_(some), live_or_pending)
        for use in session.scalars(query.order_by(GlyphUse.since.is_(None))):
            uses[use.meaning_id] = use  # the pending one, where there is one, comes last
    new = []
    for meaning, digest in drawn.items():
        standing = uses.get(meaning)
        if standing is not None and standing.glyph == digest:
            continue
        if standing is not None and standing.since is None:
            standing.replaced = act.serial
        new.append({"meaning_id": meaning, "glyph": digest, "serial": act.serial})
    session.flush()
    _insert(session, GlyphUse, new)


def _write_proposals(
    session: Session, act: Act, rows: list[Json], meanings: dict[tuple[bytes, date], int]
) -> None:
    proposals = {
        (meanings[_key(row)], p["character"], p["how"]): p for row in rows for p in row["proposals"]
    }
    known: set[tuple[int, str, str]] = set()
    for some in _chunks(sorted({meaning for meaning, _, _ in proposals})):
        query = select(Proposal.meaning_id, Proposal.character, Proposal.how)
        known |= {
            (meaning, character, how)
            for meaning, character, how in session.execute(
                query.where(Proposal.meaning_id.in_(some))
            )
        }
    _insert(
        session,
        Proposal,
        [
            {"meaning_id": key[0], "serial": act.serial, **proposal}
            for key, proposal in proposals.items()
            if key not in known
        ],
    )


def _insert(session: Session, table: Any, rows: list[Json]) -> None:
    if rows:
        session.execute(insert(table), rows)


def _chunks(values: list[Any], size: int = 500) -> Iterable[list[Any]]:
    return (values[start : start + size] for start in range(0, len(values), size))


def _among(session: Session, column: Any, values: list[str]) -> set[str]:
    found: set[str] = set()
    for some in _chunks(values):
        found |= set(session.scalars(select(column).where(column.in_(some))))
    return found
