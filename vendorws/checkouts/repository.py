"""What git's own files say about a repository, read without starting git.

Only formats that git documents are read here (gitrepository-layout(5), git-config(1), git-pack-refs(1)): they answer
at once what would cost a process each. Every function only looks.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from vendorws.checkouts.git_config import parse_config
from vendorws.errors import VendorwsError
from vendorws.model import Placed
from vendorws.typed import shell_command
from vendorws.values import dataclass

_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # the name of one


@dataclass(frozen=True, slots=True)
class GitDirectory:
    """Where a checkout keeps its repository. For a linked worktree the two folders differ, else they are one.

    `private` holds HEAD, the index and the operation in progress; `common` the refs, objects, config and stashes.
    With `is_plain` it is one folder and no link, `.git` in the checkout, as a clone has it.
    """

    private: Path
    common: Path
    is_plain: bool = False


def find_git_directory(checkout: Path) -> GitDirectory | str:
    """The repository whose top level is `checkout` and no other folder, or why there is none, as one clause."""
    dot_git = checkout / ".git"
    private = dot_git
    is_folder = stat.S_ISDIR(_mode(f"{dot_git}", os.lstat))
    if not is_folder and is_file(f"{dot_git}"):
        words = dot_git.read_bytes()[:4096].decode("utf-8", "replace").strip()
        if not words.startswith("gitdir:"):
            return "its .git file does not name a git directory"
        private = checkout / words.removeprefix("gitdir:").strip()
        if not private.is_dir():
            return f"its .git file names {private}, which does not exist"
    common = private
    shares = is_file(f"{private}/commondir")
    if shares:
        common = private / (private / "commondir").read_text("utf-8", "replace").strip()
        if not (private / "gitdir").is_file():
            return f"its .git shares {common}, but is no worktree of it"
    if not _is_head(f"{private}/HEAD"):
        return "its .git has no HEAD"
    if not (stat.S_ISDIR(_mode(f"{common}/objects")) and stat.S_ISDIR(_mode(f"{common}/refs"))):
        return "its .git has no objects or no refs"
    return GitDirectory(private, common, is_folder and not shares)


def proved_directory(checkout: Path) -> GitDirectory:
    """The repository of a checkout that was proved to have one."""
    directory = find_git_directory(checkout)
    assert isinstance(directory, GitDirectory), directory
    return directory


def _is_head(file: str) -> bool:
    """Whether git takes this for a HEAD: a symbolic ref, as a file or a link, or a commit."""
    words = _text(file).partition("\n")[0]
    return words.startswith("ref:") or _OBJECT.fullmatch(words) is not None or Path(file).is_symlink()


def repositories_above(folder: Path) -> dict[str, Path]:
    """The repositories of `folder`, which no link leads to, and of all folders above it, each with its place."""
    found: dict[str, Path] = {}
    for place in (folder, *folder.parents):
        try:
            directory = find_git_directory(place) if os.path.lexists(place / ".git") else ""
        except OSError:  # not for us to read: then it is not one of ours
            continue
        if isinstance(directory, GitDirectory):
            found.setdefault(os.path.realpath(directory.common), place)
    return found


def worktree_of(directory: GitDirectory) -> Path:
    """The folder that a linked worktree's own files say it is; git does not mind where it was copied or moved to."""
    return (directory.private / (directory.private / "gitdir").read_text("utf-8", "replace").strip()).parent


def is_on_branch(directory: GitDirectory, branch: str) -> bool:
    """Whether HEAD is on a branch of this name."""
    return _lines(f"{directory.private}/HEAD") == [f"ref: refs/heads/{branch}"]


def worktree_on(directory: GitDirectory, branch: str) -> Path | None:
    """Another worktree of the same repository that has `branch` checked out; git moves no such branch."""
    for private in sorted((directory.common / "worktrees").glob("*")):
        if not private.samefile(directory.private) and _lines(f"{private}/HEAD") == [f"ref: refs/heads/{branch}"]:
            return worktree_of(GitDirectory(private, directory.common))
    main = directory.common.resolve()
    apart = main != directory.private.resolve() and main.name == ".git"
    if apart and _lines(f"{main}/HEAD") == [f"ref: refs/heads/{branch}"]:
        return main.parent
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
    there = set(os.listdir(directory.private))  # noqa: PTH208  (names are enough)
    for file, name in OPERATIONS:
        if file.partition("/")[0] in there and (directory.private / file).exists():
            return name
    if "sequencer" not in there:
        return None
    todo = directory.private / "sequencer" / "todo"  # between two picks of a series
    if todo.is_file():
        return "revert" if todo.read_bytes().lstrip().startswith(b"revert") else "cherry-pick"
    return None


def count_stashes(directory: GitDirectory) -> int:
    """How many entries `git stash list` would show."""
    return len(_lines(f"{directory.common}/logs/refs/stash"))


def count_moves_of_head(private: Path) -> int:
    """How many moves of HEAD its reflog tells of; a clone is the first."""
    return len(_lines(f"{private}/logs/HEAD"))


def is_shallow(directory: GitDirectory) -> bool:
    """Whether the history was cut off by a shallow clone."""
    return is_file(f"{directory.common}/shallow")


def logged_commits(directory: GitDirectory, ref: str, most: int = 50) -> tuple[str, ...]:
    """The commits that `ref` pointed at before, newest first, as far as its reflog goes back.

    A clone begins no reflog: its first commit is only the old one of the first entry.
    """
    entries = _lines(f"{directory.common}/logs/{ref}")[-most:]
    moves = [entry.split(" ", 2)[:2] for entry in reversed(entries) if entry.count(" ") >= 2]
    return tuple(dict.fromkeys(commit for old, new in moves for commit in (new, old) if commit.strip("0")))


@dataclass(frozen=True, slots=True)
class Config:
    """One repository's config as far as a decision needs it.

    `remotes` maps each remote to its first URL, as written. `worktree` is `core.worktree`, `ssh_command`
    `core.sshCommand`. `ref_storage` is "files" or "reftable". `gone` is what the remote did not have when it was asked
    last (`vendorws.gone`): the commit known here for it, or "-", and its name.
    """

    remotes: Mapping[str, str]
    worktree: str | None
    ssh_command: str | None
    ref_storage: str
    placed: Placed | None
    gone: str | None = None


def read_config(directory: GitDirectory) -> Config:
    """The repository's own config. Raises ValueError where git would not read it either."""
    values = _parsed(f"{directory.common}/config")
    urls = {name.removeprefix("remote."): urls for name, urls in values.items() if name.startswith("remote.")}
    return Config(
        remotes={name.removesuffix(".url"): found[0] for name, found in urls.items() if name.endswith(".url")},
        worktree=_last(values, "core.worktree"),
        ssh_command=_last(values, "core.sshcommand"),
        ref_storage=_last(values, "extensions.refstorage") or "files",
        placed=_placed(values),
        gone=_last(values, "vendorws.gone"),
    )


def submodule_paths(checkout: Path) -> tuple[str, ...]:
    """The paths that `.gitmodules` lists, relative to the checkout; those that leave it are left out."""
    return tuple(submodule_names(checkout))


def submodule_names(checkout: Path) -> dict[str, str]:
    """The names that `.gitmodules` gives to its submodules, by their paths in the checkout; none leads out of it."""
    paths = _of_submodules(f"{checkout}/.gitmodules", "path")
    return {path: name for name, path in paths.items() if _is_below(path) and _is_below(name)}


def _is_below(path: str) -> bool:
    return bool(Path(path).parts) and not Path(path).is_absolute() and ".." not in Path(path).parts


def not_to_be_cloned(checkout: Path) -> frozenset[str]:
    """The names of the submodules that git is told to leave alone (`update = none`); the own config counts more."""
    directory = find_git_directory(checkout)
    own = {} if isinstance(directory, str) else _of_submodules(f"{directory.common}/config", "update")
    updates = _of_submodules(f"{checkout}/.gitmodules", "update") | own
    return frozenset(name for name, update in updates.items() if update == "none")


def _of_submodules(file: str, key: str) -> dict[str, str]:
    """One setting of each submodule in a config file, by name; a file that is none says nothing."""
    if not is_file(file) or os.path.islink(file):  # noqa: PTH114
        return {}
    try:
        values = _parsed(file)
    except ValueError:
        return {}
    ours = {name: found[-1] for name, found in values.items() if name.startswith("submodule.")}
    end = f".{key}"
    return {name[len("submodule.") : -len(end)]: value for name, value in ours.items() if name.endswith(end)}


def forsaken_module(checkout: Path, name: str) -> Path | None:
    """The repository of a submodule that has no folder, below that of the checkout: git takes it up again."""
    directory = find_git_directory(checkout)
    if isinstance(directory, str):
        return None
    module = directory.common / "modules" / name
    return module if is_file(f"{module}/HEAD") else None


def module_directory(place: Path, path: str) -> Path | None:
    """The repository of a submodule below that of the checkout `place`; None where it is none, or elsewhere."""
    dot_git = place / path / ".git"
    if (place / path).is_symlink() or dot_git.is_symlink() or not dot_git.is_file():
        return None
    words = dot_git.read_text("utf-8", "replace").strip()
    directory = (dot_git.parent / words.removeprefix("gitdir:").strip()).resolve()
    around = find_git_directory(place)
    inside = not isinstance(around, str) and (around.common / "modules").resolve() in directory.parents
    return directory if inside and directory.is_dir() else None


def _parsed(file: str) -> dict[str, list[str]]:
    try:
        return parse_config(_text(file))
    except (ValueError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise ValueError(f"{os.path.basename(file)} cannot be read: {why}") from error  # noqa: PTH119


def _last(values: Mapping[str, list[str]], name: str) -> str | None:
    return values[name][-1] if name in values else None


def _placed(values: Mapping[str, list[str]]) -> Placed | None:
    """`vendorws.url`, `vendorws.pin` (empty: no ref) and `vendorws.placed` ("COMMIT" or "COMMIT BRANCH")."""
    url, placed = _last(values, "vendorws.url"), _last(values, "vendorws.placed")
    if url is None or placed is None:
        return None
    commit, _, branch = placed.partition(" ")
    return Placed(ref=_last(values, "vendorws.pin") or None, url=url, branch=branch or None, commit=commit)


# Paths as text from here on: this is done for every checkout, and to make a Path takes longer than to read a file.


def is_file(path: str) -> bool:
    """Whether there is a file, or a link to one."""
    return stat.S_ISREG(_mode(path))


def _mode(path: str, look: Callable[[str], os.stat_result] = os.stat) -> int:
    """What is there, behind links if `look` is os.stat; 0 is nothing, or a link that leads to itself."""
    try:
        return look(path).st_mode
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return 0
        raise


def _lines(file: str) -> list[str]:
    """Lines as git has them: a message may well hold what Python takes for the end of one."""
    text = _text(file)
    return text.removesuffix("\n").split("\n") if text else []


def _text(file: str) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            chunks = [os.read(descriptor, _CHUNK)]
            while len(chunks[-1]) == _CHUNK:
                chunks.append(os.read(descriptor, _CHUNK))
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):  # `foo` is a folder where `foo/bar` is a ref
        return ""
    return b"".join(chunks).decode("utf-8", "replace")


_CHUNK = 1 << 16  # bytes; nearly every file of git's is shorter


class ListedRefs:
    """Refs as `git for-each-ref` lists them: for a repository that keeps them in a form only git reads (reftable).

    `listing` has a line for each ref: name, object, peeled object (or nothing), symbolic target (or nothing),
    divided by tabs; FORMAT makes git print that.
    """

    FORMAT = "%(refname)%09%(objectname)%09%(*objectname)%09%(symref)"

    def __init__(self, listing: str) -> None:
        rows = [line.split("\t") for line in listing.split("\n") if line]
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

    def below(self, folder: str) -> list[str]:
        """The names of the refs that begin with `folder`, without it."""
        return [name.removeprefix(folder) for name in self._rows if name.startswith(folder)]


class DamagedRef(VendorwsError):
    """A ref that holds no object's name, as after a power cut."""

    def __init__(self, file: Path) -> None:
        away = shell_command("mv", str(file), f"{file}.damaged")
        message = f"a ref is damaged: there is no commit in {file}"
        super().__init__(message, f"Move it away, and fetch it again: {away}")


class Refs:
    """A repository's refs, looked up by full name; each file is read when it is first needed, and once."""

    def __init__(self, directory: GitDirectory) -> None:
        self._directory = directory
        self._packed: dict[str, str] | None = None
        self._loose: dict[str, str] = {}

    def symbolic(self, name: str) -> str | None:
        """The ref that the symbolic ref `name` stands for."""
        first = self._read_loose(name)
        return first.removeprefix("ref:").strip() if first.startswith("ref:") else None

    def commit(self, name: str) -> str | None:
        """What `name` points at, or None. Raises DamagedRef."""
        first = self._read_loose(name)
        held = first.strip() if first and not first.startswith("ref:") else self._read_packed().get(name)
        if held is not None and not _OBJECT.fullmatch(held):
            raise DamagedRef(self._directory.common / name)
        return held

    def peeled(self, name: str) -> str | None:
        """The commit of the tag ref `name`, where it can be told without git. Raises DamagedRef."""
        pointed = self.commit(name)
        if pointed is None:
            return None
        packed = self._read_packed()
        if packed.get(name) == pointed and f"{name}^{{}}" in packed:
            return packed[f"{name}^{{}}"]
        return _peel(self._directory.common / "objects", pointed)

    def below(self, folder: str) -> list[str]:
        """The names of the refs that begin with `folder`, without it; `folder` ends with a slash."""
        top = self._directory.common / folder
        loose = [str(Path(parent, file).relative_to(top)) for parent, _, files in os.walk(top) for file in files]
        packed = [name.removeprefix(folder) for name in self._read_packed() if name.startswith(folder)]
        return sorted({*loose, *(name for name in packed if not name.endswith("^{}"))})

    def _read_loose(self, name: str) -> str:
        """The first line of a ref's own file; nothing where it has none."""
        if name not in self._loose:
            self._loose[name] = _text(f"{self._directory.common}/{name}").partition("\n")[0]
        return self._loose[name]

    def _read_packed(self) -> dict[str, str]:
        if self._packed is None:
            self._packed = dict(_packed_refs(_lines(f"{self._directory.common}/packed-refs")))
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
