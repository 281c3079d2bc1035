"""A machine of its own for every test.

The environment is built from nothing instead of being cleaned: what is not named here does not reach a test. So no
`GIT_DIR` of a hook, no agent of the developer's, no proxy and no `COMPOSE_FILE` can change what a test sees.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

CLOSED_PORT = "http://127.0.0.1:9"
"""Where http goes: nobody listens there, so a test that reaches for the network fails at once and says where."""

# What a test cannot do without, or what the runner itself hands down to its children.
_KEPT = ("PATH", "TMPDIR", "CI")
_KEPT_PREFIXES = ("COVERAGE_", "PYTEST_")

# What pip needs to find its index, for the few tests that install something (see `package_index`).
_INDEX_NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NO_PROXY", "no_proxy")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")

_GIT_CONFIG = """\
[user]
    name = A Developer
    email = dev@acme.example
[init]
    defaultBranch = main
[protocol "file"]
    allow = always
[gc]
    auto = 0
[maintenance]
    auto = false
"""

# The tests' ssh client reaches no host but those that a test puts in front of these lines: ssh takes the first value.
_SSH_CONFIG = """\
Host *
    ProxyCommand sh -c 'echo "ssh: connect to host %h port %p: Network is unreachable" >&2; exit 255'
"""

_SSH_WRAPPER = """\
#!/bin/sh
# The real client. It looks up its home in the password database and not in $HOME, so it is told where its home is.
exec {ssh} -F "$HOME/.ssh/config" "$@"
"""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The folders of a sealed machine; all exist below `root`."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def bin(self) -> Path:
        """First on PATH; holds the `ssh` that reads this home's configuration."""
        return self.root / "bin"

    @property
    def git_config(self) -> Path:
        return self.home / ".gitconfig"

    @property
    def ssh_config(self) -> Path:
        return self.home / ".ssh" / "config"

    @property
    def known_hosts(self) -> Path:
        return self.home / ".ssh" / "known_hosts"

    def add_git_config(self, text: str) -> None:
        """Append a section to the user's git configuration."""
        with self.git_config.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def add_ssh_host(self, text: str) -> None:
        """Put a `Host` block in front of the user's ssh configuration."""
        self.ssh_config.write_text(text + self.ssh_config.read_text("utf-8"), "utf-8")


def make_sandbox(root: Path) -> Sandbox:
    """Lay out a fresh home below `root`, which must not exist yet."""
    sandbox = Sandbox(root)
    sandbox.bin.mkdir(parents=True)
    (sandbox.home / ".ssh").mkdir(mode=0o700, parents=True)
    sandbox.git_config.write_text(_GIT_CONFIG, "utf-8")
    sandbox.ssh_config.write_text(_SSH_CONFIG, "utf-8")
    ssh = shutil.which("ssh")
    if ssh is not None:
        wrapper = sandbox.bin / "ssh"
        wrapper.write_text(_SSH_WRAPPER.format(ssh=ssh), "utf-8")
        wrapper.chmod(0o755)
    return sandbox


def sealed_environment(sandbox: Sandbox, outside: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of a test; `outside` is the environment that pytest was started in."""
    kept = {name: value for name, value in outside.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    home = sandbox.home
    return kept | {
        "PATH": f"{sandbox.bin}{os.pathsep}{outside['PATH']}",
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "GIT_CONFIG_GLOBAL": str(sandbox.git_config),
        "GIT_CONFIG_NOSYSTEM": "1",
        # Commits made on this machine have the same id in every run.
        "GIT_AUTHOR_DATE": "2024-05-01T12:00:00Z",
        "GIT_COMMITTER_DATE": "2024-05-01T12:00:00Z",
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TERM": "xterm",
        "COLUMNS": "80",
        "LINES": "24",
        **dict.fromkeys(_PROXIES, CLOSED_PORT),
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def allow_package_index(sandbox: Sandbox, patch: pytest.MonkeyPatch, outside: Mapping[str, str]) -> None:
    """Give pip in the sandbox what the user who runs the tests configured for it: variables, proxies, pip.conf."""
    for name in _PROXIES:
        patch.delenv(name, raising=False)
    for name, value in outside.items():
        if name in (*_INDEX_NAMES, *_PROXIES) or name.startswith("PIP_"):
            patch.setenv(name, value)
    for folder in (".config/pip", ".pip"):
        configured, here = Path(outside["HOME"], folder), sandbox.home / folder
        if configured.is_dir():
            here.parent.mkdir(parents=True, exist_ok=True)
            here.symlink_to(configured)
