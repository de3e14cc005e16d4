"""JSON shapes of what a cutover export holds, and of what a server's own dump says (移行の書出し・照合)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape

ExportFormat = Literal["gmap", "csv", "json", "ucm", "hulft", "fujitsu"]


class ExportedFileShape(BaseModel):
    """A file of an export (書き出したファイル)."""

    name: str = Field(examples=["252069/juki/252069-juki.unicode.r1.ucm"])
    bytes: int
    sha256: str
    codeset: str | None = Field(None, description="null for the server's own")
    format: str


class LeftOutShape(BaseModel):
    """A format that a code set's charset cannot have (書けない形式)."""

    codeset: str
    format: ExportFormat
    reason: str


class ExportShape(BaseModel):
    """The manifest of an export (移行の書出しの目録)."""

    format: int = 1
    server: str
    plan: int
    plan_digest: str
    release: int
    release_digest: str
    as_of: str
    members: list[str] = Field(description="whose tables are here")
    sizes: list[int] = Field(description="of the pictures, in dots or pixels")
    points: int = Field(description="code points the server gives out")
    residuals: int = Field(description="characters of the plan that need one")
    left_out: list[LeftOutShape]
    findings: list[FindingShape]
    files: list[ExportedFileShape]


class CompareShape(BaseModel):
    """The server's own dump held against the plan (サーバーの実データとの照合)."""

    server: str
    plan: int
    plan_digest: str
    codesets: dict[str, int] = Field(description="differences by code set")
    same: int = Field(description="rows that agree")
    not_compared: list[str] = Field(
        description="code sets that the plan has of these members and that had no dump"
    )
    without: list[str] = Field(description="those left out by name, so that they hold nothing up")
    findings: list[FindingShape]
