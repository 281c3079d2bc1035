"""The door to git: what each command finds around it, when it is tried again, and when it is ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.process_tree import gone
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from vendorws.errors import EnvironmentProblem
from vendorws.git_client import command as gitcmd
from vendorws.git_client.command import Git, contact, network_config, require_git
from vendorws.git_client.failures import GitFailed, GitTimedOut
from vendorws.git_client.processes import Processes, Stopped


@pytest.fixture
def runner(project: Project) -> Git:
    project.vendor.mkdir()
    return Git(vendor=project.vendor, cwd=project.vendor)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


def by_shell(runner: Git, script: str) -> str:
    """What a shell says that git itself starts, as it starts ssh and hooks."""
    return runner.call("-c", f"alias.by-shell=!{script}", "by-shell")


# -- around a command ------------------------------------------------------------------------------------------


def test_the_environment_of_a_command(runner: Git, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "1")
    more = runner.with_environment({"GIT_SSH_COMMAND": "ssh -v"})
    seen = dict(line.partition("=")[::2] for line in by_shell(more, "env").splitlines())
    assert seen["LC_ALL"] == seen["LANGUAGE"] == "C", "what git says must be what git_failures reads"
    assert seen["GIT_TERMINAL_PROMPT"] == "0"
    assert seen["GIT_SSH_COMMAND"] == "ssh -v"
    assert seen["HOME"] == os.environ["HOME"]
    assert project.vendor in map(Path, seen["GIT_CEILING_DIRECTORIES"].split(":"))
    assert "GIT_SSH_COMMAND" not in by_shell(runner, "env")


@pytest.mark.parametrize("folder", [".", "billing", "billing/deep"])
def test_git_never_finds_the_project_around_the_checkouts(runner: Git, project: Project, folder: str) -> None:
    place = project.vendor / folder
    place.mkdir(parents=True, exist_ok=True)
    assert git(place, "rev-parse", "--show-toplevel") == str(project.repository), "as plain git does"
    for here in (replace(runner, cwd=place), runner.inside(place)):
        with pytest.raises(GitFailed) as failed:
            here.call("rev-parse", "--show-toplevel")
        assert "not a git repository" in failed.value.git_says


def test_a_vendor_that_is_reached_by_a_link(project: Project, tmp_path: Path) -> None:
    (project.vendor / "billing").mkdir(parents=True)
    (tmp_path / "link").symlink_to(project.root)
    vendor = tmp_path / "link" / "vendor"
    assert Git(vendor=vendor, cwd=vendor / "billing").run("rev-parse", "--git-dir").code == 128


def test_inside_a_checkout_that_folder_is_the_work_tree(runner: Git, project: Project, billing: Remote) -> None:
    git(project.vendor, "clone", "--quiet", billing.url, "billing")
    inside = runner.inside(project.checkout("billing"))
    git(project.checkout("billing"), "config", "core.worktree", str(project.root))
    assert inside.call("rev-parse", "--show-toplevel").strip() == str(project.checkout("billing"))


def test_what_holds_whatever_is_configured(runner: Git, sandbox: Sandbox) -> None:
    sandbox.add_git_config('[protocol]\n\tallow = always\n[protocol "ext"]\n\tallow = always\n')
    sandbox.add_git_config("[core]\n\tfsmonitor = true\n[submodule]\n\trecurse = true\n[gc]\n\tauto = 1\n")
    with pytest.raises(GitFailed, match="git does not allow that kind of URL"):
        runner.call("ls-remote", f"ext::touch {sandbox.home}/executed")
    assert not (sandbox.home / "executed").exists()
    for name in ("core.fsmonitor", "submodule.recurse", "maintenance.auto"):
        assert runner.call("config", name).strip() == "false"
    assert runner.call("config", "gc.auto").strip() == "0"
    assert runner.call("config", "clone.defaultRemoteName").strip() == "origin"


def test_what_is_said_and_heard(runner: Git) -> None:
    assert runner.call("hash-object", "--stdin", stdin="hello\n") == "ce013625030ba8dba906f756967f9e9ca394464a\n"
    finished = runner.run("rev-parse", "--verify", "no-such-thing")
    assert finished.code == 128 and "not a git repository" in finished.stderr


def test_a_failure_names_the_command_and_no_secret(runner: Git) -> None:
    with pytest.raises(GitFailed) as failed:
        runner.call("frobnicate", "https://joe:secret@host/x y")
    assert failed.value.message == "`git frobnicate 'https://joe:****@host/x y'` ended with 1"
    assert failed.value.hint == "Run it by hand to see more (-v shows each one)."


def test_a_failure_names_the_folder_as_it_is_typed_here(
    runner: Git, project: Project, billing: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(project.vendor, "clone", "--quiet", billing.url, "my billing")
    inside = runner.inside(project.checkout("my billing"))
    for here, path in ((project.root, "'vendor/my billing'"), (project.repository, "'site/vendor/my billing'")):
        monkeypatch.chdir(here)
        with pytest.raises(GitFailed) as failed:
            inside.call("cat-file", "-e", "0" * 40)
        assert failed.value.message == f"`git -C {path} cat-file -e {'0' * 40}` ended with 1"
    monkeypatch.chdir(inside.cwd)
    with pytest.raises(GitFailed, match=r"`git -C \. cat-file"):
        inside.call("cat-file", "-e", "0" * 40)


def test_each_command_is_traced_without_secrets(runner: Git, project: Project) -> None:
    seen: list[str] = []
    traced = replace(runner, trace=seen.append)
    traced.run("config", "--get", "x.y")
    replace(traced, cwd=project.root).run("check-ref-format", "https://joe:secret@host/")
    assert seen == ["vendor: git config --get x.y", "site: git check-ref-format https://joe:****@host/"]


def test_no_git(monkeypatch: pytest.MonkeyPatch) -> None:
    require_git()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentProblem, match="git is not installed"):
        require_git()


# -- the network -----------------------------------------------------------------------------------------------


def test_what_the_developer_configured_for_the_network(runner: Git, project: Project, sandbox: Sandbox) -> None:
    """That of the developer counts, that of the project's own repository is nobody else's business."""
    git(project.repository, "config", "core.sshCommand", "ssh -i project")
    git(project.repository, "config", "url.file:///nowhere/.insteadOf", "ssh://")
    config = network_config(runner)
    assert config.ssh_command is None and config.ssh_variant is None
    assert all(base != "file:///nowhere/" for _, base in config.rewrites)

    sandbox.add_git_config('[core]\n\tsshCommand = ssh -i "/my keys/acme"\n[ssh]\n\tvariant = simple\n')
    sandbox.add_git_config('[url "https://github.com/"]\n\tinsteadOf = gh:\n\tinsteadOf = "hub "\n')
    config = network_config(runner)
    assert (config.ssh_command, config.ssh_variant) == ("ssh -i /my keys/acme", "simple")
    assert config.rewrites[-2:] == (("gh:", "https://github.com/"), ("hub ", "https://github.com/"))


def test_a_server_is_contacted_as_git_is_run_but_may_ask(runner: Git, sandbox: Sandbox) -> None:
    told = runner.with_environment({"GIT_SSH_COMMAND": f"env > '{sandbox.home}/seen'; false"})
    assert contact(told, "ssh://git@example.test/acme/billing.git").code == 128
    seen = dict(line.partition("=")[::2] for line in (sandbox.home / "seen").read_text().splitlines())
    assert seen["LC_ALL"] == seen["LANGUAGE"] == "C"
    assert runner.vendor in map(Path, seen["GIT_CEILING_DIRECTORIES"].split(":"))
    assert "GIT_TERMINAL_PROMPT" not in seen


def test_no_server_is_contacted_by_a_program(runner: Git, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the developer lets git run programs for a URL, and has one started for this one."""
    proof = sandbox.home / "executed"
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:https:ssh:file")
    sandbox.add_git_config(f'[url "ext::touch {proof} "]\n    insteadOf = https://example.test/\n')
    for url in (f"ext::touch {proof} x", "https://example.test/acme/billing.git"):
        finished = contact(replace(runner, processes=Processes()), url)  # which take over the environment of now
        assert finished.code == 128 and "transport 'ext' not allowed" in finished.stderr
        assert not proof.exists()


def test_progress_is_told_in_few_words(runner: Git, billing: Remote) -> None:
    for number in range(20):
        billing.commit({f"file{number}": "x" * 1000 * number})
    seen: list[str] = []
    watched = replace(runner, watch=seen.append)
    watched.call("clone", *watched.counting, "--", billing.url, "billing", progress=True)
    assert {line.split()[0] for line in seen} >= {"counting", "receiving"}
    assert any(line.startswith("receiving ") and "/" in line for line in seen)


def test_git_counts_aloud_only_where_somebody_watches(runner: Git, billing: Remote) -> None:
    assert runner.counting == ()
    said = runner.run("clone", *runner.counting, "--", billing.url, "billing", progress=True).stderr
    assert "receiving" not in said.lower()


def test_sessions_are_counted_while_the_remote_is_spoken_to(runner: Git, billing: Remote) -> None:
    events: list[str] = []

    class Sessions:
        def __enter__(self) -> None:
            events.append("begins")

        def __exit__(self, *_: object) -> None:
            events.append("ends")

    counted = replace(runner, sessions=Sessions(), trace=lambda _line: events.append("git"))
    counted.run("config", "--get", "x.y")
    counted.call("ls-remote", "--", billing.url, progress=True)
    assert events == ["git", "begins", "git", "ends"]


def ssh_that(sandbox: Sandbox, script: str) -> str:
    """A program in place of ssh; it counts how often it was started, in `attempts`."""
    program = sandbox.bin / "ssh-that"
    program.write_text(f'#!/bin/sh\necho >> "{sandbox.home}/attempts"\n{script}\n')
    program.chmod(0o755)
    return str(program)


def attempts(sandbox: Sandbox) -> int:
    return len((sandbox.home / "attempts").read_text().splitlines())


SERVE = 'shift $(($# - 1)); exec sh -c "$1"'
"""What ssh does on a good day, without a network: run the command that git asks the server to run."""
DROP = "echo 'kex_exchange_identification: Connection closed by remote host' >&2; exit 255"


def test_a_dropped_connection_is_tried_again(
    runner: Git, billing: Remote, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitcmd, "_PAUSES", (0.01, 0.01, 0.01))
    ssh = ssh_that(sandbox, f'[ $(wc -l < "$HOME/attempts") -ge 3 ] || {{ {DROP}; }}\n{SERVE}')
    by_ssh = runner.with_environment({"GIT_SSH": ssh, "GIT_SSH_VARIANT": "ssh"})
    listed = by_ssh.call("ls-remote", "--", f"ssh://example.test{billing.bare}", "refs/heads/main", progress=True)
    assert listed.startswith(billing.head())
    assert attempts(sandbox) == 3


def test_in_the_end_a_dropped_connection_is_a_failure(
    runner: Git, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitcmd, "_PAUSES", (0.01, 0.01, 0.01))
    by_ssh = runner.with_environment({"GIT_SSH": ssh_that(sandbox, DROP), "GIT_SSH_VARIANT": "ssh"})
    with pytest.raises(GitFailed, match="the connection was lost"):
        by_ssh.call("ls-remote", "--", "ssh://example.test/x", progress=True)
    assert attempts(sandbox) == 4


@pytest.mark.parametrize("progress", [False, True])
def test_what_will_fail_again_is_tried_once(runner: Git, sandbox: Sandbox, progress: bool) -> None:
    refused = "echo 'git@example.test: Permission denied (publickey).' >&2; exit 255"
    ssh = ssh_that(sandbox, refused if progress else DROP)
    by_ssh = runner.with_environment({"GIT_SSH": ssh, "GIT_SSH_VARIANT": "ssh"})
    assert by_ssh.run("ls-remote", "--", "ssh://example.test/x", progress=progress).code == 128
    assert attempts(sandbox) == 1


# -- the end ---------------------------------------------------------------------------------------------------


def timed(runner: Git, seconds: float) -> Git:
    return replace(runner, timeout=seconds, deadline=time.monotonic() + seconds)


def test_a_timeout_ends_git_and_its_children(runner: Git, sandbox: Sandbox, project: Project) -> None:
    ssh = ssh_that(sandbox, f'echo $$ > "{sandbox.home}/pid"; sleep 60')
    by_ssh = timed(runner, 1).with_environment({"GIT_SSH": ssh, "GIT_SSH_VARIANT": "ssh"})
    start = time.monotonic()
    with pytest.raises(GitTimedOut) as timed_out:
        by_ssh.call("clone", "--", "ssh://joe:secret@example.test/x", str(project.vendor / "x"), progress=True)
    assert time.monotonic() - start < 4
    assert timed_out.value.message == "no answer within 1 second"
    assert timed_out.value.code_of_exit == 3
    assert gone(int((sandbox.home / "pid").read_text()))
    assert not (project.vendor / "x").exists(), "git itself tidies up when it is asked to end"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("clone", "--"), "not done within 2 seconds"),
        (("ls-remote", "--heads"), "no answer within 2 seconds"),
        (("fetch", "--dry-run"), "not done within 2 seconds"),
    ],
)
def test_a_timeout_where_the_server_sends_too_slowly(
    arguments: tuple[str, ...], message: str, runner: Git, sandbox: Sandbox, billing: Remote, project: Project
) -> None:
    """It stops in the middle of the pack, or before that; whoever fetches has had an answer to an earlier question."""
    billing.commit({"large.bin": os.urandom(500_000)})
    blocks = 30 if arguments[0] == "clone" else 0
    ssh = ssh_that(sandbox, f'shift $(($# - 1)); sh -c "$1" | {{ dd bs=4096 count={blocks}; sleep 60; }}')
    git(project.vendor, "init", "--quiet", "here")
    slow = timed(replace(runner, cwd=project.vendor / "here"), 2)
    slow = slow.with_environment({"GIT_SSH": ssh, "GIT_SSH_VARIANT": "ssh"})
    place = ("x",) if arguments[0] == "clone" else ()
    with pytest.raises(GitTimedOut) as timed_out:
        slow.call(*arguments, f"ssh://example.test{billing.bare}", *place, progress=True)
    assert timed_out.value.message == message


def test_one_that_ends_in_time_is_left_alone(runner: Git) -> None:
    assert timed(runner, 30).run("--version").code == 0


def test_once_stopped_nothing_runs(runner: Git) -> None:
    runner.processes.stop()
    calls: tuple[Callable[[], object], ...] = (lambda: runner.run("--version"), lambda: runner.call("--version"))
    for call in calls:
        with pytest.raises(Stopped):
            call()
