"""vendor/ lies inside the project's own repository, and no git command may ever reach that one.

Where `vendor/billing` is an empty folder, a plain one or a broken checkout, `git -C vendor/billing` speaks to the
repository around it: tools have switched a project's branch so, merged into it, rewritten its origin. Each test puts
something there that is not a checkout of its own and runs every command with every option that could move something.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkouts import snapshot
from tests.support.git import git
from tests.support.here import Here, type_in_shell
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.workspace import tree

COMMANDS = (
    ("status",),
    ("status", "--fetch"),
    ("sync", "--dry-run"),
    ("sync",),
    ("sync", "--switch", "--fix-url"),
    ("undo",),
)
HOOKS = ("post-checkout", "post-merge", "post-rewrite", "pre-commit", "reference-transaction", "update", "pre-push")


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def shop(project: Project, billing: Remote) -> Project:
    """A project that looks like a checkout as much as one can: same remote, branches, changes, and hooks that tell."""
    around = project.repository
    git(around, "remote", "add", "origin", billing.url)
    git(around, "fetch", "--quiet", "origin")
    git(around, "branch", "develop", "origin/develop")
    git(around, "switch", "--quiet", "--create", "main-of-the-shop")
    git(around, "branch", "--force", "main", "origin/main~1")
    project.require(billing.line("develop"))
    git(around, "add", ".")
    git(around, "commit", "--quiet", "-m", "Require billing")
    for hook in HOOKS:
        script = around / ".git" / "hooks" / hook
        script.parent.mkdir(exist_ok=True)
        script.write_text(f"#!/bin/sh\necho {hook} >> '{around / 'hooks-that-ran'}'\n")
        script.chmod(0o755)
    project.write("shop.py", "staged\n")
    git(around, "add", ".")
    project.write("requirements.txt", f"{billing.line('develop')}\n# edited\n")
    (project.repository / "README").write_text("edited\n")
    return project


def nothing(shop: Project, place: Path) -> None:
    pass


def an_empty_folder(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)


def a_plain_folder(shop: Project, place: Path) -> None:
    (place / "package").mkdir(parents=True)
    (place / "package" / "mine.py").write_text("mine\n")


def a_plain_folder_that_the_project_tracks(shop: Project, place: Path) -> None:
    a_plain_folder(shop, place)
    git(shop.repository, "add", "--force", place)


def an_empty_git_folder(shop: Project, place: Path) -> None:
    (place / ".git").mkdir(parents=True)


def an_empty_git_file(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)
    (place / ".git").touch()


def a_checkout_without_head(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    (place / ".git" / "HEAD").unlink()


def a_checkout_with_a_head_of_nonsense(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    (place / ".git" / "HEAD").write_text("nonsense\n")


def a_checkout_with_an_empty_head(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    (place / ".git" / "HEAD").write_text("")


def a_checkout_without_objects(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    shutil.rmtree(place / ".git" / "objects")


def a_checkout_with_a_config_of_nonsense(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    (place / ".git" / "config").write_text('[remote "origin\nurl = x')


def a_checkout_of_a_format_from_the_future(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    git(place, "config", "core.repositoryFormatVersion", "99")


def a_worktree_that_was_removed(shop: Project, place: Path) -> None:
    elsewhere = shop.repository.parent / "elsewhere"
    git(shop.repository.parent, "clone", "--quiet", origin(shop), elsewhere)
    git(elsewhere, "worktree", "add", "--quiet", place, "origin/main")
    shutil.rmtree(elsewhere / ".git" / "worktrees")


def a_worktree_of_the_project(shop: Project, place: Path) -> None:
    git(shop.repository, "worktree", "add", "--quiet", "--detach", place, "develop~1")


def a_git_file_that_names_the_project(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)
    (place / ".git").write_text("gitdir: ../../../.git\n")


def a_git_file_that_names_the_project_by_a_detour(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)
    detour = shop.repository.parent / "detour"
    detour.symlink_to(shop.repository)
    (place / ".git").write_text(f"gitdir: {detour}/.git\n")


def a_git_link_to_the_project(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)
    (place / ".git").symlink_to(shop.repository / ".git")


def a_git_file_that_names_a_folder_linked_to_the_project(shop: Project, place: Path) -> None:
    place.mkdir(parents=True)
    (place / "repo").symlink_to(shop.repository / ".git")
    (place / ".git").write_text("gitdir: repo\n")


def a_git_folder_that_shares_the_projects(shop: Project, place: Path) -> None:
    """As in a worktree, but made by hand: HEAD and index here, everything else is the project's."""
    (place / ".git").mkdir(parents=True)
    (place / ".git" / "HEAD").write_text("ref: refs/heads/develop\n")
    (place / ".git" / "commondir").write_text("../../../../.git\n")


def a_work_tree_that_is_the_project(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    git(place, "config", "core.worktree", shop.repository)


def a_work_tree_elsewhere(shop: Project, place: Path) -> None:
    a_clone(shop, place)
    git(place, "config", "core.worktree", "../../../../docs")


def a_symbolic_link_to_the_project(shop: Project, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(shop.repository)


def a_symbolic_link_to_nothing(shop: Project, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.symlink_to("nowhere")


def a_file(shop: Project, place: Path) -> None:
    place.parent.mkdir(exist_ok=True)
    place.write_text("mine\n")


def a_clone(shop: Project, place: Path) -> None:
    git(shop.repository, "clone", "--quiet", origin(shop), place)


def origin(shop: Project) -> str:
    return git(shop.repository, "config", "remote.origin.url")


REFUSED = (
    a_plain_folder,
    a_plain_folder_that_the_project_tracks,
    an_empty_git_folder,
    an_empty_git_file,
    a_checkout_without_head,
    a_checkout_with_a_head_of_nonsense,
    a_checkout_with_an_empty_head,
    a_checkout_without_objects,
    a_checkout_with_a_config_of_nonsense,
    a_checkout_of_a_format_from_the_future,
    a_worktree_that_was_removed,
    a_worktree_of_the_project,
    a_git_file_that_names_the_project,
    a_git_file_that_names_the_project_by_a_detour,
    a_git_link_to_the_project,
    a_git_file_that_names_a_folder_linked_to_the_project,
    a_git_folder_that_shares_the_projects,
    a_work_tree_that_is_the_project,
    a_work_tree_elsewhere,
    a_file,
)
LEFT = (a_symbolic_link_to_the_project, a_symbolic_link_to_nothing)
CLONED = (nothing, an_empty_folder)


@pytest.mark.sampled
@pytest.mark.parametrize("arrange", REFUSED, ids=lambda arrange: arrange.__name__.replace("_", " "))
def test_what_is_no_checkout_of_its_own_is_refused(
    arrange: Callable[[Project, Path], None], shop: Project, billing: Remote
) -> None:
    arrange(shop, shop.checkout("billing"))
    place = tree(shop.checkout("billing")) if shop.checkout("billing").is_dir() else None
    around = seen(shop)

    for command in COMMANDS:
        result = Here(shop.root)(*command)
        assert result.exit_code == 1 or command[0] != "sync", (command, result)
        assert seen(shop) == around, (command, result)
        assert place is None or tree(shop.checkout("billing")) == place, (command, result)

    type_in_shell("mv vendor/billing vendor/billing.aside", shop.root)
    Here(shop.root).ok("sync")
    assert git(shop.checkout("billing"), "rev-parse", "HEAD") == billing.head("develop")


@pytest.mark.parametrize("arrange", LEFT, ids=lambda arrange: arrange.__name__.replace("_", " "))
def test_a_symbolic_link_is_left_to_the_developer(arrange: Callable[[Project, Path], None], shop: Project) -> None:
    arrange(shop, shop.checkout("billing"))
    around = seen(shop)
    for command in COMMANDS:
        result = Here(shop.root)(*command)
        assert result.exit_code == 0, (command, result)
        assert seen(shop) == around, (command, result)
    assert shop.checkout("billing").is_symlink()


@pytest.mark.parametrize("arrange", CLONED, ids=lambda arrange: arrange.__name__.replace("_", " "))
def test_what_is_not_there_is_cloned(arrange: Callable[[Project, Path], None], shop: Project, billing: Remote) -> None:
    arrange(shop, shop.checkout("billing"))
    around = seen(shop)
    for command in (*COMMANDS, *COMMANDS):
        result = Here(shop.root)(*command)
        assert result.exit_code == 0, (command, result)
        assert seen(shop) == around, (command, result)
    assert git(shop.checkout("billing"), "rev-parse", "HEAD") == billing.head("develop")


@in_any_path
def test_work_in_a_checkout_does_not_reach_the_project(shop: Project, billing: Remote) -> None:
    """A whole day: clone, fast-forward, rewritten upstream, another pin, a changed URL, undo."""
    around = seen(shop)
    run = Here(shop.root)
    run.ok("sync")
    billing.commit(branch="develop")
    run.ok("sync")
    billing.rewrite("develop")
    run.ok("sync")
    run.ok("undo")
    run.ok("sync", "--switch")
    git(shop.checkout("billing"), "remote", "set-url", "origin", "https://example.test/x.git")
    run.ok("sync", "--fix-url")
    assert seen(shop) == around


def test_the_checkout_of_another_package_is_not_taken_for_this_one(shop: Project, remotes: Remotes) -> None:
    """`.git` of vendor/billing names the repository of vendor/accounts: what moves one would move the other."""
    accounts = remotes.create("acme/accounts")
    shop.require(accounts.line("main"))
    Here(shop.root).ok("sync")
    shop.require(remotes.create("acme/ledger").line("main"), accounts.line("main"))
    place = shop.checkout("ledger")
    place.mkdir()
    (place / ".git").write_text("gitdir: ../accounts/.git\n")
    before = snapshot(shop.checkout("accounts"))

    result = Here(shop.root)("sync", "--switch", "--fix-url")

    assert result.exit_code == 1, result
    assert snapshot(shop.checkout("accounts")) == before


def test_a_copied_worktree_is_not_taken_for_the_worktree(shop: Project, billing: Remote) -> None:
    """`cp -r` of a worktree makes two folders that share one HEAD and one index."""
    elsewhere, original = shop.repository.parent / "elsewhere", shop.repository.parent / "original"
    git(shop.repository.parent, "clone", "--quiet", billing.url, elsewhere)
    git(elsewhere, "worktree", "add", "--quiet", "-b", "develop", original, "origin/develop~1")
    shop.vendor.mkdir()
    shutil.copytree(original, shop.checkout("billing"))
    before = snapshot(original)

    result = Here(shop.root)("sync", "--switch")

    assert result.exit_code == 1, result
    assert snapshot(original) == before


def test_a_project_that_is_a_submodule_itself_is_not_touched(tmp_path: Path, remotes: Remotes) -> None:
    """Then the project's `.git` is a file, and its repository is not where a folder's repository usually is."""
    billing, site = remotes.create("acme/billing"), remotes.create("acme/site")
    whole = tmp_path / "whole"
    git(tmp_path, "init", "--quiet", whole)
    git(whole, "submodule", "--quiet", "add", site.url, "site")
    git(whole, "commit", "--quiet", "-m", "Start")
    (whole / "site" / "requirements.txt").write_text(f"{billing.line('develop')}\n")
    place = whole / "site" / "vendor" / "billing"
    place.mkdir(parents=True)
    (place / ".git").write_text("gitdir: ../../../../.git/modules/site\n")
    before = snapshot(whole / "site")

    result = Here(whole / "site")("sync", "--switch", "--fix-url")

    assert result.exit_code == 1, result
    after = snapshot(whole / "site")
    assert (after.head, after.index, after.config, after.local_refs) == (
        before.head,
        before.index,
        before.config,
        before.local_refs,
    )


def test_what_a_hook_of_the_project_exports_does_not_lead_git_astray(
    shop: Project, billing: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`vendorws sync` in a post-checkout hook of the project: git has set GIT_DIR and GIT_INDEX_FILE for it."""
    around = seen(shop)
    for name, value in {"GIT_DIR": ".git", "GIT_INDEX_FILE": ".git/index", "GIT_WORK_TREE": "."}.items():
        monkeypatch.setenv(name, str(shop.repository / value))
    result = Here(shop.root)("sync")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"):
        monkeypatch.delenv(name, raising=False)
    assert result.exit_code == 0, result
    assert seen(shop) == around
    assert git(shop.checkout("billing"), "rev-parse", "HEAD") == billing.head("develop")


def test_the_projects_own_git_sees_no_checkout(shop: Project) -> None:
    before = git(shop.repository, "status", "--porcelain")
    Here(shop.root).ok("sync")
    assert git(shop.repository, "status", "--porcelain") == before
    assert git(shop.repository, "clean", "-nd") == ""


def seen(shop: Project) -> dict[str, object]:
    """The project's own repository, every byte of it, its files, and the hooks that ran."""
    return {
        "git": tree(shop.repository / ".git"),
        "files": {path: content for path, content in tree(shop.repository).items() if not is_vendored(shop, path)},
    }


def is_vendored(shop: Project, path: str) -> bool:
    vendor = str(shop.vendor.relative_to(shop.repository))
    return path == vendor or path.startswith((f"{vendor}/", ".git/"))
