"""Long work as JSON: a job, its progress, its files (ジョブ)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

State = Literal["queued", "running", "done", "failed", "cancelled", "expired"]
ENDED: frozenset[str] = frozenset({"done", "failed", "cancelled", "expired"})
"""States that no job leaves, but for the deletion of its files."""


Unit = Literal["bytes", "glyphs"]


class ProgressShape(BaseModel):
    """How far a job is (進み具合), in bytes of what was handed in or in whatever `unit` says."""

    unit: Unit = Field("bytes", description="what is counted: glyphs for identification")
    bytes_done: int
    bytes_total: int


class JobFileShape(BaseModel):
    """A file that a job keeps until `expires_at`; it can be read where it has an address."""

    name: str = Field(description="upload, result, report, receipt or spill")
    bytes: int
    sha256: str
    url: str | None = Field(description="address to read it from; null for what was handed in")


class JobShape(BaseModel):
    """Long work for one member (ジョブ). `error` is a problem document when it failed."""

    id: str
    kind: str = Field(examples=["conversion"])
    member: str
    by: str = Field(description="principal who asked for it")
    state: State
    cancelling: bool = Field(description="asked to stop, and not stopped yet")
    parameters: dict[str, Any] = Field(description="what was asked, `latest` as the number it was")
    progress: ProgressShape
    attempt: int = Field(description="how often a worker took it up")
    created_at: str
    started_at: str | None
    finished_at: str | None
    expires_at: str = Field(description="when its files are deleted, counted anew at its end")
    error: dict[str, Any] | None = None
    files: list[JobFileShape]
    links: dict[str, str]
