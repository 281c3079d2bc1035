"""A person at a terminal: a command runs on a pseudo-terminal and its questions are answered as they appear."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import merged

# ssh asks on /dev/tty and not on stdin, so the child needs the terminal as its controlling one. Taking it in a small
# program of its own instead of after a fork keeps the threads of the test process out of the matter.
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
CTRL_C = "\x03"
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class Screen:
    """How the command ended, and every character that went over the terminal."""

    exit_code: int
    raw: str

    @property
    def text(self) -> str:
        """Without colours and cursor movements, with plain line ends."""
        return _ESCAPES.sub("", self.raw).replace("\r\n", "\n")


def on_terminal(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    answers: Sequence[tuple[str, str]] = (),
    env: Mapping[str, str | None] | None = None,
    columns: int = 80,
    timeout: float = 30,
) -> Screen:
    """Run `command` on a terminal of 24 lines.

    `answers` are pairs of what to wait for and what to type then (a line end is added, but not to CTRL_C), in this
    order. A question that never comes, or a command that never ends, fails with the screen so far.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", _TAKE_TERMINAL, *map(str, command)],
        cwd=cwd,
        env=merged({"COLUMNS": None, "LINES": None, **(env or {})}),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        screen = _converse(ours, list(answers), time.monotonic() + timeout)
        return Screen(process.wait(timeout=10), screen)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _converse(terminal: int, answers: list[tuple[str, str]], deadline: float) -> str:
    screen, read_to = "", 0
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more came; still to answer: {answers}; the screen:\n{screen}")
        block = _read(terminal)
        if not block:
            break
        screen += block.decode("utf-8", "replace")
        if answers and (found := screen.find(answers[0][0], read_to)) >= 0:
            question, reply = answers.pop(0)
            read_to = found + len(question)
            _type(terminal, reply)
    if answers:
        raise AssertionError(f"never asked: {answers}; the screen:\n{screen}")
    return screen


def _type(terminal: int, reply: str) -> None:
    if reply == CTRL_C:
        time.sleep(0.5)  # as a person: ssh loses a signal that comes between its question and its reading
        os.write(terminal, reply.encode())
    else:
        os.write(terminal, f"{reply}\n".encode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError as error:
        if error.errno == errno.EIO:  # how Linux says that the other side is closed
            return b""
        raise
