"""Outcomes in words: rows and sentences for people, JSON for programs, one exit code for the shell.

Everything here is pure. Text and JSON are two renderings of the same values.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from vendorws.checkouts.wording import commits, target_text
from vendorws.documents import SCHEMA_VERSION
from vendorws.errors import ExitCode, visible
from vendorws.git_client.urls import server
from vendorws.model import (
    VENDOR,
    BringForward,
    Changes,
    Checkout,
    Clone,
    Failure,
    FastForward,
    Follow,
    Keep,
    Move,
    Orphan,
    Outcome,
    Pin,
    Refuse,
    Retarget,
    State,
    Switch,
    TakeBack,
    UpdateSubmodules,
)
from vendorws.redaction import redact
from vendorws.typed import shell_command
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One repository on one line; `style` names the colour that says the same as the words.

    No cell says what the one before it has said: `at` is empty where it is what the pin names.
    """

    name: str
    pin: str
    at: str
    standing: str
    changes: str
    command: str
    style: str


# -- status ----------------------------------------------------------------------------------------------------


def status_row(outcome: Outcome) -> Row:
    """Where one repository stands: its pin, what is checked out, the standing, local changes, the next command."""
    checkout = outcome.finding if isinstance(outcome.finding, Checkout) else None
    pin, at = _pin(outcome.pin.ref), _at(checkout)
    return Row(
        name=outcome.pin.name,
        pin=visible(pin),
        at="" if at in (pin, f"({pin})") else visible(at),
        standing=visible(_beside_its_place(_standing(outcome), checkout)),
        changes=_changes(checkout),
        command=next_command(outcome) or "",
        style=_style(outcome),
    )


_FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)


def _pin(ref: str | None) -> str:
    if ref is None:
        return "(default)"
    return ref[:10] if _FULL_COMMIT.fullmatch(ref) else ref


def _at(checkout: Checkout | None) -> str:
    if checkout is None:
        return ""
    if checkout.branch is not None:
        return checkout.branch
    return f"({checkout.head[:10]})" if checkout.head else ""


def _beside_its_place(standing: str, checkout: Checkout | None) -> str:
    """A standing without the names of the pin and of what is checked out, which the cells before it say."""
    if checkout is None:
        return standing
    if checkout.target is not None:
        standing = standing.replace(f"the pin is {target_text(checkout.target)}", "not at the pin", 1)
    if checkout.branch is not None:
        return standing.removeprefix(f"on {checkout.branch}, ")
    return standing.replace(f"detached at {str(checkout.head)[:10]}", "detached", 1)


def _standing(outcome: Outcome) -> str:
    reason = outcome.verdict.reason if outcome.verdict else ""
    if outcome.failure is None:
        return reason
    return f"{reason}; {outcome.failure.message}" if reason else outcome.failure.message


def _changes(checkout: Checkout | None) -> str:
    if checkout is None:
        return ""
    return _counts(checkout.changes, checkout.stashes)


def _counts(changes: Changes, stashes: int) -> str:
    counts = (
        (changes.conflicted, "conflicted"),
        (changes.staged, "staged"),
        (changes.unstaged, "unstaged"),
        (changes.untracked, "untracked"),
        (stashes, "stash" if stashes == 1 else "stashes"),
    )
    return ", ".join(f"{count} {what}" for count, what in counts if count)


def _style(outcome: Outcome) -> str:
    if outcome.failure is not None or isinstance(outcome.verdict, Refuse):
        return "red"
    if outcome.verdict is not None and outcome.verdict.state is State.IN_SYNC:
        return "green"
    return "yellow"


def next_command(outcome: Outcome) -> str | None:
    """What to type next for this repository, if there is something to do."""
    if outcome.verdict is None or outcome.verdict.state is State.IN_SYNC:
        return None
    return outcome.verdict.command


def off_pin(outcomes: Iterable[Outcome]) -> bool:
    """Whether any repository is not at its pin: what `status --exit-code` asks."""
    return any(outcome.verdict is None or outcome.verdict.state is not State.IN_SYNC for outcome in outcomes)


# -- sync ------------------------------------------------------------------------------------------------------


def done_text(outcome: Outcome) -> str:
    """What was done to one repository and where it stands now, in a few words."""
    if outcome.failure is not None:
        before = f"{', '.join(map(_past, outcome.done))}; then " if outcome.done else ""
        return visible(f"{before}{outcome.failure.message}")
    done = ", ".join(_past(step) for step in outcome.done)
    if any(isinstance(step, Clone) for step in outcome.done):
        done += f", {_where(outcome)}"
    verdict = outcome.verdict
    standing = "" if verdict is None or (done and verdict.state is State.IN_SYNC) else verdict.reason
    changes = _changes(outcome.finding if isinstance(outcome.finding, Checkout) else None)
    text = "; ".join(part for part in (done, standing) if part) or "nothing to do"
    return visible(f"{text} ({changes})" if changes else text)


def _where(outcome: Outcome) -> str:
    """Where a checkout is: on a branch, or at the pin's tag or commit."""
    checkout = outcome.finding if isinstance(outcome.finding, Checkout) else None
    if checkout is not None and checkout.branch is not None:
        return f"on {checkout.branch}"
    return f"at {_pin(outcome.pin.ref)}" if outcome.pin.ref else "at its pin"


def planned_text(outcome: Outcome) -> str:
    """What `sync` would do to one repository, from the very step it would take."""
    if outcome.failure is not None:
        return visible(outcome.failure.message)
    verdict = outcome.verdict
    if verdict is None or isinstance(verdict, Keep | Refuse):
        return done_text(outcome)
    future = f"would {_future(verdict, outcome)}"
    return visible(future if isinstance(verdict, Clone) else f"{future} ({verdict.reason})")


def _past(step: Move) -> str:
    match step:
        case Clone():
            return "cloned"
        case TakeBack():
            return "tidied up after a run that did not finish"
        case Retarget(url=url, keeps_old=keeps_old):
            return f"remote set to {redact(url)}{' (the old one is kept, see `git remote -v`)' if keeps_old else ''}"
        case Switch(target=target):
            return f"switched to {target.name}"
        case FastForward(count=count):
            return f"fast-forwarded by {commits(count)}"
        case Follow(branch=branch, reason=reason):
            return f"followed {branch} ({reason}; the old tip is kept, see `vendorws undo`)"
        case BringForward(branch=branch):
            return f"{branch} brought forward behind the scenes"
        case UpdateSubmodules():
            return "submodules updated"


def _future(step: Move, outcome: Outcome) -> str:
    match step:
        case Clone():
            return f"clone {redact(outcome.pin.url)}"
        case TakeBack():
            return "tidy up after a run that did not finish"
        case Retarget(url=url):
            return f"set the remote to {redact(url)}"
        case Switch(target=target):
            return f"switch to {target.name}"
        case FastForward(branch=branch):
            return f"fast-forward {branch}"
        case Follow(branch=branch):
            return f"follow {branch}"
        case BringForward(branch=branch):
            return f"bring {branch} forward"
        case UpdateSubmodules():
            return "update submodules"


def failure_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """What went wrong in git's own words, and the next action: once for all repositories that it went wrong for.

    Where a server cannot be reached that is the same for each of its packages, and to allow more time helps with each
    server that takes long.
    """
    alike: dict[tuple[str, ...], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.failure is not None and outcome.failure.exit_code is not ExitCode.INTERRUPTED:
            alike.setdefault(_cause(outcome.pin, outcome.failure), []).append(outcome)
    return [line for group in alike.values() for line in _failure_lines(group)]


def _cause(pin: Pin, failure: Failure) -> tuple[str, ...]:
    """What is the same where two failures are one: of git's words the first line, without repository and moment.

    It says why; how ssh and a proxy between go on from there may differ each time.
    """
    if failure.exit_code is not ExitCode.NETWORK:
        return (pin.name,)
    if not failure.git_says:  # its time was up
        return (failure.hint,)
    repository = _ADDRESS.sub("", pin.url).removesuffix(".git")
    says = _MOMENT.sub("", failure.git_says.partition("\n")[0].replace(repository, ""))
    return failure.message, failure.hint, server(pin.url) or pin.url, says


_ADDRESS = re.compile(r"^[a-z+]+://[^/]*/|^[^/]*:")
# How long curl has tried, and what a resolver says in turns of one and the same name.
_MOMENT = re.compile(r" after \d+ (ms|milliseconds)\b|Temporary failure in name resolution|Name or service not known")


def _failure_lines(outcomes: Sequence[Outcome]) -> list[str]:
    failure = outcomes[0].failure
    assert failure is not None
    about: dict[str, list[str]] = {}
    for outcome in outcomes:
        about.setdefault(outcome.failure.message if outcome.failure else "", []).append(outcome.pin.name)
    heads = [f"{_some(names)}: {message}" for message, names in about.items()]
    says = [f"  git: {line}" for line in failure.git_says.splitlines()]
    hint = [f"  {failure.hint}"] if failure.hint else []
    return [visible(line) for line in (*heads, *says, *hint)]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


def waiting_lines(outcomes: Sequence[Outcome]) -> list[str]:
    """The command that helps, for each repository where only the developer can go on."""
    waiting = [(outcome.pin.name, next_command(outcome)) for outcome in outcomes if _waits(outcome)]
    width = max((len(name) for name, _ in waiting), default=0)
    return [f"  {name.ljust(width)}  -> {command}" for name, command in waiting]


def _waits(outcome: Outcome) -> bool:
    return isinstance(outcome.verdict, Refuse) and outcome.failure is None and next_command(outcome) is not None


def orphan_rows(orphans: Iterable[Orphan], vendor: str) -> list[Row]:
    """The checkouts that are nobody's: they are left alone, but should not be forgotten either.

    `vendor` is how the folder of the checkouts is typed.
    """
    return [_orphan_row(orphan, f"{vendor}/{orphan.name}", vendor) for orphan in orphans]


def _orphan_row(orphan: Orphan, path: str, vendor: str) -> Row:
    work = orphan.work
    standing = "no line of the requirements asks for it"
    if work is not None and work.unpushed:
        standing += f"; {work.unpushed} unpushed"
    if orphan.heir is not None:
        standing += f"; its remote is that of {orphan.heir}"
    command = shell_command("mv", path, f"{vendor}/{orphan.heir}") if orphan.fits else ""
    changes = _counts(work.changes, work.stashes) if work is not None else ""
    return Row(visible(path), "", "", standing, changes, command, "dim")


def outcome_style(outcome: Outcome) -> str:
    """The colour of a repository's line in `sync`."""
    if outcome.failure is not None or isinstance(outcome.verdict, Refuse):
        return "red"
    return "green" if outcome.done else ""


def summary(outcomes: Sequence[Outcome], *, dry_run: bool) -> str:
    """One line that counts what became of the repositories."""
    counts = Counter(_kind(outcome, dry_run=dry_run) for outcome in outcomes)
    order = (
        "cloned",
        "updated",
        "to clone",
        "to update",
        "in sync",
        "left as is",
        "waiting for you",
        "failed",
        "not done",
    )
    parts = [f"{counts[kind]} {kind}" for kind in order if counts[kind]]
    return ", ".join(parts) or "nothing to sync"


def _kind(outcome: Outcome, *, dry_run: bool) -> str:
    if outcome.failure is not None:
        return "not done" if outcome.failure.exit_code is ExitCode.INTERRUPTED else "failed"
    verdict = outcome.verdict
    if isinstance(verdict, Refuse):
        return "waiting for you"
    if dry_run and verdict is not None and not isinstance(verdict, Keep):
        return "to clone" if isinstance(verdict, Clone) else "to update"
    if any(isinstance(step, Clone) for step in outcome.done):
        return "cloned"
    if any(not isinstance(step, BringForward) for step in outcome.done):
        return "updated"
    return "in sync" if verdict is not None and verdict.state is State.IN_SYNC else "left as is"


def exit_code(outcomes: Sequence[Outcome], *, interrupted: bool = False) -> ExitCode:
    """What `sync` ends with: the worst that happened, a pin that waits for the developer included."""
    refused = any(isinstance(outcome.verdict, Refuse) for outcome in outcomes)
    failed = status_exit_code(outcomes, interrupted=interrupted)
    return worst([failed, ExitCode.ATTENTION if refused else ExitCode.DONE])


def status_exit_code(outcomes: Iterable[Outcome], *, interrupted: bool = False) -> ExitCode:
    """`status` only looks: what waits for the developer is no failure of it, a remote that does not answer is."""
    failed = [outcome.failure.exit_code for outcome in outcomes if outcome.failure is not None]
    return worst([*failed, ExitCode.INTERRUPTED if interrupted else ExitCode.DONE])


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The one that says most about what happened: interrupted, then environment, network, usage, attention."""
    return max(codes, key=_GRAVITY.index, default=ExitCode.DONE)


_GRAVITY = (
    ExitCode.DONE,
    ExitCode.ATTENTION,
    ExitCode.USAGE,
    ExitCode.NETWORK,
    ExitCode.ENVIRONMENT,
    ExitCode.INTERRUPTED,
)


# -- JSON ------------------------------------------------------------------------------------------------------


def document(command: str, outcomes: Iterable[Outcome], orphans: Iterable[Orphan] = ()) -> dict[str, Any]:
    """The JSON document of `status` and `sync`; `orphans` are checkouts that no line asks for."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "repositories": [repository_object(outcome) for outcome in outcomes],
        "orphans": [_orphan_object(orphan) for orphan in orphans],
    }


def _orphan_object(orphan: Orphan) -> dict[str, Any]:
    work = orphan.work
    return {
        "name": orphan.name,
        "path": str(PurePosixPath(VENDOR, orphan.name)),
        "same_remote_as": orphan.heir,
        "unpushed": work.unpushed if work else None,
        **_change_counts(work.changes if work else None),
        "stashes": work.stashes if work else None,
    }


def _change_counts(changes: Changes | None) -> dict[str, int | None]:
    names = ("staged", "unstaged", "untracked", "conflicted")
    return {name: getattr(changes, name) if changes is not None else None for name in names}


def repository_object(outcome: Outcome) -> dict[str, Any]:
    """One repository; null stands for what is not known."""
    pin, verdict = outcome.pin, outcome.verdict
    checkout = outcome.finding if isinstance(outcome.finding, Checkout) else None
    return {
        "name": pin.name,
        "path": str(pin.path),
        "url": redact(pin.url),
        "pin": {"ref": pin.ref, **_pin_target(checkout)},
        **_checkout_object(checkout),
        "state": (verdict.state if verdict else State.UNKNOWN).value,
        "reason": redact(_standing(outcome)) or None,
        "command": next_command(outcome),
        "done": [_past(step) for step in outcome.done],
        "failure": _failure_object(outcome),
    }


def _pin_target(checkout: Checkout | None) -> dict[str, str | None]:
    target = checkout.target if checkout else None
    return {"kind": target.kind.value if target else None, "commit": target.commit if target else None}


def _checkout_object(checkout: Checkout | None) -> dict[str, Any]:
    if checkout is None:
        names = ("head", "branch", "ahead", "behind", "unpushed", "staged", "unstaged", "untracked", "conflicted")
        return {**dict.fromkeys((*names, "stashes", "operation"))}
    comparable = checkout.target is not None and checkout.head is not None
    return {
        "head": checkout.head,
        "branch": checkout.branch,
        "ahead": checkout.ahead if comparable else None,
        "behind": checkout.behind if comparable else None,
        "unpushed": checkout.unpushed,
        **_change_counts(checkout.changes),
        "stashes": checkout.stashes,
        "operation": checkout.operation,
    }


def _failure_object(outcome: Outcome) -> dict[str, Any] | None:
    failure = outcome.failure
    if failure is None:
        return None
    return {
        "message": redact(failure.message),
        "hint": failure.hint,
        "git_says": failure.git_says,
        "exit_code": int(failure.exit_code),
    }


def error_document(command: str | None, message: str, hint: str, code: ExitCode) -> dict[str, Any]:
    """The JSON document of a command that ended before it had anything to tell; `command` is None if it had no verb."""
    error = {"message": redact(message), "hint": redact(hint), "exit_code": int(code)}
    return {"schema_version": SCHEMA_VERSION, "command": command, "error": error}
