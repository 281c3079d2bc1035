"""Ctrl-C and SIGTERM: the first one ends a run in good order, and those of an impatient developer do not spoil it."""

from __future__ import annotations

import atexit
import signal
import time
from types import FrameType

_DEAF = 3.0  # seconds in which everything that is to be done after an interrupt has been done
_last = float("-inf")


def heed_once() -> None:
    """From now on SIGTERM is a KeyboardInterrupt as Ctrl-C is, and whatever follows shortly after one is ignored.

    For the main thread of a process of our own.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as `nohup` and a shell's background jobs have it
            signal.signal(number, _interrupt)
            # While it shuts down, the interpreter gives the signals back to the kernel, which would kill us with the
            # next one; those that are ignored it leaves alone.
            atexit.register(signal.signal, number, signal.SIG_IGN)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    global _last
    before, _last = _last, time.monotonic()
    if _last - before > _DEAF:
        raise KeyboardInterrupt
