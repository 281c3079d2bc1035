"""Outcomes in words, in JSON and as one number."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from vendorws import report
from vendorws.exit_code import ExitCode
from vendorws.model import (
    BringForward,
    Changes,
    Checkout,
    Clone,
    Failure,
    FastForward,
    Finding,
    Follow,
    Keep,
    Missing,
    Move,
    Orphan,
    Outcome,
    OwnWork,
    Pin,
    Refuse,
    Retarget,
    State,
    Step,
    Submodules,
    Switch,
    Target,
    TargetKind,
    UpdateSubmodules,
)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIN = Pin("billing", "https://joe:secret@example.test/billing.git", "main", None, (), None, "requirements.txt", 1)
MAIN = Target(TargetKind.BRANCH, "main", COMMIT)
IN_SYNC = Keep(state=State.IN_SYNC, reason="in sync")
AHEAD = Keep(state=State.AHEAD, reason="2 unpushed", command="git -C vendor/billing push origin HEAD")
WAITS = Refuse(state=State.DIVERGED, reason="diverged 1/1", command="git -C vendor/billing rebase origin/main")
CLONE = Clone(state=State.MISSING, reason="missing", command="vendorws sync billing")
FORWARD = FastForward(state=State.BEHIND, reason="2 behind", branch="main", commit=COMMIT, count=2)
SWITCH = Switch(state=State.PIN_CHANGED, reason="the pin is now branch main", target=MAIN)
FOLLOW = Follow(state=State.REWRITTEN, reason="main was rewritten on origin", branch="main", commit=COMMIT)
BRING = BringForward(state=State.OTHER_BRANCH, reason="on mine", branch="main", commit=COMMIT)
RETARGET = Retarget(state=State.WRONG_REMOTE, reason="the URL changed", url=PIN.url)
SUBMODULES = UpdateSubmodules(state=State.SUBMODULE, reason="submodule lib", submodules=Submodules(("lib",)))
NO_NETWORK = Failure(
    "the server could not be reached", "Check the network.", "ssh: refused\nfatal: no", ExitCode.NETWORK
)
CUT_SHORT = Failure("interrupted", "", "", ExitCode.INTERRUPTED)


def checkout(**changed: Any) -> Checkout:
    values = dict.fromkeys(Checkout.__slots__) | {
        "remote": "origin",
        "head": COMMIT,
        "branch": "main",
        "target": MAIN,
        "ahead": 0,
        "behind": 0,
        "changes": Changes(),
        "stashes": 0,
    }
    return Checkout(**(values | changed))


def outcome(
    verdict: Step | None = IN_SYNC,
    *done: Move,
    finding: Finding | None = None,
    failure: Failure | None = None,
    pin: Pin = PIN,
) -> Outcome:
    return Outcome(pin, done, verdict, checkout() if finding is None else finding, failure, 0.5)


# -- status ----------------------------------------------------------------------------------------------------


def test_a_row_has_everything_that_is_known() -> None:
    changes = Changes(staged=1, unstaged=2, untracked=3, conflicted=4)
    finding = checkout(branch="mine", changes=changes, stashes=1)
    assert report.status_row(outcome(AHEAD, finding=finding)) == report.Row(
        name="billing",
        pin="main",
        at="mine",
        standing="2 unpushed",
        changes="4 conflicted, 1 staged, 2 unstaged, 3 untracked, 1 stash",
        command="git -C vendor/billing push origin HEAD",
        style="yellow",
    )


@pytest.mark.parametrize(
    ("finding", "at"),
    [
        (Missing(), ""),
        (checkout(branch=None), "(0123456789)"),
        (checkout(branch=None, head=None), ""),
        (checkout(branch="feature/x"), "feature/x"),
        (checkout(branch="main"), ""),
    ],
    ids=["missing", "detached", "no commit", "branch", "the pin's branch"],
)
def test_a_row_says_what_is_checked_out(finding: Finding, at: str) -> None:
    assert report.status_row(outcome(finding=finding)).at == at


def test_a_pin_without_a_ref_is_the_default_branch() -> None:
    pin = Pin("billing", "ssh://git@example.test/b", None, None, (), None, "requirements.txt", 1)
    assert report.status_row(outcome(pin=pin)).pin == "(default)"


def test_a_row_says_nothing_twice() -> None:
    by_commit = Pin("billing", PIN.url, COMMIT, None, (), None, "requirements.txt", 1)
    row = report.status_row(outcome(pin=by_commit, finding=checkout(branch=None)))
    assert (row.pin, row.at) == ("0123456789", "")
    mine = Keep(state=State.OTHER_BRANCH, reason="on mine, the pin is branch main")
    row = report.status_row(outcome(mine, finding=checkout(branch="mine")))
    assert (row.at, row.standing) == ("mine", "not at the pin")
    detached = Refuse(state=State.DETACHED, reason="detached at 0123456789, the pin is branch main")
    row = report.status_row(outcome(detached, finding=checkout(branch=None)))
    assert (row.at, row.standing) == ("(0123456789)", "detached, not at the pin")


@pytest.mark.parametrize(
    ("given", "standing", "style"),
    [
        (outcome(), "in sync", "green"),
        (outcome(FORWARD), "2 behind", "yellow"),
        (outcome(WAITS), "diverged 1/1", "red"),
        (outcome(AHEAD, failure=NO_NETWORK), "2 unpushed; the server could not be reached", "red"),
        (outcome(None, failure=NO_NETWORK), "the server could not be reached", "red"),
        (outcome(None), "", "yellow"),
    ],
    ids=["in sync", "to do", "waits", "failed", "failed at the first look", "not looked at"],
)
def test_the_colour_says_what_the_words_say(given: Outcome, standing: str, style: str) -> None:
    row = report.status_row(given)
    assert (row.standing, row.style) == (standing, style)


def test_several_stashes_and_nothing_to_do() -> None:
    row = report.status_row(outcome(finding=checkout(stashes=2)))
    assert (row.changes, row.command) == ("2 stashes", "")


def test_whether_anything_is_not_at_its_pin() -> None:
    assert not report.off_pin([])
    assert not report.off_pin([outcome(), outcome()])
    assert report.off_pin([outcome(), outcome(AHEAD)])
    assert report.off_pin([outcome(None, failure=NO_NETWORK)])


# -- sync ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (outcome(), "in sync"),
        (outcome(IN_SYNC, CLONE), "cloned, on main"),
        (outcome(IN_SYNC, CLONE, finding=checkout(branch=None)), "cloned, at main"),
        (outcome(IN_SYNC, FORWARD), "fast-forwarded by 2 commits"),
        (outcome(IN_SYNC, SWITCH, FORWARD), "switched to main, fast-forwarded by 2 commits"),
        (
            outcome(IN_SYNC, FOLLOW),
            "followed main (main was rewritten on origin; the old tip is kept, see `vendorws undo`)",
        ),
        (outcome(AHEAD, BRING), "main brought forward behind the scenes; 2 unpushed"),
        (outcome(IN_SYNC, RETARGET), "remote set to https://joe:****@example.test/billing.git"),
        (outcome(IN_SYNC, SUBMODULES), "submodules updated"),
        (outcome(WAITS), "diverged 1/1"),
        (outcome(IN_SYNC, finding=checkout(changes=Changes(unstaged=1))), "in sync (1 unstaged)"),
        (outcome(None, failure=NO_NETWORK), "the server could not be reached"),
        (outcome(WAITS, FORWARD, failure=CUT_SHORT), "fast-forwarded by 2 commits; then interrupted"),
        (outcome(None), "nothing to do"),
    ],
)
def test_what_was_done(given: Outcome, text: str) -> None:
    assert report.done_text(given) == text


def test_a_clone_of_the_default_branch_that_is_detached() -> None:
    pin = Pin("billing", "ssh://git@example.test/b", None, None, (), None, "requirements.txt", 1)
    given = outcome(IN_SYNC, CLONE, finding=checkout(branch=None), pin=pin)
    assert report.done_text(given) == "cloned, at its pin"


@pytest.mark.parametrize(
    ("verdict", "text"),
    [
        (CLONE, "would clone https://joe:****@example.test/billing.git"),
        (RETARGET, "would set the remote to https://joe:****@example.test/billing.git (the URL changed)"),
        (SWITCH, "would switch to main (the pin is now branch main)"),
        (FORWARD, "would fast-forward main (2 behind)"),
        (FOLLOW, "would follow main (main was rewritten on origin)"),
        (BRING, "would bring main forward (on mine)"),
        (SUBMODULES, "would update submodules (submodule lib)"),
        (IN_SYNC, "in sync"),
        (WAITS, "diverged 1/1"),
        (None, "nothing to do"),
    ],
)
def test_what_would_be_done(verdict: Step | None, text: str) -> None:
    assert report.planned_text(outcome(verdict)) == text


def test_what_would_fail() -> None:
    assert report.planned_text(outcome(CLONE, failure=NO_NETWORK)) == "the server could not be reached"


def test_a_failure_in_gits_own_words_with_the_next_action() -> None:
    assert report.failure_lines([outcome(CLONE, failure=NO_NETWORK)]) == [
        "billing: the server could not be reached",
        "  git: ssh: refused",
        "  git: fatal: no",
        "  Check the network.",
    ]
    bare = Failure("setup.py: Permission denied", "", "", ExitCode.ATTENTION)
    assert report.failure_lines([outcome(CLONE, failure=bare)]) == ["billing: setup.py: Permission denied"]
    assert report.failure_lines([outcome(CLONE, failure=CUT_SHORT)]) == []
    assert report.failure_lines([outcome(WAITS)]) == []


def other(name: str, url: str = "") -> Pin:
    return Pin(name, url or f"https://example.test/{name}.git", "main", None, (), None, "requirements.txt", 1)


def test_a_server_that_cannot_be_reached_is_explained_once() -> None:
    """Offline every package fails alike; what differs is the repository that git names."""
    outcomes = [
        outcome(None, pin=pin, failure=Failure("no name", "Check.", f"fatal: {pin.url}", ExitCode.NETWORK))
        for pin in map(other, ("a1", "b2", "c3", "d4"))
    ]
    elsewhere = other("e5", "ssh://git@example.org/e5")
    apart = outcome(None, pin=elsewhere, failure=Failure("no name", "Check.", "fatal: e5", ExitCode.NETWORK))
    assert report.failure_lines([*outcomes[:2], apart, *outcomes[2:]]) == [
        "a1, b2 and 2 more: no name",
        "  git: fatal: https://example.test/a1.git",
        "  Check.",
        "e5: no name",
        "  git: fatal: e5",
        "  Check.",
    ]
    assert report.failure_lines(outcomes[:3])[0] == "a1, b2, c3: no name"


def test_to_allow_more_time_is_hinted_once() -> None:
    def late(name: str, url: str, message: str) -> Outcome:
        return outcome(None, pin=other(name, url), failure=Failure(message, "Allow more.", "", ExitCode.NETWORK))

    outcomes = [
        late("a", "ssh://git@example.test/a", "no answer within 1 second"),
        late("b", "ssh://git@example.org/b", "not done within 1 second"),
        outcome(None, pin=other("c"), failure=Failure("no name", "Check.", "fatal: c", ExitCode.NETWORK)),
        late("d", "ssh://git@example.org/d", "no answer within 1 second"),
    ]
    assert report.failure_lines(outcomes) == [
        "a, d: no answer within 1 second",
        "b: not done within 1 second",
        "  Allow more.",
        "c: no name",
        "  git: fatal: c",
        "  Check.",
    ]


def test_what_failed_here_is_told_of_each() -> None:
    full = Failure("the disk is full", "", "", ExitCode.ATTENTION)
    outcomes = [outcome(None, pin=other(name), failure=full) for name in ("a", "b")]
    assert report.failure_lines(outcomes) == ["a: the disk is full", "b: the disk is full"]


def test_what_waits_is_listed_with_the_command_that_helps() -> None:
    other = Pin("a", "ssh://git@example.test/a", None, None, (), None, "requirements.txt", 2)
    mute = Refuse(state=State.BROKEN, reason="broken")
    assert report.waiting_lines(
        [outcome(WAITS), outcome(), outcome(WAITS, pin=other), outcome(mute), outcome(WAITS, failure=NO_NETWORK)]
    ) == [
        "  billing  -> git -C vendor/billing rebase origin/main",
        "  a        -> git -C vendor/billing rebase origin/main",
    ]
    assert report.waiting_lines([outcome()]) == []


@pytest.mark.parametrize(
    ("given", "style"),
    [
        (outcome(), ""),
        (outcome(IN_SYNC, FORWARD), "green"),
        (outcome(WAITS, FORWARD), "red"),
        (outcome(IN_SYNC, failure=NO_NETWORK), "red"),
    ],
)
def test_the_colour_of_a_line(given: Outcome, style: str) -> None:
    assert report.outcome_style(given) == style


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ([], "nothing to sync"),
        ([outcome()], "1 in sync"),
        (
            [
                outcome(IN_SYNC, CLONE),
                outcome(IN_SYNC, CLONE, SUBMODULES),
                outcome(IN_SYNC, FORWARD),
                outcome(AHEAD),
                outcome(AHEAD, BRING),
                outcome(WAITS),
                outcome(WAITS, FORWARD),
                outcome(None, failure=NO_NETWORK),
                outcome(CLONE, failure=NO_NETWORK),
                outcome(None, failure=CUT_SHORT),
            ],
            "2 cloned, 1 updated, 2 left as is, 2 waiting for you, 2 failed, 1 not done",
        ),
    ],
)
def test_the_count(outcomes: Sequence[Outcome], text: str) -> None:
    assert report.summary(outcomes, dry_run=False) == text


def test_the_count_of_a_dry_run() -> None:
    outcomes = [outcome(CLONE), outcome(FORWARD), outcome(BRING), outcome(), outcome(WAITS), outcome(AHEAD)]
    text = "1 to clone, 2 to update, 1 in sync, 1 left as is, 1 waiting for you"
    assert report.summary(outcomes, dry_run=True) == text


def failed(code: ExitCode) -> Outcome:
    return outcome(None, failure=Failure("no", "", "", code))


@pytest.mark.parametrize(
    ("outcomes", "sync", "status"),
    [
        ([], 0, 0),
        ([outcome(), outcome(AHEAD), outcome(IN_SYNC, FORWARD)], 0, 0),
        ([outcome(), outcome(WAITS)], 1, 0),
        ([failed(ExitCode.ATTENTION)], 1, 1),
        ([outcome(WAITS), failed(ExitCode.NETWORK)], 3, 3),
        ([failed(ExitCode.NETWORK), failed(ExitCode.ENVIRONMENT), failed(ExitCode.ATTENTION)], 4, 4),
        ([failed(ExitCode.USAGE), failed(ExitCode.ATTENTION)], 2, 2),
        ([failed(ExitCode.INTERRUPTED), failed(ExitCode.ENVIRONMENT)], 130, 130),
    ],
)
def test_the_exit_code_is_the_worst_that_happened(outcomes: list[Outcome], sync: int, status: int) -> None:
    assert report.exit_code(outcomes) == sync
    assert report.status_exit_code(outcomes) == status
    assert report.exit_code(outcomes, interrupted=True) == 130
    assert report.status_exit_code(outcomes, interrupted=True) == 130


# -- JSON ------------------------------------------------------------------------------------------------------


def test_the_readme_lists_every_state_in_order() -> None:
    """The list is closed: a program may rely on it."""
    readme = (Path(report.__file__).parents[1] / "README.md").read_text("utf-8")
    listed = re.search(r"`state` is one of (.+?)\.\n\n", readme, re.DOTALL)
    assert listed is not None
    assert re.findall("`([^`]+)`", listed[1]) == [state.value for state in State]


def test_the_document_of_what_is_known() -> None:
    finding = checkout(
        ahead=1,
        behind=2,
        unpushed=3,
        changes=Changes(3, 4, 5, 6),
        stashes=7,
        operation="merge",
        branch=None,
        head=COMMIT,
    )
    assert report.document("status", [outcome(AHEAD, FORWARD, finding=finding)]) == {
        "schema_version": 1,
        "command": "status",
        "repositories": [
            {
                "name": "billing",
                "path": "vendor/billing",
                "url": "https://joe:****@example.test/billing.git",
                "pin": {"ref": "main", "kind": "branch", "commit": COMMIT},
                "head": COMMIT,
                "branch": None,
                "ahead": 1,
                "behind": 2,
                "unpushed": 3,
                "staged": 3,
                "unstaged": 4,
                "untracked": 5,
                "conflicted": 6,
                "stashes": 7,
                "operation": "merge",
                "state": "ahead",
                "reason": "2 unpushed",
                "command": "git -C vendor/billing push origin HEAD",
                "done": ["fast-forwarded by 2 commits"],
                "failure": None,
            }
        ],
        "orphans": [],
    }


def test_the_checkouts_that_nobody_asks_for() -> None:
    orphans = [
        Orphan("old"),
        Orphan("e\x1bvil"),
        Orphan("a b", OwnWork(Changes(staged=1), 2, 3), "new", fits=True),
        Orphan("c", heir="new"),
    ]
    nobody = "no line of the requirements asks for it"
    rows = report.orphan_rows(orphans, "../vendor")
    assert [(row.name, row.standing, row.changes, row.command) for row in rows] == [
        ("../vendor/old", nobody, "", ""),
        ("../vendor/e\\x1bvil", nobody, "", ""),
        (
            "../vendor/a b",
            f"{nobody}; 3 unpushed; its remote is that of new",
            "1 staged, 2 stashes",
            "mv '../vendor/a b' ../vendor/new",
        ),
        ("../vendor/c", f"{nobody}; its remote is that of new", "", ""),
    ]
    assert report.orphan_rows([], "vendor") == []
    (known, unknown) = report.document("status", [], orphans[2:])["orphans"]
    changes = {"staged": 1, "unstaged": 0, "untracked": 0, "conflicted": 0}
    where = {"name": "a b", "path": "vendor/a b", "same_remote_as": "new"}
    assert known == {**where, "unpushed": 3, **changes, "stashes": 2}
    nothing = dict.fromkeys(("unpushed", *changes, "stashes"))
    assert unknown == {"name": "c", "path": "vendor/c", "same_remote_as": "new", **nothing}


def test_what_is_not_known_is_null() -> None:
    (known,) = report.document("status", [outcome()])["repositories"]
    leaking = Failure("https://joe:secret@example.test failed", "hint", "says", ExitCode.NETWORK)
    (nothing,) = report.document("sync", [outcome(None, finding=Missing(), failure=leaking)])["repositories"]
    assert nothing.keys() == known.keys()
    unknown = (
        "head",
        "branch",
        "ahead",
        "behind",
        "unpushed",
        "staged",
        "unstaged",
        "untracked",
        "conflicted",
        "stashes",
    )
    assert all(nothing[name] is None for name in (*unknown, "operation", "command"))
    assert nothing["pin"] == {"ref": "main", "kind": None, "commit": None}
    assert nothing["state"] == "unknown"
    assert nothing["failure"] == {
        "message": "https://joe:****@example.test failed",
        "hint": "hint",
        "git_says": "says",
        "exit_code": 3,
    }


@pytest.mark.parametrize("changed", [{"target": None}, {"head": None}])
def test_what_cannot_be_compared_has_no_distance(changed: dict[str, None]) -> None:
    (found,) = report.document("status", [outcome(finding=checkout(**changed))])["repositories"]
    assert found["ahead"] is None and found["behind"] is None
    assert found["staged"] == 0


def test_no_name_of_a_file_or_a_branch_can_act_on_the_terminal() -> None:
    evil = "\x1b[2Jgone\nbilling  in sync"
    refused = Refuse(state=State.OCCUPIED, reason=f"a folder with {evil} is in the way")
    says = Failure(f"{evil}", "", f"remote: {evil}", ExitCode.ATTENTION)
    shown = [
        report.done_text(outcome(refused)),
        report.planned_text(outcome(refused)),
        report.done_text(outcome(refused, failure=says)),
        report.planned_text(outcome(refused, failure=says)),
        *report.failure_lines([outcome(refused, failure=says)]),
        report.status_row(outcome(refused)).standing,
        report.status_row(outcome(finding=checkout(branch=evil))).at,
    ]
    assert all(line.isprintable() for line in shown)
    assert "\\x1b[2Jgone\\nbilling  in sync" in shown[0]
