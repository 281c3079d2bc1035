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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path, PurePath, PurePosixPath

from vendorws.checkouts import halfway, rescue
from vendorws.checkouts.cache import Cache, Loan, take_over
from vendorws.checkouts.git_config import append_config
from vendorws.checkouts.observation import first_target, gone_text, has_all_of, observe_submodules
from vendorws.checkouts.repository import forsaken_module, submodule_names
from vendorws.checkouts.submodules import RECORDED, RECORDED_IF_ANY, find_work
from vendorws.checkouts.targets import PINNED, kept_at
from vendorws.errors import ExitCode, VendorwsError
from vendorws.git_client.command import Git
from vendorws.git_client.failures import CommitNotPushed, GitFailed
from vendorws.git_client.urls import ssh_destination
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
    Submodules,
    Switch,
    TakeBack,
    Target,
    TargetKind,
    Tips,
    UpdateSubmodules,
)
from vendorws.values import dataclass

if sys.version_info >= (3, 11):
    from typing import assert_never
else:
    from typing_extensions import assert_never

# `git checkout` and `git merge` take ignored files for expendable unless they are told not to.
CHECKOUT = ("checkout", "--quiet", "--no-overwrite-ignore")
# Only what is named is fetched, whatever `remote.*.fetch` and `fetch.*` say: nothing local is moved or removed by it.
_FETCH = (
    *("fetch", "--no-write-fetch-head", "--no-recurse-submodules", "--no-prune", "--no-prune-tags"),
    "--refmap=",
)


class NoSuchRef(VendorwsError):
    """The remote has nothing of the name that a pin asks for."""

    def __init__(self, pin: Pin) -> None:
        if pin.ref is None:
            what, hint = "no default branch", "Name a branch, behind an @,"
        else:
            what, hint = f"no branch, tag or commit {pin.ref}", "Correct what follows the @"
        super().__init__(f"the remote has {what}", f"{hint} in {pin.source}, line {pin.line}.")


@dataclass(frozen=True)
class Work:
    """One pin's checkout in one run: where git runs for it, and the name of the run for the rescue refs.

    A clone borrows from `cache`, if there is one; `filter` is what it leaves on the remote until it is needed
    (git-rev-list(1), --filter).
    """

    git: Git
    pin: Pin
    run: str
    cache: Cache | None = None
    filter: str | None = None

    @cached_property
    def path(self) -> Path:
        """The final place of the checkout."""
        return self.git.vendor / self.pin.name

    @cached_property
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
    listed = work.inside.call("ls-remote", "--symref", "--", remote, *patterns, progress=True)
    tips = _parse_tips(listed)
    if ref is None and tips.default_branch is None and tips.refs:  # its HEAD is detached
        raise NoSuchRef(work.pin)
    return tips


def _parse_tips(listed: str) -> Tips:
    refs: dict[str, str] = {}
    default = None
    for line in filter(None, listed.split("\n")):
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
        if _COMMIT.fullmatch(work.pin.ref or ""):
            _fetch_commit(git, remote, str(work.pin.ref), *(("--unshallow",) if checkout.shallow else ()))
        return
    ref, kept = _names(git, remote, target)
    here = _held(git, kept) == (target.tag_object or target.commit)
    deepen = ("--unshallow",) if checkout.shallow and target.commit != checkout.head else ()
    if deepen or not here:
        _make_room(work, kept)
        fetched = git.run(*_FETCH, *git.counting, *deepen, "--", remote, f"+{ref}:{kept}", progress=True)
        if fetched.code != 0 and _held(git, kept) != (target.tag_object or target.commit):
            raise git.failed(("fetch",), fetched)
    if work.pin.ref is None:
        _follow_default_branch(git, remote, target.name)


def note_gone(work: Work, checkout: Checkout) -> None:
    """Remember whether the remote had what the pin names when it was asked, so that it can be told offline.

    Where that cannot be noted, nothing is lost: the next run asks again.
    """
    if not checkout.gone:
        work.inside.run("config", "--unset-all", "vendorws.gone")
    elif work.pin.ref is not None:
        work.inside.run("config", "--replace-all", "vendorws.gone", gone_text(work.pin.ref, checkout.last_known))


def _names(git: Git, remote: str, target: Target) -> tuple[str, str]:
    """A target's name on the remote, and here. A tag is never overwritten here: one that moved is kept aside."""
    if target.kind is TargetKind.BRANCH:
        return f"refs/heads/{target.name}", f"refs/remotes/{remote}/{target.name}"
    if target.kind is TargetKind.TAG:
        tag = f"refs/tags/{target.name}"
        moved = _held(git, tag) not in (None, target.tag_object) or _held(git, kept_at(tag)) is not None
        return tag, kept_at(tag) if moved else tag
    return target.name, kept_at(target.name)


def _held(git: Git, ref: str) -> str | None:
    """What a ref holds here."""
    found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", ref)
    return found.text.strip() if found.code == 0 else None


def _make_room(work: Work, ref: str) -> None:
    """Let go of refs that were fetched once and cannot be beside `ref`: `a` where it is `a/b`, `a/b` where it is `a`.

    The remote has them no more. What they held stays as a rescue ref.
    """
    above = [str(folder) for folder in PurePosixPath(ref).parents if len(folder.parts) > 2]
    listed = work.inside.call("for-each-ref", "--format=%(refname) %(objectname)", *above, f"{ref}/")
    in_the_way = (*(f"{name} " for name in above), f"{ref}/")
    stale = [line.split(" ") for line in listed.split("\n") if line.startswith(in_the_way)]
    lines = "".join(f"update {rescue.was(work.run, name)} {held}\ndelete {name} {held}\n" for name, held in stale)
    if lines:
        work.inside.call("update-ref", "--stdin", stdin=lines)


_COMMIT = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_FULL_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
# Some refs could not be stored. That takes nothing from the others, and it would be so again next time.
_REFS_IN_THE_WAY = re.compile(r"would clobber existing tag|cannot lock ref")


def _fetch_commit(git: Git, remote: str, commit: str, *options: str) -> None:
    """A commit: in some branch, under some tag, or to be had by its full name, where the server gives it so."""
    branches = f"+refs/heads/*:refs/remotes/{remote}/*"
    fetched = git.run(*_FETCH, *git.counting, *options, "--tags", "--", remote, branches, progress=True)
    if fetched.code != 0 and not _REFS_IN_THE_WAY.search(fetched.stderr):
        raise git.failed(("fetch",), fetched)
    if not has_all_of(git, commit):
        _fetch_full_commit(git, remote, commit)


def _fetch_full_commit(git: Git, remote: str, commit: str) -> None:
    if _FULL_COMMIT.fullmatch(commit):
        _fetch_if_there(git, remote, commit)


def _fetch_if_there(git: Git, remote: str, refspec: str) -> None:
    """Fetch what the remote may not have; only that it could not be asked or kept is a failure. Raises GitFailed."""
    fetched = git.run(*_FETCH, *git.counting, "--", remote, refspec, progress=True)
    failed = git.failed(("fetch",), fetched)
    if fetched.code != 0 and failed.code_of_exit is not ExitCode.ATTENTION:
        raise failed


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


def fetch_objects(work: Work, remote: str, target: Target | None) -> None:
    """As `fetch`, but the objects alone: no ref is touched. For the inside of `set_aside`. Raises GitFailed."""
    git = work.inside
    if target is not None:
        refs = [_names(git, remote, target)[0]]
    elif _COMMIT.fullmatch(work.pin.ref or ""):
        listed = git.call("ls-remote", "--refs", "--heads", "--tags", "--", remote, progress=True)
        refs = [line.partition("\t")[2] for line in listed.split("\n") if line]
    else:
        return
    if refs:
        lines = "".join(f"{ref}\n" for ref in refs)
        git.call(*_FETCH, *git.counting, "--no-tags", "--stdin", "--", remote, stdin=lines, progress=True)
    _fetch_full_commit(git, remote, work.pin.ref or "")


# -- steps -----------------------------------------------------------------------------------------------------


def apply(work: Work, step: Move, checkout: Checkout | None) -> None:
    """Carry out one step; `checkout` is what it was decided on (None for a clone).

    Raises GitFailed where git refuses, OSError where the file system does, Stopped when the run is interrupted.
    """
    if isinstance(step, Clone):
        clone(work)
        return
    assert checkout is not None, "only a clone starts from nothing"
    if isinstance(step, TakeBack):
        halfway.take_back(work.inside, work.path)
    elif isinstance(step, Switch | FastForward | Follow | BringForward):
        _move(work, step, checkout)
    else:
        with halfway.all_or_nothing(work.inside, work.path, None):
            _change(work, step, checkout)


def _change(work: Work, step: Retarget | UpdateSubmodules, checkout: Checkout) -> None:
    match step:
        case Retarget(url=url, keeps_old=keeps_old):
            _retarget(work, checkout.url, url, keeps_old=keeps_old)
        case UpdateSubmodules(submodules=submodules):
            _update_submodules(work.inside, work.path, submodules)
        case _:
            assert_never(step)


def _move(work: Work, step: rescue.Moving, checkout: Checkout) -> None:
    """Note where things are, then move them: all of it or nothing."""
    positions = rescue.ends(checkout, step)
    if isinstance(step, FastForward | Follow):
        head = work.inside.run("symbolic-ref", "--quiet", "HEAD").text.strip()
        if head != f"refs/heads/{step.branch}":
            raise MovedMeanwhile
    with halfway.all_or_nothing(work.inside, work.path, _ends(step, positions)):
        if positions is not None:
            note(work, *positions)
        _run_git(work, step, checkout)
        _remember(work, step, checkout.placed)


def _ends(step: rescue.Moving, positions: tuple[rescue.Position, rescue.Position] | None) -> halfway.Ends | None:
    """The files that a step moves, as far as it moves any."""
    if positions is not None:
        was, now = positions
        return halfway.Ends(was.head, now.head, now.branch)
    return halfway.Ends(None, step.target.commit, None) if isinstance(step, Switch) else None


def _run_git(work: Work, step: rescue.Moving, checkout: Checkout) -> None:
    match step:
        case Switch(target=target):
            _switch(work, checkout, target)
        case FastForward(commit=commit):
            work.inside.call(*_MERGE, commit)
        case Follow(branch=branch, commit=commit):
            relocate(work, commit, {f"refs/heads/{branch}": (commit, str(checkout.head))}, branch)
        case BringForward(branch=branch, commit=commit):
            # A fetch from itself moves a branch only forward, and never one that a worktree has checked out.
            work.inside.call("fetch", "--no-write-fetch-head", "--no-tags", ".", f"{commit}:refs/heads/{branch}")
        case _:
            assert_never(step)


# Whatever `branch.*.mergeOptions` says: a fast-forward of the branch, and nothing that is staged instead.
_MERGE = (
    *("merge", "--ff-only", "--no-squash", "--commit", "--no-overwrite-ignore", "--no-autostash"),
    *("--no-stat", "--quiet"),
)


def adopt(work: Work, checkout: Checkout) -> None:
    """Remember a checkout that somebody else made and that is at its pin, as if vendorws had put it there."""
    placed, target = checkout.placed, checkout.target
    if target is None or (placed is not None and placed.ref == work.pin.ref and placed.url == work.pin.url):
        return
    elsewhere = ("--remotes", "--tags", f"--glob={PINNED}*")
    if work.inside.run("rev-list", "--count", target.commit, "--not", *elsewhere, "--").text.strip() != "0":
        return  # a commit of the developer's own that is nowhere else: it must not count as put there by us
    ours = placed.branch if placed is not None and placed.branch == checkout.branch else None
    with halfway.all_or_nothing(work.inside, work.path, None):
        _note_placed(work, target.commit, target.name if target.kind is TargetKind.BRANCH else ours, placed)


def _retarget(work: Work, old: str | None, url: str, *, keeps_old: bool) -> None:
    work.inside.call("ls-remote", "--", url, "HEAD", progress=True)  # a URL with a typo must not replace one that works
    if keeps_old and old is not None:
        _keep_url(work.inside, old)
    work.inside.call("remote", "set-url" if old is not None else "add", "--", "origin", url)
    work.inside.call("config", "vendorws.url", url)


def _keep_url(git: Git, url: str) -> None:
    """Give a URL of the developer's a remote of its own: it may be a fork, which nothing else names."""
    names = set(git.call("remote").split("\n"))
    numbered = ("previous-origin", *(f"previous-origin-{number}" for number in range(2, len(names) + 3)))
    git.call("remote", "add", "--", next(name for name in numbered if name not in names), url)


def _switch(work: Work, checkout: Checkout, target: Target) -> None:
    git = work.inside
    if target.kind is not TargetKind.BRANCH:
        git.call(*CHECKOUT, "--detach", target.commit, "--")
        is_news = target.kind is TargetKind.TAG and target.tag_object not in (None, checkout.local_tag)
        if is_news and not checkout.lone_tag:
            git.call("update-ref", "--", f"refs/tags/{target.name}", str(target.tag_object))
    elif checkout.local is not None:
        git.call(*CHECKOUT, target.name, "--")
    else:
        tracking = f"refs/remotes/{checkout.remote}/{target.name}"
        git.call(*CHECKOUT, "-b", target.name, "--track", tracking, "--")


def relocate(work: Work, commit: str, refs: Mapping[str, tuple[str, str]], branch: str | None) -> None:
    """Go to a commit first, then move the refs that are still where they were, then onto the branch.

    `refs` maps full names to what they shall hold and what they hold. Raises GitFailed, MovedMeanwhile.
    """
    git = work.inside
    git.call(*CHECKOUT, "--detach", commit, "--")
    git.call("update-ref", "--stdin", stdin="".join(f"update {ref} {new} {old}\n" for ref, (new, old) in refs.items()))
    if git.call("rev-parse", "HEAD").strip() != commit:
        raise MovedMeanwhile
    if branch is not None:
        git.call("symbolic-ref", "HEAD", f"refs/heads/{branch}")


class MovedMeanwhile(VendorwsError):
    """The developer committed or switched between two steps of ours; a commit stays where it is, maybe on no branch."""

    def __init__(self) -> None:
        super().__init__("you worked there at this very moment", "Run the command again: it says what to type.")


def _update_submodules(git: Git, place: Path, submodules: Submodules) -> None:
    """Bring the submodules of the checkout `place` to their recorded commits, and theirs; `git` runs in `place`."""
    for submodule in submodules.behind:
        inner = place / submodule.path
        inside = git.inside(inner)
        _move_submodule(inside, inner, submodule.recorded)
        _update_submodules(inside, inner, observe_submodules(inside, inner))
    for path in submodules.missing:
        halfway.discard_unfinished(git, place, path)
        _keep_commits(git, place, path)
    if submodules.missing:
        _clone_submodules(git, *submodules.missing)


def _keep_commits(git: Git, place: Path, path: str) -> None:
    """Give a branch to the commits that only HEAD holds in the repository of a submodule that was taken away.

    git takes such a repository up again, and moves its HEAD to the recorded commit.
    """
    name = submodule_names(place).get(path)
    module = forsaken_module(place, name) if name is not None else None
    if module is None:
        return
    inside = git.with_environment({"GIT_DIR": str(module)})
    head = inside.run("rev-parse", "--verify", "--quiet", "HEAD").text.strip()
    own = inside.run("rev-list", "--count", "HEAD", "--not", "--branches", "--remotes", "--tags", RECORDED_IF_ANY, "--")
    if head and own.text.strip() != "0":
        inside.call("branch", "--no-track", f"before-{head[:10]}", head)


def _clone_submodules(git: Git, *paths: str) -> None:
    """Clone these submodules, or all without any, and theirs; what was recorded is not the developer's own work.

    The others are left alone: their HEAD may be at a commit that only the developer has.
    """
    git.call("submodule", "update", "--init", "--recursive", *git.counting, "--", *paths, progress=True)
    cloned = [git.inside(git.cwd / path) for path in paths]
    for inside in cloned:
        inside.call("update-ref", RECORDED, "HEAD")
    for around in cloned or [git]:
        around.call("submodule", "--quiet", "foreach", "--recursive", f"git update-ref {RECORDED} HEAD")


def _move_submodule(git: Git, place: Path, commit: str) -> None:
    halfway.take_back(git, place)
    if not has_all_of(git, commit):
        url = git.call("ls-remote", "--get-url", "origin").strip()  # its server may be another
        _fetch_commit(replace(git, destination=ssh_destination(url)), "origin", commit)
        if not has_all_of(git, commit):
            raise CommitNotPushed(PurePath(*place.relative_to(git.vendor).parts[1:]), commit)
    if find_work(git, place, commit, path=place.name) is not None:
        return  # it came while the fetch took its time, or could not be told before: the next look says so
    start = git.call("rev-parse", "HEAD").strip()
    with halfway.all_or_nothing(git, place, halfway.Ends(start, commit, None)):
        git.call(*CHECKOUT, "--detach", commit, "--")
        git.call("update-ref", "--", RECORDED, commit)


def _remember(work: Work, step: rescue.Moving, before: Placed | None) -> None:
    """Note what a step put there; the branch that is brought forward behind the scenes was put there before."""
    if isinstance(step, Switch):
        target = step.target
        _note_placed(work, target.commit, target.name if target.kind is TargetKind.BRANCH else None, before)
    elif not isinstance(step, BringForward):
        _note_placed(work, step.commit, step.branch, before)


def _note_placed(work: Work, commit: str, branch: str | None, before: Placed | None) -> None:
    """Note in the checkout's own config what was put there, as far as it is news.

    The pin comes last: whoever finds it takes all of it for noted, and a run may die in between.
    """
    now = Placed(ref=work.pin.ref, url=work.pin.url, branch=branch, commit=commit)
    if before is None or (before.branch, before.commit) != (now.branch, now.commit):
        work.inside.call("config", "vendorws.placed", f"{now.commit} {now.branch or ''}".strip())
    if before is None or before.url != now.url:
        work.inside.call("config", "vendorws.url", now.url)
    if before is None or before.ref != now.ref:
        work.inside.call("config", "vendorws.pin", now.ref or "")


# -- clone -----------------------------------------------------------------------------------------------------


def partial_prefix(name: str) -> str:
    """How the folder of an unfinished clone of `name` begins; nothing else in vendor/ is named so."""
    return f".{name}.partial-"


def clone(work: Work) -> None:
    """Clone beside, check out the pin as pip would, and move into place; nothing half-done is ever at the place."""
    pin = work.pin
    partial = work.git.vendor / f"{partial_prefix(pin.name)}{work.run}"
    try:
        _clone_aside(work, partial)
        _finish_clone(Work(work.git, _at(pin, partial.name), work.run))
        os.rename(partial, work.path)  # noqa: PTH104  (takes the place of an empty folder, and of nothing else)
    finally:
        if partial.exists():
            remove_partial(partial)


def _at(pin: Pin, name: str) -> Pin:
    """The same pin as if its checkout were called `name`."""
    return replace(pin, name=name)


def _clone_aside(work: Work, partial: Path) -> None:
    """Clone, by way of the mirror on this machine where there is one; a mirror that is broken is done without."""
    cache, url = work.cache, work.pin.url
    if cache is None or work.filter:
        _run_clone(work, partial)
        return
    with cache.lent(url) as mirror:
        loan = _borrow(work, partial, mirror) if mirror else Loan.NONE
    if loan is Loan.BROKEN:
        cache.drop(url)
    if loan in (Loan.NONE, Loan.BROKEN):
        _run_clone(work, partial)
    if loan is not Loan.ENOUGH:
        cache.keep(work.git, url, partial)


def _borrow(work: Work, partial: Path, mirror: Path) -> Loan:
    """Clone with what the mirror has. Raises GitFailed where it is the fault of the remote or of a full disk."""
    try:
        words = _run_clone(work, partial, "--reference", str(mirror))
    except GitFailed as error:
        if error.code_of_exit is not ExitCode.ATTENTION and str(mirror) not in error.git_says:
            raise
        return Loan.BROKEN
    if str(mirror) in words:  # git does without an object file that it cannot read, and complains
        remove_partial(partial)
        return Loan.BROKEN
    return take_over(mirror, partial / ".git")


def _run_clone(work: Work, partial: Path, *options: str) -> str:
    """Clone, and check out a branch or a tag at once; what else a pin may name cannot be told before.

    Returns what git said meanwhile.
    """
    pin, ref = work.pin, work.pin.ref or ""
    memory = ("-c", f"vendorws.url={pin.url}", "-c", f"vendorws.pin={ref}")
    branch = (f"--branch={ref}",) if ref else ()
    how = ("--no-checkout",) if ref.startswith("refs/") or _COMMIT.fullmatch(ref) else branch
    less = (f"--filter={work.filter}",) if work.filter else ()
    arguments = (*how, *less, *options, *memory, "--", pin.url, str(partial))
    cloned = work.git.run("clone", *work.git.counting, *arguments, progress=True)
    if cloned.code != 0 and f"Remote branch {ref} not found" in cloned.stderr:
        raise NoSuchRef(pin)
    if cloned.code != 0:
        raise work.git.failed(("clone", pin.url), cloned)
    return cloned.stderr


def _finish_clone(work: Work) -> None:
    """Check out what a clone could not, and the submodules; note what was put there."""
    target = first_target(work.git, work.pin)
    if target is None:
        _fetch_unusual(work)
        target = first_target(work.git, work.pin)
    if target is None:
        raise NoSuchRef(work.pin)
    _check_out_first(work.inside, target)
    if (work.path / ".gitmodules").is_file():
        _clone_submodules(work.inside)
    branch = target.name if target.kind is TargetKind.BRANCH else ""
    append_config(work.path / ".git" / "config", "vendorws", "placed", f"{target.commit} {branch}".strip())


def _check_out_first(git: Git, target: Target) -> None:
    if (git.cwd / ".git" / "index").exists():
        return
    if target.kind is TargetKind.BRANCH:
        git.call("checkout", "--quiet", "-B", target.name, "--track", f"refs/remotes/origin/{target.name}", "--")
    else:
        git.call("checkout", "--quiet", "--detach", target.commit, "--")


def _fetch_unusual(work: Work) -> None:
    """A pin that a clone does not bring: a ref spelt in full, or a commit that no branch has."""
    ref = work.pin.ref or ""
    if ref.startswith("refs/"):
        _fetch_if_there(work.inside, "origin", f"+{ref}:{kept_at(ref)}")
    else:
        _fetch_full_commit(work.inside, "origin", ref)


def remove_partial(partial: Path) -> None:
    """Remove an unfinished clone of ours, though a git that outlived its parent may still write into it."""
    for _ in range(3):
        shutil.rmtree(partial, ignore_errors=True)
        if not partial.exists():
            return


# -- rescue ----------------------------------------------------------------------------------------------------


def note(work: Work, was: rescue.Position, now: rescue.Position) -> None:
    """Note both ends of a move before it is made, and let go of old runs; one transaction.

    Raises GitFailed, and has noted nothing, where HEAD is not at `was` any more.
    """
    git = work.inside
    there = git.call("for-each-ref", "--format=%(refname)", rescue.RUNS).split()
    old = rescue.expired(there, datetime.now(timezone.utc))
    lines = f"verify HEAD {was.head}\n{rescue.forget(old)}{rescue.note(work.run, was, now, set(there))}"
    git.call("update-ref", "--stdin", stdin=lines)
