"""Many short programs, started by shells: each is given back as if it had been run alone."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.process_tree import NOTE, gone, noted_pids
from vendorws.git_client.processes import NEVER, Command, Finished, Processes, Stopped
from vendorws.git_client.shells import run_each


def script(text: str, cwd: Path, *more: str, environment: Mapping[str, str] = {}, deadline: float = NEVER) -> Command:
    return Command(["sh", "-c", f'cd "$0"; {text}', str(cwd), *more], environment, deadline)


def all_of(*commands: Command, at_a_time: int = 2, processes: Processes | None = None) -> list[Finished]:
    """How each of them ended, in the order in which they were given."""
    ended = dict(run_each(processes or Processes(), enumerate(commands), at_a_time=at_a_time))
    return [ended[n] for n in range(len(commands))]


def test_what_they_say_and_how_they_end(tmp_path: Path) -> None:
    texts = ("echo out; echo err >&2; exit 3", "true", "printf half; printf 'a line\n\nand half' >&2", "exit 129")
    for at_a_time in (1, 2, 8):
        assert all_of(*(script(text, tmp_path) for text in texts), at_a_time=at_a_time) == [
            Finished(3, b"out\n", "err\n"),
            Finished(0, b"", ""),
            Finished(0, b"half", "a line\n\nand half"),
            Finished(129, b"", ""),
        ]


def test_nothing_to_run() -> None:
    assert list(run_each(Processes(), (), at_a_time=4)) == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=3))
def test_words_and_values_arrive_as_they_are(words: list[str]) -> None:
    (finished,) = all_of(Command(["printf", r"%s\0", "", *words], {}))
    assert finished.stdout == b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in ["", *words])
    (finished,) = all_of(Command(["printenv", "-0", "A_NAME"], {"A_NAME": "".join(words)}))
    assert finished.text == "".join(words) + "\0"


def test_names_that_are_no_utf_8_survive() -> None:
    (finished,) = all_of(Command(["printf", "caf\udce9"], {}))
    assert finished.stdout == b"caf\xe9" and finished.text == "caf\udce9"


def test_one_s_environment_is_not_the_next_one_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "1")
    show = "echo $INHERITED $ADDED"
    first, second = all_of(
        script(show, tmp_path, environment={"ADDED": "2", "INHERITED": "3"}), script(show, tmp_path), at_a_time=1
    )
    assert (first.text, second.text) == ("3 2\n", "1\n")


def test_options_of_a_shell_that_are_inherited_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where sh is bash, SHELLOPTS would make it print each command, and end with the first that fails."""
    bash = tmp_path / "bin"
    bash.mkdir()
    (bash / "sh").symlink_to("/bin/bash")
    monkeypatch.setenv("PATH", f"{bash}:{os.environ['PATH']}")
    monkeypatch.setenv("SHELLOPTS", "xtrace:errexit:verbose:nounset")
    assert [ended.code for ended in all_of(Command(["false"], {}), Command(["true"], {}), at_a_time=1)] == [1, 0]
    assert all_of(*[Command(["printf", "x"], {})] * 3, at_a_time=1)[1:] == [Finished(0, b"x", "")] * 2


def test_nothing_is_said_to_them(tmp_path: Path) -> None:
    """What a shell is to run next is not for the program that it runs."""
    assert [ended.text for ended in all_of(*[script("cat; echo end", tmp_path)] * 3, at_a_time=1)] == ["end\n"] * 3


def test_much_on_both_outputs_is_no_deadlock(tmp_path: Path) -> None:
    text = "head -c 300000 /dev/zero >&2; head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2"
    for finished in all_of(*[script(text, tmp_path)] * 3):
        assert (len(finished.stdout), len(finished.stderr)) == (300_000, 600_000)


def test_they_have_no_terminal_and_sessions_of_their_own(tmp_path: Path) -> None:
    (finished,) = all_of(script("ps -o sess= -p $$; : > /dev/tty", tmp_path))
    assert int(finished.text) != os.getsid(0) and "/dev/tty" in finished.stderr


def test_a_program_that_does_not_exist_has_the_code_of_a_shell() -> None:
    missing, after = all_of(Command(["no-such-program"], {}), Command(["true"], {}), at_a_time=1)
    assert missing.code == 127 and "no-such-program" in missing.stderr and after == Finished(0, b"", "")


def test_a_program_that_a_signal_ended_has_the_code_of_a_shell(tmp_path: Path) -> None:
    ended, after = all_of(script("echo out; kill -9 $$", tmp_path), script("echo next", tmp_path), at_a_time=1)
    assert (ended.code, ended.stdout, after.text) == (128 + signal.SIGKILL, b"out\n", "next\n")


def test_several_run_side_by_side_and_no_more_than_were_asked_for(tmp_path: Path) -> None:
    """The first one ends when the second one has begun, and so on; the third must not begin before the first ended."""
    text = "touch $1; until [ -e $2 ]; do sleep 0.01; done; ls [1-4]; echo $1 >&2"
    pairs = [("1", "2"), ("2", "3"), ("3", "3"), ("4", "4")]
    ended = []
    for pair, finished in run_each(Processes(), ((p, script(text, tmp_path, *p)) for p in pairs), at_a_time=2):
        ended.append(pair)
        assert finished.code == 0 and finished.stderr == f"{pair[0]}\n"
        assert len(finished.text.split()) <= len(ended) + 1
    assert sorted(ended) == pairs


def test_none_waits_behind_another_while_a_shell_is_free(tmp_path: Path) -> None:
    start = time.monotonic()
    all_of(*[script("sleep 0.4", tmp_path)] * 4, at_a_time=4)
    assert time.monotonic() - start < 0.8


def test_commands_are_read_as_they_are_needed(tmp_path: Path) -> None:
    given_out = []
    commands = ((given_out.append(n), script("true", tmp_path))[1] for n in range(50))
    each = run_each(Processes(), enumerate(commands), at_a_time=2)
    next(each)
    assert len(given_out) <= 6
    each.close()  # type: ignore[attr-defined]


def test_what_nobody_wants_to_hear_any_more_is_ended(tmp_path: Path) -> None:
    commands = ((n, script(f"{NOTE}; sleep {n}", tmp_path)) for n in (0, 60, 61))
    each = run_each(Processes(), commands, at_a_time=3)
    assert next(each)[0] == 0
    running = noted_pids(tmp_path, 3)
    each.close()  # type: ignore[attr-defined]
    assert all(gone(pid) for pid in running)


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_one_whose_time_is_up_does_not_keep_the_others(tmp_path: Path, at_a_time: int) -> None:
    """Not even those that its shell was to run next."""
    late = script(f"{NOTE}; echo began; sleep 60", tmp_path, deadline=time.monotonic() + 0.5)
    ended = all_of(late, *[script("echo end", tmp_path)] * 4, at_a_time=at_a_time)
    assert [finished.overdue for finished in ended] == [True, False, False, False, False]
    assert [finished.text for finished in ended] == ["began\n", *["end\n"] * 4]
    assert all(gone(pid) for pid in noted_pids(tmp_path, 1))


def test_one_that_ended_unheard_before_its_time_was_up_costs_nobody_anything(tmp_path: Path) -> None:
    """While the one who asks is busy, what has ended cannot be told from what is late; the next one must not pay."""
    soon = time.monotonic() + 0.5
    commands = [
        script("true", tmp_path),
        script("true", tmp_path, deadline=soon),
        script("sleep 2; echo end", tmp_path),
    ]
    each = run_each(Processes(), enumerate(commands), at_a_time=1)
    assert next(each) == (0, Finished(0, b"", ""))
    time.sleep(1)
    assert list(each) == [(1, Finished(0, b"", "")), (2, Finished(0, b"end\n", ""))]


def test_what_will_not_end_is_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    stubborn = script(f"trap '' TERM; {NOTE}; sleep 60; sleep 60", tmp_path, deadline=start + 0.3)
    assert [finished.overdue for finished in all_of(stubborn, script("true", tmp_path), at_a_time=1)] == [True, False]
    assert time.monotonic() - start < 4
    assert all(gone(pid) for pid in noted_pids(tmp_path, 1))


def test_a_shell_that_is_killed_takes_one_program_with_it(tmp_path: Path) -> None:
    """Which then counts as killed; what that shell was to run next is run by another one."""
    kills = script("echo began; kill -9 $PPID; exec sleep 0.1", tmp_path)
    ended, *others = all_of(kills, *[script("echo end", tmp_path)] * 3, at_a_time=1)
    assert (ended.code, ended.text, ended.overdue) == (-signal.SIGKILL, "began\n", False)
    assert [other.text for other in others] == ["end\n"] * 3


def test_stop_ends_them_all(tmp_path: Path) -> None:
    processes = Processes()
    ended: list[BaseException] = []

    def work() -> None:
        try:
            all_of(*[script(f"{NOTE}; sleep 60", tmp_path)] * 5, processes=processes)
        except Stopped as stopped:
            ended.append(stopped)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    running = noted_pids(tmp_path, 2)
    start = time.monotonic()
    processes.stop()
    worker.join(timeout=10)
    assert len(ended) == 1 and time.monotonic() - start < 2
    assert all(gone(pid) for pid in running)
    with pytest.raises(Stopped):
        all_of(script("true", tmp_path), processes=processes)


def test_no_shell_is_left_behind(tmp_path: Path) -> None:
    (finished, *_) = all_of(*[script("echo $PPID", tmp_path)] * 4)
    assert gone(int(finished.text))


def test_what_is_left_in_the_background_is_neither_waited_for_nor_ended(tmp_path: Path) -> None:
    start = time.monotonic()
    first, second = all_of(script("sleep 30 & echo $!", tmp_path), script("echo next", tmp_path), at_a_time=1)
    assert (second.text, time.monotonic() - start < 3) == ("next\n", True)
    assert not gone(int(first.text), within=0.1)
    os.kill(int(first.text), signal.SIGKILL)
