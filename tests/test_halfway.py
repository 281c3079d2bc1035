"""A move that stops halfway leaves nothing half-done: git is really stopped in the middle of writing files.

A smudge filter is how git hands a file to another program while it checks out. Here it is one that tells that its
turn has come and then never ends, so the files before it are written, the ones behind it are not, and git holds its
lock. Killed in that moment, git leaves all of it behind.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.checkouts import lost, snapshot
from tests.support.command import COMMAND
from tests.support.git import git
from tests.support.here import Here, type_in_shell
from tests.support.process_tree import cut_power
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.submodules import add_submodules, record
from vendorws.checkouts.halfway import MARK

MOVED = {
    "a.txt": "theirs\n",
    "README.md": "theirs\n",
    "billing/__init__.py": None,
    "docs": "a file now\n",
    "folder/new.txt": "theirs\n",
    "m.stop": "theirs, from here on nothing is written\n",
    "z.txt": "theirs\n",
}


LONG = "".join(f"line {number}\n" for number in range(20_000))
BLOCK = 4096


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    remote = remotes.create("acme/billing")
    old = dict.fromkeys(("a.txt", "m.stop", "out/old.txt", "z.txt"), "old\n")
    remote.commit({**old, "docs/index.md": "a folder\n"})
    return remote


@pytest.fixture
def run(project: Project, billing: Remote) -> Here:
    project.require(billing.line("main"))
    run = Here(project.root)
    run.ok("sync")
    return run


@pytest.fixture
def checkout(run: Here, project: Project) -> Path:
    return project.checkout("billing")


@contextmanager
def stopping_everywhere(sandbox: Sandbox, reached: Path) -> Iterator[None]:
    """As `stopping`, for every repository of this machine, cloned ones included."""
    attributes, before = sandbox.home / "attributes", sandbox.git_config.read_text()
    attributes.write_text("*.stop filter=stop\n")
    sandbox.add_git_config(f'[core]\n\tattributesFile = "{attributes}"\n')
    git(sandbox.home, "config", "--global", "filter.stop.smudge", f'touch "{reached}"; exec sleep 600')
    yield
    sandbox.git_config.write_text(before)


@contextmanager
def stopping(
    checkout: Path, reached: Path, *, at: str = "theirs", seconds: int = 600, first: str = ":"
) -> Iterator[None]:
    """Git does not get over a file `*.stop` whose text begins with `at`, not for so many seconds; `first` is for the
    shell, there.
    """
    attributes = Path(git(checkout, "rev-parse", "--absolute-git-dir"), "info", "attributes")
    attributes.parent.mkdir(exist_ok=True)
    attributes.write_text("*.stop filter=stop\n")
    stop = f'text=$(cat); case $text in {at}*) {first}; touch "{reached}"; sleep {seconds};; esac; echo "$text"'
    git(checkout, "config", "filter.stop.smudge", stop)
    yield
    git(checkout, "config", "--remove-section", "filter.stop")
    attributes.unlink()


@contextmanager
def holding(hooks: Path, ref: str, reached: Path, *, first: str = ":") -> Iterator[None]:
    """Git does not get over a change of this ref, whose lock it holds meanwhile; `first` is for the shell, there."""
    hook = hooks / "reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    held = f'prepared*" {ref}"*'
    hook.write_text(f'#!/bin/sh\ncase $1$(cat) in {held}) {first}; touch "{reached}"; sleep 600;; esac\n')
    hook.chmod(0o755)
    yield
    hook.unlink()


def killed_in_the_middle(project: Project, *arguments: str, at: str = "theirs") -> None:
    """Start the command, wait until git writes files, and end it all as a power cut does."""
    reached = project.root.parent / "reached"
    with stopping(project.checkout("billing"), reached, at=at):
        start_and_kill(project, reached, *arguments)


def start_and_kill(project: Project, reached: Path, *arguments: str, kill: Callable[[int], None] = cut_power) -> None:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([*COMMAND, *arguments], cwd=project.root, stdout=quiet, stderr=quiet)
    give_up = time.monotonic() + 30
    while not reached.exists():
        assert process.poll() is None and time.monotonic() < give_up
        time.sleep(0.01)
    kill(process.pid)
    process.wait()
    reached.unlink()


@pytest.mark.parametrize("at", ["the checkout", "its submodule"])
def test_a_git_that_outlives_its_run_is_waited_for(
    at: str, project: Project, billing: Remote, remotes: Remotes, run: Here, checkout: Path
) -> None:
    """Killed is vendorws alone; git is in the middle of writing files, and goes on."""
    library = remotes.create("acme/library")
    add_submodules(billing, library)
    run.ok("sync")
    if at == "its submodule":
        library.commit(MOVED)
        record(billing, library)
    else:
        billing.commit(MOVED)
    reached = project.root.parent / "reached"
    moving = checkout if at == "the checkout" else checkout / "library"
    with stopping(moving, reached, seconds=2):
        start_and_kill(project, reached, "sync", kill=lambda pid: os.kill(pid, signal.SIGKILL))

    run.ok("sync")

    for place, remote in ((checkout, billing), (checkout / "library", library)):
        assert git(place, "rev-parse", "HEAD") == remote.head()
        assert git(place, "status", "--porcelain") == ""


@in_any_path
def test_a_fast_forward_that_died_is_done_again(project: Project, billing: Remote, run: Here, checkout: Path) -> None:
    tip = billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    assert (checkout / "a.txt").read_text() == "theirs\n", "the test did not stop git in the middle"
    assert (checkout / "z.txt").read_text() == "old\n"
    assert (checkout / ".git" / "index.lock").exists()

    result = run.ok("sync")

    assert "tidied up after a run that did not finish, fast-forwarded by 1 commit" in result.stdout
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert git(checkout, "status", "--porcelain") == ""
    assert not list((checkout / ".git").rglob("*.lock"))
    assert run.ok("sync").stdout.startswith("billing  in sync")


@pytest.mark.sampled
@pytest.mark.parametrize("act", ["rewrite", "switch", "undo", "detach"])
def test_every_other_move_that_died_is_done_again(
    act: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    if act == "rewrite":
        billing.commit(MOVED, start=billing.head("main~1"))
    elif act == "switch":
        billing.commit(MOVED, branch="other", start=billing.head())
        project.require(billing.line("other"))
    elif act == "undo":
        billing.commit(MOVED)
        run.ok("sync")
    else:
        git(checkout, "checkout", "--quiet", "--detach", "HEAD~1")
    back = act in ("undo", "detach")
    killed_in_the_middle(project, "undo" if act == "undo" else "sync", at="old" if back else "theirs")

    assert "put back" not in run("undo", "--dry-run").stdout
    run.ok("sync")

    assert git(checkout, "rev-parse", "HEAD") == billing.head("other" if act == "switch" else "main")
    assert git(checkout, "symbolic-ref", "--short", "HEAD") == ("other" if act == "switch" else "main")
    assert git(checkout, "status", "--porcelain") == ""


def test_status_and_a_dry_run_tell_of_it_and_touch_nothing(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    before = snapshot(checkout)
    assert "a run did not finish here" in run("status").stdout
    assert "would tidy up after a run that did not finish" in run("sync", "--dry-run").stdout
    assert snapshot(checkout) == before


@pytest.mark.parametrize("ref", ["refs/remotes/origin/main", "refs/vendorws/runs/"])
def test_a_run_that_is_at_work_is_no_interrupted_one(
    ref: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """While it fetches, and while it moves."""
    billing.commit(MOVED)
    reached = project.root.parent / "reached"

    def look(pid: int) -> None:
        status = run("status", "--json").json["repositories"][0]
        assert (status["state"], status["reason"], status["command"]) == ("at-work", "a run is at work here", None)
        assert run("status", "--exit-code").exit_code == 1
        assert "a run is at work here" in run("sync", "--dry-run").stdout
        cut_power(pid)

    with holding(checkout / ".git/hooks", ref, reached):
        start_and_kill(project, reached, "sync", kill=look)
    assert "a run did not finish here" in run("status").stdout
    run.ok("sync")


@pytest.mark.parametrize("died", ["among the files", "at HEAD"])
def test_what_a_sparse_checkout_leaves_out_stays_out(
    died: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """The files before the index, the index before the branch: `git merge` comes to them in this order."""
    git(checkout, "sparse-checkout", "set", "billing", "folder")
    start = git(checkout, "rev-parse", "HEAD")
    tip = billing.commit({**MOVED, "out/old.txt": "new\n", "out/new.txt": "new\n"})
    if died == "among the files":
        killed_in_the_middle(project, "sync")
    else:
        reached = project.root.parent / "reached"
        with holding(checkout / ".git/hooks", f"{tip} HEAD", reached):
            start_and_kill(project, reached, "sync")

    run("undo")
    assert git(checkout, "rev-parse", "HEAD") == start
    assert "S out/old.txt" in git(checkout, "ls-files", "-t").splitlines()
    assert in_sync(checkout)
    run.ok("sync")

    assert git(checkout, "rev-parse", "HEAD") == tip
    assert not (checkout / "out").exists()
    assert in_sync(checkout)


def test_where_no_whole_mark_can_be_written_nothing_moves(
    project: Project, billing: Remote, run: Here, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    billing.commit(MOVED)
    before = snapshot(checkout)

    def refuse(_source: str, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as full:
        full.setattr(os, "replace", refuse)
        assert run("sync").exit_code == 4
    assert snapshot(checkout).work == before.work
    assert not list((checkout / ".git").glob(f"*{MARK}*"))
    run.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_what_the_developer_did_before_is_kept(project: Project, billing: Remote, run: Here, checkout: Path) -> None:
    (checkout / "CHANGES").write_text("mine, unstaged\n")
    (checkout / "pyproject.toml").write_text("mine, staged\n")
    git(checkout, "add", "pyproject.toml")
    (checkout / "untracked.py").write_text("mine\n")
    before = snapshot(checkout)
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    run.ok("sync")
    assert lost(before, checkout) == []


def test_what_the_developer_did_since_is_kept(project: Project, billing: Remote, run: Here, checkout: Path) -> None:
    """In files that the move had written already, in ones that it had not, and in ones that it had deleted."""
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    mine = {"a.txt": "mine on top of theirs\n", "z.txt": "mine\n", "billing/__init__.py": "mine\n", "new.py": "mine\n"}
    for path, text in mine.items():
        (checkout / path).parent.mkdir(exist_ok=True)
        (checkout / path).write_text(text)

    result = run("sync")

    assert result.exit_code == 1
    assert "1 behind, but a.txt, billing/__init__.py, z.txt would be overwritten" in result.stdout
    assert {path: (checkout / path).read_text() for path in mine} == mine
    assert (checkout / "README.md").read_text() == "# billing\n"
    assert git(checkout, "status", "--porcelain", "--untracked-files=all").splitlines() == [
        " M a.txt",
        " M billing/__init__.py",
        " M z.txt",
        "?? new.py",
    ]


def test_a_developer_who_went_on_with_commits_is_left_alone(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    (checkout / ".git" / "index.lock").unlink()
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "-m", "Whatever this is")
    before = snapshot(checkout)
    assert "diverged 1/1" in run("sync").stdout
    assert snapshot(checkout).work == before.work


def test_a_file_that_was_not_written_to_its_end(project: Project, billing: Remote, run: Here, checkout: Path) -> None:
    billing.commit({**MOVED, "a.txt": LONG, "folder/new.txt": LONG})
    killed_in_the_middle(project, "sync")
    for path in ("a.txt", "folder/new.txt"):
        assert (checkout / path).read_text() == LONG
        os.truncate(checkout / path, BLOCK)
    (checkout / "README.md").unlink()  # git deletes the old file before it writes the new one
    run.ok("sync")
    assert (checkout / "a.txt").read_text() == LONG
    assert git(checkout, "status", "--porcelain") == ""


def test_a_file_that_an_interrupted_git_did_not_write_to_its_end(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """This git lives to remove its lock. What the developer shortens after that is theirs."""
    tip = billing.commit({**MOVED, "a.txt": LONG, "folder/new.txt": LONG})
    reached = project.root.parent / "reached"
    with stopping(checkout, reached, first=f"sleep 0.3; truncate --size={BLOCK} a.txt folder/new.txt"):
        start_and_kill(project, reached, "sync", kill=lambda pid: os.kill(pid, signal.SIGINT))
    assert not (checkout / ".git" / "index.lock").exists()
    time.sleep(0.2)
    os.truncate(checkout / "folder" / "new.txt", BLOCK // 2)

    assert run("sync").exit_code == 1
    assert (checkout / "a.txt").read_text() == "old\n"
    assert (checkout / "folder" / "new.txt").read_text() == LONG[: BLOCK // 2]
    (checkout / "folder" / "new.txt").unlink()
    run.ok("sync")

    assert git(checkout, "rev-parse", "HEAD") == tip
    assert in_sync(checkout)


def test_a_file_that_was_not_cut_between_two_blocks_was_cut_by_the_developer(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    billing.commit({**MOVED, "a.txt": LONG})
    killed_in_the_middle(project, "sync")
    os.truncate(checkout / "a.txt", BLOCK + 10)
    assert run("sync").exit_code == 1
    assert (checkout / "a.txt").read_text() == LONG[: BLOCK + 10]
    assert git(checkout, "status", "--porcelain") == " M a.txt"


def edit_after(billing: Remote, checkout: Path, stop: Callable[[], None]) -> None:
    """Upstream adds to a file and brings another; a run stops and has moved nothing; then the developer works there."""
    billing.commit({"a.txt": LONG, "folder/__init__.py": "more\n"})
    stop()
    time.sleep(0.2)
    (checkout / "a.txt").write_text(LONG[:BLOCK])
    (checkout / "folder").mkdir()
    (checkout / "folder" / "__init__.py").touch()


def nothing_is_taken_back(run: Here, checkout: Path) -> None:
    result = run("sync")
    assert "a.txt, folder/__init__.py would be overwritten" in result.stdout
    assert result.exit_code == 1
    assert (checkout / "a.txt").read_text() == LONG[:BLOCK]
    assert (checkout / "folder" / "__init__.py").exists()
    assert not (checkout / ".git" / MARK).exists()


@pytest.mark.parametrize("locked", ["before the mark", "since the mark"])
def test_where_git_refuses_to_begin_nothing_is_taken_back_later(
    locked: str, billing: Remote, run: Here, checkout: Path
) -> None:
    """Somebody holds the index, as `git commit` does while its editor is open."""
    lock, hook = checkout / ".git" / "index.lock", checkout / ".git" / "hooks" / "reference-transaction"

    def stop() -> None:
        if locked == "before the mark":
            lock.touch()
            time.sleep(0.05)
        else:
            hook.parent.mkdir(exist_ok=True)
            hook.write_text(f'#!/bin/sh\ncase $(cat) in *refs/vendorws/runs/*) touch "{lock}";; esac\n')
            hook.chmod(0o755)
        assert "another git process is at work there" in run("sync").stdout
        assert lock.exists()
        assert not (checkout / ".git" / MARK).exists()
        hook.unlink(missing_ok=True)
        lock.unlink()

    edit_after(billing, checkout, stop)
    nothing_is_taken_back(run, checkout)


@pytest.mark.parametrize("kill", [cut_power, lambda pid: os.kill(pid, signal.SIGINT)], ids=["killed", "interrupted"])
def test_what_the_developer_shortens_after_a_move_that_never_began(
    kill: Callable[[int], None], project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    def stop() -> None:
        reached = project.root.parent / "reached"
        with holding(checkout / ".git/hooks", "refs/vendorws/runs/", reached):
            start_and_kill(project, reached, "sync", kill=kill)
        assert (checkout / ".git" / MARK).read_text()

    edit_after(billing, checkout, stop)
    nothing_is_taken_back(run, checkout)


def test_a_move_that_runs_out_of_time_is_taken_back_at_once(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    (checkout / "CHANGES").write_text("mine\n")
    before = snapshot(checkout)
    billing.commit(MOVED)
    with stopping(checkout, project.root.parent / "reached"):
        start = time.monotonic()
        result = run("sync", "--timeout", "2")
        assert time.monotonic() - start < 15
    assert result.exit_code == 3, result
    assert "not done within 2 seconds" in result.stdout + result.stderr
    assert snapshot(checkout).work == before.work
    run.ok("sync")
    assert git(checkout, "status", "--porcelain") == " M CHANGES"


@pytest.mark.parametrize("name", ["refs/heads/main.lock", "HEAD.lock"])
def test_a_move_whose_last_step_fails_is_taken_back_at_once(
    name: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """Another git holds the lock of the branch: the files are all there, but the branch cannot move."""
    before = snapshot(checkout)
    (checkout / ".git" / name).touch()
    time.sleep(0.05)
    for move in (lambda: billing.commit(MOVED), billing.rewrite):
        move()
        result = run("sync")
        assert result.exit_code == 1, result
        assert "another git process is at work there" in result.stdout
        assert snapshot(checkout).work == before.work
    (checkout / ".git" / name).unlink()
    run.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == billing.head()


def test_a_file_that_is_the_developers_and_equals_theirs_is_not_taken_back(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """The developer has the new file already, byte for byte; git refuses, and it must be there after that."""
    git(checkout, "switch", "--quiet", "--create", "mine", "HEAD~1")
    git(checkout, "branch", "--quiet", "--delete", "--force", "main")
    (checkout / "docs").mkdir(exist_ok=True)
    (checkout / "docs" / "index.md").write_text("a folder\n")
    before = snapshot(checkout)
    result = run("sync", "--switch")
    assert result.exit_code == 1, result
    assert snapshot(checkout).work == before.work


def test_the_lock_of_a_git_that_is_at_work_is_respected(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """`git commit` holds the index while its editor is open: since the run died, the developer went on."""
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    (checkout / ".git" / "index.lock").unlink()
    (checkout / "z.txt").write_text("mine\n")
    opened = project.root.parent / "opened"
    environment = os.environ | {"GIT_EDITOR": f"touch '{opened}'; sleep 600 #"}
    commit = subprocess.Popen(["git", "commit", "--quiet", "--all"], cwd=checkout, env=environment)
    try:
        while not opened.exists():
            time.sleep(0.01)
        before = snapshot(checkout)
        result = run("sync")
        assert result.exit_code == 1
        assert "another git process is at work there" in result.stdout
        assert snapshot(checkout).work == before.work
    finally:
        cut_power(commit.pid)
        commit.wait()


# -- submodules ------------------------------------------------------------------------------------------------


@pytest.fixture
def lib(remotes: Remotes) -> Remote:
    library = remotes.create("acme/lib")
    library.commit({"a.txt": "old\n", "m.stop": "old\n", "z.txt": "old\n"})
    return library


def in_sync(checkout: Path) -> bool:
    """Whether nothing is changed, in the submodules either, and nobody's lock is left."""
    clean = git(checkout, "status", "--porcelain", "--ignore-submodules=none") == ""
    return clean and not list((checkout / ".git").rglob("*.lock"))


def test_the_first_clone_of_a_submodule_that_died_is_done_again(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path, sandbox: Sandbox
) -> None:
    add_submodules(billing, lib)
    reached = project.root.parent / "reached"
    with stopping_everywhere(sandbox, reached):
        start_and_kill(project, reached, "sync")
    assert (checkout / "lib" / "a.txt").is_file(), "the test did not stop git in the middle"
    assert not (checkout / "lib" / "z.txt").exists()
    os.truncate(checkout / "lib" / "a.txt", 0)
    (checkout / "lib" / "mine.py").write_text("mine\n")

    assert run("sync").exit_code == 1
    assert (checkout / "lib" / "mine.py").read_text() == "mine\n"
    (checkout / "lib" / "mine.py").unlink()
    run.ok("sync")

    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert in_sync(checkout)


@pytest.mark.sampled
@pytest.mark.parametrize("left", ["HEAD config objects packed-refs refs", "HEAD config objects", "objects", ""])
def test_a_submodule_that_was_only_begun(
    left: str, project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    """What a kill leaves at other moments of the clone; git itself mends none of it."""
    add_submodules(billing, lib)
    run.ok("sync")
    module = checkout / ".git" / "modules" / "acme" / "lib"
    for entry in module.iterdir():
        if entry.name not in left.split():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for entry in (checkout / "lib").iterdir():
        if entry.name != ".git":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    run.ok("sync")
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert in_sync(checkout)


COMMIT = "git switch -qc mine && git commit -qm Mine --allow-empty && git switch -q --detach main"
STASH = "echo mine > a.txt && git stash push -q"
INNER = 'cd "$(git rev-parse --git-dir)" && mkdir modules && git init -q --bare modules/inner'
OWN_WORK = {
    "a branch": COMMIT,
    "a branch, and no log": COMMIT,
    "a stash": STASH,
    "a stash, and no log": STASH,
    "a detached HEAD, and no log": "git switch -q --detach && git commit -qm Mine --allow-empty",
    "an amended commit": "git commit -qm Mine --allow-empty && git reset -q --hard HEAD~1",
    "a submodule, and no log": INNER,
}


@pytest.mark.parametrize("work", OWN_WORK)
def test_a_submodule_that_lost_its_index_is_no_unfinished_clone(
    work: str, project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    """The first half of a usual repair: `rm .git/index`, then `git reset`."""
    add_submodules(billing, lib)
    run.ok("sync")
    place, module = checkout / "lib", checkout / ".git" / "modules" / "acme" / "lib"
    type_in_shell(OWN_WORK[work], place)
    if work.endswith("no log"):
        shutil.rmtree(module / "logs")
    refs, there = git(place, "show-ref", "--head"), {entry.name for entry in module.iterdir()}
    (module / "index").unlink()

    run("sync")
    git(place, "reset", "--quiet")

    assert git(place, "show-ref", "--head") == refs
    assert {entry.name for entry in module.iterdir()} >= there


def test_a_move_that_died_is_taken_back_before_anything_new_is_fetched(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """The remote has moved on since: a fetch must not take the mark of the dead move for its own."""
    billing.commit(MOVED)
    killed_in_the_middle(project, "sync")
    mark = (checkout / ".git" / MARK).read_text()
    newest = billing.commit({"later.py": "later\n"})
    assert "put back first" in run("status", "--fetch").stdout
    assert (checkout / ".git" / MARK).read_text() == mark
    assert "tidied up" in run.ok("sync").stdout
    assert git(checkout, "rev-parse", "HEAD") == newest
    assert in_sync(checkout)


def test_a_lock_of_a_fetch_that_died_is_not_in_the_way_of_the_next(
    project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    (checkout / ".git" / MARK).write_text("")
    lock = checkout / ".git/refs/remotes/origin/main.lock"
    lock.write_text("")
    newest = billing.commit()
    assert "tidied up" in run.ok("sync").stdout
    assert git(checkout, "rev-parse", "HEAD") == newest
    assert not lock.exists()


REFS = {
    "billing": ("refs/remotes/origin/main", "refs/vendorws/runs/", "HEAD", "refs/heads/main"),
    "lib": ("refs/remotes/origin/main", "HEAD", "refs/vendorws/recorded"),
}


@pytest.mark.sampled
@pytest.mark.parametrize(("moving", "ref"), [(name, ref) for name, refs in REFS.items() for ref in refs])
def test_a_git_that_died_while_it_held_a_ref(
    moving: str, ref: str, project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    lib.commit(MOVED)
    record(billing, lib)
    repository = checkout / ".git" / ("modules/acme/lib" if moving == "lib" else "")
    reached = project.root.parent / "reached"
    with holding(repository / "hooks", ref, reached):
        start_and_kill(project, reached, "sync")
    assert list(repository.rglob("*.lock")), "the test did not stop git in the middle"

    run.ok("sync")

    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert in_sync(checkout)


@pytest.mark.sampled
@pytest.mark.parametrize("ref", ["HEAD", "refs/remotes/origin/main", "refs/vendorws/recorded"])
def test_a_git_that_died_while_it_held_a_ref_of_a_new_submodule(
    ref: str, project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path, sandbox: Sandbox
) -> None:
    add_submodules(billing, lib)
    reached, hooks = project.root.parent / "reached", sandbox.home / "hooks"
    sandbox.add_git_config(f'[core]\n\thooksPath = "{hooks}"\n')
    with holding(hooks, ref, reached):
        git(checkout, "config", "core.hooksPath", "/nowhere")
        start_and_kill(project, reached, "sync")

    run.ok("sync")

    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert in_sync(checkout)


@pytest.mark.parametrize("command", ["sync", "status --fetch"])
def test_an_interrupted_git_that_does_not_live_to_let_go_of_a_ref(
    command: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """It stands still, so that it has to be killed."""
    newest = billing.commit()
    reached = project.root.parent / "reached"
    with holding(checkout / ".git/hooks", "refs/remotes/origin/main", reached, first='kill -STOP "$PPID"'):
        start_and_kill(project, reached, *command.split(), kill=lambda pid: os.kill(pid, signal.SIGINT))
    left = list((checkout / ".git").rglob("*.lock"))
    assert bool(left) is (command == "sync"), left  # whose mark tells the next run of it

    run.ok("sync")

    assert git(checkout, "rev-parse", "HEAD") == newest
    assert in_sync(checkout)


@pytest.mark.parametrize("following", ["sync", "status --fetch"])
def test_a_status_that_was_killed_while_it_fetched(
    following: str, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    """It is no move, so nothing is to be put back: only the lock of its git is in the way."""
    newest = billing.commit()
    reached = project.root.parent / "reached"
    with holding(checkout / ".git/hooks", "refs/remotes/origin/main", reached):
        start_and_kill(project, reached, "status", "--fetch")
    assert list((checkout / ".git").rglob("*.lock")), "the test did not stop git in the middle"
    assert "did not finish" not in run.ok("status").stdout

    run.ok(*following.split())

    assert git(checkout, "rev-parse", "refs/remotes/origin/main") == newest
    assert in_sync(checkout)
    assert not list((checkout / ".git").glob("vendorws-*"))


def test_a_git_that_died_while_it_noted_what_the_remote_has_no_more(
    project: Project, billing: Remote, run: Here, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No hook stops `git config` while it holds its lock: here that is done by what stands before git."""
    billing.commit(branch="feature")
    project.require(billing.line("feature"))
    run.ok("sync", "--switch")
    billing.delete_branch("feature")
    reached, before = project.root.parent / "reached", project.root.parent / "before" / "git"
    lock = checkout / ".git" / "config.lock"
    before.parent.mkdir()
    noting = f'*vendorws.gone*) touch "{lock}" "{reached}"; sleep 600;;'
    before.write_text(f'#!/bin/sh\ncase "$*" in {noting} esac\nexec "{shutil.which("git")}" "$@"\n')
    before.chmod(0o755)
    monkeypatch.setenv("PATH", f"{before.parent}{os.pathsep}{os.environ['PATH']}")
    start_and_kill(project, reached, "sync")
    before.unlink()

    assert run("sync").exit_code == 1

    assert git(checkout, "config", "vendorws.gone")
    assert in_sync(checkout)


def store_alone(commit: str, remote: Remote, repository: Path) -> None:
    """What a fetch that is killed early leaves of a commit: git stores what it brings object by object."""
    raw = subprocess.run(["git", "cat-file", "commit", commit], cwd=remote.bare, capture_output=True, check=True).stdout
    words = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
    stored = subprocess.run(words, cwd=repository, input=raw, capture_output=True, check=True).stdout
    assert stored.decode().strip() == commit


@pytest.mark.parametrize("length", [40, 9])
def test_a_commit_that_came_without_its_files(
    length: int, project: Project, billing: Remote, run: Here, checkout: Path
) -> None:
    run.ok("sync")
    new = billing.commit({"new.py": "new\n"})
    store_alone(new, billing, checkout)
    project.require(billing.line(new[:length]))
    run.ok("sync", "--switch")
    assert git(checkout, "rev-parse", "HEAD") == new
    assert (checkout / "new.py").read_text() == "new\n"
    assert in_sync(checkout)


def test_a_submodule_s_commit_that_came_without_its_files(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    store_alone(lib.commit(), lib, checkout / "lib")
    record(billing, lib)
    run.ok("sync")
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert in_sync(checkout)


def test_a_submodule_whose_fetch_died_before_it_noted_the_branches(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    """The commit is here then, and goes into the work tree, but no branch of the remote leads to it."""
    add_submodules(billing, lib)
    run.ok("sync")
    for _ in range(2):
        git(checkout / "lib", "symbolic-ref", "--delete", "refs/remotes/origin/HEAD")
        git(checkout / "lib", "update-ref", "-d", "refs/remotes/origin/main")
        lib.commit()
        record(billing, lib)
        run.ok("sync")
        assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
        git(checkout / "lib", "remote", "set-head", "origin", "main")


def test_the_mark_of_a_move_that_has_arrived_goes_away(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    mark = checkout / ".git" / "modules" / "acme" / "lib" / MARK
    mark.write_text(f"{lib.head('main~1')} {lib.head()} ")
    run.ok("sync")
    assert not mark.exists()
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()


def test_a_mark_excuses_no_commit_of_the_developers(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    (checkout / ".git" / "modules" / "acme" / "lib" / MARK).write_text(f"{lib.head('main~1')} {lib.head()} ")
    git(checkout / "lib", "commit", "--quiet", "--allow-empty", "-m", "Mine")
    mine = git(checkout / "lib", "rev-parse", "HEAD")
    lib.commit()
    record(billing, lib)
    assert run("sync").exit_code == 1
    assert git(checkout / "lib", "rev-parse", "HEAD") == mine


def test_a_mark_beside_a_branch_whose_name_is_no_utf_8(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    (checkout / ".git" / "modules" / "acme" / "lib" / MARK).write_text(f"{lib.head('main~1')} {lib.head()} ")
    git(checkout / "lib", "switch", "--quiet", "--create", os.fsdecode(b"caf\xe9"), "HEAD~1")
    assert "submodule lib" in run.ok("status").stdout
    run.ok("sync")
    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()


def test_the_move_of_a_submodule_that_died_is_done_again(
    project: Project, billing: Remote, lib: Remote, run: Here, checkout: Path, sandbox: Sandbox
) -> None:
    add_submodules(billing, lib)
    run.ok("sync")
    (checkout / "lib" / "mine.py").write_text("mine\n")
    lib.commit({"a.txt": "theirs\n", "m.stop": "theirs\n", "z.txt": "theirs\n"})
    record(billing, lib)
    reached = project.root.parent / "reached"
    with stopping_everywhere(sandbox, reached):
        start_and_kill(project, reached, "sync")
    assert (checkout / "lib" / "a.txt").read_text() == "theirs\n", "the test did not stop git in the middle"
    os.truncate(checkout / "lib" / "a.txt", 0)

    run.ok("sync")

    assert git(checkout / "lib", "rev-parse", "HEAD") == lib.head()
    assert (checkout / "lib" / "mine.py").read_text() == "mine\n"
    (checkout / "lib" / "mine.py").unlink()
    assert in_sync(checkout)
