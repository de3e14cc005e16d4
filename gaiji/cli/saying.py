"""What commands say (出力): lines for people, JSON for programs, errors as asked; light, for jobs by the thousand."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gaiji.errors import GaijiError, Where

if TYPE_CHECKING:
    from sqlalchemy import Engine


@dataclass
class State:
    """What one command line asked for, as far as it concerns how errors are shown."""

    format: str = "text"
    engines: dict[str, Engine] = field(default_factory=dict)


def say(line: object, *, aside: bool = False) -> None:
    """Print one line for people on standard output, or on standard error where that carries data."""
    print(str(line), file=sys.stderr if aside else sys.stdout, flush=True)


def say_json(value: Any, *, aside: bool = False) -> None:
    """Print JSON for programs; aside in one line."""
    say(json.dumps(plain(value), ensure_ascii=False, indent=None if aside else 2), aside=aside)


def plain(value: Any) -> Any:
    """Return a value as JSON has it."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    return value


def complain(error: GaijiError, format: str) -> int:
    """Print an error the way the command was asked to speak and return its exit status."""
    if format == "json":
        say(json.dumps(error.problem(), ensure_ascii=False), aside=True)
        return error.exit_code
    say(f"gaiji: {error.sentence}", aside=True)
    findings = error.extra.get("findings", [])
    for finding in findings[:20] if len(findings) > 1 else ():
        place = Where(**finding["where"]) if finding.get("where") else Where()
        told = f" ({place})" if place.as_dict() else ""
        say(f"  - {finding['text']}{told}", aside=True)
    return error.exit_code
