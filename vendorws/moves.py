"""Bring in what the remote has, and carry out one step in one checkout.

`ask` and `fetch` move no branch, no index and no file. Each step of `apply` is a git command that refuses by itself
rather than overwrite a file (ignored ones included) or drop a commit, and before each the old positions are noted
under `refs/vendorws/runs/` (see `rescue`).
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from vendorws import rescue
from vendorws.errors import VendorwsError
from vendorws.git_failures import GitFailed
from vendorws.gitcmd import Git
from vendorws.model import (
    BringForward,
    Checkout,
    Clone,
    FastForward,
    Follow,
    Move,
    Pin,
    Placed,
    Retarget,
    Switch,
    Target,
    TargetKind,
    Tips,
    UpdateSubmodules,
)
from vendorws.observation import first_target
from vendorws.targets import kept_at

if sys.version_info >= (3, 11):
    from typing import assert_never
else:
    from typing_extensions import assert_never

# `git checkout` and `git merge` take ignored files for expendable unless they are told not to.
CHECKOUT = ("checkout", "--quiet", "--no-overwrite-ignore")
_FETCH = ("fetch", "--no-write-fetch-head", "--no-recurse-submodules", "--progress")


class NoSuchRef(VendorwsError):
    """The remote has nothing of the name that a pin asks for."""

    def __init__(self, pin: Pin) -> None:
        what = f"no branch, tag or commit {pin.ref}" if pin.ref else "no commit yet"
        super().__init__(f"the remote has {what}", f"Correct what follows the @ in {pin.source}, line {pin.line}.")


@dataclass(frozen=True)
class Work:
    """One pin's checkout in one run: where git runs for it, and the name of the run for the rescue refs."""

    git: Git
    pin: Pin
    run: str

    @property
    def path(self) -> Path:
        """The final place of the checkout."""
        return self.git.vendor / self.pin.name

    @property
    def inside(self) -> Git:
        """git in the checkout, which `observe` has proved to be one."""
        return self.git.inside(self.path)


# -- the remote ------------------------------------------------------------------------------------------------


def ask(work: Work, remote: str) -> Tips:
    """What the pin's ref is on the remote now. One connection, nothing written. Raises GitFailed."""
    ref = work.pin.ref
    patterns = ["HEAD"]
    if ref is not None:
        patterns = [f"refs/heads/{ref}", f"refs/tags/{ref}", f"refs/tags/{ref}^{{}}"]
        patterns += [ref, f"{ref}^{{}}"] if ref.startswith("refs/") else []
    listed = work.inside.call("ls-remote", "--symref", "--", remote, *patterns)
    tips = _parse_tips(listed)
    if ref is None and tips.default_branch is None and tips.refs:
        raise GitFailed("git ls-remote", 0, "fatal: the remote's HEAD is no branch, so its default branch is not known")
    return tips


def _parse_tips(listed: str) -> Tips:
    refs: dict[str, str] = {}
    default = None
    for line in listed.splitlines():
        value, _, name = line.partition("\t")
        if value.startswith("ref: refs/heads/") and name == "HEAD":
            default = value.removeprefix("ref: refs/heads/")
        elif not value.startswith("ref:"):
            refs[name] = value
    if default is not None and "HEAD" in refs:
        refs.setdefault(f"refs/heads/{default}", refs["HEAD"])
    return Tips(refs, default)


def fetch(work: Work, checkout: Checkout, target: Target | None) -> None:
    """Bring in the pin's target as the remote has it now; None: it is no ref there. Raises GitFailed."""
    git, remote = work.inside, str(checkout.remote)
    if target is None:
        _fetch_commit(work, remote)
        return
    here, refspec = _refspec(work, remote, target)
    deepen = ("--unshallow",) if checkout.shallow and target.commit != checkout.head else ()
    if deepen or not here:
        git.call(*_FETCH, *deepen, "--", remote, refspec, progress=True)
    if work.pin.ref is None:
        _follow_default_branch(git, remote, target.name)


def _refspec(work: Work, remote: str, target: Target) -> tuple[bool, str]:
    """Whether the target is here, and the refspec that brings it; a tag of that name is never overwritten."""
    ref, kept = _names(remote, target)
    expected = target.tag_object or target.commit
    found = work.inside.run("rev-parse", "--verify", "--quiet", "--end-of-options", kept)
    if target.kind is TargetKind.TAG and found.code == 0 and found.text.strip() != expected:
        kept = kept_at(ref)
        found = work.inside.run("rev-parse", "--verify", "--quiet", "--end-of-options", kept)
    return found.text.strip() == expected, f"+{ref}:{kept}"


def _names(remote: str, target: Target) -> tuple[str, str]:
    """A target's name on the remote, and here."""
    if target.kind is TargetKind.BRANCH:
        return f"refs/heads/{target.name}", f"refs/remotes/{remote}/{target.name}"
    if target.kind is TargetKind.TAG:
        return f"refs/tags/{target.name}", f"refs/tags/{target.name}"
    return target.name, kept_at(target.name)


def _fetch_commit(work: Work, remote: str) -> None:
    """A pin that is no branch and no tag there may be a commit: in some branch, or to be had by its full name."""
    ref = work.pin.ref or ""
    if not re.fullmatch(r"[0-9a-fA-F]{4,64}", ref):
        return
    work.inside.call(*_FETCH, "--tags", "--", remote, progress=True)
    if len(ref) in (40, 64) and work.inside.run("cat-file", "-e", f"{ref}^{{commit}}").code != 0:
        work.inside.run(*_FETCH, "--", remote, ref, progress=True)


def _follow_default_branch(git: Git, remote: str, branch: str) -> None:
    """Keep `refs/remotes/<remote>/HEAD` at the remote's default branch, which git itself sets only when cloning."""
    head, wanted = f"refs/remotes/{remote}/HEAD", f"refs/remotes/{remote}/{branch}"
    if git.run("symbolic-ref", "--quiet", head).text.strip() != wanted:
        git.call("symbolic-ref", head, wanted)


@contextmanager
def set_aside(work: Work) -> Iterator[Work]:
    """The same work with a throw-away object store: what is fetched in it leaves no trace, for a dry run."""
    import tempfile

    objects = work.inside.call("rev-parse", "--git-path", "objects").strip()
    with tempfile.TemporaryDirectory(prefix="vendorws-") as folder:
        extra = {
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str((work.path / objects).resolve()),
        }
        yield Work(work.git.with_environment(extra), work.pin, work.run)


def fetch_objects(work: Work, remote: str, target: Target) -> None:
    """Bring in the objects of a target and touch no ref; inside `set_aside`. Raises GitFailed."""
    ref, _ = _names(remote, target)
    work.inside.call(*_FETCH, "--refmap=", "--no-tags", "--", remote, ref)


# -- steps -----------------------------------------------------------------------------------------------------


def apply(work: Work, step: Move, checkout: Checkout | None) -> None:
    """Carry out one step; `checkout` is what it was decided on (None for a clone).

    Raises GitFailed where git refuses, OSError where the file system does, Stopped when the run is interrupted.
    """
    match step:
        case Clone():
            clone(work)
        case _ if checkout is None:
            raise AssertionError("only a clone starts from nothing")
        case Retarget(url=url):
            _retarget(work, checkout, url)
        case Switch(target=target):
            _note_move(work, checkout, step)
            _switch(work, checkout, target)
            _remember(work, target, checkout.placed)
        case FastForward(branch=branch, commit=commit):
            _note_move(work, checkout, step)
            work.inside.call(*_MERGE, commit)
            _remember(work, Target(TargetKind.BRANCH, branch, commit), checkout.placed)
        case Follow(branch=branch, commit=commit):
            _note_move(work, checkout, step)
            _follow(work, checkout, branch, commit)
            _remember(work, Target(TargetKind.BRANCH, branch, commit), checkout.placed)
        case BringForward(branch=branch, commit=commit):
            _note_move(work, checkout, step)
            # A fetch from itself moves a branch only forward, and never one that a worktree has checked out.
            work.inside.call("fetch", "--no-write-fetch-head", "--no-tags", ".", f"{commit}:refs/heads/{branch}")
        case UpdateSubmodules():
            _update_submodules(work, step)
        case _:
            assert_never(step)


_MERGE = ("merge", "--ff-only", "--no-overwrite-ignore", "--no-autostash", "--no-stat", "--quiet")


def adopt(work: Work, checkout: Checkout) -> None:
    """Remember a checkout that somebody else made and that is at its pin, as if vendorws had put it there."""
    placed, target = checkout.placed, checkout.target
    if target is None or (placed is not None and placed.ref == work.pin.ref and placed.url == work.pin.url):
        return
    _remember(work, target, placed)


def _retarget(work: Work, checkout: Checkout, url: str) -> None:
    verb = ("set-url",) if checkout.url is not None else ("add",)
    work.inside.call("remote", *verb, "--", "origin", url)
    work.inside.call("config", "vendorws.url", url)


def _switch(work: Work, checkout: Checkout, target: Target) -> None:
    git = work.inside
    if target.kind is not TargetKind.BRANCH:
        git.call(*CHECKOUT, "--detach", target.commit, "--")
        if target.kind is TargetKind.TAG and target.tag_object not in (None, checkout.local_tag):
            git.call("update-ref", "--", f"refs/tags/{target.name}", str(target.tag_object))
    elif checkout.local is not None:
        git.call(*CHECKOUT, target.name, "--")
    else:
        tracking = f"refs/remotes/{checkout.remote}/{target.name}"
        git.call(*CHECKOUT, "-b", target.name, "--track", tracking, "--")


def _follow(work: Work, checkout: Checkout, branch: str, commit: str) -> None:
    """Go to the new commit first, then move the branch if it is still where it was, then back onto the branch."""
    git, ref = work.inside, f"refs/heads/{branch}"
    git.call(*CHECKOUT, "--detach", commit, "--")
    git.call("update-ref", "--", ref, commit, str(checkout.head))
    git.call("symbolic-ref", "HEAD", ref)


def _update_submodules(work: Work, step: UpdateSubmodules) -> None:
    for submodule in step.submodules.behind:
        git = work.inside.inside(work.path / submodule.path)
        if git.run("cat-file", "-e", f"{submodule.recorded}^{{commit}}").code != 0:
            git.call(*_FETCH, "--tags", progress=True)
        git.call(*CHECKOUT, "--detach", submodule.recorded, "--")
        git.call("submodule", "update", "--init", "--recursive")
    if step.submodules.missing:
        _clone_submodules(work.inside, *step.submodules.missing)


def _clone_submodules(git: Git, *paths: str) -> None:
    git.call("submodule", "update", "--init", "--recursive", "--progress", "--", *paths, progress=True)


def _remember(work: Work, target: Target, before: Placed | None) -> None:
    """Note in the checkout's own config what was put there, as far as it is news."""
    branch = target.name if target.kind is TargetKind.BRANCH else None
    now = Placed(ref=work.pin.ref, url=work.pin.url, branch=branch, commit=target.commit)
    if before is None or before.ref != now.ref:
        work.inside.call("config", "vendorws.pin", now.ref or "")
    if before is None or before.url != now.url:
        work.inside.call("config", "vendorws.url", now.url)
    if before is None or (before.branch, before.commit) != (now.branch, now.commit):
        work.inside.call("config", "vendorws.placed", f"{now.commit} {now.branch or ''}".strip())


# -- clone -----------------------------------------------------------------------------------------------------


def partial_prefix(name: str) -> str:
    """How the folder of an unfinished clone of `name` begins; nothing else in vendor/ is named so."""
    return f".{name}.partial-"


def clone(work: Work) -> None:
    """Clone beside, check out the pin as pip would, and move into place; nothing half-done is ever at the place."""
    pin = work.pin
    partial = work.git.vendor / f"{partial_prefix(pin.name)}{work.run}"
    memory = ("-c", f"vendorws.url={pin.url}", "-c", f"vendorws.pin={pin.ref or ''}")
    try:
        arguments = ("--no-checkout", "--origin", "origin", "--progress", *memory, "--", pin.url, str(partial))
        work.git.call("clone", *arguments, progress=True)
        _check_out_first(Work(work.git, _at(pin, partial.name), work.run))
        os.rename(partial, work.path)  # noqa: PTH104  (takes the place of an empty folder, and of nothing else)
    finally:
        if partial.exists():
            remove_partial(partial)


def _at(pin: Pin, name: str) -> Pin:
    """The same pin as if its checkout were called `name`."""
    from dataclasses import replace

    return replace(pin, name=name)


def _check_out_first(work: Work) -> None:
    target = first_target(work.git, work.pin)
    if target is None:
        _fetch_unusual(work)
        target = first_target(work.git, work.pin)
    if target is None:
        raise NoSuchRef(work.pin)
    git = work.inside
    if target.kind is TargetKind.BRANCH:
        tracking = f"refs/remotes/origin/{target.name}"
        git.call("checkout", "--quiet", "-B", target.name, "--track", tracking, "--")
    else:
        git.call("checkout", "--quiet", "--detach", target.commit, "--")
    if (work.path / ".gitmodules").is_file():
        git.call("submodule", "update", "--init", "--recursive", "--progress", progress=True)
    branch = target.name if target.kind is TargetKind.BRANCH else ""
    git.call("config", "vendorws.placed", f"{target.commit} {branch}".strip())


def _fetch_unusual(work: Work) -> None:
    """A pin that a clone does not bring: a ref spelt in full, or a commit that no branch has."""
    ref = work.pin.ref or ""
    if ref.startswith("refs/"):
        work.inside.run(*_FETCH, "--", "origin", f"+{ref}:{kept_at(ref)}", progress=True)
    elif re.fullmatch(r"[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", ref):
        work.inside.run(*_FETCH, "--", "origin", ref, progress=True)


def remove_partial(partial: Path) -> None:
    """Remove an unfinished clone of ours, though a git that outlived its parent may still write into it."""
    for _ in range(3):
        shutil.rmtree(partial, ignore_errors=True)
        if not partial.exists():
            return


# -- rescue ----------------------------------------------------------------------------------------------------


def note(work: Work, was: rescue.Position, now: rescue.Position) -> None:
    """Note both ends of a move before it is made, and let go of old runs; one transaction."""
    git = work.inside
    there = git.call("for-each-ref", "--format=%(refname)", rescue.RUNS).splitlines()
    old = rescue.expired(there, datetime.now(timezone.utc))
    git.call("update-ref", "--stdin", stdin=rescue.forget(old) + rescue.note(work.run, was, now, set(there)))


def _note_move(work: Work, checkout: Checkout, move: rescue.Moving) -> None:
    ends = rescue.ends(checkout, move)
    if ends is not None:
        note(work, *ends)
