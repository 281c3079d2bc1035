"""Ctrl-C and SIGTERM: the first one ends a run in good order, and those of an impatient developer do not spoil it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import time
from contextlib import suppress
from types import FrameType

from vendorws.exit_code import ExitCode

_DEAF = 3.0  # seconds in which everything that is to be done after an interrupt has been done
_last = float("-inf")


def heed_once() -> None:
    """From now on SIGTERM is a KeyboardInterrupt as Ctrl-C is, and whatever follows shortly after one is ignored.

    For the main thread of a process of our own.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` and a shell's background jobs have it
            signal.signal(number, _interrupt)
    atexit.register(_leave)


def _leave() -> None:
    """The last of what is done at exit, for what the interpreter does with signals after it.

    It gives them back to the kernel, which kills us with the next one; those that are ignored it leaves alone. And it
    kills itself, whatever the exit code, where a KeyboardInterrupt once came out of `exec` with a text, as when a
    dataclass was just being made; so an interrupted run does not go on to there.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if _last > float("-inf"):
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(ExitCode.INTERRUPTED)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _last
    before, _last = _last, time.monotonic()
    if _last - before > _DEAF:
        raise KeyboardInterrupt
