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

from vendorws.interrupts import postponed
from vendorws.values import dataclass

NEVER = float("inf")
_GRACE = 1.0  # seconds between asking a program to end and ending it
_TICK = 0.2  # seconds between two looks at whether the run was stopped, or a program has ended
_MOMENT = 0.2  # seconds for what is on its way to us when a program has ended


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


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run: its words, what is added to its environment, and what it is told.

    `deadline` is in `time.monotonic()` seconds; `on_overdue` is called when it has passed, before the program is ended.
    `on_stderr` is told what comes on stderr as it comes. With `on_our_terminal` the program may ask questions; nothing
    else should run meanwhile.
    """

    words: Sequence[str]
    environment: Mapping[str, str]
    deadline: float = NEVER
    stdin: str | None = None
    on_stderr: Callable[[bytes], None] | None = None
    on_overdue: Callable[[], None] | None = None
    on_our_terminal: bool = False


class WouldWait(Exception):
    """There is a program to wait for, where nobody may wait."""


class Processes:
    """Every program of this run, so that Ctrl-C can end them all."""

    def __init__(self) -> None:
        self._environment = dict(os.environ)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._running: set[Program] = set()

    @property
    def stopped(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def run(self, command: Command) -> Finished:
        """Run it to its end, or to its deadline. Raises Stopped, OSError."""
        program: Program | None = None
        try:
            with postponed():  # else Ctrl-C may come when it has started and nobody knows it yet
                program = self.start(command)
            finished = self._hear_out(program, command)
        except BaseException:
            if program is not None:
                program.drop()
            raise
        finally:
            if program is not None:
                self.forget(program)
        if self.stopped:
            raise Stopped
        return finished

    def _hear_out(self, program: Program, command: Command) -> Finished:
        with selectors.PollSelector() as selector:
            conversation = _Conversation(program, command, selector)
            # What a program that was stopped has put into the background may keep its outputs open.
            while not (conversation.is_over() or (self.stopped and program.has_ended())):
                for ready, _ in selector.select(patience(conversation.deadline)):
                    ready.data(ready.fd)
            return conversation.finish()

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until the run is interrupted. Raises Stopped."""
        if self._stop.wait(seconds):
            raise Stopped

    def stop(self) -> None:
        """End everything within a second, and start nothing more."""
        self._stop.set()
        with self._lock:
            running = set(self._running)
        for program in running:
            program.end(signal.SIGTERM)
        give_up = time.monotonic() + _GRACE
        while self._running and time.monotonic() < give_up:
            time.sleep(0.02)
        for program in running & self._running:
            program.end(signal.SIGKILL)

    def start(self, command: Command) -> Program:
        """Start it, for one who hears it out and then calls `forget`. Raises Stopped, OSError."""
        with self._lock:
            if self.stopped:
                raise Stopped
            program = Program(command, {**self._environment, **command.environment})
            self._running.add(program)
        return program

    def forget(self, program: Program) -> None:
        """It has ended."""
        with self._lock:
            self._running.discard(program)


class NoProcesses(Processes):
    """For work that must not wait: whatever would be run is a WouldWait."""

    def run(self, command: Command) -> Finished:
        """Raises WouldWait."""
        raise WouldWait


NO_PROCESSES = NoProcesses()


class Program:
    """A running program and our ends of its pipes; without a `stdin` there is none to its input.

    posix_spawn(3) takes a third of the time of `subprocess.Popen`, which tells where there are hundreds to start.
    """

    def __init__(self, command: Command, environment: Mapping[str, str]) -> None:
        self.stdout, out = os.pipe()
        self.stderr, err = os.pipe()
        self._open, theirs = {self.stdout, self.stderr}, [out, err]
        self.stdin: int | None = None
        their_input: tuple[object, ...] = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
        if command.stdin is not None:
            input_end, self.stdin = os.pipe()
            self._open.add(self.stdin)
            theirs.append(input_end)
            their_input = (os.POSIX_SPAWN_DUP2, input_end, 0)
        self._code: int | None = None
        self._leads = not command.on_our_terminal
        try:
            self.pid = os.posix_spawnp(
                command.words[0],
                tuple(command.words),
                environment,
                file_actions=[their_input, (os.POSIX_SPAWN_DUP2, out, 1), (os.POSIX_SPAWN_DUP2, err, 2)],
                setsid=self._leads,
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

    def has_left(self) -> bool:
        """Whether it ended of itself; what a signal ended may have left others at its work, who are waited for."""
        return self.has_ended() and self._code is not None and self._code >= 0

    def end(self, how: signal.Signals, *, alone: bool = False) -> None:
        """Signal it and everything that it started; one that shares our session is signalled `alone` anyhow."""
        with suppress(ProcessLookupError, PermissionError):
            if self._leads and not alone:
                os.killpg(self.pid, how)  # what it started may outlive it
            elif self._code is None:
                os.kill(self.pid, how)

    def drop(self) -> None:
        """End it and everything that it started, where it has not ended of itself; nobody wants to hear the rest."""
        if not self.has_left():
            self.end(signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Its exit code, or the signal that ended it as a negative number. Ends the conversation."""
        self._close_all()
        if self._code is None:
            self._take(os.waitpid(self.pid, 0))
        assert self._code is not None
        return self._code

    def say(self, words: bytes) -> None:
        """Say it, however long that takes; a program that has ended does not hear it."""
        assert self.stdin is not None
        with suppress(BrokenPipeError):
            while words:
                words = words[os.write(self.stdin, words) :]

    def hang_up(self) -> None:
        """There is nothing more to say to it."""
        if self.stdin is not None:
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


class Hearing:
    """What a program says, on both outputs at once, until it ends or its time is up.

    `selector` tells when a pipe is ready, and calls what is registered with it. `heard` has an entry for each output,
    `deadline` is in `time.monotonic()` seconds, and `overdue` says that it has passed. A program that `has_left` may
    have put another one into the background, as a hook does, which keeps our pipes open: it is not waited for.
    """

    def __init__(self, program: Program, selector: selectors.BaseSelector, deadline: float = NEVER) -> None:
        self.program, self.deadline, self.overdue, self.has_left = program, deadline, False, False
        self.heard = {program.stdout: bytearray(), program.stderr: bytearray()}
        self._selector = selector
        self._attended: set[int] = set()
        for descriptor in self.heard:
            self._attend(descriptor, selectors.EVENT_READ, self._listen)

    def _attend(self, descriptor: int, event: int, then: Callable[[int], object]) -> None:
        """Have `then` called when this pipe is ready."""
        self._attended.add(descriptor)
        self._selector.register(descriptor, event, then)

    def _leave(self, descriptor: int) -> None:
        """There is nothing more to this pipe."""
        self._attended.discard(descriptor)
        self._selector.unregister(descriptor)

    def _listen(self, descriptor: int) -> bytes:
        """Take what is ready on an output; nothing is its end."""
        chunk = os.read(descriptor, 65536)
        self.heard[descriptor] += chunk
        if not chunk:
            self._leave(descriptor)
        return chunk

    @property
    def is_at_end(self) -> bool:
        """Whether all pipes are closed."""
        return not self._attended

    def is_over(self) -> bool:
        """Whether nothing more is to be heard; a program whose time is up is ended, and what it said is kept."""
        if self.is_at_end:
            return True
        if not (self.overdue or self.has_left) and self.program.has_left():
            self.has_left, self.deadline = True, time.monotonic() + _MOMENT
            return False  # what is in the pipes is read before the next look
        if time.monotonic() < self.deadline:
            return False
        if self.has_left:
            return True
        if self.overdue:
            self.program.end(signal.SIGKILL)
            return True
        self._time_is_up()
        self.program.end(signal.SIGTERM)
        self.overdue, self.deadline = True, time.monotonic() + _GRACE
        return False

    def _time_is_up(self) -> None:
        """The program is about to be ended; a look at what it has done so far must come first."""

    def finish(self) -> Finished:
        """How it ended, and what it said."""
        for descriptor in tuple(self._attended):
            self._leave(descriptor)
        code = self.program.wait()
        out, err = self.heard.values()
        return Finished(code, bytes(out), err.decode("utf-8", "replace"), self.overdue)

    def cut_off(self) -> None:
        """End the program; nobody wants to hear the rest."""
        self.program.drop()
        self.finish()


class _Conversation(Hearing):
    """The program is spoken to as well, so that neither waits for the other, and who wants to hears it at once."""

    def __init__(self, program: Program, command: Command, selector: selectors.BaseSelector) -> None:
        super().__init__(program, selector, command.deadline)
        self._unsaid = (command.stdin or "").encode("utf-8", "surrogateescape")
        self._on_stderr, self._on_overdue = command.on_stderr, command.on_overdue
        if program.stdin is not None:
            self._attend(program.stdin, selectors.EVENT_WRITE, self._speak)

    def _listen(self, descriptor: int) -> bytes:
        chunk = super()._listen(descriptor)
        if chunk and descriptor == self.program.stderr and self._on_stderr is not None:
            self._on_stderr(chunk)
        return chunk

    def _time_is_up(self) -> None:
        if self._on_overdue is not None:
            self._on_overdue()

    def _speak(self, descriptor: int) -> None:
        """Say a part that fits; there is no more to say to a program that does not listen."""
        with suppress(BrokenPipeError):
            self._unsaid = self._unsaid[os.write(descriptor, self._unsaid[: select.PIPE_BUF]) :]
            if self._unsaid:
                return
        self._leave(descriptor)
        self.program.hang_up()


def patience(deadline: float) -> float:
    """Seconds to wait for a program that has until `deadline`, before another look at whether the run was stopped."""
    return max(0.0, min(_TICK, deadline - time.monotonic()))
