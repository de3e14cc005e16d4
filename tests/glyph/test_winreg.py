import pytest

from gaiji.errors import BadInput
from gaiji.glyph.winreg import CODE_PAGES, LinkFile, link_file, read_link_file

PATH = "C:\\Windows\\Fonts\\252069-juki.r3.tte"


def test_a_link_file_is_what_the_registry_editor_reads() -> None:
    assert link_file(PATH) == b"\xff\xfe" + (
        "Windows Registry Editor Version 5.00\r\n"
        "\r\n"
        "[HKEY_CURRENT_USER\\EUDC\\932]\r\n"
        '"SystemDefaultEUDCFont"="C:\\\\Windows\\\\Fonts\\\\252069-juki.r3.tte"\r\n'
        "\r\n"
    ).encode("utf-16le")


def test_single_typefaces_are_linked_by_their_localized_names() -> None:
    data = link_file(PATH, typefaces=["ＭＳ 明朝", "ＭＳ ゴシック"])
    assert read_link_file(data) == LinkFile(932, None, {"ＭＳ 明朝": PATH, "ＭＳ ゴシック": PATH})


@pytest.mark.parametrize("code_page", CODE_PAGES)
def test_only_documented_keys_are_written(code_page: int) -> None:
    said = read_link_file(link_file(PATH, code_page=code_page))
    assert said == LinkFile(code_page, PATH, {})


@pytest.mark.parametrize(
    ("path", "options"),
    [
        (PATH, {"code_page": 65001}),
        ("EUDC.TTE", {}),
        ("\\\\server\\fonts\\EUDC.TTE", {}),
        ('C:\\a"b.tte', {}),
        ("C:\\a\r\nb.tte", {}),
        (PATH, {"typefaces": ["x" * 32]}),
        (PATH, {"typefaces": ["a\r\nb"]}),
    ],
)
def test_what_no_terminal_could_use_is_refused(path: str, options: dict[str, object]) -> None:
    with pytest.raises(BadInput):
        link_file(path, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    [
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\EUDC\\932]\r\n",
        "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\EUDC\\65001]\r\n",
        'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_CURRENT_USER\\EUDC\\932]\r\n"a"=dword:1\r\n',
        "REGEDIT4\r\n\r\n[HKEY_CURRENT_USER\\EUDC\\932]\r\n",
        "",
    ],
)
def test_any_other_registry_file_is_not_taken_for_one(text: str) -> None:
    with pytest.raises(BadInput):
        read_link_file(b"\xff\xfe" + text.encode("utf-16le"))
    with pytest.raises(BadInput):
        read_link_file(text.encode())
