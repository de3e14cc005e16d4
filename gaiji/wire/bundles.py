"""JSON shapes of what is handed to who prints (印刷一式)."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, Field

from gaiji.wire.findings import FindingShape
from gaiji.wire.fonts import Scope


class BundleFileShape(BaseModel):
    """One file of a bundle (一式のファイル)."""

    name: str = Field(examples=["fonts/council.r2.tte"])
    bytes: int
    sha256: str


class BundleJobShape(BaseModel):
    """The gaiji really used in one print job's file (印刷業務で使われた外字); the file's name is not kept."""

    name: str
    codeset: str
    file_sha256: str
    records: int
    codes: int = Field(description="different codes of the user-defined areas")
    uses: int
    without_font: int = Field(description="codes that no font of the bundle shows")


class PrintBundleShape(BaseModel):
    """What a print bundle holds (印刷一式): MANIFEST.json."""

    format: str = "gaiji-print-bundle 1"
    release: int
    digest: str = Field(description="of the release")
    members: list[str]
    codesets: dict[str, str] = Field(description="digest of each code set in the release")
    as_of: date | None
    audience: Scope = Field(description="who may be given it")
    language: str
    rows: int = Field(description="rows of the correspondence sheet")
    jobs: list[BundleJobShape]
    files: list[BundleFileShape]
    findings: list[FindingShape]
