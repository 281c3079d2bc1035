"""The frozen values that flow through vendorws, from a requirements line to a line on the screen.

    Requirements -> Pin -> Finding -> Step -> Outcome

Nothing here touches a file, a process or the clock, and nothing here is changed after it was made.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from pathlib import PurePosixPath

from vendorws.exit_code import ExitCode
from vendorws.values import dataclass

VENDOR = "vendor"
"""The folder below the project root that pip is given as `--src`, here and in the image."""

LOCK_FILE = ".vendorws.lock"
"""The file in it that a run holds while it is at work; it stays, and shows whose folder this is."""


def canonical(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503). packaging knows it too, and takes its time to load."""
    return _SEPARATORS.sub("-", name).lower()


_SEPARATORS = re.compile(r"[-_.]+")


@dataclass(frozen=True, slots=True)
class Pin:
    """One vendored package: what a requirements line asks for.

    `name` is the canonical distribution name (PEP 503) and also the folder that pip's `--src vendor/` uses.
    `url` is spelt exactly as pip hands it to git, without the `git+` prefix. `ref` is the text after `@`, or None
    for the remote's default branch. `source` is the requirements file as shown to people, `line` counts from 1.
    """

    name: str
    url: str
    ref: str | None
    subdirectory: str | None
    extras: tuple[str, ...]
    marker: str | None
    source: str
    line: int

    @property
    def path(self) -> PurePosixPath:
        """Where the checkout belongs, relative to the project root."""
        return PurePosixPath(VENDOR, self.name)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One logical line that names something to install, and the verdict on it.

    Exactly the lines with a `pin` are vendored; two lines may carry equal pins (pip makes one clone of them).
    `name` is the canonical name where one is known, `reason` says in a few words why the line is (not) vendored.
    """

    file: str
    line: int
    text: str
    name: str | None
    pin: Pin | None
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is wrong, or that a pip of today reads otherwise: what, where, and what to write instead."""

    file: str
    line: int
    text: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything the requirements files say, in reading order. With `errors` nothing may be cloned."""

    requirements: tuple[Requirement, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The packages to vendor, one for each folder below `vendor/`, in the order of their first line."""
        unique: dict[str, Pin] = {}
        for requirement in self.requirements:
            if requirement.pin is not None:
                unique.setdefault(requirement.pin.name, requirement.pin)
        return tuple(unique.values())


class TargetKind(str, Enum):
    """What the remote calls the pin's ref. pip looks in this order too: branch, tag, anything else."""

    BRANCH = "branch"
    TAG = "tag"
    COMMIT = "commit"
    REF = "ref"  # spelt in full, `refs/pull/7/head`


@dataclass(frozen=True, slots=True)
class Target:
    """Where a pin points now: `name` is the branch, the tag, the full ref or the revision as typed.

    `commit` is the full object name. For a tag `tag_object` is what the tag ref itself holds (the tag object of an
    annotated tag, else the commit).
    """

    kind: TargetKind
    name: str
    commit: str
    tag_object: str | None = None


@dataclass(frozen=True, slots=True)
class Tips:
    """What the remote answered: object names by full ref name (`…^{}` for peeled tags), and its default branch."""

    refs: Mapping[str, str]
    default_branch: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What vendorws last put into a checkout, as remembered in the checkout's own git config.

    `branch` is the local branch it checked out (None: detached at `commit`).
    """

    ref: str | None
    url: str
    branch: str | None
    commit: str


@dataclass(frozen=True, slots=True)
class Changes:
    """How many paths differ from the last commit, by where the difference is.

    `inside` counts those of `unstaged` that are submodules: what is in them, a move leaves as it is.
    """

    staged: int = 0
    unstaged: int = 0
    untracked: int = 0
    conflicted: int = 0
    inside: int = 0

    @property
    def tracked(self) -> int:
        """Changes that a move to another commit would have to carry along."""
        return self.staged + self.unstaged + self.conflicted - self.inside


@dataclass(frozen=True, slots=True)
class OwnWork:
    """What of the developer's would go with a checkout: `unpushed` commits are on no remote branch and under no tag."""

    changes: Changes
    stashes: int
    unpushed: int


@dataclass(frozen=True, slots=True)
class Orphan:
    """A checkout below vendor/ that no line of the requirements asks for.

    `work` is what would go with it (None: that cannot be told). `heir` is the one package that its remote is pinned
    for, under another name: it was renamed. With `fits` the checkout can be moved to where that package belongs.
    """

    name: str
    work: OwnWork | None = None
    heir: str | None = None
    fits: bool = False


@dataclass(frozen=True, slots=True)
class LocalBranch:
    """The local branch of the pinned branch's name while something else is checked out.

    `worktree` is the folder of another worktree that has it checked out.
    """

    commit: str
    ahead: int
    behind: int
    worktree: str | None = None


@dataclass(frozen=True, slots=True)
class Submodule:
    """A submodule whose commit is not the recorded one; `path` is relative to the checkout."""

    path: str
    recorded: str


class Hold(str, Enum):
    """What keeps a submodule from moving to its recorded commit."""

    OPERATION = "operation"  # a merge, a rebase, … is in progress in it
    AHEAD = "ahead"  # it has commits of its own on top of the recorded one
    DIVERGED = "diverged"  # it has commits of its own, and the recorded one is none of their parents
    CHANGES = "changes"  # tracked files in it are changed
    IN_THE_WAY = "in-the-way"  # files or submodules in it would be overwritten
    OTHER = "other"  # it is no repository of its own


@dataclass(frozen=True, slots=True)
class HeldSubmodule:
    """A submodule that holds work of the developer's; `path` is relative to the checkout.

    `in_the_way` are files in it (relative to it) that a move would overwrite, `replaced` cloned submodules in it.
    """

    path: str
    recorded: str
    hold: Hold
    in_the_way: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Submodules:
    """The submodules that need something: `missing` are not cloned yet, `behind` can move, `held` have own work.

    `broken` are no working repositories, `replaced` are cloned ones in whose place the target has something else.
    """

    missing: tuple[str, ...] = ()
    behind: tuple[Submodule, ...] = ()
    held: tuple[HeldSubmodule, ...] = ()
    broken: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing is there."""


@dataclass(frozen=True, slots=True)
class EmptyFolder:
    """An empty folder, as Docker makes one for a bind mount whose source is missing."""


@dataclass(frozen=True, slots=True)
class Occupied:
    """Something that is no git repository; `what` names it ("a file", "a folder with 3 entries: setup.py, …")."""

    what: str


@dataclass(frozen=True, slots=True)
class Symlink:
    """A symbolic link, the developer's choice; `to` is what it says."""

    to: str


@dataclass(frozen=True, slots=True)
class Broken:
    """There is a `.git`, but git cannot work with it; `why` is one clause."""

    why: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """A git checkout, looked at once; everything that a decision may need.

    `remote` is the remote whose URL is the pin's (None: there is none) and `url` the URL of `origin`. `head` is the
    commit checked out (None: no commit yet), `branch` the branch (None: detached). `target` is where the pin points as
    far as is known; None with `gone` False means not known here, with `gone` True that the remote has it not, or no
    longer, `last_known` being its last commit; `similar` is a branch or tag whose name is much like it. `ahead` and
    `behind` count commits of HEAD against the target. `own` counts commits of HEAD that are neither in the target nor
    were ever published as this branch, `fork` is the commit they grew from; `unpublished` counts those that no remote
    branch or tag has, `unpushed` those of the branch that its upstream lacks (None: it has no upstream here).
    `in_the_way` are paths that a move to the target would overwrite, `hidden` those of them that git was told not to
    look at (assume-unchanged, skip-worktree), `announced` files that git only knows of (intent-to-add) and cannot
    stash. `local` is the pinned branch while another is checked out, `local_tag` what the pinned tag holds here;
    with `lone_tag` some of its commits have no other name.
    `placed` is what vendorws last put there, `ssh_command` the checkout's `core.sshCommand`. `halfway` says that a run
    died while it moved files. `has_submodules` is known where there is something to push.
    """

    remote: str | None
    url: str | None
    head: str | None
    branch: str | None
    target: Target | None
    gone: bool
    last_known: str | None
    ahead: int
    behind: int
    own: int
    fork: str | None
    unpublished: int
    changes: Changes
    in_the_way: tuple[str, ...]
    operation: str | None
    stashes: int
    shallow: bool
    local: LocalBranch | None
    local_tag: str | None
    submodules: Submodules
    placed: Placed | None
    ssh_command: str | None
    hidden: tuple[str, ...] = ()
    announced: tuple[str, ...] = ()
    halfway: bool = False
    unpushed: int | None = None
    similar: str | None = None
    lone_tag: bool = False
    has_submodules: bool = False


Finding = Missing | EmptyFolder | Occupied | Symlink | Broken | Checkout


class State(str, Enum):
    """Where a checkout stands against its pin, in one word; the values are part of the JSON output."""

    IN_SYNC = "in-sync"
    MISSING = "missing"
    BEHIND = "behind"
    AHEAD = "ahead"
    DIVERGED = "diverged"
    REWRITTEN = "rewritten"  # upstream was force-pushed
    BLOCKED = "blocked"  # behind, and local changes are in the way
    OTHER_BRANCH = "other-branch"
    PIN_CHANGED = "pin-changed"
    DETACHED = "detached"
    TAG_MOVED = "tag-moved"
    GONE = "gone"  # the remote no longer has what the pin names
    WRONG_REMOTE = "wrong-remote"
    INTERRUPTED = "interrupted"  # a run died while it moved files
    AT_WORK = "at-work"  # a run is just now in it
    OPERATION = "operation"  # a merge, a rebase, … is in progress
    UNBORN = "unborn"  # a repository without a commit
    SUBMODULE = "submodule"
    SHALLOW = "shallow"
    OCCUPIED = "not-a-repository"
    BROKEN = "broken"
    SYMLINK = "symlink"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Verdict:
    """What every step says: the state, the reason in a few words, and the command that helps (or None)."""

    state: State
    reason: str
    command: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clone(_Verdict):
    """Clone beside, check out the pin, move into place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBack(_Verdict):
    """Put back what an interrupted move left half-done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retarget(_Verdict):
    """Point `origin` at the pin's URL; with `keeps_old` the URL that it has becomes a remote of its own."""

    url: str
    keeps_old: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(_Verdict):
    """Check out the target: its branch where it is one, else detached."""

    target: Target


@dataclass(frozen=True, slots=True, kw_only=True)
class FastForward(_Verdict):
    """Move the checked-out branch forward by `count` commits, to `commit`."""

    branch: str
    commit: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow(_Verdict):
    """Move the checked-out branch, which holds nothing of the developer's, to the rewritten upstream."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BringForward(_Verdict):
    """Move the pinned branch forward while the developer is on another one."""

    branch: str
    commit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateSubmodules(_Verdict):
    """Bring these submodules to their recorded commits."""

    submodules: Submodules


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep(_Verdict):
    """Nothing to do, or nothing that should be done: exit code 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(_Verdict):
    """The pin asks for a move that only the developer can unblock: nothing is touched, exit code 1."""


Move = Clone | TakeBack | Retarget | Switch | FastForward | Follow | BringForward | UpdateSubmodules
Step = Move | Keep | Refuse


@dataclass(frozen=True, slots=True)
class Failure:
    """git failed on one repository: one sentence, the next action, git's own last words, and the exit code."""

    message: str
    hint: str
    git_says: str
    exit_code: ExitCode


NOT_DONE = Failure("not done, the run was interrupted", "", "", ExitCode.INTERRUPTED)
"""What became of a repository whose turn did not come."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one pin: the steps that were carried out, the verdict now, and a failure if there was one.

    `finding` is the last observation (None where none was possible), `seconds` the time it took.
    """

    pin: Pin
    done: tuple[Move, ...]
    verdict: Step | None
    finding: Finding | None
    failure: Failure | None
    seconds: float
