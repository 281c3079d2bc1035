"""What git's own files say about a repository, read without starting git.

Only formats that git documents are read here (gitrepository-layout(5), git-config(1), git-pack-refs(1)): they answer
at once what would cost a process each. Every function only looks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from vendorws.model import Placed


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """Where a checkout keeps its repository. For a linked worktree the two folders differ, else they are one.

    `private` holds HEAD, the index and the operation in progress; `common` the refs, objects, config and stashes.
    """

    private: Path
    common: Path


def find_git_directory(checkout: Path) -> GitDirectory | str:
    """The repository whose top level is `checkout` and no other folder, or why there is none, as one clause."""
    dot_git = checkout / ".git"
    private = dot_git
    if dot_git.is_file():
        words = dot_git.read_bytes()[:4096].decode("utf-8", "replace").strip()
        if not words.startswith("gitdir:"):
            return "its .git file does not name a git directory"
        private = checkout / words.removeprefix("gitdir:").strip()
        if not private.is_dir():
            return f"its .git file names {private}, which does not exist"
    common = private
    if (private / "commondir").is_file():
        common = private / (private / "commondir").read_text("utf-8", "replace").strip()
        if not (private / "gitdir").is_file():
            return f"its .git shares {common}, but is no worktree of it"
    if not (private / "HEAD").is_file():
        return "its .git has no HEAD"
    if not (common / "objects").is_dir() or not (common / "refs").is_dir():
        return "its .git has no objects or no refs"
    return GitDirectory(private, common)


def worktree_of(directory: GitDirectory) -> Path:
    """The folder that a linked worktree's own files say it is; git does not mind where it was copied or moved to."""
    return (directory.private / (directory.private / "gitdir").read_text("utf-8", "replace").strip()).parent


def worktree_on(directory: GitDirectory, branch: str) -> Path | None:
    """Another worktree of the same repository that has `branch` checked out; git moves no such branch."""
    for private in sorted((directory.common / "worktrees").glob("*")):
        if not private.samefile(directory.private) and _lines(private / "HEAD") == [f"ref: refs/heads/{branch}"]:
            return worktree_of(GitDirectory(private, directory.common))
    main = directory.common
    if main != directory.private and _lines(main / "HEAD") == [f"ref: refs/heads/{branch}"] and main.name == ".git":
        return main.resolve().parent
    return None


OPERATIONS = (
    ("MERGE_HEAD", "merge"),
    ("rebase-merge", "rebase"),
    ("rebase-apply/applying", "am"),
    ("rebase-apply", "rebase"),
    ("CHERRY_PICK_HEAD", "cherry-pick"),
    ("REVERT_HEAD", "revert"),
    ("BISECT_LOG", "bisect"),
)
"""The files that tell of an operation in progress, in the order in which `git status` looks for them."""


def operation_in_progress(directory: GitDirectory) -> str | None:
    """The operation that the developer has not finished, or None."""
    for file, name in OPERATIONS:
        if (directory.private / file).exists():
            return name
    todo = directory.private / "sequencer" / "todo"  # between two picks of a series
    if todo.is_file():
        return "revert" if todo.read_bytes().lstrip().startswith(b"revert") else "cherry-pick"
    return None


def count_stashes(directory: GitDirectory) -> int:
    """How many entries `git stash list` would show."""
    return len(_lines(directory.common / "logs" / "refs" / "stash"))


def is_shallow(directory: GitDirectory) -> bool:
    """Whether the history was cut off by a shallow clone."""
    return (directory.common / "shallow").is_file()


def logged_commits(directory: GitDirectory, ref: str, most: int = 50) -> tuple[str, ...]:
    """The commits that `ref` pointed at before, newest first, as far as its reflog goes back."""
    entries = _lines(directory.common / "logs" / ref)[-most:]
    return tuple(dict.fromkeys(entry.split(" ", 2)[1] for entry in reversed(entries) if entry.count(" ") >= 2))


@dataclass(frozen=True, slots=True)
class Config:
    """One repository's config as far as a decision needs it.

    `remotes` maps each remote to its first URL, as written. `worktree` is `core.worktree`, `ssh_command`
    `core.sshCommand`. `ref_storage` is "files" or "reftable".
    """

    remotes: Mapping[str, str]
    worktree: str | None
    ssh_command: str | None
    ref_storage: str
    placed: Placed | None


def read_config(directory: GitDirectory) -> Config:
    """The repository's own config, read by GitPython. Raises ValueError where it cannot be parsed."""
    sections = dict(_config_sections(directory.common / "config"))
    remotes = {
        name.removeprefix('remote "').removesuffix('"').replace('\\"', '"').replace("\\\\", "\\"): values["url"][0]
        for name, values in sections.items()
        if name.startswith('remote "') and values.get("url")
    }
    core, own = sections.get("core", {}), sections.get("vendorws", {})
    return Config(
        remotes=remotes,
        worktree=_last(core, "worktree"),
        ssh_command=_last(core, "sshcommand"),
        ref_storage=_last(sections.get("extensions", {}), "refstorage") or "files",
        placed=_placed(own),
    )


def submodule_paths(checkout: Path) -> tuple[str, ...]:
    """The paths that `.gitmodules` lists, relative to the checkout; those that leave it are left out."""
    file = checkout / ".gitmodules"
    if file.is_symlink() or not file.is_file():
        return ()
    try:
        sections = dict(_config_sections(file))
    except ValueError:
        return ()
    paths = [path for values in sections.values() if (path := _last(values, "path"))]
    return tuple(path for path in paths if not Path(path).is_absolute() and ".." not in Path(path).parts)


def _config_sections(file: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    from git.config import GitConfigParser

    try:
        with GitConfigParser(str(file), read_only=True, merge_includes=False) as parser:
            for section in parser.sections():
                items = parser.items_all(section)
                yield section, {key.lower(): [str(value or "") for value in values] for key, values in items}
    except Exception as error:  # GitPython passes on what configparser, the decoder and the file system raise
        raise ValueError(f"{file.name} cannot be read: {str(error).splitlines()[0]}") from error


def _last(values: Mapping[str, list[str]], key: str) -> str | None:
    return values[key][-1] if values.get(key) else None


def _placed(values: Mapping[str, list[str]]) -> Placed | None:
    """`vendorws.url`, `vendorws.pin` (empty: no ref) and `vendorws.placed` ("COMMIT" or "COMMIT BRANCH")."""
    url, placed = _last(values, "url"), _last(values, "placed")
    if url is None or placed is None:
        return None
    commit, _, branch = placed.partition(" ")
    return Placed(ref=_last(values, "pin") or None, url=url, branch=branch or None, commit=commit)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # `foo` is a folder where `foo/bar` is a ref
        return []


class ListedRefs:
    """Refs as `git for-each-ref` lists them: for a repository that keeps them in a form only git reads (reftable).

    `listing` has a line for each ref: name, object, peeled object (or nothing), symbolic target (or nothing),
    divided by tabs; FORMAT makes git print that.
    """

    FORMAT = "%(refname)%09%(objectname)%09%(*objectname)%09%(symref)"

    def __init__(self, listing: str) -> None:
        rows = [line.split("\t") for line in listing.splitlines()]
        self._rows = {name: (pointed, peeled, symbolic) for name, pointed, peeled, symbolic in rows}

    def symbolic(self, name: str) -> str | None:
        """The ref that the symbolic ref `name` stands for."""
        return self._rows.get(name, ("", "", ""))[2] or None

    def commit(self, name: str) -> str | None:
        """What `name` points at, or None."""
        return self._rows.get(name, ("", "", ""))[0] or None

    def peeled(self, name: str) -> str | None:
        """The commit of the tag ref `name`."""
        pointed, peeled, _ = self._rows.get(name, ("", "", ""))
        return peeled or pointed or None


class Refs:
    """A repository's refs, looked up by full name; packed-refs is read once, when it is first needed."""

    def __init__(self, directory: GitDirectory) -> None:
        self._directory = directory
        self._packed: dict[str, str] | None = None

    def symbolic(self, name: str) -> str | None:
        """The ref that the symbolic ref `name` stands for."""
        lines = _lines(self._directory.common / name)
        return lines[0].removeprefix("ref:").strip() if lines and lines[0].startswith("ref:") else None

    def commit(self, name: str) -> str | None:
        """What `name` points at, or None."""
        lines = _lines(self._directory.common / name)
        if lines and not lines[0].startswith("ref:"):
            return lines[0].strip()
        return self._read_packed().get(name)

    def peeled(self, name: str) -> str | None:
        """The commit of the tag ref `name`, where it can be told without git."""
        pointed = self.commit(name)
        if pointed is None:
            return None
        packed = self._read_packed()
        if packed.get(name) == pointed and f"{name}^{{}}" in packed:
            return packed[f"{name}^{{}}"]
        return _peel(self._directory.common / "objects", pointed)

    def _read_packed(self) -> dict[str, str]:
        if self._packed is None:
            self._packed = dict(_packed_refs(_lines(self._directory.common / "packed-refs")))
        return self._packed


def _packed_refs(lines: list[str]) -> Iterator[tuple[str, str]]:
    name = ""
    for line in lines:
        if line.startswith("^"):
            yield f"{name}^{{}}", line[1:]
        elif not line.startswith("#") and " " in line:
            commit, name = line.split(" ", 1)
            yield name, commit


def _peel(objects: Path, name: str) -> str | None:
    """The commit behind a loose object: itself, or what a tag object names. None where it is packed or no tag."""
    try:
        content = zlib.decompress((objects / name[:2] / name[2:]).read_bytes())
    except (OSError, zlib.error):
        return None
    header, _, body = content.partition(b"\0")
    if header.startswith(b"commit "):
        return name
    target = body.split(b"\n", 2)
    if header.startswith(b"tag ") and target[0].startswith(b"object ") and target[1] == b"type commit":
        return target[0].removeprefix(b"object ").decode("ascii")
    return None
