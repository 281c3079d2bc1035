"""Expected failures: each carries its own sentence, its own next action and its exit code.

Anything a user can cause (a typo, a missing file, an unreachable host) is a `VendorwsError`; `app.run` is the
one place that turns it into text on stderr and an exit code. Any other exception is a defect.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from vendorws.exit_code import ExitCode as ExitCode

if TYPE_CHECKING:
    from vendorws.model import Problem


class VendorwsError(Exception):
    """An expected failure: `message` is one sentence, `hint` (maybe empty) the next thing to type or write."""

    exit_code: ClassVar[ExitCode] = ExitCode.ATTENTION

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(VendorwsError):
    """The command line or `[tool.vendorws]` is wrong."""

    exit_code = ExitCode.USAGE


class RequirementsError(VendorwsError):
    """Lines of the requirements files are wrong; `problems` has all of them, `message` says all of them."""

    exit_code = ExitCode.USAGE

    def __init__(self, problems: Sequence[Problem]) -> None:
        count = f"{len(problems)} lines of the requirements are wrong:\n" if len(problems) > 1 else ""
        super().__init__(count + "\n".join(map(problem_text, problems)))
        self.problems = tuple(problems)


_LONGEST = 200  # characters of a line that are worth showing


def problem_text(problem: Problem) -> str:
    """Where, what is wrong with which text, and what to write: two or three lines, each below the other.

    What is wrong with a whole file names it.
    """
    where = f"{problem.file}:{problem.line}: " if problem.line else ""
    text = f"{problem.text[:_LONGEST]}…" if len(problem.text) > _LONGEST else problem.text
    return "\n    ".join(visible(row) for row in (f"{where}{problem.message}", text, problem.hint) if row)


def visible(text: str) -> str:
    """`text` with what a terminal would act upon, or not show, written as an escape."""
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


class EnvironmentProblem(VendorwsError):
    """This machine lacks something that the command needs."""

    exit_code = ExitCode.ENVIRONMENT


class OverrideRefused(VendorwsError):
    """The override file cannot be written without touching what the user made; nothing was written."""
