"""Pictures of glyphs over HTTP: reference and local glyphs, digests, comparisons (字形の見本).

A picture is made once per glyph and options and kept in memory. Addresses that name a digest never
change; the others carry an ETag.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import date
from typing import Annotated, Literal

from fastapi import Path, Query
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from gaiji.errors import (
    BadMemberCode,
    BadName,
    CodeOutsideArea,
    InvalidRequest,
    NoPicture,
    UnknownBlob,
    UnknownCharacter,
    UnknownCode,
    UnknownCodeSet,
    UnknownMember,
)
from gaiji.glyph import draw
from gaiji.glyph.forms import Glyph, parse_canonical
from gaiji.glyph.reference import reference_font
from gaiji.registry import characters
from gaiji.registry.db import get_blob
from gaiji.registry.intake import CANONICAL
from gaiji.registry.members import find_code_set
from gaiji.settings import Settings
from gaiji.web.problems import Responses, raises
from gaiji.web.routing import (
    FOREVER,
    RELEASES,
    Configured,
    Reads,
    ReleaseName,
    public,
    router,
    shown_release,
)

CACHE_BYTES = 64 << 20
KINDS = {"png": "image/png", "svg": "image/svg+xml"}
HOUR = "public, max-age=3600"

Kind = Literal["png", "svg"]
Size = Annotated[int, Query(ge=draw.SMALLEST_PX, le=draw.LARGEST_PX, description="pixels, square")]
Guides = Annotated[bool, Query(description="em box, centre lines and baseline")]
Day = Annotated[date | None, Query(description="the meaning in force on this day")]

glyphs = router("glyphs")


def pictured(*errors: type[Exception]) -> Responses:
    """Return the OpenAPI responses of a picture: image bytes, and the errors."""
    image: Responses = {
        200: {
            "description": "The picture",
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS.values()
            },
        }
    }
    return image | raises(*errors)  # type: ignore[arg-type]


class PictureCache:
    """Pictures by glyph and options, the least recently used ones leave (見本の控え)."""

    def __init__(self, limit_bytes: int = CACHE_BYTES) -> None:
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock, self._limit, self._size = threading.Lock(), limit_bytes, 0

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return a picture, made where it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        data = make()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = data
                self._size += len(data)
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])
        return data


PICTURES = PictureCache()


# --- which glyph


Found = tuple[str, Callable[[], Glyph]]


def reference_glyph(settings: Settings, id: str) -> Found:
    """Return name and glyph of a character of the reference set. Raises NoPicture without the font."""
    font = reference_font(settings)
    return f"{font.path}:{id}", lambda: font.glyph(id)


def kept_glyph(session: Session, digest: str) -> Found:
    """Return digest and glyph of a canonical form. Raises UnknownBlob when it is drawn."""
    return digest, lambda: parse_canonical(characters.glyph_form(session, digest))


def character_glyph(session: Session, settings: Settings, id: str) -> Found:
    """Return the glyph a shared character is shown with: the reference font's, or its own.

    The council's own characters are shown with the glyph they were made for. Raises UnknownCharacter,
    NoPicture.
    """
    found = characters.find_character(session, id)
    if found.namespace in ("MJ", "GJ"):
        return reference_glyph(settings, id)
    if found.glyph is not None:
        return kept_glyph(session, found.glyph)
    raise NoPicture(
        f"共通文字 {id} は字形のない外字コードから作られたため、描けません。",
        f"{id} was made for a code without a glyph and cannot be drawn.",
    )


def named_glyph(session: Session, settings: Settings, name: str, release: int | None) -> Found:
    """Return the glyph of a shared character (MJ026190) or of a local code (252069/juki/F040)."""
    if "/" not in name:
        return character_glyph(session, settings, name)
    address, _, code = name.rpartition("/")
    code_set = find_code_set(session, address)
    return kept_glyph(session, characters.local_glyph(session, code_set, code, release))


# --- the answer


def picture(found: Found, kind: Kind, size_px: int, guides: bool, cache: str) -> Response:
    """Return the answer with one glyph's picture."""
    name, glyph = found

    def make() -> bytes:
        if kind == "svg":
            return draw.svg(glyph(), guides=guides, size_px=size_px).encode()
        return draw.png(glyph(), size_px, guides=guides)

    data = PICTURES.get((name, kind, size_px, guides), make)
    return Response(data, media_type=KINDS[kind], headers={"cache-control": cache})


def extension(request: Request) -> Kind:
    """Return the kind of picture an address ends with."""
    return "svg" if request.url.path.endswith(".svg") else "png"


def draw_glyph(
    request: Request,
    session: Reads,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
    size_px: Size = 96,
    guides: Guides = False,
) -> Response:
    """The picture of a glyph by its digest (字形の見本): this address never changes its answer."""
    form, media_type = get_blob(session, sha256)
    if media_type != CANONICAL:
        raise NoPicture(f"sha256 {sha256} は字形ではありません。", f"sha256 {sha256} is no glyph.")
    found = sha256, lambda: parse_canonical(form)
    return picture(found, extension(request), size_px, guides, FOREVER)


for kind in KINDS:
    glyphs.add_api_route(
        f"/glyphs/{{sha256}}.{kind}",
        public(draw_glyph),
        operation_id=f"draw_glyph_{kind}",
        responses=pictured(UnknownBlob, NoPicture),
    )

COMPARE = pictured(
    *(BadMemberCode, BadName, CodeOutsideArea, InvalidRequest, NoPicture, UnknownCharacter),
    *(UnknownCode, UnknownCodeSet, UnknownMember, *RELEASES),
)


@glyphs.get("/compare", responses=COMPARE)
@public
def compare_glyphs(
    request: Request,
    session: Reads,
    settings: Configured,
    a: Annotated[str, Query(max_length=60, examples=["MJ026190"])],
    b: Annotated[str, Query(max_length=60, examples=["252069/juki/F040"])],
    mode: Literal["side-by-side", "overlay"] = "side-by-side",
    format: Kind = "png",
    size_px: Size = 256,
    guides: Guides = False,
    release: ReleaseName = "latest",
) -> Response:
    """Two glyphs in one picture (字形の比較): shared characters or local codes, side by side or overlaid.

    Overlay: vermilion is only in a, blue only in b, dark in both.
    """
    number = shown_release(request, session, release)
    left, right = (named_glyph(session, settings, name, number) for name in (a, b))

    def make() -> bytes:
        if format == "svg":
            return draw.pair_svg(
                left[1](), right[1](), mode, guides=guides, size_px=size_px
            ).encode()
        return draw.pair_png(left[1](), right[1](), mode, size_px, guides=guides)

    data = PICTURES.get((left[0], right[0], mode, format, size_px, guides), make)
    return Response(data, media_type=KINDS[format])
