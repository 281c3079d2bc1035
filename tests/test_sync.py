"""Clone, bring forward, look: whole runs over every package, through the command and through `sync` itself."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.checkouts import snapshot
from tests.support.command import COMMAND, Vendorws, merged
from tests.support.compose_projects import PROJECTS
from tests.support.git import GitFailed, git, git_says_yes
from tests.support.here import type_in_shell
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.submodules import add_submodules, record
from tests.support.terminal import on_terminal
from tests.support.workspace import Workspace, tree
from vendorws.checkouts.plan import Wish
from vendorws.lock import workspace_lock
from vendorws.model import Checkout, Clone, FastForward, Retarget, State, Switch, TargetKind


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


def pin(project: Project, remote: Remote, ref: str | None = "main") -> Path:
    """Pin the project's one package, and say where its checkout belongs."""
    project.require(remote.line(ref))
    return project.checkout("billing")


def branch_of(checkout: Path) -> str | None:
    """The branch that is checked out, None where HEAD is detached."""
    if not git_says_yes(checkout, "symbolic-ref", "--quiet", "HEAD"):
        return None
    return git(checkout, "symbolic-ref", "HEAD").removeprefix("refs/heads/")


# -- clone -----------------------------------------------------------------------------------------------------


@in_any_path
def test_the_first_sync_and_the_next_morning(project: Project, remotes: Remotes, vendorws: Vendorws) -> None:
    billing, crypto = remotes.create("acme/billing"), remotes.create("acme/Crypto_Box")
    project.require("django>=4", billing.line("main"), crypto.line("v1.0"))

    first = vendorws.ok("sync")
    assert first.stdout == ("billing     cloned, on main\ncrypto-box  cloned, at v1.0\n2 cloned\n")
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == billing.head()
    assert branch_of(project.checkout("billing")) == "main"
    assert git(project.checkout("crypto-box"), "rev-parse", "HEAD") == crypto.head("v1.0")
    assert branch_of(project.checkout("crypto-box")) is None
    assert git(project.repository, "status", "--porcelain", "--untracked-files=all") == (
        f"?? {project.root.name}/requirements.txt" if " " not in project.root.name else '?? "my site/requirements.txt"'
    )

    tip = billing.commit({"new.py": "x = 1\n"})
    second = vendorws.ok("sync")
    assert "fast-forwarded" in second.stdout and "1 updated, 1 in sync" in second.stdout
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == tip
    assert (project.checkout("billing") / "new.py").read_text() == "x = 1\n"


def test_a_branch_pin_becomes_a_tracking_branch(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing, "develop")
    outcome = workspace.only()
    assert [type(step) for step in outcome.done] == [Clone]
    assert branch_of(checkout) == "develop"
    assert git(checkout, "rev-parse", "--symbolic-full-name", "@{upstream}") == "refs/remotes/origin/develop"
    assert git(checkout, "config", "remote.origin.url") == billing.url


def test_no_ref_means_the_default_branch_of_the_remote(project: Project, workspace: Workspace, billing: Remote) -> None:
    git(billing.bare, "symbolic-ref", "HEAD", "refs/heads/develop")
    checkout = pin(project, billing, None)
    workspace.only()
    assert branch_of(checkout) == "develop"
    assert git(checkout, "rev-parse", "HEAD") == billing.head("develop")


def test_branches_may_have_slashes(project: Project, workspace: Workspace, billing: Remote) -> None:
    billing.branch("feature/deep/er", at="develop")
    checkout = pin(project, billing, "feature/deep/er")
    workspace.only()
    assert branch_of(checkout) == "feature/deep/er"


@pytest.mark.parametrize("annotated", [False, True])
def test_a_tag_is_checked_out_detached(
    project: Project, workspace: Workspace, billing: Remote, annotated: bool
) -> None:
    commit = billing.tag("v2", annotated=annotated)
    checkout = pin(project, billing, "v2")
    outcome = workspace.only()
    assert branch_of(checkout) is None
    assert git(checkout, "rev-parse", "HEAD") == commit
    assert isinstance(outcome.finding, Checkout) and outcome.finding.target is not None
    assert outcome.finding.target.kind is TargetKind.TAG


def test_what_is_both_a_branch_and_a_tag_is_the_branch_as_for_pip(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    billing.branch("release", at="develop")
    billing.tag("release", at="v1.0")
    checkout = pin(project, billing, "release")
    workspace.only()
    assert branch_of(checkout) == "release"
    assert git(checkout, "rev-parse", "HEAD") == billing.head("refs/heads/release")

    tip = billing.commit(branch="release")
    assert [type(step) for step in workspace.only().done] == [FastForward]
    assert git(checkout, "rev-parse", "HEAD") == tip


@pytest.mark.parametrize("length", [7, 40])
def test_a_commit_is_checked_out_detached(project: Project, workspace: Workspace, billing: Remote, length: int) -> None:
    commit = billing.head("main~1")
    checkout = pin(project, billing, commit[:length])
    workspace.only()
    assert branch_of(checkout) is None
    assert git(checkout, "rev-parse", "HEAD") == commit
    assert workspace.only().done == ()


def test_a_commit_that_no_branch_has(project: Project, workspace: Workspace, billing: Remote) -> None:
    lost = billing.commit(branch="gone")
    billing.delete_branch("gone")
    checkout = pin(project, billing, lost)
    workspace.only()
    assert git(checkout, "rev-parse", "HEAD") == lost


def test_a_ref_spelt_in_full(project: Project, workspace: Workspace, billing: Remote) -> None:
    git(billing.bare, "update-ref", "refs/pull/7/head", billing.head("develop"))
    checkout = pin(project, billing, "refs/pull/7/head")
    workspace.only()
    assert branch_of(checkout) is None
    assert git(checkout, "rev-parse", "HEAD") == billing.head("develop")

    git(billing.bare, "update-ref", "refs/pull/7/head", billing.head())
    assert [type(step) for step in workspace.only().done] == [Switch]
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_a_name_that_is_also_a_folder_of_branches(project: Project, workspace: Workspace, billing: Remote) -> None:
    """`v1` is a tag, and the branches v1/a and v1/b make a folder of that name below refs/remotes/origin."""
    for branch in ("v1/a", "v1/b"):
        billing.branch(branch)
    billing.tag("v1", at="develop")
    checkout = pin(project, billing, "v1")
    workspace.only()
    assert git(checkout, "rev-parse", "HEAD") == billing.head("refs/tags/v1")


def test_submodules_come_along_as_with_pip(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    billing, inner, innermost = (remotes.create(f"acme/{name}") for name in ("billing", "inner", "innermost"))
    add_submodules(inner, innermost)
    add_submodules(billing, inner)
    checkout = pin(project, billing)
    workspace.only()
    assert git(checkout / "inner", "rev-parse", "HEAD") == inner.head()
    assert git(checkout / "inner/innermost", "rev-parse", "HEAD") == innermost.head()

    later = inner.commit()
    record(billing, inner)
    outcome = workspace.only()
    assert [step.state for step in outcome.done] == [State.BEHIND, State.SUBMODULE]
    assert git(checkout / "inner", "rev-parse", "HEAD") == later
    assert outcome.verdict is not None and outcome.verdict.state is State.IN_SYNC


def record_what_nobody_pushed(remote: Remote, library: Remote) -> str:
    """Record a commit of a submodule that its remote does not have, and return its id."""
    commit = library.commit()
    record(remote, library)
    library.rewrite()
    git(library.bare, "gc", "--quiet", "--prune=now")
    return commit


@pytest.mark.parametrize("there", [False, True])
def test_a_submodule_whose_recorded_commit_nobody_pushed(
    there: bool, project: Project, remotes: Remotes, workspace: Workspace, billing: Remote
) -> None:
    """The pin is right, and is not to be blamed. Once a commit is recorded that is there, all is well."""
    lib = remotes.create("acme/lib")
    add_submodules(billing, lib)
    checkout = pin(project, billing)
    if there:
        workspace.ok("sync")
    commit = record_what_nobody_pushed(billing, lib)
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert f"submodule lib lacks its recorded commit {commit[:10]} on its remote" in result.stdout
    assert "has to push it there" in result.stderr and "requirements.txt" not in result.stderr
    record(billing, lib)
    workspace.ok("sync")
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()


@pytest.mark.parametrize("there", [False, True])
def test_a_submodule_of_a_submodule_is_named_by_its_path(
    there: bool, project: Project, remotes: Remotes, workspace: Workspace, billing: Remote
) -> None:
    middle, lib = remotes.create("acme/middle"), remotes.create("acme/lib")
    add_submodules(middle, lib)
    add_submodules(billing, middle)
    pin(project, billing)
    if there:
        workspace.ok("sync")
    record_what_nobody_pushed(middle, lib)
    record(billing, middle)
    assert "submodule middle/lib lacks its recorded commit" in workspace.type("sync").stdout


def test_an_empty_folder_is_taken(project: Project, workspace: Workspace, billing: Remote) -> None:
    """Docker makes one for each mount whose source is missing."""
    checkout = pin(project, billing)
    checkout.mkdir(parents=True)
    workspace.only()
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_packages_are_cloned_at_the_same_time(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Each clone waits, in a hook, until all of them are at work."""
    (tmp_path / "at work").mkdir()
    all_at_work = f'[ $(ls "{tmp_path}/at work" | wc -l) -ge 3 ] && exit 0'
    post_checkout(
        sandbox, f'touch "{tmp_path}/at work/$$"; for n in $(seq 100); do {all_at_work}; sleep 0.1; done; exit 1'
    )
    names = ["p1", "p2", "p3"]
    project.require(*(remotes.create(f"acme/{name}").line("main") for name in names))
    outcomes = workspace.sync(jobs=3)
    assert [outcome.failure for outcome in outcomes.values()] == [None, None, None]
    assert list(outcomes) == names, "reported in the order of the lines"
    assert sorted(workspace.watcher.ended) == names


def test_no_more_at_a_time_than_was_asked_for(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    post_checkout(sandbox, f'mkdir "{tmp_path}/at work" || exit 1; sleep 0.1; rmdir "{tmp_path}/at work"')
    project.require(*(remotes.create(f"acme/p{number}").line("main") for number in range(3)))
    outcomes = workspace.sync(jobs=1)
    assert [outcome.failure for outcome in outcomes.values()] == [None, None, None]


def test_nothing_is_left_beside_a_clone(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    workspace.only()
    assert sorted(entry.name for entry in project.vendor.iterdir()) == [".gitignore", ".vendorws.lock", "billing"]
    assert (project.vendor / ".gitignore").read_text() == "*\n"


def test_a_gitignore_of_the_project_is_left(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    project.write("vendor/.gitignore", "/billing\n")
    workspace.only()
    assert (project.vendor / ".gitignore").read_text() == "/billing\n"


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("mian", "the remote has no branch, tag or commit mian"),
        ("0" * 40, f"the remote has no branch, tag or commit {'0' * 40}"),
    ],
)
def test_a_ref_that_does_not_exist(
    project: Project, workspace: Workspace, billing: Remote, ref: str, message: str
) -> None:
    checkout = pin(project, billing, ref)
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"billing: {message}\n  Correct what follows the @ in requirements.txt, line 1.\n")
    assert not checkout.exists()
    assert not list(project.vendor.glob(".billing*"))


@pytest.mark.parametrize("ref", [None, "main"])
def test_an_empty_repository(project: Project, remotes: Remotes, workspace: Workspace, ref: str | None) -> None:
    empty = remotes.create("acme/billing", empty=True)
    checkout = pin(project, empty, ref)
    result = workspace.type("sync")
    assert result.exit_code == 1
    expected = "no branch, tag or commit main" if ref else "no default branch"
    assert f"billing: the remote has {expected}\n" in result.stderr
    assert not checkout.exists()

    empty.commit({"README.md": "now\n"})
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == empty.head()


def test_a_remote_whose_head_is_detached(project: Project, workspace: Workspace, billing: Remote) -> None:
    git(billing.bare, "update-ref", "--no-deref", "HEAD", billing.head("main~1"))
    checkout = pin(project, billing, None)
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert (
        "the remote has no default branch\n  Name a branch, behind an @, in requirements.txt, line 1." in result.stderr
    )
    assert not checkout.exists()

    git(billing.bare, "symbolic-ref", "HEAD", "refs/heads/main")
    workspace.only()
    git(billing.bare, "update-ref", "--no-deref", "HEAD", billing.head("main~1"))
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "the remote has no default branch" in result.stderr


# -- upstream moves --------------------------------------------------------------------------------------------


def test_a_branch_upstream_that_took_the_place_of_a_folder_of_branches(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    """`release` became `release/1`: git cannot keep both below refs/remotes/origin/."""
    billing.branch("release", at="develop")
    checkout = pin(project, billing)
    workspace.only()
    billing.delete_branch("release")
    billing.branch("release/1", at="develop")

    git(checkout, "branch", "--quiet", "-D", "release") if git_says_yes(checkout, "rev-parse", "release") else None
    project.require(billing.line("release/1"))
    assert workspace.only().failure is None
    assert branch_of(checkout) == "release/1"
    assert git(checkout, "rev-parse", "HEAD") == billing.head("develop")
    assert "refs/vendorws/runs/" in git(checkout, "for-each-ref", "--contains=HEAD", "--format=%(refname)")

    git(checkout, "checkout", "--quiet", "main")
    git(checkout, "branch", "--quiet", "-D", "release/1")
    billing.delete_branch("release/1")
    billing.branch("release", at="main~1")
    project.require(billing.line("release"))
    assert workspace.only(wish=Wish(switch=True)).failure is None
    assert git(checkout, "rev-parse", "HEAD") == billing.head("main~1")


def test_a_local_branch_that_is_in_the_way_of_a_new_one_is_named(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    billing.branch("release", at="develop")
    checkout = pin(project, billing, "release")
    workspace.only()
    billing.delete_branch("release")
    billing.branch("release/1", at="develop")
    project.require(billing.line("release/1"))
    before = snapshot(checkout).work
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "billing: a branch or tag here is in the way of another name" in result.stderr
    assert snapshot(checkout).work == before


def test_a_tag_upstream_that_took_the_place_of_a_folder_of_tags(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    """git brings tags along with a branch; one that cannot be stored is no reason not to bring the branch."""
    billing.tag("nightly")
    checkout = pin(project, billing)
    workspace.only()
    git(billing.bare, "tag", "-d", "nightly")
    tip = billing.commit()
    billing.tag("nightly/1")
    assert workspace.only().failure is None
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert git(checkout, "tag", "--list").split() == ["nightly", "v1.0"]


def test_a_moved_tag_does_not_keep_a_new_commit_away(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing, billing.head())
    workspace.only()
    billing.tag("v1.0", at="develop")
    project.require(billing.line(billing.commit()))
    assert workspace.only().failure is None
    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    assert git(checkout, "rev-parse", "v1.0") != billing.head("v1.0")


def test_a_commit_that_came_after_the_clone(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing, billing.head())
    workspace.only()
    lost = billing.commit(branch="gone")
    billing.delete_branch("gone")
    for commit in (billing.commit(branch="develop"), lost, billing.commit()[:10]):
        project.require(billing.line(commit))
        assert workspace.only().failure is None
        assert git(checkout, "rev-parse", "HEAD").startswith(commit)


def test_a_commit_that_is_nowhere(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    workspace.only()
    project.require(billing.line("0" * 40))
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert f"billing  {'0' * 40} does not exist on origin" in result.stdout


def test_the_default_branch_is_followed_when_it_is_renamed(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    checkout = pin(project, billing, None)
    workspace.only()
    billing.branch("trunk")
    git(billing.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    billing.delete_branch("main")
    assert [type(step) for step in workspace.only().done] == [Switch]
    assert branch_of(checkout) == "trunk"
    (outcome,) = workspace.status().values()
    assert outcome.verdict is not None and outcome.verdict.state is State.IN_SYNC


def test_a_moved_tag_is_the_same_for_sync_and_for_status(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    checkout = pin(project, billing, "v1.0")
    workspace.only()
    first = billing.head("v1.0")
    second, third = billing.tag("v1.0", at="develop"), billing.head("main")

    assert "tag v1.0 moved" in workspace.type("sync").stdout
    assert "tag v1.0 moved" in workspace.type("status").stdout
    billing.tag("v1.0", at=third)
    assert f"-> {third[:10]}" in workspace.type("sync").stdout
    assert f"-> {third[:10]}" in workspace.type("status").stdout
    billing.tag("v1.0", at=first)
    assert "in sync" in workspace.ok("sync").stdout
    assert "in sync" in workspace.ok("status").stdout
    billing.tag("v1.0", at=second)
    workspace.ok("sync", "--switch")
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "v1.0^{commit}") == second
    assert "in sync" in workspace.ok("status").stdout


@pytest.mark.parametrize("to", ["file", "folder"])
def test_a_file_that_becomes_a_folder_upstream(
    project: Project, workspace: Workspace, billing: Remote, to: str
) -> None:
    billing.commit({"docs": "a file\n", "notes/one.txt": "1\n", "notes/two.txt": "2\n"})
    checkout = pin(project, billing)
    workspace.only()
    if to == "folder":
        billing.commit({"docs": None, "docs/index.md": "a folder\n"})
    else:
        billing.commit({"notes/one.txt": None, "notes/two.txt": None, "notes": "a file\n"})
    outcome = workspace.only()
    assert outcome.verdict is not None and outcome.verdict.state is State.IN_SYNC, outcome.verdict
    assert (checkout / "docs/index.md").is_file() if to == "folder" else (checkout / "notes").is_file()


def test_a_file_of_the_developers_in_the_place_of_a_new_folder(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    checkout = pin(project, billing)
    workspace.only()
    (checkout / "docs").write_text("mine\n")
    billing.commit({"docs/index.md": "a folder\n", "docs/more.md": "more\n"})
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "1 behind, but docs would be overwritten" in result.stdout
    assert "-> git -C vendor/billing stash push --all -- docs\n" in result.stderr
    assert (checkout / "docs").read_text() == "mine\n"


def test_a_folder_of_the_developers_in_the_place_of_a_new_file(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    checkout = pin(project, billing)
    workspace.only()
    (checkout / "docs").mkdir()
    (checkout / "docs/mine.md").write_text("mine\n")
    billing.commit({"docs": "a file\n"})
    outcome = workspace.only()
    assert outcome.verdict is not None and outcome.verdict.reason == "1 behind, but docs/mine.md would be overwritten"
    assert (checkout / "docs/mine.md").read_text() == "mine\n"


# -- URLs ------------------------------------------------------------------------------------------------------


def test_a_new_url_in_requirements_is_followed(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    old = remotes.create("acme/billing")
    checkout = pin(project, old)
    workspace.only()
    new = replace(old, name="acme/invoices", bare=old.bare.rename(old.bare.with_name("invoices.git")))
    new.commit()
    project.require(new.line("main", egg="billing"))
    assert [type(step) for step in workspace.only().done] == [Retarget, FastForward]
    assert git(checkout, "config", "remote.origin.url") == new.url
    assert git(checkout, "rev-parse", "HEAD") == new.head()
    assert workspace.only().done == ()


def test_a_token_that_was_changed_replaces_the_old_one(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox
) -> None:
    """The old token is in the checkout's config, where git would take it from for ever."""
    billing = remotes.create("acme/billing")
    for token in ("old", "new"):
        sandbox.add_git_config(f'[url "file://{billing.bare}"]\n\tinsteadOf = https://joe:{token}@example.test/b.git\n')
    project.require("-e git+https://joe:${TOKEN}@example.test/b.git@main#egg=billing")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKEN", "old")
        workspace.ok("sync")
        tip = billing.commit()
        patch.setenv("TOKEN", "new")
        result = workspace.ok("sync", "-v")
    checkout = project.checkout("billing")
    assert git(checkout, "config", "remote.origin.url") == "https://joe:new@example.test/b.git"
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert "joe:new" not in str(result) and "joe:old" not in str(result)


def test_a_remote_that_the_developer_renamed(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing)
    workspace.only()
    git(checkout, "remote", "rename", "origin", "upstream")
    assert "billing  main  in sync" in workspace.ok("status").stdout
    tip = billing.commit()
    assert "billing  main  1 behind" in workspace.ok("status", "--fetch").stdout
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "upstream/main") == tip


def test_without_an_origin_fix_url_adds_one(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    billing, other = remotes.create("acme/billing"), remotes.create("joe/billing")
    checkout = pin(project, other)
    workspace.only()
    git(checkout, "remote", "rename", "origin", "joe")
    project.require(billing.line("main"))
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert f"it has no origin, the pin says {billing.url}" in result.stdout
    workspace.ok("sync", "--fix-url")
    assert git(checkout, "config", "remote.origin.url") == billing.url
    assert git(checkout, "config", "remote.joe.url") == other.url


def test_fix_url_keeps_the_url_of_a_fork(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    billing, fork, other = (remotes.create(name) for name in ("acme/billing", "joe/billing", "jane/billing"))
    checkout = pin(project, billing)
    workspace.only()
    for number, theirs in enumerate((fork, other)):
        git(checkout, "remote", "set-url", "origin", theirs.url)
        told = workspace.ok("sync", "--fix-url").stdout
        assert f"remote set to {billing.url} (the old one is kept, see `git remote -v`)" in told
        name = ("previous-origin", "previous-origin-2")[number]
        assert git(checkout, "config", f"remote.{name}.url") == theirs.url
    assert git(checkout, "config", "remote.origin.url") == billing.url


def test_a_push_is_suggested_that_does_not_leave_a_submodule_behind(
    project: Project, workspace: Workspace, billing: Remote, remotes: Remotes
) -> None:
    add_submodules(billing, remotes.create("acme/lib"))
    checkout = pin(project, billing)
    workspace.only()
    git(checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    git(checkout, "commit", "--quiet", "--all", "-m", "Record it")
    command = "git -C vendor/billing push --recurse-submodules=check origin HEAD"
    assert workspace.ok("status").stdout.endswith(f"1 unpushed  -> {command}\n")
    pushed = subprocess.run(command, shell=True, cwd=project.root, capture_output=True, text=True, check=False)
    assert pushed.returncode != 0 and "not be found on any remote:\n  lib" in pushed.stderr


def test_a_tag_that_moved_is_said_again_after_an_undo(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing, "v1.0")
    workspace.only()
    billing.tag("v1.0", at="develop")
    workspace.ok("sync", "--switch")
    workspace.ok("undo")
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "tag v1.0 moved: " in result.stdout
    assert git(checkout, "rev-parse", "HEAD") == git(checkout, "rev-parse", "v1.0^{commit}") != billing.head("develop")
    workspace.ok("undo")  # of the undo
    assert git(checkout, "rev-parse", "HEAD") == billing.head("develop")
    assert workspace.ok("sync").stdout.startswith("billing  in sync")


# -- the developer's git configuration -------------------------------------------------------------------------

LIKED_BY_SOMEBODY = """\
[merge]
    ff = false
    autoStash = true
[pull]
    rebase = true
[rebase]
    autoStash = true
[submodule]
    recurse = true
[status]
    showUntrackedFiles = no
    submoduleSummary = true
    aheadBehind = false
    branch = false
[core]
    fsmonitor = true
    untrackedCache = true
    autocrlf = input
[commit]
    gpgSign = true
[tag]
    gpgSign = true
[fetch]
    prune = true
    pruneTags = true
    recurseSubmodules = true
[remote "origin"]
    tagOpt = --tags
[clone]
    defaultRemoteName = company
[init]
    defaultBranch = trunk
[diff]
    ignoreSubmodules = all
    noprefix = true
    renames = copies
[checkout]
    defaultRemote = company
    guess = false
[branch]
    autoSetupMerge = simple
    autoSetupRebase = always
[color]
    ui = always
[advice]
    detachedHead = true
[log]
    showSignature = true
"""


@pytest.fixture
def opinionated(project: Project, sandbox: Sandbox) -> None:
    """A developer who has set what can be set."""
    sandbox.add_git_config(LIKED_BY_SOMEBODY)


@pytest.mark.usefixtures("opinionated")
def test_no_setting_of_the_developers_changes_what_sync_does(
    project: Project, remotes: Remotes, workspace: Workspace
) -> None:
    billing, inner = remotes.create("acme/billing"), remotes.create("acme/inner")
    add_submodules(billing, inner)
    checkout = pin(project, billing)
    workspace.ok("sync")
    assert git(checkout, "remote") == git(checkout / "inner", "remote") == "origin"
    assert git(checkout, "status", "--porcelain") == ""

    git(checkout, "tag", "--no-sign", "mine")
    (checkout / "notes.txt").write_text("mine\n")
    inner.commit()
    record(billing, inner)
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    assert git(checkout / "inner", "rev-parse", "HEAD") == inner.head()
    assert git(checkout, "tag", "--list") == "mine\nv1.0"
    assert "1 untracked" in workspace.ok("status").stdout

    project.require(billing.line(inner.head()))  # a commit that is not there: all branches are fetched
    workspace.type("sync")
    assert git(checkout, "tag", "--list") == "mine\nv1.0"
    assert git(checkout, "branch", "--list", "--no-color") == "* main"

    billing.delete_branch("develop")
    project.require(billing.line("v1.0"))
    (checkout / "notes.txt").unlink()
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == billing.head("v1.0")
    assert "tag: v1.0" in git(checkout, "log", "-1", "--format=%D", "--no-color", "--no-show-signature")


def test_a_mirror_refspec_moves_no_branch_of_the_developers(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    checkout = pin(project, billing)
    workspace.only()
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    mine = git(checkout, "rev-parse", "main")
    git(checkout, "checkout", "--quiet", "-b", "elsewhere")
    git(checkout, "config", "remote.origin.fetch", "+refs/heads/*:refs/heads/*")
    billing.commit()
    workspace.only()
    project.require(billing.line("0" * 40))
    workspace.only()
    assert git(checkout, "rev-parse", "main") == mine


def test_the_projects_own_git_configuration_is_not_for_its_packages(
    project: Project, workspace: Workspace, remotes: Remotes, sandbox: Sandbox, tmp_path: Path
) -> None:
    """The key and the URLs of the project's repository are nobody else's business."""
    touched = tmp_path / "touched"
    git(project.repository, "config", "core.sshCommand", f"touch {touched}; ssh")
    git(project.repository, "config", "url.file:///nowhere/.insteadOf", "ssh://git@github.com/")
    checkout = pin(project, remotes.create("acme/billing"))
    workspace.ok("sync")
    assert not touched.exists()
    assert git(checkout, "rev-parse", "HEAD")


# -- kinds of checkouts ----------------------------------------------------------------------------------------


def test_a_worktree_works_like_a_checkout(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--branch", "develop", billing.url, "elsewhere")
    checkout = pin(project, billing)
    git(tmp_path / "elsewhere", "worktree", "add", "--quiet", "-b", "main", checkout, "origin/main")
    assert (checkout / ".git").is_file()
    tip = billing.commit()
    assert [type(step) for step in workspace.only().done] == [FastForward]
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert branch_of(tmp_path / "elsewhere") == "develop"

    project.require(billing.line("develop"))  # which the other worktree has checked out
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert git(checkout, "rev-parse", "HEAD") == tip


@pytest.mark.parametrize("ref", ["main", "v1.0"])
def test_a_shallow_checkout_is_deepened_and_never_called_diverged(
    project: Project, workspace: Workspace, billing: Remote, ref: str
) -> None:
    checkout = pin(project, billing, ref)
    git(project.root, "clone", "--quiet", "--depth=1", "--branch=develop", billing.url, checkout)
    git(checkout, "config", "remote.origin.fetch", "+refs/heads/main:refs/remotes/origin/main")
    git(checkout, "checkout", "--quiet", "-b", "main", "HEAD")
    git(checkout, "branch", "--quiet", "-D", "develop")
    billing.commit(branch="main", start="develop", message="main goes on where develop is")
    workspace.ok("sync", "--switch")
    assert git(checkout, "rev-parse", "HEAD") == billing.head(ref)
    assert not (checkout / ".git/shallow").exists()


def test_an_old_commit_of_a_shallow_checkout(project: Project, workspace: Workspace, billing: Remote) -> None:
    git(billing.bare, "config", "uploadpack.allowAnySHA1InWant", "false")
    commit = billing.head("main~2")
    checkout = pin(project, billing, commit[:12])
    git(project.root, "clone", "--quiet", "--depth=1", billing.url, checkout)
    git(checkout, "checkout", "--quiet", "--detach")
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == commit


def test_a_partial_clone_as_pip_makes_it(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing)
    git(project.root, "clone", "--quiet", "--filter=blob:none", billing.url, checkout)
    workspace.ok("sync")
    billing.commit({"README.md": "new\n", "later.py": "x = 1\n"})
    workspace.ok("sync")
    assert (checkout / "README.md").read_text() == "new\n"
    billing.rewrite(drop=2)
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_to_look_at_a_partial_clone_asks_nobody(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing, billing.commit(branch="later"))
    git(
        project.root,
        "clone",
        "--quiet",
        "--filter=blob:none",
        "--branch=main",
        "--single-branch",
        billing.url,
        checkout,
    )
    git(checkout, "config", "core.sshCommand", "false")
    git(checkout, "config", "remote.origin.url", "ssh://git@example.test/acme/billing.git")
    project.require(f"-e git+ssh://git@example.test/acme/billing.git@{billing.head('later')}#egg=billing")
    before = tree(checkout)
    assert f"{billing.head('later')} is not known here yet" in workspace.ok("status").stdout
    assert tree(checkout) == before


# -- the run ---------------------------------------------------------------------------------------------------


@in_any_path
def test_a_dry_run_touches_nothing(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Every kind of step is planned, with the very objects that it takes, and not a byte changes anywhere."""
    names = ("missing", "behind", "pin-changed", "rewritten", "commit", "own-branch", "shallow", "new-url", "diverged")
    upstream = {name: remotes.create(f"acme/{name}") for name in names}
    project.require(*(remote.line("main") for remote in upstream.values()))
    git(project.root, "clone", "--quiet", "--depth=1", upstream["shallow"].url, project.checkout("shallow"))
    workspace.sync(*(name for name in names if name not in ("missing", "shallow")))

    upstream["behind"].commit({"CHANGES": "more\n"})
    upstream["pin-changed"].tag("v2", at="develop")
    upstream["rewritten"].rewrite()
    git(project.checkout("own-branch"), "checkout", "--quiet", "-b", "mine")
    upstream["own-branch"].commit()
    upstream["shallow"].commit()
    git(project.checkout("diverged"), "commit", "--quiet", "--allow-empty", "-m", "mine")
    upstream["diverged"].commit()
    pins = {name: remote.line("main") for name, remote in upstream.items()}
    pins["pin-changed"] = upstream["pin-changed"].line("v2")
    pins["commit"] = upstream["commit"].line(upstream["commit"].commit(branch="later"))
    pins["new-url"] = upstream["behind"].line("main", egg="new-url")
    project.require(*pins.values())
    before = tree(tmp_path)

    planned = workspace.type("sync", "--dry-run")
    assert planned.stderr == "Waiting for you:\n  diverged  -> git -C vendor/diverged rebase origin/main\n"
    assert planned.stdout == (
        "missing      would clone ssh://git@github.com/acme/missing.git\n"
        "behind       would fast-forward main (1 behind)\n"
        "pin-changed  would switch to v2 (the pin is now tag v2)\n"
        "rewritten    would follow main (main was rewritten on origin)\n"
        f"commit       would switch to {upstream['commit'].head('later')}"
        f" (the pin is now commit {upstream['commit'].head('later')[:10]})\n"
        "own-branch   would bring main forward"
        " (on mine, the pin is branch main, which is brought forward by 1 commit)\n"
        "shallow      its history is shallow, sync deepens it\n"
        "new-url      would set the remote to ssh://git@github.com/acme/behind.git"
        " (the URL in requirements.txt changed to ssh://git@github.com/acme/behind.git)\n"
        "diverged     diverged 1/1: rebase, or `git -C vendor/diverged merge origin/main`\n"
        "1 to clone, 6 to update, 1 left as is, 1 waiting for you\n"
    )
    assert planned.exit_code == 1
    assert tree(tmp_path) == before

    workspace.type("status")
    workspace.type("list")
    assert tree(tmp_path) == before
    workspace.type("sync", "--no-override")
    assert {name for name in names if git(project.checkout(name), "rev-parse", "HEAD") != upstream[name].head()} == {
        *("pin-changed", "commit", "own-branch", "new-url", "diverged")
    }


def test_a_dry_run_of_a_new_project_does_not_even_make_vendor(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path
) -> None:
    pin(project, billing)
    before = tree(tmp_path)
    assert "would clone" in workspace.ok("sync", "-n").stdout
    assert tree(tmp_path) == before


def test_a_dry_run_in_a_partial_clone(project: Project, workspace: Workspace, billing: Remote, tmp_path: Path) -> None:
    checkout = pin(project, billing)
    git(project.root, "clone", "--quiet", "--filter=blob:none", billing.url, checkout)
    billing.commit({"README.md": "new\n"})
    before = tree(tmp_path)
    assert "would fast-forward main (1 behind)" in workspace.ok("sync", "-n").stdout
    assert tree(tmp_path) == before


def test_only_the_packages_that_are_named(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    one, two = remotes.create("acme/one"), remotes.create("acme/the_other")
    project.require(one.line("main"), two.line("main"))
    workspace.ok("sync", "The.Other")
    assert not project.checkout("one").exists()
    assert git(project.checkout("the-other"), "rev-parse", "HEAD") == two.head()
    assert [line.split()[0] for line in workspace.ok("status", "one", "vendor/the-other").stdout.splitlines()] == [
        "one",
        "the-other",
    ]


@pytest.mark.parametrize("name", ["billling", ".", "", "zebra"])
def test_a_name_that_is_not_vendored(project: Project, workspace: Workspace, billing: Remote, name: str) -> None:
    pin(project, billing)
    result = workspace.type("sync", name)
    assert result.exit_code == 2
    help = "Did you mean billing?" if name == "billling" else "Vendored are: billing."
    assert result.stderr == f"error: no line of the requirements vendors {name!r}.\n  {help}\n"
    assert not project.vendor.exists()


@in_any_path
def test_from_a_sub_folder_and_from_outside(
    project: Project, workspace: Workspace, remotes: Remotes, tmp_path: Path
) -> None:
    billing = remotes.create("acme/billing")
    checkout = pin(project, billing)
    deep = project.root / "app/models"
    deep.mkdir(parents=True)
    workspace.ok("sync", cwd=deep)
    assert git(checkout, "rev-parse", "HEAD") == billing.head()

    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    billing.commit()
    advice = workspace.type("sync", cwd=deep).stderr
    assert "-> git -C ../../vendor/billing rebase origin/main\n" in advice
    assert workspace.type("sync", cwd=checkout).stderr == advice, "the checkout belongs to the project around it"
    outside = workspace.type("status", "--project", project.root, cwd=tmp_path)
    inside = project.root.relative_to(tmp_path) / "vendor/billing"
    assert f"-> git -C {shlex.quote(str(inside))} rebase origin/main" in outside.stdout

    shutil.rmtree(checkout)
    (project.root / "requirements.txt").rename(project.root / "dev.txt")
    where = ("--project", project.root, "-r", project.root / "dev.txt")
    suggested = workspace.ok("status", *where, cwd=tmp_path).stdout.partition("-> vendorws ")[2]
    workspace.ok(*shlex.split(suggested), cwd=tmp_path)
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_a_failure_stops_no_other_package_and_is_told_again_at_the_end(
    project: Project, remotes: Remotes, workspace: Workspace
) -> None:
    good, bad = remotes.create("acme/good"), remotes.create("acme/bad")
    waiting = remotes.create("acme/waiting")
    project.require(good.line("main"), waiting.line("main"))
    workspace.ok("sync")
    (project.checkout("waiting") / "CHANGES").write_text("mine\n")
    waiting.commit({"CHANGES": "theirs\n"})
    good.commit()
    shutil.rmtree(bad.bare)
    project.require(bad.line("main"), waiting.line("main"), good.line("main"))

    result = workspace.type("sync")
    assert result.exit_code == 3, "a remote that cannot be reached says more than a package that waits"
    assert result.stdout == (
        "bad      the repository does not exist there, or you may not see it\n"
        "waiting  1 behind, but CHANGES would be overwritten (1 unstaged)\n"
        "good     fast-forwarded by 1 commit\n"
        "1 updated, 1 waiting for you, 1 failed\n"
    )
    assert result.stderr == (
        "bad: the repository does not exist there, or you may not see it\n"
        f"  git: fatal: '{bad.bare}' does not appear to be a git repository\n"
        "  git: fatal: Could not read from remote repository.\n"
        "  git: Please make sure you have the correct access rights\n"
        "  git: and the repository exists.\n"
        "  Check the URL in requirements.txt, and that your account may read the repository.\n"
        "Waiting for you:\n"
        "  waiting  -> git -C vendor/waiting stash push --all -- CHANGES\n"
        "note: No Compose file here, so there is nothing to mount.\n"
    )
    assert git(project.checkout("good"), "rev-parse", "HEAD") == good.head()


def test_an_override_that_is_refused_hides_no_worse_failure(
    project: Project, remotes: Remotes, workspace: Workspace
) -> None:
    billing = remotes.create("acme/billing")
    project.require(billing.line("main"))
    project.write("docker-compose.yml", "services: {app: [oops\n")
    assert workspace.type("sync").exit_code == 2
    shutil.rmtree(billing.bare)
    assert workspace.type("sync").exit_code == 3


def test_the_exit_codes(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing)
    assert workspace.type("sync").exit_code == 0
    git(checkout, "checkout", "--quiet", "-b", "mine")
    assert workspace.type("sync").exit_code == 0, "a branch of one's own is a choice"
    assert workspace.type("status").exit_code == 0
    assert workspace.type("status", "--exit-code").exit_code == 1
    git(checkout, "checkout", "--quiet", "main")
    assert workspace.type("status", "--exit-code").exit_code == 0
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    billing.commit()
    assert workspace.type("sync").exit_code == 1
    assert workspace.type("status").exit_code == 0
    project.require("-e git+ssh://git@github.com/acme/billing.git")
    assert workspace.type("sync").exit_code == 2
    assert workspace.type("status").exit_code == 2


def test_all_bad_lines_are_told_at_once_and_nothing_is_cloned(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    project.require(billing.line("main"), "-e git+ssh://git@github.com/a/b.git", "-e git+ssh://git@github.com/c/d.git")
    result = workspace.type("sync")
    assert result.exit_code == 2
    assert "requirements.txt:2: " in result.stderr and "requirements.txt:3: " in result.stderr
    assert not project.vendor.exists()


@pytest.mark.parametrize("kind", ["symlink", "file"])
def test_a_vendor_that_is_no_folder(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path, kind: str
) -> None:
    pin(project, billing)
    (tmp_path / "outside").mkdir()
    if kind == "symlink":
        project.vendor.symlink_to(tmp_path / "outside")
    else:
        project.vendor.write_text("mine\n")
    for command in ("sync", "status"):
        result = workspace.type(command)
        assert result.exit_code == 2
        assert f"{project.vendor} is a {'symbolic link' if kind == 'symlink' else 'file'}" in result.stderr
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_a_dead_run_left_is_swept_away(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    left = project.vendor / ".billing.partial-20240501T120000Z-abcd"
    (left / ".git").mkdir(parents=True)
    mine = project.vendor / "billing.partial-mine"
    mine.mkdir()
    link = project.vendor / ".link.partial-x"
    link.symlink_to(mine)
    workspace.ok("sync")
    assert not left.exists()
    assert mine.is_dir() and link.is_symlink()


# -- offline ---------------------------------------------------------------------------------------------------


def test_a_server_that_cannot_be_reached_is_explained_once(project: Project, workspace: Workspace) -> None:
    names = ("one", "two", "three", "four")
    project.require(
        *(f"-e git+ssh://git@ssh.example.test/acme/{name}.git@main#egg={name}" for name in names),
        *(f"-e git+https://https.example.test/acme/{name}.git@main#egg=web-{name}" for name in names[:2]),
    )
    result = workspace.type("sync", "--no-override")
    assert result.exit_code == 3
    assert [line.split()[0] for line in result.stdout.splitlines()[:-1]] == [*names, "web-one", "web-two"]
    told = [line for line in result.stderr.splitlines() if not line.startswith(" ")]
    assert [line.partition(": ")[0] for line in told] == ["one, two and 2 more", "web-one, web-two"]


# -- another requirements file ---------------------------------------------------------------------------------


def test_another_file_leaves_the_projects_own_mounts(project: Project, workspace: Workspace, remotes: Remotes) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    project.require(remotes.create("acme/tool").line("main"), file="dev.txt")
    for path, text in PROJECTS["article"].items():
        project.write(path, text)
    workspace.ok("sync")
    added = workspace.ok("sync", "-r", "dev.txt")
    assert added.stderr == "docker-compose.override.yml written: 2 mounts\n"
    assert added.stdout == "tool  cloned, on main\n1 cloned\n", "the project's own checkouts are nobody's orphans"
    assert "vendor/billing" in project.override() and "vendor/tool" in project.override()
    again = workspace.ok("sync")
    assert again.stderr == "docker-compose.override.yml written: 1 mount; no longer mounted: tool\n"
    assert "vendor/tool  no line of the requirements asks for it" in again.stdout


# -- two at once -----------------------------------------------------------------------------------------------


def test_a_second_run_waits_for_the_first(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing)
    project.vendor.mkdir()
    with workspace_lock(project.vendor, wait=False, on_wait=print):
        command = [*COMMAND, "sync"]
        second = subprocess.Popen(command, cwd=project.root, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert second.stderr is not None
        assert second.stderr.readline() == (
            f"another vendorws is at work here (process {os.getpid()}); waiting for it\n"
        )
        assert not checkout.exists()
        assert workspace.ok("status").stdout.startswith("billing  main  missing"), "status needs no lock"
    out, _ = second.communicate(timeout=30)
    assert second.returncode == 0 and "1 cloned" in out


def test_no_wait_gives_up_at_once(project: Project, workspace: Workspace, billing: Remote) -> None:
    checkout = pin(project, billing)
    project.vendor.mkdir()
    with workspace_lock(project.vendor, wait=False, on_wait=print):
        result = workspace.type("sync", "--no-wait")
    assert result.exit_code == 4
    assert result.stderr == (
        f"error: another vendorws is at work here (process {os.getpid()}).\n  Wait for it, or leave out --no-wait.\n"
    )
    assert not checkout.exists()
    workspace.ok("sync", "--no-wait")


# -- what is printed -------------------------------------------------------------------------------------------


def test_quiet_says_only_what_needs_attention(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    one, two = remotes.create("acme/one"), remotes.create("acme/two")
    project.require(one.line("main"), two.line("main"))
    assert str(workspace.ok("sync", "-q")) == "exit 0\n--- stdout\n--- stderr\n"
    assert str(workspace.ok("status", "-q")) == "exit 0\n--- stdout\n--- stderr\n"
    git(project.checkout("two"), "commit", "--quiet", "--allow-empty", "-m", "mine")
    two.commit()
    result = workspace.type("sync", "-q")
    assert result.stdout == "two  diverged 1/1: rebase, or `git -C vendor/two merge origin/main`\n"
    assert result.stderr == "Waiting for you:\n  two  -> git -C vendor/two rebase origin/main\n"
    assert [line.split()[0] for line in workspace.ok("status", "-q").stdout.splitlines()] == ["two"]


def test_verbose_shows_each_git_command(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    shown = workspace.ok("sync", "-v").stderr.splitlines()
    assert any(line.startswith("+ vendor: git clone --branch=main ") for line in shown)
    again = workspace.ok("sync", "-v").stderr
    assert "+ billing: git ls-remote --symref -- origin refs/heads/main" in again


def test_json(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    billing, missing = remotes.create("acme/billing"), remotes.create("acme/missing")
    project.require(billing.line("main"), missing.line())
    shutil.rmtree(missing.bare)
    document = workspace.type("sync", "--json").json
    assert document.keys() == {"schema_version", "command", "repositories", "orphans"}
    assert (document["schema_version"], document["command"]) == (1, "sync")
    done, failed = document["repositories"]
    assert done == {
        "name": "billing",
        "path": "vendor/billing",
        "url": billing.url,
        "pin": {"ref": "main", "kind": "branch", "commit": billing.head()},
        "head": billing.head(),
        "branch": "main",
        "ahead": 0,
        "behind": 0,
        "unpushed": 0,
        "staged": 0,
        "unstaged": 0,
        "untracked": 0,
        "conflicted": 0,
        "stashes": 0,
        "operation": None,
        "state": "in-sync",
        "reason": "in sync",
        "command": None,
        "done": ["cloned"],
        "failure": None,
    }
    assert failed["pin"] == {"ref": None, "kind": None, "commit": None}
    assert failed["state"] == "missing" and failed["head"] is None and failed["ahead"] is None
    assert failed["failure"]["exit_code"] == 3 and failed["failure"]["git_says"]
    assert workspace.ok("status", "--json").json["command"] == "status"


def test_colour_is_for_terminals_and_for_those_who_ask(
    project: Project, workspace: Workspace, billing: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    pin(project, billing)
    workspace.ok("sync")
    assert "\x1b[" not in workspace.ok("status").stdout
    coloured = workspace.ok("status", "--color", "always").stdout
    assert "\x1b[32m" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == workspace.ok("status").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    screen = on_terminal([*COMMAND, "status"], cwd=project.root)
    assert "\x1b[32m" not in screen.raw
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[32m" in on_terminal([*COMMAND, "status"], cwd=project.root).raw
    assert "\x1b[32m" not in on_terminal([*COMMAND, "status", "--color", "never"], cwd=project.root).raw


def test_progress_on_a_terminal_leaves_only_the_report(project: Project, billing: Remote) -> None:
    pin(project, billing)
    screen = on_terminal([*COMMAND, "sync"], cwd=project.root)
    assert screen.exit_code == 0
    assert "billing  cloned, on main" in screen.text
    assert "0 of 1 repositories" in screen.text
    piped = on_terminal(["sh", "-c", f"{shlex.join(COMMAND)} sync 2>/dev/null | cat"], cwd=project.root)
    assert piped.text == "billing  in sync\n1 in sync\n"


def test_nothing_to_vendor(project: Project, workspace: Workspace) -> None:
    project.require("django")
    assert "No package is vendored here; `vendorws list` says why.\n" in workspace.ok("sync").stderr
    assert not project.vendor.exists()
    result = workspace.ok("status")
    assert result.stderr == "No package is vendored here; `vendorws list` says why for each line.\n"


# -- interruptions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signalled", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_was_done(
    project: Project, remotes: Remotes, sandbox: Sandbox, tmp_path: Path, signalled: signal.Signals
) -> None:
    """One clone is done, one hangs in a hook of the developer's, one has not begun."""
    done, hangs, later = (remotes.create(f"acme/{name}") for name in ("done", "hangs", "later"))
    project.require(done.line("main"), hangs.line("main"), later.line("main"))
    post_checkout(sandbox, f'case "$PWD" in *hangs*) touch "{tmp_path}/hanging"; sleep 60;; esac')
    run = subprocess.Popen(
        [*COMMAND, "sync", "-j1"], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    wait_for(tmp_path / "hanging")
    interrupted = time.monotonic()
    run.send_signal(signalled)
    out, err = run.communicate(timeout=20)
    assert time.monotonic() - interrupted < 4
    assert run.returncode == 130
    assert out == (
        "done   cloned, on main\nhangs  interrupted\nlater  not done, the run was interrupted\n1 cloned, 2 not done\n"
    )
    assert "Traceback" not in err
    assert sorted(entry.name for entry in project.vendor.iterdir()) == [".gitignore", ".vendorws.lock", "done"]


def test_ctrl_c_while_waiting_for_the_lock(project: Project, billing: Remote) -> None:
    pin(project, billing)
    project.vendor.mkdir()
    with workspace_lock(project.vendor, wait=False, on_wait=print):
        run = subprocess.Popen([*COMMAND, "sync"], cwd=project.root, stderr=subprocess.PIPE, text=True)
        assert run.stderr is not None
        run.stderr.readline()
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=20)
    assert run.returncode == 130
    assert "Traceback" not in err


def wait_for(path: Path) -> None:
    give_up = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < give_up, f"{path} never came"
        time.sleep(0.05)


def test_a_timeout_is_for_one_repository(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox
) -> None:
    fast, slow = remotes.create("acme/fast"), remotes.create("acme/slow")
    post_checkout(sandbox, 'case "$PWD" in *slow*) sleep 60;; esac')
    project.require(fast.line("main"), slow.line("main"))
    outcomes = workspace.sync(timeout=4)
    assert outcomes["fast"].failure is None
    failure = outcomes["slow"].failure
    assert failure is not None and failure.exit_code == 3
    assert failure.message == "not done within 4 seconds", "the server has sent everything"
    assert "VENDORWS_TIMEOUT" in failure.hint
    assert not project.checkout("slow").exists() and not list(project.vendor.glob(".slow*"))


def test_what_a_hook_leaves_in_the_background_keeps_nobody(
    project: Project, workspace: Workspace, billing: Remote, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Such as a server that is started anew, and that has git's outputs for its own."""
    checkout = pin(project, billing)
    workspace.ok("sync")
    new_hook(sandbox, "post-merge", f'sleep 60 & echo $! > "{tmp_path}/left"')
    tip = billing.commit({"new.py": "x = 1\n"})
    start = time.monotonic()
    result = workspace.ok("sync", "--timeout", "20")
    took = time.monotonic() - start
    os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)  # it is still there
    assert "1 updated" in result.stdout and git(checkout, "rev-parse", "HEAD") == tip
    assert took < 15


def post_checkout(sandbox: Sandbox, script: str) -> None:
    """A hook of the developer's that runs after each checkout, in the checkout."""
    new_hook(sandbox, "post-checkout", script)


def new_hook(sandbox: Sandbox, name: str, script: str) -> None:
    """A hook of the developer's, for every repository."""
    hook = sandbox.root / "hooks" / name
    hook.parent.mkdir()
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)
    sandbox.add_git_config(f'[core]\n\thooksPath = "{hook.parent}"\n')


def test_a_checkout_that_git_cannot_read_fails_alone(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    good, bad = remotes.create("acme/good"), remotes.create("acme/bad")
    project.require(good.line("main"), bad.line("main"))
    workspace.ok("sync")
    (project.checkout("bad") / ".git/index").write_bytes(b"damaged")
    good.commit()
    before = tree(project.checkout("bad"))
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "good  fast-forwarded" in result.stdout and "1 updated, 1 failed" in result.stdout
    assert "bad: " in result.stderr and "index file smaller than expected" in result.stderr
    (by_hand,) = re.findall("`git (.*)` ended with 128\n", result.stderr)
    with pytest.raises(GitFailed, match="index file smaller than expected"):
        git(project.root, *shlex.split(by_hand))
    assert tree(project.checkout("bad")) == before
    assert "bad" in workspace.type("status").stderr


def test_what_belongs_to_another_user(
    project: Project, workspace: Workspace, billing: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A remote on a disk that is shared, or a checkout: what is hinted helps where it is typed."""
    project.require(f"-e git+file://{billing.bare}@main#egg=billing")
    with monkeypatch.context() as patched:
        patched.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        result = workspace.type("sync")
        assert result.exit_code == 3
        assert "billing: the remote belongs to another user" in result.stderr and "chown" not in result.stderr
        (command,) = re.findall("`(git config .*)`", result.stderr)
        subprocess.run(shlex.split(command), check=True)
        assert "the remote belongs" not in workspace.type("sync").stdout
    workspace.ok("sync")
    (project.root / "app").mkdir()
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    result = workspace.type("status", cwd=project.root / "app")
    assert result.exit_code == 1 and "the checkout belongs to another user" in result.stdout
    assert "`sudo chown -R $(id -u) ../vendor`" in result.stderr


def test_where_nothing_can_be_written(project: Project, billing: Remote) -> None:
    """A process that may write no byte stands in for a full disk and for a folder of somebody else's."""
    pin(project, billing)
    run = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; {shlex.join(COMMAND)} sync"],
        cwd=project.root,
        env=merged({"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4
    ignore = project.vendor / ".gitignore"
    assert run.stderr == f"error: {ignore} cannot be written: File too large.\n  ls -ld {project.vendor}\n"
    assert "Traceback" not in run.stderr


def test_the_override_is_written_too(project: Project, workspace: Workspace, billing: Remote) -> None:
    pin(project, billing)
    project.write("docker-compose.yml", "services:\n  web:\n    build: .\n")
    project.write("pyproject.toml", '[tool.vendorws.services.web]\nsrc = "/site/vendor"\n')
    assert workspace.ok("sync", "--no-override").stderr == ""
    assert workspace.ok("sync").stderr == "docker-compose.override.yml written: 1 mount\n"
    assert "source: ./vendor/billing" in project.override() and "target: /site/vendor/billing" in project.override()
    assert workspace.ok("sync").stderr == "", "it is as it was"
    assert workspace.ok("sync", "--json").json["command"] == "sync"


# -- work that goes on meanwhile -------------------------------------------------------------------------------


def while_the_remote_is_asked(checkout: Path, folder: Path, *typed: str) -> None:
    """Have the developer type git in the checkout the first time that its remote is asked for something."""
    script, done = folder / "upload-pack", folder / "done"
    typing = "; ".join(f"git {command}" for command in typed)
    first = f"touch {done}; unset $(git rev-parse --local-env-vars); cd {checkout}; {typing}"
    script.write_text(f'#!/bin/sh\n[ -e {done} ] || ({first}) >&2\nexec git-upload-pack "$@"\n')
    script.chmod(0o755)
    git(checkout, "config", "remote.origin.uploadpack", script)


def test_a_commit_on_a_detached_head_while_the_remote_is_asked(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path
) -> None:
    project.require(billing.line("v1.0"))
    workspace.ok("sync")
    checkout = project.checkout("billing")
    git(checkout, "fetch", "--quiet")  # what is news is here already
    project.require(billing.line("main"))
    while_the_remote_is_asked(checkout, tmp_path, "commit --quiet --allow-empty -m Mine")
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "detached, with 1 commit on no branch" in result.stdout
    assert git(checkout, "log", "-1", "--format=%s") == "Mine"


def test_another_branch_while_the_remote_is_asked(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path
) -> None:
    project.require(billing.line("main"))
    workspace.ok("sync")
    checkout = project.checkout("billing")
    start = git(checkout, "rev-parse", "HEAD")
    billing.commit()
    git(checkout, "fetch", "--quiet")
    while_the_remote_is_asked(checkout, tmp_path, "switch --quiet --create feature")
    workspace.ok("sync")
    assert git(checkout, "rev-parse", "feature") == start, "what was to be moved is main"
    assert git(checkout, "rev-parse", "main") == billing.head()


def test_a_commit_in_a_submodule_while_its_remote_is_asked(
    project: Project, workspace: Workspace, billing: Remote, remotes: Remotes, tmp_path: Path
) -> None:
    lib = remotes.create("acme/lib")
    add_submodules(billing, lib)
    project.require(billing.line("main"))
    workspace.ok("sync")
    inside = project.checkout("billing") / "lib"
    lib.commit()
    record(billing, lib)
    while_the_remote_is_asked(inside, tmp_path, "commit --quiet --allow-empty -m Mine")
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "submodule lib has commits of yours beside the recorded" in result.stdout
    assert git(inside, "log", "-1", "--format=%s") == "Mine"


# -- names that are the only ones ------------------------------------------------------------------------------


def test_a_tag_that_is_the_only_name_of_ones_work_stays(
    project: Project, workspace: Workspace, billing: Remote
) -> None:
    project.require(billing.line("main"))
    workspace.ok("sync")
    checkout = project.checkout("billing")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Mine")
    git(checkout, "tag", "v9")
    mine = git(checkout, "rev-parse", "HEAD")
    git(checkout, "reset", "--quiet", "--keep", "HEAD~1")
    billing.tag("v9", at="main~1")
    project.require(billing.line("v9"))
    workspace.ok("sync")
    assert workspace.ok("status", "--exit-code").stdout.startswith("billing  v9")
    assert git(checkout, "rev-parse", "v9") == mine
    assert git(checkout, "rev-parse", "HEAD") == billing.head("v9")
    workspace.ok("undo")
    assert git(checkout, "rev-parse", "v9") == mine


def test_a_new_submodule_makes_no_commit_of_another_one_expendable(
    project: Project, remotes: Remotes, billing: Remote, workspace: Workspace
) -> None:
    """The developer's commit is only on the HEAD of the one when the other comes."""
    lib, other = remotes.create("acme/lib"), remotes.create("acme/other")
    add_submodules(billing, lib)
    checkout = pin(project, billing)
    workspace.ok("sync")
    git(checkout / "lib", "switch", "--quiet", "--detach")
    git(checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    mine = git(checkout / "lib", "rev-parse", "HEAD")
    modules = git(billing.bare, "show", "main:.gitmodules")
    add_submodules(billing, other)
    billing.commit({".gitmodules": f"{modules}\n" + git(billing.bare, "show", "main:.gitmodules") + "\n"})

    assert workspace.type("sync").exit_code == 1

    assert git(checkout / "other", "rev-parse", "HEAD") == other.head()
    assert git(checkout / "lib", "rev-parse", "HEAD") == mine


def test_a_submodule_that_was_moved_upstream_keeps_the_commits_that_only_its_head_had(
    project: Project, workspace: Workspace, billing: Remote, remotes: Remotes
) -> None:
    lib = remotes.create("acme/lib")
    add_submodules(billing, lib)
    project.require(billing.line("main"))
    workspace.ok("sync")
    checkout = project.checkout("billing")
    git(checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    mine = git(checkout / "lib", "rev-parse", "HEAD")
    (checkout / "lib").rename(checkout.parent.parent / "aside")
    (checkout / "lib").mkdir()
    workspace.ok("sync")
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert git(checkout / "lib", "rev-parse", f"before-{mine[:10]}") == mine


@pytest.mark.parametrize("is_new", [False, True])
def test_a_submodule_of_a_submodule_that_could_not_be_had_is_brought_by_the_next_run(
    is_new: bool, project: Project, remotes: Remotes, billing: Remote, workspace: Workspace
) -> None:
    inner, lib = remotes.create("acme/inner"), remotes.create("acme/lib")
    if not is_new:
        add_submodules(lib, inner)
    add_submodules(billing, lib)
    checkout = pin(project, billing)
    workspace.ok("sync")
    if is_new:
        add_submodules(lib, inner)
    inner.commit()
    record(lib, inner)
    record(billing, lib)
    away = inner.bare.with_name("away.git")
    inner.bare.rename(away)
    assert workspace.type("sync").exit_code != 0
    away.rename(inner.bare)
    assert workspace.type("status", "--exit-code").exit_code == 1
    workspace.ok("sync")
    assert git(checkout / "lib/inner", "rev-parse", "HEAD") == inner.head()
    assert workspace.ok("status", "--exit-code").stdout == "billing  main  in sync\n"


# -- what is broken is one repository's ------------------------------------------------------------------------


def test_a_damaged_ref_stops_its_own_repository_alone(
    project: Project, workspace: Workspace, billing: Remote, remotes: Remotes
) -> None:
    theme = remotes.create("acme/theme")
    project.require(billing.line("main"), theme.line("main"))
    workspace.ok("sync")
    ref = project.checkout("billing") / ".git" / "refs" / "remotes" / "origin" / "main"
    ref.write_bytes(bytes(41))  # as after a power cut
    theme.commit()
    for command in ("status", "sync"):
        result = workspace.type(command)
        assert result.exit_code == 1
        assert f"a ref is damaged: there is no commit in {ref}" in result.stdout
    assert "theme    fast-forwarded by 1 commit" in result.stdout
    type_in_shell(str(result.stderr.rpartition("fetch it again: ")[2].partition("\n")[0]), project.root)
    workspace.ok("sync")


def test_what_comes_no_nearer_is_said_and_not_done_for_ever(
    project: Project, workspace: Workspace, billing: Remote, tmp_path: Path
) -> None:
    """A hook of the developer's takes every move back."""
    project.require(billing.line("v1.0"))
    workspace.ok("sync")
    checkout = project.checkout("billing")
    hook = checkout / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    back = f"git checkout --quiet --detach {git(checkout, 'rev-parse', 'HEAD')}"
    hook.write_text(f'#!/bin/sh\n[ -n "$AGAIN" ] || AGAIN=yes {back}\n')
    hook.chmod(0o755)
    project.require(billing.line("develop"))
    result = workspace.type("sync")
    assert result.exit_code == 1
    assert "not at its pin after 6 steps: detached at " in result.stdout


def test_a_list_of_submodules_that_leads_back_through_a_link_ends(
    project: Project, remotes: Remotes, billing: Remote, workspace: Workspace
) -> None:
    lib = remotes.create("acme/lib")
    add_submodules(billing, lib)
    checkout = pin(project, billing)
    workspace.ok("sync")
    (checkout / "lib" / "up").symlink_to("..")
    (checkout / "lib" / ".gitmodules").write_text('[submodule "again"]\n\tpath = up/lib\n\turl = ./again\n')
    told = workspace.ok("status", "-v")
    assert told.stdout == "billing  main  in sync  1 unstaged\n"
    assert told.stderr.count("git diff-files") == 1
