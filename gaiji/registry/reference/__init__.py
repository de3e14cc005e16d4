"""The reference set (基準文字集合): its editions, look-ups in them and the search.

`editions` loads and imports, `lookup` answers by number, sequence or name, `search` answers people.
Attributes belong to editions; a shared character itself is identity only and never removed.
"""

from gaiji.registry.reference.editions import (
    EditionStatus,
    LoadResult,
    current,
    editions_of,
    import_sheet,
    load,
    pin,
    status,
)
from gaiji.registry.reference.lookup import (
    by_reading,
    find_by,
    forms,
    is_foreign_sequence,
    shapes,
    strokes_of,
    texts,
    variants,
)
from gaiji.registry.reference.search import CharacterQuery, search

__all__ = [
    "CharacterQuery",
    "EditionStatus",
    "LoadResult",
    "by_reading",
    "current",
    "editions_of",
    "find_by",
    "forms",
    "import_sheet",
    "is_foreign_sequence",
    "load",
    "pin",
    "search",
    "shapes",
    "status",
    "strokes_of",
    "texts",
    "variants",
]
