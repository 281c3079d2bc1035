"""Private repositories on `github.com`, as bare repositories on this disk.

Git itself maps the real URLs to them (`url.<base>.insteadOf` in the sandbox's git configuration), so that the code
under test sees and stores `ssh://git@github.com/acme/billing.git` and nothing else. History is written by
`git fast-import`: one process for a commit, no working copy, the same ids in every run.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.git import git
from tests.support.sandbox import Sandbox

HOST = "github.com"
_SPELLINGS = (f"ssh://git@{HOST}/", f"git@{HOST}:", f"https://{HOST}/", f"http://{HOST}/", f"git://{HOST}/")
_FIRST_DATE = 1_700_000_000
_PYPROJECT = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"

[tool.setuptools]
packages = ["{module}"]
"""


@dataclass(frozen=True, slots=True)
class Remote:
    """One bare repository. Whatever a colleague pushes to it is done through the methods here."""

    name: str
    """`owner/repository`, without `.git`."""
    bare: Path
    clock: itertools.count[int] = field(repr=False, compare=False)

    @property
    def url(self) -> str:
        """The URL that a requirements line names."""
        return f"ssh://git@{HOST}/{self.name}.git"

    def line(self, ref: str | None = None, *, egg: str | None = None) -> str:
        """The requirements line, pinned at `ref` if one is given."""
        at = f"@{ref}" if ref else ""
        return f"-e git+{self.url}{at}#egg={egg or self.name.rpartition('/')[2]}"

    def commit(
        self,
        files: Mapping[str, str | bytes | None] | None = None,
        *,
        branch: str = "main",
        message: str = "Work upstream",
        start: str | None = None,
    ) -> str:
        """Push one commit to `branch` and return its id (40 hex digits).

        `files` maps paths to their new content, None deletes; without it a line is added to CHANGES. `start` is the
        parent (a revision) where it is not the branch itself; a branch that moves sideways so is a force push.
        """
        moment = next(self.clock)
        files = {"CHANGES": f"change {moment - _FIRST_DATE}\n"} if files is None else files
        parent = self.head(start) if start else self._tip(f"refs/heads/{branch}")
        stream = _commit(f"refs/heads/{branch}", files, message, moment, parent)
        return git(self.bare, "fast-import", "--quiet", "--force", stdin=stream + b"\nget-mark :1\n")

    def has(self, ref: str) -> bool:
        """Whether the full ref name exists."""
        return self._tip(ref) != ""

    def _tip(self, ref: str) -> str:
        """What the full ref name holds, or nothing."""
        return git(self.bare, "for-each-ref", "--format=%(objectname)", ref)

    def head(self, ref: str = "main") -> str:
        """The commit that a branch, tag or revision names."""
        return git(self.bare, "rev-parse", "--verify", f"{ref}^{{commit}}")

    def branch(self, name: str, *, at: str = "main") -> str:
        """Create or move a branch and return its commit."""
        git(self.bare, "update-ref", f"refs/heads/{name}", self.head(at))
        return self.head(f"refs/heads/{name}")

    def tag(self, name: str, *, at: str = "main", annotated: bool = False) -> str:
        """Create or move a tag and return the commit it names."""
        git(self.bare, "tag", "--force", *(("-a", "-m", name) if annotated else ()), name, self.head(at))
        return self.head(f"refs/tags/{name}")

    def delete_branch(self, name: str) -> None:
        """Delete a branch upstream."""
        git(self.bare, "update-ref", "-d", f"refs/heads/{name}")

    def rewrite(self, branch: str = "main", *, drop: int = 1) -> str:
        """Force-push: replace the last `drop` commits of `branch` by another one; return the new tip."""
        return self.commit(branch=branch, message="Rewritten upstream", start=self.head(f"{branch}~{drop}"))


class Remotes:
    """The repositories of one test, below `folder`/<host>/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._clock = itertools.count(_FIRST_DATE, 60)

    def create(self, name: str = "acme/billing", *, empty: bool = False) -> Remote:
        """A new private repository: an installable package with the branches main and develop and the tag v1.0.

        main has three commits, v1.0 names the second one, develop has one of its own after it.
        """
        bare = self.folder / HOST / f"{name}.git"
        bare.mkdir(parents=True)
        git(bare, "init", "--quiet", "--bare", "--initial-branch=main", "--template=")
        # As the large hosts have it: partial clones and single commits may be asked for.
        with (bare / "config").open("a", encoding="utf-8") as config:
            config.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")
        remote = Remote(name, bare, self._clock)
        if not empty:
            self._fill(remote)
        return remote

    def _fill(self, remote: Remote) -> None:
        package = remote.name.rpartition("/")[2]
        module = package.lower().replace("-", "_").replace(".", "_")
        start = {
            "pyproject.toml": _PYPROJECT.format(name=package, module=module),
            "README.md": f"# {package}\n",
            f"{module}/__init__.py": 'VERSION = "1.0"\n',
        }
        history = (
            ("refs/heads/main", start, f"Start {package}", ""),
            ("refs/heads/main", {"CHANGES": "1.0\n"}, "Release 1.0", ":1"),
            ("refs/heads/main", {"CHANGES": "1.0\nmain\n"}, "Work on main", ":2"),
            ("refs/heads/develop", {"CHANGES": "1.0\ndevelop\n"}, "Work on develop", ":2"),
        )
        stream = b"".join(
            _commit(ref, files, message, next(self._clock), parent, mark)
            for mark, (ref, files, message, parent) in enumerate(history, start=1)
        )
        git(remote.bare, "fast-import", "--quiet", stdin=stream + b"\nreset refs/tags/v1.0\nfrom :2\n")


def map_host(sandbox: Sandbox, folder: Path) -> None:
    """Make git on this machine find `github.com`, however it is spelt, in `folder`."""
    spellings = "".join(f'    insteadOf = "{spelling}"\n' for spelling in _SPELLINGS)
    sandbox.add_git_config(f'[url "file://{folder / HOST}/"]\n{spellings}')


def _commit(
    ref: str, files: Mapping[str, str | bytes | None], message: str, moment: int, parent: str, mark: int = 1
) -> bytes:
    """A commit in the language of git fast-import; `parent` is an id, a mark or empty."""
    lines = [
        f"commit {ref}\nmark :{mark}\ncommitter Upstream <upstream@acme.example> {moment} +0000\n".encode(),
        _data(message.encode()),
        f"from {parent}\n".encode() if parent else b"",
    ]
    for path, content in files.items():
        if content is None:
            lines.append(f"D {path}\n".encode())
        else:
            lines.append(f"M 100644 inline {path}\n".encode())
            lines.append(_data(content.encode() if isinstance(content, str) else content))
    return b"".join(lines)


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)
