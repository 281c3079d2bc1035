"""vendorws with the real ssh client against a real git host: the first day, the bad days, and all the others."""

from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Result, Vendorws
from tests.support.git import GitFailed, git
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.ssh_server import HOSTS, PASSPHRASE, SshClient, SshServer
from tests.support.submodules import add_submodules, record
from tests.support.terminal import Screen, on_terminal
from tests.support.workspace import Workspace
from vendorws.git_client.ssh import socket_folder, ssh_command
from vendorws.git_client.urls import ssh_destination

pytestmark = pytest.mark.ssh

ASKS_FOR_THE_HOST = "continue connecting (yes/no"
ASKS_FOR_THE_KEY = "Enter passphrase for key"


@pytest.fixture
def billing(ssh_remotes: Remotes) -> Remote:
    return ssh_remotes.create("acme/billing")


@pytest.fixture
def shop(ssh_remotes: Remotes, billing: Remote, project: Project) -> tuple[Remote, ...]:
    """A project with three packages on one host; the first is billing."""
    remotes = (billing, ssh_remotes.create("acme/ledger"), ssh_remotes.create("acme/search"))
    project.require(*(remote.line("main") for remote in remotes))
    return remotes


def sync_on_terminal(project: Project, *answers: tuple[str, str], env: dict[str, str] | None = None) -> Screen:
    return on_terminal([*COMMAND, "sync"], cwd=project.root, answers=answers, env=env)


def failure(result: Result, name: str) -> str:
    """The paragraph about `name`, and others that failed like it, in the list at the end."""
    lines = result.stderr.splitlines()
    start = next((number for number, line in enumerate(lines) if name in line.partition(": ")[0].split(", ")), None)
    assert start is not None, result
    rest = lines[start + 1 :]
    indented = next((number for number, line in enumerate(rest) if not line.startswith("  ")), len(rest))
    return "\n".join(lines[start : start + 1 + indented])


class Wrapper:
    """A developer's own ssh command: it notes what it was called with and becomes the real client."""

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self.path = sandbox.bin / name
        self._log = sandbox.root / f"{name}.log"
        # One write for each call: others are made at the same time.
        self.path.write_text(
            f'#!/bin/sh\ncall=$(printf "%s|" "$@")\nprintf "%s\\n" "$call" >> "{self._log}"\nexec ssh "$@"\n'
        )
        self.path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """The arguments of each call, less those that only ask what the client is configured to do."""
        lines = self._log.read_text("utf-8").splitlines() if self._log.exists() else []
        return [call for line in lines if "-G" not in (call := line.split("|")[:-1])]


# -- every day -------------------------------------------------------------------------------------------------


@in_any_path
def test_clone_and_fetch(project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer) -> None:
    project.require(billing.line("main"))
    vendorws.ok("sync")
    checkout = project.checkout("billing")
    assert git(checkout, "config", "remote.origin.url") == "ssh://git@github.com/acme/billing.git"
    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    tip = billing.commit()
    vendorws.ok("sync")
    assert git(checkout, "rev-parse", "HEAD", "main") == f"{tip}\n{tip}"
    assert set(ssh_server.commands) == {"git-upload-pack '/acme/billing.git'"}


def test_what_is_not_there_needs_no_look_before_its_server_is_called(
    project: Project, shop: tuple[Remote, ...], ssh_server: SshServer
) -> None:
    """The caller may use the time that the server takes; with nothing to ask there is no such time."""
    workspace = Workspace(project)
    first, second, *_ = shop
    project.require(first.line("main"))
    workspace.sync()
    assert workspace.meanwhile == [first.name.rpartition("/")[2]]
    project.require(first.line(first.head()), second.line(second.head()))
    workspace.trace.clear()
    workspace.sync()
    assert workspace.meanwhile[1:] == [second.name.rpartition("/")[2]]
    verbs = [line.split()[2] for line in workspace.trace if line.split()[1:2] == ["git"]]
    assert verbs.index("config") < verbs.index("status"), "where the server is, before anything is looked at"
    workspace.sync()
    assert len(workspace.meanwhile) == 2


def test_status_stays_at_home_until_it_is_told_to_fetch(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(billing.line("main"))
    vendorws.ok("sync")
    billing.commit()
    before = ssh_server.connections
    assert "in sync" in vendorws.ok("status").stdout
    assert ssh_server.connections == before
    assert "1 behind" in vendorws.ok("status", "--fetch").stdout
    assert ssh_server.connections > before


def test_a_commit_that_is_here_needs_no_network(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(billing.line(billing.head()))
    vendorws.ok("sync")
    before = ssh_server.connections
    assert "in sync" in vendorws.ok("sync").stdout
    assert ssh_server.connections == before


def test_a_tag_that_is_here_and_trusted_needs_no_network(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(billing.line("v1.0"))
    project.write("pyproject.toml", "[tool.vendorws]\ntrust-tags = true\n")
    vendorws.ok("sync")
    billing.tag("v1.0", at="main")
    before = ssh_server.connections
    assert "in sync" in vendorws.ok("sync").stdout
    assert ssh_server.connections == before
    assert "tag v1.0 moved" in vendorws("status", "--fetch").stdout
    assert ssh_server.connections > before


def test_packages_from_two_hosts(
    project: Project, billing: Remote, ssh_remotes: Remotes, ssh_server: SshServer, vendorws: Vendorws
) -> None:
    ssh_remotes.create("acme/ledger")
    other = f"-e git+{ssh_server.url('acme/ledger', host=HOSTS[1])}@main#egg=ledger"
    project.require(billing.line("main"), other)
    vendorws.ok("sync")
    assert git(project.checkout("ledger"), "config", "remote.origin.url") == ssh_server.url(
        "acme/ledger", host=HOSTS[1]
    )
    assert project.checkout("billing").is_dir()


# -- the bad days ----------------------------------------------------------------------------------------------


def test_a_key_that_the_host_does_not_know(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_client: SshClient, ssh_server: SshServer
) -> None:
    ssh_client.offer(ssh_server.keys.stranger)
    result = vendorws("sync")
    assert result.exit_code == 3
    for name in ("billing", "ledger", "search"):
        assert "did not accept your ssh key" in failure(result, name)
        assert "git: git@127.0.0.1: Permission denied (publickey" in failure(result, name)
        assert "ssh-add" in failure(result, name)
        assert "`ssh -T git@github.com`" in failure(result, name)
    assert result.stderr.count("ssh -T") == 1, "once for the server"
    assert [path.name for path in project.vendor.iterdir() if path.is_dir()] == []


def test_an_unknown_host_without_a_terminal_is_a_failure_with_its_hint(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_client: SshClient, sandbox: Sandbox
) -> None:
    project.require(billing.line("main"))
    ssh_client.know_no_host()
    result = vendorws("sync", "--json")
    assert result.exit_code == 3
    told = result.json["repositories"][0]["failure"]
    assert told["message"] == "the server's host key is not known yet"
    assert "Host key verification failed." in told["git_says"]
    assert "on a terminal" in told["hint"] and "`ssh -T git@github.com`" in told["hint"]
    assert not sandbox.known_hosts.exists()


def test_a_host_with_another_key_than_the_known_one(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_client: SshClient, ssh_server: SshServer
) -> None:
    project.require(billing.line("main"))
    ssh_client.know(ssh_server.keys.stranger)
    result = vendorws("sync")
    assert result.exit_code == 3
    assert "the server's host key is not the one that is known" in failure(result, "billing")
    assert "`ssh-keygen -R github.com`" in failure(result, "billing")
    assert "HOST" not in failure(result, "billing").replace("HOST IDENTIFICATION", "")


@pytest.mark.parametrize("own", [False, True])
def test_the_host_and_the_port_are_named_where_no_connection_is_shared(
    own: bool, project: Project, billing: Remote, vendorws: Vendorws, ssh_client: SshClient, ssh_server: SshServer
) -> None:
    """With sharing of the developer's own, or an ssh command of one checkout's own."""
    url = f"ssh://git@github.com:{ssh_server.port}/acme/billing.git"
    project.require(f"-e git+{url}@main#egg=billing")
    if own:
        vendorws.ok("sync")
        git(project.checkout("billing"), "config", "core.sshCommand", "ssh -4")
    else:
        ssh_client.sandbox.add_ssh_host("Host github.com\n    ControlPath /nowhere/%C\n")
    ssh_client.know_no_host()
    result = vendorws("sync")
    assert f"`ssh -T -p {ssh_server.port} git@github.com`" in failure(result, "billing")


def test_a_submodule_on_another_host_names_that_host(
    project: Project, ssh_remotes: Remotes, vendorws: Vendorws, ssh_client: SshClient, ssh_server: SshServer
) -> None:
    billing, lib = ssh_remotes.create("acme/billing"), ssh_remotes.create("acme/lib")
    add_submodules(billing, lib)
    there = ssh_server.url("acme/lib", host=HOSTS[1])
    billing.commit({".gitmodules": f'[submodule "lib"]\n\tpath = lib\n\turl = {there}\n'})
    project.require(billing.line("main"))
    # Both are one machine here, which one connection would do for.
    ssh_client.sandbox.add_ssh_host("Host *\n    ControlPath /nowhere/%C\n")
    known = ssh_client.sandbox.known_hosts.read_text("utf-8")
    only_first = "".join(line for line in known.splitlines(keepends=True) if line.startswith(HOSTS[0]))
    ssh_client.sandbox.known_hosts.write_text(only_first, "utf-8")
    assert f"`ssh -T git@{HOSTS[1]}`" in failure(vendorws("sync"), "billing"), "when it is cloned"
    ssh_client.sandbox.known_hosts.write_text(known, "utf-8")
    vendorws.ok("sync")
    lib.commit()
    record(billing, lib)
    ssh_client.sandbox.known_hosts.write_text(only_first, "utf-8")
    assert f"`ssh -T git@{HOSTS[1]}`" in failure(vendorws("sync"), "billing"), "when it is moved"


@pytest.mark.parametrize("times", [1, 3])
def test_a_connection_cut_in_the_middle_of_the_pack_is_tried_again(
    times: int, project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    billing.commit({"large.bin": bytes(range(256)) * 400})
    project.require(billing.line("main"))
    ssh_server.drop_after, ssh_server.drops = 1500, times
    vendorws.ok("sync")
    assert git(project.checkout("billing"), "status", "--porcelain") == ""
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == billing.head()


@pytest.mark.slow
def test_a_connection_that_is_cut_each_time(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    billing.commit({"large.bin": bytes(range(256)) * 400})
    project.require(billing.line("main"))
    ssh_server.drop_after = 1500
    result = vendorws("sync")
    assert result.exit_code == 3
    assert "the connection was lost" in failure(result, "billing")
    assert [path.name for path in project.vendor.iterdir() if path.is_dir()] == []  # nothing half-done stays
    ssh_server.drop_after = None
    vendorws.ok("sync")
    assert (project.checkout("billing") / "large.bin").is_file()


def test_a_cut_fetch_leaves_the_checkout_as_it_was(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(billing.line("main"))
    vendorws.ok("sync")
    before = git(project.checkout("billing"), "rev-parse", "HEAD", "origin/main")
    billing.commit({"large.bin": random.Random(0).randbytes(100_000)})  # nothing that git could make small
    ssh_server.drop_after = 1500
    result = vendorws("sync")
    assert result.exit_code == 3
    assert git(project.checkout("billing"), "rev-parse", "HEAD", "origin/main") == before
    assert git(project.checkout("billing"), "status", "--porcelain") == ""


def test_a_host_that_is_down(project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer) -> None:
    project.require(billing.line("main"))
    ssh_server.stop_listening()
    result = vendorws("sync")
    assert result.exit_code == 3
    assert "the server could not be reached" in failure(result, "billing")
    assert "Connection refused" in failure(result, "billing")


def test_a_host_that_turns_connections_away_for_a_moment(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_server: SshServer
) -> None:
    ssh_server.turns_away = 2  # as OpenSSH does beyond its MaxStartups
    vendorws.ok("sync")
    assert ssh_server.connections > 2


@pytest.mark.parametrize("there", [False, True])
def test_a_host_that_never_answers_ends_with_the_timeout(
    there: bool,
    project: Project,
    shop: tuple[Remote, ...],
    vendorws: Vendorws,
    ssh_server: SshServer,
    tmp_path: Path,
) -> None:
    if there:
        vendorws.ok("sync")
    ssh_server.delay = 30
    result = vendorws("sync", "--timeout", "1", "--no-override")
    assert result.exit_code == 3
    assert result.stdout == (
        "billing  no answer within 1 second\n"
        "ledger   no answer within 1 second\n"
        "search   no answer within 1 second\n"
        "3 failed\n"
    )
    assert " ".join(result.stderr.split()) == (
        "billing, ledger, search: no answer within 1 second "
        "Check the network, or allow more: --timeout SECONDS, VENDORWS_TIMEOUT or timeout in [tool.vendorws]."
    )
    ssh_server.delay = 0
    slow = tmp_path / "slow-ssh"  # it does not tell what it is configured to do, so git is told to run it
    slow.write_text('#!/bin/sh\ncase " $* " in *" -G "*) exit 1 ;; esac\nsleep 30\n')
    slow.chmod(0o755)
    told = vendorws("sync", "--timeout", "1", "-v", env={"GIT_SSH_COMMAND": str(slow)}).stderr
    assert "+ billing: git ls-remote " in told if there else "+ vendor: git clone " in told


def test_one_failure_stops_nobody_and_is_listed_again_at_the_end(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws
) -> None:
    project.require(shop[0].line("main"), "-e git+ssh://git@github.com/acme/nothing.git#egg=nothing", shop[1].line())
    result = vendorws("sync")
    assert result.exit_code == 3
    assert (project.checkout("billing") / "README.md").is_file()
    assert (project.checkout("ledger") / "README.md").is_file()
    assert "2 cloned, 1 failed" in result.stdout
    told = failure(result, "nothing")
    assert "git: ERROR: Repository not found." in told
    assert "Check the URL in requirements.txt" in told


def test_the_other_host_goes_on_where_one_is_not_to_be_reached(
    project: Project, billing: Remote, vendorws: Vendorws
) -> None:
    project.require(billing.line("main"), "-e git+ssh://git@nowhere.example.test/acme/ledger.git#egg=ledger")
    result = vendorws("sync")
    assert result.exit_code == 3
    assert project.checkout("billing").is_dir()
    assert "Network is unreachable" in failure(result, "ledger")


def test_the_local_part_is_reported_where_the_host_is_down(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(billing.line("main"))
    vendorws.ok("sync")
    (project.checkout("billing") / "README.md").write_text("mine\n")
    ssh_server.stop_listening()
    result = vendorws("status", "--fetch", "--json")
    assert result.exit_code == 3
    (billing_now,) = result.json["repositories"]
    assert (billing_now["branch"], billing_now["unstaged"]) == ("main", 1)
    assert billing_now["failure"]["exit_code"] == 3


# -- the first day, on a terminal ------------------------------------------------------------------------------


def test_a_person_accepts_the_host_and_opens_the_key_once_for_all_packages(
    project: Project, shop: tuple[Remote, ...], ssh_client: SshClient, ssh_server: SshServer, sandbox: Sandbox
) -> None:
    ssh_client.know_no_host()
    ssh_client.offer(ssh_server.keys.protected)
    screen = sync_on_terminal(project, (ASKS_FOR_THE_HOST, "yes"), (ASKS_FOR_THE_KEY, PASSPHRASE))
    assert screen.exit_code == 0, screen.text
    assert "3 cloned" in screen.text
    assert screen.text.count(ASKS_FOR_THE_HOST) == screen.text.count(ASKS_FOR_THE_KEY) == 1
    assert sandbox.known_hosts.read_text().startswith("github.com ssh-ed25519 ")


def test_each_host_asks_for_itself(
    project: Project, shop: tuple[Remote, ...], ssh_client: SshClient, ssh_server: SshServer
) -> None:
    other = f"-e git+{ssh_server.url('acme/ledger', host=HOSTS[1])}#egg=ledger"
    project.require(shop[0].line("main"), other, shop[2].line("main"))
    ssh_client.know_no_host()
    screen = sync_on_terminal(project, (ASKS_FOR_THE_HOST, "yes"), (ASKS_FOR_THE_HOST, "yes"))
    assert screen.exit_code == 0, screen.text
    assert "3 cloned" in screen.text
    assert screen.text.count(ASKS_FOR_THE_HOST) == 2


def test_a_question_stays_readable_while_it_waits(project: Project, billing: Remote, ssh_client: SshClient) -> None:
    project.require(billing.line("main"))
    ssh_client.know_no_host()
    screen = sync_on_terminal(project, (ASKS_FOR_THE_HOST, "yes"))
    asked = screen.raw.index(ASKS_FOR_THE_HOST)
    answered = screen.raw.index("yes\r\n", asked)
    assert "\x1b[" not in screen.raw[asked:answered]  # no cursor moves: no progress is drawn over it


def test_a_person_who_says_no(project: Project, shop: tuple[Remote, ...], ssh_client: SshClient) -> None:
    ssh_client.know_no_host()
    screen = sync_on_terminal(project, (ASKS_FOR_THE_HOST, "no"))
    assert screen.exit_code == 3
    assert screen.text.count(ASKS_FOR_THE_HOST) == 1
    assert "3 failed" in screen.text
    assert "the server's host key is not known yet" in screen.text


def test_a_person_who_types_ctrl_c(project: Project, billing: Remote, ssh_client: SshClient) -> None:
    project.require(billing.line("main"))
    ssh_client.know_no_host()
    screen = sync_on_terminal(project, (ASKS_FOR_THE_HOST, "\x03"))
    assert screen.exit_code == 130, screen.text
    assert "Traceback" not in screen.text
    assert not project.checkout("billing").exists()


def test_a_wrong_passphrase(project: Project, billing: Remote, ssh_client: SshClient, ssh_server: SshServer) -> None:
    project.require(billing.line("main"))
    ssh_client.offer(ssh_server.keys.protected)
    screen = sync_on_terminal(project, *[(ASKS_FOR_THE_KEY, "wrong")] * 3)
    assert screen.exit_code == 3
    assert "did not accept your ssh key" in screen.text


def test_nothing_is_asked_where_nothing_is_to_be_fetched(
    project: Project, billing: Remote, vendorws: Vendorws, ssh_client: SshClient
) -> None:
    project.require(billing.line(billing.head()))
    vendorws.ok("sync")
    ssh_client.know_no_host()
    assert sync_on_terminal(project).exit_code == 0


# -- one connection for each server ----------------------------------------------------------------------------


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder that a login session gives its user for sockets; short, as it is on a real machine."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        yield Path(folder)


def sockets(runtime: Path) -> list[Path]:
    return [path for path in runtime.glob("vendorws/*") if path.is_socket()]


def wait_until(true: Callable[[], object]) -> None:
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up, "it never came"
        time.sleep(0.02)


@contextmanager
def sync_at_work(project: Project, ssh_server: SshServer) -> Iterator[subprocess.Popen[bytes]]:
    """A `vendorws sync` in the middle of its work on three packages, which never ends by itself."""
    ssh_server.hangs = True
    quiet = subprocess.DEVNULL
    with subprocess.Popen([*COMMAND, "sync"], cwd=project.root, stdout=quiet, stderr=quiet) as running:
        try:
            wait_until(lambda: len(ssh_server.commands) == 3)
            yield running
        finally:
            running.kill()


def test_all_packages_share_one_connection(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_server: SshServer
) -> None:
    vendorws.ok("sync")
    assert (ssh_server.connections, len(ssh_server.commands)) == (1, 3)
    vendorws.ok("sync")
    assert (ssh_server.connections, len(ssh_server.commands)) == (2, 6)


def test_no_more_sessions_at_a_time_than_a_host_allows_by_default(
    project: Project, ssh_remotes: Remotes, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    project.require(*(ssh_remotes.create(f"acme/part-{number}").line("main") for number in range(14)))
    ssh_server.max_sessions = 10
    ssh_server.delay = 0.3
    vendorws.ok("sync", "--jobs", "14")
    assert ssh_server.connections == 1


def test_a_host_that_allows_no_second_session_is_asked_by_connections_of_their_own(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_server: SshServer
) -> None:
    ssh_server.max_sessions = 1
    ssh_server.delay = 0.3
    vendorws.ok("sync")
    assert ssh_server.connections > 1


def test_hosts_are_told_apart_on_one_machine(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_server: SshServer
) -> None:
    other = f"-e git+{ssh_server.url('acme/ledger', host=HOSTS[1])}#egg=ledger"
    project.require(shop[0].line("main"), other, shop[2].line("main"))
    vendorws.ok("sync")
    assert (ssh_server.connections, len(ssh_server.commands)) == (2, 3)


def test_the_connection_is_closed_at_the_end(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, ssh_server: SshServer, runtime: Path
) -> None:
    vendorws.ok("sync")
    assert sockets(runtime) == []
    wait_until(lambda: ssh_server.open_now == 0)


def test_the_connection_is_gone_after_a_kill(
    project: Project, shop: tuple[Remote, ...], ssh_server: SshServer, runtime: Path
) -> None:
    with sync_at_work(project, ssh_server) as running:
        assert len(sockets(runtime)) == 1
        running.kill()
    wait_until(lambda: not sockets(runtime) and ssh_server.open_now == 0)


def test_ctrl_c_ends_the_connection_too(
    project: Project, shop: tuple[Remote, ...], ssh_server: SshServer, runtime: Path
) -> None:
    with sync_at_work(project, ssh_server) as running:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=20) == 130
    assert sockets(runtime) == []
    wait_until(lambda: ssh_server.open_now == 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_another_user_of_the_machine_cannot_use_the_connection(
    project: Project, shop: tuple[Remote, ...], ssh_server: SshServer, runtime: Path
) -> None:
    runtime.chmod(0o755)

    def said_to(user: int) -> str:
        asked = ["/usr/bin/ssh", "-F", "/dev/null", "-S", socket, "-O", "check", "github.com"]
        return subprocess.run(asked, user=user, cwd="/", capture_output=True, text=True, check=False).stderr

    with sync_at_work(project, ssh_server):
        (socket,) = sockets(runtime)
        assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
        assert "Master running" in said_to(user=0)
        assert "Permission denied" in said_to(user=65534)
        socket.parent.chmod(0o777)  # and if that door stood open, ssh itself would ask who is there
        socket.chmod(0o777)
        assert "Master running" not in said_to(user=65534)
        socket.parent.chmod(0o700)


def test_sharing_that_the_developer_has_set_up_is_left_alone(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, sandbox: Sandbox, runtime: Path
) -> None:
    sandbox.add_ssh_host(f"Host github.com\n    ControlMaster auto\n    ControlPath {runtime}/own-%C\n")
    own = Wrapper(sandbox, "own-ssh")
    vendorws.ok("sync", env={"GIT_SSH_COMMAND": str(own.path)})
    assert never_asks(own)
    assert not any("Control" in argument for call in own.calls for argument in call)


def test_a_folder_for_sockets_that_others_may_enter_is_not_used(runtime: Path) -> None:
    (runtime / "vendorws").mkdir(mode=0o755)
    assert socket_folder(os.environ) != runtime / "vendorws"
    (runtime / "vendorws").rmdir()
    elsewhere = runtime / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (runtime / "vendorws").symlink_to(elsewhere)
    assert socket_folder(os.environ) != runtime / "vendorws"
    (runtime / "vendorws").unlink()
    assert socket_folder(os.environ) == runtime / "vendorws"


def test_a_folder_whose_path_is_too_long_for_a_socket_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 60)
    folder.mkdir()
    chosen = socket_folder({"XDG_RUNTIME_DIR": str(folder)})
    assert chosen is not None and len(str(chosen)) <= 36


@pytest.mark.parametrize("checked_out", [True, False])
def test_a_command_for_the_folders_of_one_employer(
    checked_out: bool, project: Project, billing: Remote, vendorws: Vendorws, sandbox: Sandbox
) -> None:
    """A git configuration with an `includeIf`, as people with several accounts have it."""
    project.require(billing.line("main"))
    if checked_out:
        vendorws.ok("sync")
    own, not_here = Wrapper(sandbox, "own-ssh"), Wrapper(sandbox, "other-ssh")
    for name, program in (("work", own), ("elsewhere", not_here)):
        (sandbox.home / name).write_text(f'[core]\n    sshCommand = "{program.path} -4"\n')
    sandbox.add_git_config(
        f'[includeIf "gitdir:{project.repository}/"]\n    path = work\n'
        f'[includeIf "gitdir:{sandbox.home}/"]\n    path = elsewhere\n'
    )
    vendorws.ok("sync")
    assert never_asks(own, "-4")
    assert not_here.calls == []
    assert [path.name for path in project.vendor.iterdir() if path.is_dir()] == ["billing"]


def test_a_host_that_git_is_told_to_find_elsewhere_is_not_contacted(
    project: Project, billing: Remote, vendorws: Vendorws, sandbox: Sandbox, ssh_server: SshServer
) -> None:
    project.require(billing.line("main"))
    sandbox.add_git_config(f'[url "file://{ssh_server.folder}/"]\n    insteadOf = ssh://git@github.com/\n')
    vendorws.ok("sync")
    assert ssh_server.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "ssh://git@github.com/acme/billing.git",
        "ssh://github.com/acme/billing.git",
        "ssh://git@github.com:2222/acme/billing.git",
        "ssh://git@[::1]:2222/acme/billing.git",
        "ssh://git@[::1]/acme/billing.git",
        "git+ssh://git@github.com/~dev/billing.git",
        "git@github.com:acme/billing.git",
        "github.com:acme/billing.git",
        "git@[::1]:acme/billing.git",
        "ssh://a.developer@Git.Example.Test:/acme/billing.git",
    ],
)
def test_the_server_is_named_to_ssh_as_git_names_it(url: str, sandbox: Sandbox) -> None:
    told = sandbox.root / "told"
    witness = {"GIT_SSH_COMMAND": f"printf '%s\\n' >'{told}'", "GIT_SSH_VARIANT": "ssh", "GIT_PROTOCOL_VERSION": "0"}
    with pytest.raises(GitFailed):
        git(sandbox.home, "-c", "protocol.version=0", "ls-remote", url, env=witness)
    destination = ssh_destination(url)
    assert destination is not None
    assert told.read_text().splitlines()[:-1] == list(destination.arguments)


@pytest.mark.parametrize(
    "url", ["https://github.com/acme/x.git", "file:///srv/x.git", "/srv/x.git", "./a:b", "ssh://-oProxyCommand=x/y"]
)
def test_what_ssh_is_not_for(url: str) -> None:
    assert ssh_destination(url) is None


# -- the developer's own ssh -----------------------------------------------------------------------------------


def never_asks(wrapper: Wrapper, *own: str) -> bool:
    """Whether each call has the developer's own options first, and BatchMode after them."""
    return bool(wrapper.calls) and all(
        call[: len(own)] == list(own) and "BatchMode=yes" in call[len(own) :] for call in wrapper.calls
    )


def test_the_developers_own_command_in_the_environment(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, sandbox: Sandbox
) -> None:
    own = Wrapper(sandbox, "own ssh")
    vendorws.ok("sync", env={"GIT_SSH_COMMAND": f"'{own.path}' -4 -o ConnectTimeout=7"})
    assert never_asks(own, "-4", "-o", "ConnectTimeout=7")


def test_the_developers_own_command_in_the_git_configuration(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, sandbox: Sandbox
) -> None:
    own = Wrapper(sandbox, "own-ssh")
    sandbox.add_git_config(f'[core]\n    sshCommand = "{own.path} -4"\n')
    vendorws.ok("sync")
    assert never_asks(own, "-4")


def test_the_developers_own_command_for_one_checkout(
    project: Project, shop: tuple[Remote, ...], vendorws: Vendorws, sandbox: Sandbox
) -> None:
    vendorws.ok("sync")
    own = Wrapper(sandbox, "own-ssh")
    git(project.checkout("billing"), "config", "core.sshCommand", f"{own.path} -4")
    vendorws.ok("sync")
    assert never_asks(own, "-4")
    assert all("acme/billing" in call[-1] for call in own.calls)


def test_the_environment_wins_over_the_configuration_as_it_does_for_git(
    project: Project, billing: Remote, vendorws: Vendorws, sandbox: Sandbox
) -> None:
    project.require(billing.line("main"))
    chosen, other = Wrapper(sandbox, "chosen-ssh"), Wrapper(sandbox, "other-ssh")
    sandbox.add_git_config(f'[core]\n    sshCommand = "{other.path}"\n')
    vendorws.ok("sync", env={"GIT_SSH_COMMAND": str(chosen.path), "GIT_SSH": "/nowhere/ssh"})
    assert never_asks(chosen)
    assert other.calls == []


def test_the_developers_own_program_in_git_ssh(
    project: Project, billing: Remote, vendorws: Vendorws, sandbox: Sandbox
) -> None:
    project.require(billing.line("main"))
    own = Wrapper(sandbox, "own ssh")
    vendorws.ok("sync", env={"GIT_SSH": str(own.path)})
    assert never_asks(own)


@pytest.mark.parametrize(
    ("environ", "configured", "variant", "mute"),
    [
        ({}, None, None, "ssh -o BatchMode=yes"),
        ({}, "ssh -i ~/work", None, "ssh -i ~/work -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "ssh -v"}, "ssh -i ~/work", None, "ssh -v -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "", "GIT_SSH": "/opt/my ssh"}, None, None, "'/opt/my ssh' -o BatchMode=yes"),
        ({"GIT_SSH": "/opt/ssh"}, "ssh -i ~/work", None, "ssh -i ~/work -o BatchMode=yes"),
        ({"GIT_SSH": "C:/putty/PLINK.EXE"}, None, None, "C:/putty/PLINK.EXE -batch"),
        ({"GIT_SSH": "/opt/wrapped"}, None, "tortoiseplink", "/opt/wrapped -batch"),
        ({"GIT_SSH": "/opt/wrapped", "GIT_SSH_VARIANT": "simple"}, None, "plink", "/opt/wrapped"),
        ({"GIT_SSH_COMMAND": "plink", "GIT_SSH_VARIANT": "ssh"}, None, None, "plink -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "ssh -o 'unbalanced"}, None, None, "ssh -o 'unbalanced -o BatchMode=yes"),
    ],
)
def test_how_each_client_is_told_not_to_ask(
    environ: dict[str, str], configured: str | None, variant: str | None, mute: str
) -> None:
    assert ssh_command(environ, configured, variant).mute == mute


def test_an_askpass_program_is_not_asked_in_the_parallel_work(
    project: Project,
    billing: Remote,
    vendorws: Vendorws,
    sandbox: Sandbox,
    ssh_client: SshClient,
    ssh_server: SshServer,
) -> None:
    project.require(billing.line("main"))
    ssh_client.offer(ssh_server.keys.protected)
    asked = sandbox.root / "asked"
    askpass = sandbox.bin / "askpass"
    askpass.write_text(f"#!/bin/sh\ntouch '{asked}'\necho '{PASSPHRASE}'\n")
    askpass.chmod(askpass.stat().st_mode | stat.S_IXUSR)
    result = vendorws("sync", env={"SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0"})
    assert result.exit_code == 3
    assert not asked.exists()


def test_git_itself_asks_for_no_password_either(project: Project, vendorws: Vendorws, sandbox: Sandbox) -> None:
    """An http remote that wants a password, met by a credential helper that notes what git lets it see."""
    seen = sandbox.root / "seen"
    sandbox.add_git_config(
        f'[credential]\n    helper = "!f() {{ echo \\"$GIT_TERMINAL_PROMPT\\" > \'{seen}\'; }}; f"\n'
    )
    server = sandbox.bin / "demanding-server"
    server.write_text(_DEMANDING_SERVER)
    with subprocess.Popen([sys.executable, server], stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            port = running.stdout.readline().strip()
            project.require(f"-e git+http://127.0.0.1:{port}/acme/billing.git#egg=billing")
            result = vendorws("sync")
        finally:
            running.terminate()
    assert result.exit_code == 3
    assert "the server asks for a user name and a token" in failure(result, "billing")
    assert seen.read_text() == "0\n"


_DEMANDING_SERVER = """\
import http.server

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="acme"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
    print(server.server_port, flush=True)
    server.serve_forever()
"""
