"""Back to where things were before the last run: the decision, and how it is carried out.

The rules are those of `sync`: only what is still where the run put it moves, git refuses to overwrite a file, and the
positions left are noted first, so that an undo can be undone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime, timezone

from vendorws import halfway, moves, rescue
from vendorws.errors import ExitCode
from vendorws.gitcmd import Git
from vendorws.lock import workspace_lock
from vendorws.model import Checkout, Pin
from vendorws.observation import observe
from vendorws.settings import Settings

# -- the decision ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PutBack:
    """Move these back: `recorded` holds both ends, `text` says it in a few words."""

    recorded: rescue.Recorded
    text: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is moved, and why."""

    reason: str


def decide_undo(checkout: Checkout, refs: Mapping[str, str], recorded: rescue.Recorded) -> PutBack | Leave:
    """Whether one repository can go back; `refs` maps every ref (full name) to what it holds now."""
    if checkout.operation is not None:
        return Leave(f"a {checkout.operation} is in progress")
    if checkout.halfway:
        return Leave("a run was interrupted there; `vendorws sync` comes first")
    now, was = recorded.now, recorded.was
    if checkout.head == was.head and checkout.branch == was.branch and _hold(refs, was):
        return Leave("it is where it was already")
    if checkout.head != now.head or checkout.branch != now.branch or not _hold(refs, now):
        kept = f"{rescue.RUNS}{recorded.run}/was/HEAD"
        return Leave(f"you have moved on since; {was.head[:10]}, where it was before, is kept as {kept}")
    return PutBack(recorded, _text(was, now))


def _hold(refs: Mapping[str, str], position: rescue.Position) -> bool:
    return all(refs.get(f"refs/{name}") == commit for name, commit in position.refs.items())


def _text(was: rescue.Position, now: rescue.Position) -> str:
    parts = [
        f"{name.partition('/')[2]} {now.refs[name][:10]} -> {commit[:10]}"
        for name, commit in was.refs.items()
        if now.refs.get(name, commit) != commit
    ]
    if was.branch != now.branch or (was.branch is None and was.head != now.head):
        parts.append(f"on {now.branch or now.head[:10]} -> {was.branch or was.head[:10]}")
    return ", ".join(parts)


# -- carried out -----------------------------------------------------------------------------------------------


def all_refs(work: moves.Work) -> dict[str, str]:
    """Every ref of a checkout and what it holds. Raises GitFailed."""
    listed = work.inside.call("for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split(" ", 1) for line in listed.split("\n") if line)


def put_back(work: moves.Work, recorded: rescue.Recorded) -> None:
    """Everything to where it was, as far as it is still where the run put it; all of it or nothing."""
    was, now = recorded.was, recorded.now
    moved = {name: commit for name, commit in was.refs.items() if now.refs.get(name, commit) != commit}
    refs = {f"refs/{name}": (commit, now.refs[name]) for name, commit in moved.items()}
    with halfway.all_or_nothing(work.inside, work.path, halfway.Ends(now.head, was.head, was.branch)):
        moves.note(work, now, was)
        moves.relocate(work, was.head, refs, was.branch)


# -- the whole workspace ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Undone:
    """What was (or with a dry run would be) put back: the run, a line for each repository of it, the exit code."""

    run: str | None
    lines: tuple[tuple[str, str], ...]
    exit_code: ExitCode


def undo_last_run(
    settings: Settings,
    pins: Sequence[Pin],
    *,
    dry_run: bool,
    wait: bool,
    on_wait: Callable[[str], None],
    trace: Callable[[str], None] | None,
) -> Undone:
    """Put back what the newest noted run moved, in every repository that it moved something in."""
    if not settings.vendor.is_dir():
        return Undone(None, (), ExitCode.DONE)
    lock = nullcontext() if dry_run else workspace_lock(settings.vendor, wait=wait, on_wait=on_wait)
    with lock:
        found = list(_recorded(settings, pins, trace))
        newest = max((case.recorded.run for case in found), default=None)
        cases = [case for case in found if case.recorded.run == newest]
        lines = tuple((case.work.pin.name, _line(case, dry_run=dry_run)) for case in cases)
    left = any(isinstance(case.decision, Leave) for case in cases)
    return Undone(newest, lines, ExitCode.ATTENTION if left else ExitCode.DONE)


def when(run: str) -> str:
    """The start of a run for people, in their own time zone."""
    started = rescue.run_started(run)
    return started.astimezone().strftime("%Y-%m-%d at %H:%M:%S") if started else run


@dataclass(frozen=True, slots=True)
class _Case:
    work: moves.Work
    recorded: rescue.Recorded
    decision: PutBack | Leave


def _recorded(settings: Settings, pins: Sequence[Pin], trace: Callable[[str], None] | None) -> Iterator[_Case]:
    """Every repository that notes a run, with the decision on it."""
    run = rescue.run_name(datetime.now(timezone.utc), secrets.token_hex(2))
    git = Git(vendor=settings.vendor, cwd=settings.vendor, trace=trace)
    for pin in pins:
        checkout = observe(git, pin)
        if isinstance(checkout, Checkout):
            work = moves.Work(git, pin, run)
            refs = all_refs(work)
            recorded = rescue.last_recorded(refs)
            if recorded is not None:
                yield _Case(work, recorded, decide_undo(checkout, refs, recorded))


def _line(case: _Case, *, dry_run: bool) -> str:
    decision = case.decision
    if isinstance(decision, Leave):
        return f"left as it is: {decision.reason}"
    if dry_run:
        return f"would put back {decision.text}"
    put_back(case.work, decision.recorded)
    return f"put back {decision.text}"
