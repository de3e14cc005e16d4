"""Editions of the reference data: load what ships, import newer ones, name the current ones (基準データの版).

A dataset is a list of characters (`MJ`, another namespace such as `GJ`, and `kana`, the 変体仮名 of MJ, which
have editions of their own) or a table about characters (`shrink`, `ivd`, `svs`, `ids`). The files are kept
as blobs and the effects read the blobs, so that a replay does not depend on the installed program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, NoReturn

from sqlalchemy import select
from sqlalchemy.orm import Session

from gaiji import data
from gaiji.data.sheet import ReferenceSheet, read_sheet
from gaiji.errors import BadName, BadReference, Conflict, Text, Where
from gaiji.registry.db import get_blob, put_blob
from gaiji.registry.journal import Act, Actor, act, canonical, effect
from gaiji.registry.reference.content import KANA, WRITERS, Content, read_list, write_list
from gaiji.registry.tables import Edition, Json, ReferenceCharacter, Registry
from gaiji.wire.findings import Finding

LOAD, IMPORT = "reference.load", "reference.import"
TABLES: Final = {
    "MJ": ("mj", "readings", "radicals", "ivd"),
    KANA: ("kana",),
    "shrink": ("shrink", "notes"),
    "ivd": ("ivd",),
    "svs": ("svs",),
    "ids": ("ids",),
}
"""The shipped datasets and the tables each is read from; MJ takes a few further sequences from the IVD."""
XZ = "application/x-xz"
NAMED = 10


@dataclass(frozen=True)
class EditionStatus:
    """One edition (版) as `gaiji reference status` shows it; source: origin, licence, sha256, rows."""

    dataset: str
    edition: str
    digest: str
    current: bool
    serial: int
    source: Json


@dataclass(frozen=True)
class LoadResult:
    """What a load or import did (読込みの結果); serial None: everything was there already."""

    serial: int | None
    loaded: tuple[EditionStatus, ...] = ()
    unchanged: tuple[EditionStatus, ...] = ()
    findings: tuple[Finding, ...] = ()


# --- which editions


def current(session: Session) -> dict[str, Edition]:
    """Return the current edition of each dataset: the one loaded last."""
    query = select(Edition).order_by(Edition.serial, Edition.id)
    return {edition.dataset: edition for edition in session.scalars(query)}


def is_list(edition: Edition) -> bool:
    """Whether an edition lists characters, rather than saying something about them."""
    return edition.dataset == KANA or edition.dataset.isupper()


def lists(session: Session) -> list[int]:
    """Return the row ids of the current lists of characters."""
    return [edition.id for edition in current(session).values() if is_list(edition)]


def pin(session: Session) -> dict[str, dict[str, str]]:
    """Return the current editions by dataset, as a release pins them; {} when nothing is loaded."""
    return {
        dataset: {"edition": edition.edition, "digest": edition.digest}
        for dataset, edition in sorted(current(session).items())
    }


def editions_of(session: Session, pinned: dict[str, dict[str, str]]) -> list[Edition]:
    """Return the editions that `pin` named: MJ first, then by dataset.

    Raises Conflict when one of them is not in this database or has another content.
    """
    known = {(edition.dataset, edition.edition): edition for edition in session.scalars(_all())}
    found = []
    for dataset in sorted(pinned, key=lambda name: (name != "MJ", name)):
        edition = known.get((dataset, pinned[dataset]["edition"]))
        if edition is None or edition.digest != pinned[dataset]["digest"]:
            raise Conflict(
                f"版が使う基準データ {dataset} {pinned[dataset]['edition']} がここにないか、"
                "内容が違います。同じファイルを読み込んでください。",
                f"Reference data {dataset} {pinned[dataset]['edition']} is missing here or has another "
                "content; load the same file.",
            )
        found.append(edition)
    return found


def status(session: Session) -> list[EditionStatus]:
    """Return every edition with its provenance, by dataset and in the order they were loaded."""
    return [_status(session, edition) for edition in session.scalars(_all())]


def _all() -> Any:
    return select(Edition).order_by(Edition.dataset, Edition.serial)


def _status(session: Session, edition: Edition) -> EditionStatus:
    return EditionStatus(
        edition.dataset,
        edition.edition,
        edition.digest,
        current(session)[edition.dataset].id == edition.id,
        edition.serial,
        edition.source,
    )


def _order(edition: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", edition)]


# --- loading what ships with the program


def load(session: Session, actor: Actor) -> LoadResult:
    """Load the shipped reference data (基準データの読込み), as one act: what is not there yet.

    An edition that is there already, or older than the current one, is left alone and named in
    `unchanged`. Raises BadReference when a shipped file is missing or damaged.
    """
    there = current(session)
    known = {(edition.dataset, edition.edition): edition for edition in session.scalars(_all())}
    new, unchanged = [], []
    for dataset, tables in TABLES.items():
        name = data.source()["tables"][tables[0]]["edition"]
        same = known.get((dataset, name)) or there.get(dataset)
        if same is not None and _order(same.edition) >= _order(name):
            unchanged.append(_status(session, same))
        else:
            new.append(_shipped(session, dataset, name, tables))
    if not new:
        return LoadResult(None, unchanged=tuple(unchanged))
    done = act(session, actor, LOAD, "reference", {"editions": new})
    return LoadResult(done.serial, _loaded_by(session, done), tuple(unchanged))


def _loaded_by(session: Session, done: Act) -> tuple[EditionStatus, ...]:
    query = select(Edition).where(Edition.serial == done.serial).order_by(Edition.id)
    return tuple(_status(session, edition) for edition in session.scalars(query))


def _shipped(session: Session, dataset: str, edition: str, tables: tuple[str, ...]) -> Json:
    source = data.source()
    entries = {table: source["tables"][table] for table in tables}
    first = entries[tables[0]]
    texts = {table: entry["text_sha256"] for table, entry in entries.items()}
    return {
        "dataset": dataset,
        "edition": edition,
        "digest": sha256(canonical(texts).encode()).hexdigest(),
        "tables": {
            table: {
                "blob": put_blob(session, data.raw(table), XZ),
                "edition": entry["edition"],
                "text_sha256": entry["text_sha256"],
            }
            for table, entry in entries.items()
        },
        "source": {
            "name": first["dataset"],
            **{
                key: first[key]
                for key in (
                    "origin",
                    "origin_file",
                    "origin_sha256",
                    "licence",
                    "rights",
                    "changes",
                )
            },
            "generator": source["generator"],
            "package": source["package"],
        },
    }


@effect(LOAD)
def _loaded(session: Session, act: Act) -> None:
    for part in act.after["editions"]:
        tables = {
            name: list(
                data.parse(name, get_blob(session, kept["blob"])[0], edition=kept["edition"])
            )
            for name, kept in part["tables"].items()
        }
        edition = _edition(session, act, part)
        WRITERS[part["dataset"]](session, edition, tables)


def _edition(session: Session, act: Act, part: Json) -> Edition:
    edition = Edition(
        dataset=part["dataset"],
        edition=part["edition"],
        digest=part["digest"],
        source=part["source"] | {"tables": part.get("tables", {})},
        serial=act.serial,
    )
    session.add(edition)
    session.flush()
    return edition


# --- importing a list


def import_sheet(
    session: Session,
    actor: Actor,
    file_name: str,
    content: bytes,
    namespace: str,
    edition: str | None = None,
) -> LoadResult:
    """Import a list of characters (一覧表の取込み) as the new current edition of its namespace.

    content: CSV or xlsx with the columns of the MJ list. edition: needed when neither file name nor title
    says it. Names that are no longer listed are a finding; their characters stay.
    Raises BadReference, BadName; Conflict when the edition is there with another content, or a newer one is.
    """
    _check_namespace(session, namespace)
    sheet = read_sheet(content, file_name, namespace, edition=edition)
    if sheet.edition is None:
        raise BadReference(
            "一覧表の版が分かりません。版を --edition で指定してください。何も変えていません。",
            "The list does not say which edition it is; name it with --edition; nothing was changed.",
            where=Where(file=file_name),
        )
    query = select(Edition).where(Edition.dataset == namespace, Edition.edition == sheet.edition)
    same = session.scalar(query)
    if same is not None:
        _check_same(session, same, sheet, file_name)
        return LoadResult(None, unchanged=(_status(session, same),))
    there = current(session).get(namespace)
    if there is not None and _order(there.edition) > _order(sheet.edition):
        _conflict(
            file_name,
            f"{namespace} {sheet.edition}版は、今の{there.edition}版より古い版です。新しい版を取り込んでください",
            f"{namespace} {sheet.edition} is older than the current {there.edition}; import a newer one",
        )
    findings = _import_findings(session, there, sheet, file_name)
    part = _imported_part(session, sheet, file_name, content)
    _READ[part["blob"], namespace, sheet.edition] = sheet
    try:
        done = act(session, actor, IMPORT, f"{namespace} {sheet.edition}", part)
    finally:
        _READ.clear()
    return LoadResult(done.serial, _loaded_by(session, done), findings=findings)


_READ: dict[tuple[str, str, str], ReferenceSheet] = {}
"""The sheet just read, so that the effect need not parse the same bytes again."""


def _check_namespace(session: Session, namespace: str) -> None:
    if re.fullmatch("[A-Z]{2}", namespace) and namespace != session.get_one(Registry, 1).prefix:
        return
    raise BadName(
        f"名前空間 {namespace} は使えません。MJ や GJ のような英大文字2字で、協議会の接頭辞以外にしてください。",
        f"{namespace} cannot be a namespace; take two capitals such as MJ or GJ, not the council's own.",
    )


def _sheet_content(sheet: ReferenceSheet) -> Content:
    return Content(sheet.characters, sheet.readings, sheet.radicals, sheet.sequences)


def _imported_part(session: Session, sheet: ReferenceSheet, file_name: str, content: bytes) -> Json:
    xlsx = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    blob = put_blob(session, content, xlsx if content[:4] == b"PK\x03\x04" else "text/csv")
    rows = _sheet_content(sheet).rows()
    mj = data.source()["tables"]["mj"]
    return {
        "dataset": sheet.namespace,
        "edition": sheet.edition,
        "digest": sha256(canonical(rows).encode()).hexdigest(),
        "file": file_name,
        "blob": blob,
        "source": {
            "name": mj["dataset"] if sheet.namespace == "MJ" else f"{sheet.namespace} 文字一覧表",
            "origin_file": file_name,
            "origin_sha256": blob,
            "licence": mj["licence"] if sheet.namespace == "MJ" else None,
            "rights": mj["rights"] if sheet.namespace == "MJ" else None,
        },
    }


@effect(IMPORT)
def _imported(session: Session, act: Act) -> None:
    part = act.after
    sheet = _READ.get((part["blob"], part["dataset"], part["edition"])) or read_sheet(
        get_blob(session, part["blob"])[0],
        part["file"],
        part["dataset"],
        edition=part["edition"],
    )
    write_list(session, _edition(session, act, part), _sheet_content(sheet))


def _import_findings(
    session: Session, there: Edition | None, sheet: ReferenceSheet, file_name: str
) -> tuple[Finding, ...]:
    findings = []
    where = Where(file=file_name)
    if there is not None:
        query = select(ReferenceCharacter.character).where(
            ReferenceCharacter.edition_id == there.id
        )
        gone = sorted(set(session.scalars(query)) - {row.name for row in sheet.characters})
        for start in range(0, len(gone), NAMED):
            names = gone[start : start + NAMED]
            text = Text(
                f"{there.edition}版の {'・'.join(names)} がこの一覧表にありません。"
                "文字は残りますが、この版の番号は付きません。",
                f"{', '.join(names)} of {there.edition} are not in this list; the characters stay, "
                "without numbers in this edition.",
            )
            findings.append(Finding("names-missing", "warning", text, names[0], where))
    for column in sheet.unread:
        text = Text(
            f"列「{column}」の意味が分からないため読んでいません。",
            f"The column {column} has no known meaning and was not read.",
        )
        findings.append(Finding("column-unread", "warning", text, column, where))
    return tuple(findings)


def _check_same(session: Session, edition: Edition, sheet: ReferenceSheet, file_name: str) -> None:
    """Raise Conflict unless the edition that is there says what the list says."""
    there, here = read_list(session, edition).rows(), _sheet_content(sheet).rows()
    differ = {
        row[-1] if kind == "sequences" else row[0]
        for kind in there
        for row in set(there[kind]) ^ set(here[kind])
    }
    if differ:
        names = "・".join(sorted(differ)[:NAMED])
        _conflict(
            file_name,
            f"{sheet.namespace} {sheet.edition}版は別の内容で登録済みです"
            f"({len(differ)}字が違います: {names})。版の番号を確かめてください",
            f"{sheet.namespace} {sheet.edition} is there already with another content ({len(differ)} "
            f"characters differ: {names}); check the edition",
        )


def _conflict(file_name: str, ja: str, en: str) -> NoReturn:
    raise Conflict(
        f"{ja}。何も変えていません。",
        f"{en}; nothing was changed.",
        where=Where(file=file_name),
    )
