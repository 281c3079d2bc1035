"""Every pin through observe, decide and apply, several at a time.

This is the one place with threads. A worker takes one pin from the first look to its outcome and prints nothing; the
main thread collects what they report and hands it to a `Display`. An exception in one repository becomes that
repository's outcome, and the others go on.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Semaphore
from types import FrameType
from typing import Protocol

from vendorws import moves
from vendorws.errors import EnvironmentProblem, ExitCode, UsageError, VendorwsError
from vendorws.files import write_atomically
from vendorws.git_failures import GitFailed, GitTimedOut, is_passing
from vendorws.gitcmd import Git, contact, network_config, patiently
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
from vendorws.observation import observe
from vendorws.plan import Wish, decide, needs_remote
from vendorws.processes import NEVER, Processes, Stopped
from vendorws.redaction import redact
from vendorws.rescue import run_name
from vendorws.settings import Settings
from vendorws.ssh import MOST_SESSIONS, SharedConnections, socket_folder, ssh_command
from vendorws.targets import Asked, find_target
from vendorws.urls import SshDestination, rewritten, server, ssh_destination

DEFAULT_JOBS = 8
_MOST_STEPS = 6  # a checkout needs at most: retarget, switch, forward, submodules; more would be a loop


class Display(Protocol):
    """Where progress goes; every method is called on the main thread."""

    def progress(self, pin: Pin, text: str) -> None: ...

    def finished(self, outcome: Outcome) -> None: ...

    def note(self, text: str) -> None: ...

    def paused(self) -> AbstractContextManager[None]: ...


@dataclass(frozen=True, slots=True)
class Options:
    """How to run: `jobs` repositories at a time, `timeout` in seconds for each, and whether to change anything.

    `at` gives the path to type for a pin's checkout in the commands that are suggested.
    """

    wish: Wish
    jobs: int
    timeout: float
    dry_run: bool
    wait: bool
    trace: Callable[[str], None] | None
    at: Callable[[Pin], str]


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
    if options.dry_run:
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
    try:
        vendor.mkdir(exist_ok=True)
        if not os.path.lexists(vendor / ".gitignore"):
            write_atomically(vendor / ".gitignore", b"*\n")
    except OSError as error:
        hint = shlex.join(["ls", "-ld", str(vendor)])
        raise EnvironmentProblem(f"{vendor} cannot be written: {error.strerror}.", hint) from error


def _sweep(vendor: Path) -> None:
    """Remove what a run that died left behind; the lock tells that no other run is alive."""
    for entry in vendor.iterdir():
        if entry.name.startswith(".") and ".partial-" in entry.name and entry.is_dir() and not entry.is_symlink():
            moves.remove_partial(entry)


# -- threads ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Crew:
    """What the workers of one run share."""

    settings: Settings
    options: Options
    run: str
    look_only: bool
    fetch: bool
    processes: Processes = field(default_factory=Processes)
    news: SimpleQueue[tuple[Pin, str]] = field(default_factory=SimpleQueue)

    def git(self, pin: Pin | None = None) -> Git:
        vendor = self.settings.vendor
        return Git(
            vendor=vendor,
            cwd=vendor if vendor.is_dir() else self.settings.root,
            processes=self.processes,
            timeout=self.options.timeout,
            deadline=time.monotonic() + self.options.timeout,
            watch=None if pin is None else lambda text: self.news.put((pin, text)),
            trace=self.options.trace,
        )


def _run(
    settings: Settings,
    pins: Sequence[Pin],
    options: Options,
    display: Display,
    *,
    look_only: bool = False,
    fetch: bool = True,
) -> Result:
    run = run_name(datetime.now(timezone.utc), secrets.token_hex(2))
    crew = _Crew(settings, options, run, look_only, fetch)
    futures: dict[Pin, Future[Outcome]] = {}
    with (
        _sigterm_as_interrupt(),
        ThreadPoolExecutor(max(1, options.jobs)) as executor,
        closing(_Network(crew, display)) as network,
    ):
        try:
            looks = dict(zip(pins, executor.map(lambda pin: _look(crew, pin), pins), strict=True))
            routes = network.prepare(executor, looks)
            for pin in pins:
                futures[pin] = executor.submit(_bring, crew, pin, looks[pin], routes.get(pin))
            _watch(crew, futures.values(), display)
        except KeyboardInterrupt:
            with _deaf_to_interrupts():
                executor.shutdown(wait=False, cancel_futures=True)
                crew.processes.stop()
                executor.shutdown()
    outcomes = tuple(_outcome(pin, futures.get(pin)) for pin in pins)
    return Result(outcomes, interrupted=crew.processes.stopped)


def _watch(crew: _Crew, futures: Iterable[Future[Outcome]], display: Display) -> None:
    """Show the outcomes as they come, with the workers' news in between."""
    waiting = set(futures)
    while waiting:
        ended, waiting = wait(waiting, timeout=0.1, return_when=FIRST_COMPLETED)
        while True:
            try:
                pin, text = crew.news.get_nowait()
            except Empty:
                break
            display.progress(pin, text)
        for future in ended:
            display.finished(future.result())


def _outcome(pin: Pin, future: Future[Outcome] | None) -> Outcome:
    """What became of a pin; its turn may not have come before the run was interrupted."""
    if future is not None and not future.cancelled():
        return future.result()
    failure = Failure("not done, the run was interrupted", "", "", ExitCode.INTERRUPTED)
    return Outcome(pin, (), None, None, failure, 0.0)


@contextmanager
def _sigterm_as_interrupt() -> Iterator[None]:
    """SIGTERM ends a run as Ctrl-C does, so that it leaves nothing half-done either."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not on the main thread: somebody else's program, somebody else's signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """The second Ctrl-C of an impatient developer does not stop the tidying, which is bounded."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


# -- one pin ---------------------------------------------------------------------------------------------------


def _look(crew: _Crew, pin: Pin) -> Finding | Failure:
    try:
        return observe(crew.git(pin), pin)
    except Stopped:
        raise
    except (VendorwsError, OSError) as error:
        return _failure(error)


def _bring(crew: _Crew, pin: Pin, look: Finding | Failure, route: _Route | Failure | None) -> Outcome:
    start = time.monotonic()
    if isinstance(look, Failure):
        return Outcome(pin, (), None, None, look, 0.0)
    crew.news.put((pin, "cloning" if isinstance(look, Missing | EmptyFolder) else "looking"))
    journey = _Journey(crew, moves.Work(_git_for(crew, pin, look, route), pin, crew.run), look)
    failure = route if isinstance(route, Failure) else None
    try:
        if failure is None:
            journey.go()
    except Stopped:
        failure = Failure("interrupted", "", "", ExitCode.INTERRUPTED)
    except (VendorwsError, OSError) as error:
        failure = _failure(error)
    return Outcome(pin, tuple(journey.done), journey.verdict(), journey.finding, failure, time.monotonic() - start)


def _git_for(crew: _Crew, pin: Pin, look: Finding, route: _Route | Failure | None) -> Git:
    git = crew.git(pin)
    if not isinstance(route, _Route):
        return git
    own = look.ssh_command if isinstance(look, Checkout) else None
    ssh = ssh_command(os.environ, own).mute if own else route.ssh
    return replace(git.with_environment({"GIT_SSH_COMMAND": ssh}), sessions=route.sessions)


class _Journey:
    """One pin on its way: the finding is replaced by a newer one after each step, nothing else changes."""

    def __init__(self, crew: _Crew, work: moves.Work, look: Finding) -> None:
        self.crew, self.work, self.finding = crew, work, look
        self.done: list[Move] = []
        self.tips: Tips | None = None

    def verdict(self) -> Step:
        options = self.crew.options
        return decide(self.work.pin, self.finding, options.wish, at=options.at(self.work.pin))

    def go(self) -> None:
        """Ask the remote where the decision depends on it, then step by step until nothing is left to do."""
        asked = not self.crew.fetch
        for _ in range(_MOST_STEPS):
            if not asked and needs_remote(self.work.pin, self.finding):
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
        moves.fetch(self.work, checkout, target)
        self.finding = observe(self.work.git, self.work.pin, self.tips)

    def look_aside(self, remote: str, target: Target | None) -> None:
        with moves.set_aside(self.work) as aside:
            moves.fetch_objects(aside, remote, target)
            self.finding = observe(aside.git, aside.pin, self.tips)

    def adopt(self) -> None:
        """A checkout that is at its pin is ours from now on, whoever made it."""
        quiet = self.crew.options.dry_run or self.crew.look_only
        if not quiet and isinstance(self.finding, Checkout) and self.verdict().state is State.IN_SYNC:
            moves.adopt(self.work, self.finding)


def _failure(error: Exception) -> Failure:
    if isinstance(error, GitFailed):
        return Failure(error.message, error.hint, error.git_says, error.code_of_exit)
    if isinstance(error, VendorwsError):
        return Failure(error.message, error.hint, "", error.exit_code)
    assert isinstance(error, OSError)
    where = f"{error.filename}: " if error.filename else ""
    return Failure(f"{where}{error.strerror}", "", "", ExitCode.ATTENTION)


# -- the network -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Route:
    """How a server is reached: the ssh command for git, and how much may be asked of the server at a time."""

    ssh: str
    sessions: Semaphore


class _Network:
    """The servers of one run: each is contacted once, alone, before the work; all work on it goes the same way."""

    def __init__(self, crew: _Crew, display: Display) -> None:
        self._crew, self._display = crew, display
        self._connections: SharedConnections | None = None

    def prepare(self, executor: ThreadPoolExecutor, looks: dict[Pin, Finding | Failure]) -> dict[Pin, _Route | Failure]:
        """Contact the servers that are needed: the way to each, or why there is none, by pin. Raises Stopped."""
        talking = [pin for pin, look in looks.items() if _will_talk(self._crew, pin, look)]
        if not talking:
            return {}
        config = network_config(self._crew.git())
        command = ssh_command(os.environ, config.ssh_command, config.ssh_variant)
        self._connections = SharedConnections(command, self._crew.processes, socket_folder(os.environ))
        urls = {pin: rewritten(pin.url, config.rewrites) for pin in talking}
        one_each = {server(url): url for url in urls.values()}
        if sys.stdin.isatty() and sys.stderr.isatty():
            with self._display.paused():
                routes = {name: self._ask(name, url) for name, url in one_each.items()}
        else:
            routes = dict(zip(one_each, executor.map(self._connect, one_each.values()), strict=True))
        return {pin: routes[server(url)] for pin, url in urls.items()}

    def close(self) -> None:
        """Hang up."""
        if self._connections is not None:
            self._connections.close()

    def _ask(self, name: str | None, url: str) -> _Route | Failure:
        """Contact a server on the terminal, where it may ask for whatever it needs."""
        if name is None:
            return self._route(None)
        self._display.note(f"contacting {redact(name)}")
        destination = ssh_destination(url)
        if destination is None or not self._shared.can_share(destination):
            contact(self._crew.git(), url)
            return self._route(None)
        return self._open(destination, ask=True)

    def _connect(self, url: str) -> _Route | Failure:
        destination = ssh_destination(url)
        if destination is None or not self._shared.can_share(destination):
            return self._route(None)
        return self._open(destination, ask=False)

    def _open(self, destination: SshDestination, *, ask: bool) -> _Route | Failure:
        timeout = self._crew.options.timeout
        deadline = NEVER if ask else time.monotonic() + timeout
        opened = patiently(self._crew.processes, lambda: self._shared.open(destination, ask=ask, deadline=deadline))
        if opened.overdue:
            return _failure(GitTimedOut(f"ssh {destination.host}", timeout))
        refused = GitFailed(f"ssh {destination.host}", opened.code, opened.stderr)
        if opened.code != 0 and refused.code_of_exit is ExitCode.NETWORK and not is_passing(opened.stderr):
            return _failure(refused)
        return self._route(destination)

    def _route(self, destination: SshDestination | None) -> _Route:
        return _Route(self._shared.command_for(destination), Semaphore(MOST_SESSIONS))

    @property
    def _shared(self) -> SharedConnections:
        assert self._connections is not None
        return self._connections


def _will_talk(crew: _Crew, pin: Pin, look: Finding | Failure) -> bool:
    if isinstance(look, Failure) or not crew.fetch:
        return False
    if isinstance(look, Missing | EmptyFolder):
        return not (crew.options.dry_run or crew.look_only)
    step = decide(pin, look, crew.options.wish, at="")
    return isinstance(step, Retarget) or needs_remote(pin, look)
