"""Plain git, as a witness from outside: nothing here imports the code under test."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class GitFailed(AssertionError):
    """git said no in a test's own set-up or in its check."""


def git(cwd: Path, *args: str | Path, stdin: str | bytes | None = None, env: dict[str, str] | None = None) -> str:
    """Run `git` in `cwd` and return its stdout without the last line end. Raises GitFailed with git's words."""
    return git_bytes(cwd, *args, stdin=stdin, env=env).decode("utf-8", "surrogateescape").rstrip("\n")


def git_bytes(
    cwd: Path, *args: str | Path, stdin: str | bytes | None = None, env: dict[str, str] | None = None
) -> bytes:
    """As `git`, but every byte of stdout as it is."""
    ran = subprocess.run(
        ["git", *map(str, args)],
        cwd=cwd,
        env=os.environ | (env or {}),
        input=stdin.encode() if isinstance(stdin, str) else stdin if stdin is not None else b"",
        capture_output=True,
        check=False,
    )
    if ran.returncode != 0:
        words = (ran.stderr + ran.stdout).decode("utf-8", "replace")
        raise GitFailed(f"git {' '.join(map(str, args))} in {cwd} ended with {ran.returncode}:\n{words}")
    return ran.stdout


def git_says_yes(cwd: Path, *args: str | Path) -> bool:
    """Whether `git …` ends with 0; for questions such as `merge-base --is-ancestor`."""
    return subprocess.run(["git", *map(str, args)], cwd=cwd, capture_output=True, check=False).returncode == 0
