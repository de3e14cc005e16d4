"""JSON shapes of fonts: what a built font holds and by what right, and how a terminal's font differs (フォント)."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape

Scope = Literal["unknown", "member", "council", "public"]
"""Who may be given a glyph (利用範囲): nobody knows; its own city; members and who works for them; everybody."""
SCOPES: tuple[Scope, ...] = get_args(Scope)

Outlines = Literal["own", "ipamj"]
"""Whose outlines a font is made of: the cities' own and the donor's, or the reference font's (then IPA's licence)."""
FontFormat = Literal["tte", "bdf", "woff2"]
Dots = Literal[24, 32, 48, 64]
Numbers = Literal["code", "point"]
"""What a dot font numbers its glyphs by: the city's local codes, or private-use code points."""

DriftKind = Literal["missing", "extra", "swapped", "redrawn", "blank"]


class BothShape(BaseModel):
    """One sentence in both languages: a file does not know who will read it."""

    ja: str
    en: str


class FontGlyphShape(BaseModel):
    """One glyph of a built font (字形の出所): where it came from and by what right it is there."""

    code_point: str = Field(examples=["U+E000"])
    name: str = Field(examples=["L252069_juki_F040.1a2b3c4d"])
    code: str | None = Field(None, description="local code, in a code set's own font")
    character: str | None = None
    sha256: str = Field(description="of the glyph's canonical form")
    source: str = Field(description="city, hanazono or ipamj")
    codeset: str | None = Field(None, description="whose glyph it is, where it is a city's")
    granted_by: str | None = Field(
        None, description="the code set by whose word it may be handed on, where it is a city's"
    )
    supplier: str
    rights: str = Field(description="as the supplier put it")
    scope: Scope
    licence: str | None


class FontProvenanceShape(BaseModel):
    """The file beside a built font (フォントの来歴): what it was made from, glyph by glyph."""

    subject: str = Field(examples=["codeset:252069/juki"])
    family: BothShape
    release: int
    digest: str = Field(description="of the release")
    content: str = Field(description="sha256 of code points, names, glyph digests and em")
    audience: Scope
    outlines: Outlines
    licence: str
    licence_text: BothShape
    licence_url: str
    way_back: BothShape
    findings: list[dict[str, Any]] = Field(description="each text in both languages")
    glyphs: list[FontGlyphShape]


class DriftShape(BaseModel):
    """One difference between a terminal's font and the release (差異)."""

    kind: DriftKind
    code_point: str
    code: str | None = None
    text: str
    found_at: str | None = Field(None, description="whose glyph stands there, for swapped")
    difference: float | None = Field(
        None, description="part of the ink that differs at 96 px, cut to 0.001"
    )


class FontCheckShape(BaseModel):
    """How far a terminal's font is in step with a release (端末フォントの点検)."""

    subject: str
    release: int
    digest: str
    file: str
    sha256: str
    expected: int = Field(description="glyphs the release has")
    same: int
    counts: dict[DriftKind, int]
    items: list[DriftShape]
    findings: list[FindingShape]


class RightsRowShape(BaseModel):
    """The glyphs of one supplier and one right in a code set (字形の利用条件)."""

    supplier: str
    rights: str
    scope: Scope
    licence: str | None
    glyphs: int


class RightsShape(BaseModel):
    """By what right the glyphs of a code set may be handed on (字形の利用条件)."""

    codeset: str
    items: list[RightsRowShape]


class RightsRequest(BaseModel):
    """What a code set's glyphs may be used for from now on, and on what ground."""

    scope: Scope
    licence: str | None = Field(
        None, max_length=200, description="null keeps what stands, an empty one takes it back"
    )
    ground: str = Field(min_length=1, max_length=400)
