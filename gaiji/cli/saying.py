"""What commands say (出力): lines for people, JSON for programs, errors as asked; light, for jobs by the thousand."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from gaiji.charset.files import STANDARD, storage_error
from gaiji.errors import GaijiError, Text, Where

if TYPE_CHECKING:
    from sqlalchemy import Engine

FINDINGS_SHOWN = 20
"""Of an error that has a list, on a terminal."""


class State:
    """What one command line asked for, as far as it concerns how errors are shown."""

    def __init__(self) -> None:
        self.format = "text"
        self.engines: dict[str, Engine] = {}


class Interrupted(KeyboardInterrupt):
    """Somebody ended a command (中断); text: what was written until then."""

    def __init__(self, ja: str, en: str) -> None:
        self.text = Text(ja, en)
        super().__init__(en)


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its English noun: `1 record`, `2 records`; many: where it is not one with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def say(line: object, *, aside: bool = False) -> None:
    """Print one line for people on standard output, or on standard error where that carries data.

    Raises DiskFull, StorageFailed where standard output goes to a file that cannot be written.
    """
    try:
        print(str(line), file=sys.stderr if aside else sys.stdout, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        if aside:
            return  # nobody listens
        _silence()
        raise storage_error(error, STANDARD) from error


def _silence() -> None:
    """Give up standard output, which keeps what it could not write and would fail again at the end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    if [str(one["text"]) for one in findings] == [str(error.text)]:
        return error.exit_code  # the sentence said it
    for finding in findings[:FINDINGS_SHOWN]:
        place = Where(**finding["where"]) if finding.get("where") else Where()
        told = f" ({place})" if place.as_dict() else ""
        say(f"  - {finding['text']}{told}", aside=True)
    if (rest := len(findings) - FINDINGS_SHOWN) > 0:
        say(Text(f"  ほか {rest:,} 件", f"  {rest:,} more"), aside=True)
    return error.exit_code
