"""What the submodules of a checkout need: each is a checkout of its own, with the same right to be left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from vendorws.checkouts.halfway import is_between, is_halfway, is_unfinished
from vendorws.checkouts.obstacles import find_obstacles
from vendorws.checkouts.repository import (
    find_git_directory,
    not_to_be_cloned,
    operation_in_progress,
    submodule_names,
)
from vendorws.git_client.command import Git
from vendorws.model import HeldSubmodule, Hold, Submodule, Submodules
from vendorws.values import dataclass

RECORDED = "refs/vendorws/recorded"
"""In a submodule: the commit that vendorws checked out last, which may be on no branch of its remote."""

RECORDED_IF_ANY = f"--glob={RECORDED[:-1]}[{RECORDED[-1]}]"  # to a glob without a wildcard git adds `/*`
"""It, as an option of git-rev-list(1)."""


@dataclass(frozen=True, slots=True)
class SubmoduleStatus:
    """A submodule that is not as the index has it: the commit there, and the four letters of git-status(1)."""

    path: str
    recorded: str
    letters: str

    @property
    def has_moved(self) -> bool:
        return self.letters[1] == "C"

    @property
    def has_changes(self) -> bool:
        return self.letters[2] == "M"


def find_submodules(git: Git, place: Path, changed: Sequence[SubmoduleStatus]) -> Submodules:
    """The submodules of the checkout `place`, in which `git` runs; `changed` are those that its status tells of."""
    names = submodule_names(place)
    listed = tuple(names)
    missing = _missing(git, place, names)
    broken = tuple(path for path in listed if path not in missing and _is_broken(place / path))
    moved = [status for status in changed if status.has_moved and status.path in listed and status.path not in missing]
    looked = {status.path: _held(git, place, status) for status in moved}
    held = tuple(found for found in looked.values() if found is not None)
    behind = tuple(Submodule(status.path, status.recorded) for status in moved if looked[status.path] is None)
    arrived = [path for path in listed if path not in {*missing, *broken, *(status.path for status in moved)}]
    begun = tuple(
        Submodule(path, commit) for path in arrived if _is_begun(git, place / path) for commit in _recorded(git, path)
    )
    return Submodules(missing, behind + begun, held, broken)


def _missing(git: Git, place: Path, names: Mapping[str, str]) -> tuple[str, ...]:
    """Those to be cloned: recorded by the index, and not left out by what git is told."""
    empty = [path for path in names if _is_empty(place / path) or is_unfinished(git, place, path)]
    if not empty:
        return ()
    listed = git.run("ls-files", "--stage", "-z", "--", *(f":(literal){path}" for path in empty)).text.split("\0")
    recorded = {entry.partition("\t")[2] for entry in listed if entry.startswith("160000 ")}
    left_out = not_to_be_cloned(place)
    return tuple(path for path in empty if path in recorded and names[path] not in left_out)


def _is_begun(git: Git, place: Path) -> bool:
    """Whether a move that has arrived was not finished: its mark is there, or a submodule of its own stayed behind."""
    directory = find_git_directory(place) if (place / ".git").exists() and not place.is_symlink() else ""
    if isinstance(directory, str):
        return False
    return is_halfway(directory) or _leaves_one_behind(git.inside(place), place)


def _leaves_one_behind(git: Git, place: Path) -> bool:
    """Whether a submodule of the submodule `place`, in which `git` runs, is not where it should be, and could be."""
    names = submodule_names(place)
    if not names:
        return False
    rows = git.run("diff-files", "--raw", "-z", "--ignore-submodules=dirty").text.split("\0")
    moved = [
        SubmoduleStatus(path, raw.split(" ")[2], "SC..")
        for raw, path in zip(rows[::2], rows[1::2], strict=False)
        if raw.startswith(":160000 160000") and path in names
    ]
    here = place.resolve()  # a path may lead back through a link, and on for ever
    others = (place / path for path in names if path not in {status.path for status in moved})
    inner = (path for path in others if here in path.resolve().parents)
    return (
        bool(_missing(git, place, names))
        or any(_held(git, place, status) is None for status in moved)
        or any(_is_begun(git, path) for path in inner)
    )


def _recorded(git: Git, path: str) -> list[str]:
    """The commit that the index has for a submodule, if it has any."""
    return git.run("rev-parse", "--verify", "--quiet", f":./{path}").text.split()


def _is_empty(place: Path) -> bool:
    """git makes an empty folder for each submodule that is recorded but not cloned."""
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _is_broken(place: Path) -> bool:
    return (place / ".git").exists() and isinstance(find_git_directory(place), str)


def _held(git: Git, place: Path, status: SubmoduleStatus) -> HeldSubmodule | None:
    """What of the developer's keeps a submodule where it is, if anything does."""
    inner = place / status.path
    directory = find_git_directory(inner)
    if isinstance(directory, str) or inner.is_symlink():
        return HeldSubmodule(status.path, status.recorded, Hold.OTHER)
    if operation_in_progress(directory) is not None:
        return HeldSubmodule(status.path, status.recorded, Hold.OPERATION)
    if is_between(directory):  # its files are ours, and are put back first
        return None
    return find_work(git.inside(inner), inner, status.recorded, path=status.path, has_changes=status.has_changes)


def find_work(git: Git, place: Path, recorded: str, *, path: str, has_changes: bool = False) -> HeldSubmodule | None:
    """What a move of the submodule `place`, in which `git` runs, to its recorded commit would lose.

    Where that commit is not here yet, only a look after the fetch can tell all of it.
    """
    own = git.run("rev-list", "--count", "HEAD", "--not", "--remotes", "--tags", RECORDED_IF_ANY, "--")
    has_commits = own.code != 0 or int(own.text) > 0
    if has_commits and git.run("merge-base", "--is-ancestor", recorded, "HEAD").code == 0:
        return HeldSubmodule(path, recorded, Hold.AHEAD)
    if has_changes:
        return HeldSubmodule(path, recorded, Hold.CHANGES)
    if has_commits:
        return HeldSubmodule(path, recorded, Hold.DIVERGED)
    found = find_obstacles(git, place, "HEAD", recorded, ())
    if found.paths or found.submodules:
        return HeldSubmodule(path, recorded, Hold.IN_THE_WAY, found.paths, found.submodules)
    return None
