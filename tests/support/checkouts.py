"""A witness for checkouts: what plain git and the file system see, before and after.

`snapshot` records everything; two equal snapshots mean that nothing was touched. `lost` is the promise to the
developer put in numbers: an edit, a commit or an operation in progress that is gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.support.git import git, git_bytes, git_says_yes

_OPERATIONS = (
    "MERGE_HEAD",
    "MERGE_MSG",
    "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
    "BISECT_LOG",
    "BISECT_START",
    "rebase-merge",
    "rebase-apply",
    "sequencer",
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One checkout at one moment. `work` is the developer's part of it; the rest may move with a fetch."""

    files: dict[str, bytes | str]
    """Every file's bytes (a link: where it leads), relative to the checkout, submodules too, without `.git`."""
    head: str
    index: str
    local_refs: dict[str, str]
    """Branches, the stash, and whatever is neither remote-tracking nor a tag nor vendorws' own."""
    other_refs: dict[str, str]
    stashes: tuple[str, ...]
    operation: dict[str, bytes]
    """Every file that records an operation in progress, by its path below the git directory."""
    config: bytes
    edited: tuple[str, ...]
    """Files that are not as HEAD has them: changed, staged or untracked."""
    staged: tuple[str, ...]
    """Paths whose entry in the index is not as HEAD has it."""
    own_commits: tuple[str, ...]
    """Every commit that HEAD, a branch or a stash entry reaches."""
    submodules: tuple[tuple[str, Snapshot], ...]

    @property
    def work(self) -> tuple[object, ...]:
        """What only the developer changes: compare it where a fetch is allowed."""
        return (
            self.files,
            self.head,
            self.index,
            self.local_refs,
            self.stashes,
            self.operation,
            tuple((path, inner.work) for path, inner in self.submodules),
        )


def snapshot(checkout: Path) -> Snapshot:
    """Everything that `checkout` holds. It must be a git working tree."""
    top = git(checkout, "rev-parse", "--show-toplevel")
    assert Path(top) == checkout.resolve(), f"{checkout} belongs to {top}"
    git_dir = Path(git(checkout, "rev-parse", "--absolute-git-dir"))
    refs = _refs(checkout)
    fetched = ("refs/remotes/", "refs/tags/", "refs/vendorws/")
    return Snapshot(
        files=_files(checkout),
        head=(git_dir / "HEAD").read_text("utf-8"),
        index=git(checkout, "ls-files", "--stage", "-v"),
        local_refs={name: commit for name, commit in refs.items() if not name.startswith(fetched)},
        other_refs={name: commit for name, commit in refs.items() if name.startswith(fetched)},
        stashes=tuple(git(checkout, "stash", "list", "--format=%H").split()),
        operation=_operation(git_dir),
        config=(git_dir / "config").read_bytes() if (git_dir / "config").exists() else b"",
        edited=_edited(checkout),
        staged=_staged(checkout),
        own_commits=_own_commits(checkout),
        submodules=tuple((str(inner.relative_to(checkout)), snapshot(inner)) for inner in _submodules(checkout)),
    )


def lost(before: Snapshot, checkout: Path) -> list[str]:
    """What the developer had at `before` and has no more, one sentence each; empty is the promise kept.

    A commit counts as kept when a branch, a tag, a remote's branch or a rescue ref reaches it. The reflog does not
    count: it expires, and people do not look there.
    """
    after = snapshot(checkout)
    gone = []
    for path in before.edited:
        if after.files.get(path) != before.files.get(path):
            gone.append(f"the edited file {path} is not as it was")
    staged = set(before.index.splitlines()) - set(after.index.splitlines())
    gone += [f"the staged entry {entry!r} is gone" for entry in sorted(staged) if _path_of(entry) in before.staged]
    reachable = set(git(checkout, "rev-list", "--all").split()) | set(after.own_commits)
    gone += [f"no ref reaches the commit {commit}" for commit in before.own_commits if commit not in reachable]
    gone += [f"the stash entry {stash} is gone" for stash in before.stashes if stash not in after.stashes]
    if before.operation and after.operation != before.operation:
        gone.append("the operation in progress is not as it was")
    for path, inner in before.submodules:
        gone += [f"{path}: {sentence}" for sentence in lost(inner, checkout / path)]
    return gone


def _refs(checkout: Path) -> dict[str, str]:
    lines = git(checkout, "for-each-ref", "--format=%(refname) %(objectname)").splitlines()
    return dict(line.split(" ") for line in lines)


def _files(checkout: Path) -> dict[str, bytes | str]:
    found: dict[str, bytes | str] = {}
    for path in sorted(checkout.rglob("*")):
        relative = path.relative_to(checkout)
        if ".git" in relative.parts:
            continue
        if path.is_symlink():
            found[str(relative)] = str(path.readlink())
        elif path.is_file():
            found[str(relative)] = path.read_bytes()
    return found


def _operation(git_dir: Path) -> dict[str, bytes]:
    found = {}
    for name in _OPERATIONS:
        start = git_dir / name
        for path in (start, *start.rglob("*")) if start.is_dir() else (start,):
            if path.is_file():
                found[str(path.relative_to(git_dir))] = path.read_bytes()
    return found


def _edited(checkout: Path) -> tuple[str, ...]:
    quietly = "--no-optional-locks"  # a witness does not even refresh the index
    status = git_bytes(checkout, quietly, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames")
    return tuple(entry[3:].decode("utf-8", "surrogateescape") for entry in status.split(b"\0") if entry)


def _staged(checkout: Path) -> tuple[str, ...]:
    listed = git_bytes(checkout, "diff", "--cached", "--name-only", "--no-renames", "-z")
    return tuple(path.decode("utf-8", "surrogateescape") for path in listed.split(b"\0") if path)


def _own_commits(checkout: Path) -> tuple[str, ...]:
    stashes = git(checkout, "stash", "list", "--format=%H").split()
    head = ("HEAD",) if git_says_yes(checkout, "rev-parse", "--verify", "HEAD") else ()
    return tuple(git(checkout, "rev-list", "--branches", *head, *stashes).split())


def _submodules(checkout: Path) -> list[Path]:
    entries = git(checkout, "ls-files", "--stage", "-z").split("\0")
    paths = [checkout / entry.partition("\t")[2] for entry in entries if entry.startswith("160000 ")]
    return [path for path in paths if (path / ".git").exists()]


def _path_of(index_line: str) -> str:
    return index_line.partition("\t")[2]
