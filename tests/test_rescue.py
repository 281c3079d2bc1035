"""Where things were: the notes of a run, how long they are kept, and that they are true."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.project import Project
from tests.support.remotes import Remotes
from tests.support.workspace import Workspace
from vendorws.checkouts import rescue
from vendorws.checkouts.plan import Wish
from vendorws.checkouts.rescue import RUNS, Position, Recorded

NOW = datetime(2026, 11, 23, 21, 45, 0, 250_000, tzinfo=timezone.utc)
A, B, C = "a" * 40, "b" * 40, "c" * 40


def test_a_run_is_named_after_its_start_and_names_sort_by_time() -> None:
    assert rescue.run_name(NOW, "1a2b") == "20261123T214500.250000Z-1a2b"
    elsewhere = datetime(2026, 11, 23, 23, 45, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    assert rescue.run_name(elsewhere, "1a2b") == rescue.run_name(NOW, "1a2b")
    assert rescue.run_name(NOW, "ffff") < rescue.run_name(NOW + timedelta(milliseconds=1), "0000")
    assert rescue.run_started(rescue.run_name(NOW, "1a2b")) == NOW


def test_an_undo_says_which_run_it_puts_back() -> None:
    first, second = rescue.run_name(NOW, "1a2b"), rescue.run_name(NOW + timedelta(hours=1), "3c4d")
    undo = rescue.undo_name(NOW + timedelta(hours=2), first)
    assert undo == "20261123T234500.250000Z-undo-20261123T214500.250000Z"
    assert rescue.run_started(undo) == NOW + timedelta(hours=2)
    assert rescue.is_undo(undo) and not rescue.is_undo(first)
    assert rescue.is_undo_of(undo, first) and not rescue.is_undo_of(undo, second)
    assert rescue.is_undo_of(rescue.undo_name(NOW + timedelta(hours=3), undo), undo), "an undo can be undone"


@pytest.mark.parametrize("name", ["", "mine", "2026-11-23", "20261399T000000.000000Z-1a2b", "20261123T214500Z-1a2b"])
def test_a_name_that_is_not_ours(name: str) -> None:
    assert rescue.run_started(name) is None


def refs_of(run: str) -> list[str]:
    return [f"{RUNS}{run}/was/HEAD", f"{RUNS}{run}/was/heads/main", f"{RUNS}{run}/now/HEAD"]


def test_the_last_twenty_runs_are_kept() -> None:
    runs = [rescue.run_name(NOW - timedelta(hours=hour), "0000") for hour in range(23)]
    listed = [ref for run in runs for ref in refs_of(run)]
    assert rescue.expired(listed, NOW) == [ref for run in runs[20:] for ref in refs_of(run)]
    assert rescue.expired(listed[: 20 * 3], NOW) == []


def test_runs_are_kept_for_thirty_days() -> None:
    young, old = (rescue.run_name(NOW - timedelta(days=days), "0000") for days in (30, 31))
    assert rescue.expired([*refs_of(young), *refs_of(old)], NOW) == refs_of(old)


def test_what_is_not_ours_never_expires() -> None:
    assert rescue.expired([f"{RUNS}mine/was/HEAD", "refs/heads/main", "refs/vendorws/pinned/tags/v1"], NOW) == []


def test_the_lines_that_forget() -> None:
    assert rescue.forget(["refs/a", "refs/b"]) == "delete refs/a\ndelete refs/b\n"
    assert rescue.forget([]) == ""


def test_the_lines_that_note_a_move() -> None:
    was = Position(A, "main", {"heads/main": A})
    now = Position(B, "main", {"heads/main": B})
    assert rescue.note("r", was, now, set()).splitlines() == [
        f"update {RUNS}r/was/HEAD {A}",
        f"update {RUNS}r/was/heads/main {A}",
        f"update {RUNS}r/was-on/main {A}",
        f"update {RUNS}r/now/HEAD {B}",
        f"update {RUNS}r/now/heads/main {B}",
        f"update {RUNS}r/now-on/main {B}",
    ]


def test_the_second_move_of_a_run_leaves_what_the_first_noted() -> None:
    there = {f"{RUNS}r/{end}" for end in ("was/HEAD", "was/heads/old", "was-on/old", "now/HEAD", "now-on/main")}
    was = Position(B, "main", {"heads/main": B})
    now = Position(C, None, {"heads/main": C})
    assert rescue.note("r", was, now, there).splitlines() == [
        f"update {RUNS}r/was/heads/main {B}",
        f"delete {RUNS}r/now-on/main",
        f"update {RUNS}r/now/HEAD {C}",
        f"update {RUNS}r/now/heads/main {C}",
    ]


def test_what_was_noted_is_read_back() -> None:
    was, now = Position(A, "main", {"heads/main": A}), Position(B, None, {"heads/main": A, "tags/v1": C})
    older = rescue.run_name(NOW, "0000")
    newest = rescue.run_name(NOW + timedelta(hours=1), "0000")
    refs = dict(
        line.removeprefix("update ").split(" ")
        for run in (older, newest)
        for line in rescue.note(run, was, now, set()).splitlines()
    )
    assert rescue.recorded_runs(refs) == [Recorded(newest, was, now), Recorded(older, was, now)]
    del refs[f"{RUNS}{newest}/now/HEAD"]
    assert rescue.recorded_runs(refs) == [Recorded(older, was, now)], "a run that died between its notes does not count"
    assert rescue.recorded_runs({"refs/heads/main": A}) == []


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project)


def listed(checkout: Path) -> dict[str, str]:
    lines = git(checkout, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def here(checkout: Path, *names: str) -> Position:
    """Where HEAD and these refs stand now."""
    refs = listed(checkout)
    branch = git(checkout, "branch", "--show-current") or None
    held = {name: refs[f"refs/{name}"] for name in names if f"refs/{name}" in refs}
    return Position(git(checkout, "rev-parse", "HEAD"), branch, held)


MOVES = ("forward", "rewritten", "behind the scenes", "to a branch", "back to a branch", "to a tag", "moved tag")


@pytest.mark.sampled
@pytest.mark.parametrize("step", MOVES)
def test_both_ends_of_every_move_are_noted_as_they_are(
    project: Project, remotes: Remotes, workspace: Workspace, step: str
) -> None:
    billing = remotes.create("acme/billing")
    checkout = project.checkout("billing")
    project.require(billing.line("v1.0" if step == "moved tag" else "main"))
    workspace.only()
    names: tuple[str, ...] = ("heads/main",)
    match step:
        case "forward":
            billing.commit()
        case "rewritten":
            billing.rewrite()
        case "behind the scenes":
            git(checkout, "checkout", "--quiet", "-b", "mine")
            billing.commit()
            names = ("heads/mine", "heads/main")
        case "to a branch":
            project.require(billing.line("develop"))
            names = ("heads/main", "heads/develop")
        case "back to a branch":
            project.require(billing.line("develop"))
            workspace.only()
            project.require(billing.line("main"))
            names = ("heads/develop", "heads/main")
        case "to a tag":
            project.require(billing.line("v1.0"))
            names = ("heads/main", "tags/v1.0")
        case "moved tag":
            billing.tag("v1.0", at="develop")
            names = ("tags/v1.0",)
    was = here(checkout, *names)
    workspace.only(wish=Wish(switch=step == "moved tag"))
    recorded, *_ = rescue.recorded_runs(listed(checkout))
    assert recorded.was == was
    assert recorded.now == here(checkout, *names)
    assert recorded.was != recorded.now


def test_where_there_is_no_commit_there_is_nothing_to_lose(
    project: Project, remotes: Remotes, workspace: Workspace
) -> None:
    billing = remotes.create("acme/billing")
    project.require(billing.line("main"))
    checkout = project.checkout("billing")
    checkout.mkdir(parents=True)
    git(checkout, "init", "--quiet")
    git(checkout, "remote", "add", "origin", billing.url)
    workspace.only()
    assert git(checkout, "rev-parse", "HEAD") == billing.head()
    assert rescue.recorded_runs(listed(checkout)) == []


def test_a_ref_that_made_room_for_another_is_kept() -> None:
    assert rescue.was("r", "refs/remotes/origin/release") == f"{RUNS}r/was/remotes/origin/release"


def test_where_nothing_moves_nothing_is_noted(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    workspace.only()
    workspace.only()
    assert rescue.recorded_runs(listed(project.checkout("billing"))) == []


def test_old_runs_are_let_go_with_the_next_move(project: Project, remotes: Remotes, workspace: Workspace) -> None:
    billing = remotes.create("acme/billing")
    project.require(billing.line("main"))
    workspace.only()
    checkout = project.checkout("billing")
    git(checkout, "update-ref", f"{RUNS}20200101T000000.000000Z-0000/was/HEAD", "HEAD")
    git(checkout, "update-ref", f"{RUNS}mine", "HEAD")
    billing.commit()
    workspace.only()
    runs = {name.removeprefix(RUNS).split("/")[0] for name in listed(checkout) if name.startswith(RUNS)}
    assert "20200101T000000.000000Z-0000" not in runs
    assert "mine" in runs and len(runs) == 2
