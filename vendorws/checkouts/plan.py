"""What one pin needs, and why: the policy of vendorws, pure and complete.

`decide` turns a pin and one finding into one step. `sync` carries the step out and looks again until nothing is
left to do; `sync --dry-run` and `status` print the very same step. The rule beneath all rules: a step is planned
only where git can prove that nothing of the developer's is lost; in any doubt it is a `Keep` or a `Refuse`.
docs/safety.md tells the same table in a user's words.
"""

from __future__ import annotations

import sys

from vendorws.checkouts.wording import commits, short, some, target_text
from vendorws.model import (
    BringForward,
    Broken,
    Checkout,
    Clone,
    EmptyFolder,
    FastForward,
    Finding,
    Follow,
    HeldSubmodule,
    Hold,
    Keep,
    Missing,
    Occupied,
    Pin,
    Refuse,
    Retarget,
    State,
    Step,
    Switch,
    Symlink,
    TakeBack,
    Target,
    TargetKind,
    UpdateSubmodules,
)
from vendorws.redaction import redact
from vendorws.typed import git_command, move_aside, shell_command
from vendorws.values import dataclass

if sys.version_info >= (3, 11):
    from typing import assert_never
else:
    from typing_extensions import assert_never

_GO_ON: dict[str, tuple[str, ...]] = {
    "merge": ("commit", "--no-edit"),
    "rebase": ("-c", "core.editor=true", "rebase", "--continue"),
    "cherry-pick": ("-c", "core.editor=true", "cherry-pick", "--continue"),
    "revert": ("-c", "core.editor=true", "revert", "--continue"),
    "am": ("am", "--continue"),
    "bisect": ("bisect", "reset"),
}
"""How each operation goes on once its conflicts are resolved; a bisect moved nothing, so it simply ends."""

_TAKE_BACK: dict[str, tuple[str, ...]] = {**{name: (name, "--abort") for name in _GO_ON}, "bisect": ("bisect", "reset")}
"""How each operation is given up. What was resolved by hand is given up too, so this is offered only before that."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the developer asked for beyond the default.

    Go to the pin (`switch`), correct a remote (`fix_url`), believe that a tag that is here has not moved
    (`trust_tags`).
    """

    switch: bool = False
    fix_url: bool = False
    trust_tags: bool = False


def decide(pin: Pin, finding: Finding, wish: Wish, *, at: str, project: tuple[str, ...] = ()) -> Step:
    """The one step that `pin` needs where `finding` is what is there.

    `at` is the path to type in a command, `project` are the options that name the project where it is not around.
    """
    match finding:
        case Missing():
            return Clone(state=State.MISSING, reason="missing", command=_sync(pin, *project))
        case EmptyFolder():
            return Clone(state=State.MISSING, reason="an empty folder", command=_sync(pin, *project))
        case Symlink(to):
            return Keep(state=State.SYMLINK, reason=f"a symbolic link to {to}, left to you")
        case Occupied(what):
            reason = f"{what} is in the way, not a git repository"
            return Refuse(state=State.OCCUPIED, reason=reason, command=move_aside(at))
        case Broken(why):
            return Refuse(state=State.BROKEN, reason=f"not a working git repository: {why}", command=move_aside(at))
        case Checkout():
            return _Case(pin, finding, wish, at, project).decide()
        case _:
            assert_never(finding)


def needs_remote(pin: Pin, finding: Finding, wish: Wish) -> bool:
    """Whether the next decision depends on what the pin's remote has: only then is it asked.

    What a run left half-done is put back before anything else: a fetch would take its mark for its own.
    """
    if not isinstance(finding, Checkout) or finding.operation or finding.halfway:
        return False
    if finding.remote is None or _respelt(pin, finding):
        return False
    known = {TargetKind.COMMIT, TargetKind.TAG} if wish.trust_tags and not wish.switch else {TargetKind.COMMIT}
    return finding.target is None or finding.target.kind not in known


def _respelt(pin: Pin, checkout: Checkout) -> bool:
    """Whether origin is as vendorws wrote it, but the pin says another URL since, be it only another token in it."""
    ours = checkout.placed is not None and checkout.placed.url == checkout.url
    return ours and checkout.url != pin.url and checkout.remote in (None, "origin")


def _sync(pin: Pin, *options: str) -> str:
    return shell_command("vendorws", "sync", *options, pin.name)


@dataclass(frozen=True, slots=True)
class _Case:
    """One checkout under its pin; the methods read from the most general question to the most special."""

    pin: Pin
    checkout: Checkout
    wish: Wish
    at: str
    project: tuple[str, ...]

    def decide(self) -> Step:
        checkout = self.checkout
        if checkout.operation is not None:
            return self._operation(checkout.operation)
        if checkout.halfway:
            return self._interrupted()
        if checkout.remote is None or _respelt(self.pin, checkout):
            return self._wrong_remote()
        if checkout.target is None:
            return self._no_target()
        if checkout.head is None:
            return self._unborn(checkout.target)
        if checkout.target.kind is TargetKind.BRANCH and checkout.branch == checkout.target.name:
            return self._on_the_pinned_branch(checkout.target)
        if checkout.target.kind is not TargetKind.BRANCH and checkout.head == checkout.target.commit:
            return self._at_the_target()
        if checkout.branch is None:
            return self._detached(checkout.head, checkout.target)
        if self._is_ours(checkout.branch):
            return self._pin_changed(checkout.target)
        return self._on_another_branch(checkout.branch, checkout.target)

    def _sync(self, *options: str) -> str:
        return _sync(self.pin, *self.project, *options)

    # -- before the target matters ---------------------------------------------------------------------------

    def _operation(self, operation: str) -> Step:
        changes = self.checkout.changes
        if changes.conflicted or (operation == "am" and not changes.staged):
            what, verb = "resolve its conflicts and go on, or take it back", _TAKE_BACK[operation]
        else:
            what, verb = "end it" if operation == "bisect" else "go on with it", _GO_ON[operation]
        reason = f"a {operation} is in progress; {what}"
        return Refuse(state=State.OPERATION, reason=reason, command=git_command(self.at, *verb))

    def _interrupted(self) -> Step:
        reason = "a run did not finish here; what it left half-done is put back first"
        return TakeBack(state=State.INTERRUPTED, reason=reason, command=self._sync())

    def _wrong_remote(self) -> Step:
        checkout, url = self.checkout, self.pin.url
        if _respelt(self.pin, checkout):
            reason = f"the URL in {self.pin.source} changed to {redact(url)}"
            return Retarget(state=State.WRONG_REMOTE, reason=reason, url=url, command=self._sync())
        there = f"origin is {redact(checkout.url)}" if checkout.url else "it has no origin"
        if self.wish.fix_url:
            reason, command = f"{there}; set to {redact(url)}", self._sync("--fix-url")
            return Retarget(state=State.WRONG_REMOTE, reason=reason, url=url, keeps_old=True, command=command)
        return Refuse(
            state=State.WRONG_REMOTE,
            reason=f"{there}, the pin says {redact(url)}",
            command=self._sync("--fix-url"),
        )

    def _no_target(self) -> Step:
        what = self.pin.ref or "the default branch"
        if not self.checkout.gone:
            return Keep(state=State.UNKNOWN, reason=f"{what} is not known here yet", command=self._sync())
        known = self.checkout.last_known
        gone = f"{what} no longer exists on {self.checkout.remote}; last known at {short(known)}" if known else ""
        meant = f"; did you mean {self.checkout.similar}?" if self.checkout.similar else ""
        return Refuse(
            state=State.GONE,
            reason=_unpushed(self.checkout) + (gone or f"{what} does not exist on {self.checkout.remote}") + meant,
            command=git_command(self.at, "ls-remote", str(self.checkout.remote)),
        )

    def _unborn(self, target: Target) -> Step:
        changes = self.checkout.changes
        if changes.tracked or changes.untracked:
            return Refuse(
                state=State.UNBORN,
                reason="a new repository with files of your own, and no commit",
                command=move_aside(self.at),
            )
        return Switch(state=State.UNBORN, reason=f"no commit yet; goes to {target_text(target)}", target=target)

    # -- at the pin ------------------------------------------------------------------------------------------

    def _at_the_target(self) -> Step:
        submodules = self.checkout.submodules
        if submodules.missing or submodules.behind:
            paths = (*submodules.missing, *(submodule.path for submodule in submodules.behind))
            return UpdateSubmodules(
                state=State.SUBMODULE,
                reason=f"submodule {some(paths)} to be brought to its recorded commit",
                submodules=submodules,
                command=self._sync(),
            )
        if submodules.broken:
            return Refuse(
                state=State.SUBMODULE,
                reason=f"submodule {some(submodules.broken)} is no working git repository",
                command=move_aside(f"{self.at}/{submodules.broken[0]}"),
            )
        if submodules.held:
            return self._held(submodules.held[0])
        return Keep(state=State.IN_SYNC, reason="in sync")

    def _held(self, submodule: HeldSubmodule) -> Step:
        inside = f"{self.at}/{submodule.path}"
        match submodule.hold:
            case Hold.OPERATION:
                why, command = "is in the middle of an operation of yours", git_command(inside, "status")
            case Hold.AHEAD:
                why, command = "has commits of yours; record them", git_command(self.at, "add", "--", submodule.path)
            case Hold.DIVERGED:
                why = f"has commits of yours beside the recorded {short(submodule.recorded)}"
                rebase = git_command(inside, "rebase", submodule.recorded)
                command = f"{git_command(inside, 'fetch')} && {rebase}"
            case Hold.CHANGES:
                why, command = "has changes of yours", git_command(inside, "stash", "push")
            case Hold.IN_THE_WAY if submodule.replaced:
                why, inner = f"would lose {some(submodule.replaced)}", f"{inside}/{submodule.replaced[0]}"
                command = f"{move_aside(inner)} && {shell_command('mkdir', inner)}"  # else git takes it for deleted
            case Hold.IN_THE_WAY:
                why = f"would have {some(submodule.in_the_way)} overwritten"
                command = git_command(inside, "stash", "push", "--all", "--", *submodule.in_the_way)
            case Hold.OTHER:
                why, command = "is no repository of its own", git_command(self.at, "status")
            case _:
                assert_never(submodule.hold)
        return Refuse(state=State.SUBMODULE, reason=f"submodule {submodule.path} {why}", command=command)

    def _on_the_pinned_branch(self, target: Target) -> Step:
        checkout = self.checkout
        if not checkout.ahead and not checkout.behind:
            return self._at_the_target()
        if checkout.shallow:
            return Keep(state=State.SHALLOW, reason="its history is shallow, sync deepens it", command=self._sync())
        if checkout.ahead and not checkout.own:
            return self._rewritten(target)
        if not checkout.ahead:
            return self._behind(target)
        if not checkout.behind:
            # A commit that records what no remote of the submodule has would be of no use to anybody else.
            check = ("--recurse-submodules=check",) if checkout.has_submodules else ()
            push = git_command(self.at, "push", *check, str(checkout.remote), "HEAD")
            return Keep(state=State.AHEAD, reason=f"{checkout.ahead} unpushed", command=push)
        return self._diverged(target)

    def _behind(self, target: Target) -> Step:
        checkout = self.checkout
        if checkout.changes.conflicted:
            return self._blocked("with conflicts to resolve first")
        if blocking := (*checkout.in_the_way, *checkout.submodules.replaced):
            return self._blocked(f"but {some(blocking)} would be overwritten")
        return FastForward(
            state=State.BEHIND,
            reason=f"{checkout.behind} behind",
            branch=target.name,
            commit=target.commit,
            count=checkout.behind,
            command=self._sync(),
        )

    def _blocked(self, why: str) -> Step:
        reason = f"{self.checkout.behind} behind, {why}"
        return Refuse(state=State.BLOCKED, reason=reason, command=clear_the_way(self.at, self.checkout))

    def _rewritten(self, target: Target) -> Step:
        checkout = self.checkout
        if _has_changes(checkout):
            return Refuse(
                state=State.REWRITTEN,
                reason=f"{target.name} was rewritten on {checkout.remote}, and there are local changes",
                command=clear_the_way(self.at, checkout),
            )
        return Follow(
            state=State.REWRITTEN,
            reason=f"{target.name} was rewritten on {checkout.remote}",
            branch=target.name,
            commit=target.commit,
            command=self._sync(),
        )

    def _diverged(self, target: Target) -> Step:
        checkout = self.checkout
        upstream = f"{checkout.remote}/{target.name}"
        counts = f"{checkout.ahead}/{checkout.behind}"
        if checkout.fork is not None:
            return Refuse(
                state=State.REWRITTEN,
                reason=f"{upstream} was rewritten under your {commits(checkout.own)}",
                command=git_command(self.at, "rebase", "--onto", upstream, short(checkout.fork)),
            )
        return Refuse(
            state=State.DIVERGED,
            reason=f"diverged {counts}: rebase, or `{git_command(self.at, 'merge', upstream)}`",
            command=git_command(self.at, "rebase", *(["--autostash"] if checkout.changes.tracked else []), upstream),
        )

    # -- elsewhere -------------------------------------------------------------------------------------------

    def _is_ours(self, branch: str) -> bool:
        """Whether vendorws put this branch there for what the pin said before (or for a default branch renamed)."""
        placed = self.checkout.placed
        if placed is None or placed.branch != branch:
            return False
        return placed.ref != self.pin.ref or self.pin.ref is None

    def _pin_changed(self, target: Target) -> Step:
        checkout = self.checkout
        reason = f"the pin is now {target_text(target)}"
        if checkout.unpublished and not self.wish.switch:
            blocked = f"{reason}, but {checkout.branch} has {commits(checkout.unpublished)} unpushed"
            return Refuse(state=State.PIN_CHANGED, reason=blocked, command=self._sync("--switch"))
        return self._go(State.PIN_CHANGED, reason, target)

    def _detached(self, head: str, target: Target) -> Step:
        checkout = self.checkout
        if checkout.unpublished:
            return Refuse(
                state=State.DETACHED,
                reason=f"detached, with {commits(checkout.unpublished)} on no branch",
                command=git_command(self.at, "switch", "-c", f"my-work-{head[:7]}"),
            )
        placed = checkout.placed
        tag_stayed = placed is not None and placed.ref == self.pin.ref and placed.commit == head
        if target.kind is TargetKind.TAG and tag_stayed and not self.wish.switch:
            return Refuse(
                state=State.TAG_MOVED,
                reason=f"tag {target.name} moved: {short(head)} -> {short(target.commit)}",
                command=clear_the_way(self.at, checkout) if _has_changes(checkout) else self._sync("--switch"),
            )
        return self._go(State.DETACHED, f"detached at {short(head)}, the pin is {target_text(target)}", target)

    def _go(self, state: State, reason: str, target: Target) -> Step:
        """To the target, unless there are changes that would have to come along."""
        local = self.checkout.local
        if local is not None and local.worktree is not None:
            held = f"{reason}, but {target.name} is checked out in {local.worktree}"
            return Refuse(state=state, reason=held, command=git_command(self.at, "worktree", "list"))
        if _has_changes(self.checkout):
            return Refuse(
                state=state,
                reason=f"{reason}, but there are local changes",
                command=clear_the_way(self.at, self.checkout),
            )
        return Switch(state=state, reason=reason, target=target, command=self._sync())

    def _on_another_branch(self, branch: str, target: Target) -> Step:
        checkout = self.checkout
        reason = f"on {branch}, {_unpushed(checkout)}the pin is {target_text(target)}"
        if self.wish.switch:
            return self._go(State.OTHER_BRANCH, reason, target)
        local = checkout.local
        if local is not None and local.behind and not local.ahead and local.worktree is None:
            return BringForward(
                state=State.OTHER_BRANCH,
                reason=f"{reason}, which is brought forward by {commits(local.behind)}",
                branch=target.name,
                commit=target.commit,
                command=self._sync("--switch"),
            )
        command = None if _has_changes(checkout) else self._sync("--switch")
        return Keep(state=State.OTHER_BRANCH, reason=reason, command=command)


def _unpushed(checkout: Checkout) -> str:
    """What of the developer's branch is nowhere but here, as far as that is known without asking."""
    if checkout.unpushed is None:
        return f"{commits(checkout.ahead)} and no upstream, " if checkout.ahead else ""
    return f"{checkout.unpushed} unpushed, " if checkout.unpushed else ""


def _has_changes(checkout: Checkout) -> bool:
    return bool(checkout.changes.tracked or checkout.in_the_way or checkout.submodules.replaced)


def clear_the_way(at: str, checkout: Checkout) -> str:
    """Put what is in the way into the stash; naming the paths takes ignored files along too. Conflicts come first."""
    if checkout.changes.conflicted:
        return git_command(at, "status")
    if checkout.submodules.replaced:
        return move_aside(f"{at}/{checkout.submodules.replaced[0]}")
    look = [git_command(at, "update-index", flag, "--", *checkout.hidden) for flag in _HIDING if checkout.hidden]
    add = [git_command(at, "add", "--", *checkout.announced)] if checkout.announced else []
    paths = ("--all", "--", *checkout.in_the_way) if checkout.in_the_way else ()
    return " && ".join([*look, *add, git_command(at, "stash", "push", *paths)])


_HIDING = ("--no-assume-unchanged", "--no-skip-worktree")
