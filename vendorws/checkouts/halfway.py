"""A move that stops halfway is taken back: by the same run where it fails, by the next one where the run died.

Before git moves anything, a mark in the checkout's git directory says from where to where; a move that ends well
removes it. A full disk, a deadline, a kill or a power cut leaves it, and with it files of both commits, a file that
was not written to its end, and git's lock. Then every file that is exactly as the move left it goes back to what it
was before. What was the developer's before the move stays, and so does whatever else they put there since.

What is the beginning of a new file was not written to its end, or the developer has deleted the end of it since. So the
time of the mark says how long a git was at work: at first it is the start of the move, then the moment when git ended.
Where that is not known, the index lock of a dead git stands for all the time until it is found. And git writes blocks:
what ends in the middle of one was ended by somebody.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from vendorws.checkouts.dead_locks import (
    INDEX_LOCK,
    await_outlived,
    git_folders,
    git_is_at_work,
    locks_since,
    remove_dead_locks,
    require_no_lock,
)
from vendorws.checkouts.repository import (
    GitDirectory,
    count_moves_of_head,
    find_git_directory,
    is_file,
    module_directory,
    proved_directory,
)
from vendorws.files import abandoned, hold, replace_whole
from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed
from vendorws.git_client.processes import Stopped
from vendorws.values import dataclass

MARK = "vendorws-moving"
_FETCHING = "vendorws-fetching-"  # how the marks of runs begin that only fetch
_TIME = 30.0  # seconds to take a move back, even where its own time was up
_ALWAYS = float("inf")  # later than the time of any file
_BLOCK = 512  # bytes; no file system has smaller ones, and git hands it more at a time
_COARSE = 0.1  # seconds by which the clock of a file system may be behind


@dataclass(frozen=True, slots=True)
class Ends:
    """A move of HEAD from one commit to another; `start` is None where there was no commit yet.

    `branch` is the one that HEAD is on at the end (None: detached).
    """

    start: str | None
    end: str
    branch: str | None


@contextmanager
def all_or_nothing(git: Git, place: Path, ends: Ends | None) -> Iterator[None]:
    """What fails in here leaves nothing half-done; `ends` is None where no file is moved.

    `git` runs in the checkout `place`. An interrupted run leaves the mark, for the next one.
    """
    _tidy_up_after_fetches(git, place)
    mark = proved_directory(place).private / MARK
    try:
        mark.write_text("", "utf-8")  # from here on git takes locks
        if ends is not None:
            # Whole or not at all: of half a list of paths the others would count as ours.
            replace_whole(mark, _text(ends, _changed_before(git, place, ends)).encode("utf-8", "surrogateescape"))
        yield
    except (GitFailed, OSError) as error:
        with suppress(GitFailed, OSError):
            was_killed = isinstance(error, GitFailed) and error.was_killed
            if ends is not None and not was_killed and _has_moved_nothing(git, place):
                mark.unlink()  # whoever holds the index: what they do from now on is no part of a move
            else:
                _note_end(place, mark)
                _put_back(git, place)
        raise
    except Stopped:
        with suppress(OSError):  # what still ends may remove what is looked at: then the mark stays as well
            if _note_end(place, mark) and ends is None:
                mark.unlink()
        raise
    mark.unlink(missing_ok=True)


def _note_end(place: Path, mark: Path) -> bool:
    """Note in the mark that git has ended, and say so; not where it may have left a lock, which the mark dates."""
    has_ended = not locks_since(place, mark.stat().st_mtime)
    if has_ended:
        mark.touch()
    return has_ended


@contextmanager
def leaving_no_lock(git: Git, place: Path) -> Iterator[None]:
    """For a run that only fetches into the checkout `place`, in which `git` runs: it may not be the only one there.

    Where it fails or is interrupted, it removes the locks that its gits did not live to remove. Where it is killed, a
    mark of its own tells the next run of them.
    """
    _tidy_up_after_fetches(git, place)
    descriptor, mark = tempfile.mkstemp(prefix=_FETCHING, dir=proved_directory(place).private)
    try:
        hold(descriptor)
        yield
    except BaseException:
        with suppress(GitFailed, OSError):
            _remove_locks(place, os.fstat(descriptor).st_mtime)
            Path(mark).unlink(missing_ok=True)
        raise
    else:
        Path(mark).unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _tidy_up_after_fetches(git: Git, place: Path) -> None:
    """Remove the locks of fetches that were killed; where a git is at work, the next run may."""
    for mark in abandoned(proved_directory(place).private.glob(f"{_FETCHING}*")):
        with suppress(GitFailed, OSError):
            await_outlived(git, git_folders(place))
            _remove_locks(place, mark.stat().st_mtime)
            mark.unlink()


def is_halfway(directory: GitDirectory) -> bool:
    """Whether a run stopped in the middle of something here."""
    return is_file(f"{directory.private}/{MARK}")


def is_between(directory: GitDirectory) -> bool:
    """Whether a run stopped in the middle of a move to a commit, and the detached HEAD is still at one end of it."""
    if not is_halfway(directory):
        return False
    ends, _ = _parse((directory.private / MARK).read_text("utf-8", "surrogateescape"))
    head = (directory.private / "HEAD").read_text("utf-8", "surrogateescape").strip()
    return ends is not None and head in (ends.start, ends.end)


def take_back(git: Git, place: Path) -> None:
    """Put back what an interrupted move left in the checkout `place`, if it left anything.

    A git that outlived its run is waited for: it would go on writing what is put back here. The developer may have
    gone on since: only a HEAD that is still at one end of the move is put back. Raises GitFailed, OSError, Stopped.
    """
    if is_halfway(proved_directory(place)):
        await_outlived(git, git_folders(place))
        _put_back(git, place)


def _put_back(git: Git, place: Path) -> None:
    directory = proved_directory(place)
    if not is_halfway(directory):
        return
    git = _in_time(git)
    mark = directory.private / MARK
    _remove_locks(place, mark.stat().st_mtime)
    ends, changed = _parse(mark.read_text("utf-8", "surrogateescape"))
    if ends is not None:
        if _commit(git, "HEAD") == ends.start:
            _put_files_back(git, place, _find_left(git, place, ends, changed, mark.stat().st_mtime))
        elif ends.branch is not None and _commit(git, "HEAD") == ends.end and _is_detached(git):
            _get_back_onto(git, ends.branch, ends.end)
    mark.unlink()


def _has_moved_nothing(git: Git, place: Path) -> bool:
    """Whether HEAD, the index and all files are still as they were before the move; other gits may be at work there."""
    git, mark = _in_time(git), proved_directory(place).private / MARK
    ends, changed = _parse(mark.read_text("utf-8", "surrogateescape"))
    if ends is None:
        return True
    return _commit(git, "HEAD") == ends.start and _find_left(git, place, ends, changed, _ALWAYS) == _Left((), (), {})


def _in_time(git: Git) -> Git:
    return replace(git, deadline=time.monotonic() + _TIME, timeout=_TIME)


def _remove_locks(place: Path, since: float) -> None:
    """Remove the locks that our gits did not live to remove; where one is an index's, the mark beside it tells of it.

    Raises GitFailed where one stays, because a git is at work there or because the lock is older.
    """
    for lock in remove_dead_locks(place, since):
        if lock.name == INDEX_LOCK and (mark := lock.with_name(MARK)).exists():
            mark.touch()
    require_no_lock(place, since)


def is_unfinished(git: Git, place: Path, path: str) -> bool:
    """Whether the submodule at `path` was never cloned to its end: git writes the index last, and mends nothing
    before that.

    `git` runs in the checkout `place` around it. An index that was lost later tells nothing: work may be all around it.
    """
    directory = module_directory(place, path)
    if directory is None or (directory / "index").exists() or _was_in_use(directory):
        return False
    return isinstance(find_git_directory(place / path), str) or not _has_own_commits(git.inside(place / path))


def _was_in_use(directory: Path) -> bool:
    """Whether HEAD has moved since it was cloned, or submodules of its own came into it."""
    return count_moves_of_head(directory) > 1 or (directory / "modules").exists()


def _has_own_commits(git: Git) -> bool:
    """Whether there may be commits that came from no remote: on HEAD, a branch or a stash, or only noted in a log."""
    own = git.run("rev-list", "--count", "--all", "--reflog", "--not", "--remotes", "--tags", "--")
    return own.code != 0 or int(own.text) > 0


def discard_unfinished(git: Git, place: Path, path: str) -> None:
    """Remove what a clone of a submodule left that died; git does not mend it. Raises GitFailed, OSError.

    `git` runs in the checkout `place` around it. Files that are none of the recorded commit stay.
    """
    directory = module_directory(place, path)
    around = proved_directory(place)
    if directory is None:
        return
    folders = {place, place / path, directory, around.private, around.common}
    await_outlived(git, folders)
    if not is_unfinished(git, place, path) or git_is_at_work(folders):
        return
    recorded, inside = git.call("rev-parse", f":{path}").strip(), git.inside(place / path)
    if inside.run("cat-file", "-e", f"{recorded}^{{tree}}").code == 0:
        until = _ALWAYS if (directory / INDEX_LOCK).exists() else 0.0
        _put_files_back(inside, place / path, _find_left(inside, place / path, Ends(None, recorded, None), (), until))
    (place / path / ".git").unlink()
    shutil.rmtree(directory)


def _text(ends: Ends, changed: Collection[str]) -> str:
    """The mark: both commits and the branch, then the paths that were changed before the move."""
    return "\0".join([f"{ends.start or '-'} {ends.end} {ends.branch or ''}", *changed])


def _parse(text: str) -> tuple[Ends | None, frozenset[str]]:
    words, *changed = text.split("\0")
    start, end, branch = (*words.split(" "), "", "")[:3]
    ends = Ends(None if start == "-" else start, end, branch or None) if len(end) in (40, 64) else None
    return ends, frozenset(changed)


def _changed_before(git: Git, place: Path, ends: Ends) -> set[str]:
    """The paths of a move that are the developer's as they are: changed or new files. git will refuse the move then."""
    if ends.start == ends.end:
        return set()
    moved = _moved(git, ends)
    # Not diff-index: that one takes every file for changed that was only touched. (This one may write the index.)
    tracked = set(git.call("diff", "--name-only", "--no-renames", "-z", _start(git, ends), "--").split("\0"))
    new = {path for path, (old, _) in moved.items() if not old.is_file and _is_there(place / path)}
    return new | (tracked & moved.keys())


def _commit(git: Git, name: str) -> str | None:
    return git.run("rev-parse", "--verify", "--quiet", "--end-of-options", name).text.strip() or None


def _is_detached(git: Git) -> bool:
    return git.run("symbolic-ref", "--quiet", "HEAD").code != 0


def _get_back_onto(git: Git, branch: str, end: str) -> None:
    """The files are there, but HEAD is not on its branch again, which itself may have moved or not."""
    if _commit(git, f"refs/heads/{branch}") == end:
        git.call("symbolic-ref", "HEAD", f"refs/heads/{branch}")
    else:
        git.call("checkout", "--quiet", "--no-overwrite-ignore", branch, "--")


# -- files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a commit or the index has at a path: the mode in octal digits and the object's name."""

    mode: str
    object: str

    @property
    def is_file(self) -> bool:
        return self.mode not in ("000000", "160000")


@dataclass(frozen=True, slots=True)
class _Left:
    """What a move has left: files to be written as they were, files to be removed, and what the index is to have."""

    misplaced: tuple[str, ...]
    added: tuple[str, ...]
    index: Mapping[str, _Entry]


def _find_left(git: Git, place: Path, ends: Ends, changed: Collection[str], until: float) -> _Left:
    """Where the index and the files are as this move makes them, and not as in `ends.start`; not those `changed`.

    `until` is when a git was at work last that may have begun to write a file.
    """
    moved = {path: both for path, both in _moved(git, ends).items() if path not in changed}
    index = _index(git, moved)
    known = {path: both for path, both in moved.items() if index.get(path, _absent(both)) in both}
    ours = _as_the_move_leaves_them(git, place, known, until)
    wanted = {path: known[path][0] for path in ours}
    expected = wanted.keys() - _left_out(git, place)
    misplaced = _not_as_in(git, place, {path: wanted[path] for path in expected if wanted[path].is_file})
    added = [path for path, entry in wanted.items() if not entry.is_file and _is_there(place / path)]
    entries = {path: entry for path, entry in wanted.items() if index.get(path, _absent(known[path])) != entry}
    return _Left(tuple(misplaced), tuple(added), entries)


def _put_files_back(git: Git, place: Path, left: _Left) -> None:
    for path in (*left.misplaced, *left.added):
        _remove_file(place, path)
    left_out = _left_out(git, place)
    _set_index(git, left.index)
    _leave_out(git, {path for path, entry in left.index.items() if path in left_out and entry.is_file})
    # Without --force: whatever lies in the way by now is somebody's.
    paths = "".join(f"{path}\0" for path in left.misplaced)
    written = git.run("checkout-index", "--quiet", "-z", "--stdin", stdin=paths)
    if not all(os.path.lexists(place / path) for path in left.misplaced):
        raise git.failed(("checkout-index",), written)


def _moved(git: Git, ends: Ends) -> dict[str, tuple[_Entry, _Entry]]:
    """What both ends have at each path in which they differ."""
    ranged = ("--raw", "--no-renames", _start(git, ends), ends.end, "--")
    fields = git.call("diff-tree", "-r", "-z", *ranged).split("\0")
    rows = ((path, raw[1:].split(" ")) for raw, path in zip(fields[::2], fields[1::2], strict=False))
    return {path: (_Entry(row[0], row[2]), _Entry(row[1], row[3])) for path, row in rows}


def _start(git: Git, ends: Ends) -> str:
    """The commit, or the empty tree where there was none."""
    return ends.start or git.call("hash-object", "-t", "tree", "--stdin", stdin="").strip()


def _absent(both: tuple[_Entry, _Entry]) -> _Entry:
    return _Entry("000000", "0" * len(both[0].object))


def _index(git: Git, paths: Collection[str]) -> dict[str, _Entry]:
    """The index at these paths; one with a conflict is equal to nothing that a move makes."""
    found: dict[str, _Entry] = {}
    for row in git.call("ls-files", "--stage", "-z").split("\0"):
        words, _, path = row.partition("\t")
        if path in paths:
            mode, name, stage = words.split(" ")
            found[path] = _Entry(mode if stage == "0" else "conflict", name)
    return found


def _left_out(git: Git, place: Path) -> set[str]:
    """The paths that are in the index only: of a sparse checkout (skip-worktree)."""
    rows = git.call("ls-files", "-t", "-z").split("\0")
    return {row[2:] for row in rows if row.startswith("S ") and not _is_there(place / row[2:])}


def _leave_out(git: Git, paths: Collection[str]) -> None:
    """An entry that is set anew is no longer left out by itself."""
    if paths:
        git.call("update-index", "-z", "--skip-worktree", "--stdin", stdin="".join(f"{path}\0" for path in paths))


def _set_index(git: Git, entries: Mapping[str, _Entry]) -> None:
    """Deletions first: a file may take the place of a folder."""
    rows = sorted((entry.mode, entry.object, path) for path, entry in entries.items())
    git.call("update-index", "-z", "--index-info", stdin="".join(f"{m} {name}\t{path}\0" for m, name, path in rows))


def _as_the_move_leaves_them(
    git: Git, place: Path, moved: Mapping[str, tuple[_Entry, _Entry]], until: float
) -> Iterable[str]:
    """The paths at which there is nothing, a folder, what one of the ends has, or the beginning of the new file."""
    present = {path for path in moved if _is_there(place / path)}
    as_before = present - _not_as_in(git, place, {path: moved[path][0] for path in present})
    others = present - as_before
    changed = _not_as_in(git, place, {path: moved[path][1] for path in others})
    cut_off = {path for path in changed if _is_beginning(git, place / path, moved[path][1], until)}
    return moved.keys() - (changed - cut_off)


def _not_as_in(git: Git, place: Path, entries: Mapping[str, _Entry]) -> set[str]:
    """Those of the paths whose file is not what the entry says, as git compares them."""
    files = {path: entry for path, entry in entries.items() if entry.is_file}
    with tempfile.TemporaryDirectory(prefix="vendorws-") as folder:
        aside = git.with_environment({"GIT_INDEX_FILE": str(Path(folder, "index"))})
        _set_index(aside, files)
        aside.run("update-index", "-q", "--refresh")
        differing = set(aside.call("diff-files", "--name-only", "-z").split("\0"))
    return (entries.keys() - files.keys()) | (differing & files.keys())


def _is_there(path: Path) -> bool:
    """Whether there is a file or a link, and not a folder."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _is_beginning(git: Git, file: Path, entry: _Entry, until: float) -> bool:
    """Whether a file was not written to its end, and nobody came to it since `until`."""
    if not entry.is_file or file.is_symlink():
        return False
    seen = file.stat()
    if seen.st_size % _BLOCK or seen.st_ctime > until + _COARSE:  # not the mtime, which a copy may have from elsewhere
        return False
    path = str(file.relative_to(git.cwd))
    whole = git.run("cat-file", "--filters", f"--path={path}", entry.object)
    return whole.code == 0 and whole.stdout.startswith(file.read_bytes())


def _remove_file(place: Path, path: str) -> None:
    """Remove a file that is as the move left it, and the folders that are empty then."""
    file = place / path
    if not _is_there(file):
        return
    file.unlink()
    for folder in file.parents:
        if folder == place or any(folder.iterdir()):
            break
        folder.rmdir()
