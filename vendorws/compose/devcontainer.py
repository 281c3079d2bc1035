"""A Dev Container's `dockerComposeFile`: a list of Compose files of its own, which leaves every other file out.

Format: https://containers.dev/implementors/json_reference/ (JSON with comments and trailing commas).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class DevContainer:
    """One devcontainer.json that uses Compose; `names` are relative to its folder."""

    file: Path
    names: tuple[str, ...]


def find_devcontainers(root: Path) -> tuple[DevContainer, ...]:
    """The Dev Containers of a project that use Compose; a file that is no JSON is left to its own tool."""
    return tuple(found for file in _candidates(root) if (found := _read(file)) is not None)


def _candidates(root: Path) -> Iterator[Path]:
    yield root / ".devcontainer" / "devcontainer.json"
    yield root / ".devcontainer.json"
    yield from sorted(root.glob(".devcontainer/*/devcontainer.json"))


def _read(file: Path) -> DevContainer | None:
    try:
        tree = json.loads(without_comments(file.read_text("utf-8-sig")))
    except (OSError, ValueError):
        return None
    names = tree.get("dockerComposeFile") if isinstance(tree, dict) else None
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        return None
    return DevContainer(file, tuple(names))


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/|,(?=(?:\s|//[^\n]*|/\*.*?\*/)*[}\]])', re.DOTALL)


def without_comments(text: str) -> str:
    """JSON with comments and trailing commas as plain JSON."""
    return _TOKEN.sub(lambda match: match[0] if match[0].startswith('"') else " ", text)
