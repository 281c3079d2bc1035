"""The engine that the other tests of this folder stand on."""

from __future__ import annotations

from pathlib import Path

from tests.support.docker import Docker


def test_it_runs_containers(engine: Docker) -> None:
    assert engine.ok("run", "--rm", "python:3.11", "python3", "-c", "print(6 * 7)") == "42\n"


def test_compose_and_buildkit_are_there(engine: Docker, tmp_path: Path) -> None:
    assert engine.ok("compose", "version", "--short").lstrip("v").startswith(("2.", "5."))
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nRUN --mount=type=ssh,required=false true\n")
    engine.ok("build", "--quiet", "--network=host", tmp_path)
