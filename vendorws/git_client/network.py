"""The way to each server of a run: found out once, before the parallel work; all work on a server goes the same way."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import BoundedSemaphore

from vendorws.errors import ExitCode
from vendorws.git_client.command import MOST_SESSIONS, Git, NetworkConfig, contact, network_config, patiently
from vendorws.git_client.failures import GitFailed, GitTimedOut, as_failure, is_passing
from vendorws.git_client.processes import NEVER
from vendorws.git_client.ssh import SharedConnections, SshCommand, socket_folder, ssh_command
from vendorws.git_client.urls import SshDestination, rewritten, server, ssh_destination
from vendorws.model import Failure
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Route:
    """How a server is reached: the ssh command for git, how much may be asked of the server at a time, and whom ssh
    talks to, if it is ssh.
    """

    ssh: str
    sessions: AbstractContextManager[object]
    destination: SshDestination | None


class Network:
    """The servers of one run. Close it at the end."""

    def __init__(self, git: Git, checkout: Path | None) -> None:
        """`git` is for the folder of the checkouts; `checkout` is one of them, if there is one yet."""
        self._git, self._checkout = git, checkout

    def server(self, url: str) -> str | None:
        """Who is asked for this URL, as git's configuration has it; None for a local path. Raises Stopped."""
        return server(rewritten(url, self._config.rewrites))

    def contact(self, url: str, *, ask: bool) -> Route | Failure:
        """Find the way to the server of `url`, or why there is none; with `ask` it may ask on the terminal.

        Raises Stopped.
        """
        url = rewritten(url, self._config.rewrites)
        destination = ssh_destination(url)
        try:
            if destination is not None and self._shared.can_share(destination):
                return self._share(destination, ask=ask)
            if ask and server(url) is not None:
                contact(self._git, url)
        except OSError as error:
            return as_failure(error)
        return Route(self._command.mute, BoundedSemaphore(MOST_SESSIONS), destination)

    def own_way(self, url: str, configured: str) -> Route:
        """To `url`, for a checkout with an ssh command of its own: nobody else goes that way."""
        command = ssh_command(os.environ, configured, self._config.ssh_variant)
        destination = ssh_destination(rewritten(url, self._config.rewrites))
        return Route(command.mute, BoundedSemaphore(MOST_SESSIONS), destination)

    def close(self) -> None:
        """Hang up."""
        if "_shared" in self.__dict__:
            self._shared.close()

    def _share(self, destination: SshDestination, *, ask: bool) -> Route | Failure:
        timeout = self._git.timeout
        deadline = NEVER if ask else time.monotonic() + timeout
        opened = patiently(self._git.processes, lambda: self._shared.open(destination, ask=ask, deadline=deadline))
        if opened.overdue:
            return as_failure(GitTimedOut(timeout, answered=False))
        if opened.code != 0 and not is_passing(opened.stderr):
            scene = replace(self._git.scene, destination=destination)
            refused = GitFailed(f"ssh {destination.host}", opened.code, opened.stderr, scene)
            if refused.code_of_exit is ExitCode.NETWORK:
                return as_failure(refused)
        return Route(self._shared.command_for(destination), BoundedSemaphore(MOST_SESSIONS), destination)

    @cached_property
    def _config(self) -> NetworkConfig:
        config = network_config(self._git)
        if not config.is_conditional:
            return config
        with self._place_for_conditions() as place:
            return network_config(self._git.with_environment({"GIT_DIR": str(place)}))

    @contextmanager
    def _place_for_conditions(self) -> Iterator[Path]:
        """A git directory below vendor/, for `[includeIf "gitdir:…"]`: a checkout's, or an empty one made for it."""
        if self._checkout is not None:
            yield self._checkout / ".git"
            return
        with TemporaryDirectory(prefix=".config.partial-", dir=self._git.cwd) as folder:
            for part in ("objects", "refs"):
                Path(folder, part).mkdir()
            Path(folder, "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
            yield Path(folder)

    @cached_property
    def _command(self) -> SshCommand:
        return ssh_command(os.environ, self._config.ssh_command, self._config.ssh_variant)

    @cached_property
    def _shared(self) -> SharedConnections:
        return SharedConnections(self._command, self._git.processes, socket_folder(os.environ))
