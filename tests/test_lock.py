"""One run at a time: the kernel holds the lock, the folder and the file are only its names."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.process_tree import gone
from vendorws.errors import EnvironmentProblem
from vendorws.exit_code import ExitCode
from vendorws.lock import LOCK_FILE, run_is_at_work, workspace_lock

HOLD = """
import sys, time
from pathlib import Path
from vendorws.lock import workspace_lock
with workspace_lock(Path(sys.argv[1]), wait=False, on_wait=print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    folder = tmp_path / "vendor"
    folder.mkdir()
    return folder


def another_run(vendor: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    run = subprocess.Popen([sys.executable, "-c", HOLD, vendor], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stdout.readline() == "held\n"
    return run


def end(run: subprocess.Popen[str], how: signal.Signals) -> None:
    run.send_signal(how)
    run.wait()
    assert run.stdout is not None
    run.stdout.close()


def never(who: str) -> None:
    raise AssertionError(f"had to wait for {who}")


def test_a_look_takes_nothing(vendor: Path) -> None:
    assert not run_is_at_work(vendor)
    assert list(vendor.iterdir()) == []
    run = another_run(vendor)
    assert run_is_at_work(vendor)
    (vendor / LOCK_FILE).unlink()
    assert run_is_at_work(vendor)
    end(run, signal.SIGKILL)
    assert not run_is_at_work(vendor)
    (vendor / LOCK_FILE).symlink_to(vendor)
    assert not run_is_at_work(vendor)


def test_the_file_says_who_holds_it_and_means_nothing_by_itself(vendor: Path) -> None:
    (vendor / LOCK_FILE).write_text("4242424 was here before\n")
    with workspace_lock(vendor, wait=False, on_wait=never):
        assert (vendor / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    with workspace_lock(vendor, wait=True, on_wait=never):
        pass
    assert (vendor / LOCK_FILE).exists()


def test_it_is_let_go_when_the_block_fails(vendor: Path) -> None:
    with pytest.raises(ZeroDivisionError), workspace_lock(vendor, wait=False, on_wait=never):
        _ = 1 / 0
    with workspace_lock(vendor, wait=False, on_wait=never):
        pass


def test_without_waiting_it_says_who_is_at_work(vendor: Path) -> None:
    run = another_run(vendor)
    with pytest.raises(EnvironmentProblem) as refused, workspace_lock(vendor, wait=False, on_wait=never):
        raise AssertionError("two at once")
    end(run, signal.SIGTERM)
    assert refused.value.message == f"another vendorws is at work here (process {run.pid})."
    assert refused.value.hint == "Wait for it, or leave out --no-wait."
    assert refused.value.exit_code == ExitCode.ENVIRONMENT


def test_a_killed_run_holds_nothing(vendor: Path) -> None:
    end(another_run(vendor), signal.SIGKILL)
    with workspace_lock(vendor, wait=False, on_wait=never):
        pass


def test_it_waits_and_says_so_once(vendor: Path) -> None:
    run = another_run(vendor)
    said: list[str] = []

    def on_wait(who: str) -> None:
        said.append(who)
        threading.Timer(1.0, end, [run, signal.SIGTERM]).start()

    with workspace_lock(vendor, wait=True, on_wait=on_wait):
        assert gone(run.pid, within=0.5), "it is ours only when the other one is gone"
        assert (vendor / LOCK_FILE).read_text() == f"{os.getpid()}\n"
    assert said == [f"another vendorws is at work here (process {run.pid})"]


def test_a_holder_that_has_not_said_its_name(vendor: Path) -> None:
    with (vendor / LOCK_FILE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with (
            pytest.raises(EnvironmentProblem, match=r"^another vendorws is at work here\.$"),
            workspace_lock(vendor, wait=False, on_wait=never),
        ):
            raise AssertionError("two at once")


def test_a_link_in_its_place_is_not_followed(vendor: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    (vendor / LOCK_FILE).symlink_to(precious)
    with (
        pytest.raises(EnvironmentProblem, match=r"\.vendorws\.lock cannot be opened: "),
        workspace_lock(vendor, wait=True, on_wait=never),
    ):
        raise AssertionError("followed")
    assert precious.read_text() == "mine\n"


def test_no_folder_no_lock(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentProblem, match="cannot be opened: No such file or directory"),
        workspace_lock(tmp_path / "none", wait=True, on_wait=never),
    ):
        raise AssertionError("locked")


def test_a_full_disk_is_no_reason_not_to_hold_it(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("vendorws.lock.os.write", full)
    with workspace_lock(vendor, wait=False, on_wait=never):
        assert (vendor / LOCK_FILE).read_text() == ""


def test_a_file_system_without_locks(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(_descriptor: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("vendorws.lock.fcntl.flock", unknown)
    with (
        pytest.raises(EnvironmentProblem, match="cannot be locked: No locks available"),
        workspace_lock(vendor, wait=False, on_wait=never),
    ):
        raise AssertionError("locked")


# -- what is taken away below a run --------------------------------------------------------------------------------


def is_locked(path: Path) -> bool:
    """Whether somebody holds this file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def test_git_clean_lets_nobody_in(vendor: Path) -> None:
    """It takes ignored files away, but leaves a folder that holds repositories."""
    git(vendor.parent, "init", "--quiet")
    git(vendor, "init", "--quiet", "billing")
    (vendor / ".gitignore").write_text("*\n")
    run = another_run(vendor)
    git(vendor.parent, "clean", "-fdx", "--quiet")
    assert [entry.name for entry in vendor.iterdir()] == ["billing"]
    with (
        pytest.raises(EnvironmentProblem, match=r"^another vendorws is at work here\.$"),
        workspace_lock(vendor, wait=False, on_wait=never),
    ):
        raise AssertionError("two at once")
    end(run, signal.SIGTERM)
    with workspace_lock(vendor, wait=False, on_wait=never):
        assert (vendor / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_file_that_is_taken_away_while_it_is_waited_for(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file is all that can be locked, the one that is there counts."""
    no_locks_on_folders(monkeypatch)
    run = another_run(vendor)

    def on_wait(_who: str) -> None:
        (vendor / LOCK_FILE).unlink()
        threading.Timer(0.5, end, [run, signal.SIGTERM]).start()

    with workspace_lock(vendor, wait=True, on_wait=on_wait):
        assert is_locked(vendor / LOCK_FILE)
        assert (vendor / LOCK_FILE).read_text() == f"{os.getpid()}\n"


def test_a_folder_that_is_taken_away_while_it_is_waited_for(vendor: Path) -> None:
    run = another_run(vendor)

    def on_wait(_who: str) -> None:
        vendor.rename(vendor.with_name("aside"))
        vendor.mkdir()
        threading.Timer(0.5, end, [run, signal.SIGTERM]).start()

    with workspace_lock(vendor, wait=True, on_wait=on_wait):
        assert is_locked(vendor) and is_locked(vendor / LOCK_FILE)


def test_versions_that_lock_only_the_file_are_kept_out_and_waited_for(vendor: Path) -> None:
    with workspace_lock(vendor, wait=False, on_wait=never):
        assert is_locked(vendor) and is_locked(vendor / LOCK_FILE)
    said: list[str] = []
    with (vendor / LOCK_FILE).open("r+") as older:
        fcntl.flock(older, fcntl.LOCK_EX)

        def on_wait(who: str) -> None:
            said.append(who)
            threading.Timer(0.5, fcntl.flock, [older, fcntl.LOCK_UN]).start()

        with workspace_lock(vendor, wait=True, on_wait=on_wait):
            assert is_locked(vendor) and is_locked(vendor / LOCK_FILE)
    assert said == [f"another vendorws is at work here (process {os.getpid()})"]


def test_two_that_are_waited_for_are_told_once(vendor: Path) -> None:
    """A run of ours, and behind it one of a version that locks only the file."""
    run, said = another_run(vendor), list[str]()
    (vendor / LOCK_FILE).unlink()
    with (vendor / LOCK_FILE).open("w") as older:
        fcntl.flock(older, fcntl.LOCK_EX)

        def on_wait(who: str) -> None:
            said.append(who)
            threading.Timer(0.3, end, [run, signal.SIGTERM]).start()
            threading.Timer(0.8, fcntl.flock, [older, fcntl.LOCK_UN]).start()

        with workspace_lock(vendor, wait=True, on_wait=on_wait):
            assert gone(run.pid, within=0.5)
    assert said == ["another vendorws is at work here"]


def test_a_file_system_that_locks_no_folders_has_the_file(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_locks_on_folders(monkeypatch)
    with workspace_lock(vendor, wait=False, on_wait=never):
        assert is_locked(vendor / LOCK_FILE)
        with (
            pytest.raises(EnvironmentProblem, match=f"at work here \\(process {os.getpid()}\\)"),
            workspace_lock(vendor, wait=False, on_wait=never),
        ):
            raise AssertionError("two at once")


def test_a_pipe_in_its_place_is_not_read(vendor: Path) -> None:
    run = another_run(vendor)
    (vendor / LOCK_FILE).unlink()
    os.mkfifo(vendor / LOCK_FILE)
    with (
        pytest.raises(EnvironmentProblem, match=r"at work here\.$"),
        workspace_lock(vendor, wait=False, on_wait=never),
    ):
        raise AssertionError("two at once")
    end(run, signal.SIGTERM)


def no_locks_on_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """What NFS says to a lock on what is open to be read only."""
    really = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        really(descriptor, how)

    monkeypatch.setattr("vendorws.lock.fcntl.flock", flock)
