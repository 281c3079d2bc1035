"""The corpus of single requirements lines, and what several versions of pip made of each.

`tests/data/requirement_lines.txt` has the lines in sections, `tests/data/pip_verdicts.json` the verdicts. A slow
test asks the pips again; so does this program, which writes the file anew:

    python -m tests.support.pip_verdicts FOLDER-WITH-PIP-WHEELS
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data"
LINES = DATA / "requirement_lines.txt"
VERDICTS = DATA / "pip_verdicts.json"
VERSIONS = ("20.2.4", "20.3.4", "21.0.1", "21.3.1", "24.0", "24.3.1", "25.0", "25.2", "25.3", "26.0", "26.3")
VARIABLES = {"A_Z0": "zed", "TOKEN": "t0k3n-of-acme"}
"""What is set while pip is asked."""

Verdict = tuple[Any, ...] | None
"""Of one pip on one line: the repositories (see pip_oracle.Asked) or None, where it refuses the line."""


@dataclass(frozen=True, slots=True)
class Sections:
    """The lines of the corpus by who decides on them."""

    pip_decides: tuple[str, ...]
    python_decides: tuple[str, ...]
    refused: tuple[str, ...]
    disk_decides: tuple[str, ...]


def read_lines() -> Sections:
    """The corpus. A row that begins with `##` is a heading."""
    sections: list[list[str]] = []
    for row in LINES.read_text("utf-8").split("\n"):
        if row.startswith("## "):
            sections.append([])
        elif row:
            sections[-1].append(row)
    return Sections(*map(tuple, sections))


def read_verdicts() -> dict[str, dict[str, Verdict]]:
    """What each version said to each line."""
    return {line: dict(_unfolded(runs)) for line, runs in json.loads(VERDICTS.read_text("utf-8")).items()}


def _folded(by_version: dict[str, Verdict]) -> list[tuple[str, Verdict]]:
    """Only the versions at which the verdict changes."""
    said = list(by_version.items())
    return [said[0], *(now for before, now in itertools.pairwise(said) if now[1] != before[1])]


def _unfolded(runs: list[Any]) -> Iterator[tuple[str, Verdict]]:
    begins, said = dict(runs), None
    for version in VERSIONS:
        said = begins.get(version, said)
        yield version, _verdict(said)


def newest_that_takes(by_version: dict[str, Verdict]) -> Verdict:
    """What the newest pip that takes the line makes of it; None where none does."""
    return next((said for _, said in reversed(by_version.items()) if said is not None), None)


def ask_all(wheels: Path) -> dict[str, dict[str, Verdict]]:
    """Ask every pip about every line where pip decides."""
    lines = read_lines().pip_decides
    answers = {version: list(_ask(_wheel(wheels, version), lines)) for version in VERSIONS}
    return {line: {version: answers[version][at] for version in VERSIONS} for at, line in enumerate(lines)}


def _wheel(wheels: Path, version: str) -> Path:
    return next(wheels.glob(f"pip-{version}-py*.whl"))


def _ask(wheel: Path, lines: tuple[str, ...]) -> Iterator[Verdict]:
    ran = subprocess.run(
        [sys.executable, "-m", "tests.support.pip_oracle", wheel.resolve()],
        cwd=DATA.parent.parent,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "LANG": "C.UTF-8", **VARIABLES},
        input="".join(f"{json.dumps(line)}\n" for line in lines),
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    for answer in ran.stdout.splitlines():
        repositories, refusal = json.loads(answer)
        yield None if refusal else _verdict(repositories)


def _verdict(said: list[Any] | None) -> Verdict:
    if said is None:
        return None
    return tuple((*repository[:-1], tuple(repository[-1])) for repository in said)


def main() -> None:
    rows = (f"{json.dumps(line)}: {json.dumps(_folded(said))}" for line, said in ask_all(Path(sys.argv[1])).items())
    VERDICTS.write_text("{\n" + ",\n".join(rows) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
