"""Start a program, read it to its end, and end it when it is time: one door for git and ssh.

Each program leads a session of its own. So it has no terminal to ask a question on, and it can be ended together
with everything that it started.
"""

from __future__ import annotations

import os
import select
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
_TICK = 0.2  # seconds between two looks at whether the run was stopped


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
            said = (stdin or "").encode("utf-8", "surrogateescape")
            conversation = _Conversation(process, said, on_stderr)
            overdue = conversation.hold(deadline, self._stop.is_set)
        except BaseException:
            _end(process.pid, signal.SIGKILL)
            raise
        finally:
            self._ended(process)
        if self.stopped:
            raise Stopped
        stderr = conversation.stderr.decode("utf-8", "replace")
        return Finished(process.returncode, conversation.stdout, stderr, overdue)

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
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


class _Conversation:
    """What is said to a program and what it says, on all its pipes at once, so that neither waits for the other."""

    def __init__(
        self, process: subprocess.Popen[bytes], said: bytes, on_stderr: Callable[[bytes], None] | None
    ) -> None:
        assert process.stdout is not None and process.stderr is not None
        self._process, self._unsaid, self._on_stderr = process, said, on_stderr
        self._stdout, self._stderr = process.stdout.fileno(), process.stderr.fileno()
        self._heard: dict[int, list[bytes]] = {self._stdout: [], self._stderr: []}

    @property
    def stdout(self) -> bytes:
        return b"".join(self._heard[self._stdout])

    @property
    def stderr(self) -> bytes:
        return b"".join(self._heard[self._stderr])

    def hold(self, deadline: float, stopped: Callable[[], bool]) -> bool:
        """To its end; True where the deadline came first: then the program is ended, and what it said is kept."""
        overdue = False
        with selectors.PollSelector() as selector:
            for descriptor in self._heard:
                selector.register(descriptor, selectors.EVENT_READ, self._listen)
            if self._process.stdin is not None:
                selector.register(self._process.stdin.fileno(), selectors.EVENT_WRITE, self._speak)
            while selector.get_map():
                if time.monotonic() >= deadline:
                    _end(self._process.pid, signal.SIGKILL if overdue else signal.SIGTERM)
                    if overdue:
                        break
                    overdue, deadline = True, time.monotonic() + _GRACE
                for key, _ in selector.select(min(_TICK, deadline - time.monotonic())):
                    if not key.data(key.fd):
                        selector.unregister(key.fd)
                if stopped() and self._process.poll() is not None:
                    break  # what it put into the background may keep its outputs open
        return overdue

    def _listen(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, 65536)
        self._heard[descriptor].append(chunk)
        if chunk and descriptor == self._stderr and self._on_stderr is not None:
            self._on_stderr(chunk)
        return bool(chunk)

    def _speak(self, descriptor: int) -> bool:
        """Say a part that fits; there is no more to say to a program that does not listen."""
        with suppress(BrokenPipeError):
            self._unsaid = self._unsaid[os.write(descriptor, self._unsaid[: select.PIPE_BUF]) :]
            if self._unsaid:
                return True
        assert self._process.stdin is not None
        self._process.stdin.close()
        return False


def _end(pid: int, how: signal.Signals) -> None:
    """Signal a program and everything that it started; one that shares our session is signalled alone."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, how)
        else:
            os.kill(pid, how)
