"""The frozen values that flow through vendorws, from a requirements line to a line on the screen.

    Requirements -> Pin -> Finding -> Step -> Outcome

Nothing here touches a file, a process or the clock, and nothing here is changed after it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

VENDOR = "vendor"
"""The folder below the project root that pip is given as `--src`, here and in the image."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One vendored package: what a requirements line asks for.

    `name` is the canonical distribution name (PEP 503) and also the folder that pip's `--src vendor/` uses.
    `url` is spelt exactly as pip hands it to git, without the `git+` prefix. `ref` is the text after `@`, or None
    for the remote's default branch. `source` is the requirements file as shown to people, `line` counts from 1.
    """

    name: str
    url: str
    ref: str | None
    subdirectory: str | None
    extras: tuple[str, ...]
    marker: str | None
    source: str
    line: int

    @property
    def path(self) -> PurePosixPath:
        """Where the checkout belongs, relative to the project root."""
        return PurePosixPath(VENDOR, self.name)


@dataclass(frozen=True, slots=True)
class Requirement:
    """One logical line that names something to install, and the verdict on it.

    Exactly the lines with a `pin` are vendored; two lines may carry equal pins (pip makes one clone of them).
    `name` is the canonical name where one is known, `reason` says in a few words why the line is (not) vendored.
    """

    file: str
    line: int
    text: str
    name: str | None
    pin: Pin | None
    reason: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A line that is wrong, or that a pip of today reads otherwise: what, where, and what to write instead."""

    file: str
    line: int
    text: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Requirements:
    """Everything the requirements files say, in reading order. With `errors` nothing may be cloned."""

    requirements: tuple[Requirement, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def pins(self) -> tuple[Pin, ...]:
        """The packages to vendor, one for each folder below `vendor/`, in the order of their first line."""
        unique: dict[str, Pin] = {}
        for requirement in self.requirements:
            if requirement.pin is not None:
                unique.setdefault(requirement.pin.name, requirement.pin)
        return tuple(unique.values())
