"""Every pin through observe, decide and apply, several at a time.

This is the one place with threads. The main thread looks at all checkouts, with several git processes at a time, and
decides; a worker takes one pin from there to its outcome and prints nothing. The main thread collects what they
report and hands it to a `Display`. An exception in one repository becomes that repository's outcome, and the others
go on.
"""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from functools import cached_property, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TypeVar

from vendorws.checkouts import halfway, moves
from vendorws.checkouts.cache import Cache
from vendorws.checkouts.observation import Begun, begin, observe
from vendorws.checkouts.plan import Wish, decide, needs_remote
from vendorws.checkouts.rescue import run_name
from vendorws.checkouts.targets import Asked, find_target
from vendorws.errors import ExitCode, UsageError, VendorwsError
from vendorws.files import write_atomically, writing
from vendorws.git_client.command import Git
from vendorws.git_client.failures import as_failure
from vendorws.git_client.network import Network, Route, can_ask
from vendorws.git_client.processes import Command, Finished, Processes, Stopped, WouldWait
from vendorws.git_client.ssh import MOST_SESSIONS
from vendorws.lock import workspace_lock
from vendorws.model import (
    Checkout,
    Clone,
    EmptyFolder,
    Failure,
    Finding,
    Keep,
    Missing,
    Move,
    Outcome,
    Pin,
    Refuse,
    Retarget,
    State,
    Step,
    Target,
    Tips,
)
from vendorws.redaction import redact
from vendorws.settings import Settings

_T = TypeVar("_T")

DEFAULT_JOBS = MOST_SESSIONS
"""Repositories that speak with their remotes at a time: one connection to an OpenSSH server takes no more."""

LOOKING_JOBS = 2 * (os.cpu_count() or 1)
"""Repositories that are looked at at a time."""

_MOST_STEPS = 6  # a checkout needs at most: retarget, switch, forward, submodules; more would be a loop


class Display(Protocol):
    """Where progress goes; every method is called on the main thread. `wants_progress`: what git counts, too."""

    wants_progress: bool

    def progress(self, pin: Pin, text: str) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...

    def note(self, text: str) -> None: ...

    def paused(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `jobs` repositories at a time (None: as many as were measured to be best), `timeout` in seconds
    for each, and whether to change anything.

    `at` gives the path to type for a pin's checkout in the commands that are suggested, `project` the options to type
    where the project is not the one around. `cache` is the folder of the mirrors that clones borrow from (absolute),
    `filter` what they leave on the remote.
    """

    wish: Wish
    jobs: int | None
    timeout: float
    dry_run: bool
    wait: bool
    trace: Callable[[str], None] | None
    at: Callable[[Pin], str]
    project: tuple[str, ...] = ()
    cache: Path | None = None
    filter: str | None = None


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
            moves.remove_partial(entry)


# -- threads ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Crew:
    """What the workers of one run share. `events` are things to do on the main thread."""

    settings: Settings
    options: Options
    run: str
    look_only: bool
    fetch: bool
    display: Display
    processes: Processes = field(default_factory=Processes)
    events: SimpleQueue[Callable[[], None]] = field(default_factory=SimpleQueue)

    @cached_property
    def folder(self) -> Path:
        """Where git runs that is not for one checkout."""
        return self.settings.vendor if self.settings.vendor.is_dir() else self.settings.root

    def git(self, pin: Pin | None = None) -> Git:
        return Git(
            vendor=self.settings.vendor,
            cwd=self.folder,
            processes=self.processes,
            timeout=self.options.timeout,
            deadline=time.monotonic() + self.options.timeout,
            watch=partial(self.tell, pin) if pin is not None and self.display.wants_progress else None,
            trace=self.options.trace,
        )

    def tell(self, pin: Pin, text: str) -> None:
        """Show how far a repository is."""
        self.events.put(partial(self.display.progress, pin, text))


def _run(
    settings: Settings,
    pins: Sequence[Pin],
    options: Options,
    display: Display,
    *,
    look_only: bool = False,
    fetch: bool = True,
) -> Result:
    run = run_name(datetime.now(timezone.utc), os.urandom(2).hex())
    crew = _Crew(settings, options, run, look_only, fetch, display)
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

    def __init__(self, crew: _Crew, pins: Sequence[Pin]) -> None:
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
        self.asks = can_ask()

    def work(self) -> None:
        """Until every pin has its outcome. Raises KeyboardInterrupt."""
        for (pin, begun), said in self.crew.processes.run_each(self.looks(), at_a_time=self.looks_at_a_time):
            self.finish_look(pin, begun, said)
            while not self.crew.events.empty():
                self.crew.events.get()()
        while self.handed_out:
            self.crew.events.get()()

    def looks(self) -> Iterator[tuple[tuple[Pin, Begun], Command]]:
        """What git is to be asked about each checkout; where there is none, the look has ended already."""
        for pin in self.pins:
            begun = _guarded(partial(begin, self.crew.git(pin), pin))
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
            self.bring(pin, look, self.network.own_way(look.ssh_command))
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
            self.seen[pin] = _seen(self.crew, pin, look)
            self.crew.display.finished(self.seen[pin])
        else:
            work = partial(_bring, self.crew, pin, look, route)
            self.brought[pin] = self.hand_out(self.bringers, work, self.crew.display.finished)

    @cached_property
    def network(self) -> Network:
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
        failure = Failure("not done, the run was interrupted", "", "", ExitCode.INTERRUPTED)
        return Outcome(pin, (), None, None, failure, 0.0)


# -- one pin ---------------------------------------------------------------------------------------------------


def _guarded(look: Callable[[], _T]) -> _T | Failure:
    """An expected error of one look is what is to be told of that repository. Raises Stopped, WouldWait."""
    try:
        return look()
    except (VendorwsError, OSError) as error:
        return as_failure(error)


def _will_talk(crew: _Crew, pin: Pin, look: Finding) -> bool:
    """Whether there is something to ask or to get for a pin."""
    if not crew.fetch:
        return False
    if isinstance(look, Missing | EmptyFolder):
        return not (crew.options.dry_run or crew.look_only)
    step = decide(pin, look, crew.options.wish, at="")
    return isinstance(step, Retarget) or needs_remote(pin, look, crew.options.wish)


def _seen(crew: _Crew, pin: Pin, look: Finding | Failure) -> Outcome:
    """Where it stands; nobody is to do anything about it."""
    if isinstance(look, Failure):
        return Outcome(pin, (), None, None, look, 0.0)
    return Outcome(pin, (), _verdict(crew, pin, look), look, None, 0.0)


def _verdict(crew: _Crew, pin: Pin, finding: Finding) -> Step:
    options = crew.options
    return decide(pin, finding, options.wish, at=options.at(pin), project=options.project)


def _bring(crew: _Crew, pin: Pin, look: Finding | Failure, route: Route | Failure | None) -> Outcome:
    """To its place; `route` is the way to its server, if that is needed, or why there is none."""
    start = time.monotonic()
    if isinstance(look, Failure):
        return _seen(crew, pin, look)
    crew.tell(pin, "cloning" if isinstance(look, Missing | EmptyFolder) else "looking")
    git = crew.git(pin)
    if isinstance(route, Route):
        git = replace(git.with_environment({"GIT_SSH_COMMAND": route.ssh}), sessions=route.sessions)
    cache = Cache(crew.options.cache) if crew.options.cache else None
    journey = _Journey(crew, moves.Work(git, pin, crew.run, cache, crew.options.filter), look)
    failure = route if isinstance(route, Failure) else None
    try:
        if failure is None:
            journey.go()
    except Stopped:
        failure = Failure("interrupted", "", "", ExitCode.INTERRUPTED)
    except (VendorwsError, OSError) as error:
        failure = as_failure(error)
    return Outcome(pin, tuple(journey.done), journey.verdict(), journey.finding, failure, time.monotonic() - start)


class _Journey:
    """One pin on its way: the finding is replaced by a newer one after each step, nothing else changes."""

    def __init__(self, crew: _Crew, work: moves.Work, look: Finding) -> None:
        self.crew, self.work, self.finding = crew, work, look
        self.done: list[Move] = []
        self.tips: Tips | None = None

    def verdict(self) -> Step:
        return _verdict(self.crew, self.work.pin, self.finding)

    def go(self) -> None:
        """Ask the remote where the decision depends on it, then step by step until nothing is left to do."""
        asked = not self.crew.fetch
        for _ in range(_MOST_STEPS):
            if not asked and needs_remote(self.work.pin, self.finding, self.crew.options.wish):
                asked = True
                self.learn()
            step = self.verdict()
            if isinstance(step, Keep | Refuse) or self.crew.options.dry_run or self.crew.look_only:
                break
            moves.apply(self.work, step, self.finding if isinstance(self.finding, Checkout) else None)
            self.done.append(step)
            asked = not isinstance(step, Retarget)
            self.tips = None if isinstance(step, Clone | Retarget) else self.tips
            self.finding = observe(self.work.git, self.work.pin, self.tips)
        self.adopt()

    def learn(self) -> None:
        """Ask the remote, bring in what is news, and look again if there was any."""
        checkout = self.finding
        assert isinstance(checkout, Checkout)
        assert checkout.remote is not None
        self.tips = moves.ask(self.work, checkout.remote)
        target = find_target(self.work.pin, Asked(self.tips))
        if target is not None and target == checkout.target and not checkout.shallow:
            return
        if self.crew.options.dry_run:
            self.look_aside(checkout.remote, target)
            return
        with nullcontext() if self.crew.look_only else halfway.all_or_nothing(self.work.inside, self.work.path, None):
            moves.fetch(self.work, checkout, target)
        self.finding = observe(self.work.git, self.work.pin, self.tips)
        if isinstance(self.finding, Checkout) and self.finding.gone != checkout.gone:
            moves.note_gone(self.work, self.finding)

    def look_aside(self, remote: str, target: Target | None) -> None:
        with moves.set_aside(self.work) as aside:
            moves.fetch_objects(aside, remote, target)
            self.finding = observe(aside.git, aside.pin, self.tips)

    def adopt(self) -> None:
        """A checkout that is at its pin is ours from now on, whoever made it."""
        quiet = self.crew.options.dry_run or self.crew.look_only
        if not quiet and isinstance(self.finding, Checkout) and self.verdict().state is State.IN_SYNC:
            moves.adopt(self.work, self.finding)
