"""The promise to the developer, computed from outside: with plain git and the file system, before and after a run.

Nothing in here knows how vendorws decides. `take_stock` writes down what is the developer's; `broken_promises` lists
what of it is gone.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DEVELOPER = "dev@acme.example"
_OPERATIONS = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "BISECT_LOG", "rebase-merge", "rebase-apply")
_OPERATIONS += ("sequencer", "MERGE_MSG", "AUTO_MERGE")


@dataclass(frozen=True, slots=True)
class Stock:
    """One repository with a work tree."""

    files: dict[str, bytes]
    """What is not as the last commit has it, and can be had nowhere else: changed, new and ignored files, by path."""
    staged: dict[str, str]
    """What the index has that the last commit has not: mode and object, by path."""
    commits: frozenset[str]
    """Every commit that HEAD, a branch, a tag or a stash entry reaches."""
    own: dict[str, frozenset[str]]
    """For each local branch, and for a detached HEAD, the developer's commits on it that were never pushed."""
    stashes: tuple[str, ...]
    operation: dict[str, bytes]
    head: str
    at: str
    """The commit that HEAD leads to, or nothing."""
    worktrees: dict[str, Stock]
    submodules: dict[str, Stock]


def take_stock(place: Path, pushed: frozenset[str] = frozenset(), *, inner: bool = False) -> Stock:
    """Everything of the developer's in the work tree `place`; `pushed` are commits that the remote has had."""
    directory = Path(_git(place, "rev-parse", "--absolute-git-dir").strip())
    return Stock(
        files={path: _content(place / path) for path in _changed(place)},
        staged=_staged(place),
        commits=frozenset(_git(place, "rev-list", "--branches", "--tags", *_heads(place), *_stashes(place)).split()),
        own=dict(_own(place, pushed)),
        stashes=tuple(_stashes(place)),
        operation=dict(_operation(directory)),
        head=(directory / "HEAD").read_text(),
        at=_git(place, "rev-parse", "HEAD") if _exists(place, "HEAD") else "",
        worktrees={} if inner else {str(path): take_stock(path, pushed, inner=True) for path in _worktrees(place)},
        submodules={str(path.relative_to(place)): take_stock(path, pushed) for path in _submodules(place)},
    )


def broken_promises(before: Stock, place: Path) -> list[str]:
    """What was the developer's and is gone, or is elsewhere; empty is the promise kept."""
    broken = [f"{path} is not as it was" for path, content in before.files.items() if _content(place / path) != content]
    index = dict(_index(place))
    broken += [f"{path} is not staged as it was" for path, entry in before.staged.items() if index.get(path) != entry]
    reachable = set(_git(place, "rev-list", "--all", *_heads(place)).split()) | _of_stashes(place)
    broken += [f"no ref reaches {commit}" for commit in before.commits - reachable]
    broken += [f"stash entry {entry} is gone" for entry in before.stashes if entry not in _stashes(place)]
    for branch, own in before.own.items():
        there = set(_git(place, "rev-list", branch).split()) if _exists(place, branch) else set()
        broken += [f"{branch} has lost {commit}" for commit in own - there]
    if before.operation:
        directory = Path(_git(place, "rev-parse", "--absolute-git-dir").strip())
        now = dict(_operation(directory))
        broken += [f"{name} of the operation in progress changed" for name in before.operation.keys() ^ now.keys()]
        broken += [f"{name} changed" for name, text in before.operation.items() if now.get(name, text) != text]
        broken += ["HEAD moved below an operation"] if (directory / "HEAD").read_text() != before.head else []
    for path, stock in before.worktrees.items():
        broken += [f"worktree {path}: {sentence}" for sentence in broken_promises(stock, Path(path))]
        now_there = take_stock(Path(path), inner=True)
        broken += [f"worktree {path} was moved"] if (now_there.head, now_there.at) != (stock.head, stock.at) else []
    for path, stock in before.submodules.items():
        if not (place / path / ".git").exists():
            broken += [f"submodule {path} is gone, and with it {what}" for what in _unique(stock)]
        else:
            broken += [f"submodule {path}: {sentence}" for sentence in broken_promises(stock, place / path)]
    return broken


def _unique(stock: Stock) -> list[str]:
    return [*stock.files, *stock.staged, *(commit for own in stock.own.values() for commit in own)]


def _git(place: Path, *args: str) -> str:
    ran = subprocess.run(
        ["git", "--no-optional-locks", *args], cwd=place, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    assert ran.returncode == 0, f"git {' '.join(args)} in {place}: {ran.stderr.decode()}"
    return ran.stdout.decode("utf-8", "surrogateescape")


def _content(path: Path) -> bytes:
    if path.is_symlink():
        return b"link " + os.fsencode(path.readlink())
    return path.read_bytes() if path.is_file() else b"nothing"


def _changed(place: Path) -> Iterator[str]:
    """Files that differ from HEAD, are unknown to it, or are hidden from `git status`; not what is in submodules."""
    for path in _status(place):
        if path.endswith("/") and _is_submodule(place / path):
            continue
        if path.endswith("/"):  # an ignored folder, or a repository in it
            yield from (str(file.relative_to(place)) for file in (place / path).rglob("*") if not file.is_dir())
        elif path:
            yield path
    for entry in _git(place, "ls-files", "-v", "-z").split("\0"):
        path = entry[2:]
        if (entry[:1] == "S" or entry[:1].islower()) and os.path.lexists(place / path) and _is_edited(place, path):
            yield path


def _status(place: Path) -> list[str]:
    options = ("--porcelain=v1", "-z", "--untracked-files=all", "--ignored=traditional", "--no-renames")
    return [entry[3:] for entry in _git(place, "status", *options, "--ignore-submodules=all").split("\0")]


def _is_submodule(folder: Path) -> bool:
    """Whether a folder is a submodule's, be it of another commit: its repository is kept in that of the checkout."""
    return (folder / ".git").is_file()


def _is_edited(place: Path, path: str) -> bool:
    """Whether a file of which `git status` does not tell is not as the index has it."""
    if (place / path).is_symlink() or not (place / path).is_file():
        return True
    return _git(place, "hash-object", "--", path) != _git(place, "rev-parse", f":./{path}")


def _index(place: Path) -> Iterator[tuple[str, str]]:
    for row in _git(place, "ls-files", "--stage", "-z").split("\0"):
        words, _, path = row.partition("\t")
        if path:
            yield path, words


def _staged(place: Path) -> dict[str, str]:
    if not _heads(place):
        return dict(_index(place))
    paths = set(_git(place, "diff", "--cached", "--name-only", "--no-renames", "-z").split("\0"))
    return {path: entry for path, entry in _index(place) if path in paths}


def _heads(place: Path) -> list[str]:
    return ["HEAD"] if _exists(place, "HEAD") else []


def _exists(place: Path, name: str) -> bool:
    looked = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", name], cwd=place, capture_output=True, check=False
    )
    return looked.returncode == 0


def _stashes(place: Path) -> list[str]:
    return _git(place, "stash", "list", "--format=%H").split()


def _of_stashes(place: Path) -> set[str]:
    stashes = _stashes(place)
    return set(_git(place, "rev-list", *stashes).split()) if stashes else set()


def _own(place: Path, pushed: frozenset[str]) -> Iterator[tuple[str, frozenset[str]]]:
    detached = [] if _git(place, "branch", "--show-current").strip() else _heads(place)
    for branch in (*_git(place, "for-each-ref", "--format=%(refname)", "refs/heads/").split("\n"), *detached):
        if branch:
            yield branch, frozenset(_git(place, "rev-list", f"--author={DEVELOPER}", branch).split()) - pushed


def _operation(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Every file that records an operation in progress.

    `AUTO_MERGE` alone is none: `git stash pop` leaves it when it has ended, and git's next merge removes it.
    """
    if not any((directory / name).exists() for name in _OPERATIONS if name != "AUTO_MERGE"):
        return
    for name in _OPERATIONS:
        start = directory / name
        for path in (start, *start.rglob("*")) if start.is_dir() else (start,):
            if path.is_file():
                yield str(path.relative_to(directory)), path.read_bytes()


def _worktrees(place: Path) -> Iterator[Path]:
    for row in _git(place, "worktree", "list", "--porcelain").splitlines():
        path = Path(row.removeprefix("worktree "))
        if row.startswith("worktree ") and path != place.resolve() and (path / ".git").exists():
            yield path


def _submodules(place: Path) -> Iterator[Path]:
    for path, entry in _index(place):
        if entry.startswith("160000 ") and (place / path / ".git").exists():
            yield place / path
    yield from (place / path for path in _status(place) if path.endswith("/") and _is_submodule(place / path))
