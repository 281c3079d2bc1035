"""What the parts of one run share: how it is to go, where progress is shown, and git for each pin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import field
from functools import cached_property, partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from vendorws.checkouts.plan import Wish, decide
from vendorws.git_client.command import Git
from vendorws.git_client.processes import Processes
from vendorws.lock import run_is_at_work
from vendorws.model import Failure, Finding, Keep, Outcome, Pin, State, Step, TakeBack
from vendorws.settings import Settings
from vendorws.values import dataclass


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
    `filter` what they leave on the remote. `meanwhile` is called while the first server is contacted, when this machine
    has little else to do: for what the caller will need afterwards.
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
    meanwhile: Callable[[], None] | None = None


@dataclass(frozen=True)
class Crew:
    """What the workers of one run share. `events` are things to do on the main thread."""

    settings: Settings
    options: Options
    look_only: bool
    fetch: bool
    display: Display
    processes: Processes = field(default_factory=Processes)
    events: SimpleQueue[Callable[[], None]] = field(default_factory=SimpleQueue)

    @cached_property
    def folder(self) -> Path:
        """Where git runs that is not for one checkout."""
        return self.settings.vendor if self.settings.vendor.is_dir() else self.settings.root

    @cached_property
    def above(self) -> Mapping[str, Path]:
        """The repositories around the checkouts (see `repositories_above`)."""
        from vendorws.checkouts.repository import repositories_above

        return repositories_above(self.git().home)

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

    def verdict(self, pin: Pin, finding: Finding) -> Step:
        """What is to be done about a pin, with the commands as they are typed in this project."""
        options = self.options
        step = decide(pin, finding, options.wish, at=options.at(pin), project=options.project)
        if isinstance(step, TakeBack) and (self.look_only or options.dry_run) and run_is_at_work(self.settings.vendor):
            return Keep(state=State.AT_WORK, reason="a run is at work here")  # what is there was left by nobody
        return step

    def seen(self, pin: Pin, look: Finding | Failure) -> Outcome:
        """Where it stands; nobody is to do anything about it."""
        if isinstance(look, Failure):
            return Outcome(pin, (), None, None, look, 0.0)
        return Outcome(pin, (), self.verdict(pin, look), look, None, 0.0)
