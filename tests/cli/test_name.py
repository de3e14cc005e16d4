"""gaiji name, as typed: the name on standard input alone."""

import io
import json
import sys
from pathlib import Path

import pytest

from gaiji.cli import run
from gaiji.wire.names import NameShape

ENDS = ("--from", "252069/juki", "--to", "252085/juki")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cities: one has a gaiji F040 for 邉, the other knows the same glyph as F140."""
    home = tmp_path_factory.mktemp("names")
    for member, name, code in (("252069", "草津市", "F040"), ("252085", "栗東市", "F140")):
        table = home / f"{member}.csv"
        table.write_text(f"外字コード,MJ\n{code},MJ026192\nF041,\n", "utf-8")
        for command in (
            *([["db", "upgrade"], ["reference", "load"]] if member == "252069" else []),
            ["member", "add", member, "--name", name],
            ["codeset", "add", f"{member}/juki", "--charset", "cp932", "--system", "住民記録"],
            ["codeset", "import", f"{member}/juki", "--table", str(table)],
            ["decide", f"{member}/juki", "--code", code, "--character", "MJ026192"],
        ):
            assert run([*command, "--home", str(home)]) == 0
    assert run(["release", "publish", "--home", str(home)]) == 0
    return home


def typed(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    home: Path,
    data: bytes,
    *options: str,
    status: int,
) -> tuple[str, str]:
    capsys.readouterr()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert run(["name", *ENDS, *options, "--home", str(home)]) == status
    return capsys.readouterr()


def test_a_name_that_arrives_is_told_with_both_codes(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "渡邉\U000e011b花子\n".encode()
    said, aside = typed(monkeypatch, capsys, home, name, status=0)
    assert "252069/juki (release 1) → 252085/juki (release 1)" in said
    assert "F040" in said
    assert "F140" in said
    assert "comes back" in said
    assert "release-not-told" in said
    assert aside == ""


def test_a_name_that_loses_something_ends_with_status_1(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "渡&252069-juki-F041;".encode()
    said, _ = typed(monkeypatch, capsys, home, name, "--format", "json", status=1)
    found = NameShape.model_validate(json.loads(said))
    assert [step.code for step in found.steps] == ["936E", "F041"]
    assert (found.whole, found.losses, found.target) == (False, 1, None)
    assert [one.code for one in found.steps[1].findings] == ["undecided"]
    said, _ = typed(monkeypatch, capsys, home, b"&252069-juki-F9FC;", status=1)
    assert "gap unregistered: Code F9FC of 252069/juki was never registered" in said
    assert "gaiji codeset import 252069/juki" in said
    said, _ = typed(monkeypatch, capsys, home, name, "--on-unmapped", "escape", status=1)
    assert "&252069-juki-F041;" in said
    assert "do not come back" not in said
    assert "without a code at the target: 1; every character comes back as it was" in said


def test_what_has_no_code_stays_in_its_place(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = b"MJ026196U+304B U+309AMJ026192"
    said, _ = typed(monkeypatch, capsys, home, name, "--format", "json", status=1)
    found = NameShape.model_validate(json.loads(said))
    assert [(step.typed, step.code) for step in found.steps] == [
        ("MJ026196", None),
        ("U+304B U+309A", None),
        ("MJ026192", "F040"),
    ]
    assert (found.whole, found.losses, found.source) == (False, 2, None)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"", ()),
        (b"\x93\x6e", ()),
        ("山\n田\n".encode(), ()),
        ("山".encode() * 6000, ()),
        ("山".encode(), ("--release", "soon")),
        ("山".encode(), ("--on-unmapped", "keep")),
        ("山".encode(), ("--as-of", "soon")),
    ],
)
def test_what_cannot_be_read_is_one_sentence_without_the_name(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    data: bytes,
    options: tuple[str, ...],
) -> None:
    said, aside = typed(monkeypatch, capsys, home, data, *options, status=2)
    assert said == ""
    assert aside.startswith("gaiji: ")
    assert "山" not in aside
