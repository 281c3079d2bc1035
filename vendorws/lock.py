"""One run at a time in a workspace: a lock that the kernel holds, so that a dead process holds nothing."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vendorws.errors import EnvironmentProblem
from vendorws.files import read_regular
from vendorws.model import LOCK_FILE as LOCK_FILE


@contextmanager
def workspace_lock(vendor: Path, *, wait: bool, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of the checkouts in `vendor` (an existing folder) as long as the block runs.

    Where another run holds it, `on_wait` is told once who, and the call waits; with `wait` False it raises
    EnvironmentProblem instead. The file stays behind; that it is there says nothing about a run.

    The folder is locked, for `git clean -fdx` takes the file away below a run, and then the file: it says who holds the
    lock, it keeps out the versions that lock nothing else, and it is the lock on a file system that locks no folders.
    """
    path = vendor / LOCK_FILE
    turn = _Turn(path, wait=wait, on_wait=on_wait)
    while True:
        with _opened(vendor, os.O_DIRECTORY) as folder, _opened(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW) as file:
            turn.take(folder, needed=False)  # NFS locks only what is open to be written
            turn.take(file, needed=True)
            if not (_is_at(vendor, folder) and _is_at(path, file)):
                continue  # somebody took away what we waited for, and the next run would lock what is there now
            with suppress(OSError):  # to know who holds it is a courtesy, which a full disk may refuse
                os.ftruncate(file, 0)
                os.write(file, f"{os.getpid()}\n".encode())
            yield
            return


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise EnvironmentProblem(f"{path} cannot be opened: {error.strerror}.", "Check who owns vendor/.") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def run_is_at_work(vendor: Path) -> bool:
    """Whether a run holds the lock of the checkouts in `vendor` now; where that cannot be told, none does."""
    return _is_locked(vendor, os.O_DIRECTORY) or _is_locked(vendor / LOCK_FILE, os.O_NOFOLLOW | os.O_NONBLOCK)


def _is_locked(path: Path, flags: int) -> bool:
    try:
        with _opened(path, os.O_RDONLY | flags) as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # two may look at a time
    except BlockingIOError:
        return True
    except (EnvironmentProblem, OSError):
        return False
    return False


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


class _Turn:
    """Our turn among the runs of a workspace, which is waited for or not; whoever is before us is named once."""

    def __init__(self, path: Path, *, wait: bool, on_wait: Callable[[str], None]) -> None:
        self._path, self._wait, self._on_wait = path, wait, on_wait
        self._told = False

    def take(self, descriptor: int, *, needed: bool) -> None:
        """Lock it when nobody else does. Raises EnvironmentProblem; where nothing can lock it, only if `needed`."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as busy:
            self._queue(busy)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if needed:
                raise EnvironmentProblem(
                    f"{self._path} cannot be locked: {error.strerror}.",
                    "The file system of vendor/ must know flock(2).",
                ) from error

    def _queue(self, busy: BlockingIOError) -> None:
        who = f"another vendorws is at work here{self._holder()}"
        if not self._wait:
            raise EnvironmentProblem(f"{who}.", "Wait for it, or leave out --no-wait.") from busy
        if not self._told:
            self._told = True
            self._on_wait(who)

    def _holder(self) -> str:
        try:
            holder = read_regular(self._path).decode("utf-8", "replace").strip()
        except OSError:
            return ""
        return f" (process {holder})" if holder else ""
