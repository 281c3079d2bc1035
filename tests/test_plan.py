"""The whole policy as a table: what is there -> what is done, why, and what to type."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from vendorws.checkouts.plan import Wish, decide, needs_remote
from vendorws.model import (
    Broken,
    Changes,
    Checkout,
    EmptyFolder,
    Finding,
    HeldSubmodule,
    Hold,
    LocalBranch,
    Missing,
    Occupied,
    Pin,
    Placed,
    Step,
    Submodule,
    Submodules,
    Symlink,
    Target,
    TargetKind,
)

HERE, THERE, OLD = "a" * 40, "b" * 40, "c" * 40
URL = "ssh://git@github.com/acme/billing.git"
PIN = Pin("billing", URL, "main", None, (), None, "requirements.txt", 3)
MAIN = Target(TargetKind.BRANCH, "main", THERE)
TAG = Target(TargetKind.TAG, "v1", THERE, THERE)
COMMIT = Target(TargetKind.COMMIT, THERE[:7], THERE)
DEFAULT, SWITCH, FIX_URL = Wish(), Wish(switch=True), Wish(fix_url=True)


def checkout(**changed: Any) -> Checkout:
    """A checkout of `main`, put there by vendorws, clean and in sync; `changed` says what is different."""
    in_sync = Checkout(
        remote="origin",
        url=URL,
        head=THERE,
        branch="main",
        target=MAIN,
        gone=False,
        last_known=None,
        ahead=0,
        behind=0,
        own=0,
        fork=None,
        unpublished=0,
        changes=Changes(),
        in_the_way=(),
        operation=None,
        stashes=0,
        shallow=False,
        local=None,
        local_tag=None,
        submodules=Submodules(),
        placed=Placed("main", URL, "main", THERE),
        ssh_command=None,
    )
    return replace(in_sync, **changed)


def behind(count: int = 2, **changed: Any) -> Checkout:
    return checkout(head=HERE, behind=count, **changed)


def rewritten(**changed: Any) -> Checkout:
    """Upstream was force-pushed; nothing of HEAD is the developer's."""
    return checkout(head=HERE, ahead=1, behind=1, **changed)


def diverged(**changed: Any) -> Checkout:
    return checkout(head=HERE, ahead=1, behind=2, own=1, **changed)


def detached(**changed: Any) -> Checkout:
    return checkout(**{"head": HERE, "branch": None, "placed": None, **changed})


def on_tag(**changed: Any) -> Checkout:
    """Detached where vendorws put it for the tag v1, which has moved since."""
    return checkout(head=HERE, branch=None, target=TAG, placed=Placed("v1", URL, None, HERE), **changed)


def old_pin(**changed: Any) -> Checkout:
    """On the branch that the pin named before."""
    placed = Placed("develop", URL, "develop", HERE)
    return checkout(**{"head": HERE, "branch": "develop", "placed": placed, **changed})


def own_branch(**changed: Any) -> Checkout:
    return checkout(**{"head": HERE, "branch": "feature/x", "local": LocalBranch(THERE, 0, 0), **changed})


def unborn(**changed: Any) -> Checkout:
    return checkout(**{"head": None, "placed": None, **changed})


def text(step: Step) -> str:
    """A step on up to three lines: what is done and the state it is for, the reason, the command."""
    command = f"\n-> {step.command}" if step.command else ""
    return f"{type(step).__name__} ({step.state.value})\n{step.reason}{command}"


MISSING = """\
Clone (missing)
missing
-> vendorws sync billing"""
EMPTY = """\
Clone (missing)
an empty folder
-> vendorws sync billing"""
SYMLINK = """\
Keep (symlink)
a symbolic link to ../../billing, left to you"""
OCCUPIED = """\
Refuse (not-a-repository)
a folder with setup.py is in the way, not a git repository
-> mv 'my site/vendor/billing' 'my site/vendor/billing.aside'"""
BROKEN = """\
Refuse (broken)
not a working git repository: its .git has no HEAD
-> mv 'my site/vendor/billing' 'my site/vendor/billing.aside'"""


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Missing(), MISSING),
        (EmptyFolder(), EMPTY),
        (Symlink("../../billing"), SYMLINK),
        (Occupied("a folder with setup.py"), OCCUPIED),
        (Broken("its .git has no HEAD"), BROKEN),
    ],
)
def test_what_is_no_checkout(finding: Finding, expected: str) -> None:
    assert text(decide(PIN, finding, DEFAULT, at="my site/vendor/billing")) == expected


CASES: dict[str, tuple[Checkout, Wish, str]] = {
    "in sync": (
        checkout(),
        DEFAULT,
        """\
Keep (in-sync)
in sync""",
    ),
    "dirty at the pin": (
        checkout(changes=Changes(staged=1, unstaged=1, untracked=1)),
        DEFAULT,
        """\
Keep (in-sync)
in sync""",
    ),
    "behind": (
        behind(),
        DEFAULT,
        """\
FastForward (behind)
2 behind
-> vendorws sync billing""",
    ),
    "behind and dirty elsewhere": (
        behind(changes=Changes(unstaged=1)),
        DEFAULT,
        """\
FastForward (behind)
2 behind
-> vendorws sync billing""",
    ),
    "behind, and a change in the way": (
        behind(changes=Changes(unstaged=1), in_the_way=("a file.py",)),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, but a file.py would be overwritten
-> git -C vendor/billing stash push --all -- 'a file.py'""",
    ),
    "behind, and many changes in the way": (
        behind(changes=Changes(unstaged=5), in_the_way=("a", "b", "c", "d", "e")),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, but a, b, c and 2 more would be overwritten
-> git -C vendor/billing stash push --all -- a b c d e""",
    ),
    "behind with conflicts": (
        behind(changes=Changes(conflicted=1)),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, with conflicts to resolve first
-> git -C vendor/billing status""",
    ),
    "behind, and a conflict in the way": (
        behind(changes=Changes(conflicted=1), in_the_way=("a",)),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, with conflicts to resolve first
-> git -C vendor/billing status""",
    ),
    "behind, and a submodule in the place of a new file": (
        behind(submodules=Submodules(replaced=("lib/old one",))),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, but lib/old one would be overwritten
-> mv 'vendor/billing/lib/old one' 'vendor/billing/lib/old one.aside'""",
    ),
    "behind, and a change that git was told not to see in the way": (
        behind(in_the_way=("a.py", "b.py"), hidden=("a.py",)),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, but a.py, b.py would be overwritten
-> git -C vendor/billing update-index --no-assume-unchanged -- a.py"""
        """ && git -C vendor/billing update-index --no-skip-worktree -- a.py"""
        """ && git -C vendor/billing stash push --all -- a.py b.py""",
    ),
    "behind, and a file in the way whose name git would take for a pattern": (
        behind(changes=Changes(untracked=1), in_the_way=("a*.py",)),
        DEFAULT,
        """\
Refuse (blocked)
2 behind, but a*.py would be overwritten
-> git --literal-pathspecs -C vendor/billing stash push --all -- 'a*.py'""",
    ),
    "rewritten, and a file that was only announced": (
        rewritten(changes=Changes(unstaged=1), announced=("new.py",)),
        DEFAULT,
        """\
Refuse (rewritten)
main was rewritten on origin, and there are local changes
-> git -C vendor/billing add -- new.py && git -C vendor/billing stash push""",
    ),
    "left by a run that died": (
        behind(halfway=True),
        DEFAULT,
        """\
TakeBack (interrupted)
a run did not finish here; what it left half-done is put back first
-> vendorws sync billing""",
    ),
    "ahead": (
        checkout(head=HERE, ahead=2, own=2),
        DEFAULT,
        """\
Keep (ahead)
2 unpushed
-> git -C vendor/billing push origin HEAD""",
    ),
    "ahead of a remote of another name": (
        checkout(head=HERE, ahead=1, own=1, remote="upstream"),
        DEFAULT,
        """\
Keep (ahead)
1 unpushed
-> git -C vendor/billing push upstream HEAD""",
    ),
    "diverged": (
        diverged(),
        DEFAULT,
        """\
Refuse (diverged)
diverged 1/2: rebase, or `git -C vendor/billing merge origin/main`
-> git -C vendor/billing rebase origin/main""",
    ),
    "rewritten under own commits": (
        checkout(head=HERE, ahead=2, behind=1, own=1, fork=OLD),
        DEFAULT,
        """\
Refuse (rewritten)
origin/main was rewritten under your 1 commit
-> git -C vendor/billing rebase --onto origin/main cccccccccc""",
    ),
    "rewritten": (
        rewritten(),
        DEFAULT,
        """\
Follow (rewritten)
main was rewritten on origin
-> vendorws sync billing""",
    ),
    "rewritten, untracked files about": (
        rewritten(changes=Changes(untracked=1)),
        DEFAULT,
        """\
Follow (rewritten)
main was rewritten on origin
-> vendorws sync billing""",
    ),
    "rewritten, and dirty": (
        rewritten(changes=Changes(staged=1)),
        DEFAULT,
        """\
Refuse (rewritten)
main was rewritten on origin, and there are local changes
-> git -C vendor/billing stash push""",
    ),
    "rewritten, and an untracked file in the way": (
        rewritten(changes=Changes(untracked=1), in_the_way=("new.py",)),
        DEFAULT,
        """\
Refuse (rewritten)
main was rewritten on origin, and there are local changes
-> git -C vendor/billing stash push --all -- new.py""",
    ),
    "rewritten, and conflicts": (
        rewritten(changes=Changes(conflicted=1), in_the_way=("a",)),
        DEFAULT,
        """\
Refuse (rewritten)
main was rewritten on origin, and there are local changes
-> git -C vendor/billing status""",
    ),
    "shallow": (
        behind(shallow=True),
        DEFAULT,
        """\
Keep (shallow)
its history is shallow, sync deepens it
-> vendorws sync billing""",
    ),
    "shallow at the pin": (
        checkout(shallow=True),
        DEFAULT,
        """\
Keep (in-sync)
in sync""",
    ),
    "at the tag": (
        detached(head=THERE, target=TAG),
        DEFAULT,
        """\
Keep (in-sync)
in sync""",
    ),
    "a branch of the developer's own at the tag": (
        own_branch(head=THERE, target=TAG, local=None),
        DEFAULT,
        """\
Keep (in-sync)
in sync""",
    ),
    "submodules": (
        checkout(submodules=Submodules(missing=("a",), behind=(Submodule("b", OLD),))),
        DEFAULT,
        """\
UpdateSubmodules (submodule)
submodule a, b to be brought to its recorded commit
-> vendorws sync billing""",
    ),
    "a submodule to move, beside one with own work": (
        checkout(submodules=Submodules(behind=(Submodule("b", OLD),), held=(HeldSubmodule("mine", OLD, Hold.AHEAD),))),
        DEFAULT,
        """\
UpdateSubmodules (submodule)
submodule b to be brought to its recorded commit
-> vendorws sync billing""",
    ),
    "a submodule with commits on top of the recorded one": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.AHEAD),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine has commits of yours; record them
-> git -C vendor/billing add -- mine""",
    ),
    "a submodule with commits beside the recorded one": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.DIVERGED),))),
        DEFAULT,
        f"""\
Refuse (submodule)
submodule mine has commits of yours beside the recorded {OLD[:10]}
-> git -C vendor/billing/mine fetch && git -C vendor/billing/mine rebase {OLD}""",
    ),
    "a submodule with changes": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.CHANGES),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine has changes of yours
-> git -C vendor/billing/mine stash push""",
    ),
    "a submodule in the middle of something": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.OPERATION),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine is in the middle of an operation of yours
-> git -C vendor/billing/mine status""",
    ),
    "a submodule with files in the way": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.IN_THE_WAY, ("a b", ".env")),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine would have a b, .env overwritten
-> git -C vendor/billing/mine stash push --all -- 'a b' .env""",
    ),
    "a submodule with a submodule in the way": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.IN_THE_WAY, (), ("lib",)),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine would lose lib
-> mv vendor/billing/mine/lib vendor/billing/mine/lib.aside && mkdir vendor/billing/mine/lib""",
    ),
    "a submodule that is something else": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.OTHER),))),
        DEFAULT,
        """\
Refuse (submodule)
submodule mine is no repository of its own
-> git -C vendor/billing status""",
    ),
    "a submodule that is no repository any more": (
        checkout(submodules=Submodules(held=(HeldSubmodule("mine", OLD, Hold.AHEAD),), broken=("lib",))),
        DEFAULT,
        """\
Refuse (submodule)
submodule lib is no working git repository
-> mv vendor/billing/lib vendor/billing/lib.aside""",
    ),
    "on another branch": (
        own_branch(),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch with commits that are nowhere else": (
        own_branch(ahead=2, unpushed=None),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, 2 commits and no upstream, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch with commits that are not pushed yet": (
        own_branch(ahead=2, unpushed=1),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, 1 unpushed, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch that is pushed": (
        own_branch(ahead=2, unpushed=0),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch, the pinned one is behind": (
        own_branch(local=LocalBranch(OLD, 0, 1)),
        DEFAULT,
        """\
BringForward (other-branch)
on feature/x, the pin is branch main, which is brought forward by 1 commit
-> vendorws sync --switch billing""",
    ),
    "on another branch, the pinned one has diverged": (
        own_branch(local=LocalBranch(OLD, 1, 1)),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch, the pinned one is not here": (
        own_branch(local=None),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch, the pinned one is behind in another worktree": (
        own_branch(local=LocalBranch(OLD, 0, 1, "/home/dev/billing")),
        DEFAULT,
        """\
Keep (other-branch)
on feature/x, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "on another branch, --switch, but another worktree has the pinned one": (
        own_branch(local=LocalBranch(OLD, 0, 1, "/home/dev/billing")),
        SWITCH,
        """\
Refuse (other-branch)
on feature/x, the pin is branch main, but main is checked out in /home/dev/billing
-> git -C vendor/billing worktree list""",
    ),
    "on another branch, --switch": (
        own_branch(changes=Changes(untracked=3)),
        SWITCH,
        """\
Switch (other-branch)
on feature/x, the pin is branch main
-> vendorws sync billing""",
    ),
    "on another branch, --switch, but dirty": (
        own_branch(changes=Changes(unstaged=1)),
        SWITCH,
        """\
Refuse (other-branch)
on feature/x, the pin is branch main, but there are local changes
-> git -C vendor/billing stash push""",
    ),
    "on a branch of vendorws', which the pin names still": (
        own_branch(branch="develop", placed=Placed("main", URL, "develop", HERE)),
        DEFAULT,
        """\
Keep (other-branch)
on develop, the pin is branch main
-> vendorws sync --switch billing""",
    ),
    "the pin changed": (
        old_pin(),
        DEFAULT,
        """\
Switch (pin-changed)
the pin is now branch main
-> vendorws sync billing""",
    ),
    "the pin changed to a tag": (
        old_pin(target=TAG),
        DEFAULT,
        """\
Switch (pin-changed)
the pin is now tag v1
-> vendorws sync billing""",
    ),
    "the pin changed to a commit": (
        old_pin(target=COMMIT),
        DEFAULT,
        """\
Switch (pin-changed)
the pin is now commit bbbbbbbbbb
-> vendorws sync billing""",
    ),
    "the pin changed, with unpushed commits": (
        old_pin(unpublished=2),
        DEFAULT,
        """\
Refuse (pin-changed)
the pin is now branch main, but develop has 2 commits unpushed
-> vendorws sync --switch billing""",
    ),
    "the pin changed, with unpushed commits, --switch": (
        old_pin(unpublished=2),
        SWITCH,
        """\
Switch (pin-changed)
the pin is now branch main
-> vendorws sync billing""",
    ),
    "the pin changed, and dirty": (
        old_pin(changes=Changes(unstaged=1)),
        DEFAULT,
        """\
Refuse (pin-changed)
the pin is now branch main, but there are local changes
-> git -C vendor/billing stash push""",
    ),
    "the pin changed, --switch, but dirty": (
        old_pin(changes=Changes(unstaged=1)),
        SWITCH,
        """\
Refuse (pin-changed)
the pin is now branch main, but there are local changes
-> git -C vendor/billing stash push""",
    ),
    "the pin changed, and an ignored file in the way": (
        old_pin(in_the_way=("build.log",)),
        DEFAULT,
        """\
Refuse (pin-changed)
the pin is now branch main, but there are local changes
-> git -C vendor/billing stash push --all -- build.log""",
    ),
    "detached": (
        detached(),
        DEFAULT,
        """\
Switch (detached)
detached at aaaaaaaaaa, the pin is branch main
-> vendorws sync billing""",
    ),
    "detached at the tip of the branch": (
        detached(head=THERE),
        DEFAULT,
        """\
Switch (detached)
detached at bbbbbbbbbb, the pin is branch main
-> vendorws sync billing""",
    ),
    "detached with own commits": (
        detached(unpublished=1),
        SWITCH,
        """\
Refuse (detached)
detached, with 1 commit on no branch
-> git -C vendor/billing switch -c my-work-aaaaaaa""",
    ),
    "detached, and dirty": (
        detached(changes=Changes(unstaged=1)),
        DEFAULT,
        """\
Refuse (detached)
detached at aaaaaaaaaa, the pin is branch main, but there are local changes
-> git -C vendor/billing stash push""",
    ),
}
"""What each checkout of the branch pin `main` needs, and why."""


@pytest.mark.parametrize(("found", "wish", "expected"), CASES.values(), ids=CASES)
def test_a_checkout_of_a_branch(found: Checkout, wish: Wish, expected: str) -> None:
    assert text(decide(PIN, found, wish, at="vendor/billing")) == expected


@pytest.mark.parametrize(
    ("found", "wish", "expected"),
    [
        (
            on_tag(),
            DEFAULT,
            """\
Refuse (tag-moved)
tag v1 moved: aaaaaaaaaa -> bbbbbbbbbb
-> vendorws sync --switch billing""",
        ),
        (
            on_tag(),
            SWITCH,
            """\
Switch (detached)
detached at aaaaaaaaaa, the pin is tag v1
-> vendorws sync billing""",
        ),
        (
            on_tag(changes=Changes(unstaged=1)),
            SWITCH,
            """\
Refuse (detached)
detached at aaaaaaaaaa, the pin is tag v1, but there are local changes
-> git -C vendor/billing stash push""",
        ),
        (
            replace(on_tag(), placed=Placed("v1", URL, None, OLD)),
            DEFAULT,
            """\
Switch (detached)
detached at aaaaaaaaaa, the pin is tag v1
-> vendorws sync billing""",
        ),
    ],
    ids=["moved", "moved, --switch", "moved, --switch, but dirty", "elsewhere"],
)
def test_a_tag(found: Checkout, wish: Wish, expected: str) -> None:
    assert text(decide(replace(PIN, ref="v1"), found, wish, at="vendor/billing")) == expected


def test_the_default_branch_was_renamed() -> None:
    """Without a ref the pin stays as it is while the remote changes what it stands for."""
    found = checkout(head=HERE, branch="master", placed=Placed(None, URL, "master", HERE))
    step = decide(replace(PIN, ref=None), found, DEFAULT, at="vendor/billing")
    assert text(step) == "Switch (pin-changed)\nthe pin is now branch main\n-> vendorws sync billing"


@pytest.mark.parametrize(
    ("operation", "goes_on", "is_given_up"),
    [
        ("merge", "commit --no-edit", "merge --abort"),
        ("rebase", "-c core.editor=true rebase --continue", "rebase --abort"),
        ("cherry-pick", "-c core.editor=true cherry-pick --continue", "cherry-pick --abort"),
        ("revert", "-c core.editor=true revert --continue", "revert --abort"),
        ("am", "am --continue", "am --abort"),
        ("bisect", "bisect reset", "bisect reset"),
    ],
)
@pytest.mark.parametrize("found", [behind(), detached(), unborn(), checkout(remote=None), checkout(target=None)])
def test_an_operation_comes_before_all_else(found: Checkout, operation: str, goes_on: str, is_given_up: str) -> None:
    """What is resolved already must never be taken back by a command that was merely pasted."""
    for changes, reason, command in (
        (Changes(staged=1), "end it" if operation == "bisect" else "go on with it", goes_on),
        (Changes(conflicted=1), "resolve its conflicts and go on, or take it back", is_given_up),
    ):
        there = replace(found, operation=operation, changes=changes)
        step = decide(PIN, there, Wish(switch=True, fix_url=True), at="vendor/billing")
        said = f"a {operation} is in progress; {reason}"
        assert text(step) == f"Refuse (operation)\n{said}\n-> git -C vendor/billing {command}"


def test_a_patch_that_did_not_apply_has_nothing_to_go_on_with() -> None:
    step = decide(PIN, checkout(operation="am"), DEFAULT, at="vendor/billing")
    assert step.command == "git -C vendor/billing am --abort"


@pytest.mark.parametrize(
    ("found", "ref", "expected"),
    [
        (
            checkout(target=None),
            "main",
            """\
Keep (unknown)
main is not known here yet
-> vendorws sync billing""",
        ),
        (
            checkout(target=None),
            None,
            """\
Keep (unknown)
the default branch is not known here yet
-> vendorws sync billing""",
        ),
        (
            checkout(target=None, gone=True, last_known=OLD),
            "main",
            """\
Refuse (gone)
main no longer exists on origin; last known at cccccccccc
-> git -C vendor/billing ls-remote origin""",
        ),
        (
            checkout(target=None, gone=True, remote="upstream"),
            "mian",
            """\
Refuse (gone)
mian does not exist on upstream
-> git -C vendor/billing ls-remote upstream""",
        ),
        (
            checkout(target=None, gone=True, similar="main"),
            "mian",
            """\
Refuse (gone)
mian does not exist on origin; did you mean main?
-> git -C vendor/billing ls-remote origin""",
        ),
    ],
    ids=["never fetched", "no default branch yet", "deleted upstream", "never was", "mistyped"],
)
def test_a_pin_without_a_target(found: Checkout, ref: str | None, expected: str) -> None:
    assert text(decide(replace(PIN, ref=ref), found, DEFAULT, at="vendor/billing")) == expected


def test_a_repository_without_a_commit() -> None:
    step = decide(PIN, unborn(), DEFAULT, at="vendor/billing")
    assert text(step) == "Switch (unborn)\nno commit yet; goes to branch main"


@pytest.mark.parametrize("changes", [Changes(staged=1), Changes(untracked=1)])
def test_a_repository_without_a_commit_but_with_files(changes: Changes) -> None:
    step = decide(PIN, unborn(changes=changes), DEFAULT, at="vendor/billing")
    assert text(step) == (
        "Refuse (unborn)\n"
        "a new repository with files of your own, and no commit\n"
        "-> mv vendor/billing vendor/billing.aside"
    )


OTHER = "https://joe:secret@github.com/joe/billing.git"


@pytest.mark.parametrize(
    ("found", "wish", "expected"),
    [
        (
            checkout(remote=None, url=OTHER),
            DEFAULT,
            """\
Refuse (wrong-remote)
origin is https://joe:****@github.com/joe/billing.git, the pin says ssh://git@github.com/acme/billing.git
-> vendorws sync --fix-url billing""",
        ),
        (
            checkout(remote=None, url=None),
            DEFAULT,
            """\
Refuse (wrong-remote)
it has no origin, the pin says ssh://git@github.com/acme/billing.git
-> vendorws sync --fix-url billing""",
        ),
        (
            checkout(remote=None, url=OTHER),
            FIX_URL,
            """\
Retarget (wrong-remote)
origin is https://joe:****@github.com/joe/billing.git; set to ssh://git@github.com/acme/billing.git
-> vendorws sync --fix-url billing""",
        ),
        (
            checkout(remote=None, url=OTHER, placed=Placed("main", OTHER, "main", THERE)),
            DEFAULT,
            """\
Retarget (wrong-remote)
the URL in requirements.txt changed to ssh://git@github.com/acme/billing.git
-> vendorws sync billing""",
        ),
    ],
    ids=["another origin", "no origin", "--fix-url", "the URL changed"],
)
def test_no_remote_has_the_url(found: Checkout, wish: Wish, expected: str) -> None:
    assert text(decide(PIN, found, wish, at="vendor/billing")) == expected


def test_a_new_token_in_the_url_is_followed() -> None:
    old, new = (f"https://deploy:{token}@git.example.test/acme/billing.git" for token in ("old", "new"))
    found = behind(url=old, placed=Placed("main", old, "main", HERE))
    step = decide(replace(PIN, url=new), found, DEFAULT, at="vendor/billing")
    assert text(step) == (
        "Retarget (wrong-remote)\n"
        "the URL in requirements.txt changed to https://deploy:****@git.example.test/acme/billing.git\n"
        "-> vendorws sync billing"
    )
    assert not needs_remote(replace(PIN, url=new), found, DEFAULT), "the old token may not be let in any more"


def test_another_spelling_of_the_developers_own_is_left() -> None:
    found = checkout(url="git@github.com:acme/billing.git")
    assert text(decide(PIN, found, DEFAULT, at="vendor/billing")) == "Keep (in-sync)\nin sync"


def test_a_fork_that_has_the_new_url_already_is_used() -> None:
    found = checkout(remote="fork", url=OTHER, placed=Placed("main", OTHER, "main", THERE))
    assert text(decide(PIN, found, DEFAULT, at="vendor/billing")) == "Keep (in-sync)\nin sync"


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (Missing(), False),
        (Broken("its .git has no HEAD"), False),
        (checkout(), True),
        (checkout(target=None), True),
        (detached(target=TAG), True),
        (detached(target=COMMIT), False),
        (checkout(operation="merge"), False),
        (checkout(halfway=True), False),
        (checkout(remote=None), False),
    ],
    ids=["missing", "broken", "branch", "not known yet", "tag", "commit", "an operation", "half-done", "no remote"],
)
def test_the_remote_is_asked_only_where_it_matters(finding: Finding, expected: bool) -> None:
    assert needs_remote(PIN, finding, DEFAULT) is expected


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        (detached(target=TAG), False),
        (detached(target=COMMIT), False),
        (checkout(), True),
        (checkout(target=None), True),
    ],
    ids=["tag", "commit", "branch", "not known yet"],
)
def test_a_tag_that_is_trusted_is_not_asked_for(finding: Finding, expected: bool) -> None:
    assert needs_remote(PIN, finding, Wish(trust_tags=True)) is expected


def test_whoever_wants_to_go_to_the_tag_wants_the_true_one() -> None:
    assert needs_remote(PIN, detached(target=TAG), Wish(trust_tags=True, switch=True))


def test_names_and_paths_are_quoted_for_a_shell() -> None:
    step = decide(PIN, checkout(target=None, gone=True), DEFAULT, at="../my site/vendor/billing")
    assert step.command == "git -C '../my site/vendor/billing' ls-remote origin"
