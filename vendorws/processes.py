"""Start a program, read it to its end, and end it when it is time: one door for git and ssh.

Each program leads a session of its own. So it has no terminal to ask a question on, and it can be ended together
with everything that it started.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

NEVER = float("inf")
_GRACE = 1.0  # seconds between asking a program to end and ending it


class Stopped(Exception):
    """The run was interrupted; the repository at hand is left as it is."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended: its exit code (negative: the signal), what it printed, and whether its time was up."""

    code: int
    stdout: bytes
    stderr: str
    overdue: bool = False

    @property
    def text(self) -> str:
        """What it printed, as text; file names that are no UTF-8 survive a round trip."""
        return self.stdout.decode("utf-8", "surrogateescape")


class Processes:
    """Every program of this run, so that Ctrl-C can end them all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._running: set[int] = set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def run(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        environment: Mapping[str, str],
        deadline: float = NEVER,
        stdin: str | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
        on_our_terminal: bool = False,
    ) -> Finished:
        """Run `command` to its end, or to `deadline` (`time.monotonic()` seconds). Raises Stopped, OSError.

        `environment` is added to that of this process. `on_stderr` is told what comes on stderr as it comes. With
        `on_our_terminal` the program may ask questions; nothing else should run meanwhile.
        """
        process = self._start(command, cwd, environment, own_session=not on_our_terminal, has_input=stdin is not None)
        try:
            if process.stdin is not None:
                with suppress(BrokenPipeError), process.stdin as pipe:
                    pipe.write((stdin or "").encode("utf-8", "surrogateescape"))
            stdout, stderr, overdue = _read(process, deadline, on_stderr)
        except BaseException:
            _end(process.pid, signal.SIGKILL)
            raise
        finally:
            self._ended(process)
        if self.stopped:
            raise Stopped
        return Finished(process.returncode, stdout, stderr.decode("utf-8", "replace"), overdue)

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the run is interrupted. Raises Stopped."""
        if self._stop.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End everything within a second, and start nothing more."""
        self._stop.set()
        with self._lock:
            running = set(self._running)
        for pid in running:
            _end(pid, signal.SIGTERM)
        give_up = time.monotonic() + _GRACE
        while self._running and time.monotonic() < give_up:
            time.sleep(0.02)
        for pid in running & self._running:
            _end(pid, signal.SIGKILL)

    def _start(
        self, command: Sequence[str], cwd: Path, environment: Mapping[str, str], *, own_session: bool, has_input: bool
    ) -> subprocess.Popen[bytes]:
        with self._lock:
            if self.stopped:
                raise Stopped
            process = subprocess.Popen(
                command,
                cwd=cwd,
                env=os.environ | environment,
                stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=own_session,
            )
            self._running.add(process.pid)
        return process

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        """Wait for a program that has closed its outputs, and forget it."""
        process.wait()
        with self._lock:
            self._running.discard(process.pid)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def _read(
    process: subprocess.Popen[bytes], deadline: float, on_stderr: Callable[[bytes], None] | None
) -> tuple[bytes, bytes, bool]:
    """Both outputs to their ends; where the deadline comes first, the program is ended and what was said is kept."""
    assert process.stdout is not None and process.stderr is not None
    heard: dict[int, list[bytes]] = {process.stdout.fileno(): [], process.stderr.fileno(): []}
    of_stderr = process.stderr.fileno()
    overdue = False
    with selectors.PollSelector() as selector:
        for descriptor in heard:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(None if deadline == NEVER else max(0.0, deadline - time.monotonic()))
            if not ready and overdue:
                _end(process.pid, signal.SIGKILL)
                break
            if not ready:
                _end(process.pid, signal.SIGTERM)
                overdue, deadline = True, deadline + _GRACE
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                heard[key.fd].append(chunk)
                if not chunk:
                    selector.unregister(key.fd)
                elif key.fd == of_stderr and on_stderr is not None:
                    on_stderr(chunk)
    stdout, stderr = (b"".join(chunks) for chunks in heard.values())
    return stdout, stderr, overdue


def _end(pid: int, how: signal.Signals) -> None:
    """Signal a program and everything that it started; one that shares our session is signalled alone."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, how)
        else:
            os.kill(pid, how)
