"""The locks that gits left which did not live to remove them, in a checkout and in its submodules.

A lock is such a one where it is not older than the run that may have left it, and no git is at work there. That is in
/proc; where there is none, no lock is removed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from vendorws.checkouts.repository import (
    GitDirectory,
    find_git_directory,
    module_directory,
    proved_directory,
    submodule_paths,
)
from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed, Scene

INDEX_LOCK = "index.lock"
_OUTLIVED = 30.0  # seconds that a git may still work whose run was killed


def remove_dead_locks(place: Path, since: float) -> list[Path]:
    """Remove the locks that were made in the checkout `place` since then and whose gits are dead; return them."""
    locks = locks_since(place, since)
    if not locks or git_is_at_work(git_folders(place)):
        return []
    for lock in locks:
        lock.unlink(missing_ok=True)
    return locks


def require_no_lock(place: Path, since: float) -> None:
    """Raise GitFailed where a lock of a git that is at work keeps others out, or one on the index that is older."""
    for lock in (*locks_since(place, since), proved_directory(place).private / INDEX_LOCK):
        if lock.exists():
            raise GitFailed("git update-index", 128, f"Unable to create '{lock}': File exists", Scene(place, place))


def locks_since(place: Path, moment: float) -> list[Path]:
    """The locks that were made in the checkout `place` since then, dead or not, in submodules too."""
    return [lock for lock in _locks(place) if lock.stat().st_mtime >= moment]


def _locks(place: Path) -> Iterator[Path]:
    for at, directory in _repositories(place):
        if at != place and not (directory.private / "index").exists():
            continue  # never cloned to its end: discarded with its locks
        for folder in {directory.private.resolve(), directory.common.resolve()}:
            yield from folder.glob("*.lock")
        yield from (directory.common / "refs").rglob("*.lock")


def git_folders(place: Path) -> set[Path]:
    """Where a git runs that works in the checkout `place` or in a submodule of it."""
    return {folder for at, inside in _repositories(place) for folder in (at, inside.private, inside.common)}


def _repositories(place: Path) -> Iterator[tuple[Path, GitDirectory]]:
    """A checkout, its submodules and theirs, as far as they are cloned: the place and the git directory of each."""
    yield place, proved_directory(place)
    for path in submodule_paths(place):
        module = module_directory(place, path)
        if module is not None and isinstance(find_git_directory(place / path), GitDirectory):
            yield from _repositories(place / path)


def await_outlived(git: Git, around: Collection[Path]) -> None:
    """Wait until no git of a run that was killed works in these folders; one that hangs is not waited for forever."""
    give_up = time.monotonic() + _OUTLIVED
    while any(_is_ours(process, git.ceilings) for process in _gits_in(around)) and time.monotonic() < give_up:
        git.processes.pause(0.05)


def git_is_at_work(around: Collection[Path]) -> bool:
    """Whether a git runs in one of the folders, as far as can be told: where the system does not say, it may."""
    return not Path("/proc/self/cwd").exists() or any(_gits_in(around))


def _gits_in(around: Collection[Path]) -> Iterator[Path]:
    """The processes of git that run in one of the folders, or may: their folders in /proc, if there is one."""
    here = {(seen.st_dev, seen.st_ino) for seen in (folder.stat() for folder in around)}
    return (process for process in Path("/proc").glob("[0-9]*") if _is_git_in(process, here))


def _is_git_in(process: Path, folders: Collection[tuple[int, int]]) -> bool:
    try:
        if not (process / "comm").read_text("utf-8", "replace").startswith("git"):
            return False
        seen = (process / "cwd").stat()
    except PermissionError:
        return True
    except OSError:  # it has ended
        return False
    return (seen.st_dev, seen.st_ino) in folders


def _is_ours(process: Path, ceilings: str) -> bool:
    """Whether vendorws started it, which tells git where to stop looking for a repository, or its git did."""
    try:
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    return f"GIT_CEILING_DIRECTORIES={ceilings.partition(os.pathsep)[0]}{os.pathsep}".encode() in environment
