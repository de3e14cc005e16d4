from __future__ import annotations

from pathlib import Path

import pytest

from gaiji.charset.compiling import compiled
from gaiji.charset.conversion import Conversion, by_release
from gaiji.charset.convert import convert_file, restore_file
from gaiji.charset.mapfile import prepare_from
from gaiji.charset.mapping import Mapping
from gaiji.charset.receipt import Recorder, read_receipt
from gaiji.charset.resolve import Options
from gaiji.errors import BadReceipt
from tests.charset.council import CS1, VS, code, juki, zei

MANY = 10**9


def known(code_set: str, _release: int) -> Mapping:
    return {"252069/juki": juki(), "252085/zei": zei()}[code_set]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    data = ("山田太郎\n".encode("cp932") + code("F044") + code("F050")) * 50
    (tmp_path / "in").write_bytes(data)
    conversion = Conversion(juki(), "x0213", Options("geta", max_loss=MANY))
    convert_file(tmp_path / "in", tmp_path / "out", conversion, receipt=tmp_path / "receipt")
    return tmp_path


def restore(folder: Path) -> bytes:
    restore_file(folder / "out", folder / "back", folder / "receipt", by_release(known))
    return (folder / "back").read_bytes()


def test_a_receipt_gives_the_original_back(made: Path) -> None:
    assert restore(made) == (made / "in").read_bytes()
    receipt = read_receipt((made / "receipt").read_bytes())
    assert receipt.count == len(list(receipt.events())) == 100
    assert receipt.header["from"] == "252069/juki"
    assert receipt.header["mappings"] == {"252069/juki": [3, "3a" * 32]}


def test_events_come_back_as_they_were_recorded() -> None:
    recorder = Recorder()
    recorder.add(3, 3, b"\xf0\x40")
    recorder.add(6, 0, b"\xf0\x41")
    recorder.add(100_000, 200, b"x" * 300)
    events = list(read_receipt(recorder.packed({"from": "a"})).events())
    assert [tuple(event) for event in events] == [
        (3, 3, b"\xf0\x40"),
        (0, 0, b"\xf0\x41"),
        (99_994, 200, b"x" * 300),
    ]


@pytest.mark.parametrize("every", [1, 40, 3000])
def test_a_receipt_is_at_most_1_kb_and_16_bytes_a_loss(tmp_path: Path, every: int) -> None:
    lost = ("葛" + VS[0]).encode("utf-16-le")
    data = ("山".encode("utf-16-le") * every + lost) * (20_000 // every + 3)
    (tmp_path / "in").write_bytes(data)
    conversion = Conversion(zei(), "juki", Options("geta", max_loss=MANY))
    report = convert_file(
        tmp_path / "in", tmp_path / "out", conversion, receipt=tmp_path / "receipt"
    )
    assert report.losses == 20_000 // every + 3
    assert (tmp_path / "receipt").stat().st_size <= 1000 + 16 * report.losses
    assert restore(tmp_path) == data


def test_every_changed_byte_of_a_receipt_is_noticed(made: Path) -> None:
    good = (made / "receipt").read_bytes()
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 0x20
        with pytest.raises(BadReceipt):
            read_receipt(bytes(bad))
    for size in range(len(good)):
        with pytest.raises(BadReceipt):
            read_receipt(good[:size])


def test_a_receipt_of_another_or_changed_file_is_refused_and_nothing_written(made: Path) -> None:
    good = (made / "out").read_bytes()
    for bad in (
        good + b"x",
        good[:-1],
        good.replace("山".encode(), "川".encode(), 1),
        b"",
        b"\xff" * 99,
    ):
        (made / "out").write_bytes(bad)
        with pytest.raises(BadReceipt, match="another file"):
            restore(made)
        assert not (made / "back").exists()


def test_another_mapping_than_the_recorded_one_is_refused(made: Path) -> None:
    def changed(code_set: str, release: int) -> Mapping:
        one = known(code_set, release)
        return Mapping(3, "00" * 32, one.code_set, one.charset, one.rows, one.repertoire)

    with pytest.raises(BadReceipt, match="not the one the receipt recorded"):
        restore_file(made / "out", made / "back", made / "receipt", by_release(changed))
    assert not (made / "back").exists()


@pytest.mark.parametrize("told", ["CS1", "none"])
def test_a_receipt_is_restored_with_the_plan_of_a_server_that_it_was_made_with_alone(
    told: str, tmp_path: Path
) -> None:
    plan = CS1 if told == "CS1" else None
    data = code("F047") + "山\n".encode("cp932") + code("F04B")
    (tmp_path / "in").write_bytes(data)
    options = Options("escape", max_loss=MANY)
    conversion = Conversion(juki(), "juki", options, plan)
    paths = tmp_path / "out", tmp_path / "back", tmp_path / "receipt"
    convert_file(tmp_path / "in", paths[0], conversion, receipt=paths[2])
    restore_file(*paths, by_release(known, lambda _server, _number: CS1))
    assert paths[1].read_bytes() == data
    paths[1].unlink()
    others = [CS1._replace(digest="00" * 32), CS1._replace(number=3), None if plan else CS1]
    for other in others:
        file = prepare_from(compiled(Conversion(juki(), "juki", options, other)))
        with pytest.raises(BadReceipt, match="plan"):
            restore_file(*paths, file)
    if plan:
        with pytest.raises(BadReceipt, match="plan 2 of cs1"):
            restore_file(*paths, by_release(known, lambda _server, _number: others[0]))  # type: ignore[arg-type,return-value]
        with pytest.raises(BadReceipt, match="plan 2 of cs1"):
            restore_file(*paths, by_release(known))
    assert not paths[1].exists()


def test_a_header_that_lacks_its_parts_is_refused(made: Path) -> None:
    for header in (
        {},
        {"from": "252069/juki", "to": "unicode", "mappings": {}, "options": {"x": 1}},
    ):
        (made / "receipt").write_bytes(Recorder().packed(header))
        with pytest.raises(BadReceipt, match="lacks"):
            restore(made)
