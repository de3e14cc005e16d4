from __future__ import annotations

import codecs
import csv
import io
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gaiji.charset import codec
from gaiji.charset.compiling import write_mapping
from gaiji.charset.conversion import Conversion
from gaiji.charset.mapfile import open_mapping
from gaiji.charset.resolve import Options
from gaiji.charset.stream import Stream
from gaiji.errors import BadInput, UnsupportedConversion
from tests.charset.council import juki, other
from tests.charset.test_parts import code_set, resident_file

NAMES = ("cp932", "jef", "keis83", "ibm939", "utf-16le")
number = itertools.count()


@pytest.fixture(scope="module")
def encoding(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    made: dict[str, str] = {}

    def give(name: str) -> str:
        if name not in made:
            path = tmp_path_factory.mktemp("maps") / f"{name}.gmap"
            write_mapping(path, Conversion(code_set(name), "unicode"))
            made[name] = codec.register(path, f"gaiji-test-{name}-{next(number)}")
        return made[name]

    return give


def converted(name: str, data: bytes) -> str:
    """What the engine makes of data that has no errors."""
    stream = Stream(Conversion(code_set(name), "unicode", Options()).resolver)
    return (stream.feed(data) + stream.feed(b"", final=True)).decode()


def good_file(name: str) -> bytes:
    """Lines in a charset with gaiji that have a character, escapes and text that looks like one."""
    mapping = code_set(name)
    script = Conversion(mapping, "unicode").resolver.source.script
    codes = b"".join(script.standing(row.code) for row in mapping.rows[:4])
    text = "山崎か゚高,123\n" if script.is_unicode else "山崎高,123\n"
    lines = [text, "&000000-text-26;&1\n", "&252069-juki-F040;\n", "高\n"]
    parts = [part for line in lines for part in (script.encode(line) or b"", codes)]
    return script.joined(parts)


# --- the same text as the engine


@pytest.mark.parametrize("name", NAMES)
def test_decoding_gives_what_the_engine_writes_and_encoding_gives_it_back(
    encoding: Callable[[str], str], name: str
) -> None:
    data = good_file(name)
    text = data.decode(encoding(name))
    assert text == converted(name, data)
    back = text.encode(encoding(name))
    assert back.decode(encoding(name)) == text
    long = data * (40_000 // len(data))  # the kernel's part
    assert long.decode(encoding(name)) == converted(name, long)
    assert (text * 500).encode(encoding(name)).decode(encoding(name)) == text * 500


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("errors", ["backslashreplace", "surrogateescape", "replace", "ignore"])
def test_an_incremental_decoder_gives_the_same_text_at_every_chunk_size(
    encoding: Callable[[str], str], name: str, errors: str
) -> None:
    data = good_file(name) + resident_file(code_set(name), 3, 6)
    if errors == "surrogateescape" and name != "cp932":
        data = good_file(name)  # bytes below 0x80 cannot be escaped so
    whole = data.decode(encoding(name), errors)
    for size in [*range(1, 40), 997]:
        decoder = codecs.getincrementaldecoder(encoding(name))(errors)
        pieces = [decoder.decode(data[at : at + size]) for at in range(0, len(data), size)]
        assert "".join([*pieces, decoder.decode(b"", True)]) == whole


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    pieces=st.lists(
        st.sampled_from(
            [
                b"&",
                b"252069-juki-",
                b"F040;",
                b"&252069-juki-F040;",
                b"&000000-text-26;",
                b"\x81",
                b"\xf0",
                b"\x40",
                b"\n",
                b"\r",
                b"a",
                b"000000",
                b"-text-",
                b"26;",
                b"\x8eR",
            ]
        ),
        max_size=20,
    ),
    size=st.integers(1, 30),
)
def test_what_looks_like_an_escape_is_decided_alike_however_it_is_cut(
    encoding: Callable[[str], str], pieces: list[bytes], size: int
) -> None:
    data = b"".join(pieces)
    decoder = codecs.getincrementaldecoder(encoding("cp932"))("backslashreplace")
    fed = [decoder.decode(data[at : at + size]) for at in range(0, len(data), size)]
    whole = data.decode(encoding("cp932"), "backslashreplace")
    assert "".join([*fed, decoder.decode(b"", True)]) == whole


@pytest.mark.parametrize("name", NAMES)
def test_a_decoders_state_can_be_taken_and_set_at_every_byte(
    encoding: Callable[[str], str], name: str
) -> None:
    data = good_file(name)
    whole = data.decode(encoding(name))
    decoder = codecs.getincrementaldecoder(encoding(name))()
    assert decoder.getstate() == (b"", 0)
    for at in range(0, len(data), 7):
        decoder.reset()
        text = decoder.decode(data[:at])
        other_one = codecs.getincrementaldecoder(encoding(name))()
        other_one.setstate(decoder.getstate())
        assert text + other_one.decode(data[at:], True) == whole


# --- files


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("newline", [None, "", "\n"])
def test_a_file_is_read_and_written_as_text(
    encoding: Callable[[str], str], tmp_path: Path, name: str, newline: str | None
) -> None:
    data = good_file(name) * 300
    (tmp_path / "in").write_bytes(data)
    with open(tmp_path / "in", encoding=encoding(name), newline=newline) as file:
        lines = list(file)
    assert "".join(lines) == converted(name, data)
    with open(tmp_path / "in", encoding=encoding(name), newline=newline) as file:
        assert "".join(iter(lambda: file.read(17), "")) == "".join(lines)
    with open(tmp_path / "out", "w", encoding=encoding(name), newline="") as out:
        for line in lines:
            out.write(line)
    with open(tmp_path / "out", encoding=encoding(name), newline=newline) as file:
        assert file.read() == "".join(lines)


@pytest.mark.parametrize("name", ["cp932", "jef", "ibm939"])
def test_tell_and_seek_go_back_to_the_same_place(
    encoding: Callable[[str], str], tmp_path: Path, name: str
) -> None:
    (tmp_path / "in").write_bytes(good_file(name) * 100)
    with open(tmp_path / "in", encoding=encoding(name), newline="") as file:
        marks = []
        while True:
            place = file.tell()
            piece = file.read(331)
            if not piece:
                break
            marks.append((place, piece))
        assert len(marks) > 10
        for place, piece in reversed(marks[::3]):
            file.seek(place)
            assert file.read(331) == piece


def test_records_come_through_the_csv_module_and_stream_readers(
    encoding: Callable[[str], str], tmp_path: Path
) -> None:
    rows = [["1", "山𢽾", "a,b"], ["2", "邉", 'x"y\nz']]
    with open(tmp_path / "f.csv", "w", encoding=encoding("cp932"), newline="") as file:
        csv.writer(file).writerows(rows)
    assert b"\xf0\x46" in (tmp_path / "f.csv").read_bytes()
    with open(tmp_path / "f.csv", encoding=encoding("cp932"), newline="") as file:
        assert list(csv.reader(file)) == rows
    with codecs.open(str(tmp_path / "f.csv"), encoding=encoding("cp932")) as reader:
        assert list(csv.reader(io.StringIO(reader.read(), newline=""))) == rows
    with open(tmp_path / "f.csv", "a", encoding=encoding("cp932"), newline="") as file:
        file.write("3,高\n")
    assert (tmp_path / "f.csv").read_bytes().endswith("3,高\n".encode("cp932"))


def test_every_write_ends_among_single_bytes(encoding: Callable[[str], str]) -> None:
    buffer = io.BytesIO()
    file = io.TextIOWrapper(buffer, encoding=encoding("ibm939"), write_through=True)
    file.write("山")
    file.write("崎")
    assert buffer.getvalue().count(b"\x0e") == buffer.getvalue().count(b"\x0f") == 2
    assert buffer.getvalue().decode(encoding("ibm939")) == "山崎"


def test_a_byte_order_mark_is_dropped_at_the_beginning_alone(
    encoding: Callable[[str], str], tmp_path: Path
) -> None:
    assert "\ufeff山".encode(encoding("cp932")) == "山".encode("cp932")
    encoder = codecs.getincrementalencoder(encoding("cp932"))("replace")
    assert encoder.getstate() == 2
    assert encoder.encode("\ufeff") == b""
    encoder.reset()
    assert encoder.encode("山\ufeff") == "山?".encode("cp932")
    assert encoder.getstate() == 0
    marked = "\ufeff山".encode("utf-16-le")
    assert marked.decode(encoding("utf-16le")) == "\ufeff山"


# --- error handlers


@pytest.mark.parametrize(
    ("data", "start", "end", "reason"),
    [
        (b"ab\xf0\x50c", 2, 4, "no character for it in unicode$"),
        (b"ab\x81\nc", 2, 3, "no character in cp932"),
        (b"ab\x81", 2, 3, "no character in cp932"),
        ("山\n".encode("cp932") + b"\xff", 3, 4, "no character in cp932"),
    ],
)
def test_a_decoding_error_names_its_place(
    encoding: Callable[[str], str], data: bytes, start: int, end: int, reason: str
) -> None:
    with pytest.raises(UnicodeDecodeError, match=reason) as caught:
        data.decode(encoding("cp932"))
    error = caught.value
    assert (error.object, error.start, error.end) == (data, start, end)
    assert error.encoding == encoding("cp932")


def test_each_handler_of_python_does_its_work(encoding: Callable[[str], str]) -> None:
    name, data = encoding("cp932"), b"a\xf0\x50b\x81\n"
    assert data.decode(name, "replace") == "a\ufffdb\ufffd\n"
    assert data.decode(name, "ignore") == "ab\n"
    assert data.decode(name, "backslashreplace") == "a\\xf0\\x50b\\x81\n"
    escaped = data.decode(name, "surrogateescape")
    assert escaped == "a\udcf0Pb\udc81\n"
    assert escaped.encode(name, "surrogateescape") == data
    text = "a한b\U0001f600"
    assert text.encode(name, "replace") == b"a?b?"
    assert text.encode(name, "ignore") == b"ab"
    assert text.encode(name, "backslashreplace") == b"a\\ud55cb\\U0001f600"
    assert text.encode(name, "xmlcharrefreplace") == b"a&#54620;b&#128512;"


def test_an_encoding_error_names_its_characters(encoding: Callable[[str], str]) -> None:
    with pytest.raises(UnicodeEncodeError, match=r"no character for it in 252069-juki$") as caught:
        "山か𢽾한\n".encode(encoding("cp932"))
    assert (caught.value.start, caught.value.end) == (3, 4)
    with pytest.raises(UnicodeEncodeError, match="surrogates not allowed") as caught:
        "a\ud800\udc00b".encode(encoding("cp932"))
    assert (caught.value.start, caught.value.end) == (1, 3)


def test_a_handler_of_ones_own_says_what_stands_there_and_where_to_go_on(
    encoding: Callable[[str], str],
) -> None:
    places: list[tuple[int, int]] = []

    def handle(error: UnicodeError) -> tuple[Any, int]:
        assert isinstance(error, UnicodeDecodeError | UnicodeEncodeError)
        places.append((error.start, error.end))
        if isinstance(error, UnicodeDecodeError):
            return "〓", error.end - len(error.object)
        return ("山" if error.start == 1 else b"\x81\xac"), error.end

    codecs.register_error("gaiji-test", handle)
    name = encoding("cp932")
    assert b"a\xf0\x50b\x81\nc\xff!".decode(name, "gaiji-test") == "a〓b〓\nc〓!"
    assert places == [(1, 3), (4, 5), (7, 8)]
    assert "a한b한".encode(name, "gaiji-test") == "a山b〓".encode("cp932")
    codecs.register_error("gaiji-far", lambda error: ("", 99))
    with pytest.raises(IndexError, match="out of bounds"):
        b"\xff".decode(name, "gaiji-far")


def test_a_handler_may_go_on_inside_a_code_among_two_byte_codes(
    encoding: Callable[[str], str],
) -> None:
    mapping = code_set("ibm939")
    user = list(mapping.charset.user_codes())[20]
    script = Conversion(mapping, "unicode").resolver.source.script
    mountain = script.code("山") or b""
    data = b"\x0e" + user + mountain + b"\x0f" + (script.code("a") or b"")
    codecs.register_error("gaiji-skip", lambda error: ("?", error.end))  # type: ignore[attr-defined]
    assert data.decode(encoding("ibm939"), "gaiji-skip") == "?山a"


# --- names


def test_a_name_is_found_however_it_is_written_and_belongs_to_one_file(tmp_path: Path) -> None:
    one, two = tmp_path / "one.gmap", tmp_path / "two.gmap"
    write_mapping(one, Conversion(juki(), "unicode"))
    write_mapping(two, Conversion(other(), "unicode"))
    name = codec.register(one)
    assert name == "gaiji-252069-juki"
    assert codec.register(one) == name
    for spelled in (name, name.upper(), name.replace("-", "_"), name.replace("-", " ")):
        assert codecs.lookup(spelled).name == name
    with pytest.raises(BadInput, match="is taken"):
        codec.register(two, name)
    with pytest.raises(BadInput, match="is taken"):
        codec.register(two, "cp932")
    assert codec.register(two) == "gaiji-252107-zei"
    write_mapping(tmp_path / "juki.gmap", Conversion(juki(), "juki"))
    assert open_mapping(tmp_path / "juki.gmap").names()[1] == "juki"
    with pytest.raises(UnsupportedConversion, match="no text in Python"):
        codec.register(tmp_path / "juki.gmap")
    with pytest.raises(LookupError):
        codecs.lookup("gaiji-999999-none")
