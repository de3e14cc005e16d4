"""JSON shapes of the collision wall (衝突の壁): collisions, their codes, the matrix of slots and code sets."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

CollisionKind = Literal["same-slot", "same-character", "same-glyph"]


class UsedShape(BaseModel):
    """A local code in a collision."""

    codeset: str = Field(examples=["252069/juki"])
    code: str = Field(examples=["F040"])
    image: str = Field(description="private-use code point of the code", examples=["U+E000"])
    character: str | None = Field(description="null while nothing is decided")
    relationship: str | None
    glyph: str | None = Field(description="sha256 of the city's glyph")
    uses: int | None = Field(
        description="occurrences in the counted files, for who sees the work; null: none was counted"
    )


class CollisionShape(BaseModel):
    """One collision (衝突)."""

    kind: CollisionKind
    slot: str | None = Field(description="of same-slot", examples=["U+E000"])
    character: str | None = Field(description="of same-character")
    glyph: str | None = Field(description="of same-glyph: its sha256")
    meanings: int = Field(
        description="different meanings in the slot; slots or codes, for the other kinds"
    )
    members: int
    codesets: int
    codes: int = Field(description="codes that collide, with their members, code sets and uses")
    substitutes: int = Field(
        description="further codes shown with a character, for which it only stands in"
    )
    uses: int | None = Field(description="occurrences of its codes; null: nothing was counted")
    uncounted: int = Field(description="code sets in it of which nothing was counted")
    rows: list[UsedShape] = Field(description="the first 100 codes, every meaning at least once")


class CollisionCountShape(BaseModel):
    """How many collisions of a kind there are."""

    kind: CollisionKind
    collisions: int
    codes: int
    uses: int | None


class PairShape(BaseModel):
    """In how many collisions two members differ; a member with itself: between its own code sets."""

    kind: CollisionKind
    members: tuple[str, str]
    collisions: int


class WallFacts(BaseModel):
    """What a wall is of (対象)."""

    release: int | None = Field(description="null: the state of work")
    as_of: date | None = Field(None, description="null: the last meaning of every code")
    by: Literal["image", "code"] = Field(description="what a slot is")
    codesets: list[str]
    uncounted: list[str] = Field(description="code sets of which nothing was counted")
    codes: int
    counts: list[CollisionCountShape]
    pairs: list[PairShape] | None = Field(description="null for more than 64 members")


class CollisionsShape(WallFacts):
    """A part of the collisions of one kind (衝突の一覧)."""

    kind: CollisionKind
    items: list[CollisionShape]
    next: str | None = None


class MatrixLineShape(BaseModel):
    """One slot and what each column has there; null: the code set has no code there."""

    slot: str = Field(examples=["U+E000"])
    meanings: int
    uses: int | None
    uncounted: int = Field(description="code sets in it of which nothing was counted")
    cells: list[UsedShape | None]


class MatrixShape(BaseModel):
    """A part of the matrix of slots and code sets (コード位置の表)."""

    release: int | None
    as_of: date | None
    by: Literal["image", "code"]
    columns: list[str] = Field(description="code sets, in the order of the cells")
    items: list[MatrixLineShape]
    next: str | None = None
