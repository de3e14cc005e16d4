"""A folder of files takes its name whole, or what stood there stands."""

import os
from pathlib import Path

import pytest

from gaiji.errors import BadInput, StorageFailed
from gaiji.report.folders import check_free, replacing_folder


def never(_: Path) -> bool:
    return False


def fail(folder: Path, error: Exception) -> None:
    with replacing_folder(folder, lambda _: True) as place:
        (place / "b").write_text("two")
        raise error


def test_an_error_in_the_middle_leaves_what_stood_there(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with replacing_folder(folder, never) as place:
        (place / "sub").mkdir()
        (place / "sub" / "a").write_text("one")
    for error, raised in (
        (BadInput("誤り", "wrong"), BadInput),
        (OSError(28, "full"), StorageFailed),
    ):
        with pytest.raises(raised):
            fail(folder, error)
        assert [path.name for path in folder.rglob("*")] == ["sub", "a"]
        assert list(tmp_path.iterdir()) == [folder]
    with replacing_folder(folder, lambda _: True) as place:
        (place / "b").write_text("two")
    assert [path.name for path in folder.rglob("*")] == ["b"]


def test_a_folder_with_other_files_and_a_file_are_refused_before_anything(tmp_path: Path) -> None:
    other, file, empty = tmp_path / "other", tmp_path / "file", tmp_path / "empty"
    other.mkdir()
    empty.mkdir()
    (other / "note").write_text("x")
    file.write_text("x")
    for place, said in ((other, "holds other files"), (file, "There is a file")):
        with pytest.raises(BadInput, match=said), replacing_folder(place, never):
            raise AssertionError("nothing may be made")
    with replacing_folder(empty, never) as made:
        (made / "a").write_text("one")
    assert (empty / "a").read_text() == "one"
    assert (other / "note").read_text() == "x"


@pytest.mark.parametrize("named", [".", "../here", "..", "/"])
def test_the_folder_somebody_works_in_is_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    for way in (check_free, lambda *given: replacing_folder(*given).__enter__()):
        with pytest.raises(BadInput, match="cannot be replaced as a whole"):
            way(Path(named), lambda _: True)
    assert list(tmp_path.rglob("*")) == [here]
    with replacing_folder(Path("out"), never) as made:
        (made / "a").write_text("one")
    assert (here / "out" / "a").read_text() == "one"


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "real", tmp_path / "out"
    real.mkdir(parents=True)
    link.symlink_to(real)
    with replacing_folder(link, never) as made:
        (made / "a").write_text("one")
    assert link.is_symlink()
    assert (real / "a").read_text() == "one"
    assert {path.name for path in tmp_path.rglob("*")} == {"disk", "real", "a", "out"}


def test_a_folder_gets_the_mode_that_new_folders_get(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with replacing_folder(tmp_path / "out", never) as made:
            assert list(made.iterdir()) == []
    finally:
        os.umask(before)
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o750
