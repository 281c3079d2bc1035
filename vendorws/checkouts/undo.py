"""Back to where things were before the last run: the decision, and how it is carried out.

The rules are those of `sync`: only what is still where the run put it moves, nothing of the developer's is
overwritten, and the positions left are noted first, so that an undo can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime, timezone

from vendorws.checkouts import halfway, moves, rescue
from vendorws.checkouts.observation import observe, towards
from vendorws.checkouts.plan import Wish, clear_the_way, decide
from vendorws.checkouts.repository import GitDirectory, find_git_directory, worktree_on
from vendorws.checkouts.wording import short, some
from vendorws.errors import VendorwsError
from vendorws.git_client.command import Git
from vendorws.git_client.failures import as_failure
from vendorws.lock import workspace_lock
from vendorws.model import (
    NOT_DONE,
    BringForward,
    Checkout,
    Failure,
    FastForward,
    Finding,
    Follow,
    Pin,
    State,
    Submodules,
    Switch,
    UpdateSubmodules,
)
from vendorws.settings import Settings
from vendorws.typed import git_command, shell_command
from vendorws.values import dataclass

# -- the decision ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PutBack:
    """Move these back: `recorded` holds both ends, `text` says them ("main from 1234567890 to 67fde5c91a").

    `again` is what the next `sync` does about it (None: it leaves it there, or nothing was moved yet). `cut_short`: it
    is back, but the run was interrupted before its submodules were, or that was looked at.
    """

    recorded: rescue.Recorded
    text: str
    again: Again | None = None
    cut_short: bool = False


@dataclass(frozen=True, slots=True)
class Again:
    """The next `sync` moves it as before: `branch` behind the scenes, or what is checked out (None).

    `command` keeps hold of where it is now.
    """

    branch: str | None
    command: str


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing is moved: why, and the command that helps (or None)."""

    reason: str
    command: str | None


@dataclass(frozen=True, slots=True)
class Settled:
    """It is where it was before that run."""


@dataclass(frozen=True, slots=True)
class Place:
    """One repository as it is now.

    `refs` maps every ref (full name) to what it holds, `worktrees` each branch that another worktree has checked out
    to that folder, `tagged` each tag object to its commit. What is in the way, in `checkout`, is in the way of going
    back.
    """

    checkout: Checkout
    refs: Mapping[str, str]
    worktrees: Mapping[str, str]
    tagged: Mapping[str, str]

    def is_at(self, position: rescue.Position) -> bool:
        """Whether HEAD and all the branches and tags are there."""
        here = (self.checkout.head, self.checkout.branch) == (position.head, position.branch)
        return here and all(self.refs.get(f"refs/{name}") == held for name, held in position.refs.items())


@dataclass(frozen=True, slots=True)
class Words:
    """How to type the pin's checkout (`at`), and the options that name the project where it is not around."""

    at: str
    project: tuple[str, ...] = ()


def last_run(place: Place) -> rescue.Recorded | None:
    """The run to be taken back; an undo that was broken off, and moved nothing, does not count."""
    runs = rescue.recorded_runs(place.refs)
    return next((run for run in runs if not (rescue.is_undo(run.run) and place.is_at(run.was))), None)


def decide_undo(pin: Pin, place: Place, recorded: rescue.Recorded, words: Words) -> PutBack | Leave | Settled:
    """Whether one repository can go back to where it was before `recorded`."""
    checkout, was, now = place.checkout, recorded.was, recorded.now
    if checkout.halfway:
        again = shell_command("vendorws", "undo", *words.project, pin.name)
        return Leave("a run did not finish here; what it left half-done is tidied up first", again)
    if checkout.operation is not None:
        step = decide(pin, checkout, Wish(), at=words.at)
        return Leave(step.reason, step.command)
    if place.is_at(was):
        return Settled()
    if not place.is_at(now):
        return _moved_on(place, recorded, words.at)
    for branch in _branches(was, now):
        if folder := place.worktrees.get(branch):
            return Leave(f"{branch} is checked out in {folder}", git_command(words.at, "worktree", "list"))
    if checkout.changes.conflicted:
        return Leave("there are conflicts to resolve first", clear_the_way(words.at, checkout))
    if blocking := (*checkout.in_the_way, *checkout.submodules.replaced):
        return Leave(f"{some(blocking)} would be overwritten", clear_the_way(words.at, checkout))
    return PutBack(recorded, _text(was, now, place.tagged))


def _moved_on(place: Place, recorded: rescue.Recorded, at: str) -> Leave:
    """The old position gets a name, which does not expire."""
    head, kept = recorded.was.head[:10], f"{rescue.RUNS}{recorded.run}/was/HEAD"
    branch = f"before-{head}"
    command = None if f"refs/heads/{branch}" in place.refs else git_command(at, "branch", branch, kept)
    return Leave(f"you have moved on since; {head}, where it was before, is kept as {kept}", command)


def _moved(was: rescue.Position, now: rescue.Position) -> dict[str, str]:
    """The refs that the run moved, and what they held before."""
    return {name: held for name, held in was.refs.items() if now.refs.get(name, held) != held}


def _branches(was: rescue.Position, now: rescue.Position) -> list[str]:
    """The branches that going back moves, or ends on."""
    moved = {name.removeprefix("heads/") for name in _moved(was, now) if name.startswith("heads/")}
    return sorted(moved | ({was.branch} if was.branch else set()))


def _text(was: rescue.Position, now: rescue.Position, tagged: Mapping[str, str]) -> str:
    """What is checked out first, where that is something else, then each branch and tag; all by both their ends."""
    here, there = _stands_on(now, tagged), _stands_on(was, tagged)
    head = [_between(here, there)] if here != there else []
    moved = ((name, _commits(now.refs[name], held, tagged)) for name, held in _moved(was, now).items())
    return ", and ".join([*head, *(f"{_short(name)} {_between(*ends)}" for name, ends in moved)])


def _stands_on(position: rescue.Position, tagged: Mapping[str, str]) -> str:
    """The branch, else the tag, that is checked out (`heads/main`, `tags/v1`), else the commit."""
    if position.branch is not None:
        return f"heads/{position.branch}"
    at = (name for name, held in position.refs.items() if tagged.get(held, held) == position.head)
    return next((name for name in at if name.startswith("tags/")), position.head)


def _commits(new: str, old: str, tagged: Mapping[str, str]) -> tuple[str, str]:
    """The commits by which people know these two tags; where it is the same one, the tags themselves."""
    commits = tagged.get(new, new), tagged.get(old, old)
    return commits if commits[0] != commits[1] else (new, old)


def _between(new: str, old: str) -> str:
    """From one to the other, in short where that tells them apart."""
    first, last = (_short(new), _short(old)) if _short(new) != _short(old) else (new, old)
    return f"from {first} to {last}"


def _short(end: str) -> str:
    """A branch or tag without saying which, or the first digits of a commit."""
    return end.partition("/")[2] or short(end)


# -- one repository --------------------------------------------------------------------------------------------


def look(work: moves.Work) -> Place | None:
    """The pin's checkout, if there is one. Raises GitFailed."""
    checkout = observe(work.git, work.pin)
    if not isinstance(checkout, Checkout):
        return None
    listed = work.inside.call("for-each-ref", "--format=%(refname) %(objectname) %(*objectname)")
    rows = [line.split(" ") for line in listed.split("\n") if line]
    tagged = {held: commit for _, held, commit in rows if commit}
    place = Place(checkout, {name: held for name, held, _ in rows}, {}, tagged)
    run = last_run(place)
    if run is None:
        return place
    back = towards(work.git, work.pin, checkout, run.was.head)
    return replace(place, checkout=back, worktrees=dict(_worktrees(work, _branches(run.was, run.now))))


def _worktrees(work: moves.Work, branches: Sequence[str]) -> Iterator[tuple[str, str]]:
    directory = find_git_directory(work.path)
    assert isinstance(directory, GitDirectory), directory
    for branch in branches:
        if (folder := worktree_on(directory, branch)) is not None:
            yield branch, str(folder)


def put_back(work: moves.Work, recorded: rescue.Recorded) -> None:
    """Everything to where it was, as far as it is still where the run put it; all of it or nothing."""
    was, now = recorded.was, recorded.now
    refs = {f"refs/{name}": (held, now.refs[name]) for name, held in _moved(was, now).items()}
    with halfway.all_or_nothing(work.inside, work.path, halfway.Ends(now.head, was.head, was.branch)):
        moves.note(work, now, was)
        moves.relocate(work, was.head, refs, was.branch)
        _remember(work, was, now)


def put_submodules_back(work: moves.Work) -> Finding:
    """The submodules follow, but for those with work of their own. Returns what was there before they did."""
    there = observe(work.git, work.pin)
    if isinstance(there, Checkout) and there.submodules.behind:
        behind = Submodules(behind=there.submodules.behind)
        step = UpdateSubmodules(state=State.SUBMODULE, reason="to the recorded commit", submodules=behind)
        moves.apply(work, step, there)
    return there


def _again(pin: Pin, there: Finding, at: str) -> Again | None:
    """What the next `sync` would do, by its own decision."""
    step = decide(pin, there, Wish(), at=at)
    if isinstance(step, BringForward):
        return Again(step.branch, git_command(at, "branch", _NEW_BRANCH, step.branch))
    if isinstance(step, FastForward | Follow | Switch):
        return Again(None, git_command(at, "switch", "-c", _NEW_BRANCH))
    return None


_NEW_BRANCH = "NAME-OF-A-BRANCH"


def _remember(work: moves.Work, was: rescue.Position, now: rescue.Position) -> None:
    """A checkout without a branch is again where a run before put it: a tag that moved is then seen to have moved."""
    noted = work.inside.run("config", "vendorws.placed").text.strip()
    if was.branch is None and noted == now.head:
        work.inside.call("config", "vendorws.placed", was.head)


# -- the whole workspace ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one repository: what was (or with a dry run would be) put back, or why nothing was."""

    pin: Pin
    what: PutBack | Leave | Settled | Failure


@dataclass(frozen=True, slots=True)
class Undone:
    """The run that was put back (None: there is none), and every repository that it moved something in.

    Those that could not be looked at are among them, and where it was interrupted, those that were not put back. An
    interrupt before the run was found leaves all of them, and None.
    """

    run: str | None
    results: tuple[Result, ...]
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Options:
    """How to do it; `at` gives the path to type for a pin's checkout, `project` the options that name the project."""

    dry_run: bool
    wait: bool
    on_wait: Callable[[str], None]
    trace: Callable[[str], None] | None
    at: Callable[[Pin], str]
    project: tuple[str, ...] = ()


def undo_last_run(settings: Settings, pins: Sequence[Pin], options: Options) -> Undone:
    """Put back what the newest noted run moved, in every repository that it moved something in.

    Where that run is an undo that did not get through, this goes on with it.
    """
    if not settings.vendor.is_dir():
        return Undone(None, ())
    wait, on_wait = options.wait, options.on_wait
    with nullcontext() if options.dry_run else workspace_lock(settings.vendor, wait=wait, on_wait=on_wait):
        try:
            cases = _chosen([case for pin in pins if (case := _look(settings, pin, options)) is not None])
        except KeyboardInterrupt:
            return Undone(None, tuple(Result(pin, NOT_DONE) for pin in pins), interrupted=True)
        return _carry_out_all(cases, options)


def when(run: str) -> str:
    """The start of a run for people, in their own time zone."""
    started = rescue.run_started(run)
    moment = started.astimezone().strftime("%Y-%m-%d at %H:%M:%S") if started else run
    return f"{moment} (an undo)" if rescue.is_undo(run) else moment


@dataclass(frozen=True, slots=True)
class _Case:
    """One repository that notes a run, and the decision on it; `run` is empty where it could not be looked at."""

    work: moves.Work
    run: str
    what: PutBack | Leave | Settled | Failure


def _look(settings: Settings, pin: Pin, options: Options) -> _Case | None:
    work = moves.Work(Git(vendor=settings.vendor, cwd=settings.vendor, trace=options.trace), pin, "")
    try:
        place = look(work)
        if place is not None and place.checkout.halfway and not options.dry_run:
            halfway.take_back(work.inside, work.path)
            place = look(work)
    except (VendorwsError, OSError) as error:
        return _Case(work, "", as_failure(error))
    run = last_run(place) if place is not None else None
    if place is None or run is None:
        return None
    return _Case(work, run.run, decide_undo(pin, place, run, Words(options.at(pin), options.project)))


def _chosen(found: Sequence[_Case]) -> list[_Case]:
    """Those of the newest run; where it is an undo that did not get through, what is left of it, as the same run."""
    newest = max((case.run for case in found), default="")
    left = [case for case in found if rescue.is_undo_of(newest, case.run) and not isinstance(case.what, Settled)]
    name = newest if left else rescue.undo_name(datetime.now(timezone.utc), newest)
    chosen = left or [case for case in found if case.run == newest]
    failed = [case for case in found if isinstance(case.what, Failure) and case not in chosen]
    return [replace(case, work=replace(case.work, run=name)) for case in (*chosen, *failed)]


def _carry_out_all(cases: Sequence[_Case], options: Options) -> Undone:
    """One after the other; Ctrl-C ends it, and what was done until then is told all the same."""
    results: list[Result] = []
    interrupted = False
    try:
        for case in cases:
            results.append(Result(case.work.pin, case.what if options.dry_run else _carry_out(case, options)))
            if interrupted := isinstance(what := results[-1].what, PutBack) and what.cut_short:
                break
    except KeyboardInterrupt:
        interrupted = True
    rest = cases[len(results) :]
    left = (Result(case.work.pin, NOT_DONE if isinstance(case.what, PutBack) else case.what) for case in rest)
    run = max((case.run for case in cases), default="") or None
    return Undone(run, (*results, *left), interrupted)


def _carry_out(case: _Case, options: Options) -> PutBack | Leave | Settled | Failure:
    """What is to be put back is put back. After an undo of an undo nobody is surprised where `sync` goes."""
    what, pin = case.what, case.work.pin
    if not isinstance(what, PutBack):
        return what
    try:
        put_back(case.work, what.recorded)
        try:
            there = put_submodules_back(case.work)
        except KeyboardInterrupt:
            return replace(what, cut_short=True)
    except (VendorwsError, OSError) as error:
        return as_failure(error)
    return what if rescue.is_undo(what.recorded.run) else replace(what, again=_again(pin, there, options.at(pin)))
