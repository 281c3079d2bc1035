"""The one door to git: environment, ssh, progress, timeouts and the end of every process.

What a tool that runs many of them at once needs: an environment in which git cannot find the project around a
checkout, nor ask a question nobody sees; a deadline for each repository; and one call that ends them all. GitPython
reads git's progress. It does not start the processes: to import it takes longer than to look at ten checkouts.
"""

from __future__ import annotations

import os
import random
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import field, replace
from functools import lru_cache
from pathlib import Path

from vendorws.errors import EnvironmentProblem
from vendorws.git_client.failures import GitFailed, GitTimedOut, Scene, is_passing
from vendorws.git_client.processes import NEVER, Command, Finished, Processes
from vendorws.git_client.urls import SshDestination
from vendorws.redaction import redact
from vendorws.values import dataclass

MOST_SESSIONS = 10
"""What an OpenSSH server allows at a time by default: sessions on one connection, connections not yet let in."""

# Settings that hold for every command, whatever the user configured:
_ALWAYS = (
    "protocol.ext.allow=never",  # a URL must never be a command
    "submodule.recurse=false",  # submodules are moved by a step of their own, with checks of their own
    "core.fsmonitor=false",  # no daemon is left behind in a checkout
    "gc.auto=0",  # nor a gc
    "maintenance.auto=false",
    "advice.detachedHead=false",
    "clone.defaultRemoteName=origin",  # pip's name for it, which `observe` and submodules rely on
)
_GIT = ("git", *(part for setting in _ALWAYS for part in ("-c", setting)))
_ENGLISH = {"LC_ALL": "C", "LANGUAGE": "C"}  # what git says is read by `git_client.failures`
_PAUSES = (0.25, 0.75, 2.0)  # seconds before a dropped connection is tried again


@dataclass(frozen=True)
class Git:
    """git for one repository: where it runs, in which environment, and until when.

    `vendor` is the folder of the checkouts: git never looks for a repository in it or above it. `deadline` is in
    `time.monotonic()` seconds, `timeout` is the span that it came from. `sessions` is entered while the remote is
    spoken to, so that its server is not asked for too much at once; `destination` is whom ssh talks to then, if it is
    ssh. `watch` is told progress ("receiving 12/80"), `trace` each command line.
    """

    vendor: Path
    cwd: Path
    processes: Processes = field(default_factory=Processes)
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 1800.0
    deadline: float = NEVER
    sessions: AbstractContextManager[object] = field(default_factory=nullcontext)
    destination: SshDestination | None = None
    watch: Callable[[str], None] | None = None
    trace: Callable[[str], None] | None = None

    def inside(self, checkout: Path, extra: Mapping[str, str] | None = None) -> Git:
        """The same, inside a folder that was proved to be a checkout: that folder is its work tree, nothing else.

        `extra` is more for the environment.
        """
        environment = {**self.environment, **(extra or {}), "GIT_WORK_TREE": str(checkout)}
        return replace(self, cwd=checkout, environment=environment)

    def with_environment(self, extra: Mapping[str, str]) -> Git:
        """The same with more in the environment."""
        return replace(self, environment={**self.environment, **extra})

    def run(self, *arguments: str, stdin: str | None = None, progress: bool = False) -> Finished:
        """Run `git ARGUMENTS` to its end, whatever its exit code. Raises Stopped, GitTimedOut.

        `progress` is for a command that speaks with the remote: `watch` is told how far it is, and where the
        connection breaks it is run again.
        """
        if not progress:
            return self._run_once(arguments, stdin)

        def speak() -> Finished:
            with self.sessions:
                return self._run_once(arguments, stdin, self.watch)

        return patiently(self.processes, speak)

    def _run_once(
        self, arguments: Sequence[str], stdin: str | None, watch: Callable[[str], None] | None = None
    ) -> Finished:
        command = self.command(*arguments, stdin=stdin, watch=watch)
        # Whoever fetches has asked first, or cloned. A clone that is not watched says nothing: what it stores tells.
        answered = [arguments[0] not in ("ls-remote", "clone")]
        if arguments[0] == "clone":
            packs = self.cwd / arguments[-1] / ".git/objects/pack"
            command = replace(command, on_overdue=lambda: answered.append(any(packs.glob("*"))))
        return self.in_time(self.processes.run(command), answered=any(answered))

    def command(self, *arguments: str, stdin: str | None = None, watch: Callable[[str], None] | None = None) -> Command:
        """`git ARGUMENTS` as a program that is about to be run; `watch` is told progress."""
        if self.trace is not None:
            self.trace(f"{self.cwd.name}: {_shown(arguments)}")
        return Command(
            words=[*_GIT, "-C", str(self.cwd), *arguments],
            environment=self._full_environment(),
            deadline=self.deadline,
            stdin=stdin,
            on_stderr=None if watch is None else _Progress(watch).read,
        )

    def in_time(self, finished: Finished, *, answered: bool = True) -> Finished:
        """The end of a git, if it came to one; `answered` says whether the remote has. Raises GitTimedOut."""
        if finished.overdue:
            raise GitTimedOut(self.timeout, answered=answered)
        return finished

    def call(self, *arguments: str, stdin: str | None = None, progress: bool = False) -> str:
        """Run `git ARGUMENTS`, which must succeed; return what it printed. Raises GitFailed, Stopped."""
        finished = self.run(*arguments, stdin=stdin, progress=progress)
        if finished.code != 0:
            raise self.failed(arguments, finished)
        return finished.text

    def failed(self, arguments: Sequence[str], finished: Finished) -> GitFailed:
        """What there is to tell of `git ARGUMENTS`, which did not end well; they may be fewer than were run."""
        place = () if self.cwd == self.vendor else ("-C", os.path.relpath(self.cwd))
        return GitFailed(_shown((*place, *arguments)), finished.code, finished.stderr, self.scene)

    @property
    def scene(self) -> Scene:
        """Where it is that git fails, if it does."""
        return Scene(self.vendor, self.cwd, self.destination)

    @property
    def counting(self) -> tuple[str, ...]:
        """The option with which `clone`, `fetch` and `submodule update` count aloud, where somebody watches.

        Each number costs its server and this process a moment, which tells where there are many repositories.
        """
        return () if self.watch is None else ("--progress",)

    @property
    def home(self) -> Path:
        """The folder of the checkouts, without links on the way."""
        return _real_folder(str(self.vendor))

    @property
    def ceilings(self) -> str:
        """Where git stops looking for a repository: a checkout or a submodule is one itself, or there is none."""
        return _ceilings(str(self.vendor), os.path.dirname(self.cwd))  # noqa: PTH120  (as text, it is looked up)

    def _full_environment(self, *, may_ask: bool = False) -> dict[str, str]:
        return {
            "GIT_CEILING_DIRECTORIES": self.ceilings,
            **({} if may_ask else {"GIT_TERMINAL_PROMPT": "0"}),
            **_without_programs(os.environ),
            **_ENGLISH,
            **self.environment,
        }


def _shown(arguments: Sequence[str]) -> str:
    """A command as people type it, without secrets."""
    return redact(shlex.join(["git", *arguments]))


@lru_cache(maxsize=16)  # the same for nearly every command of a run, and it takes some looking
def _ceilings(vendor: str, around: str) -> str:
    return os.pathsep.join(map(os.path.realpath, (vendor, os.path.dirname(vendor), around)))  # noqa: PTH120


@lru_cache(maxsize=16)
def _real_folder(folder: str) -> Path:
    return Path(folder).resolve()


def _without_programs(environ: Mapping[str, str]) -> dict[str, str]:
    """GIT_ALLOW_PROTOCOL, where it is set, without `ext`: to git it counts more than any `protocol.ext.allow`."""
    allowed = environ.get("GIT_ALLOW_PROTOCOL")
    return {} if allowed is None else {"GIT_ALLOW_PROTOCOL": ":".join(p for p in allowed.split(":") if p != "ext")}


def require_git() -> None:
    """Raise EnvironmentProblem where there is no git to run."""
    if shutil.which("git") is None:
        raise EnvironmentProblem("git is not installed (or not on the PATH).", "Install git 2.31 or newer.")


def patiently(processes: Processes, attempt: Callable[[], Finished]) -> Finished:
    """Do it again where the connection broke. Raises Stopped.

    A server that is asked for too much at once drops connections, so each pause is longer than the one before.
    """
    for pause in _PAUSES:
        finished = attempt()
        if finished.code == 0 or not is_passing(finished.stderr):
            return finished
        processes.pause(pause * random.uniform(0.5, 1.5))
    return attempt()


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What the user's and the system's git config say about reaching a remote.

    That is `core.sshCommand`, `ssh.variant`, `url.<base>.insteadOf` as pairs of prefix and base, and whether some of
    it depends on where the repository is (`includeIf`).
    """

    ssh_command: str | None
    ssh_variant: str | None
    rewrites: tuple[tuple[str, str], ...]
    is_conditional: bool


_OF_THE_NETWORK = r"^(core\.sshcommand|ssh\.variant|url\..*\.insteadof|includeif\..*\.path)$"


def network_config(runner: Git) -> NetworkConfig:
    """Read with one git process; what a repository itself says does not count. Raises Stopped."""
    listed = runner.run("config", "--null", "--show-scope", "--get-regexp", _OF_THE_NETWORK).text.split("\0")
    entries = [
        entry.partition("\n") for scope, entry in zip(listed[::2], listed[1::2], strict=False) if scope != "local"
    ]
    pairs = [(key, value) for key, _, value in entries]
    last = dict(pairs)
    rewrites = tuple(
        (value, key.removeprefix("url.").removesuffix(".insteadof")) for key, value in pairs if key.startswith("url.")
    )
    conditional = any(key.startswith("includeif.") for key, _ in pairs)
    return NetworkConfig(last.get("core.sshcommand"), last.get("ssh.variant"), rewrites, conditional)


def contact(runner: Git, url: str) -> Finished:
    """Ask the server of `url` for one ref on the terminal, where ssh and git may ask about a host key or a password."""
    command = Command(
        words=[*_GIT, "-C", str(runner.cwd), "ls-remote", "--", url, "HEAD"],
        environment=runner._full_environment(may_ask=True),
        on_our_terminal=True,
    )
    return runner.processes.run(command)


class _Progress:
    """git's progress lines, as GitPython reads them, in a few words each."""

    def __init__(self, watch: Callable[[str], None]) -> None:
        from git.util import CallableRemoteProgress

        parser = CallableRemoteProgress(self._tell)
        self._watch, self._parse, self._rest = watch, parser.new_message_handler(), b""
        self._phases = {
            parser.COUNTING: "counting",
            parser.COMPRESSING: "compressing",
            parser.RECEIVING: "receiving",
            parser.RESOLVING: "resolving",
        }

    def read(self, chunk: bytes) -> None:
        """Take what came on stderr; a line ends where git goes back to its start."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in lines:
            self._parse(line.decode("utf-8", "replace"))

    def _tell(self, operation: int, now: str | float, total: str | float | None = None, message: str = "") -> None:
        for bit, phase in self._phases.items():
            if operation & bit:
                of = f"/{float(total):.0f}" if total else ""
                self._watch(f"{phase} {float(now):.0f}{of} {message}".strip())
