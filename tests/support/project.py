"""A project as users have it: a folder somewhere inside a git repository of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.git import git

PLAIN, SPACED = "site", "my site"

in_any_path = pytest.mark.parametrize("project", [PLAIN, pytest.param(SPACED, marks=pytest.mark.slow)], indirect=True)
"""Marks an end-to-end test: among the slow tests it runs once more, with a space in every path."""


@dataclass(frozen=True, slots=True)
class Project:
    """`repository` is the top of the git repository that the project's folder `root` lies in."""

    root: Path
    repository: Path

    @property
    def vendor(self) -> Path:
        return self.root / "vendor"

    def checkout(self, name: str) -> Path:
        """Where the package `name` (canonical) is checked out."""
        return self.vendor / name

    def write(self, path: str, text: str) -> Path:
        """Write a file of the project (UTF-8, line ends as given), with its folders."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
        return file

    def require(self, *lines: str, file: str = "requirements.txt") -> Path:
        """Write the requirements file, one line each."""
        return self.write(file, "".join(f"{line}\n" for line in lines))

    def override(self) -> str:
        """The text of docker-compose.override.yml."""
        return (self.root / "docker-compose.override.yml").read_text("utf-8")


def make_project(folder: Path, name: str) -> Project:
    """A repository with one commit and the project's empty folder `name` in it."""
    repository = folder / ("acme shop" if " " in name else "shop")
    root = repository / name
    root.mkdir(parents=True)
    (repository / "README").write_text("The shop.\n", "utf-8")
    git(repository, "init", "--quiet", "--template=")
    git(repository, "add", "README")
    git(repository, "commit", "--quiet", "-m", "Start the shop")
    return Project(root, repository)
