"""The harness keeps its own promises: a test that could leave its sandbox would prove nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.checkouts import lost, snapshot
from tests.support.command import Vendorws
from tests.support.git import GitFailed, git
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox, make_sandbox, sealed_environment


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def checkout(billing: Remote, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", billing.url, "checkout")
    return tmp_path / "checkout"


def test_what_the_shell_of_the_developer_exports_does_not_reach_a_test(tmp_path: Path) -> None:
    shell = {
        "PATH": "/bin",
        "HOME": "/home/dev",
        "GIT_DIR": "/elsewhere",
        "GIT_SSH_COMMAND": "ssh -v",
        "SSH_AUTH_SOCK": "/agent",
        "VENDORWS_JOBS": "1",
        "COMPOSE_FILE": "x.yml",
        "PIP_INDEX_URL": "x",
        "NO_COLOR": "1",
    }
    sealed = sealed_environment(make_sandbox(tmp_path / "other"), shell)
    assert sealed["HOME"] == str(tmp_path / "other" / "home")
    assert sealed["PATH"].endswith(":/bin")
    assert not (shell.keys() - {"PATH", "HOME"}) & sealed.keys()


def test_git_reads_the_sandbox_and_no_other_configuration(sandbox: Sandbox) -> None:
    origins = {line.split("\t")[0] for line in git(sandbox.home, "config", "--list", "--show-origin").splitlines()}
    assert origins == {f"file:{sandbox.git_config}"}


def test_no_test_reaches_the_network(sandbox: Sandbox) -> None:
    with pytest.raises(GitFailed, match=r"Failed to connect to 127.0.0.1 port 9|Could not resolve proxy"):
        git(sandbox.home, "ls-remote", "https://example.test/acme/billing.git")
    with pytest.raises(GitFailed, match="Network is unreachable"):
        git(sandbox.home, "ls-remote", "ssh://git@example.test/acme/billing.git")


def test_the_project_is_nested_in_a_repository_of_its_own(project: Project) -> None:
    assert git(project.root, "rev-parse", "--show-toplevel") == str(project.repository)
    assert project.root.parent == project.repository


@in_any_path
def test_the_written_url_is_cloned_from_the_disk(project: Project, remotes: Remotes) -> None:
    billing = remotes.create("acme/billing")
    git(project.root, "clone", "--quiet", billing.url, project.checkout("billing"))
    assert git(project.checkout("billing"), "config", "remote.origin.url") == "ssh://git@github.com/acme/billing.git"
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == billing.head()


@pytest.mark.parametrize(
    "url",
    ["git@github.com:acme/billing.git", "https://github.com/acme/billing.git", "ssh://git@github.com/acme/billing"],
)
def test_every_spelling_of_the_host_is_mapped(url: str, billing: Remote, sandbox: Sandbox) -> None:
    assert billing.head() in git(sandbox.home, "ls-remote", url, "refs/heads/main")


def test_a_repository_that_does_not_exist_is_refused(remotes: Remotes, sandbox: Sandbox) -> None:
    with pytest.raises(GitFailed, match="does not appear to be a git repository"):
        git(sandbox.home, "clone", "ssh://git@github.com/acme/nothing.git")


def test_a_remote_starts_with_two_branches_and_a_tag(billing: Remote) -> None:
    assert git(billing.bare, "for-each-ref", "--format=%(refname:short)").split() == ["develop", "main", "v1.0"]
    assert billing.head("v1.0") == billing.head("main~1") == billing.head("develop~1")
    assert git(billing.bare, "fsck", "--strict") == ""


def test_the_same_history_has_the_same_ids(tmp_path: Path, billing: Remote) -> None:
    again = Remotes(tmp_path / "again").create("acme/billing")
    assert again.head() == billing.head()


def test_work_upstream(billing: Remote) -> None:
    before = billing.head()
    billing.commit({"new.py": "x = 1\n", "README.md": None})
    tip = billing.head()
    assert git(billing.bare, "rev-parse", "main~1") == before
    assert git(billing.bare, "ls-tree", "--name-only", "-r", tip).split() == [
        "CHANGES",
        "billing/__init__.py",
        "new.py",
        "pyproject.toml",
    ]
    rewritten = billing.rewrite(drop=1)
    assert git(billing.bare, "rev-parse", f"{rewritten}~1") == before
    assert billing.tag("v2.0", annotated=True) == rewritten
    billing.delete_branch("develop")
    assert not billing.has("refs/heads/develop")


def test_an_untouched_checkout_equals_itself(checkout: Path) -> None:
    before = snapshot(checkout)
    git(checkout, "status")
    assert snapshot(checkout) == before
    assert lost(before, checkout) == []


def test_a_fetch_is_not_the_developers_work(checkout: Path, billing: Remote) -> None:
    before = snapshot(checkout)
    billing.commit()
    git(checkout, "fetch", "--quiet")
    assert snapshot(checkout) != before
    assert snapshot(checkout).work == before.work


def test_the_witness_sees_a_lost_edit(checkout: Path) -> None:
    (checkout / "README.md").write_text("mine\n")
    (checkout / "new.txt").write_text("mine\n")
    before = snapshot(checkout)
    git(checkout, "reset", "--quiet", "--hard")
    (checkout / "new.txt").unlink()
    assert lost(before, checkout) == [
        "the edited file README.md is not as it was",
        "the edited file new.txt is not as it was",
    ]


def test_the_witness_sees_a_lost_staged_version(checkout: Path) -> None:
    (checkout / "README.md").write_text("staged\n")
    git(checkout, "add", "README.md")
    (checkout / "README.md").write_text("later\n")
    before = snapshot(checkout)
    git(checkout, "reset", "--quiet")
    assert "README.md" in "".join(lost(before, checkout))


def test_the_witness_sees_a_lost_commit_and_accepts_a_rescue_ref(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    mine = git(checkout, "rev-parse", "HEAD")
    before = snapshot(checkout)
    git(checkout, "reset", "--quiet", "--hard", "origin/main")
    assert lost(before, checkout) == [f"no ref reaches the commit {mine}"]
    git(checkout, "update-ref", "refs/vendorws/rescue/main", mine)
    assert lost(before, checkout) == []


def test_the_witness_sees_a_dropped_stash(checkout: Path) -> None:
    (checkout / "README.md").write_text("mine\n")
    git(checkout, "stash")
    before = snapshot(checkout)
    git(checkout, "stash", "drop")
    assert any("stash entry" in sentence for sentence in lost(before, checkout))


def test_the_witness_sees_an_aborted_merge(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    git(checkout, "merge", "--quiet", "--no-commit", "--no-ff", "origin/develop", "-s", "ours")
    before = snapshot(checkout)
    git(checkout, "merge", "--abort")
    assert "the operation in progress is not as it was" in lost(before, checkout)


def test_the_witness_refuses_a_folder_that_belongs_to_the_project(project: Project) -> None:
    folder = project.checkout("billing")
    folder.mkdir(parents=True)
    with pytest.raises(AssertionError, match="belongs to"):
        snapshot(folder)


def test_the_real_command_runs_in_the_project(vendorws: Vendorws) -> None:
    assert "Usage: " in vendorws.ok("--help").stdout
