"""Shapes, features, galleries and rankings on a few hundred characters of the reference font."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from gaiji.data import MjRow, read
from gaiji.errors import BadReference
from gaiji.glyph import features
from gaiji.glyph.distortion import COARSE, pack, planes, residues, unpack
from gaiji.glyph.draw import dots
from gaiji.glyph.forms import Bitmap, Outline
from gaiji.glyph.gallery import HEAD, Gallery, joined
from gaiji.glyph.likeness import Ranking, rank
from gaiji.glyph.reference import ReferenceFont, find_font, reference_font
from gaiji.glyph.shapes import SIDE, Shape, font_shapes, shape
from gaiji.settings import Settings

pytestmark = pytest.mark.skipif(
    find_font(Settings(), "ipamj") is None, reason="the reference font is not installed"
)
CORNERS = ((100, 700), (900, 700), (900, 0), (100, 0))
SQUARE = Outline(1000, 1000, (tuple((corner,) for corner in CORNERS),))


@pytest.fixture(scope="module")
def font() -> ReferenceFont:
    return reference_font(Settings())


@pytest.fixture(scope="module")
def gallery(font: ReferenceFont) -> Gallery:
    names = [*sorted(font.names())[20000:20300], "MJ026190", "MJ026193", "MJ026194"]
    return Gallery.of(zip(names, font_shapes(font.face, map(font.index, names)), strict=True))


def of(glyph: Outline | Bitmap) -> Shape:
    found = shape(glyph)
    assert found is not None
    return found


def firsts(rankings: list[Ranking]) -> list[str]:
    return [ranking[0].name for ranking in rankings]


def test_a_square_fills_the_picture_and_its_box_is_in_em() -> None:
    found = of(SQUARE)
    assert (found.picture == 255).all()
    assert found.box == pytest.approx((0.1, 0.0, 0.8, 0.7), abs=1e-3)


def test_a_curve_whose_control_points_lie_outside_still_fills_the_picture() -> None:
    arch = Outline(1000, 1000, ((((500, 2000), (1000, 0)), ((0, 0),)),))
    found = of(arch)
    assert found.box.height == pytest.approx(1.0, abs=0.03)
    assert found.picture[:2].max() > 128


def test_a_glyph_without_ink_has_no_shape() -> None:
    assert shape(Bitmap(16, 16, bytes(32))) is None
    assert shape(Outline(1000, 1000, ())) is None


def test_dots_and_their_enlargement_have_the_same_box() -> None:
    bitmap = Bitmap(4, 4, bytes([0b00000000, 0b01100000, 0b01100000, 0b00000000]))
    assert of(bitmap).box == pytest.approx((0.25, 0.25 - 0.12, 0.5, 0.5))


def test_outlines_drawn_alone_look_as_they_do_in_their_font(font: ReferenceFont) -> None:
    for name in ("MJ000001", "MJ026190", "MJ030196"):
        (whole,) = font_shapes(font.face, [font.index(name)])
        assert whole is not None
        alone = of(font.glyph(name))
        assert np.abs(whole.picture.astype(int) - alone.picture).mean() < 2
        assert alone.box == pytest.approx(whole.box, abs=0.002)


def test_features_do_not_depend_on_what_else_is_described(font: ReferenceFont) -> None:
    pictures = np.array([of(font.glyph(f"MJ0{n}")).picture for n in range(26190, 26196)])
    together = features.describe(pictures)
    alone = np.concatenate([features.describe(pictures[i : i + 1]) for i in range(6)])
    assert together.shape == (6, features.RAW)
    assert np.allclose(together, alone, atol=1e-5)
    assert np.allclose(np.linalg.norm(features.project(together), axis=1), 1, atol=1e-5)


def test_spreading_evens_out_crowded_strokes() -> None:
    picture = np.zeros((1, SIDE, SIDE), np.float32)
    picture[:, 4:60, 4:20:4] = 1
    picture[:, 4:60, 56] = 1
    spread = features.spread(picture)
    columns = np.flatnonzero(spread[0].max(axis=0) > 0.5)
    assert columns[columns < 60].max() > 30


def test_packing_keeps_four_greys() -> None:
    pictures = np.zeros((1, SIDE, SIDE), np.uint8)
    pictures[0, :, :2] = 255
    pictures[0, :, 2:4] = 85
    back = unpack(pack(pictures))
    assert back.shape == (1, COARSE, COARSE)
    assert back[0, :, 0] == pytest.approx(1)
    assert back[0, :, 1] == pytest.approx(1 / 3)
    assert not back[0, :, 2:].any()


def test_bending_explains_a_shift_and_not_another_stroke() -> None:
    def drawn(*strokes: tuple[slice, slice]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        picture = np.zeros((1, SIDE, SIDE), np.uint8)
        for rows, columns in strokes:
            picture[0, rows, columns] = 255
        return pack(picture)

    across, down = (slice(30, 34), slice(4, 60)), (slice(4, 60), slice(30, 34))
    shifted = (slice(32, 36), slice(4, 60))
    cross, moved, bar = drawn(across, down), drawn(shifted, down), drawn(across)
    query = planes(cross)[0]
    same, near, other = residues(query, planes(np.concatenate([cross, moved, bar])))
    assert same.max() == pytest.approx(0, abs=1e-6)
    assert near.mean() < 0.05 < 5 * 0.05 < other.mean()


def test_every_glyph_of_a_gallery_is_most_like_itself(
    gallery: Gallery, font: ReferenceFont
) -> None:
    shapes = [of(font.glyph(name)) for name in gallery.names]
    rankings = rank(gallery, shapes)
    assert firsts(rankings) == list(gallery.names)
    assert all(ranking[0].score > 0.99 and len(ranking) == 20 for ranking in rankings)
    assert all(a.score >= b.score for ranking in rankings for a, b in pairwise(ranking))


def test_dot_patterns_are_recognised(gallery: Gallery, font: ReferenceFont) -> None:
    names = gallery.names[::4]
    for side, least in ((48, 0.98), (24, 0.9)):
        shapes = [of(dots(font.glyph(name), side)) for name in names]
        found = firsts(rank(gallery, shapes))
        right = sum(a == b for a, b in zip(found, names, strict=True))
        assert right >= least * len(names)


def test_size_tells_a_mouth_from_an_enclosure(font: ReferenceFont) -> None:
    own = {row.own_ucs: row.name for row in read(MjRow)}
    names = [own[char] for char in "口囗日曰"]
    found = Gallery.of((name, of(font.glyph(name))) for name in names)
    rankings = rank(found, [of(font.glyph(name)) for name in names])
    assert firsts(rankings) == names


def test_an_index_file_gives_back_the_gallery(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "a.gshapes"
    path.write_bytes(gallery.dumped("f" * 64))
    back = Gallery.open(path, "f" * 64)
    assert back.names == gallery.names
    assert back.digest
    assert (back.pictures == gallery.pictures).all()
    assert (back.vectors * gallery.vectors).sum(axis=1).min() > 0.999
    assert (back.boxes == gallery.boxes).all()


@pytest.mark.parametrize("at", [0, 20, HEAD, HEAD + 5000, -3])
def test_a_damaged_index_is_refused(gallery: Gallery, tmp_path: Path, at: int) -> None:
    data = bytearray(gallery.dumped("f"))
    data[at] ^= 0x55
    path = tmp_path / "a.gshapes"
    path.write_bytes(data)
    with pytest.raises(BadReference, match="gaiji reference index"):
        Gallery.open(path, "f")


def test_an_index_of_another_font_or_cut_off_is_refused(gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "a.gshapes"
    for data, font in ((gallery.dumped("f"), "g"), (gallery.dumped("f")[:-900], "f"), (b"", "f")):
        path.write_bytes(data)
        with pytest.raises(BadReference):
            Gallery.open(path, font)


def test_what_is_taken_out_is_no_candidate(gallery: Gallery, font: ReferenceFont) -> None:
    name = gallery.names[7]
    (ranking,) = rank(gallery.without([name]), [of(font.glyph(name))])
    assert name not in {one.name for one in ranking}
    both = joined([gallery.without([name]), Gallery.of([(name, of(font.glyph(name)))])])
    assert firsts(rank(both, [of(font.glyph(name))])) == [name]


def test_an_empty_gallery_has_no_candidates(font: ReferenceFont) -> None:
    assert rank(Gallery.of([]), [of(font.glyph("MJ000001"))]) == [()]
    assert rank(Gallery.of([]), []) == []
