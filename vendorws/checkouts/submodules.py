"""What the submodules of a checkout need: each is a checkout of its own, with the same right to be left alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vendorws.checkouts.halfway import is_between, is_halfway, is_unfinished
from vendorws.checkouts.obstacles import find_obstacles
from vendorws.checkouts.repository import find_git_directory, operation_in_progress, submodule_paths
from vendorws.git_client.command import Git
from vendorws.model import Submodule, Submodules
from vendorws.values import dataclass

RECORDED = "refs/vendorws/recorded"
"""In a submodule: the commit that vendorws checked out last, which may be on no branch of its remote."""

_RECORDED_IF_ANY = f"--glob={RECORDED[:-1]}[{RECORDED[-1]}]"  # to a glob without a wildcard git adds `/*`


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
    listed = submodule_paths(place)
    missing = tuple(path for path in listed if _is_empty(place / path) or is_unfinished(place, path))
    broken = tuple(path for path in listed if path not in missing and _is_broken(place / path))
    moved = [status for status in changed if status.has_moved and status.path in listed and status.path not in missing]
    stuck = tuple(status.path for status in moved if _is_stuck(git, place, status))
    behind = tuple(Submodule(status.path, status.recorded) for status in moved if status.path not in stuck)
    arrived = [path for path in listed if path not in {*missing, *broken, *(status.path for status in changed)}]
    begun = tuple(
        Submodule(path, commit) for path in arrived if _is_begun(place / path) for commit in _recorded(git, path)
    )
    return Submodules(missing, behind + begun, stuck, broken)


def _is_begun(place: Path) -> bool:
    """Whether a move that has arrived was not finished: its mark is still there."""
    directory = find_git_directory(place) if (place / ".git").exists() and not place.is_symlink() else ""
    return not isinstance(directory, str) and is_halfway(directory)


def _recorded(git: Git, path: str) -> list[str]:
    """The commit that the index has for a submodule, if it has any."""
    return git.run("rev-parse", "--verify", "--quiet", f":./{path}").text.split()


def _is_empty(place: Path) -> bool:
    """git makes an empty folder for each submodule that is recorded but not cloned."""
    return place.is_dir() and not place.is_symlink() and not any(place.iterdir())


def _is_broken(place: Path) -> bool:
    return (place / ".git").exists() and isinstance(find_git_directory(place), str)


def _is_stuck(git: Git, place: Path, status: SubmoduleStatus) -> bool:
    """Whether a submodule has an operation in progress, changes, commits that no remote has, or files in the way."""
    directory = find_git_directory(place / status.path)
    if isinstance(directory, str) or (place / status.path).is_symlink() or operation_in_progress(directory) is not None:
        return True
    if is_between(directory):  # its files are ours, and are put back first
        return False
    inside = git.inside(place / status.path)
    own = inside.run("rev-list", "--count", "HEAD", "--not", "--remotes", "--tags", _RECORDED_IF_ANY, "--")
    if status.has_changes or own.code != 0 or int(own.text) > 0:
        return True
    return bool(find_obstacles(inside, place / status.path, "HEAD", status.recorded, ()).paths)
