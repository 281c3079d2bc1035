"""A git host on this machine: OpenSSH's own server, and a proxy in front of it that makes it seem far away."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HOST = "git.example.test"
RAISED = ("MaxStartups 400", "MaxSessions 200")
"""Limits that nobody meets; without them the server has OpenSSH's own, 10:30:100 and 10."""

_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
AuthorizedKeysFile {keys}/developer.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
AcceptEnv LANG LC_* GIT_PROTOCOL
# bash takes itself for a login by ssh otherwise, and spends its time on the developer's .bashrc.
SetEnv SHLVL=2
LogLevel VERBOSE
{limits}
"""

_CLIENT = """\
Host {host}
    HostName 127.0.0.1
    Port {port}
    HostKeyAlias {host}
    User {user}
    IdentityFile {keys}/developer
    IdentitiesOnly yes
    UserKnownHostsFile {keys}/known_hosts
    GlobalKnownHostsFile /dev/null
"""


@dataclass(frozen=True, slots=True)
class GitHost:
    """A running host. `client_config` is the file for `ssh -F`, `log` what the server says about connections."""

    client_config: Path
    log: Path

    def url(self, bare: Path) -> str:
        """The URL of a bare repository of this machine."""
        return f"ssh://{HOST}{bare}"

    def connections(self) -> int:
        """How many connections were opened so far, those that were dropped at once among them."""
        return self._log_has("Connection from 127.0.0.1") + self.dropped()

    def dropped(self) -> int:
        """How many connections the server refused for there were too many."""
        return self._log_has("drop connection ")

    def _log_has(self, words: str) -> int:
        return self.log.read_text("utf-8", "replace").count(words)


@contextmanager
def git_host(folder: Path, *, round_trip: float = 0.0, limits: tuple[str, ...] = ()) -> Iterator[GitHost]:
    """A host that keeps its files in `folder`, `round_trip` seconds away."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _make_keys(folder)
    port, log = _free_port(), folder / "log"
    (folder / "sshd_config").write_text(_CONFIG.format(port=port, keys=folder, limits="\n".join(limits)))
    with _sshd(folder / "sshd_config", log, port), _far_away(port, round_trip) as reached_at:
        client = folder / "client_config"
        client.write_text(_CLIENT.format(host=HOST, port=reached_at, user=getpass.getuser(), keys=folder))
        yield GitHost(client, log)


def _make_keys(folder: Path) -> None:
    for name in ("host", "developer"):
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(folder / name)]
        subprocess.run(generate, check=True)
    public = (folder / "host.pub").read_text()
    (folder / "known_hosts").write_text(f"{HOST} {public}")


@contextmanager
def _sshd(config: Path, log: Path, port: int) -> Iterator[None]:
    program = shutil.which("sshd", path=f"/usr/sbin:/usr/local/sbin:{os.environ['PATH']}")
    if program is None:
        raise SystemExit(
            "OpenSSH's server is not installed. On Debian and Ubuntu type: sudo apt install openssh-server"
        )
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with subprocess.Popen([program, "-D", "-f", config, "-E", log]) as server:
        try:
            _wait_for(port, server)
            yield
        finally:
            server.terminate()


@contextmanager
def _far_away(port: int, round_trip: float) -> Iterator[int]:
    if not round_trip:
        yield port
        return
    command = [sys.executable, "-m", "benchmarks.delay", str(port), str(round_trip)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield int(proxy.stdout.readline())
        finally:
            proxy.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit(f"sshd ended with {server.returncode}.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("sshd does not answer.")
