"""What a .dockerignore keeps out of the build. Reference: https://docs.docker.com/build/concepts/context/#dockerignore-files"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path


def find_dockerignore(context: Path, dockerfile: Path | None) -> Path | None:
    """The file that BuildKit reads: one beside the Dockerfile that is named after it, else the context's own."""
    named = [dockerfile.with_name(f"{dockerfile.name}.dockerignore")] if dockerfile is not None else []
    return next((file for file in [*named, context / ".dockerignore"] if file.is_file()), None)


def hiding_line(text: str, path: str) -> int | None:
    """The line (from 1) that hides `path` (relative to the context), or None when it reaches the build.

    The last pattern that fits decides; one that fits a folder fits all that is in it.
    """
    hidden = None
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        pattern = "" if line.startswith("#") else line.strip()
        shown = pattern.startswith("!")
        pattern = posixpath.normpath(pattern.removeprefix("!").strip()).strip("/") if pattern.strip("!") else ""
        if pattern and any(re.fullmatch(_expression(pattern), candidate) for candidate in above):
            hidden = None if shown else number
    return hidden


def _expression(pattern: str) -> str:
    """The regular expression of a pattern: Go's filepath.Match, and `**` for any number of folders."""
    found, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        if pattern.startswith("**/", position):
            found, position = found + "(?:.*/)?", position + 3
        elif pattern.startswith("**", position):
            found, position = found + ".*", position + 2
        elif char == "[" and "]" in pattern[position + 1 :]:
            end = pattern.index("]", position + 1)
            inner = pattern[position + 1 : end].replace("\\", "\\\\")
            found, position = found + f"[{inner}]", end + 1
        elif char == "\\" and position + 1 < len(pattern):
            found, position = found + re.escape(pattern[position + 1]), position + 2
        else:
            found += {"*": "[^/]*", "?": "[^/]"}.get(char, re.escape(char))
            position += 1
    return found
