"""What `vendorws list` shows: every line with its verdict, as rows for people or as one JSON document. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vendorws.documents import SCHEMA_VERSION
from vendorws.errors import visible
from vendorws.model import Pin, Problem, Requirement, Requirements
from vendorws.redaction import redact
from vendorws.requirement_files.pins import NOT_EDITABLE
from vendorws.values import dataclass

WIDE = 160
"""The width of a screen, in characters, where there is none."""


@dataclass(frozen=True, slots=True)
class ListRow:
    """One line: where it stands, what becomes of it, and the line itself. `style` is for rich."""

    where: str
    verdict: str
    text: str
    style: str


def rows(found: Requirements, width: int = WIDE) -> list[ListRow]:
    """One row for each line, its cells padded so that they line up.

    Verdicts line up within three tenths of the screen's `width`; a longer one pushes only its own line to the right.
    """
    where = [_where(requirement) for requirement in found.requirements]
    verdicts = [_verdict(requirement) for requirement in found.requirements]
    first, second = _width(where), min(_width(verdicts), width * 3 // 10)
    return [
        ListRow(place.ljust(first), verdict.ljust(second), visible(requirement.text), _style(requirement))
        for place, verdict, requirement in zip(where, verdicts, found.requirements, strict=True)
    ]


def shortened(text: str, room: int) -> str:
    """`text` with its middle left out, so that it fits: a URL says most at its end."""
    if len(text) <= room:
        return text
    tail = max(room - 1, 0) * 2 // 3
    return f"{text[: max(room - 1 - tail, 0)]}…{text[len(text) - tail :]}"


def summary(found: Requirements) -> str:
    """The count below the rows."""
    lines = len(found.requirements)
    repositories = len(found.pins)
    return (
        f"{lines} line{'' if lines == 1 else 's'}, "
        f"{repositories} {'repository' if repositories == 1 else 'repositories'} to vendor"
    )


def notes(found: Requirements) -> list[str]:
    """What is worth knowing of lines that nothing is wrong with."""
    copied = sum(requirement.reason == NOT_EDITABLE for requirement in found.requirements)
    if not copied:
        return []
    subject = "1 git package is" if copied == 1 else f"{copied} git packages are"
    return [f"{subject} not editable; a line `-e URL#egg=NAME` brings one to vendor/, to work on."]


def _where(requirement: Requirement) -> str:
    return visible(f"{requirement.file}:{requirement.line}" if requirement.line else requirement.file)


def _verdict(requirement: Requirement) -> str:
    if not requirement.pin:
        return requirement.reason
    return f"{requirement.pin.path} (conflict)" if requirement.reason == "conflict" else str(requirement.pin.path)


def _style(requirement: Requirement) -> str:
    if requirement.reason in {"error", "conflict"}:
        return "red"
    return "green" if requirement.pin else "dim"


def _width(cells: Sequence[str]) -> int:
    return max(map(len, cells), default=0)


# ---- JSON -------------------------------------------------------------------------------------------------------


def document(found: Requirements) -> dict[str, Any]:
    """The JSON document; null stands for what is not known, or does not apply."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": "list",
        "requirements": [_requirement_object(requirement) for requirement in found.requirements],
        "errors": [_problem_object(problem) for problem in found.errors],
        "warnings": [_problem_object(problem) for problem in found.warnings],
    }


def _requirement_object(requirement: Requirement) -> dict[str, Any]:
    return {
        "file": requirement.file,
        "line": requirement.line or None,
        "text": requirement.text,
        "vendored": requirement.pin is not None,
        "name": requirement.name,
        **_pin_object(requirement.pin),
        "reason": requirement.reason,
    }


def _pin_object(pin: Pin | None) -> dict[str, Any]:
    if pin is None:
        return dict.fromkeys(("path", "url", "rev", "subdirectory", "extras", "marker"))
    return {
        "path": str(pin.path),
        "url": redact(pin.url),
        "rev": pin.ref,
        "subdirectory": pin.subdirectory,
        "extras": list(pin.extras),
        "marker": pin.marker,
    }


def _problem_object(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line or None,
        "text": problem.text,
        "message": problem.message,
        "hint": problem.hint or None,
    }
