"""The tests' own git host, held against plain git and the real ssh client."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.support.git import GitFailed, git
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.ssh_server import PASSPHRASE, SshClient, SshServer
from tests.support.terminal import CTRL_C, on_terminal

pytestmark = pytest.mark.ssh
QUIETLY = {"GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}


@pytest.fixture
def billing(ssh_remotes: Remotes) -> Remote:
    return ssh_remotes.create("acme/billing")


def clone(url: str, folder: Path) -> Path:
    git(folder.parent, "clone", "--quiet", url, folder, env=QUIETLY)
    return folder


def test_clone_and_fetch(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    checkout = clone(billing.url, tmp_path / "billing")
    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    tip = billing.commit()
    git(checkout, "fetch", "--quiet", env=QUIETLY)
    assert git(checkout, "rev-parse", "origin/main") == tip
    assert ssh_server.connections == 2
    assert ssh_server.commands == ["git-upload-pack '/acme/billing.git'"] * 2


def test_a_partial_clone_is_granted(billing: Remote, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", billing.url, "partial")
    assert git(tmp_path / "partial", "config", "remote.origin.partialclonefilter") == "blob:none"


@pytest.mark.parametrize(
    "url",
    [
        "git@github.com:acme/billing.git",
        "ssh://git@git.example.test/acme/billing",
        "ssh://git@github.com/acme/billing.git/",
    ],
)
def test_other_spellings_and_the_other_host(url: str, billing: Remote, tmp_path: Path) -> None:
    assert billing.head() in git(tmp_path, "ls-remote", url)


def test_the_port_may_stand_in_the_url(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    url = f"ssh://git@git.example.test:{ssh_server.port}/acme/billing.git"
    assert billing.head() in git(tmp_path, "ls-remote", url)


def test_nothing_but_upload_pack_is_served(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    checkout = clone(billing.url, tmp_path / "billing")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    with pytest.raises(GitFailed, match="Repository not found"):
        git(checkout, "push", "--quiet", env=QUIETLY)
    shell = subprocess.run(["ssh", "git@github.com", "id"], capture_output=True, check=False)
    assert (shell.returncode, shell.stdout) == (1, b"")
    assert ssh_server.commands[-1] == "id"


@pytest.mark.parametrize("name", ["acme/nothing", "../outside", "acme"])
def test_what_is_not_there_is_not_found(name: str, billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", ssh_server.folder.parent / "outside.git")
    with pytest.raises(GitFailed, match="Repository not found"):
        git(tmp_path, "ls-remote", ssh_server.url(name), env=QUIETLY)


def test_a_key_that_the_host_does_not_know(billing: Remote, ssh_server: SshServer, ssh_client: SshClient) -> None:
    ssh_client.offer(ssh_server.keys.stranger)
    with pytest.raises(GitFailed, match=r"Permission denied \(publickey"):
        git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_a_key_that_was_withdrawn(billing: Remote, ssh_server: SshServer) -> None:
    ssh_server.accepts_keys = False
    with pytest.raises(GitFailed, match="Permission denied"):
        git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_a_host_that_asks_for_nothing(billing: Remote, ssh_server: SshServer, ssh_client: SshClient) -> None:
    ssh_server.demands_key = False
    ssh_client.offer(ssh_server.keys.stranger)
    assert billing.head() in git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_an_unknown_host(billing: Remote, ssh_client: SshClient) -> None:
    ssh_client.know_no_host()
    with pytest.raises(GitFailed, match="Host key verification failed"):
        git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_a_host_with_another_key_than_the_known_one(
    billing: Remote, ssh_server: SshServer, ssh_client: SshClient
) -> None:
    ssh_client.know(ssh_server.keys.stranger)
    with pytest.raises(GitFailed, match="REMOTE HOST IDENTIFICATION HAS CHANGED"):
        git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_a_host_that_is_down(billing: Remote, ssh_server: SshServer) -> None:
    ssh_server.stop_listening()
    with pytest.raises(GitFailed, match="Connection refused"):
        git(billing.bare, "ls-remote", billing.url, env=QUIETLY)


def test_a_connection_cut_in_the_middle_of_the_pack(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    billing.commit({"large.bin": bytes(range(256)) * 4000 + tmp_path.name.encode()})
    ssh_server.drop_after = 1500
    with pytest.raises(GitFailed, match=r"early EOF|unexpected disconnect|Connection .*(closed|reset)"):
        clone(billing.url, tmp_path / "billing")
    ssh_server.drop_after = None
    assert (clone(billing.url, tmp_path / "billing") / "large.bin").is_file()


def test_a_host_that_never_answers(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    ssh_server.hangs = True
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["git", "ls-remote", billing.url], cwd=tmp_path, capture_output=True, timeout=1, check=False)
    assert ssh_server.commands == ["git-upload-pack '/acme/billing.git'"]


def test_a_slow_host(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    ssh_server.delay = 0.5
    start = time.monotonic()
    git(tmp_path, "ls-remote", billing.url, env=QUIETLY)
    assert time.monotonic() - start >= 0.5


def test_connections_at_the_same_time_are_counted(billing: Remote, ssh_server: SshServer, tmp_path: Path) -> None:
    ssh_server.delay = 1.0
    waiting = [subprocess.Popen(["git", "ls-remote", "-q", billing.url], stdout=subprocess.DEVNULL) for _ in range(3)]
    assert [process.wait() for process in waiting] == [0, 0, 0]
    assert (ssh_server.connections, ssh_server.most_at_once) == (3, 3)


def test_a_person_accepts_the_host_and_opens_the_key(
    billing: Remote, ssh_server: SshServer, ssh_client: SshClient, tmp_path: Path, sandbox: Sandbox
) -> None:
    ssh_client.know_no_host()
    ssh_client.offer(ssh_server.keys.protected)
    screen = on_terminal(
        ["git", "clone", billing.url, "billing"],
        cwd=tmp_path,
        answers=[("continue connecting (yes/no", "yes"), ("Enter passphrase for key", PASSPHRASE)],
    )
    assert screen.exit_code == 0, screen.text
    assert (tmp_path / "billing" / "README.md").is_file()
    assert sandbox.known_hosts.read_text().startswith("github.com ssh-ed25519 ")


def test_a_wrong_passphrase(billing: Remote, ssh_server: SshServer, ssh_client: SshClient, tmp_path: Path) -> None:
    ssh_client.offer(ssh_server.keys.protected)
    screen = on_terminal(
        ["git", "ls-remote", billing.url], cwd=tmp_path, answers=[("Enter passphrase for key", "wrong")] * 3
    )
    assert screen.exit_code != 0
    assert "Permission denied" in screen.text


def test_ctrl_c_at_the_question(billing: Remote, ssh_client: SshClient, tmp_path: Path) -> None:
    ssh_client.know_no_host()
    screen = on_terminal(
        ["git", "ls-remote", billing.url], cwd=tmp_path, answers=[("continue connecting (yes/no", CTRL_C)]
    )
    assert screen.exit_code != 0
