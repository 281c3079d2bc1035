"""Processes from outside: who descends from whom, who still runs in a folder, and how to end them all at once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path


def descendants(pid: int) -> set[int]:
    """Every process that a process started, and those that they started; sessions of their own do not hide them."""
    children: dict[int, list[int]] = {}
    for process, parent in _parents():
        children.setdefault(parent, []).append(process)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            found.add(child)
            waiting.append(child)
    return found


def kill(pids: Collection[int], how: signal.Signals) -> None:
    """Send a signal to each; those that have ended meanwhile do not mind."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, how)


def cut_power(pid: int) -> None:
    """End a process and all that it started at one moment: none of them lives to see another one gone."""
    stopped: set[int] = set()
    while new := {pid, *descendants(pid)} - stopped:
        kill(new, signal.SIGSTOP)
        stopped |= new
    kill(stopped, signal.SIGKILL)


def running_in(folder: Path) -> dict[int, str]:
    """The processes whose working folder is `folder` or below it, and their names."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").readlink().is_relative_to(folder):
                found[int(process.name)] = (process / "comm").read_text().strip()
    return found


NOTE = 'echo $$ > "pid.$$"'
"""Makes a script in a shell note its process id in the folder that it runs in."""


def noted_pids(folder: Path, count: int) -> list[int]:
    """The process ids that scripts noted in `folder`, once all of them are there."""
    give_up = time.monotonic() + 10
    while len(found := [file for file in folder.glob("pid.*") if file.read_text()]) < count:
        assert time.monotonic() < give_up, "the script never began"
        time.sleep(0.02)
    return [int(file.read_text()) for file in found]


def gone(pid: int, within: float = 3.0) -> bool:
    """Whether it ends within so many seconds; one that has ended and that nobody waited for counts as gone."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def _parents() -> Iterator[tuple[int, int]]:
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            yield int(process.name), int(fields[1])
