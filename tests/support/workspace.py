"""vendorws in the test's own process, for tests that run it often or look at the values behind the words.

Everything below is real: the requirements are read from the project's files, git runs, folders change. `Workspace.type`
is the command line without the start of an interpreter; the other methods call `sync` itself, without a
screen: what would be shown there is in `Watcher`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.command import Result as Ended
from tests.support.here import Here
from tests.support.project import Project
from vendorws.checkouts.crew import Options
from vendorws.checkouts.observation import observe
from vendorws.checkouts.plan import Wish
from vendorws.checkouts.sync import Result, status, sync
from vendorws.git_client.command import Git
from vendorws.model import Checkout, Outcome, Pin
from vendorws.requirement_files.pins import read_valid_requirements
from vendorws.settings import read_settings

NO_WISH = Wish()


@dataclass(slots=True)
class Watcher:
    """Collects what a screen would show, in the order in which it comes."""

    progressed: list[tuple[str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    wants_progress: bool = True

    def progress(self, pin: Pin, text: str) -> None:
        self.progressed.append((pin.name, text))

    def finished(self, outcome: Outcome) -> None:
        self.ended.append(outcome.pin.name)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def paused(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@dataclass(slots=True)
class Workspace:
    """One project and its checkouts; `trace` has every git command that ran."""

    project: Project
    watcher: Watcher = field(default_factory=Watcher)
    trace: list[str] = field(default_factory=list)
    meanwhile: list[str] = field(default_factory=list)
    """The packages that were not cloned yet, each time that a run used the time that a server took to let it in."""

    def pins(self) -> tuple[Pin, ...]:
        """What requirements.txt asks for."""
        return read_valid_requirements(read_settings(self.project.root)).pins

    def sync(
        self, *names: str, wish: Wish = NO_WISH, dry_run: bool = False, jobs: int = 4, timeout: float = 60
    ) -> dict[str, Outcome]:
        """What became of each package, by name."""
        result = sync(
            read_settings(self.project.root),
            self._chosen(names),
            self._options(wish, dry_run, jobs, timeout),
            self.watcher,
        )
        return _by_name(result)

    def status(self, *names: str, fetch: bool = False) -> dict[str, Outcome]:
        """Where each package stands, by name."""
        options = self._options(Wish(), dry_run=False, jobs=4, timeout=60)
        settings = read_settings(self.project.root)
        return _by_name(status(settings, self._chosen(names), options, self.watcher, fetch=fetch))

    def type(self, *args: str | Path, cwd: Path | None = None) -> Ended:
        """The real command line, typed in the project's folder or in `cwd`."""
        return Here(cwd or self.project.root)(*args)

    def ok(self, *args: str | Path, cwd: Path | None = None) -> Ended:
        """As `type`, but anything other than exit code 0 fails the test with all that was printed."""
        return Here(cwd or self.project.root).ok(*args)

    def only(self, *, wish: Wish = NO_WISH, dry_run: bool = False) -> Outcome:
        """What became of the only package."""
        (outcome,) = self.sync(wish=wish, dry_run=dry_run).values()
        return outcome

    def look(self) -> Checkout:
        """The only package's checkout, as it is seen without asking anybody."""
        (pin,) = self.pins()
        found = observe(self.git(), pin)
        assert isinstance(found, Checkout), found
        return found

    def git(self) -> Git:
        """The door to git, as a run opens it."""
        return Git(vendor=self.project.vendor, cwd=self.project.vendor, trace=self.trace.append)

    def _chosen(self, names: Sequence[str]) -> tuple[Pin, ...]:
        return tuple(pin for pin in self.pins() if not names or pin.name in names)

    def _options(self, wish: Wish, dry_run: bool, jobs: int, timeout: float) -> Options:
        return Options(
            wish=wish,
            jobs=jobs,
            timeout=timeout,
            dry_run=dry_run,
            wait=True,
            trace=self.trace.append,
            at=lambda pin: str(pin.path),
            meanwhile=lambda: self.meanwhile.append(
                " ".join(pin.name for pin in self.pins() if not (self.project.root / pin.path).exists())
            ),
        )


def _by_name(result: Result) -> dict[str, Outcome]:
    assert not result.interrupted
    return {outcome.pin.name: outcome for outcome in result.outcomes}


def tree(folder: Path) -> dict[str, bytes | str | None]:
    """Every entry below `folder`, `.git` too: a file's bytes and mode, a link's text, None for a folder."""
    found: dict[str, bytes | str | None] = {}
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(parent, name)
            key = str(path.relative_to(folder))
            if path.is_symlink():
                found[key] = str(path.readlink())
            else:
                found[key] = None if path.is_dir() else b"%o " % path.stat().st_mode + path.read_bytes()
    return found
