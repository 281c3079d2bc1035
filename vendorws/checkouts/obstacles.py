"""What lies in the way of a move: local content that it would overwrite, ignored files among it.

git refuses to overwrite what it knows to be somebody's, but it does not count everything: a submodule in whose place a
file comes is deleted with all that is in it, and what it was told not to look at is in no `git status`.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from vendorws.git_client.command import Git
from vendorws.values import dataclass

_NOTHING, _SUBMODULE = "000000", "160000"


@dataclass(frozen=True, slots=True)
class Obstacles:
    """Paths below the checkout, sorted. `hidden` are those of `paths` that git was told not to look at.

    `submodules` are cloned ones in whose place something else comes; they are not among `paths`.
    """

    paths: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    submodules: tuple[str, ...] = ()

    def __or__(self, other: Obstacles) -> Obstacles:
        """What is in the way of one move or of another."""
        pairs = ((self.paths, other.paths), (self.hidden, other.hidden), (self.submodules, other.submodules))
        return Obstacles(*(tuple(sorted({*one, *two})) for one, two in pairs))


def find_obstacles(git: Git, checkout: Path, start: str, end: str, dirty: Collection[str]) -> Obstacles:
    """What a move from commit `start` to `end` would overwrite; `dirty` are the changed paths that git tells of."""
    changed = _changed(git, start, end)
    submodules = {path for path in changed if _replaced(checkout, path, changed)}
    hidden = set(_hidden(git, checkout, [path for path, (old, _) in changed.items() if old != _NOTHING]))
    leaving = {path for path, (_, new) in changed.items() if new == _NOTHING}
    untracked = {
        blocker
        for path, (old, new) in changed.items()
        if old == _NOTHING and not _inside(path, submodules) and not (new == _SUBMODULE and _is_cloned(checkout / path))
        for blocker in _blockers(checkout, path, leaving)
    }
    paths = (changed.keys() & set(dirty)) | hidden | untracked
    return Obstacles(*(tuple(sorted(found)) for found in (paths - submodules, hidden, submodules)))


def _changed(git: Git, start: str, end: str) -> dict[str, tuple[str, str]]:
    """The paths in which two commits differ, and their modes in both."""
    fields = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", start, end, "--").text.split("\0")
    return {path: (raw[1:7], raw[8:14]) for raw, path in zip(fields[::2], fields[1::2], strict=False)}


def _replaced(checkout: Path, path: str, changed: dict[str, tuple[str, str]]) -> bool:
    """Whether a submodule with something in its folder has to go for a file, or for tracked files in that folder."""
    old, new = changed[path]
    place = checkout / path
    if old != _SUBMODULE or new == _SUBMODULE or not place.is_dir() or place.is_symlink() or not any(place.iterdir()):
        return False
    return new != _NOTHING or any(_inside(other, {path}) for other in changed)


def _is_cloned(place: Path) -> bool:
    """Whether a submodule that was taken away left its clone behind; git takes it up again as it is."""
    return (place / ".git").exists() and not place.is_symlink()


def _inside(path: str, folders: Collection[str]) -> bool:
    return any(str(parent) in folders for parent in PurePosixPath(path).parents)


def _blockers(checkout: Path, path: str, leaving: Collection[str]) -> Iterator[str]:
    """What lies where a new file would go, and is no tracked file that the same move takes away."""
    place = checkout / path
    above = [folder for folder in reversed(place.parents) if checkout in folder.parents and _is_file(folder)]
    # Behind a link lies what is not the checkout's.
    below = () if above else place.rglob("*") if place.is_dir() and not place.is_symlink() else (place,)
    for file in (*above[:1], *below):
        if _is_file(file) and (relative := str(file.relative_to(checkout))) not in leaving:
            yield relative


def _is_file(path: Path) -> bool:
    """Whether there is something that is no folder, a link to one included."""
    return path.is_symlink() or (path.exists() and not path.is_dir())


def _hidden(git: Git, checkout: Path, tracked: Collection[str]) -> Iterator[str]:
    """The changed files among these that git takes for unchanged, because it was told so."""
    entries = git.call("ls-files", "-v", "-z").split("\0") if tracked else []
    flagged = {entry[2:] for entry in entries if entry[:1] == "S" or entry[:1].islower()}
    for path in flagged.intersection(tracked):
        if os.path.lexists(checkout / path) and _is_changed(git, path):
            yield path


def _is_changed(git: Git, path: str) -> bool:
    """Whether a file is not as the index has it; a link, whose file git would hash instead, counts as changed."""
    here, recorded = git.run("hash-object", "--", path), git.run("rev-parse", "--verify", "--quiet", f":./{path}")
    return here.code != 0 or here.text != recorded.text
