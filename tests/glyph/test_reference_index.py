"""The index file: what it holds, where it lies, and what is said when it cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaiji.errors import BadReference, NoPicture
from gaiji.glyph import reference_index
from gaiji.glyph.gallery import Gallery
from gaiji.glyph.reference import find_font, reference_font
from gaiji.glyph.reference_index import build, drawn, entries, index_path, reference_gallery
from gaiji.settings import Settings

FONT = find_font(Settings(), "ipamj")
pytestmark = pytest.mark.skipif(
    not FONT, reason="reference fonts are not installed: gaiji fonts fetch"
)


def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index be of a few glyphs: the whole takes half a minute."""
    every = entries(reference_font(Settings()))
    some = [*every[:30], *(one for one in every if one[0] in ("U+3231", "U+0041", "U+0020"))]
    monkeypatch.setattr(reference_index, "entries", lambda font: some)
    monkeypatch.setattr(reference_index, "AT_ONCE", 64)


def test_it_is_of_the_reference_set_and_of_what_every_terminal_has() -> None:
    named = entries(reference_font(Settings()))
    names = [name for name, _ in named]
    assert len(names) == len(set(names))
    assert sum(not name.startswith("U+") for name in names) == 59_161
    assert {"MJ026190", "U+3231", "U+0041", "U+30A2"} <= set(names)
    assert not {"U+9089", "U+E000"} & set(names)


def test_it_is_built_the_same_twice_and_opened_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    settings = Settings(home=tmp_path)
    told: list[tuple[int, int]] = []
    data = build(settings, lambda done, total: told.append((done, total)))
    assert told == [(33, 33)]
    assert data == build(settings)
    path = index_path(settings)
    path.parent.mkdir()
    path.write_bytes(data)
    gallery = reference_gallery(settings)
    assert len(gallery.names) == 32  # a space has no ink
    assert "U+0020" not in gallery.names
    assert reference_gallery(settings) is gallery


def test_without_it_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadReference, match="gaiji reference index"):
        reference_gallery(Settings(home=tmp_path))


def test_a_damaged_one_and_one_of_another_font_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(monkeypatch)
    settings = Settings(home=tmp_path)
    path = index_path(settings)
    path.parent.mkdir()
    data = build(settings)
    for spoilt in (data[:-5], data[:-5] + b"?" * 5, b"", Gallery.of([]).dumped("another")):
        path.write_bytes(spoilt)
        with pytest.raises(BadReference, match="make it again"):
            reference_gallery(settings)


def test_every_name_of_it_can_be_drawn() -> None:
    settings = Settings()
    assert drawn(settings, "MJ026190").contours
    assert drawn(settings, "U+3231").contours
    with pytest.raises(NoPicture, match="U\\+9FFFF"):
        drawn(settings, "U+9FFFF")
