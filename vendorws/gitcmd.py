"""The one door to git: environment, ssh, progress, timeouts and the end of every process.

GitPython starts the processes and reads git's progress. What is added here is what a tool that runs many of them at
once needs: an environment in which git cannot find the project around a checkout, nor ask a question nobody sees;
a deadline for each repository; and one call that ends them all.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # a missing git is reported by `require_git`, in our words

import git

from vendorws.errors import EnvironmentProblem
from vendorws.git_failures import GitFailed, GitTimedOut
from vendorws.redaction import redact

# Settings that hold for every command, whatever the user configured:
_ALWAYS = (
    "protocol.ext.allow=never",  # a URL must never be a command
    "submodule.recurse=false",  # submodules are moved by a step of their own, with checks of their own
    "core.fsmonitor=false",  # no daemon is left behind in a checkout
    "gc.auto=0",  # nor a gc
    "maintenance.auto=false",
    "advice.detachedHead=false",
)


class Stopped(Exception):
    """The run was interrupted; the repository at hand is left as it is."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A git process that ended: its exit code and what it printed."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def text(self) -> str:
        """What it printed, as text; file names that are no UTF-8 survive a round trip."""
        return self.stdout.decode("utf-8", "surrogateescape")


class Processes:
    """Every git process of this run, so that Ctrl-C can end them all, and git's children with them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self.stopped = False

    def start(self, cwd: Path, command: list[str], environment: Mapping[str, str], *, has_input: bool) -> Any:  # noqa: ANN401
        """Start `command` as the leader of a session of its own: it has no terminal to ask on. Raises Stopped."""
        with self._lock:
            if self.stopped:
                raise Stopped
            process = git.Git(str(cwd)).execute(
                command,
                as_process=True,
                istream=subprocess.PIPE if has_input else None,
                env=dict(environment),
                start_new_session=True,
            )
            self._running.add(process.pid)
        return process

    def ended(self, pid: int) -> None:
        """Forget a process that was waited for."""
        with self._lock:
            self._running.discard(pid)

    def stop(self) -> None:
        """End everything within a second, and start nothing more."""
        with self._lock:
            self.stopped = True
            running = set(self._running)
        for pid in running:
            _end_group(pid, signal.SIGTERM)
        give_up = time.monotonic() + 1.0
        while self._running and time.monotonic() < give_up:
            time.sleep(0.02)
        for pid in running:
            _end_group(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Git:
    """git for one repository: where it runs, in which environment, and until when.

    `vendor` is the folder of the checkouts: git never looks for a repository in it or above it. `deadline` is in
    `time.monotonic()` seconds, `timeout` is the span that it came from. `watch` is told progress ("receiving
    12/80"), `trace` each command line.
    """

    vendor: Path
    cwd: Path
    processes: Processes = field(default_factory=Processes)
    environment: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 1800.0
    deadline: float = float("inf")
    watch: Callable[[str], None] | None = None
    trace: Callable[[str], None] | None = None

    def inside(self, checkout: Path) -> Git:
        """The same, inside a folder that was proved to be a checkout: that folder is its work tree, nothing else."""
        return replace(self, cwd=checkout, environment={**self.environment, "GIT_WORK_TREE": str(checkout)})

    def with_environment(self, extra: Mapping[str, str]) -> Git:
        """The same with more in the environment."""
        return replace(self, environment={**self.environment, **extra})

    def run(self, *arguments: str, stdin: str | None = None, progress: bool = False) -> Finished:
        """Run `git ARGUMENTS` to its end, whatever its exit code. Raises Stopped, GitTimedOut."""
        command = ["git", *(part for setting in _ALWAYS for part in ("-c", setting)), *arguments]
        shown = redact(shlex.join(["git", *arguments]))
        if self.trace is not None:
            self.trace(f"{self.cwd.name}: {shown}")
        process = self.processes.start(self.cwd, command, self._full_environment(), has_input=stdin is not None)
        overdue = threading.Timer(max(0.0, self.deadline - time.monotonic()), _end_slowly, [process.pid])
        if self.deadline != float("inf"):
            overdue.start()
        try:
            if progress and self.watch is not None:
                stdout, stderr = _read_with_progress(process, self.watch)
            else:
                stdout, stderr = process.communicate(
                    None if stdin is None else stdin.encode("utf-8", "surrogateescape")
                )
            code = process.proc.wait()
        finally:
            overdue.cancel()
            self.processes.ended(process.pid)
            process.proc.stdout.close()
            process.proc.stderr.close()
        if self.processes.stopped:
            raise Stopped
        if code < 0 and time.monotonic() >= self.deadline:
            raise GitTimedOut(shown, self.timeout)
        return Finished(code, stdout, stderr.decode("utf-8", "replace"))

    def call(self, *arguments: str, stdin: str | None = None, progress: bool = False) -> str:
        """Run `git ARGUMENTS`, which must succeed; return what it printed. Raises GitFailed, Stopped."""
        finished = self.run(*arguments, stdin=stdin, progress=progress)
        if finished.code != 0:
            raise GitFailed(shlex.join(["git", *arguments]), finished.code, finished.stderr)
        return finished.text

    def _full_environment(self) -> dict[str, str]:
        return {
            "GIT_CEILING_DIRECTORIES": os.pathsep.join({str(self.vendor), os.path.realpath(self.vendor)}),
            "GIT_TERMINAL_PROMPT": "0",
            **self.environment,
        }


def require_git() -> None:
    """Raise EnvironmentProblem where there is no git to run."""
    if shutil.which("git") is None:
        raise EnvironmentProblem("git is not installed (or not on the PATH).", "Install git 2.30 or newer.")


def batch_ssh_command(environ: Mapping[str, str], configured: str | None) -> str:
    """The user's own ssh command with BatchMode added, so that it fails where it would ask.

    `configured` is git's `core.sshCommand`. The order is git's own: GIT_SSH_COMMAND, core.sshCommand, GIT_SSH, ssh.
    """
    command = environ.get("GIT_SSH_COMMAND") or configured
    if not command:
        command = shlex.quote(environ.get("GIT_SSH") or "ssh")
    program = PurePath(shlex.split(command)[0]).name.lower() if shlex.split(command) else "ssh"
    if program.removesuffix(".exe") in {"plink", "tortoiseplink"}:
        return f"{command} -batch"
    return f"{command} -o BatchMode=yes"


def configured_ssh_command(runner: Git) -> str | None:
    """`core.sshCommand` of the user's and the system's git config."""
    return runner.run("config", "--get", "core.sshCommand").text.strip() or None


def contact(runner: Git, url: str) -> Finished:
    """Ask the server of `url` for one ref on the terminal, where ssh and git may ask about a host key or a passphrase.

    This is the one command that shares our terminal and process group; nothing else runs meanwhile.
    """
    environment = {key: value for key, value in runner._full_environment().items() if key != "GIT_TERMINAL_PROMPT"}
    process = git.Git(str(runner.cwd)).execute(
        ["git", "-c", "protocol.ext.allow=never", "ls-remote", "--", url, "HEAD"], as_process=True, env=environment
    )
    stdout, stderr = process.communicate()
    return Finished(process.returncode, stdout, stderr.decode("utf-8", "replace"))


class _Progress(git.RemoteProgress):
    """git's progress lines, as GitPython reads them, in a few words each."""

    _PHASES = (
        (git.RemoteProgress.COUNTING, "counting"),
        (git.RemoteProgress.COMPRESSING, "compressing"),
        (git.RemoteProgress.RECEIVING, "receiving"),
        (git.RemoteProgress.RESOLVING, "resolving"),
    )

    def __init__(self, watch: Callable[[str], None]) -> None:
        super().__init__()
        self._watch = watch

    def update(
        self, op_code: int, cur_count: str | float, max_count: str | float | None = None, message: str = ""
    ) -> None:
        """Called by GitPython for each line that is progress."""
        for bit, phase in self._PHASES:
            if op_code & bit:
                of = f"/{float(max_count):.0f}" if max_count else ""
                self._watch(f"{phase} {float(cur_count):.0f}{of} {message}".strip())


def _read_with_progress(process: Any, watch: Callable[[str], None]) -> tuple[bytes, bytes]:  # noqa: ANN401
    """Both outputs of a command that prints progress on stderr and next to nothing on stdout."""
    parse = _Progress(watch).new_message_handler()
    lines, rest = [], b""
    while chunk := os.read(process.proc.stderr.fileno(), 8192):
        *ended, rest = (rest + chunk).replace(b"\r", b"\n").split(b"\n")
        for line in ended:
            parse(line.decode("utf-8", "replace"))
        lines += ended
    return process.proc.stdout.read(), b"\n".join([*lines, rest])


def _end_slowly(pid: int) -> None:
    _end_group(pid, signal.SIGTERM)
    time.sleep(1.0)
    _end_group(pid, signal.SIGKILL)


def _end_group(pid: int, how: signal.Signals) -> None:
    try:
        os.killpg(pid, how)
    except (ProcessLookupError, PermissionError):
        return
