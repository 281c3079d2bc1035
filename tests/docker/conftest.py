"""Tests with a real Docker engine. Without one they skip and say so; where CI=true they fail."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.docker import Docker, need_engine, reach_the_daemon
from tests.support.sandbox import Sandbox

_OUTSIDE: Mapping[str, str] = dict(os.environ)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder carries the marker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.docker)


@pytest.fixture
def engine(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """The docker client of a running engine: `engine.ok("build", "--network=host", "-t", tag, folder)`."""
    reach_the_daemon(sandbox, monkeypatch, _OUTSIDE)
    return need_engine(_OUTSIDE)
