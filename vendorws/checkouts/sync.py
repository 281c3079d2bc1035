"""Every pin through observe, decide and apply, several at a time.

This is the one place with threads. The main thread looks at all checkouts, with several git processes at a time, and
decides; a worker takes one pin from there to its outcome and prints nothing. The main thread collects what they
report and hands it to a `Display`. An exception in one repository becomes that repository's outcome, and the others
go on.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vendorws.checkouts.crew import Crew, Display, Options
from vendorws.checkouts.plan import decide, needs_remote
from vendorws.errors import UsageError, VendorwsError
from vendorws.files import write_atomically, writing
from vendorws.git_client.command import MOST_SESSIONS
from vendorws.git_client.failures import as_failure
from vendorws.git_client.processes import Command, Finished, WouldWait
from vendorws.git_client.shells import run_each
from vendorws.lock import workspace_lock
from vendorws.model import NOT_DONE, Checkout, EmptyFolder, Failure, Finding, Missing, Outcome, Pin, Retarget, TakeBack
from vendorws.redaction import redact
from vendorws.settings import Settings
from vendorws.values import dataclass

if TYPE_CHECKING:
    from vendorws.checkouts.observation import Begun
    from vendorws.git_client.network import Network, Route

_T = TypeVar("_T")

DEFAULT_JOBS = MOST_SESSIONS
"""Repositories that speak with their remotes at a time: one connection to an OpenSSH server takes no more."""

LOOKING_JOBS = 2 * (os.cpu_count() or 1)
"""Repositories that are looked at at a time."""


@dataclass(frozen=True, slots=True)
class Result:
    """All outcomes in the order of the pins, and whether the run was cut short."""

    outcomes: tuple[Outcome, ...]
    interrupted: bool = False


def sync(settings: Settings, pins: Sequence[Pin], options: Options, display: Display) -> Result:
    """Bring every pin's checkout to its pin, as far as nothing of the developer's stands against it.

    Raises EnvironmentProblem where vendor/ cannot be used, UsageError where it leaves the project.
    """
    _refuse_foreign_vendor(settings)
    if options.dry_run or not (pins or settings.vendor.is_dir()):
        return _run(settings, pins, options, display)
    _prepare_vendor(settings.vendor)
    with workspace_lock(settings.vendor, wait=options.wait, on_wait=lambda who: display.note(f"{who}; waiting for it")):
        _sweep(settings.vendor)
        return _run(settings, pins, options, display)


def status(settings: Settings, pins: Sequence[Pin], options: Options, display: Display, *, fetch: bool) -> Result:
    """Where every pin's checkout stands; with `fetch` after bringing in what the remotes have. Moves nothing."""
    _refuse_foreign_vendor(settings)
    return _run(settings, pins, options, display, look_only=True, fetch=fetch)


# -- the folder of the checkouts -------------------------------------------------------------------------------


def _refuse_foreign_vendor(settings: Settings) -> None:
    vendor = settings.vendor
    if vendor.is_symlink() or (vendor.exists() and not vendor.is_dir()):
        what = "a symbolic link" if vendor.is_symlink() else "a file"
        raise UsageError(
            f"{vendor} is {what}; vendorws writes below a real folder only.",
            shlex.join(["mv", str(vendor), f"{vendor}.aside"]),
        )


def _prepare_vendor(vendor: Path) -> None:
    """Make vendor/ and the .gitignore that keeps the project's own git from seeing the checkouts."""
    with writing(vendor):
        vendor.mkdir(exist_ok=True)
        if not os.path.lexists(vendor / ".gitignore"):
            write_atomically(vendor / ".gitignore", b"*\n")


def _sweep(vendor: Path) -> None:
    """Remove what a run that died left behind; the lock tells that no other run is alive."""
    for entry in vendor.iterdir():
        if entry.name.startswith(".") and ".partial-" in entry.name and entry.is_dir() and not entry.is_symlink():
            from vendorws.checkouts.moves import remove_partial

            remove_partial(entry)


# -- threads ---------------------------------------------------------------------------------------------------


def _run(
    settings: Settings,
    pins: Sequence[Pin],
    options: Options,
    display: Display,
    *,
    look_only: bool = False,
    fetch: bool = True,
) -> Result:
    crew = Crew(settings, options, look_only, fetch, display)
    with closing(_Foreman(crew, pins)) as foreman:
        try:
            foreman.work()
        except KeyboardInterrupt:
            foreman.stop()
    return Result(tuple(map(foreman.outcome, pins)), interrupted=crew.processes.stopped)


class _Foreman:
    """The main thread: it hands out work as it becomes possible, and is told what came of it, one event at a time.

    Every pin is looked at, which is work for this machine: git's processes run side by side, and as long as nothing
    else must be asked of git, this thread does the rest. To threads of their own it would be more work: they all would
    wait for the same interpreter. A pin that needs its remote waits until the way to that server is found; then it is
    brought to its place by a worker, who waits mostly for another machine.
    """

    def __init__(self, crew: Crew, pins: Sequence[Pin]) -> None:
        jobs = crew.options.jobs
        self.crew, self.pins = crew, pins
        self.looks_at_a_time = jobs or LOOKING_JOBS
        self.lookers = ThreadPoolExecutor(self.looks_at_a_time)
        self.callers = ThreadPoolExecutor(8)
        self.bringers = ThreadPoolExecutor(jobs or DEFAULT_JOBS)
        self.still_looking, self.handed_out = len(pins), 0
        self.waiting: dict[str | None, list[tuple[Pin, Finding]]] = {}
        self.routes: dict[str | None, Route | Failure] = {}
        self.brought: dict[Pin, Future[Outcome]] = {}
        self.seen: dict[Pin, Outcome] = {}
        self.checkout: Path | None = None
        self.prepared = False
        self.asks = sys.stdin.isatty() and sys.stderr.isatty()  # for what ssh or git may want to know

    def work(self) -> None:
        """Until every pin has its outcome. Raises KeyboardInterrupt."""
        for (pin, begun), said in run_each(self.crew.processes, self.looks(), at_a_time=self.looks_at_a_time):
            self.finish_look(pin, begun, said)
            while not self.crew.events.empty():
                self.crew.events.get()()
        while self.handed_out:
            self.crew.events.get()()

    def looks(self) -> Iterator[tuple[tuple[Pin, Begun], Command]]:
        """What git is to be asked about each checkout.

        What is not there needs no look, so its server is called at once: to load what looks takes as long as that call.
        """
        vendor = self.crew.settings.vendor
        there = {pin for pin in self.pins if _is_there(f"{vendor}/{pin.name}")}
        for pin in self.pins:
            if pin not in there:
                self.looked(pin, Missing())
        from vendorws.checkouts.observation import Begun, begin

        for pin in filter(there.__contains__, self.pins):
            begun = _guarded(partial(begin, self.crew.git(pin), pin, self.crew.above))
            if isinstance(begun, Begun):
                yield (pin, begun), begun.status()
            else:
                self.looked(pin, begun)

    def finish_look(self, pin: Pin, begun: Begun, said: Finished) -> None:
        try:
            self.looked(pin, _guarded(partial(begun.finish, said, waiting=False)))
        except WouldWait:
            finish = partial(begun.finish, said)
            self.hand_out(self.lookers, partial(_guarded, finish), partial(self.looked, pin))

    def hand_out(self, executor: ThreadPoolExecutor, work: Callable[[], _T], then: Callable[[_T], None]) -> Future[_T]:
        """Have `work` done by a worker, and `then` on this thread with what came of it."""
        self.handed_out += 1
        future = executor.submit(work)
        future.add_done_callback(lambda done: self.crew.events.put(partial(self.came_back, done, then)))
        return future

    def came_back(self, done: Future[_T], then: Callable[[_T], None]) -> None:
        self.handed_out -= 1
        then(done.result())

    def looked(self, pin: Pin, look: Finding | Failure) -> None:
        """A look has ended: the pin's work can begin, or must wait for its server."""
        self.still_looking -= 1
        if isinstance(look, Checkout) and self.checkout is None:
            self.checkout = self.crew.settings.vendor / pin.name
        if isinstance(look, Failure) or not _will_talk(self.crew, pin, look):
            self.bring(pin, look, None)
        elif isinstance(look, Checkout) and look.ssh_command:
            self.bring(pin, look, self.network.own_way(pin.url, look.ssh_command))
        else:
            self.wait_for_server(pin, look)
        if self.asks and not self.still_looking:
            self.ask_each_server()

    def wait_for_server(self, pin: Pin, look: Finding) -> None:
        server = self.network.server(pin.url)
        if server in self.routes:
            self.bring(pin, look, self.routes[server])
            return
        is_first = server not in self.waiting
        self.waiting.setdefault(server, []).append((pin, look))
        if is_first and not self.asks:
            call = partial(self.network.contact, pin.url, ask=False)
            self.hand_out(self.callers, call, partial(self.contacted, server))
            self.prepare()

    def prepare(self) -> None:
        """Use the time that a server takes to let us in."""
        if self.prepared:
            return
        self.prepared = True
        self.way  # noqa: B018  (what it is to load)
        if self.crew.options.meanwhile is not None:
            self.crew.options.meanwhile()

    def ask_each_server(self) -> None:
        """On a terminal the servers are contacted here, one by one, where each may ask for what it needs."""
        if not self.waiting:
            return
        with self.crew.display.paused():
            for server, ((pin, _), *_) in self.waiting.items():
                if server is not None:
                    self.crew.display.note(f"contacting {redact(server)}")
                self.routes[server] = self.network.contact(pin.url, ask=True)
        for server in tuple(self.waiting):
            self.contacted(server, self.routes[server])

    def contacted(self, server: str | None, route: Route | Failure) -> None:
        """The way to a server is found, or there is none: everything that waited for it goes on."""
        self.routes[server] = route
        for pin, look in self.waiting.pop(server):
            self.bring(pin, look, route)

    def bring(self, pin: Pin, look: Finding | Failure, route: Route | Failure | None) -> None:
        if self.crew.look_only and not self.crew.fetch:
            self.seen[pin] = self.crew.seen(pin, look)
            self.crew.display.finished(self.seen[pin])
        else:
            work = partial(self.way, pin, look, route)
            self.brought[pin] = self.hand_out(self.bringers, work, self.crew.display.finished)

    # What only work beyond a look needs is loaded when there is some: most of the time it is `status` that is asked.

    @cached_property
    def way(self) -> Callable[[Pin, Finding | Failure, Route | Failure | None], Outcome]:
        from datetime import datetime, timezone

        from vendorws.checkouts.journey import bring
        from vendorws.checkouts.rescue import run_name

        return partial(bring, self.crew, run_name(datetime.now(timezone.utc), os.urandom(2).hex()))

    @cached_property
    def network(self) -> Network:
        from vendorws.git_client.network import Network

        return Network(self.crew.git(), self.checkout)

    def stop(self) -> None:
        """End all work within a moment."""
        executors = (self.lookers, self.callers, self.bringers)
        for executor in executors:
            executor.shutdown(wait=False, cancel_futures=True)
        self.crew.processes.stop()
        for executor in executors:
            executor.shutdown()

    def close(self) -> None:
        """Let the workers go, and hang up."""
        for executor in (self.lookers, self.callers, self.bringers):
            executor.shutdown(cancel_futures=True)
        if "network" in self.__dict__:
            self.network.close()

    def outcome(self, pin: Pin) -> Outcome:
        """What became of a pin; its turn may not have come before the run was interrupted."""
        if pin in self.seen:
            return self.seen[pin]
        future = self.brought.get(pin)
        if future is not None and not future.cancelled():
            return future.result()
        return Outcome(pin, (), None, None, NOT_DONE, 0.0)


def _is_there(place: str) -> bool:
    """Whether a look may find something; what cannot be told without one, it tells."""
    try:
        os.lstat(place)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _guarded(look: Callable[[], _T]) -> _T | Failure:
    """An expected error of one look is what is to be told of that repository. Raises Stopped, WouldWait."""
    try:
        return look()
    except (VendorwsError, OSError) as error:
        return as_failure(error)


def _will_talk(crew: Crew, pin: Pin, look: Finding) -> bool:
    """Whether there is something to ask or to get for a pin."""
    if not crew.fetch:
        return False
    stays = crew.options.dry_run or crew.look_only
    if isinstance(look, Missing | EmptyFolder):
        return not stays
    step = decide(pin, look, crew.options.wish, at="")
    if isinstance(step, TakeBack) and isinstance(look, Checkout) and not stays:
        return _will_talk(crew, pin, replace(look, halfway=False))
    return isinstance(step, Retarget) or needs_remote(pin, look, crew.options.wish)
