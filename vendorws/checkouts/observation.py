"""Look at one checkout: everything a decision needs, in one pass that changes nothing.

One `git status` tells most of it; git's own files tell the rest (see `repository`), and only where history must be
compared do further processes run. git is started nowhere but in a folder that was proved to be the top level of a
repository of its own.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vendorws.checkouts.halfway import is_halfway
from vendorws.checkouts.obstacles import Obstacles, find_obstacles
from vendorws.checkouts.repository import (
    Config,
    GitDirectory,
    ListedRefs,
    Refs,
    count_stashes,
    find_git_directory,
    is_on_branch,
    is_shallow,
    logged_commits,
    operation_in_progress,
    read_config,
    repositories_above,
    submodule_paths,
    worktree_of,
    worktree_on,
)
from vendorws.checkouts.submodules import SubmoduleStatus, find_submodules
from vendorws.checkouts.targets import PINNED, Asked, Fetched, Known, find_target
from vendorws.errors import VendorwsError
from vendorws.git_client.command import Git
from vendorws.git_client.processes import NO_PROCESSES, Command, Finished
from vendorws.git_client.urls import same_repository
from vendorws.model import (
    Broken,
    Changes,
    Checkout,
    EmptyFolder,
    Finding,
    LocalBranch,
    Missing,
    Occupied,
    OwnWork,
    Pin,
    Submodules,
    Symlink,
    Target,
    TargetKind,
    Tips,
)
from vendorws.values import dataclass

_HEX = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)


def observe(runner: Git, pin: Pin, tips: Tips | None = None, above: Mapping[str, Path] | None = None) -> Finding:
    """What is at the pin's place now. `tips` is what its remote answered, if it was asked; `above` as in `begin`.

    Raises GitFailed, Unreadable.
    """
    begun = begin(runner, pin, above)
    return begun.finish(begun.git.processes.run(begun.status()), tips) if isinstance(begun, Begun) else begun


class Unreadable(VendorwsError):
    """A checkout that this user may not read."""

    def __init__(self, path: Path, error: OSError) -> None:
        look = shlex.join(["ls", "-ld", str(error.filename or path)])
        super().__init__(f"this user may not read it: {error.strerror}", f"See whose it is: {look}")


def begin(runner: Git, pin: Pin, above: Mapping[str, Path] | None = None) -> Begun | Finding:
    """What is at the pin's place as far as files tell; for a checkout git must be heard, too.

    `above` are the `repositories_above` the folder of the checkouts, where that was looked up already.
    """
    path = runner.vendor / pin.name
    try:
        ground = _ground(runner, path, above)
    except PermissionError as error:
        raise Unreadable(path, error) from error
    except OSError as error:
        return Broken(error.strerror or str(error))
    if not isinstance(ground, _Ground):
        return ground
    return Begun(runner.inside(path, _LOOK_ONLY), pin, path, ground)


@dataclass(frozen=True)
class Begun:
    """A look that has begun: a folder that is proved to be a checkout, in which `git` only looks."""

    git: Git
    pin: Pin
    path: Path
    ground: _Ground

    def status(self) -> Command:
        """What git has to say before the look can end."""
        return self.git.command(*_STATUS)

    def finish(self, status: Finished, tips: Tips | None = None, *, waiting: bool = True) -> Finding:
        """What is there, now that git has spoken. Raises GitFailed, and WouldWait where `waiting` is False.

        Where a checkout is at its target, git need not be asked anything else.
        """
        git = self.git if waiting else replace(self.git, processes=NO_PROCESSES, trace=None)
        status = _tolerant(git, self.path, git.in_time(status))
        if status.code != 0:
            if "not a git repository" in status.stderr:
                return Broken("git does not take it for a repository")
            raise git.failed(("status",), status)
        refs = _refs(git, self.ground.directory, self.ground.config)
        said = _parse_status(status.text)
        if said.branch is None and is_on_branch(self.ground.directory, "(detached)"):  # a name that it cannot tell
            said = replace(said, branch="(detached)")
        return _Look(git, self.pin, self.path, self.ground.directory, self.ground.config, refs, said).checkout(tips)


def towards(runner: Git, pin: Pin, checkout: Checkout, commit: str) -> Checkout:
    """The same checkout with what is in the way of a move to `commit`, instead of to the pin. Raises GitFailed."""
    path = runner.vendor / pin.name
    git = runner.inside(path, _LOOK_ONLY)
    changed = _parse_status(_run_status(git, path).text).paths
    found = find_obstacles(git, path, str(checkout.head), commit, changed)
    submodules = replace(checkout.submodules, replaced=found.submodules)
    return replace(checkout, in_the_way=found.paths, hidden=found.hidden, submodules=submodules)


def own_work(runner: Git, path: Path) -> OwnWork | None:
    """What of the developer's is in the checkout `path`; None where git cannot tell. Raises GitFailed, OSError."""
    ground = _ground(runner, path)
    if not isinstance(ground, _Ground):
        return None
    git = runner.inside(path, _LOOK_ONLY)
    said = _run_status(git, path)
    if said.code != 0:
        return None
    status = _parse_status(said.text)
    tips = ("--branches", *(["HEAD"] if status.head else []))
    unpushed = git.call("rev-list", "--count", *tips, "--not", "--remotes", "--tags", "--")
    return OwnWork(status.changes, count_stashes(ground.directory), int(unpushed))


def _run_status(git: Git, path: Path) -> Finished:
    return _tolerant(git, path, git.run(*_STATUS))


def _tolerant(git: Git, path: Path, status: Finished) -> Finished:
    """The status without the submodules, where one that is broken keeps git from telling the rest."""
    if status.code != 0 and find_submodules(git, path, ()) != Submodules():
        return git.run(*_STATUS, "--ignore-submodules=all")
    return status


def observe_submodules(git: Git, place: Path) -> Submodules:
    """The submodules of a submodule, in which `git` runs. Raises GitFailed."""
    status = _parse_status(git.with_environment(_LOOK_ONLY).call(*_STATUS))
    return find_submodules(git, place, status.submodules)


# No index is refreshed on the way, and a partial clone does not fetch what it lacks.
_LOOK_ONLY = {"GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}


def _refs(git: Git, directory: GitDirectory, config: Config) -> Refs | ListedRefs:
    if config.ref_storage == "files":
        return Refs(directory)
    return ListedRefs(git.call("for-each-ref", f"--format={ListedRefs.FORMAT}"))


_STATUS = (
    "status",
    "--porcelain=v2",
    "--branch",
    "--no-renames",
    "--untracked-files=normal",
    "--ignore-submodules=none",
    "-z",
)


def first_target(git: Git, pin: Pin) -> Target | None:
    """Where the pin points in a fresh clone, whose folder is the pin's place. Raises GitFailed."""
    path = git.vendor / pin.name
    directory, inside = find_git_directory(path), git.inside(path)
    assert isinstance(directory, GitDirectory)
    refs = _refs(inside, directory, read_config(directory))
    return find_target(pin, Fetched(refs, "origin", inside)) or commit_target(inside, pin, None)


def commit_target(git: Git, pin: Pin, head: str | None) -> Target | None:
    """The pin as a commit that is here; a branch that happens to be called like one does not count."""
    ref = pin.ref or ""
    if not _HEX.fullmatch(ref):
        return None
    if head == ref:
        return Target(TargetKind.COMMIT, ref, ref)
    found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    commit = found.text.split()[-1] if found.code == 0 else ""
    if not commit.startswith(ref.lower()) or not (commit == head or has_all_of(git, commit)):
        return None
    return Target(TargetKind.COMMIT, ref, commit)


def has_all_of(git: Git, commit: str) -> bool:
    """Whether a commit is here with its history and its files: a fetch that was killed may have stored it alone.

    Behind a ref there is always all of it. git itself checks so before it moves one (git-fetch, `connected.c`).
    """
    reach = ("--objects", "--exclude-promisor-objects", "--quiet")
    return git.run("rev-list", *reach, commit, "--not", "--all", "--").code == 0


def gone_text(ref: str, last_known: str | None) -> str:
    """How a checkout remembers that its remote had no `ref` when it was asked last; a newer fetch outdates it."""
    return f"{last_known or '-'} {ref}"


@dataclass(frozen=True, slots=True)
class _Ground:
    """A folder that is proved to be the top level of a repository of its own, and that repository's config."""

    directory: GitDirectory
    config: Config


def _ground(
    runner: Git, path: Path, above: Mapping[str, Path] | None = None
) -> _Ground | Missing | EmptyFolder | Occupied | Symlink | Broken:
    """What `path` in the folder of the checkouts is. `above` are the `repositories_above` that folder, if known."""
    try:
        mode = os.lstat(path).st_mode
    except (FileNotFoundError, NotADirectoryError):
        return Missing()
    if stat.S_ISLNK(mode):
        return Symlink(str(path.readlink()))
    if not stat.S_ISDIR(mode):
        return Occupied("a file")
    if not os.path.lexists(f"{path}/.git"):
        names = sorted(os.listdir(path))  # noqa: PTH208  (names are enough)
        what = f"a folder with {', '.join(names[:3])}{' and more' if len(names) > 3 else ''}"
        return Occupied(what) if names else EmptyFolder()
    directory = find_git_directory(path)
    if isinstance(directory, str):
        return Broken(directory)
    try:
        config = read_config(directory)
    except ValueError as error:
        return Broken(str(error))
    if above is None:
        above = repositories_above(runner.home)
    return _not_its_own(f"{runner.home}/{path.name}", directory, config, above) or _Ground(directory, config)


def _not_its_own(here: str, directory: GitDirectory, config: Config, above: Mapping[str, Path]) -> Broken | None:
    """Why git commands in this folder would act on another one: a repository around it, or a work tree elsewhere."""
    private = common = f"{here}/.git"
    if not directory.is_plain:
        private, common = os.path.realpath(directory.private), os.path.realpath(directory.common)
    if (around := above.get(common)) is not None:
        return Broken(f"its repository is that of {around}")
    if private == common and private != f"{here}/.git" and private.endswith("/.git"):
        return Broken(f"its .git is that of {private.removesuffix('/.git')}")
    if private != common and (other := worktree_of(directory)).resolve() != Path(here) and (other / ".git").exists():
        return Broken(f"it shares its HEAD with the worktree {other}")
    if config.worktree is not None and os.path.realpath(os.path.join(private, config.worktree)) != here:  # noqa: PTH118
        return Broken(f"its core.worktree is {config.worktree}")
    return None


@dataclass(frozen=True, slots=True)
class _Status:
    """One parsed `git status --porcelain=v2 --branch -z`."""

    head: str | None
    branch: str | None
    upstream: str | None
    against_upstream: tuple[int, int] | None
    changes: Changes
    paths: tuple[str, ...]
    announced: tuple[str, ...]
    submodules: tuple[SubmoduleStatus, ...]


def _parse_status(text: str) -> _Status:
    headers: dict[str, str] = {}
    staged = unstaged = untracked = conflicted = inside = 0
    paths: list[str] = []
    announced: list[str] = []
    submodules: list[SubmoduleStatus] = []
    for entry in text.split("\0"):
        kind, _, rest = entry.partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            headers[key] = value
        elif kind == "1":
            letters, submodule, _mh, _mi, _mw, _head, index, path = rest.split(" ", 7)
            staged += letters[0] != "."
            unstaged += letters[1] != "."
            if submodule.startswith("S"):
                submodules.append(SubmoduleStatus(path, index, submodule))
                inside += letters[1] != "."
            if letters == ".A":
                announced.append(path)
            if letters[0] != "." or not submodule.startswith("S"):  # what lies in a submodule, its move leaves alone
                paths.append(path)
        elif kind == "u":
            conflicted += 1
            paths.append(rest.split(" ", 9)[9])
        elif kind == "?":
            untracked += 1
            paths.append(rest)
    head, branch = headers.get("branch.oid", "(initial)"), headers.get("branch.head", "(detached)")
    ahead_behind = headers.get("branch.ab", "").split()
    return _Status(
        head=None if head == "(initial)" else head,
        branch=None if branch == "(detached)" else branch,
        upstream=headers.get("branch.upstream"),
        against_upstream=(int(ahead_behind[0]), -int(ahead_behind[1])) if ahead_behind else None,
        changes=Changes(staged, unstaged, untracked, conflicted, inside),
        paths=tuple(paths),
        announced=tuple(announced),
        submodules=tuple(submodules),
    )


@dataclass(frozen=True)
class _Look:
    """One look at one checkout: git for what needs history, plain reads for the rest."""

    git: Git
    pin: Pin
    path: Path
    directory: GitDirectory
    config: Config
    refs: Refs | ListedRefs
    status: _Status

    def checkout(self, tips: Tips | None) -> Checkout:
        status, remote, placed = self.status, self.remote(), self.config.placed
        tips = tips or self.remembered(remote)
        known = self.known(remote, tips)
        target = None if known is None else self.target(known)
        away = status.head is not None and target is not None and status.head != target.commit
        on_pinned = target is not None and target.kind is TargetKind.BRANCH and status.branch == target.name
        ours = status.branch is None or (placed is not None and placed.branch == status.branch)
        ahead, behind = self.distance(target, remote) if away else (0, 0)
        published = self.published(target, remote) if away else ()
        own = self.count(status.head, *published) if on_pinned and ahead else 0
        movable = away and not (on_pinned and ahead and own)
        local = None if on_pinned else self.local(target)
        obstacles = self.obstacles(target.commit) if target is not None and movable else Obstacles()
        is_tag = target is not None and target.kind is TargetKind.TAG
        local_tag = self.refs.commit(f"refs/tags/{self.pin.ref}") if is_tag else None
        if local is not None and local.behind and status.head is not None:
            obstacles |= self.obstacles(local.commit)  # the way there is by where that branch is now
        return Checkout(
            remote=remote,
            url=self.config.remotes.get("origin"),
            head=status.head,
            branch=status.branch,
            target=target,
            gone=target is None and tips is not None,
            last_known=self.last_known(remote),
            ahead=ahead,
            behind=behind,
            own=own,
            fork=self.fork(status.head, published) if 0 < own < ahead else None,
            unpublished=self.unpublished() if away and ours and not on_pinned else 0,
            changes=status.changes,
            in_the_way=obstacles.paths,
            operation=operation_in_progress(self.directory),
            stashes=self.stashes(),
            shallow=is_shallow(self.directory),
            local=local,
            local_tag=local_tag,
            lone_tag=self.lone(target, local_tag),
            has_submodules=ahead > 0 and bool(submodule_paths(self.path)),
            submodules=self.submodules(obstacles.submodules),
            placed=placed,
            ssh_command=self.config.ssh_command,
            hidden=obstacles.hidden,
            announced=status.announced,
            halfway=is_halfway(self.directory),
            unpushed=self.unpushed(remote),
            similar=self.similar(remote) if target is None else None,
        )

    def submodules(self, replaced: tuple[str, ...]) -> Submodules:
        found = find_submodules(self.git, self.path, self.status.submodules)
        return replace(found, replaced=replaced) if replaced else found

    def stashes(self) -> int:
        if isinstance(self.refs, Refs):
            return count_stashes(self.directory)
        return len(self.git.call("stash", "list", "--format=%H").split())

    def remote(self) -> str | None:
        """The remote whose URL is the pin's, `origin` first, whatever the others are called."""
        remotes = self.config.remotes
        matching = [name for name, url in remotes.items() if same_repository(url, self.pin.url)]
        return "origin" if "origin" in matching else min(matching, default=None)

    def known(self, remote: str | None, tips: Tips | None) -> Known | None:
        if remote is None:
            return None
        return Fetched(self.refs, remote, self.git) if tips is None else Asked(tips)

    def remembered(self, remote: str | None) -> Tips | None:
        """The remote's last answer, where that was that it has no such ref, or a fetch that prunes has shown it."""
        ref, placed = self.pin.ref, self.config.placed
        if ref is None or remote is None:
            return None
        if self.config.gone is not None and self.config.gone == gone_text(ref, self.last_known(remote)):
            return Tips({}, None)
        was_there = placed is not None and placed.ref == placed.branch == ref
        pruned = was_there and self.refs.commit(f"refs/remotes/{remote}/{ref}") is None
        was_fetched = pruned and self.refs.symbolic(f"refs/remotes/{remote}/HEAD") is not None
        return Tips({}, None) if was_fetched else None

    def target(self, known: Known) -> Target | None:
        return find_target(self.pin, known) or commit_target(self.git, self.pin, self.status.head)

    def last_known(self, remote: str | None) -> str | None:
        ref, placed = self.pin.ref, self.config.placed
        if ref is None or remote is None:
            return None
        here = self.refs.commit(f"refs/remotes/{remote}/{ref}") or self.refs.commit(f"refs/tags/{ref}")
        return here or (placed.commit if placed is not None and placed.ref == ref else None)

    def similar(self, remote: str | None) -> str | None:
        """The branch or tag, as far as they were fetched, that the pin may have meant."""
        if self.pin.ref is None or remote is None:
            return None
        import difflib

        folders = (f"refs/remotes/{remote}/", "refs/tags/")
        names = {name for folder in folders for name in self.refs.below(folder)} - {self.pin.ref, "HEAD"}
        return next(iter(difflib.get_close_matches(self.pin.ref, sorted(names), n=1)), None)

    def distance(self, target: Target | None, remote: str | None) -> tuple[int, int]:
        """Commits that HEAD is ahead of the target and behind it."""
        status = self.status
        if target is None or status.head is None:
            return 0, 0
        upstream_is_target = target.kind is TargetKind.BRANCH and status.upstream == f"{remote}/{target.name}"
        fetched = self.refs.commit(f"refs/remotes/{remote}/{target.name}") == target.commit
        if upstream_is_target and fetched and status.against_upstream is not None:
            return status.against_upstream
        return self.left_right(status.head, target.commit)

    def left_right(self, left: str, right: str) -> tuple[int, int]:
        ahead, behind = self.git.call("rev-list", "--left-right", "--count", f"{left}...{right}", "--").split()
        return int(ahead), int(behind)

    def published(self, target: Target | None, remote: str | None) -> tuple[str, ...]:
        """Commits that were upstream's at some time: the target, and what its tracking branch was before."""
        if target is None or remote is None:
            return ()
        tracking, placed = f"refs/remotes/{remote}/{target.name}", self.config.placed
        before = [placed.commit] if placed is not None and placed.ref == self.pin.ref else []
        now = [commit] if (commit := self.refs.commit(tracking)) else []
        return tuple(dict.fromkeys([target.commit, *now, *before, *logged_commits(self.directory, tracking)]))

    def count(self, commit: str | None, *without: str) -> int:
        """How many commits `commit` has that none of `without` has; those that are gone from here do not matter."""
        if commit is None:
            return 0
        excluded = [f"^{other}" for other in without]
        return int(self.git.call("rev-list", "--count", "--ignore-missing", commit, *excluded, "--"))

    def fork(self, head: str | None, published: tuple[str, ...]) -> str | None:
        """The commit that the developer's own commits grew from."""
        there = [commit for commit in published if self.git.run("cat-file", "-e", f"{commit}^{{commit}}").code == 0]
        return self.git.run("merge-base", str(head), *there).text.strip() or None

    def unpublished(self) -> int:
        """How many commits of HEAD no remote branch, no tag and no pin of ours has."""
        placed = [f"^{self.config.placed.commit}"] if self.config.placed else []
        refs = ("--not", "--remotes", "--tags", f"--glob={PINNED}*")
        return int(self.git.call("rev-list", "--count", "--ignore-missing", "HEAD", *placed, *refs, "--"))

    def unpushed(self, remote: str | None) -> int | None:
        """How many commits of the branch its upstream lacks; None without an upstream, and without a branch."""
        status = self.status
        if status.branch is None or status.head is None:
            return None
        if self.refs.commit(f"refs/remotes/{remote}/{status.branch}") == status.head:
            return 0
        if status.against_upstream is None or self.refs.commit(f"refs/remotes/{status.upstream}") is None:
            return None  # it is gone, or it is a branch of this repository
        return status.against_upstream[0]

    def local(self, target: Target | None) -> LocalBranch | None:
        if target is None or target.kind is not TargetKind.BRANCH:
            return None
        commit = self.refs.commit(f"refs/heads/{target.name}")
        if commit is None:
            return None
        ahead, behind = (0, 0) if commit == target.commit else self.left_right(commit, target.commit)
        worktree = worktree_on(self.directory, target.name)
        return LocalBranch(commit, ahead, behind, None if worktree is None else str(worktree))

    def lone(self, target: Target | None, tag: str | None) -> bool:
        """Whether a tag that is another one on the remote is the only name that some of its commits have here."""
        if target is None or tag in (None, target.tag_object):
            return False
        others = ("--branches", "--remotes", f"--exclude={target.name}", "--tags", f"--glob={PINNED}*")
        return self.git.call("rev-list", "--count", f"refs/tags/{target.name}", "--not", *others, "--").strip() != "0"

    def obstacles(self, end: str) -> Obstacles:
        return find_obstacles(self.git, self.path, str(self.status.head), end, self.status.paths)
