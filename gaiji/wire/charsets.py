"""JSON shapes of charset tables (文字コード表)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field


class CharsetTableShape(BaseModel):
    """A table of a charset (文字コード表): built in, or imported by the council with where it came from."""

    name: str = Field(examples=["jef-6f3c21a0"])
    kind: Literal["built-in", "imported"]
    charset: str = Field(examples=["jef"])
    digest: str = Field(
        description="sha256 of what the table says, which a code set and its releases pin"
    )
    codes: int | None = Field(None, description="codes of an imported table")
    blob: str | None = Field(None, description="sha256 of the packed table")
    provenance: dict[str, Any] = Field(
        default_factory=dict, description="source, edition, licence, sha256 of the file"
    )
    imported_at: str | None = None
    imported_by: str | None = None
    codesets: list[str] = Field(default_factory=list, description="code sets that stand on it")
