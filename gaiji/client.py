"""Typed calls to a registry over HTTP, for integrators (接続用クライアント).

    with Client("http://127.0.0.1:8000", key="gaiji_…") as registry:
        for character in registry.characters(q="渡邉"):
            print(character.id, character.text)

Answers are the shapes of gaiji.wire. A problem document is raised as the error class of the same name in
gaiji.errors; no answer at all is Unreachable. Names of residents belong in no argument of these calls but
the codes of a translation, which travel in the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter

from gaiji.errors import GaijiError, Unreachable, Where, problem_types
from gaiji.wire.fitgap import FitGapShape
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

ERRORS = problem_types()
"""Error classes by the last part of a problem's `type`."""

TIMEOUT_S = 60.0
PAGE = 500
Shape = TypeVar("Shape", bound=BaseModel)
File = tuple[str, bytes]


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
        dry_run: bool = False,
        idempotency_key: str | None = None,
    ) -> ImportShape:
        """Hand in a city's files, each as (name, bytes); all or nothing. Raises BadFont, BadTable …."""
        given = {"font": font, "table": table, "cs_table": cs_table, "vendor_table": vendor_table}
        files = {role: file for role, file in given.items() if file is not None}
        fields = {"supplier": supplier, "rights": rights, "dots": dots}
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

    # --- releases, journal, files

    def releases(self) -> list[ReleaseShape]:
        """Return all releases (版), the first one first."""
        return list(self._items(ReleaseShape, "/v1/releases"))

    def release(self, number: int | str = "latest") -> ReleaseShape:
        """Return one release. Raises UnknownRelease."""
        return self._get(ReleaseShape, _path("releases", str(number)))

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
        body = answer.json()
        kind = ERRORS.get(str(body["type"]).rpartition("/")[2], GaijiError)
        told, where = str(body["detail"]), body.get("where")
    except (ValueError, KeyError, TypeError):
        return Unreachable(
            f"サーバーの応答({answer.status_code})を読めません。アドレスを確かめてください。",
            f"The server's answer ({answer.status_code}) is none of ours; check the address.",
        )
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
