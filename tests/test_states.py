"""Every state a checkout can be in, and what `sync` owes its owner: docs/safety.md, row by row, on real checkouts.

Each row arranges a state and then holds `sync` to five promises: the developer's files are kept byte for byte, every
commit stays reachable from a ref (the reflog does not count), an operation in progress goes on, the exit code says
whether somebody must act, and the next command that is printed, typed as it stands, resolves the state. And the
repository that the project itself lies in is not touched.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest

from tests.support.checkouts import Snapshot, lost, snapshot
from tests.support.command import Result
from tests.support.git import git, git_says_yes
from tests.support.here import Here, type_in_shell
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.submodules import add_submodules, record
from tests.support.workspace import tree


@dataclass(frozen=True, slots=True)
class Scene:
    """A project with one package, `acme/billing`, and everybody who acts on it."""

    project: Project
    remotes: Remotes
    upstream: Remote
    run: Here

    @property
    def checkout(self) -> Path:
        return self.project.checkout("billing")

    def git(self, *args: str | Path) -> str:
        """The developer types git in the checkout."""
        return git(self.checkout, *args)

    def pin(self, ref: str | None = "main") -> None:
        """The requirements file says so from now on."""
        self.project.require(self.upstream.line(ref))

    def start(self, ref: str | None = "main") -> None:
        """The checkout is at its pin, as `sync` made it."""
        self.pin(ref)
        self.run.ok("sync")

    def write(self, path: str, text: str) -> None:
        """The developer saves a file in the checkout."""
        file = self.checkout / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, path: str = "mine.py", text: str = "mine\n") -> str:
        """The developer commits a file in the checkout."""
        self.write(path, text)
        self.git("add", "--force", "--", path)
        self.git("commit", "--quiet", "-m", f"My {path}")
        return self.git("rev-parse", "HEAD")


class Then(Enum):
    """What follows the printed command."""

    IN_SYNC = "the checkout is at its pin"
    GOES_ON = "sync ends with 0 and has no more to ask for"
    SHOWS = "the command runs, but it takes a decision of the developer's too"
    NOTHING = "no command is printed, for there is nothing to do"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: `says` is a regular expression that the output of `sync` matches."""

    name: str
    arrange: Callable[[Scene], None]
    exit_code: int
    says: str
    then: Then
    stays: bool
    options: tuple[str, ...]


ROWS: list[Row] = []


def row(
    exit_code: int, says: str, then: Then = Then.NOTHING, *, stays: bool | None = None, options: tuple[str, ...] = ()
) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    """Add a row; `stays` (assumed where the developer must act): HEAD, branches, index and every file are as before."""

    def add(arrange: Callable[[Scene], None]) -> Callable[[Scene], None]:
        name = arrange.__name__.replace("_", " ")
        ROWS.append(Row(name, arrange, exit_code, says, then, exit_code != 0 if stays is None else stays, options))
        return arrange

    return add


@pytest.fixture
def scene(project: Project, remotes: Remotes) -> Scene:
    return Scene(project, remotes, remotes.create("acme/billing"), Here(project.root))


@pytest.mark.sampled
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_state(row: Row, scene: Scene) -> None:
    row.arrange(scene)
    before = look(scene.checkout)
    around = tree(scene.project.repository / ".git")

    result = scene.run("sync", *row.options)

    said = result.stdout + result.stderr
    assert result.exit_code == row.exit_code, result
    assert re.search(row.says, said), result
    assert missing(before, scene.checkout) == [], result
    if row.stays:
        assert work(look(scene.checkout)) == work(before), result
    follow_the_advice(row, scene, result)
    assert tree(scene.project.repository / ".git") == around


def follow_the_advice(row: Row, scene: Scene, result: Result) -> None:
    """Type what was printed, exactly as it stands, from the project's folder."""
    command = printed_command(result)
    if row.then is Then.NOTHING:
        assert command is None
        assert scene.run("sync", *row.options).exit_code == row.exit_code
        return
    command = command or printed_command(scene.run("status"))
    assert command is not None, result
    committed = everything_committed(scene.checkout)
    type_in_shell(command, scene.project.root)
    assert committed <= everything_committed(scene.checkout) | everything_committed(aside(scene.checkout))
    if row.then is Then.SHOWS:
        return
    after = scene.run.ok("sync", "--json").json["repositories"][0]
    if row.then is Then.IN_SYNC:
        assert after["state"] == "in-sync", after


def printed_command(result: Result) -> str | None:
    found = re.search(r"  -> (.+)$", result.stdout + result.stderr, re.MULTILINE)
    return found and found[1]


def aside(checkout: Path) -> Path:
    return checkout.with_name(f"{checkout.name}.aside")


def everything_committed(folder: Path) -> set[str]:
    """Every commit that a ref or HEAD of the repository in `folder` reaches, and each stash entry."""
    if not (folder / ".git").exists() or not git_says_yes(folder, "rev-parse", "--git-dir"):
        return set()
    heads = ["HEAD"] if git_says_yes(folder, "rev-parse", "--verify", "HEAD") else []
    return set(git(folder, "rev-list", "--all", "--reflog", *heads).split()) if heads else set()


def look(place: Path) -> Snapshot | dict[str, bytes | str | None] | None:
    """A checkout as git sees it; what is none as the file system sees it."""
    if not place.exists():
        return None
    is_checkout = (place / ".git").exists() and git_says_yes(place, "status")
    return snapshot(place) if is_checkout else tree(place)


def work(seen: Snapshot | dict[str, bytes | str | None] | None) -> object:
    return seen.work if isinstance(seen, Snapshot) else seen


def missing(before: Snapshot | dict[str, bytes | str | None] | None, place: Path) -> list[str]:
    """What the developer had and has no more."""
    if isinstance(before, Snapshot):
        return lost(before, place)
    after = tree(place) if place.is_dir() else {}
    return [path for path, content in (before or {}).items() if after.get(path) != content]


# -- nothing there yet -----------------------------------------------------------------------------------------


@row(0, "cloned, on main")
def nothing_is_there(scene: Scene) -> None:
    scene.pin()


@row(0, "cloned, at v1.0")
def nothing_is_there_and_the_pin_is_a_tag(scene: Scene) -> None:
    scene.pin("v1.0")


@row(0, "cloned, on main")
def an_empty_folder_as_docker_makes_one(scene: Scene) -> None:
    scene.pin()
    scene.checkout.mkdir(parents=True)


@row(1, "a folder with setup.py is in the way", Then.IN_SYNC)
def a_folder_with_files_that_is_no_repository(scene: Scene) -> None:
    scene.pin()
    scene.write("setup.py", "mine\n")


@row(1, "a file is in the way", Then.IN_SYNC)
def a_file_in_place_of_the_checkout(scene: Scene) -> None:
    scene.pin()
    scene.project.write("vendor/billing", "mine\n")


@row(0, "a symbolic link to .*, left to you")
def a_symbolic_link_in_place_of_the_checkout(scene: Scene) -> None:
    scene.pin()
    elsewhere = scene.project.root.parent.parent / "elsewhere"
    git(elsewhere.parent, "clone", "--quiet", scene.upstream.url, elsewhere)
    scene.project.vendor.mkdir()
    scene.checkout.symlink_to(elsewhere)


# -- on the pinned branch --------------------------------------------------------------------------------------


@row(0, "in sync", stays=True)
def at_its_pin(scene: Scene) -> None:
    scene.start()


@row(0, "fast-forwarded by 2 commits")
def behind(scene: Scene) -> None:
    scene.start()
    scene.upstream.commit()
    scene.upstream.commit()


@row(0, r"in sync \(1 staged, 1 unstaged, 1 untracked\)", stays=True)
def changed_at_its_pin(scene: Scene) -> None:
    scene.start()
    scene.write("CHANGES", "staged\n")
    scene.git("add", "CHANGES")
    scene.write("README.md", "mine\n")
    scene.write("new.py", "mine\n")


@row(0, r"fast-forwarded by 1 commit \(1 staged, 1 unstaged, 1 untracked\)")
def behind_with_changes_elsewhere(scene: Scene) -> None:
    scene.start()
    scene.write("CHANGES", "staged\n")
    scene.git("add", "CHANGES")
    scene.write("README.md", "mine\n")
    scene.write("new.py", "mine\n")
    scene.upstream.commit({"theirs.py": "theirs\n"})


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_the_same_file_changed(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.upstream.commit({"README.md": "theirs\n"})


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_the_same_file_staged(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.git("add", "README.md")
    scene.upstream.commit({"README.md": "theirs\n"})


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_the_same_file_deleted_here(scene: Scene) -> None:
    scene.start()
    (scene.checkout / "README.md").unlink()
    scene.upstream.commit({"README.md": "theirs\n"})


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_a_file_changed_here_and_deleted_upstream(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.upstream.commit({"README.md": None})


@row(1, "1 behind, but new.py would be overwritten", Then.IN_SYNC)
def behind_with_an_untracked_file_in_the_way(scene: Scene) -> None:
    scene.start()
    scene.write("new.py", "mine\n")
    scene.upstream.commit({"new.py": "theirs\n"})


@row(1, "1 behind, but settings.local would be overwritten", Then.IN_SYNC)
def behind_with_an_ignored_file_in_the_way(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("*.local\n")
    scene.write("settings.local", "my password\n")
    scene.upstream.commit({"settings.local": "theirs\n"})


@row(1, "1 behind, but build/mine.txt would be overwritten", Then.IN_SYNC)
def behind_with_an_untracked_folder_where_a_file_comes(scene: Scene) -> None:
    scene.start()
    scene.write("build/mine.txt", "mine\n")
    scene.upstream.commit({"build": "theirs\n"})


@row(1, "1 behind, but build/mine.txt would be overwritten", Then.IN_SYNC)
def behind_with_an_ignored_folder_where_a_file_comes(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("build/\n")
    scene.write("build/mine.txt", "mine\n")
    scene.upstream.commit({"build": "theirs\n"})


@row(0, "fast-forwarded by 1 commit")
def behind_with_an_empty_folder_where_a_file_comes(scene: Scene) -> None:
    scene.start()
    (scene.checkout / "build" / "deep").mkdir(parents=True)
    scene.upstream.commit({"build": "theirs\n"})


@row(1, "1 behind, but docs would be overwritten", Then.IN_SYNC)
def behind_with_an_untracked_file_where_a_folder_comes(scene: Scene) -> None:
    scene.start()
    scene.write("docs", "mine\n")
    scene.upstream.commit({"docs/index.md": "theirs\n", "docs/more.md": "theirs\n"})


@row(1, "1 behind, but notes would be overwritten", Then.IN_SYNC)
def behind_with_a_symbolic_link_in_the_way(scene: Scene) -> None:
    scene.start()
    (scene.checkout / "notes").symlink_to("/nowhere/mine")
    scene.upstream.commit({"notes": "theirs\n"})


@row(1, r"1 behind, but .* would be overwritten", Then.IN_SYNC)
def behind_with_odd_names_in_the_way(scene: Scene) -> None:
    scene.start()
    scene.upstream.commit({"*.py": "star\n", ":(top)x": "magic\n", "it's new": "quote\n"})
    for name in ("*.py", ":(top)x", "it's new"):
        scene.write(name, "mine\n")
    scene.write("other.py", "mine too\n")


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_a_changed_file_that_git_was_told_to_assume_unchanged(scene: Scene) -> None:
    scene.start()
    scene.git("update-index", "--assume-unchanged", "README.md")
    scene.write("README.md", "mine\n")
    scene.upstream.commit({"README.md": "theirs\n"})


@row(1, "1 behind, but README.md would be overwritten", Then.IN_SYNC)
def behind_with_a_changed_file_that_git_was_told_to_skip(scene: Scene) -> None:
    scene.start()
    scene.git("update-index", "--skip-worktree", "README.md")
    scene.write("README.md", "mine\n")
    scene.upstream.commit({"README.md": "theirs\n"})


@row(0, "fast-forwarded by 1 commit")
def behind_with_an_unchanged_file_that_git_was_told_to_skip(scene: Scene) -> None:
    scene.start()
    scene.git("update-index", "--skip-worktree", "README.md")
    scene.upstream.commit({"README.md": "theirs\n"})


@row(1, "1 behind, but mine.py would be overwritten", Then.IN_SYNC)
def behind_with_a_file_that_is_only_announced_to_git(scene: Scene) -> None:
    scene.start()
    scene.write("mine.py", "mine\n")
    scene.git("add", "--intent-to-add", "mine.py")
    scene.upstream.commit({"mine.py": "theirs\n"})


@row(1, "1 behind, with conflicts to resolve first", Then.SHOWS)
def behind_with_conflicts_of_a_stash(scene: Scene) -> None:
    scene.start()
    leave_conflicts_of_a_stash(scene, "README.md")
    scene.upstream.commit({"theirs.py": "theirs\n"}, start=scene.git("rev-parse", "HEAD"))


@row(1, "1 behind, .*", Then.SHOWS)
def behind_with_conflicts_of_a_stash_in_the_same_file(scene: Scene) -> None:
    scene.start()
    leave_conflicts_of_a_stash(scene, "README.md")
    scene.upstream.commit({"README.md": "theirs\n"}, start=scene.git("rev-parse", "HEAD"))


def leave_conflicts_of_a_stash(scene: Scene, path: str) -> None:
    scene.write(path, "stashed\n")
    scene.git("stash", "push")
    scene.upstream.commit({path: "committed\n"})
    scene.git("pull", "--quiet")
    subprocess.run(["git", "stash", "apply"], cwd=scene.checkout, capture_output=True, check=False)
    assert scene.git("diff", "--name-only", "--diff-filter=U") == path


@row(0, "2 unpushed", Then.IN_SYNC, stays=True)
def ahead(scene: Scene) -> None:
    scene.start()
    scene.commit("one.py")
    scene.commit("two.py")


@row(1, "diverged 1/1: rebase, or `git -C vendor/billing merge origin/main`", Then.GOES_ON)
def diverged(scene: Scene) -> None:
    scene.start()
    scene.commit()
    scene.upstream.commit({"theirs.py": "theirs\n"})


@row(0, r"in sync \(1 stash\)", stays=True)
def with_something_in_the_stash(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.git("stash", "push")


@row(0, "fast-forwarded by 1 commit")
def behind_where_the_branch_is_configured_to_squash(scene: Scene) -> None:
    scene.start()
    scene.git("config", "branch.main.mergeOptions", "--squash --no-commit")
    scene.upstream.commit()


# -- upstream did something ------------------------------------------------------------------------------------


@row(0, "followed main")
def upstream_was_rewritten(scene: Scene) -> None:
    scene.start()
    scene.upstream.rewrite()


@row(0, r"followed main .*\(1 untracked\)")
def upstream_was_rewritten_with_an_untracked_file_here(scene: Scene) -> None:
    scene.start()
    scene.write("mine.py", "mine\n")
    scene.upstream.rewrite()


@row(1, "main was rewritten on origin, and there are local changes", Then.IN_SYNC)
def upstream_was_rewritten_with_changes_here(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.upstream.rewrite()


@row(1, "main was rewritten on origin, and there are local changes", Then.IN_SYNC)
def upstream_was_rewritten_with_an_ignored_file_in_the_way(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("*.local\n")
    scene.write("settings.local", "mine\n")
    scene.upstream.commit({"settings.local": "theirs\n"}, start=scene.upstream.head("main~1"))


@row(1, "origin/main was rewritten under your 1 commit", Then.GOES_ON)
def upstream_was_rewritten_under_commits_here(scene: Scene) -> None:
    scene.start()
    scene.commit()
    scene.upstream.rewrite()


@row(1, "1 unpushed, develop no longer exists on origin; last known at ", Then.SHOWS)
def the_branch_is_gone_and_has_a_commit_of_ones_own(scene: Scene) -> None:
    scene.start("develop")
    scene.commit()
    scene.upstream.delete_branch("develop")


@row(1, "develop no longer exists on origin; last known at ", Then.SHOWS)
def the_branch_was_deleted_upstream(scene: Scene) -> None:
    scene.start("develop")
    scene.upstream.delete_branch("develop")


@row(0, "switched to trunk")
def the_default_branch_was_renamed(scene: Scene) -> None:
    scene.start(None)
    scene.upstream.branch("trunk")
    git(scene.upstream.bare, "symbolic-ref", "HEAD", "refs/heads/trunk")
    scene.upstream.delete_branch("main")


@row(1, r"tag v1.0 moved: \w{10} -> \w{10}", Then.IN_SYNC)
def the_tag_was_moved(scene: Scene) -> None:
    scene.start("v1.0")
    scene.upstream.tag("v1.0", at="main")


@row(0, "switched to v1.0", options=("--switch",))
def the_tag_was_moved_and_the_move_is_asked_for(scene: Scene) -> None:
    scene.start("v1.0")
    scene.upstream.tag("v1.0", at="main", annotated=True)


@row(1, "the pin is tag v1.0, but there are local changes", Then.SHOWS, options=("--switch",))
def the_tag_was_moved_with_changes_here(scene: Scene) -> None:
    scene.start("v1.0")
    scene.write("README.md", "mine\n")
    scene.upstream.tag("v1.0", at="main")


@row(0, "switched to ")
def another_tag_was_moved_while_the_pin_is_a_new_commit(scene: Scene) -> None:
    scene.start("v1.0")
    scene.upstream.tag("v1.0", at="main")
    scene.pin(scene.upstream.commit())


@row(0, "fast-forwarded by 1 commit")
def a_tag_was_moved_and_all_tags_are_always_fetched(scene: Scene) -> None:
    scene.start()
    scene.git("config", "remote.origin.tagOpt", "--tags")
    scene.git("fetch", "--quiet", "--tags")
    scene.upstream.tag("v1.0", at="main")
    scene.upstream.commit()


@row(3, "the repository does not exist there", stays=True)
def the_repository_is_gone(scene: Scene) -> None:
    scene.start()
    scene.commit()
    scene.upstream.bare.rename(scene.upstream.bare.with_name("gone"))


# -- elsewhere -------------------------------------------------------------------------------------------------


@row(0, "on mine, the pin is branch main", Then.IN_SYNC, stays=True)
def on_a_branch_of_ones_own(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")


@row(0, "main brought forward behind the scenes")
def on_a_branch_of_ones_own_with_commits_while_the_pin_moves(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.commit()
    scene.upstream.commit()


@row(0, "on mine, the pin is branch main", stays=True)
def on_a_branch_of_ones_own_while_the_pinned_branch_has_commits_too(scene: Scene) -> None:
    scene.start()
    scene.commit()
    scene.git("switch", "--quiet", "--create", "mine", "HEAD~1")
    scene.upstream.commit()


@row(0, "on mine, the pin is branch main", stays=True)
def on_a_branch_of_ones_own_while_the_pinned_branch_is_in_another_worktree(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.git("worktree", "add", "--quiet", scene.project.root.parent.parent / "second", "main")
    scene.upstream.commit()


@row(1, "main is checked out in .*second", Then.SHOWS, options=("--switch",))
def to_the_pin_while_the_pinned_branch_is_in_another_worktree(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.git("worktree", "add", "--quiet", scene.project.root.parent.parent / "second", "main")


@row(0, "switched to main", options=("--switch",))
def to_the_pin_from_a_branch_of_ones_own(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.commit()


@row(1, "local changes", Then.GOES_ON, options=("--switch",))
def to_the_pin_from_a_branch_of_ones_own_with_changes(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.write("README.md", "mine\n")


@row(1, "on mine, the pin is branch main, but there are local changes", Then.GOES_ON, options=("--switch",))
def to_the_pin_from_a_branch_of_ones_own_with_a_file_in_the_way(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "mine")
    scene.write("new.py", "mine\n")
    scene.upstream.commit({"new.py": "theirs\n"})


@row(0, "switched to develop")
def the_pin_changed(scene: Scene) -> None:
    scene.start()
    scene.pin("develop")


@row(0, "switched to v1.0")
def the_pin_changed_to_a_tag(scene: Scene) -> None:
    scene.start()
    scene.pin("v1.0")


@row(0, "switched to main")
def the_pin_changed_from_a_tag(scene: Scene) -> None:
    scene.start("v1.0")
    scene.pin("main")


@row(1, "the pin is now branch develop, but main has 1 commit unpushed", Then.IN_SYNC)
def the_pin_changed_with_commits_here(scene: Scene) -> None:
    scene.start()
    scene.commit()
    scene.pin("develop")


@row(1, "the pin is now branch develop, but there are local changes", Then.IN_SYNC)
def the_pin_changed_with_changes_here(scene: Scene) -> None:
    scene.start()
    scene.write("README.md", "mine\n")
    scene.pin("develop")


@row(1, "local changes", Then.IN_SYNC)
def the_pin_changed_with_a_file_in_the_way(scene: Scene) -> None:
    scene.start()
    scene.upstream.commit({"new.py": "theirs\n"}, branch="develop")
    scene.write("new.py", "mine\n")
    scene.pin("develop")


@row(0, "switched to main")
def detached_at_a_commit_that_the_remote_has(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--detach", "HEAD~1")


@row(1, "detached, with 1 commit on no branch", Then.GOES_ON)
def detached_with_a_commit_of_ones_own(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--detach")
    scene.commit()


@row(1, "detached, with 1 commit on no branch", Then.GOES_ON, options=("--switch",))
def detached_with_a_commit_of_ones_own_and_the_switch_is_asked_for(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--detach")
    scene.commit()


@row(1, "detached, with 2 commits on no branch", Then.GOES_ON)
def detached_above_a_tag_with_commits_of_ones_own(scene: Scene) -> None:
    scene.start("v1.0")
    scene.commit("one.py")
    scene.commit("two.py")


@row(1, "detached, with 1 commit on no branch", Then.GOES_ON)
def detached_with_a_commit_while_a_branch_of_that_name_is_there(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--detach")
    scene.git("branch", "my-work")
    scene.commit()


# -- an operation in progress ----------------------------------------------------------------------------------


def begin(scene: Scene, *command: str) -> None:
    """Start an operation that stops at a conflict in README.md with the commit `theirs`."""
    ran = subprocess.run(["git", *command], cwd=scene.checkout, capture_output=True, text=True, check=False)
    assert ran.returncode != 0, ran


def two_sides(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--create", "theirs")
    scene.commit("README.md", "theirs\n")
    scene.git("switch", "--quiet", "main")
    scene.commit("README.md", "mine\n")


@row(1, "a merge is in progress", Then.GOES_ON)
def in_a_merge(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "merge", "theirs")
    scene.write("README.md", "half resolved\n")


@row(1, "a merge is in progress", Then.SHOWS, options=("--switch", "--fix-url"))
def in_a_merge_with_every_option(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "merge", "theirs")
    scene.upstream.commit({"theirs.py": "theirs\n"})
    scene.pin("develop")


@row(1, "a rebase is in progress", Then.GOES_ON)
def in_a_rebase(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "rebase", "theirs")


@row(1, "a rebase is in progress", Then.GOES_ON)
def in_a_rebase_by_patches(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "rebase", "--apply", "theirs")


@row(1, "a cherry-pick is in progress", Then.GOES_ON)
def in_a_cherry_pick(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "cherry-pick", "theirs")


@row(1, "a cherry-pick is in progress", Then.GOES_ON)
def between_two_picks_of_a_series(scene: Scene) -> None:
    two_sides(scene)
    scene.git("switch", "--quiet", "theirs")
    scene.commit("AUTHORS", "theirs again\n")
    scene.git("switch", "--quiet", "main")
    begin(scene, "cherry-pick", "theirs~1", "theirs")
    scene.write("README.md", "resolved\n")
    scene.git("commit", "--quiet", "--all", "-m", "Resolved")


@row(1, "a revert is in progress", Then.GOES_ON)
def in_a_revert(scene: Scene) -> None:
    two_sides(scene)
    begin(scene, "revert", "theirs")


@row(1, "a bisect is in progress", Then.GOES_ON)
def in_a_bisect(scene: Scene) -> None:
    scene.start()
    scene.git("bisect", "start", "main", "v1.0~1")


@row(1, "an? am is in progress", Then.GOES_ON)
def in_an_am(scene: Scene) -> None:
    two_sides(scene)
    patch = scene.git("format-patch", "--quiet", "-1", "theirs", "-o", scene.project.root)
    begin(scene, "am", patch or str(next(scene.project.root.glob("*.patch"))))


# -- another remote --------------------------------------------------------------------------------------------


@row(0, "fast-forwarded by 1 commit")
def a_fork_with_the_pin_under_another_name(scene: Scene) -> None:
    scene.start()
    fork = scene.remotes.create("dev/billing")
    scene.git("remote", "rename", "origin", "upstream")
    scene.git("remote", "add", "origin", fork.url)
    scene.git("fetch", "--quiet", "--all")
    scene.upstream.commit()


@row(0, "remote set to .*acme/billing-moved.git")
def the_url_in_the_requirements_changed(scene: Scene) -> None:
    scene.start()
    moved = scene.upstream.bare.with_name("billing-moved.git")
    scene.upstream.bare.rename(moved)
    scene.project.require("-e git+ssh://git@github.com/acme/billing-moved.git@main#egg=billing")


@row(1, "origin is https://example.test/other.git, the pin says ssh://git@github.com/acme/billing.git", Then.IN_SYNC)
def the_remote_is_another_one(scene: Scene) -> None:
    scene.start()
    scene.git("remote", "set-url", "origin", "https://example.test/other.git")


@row(1, "it has no origin, the pin says ", Then.IN_SYNC)
def there_is_no_remote(scene: Scene) -> None:
    scene.start()
    scene.git("remote", "remove", "origin")
    scene.git("update-ref", "refs/remotes/old/main", "HEAD")


@row(1, "detached, with 1 commit on no branch|origin is", Then.GOES_ON, options=("--fix-url",))
def the_remote_is_another_one_and_there_are_commits(scene: Scene) -> None:
    scene.start()
    scene.git("switch", "--quiet", "--detach")
    scene.commit()
    scene.git("remote", "set-url", "origin", "https://example.test/other.git")


# -- unusual repositories --------------------------------------------------------------------------------------


@row(0, "switched to main")
def a_new_repository_without_a_commit(scene: Scene) -> None:
    scene.pin()
    init(scene)


@row(1, "a new repository with files of your own, and no commit", Then.IN_SYNC)
def a_new_repository_with_files_and_without_a_commit(scene: Scene) -> None:
    scene.pin()
    init(scene)
    scene.write("mine.py", "mine\n")


@row(1, "a new repository with files of your own, and no commit", Then.IN_SYNC)
def a_new_repository_with_staged_files_and_without_a_commit(scene: Scene) -> None:
    scene.pin()
    init(scene)
    scene.write("README.md", "mine\n")
    scene.git("add", "README.md")
    (scene.checkout / "README.md").unlink()


@row(1, "git: README.md", stays=True)
def a_new_repository_with_an_ignored_file_in_the_way(scene: Scene) -> None:
    scene.pin()
    init(scene)
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("*\n")
    scene.write("README.md", "mine\n")


def init(scene: Scene) -> None:
    scene.checkout.mkdir(parents=True)
    scene.git("init", "--quiet")
    scene.git("remote", "add", "origin", scene.upstream.url)


@row(0, "fast-forwarded by 2 commits")
def a_shallow_clone_that_is_behind(scene: Scene) -> None:
    clone_shallow(scene)
    scene.upstream.commit()
    scene.upstream.commit()


@row(1, "diverged 1/2", Then.GOES_ON)
def a_shallow_clone_that_diverged(scene: Scene) -> None:
    clone_shallow(scene)
    scene.commit()
    scene.upstream.commit({"theirs.py": "1\n"})
    scene.upstream.commit({"theirs.py": "2\n"})


@row(0, "1 unpushed", Then.IN_SYNC, stays=True)
def a_shallow_clone_that_is_ahead(scene: Scene) -> None:
    clone_shallow(scene)
    scene.commit()


def clone_shallow(scene: Scene) -> None:
    scene.pin()
    scene.project.vendor.mkdir()
    git(scene.project.vendor, "clone", "--quiet", "--depth=1", scene.upstream.url, "billing")


@row(0, "fast-forwarded by 1 commit")
def a_worktree_of_a_clone_elsewhere(scene: Scene) -> None:
    scene.pin()
    elsewhere = scene.project.root.parent.parent / "elsewhere"
    git(elsewhere.parent, "clone", "--quiet", "--no-checkout", scene.upstream.url, elsewhere)
    git(elsewhere, "checkout", "--quiet", "--detach")
    scene.project.vendor.mkdir()
    git(elsewhere, "worktree", "add", "--quiet", scene.checkout, "main")
    scene.upstream.commit()


@row(1, "another git process is at work there, or one died and left its lock", stays=True)
def with_a_lock_that_a_dead_git_left(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "index.lock").touch()
    scene.upstream.commit()


@row(1, "another git process is at work there, or one died and left its lock", stays=True)
def the_pin_changed_with_a_lock_that_a_dead_git_left(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "index.lock").touch()
    scene.pin("develop")


@row(1, "another git process is at work there, or one died and left its lock", stays=True)
def with_a_lock_on_a_branch(scene: Scene) -> None:
    scene.start()
    (scene.checkout / ".git" / "refs" / "heads" / "main.lock").touch()
    scene.upstream.commit()


@row(0, "switched to v9.2")
def the_pin_goes_on_from_a_tag_at_the_tip_of_the_branch(scene: Scene) -> None:
    """It was in sync with the tag as it was: that makes the branch nobody else's."""
    scene.start()
    scene.upstream.tag("v9.1")
    scene.pin("v9.1")
    scene.run.ok("sync")
    scene.upstream.commit()
    scene.upstream.tag("v9.2")
    scene.pin("v9.2")


@row(1, "detached, with 1 commit on no branch", Then.GOES_ON)
def the_pin_was_a_commit_of_ones_own(scene: Scene) -> None:
    scene.start("v1.0")
    scene.pin(scene.commit())
    scene.run.ok("sync")
    scene.pin("main")


# -- submodules ------------------------------------------------------------------------------------------------


def with_submodules(scene: Scene, *names: str) -> list[Remote]:
    """`billing` gets a submodule for each name, and is checked out with them."""
    libraries = [scene.remotes.create(f"acme/{name}") for name in names]
    add_submodules(scene.upstream, *libraries)
    scene.start()
    return libraries


@row(0, "submodules updated")
def a_submodule_that_is_missing(scene: Scene) -> None:
    with_submodules(scene, "lib")
    scene.git("submodule", "--quiet", "deinit", "--all")


@row(0, "fast-forwarded by 1 commit, submodules updated")
def a_submodule_that_moved_upstream(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    lib.commit()
    record(scene.upstream, lib)


@row(0, "submodules updated")
def a_submodule_that_is_behind(scene: Scene) -> None:
    with_submodules(scene, "lib")
    git(scene.checkout / "lib", "checkout", "--quiet", "HEAD~1")


@row(0, "fast-forwarded by 1 commit, submodules updated")
def a_submodule_that_is_behind_and_moved_upstream(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    git(scene.checkout / "lib", "checkout", "--quiet", "HEAD~1")
    lib.commit()
    record(scene.upstream, lib)


@row(1, "submodule lib has commits of yours; record them", Then.GOES_ON)
def a_submodule_with_commits_of_ones_own(scene: Scene) -> None:
    with_submodules(scene, "lib")
    git(scene.checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")


@row(1, "fast-forwarded by 1 commit.*submodule lib has changes of yours", Then.IN_SYNC, stays=False)
def a_submodule_with_changes_that_moved_upstream(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    (scene.checkout / "lib" / "README.md").write_text("mine\n")
    lib.commit()
    record(scene.upstream, lib)


@row(1, "submodules updated.*submodule lib has changes of yours", Then.IN_SYNC, stays=False)
def one_submodule_with_changes_and_one_without(scene: Scene) -> None:
    lib, other = with_submodules(scene, "lib", "other")
    (scene.checkout / "lib" / "README.md").write_text("mine\n")
    for library in (lib, other):
        library.commit()
        record(scene.upstream, library)


@row(1, "submodule lib is no working git repository", Then.GOES_ON)
def a_submodule_whose_repository_is_gone(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / ".git" / "modules").rename(scene.checkout / ".git" / "modules-gone")


@row(1, "submodule lib is no working git repository", Then.GOES_ON)
def a_submodule_whose_head_is_empty(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / ".git" / "modules" / "acme" / "lib" / "HEAD").write_text("")
    scene.write("lib/mine.py", "mine\n")


@row(0, r"in sync \(1 unstaged\)", stays=True)
def a_submodule_with_changes_at_its_commit(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / "lib" / "README.md").write_text("mine\n")


@row(1, "submodule lib is in the middle of an operation of yours", Then.SHOWS)
def a_submodule_with_a_merge_in_progress(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    inside = scene.checkout / "lib"
    git(inside, "merge", "--quiet", "--no-commit", "--no-ff", "-s", "ours", "origin/develop")
    lib.commit()
    record(scene.upstream, lib)
    scene.git("pull", "--quiet")


@row(1, "fast-forwarded by 1 commit.*submodule lib would have settings.local overwritten", Then.IN_SYNC, stays=False)
def a_submodule_with_an_ignored_file_in_the_way_of_a_commit_to_fetch(scene: Scene) -> None:
    ignored_in_a_submodule(scene)


@row(1, "submodule lib would have settings.local overwritten", Then.IN_SYNC)
def a_submodule_with_an_ignored_file_in_the_way_of_a_commit_that_is_here(scene: Scene) -> None:
    ignored_in_a_submodule(scene)
    scene.git("pull", "--quiet", "--no-recurse-submodules")
    git(scene.checkout / "lib", "fetch", "--quiet")


@row(1, "fast-forwarded by 1 commit.*submodule lib has commits of yours beside", Then.SHOWS, stays=False)
def a_submodule_with_commits_that_moved_upstream(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    scene.write("lib/mine.py", "mine\n")
    git(scene.checkout / "lib", "add", "mine.py")
    git(scene.checkout / "lib", "commit", "--quiet", "-m", "Mine")
    lib.commit()
    record(scene.upstream, lib)


@row(1, "fast-forwarded by 1 commit.*submodule lib would lose inner", Then.IN_SYNC, stays=False)
def a_file_comes_where_a_submodule_of_a_submodule_with_files_is(scene: Scene) -> None:
    """It is known only when the commit is fetched, and git would delete what is in there."""
    inner, lib = scene.remotes.create("acme/inner"), scene.remotes.create("acme/lib")
    add_submodules(lib, inner)
    add_submodules(scene.upstream, lib)
    scene.start()
    scene.write("lib/inner/.env", "mine\n")
    lib.commit({"inner": "a file now\n", ".gitmodules": None})
    record(scene.upstream, lib)


@row(0, "submodules updated", Then.NOTHING)
def a_submodule_with_commits_that_was_taken_away(scene: Scene) -> None:
    """git takes its repository up again: what only HEAD held there gets a branch."""
    with_submodules(scene, "lib")
    git(scene.checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    scene.git("submodule", "--quiet", "deinit", "--force", "lib")


@row(0, "in sync", stays=True)
def a_submodule_that_git_is_told_to_leave_alone(scene: Scene) -> None:
    with_submodules(scene, "lib")
    scene.git("config", "submodule.acme/lib.update", "none")
    scene.git("submodule", "--quiet", "deinit", "--force", "lib")
    scene.git("config", "submodule.acme/lib.update", "none")


@row(0, "in sync", stays=True)
def a_list_of_submodules_with_one_that_is_not_recorded(scene: Scene) -> None:
    scene.upstream.commit({".gitmodules": '[submodule "x"]\n\tpath = x\n\turl = ../x.git\n'})
    scene.start()
    (scene.checkout / "x").mkdir()


@row(1, "lib would be overwritten|local changes", Then.IN_SYNC)
def a_file_was_on_the_old_branch_where_a_submodule_with_files_is(scene: Scene) -> None:
    """The way to the branch of today is by where it was here last."""
    lib = scene.remotes.create("acme/lib")
    scene.upstream.commit({"lib": "a file\n"})
    scene.start()
    scene.upstream.commit({"lib": None})
    add_submodules(scene.upstream, lib)
    scene.upstream.tag("v9")
    scene.pin("v9")
    scene.run.ok("sync")
    scene.write("lib/.env", "mine\n")
    scene.pin("main")


def ignored_in_a_submodule(scene: Scene) -> None:
    (lib,) = with_submodules(scene, "lib")
    exclude = scene.checkout / ".git" / "modules" / "acme" / "lib" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    exclude.write_text("*.local\n")
    (scene.checkout / "lib" / "settings.local").write_text("mine\n")
    lib.commit({"settings.local": "theirs\n"})
    record(scene.upstream, lib)


@row(1, "lib would be overwritten", Then.IN_SYNC)
def a_file_comes_where_a_submodule_with_work_is(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / "lib" / "mine.py").write_text("mine\n")
    (scene.checkout / "lib" / "README.md").write_text("mine\n")
    scene.upstream.commit({"lib": "a file now\n", ".gitmodules": None})


@row(1, "lib would be overwritten", Then.IN_SYNC)
def a_folder_comes_where_a_submodule_is(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / "lib" / "mine.py").write_text("mine\n")
    scene.upstream.commit({"lib/README.md": "a folder now\n", ".gitmodules": None})


@row(0, r"fast-forwarded by 1 commit")
def a_submodule_that_is_gone_upstream(scene: Scene) -> None:
    with_submodules(scene, "lib")
    (scene.checkout / "lib" / "mine.py").write_text("mine\n")
    scene.upstream.commit({"lib": None, ".gitmodules": None})


# -- several repositories --------------------------------------------------------------------------------------


def test_one_repository_that_cannot_be_reached_keeps_no_other_from_its_pin(scene: Scene) -> None:
    accounts = scene.remotes.create("acme/accounts")
    scene.project.require(scene.upstream.line("main"), accounts.line("main"))
    scene.run.ok("sync")
    accounts.commit()
    scene.commit()
    scene.upstream.bare.rename(scene.upstream.bare.with_name("gone"))

    result = scene.run("sync")

    assert result.exit_code == 3, result
    assert "accounts  fast-forwarded by 1 commit" in result.stdout
    assert scene.git("log", "-1", "--format=%s") == "My mine.py"
