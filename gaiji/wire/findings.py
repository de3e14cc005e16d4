"""What a check found: one shape for imports, FIT&GAP, collisions, cutover and submissions (所見)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from gaiji.errors import Text, Where

Level = Literal["fit", "gap", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One finding (所見): a stable code, how grave, a sentence, what it is about and where."""

    code: str
    level: Level
    text: Text
    subject: str | None = None
    where: Where | None = None

    def shape(self) -> FindingShape:
        """Return the JSON shape, its text in the current language."""
        where = WhereShape(**self.where.as_dict()) if self.where else None
        return FindingShape(
            code=self.code, level=self.level, text=str(self.text), subject=self.subject, where=where
        )

    def stored(self) -> dict[str, Any]:
        """Return the form kept in the registry: both languages."""
        return {
            "code": self.code,
            "level": self.level,
            "text": {"ja": self.text.ja, "en": self.text.en},
            "subject": self.subject,
            "where": self.where.as_dict() if self.where else None,
        }

    @classmethod
    def from_stored(cls, row: dict[str, Any]) -> Finding:
        """Return the finding that `stored` wrote."""
        where = Where(**row["where"]) if row["where"] else None
        return cls(row["code"], row["level"], Text(**row["text"]), row["subject"], where)


class WhereShape(BaseModel):
    """A place in an input."""

    file: str | None = None
    record: int | None = None
    field: str | None = None
    byte_offset: int | None = None


class FindingShape(BaseModel):
    """A finding as JSON."""

    code: str
    level: Level
    text: str
    subject: str | None = None
    where: WhereShape | None = None
