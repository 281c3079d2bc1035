"""One command, measured: how long it took, how large its largest process was, what it started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Measured:
    """`seconds` on the clock; `cpu` in seconds, with all that was started; `peak` of the largest process, in MB."""

    code: int
    seconds: float
    cpu: float
    peak: float


def measure(command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str], log: Path) -> Measured:
    """Run `command` to its end, both outputs into `log`."""
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    return Measured(process.returncode, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


@dataclass(frozen=True, slots=True)
class GitProcesses:
    """How many git processes a command started itself, and how many there were with those that git started."""

    started: int
    in_all: int


def count_git(
    command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str], log: Path
) -> tuple[Measured, GitProcesses]:
    """Run `command` while every git process leaves a note (git's own trace2)."""
    notes = log.with_suffix(".trace")
    shutil.rmtree(notes, ignore_errors=True)
    notes.mkdir(parents=True)
    measured = measure(command, cwd=cwd, environment={**environment, "GIT_TRACE2_EVENT": str(notes)}, log=log)
    sessions = [json.loads(note.read_text().partition("\n")[0])["sid"] for note in notes.iterdir()]
    shutil.rmtree(notes)
    return measured, GitProcesses(sum("/" not in session for session in sessions), len(sessions))
