"""Every test gets a machine of its own: see tests/support/sandbox.py. CONTRIBUTING.md lists the fixtures."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker, need_compose, reach_the_daemon
from tests.support.project import PLAIN, Project, make_project
from tests.support.remotes import HOST, Remotes, map_host
from tests.support.sandbox import Sandbox, allow_package_index, make_sandbox, sealed_environment
from tests.support.ssh_server import Keys, SshClient, SshServer, make_keys

_OUTSIDE: Mapping[str, str] = dict(os.environ)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background deaf to Ctrl-C; the commands under test must hear it all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a `sampled` test most cases are slow ones."""
    sampled = (item for item in items if item.get_closest_marker("sampled"))
    for _, cases in groupby(sampled, key=lambda item: item.nodeid.partition("[")[0]):
        for number, case in enumerate(cases):
            if number % 5:
                case.add_marker("slow")


@pytest.fixture(autouse=True)
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """Seal the test: a new home, an environment made from nothing, a working folder outside of any project."""
    sandbox = make_sandbox(tmp_path / "machine")
    sealed = sealed_environment(sandbox, _OUTSIDE)
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - sealed.keys() - {"PYTEST_CURRENT_TEST"}:
            patch.delenv(name)
        for name, value in sealed.items():
            patch.setenv(name, value)
        patch.chdir(sandbox.home)
        yield sandbox


@pytest.fixture
def remotes(sandbox: Sandbox, tmp_path: Path) -> Remotes:
    """Private repositories on github.com: `remotes.create("acme/billing")`."""
    folder = tmp_path / "remotes"
    map_host(sandbox, folder)
    return Remotes(folder)


@pytest.fixture
def project(request: pytest.FixtureRequest, sandbox: Sandbox, tmp_path: Path) -> Project:
    """A project folder nested in a git repository; `@in_any_path` runs a test in a path with a space too."""
    return make_project(tmp_path, getattr(request, "param", PLAIN))


@pytest.fixture
def vendorws(project: Project) -> Vendorws:
    """The real command, run in the project: `vendorws("sync", "--dry-run")`."""
    return Vendorws(project.root)


@pytest.fixture(scope="session")
def ssh_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Key pairs for the git host and its developers, made once for a run."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def ssh_server(ssh_keys: Keys, tmp_path: Path) -> Iterator[SshServer]:
    """A running git host; `ssh_server.drop_after = 1500` and its like make it fail."""
    with SshServer(tmp_path / "remotes" / HOST, ssh_keys) as server:
        yield server


@pytest.fixture
def ssh_client(sandbox: Sandbox, ssh_server: SshServer) -> SshClient:
    """The developer's ~/.ssh, ready to reach the host; `ssh_client.know_no_host()` is the first day."""
    client = SshClient(sandbox, ssh_server)
    client.set_up()
    return client


@pytest.fixture
def ssh_remotes(ssh_client: SshClient, tmp_path: Path) -> Remotes:
    """As `remotes`, but served over ssh: git contacts the real server with the real client."""
    return Remotes(tmp_path / "remotes")


@pytest.fixture
def package_index(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pip reach the package index of the machine that runs the tests; all else stays sealed."""
    allow_package_index(sandbox, monkeypatch, _OUTSIDE)


@pytest.fixture
def docker_compose(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The docker client with Compose v2, for what needs no engine: `docker_compose.ok("compose", "config", cwd=…)`."""
    reach_the_daemon(sandbox, monkeypatch, _OUTSIDE)
    return need_compose(_OUTSIDE)
