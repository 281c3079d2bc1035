"""Ctrl-C and SIGTERM: the first one ends a run in good order, and those of an impatient developer do not spoil it."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from vendorws.exit_code import ExitCode

_DEAF = 3.0  # seconds in which everything that is to be done after an interrupt has been done
_last = float("-inf")
_is_postponed = _was_missed = False


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


@contextmanager
def postponed() -> Iterator[None]:
    """An interrupt that comes in here is heeded when it ends, so that what was begun in here is known to who ends it.

    It is for a moment of the main thread, and cannot be nested; no other thread is interrupted.
    """
    global _is_postponed, _was_missed
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _is_postponed = True
    try:
        yield
    finally:
        _is_postponed = False
        if _was_missed:
            _was_missed = False
            raise KeyboardInterrupt


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _last, _was_missed
    before, _last = _last, time.monotonic()
    if _last - before <= _DEAF:
        return
    if not _is_postponed:
        raise KeyboardInterrupt
    _was_missed = True
