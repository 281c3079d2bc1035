"""Run many short programs, with a few shells that start them.

posix_spawn(3) keeps this process waiting until the new program has had a turn on a processor, which takes over a
millisecond where the programs before it have them all: as long as git takes to look at a checkout. A shell that is told
what to run waits in its stead, and this process thinks about what has ended meanwhile.
"""

from __future__ import annotations

import os
import selectors
import shlex
import signal
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from vendorws.git_client.processes import GRACE, NEVER, Command, Finished, Processes, Stopped, end, patience

_Key = TypeVar("_Key")

_AHEAD = 2  # commands that a shell has been told: the one that it runs, and one more, so that it need not wait for us


def run_each(
    processes: Processes, commands: Iterable[tuple[_Key, Command]], *, at_a_time: int
) -> Iterator[tuple[_Key, Finished]]:
    """Run them, so many at a time, and give each back with its key as it ends. Raises Stopped, OSError.

    It is for programs that only speak: their `stdin`, `on_stderr` and `on_our_terminal` are not heeded. One that a
    signal ended has the code that a shell gives it, 128 and the signal. `commands` is read little further than there is
    room for; all of it happens on the thread that asks.
    """
    waiting = iter(commands)
    shells: list[_Shell[_Key]] = []
    with selectors.PollSelector() as selector:

        def fill_up() -> None:
            while len(shells) < at_a_time or any(shell.has_room for shell in shells):
                command = next(waiting, None)
                if command is None:
                    return
                free = min(
                    (shell for shell in shells if shell.has_room), key=lambda shell: len(shell.told), default=None
                )
                if free is None or (free.told and len(shells) < at_a_time):
                    free = _Shell(processes, selector)
                    shells.append(free)
                free.tell(*command)

        try:
            fill_up()
            while any(shell.told for shell in shells):
                for ready, _ in selector.select(patience(min(shell.deadline for shell in shells))):
                    ready.data(ready.fd)
                if processes.stopped:
                    raise Stopped
                for shell in tuple(shells):
                    for key, finished in shell.finished():
                        fill_up()  # before the one who asks thinks about it
                        yield key, finished
                    if shell.is_over():
                        shells.remove(shell)
                        last, untold = shell.bury()
                        waiting = chain(untold, waiting)
                        fill_up()
                        yield from last
        finally:
            for shell in shells:
                shell.dismiss()
            for shell in shells:
                shell.bury()


class _Shell(Generic[_Key]):
    """A shell that runs what it is told, one after another, and says after each how it ended.

    It says so on both outputs, behind a mark that nobody else can know.
    """

    def __init__(self, processes: Processes, selector: selectors.BaseSelector) -> None:
        self._processes, self._selector = processes, selector
        self._program = processes.start(Command(("sh", "-s"), {}, stdin=""))
        self._mark = os.urandom(8).hex().encode()
        self._heard = {self._program.stdout: bytearray(), self._program.stderr: bytearray()}
        self._ends = set(self._heard)
        self._overdue = self._late_one_ended = False
        self._last_moment = NEVER
        self.told: deque[tuple[_Key, Command]] = deque()
        for descriptor in self._heard:
            selector.register(descriptor, selectors.EVENT_READ, self._listen)
        self._program.say(b"set +evx\n")  # whatever SHELLOPTS says

    @property
    def has_room(self) -> bool:
        """Whether it may be told more."""
        return len(self.told) < _AHEAD and not self._overdue and bool(self._ends)

    @property
    def deadline(self) -> float:
        """When the program that it runs must have ended."""
        return self._last_moment if self._overdue or not self.told else self.told[0][1].deadline

    def tell(self, key: _Key, command: Command) -> None:
        """Have it run a command, when it has run those before."""
        self.told.append((key, command))
        environment = "".join(f"{name}={shlex.quote(value)} " for name, value in command.environment.items())
        line = f"{environment}{shlex.join(command.words)} </dev/null".encode("utf-8", "surrogateescape")
        self._program.say(b"%b; echo %b $?; echo %b >&2\n" % (line, self._mark, self._mark))

    def finished(self) -> Iterator[tuple[_Key, Finished]]:
        """What has ended since."""
        out, err = self._heard.values()
        while (said := self._marked(out)) and (complained := self._marked(err)):
            code = int(out[said[0] + len(self._mark) : said[1]])
            finished = Finished(code, bytes(out[: said[0]]), err[: complained[0]].decode("utf-8", "replace"))
            del out[: said[1]], err[: complained[1]]
            self._late_one_ended |= self._overdue
            yield self.told.popleft()[0], finished

    def _marked(self, heard: bytearray) -> tuple[int, int] | None:
        """Where the first line with our mark begins, and where it ends."""
        start = heard.find(self._mark)
        stop = heard.find(b"\n", start) + 1 if start >= 0 else 0
        return (start, stop) if stop else None

    def is_over(self) -> bool:
        """Whether it has ended, or has been ended because the time of its program was up."""
        if self.told and self._ends and time.monotonic() >= self.deadline:
            end(self._program.pid, signal.SIGKILL if self._overdue else signal.SIGTERM)
            if self._overdue:
                return True
            self._overdue, self._last_moment = True, time.monotonic() + GRACE
        return not self._ends

    def dismiss(self) -> None:
        """It is not needed any more; what it still runs is ended."""
        if self.told:
            end(self._program.pid, signal.SIGKILL)
        self._program.hang_up()

    def bury(self) -> tuple[list[tuple[_Key, Finished]], list[tuple[_Key, Command]]]:
        """Wait for its end: how the program ended that it ran last, if it ran one, and what it did not come to."""
        for descriptor in tuple(self._ends):
            self._let_go(descriptor)
        code = self._program.wait()
        self._processes.forget(self._program)
        if not self.told or self._late_one_ended:  # what comes after the one that was late is not to blame
            return [], list(self.told)
        (key, _), *untold = self.told
        out, err = self._heard.values()
        return [(key, Finished(code, bytes(out), err.decode("utf-8", "replace"), self._overdue))], untold

    def _listen(self, descriptor: int) -> None:
        chunk = os.read(descriptor, 65536)
        self._heard[descriptor] += chunk
        if not chunk:
            self._let_go(descriptor)

    def _let_go(self, descriptor: int) -> None:
        self._ends.discard(descriptor)
        self._selector.unregister(descriptor)
