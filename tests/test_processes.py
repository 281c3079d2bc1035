"""Programs that are started here end here, with all that they started themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.process_tree import NOTE, gone, noted_pids
from vendorws.git_client.processes import Command, Finished, Processes, Stopped


def shell(
    processes: Processes, script: str, cwd: Path, *, environment: Mapping[str, str] = {}, **how: object
) -> Finished:
    words = ["sh", "-c", f'cd "$0"; {script}', str(cwd)]
    return processes.run(Command(words, environment, **how))  # type: ignore[arg-type]


def test_what_it_says_and_how_it_ends(tmp_path: Path) -> None:
    finished = shell(Processes(), "echo out; echo err >&2; exit 3", tmp_path)
    assert finished == Finished(3, b"out\n", "err\n")
    assert finished.text == "out\n" and not finished.overdue


def test_a_signal_is_a_negative_code(tmp_path: Path) -> None:
    assert shell(Processes(), "kill -9 $$", tmp_path).code == -9


def test_names_that_are_no_utf_8_survive(tmp_path: Path) -> None:
    finished = shell(Processes(), "cat", tmp_path, stdin="caf\udce9")
    assert finished.stdout == b"caf\xe9" and finished.text == "caf\udce9"


def test_much_on_both_outputs_is_no_deadlock(tmp_path: Path) -> None:
    script = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; cat >/dev/null"
    finished = shell(Processes(), script, tmp_path, stdin="x" * 300_000)
    assert len(finished.stdout) == len(finished.stderr) == 300_000


def test_a_program_that_does_not_listen(tmp_path: Path) -> None:
    assert shell(Processes(), "exec 0<&-; echo done", tmp_path, stdin="x" * 1_000_000).text == "done\n"


def test_it_has_no_terminal_and_a_session_of_its_own(tmp_path: Path) -> None:
    finished = shell(Processes(), "ps -o sess= -p $$; [ -t 0 ] || echo none; : > /dev/tty", tmp_path)
    session, none = finished.text.split()
    assert int(session) != os.getsid(0)
    assert none == "none" and "/dev/tty" in finished.stderr


def test_the_environment_is_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "1")
    finished = shell(Processes(), 'echo "$INHERITED $ADDED"', tmp_path, environment={"ADDED": "2"})
    assert finished.text == "1 2\n"


def test_what_comes_on_stderr_is_told_as_it_comes(tmp_path: Path) -> None:
    heard: list[bytes] = []
    finished = shell(Processes(), "for n in 1 2 3; do echo $n >&2; sleep 0.1; done", tmp_path, on_stderr=heard.append)
    assert b"".join(heard) == b"1\n2\n3\n" == finished.stderr.encode()
    assert len(heard) == 3


def test_its_time_is_up_for_everything_that_it_started(tmp_path: Path) -> None:
    start = time.monotonic()
    finished = shell(
        Processes(),
        f"{NOTE}; echo began; sh -c '{NOTE}; sleep 60' & sleep 60",
        tmp_path,
        deadline=time.monotonic() + 0.5,
    )
    assert finished.overdue and finished.code == -signal.SIGTERM and finished.text == "began\n"
    assert time.monotonic() - start < 3
    assert all(gone(pid) for pid in noted_pids(tmp_path, 2))


def test_what_will_not_end_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    finished = shell(
        Processes(), f"trap '' TERM; {NOTE}; sleep 60; sleep 60", tmp_path, deadline=time.monotonic() + 0.3
    )
    assert finished.overdue and finished.code == -signal.SIGKILL
    assert time.monotonic() - start < 4
    assert all(gone(pid) for pid in noted_pids(tmp_path, 1))


def test_a_deadline_that_has_passed(tmp_path: Path) -> None:
    assert shell(Processes(), "sleep 60", tmp_path, deadline=time.monotonic() - 10).overdue


LEFT = "sleep 30 & echo $! > left"
"""Leaves a program in the background, which holds both outputs open."""


def left_running(folder: Path) -> bool:
    """Whether that program is still there; it is ended now."""
    pid = int((folder / "left").read_text())
    running = not gone(pid, within=0.1)
    os.kill(pid, signal.SIGKILL)
    return running


def test_what_it_left_in_the_background_is_neither_waited_for_nor_ended(tmp_path: Path) -> None:
    start, work = time.monotonic(), time.process_time()
    finished = shell(Processes(), f"{LEFT}; echo out; echo err >&2; exit 3", tmp_path, deadline=start + 20)
    took, worked = time.monotonic() - start, time.process_time() - work
    assert left_running(tmp_path)
    assert finished == Finished(3, b"out\n", "err\n")
    assert took < 3 and worked < 0.1


def test_all_that_it_said_is_heard_though_others_hold_the_pipe(tmp_path: Path) -> None:
    script = f"{LEFT}; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2; (sleep 0.05; echo late) & exit 0"
    finished = shell(Processes(), script, tmp_path, deadline=time.monotonic() + 20)
    assert left_running(tmp_path)
    assert len(finished.stderr) == 300_000 and finished.stdout == bytes(300_000) + b"late\n"


def test_what_goes_on_talking_in_the_background_is_not_listened_to(tmp_path: Path) -> None:
    start = time.monotonic()
    talk = "while :; do echo again; sleep 0.02; done & echo $! > left"
    finished = shell(Processes(), talk, tmp_path, deadline=start + 20)
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)
    assert finished.code == 0 and not finished.overdue and time.monotonic() - start < 3


def test_one_that_does_not_read_what_it_is_told_is_over_when_it_has_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    finished = shell(Processes(), f"exec 3<&0; {LEFT} <&3", tmp_path, stdin="x" * 1_000_000, deadline=start + 20)
    assert left_running(tmp_path)
    assert finished == Finished(0, b"", "") and time.monotonic() - start < 3


def test_those_that_work_on_for_one_that_was_killed_are_waited_for(tmp_path: Path) -> None:
    """A git that is killed from outside leaves gits at work in its repository."""
    finished = shell(Processes(), "sh -c 'sleep 1; echo wrote' & kill -9 $$", tmp_path)
    assert (finished.code, finished.text) == (-signal.SIGKILL, "wrote\n")


def test_those_that_work_on_for_one_that_was_killed_have_its_time(tmp_path: Path) -> None:
    script = f"sh -c '{NOTE}; sleep 60' & {NOTE}; until [ $(ls pid.* | wc -l) = 2 ]; do sleep 0.01; done; kill -9 $$"
    assert shell(Processes(), script, tmp_path, deadline=time.monotonic() + 1).overdue
    assert all(gone(pid) for pid in noted_pids(tmp_path, 2))


def stopped_while(script: str, tmp_path: Path, count: int) -> float:
    """Stop a running script and say how long it took; it must end as `Stopped`."""
    processes = Processes()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            shell(processes, script, tmp_path)
        except Stopped as stopped:
            ended.append(stopped)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    running = noted_pids(tmp_path, count)
    start = time.monotonic()
    processes.stop()
    worker.join(timeout=10)
    assert not worker.is_alive() and len(ended) == 1
    took = time.monotonic() - start
    assert all(gone(pid) for pid in running)
    return took


@pytest.mark.parametrize(
    ("script", "count"),
    [
        (f"{NOTE}; sleep 60", 1),
        (f"{NOTE}; sh -c '{NOTE}; sleep 60' & sleep 60", 2),
        (f"trap '' TERM; {NOTE}; while :; do sleep 60; done", 1),
    ],
    ids=["obedient", "with children", "stubborn"],
)
def test_stop_ends_everything_within_two_seconds(tmp_path: Path, script: str, count: int) -> None:
    assert stopped_while(script, tmp_path, count) < 2


def test_stop_does_not_wait_for_what_has_left(tmp_path: Path) -> None:
    """A program that went into the background, such as an ssh that stays connected, may keep our pipe open."""
    script = f"setsid sh -c 'echo $$ > left; exec sleep 8' & until [ -s left ]; do sleep 0.01; done; {NOTE}; sleep 60"
    assert stopped_while(script, tmp_path, 1) < 2
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)


def test_nothing_begins_once_it_is_stopped(tmp_path: Path) -> None:
    processes = Processes()
    assert not processes.stopped
    processes.stop()
    assert processes.stopped
    with pytest.raises(Stopped):
        shell(processes, f"{NOTE}", tmp_path)
    with pytest.raises(Stopped):
        processes.pause(60)
    assert not list(tmp_path.glob("pid.*"))


def test_a_pause_is_as_long_as_it_says() -> None:
    start = time.monotonic()
    Processes().pause(0.1)
    assert 0.1 <= time.monotonic() - start < 1


def test_an_error_while_reading_ends_the_program(tmp_path: Path) -> None:
    def fail(_chunk: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        shell(Processes(), f"{NOTE}; echo x >&2; sleep 60", tmp_path, on_stderr=fail)
    assert all(gone(pid) for pid in noted_pids(tmp_path, 1))


def test_a_program_that_does_not_exist() -> None:
    with pytest.raises(FileNotFoundError):
        Processes().run(Command(["no-such-program"], {}))


def test_a_program_on_our_terminal_is_ended_alone(tmp_path: Path) -> None:
    """It shares our session, so that it may ask; to end its group would be to end ourselves."""
    processes = Processes()
    finished = shell(processes, f"{NOTE}; sleep 60", tmp_path, on_our_terminal=True, deadline=time.monotonic() + 0.3)
    assert finished.overdue and finished.code == -signal.SIGTERM


# -- Ctrl-C at the worst moment --------------------------------------------------------------------------------

_INTERRUPTED = """
import os, signal, sys
from vendorws.git_client.processes import Command, Processes
from vendorws.git_client.shells import run_each
from vendorws.interrupts import heed_once

heed_once()
spawn = os.posix_spawnp

def spawn_and_be_interrupted(*args, **how):
    pid = spawn(*args, **how)
    os.kill(os.getpid(), signal.SIGINT)
    print(pid, flush=True)
    return pid

os.posix_spawnp = spawn_and_be_interrupted
command = Command(["sleep", "600"], {})
try:
    list(run_each(Processes(), [("it", command)], at_a_time=1)) if sys.argv[1] == "shells" else Processes().run(command)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.parametrize("by", ["itself", "shells"])
def test_a_program_that_has_just_started_ends_with_us(by: str) -> None:
    """Between its start and our knowing of it there is a moment, which is long where the machine is busy."""
    told = subprocess.run([sys.executable, "-c", _INTERRUPTED, by], capture_output=True, text=True, check=False)
    pid, said = told.stdout.split()
    assert said == "interrupted"
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
