"""`vendorws status`: one line for each repository, offline unless told otherwise, and never a change."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.git import git, git_says_yes
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.workspace import Workspace, tree
from vendorws.lock import workspace_lock


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def checkout(project: Project, workspace: Workspace, billing: Remote) -> Path:
    """A checkout of main that is at its pin."""
    project.require(billing.line("main"))
    workspace.ok("sync")
    return project.checkout("billing")


@in_any_path
def test_one_aligned_line_for_each_repository(project: Project, workspace: Workspace, remotes: Remotes) -> None:
    names = ("synced", "behind", "ahead", "diverged", "dirty", "elsewhere", "detached", "missing", "tagged")
    upstream = {name: remotes.create(f"acme/{name}") for name in names}
    refs = dict.fromkeys(names, "main") | {"tagged": "v1.0"}
    project.require(*(remote.line(refs[name]) for name, remote in upstream.items()))
    workspace.sync(*(name for name in names if name != "missing"))
    place = project.checkout
    for name in ("behind", "diverged"):
        upstream[name].commit()
        git(place(name), "fetch", "--quiet")
    for name in ("ahead", "diverged"):
        git(place(name), "commit", "--quiet", "--allow-empty", "-m", "mine")
    (place("dirty") / "README.md").write_text("put away\n")
    git(place("dirty"), "stash")
    for file, text in (("README.md", "staged\n"), ("CHANGES", "unstaged\n"), ("new.txt", "untracked\n")):
        (place("dirty") / file).write_text(text)
    git(place("dirty"), "add", "README.md")
    git(place("elsewhere"), "checkout", "--quiet", "-b", "mine")
    git(place("detached"), "checkout", "--quiet", "--detach", "HEAD~1")

    before = tree(project.vendor)
    shown = workspace.ok("status").stdout
    assert tree(project.vendor) == before
    commit = upstream["tagged"].head("v1.0")[:10]
    away = upstream["detached"].head("main~1")[:10]
    at = "vendor"
    lines = [
        ("synced", "main", "in sync", "", ""),
        ("behind", "main", "1 behind", "", "vendorws sync behind"),
        ("ahead", "main", "1 unpushed", "", f"git -C {at}/ahead push origin HEAD"),
        (
            "diverged",
            "main",
            f"diverged 1/1: rebase, or `git -C {at}/diverged merge origin/main`",
            "",
            f"git -C {at}/diverged rebase origin/main",
        ),
        ("dirty", "main", "in sync", "1 staged, 1 unstaged, 1 untracked, 1 stash", ""),
        ("elsewhere", "main", "mine", "not at the pin", "", "vendorws sync --switch elsewhere"),
        ("detached", "main", f"({away})", "detached, not at the pin", "", "vendorws sync detached"),
        ("missing", "main", "missing", "", "vendorws sync missing"),
        ("tagged", "v1.0", f"({commit})", "in sync", "", ""),
    ]
    found = [split(line) for line in shown.splitlines()]
    assert found == [tuple(filter(None, line)) for line in lines]
    assert len({line.index("  -> ") for line in shown.splitlines() if "  -> " in line}) == 1, "commands line up"


def split(line: str) -> tuple[str, ...]:
    """The cells of a line, which lie at least two spaces apart."""
    return tuple(cell.strip().removeprefix("-> ") for cell in line.split("  ") if cell.strip())


def test_a_branch_of_the_developers_own_says_what_is_nowhere_but_here(
    workspace: Workspace, checkout: Path, billing: Remote
) -> None:
    def standing() -> str:
        return split(workspace.ok("status").stdout)[3]

    git(checkout, "checkout", "--quiet", "-b", "mine")
    assert standing() == "not at the pin"
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    assert standing() == "1 commit and no upstream, not at the pin"
    git(checkout, "push", "--quiet", "-u", "origin", "mine")
    assert standing() == "not at the pin"
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine again")
    assert standing() == "1 unpushed, not at the pin"
    assert workspace.ok("status", "--json").json["repositories"][0]["unpushed"] == 1
    assert workspace.ok("sync").stdout.startswith("billing  on mine, 1 unpushed, the pin is branch main\n")


def test_it_remembers_that_the_pinned_branch_is_gone(
    project: Project, workspace: Workspace, checkout: Path, billing: Remote
) -> None:
    billing.branch("release")
    project.require(billing.line("release"))
    workspace.ok("sync")
    last = billing.head("release")[:10]
    billing.delete_branch("release")
    assert "in sync" in workspace.ok("status").stdout, "nobody has asked yet"
    gone = f"release no longer exists on origin; last known at {last}"
    assert gone in workspace.type("sync", "--dry-run").stdout
    assert "in sync" in workspace.ok("status").stdout, "a dry run leaves no trace"
    assert gone in workspace.type("sync").stdout
    before = tree(project.vendor)
    assert gone in workspace.ok("status").stdout
    assert workspace.type("sync").exit_code == 1
    assert tree(project.vendor) == before, "it is remembered once"
    billing.branch("release")
    workspace.ok("sync")
    assert "in sync" in workspace.ok("status").stdout, "it is back, at the same commit"
    billing.delete_branch("release")
    assert gone in workspace.type("status", "--fetch").stdout
    billing.commit(branch="release", start="main")
    git(checkout, "fetch", "--quiet")
    assert "1 behind" in workspace.ok("status").stdout, "a newer fetch counts"


def test_a_pin_that_is_mistyped_gets_a_suggestion(
    project: Project, workspace: Workspace, checkout: Path, billing: Remote
) -> None:
    project.require(billing.line("mian"))
    asked = workspace.type("sync", "-v")
    assert asked.exit_code == 1
    assert "mian does not exist on origin; did you mean main?" in asked.stdout
    assert asked.stderr.count("ls-remote origin") + asked.stderr.count("ls-remote --symref -- origin") == 2, asked
    assert "did you mean main?" in workspace.ok("status").stdout


def test_offline_it_asks_nobody(workspace: Workspace, checkout: Path, billing: Remote) -> None:
    billing.commit()
    shutil.rmtree(billing.bare)
    result = workspace.ok("status", "-v")
    assert result.stdout == "billing  main  in sync\n"
    assert all(word not in result.stderr for word in ("ls-remote", "fetch", "clone"))


def test_fetch_looks_first_and_moves_nothing(workspace: Workspace, checkout: Path, billing: Remote) -> None:
    tip = billing.commit()
    head = git(checkout, "rev-parse", "HEAD")
    assert split(workspace.ok("status", "--fetch").stdout)[2:] == ("1 behind", "vendorws sync billing")
    assert git(checkout, "rev-parse", "HEAD") == head
    assert git(checkout, "rev-parse", "origin/main") == tip
    assert "1 behind" in workspace.ok("status").stdout, "it is known from now on"


def test_fetch_clones_nothing(project: Project, workspace: Workspace, billing: Remote) -> None:
    project.require(billing.line("main"))
    assert "missing" in workspace.ok("status", "--fetch").stdout
    assert not project.vendor.exists()


def test_a_remote_that_does_not_answer(workspace: Workspace, checkout: Path, billing: Remote) -> None:
    shutil.rmtree(billing.bare)
    (checkout / "README.md").write_text("mine\n")
    result = workspace.type("status", "--fetch")
    assert result.exit_code == 3
    assert result.stdout == (
        "billing  main  in sync; the repository does not exist there, or you may not see it  1 unstaged\n"
    )
    assert "does not appear to be a git repository" in result.stderr
    document = workspace.type("status", "--fetch", "--json").json["repositories"][0]
    assert (document["state"], document["unstaged"], document["failure"]["exit_code"]) == ("in-sync", 1, 3)


def test_exit_code_says_whether_everything_is_at_its_pin(workspace: Workspace, checkout: Path, billing: Remote) -> None:
    assert workspace.type("status", "--exit-code").exit_code == 0
    (checkout / "README.md").write_text("mine\n")
    assert workspace.type("status", "--exit-code").exit_code == 0, "it is at its pin"
    git(checkout, "commit", "--quiet", "-am", "mine")
    assert workspace.type("status", "--exit-code").exit_code == 1
    assert workspace.type("status").exit_code == 0
    shutil.rmtree(billing.bare)
    assert workspace.type("status", "--exit-code", "--fetch").exit_code == 3, "the worse of the two"


def test_it_never_waits_for_a_sync(project: Project, workspace: Workspace, checkout: Path, billing: Remote) -> None:
    billing.commit()
    with workspace_lock(project.vendor, wait=False, on_wait=print):
        workspace.ok("status")
        assert "1 behind" in workspace.ok("status", "--fetch").stdout


def test_json_has_null_for_what_is_not_known(project: Project, workspace: Workspace, billing: Remote) -> None:
    project.require(billing.line("main"))
    (missing,) = workspace.ok("status", "--json").json["repositories"]
    assert missing == {
        "name": "billing",
        "path": "vendor/billing",
        "url": billing.url,
        "pin": {"ref": "main", "kind": None, "commit": None},
        "head": None,
        "branch": None,
        "ahead": None,
        "behind": None,
        "unpushed": None,
        "staged": None,
        "unstaged": None,
        "untracked": None,
        "conflicted": None,
        "stashes": None,
        "operation": None,
        "state": "missing",
        "reason": "missing",
        "command": "vendorws sync billing",
        "done": [],
        "failure": None,
    }


def test_json_of_an_operation_in_progress(workspace: Workspace, checkout: Path) -> None:
    git(checkout, "checkout", "--quiet", "-b", "other", "HEAD~1")
    (checkout / "CHANGES").write_text("other\n")
    git(checkout, "commit", "--quiet", "-am", "other")
    git(checkout, "checkout", "--quiet", "main")
    assert not git_says_yes(checkout, "merge", "other")
    (found,) = workspace.ok("status", "--json").json["repositories"]
    assert (found["state"], found["operation"], found["conflicted"]) == ("operation", "merge", 1)
    assert found["command"] == "git -C vendor/billing merge --abort"
    assert (found["ahead"], found["behind"]) == (0, 0)


def test_the_developers_files_have_any_names(project: Project, workspace: Workspace, checkout: Path) -> None:
    shutil.rmtree(checkout)
    checkout.mkdir()
    (checkout / "\x1b[31mred\nbilling  main  in sync").touch()
    result = workspace.ok("status")
    assert len(result.stdout.splitlines()) == 1
    assert "\x1b" not in result.stdout and "\\x1b[31mred\\nbilling" in result.stdout
    assert "\x1b" not in workspace.ok("status", "--json").stdout


# -- checkouts that nobody asks for ----------------------------------------------------------------------------

NOBODY = "no line of the requirements asks for it"
ORPHAN = {
    "name": "billing",
    "path": "vendor/billing",
    "same_remote_as": None,
    **dict.fromkeys(("unpushed", "staged", "unstaged", "untracked", "conflicted", "stashes"), 0),
}


def test_a_checkout_that_no_line_asks_for_any_more(
    project: Project, workspace: Workspace, remotes: Remotes, checkout: Path
) -> None:
    """A line was deleted; its checkout may hold work, so it stays, and is said."""
    project.require(remotes.create("acme/theme").line("main"))
    workspace.sync()
    shown = workspace.ok("status", "--exit-code")
    assert shown.stdout.splitlines()[1:] == [f"vendor/billing  {NOBODY}"]
    assert workspace.ok("status", "--json").json["orphans"] == [ORPHAN]
    assert "billing" not in workspace.ok("status", "theme").stdout, "this was about one package"
    assert workspace.ok("status", "--quiet").stdout == ""
    assert f"vendor/billing  {NOBODY}\n" in workspace.ok("sync").stdout
    assert f"vendor/billing  {NOBODY}\n" in workspace.ok("sync", "--dry-run").stdout
    assert workspace.ok("sync", "--json").json["orphans"] == [ORPHAN]
    assert "billing" not in workspace.ok("sync", "theme").stdout + workspace.ok("sync", "-q").stdout
    (project.root / "app").mkdir()
    assert f"../vendor/billing  {NOBODY}" in workspace.ok("status", cwd=project.root / "app").stdout
    assert checkout.is_dir()


def test_what_would_go_with_an_orphan(project: Project, workspace: Workspace, checkout: Path) -> None:
    """Work on any branch counts, and what no remote has."""
    git(checkout, "switch", "--quiet", "--create", "mine")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Mine")
    git(checkout, "switch", "--quiet", "main")
    (checkout / "README.md").write_text("put away\n")
    git(checkout, "stash")
    (checkout / "draft.txt").write_text("mine\n")
    project.require("django")
    told = f"vendor/billing  {NOBODY}; 1 unpushed  1 untracked, 1 stash\n"
    assert workspace.ok("status").stdout == told
    assert told in workspace.ok("sync").stdout
    counts = {"unpushed": 1, "untracked": 1, "stashes": 1}
    assert workspace.ok("status", "--json").json["orphans"] == [ORPHAN | counts]
    (checkout / ".git" / "HEAD").unlink()
    (unknown,) = workspace.ok("status", "--json").json["orphans"]
    assert (unknown["name"], unknown["unpushed"], unknown["stashes"]) == ("billing", None, None)


def test_what_is_no_checkout_is_nobodys_business(project: Project, workspace: Workspace, checkout: Path) -> None:
    (project.vendor / "wheels").mkdir()
    (project.vendor / "notes.txt").touch()
    shutil.copytree(checkout, project.vendor / ".billing.partial-1234")
    assert NOBODY not in workspace.ok("status").stdout
    assert workspace.ok("status", "--json").json["orphans"] == []


def test_the_last_line_was_deleted(project: Project, workspace: Workspace, checkout: Path) -> None:
    project.require("django")
    assert workspace.ok("status").stdout == f"vendor/billing  {NOBODY}\n"


def test_a_package_was_renamed(
    project: Project, workspace: Workspace, billing: Remote, checkout: Path, tmp_path: Path
) -> None:
    """The checkout is that of its remote under another name: what is pasted takes it there, with all that is in it."""
    (checkout / "draft.txt").write_text("mine")
    project.require(billing.line("main", egg="acme_invoice"))
    shown = workspace.ok("status").stdout.splitlines()
    command = "mv vendor/billing vendor/acme-invoice"
    told = f"{NOBODY}; its remote is that of acme-invoice"
    assert shown[1:] == [f"vendor/billing  {told}  1 untracked  -> {command}"]
    (orphan,) = workspace.ok("status", "--json").json["orphans"]
    assert orphan == ORPHAN | {"same_remote_as": "acme-invoice", "untracked": 1}
    subprocess.run(command, shell=True, check=True, cwd=project.root)
    workspace.sync()
    assert workspace.ok("status").stdout == "acme-invoice  main  in sync  1 untracked\n"
    assert (project.vendor / "acme-invoice" / "draft.txt").read_text() == "mine"


def test_a_renamed_package_that_has_a_checkout_already(
    project: Project, workspace: Workspace, billing: Remote, checkout: Path
) -> None:
    project.require(billing.line("main", egg="acme_invoice"))
    assert f"vendor/billing  {NOBODY}; its remote is that of acme-invoice\n" in workspace.ok("sync").stdout


@pytest.mark.parametrize("damage", ["worktree", "config", "twins", "no repository"])
def test_a_renamed_package_that_is_not_plainly_one(
    project: Project, workspace: Workspace, billing: Remote, checkout: Path, tmp_path: Path, damage: str
) -> None:
    """Nothing is suggested that would not do."""
    lines = [billing.line("main", egg="acme_invoice")]
    if damage == "worktree":
        git(checkout, "worktree", "add", "--quiet", tmp_path / "other")
    elif damage == "config":
        (checkout / ".git" / "config").write_text("[remote")
    elif damage == "twins":
        lines.append(billing.line("main", egg="acme_theme"))
    else:
        (checkout / ".git" / "HEAD").unlink()
    project.require(*lines)
    assert " mv " not in workspace.type("status").stdout
