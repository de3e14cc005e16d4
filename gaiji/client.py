"""Typed calls to a registry over HTTP, for integrators (接続用クライアント).

    with Client("http://127.0.0.1:8000", key="gaiji_…") as registry:
        for character in registry.characters(q="渡邉"):
            print(character.id, character.text)

Answers are the shapes of gaiji.wire. A problem document is raised as the error class of the same name in
gaiji.errors; no answer at all is Unreachable. Names of residents belong in no argument of these calls but
the codes of a translation, which travel in the body.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from functools import partial
from hashlib import file_digest
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from gaiji.errors import GaijiError, Unreachable, Where, problem_types
from gaiji.wire.charsets import CharsetTableShape
from gaiji.wire.fitgap import FitGapShape
from gaiji.wire.fonts import Scope
from gaiji.wire.jobs import ENDED, JobShape
from gaiji.wire.lint import LintReport, LintRequest
from gaiji.wire.mapfiles import ReleaseFilesShape
from gaiji.wire.names import NameRequest, NameShape
from gaiji.wire.nouns import (
    CharacterShape,
    CodeSetShape,
    HistoryShape,
    ImportShape,
    JournalEntryShape,
    LocalCodeShape,
    MemberShape,
    Page,
    ReleaseShape,
    TranslationRequest,
    TranslationShape,
    UseShape,
    VariantShape,
)
from gaiji.wire.service import (
    AboutShape,
    CodeDecision,
    CodeSetRequest,
    DecidedShape,
    DiffShape,
    HeadShape,
    MemberRequest,
    PolicyDecision,
    PublishedShape,
)
from gaiji.wire.usage import UsageShape

ERRORS = problem_types()
"""Error classes by the last part of a problem's `type`."""

TIMEOUT_S = 60.0
PAGE = 500
PIECE = 1 << 20
DOWNLOAD_ATTEMPTS, RETRY_S = 5, 1.0
Shape = TypeVar("Shape", bound=BaseModel)
File = tuple[str, bytes]


class _Kept(NamedTuple):
    """Size and digest of a file that the service keeps."""

    bytes: int
    sha256: str


class Client:
    """One registry (台帳), reached over HTTP. key: an API key, needed for everything but reading.

    language: of the texts in answers and errors, "ja" or "en". Close it, or use it in `with`.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        *,
        language: str = "ja",
        transport: httpx.BaseTransport | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        headers = {"accept-language": language}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        self._http = httpx.Client(
            base_url=base_url, headers=headers, transport=transport, timeout=timeout_s
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # --- members and code sets

    def members(self) -> list[MemberShape]:
        """Return all members and candidates (構成市)."""
        return list(self._items(MemberShape, "/v1/members"))

    def member(self, member: str) -> MemberShape:
        """Return one member. Raises UnknownMember, BadMemberCode."""
        return self._get(MemberShape, _path("members", member))

    def put_member(
        self, member: str, name: str, *, candidate: bool = False, successor: str | None = None
    ) -> MemberShape:
        """Register a member, or change it as it stands now. Raises StaleVersion when another was faster."""
        body = MemberRequest(name=name, candidate=candidate, successor=successor)
        return self._put(MemberShape, _path("members", member), body)

    def code_sets(self, member: str | None = None) -> list[CodeSetShape]:
        """Return the code sets (外字セット) of one member, or of all."""
        path = "/v1/codesets" if member is None else _path("members", member, "codesets")
        return list(self._items(CodeSetShape, path))

    def code_set(self, address: str) -> CodeSetShape:
        """Return one code set, e.g. 252069/juki. Raises UnknownCodeSet."""
        return self._get(CodeSetShape, _set(address))

    def put_code_set(self, address: str, body: CodeSetRequest) -> CodeSetShape:
        """Register a code set, or change its label as it stands now. Raises Conflict, StaleVersion."""
        return self._put(CodeSetShape, _set(address), body)

    def local_codes(
        self,
        address: str,
        *,
        release: int | str = "latest",
        as_of: date | None = None,
        unmapped: bool = False,
    ) -> Iterator[LocalCodeShape]:
        """Yield the local codes (外字コード) of a code set in one release, by code."""
        asked = {"release": release, "as_of": as_of, "unmapped": unmapped, "limit": PAGE}
        return self._items(LocalCodeShape, _set(address, "codes"), asked)

    def local_code(
        self, address: str, code: str, *, release: int | str = "latest", as_of: date | None = None
    ) -> LocalCodeShape:
        """Return what a local code means in a release. Raises UnknownCode when it was never registered."""
        path = _set(address, "codes", code)
        return self._get(LocalCodeShape, path, {"release": release, "as_of": as_of})

    def local_glyph(
        self, address: str, code: str, *, size_px: int = 96, release: int | str = "latest"
    ) -> bytes:
        """Return the PNG of a city's glyph. Raises NoPicture."""
        path = _set(address, "codes", code, "glyph.png")
        return self._ask("GET", path, {"size_px": size_px, "release": release}).content

    def import_files(
        self,
        address: str,
        *,
        font: File | None = None,
        table: File | None = None,
        cs_table: File | None = None,
        vendor_table: File | None = None,
        dots: int | None = None,
        supplier: str = "",
        rights: str = "unknown",
        scope: Scope = "unknown",
        licence: str | None = None,
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> ImportShape:
        """Hand in a city's files, each as (name, bytes); all or nothing. Raises BadFont, BadTable …."""
        given = {"font": font, "table": table, "cs_table": cs_table, "vendor_table": vendor_table}
        files = {role: file for role, file in given.items() if file is not None}
        fields = {
            "supplier": supplier,
            "rights": rights,
            "scope": scope,
            "licence": licence,
            "dots": dots,
        }
        # parts without a file name are fields; as `files` the form is multipart without a file too
        form = {name: (None, str(value)) for name, value in fields.items() if value is not None}
        answer = self._ask(
            "POST",
            _set(address, "imports"),
            {"dry_run": dry_run},
            files={**files, **form},
            headers=_once(idempotency_key),
        )
        return ImportShape.model_validate_json(answer.content)

    def decide(
        self,
        address: str,
        decision: CodeDecision | PolicyDecision,
        *,
        idempotency_key: str | None = None,
    ) -> DecidedShape:
        """Decide one code, or let a policy decide many (決定). Raises Undecidable, Refused …."""
        return self._post(DecidedShape, _set(address, "decisions"), decision, idempotency_key)

    def usage(self, address: str) -> UsageShape:
        """Return how often a code set's codes stand in the counted files (使用頻度). Raises Unauthorized."""
        return self._get(UsageShape, _set(address, "usage"))

    def charsets(self) -> list[CharsetTableShape]:
        """Return the built-in charsets and the tables the council imported (文字コード体系)."""
        return list(self._items(CharsetTableShape, "/v1/charsets"))

    def charset(self, name: str) -> CharsetTableShape:
        """Return one charset or imported table. Raises NotFound."""
        return self._get(CharsetTableShape, _path("charsets", name))

    def fitgap(
        self, member: str, *, against: str = "MJ", release: int | str | None = None
    ) -> FitGapShape:
        """Return FIT&GAP of a member or candidate (適合・不適合)."""
        path = _path("members", member, "fitgap")
        return self._get(FitGapShape, path, {"against": against, "release": release})

    # --- shared characters

    def characters(self, **query: str | int) -> Iterator[CharacterShape]:
        """Yield the shared characters (共通文字) that a search finds.

        query: q, reading, strokes, radical, ucs, juki, koseki, x0213, parts, member; all given must hold.
        """
        return self._items(CharacterShape, "/v1/characters", {"limit": PAGE, **query})

    def character(self, id: str) -> CharacterShape:
        """Return one shared character. Raises UnknownCharacter."""
        return self._get(CharacterShape, _path("characters", id))

    def variants(self, id: str) -> list[VariantShape]:
        """Return the characters related to one (異体字・縮退)."""
        return list(self._items(VariantShape, _path("characters", id, "variants")))

    def uses(self, id: str, *, release: int | str = "latest") -> list[UseShape]:
        """Return every city's codes for a shared character (使用状況)."""
        path = _path("characters", id, "uses")
        return list(self._items(UseShape, path, {"release": release}))

    def history(self, id: str) -> list[HistoryShape]:
        """Return what was decided about a shared character (履歴)."""
        return list(self._items(HistoryShape, _path("characters", id, "history")))

    def glyph(self, id: str, *, size_px: int = 96) -> bytes:
        """Return the PNG of a shared character's glyph. Raises NoPicture."""
        return self._ask("GET", _path("characters", id, "glyph.png"), {"size_px": size_px}).content

    def translate(
        self,
        from_: str,
        to: str,
        codes: list[str],
        *,
        release: int | str = "latest",
        as_of: date | None = None,
    ) -> TranslationShape:
        """Return all matches of up to 10,000 codes, in the order asked (変換照会)."""
        body = TranslationRequest.model_validate(
            {"from": from_, "to": to, "codes": codes, "release": release, "as_of": as_of}
        )
        return self._post(TranslationShape, "/v1/translate", body)

    # --- conversions

    def start_conversion(
        self,
        source: Path | BinaryIO,
        from_: str,
        to: str,
        *,
        idempotency_key: str | None = None,
        **options: str | int | bool | date,
    ) -> JobShape:
        """Hand in a file to convert (ファイル変換) and return its job; the file is read piece by piece.

        options: release, as_of, on_unmapped, malformed, max_loss, ivs, mj_format, receipt, dry_run, layout (TOML or a
        shipped name). Raises TooLarge, QuotaExceeded, UnsupportedConversion, BadLayout ….
        """
        query = {"from": from_, "to": to, **options}
        headers = {"content-type": "application/octet-stream", **_once(idempotency_key)}
        with ExitStack() as stack:
            file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
            if isinstance(source, Path):
                headers["content-length"] = str(source.stat().st_size)
            pieces = iter(partial(file.read, PIECE), b"")
            answer = self._ask("POST", "/v1/conversions", query, content=pieces, headers=headers)
        return JobShape.model_validate_json(answer.content)

    def jobs(self) -> Iterator[JobShape]:
        """Yield the jobs of the key's members, the newest first."""
        return self._items(JobShape, "/v1/jobs", {"limit": PAGE})

    def job(self, id: str) -> JobShape:
        """Return a job as it is now (ジョブ). Raises UnknownJob."""
        return self._get(JobShape, _path("jobs", id))

    def wait(
        self, id: str, *, every_s: float = 1.0, progress: Callable[[JobShape], None] | None = None
    ) -> JobShape:
        """Wait until a job ends and return it, done or cancelled; raise what it failed with."""
        while True:
            job = self.job(id)
            if progress:
                progress(job)
            if job.error is not None:
                raise problem_of(job.error)
            if job.state in ENDED:
                return job
            time.sleep(every_s)

    def download(
        self, id: str, target: Path, part: str = "result", *, attempts: int = DOWNLOAD_ATTEMPTS
    ) -> None:
        """Fetch result, report, receipt or spill of a job into a file, which appears whole or not at all.

        A download that was cut goes on where it was, in this call or a later one: what came so far stays in
        `<target>.part`. Raises FilesDeleted, NoSuchResult, and Unreachable after the last attempt.
        """
        kept = next((file for file in self.job(id).files if file.name == part), None)
        if kept is None:
            self._ask("GET", _path("jobs", id, part))  # raises why there is none
            raise _cut(0)
        self._fetch(_path("jobs", id, part), target, _Kept(kept.bytes, kept.sha256), attempts)

    def _fetch(self, path: str, target: Path, kept: _Kept, attempts: int) -> None:
        """Fetch a file of known size and digest, going on where it was cut."""
        partial_file = target.with_name(f"{target.name}.{kept.sha256[:16]}.part")
        for attempt in range(1, attempts + 1):
            try:
                self._fetch_rest(path, partial_file, kept)
                break
            except Unreachable:
                if attempt == attempts:
                    raise
                time.sleep(min(attempt, 5) * RETRY_S)
        os.replace(partial_file, target)

    def _fetch_rest(self, path: str, file: Path, kept: _Kept) -> None:
        """Append what a file lacks, and check that it is the whole then."""
        have = file.stat().st_size if file.exists() else 0
        headers = {"accept-encoding": "identity"}
        if have:
            headers |= {"range": f"bytes={have}-", "if-range": f'"{kept.sha256}"'}
        if have < kept.bytes:
            try:
                with self._http.stream("GET", path, headers=headers) as answer:
                    if not answer.is_success:
                        answer.read()
                        raise problem(answer)
                    with file.open("ab" if answer.status_code == 206 else "wb") as out:
                        for piece in answer.iter_bytes():
                            out.write(piece)
            except httpx.HTTPError as error:
                raise _cut(have) from error
        else:
            file.touch()
        with file.open("rb") as whole:
            digest = file_digest(whole, "sha256").hexdigest()
        if digest != kept.sha256:
            size = file.stat().st_size
            if size >= kept.bytes:
                file.unlink()  # another file's bytes: begin anew
            raise _cut(size)

    def remove_job(self, id: str) -> JobShape:
        """Cancel a job, or delete the files of one that has ended (取消・削除)."""
        return JobShape.model_validate_json(self._ask("DELETE", _path("jobs", id)).content)

    def lint(
        self, text: str, *, to: Sequence[str] = (), release: int | str = "latest"
    ) -> LintReport:
        """Return what a text would lose or change, where, and the way out (点検)."""
        body = LintRequest(text=text, to=list(to), release=str(release))
        return self._post(LintReport, "/v1/lint", body)

    def trace_name(self, asked: NameRequest) -> NameShape:
        """Return how one name goes from a code set to another (転入・転出の氏名), every step and loss shown."""
        return self._post(NameShape, "/v1/names", asked)

    # --- releases, journal, files

    def releases(self) -> list[ReleaseShape]:
        """Return all releases (版), the first one first."""
        return list(self._items(ReleaseShape, "/v1/releases"))

    def release(self, number: int | str = "latest") -> ReleaseShape:
        """Return one release. Raises UnknownRelease."""
        return self._get(ReleaseShape, _path("releases", str(number)))

    def release_files(self, number: int | str = "latest") -> ReleaseFilesShape:
        """Return the mapping files of a release (対応表ファイルの一覧) with their sha256. Raises UnknownRelease."""
        return self._get(ReleaseFilesShape, _path("releases", str(number), "files"))

    def fetch_release_file(
        self, number: int | str, name: str, target: Path, *, attempts: int = DOWNLOAD_ATTEMPTS
    ) -> None:
        """Fetch a mapping file of a release, or its rows as .ucm, .csv or .json, by name, checked by its sha256.

        It appears whole or not at all; a download that was cut goes on where it was, in this call or a later one.
        Raises UnknownRelease, UnknownReleaseFile, and Unreachable after the last attempt.
        """
        path = _path("releases", str(number), "files", name)
        head = self._send("HEAD", path, headers={"accept-encoding": "identity"})
        if not head.is_success:
            self._ask("GET", path)  # raises why: an answer to HEAD has no body
            raise problem(head)
        size, digest = int(head.headers["content-length"]), head.headers["etag"].strip('"')
        self._fetch(path, target, _Kept(size, digest), attempts)

    def diff(self, a: int, b: int) -> DiffShape:
        """Return what changed from release a to release b (差分)."""
        return self._get(DiffShape, _path("releases", str(a), "diff", str(b)))

    def publish(self, *, idempotency_key: str | None = None) -> PublishedShape:
        """Publish what is decided (公布); `published` is false where nothing had changed."""
        return self._post(PublishedShape, "/v1/releases", None, idempotency_key)

    def blob(self, sha256: str) -> bytes:
        """Return a kept file by its digest. Raises UnknownBlob."""
        return self._ask("GET", _path("blobs", sha256)).content

    def journal(self, after: int = 0) -> Iterator[JournalEntryShape]:
        """Yield the acts that follow a serial (履歴), in order, until the end as it is now."""
        while True:
            page = self._page(JournalEntryShape, "/v1/journal", {"after": after, "limit": PAGE})
            yield from page.items
            if page.next is None:
                return
            after = int(page.next)

    def journal_head(self) -> HeadShape:
        """Return the end of the journal (履歴の末尾)."""
        return self._get(HeadShape, "/v1/journal/head")

    def about(self) -> AboutShape:
        """Return what the service is and what it stands on."""
        return self._get(AboutShape, "/v1/about")

    # --- asking

    def _get(self, shape: type[Shape], path: str, asked: Mapping[str, Any] | None = None) -> Shape:
        return shape.model_validate_json(self._ask("GET", path, asked).content)

    def _post(
        self, shape: type[Shape], path: str, body: BaseModel | None, key: str | None = None
    ) -> Shape:
        sent = None if body is None else body.model_dump(mode="json", by_alias=True)
        answer = self._ask("POST", path, json=sent, headers=_once(key))
        return shape.model_validate_json(answer.content)

    def _put(self, shape: type[Shape], path: str, body: BaseModel) -> Shape:
        known = self._send("GET", path)
        if known.is_success:
            condition = {"if-match": known.headers["etag"]}
        elif known.status_code == 404:
            condition = {"if-none-match": "*"}
        else:
            raise problem(known)
        answer = self._ask("PUT", path, json=body.model_dump(mode="json"), headers=condition)
        return shape.model_validate_json(answer.content)

    def _items(
        self, shape: type[Shape], path: str, asked: Mapping[str, Any] | None = None
    ) -> Iterator[Shape]:
        asked, cursor = dict(asked or {}), None
        while True:
            page = self._page(shape, path, asked | {"cursor": cursor})
            yield from page.items
            cursor = page.next
            if cursor is None:
                return

    def _page(self, shape: type[Shape], path: str, asked: Mapping[str, Any]) -> Page[Shape]:
        adapter: TypeAdapter[Page[Shape]] = TypeAdapter(Page[shape])  # type: ignore[valid-type]
        return adapter.validate_json(self._ask("GET", path, asked).content)

    def _ask(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        answer = self._send(method, path, asked, **more)
        if not answer.is_success:
            raise problem(answer)
        return answer

    def _send(
        self, method: str, path: str, asked: Mapping[str, Any] | None = None, **more: Any
    ) -> httpx.Response:
        given = {name: value for name, value in (asked or {}).items() if value is not None}
        query = {
            name: value if not isinstance(value, date) else value.isoformat()
            for name, value in given.items()
        }
        try:
            return self._http.request(method, path, params=query, **more)
        except httpx.HTTPError as error:
            raise Unreachable(
                f"{self._http.base_url} に接続できません。サーバーが動いているか、アドレスを確かめてください。",
                f"{self._http.base_url} does not answer; check that the server runs and its address.",
            ) from error


def problem(answer: httpx.Response) -> GaijiError:
    """Return the error that a problem document stands for, of the class its `type` names."""
    try:
        return problem_of(answer.json())
    except (ValueError, KeyError, TypeError):
        return Unreachable(
            f"サーバーの応答({answer.status_code})を読めません。アドレスを確かめてください。",
            f"The server's answer ({answer.status_code}) is none of ours; check the address.",
        )


def problem_of(body: dict[str, Any]) -> GaijiError:
    """Return the error of a problem document that was read; ValueError, KeyError, TypeError if it is none."""
    kind = ERRORS.get(str(body["type"]).rpartition("/")[2], GaijiError)
    told, where = str(body["detail"]), body.get("where")
    known = {"type", "title", "status", "detail", "where"}
    extra = {name: value for name, value in body.items() if name not in known}
    return kind(told, told, where=Where(**where) if where else None, **extra)


def _path(*parts: str) -> str:
    return "/v1/" + "/".join(quote(part, safe="") for part in parts)


def _set(address: str, *parts: str) -> str:
    member, _, name = address.partition("/")
    return _path("members", member, "codesets", name, *parts)


def _once(key: str | None) -> dict[str, str]:
    return {} if key is None else {"idempotency-key": key}


def _cut(have: int) -> Unreachable:
    return Unreachable(
        f"受信が {have} バイトで途切れました。もう一度呼べば続きから受け取ります。",
        f"The download was cut after {have} bytes; call again to go on from there.",
    )
