"""Clone, bring forward, look: whole runs over every package, through the command and through `vendorws.sync`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.checkouts import snapshot
from tests.support.command import Vendorws
from tests.support.git import git, git_says_yes
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.workspace import Workspace, tree
from vendorws.model import Checkout, Clone, FastForward, Retarget, State, Switch, TargetKind
from vendorws.plan import Wish


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
    add_submodule(inner, "deep", innermost)
    add_submodule(billing, "lib/inner", inner)
    checkout = pin(project, billing)
    workspace.only()
    assert git(checkout / "lib/inner", "rev-parse", "HEAD") == inner.head()
    assert git(checkout / "lib/inner/deep", "rev-parse", "HEAD") == innermost.head()

    later = inner.commit()
    record_submodule(billing, "lib/inner", later)
    outcome = workspace.only()
    assert [step.state for step in outcome.done] == [State.BEHIND, State.SUBMODULE]
    assert git(checkout / "lib/inner", "rev-parse", "HEAD") == later
    assert outcome.verdict is not None and outcome.verdict.state is State.IN_SYNC


def add_submodule(remote: Remote, path: str, inner: Remote) -> None:
    remote.commit({".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {inner.url}\n'})
    record_submodule(remote, path, inner.head())


def record_submodule(remote: Remote, path: str, commit: str) -> None:
    """Record `commit` at `path` on main, as `git add` of a submodule does."""
    environment = {"GIT_INDEX_FILE": str(remote.bare / "index.tmp")}
    git(remote.bare, "read-tree", "main", env=environment)
    git(remote.bare, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}", env=environment)
    record = git(remote.bare, "write-tree", env=environment)
    made = git(remote.bare, "commit-tree", record, "-p", "main", "-m", f"Move {path}")
    git(remote.bare, "update-ref", "refs/heads/main", made)


def test_an_empty_folder_is_taken(project: Project, workspace: Workspace, billing: Remote) -> None:
    """Docker makes one for each mount whose source is missing."""
    checkout = pin(project, billing)
    checkout.mkdir(parents=True)
    workspace.only()
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_packages_are_cloned_at_the_same_time(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    names = [f"p{number}" for number in range(6)]
    project.require(*(remotes.create(f"acme/{name}").line("main") for name in names))
    outcomes = workspace.sync(jobs=6)
    assert list(outcomes) == names
    assert all(git(project.checkout(name), "status", "--porcelain") == "" for name in names)
    clones = [place for place, command in enumerate(workspace.trace) if ": git clone" in command]
    checkouts = [place for place, command in enumerate(workspace.trace) if ": git checkout" in command]
    assert max(clones[:2]) < min(checkouts), "the second clone began before the first was done"


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
    assert "billing  main  main  in sync" in workspace.ok("status").stdout
    tip = billing.commit()
    assert "billing  main  main  1 behind" in workspace.ok("status", "--fetch").stdout
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
    add_submodule(billing, "inner", inner)
    checkout = pin(project, billing)
    workspace.ok("sync")
    assert git(checkout, "remote") == git(checkout / "inner", "remote") == "origin"
    assert git(checkout, "status", "--porcelain") == ""

    git(checkout, "tag", "--no-sign", "mine")
    (checkout / "notes.txt").write_text("mine\n")
    record_submodule(billing, "inner", inner.commit())
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
