"""One pin on its way: ask its remote where that matters, then step after step until it is in its place."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from dataclasses import replace

from vendorws.checkouts import halfway, moves
from vendorws.checkouts.cache import Cache
from vendorws.checkouts.crew import Crew
from vendorws.checkouts.observation import observe
from vendorws.checkouts.plan import needs_remote
from vendorws.checkouts.targets import Asked, find_target
from vendorws.errors import ExitCode, VendorwsError
from vendorws.git_client.failures import as_failure
from vendorws.git_client.network import Route
from vendorws.git_client.processes import Stopped
from vendorws.model import (
    Checkout,
    Clone,
    EmptyFolder,
    Failure,
    Finding,
    Keep,
    Missing,
    Move,
    Outcome,
    Pin,
    Refuse,
    Retarget,
    State,
    TakeBack,
    Target,
    Tips,
)

_MOST_STEPS = 6  # a checkout needs at most: take back, retarget, switch, forward, submodules; more is a loop


def bring(crew: Crew, run: str, pin: Pin, look: Finding | Failure, route: Route | Failure | None) -> Outcome:
    """To its place, in the run of that name; `route` is the way to its server, if needed, or why there is none."""
    start = time.monotonic()
    if isinstance(look, Failure):
        return crew.seen(pin, look)
    crew.tell(pin, "cloning" if isinstance(look, Missing | EmptyFolder) else "looking")
    git = crew.git(pin)
    if isinstance(route, Route):
        git = git.with_environment({"GIT_SSH_COMMAND": route.ssh})
        git = replace(git, sessions=route.sessions, destination=route.destination)
    cache = Cache(crew.options.cache) if crew.options.cache else None
    journey = _Journey(crew, moves.Work(git, pin, run, cache, crew.options.filter), look)
    failure = route if isinstance(route, Failure) else None
    try:
        if failure is None:
            journey.go()
    except Stopped:
        failure = Failure("interrupted", "", "", ExitCode.INTERRUPTED)
    except (VendorwsError, OSError) as error:
        failure = as_failure(error)
    return Outcome(pin, tuple(journey.done), journey.step, journey.finding, failure, time.monotonic() - start)


class NoEnd(VendorwsError):
    """What was done again and again did not bring a checkout any nearer."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"not at its pin after {_MOST_STEPS} steps: {reason}", "See what git does: -v shows each command."
        )


class _Journey:
    """One pin on its way: after each step a newer finding, and what is to be done then; nothing else changes."""

    def __init__(self, crew: Crew, work: moves.Work, look: Finding) -> None:
        self.crew, self.work = crew, work
        self.done: list[Move] = []
        self.tips: Tips | None = None
        self.found(look)

    def found(self, finding: Finding) -> None:
        self.finding, self.step = finding, self.crew.verdict(self.work.pin, finding)

    def look(self, work: moves.Work) -> None:
        self.found(observe(work.git, work.pin, self.tips, self.crew.above))

    def go(self) -> None:
        """Ask the remote where the decision depends on it, then step by step until nothing is left to do."""
        asked = not self.crew.fetch
        while True:
            if not asked and needs_remote(self.work.pin, self.finding, self.crew.options.wish):
                asked = True
                self.learn()
            step = self.step
            if isinstance(step, Keep | Refuse) or self.crew.options.dry_run or self.crew.look_only:
                break
            if len(self.done) == _MOST_STEPS:
                raise NoEnd(step.reason)
            moves.apply(self.work, step, self.finding if isinstance(self.finding, Checkout) else None)
            self.done.append(step)
            asked = not isinstance(step, Retarget | TakeBack)
            self.tips = None if isinstance(step, Clone | Retarget) else self.tips
            self.look(self.work)
        self.adopt()

    def learn(self) -> None:
        """Ask the remote, bring in what is news, and look again if there was any."""
        checkout = self.finding
        assert isinstance(checkout, Checkout)
        assert checkout.remote is not None
        self.tips = moves.ask(self.work, checkout.remote)
        target = find_target(self.work.pin, Asked(self.tips))
        if target is not None and target == checkout.target and not checkout.shallow:
            if not isinstance(self.step, Keep | Refuse):  # that took its time, in which somebody may have been at work
                self.look(self.work)
            return
        if self.crew.options.dry_run:
            self.look_aside(checkout.remote, target)
            return
        with self.guarded():
            moves.fetch(self.work, checkout, target)
        self.look(self.work)
        if isinstance(self.finding, Checkout) and self.finding.gone != checkout.gone:
            with self.guarded():
                moves.note_gone(self.work, self.finding)

    def guarded(self) -> AbstractContextManager[None]:
        """For what git writes in the checkout: no lock of a git that dies stays."""
        if self.crew.look_only:
            return halfway.leaving_no_lock(self.work.inside, self.work.path)
        return halfway.all_or_nothing(self.work.inside, self.work.path, None)

    def look_aside(self, remote: str, target: Target | None) -> None:
        with moves.set_aside(self.work) as aside:
            moves.fetch_objects(aside, remote, target)
            self.look(aside)

    def adopt(self) -> None:
        """A checkout that is at its pin is ours from now on, whoever made it."""
        quiet = self.crew.options.dry_run or self.crew.look_only
        if not quiet and isinstance(self.finding, Checkout) and self.step.state is State.IN_SYNC:
            moves.adopt(self.work, self.finding)
