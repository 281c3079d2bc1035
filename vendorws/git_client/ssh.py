"""ssh as git runs it here: the developer's own command, made mute, and one connection for each server.

Many repositories on one server share one connection (ssh_config(5), ControlMaster): it is opened before the parallel
work, where ssh may ask its questions on the terminal, and each git command then takes a session of it. That saves a
handshake for each repository, and a server that limits new connections (sshd_config(5), MaxStartups) sees one. Where
sharing is not to be had - another client than OpenSSH, a ControlPath of the developer's own - every command connects
for itself as it always did.

The socket of a connection lies in a folder that only its owner may enter, and its name holds a hash of host, port and
login (`%C`), so that a connection is never taken for that of another server.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import stat
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath

from vendorws.git_client.processes import Command, Finished, Processes
from vendorws.git_client.urls import SshDestination
from vendorws.values import dataclass

_MASTER = "-N -T -a -x -o ControlMaster=yes -o ControlPersist=600 -o ClearAllForwardings=yes"
_LONGEST_FOLDER = 36  # a socket's path has at most 104 characters: folder / 9 and 40 of ours . 16 of ssh's own, NUL
_ANSWER = 10.0  # seconds for a client to say what it is configured to do
_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


@dataclass(frozen=True, slots=True)
class SshCommand:
    """The developer's ssh command, for a shell, and how its options are spelt: `ssh`, `plink` or `simple` (none)."""

    text: str
    variant: str

    @property
    def mute(self) -> str:
        """The same with BatchMode added: it fails where it would ask."""
        added = {"plink": " -batch", "simple": ""}
        return self.text + added.get(self.variant, " -o BatchMode=yes")


def ssh_command(environ: Mapping[str, str], configured: str | None, variant: str | None = None) -> SshCommand:
    """The command that git would run: GIT_SSH_COMMAND, else `configured` (core.sshCommand), else GIT_SSH, else ssh.

    `variant` is git's `ssh.variant`; GIT_SSH_VARIANT wins over it, and without both the program's name tells.
    """
    text = environ.get("GIT_SSH_COMMAND") or configured or shlex.quote(environ.get("GIT_SSH") or "ssh")
    told = (environ.get("GIT_SSH_VARIANT") or variant or "auto").lower()
    return SshCommand(text, _variant_of(text) if told == "auto" else _SPELT_AS_PLINK.get(told, told))


_SPELT_AS_PLINK = dict.fromkeys(("plink", "putty", "tortoiseplink"), "plink")


def _variant_of(text: str) -> str:
    try:
        words = shlex.split(text)
    except ValueError:  # not a command that a shell takes; git will say so
        return "ssh"
    program = PurePath(words[0]).name.lower().removesuffix(".exe") if words else "ssh"
    return _SPELT_AS_PLINK.get(program, "ssh")


class SharedConnections:
    """The connections of one run: opened one by one, closed together, gone when this process is gone.

    Beside each waits a small process for the end of a pipe that only this process holds open; however this process
    ends, that one closes the connection.
    """

    def __init__(self, command: SshCommand, processes: Processes, folder: Path | None) -> None:
        """`folder` is where the sockets go (see `socket_folder`); with None nothing is shared."""
        self._command = command
        self._processes = processes
        self._folder = folder
        self._options: dict[SshDestination, str] = {}
        self._closers: list[subprocess.Popen[bytes]] = []

    def command_for(self, destination: SshDestination | None) -> str:
        """The mute command for work on a server, over its shared connection if there is one."""
        shared = self._options.get(destination) if destination is not None else None
        return f"{self._command.mute} -o ControlMaster=no {shared}" if shared else self._command.mute

    def can_share(self, destination: SshDestination) -> bool:
        """Whether the client is OpenSSH and the developer has not set up sharing for this server themselves."""
        if self._folder is None or self._command.variant != "ssh":
            return False
        asked = self._run(self._command.mute, destination, "-G", deadline=time.monotonic() + _ANSWER)
        settings = dict(line.split(" ", 1) for line in asked.text.splitlines() if " " in line)
        own = settings.get("controlpath", "none") != "none" or settings.get("controlmaster", "false") != "false"
        return asked.code == 0 and "hostname" in settings and not own

    def open(self, destination: SshDestination, *, ask: bool, deadline: float) -> Finished:
        """Connect; with `ask` ssh may ask about a host key or a passphrase on our terminal. Code 0: it is shared now.

        Raises Stopped, OSError.
        """
        command = self._command.text if ask else self._command.mute
        share = f"-o ControlPath={self._folder}/{os.urandom(4).hex()}-%C"
        opened = self._run(f"{command} {_MASTER} {share}", destination, ask=ask, deadline=deadline)
        if opened.code == 0:
            self._closers.append(self._wait_to_close(f"{self._command.mute} {share}", destination))
            self._options[destination] = share
        return opened

    def close(self) -> None:
        """Close every connection; they are gone when this process ends, which has a report to print first."""
        for closer in self._closers:
            if closer.stdin is not None:
                closer.stdin.close()
            atexit.register(_wait_for, closer)
        self._closers.clear()
        self._options.clear()

    def _run(
        self, command: str, destination: SshDestination, *options: str, deadline: float, ask: bool = False
    ) -> Finished:
        words = _for_shell(command, *options, *destination.arguments)
        return self._processes.run(Command(words, {}, deadline, on_our_terminal=ask))

    def _wait_to_close(self, command: str, destination: SshDestination) -> subprocess.Popen[bytes]:
        script = f"trap '' INT TERM HUP; read -r _; {command} -O exit \"$@\""
        return subprocess.Popen(
            ["sh", "-c", script, "sh", *destination.arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def _wait_for(closer: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired, KeyboardInterrupt):  # at the end of the process nobody hears of either
        closer.wait(timeout=5)


def _for_shell(command: str, *arguments: str) -> list[str]:
    """`command` with arguments, as git runs a GIT_SSH_COMMAND."""
    return ["sh", "-c", f'{command} "$@"', "sh", *arguments]


def socket_folder(environ: Mapping[str, str]) -> Path | None:
    """A folder for sockets that nobody but this user may enter, made if need be; None where there is none to be had."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    candidates = [Path(runtime, "vendorws")] if runtime.startswith("/") else []
    candidates += [Path(base, f"vendorws-{os.getuid()}") for base in (tempfile.gettempdir(), "/tmp")]
    return next((folder for folder in candidates if _is_usable(folder)), None)


def _is_usable(folder: Path) -> bool:
    if len(str(folder)) > _LONGEST_FOLDER or not _PLAIN.fullmatch(str(folder)):
        return False
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        about = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.getuid() and not stat.S_IMODE(about.st_mode) & 0o077
