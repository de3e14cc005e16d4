import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import pytest

from gaiji import sandbox
from gaiji.errors import BadFont, HostileFile, Where, language
from gaiji.glyph.forms import Outline
from gaiji.sandbox import run_limited
from gaiji.settings import Settings

TIGHT = Settings(child_cpu_s=1, child_memory_bytes=256 << 20)


def double(value: int) -> int:
    return 2 * value


def half_an_outline(data: bytes) -> tuple[Outline, int]:
    x = Fraction(1, 2)
    return Outline(1000, 1000, ((((x, 0),), ((0, 5),), ((1, 1),)),)), len(data)


def spin() -> None:
    while True:
        pass


def rest() -> None:
    time.sleep(60)


def ignore_the_end() -> None:
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    spin()


def fill_memory() -> int:
    return len(bytearray(1 << 30))


def fill_the_answer() -> bytes:
    return bytes(200 << 20)


def leave(status: int) -> None:
    os._exit(status)


def fault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def refuse(name: str) -> None:
    raise BadFont("だめです。", "No good.", where=Where(file=name, byte_offset=7), size=3)


def stumble() -> None:
    raise ZeroDivisionError


def write_a_file(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def open_a_socket() -> None:
    socket.socket()


def environment() -> list[str]:
    return sorted(os.environ)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


def send_code() -> object:
    return Evil()


def test_a_result_comes_back() -> None:
    assert run_limited(double, 21, settings=TIGHT) == 42


def test_large_arguments_and_data_classes_pass_both_ways() -> None:
    data = bytes(20 << 20)
    assert run_limited(half_an_outline, data, settings=TIGHT) == half_an_outline(data)


def test_a_loop_is_stopped_by_processor_time() -> None:
    began = time.monotonic()
    with pytest.raises(HostileFile) as caught:
        run_limited(spin, settings=TIGHT, file_name="a.ttf")
    assert "1 seconds of CPU" in caught.value.text.en
    assert caught.value.where == Where(file="a.ttf")
    assert time.monotonic() - began < 5


def test_a_loop_that_ignores_the_soft_limit_is_killed() -> None:
    with pytest.raises(HostileFile):
        run_limited(ignore_the_end, settings=TIGHT)


def test_a_sleeper_is_stopped_by_the_clock() -> None:
    began = time.monotonic()
    with pytest.raises(HostileFile, match="3 seconds it may take"):
        run_limited(rest, settings=TIGHT)
    assert 2.5 < time.monotonic() - began < 6


@pytest.mark.parametrize("function", [fill_memory, fill_the_answer])
def test_a_memory_bomb_is_stopped(function) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(HostileFile, match="memory it may use"):
        run_limited(function, settings=TIGHT)


def test_a_crash_is_the_files_fault_and_the_next_call_works() -> None:
    for function, args in ((leave, (3,)), (leave, (0,)), (fault, ()), (stumble, ())):
        with pytest.raises(HostileFile, match="crash"):
            run_limited(function, *args, settings=TIGHT)
    assert run_limited(double, 1, settings=TIGHT) == 2


def test_a_deliberate_error_comes_back_as_itself() -> None:
    with pytest.raises(BadFont) as caught:
        run_limited(refuse, "b.bdf", settings=TIGHT)
    error = caught.value
    assert (error.text.ja, error.text.en) == ("だめです。", "No good.")
    assert (error.where, error.extra) == (Where(file="b.bdf", byte_offset=7), {"size": 3})


def test_the_sentence_follows_the_callers_language() -> None:
    with pytest.raises(HostileFile) as caught:
        run_limited(fault, settings=TIGHT)
    token = language.set("ja")
    assert "打ち切りました" in caught.value.sentence
    language.reset(token)


def test_a_child_can_neither_write_nor_connect(tmp_path: Path) -> None:
    with pytest.raises(HostileFile, match="OSError"):
        run_limited(write_a_file, str(tmp_path / "x"), settings=TIGHT)
    with pytest.raises(HostileFile, match="OSError"):
        run_limited(open_a_socket, settings=TIGHT)
    assert not (tmp_path / "x").exists()


def test_a_child_does_not_see_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIJI_DATABASE", "postgresql://user:secret@db/gaiji")
    sandbox._nursery.stop()
    assert not [name for name in run_limited(environment, settings=TIGHT) if "GAIJI" in name]


def test_an_answer_that_holds_code_is_not_run() -> None:
    with pytest.raises(HostileFile):
        run_limited(send_code, settings=TIGHT)


def test_threads_may_call_at_the_same_time() -> None:
    def call(n: int) -> int:
        if n % 5 == 4:
            with pytest.raises(HostileFile):
                run_limited(leave, 1, settings=TIGHT)
        return run_limited(double, n, settings=TIGHT)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(call, range(40))) == [2 * n for n in range(40)]


def test_a_lost_nursery_is_started_again() -> None:
    assert run_limited(double, 1, settings=TIGHT) == 2
    process = sandbox._nursery.process
    assert process
    process.kill()
    process.wait()
    assert run_limited(double, 2, settings=TIGHT) == 4
    assert sandbox._nursery.process is not process


def test_the_nursery_ends_with_its_caller(tmp_path: Path) -> None:
    script = tmp_path / "caller.py"
    script.write_text(
        "from gaiji import sandbox\nfrom gaiji.settings import Settings\nimport os, operator\n"
        "assert sandbox.run_limited(operator.neg, 3, settings=Settings()) == -3\n"
        "print(sandbox._nursery.process.pid, flush=True)\nos._exit(0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, check=True
    )
    pid = int(done.stdout)
    for _ in range(100):
        if not _runs(pid):
            break
        time.sleep(0.05)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
