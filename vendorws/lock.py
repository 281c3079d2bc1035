"""One run at a time in a workspace: a lock that the kernel holds, so that a dead process holds nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vendorws.errors import EnvironmentProblem
from vendorws.model import LOCK_FILE as LOCK_FILE


@contextmanager
def workspace_lock(vendor: Path, *, wait: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the checkouts in `vendor` (an existing folder) as long as the block runs.

    Where another run holds it, `on_wait` is told once who, and the call waits; with `wait` False it raises
    EnvironmentProblem instead. The file stays behind; that it is there says nothing about a run.
    """
    path = vendor / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be opened: {error.strerror}.", "Check who owns vendor/.") from error
    try:
        _acquire(descriptor, path, wait=wait, on_wait=on_wait)
        with suppress(OSError):  # to know who holds it is a courtesy, which a full disk may refuse
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, *, wait: bool, on_wait: Callable[[str], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as busy:
        holder = path.read_text("utf-8", "replace").strip()
        who = f"another vendorws is at work here{f' (process {holder})' if holder else ''}"
        if not wait:
            raise EnvironmentProblem(f"{who}.", "Wait for it, or leave out --no-wait.") from busy
        on_wait(who)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be locked: {error.strerror}.", "The file system of vendor/ must know flock(2)."
        ) from error
