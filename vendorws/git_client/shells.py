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
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Generic, TypeVar

from vendorws.git_client.processes import NEVER, Command, Finished, Hearing, Processes, Stopped, patience
from vendorws.interrupts import postponed

_Key = TypeVar("_Key")

_AHEAD = 2  # commands that a shell has been told: the one that it runs, and one more, so that it need not wait for us


def run_each(
    processes: Processes, commands: Iterable[tuple[_Key, Command]], *, at_a_time: int
) -> Iterator[tuple[_Key, Finished]]:
    """Run them, so many at a time, and give each back with its key as it ends. Raises Stopped, OSError.

    It is for programs that only speak: their `stdin`, `on_stderr`, `on_overdue` and `on_our_terminal` are not heeded.
    One that a signal ended has the code that a shell gives it, 128 and the signal. `commands` is read little further
    than there is room for; all of it happens on the thread that asks.
    """
    waiting = iter(commands)
    shells: list[_Shell[_Key]] = []
    with selectors.PollSelector() as selector:

        def fill_up() -> None:
            while (free := [shell for shell in shells if shell.has_room]) or len(shells) < at_a_time:
                command = next(waiting, None)
                if command is None:
                    return
                shell = min(free, key=lambda shell: len(shell.told), default=None)
                if shell is None or (shell.told and len(shells) < at_a_time):
                    with postponed():  # for the one who cuts them all off
                        shell = _Shell(processes, selector)
                        shells.append(shell)
                shell.tell(*command)

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
                shell.cut_off()


class _Shell(Hearing, Generic[_Key]):
    """A shell that runs what it is told, one after another, and says after each how it ended.

    It says so on both outputs, behind a mark that nobody else can know.
    """

    def __init__(self, processes: Processes, selector: selectors.BaseSelector) -> None:
        super().__init__(processes.start(Command(("sh", "-s"), {}, stdin="")), selector)
        self._processes = processes
        self._mark = os.urandom(8).hex().encode()
        self._late_one_ended = False
        self.told: deque[tuple[_Key, Command]] = deque()
        self.program.say(b"set +evx\n")  # whatever SHELLOPTS says

    @property
    def has_room(self) -> bool:
        """Whether it may be told more."""
        return len(self.told) < _AHEAD and not (self.overdue or self.has_left or self.is_at_end)

    def tell(self, key: _Key, command: Command) -> None:
        """Have it run a command, when it has run those before."""
        self.told.append((key, command))
        self._heed_the_first()
        environment = "".join(f"{name}={shlex.quote(value)} " for name, value in command.environment.items())
        line = f"{environment}{shlex.join(command.words)} </dev/null".encode("utf-8", "surrogateescape")
        self.program.say(b"%b; echo %b $?; echo %b >&2\n" % (line, self._mark, self._mark))

    def finished(self) -> Iterator[tuple[_Key, Finished]]:
        """What has ended since."""
        out, err = self.heard.values()
        while (said := self._marked(out)) and (complained := self._marked(err)):
            code = int(out[said[0] + len(self._mark) : said[1]])
            finished = Finished(code, bytes(out[: said[0]]), err[: complained[0]].decode("utf-8", "replace"))
            del out[: said[1]], err[: complained[1]]
            self._late_one_ended |= self.overdue
            key, _ = self.told.popleft()
            self._heed_the_first()
            yield key, finished

    def _heed_the_first(self) -> None:
        """The deadline is that of the program which it runs."""
        if not (self.overdue or self.has_left):
            self.deadline = self.told[0][1].deadline if self.told else NEVER

    def _marked(self, heard: bytearray) -> tuple[int, int] | None:
        """Where the first line with our mark begins, and where it ends."""
        start = heard.find(self._mark)
        stop = heard.find(b"\n", start) + 1 if start >= 0 else 0
        return (start, stop) if stop else None

    def bury(self) -> tuple[list[tuple[_Key, Finished]], list[tuple[_Key, Command]]]:
        """When it is over: how the program ended that it ran last, if it ran one, and what it did not come to."""
        ended = self.finish()
        if not self.told or self._late_one_ended:  # what comes after the one that was late is not to blame
            return [], list(self.told)
        (key, _), *untold = self.told
        return [(key, ended)], untold

    def cut_off(self) -> None:
        """End it with what it runs; where it runs nothing, what a program left in the background stays."""
        if not (self.told or self.overdue):
            self.program.end(signal.SIGKILL, alone=True)
            self.finish()
        else:
            super().cut_off()

    def finish(self) -> Finished:
        ended = super().finish()
        self._processes.forget(self.program)
        return ended
