"""Pages of reports (報告の頁): one self-contained file each, for screen and print, from templates beside this one."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gaiji.errors import Text, language


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(template: str, **shown: Any) -> str:
    """Return a template filled in; `lang` and `T` (a text in both languages) are there in all of them."""
    return _environment().get_template(template).render(lang=language.get(), T=Text, **shown)
