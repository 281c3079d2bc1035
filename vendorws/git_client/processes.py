"""Start a program, read it to its end, and end it when it is time: one door for git and ssh.

Each program leads a session of its own. So it has no terminal to ask a question on, and it can be ended together
with everything that it started.
"""

from __future__ import annotations

import os
import select
import selectors
import signal
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

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
        self._environment = dict(os.environ)
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
        environment: Mapping[str, str],
        *,
        deadline: float = NEVER,
        stdin: str | None = None,
        on_stderr: Callable[[bytes], None] | None = None,
        on_our_terminal: bool = False,
    ) -> Finished:
        """Run `command` to its end, or to `deadline` (`time.monotonic()` seconds). Raises Stopped, OSError.

        `environment` is added to that of this process. `on_stderr` is told what comes on stderr as it comes. With
        `on_our_terminal` the program may ask questions; nothing else should run meanwhile.
        """
        program = self._start(command, environment, own_session=not on_our_terminal)
        try:
            said = (stdin or "").encode("utf-8", "surrogateescape")
            conversation = _Conversation(program, said, on_stderr)
            overdue = conversation.hold(deadline, self._stop.is_set)
        except BaseException:
            _end(program.pid, signal.SIGKILL)
            raise
        finally:
            code = program.wait()
            with self._lock:
                self._running.discard(program.pid)
        if self.stopped:
            raise Stopped
        return Finished(code, conversation.stdout, conversation.stderr.decode("utf-8", "replace"), overdue)

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

    def _start(self, command: Sequence[str], environment: Mapping[str, str], *, own_session: bool) -> _Program:
        with self._lock:
            if self.stopped:
                raise Stopped
            program = _Program(command, {**self._environment, **environment}, own_session=own_session)
            self._running.add(program.pid)
        return program


class _Program:
    """A running program and our ends of its three pipes.

    posix_spawn(3) takes a third of the time of `subprocess.Popen`, which tells where there are hundreds to start.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, own_session: bool) -> None:
        theirs = [0, 0, 0]
        theirs[0], self.stdin = os.pipe()
        self.stdout, theirs[1] = os.pipe()
        self.stderr, theirs[2] = os.pipe()
        self._open = {self.stdin, self.stdout, self.stderr}
        self._code: int | None = None
        try:
            self.pid = os.posix_spawnp(
                command[0],
                tuple(command),
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, descriptor, number) for number, descriptor in enumerate(theirs)],
                setsid=own_session,
                setsigdef=(signal.SIGPIPE, signal.SIGXFSZ),  # what Python ignores, a program would ignore too
            )
        except OSError:
            self._close_all()
            raise
        finally:
            for descriptor in theirs:
                os.close(descriptor)

    def has_ended(self) -> bool:
        """Whether it is over, without waiting for it."""
        if self._code is None:
            self._take(os.waitpid(self.pid, os.WNOHANG))
        return self._code is not None

    def wait(self) -> int:
        """Its exit code, or the signal that ended it as a negative number. Ends the conversation."""
        self._close_all()
        if self._code is None:
            self._take(os.waitpid(self.pid, 0))
        assert self._code is not None
        return self._code

    def hang_up(self) -> None:
        """There is nothing more to say to it."""
        self._close(self.stdin)

    def _close_all(self) -> None:
        for descriptor in tuple(self._open):
            self._close(descriptor)

    def _close(self, descriptor: int) -> None:
        """Forgotten first: Ctrl-C may come in between, and what is closed twice may be another thread's by then."""
        self._open.discard(descriptor)
        os.close(descriptor)

    def _take(self, waited: tuple[int, int]) -> None:
        pid, status = waited
        if pid:
            self._code = os.waitstatus_to_exitcode(status)


class _Conversation:
    """What is said to a program and what it says, on all its pipes at once, so that neither waits for the other."""

    def __init__(self, program: _Program, said: bytes, on_stderr: Callable[[bytes], None] | None) -> None:
        self._program, self._unsaid, self._on_stderr = program, said, on_stderr
        self._heard: dict[int, list[bytes]] = {program.stdout: [], program.stderr: []}

    @property
    def stdout(self) -> bytes:
        return b"".join(self._heard[self._program.stdout])

    @property
    def stderr(self) -> bytes:
        return b"".join(self._heard[self._program.stderr])

    def hold(self, deadline: float, stopped: Callable[[], bool]) -> bool:
        """To its end; True where the deadline came first: then the program is ended, and what it said is kept."""
        overdue = False
        with selectors.PollSelector() as selector:
            for descriptor in self._heard:
                selector.register(descriptor, selectors.EVENT_READ, self._listen)
            if self._unsaid:
                selector.register(self._program.stdin, selectors.EVENT_WRITE, self._speak)
            else:
                self._program.hang_up()
            while selector.get_map():
                if time.monotonic() >= deadline:
                    _end(self._program.pid, signal.SIGKILL if overdue else signal.SIGTERM)
                    if overdue:
                        break
                    overdue, deadline = True, time.monotonic() + _GRACE
                for key, _ in selector.select(min(_TICK, deadline - time.monotonic())):
                    if not key.data(key.fd):
                        selector.unregister(key.fd)
                if stopped() and self._program.has_ended():
                    break  # what it put into the background may keep its outputs open
        return overdue

    def _listen(self, descriptor: int) -> bool:
        chunk = os.read(descriptor, 65536)
        self._heard[descriptor].append(chunk)
        if chunk and descriptor == self._program.stderr and self._on_stderr is not None:
            self._on_stderr(chunk)
        return bool(chunk)

    def _speak(self, descriptor: int) -> bool:
        """Say a part that fits; there is no more to say to a program that does not listen."""
        with suppress(BrokenPipeError):
            self._unsaid = self._unsaid[os.write(descriptor, self._unsaid[: select.PIPE_BUF]) :]
            if self._unsaid:
                return True
        self._program.hang_up()
        return False


def _end(pid: int, how: signal.Signals) -> None:
    """Signal a program and everything that it started; one that shares our session is signalled alone."""
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, how)
        else:
            os.kill(pid, how)
