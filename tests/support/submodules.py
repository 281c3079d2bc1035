"""Submodules of a remote repository, recorded there without a working copy."""

from __future__ import annotations

from tests.support.git import git
from tests.support.remotes import Remote


def add_submodules(remote: Remote, *libraries: Remote) -> None:
    """Push commits in which each library is a submodule of `remote`, in a folder of the library's name."""
    modules = "".join(f'[submodule "{lib.name}"]\n\tpath = {folder(lib)}\n\turl = {lib.url}\n' for lib in libraries)
    remote.commit({".gitmodules": modules})
    for library in libraries:
        record(remote, library)


def folder(library: Remote) -> str:
    """Where a library is a submodule."""
    return library.name.rpartition("/")[2]


def record(remote: Remote, library: Remote) -> str:
    """Push a commit to `main` that records the library's newest commit, and return its id."""
    kept = [line for line in _tree(remote) if line.partition("\t")[2] != folder(library)]
    rows = [*kept, f"160000 commit {library.head()}\t{folder(library)}"]
    made = git(remote.bare, "mktree", "--missing", stdin="".join(f"{row}\n" for row in rows))
    commit = git(remote.bare, "commit-tree", made, "-p", "main", "-m", f"Record {library.name}")
    git(remote.bare, "update-ref", "refs/heads/main", commit)
    return commit


def _tree(remote: Remote) -> list[str]:
    return git(remote.bare, "ls-tree", "main").splitlines()
