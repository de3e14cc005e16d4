"""Files of any size over HTTP: parts (Range) and digests (ダウンロード)."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gaiji.errors import BadRange, FilesDeleted
from gaiji.registry.jobs import Kept

PIECE = 1 << 20
PRIVATE = "private, no-store"
"""What caches may do with personal data."""


def send_file(
    request: Request,
    path: Path,
    kept: Kept,
    media_type: str,
    *,
    name: str | None = None,
    cache: str = PRIVATE,
) -> Response:
    """Answer with a file or the part that Range asks for (206), so that a cut download goes on.

    The strong ETag is the file's sha256: with it in If-Range a part is never put behind another file's
    beginning. Several ranges at once are answered with the whole. name: the path's own where None. cache: what caches
    may do. Raises BadRange, FilesDeleted.
    """
    etag = f'"{kept.sha256}"'
    headers = {
        "etag": etag,
        "accept-ranges": "bytes",
        "cache-control": cache,
        "repr-digest": f"sha-256=:{base64.b64encode(bytes.fromhex(kept.sha256)).decode()}:",
    }
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if etag in known or known == ["*"]:
        return Response(status_code=304, headers=headers)
    headers["content-disposition"] = f'attachment; filename="{name or path.name}"'
    asked = _range(request, kept.bytes) if _holds(request, etag) else None
    start, end = asked or (0, kept.bytes)
    headers["content-length"] = str(end - start)
    if asked:
        headers["content-range"] = f"bytes {start}-{end - 1}/{kept.bytes}"
    status = 206 if asked else 200
    if request.state.is_head:
        return Response(b"", status, headers, media_type)
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise FilesDeleted(
            "このファイルは保管場所にありません。必要ならもう一度変換してください。",
            "This file is not in its folder any more; convert again if it is needed.",
        ) from error
    return _Part(file, start, end, status, headers, media_type)


def _holds(request: Request, etag: str) -> bool:
    """Tell whether a part may be sent: If-Range, where it is given, names this very file."""
    return request.headers.get("if-range", etag).strip() == etag


def _range(request: Request, size: int) -> tuple[int, int] | None:
    """Return first byte and end of the part asked for, None for the whole. Raises BadRange."""
    found = re.fullmatch(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})", request.headers.get("range", ""))
    if (
        not found
        or found[1] + found[2] == ""
        or (found[1] and found[2] and int(found[1]) > int(found[2]))
    ):
        return None
    if not found[1]:
        start, end = max(0, size - int(found[2])), size
    else:
        start, end = int(found[1]), min(size, int(found[2]) + 1 if found[2] else size)
    if start >= end:
        raise BadRange(
            f"求めた範囲は {size} バイトのファイルの外です。Range を直してください。",
            f"The range asked for lies beyond the file's {size} bytes; correct Range.",
            bytes_total=size,
        )
    return start, end


class _Part(StreamingResponse):
    """Part of an open file; the file is closed however the sending ends."""

    def __init__(
        self,
        file: BinaryIO,
        start: int,
        end: int,
        status: int,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        self.file = file
        super().__init__(_pieces(file, start, end), status, headers, media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.file.close()


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    while start < end and (data := file.read(min(PIECE, end - start))):
        start += len(data)
        yield data
