"""`vendorws undo`: back to before the last run, on real checkouts, and nothing of the developer's is lost on the way.

What is put back is read with plain git; what was the developer's is written down before and compared after
(tests/support/checkouts.py). Where a command is printed it is typed as it stands, and then the undo gets through.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.checkouts import lost, snapshot
from tests.support.command import COMMAND, Result, Vendorws
from tests.support.git import git
from tests.support.here import Here, type_in_shell
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.submodules import add_submodules, record
from tests.support.workspace import tree
from tests.test_halfway import MOVED, killed_in_the_middle, stopping
from vendorws.checkouts import rescue
from vendorws.lock import LOCK_FILE


@dataclass(frozen=True, slots=True)
class Scene:
    """A project with one package, `acme/billing` at `main`, as `sync` made it."""

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

    def pin(self, ref: str) -> None:
        """The requirements file says so from now on."""
        self.project.require(self.upstream.line(ref))

    def write(self, path: str, text: str) -> None:
        """The developer saves a file in the checkout."""
        file = self.checkout / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, path: str = "mine.py") -> str:
        """The developer commits a file in the checkout."""
        self.write(path, "mine\n")
        self.git("add", "--", path)
        self.git("commit", "--quiet", "-m", f"My {path}")
        return self.git("rev-parse", "HEAD")

    def move_on(self, files: dict[str, str | None] | None = None) -> None:
        """Upstream goes on, and `sync` follows."""
        self.upstream.commit(files)
        assert "fast-forwarded by 1 commit" in self.run.ok("sync").stdout

    def runs(self) -> set[str]:
        """The runs that the checkout remembers."""
        return runs_of(self.checkout)


def runs_of(checkout: Path) -> set[str]:
    listed = git(checkout, "for-each-ref", "--format=%(refname)", rescue.RUNS).split()
    return {name.removeprefix(rescue.RUNS).split("/")[0] for name in listed}


def where(checkout: Path) -> dict[str, str]:
    """HEAD, and what each branch and tag holds."""
    lines = git(checkout, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads", "refs/tags").splitlines()
    head = (Path(git(checkout, "rev-parse", "--absolute-git-dir")) / "HEAD").read_text().strip()
    return dict(line.split(" ") for line in lines) | {"HEAD": head, "commit": git(checkout, "rev-parse", "HEAD")}


def printed_command(result: Result) -> str:
    found = re.search(r"  -> (.+)$", result.stderr, re.MULTILINE)
    assert found, result
    return found[1]


@pytest.fixture
def scene(project: Project, remotes: Remotes) -> Scene:
    scene = Scene(project, remotes, remotes.create("acme/billing"), Here(project.root))
    scene.pin("main")
    scene.run.ok("sync")
    return scene


# -- every move is put back ------------------------------------------------------------------------------------

Act = Callable[[Scene], None]


def a_fast_forward(scene: Scene) -> None:
    scene.upstream.commit()
    scene.upstream.commit({"new/file.py": "theirs\n", "README.md": None})


def a_rewritten_branch(scene: Scene) -> None:
    scene.upstream.rewrite()


def a_new_pin_with_a_new_branch(scene: Scene) -> None:
    scene.pin("develop")


def a_new_pin_that_is_a_tag(scene: Scene) -> None:
    scene.pin("v1.0")


def a_new_pin_that_is_a_commit(scene: Scene) -> None:
    scene.pin(scene.upstream.head("main~1"))


def a_new_pin_with_a_branch_that_was_there_and_is_behind(scene: Scene) -> None:
    scene.git("branch", "develop", "v1.0")
    scene.pin("develop")


def behind_the_scenes(scene: Scene) -> None:
    scene.git("switch", "--quiet", "--create", "mine")
    scene.commit()
    scene.upstream.commit()


def detached(scene: Scene) -> None:
    scene.git("switch", "--quiet", "--detach", "HEAD~1")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("move", "says"),
    [
        (a_fast_forward, r"put back main from \w{10} to \w{10}$"),
        (a_rewritten_branch, r"put back main from \w{10} to \w{10}$"),
        (a_new_pin_with_a_new_branch, "put back from develop to main$"),
        (a_new_pin_that_is_a_tag, "put back from v1.0 to main$"),
        (a_new_pin_that_is_a_commit, r"put back from \w{10} to main$"),
        (
            a_new_pin_with_a_branch_that_was_there_and_is_behind,
            r"put back from develop to main, and develop from \w{10} to \w{10}$",
        ),
        (behind_the_scenes, r"put back main from \w{10} to \w{10}$"),
        (detached, r"put back from main to \w{10}$"),
    ],
    ids=lambda case: case.__name__.replace("_", " ") if callable(case) else "",
)
def test_what_a_run_moved_is_put_back_and_that_can_be_put_back_too(move: Act, says: str, scene: Scene) -> None:
    move(scene)
    before = snapshot(scene.checkout), where(scene.checkout)
    scene.run.ok("sync")
    moved = snapshot(scene.checkout), where(scene.checkout)
    assert moved[1] != before[1]

    shown = scene.run.ok("undo", "--dry-run")
    assert snapshot(scene.checkout) == moved[0]
    undone = scene.run.ok("undo")

    assert re.search(says, undone.stdout, re.MULTILINE), undone
    assert re.search(says.replace("put back", "would put back"), shown.stdout, re.MULTILINE), shown
    back = where(scene.checkout)
    assert back | {"refs/heads/develop": ""} == before[1] | {"refs/heads/develop": ""}
    assert back.get("refs/heads/develop", "none") in (
        before[1].get("refs/heads/develop", "none"),
        scene.upstream.head("develop"),  # a branch that the run made stays; it is upstream's
    )
    assert snapshot(scene.checkout).files == before[0].files
    assert scene.git("status", "--porcelain") == ""

    assert "(an undo)" in scene.run.ok("undo").stdout
    assert where(scene.checkout) == moved[1]
    assert snapshot(scene.checkout).files == moved[0].files


def test_a_tag_that_was_followed_is_put_back(scene: Scene) -> None:
    scene.pin("v1.0")
    scene.run.ok("sync")
    before = where(scene.checkout)
    scene.upstream.tag("v1.0", at="develop", annotated=True)
    scene.run.ok("sync", "--switch")
    assert where(scene.checkout)["refs/tags/v1.0"] != before["refs/tags/v1.0"]
    said = scene.run.ok("undo").stdout.splitlines()[1]
    new, old = scene.upstream.head("develop")[:10], before["commit"][:10]
    assert said == f"billing  put back v1.0 from {new} to {old}", "by the commits, for nobody knows a tag object"
    assert where(scene.checkout) == before


def test_a_branch_and_a_tag_of_one_name_are_told_apart(scene: Scene) -> None:
    scene.git("switch", "--quiet", "--create", "v1.0")
    scene.pin("v1.0")
    scene.run.ok("sync", "--switch")
    assert "put back from tags/v1.0 to heads/v1.0\n" in scene.run.ok("undo").stdout
    assert where(scene.checkout)["HEAD"] == "ref: refs/heads/v1.0"


def test_a_tag_is_known_by_its_name_where_it_was_checked_out(scene: Scene) -> None:
    scene.upstream.tag("v2.0", at="main~1", annotated=True)
    scene.pin("v2.0")
    scene.run.ok("sync")
    assert "put back from v2.0 to main\n" in scene.run.ok("undo").stdout


def test_a_tag_that_was_made_anew_is_put_back(scene: Scene) -> None:
    """At the same commit, with a message that it did not have: only the two tags tell the ends apart."""
    scene.pin("v1.0")
    scene.run.ok("sync")
    before = where(scene.checkout)
    scene.upstream.tag("v1.0", at="v1.0", annotated=True)
    scene.pin("main")
    scene.run.ok("sync")
    scene.pin("v1.0")
    scene.run.ok("sync", "--switch")
    new, old = where(scene.checkout)["refs/tags/v1.0"][:10], before["refs/tags/v1.0"][:10]
    assert f"put back from v1.0 to main, and v1.0 from {new} to {old}\n" in scene.run.ok("undo").stdout


@in_any_path
def test_the_last_run_is_shown_and_put_back_by_the_command_of_the_user(
    scene: Scene, vendorws: Vendorws, project: Project
) -> None:
    old = scene.git("rev-parse", "HEAD")
    scene.move_on({"README.md": "theirs\n"})
    around = tree(project.repository / ".git")
    before = tree(project.vendor)

    shown = vendorws.ok("undo", "-n")

    new = scene.upstream.head()
    first, second = shown.stdout.splitlines()
    assert re.fullmatch(r"The last run that moved something started on \d{4}-\d\d-\d\d at \d\d:\d\d:\d\d\.", first)
    assert second == f"billing  would put back main from {new[:10]} to {old[:10]}"
    assert {path: content for path, content in tree(project.vendor).items() if before.get(path) != content} == {}
    assert vendorws.ok("undo").stdout.splitlines()[1] == f"billing  put back main from {new[:10]} to {old[:10]}"
    assert scene.git("rev-parse", "main") == old
    assert tree(project.repository / ".git") == around


def test_what_a_run_cloned_stays(scene: Scene) -> None:
    assert scene.run.ok("undo").stdout == "No run is noted here: nothing was moved, or it is too long ago.\n"
    assert scene.checkout.is_dir()
    shared = scene.remotes.create("acme/shared")
    scene.project.require(scene.upstream.line("main"), shared.line("main"))
    old = scene.git("rev-parse", "HEAD")
    scene.upstream.commit()
    scene.run.ok("sync")
    said = scene.run.ok("undo").stdout
    assert "billing  put back" in said and "shared" not in said
    assert scene.git("rev-parse", "HEAD") == old
    assert git(scene.project.checkout("shared"), "rev-parse", "HEAD") == shared.head()


def test_where_nothing_is_vendored_or_cloned_there_is_nothing_to_undo(project: Project, remotes: Remotes) -> None:
    run = Here(project.root)
    project.require()
    assert run.ok("undo").stdout == "No run is noted here: nothing was moved, or it is too long ago.\n"
    project.require(remotes.create("acme/billing").line("main"))
    assert run.ok("undo").stdout == "No run is noted here: nothing was moved, or it is too long ago.\n"
    assert not project.vendor.exists()


def test_what_the_developer_put_back_by_hand_needs_no_undo(scene: Scene) -> None:
    scene.move_on()
    scene.git("reset", "--quiet", "--hard", "HEAD~1")
    before = snapshot(scene.checkout)
    assert "billing  it is where it was already" in scene.run.ok("undo").stdout
    assert snapshot(scene.checkout) == before


def test_after_an_undo_sync_goes_to_the_pin_again(scene: Scene) -> None:
    scene.move_on()
    scene.run.ok("undo")
    assert "fast-forwarded by 1 commit" in scene.run.ok("sync").stdout
    scene.upstream.rewrite()
    scene.run.ok("sync")
    scene.run.ok("undo")
    assert "followed main" in scene.run.ok("sync").stdout


def a_tag_that_was_followed(scene: Scene) -> None:
    scene.pin("v1.0")
    scene.run.ok("sync")
    scene.upstream.tag("v1.0", at="develop")


def a_commit_instead_of_a_tag(scene: Scene) -> None:
    scene.pin("v1.0")
    scene.run.ok("sync")
    scene.pin(scene.upstream.head())


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("move", "note"),
    [
        (a_fast_forward, "takes billing there again; to stay, type first:"),
        (a_rewritten_branch, "takes billing there again; to stay, type first:"),
        (detached, "takes billing there again; to stay, type first:"),
        (a_commit_instead_of_a_tag, "takes billing there again; to stay, type first:"),
        (behind_the_scenes, "brings main of billing forward again; to keep where it is now, type first:"),
        (
            a_new_pin_with_a_branch_that_was_there_and_is_behind,
            "brings develop of billing forward again; to keep where it is now, type first:",
        ),
        (a_new_pin_with_a_new_branch, None),
        (a_new_pin_that_is_a_tag, None),
        (a_new_pin_that_is_a_commit, None),
        (a_tag_that_was_followed, None),
    ],
    ids=lambda case: case.__name__.replace("_", " ") if callable(case) else "",
)
def test_that_the_next_sync_moves_it_again_is_said_where_it_does(move: Act, note: str | None, scene: Scene) -> None:
    """And what is printed then keeps it, or a branch at it, where it is."""
    move(scene)
    scene.run.ok("sync", *(["--switch"] if move is a_tag_that_was_followed else []))
    assert scene.run.ok("undo", "--dry-run").stderr == ""
    undone = scene.run.ok("undo").stderr.splitlines()
    back = where(scene.checkout)
    if note is None:
        assert undone == []
        assert scene.run("sync").exit_code == (1 if move is a_tag_that_was_followed else 0)
        assert where(scene.checkout) == back
        return
    assert undone[0] == f"note: the next `vendorws sync` {note}"
    again = scene.run.ok("sync", "--dry-run").stdout
    assert "billing  would " in again and "1 to update" in again
    type_in_shell(undone[1], scene.project.root)
    kept = where(scene.checkout)
    scene.run.ok("sync")
    after = where(scene.checkout)
    assert [after[name] for name in ("HEAD", "commit")] == [kept[name] for name in ("HEAD", "commit")]
    moved = note.partition(" of ")[0].rpartition(" ")[2] if " of " in note else None
    old = back[f"refs/heads/{moved}"] if moved else back["commit"]
    assert after["refs/heads/NAME-OF-A-BRANCH"] == old


def test_an_undo_that_is_taken_back_says_nothing_about_the_next_sync(scene: Scene) -> None:
    """Not even where the remote has gone on meanwhile, and that is known here."""
    scene.move_on()
    scene.upstream.commit()
    scene.run.ok("undo")
    scene.run.ok("status", "--fetch")
    assert scene.run.ok("undo").stderr == ""


# -- what is the developer's -----------------------------------------------------------------------------------


def test_files_of_ones_own_are_kept_byte_for_byte(scene: Scene) -> None:
    scene.upstream.commit({"billing/more.py": "theirs\n", "CHANGES": "theirs\n"})
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("*.local\n")
    scene.run.ok("sync")
    scene.write("README.md", "edited\n")
    scene.write("billing/__init__.py", "staged\n")
    scene.git("add", "billing/__init__.py")
    scene.write("billing/__init__.py", "staged, and edited since\n")
    scene.write("billing/untracked.py", "untracked\n")
    scene.write("settings.local", "ignored\n")
    scene.write("announced.py", "announced\n")
    scene.git("add", "--intent-to-add", "announced.py")
    scene.git("update-index", "--skip-worktree", "pyproject.toml")
    scene.write("pyproject.toml", "hidden\n")
    before, ignored = snapshot(scene.checkout), (scene.checkout / "settings.local").read_bytes()

    scene.run.ok("undo")

    assert lost(before, scene.checkout) == []
    assert (scene.checkout / "settings.local").read_bytes() == ignored
    assert (scene.checkout / "pyproject.toml").read_text() == "hidden\n"
    assert scene.git("diff", "--name-only", "HEAD").split() == ["README.md", "announced.py", "billing/__init__.py"]
    assert not (scene.checkout / "billing" / "more.py").exists()


def change(scene: Scene) -> None:
    scene.write("README.md", "mine\n")


def change_and_stage(scene: Scene) -> None:
    scene.write("README.md", "mine\n")
    scene.git("add", "README.md")


def delete(scene: Scene) -> None:
    (scene.checkout / "README.md").unlink()


def change_what_the_run_brought(scene: Scene) -> None:
    scene.write("new.py", "mine\n")


def write_where_a_file_was(scene: Scene) -> None:
    scene.write("gone.py", "mine\n")


def write_an_ignored_file_where_a_file_was(scene: Scene) -> None:
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "exclude").write_text("gone.py\n")
    scene.write("gone.py", "mine\n")


def announce_a_file_where_a_file_was(scene: Scene) -> None:
    scene.write("gone.py", "mine\n")
    scene.git("add", "--intent-to-add", "gone.py")


def hide_a_change(scene: Scene) -> None:
    scene.git("update-index", "--skip-worktree", "README.md")
    scene.write("README.md", "mine\n")


def assume_unchanged(scene: Scene) -> None:
    scene.git("update-index", "--assume-unchanged", "README.md")
    scene.write("README.md", "mine\n")


IN_THE_WAY = [
    (change, "README.md"),
    (change_and_stage, "README.md"),
    (delete, "README.md"),
    (change_what_the_run_brought, "new.py"),
    (write_where_a_file_was, "gone.py"),
    (write_an_ignored_file_where_a_file_was, "gone.py"),
    (announce_a_file_where_a_file_was, "gone.py"),
    (hide_a_change, "README.md"),
    (assume_unchanged, "README.md"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("act", "path"), IN_THE_WAY, ids=[act.__name__.replace("_", " ") for act, _ in IN_THE_WAY])
def test_a_file_that_would_be_overwritten_holds_it(act: Act, path: str, scene: Scene) -> None:
    scene.upstream.commit({"gone.py": "old\n"})
    scene.run.ok("sync")
    old = scene.git("rev-parse", "HEAD")
    scene.move_on({"README.md": "theirs\n", "new.py": "theirs\n", "gone.py": None})
    act(scene)
    before = snapshot(scene.checkout)

    shown, refused = scene.run("undo", "-n"), scene.run("undo")

    assert (shown.exit_code, refused.exit_code) == (1, 1)
    assert f"billing  left as it is: {path} would be overwritten" in refused.stdout
    assert shown == refused
    assert snapshot(scene.checkout) == before
    type_in_shell(printed_command(refused), scene.project.root)
    scene.run.ok("undo")
    assert scene.git("rev-parse", "main") == old
    assert act is delete or "mine" in everything_stashed(scene)


def everything_stashed(scene: Scene) -> str:
    """The lines of all files in the stash, new ones included."""
    return scene.git("stash", "show", "--include-untracked", "--patch")


def test_a_branch_with_commits_since_is_left(scene: Scene) -> None:
    old = scene.git("rev-parse", "HEAD")
    scene.move_on()
    mine = scene.commit()
    before = snapshot(scene.checkout)
    refused = scene.run("undo")
    assert refused.exit_code == 1
    assert (
        f"left as it is: you have moved on since; {old[:10]}, where it was before, is kept as refs/" in refused.stdout
    )
    assert snapshot(scene.checkout) == before
    command = printed_command(refused)
    type_in_shell(command, scene.project.root)
    assert scene.git("rev-parse", f"before-{old[:10]}") == old
    assert scene.git("rev-parse", "main") == mine
    again = scene.run("undo")
    assert again.exit_code == 1 and command not in again.stderr, "what was done is not asked for again"
    scene.git("switch", "--quiet", f"before-{old[:10]}")  # and that is as it was
    assert not (scene.checkout / "mine.py").exists()


def test_another_branch_since_is_left(scene: Scene) -> None:
    scene.move_on()
    scene.git("switch", "--quiet", "--create", "mine")
    before = snapshot(scene.checkout)
    assert "you have moved on since" in scene.run("undo").stdout
    assert snapshot(scene.checkout) == before


def test_an_operation_in_progress_is_left_and_can_be_ended_as_printed(scene: Scene) -> None:
    scene.git("switch", "--quiet", "--create", "theirs")
    scene.commit("README.md")
    scene.git("switch", "--quiet", "main")
    old = scene.git("rev-parse", "HEAD")
    scene.move_on({"README.md": "upstream's\n"})
    subprocess.run(["git", "merge", "theirs"], cwd=scene.checkout, capture_output=True, check=False)
    before = snapshot(scene.checkout)
    assert before.operation

    refused = scene.run("undo")

    assert refused.exit_code == 1
    assert "left as it is: a merge is in progress; resolve its conflicts and go on, or take it back" in refused.stdout
    assert snapshot(scene.checkout) == before
    type_in_shell(printed_command(refused), scene.project.root)
    scene.run.ok("undo")
    assert scene.git("rev-parse", "main") == old


def test_conflicts_of_a_stash_come_first(scene: Scene) -> None:
    scene.write("README.md", "stashed\n")
    scene.git("stash", "push")
    scene.move_on({"README.md": "theirs\n"})
    subprocess.run(["git", "stash", "apply"], cwd=scene.checkout, capture_output=True, check=False)
    before = snapshot(scene.checkout)
    refused = scene.run("undo")
    assert refused.exit_code == 1
    assert "left as it is: there are conflicts to resolve first" in refused.stdout
    assert snapshot(scene.checkout) == before
    assert "both modified" in type_in_shell(printed_command(refused), scene.project.root)


# -- worktrees and submodules ----------------------------------------------------------------------------------


def test_a_branch_that_another_worktree_has_checked_out_is_not_moved_under_it(scene: Scene, tmp_path: Path) -> None:
    scene.git("switch", "--quiet", "--create", "mine")
    scene.upstream.commit()
    scene.run.ok("sync")  # brings main forward behind the scenes
    scene.git("worktree", "add", "--quiet", tmp_path / "second", "main")
    before = snapshot(scene.checkout), snapshot(tmp_path / "second")
    refused = scene.run("undo")
    assert refused.exit_code == 1
    assert f"left as it is: main is checked out in {tmp_path / 'second'}" in refused.stdout
    assert (snapshot(scene.checkout), snapshot(tmp_path / "second")) == before
    assert "second" in type_in_shell(printed_command(refused), scene.project.root)
    scene.git("worktree", "remove", tmp_path / "second")
    scene.run.ok("undo")


def test_nobody_is_put_on_a_branch_that_another_worktree_has_checked_out(scene: Scene, tmp_path: Path) -> None:
    scene.pin("develop")
    scene.run.ok("sync")
    scene.git("worktree", "add", "--quiet", tmp_path / "second", "main")
    before = snapshot(scene.checkout)
    refused = scene.run("undo")
    assert refused.exit_code == 1
    assert "left as it is: main is checked out in " in refused.stdout
    assert snapshot(scene.checkout) == before


def test_a_checkout_that_is_a_linked_worktree(scene: Scene, tmp_path: Path) -> None:
    elsewhere = tmp_path / "billing"
    scene.checkout.rename(elsewhere)
    git(elsewhere, "switch", "--quiet", "--detach")
    git(elsewhere, "worktree", "add", "--quiet", scene.checkout, "main")
    old, around = scene.git("rev-parse", "HEAD"), where(elsewhere)["HEAD"]
    scene.move_on({"README.md": "theirs\n"})
    scene.run.ok("undo")
    assert scene.git("rev-parse", "main") == old
    assert scene.git("status", "--porcelain") == ""
    assert where(elsewhere)["HEAD"] == around


@pytest.fixture
def library(scene: Scene) -> Remote:
    """The package has a submodule `lib`, whose next commit `sync` has brought."""
    library = scene.remotes.create("acme/lib")
    add_submodules(scene.upstream, library)
    scene.run.ok("sync")
    library.commit({"README.md": "theirs\n"})
    record(scene.upstream, library)
    scene.run.ok("sync")
    assert git(scene.checkout / "lib", "rev-parse", "HEAD") == library.head()
    return library


def test_the_submodules_follow(scene: Scene, library: Remote) -> None:
    scene.run.ok("undo")
    assert scene.git("status", "--porcelain") == ""
    assert git(scene.checkout / "lib", "rev-parse", "HEAD") == library.head("main~1")
    assert (scene.checkout / "lib" / "README.md").read_text() == "# lib\n"
    scene.run.ok("undo")
    assert scene.git("status", "--porcelain") == ""
    assert git(scene.checkout / "lib", "rev-parse", "HEAD") == library.head()


@pytest.mark.parametrize("act", ["edit", "commit"])
def test_a_submodule_with_work_of_its_own_stays_where_it_is(act: str, scene: Scene, library: Remote) -> None:
    inside = scene.checkout / "lib"
    (inside / "README.md").write_text("mine\n")
    if act == "commit":
        git(inside, "commit", "--quiet", "--all", "-m", "Mine")
    before, old = snapshot(inside), scene.git("rev-parse", "HEAD~1")
    scene.run("undo")
    assert snapshot(inside) == before
    assert scene.git("rev-parse", "HEAD") == old


def test_a_submodule_that_a_run_took_away_is_taken_up_again(scene: Scene, library: Remote) -> None:
    scene.upstream.commit({"lib": None, ".gitmodules": None})
    scene.run.ok("sync")
    assert scene.git("status", "--porcelain") == "?? lib/", "git leaves it where it was"
    (scene.checkout / "lib" / "mine.py").write_text("mine\n")
    before = snapshot(scene.checkout / "lib")
    scene.run.ok("undo")
    assert scene.git("ls-files", "lib") == "lib"
    assert snapshot(scene.checkout / "lib") == before
    scene.run.ok("undo")
    assert snapshot(scene.checkout / "lib") == before


# -- several repositories --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Two:
    """Two packages that the last run has both moved."""

    scene: Scene
    shared: Remote
    old: dict[str, str]

    def at(self, name: str) -> str:
        return git(self.scene.project.checkout(name), "rev-parse", "HEAD")

    def back(self) -> set[str]:
        """Those that are where they were."""
        return {name for name, commit in self.old.items() if self.at(name) == commit}


@pytest.fixture
def two(scene: Scene) -> Two:
    shared = scene.remotes.create("acme/shared")
    scene.project.require(scene.upstream.line("main"), shared.line("main"))
    scene.run.ok("sync")
    old = {"billing": scene.upstream.head(), "shared": shared.head()}
    for remote in (scene.upstream, shared):
        remote.commit({"README.md": "theirs\n", "m.stop": "theirs\n"})
    scene.run.ok("sync")
    return Two(scene, shared, old)


def test_both_are_put_back_or_the_one_that_is_named(two: Two) -> None:
    two.scene.run.ok("undo", "shared")
    assert two.back() == {"shared"}
    two.scene.run.ok("undo")
    assert two.back() == {"billing", "shared"}
    two.scene.run.ok("undo", "shared")
    assert two.back() == {"billing"}


def test_what_the_next_sync_does_is_said_once_for_both(two: Two) -> None:
    assert two.scene.run.ok("undo").stderr.splitlines() == [
        "note: the next `vendorws sync` takes billing, shared there again; to stay, type first, for each:",
        "  git -C vendor/billing switch -c NAME-OF-A-BRANCH",
    ]
    two.scene.run.ok("undo")
    assert two.scene.run.ok("undo", "--json").stderr == "", "a program knows what it asked for"


def test_only_what_the_last_run_moved_goes_back(two: Two) -> None:
    two.shared.commit()
    two.scene.run.ok("sync")
    between = two.scene.upstream.head()
    said = two.scene.run.ok("undo").stdout
    assert "shared  put back" in said and "billing" not in said
    assert two.at("billing") == between


def test_one_can_be_put_back_and_the_other_when_its_file_is_out_of_the_way(two: Two) -> None:
    """And the one that is back already does not go forward again meanwhile."""
    mine = two.scene.checkout / "README.md"
    mine.write_text("mine\n")
    for _ in range(2):
        refused = two.scene.run("undo")
        assert refused.exit_code == 1
        assert "billing  left as it is: README.md would be overwritten" in refused.stdout
        assert two.back() == {"shared"}
    assert mine.read_text() == "mine\n"
    type_in_shell(printed_command(refused), two.scene.project.root)
    two.scene.run.ok("undo")
    assert two.back() == {"billing", "shared"}
    assert "(an undo)" in two.scene.run.ok("undo").stdout
    assert two.back() == set(), "both were one undo, though it took two commands"


def test_a_repository_that_git_cannot_read_takes_nothing_from_the_others(two: Two) -> None:
    (two.scene.checkout / ".git" / "index").write_bytes(b"rubbish")
    failed = two.scene.run("undo")
    assert failed.exit_code == 1
    assert "shared   put back" in failed.stdout
    assert "billing  failed: " in failed.stdout
    assert "Traceback" not in failed.stderr
    assert two.back() >= {"shared"}


def test_from_elsewhere_the_command_names_the_project(two: Two, tmp_path: Path) -> None:
    (two.scene.checkout / "README.md").write_text("mine\n")
    outside = Here(tmp_path)
    refused = outside("undo", "--project", two.scene.project.root)
    assert refused.exit_code == 1
    assert two.back() == {"shared"}
    type_in_shell(printed_command(refused), tmp_path)
    outside.ok("undo", "--project", two.scene.project.root)
    assert two.back() == {"billing", "shared"}


def test_another_requirements_file(two: Two) -> None:
    two.scene.project.require(two.shared.line("main"), file="other.txt")
    two.scene.run.ok("undo", "-r", "other.txt")
    assert two.back() == {"shared"}


def test_as_json(scene: Scene) -> None:
    """What was put back, what was left and why; and with nothing to put back, no run."""
    nothing = scene.run.ok("undo", "--json").json
    assert (nothing["command"], nothing["run"], nothing["repositories"]) == ("undo", None, [])
    scene.upstream.commit()
    scene.run.ok("sync")
    planned = scene.run.ok("undo", "--json", "--dry-run").json
    assert planned["dry_run"] and planned["run"]
    (repository,) = planned["repositories"]
    assert (repository["name"], repository["path"]) == ("billing", "vendor/billing")
    assert repository["state"] == "put-back" and repository["reason"].startswith("would put back main from ")
    scene.git("commit", "--quiet", "--allow-empty", "-m", "Mine")
    left = scene.run("undo", "--json")
    (repository,) = left.json["repositories"]
    assert left.exit_code == 1 and repository["state"] == "left"
    assert repository["command"].startswith("git -C vendor/billing branch before-")


def test_a_name_that_is_none(scene: Scene) -> None:
    refused = scene.run("undo", "biling")
    assert refused.exit_code == 2
    assert refused.stderr == "error: no line of the requirements vendors 'biling'.\n  Did you mean billing?\n"


# -- how long a run is remembered ------------------------------------------------------------------------------


def remember(scene: Scene, run: str) -> None:
    """Another run of long ago is noted, with all that a run notes."""
    head = scene.git("rev-parse", "HEAD")
    lines = rescue.note(
        run,
        rescue.Position(head, "main", {"heads/main": scene.git("rev-parse", "HEAD~1")}),
        rescue.Position(head, "main", {"heads/main": head}),
        set(),
    )
    git(scene.checkout, "update-ref", "--stdin", stdin=lines)


def test_a_run_is_remembered_for_thirty_days(scene: Scene) -> None:
    today = datetime.now(timezone.utc)
    young, old = (rescue.run_name(today - timedelta(days=days), "1a2b") for days in (29, 31))
    for run in (young, old):
        remember(scene, run)
    scene.move_on()
    assert young in scene.runs() and old not in scene.runs()


def test_twenty_runs_are_remembered_and_undos_count(scene: Scene) -> None:
    today = datetime.now(timezone.utc)
    older = [rescue.run_name(today - timedelta(hours=hours), "1a2b") for hours in range(1, 23)]
    for run in older:
        remember(scene, run)
    scene.move_on()
    scene.run.ok("undo")
    assert scene.runs() > set(older[:18])
    assert not scene.runs() & set(older[19:])
    scene.run.ok("undo")
    assert len(scene.runs()) <= 21


def test_when_the_last_run_is_forgotten_there_is_nothing_to_undo(scene: Scene) -> None:
    scene.move_on()
    before = where(scene.checkout)
    for ref in scene.git("for-each-ref", "--format=%(refname)", rescue.RUNS).split():
        scene.git("update-ref", "-d", ref)
    assert "No run is noted here" in scene.run.ok("undo").stdout
    assert where(scene.checkout) == before


@pytest.mark.slow
def test_one_may_go_back_and_forth_for_ever(scene: Scene) -> None:
    old = scene.git("rev-parse", "HEAD")
    scene.move_on()
    for turn in range(12):
        scene.run.ok("undo")
        assert (scene.git("rev-parse", "HEAD") == old) is (turn % 2 == 0)


# -- two at once, and death ------------------------------------------------------------------------------------


def test_two_at_once_take_turns(two: Two) -> None:
    both = [
        subprocess.Popen([*COMMAND, "undo"], cwd=two.scene.project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert two.back() == set(), "one went back, and the other took that back"
    assert sum(b"(an undo)" in out for out, _ in said) == 1


@pytest.fixture
def stoppable(scene: Scene) -> Scene:
    """git can be stopped in the middle of the way back, and was on the way here."""
    old = {"docs/index.md": "a folder\n", "a.txt": "old\n", "m.stop": "old\n", "z.txt": "old\n"}
    scene.upstream.commit(dict(old))
    scene.run.ok("sync")
    scene.move_on(MOVED)
    return scene


@in_any_path
def test_an_undo_that_died_is_done_again(stoppable: Scene) -> None:
    scene = stoppable
    scene.write("mine.py", "mine\n")
    killed_in_the_middle(scene.project, "undo", at="old")
    assert (scene.checkout / ".git" / "index.lock").exists(), "the test did not stop git in the middle"
    before = tree(scene.checkout)

    shown = scene.run("undo", "-n")
    assert shown.exit_code == 1
    assert "a run did not finish here; what it left half-done is tidied up first" in shown.stdout
    assert printed_command(shown) == "vendorws undo billing"
    assert tree(scene.checkout) == before

    assert "billing  put back main" in scene.run.ok("undo").stdout
    assert scene.git("rev-parse", "main") == scene.upstream.head("main~1")
    assert scene.git("status", "--porcelain") == "?? mine.py"
    assert (scene.checkout / "a.txt").read_text() == "old\n"
    scene.run.ok("undo")
    assert scene.git("rev-parse", "main") == scene.upstream.head(), "and it can be put back as ever"


def test_a_sync_that_died_is_tidied_up_by_an_undo(stoppable: Scene) -> None:
    scene = stoppable
    tip = scene.git("rev-parse", "HEAD")
    scene.upstream.commit({"a.txt": "newest\n", "m.stop": "newest\n", "z.txt": "newest\n"})
    killed_in_the_middle(scene.project, "sync", at="newest")
    assert "billing  it is where it was already" in scene.run.ok("undo").stdout
    assert scene.git("rev-parse", "main") == tip
    assert scene.git("status", "--porcelain") == ""
    assert "fast-forwarded by 1 commit" in scene.run.ok("sync").stdout


def test_an_undo_that_died_between_two_repositories_is_done_to_its_end(two: Two) -> None:
    """The first one is back, the second one is not; and what follows does not move the first one forward again."""
    shutil.copytree(two.scene.project.checkout("shared"), two.scene.project.root / "kept", symlinks=True)
    two.scene.run.ok("undo")
    shutil.rmtree(two.scene.project.checkout("shared"))
    (two.scene.project.root / "kept").rename(two.scene.project.checkout("shared"))
    assert two.back() == {"billing"}

    two.scene.run.ok("undo")
    assert two.back() == {"billing", "shared"}
    two.scene.run.ok("undo")
    assert two.back() == set()


def test_ctrl_c_ends_it_at_once_and_the_next_one_gets_through(stoppable: Scene) -> None:
    scene = stoppable
    reached = scene.project.root.parent / "reached"
    with stopping(scene.checkout, reached, at="old"):
        process = subprocess.Popen([*COMMAND, "undo"], cwd=scene.project.root, stderr=subprocess.PIPE, text=True)
        wait_for(reached)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=2)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "billing  put back main" in scene.run.ok("undo").stdout
    assert scene.git("status", "--porcelain") == ""


@pytest.mark.parametrize("as_json", [False, True])
def test_ctrl_c_says_what_was_put_back_and_what_was_not(as_json: bool, two: Two) -> None:
    """billing is back, shared is in the middle of it, and tools would come next; other has nothing to go back to."""
    scene = two.scene
    tools, other = scene.remotes.create("acme/tools"), scene.remotes.create("acme/other")
    lines = [remote.line("main") for remote in (scene.upstream, two.shared, tools, other)]
    scene.project.require(*lines)
    scene.run.ok("sync")
    for remote in (scene.upstream, two.shared, tools, other):
        remote.commit({"README.md": "theirs again\n", "n.stop": "theirs\n"})
    for remote in (two.shared, tools):
        remote.commit({"m.stop": "later\n"})
    scene.run.ok("sync")
    git(scene.project.checkout("other"), "reset", "--quiet", "--hard", "HEAD~1")
    reached = scene.project.root.parent / "reached"
    with stopping(scene.project.checkout("shared"), reached):
        said, code = interrupted(scene, reached, "undo", *(["--json"] if as_json else []))
    assert code == 130
    if as_json:
        states = [(found["name"], found["state"]) for found in Result(code, said, "").json["repositories"]]
        assert states == [("billing", "put-back"), ("shared", "not-done"), ("tools", "not-done"), ("other", "settled")]
    else:
        assert [line.partition(" from ")[0] for line in said.splitlines()[1:]] == [
            "billing  put back main",
            "shared   not done, the run was interrupted",
            "tools    not done, the run was interrupted",
            "other    it is where it was already",
        ]
    again = scene.run.ok("undo").stdout
    assert "billing" not in again and "shared  put back main" in again and "tools   put back main" in again


def interrupted(scene: Scene, reached: Path, *command: str) -> tuple[str, int]:
    """Ctrl-C when git has come so far: what was printed, and the exit code."""
    process = subprocess.Popen([*COMMAND, *command], cwd=scene.project.root, stdout=subprocess.PIPE, text=True)
    wait_for(reached)
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=2)[0], process.returncode


def test_ctrl_c_when_only_the_submodules_are_left(scene: Scene) -> None:
    library = scene.remotes.create("acme/lib")
    library.commit({"m.stop": "old\n"})
    add_submodules(scene.upstream, library)
    scene.run.ok("sync")
    library.commit({"m.stop": "new\n"})
    record(scene.upstream, library)
    scene.run.ok("sync")
    reached = scene.project.root.parent / "reached"
    with stopping(scene.checkout / "lib", reached, at="old"):
        said, code = interrupted(scene, reached, "undo")
    assert code == 130
    assert re.search(r"^billing  put back main from \w+ to \w+; then the run was interrupted$", said, re.MULTILINE)
    assert scene.git("rev-parse", "main") == scene.upstream.head("main~1")


def test_ctrl_c_before_anything_is_known(two: Two) -> None:
    scene, reached = two.scene, two.scene.project.root.parent / "reached"
    before = {name: snapshot(scene.project.checkout(name)) for name in two.old}
    git(scene.checkout, "config", "filter.stop.clean", f'touch "{reached}"; exec sleep 600')
    (scene.checkout / ".git" / "info").mkdir(exist_ok=True)
    (scene.checkout / ".git" / "info" / "attributes").write_text("m.stop filter=stop\n")
    os.utime(scene.checkout / "m.stop", (0, 0))  # `git status` has to read it, through the filter
    said, code = interrupted(scene, reached, "undo")
    assert code == 130
    assert said == "billing  not done, the run was interrupted\nshared   not done, the run was interrupted\n"
    git(scene.checkout, "config", "--remove-section", "filter.stop")
    assert {name: snapshot(scene.project.checkout(name)).work for name in two.old} == {
        name: shot.work for name, shot in before.items()
    }


def wait_for(file: Path) -> None:
    give_up = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < give_up
        time.sleep(0.01)


def test_while_another_one_is_at_work_it_waits_or_says_so(scene: Scene) -> None:
    scene.move_on()
    before = snapshot(scene.checkout)
    with (scene.project.vendor / LOCK_FILE).open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        refused = scene.run("undo", "--no-wait")
        assert refused.exit_code == 4
        assert "another vendorws is at work here" in refused.stderr
        assert "would put back" in scene.run.ok("undo", "--dry-run", "--no-wait").stdout
    assert snapshot(scene.checkout) == before
